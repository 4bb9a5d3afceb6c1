/* What Redis says on a connection. */
#include "loop/redis_inner.h"
#include "loop/refusal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX 8

/* After SCRIPT FLUSH or on a promoted replica the scripts are gone: state()
 * loads them again, and the command goes out once more behind that. */
static int reload(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR || !orb_refusal_is(reply->str, "NOSCRIPT") || !r->config.state ||
        !(s->flags & ORB_REDIS_RETRY) || s->flags & WAS_RELOADED || s->count > 1)
        return 0;
    orb_sends_pop(r);
    r->config.state(r->config.arg, 1, NULL);
    s->flags |= WAS_RELOADED;
    s->left = s->count;
    orb_sends_add(r, s);
    orb_sends_write(r, s);
    return 1;
}

static void note_error(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (s->err)
        return;
    s->err = orb_alloc(sizeof *s->err);
    orb_refusal_error(reply->str, &r->config, s->err);
    s->is_passing = orb_refusal_is_passing(reply->str);
    if (orb_refusal_is(reply->str, "NOSCRIPT") && s->flags & IS_EVENT && r->config.state) {
        s->is_passing = 1;
        r->config.state(r->config.arg, 1, NULL); /* loads them */
    }
}

static void on_trouble_reply(struct orb_redis *r, const redisReply *reply)
{
    struct orb_error err;
    orb_refusal_error(reply->str, &r->config, &err);
    r->is_moved = orb_refusal_is(reply->str, "MOVED ") && !orb_route_moved(r->route, reply->str);
    orb_link_down(r, &err);
}

static void on_command_reply(struct orb_redis *r, const redisReply *reply)
{
    struct sent *s = r->head;
    if (!s) {
        struct orb_error err;
        orb_error_set(&err, ORB_E_PROTOCOL, "Redis sent a reply that nothing asked for");
        orb_link_down(r, &err);
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        int follows = r->config.reconnect || *r->config.url.master || orb_refusal_is(reply->str, "MOVED ");
        if (follows && orb_refusal_is_trouble(reply->str)) {
            on_trouble_reply(r, reply);
            return;
        }
        if (reload(r, s, reply))
            return;
        note_error(r, s, reply);
    }
    if (--s->left)
        return;
    orb_sends_pop(r);
    if (orb_sends_hold_refused(r, s))
        return;
    int was_probe = r->probe == s;
    if (was_probe)
        r->probe = NULL;
    orb_sends_settle(r, s, reply);
    if (was_probe)
        orb_sends_release(r);
}

static void on_handshake_reply(struct orb_redis *r, const redisReply *reply)
{
    struct orb_error err;
    switch (orb_login_reply(&r->login, (const struct orb_reply *)(const void *)reply, r->was_up, &r->out)) {
    case ORB_LOGIN_MORE:
        if (r->out.len)
            orb_link_flush(r);
        break;
    case ORB_LOGIN_OK:
        orb_link_up(r);
        break;
    case ORB_LOGIN_FAILED:
        err = r->login.err;
        orb_route_explain(r->route, &err);
        orb_link_down(r, &err);
        break;
    case ORB_LOGIN_MOVED:
        if (++r->redirects > REDIRECTS_MAX) {
            orb_error_set(&err, ORB_E_UNREACHABLE, "the nodes of the Redis Cluster send each other's clients round in a circle");
            orb_link_down(r, &err);
            break;
        }
        orb_link_close(r);
        r->state = DIALING;
        orb_loop_defer(r->loop, orb_link_dial, r);
        break;
    }
}

static int is_pong(const redisReply *reply)
{
    const char *text = reply->type == REDIS_REPLY_STATUS ? reply->str
                       : reply->type == REDIS_REPLY_ARRAY && reply->elements ? reply->element[0]->str : NULL;
    return text && !strcasecmp(text, "pong");
}

/* A subscribed client gets even the refusals of a server that is loading as answers. One that takes no
 * writes for now refuses a PING, too, and is alive. */
static void on_push_reply(struct orb_redis *r, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR && r->config.reconnect && orb_refusal_is_trouble(reply->str))
        on_trouble_reply(r, reply);
    else if (!is_pong(reply) && !(reply->type == REDIS_REPLY_ERROR && orb_refusal_is_passing(reply->str)))
        r->config.push(r->config.arg, (const struct orb_reply *)(const void *)reply);
}

static void on_reply(struct orb_redis *r, const redisReply *reply)
{
    if (r->state == HANDSHAKE)
        on_handshake_reply(r, reply);
    else if (r->config.push)
        on_push_reply(r, reply);
    else
        on_command_reply(r, reply);
}

void orb_link_read(struct bufferevent *bev, void *arg)
{
    struct orb_redis *r = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    r->last_read_ms = orb_loop_now_ms(r->loop);
    r->suspect_ms = 0;
    struct evbuffer_iovec piece;
    while (evbuffer_peek(in, -1, NULL, &piece, 1) > 0) {
        redisReaderFeed(r->reader, piece.iov_base, piece.iov_len);
        evbuffer_drain(in, piece.iov_len);
    }
    r->in_callbacks++;
    while (r->bev == bev && !r->is_freed) {
        void *reply = NULL;
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            struct orb_error err;
            orb_error_set(&err, ORB_E_PROTOCOL, "Redis sent bytes that are not its protocol: %s", r->reader->errstr);
            orb_link_down(r, &err);
            break;
        }
        if (!reply)
            break;
        on_reply(r, reply);
        freeReplyObject(reply);
    }
    r->in_callbacks--;
}

void orb_link_event(struct bufferevent *bev, short what, void *arg)
{
    struct orb_redis *r = arg;
    int socket_errno = EVUTIL_SOCKET_ERROR();
    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "the connection to Redis broke: %s",
                  what & BEV_EVENT_EOF ? "closed by the server" : strerror(socket_errno));
    orb_link_down(r, &err);
}
