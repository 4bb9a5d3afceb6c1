#include "base/base.h"
#include "model/openai_write.h"
#include "model/responses.h"
#include "support/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- requests ---- */

/* call: "messages" and what else of it is given, as JSON. */
static void expect_body(const struct orb_provider *provider, const char *model, const char *call_text, const char *body)
{
    struct orb_model_request r = { 0 };
    struct orb_error err = { 0 };
    json_t *root = json_loads(call_text, 0, NULL);
    assert_non_null(root);
    struct orb_model_call call = {
        .model = model, .messages = json_object_get(root, "messages"), .tools = json_object_get(root, "tools"),
        .temperature = orb_json_get_real(root, "temperature", 1.0), .max_tokens = orb_json_get_int(root, "max_tokens", 0),
        .options = json_object_get(root, "options"), .output_schema = json_object_get(root, "schema"), .output_name = orb_json_get_str(root, "schema_name", NULL),
    };
    if (provider->codec->request(provider, &call, &r, &err))
        fail_msg("%s: %s", call_text, err.text);
    assert_string_equal(r.body.data, body);
    json_t *json = json_loads(r.body.data, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    json_decref(root);
    orb_buf_done(&r.headers);
    orb_buf_done(&r.body);
}

#define RESPONSES(model, call, body) expect_body(&orb_provider_responses, model, call, body)
#define TAIL ", \"stream\": true, \"store\": false"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_OUT "\"input\": [{\"role\": \"user\", \"content\": \"hi\"}]"
#define ENCRYPTED ", \"include\": [\"reasoning.encrypted_content\"]"

static void parameters(void **state)
{
    (void)state;
    RESPONSES("m", "{" HI "}", "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 1.0}");
    RESPONSES("m", "{" HI ",\"temperature\":0.5,\"max_tokens\":9,\"options\":{\"top_p\":0.25,\"stop\":[\"x\"],\"tool_choice\":\"auto\",\"reasoning_effort\":\"low\"}}",
              "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 0.5, \"top_p\": 0.25, \"max_output_tokens\": 9}");
    RESPONSES("o3", "{" HI ",\"temperature\":0.5,\"options\":{\"top_p\":0.25}}", "{\"model\": \"o3\", " HI_OUT TAIL ENCRYPTED "}");
    RESPONSES("gpt-5", "{" HI ",\"options\":{\"reasoning_effort\":\"minimal\"}}",
              "{\"model\": \"gpt-5\", " HI_OUT TAIL ", \"reasoning\": {\"effort\": \"minimal\", \"summary\": \"auto\"}" ENCRYPTED "}");
    RESPONSES("gpt-5.1", "{" HI ",\"options\":{\"reasoning_effort\":\"none\"}}",
              "{\"model\": \"gpt-5.1\", " HI_OUT TAIL ", \"reasoning\": {\"effort\": \"none\"}" ENCRYPTED "}");
    RESPONSES("m", "{" HI ",\"schema\":{\"type\":\"object\"},\"schema_name\":\"a b/c\"}",
              "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 1.0, \"text\": {\"format\": {\"type\": \"json_schema\", \"name\": \"a_b_c\", "
              "\"schema\": {\"type\": \"object\"}, \"strict\": false}}}");
    RESPONSES("m", "{" HI ",\"tools\":[{\"name\":\"f\"}],\"options\":{\"tool_choice\":\"f\",\"parallel_tool_calls\":true}}",
              "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 1.0, \"tools\": [{\"type\": \"function\", \"name\": \"f\", \"description\": \"\", "
              "\"parameters\": {\"type\": \"object\", \"properties\": {}}, \"strict\": false}], \"tool_choice\": {\"type\": \"function\", \"name\": \"f\"}, "
              "\"parallel_tool_calls\": true}");
}

static void a_schema_in_words(void **state)
{
    (void)state;
    RESPONSES("gpt-4-turbo", "{" HI ",\"schema\":{\"type\":\"array\"}}",
              "{\"model\": \"gpt-4-turbo\", \"input\": [{\"role\": \"system\", \"content\": \"Give the final answer as JSON alone, nothing before or behind it, "
              "that fits this JSON Schema: {\\\"type\\\": \\\"array\\\"}\"}, {\"role\": \"user\", \"content\": \"hi\"}]" TAIL ", \"temperature\": 1.0}");
    RESPONSES("gpt-4-turbo", "{" HI "}", "{\"model\": \"gpt-4-turbo\", " HI_OUT TAIL ", \"temperature\": 1.0}");
}

static void efforts(void **state)
{
    static const struct {
        const char *model, *wanted, *sent;
    } cases[] = {
        { "o3", "none", "low" },       { "o3-mini", "minimal", "low" }, { "o4-mini", "high", "high" },  { "gpt-5", "none", "minimal" },
        { "gpt-5-mini", "low", "low" }, { "gpt-5.1", "minimal", "low" }, { "gpt-5.1", "none", "none" }, { "gpt-5-pro", "low", "high" },
        { "gpt-5-chat-latest", "low", NULL }, { "gpt-4o", "low", NULL }, { "openai/gpt-5", "medium", "medium" }, { "gpt-oss:20b", "none", "low" },
        { "gpt-5", "ludicrous", NULL }, { "gpt-5", "xhigh", "high" },    { "o3", "xhigh", "high" },       { "gpt-5.2", "xhigh", "xhigh" },
        { "gpt-5.1-codex", "none", "low" }, { "gpt-5.1-codex", "xhigh", "high" }, { "gpt-5.1-codex-max", "xhigh", "xhigh" },
        { "gpt-5.2-chat-latest", "high", "medium" }, { "gpt-5.2-pro", "none", "medium" }, { "gpt-5.5", "minimal", "low" },
        { "gpt-5.5-2026-04-23", "xhigh", "xhigh" }, { "gpt-5-pro", "xhigh", "high" }, { "gpt-oss:20b", "xhigh", "high" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        json_t *options = json_pack("{s:s}", "reasoning_effort", cases[i].wanted);
        struct orb_model_call call = { .model = cases[i].model, .options = options };
        const char *sent = orb_openai_effort(&call, orb_openai_rules(&orb_provider_openai, call.model));
        if (strcmp(sent ? sent : "-", cases[i].sent ? cases[i].sent : "-") != 0)
            fail_msg("%s: %s is sent as %s, expected %s", cases[i].model, cases[i].wanted, sent, cases[i].sent);
        json_decref(options);
    }
}

static void strict_schemas(void **state)
{
#define CLOSED ",\"additionalProperties\":false}"
    static const struct {
        const char *schema;
        int is_strict;
    } cases[] = {
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"description\":\"x\"}},\"required\":[\"a\"]" CLOSED, 1 },
        { "{\"type\":\"object\",\"properties\":{}" CLOSED, 1 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/b\"}]}}},\"required\":[\"a\"],"
          "\"$defs\":{\"b\":{\"enum\":[1]}}" CLOSED, 1 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}" CLOSED, 0 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}", 0 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"object\",\"null\"]}},\"required\":[\"a\"]" CLOSED, 0 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"default\":1}},\"required\":[\"a\"]" CLOSED, 0 },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"allOf\":[]}},\"required\":[\"a\"]" CLOSED, 0 },
        { "{\"type\":\"object\",\"properties\":{\"a\":true},\"required\":[\"a\"]" CLOSED, 0 },
        { "{\"type\":\"object\",\"properties\":{},\"anyOf\":[]" CLOSED, 0 },
        { "{\"type\":\"string\"}", 0 },
        { "{}", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        json_t *schema = json_loads(cases[i].schema, 0, NULL);
        assert_non_null(schema);
        if (orb_openai_is_strict(schema) != cases[i].is_strict)
            fail_msg("%s: expected strict %d", cases[i].schema, cases[i].is_strict);
        json_decref(schema);
    }
}

static void items(void **state)
{
    (void)state;
    RESPONSES("m",
              "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
              "{\"type\":\"image_url\",\"url\":\"http://x/y\"},{\"type\":\"image_data\",\"data\":\"QQ==\",\"media_type\":\"image/png\"},"
              "{\"type\":\"document\",\"data\":\"QQ==\",\"title\":\"a.pdf\"},{\"type\":\"audio\",\"data\":\"QQ==\"}]},"
              "{\"role\":\"assistant\",\"content\":\"so\",\"tool_calls\":[{\"id\":\"c1\",\"name\":\"add\",\"arguments\":\"\"}]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"x\",\"error\":\"no\"},{\"role\":\"system\",\"content\":\"go on\"}]}",
              "{\"model\": \"m\", \"instructions\": \"be brief\", \"input\": [{\"role\": \"user\", \"content\": [{\"type\": \"input_text\", \"text\": \"see\"}, "
              "{\"type\": \"input_image\", \"image_url\": \"http://x/y\", \"detail\": \"auto\"}, "
              "{\"type\": \"input_image\", \"image_url\": \"data:image/png;base64,QQ==\", \"detail\": \"auto\"}, "
              "{\"type\": \"input_file\", \"filename\": \"a.pdf\", \"file_data\": \"data:application/pdf;base64,QQ==\"}, "
              "{\"type\": \"input_text\", \"text\": \"[audio: cannot be sent to this model]\"}]}, "
              "{\"role\": \"assistant\", \"content\": \"so\"}, {\"type\": \"function_call\", \"call_id\": \"c1\", \"name\": \"add\", \"arguments\": \"{}\"}, "
              "{\"type\": \"function_call_output\", \"call_id\": \"c1\", \"output\": \"no\"}, {\"role\": \"developer\", \"content\": \"go on\"}]" TAIL
              ", \"temperature\": 1.0}");
}

#define TURN(by) "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"hm\",\"tool_calls\":[{\"id\":\"a\",\"name\":\"f\",\"arguments\":\"1\"}," \
    "{\"id\":\"b\",\"name\":\"f\",\"arguments\":\"2\"},{\"id\":\"c\",\"name\":\"f\",\"arguments\":\"3\"}],\"kept_by\":\"" by "\",\"kept\":[" \
    "{\"type\":\"reasoning\",\"id\":\"r1\",\"encrypted_content\":\"e\"},{\"type\":\"function_call\",\"call_id\":\"b\"},{\"type\":\"function_call\",\"call_id\":\"gone\"}," \
    "{\"type\":\"reasoning\",\"id\":\"r2\"},{\"type\":\"message\",\"phase\":\"commentary\"},{\"type\":\"function_call\",\"call_id\":\"a\"}," \
    "{\"type\":\"function_call\",\"call_id\":\"a\"}]}]}"
#define CALL_OUT(id, n) "{\"type\": \"function_call\", \"call_id\": \"" id "\", \"name\": \"f\", \"arguments\": \"" n "\"}"

/* Reasoning goes back as it came and where it stood; what the turn says of its calls has the last word. */
static void kept_items(void **state)
{
    (void)state;
    RESPONSES("m", TURN("responses"),
              "{\"model\": \"m\", \"input\": [{\"role\": \"user\", \"content\": \"q\"}, {\"type\": \"reasoning\", \"id\": \"r1\", \"encrypted_content\": \"e\"}, "
              CALL_OUT("b", "2") ", {\"type\": \"reasoning\", \"id\": \"r2\"}, {\"role\": \"assistant\", \"content\": \"hm\", \"phase\": \"commentary\"}, "
              CALL_OUT("a", "1") ", " CALL_OUT("c", "3") "]" TAIL ", \"temperature\": 1.0}");
    RESPONSES("m", TURN("anthropic"),
              "{\"model\": \"m\", \"input\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"hm\"}, " CALL_OUT("a", "1") ", "
              CALL_OUT("b", "2") ", " CALL_OUT("c", "3") "]" TAIL ", \"temperature\": 1.0}");
}

/* ---- replies ---- */

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define TEXT(text) EVENT("response.output_text.delta", ",\"output_index\":0,\"delta\":\"" text "\"")
#define ADDED(index, item) EVENT("response.output_item.added", ",\"output_index\":" index ",\"item\":{" item "}")
#define ITEM(index, item) EVENT("response.output_item.done", ",\"output_index\":" index ",\"item\":{" item "}")
#define CALL(id, call_id, args) "\"type\":\"function_call\",\"id\":\"" id "\",\"call_id\":\"" call_id "\",\"name\":\"add\",\"arguments\":\"" args "\""
#define ARGS(index, text) EVENT("response.function_call_arguments.delta", ",\"output_index\":" index ",\"delta\":\"" text "\"")
#define COMPLETED EVENT("response.completed", ",\"response\":{}")

static const struct test_reply_case replies[] = {
    { "plain", EVENT("response.created", ",\"response\":{\"instructions\":\"x\"}") TEXT("he") TEXT("llo") EVENT("response.output_text.done", ",\"text\":\"hello\"")
      EVENT("response.completed", ",\"response\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":5,\"total_tokens\":14,\"input_tokens_details\":{\"cached_tokens\":3},"
            "\"output_tokens_details\":{\"reasoning_tokens\":2}}}"), "T(he)T(llo)U(9,5,14,3,2)F(stop)", 0, NULL },
    { "tokens written to the cache", TEXT("a") EVENT("response.completed", ",\"response\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":5,\"total_tokens\":14,"
      "\"input_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":6}}}"), "T(a)U(9,5,14,3,0,6)F(stop)", 0, NULL },
    { "what is not looked at is not parsed", "event: response.in_progress\ndata: {\"no JSON\n\n" TEXT("a") COMPLETED, "T(a)F(stop)", 0, NULL },
    { "unknown events and types", EVENT("response.novelty", "") "event: keepalive\ndata: {}\n\n" TEXT("a") COMPLETED, "T(a)F(stop)", 0, NULL },
    { "no event names", "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\ndata: {\"type\":\"response.completed\"}\n\n", "T(a)F(stop)", 0, NULL },
    { "a [DONE] that some servers send", TEXT("a") "data: [DONE]\n\n" COMPLETED, "T(a)F(stop)", 0, NULL },
    { "nothing after the end", TEXT("a") COMPLETED TEXT("b"), "T(a)F(stop)", 0, NULL },
    { "calls", ADDED("0", CALL("fc1", "c1", "")) ADDED("1", CALL("fc2", "c2", "")) ARGS("1", "{") ARGS("0", "[") ARGS("1", "}")
      EVENT("response.function_call_arguments.done", ",\"output_index\":1,\"arguments\":\"{}\"") ITEM("1", CALL("fc2", "c2", "{}")) COMPLETED,
      "C0(c1,add,)C1(c2,add,)C1(,,{)C0(,,[)C1(,,})F(tool_calls)", 0, NULL },
    { "arguments only whole", ADDED("0", CALL("fc1", "c1", "")) EVENT("response.function_call_arguments.done", ",\"item_id\":\"fc1\",\"arguments\":\"{}\"")
      ITEM("0", CALL("fc1", "c1", "{}")) COMPLETED, "C0(c1,add,)C0(,,{})F(tool_calls)", 0, NULL },
    { "an item that was not announced", ITEM("0", CALL("fc1", "c1", "{}")) COMPLETED, "C0(c1,add,)C0(,,{})F(tool_calls)", 0, NULL },
    { "a call without id", ADDED("0", "\"type\":\"function_call\",\"name\":\"add\",\"arguments\":\"{}\"") COMPLETED, "C0(own,add,)C0(,,{})F(tool_calls)", 0, NULL },
    { "arguments of nothing", ARGS("3", "{}") COMPLETED, "", ORB_E_PROTOCOL, NULL },
    { "reasoning", EVENT("response.reasoning_summary_part.added", ",\"summary_index\":0") EVENT("response.reasoning_summary_text.delta", ",\"delta\":\"h\"")
      EVENT("response.reasoning_summary_part.added", ",\"summary_index\":1") EVENT("response.reasoning_text.delta", ",\"delta\":\"m\"") COMPLETED, "R(h)R(\n\n)R(m)F(stop)", 0, NULL },
    { "what is kept", ITEM("0", "\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[],\"encrypted_content\":\"e\"") ITEM("1", "\"type\":\"message\",\"phase\":\"p\",\"content\":[1]")
      ITEM("2", "\"type\":\"message\"") ITEM("3", CALL("f", "c", "1")) ITEM("4", "\"type\":\"web_search_call\"") COMPLETED,
      "C0(c,add,)C0(,,1)K{\"encrypted_content\":\"e\",\"id\":\"r\",\"summary\":[],\"type\":\"reasoning\"}K{\"phase\":\"p\",\"type\":\"message\"}K{\"type\":\"message\"}"
      "K{\"call_id\":\"c\",\"type\":\"function_call\"}F(tool_calls)", 0, NULL },
    { "reasoning that cannot go back", ITEM("0", "\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[]") ITEM("1", CALL("f", "c", "{}")) COMPLETED,
      "C0(c,add,)C0(,,{})F(tool_calls)", 0, NULL },
    { "reasoning in the open", ITEM("0", "\"type\":\"reasoning\",\"id\":\"r\",\"content\":[{\"type\":\"reasoning_text\",\"text\":\"hm\"}]") TEXT("a") COMPLETED,
      "T(a)K{\"content\":[{\"text\":\"hm\",\"type\":\"reasoning_text\"}],\"id\":\"r\",\"type\":\"reasoning\"}F(stop)", 0, NULL },
    { "refusal", EVENT("response.refusal.delta", ",\"delta\":\"no\"") COMPLETED, "T(no)F(filter)", 0, NULL },
    { "length", TEXT("a") EVENT("response.incomplete", ",\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"),
      "T(a)U(1,2,3)F(length)", 0, NULL },
    { "filter", EVENT("response.incomplete", ",\"response\":{\"incomplete_details\":{\"reason\":\"content_filter\"}}"), "F(filter)", 0, NULL },
    { "failed", TEXT("a") EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}"), "T(a)", ORB_E_MODEL_RATE, NULL },
    { "failed for good", EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"invalid_prompt\",\"message\":\"m\"}}"), "", ORB_E_MODEL_INVALID, NULL },
    { "failed for its image", EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"image_too_large\",\"message\":\"m\"}}"), "", ORB_E_MODEL_INVALID, NULL },
    { "failed for a bad one", EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"invalid_base64_image\",\"message\":\"m\"}}"), "", ORB_E_MODEL_INVALID, NULL },
    { "failed for what it shows", EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"image_content_policy_violation\",\"message\":\"m\"}}"), "", ORB_E_MODEL_FILTER, NULL },
    { "failed without a reason", EVENT("response.failed", ",\"response\":{\"error\":null}"), "", ORB_E_MODEL_SERVER, NULL },
    { "error", "event: error\ndata: {\"type\":\"error\",\"code\":\"context_length_exceeded\",\"message\":\"m\",\"param\":null}\n\n", "", ORB_E_MODEL_CONTEXT, NULL },
    { "error in a member", "event: error\ndata: {\"type\":\"error\",\"error\":{\"code\":\"insufficient_quota\",\"message\":\"m\"}}\n\n", "", ORB_E_MODEL_QUOTA, NULL },
    { "error without a type", "data: {\"error\":{\"message\":\"x\",\"code\":503}}\n\n", "", ORB_E_MODEL_OVERLOADED, NULL },
    { "cut", TEXT("a"), "T(a)", ORB_E_MODEL_TRUNCATED, NULL },
    { "nothing", "", "", ORB_E_MODEL_TRUNCATED, NULL },
    { "no JSON", "event: error\ndata: {\"x\n\n", "", ORB_E_PROTOCOL, NULL },
    { "JSON that is no object", "data: 12\n\ndata: [1]\n\ndata: null\n\n" TEXT("a") COMPLETED, "T(a)F(stop)", 0, NULL },
    { "members of other types", EVENT("response.output_text.delta", ",\"delta\":7") EVENT("response.output_item.added", ",\"item\":3") EVENT("response.output_item.done", "")
      EVENT("response.completed", ",\"response\":\"x\""), "F(stop)", 0, NULL },
};

static void events(void **state)
{
    (void)state;
    test_replies(&orb_provider_responses, replies, ORB_COUNT(replies));
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    test_replies_cut(&orb_provider_responses, replies, ORB_COUNT(replies));
}

static void limits(void **state)
{
    struct orb_buf text;
    (void)state;
    orb_buf_init(&text, 16 << 20);
    for (int i = 0; i < 257; i++)
        orb_buf_printf(&text, ADDED("%d", CALL("f%d", "c%d", "{}")), i, i, i);
    test_reply_over(&orb_provider_responses, text.data, text.len, "more than 256 tool calls");
    orb_buf_reset(&text);
    char *large = orb_alloc(900001);
    memset(large, 'x', 900000);
    for (int i = 0; i < 5; i++)
        orb_buf_printf(&text, ITEM("%d", "\"type\":\"reasoning\",\"encrypted_content\":\"%s\""), i, large);
    test_reply_over(&orb_provider_responses, text.data, text.len, "over 4 MiB");
    orb_buf_done(&text);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters), cmocka_unit_test(efforts),   cmocka_unit_test(strict_schemas),    cmocka_unit_test(items),
        cmocka_unit_test(kept_items), cmocka_unit_test(events),    cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(limits),
        cmocka_unit_test(a_schema_in_words),
    };
    setenv("OPENAI_API_KEY", "sk-test", 1);
    unsetenv("OPENAI_BASE_URL");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
