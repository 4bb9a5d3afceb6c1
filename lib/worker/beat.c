/* The heartbeat: a hash that says this worker lives and what it does
 * (docs/WIRE.md, the Python package's fields and ours), and its lease. */
#include "worker/worker.h"
#include "base/base.h"
#include "base/json.h"

#include <stdio.h>
#include <unistd.h>

#define BEAT_MS 10000
#define BEAT_TTL_S 30
#define SOON_MS 2000
#define REARM_MS (60 * 60 * 1000) /* the keys of a task that runs, which live for a day */

static int64_t resident_kb(void)
{
    long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Text and reasoning pieces a second since the last beat. */
static double tokens_per_second(struct orb_worker *w)
{
    for (struct slot *slot = w->slots; slot; slot = slot->next)
        if (slot->attempt)
            w->tokens += orb_attempt_take_tokens(slot->attempt);
    int64_t now = orb_loop_now_ms(w->loop);
    double seconds = w->beat_ms ? (double)(now - w->beat_ms) / 1000 : 0;
    double rate = seconds > 0 ? (double)w->tokens / seconds : 0;
    w->tokens = 0;
    w->beat_ms = now;
    return rate;
}

static void text(struct orb_buf *b, const char *name, const char *value)
{
    orb_cmd_str(b, name);
    orb_cmd_str(b, value);
}

static void number(struct orb_buf *b, const char *name, int64_t value)
{
    orb_cmd_str(b, name);
    orb_cmd_int(b, value);
}

static void real(struct orb_buf *b, const char *name, double value)
{
    struct orb_buf digits;
    orb_buf_init(&digits, 64);
    orb_json_real(&digits, value);
    text(b, name, digits.data);
    orb_buf_done(&digits);
}

static void on_beat(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)reply;
    if (err)
        orb_worker_trouble(arg, "heartbeat", err);
}

static void not_sent(struct orb_worker *w, const char *what, int rc)
{
    struct orb_error err;
    orb_error_set(&err, rc, "too much is waiting to be sent to Redis");
    orb_worker_trouble(w, what, &err);
}

/* The keys of a task outlive it, however long it runs. */
static void keep_keys(struct orb_worker *w)
{
    static const char *const names[] = { "orbiter:task:", "orbiter:payload:" };
    int64_t now = orb_loop_now_ms(w->loop);
    for (struct slot *slot = w->slots; slot; slot = slot->next) {
        if (slot->state != SLOT_RUNNING)
            continue;
        orb_attempt_touch(slot->attempt);
        if (now - slot->armed_ms < REARM_MS)
            continue;
        slot->armed_ms = now;
        struct orb_buf b;
        orb_buf_init(&b, 4096);
        for (size_t i = 0; i < ORB_COUNT(names); i++) {
            orb_cmd_start(&b, 3);
            orb_cmd_str(&b, "EXPIRE");
            orb_store_key_arg(w->store, &b, names[i], orb_attempt_task_id(slot->attempt));
            orb_cmd_int(&b, ORB_TASK_TTL_S);
        }
        if (orb_redis_send(orb_store_redis(w->store), &b, ORB_COUNT(names), 0, on_beat, w))
            slot->armed_ms = 0;
        orb_buf_done(&b);
    }
}

void orb_worker_renewed(struct orb_worker *w)
{
    w->renewed_ms = w->renewal_sent_ms;
    /* While what runs is being checked nothing may be written about it. */
    if (w->has_lapsed)
        return;
    orb_publisher_trust(w->publisher, w->renewed_ms + ORB_LEASE_MS * 2 / 3);
    orb_worker_finish_again(w);
}

/* While this process stood still for longer than its lease, others have taken what it ran; and another one may have
 * come with its id: two of them would begin each other's tasks. */
static void on_renewed(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    struct orb_error lapse;
    w->is_renewing = 0;
    on_beat(arg, reply, err);
    if (err || w->has_ended || w->end_err.code)
        return;
    int64_t code = orb_reply_int(orb_reply_at(reply, 0));
    if (!code) {
        orb_error_set(&w->end_err, ORB_E_REFUSED, "another process is worker %s now; this one hands back its tasks and ends", w->id);
        if (!w->is_draining)
            orb_worker_drain(w);
        orb_worker_drain(w);
        return;
    }
    if (code == 2) {
        orb_error_set(&lapse, ORB_E_UNREACHABLE, "it had run out for a while: checking %d tasks", w->busy);
        orb_worker_trouble(w, "the lease", &lapse);
        w->recover_from_ms = orb_loop_now_ms(w->loop) + ORB_LEASE_MS;
        w->has_lapsed = 1;
    }
    if (w->has_lapsed)
        orb_worker_check_tasks(w);
    orb_worker_renewed(w);
    if (orb_reply_int(orb_reply_at(reply, 1)) && !w->is_draining)
        orb_worker_drain(w);
    /* The answer took so long that the next renewal is due already. */
    if (orb_loop_now_ms(w->loop) - w->renewal_sent_ms >= ORB_LEASE_MS / 3 && !w->has_ended)
        orb_worker_renew(w);
}

void orb_worker_renew(struct orb_worker *w)
{
    orb_timer_start(w->lease, ORB_LEASE_MS / 3);
    if (w->is_renewing || !orb_redis_is_up(orb_store_redis(w->store)))
        return;
    w->renewal_sent_ms = orb_loop_now_ms(w->loop);
    int rc = orb_broker_join(w->broker, on_renewed, w);
    w->is_renewing = !rc;
    if (rc)
        not_sent(w, "the lease", rc);
}

static void renew_due(void *arg)
{
    orb_worker_renew(arg);
}

static void beat(void *arg)
{
    struct orb_worker *w = arg;
    struct orb_buf b;
    double rate = tokens_per_second(w);
    w->beats_soon = !w->busy && rate > 0; /* which is not so any more */
    orb_timer_start(w->beat, w->beats_soon ? SOON_MS : BEAT_MS);
    keep_keys(w);
    orb_worker_check_tasks(w);
    if (!w->busy)
        w->current[0] = '\0';
    orb_buf_init(&b, 8192);
    orb_cmd_start(&b, 2 + 2 * 14);
    orb_cmd_str(&b, "HSET");
    orb_store_key_arg(w->store, &b, "orbiter:workers:", w->id);
    text(&b, "status", w->is_draining ? "draining" : "running");
    number(&b, "tasks_processed", w->processed);
    number(&b, "tasks_failed", w->failed);
    text(&b, "current_task_id", w->current);
    real(&b, "started_at", w->started_at);
    real(&b, "last_heartbeat", orb_now());
    number(&b, "concurrency", w->concurrency);
    text(&b, "hostname", w->hostname);
    text(&b, "version", ORB_VERSION);
    number(&b, "slots_busy", w->busy);
    number(&b, "rss_kb", resident_kb());
    real(&b, "tok_s", rate);
    text(&b, "queue", w->queue);
    char lease[ORB_KEY_MAX];
    text(&b, "lease", orb_store_key(w->store, ORB_LEASE_KEY, w->id, lease));
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "EXPIRE");
    orb_store_key_arg(w->store, &b, "orbiter:workers:", w->id);
    orb_cmd_int(&b, BEAT_TTL_S);
    int rc = orb_redis_send(orb_store_redis(w->store), &b, 2, 0, on_beat, w);
    if (rc)
        not_sent(w, "heartbeat", rc);
    orb_buf_done(&b);

    int64_t refused;
    struct orb_error why, said;
    if (orb_worker_may_complain(w) && (refused = orb_publisher_take_refused(w->publisher, &why))) {
        orb_error_set(&said, why.code, "Redis refused %lld sends: %s", (long long)refused, orb_error_message(&why));
        orb_worker_trouble(w, "events are lost", &said);
    }
}

void orb_worker_beat_init(struct orb_worker *w)
{
    w->beat = orb_timer_new(w->loop, beat, w);
    w->lease = orb_timer_new(w->loop, renew_due, w);
}

void orb_worker_beat_start(struct orb_worker *w)
{
    beat(w);
    orb_timer_start(w->lease, ORB_LEASE_MS / 3);
}

void orb_worker_beat_now(struct orb_worker *w)
{
    beat(w);
}

void orb_worker_beat_soon(struct orb_worker *w)
{
    if (w->beats_soon || !orb_timer_is_started(w->beat))
        return;
    w->beats_soon = 1;
    if (w->busy && !w->tokens) /* from idle: none came before */
        w->beat_ms = orb_loop_now_ms(w->loop);
    orb_timer_start(w->beat, SOON_MS);
}

void orb_worker_beat_stop(struct orb_worker *w)
{
    orb_timer_stop(w->beat);
    orb_timer_stop(w->lease);
}

void orb_worker_beat_free(struct orb_worker *w)
{
    orb_timer_free(w->beat);
    orb_timer_free(w->lease);
}
