/* Cancel messages: one pattern subscription for all tasks of the worker. A message wakes; the flag in
 * the hash is the truth (check.c). On the same connection: the queue's wake-ups. */
#include "worker/worker.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 500 /* a subscription that was refused is tried again after this */

static struct slot *slot_of_task(struct orb_worker *w, const char *id)
{
    for (struct slot *slot = w->slots; slot; slot = slot->next) {
        const char *mine = slot->attempt ? orb_attempt_task_id(slot->attempt) : slot->task ? slot->task->id : "";
        if (!strcmp(mine, id))
            return slot;
    }
    return NULL;
}

static void cancel_task(struct orb_worker *w, const char *id)
{
    struct slot *slot = slot_of_task(w, id);
    if (!slot || slot->state == SLOT_ENDING)
        return;
    orb_worker_log(w, ORB_LOG_DEBUG, "task %s: cancel", id);
    orb_worker_abort_slot(slot, ABORT_CANCEL);
}

static void on_wake(struct orb_worker *w, const char *why)
{
    if (!w->claim || w->is_draining)
        return;
    if (!strcmp(why, "priority"))
        orb_claim_look_around(w->claim);
    else if (!strncmp(why, "drain ", 6)) {
        if (!strcmp(why + 6, w->id))
            orb_worker_renew(w); /* it tells whether this process is meant */
    } else
        orb_worker_sweep(w); /* it tells whether the queue is paused */
}

/* No permission, say: it may be given. */
static void refused(struct orb_worker *w, const char *text)
{
    struct orb_error err;
    orb_error_set(&err, ORB_E_REFUSED, "Redis refused: %s", text);
    orb_worker_trouble(w, "listening for cancels", &err);
    if (!orb_timer_is_started(w->listen))
        orb_timer_start(w->listen, AGAIN_MS);
}

static void on_push(void *arg, const struct orb_reply *reply)
{
    struct orb_worker *w = arg;
    if (orb_reply_type(reply) == ORB_REPLY_ERROR)
        refused(w, orb_reply_str(reply, NULL));
    const char *kind = orb_reply_str(orb_reply_at(reply, 0), NULL);
    if (w->has_ended)
        return;
    if (!strcmp(kind, "psubscribe"))
        orb_worker_check_tasks(w);
    if (!strcmp(kind, "message"))
        on_wake(w, orb_reply_str(orb_reply_at(reply, 2), NULL));
    if (strcmp(kind, "pmessage"))
        return;
    const char *channel = orb_reply_str(orb_reply_at(reply, 2), NULL);
    size_t skip = strlen(w->prefix) + strlen("orbiter:cancel:");
    if (strlen(channel) > skip)
        cancel_task(w, channel + skip);
}

static void listen(void *arg)
{
    struct orb_worker *w = arg;
    struct orb_buf b;
    char pattern[ORB_KEY_MAX];
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "PSUBSCRIBE");
    orb_cmd_str(&b, orb_store_key(w->store, "orbiter:cancel:", "*", pattern));
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "SUBSCRIBE");
    orb_cmd_str(&b, orb_store_key(w->store, w->queue, ":wake", pattern));
    if (orb_redis_send(w->cancels, &b, 2, 0, NULL, NULL))
        orb_worker_log(w, ORB_LOG_ERROR, "cannot listen for cancels");
    orb_buf_done(&b);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_worker *w = arg;
    if (!is_up) {
        if (w->is_ready)
            orb_worker_trouble(w, "listening for cancels", err);
        return;
    }
    listen(w);
    orb_redis_hurry(orb_store_redis(w->store), w->cancels);
    if (w->claim)
        orb_claim_hurry(w->claim, w->cancels);
}

void orb_worker_cancel_start(struct orb_worker *w)
{
    struct orb_redis_config mine = w->config;
    mine.reply_timeout_ms = 0; /* it is silent for as long as nobody cancels */
    mine.push = on_push;
    mine.state = on_state;
    mine.arg = w;
    w->listen = orb_timer_new(w->loop, listen, w);
    w->cancels = orb_redis_new(w->loop, &mine);
}

void orb_worker_cancel_stop(struct orb_worker *w)
{
    orb_redis_free(w->cancels);
    orb_timer_free(w->listen);
    w->cancels = NULL;
    w->listen = NULL;
}
