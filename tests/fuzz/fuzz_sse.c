/* A reply of a provider: server-sent events, and the chunks in them. The first
 * line says how the body comes: each letter is the length of a piece, in turn (a = 1). However
 * it comes, it says the same. */
#include "fuzz/fuzz.h"
#include "model/openai.h"
#include "model/failure.h"
#include "model/sse.h"

struct notes {
    struct orb_buf events, deltas;
    struct orb_openai_state state;
    struct orb_error err;
    int rc, finishes;
};

static void note_delta(void *arg, const struct orb_delta *d)
{
    struct notes *n = arg;
    ORB_ASSERT(!n->finishes);
    orb_buf_printf(&n->deltas, "%d ", (int)d->type);
    switch (d->type) {
    case ORB_DELTA_TOOL_CALL:
        ORB_ASSERT(d->index >= 0 && (size_t)d->index < n->state.count && d->text);
        ORB_ASSERT(d->id || d->name || d->len);
        /* An id of ours is another one each time. */
        orb_buf_printf(&n->deltas, "%d %s %s ", d->index, n->state.slots[d->index].is_own_id ? "own" : d->id ? d->id : "-", d->name ? d->name : "-");
        /* fall through */
    case ORB_DELTA_TEXT:
    case ORB_DELTA_REASONING:
        ORB_ASSERT(orb_utf8_is_valid(d->text, d->len));
        ORB_ASSERT(d->type == ORB_DELTA_TOOL_CALL || d->len);
        orb_buf_add(&n->deltas, d->text, d->len);
        break;
    case ORB_DELTA_USAGE:
        ORB_ASSERT(d->usage.input_tokens >= 0 && d->usage.output_tokens >= 0 && d->usage.total_tokens >= 0);
        orb_buf_printf(&n->deltas, "%lld %lld %lld", (long long)d->usage.input_tokens, (long long)d->usage.output_tokens,
                       (long long)d->usage.total_tokens);
        break;
    case ORB_DELTA_KEEP:
        ORB_ASSERT(json_is_object(d->keep));
        orb_json_dump(&n->deltas, d->keep);
        break;
    case ORB_DELTA_FINISH:
        ORB_ASSERT(d->finish != ORB_FINISH_STOP || !n->state.count);
        orb_buf_printf(&n->deltas, "%d", (int)d->finish);
        n->finishes++;
        break;
    }
    orb_buf_char(&n->deltas, '\n');
}

static void note_event(struct orb_buf *b, const char *event, const char *data, size_t len)
{
    orb_buf_printf(b, "[%s|", event);
    orb_buf_add(b, data, len);
    orb_buf_char(b, ']');
}

/* All events are noted; the chunks are read until the reader has had enough. */
static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct notes *n = arg;
    note_event(&n->events, event, data, len);
    if (!n->rc)
        n->rc = orb_openai_data(&orb_provider_openai, &n->state, event, data, len, note_delta, n, &n->err);
    return 0;
}

static void notes_init(struct notes *n)
{
    *n = (struct notes){ 0 };
    orb_buf_init(&n->events, 64 * 1024 * 1024);
    orb_buf_init(&n->deltas, 64 * 1024 * 1024);
}

static void notes_done(struct notes *n)
{
    orb_openai_done(&n->state);
    orb_buf_done(&n->events);
    orb_buf_done(&n->deltas);
}

static void finish(struct notes *n)
{
    if (!n->rc)
        n->rc = orb_openai_end(&n->state, note_delta, n, &n->err);
    if (n->rc < 0)
        fuzz_check_error(n->rc, &n->err);
    ORB_ASSERT(n->rc < 0 || n->finishes == 1);
}

static void read_pieces(struct notes *n, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    struct orb_sse sse;
    size_t at = 0, turn = 0, idle = 0;
    notes_init(n);
    orb_sse_init(&sse);
    while (at < len) {
        size_t size = count ? sizes[turn++ % count] & 31 : len;
        idle = size ? 0 : idle + 1;
        if (size > len - at || idle > count)
            size = len - at;
        char *piece = malloc(size ? size : 1); /* exact: a sanitizer sees what is read beyond */
        ORB_ASSERT(piece);
        memcpy(piece, body + at, size);
        ORB_ASSERT(!orb_sse_feed(&sse, piece, size, on_event, n));
        free(piece);
        at += size;
    }
    ORB_ASSERT(!orb_sse_end(&sse, on_event, n));
    orb_sse_done(&sse);
    finish(n);
}

static void check_same(const struct notes *a, const struct notes *b)
{
    ORB_ASSERT(a->events.len == b->events.len && !memcmp(a->events.data ? a->events.data : "", b->events.data ? b->events.data : "", a->events.len));
    ORB_ASSERT(a->deltas.len == b->deltas.len && !memcmp(a->deltas.data ? a->deltas.data : "", b->deltas.data ? b->deltas.data : "", a->deltas.len));
    ORB_ASSERT(a->rc == b->rc && !strcmp(a->err.text, b->err.text));
}

/* The same events by the letter of the standard, from the whole text at once. */
struct model {
    struct orb_buf *out, data;
    char event[64];
};

static int has_name(const char *line, size_t name_len, const char *name)
{
    return name_len == strlen(name) && !memcmp(line, name, name_len);
}

static void model_line(struct model *m, const char *line, size_t len)
{
    if (!len) {
        if (m->data.len)
            note_event(m->out, m->event, m->data.data, m->data.len - 1);
        orb_buf_reset(&m->data);
        m->event[0] = '\0';
        return;
    }
    size_t name_len = 0;
    while (name_len < len && line[name_len] != ':')
        name_len++;
    size_t from = name_len < len ? name_len + 1 : len;
    if (from < len && line[from] == ' ')
        from++;
    if (has_name(line, name_len, "data")) {
        orb_buf_add(&m->data, line + from, len - from);
        orb_buf_char(&m->data, '\n');
    } else if (has_name(line, name_len, "event")) {
        size_t n = len - from < sizeof m->event - 1 ? len - from : sizeof m->event - 1;
        memcpy(m->event, line + from, n);
        m->event[n] = '\0';
    }
}

static void check_model(const struct notes *n, const char *body, size_t len)
{
    struct orb_buf out;
    struct model m = { .out = &out };
    size_t from = len >= 3 && !memcmp(body, "\xef\xbb\xbf", 3) ? 3 : 0;
    orb_buf_init(&out, 64 * 1024 * 1024);
    orb_buf_init(&m.data, 64 * 1024 * 1024);
    for (size_t at = from; at < len; at++) {
        if (body[at] != '\n' && body[at] != '\r')
            continue;
        model_line(&m, body + from, at - from);
        if (body[at] == '\r' && at + 1 < len && body[at + 1] == '\n')
            at++;
        from = at + 1;
    }
    if (from < len)
        model_line(&m, body + from, len - from);
    model_line(&m, "", 0);
    ORB_ASSERT(out.len == n->events.len && !memcmp(out.data ? out.data : "", n->events.data ? n->events.data : "", out.len));
    orb_buf_done(&m.data);
    orb_buf_done(&out);
}

/* The same bytes as a reply that is none of events. */
static void check_refusal(const char *body, size_t len)
{
    static const int statuses[] = { 200, 400, 401, 404, 429, 500, 529 };
    for (size_t i = 0; i < ORB_COUNT(statuses); i++) {
        struct orb_error err = { 0 };
        int rc = orb_failure_body(&orb_provider_openai, statuses[i], body, len, &err);
        fuzz_check_error(rc, &err);
        ORB_ASSERT(err.retry_after_ms >= 0);
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
    check_model(&whole, body, size - skip);
    notes_done(&whole);
    notes_done(&pieces);
    notes_done(&bytes);
    check_refusal(body, size - skip);
    return 0;
}
