/* The OpenAI Responses API, without anything stored there: each request has the whole conversation. Source: the API
 * reference of Responses. */
#include "model/responses.h"
#include "base/base.h"
#include "model/failure.h"
#include "model/openai.h"
#include "model/openai_write.h"
#include "model/write.h"

#include <string.h>

static void put_comma(struct orb_buf *b, int *count)
{
    if ((*count)++)
        orb_buf_str(b, ", ");
}

/* ---- content ---- */

static void put_part(struct orb_buf *b, const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    if (orb_put_document_text(b, "{\"type\": \"input_text\", \"text\": ", block)) {
        ; /* all of it */
    } else if (strcmp(type, "text") == 0) {
        orb_buf_str(b, "{\"type\": \"input_text\", ");
        orb_put_member(b, "text", block, "text", "");
    } else if (strcmp(type, "image_url") == 0) {
        orb_buf_str(b, "{\"type\": \"input_image\", ");
        orb_put_member(b, "image_url", block, "url", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "detail", block, "detail", "auto");
    } else if (strcmp(type, "image_data") == 0) {
        orb_buf_str(b, "{\"type\": \"input_image\", \"image_url\": ");
        orb_put_data_url(b, block, "image/jpeg");
        orb_buf_str(b, ", \"detail\": \"auto\"");
    } else if (strcmp(type, "document") == 0) {
        orb_buf_str(b, "{\"type\": \"input_file\", ");
        orb_put_member(b, "filename", block, "title", "document.pdf");
        orb_buf_str(b, ", \"file_data\": ");
        orb_put_data_url(b, block, "application/pdf");
    } else {
        /* The model is told that something is missing here. */
        orb_buf_str(b, "{\"type\": \"input_text\", \"text\": ");
        orb_put_missing_block(b, block);
    }
    orb_buf_char(b, '}');
}

/* ---- items ---- */

static void put_message(struct orb_buf *b, int *count, const char *role, const json_t *content)
{
    put_comma(b, count);
    orb_buf_printf(b, "{\"role\": \"%s\", \"content\": ", role);
    orb_put_content(b, content, put_part);
    orb_buf_char(b, '}');
}

static void put_call(struct orb_buf *b, int *count, const json_t *call)
{
    const char *args = orb_json_get_str(call, "arguments", "");
    put_comma(b, count);
    orb_buf_str(b, "{\"type\": \"function_call\", ");
    orb_put_member(b, "call_id", call, "id", "");
    orb_buf_str(b, ", ");
    orb_put_member(b, "name", call, "name", "");
    orb_buf_str(b, ", \"arguments\": ");
    orb_put_str(b, *args ? args : "{}"); /* the API parses it: "" is no JSON */
    orb_buf_char(b, '}');
}

static void put_said(struct orb_buf *b, int *count, const json_t *content, const char *phase)
{
    put_comma(b, count);
    orb_buf_str(b, "{\"role\": \"assistant\", \"content\": ");
    orb_put_text(b, content);
    if (*phase) {
        orb_buf_str(b, ", \"phase\": ");
        orb_put_str(b, phase);
    }
    orb_buf_char(b, '}');
}

/* The index of the call with this id; -1 = none. */
static int call_of(const json_t *calls, const char *id)
{
    for (size_t i = 0; i < json_array_size(calls); i++)
        if (strcmp(orb_json_get_str(json_array_get(calls, i), "id", ""), id) == 0)
            return (int)i;
    return -1;
}

static int has_text(const json_t *content)
{
    return json_string_length(content) > 0 || json_array_size(content) > 0;
}

/* What the reply's output was, in its order: reasoning as it came, and where the message and the calls stood in it;
 * those themselves are the turn's. */
static void put_assistant(struct orb_buf *b, int *count, const struct orb_provider *provider, const json_t *message)
{
    const json_t *calls = json_object_get(message, "tool_calls"), *content = json_object_get(message, "content");
    int is_ours = strcmp(orb_json_get_str(message, "kept_by", ""), provider->info.name) == 0;
    const json_t *kept = is_ours ? json_object_get(message, "kept") : NULL;
    unsigned char is_put[ORB_RESPONSES_ITEMS_MAX] = { 0 };
    int is_said = !has_text(content);
    for (size_t i = 0; i < json_array_size(kept); i++) {
        const json_t *item = json_array_get(kept, i);
        const char *type = orb_json_get_str(item, "type", "");
        int at = strcmp(type, "function_call") == 0 ? call_of(calls, orb_json_get_str(item, "call_id", "")) : -1;
        if (strcmp(type, "reasoning") == 0) {
            put_comma(b, count);
            orb_json_dump(b, item);
        } else if (strcmp(type, "message") == 0 && !is_said) {
            put_said(b, count, content, orb_json_get_str(item, "phase", ""));
            is_said = 1;
        } else if (at >= 0 && at < ORB_RESPONSES_ITEMS_MAX && !is_put[at]) {
            put_call(b, count, json_array_get(calls, (size_t)at));
            is_put[at] = 1;
        }
    }
    if (!is_said)
        put_said(b, count, content, "");
    for (size_t i = 0; i < json_array_size(calls); i++)
        if (i >= ORB_RESPONSES_ITEMS_MAX || !is_put[i])
            put_call(b, count, json_array_get(calls, i));
}

static void put_output(struct orb_buf *b, int *count, const json_t *message)
{
    const json_t *error = json_object_get(message, "error");
    put_comma(b, count);
    orb_buf_str(b, "{\"type\": \"function_call_output\", ");
    orb_put_member(b, "call_id", message, "tool_call_id", "");
    orb_buf_str(b, ", \"output\": ");
    orb_put_content(b, json_is_string(error) ? error : json_object_get(message, "content"), put_part);
    orb_buf_char(b, '}');
}

static int put_item(struct orb_buf *b, int *count, const struct orb_provider *provider, const json_t *message, struct orb_error *err)
{
    const char *role = orb_json_get_str(message, "role", "");
    const json_t *content = json_object_get(message, "content");
    if (strcmp(role, "system") == 0)
        put_message(b, count, "developer", content);
    else if (strcmp(role, "user") == 0)
        put_message(b, count, role, content);
    else if (strcmp(role, "assistant") == 0)
        put_assistant(b, count, provider, message);
    else if (strcmp(role, "tool") == 0)
        put_output(b, count, message);
    else
        return orb_error_set(err, ORB_E_MODEL_INVALID, "Unknown message role: '%.40s'", role);
    return 0;
}

/* ---- the body ---- */

static void put_tools(struct orb_buf *b, const json_t *tools)
{
    orb_buf_str(b, ", \"tools\": [");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *parameters = json_object_get(tool, "parameters");
        orb_buf_str(b, i ? ", {" : "{");
        orb_buf_str(b, "\"type\": \"function\", ");
        orb_put_member(b, "name", tool, "name", "");
        orb_buf_str(b, ", ");
        orb_put_member(b, "description", tool, "description", "");
        orb_buf_str(b, ", \"parameters\": ");
        if (json_is_object(parameters))
            orb_json_dump(b, parameters);
        else
            orb_buf_str(b, "{\"type\": \"object\", \"properties\": {}}");
        /* Left out, this API would make every member required. */
        orb_buf_str(b, ", \"strict\": false}");
    }
    orb_buf_char(b, ']');
}

static void put_options(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    const char *effort = orb_openai_effort(call, rules);
    orb_openai_put_sampling(b, call, rules);
    if (call->max_tokens > 0) {
        orb_buf_str(b, ", \"max_output_tokens\": ");
        orb_buf_int(b, call->max_tokens);
    }
    if (effort && strcmp(effort, "none") == 0)
        orb_buf_str(b, ", \"reasoning\": {\"effort\": \"none\"}");
    else if (effort) /* who asks for an effort is shown what it led to; some accounts may not ask for that */
        orb_buf_printf(b, ", \"reasoning\": {\"effort\": \"%s\", \"summary\": \"auto\"}", effort);
    if (rules->flags & ORB_RULE_EFFORT_ANY)
        orb_buf_str(b, ", \"include\": [\"reasoning.encrypted_content\"]"); /* other models reject it */
    if (call->output_schema && rules->flags & ORB_RULE_SCHEMA) {
        orb_buf_str(b, ", \"text\": {\"format\": {\"type\": \"json_schema\", ");
        orb_openai_put_schema(b, call);
        orb_buf_str(b, "}}");
    }
    orb_openai_put_cache_key(b, call, rules);
}

static int put_body(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    const struct orb_model_rules *rules = orb_openai_rules(provider, call->model);
    const json_t *first = json_array_get(call->messages, 0);
    size_t from = strcmp(orb_json_get_str(first, "role", ""), "system") == 0 ? 1 : 0;
    int count = 0, rc = 0;
    orb_buf_str(b, "{\"model\": ");
    orb_put_str(b, call->model);
    if (from) {
        orb_buf_str(b, ", \"instructions\": ");
        orb_put_text(b, json_object_get(first, "content"));
    }
    orb_buf_str(b, ", \"input\": [");
    orb_openai_put_words(b, call, rules);
    for (size_t i = from; !rc && i < json_array_size(call->messages); i++)
        rc = put_item(b, &count, provider, json_array_get(call->messages, i), err);
    orb_buf_str(b, "], \"stream\": true, \"store\": false");
    put_options(b, call, rules);
    if (json_array_size(call->tools) > 0)
        put_tools(b, call->tools);
    orb_openai_put_choice(b, call, rules, 1);
    orb_buf_char(b, '}');
    return rc;
}

static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    return orb_openai_request_to(provider, "/responses", call, put_body, out, err);
}

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_responses_state),
    .request = request,
    .data = orb_responses_data,
    .end = orb_responses_end,
    .refusal = orb_failure_body,
    .done = orb_responses_done,
};

const struct orb_provider orb_provider_responses = {
    .info = { "responses", "OpenAI Responses: reasoning is kept between the steps of a task",
              "OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID, ORBITER_MODEL_TIMEOUT" },
    .codec = &codec,
    .server = &orb_openai_server,
    .family = "openai",
};
