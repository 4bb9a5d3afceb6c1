/* Anthropic's Messages API over real HTTP, against the fake provider, which refuses what the real one refuses. */
#include "base/base.h"
#include "model/call.h"
#include "support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct orb_loop *loop;
static char base[64];

/* One call and what came of it: also the turn, as the agent would keep it. */
struct probe {
    struct orb_model_stream *stream;
    struct orb_buf text, reasoning;
    json_t *calls, *kept;
    int done, code, finishes;
    struct orb_usage usage;
    enum orb_finish finish;
    struct orb_error err;
};

static void on_call(struct probe *p, const struct orb_delta *d)
{
    if ((size_t)d->index == json_array_size(p->calls))
        json_array_append_new(p->calls, json_pack("{s:s, s:s, s:s}", "id", d->id, "name", d->name, "arguments", ""));
    json_t *call = json_array_get(p->calls, (size_t)d->index);
    assert_non_null(call);
    struct orb_buf b;
    orb_buf_init(&b, 1 << 20);
    orb_buf_str(&b, json_string_value(json_object_get(call, "arguments")));
    orb_buf_add(&b, d->text, d->len);
    json_object_set_new(call, "arguments", json_string(b.data));
    orb_buf_done(&b);
}

static void on_delta(void *arg, const struct orb_delta *d)
{
    struct probe *p = arg;
    assert_int_equal(p->done, 0);
    switch (d->type) {
    case ORB_DELTA_TEXT:
        orb_buf_add(&p->text, d->text, d->len);
        break;
    case ORB_DELTA_REASONING:
        orb_buf_add(&p->reasoning, d->text, d->len);
        break;
    case ORB_DELTA_TOOL_CALL:
        on_call(p, d);
        break;
    case ORB_DELTA_USAGE:
        p->usage = d->usage;
        break;
    case ORB_DELTA_KEEP:
        json_array_append(p->kept, d->keep);
        break;
    case ORB_DELTA_FINISH:
        p->finish = d->finish;
        p->finishes++;
        break;
    }
}

static void on_done(void *arg, int code, const struct orb_error *err)
{
    struct probe *p = arg;
    p->done++;
    p->code = code;
    p->err = *err;
}

static const struct orb_model_callbacks callbacks = { on_delta, on_done };

static void probe_done(struct probe *p)
{
    orb_buf_done(&p->text);
    orb_buf_done(&p->reasoning);
    json_decref(p->calls);
    json_decref(p->kept);
}

/* Runs to the end. messages and the rest of the call are borrowed. */
static void run(struct probe *p, const char *model, struct orb_model_call call)
{
    struct orb_error err = { 0 };
    int64_t deadline = test_now_ms() + test_patience(20000);
    memset(p, 0, sizeof(*p));
    orb_buf_init(&p->text, 1 << 24);
    orb_buf_init(&p->reasoning, 1 << 24);
    p->calls = json_array();
    p->kept = json_array();
    if (!(call.temperature > 0))
        call.temperature = 1.0;
    if (orb_model_stream_start(loop, model, &call, &callbacks, p, &p->stream, &err))
        fail_msg("%s: %s", model, err.text);
    while (!p->done) {
        if (test_now_ms() > deadline)
            fail_msg("%s: the call does not end", model);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
    assert_int_equal(p->finishes, p->code == 0);
}

#define USER "[{\"role\":\"user\",\"content\":\"hi there\"}]"

static void expect(const char *model, int code, const char *text, const char *words)
{
    struct probe p;
    json_t *messages = json_loads(USER, 0, NULL);
    run(&p, model, (struct orb_model_call){ .messages = messages });
    json_decref(messages);
    const char *got = p.text.data ? p.text.data : "";
    if (p.code != code || (text && strcmp(got, text) != 0) || (words && !strstr(p.err.text, words)))
        fail_msg("%s: code %d '%s', expected %d '%s'; text '%s', expected '%s'", model, p.code, p.err.text, code,
                 words ? words : "", got, text ? text : "");
    probe_done(&p);
}

static int setup(void **state)
{
    (void)state;
    setenv("ANTHROPIC_API_KEY", "sk-secret-key-123", 1);
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
    struct probe p;
    json_t *messages = json_loads("[{\"role\":\"system\",\"content\":\"be kind\"},{\"role\":\"user\",\"content\":\"hi there\"},{\"role\":\"user\",\"content\":\"\"}]", 0, NULL);
    (void)state;
    run(&p, "anthropic:claude-opus-4-8?echo=1", (struct orb_model_call){ .messages = messages, .temperature = 0.3 });
    json_decref(messages);
    if (p.code)
        fail_msg("%s", p.err.text);
    assert_string_equal(p.text.data, "hi there");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    assert_int_equal(p.usage.input_tokens, 9);
    assert_int_equal(p.usage.cached_tokens, 4);
    assert_int_equal(p.usage.cache_write_tokens, 2);
    assert_int_equal(p.usage.output_tokens, 2);
    assert_int_equal(p.usage.total_tokens, 11);
    probe_done(&p);
    json_t *request = test_fake_request(&fake, "claude-opus-4-8?echo=1");
    assert_string_equal(json_string_value(json_object_get(request, "path")), "/v1/messages");
    assert_true(json_is_true(json_object_get(json_object_get(request, "body"), "stream")));
    json_decref(request);
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

static void tolerances(void **state)
{
    static const char *const scripts[] = {
        "", "dribble=1", "split=3&crlf=1", "split=2&crlf=2", "split=7&comment=1", "multiline=1&split=5", "nodone=1", "nodone=1&noblank=1",
        "nofinish=1", "nousage=1", "usage_last=1", "prefilter=1", "deltanull=1", "noindex=1&reasoning=3", "index0=1&reasoning=3", "hold=1",
        "rate=200&first=20",
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        char model[128];
        snprintf(model, sizeof(model), "anthropic:fake?tokens=4&%s", scripts[i]);
        expect(model, 0, "w1 w2 w3 w4", NULL);
    }
}

/* The whole reply in pieces of every size up to an event's. */
static void split_at_every_byte(void **state)
{
    json_t *messages = json_loads(USER, 0, NULL);
    (void)state;
    for (int split = 1; split <= 150; split++) {
        struct probe p;
        char model[128];
        snprintf(model, sizeof(model), "anthropic:fake?tool=add&reasoning=3&split=%d&crlf=%d", split, split % 3);
        run(&p, model, (struct orb_model_call){ .messages = messages });
        if (p.code)
            fail_msg("%s: %s", model, p.err.text);
        assert_string_equal(p.reasoning.data, "hm hm hm ");
        assert_int_equal(json_array_size(p.kept), 2);
        assert_int_equal(json_array_size(p.calls), 1);
        assert_string_equal(json_string_value(json_object_get(json_array_get(p.calls, 0), "arguments")), "{\"input\": \"hi there\"}");
        probe_done(&p);
    }
    json_decref(messages);
}

static void failures(void **state)
{
    (void)state;
    expect("anthropic:fake?tokens=5&cut=2", ORB_E_MODEL_TRUNCATED, "w1 w2 ", "127.0.0.1:");
    expect("anthropic:fake?tokens=5&reset=2", ORB_E_MODEL_NETWORK, NULL, "try again");
    expect("anthropic:fake?tokens=5&nodone=1&nofinish=1", ORB_E_MODEL_TRUNCATED, "w1 w2 w3 w4 w5", "try again");
    expect("anthropic:fake?tokens=5&error_at=1&type=overloaded_error&message=busy", ORB_E_MODEL_OVERLOADED, "w1 ", "busy");
    expect("anthropic:fake?tokens=5&error_at=2&type=rate_limit_error&message=slow&crlf=1&split=1", ORB_E_MODEL_RATE, "w1 w2 ", "slow");
    expect("anthropic:fake?error_at=0&errstr=1&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("anthropic:fake?error_at=0&errtop=1&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("anthropic:fake?status=502&html=1", ORB_E_MODEL_SERVER, "", "HTTP 502: a web page instead of JSON: 502 Bad Gateway");
    expect("anthropic:fake?status=529&type=overloaded_error&message=m", ORB_E_MODEL_OVERLOADED, "", "HTTP 529: m");
    expect("anthropic:fake?status=402&type=billing_error&message=m", ORB_E_MODEL_QUOTA, "", "billing");
    expect("anthropic:fake?status=413&type=request_too_large&message=m", ORB_E_MODEL_CONTEXT, "", "shorten");
    expect("anthropic:fake?status=400&type=invalid_request_error&message=prompt+is+too+long:+9+tokens", ORB_E_MODEL_CONTEXT, "", "9 tokens");
    expect("anthropic:fake?status=401&type=authentication_error&message=bad+key+$KEY!", ORB_E_MODEL_AUTH, "", "bad key ***!; check ANTHROPIC_API_KEY");
    expect("anthropic:fake?plain=1", ORB_E_MODEL_SERVER, "", "event stream");
    expect("anthropic:fake?fails=1&status=500&tokens=1", ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect("anthropic:fake?fails=1&status=500&tokens=1", 0, "w1", NULL);
    setenv("ORBITER_MODEL_TIMEOUT", "1", 1);
    expect("anthropic:fake?tokens=9&stall=1", ORB_E_MODEL_TIMEOUT, "w1 ", "sent nothing for 1 s");
    json_t *end = test_fake_wait_end(&fake, "fake?tokens=9&stall=1", 10000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
}

/* ---- turns ---- */

/* The turn that p brought, and the results of its calls, go behind messages. */
static void append_turn(json_t *messages, const struct probe *p)
{
    size_t i;
    json_t *call;
    json_t *turn = json_pack("{s:s, s:s, s:O}", "role", "assistant", "content", p->text.data ? p->text.data : "", "tool_calls", p->calls);
    if (json_array_size(p->kept)) {
        json_object_set_new(turn, "kept_by", json_string("anthropic"));
        json_object_set(turn, "kept", p->kept);
    }
    json_array_append_new(messages, turn);
    json_array_foreach (p->calls, i, call)
        json_array_append_new(messages, json_pack("{s:s, s:O, s:s, s:s, s:o}", "role", "tool", "tool_call_id", json_object_get(call, "id"), "tool_name",
                                                  "add", "content", i ? "" : "4", "error", i ? json_string("no") : json_null()));
}

#define TOOLS "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]"

/* A step with calls and the step after it, by the same model. */
static void tool_loop(const char *model, const char *options_text, int kept)
{
    struct probe p;
    json_t *messages = json_loads(USER, 0, NULL), *tools = json_loads(TOOLS, 0, NULL), *options = json_loads(options_text, 0, NULL);
    struct orb_model_call call = { .messages = messages, .tools = tools, .options = options, .temperature = 0.5 };
    run(&p, model, call);
    if (p.code)
        fail_msg("%s: %s", model, p.err.text);
    assert_int_equal(p.finish, ORB_FINISH_TOOL_CALLS);
    assert_int_equal(json_array_size(p.calls), 2);
    assert_int_equal(json_array_size(p.kept), kept);
    append_turn(messages, &p);
    probe_done(&p);
    run(&p, model, call);
    if (p.code)
        fail_msg("%s, after the tools: %s", model, p.err.text);
    assert_string_equal(p.text.data, "w1 w2 w3");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    probe_done(&p);
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
}

/* That the fake sees it when a turn comes back wrong: else the loops above would show nothing. */
static void what_is_changed_is_refused(void **state)
{
    static const char model[] = "anthropic:claude-haiku-4-5?tool=add&reasoning=3&tokens=3";
    struct probe p;
    json_t *messages = json_loads(USER, 0, NULL), *options = json_loads("{\"reasoning_effort\": \"low\"}", 0, NULL);
    struct orb_model_call call = { .messages = messages, .options = options };
    (void)state;
    run(&p, model, call);
    assert_int_equal(p.code, 0);
    append_turn(messages, &p);
    probe_done(&p);
    json_t *turn = json_array_get(messages, 1), *kept = json_object_get(turn, "kept");
    json_object_set_new(json_array_get(kept, 0), "thinking", json_string("hm ha hm "));
    run(&p, model, call);
    assert_int_equal(p.code, ORB_E_MODEL_INVALID);
    assert_non_null(strstr(p.err.text, "cannot be modified"));
    probe_done(&p);
    json_object_set_new(turn, "kept_by", json_string("gemini")); /* another one's: goes on without thinking */
    run(&p, model, call);
    assert_int_equal(p.code, 0);
    probe_done(&p);
    json_array_remove(messages, 2);
    run(&p, model, call);
    assert_int_equal(p.code, ORB_E_MODEL_INVALID);
    assert_non_null(strstr(p.err.text, "without `tool_result` blocks"));
    probe_done(&p);
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
        struct probe p;
        run(&p, models[i], (struct orb_model_call){ .messages = messages, .options = options, .output_schema = schema, .output_name = "a", .temperature = 0.2 });
        if (p.code)
            fail_msg("%s: %s", models[i], p.err.text);
        assert_string_equal(p.text.data, "w1 w2");
        probe_done(&p);
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
        TEST(split_at_every_byte),
        TEST(failures),
        TEST(tool_loops),
        TEST(what_is_changed_is_refused),
        TEST(media_and_schemas_are_taken),
    };
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
