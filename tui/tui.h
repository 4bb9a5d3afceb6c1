/* What the commands of orbiter use of the console. */
#ifndef ORB_TUI_TUI_H
#define ORB_TUI_TUI_H

#include "theme.h"
#include <orbiter/client.h>

enum tui_output { TUI_OUT_TEXT, TUI_OUT_ANSI, TUI_OUT_JSON };

/* How the console is started. Strings are borrowed until it returns; NULL or 0 = the default. */
struct tui_options {
    struct orb_loop *loop;
    const struct orb_redis_options *redis; /* NULL with replay */
    const char *title;          /* which Redis, for the header */
    const char *user;           /* who acts, for the header */
    const char *screen;         /* overview, queues, workers, tasks, events, task, help, theme */
    const char *task;           /* id of the task that is opened */
    const char *filter;         /* of the list */
    const char *theme, *keys;   /* name or path; path of a keys file */
    const char *model;          /* of new tasks, as the form has it at first */
    const char *hint;           /* something to try, in the status line until a key is pressed */
    int is_readonly, is_ascii, no_mouse;
    enum tui_depth depth;       /* of headless frames */
    /* headless: one frame on out */
    int is_once;
    int rows, cols;
    enum tui_output output;
    double timeout;             /* seconds to wait for what the frame shows */
    /* lines for screen readers in place of a screen */
    int is_plain;
    const char *record, *replay; /* files */
    double speed;               /* of a replay; 0 = as fast as it goes */
    int test_fd;                /* >= 0: one line there whenever all that has come is painted */
    /* The user's editor: 0 and what it left, new memory; or an error, which is shown. */
    int (*edit)(void *arg, const char *text, size_t len, char **out, size_t *out_len, struct orb_error *err);
    void *edit_arg;
};

/* Runs until the user leaves, or the frame is out. 0 or an error with what to do. */
int tui_top(const struct tui_options *options, struct orb_error *err) ORB_MUST_CHECK;
/* Names of screens for help and errors; ends with NULL. */
const char *const *tui_screen_names(void);

/* Every role on every layer, as lines of text with escape sequences (plain: without); new memory, the caller's. */
char *tui_theme_sample(const struct tui_theme *theme, enum tui_depth depth, int is_plain);

#endif
