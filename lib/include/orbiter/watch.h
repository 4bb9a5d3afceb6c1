/* What a program needs that watches a fleet for hours, such as a console: what happens is pushed to it (the feed). Everything here is
 * done with plain commands that read, so that a viewer may do it. */
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
    int is_gap;                /* what happened before these events was trimmed, or Redis has lost it: what is known must be looked through */
    int is_behind;             /* more has been written already, the next batch has it */
};
/* Called for each batch, and with count 0 when the connection is made (is_up 1; also for the first time) or lost (is_up 0).
 * err: why it was lost or made no progress, else NULL; it is tried again for as long as the feed is there. */
typedef void (*orb_feed_cb)(void *arg, const struct orb_feed_batch *batch, const struct orb_error *err);
#define ORB_FEED_ENTRIES_MAX 500 /* of the feed in one batch */

struct orb_feed;
/* Follow the feed on a connection of its own, from behind from_id (an entry's id, "0" = all that is kept, about
 * 100,000 entries; NULL = from now on). A lost connection leaves no gap. Batches are at least 20 ms apart; while nothing
 * happens it costs one command a second. ORB_E_USAGE: from_id is no entry's id. To be freed before its client. */
ORB_API int orb_feed_follow(struct orb_client *client, const char *from_id, orb_feed_cb cb, void *arg,
                            struct orb_feed **out, struct orb_error *err) ORB_MUST_CHECK;
/* No callback comes any more. May be called inside one. */
ORB_API void orb_feed_free(struct orb_feed *feed);

#ifdef __cplusplus
}
#endif
#endif
