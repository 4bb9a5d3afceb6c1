/* A model call under way; for call.c and call_end.c only. */
#ifndef ORB_MODEL_CALL_STATE_H
#define ORB_MODEL_CALL_STATE_H

#include "loop/http.h"
#include "model/call.h"
#include "model/sse.h"
#include "model/token.h"

enum body { BODY_NONE, BODY_EVENTS, BODY_REFUSAL };

/* What a reply over HTTP needs besides; a source's stream does without. */
struct reply {
    struct orb_token_waiter *waiter; /* until the token is there */
    struct orb_model_call held;      /* what is asked then */
    struct orb_http *http;           /* NULL until it is asked */
    struct orb_sse sse;
    struct orb_buf refusal;
    enum body body;
    int status, should_retry, is_repeated, is_compressed, has_spoken, is_ending, is_complete, is_token_kept;
    int64_t retry_after_ms, timeout_ms, heard_at_ms;
    char host[128];
};

struct orb_model_stream {
    struct orb_loop *loop;
    const struct orb_provider *provider;
    struct orb_model_callbacks callbacks;
    void *arg;
    struct orb_timer *timer;
    void *state;              /* the codec's or the source's */
    struct reply *reply;      /* NULL: a source */
    struct orb_error *failed; /* why it fails; first one counts */
    int64_t start_us;
    int is_cancelled, is_in_source;
};

/* call.c */
/* One server-sent event goes to the codec; 0, 1 = enough of them, or negative with s->failed. */
int orb_call_event(void *stream, const char *event, const char *data, size_t len);
/* What the provider's code gives goes on to the user. */
void orb_call_delta(void *stream, const struct orb_delta *delta);

/* call_end.c: what it means that a reply over HTTP has ended */
/* s->failed, of an rc that sse.c or the codec gave. */
void orb_call_events_failed(struct orb_model_stream *s, int rc);
/* 0, or a code with err; code, is_connect and text: as HTTP's done has them. */
int orb_call_result(struct orb_model_stream *s, int code, int is_connect, const char *text, struct orb_error *err);

#endif
