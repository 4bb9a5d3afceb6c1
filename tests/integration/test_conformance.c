/* Every provider does the same with the same: how replies come, and how they fail. Real HTTP, against the fake provider,
 * which rejects what the real APIs reject. The providers are the rows of tests/support/provider.c; what is asked of them is
 * in test_conformance_turns.c. */
#include "base/base.h"
#include "model/token.h"
#include "support/provider.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define row test_provider
#define expect test_provider_expect

/* ---- what comes ---- */

/* The path has a * for the model. */
static void expect_path(const char *path)
{
    const char *star = strchr(row->path, '*');
    size_t before = star ? (size_t)(star - row->path) : strlen(row->path), after = star ? strlen(star + 1) : 0, len = strlen(path);
    if (len < before + after || strncmp(path, row->path, before) || (star ? strcmp(path + len - after, star + 1) : len != before))
        fail_msg("%s: it asked %s, expected %s", row->name, path, row->path);
}

static void text(void)
{
    struct test_probe p = { 0 };
    test_provider_call(&p, "fake?echo=1", NULL);
    assert_string_equal(test_probe_text(&p.text), "hi there");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    assert_true(p.usages > 0);
    assert_int_equal(p.usage.input_tokens, 9);
    assert_int_equal(p.usage.output_tokens, 2);
    assert_int_equal(p.usage.total_tokens, 11);
    assert_int_equal(p.usage.cached_tokens, 4);
    test_probe_done(&p);
    json_t *request = test_fake_request(&test_provider_fake, "fake?echo=1");
    expect_path(json_string_value(json_object_get(request, "path")));
    json_decref(request);
}

static void unicode(void)
{
    static const char wanted[] = "gr\u00fc\u00dfe \U0001F600 \u65e5\u672c e\u0301 \"quoted\" \\ tab";
    char script[256] = "fake?dribble=1&text=";
    for (const unsigned char *c = (const unsigned char *)wanted; *c; c++)
        sprintf(script + strlen(script), "%%%02x", *c);
    expect(script, 0, wanted, NULL);
}

static void reasoning(void)
{
    struct test_probe p = { 0 };
    char script[128];
    snprintf(script, sizeof(script), "fake?tokens=3&%s", row->reasoning);
    test_provider_call(&p, script, NULL);
    assert_string_equal(test_probe_text(&p.text), "w1 w2 w3");
    assert_int_equal(strncmp(test_probe_text(&p.reasoning), "hm ", 3), 0);
    test_probe_done(&p);
}

/* They are part of the output. */
static void reasoning_tokens(void)
{
    struct test_probe p = { 0 };
    char script[128];
    snprintf(script, sizeof(script), "fake?tokens=3&%s", row->reasoning);
    test_provider_call(&p, script, NULL);
    assert_int_equal(p.usage.reasoning_tokens, row->reasoning_tokens);
    assert_int_equal(p.usage.output_tokens, 3 + row->reasoning_tokens);
    assert_int_equal(p.usage.total_tokens, 12 + row->reasoning_tokens);
    test_probe_done(&p);
}

static void expect_finish(const char *script, enum orb_finish finish)
{
    struct test_probe p = { 0 };
    test_provider_call(&p, script, NULL);
    if (p.finish != finish)
        fail_msg("%s:%s: finish %d, expected %d", row->name, script, (int)p.finish, (int)finish);
    assert_string_equal(test_probe_text(&p.text), "w1 w2");
    test_probe_done(&p);
}

static void finish_reasons(void)
{
    expect_finish("fake?tokens=2", ORB_FINISH_STOP);
    expect_finish("fake?tokens=2&finish=length", ORB_FINISH_LENGTH);
    expect_finish("fake?tokens=2&finish=content_filter", ORB_FINISH_FILTER);
}

static void a_refusal(void)
{
    if (row->flags & TEST_BLOCKS)
        expect("fake?tokens=2&refusal=1", ORB_E_MODEL_FILTER, "", "word it differently");
    else
        expect_finish("fake?tokens=2&refusal=1", ORB_FINISH_FILTER);
}

static void how_a_body_may_come(void)
{
    static const char *const ways[] = { "split=1", "dribble=1&comment=1", "split=3&crlf=1", "split=2&crlf=2", "comment=1&crlf=1", "multiline=1&split=5",
                                        "noblank=1", "nousage=1", "rate=200&first=20" };
    for (size_t i = 0; i < ORB_COUNT(ways); i++) {
        char script[128];
        snprintf(script, sizeof(script), "fake?tokens=4&%s", ways[i]);
        expect(script, 0, "w1 w2 w3 w4", NULL);
    }
}

/* Every write ends after so many bytes: in the middle of all that there is. */
static void split_at_every_size(void)
{
    for (int size = 1; size <= 64; size++) {
        struct test_probe p = { 0 };
        char script[160];
        snprintf(script, sizeof(script), "fake?tool=add&args={\"x\":1}&crlf=%d&split=%d&%s", size % 3, size, row->reasoning);
        test_provider_call(&p, script, NULL);
        json_t *args = json_loads(test_probe_text(&p.args[0]), 0, NULL);
        if (p.calls != 1 || json_integer_value(json_object_get(args, "x")) != 1 || strncmp(test_probe_text(&p.reasoning), "hm ", 3) || p.usage.input_tokens != 9)
            fail_msg("%s:%s: %d calls, arguments '%s', reasoning '%s'", row->name, script, p.calls, test_probe_text(&p.args[0]), test_probe_text(&p.reasoning));
        json_decref(args);
        test_probe_done(&p);
    }
}

/* ---- what fails ---- */

static void broken_streams(void)
{
    expect("fake?tokens=5&cut=0", ORB_E_MODEL_TRUNCATED, "", "127.0.0.1:");
    expect("fake?tokens=5&cut=2", ORB_E_MODEL_TRUNCATED, "w1 w2 ", "try again");
    expect("fake?tokens=5&reset=2", ORB_E_MODEL_NETWORK, NULL, "try again");
    expect("fake?tokens=5&nodone=1&nofinish=1", ORB_E_MODEL_TRUNCATED, "w1 w2 w3 w4 w5", "try again");
    setenv("ORBITER_MODEL_TIMEOUT", "1", 1);
    expect("fake?tokens=9&stall=1", ORB_E_MODEL_TIMEOUT, "w1 ", "sent nothing for 1 s");
    unsetenv("ORBITER_MODEL_TIMEOUT");
}

static void an_error_inside_a_200(void)
{
    char script[128];
    snprintf(script, sizeof(script), "fake?tokens=5&error_at=1&message=slow+down+$KEY&%s", row->error);
    expect(script, ORB_E_MODEL_RATE, "w1 ", "slow down");
    expect("fake?error_at=0&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("fake?error_at=0&message=boom&errtop=1", ORB_E_MODEL_SERVER, "", "boom");
}

static void refusals(void)
{
    char words[64];
    snprintf(words, sizeof(words), "check %s on the worker", row->key_env);
    orb_token_forget(&orb_provider_vertex); /* a token that was kept is tried anew first */
    expect("fake?status=401&message=bad+key+$KEY!", ORB_E_MODEL_AUTH, "", "bad key ***!");
    expect("fake?status=401", ORB_E_MODEL_AUTH, "", words);
    expect("fake?status=403", ORB_E_MODEL_PERMISSION, "", "HTTP 403");
    expect("fake?status=404", ORB_E_MODEL_NOT_FOUND, "", row->base_env ? row->base_env : "check the model's name");
    expect("fake?status=500", ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect("fake?status=503", ORB_E_MODEL_OVERLOADED, "", "HTTP 503");
    expect("fake?status=529", ORB_E_MODEL_OVERLOADED, "", "HTTP 529");
    expect("fake?status=502&html=1", ORB_E_MODEL_SERVER, "", "HTTP 502: a web page instead of JSON: 502 Bad Gateway");
    expect("fake?plain=1", ORB_E_MODEL_SERVER, "", "event stream");
    snprintf(words, sizeof(words), "fake?fails=1&status=500&tokens=1&message=%s", row->name); /* the fake counts equal requests */
    expect(words, ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect(words, 0, "w1", NULL);
}

/* The advice names the key that was used. */
static void another_key(void)
{
    char words[64];
    unsetenv(row->key_env);
    setenv(row->other_env, TEST_PROBE_KEY, 1);
    snprintf(words, sizeof(words), "check %s on the worker", row->other_env);
    expect("fake?tokens=2", 0, "w1 w2", NULL);
    expect("fake?status=401&message=bad+key+$KEY!", ORB_E_MODEL_AUTH, "", words);
    unsetenv(row->other_env);
}

static void context_overflow(void)
{
    char script[128];
    snprintf(script, sizeof(script), "fake?%s", row->overflow);
    expect(script, ORB_E_MODEL_CONTEXT, "", "shorten the input or the history");
}

static void quota(void)
{
    char script[128];
    snprintf(script, sizeof(script), "fake?%s", row->quota);
    expect(script, ORB_E_MODEL_QUOTA, "", "check the account's plan and billing");
}

static void expect_wait(const char *script, int64_t from_ms, int64_t to_ms)
{
    struct test_probe p = { 0 };
    test_provider_start(&p, script, NULL);
    test_provider_wait(&p);
    assert_int_equal(p.code, ORB_E_MODEL_RATE);
    if (p.err.retry_after_ms < from_ms || p.err.retry_after_ms > to_ms)
        fail_msg("%s:%s: it waits %lld ms", row->name, script, (long long)p.err.retry_after_ms);
    test_probe_done(&p);
}

static void rate_limits(void)
{
    expect_wait("fake?status=429", 0, 0);
    expect_wait("fake?status=429&retry_after=2", 2000, 2000);
}

static void rate_limit_headers(void)
{
    char script[128];
    snprintf(script, sizeof(script), "fake?status=429&%s", row->limit);
    expect_wait(script, 300000, 360000);
    snprintf(script, sizeof(script), "fake?status=429&retry_after_ms=30&%s", row->limit);
    expect_wait(script, 30, 30);
}

/* ---- what no server should do ---- */

static const struct {
    const char *name;
    int code;
    const char *words;
} bad[] = {
    { "nothing", ORB_E_MODEL_NETWORK, "no reply from 127.0.0.1:" },
    { "no_http", ORB_E_MODEL_NETWORK, "no reply from 127.0.0.1:" },
    { "status", ORB_E_MODEL_NETWORK, "no reply from 127.0.0.1:" },
    { "head", ORB_E_MODEL_NETWORK, "its headers are over 262144 bytes" },
    { "header", ORB_E_MODEL_NETWORK, "its headers are over 262144 bytes" },
    { "continue", ORB_E_MODEL_NETWORK, "its headers are over 262144 bytes" },
    { "hints", ORB_E_MODEL_NETWORK, "its headers are over 262144 bytes" },
    { "switch", ORB_E_MODEL_SERVER, "HTTP 101" },
    { "trailers", ORB_E_MODEL_NETWORK, "its headers are over 262144 bytes" },
    { "chunk", ORB_E_MODEL_NETWORK, "ended before the reply was complete" },
    { "short", ORB_E_MODEL_TRUNCATED, "ended before the reply was complete" },
    { "redirect", ORB_E_CONFIG, "redirects to 'http://127.0.0.1:1/elsewhere' (HTTP 307)" },
    { "gzip", ORB_E_MODEL_SERVER, "compressed its reply" },
    { "page", ORB_E_MODEL_SERVER, "did not answer with an event stream" },
    { "blob", ORB_E_MODEL_SERVER, "did not answer with an event stream" },
    { "garbage", ORB_E_MODEL_TRUNCATED, "ended before the reply was complete" },
    { "line", ORB_E_TOO_LARGE, "an event over 1048576 bytes" },
    { "event", ORB_E_TOO_LARGE, "an event over 1048576 bytes" },
    { "deep", ORB_E_PROTOCOL, "nested deeper than the limit" },
    { "values", ORB_E_PROTOCOL, "more values than the limit" },
    { "last_event", ORB_E_TOO_LARGE, "an event over 1048576 bytes" },
    { "last_line", ORB_E_TOO_LARGE, "an event over 1048576 bytes" },
};

/* A clear error, little memory, and the next call goes well. (A sanitizer has an allocator of its own: there the memory
 * is not seen.) */
static void bad_servers(void)
{
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        struct test_probe p = { 0 };
        char script[64];
        size_t before = mallinfo2().uordblks, most = before;
        int64_t deadline = test_now_ms() + test_patience(20000);
        snprintf(script, sizeof(script), "fake?bad=%s", bad[i].name);
        test_provider_start(&p, script, NULL);
        while (!p.done && test_now_ms() < deadline) {
            assert_int_equal(orb_loop_turn(test_provider_loop, 100), 0);
            if (mallinfo2().uordblks > most)
                most = mallinfo2().uordblks;
        }
        if (!p.done || p.code != bad[i].code || !strstr(p.err.text, bad[i].words))
            fail_msg("%s:%s: %d '%s', expected %d '%s'", row->name, script, p.code, p.err.text, bad[i].code, bad[i].words);
        if (most > before + 4 * 1024 * 1024)
            fail_msg("%s:%s takes %zu bytes", row->name, script, most - before);
        test_probe_done(&p);
        expect("fake?tokens=2", 0, "w1 w2", NULL);
    }
}

/* A stream without end leaves nothing behind, and a cancel ends it. (A sanitizer has an allocator of its own: there it
 * is only the latter.) */
static void endless(void)
{
    struct test_probe p = { .limit = 10000, .is_quiet = 1 };
    test_provider_start(&p, "fake?endless=1&rate=100000", NULL);
    while (p.deltas < 100)
        assert_int_equal(orb_loop_turn(test_provider_loop, 100), 0);
    size_t before = mallinfo2().uordblks;
    test_provider_wait(&p);
    size_t after = mallinfo2().uordblks;
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_int_equal(p.deltas, 10000);
    if (after > before + 256 * 1024)
        fail_msg("%s: a stream without end takes memory: %zu bytes after 100 deltas, %zu after 10,000", row->name, before, after);
    test_probe_done(&p);
}

static void a_cancel_closes_the_connection(void)
{
    struct test_probe p = { 0 };
    char script[64];
    snprintf(script, sizeof(script), "fake?tokens=9&stall=3&type=%s", row->name); /* a name of its own in the ledger */
    test_provider_start(&p, script, NULL);
    while (p.text.len < 9) {
        if (p.done)
            fail_msg("%s: %s", row->name, p.err.text);
        assert_int_equal(orb_loop_turn(test_provider_loop, 100), 0);
    }
    orb_model_stream_cancel(p.stream);
    json_t *end = test_fake_wait_end(&test_provider_fake, script, 10000); /* before the loop has turned again */
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
    test_provider_wait(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_string_equal(p.text.data, "w1 w2 w3 ");
    test_probe_done(&p);
}

int main(int argc, char **argv)
{
    static const struct test_behaviour behaviours[] = {
#define ROW(f) { #f, f }
        ROW(text), ROW(unicode), ROW(reasoning), ROW(reasoning_tokens), ROW(finish_reasons), ROW(a_refusal), ROW(how_a_body_may_come),
        ROW(split_at_every_size), ROW(broken_streams), ROW(an_error_inside_a_200), ROW(refusals), ROW(another_key), ROW(context_overflow), ROW(quota), ROW(rate_limits),
        ROW(rate_limit_headers), ROW(bad_servers), ROW(endless), ROW(a_cancel_closes_the_connection),
#undef ROW
    };
    return test_provider_run(behaviours, ORB_COUNT(behaviours), argc, argv);
}
