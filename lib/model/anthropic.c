/* Anthropic's Messages API, and servers that speak it. Source: its reference,
 * and the guides on thinking, structured outputs and prompt caching. */
#include "model/anthropic.h"
#include "base/base.h"
#include "model/failure.h"
#include "model/rules.h"
#include "model/server.h"
#include "model/write.h"

#include <ctype.h>
#include <string.h>

#define HEADERS_MAX 16384
#define BUDGET_MIN 1024       /* the API takes no less */
#define MAX_TOKENS_ELSE 4096  /* for a model whose row says nothing */

/* ---- thinking ---- */

enum thinking { THINKING_OFF, THINKING_BUDGET, THINKING_ADAPTIVE };

static const struct effort {
    const char *name, *level; /* the option's, the API's */
    int64_t budget;
} efforts[] = {
    { "minimal", "low", BUDGET_MIN },
    { "low", "low", 4096 },
    { "medium", "medium", 10240 },
    { "high", "high", 24576 },
    { "xhigh", "xhigh", 49152 },
};

static const struct effort *effort_of(const struct orb_model_call *call)
{
    const char *name = orb_json_get_str(call->options, "reasoning_effort", "");
    for (size_t i = 0; i < ORB_COUNT(efforts); i++)
        if (strcmp(efforts[i].name, name) == 0)
            return &efforts[i];
    return NULL; /* none, or not asked for */
}

static int is_tool_forced(const struct orb_model_call *call)
{
    const char *choice = orb_json_get_str(call->options, "tool_choice", "auto");
    return json_array_size(call->tools) > 0 && strcmp(choice, "auto") && strcmp(choice, "none");
}

/* Off too when the rest of the request rules it out: the API rejects it with a forced tool, with no room for the
 * least budget, and (by a budget) in the middle of another provider's turn. */
static enum thinking thinking_of(const struct orb_provider *provider, const struct orb_model_call *call, const struct orb_model_rules *rules, int64_t max_tokens)
{
    if (!effort_of(call) || is_tool_forced(call))
        return THINKING_OFF;
    if (rules->flags & ORB_RULE_ADAPTIVE_THINKING)
        return THINKING_ADAPTIVE;
    if (rules->flags & ORB_RULE_BUDGET_THINKING && max_tokens > BUDGET_MIN && orb_anthropic_may_think(provider, call->messages))
        return THINKING_BUDGET;
    return THINKING_OFF;
}

/* The budget is part of max_tokens: half of it at most, so that the answer has room. */
static void put_thinking(struct orb_buf *b, const struct orb_model_call *call, enum thinking thinking, int64_t max_tokens)
{
    if (thinking == THINKING_ADAPTIVE) {
        orb_buf_str(b, ", \"thinking\": {\"type\": \"adaptive\", \"display\": \"summarized\"}");
    } else if (thinking == THINKING_BUDGET) {
        int64_t budget = effort_of(call)->budget;
        if (budget > max_tokens / 2)
            budget = max_tokens / 2 > BUDGET_MIN ? max_tokens / 2 : BUDGET_MIN;
        orb_buf_str(b, ", \"thinking\": {\"type\": \"enabled\", \"budget_tokens\": ");
        orb_buf_int(b, budget);
        orb_buf_char(b, '}');
    }
}

/* ---- structured output ---- */

static int is_native(const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    return call->output_schema && rules->flags & ORB_RULE_SCHEMA && orb_anthropic_is_said(call->output_schema);
}

static void put_output_config(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules, enum thinking thinking)
{
    const char *level = thinking == THINKING_ADAPTIVE ? effort_of(call)->level : NULL;
    if (level && strcmp(level, "xhigh") == 0 && !(rules->flags & ORB_RULE_EFFORT_XHIGH))
        level = "max";
    if (!level && !is_native(call, rules))
        return;
    orb_buf_str(b, ", \"output_config\": {");
    if (level)
        orb_buf_printf(b, "\"effort\": \"%s\"", level);
    if (is_native(call, rules)) {
        orb_buf_printf(b, "%s\"format\": {\"type\": \"json_schema\", \"schema\": ", level ? ", " : "");
        orb_anthropic_put_schema(b, call->output_schema);
        orb_buf_char(b, '}');
    }
    orb_buf_char(b, '}');
}

/* ---- tools ---- */

static void put_tools(struct orb_buf *b, const json_t *tools, int is_cached)
{
    orb_buf_str(b, ", \"tools\": [");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i), *parameters = json_object_get(tool, "parameters");
        json_t *schema = json_is_object(parameters) ? json_copy((json_t *)parameters) : json_object();
        if (!json_object_get(schema, "type"))
            json_object_set_new(schema, "type", json_string("object")); /* demanded */
        orb_buf_str(b, i ? ", {" : "{");
        orb_put_member(b, "name", tool, "name", "");
        if (*orb_json_get_str(tool, "description", "")) {
            orb_buf_str(b, ", ");
            orb_put_member(b, "description", tool, "description", "");
        }
        orb_buf_str(b, ", \"input_schema\": ");
        orb_json_dump(b, schema);
        orb_buf_str(b, is_cached && i + 1 == json_array_size(tools) ? ORB_ANTHROPIC_CACHE "}" : "}");
        json_decref(schema);
    }
    orb_buf_char(b, ']');
}

static void put_tool_choice(struct orb_buf *b, const json_t *options)
{
    const char *choice = orb_json_get_str(options, "tool_choice", "");
    int is_single = json_is_false(json_object_get(options, "parallel_tool_calls"));
    if (!*choice && !is_single)
        return;
    orb_buf_str(b, ", \"tool_choice\": {\"type\": ");
    if (!*choice || strcmp(choice, "auto") == 0) {
        orb_buf_str(b, "\"auto\"");
    } else if (strcmp(choice, "none") == 0) {
        orb_buf_str(b, "\"none\"");
    } else if (strcmp(choice, "required") == 0) {
        orb_buf_str(b, "\"any\"");
    } else {
        orb_buf_str(b, "\"tool\", \"name\": ");
        orb_put_str(b, choice);
    }
    orb_buf_str(b, is_single && strcmp(choice, "none") ? ", \"disable_parallel_tool_use\": true}" : "}");
}

/* ---- the rest ---- */

/* Only one of temperature and top_p may be sent, and neither with thinking. What is the default is left out; it is also the
 * highest temperature that there is, where others go up to 2. */
static void put_sampling(struct orb_buf *b, const struct orb_model_call *call)
{
    double top_p = orb_json_get_real(call->options, "top_p", 1.0);
    if (call->temperature < 1.0) {
        orb_buf_str(b, ", \"temperature\": ");
        orb_json_real(b, call->temperature);
    } else if (top_p < 1.0) {
        orb_buf_str(b, ", \"top_p\": ");
        orb_json_real(b, top_p);
    }
}

/* Those without anything but white space are rejected. */
static void put_stop(struct orb_buf *b, const json_t *stop)
{
    int count = 0;
    for (size_t i = 0; i < json_array_size(stop); i++) {
        const json_t *word = json_array_get(stop, i);
        const char *p = json_is_string(word) ? json_string_value(word) : "";
        while (isspace((unsigned char)*p))
            p++;
        if (!*p)
            continue;
        orb_buf_str(b, count++ ? ", " : ", \"stop_sequences\": [");
        orb_put_value(b, word);
    }
    if (count)
        orb_buf_char(b, ']');
}

static int put_conversation(const struct orb_provider *provider, struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules,
                            int is_cached, struct orb_error *err)
{
    struct orb_buf words;
    orb_buf_init(&words, ORB_REQUEST_BODY_MAX);
    if (call->output_schema && !is_native(call, rules))
        orb_schema_words(call->output_schema, &words);
    int rc = orb_anthropic_messages(provider, b, call->messages, words.data, is_cached, err);
    if (words.err)
        b->err = words.err;
    orb_buf_done(&words);
    return rc;
}

static int put_body(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    const struct orb_model_rules *rules = orb_model_rules_find(provider->family, call->model);
    int is_cached = !json_is_false(json_object_get(call->options, "cache"));
    int64_t max_tokens = call->max_tokens > 0 ? call->max_tokens : rules->max_tokens > 0 ? rules->max_tokens : MAX_TOKENS_ELSE;
    enum thinking thinking = thinking_of(provider, call, rules, max_tokens);
    orb_buf_str(b, "{\"model\": ");
    orb_put_str(b, call->model);
    orb_buf_str(b, ", \"max_tokens\": ");
    orb_buf_int(b, max_tokens);
    orb_buf_str(b, ", \"stream\": true, ");
    int rc = put_conversation(provider, b, call, rules, is_cached, err);
    if (rc)
        return rc;
    if (json_array_size(call->tools) > 0) {
        put_tools(b, call->tools, is_cached);
        put_tool_choice(b, call->options);
    }
    if (!(rules->flags & ORB_RULE_NO_SAMPLING) && thinking == THINKING_OFF)
        put_sampling(b, call);
    put_stop(b, json_object_get(call->options, "stop"));
    put_thinking(b, call, thinking, max_tokens);
    put_output_config(b, call, rules, thinking);
    orb_buf_char(b, '}');
    return orb_put_check(b, err);
}

static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    orb_buf_init(&out->headers, HEADERS_MAX);
    orb_buf_init(&out->body, ORB_REQUEST_BODY_MAX);
    int rc = orb_server_url(provider->server, "/v1/messages", out->url, err);
    if (!rc)
        rc = orb_server_headers(provider->server, call->token, &out->headers, err);
    if (!rc)
        rc = put_body(provider, call, &out->body, err);
    if (rc) {
        orb_buf_done(&out->headers);
        orb_buf_done(&out->body);
    }
    return rc;
}

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_anthropic_state),
    .request = request,
    .data = orb_anthropic_data,
    .is_ending = orb_anthropic_is_ending,
    .end = orb_anthropic_end,
    .refusal = orb_failure_body,
    .done = orb_anthropic_done,
};

static const struct orb_server_header keys[] = { { "x-api-key", "", "ANTHROPIC_API_KEY" }, { "Authorization", "Bearer ", "ANTHROPIC_AUTH_TOKEN" }, { 0 } };
static const char *const resets[] = { "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-input-tokens-reset",
                                      "anthropic-ratelimit-output-tokens-reset", NULL };
static const struct orb_server server = {
    .base_url = "https://api.anthropic.com", .base_env = "ANTHROPIC_BASE_URL", .keys = keys, .fixed = "anthropic-version: 2023-06-01", .resets = resets,
};

const struct orb_provider orb_provider_anthropic = {
    .info = { "anthropic", "Anthropic's Messages API, and servers that speak it",
              "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL, ORBITER_MODEL_TIMEOUT" },
    .codec = &codec,
    .server = &server,
    .family = "anthropic",
};
