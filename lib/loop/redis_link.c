/* How a connection to Redis comes up, is watched, and goes down and comes again. */
#include "loop/redis_inner.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <linux/sockios.h>
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
#define STUCK_MS 50              /* so old, a try may have begun while nothing came through */
#define SUSPECT_MS 1500          /* longer than a blocking read waits */
#define HASTY_MS 400             /* for a try; four times what a login takes, where that is more */
#define DOUBT_MS 700             /* longer than WAIT waits for a replica */

/* ---- patience ---------------------------------------------------------- */

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

/* ---- writing ----------------------------------------------------------- */

void orb_link_flush(void *arg)
{
    struct orb_redis *r = arg;
    r->flush_due = 0;
    if (r->bev && (r->is_choked || r->out.err)) {
        struct orb_error err;
        orb_error_set(&err, ORB_E_UNREACHABLE, "Redis does not take what is sent to it; the connection is given up");
        orb_link_down(r, &err);
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

void orb_link_need_flush(struct orb_redis *r)
{
    if (!r->flush_due) {
        r->flush_due = 1;
        orb_loop_defer(r->loop, orb_link_flush, r);
    }
}

size_t orb_link_unwritten(const struct orb_redis *r)
{
    return r->out.len + (r->bev ? evbuffer_get_length(bufferevent_get_output(r->bev)) : 0);
}

/* ---- going down, coming up --------------------------------------------- */

void orb_link_close(struct orb_redis *r)
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

void orb_link_down(struct orb_redis *r, const struct orb_error *why)
{
    struct orb_error err = *why;
    int is_hopeless = r->state == HANDSHAKE && r->login.is_hopeless && r->config.reconnect && !r->was_up;
    orb_link_close(r);
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
    orb_sends_merge(r);
    r->in_callbacks++;
    orb_sends_fail(r, &err, r->config.reconnect && !is_hopeless);
    if (r->config.state && !r->is_freed)
        r->config.state(r->config.arg, 0, &err);
    r->in_callbacks--;
}

void orb_link_up(struct orb_redis *r)
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
        if (kept->again && kept->flags & WAS_WRITTEN && !orb_sends_reform(r, kept)) {
            kept = next;
            continue;
        }
        orb_sends_add(r, kept);
        if (r->state == UP && !r->is_freed)
            orb_sends_write(r, kept);
        kept = next;
    }
    if (r->config.push)
        watch(r);
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
        orb_link_down(r, &why);
        return;
    }
    r->bev = bev;
    r->reader = redisReaderCreate();
    /* libevent takes 16 KiB a turn unless told otherwise: too little for the events of a thousand tasks. */
    bufferevent_set_max_single_write(bev, 1024 * 1024);
    bufferevent_set_max_single_read(bev, 256 * 1024);
    bufferevent_setcb(bev, orb_link_read, NULL, orb_link_event, r);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    r->state = HANDSHAKE;
    orb_login_start(&r->login, &r->config, r->route, &r->out);
    orb_link_flush(r);
}

static void routed(void *arg, const struct orb_error *err)
{
    struct orb_redis *r = arg;
    if (err)
        orb_link_down(r, err);
    else
        r->dial = orb_dial_start(r->loop, &r->config, orb_route_url(r->route), dialed, r);
    if (r->dial && is_hasty(r))
        orb_timer_start(r->timer, hasty_ms(r));
}

void orb_link_dial(void *arg)
{
    struct orb_redis *r = arg;
    if (r->is_freed || r->dial || r->bev)
        return;
    r->state = DIALING;
    r->tried_ms = orb_loop_now_ms(r->loop);
    if (orb_route_next(r->route, routed, r))
        routed(r, NULL);
}

void orb_link_dial_soon(struct orb_redis *r)
{
    r->state = DIALING;
    orb_loop_defer(r->loop, orb_link_dial, r);
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
        orb_link_dial_soon(r);
    if (r->state != WAITING && !(is_trying && r->was_up && now - r->tried_ms >= STUCK_MS && now - r->tried_ms >= 3 * login_ms))
        return;
    orb_link_close(r);
    r->state = WAITING;
    orb_timer_start(r->timer, 0);
}

static void give_up_dial(struct orb_redis *r)
{
    struct orb_error err;
    orb_error_set(&err, ORB_E_UNREACHABLE, "cannot connect to Redis: no answer within %d ms", hasty_ms(r));
    orb_route_explain(r->route, &err);
    orb_link_down(r, &err);
}

static void ping(struct orb_redis *r)
{
    orb_cmd_start(&r->out, 1);
    orb_cmd_str(&r->out, "PING");
    orb_link_need_flush(r);
}

void orb_redis_doubt(struct orb_redis *r)
{
    if (r->state == IDLE && !r->is_freed)
        orb_link_dial_soon(r);
    if (r->state != UP || r->suspect_ms)
        return;
    struct orb_buf b;
    orb_buf_init(&b, 64);
    orb_cmd_start(&b, 1);
    orb_cmd_str(&b, "PING");
    if (r->config.push || !r->head)
        (void)!orb_redis_send(r, &b, 1, 0, NULL, NULL); /* with a full backlog something is due, too */
    orb_buf_done(&b);
    r->suspect_ms = login_patience(r, DOUBT_MS, SUSPECT_MS);
    r->last_read_ms = r->watched_ms = orb_loop_now_ms(r->loop);
    orb_timer_start(r->timer, watch_interval(r));
}

void orb_link_timer(void *arg)
{
    struct orb_redis *r = arg;
    if (r->state == WAITING) {
        orb_link_dial(r);
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
    orb_link_down(r, &err);
}
