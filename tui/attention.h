/* The list "needs attention" of the overview: computed from what the model knows. */
#ifndef ORB_TUI_ATTENTION_H
#define ORB_TUI_ATTENTION_H

#include "cells.h"
#include "base.h"
#include <orbiter/client.h>

#define TUI_ATTENTION_MAX 50
#define TUI_TARGET_MAX 300

enum tui_subject { TUI_OF_WORKER, TUI_OF_QUEUE, TUI_OF_TASKS /* target: a filter */, TUI_OF_TASK, TUI_OF_LINK };

struct tui_alarm {
    enum tui_subject subject;
    int weight;                 /* the heaviest first */
    enum tui_role role;
    char glyph[8];
    char name[ORB_ID_MAX + 1];  /* what is shown of it */
    char key[TUI_TARGET_MAX];   /* that no other has: a cursor is bound to it */
    char target[TUI_TARGET_MAX]; /* id, name, or filter that opens it */
    char text[160];
};

/* What a running task said last: of the busiest ones, and, in turn, of all others, which is how a silent one and a busier one are found. */
#define TUI_TAILS 8
#define TUI_PROBES 8
struct tui_tail {
    char id[ORB_ID_MAX + 1];
    char text[400];
    double tok_s, at;           /* at: of its last event, 0 = none */
    double told_at;             /* 0 = not yet */
};
#define TUI_SILENT_MAX 20

struct tui_attention {
    struct tui_alarm alarms[TUI_ATTENTION_MAX];
    size_t count;
    size_t hidden;              /* more than fit */
    double at;                  /* when it was computed */
    int known;                  /* how much of the fleet was known then */
    struct tui_tail tails[TUI_TAILS + TUI_PROBES];
    uint32_t probe_row;         /* of the tasks: where the next probes are looked for */
    struct tui_silent { char id[ORB_ID_MAX + 1]; double since, told_at; } silent[TUI_SILENT_MAX]; /* they run, and say nothing */
};

struct tui_model;
void tui_attention_tail(struct tui_model *m, const struct tui_msg *msg); /* TAILS */
/* At most once a second; costs the rows that run or have failed lately, not all. */
void tui_attention_update(struct tui_model *m);

#endif
