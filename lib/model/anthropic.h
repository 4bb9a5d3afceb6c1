/* The parts of the Anthropic provider: anthropic.c makes requests,
 * anthropic_messages.c their conversation, anthropic_schema.c their schemas; anthropic_stream.c reads replies. */
#ifndef ORB_MODEL_ANTHROPIC_H
#define ORB_MODEL_ANTHROPIC_H

#include "model/model.h"

#define ORB_ANTHROPIC_CALLS_MAX 128            /* tool calls of one reply */
#define ORB_ANTHROPIC_OPEN_MAX 64              /* content blocks that are open at a time */
#define ORB_ANTHROPIC_KEPT_MAX (4 * 1024 * 1024) /* bytes of thinking, signatures and redacted thinking of one reply */

/* ---- requests ---- */

/* "system": …, "messages": […]. is_cached: with hints for the prompt cache at the end of both. */
int orb_anthropic_messages(const struct orb_provider *provider, struct orb_buf *b, const json_t *messages, const char *more_system, int is_cached,
                           struct orb_error *err) ORB_MUST_CHECK;
/* Thinking by a budget demands that the turn which the request goes on with began with a thinking block of this
 * provider. It did not when another one had begun it. */
int orb_anthropic_may_think(const struct orb_provider *provider, const json_t *messages);
/* anthropic_schema.c: can the API say what this schema says? Then as it takes it. */
int orb_anthropic_is_said(const json_t *schema);
void orb_anthropic_put_schema(struct orb_buf *b, const json_t *schema);
#define ORB_ANTHROPIC_CACHE ", \"cache_control\": {\"type\": \"ephemeral\"}"

/* ---- replies ---- */

enum orb_anthropic_kind { ORB_ANTHROPIC_OTHER, ORB_ANTHROPIC_TEXT, ORB_ANTHROPIC_CALL, ORB_ANTHROPIC_THINKING, ORB_ANTHROPIC_REDACTED };

/* A content block that has begun and has not ended. */
struct orb_anthropic_block {
    int64_t index;           /* the server's */
    enum orb_anthropic_kind kind;
    int call;                /* CALL: which of the reply */
    int has_input;           /* CALL: a piece of the arguments has come */
    json_t *input;           /* CALL: what the start brought, for when no piece comes */
    struct orb_buf thinking, signature; /* THINKING; REDACTED: signature is its data */
    int64_t text_before, calls_before;  /* how much of the reply stood before the block */
};

struct orb_anthropic_state {
    struct orb_anthropic_block *open;
    size_t count, cap;
    int calls;               /* begun so far */
    int64_t text_bytes;      /* given so far */
    size_t kept_bytes;
    struct orb_usage usage;
    int64_t plain_input;     /* input tokens beside the cache's two counts */
    char stop_reason[40];
    int is_done;
};

int orb_anthropic_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                       struct orb_error *err);
int orb_anthropic_is_ending(const void *state);
int orb_anthropic_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);
void orb_anthropic_done(void *state);

/* Thinking that stood behind text or calls is kept as {"text": bytes before, "calls": calls before, "block": the block},
 * so that it goes back to its place; other thinking as the block itself. */

#endif
