/* What a program needs that watches a fleet for hours, such as a console: what happens is pushed to it (the feed), and all that
 * there is comes to it in slices (the walk), which others on the same Redis do not feel. Everything here is done with plain
 * commands that read, but for the repairs of a walk, so that a viewer may do it. */
#ifndef ORBITER_WATCH_H
#define ORBITER_WATCH_H

#include <orbiter/fleet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the feed: every change of a task's state, as it happens -------------- */

/* One change of one task's state. Strings are never NULL. */
struct orb_feed_event {
    const char *entry_id;      /* of the feed's entry; one entry may be about many tasks */
    int64_t at_ms;             /* Unix milliseconds, by the clock of Redis */
    const char *type;          /* "task.completed" */
    int status;                /* an orb_status; -1: a type that this version does not know */
    const char *queue;
    const char *worker_id;     /* "" = none had to do with it */
    const char *task_id;
    int64_t attempt;
};
/* What the callback gets; valid during it. */
struct orb_feed_batch {
    const struct orb_feed_event *events; /* in the order in which they happened */
    size_t count;              /* 0: only the state has changed */
    const char *position;      /* behind these events: go on from here, in another process too; "" = not known yet */
    int is_up;                 /* connected: nothing is missing up to position. 0: the connection is lost, and is made again */
    int64_t silent_ms;         /* 0, or for how long Redis has not been heard though an answer is due: it, or the link to it, stands
                                * still or is gone. Told after about 0.7 s (more where the way there takes long), and 0 when it answers in time again */
    int is_gap;                /* what happened before these events was trimmed, or Redis has lost it: what is known must be looked through */
    int is_behind;             /* more has been written already, or may have been: a next batch has it */
};
/* Called for each batch, and with count 0 when the connection is made (is_up 1; also for the first time) or lost (is_up 0),
 * and when Redis falls silent or answers again (silent_ms).
 * err: why it was lost or made no progress, else NULL; it is tried again for as long as the feed is there, unless it was
 * ORB_E_CONFIG: that server cannot be used. */
typedef void (*orb_feed_cb)(void *arg, const struct orb_feed_batch *batch, const struct orb_error *err);
#define ORB_FEED_ENTRIES_MAX 500 /* of the feed in one batch */

struct orb_feed;
/* Follow the feed on a connection of its own, from behind from_id (an entry's id, "0" = all that is kept, about
 * 100,000 entries; "-500" = the last 500, at most 10,000; NULL = from now on). A lost connection leaves no gap. Batches are at least 20 ms apart; while nothing
 * happens it costs two or three commands a second. ORB_E_USAGE: from_id is none of these. To be freed before its client. */
ORB_API int orb_feed_follow(struct orb_client *client, const char *from_id, orb_feed_cb cb, void *arg,
                            struct orb_feed **out, struct orb_error *err) ORB_MUST_CHECK;
/* No callback comes any more. May be called inside one. */
ORB_API void orb_feed_free(struct orb_feed *feed);

/* ---- the walk: all tasks, in slices --------------------------------------- */

struct orb_walk_options {
    /* Asked about each id that is found, before its task is read; 0 leaves it out: a second walk need not read what cannot
     * have changed. status: what the index says, ORB_STATUS_PENDING for running ones, too; -1: found in no
     * index (or in the second phase once more). NULL: all are wanted. */
    int (*is_wanted)(void *arg, const char *id, int status);
    void *arg;
    int may_repair;            /* 1: index entries that are found to be wrong are put right, if this user may write; 0: only reads */
};
/* tasks: as orb_fleet_tasks gives them; valid during the callback. count 0 without is_end: this slice had nothing new. is_end: that was all. err: nothing was
 * lost, the next call goes on where this one began. */
typedef void (*orb_walk_cb)(void *arg, const struct orb_task_info *tasks, size_t count, int is_end, const struct orb_error *err);
#define ORB_WALK_SLICE_MAX 1000

struct orb_walk;
/* All tasks of all queues: first those in the indexes, the newest first; then, in no order, all once more that is_wanted wants by
 * then, because Python workers' tasks are in no index. A task that moves meanwhile may come twice; none that is there all the time is left out. */
ORB_API struct orb_walk *orb_walk_new(struct orb_client *client, const struct orb_walk_options *options);
/* The next slice: at most count tasks, 1 to ORB_WALK_SLICE_MAX (100 cost Redis less than a millisecond). One call at a
 * time, and none after the end: else ORB_E_USAGE. */
ORB_API int orb_walk_next(struct orb_walk *walk, size_t count, orb_walk_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* A slice under way ends with ORB_E_CANCELLED, later. May be called inside the callback. To be freed before its client. */
ORB_API void orb_walk_free(struct orb_walk *walk);

/* ---- rows: these tasks ---------------------------------------------------- */

/* tasks: those that are there, in the order of the ids; gone: the ids of the others. Valid during the callback. */
typedef void (*orb_rows_cb)(void *arg, const struct orb_task_info *tasks, size_t count, const char *const *gone, size_t gone_count,
                            const struct orb_error *err);
#define ORB_ROWS_MAX 10000
/* The tasks with these ids, 1 to ORB_ROWS_MAX, as orb_fleet_tasks gives them, in one round trip. Names that are no ids
 * are gone. */
ORB_API int orb_fleet_rows(struct orb_client *client, const char *const *ids, size_t count, orb_rows_cb cb, void *arg,
                           struct orb_error *err) ORB_MUST_CHECK;

/* ---- tails: what these tasks said last ------------------------------------ */

struct orb_tail {
    const char *id;                /* of the task */
    const struct orb_event *events; /* the oldest first */
    size_t count;                  /* 0: it has said nothing, or that has expired */
};
/* One tail per id, in their order; valid during the callback. */
typedef void (*orb_tails_cb)(void *arg, const struct orb_tail *tails, size_t count, const struct orb_error *err);
#define ORB_TAILS_MAX 1000
#define ORB_TAIL_EVENTS_MAX 100
/* The last events of these tasks, at most `last` of each (1 to ORB_TAIL_EVENTS_MAX), in one round trip. */
ORB_API int orb_fleet_tails(struct orb_client *client, const char *const *ids, size_t count, int last, orb_tails_cb cb, void *arg,
                            struct orb_error *err) ORB_MUST_CHECK;

/* ---- workers ------------------------------------------------------------- */

/* As orb_fleet_workers, at the cost of the workers and queues: of the names of all keys each call looks through a piece only (the next
 * one, of the same client). A Python worker that has been given nothing since it started is found when its piece comes. */
ORB_API int orb_watch_workers(struct orb_client *client, orb_workers_cb cb, void *arg) ORB_MUST_CHECK;

/* ---- counts --------------------------------------------------------------- */

struct orb_counts {
    int64_t by_status[ORB_STATUS_COUNT]; /* of all queues, as the indexes have them: hints. Running: entries that workers hold */
    int64_t memory_bytes;      /* that Redis uses */
    int64_t memory_max_bytes;  /* that it may use; 0 = no limit of its own */
    double at;                 /* Unix seconds, by the clock of Redis */
};
typedef void (*orb_counts_cb)(void *arg, const struct orb_counts *counts, const struct orb_error *err);
/* Costs the queues, not their tasks. */
ORB_API int orb_fleet_counts(struct orb_client *client, orb_counts_cb cb, void *arg) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
