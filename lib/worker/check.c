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

static struct slot *slot_of(const struct check *check)
{
    for (struct slot *slot = check->worker->slots; slot; slot = slot->next)
        if (slot->state == SLOT_RUNNING && !strcmp(slot->entry, check->entry) && orb_attempt_number(slot->attempt) == check->attempt)
            return slot;
    return NULL;
}

static void on_checked(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct check *check = arg;
    struct orb_worker *w = check->worker;
    struct slot *slot = w->has_ended ? NULL : slot_of(check);
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
