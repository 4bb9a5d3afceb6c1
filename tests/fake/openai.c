
#include "dialect.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 280 /* of one token's event, as OpenAI sends them */

/* A chunk with one choice. delta: a JSON object or null. usage: borrowed, or NULL. */
static void chunk_send(struct reply *r, json_t *delta_take, const char *finish, json_t *usage, int is_last)
{
    json_t *choice = json_pack("{s:i, s:o, s:n, s:o}", "index", 0, "delta", delta_take, "logprobs", "finish_reason",
                               finish ? json_string(finish) : json_null());
    json_t *root = json_pack("{s:s, s:s, s:I, s:s, s:[o], s:O}", "id", "chatcmpl-fake", "object", "chat.completion.chunk",
                             "created", (json_int_t)1700000000, "model", "fake", "choices", choice, "usage",
                             usage ? usage : json_null());
    if (r->script.timings) {
        json_object_set_new(root, "timings", json_pack("{s:f}", "predicted_ms", 1.5));
        json_object_set_new(root, "prompt_token_ids", json_null());
    }
    dialect_event_json(r, NULL, root, is_last);
}

static json_t *usage_of(struct reply *r, int64_t output, int64_t thought)
{
    const struct counts *c = bill_tell(r, 0, output, thought);
    json_t *details = json_pack("{s:I}", "cached_tokens", (json_int_t)c->cached);
    if (c->written)
        json_object_set_new(details, "cache_write_tokens", json_integer(c->written));
    return json_pack("{s:I, s:I, s:I, s:o, s:{s:I}}", "prompt_tokens", (json_int_t)c->input, "completion_tokens", (json_int_t)c->output, "total_tokens",
                     (json_int_t)(c->input + c->output), "prompt_tokens_details", details, "completion_tokens_details", "reasoning_tokens",
                     (json_int_t)c->reasoning);
}

static void first(struct reply *r)
{
    static const char azure[] = "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                                "\"prompt_filter_results\":[{\"prompt_index\":0}]}";
    if (r->script.prefilter)
        dialect_event(r, NULL, azure, sizeof(azure) - 1, 0);
    if (r->script.deltanull) {
        chunk_send(r, json_null(), NULL, NULL, 0);
        chunk_send(r, json_pack("{s:n, s:n, s:n, s:n}", "role", "content", "tool_calls", "refusal"), NULL, NULL, 0);
    }
    chunk_send(r, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL, NULL, 0);
    for (int64_t i = 0; i < r->script.details; i++)
        chunk_send(r, json_pack("{s:s, s:s, s:[{s:s, s:s, s:i, s:o}]}", "content", "", "reasoning", "hm ", "reasoning_details", "type",
                                "reasoning.text", "text", "hm ", "index", 0, "signature", i + 1 == r->script.details ? json_string("sig") : json_null()),
                   NULL, NULL, 0);
    for (int64_t i = 0; i < r->script.reasoning; i++)
        chunk_send(r, json_pack("{s:s}", r->script.reasoning > 1 ? "reasoning_content" : "reasoning", "hm "), NULL, NULL, 0);
}

/* The common case, without any allocation when the script asks for nothing special. */
static void text_piece(struct reply *r, const char *text, size_t len)
{
    char line[2048];
    static const char pad[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    const struct script *s = &r->script;
    int is_simple = !s->size && !s->early && !s->refusal && !s->timings && !r->text && !s->crlf && !s->comment && !s->multiline && !s->noblank;
    if (!is_simple) {
        chunk_send(r, json_pack("{s:o}", s->refusal ? "refusal" : "content", json_stringn(text, len)), s->early ? "stop" : NULL, NULL, 0);
        return;
    }
    int n = snprintf(line, sizeof(line),
                     "data: {\"id\":\"chatcmpl-fake\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
                     "\"fake\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"},\"logprobs\":null,"
                     "\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"",
                     (int)len, text);
    int room = CHUNK_BYTES - n - 4;
    n += snprintf(line + n, sizeof(line) - (size_t)n, "%.*s\"}\n\n", room > 0 ? room : 0, pad);
    conn_chunk(r->conn, line, (size_t)n);
}

/* ---- tool calls ---- */

/* One piece of call k; args NULL = none. */
static json_t *call_piece(struct reply *r, int64_t k, int is_first, json_t *args_take)
{
    json_t *piece = json_object(), *function = json_object();
    char id[64];
    snprintf(id, sizeof(id), r->script.details ? "call_details_%lld_%lld" : "call_fake_%lld_%lld", (long long)r->n, (long long)k);
    if (!r->script.noindex)
        json_object_set_new(piece, "index", json_integer(r->script.index0 ? 0 : k));
    if (!r->script.noid && (is_first || r->script.repeat)) {
        json_object_set_new(piece, "id", json_string(id));
        json_object_set_new(piece, "type", json_string("function"));
    }
    if (is_first || r->script.repeat)
        json_object_set_new(function, "name", json_string(r->script.tool));
    if (args_take)
        json_object_set_new(function, "arguments", args_take);
    json_object_set_new(piece, "function", function);
    return piece;
}

static void send_pieces(struct reply *r, json_t *calls_take)
{
    chunk_send(r, json_pack("{s:o}", "tool_calls", calls_take), NULL, NULL, 0);
}

static void calls(struct reply *r)
{
    char *args = dialect_arguments(r);
    size_t half = strlen(args) / 2;
    json_t *whole = json_array();
    for (int64_t k = 0; k < r->script.calls; k++) {
        if (r->script.argsobj || (r->script.noindex && r->script.noid)) {
            json_array_append_new(whole, call_piece(r, k, 1, r->script.argsobj ? json_loads(args, 0, NULL) : json_string(args)));
            continue;
        }
        send_pieces(r, json_pack("[o]", call_piece(r, k, 1, json_string(""))));
        send_pieces(r, json_pack("[o]", call_piece(r, k, 0, json_stringn(args, half))));
        send_pieces(r, json_pack("[o]", call_piece(r, k, 0, json_string(args + half))));
    }
    if (json_array_size(whole))
        send_pieces(r, json_incref(whole));
    json_decref(whole);
    free(args);
}

/* ---- errors ---- */

/* The error as the script words it. */
static json_t *error_value(struct reply *r, const char *key)
{
    const struct script *s = &r->script;
    char text[1024];
    dialect_message(r, key, text, sizeof(text));
    if (s->errstr)
        return json_string(text);
    json_t *code = s->code ? json_string(s->code) : s->status ? json_integer(s->status) : json_null();
    return json_pack("{s:s, s:s, s:n, s:o}", "message", text, "type", s->type ? s->type : "fake_error", "param", "code", code);
}

static json_t *error_root(struct reply *r, const char *key)
{
    json_t *value = error_value(r, key);
    if (!r->script.errtop)
        return json_pack("{s:o}", "error", value);
    json_object_set_new(value, "object", json_string("error"));
    return value;
}

static void error(struct reply *r)
{
    dialect_event_json(r, NULL, error_root(r, NULL), 1);
}

static void refusal(struct reply *r, const char *key)
{
    dialect_refuse(r, error_root(r, key));
}

static void plain(struct reply *r)
{
    dialect_whole(r, 200, "application/json", "",
               "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}");
}

/* ---- the end ---- */

static void tail(struct reply *r)
{
    const struct script *s = &r->script;
    static const char *const words[] = { "length", "length", "content_filter", "content_filter", NULL };
    const char *finish = s->nofinish ? NULL : r->is_tool_step && !s->stopfinish ? "tool_calls" : dialect_finish(r, words, "stop");
    int64_t thought = s->reasoning + s->details;
    int is_usage_chunk = !s->nousage && !s->usage_last;
    json_t *usage = is_usage_chunk || s->usage_last ? usage_of(r, r->sent + thought, thought) : NULL;
    chunk_send(r, json_object(), finish, s->usage_last ? usage : NULL, s->nodone && !is_usage_chunk);
    if (is_usage_chunk) {
        json_t *root = json_pack("{s:s, s:s, s:o, s:O}", "id", "chatcmpl-fake", "object", "chat.completion.chunk", "choices",
                                 s->nochoices ? json_null() : json_array(), "usage", usage);
        dialect_event_json(r, NULL, root, s->nodone);
    }
    if (!s->nodone)
        dialect_event(r, NULL, "[DONE]", 6, 1);
    json_decref(usage);
}

/* ---- requests ---- */

static char *model(const char *path, const json_t *body)
{
    const char *name = json_string_value(json_object_get(body, "model"));
    (void)path;
    return strdup(name ? name : "");
}

/* The first (is_last: the last) user message's text, allocated. */
static char *user_text(const json_t *body, int is_last)
{
    const json_t *messages = json_object_get(body, "messages"), *m;
    const char *found = "";
    size_t i;
    json_array_foreach (messages, i, m) {
        const char *role = json_string_value(json_object_get(m, "role"));
        const json_t *content = json_object_get(m, "content");
        if (!role || strcmp(role, "user") != 0)
            continue;
        if (json_is_array(content))
            content = json_object_get(json_array_get(content, 0), "text");
        found = json_string_value(content) ? json_string_value(content) : "";
        if (!is_last)
            break;
    }
    return strdup(found);
}

/* The last is the answer of a tool, or the media that a message of its own brings with it. */
static int is_after_tool(const json_t *body)
{
    const json_t *messages = json_object_get(body, "messages");
    size_t n = json_array_size(messages);
    if (n && json_is_array(json_object_get(json_array_get(messages, n - 1), "content")))
        n--;
    const char *role = n ? json_string_value(json_object_get(json_array_get(messages, n - 1), "role")) : NULL;
    return role && strcmp(role, "tool") == 0;
}

/* ---- what the real API rejects ---- */

/* Every call of an assistant turn must be answered by a tool message right after it. */
static int check_calls(const json_t *messages, size_t at, char *why, size_t cap)
{
    const json_t *turn = json_array_get(messages, at), *calls = json_object_get(turn, "tool_calls"), *call;
    size_t i;
    json_array_foreach (calls, i, call) {
        const char *id = json_string_value(json_object_get(call, "id"));
        size_t k = at + 1;
        const json_t *m;
        while ((m = json_array_get(messages, k)) && json_object_get(m, "tool_call_id") &&
               strcmp(json_string_value(json_object_get(m, "tool_call_id")), id ? id : "") != 0)
            k++;
        if (!m || !json_object_get(m, "tool_call_id")) {
            snprintf(why, cap, "An assistant message with 'tool_calls' must be followed by tool messages: no answer to %s.", id ? id : "a call");
            return 400;
        }
        if (id && strncmp(id, "call_details_", 13) == 0 && !json_array_size(json_object_get(turn, "reasoning_details"))) {
            snprintf(why, cap, "The reasoning_details that came with %s are missing.", id);
            return 400;
        }
    }
    return 0;
}

/* What a user's message may be made of. */
static int check_content(const json_t *content, char *why, size_t cap)
{
    static const char *const members[][3] = { { "text", "text", NULL }, { "image_url", "image_url", "url" }, { "input_audio", "input_audio", "data" },
                                              { "file", "file", "file_data" } };
    const json_t *part;
    size_t i, k;
    json_array_foreach (content, i, part) {
        const char *type = json_string_value(json_object_get(part, "type"));
        for (k = 0; k < 4 && strcmp(members[k][0], type ? type : ""); k++)
            ;
        const json_t *value = k < 4 ? json_object_get(part, members[k][1]) : NULL;
        if (k < 4 && members[k][2])
            value = json_object_get(value, members[k][2]);
        const char *text = json_string_value(value);
        if (!text || !*text || (k == 3 && strncmp(text, "data:", 5))) {
            snprintf(why, cap, "Invalid value for 'messages.content[%zu]': '%s'.", i, type ? type : "null");
            return 400;
        }
    }
    return 0;
}

static int check(const char *path, const json_t *body, const char *key, const struct script *script, char *why, size_t cap)
{
    const json_t *messages = json_object_get(body, "messages");
    (void)path, (void)key, (void)script;
    if (!json_array_size(messages)) {
        snprintf(why, cap, "Missing required parameter: 'messages'.");
        return 400;
    }
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (check_calls(messages, i, why, cap) || check_content(json_object_get(json_array_get(messages, i), "content"), why, cap))
            return 400;
    return dialect_check_openai(body, "max_completion_tokens", why, cap);
}

const struct dialect dialect_openai = {
    .name = "openai",
    .path = "/chat/completions",
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
