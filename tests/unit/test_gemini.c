#include "base/base.h"
#include "base/json.h"
#include "model/failure.h"
#include "model/model.h"
#include "support/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- requests ---- */

static void environment(const char *name, const char *value)
{
    static const char *const names[] = { "GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_CLOUD_PROJECT",
                                         "GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_BASE64" };
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        unsetenv(names[i]);
    if (name)
        setenv(name, value, 1);
}

struct ask {
    const char *model, *messages, *tools, *options, *schema, *token;
    int64_t max_tokens;
    double temperature; /* 0 = 1.0 */
};

static json_t *parse(const char *text)
{
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    if (text && !value)
        fail_msg("no JSON: %s", text);
    return value;
}

static int build(const struct orb_provider *provider, const struct ask *a, struct orb_model_request *out, struct orb_error *err)
{
    json_t *options = parse(a->options), *schema = parse(a->schema);
    struct orb_model_call call = { .model = a->model ? a->model : "gemini-2.0-flash", .temperature = a->temperature > 0 ? a->temperature : 1.0,
                                   .max_tokens = a->max_tokens, .options = options, .output_schema = schema, .token = a->token };
    call.messages = parse(a->messages ? a->messages : "[{\"role\":\"user\",\"content\":\"hi\"}]");
    call.tools = parse(a->tools);
    memset(out, 0, sizeof(*out));
    int rc = provider->codec->request(provider, &call, out, err);
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
    environment("GOOGLE_API_KEY", "AIza-test");
    assert_int_equal(build(&orb_provider_gemini, a, &r, &err), 0);
    assert_string_equal(r.body.data, body);
    json_decref(parse(r.body.data));
    request_done(&r);
}

#define ASK(...) (&(struct ask){ __VA_ARGS__ })
#define HI "{\"contents\": [{\"role\": \"user\", \"parts\": [{\"text\": \"hi\"}]}]"
#define CONFIG ", \"generationConfig\": {\"temperature\": 1.0"

static void golden_parameters(void **state)
{
    (void)state;
    expect_body(ASK(.model = NULL), HI CONFIG "}}");
    expect_body(ASK(.temperature = 0.2, .max_tokens = 100, .options = "{\"top_p\":0.5,\"stop\":[\"END\",\"\\n\"],\"cache\":false}"),
                HI ", \"generationConfig\": {\"temperature\": 0.2, \"topP\": 0.5, \"maxOutputTokens\": 100, \"stopSequences\": [\"END\", \"\\n\"]}}");
    expect_body(ASK(.schema = "{\"type\":\"object\"}"),
                HI CONFIG ", \"responseMimeType\": \"application/json\", \"responseJsonSchema\": {\"type\": \"object\"}}}");
}

static void golden_thinking(void **state)
{
    static const struct {
        const char *model, *effort, *thinking;
    } cases[] = {
        { "gemini-2.0-flash", "high", "" },
        { "gemini-2.5-flash", "none", ", \"thinkingConfig\": {\"thinkingBudget\": 0}" },
        { "gemini-2.5-flash", "minimal", ", \"thinkingConfig\": {\"thinkingBudget\": 512, \"includeThoughts\": true}" },
        { "gemini-2.5-flash-lite", "low", ", \"thinkingConfig\": {\"thinkingBudget\": 1024, \"includeThoughts\": true}" },
        { "gemini-2.5-pro", "none", ", \"thinkingConfig\": {\"thinkingBudget\": 128}" },
        { "gemini-2.5-pro", "high", ", \"thinkingConfig\": {\"thinkingBudget\": 24576, \"includeThoughts\": true}" },
        { "gemini-3-flash-preview", "none", ", \"thinkingConfig\": {\"thinkingLevel\": \"minimal\"}" },
        { "gemini-3-flash-preview", "medium", ", \"thinkingConfig\": {\"thinkingLevel\": \"medium\", \"includeThoughts\": true}" },
        { "gemini-3-pro-preview", "none", ", \"thinkingConfig\": {\"thinkingLevel\": \"low\"}" },
        { "gemini-3-pro-preview", "medium", ", \"thinkingConfig\": {\"thinkingLevel\": \"high\", \"includeThoughts\": true}" },
        { "gemini-3.1-pro-preview", "minimal", ", \"thinkingConfig\": {\"thinkingLevel\": \"low\", \"includeThoughts\": true}" },
        { "gemini-3.1-pro-preview", "medium", ", \"thinkingConfig\": {\"thinkingLevel\": \"medium\", \"includeThoughts\": true}" },
        { "gemini-2.5-flash", "xhigh", ", \"thinkingConfig\": {\"thinkingBudget\": 24576, \"includeThoughts\": true}" },
        { "gemini-3-flash-preview", "xhigh", ", \"thinkingConfig\": {\"thinkingLevel\": \"high\", \"includeThoughts\": true}" },
        { "gemini-3-pro-preview", "xhigh", ", \"thinkingConfig\": {\"thinkingLevel\": \"high\", \"includeThoughts\": true}" },
        { "gemini-3.1-pro-preview", "extreme", "" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        char options[64], body[512];
        snprintf(options, sizeof(options), "{\"reasoning_effort\":\"%s\"}", cases[i].effort);
        snprintf(body, sizeof(body), HI CONFIG "%s}}", cases[i].thinking);
        expect_body(ASK(.model = cases[i].model, .options = options), body);
    }
}

#define TOOLS "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"$schema\":\"x\",\"type\":\"object\"}},{\"name\":\"now\"}]"
#define TOOLS_OUT ", \"tools\": [{\"functionDeclarations\": [{\"name\": \"add\", \"description\": \"adds\", \"parametersJsonSchema\": " \
                  "{\"$schema\": \"x\", \"type\": \"object\"}}, {\"name\": \"now\", \"description\": \"\"}]}]"

static void golden_tools(void **state)
{
    static const char *const choices[][2] = {
        { "auto", "{\"mode\": \"AUTO\"}" }, { "none", "{\"mode\": \"NONE\"}" }, { "required", "{\"mode\": \"ANY\"}" },
        { "add", "{\"mode\": \"ANY\", \"allowedFunctionNames\": [\"add\"]}" },
    };
    (void)state;
    expect_body(ASK(.tools = TOOLS), HI TOOLS_OUT CONFIG "}}");
    for (size_t i = 0; i < ORB_COUNT(choices); i++) {
        char options[64], body[1024];
        snprintf(options, sizeof(options), "{\"tool_choice\":\"%s\"}", choices[i][0]);
        snprintf(body, sizeof(body), HI TOOLS_OUT ", \"toolConfig\": {\"functionCallingConfig\": %s}" CONFIG "}}", choices[i][1]);
        expect_body(ASK(.tools = TOOLS, .options = options), body);
    }
    expect_body(ASK(.options = "{\"tool_choice\":\"none\"}"), HI CONFIG "}}");
    /* A schema beside tools: in words, or natively where that goes together. */
    expect_body(ASK(.tools = TOOLS, .schema = "{\"type\":\"string\"}"),
                HI ", \"systemInstruction\": {\"parts\": [{\"text\": \"Give the final answer as JSON alone, nothing before or behind it, that fits this "
                   "JSON Schema: {\\\"type\\\": \\\"string\\\"}\"}]}" TOOLS_OUT CONFIG "}}");
    expect_body(ASK(.model = "gemini-3-flash", .tools = TOOLS, .schema = "{\"type\":\"string\"}"),
                HI TOOLS_OUT CONFIG ", \"responseMimeType\": \"application/json\", \"responseJsonSchema\": {\"type\": \"string\"}}}");
}

#define TALK(kept_a, kept_b) \
    "[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},{\"role\":\"user\",\"content\":\"1+1? \\u00e9\"},{\"role\":\"system\",\"content\":\"and kind\"}," \
    "{\"role\":\"assistant\",\"content\":\"well, now\",\"tool_calls\":[{\"id\":\"c1\",\"name\":\"add\",\"arguments\":\"{\\\"x\\\":1}\"}," \
    "{\"id\":\"c2\",\"name\":\"now\",\"arguments\":\"\"}]" kept_a "}," \
    "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"tool_name\":\"now\",\"content\":\"x\",\"error\":\"no clock\"}," \
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"tool_name\":\"add\",\"content\":\"2\",\"error\":null}," \
    "{\"role\":\"assistant\",\"content\":\"two\"" kept_b "},{\"role\":\"assistant\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"thanks\"}]"
#define TALK_OUT(text, sign_a, id_a, id_b, two) \
    "{\"contents\": [{\"role\": \"user\", \"parts\": [{\"text\": \"1+1? \\u00e9\"}]}, {\"role\": \"model\", \"parts\": [" text ", {\"functionCall\": " \
    "{" id_a "\"name\": \"add\", \"args\": {\"x\": 1}}" sign_a "}, {\"functionCall\": {" id_b "\"name\": \"now\", \"args\": {}}}]}, " \
    "{\"role\": \"user\", \"parts\": [{\"functionResponse\": {" id_a "\"name\": \"add\", \"response\": {\"result\": \"2\"}}}, " \
    "{\"functionResponse\": {" id_b "\"name\": \"now\", \"response\": {\"error\": \"no clock\"}}}]}, {\"role\": \"model\", \"parts\": [" two "]}, " \
    "{\"role\": \"user\", \"parts\": [{\"text\": \"thanks\"}]}], \"systemInstruction\": {\"parts\": [{\"text\": \"be \\\"brief\\\"\"}, {\"text\": " \
    "\"and kind\"}]}" CONFIG "}}"
#define KEPT_A(by) ",\"kept_by\":\"" by "\",\"kept\":[{\"from\":0,\"to\":5,\"thoughtSignature\":\"st\"},{\"call\":0,\"id\":\"fc_1\",\"thoughtSignature\":\"s1\"}," \
                   "{\"call\":1,\"id\":\"fc_2\"},{\"call\":7,\"id\":\"x\"},{\"from\":3,\"to\":99,\"thoughtSignature\":\"x\"},{\"from\":-1,\"to\":0},7]"
#define KEPT_B(by) ",\"kept_by\":\"" by "\",\"kept\":[{\"from\":3,\"to\":3,\"thoughtSignature\":\"end\"}]"
#define PLAIN "{\"text\": \"well, now\"}"
#define TWO "{\"text\": \"two\"}"

static void golden_turns(void **state)
{
    (void)state;
    expect_body(ASK(.messages = TALK("", "")), TALK_OUT(PLAIN, "", "", "", TWO));
    expect_body(ASK(.model = "gemini-3-pro", .messages = TALK(KEPT_A("gemini"), KEPT_B("gemini"))),
                TALK_OUT("{\"text\": \"well,\", \"thoughtSignature\": \"st\"}, {\"text\": \" now\"}", ", \"thoughtSignature\": \"s1\"", "\"id\": \"fc_1\", ",
                         "\"id\": \"fc_2\", ", TWO ", {\"text\": \"\", \"thoughtSignature\": \"end\"}"));
    /* What another provider said. */
    expect_body(ASK(.model = "gemini-3-pro", .messages = TALK(KEPT_A("anthropic"), KEPT_B("anthropic"))),
                TALK_OUT(PLAIN, ", \"thoughtSignature\": \"skip_thought_signature_validator\"", "", "", TWO));
}

static void golden_answers(void **state)
{
    (void)state;
    /* One without an answer, arguments that are no object, an answer that nobody waits for. */
    expect_body(ASK(.messages = "[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"name\":\"f\",\"arguments\":\"[1]\"},{\"id\":\"b\",\"name\":\"g\"}]},"
                                "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"tool_name\":\"g\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_data\",\"data\":\"QQ==\"}]},"
                                "{\"role\":\"tool\",\"tool_call_id\":\"z\",\"tool_name\":\"h\",\"content\":\"late\"}]"),
                "{\"contents\": [{\"role\": \"model\", \"parts\": [{\"functionCall\": {\"name\": \"f\", \"args\": {}}}, {\"functionCall\": {\"name\": \"g\", "
                "\"args\": {}}}]}, {\"role\": \"user\", \"parts\": [{\"functionResponse\": {\"name\": \"f\", \"response\": {\"error\": \"there is no result\"}}}, "
                "{\"functionResponse\": {\"name\": \"g\", \"response\": {\"result\": \"x\\n[media result]\"}}}, "
                "{\"functionResponse\": {\"name\": \"h\", \"response\": {\"result\": \"late\"}}}, {\"inlineData\": {\"mimeType\": "
                "\"image/jpeg\", \"data\": \"QQ==\"}}]}]" CONFIG "}}");
    expect_body(ASK(.messages = "[{\"role\":\"tool\",\"tool_call_id\":\"z\",\"tool_name\":\"h\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]"),
                "{\"contents\": [{\"role\": \"user\", \"parts\": [{\"functionResponse\": {\"name\": \"h\", \"response\": {\"result\": \"a\"}}}]}, "
                "{\"role\": \"user\", \"parts\": [{\"text\": \"b\"}]}]" CONFIG "}}");
}

static void golden_blocks(void **state)
{
    (void)state;
    expect_body(ASK(.messages = "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"url\":\"https://x/y.PNG?z\"},"
                                "{\"type\":\"image_url\",\"url\":\"data:image/webp;base64,QQ==\"},{\"type\":\"image_data\",\"data\":\"QQ==\"},"
                                "{\"type\":\"audio\",\"data\":\"QQ==\",\"format\":\"wav\"},{\"type\":\"document\",\"data\":\"QQ==\",\"title\":\"a.pdf\"},"
                                "{\"type\":\"video\",\"url\":\"gs://b/v\"},{\"type\":\"video\",\"data\":\"QQ==\",\"media_type\":\"video/webm\"},{\"type\":\"odd\"}]}]"),
                "{\"contents\": [{\"role\": \"user\", \"parts\": [{\"text\": \"see\"}, {\"fileData\": {\"mimeType\": \"image/png\", \"fileUri\": \"https://x/y.PNG?z\"}}, "
                "{\"inlineData\": {\"mimeType\": \"image/webp\", \"data\": \"QQ==\"}}, {\"inlineData\": {\"mimeType\": \"image/jpeg\", \"data\": \"QQ==\"}}, "
                "{\"inlineData\": {\"mimeType\": \"audio/wav\", \"data\": \"QQ==\"}}, {\"inlineData\": {\"mimeType\": \"application/pdf\", \"data\": \"QQ==\"}}, "
                "{\"fileData\": {\"mimeType\": \"video/mp4\", \"fileUri\": \"gs://b/v\"}}, {\"inlineData\": {\"mimeType\": \"video/webm\", \"data\": \"QQ==\"}}, "
                "{\"text\": \"[odd: cannot be sent to this model]\"}]}]" CONFIG "}}");
}

static void expect_place(const struct orb_provider *provider, const char *model, const char *token, const char *url, const char *line)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    if (build(provider, ASK(.model = model, .token = token), &r, &err))
        fail_msg("%s", err.text);
    assert_string_equal(r.url, url);
    assert_non_null(memmem(r.headers.data, r.headers.len, line, strlen(line) + 1));
    request_done(&r);
}

static void expect_refused(const struct orb_provider *provider, const char *messages, int code, const char *words)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    assert_int_equal(build(provider, ASK(.messages = messages), &r, &err), code);
    if (!strstr(err.text, words))
        fail_msg("'%s', expected in it '%s'", err.text, words);
}

#define GEMINI "https://generativelanguage.googleapis.com/v1beta/models/"
#define STREAM ":streamGenerateContent?alt=sse"

static void where_and_as_whom(void **state)
{
    (void)state;
    environment("GOOGLE_API_KEY", "AIza-1");
    setenv("GEMINI_API_KEY", "AIza-2", 1);
    expect_place(&orb_provider_gemini, "gemini-3-pro", NULL, GEMINI "gemini-3-pro" STREAM, "x-goog-api-key: AIza-1");
    expect_place(&orb_provider_gemini, "../x?y=1#\xc3\xa9", NULL, GEMINI "..%2Fx%3Fy%3D1%23%C3%A9" STREAM, "x-goog-api-key: AIza-1");
    unsetenv("GOOGLE_API_KEY");
    setenv("GOOGLE_GEMINI_BASE_URL", "http://box:8000/g/?a=b", 1);
    expect_place(&orb_provider_gemini, "m", NULL, "http://box:8000/g/v1beta/models/m" STREAM "&a=b", "x-goog-api-key: AIza-2");
    environment(NULL, NULL);
    expect_refused(&orb_provider_gemini, NULL, ORB_E_MODEL_AUTH, "GOOGLE_API_KEY is not set");
    environment("GEMINI_API_KEY", "k");
    expect_refused(&orb_provider_gemini, "[{\"role\":\"boss\"}]", ORB_E_MODEL_INVALID, "Unknown message role: 'boss'");
}

static void where_vertex_is(void **state)
{
    (void)state;
    environment("GOOGLE_CLOUD_PROJECT", "p-1");
    expect_place(&orb_provider_vertex, "gemini-3-pro", "tok",
                 "https://us-central1-aiplatform.googleapis.com/v1/projects/p-1/locations/us-central1/publishers/google/models/gemini-3-pro" STREAM,
                 "Authorization: Bearer tok");
    setenv("GOOGLE_CLOUD_LOCATION", "global", 1);
    expect_place(&orb_provider_vertex, "m", "tok", "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google/models/m" STREAM,
                 "Authorization: Bearer tok");
    setenv("GOOGLE_CLOUD_LOCATION", "x/../y", 1);
    expect_refused(&orb_provider_vertex, NULL, ORB_E_CONFIG, "GOOGLE_CLOUD_LOCATION='x/../y'");
    environment(NULL, NULL);
    expect_refused(&orb_provider_vertex, NULL, ORB_E_CONFIG, "GOOGLE_CLOUD_PROJECT is not set");
}

/* ---- replies ---- */

#define CHUNK(parts, rest) "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts "]},\"index\":0" rest "}]}\n\n"
#define TEXT(text) CHUNK("{\"text\":\"" text "\"}", "")
#define END(reason) CHUNK("{\"text\":\"\"}", ",\"finishReason\":\"" reason "\"")
#define ONLY(reason) "data: {\"candidates\":[{\"finishReason\":\"" reason "\",\"index\":0}]}\n\n"

static const struct test_reply_case replies[] = {
    { "plain", TEXT("he") TEXT("llo \\u00e9\\ud83d\\ude00")
      "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"!\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":"
      "{\"promptTokenCount\":9,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":3,\"totalTokenCount\":17,\"cachedContentTokenCount\":4}}\n\n",
      "T(he)T(llo \u00e9\U0001F600)U(9,8,17,4,3)T(!)F(stop)", 0, NULL },
    { "usage in every chunk, the last counts", "data: {\"usageMetadata\":{\"promptTokenCount\":9}}\n\n" TEXT("a")
      "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":9,\"toolUsePromptTokenCount\":2,\"candidatesTokenCount\":1}}\n\n",
      "U(9,0,9)T(a)U(11,1,12)F(stop)", 0, NULL },
    { "usage after the finish", END("STOP") "data: {\"usageMetadata\":{\"promptTokenCount\":-1,\"totalTokenCount\":1e300}}\n\n", "U(0,0,0)F(stop)", 0, NULL },
    { "thoughts", CHUNK("{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"x\"},{\"text\":\"a\",\"thought\":false}", "") END("STOP"), "R(hm)T(a)F(stop)", 0, NULL },
    { "calls", CHUNK("{\"functionCall\":{\"name\":\"add\",\"args\":{\"x\":1}},\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"name\":\"now\"}}", "") END("STOP"),
      "C0(own,add,{\"x\": 1})K{\"call\":0,\"thoughtSignature\":\"c2ln\"}C1(own,now,{})F(tool_calls)", 0, NULL },
    { "calls with ids, in chunks", CHUNK("{\"functionCall\":{\"id\":\"fc_1\",\"name\":\"add\",\"args\":{}},\"thoughtSignature\":\"s\"}", "")
      CHUNK("{\"functionCall\":{\"id\":\"fc_2\",\"name\":\"add\",\"args\":null}}", ",\"finishReason\":\"STOP\""),
      "C0(fc_1,add,{})K{\"call\":0,\"id\":\"fc_1\",\"thoughtSignature\":\"s\"}C1(fc_2,add,{})K{\"call\":1,\"id\":\"fc_2\"}F(tool_calls)", 0, NULL },
    { "signatures of text", TEXT("ab") CHUNK("{\"text\":\"\\u00e9\",\"thoughtSignature\":\"s\"}", "") CHUNK("{\"thoughtSignature\":\"t\"}", "")
      CHUNK("{\"text\":\"\",\"thoughtSignature\":\"u\"}", ",\"finishReason\":\"STOP\""),
      "T(ab)T(\u00e9)K{\"from\":2,\"thoughtSignature\":\"s\",\"to\":4}K{\"from\":4,\"thoughtSignature\":\"t\",\"to\":4}"
      "K{\"from\":4,\"thoughtSignature\":\"u\",\"to\":4}F(stop)", 0, NULL },
    { "parts that nobody knows", CHUNK("{\"executableCode\":{}},{\"inlineData\":{}},7,null,{\"text\":null},{\"text\":\"a\"}", "") END("STOP"), "T(a)F(stop)", 0, NULL },
    { "no content, no parts, nulls", "data: {\"candidates\":[{\"index\":0}]}\n\ndata: {\"candidates\":[{\"content\":{\"role\":\"model\"}}]}\n\n"
      "data: {\"candidates\":null,\"usageMetadata\":null,\"promptFeedback\":null,\"error\":null}\n\ndata: {\"candidates\":[null]}\n\n"
      "data: {\"candidates\":[]}\n\n" TEXT("a") ONLY("STOP"), "T(a)F(stop)", 0, NULL },
    { "an array around it, and [DONE]", "data: [{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}]\n\ndata: [DONE]\n\n", "T(a)F(stop)", 0, NULL },
    { "length", TEXT("a") END("MAX_TOKENS"), "T(a)F(length)", 0, NULL },
    { "filters", TEXT("a") ONLY("SAFETY"), "T(a)F(filter)", 0, NULL },
    { "recitation", ONLY("RECITATION"), "F(filter)", 0, NULL },
    { "names", ONLY("SPII"), "F(filter)", 0, NULL },
    { "a filter after a call", CHUNK("{\"functionCall\":{\"name\":\"f\"}}", "") ONLY("PROHIBITED_CONTENT"), "C0(own,f,{})F(filter)", 0, NULL },
    { "a reason nobody knows", ONLY("TIRED"), "F(stop)", 0, NULL },
    { "a reason that is none", TEXT("a") ONLY("FINISH_REASON_UNSPECIFIED"), "T(a)", ORB_E_MODEL_TRUNCATED, "try again" },
    { "malformed call", "data: {\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"bad: add(\"}]}\n\n", "", ORB_E_MODEL_SERVER,
      "MALFORMED_FUNCTION_CALL: bad: add(" },
    { "unexpected call", ONLY("UNEXPECTED_TOOL_CALL"), "", ORB_E_MODEL_SERVER, "UNEXPECTED_TOOL_CALL" },
    { "blocked", "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\",\"blockReasonMessage\":\"no\"},\"usageMetadata\":{\"promptTokenCount\":3,\"totalTokenCount\":3}}\n\n",
      "U(3,0,3)", ORB_E_MODEL_FILTER, "PROHIBITED_CONTENT): no; word it differently" },
    { "feedback without a block", "data: {\"promptFeedback\":{\"safetyRatings\":[]}}\n\n" TEXT("a") END("STOP"), "T(a)F(stop)", 0, NULL },
    { "no finish", TEXT("a"), "T(a)", ORB_E_MODEL_TRUNCATED, "try again" },
    { "nothing", "", "", ORB_E_MODEL_TRUNCATED, "try again" },
    { "error", TEXT("a") "data: {\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}\n\n", "T(a)", ORB_E_MODEL_OVERLOADED, "overloaded" },
    { "error in an array", "data: [{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n\n", "", ORB_E_MODEL_RATE, "slow" },
    { "error by status alone", "data: {\"error\":{\"status\":\"DEADLINE_EXCEEDED\"}}\n\n", "", ORB_E_MODEL_TIMEOUT, "DEADLINE" },
    { "error string", "data: {\"error\":\"boom\"}\n\n", "", ORB_E_MODEL_SERVER, "boom" },
    { "no JSON", "data: {\"candidates\n\n", "", ORB_E_PROTOCOL, "no JSON" },
    { "JSON that is no object", "data: 12\n\ndata: [1]\n\ndata: null\n\ndata: []\n\n" TEXT("a") END("STOP"), "T(a)F(stop)", 0, NULL },
    { "CR LF, comments, multi-line data", ": ping\r\n\r\ndata: {\"candidates\":\r\ndata: [{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\r\n\r\n", "T(a)F(stop)", 0, NULL },
};

static void tolerances(void **state)
{
    (void)state;
    test_replies(&orb_provider_gemini, replies, ORB_COUNT(replies));
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    test_replies_cut(&orb_provider_gemini, replies, ORB_COUNT(replies));
}

static void limits(void **state)
{
    struct orb_buf text;
    (void)state;
    orb_buf_init(&text, 16 << 20);
    for (int i = 0; i < 129; i++)
        orb_buf_str(&text, CHUNK("{\"functionCall\":{\"name\":\"f\"}}", ""));
    test_reply_over(&orb_provider_gemini, text.data, text.len, "128");
    orb_buf_reset(&text);
    for (int i = 0; i < 9; i++) { /* signatures of half a MiB */
        orb_buf_str(&text, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"thoughtSignature\":\"");
        for (int k = 0; k < 8192; k++)
            orb_buf_str(&text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        orb_buf_str(&text, "\"}]}}]}\n\n");
    }
    test_reply_over(&orb_provider_gemini, text.data, text.len, "4 MiB of thought signatures");
    orb_buf_reset(&text);
    orb_buf_str(&text, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"");
    for (int k = 0; k < 513; k++)
        orb_buf_char(&text, 'n');
    orb_buf_str(&text, "\"}}]}}]}\n\n");
    test_reply_over(&orb_provider_gemini, text.data, text.len, "name over 512 bytes");
    orb_buf_done(&text);
}

/* ---- refusals ---- */

#define DELAY(text) "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\"},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":" text "}]"
static const struct test_refusal refusals[] = {
    { 400, "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":\"INVALID_ARGUMENT\"}}", ORB_E_MODEL_AUTH, "check GEMINI_API_KEY", 0 },
    { 400, "{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum number of tokens allowed (8).\",\"status\":\"INVALID_ARGUMENT\"}}",
      ORB_E_MODEL_CONTEXT, "shorten", 0 },
    { 400, "[{\"error\":{\"code\":400,\"message\":\"bad field\",\"status\":\"INVALID_ARGUMENT\"}}]", ORB_E_MODEL_INVALID, "HTTP 400: bad field", 0 },
    { 401, "{\"error\":{\"code\":401,\"message\":\"m\",\"status\":\"UNAUTHENTICATED\"}}", ORB_E_MODEL_AUTH, "m", 0 },
    { 403, "{\"error\":{\"code\":403,\"message\":\"m\",\"status\":\"PERMISSION_DENIED\"}}", ORB_E_MODEL_PERMISSION, "m", 0 },
    { 404, "{\"error\":{\"code\":404,\"message\":\"models/x is not found\",\"status\":\"NOT_FOUND\"}}", ORB_E_MODEL_NOT_FOUND, "GOOGLE_GEMINI_BASE_URL", 0 },
    { 429, "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\"," DELAY("\"17s\"") "}}", ORB_E_MODEL_RATE, "quota", 17000 },
    { 429, "[{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\"," DELAY("\"0.25s\"") "}}]", ORB_E_MODEL_RATE, "quota", 250 },
    { 429, "{\"error\":{\"code\":429,\"message\":\"quota\"," DELAY("\"1e9s\"") "}}", ORB_E_MODEL_RATE, "quota", 0 },
    { 429, "{\"error\":{\"code\":429,\"message\":\"quota\"," DELAY("17") "}}", ORB_E_MODEL_RATE, "quota", 0 },
    { 429, "{\"error\":{\"code\":429,\"message\":\"quota\"," DELAY("\"-3s\"") "}}", ORB_E_MODEL_RATE, "quota", 0 },
    { 500, "{\"error\":{\"code\":500,\"message\":\"m\",\"status\":\"INTERNAL\"}}", ORB_E_MODEL_SERVER, "m", 0 },
    { 503, "{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}", ORB_E_MODEL_OVERLOADED, "m", 0 },
    { 504, "{\"error\":{\"code\":504,\"message\":\"m\",\"status\":\"DEADLINE_EXCEEDED\"}}", ORB_E_MODEL_TIMEOUT, "m", 0 },
    { 200, "[{\"candidates\":[]}]", ORB_E_MODEL_SERVER, "event stream", 0 },
    { 502, "<html><title>502 Bad Gateway</title></html>", ORB_E_MODEL_SERVER, "a web page", 0 },
    { 500, "{\"error\":{\"message\":\"AIza-secret-1234\"}}", ORB_E_MODEL_SERVER, "***", 0 },
};

static void refusal_classes(void **state)
{
    (void)state;
    environment("GEMINI_API_KEY", "AIza-secret-1234");
    test_refusals(&orb_provider_gemini, refusals, ORB_COUNT(refusals), "secret");
    struct orb_error err = { 0 };
    assert_int_equal(orb_provider_vertex.codec->refusal(&orb_provider_vertex, 401, "{}", 2, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "check GOOGLE_APPLICATION_CREDENTIALS on the worker"));
    environment("GOOGLE_SERVICE_ACCOUNT_BASE64", "e30=");
    assert_int_equal(orb_provider_vertex.codec->refusal(&orb_provider_vertex, 401, "{}", 2, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "check GOOGLE_SERVICE_ACCOUNT_BASE64 on the worker"));
}

/* ---- replies of the token's server ---- */

static const struct {
    int status;
    const char *body;
    int code;
    const char *token_or_words;
    int64_t life_s;
} token_replies[] = {
    { 200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", 0, "ya29.x", 3599 },
    { 200, "{\"access_token\":\"t\"}", 0, "t", 3600 },
    { 200, "{\"access_token\":\"t\",\"expires_in\":-5}", 0, "t", 0 },
    { 200, "{\"access_token\":\"t\\r\\nX: y\"}", ORB_E_MODEL_SERVER, "without a token", 0 },
    { 200, "{}", ORB_E_MODEL_SERVER, "without a token", 0 },
    { 200, "<html>", ORB_E_MODEL_SERVER, "without a token", 0 },
    { 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}", ORB_E_MODEL_AUTH,
      "HTTP 400: invalid_grant: Invalid JWT Signature.; check GOOGLE_APPLICATION_CREDENTIALS on the worker", 0 },
    { 401, "", ORB_E_MODEL_AUTH, "no reason was given", 0 },
    { 429, "{}", ORB_E_MODEL_RATE, "HTTP 429", 0 },
    { 503, "{\"error\":\"internal_failure\"}", ORB_E_MODEL_SERVER, "HTTP 503 without a token: internal_failure", 0 },
};

static void replies_with_tokens(void **state)
{
    (void)state;
    environment(NULL, NULL);
    for (size_t i = 0; i < ORB_COUNT(token_replies); i++) {
        struct orb_error err = { 0 };
        char *token = NULL;
        int64_t life = 0;
        const char *body = token_replies[i].body;
        int rc = orb_provider_vertex.token->reply(&orb_provider_vertex, token_replies[i].status, body, strlen(body), &token, &life, &err);
        const char *got = token ? token : err.text;
        if (rc != token_replies[i].code || (rc == 0) != (token != NULL) || !strstr(got, token_replies[i].token_or_words) || life != token_replies[i].life_s)
            fail_msg("HTTP %d %s: code %d, '%s', %lld s", token_replies[i].status, body, rc, got, (long long)life);
        free(token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_parameters), cmocka_unit_test(golden_thinking),  cmocka_unit_test(golden_tools),
        cmocka_unit_test(golden_turns),      cmocka_unit_test(golden_answers),   cmocka_unit_test(golden_blocks),
        cmocka_unit_test(where_and_as_whom), cmocka_unit_test(where_vertex_is),  cmocka_unit_test(tolerances),
        cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(limits),           cmocka_unit_test(refusal_classes),
        cmocka_unit_test(replies_with_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
