/* A reply of Gemini, sent back as a turn of the conversation; the same bytes as the reply of the token's server. */
#include "fuzz/model_reply.h"
#include "model/gemini.h"

/* Calls come whole. */
static void check_calls(const json_t *calls)
{
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *arguments = json_object_get(json_array_get(calls, i), "arguments");
        json_t *args = orb_json_parse(json_string_value(arguments), json_string_length(arguments), &orb_json_limits_default, NULL);
        ORB_ASSERT(json_is_object(args) || json_string_length(arguments) > 1000);
        json_decref(args);
    }
}

/* What was said, put together again from the parts of the turn as it is sent back. */
static void check_parts(const struct fuzz_reply *n, const json_t *parts)
{
    struct orb_buf text;
    size_t signatures = 0, calls = 0;
    orb_buf_init(&text, 64 * 1024 * 1024);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i), *said = json_object_get(part, "text");
        if (said)
            orb_buf_add(&text, json_string_value(said), json_string_length(said));
        calls += json_object_get(part, "functionCall") != NULL;
        signatures += json_object_get(part, "thoughtSignature") != NULL;
    }
    ORB_ASSERT(text.len == n->text.len && (!text.len || !memcmp(text.data, n->text.data, text.len)));
    ORB_ASSERT(calls == json_array_size(n->calls));
    size_t kept = 0;
    for (size_t i = 0; i < json_array_size(n->kept); i++)
        kept += json_object_get(json_array_get(n->kept, i), "thoughtSignature") != NULL;
    /* Where nothing was said and nothing was called there is no turn. */
    ORB_ASSERT(signatures == kept || !json_array_size(parts));
    orb_buf_done(&text);
}

static void check_sent_back(const struct fuzz_reply *n)
{
    json_t *turn = json_pack("{s:s, s:o, s:O, s:s, s:O}", "role", "assistant", "content", json_stringn(n->text.data ? n->text.data : "", n->text.len),
                             "tool_calls", n->calls, "kept_by", "gemini", "kept", n->kept);
    struct orb_model_call call = { .model = "gemini-2.5-flash", .temperature = 1.0, .messages = json_pack("[o, {s:s, s:s}]", turn, "role", "user", "content", "on") };
    struct orb_buf body;
    struct orb_error err = { 0 };
    orb_buf_init(&body, ORB_SSE_EVENT_MAX * 32);
    ORB_ASSERT(!orb_gemini_body(&orb_provider_gemini, &call, &body, &err));
    ORB_ASSERT(fuzz_is_ascii(body.data, body.len));
    json_t *root = json_loadb(body.data, body.len, JSON_ALLOW_NUL, NULL);
    ORB_ASSERT(root);
    const json_t *first = json_array_get(json_object_get(root, "contents"), 0);
    check_parts(n, strcmp(orb_json_get_str(first, "role", ""), "model") == 0 ? json_object_get(first, "parts") : NULL);
    json_decref(root);
    orb_buf_done(&body);
    json_decref(call.messages);
}

static void check_token(const char *body, size_t len)
{
    static const int statuses[] = { 200, 400, 401, 404, 429, 500 };
    for (size_t i = 0; i < ORB_COUNT(statuses); i++) {
        struct orb_error err = { 0 };
        char *token = NULL;
        int64_t life_s = 0;
        int rc = orb_provider_vertex.token->reply(&orb_provider_vertex, statuses[i], body, len, &token, &life_s, &err);
        if (rc)
            fuzz_check_error(rc, &err);
        else
            ORB_ASSERT(token && fuzz_is_line(token) && life_s >= 0);
        free(token);
    }
}

static void check(const struct fuzz_reply *r, const char *body, size_t len)
{
    check_calls(r->calls);
    check_sent_back(r);
    check_token(body, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reply(&orb_provider_gemini, data, size, check);
}
