/* The form of a new task, as the user's editor left it: lines "model: ...", "queue: ..." and "name: ...", an empty line, the prompt. */
#ifndef ORB_TUI_FORM_H
#define ORB_TUI_FORM_H

#include "base.h"
#include <orbiter/fleet.h>

struct tui_form {
    char model[256], queue[129], name[65];
    const char *prompt;         /* in the text */
    size_t prompt_len;
};

/* What is opened at first, for this model (NULL = one of a paid provider, as an example); new memory. */
char *tui_form_text(const char *model);
/* 0, or ORB_E_INVALID with the line, the reason and what would be right. Pointers go into text. */
int tui_form_read(const char *text, size_t len, struct tui_form *out, struct orb_error *err) ORB_MUST_CHECK;

#endif
