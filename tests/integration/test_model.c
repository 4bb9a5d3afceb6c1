/* Model calls over real HTTP, against the fake provider. */
#include "base/base.h"
#include "model/call.h"
#include "support/fake.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct orb_loop *loop;

/* One call and what came of it. */
struct probe {
    struct orb_model_stream *stream;
    struct orb_buf text, calls;
    int deltas, finishes, done, code, cancel_at;
    struct orb_usage usage;
    enum orb_finish finish;
    struct orb_error err;
    int64_t done_at_ms;
};

static void on_delta(void *arg, const struct orb_delta *d)
{
    struct probe *p = arg;
    assert_int_equal(p->done, 0);
    assert_true(p->cancel_at == 0 || p->deltas < p->cancel_at); /* none after a cancel */
    p->deltas++;
    if (d->type == ORB_DELTA_TEXT)
        orb_buf_add(&p->text, d->text, d->len);
    if (d->type == ORB_DELTA_TOOL_CALL) {
        if (d->name)
            orb_buf_printf(&p->calls, "%s%d:%s", p->calls.len ? " " : "", d->index, d->name);
        orb_buf_add(&p->calls, d->text, d->len);
    }
    if (d->type == ORB_DELTA_USAGE)
        p->usage = d->usage;
    if (d->type == ORB_DELTA_FINISH) {
        p->finish = d->finish;
        p->finishes++;
    }
    if (p->deltas == p->cancel_at)
        orb_model_stream_cancel(p->stream);
}

static void on_done(void *arg, int code, const struct orb_error *err)
{
    struct probe *p = arg;
    p->done++;
    p->code = code;
    assert_non_null(err);
    p->err = *err;
    p->done_at_ms = test_now_ms();
}

static const struct orb_model_callbacks callbacks = { on_delta, on_done };

static int start(struct probe *p, const char *model, const char *messages, struct orb_error *err)
{
    struct orb_model_call call = { .temperature = 1.0 };
    int cancel_at = p->cancel_at;
    memset(p, 0, sizeof(*p));
    p->cancel_at = cancel_at;
    orb_buf_init(&p->text, 1 << 24);
    orb_buf_init(&p->calls, 1 << 24);
    call.messages = json_loads(messages, 0, NULL);
    assert_non_null(call.messages);
    int rc = orb_model_stream_start(loop, model, &call, &callbacks, p, &p->stream, err);
    json_decref(call.messages);
    assert_int_equal(p->done + p->deltas, 0); /* nothing runs inside the start */
    return rc;
}

static void wait_done(struct probe *p)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (!p->done) {
        if (test_now_ms() > deadline)
            fail_msg("the call does not end");
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
    assert_int_equal(p->done, 1);
}

static void wait_deltas(struct probe *p, int count)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (p->deltas < count) {
        if (p->done || test_now_ms() > deadline)
            fail_msg("only %d deltas came, done %d: %s", p->deltas, p->done, p->err.text);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
}

static void probe_done(struct probe *p)
{
    orb_buf_done(&p->text);
    orb_buf_done(&p->calls);
}

#define USER "[{\"role\":\"user\",\"content\":\"hi there\"}]"

/* Runs to the end and expects this. text NULL: not looked at. */
static void expect(const char *model, int code, const char *text, const char *words)
{
    struct probe p = { 0 };
    struct orb_error err = { 0 };
    assert_int_equal(start(&p, model, USER, &err), 0);
    wait_done(&p);
    const char *got = p.text.data ? p.text.data : "";
    if (p.code != code || (text && strcmp(got, text) != 0) || (words && !strstr(p.err.text, words)))
        fail_msg("%s: code %d '%s', expected %d '%s'; text '%s', expected '%s'", model, p.code, p.err.text, code,
                 words ? words : "", got, text ? text : "");
    assert_int_equal(p.finishes, code == 0);
    probe_done(&p);
}

static void expect_end(const char *model, const char *reason)
{
    json_t *end = test_fake_wait_end(&fake, model, 10000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), reason);
    json_decref(end);
}

static int setup(void **state)
{
    (void)state;
    setenv("OPENAI_API_KEY", "sk-secret-key-123", 1);
    setenv("OPENAI_BASE_URL", fake.url, 1);
    unsetenv("ORBITER_MODEL_TIMEOUT");
    loop = orb_loop_new();
    assert_non_null(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    orb_loop_free(loop);
    return 0;
}

static void success(void **state)
{
    struct probe p = { 0 };
    (void)state;
    setenv("OPENAI_ORG_ID", "org-7", 1);
    assert_int_equal(start(&p, "openai:fake?echo=1", USER, NULL), 0);
    unsetenv("OPENAI_ORG_ID");
    wait_done(&p);
    assert_int_equal(p.code, 0);
    assert_string_equal(p.text.data, "hi there");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    assert_int_equal(p.usage.total_tokens, 11);
    probe_done(&p);
    json_t *request = test_fake_request(&fake, "fake?echo=1");
    assert_string_equal(json_string_value(json_object_get(request, "path")), "/v1/chat/completions");
    assert_string_equal(json_string_value(json_object_get(request, "authorization")), "Bearer sk-secret-key-123");
    assert_string_equal(json_string_value(json_object_get(request, "organization")), "org-7");
    assert_true(json_is_true(json_object_get(json_object_get(request, "body"), "stream")));
    json_decref(request);
    expect_end("fake?echo=1", "complete");
}

static void tolerances(void **state)
{
    static const char *const scripts[] = {
        "dribble=1", "split=3&crlf=1", "split=2&crlf=2", "split=7&comment=1", "multiline=1&split=5", "nodone=1", "nodone=1&noblank=1",
        "nofinish=1", "nousage=1", "usage_last=1", "nochoices=1", "prefilter=1", "deltanull=1", "reasoning=2", "hold=1",
        "rate=200&first=20",
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        char model[128];
        snprintf(model, sizeof(model), "openai:fake?tokens=4&%s", scripts[i]);
        expect(model, 0, "w1 w2 w3 w4", NULL);
    }
}

static void tool_calls(void **state)
{
    static const char *const scripts[] = { "", "&index0=1", "&noindex=1", "&noindex=1&noid=1", "&argsobj=1&args={\"input\":+\"hi+there\"}",
                                           "&repeat=1", "&stopfinish=1", "&noid=1", "&split=1" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        struct probe p = { 0 };
        char model[128];
        snprintf(model, sizeof(model), "openai:fake?tool=add&calls=2%s", scripts[i]);
        assert_int_equal(start(&p, model, USER, NULL), 0);
        wait_done(&p);
        assert_int_equal(p.code, 0);
        if (strcmp(p.calls.data, "0:add{\"input\": \"hi there\"} 1:add{\"input\": \"hi there\"}") != 0)
            fail_msg("%s: %s", model, p.calls.data);
        assert_int_equal(p.finish, ORB_FINISH_TOOL_CALLS);
        probe_done(&p);
    }
}

static void failures(void **state)
{
    (void)state;
    expect("openai:fake?tokens=5&cut=2", ORB_E_MODEL_TRUNCATED, "w1 w2 ", "127.0.0.1:");
    expect("openai:fake?tokens=5&reset=2", ORB_E_MODEL_NETWORK, NULL, "try again");
    expect("openai:fake?tokens=5&nodone=1&nofinish=1", ORB_E_MODEL_TRUNCATED, "w1 w2 w3 w4 w5", "try again");
    expect("openai:fake?tokens=5&error_at=1&code=rate_limit_exceeded&message=slow", ORB_E_MODEL_RATE, "w1 ", "slow");
    expect("openai:fake?error_at=0&errstr=1&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("openai:fake?status=502&html=1", ORB_E_MODEL_SERVER, "", "HTTP 502: a web page instead of JSON: 502 Bad Gateway");
    expect("openai:fake?plain=1", ORB_E_MODEL_SERVER, "", "event stream");
    expect("openai:fake?status=401&message=bad+key+$KEY!", ORB_E_MODEL_AUTH, "", "bad key ***!");
    expect("openai:fake?status=400&errtop=1&message=maximum+context+length+is+8", ORB_E_MODEL_CONTEXT, "", "is 8");
    expect("openai:fake?fails=1&status=500&tokens=1", ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect("openai:fake?fails=1&status=500&tokens=1", 0, "w1", NULL);
}

static void what_the_provider_says_about_trying_again(void **state)
{
    static const struct {
        const char *model;
        int code;
        int64_t ms;
    } cases[] = {
        { "openai:fake?status=429&retry_after=2", ORB_E_MODEL_RATE, 2000 },
        { "openai:fake?status=503&retry_after=2&retry_after_ms=150", ORB_E_MODEL_OVERLOADED, 150 },
        { "openai:fake?status=500", ORB_E_MODEL_SERVER, 0 },
        { "openai:fake?status=429&should_retry=0", ORB_E_MODEL_QUOTA, 0 },
        { "openai:fake?status=500&should_retry=0", ORB_E_MODEL_INVALID, 0 },
        { "openai:fake?status=400&should_retry=1", ORB_E_MODEL_SERVER, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        struct probe p = { 0 };
        assert_int_equal(start(&p, cases[i].model, USER, NULL), 0);
        wait_done(&p);
        if (p.code != cases[i].code || p.err.code != p.code || p.err.retry_after_ms != cases[i].ms)
            fail_msg("%s: code %d, retry after %lld", cases[i].model, p.code, (long long)p.err.retry_after_ms);
        probe_done(&p);
    }
}

static void a_cancel_closes_the_connection(void **state)
{
    struct probe p = { 0 };
    (void)state;
    assert_int_equal(start(&p, "openai:fake?tokens=9&stall=3", USER, NULL), 0);
    wait_deltas(&p, 3);
    int64_t at = test_now_ms();
    orb_model_stream_cancel(p.stream);
    orb_model_stream_cancel(p.stream);
    assert_int_equal(p.done, 0);
    expect_end("fake?tokens=9&stall=3", "client_closed"); /* before the loop has turned again */
    assert_true(test_now_ms() - at < test_patience(2000));
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_string_equal(p.text.data, "w1 w2 w3 ");
    probe_done(&p);

    p.cancel_at = 2; /* inside a delta */
    assert_int_equal(start(&p, "openai:fake?tokens=9&rate=100&stall=8", USER, NULL), 0);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_int_equal(p.deltas, 2);
    expect_end("fake?tokens=9&rate=100&stall=8", "client_closed");
    probe_done(&p);

    p.cancel_at = 0; /* before anything has happened */
    assert_int_equal(start(&p, "openai:fake?tokens=9", USER, NULL), 0);
    orb_model_stream_cancel(p.stream);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    probe_done(&p);
}

/* A delta of one stream cancels another one and starts a third: all of that
 * while curl is in the middle of the first. */
static struct probe victim, child;
static void meddle(void *arg, const struct orb_delta *d)
{
    struct probe *p = arg;
    p->deltas++;
    (void)d;
    if (p->deltas == 2) {
        orb_model_stream_cancel(victim.stream);
        assert_int_equal(start(&child, "openai:fake?text=born", USER, NULL), 0);
    }
}

static void streams_may_meddle_with_each_other(void **state)
{
    static const struct orb_model_callbacks meddling = { meddle, on_done };
    struct orb_model_call call = { .temperature = 1.0 };
    struct probe p = { 0 };
    (void)state;
    victim = child = p;
    assert_int_equal(start(&victim, "openai:fake?tokens=9&stall=1", USER, NULL), 0);
    wait_deltas(&victim, 1);
    call.messages = json_loads(USER, 0, NULL);
    assert_int_equal(orb_model_stream_start(loop, "openai:fake?tokens=3&rate=100", &call, &meddling, &p, &p.stream, NULL), 0);
    json_decref(call.messages);
    wait_done(&p);
    wait_done(&victim);
    wait_done(&child);
    assert_int_equal(p.code, 0);
    assert_int_equal(victim.code, ORB_E_CANCELLED);
    assert_int_equal(child.code, 0);
    assert_string_equal(child.text.data, "born");
    probe_done(&victim);
    probe_done(&child);
}

static void silence_times_out(void **state)
{
    (void)state;
    setenv("ORBITER_MODEL_TIMEOUT", "1", 1);
    expect("openai:fake?tokens=9&stall=1", ORB_E_MODEL_TIMEOUT, "w1 ", "sent nothing for 1 s");
    expect_end("fake?tokens=9&stall=1", "client_closed");
    expect("openai:fake?tokens=4&rate=2", 0, "w1 w2 w3 w4", NULL); /* slower than that in all, but never silent */
    setenv("ORBITER_MODEL_TIMEOUT", "soon", 1);
    struct probe p = { 0 };
    struct orb_error err = { 0 };
    assert_int_equal(start(&p, "openai:fake", USER, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "ORBITER_MODEL_TIMEOUT='soon'"));
}

static void what_fails_at_once(void **state)
{
    struct probe p = { 0 };
    struct orb_error err = { 0 };
    (void)state;
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    assert_int_equal(start(&p, "openai:gpt-4o", USER, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "OPENAI_API_KEY is not set"));
    assert_int_equal(start(&p, "nobody:x", USER, &err), ORB_E_MODEL_NOT_FOUND);
    assert_int_equal(start(&p, "sim:echo", USER, &err), ORB_E_MODEL_INVALID);
    assert_int_equal(orb_loop_turn(loop, 0), 0);
    assert_int_equal(p.done, 0);
}

static void nobody_listens(void **state)
{
    char url[64];
    (void)state;
    snprintf(url, sizeof(url), "http://me:pass@127.0.0.1:%d/v1", test_free_port());
    setenv("OPENAI_BASE_URL", url, 1);
    struct probe p = { 0 };
    assert_int_equal(start(&p, "openai:fake", USER, NULL), 0);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_MODEL_NETWORK);
    assert_non_null(strstr(p.err.text, "cannot reach 127.0.0.1:"));
    assert_null(strstr(p.err.text, "pass"));
    probe_done(&p);
    setenv("OPENAI_BASE_URL", "http://no-such-host.invalid/v1", 1);
    assert_int_equal(start(&p, "openai:fake", USER, NULL), 0);
    orb_model_stream_cancel(p.stream); /* while the name is being resolved */
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    probe_done(&p);
}

static int open_files(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void many_at_once(void **state)
{
    enum { STREAMS = 200 };
    struct probe *p = orb_alloc(STREAMS * sizeof(*p));
    int before = open_files();
    (void)state;
    for (int i = 0; i < STREAMS; i++)
        assert_int_equal(start(&p[i], "openai:fake?tokens=40&rate=50&first=100", USER, NULL), 0);
    for (int i = 0; i < STREAMS; i++) {
        wait_done(&p[i]);
        if (p[i].code)
            fail_msg("stream %d: %s", i, p[i].err.text);
        assert_int_equal(p[i].usage.output_tokens, 40);
        assert_int_equal(p[i].finishes, 1);
        probe_done(&p[i]);
    }
    free(p);
    orb_loop_free(loop); /* closes the connections kept for the next call */
    loop = orb_loop_new();
    assert_true(open_files() <= before + 1);
}

static void sim_on_the_loop(void **state)
{
    struct probe p = { 0 };
    (void)state;
    int64_t at = test_now_ms();
    expect("sim:tokens=5,rate=100,first=50", 0, "w1 w2 w3 w4 w5", NULL);
    assert_true(test_now_ms() - at >= 90);
    expect("sim:", 0, "hi there", NULL);
    expect("sim:error=overloaded@1", ORB_E_MODEL_OVERLOADED, "hi ", "sim");
    p.cancel_at = 2;
    assert_int_equal(start(&p, "sim:tokens=1000", USER, NULL), 0);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    probe_done(&p);
    p.cancel_at = 0;
    assert_int_equal(start(&p, "sim:delay=86400000", USER, NULL), 0);
    assert_int_equal(orb_loop_turn(loop, 10), 0);
    orb_model_stream_cancel(p.stream);
    assert_int_equal(p.done, 0);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    probe_done(&p);
}

static int group_setup(void **state)
{
    (void)state;
    test_fake_start(&fake);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    test_fake_stop(&fake);
    return fake.child.status;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success),
        TEST(tolerances),
        TEST(tool_calls),
        TEST(failures),
        TEST(what_the_provider_says_about_trying_again),
        TEST(a_cancel_closes_the_connection),
        TEST(streams_may_meddle_with_each_other),
        TEST(silence_times_out),
        TEST(what_fails_at_once),
        TEST(nobody_listens),
        TEST(many_at_once),
        TEST(sim_on_the_loop),
    };
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
