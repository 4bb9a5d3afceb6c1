/* A reply of the Responses API. The first line says how the body comes: each letter is the length of a piece, in turn
 * (a = 1). However it comes, it says the same; and what a whole reply said can be sent back. */
#include "fuzz/fuzz.h"
#include "model/responses.h"
#include "model/sse.h"

#define CALLS_MAX ORB_RESPONSES_ITEMS_MAX

struct notes {
    struct orb_buf deltas;
    struct orb_responses_state state;
    struct orb_error err;
    json_t *calls, *kept;
    int rc, finishes;
};

static void note_call(struct notes *n, const struct orb_delta *d)
{
    ORB_ASSERT(d->index >= 0 && (size_t)d->index < n->state.count && d->text && (d->id || d->len));
    ORB_ASSERT(!d->id == ((size_t)d->index < json_array_size(n->calls))); /* the id comes first, and once */
    if (d->id)
        json_array_append_new(n->calls, json_pack("{s:s, s:s, s:s}", "id", d->id, "name", d->name ? d->name : "", "arguments", "{}"));
    /* An id of ours is another one each time. */
    orb_buf_printf(&n->deltas, "%d %s %s ", d->index, !d->id ? "-" : strlen(d->id) == 29 && !strncmp(d->id, "call_", 5) ? "own" : d->id,
                   d->name ? d->name : "-");
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
        ORB_ASSERT(d->finish != ORB_FINISH_STOP || !n->state.count);
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
        n->rc = orb_responses_data(&orb_provider_responses, &n->state, event, data, len, note_delta, n, &n->err);
    return n->rc;
}

static void read_pieces(struct notes *n, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    struct orb_sse sse;
    size_t at = 0, turn = 0, idle = 0;
    *n = (struct notes){ .calls = json_array(), .kept = json_array() };
    orb_buf_init(&n->deltas, 64 * 1024 * 1024);
    orb_sse_init(&sse);
    while (at < len && !n->rc) {
        size_t size = count ? sizes[turn++ % count] & 31 : len;
        idle = size ? 0 : idle + 1;
        if (size > len - at || idle > count)
            size = len - at;
        char *piece = malloc(size ? size : 1); /* exact: a sanitizer sees what is read beyond */
        ORB_ASSERT(piece);
        memcpy(piece, body + at, size);
        orb_sse_feed(&sse, piece, size, on_event, n);
        free(piece);
        at += size;
    }
    if (!n->rc)
        orb_sse_end(&sse, on_event, n);
    orb_sse_done(&sse);
    if (!n->rc)
        n->rc = orb_responses_end(&n->state, note_delta, n, &n->err);
    if (n->rc < 0)
        fuzz_check_error(n->rc, &n->err);
    ORB_ASSERT(n->rc < 0 || n->finishes == 1);
}

static void check_same(const struct notes *a, const struct notes *b)
{
    ORB_ASSERT(a->deltas.len == b->deltas.len && !memcmp(a->deltas.data ? a->deltas.data : "", b->deltas.data ? b->deltas.data : "", a->deltas.len));
    ORB_ASSERT(a->rc == b->rc && !strcmp(a->err.text, b->err.text));
}

static size_t count_of(const json_t *input, const char *type)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(input); i++)
        n += !strcmp(orb_json_get_str(json_array_get(input, i), "type", ""), type);
    return n;
}

/* The next request has each call once, and all of the reasoning, as it came. */
static void check_request(const struct notes *n)
{
    struct orb_model_request request = { 0 };
    struct orb_error err = { 0 };
    struct orb_model_call call = { .model = "m", .temperature = 1.0 };
    call.messages = json_pack("[{s:s, s:s}, {s:s, s:s, s:O, s:s, s:O}]", "role", "user", "content", "q", "role", "assistant", "content", "t", "tool_calls",
                              n->calls, "kept_by", "responses", "kept", n->kept);
    ORB_ASSERT(call.messages);
    ORB_ASSERT(!orb_provider_responses.codec->request(&orb_provider_responses, &call, &request, &err));
    ORB_ASSERT(fuzz_is_ascii(request.body.data, request.body.len));
    struct orb_json_limits limits = { .max_bytes = 64 * 1024 * 1024, .max_values = 10000000, .max_depth = 300 };
    json_t *body = orb_json_parse(request.body.data, request.body.len, &limits, &err);
    ORB_ASSERT(body);
    const json_t *input = json_object_get(body, "input");
    ORB_ASSERT(count_of(input, "function_call") == json_array_size(n->calls));
    ORB_ASSERT(count_of(input, "reasoning") == count_of(n->kept, "reasoning"));
    json_decref(body);
    json_decref(call.messages);
    orb_buf_done(&request.headers);
    orb_buf_done(&request.body);
}

static void notes_done(struct notes *n)
{
    orb_responses_done(&n->state);
    orb_buf_done(&n->deltas);
    json_decref(n->calls);
    json_decref(n->kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t single[] = { 1 };
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t head = end ? (size_t)(end - data) : 0, skip = end ? head + 1 : 0;
    const char *body = (const char *)data + skip;
    struct notes whole, pieces, bytes;
    if (size > 256 * 1024)
        return 0;
    setenv("OPENAI_API_KEY", "sk-fuzz", 1);
    read_pieces(&whole, NULL, 0, body, size - skip);
    read_pieces(&pieces, data, head, body, size - skip);
    read_pieces(&bytes, single, 1, body, size - skip);
    check_same(&whole, &pieces);
    check_same(&whole, &bytes);
    if (whole.rc >= 0)
        check_request(&whole);
    notes_done(&whole);
    notes_done(&pieces);
    notes_done(&bytes);
    return 0;
}
