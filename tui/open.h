/* The task that is open: its detail, and its stream as lines: replayed from the first event, then followed, without a gap or a
 * double; the footer proves it. */
#ifndef ORB_TUI_OPEN_H
#define ORB_TUI_OPEN_H

#include "fleet.h"
#include "pane.h"

enum tui_tab { TUI_TAB_STREAM, TUI_TAB_INPUT, TUI_TAB_RESULT, TUI_TAB_TIMELINE, TUI_TAB_EVENTS, TUI_TAB_JSON, TUI_TABS };
extern const char *const tui_tab_names[TUI_TABS];

#define TUI_STEPS_MAX 20000

struct tui_step {
    int64_t number, attempt;
    char agent[65], tool[65], call[65]; /* tool: "" = a step of the agent */
    int is_open, is_ok;
    double from, to;
};

struct tui_open {
    char id[ORB_ID_MAX + 1];
    unsigned serial;            /* another one each time that a task is opened: what was known of it is gone */
    int is_opened_paused;       /* while the screen was frozen: it is shown none the less */
    double opened_at;
    /* the detail, as its hash and payload were told last */
    int has_detail, is_stale;   /* stale: it is to be asked for again */
    char missing[200];          /* why there is none, or "" */
    char asked[1000];           /* the beginning of its input */
    enum orb_status state;
    char agent[65], queue[129], worker[129], resubmit_of[129];
    int attempt_told, retries, recoveries, priority;
    double created_at, started_at, completed_at, due_at, deadline;
    double tokens_in, tokens_out;
    double cost;
    /* the stream */
    struct tui_pane panes[TUI_TABS];
    enum tui_tab tab;
    char speaker[65];           /* agent of the last text */
    char position[48];          /* of the last event, "" = none: its stream goes on behind it */
    int64_t attempt, seq;       /* of the last event */
    double head_at;             /* of the event that was its last one soon after it was opened, as TAILS tells; below 0: not known yet */
    int is_joined;              /* all up to there has come: what comes now is live */
    uint64_t replayed, live, gaps;
    int is_over;                /* the stream has ended */
    char end[200];              /* why, "" = the task has ended */
    double first_token_at, last_event_at, lag;
    char footer[240];           /* that stands under the stream, and since when */
    double footer_at;
    int footer_shape;           /* what else it was made for: see draw_footer */
    struct tui_history said;    /* tokens, about: four bytes each */
    struct tui_step *steps;
    size_t step_count, step_cap;
    uint64_t step_changes;
    struct tui_timeline { uint64_t changes; int cols; double second; } timeline; /* what its pane was made of */
};

struct tui_model;
void tui_open_init(struct tui_open *open);
void tui_open_done(struct tui_open *open);
/* Another task; the same one stays as it is. */
void tui_open_task(struct tui_model *m, const char *id);
void tui_open_detail(struct tui_model *m, const struct tui_msg *msg);
void tui_open_events(struct tui_model *m, const struct tui_msg *msg);
void tui_open_end(struct tui_model *m, const struct tui_msg *msg);
void tui_open_tail(struct tui_model *m, const struct tui_msg *msg); /* TAILS */
/* The stream and its footer. */
void tui_open_draw_stream(struct tui_model *m, struct tui_grid *grid, struct tui_rect rect);
/* The steps as bars of this width (timeline.c). */
void tui_timeline_fill(struct tui_pane *pane, struct tui_open *open, double now, int cols);

#endif
