#include "task/hash.h"
#include "task/task.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *field(const struct orb_reply *reply, const char *name)
{
    return orb_reply_str(orb_reply_field(reply, name), NULL);
}

int orb_task_hash_count(const struct orb_reply *value)
{
    int64_t n = orb_reply_int(value);
    return n < 0 ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

int orb_task_hash_priority(const struct orb_reply *value)
{
    const char *text = orb_reply_str(value, NULL);
    return *text >= '0' && *text <= '9' && !text[1] ? *text - '0' : ORB_PRIORITY_DEFAULT;
}

json_t *orb_task_result_parse(const char *json, size_t len)
{
    static const struct orb_json_limits limits = { 64 * 1024 * 1024, 1000000, 200 };
    return orb_json_parse(json, len, &limits, NULL);
}

static int64_t tokens(const json_t *usage, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(usage, name));
    return n > 0 ? n : 0;
}

void orb_task_usage_read(struct orb_task_info *info)
{
    static const struct orb_json_limits limits = { 4096, 100, 4 };
    json_t *usage = *info->usage ? orb_json_parse(info->usage, strlen(info->usage), &limits, NULL) : NULL;
    const json_t *cost = json_object_get(usage, "cost");
    info->input_tokens = tokens(usage, "input_tokens");
    info->output_tokens = tokens(usage, "output_tokens");
    info->total_tokens = tokens(usage, "total_tokens");
    info->cost = json_is_number(cost) ? json_number_value(cost) : -1;
    json_decref(usage);
}

static void read_result(const struct orb_reply *reply, struct orb_task_hash *out)
{
    size_t len;
    out->info.result = orb_reply_str(orb_reply_field(reply, "result"), &len);
    out->info.output = "";
    if (!len)
        return;
    out->result = orb_task_result_parse(out->info.result, len);
    out->info.output = orb_json_get_str(out->result, "output", "");
}

int orb_task_hash_read(const struct orb_reply *reply, const char *id, struct orb_task_hash *out)
{
    if (!orb_reply_count(reply))
        return ORB_E_NOT_FOUND;
    memset(out, 0, sizeof *out);
    struct orb_task_info *i = &out->info;
    i->id = id;
    i->queue = field(reply, "queue");
    i->agent = field(reply, "agent");
    i->worker_id = field(reply, "worker_id");
    if (orb_status_parse(field(reply, "status"), &i->status))
        i->status = ORB_STATUS_PENDING;
    i->created_at = orb_reply_real(orb_reply_field(reply, "created_at"));
    i->started_at = orb_reply_real(orb_reply_field(reply, "started_at"));
    i->completed_at = orb_reply_real(orb_reply_field(reply, "completed_at"));
    i->retries = (int)strtol(field(reply, "retries"), NULL, 10);
    i->attempt = (int)strtol(field(reply, "attempt"), NULL, 10);
    i->recoveries = orb_task_hash_count(orb_reply_field(reply, "recoveries"));
    i->priority = orb_task_hash_priority(orb_reply_field(reply, "priority"));
    i->due_at = orb_reply_real(orb_reply_field(reply, "due_at"));
    i->deadline = orb_reply_real(orb_reply_field(reply, "deadline"));
    i->resubmit_of = field(reply, "resubmit_of");
    i->error = field(reply, "error");
    i->error_type = field(reply, "error_type");
    i->partial = field(reply, "partial");
    i->usage = field(reply, "usage");
    orb_task_usage_read(i);
    read_result(reply, out);
    /* A Python client's cancel overwrites the state of a finished task, and
     * leaves what it had: it had completed. */
    if (i->status == ORB_STATUS_CANCELLED && *i->result && i->completed_at > 0)
        i->status = ORB_STATUS_COMPLETED;
    return 0;
}

void orb_task_hash_done(struct orb_task_hash *hash)
{
    json_decref(hash->result);
    hash->result = NULL;
}

int orb_task_has_ended(enum orb_status status, double completed_at, const char *worker_id)
{
    if (status == ORB_STATUS_CANCELLED && completed_at <= 0 && *worker_id)
        return 0;
    return orb_status_is_final(status);
}

int orb_task_not_found(const char *id, struct orb_error *err)
{
    return orb_error_set(err, ORB_E_NOT_FOUND, "Task not found: %s (it may have expired, or a Python client queued it and no worker has taken it yet)", id);
}
