/* Model calls over real HTTP, against the fake provider. */
#include "base/base.h"
#include "support/fake.h"
#include "support/probe.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct orb_loop *loop;

static void expect(const char *model, int code, const char *text, const char *words)
{
    test_probe_expect(loop, model, code, text, words);
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
    setenv("OPENAI_API_KEY", TEST_PROBE_KEY, 1);
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
    struct test_probe p = { 0 };
    (void)state;
    setenv("OPENAI_ORG_ID", "org-7", 1);
    test_probe_start(&p, loop, "openai:fake?echo=1", NULL);
    unsetenv("OPENAI_ORG_ID");
    test_probe_wait(&p, loop, "success");
    assert_int_equal(p.code, 0);
    assert_string_equal(p.text.data, "hi there");
    test_probe_done(&p);
    json_t *request = test_fake_request(&fake, "fake?echo=1");
    assert_string_equal(json_string_value(json_object_get(request, "path")), "/v1/chat/completions");
    assert_string_equal(json_string_value(json_object_get(request, "authorization")), "Bearer " TEST_PROBE_KEY);
    assert_string_equal(json_string_value(json_object_get(request, "organization")), "org-7");
    assert_true(json_is_true(json_object_get(json_object_get(request, "body"), "stream")));
    json_decref(request);
    expect_end("fake?echo=1", "complete");
}

/* Beside those that all providers have (test_conformance.c). */
static void tolerances(void **state)
{
    static const char *const scripts[] = { "nodone=1", "nodone=1&noblank=1", "nofinish=1", "usage_last=1", "nochoices=1", "prefilter=1", "deltanull=1", "hold=1" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        char model[128];
        snprintf(model, sizeof(model), "openai:fake?tokens=4&%s", scripts[i]);
        expect(model, 0, "w1 w2 w3 w4", NULL);
    }
}

/* The last word was said and the server goes on without an end; or it says so with every word, and goes on slowly. */
static void no_end_behind_the_last_word(void **state)
{
    static const char *const models[] = { "openai:fake?tokens=4&nodone=1&hold=1", "anthropic:fake?tokens=4&nodone=1&hold=1", "gemini:fake?tokens=4&hold=1",
                                          "openai:fake?tokens=14&early=1&rate=1&nodone=1&hold=1", "gemini:fake?tokens=14&early=1&rate=1" };
    struct test_probe p[ORB_COUNT(models)] = { 0 };
    char base[64];
    (void)state;
    snprintf(base, sizeof(base), "%.*s", (int)(strlen(fake.url) - strlen("/v1")), fake.url);
    setenv("ANTHROPIC_BASE_URL", base, 1);
    setenv("GOOGLE_GEMINI_BASE_URL", base, 1);
    setenv("GOOGLE_API_KEY", TEST_PROBE_KEY, 1);
    for (size_t i = 0; i < ORB_COUNT(models); i++)
        test_probe_start(&p[i], loop, models[i], NULL);
    for (size_t i = 0; i < ORB_COUNT(models); i++) {
        static const char whole[] = "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14";
        const char *text = strstr(models[i], "early") ? whole : "w1 w2 w3 w4";
        test_probe_wait(&p[i], loop, models[i]);
        if (p[i].code || strcmp(p[i].text.data, text) != 0 || p[i].usage.output_tokens != (text == whole ? 14 : 4))
            fail_msg("%s: %d %s; %s", models[i], p[i].code, p[i].err.text, p[i].text.data);
        test_probe_done(&p[i]);
    }
    expect_end("fake?tokens=4&hold=1", "client_closed");
}

static void tool_calls(void **state)
{
    static const char *const scripts[] = { "", "&index0=1", "&noindex=1", "&noindex=1&noid=1", "&argsobj=1&args={\"input\":+\"hi+there\"}",
                                           "&repeat=1", "&stopfinish=1", "&noid=1", "&split=1" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        struct test_probe p = { 0 };
        char model[128];
        snprintf(model, sizeof(model), "openai:fake?tool=add&calls=2%s", scripts[i]);
        test_probe_run(&p, loop, model, NULL);
        assert_int_equal(p.calls, 2);
        for (int k = 0; k < 2; k++) {
            assert_string_equal(p.names[k], "add");
            assert_true(*p.ids[k]);
            assert_string_equal(p.args[k].data, "{\"input\": \"hi there\"}");
        }
        assert_string_not_equal(p.ids[0], p.ids[1]);
        assert_int_equal(p.finish, ORB_FINISH_TOOL_CALLS);
        test_probe_done(&p);
    }
}

static void failures(void **state)
{
    (void)state;
    expect("openai:fake?error_at=0&errstr=1&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("openai:fake?status=400&errtop=1&message=maximum+context+length+is+8", ORB_E_MODEL_CONTEXT, "", "is 8");
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
        struct test_probe p = { 0 };
        test_probe_start(&p, loop, cases[i].model, NULL);
        test_probe_wait(&p, loop, cases[i].model);
        if (p.code != cases[i].code || p.err.code != p.code || p.err.retry_after_ms != cases[i].ms)
            fail_msg("%s: code %d, retry after %lld", cases[i].model, p.code, (long long)p.err.retry_after_ms);
        test_probe_done(&p);
    }
}

static void a_cancel_closes_the_connection(void **state)
{
    struct test_probe p = { 0 };
    (void)state;
    test_probe_start(&p, loop, "openai:fake?tokens=9&stall=3", NULL);
    test_probe_wait_deltas(&p, loop, __func__, 3);
    int64_t at = test_now_ms();
    orb_model_stream_cancel(p.stream);
    orb_model_stream_cancel(p.stream);
    assert_int_equal(p.done, 0);
    expect_end("fake?tokens=9&stall=3", "client_closed"); /* before the loop has turned again */
    assert_true(test_now_ms() - at < test_patience(2000));
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_string_equal(p.text.data, "w1 w2 w3 ");
    test_probe_done(&p);

    p.limit = 2; /* inside a delta */
    test_probe_start(&p, loop, "openai:fake?tokens=9&rate=100&stall=8", NULL);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_int_equal(p.deltas, 2);
    expect_end("fake?tokens=9&rate=100&stall=8", "client_closed");
    test_probe_done(&p);

    p.limit = 0; /* before anything has happened */
    test_probe_start(&p, loop, "openai:fake?tokens=9", NULL);
    orb_model_stream_cancel(p.stream);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    test_probe_done(&p);
}

/* A delta of one stream cancels another one and starts a third: all of that
 * while curl is in the middle of the first. */
static struct test_probe victim, child;
struct meddler {
    int deltas, done, code;
};

static void meddle(void *arg, const struct orb_delta *d)
{
    struct meddler *m = arg;
    (void)d;
    if (++m->deltas == 2) {
        orb_model_stream_cancel(victim.stream);
        test_probe_start(&child, loop, "openai:fake?text=born", NULL);
    }
}

static void meddled(void *arg, int code, const struct orb_error *err)
{
    struct meddler *m = arg;
    (void)err;
    m->done++;
    m->code = code;
}

static void streams_may_meddle_with_each_other(void **state)
{
    static const struct orb_model_callbacks meddling = { meddle, meddled };
    struct orb_model_call call = { .temperature = 1.0, .messages = test_probe_messages() };
    struct orb_model_stream *stream;
    struct meddler m = { 0 };
    int64_t deadline = test_now_ms() + test_patience(20000);
    (void)state;
    victim = child = (struct test_probe){ 0 };
    test_probe_start(&victim, loop, "openai:fake?tokens=9&stall=1", NULL);
    test_probe_wait_deltas(&victim, loop, __func__, 1);
    assert_int_equal(orb_model_stream_start(loop, "openai:fake?tokens=3&rate=100", &call, &meddling, &m, &stream, NULL), 0);
    json_decref(call.messages);
    while (!m.done && test_now_ms() < deadline)
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    test_probe_wait(&victim, loop, __func__);
    test_probe_wait(&child, loop, __func__);
    assert_int_equal(m.done, 1);
    assert_int_equal(m.code, 0);
    assert_int_equal(victim.code, ORB_E_CANCELLED);
    assert_int_equal(child.code, 0);
    assert_string_equal(child.text.data, "born");
    test_probe_done(&victim);
    test_probe_done(&child);
}

static void silence_times_out(void **state)
{
    (void)state;
    setenv("ORBITER_MODEL_TIMEOUT", "1", 1);
    expect("openai:fake?tokens=9&stall=1", ORB_E_MODEL_TIMEOUT, "w1 ", "sent nothing for 1 s");
    expect_end("fake?tokens=9&stall=1", "client_closed");
    expect("openai:fake?tokens=4&rate=2", 0, "w1 w2 w3 w4", NULL); /* slower than that in all, but never silent */
    setenv("ORBITER_MODEL_TIMEOUT", "soon", 1);
    struct test_probe p = { 0 };
    struct orb_error err = { 0 };
    assert_int_equal(test_probe_try(&p, loop, "openai:fake", NULL, &err), ORB_E_CONFIG);
    test_probe_done(&p);
    assert_non_null(strstr(err.text, "ORBITER_MODEL_TIMEOUT='soon'"));
}

static void what_fails_at_once(void **state)
{
    struct test_probe p = { 0 };
    struct orb_error err = { 0 };
    (void)state;
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    assert_int_equal(test_probe_try(&p, loop, "openai:gpt-4o", NULL, &err), ORB_E_MODEL_AUTH);
    test_probe_done(&p);
    assert_non_null(strstr(err.text, "OPENAI_API_KEY is not set"));
    assert_int_equal(test_probe_try(&p, loop, "nobody:x", NULL, &err), ORB_E_MODEL_NOT_FOUND);
    test_probe_done(&p);
    assert_int_equal(test_probe_try(&p, loop, "sim:echo", NULL, &err), ORB_E_MODEL_INVALID);
    test_probe_done(&p);
    assert_int_equal(orb_loop_turn(loop, 0), 0);
    assert_int_equal(p.done, 0);
}

static void nobody_listens(void **state)
{
    char url[64];
    (void)state;
    snprintf(url, sizeof(url), "http://me:pass@127.0.0.1:%d/v1", test_free_port());
    setenv("OPENAI_BASE_URL", url, 1);
    struct test_probe p = { 0 };
    test_probe_start(&p, loop, "openai:fake", NULL);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_MODEL_NETWORK);
    assert_non_null(strstr(p.err.text, "cannot reach 127.0.0.1:"));
    assert_null(strstr(p.err.text, "pass"));
    test_probe_done(&p);
    setenv("OPENAI_BASE_URL", "http://127.0.0.1:99999/v1", 1);
    expect("openai:fake", ORB_E_CONFIG, "", "OPENAI_BASE_URL on the worker is no URL");
    setenv("OPENAI_BASE_URL", "http://no-such-host.invalid/v1", 1);
    test_probe_start(&p, loop, "openai:fake", NULL);
    orb_model_stream_cancel(p.stream); /* while the name is being resolved */
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    test_probe_done(&p);
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
    struct test_probe *p = orb_alloc(STREAMS * sizeof(*p));
    int before = open_files();
    (void)state;
    for (int i = 0; i < STREAMS; i++)
        test_probe_start(&p[i], loop, "openai:fake?tokens=40&rate=50&first=100", NULL);
    for (int i = 0; i < STREAMS; i++) {
        test_probe_wait(&p[i], loop, __func__);
        if (p[i].code)
            fail_msg("stream %d: %s", i, p[i].err.text);
        assert_int_equal(p[i].usage.output_tokens, 40);
        assert_int_equal(p[i].finishes, 1);
        test_probe_done(&p[i]);
    }
    free(p);
    orb_loop_free(loop); /* closes the connections kept for the next call */
    loop = orb_loop_new();
    assert_true(open_files() <= before + 1);
}

static void sim_on_the_loop(void **state)
{
    struct test_probe p = { 0 };
    (void)state;
    int64_t at = test_now_ms();
    expect("sim:tokens=5,rate=100,first=50", 0, "w1 w2 w3 w4 w5", NULL);
    assert_true(test_now_ms() - at >= 90);
    expect("sim:", 0, "hi there", NULL);
    expect("sim:error=overloaded@1", ORB_E_MODEL_OVERLOADED, "hi ", "sim");
    p.limit = 2;
    test_probe_start(&p, loop, "sim:tokens=1000", NULL);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    test_probe_done(&p);
    p.limit = 0;
    test_probe_start(&p, loop, "sim:delay=86400000", NULL);
    assert_int_equal(orb_loop_turn(loop, 10), 0);
    orb_model_stream_cancel(p.stream);
    assert_int_equal(p.done, 0);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    test_probe_done(&p);
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
        TEST(no_end_behind_the_last_word),
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
