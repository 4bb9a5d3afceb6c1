/* Google's generateContent: requests. */
#include "model/gemini.h"
#include "base/base.h"
#include "model/failure.h"
#include "model/rules.h"
#include "model/server.h"
#include "model/write.h"

#include <ctype.h>
#include <string.h>

#define HEADERS_MAX 16384

/* ---- tools ---- */

static void put_tools(struct orb_buf *b, const json_t *tools)
{
    orb_buf_str(b, ", \"tools\": [{\"functionDeclarations\": [");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *parameters = json_object_get(tool, "parameters");
        orb_buf_str(b, i ? ", {" : "{");
        orb_put_member(b, "name", tool, "name", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "description", tool, "description", "");
        if (json_is_object(parameters)) {
            orb_buf_str(b, ", \"parametersJsonSchema\": "); /* `parameters` knows a part of JSON Schema only */
            orb_json_dump(b, parameters);
        }
        orb_buf_char(b, '}');
    }
    orb_buf_str(b, "]}]");
}

static void put_tool_choice(struct orb_buf *b, const char *choice)
{
    static const struct {
        const char *word, *mode;
    } modes[] = { { "auto", "AUTO" }, { "none", "NONE" }, { "required", "ANY" } };
    const char *mode = "ANY";
    int is_name = 1;
    for (size_t i = 0; i < ORB_COUNT(modes); i++)
        if (strcmp(modes[i].word, choice) == 0) {
            mode = modes[i].mode;
            is_name = 0;
        }
    orb_buf_printf(b, ", \"toolConfig\": {\"functionCallingConfig\": {\"mode\": \"%s\"", mode);
    if (is_name) {
        orb_buf_str(b, ", \"allowedFunctionNames\": [");
        orb_put_str(b, choice);
        orb_buf_char(b, ']');
    }
    orb_buf_str(b, "}}");
}

/* ---- generationConfig ---- */

/* Each effort as a budget of tokens and as a level; the level of models that know two only. */
static const struct effort {
    const char *word;
    int budget;
    const char *level, *of_two;
} efforts[] = {
    { "none", 0, "minimal", "low" },   { "minimal", 512, "minimal", "low" }, { "low", 1024, "low", "low" },
    { "medium", 8192, "medium", "high" }, { "high", 24576, "high", "high" }, { "xhigh", 24576, "high", "high" },
};
#define LEAST_BUDGET 128 /* of a model that always thinks */

static void put_thinking(struct orb_buf *b, unsigned flags, const char *word)
{
    const struct effort *e = efforts;
    while (e < efforts + ORB_COUNT(efforts) && strcmp(e->word, word))
        e++;
    if (e == efforts + ORB_COUNT(efforts) || !(flags & (ORB_RULE_BUDGET_THINKING | ORB_RULE_LEVEL_THINKING)))
        return;
    const char *level = flags & ORB_RULE_TWO_LEVELS ? e->of_two : e->level;
    int budget = e->budget;
    if (flags & ORB_RULE_ALWAYS_THINKS) {
        level = strcmp(level, "minimal") ? level : "low";
        budget = budget ? budget : LEAST_BUDGET;
    }
    orb_buf_str(b, ", \"thinkingConfig\": {");
    if (flags & ORB_RULE_LEVEL_THINKING)
        orb_buf_printf(b, "\"thinkingLevel\": \"%s\"", level);
    else
        orb_buf_printf(b, "\"thinkingBudget\": %d", budget);
    if (strcmp(word, "none"))
        orb_buf_str(b, ", \"includeThoughts\": true");
    orb_buf_char(b, '}');
}

/* Some models take a schema only when there are no tools; those are told in words. */
static int is_schema_native(const struct orb_model_call *call, unsigned flags)
{
    if (!(flags & ORB_RULE_SCHEMA))
        return 0;
    return (flags & ORB_RULE_SCHEMA_BESIDE_TOOLS) || json_array_size(call->tools) == 0;
}

static void put_config(struct orb_buf *b, const struct orb_model_call *call, unsigned flags)
{
    const json_t *stop = json_object_get(call->options, "stop");
    double top_p = orb_json_get_real(call->options, "top_p", -1);
    orb_buf_str(b, ", \"generationConfig\": {\"temperature\": ");
    orb_json_real(b, call->temperature);
    if (top_p >= 0) {
        orb_buf_str(b, ", \"topP\": ");
        orb_json_real(b, top_p);
    }
    if (call->max_tokens > 0) {
        orb_buf_str(b, ", \"maxOutputTokens\": ");
        orb_buf_int(b, call->max_tokens);
    }
    if (json_array_size(stop) > 0) {
        orb_buf_str(b, ", \"stopSequences\": ");
        orb_json_dump(b, stop);
    }
    if (call->output_schema && is_schema_native(call, flags)) {
        orb_buf_str(b, ", \"responseMimeType\": \"application/json\", \"responseJsonSchema\": ");
        orb_json_dump(b, call->output_schema);
    }
    put_thinking(b, flags, orb_json_get_str(call->options, "reasoning_effort", ""));
    orb_buf_char(b, '}');
}

/* ---- the whole ---- */

static void put_system(struct orb_buf *b, const struct orb_model_call *call, unsigned flags)
{
    struct orb_buf parts;
    orb_buf_init(&parts, ORB_REQUEST_BODY_MAX);
    int count = orb_gemini_system(call, &parts);
    if (call->output_schema && !is_schema_native(call, flags)) {
        struct orb_buf text;
        orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
        orb_schema_words(call->output_schema, &text);
        orb_buf_str(&parts, count++ ? ", {\"text\": " : "{\"text\": ");
        orb_json_str(&parts, text.data ? text.data : "", text.len);
        orb_buf_char(&parts, '}');
        orb_buf_done(&text);
    }
    if (count) {
        orb_buf_str(b, ", \"systemInstruction\": {\"parts\": [");
        orb_buf_add(b, parts.data ? parts.data : "", parts.len);
        orb_buf_str(b, "]}");
    }
    if (parts.err)
        b->err = parts.err;
    orb_buf_done(&parts);
}

int orb_gemini_body(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    unsigned flags = orb_model_rules_find(provider->family, call->model)->flags;
    const char *choice = orb_json_get_str(call->options, "tool_choice", "");
    orb_buf_str(b, "{\"contents\": [");
    int rc = orb_gemini_contents(provider, call, b, err);
    if (rc)
        return rc;
    orb_buf_char(b, ']');
    put_system(b, call, flags);
    if (json_array_size(call->tools) > 0) {
        put_tools(b, call->tools);
        if (*choice)
            put_tool_choice(b, choice);
    }
    put_config(b, call, flags);
    orb_buf_char(b, '}');
    return orb_put_check(b, err);
}

void orb_gemini_put_segment(struct orb_buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (isalnum(*p) || strchr("-._~", *p))
            orb_buf_char(b, (char)*p);
        else
            orb_buf_printf(b, "%%%02X", *p);
    }
}

int orb_gemini_request(const struct orb_provider *provider, const struct orb_server *server, const char *before, const struct orb_model_call *call,
                       struct orb_model_request *out, struct orb_error *err)
{
    struct orb_buf path;
    orb_buf_init(&path, 2 * ORB_REQUEST_URL_MAX);
    orb_buf_init(&out->headers, HEADERS_MAX);
    orb_buf_init(&out->body, ORB_REQUEST_BODY_MAX);
    orb_buf_str(&path, before);
    orb_gemini_put_segment(&path, call->model);
    orb_buf_str(&path, ":streamGenerateContent?alt=sse");
    int rc = path.err ? orb_error_set(err, ORB_E_MODEL_INVALID, "%s: the model's name is too long", provider->info.name) : 0;
    if (!rc)
        rc = orb_server_url(server, path.data, out->url, err);
    if (!rc)
        rc = orb_server_headers(server, call->token, &out->headers, err);
    if (!rc)
        rc = orb_gemini_body(provider, call, &out->body, err);
    orb_buf_done(&path);
    if (rc) {
        orb_buf_done(&out->headers);
        orb_buf_done(&out->body);
    }
    return rc;
}

static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    return orb_gemini_request(provider, provider->server, "/v1beta/models/", call, out, err);
}

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_gemini_state),
    .request = request,
    .data = orb_gemini_data,
    .is_ending = orb_gemini_is_ending,
    .end = orb_gemini_end,
    .refusal = orb_failure_body,
};

static const struct orb_server_header keys[] = { { "x-goog-api-key", "", "GOOGLE_API_KEY" }, { "x-goog-api-key", "", "GEMINI_API_KEY" }, { 0 } };
static const struct orb_server server = {
    .base_url = "https://generativelanguage.googleapis.com", .base_env = "GOOGLE_GEMINI_BASE_URL", .keys = keys,
};

const struct orb_provider orb_provider_gemini = {
    .info = { "gemini", "Google's Gemini API", "GOOGLE_API_KEY or GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL, ORBITER_MODEL_TIMEOUT" },
    .codec = &codec,
    .server = &server,
    .family = "gemini",
};
