/* One pipelined connection to Redis: the queue of sends, replies in order,
 * reconnecting. Making the connection itself is dial.c. */
#include "loop/redis.h"
#include "base/base.h"
#include "loop/dial.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define LOGIN_TIMEOUT_MS 10000

/* One send: count commands, one callback. */
struct sent {
    struct sent *next;
    char *data;               /* kept until the reply has come if flags say RETRY, else until written */
    size_t len;
    unsigned count, left;
    int flags;
    orb_redis_cb cb;
    orb_redis_again_fn again; /* NULL: what is sent again is the same */
    void *arg;
    struct orb_error *err;    /* the first error reply of several commands */
};
#define WAS_RELOADED 256      /* sent again after NOSCRIPT once already */
#define WAS_WRITTEN 512       /* Redis may have run it */

enum state { IDLE, DIALING, HANDSHAKE, UP, WAITING };

struct orb_redis {
    struct orb_loop *loop;
    struct orb_redis_config config;
    enum state state;
    struct orb_dial *dial;
    struct bufferevent *bev;
    redisReader *reader;
    struct orb_timer *timer;  /* WAITING: connect again; else: is a reply overdue? */
    struct orb_buf out;       /* of this turn, not yet written */
    int flush_due, is_choked; /* choked: more is unwritten than may be */
    struct sent *head, **tail; /* waiting for replies, in order; those not written yet (not UP) too */
    size_t queued;
    unsigned handshakes;      /* replies of the login still to come */
    struct orb_error login;   /* its first error */
    int64_t last_read_ms;
    int backoff_ms;
    int64_t up_ms;            /* when it came up; 0: it has not since the last failure */
    int is_freed;
    int in_callbacks;         /* depth; memory is kept meanwhile */
};

static void start_dial(void *arg);
static void flush(void *arg);
static void need_flush(struct orb_redis *r);

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
    config->max_queued_bytes = 64 * 1024 * 1024;
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

/* ---- the queue --------------------------------------------------------- */

static void append(struct orb_redis *r, struct sent *s)
{
    s->next = NULL;
    *r->tail = s;
    r->tail = &s->next;
}

static struct sent *pop(struct orb_redis *r)
{
    struct sent *s = r->head;
    r->head = s->next;
    if (!r->head)
        r->tail = &r->head;
    return s;
}

static void sent_free(struct orb_redis *r, struct sent *s)
{
    if (s->data)
        r->queued -= s->len;
    free(s->data);
    free(s->err);
    free(s);
}

static void fail_sent(struct orb_redis *r, struct sent *s, const struct orb_error *err)
{
    if (s->cb)
        s->cb(s->arg, NULL, err);
    sent_free(r, s);
}

/* Fail every send, or only those that must not run twice. */
static void fail_queue(struct orb_redis *r, const struct orb_error *err, int keep_retries)
{
    struct sent *s = r->head;
    r->head = NULL;
    r->tail = &r->head;
    struct sent *doomed = NULL, **doomed_tail = &doomed;
    while (s) {
        struct sent *next = s->next;
        if (keep_retries && s->flags & ORB_REDIS_RETRY) {
            s->left = s->count;
            free(s->err);
            s->err = NULL;
            append(r, s);
        } else {
            s->next = NULL;
            *doomed_tail = s;
            doomed_tail = &s->next;
        }
        s = next;
    }
    r->in_callbacks++;
    while (doomed) {
        struct sent *next = doomed->next;
        fail_sent(r, doomed, err);
        doomed = next;
    }
    r->in_callbacks--;
}

/* ---- going down, coming up --------------------------------------------- */

static void close_link(struct orb_redis *r)
{
    orb_dial_cancel(r->dial);
    r->dial = NULL;
    if (r->bev)
        bufferevent_free(r->bev);
    r->bev = NULL;
    if (r->reader)
        redisReaderFree(r->reader);
    r->reader = NULL;
    orb_buf_reset(&r->out);
    r->is_choked = 0;
    orb_timer_stop(r->timer);
}

static void go_down(struct orb_redis *r, const struct orb_error *why)
{
    struct orb_error err = *why;
    close_link(r);
    r->state = IDLE;
    if (r->config.reconnect) {
        /* Coming up is no proof: a replica takes the login and refuses what follows. */
        if (r->up_ms && orb_loop_now_ms(r->loop) - r->up_ms > BACKOFF_MAX_MS)
            r->backoff_ms = 0;
        r->up_ms = 0;
        /* Full jitter over a doubling limit, so that a fleet does not come back as one. */
        r->backoff_ms = r->backoff_ms ? r->backoff_ms * 2 : BACKOFF_MIN_MS;
        if (r->backoff_ms > BACKOFF_MAX_MS)
            r->backoff_ms = BACKOFF_MAX_MS;
        r->state = WAITING;
        orb_timer_start(r->timer, 20 + (int64_t)(orb_random_unit() * r->backoff_ms));
    }
    r->in_callbacks++;
    fail_queue(r, &err, r->config.reconnect);
    if (r->config.state && !r->is_freed)
        r->config.state(r->config.arg, 0, &err);
    r->in_callbacks--;
}

static void write_out(struct orb_redis *r, struct sent *s)
{
    orb_buf_add(&r->out, s->data, s->len);
    s->flags |= WAS_WRITTEN;
    if (!(s->flags & ORB_REDIS_RETRY)) {
        r->queued -= s->len;
        free(s->data);
        s->data = NULL;
    }
    need_flush(r);
}

static void settle(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (s->cb) {
        r->in_callbacks++;
        s->cb(s->arg, s->err ? NULL : (const struct orb_reply *)(const void *)reply, s->err);
        r->in_callbacks--;
    }
    sent_free(r, s);
}

/* Commands are read as replies are: they are written the same. */
static unsigned write_again(const struct sent *s, struct orb_buf *b)
{
    redisReader *reader = redisReaderCreate();
    void **commands = orb_alloc(s->count * sizeof *commands);
    unsigned count = 0;
    redisReaderFeed(reader, s->data, s->len);
    while (count < s->count && redisReaderGetReply(reader, &commands[count]) == REDIS_OK && commands[count])
        count++;
    ORB_ASSERT(count == s->count);
    unsigned wanted = s->again(s->arg, (const struct orb_reply *const *)(const void *)commands, count, b);
    while (count)
        freeReplyObject(commands[--count]);
    free(commands);
    redisReaderFree(reader);
    return wanted;
}

/* 0: nothing is left to be sent, and s is gone. */
static int take_other_form(struct orb_redis *r, struct sent *s)
{
    struct orb_buf b;
    orb_buf_init(&b, 2 * r->config.max_queued_bytes);
    s->count = s->left = write_again(s, &b);
    s->again = NULL;
    if (b.err) {
        s->count = 0;
        s->err = orb_alloc(sizeof *s->err);
        orb_error_set(s->err, b.err, "%s", orb_error_text(b.err));
    }
    if (s->count) {
        r->queued -= s->len;
        free(s->data);
        s->len = b.len;
        s->data = orb_buf_take(&b);
        r->queued += s->len;
    }
    orb_buf_done(&b);
    int has_more = s->count > 0;
    if (!has_more)
        settle(r, s, NULL);
    return has_more;
}

static void come_up(struct orb_redis *r)
{
    struct sent *kept = r->head;
    r->head = NULL;
    r->tail = &r->head;
    r->state = UP;
    r->up_ms = orb_loop_now_ms(r->loop);
    if (r->config.state)
        r->config.state(r->config.arg, 1, NULL);
    while (kept) {
        struct sent *next = kept->next;
        if (kept->again && kept->flags & WAS_WRITTEN && !take_other_form(r, kept)) {
            kept = next;
            continue;
        }
        append(r, kept);
        if (r->state == UP && !r->is_freed)
            write_out(r, kept);
        kept = next;
    }
}

/* ---- writing ----------------------------------------------------------- */

/* How long the server may be silent now; 0 = for ever. */
static int patience_ms(const struct orb_redis *r)
{
    if (r->state == HANDSHAKE && !r->config.reply_timeout_ms)
        return LOGIN_TIMEOUT_MS;
    return r->config.reply_timeout_ms;
}

static void arm_watchdog(struct orb_redis *r)
{
    if (patience_ms(r) && !orb_timer_is_started(r->timer)) {
        r->last_read_ms = orb_loop_now_ms(r->loop);
        orb_timer_start(r->timer, patience_ms(r));
    }
}

static void flush(void *arg)
{
    struct orb_redis *r = arg;
    r->flush_due = 0;
    if (r->bev && (r->is_choked || r->out.err)) {
        struct orb_error err;
        orb_error_set(&err, ORB_E_UNREACHABLE, "Redis does not take what is sent to it; the connection is given up");
        go_down(r, &err);
        return;
    }
    if (!r->bev || !r->out.len)
        return;
    size_t done = 0;
    /* Straight to the socket when nothing is waiting there: saves the poll for
     * writability that a bufferevent makes of every write. */
    if (!r->config.url.is_tls && !evbuffer_get_length(bufferevent_get_output(r->bev))) {
        ssize_t n = send(bufferevent_getfd(r->bev), r->out.data, r->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            done = (size_t)n;
    }
    if (done < r->out.len)
        bufferevent_write(r->bev, r->out.data + done, r->out.len - done);
    if (r->out.cap > 256 * 1024)
        orb_buf_done(&r->out);
    orb_buf_reset(&r->out);
    arm_watchdog(r);
}

static void need_flush(struct orb_redis *r)
{
    if (!r->flush_due) {
        r->flush_due = 1;
        orb_loop_defer(r->loop, flush, r);
    }
}

static size_t unwritten(const struct orb_redis *r)
{
    return r->out.len + (r->bev ? evbuffer_get_length(bufferevent_get_output(r->bev)) : 0);
}

/* On a Pub/Sub connection nothing is kept: the answers are pushes, and state()
 * subscribes anew on every connection. So one that is full is given up. */
static int push_send(struct orb_redis *r, struct orb_buf *b)
{
    if (r->state == UP) {
        if (unwritten(r) + b->len > r->config.max_queued_bytes)
            r->is_choked = 1;
        else
            orb_buf_add(&r->out, b->data, b->len);
        need_flush(r);
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
    if (r->queued + b->len > r->config.max_queued_bytes || unwritten(r) + b->len > r->config.max_queued_bytes) {
        orb_buf_reset(b);
        return ORB_E_BACKLOG;
    }
    struct sent *s = orb_alloc(sizeof *s);
    *s = (struct sent){ .len = b->len, .count = count, .left = count, .flags = flags, .again = again, .cb = cb, .arg = arg };
    s->data = orb_buf_take(b);
    r->queued += s->len;
    if (!r->head)
        r->last_read_ms = orb_loop_now_ms(r->loop); /* nothing was due: the silence so far was right */
    append(r, s);
    if (r->state == UP) {
        write_out(r, s);
    } else if (r->state == IDLE && !r->is_freed) {
        r->state = DIALING;
        orb_loop_defer(r->loop, start_dial, r);
    }
    return 0;
}

int orb_redis_send(struct orb_redis *r, struct orb_buf *b, unsigned count, int flags, orb_redis_cb cb, void *arg)
{
    return send_with(r, b, count, flags, NULL, cb, arg);
}

int orb_redis_send_again(struct orb_redis *r, struct orb_buf *b, unsigned count, orb_redis_again_fn again, orb_redis_cb cb, void *arg)
{
    return send_with(r, b, count, ORB_REDIS_RETRY, again, cb, arg);
}

/* ---- reading ----------------------------------------------------------- */

static int starts(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static void error_from_reply(const redisReply *reply, struct orb_error *err)
{
    static const struct { const char *prefix; int code; } codes[] = {
        { "NOAUTH", ORB_E_REFUSED }, { "WRONGPASS", ORB_E_REFUSED }, { "NOPERM", ORB_E_REFUSED },
        { "ERR invalid password", ORB_E_REFUSED }, { "READONLY", ORB_E_REFUSED }, { "ERR Client sent AUTH", ORB_E_REFUSED },
        { "ERR AUTH", ORB_E_REFUSED }, { "LOADING", ORB_E_UNREACHABLE }, { "MASTERDOWN", ORB_E_UNREACHABLE },
    };
    int code = ORB_E_PROTOCOL;
    for (size_t i = 0; i < ORB_COUNT(codes); i++)
        if (starts(reply->str, codes[i].prefix))
            code = codes[i].code;
    const char *hint = "";
    if (code == ORB_E_REFUSED && !starts(reply->str, "READONLY"))
        hint = "; check the user and password in the Redis URL, and the user's ACL";
    orb_error_set(err, code, "Redis refused: %s%s", reply->str, hint);
}

/* The server cannot serve for now, but the same command may work later. */
static int is_link_trouble(const char *text)
{
    return starts(text, "LOADING") || starts(text, "MASTERDOWN") || starts(text, "READONLY");
}

/* After SCRIPT FLUSH or on a promoted replica the scripts are gone: state()
 * loads them again, and the command goes out once more behind that. */
static int reload(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR || !starts(reply->str, "NOSCRIPT") || !r->config.state ||
        !(s->flags & ORB_REDIS_RETRY) || s->flags & WAS_RELOADED || s->count > 1)
        return 0;
    pop(r);
    r->config.state(r->config.arg, 1, NULL);
    s->flags |= WAS_RELOADED;
    s->left = s->count;
    append(r, s);
    write_out(r, s);
    return 1;
}

static void on_command_reply(struct orb_redis *r, const redisReply *reply)
{
    struct sent *s = r->head;
    if (!s) {
        struct orb_error err;
        orb_error_set(&err, ORB_E_PROTOCOL, "Redis sent a reply that nothing asked for");
        go_down(r, &err);
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        if (r->config.reconnect && is_link_trouble(reply->str)) {
            struct orb_error err;
            error_from_reply(reply, &err);
            go_down(r, &err);
            return;
        }
        if (reload(r, s, reply))
            return;
        if (!s->err) {
            s->err = orb_alloc(sizeof *s->err);
            error_from_reply(reply, s->err);
        }
    }
    if (--s->left)
        return;
    settle(r, pop(r), reply);
}

static void on_handshake_reply(struct orb_redis *r, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR && !r->login.code)
        error_from_reply(reply, &r->login);
    if (--r->handshakes)
        return;
    if (r->login.code) {
        struct orb_error err = r->login;
        go_down(r, &err);
        return;
    }
    come_up(r);
}

static void on_reply(struct orb_redis *r, const redisReply *reply)
{
    if (r->state == HANDSHAKE)
        on_handshake_reply(r, reply);
    else if (r->config.push)
        r->config.push(r->config.arg, (const struct orb_reply *)(const void *)reply);
    else
        on_command_reply(r, reply);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct orb_redis *r = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    r->last_read_ms = orb_loop_now_ms(r->loop);
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
            go_down(r, &err);
            break;
        }
        if (!reply)
            break;
        on_reply(r, reply);
        freeReplyObject(reply);
    }
    r->in_callbacks--;
}

static void on_link_event(struct bufferevent *bev, short what, void *arg)
{
    struct orb_redis *r = arg;
    int socket_errno = EVUTIL_SOCKET_ERROR();
    (void)bev;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "the connection to Redis broke: %s",
                  what & BEV_EVENT_EOF ? "closed by the server" : strerror(socket_errno));
    go_down(r, &err);
}

/* ---- connecting -------------------------------------------------------- */

static void login(struct orb_redis *r)
{
    const struct orb_redis_url *url = &r->config.url;
    r->state = HANDSHAKE;
    r->handshakes = 1;
    memset(&r->login, 0, sizeof r->login);
    if (*url->password) {
        r->handshakes++;
        orb_cmd_start(&r->out, *url->user ? 3 : 2);
        orb_cmd_str(&r->out, "AUTH");
        if (*url->user)
            orb_cmd_str(&r->out, url->user);
        orb_cmd_str(&r->out, url->password);
    }
    if (url->db) {
        r->handshakes++;
        orb_cmd_start(&r->out, 2);
        orb_cmd_str(&r->out, "SELECT");
        orb_cmd_int(&r->out, url->db);
    }
    if (r->config.name) {
        r->handshakes++;
        orb_cmd_start(&r->out, 3);
        orb_cmd_str(&r->out, "CLIENT");
        orb_cmd_str(&r->out, "SETNAME");
        orb_cmd_str(&r->out, r->config.name);
    }
    /* A server that is loading its data says so to this one. */
    orb_cmd_start(&r->out, 1);
    orb_cmd_str(&r->out, "PING");
    flush(r);
}

static void dialed(void *arg, struct bufferevent *bev, const struct orb_error *err)
{
    struct orb_redis *r = arg;
    r->dial = NULL;
    if (!bev) {
        go_down(r, err);
        return;
    }
    r->bev = bev;
    r->reader = redisReaderCreate();
    /* libevent takes 16 KiB a turn unless told otherwise: too little for the events of a thousand tasks. */
    bufferevent_set_max_single_write(bev, 1024 * 1024);
    bufferevent_set_max_single_read(bev, 256 * 1024);
    bufferevent_setcb(bev, on_read, NULL, on_link_event, r);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    login(r);
}

static void start_dial(void *arg)
{
    struct orb_redis *r = arg;
    if (r->is_freed || r->dial || r->bev)
        return;
    r->state = DIALING;
    r->dial = orb_dial_start(r->loop, &r->config, dialed, r);
}

static void on_timer(void *arg)
{
    struct orb_redis *r = arg;
    if (r->state == WAITING) {
        start_dial(r);
        return;
    }
    int patience = patience_ms(r);
    if (!r->bev || !patience || (!r->head && r->state == UP))
        return;
    int64_t silent = orb_loop_now_ms(r->loop) - r->last_read_ms;
    if (silent < patience) {
        orb_timer_start(r->timer, patience - silent);
        return;
    }
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "Redis has not answered for %d s; the connection is given up", patience / 1000);
    go_down(r, &err);
}

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
    r->timer = orb_timer_new(loop, on_timer, r);
    orb_buf_init(&r->out, config->max_queued_bytes * 2 + 4096);
    r->state = DIALING;
    orb_loop_defer(loop, start_dial, r);
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
    fail_queue(r, &err, 0);
    orb_loop_forget(r->loop, r);
    orb_timer_free(r->timer);
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
    orb_dial_cancel(r->dial);
    r->dial = NULL;
    if (r->bev) {
        if (!r->is_choked && !r->out.err)
            flush(r);
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
