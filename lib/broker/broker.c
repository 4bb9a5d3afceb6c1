#include "broker/broker.h"
#include "base/base.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orb_broker {
    struct orb_store *store;
    char *queue, *worker_id;
    char stream[ORB_KEY_MAX];
    char owner[33];   /* of this process: one that comes back under its old id is another owner */
    char result_ttl[16], event_ttl[16];
    struct orb_batch *submit, *begin, *finish, *retry, *requeue, *check, *advance;
    struct orb_buf scratch;
};

#define TEXT(number) TEXT2(number)
#define TEXT2(number) #number
static const char task_ttl[] = TEXT(ORB_TASK_TTL_S), event_ttl[] = TEXT(ORB_EVENT_TTL_S);

struct orb_broker *orb_broker_new(struct orb_store *store, const char *queue, const struct orb_broker_worker *worker)
{
    struct orb_broker *b = orb_alloc(sizeof *b);
    b->store = store;
    b->queue = orb_strdup(queue);
    b->worker_id = worker ? orb_strdup(worker->id) : NULL;
    orb_store_key(store, queue, "", b->stream);
    orb_buf_init(&b->scratch, 4 * ORB_PAYLOAD_MAX);
    if (!worker) {
        b->submit = orb_batch_new(store, &orb_script_submit, b->stream, (const char *[]){ queue, task_ttl }, 2);
        return b;
    }
    orb_id_new(b->owner);
    b->owner[16] = '\0';
    snprintf(b->result_ttl, sizeof b->result_ttl, "%d", worker->result_ttl_s);
    snprintf(b->event_ttl, sizeof b->event_ttl, "%d", worker->event_ttl_s);
    const char *const begins[] = { queue, worker->id, b->owner, task_ttl, b->result_ttl, b->event_ttl, worker->is_alone ? "1" : "" };
    const char *const ends[] = { queue, worker->id, b->result_ttl, b->event_ttl };
    b->begin = orb_batch_new(store, &orb_script_begin, b->stream, begins, ORB_COUNT(begins));
    b->finish = orb_batch_new(store, &orb_script_finish, b->stream, ends, ORB_COUNT(ends));
    b->retry = orb_batch_new(store, &orb_script_retry, b->stream, ends, ORB_COUNT(ends));
    b->requeue = orb_batch_new(store, &orb_script_requeue, b->stream, ends, ORB_COUNT(ends));
    b->check = orb_batch_new(store, &orb_script_check, b->stream, (const char *[]){ worker->id }, 1);
    b->advance = orb_batch_new(store, &orb_script_advance, b->stream, (const char *[]){ queue, worker->id, b->owner }, 3);
    return b;
}

void orb_broker_free(struct orb_broker *b)
{
    if (!b)
        return;
    orb_batch_free(b->submit);
    orb_batch_free(b->begin);
    orb_batch_free(b->finish);
    orb_batch_free(b->retry);
    orb_batch_free(b->requeue);
    orb_batch_free(b->check);
    orb_batch_free(b->advance);
    orb_buf_done(&b->scratch);
    free(b->queue);
    free(b->worker_id);
    free(b);
}

const char *orb_broker_queue(const struct orb_broker *b)
{
    return b->queue;
}

const char *orb_broker_stream(const struct orb_broker *b)
{
    return b->stream;
}

const char *orb_broker_worker_id(const struct orb_broker *b)
{
    return b->worker_id;
}

static void add_ms(struct orb_buf *out, const char *name, double seconds)
{
    if (seconds > 0)
        orb_buf_printf(out, "%s=%.0f ", name, ceil(seconds * 1000));
}

void orb_broker_write_extras(const struct orb_task_spec *spec, struct orb_buf *out)
{
    if (spec->has_priority)
        orb_buf_printf(out, "priority=%d ", spec->priority);
    add_ms(out, "delay", spec->delay_seconds);
    add_ms(out, "at", spec->at);
    add_ms(out, "deadline", spec->deadline_seconds);
    if (spec->max_depth)
        orb_buf_printf(out, "depth=%lld ", (long long)spec->max_depth);
    if (spec->resubmit_of)
        orb_buf_printf(out, "resubmit_of=%s ", spec->resubmit_of);
    if (spec->durability == ORB_DURABILITY_REPLICA)
        orb_buf_str(out, "replica=1 ");
    if (spec->idempotency_key) {
        orb_buf_char(out, '\n');
        orb_buf_str(out, spec->idempotency_key);
    }
}

void orb_broker_submit(struct orb_broker *b, const struct orb_submission *task, orb_redis_cb cb, void *arg)
{
    struct orb_buf *body = orb_batch_add(b->submit, 5, cb, arg);
    orb_cmd_str(body, task->id);
    orb_cmd_str(body, task->is_chosen ? "1" : "");
    orb_cmd_str(body, task->agent);
    orb_cmd_arg(body, task->payload, task->len);
    orb_cmd_arg(body, task->extras, task->extras_len);
}

int orb_broker_cancel(struct orb_store *store, const char *who, const char *from, const char *id, const char *nonce, const char *behind,
                      const char *seen, orb_redis_cb cb, void *arg)
{
    const char *const args[] = { who, from, id, nonce, task_ttl, event_ttl, behind, seen };
    return orb_store_eval(store, &orb_script_cancel, NULL, args, ORB_COUNT(args), cb, arg);
}

void orb_broker_begin(struct orb_broker *b, const char *entry, const char *id, const char *agent, const char *payload, size_t len,
                      orb_redis_cb cb, void *arg)
{
    struct orb_buf *body = orb_batch_add(b->begin, 4, cb, arg);
    orb_cmd_str(body, entry);
    orb_cmd_str(body, id);
    orb_cmd_str(body, agent);
    orb_cmd_arg(body, payload ? payload : "", payload ? len : 0);
}

enum orb_begin orb_broker_begin_reply(const struct orb_reply *reply, struct orb_begun *out)
{
    static const struct { const char *word; enum orb_begin what; } words[] = {
        { "run", ORB_BEGIN_RUN }, { "done", ORB_BEGIN_DONE }, { "duplicate", ORB_BEGIN_DUPLICATE }, { "cancelled", ORB_BEGIN_CANCELLED },
        { "elsewhere", ORB_BEGIN_ELSEWHERE }, { "alone", ORB_BEGIN_ALONE }, { "error", ORB_BEGIN_ERROR },
    };
    const char *what = orb_reply_str(orb_reply_at(reply, 0), NULL), *deadline = orb_reply_str(orb_reply_at(reply, 4), NULL);
    out->attempt = (int)orb_reply_int(orb_reply_at(reply, 1));
    out->retries = (int)orb_reply_int(orb_reply_at(reply, 2));
    out->rate_waits = (int)orb_reply_int(orb_reply_at(reply, 3));
    out->deadline_ms = orb_reply_type(orb_reply_at(reply, 4)) == ORB_REPLY_INT || *deadline ? orb_reply_int(orb_reply_at(reply, 4)) : -1;
    out->used = orb_reply_str(orb_reply_at(reply, 5), NULL);
    for (size_t i = 0; i < ORB_COUNT(words); i++)
        if (!strcmp(what, words[i].word))
            return words[i].what;
    return ORB_BEGIN_DONE;
}

static void arg_or_empty(struct orb_buf *body, const char *s)
{
    orb_cmd_str(body, s ? s : "");
}

/* A string as the JSON text a script puts into an event. */
static void json_arg(struct orb_broker *b, struct orb_buf *body, const char *s)
{
    orb_buf_reset(&b->scratch);
    orb_json_str(&b->scratch, s ? s : "", s ? strlen(s) : 0);
    orb_cmd_arg(body, b->scratch.data, b->scratch.len);
}

void orb_broker_finish(struct orb_broker *b, const struct orb_outcome *o, orb_redis_cb cb, void *arg)
{
    int is_retry = o->status == ORB_STATUS_RETRYING;
    struct orb_buf *body = orb_batch_add(is_retry ? b->retry : b->finish, 13, cb, arg);
    orb_cmd_str(body, o->entry);
    orb_cmd_str(body, o->id);
    orb_cmd_int(body, o->attempt);
    if (is_retry) {
        orb_cmd_int(body, o->delay_ms);
        orb_cmd_int(body, o->max_retries);
    } else {
        orb_cmd_str(body, orb_status_word(o->status));
    }
    json_arg(b, body, o->agent);
    json_arg(b, body, o->message);
    orb_cmd_int(body, o->seq);
    arg_or_empty(body, o->error);
    arg_or_empty(body, o->error_type);
    if (!is_retry)
        orb_cmd_arg(body, o->result ? o->result->data : "", o->result ? o->result->len : 0);
    orb_cmd_arg(body, o->partial ? o->partial : "", o->partial ? o->partial_len : 0);
    arg_or_empty(body, o->usage);
    orb_cmd_str(body, o->is_stream_fresh ? "1" : "");
}

void orb_broker_requeue(struct orb_broker *b, const char *entry, const char *id, int attempt, const char *usage, orb_redis_cb cb, void *arg)
{
    struct orb_buf *body = orb_batch_add(b->requeue, 4, cb, arg);
    orb_cmd_str(body, entry);
    orb_cmd_str(body, id);
    if (attempt)
        orb_cmd_int(body, attempt);
    else
        orb_cmd_str(body, "");
    orb_cmd_str(body, usage);
}

int orb_broker_poison(struct orb_broker *b, const char *entry, const char *id, const struct orb_error *why, int is_binary,
                      orb_redis_cb cb, void *arg)
{
    const char *const args[] = { b->queue, b->worker_id, entry, id, orb_error_message(why), orb_error_type(why->code), b->result_ttl, b->event_ttl,
                                 is_binary ? "1" : "" };
    return orb_store_eval(b->store, &orb_script_poison, b->stream, args, ORB_COUNT(args), cb, arg);
}

int orb_broker_sweep(struct orb_broker *b, int is_urgent, orb_redis_cb cb, void *arg)
{
    const char *const args[] = { b->queue, b->worker_id, TEXT(ORB_LEASE_MS), task_ttl, b->result_ttl, b->event_ttl, is_urgent ? "1" : "" };
    return orb_store_eval(b->store, &orb_script_sweep, b->stream, args, ORB_COUNT(args), cb, arg);
}

void orb_broker_write_claim(struct orb_broker *b, struct orb_buf *out, int has_text, int most, int64_t taken, const char *behind)
{
    char count[16], before[24];
    snprintf(count, sizeof count, "%d", most);
    snprintf(before, sizeof before, "%lld", (long long)taken);
    const char *const args[] = { b->worker_id, count, before, behind };
    orb_store_write_eval(b->store, out, &orb_script_claim, has_text, b->stream, args, ORB_COUNT(args));
}

void orb_broker_write_recover(struct orb_broker *b, struct orb_buf *out, int has_text, int most, const char *wanted, const char *holder)
{
    char count[16];
    snprintf(count, sizeof count, "%d", most);
    const char *const args[] = { b->worker_id, b->owner, TEXT(ORB_LEASE_MS), count, wanted ? wanted : "", holder ? holder : "" };
    orb_store_write_eval(b->store, out, &orb_script_recover, has_text, b->stream, args, ORB_COUNT(args));
}

void orb_broker_check(struct orb_broker *b, const char *id, int attempt, orb_redis_cb cb, void *arg)
{
    struct orb_buf *body = orb_batch_add(b->check, 3, cb, arg);
    orb_cmd_str(body, id);
    orb_cmd_int(body, attempt);
    orb_cmd_str(body, "0");
}

int orb_broker_check_events(struct orb_broker *b, const char *id, int attempt, int64_t seq, orb_redis_cb cb, void *arg)
{
    char number[16], from[24];
    snprintf(number, sizeof number, "%d", attempt);
    snprintf(from, sizeof from, "%lld", (long long)seq);
    const char *const args[] = { b->worker_id, id, number, from };
    return orb_store_eval(b->store, &orb_script_check, b->stream, args, ORB_COUNT(args), cb, arg);
}

void orb_broker_advance(struct orb_broker *b, const char *id, int attempt, orb_redis_cb cb, void *arg)
{
    struct orb_buf *body = orb_batch_add(b->advance, 2, cb, arg);
    orb_cmd_str(body, id);
    orb_cmd_int(body, attempt);
}

int orb_broker_join(struct orb_broker *b, orb_redis_cb cb, void *arg)
{
    const char *const args[] = { b->worker_id, b->owner, TEXT(ORB_LEASE_MS) };
    return orb_store_eval(b->store, &orb_script_join, b->stream, args, ORB_COUNT(args), cb, arg);
}

int orb_broker_leave(struct orb_broker *b, orb_redis_cb cb, void *arg)
{
    const char *const args[] = { b->worker_id, b->owner };
    return orb_store_eval(b->store, &orb_script_leave, b->stream, args, ORB_COUNT(args), cb, arg);
}

int64_t orb_broker_backoff_ms(int retry, int64_t retry_after_ms, double unit_random)
{
    int64_t limit = 1000;
    for (int i = 1; i < retry && limit < 60000; i++)
        limit *= 2;
    if (limit > 60000)
        limit = 60000;
    int64_t wait = (int64_t)(unit_random * (double)limit);
    if (retry_after_ms > 120000)
        retry_after_ms = 120000;
    return wait > retry_after_ms ? wait : retry_after_ms;
}
