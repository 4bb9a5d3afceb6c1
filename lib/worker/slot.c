/* One task in a worker, from its delivery to the script that ends the attempt. */
#include "worker/worker.h"
#include "base/base.h"
#include "base/utf8.h"
#include "exec/ending.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 1000            /* an end that Redis refused, or a hand-back, is tried again after this */

static void finish_slot(struct slot *slot);
static void hand_back(struct slot *slot);
static void poison_task(struct slot *slot, const char *id, const char *why);

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
    if (++w->busy == 1)
        orb_worker_beat_soon(w);
    return slot;
}

static void drop_task(struct slot *slot)
{
    if (slot->task)
        orb_task_done(slot->task);
    free(slot->task);
    slot->task = NULL;
}

void orb_worker_release(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    if (slot->prev)
        slot->prev->next = slot->next;
    else
        w->slots = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    if (slot->attempt)
        w->tokens += orb_attempt_take_tokens(slot->attempt);
    if (!--w->busy)
        orb_worker_beat_soon(w);
    orb_attempt_free(slot->attempt);
    drop_task(slot);
    free(slot->err);
    orb_child_free(slot->child);
    free(slot);
    if (w->alone && w->claim && !w->has_ended && !w->is_draining)
        orb_worker_drain(w);
    else if (!w->is_draining)
        orb_claim_wake(w->claim);
    orb_worker_check_end(w);
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
    if (!strncmp(state, "WRONGTYPE", 9)) {
        poison_task(slot, orb_attempt_task_id(slot->attempt), state);
        return;
    }
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
    struct orb_buf text;
    orb_attempt_text(slot->attempt, &text);
    w->task_done(w->task_done_arg, orb_attempt_task_id(slot->attempt), status, text.data ? text.data : "", slot->err ? orb_error_message(slot->err) : "");
    orb_buf_done(&text);
}

void orb_worker_finish_again(void *arg)
{
    struct orb_worker *w = arg;
    for (struct slot *slot = w->slots, *next; slot; slot = next) {
        next = slot->next;
        if (!slot->must_finish_again)
            continue;
        slot->must_finish_again = 0;
        if (slot->is_handed_back)
            hand_back(slot);
        else
            finish_slot(slot);
    }
}

static void finish_later(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    slot->must_finish_again = 1;
    if (!orb_timer_is_started(w->again))
        orb_timer_start(w->again, AGAIN_MS);
}

static void on_finished(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    if (!err) {
        told(slot, orb_reply_str(reply, NULL));
        orb_worker_release(slot);
        return;
    }
    if (w->has_ended) {
        orb_worker_release(slot);
        return;
    }
    /* Out of memory, no permission: the outcome is kept until Redis takes it. */
    orb_worker_trouble(w, "a task's outcome could not be written, trying again", err);
    finish_later(slot);
}

static void finish_slot(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    struct orb_attempt *a = slot->attempt;
    int is_fresh;
    int64_t seq = orb_attempt_last_seq(a, &is_fresh);
    /* Its events are held back until the lease is known to be there: so is its end. And on a new connection it is
     * looked first whether they are all there. */
    int is_known = orb_redis_is_up(orb_store_redis(w->store)) && !slot->unchecked_seq;
    if ((orb_publisher_is_held(w->publisher) || !is_known) && !w->has_ended) {
        slot->must_finish_again = 1;
        return;
    }
    struct orb_ending end;
    orb_ending_init(&end, a, slot->err, slot->abort == ABORT_CANCEL);
    if (end.err.code && !slot->err) {
        slot->err = orb_alloc(sizeof *slot->err);
        *slot->err = end.err;
    }
    struct orb_outcome o = {
        .entry = slot->entry, .id = orb_attempt_task_id(a), .attempt = orb_attempt_number(a), .status = end.status,
        .agent = orb_attempt_agent(a), .usage = end.usage, .message = end.message,
        .result = end.status == ORB_STATUS_COMPLETED ? &end.result : NULL, .partial = end.partial.data, .partial_len = end.partial.len,
        .error = slot->err ? orb_error_message(slot->err) : "", .error_type = slot->err ? orb_error_type(slot->err->code) : "",
        .seq = seq, .is_stream_fresh = is_fresh,
    };
    if (o.status == ORB_STATUS_FAILED && orb_error_is_retryable(slot->err->code)) {
        int is_rate = slot->err->code == ORB_E_MODEL_RATE;
        o.status = ORB_STATUS_RETRYING;
        o.max_retries = is_rate ? -1 : slot->max_retries;
        o.delay_ms = orb_broker_backoff_ms((is_rate ? slot->rate_waits : slot->retries) + 1, slot->err->retry_after_ms, orb_random_unit());
    }
    orb_broker_finish(w->broker, &o, on_finished, slot);
    orb_ending_done(&end);
}

static void on_requeued(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    if (err)
        orb_worker_trouble(w, "a task could not be handed back", err);
    /* While this worker lives nobody else takes what is pending on it. What was not begun is handed back by one that ends. */
    if (err && slot->attempt && !w->has_ended) {
        finish_later(slot);
        return;
    }
    if (!err && slot->attempt)
        told(slot, orb_reply_str(reply, NULL));
    orb_worker_release(slot);
}

static void hand_back(struct slot *slot)
{
    const char *id = slot->attempt ? orb_attempt_task_id(slot->attempt) : slot->task->id;
    const struct orb_run *run = slot->attempt ? orb_attempt_run(slot->attempt) : NULL;
    char usage[320] = "";
    if (run)
        orb_run_usage(run, usage);
    slot->is_handed_back = 1;
    orb_broker_requeue(slot->worker->broker, slot->entry, id, slot->attempt ? orb_attempt_number(slot->attempt) : 0, usage, on_requeued, slot);
}

/* Another worker owns the task now: nothing is written about it here. */
static void lose(struct slot *slot)
{
    told(slot, "STALE");
    orb_worker_release(slot);
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
    else if (slot->abort == ABORT_LOST)
        lose(slot);
    else
        finish_slot(slot);
}

void orb_worker_put_back(struct slot *slot)
{
    if (slot->state == SLOT_RUNNING) {
        orb_worker_abort_slot(slot, ABORT_HAND_BACK);
        return;
    }
    slot->must_finish_again = 0;
    hand_back(slot);
}

void orb_worker_abort_slot(struct slot *slot, enum slot_abort why)
{
    if (slot->abort == ABORT_NONE || slot->abort == ABORT_HAND_BACK || why == ABORT_LOST)
        slot->abort = why;
    if (slot->state == SLOT_RUNNING)
        orb_attempt_abort(slot->attempt);
    /* That process listens for cancels itself. */
    if (slot->state == SLOT_ALONE && why == ABORT_HAND_BACK)
        orb_child_signal(slot->child, SIGTERM);
}

/* ---- another attempt of the same owner ----------------------------------- */

static void on_advanced(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    int64_t number = 0;
    if (!slot->attempt)
        return;
    if (err) {
        orb_attempt_advanced(slot->attempt, 0, err);
        return;
    }
    const char *word = orb_reply_str(reply, NULL);
    if (orb_parse_int(word, 1, INT_MAX, &number))
        orb_worker_abort_slot(slot, strcmp(word, "cancelled") ? ABORT_LOST : ABORT_CANCEL);
    orb_attempt_advanced(slot->attempt, (int)number, NULL);
}

static void advance(void *arg)
{
    struct slot *slot = arg;
    orb_broker_advance(slot->worker->broker, orb_attempt_task_id(slot->attempt), orb_attempt_number(slot->attempt), on_advanced, slot);
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
    orb_worker_check_end(w);
}

static void poison(struct orb_worker *w, const char *entry, const char *id, const struct orb_error *why, int is_binary)
{
    orb_worker_log(w, ORB_LOG_WARNING, "queue entry %s: dead-lettered: %s", entry, orb_error_message(why));
    if (orb_broker_poison(w->broker, entry, id, why, is_binary, on_poisoned, w))
        orb_claim_look_back(w->claim);
    else
        w->in_flight++;
}

static void poison_task(struct slot *slot, const char *id, const char *why)
{
    struct orb_error err;
    orb_error_set(&err, ORB_E_INVALID, "what Redis holds of the task is not as it should be: %s", why);
    poison(slot->worker, slot->entry, id, &err, 0);
}

static void on_begun(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    static const struct orb_attempt_callbacks callbacks = { .ended = attempt_ended, .advance = advance };
    struct orb_begun begun;
    if (err) {
        orb_worker_trouble(w, "a task could not be begun, trying again", err);
        if (!w->has_ended)
            orb_claim_look_back(w->claim);
        orb_worker_release(slot);
        return;
    }
    enum orb_begin what = orb_broker_begin_reply(reply, &begun);
    if (what == ORB_BEGIN_ERROR)
        poison_task(slot, slot->task->id, orb_reply_str(orb_reply_at(reply, 1), NULL));
    if (what == ORB_BEGIN_ALONE && !w->is_handing_back) {
        orb_worker_run_alone(slot);
        return;
    }
    if (what != ORB_BEGIN_RUN) {
        orb_worker_log(w, ORB_LOG_DEBUG, "task %s: not run: %s", slot->task->id, orb_reply_str(orb_reply_at(reply, 0), NULL));
        orb_worker_release(slot);
        return;
    }
    slot->retries = begun.retries;
    slot->rate_waits = begun.rate_waits;
    slot->max_retries = slot->task->max_retries;
    slot->state = SLOT_RUNNING;
    slot->armed_ms = orb_loop_now_ms(w->loop);
    const struct orb_attempt_spec spec = {
        .publisher = w->publisher, .toolbox = w->tools, .prices = w->prices, .number = begun.attempt,
        .may_retry = begun.retries < slot->max_retries, .deadline_ms = begun.deadline_ms,
        .used = begun.used,
    };
    slot->attempt = orb_attempt_start(w->loop, &spec, slot->task, &callbacks, slot);
    snprintf(w->current, sizeof w->current, "%s", orb_attempt_task_id(slot->attempt));
    drop_task(slot);
    if (slot->abort)
        orb_attempt_abort(slot->attempt);
}

/* Pending on us, but deleted from the stream: nothing is left to run. */
static void acknowledge(struct orb_worker *w, const char *place)
{
    struct orb_buf b;
    const char *priority = strchr(place, '@');
    char stream[ORB_KEY_MAX], group[ORB_KEY_MAX + 8], entry[44];
    snprintf(stream, sizeof stream, "%s%s%s", orb_broker_stream(w->broker), priority ? ":p" : "", priority ? priority + 1 : "");
    snprintf(group, sizeof group, "%s:group", stream);
    snprintf(entry, sizeof entry, "%.*s", (int)strcspn(place, "@"), place);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 4);
    orb_cmd_str(&b, "XACK");
    orb_cmd_str(&b, stream);
    orb_cmd_str(&b, group);
    orb_cmd_str(&b, entry);
    if (orb_redis_send(orb_store_redis(w->store), &b, 1, ORB_REDIS_RETRY, NULL, NULL))
        orb_worker_log(w, ORB_LOG_WARNING, "queue entry %s: deleted, and could not be acknowledged", place);
    orb_buf_done(&b);
}

int orb_worker_room(void *arg)
{
    const struct orb_worker *w = arg;
    return w->concurrency - w->busy;
}

int orb_worker_on_delivered(void *arg, const struct orb_delivery *d)
{
    struct orb_worker *w = arg;
    struct orb_error why;
    if (d->is_gone)
        acknowledge(w, d->entry);
    /* It may come as new, too: a group that was lost is made anew, and has delivered nothing. */
    if (d->is_gone || slot_of_entry(w, d->entry))
        return 0;
    if (d->is_again && orb_worker_room(w) <= 0)
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
