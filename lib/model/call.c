/* Runs a model call on the loop: feeds a codec from HTTP, or asks a source what
 * is due. All decisions about the words of a provider are in its pure code. */
#include "base/base.h"
#include "model/call_state.h"
#include "model/send.h"
#include "model/server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REFUSAL_MAX (64 * 1024) /* of the body of a reply that is no event stream */
#define GRACE_MS 1000           /* for the body's end once the reply is complete */
#define ENDING_MS 10000         /* for what may follow the last word of a reply, such as its usage */
#define TIMEOUT_S 600           /* without a byte; ORBITER_MODEL_TIMEOUT */

/* ---- both kinds ---- */

static void stream_free(struct orb_model_stream *s)
{
    void (*done)(void *) = s->provider->codec ? s->provider->codec->done : s->provider->source->done;
    if (s->state && done)
        done(s->state);
    if (s->reply) {
        orb_sse_done(&s->reply->sse);
        orb_buf_done(&s->reply->refusal);
        free(s->reply);
    }
    orb_timer_free(s->timer);
    free(s->state);
    free(s->failed);
    free(s);
}

static void stream_end(struct orb_model_stream *s, int code, const struct orb_error *err)
{
    struct orb_error cancelled = { 0 };
    if (s->is_cancelled) {
        code = orb_error_set(&cancelled, ORB_E_CANCELLED, "cancelled");
        err = &cancelled;
    }
    s->callbacks.done(s->arg, code, err ? err : &(struct orb_error){ 0 });
    stream_free(s);
}

static void cancelled(void *arg)
{
    stream_end(arg, ORB_E_CANCELLED, NULL);
}

/* What the provider's code gives goes on to the user, but not after a cancel. */
void orb_call_delta(void *stream, const struct orb_delta *delta)
{
    struct orb_model_stream *s = stream;
    if (s->reply && delta->type != ORB_DELTA_USAGE)
        s->reply->has_spoken = 1;
    if (!s->is_cancelled)
        s->callbacks.delta(s->arg, delta);
}

/* ---- sources ---- */

static void source_step(void *arg)
{
    struct orb_model_stream *s = arg;
    struct orb_error err = { 0 };
    int64_t elapsed_us = orb_mono_us() - s->start_us, next_us = 0;
    s->is_in_source = 1;
    int rc = s->provider->source->next(s->state, elapsed_us, orb_call_delta, s, &next_us, &err);
    s->is_in_source = 0;
    if (rc == 0 && !s->is_cancelled) {
        int64_t wait_us = next_us - (orb_mono_us() - s->start_us);
        orb_timer_start(s->timer, wait_us > 0 ? (wait_us + 999) / 1000 : 0);
        return;
    }
    stream_end(s, rc < 0 ? rc : 0, &err);
}

/* ---- HTTP ---- */

/* Remembers why, and closes the connection; done follows. */
static void reply_fail(struct orb_model_stream *s, const struct orb_error *err)
{
    if (!s->failed) {
        s->failed = orb_alloc(sizeof(*s->failed));
        *s->failed = *err;
    }
    orb_http_cancel(s->reply->http);
}

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct orb_model_stream *s = arg;
    struct reply *r = s->reply;
    const char *type = response->content_type;
    int is_ok = response->status >= 200 && response->status < 300;
    r->status = response->status;
    r->retry_after_ms = response->retry_after_ms;
    if (response->status == 429 && r->retry_after_ms < 0)
        r->retry_after_ms = response->reset_ms;
    r->should_retry = response->should_retry;
    r->heard_at_ms = orb_loop_now_ms(s->loop);
    /* Small servers leave the type out or call it text. */
    const char *coding = orb_http_header(r->http, "content-encoding");
    r->is_compressed = coding && *coding && strcasecmp(coding, "identity");
    if (is_ok && !r->is_compressed && (!*type || strncmp(type, "text/event-stream", 17) == 0 || strncmp(type, "text/plain", 10) == 0))
        r->body = BODY_EVENTS;
    else
        r->body = BODY_REFUSAL;
}

int orb_call_event(void *stream, const char *event, const char *data, size_t len)
{
    struct orb_model_stream *s = stream;
    struct orb_error err = { 0 };
    int rc = s->provider->codec->data(s->provider, s->state, event, data, len, orb_call_delta, s, &err);
    if (rc < 0) {
        if (!s->failed)
            s->failed = orb_alloc(sizeof(*s->failed));
        *s->failed = err;
        s->failed->code = rc;
    }
    return s->is_cancelled ? 1 : rc;
}

/* The last word was said: what is waited for is no longer a sign of life, but that it was the last. (Some say so with every word.) */
static void note_ending(struct orb_model_stream *s)
{
    const struct orb_codec *codec = s->provider->codec;
    struct reply *r = s->reply;
    if (!codec->is_ending || !codec->is_ending(s->state) || (r->is_ending && !r->has_spoken))
        return;
    r->is_ending = 1;
    r->has_spoken = 0;
    orb_timer_start(s->timer, ENDING_MS);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct orb_model_stream *s = arg;
    struct reply *r = s->reply;
    r->heard_at_ms = orb_loop_now_ms(s->loop);
    if (r->is_complete)
        return;
    if (r->body == BODY_REFUSAL) {
        size_t room = REFUSAL_MAX - r->refusal.len;
        orb_buf_add(&r->refusal, data, len < room ? len : room);
        if (r->refusal.len == REFUSAL_MAX)
            orb_http_cancel(r->http);
        return;
    }
    int rc = orb_sse_feed(&r->sse, data, len, orb_call_event, s);
    if (rc > 0 && !s->is_cancelled) {
        r->is_complete = 1; /* the body's end leaves a connection that can be used again */
        orb_timer_start(s->timer, GRACE_MS);
    } else if (rc < 0) {
        orb_call_events_failed(s, rc);
        orb_http_cancel(r->http);
    } else if (!s->is_cancelled) {
        note_ending(s);
    }
}

static void on_silence(void *arg)
{
    struct orb_model_stream *s = arg;
    struct reply *r = s->reply;
    struct orb_error err = { 0 };
    if (r->is_ending && !r->is_complete) /* nothing more has come behind the last word */
        r->is_complete = !s->provider->codec->end(s->state, orb_call_delta, s, &err);
    if (r->is_complete) {
        orb_http_cancel(r->http);
        return;
    }
    int64_t left = r->heard_at_ms + r->timeout_ms - orb_loop_now_ms(s->loop);
    if (left > 0) {
        orb_timer_start(s->timer, left);
        return;
    }
    orb_error_set(&err, ORB_E_MODEL_TIMEOUT,
                  "%s sent nothing for %lld s; a higher ORBITER_MODEL_TIMEOUT on the worker waits longer", r->host,
                  (long long)(r->timeout_ms / 1000));
    reply_fail(s, &err);
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct orb_model_stream *s = arg;
    struct orb_error err = { 0 };
    if (is_connect && !s->reply->is_repeated && !s->is_cancelled && !s->failed) {
        s->reply->is_repeated = 1;
        s->reply->heard_at_ms = orb_loop_now_ms(s->loop);
        orb_http_again(s->reply->http);
        return;
    }
    int rc = orb_call_result(s, code, is_connect, text, &err);
    stream_end(s, rc, &err);
}

static int read_timeout(int64_t *out_ms, struct orb_error *err)
{
    const char *text = getenv("ORBITER_MODEL_TIMEOUT");
    int64_t seconds = TIMEOUT_S;
    if (text && *text && orb_parse_int(text, 1, 86400, &seconds))
        return orb_error_set(err, ORB_E_CONFIG, "ORBITER_MODEL_TIMEOUT='%.40s' is not a number of seconds within 1..86400",
                             text);
    *out_ms = seconds * 1000;
    return 0;
}

/* ---- starting ---- */

static int codec_send(struct orb_model_stream *s, const struct orb_model_call *call, struct orb_error *err)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_model_request *request = orb_alloc(sizeof(*request));
    struct reply *r = s->reply;
    int rc = s->provider->codec->request(s->provider, call, request, err);
    if (!rc) {
        orb_model_host(request->url, r->host, sizeof(r->host));
        rc = orb_model_send(s->loop, request, s->provider->server ? s->provider->server->resets : NULL, &callbacks, s, &r->http, err);
    }
    free(request);
    if (rc)
        return rc;
    r->heard_at_ms = orb_loop_now_ms(s->loop);
    s->timer = orb_timer_new(s->loop, on_silence, s);
    orb_timer_start(s->timer, r->timeout_ms);
    return 0;
}

/* The call is the caller's only until the start returns. */
static void hold(struct orb_model_call *held, const struct orb_model_call *call)
{
    *held = *call;
    held->model = orb_strdup(call->model);
    held->output_name = call->output_name ? orb_strdup(call->output_name) : NULL;
    json_incref(held->messages);
    json_incref(held->tools);
    json_incref((json_t *)held->options);
    json_incref((json_t *)held->output_schema);
}

static void release(struct orb_model_call *held)
{
    free((char *)held->model);
    free((char *)held->output_name);
    json_decref(held->messages);
    json_decref(held->tools);
    json_decref((json_t *)held->options);
    json_decref((json_t *)held->output_schema);
    *held = (struct orb_model_call){ 0 };
}

static void on_token(void *arg, const char *token, const struct orb_error *why)
{
    struct orb_model_stream *s = arg;
    struct orb_error err = *why;
    int rc = err.code;
    s->reply->waiter = NULL;
    if (token) {
        s->reply->held.token = token;
        rc = codec_send(s, &s->reply->held, &err);
    }
    release(&s->reply->held);
    if (rc)
        stream_end(s, rc, &err);
}

static int codec_start(struct orb_model_stream *s, struct orb_model_call *call, struct orb_error *err)
{
    struct reply *r = s->reply = orb_alloc(sizeof(*r));
    orb_sse_init(&r->sse);
    orb_buf_init(&r->refusal, REFUSAL_MAX);
    int rc = read_timeout(&r->timeout_ms, err);
    if (rc)
        return rc;
    call->token = s->provider->token ? orb_token_kept(s->provider) : NULL;
    r->is_token_kept = call->token != NULL;
    if (call->token || !s->provider->token)
        return codec_send(s, call, err);
    rc = orb_token_wait(s->loop, s->provider, r->timeout_ms, on_token, s, &r->waiter, err);
    if (!rc)
        hold(&r->held, call);
    return rc;
}

static int source_start(struct orb_model_stream *s, const struct orb_model_call *call, struct orb_error *err)
{
    int rc = s->provider->source->start(s->state, call, err);
    if (rc)
        return rc;
    s->start_us = orb_mono_us();
    s->timer = orb_timer_new(s->loop, source_step, s);
    orb_timer_start(s->timer, 0);
    return 0;
}

/* ---- the interface ---- */

int orb_model_stream_start(struct orb_loop *loop, const char *model, struct orb_model_call *call,
                           const struct orb_model_callbacks *callbacks, void *arg, struct orb_model_stream **out,
                           struct orb_error *err)
{
    const struct orb_provider *provider;
    const char *name;
    int rc = orb_provider_find(model, &provider, &name, err);
    if (!rc)
        rc = orb_provider_check(provider, name, err);
    if (rc)
        return rc;
    call->model = name;
    struct orb_model_stream *s = orb_alloc(sizeof(*s));
    s->loop = loop;
    s->provider = provider;
    s->callbacks = *callbacks;
    s->arg = arg;
    s->state = orb_alloc(provider->codec ? provider->codec->state_size : provider->source->state_size);
    rc = provider->codec ? codec_start(s, call, err) : source_start(s, call, err);
    if (rc) {
        stream_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void orb_model_stream_cancel(struct orb_model_stream *s)
{
    if (s->is_cancelled)
        return;
    s->is_cancelled = 1;
    if (s->reply && s->reply->http) {
        orb_http_cancel(s->reply->http);
    } else if (s->reply) {
        orb_token_leave(s->reply->waiter); /* a fetch for nobody ends before this stream does */
        release(&s->reply->held);
        orb_loop_defer(s->loop, cancelled, s);
    } else {
        orb_timer_stop(s->timer);
        if (!s->is_in_source)
            orb_loop_defer(s->loop, cancelled, s);
    }
}
