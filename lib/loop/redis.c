/* One pipelined connection to Redis: the queue of sends, replies in order,
 * reconnecting. Where to is route.c, making the connection itself dial.c, what is said
 * first login.c; redis_inner.h says what its own files do. */
#include "loop/redis_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- configuration ----------------------------------------------------- */

int orb_redis_config_init(struct orb_redis_config *config, const struct orb_redis_options *options, struct orb_error *err)
{
    memset(config, 0, sizeof *config);
    if (!options->url || !*options->url)
        return orb_error_set(err, ORB_E_CONFIG, "no Redis URL: give --redis-url or set ORBITER_REDIS_URL");
    int rc = orb_redis_url_parse(options->url, &config->url, err);
    if (rc)
        return rc;
    config->tls_ca = options->tls_ca ? orb_strdup(options->tls_ca) : NULL;
    config->tls_cert = options->tls_cert ? orb_strdup(options->tls_cert) : NULL;
    config->tls_key = options->tls_key ? orb_strdup(options->tls_key) : NULL;
    if (options->ns && *options->ns)
        snprintf(config->prefix, sizeof config->prefix, "{%.64s}:", options->ns);
    config->max_queued_bytes = 64 * 1024 * 1024;
    config->is_read_only = options->is_read_only;
    return 0;
}

void orb_redis_config_done(struct orb_redis_config *config)
{
    free(config->tls_ca);
    free(config->tls_cert);
    free(config->tls_key);
    explicit_bzero(&config->url, sizeof config->url);
    config->tls_ca = config->tls_cert = config->tls_key = NULL;
}

/* ---- sending ----------------------------------------------------------- */

/* On a Pub/Sub connection nothing is kept: the answers are pushes, and state()
 * subscribes anew on every connection. So one that is full is given up. */
static int push_send(struct orb_redis *r, struct orb_buf *b)
{
    if (r->state == UP) {
        if (orb_link_unwritten(r) + b->len > r->config.max_queued_bytes)
            r->is_choked = 1;
        else
            orb_buf_add(&r->out, b->data, b->len);
        orb_link_need_flush(r);
    }
    orb_buf_reset(b);
    return 0;
}

static int send_with(struct orb_redis *r, struct orb_buf *b, unsigned count, int flags, orb_redis_again_fn again,
                     orb_redis_cb cb, void *arg)
{
    int rc = r->is_freed ? ORB_E_CANCELLED : b->err;
    if (rc) {
        orb_buf_reset(b);
        return rc;
    }
    ORB_ASSERT(count > 0 && b->len > 0);
    if (r->config.push)
        return push_send(r, b);
    /* Two bounds, since what is kept for a retry is unwritten at times, too. */
    if (r->queued + b->len > r->config.max_queued_bytes || orb_link_unwritten(r) + b->len > r->config.max_queued_bytes) {
        orb_buf_reset(b);
        return ORB_E_BACKLOG;
    }
    struct sent *s = orb_alloc(sizeof *s);
    *s = (struct sent){ .len = b->len, .count = count, .left = count, .flags = flags | (again ? IS_EVENT : 0), .again = again, .cb = cb, .arg = arg };
    s->data = orb_buf_take(b);
    s->serial = ++r->serials;
    r->queued += s->len;
    if (r->state == HOPELESS) {
        orb_sends_add(r, s);
        orb_loop_defer(r->loop, orb_sends_fail_hopeless, r);
        return 0;
    }
    if (r->state == UP && flags & ORB_REDIS_ORDERED && (r->held || r->probe)) {
        orb_sends_hold(r, s);
        return 0;
    }
    if (!r->head)
        r->last_read_ms = orb_loop_now_ms(r->loop); /* nothing was due: the silence so far was right */
    orb_sends_add(r, s);
    if (r->state == UP) {
        orb_sends_write(r, s);
    } else if (r->state == IDLE && !r->is_freed) {
        orb_link_dial_soon(r);
    }
    return 0;
}

int orb_redis_send(struct orb_redis *r, struct orb_buf *b, unsigned count, int flags, orb_redis_cb cb, void *arg)
{
    return send_with(r, b, count, flags, NULL, cb, arg);
}

int orb_redis_send_again(struct orb_redis *r, struct orb_buf *b, unsigned count, orb_redis_again_fn again, orb_redis_cb cb, void *arg)
{
    return send_with(r, b, count, ORB_REDIS_RETRY | ORB_REDIS_ORDERED, again, cb, arg);
}

/* ---- life -------------------------------------------------------------- */

struct orb_redis *orb_redis_new(struct orb_loop *loop, const struct orb_redis_config *config)
{
    struct orb_redis *r = orb_alloc(sizeof *r);
    r->loop = loop;
    r->config = *config;
    r->config.tls_ca = config->tls_ca ? orb_strdup(config->tls_ca) : NULL;
    r->config.tls_cert = config->tls_cert ? orb_strdup(config->tls_cert) : NULL;
    r->config.tls_key = config->tls_key ? orb_strdup(config->tls_key) : NULL;
    r->config.name = config->name ? orb_strdup(config->name) : NULL;
    r->tail = &r->head;
    r->timer = orb_timer_new(loop, orb_link_timer, r);
    r->hold = orb_timer_new(loop, orb_sends_try, r);
    r->route = orb_route_new(loop, &r->config);
    orb_buf_init(&r->out, config->max_queued_bytes * 2 + 4096);
    r->state = DIALING;
    orb_loop_defer(loop, orb_link_dial, r);
    return r;
}

static void finish_free(void *arg)
{
    struct orb_redis *r = arg;
    struct orb_error err;
    if (r->in_callbacks) {
        orb_loop_defer(r->loop, finish_free, r);
        return;
    }
    orb_error_set(&err, ORB_E_CANCELLED, "the connection to Redis was closed");
    orb_sends_merge(r);
    orb_sends_fail(r, &err, 0);
    orb_loop_forget(r->loop, r);
    orb_timer_free(r->timer);
    orb_timer_free(r->hold);
    orb_route_free(r->route);
    if (r->reader)
        redisReaderFree(r->reader);
    orb_buf_done(&r->out);
    free((char *)(uintptr_t)r->config.name);
    orb_redis_config_done(&r->config);
    free(r);
}

void orb_redis_free(struct orb_redis *r)
{
    if (!r || r->is_freed)
        return;
    r->is_freed = 1;
    orb_loop_forget(r->loop, r);
    orb_route_cancel(r->route);
    orb_dial_cancel(r->dial);
    r->dial = NULL;
    orb_timer_stop(r->hold);
    if (r->bev) {
        if (!r->is_choked && !r->out.err)
            orb_link_flush(r);
        bufferevent_setcb(r->bev, NULL, NULL, NULL, NULL);
        bufferevent_free(r->bev);
        r->bev = NULL;
    }
    r->state = IDLE;
    r->config.state = NULL;
    orb_timer_stop(r->timer);
    orb_loop_defer(r->loop, finish_free, r);
}

int orb_redis_is_up(const struct orb_redis *r)
{
    return r->state == UP;
}

size_t orb_redis_queued_bytes(const struct orb_redis *r)
{
    return r->queued;
}
