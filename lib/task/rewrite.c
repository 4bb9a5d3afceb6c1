/* The payload of a task that repeats another one. */
#include "task/task.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The order in which payloads are written, see docs/WIRE.md; what newer writers add comes behind. */
static const char *const order[] = {
    "task_id", "agent_config", "input", "messages", "model", "detailed", "metadata", "created_at", "timeout_seconds",
    "max_retries", "priority", "deadline", "first_token_timeout", "idle_timeout", "resubmit_of",
};

static int is_ordered(const char *key)
{
    for (size_t i = 0; i < ORB_COUNT(order); i++)
        if (!strcmp(key, order[i]))
            return 1;
    return 0;
}

static void write_key(struct orb_buf *out, const char *key, const json_t *value)
{
    orb_buf_str(out, out->len > 1 ? ", " : "");
    orb_json_str(out, key, strlen(key));
    orb_buf_str(out, ": ");
    orb_json_dump(out, value);
}

static void write_all(struct orb_buf *out, json_t *root)
{
    const char *key;
    json_t *value;
    orb_buf_char(out, '{');
    for (size_t i = 0; i < ORB_COUNT(order); i++)
        if ((value = json_object_get(root, order[i])))
            write_key(out, order[i], value);
    json_object_foreach(root, key, value)
        if (!is_ordered(key))
            write_key(out, key, value);
    orb_buf_char(out, '}');
}

/* So many seconds as the first task had from its submit, counted from now; 0 = none. */
static double deadline_of(const json_t *root, const struct orb_task *task)
{
    double created_at = orb_json_get_real(root, "created_at", 0);
    double seconds = task->deadline - created_at;
    return task->deadline > 0 && created_at > 0 && seconds > 0 && seconds <= 2 * ORB_WAIT_MAX_S ? seconds : 0;
}

static void change(json_t *root, const struct orb_task_again *again, double deadline)
{
    json_object_set_new(root, "task_id", json_string(again->id));
    json_object_set_new(root, "created_at", json_real(again->created_at));
    json_object_set_new(root, "resubmit_of", json_string(again->resubmit_of));
    /* It names one task for all submits with it, and that one is there. */
    json_object_del(root, "idempotency_key");
    if (deadline > 0)
        json_object_set_new(root, "deadline", json_real(again->created_at + deadline));
    else
        json_object_del(root, "deadline");
    if (again->input)
        json_object_set_new(root, "input", json_stringn(again->input, again->input_len));
}

static int write_changed(json_t *root, struct orb_buf *out, struct orb_error *err)
{
    write_all(out, root);
    if (out->err == ORB_E_TOO_LARGE)
        return orb_error_set(err, ORB_E_TOO_LARGE, "the task would be larger than %d bytes as JSON; make its input shorter with "
                             "orbiter task resubmit --edit, or submit it anew", ORB_PAYLOAD_MAX);
    return out->err ? orb_error_set(err, out->err, "%s", orb_error_text(out->err)) : 0;
}

int orb_task_rewrite(const char *payload, size_t len, const struct orb_task_again *again, struct orb_buf *out,
                     struct orb_task_facts *facts, struct orb_error *err)
{
    struct orb_task task;
    if (again->input && !orb_utf8_is_valid(again->input, again->input_len))
        return orb_error_set(err, ORB_E_INVALID, "the input is not UTF-8: byte %zu; convert it, for example with iconv",
                             orb_utf8_check(again->input, again->input_len));
    int rc = orb_task_parse(payload, len, &task, err);
    if (rc)
        return rc;
    json_t *root = orb_json_parse(payload, len, &orb_json_limits_default, err);
    struct orb_task_facts found = { .priority = task.priority };
    const char *name = orb_task_agent_name(task.agent_config);
    snprintf(found.agent, sizeof found.agent, "%.*s", (int)orb_utf8_truncate(name, strlen(name), sizeof found.agent - 1), name);
    rc = root ? 0 : ORB_E_NOMEM;
    if (!rc) {
        found.deadline_seconds = deadline_of(root, &task);
        change(root, again, found.deadline_seconds);
        rc = write_changed(root, out, err);
    }
    json_decref(root);
    orb_task_done(&task);
    if (!rc)
        *facts = found;
    return rc;
}
