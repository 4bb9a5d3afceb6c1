/* Dead letters: what is kept of tasks that failed for good, and of queue entries that could not be run. Each queue has a
 * stream of them, about 10,000 and at most 7 days old (docs/WIRE.md). */
#ifndef ORBITER_DEAD_H
#define ORBITER_DEAD_H

#include <orbiter/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings are never NULL ("" = not known). Valid during the callback that got it. */
struct orb_dead_letter {
    const char *id;             /* of the letter: "1795461238951-0" */
    const char *queue;
    const char *task_id;        /* "" when the entry had none that could be read */
    const char *reason, *error_type; /* why it died: words, and the class of the error */
    const char *agent, *worker_id;   /* the worker of the last attempt */
    const char *entry_id;       /* its place in the queue then */
    const char *resubmit_of;    /* id of the task that it repeated */
    int attempt, retries, recoveries;
    double dead_at;             /* Unix seconds */
    const char *payload;        /* the task's JSON, or what stood in its place; "" from replay and purge */
    size_t payload_len;
};

/* Which letters. Borrowed for the call. All that is given must hold. */
struct orb_dead_filter {
    const char *queue;          /* NULL = of all queues */
    const char *reason;         /* an error type, or part of the reason, in any letter case; NULL = any */
    const char *const *ids;     /* ids of letters or of tasks, of which the newest letter counts; NULL = any */
    size_t id_count;
    int limit;                  /* of orb_dead_list, per queue; 0 = none */
};

/* Called for each letter that matches, err saying why it was not done, if it was not; then once with
 * letter NULL: the end, err NULL when all was looked through. new_id: of the task that a replay made, else NULL.
 * ids that match nothing are not told. */
typedef void (*orb_dead_cb)(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err);

/* Queue after queue, in each the newest first. Read in pages: a letter is in memory during its callback only. A queue whose
 * dead letters are no stream is left out, and the end says so with ORB_E_PROTOCOL.
 * All three fail at once with ORB_E_USAGE: the queue's name is none. */
ORB_API int orb_dead_list(struct orb_client *client, const struct orb_dead_filter *filter, orb_dead_cb cb, void *arg,
                          struct orb_error *err) ORB_MUST_CHECK;
#define ORB_DEAD_RATE_MIN 0.001
#define ORB_DEAD_RATE_MAX 100000.0
/* A new task from each letter's payload, as orb_resubmit makes one, in the letter's queue. The letter goes away in the same
 * step, so that two replays of it make one task. The oldest first, unless ids are given; letters that come meanwhile are left.
 * per_second: at most so many, evenly, ORB_DEAD_RATE_MIN to ORB_DEAD_RATE_MAX (else ORB_E_USAGE); 0 = as fast as Redis takes them. A letter is kept, and told with ORB_E_INVALID or
 * ORB_E_TOO_LARGE, when no task can be made of its payload; ORB_E_NOT_FOUND: somebody else was faster. */
ORB_API int orb_dead_replay(struct orb_client *client, const struct orb_dead_filter *filter, double per_second, orb_dead_cb cb,
                            void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* Deletes letters, for good. Letters that come meanwhile are left. */
ORB_API int orb_dead_purge(struct orb_client *client, const struct orb_dead_filter *filter, orb_dead_cb cb, void *arg,
                           struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
