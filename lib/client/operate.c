/* What an operator does to queues and workers: one script call each, a purge as many as it takes. A call that
 * is sent twice has the same nonce, by which the scripts know it. */
#include "client/client.h"
#include "client/actor.h"
#include "client/seen.h"
#include "base/json.h"
#include "base/base.h"
#include <orbiter/operate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_(n) #n
#define TEXT(n) TEXT_(n)
static const char task_ttl[] = TEXT(ORB_TASK_TTL_S), event_ttl[] = TEXT(ORB_EVENT_TTL_S);

struct operation {
    struct orb_client *client;
    char nonce[17];
    char target[ORB_ID_MAX + 1]; /* a queue's name is no longer */
    orb_pause_cb pause;
    orb_purge_cb purge;
    orb_drain_cb drain;
    void *arg;
    int slice;                   /* purge: number of the call under way */
    int64_t ended;
};

static struct operation *operation_new(struct orb_client *client, const char *target, void *arg)
{
    struct operation *o = orb_alloc(sizeof *o);
    char nonce[33];
    orb_id_new(nonce);
    o->client = client;
    o->arg = arg;
    snprintf(o->nonce, sizeof o->nonce, "%.16s", nonce);
    snprintf(o->target, sizeof o->target, "%s", target);
    return o;
}

/* Starts, or is gone. */
static int start(struct operation *o, int rc, struct orb_error *err)
{
    if (!rc)
        return 0;
    free(o);
    return orb_error_set(err, rc, "%s", orb_error_text(rc));
}

static const struct orb_error *no_queue(const struct operation *o, struct orb_error *err)
{
    orb_error_set(err, ORB_E_NOT_FOUND, "there is no queue %s: it has had neither a task nor a worker", o->target);
    return err;
}

/* ---- pause and resume ---------------------------------------------------- */

static const struct orb_error *queue_changed(const struct operation *o, const char *now, const char *who, struct orb_error *err)
{
    orb_error_set(err, ORB_E_CHANGED, "queue %s has changed since it was looked at: it is %s%s%s now; nothing was done, look again", o->target, now,
                  *who ? " by " : "", who);
    return err;
}

static void on_pause(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct operation *o = arg;
    struct orb_error why;
    const char *what = orb_reply_str(orb_reply_at(reply, 0), NULL);
    int is_other = !strcmp(what, "paused") || !strcmp(what, "running");
    struct orb_pause_info info = { .is_changed = !strcmp(what, "changed"), .who = orb_reply_str(orb_reply_at(reply, 1), NULL),
                                   .at = orb_reply_real(orb_reply_at(reply, 2)) };
    if (!err && !strcmp(what, "unknown"))
        err = no_queue(o, &why);
    if (!err && is_other)
        err = queue_changed(o, what, info.who, &why);
    o->pause(o->arg, err && !is_other ? NULL : &info, err);
    free(o);
}

/* A number as Lua reads it, in any locale. "" for 0. */
static void write_number(struct orb_buf *b, double number)
{
    if (number > 0)
        orb_json_real(b, number);
}

static int set_paused(struct orb_client *client, const char *queue, const struct orb_queue_seen *seen, const char *is_paused, orb_pause_cb cb, void *arg,
                      struct orb_error *err)
{
    char key[ORB_KEY_MAX];
    int rc = orb_store_queue_check(queue, err);
    if (rc)
        return rc;
    struct operation *o = operation_new(client, queue, arg);
    o->pause = cb;
    struct orb_buf was;
    orb_buf_init(&was, 64);
    orb_buf_str(&was, !seen ? "" : seen->is_paused ? "paused " : "running");
    if (seen && seen->is_paused)
        write_number(&was, seen->paused_at);
    const char *const args[] = { queue, orb_actor_who(), orb_actor_from(), o->nonce, is_paused, was.data };
    rc = orb_store_eval(client->store, &orb_script_pause, orb_store_key(client->store, queue, "", key), args, ORB_COUNT(args), on_pause, o);
    orb_buf_done(&was);
    return start(o, rc, err);
}

int orb_operate_pause(struct orb_client *client, const char *queue, orb_pause_cb cb, void *arg, struct orb_error *err)
{
    return set_paused(client, queue, NULL, "1", cb, arg, err);
}

int orb_operate_resume(struct orb_client *client, const char *queue, orb_pause_cb cb, void *arg, struct orb_error *err)
{
    return set_paused(client, queue, NULL, "", cb, arg, err);
}

int orb_operate_pause_if(struct orb_client *client, const char *queue, const struct orb_queue_seen *seen, orb_pause_cb cb, void *arg, struct orb_error *err)
{
    return set_paused(client, queue, seen, "1", cb, arg, err);
}

int orb_operate_resume_if(struct orb_client *client, const char *queue, const struct orb_queue_seen *seen, orb_pause_cb cb, void *arg, struct orb_error *err)
{
    return set_paused(client, queue, seen, "", cb, arg, err);
}

/* ---- purge --------------------------------------------------------------- */

static int ask_slice(struct operation *o);

static void on_slice(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct operation *o = arg;
    struct orb_error why;
    const char *what = orb_reply_str(orb_reply_at(reply, 0), NULL);
    int rc = 0;
    if (!err)
        o->ended = orb_reply_int(orb_reply_at(reply, 1));
    if (!err && !strcmp(what, "unknown"))
        err = no_queue(o, &why);
    if (!err && !strcmp(what, "no stream")) {
        orb_error_set(&why, ORB_E_PROTOCOL, "queue %s cannot be purged: its key in Redis is no stream; look at it and delete it there", o->target);
        err = &why;
    }
    if (!err && !strcmp(what, "more") && !(rc = ask_slice(o)))
        return;
    if (rc) {
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        err = &why;
    }
    o->purge(o->arg, o->ended, err);
    free(o);
}

static int ask_slice(struct operation *o)
{
    char key[ORB_KEY_MAX], number[16];
    snprintf(number, sizeof number, "%d", ++o->slice);
    const char *const args[] = { o->target, orb_actor_who(), orb_actor_from(), o->nonce, number, task_ttl, event_ttl };
    struct orb_store *store = o->client->store;
    return orb_store_eval(store, &orb_script_purge, orb_store_key(store, o->target, "", key), args, ORB_COUNT(args), on_slice, o);
}

int orb_operate_purge(struct orb_client *client, const char *queue, orb_purge_cb cb, void *arg, struct orb_error *err)
{
    int rc = orb_store_queue_check(queue, err);
    if (rc)
        return rc;
    struct operation *o = operation_new(client, queue, arg);
    o->purge = cb;
    return start(o, ask_slice(o), err);
}

/* ---- drain --------------------------------------------------------------- */

static void on_drain(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct operation *o = arg;
    struct orb_error why;
    const char *what = orb_reply_str(reply, NULL);
    if (!err && !strcmp(what, "unknown")) {
        orb_error_set(&why, ORB_E_NOT_FOUND, "there is no worker %s", o->target);
        err = &why;
    } else if (!err && !strcmp(what, "dead")) {
        orb_error_set(&why, ORB_E_NOT_FOUND, "worker %s is dead: its lease has run out, and the others take over its tasks", o->target);
        err = &why;
    } else if (!err && !strcmp(what, "python")) {
        orb_error_set(&why, ORB_E_REFUSED, "worker %s has no lease, as Python workers have none: it does not look whether it is to drain; stop it with SIGTERM where it runs", o->target);
        err = &why;
    }
    if (!err && !strcmp(what, "started")) {
        orb_error_set(&why, ORB_E_CHANGED, "worker %s has changed since it was looked at: it is another process now; nothing was done, look again", o->target);
        err = &why;
    } else if (!err && !strncmp(what, "changed ", 8)) {
        orb_error_set(&why, ORB_E_CHANGED, "worker %s has changed since it was looked at: it is %s now; nothing was done, look again", o->target, what + 8);
        err = &why;
    }
    o->drain(o->arg, !err && !strcmp(what, "asked"), err);
    free(o);
}

int orb_operate_drain(struct orb_client *client, const char *worker_id, orb_drain_cb cb, void *arg, struct orb_error *err)
{
    return orb_operate_drain_if(client, worker_id, NULL, cb, arg, err);
}

int orb_operate_drain_if(struct orb_client *client, const char *worker_id, const struct orb_worker_seen *seen, orb_drain_cb cb, void *arg,
                         struct orb_error *err)
{
    if (!orb_id_is_valid(worker_id))
        return orb_error_set(err, ORB_E_USAGE, "worker id \"%s\": use 1 to %d of the characters A-Z a-z 0-9 . _ -", worker_id, ORB_ID_MAX);
    struct operation *o = operation_new(client, worker_id, arg);
    o->drain = cb;
    struct orb_buf started;
    orb_buf_init(&started, 64);
    orb_buf_str(&started, "");
    write_number(&started, seen ? seen->started_at : 0);
    const char *const args[] = { orb_actor_who(), orb_actor_from(), o->target, o->nonce, seen && seen->status ? seen->status : "", started.data };
    int rc = orb_store_eval(client->store, &orb_script_drain, NULL, args, ORB_COUNT(args), on_drain, o);
    orb_buf_done(&started);
    return start(o, rc, err);
}

/* ---- cancel --------------------------------------------------------------- */

struct cancel {
    struct orb_task_handle *handle;
    orb_cancel_cb cb;
    void *arg;
};

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    struct cancel *c = arg;
    c->cb(c->arg, state, err);
    orb_task_handle_free(c->handle);
    free(c);
}

int orb_operate_cancel_if(struct orb_client *client, const char *task_id, const struct orb_task_seen *seen, orb_cancel_cb cb, void *arg,
                          struct orb_error *err)
{
    if (!orb_id_is_valid(task_id))
        return orb_error_set(err, ORB_E_USAGE, "\"%s\" is no task id", task_id);
    struct cancel *c = orb_alloc(sizeof *c);
    *c = (struct cancel){ .handle = orb_task_handle_new(client, task_id), .cb = cb, .arg = arg };
    int rc = orb_handle_cancel_if(c->handle, seen, on_cancel, c);
    if (rc) {
        orb_task_handle_free(c->handle);
        free(c);
        return orb_error_set(err, rc, "%s", orb_error_text(rc));
    }
    return 0;
}
