/* What changes something in Redis. Each act is bound to an id that was painted and to the state that was seen with it, is asked
 * for first (no is the default), waits for 5 s when it is one of many or hits all of a queue so that it can be taken back, and is answered. */
#ifndef ORB_TUI_ACT_H
#define ORB_TUI_ACT_H

#include "base.h"
#include "cells.h"
#include "msg.h"

#define TUI_ACTS_MAX 10000      /* of one question */
#define TUI_UNDO_S 5
#define TUI_BULK 2              /* so many are a bulk: they wait for an undo */
#define TUI_TYPE_NUMBER_FROM 21 /* so many have to be typed as a number */

enum tui_act_kind { TUI_CANCEL, TUI_RESUBMIT, TUI_RESUBMIT_EDITED, TUI_SUBMIT, TUI_PAUSE_QUEUE, TUI_RESUME_QUEUE, TUI_DRAIN, TUI_REPLAY_TASK, TUI_REPLAY_QUEUE,
                    TUI_PURGE, TUI_ACT_KINDS };

struct tui_act {
    int serial;                 /* of the question it belongs to */
    enum tui_act_kind kind;
    char target[ORB_ID_MAX + 1];
    char seen[24];              /* the state that was painted: it is done only if that still holds */
    int seen_attempt;
    double seen_at;             /* of a worker: when it was started; of a queue: when it was paused */
    const char *text;           /* an edited input, a submit's form; borrowed until the act is answered; NULL = none */
    size_t text_len;
};

/* One question and what became of it. */
struct tui_asking {
    int serial;
    enum tui_act_kind kind;
    struct tui_act *acts;       /* frozen when it was asked */
    size_t count, sent, answered, done, changed, failed, unknown;
    int64_t hits;               /* of what is done to all in a queue: tasks or letters that are there, as far as is known */
    double send_at;             /* when it is confirmed: not before */
    char must_type[ORB_ID_MAX + 1]; /* a number or a name that has to be typed, "" = y is enough */
    char question[200];
    char first_error[300];
    char last_word[ORB_ID_MAX + 1]; /* what the last answer said: a new id, a state */
    char *text;                 /* edited */
    size_t text_len;
};

struct tui_acts {
    struct tui_asking asking;      /* the question that is open, serial 0 = none */
    struct tui_asking running[4];  /* confirmed ones, until all is answered; serial 0 = free */
    int last_serial;
    struct tui_asking editing;     /* an edit that is under way: what it is for */
    struct tui_draft {             /* what was edited last and has not come to a task: it is opened again */
        char id[ORB_ID_MAX + 1];   /* of the task that it is about, "" = a new one */
        char *text;                /* NULL = none */
        size_t len;
        int serial;                /* of the act with it */
    } draft;
};

struct tui_model;

/* An action of keys.h that changes something: asks, or says why not. */
void tui_act_start(struct tui_model *m, int action);
/* The answer to the question: text as typed. */
void tui_act_answer(struct tui_model *m, const char *text);
void tui_act_leave(struct tui_model *m);
void tui_act_targets_seen(struct tui_model *m); /* the list of them was closed: the question comes again */
/* u: takes back what has not been sent yet. */
void tui_act_undo(struct tui_model *m);
void tui_act_done(struct tui_model *m, const struct tui_msg *msg);  /* ACTED */
void tui_act_edited(struct tui_model *m, const struct tui_msg *msg); /* EDITED */
void tui_acts_free(struct tui_acts *acts);
/* How many are confirmed and have not been answered. */
size_t tui_acts_open(const struct tui_acts *acts);
/* The next act that may be sent now, or NULL. The shell takes one at a time. */
const struct tui_act *tui_acts_take(struct tui_acts *acts, double now);
/* Is an undo possible, and for how many seconds? 0 = no. */
double tui_acts_undo_left(const struct tui_acts *acts, double now);

#endif
