/* TaskHandle: one task, asked about and acted on. */
#include "client/client.h"
#include "client/actor.h"
#include "client/seen.h"
#include "base/base.h"
#include "task/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orb_task_handle {
    struct orb_client *client;
    char id[ORB_ID_MAX + 1];
    struct call *calls;            /* under way */
    struct result_wait *result;
    struct event_follow *follow;
};

/* A question that Redis has not answered yet. */
struct call {
    struct call *next, **link;      /* link: what points to this one */
    struct orb_task_handle *handle; /* NULL: the handle is gone */
    struct orb_loop *loop;
    orb_task_cb status;
    orb_cancel_cb cancel;
    char nonce[17];                 /* of a cancel: of all calls that it takes */
    char seen[ORB_SEEN_MAX];
    void *arg;
};

struct orb_task_handle *orb_task_handle_new(struct orb_client *client, const char *id)
{
    struct orb_task_handle *h = orb_alloc(sizeof *h);
    h->client = client;
    snprintf(h->id, sizeof h->id, "%s", id);
    return h;
}

const char *orb_task_handle_id(const struct orb_task_handle *h)
{
    return h->id;
}

static struct call *call_new(struct orb_task_handle *h, void *arg)
{
    struct call *call = orb_alloc(sizeof *call);
    call->handle = h;
    call->loop = h->client->loop;
    call->arg = arg;
    call->next = h->calls;
    call->link = &h->calls;
    if (call->next)
        call->next->link = &call->next;
    h->calls = call;
    return call;
}

/* Tells a call whose handle was freed; once. */
static void say_cancelled(void *arg)
{
    struct call *call = arg;
    struct orb_error err;
    orb_task_cb status = call->status;
    orb_cancel_cb cancel = call->cancel;
    call->status = NULL;
    call->cancel = NULL;
    orb_error_set(&err, ORB_E_CANCELLED, "the handle was freed");
    if (status)
        status(call->arg, NULL, &err);
    else if (cancel)
        cancel(call->arg, NULL, &err);
}

/* The answer has come after the handle was freed. */
static void drop(struct call *call)
{
    orb_loop_forget(call->loop, call);
    say_cancelled(call);
    free(call);
}

static void call_done(struct call *call)
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    call->handle = NULL;
}

/* ---- status ------------------------------------------------------------- */

static void on_status(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct call *call = arg;
    struct orb_error why;
    struct orb_task_hash hash;
    if (!call->handle) {
        drop(call);
        return;
    }
    char id[ORB_ID_MAX + 1];
    snprintf(id, sizeof id, "%s", call->handle->id);
    call_done(call);
    if (!err && orb_task_hash_read(reply, id, &hash)) {
        orb_task_not_found(id, &why);
        err = &why;
    }
    call->status(call->arg, err ? NULL : &hash.info, err);
    if (!err)
        orb_task_hash_done(&hash);
    free(call);
}

int orb_task_handle_status(struct orb_task_handle *h, orb_task_cb cb, void *arg)
{
    struct orb_buf b;
    struct call *call = call_new(h, arg);
    call->status = cb;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "HGETALL");
    orb_store_key_arg(h->client->store, &b, "orbiter:task:", h->id);
    int rc = orb_client_send(h->client, &b, 1, on_status, call);
    if (rc) {
        call_done(call);
        free(call);
    }
    return rc;
}

/* ---- cancel ------------------------------------------------------------- */

static int send_cancel(struct call *call, const char *behind);

static void on_cancelled(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct call *call = arg;
    struct orb_error why;
    char now[ORB_SEEN_MAX];
    if (!call->handle) {
        drop(call);
        return;
    }
    const char *what = orb_reply_str(orb_reply_at(reply, 0), NULL);
    const char *state = err ? NULL : orb_reply_str(orb_reply_at(reply, 1), NULL);
    int rc = 0;
    if (!err && !strcmp(what, "more") && !(rc = send_cancel(call, state)))
        return;
    if (rc) {
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        err = &why;
        state = NULL;
    } else if (!err && !strcmp(what, "unknown")) {
        orb_task_not_found(call->handle->id, &why);
        err = &why;
        state = NULL;
    } else if (!err && !strcmp(what, "changed")) {
        char name[ORB_ID_MAX + 8];
        snprintf(name, sizeof name, "task %s", call->handle->id);
        orb_seen_changed(name, state, &why);
        snprintf(now, sizeof now, "%.*s", (int)strcspn(state, " "), state);
        err = &why;
        state = now;
    } else if (!err && !strcmp(what, "finished")) {
        orb_error_set(&why, ORB_E_FINISHED, "task %s is already %s; there is nothing to cancel", call->handle->id, state);
        err = &why;
    }
    call_done(call);
    call->cancel(call->arg, state, err);
    free(call);
}

static int send_cancel(struct call *call, const char *behind)
{
    struct orb_task_handle *h = call->handle;
    return orb_broker_cancel(h->client->store, orb_actor_who(), orb_actor_from(), h->id, call->nonce, behind, call->seen, on_cancelled, call);
}

int orb_task_handle_cancel(struct orb_task_handle *h, orb_cancel_cb cb, void *arg)
{
    return orb_handle_cancel_if(h, NULL, cb, arg);
}

int orb_handle_cancel_if(struct orb_task_handle *h, const struct orb_task_seen *seen, orb_cancel_cb cb, void *arg)
{
    char nonce[33];
    struct call *call = call_new(h, arg);
    call->cancel = cb;
    orb_seen_task(seen, call->seen);
    orb_id_new(nonce);
    snprintf(call->nonce, sizeof call->nonce, "%.16s", nonce);
    int rc = send_cancel(call, "");
    if (rc) {
        call_done(call);
        free(call);
    }
    return rc;
}

/* ---- waiting ------------------------------------------------------------ */

int orb_task_handle_result(struct orb_task_handle *h, orb_task_cb cb, void *arg)
{
    orb_result_wait_cancel(h->result);
    orb_result_wait_start(h->client, h->id, cb, arg, &h->result);
    return 0;
}

static int is_stream_id(const char *id)
{
    size_t ms = strspn(id, "0123456789");
    if (!ms || ms > 19)
        return 0;
    if (!id[ms])
        return 1;
    size_t seq = strspn(id + ms + 1, "0123456789");
    return id[ms] == '-' && seq && seq <= 19 && !id[ms + 1 + seq];
}

int orb_task_handle_stream(struct orb_task_handle *h, const char *from_id, orb_event_cb cb, void *arg, struct orb_error *err)
{
    if (from_id && !is_stream_id(from_id))
        return orb_error_set(err, ORB_E_USAGE, "\"%s\" is no event id; ids look like 1795461238951-0", from_id);
    orb_event_follow_cancel(h->follow);
    orb_event_follow_start(h->client, h->id, from_id ? from_id : "0", cb, arg, &h->follow);
    return 0;
}

/* ---- the end ------------------------------------------------------------ */

void orb_task_handle_free(struct orb_task_handle *h)
{
    if (!h)
        return;
    for (struct call *call = h->calls; call; call = call->next) {
        call->handle = NULL;
        orb_loop_defer(h->client->loop, say_cancelled, call);
    }
    orb_result_wait_cancel(h->result);
    orb_event_follow_cancel(h->follow);
    free(h);
}
