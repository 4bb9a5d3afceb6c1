/* Anthropic's Messages API: requests byte by byte, replies to deltas. */
#include "base/base.h"
#include "model/anthropic.h"
#include "support/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct orb_provider *const anthropic = &orb_provider_anthropic;

/* ---- requests ---- */

static void environment(const char *key, const char *token, const char *base)
{
    static const char *const names[] = { "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL" };
    const char *const values[] = { key, token, base };
    for (size_t i = 0; i < ORB_COUNT(names); i++) {
        unsetenv(names[i]);
        if (values[i])
            setenv(names[i], values[i], 1);
    }
}

/* What is asked; texts are JSON. */
struct ask {
    const char *model, *messages, *tools, *options, *schema;
    double temperature;
    int64_t max_tokens;
};

static json_t *parse(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    assert_true(!text || value);
    return value;
}

static int build(const struct ask *a, struct orb_model_request *out, struct orb_error *err)
{
    json_t *options = parse(a->options), *schema = parse(a->schema);
    struct orb_model_call call = { .model = a->model, .messages = parse(a->messages), .tools = parse(a->tools), .options = options,
                                   .output_schema = schema, .output_name = "answer",
                                   .temperature = a->temperature > 0 ? a->temperature : 1.0, .max_tokens = a->max_tokens };
    memset(out, 0, sizeof(*out));
    int rc = anthropic->codec->request(anthropic, &call, out, err);
    json_decref(call.messages);
    json_decref(call.tools);
    json_decref(options);
    json_decref(schema);
    return rc;
}

static void request_done(struct orb_model_request *r)
{
    orb_buf_done(&r->headers);
    orb_buf_done(&r->body);
}

static void expect_body(const struct ask *a, const char *body)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    if (build(a, &r, &err))
        fail_msg("%s: %s", a->messages, err.text);
    assert_string_equal(r.body.data, body);
    json_decref(parse(r.body.data));
    request_done(&r);
}

#define HI "[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_OUT "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"hi\"}]}]"
#define HI_START "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"hi\"}]}, "
#define PLAIN "{\"cache\": false}" /* options without hints */
#define CACHE ", \"cache_control\": {\"type\": \"ephemeral\"}"
#define HEAD(model, max) "{\"model\": \"" model "\", \"max_tokens\": " max ", \"stream\": true, "
#define OLD "claude-3-5-haiku"  /* no thinking: nothing but what is asked */
#define NEW "claude-opus-4-8"

static void golden_sampling(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = PLAIN }, HEAD(OLD, "8192") HI_OUT "}");
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = PLAIN, .temperature = 0.2, .max_tokens = 9 }, HEAD(OLD, "9") HI_OUT ", \"temperature\": 0.2}");
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = "{\"cache\": false, \"top_p\": 0.5}" }, HEAD(OLD, "8192") HI_OUT ", \"top_p\": 0.5}");
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = "{\"cache\": false, \"top_p\": 0.5}", .temperature = 0.1 },
                HEAD(OLD, "8192") HI_OUT ", \"temperature\": 0.1}"); /* both are rejected */
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = PLAIN, .temperature = 1.5 }, HEAD(OLD, "8192") HI_OUT "}"); /* higher than there is */
    /* New models reject them; so do all while they think. */
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = "{\"cache\": false, \"top_p\": 0.5}", .temperature = 0.1 }, HEAD(NEW, "32000") HI_OUT "}");
    expect_body(&(struct ask){ .model = "claude-opus-4-7-20260101", .messages = HI, .options = PLAIN, .temperature = 0.1 },
                HEAD("claude-opus-4-7-20260101", "32000") HI_OUT "}");
    expect_body(&(struct ask){ .model = "claude-sonnet-5", .messages = HI, .options = PLAIN, .temperature = 0.1 }, HEAD("claude-sonnet-5", "32000") HI_OUT "}");
    expect_body(&(struct ask){ .model = "claude-sonnet-4-6", .messages = HI, .options = PLAIN, .temperature = 0.1 },
                HEAD("claude-sonnet-4-6", "32000") HI_OUT ", \"temperature\": 0.1}");
    expect_body(&(struct ask){ .model = "qwen3", .messages = HI, .options = PLAIN, .temperature = 0.1 }, HEAD("qwen3", "4096") HI_OUT ", \"temperature\": 0.1}");
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = "{\"cache\": false, \"stop\": [\"\\n\", \"END\", \"\", \"x\"]}" },
                HEAD(OLD, "8192") HI_OUT ", \"stop_sequences\": [\"END\", \"x\"]}");
}

#define EFFORT(level) "{\"cache\": false, \"reasoning_effort\": \"" level "\"}"
#define BUDGET(n) ", \"thinking\": {\"type\": \"enabled\", \"budget_tokens\": " n "}}"
#define ADAPTIVE(level) ", \"thinking\": {\"type\": \"adaptive\", \"display\": \"summarized\"}, \"output_config\": {\"effort\": \"" level "\"}}"

static void golden_thinking(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = EFFORT("none") }, HEAD(NEW, "32000") HI_OUT "}");
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = EFFORT("minimal") }, HEAD(NEW, "32000") HI_OUT ADAPTIVE("low"));
    expect_body(&(struct ask){ .model = "claude-opus-5", .messages = HI, .options = EFFORT("high") }, HEAD("claude-opus-5", "32000") HI_OUT ADAPTIVE("high"));
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = EFFORT("xhigh") }, HEAD(NEW, "32000") HI_OUT ADAPTIVE("xhigh"));
    expect_body(&(struct ask){ .model = "claude-sonnet-4-6", .messages = HI, .options = EFFORT("xhigh") }, HEAD("claude-sonnet-4-6", "32000") HI_OUT ADAPTIVE("max"));
    expect_body(&(struct ask){ .model = "claude-sonnet-4-5", .messages = HI, .options = EFFORT("xhigh"), .max_tokens = 64000 },
                HEAD("claude-sonnet-4-5", "64000") HI_OUT BUDGET("32000"));
    expect_body(&(struct ask){ .model = "claude-opus-4-6", .messages = HI, .options = EFFORT("medium"), .temperature = 0.5 },
                HEAD("claude-opus-4-6", "32000") HI_OUT ADAPTIVE("medium"));
    expect_body(&(struct ask){ .model = "claude-sonnet-4-5-20250929", .messages = HI, .options = EFFORT("low"), .temperature = 0.5 },
                HEAD("claude-sonnet-4-5-20250929", "32000") HI_OUT BUDGET("4096"));
    expect_body(&(struct ask){ .model = "claude-opus-4-20250514", .messages = HI, .options = EFFORT("high") }, HEAD("claude-opus-4-20250514", "32000") HI_OUT BUDGET("16000"));
    expect_body(&(struct ask){ .model = "claude-3-7-sonnet-latest", .messages = HI, .options = EFFORT("high"), .max_tokens = 3000 },
                HEAD("claude-3-7-sonnet-latest", "3000") HI_OUT BUDGET("1500"));
    expect_body(&(struct ask){ .model = "claude-haiku-4-5", .messages = HI, .options = EFFORT("high"), .max_tokens = 1025 }, HEAD("claude-haiku-4-5", "1025") HI_OUT BUDGET("1024"));
    expect_body(&(struct ask){ .model = "claude-haiku-4-5", .messages = HI, .options = EFFORT("high"), .max_tokens = 1024 }, HEAD("claude-haiku-4-5", "1024") HI_OUT "}");
    expect_body(&(struct ask){ .model = OLD, .messages = HI, .options = EFFORT("high") }, HEAD(OLD, "8192") HI_OUT "}");
}

#define TOOLS "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{}}},{\"name\":\"now\",\"parameters\":{}}]"
#define TOOLS_OUT ", \"tools\": [{\"name\": \"add\", \"description\": \"adds\", \"input_schema\": {\"type\": \"object\", \"properties\": {}}}, " \
                  "{\"name\": \"now\", \"input_schema\": {\"type\": \"object\"}}]"

static void golden_tools(void **state)
{
    static const struct {
        const char *options, *choice;
    } choices[] = {
        { "{\"cache\": false}", "" },
        { "{\"cache\": false, \"tool_choice\": \"auto\"}", ", \"tool_choice\": {\"type\": \"auto\"}" },
        { "{\"cache\": false, \"tool_choice\": \"none\", \"parallel_tool_calls\": false}", ", \"tool_choice\": {\"type\": \"none\"}" },
        { "{\"cache\": false, \"tool_choice\": \"required\"}", ", \"tool_choice\": {\"type\": \"any\"}" },
        { "{\"cache\": false, \"tool_choice\": \"add\", \"parallel_tool_calls\": false}",
          ", \"tool_choice\": {\"type\": \"tool\", \"name\": \"add\", \"disable_parallel_tool_use\": true}" },
        { "{\"cache\": false, \"parallel_tool_calls\": false}", ", \"tool_choice\": {\"type\": \"auto\", \"disable_parallel_tool_use\": true}" },
        { "{\"cache\": false, \"parallel_tool_calls\": true}", "" },
        /* A forced tool and thinking are rejected together. */
        { "{\"cache\": false, \"tool_choice\": \"required\", \"reasoning_effort\": \"high\"}", ", \"tool_choice\": {\"type\": \"any\"}" },
    };
    (void)state;
    environment("sk", NULL, NULL);
    for (size_t i = 0; i < ORB_COUNT(choices); i++) {
        char body[1024];
        snprintf(body, sizeof(body), "%s%s%s%s}", HEAD(NEW, "32000"), HI_OUT, TOOLS_OUT, choices[i].choice);
        expect_body(&(struct ask){ .model = NEW, .messages = HI, .tools = TOOLS, .options = choices[i].options }, body);
    }
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .tools = "[]", .options = "{\"cache\": false, \"tool_choice\": \"required\"}" }, HEAD(NEW, "32000") HI_OUT "}");
}

static void golden_turns(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = OLD, .messages =
                "[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},{\"role\":\"user\",\"content\":\"1+1? \\u00e9\"},"
                "{\"role\":\"assistant\",\"content\":\" \",\"tool_calls\":[{\"id\":\"c/1\",\"name\":\"add\",\"arguments\":\"{\\\"x\\\":1}\"},"
                "{\"id\":\"c2\",\"name\":\"now\",\"arguments\":\"\"},{\"id\":\"c3\",\"name\":\"bad\",\"arguments\":\"[1\"}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c/1\",\"tool_name\":\"add\",\"content\":\"2\",\"error\":null},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"tool_name\":\"now\",\"content\":\"x\",\"error\":\"no clock\"},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c3\",\"tool_name\":\"bad\",\"content\":\"\",\"error\":\"\"},"
                "{\"role\":\"user\",\"content\":\"go on\"},{\"role\":\"user\",\"content\":\"\"},{\"role\":\"system\",\"content\":\"and kind\"},"
                "{\"role\":\"assistant\",\"content\":\"two\",\"tool_calls\":[]},{\"role\":\"assistant\"},{\"role\":\"assistant\",\"content\":\"three\"},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"four\"}]},"
                "{\"role\":\"user\",\"content\":\"  \"},{\"role\":\"user\",\"content\":\"end\"}]", .options = PLAIN },
                HEAD(OLD, "8192") "\"system\": \"be \\\"brief\\\"\\nand kind\", \"messages\": ["
                "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"1+1? \\u00e9\"}]}, "
                "{\"role\": \"assistant\", \"content\": [{\"type\": \"tool_use\", \"id\": \"c_1\", \"name\": \"add\", \"input\": {\"x\": 1}}, "
                "{\"type\": \"tool_use\", \"id\": \"c2\", \"name\": \"now\", \"input\": {}}, "
                "{\"type\": \"tool_use\", \"id\": \"c3\", \"name\": \"bad\", \"input\": {\"arguments\": \"[1\"}}]}, "
                "{\"role\": \"user\", \"content\": [{\"type\": \"tool_result\", \"tool_use_id\": \"c_1\", \"content\": \"2\"}, "
                "{\"type\": \"tool_result\", \"tool_use_id\": \"c2\", \"content\": \"no clock\", \"is_error\": true}, "
                "{\"type\": \"tool_result\", \"tool_use_id\": \"c3\", \"content\": \"error\", \"is_error\": true}, "
                "{\"type\": \"text\", \"text\": \"go on\"}]}, "
                "{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"two\"}, {\"type\": \"text\", \"text\": \"three\"}, "
                "{\"type\": \"text\", \"text\": \"four\"}]}, {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"end\"}]}]}");
}

static void golden_blocks(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = OLD, .messages =
                "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"text\",\"text\":\"\"},"
                "{\"type\":\"image_url\",\"url\":\"http://x/y\"},{\"type\":\"image_url\",\"url\":\"data:image/gif;base64,R0k=\"},"
                "{\"type\":\"image_data\",\"data\":\"QQ==\",\"media_type\":\"image/png\"},{\"type\":\"image_data\",\"data\":\"QQ==\"},"
                "{\"type\":\"document\",\"data\":\"QQ==\",\"title\":\"a.pdf\"},{\"type\":\"document\",\"data\":\"QQ==\",\"media_type\":\"text/csv\"},"
                "{\"type\":\"document\",\"data\":\"/w==\",\"media_type\":\"text/plain\"},{\"type\":\"document\",\"data\":\"QQ==\",\"media_type\":\"application/zip\"},"
                "{\"type\":\"audio\",\"data\":\"QQ==\"},{\"type\":\"video\",\"url\":\"v\"}]},"
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"name\":\"f\"},{\"id\":\"d\",\"name\":\"f\"}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"a\"},"
                "{\"type\":\"image_data\",\"data\":\"QQ==\"},{\"type\":\"audio\"}]},{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":\"\"}]",
                .options = PLAIN },
                HEAD(OLD, "8192") "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"see\"}, "
                "{\"type\": \"image\", \"source\": {\"type\": \"url\", \"url\": \"http://x/y\"}}, "
                "{\"type\": \"image\", \"source\": {\"type\": \"base64\", \"media_type\": \"image/gif\", \"data\": \"R0k=\"}}, "
                "{\"type\": \"image\", \"source\": {\"type\": \"base64\", \"media_type\": \"image/png\", \"data\": \"QQ==\"}}, "
                "{\"type\": \"image\", \"source\": {\"type\": \"base64\", \"media_type\": \"image/jpeg\", \"data\": \"QQ==\"}}, "
                "{\"type\": \"document\", \"source\": {\"type\": \"base64\", \"media_type\": \"application/pdf\", \"data\": \"QQ==\"}, \"title\": \"a.pdf\"}, "
                "{\"type\": \"document\", \"source\": {\"type\": \"text\", \"media_type\": \"text/plain\", \"data\": \"A\"}}, "
                "{\"type\": \"text\", \"text\": \"[document: cannot be sent to this model]\"}, "
                "{\"type\": \"text\", \"text\": \"[document: cannot be sent to this model]\"}, "
                "{\"type\": \"text\", \"text\": \"[audio: cannot be sent to this model]\"}, "
                "{\"type\": \"text\", \"text\": \"[video: cannot be sent to this model]\"}]}, "
                "{\"role\": \"assistant\", \"content\": [{\"type\": \"tool_use\", \"id\": \"c\", \"name\": \"f\", \"input\": {}}, "
                "{\"type\": \"tool_use\", \"id\": \"d\", \"name\": \"f\", \"input\": {}}]}, "
                "{\"role\": \"user\", \"content\": [{\"type\": \"tool_result\", \"tool_use_id\": \"c\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}, "
                "{\"type\": \"image\", \"source\": {\"type\": \"base64\", \"media_type\": \"image/jpeg\", \"data\": \"QQ==\"}}, "
                "{\"type\": \"text\", \"text\": \"[audio: cannot be sent to this model]\"}]}, {\"type\": \"tool_result\", \"tool_use_id\": \"d\"}]}]}");
}

#define CALLS(ids) "{\"role\":\"assistant\",\"tool_calls\":[" ids "]}"
#define ONE(id) "{\"id\":\"" id "\",\"name\":\"f\"}"
#define ANSWER(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define CALLED(id) "{\"type\": \"tool_use\", \"id\": \"" id "\", \"name\": \"f\", \"input\": {}}"
#define ANSWERED(id, text) "{\"type\": \"tool_result\", \"tool_use_id\": \"" id "\", \"content\": \"" text "\"}"

/* The API takes no id twice, and other providers begin anew with every reply. */
static void ids_are_unique(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = OLD, .messages =
                "[{\"role\":\"user\",\"content\":\"hi\"}," CALLS(ONE("c") "," ONE("c/") "," ONE("c")) "," ANSWER("c", "1") "," ANSWER("c/", "2") "," ANSWER("c", "3") ","
                CALLS(ONE("c") "," ONE("c_")) "," ANSWER("c_", "5") "," ANSWER("c", "4") "]", .options = PLAIN },
                HEAD(OLD, "8192") HI_START "{\"role\": \"assistant\", \"content\": [" CALLED("c") ", " CALLED("c_") ", " CALLED("c_2") "]}, {\"role\": \"user\", \"content\": ["
                ANSWERED("c", "1") ", " ANSWERED("c_", "2") ", " ANSWERED("c_2", "3") "]}, {\"role\": \"assistant\", \"content\": [" CALLED("c_3") ", " CALLED("c__2") "]}, "
                "{\"role\": \"user\", \"content\": [" ANSWERED("c__2", "5") ", " ANSWERED("c_3", "4") "]}]}");
}

#define THOUGHT "{\"type\": \"thinking\", \"thinking\": \"hm\", \"signature\": \"s1\"}"
#define HIDDEN "{\"type\": \"redacted_thinking\", \"data\": \"x\"}"
#define TURN(kept_by, kept) "[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"one two\",\"kept_by\":\"" kept_by "\",\"kept\":" kept "," \
                            "\"tool_calls\":[{\"id\":\"a\",\"name\":\"f\",\"arguments\":\"{}\"},{\"id\":\"b\",\"name\":\"f\",\"arguments\":\"{}\"}]}," \
                            "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"2\"}]"
#define USE(id) "{\"type\": \"tool_use\", \"id\": \"" id "\", \"name\": \"f\", \"input\": {}}"
#define WORDS(text) "{\"type\": \"text\", \"text\": \"" text "\"}"
#define TURN_OUT(content) "\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"hi\"}]}, {\"role\": \"assistant\", \"content\": [" content \
                          "]}, {\"role\": \"user\", \"content\": [{\"type\": \"tool_result\", \"tool_use_id\": \"a\", \"content\": \"1\"}, " \
                          "{\"type\": \"tool_result\", \"tool_use_id\": \"b\", \"content\": \"2\"}]}]"

static void thinking_goes_back_to_its_place(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = NEW, .messages = TURN("anthropic", "[" THOUGHT "," HIDDEN "]"), .options = PLAIN },
                HEAD(NEW, "32000") TURN_OUT(THOUGHT ", " HIDDEN ", " WORDS("one two") ", " USE("a") ", " USE("b")) "}");
    expect_body(&(struct ask){ .model = NEW, .messages = TURN("anthropic", "[" THOUGHT ",{\"text\":4,\"calls\":0,\"block\":" HIDDEN "},{\"text\":7,\"calls\":1,\"block\":" THOUGHT "}]"),
                               .options = PLAIN },
                HEAD(NEW, "32000") TURN_OUT(THOUGHT ", " WORDS("one ") ", " HIDDEN ", " WORDS("two") ", " USE("a") ", " THOUGHT ", " USE("b")) "}");
    expect_body(&(struct ask){ .model = NEW, .messages = TURN("anthropic", "[{\"text\":9000,\"calls\":7,\"block\":" THOUGHT "}]"), .options = PLAIN }, /* longer than what is left of it */
                HEAD(NEW, "32000") TURN_OUT(WORDS("one two") ", " USE("a") ", " USE("b") ", " THOUGHT) "}");
    expect_body(&(struct ask){ .model = NEW, .messages = TURN("gemini", "[" THOUGHT "]"), .options = PLAIN },
                HEAD(NEW, "32000") TURN_OUT(WORDS("one two") ", " USE("a") ", " USE("b")) "}");
    /* By a budget the API demands it, so another provider's turn is gone on with without. */
    expect_body(&(struct ask){ .model = "claude-haiku-4-5", .messages = TURN("gemini", "[" THOUGHT "]"), .options = EFFORT("high") },
                HEAD("claude-haiku-4-5", "32000") TURN_OUT(WORDS("one two") ", " USE("a") ", " USE("b")) "}");
    expect_body(&(struct ask){ .model = "claude-haiku-4-5", .messages = TURN("anthropic", "[" THOUGHT "]"), .options = EFFORT("low") },
                HEAD("claude-haiku-4-5", "32000") TURN_OUT(THOUGHT ", " WORDS("one two") ", " USE("a") ", " USE("b")) BUDGET("4096"));
}

static void golden_cache_hints(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = OLD, .messages = "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"},"
                               "{\"role\":\"assistant\",\"content\":\"c\"}]", .tools = TOOLS },
                HEAD(OLD, "8192") "\"system\": [{\"type\": \"text\", \"text\": \"s\"" CACHE "}], \"messages\": [{\"role\": \"user\", \"content\": ["
                "{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"text\", \"text\": \"b\"" CACHE "}]}, {\"role\": \"assistant\", \"content\": ["
                "{\"type\": \"text\", \"text\": \"c\"}]}], \"tools\": [{\"name\": \"add\", \"description\": \"adds\", \"input_schema\": "
                "{\"type\": \"object\", \"properties\": {}}}, {\"name\": \"now\", \"input_schema\": {\"type\": \"object\"}" CACHE "}]}");
    expect_body(&(struct ask){ .model = OLD, .messages = "[]", .options = "{\"cache\": true}" }, HEAD(OLD, "8192") "\"messages\": []}");
}

#define FORMAT(schema) "\"format\": {\"type\": \"json_schema\", \"schema\": " schema "}"

static void golden_structured_output(void **state)
{
    (void)state;
    environment("sk", NULL, NULL);
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = EFFORT("low"), .schema = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1}}}" },
                HEAD(NEW, "32000") HI_OUT ", \"thinking\": {\"type\": \"adaptive\", \"display\": \"summarized\"}, \"output_config\": {\"effort\": \"low\", "
                FORMAT("{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}}, \"additionalProperties\": false}") "}}");
    /* A member may be called as a keyword is; values are no schemas. */
    expect_body(&(struct ask){ .model = "claude-haiku-4-5", .messages = HI, .options = PLAIN,
                               .schema = "{\"type\":\"object\",\"properties\":{\"minimum\":{\"enum\":[1,2]},\"l\":{\"items\":{\"$ref\":\"#/$defs/a\"}}},"
                                         "\"additionalProperties\":false,\"$defs\":{\"a\":{\"type\":[\"string\",\"null\"],\"maxLength\":3}}}" },
                HEAD("claude-haiku-4-5", "32000") HI_OUT ", \"output_config\": {"
                FORMAT("{\"type\": \"object\", \"properties\": {\"minimum\": {\"enum\": [1, 2]}, \"l\": {\"items\": {\"$ref\": \"#/$defs/a\"}}}, "
                       "\"$defs\": {\"a\": {\"type\": [\"string\", \"null\"]}}, \"additionalProperties\": false}") "}}");
    /* No native mode: of the model, or for the schema. */
    expect_body(&(struct ask){ .model = OLD, .messages = "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"hi\"}]", .options = PLAIN, .schema = "{\"type\":\"array\"}" },
                HEAD(OLD, "8192") "\"system\": \"s\\nGive the final answer as JSON alone, nothing before or behind it, that fits this JSON Schema: {\\\"type\\\": \\\"array\\\"}\", "
                HI_OUT "}");
    expect_body(&(struct ask){ .model = NEW, .messages = HI, .options = PLAIN, .schema = "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}" },
                HEAD(NEW, "32000") "\"system\": \"Give the final answer as JSON alone, nothing before or behind it, that fits this JSON Schema: "
                "{\\\"type\\\": \\\"array\\\", \\\"items\\\": {\\\"type\\\": \\\"object\\\"}}\", " HI_OUT "}");
}

static void schemas(void **state)
{
#define DEFS(a, b) "{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/a\"}},\"$defs\":{\"a\":" a ",\"b\":" b "}}"
    static const struct {
        const char *schema, *sent; /* NULL: it goes in words */
    } cases[] = {
        { "{\"type\":\"string\",\"pattern\":\"^a+$\",\"format\":\"regex\",\"examples\":[{}],\"$comment\":\"x\",\"title\":\"t\"}", "{\"type\": \"string\", \"title\": \"t\"}" },
        { "{\"type\":\"string\",\"format\":\"date\",\"not\":{\"const\":\"\"}}", "{\"type\": \"string\", \"format\": \"date\"}" },
        { "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}" },
        { "{\"oneOf\":[{\"type\":\"string\"}],\"anyOf\":[{\"const\":1}]}", "{\"anyOf\": [{\"const\": 1}]}" },
        { DEFS("{\"anyOf\":[{\"$ref\":\"#/$defs/b\"},{\"items\":{\"$ref\":\"#/$defs/b\"}}]}", "{\"type\":\"string\"}"),
          "{\"type\": \"object\", \"properties\": {\"x\": {\"$ref\": \"#/$defs/a\"}}, \"$defs\": {\"a\": {\"anyOf\": [{\"$ref\": \"#/$defs/b\"}, {\"items\": {\"$ref\": "
          "\"#/$defs/b\"}}]}, \"b\": {\"type\": \"string\"}}, \"additionalProperties\": false}" },
        { DEFS("{\"items\":{\"$ref\":\"#/$defs/b\"}}", "{\"items\":{\"$ref\":\"#/$defs/a\"}}"), NULL }, /* in a circle */
        { "{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#\"}}}", NULL },
        { "{\"type\":\"object\",\"properties\":{\"x\":true}}", NULL },
        { "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":{\"type\":\"string\"}}", NULL },
        { "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"}]}", NULL },
        { "{\"type\":\"string\",\"nullable\":true}", NULL },
        { "{\"enum\":[1,{\"a\":1}]}", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        json_t *schema = parse(cases[i].schema);
        struct orb_buf sent;
        orb_buf_init(&sent, 4096);
        if (orb_anthropic_is_said(schema))
            orb_anthropic_put_schema(&sent, schema);
        if (!sent.data != !cases[i].sent || (sent.data && strcmp(sent.data, cases[i].sent) != 0))
            fail_msg("%s is sent as %s", cases[i].schema, sent.data ? sent.data : "words");
        orb_buf_done(&sent);
        json_decref(schema);
    }
}

static void expect_refused(int code, const char *words, const char *messages)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    assert_int_equal(build(&(struct ask){ .model = OLD, .messages = messages }, &r, &err), code);
    assert_non_null(strstr(err.text, words));
    assert_null(strstr(err.text, "sk-"));
}

static void expect_headers(const char *lines, size_t len)
{
    struct orb_model_request r;
    assert_int_equal(build(&(struct ask){ .model = OLD, .messages = HI }, &r, NULL), 0);
    assert_int_equal(r.headers.len, len);
    assert_memory_equal(r.headers.data, lines, len);
    request_done(&r);
}

static void where_and_as_whom(void **state)
{
#define COMMON "Content-Type: application/json\0Accept: text/event-stream\0Accept-Encoding: identity\0anthropic-version: 2023-06-01\0"
    static const char by_key[] = COMMON "x-api-key: sk-test", by_token[] = COMMON "Authorization: Bearer tok";
    struct orb_model_request r;
    (void)state;
    environment("sk-test", "tok", NULL);
    expect_headers(by_key, sizeof(by_key));
    environment("", "tok", NULL);
    expect_headers(by_token, sizeof(by_token));
    assert_int_equal(build(&(struct ask){ .model = OLD, .messages = HI }, &r, NULL), 0);
    assert_string_equal(r.url, "https://api.anthropic.com/v1/messages");
    request_done(&r);
    environment(NULL, NULL, "http://box:8080/");
    assert_int_equal(build(&(struct ask){ .model = OLD, .messages = HI }, &r, NULL), 0);
    assert_string_equal(r.url, "http://box:8080/v1/messages");
    request_done(&r);
    environment(NULL, NULL, NULL);
    expect_refused(ORB_E_MODEL_AUTH, "ANTHROPIC_API_KEY is not set; set it in the worker's environment", HI);
    environment("sk-with\r\nX: y", NULL, NULL);
    expect_refused(ORB_E_MODEL_AUTH, "ANTHROPIC_API_KEY", HI);
    environment("sk-test", NULL, "ftp://x");
    expect_refused(ORB_E_CONFIG, "ANTHROPIC_BASE_URL", HI);
    environment("sk-test", NULL, NULL);
    expect_refused(ORB_E_MODEL_INVALID, "Unknown message role: 'boss'", "[{\"role\":\"boss\"}]");
}

/* ---- replies ---- */

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define BEGIN EV("message_start", ",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":5,\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":3,\"output_tokens\":1}}")
#define START(i, block) EV("content_block_start", ",\"index\":" i ",\"content_block\":" block)
#define DELTA(i, delta) EV("content_block_delta", ",\"index\":" i ",\"delta\":{" delta "}")
#define STOP(i) EV("content_block_stop", ",\"index\":" i)
#define TEXT0 START("0", "{\"type\":\"text\",\"text\":\"\"}")
#define SAY(i, text) DELTA(i, "\"type\":\"text_delta\",\"text\":\"" text "\"")
#define CALL(i, id, name) START(i, "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}}")
#define ARGS(i, text) DELTA(i, "\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"")
#define THINK(i) START(i, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
#define HM(i, text) DELTA(i, "\"type\":\"thinking_delta\",\"thinking\":\"" text "\"")
#define SIGN(i, text) DELTA(i, "\"type\":\"signature_delta\",\"signature\":\"" text "\"")
#define WHY(reason) EV("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}")
#define END(reason) WHY(reason) EV("message_stop", "")
#define U0 "U(10,1,11,3,0,2)"
#define U1 "U(10,9,19,3,0,2)"

static const struct test_reply_case replies[] = {
    { "plain", BEGIN EV("ping", "") TEXT0 SAY("0", "he") SAY("0", "llo \\u00e9\\ud83d\\ude00") STOP("0") END("end_turn"),
      U0 "T(he)T(llo \u00e9\U0001F600)" U1 "F(stop)", 0, NULL },
    { "text in the start of its block", TEXT0 STOP("0") START("1", "{\"type\":\"text\",\"text\":\"a\"}") END("stop_sequence"), "T(a)U(0,9,9)F(stop)", 0, NULL },
    { "a delta without a start", SAY("3", "a") HM("4", "b") ARGS("5", "{}") SIGN("4", "x") END("end_turn"), "T(a)R(b)U(0,9,9)F(stop)", 0, NULL },
    { "a call in pieces", BEGIN CALL("0", "t1", "add") ARGS("0", "") ARGS("0", "{\\\"x\\\"") ARGS("0", ": 1}") STOP("0") END("tool_use"),
      U0 "C0(t1,add,)C0(,,{\"x\")C0(,,: 1})" U1 "F(tool_calls)", 0, NULL },
    { "no input at all", CALL("1", "t1", "now") STOP("1") END("tool_use"), "C0(t1,now,)C0(,,{})U(0,9,9)F(tool_calls)", 0, NULL },
    { "only an empty piece, no stop", CALL("1", "t1", "now") ARGS("1", "") END("tool_use"), "C0(t1,now,)U(0,9,9)C0(,,{})F(tool_calls)", 0, NULL },
    { "the input whole in the start", START("0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"x\":1}}") STOP("0") END("tool_use"),
      "C0(t,f,)C0(,,{\"x\": 1})U(0,9,9)F(tool_calls)", 0, NULL },
    { "text, then two calls, mixed", TEXT0 SAY("0", "a") STOP("0") CALL("1", "t1", "f") CALL("2", "t2", "g") ARGS("2", "{}") ARGS("1", "{\\\"a\\\":2}") STOP("1") STOP("2") END("tool_use"),
      "T(a)C0(t1,f,)C1(t2,g,)C1(,,{})C0(,,{\"a\":2})U(0,9,9)F(tool_calls)", 0, NULL },
    { "no index, no id", EV("content_block_start", ",\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}")
      EV("content_block_delta", ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}") EV("content_block_stop", "") END("end_turn"),
      "C0(own,f,)C0(,,{})U(0,9,9)F(tool_calls)", 0, NULL },
    { "an index used again, without a stop", CALL("0", "t1", "f") CALL("0", "t2", "g") ARGS("0", "{}") STOP("0") END("tool_use"),
      "C0(t1,f,)C0(,,{})C1(t2,g,)C1(,,{})U(0,9,9)F(tool_calls)", 0, NULL },
    { "thinking is given and kept", THINK("0") HM("0", "h") HM("0", "m") SIGN("0", "s1") SIGN("0", "s2") STOP("0") TEXT0 SAY("1", "a") STOP("1") END("end_turn"),
      "R(h)R(m)K{\"signature\":\"s1s2\",\"thinking\":\"hm\",\"type\":\"thinking\"}T(a)U(0,9,9)F(stop)", 0, NULL },
    { "thinking that is not shown", THINK("0") SIGN("0", "s1") STOP("0") END("end_turn"), "K{\"signature\":\"s1\",\"thinking\":\"\",\"type\":\"thinking\"}U(0,9,9)F(stop)", 0, NULL },
    { "thinking without a signature", THINK("0") HM("0", "h") STOP("0") END("end_turn"), "R(h)U(0,9,9)F(stop)", 0, NULL },
    { "redacted thinking", START("0", "{\"type\":\"redacted_thinking\",\"data\":\"abc\"}") STOP("0") END("end_turn"),
      "K{\"data\":\"abc\",\"type\":\"redacted_thinking\"}U(0,9,9)F(stop)", 0, NULL },
    { "thinking between", TEXT0 SAY("0", "a\\u00e9") STOP("0") CALL("1", "t", "f") STOP("1") THINK("2") SIGN("2", "s") STOP("2") END("tool_use"),
      "T(a\u00e9)C0(t,f,)C0(,,{})K{\"block\":{\"signature\":\"s\",\"thinking\":\"\",\"type\":\"thinking\"},\"calls\":1,\"text\":3}U(0,9,9)F(tool_calls)", 0, NULL },
    { "the server's own tools", START("0", "{\"type\":\"server_tool_use\",\"id\":\"x\",\"name\":\"web_search\",\"input\":{}}") ARGS("0", "{}") STOP("0")
      START("1", "{\"type\":\"web_search_tool_result\",\"content\":[]}") STOP("1") END("pause_turn"), "U(0,9,9)F(length)", 0, NULL },
    { "a pause with calls", CALL("0", "t", "f") STOP("0") END("pause_turn"), "C0(t,f,)C0(,,{})U(0,9,9)F(tool_calls)", 0, NULL },
    { "events and deltas nobody knows", EV("news", ",\"x\":[1]") "data: {\"type\":null}\n\ndata: 12\n\ndata: null\n\ndata: [1]\n\n" START("0", "null")
      DELTA("0", "\"type\":\"citations_delta\",\"citation\":{}") EV("content_block_delta", ",\"index\":0,\"delta\":null")
      EV("content_block_delta", ",\"index\":\"0\",\"delta\":{\"type\":\"text_delta\",\"text\":7}") STOP("9") TEXT0 SAY("0", "a") END("end_turn"), "T(a)U(0,9,9)F(stop)", 0, NULL },
    { "names of events only", "event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\nevent: message_stop\ndata: {}\n\n", "T(a)F(stop)", 0, NULL },
    { "no names of events", "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n", "T(a)F(stop)", 0, NULL },
    { "usage is cumulative, and may be repeated or come late", EV("message_start", ",\"message\":{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}")
      EV("message_delta", ",\"delta\":{},\"usage\":{\"input_tokens\":4,\"cache_read_input_tokens\":1,\"cache_creation_input_tokens\":null,\"output_tokens\":5}")
      EV("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":0,\"output_tokens\":7}") EV("message_stop", ""),
      "U(0,0,0)U(5,5,10,1,0)U(5,7,12,1,0)F(stop)", 0, NULL },
    { "max_tokens, with half a call", CALL("0", "t", "f") ARGS("0", "{\\\"x") END("max_tokens"), "C0(t,f,)C0(,,{\"x)U(0,9,9)F(length)", 0, NULL },
    { "the window is full", END("model_context_window_exceeded"), "U(0,9,9)F(length)", 0, NULL },
    { "refusal", END("refusal"), "U(0,9,9)F(filter)", 0, NULL },
    { "a reason nobody knows", END("because"), "U(0,9,9)F(stop)", 0, NULL },
    { "no message_stop", TEXT0 SAY("0", "a") STOP("0") WHY("end_turn"), "T(a)U(0,9,9)F(stop)", 0, NULL },
    { "[DONE]", TEXT0 SAY("0", "a") "data: [DONE]\n\n" SAY("0", "b"), "T(a)F(stop)", 0, NULL },
    { "text after the stop", END("end_turn") SAY("0", "b"), "U(0,9,9)F(stop)", 0, NULL },
    { "neither stop nor reason", BEGIN TEXT0 SAY("0", "a") STOP("0"), U0 "T(a)", ORB_E_MODEL_TRUNCATED, NULL },
    { "cut in a call", CALL("0", "t", "f") ARGS("0", "{"), "C0(t,f,)C0(,,{)", ORB_E_MODEL_TRUNCATED, NULL },
    { "nothing", "", "", ORB_E_MODEL_TRUNCATED, NULL },
    { "CR LF, comments, multi-line data", ": hi\r\n\r\nevent: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\r\ndata: \"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\r\n\r\n"
      "data: {\"type\":\"message_stop\"}\r\n\r\n", "T(a)F(stop)", 0, NULL },
    { "overloaded", BEGIN TEXT0 SAY("0", "a") EV("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"), U0 "T(a)", ORB_E_MODEL_OVERLOADED, NULL },
    { "too fast", EV("error", ",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}"), "", ORB_E_MODEL_RATE, NULL },
    { "the server's fault", EV("error", ",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}"), "", ORB_E_MODEL_SERVER, NULL },
    { "the request's fault", EV("error", ",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\"}"), "", ORB_E_MODEL_INVALID, NULL },
    { "too long, in the stream", EV("error", ",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}"), "", ORB_E_MODEL_CONTEXT, NULL },
    { "an error that is a string, or bare", EV("error", ",\"error\":\"boom\""), "", ORB_E_MODEL_SERVER, NULL },
    { "an error at the top", EV("error", ",\"message\":\"boom\""), "", ORB_E_MODEL_SERVER, NULL },
    { "no JSON", "data: {\"type\n\n", "", ORB_E_PROTOCOL, NULL },
};

static void tolerances(void **state)
{
    (void)state;
    test_replies(anthropic, replies, ORB_COUNT(replies));
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    test_replies_cut(anthropic, replies, ORB_COUNT(replies));
}

/* Bounds: each is named in the error. */
static void expect_bound(const char *format, int count, int is_padded, const char *words)
{
    struct orb_buf text;
    char *pad = orb_alloc(500001);
    memset(pad, 'x', 500000);
    orb_buf_init(&text, 1 << 26);
    for (int i = 0; i < count; i++) {
        if (is_padded)
            orb_buf_printf(&text, format, pad);
        else
            orb_buf_printf(&text, format, i);
    }
    assert_int_equal(text.err, 0);
    test_reply_over(anthropic, text.data, text.len, words);
    orb_buf_done(&text);
    free(pad);
}

static void bounds(void **state)
{
    (void)state;
    expect_bound("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"name\":\"n%d\"}}\n\n", 129, 0, "128 tool calls");
    expect_bound("data: {\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":\"text\"}}\n\n", 65, 0, "64 content blocks");
    expect_bound("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"%s\"}}\n\n", 9, 1, "4 MiB of thinking");
    expect_bound("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"%s\"}}\n\n", 9, 1, "4 MiB of thinking");
    expect_bound("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"id\":\"%s\"}}\n\n", 1, 1, "tool call id over 512 bytes");
    expect_bound("data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"%s\"}}\n\n", 1, 1, "tool call name over 512 bytes");
}

/* ---- refusals ---- */

#define BODY(type, message) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"},\"request_id\":\"req_1\"}"
static const struct test_refusal refusals[] = {
    { 400, BODY("invalid_request_error", "max_tokens: Field required"), ORB_E_MODEL_INVALID, "HTTP 400: max_tokens: Field required", 0 },
    { 400, BODY("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), ORB_E_MODEL_CONTEXT, "210000 tokens > 200000 maximum; shorten", 0 },
    { 400, BODY("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 8 > 10"), ORB_E_MODEL_CONTEXT, "shorten", 0 },
    { 401, BODY("authentication_error", "invalid x-api-key sk-test-1234567890"), ORB_E_MODEL_AUTH, "invalid x-api-key ***; check ANTHROPIC_API_KEY on the worker", 0 },
    { 401, BODY("authentication_error", "token tok-1234567890"), ORB_E_MODEL_AUTH, "token ***", 0 },
    { 402, BODY("billing_error", "pay"), ORB_E_MODEL_QUOTA, "billing", 0 },
    { 403, BODY("permission_error", "no"), ORB_E_MODEL_PERMISSION, "no", 0 },
    { 404, BODY("not_found_error", "model: x"), ORB_E_MODEL_NOT_FOUND, "ANTHROPIC_BASE_URL", 0 },
    { 409, BODY("conflict", "x"), ORB_E_MODEL_SERVER, "x", 0 },
    { 413, BODY("request_too_large", "Request exceeds the maximum size"), ORB_E_MODEL_CONTEXT, "shorten", 0 },
    { 429, BODY("rate_limit_error", "m"), ORB_E_MODEL_RATE, "m", 0 },
    { 500, BODY("api_error", "Internal server error"), ORB_E_MODEL_SERVER, "Internal", 0 },
    { 504, BODY("timeout_error", "m"), ORB_E_MODEL_TIMEOUT, "m", 0 },
    { 529, BODY("overloaded_error", "Overloaded"), ORB_E_MODEL_OVERLOADED, "HTTP 529: Overloaded", 0 },
    { 502, "<html><head><title>502 Bad Gateway</title></head></html>", ORB_E_MODEL_SERVER, "a web page instead of JSON: 502 Bad Gateway", 0 },
    { 200, "{\"type\":\"message\",\"content\":[]}", ORB_E_MODEL_SERVER, "check ANTHROPIC_BASE_URL", 0 },
    { 200, BODY("overloaded_error", "x"), ORB_E_MODEL_OVERLOADED, "x", 0 },
};

static void refusal_classes(void **state)
{
    (void)state;
    environment("sk-test-1234567890", "tok-1234567890", NULL);
    test_refusals(anthropic, refusals, ORB_COUNT(refusals), "1234567890");
}

static void the_row(void **state)
{
    const struct orb_provider *p;
    const char *model;
    (void)state;
    assert_int_equal(orb_provider_find("anthropic:" NEW, &p, &model, NULL), 0);
    assert_ptr_equal(p, anthropic);
    assert_string_equal(model, NEW);
    assert_non_null(strstr(p->info.settings, "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL"));
    assert_int_equal(orb_model_check("anthropic:", NULL), ORB_E_MODEL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_sampling),
        cmocka_unit_test(golden_thinking),
        cmocka_unit_test(golden_tools),
        cmocka_unit_test(golden_turns),
        cmocka_unit_test(golden_blocks),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(thinking_goes_back_to_its_place),
        cmocka_unit_test(golden_cache_hints),
        cmocka_unit_test(golden_structured_output),
        cmocka_unit_test(schemas),
        cmocka_unit_test(where_and_as_whom),
        cmocka_unit_test(tolerances),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(bounds),
        cmocka_unit_test(refusal_classes),
        cmocka_unit_test(the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
