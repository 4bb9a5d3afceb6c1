/* What the fuzz targets of the codecs share: a reply is read whole, in pieces as the first line of the input says (each
 * letter is the length of a piece, in turn; a = 1), and byte by byte. However it comes, it says the same. */
#ifndef ORB_TESTS_FUZZ_MODEL_REPLY_H
#define ORB_TESTS_FUZZ_MODEL_REPLY_H

#include "fuzz/fuzz.h"
#include "model/failure.h"
#include "model/model.h"
#include "model/sse.h"

#define FUZZ_TEXT_MAX (256 * 1024 * 1024)

struct fuzz_reply {
    const struct orb_provider *provider;
    void *state;
    struct orb_buf events, deltas, text; /* as text; text: what was said */
    json_t *calls, *kept;                /* as a turn has them */
    struct orb_usage usage;
    struct orb_error err;
    int rc, finishes;
};

static inline int fuzz_is_own_id(const char *id)
{
    return id && strlen(id) == 29 && !strncmp(id, "call_", 5);
}

static inline void fuzz_note_call(struct fuzz_reply *r, const struct orb_delta *d)
{
    size_t index = (size_t)d->index, count = json_array_size(r->calls);
    ORB_ASSERT(d->index >= 0 && index <= count && d->text && (d->id || d->name || d->len));
    ORB_ASSERT(index < count || (d->id && *d->id)); /* what begins has an id */
    if (index == count)
        json_array_append_new(r->calls, json_pack("{s:s, s:s, s:s}", "id", d->id, "name", d->name ? d->name : "", "arguments", ""));
    json_t *call = json_array_get(r->calls, index), *arguments = json_object_get(call, "arguments");
    struct orb_buf b;
    orb_buf_init(&b, FUZZ_TEXT_MAX);
    orb_buf_add(&b, json_string_value(arguments), json_string_length(arguments));
    orb_buf_add(&b, d->text, d->len);
    json_object_set_new(call, "arguments", json_stringn(b.data ? b.data : "", b.len));
    orb_buf_done(&b);
    if (d->id)
        json_object_set_new(call, "id", json_string(d->id));
    if (d->name)
        json_object_set_new(call, "name", json_string(d->name));
    /* An id of ours is another one each time. */
    orb_buf_printf(&r->deltas, "%d %s %s ", d->index, fuzz_is_own_id(d->id) ? "own" : d->id ? d->id : "-", d->name ? d->name : "-");
}

static inline void fuzz_note_delta(void *arg, const struct orb_delta *d)
{
    struct fuzz_reply *r = arg;
    ORB_ASSERT(!r->finishes);
    orb_buf_printf(&r->deltas, "%d ", (int)d->type);
    switch (d->type) {
    case ORB_DELTA_TOOL_CALL:
        fuzz_note_call(r, d);
        /* fall through */
    case ORB_DELTA_TEXT:
    case ORB_DELTA_REASONING:
        ORB_ASSERT(orb_utf8_is_valid(d->text, d->len));
        ORB_ASSERT(d->type == ORB_DELTA_TOOL_CALL || d->len);
        orb_buf_add(&r->deltas, d->text, d->len);
        if (d->type == ORB_DELTA_TEXT)
            orb_buf_add(&r->text, d->text, d->len);
        break;
    case ORB_DELTA_USAGE:
        r->usage = d->usage;
        ORB_ASSERT(r->usage.input_tokens >= 0 && r->usage.output_tokens >= 0 && r->usage.total_tokens >= 0);
        ORB_ASSERT(r->usage.cached_tokens >= 0 && r->usage.cache_write_tokens >= 0 && r->usage.reasoning_tokens >= 0);
        orb_buf_printf(&r->deltas, "%lld %lld %lld", (long long)d->usage.input_tokens, (long long)d->usage.output_tokens, (long long)d->usage.total_tokens);
        break;
    case ORB_DELTA_KEEP:
        ORB_ASSERT(json_is_object(d->keep));
        orb_json_dump(&r->deltas, d->keep);
        json_array_append(r->kept, d->keep);
        break;
    case ORB_DELTA_FINISH:
        ORB_ASSERT(d->finish != ORB_FINISH_STOP || !json_array_size(r->calls));
        orb_buf_printf(&r->deltas, "%d", (int)d->finish);
        r->finishes++;
        break;
    }
    orb_buf_char(&r->deltas, '\n');
}

static inline void fuzz_note_event(struct orb_buf *b, const char *event, const char *data, size_t len)
{
    orb_buf_printf(b, "[%s|", event);
    orb_buf_add(b, data, len);
    orb_buf_char(b, ']');
}

/* All events are noted; the codec reads until it has had enough. */
static inline int fuzz_on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct fuzz_reply *r = arg;
    fuzz_note_event(&r->events, event, data, len);
    if (!r->rc)
        r->rc = r->provider->codec->data(r->provider, r->state, event, data, len, fuzz_note_delta, r, &r->err);
    return 0;
}

/* In pieces whose lengths go round; a round of zeros alone ends with the rest at once. */
static inline void fuzz_feed(struct fuzz_reply *r, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    struct orb_sse sse;
    size_t at = 0, turn = 0, idle = 0;
    orb_sse_init(&sse);
    while (at < len) {
        size_t size = count ? sizes[turn++ % count] & 31 : len;
        idle = size ? 0 : idle + 1;
        if (size > len - at || idle > count)
            size = len - at;
        char *piece = malloc(size ? size : 1); /* exact: a sanitizer sees what is read beyond */
        ORB_ASSERT(piece);
        memcpy(piece, body + at, size);
        ORB_ASSERT(!orb_sse_feed(&sse, piece, size, fuzz_on_event, r));
        free(piece);
        at += size;
    }
    ORB_ASSERT(!orb_sse_end(&sse, fuzz_on_event, r));
    orb_sse_done(&sse);
}

static inline void fuzz_reply_read(struct fuzz_reply *r, const struct orb_provider *provider, const uint8_t *sizes, size_t count, const char *body, size_t len)
{
    const struct orb_codec *codec = provider->codec;
    *r = (struct fuzz_reply){ .provider = provider, .state = orb_alloc(codec->state_size), .calls = json_array(), .kept = json_array() };
    orb_buf_init(&r->events, FUZZ_TEXT_MAX);
    orb_buf_init(&r->deltas, FUZZ_TEXT_MAX);
    orb_buf_init(&r->text, FUZZ_TEXT_MAX);
    fuzz_feed(r, sizes, count, body, len);
    int is_ending = !r->rc && codec->is_ending && codec->is_ending(r->state);
    if (!r->rc)
        r->rc = codec->end(r->state, fuzz_note_delta, r, &r->err);
    ORB_ASSERT(!is_ending || !r->rc); /* whose last word was said is complete */
    if (r->rc < 0)
        fuzz_check_error(r->rc, &r->err);
    ORB_ASSERT(r->rc < 0 || r->finishes == 1);
    ORB_ASSERT(r->err.retry_after_ms >= 0);
}

static inline int fuzz_is_same(const struct orb_buf *a, const struct orb_buf *b)
{
    return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static inline void fuzz_reply_done(struct fuzz_reply *r)
{
    if (r->provider->codec->done)
        r->provider->codec->done(r->state);
    free(r->state);
    orb_buf_done(&r->events);
    orb_buf_done(&r->deltas);
    orb_buf_done(&r->text);
    json_decref(r->calls);
    json_decref(r->kept);
}

/* check: of the reply read whole, and of the body. The same bytes also come as a refusal. */
static inline int fuzz_reply(const struct orb_provider *provider, const uint8_t *data, size_t size,
                             void (*check)(const struct fuzz_reply *reply, const char *body, size_t len))
{
    static const uint8_t single[] = { 1 };
    static const int statuses[] = { 200, 400, 401, 404, 413, 429, 500, 529 };
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t head = end ? (size_t)(end - data) : 0, skip = end ? head + 1 : 0;
    const char *body = (const char *)data + skip;
    struct fuzz_reply whole, other;
    if (size > ORB_SSE_EVENT_MAX)
        return 0;
    fuzz_reply_read(&whole, provider, NULL, 0, body, size - skip);
    for (int i = 0; i < 2; i++) {
        fuzz_reply_read(&other, provider, i ? single : data, i ? 1 : head, body, size - skip);
        ORB_ASSERT(fuzz_is_same(&whole.events, &other.events) && fuzz_is_same(&whole.deltas, &other.deltas));
        ORB_ASSERT(whole.rc == other.rc && !strcmp(whole.err.text, other.err.text));
        fuzz_reply_done(&other);
    }
    check(&whole, body, size - skip);
    fuzz_reply_done(&whole);
    for (size_t i = 0; i < ORB_COUNT(statuses); i++) {
        struct orb_error err = { 0 };
        fuzz_check_error(orb_failure_body(provider, statuses[i], body, size - skip, &err), &err);
        ORB_ASSERT(err.retry_after_ms >= 0);
    }
    return 0;
}

#endif
