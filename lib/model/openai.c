/* OpenAI chat completions, and the servers that speak that protocol. Source:
 * the API reference of chat completions. */
#include "model/openai.h"
#include "base/base.h"
#include "model/failure.h"
#include "model/openai_write.h"
#include "model/server.h"
#include "model/write.h"

#include <string.h>

/* ---- content ---- */

static void put_block(struct orb_buf *b, const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    if (orb_put_document_text(b, "{\"type\": \"text\", \"text\": ", block)) {
        orb_buf_char(b, '}');
    } else if (strcmp(type, "text") == 0) {
        orb_buf_str(b, "{\"type\": \"text\", ");
        orb_put_member(b, "text", block, "text", "");
        orb_buf_char(b, '}');
    } else if (strcmp(type, "image_url") == 0) {
        orb_buf_str(b, "{\"type\": \"image_url\", \"image_url\": {");
        orb_put_member(b, "url", block, "url", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "detail", block, "detail", "auto");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "image_data") == 0) {
        orb_buf_str(b, "{\"type\": \"image_url\", \"image_url\": {\"url\": ");
        orb_put_data_url(b, block, "image/jpeg");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "audio") == 0) {
        orb_buf_str(b, "{\"type\": \"input_audio\", \"input_audio\": {");
        orb_put_member(b, "data", block, "data", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "format", block, "format", "mp3");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "document") == 0) {
        orb_buf_str(b, "{\"type\": \"file\", \"file\": {");
        orb_put_member(b, "filename", block, "title", "document.pdf");
        orb_buf_str(b, ", \"file_data\": ");
        orb_put_data_url(b, block, "application/pdf");
        orb_buf_str(b, "}}");
    } else {
        /* The model is told that something is missing here. */
        orb_buf_str(b, "{\"type\": \"text\", \"text\": ");
        orb_put_missing_block(b, block);
        orb_buf_char(b, '}');
    }
}

/* ---- messages ---- */

static void put_calls(struct orb_buf *b, const json_t *calls)
{
    orb_buf_str(b, "\"tool_calls\": [");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        const char *args = orb_json_get_str(call, "arguments", "");
        orb_buf_str(b, i ? ", {" : "{");
        orb_put_member(b, "id", call, "id", "");
        orb_buf_str(b, ", \"type\": \"function\", \"function\": {");
        orb_put_member(b, "name", call, "name", "");
        orb_buf_str(b, ", \"arguments\": ");
        orb_put_str(b, *args ? args : "{}"); /* servers parse it: "" is no JSON */
        orb_buf_str(b, "}}");
    }
    orb_buf_char(b, ']');
}

/* OpenRouter wants back what it sent beside the reasoning. */
static void put_kept(struct orb_buf *b, const struct orb_provider *provider, const json_t *message)
{
    const json_t *kept = json_object_get(message, "kept");
    if (json_array_size(kept) == 0 || strcmp(orb_json_get_str(message, "kept_by", ""), provider->info.name) != 0)
        return;
    orb_buf_str(b, ", \"reasoning_details\": ");
    orb_json_dump(b, kept);
}

static void put_assistant(struct orb_buf *b, const struct orb_provider *provider, const json_t *message)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    int has_calls = json_array_size(calls) > 0;
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_content_text(json_object_get(message, "content"), &text);
    orb_buf_str(b, "{\"role\": \"assistant\"");
    if (text.len > 0 || !has_calls) {
        orb_buf_str(b, ", \"content\": ");
        orb_json_str(b, text.data ? text.data : "", text.len);
    }
    if (has_calls) {
        orb_buf_str(b, ", ");
        put_calls(b, calls);
    }
    put_kept(b, provider, message);
    orb_buf_char(b, '}');
    if (text.err)
        b->err = text.err;
    orb_buf_done(&text);
}

static void put_tool(struct orb_buf *b, const json_t *message)
{
    const json_t *error = json_object_get(message, "error");
    orb_buf_str(b, "{\"role\": \"tool\", ");
    orb_put_member(b, "tool_call_id", message, "tool_call_id", "");
    orb_buf_str(b, ", \"content\": ");
    orb_put_text(b, json_is_string(error) ? error : json_object_get(message, "content"));
    orb_buf_char(b, '}');
}

/* A tool's answer holds text only, and all answers of a turn must come at once: media stand in a message of the user behind
 * the last of them, which is message `last`. */
static void put_media_of_tools(struct orb_buf *b, const json_t *messages, size_t last)
{
    size_t first = last, count = 0;
    while (first > 0 && strcmp(orb_json_get_str(json_array_get(messages, first - 1), "role", ""), "tool") == 0)
        first--;
    for (size_t i = first; i <= last; i++) {
        const json_t *block;
        size_t next = 0;
        while ((block = orb_tool_media(json_array_get(messages, i), &next))) {
            orb_buf_str(b, count++ ? ", " : ", {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Media of the tool results above:\"}, ");
            put_block(b, block);
        }
    }
    orb_buf_str(b, count ? "]}" : "");
}

static int put_message(struct orb_buf *b, const struct orb_provider *provider, const struct orb_model_rules *rules, const json_t *message,
                       struct orb_error *err)
{
    const char *role = orb_json_get_str(message, "role", "");
    int is_system = strcmp(role, "system") == 0;
    if (is_system || strcmp(role, "user") == 0) {
        orb_buf_printf(b, "{\"role\": \"%s\", \"content\": ", is_system && rules->flags & ORB_RULE_DEVELOPER ? "developer" : role);
        orb_put_content(b, json_object_get(message, "content"), put_block);
        orb_buf_char(b, '}');
    } else if (strcmp(role, "assistant") == 0) {
        put_assistant(b, provider, message);
    } else if (strcmp(role, "tool") == 0) {
        put_tool(b, message);
    } else {
        return orb_error_set(err, ORB_E_MODEL_INVALID, "Unknown message role: '%.40s'", role);
    }
    return 0;
}

static int put_messages(struct orb_buf *b, const struct orb_provider *provider, const struct orb_model_rules *rules, const json_t *messages,
                        struct orb_error *err)
{
    int is_tool = 0, rc = 0;
    size_t n = json_array_size(messages);
    for (size_t i = 0; !rc && i < n; i++) {
        const json_t *message = json_array_get(messages, i);
        int is_after = is_tool;
        is_tool = strcmp(orb_json_get_str(message, "role", ""), "tool") == 0;
        if (is_after && !is_tool)
            put_media_of_tools(b, messages, i - 1);
        orb_buf_str(b, i ? ", " : "");
        rc = put_message(b, provider, rules, message, err);
    }
    if (!rc && is_tool)
        put_media_of_tools(b, messages, n - 1);
    return rc;
}

static void put_tools(struct orb_buf *b, const json_t *tools)
{
    orb_buf_str(b, ", \"tools\": [");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *parameters = json_object_get(tool, "parameters");
        orb_buf_str(b, i ? ", {" : "{");
        orb_buf_str(b, "\"type\": \"function\", \"function\": {");
        orb_put_member(b, "name", tool, "name", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "description", tool, "description", "");
        if (json_is_object(parameters)) {
            orb_buf_str(b, ", \"parameters\": ");
            orb_json_dump(b, parameters);
        }
        orb_buf_str(b, "}}");
    }
    orb_buf_char(b, ']');
}

static void put_options(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    const json_t *stop = json_object_get(call->options, "stop");
    const char *effort = orb_openai_effort(call, rules);
    orb_openai_put_sampling(b, call, rules);
    if (call->max_tokens > 0) {
        orb_buf_str(b, rules->flags & ORB_RULE_COMPLETION_TOKENS ? ", \"max_completion_tokens\": " : ", \"max_tokens\": ");
        orb_buf_int(b, call->max_tokens);
    }
    if (effort)
        orb_buf_printf(b, ", \"reasoning_effort\": \"%s\"", effort);
    if (json_array_size(stop) > 0 && !(rules->flags & ORB_RULE_NO_STOP)) {
        orb_buf_str(b, ", \"stop\": ");
        orb_json_dump(b, stop);
    }
    if (call->output_schema && rules->flags & ORB_RULE_SCHEMA) {
        orb_buf_str(b, ", \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {");
        orb_openai_put_schema(b, call);
        orb_buf_str(b, "}}");
    }
    orb_openai_put_cache_key(b, call, rules);
}

static int put_body(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    const struct orb_model_rules *rules = orb_openai_rules(provider, call->model);
    orb_buf_str(b, "{\"model\": ");
    orb_put_str(b, call->model);
    orb_buf_str(b, ", \"messages\": [");
    orb_openai_put_words(b, call, rules);
    int rc = put_messages(b, provider, rules, call->messages, err);
    if (rc)
        return rc;
    orb_buf_str(b, "], \"stream\": true, \"stream_options\": {\"include_usage\": true}");
    put_options(b, call, rules);
    if (json_array_size(call->tools) > 0)
        put_tools(b, call->tools);
    orb_openai_put_choice(b, call, rules, 0);
    orb_buf_char(b, '}');
    return 0;
}

int orb_openai_request_at(const struct orb_provider *provider, const char *path, const struct orb_model_call *call, struct orb_model_request *out,
                          struct orb_error *err)
{
    return orb_openai_request_to(provider, path, call, put_body, out, err);
}

static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    return orb_openai_request_at(provider, "/chat/completions", call, out, err);
}

const struct orb_codec orb_openai_codec = {
    .state_size = sizeof(struct orb_openai_state),
    .request = request,
    .data = orb_openai_data,
    .is_ending = orb_openai_is_ending,
    .end = orb_openai_end,
    .refusal = orb_failure_body,
    .done = orb_openai_done,
};

static const char *const resets[] = { "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", NULL };
static const struct orb_server_header keys[] = { { "Authorization", "Bearer ", "OPENAI_API_KEY" }, { 0 } };
static const struct orb_server_header more[] = { { "OpenAI-Organization", "", "OPENAI_ORG_ID" }, { "OpenAI-Project", "", "OPENAI_PROJECT_ID" }, { 0 } };
const struct orb_server orb_openai_server = {
    .base_url = "https://api.openai.com/v1", .base_env = "OPENAI_BASE_URL", .keys = keys, .more = more, .resets = resets,
};

const struct orb_provider orb_provider_openai = {
    .info = { "openai", "OpenAI chat completions, and servers that speak its protocol",
              "OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID, ORBITER_MODEL_TIMEOUT" },
    .codec = &orb_openai_codec,
    .server = &orb_openai_server,
};
