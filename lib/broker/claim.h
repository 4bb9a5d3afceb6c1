/* Claiming: the reads of a worker, on a connection of their own, one at a time: first what is pending on
 * it already, then what dead workers left, then new entries by priority, and when there is nothing a
 * blocking read of the queue's own stream. */
#ifndef ORB_BROKER_CLAIM_H
#define ORB_BROKER_CLAIM_H

#include "broker/broker.h"

/* One delivered entry. payload NULL: the entry has none (deleted, or poison). */
struct orb_delivery {
    const char *entry;   /* its place */
    const char *payload;
    size_t len;
    int has_task_id;   /* queued by the submit script, which keeps the payload */
    int is_gone;       /* pending, but deleted from the stream */
    int is_again;      /* was pending on this worker already: it may be running here */
};
struct orb_claim_callbacks {
    int (*room)(void *arg);   /* how many more entries the worker can take now */
    /* Per entry. One that is_again may be left with -1, there is no room for it now: it
     * and those behind it are delivered again when there is. */
    int (*delivered)(void *arg, const struct orb_delivery *delivery);
    void (*ready)(void *arg);                    /* once: the first connection stands and the group is there */
    void (*trouble)(void *arg, const struct orb_error *err); /* told, not fatal: it tries again */
    void (*missing)(void *arg);                  /* the wanted entry is not pending on its holder any more */
    void (*idle)(void *arg);                     /* stopped, and no read is under way any more */
};

struct orb_claim;
/* store: another connection, for waking the blocked read. wanted: claim nothing but the entry of this place, which
 * is pending on the worker `holder`; NULL = all. */
struct orb_claim *orb_claim_new(struct orb_loop *loop, const struct orb_redis_config *config, struct orb_store *store,
                                struct orb_broker *broker, const char *wanted, const char *holder,
                                const struct orb_claim_callbacks *callbacks, void *arg);
void orb_claim_free(struct orb_claim *claim);
/* There may be room again: read, at the end of this turn. */
void orb_claim_wake(struct orb_claim *claim);
/* What a sweep has found: it changes what is read next. Nothing new is claimed before it has been told that the queue is
 * not paused. */
void orb_claim_tell(struct orb_claim *claim, int orphans, int has_priorities, int is_paused);
/* Something was queued with a priority. */
void orb_claim_look_around(struct orb_claim *claim);
/* An entry that was delivered could not be begun: soon deliver again what is
 * pending on this worker (the caller knows which of it is running). */
void orb_claim_look_back(struct orb_claim *claim);
/* Claim no more; wakes a blocked read. What that read still delivers is
 * delivered. */
void orb_claim_stop(struct orb_claim *claim);
void orb_claim_hurry(struct orb_claim *claim, const struct orb_redis *risen); /* orb_redis_hurry */
int orb_claim_is_reading(const struct orb_claim *claim);

#endif
