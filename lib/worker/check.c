/* Is what runs here still this worker's? Asked now and then, after the lease had run out, and when the subscription
 * to cancels begins to stand, since what was published before is lost. */
#include "worker/worker.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    struct orb_worker *worker;
    char entry[44];
    int attempt;
};

static int is_running(const struct slot *slot)
{
    return slot->state == SLOT_RUNNING;
}

static struct slot *slot_of(const struct check *check, int (*is_right)(const struct slot *slot))
{
    for (struct slot *slot = check->worker->slots; slot; slot = slot->next)
        if (is_right(slot) && !strcmp(slot->entry, check->entry) && orb_attempt_number(slot->attempt) == check->attempt)
            return slot;
    return NULL;
}

static void on_checked(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct check *check = arg;
    struct orb_worker *w = check->worker;
    struct slot *slot = w->has_ended ? NULL : slot_of(check, is_running);
    const char *word = err ? "" : orb_reply_str(reply, NULL);
    free(check);
    w->checks--;
    if (slot && !strcmp(word, "lost"))
        orb_worker_abort_slot(slot, ABORT_LOST);
    else if (slot && !strcmp(word, "cancelled"))
        orb_worker_abort_slot(slot, ABORT_CANCEL);
    if (err && w->has_lapsed && err->code != ORB_E_CANCELLED)
        orb_worker_trouble(w, "what runs here could not be checked", err);
    else if (!w->checks && w->has_lapsed && !w->has_ended) {
        w->has_lapsed = 0;
        orb_worker_renewed(w);
    }
}

void orb_worker_check_tasks(struct orb_worker *w)
{
    for (struct slot *slot = w->slots; slot; slot = slot->next) {
        if (slot->state != SLOT_RUNNING)
            continue;
        struct check *check = orb_alloc(sizeof *check);
        *check = (struct check){ .worker = w, .attempt = orb_attempt_number(slot->attempt) };
        snprintf(check->entry, sizeof check->entry, "%s", slot->entry);
        w->checks++;
        orb_broker_check(w->broker, orb_attempt_task_id(slot->attempt), check->attempt, on_checked, check);
    }
    if (!w->checks)
        w->has_lapsed = 0;
}

/* ---- events that are gone -------------------------------------------------- */

static int can_be_put_back(const struct slot *slot)
{
    return slot->state == SLOT_RUNNING || (slot->state == SLOT_ENDING && slot->must_finish_again);
}

/* What was stored before the link broke is not there: a failover has lost it, and the stream would have a gap. */
static void on_events(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct check *check = arg;
    struct orb_worker *w = check->worker;
    struct slot *slot = err || w->has_ended ? NULL : slot_of(check, can_be_put_back);
    free(check);
    if (!slot)
        return;
    slot->unchecked_seq = 0;
    if (strcmp(orb_reply_str(orb_reply_at(reply, 0), NULL), "gap")) {
        orb_worker_finish_again(w);
        return;
    }
    orb_worker_log(w, ORB_LOG_WARNING, "task %s: Redis has lost events of it: it goes back to the queue for another attempt",
                   orb_attempt_task_id(slot->attempt));
    orb_worker_put_back(slot);
}

void orb_worker_check_events(struct orb_worker *w)
{
    for (struct slot *slot = w->slots; slot; slot = slot->next) {
        if (!can_be_put_back(slot))
            continue;
        if (!slot->unchecked_seq)
            slot->unchecked_seq = orb_attempt_acked_seq(slot->attempt);
        if (!slot->unchecked_seq)
            continue;
        struct check *check = orb_alloc(sizeof *check);
        *check = (struct check){ .worker = w, .attempt = orb_attempt_number(slot->attempt) };
        snprintf(check->entry, sizeof check->entry, "%s", slot->entry);
        if (orb_broker_check_events(w->broker, orb_attempt_task_id(slot->attempt), check->attempt, slot->unchecked_seq, on_events, check))
            free(check);
    }
}
