/* Every provider is asked for the same: tools, what belongs to a turn, schemas, media, hints. Real HTTP, against the fake
 * provider, which rejects what the real APIs reject. The providers are the rows of tests/support/provider.c. */
#include "base/base.h"
#include "support/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define row test_provider
#define SCRIPT_MAX 320

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    if (!value)
        fail_msg("the test has a mistake: %s", text);
    return value;
}

static json_t *tools(void)
{
    return parse("[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}}]");
}

/* Is there a text that holds this, or an object with this member? */
static int holds(const json_t *value, const char *wanted)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_string(value))
        return strstr(json_string_value(value), wanted) != NULL;
    json_object_foreach ((json_t *)(uintptr_t)value, key, item)
        if (strcmp(key, wanted) == 0 || holds(item, wanted))
            return 1;
    json_array_foreach (value, i, item)
        if (holds(item, wanted))
            return 1;
    return 0;
}

/* The body of the newest request; the caller's. */
static json_t *last_body(void)
{
    json_t *request = test_fake_request(&test_provider_fake, NULL), *body = json_incref(json_object_get(request, "body"));
    json_decref(request);
    return body;
}

static void expect_sent(const char *const *texts, int is_there)
{
    json_t *body = last_body();
    for (; *texts; texts++)
        if (holds(body, *texts) != is_there)
            fail_msg("%s: the request has %s '%s': %s", row->name, is_there ? "no" : "a", *texts, json_dumps(body, 0));
    json_decref(body);
}

/* ---- tool loops ---- */

/* The reply called the tool so often, with these arguments. */
static void expect_calls(const struct test_probe *p, int count)
{
    if (p->calls != count)
        fail_msg("%s: %d calls, expected %d", row->name, p->calls, count);
    assert_int_equal(p->finish, ORB_FINISH_TOOL_CALLS);
    for (int i = 0; i < count; i++) {
        assert_string_equal(p->names[i], "add");
        assert_true(p->ids[i] && *p->ids[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(p->ids[k], p->ids[i]);
        json_t *args = json_loads(test_probe_text(&p->args[i]), 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(args, "x")), 1);
        json_decref(args);
    }
}

static void script_of(char out[SCRIPT_MAX], const char *model, const char *keys, int count)
{
    snprintf(out, SCRIPT_MAX, "%s?tool=add&args={\"x\":1}&calls=%d&text=it+is+two&%s", model, count, keys);
}

/* Calls, their answers, and the reply to those. */
static void tool_loop(const char *keys, int count)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages() };
    struct test_probe first = { 0 }, second = { 0 };
    char script[SCRIPT_MAX];
    script_of(script, "fake", keys, count);
    test_provider_call(&first, script, &call);
    expect_calls(&first, count);
    test_probe_append(&first, row->name, call.messages);
    test_provider_call(&second, script, &call);
    assert_string_equal(test_probe_text(&second.text), "it is two");
    assert_int_equal(second.finish, ORB_FINISH_STOP);
    expect_sent((const char *const[]){ "two", "hi there", "be brief", "add", first.ids[0], first.ids[count - 1], count > 1 ? "no such number" : "two", NULL }, 1);
    json_decref(call.messages);
    json_decref(call.tools);
    test_probe_done(&first);
    test_probe_done(&second);
}

static void one_call(void)
{
    tool_loop("", 1);
    tool_loop("split=1", 1);
}

static void parallel_calls(void)
{
    tool_loop("", 3);
    tool_loop(row->reasoning, 3);
}

/* ---- what is kept ---- */

/* Every text of what was kept, but the words of the protocol. */
static void expect_kept(const json_t *kept)
{
    json_t *body = last_body(), *item, *value;
    const char *key;
    size_t i;
    assert_true(json_array_size(kept) > 0);
    json_array_foreach (kept, i, item) {
        json_t *inner = json_object_get(item, "block") ? json_object_get(item, "block") : item;
        json_object_foreach (inner, key, value)
            if (json_is_string(value) && strcmp(key, "type") && !holds(body, json_string_value(value)))
                fail_msg("%s: the request has no '%s': %s", row->name, json_string_value(value), json_dumps(body, 0));
    }
    json_decref(body);
}

/* In the turn's next step, and when the conversation goes on after it. */
static void what_is_kept_comes_back(void)
{
    json_t *options = parse("{\"reasoning_effort\":\"high\"}");
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages(), .options = options };
    struct test_probe first = { 0 }, second = { 0 }, third = { 0 };
    char script[SCRIPT_MAX];
    script_of(script, row->native, row->reasoning, 2);
    test_provider_call(&first, script, &call);
    test_probe_append(&first, row->name, call.messages);
    test_provider_call(&second, script, &call);
    assert_string_equal(test_probe_text(&second.text), "it is two");
    expect_kept(first.kept);
    test_probe_append(&second, row->name, call.messages);
    json_array_append_new(call.messages, json_pack("{s:s, s:s}", "role", "user", "content", "and again"));
    test_provider_call(&third, script, &call);
    expect_calls(&third, 2);
    expect_kept(first.kept);
    json_decref(call.messages);
    json_decref(call.tools);
    json_decref(options);
    test_probe_done(&first);
    test_probe_done(&second);
    test_probe_done(&third);
}

/* That the fake checks it: else the loops above would show nothing. */
static void what_is_forgotten_is_missed(void)
{
    json_t *options = parse("{\"reasoning_effort\":\"high\"}");
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages(), .options = options };
    struct test_probe first = { 0 }, second = { 0 };
    char script[SCRIPT_MAX];
    script_of(script, row->native, row->reasoning, 2);
    test_provider_call(&first, script, &call);
    test_probe_append(&first, row->name, call.messages);
    json_object_del(json_array_get(call.messages, 2), "kept");
    test_provider_start(&second, script, &call);
    test_provider_wait(&second);
    assert_int_equal(second.code, ORB_E_MODEL_INVALID);
    json_decref(call.messages);
    json_decref(call.tools);
    json_decref(options);
    test_probe_done(&first);
    test_probe_done(&second);
}

/* As in a chain of fallbacks: the turn is taken, what was kept with it stays at home, and odd ids do no harm. */
static void the_turn_of_another_provider(void)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages() };
    struct test_probe p = { 0 };
    char script[SCRIPT_MAX];
    call.options = parse("{\"reasoning_effort\":\"high\"}");
    json_array_append_new(call.messages, parse("{\"role\":\"assistant\",\"content\":\"let me see\",\"kept_by\":\"another\",\"tool_calls\":[{\"id\":\"call|odd:1\","
                                               "\"name\":\"add\",\"arguments\":\"{\\\"x\\\": 1}\"},{\"id\":\"call|odd:2\",\"name\":\"add\",\"arguments\":\"\"}],"
                                               "\"kept\":[{\"type\":\"thinking\",\"thinking\":\"not-yours\",\"signature\":\"not-yours\",\"thoughtSignature\":\"not-yours\","
                                               "\"encrypted_content\":\"not-yours\",\"call\":0,\"id\":\"not-yours\"}]}"));
    json_array_append_new(call.messages, parse("{\"role\":\"tool\",\"tool_call_id\":\"call|odd:1\",\"tool_name\":\"add\",\"content\":\"two\"}"));
    json_array_append_new(call.messages, parse("{\"role\":\"tool\",\"tool_call_id\":\"call|odd:2\",\"tool_name\":\"add\",\"content\":\"\",\"error\":\"no x\"}"));
    snprintf(script, sizeof(script), "%s?tool=add&text=it+is+two", row->native);
    test_provider_call(&p, script, &call);
    assert_string_equal(test_probe_text(&p.text), "it is two");
    expect_sent((const char *const[]){ "let me see", "two", "no x", NULL }, 1);
    expect_sent((const char *const[]){ "not-yours", NULL }, 0);
    json_decref(call.messages);
    json_decref(call.tools);
    json_decref((json_t *)(uintptr_t)call.options);
    test_probe_done(&p);
}

#define TOOL(text) "{\"role\":\"tool\",\"tool_call_id\":\"call_0\",\"tool_name\":\"add\",\"content\":\"" text "\"}"

/* As the Python package and some servers number them: anew in every reply, or all alike. */
static void ids_that_come_again(void)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages() };
    struct test_probe p = { 0 };
    for (int i = 0; i < 2; i++) {
        json_array_append_new(call.messages, parse("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"call_0\",\"name\":\"add\",\"arguments\":\"{}\"},"
                                                   "{\"id\":\"call_0\",\"name\":\"add\",\"arguments\":\"{}\"}]}"));
        json_array_append_new(call.messages, parse(i ? TOOL("three") : TOOL("one")));
        json_array_append_new(call.messages, parse(i ? TOOL("four") : TOOL("two")));
    }
    test_provider_call(&p, "fake?tool=add&text=it+is+two", &call);
    assert_string_equal(test_probe_text(&p.text), "it is two");
    expect_sent((const char *const[]){ "one", "two", "three", "four", NULL }, 1);
    json_decref(call.messages);
    json_decref(call.tools);
    test_probe_done(&p);
}

/* ---- what is asked ---- */

/* A model that rejects what others take: nothing of it is sent. */
static void rules(void)
{
    static const char *const asked[] = {
        "{\"top_p\":0.5,\"stop\":[\"END\"],\"tool_choice\":\"add\",\"parallel_tool_calls\":false,\"reasoning_effort\":\"minimal\"}",
        "{\"top_p\":0.5,\"stop\":[\"END\",\" \"],\"tool_choice\":\"required\",\"parallel_tool_calls\":true,\"reasoning_effort\":\"none\"}",
        "{\"tool_choice\":\"none\",\"reasoning_effort\":\"high\"}",
        "{\"reasoning_effort\":\"xhigh\"}",
    };
    for (size_t i = 0; i < ORB_COUNT(asked); i++) {
        struct orb_model_call call = { .temperature = 0.2, .max_tokens = 100, .tools = i ? tools() : NULL, .options = parse(asked[i]) };
        struct test_probe p = { 0 };
        char script[128];
        snprintf(script, sizeof(script), "%s?tokens=2", row->native);
        test_provider_call(&p, script, &call);
        assert_string_equal(test_probe_text(&p.text), "w1 w2");
        test_probe_done(&p);
        json_decref(call.tools);
        json_decref((json_t *)(uintptr_t)call.options);
    }
}

static void structured_output(void)
{
    json_t *schema = parse("{\"type\":\"object\",\"properties\":{\"answer\":{\"type\":\"integer\"}},\"required\":[\"answer\"],\"additionalProperties\":false}");
    struct orb_model_call call = { .temperature = 1.0, .output_schema = schema, .output_name = "the answer" };
    struct test_probe p = { 0 };
    char path[128], script[128], *next = path, *member;
    snprintf(script, sizeof(script), "%s?text={\"answer\":+42}", row->native);
    test_provider_call(&p, script, &call);
    assert_string_equal(test_probe_text(&p.text), "{\"answer\": 42}");
    json_t *body = last_body();
    const json_t *at = body;
    snprintf(path, sizeof(path), "%s", row->schema);
    while ((member = strsep(&next, "/")))
        at = json_object_get(at, member);
    if (!at || !json_equal((json_t *)(uintptr_t)at, schema))
        fail_msg("%s: the schema is not at %s", row->name, row->schema);
    json_decref(body);
    json_decref(schema);
    test_probe_done(&p);
}

/* A document that is text goes as text where there is no other way for it. */
static void documents_of_text(void)
{
    struct orb_model_call call = { .temperature = 1.0 };
    struct test_probe p = { 0 };
    call.messages = parse("[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"data\":\"YSxi\",\"media_type\":\"text/csv\",\"title\":\"numbers.csv\"},"
                          "{\"type\":\"text\",\"text\":\"add them\"}]}]");
    test_provider_call(&p, "fake?tokens=1", &call);
    json_t *body = last_body();
    if (!holds(body, "a,b") && !(holds(body, "YSxi") && holds(body, "text/csv")))
        fail_msg("%s: the document is not in %s", row->name, json_dumps(body, 0));
    json_decref(body);
    json_decref(call.messages);
    test_probe_done(&p);
}

/* What cannot be sent is told to the model. */
static void images_and_documents(void)
{
    struct orb_model_call call = { .temperature = 1.0 };
    struct test_probe p = { 0 };
    call.messages = parse("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what is this\"},{\"type\":\"image_url\",\"url\":\"https://example.com/cat.png\","
                          "\"detail\":\"low\"},{\"type\":\"image_url\",\"url\":\"data:image/gif;base64,R0lGODdh\"},{\"type\":\"image_data\",\"data\":\"iVBORw0KGgo=\","
                          "\"media_type\":\"image/png\"},{\"type\":\"document\",\"data\":\"JVBERi0xLjc=\",\"title\":\"plan.pdf\"},{\"type\":\"audio\",\"data\":\"UklGRg==\","
                          "\"format\":\"wav\"},{\"type\":\"video\",\"data\":\"AAAAIGZ0\"},{\"type\":\"hologram\"}]}]");
    test_provider_call(&p, "fake?echo=1", &call);
    assert_string_equal(test_probe_text(&p.text), "what is this");
    expect_sent((const char *const[]){ "https://example.com/cat.png", "R0lGODdh", "image/gif", "iVBORw0KGgo=", "image/png", "JVBERi0xLjc=", "application/pdf",
                                       "[hologram: cannot be sent to this model]", NULL }, 1);
    expect_sent((const char *const[]){ "UklGRg==", NULL }, (row->flags & TEST_TAKES_AUDIO) != 0);
    expect_sent((const char *const[]){ "[audio: cannot be sent to this model]", NULL }, !(row->flags & TEST_TAKES_AUDIO));
    expect_sent((const char *const[]){ "AAAAIGZ0", NULL }, (row->flags & TEST_TAKES_VIDEO) != 0);
    expect_sent((const char *const[]){ "[video: cannot be sent to this model]", NULL }, !(row->flags & TEST_TAKES_VIDEO));
    json_decref(call.messages);
    test_probe_done(&p);
}

/* What a tool brings beside text; of one that failed there is only the error. */
static void media_of_tools(void)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools(), .messages = test_probe_messages() };
    struct test_probe first = { 0 }, second = { 0 };
    char script[SCRIPT_MAX];
    script_of(script, "fake", "", 3);
    test_provider_call(&first, script, &call);
    test_probe_append(&first, row->name, call.messages);
    size_t last = json_array_size(call.messages) - 1;
    json_object_set_new(json_array_get(call.messages, last - 2), "content", parse("[{\"type\":\"text\",\"text\":\"a map\"},{\"type\":\"image_data\",\"data\":"
                                                                                   "\"iVBORw0KGgo=\",\"media_type\":\"image/png\"}]"));
    json_object_set_new(json_array_get(call.messages, last - 1), "content", parse("[{\"type\":\"image_data\",\"data\":\"c2VjcmV0\"}]"));
    json_object_set_new(json_array_get(call.messages, last), "content", parse("[{\"type\":\"document\",\"data\":\"JVBERi0xLjc=\"},{\"type\":\"hologram\"}]"));
    json_object_set_new(json_array_get(call.messages, last), "error", json_null());
    test_provider_call(&second, script, &call);
    assert_string_equal(test_probe_text(&second.text), "it is two");
    expect_sent((const char *const[]){ "a map", "iVBORw0KGgo=", "image/png", "JVBERi0xLjc=", "[hologram: cannot be sent to this model]", "no such number", NULL }, 1);
    expect_sent((const char *const[]){ "c2VjcmV0", NULL }, 0);
    json_decref(call.messages);
    json_decref(call.tools);
    test_probe_done(&first);
    test_probe_done(&second);
}

static void cache_hints(void)
{
    struct orb_model_call call = { .temperature = 1.0, .tools = tools() };
    json_t *off = parse("{\"cache\":false}");
    char script[64];
    snprintf(script, sizeof(script), "%s?tokens=2", row->native);
    for (int is_off = 0; is_off < 2; is_off++) {
        struct test_probe p = { 0 };
        call.options = is_off ? off : NULL;
        test_provider_call(&p, script, &call);
        expect_sent((const char *const[]){ row->cache, NULL }, !is_off);
        test_probe_done(&p);
    }
    json_decref(off);
    json_decref(call.tools);
}

int main(int argc, char **argv)
{
    static const struct test_behaviour behaviours[] = {
#define ROW(f) { #f, f }
        ROW(one_call), ROW(parallel_calls), ROW(what_is_kept_comes_back), ROW(what_is_forgotten_is_missed), ROW(the_turn_of_another_provider), ROW(ids_that_come_again),
        ROW(rules),
        ROW(structured_output), ROW(images_and_documents), ROW(documents_of_text), ROW(media_of_tools), ROW(cache_hints),
#undef ROW
    };
    return test_provider_run(behaviours, ORB_COUNT(behaviours), argc, argv);
}
