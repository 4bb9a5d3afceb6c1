#include "frame.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 280 /* of one token's event, as OpenAI sends them */

/* ---- events ---- */

static const char *eol(const struct reply *r)
{
    return r->script.crlf == 2 ? "\r" : r->script.crlf ? "\r\n" : "\n";
}

/* json: one value. It is broken after its first brace for multiline. */
static void event_send(struct reply *r, const char *json, size_t len, int is_last)
{
    const char *end = eol(r);
    struct evbuffer *b = evbuffer_new();
    if (r->script.comment)
        evbuffer_add_printf(b, ": FAKE PROCESSING%s", end);
    if (r->script.comment)
        evbuffer_add_printf(b, "id: 7%sretry: 100%s%s", end, end, end);
    evbuffer_add_printf(b, "data: ");
    if (r->script.multiline && *json == '{') {
        evbuffer_add_printf(b, "{%sdata: ", end);
        json++;
        len--;
    }
    evbuffer_add(b, json, len);
    if (!is_last || !r->script.noblank)
        evbuffer_add_printf(b, "%s%s", end, end);
    len = evbuffer_get_length(b);
    conn_chunk(r->conn, (const char *)evbuffer_pullup(b, -1), len);
    evbuffer_free(b);
}

/* A chunk with one choice. delta: a JSON object or null. usage: borrowed, or NULL. */
static void chunk_send(struct reply *r, json_t *delta_take, const char *finish, json_t *usage, int is_last)
{
    json_t *choice = json_pack("{s:i, s:o, s:n, s:o}", "index", 0, "delta", delta_take, "logprobs", "finish_reason",
                               finish ? json_string(finish) : json_null());
    json_t *root = json_pack("{s:s, s:s, s:I, s:s, s:[o], s:O}", "id", "chatcmpl-fake", "object", "chat.completion.chunk",
                             "created", (json_int_t)1700000000, "model", "fake", "choices", choice, "usage",
                             usage ? usage : json_null());
    char *text = json_dumps(root, JSON_COMPACT);
    event_send(r, text, strlen(text), is_last);
    free(text);
    json_decref(root);
}

void frame_first(struct reply *r)
{
    static const char azure[] = "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                                "\"prompt_filter_results\":[{\"prompt_index\":0}]}";
    if (r->script.prefilter)
        event_send(r, azure, sizeof(azure) - 1, 0);
    if (r->script.deltanull) {
        chunk_send(r, json_null(), NULL, NULL, 0);
        chunk_send(r, json_pack("{s:n, s:n, s:n, s:n}", "role", "content", "tool_calls", "refusal"), NULL, NULL, 0);
    }
    chunk_send(r, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL, NULL, 0);
    for (int64_t i = 0; i < r->script.reasoning; i++)
        chunk_send(r, json_pack("{s:s}", r->script.reasoning > 1 ? "reasoning_content" : "reasoning", "hm "), NULL, NULL, 0);
}

/* The common case, without any allocation when the script asks for nothing special. */
void frame_text(struct reply *r, const char *text, size_t len)
{
    char line[2048];
    static const char pad[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    const struct script *s = &r->script;
    int is_simple = !r->text && !s->crlf && !s->comment && !s->multiline && !s->noblank;
    if (!is_simple) {
        chunk_send(r, json_pack("{s:o}", "content", json_stringn(text, len)), NULL, NULL, 0);
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
    snprintf(id, sizeof(id), "call_fake_%lld_%lld", (long long)r->n, (long long)k);
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

void frame_calls(struct reply *r)
{
    json_t *input = json_pack("{s:s}", "input", r->input);
    char *args = r->script.args ? strdup(r->script.args) : json_dumps(input, 0);
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
    json_decref(input);
    free(args);
}

/* ---- errors ---- */

/* The error as the script words it; $KEY in the message is the key that came. */
static json_t *error_value(struct reply *r, const char *authorization)
{
    const struct script *s = &r->script;
    const char *message = s->message ? s->message : "the script asked for this";
    const char *mark = strstr(message, "$KEY");
    char text[1024];
    if (mark)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - message), message,
                 authorization && strlen(authorization) > 7 ? authorization + 7 : "", mark + 4);
    else
        snprintf(text, sizeof(text), "%s", message);
    if (s->errstr)
        return json_string(text);
    json_t *code = s->code ? json_string(s->code) : s->status ? json_integer(s->status) : json_null();
    return json_pack("{s:s, s:s, s:n, s:o}", "message", text, "type", s->type ? s->type : "fake_error", "param", "code", code);
}

static json_t *error_root(struct reply *r, const char *authorization)
{
    json_t *value = error_value(r, authorization);
    if (!r->script.errtop)
        return json_pack("{s:o}", "error", value);
    json_object_set_new(value, "object", json_string("error"));
    return value;
}

void frame_error(struct reply *r)
{
    json_t *root = error_root(r, NULL);
    char *text = json_dumps(root, JSON_COMPACT);
    event_send(r, text, strlen(text), 1);
    free(text);
    json_decref(root);
}

static void whole_send(struct reply *r, int64_t status, const char *type, const char *extra, const char *body)
{
    struct evbuffer *b = evbuffer_new();
    evbuffer_add_printf(b, "HTTP/1.1 %lld Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", (long long)status,
                        type, strlen(body), extra, body);
    size_t len = evbuffer_get_length(b);
    conn_send(r->conn, (const char *)evbuffer_pullup(b, -1), len);
    evbuffer_free(b);
}

void frame_refusal(struct reply *r, const char *authorization)
{
    const struct script *s = &r->script;
    char extra[256] = "";
    size_t n = 0;
    if (s->retry_after >= 0)
        n += (size_t)sprintf(extra + n, "Retry-After: %lld\r\n", (long long)s->retry_after);
    if (s->retry_after_ms >= 0)
        n += (size_t)sprintf(extra + n, "retry-after-ms: %lld\r\n", (long long)s->retry_after_ms);
    if (s->should_retry >= 0)
        sprintf(extra + n, "x-should-retry: %s\r\n", s->should_retry ? "true" : "false");
    if (s->html) {
        whole_send(r, s->status, "text/html", extra,
                   "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>\r\n");
        return;
    }
    json_t *root = error_root(r, authorization);
    char *text = json_dumps(root, JSON_COMPACT);
    whole_send(r, s->status, "application/json", extra, text);
    free(text);
    json_decref(root);
}

void frame_plain(struct reply *r)
{
    whole_send(r, 200, "application/json", "",
               "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}");
}

/* ---- the end ---- */

void frame_tail(struct reply *r)
{
    const struct script *s = &r->script;
    const char *finish = s->nofinish ? NULL : r->is_tool_step && !s->stopfinish ? "tool_calls" : "stop";
    json_t *usage = json_pack("{s:i, s:I, s:I, s:{s:i}}", "prompt_tokens", 9, "completion_tokens", (json_int_t)r->sent,
                              "total_tokens", (json_int_t)r->sent + 9, "prompt_tokens_details", "cached_tokens", 0);
    int is_usage_chunk = !s->nousage && !s->usage_last;
    chunk_send(r, json_object(), finish, s->usage_last ? usage : NULL, s->nodone && !is_usage_chunk);
    if (is_usage_chunk) {
        json_t *root = json_pack("{s:s, s:s, s:o, s:O}", "id", "chatcmpl-fake", "object", "chat.completion.chunk", "choices",
                                 s->nochoices ? json_null() : json_array(), "usage", usage);
        char *text = json_dumps(root, JSON_COMPACT);
        event_send(r, text, strlen(text), s->nodone);
        free(text);
        json_decref(root);
    }
    if (!s->nodone)
        event_send(r, "[DONE]", 6, 1);
    json_decref(usage);
}
