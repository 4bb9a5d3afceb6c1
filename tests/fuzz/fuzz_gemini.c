/* A reply of Gemini, read whole and in pieces, and sent back as a turn of the conversation; the same bytes as a refusal and as
 * the reply of the token's server. The first line says how the body comes: each letter is the length of a piece, in turn (a = 1). */
#include "fuzz/fuzz.h"
#include "base/json.h"
#include "model/failure.h"
#include "model/gemini.h"
#include "model/sse.h"

struct notes {
    struct orb_buf deltas, text;
    json_t *calls, *kept;
    struct orb_gemini_state state;
    struct orb_error err;
    int rc, finishes;
};

static void note_call(struct notes *n, const struct orb_delta *d)
{
    ORB_ASSERT(d->index == (int)json_array_size(n->calls) && d->id && *d->id && d->name && d->text && d->len >= 2);
    json_t *args = orb_json_parse(d->text, d->len, &orb_json_limits_default, NULL);
    ORB_ASSERT(json_is_object(args) || d->len > 1000); /* calls come whole */
    json_decref(args);
    int is_own = strncmp(d->id, "call_", 5) == 0;
    orb_buf_printf(&n->deltas, "%s %s ", is_own ? "own" : d->id, d->name); /* an id of ours is another one each time */
    json_t *arguments = json_stringn(d->text, d->len);
    json_array_append_new(n->calls, json_pack("{s:s, s:s, s:o}", "id", d->id, "name", d->name, "arguments", arguments));
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
        ORB_ASSERT(orb_utf8_is_valid(d->text, d->len) && d->len);
        orb_buf_add(&n->deltas, d->text, d->len);
        if (d->type == ORB_DELTA_TEXT)
            orb_buf_add(&n->text, d->text, d->len);
        break;
    case ORB_DELTA_USAGE:
        ORB_ASSERT(d->usage.input_tokens >= 0 && d->usage.output_tokens >= 0 && d->usage.total_tokens >= 0 && d->usage.cached_tokens >= 0);
        orb_buf_printf(&n->deltas, "%lld %lld", (long long)d->usage.input_tokens, (long long)d->usage.output_tokens);
        break;
    case ORB_DELTA_KEEP:
        ORB_ASSERT(json_is_object(d->keep));
        orb_json_dump(&n->deltas, d->keep);
        json_array_append(n->kept, d->keep);
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
    n->rc = orb_gemini_data(&orb_provider_gemini, &n->state, event, data, len, note_delta, n, &n->err);
    return n->rc;
}

static void read_pieces(struct notes *n, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    struct orb_sse sse;
    size_t at = 0, turn = 0;
    *n = (struct notes){ .calls = json_array(), .kept = json_array() };
    orb_buf_init(&n->deltas, 64 * 1024 * 1024);
    orb_buf_init(&n->text, 64 * 1024 * 1024);
    orb_sse_init(&sse);
    while (at < len && !n->rc) {
        size_t size = count ? sizes[turn++ % count] & 31 : len;
        if (!size || size > len - at)
            size = len - at;
        (void)orb_sse_feed(&sse, body + at, size, on_event, n);
        at += size;
    }
    if (!n->rc)
        (void)orb_sse_end(&sse, on_event, n);
    orb_sse_done(&sse);
    if (!n->rc)
        n->rc = orb_gemini_end(&n->state, note_delta, n, &n->err);
    ORB_ASSERT(n->rc <= 0);
    if (n->rc < 0)
        fuzz_check_error(n->rc, &n->err);
    ORB_ASSERT(n->rc < 0 || n->finishes == 1);
    ORB_ASSERT(n->err.retry_after_ms >= 0);
}

static void notes_done(struct notes *n)
{
    orb_buf_done(&n->deltas);
    orb_buf_done(&n->text);
    json_decref(n->calls);
    json_decref(n->kept);
}

static void check_same(const struct notes *a, const struct notes *b)
{
    ORB_ASSERT(a->rc == b->rc && a->deltas.len == b->deltas.len);
    ORB_ASSERT(!a->deltas.len || !memcmp(a->deltas.data, b->deltas.data, a->deltas.len));
}

/* What was said, put together again from the parts of the turn as it is sent back. */
static void check_parts(const struct notes *n, const json_t *parts)
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

static void check_sent_back(const struct notes *n)
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

static void check_refusal(const char *body, size_t len)
{
    static const int statuses[] = { 200, 400, 401, 404, 429, 500 };
    for (size_t i = 0; i < ORB_COUNT(statuses); i++) {
        struct orb_error err = { 0 };
        char *token = NULL;
        int64_t life_s = 0;
        fuzz_check_error(orb_failure_body(&orb_provider_gemini, statuses[i], body, len, &err), &err);
        ORB_ASSERT(err.retry_after_ms >= 0);
        err = (struct orb_error){ 0 };
        int rc = orb_provider_vertex.token->reply(&orb_provider_vertex, statuses[i], body, len, &token, &life_s, &err);
        if (rc)
            fuzz_check_error(rc, &err);
        else
            ORB_ASSERT(token && fuzz_is_line(token) && life_s >= 0);
        free(token);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
    check_sent_back(&whole);
    notes_done(&whole);
    notes_done(&pieces);
    notes_done(&bytes);
    check_refusal(body, size - skip);
    return 0;
}
