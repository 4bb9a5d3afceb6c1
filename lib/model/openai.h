/* The parts of the OpenAI provider: openai.c makes requests, openai_stream.c and
 * openai_details.c read replies. */
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

#define ORB_OPENAI_DETAILS_MAX 256                /* items of reasoning_details of one reply */
#define ORB_OPENAI_DETAILS_BYTES (4 * 1024 * 1024) /* of all of them */
#define ORB_OPENAI_CHUNK_MAX (1024 * 1024)       /* what one chunk may add before that is seen: an event's limit */

struct orb_openai_state {
    struct orb_openai_slot *slots;
    size_t count, cap;
    enum orb_finish finish;
    int has_finish, has_refusal, is_done;
    json_t *details;         /* reasoning_details so far, or NULL; given as what is to be kept at the end */
    size_t details_bytes;
    struct orb_buf detail_text; /* of the last of them, while it grows; detail_key: its member, NULL = none grows */
    const char *detail_key;
};

extern const struct orb_codec orb_openai_codec;
extern const struct orb_server orb_openai_server;
/* The codec's request, to another path. */
int orb_openai_request_at(const struct orb_provider *provider, const char *path, const struct orb_model_call *call, struct orb_model_request *out,
                          struct orb_error *err) ORB_MUST_CHECK;

int orb_openai_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                    struct orb_error *err);
int orb_openai_is_ending(const void *state);
int orb_openai_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);
void orb_openai_done(void *state);

/* openai_details.c: a chunk's reasoning_details (len: the bytes of that chunk) join those that came before. */
int orb_openai_take_details(struct orb_openai_state *st, const json_t *details, size_t len, struct orb_error *err) ORB_MUST_CHECK;
void orb_openai_give_details(struct orb_openai_state *st, orb_delta_fn fn, void *arg);

#endif
