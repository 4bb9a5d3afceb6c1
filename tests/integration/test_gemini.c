/* Gemini and Vertex over real HTTP, against the fake provider. */
#include "base/base.h"
#include "base/json.h"
#include "model/token.h"
#include "support/fake.h"
#include "support/probe.h"
#include "support/rsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct test_rsa rsa;
static struct orb_loop *loop;
static char base[64];

static void expect(const char *model, int code, const char *text, const char *words)
{
    test_probe_expect(loop, model, code, text, words);
}

static int setup(void **state)
{
    (void)state;
    setenv("GOOGLE_API_KEY", TEST_PROBE_KEY, 1);
    setenv("GOOGLE_GEMINI_BASE_URL", base, 1);
    setenv("GOOGLE_VERTEX_BASE_URL", base, 1);
    setenv("GOOGLE_CLOUD_PROJECT", "p-1", 1);
    unsetenv("GOOGLE_CLOUD_LOCATION");
    unsetenv("ORBITER_MODEL_TIMEOUT");
    orb_token_forget(&orb_provider_vertex);
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

/* ---- gemini ---- */

static const char *text_of(const json_t *line, const char *key)
{
    return orb_json_get_str(line, key, "");
}

static void where_and_as_whom(void **state)
{
    (void)state;
    expect("gemini:gemini-3-fake?echo=1&reasoning=3", 0, "hi there", NULL);
    json_t *request = test_fake_request(&fake, "gemini-3-fake?echo=1&reasoning=3");
    assert_string_equal(text_of(request, "path"), "/v1beta/models/gemini-3-fake%3Fecho%3D1%26reasoning%3D3:streamGenerateContent?alt=sse");
    assert_string_equal(text_of(request, "key"), TEST_PROBE_KEY);
    json_decref(request);
}

/* Beside those that all providers have (test_conformance.c). */
static void tolerances(void **state)
{
    static const char *const scripts[] = { "prefilter=1", "deltanull=1", "sign=1" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        char model[128];
        snprintf(model, sizeof(model), "gemini:fake?tokens=4&%s", scripts[i]);
        expect(model, 0, "w1 w2 w3 w4", NULL);
    }
}

#define TOOLS "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"$schema\":\"x\",\"type\":\"object\",\"additionalProperties\":false}}]"

/* As the run machine does it: the turn goes back with what was kept, and the fake checks that it did. The answers come in
 * another order than the calls. */
static json_t *next_messages(const struct test_probe *p, const char *provider)
{
    json_t *messages = json_loads("[{\"role\":\"user\",\"content\":\"hi there\"}]", 0, NULL);
    test_probe_append(p, provider, messages);
    json_t *last = json_incref(json_array_get(messages, json_array_size(messages) - 1));
    json_array_remove(messages, json_array_size(messages) - 1);
    json_array_insert_new(messages, 2, last);
    return messages;
}

static void run_loop(const char *provider, const char *script, int with_kept, int code, const char *words)
{
    struct test_probe p = { 0 }, q = { 0 };
    struct orb_model_call call = { .temperature = 1.0, .tools = json_loads(TOOLS, 0, NULL) };
    char model[256];
    snprintf(model, sizeof(model), "%s:%s", provider, script);
    test_probe_run(&p, loop, model, &call);
    assert_int_equal(p.finish, ORB_FINISH_TOOL_CALLS);
    assert_int_equal(p.calls, 3);
    assert_string_equal(p.args[2].data, "{\"input\": \"hi there\"}");
    assert_string_not_equal(p.ids[0], p.ids[1]);
    call.messages = next_messages(&p, with_kept ? provider : "another");
    test_probe_start(&q, loop, model, &call);
    test_probe_wait(&q, loop, model);
    if (q.code != code || (code ? !strstr(q.err.text, words) : strcmp(q.text.data, words) != 0))
        fail_msg("%s: %d %s", model, q.code, q.err.text);
    json_decref(call.messages);
    json_decref(call.tools);
    test_probe_done(&p);
    test_probe_done(&q);
}

static void tool_loops(void **state)
{
    (void)state;
    run_loop("gemini", "gemini-3-fake?tool=add&calls=3&sign=1&text=four", 1, 0, "four");
    run_loop("gemini", "gemini-3-fake?tool=add&calls=3&sign=1&noid=1&text=four", 1, 0, "four");
    run_loop("gemini", "gemini-2.5-fake?tool=add&calls=3&text=four&split=1", 1, 0, "four");
    run_loop("gemini", "gemini-2.5-fake?tool=add&calls=3&text=four", 0, 0, "four");
    /* From another provider: the sentinel stands in. */
    run_loop("gemini", "gemini-3-fake?tool=add&calls=3&sign=1&text=four", 0, 0, "four");
    /* What the fake refuses, if it were not for that. */
    run_loop("gemini", "gemini-2.5-fake?tool=add&calls=3&sign=1", 0, ORB_E_MODEL_INVALID, "missing a thought_signature");
}

static void failures(void **state)
{
    (void)state;
    expect("gemini:fake?tokens=5&error_at=1&code=503&errtop=1&message=busy", ORB_E_MODEL_OVERLOADED, "w1 ", "busy");
    expect("gemini:fake?status=400&message=API+key+not+valid:+$KEY!", ORB_E_MODEL_AUTH, "", "API key not valid: ***!");
    expect("gemini:fake?status=400&errtop=1&message=The+input+token+count+(9)+exceeds+8", ORB_E_MODEL_CONTEXT, "", "(9)");
}

static void when_to_come_again(void **state)
{
    static const char *const scripts[] = { "status=429&retry_after=17", "status=429&errtop=1&retry_after=17", "error_at=1&code=429&retry_after=17" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        struct test_probe p = { 0 };
        char model[128];
        snprintf(model, sizeof(model), "gemini:fake?%s", scripts[i]);
        test_probe_start(&p, loop, model, NULL);
        test_probe_wait(&p, loop, model);
        assert_int_equal(p.code, ORB_E_MODEL_RATE);
        assert_int_equal(p.err.retry_after_ms, 17000);
        test_probe_done(&p);
    }
}

/* ---- vertex ---- */

static void account(const char *script)
{
    test_fake_account(&fake, &rsa, script);
}

/* How often a token was asked for with this script. */
static int fetches(const char *script)
{
    json_t *lines = test_fake_ledger(&fake), *line;
    size_t i;
    int n = 0;
    json_array_foreach (lines, i, line)
        n += strncmp(text_of(line, "path"), "/token?", 7) == 0 && strstr(text_of(line, "path"), script) != NULL;
    json_decref(lines);
    return n;
}

static void vertex(void **state)
{
    (void)state;
    account("a=plain");
    expect("vertex:gemini-3-fake?echo=1", 0, "hi there", NULL);
    json_t *request = test_fake_request(&fake, "gemini-3-fake?echo=1");
    assert_string_equal(text_of(request, "path"),
                        "/v1/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-fake%3Fecho%3D1:streamGenerateContent?alt=sse");
    assert_int_equal(strncmp(text_of(request, "authorization"), "Bearer ya29.fake-", 17), 0);
    json_decref(request);
    run_loop("vertex", "gemini-3-fake?tool=add&calls=3&sign=1&noid=1&text=four", 1, 0, "four");
    assert_int_equal(fetches("a=plain"), 1); /* kept */
}

static void one_fetch_for_all(void **state)
{
    enum { CALLS = 20 };
    struct test_probe p[CALLS] = { 0 };
    (void)state;
    account("a=shared");
    for (int i = 0; i < CALLS; i++)
        test_probe_start(&p[i], loop, "vertex:fake?tokens=3", NULL);
    orb_model_stream_cancel(p[0].stream); /* the first and another one of those that wait */
    orb_model_stream_cancel(p[7].stream);
    orb_model_stream_cancel(p[7].stream);
    for (int i = 0; i < CALLS; i++) {
        test_probe_wait(&p[i], loop, __func__);
        if (p[i].code != (i == 0 || i == 7 ? ORB_E_CANCELLED : 0))
            fail_msg("call %d: %d %s", i, p[i].code, p[i].err.text);
        test_probe_done(&p[i]);
    }
    assert_int_equal(fetches("a=shared"), 1);
}

static void a_token_is_renewed(void **state)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    (void)state;
    account("a=renewed&life=1");
    expect("vertex:fake?tokens=1", 0, "w1", NULL);
    while (fetches("a=renewed") < 3) { /* no call fails meanwhile */
        if (test_now_ms() > deadline)
            fail_msg("the token is not renewed");
        assert_int_equal(orb_loop_turn(loop, 20), 0);
        expect("vertex:fake?tokens=1", 0, "w1", NULL);
    }
}

/* One that was kept and is refused may have been revoked; a new one that is refused is no good. */
static void a_refused_token_is_not_kept(void **state)
{
    (void)state;
    account("a=revoked");
    expect("vertex:fake?tokens=1", 0, "w1", NULL);
    expect("vertex:fake?status=401&message=bad+$KEY!", ORB_E_MODEL_SERVER, "", "HTTP 401: bad ***!");
    assert_null(orb_token_kept(&orb_provider_vertex));
    expect("vertex:fake?status=401&tokens=2", ORB_E_MODEL_AUTH, "", "HTTP 401");
    expect("vertex:fake?tokens=1", 0, "w1", NULL);
    assert_int_equal(fetches("a=revoked"), 3);
}

static void tokens_that_do_not_come(void **state)
{
    struct test_probe p = { 0 }, q = { 0 };
    struct test_rsa other, own = rsa;
    (void)state;
    account("a=refused&status=400");
    test_probe_start(&p, loop, "vertex:fake", NULL);
    test_probe_start(&q, loop, "vertex:fake", NULL);
    test_probe_wait(&p, loop, __func__);
    test_probe_wait(&q, loop, __func__);
    assert_int_equal(p.code, ORB_E_MODEL_AUTH);
    assert_int_equal(q.code, ORB_E_MODEL_AUTH);
    assert_string_equal(q.err.text, p.err.text);
    assert_non_null(strstr(p.err.text, "invalid_grant: the script asked for this; check GOOGLE_APPLICATION_CREDENTIALS on the worker"));
    test_probe_done(&p);
    test_probe_done(&q);
    assert_int_equal(fetches("a=refused"), 1);

    account("a=busy&status=503&fails=1"); /* the next try is another fetch */
    expect("vertex:fake?tokens=1", ORB_E_MODEL_SERVER, "", "HTTP 503 without a token");
    expect("vertex:fake?tokens=1", 0, "w1", NULL);

    account("a=large&large=1");
    expect("vertex:fake", ORB_E_MODEL_SERVER, "", "sent more than 64 KiB in place of a token");

    account("a=silent&stall=1");
    setenv("ORBITER_MODEL_TIMEOUT", "1", 1);
    expect("vertex:fake", ORB_E_MODEL_TIMEOUT, "", "gave no token within 1 s");
    unsetenv("ORBITER_MODEL_TIMEOUT");

    test_rsa_make(&other); /* the account's key is not this one */
    rsa.private_pem = other.private_pem;
    account("a=forged");
    rsa = own;
    test_rsa_done(&other);
    expect("vertex:fake?tokens=1", ORB_E_MODEL_AUTH, "", "Invalid JWT Signature.");
}

static void what_fails_before(void **state)
{
    struct test_probe p = { 0 };
    struct orb_error err = { 0 };
    (void)state;
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    assert_int_equal(test_probe_try(&p, loop, "vertex:fake", NULL, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "GOOGLE_APPLICATION_CREDENTIALS is not set"));
    test_probe_done(&p);
    assert_int_equal(test_probe_try(&p, loop, "vertex:fake", NULL, NULL), ORB_E_MODEL_AUTH);
    test_probe_done(&p);
    account("a=project");
    unsetenv("GOOGLE_CLOUD_PROJECT");
    expect("vertex:fake", ORB_E_CONFIG, "", "GOOGLE_CLOUD_PROJECT is not set");
    assert_int_equal(test_probe_try(&p, loop, "vertex:fake", NULL, &err), ORB_E_CONFIG); /* at once, now that the token is there */
    test_probe_done(&p);
    setenv("GOOGLE_CLOUD_PROJECT", "p-1", 1);
    unsetenv("GOOGLE_API_KEY");
    unsetenv("GOOGLE_GEMINI_BASE_URL");
    unsetenv("GEMINI_API_KEY");
    assert_int_equal(test_probe_try(&p, loop, "gemini:gemini-3-pro", NULL, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "GOOGLE_API_KEY is not set"));
    test_probe_done(&p);
}

/* A fetch that all have left ends, and the next call begins another one. */
static void a_cancel_while_the_token_is_fetched(void **state)
{
    struct test_probe p = { 0 };
    (void)state;
    account("a=stalled&stall=1");
    test_probe_start(&p, loop, "vertex:fake", NULL);
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (!fetches("a=stalled")) {
        assert_true(test_now_ms() < deadline);
        assert_int_equal(orb_loop_turn(loop, 20), 0);
    }
    orb_model_stream_cancel(p.stream);
    assert_int_equal(p.done, 0);
    test_probe_wait(&p, loop, __func__);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    test_probe_done(&p);
    account("a=after");
    expect("vertex:fake?tokens=1", 0, "w1", NULL);

    char dead[TEST_PATH_MAX + 64], path[TEST_PATH_MAX + 16];
    snprintf(dead, sizeof(dead), "http://127.0.0.1:%d/token", test_free_port());
    json_t *json = json_pack("{s:s, s:s, s:s}", "client_email", "robot@p-1", "private_key", rsa.private_pem, "token_uri", dead);
    snprintf(path, sizeof(path), "%s/key.json", fake.dir);
    json_dump_file(json, path, 0);
    json_decref(json);
    orb_token_forget(&orb_provider_vertex);
    expect("vertex:fake", ORB_E_MODEL_NETWORK, "", "vertex: cannot fetch a token from 127.0.0.1:");
}

static int group_setup(void **state)
{
    (void)state;
    test_fake_start(&fake);
    test_rsa_make(&rsa);
    snprintf(base, sizeof(base), "%.*s", (int)(strlen(fake.url) - strlen("/v1")), fake.url);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    orb_token_forget(&orb_provider_vertex);
    test_rsa_done(&rsa);
    test_fake_stop(&fake);
    return fake.child.status;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_and_as_whom),
        TEST(tolerances),
        TEST(tool_loops),
        TEST(failures),
        TEST(when_to_come_again),
        TEST(vertex),
        TEST(one_fetch_for_all),
        TEST(a_token_is_renewed),
        TEST(a_refused_token_is_not_kept),
        TEST(tokens_that_do_not_come),
        TEST(what_fails_before),
        TEST(a_cancel_while_the_token_is_fetched),
    };
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
