/* Anthropic's Messages API over real HTTP, against the fake provider, which refuses what the real one refuses. */
#include "base/base.h"
#include "support/fake.h"
#include "support/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct orb_loop *loop;
static char base[64];

static void expect(const char *model, int code, const char *text, const char *words)
{
    test_probe_expect(loop, model, code, text, words);
}

/* Runs to the end. */
static void run(struct test_probe *p, const char *model, struct orb_model_call call)
{
    *p = (struct test_probe){ 0 };
    test_probe_start(p, loop, model, &call);
    test_probe_wait(p, loop, model);
}

#define USER "[{\"role\":\"user\",\"content\":\"hi there\"}]"

static int setup(void **state)
{
    (void)state;
    setenv("ANTHROPIC_API_KEY", TEST_PROBE_KEY, 1);
    setenv("ANTHROPIC_BASE_URL", base, 1);
    unsetenv("ANTHROPIC_AUTH_TOKEN");
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

static void text(void **state)
{
    struct test_probe p = { 0 };
    struct orb_model_call call = { .temperature = 0.3 };
    (void)state;
    call.messages = json_loads("[{\"role\":\"system\",\"content\":\"be kind\"},{\"role\":\"user\",\"content\":\"hi there\"},{\"role\":\"user\",\"content\":\"\"}]", 0, NULL);
    test_probe_run(&p, loop, "anthropic:claude-opus-4-8?echo=1", &call);
    json_decref(call.messages);
    assert_string_equal(p.text.data, "hi there");
    assert_int_equal(p.usage.input_tokens, 9);
    assert_int_equal(p.usage.cached_tokens, 4);
    assert_int_equal(p.usage.cache_write_tokens, 2);
    test_probe_done(&p);
}

static void a_token_in_place_of_the_key(void **state)
{
    (void)state;
    unsetenv("ANTHROPIC_API_KEY");
    setenv("ANTHROPIC_AUTH_TOKEN", "tok-1", 1);
    expect("anthropic:fake?text=by+token", 0, "by token", NULL);
    json_t *request = test_fake_request(&fake, "fake?text=by+token");
    assert_string_equal(json_string_value(json_object_get(request, "authorization")), "Bearer tok-1");
    json_decref(request);
    expect("anthropic:fake?status=401&message=bad+$KEY!", ORB_E_MODEL_AUTH, "", "bad ***!; check ANTHROPIC_AUTH_TOKEN on the worker");
}

/* Beside those that all providers have (test_conformance.c). */
static void tolerances(void **state)
{
    static const char *const scripts[] = { "nodone=1", "nodone=1&noblank=1", "nofinish=1", "usage_last=1", "prefilter=1", "deltanull=1", "noindex=1&reasoning=3",
                                           "index0=1&reasoning=3", "hold=1" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        char model[128];
        snprintf(model, sizeof(model), "anthropic:fake?tokens=4&%s", scripts[i]);
        expect(model, 0, "w1 w2 w3 w4", NULL);
    }
}

static void failures(void **state)
{
    (void)state;
    expect("anthropic:fake?tokens=5&error_at=1&type=overloaded_error&message=busy", ORB_E_MODEL_OVERLOADED, "w1 ", "busy");
    expect("anthropic:fake?error_at=0&errstr=1&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("anthropic:fake?status=413&type=request_too_large&message=m", ORB_E_MODEL_CONTEXT, "", "shorten");
}

/* ---- turns ---- */

#define TOOLS "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]"

/* A step with calls and the step after it, by the same model. */
static void tool_loop(const char *model, const char *options_text, int kept)
{
    struct test_probe p;
    json_t *messages = json_loads(USER, 0, NULL), *tools = json_loads(TOOLS, 0, NULL), *options = json_loads(options_text, 0, NULL);
    struct orb_model_call call = { .messages = messages, .tools = tools, .options = options, .temperature = 0.5 };
    run(&p, model, call);
    if (p.code)
        fail_msg("%s: %s", model, p.err.text);
    assert_int_equal(p.finish, ORB_FINISH_TOOL_CALLS);
    assert_int_equal(p.calls, 2);
    assert_int_equal(json_array_size(p.kept), kept);
    test_probe_append(&p, "anthropic", messages);
    test_probe_done(&p);
    run(&p, model, call);
    if (p.code)
        fail_msg("%s, after the tools: %s", model, p.err.text);
    assert_string_equal(p.text.data, "w1 w2 w3");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    test_probe_done(&p);
    json_decref(messages);
    json_decref(tools);
    json_decref(options);
}

static void tool_loops(void **state)
{
    (void)state;
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3", "{}", 0);
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3&args=", "{\"cache\": false}", 0);
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3&argsobj=1&stopfinish=1", "{\"tool_choice\": \"required\"}", 0);
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3&noid=1&split=1", "{\"parallel_tool_calls\": false}", 0);
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3&reasoning=2", "{\"reasoning_effort\": \"high\"}", 1);
    tool_loop("anthropic:claude-haiku-4-5?tool=add&calls=2&tokens=3&reasoning=3", "{\"reasoning_effort\": \"high\", \"top_p\": 0.5}", 2);
    tool_loop("anthropic:claude-opus-4-8?tool=add&calls=2&tokens=3&reasoning=3", "{\"reasoning_effort\": \"high\", \"top_p\": 0.5}", 2);
    tool_loop("anthropic:claude-opus-4-8?tool=add&calls=2&tokens=3&reasoning=1&index0=1", "{\"reasoning_effort\": \"minimal\"}", 1);
    tool_loop("anthropic:claude-opus-4-6?tool=add&calls=2&tokens=3&reasoning=1", "{\"reasoning_effort\": \"xhigh\"}", 1);
}

/* That the fake sees it when a turn comes back wrong: else the loops above would show nothing. */
static void what_is_changed_is_refused(void **state)
{
    static const char model[] = "anthropic:claude-haiku-4-5?tool=add&reasoning=3&tokens=3";
    struct test_probe p;
    json_t *messages = json_loads(USER, 0, NULL), *options = json_loads("{\"reasoning_effort\": \"low\"}", 0, NULL);
    struct orb_model_call call = { .messages = messages, .options = options, .temperature = 1.0 };
    (void)state;
    run(&p, model, call);
    assert_int_equal(p.code, 0);
    test_probe_append(&p, "anthropic", messages);
    test_probe_done(&p);
    json_t *turn = json_array_get(messages, 1), *kept = json_object_get(turn, "kept");
    json_object_set_new(json_array_get(kept, 0), "thinking", json_string("hm ha hm "));
    run(&p, model, call);
    assert_int_equal(p.code, ORB_E_MODEL_INVALID);
    assert_non_null(strstr(p.err.text, "cannot be modified"));
    test_probe_done(&p);
    json_object_set_new(turn, "kept_by", json_string("gemini")); /* another one's: goes on without thinking */
    run(&p, model, call);
    assert_int_equal(p.code, 0);
    test_probe_done(&p);
    json_array_remove(messages, 2);
    run(&p, model, call);
    assert_int_equal(p.code, ORB_E_MODEL_INVALID);
    assert_non_null(strstr(p.err.text, "without `tool_result` blocks"));
    test_probe_done(&p);
    json_decref(messages);
    json_decref(options);
}

static void media_and_schemas_are_taken(void **state)
{
    static const char *const models[] = { "anthropic:claude-sonnet-5?tokens=2", "anthropic:claude-sonnet-4-5?tokens=2", "anthropic:claude-3-haiku?tokens=2" };
    json_t *schema = json_loads("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1},\"o\":{\"type\":\"object\",\"properties\":{}}}}", 0, NULL);
    json_t *messages = json_loads("[{\"role\":\"user\",\"content\":[{\"type\":\"image_data\",\"data\":\"QQ==\",\"media_type\":\"image/png\"},"
                                  "{\"type\":\"image_url\",\"url\":\"https://x/y.png\"},{\"type\":\"document\",\"data\":\"QQ==\"},{\"type\":\"audio\",\"data\":\"QQ==\"},"
                                  "{\"type\":\"text\",\"text\":\" \"},{\"type\":\"text\",\"text\":\"see\"}]},{\"role\":\"assistant\"},{\"role\":\"user\",\"content\":\"and?\"}]", 0, NULL);
    json_t *options = json_loads("{\"reasoning_effort\":\"medium\",\"top_p\":0.9,\"stop\":[\"\\n\"]}", 0, NULL);
    (void)state;
    assert_non_null(messages);
    for (size_t i = 0; i < ORB_COUNT(models); i++) {
        struct test_probe p;
        run(&p, models[i], (struct orb_model_call){ .messages = messages, .options = options, .output_schema = schema, .output_name = "a", .temperature = 0.2 });
        if (p.code)
            fail_msg("%s: %s", models[i], p.err.text);
        assert_string_equal(p.text.data, "w1 w2");
        test_probe_done(&p);
    }
    json_decref(schema);
    json_decref(messages);
    json_decref(options);
}

static int group_setup(void **state)
{
    (void)state;
    test_fake_start(&fake);
    snprintf(base, sizeof(base), "%.*s", (int)(strlen(fake.url) - strlen("/v1")), fake.url);
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
        TEST(text),
        TEST(a_token_in_place_of_the_key),
        TEST(tolerances),
        TEST(failures),
        TEST(tool_loops),
        TEST(what_is_changed_is_refused),
        TEST(media_and_schemas_are_taken),
    };
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
