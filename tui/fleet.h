/* Workers, queues and totals as they were told last, and what became of them over time. */
#ifndef ORB_TUI_FLEET_H
#define ORB_TUI_FLEET_H

#include "base.h"
#include "field.h"
#include "msg.h"

#define TUI_HISTORY 120         /* slots of 5 s: ten minutes */
#define TUI_SLOT_S 5
#define TUI_SKEW_MIN 5          /* seconds: less may be the time that an answer takes */
#define TUI_WORKERS_MAX 5000
#define TUI_QUEUES_MAX 10000

/* What happened in each slot of 5 s, by the clock of Redis; the last one is under way. */
struct tui_history {
    int64_t slot;               /* number of the last one: Unix seconds / TUI_SLOT_S */
    float values[TUI_HISTORY];  /* ring, by slot % TUI_HISTORY */
};
void tui_history_move(struct tui_history *history, double now);      /* new slots are 0 */
void tui_history_add(struct tui_history *history, double now, double n);
void tui_history_set(struct tui_history *history, double now, double n);
/* The last count slots but the one under way, oldest first. Returns their maximum. */
double tui_history_get(const struct tui_history *history, double now, double *out, size_t count);
/* How many of the last count slots were watched, the watch having begun then; 0 = it has not. */
size_t tui_history_known(double since, double now, size_t count);
double tui_history_rate(const struct tui_history *history, double now, int seconds); /* a second, over that time */

struct tui_worker {
    char id[ORB_ID_MAX + 1], host[65], version[33], queue[129], task[ORB_ID_MAX + 1], status[17];
    int64_t done, failed, slots, busy, rss_kb, pending;
    double tok_s, started_at, last_beat;
    int is_lost;
    double lost_at;             /* when that was seen first, or its lease was renewed last */
};

struct tui_queue {
    char name[ORB_ID_MAX + 1], paused_by[65];
    int64_t depth, running, delayed, dead, workers, consumers;
    double oldest_at;           /* when the task that waits longest was queued; 0 = none waits */
    int is_paused;
    double paused_at;
    struct tui_history in, out, failed, waiting;  /* tasks made, ended, failed in a slot; depth */
};

struct tui_fleet {
    struct tui_worker *workers;  /* sorted by id */
    size_t worker_count;
    struct tui_queue *queues;    /* sorted by name */
    size_t queue_count;
    double workers_at, queues_at, counts_at;  /* when they were told; 0 = not yet */
    double counted_at;           /* by the clock of Redis */
    double asked_at;             /* of the first answer about workers: from then on depths and tokens are known */
    double watched_at;           /* of the first event, by the clock of Redis; 0 = none yet */
    char workers_error[200], queues_error[200]; /* why they are not known, or "" */
    int64_t by_state[ORB_STATUS_COUNT];
    int64_t redis_bytes;
    double skew;                 /* so many seconds the clock of Redis is before this one; 0 = about the same */
    struct tui_history in, done, failed, tokens;
};

extern const struct tui_source tui_worker_source, tui_queue_source;

void tui_fleet_done(struct tui_fleet *fleet);
void tui_fleet_workers(struct tui_fleet *fleet, const struct tui_msg *msg);
void tui_fleet_queues(struct tui_fleet *fleet, const struct tui_msg *msg);
void tui_fleet_counts(struct tui_fleet *fleet, const struct tui_msg *msg);
/* What the feed tells: for the rates, and, when it has happened after the last count, for the totals (was = -1: it is new). */
void tui_fleet_happened(struct tui_fleet *fleet, const struct orb_feed_event *change);
void tui_fleet_moved(struct tui_fleet *fleet, double at, int was, enum orb_status is);
struct tui_queue *tui_fleet_queue(struct tui_fleet *fleet, const char *name);
/* How long the queue will take to be empty at its present rate: seconds, INFINITY when it grows, NAN when that cannot be said, or nothing waits. */
double tui_queue_eta(const struct tui_fleet *fleet, const struct tui_queue *queue, double now);
/* A second, over the last minute, or as long as the fleet is watched. */
double tui_fleet_rate(const struct tui_fleet *fleet, const struct tui_history *history, double now);
/* "running", "draining", "lost" ... */
const char *tui_worker_state(const struct tui_worker *worker, double now);

#endif
