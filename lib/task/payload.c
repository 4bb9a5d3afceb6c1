/* The payload of a queue entry: one JSON object (docs/WIRE.md). */
#include "task/task.h"
#include "base/base.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Numbers and booleans as lax as the Python package's reader takes them. */
static int read_real(const json_t *value, double *out)
{
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return 0;
    }
    if (json_is_string(value))
        return orb_parse_real(json_string_value(value), -1e18, 1e18, out);
    if (json_is_boolean(value)) {
        *out = json_is_true(value);
        return 0;
    }
    return ORB_E_INVALID;
}

static int read_bool(const json_t *value, int *out)
{
    static const char *const yes[] = { "1", "true", "t", "yes", "y", "on" };
    static const char *const no[] = { "0", "false", "f", "no", "n", "off" };
    if (json_is_boolean(value)) {
        *out = json_is_true(value);
        return 0;
    }
    if (json_is_number(value) && (json_number_value(value) == 0 || json_number_value(value) == 1)) {
        *out = json_number_value(value) != 0;
        return 0;
    }
    for (size_t i = 0; json_is_string(value) && i < ORB_COUNT(yes); i++) {
        if (!strcasecmp(json_string_value(value), yes[i]))
            return *out = 1, 0;
        if (!strcasecmp(json_string_value(value), no[i]))
            return *out = 0, 0;
    }
    return ORB_E_INVALID;
}

static int bad(struct orb_error *err, const char *key, const char *want)
{
    return orb_error_set(err, ORB_E_INVALID, "task payload: %s is not %s", key, want);
}

static int take(json_t *object, const char *key, int is_right, json_t **out, struct orb_error *err, const char *want)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!is_right)
        return bad(err, key, want);
    *out = json_incref(value);
    return 0;
}

/* One of our own keys: a number within lo..hi; *out stays when the key is missing. */
static int read_number(json_t *root, const char *key, double lo, double hi, double *out, struct orb_error *err, const char *want)
{
    double number;
    json_t *value = json_object_get(root, key);
    if (!value)
        return 0;
    if (read_real(value, &number) || number < lo || number > hi)
        return bad(err, key, want);
    *out = number;
    return 0;
}

static int read_whole(json_t *root, const char *key, int max, int *out, struct orb_error *err, const char *want)
{
    double number = *out;
    int rc = read_number(root, key, 0, max, &number, err, want);
    if (!rc && number != floor(number))
        return bad(err, key, want);
    if (!rc)
        *out = (int)number;
    return rc;
}

static int read_extras(json_t *root, struct orb_task *task, struct orb_error *err)
{
    json_t *of = json_object_get(root, "resubmit_of");
    json_t *key = json_object_get(root, "idempotency_key");
    int rc;
    if ((rc = read_whole(root, "max_retries", ORB_RETRIES_MAX, &task->max_retries, err, "a whole number from 0 to 100")) ||
        (rc = read_whole(root, "priority", ORB_PRIORITY_MAX, &task->priority, err, "a whole number from 0 to 9")) ||
        (rc = read_number(root, "deadline", 0, 1e18, &task->deadline, err, "a time")) ||
        (rc = read_number(root, "first_token_timeout", 0, 1e18, &task->first_token_timeout, err, "a number of seconds")) ||
        (rc = read_number(root, "idle_timeout", 0, 1e18, &task->idle_timeout, err, "a number of seconds")))
        return rc;
    if (of && (!json_is_string(of) || strlen(json_string_value(of)) != json_string_length(of) || !orb_id_is_valid(json_string_value(of))))
        return bad(err, "resubmit_of", "a task id");
    if (key && !json_is_string(key))
        return bad(err, "idempotency_key", "a string");
    if (of)
        task->resubmit_of = orb_strdup(json_string_value(of));
    return 0;
}

static int read_id(json_t *root, struct orb_task *task, struct orb_error *err)
{
    json_t *id = json_object_get(root, "task_id");
    if (!id)
        return orb_error_set(err, ORB_E_INVALID, "task payload: task_id is missing");
    if (!json_is_string(id) || strlen(json_string_value(id)) != json_string_length(id) || !orb_id_is_valid(json_string_value(id)))
        return bad(err, "task_id", "1 to 128 of the characters A-Z a-z 0-9 . _ -");
    strcpy(task->id, json_string_value(id));
    return 0;
}

static int read_fields(json_t *root, struct orb_task *task, struct orb_error *err)
{
    int rc = read_id(root, task, err);
    if (rc)
        return rc;
    json_t *config = json_object_get(root, "agent_config");
    json_t *messages = json_object_get(root, "messages");
    json_t *metadata = json_object_get(root, "metadata");
    json_t *input = json_object_get(root, "input");
    json_t *detailed = json_object_get(root, "detailed");
    json_t *timeout = json_object_get(root, "timeout_seconds");
    if ((rc = take(root, "agent_config", json_is_object(config), &task->agent_config, err, "an object")) ||
        (rc = take(root, "messages", json_is_array(messages), &task->messages, err, "an array")) ||
        (rc = take(root, "metadata", json_is_object(metadata), &task->metadata, err, "an object")))
        return rc;
    if (input && !json_is_string(input))
        return bad(err, "input", "a string");
    if (detailed && read_bool(detailed, &task->detailed))
        return bad(err, "detailed", "true or false");
    if (timeout && (read_real(timeout, &task->timeout_seconds) || task->timeout_seconds < 0))
        return bad(err, "timeout_seconds", "a number of seconds");
    if ((rc = read_extras(root, task, err)))
        return rc;
    if (!task->agent_config)
        task->agent_config = json_object();
    task->input_len = input ? json_string_length(input) : 0;
    task->input = orb_memdup(input ? json_string_value(input) : "", task->input_len);
    return 0;
}

/* The id of a payload that is no JSON, when it begins with one as all writers
 * begin: so that the task can be said to have failed. */
static void salvage_id(const char *payload, size_t len, char out[ORB_ID_MAX + 1])
{
    static const char *const begin[] = { "{\"task_id\": \"", "{\"task_id\":\"" };
    for (size_t i = 0; i < ORB_COUNT(begin); i++) {
        size_t n = strlen(begin[i]);
        if (len <= n || memcmp(payload, begin[i], n))
            continue;
        const char *end = memchr(payload + n, '"', len - n);
        size_t id_len = end ? (size_t)(end - payload) - n : 0;
        if (!id_len || id_len > ORB_ID_MAX)
            return;
        memcpy(out, payload + n, id_len);
        out[id_len] = '\0';
        if (!orb_id_is_valid(out))
            out[0] = '\0';
        return;
    }
}

int orb_task_parse(const char *payload, size_t len, struct orb_task *out, struct orb_error *err)
{
    memset(out, 0, sizeof *out);
    out->timeout_seconds = ORB_TIMEOUT_DEFAULT_S;
    out->max_retries = ORB_RETRIES_DEFAULT;
    out->priority = ORB_PRIORITY_DEFAULT;
    struct orb_error why;
    json_t *root = orb_json_parse(payload, len, &orb_json_limits_default, &why);
    if (!root) {
        salvage_id(payload, len, out->id);
        return orb_error_set(err, why.code, "task payload: %s", why.text);
    }
    int rc = json_is_object(root) ? read_fields(root, out, err) : bad(err, "it", "a JSON object");
    json_decref(root);
    if (rc) {
        char id[ORB_ID_MAX + 1];
        strcpy(id, out->id);
        orb_task_done(out);
        strcpy(out->id, id);
    }
    return rc;
}

void orb_task_done(struct orb_task *task)
{
    json_decref(task->agent_config);
    json_decref(task->messages);
    json_decref(task->metadata);
    free(task->input);
    free(task->resubmit_of);
    memset(task, 0, sizeof *task);
}

const char *orb_task_agent_name(const json_t *agent_config)
{
    const json_t *agents = json_object_get(agent_config, "agents");
    if (json_is_array(agents))
        return orb_json_get_str(json_array_get(agents, 0), "name", "");
    return orb_json_get_str(agent_config, "name", "");
}

/* Adds `, "key": ` and the JSON text given, checked and written anew. */
static int add_json(struct orb_buf *out, const char *key, const char *text, int is_array, const char *absent, struct orb_error *err)
{
    orb_buf_printf(out, ", \"%s\": ", key);
    if (!text) {
        orb_buf_str(out, absent);
        return 0;
    }
    struct orb_error why;
    json_t *value = orb_json_parse(text, strlen(text), &orb_json_limits_default, &why);
    if (!value)
        return orb_error_set(err, why.code, "%s: %s", key, why.text);
    int is_right = is_array ? json_is_array(value) : json_is_object(value);
    if (is_right)
        orb_json_dump(out, value);
    json_decref(value);
    if (!is_right)
        return orb_error_set(err, ORB_E_INVALID, "%s is not a JSON %s", key, is_array ? "array" : "object");
    return 0;
}

/* ---- what a submit may ask for ------------------------------------------ */

static int check_seconds(const char *name, double value, struct orb_error *err)
{
    if (value >= 0 && value <= ORB_WAIT_MAX_S)
        return 0;
    return orb_error_set(err, ORB_E_INVALID, "%s: %g is not a number of seconds from 0 to %.0f", name, value, ORB_WAIT_MAX_S);
}

static int check_whole(const char *name, int value, int max, struct orb_error *err)
{
    if (value >= 0 && value <= max)
        return 0;
    return orb_error_set(err, ORB_E_INVALID, "%s: %d is not a number from 0 to %d", name, value, max);
}

static int check_key(const char *key, struct orb_error *err)
{
    size_t len = key ? strlen(key) : 1;
    if (!len || len > ORB_IDEM_KEY_MAX)
        return orb_error_set(err, ORB_E_INVALID, "idempotency_key: it has %zu bytes, and needs 1 to %d", len, ORB_IDEM_KEY_MAX);
    if (key && !orb_utf8_is_valid(key, len))
        return orb_error_set(err, ORB_E_INVALID, "idempotency_key: it is not UTF-8: byte %zu; for binary data give its hash in hex",
                             orb_utf8_check(key, len));
    return 0;
}

static int check_extras(const struct orb_task_spec *spec, double now, struct orb_error *err)
{
    int rc;
    if ((rc = check_seconds("first_token_timeout", spec->first_token_timeout, err)) ||
        (rc = check_seconds("idle_timeout", spec->idle_timeout, err)) ||
        (rc = check_seconds("delay_seconds", spec->delay_seconds, err)) ||
        (rc = check_seconds("deadline_seconds", spec->deadline_seconds, err)) ||
        (rc = check_whole("priority", spec->has_priority ? spec->priority : 0, ORB_PRIORITY_MAX, err)) ||
        (rc = check_whole("max_retries", spec->has_max_retries ? spec->max_retries : 0, ORB_RETRIES_MAX, err)) ||
        (rc = check_key(spec->idempotency_key, err)))
        return rc;
    if (!isfinite(spec->timeout_seconds))
        return orb_error_set(err, ORB_E_INVALID, "timeout_seconds: %g is not a number of seconds", spec->timeout_seconds);
    if (!(spec->at >= 0 && spec->at <= now + ORB_WAIT_MAX_S))
        return orb_error_set(err, ORB_E_INVALID, "at: %.15g is not a time at most a year from now, in seconds since 1970", spec->at);
    if (spec->max_depth < 0)
        return orb_error_set(err, ORB_E_INVALID, "max_depth: %lld is not a number of tasks", (long long)spec->max_depth);
    if (spec->durability != ORB_DURABILITY_LOCAL && spec->durability != ORB_DURABILITY_REPLICA)
        return orb_error_set(err, ORB_E_INVALID, "durability: %d is neither local nor replica", (int)spec->durability);
    if (spec->resubmit_of && !orb_id_is_valid(spec->resubmit_of))
        return orb_error_set(err, ORB_E_INVALID, "resubmit_of: \"%s\" is no task id", spec->resubmit_of);
    return 0;
}

static void add_real(struct orb_buf *out, const char *key, double value)
{
    orb_buf_printf(out, ", \"%s\": ", key);
    orb_json_real(out, value);
}

static void add_text(struct orb_buf *out, const char *key, const char *text)
{
    orb_buf_printf(out, ", \"%s\": ", key);
    orb_json_str(out, text, strlen(text));
}

/* The deadline is here for people and for a resubmit; Redis counts its own, by its own clock. */
static void add_extras(const struct orb_task_spec *spec, double now, struct orb_buf *out)
{
    double due = now + spec->delay_seconds > spec->at ? now + spec->delay_seconds : spec->at;
    if (spec->has_max_retries)
        orb_buf_printf(out, ", \"max_retries\": %d", spec->max_retries);
    if (spec->has_priority)
        orb_buf_printf(out, ", \"priority\": %d", spec->priority);
    if (spec->deadline_seconds > 0)
        add_real(out, "deadline", due + spec->deadline_seconds);
    if (spec->first_token_timeout > 0)
        add_real(out, "first_token_timeout", spec->first_token_timeout);
    if (spec->idle_timeout > 0)
        add_real(out, "idle_timeout", spec->idle_timeout);
    if (spec->resubmit_of)
        add_text(out, "resubmit_of", spec->resubmit_of);
    if (spec->idempotency_key)
        add_text(out, "idempotency_key", spec->idempotency_key);
}

int orb_task_write(const struct orb_task_spec *spec, const char *id, double created_at, struct orb_buf *out, struct orb_error *err)
{
    if (!orb_utf8_is_valid(spec->input ? spec->input : "", spec->input_len))
        return orb_error_set(err, ORB_E_INVALID, "the input is not UTF-8: byte %zu; convert it, for example with iconv",
                             orb_utf8_check(spec->input, spec->input_len));
    int rc = check_extras(spec, created_at, err);
    if (rc)
        return rc;
    orb_buf_str(out, "{\"task_id\": ");
    orb_json_str(out, id, strlen(id));
    rc = add_json(out, "agent_config", spec->agent_config, 0, "{}", err);
    if (rc)
        return rc;
    orb_buf_str(out, ", \"input\": ");
    orb_json_str(out, spec->input ? spec->input : "", spec->input_len);
    if ((rc = add_json(out, "messages", spec->messages, 1, "[]", err)))
        return rc;
    orb_buf_printf(out, ", \"model\": null, \"detailed\": %s", spec->detailed ? "true" : "false");
    if ((rc = add_json(out, "metadata", spec->metadata, 0, "{}", err)))
        return rc;
    orb_buf_str(out, ", \"created_at\": ");
    orb_json_real(out, created_at);
    orb_buf_str(out, ", \"timeout_seconds\": ");
    orb_json_real(out, spec->timeout_seconds < 0 ? ORB_TIMEOUT_DEFAULT_S : spec->timeout_seconds);
    add_extras(spec, created_at, out);
    orb_buf_char(out, '}');
    if (out->err == ORB_E_TOO_LARGE)
        return orb_error_set(err, ORB_E_TOO_LARGE, "the task is larger than %d bytes as JSON; pass large inputs by reference", ORB_PAYLOAD_MAX);
    return out->err;
}
