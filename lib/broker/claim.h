/* Claiming: the one blocking read of a worker, on a connection of its own. */
#ifndef ORB_BROKER_CLAIM_H
#define ORB_BROKER_CLAIM_H

#include "broker/broker.h"

/* One delivered entry. payload NULL: the entry has none (deleted, or poison). */
struct orb_delivery {
    const char *entry;
    const char *payload;
    size_t len;
    int has_task_id;   /* queued by the submit script, which keeps the payload */
    int is_gone;       /* pending, but deleted from the stream */
};
struct orb_claim_callbacks {
    void (*delivered)(void *arg, const struct orb_delivery *delivery); /* per entry */
    void (*ready)(void *arg);                    /* once: the first connection stands and the group is there */
    void (*trouble)(void *arg, const struct orb_error *err); /* told, not fatal: it tries again */
};

struct orb_claim;
/* store: another connection, for waking the blocked read. */
struct orb_claim *orb_claim_new(struct orb_loop *loop, const struct orb_redis_config *config, struct orb_store *store,
                                const char *stream, const char *worker_id, const struct orb_claim_callbacks *callbacks, void *arg);
void orb_claim_free(struct orb_claim *claim);
/* Read up to this many entries as soon as there are some; replaces the number
 * given before, except for a read that is already under way (so it never
 * exceeds what was free when that was sent). */
void orb_claim_want(struct orb_claim *claim, int count);
/* Claim no more; wakes a blocked read. What that read still delivers is
 * delivered. */
void orb_claim_stop(struct orb_claim *claim);
int orb_claim_is_reading(const struct orb_claim *claim);

#endif
