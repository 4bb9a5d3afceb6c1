/* The task's messages: are they what they should be, and which of them go to the model. */
#include "agent/run_state.h"
#include "base/base.h"

#include <string.h>

static const char *role_of(const json_t *message)
{
    return orb_json_get_str(message, "role", "");
}

static int is_missing(const json_t *value)
{
    return !value || json_is_null(value);
}

/* A string, or content blocks. */
static int is_content(const json_t *content)
{
    size_t i;
    const json_t *block;
    json_array_foreach(content, i, block) {
        const char *type = orb_json_get_str(block, "type", "");
        if (!*type || (!strcmp(type, "text") && !json_is_string(json_object_get(block, "text"))))
            return 0;
    }
    return json_is_string(content) || json_is_array(content);
}

static int is_calls(const json_t *calls)
{
    size_t i;
    const json_t *call;
    json_array_foreach(calls, i, call) {
        const json_t *arguments = json_object_get(call, "arguments");
        if (!json_is_string(json_object_get(call, "id")) || !json_is_string(json_object_get(call, "name")) || (arguments && !json_is_string(arguments)))
            return 0;
    }
    return json_is_array(calls) || is_missing(calls);
}

/* What is wrong with a message, in words; NULL = nothing. */
static const char *check_message(const json_t *m)
{
    const json_t *content = json_object_get(m, "content");
    int is_tool = !strcmp(role_of(m), "tool"), may_be_empty = is_tool || !strcmp(role_of(m), "assistant");
    if (is_tool && (!json_is_string(json_object_get(m, "tool_call_id")) || !json_is_string(json_object_get(m, "tool_name"))))
        return "a tool message needs tool_call_id and tool_name";
    if (!is_content(content) && !(may_be_empty && is_missing(content)))
        return "content must be a string, or an array of blocks, each with a type, and a text when that is text";
    if (!is_calls(json_object_get(m, "tool_calls")))
        return "tool_calls must be an array of objects with id, name and arguments, which is a string of JSON";
    return NULL;
}

int orb_history_check(const json_t *history, struct orb_error *err)
{
    size_t i;
    json_t *m;
    json_array_foreach(history, i, m) {
        const char *role = role_of(m);
        if (strcmp(role, "user") && strcmp(role, "system") && strcmp(role, "assistant") && strcmp(role, "tool"))
            return orb_error_set(err, ORB_E_AGENT, "Unknown message role: '%.100s' (messages[%zu])", role, i);
        const char *wrong = check_message(m);
        if (wrong)
            return orb_error_set(err, ORB_E_AGENT, "messages[%zu]: %s", i, wrong);
    }
    return 0;
}

size_t orb_run_bytes(const json_t *value)
{
    size_t n = 16, i;
    const char *key;
    json_t *item;
    if (json_is_string(value))
        return n + json_string_length(value);
    json_array_foreach((json_t *)value, i, item)
        n += orb_run_bytes(item);
    json_object_foreach((json_t *)value, key, item)
        n += strlen(key) + orb_run_bytes(item);
    return n;
}

/* A turn begins with what the user says, and ends before the next of these. Whole ones are left out, the oldest first; what
 * the system says before all of them stays. */
json_t *orb_history_cut(json_t *history)
{
    size_t count = json_array_size(history), first = 0, bytes = 0, from = count;
    while (first < count && !strcmp(role_of(json_array_get(history, first)), "system"))
        first++;
    for (size_t i = count; i-- > first;) {
        bytes += orb_run_bytes(json_array_get(history, i));
        if (count - i > ORB_HISTORY_MESSAGES_MAX || bytes > ORB_HISTORY_BYTES_MAX)
            break;
        if (i == first || !strcmp(role_of(json_array_get(history, i)), "user"))
            from = i;
    }
    if (!count)
        return NULL;
    if (from == first)
        return json_incref(history);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        if (i < first || i >= from)
            json_array_append(out, json_array_get(history, i));
    return out;
}
