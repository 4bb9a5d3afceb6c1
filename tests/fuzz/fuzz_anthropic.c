/* A reply in Anthropic's format, and what comes of it in the next request: what is kept goes back unchanged, in a request
 * that is JSON with turns that alternate and no block without text. */
#include "fuzz/model_reply.h"
#include "model/anthropic.h"

static int is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\n\v\f\r", text[i]) || !text[i])
            return 0;
    return 1;
}

static void check_turns(const json_t *messages, const json_t *kept)
{
    const char *last = "";
    size_t i, k, back = 0;
    json_t *m, *block;
    json_array_foreach (messages, i, m) {
        const char *role = orb_json_get_str(m, "role", "");
        ORB_ASSERT(strcmp(role, last) && json_array_size(json_object_get(m, "content")));
        last = role;
        json_array_foreach (json_object_get(m, "content"), k, block) {
            const char *type = orb_json_get_str(block, "type", "");
            json_t *text = json_object_get(block, "text");
            ORB_ASSERT(strcmp(type, "text") || (json_is_string(text) && !is_blank(json_string_value(text), json_string_length(text))));
            if (!strstr(type, "thinking"))
                continue;
            json_t *item = json_array_get(kept, back++), *inner = json_object_get(item, "block");
            ORB_ASSERT(json_equal(block, inner ? inner : item));
        }
    }
    ORB_ASSERT(back == json_array_size(kept));
}

static void check_next(const struct fuzz_reply *n)
{
    json_t *turn = json_pack("{s:s, s:o, s:O, s:s, s:O}", "role", "assistant", "content", json_stringn(n->text.data ? n->text.data : "", n->text.len),
                             "tool_calls", n->calls, "kept_by", "anthropic", "kept", n->kept);
    json_t *messages = json_pack("[{s:s, s:s}, o]", "role", "user", "content", "hi", turn), *call;
    struct orb_error err = { 0 };
    struct orb_buf b;
    size_t i;
    json_array_foreach (n->calls, i, call)
        json_array_append_new(messages, json_pack("{s:s, s:O, s:s}", "role", "tool", "tool_call_id", json_object_get(call, "id"), "content", "x"));
    orb_buf_init(&b, 256 * 1024 * 1024);
    orb_buf_char(&b, '{');
    ORB_ASSERT(!orb_anthropic_messages(&orb_provider_anthropic, &b, messages, NULL, 1, &err));
    orb_buf_char(&b, '}');
    ORB_ASSERT(!b.err && fuzz_is_ascii(b.data, b.len));
    json_t *root = json_loadb(b.data, b.len, JSON_ALLOW_NUL, NULL);
    ORB_ASSERT(root);
    check_turns(json_object_get(root, "messages"), n->kept);
    json_decref(root);
    json_decref(messages);
    orb_buf_done(&b);
}

static void check(const struct fuzz_reply *r, const char *body, size_t len)
{
    const struct orb_anthropic_state *st = r->state;
    (void)body, (void)len;
    ORB_ASSERT(st->kept_bytes <= ORB_ANTHROPIC_KEPT_MAX);
    ORB_ASSERT(r->usage.input_tokens >= r->usage.cached_tokens + r->usage.cache_write_tokens);
    ORB_ASSERT(r->usage.total_tokens == r->usage.input_tokens + r->usage.output_tokens);
    check_next(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reply(&orb_provider_anthropic, data, size, check);
}
