/* What the files of acts share. */
#ifndef ORB_TUI_ACT_INNER_H
#define ORB_TUI_ACT_INNER_H

#include "view.h"

struct tui_act_row {
    const char *verb, *done;    /* "Cancel 3 tasks?", "cancelled 3 tasks" */
    const char *noun;
    int must_type;              /* the target's name is to be typed, whatever the number */
    int is_of_all;              /* one target stands for all in it: a bulk, whatever the number of targets */
};
extern const struct tui_act_row tui_act_rows[TUI_ACT_KINDS];

/* act.c */
void tui_asking_done(struct tui_asking *asking);
void tui_draft_drop(struct tui_acts *acts);
/* act_ask.c */
struct tui_asking *tui_act_begin(struct tui_model *m, enum tui_act_kind kind, size_t room);
size_t tui_act_targets(struct tui_model *m, enum tui_subject subject, const char *out[TUI_ACTS_MAX]);
struct tui_act *tui_act_add(struct tui_asking *asking, const char *target, const char *seen);
void tui_act_add_task(struct tui_model *m, struct tui_asking *asking, const char *id);
void tui_act_ask(struct tui_model *m);
int tui_act_room(const struct tui_model *m, const struct tui_asking *asking); /* for its target's id, in columns */
enum tui_screen tui_act_screen(enum tui_act_kind kind); /* whose list has what it is about */
/* act_edit.c */
void tui_act_edit(struct tui_model *m, enum tui_act_kind kind);

#endif
