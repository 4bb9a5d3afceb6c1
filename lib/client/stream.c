/* Following a task's events: the Redis stream is read from the given id on,
 * again whenever a message says that there is more, until the task has ended
 * and the stream is quiet. Pub/Sub only wakes. */
#include "client/client.h"
#include "base/base.h"
#include "event/event.h"
#include "task/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500
#define TICK_MIN_MS 500
#define TICK_MAX_MS 5000
#define APART_MS 20    /* of two reads that messages ask for: what comes fast is read together */
#define SETTLE_MS 50   /* a Python worker writes the last event before the hash */

struct event_follow {
    struct orb_client *client;
    char id[ORB_ID_MAX + 1];
    char last[48];              /* id of the entry read last */
    orb_event_cb cb;
    void *arg;
    struct event_follow **owner;
    struct orb_listener listener;
    struct orb_timer *tick, *pace;
    int tick_ms;
    int64_t asked_ms;
    unsigned refs;              /* answers still to come, callbacks that run */
    int is_reading, must_ask_again;
    struct orb_event_order order;
    int is_final, is_missing;   /* what the hash said, read before the stream */
    int saw_any, saw_last;
    int is_over;
};

static void ask(struct event_follow *f);

static void timers_free(struct event_follow *f)
{
    orb_timer_free(f->tick);
    orb_timer_free(f->pace);
    f->tick = f->pace = NULL;
}

static void settle(struct event_follow *f, const struct orb_error *err)
{
    if (f->is_over)
        return;
    f->is_over = 1;
    *f->owner = NULL;
    orb_subscriber_remove(f->client->subscriber, &f->listener);
    timers_free(f);
    f->cb(f->arg, NULL, err);
}

static void take_event(struct event_follow *f, const char *entry, const char *json, size_t len)
{
    struct orb_event event;
    json_t *root;
    struct orb_error err;
    snprintf(f->last, sizeof f->last, "%s", entry);
    f->saw_any = 1;
    if (orb_event_read(json, len, &event, &root, &err))
        return; /* not an event: nothing to show */
    if (!orb_event_is_old(&f->order, &event)) {
        event.stream_id = f->last;
        f->saw_last |= event.is_last;
        f->cb(f->arg, &event, NULL);
    }
    json_decref(root);
}

/* There is more, and perhaps much more in a moment. */
static void ask_soon(struct event_follow *f)
{
    int64_t wait_ms = f->asked_ms + APART_MS - orb_loop_now_ms(f->client->loop);
    if (f->is_reading)
        f->must_ask_again = 1;
    else if (wait_ms <= 0)
        ask(f);
    else if (!orb_timer_is_started(f->pace))
        orb_timer_start(f->pace, wait_ms);
}

static void next_move(struct event_follow *f, size_t read)
{
    if (f->is_missing && !f->saw_any && !read) {
        struct orb_error err;
        orb_task_not_found(f->id, &err);
        settle(f, &err);
    } else if (read == PAGE) {
        ask(f);
    } else if (f->is_final || f->is_missing) {
        settle(f, NULL);
    } else if (f->must_ask_again) {
        ask_soon(f);
    } else if (f->saw_last) {
        f->saw_last = 0;
        orb_timer_start(f->tick, SETTLE_MS);
    }
}

static void unref(struct event_follow *f)
{
    if (!--f->refs && f->is_over)
        free(f);
}

static void on_hash(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct event_follow *f = arg;
    enum orb_status status;
    /* On an error the stream's answer, right behind this one, says it too. */
    if (!err && !f->is_over) {
        const char *word = orb_reply_str(orb_reply_at(reply, 0), NULL);
        double completed_at = orb_reply_real(orb_reply_at(reply, 1));
        const char *worker = orb_reply_str(orb_reply_at(reply, 2), NULL);
        f->is_missing = !*word;
        if (orb_status_parse(word, &status))
            status = ORB_STATUS_PENDING;
        f->is_final = orb_task_has_ended(status, completed_at, worker);
    }
    unref(f);
}

static void take_entries(struct event_follow *f, const struct orb_reply *reply)
{
    size_t n = orb_reply_count(reply), len;
    for (size_t i = 0; i < n && !f->is_over; i++) {
        const struct orb_reply *entry = orb_reply_at(reply, i);
        const char *json = orb_reply_str(orb_reply_field(orb_reply_at(entry, 1), "event"), &len);
        take_event(f, orb_reply_str(orb_reply_at(entry, 0), NULL), json, len);
    }
    if (!f->is_over)
        next_move(f, n);
}

static void on_entries(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct event_follow *f = arg;
    f->is_reading = 0;
    if (f->is_over)
        ;
    else if (err && orb_client_is_worth_waiting(f->client, err))
        orb_timer_start(f->tick, TICK_MIN_MS);
    else if (err)
        settle(f, err);
    else
        take_entries(f, reply);
    unref(f);
}

/* The hash first: when that is final, the stream read behind it is complete. */
static void ask(struct event_follow *f)
{
    struct orb_buf b;
    char from[64];
    if (f->is_reading) {
        f->must_ask_again = 1;
        return;
    }
    f->must_ask_again = 0;
    f->asked_ms = orb_loop_now_ms(f->client->loop);
    orb_timer_stop(f->pace);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 5);
    orb_cmd_str(&b, "HMGET");
    orb_store_key_arg(f->client->store, &b, "orbiter:task:", f->id);
    orb_cmd_str(&b, "status");
    orb_cmd_str(&b, "completed_at");
    orb_cmd_str(&b, "worker_id");
    if (!orb_client_send(f->client, &b, 1, on_hash, f))
        f->refs++;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, "XRANGE");
    orb_store_key_arg(f->client->store, &b, "orbiter:stream:", f->id);
    snprintf(from, sizeof from, "(%s", f->last);
    orb_cmd_str(&b, strcmp(f->last, "0") ? from : "-");
    orb_cmd_str(&b, "+");
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, PAGE);
    if (!orb_client_send(f->client, &b, 1, on_entries, f)) {
        f->refs++;
        f->is_reading = 1;
    }
}

static void on_tick(void *arg)
{
    struct event_follow *f = arg;
    f->tick_ms = f->tick_ms * 3 / 2 < TICK_MAX_MS ? f->tick_ms * 3 / 2 : TICK_MAX_MS;
    orb_timer_start(f->tick, f->tick_ms + (int64_t)(orb_random_unit() * 100));
    ask(f);
}

static void on_pace(void *arg)
{
    ask(arg);
}

static void on_wake(void *arg, enum orb_wake why)
{
    struct event_follow *f = arg;
    f->tick_ms = TICK_MIN_MS;
    if (why == ORB_WAKE_EVENT)
        ask_soon(f);
    else
        ask(f);
}

void orb_event_follow_start(struct orb_client *client, const char *id, const char *from_id, orb_event_cb cb, void *arg, struct event_follow **owner)
{
    struct event_follow *f = orb_alloc(sizeof *f);
    f->client = client;
    snprintf(f->id, sizeof f->id, "%s", id);
    snprintf(f->last, sizeof f->last, "%s", from_id);
    f->cb = cb;
    f->arg = arg;
    f->owner = owner;
    f->listener = (struct orb_listener){ .task_id = f->id, .wake = on_wake, .arg = f };
    f->tick = orb_timer_new(client->loop, on_tick, f);
    f->pace = orb_timer_new(client->loop, on_pace, f);
    f->tick_ms = TICK_MIN_MS;
    orb_timer_start(f->tick, f->tick_ms);
    orb_subscriber_add(orb_client_subscriber(client), &f->listener);
    if (!client->was_up)
        ask(f); /* so that a Redis that is not there is noticed at once */
    *owner = f;
}

static void tell_cancelled(void *arg)
{
    struct event_follow *f = arg;
    struct orb_error err;
    orb_error_set(&err, ORB_E_CANCELLED, "the handle was freed");
    f->cb(f->arg, NULL, &err);
    unref(f);
}

void orb_event_follow_cancel(struct event_follow *f)
{
    if (!f || f->is_over)
        return;
    f->is_over = 1;
    *f->owner = NULL;
    orb_subscriber_remove(f->client->subscriber, &f->listener);
    timers_free(f);
    f->refs++; /* until it has been told */
    orb_loop_defer(f->client->loop, tell_cancelled, f);
}
