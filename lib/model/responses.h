/* The parts of the Responses provider: responses.c makes requests, responses_stream.c
 * reads replies. */
#ifndef ORB_MODEL_RESPONSES_H
#define ORB_MODEL_RESPONSES_H

#include "model/model.h"

#define ORB_RESPONSES_ITEMS_MAX 256               /* output items of one reply */
#define ORB_RESPONSES_KEPT_BYTES (4 * 1024 * 1024) /* of the events that bring what is kept */

/* An output item that is a call. */
struct orb_responses_call {
    int64_t output_index;
    char *id;          /* of the item, by which some servers name it */
    int has_arguments; /* a piece of them has come */
};

struct orb_responses_state {
    struct orb_responses_call *calls;
    size_t count, cap;
    json_t *kept;      /* the output in its order: reasoning items whole, what else there is by name; or NULL */
    size_t kept_bytes;
    int has_reasoning, has_refusal, is_done;
};

int orb_responses_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                       struct orb_error *err);
int orb_responses_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);
void orb_responses_done(void *state);

#endif
