/* Waiting for a task's result: looks at the hash when a message says that it may be
 * there, and now and then in between (a Python worker may end without a message). */
#include "client/client.h"
#include "base/base.h"
#include "task/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_MIN_MS 500
#define TICK_MAX_MS 5000

struct result_wait {
    struct orb_client *client;
    char id[ORB_ID_MAX + 1];
    orb_task_cb cb;
    void *arg;
    struct result_wait **owner;
    struct orb_listener listener;
    struct orb_timer *tick;
    int tick_ms;
    int is_asking, must_ask_again, is_over;
    int is_telling;             /* a cancel has yet to be told: it frees */
};

static void ask(struct result_wait *w);

static void free_when_done(struct result_wait *w)
{
    if (!w->is_asking && !w->is_telling)
        free(w);
}

/* No callback after this one. */
static void settle(struct result_wait *w, const struct orb_task_info *info, const struct orb_error *err)
{
    w->is_over = 1;
    *w->owner = NULL;
    orb_subscriber_remove(w->client->subscriber, &w->listener);
    orb_timer_free(w->tick);
    w->tick = NULL;
    w->cb(w->arg, info, err);
}

static void on_hash(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct result_wait *w = arg;
    struct orb_task_hash hash;
    struct orb_error why;
    w->is_asking = 0;
    if (w->is_over) {
        free_when_done(w);
        return;
    }
    if (err && orb_client_is_worth_waiting(w->client, err)) {
        orb_timer_start(w->tick, TICK_MIN_MS);
        return;
    }
    if (!err && orb_task_hash_read(reply, w->id, &hash)) {
        orb_task_not_found(w->id, &why);
        err = &why;
    }
    if (err) {
        settle(w, NULL, err);
        free(w);
        return;
    }
    if (orb_task_has_ended(hash.info.status, hash.info.completed_at, hash.info.worker_id)) {
        settle(w, &hash.info, NULL);
        orb_task_hash_done(&hash);
        free(w);
        return;
    }
    orb_task_hash_done(&hash);
    if (w->must_ask_again)
        ask(w);
}

static void ask(struct result_wait *w)
{
    if (w->is_asking) {
        w->must_ask_again = 1;
        return;
    }
    struct orb_buf b;
    w->must_ask_again = 0;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "HGETALL");
    orb_store_key_arg(w->client->store, &b, "orbiter:task:", w->id);
    if (!orb_client_send(w->client, &b, 1, on_hash, w))
        w->is_asking = 1;
}

static void on_tick(void *arg)
{
    struct result_wait *w = arg;
    w->tick_ms = w->tick_ms * 3 / 2 < TICK_MAX_MS ? w->tick_ms * 3 / 2 : TICK_MAX_MS;
    orb_timer_start(w->tick, w->tick_ms + (int64_t)(orb_random_unit() * 100));
    ask(w);
}

static void on_wake(void *arg, enum orb_wake why)
{
    if (why != ORB_WAKE_EVENT)
        ask(arg);
}

void orb_result_wait_start(struct orb_client *client, const char *id, orb_task_cb cb, void *arg, struct result_wait **owner)
{
    struct result_wait *w = orb_alloc(sizeof *w);
    w->client = client;
    snprintf(w->id, sizeof w->id, "%s", id);
    w->cb = cb;
    w->arg = arg;
    w->owner = owner;
    w->listener = (struct orb_listener){ .task_id = w->id, .wake = on_wake, .arg = w };
    w->tick = orb_timer_new(client->loop, on_tick, w);
    w->tick_ms = TICK_MIN_MS;
    orb_timer_start(w->tick, w->tick_ms);
    orb_subscriber_add(orb_client_subscriber(client), &w->listener);
    if (!client->was_up)
        ask(w); /* so that a Redis that is not there is noticed at once */
    *owner = w;
}

static void tell_cancelled(void *arg)
{
    struct result_wait *w = arg;
    struct orb_error err;
    orb_error_set(&err, ORB_E_CANCELLED, "the handle was freed");
    w->is_telling = 0;
    w->cb(w->arg, NULL, &err);
    free_when_done(w);
}

void orb_result_wait_cancel(struct result_wait *w)
{
    if (!w)
        return;
    w->is_over = 1;
    *w->owner = NULL;
    orb_subscriber_remove(w->client->subscriber, &w->listener);
    orb_timer_free(w->tick);
    w->tick = NULL;
    w->is_telling = 1;
    orb_loop_defer(w->client->loop, tell_cancelled, w);
}
