/* The Worker: starting, draining, ending, and looking after the queue. What it does
 * with one task is in slot.c; heartbeat and cancel messages are in beat.c and cancel.c. */
#include "worker/worker.h"
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SWEEP_MS 500
#define DRAIN_TIMEOUT_S 60
#define GIVE_UP_MS 5000          /* a second drain waits this long for Redis */

/* ---- saying things ----------------------------------------------------- */

void orb_worker_log(struct orb_worker *w, int level, const char *fmt, ...)
{
    if (!w->log)
        return;
    char raw[1024], line[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    orb_safe_text(raw, strlen(raw), ORB_SAFE_LINE, line, sizeof line);
    w->log(w->log_arg, level, line);
}

int orb_worker_may_complain(const struct orb_worker *w)
{
    return !w->trouble_ms || orb_loop_now_ms(w->loop) - w->trouble_ms >= 1000;
}

void orb_worker_trouble(struct orb_worker *w, const char *what, const struct orb_error *err)
{
    if (w->has_ended || err->code == ORB_E_CANCELLED)
        return;
    if (!orb_worker_may_complain(w))
        return;
    w->trouble_ms = orb_loop_now_ms(w->loop);
    orb_worker_log(w, ORB_LOG_WARNING, "%s: %s", what, orb_error_message(err));
}

/* ---- looking after the queue -------------------------------------------- */

static void sweep_in(struct orb_worker *w, int64_t ms)
{
    if (!w->has_ended)
        orb_timer_start(w->sweep, ms);
}

static void on_swept(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    w->is_sweeping = 0;
    if (w->has_ended)
        return;
    if (err) {
        w->must_sweep_all = 1;
        orb_worker_trouble(w, "the queue could not be looked after", err);
        sweep_in(w, SWEEP_MS);
        return;
    }
    int may_recover = orb_loop_now_ms(w->loop) >= w->recover_from_ms;
    int64_t next = orb_reply_int(orb_reply_at(reply, 3));
    if (w->claim)
        orb_claim_tell(w->claim, may_recover ? (int)orb_reply_int(orb_reply_at(reply, 0)) : 0,
                       *orb_reply_str(orb_reply_at(reply, 1), NULL) != 0, (int)orb_reply_int(orb_reply_at(reply, 2)));
    /* All workers ask; a part of a second apart, so that somebody comes soon after it is due. */
    sweep_in(w, next < SWEEP_MS ? next + 1 : SWEEP_MS - (int64_t)(orb_random_unit() * SWEEP_MS / 4));
}

void orb_worker_sweep(struct orb_worker *w)
{
    if (w->is_sweeping || !w->is_ready || w->alone)
        return;
    if (!orb_redis_is_up(orb_store_redis(w->store)) || orb_broker_sweep(w->broker, w->must_sweep_all, on_swept, w)) {
        sweep_in(w, SWEEP_MS);
        return;
    }
    w->is_sweeping = 1;
    w->must_sweep_all = 0;
}

static void sweep_due(void *arg)
{
    orb_worker_sweep(arg);
}

/* ---- starting and ending ----------------------------------------------- */

static void tell_end(void *arg)
{
    struct orb_worker *w = arg;
    w->done(w->done_arg, w->end_err.code ? &w->end_err : NULL);
}

static void end(struct orb_worker *w, const struct orb_error *err)
{
    if (w->has_ended)
        return;
    w->has_ended = 1;
    if (err)
        w->end_err = *err;
    orb_timer_stop(w->sweep);
    orb_timer_stop(w->again);
    orb_timer_stop(w->give_up);
    orb_timer_stop(w->drain_over);
    orb_worker_beat_stop(w);
    orb_loop_defer(w->loop, tell_end, w);
}

static void on_left(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)reply;
    (void)err;
    end(arg, NULL);
}

static void give_up(void *arg)
{
    struct orb_worker *w = arg;
    if (w->busy)
        orb_worker_log(w, ORB_LOG_WARNING, "Redis does not answer: %d tasks stay pending on %s until a worker recovers them", w->busy, w->id);
    end(w, NULL);
}

/* Drained, and nothing under way any more? */
void orb_worker_check_end(struct orb_worker *w)
{
    if (!w->is_draining || w->busy || w->in_flight || w->has_ended || w->is_leaving || orb_claim_is_reading(w->claim))
        return;
    w->is_leaving = 1;
    orb_publisher_flush(w->publisher);
    orb_timer_start(w->give_up, GIVE_UP_MS);
    if (orb_broker_leave(w->broker, on_left, w))
        end(w, NULL);
}

static void on_ready(void *arg)
{
    struct orb_worker *w = arg;
    w->is_ready = 1;
    orb_worker_log(w, ORB_LOG_INFO, "worker %s serves queue %s with %d slots", w->id, orb_broker_queue(w->broker), w->concurrency);
    orb_worker_beat_start(w);
    w->must_sweep_all = 1;
    orb_worker_sweep(w);
    orb_claim_wake(w->claim);
}

static void on_claim_trouble(void *arg, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    if (!w->is_ready)
        end(w, err);
    else
        orb_worker_trouble(w, "claiming", err);
    /* A group or a stream that was lost: what was in it is queued anew. */
    w->must_sweep_all = 1;
    /* The read that a drain waited for may have ended with the link. */
    orb_worker_check_end(w);
}

/* The entry that this process is for has been ended or taken by somebody else. */
static void on_claim_missing(void *arg)
{
    orb_worker_drain(arg);
}

static void on_claim_idle(void *arg)
{
    orb_worker_check_end(arg);
}

/* The id is this process's: now claim. */
static void on_joined(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    static const struct orb_claim_callbacks callbacks = {
        .room = orb_worker_room, .delivered = orb_worker_on_delivered, .ready = on_ready, .trouble = on_claim_trouble,
        .missing = on_claim_missing, .idle = on_claim_idle,
    };
    struct orb_worker *w = arg;
    struct orb_error why;
    if (w->has_ended)
        return;
    if (!err && !orb_reply_int(orb_reply_at(reply, 0))) {
        orb_error_set(&why, ORB_E_REFUSED, "a worker with the id %s is running; choose another --worker-id, or stop that one (a dead one's id is free after %d s)",
                      w->id, ORB_LEASE_MS / 1000);
        err = &why;
    }
    if (err) {
        end(w, err);
        return;
    }
    orb_worker_renewed(w);
    orb_worker_cancel_start(w);
    w->claim = orb_claim_new(w->loop, &w->config, w->store, w->broker, w->alone, w->holder, &callbacks, w);
}

/* Before the worker has joined, a Redis that is not there or refuses it is the end. */
static void on_store_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    if (!is_up && !w->claim) {
        end(w, err);
        return;
    }
    if (!is_up || !w->claim)
        return;
    w->recover_from_ms = orb_loop_now_ms(w->loop) + ORB_LEASE_MS;
    w->must_sweep_all = 1;
    w->is_sweeping = w->is_renewing = 0;
    orb_worker_check_events(w);
    orb_worker_renew(w);
    orb_claim_hurry(w->claim, orb_store_redis(w->store));
    orb_redis_hurry(w->cancels, orb_store_redis(w->store));
}

static void on_notice(void *arg, const struct orb_error *err)
{
    orb_worker_trouble(arg, "Redis", err);
}

int orb_worker_start(struct orb_worker *w, orb_worker_end_cb done, void *arg)
{
    w->done = done;
    w->done_arg = arg;
    w->config.name = "orbiter-worker";
    w->config.reconnect = 1;
    w->config.reply_timeout_ms = ORB_LEASE_MS;
    struct orb_redis_config config = w->config;
    config.state = on_store_state;
    config.arg = w;
    config.check_server = 1;
    config.notice = on_notice;
    config.notice_arg = w;
    w->store = orb_store_new(w->loop, &config, w->prefix);
    const struct orb_broker_worker self = { .id = w->id, .result_ttl_s = w->result_ttl_s, .event_ttl_s = w->event_ttl_s, .is_alone = w->alone != NULL };
    w->broker = orb_broker_new(w->store, w->queue, &self);
    w->publisher = orb_publisher_new(w->loop, w->store);
    orb_store_before_flush(w->store, (void (*)(void *))orb_publisher_flush, w->publisher);
    w->renewal_sent_ms = orb_loop_now_ms(w->loop);
    return orb_broker_join(w->broker, on_joined, w);
}

static void hand_back_all(struct orb_worker *w)
{
    if (w->is_handing_back || w->has_ended)
        return;
    w->is_handing_back = 1;
    orb_worker_log(w, ORB_LOG_INFO, "handing back %d tasks", w->busy);
    orb_timer_start(w->give_up, GIVE_UP_MS);
    for (struct slot *slot = w->slots, *next; slot; slot = next) {
        next = slot->next;
        if (slot->abort == ABORT_NONE)
            orb_worker_abort_slot(slot, ABORT_HAND_BACK);
    }
    orb_worker_check_end(w);
}

static void drain_is_over(void *arg)
{
    hand_back_all(arg);
}

void orb_worker_drain(struct orb_worker *w)
{
    if (w->has_ended)
        return;
    if (!w->is_ready) {
        end(w, NULL);
        return;
    }
    if (w->is_draining) {
        hand_back_all(w);
        return;
    }
    w->is_draining = 1;
    orb_worker_log(w, ORB_LOG_INFO, "draining: %d tasks are running; after %d s, or at a second signal, they are handed back", w->busy, w->drain_timeout_s);
    orb_claim_stop(w->claim);
    orb_worker_beat_now(w);
    if (w->busy)
        orb_timer_start(w->drain_over, (int64_t)w->drain_timeout_s * 1000);
    orb_worker_check_end(w);
}

/* What a process that runs one task alone is started with. */
static void keep_options(struct orb_worker *w, const struct orb_worker_options *o)
{
    const char *const tls[] = { o->redis.tls_ca, o->redis.tls_cert, o->redis.tls_key };
    w->drain_timeout_s = o->drain_timeout_s < 0 ? 0 : o->drain_timeout_s ? o->drain_timeout_s : DRAIN_TIMEOUT_S;
    w->result_ttl_s = o->result_ttl_s > 0 ? o->result_ttl_s : ORB_TASK_TTL_S;
    w->event_ttl_s = o->event_ttl_s > 0 ? o->event_ttl_s : ORB_EVENT_TTL_S;
    w->program = orb_strdup(o->program ? o->program : "orbiter-worker");
    w->url = orb_strdup(o->redis.url);
    w->ns = orb_strdup(o->redis.ns ? o->redis.ns : "");
    for (size_t i = 0; i < ORB_COUNT(tls); i++)
        w->tls[i] = orb_strdup(tls[i] ? tls[i] : "");
    w->alone = o->alone ? orb_strdup(o->alone) : NULL;
    w->holder = o->holder ? orb_strdup(o->holder) : NULL;
    w->prices_file = orb_strdup(o->prices ? o->prices : "");
}

/* What tool hosts and MCP servers say on their stderr. */
static void on_tool_log(void *arg, const char *line)
{
    orb_worker_log(arg, ORB_LOG_INFO, "%s", line);
}

int orb_worker_new(struct orb_loop *loop, const struct orb_worker_options *options, struct orb_worker **out, struct orb_error *err)
{
    const char *queue = options->queue ? options->queue : ORB_QUEUE_DEFAULT;
    char host[256] = "localhost", random[4];
    int rc = orb_store_queue_check(queue, err);
    if (rc)
        return rc;
    if (options->concurrency < 1 || options->concurrency > ORB_CONCURRENCY_MAX)
        return orb_error_set(err, ORB_E_USAGE, "concurrency %d: use 1 to %d", options->concurrency, ORB_CONCURRENCY_MAX);
    if (options->worker_id && !orb_id_is_valid(options->worker_id))
        return orb_error_set(err, ORB_E_USAGE, "worker id \"%s\": use 1 to %d of the characters A-Z a-z 0-9 . _ -", options->worker_id, ORB_ID_MAX);
    struct orb_worker *w = orb_alloc(sizeof *w);
    if (options->prices && *options->prices)
        rc = orb_prices_read(options->prices, &w->prices, err);
    if (rc || (rc = orb_store_prefix(options->redis.ns, w->prefix, err)) || (rc = orb_toolbox_new(loop, options->tools_dir, &w->tools, err)) ||
        (rc = orb_redis_config_init(&w->config, &options->redis, err))) {
        orb_toolbox_free(w->tools);
        orb_prices_free(w->prices);
        free(w);
        return rc;
    }
    w->loop = loop;
    orb_toolbox_on_log(w->tools, on_tool_log, w);
    w->queue = orb_strdup(queue);
    w->concurrency = options->concurrency;
    gethostname(host, sizeof host - 1);
    snprintf(w->hostname, sizeof w->hostname, "%s", host);
    orb_random(random, sizeof random);
    if (options->worker_id)
        snprintf(w->id, sizeof w->id, "%s", options->worker_id);
    else
        snprintf(w->id, sizeof w->id, "%.64s-%d-%02x%02x%02x%02x", host, (int)getpid(), random[0] & 255u, random[1] & 255u,
                 random[2] & 255u, random[3] & 255u);
    keep_options(w, options);
    w->sweep = orb_timer_new(loop, sweep_due, w);
    w->drain_over = orb_timer_new(loop, drain_is_over, w);
    w->again = orb_timer_new(loop, orb_worker_finish_again, w);
    w->give_up = orb_timer_new(loop, give_up, w);
    w->started_at = orb_now();
    orb_worker_beat_init(w);
    *out = w;
    return 0;
}

const char *orb_worker_id(const struct orb_worker *w)
{
    return w->id;
}

void orb_worker_on_log(struct orb_worker *w, orb_log_cb cb, void *arg)
{
    w->log = cb;
    w->log_arg = arg;
}

void orb_worker_on_task_done(struct orb_worker *w, orb_task_done_cb cb, void *arg)
{
    w->task_done = cb;
    w->task_done_arg = arg;
}

static void gone(void *arg)
{
    struct orb_worker *w = arg;
    while (w->slots)
        orb_worker_release(w->slots);
    free(w->queue);
    char *const kept[] = { w->program, w->url, w->ns, w->tls[0], w->tls[1], w->tls[2], w->alone, w->holder, w->prices_file };
    for (size_t i = 0; i < ORB_COUNT(kept); i++)
        free(kept[i]);
    orb_prices_free(w->prices);
    orb_redis_config_done(&w->config);
    orb_toolbox_free(w->tools);
    free(w);
}

void orb_worker_free(struct orb_worker *w)
{
    if (!w)
        return;
    w->has_ended = 1;
    w->is_draining = 1;
    w->log = NULL;
    w->task_done = NULL;
    orb_loop_forget(w->loop, w);
    orb_timer_free(w->sweep);
    orb_timer_free(w->drain_over);
    orb_timer_free(w->again);
    orb_timer_free(w->give_up);
    orb_worker_beat_free(w);
    for (struct slot *slot = w->slots; slot; slot = slot->next) {
        orb_attempt_free(slot->attempt);
        slot->attempt = NULL;
    }
    orb_worker_cancel_stop(w);
    orb_claim_free(w->claim);
    orb_broker_free(w->broker);
    orb_publisher_free(w->publisher);
    orb_store_free(w->store);
    /* Behind the connections' own ends, whose callbacks still come here. */
    orb_loop_defer(w->loop, gone, w);
}
