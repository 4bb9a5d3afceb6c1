/* The parts of the OpenAI provider: openai.c makes requests, openai_stream.c
 * reads replies. */
#ifndef ORB_MODEL_OPENAI_H
#define ORB_MODEL_OPENAI_H

#include "model/model.h"

#define ORB_OPENAI_SLOTS_MAX 128 /* tool calls of one reply */

/* A tool call of the reply: how the server names it, so that the next piece
 * finds it. */
struct orb_openai_slot {
    int64_t index;     /* the server's index of it; -1 = it gave none */
    char *id, *name;   /* "" until they have come */
    int is_own_id;     /* the server has given no id, so we made one */
};

struct orb_openai_state {
    struct orb_openai_slot *slots;
    size_t count, cap;
    enum orb_finish finish;
    int has_finish, is_done;
};

int orb_openai_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                    struct orb_error *err);
int orb_openai_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);
void orb_openai_done(void *state);

#endif
