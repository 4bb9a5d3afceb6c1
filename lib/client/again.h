/* Tasks that repeat others: what replay and resubmit have in common. */
#ifndef ORB_CLIENT_AGAIN_H
#define ORB_CLIENT_AGAIN_H

#include "client/client.h"

/* For tasks that go to this queue. */
struct orb_batch *orb_again_batch_new(struct orb_client *client, const char *queue);

struct orb_again {
    const char *id, *resubmit_of;
    const char *letter;          /* dead letter that goes away with it; "" = none */
    const char *payload;         /* of the first task */
    size_t payload_len;
    const char *seen;            /* of the first task (seen.h); "" = whatever it is */
    const char *input;           /* NULL = as it was */
    size_t input_len;
};
/* ORB_E_INVALID or ORB_E_TOO_LARGE when the payload cannot be used: then nothing was added, and cb is not called. */
int orb_again_add(struct orb_batch *batch, const struct orb_again *again, orb_redis_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* What the script answered: 0, or why there is no new task. name: of the first task or the dead letter, for the text. */
int orb_again_answer(const struct orb_reply *reply, const char *name, struct orb_error *err) ORB_MUST_CHECK;

#endif
