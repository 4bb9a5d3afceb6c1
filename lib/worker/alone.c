/* A task whose workers died while they ran it, more than once, runs in a process of its own: if it was
 * to blame, it takes no neighbours with it. That process claims the entry from this worker, under an id and a lease
 * of its own. */
#include "worker/worker.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_ended(void *arg, int status)
{
    struct slot *slot = arg;
    struct orb_worker *w = slot->worker;
    if (status)
        orb_worker_log(w, ORB_LOG_WARNING, "task %s: the process that ran it alone ended with status %d", slot->task->id, status);
    /* Before it has claimed the entry that is still this worker's. */
    if (status && !w->has_ended)
        orb_claim_look_back(w->claim);
    orb_child_free(slot->child);
    slot->child = NULL;
    orb_worker_release(slot);
}

static char *setting(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *out = orb_alloc(size);
    snprintf(out, size, "%s=%s", name, value);
    return out;
}

void orb_worker_run_alone(struct slot *slot)
{
    struct orb_worker *w = slot->worker;
    struct orb_error err;
    char result_ttl[16], event_ttl[16];
    snprintf(result_ttl, sizeof result_ttl, "%d", w->result_ttl_s);
    snprintf(event_ttl, sizeof event_ttl, "%d", w->event_ttl_s);
    /* The URL may hold a password: not in the arguments, which everybody can see. */
    char *const env[] = { setting("ORBITER_REDIS_URL", w->url), setting("ORBITER_TLS_CA", w->tls[0]), setting("ORBITER_TLS_CERT", w->tls[1]),
                          setting("ORBITER_TLS_KEY", w->tls[2]), NULL };
    const char *const argv[] = { w->program, "--queue", w->queue, "--alone", slot->entry, "--holder", w->id, "--drain-timeout", "0",
                                 "--result-ttl", result_ttl, "--event-ttl", event_ttl, *w->ns ? "--namespace" : NULL, w->ns, NULL };
    orb_worker_log(w, ORB_LOG_INFO, "task %s: its workers died more than once; it runs in a process of its own", slot->task->id);
    slot->state = SLOT_ALONE;
    const struct orb_child_options options = { .argv = argv, .env = (const char *const *)env, .ended = on_ended, .arg = slot };
    int rc = orb_child_start(w->loop, &options, &slot->child, &err);
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
    if (!rc)
        return;
    orb_worker_trouble(w, "a task that must run alone could not be started, trying again", &err);
    orb_claim_look_back(w->claim);
    orb_worker_release(slot);
}
