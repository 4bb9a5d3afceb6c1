/* OpenAI Responses: named events, items, no [DONE]. */
#include "dialect.h"

#include <stdlib.h>
#include <string.h>

/* Where in the output things stand: reasoning first, then the message or the calls. */
static int message_index(const struct reply *r)
{
    return r->script.reasoning > 0;
}

static void send_event(struct reply *r, const char *name, json_t *value_take, int is_last)
{
    json_object_set_new(value_take, "type", json_string(name));
    json_object_set_new(value_take, "sequence_number", json_integer(r->sent));
    dialect_event_json(r, name, value_take, is_last);
}

static void item_event(struct reply *r, const char *name, int index, json_t *item_take)
{
    send_event(r, name, json_pack("{s:i, s:o}", "output_index", index, "item", item_take), 0);
}

static json_t *response_value(const char *status)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "id", "resp_fake", "object", "response", "status", status, "model", "fake");
}

static void first(struct reply *r)
{
    char id[64], secret[64];
    snprintf(id, sizeof(id), "rs_fake_%lld", (long long)r->n);
    snprintf(secret, sizeof(secret), "secret of %lld", (long long)r->n);
    send_event(r, "response.created", json_pack("{s:o}", "response", response_value("in_progress")), 0);
    send_event(r, "response.in_progress", json_pack("{s:o}", "response", response_value("in_progress")), 0);
    if (r->script.reasoning) {
        item_event(r, "response.output_item.added", 0, json_pack("{s:s, s:s, s:[]}", "type", "reasoning", "id", id, "summary"));
        for (int64_t i = 0; i < r->script.reasoning; i++)
            send_event(r, "response.reasoning_summary_text.delta",
                       json_pack("{s:s, s:i, s:i, s:s}", "item_id", id, "output_index", 0, "summary_index", 0, "delta", "hm "), 0);
        item_event(r, "response.output_item.done", 0, json_pack("{s:s, s:s, s:[{s:s, s:s}], s:s}", "type", "reasoning", "id", id, "summary", "type",
                                                                "summary_text", "text", "hm ", "encrypted_content", secret));
    }
    if (!r->is_tool_step)
        item_event(r, "response.output_item.added", message_index(r), json_pack("{s:s, s:s, s:s, s:[]}", "type", "message", "id", "msg_fake", "role",
                                                                                "assistant", "content"));
    send_event(r, "response.a_newer_event", json_object(), 0);
}

static void text_piece(struct reply *r, const char *text, size_t len)
{
    send_event(r, r->script.refusal ? "response.refusal.delta" : "response.output_text.delta",
               json_pack("{s:s, s:i, s:i, s:o}", "item_id", "msg_fake", "output_index", message_index(r), "content_index", 0, "delta",
                         json_stringn(text, len)), 0);
}

/* ---- tool calls ---- */

/* The id tells that reasoning came with the call: then it must come back with it. */
static json_t *call_item(const struct reply *r, int64_t k, const char *args)
{
    char id[64], call_id[64];
    snprintf(id, sizeof(id), "fc_fake_%lld_%lld", (long long)r->n, (long long)k);
    snprintf(call_id, sizeof(call_id), "call_%s_%lld_%lld", r->script.reasoning ? "reasoned" : "fake", (long long)r->n, (long long)k);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "function_call", "id", id, "call_id", call_id, "name", r->script.tool, "arguments", args);
}

static void arguments_event(struct reply *r, int index, const json_t *item, const char *text, size_t len)
{
    send_event(r, "response.function_call_arguments.delta",
               json_pack("{s:O, s:i, s:o}", "item_id", json_object_get(item, "id"), "output_index", index, "delta", json_stringn(text, len)), 0);
}

static void calls(struct reply *r)
{
    char *args = dialect_arguments(r);
    size_t half = strlen(args) / 2;
    for (int64_t k = 0; k < r->script.calls; k++) {
        json_t *item = call_item(r, k, args);
        int index = message_index(r) + (int)k;
        item_event(r, "response.output_item.added", index, call_item(r, k, ""));
        if (!r->script.argsobj) { /* else whole, in the last event */
            arguments_event(r, index, item, args, half);
            arguments_event(r, index, item, args + half, strlen(args) - half);
        }
        item_event(r, "response.output_item.done", index, item);
    }
    free(args);
}

/* ---- errors and the end ---- */

static void error(struct reply *r)
{
    const struct script *s = &r->script;
    char text[1024];
    dialect_message(r, NULL, text, sizeof(text));
    json_t *code = json_string(s->code ? s->code : "server_error");
    if (s->errtop) {
        send_event(r, "error", json_pack("{s:o, s:s, s:n}", "code", code, "message", text, "param"), 1);
        return;
    }
    json_t *response = response_value("failed");
    json_object_set_new(response, "error", json_pack("{s:o, s:s}", "code", code, "message", text));
    send_event(r, "response.failed", json_pack("{s:o}", "response", response), 1);
}

static json_t *usage_of(struct reply *r)
{
    const struct counts *c = bill_tell(r, 0, r->sent + r->script.reasoning, r->script.reasoning);
    json_t *details = json_pack("{s:I}", "cached_tokens", (json_int_t)c->cached);
    if (c->written)
        json_object_set_new(details, "cache_write_tokens", json_integer(c->written));
    return json_pack("{s:I, s:I, s:I, s:o, s:{s:I}}", "input_tokens", (json_int_t)c->input, "output_tokens", (json_int_t)c->output, "total_tokens",
                     (json_int_t)(c->input + c->output), "input_tokens_details", details, "output_tokens_details", "reasoning_tokens",
                     (json_int_t)c->reasoning);
}

static void tail(struct reply *r)
{
    const struct script *s = &r->script;
    static const char *const words[] = { "length", "max_output_tokens", "content_filter", "content_filter", NULL };
    const char *reason = dialect_finish(r, words, NULL);
    if (!r->is_tool_step)
        item_event(r, "response.output_item.done", message_index(r), json_pack("{s:s, s:s, s:s, s:[]}", "type", "message", "id", "msg_fake", "role",
                                                                               "assistant", "content"));
    if (s->nofinish)
        return;
    json_t *response = response_value(reason ? "incomplete" : "completed");
    if (reason)
        json_object_set_new(response, "incomplete_details", json_pack("{s:s}", "reason", reason));
    if (!s->nousage)
        json_object_set_new(response, "usage", usage_of(r));
    send_event(r, reason ? "response.incomplete" : "response.completed", json_pack("{s:o}", "response", response), 1);
}

static void plain(struct reply *r)
{
    dialect_whole(r, 200, "application/json", "", "{\"id\":\"resp_fake\",\"object\":\"response\",\"status\":\"completed\",\"output\":[]}");
}

/* ---- requests ---- */

static const char *word(const json_t *item, const char *key)
{
    const char *s = json_string_value(json_object_get(item, key));
    return s ? s : "";
}

static char *user_text(const json_t *body, int is_last)
{
    const json_t *input = json_object_get(body, "input"), *item;
    const char *found = json_is_string(input) ? json_string_value(input) : "";
    size_t i;
    json_array_foreach (input, i, item) {
        const json_t *content = json_object_get(item, "content");
        if (strcmp(word(item, "role"), "user") != 0)
            continue;
        if (json_is_array(content))
            content = json_object_get(json_array_get(content, 0), "text");
        found = json_string_value(content) ? json_string_value(content) : "";
        if (!is_last)
            break;
    }
    return strdup(found);
}

static int is_after_tool(const json_t *body)
{
    const json_t *input = json_object_get(body, "input");
    size_t n = json_array_size(input);
    return n && strcmp(word(json_array_get(input, n - 1), "type"), "function_call_output") == 0;
}

static int wrong(char *why, size_t cap, const char *format, const char *id)
{
    snprintf(why, cap, format, id);
    return 400;
}

/* A call has its output after it, an output its call before it, and a call that came with reasoning that reasoning. */
static int check_item(const json_t *input, size_t at, char *why, size_t cap)
{
    const json_t *item = json_array_get(input, at), *other;
    const char *id = word(item, "call_id"), *type = word(item, "type"), *partner;
    int is_call = strcmp(type, "function_call") == 0, is_found = 0, has_reasoning = 0;
    char secret[64] = "";
    size_t i;
    if (!is_call && strcmp(type, "function_call_output") != 0)
        return 0;
    partner = is_call ? "function_call_output" : "function_call";
    if (strncmp(id, "call_reasoned_", 14) == 0)
        snprintf(secret, sizeof(secret), "secret of %d", atoi(id + 14));
    json_array_foreach (input, i, other) {
        is_found |= (is_call ? i > at : i < at) && strcmp(word(other, "type"), partner) == 0 && strcmp(word(other, "call_id"), id) == 0;
        has_reasoning |= i < at && strcmp(word(other, "type"), "reasoning") == 0 && strcmp(word(other, "encrypted_content"), secret) == 0;
    }
    if (!is_found)
        return wrong(why, cap, is_call ? "No tool output found for function call %s." : "No tool call found for function call output with call_id %s.", id);
    if (is_call && *secret && !has_reasoning)
        return wrong(why, cap, "Item '%s' of type 'function_call' was provided without its required 'reasoning' item.", id);
    json_t *args = is_call ? json_loads(word(item, "arguments"), JSON_DECODE_ANY, NULL) : json_object();
    json_decref(args);
    return args ? 0 : wrong(why, cap, "Invalid arguments of %s.", id);
}

/* What a message or an output may be made of. */
static int check_parts(const json_t *parts, char *why, size_t cap)
{
    static const char *const members[][2] = { { "input_text", "text" }, { "input_image", "image_url" }, { "input_file", "file_data" } };
    const json_t *part;
    size_t i, k;
    json_array_foreach (parts, i, part) {
        for (k = 0; k < 3 && strcmp(members[k][0], word(part, "type")); k++)
            ;
        if (k == 3 || !*word(part, members[k][1]))
            return wrong(why, cap, "Invalid value: '%s'.", word(part, "type"));
    }
    return 0;
}

static int check(const char *path, const json_t *body, const char *key, const struct script *script, char *why, size_t cap)
{
    static const char *const unknown[] = { "messages", "stop", "response_format", "reasoning_effort", "stream_options" };
    const json_t *input = json_object_get(body, "input"), *tool;
    size_t i;
    (void)path, (void)key, (void)script;
    for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        if (json_object_get(body, unknown[i]))
            return wrong(why, cap, "Unknown parameter: '%s'.", unknown[i]);
    if (!json_is_string(input) && !json_array_size(input))
        return wrong(why, cap, "Missing required parameter: '%s'.", "input");
    json_array_foreach (json_object_get(body, "tools"), i, tool)
        if (!json_is_string(json_object_get(tool, "name")))
            return wrong(why, cap, "Missing required parameter: '%s'.", "tools[0].name");
    for (i = 0; i < json_array_size(input); i++)
        if (check_item(input, i, why, cap) || check_parts(json_object_get(json_array_get(input, i), "content"), why, cap) ||
            check_parts(json_object_get(json_array_get(input, i), "output"), why, cap))
            return 400;
    return dialect_check_openai(body, "max_output_tokens", why, cap);
}

static char *model(const char *path, const json_t *body)
{
    return dialect_openai.model(path, body);
}

static void refusal(struct reply *r, const char *key)
{
    dialect_openai.refusal(r, key); /* words its errors alike */
}

const struct dialect dialect_responses = {
    .name = "responses",
    .path = "/responses",
    .model = model,
    .user_text = user_text,
    .is_after_tool = is_after_tool,
    .first = first,
    .text = text_piece,
    .calls = calls,
    .error = error,
    .tail = tail,
    .refusal = refusal,
    .plain = plain,
    .check = check,
};
