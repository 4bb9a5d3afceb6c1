/* One pipelined connection to Redis: the queue of sends, replies in order,
 * reconnecting. Where to is route.c, making the connection itself dial.c, what is said
 * first login.c. */
#include "loop/redis.h"
#include "base/base.h"
#include "loop/dial.h"
#include "loop/login.h"
#include "loop/refusal.h"
#include "loop/route.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* A link that was up once stands again within 5 s of the trouble's end: a try that began
 * before it, the wait for the next one and that one are shorter together. */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000
#define PROVEN_MS 5000           /* up for so long: the next failure is a new one */
#define LOGIN_TIMEOUT_MS 10000
#define LOGIN_AGAIN_TIMEOUT_MS 2000
#define PUSH_PING_MS 1000        /* a silent Pub/Sub link is asked whether it is alive */
#define PUSH_TIMEOUT_MS 3000
#define WATCH_MS 1000
#define BACKLOG_BYTES (16 * 1024) /* so much not taken yet by the other side, and less each time: it is alive */
#define REDIRECTS_MAX 8
#define HOLD_MS 250
#define STUCK_MS 50              /* so old, a try may have begun while nothing came through */
#define SUSPECT_MS 1500          /* longer than a blocking read waits */
#define HASTY_MS 400             /* for a try; four times what a login takes, where that is more */
#define DOUBT_MS 700             /* longer than WAIT waits for a replica */

/* One send: count commands, one callback. */
struct sent {
    struct sent *next;
    uint64_t serial;
    char *data;               /* kept until the reply has come if flags say RETRY, else until written */
    size_t len;
    unsigned count, left;
    int flags;
    orb_redis_cb cb;
    orb_redis_again_fn again; /* NULL: what is sent again is the same */
    void *arg;
    struct orb_error *err;    /* the first error reply of several commands */
    int is_passing;           /* that may be gone soon */
};
#define WAS_RELOADED 256      /* sent again after NOSCRIPT once already */
#define WAS_WRITTEN 512       /* Redis may have run it */
#define IS_EVENT 1024         /* came with another form; kept when it is refused for now */

enum state { IDLE, DIALING, HANDSHAKE, UP, WAITING, HOPELESS };

struct orb_redis {
    struct orb_loop *loop;
    struct orb_redis_config config;
    enum state state;
    struct orb_route *route;
    struct orb_dial *dial;
    struct bufferevent *bev;
    redisReader *reader;
    struct orb_timer *timer;  /* WAITING: connect again; else: is the server alive? */
    struct orb_buf out;       /* of this turn, not yet written */
    int flush_due, is_choked; /* choked: more is unwritten than may be */
    struct sent *head, **tail; /* waiting for replies, in order; those not written yet (not UP) too */
    size_t queued;
    uint64_t serials;
    /* What Redis refuses for now, and everything ORDERED behind it; by serial. */
    struct sent *held, *held_last;
    struct sent *probe;       /* the first of them, on its way again */
    struct orb_timer *hold;
    struct orb_login login;
    int redirects;            /* nodes in a row that sent us on */
    int is_moved;             /* go_down: the next address is known, no need to wait */
    int64_t last_read_ms, watched_ms;
    int64_t written, taken;   /* bytes of this connection */
    int backoff_ms;
    int64_t up_ms;            /* when it came up; 0: it has not since the last failure */
    int64_t tried_ms;         /* the try under way began, or the one that came up */
    int64_t login_ms;         /* what it takes to come up */
    int suspect_ms;           /* another connection had to be made anew: until something is read the patience is so short; 0 = as ever */
    int was_up;
    struct orb_error hopeless; /* HOPELESS: why */
    int is_freed;
    int in_callbacks;         /* depth; memory is kept meanwhile */
};

static void start_dial(void *arg);
static void flush(void *arg);
static void need_flush(struct orb_redis *r);
static void watch(struct orb_redis *r);

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

static void fail_hopeless(void *arg)
{
    struct orb_redis *r = arg;
    fail_queue(r, &r->hopeless, 0);
}

/* ---- what Redis refuses for now ---------------------------------------- */

static void hold(struct orb_redis *r, struct sent *s)
{
    struct sent **link = &r->held;
    /* Almost always the last. One that was on its way already goes before later ones. */
    if (r->held && r->held_last->serial < s->serial)
        link = &r->held_last->next;
    while (*link && (*link)->serial < s->serial)
        link = &(*link)->next;
    s->next = *link;
    *link = s;
    if (!s->next)
        r->held_last = s;
}

static struct sent *take_held(struct orb_redis *r)
{
    struct sent *s = r->held;
    r->held = s->next;
    if (!r->held)
        r->held_last = NULL;
    return s;
}

/* The link is gone: all that is kept is one queue again. */
static void merge_held(struct orb_redis *r)
{
    struct sent *list = r->head;
    orb_timer_stop(r->hold);
    r->probe = NULL;
    if (!r->held)
        return;
    r->head = NULL;
    r->tail = &r->head;
    for (struct sent *next; list; list = next) {
        next = list->next;
        if (list->flags & ORB_REDIS_ORDERED)
            hold(r, list);
        else
            append(r, list);
    }
    *r->tail = r->held;
    r->tail = &r->held_last->next;
    r->held = r->held_last = NULL;
}

/* ---- going down, coming up --------------------------------------------- */

static void close_link(struct orb_redis *r)
{
    orb_route_cancel(r->route);
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
    r->written = r->taken = 0;
    orb_timer_stop(r->timer);
}

static void wait_to_reconnect(struct orb_redis *r)
{
    int64_t now = orb_loop_now_ms(r->loop);
    r->state = WAITING;
    if ((r->is_moved || r->suspect_ms) && r->up_ms && now - r->up_ms > BACKOFF_MIN_MS) {
        orb_timer_start(r->timer, 0);
        return;
    }
    /* Coming up is no proof: a replica takes the login and refuses what follows. */
    if (r->up_ms && now - r->up_ms > PROVEN_MS)
        r->backoff_ms = 0;
    /* Full jitter over a doubling limit, so that a fleet does not come back as one. */
    r->backoff_ms = r->backoff_ms ? r->backoff_ms * 2 : BACKOFF_MIN_MS;
    int most = r->config.backoff_max_ms ? r->config.backoff_max_ms : BACKOFF_MAX_MS;
    if (r->backoff_ms > most)
        r->backoff_ms = most;
    orb_timer_start(r->timer, 20 + (int64_t)(orb_random_unit() * r->backoff_ms));
}

static void go_down(struct orb_redis *r, const struct orb_error *why)
{
    struct orb_error err = *why;
    int is_hopeless = r->state == HANDSHAKE && r->login.is_hopeless && r->config.reconnect && !r->was_up;
    close_link(r);
    r->state = IDLE;
    r->redirects = 0;
    if (is_hopeless) {
        r->state = HOPELESS;
        r->hopeless = err;
    } else if (r->config.reconnect) {
        wait_to_reconnect(r);
    }
    r->up_ms = 0;
    r->is_moved = r->suspect_ms = 0;
    merge_held(r);
    r->in_callbacks++;
    fail_queue(r, &err, r->config.reconnect && !is_hopeless);
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
    r->was_up = 1;
    r->redirects = 0;
    r->up_ms = orb_loop_now_ms(r->loop);
    r->login_ms = r->up_ms - r->tried_ms;
    if (r->login.notice.code && r->config.notice)
        r->config.notice(r->config.notice_arg, &r->login.notice);
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
    if (r->config.push)
        watch(r);
}

/* ---- writing ----------------------------------------------------------- */

static int is_hasty(const struct orb_redis *r)
{
    return r->config.is_hasty && r->was_up;
}

/* Four times what a login takes, in these bounds. */
static int login_patience(const struct orb_redis *r, int least, int most)
{
    int64_t ms = 4 * r->login_ms;
    return ms < least ? least : ms > most ? most : (int)ms;
}

static int hasty_ms(const struct orb_redis *r)
{
    return login_patience(r, HASTY_MS, LOGIN_AGAIN_TIMEOUT_MS);
}

/* How long the server may be silent now; 0 = for ever. */
static int patience_ms(const struct orb_redis *r)
{
    int ms = r->config.reply_timeout_ms;
    if (is_hasty(r) && r->state != UP)
        return hasty_ms(r);
    if (r->state == HANDSHAKE) {
        int most = r->config.reconnect && r->was_up ? LOGIN_AGAIN_TIMEOUT_MS : LOGIN_TIMEOUT_MS;
        return ms && ms < most ? ms : most;
    }
    ms = r->config.push ? PUSH_TIMEOUT_MS : ms;
    return r->suspect_ms && ms > r->suspect_ms ? r->suspect_ms : ms;
}

static int64_t watch_interval(const struct orb_redis *r)
{
    int ms = patience_ms(r) / 4;
    return ms > WATCH_MS ? WATCH_MS : ms < 20 ? 20 : ms;
}

static void watch(struct orb_redis *r)
{
    if (patience_ms(r) && !orb_timer_is_started(r->timer)) {
        r->last_read_ms = r->watched_ms = orb_loop_now_ms(r->loop);
        orb_timer_start(r->timer, watch_interval(r));
    }
}

/* A large send on a slow link has no answer for long, but less of it is left each time. */
static int is_taking(struct orb_redis *r)
{
    int in_socket = 0;
    if (ioctl(bufferevent_getfd(r->bev), SIOCOUTQ, &in_socket))
        in_socket = 0;
    int64_t left = (int64_t)evbuffer_get_length(bufferevent_get_output(r->bev)) + in_socket;
    int64_t had = r->taken;
    r->taken = r->written - left;
    return left > BACKLOG_BYTES && r->taken > had;
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
    r->written += (int64_t)r->out.len;
    if (r->out.cap > 256 * 1024)
        orb_buf_done(&r->out);
    orb_buf_reset(&r->out);
    watch(r);
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

static void dial_soon(struct orb_redis *r)
{
    r->state = DIALING;
    orb_loop_defer(r->loop, start_dial, r);
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
    *s = (struct sent){ .len = b->len, .count = count, .left = count, .flags = flags | (again ? IS_EVENT : 0), .again = again, .cb = cb, .arg = arg };
    s->data = orb_buf_take(b);
    s->serial = ++r->serials;
    r->queued += s->len;
    if (r->state == HOPELESS) {
        append(r, s);
        orb_loop_defer(r->loop, fail_hopeless, r);
        return 0;
    }
    if (r->state == UP && flags & ORB_REDIS_ORDERED && (r->held || r->probe)) {
        hold(r, s);
        return 0;
    }
    if (!r->head)
        r->last_read_ms = orb_loop_now_ms(r->loop); /* nothing was due: the silence so far was right */
    append(r, s);
    if (r->state == UP) {
        write_out(r, s);
    } else if (r->state == IDLE && !r->is_freed) {
        dial_soon(r);
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

/* ---- reading ----------------------------------------------------------- */

/* After SCRIPT FLUSH or on a promoted replica the scripts are gone: state()
 * loads them again, and the command goes out once more behind that. */
static int reload(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR || !orb_refusal_is(reply->str, "NOSCRIPT") || !r->config.state ||
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

/* Sends the first held one; the others follow when it has been taken. */
static void try_held(void *arg)
{
    struct orb_redis *r = arg;
    while (r->held && !r->probe && r->state == UP && !r->is_freed) {
        struct sent *s = take_held(r);
        if (s->again && s->flags & WAS_WRITTEN && !take_other_form(r, s))
            continue;
        r->probe = s;
        append(r, s);
        write_out(r, s);
    }
}

static void release_held(struct orb_redis *r)
{
    while (r->held && r->state == UP && !r->is_freed) {
        struct sent *s = take_held(r);
        if (s->again && s->flags & WAS_WRITTEN && !take_other_form(r, s))
            continue;
        append(r, s);
        write_out(r, s);
    }
}

/* Events that Redis refuses for now wait, and in order. Scripts that it refuses are
 * the caller's to repeat: what they say may have changed. */
static int hold_refused(struct orb_redis *r, struct sent *s)
{
    int is_event = s->flags & ORB_REDIS_ORDERED && s->flags & IS_EVENT;
    if (!s->err || !is_event || !s->is_passing)
        return 0;
    struct orb_error err = *s->err;
    if (r->probe == s)
        r->probe = NULL;
    free(s->err);
    s->err = NULL;
    s->is_passing = 0;
    s->left = s->count;
    hold(r, s);
    if (!orb_timer_is_started(r->hold))
        orb_timer_start(r->hold, HOLD_MS);
    if (r->config.notice) {
        r->in_callbacks++;
        r->config.notice(r->config.notice_arg, &err);
        r->in_callbacks--;
    }
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
    go_down(r, &err);
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
    pop(r);
    if (hold_refused(r, s))
        return;
    int was_probe = r->probe == s;
    if (was_probe)
        r->probe = NULL;
    settle(r, s, reply);
    if (was_probe)
        release_held(r);
}

static void on_handshake_reply(struct orb_redis *r, const redisReply *reply)
{
    struct orb_error err;
    switch (orb_login_reply(&r->login, (const struct orb_reply *)(const void *)reply, r->was_up, &r->out)) {
    case ORB_LOGIN_MORE:
        if (r->out.len)
            flush(r);
        break;
    case ORB_LOGIN_OK:
        come_up(r);
        break;
    case ORB_LOGIN_FAILED:
        err = r->login.err;
        orb_route_explain(r->route, &err);
        go_down(r, &err);
        break;
    case ORB_LOGIN_MOVED:
        if (++r->redirects > REDIRECTS_MAX) {
            orb_error_set(&err, ORB_E_UNREACHABLE, "the nodes of the Redis Cluster send each other's clients round in a circle");
            go_down(r, &err);
            break;
        }
        close_link(r);
        r->state = DIALING;
        orb_loop_defer(r->loop, start_dial, r);
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

static void on_read(struct bufferevent *bev, void *arg)
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

static void dialed(void *arg, struct bufferevent *bev, const struct orb_error *err)
{
    struct orb_redis *r = arg;
    r->dial = NULL;
    orb_timer_stop(r->timer);
    if (!bev) {
        struct orb_error why = *err;
        orb_route_explain(r->route, &why);
        go_down(r, &why);
        return;
    }
    r->bev = bev;
    r->reader = redisReaderCreate();
    /* libevent takes 16 KiB a turn unless told otherwise: too little for the events of a thousand tasks. */
    bufferevent_set_max_single_write(bev, 1024 * 1024);
    bufferevent_set_max_single_read(bev, 256 * 1024);
    bufferevent_setcb(bev, on_read, NULL, on_link_event, r);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    r->state = HANDSHAKE;
    orb_login_start(&r->login, &r->config, r->route, &r->out);
    flush(r);
}

static void routed(void *arg, const struct orb_error *err)
{
    struct orb_redis *r = arg;
    if (err)
        go_down(r, err);
    else
        r->dial = orb_dial_start(r->loop, &r->config, orb_route_url(r->route), dialed, r);
    if (r->dial && is_hasty(r))
        orb_timer_start(r->timer, hasty_ms(r));
}

static void start_dial(void *arg)
{
    struct orb_redis *r = arg;
    if (r->is_freed || r->dial || r->bev)
        return;
    r->state = DIALING;
    r->tried_ms = orb_loop_now_ms(r->loop);
    if (orb_route_next(r->route, routed, r))
        routed(r, NULL);
}

void orb_redis_hurry(struct orb_redis *r, const struct orb_redis *risen)
{
    int64_t now = orb_loop_now_ms(r->loop), login_ms = risen->up_ms - risen->tried_ms;
    int is_trying = r->state == DIALING || r->state == HANDSHAKE;
    if (r->is_freed)
        return;
    if (r->state != UP && r->login_ms < login_ms)
        r->login_ms = login_ms;
    if (r->state == UP && 3 * login_ms < SUSPECT_MS && !r->suspect_ms)
        r->suspect_ms = SUSPECT_MS;
    if (r->state == IDLE && r->was_up)
        dial_soon(r);
    if (r->state != WAITING && !(is_trying && r->was_up && now - r->tried_ms >= STUCK_MS && now - r->tried_ms >= 3 * login_ms))
        return;
    close_link(r);
    r->state = WAITING;
    orb_timer_start(r->timer, 0);
}

static void give_up_dial(struct orb_redis *r)
{
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "cannot connect to Redis: no answer within %d ms", hasty_ms(r));
    orb_route_explain(r->route, &err);
    go_down(r, &err);
}

static void ping(struct orb_redis *r)
{
    orb_cmd_start(&r->out, 1);
    orb_cmd_str(&r->out, "PING");
    need_flush(r);
}

void orb_redis_doubt(struct orb_redis *r)
{
    if (r->state == IDLE && !r->is_freed)
        dial_soon(r);
    if (r->state != UP || r->suspect_ms)
        return;
    struct orb_buf b;
    orb_buf_init(&b, 64);
    orb_cmd_start(&b, 1);
    orb_cmd_str(&b, "PING");
    if (r->config.push || !r->head)
        (void)!send_with(r, &b, 1, 0, NULL, NULL, NULL); /* with a full backlog something is due, too */
    orb_buf_done(&b);
    r->suspect_ms = login_patience(r, DOUBT_MS, SUSPECT_MS);
    r->last_read_ms = r->watched_ms = orb_loop_now_ms(r->loop);
    orb_timer_start(r->timer, watch_interval(r));
}

static void on_timer(void *arg)
{
    struct orb_redis *r = arg;
    if (r->state == WAITING) {
        start_dial(r);
        return;
    }
    if (r->state == DIALING && r->dial) {
        give_up_dial(r);
        return;
    }
    int patience = patience_ms(r), is_push = r->config.push && r->state == UP;
    if (!r->bev || !patience || (!r->head && r->state == UP && !is_push))
        return;
    int64_t now = orb_loop_now_ms(r->loop);
    /* Not served for long itself, it has not read what may have come. */
    if (is_taking(r) || now - r->watched_ms > 3 * watch_interval(r))
        r->last_read_ms = now;
    r->watched_ms = now;
    int64_t silent = now - r->last_read_ms;
    if (silent < patience) {
        if (is_push && silent >= PUSH_PING_MS)
            ping(r);
        orb_timer_start(r->timer, watch_interval(r) < patience - silent ? watch_interval(r) : patience - silent);
        return;
    }
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "Redis has not answered for %g s; the connection is given up", patience / 1000.0);
    orb_route_explain(r->route, &err);
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
    r->hold = orb_timer_new(loop, try_held, r);
    r->route = orb_route_new(loop, &r->config);
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
    merge_held(r);
    fail_queue(r, &err, 0);
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
