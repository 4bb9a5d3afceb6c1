/* What the console knows of the tasks: a compact row each, filled newest first and kept up to date by the feed. */
#ifndef ORB_TUI_TASKS_H
#define ORB_TUI_TASKS_H

#include "base.h"
#include "field.h"
#include "msg.h"

#define TUI_TASKS_MAX 1000000   /* rows; the oldest that have ended make room, many at a time */
#define TUI_REFRESH_MAX 200     /* rows asked for at a time */

struct tui_task {
    char id[33];                /* "" = it is longer, and in long_id */
    uint8_t state;              /* an orb_status */
    uint8_t priority;
    uint8_t generation;         /* of the walk that told it last */
    uint8_t is_there, is_stale; /* stale: the feed has told more than the row knows, it is to be asked for */
    uint8_t is_awaited;         /* likewise, until it is answered */
    uint16_t attempt, retries, recoveries;
    char *long_id;
    uint32_t next;              /* of its bucket: row + 1 */
    uint32_t agent, queue, worker, error, error_type; /* in texts */
    uint32_t tokens_in, tokens_out;
    float cost;                 /* dollars, NAN = not known */
    double created_at, started_at, completed_at;
};

struct tui_tasks {
    struct tui_task *rows;
    uint32_t max;               /* TUI_TASKS_MAX */
    uint32_t limit, cap;        /* rows used, also free ones */
    uint32_t free_row;          /* first free row + 1, chained by next */
    uint32_t dropped_row;       /* likewise those that lists may still show: free once these have settled */
    uint32_t *buckets;          /* row + 1 */
    uint32_t bucket_count;
    uint32_t count;
    uint32_t by_state[ORB_STATUS_COUNT];
    uint8_t generation;         /* of the walk that is under way, or was the last */
    int is_filled;              /* a walk has ended */
    double cut;                 /* there were too many: what has ended and was made before that is not kept; 0 = all is */
    int is_thinned;             /* many went at once: lists have to look at all rows */
    uint32_t *stale;            /* rows to be asked for */
    size_t stale_count, stale_cap;
};

extern const struct tui_source tui_task_source;
enum tui_task_field { /* places in tui_task_source.fields */
    TUI_TASK_ID, TUI_TASK_STATE, TUI_TASK_AGENT, TUI_TASK_QUEUE, TUI_TASK_WORKER, TUI_TASK_TRY, TUI_TASK_AGE, TUI_TASK_TOOK, TUI_TASK_TOKENS,
    TUI_TASK_ERROR, TUI_TASK_ERROR_TYPE, TUI_TASK_TOKENS_IN, TUI_TASK_COST, TUI_TASK_PRIORITY, TUI_TASK_QUEUED, TUI_TASK_CREATED, TUI_TASK_STARTED,
    TUI_TASK_ENDED, TUI_TASK_RETRIES, TUI_TASK_RECOVERIES, TUI_TASK_FIELDS
};

void tui_tasks_init(struct tui_tasks *tasks);
void tui_tasks_done(struct tui_tasks *tasks);
/* UINT32_MAX when there is none. */
uint32_t tui_tasks_find(const struct tui_tasks *tasks, const char *id);
/* Attempts that were begun: Python workers count only what went wrong. */
int tui_tries(int attempt, int retries, double started_at);
/* How long it waited for its first worker; a later attempt hides that: NAN then, and when it is not known. */
double tui_waited(double created_at, double started_at, int tries);
const char *tui_task_id(const struct tui_tasks *tasks, uint32_t row);
/* A row as it is now; returns its number, UINT32_MAX when it was old news. *was = its state before, -1 = it is new. */
uint32_t tui_tasks_take(struct tui_tasks *tasks, struct tui_texts *texts, const struct orb_task_info *info, int *was);
/* What the feed says. *was as above. */
uint32_t tui_tasks_change(struct tui_tasks *tasks, struct tui_texts *texts, const struct orb_feed_event *change, int *was);
/* It is not there any more. Returns the row that it had. */
uint32_t tui_tasks_drop(struct tui_tasks *tasks, const char *id);
/* The lists have settled: rows that were dropped may be used again. */
void tui_tasks_settled(struct tui_tasks *tasks);
/* All tasks are about to be told. When all have been: one that is there and was not told, nor has changed meanwhile; UINT32_MAX when there
 * is none (left). *from is where to go on, 0 at first. */
void tui_tasks_walk(struct tui_tasks *tasks);
void tui_tasks_seen(struct tui_tasks *tasks, const char *ids); /* one a line: told, and as they were */
uint32_t tui_tasks_untold(const struct tui_tasks *tasks, uint32_t *from);
/* This row is to be asked for. */
void tui_tasks_note(struct tui_tasks *tasks, uint32_t row);
/* Takes up to max rows that are to be asked for. */
size_t tui_tasks_stale(struct tui_tasks *tasks, uint32_t *out, size_t max);

#endif
