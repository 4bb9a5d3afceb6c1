/* The payload of a task, which Redis keeps as long as the hash: to be read, or for the task once more, as a new one. */
#include "client/again.h"
#include "client/seen.h"
#include "base/base.h"
#include "task/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resubmit {
    struct orb_client *client;
    char id[ORB_ID_MAX + 1], new_id[33];
    char queue[160];            /* of the task; longer names are none */
    int is_there;               /* its hash */
    char seen[ORB_SEEN_MAX];
    char *input;                /* NULL: as it was */
    size_t input_len;
    orb_submit_cb submitted;    /* one of the two */
    orb_payload_cb read;
    void *arg;
};

static void resubmit_end(struct resubmit *r, struct orb_task_handle *handle, const struct orb_error *err)
{
    if (r->submitted)
        r->submitted(r->arg, handle, err);
    else
        r->read(r->arg, NULL, err);
    free(r->input);
    free(r);
}

static void on_submitted(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct resubmit *r = arg;
    struct orb_error why;
    char name[ORB_ID_MAX + 8];
    snprintf(name, sizeof name, "task %s", r->id);
    if (!err && orb_again_answer(reply, name, &why))
        err = &why;
    resubmit_end(r, err ? NULL : orb_task_handle_new(r->client, r->new_id), err);
}

static int send_again(struct resubmit *r, const char *payload, size_t len, struct orb_error *err)
{
    int rc = orb_store_queue_check(r->queue, err);
    if (rc)
        return rc;
    orb_id_new(r->new_id);
    struct orb_batch *batch = orb_again_batch_new(r->client, r->queue);
    rc = orb_again_add(batch, &(struct orb_again){ .id = r->new_id, .resubmit_of = r->id, .letter = "", .seen = r->seen,
                       .payload = payload, .payload_len = len, .input = r->input, .input_len = r->input_len }, on_submitted, r, err);
    orb_batch_free(batch); /* sends it */
    return rc;
}

/* A member as text; def when it is not there. */
static const char *dump(const json_t *value, const char *def, struct orb_buf *b)
{
    orb_buf_init(b, 16 * ORB_PAYLOAD_MAX);
    if (value)
        orb_json_dump(b, value);
    return value && !b->err ? b->data : def;
}

static int give_payload(struct resubmit *r, const char *payload, size_t len, struct orb_error *err)
{
    struct orb_task task;
    struct orb_buf config, messages, metadata;
    int rc = orb_task_parse(payload, len, &task, err);
    if (rc)
        return rc;
    r->read(r->arg, &(struct orb_payload){
        .json = payload, .json_len = len, .agent_config = dump(task.agent_config, "{}", &config), .input = task.input, .input_len = task.input_len,
        .messages = dump(task.messages, "[]", &messages), .metadata = dump(task.metadata, "{}", &metadata), .detailed = task.detailed,
        .timeout_seconds = task.timeout_seconds }, NULL);
    orb_buf_done(&config);
    orb_buf_done(&messages);
    orb_buf_done(&metadata);
    orb_task_done(&task);
    free(r);
    return 0;
}

static int use_payload(struct resubmit *r, const char *payload, size_t len, struct orb_error *err)
{
    if (!len && !r->is_there)
        return orb_task_not_found(r->id, err);
    if (!len)
        return orb_error_set(err, ORB_E_NOT_FOUND, "task %s is there, but its payload is gone: it cannot be repeated from it; if it failed, its "
                             "dead letter may have one (orbiter dead replay %s), else submit it anew", r->id, r->id);
    return r->read ? give_payload(r, payload, len, err) : send_again(r, payload, len, err);
}

static void on_payload(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct resubmit *r = arg;
    struct orb_error why;
    size_t len;
    const char *payload = orb_reply_str(reply, &len);
    if (!err && use_payload(r, payload, len, &why))
        err = &why;
    if (err)
        resubmit_end(r, NULL, err);
}

static int ask(struct resubmit *r, const char *command, const char *name, const char *const *fields, size_t nfields, orb_redis_cb cb)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2 + nfields);
    orb_cmd_str(&b, command);
    orb_store_key_arg(r->client->store, &b, name, r->id);
    for (size_t i = 0; i < nfields; i++)
        orb_cmd_str(&b, fields[i]);
    return orb_client_send(r->client, &b, 1, cb, r);
}

static void on_hash(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct resubmit *r = arg;
    struct orb_error why;
    if (!err) {
        const char *queue = orb_reply_str(orb_reply_at(reply, 0), NULL);
        r->is_there = *queue || *orb_reply_str(orb_reply_at(reply, 1), NULL);
        snprintf(r->queue, sizeof r->queue, "%s", *queue ? queue : ORB_QUEUE_DEFAULT);
        int rc = ask(r, "GET", "orbiter:payload:", NULL, 0, on_payload);
        if (!rc)
            return;
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        err = &why;
    }
    resubmit_end(r, NULL, err);
}

static int start(struct resubmit *r, struct orb_client *client, const char *id, struct orb_error *err)
{
    static const char *const fields[] = { "queue", "status" };
    int rc = orb_id_is_valid(id) ? 0 : orb_error_set(err, ORB_E_USAGE, "\"%s\" is no task id", id);
    if (!rc) {
        r->client = client;
        snprintf(r->id, sizeof r->id, "%s", id);
        rc = ask(r, "HMGET", "orbiter:task:", fields, ORB_COUNT(fields), on_hash);
        if (rc)
            orb_error_set(err, rc, "%s", orb_error_text(rc));
    }
    if (rc) {
        free(r->input);
        free(r);
    }
    return rc;
}

int orb_resubmit(struct orb_client *client, const char *id, const char *input, size_t input_len, orb_submit_cb cb, void *arg,
                 struct orb_error *err)
{
    return orb_operate_resubmit_if(client, id, NULL, input, input_len, cb, arg, err);
}

int orb_operate_resubmit_if(struct orb_client *client, const char *id, const struct orb_task_seen *seen, const char *input, size_t input_len,
                            orb_submit_cb cb, void *arg, struct orb_error *err)
{
    if (input && input_len > ORB_PAYLOAD_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "the input is larger than %d bytes; make it shorter", ORB_PAYLOAD_MAX);
    struct resubmit *r = orb_alloc(sizeof *r);
    *r = (struct resubmit){ .submitted = cb, .arg = arg, .input = input ? orb_memdup(input, input_len) : NULL, .input_len = input_len };
    orb_seen_task(seen, r->seen);
    return start(r, client, id, err);
}

int orb_task_payload(struct orb_client *client, const char *id, orb_payload_cb cb, void *arg, struct orb_error *err)
{
    struct resubmit *r = orb_alloc(sizeof *r);
    *r = (struct resubmit){ .read = cb, .arg = arg };
    return start(r, client, id, err);
}
