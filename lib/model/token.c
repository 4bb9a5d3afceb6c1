#include "model/token.h"
#include "base/base.h"
#include "model/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define REPLY_MAX (64 * 1024)
#define TIMEOUT_MAX_MS 30000
#define MARGIN_S 300 /* so long before its end a token is not used any more; of a short one a tenth of its life */

struct kept {
    LIST_ENTRY(kept) all;
    const struct orb_provider *provider;
    char *token;
    int64_t until_us;
};

struct fetch {
    LIST_ENTRY(fetch) all;
    LIST_HEAD(, orb_token_waiter) waiters;
    const struct orb_provider *provider;
    struct orb_loop *loop;
    struct orb_http *http; /* NULL: it is over, and the waiters are being told */
    struct orb_timer *timer;
    struct orb_buf body;
    int status, is_late, is_large, is_repeated;
    int64_t retry_after_ms, timeout_ms;
    char host[128];
};

struct orb_token_waiter {
    LIST_ENTRY(orb_token_waiter) others;
    struct fetch *fetch;
    orb_token_fn fn;
    void *arg;
};

/* A loop has one thread, a process may have several. */
static _Thread_local LIST_HEAD(, kept) tokens = LIST_HEAD_INITIALIZER(tokens);
static _Thread_local LIST_HEAD(, fetch) fetches = LIST_HEAD_INITIALIZER(fetches);

/* ---- what is kept ---- */

void orb_token_forget(const struct orb_provider *provider)
{
    struct kept *k;
    LIST_FOREACH(k, &tokens, all)
        if (k->provider == provider)
            break;
    if (!k)
        return;
    LIST_REMOVE(k, all);
    free(k->token);
    free(k);
}

const char *orb_token_kept(const struct orb_provider *provider)
{
    struct kept *k;
    LIST_FOREACH(k, &tokens, all)
        if (k->provider == provider)
            return orb_mono_us() < k->until_us ? k->token : NULL;
    return NULL;
}

static const char *keep(const struct orb_provider *provider, char *token_take, int64_t life_s)
{
    int64_t margin_s = life_s / 10 < MARGIN_S ? life_s / 10 : MARGIN_S;
    orb_token_forget(provider);
    struct kept *k = orb_alloc(sizeof(*k));
    k->provider = provider;
    k->token = token_take;
    k->until_us = orb_mono_us() + (life_s - margin_s) * 1000000;
    LIST_INSERT_HEAD(&tokens, k, all);
    return k->token;
}

/* ---- a fetch ---- */

static void fetch_free(struct fetch *f)
{
    orb_timer_free(f->timer);
    orb_buf_done(&f->body);
    free(f);
}

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct fetch *f = arg;
    f->status = response->status;
    f->retry_after_ms = response->retry_after_ms;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct fetch *f = arg;
    size_t room = REPLY_MAX - f->body.len;
    orb_buf_add(&f->body, data, len < room ? len : room);
    if (len > room) {
        f->is_large = 1;
        orb_http_cancel(f->http);
    }
}

static void on_late(void *arg)
{
    struct fetch *f = arg;
    f->is_late = 1;
    orb_http_cancel(f->http);
}

/* The token, the caller's, or NULL with err. */
static char *read_token(struct fetch *f, int code, const char *text, int64_t *life_s, struct orb_error *err)
{
    char *token = NULL;
    if (f->is_late) {
        orb_error_set(err, ORB_E_MODEL_TIMEOUT, "%s: %s gave no token within %lld s; try again", f->provider->info.name, f->host,
                      (long long)(f->timeout_ms / 1000));
    } else if (f->is_large) {
        orb_error_set(err, ORB_E_MODEL_SERVER, "%s: %s sent more than %d KiB in place of a token; try again", f->provider->info.name, f->host, REPLY_MAX / 1024);
    } else if (code) {
        orb_error_set(err, code, "%s: cannot fetch a token from %s: %s; check the network on the worker", f->provider->info.name, f->host, text);
    } else {
        int rc = f->provider->token->reply(f->provider, f->status, f->body.data ? f->body.data : "", f->body.len, &token, life_s, err);
        if (rc) {
            err->code = rc;
            err->retry_after_ms = f->retry_after_ms > 0 ? f->retry_after_ms : 0;
        }
    }
    return token;
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct fetch *f = arg;
    struct orb_error err = { 0 };
    struct orb_token_waiter *w;
    int64_t life_s = 0;
    if (is_connect && !f->is_repeated && !f->is_late && !LIST_EMPTY(&f->waiters)) {
        f->is_repeated = 1;
        orb_http_again(f->http);
        return;
    }
    LIST_REMOVE(f, all); /* who needs one from now on does not come here */
    f->http = NULL;
    char *token = LIST_EMPTY(&f->waiters) ? NULL : read_token(f, code, text, &life_s, &err);
    char *copy = token ? orb_strdup(token) : NULL; /* a waiter may forget what is kept */
    if (token)
        keep(f->provider, token, life_s);
    while ((w = LIST_FIRST(&f->waiters))) {
        struct orb_token_waiter told = *w;
        LIST_REMOVE(w, others);
        free(w);
        told.fn(told.arg, copy, &err);
    }
    free(copy);
    fetch_free(f);
}

static int fetch_new(struct orb_loop *loop, const struct orb_provider *provider, int64_t timeout_ms, struct fetch **out, struct orb_error *err)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_model_request *request = orb_alloc(sizeof(*request));
    struct fetch *f = orb_alloc(sizeof(*f));
    f->provider = provider;
    f->loop = loop;
    f->timeout_ms = timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS;
    LIST_INIT(&f->waiters);
    orb_buf_init(&f->body, REPLY_MAX);
    int rc = provider->token->request(provider, request, err);
    if (!rc) {
        orb_model_host(request->url, f->host, sizeof(f->host));
        rc = orb_model_send(loop, request, NULL, &callbacks, f, &f->http, err);
    }
    free(request);
    if (rc) {
        fetch_free(f);
        return rc;
    }
    f->timer = orb_timer_new(loop, on_late, f);
    orb_timer_start(f->timer, f->timeout_ms);
    LIST_INSERT_HEAD(&fetches, f, all);
    *out = f;
    return 0;
}

/* ---- the interface ---- */

int orb_token_wait(struct orb_loop *loop, const struct orb_provider *provider, int64_t timeout_ms, orb_token_fn fn, void *arg,
                   struct orb_token_waiter **out, struct orb_error *err)
{
    struct fetch *f;
    LIST_FOREACH(f, &fetches, all)
        if (f->provider == provider && f->loop == loop && !LIST_EMPTY(&f->waiters))
            break;
    int rc = f ? 0 : fetch_new(loop, provider, timeout_ms, &f, err);
    if (rc)
        return rc;
    struct orb_token_waiter *w = orb_alloc(sizeof(*w));
    w->fetch = f;
    w->fn = fn;
    w->arg = arg;
    LIST_INSERT_HEAD(&f->waiters, w, others);
    *out = w;
    return 0;
}

void orb_token_leave(struct orb_token_waiter *w)
{
    struct fetch *f = w->fetch;
    LIST_REMOVE(w, others);
    free(w);
    if (f->http && LIST_EMPTY(&f->waiters))
        orb_http_cancel(f->http); /* nobody wants it any more */
}
