/* The Worker: slots, claiming, ending attempts, draining. Heartbeat and cancel
 * messages are in beat.c and cancel.c beside it. */
#include "worker/worker.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMOTE_MS 1000
#define AGAIN_MS 1000            /* an end that Redis refused is tried again after this */
#define GIVE_UP_MS 5000          /* a second drain waits this long for Redis */
#define RESULT_MAX (32 * 1024 * 1024)

static void check_end(struct orb_worker *w);
static void finish_slot(struct slot *slot);

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

void orb_worker_trouble(struct orb_worker *w, const char *what, const struct orb_error *err)
{
    if (w->has_ended || err->code == ORB_E_CANCELLED)
        return;
    int64_t now = orb_loop_now_ms(w->loop);
    if (w->trouble_ms && now - w->trouble_ms < 1000)
        return;
    w->trouble_ms = now;
    orb_worker_log(w, ORB_LOG_WARNING, "%s: %s", what, orb_error_message(err));
}

/* ---- slots ------------------------------------------------------------- */

static struct slot *slot_new(struct orb_worker *w, const char *entry)
{
    struct slot *slot = orb_alloc(sizeof *slot);
    slot->worker = w;
    snprintf(slot->entry, sizeof slot->entry, "%s", entry);
    slot->next = w->slots;
    if (w->slots)
        w->slots->prev = slot;
    w->slots = slot;
    w->busy++;
    return slot;
}

static void drop_task(struct slot *slot)
{
    if (slot->task)
        orb_task_done(slot->task);
    free(slot->task);
    slot->task = NULL;
}

static void release(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    if (slot->prev)
        slot->prev->next = slot->next;
    else
        w->slots = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    w->busy--;
    if (slot->attempt)
        w->tokens += orb_attempt_take_tokens(slot->attempt);
    orb_attempt_free(slot->attempt);
    drop_task(slot);
    free(slot->err);
    free(slot);
    if (!w->is_draining)
        orb_claim_wake(w->claim);
    check_end(w);
}

static struct slot *slot_of_entry(struct orb_worker *w, const char *entry)
{
    for (struct slot *slot = w->slots; slot; slot = slot->next)
        if (!strcmp(slot->entry, entry))
            return slot;
    return NULL;
}

/* ---- ending an attempt ------------------------------------------------- */

static void told(struct slot *slot, const char *state)
{
    struct orb_worker *w = slot->worker;
    enum orb_status status;
    if (orb_status_parse(state, &status)) {
        orb_worker_log(w, ORB_LOG_WARNING, "task %s attempt %d: another worker owns it now; its outcome here is dropped",
                       orb_attempt_task_id(slot->attempt), orb_attempt_number(slot->attempt));
        return;
    }
    if (status == ORB_STATUS_COMPLETED)
        w->processed++;
    if (status == ORB_STATUS_FAILED || status == ORB_STATUS_RETRYING)
        w->failed++;
    orb_worker_log(w, status == ORB_STATUS_FAILED ? ORB_LOG_WARNING : ORB_LOG_DEBUG, "task %s attempt %d: %s%s%s",
                   orb_attempt_task_id(slot->attempt), orb_attempt_number(slot->attempt), orb_status_word(status),
                   slot->err ? ": " : "", slot->err ? orb_error_message(slot->err) : "");
    if (!w->task_done)
        return;
    size_t len;
    const struct orb_run *run = orb_attempt_run(slot->attempt);
    w->task_done(w->task_done_arg, orb_attempt_task_id(slot->attempt), status, run ? orb_run_text(run, &len) : "",
                 slot->err ? orb_error_message(slot->err) : "");
}

static void finish_again(void *arg)
{
    struct orb_worker *w = arg;
    for (struct slot *slot = w->slots, *next; slot; slot = next) {
        next = slot->next;
        if (slot->must_finish_again) {
            slot->must_finish_again = 0;
            finish_slot(slot);
        }
    }
}

static void on_finished(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    if (!err) {
        told(slot, orb_reply_str(reply, NULL));
        release(slot);
        return;
    }
    if (w->has_ended) {
        release(slot);
        return;
    }
    /* Out of memory, no permission: the outcome is kept until Redis takes it. */
    orb_worker_trouble(w, "a task's outcome could not be written, trying again", err);
    slot->must_finish_again = 1;
    if (!orb_timer_is_started(w->again))
        orb_timer_start(w->again, AGAIN_MS);
}

static enum orb_status status_of(const struct slot *slot)
{
    if (slot->abort == ABORT_CANCEL || (slot->err && slot->err->code == ORB_E_CANCELLED))
        return ORB_STATUS_CANCELLED;
    if (!slot->err)
        return ORB_STATUS_COMPLETED;
    return orb_error_is_retryable(slot->err->code) ? ORB_STATUS_RETRYING : ORB_STATUS_FAILED;
}

static void terminal_message(const struct slot *slot, enum orb_status status, char out[640])
{
    if (status == ORB_STATUS_COMPLETED)
        snprintf(out, 640, "Agent '%.300s' completed execution", orb_attempt_agent(slot->attempt));
    else if (status == ORB_STATUS_CANCELLED)
        snprintf(out, 640, "Task %s cancelled", orb_attempt_task_id(slot->attempt));
    else
        snprintf(out, 640, "%s", orb_error_message(slot->err));
}

static void finish_slot(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    struct orb_attempt *a = slot->attempt;
    const struct orb_run *run = orb_attempt_run(a);
    struct orb_buf result;
    char message[640], usage[128] = "";
    orb_buf_init(&result, RESULT_MAX);
    if (run) {
        orb_run_usage(run, usage);
        if (!slot->err)
            orb_run_result(run, &result);
        if (result.err)
            orb_error_set(slot->err = orb_alloc(sizeof *slot->err), ORB_E_TOO_LARGE, "the result is larger than %d MiB as JSON", RESULT_MAX >> 20);
    }
    struct orb_outcome o = {
        .entry = slot->entry, .id = orb_attempt_task_id(a), .attempt = orb_attempt_number(a), .status = status_of(slot),
        .agent = orb_attempt_agent(a), .seq = orb_attempt_last_seq(a), .usage = usage, .message = message,
        .error = slot->err ? orb_error_message(slot->err) : "", .error_type = slot->err ? orb_error_type(slot->err->code) : "",
    };
    terminal_message(slot, o.status, message);
    if (o.status == ORB_STATUS_COMPLETED)
        o.result = &result;
    else if (run)
        o.partial = orb_run_text(run, &o.partial_len);
    if (o.status == ORB_STATUS_RETRYING)
        o.delay_ms = orb_broker_backoff_ms(slot->retries + 1, slot->err->retry_after_ms, orb_random_unit());
    orb_broker_finish(w->broker, &o, on_finished, slot);
    orb_buf_done(&result);
}

static void on_requeued(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    if (err)
        orb_worker_trouble(w, "a task could not be handed back; it stays pending on this worker", err);
    else if (slot->attempt)
        told(slot, orb_reply_str(reply, NULL));
    release(slot);
}

static void hand_back(struct slot *slot)
{
    const char *id = slot->attempt ? orb_attempt_task_id(slot->attempt) : slot->task->id;
    orb_broker_requeue(slot->worker->broker, slot->entry, id, slot->attempt ? orb_attempt_number(slot->attempt) : 0, on_requeued, slot);
}

static void attempt_ended(void *arg, const struct orb_error *err)
{
    struct slot *slot = arg;
    if (err) {
        slot->err = orb_alloc(sizeof *slot->err);
        *slot->err = *err;
    }
    slot->state = SLOT_ENDING;
    if (slot->abort == ABORT_HAND_BACK)
        hand_back(slot);
    else
        finish_slot(slot);
}

void orb_worker_abort_slot(struct slot *slot, enum slot_abort why)
{
    if (slot->abort == ABORT_NONE || slot->abort == ABORT_HAND_BACK)
        slot->abort = why;
    if (slot->state == SLOT_RUNNING)
        orb_attempt_abort(slot->attempt);
}

/* ---- beginning one ----------------------------------------------------- */

static void on_poisoned(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    (void)reply;
    w->in_flight--;
    if (err) {
        orb_worker_trouble(w, "an entry could not be dead-lettered", err);
        if (!w->has_ended)
            orb_claim_look_back(w->claim);
    }
    if (!w->is_draining && !w->has_ended)
        orb_claim_wake(w->claim);
    check_end(w);
}

static void poison(struct orb_worker *w, const char *entry, const char *id, const struct orb_error *why, int is_binary)
{
    orb_worker_log(w, ORB_LOG_WARNING, "queue entry %s: dead-lettered: %s", entry, orb_error_message(why));
    if (orb_broker_poison(w->broker, entry, id, why, is_binary, on_poisoned, w))
        orb_claim_look_back(w->claim);
    else
        w->in_flight++;
}

static void on_begun(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    int attempt, retries;
    if (err) {
        orb_worker_trouble(w, "a task could not be begun, trying again", err);
        if (!w->has_ended)
            orb_claim_look_back(w->claim);
        release(slot);
        return;
    }
    enum orb_begin what = orb_broker_begin_reply(reply, &attempt, &retries);
    if (what == ORB_BEGIN_ERROR) {
        struct orb_error why;
        orb_error_set(&why, ORB_E_INVALID, "what Redis holds of the task is not as it should be: %s", orb_reply_str(orb_reply_at(reply, 1), NULL));
        poison(w, slot->entry, slot->task->id, &why, 0);
    }
    if (what != ORB_BEGIN_RUN) {
        orb_worker_log(w, ORB_LOG_DEBUG, "task %s: not run: %s", slot->task->id, orb_reply_str(orb_reply_at(reply, 0), NULL));
        release(slot);
        return;
    }
    slot->retries = retries;
    slot->state = SLOT_RUNNING;
    slot->armed_ms = orb_loop_now_ms(w->loop);
    slot->attempt = orb_attempt_start(w->loop, w->publisher, slot->task, attempt, retries < ORB_RETRIES_MAX, attempt_ended, slot);
    snprintf(w->current, sizeof w->current, "%s", orb_attempt_task_id(slot->attempt));
    drop_task(slot);
    if (slot->abort)
        orb_attempt_abort(slot->attempt);
}

/* Pending on us, but deleted from the stream: nothing is left to run. */
static void acknowledge(struct orb_worker *w, const char *entry)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 4);
    orb_cmd_str(&b, "XACK");
    orb_cmd_str(&b, orb_broker_stream(w->broker));
    orb_cmd_str(&b, w->group);
    orb_cmd_str(&b, entry);
    if (orb_redis_send(orb_store_redis(w->store), &b, 1, ORB_REDIS_RETRY, NULL, NULL))
        orb_worker_log(w, ORB_LOG_WARNING, "queue entry %s: deleted, and could not be acknowledged", entry);
    orb_buf_done(&b);
}

static int room(void *arg)
{
    const struct orb_worker *w = arg;
    return w->concurrency - w->busy;
}

static int on_delivered(void *arg, const struct orb_delivery *d)
{
    struct orb_worker *w = arg;
    struct orb_error why;
    if (d->is_gone)
        acknowledge(w, d->entry);
    if (d->is_gone || (d->is_again && slot_of_entry(w, d->entry)))
        return 0;
    if (d->is_again && room(w) <= 0)
        return -1;
    if (!d->payload) {
        orb_error_set(&why, ORB_E_INVALID, "the queue entry has no field payload");
        poison(w, d->entry, "", &why, 0);
        return 0;
    }
    struct orb_task *task = orb_alloc(sizeof *task);
    if (orb_task_parse(d->payload, d->len, task, &why)) {
        poison(w, d->entry, task->id, &why, !orb_utf8_is_valid(d->payload, d->len));
        free(task);
        return 0;
    }
    struct slot *slot = slot_new(w, d->entry);
    slot->task = task;
    if (w->is_draining) {
        hand_back(slot);
        return 0;
    }
    orb_broker_begin(w->broker, d->entry, task->id, orb_task_agent_name(task->agent_config),
                     d->has_task_id ? NULL : d->payload, d->len, on_begun, slot);
    return 0;
}

/* ---- delayed tasks ----------------------------------------------------- */

static void on_promoted(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    int64_t next = err ? -1 : orb_reply_int(orb_reply_at(reply, 1));
    if (w->has_ended)
        return;
    if (err)
        orb_worker_trouble(w, "delayed tasks could not be looked after", err);
    orb_timer_start(w->promote, next >= 0 && next < PROMOTE_MS ? next + 1 : PROMOTE_MS);
}

static void promote(void *arg)
{
    struct orb_worker *w = arg;
    if (orb_broker_promote(w->broker, on_promoted, w))
        orb_timer_start(w->promote, PROMOTE_MS);
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
    orb_timer_stop(w->promote);
    orb_timer_stop(w->again);
    orb_timer_stop(w->give_up);
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
static void check_end(struct orb_worker *w)
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
    promote(w);
    orb_claim_wake(w->claim);
}

static void on_claim_trouble(void *arg, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    if (!w->is_ready)
        end(w, err);
    else
        orb_worker_trouble(w, "claiming", err);
    /* The read that a drain waited for may have ended with the link. */
    check_end(w);
}

static void on_claim_idle(void *arg)
{
    check_end(arg);
}

/* The id is this process's: now claim. */
static void on_joined(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    static const struct orb_claim_callbacks callbacks = {
        .room = room, .delivered = on_delivered, .ready = on_ready, .trouble = on_claim_trouble, .idle = on_claim_idle,
    };
    struct orb_worker *w = arg;
    struct orb_error why;
    if (w->has_ended)
        return;
    if (!err && !orb_reply_int(reply)) {
        orb_error_set(&why, ORB_E_REFUSED, "a worker with the id %s is running; choose another --worker-id, or stop that one (a dead one's id is free after %d s)",
                      w->id, ORB_LEASE_MS / 1000);
        err = &why;
    }
    if (err) {
        end(w, err);
        return;
    }
    orb_worker_cancel_start(w);
    w->claim = orb_claim_new(w->loop, &w->config, w->store, orb_broker_stream(w->broker), w->id, &callbacks, w);
}

/* Before the worker has joined, a Redis that is not there or refuses it is the end. */
static void on_store_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    if (!is_up && !w->claim)
        end(w, err);
}

int orb_worker_start(struct orb_worker *w, orb_worker_end_cb done, void *arg)
{
    w->done = done;
    w->done_arg = arg;
    w->config.name = "orbiter-worker";
    w->config.reconnect = 1;
    w->config.reply_timeout_ms = 10000;
    struct orb_redis_config config = w->config;
    config.state = on_store_state;
    config.arg = w;
    w->store = orb_store_new(w->loop, &config, w->prefix);
    w->broker = orb_broker_new(w->store, w->queue, w->id);
    w->publisher = orb_publisher_new(w->loop, w->store);
    orb_store_before_flush(w->store, (void (*)(void *))orb_publisher_flush, w->publisher);
    w->group = orb_alloc(strlen(orb_broker_stream(w->broker)) + sizeof ":group");
    sprintf(w->group, "%s:group", orb_broker_stream(w->broker));
    return orb_broker_join(w->broker, on_joined, w);
}

void orb_worker_drain(struct orb_worker *w)
{
    if (w->has_ended)
        return;
    if (!w->is_ready) {
        end(w, NULL);
        return;
    }
    if (!w->is_draining) {
        w->is_draining = 1;
        orb_worker_log(w, ORB_LOG_INFO, "draining: %d tasks are running; a second signal hands them back", w->busy);
        orb_claim_stop(w->claim);
        orb_worker_beat_now(w);
        check_end(w);
        return;
    }
    orb_worker_log(w, ORB_LOG_INFO, "handing back %d tasks", w->busy);
    orb_timer_start(w->give_up, GIVE_UP_MS);
    for (struct slot *slot = w->slots, *next; slot; slot = next) {
        next = slot->next;
        if (slot->abort == ABORT_NONE)
            orb_worker_abort_slot(slot, ABORT_HAND_BACK);
    }
    check_end(w);
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
    if ((rc = orb_store_prefix(options->redis.ns, w->prefix, err)) || (rc = orb_redis_config_init(&w->config, &options->redis, err))) {
        free(w);
        return rc;
    }
    w->loop = loop;
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
    w->promote = orb_timer_new(loop, promote, w);
    w->again = orb_timer_new(loop, finish_again, w);
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
        release(w->slots);
    free(w->group);
    free(w->queue);
    orb_redis_config_done(&w->config);
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
    orb_timer_free(w->promote);
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
