#include "support/reply.h"
#include "base/base.h"
#include "model/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *id_of(const char *id)
{
    return !id ? "" : strncmp(id, "call_", 5) == 0 && strlen(id) == 29 ? "own" : id;
}

static void note_usage(struct orb_buf *b, const struct orb_usage *u)
{
    orb_buf_printf(b, "U(%d,%d,%d", (int)u->input_tokens, (int)u->output_tokens, (int)u->total_tokens);
    if (u->cached_tokens || u->reasoning_tokens || u->cache_write_tokens)
        orb_buf_printf(b, ",%d,%d", (int)u->cached_tokens, (int)u->reasoning_tokens);
    if (u->cache_write_tokens)
        orb_buf_printf(b, ",%d", (int)u->cache_write_tokens);
    orb_buf_char(b, ')');
}

static void note(void *arg, const struct orb_delta *d)
{
    static const char *const finishes[] = { "stop", "tool_calls", "length", "filter" };
    struct orb_buf *b = arg;
    char *kept;
    switch (d->type) {
    case ORB_DELTA_TEXT:
    case ORB_DELTA_REASONING:
        assert_true(d->len > 0);
        orb_buf_str(b, d->type == ORB_DELTA_TEXT ? "T(" : "R(");
        orb_buf_add(b, d->text, d->len);
        orb_buf_char(b, ')');
        break;
    case ORB_DELTA_TOOL_CALL:
        assert_non_null(d->text);
        orb_buf_printf(b, "C%d(%s,%s,%.*s)", d->index, id_of(d->id), d->name ? d->name : "", (int)d->len, d->text);
        break;
    case ORB_DELTA_USAGE:
        note_usage(b, &d->usage);
        break;
    case ORB_DELTA_KEEP:
        kept = json_dumps(d->keep, JSON_COMPACT | JSON_SORT_KEYS);
        orb_buf_printf(b, "K%s", kept);
        free(kept);
        break;
    case ORB_DELTA_FINISH:
        orb_buf_printf(b, "F(%s)", finishes[d->finish]);
        break;
    }
}

/* ---- one reply ---- */

struct feed {
    const struct orb_provider *provider;
    void *state;
    struct test_reply *reply;
};

static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct feed *f = arg;
    return f->provider->codec->data(f->provider, f->state, event, data, len, note, &f->reply->notes, &f->reply->err);
}

void test_reply_read(struct test_reply *r, const struct orb_provider *provider, const char *text, size_t len, size_t step)
{
    const struct orb_codec *codec = provider->codec;
    struct feed f = { provider, orb_alloc(codec->state_size), r };
    struct orb_sse sse;
    int rc = 0;
    *r = (struct test_reply){ 0 };
    orb_buf_init(&r->notes, 1 << 24);
    orb_sse_init(&sse);
    for (size_t i = 0; i < len && rc == 0; i += step)
        rc = orb_sse_feed(&sse, text + i, len - i < step ? len - i : step, on_event, &f);
    if (rc == 0)
        rc = orb_sse_end(&sse, on_event, &f);
    if (rc == 0)
        rc = codec->end(f.state, note, &r->notes, &r->err);
    if (codec->done)
        codec->done(f.state);
    free(f.state);
    orb_sse_done(&sse);
    orb_buf_str(&r->notes, "");
    r->code = rc > 0 ? 0 : rc;
    assert_true(r->code == 0 || r->err.code == r->code);
}

void test_reply_done(struct test_reply *r)
{
    orb_buf_done(&r->notes);
}

static const char *notes_of(const struct test_reply *r)
{
    return r->notes.data ? r->notes.data : "";
}

/* ---- many ---- */

static void expect_reply(const struct orb_provider *provider, const struct test_reply_case *c, size_t step)
{
    struct test_reply r;
    test_reply_read(&r, provider, c->text, strlen(c->text), step);
    if (r.code != c->code || strcmp(notes_of(&r), c->notes) != 0 || (c->words && !strstr(r.err.text, c->words)))
        fail_msg("%s, in pieces of %zu: code %d (%s), expected %d; deltas\n  %s\nexpected\n  %s", c->name, step, r.code, r.err.text, c->code, notes_of(&r), c->notes);
    test_reply_done(&r);
}

void test_replies(const struct orb_provider *provider, const struct test_reply_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t step = 1; step <= 41; step++)
            expect_reply(provider, &cases[i], step < 41 ? step : 1 << 20);
}

void test_replies_cut(const struct orb_provider *provider, const struct test_reply_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t cut = 0; cut < strlen(cases[i].text); cut++) {
            struct test_reply r;
            test_reply_read(&r, provider, cases[i].text, cut, 7);
            assert_true(r.code == 0 || r.code == cases[i].code || r.code == ORB_E_MODEL_TRUNCATED || r.code == ORB_E_PROTOCOL);
            assert_int_equal(r.code == 0, strstr(notes_of(&r), "F(") != NULL);
            test_reply_done(&r);
        }
}

void test_reply_over(const struct orb_provider *provider, const char *text, size_t len, const char *words)
{
    struct test_reply r;
    test_reply_read(&r, provider, text, len, 65536);
    if (r.code != ORB_E_PROTOCOL || !strstr(r.err.text, words))
        fail_msg("code %d; '%s' is not in '%s'", r.code, words, r.err.text);
    test_reply_done(&r);
}

void test_refusals(const struct orb_provider *provider, const struct test_refusal *cases, size_t count, const char *secret)
{
    for (size_t i = 0; i < count; i++) {
        const struct test_refusal *c = &cases[i];
        struct orb_error err = { 0 };
        char *body = orb_memdup(c->body, strlen(c->body)); /* exact: a sanitizer sees what is read beyond */
        int rc = provider->codec->refusal(provider, c->status, body, strlen(body), &err);
        if (rc != c->code || err.code != rc || !strstr(err.text, c->words) || err.retry_after_ms != c->retry_ms)
            fail_msg("HTTP %d %s: code %d, expected %d; again in %lld ms; text '%s', expected in it '%s'", c->status, c->body, rc, c->code,
                     (long long)err.retry_after_ms, err.text, c->words);
        assert_null(strstr(err.text, secret));
        assert_null(strchr(err.text, '\x1b'));
        free(body);
    }
}
