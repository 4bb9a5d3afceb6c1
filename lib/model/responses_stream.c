/* The events of a response become deltas. What is not known is ignored, as the API demands; the end is one of
 * completed, incomplete, failed and error, and there is no [DONE]. */
#include "base/base.h"
#include "model/failure.h"
#include "model/responses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN_MAX 512 /* of a tool call's id or name */

struct reader {
    const struct orb_provider *provider;
    struct orb_responses_state *st;
    orb_delta_fn fn;
    void *arg;
    struct orb_error *err;
    size_t len; /* of the event */
};

static void give_text(struct reader *r, enum orb_delta_type type, const json_t *value)
{
    struct orb_delta d = { .type = type, .text = json_string_value(value), .len = json_string_length(value) };
    if (json_is_string(value) && d.len)
        r->fn(r->arg, &d);
}

/* ---- output items ---- */

/* By its place in the output, else by the item's id. */
static struct orb_responses_call *call_find(struct orb_responses_state *st, const json_t *root, const char *id)
{
    int64_t index = orb_json_get_int(root, "output_index", -1);
    for (size_t i = st->count; i-- > 0;)
        if (index >= 0 ? st->calls[i].output_index == index : *id && strcmp(st->calls[i].id, id) == 0)
            return &st->calls[i];
    return NULL;
}

static struct orb_responses_call *call_new(struct orb_responses_state *st, int64_t output_index, const char *id)
{
    if (st->count == ORB_RESPONSES_ITEMS_MAX)
        return NULL;
    if (st->count == st->cap) {
        size_t cap = st->cap ? st->cap * 2 : 4;
        struct orb_responses_call *calls = orb_alloc(cap * sizeof(*calls));
        if (st->count)
            memcpy(calls, st->calls, st->count * sizeof(*calls));
        free(st->calls);
        st->calls = calls;
        st->cap = cap;
    }
    st->calls[st->count] = (struct orb_responses_call){ .output_index = output_index, .id = orb_strdup(id) };
    return &st->calls[st->count++];
}

static void give_arguments(struct reader *r, struct orb_responses_call *call, const json_t *text)
{
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = (int)(call - r->st->calls), .text = json_string_value(text), .len = json_string_length(text) };
    if (!json_is_string(text) || !d.len)
        return;
    call->has_arguments = 1;
    r->fn(r->arg, &d);
}

/* A call begins: its id is call_id, by which it is answered. */
static int take_call(struct reader *r, const json_t *root, const json_t *item)
{
    const char *id = orb_json_get_str(item, "id", ""), *name = orb_json_get_str(item, "name", "");
    const char *call_id = orb_json_get_str(item, "call_id", "");
    char own[40], hex[33];
    if (strlen(id) > NAME_LEN_MAX || strlen(name) > NAME_LEN_MAX || strlen(call_id) > NAME_LEN_MAX)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent a tool call whose id or name is over %d bytes", NAME_LEN_MAX);
    struct orb_responses_call *call = call_new(r->st, orb_json_get_int(root, "output_index", -1), id);
    if (!call)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d tool calls in one reply", ORB_RESPONSES_ITEMS_MAX);
    orb_id_new(hex);
    snprintf(own, sizeof(own), "call_%.24s", hex);
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = (int)(call - r->st->calls), .text = "", .id = *call_id ? call_id : own,
                           .name = *name ? name : NULL };
    r->fn(r->arg, &d);
    give_arguments(r, call, json_object_get(item, "arguments"));
    return 0;
}

/* Nothing is stored at the server: what goes back must be in the item itself, encrypted or in the open. */
static int has_reasoning(const json_t *item)
{
    return json_string_length(json_object_get(item, "encrypted_content")) > 0 || json_array_size(json_object_get(item, "content")) > 0;
}

/* Reasoning is kept whole; of the rest its place in the output. */
static int keep(struct reader *r, const char *type, const json_t *item)
{
    struct orb_responses_state *st = r->st;
    int is_reasoning = strcmp(type, "reasoning") == 0;
    const char *call_id = orb_json_get_str(item, "call_id", ""), *phase = orb_json_get_str(item, "phase", "");
    if (is_reasoning && !has_reasoning(item))
        return 0;
    if (!st->kept)
        st->kept = json_array();
    st->kept_bytes += is_reasoning ? r->len : strlen(phase);
    if (st->kept_bytes > ORB_RESPONSES_KEPT_BYTES || json_array_size(st->kept) == ORB_RESPONSES_ITEMS_MAX)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d output items, or reasoning over %d MiB, in one reply",
                             ORB_RESPONSES_ITEMS_MAX, ORB_RESPONSES_KEPT_BYTES / 1024 / 1024);
    st->has_reasoning |= is_reasoning;
    if (is_reasoning)
        json_array_append(st->kept, (json_t *)(uintptr_t)item);
    else if (strcmp(type, "function_call") == 0)
        json_array_append_new(st->kept, json_pack("{s:s, s:s}", "type", type, "call_id", call_id));
    else if (*phase)
        json_array_append_new(st->kept, json_pack("{s:s, s:s}", "type", type, "phase", phase));
    else
        json_array_append_new(st->kept, json_pack("{s:s}", "type", type));
    return 0;
}

static int on_added(struct reader *r, const json_t *root)
{
    const json_t *item = json_object_get(root, "item");
    return strcmp(orb_json_get_str(item, "type", ""), "function_call") == 0 ? take_call(r, root, item) : 0;
}

static int on_item_done(struct reader *r, const json_t *root)
{
    const json_t *item = json_object_get(root, "item");
    const char *type = orb_json_get_str(item, "type", "");
    if (strcmp(type, "function_call") == 0) {
        struct orb_responses_call *call = call_find(r->st, root, orb_json_get_str(item, "id", ""));
        int rc = call ? 0 : take_call(r, root, item);
        if (rc)
            return rc;
        if (call && !call->has_arguments)
            give_arguments(r, call, json_object_get(item, "arguments"));
    } else if (strcmp(type, "reasoning") != 0 && strcmp(type, "message") != 0) {
        return 0;
    }
    return keep(r, type, item);
}

static int on_arguments(struct reader *r, const json_t *root)
{
    struct orb_responses_call *call = call_find(r->st, root, orb_json_get_str(root, "item_id", ""));
    if (!call)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent arguments of a tool call that it did not begin");
    give_arguments(r, call, json_object_get(root, "delta"));
    return 0;
}

/* The whole of them, for servers that send no pieces. */
static int on_arguments_done(struct reader *r, const json_t *root)
{
    struct orb_responses_call *call = call_find(r->st, root, orb_json_get_str(root, "item_id", ""));
    if (call && !call->has_arguments)
        give_arguments(r, call, json_object_get(root, "arguments"));
    return 0;
}

/* ---- text ---- */

static int on_text(struct reader *r, const json_t *root)
{
    give_text(r, ORB_DELTA_TEXT, json_object_get(root, "delta"));
    return 0;
}

static int on_refusal(struct reader *r, const json_t *root)
{
    r->st->has_refusal = 1;
    return on_text(r, root);
}

static int on_reasoning(struct reader *r, const json_t *root)
{
    give_text(r, ORB_DELTA_REASONING, json_object_get(root, "delta"));
    return 0;
}

/* A summary has paragraphs. */
static int on_summary_part(struct reader *r, const json_t *root)
{
    struct orb_delta d = { .type = ORB_DELTA_REASONING, .text = "\n\n", .len = 2 };
    if (orb_json_get_int(root, "summary_index", 0) > 0)
        r->fn(r->arg, &d);
    return 0;
}

/* ---- the end ---- */

static int64_t count_of(const json_t *usage, const char *key)
{
    int64_t n = orb_json_get_int(usage, key, 0);
    return n > 0 ? n : 0;
}

static void give_usage(struct reader *r, const json_t *usage)
{
    struct orb_delta d = { .type = ORB_DELTA_USAGE };
    if (!json_is_object(usage))
        return;
    d.usage.input_tokens = count_of(usage, "input_tokens");
    d.usage.output_tokens = count_of(usage, "output_tokens");
    d.usage.total_tokens = count_of(usage, "total_tokens");
    d.usage.cached_tokens = count_of(json_object_get(usage, "input_tokens_details"), "cached_tokens");
    d.usage.cache_write_tokens = count_of(json_object_get(usage, "input_tokens_details"), "cache_write_tokens");
    d.usage.reasoning_tokens = count_of(json_object_get(usage, "output_tokens_details"), "reasoning_tokens");
    if (d.usage.total_tokens == 0 && d.usage.input_tokens < INT64_MAX / 2 && d.usage.output_tokens < INT64_MAX / 2)
        d.usage.total_tokens = d.usage.input_tokens + d.usage.output_tokens;
    r->fn(r->arg, &d);
}

static int finish(struct reader *r, const json_t *root, enum orb_finish reason)
{
    struct orb_responses_state *st = r->st;
    struct orb_delta d = { .type = ORB_DELTA_FINISH, .finish = reason };
    give_usage(r, json_object_get(json_object_get(root, "response"), "usage"));
    for (size_t i = 0; st->has_reasoning && i < json_array_size(st->kept); i++) {
        struct orb_delta kept = { .type = ORB_DELTA_KEEP, .keep = json_array_get(st->kept, i) };
        r->fn(r->arg, &kept);
    }
    if (reason == ORB_FINISH_STOP)
        d.finish = st->count ? ORB_FINISH_TOOL_CALLS : st->has_refusal ? ORB_FINISH_FILTER : ORB_FINISH_STOP;
    st->is_done = 1;
    r->fn(r->arg, &d);
    return 1;
}

static int on_completed(struct reader *r, const json_t *root)
{
    return finish(r, root, ORB_FINISH_STOP);
}

static int on_incomplete(struct reader *r, const json_t *root)
{
    const json_t *details = json_object_get(json_object_get(root, "response"), "incomplete_details");
    int is_filter = strcmp(orb_json_get_str(details, "reason", ""), "content_filter") == 0;
    return finish(r, root, is_filter ? ORB_FINISH_FILTER : ORB_FINISH_LENGTH);
}

static int on_failed(struct reader *r, const json_t *root)
{
    const json_t *error = json_object_get(json_object_get(root, "response"), "error");
    if (json_is_object(error))
        return orb_failure_error(r->provider, 200, error, r->err);
    return orb_error_set(r->err, ORB_E_MODEL_SERVER, "the provider ended the response as failed and gave no reason; try again");
}

/* In the event itself, or in a member of it. */
static int on_error(struct reader *r, const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    return orb_failure_error(r->provider, 200, json_is_object(error) || json_is_string(error) ? error : root, r->err);
}

static const struct {
    const char *name;
    int (*take)(struct reader *r, const json_t *root);
} events[] = {
    { "response.output_text.delta", on_text },
    { "response.refusal.delta", on_refusal },
    { "response.reasoning_summary_text.delta", on_reasoning },
    { "response.reasoning_text.delta", on_reasoning },
    { "response.reasoning_summary_part.added", on_summary_part },
    { "response.output_item.added", on_added },
    { "response.output_item.done", on_item_done },
    { "response.function_call_arguments.delta", on_arguments },
    { "response.function_call_arguments.done", on_arguments_done },
    { "response.completed", on_completed },
    { "response.done", on_completed }, /* some servers' word for it */
    { "response.incomplete", on_incomplete },
    { "response.failed", on_failed },
    { "error", on_error },
};

/* Its row, or -1. */
static int event_find(const char *name)
{
    for (size_t i = 0; i < ORB_COUNT(events); i++)
        if (strcmp(events[i].name, name) == 0)
            return (int)i;
    return -1;
}

int orb_responses_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                       struct orb_error *err)
{
    struct reader r = { provider, state, fn, arg, err, len };
    struct orb_error why = { 0 };
    while (len > 0 && strchr(" \r\n\t", data[len - 1]))
        len--;
    if (r.st->is_done)
        return 1;
    /* The first events repeat the whole request: what is not looked at is not parsed. */
    if (len == 0 || (strncmp(event, "response.", 9) == 0 && event_find(event) < 0))
        return 0;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0)
        return 0;
    json_t *root = orb_json_parse(data, len, &orb_json_limits_default, &why);
    if (!root)
        return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent an event that is no JSON (%s)", why.text);
    int at = event_find(orb_json_get_str(root, "type", event));
    int is_error = at < 0 && json_object_get(root, "error") && !json_is_null(json_object_get(root, "error"));
    int rc = is_error ? on_error(&r, root) : at >= 0 ? events[at].take(&r, root) : 0;
    json_decref(root);
    return rc;
}

int orb_responses_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err)
{
    struct orb_responses_state *st = state;
    (void)fn;
    (void)arg;
    if (!st->is_done)
        return orb_error_set(err, ORB_E_MODEL_TRUNCATED, "the provider's stream ended before the reply was complete; try again");
    return 0;
}

void orb_responses_done(void *state)
{
    struct orb_responses_state *st = state;
    for (size_t i = 0; i < st->count; i++)
        free(st->calls[i].id);
    free(st->calls);
    json_decref(st->kept);
}
