#include "base/base.h"
#include "model/model.h"
#include "support/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- requests ---- */

static void environment(const char *key, const char *base)
{
    static const char *const names[] = { "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID" };
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        unsetenv(names[i]);
    if (key)
        setenv("OPENAI_API_KEY", key, 1);
    if (base)
        setenv("OPENAI_BASE_URL", base, 1);
}

static int build(const char *model, const char *messages, const char *tools, double temperature, int64_t max_tokens,
                 struct orb_model_request *out, struct orb_error *err)
{
    struct orb_model_call call = { .model = model, .temperature = temperature, .max_tokens = max_tokens };
    call.messages = json_loads(messages, 0, NULL);
    assert_non_null(call.messages);
    call.tools = tools ? json_loads(tools, 0, NULL) : NULL;
    memset(out, 0, sizeof(*out));
    int rc = orb_provider_openai.codec->request(&orb_provider_openai, &call, out, err);
    json_decref(call.messages);
    json_decref(call.tools);
    return rc;
}

static void request_done(struct orb_model_request *r)
{
    orb_buf_done(&r->headers);
    orb_buf_done(&r->body);
}

static void expect_body(const char *model, const char *messages, const char *tools, double temperature,
                        int64_t max_tokens, const char *body)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    assert_int_equal(build(model, messages, tools, temperature, max_tokens, &r, &err), 0);
    assert_string_equal(r.body.data, body);
    json_t *json = json_loads(r.body.data, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    request_done(&r);
}

#define TAIL "\"stream\": true, \"stream_options\": {\"include_usage\": true}"
#define HI "[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_OUT "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], "

static void golden_parameters(void **state)
{
    (void)state;
    environment("sk-test", NULL);
    expect_body("gpt-4o", HI, NULL, 1.0, 0, "{\"model\": \"gpt-4o\", " HI_OUT TAIL ", \"temperature\": 1.0}");
    expect_body("gpt-4o", HI, NULL, 0.2, 100,
                "{\"model\": \"gpt-4o\", " HI_OUT TAIL ", \"temperature\": 0.2, \"max_tokens\": 100}");
    expect_body("gpt-5-mini", HI, NULL, 1.0, 100, "{\"model\": \"gpt-5-mini\", " HI_OUT TAIL ", \"max_completion_tokens\": 100}");
    expect_body("o3", HI, NULL, 1.0, 0, "{\"model\": \"o3\", " HI_OUT TAIL "}");
    expect_body("openai/gpt-5.1", HI, NULL, 0.5, 0, "{\"model\": \"openai/gpt-5.1\", " HI_OUT TAIL "}");
    expect_body("o3small", HI, NULL, 1.0, 7,
                "{\"model\": \"o3small\", " HI_OUT TAIL ", \"temperature\": 1.0, \"max_tokens\": 7}");
}

static void golden_messages(void **state)
{
    (void)state;
    environment("sk-test", NULL);
    expect_body("m",
                "[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},{\"role\":\"user\",\"content\":\"1+1? \\u00e9\"},"
                "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"name\":\"add\",\"arguments\":\"{\\\"x\\\":1}\"},"
                "{\"id\":\"c2\",\"name\":\"now\",\"arguments\":\"\"}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"tool_name\":\"add\",\"content\":\"2\",\"error\":null},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"tool_name\":\"now\",\"content\":\"x\",\"error\":\"no clock\"},"
                "{\"role\":\"assistant\",\"content\":\"two\",\"tool_calls\":[]},{\"role\":\"assistant\"}]",
                "[{\"name\":\"add\",\"description\":\"adds\",\"parameters\":{\"type\":\"object\",\"properties\":{}}},{\"name\":\"now\"}]",
                1.0, 0,
                "{\"model\": \"m\", \"messages\": [{\"role\": \"system\", \"content\": \"be \\\"brief\\\"\"}, "
                "{\"role\": \"user\", \"content\": \"1+1? \\u00e9\"}, "
                "{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c1\", \"type\": \"function\", \"function\": "
                "{\"name\": \"add\", \"arguments\": \"{\\\"x\\\":1}\"}}, {\"id\": \"c2\", \"type\": \"function\", \"function\": "
                "{\"name\": \"now\", \"arguments\": \"{}\"}}]}, "
                "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": \"2\"}, "
                "{\"role\": \"tool\", \"tool_call_id\": \"c2\", \"content\": \"no clock\"}, "
                "{\"role\": \"assistant\", \"content\": \"two\"}, {\"role\": \"assistant\", \"content\": \"\"}], " TAIL
                ", \"temperature\": 1.0, \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"add\", \"description\": "
                "\"adds\", \"parameters\": {\"type\": \"object\", \"properties\": {}}}}, "
                "{\"type\": \"function\", \"function\": {\"name\": \"now\", \"description\": \"\"}}]}");
}

static void golden_blocks(void **state)
{
    (void)state;
    environment("sk-test", NULL);
    expect_body("o1",
                "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"url\":\"http://x/y\"},"
                "{\"type\":\"image_data\",\"data\":\"QQ==\",\"media_type\":\"image/png\"},{\"type\":\"audio\",\"data\":\"QQ==\"},"
                "{\"type\":\"document\",\"data\":\"QQ==\",\"title\":\"a.pdf\"},{\"type\":\"video\",\"url\":\"v\"}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_data\",\"data\":\"QQ==\"}]}]",
                NULL, 1.0, 0,
                "{\"model\": \"o1\", \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"see\"}, "
                "{\"type\": \"image_url\", \"image_url\": {\"url\": \"http://x/y\", \"detail\": \"auto\"}}, "
                "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/png;base64,QQ==\"}}, "
                "{\"type\": \"input_audio\", \"input_audio\": {\"data\": \"QQ==\", \"format\": \"mp3\"}}, "
                "{\"type\": \"file\", \"file\": {\"filename\": \"a.pdf\", \"file_data\": \"data:application/pdf;base64,QQ==\"}}, "
                "{\"type\": \"text\", \"text\": \"[video: cannot be sent to this model]\"}]}, "
                "{\"role\": \"tool\", \"tool_call_id\": \"c\", \"content\": \"a\\n[media result]\"}, {\"role\": \"user\", \"content\": "
                "[{\"type\": \"text\", \"text\": \"Media of the tool results above:\"}, {\"type\": \"image_url\", \"image_url\": {\"url\": "
                "\"data:image/jpeg;base64,QQ==\"}}]}], " TAIL "}");
}

static void expect_refused(int code, const char *words, const char *messages)
{
    struct orb_model_request r;
    struct orb_error err = { 0 };
    assert_int_equal(build("m", messages, NULL, 1.0, 0, &r, &err), code);
    assert_non_null(strstr(err.text, words));
    assert_null(strstr(err.text, "sk-"));
}

static void where_and_as_whom(void **state)
{
    struct orb_model_request r;
    static const char lines[] = "Content-Type: application/json\0Accept: text/event-stream\0Accept-Encoding: identity\0Authorization: Bearer sk-test\0"
                                "OpenAI-Organization: org-1\0OpenAI-Project: proj-1";
    (void)state;
    environment("sk-test", NULL);
    setenv("OPENAI_ORG_ID", "org-1", 1);
    setenv("OPENAI_PROJECT_ID", "proj-1", 1);
    assert_int_equal(build("m", HI, NULL, 1.0, 0, &r, NULL), 0);
    assert_string_equal(r.url, "https://api.openai.com/v1/chat/completions");
    assert_int_equal(r.headers.len, sizeof(lines));
    assert_memory_equal(r.headers.data, lines, sizeof(lines));
    request_done(&r);

    environment(NULL, "http://box:8000/v1//?api-version=2");
    assert_int_equal(build("m", HI, NULL, 1.0, 0, &r, NULL), 0);
    assert_string_equal(r.url, "http://box:8000/v1/chat/completions?api-version=2");
    assert_null(memmem(r.headers.data, r.headers.len, "Authorization", 13));
    request_done(&r);

    environment(NULL, NULL);
    expect_refused(ORB_E_MODEL_AUTH, "set it in the worker's environment", HI);
    environment("sk-with\r\nX: y", NULL);
    expect_refused(ORB_E_MODEL_AUTH, "OPENAI_API_KEY", HI);
    environment("sk-test", "ftp://x");
    expect_refused(ORB_E_CONFIG, "OPENAI_BASE_URL", HI);
    environment("sk-test", NULL);
    expect_refused(ORB_E_MODEL_INVALID, "Unknown message role: 'boss'", "[{\"role\":\"boss\"}]");
}

/* ---- options ---- */

/* As expect_body, with options, a schema and tools as JSON; provider: any that speaks this protocol. */
static void expect_options(const char *provider, const char *model, const char *options, const char *schema, const char *messages, const char *body)
{
    const struct orb_provider *p;
    struct orb_model_request r = { 0 };
    struct orb_error err = { 0 };
    struct orb_model_call call = { .temperature = 0.5, .max_tokens = 9 };
    char full[128];
    snprintf(full, sizeof(full), "%s:%s", provider, model);
    assert_int_equal(orb_provider_find(full, &p, &call.model, &err), 0);
    json_t *root = json_pack("{s:o, s:o*, s:o*, s:o}", "messages", json_loads(messages, 0, NULL), "options", json_loads(options, 0, NULL), "schema",
                             schema ? json_loads(schema, 0, NULL) : NULL, "tools", json_loads(schema ? "[]" : "[{\"name\":\"f\"}]", 0, NULL));
    assert_non_null(root);
    call.messages = json_object_get(root, "messages");
    call.options = json_object_get(root, "options");
    call.output_schema = json_object_get(root, "schema");
    call.tools = json_object_get(root, "tools");
    if (p->codec->request(p, &call, &r, &err))
        fail_msg("%s: %s", full, err.text);
    assert_string_equal(r.body.data, body);
    request_done(&r);
    json_decref(root);
}

#define TOOL_OUT ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"\"}}]"
#define ALL "{\"top_p\":0.25,\"stop\":[\"END\"],\"tool_choice\":\"f\",\"parallel_tool_calls\":false,\"reasoning_effort\":\"minimal\",\"cache\":false}"
#define CHOICE_OUT ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"f\"}}"

static void golden_options(void **state)
{
    (void)state;
    environment("sk-test", NULL);
    setenv("OPENROUTER_API_KEY", "sk-or", 1);
    expect_options("openai", "m", ALL, NULL, HI,
                   "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 0.5, \"top_p\": 0.25, \"max_tokens\": 9, \"stop\": [\"END\"]" TOOL_OUT CHOICE_OUT
                   ", \"parallel_tool_calls\": false}");
    expect_options("openai", "o3", ALL, NULL, "[{\"role\":\"system\",\"content\":\"s\"}]",
                   "{\"model\": \"o3\", \"messages\": [{\"role\": \"developer\", \"content\": \"s\"}], " TAIL
                   ", \"max_completion_tokens\": 9, \"reasoning_effort\": \"low\"" TOOL_OUT CHOICE_OUT "}");
    expect_options("openai", "gpt-5", "{\"tool_choice\":\"required\",\"parallel_tool_calls\":true,\"cache\":false}", NULL, HI,
                   "{\"model\": \"gpt-5\", " HI_OUT TAIL ", \"max_completion_tokens\": 9" TOOL_OUT ", \"tool_choice\": \"required\", \"parallel_tool_calls\": true}");
    expect_options("openrouter", "deepseek/r1", "{\"reasoning_effort\":\"high\"}", NULL, HI,
                   "{\"model\": \"deepseek/r1\", " HI_OUT TAIL ", \"temperature\": 0.5, \"max_tokens\": 9, \"reasoning_effort\": \"high\"" TOOL_OUT "}");
    expect_options("openai", "gpt-4", "{}", "{\"type\":\"array\"}", HI,
                   "{\"model\": \"gpt-4\", \"messages\": [{\"role\": \"system\", \"content\": \"Give the final answer as JSON alone, nothing before or behind it, "
                   "that fits this JSON Schema: {\\\"type\\\": \\\"array\\\"}\"}, {\"role\": \"user\", \"content\": \"hi\"}], " TAIL
                   ", \"temperature\": 0.5, \"max_tokens\": 9}");
    expect_options("openai", "m", "{\"tool_choice\":\"auto\"}", "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", HI,
                   "{\"model\": \"m\", " HI_OUT TAIL ", \"temperature\": 0.5, \"max_tokens\": 9, \"response_format\": {\"type\": \"json_schema\", "
                   "\"json_schema\": {\"name\": \"output\", \"schema\": {\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}, "
                   "\"strict\": true}}}");
}

/* The key of the prompt's start, which is all that two calls may share. */
static char *cache_key(const char *model, const char *system, const char *user)
{
    struct orb_model_request r;
    char messages[256], *key = NULL;
    snprintf(messages, sizeof(messages), "[{\"role\":\"system\",\"content\":\"%s\"},{\"role\":\"user\",\"content\":\"%s\"}]", system, user);
    assert_int_equal(build(model, messages, NULL, 1.0, 0, &r, NULL), 0);
    json_t *body = json_loads(r.body.data, 0, NULL);
    if (json_object_get(body, "prompt_cache_key"))
        key = orb_strdup(json_string_value(json_object_get(body, "prompt_cache_key")));
    json_decref(body);
    request_done(&r);
    return key;
}

static void cache_keys(void **state)
{
    char *one = cache_key("gpt-4o", "be brief", "a"), *same = cache_key("gpt-4o", "be brief", "b"), *other = cache_key("gpt-4o", "be long", "a");
    (void)state;
    assert_string_equal(one, same);
    assert_string_not_equal(one, other);
    assert_null(cache_key("llama3", "be brief", "a")); /* servers of one's own may reject what they do not know */
    free(one);
    free(same);
    free(other);
}

static void what_openrouter_sent_goes_back_to_it(void **state)
{
    static const char messages[] = "[{\"role\":\"assistant\",\"content\":\"a\",\"kept_by\":\"openrouter\",\"kept\":[{\"type\":\"reasoning.text\",\"text\":\"h\"}]}]";
    (void)state;
    expect_options("openrouter", "m", "{}", "{\"type\":\"object\"}", messages,
                   "{\"model\": \"m\", \"messages\": [{\"role\": \"assistant\", \"content\": \"a\", \"reasoning_details\": [{\"type\": \"reasoning.text\", "
                   "\"text\": \"h\"}]}], " TAIL ", \"temperature\": 0.5, \"max_tokens\": 9, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": "
                   "{\"name\": \"output\", \"schema\": {\"type\": \"object\"}, \"strict\": false}}}");
    expect_options("vllm", "m", "{}", "{\"type\":\"object\"}", messages,
                   "{\"model\": \"m\", \"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}], " TAIL ", \"temperature\": 0.5, \"max_tokens\": 9, "
                   "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"output\", \"schema\": {\"type\": \"object\"}, "
                   "\"strict\": false}}}");
}

/* ---- other servers ---- */

static int has_line(const struct orb_model_request *r, const char *line)
{
    for (const char *p = r->headers.data; p < r->headers.data + r->headers.len; p += strlen(p) + 1)
        if (strcmp(p, line) == 0)
            return 1;
    return 0;
}

/* Where provider:model is asked, with this header (NULL = not looked at); code and words when it cannot be. */
static void expect_place(const char *full, const char *url, const char *line, int code, const char *words)
{
    const struct orb_provider *p;
    struct orb_model_request r = { 0 };
    struct orb_error err = { 0 };
    struct orb_model_call call = { .temperature = 1.0 };
    json_t *messages = json_loads(HI, 0, NULL);
    call.messages = messages;
    assert_int_equal(orb_provider_find(full, &p, &call.model, &err), 0);
    int rc = p->codec->request(p, &call, &r, &err);
    if (rc != code || (rc && !strstr(err.text, words)))
        fail_msg("%s: code %d '%s', expected %d '%s'", full, rc, err.text, code, words ? words : "");
    if (!rc) {
        assert_string_equal(r.url, url);
        assert_true(!line || has_line(&r, line));
        request_done(&r);
    }
    json_decref(messages);
}

static void azure(void **state)
{
    static const char *const names[] = { "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "OPENAI_API_VERSION" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        unsetenv(names[i]);
    expect_place("azure:d", NULL, NULL, ORB_E_CONFIG, "AZURE_OPENAI_ENDPOINT is not set");
    setenv("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com/", 1);
    expect_place("azure:d", NULL, NULL, ORB_E_MODEL_AUTH, "AZURE_OPENAI_API_KEY is not set");
    setenv("AZURE_OPENAI_AD_TOKEN", "tok.en", 1);
    expect_place("azure:d", "https://me.openai.azure.com/openai/v1/chat/completions", "Authorization: Bearer tok.en", 0, NULL);
    setenv("AZURE_OPENAI_API_KEY", "key", 1);
    expect_place("azure:d", "https://me.openai.azure.com/openai/v1/chat/completions", "api-key: key", 0, NULL);
    setenv("OPENAI_API_VERSION", "2024-10-21", 1);
    expect_place("azure:my gpt/4", "https://me.openai.azure.com/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21", "api-key: key", 0, NULL);
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        unsetenv(names[i]);
}

static void compatible_servers(void **state)
{
    (void)state;
    unsetenv("OPENROUTER_API_KEY");
    expect_place("ollama:llama3:8b", "http://localhost:11434/v1/chat/completions", NULL, 0, NULL);
    expect_place("vllm:m", "http://localhost:8000/v1/chat/completions", NULL, 0, NULL);
    expect_place("llamacpp:m", "http://localhost:8080/v1/chat/completions", NULL, 0, NULL);
    expect_place("openrouter:a/b", NULL, NULL, ORB_E_MODEL_AUTH, "OPENROUTER_API_KEY is not set");
    setenv("OPENROUTER_API_KEY", "sk-or", 1);
    setenv("OPENROUTER_TITLE", "My App", 1); /* may have blanks, as no key has */
    expect_place("openrouter:a/b", "https://openrouter.ai/api/v1/chat/completions", "X-Title: My App", 0, NULL);
    setenv("OPENROUTER_TITLE", "a\r\nB: c", 1);
    expect_place("openrouter:a/b", NULL, NULL, ORB_E_CONFIG, "OPENROUTER_TITLE");
    unsetenv("OPENROUTER_TITLE");
    setenv("VLLM_BASE_URL", "http://gpu:1/v1", 1);
    setenv("VLLM_API_KEY", "k", 1);
    expect_place("vllm:m", "http://gpu:1/v1/chat/completions", "Authorization: Bearer k", 0, NULL);
    unsetenv("VLLM_BASE_URL");
    unsetenv("VLLM_API_KEY");
}

/* ---- replies ---- */

#define CHUNK(delta, rest) "data: {\"choices\":[{\"index\":0,\"delta\":" delta rest "}]}\n\n"
#define NEXT ",\"finish_reason\":null"
#define STOP(reason) CHUNK("{}", ",\"finish_reason\":\"" reason "\"")
#define DONE "data: [DONE]\n\n"
#define DETAILS(inner) CHUNK("{\"reasoning_details\":[" inner "]}", NEXT)
#define CALL(inner) CHUNK("{\"tool_calls\":[" inner "]}", NEXT)

static const struct test_reply_case replies[] = {
    { "plain", CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", NEXT) CHUNK("{\"content\":\"he\"}", NEXT)
               CHUNK("{\"content\":\"llo \\u00e9\\ud83d\\ude00\"}", NEXT) STOP("stop")
               "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}}\n\n" DONE,
      "T(he)T(llo \u00e9\U0001F600)U(9,5,14)F(stop)", 0, NULL },
    { "usage chunk with choices null", CHUNK("{\"content\":\"a\"}", NEXT) STOP("stop")
      "data: {\"choices\":null,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n" DONE, "T(a)U(1,2,3)F(stop)", 0, NULL },
    { "usage on the last choice", CHUNK("{\"content\":\"a\"}", NEXT)
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n"
      DONE, "T(a)U(1,2,3)F(stop)", 0, NULL },
    { "cached and reasoning tokens", STOP("stop") "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14,"
      "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n" DONE, "U(9,5,14,4,3)F(stop)", 0, NULL },
    { "tokens written to the cache", STOP("stop") "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14,"
      "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":2}}}\n\n" DONE, "U(9,5,14,4,0,2)F(stop)", 0, NULL },
    { "reasoning details in pieces", DETAILS("{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"a\",\"signature\":null}")
      DETAILS("{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"b\"}") DETAILS("{\"type\":\"reasoning.text\",\"index\":0,\"signature\":\"s\",\"text\":null}")
      DETAILS("{\"type\":\"reasoning.encrypted\",\"data\":\"x\"},{\"type\":\"reasoning.encrypted\",\"data\":\"y\"}")
      DETAILS("{\"type\":\"reasoning.summary\",\"index\":1,\"summary\":\"c\"},{\"type\":\"reasoning.summary\",\"index\":1,\"summary\":\"d\"},7,null")
      DETAILS("{\"type\":\"reasoning.summary\",\"index\":2,\"summary\":\"e\"}") STOP("stop") DONE,
      "K{\"index\":0,\"signature\":\"s\",\"text\":\"ab\",\"type\":\"reasoning.text\"}K{\"data\":\"x\",\"type\":\"reasoning.encrypted\"}"
      "K{\"data\":\"y\",\"type\":\"reasoning.encrypted\"}K{\"index\":1,\"summary\":\"cd\",\"type\":\"reasoning.summary\"}"
      "K{\"index\":2,\"summary\":\"e\",\"type\":\"reasoning.summary\"}F(stop)", 0, NULL },
    { "no choices at all, then Azure's filter chunk", "data: {\"id\":\"x\"}\n\ndata: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n"
      CHUNK("{\"content\":\"a\"}", ",\"content_filter_results\":{}" NEXT) STOP("stop") DONE, "T(a)F(stop)", 0, NULL },
    { "nulls everywhere", CHUNK("null", NEXT) CHUNK("{\"role\":null,\"content\":null,\"tool_calls\":null,\"refusal\":null}", NEXT)
      "data: {\"choices\":[null],\"usage\":null,\"error\":null}\n\n" CHUNK("{\"content\":\"a\"}", NEXT) STOP("stop") DONE, "T(a)F(stop)", 0, NULL },
    { "reasoning by both names, once", CHUNK("{\"reasoning_content\":\"h\"}", NEXT) CHUNK("{\"reasoning\":\"m\"}", NEXT)
      CHUNK("{\"reasoning_content\":\"x\",\"reasoning\":\"x\"}", NEXT) CHUNK("{\"content\":\"a\",\"reasoning_content\":null}", NEXT) STOP("stop") DONE,
      "R(h)R(m)R(x)T(a)F(stop)", 0, NULL },
    { "what was written to a cache", CHUNK("{\"content\":\"a\"}", NEXT) STOP("stop") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,"
      "\"prompt_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":4}}}\n\n" DONE, "T(a)U(9,5,14,2,0,4)F(stop)", 0, NULL },
    { "refusal is text", CHUNK("{\"refusal\":\"no\"}", NEXT) STOP("stop") DONE, "T(no)F(filter)", 0, NULL },
    { "tool calls by index", CALL("{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"\"}}")
      CALL("{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}") CALL("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}")
      CALL("{\"index\":0,\"function\":{\"arguments\":\":1}\"}}") STOP("tool_calls") DONE,
      "C0(a,add,)C0(,,{\"x\")C1(b,now,{})C0(,,:1})F(tool_calls)", 0, NULL },
    { "indexes that begin at one", CALL("{\"index\":1,\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}") STOP("tool_calls") DONE,
      "C0(a,add,{})F(tool_calls)", 0, NULL },
    { "all index 0, different ids", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}")
      CALL("{\"index\":0,\"function\":{\"arguments\":\"}\"}}") CALL("{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"add\",\"arguments\":\"[\"}}")
      CALL("{\"index\":0,\"id\":\"b\",\"function\":{\"arguments\":\"]\"}}") STOP("tool_calls") DONE,
      "C0(a,add,{)C0(,,})C1(b,add,[)C1(,,])F(tool_calls)", 0, NULL },
    { "no index", CALL("{\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}") CALL("{\"function\":{\"arguments\":\"}\"}}")
      CALL("{\"id\":\"b\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}") CALL("{\"id\":\"a\",\"function\":{\"arguments\":\" \"}}") STOP("tool_calls") DONE,
      "C0(a,add,{)C0(,,})C1(b,now,{})C0(,, )F(tool_calls)", 0, NULL },
    { "no id", CALL("{\"index\":0,\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}") CALL("{\"index\":0,\"function\":{\"arguments\":\"}\"}}") STOP("tool_calls") DONE,
      "C0(own,add,{)C0(,,})F(tool_calls)", 0, NULL },
    { "the id comes late", CALL("{\"index\":0,\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}") CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"}\"}}")
      STOP("tool_calls") DONE, "C0(own,add,{)C0(a,,})F(tool_calls)", 0, NULL },
    { "whole calls without id and index", CALL("{\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}},{\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}") STOP("tool_calls") DONE,
      "C0(own,add,{})C1(own,now,{})F(tool_calls)", 0, NULL },
    { "arguments as an object", CALL("{\"function\":{\"name\":\"add\",\"arguments\":{\"x\":1}}}") CALL("{\"function\":{\"name\":\"add\",\"arguments\":{\"x\":2}}}") STOP("tool_calls") DONE,
      "C0(own,add,{\"x\": 1})C1(own,add,{\"x\": 2})F(tool_calls)", 0, NULL },
    { "name and id on every piece", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}")
      CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"}\"}}") STOP("tool_calls") DONE, "C0(a,add,{)C0(,,})F(tool_calls)", 0, NULL },
    { "null arguments, empty id", CALL("{\"index\":0,\"id\":\"\",\"function\":{\"name\":\"add\",\"arguments\":null}}") STOP("tool_calls") DONE, "C0(own,add,)F(tool_calls)", 0, NULL },
    { "finish stop after calls", CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}") STOP("stop") DONE, "C0(a,add,{})F(tool_calls)", 0, NULL },
    { "function_call", STOP("function_call") DONE, "F(tool_calls)", 0, NULL },
    { "length", CHUNK("{\"content\":\"a\"}", NEXT) STOP("length") DONE, "T(a)F(length)", 0, NULL },
    { "content_filter", STOP("content_filter") DONE, "F(filter)", 0, NULL },
    { "a reason nobody knows", STOP("end_turn") DONE, "F(stop)", 0, NULL },
    { "no [DONE]", CHUNK("{\"content\":\"a\"}", NEXT) STOP("stop"), "T(a)F(stop)", 0, NULL },
    { "[DONE] and no finish_reason", CHUNK("{\"content\":\"a\"}", NEXT) DONE, "T(a)F(stop)", 0, NULL },
    { "text after [DONE]", CHUNK("{\"content\":\"a\"}", NEXT) DONE CHUNK("{\"content\":\"b\"}", NEXT), "T(a)F(stop)", 0, NULL },
    { "neither", CHUNK("{\"content\":\"a\"}", NEXT), "T(a)", ORB_E_MODEL_TRUNCATED, NULL },
    { "nothing", "", "", ORB_E_MODEL_TRUNCATED, NULL },
    { "CR LF, comments, multi-line data", ": OPENROUTER PROCESSING\r\n\r\ndata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
      "T(a)F(stop)", 0, NULL },
    { "error object", CHUNK("{\"content\":\"a\"}", NEXT) "data: {\"error\":{\"message\":\"too busy\",\"type\":\"overloaded_error\"}}\n\n", "T(a)", ORB_E_MODEL_OVERLOADED, NULL },
    { "error with a number", "data: {\"id\":\"x\",\"error\":{\"code\":429,\"message\":\"slow down\"},\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n",
      "", ORB_E_MODEL_RATE, NULL },
    { "error with digits", "data: {\"error\":{\"code\":\"502\",\"message\":\"x\"}}\n\n", "", ORB_E_MODEL_SERVER, NULL },
    { "error string", "data: {\"error\":\"boom\"}\n\n", "", ORB_E_MODEL_SERVER, NULL },
    { "error at the top", "data: {\"object\":\"error\",\"message\":\"This model's maximum context length is 8\",\"code\":400}\n\n", "", ORB_E_MODEL_CONTEXT, NULL },
    { "finish_reason error", STOP("error"), "", ORB_E_MODEL_SERVER, NULL },
    { "no JSON", "data: {\"choices\n\n", "", ORB_E_PROTOCOL, NULL },
    { "JSON that is no object", "data: 12\n\ndata: [1]\n\ndata: null\n\n" CHUNK("{\"content\":\"a\"}", NEXT) DONE, "T(a)F(stop)", 0, NULL },
};

static void tolerances(void **state)
{
    (void)state;
    test_replies(&orb_provider_openai, replies, ORB_COUNT(replies));
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    test_replies_cut(&orb_provider_openai, replies, ORB_COUNT(replies));
}

static void too_many_calls(void **state)
{
    struct orb_buf text;
    (void)state;
    orb_buf_init(&text, 1 << 20);
    for (int i = 0; i < 129; i++)
        orb_buf_printf(&text, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"c%d\",\"function\":"
                              "{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n", i, i);
    test_reply_over(&orb_provider_openai, text.data, text.len, "128");
    orb_buf_done(&text);
}

/* ---- refusals ---- */

static const struct test_refusal refusals[] = {
    { 401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-test-1234567890.\",\"code\":\"invalid_api_key\"}}", ORB_E_MODEL_AUTH,
      "HTTP 401: Incorrect API key provided: ***.; check OPENAI_API_KEY", 0 },
    { 403, "{\"error\":{\"message\":\"no\"}}", ORB_E_MODEL_PERMISSION, "HTTP 403: no", 0 },
    { 404, "{\"error\":{\"message\":\"The model `x` does not exist\",\"code\":\"model_not_found\"}}", ORB_E_MODEL_NOT_FOUND, "`x`", 0 },
    { 400, "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\",\"param\":\"x\",\"code\":null}}", ORB_E_MODEL_INVALID, "bad", 0 },
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"unsupported_value\",\"param\":\"temperature\"}}", ORB_E_MODEL_PARAMETER, "m", 0 },
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}", ORB_E_MODEL_CONTEXT, "shorten", 0 },
    { 400, "{\"error\":{\"code\":400,\"message\":\"m\",\"type\":\"exceed_context_size_error\",\"n_ctx\":1}}", ORB_E_MODEL_CONTEXT, "m", 0 },
    { 400, "{\"object\":\"error\",\"message\":\"This model's maximum context length is 2048 tokens\",\"type\":\"BadRequestError\",\"code\":400}",
      ORB_E_MODEL_CONTEXT, "2048", 0 },
    { 400, "{\"error\":{\"message\":\"You passed 9 input tokens and requested 8 output tokens\"}}", ORB_E_MODEL_CONTEXT, "9", 0 },
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"content_filter\"}}", ORB_E_MODEL_FILTER, "m", 0 },
    { 402, "{\"error\":{\"message\":\"credits\",\"code\":402}}", ORB_E_MODEL_QUOTA, "credits", 0 },
    { 429, "{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}", ORB_E_MODEL_RATE, "m", 0 },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}", ORB_E_MODEL_QUOTA, "billing", 0 },
    { 408, "", ORB_E_MODEL_TIMEOUT, "HTTP 408", 0 },
    { 409, "{}", ORB_E_MODEL_SERVER, "HTTP 409", 0 },
    { 500, "{\"error\":\"oops\"}", ORB_E_MODEL_SERVER, "oops", 0 },
    { 403, "{\"error\":{\"code\":403,\"message\":\"flagged\",\"metadata\":{\"reasons\":[\"violence\"],\"flagged_input\":\"x\"}}}", ORB_E_MODEL_FILTER, "HTTP 403: flagged", 0 },
    { 400, "{\"error\":{\"code\":400,\"message\":\"Provider returned error\",\"metadata\":{\"raw\":\"{\\\"message\\\":\\\"prompt is too long: 9 tokens\\\"}\",\"provider_name\":\"A\"}}}",
      ORB_E_MODEL_CONTEXT, "Provider returned error: {\"message\":\"prompt is too long: 9 tokens\"}; shorten", 0 },
    { 503, "{\"error\":{\"message\":\"Loading model\",\"code\":503}}", ORB_E_MODEL_OVERLOADED, "Loading", 0 },
    { 529, "x", ORB_E_MODEL_OVERLOADED, "x", 0 },
    { 504, "<html><head><title>504 Gateway Time-out</title></head></html>", ORB_E_MODEL_TIMEOUT, "a web page instead of JSON: 504 Gateway Time-out", 0 },
    { 502, "\n<h1>bad</h1>", ORB_E_MODEL_SERVER, "<h1>bad", 0 },
    { 413, "<html><title>413 Request Entity Too Large</title></html>", ORB_E_MODEL_CONTEXT, "413 Request Entity Too Large; shorten", 0 },
    { 422, "{\"detail\":\"field required\"}", ORB_E_MODEL_INVALID, "field required", 0 },
    { 302, "", ORB_E_MODEL_INVALID, "HTTP 302", 0 },
    { 200, "<html></html>", ORB_E_MODEL_SERVER, "event stream", 0 },
    { 200, "{\"error\":{\"message\":\"m\",\"code\":429}}", ORB_E_MODEL_RATE, "m", 0 },
    { 500, "sk-test-1234567890 \x1b[31m", ORB_E_MODEL_SERVER, "***", 0 },
    { 500, "{\"error\":{\"message\":\"sk-\\u0074est-1234567890\"}}", ORB_E_MODEL_SERVER, "***", 0 },
};

static void refusal_classes(void **state)
{
    (void)state;
    environment("sk-test-1234567890", NULL);
    test_refusals(&orb_provider_openai, refusals, ORB_COUNT(refusals), "1234567890");
}

static void long_messages_keep_the_advice(void **state)
{
    struct orb_buf body;
    struct orb_error err = { 0 };
    (void)state;
    orb_buf_init(&body, 1 << 20);
    orb_buf_str(&body, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 1000; i++)
        orb_buf_str(&body, "\u00e9\u20ac");
    orb_buf_str(&body, "\",\"code\":\"invalid_api_key\"}}");
    assert_int_equal(orb_provider_openai.codec->refusal(&orb_provider_openai, 401, body.data, body.len, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "; check OPENAI_API_KEY on the worker"));
    assert_null(strstr(err.text, "\\x"));
    orb_buf_done(&body);
}

/* ---- the table ---- */

static void providers(void **state)
{
    const struct orb_provider *p;
    const char *model;
    struct orb_error err = { 0 };
    (void)state;
    assert_int_equal(orb_provider_find("openai:gpt-4o", &p, &model, &err), 0);
    assert_ptr_equal(p, &orb_provider_openai);
    assert_string_equal(model, "gpt-4o");
    assert_int_equal(orb_provider_find("gpt-4o", &p, &model, &err), 0);
    assert_ptr_equal(p, &orb_provider_openai);
    assert_int_equal(orb_provider_find("openai:llama3:8b", &p, &model, &err), 0);
    assert_string_equal(model, "llama3:8b");
    assert_int_equal(orb_provider_find("sim:", &p, &model, &err), 0);
    assert_string_equal(model, "");
    assert_int_equal(orb_provider_find("claude:x", &p, &model, &err), ORB_E_MODEL_NOT_FOUND);
    assert_non_null(strstr(err.text, "Provider 'claude' not registered. Available: ['openai', 'responses', "));
    assert_int_equal(orb_model_check("openai:gpt-4o", &err), 0);
    assert_int_equal(orb_model_check("openai:", &err), ORB_E_MODEL_INVALID);
    assert_int_equal(orb_model_check("openai:a b", &err), ORB_E_MODEL_INVALID);
    assert_int_equal(orb_model_check("", &err), ORB_E_MODEL_INVALID);
    assert_int_equal(orb_model_check("nobody:x", NULL), ORB_E_MODEL_NOT_FOUND);
    const struct orb_provider_info *list = orb_provider_list();
    assert_string_equal(list[0].name, "openai");
    assert_non_null(strstr(list[0].settings, "OPENAI_API_KEY"));
    size_t count = 0;
    while (list[count].name)
        assert_ptr_equal(orb_provider_at(count)->info.name, list[count].name), count++;
    assert_null(orb_provider_at(count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_parameters),
        cmocka_unit_test(golden_messages),
        cmocka_unit_test(golden_blocks),
        cmocka_unit_test(where_and_as_whom),
        cmocka_unit_test(golden_options),
        cmocka_unit_test(cache_keys),
        cmocka_unit_test(what_openrouter_sent_goes_back_to_it),
        cmocka_unit_test(azure),
        cmocka_unit_test(compatible_servers),
        cmocka_unit_test(tolerances),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(too_many_calls),
        cmocka_unit_test(refusal_classes),
        cmocka_unit_test(long_messages_keep_the_advice),
        cmocka_unit_test(providers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
