/* Anthropic's Messages API. Thinking comes with three tokens of reasoning and more as two blocks, the second one
 * redacted; comment adds pings, deltanull and prefilter add events and deltas that no reader knows; nodone leaves out
 * message_stop, nofinish the stop_reason; usage_last has the input counted at the end, argsobj in the start of the block.
 * The output is not told apart from thinking in its usage. */
#include "dialect.h"

#include <stdlib.h>
#include <string.h>

static void send_event(struct reply *r, const char *type, json_t *root_take, int is_last)
{
    json_object_set_new(root_take, "type", json_string(type));
    dialect_event_json(r, type, root_take, is_last);
}

static void send_block_event(struct reply *r, const char *type, const char *member, json_t *value_take)
{
    json_t *root = json_object();
    if (!r->script.noindex)
        json_object_set_new(root, "index", json_integer(r->script.index0 ? 0 : r->block));
    if (value_take)
        json_object_set_new(root, member, value_take);
    send_event(r, type, root, 0);
}

static void start_block(struct reply *r, json_t *content_take)
{
    send_block_event(r, "content_block_start", "content_block", content_take);
    if (r->script.comment)
        send_event(r, "ping", json_object(), 0);
}

static void send_delta(struct reply *r, const char *type, const char *member, const char *text, size_t len)
{
    send_block_event(r, "content_block_delta", "delta", json_pack("{s:s, s:s%}", "type", type, member, text, len));
}

static void stop_block(struct reply *r)
{
    send_block_event(r, "content_block_stop", NULL, NULL);
    r->block++;
    r->is_text_open = 0;
}

/* ---- before text ---- */

static json_t *usage_of(struct reply *r, int64_t output, int is_start)
{
    const struct counts *c = bill_tell(r, 2, output, 0);
    if (is_start && r->script.usage_last)
        r->told = (struct counts){ .output = output };
    return json_pack("{s:I, s:I, s:I, s:I}", "input_tokens", (json_int_t)(c->input - c->cached - c->written), "cache_creation_input_tokens",
                     (json_int_t)c->written, "cache_read_input_tokens", (json_int_t)c->cached, "output_tokens", (json_int_t)c->output);
}

void fake_anthropic_signature(const char *thinking, char out[32])
{
    uint64_t h = 1469598103934665603u;
    for (; *thinking; thinking++)
        h = (h ^ (unsigned char)*thinking) * 1099511628211u;
    snprintf(out, 32, "sig-%016llx", (unsigned long long)h);
}

static void think(struct reply *r)
{
    char signature[32], *text = calloc((size_t)r->script.reasoning + 1, 3);
    start_block(r, json_pack("{s:s, s:s, s:s}", "type", "thinking", "thinking", "", "signature", ""));
    for (int64_t i = 0; i < r->script.reasoning; i++) {
        send_delta(r, "thinking_delta", "thinking", "hm ", 3);
        strcat(text, "hm ");
    }
    fake_anthropic_signature(text, signature);
    send_delta(r, "signature_delta", "signature", signature, strlen(signature));
    stop_block(r);
    free(text);
    if (r->script.reasoning < 3)
        return;
    start_block(r, json_pack("{s:s, s:s}", "type", "redacted_thinking", "data", FAKE_ANTHROPIC_REDACTED));
    stop_block(r);
}

static void first(struct reply *r)
{
    json_t *message = json_pack("{s:s, s:s, s:s, s:s, s:[], s:n, s:n}", "id", "msg_fake", "type", "message", "role", "assistant", "model", "fake",
                                "content", "stop_reason", "stop_sequence");
    if (!r->script.nousage)
        json_object_set_new(message, "usage", usage_of(r, 1, 1));
    if (r->script.prefilter)
        send_event(r, "message_policy", json_pack("{s:[]}", "results"), 0);
    send_event(r, "message_start", json_pack("{s:o}", "message", message), 0);
    send_event(r, "ping", json_object(), 0);
    if (r->script.deltanull) {
        send_block_event(r, "content_block_delta", "delta", json_null());
        start_block(r, json_null());
        send_block_event(r, "content_block_delta", "delta", json_pack("{s:s, s:n}", "type", "text_delta", "text"));
        send_block_event(r, "content_block_delta", "delta", json_pack("{s:s}", "type", "news_delta"));
        stop_block(r);
    }
    if (r->script.reasoning > 0)
        think(r);
}

/* ---- text and calls ---- */

static void text_piece(struct reply *r, const char *text, size_t len)
{
    if (!r->is_text_open)
        start_block(r, json_pack("{s:s, s:s}", "type", "text", "text", ""));
    r->is_text_open = 1;
    send_delta(r, "text_delta", "text", text, len);
}

static void calls(struct reply *r)
{
    char *args = dialect_arguments(r), id[64];
    size_t half = strlen(args) / 2;
    for (int64_t k = 0; k < r->script.calls; k++) {
        snprintf(id, sizeof(id), "toolu_fake_%lld_%lld", (long long)r->n, (long long)k);
        json_t *input = r->script.argsobj ? json_loads(args, 0, NULL) : json_object();
        json_t *content = json_pack("{s:s, s:s, s:o}", "type", "tool_use", "name", r->script.tool, "input", input);
        if (!r->script.noid)
            json_object_set_new(content, "id", json_string(id));
        start_block(r, content);
        if (!r->script.argsobj && *args) {
            send_delta(r, "input_json_delta", "partial_json", "", 0);
            send_delta(r, "input_json_delta", "partial_json", args, half);
            send_delta(r, "input_json_delta", "partial_json", args + half, strlen(args + half));
        }
        stop_block(r);
    }
    free(args);
}

/* ---- errors ---- */

static const char *error_type(int64_t status)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {
        { 400, "invalid_request_error" }, { 401, "authentication_error" }, { 402, "billing_error" },    { 403, "permission_error" },
        { 404, "not_found_error" },       { 413, "request_too_large" },    { 429, "rate_limit_error" }, { 504, "timeout_error" },
        { 529, "overloaded_error" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (types[i].status == status)
            return types[i].type;
    return "api_error";
}

static json_t *error_root(struct reply *r, const char *key)
{
    char text[1024];
    const char *type = r->script.type ? r->script.type : r->script.code ? r->script.code : error_type(r->script.status);
    dialect_message(r, key, text, sizeof(text));
    if (r->script.errstr)
        return json_pack("{s:s, s:s}", "type", "error", "error", text);
    if (r->script.errtop)
        return json_pack("{s:s, s:s}", "type", "error", "message", text);
    return json_pack("{s:s, s:{s:s, s:s}, s:s}", "type", "error", "error", "type", type, "message", text, "request_id", "req_fake");
}

static void error(struct reply *r)
{
    dialect_event_json(r, "error", error_root(r, NULL), 1);
}

static void refusal(struct reply *r, const char *key)
{
    dialect_refuse(r, error_root(r, key));
}

static void plain(struct reply *r)
{
    dialect_whole(r, 200, "application/json", "",
                  "{\"id\":\"msg_x\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],"
                  "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}");
}

/* ---- the end ---- */

static void tail(struct reply *r)
{
    const struct script *s = &r->script;
    static const char *const words[] = { "length", "max_tokens", "content_filter", "refusal", NULL };
    const char *reason = dialect_finish(r, words, r->is_tool_step && !s->stopfinish ? "tool_use" : s->refusal ? "refusal" : "end_turn");
    int64_t output = r->sent + s->reasoning;
    json_t *delta = json_pack("{s:n}", "stop_sequence");
    if (r->is_text_open)
        stop_block(r);
    if (!s->nofinish)
        json_object_set_new(delta, "stop_reason", json_string(reason));
    json_t *root = json_pack("{s:o}", "delta", delta);
    if (!s->nousage && s->usage_last)
        json_object_set_new(root, "usage", usage_of(r, output, 0));
    else if (!s->nousage)
        json_object_set_new(root, "usage", json_pack("{s:I}", "output_tokens", (json_int_t)(r->told.output = output)));
    send_event(r, "message_delta", root, s->nodone);
    if (!s->nodone)
        send_event(r, "message_stop", json_object(), 1);
}

/* ---- requests ---- */

static char *model(const char *path, const json_t *body)
{
    const char *name = json_string_value(json_object_get(body, "model"));
    (void)path;
    return strdup(name ? name : "");
}

/* The first (is_last: the last) user turn that has text, and its first text. */
static char *user_text(const json_t *body, int is_last)
{
    const json_t *m, *block;
    const char *found = "";
    size_t i, k;
    json_array_foreach (json_object_get(body, "messages"), i, m) {
        const char *role = json_string_value(json_object_get(m, "role")), *text = NULL;
        if (!role || strcmp(role, "user"))
            continue;
        if (json_is_string(json_object_get(m, "content")))
            text = json_string_value(json_object_get(m, "content"));
        json_array_foreach (json_object_get(m, "content"), k, block)
            if (!text)
                text = json_string_value(json_object_get(block, "text"));
        if (text)
            found = text;
        if (text && !is_last)
            break;
    }
    return strdup(found);
}

static int is_after_tool(const json_t *body)
{
    const json_t *messages = json_object_get(body, "messages");
    size_t n = json_array_size(messages);
    const json_t *block = n ? json_array_get(json_object_get(json_array_get(messages, n - 1), "content"), 0) : NULL;
    const char *type = json_string_value(json_object_get(block, "type"));
    return type && strcmp(type, "tool_result") == 0;
}

static int check(const char *path, const json_t *body, const char *key, const struct script *script, char *why, size_t cap)
{
    char *mistake = fake_anthropic_mistake(body);
    (void)path, (void)key, (void)script;
    if (!mistake)
        return 0;
    snprintf(why, cap, "%s", mistake);
    free(mistake);
    return 400;
}

const struct dialect dialect_anthropic = {
    .name = "anthropic",
    .path = "/v1/messages",
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
