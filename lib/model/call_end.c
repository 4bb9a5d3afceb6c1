/* What it means that a reply over HTTP has ended: complete, or an error with the thing, the reason and the next step. */
#include "base/base.h"
#include "model/call_state.h"
#include "model/server.h"

void orb_call_events_failed(struct orb_model_stream *s, int rc)
{
    if (s->failed)
        return;
    s->failed = orb_alloc(sizeof(*s->failed));
    orb_error_set(s->failed, rc, "the provider sent an event over %d bytes", ORB_SSE_EVENT_MAX);
}

/* The provider may overrule what its status says about trying again. */
static int with_should_retry(const struct reply *r, int code)
{
    if (r->should_retry == 1 && !orb_error_is_retryable(code))
        return ORB_E_MODEL_SERVER;
    if (r->should_retry == 0 && orb_error_is_retryable(code))
        return code == ORB_E_MODEL_RATE ? ORB_E_MODEL_QUOTA : ORB_E_MODEL_INVALID;
    return code;
}

/* Where the server's place is set. */
static const char *base_name(const struct orb_model_stream *s)
{
    const char *name = orb_server_base_name(s->provider->server);
    return *name ? name : "the base_url of its file";
}

/* Whoever is sent on would take the key along. */
static int refuse_redirect(struct orb_model_stream *s, struct orb_error *err)
{
    const char *to = orb_http_header(s->reply->http, "location");
    return orb_error_set(err, ORB_E_CONFIG, "%s redirects to '%.200s' (HTTP %d), which is not followed; set %s to where the server is", s->reply->host, to ? to : "",
                         s->reply->status, base_name(s));
}

static int end_refusal(struct orb_model_stream *s, struct orb_error *err)
{
    struct reply *r = s->reply;
    if (r->status >= 300 && r->status < 400)
        return refuse_redirect(s, err);
    if (r->is_compressed)
        return orb_error_set(err, ORB_E_MODEL_SERVER, "%s compressed its reply, which was not asked for; take that from the proxy before it", r->host);
    int code = s->provider->codec->refusal(s->provider, r->status, r->refusal.data ? r->refusal.data : "", r->refusal.len, err);
    err->code = with_should_retry(r, code);
    if (r->retry_after_ms > 0) /* else what the body says */
        err->retry_after_ms = r->retry_after_ms;
    return err->code;
}

/* The body of an event stream has ended, how ever: whole, cut or reset. */
static int end_events(struct orb_model_stream *s, int http_code, const char *text, struct orb_error *err)
{
    struct reply *r = s->reply;
    const struct orb_codec *codec = s->provider->codec;
    int rc = orb_sse_end(&r->sse, orb_call_event, s);
    if (rc > 0)
        return 0;
    /* What is no JSON at the very end is the half of something. */
    if (rc < 0 && rc != ORB_E_PROTOCOL) {
        orb_call_events_failed(s, rc);
        *err = *s->failed;
        return rc;
    }
    rc = codec->end(s->state, orb_call_delta, s, err);
    if (rc == ORB_E_MODEL_TRUNCATED && http_code)
        orb_error_set(err, http_code, "the stream from %s ended before the reply was complete: %s; try again", r->host,
                      text);
    return err->code ? err->code : rc;
}

static int reply_result(struct orb_model_stream *s, int code, int is_connect, const char *text, struct orb_error *err)
{
    struct reply *r = s->reply;
    if (s->failed) {
        *err = *s->failed;
        return err->code;
    }
    if (r->is_complete || s->is_cancelled)
        return 0;
    if (r->body == BODY_EVENTS)
        return end_events(s, code, text, err);
    if (r->body == BODY_REFUSAL)
        return end_refusal(s, err);
    if (code == ORB_E_CONFIG)
        return orb_error_set(err, code, "%s on the worker is no URL that can be asked: %s", base_name(s), text);
    if (code == ORB_E_MODEL_NETWORK)
        return orb_error_set(err, code, "%s %s: %s; check the network%s%s on the worker", is_connect ? "cannot reach" : "no reply from", r->host, text,
                             *orb_server_base_name(s->provider->server) ? " and " : "", orb_server_base_name(s->provider->server));
    return orb_error_set(err, code ? code : ORB_E_MODEL_TRUNCATED, "%s did not answer: %s", r->host, text);
}

/* What it means that a call with a token has failed. */
static int token_result(struct orb_model_stream *s, int rc, struct orb_error *err)
{
    orb_server_hide(orb_token_kept(s->provider), err->text);
    if (rc != ORB_E_MODEL_AUTH)
        return rc;
    orb_token_forget(s->provider);
    if (s->reply->is_token_kept) /* it may have been revoked: another one may do */
        err->code = ORB_E_MODEL_SERVER;
    return err->code;
}

int orb_call_result(struct orb_model_stream *s, int code, int is_connect, const char *text, struct orb_error *err)
{
    int rc = reply_result(s, code, is_connect, text, err);
    return rc && s->provider->token ? token_result(s, rc, err) : rc;
}
