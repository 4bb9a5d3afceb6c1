/* A reply in Anthropic's format, and what comes of it in the next request. The first line says how the body comes: each
 * letter is the length of a piece, in turn (a = 1). However it comes, it says the same; what is kept goes back
 * unchanged, in a request that is JSON with turns that alternate and no block without text. */
#include "fuzz/fuzz.h"
#include "model/anthropic.h"
#include "model/failure.h"
#include "model/sse.h"

struct notes {
    struct orb_buf deltas, text;
    json_t *calls, *kept;
    struct orb_anthropic_state state;
    struct orb_error err;
    int rc, finishes;
};

static void note_call(struct notes *n, const struct orb_delta *d)
{
    size_t index = (size_t)d->index;
    ORB_ASSERT(d->index >= 0 && d->index < n->state.calls && d->text);
    ORB_ASSERT(d->id || d->name || d->len);
    ORB_ASSERT(index <= json_array_size(n->calls) && (index < json_array_size(n->calls) || (d->id && d->name)));
    if (index == json_array_size(n->calls))
        json_array_append_new(n->calls, json_pack("{s:s, s:s, s:s}", "id", d->id, "name", d->name, "arguments", ""));
    /* An id of ours is another one each time. */
    int is_own = d->id && strlen(d->id) == 29 && !strncmp(d->id, "call_", 5);
    orb_buf_printf(&n->deltas, "%d %s %s ", d->index, is_own ? "own" : d->id ? d->id : "-", d->name ? d->name : "-");
    json_t *call = json_array_get(n->calls, index), *arguments = json_object_get(call, "arguments");
    struct orb_buf b;
    orb_buf_init(&b, 64 * 1024 * 1024);
    orb_buf_add(&b, json_string_value(arguments), json_string_length(arguments));
    orb_buf_add(&b, d->text, d->len);
    json_object_set_new(call, "arguments", json_stringn(b.data ? b.data : "", b.len));
    orb_buf_done(&b);
}

static void note_delta(void *arg, const struct orb_delta *d)
{
    struct notes *n = arg;
    ORB_ASSERT(!n->finishes);
    orb_buf_printf(&n->deltas, "%d ", (int)d->type);
    switch (d->type) {
    case ORB_DELTA_TOOL_CALL:
        note_call(n, d);
        /* fall through */
    case ORB_DELTA_TEXT:
    case ORB_DELTA_REASONING:
        ORB_ASSERT(orb_utf8_is_valid(d->text, d->len));
        ORB_ASSERT(d->type == ORB_DELTA_TOOL_CALL || d->len);
        orb_buf_add(&n->deltas, d->text, d->len);
        if (d->type == ORB_DELTA_TEXT)
            orb_buf_add(&n->text, d->text, d->len);
        break;
    case ORB_DELTA_USAGE:
        ORB_ASSERT(d->usage.input_tokens >= d->usage.cached_tokens + d->usage.cache_write_tokens && d->usage.cached_tokens >= 0);
        ORB_ASSERT(d->usage.output_tokens >= 0 && d->usage.total_tokens == d->usage.input_tokens + d->usage.output_tokens);
        orb_buf_printf(&n->deltas, "%lld %lld", (long long)d->usage.input_tokens, (long long)d->usage.total_tokens);
        break;
    case ORB_DELTA_KEEP:
        ORB_ASSERT(json_is_object(d->keep));
        json_array_append(n->kept, d->keep);
        orb_json_dump(&n->deltas, d->keep);
        break;
    case ORB_DELTA_FINISH:
        ORB_ASSERT(d->finish != ORB_FINISH_STOP || !n->state.calls);
        orb_buf_printf(&n->deltas, "%d", (int)d->finish);
        n->finishes++;
        break;
    }
    orb_buf_char(&n->deltas, '\n');
}

static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct notes *n = arg;
    if (!n->rc)
        n->rc = orb_anthropic_data(&orb_provider_anthropic, &n->state, event, data, len, note_delta, n, &n->err);
    return 0;
}

static void notes_done(struct notes *n)
{
    orb_anthropic_done(&n->state);
    orb_buf_done(&n->deltas);
    orb_buf_done(&n->text);
    json_decref(n->calls);
    json_decref(n->kept);
}

/* In pieces whose lengths go round; a round of zeros alone ends with the rest at once. */
static void read_pieces(struct notes *n, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    struct orb_sse sse;
    size_t at = 0, turn = 0, idle = 0;
    *n = (struct notes){ .calls = json_array(), .kept = json_array() };
    orb_buf_init(&n->deltas, 256 * 1024 * 1024);
    orb_buf_init(&n->text, 64 * 1024 * 1024);
    orb_sse_init(&sse);
    while (at < len) {
        size_t size = count ? sizes[turn++ % count] & 31 : len;
        idle = size ? 0 : idle + 1;
        if (size > len - at || idle > count)
            size = len - at;
        ORB_ASSERT(!orb_sse_feed(&sse, body + at, size, on_event, n));
        at += size;
    }
    ORB_ASSERT(!orb_sse_end(&sse, on_event, n));
    orb_sse_done(&sse);
    if (!n->rc)
        n->rc = orb_anthropic_end(&n->state, note_delta, n, &n->err);
    if (n->rc < 0)
        fuzz_check_error(n->rc, &n->err);
    ORB_ASSERT(n->rc < 0 || n->finishes == 1);
    ORB_ASSERT(n->state.kept_bytes <= ORB_ANTHROPIC_KEPT_MAX);
}

static void check_same(const struct notes *a, const struct notes *b)
{
    ORB_ASSERT(a->deltas.len == b->deltas.len && !memcmp(a->deltas.data ? a->deltas.data : "", b->deltas.data ? b->deltas.data : "", a->deltas.len));
    ORB_ASSERT(a->rc == b->rc && !strcmp(a->err.text, b->err.text));
}

/* ---- the next request ---- */

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

static void check_next(const struct notes *n)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 400, 413, 529 };
    static const uint8_t single[] = { 1 };
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t head = end ? (size_t)(end - data) : 0, skip = end ? head + 1 : 0;
    const char *body = (const char *)data + skip;
    struct notes whole, pieces, bytes;
    if (size > ORB_SSE_EVENT_MAX)
        return 0;
    read_pieces(&whole, NULL, 0, body, size - skip);
    read_pieces(&pieces, data, head, body, size - skip);
    read_pieces(&bytes, single, 1, body, size - skip);
    check_same(&whole, &pieces);
    check_same(&whole, &bytes);
    check_next(&whole);
    notes_done(&whole);
    notes_done(&pieces);
    notes_done(&bytes);
    for (size_t i = 0; i < ORB_COUNT(statuses); i++) {
        struct orb_error err = { 0 };
        fuzz_check_error(orb_failure_body(&orb_provider_anthropic, statuses[i], body, size - skip, &err), &err);
    }
    return 0;
}
