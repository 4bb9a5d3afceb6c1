/* Every provider does the same with the same: a table of providers, and a table of what a server may do. Real HTTP,
 * against the fake provider, which rejects what the real APIs reject. A new provider is one row of `providers`. */
#include "base/base.h"
#include "model/call.h"
#include "support/fake.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fake fake;
static struct orb_loop *loop;

enum {
    HAS_REASONING = 1,  /* reasoning can be told apart from text */
    HAS_ERROR_200 = 2,  /* an error can come inside a stream */
    KEEPS = 4,          /* what came with a turn with `keep` must come back with its calls, and the fake checks that it does */
};

static const struct row {
    const char *name, *base_env, *base_path, *key_env; /* where it is asked: the fake's address and base_path */
    const char *path;      /* that it asks */
    unsigned flags;
    const char *keep;      /* script keys for reasoning; with KEEPS what comes with it must come back */
    const char *error;     /* script keys beside error_at and message for a rate limit inside a stream */
    const char *strict;    /* a model's name for which the fake rejects temperature, top_p, stop and max_tokens; or NULL */
    const char *schema;    /* where in the request the schema of the output is: members, joined by '/' */
    const char *limit;     /* script key for when a limit is reset, in 360 s; NULL = no such headers */
} providers[] = {
    { "openai", "OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY", "/v1/chat/completions", HAS_REASONING | HAS_ERROR_200, "reasoning=2",
      "code=rate_limit_exceeded", "gpt-5", "response_format/json_schema/schema", "limit_reset=6m0s" },
    { "responses", "OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY", "/v1/responses", HAS_REASONING | HAS_ERROR_200 | KEEPS, "reasoning=2",
      "code=rate_limit_exceeded", "o3", "text/format/schema", "limit_reset=6m0s" },
    { "azure", "AZURE_OPENAI_ENDPOINT", "", "AZURE_OPENAI_API_KEY", "/openai/v1/chat/completions", HAS_REASONING | HAS_ERROR_200,
      "prefilter=1&reasoning=2", "code=rate_limit_exceeded", "gpt-5", "response_format/json_schema/schema", "limit_reset=6m0s" },
    { "ollama", "OLLAMA_BASE_URL", "/v1", "OLLAMA_API_KEY", "/v1/chat/completions", HAS_REASONING | HAS_ERROR_200, "reasoning=1&argsobj=1",
      "code=429", NULL, "response_format/json_schema/schema", NULL },
    { "openrouter", "OPENROUTER_BASE_URL", "/v1", "OPENROUTER_API_KEY", "/v1/chat/completions", HAS_REASONING | HAS_ERROR_200 | KEEPS, "details=3&comment=1",
      "code=429", "gpt-5", "response_format/json_schema/schema", "limit_reset=6m0s" },
    { "vllm", "VLLM_BASE_URL", "/v1", "VLLM_API_KEY", "/v1/chat/completions", HAS_REASONING | HAS_ERROR_200, "nochoices=1&reasoning=1&timings=1",
      "code=429&errtop=1", NULL, "response_format/json_schema/schema", NULL },
    { "llamacpp", "LLAMACPP_BASE_URL", "/v1", "LLAMACPP_API_KEY", "/v1/chat/completions", HAS_REASONING | HAS_ERROR_200, "timings=1&reasoning=2",
      "code=429", NULL, "response_format/json_schema/schema", NULL },
};

#define KEY "sk-conformance-123"

/* ---- one call and what came of it ---- */

struct probe {
    struct orb_model_stream *stream;
    struct orb_buf text, reasoning, args[3];
    char *ids[3], *names[3];
    json_t *kept;
    int deltas, finishes, usages, calls, done, code;
    size_t limit; /* cancel after so many deltas; 0 = none */
    struct orb_usage usage;
    enum orb_finish finish;
    struct orb_error err;
};

static void replace(char **field, const char *text)
{
    if (!text)
        return;
    free(*field);
    *field = orb_strdup(text);
}

static void on_call(struct probe *p, const struct orb_delta *d)
{
    assert_in_range(d->index, 0, 2);
    if (d->index >= p->calls)
        p->calls = d->index + 1;
    replace(&p->ids[d->index], d->id);
    replace(&p->names[d->index], d->name);
    orb_buf_add(&p->args[d->index], d->text, d->len);
}

static void on_delta(void *arg, const struct orb_delta *d)
{
    struct probe *p = arg;
    assert_int_equal(p->done + p->finishes, 0); /* the finish is the last of them */
    p->deltas++;
    if (d->type == ORB_DELTA_TEXT && !p->limit)
        orb_buf_add(&p->text, d->text, d->len);
    else if (d->type == ORB_DELTA_REASONING)
        orb_buf_add(&p->reasoning, d->text, d->len);
    else if (d->type == ORB_DELTA_TOOL_CALL)
        on_call(p, d);
    else if (d->type == ORB_DELTA_KEEP)
        json_array_append(p->kept, d->keep);
    else if (d->type == ORB_DELTA_USAGE)
        p->usage = d->usage, p->usages++;
    else if (d->type == ORB_DELTA_FINISH)
        p->finish = d->finish, p->finishes++;
    if (p->limit && (size_t)p->deltas == p->limit)
        orb_model_stream_cancel(p->stream);
}

static void on_done(void *arg, int code, const struct orb_error *err)
{
    struct probe *p = arg;
    p->done++;
    p->code = code;
    p->err = *err;
}

static void probe_init(struct probe *p)
{
    memset(p, 0, sizeof(*p));
    orb_buf_init(&p->text, 1 << 24);
    orb_buf_init(&p->reasoning, 1 << 20);
    for (int i = 0; i < 3; i++)
        orb_buf_init(&p->args[i], 1 << 20);
    p->kept = json_array();
}

static void probe_done(struct probe *p)
{
    orb_buf_done(&p->text);
    orb_buf_done(&p->reasoning);
    for (int i = 0; i < 3; i++) {
        orb_buf_done(&p->args[i]);
        free(p->ids[i]);
        free(p->names[i]);
    }
    json_decref(p->kept);
}

#define USER "[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\"hi there\"}]"

static const struct row *row; /* that is tried now */

static void start(struct probe *p, const char *script, struct orb_model_call *call)
{
    static const struct orb_model_callbacks callbacks = { on_delta, on_done };
    struct orb_model_call plain = { .temperature = 1.0 };
    struct orb_error err = { 0 };
    char model[512];
    size_t limit = p->limit;
    probe_init(p);
    p->limit = limit;
    if (!call)
        call = &plain;
    json_t *messages = call->messages ? NULL : json_loads(USER, 0, NULL);
    if (messages)
        call->messages = messages;
    snprintf(model, sizeof(model), "%s:%s", row->name, script);
    if (orb_model_stream_start(loop, model, call, &callbacks, p, &p->stream, &err))
        fail_msg("%s: %s", model, err.text);
    assert_int_equal(p->done + p->deltas, 0); /* nothing runs inside the start */
    if (messages)
        call->messages = NULL;
    json_decref(messages);
}

static void wait_done(struct probe *p)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (!p->done) {
        if (test_now_ms() > deadline)
            fail_msg("%s: the call does not end", row->name);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
    assert_int_equal(p->done, 1);
    assert_int_equal(p->finishes, p->code == 0);
}

static const char *text_of(const struct orb_buf *b)
{
    return b->data ? b->data : "";
}

/* Runs to the end and expects this. text NULL: not looked at. */
static void expect(const char *script, int code, const char *text, const char *words)
{
    struct probe p = { 0 };
    start(&p, script, NULL);
    wait_done(&p);
    if (p.code != code || p.err.code != (code ? code : p.err.code) || (text && strcmp(text_of(&p.text), text) != 0) || (words && !strstr(p.err.text, words)))
        fail_msg("%s:%s: code %d '%s', expected %d '%s'; text '%s', expected '%s'", row->name, script, p.code, p.err.text, code, words ? words : "",
                 text_of(&p.text), text ? text : "");
    assert_null(strstr(p.err.text, KEY));
    probe_done(&p);
}

/* ---- behaviours ---- */

static void text(void)
{
    struct probe p = { 0 };
    start(&p, "fake?echo=1", NULL);
    wait_done(&p);
    assert_int_equal(p.code, 0);
    assert_string_equal(p.text.data, "hi there");
    assert_int_equal(p.finish, ORB_FINISH_STOP);
    assert_int_equal(p.usages > 0, 1);
    assert_int_equal(p.usage.input_tokens, 9);
    assert_int_equal(p.usage.output_tokens, 2);
    assert_int_equal(p.usage.total_tokens, 11);
    assert_int_equal(p.usage.cached_tokens, 4);
    probe_done(&p);
    json_t *request = test_fake_request(&fake, "fake?echo=1");
    assert_string_equal(json_string_value(json_object_get(request, "path")), row->path);
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
    struct probe p = { 0 };
    char script[128];
    if (!(row->flags & HAS_REASONING))
        return;
    snprintf(script, sizeof(script), "fake?tokens=3&%s", row->keep);
    start(&p, script, NULL);
    wait_done(&p);
    assert_int_equal(p.code, 0);
    assert_string_equal(p.text.data, "w1 w2 w3");
    assert_int_equal(strncmp(text_of(&p.reasoning), "hm ", 3), 0);
    assert_int_equal(json_array_size(p.kept) > 0, (row->flags & KEEPS) != 0);
    probe_done(&p);
}

static json_t *tools(void)
{
    return json_loads("[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}}]", 0, NULL);
}

/* The reply called the tool so often, with these arguments. */
static void expect_calls(struct probe *p, int count)
{
    if (p->code || p->calls != count)
        fail_msg("%s: code %d '%s', %d calls, expected %d", row->name, p->code, p->err.text, p->calls, count);
    assert_int_equal(p->finish, ORB_FINISH_TOOL_CALLS);
    for (int i = 0; i < count; i++) {
        assert_string_equal(p->names[i], "add");
        assert_true(p->ids[i] && *p->ids[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(p->ids[k], p->ids[i]);
        json_t *args = json_loads(text_of(&p->args[i]), 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(args, "x")), 1);
        json_decref(args);
    }
}

/* The turn as the run keeps it, and the tool's answers. */
static json_t *after_calls(struct probe *p)
{
    json_t *messages = json_loads(USER, 0, NULL), *calls = json_array();
    for (int i = 0; i < p->calls; i++)
        json_array_append_new(calls, json_pack("{s:s, s:s, s:s}", "id", p->ids[i], "name", p->names[i], "arguments", text_of(&p->args[i])));
    json_t *turn = json_pack("{s:s, s:s, s:o}", "role", "assistant", "content", text_of(&p->text), "tool_calls", calls);
    if (json_array_size(p->kept)) {
        json_object_set_new(turn, "kept_by", json_string(row->name));
        json_object_set(turn, "kept", p->kept);
    }
    json_array_append_new(messages, turn);
    for (int i = 0; i < p->calls; i++)
        json_array_append_new(messages, json_pack("{s:s, s:s, s:s, s:s, s:o}", "role", "tool", "tool_call_id", p->ids[i], "tool_name", p->names[i], "content",
                                                  i ? "" : "two", "error", i ? json_string("no such number") : json_null()));
    return messages;
}

static int holds_text(const json_t *value, const char *wanted)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(value))
        return strcmp(json_string_value(value), wanted) == 0;
    json_object_foreach ((json_t *)(uintptr_t)value, key, item)
        if (holds_text(item, wanted))
            return 1;
    json_array_foreach (value, i, item)
        if (holds_text(item, wanted))
            return 1;
    return 0;
}

/* Calls, their answers, and the reply to those; is_forgotten: without what was kept. */
static void tool_loop(const char *more, int count, int is_forgotten)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools() };
    struct probe first = { 0 }, second = { 0 };
    char script[256];
    snprintf(script, sizeof(script), "fake?tool=add&args={\"x\":1}&calls=%d&text=it+is+two&%s", count, more);
    start(&first, script, &call);
    wait_done(&first);
    expect_calls(&first, count);
    call.messages = after_calls(&first);
    if (is_forgotten)
        json_object_del(json_array_get(call.messages, 2), "kept");
    start(&second, script, &call);
    wait_done(&second);
    if (is_forgotten)
        assert_int_equal(second.code, ORB_E_MODEL_INVALID);
    else if (second.code || strcmp(text_of(&second.text), "it is two"))
        fail_msg("%s: the second step: code %d '%s', text '%s'", row->name, second.code, second.err.text, text_of(&second.text));
    json_t *request = test_fake_request(&fake, NULL), *body = json_object_get(request, "body");
    assert_true(holds_text(body, "two") && holds_text(body, "hi there") && holds_text(body, "be brief") && holds_text(body, "add"));
    for (int i = 0; i < count; i++)
        assert_true(holds_text(body, first.ids[i]));
    assert_true(count < 2 || holds_text(body, "no such number"));
    json_decref(request);
    json_decref(call.messages);
    json_decref(call.tools);
    probe_done(&first);
    probe_done(&second);
}

static void one_call(void)
{
    tool_loop("", 1, 0);
    tool_loop("split=1", 1, 0);
}

static void parallel_calls(void)
{
    tool_loop("", 3, 0);
    tool_loop(row->keep, 3, 0);
}

static void what_was_kept_must_come_back(void)
{
    if (row->flags & KEEPS)
        tool_loop(row->keep, 2, 1);
}

/* A model that rejects what others take: nothing of it is sent. */
static void rules(void)
{
    struct orb_model_call call = { .temperature = 0.2, .max_tokens = 100 };
    struct probe p = { 0 };
    char script[128];
    if (!row->strict)
        return;
    call.tools = tools();
    json_t *options = json_loads("{\"top_p\":0.5,\"stop\":[\"END\"],\"tool_choice\":\"add\",\"parallel_tool_calls\":false,\"reasoning_effort\":\"minimal\"}", 0, NULL);
    call.options = options;
    snprintf(script, sizeof(script), "%s?tokens=2", row->strict);
    start(&p, script, &call);
    wait_done(&p);
    if (p.code)
        fail_msg("%s:%s: %s", row->name, script, p.err.text);
    assert_string_equal(p.text.data, "w1 w2");
    probe_done(&p);
    json_decref(options);
    json_decref(call.tools);
}

static void structured_output(void)
{
    json_t *schema = json_loads("{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"integer\"}},\"required\":[\"answer\"],\"additionalProperties\":false}", 0, NULL);
    struct orb_model_call call = { .temperature = 1.0, .output_schema = schema, .output_name = "the answer" };
    struct probe p = { 0 };
    char path[128], *next = path, *member;
    start(&p, "fake?text={\"answer\":+42}", &call);
    wait_done(&p);
    assert_int_equal(p.code, 0);
    assert_string_equal(p.text.data, "{\"answer\": 42}");
    json_t *request = test_fake_request(&fake, NULL);
    const json_t *at = json_object_get(request, "body");
    snprintf(path, sizeof(path), "%s", row->schema);
    while ((member = strsep(&next, "/")))
        at = json_object_get(at, member);
    if (!at || !json_equal((json_t *)(uintptr_t)at, schema))
        fail_msg("%s: the schema is not at %s", row->name, row->schema);
    json_decref(request);
    json_decref(schema);
    probe_done(&p);
}

static void expect_finish(const char *script, enum orb_finish finish)
{
    struct probe p = { 0 };
    start(&p, script, NULL);
    wait_done(&p);
    if (p.code || p.finish != finish)
        fail_msg("%s:%s: code %d '%s', finish %d, expected %d", row->name, script, p.code, p.err.text, (int)p.finish, (int)finish);
    probe_done(&p);
}

static void finish_reasons(void)
{
    expect_finish("fake?tokens=2", ORB_FINISH_STOP);
    expect_finish("fake?tokens=2&finish=length", ORB_FINISH_LENGTH);
    expect_finish("fake?tokens=2&finish=content_filter", ORB_FINISH_FILTER);
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
    if (!(row->flags & HAS_ERROR_200))
        return;
    snprintf(script, sizeof(script), "fake?tokens=5&error_at=1&message=slow+down+$KEY&%s", row->error);
    expect(script, ORB_E_MODEL_RATE, "w1 ", "slow down");
    expect("fake?error_at=0&message=boom", ORB_E_MODEL_SERVER, "", "boom");
    expect("fake?error_at=0&message=boom&errtop=1", ORB_E_MODEL_SERVER, "", "boom");
}

static void refusals(void)
{
    char words[64];
    snprintf(words, sizeof(words), "check %s on the worker", row->key_env);
    expect("fake?status=401&message=bad+key+$KEY!", ORB_E_MODEL_AUTH, "", "bad key ***!");
    expect("fake?status=401", ORB_E_MODEL_AUTH, "", words);
    expect("fake?status=403", ORB_E_MODEL_PERMISSION, "", "HTTP 403");
    expect("fake?status=404", ORB_E_MODEL_NOT_FOUND, "", row->base_env);
    expect("fake?status=500", ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect("fake?status=503", ORB_E_MODEL_OVERLOADED, "", "HTTP 503");
    expect("fake?status=529", ORB_E_MODEL_OVERLOADED, "", "HTTP 529");
    expect("fake?status=502&html=1", ORB_E_MODEL_SERVER, "", "HTTP 502: a web page instead of JSON: 502 Bad Gateway");
    expect("fake?plain=1", ORB_E_MODEL_SERVER, "", "event stream");
    snprintf(words, sizeof(words), "fake?fails=1&status=500&tokens=1&message=%s", row->name); /* the fake counts equal requests */
    expect(words, ORB_E_MODEL_SERVER, "", "HTTP 500");
    expect(words, 0, "w1", NULL);
}

static void rate_limits(void)
{
    struct probe p = { 0 };
    start(&p, "fake?status=429&retry_after=2", NULL);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_MODEL_RATE);
    assert_int_equal(p.err.retry_after_ms, 2000);
    probe_done(&p);
    if (!row->limit)
        return;
    char script[128];
    snprintf(script, sizeof(script), "fake?status=429&%s", row->limit);
    start(&p, script, NULL);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_MODEL_RATE);
    assert_in_range(p.err.retry_after_ms, 300000, 360000);
    probe_done(&p);
    snprintf(script, sizeof(script), "fake?status=429&retry_after_ms=30&%s", row->limit);
    start(&p, script, NULL);
    wait_done(&p);
    assert_int_equal(p.err.retry_after_ms, 30);
    probe_done(&p);
}

/* A stream without end leaves nothing behind, and a cancel ends it. (A sanitizer has an allocator of its own: there it
 * is only the latter.) */
static void endless(void)
{
    struct probe p = { .limit = 10000 };
    start(&p, "fake?endless=1&rate=100000", NULL);
    while (p.deltas < 100)
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    size_t before = mallinfo2().uordblks;
    wait_done(&p);
    size_t after = mallinfo2().uordblks;
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_int_equal(p.deltas, 10000);
    if (after > before + 256 * 1024)
        fail_msg("%s: a stream without end takes memory: %zu bytes after 100 deltas, %zu after 10,000", row->name, before, after);
    probe_done(&p);
}

static void a_cancel_closes_the_connection(void)
{
    struct probe p = { 0 };
    char script[64];
    snprintf(script, sizeof(script), "fake?tokens=9&stall=3&hold=%d", (int)(row - providers) + 1);
    start(&p, script, NULL);
    while (p.text.len < 9) {
        if (p.done)
            fail_msg("%s: %s", row->name, p.err.text);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
    orb_model_stream_cancel(p.stream);
    json_t *end = test_fake_wait_end(&fake, script, 10000); /* before the loop has turned again */
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
    wait_done(&p);
    assert_int_equal(p.code, ORB_E_CANCELLED);
    assert_string_equal(p.text.data, "w1 w2 w3 ");
    probe_done(&p);
}

static const struct {
    const char *name;
    void (*run)(void);
} behaviours[] = {
#define ROW(f) { #f, f }
    ROW(text), ROW(unicode), ROW(reasoning), ROW(one_call), ROW(parallel_calls), ROW(what_was_kept_must_come_back), ROW(rules), ROW(structured_output),
    ROW(finish_reasons), ROW(how_a_body_may_come), ROW(broken_streams), ROW(an_error_inside_a_200), ROW(refusals), ROW(rate_limits), ROW(endless),
    ROW(a_cancel_closes_the_connection),
#undef ROW
};

/* ---- the tables, multiplied ---- */

struct pair {
    const struct row *row;
    void (*run)(void);
};

static int setup(void **state)
{
    const struct pair *pair = *state;
    char url[128];
    row = pair->row;
    snprintf(url, sizeof(url), "%.*s%s", (int)(strlen(fake.url) - strlen("/v1")), fake.url, row->base_path);
    setenv(row->base_env, url, 1);
    setenv(row->key_env, KEY, 1);
    unsetenv("OPENAI_API_VERSION");
    unsetenv("ORBITER_MODEL_TIMEOUT");
    loop = orb_loop_new();
    assert_non_null(loop);
    return 0;
}

static int teardown(void **state)
{
    const struct pair *pair = *state;
    unsetenv(pair->row->base_env);
    unsetenv(pair->row->key_env);
    orb_loop_free(loop);
    return 0;
}

static void run_pair(void **state)
{
    const struct pair *pair = *state;
    pair->run();
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

int main(int argc, char **argv)
{
    enum { COUNT = ORB_COUNT(providers) * ORB_COUNT(behaviours) };
    static struct pair pairs[COUNT];
    static char names[COUNT][80];
    static struct CMUnitTest tests[COUNT];
    size_t n = 0;
    for (size_t i = 0; i < ORB_COUNT(providers); i++)
        for (size_t k = 0; k < ORB_COUNT(behaviours); k++, n++) {
            pairs[n] = (struct pair){ &providers[i], behaviours[k].run };
            snprintf(names[n], sizeof(names[n]), "%s: %s", providers[i].name, behaviours[k].name);
            tests[n] = (struct CMUnitTest){ names[n], run_pair, setup, teardown, &pairs[n] };
        }
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    if (argc > 1)
        cmocka_set_test_filter(argv[1]); /* such as "azure: *" */
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
