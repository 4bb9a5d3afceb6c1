/* OpenAI chat completions, and the servers that speak that protocol. Source:
 * the API reference of chat completions. */
#include "model/openai.h"
#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE_URL "https://api.openai.com/v1"
#define BODY_MAX (64 * 1024 * 1024)
#define HEADERS_MAX 16384

/* Models that take max_completion_tokens in place of max_tokens, and no
 * temperature but the default. */
static const char *const reasoning_models[] = { "o1", "o3", "o4", "gpt-5" };

static int is_reasoning(const char *model)
{
    const char *slash = strrchr(model, '/'); /* routers write openai/gpt-5 */
    const char *name = slash ? slash + 1 : model;
    for (size_t i = 0; i < ORB_COUNT(reasoning_models); i++) {
        size_t n = strlen(reasoning_models[i]);
        if (strncmp(name, reasoning_models[i], n) == 0 && !isalnum((unsigned char)name[n]))
            return 1;
    }
    return 0;
}

/* ---- writing JSON: the caller has written what stands before ---- */

static void put_str(struct orb_buf *b, const char *s)
{
    orb_json_str(b, s, strlen(s));
}

static void put_value(struct orb_buf *b, const json_t *string)
{
    orb_json_str(b, json_string_value(string), json_string_length(string));
}

/* "key": "value", for a borrowed piece of JSON that holds it under another name. */
static void put_member(struct orb_buf *b, const char *key, const json_t *object, const char *from, const char *def)
{
    const json_t *value = json_object_get(object, from);
    put_str(b, key);
    orb_buf_str(b, ": ");
    if (json_is_string(value))
        put_value(b, value);
    else
        put_str(b, def);
}

/* ---- content ---- */

/* A data URL of the block's base64, in quotes. */
static void put_data_url(struct orb_buf *b, const json_t *block, const char *media_type)
{
    const json_t *data = json_object_get(block, "data");
    struct orb_buf url;
    orb_buf_init(&url, BODY_MAX);
    orb_buf_printf(&url, "data:%s;base64,", orb_json_get_str(block, "media_type", media_type));
    orb_buf_add(&url, json_is_string(data) ? json_string_value(data) : "", json_string_length(data));
    if (url.err)
        b->err = url.err;
    else
        orb_json_str(b, url.data, url.len);
    orb_buf_done(&url);
}

static void put_block(struct orb_buf *b, const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    if (strcmp(type, "text") == 0) {
        orb_buf_str(b, "{\"type\": \"text\", ");
        put_member(b, "text", block, "text", "");
        orb_buf_char(b, '}');
    } else if (strcmp(type, "image_url") == 0) {
        orb_buf_str(b, "{\"type\": \"image_url\", \"image_url\": {");
        put_member(b, "url", block, "url", "");
        orb_buf_str(b, ", ");
        put_member(b, "detail", block, "detail", "auto");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "image_data") == 0) {
        orb_buf_str(b, "{\"type\": \"image_url\", \"image_url\": {\"url\": ");
        put_data_url(b, block, "image/jpeg");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "audio") == 0) {
        orb_buf_str(b, "{\"type\": \"input_audio\", \"input_audio\": {");
        put_member(b, "data", block, "data", "");
        orb_buf_str(b, ", ");
        put_member(b, "format", block, "format", "mp3");
        orb_buf_str(b, "}}");
    } else if (strcmp(type, "document") == 0) {
        orb_buf_str(b, "{\"type\": \"file\", \"file\": {");
        put_member(b, "filename", block, "title", "document.pdf");
        orb_buf_str(b, ", \"file_data\": ");
        put_data_url(b, block, "application/pdf");
        orb_buf_str(b, "}}");
    } else {
        /* The model is told that something is missing here. */
        orb_buf_str(b, "{\"type\": \"text\", \"text\": ");
        char text[96];
        snprintf(text, sizeof(text), "[%.40s: cannot be sent to this model]", *type ? type : "block");
        put_str(b, text);
        orb_buf_char(b, '}');
    }
}

static void put_user_content(struct orb_buf *b, const json_t *content)
{
    if (!json_is_array(content)) {
        orb_json_str(b, json_is_string(content) ? json_string_value(content) : "", json_string_length(content));
        return;
    }
    orb_buf_char(b, '[');
    for (size_t i = 0; i < json_array_size(content); i++) {
        if (i)
            orb_buf_str(b, ", ");
        put_block(b, json_array_get(content, i));
    }
    orb_buf_char(b, ']');
}

/* Roles that may hold only text: blocks are joined, media become a mark. */
static void read_text(const json_t *content, struct orb_buf *out)
{
    if (json_is_string(content))
        orb_buf_add(out, json_string_value(content), json_string_length(content));
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *block = json_array_get(content, i);
        const json_t *text = json_object_get(block, "text");
        if (out->len)
            orb_buf_char(out, '\n');
        if (json_is_string(text))
            orb_buf_add(out, json_string_value(text), json_string_length(text));
        else
            orb_buf_str(out, "[media result]");
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
        put_member(b, "id", call, "id", "");
        orb_buf_str(b, ", \"type\": \"function\", \"function\": {");
        put_member(b, "name", call, "name", "");
        orb_buf_str(b, ", \"arguments\": ");
        put_str(b, *args ? args : "{}"); /* servers parse it: "" is no JSON */
        orb_buf_str(b, "}}");
    }
    orb_buf_char(b, ']');
}

static void put_assistant(struct orb_buf *b, const json_t *message)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    int has_calls = json_array_size(calls) > 0;
    struct orb_buf text;
    orb_buf_init(&text, BODY_MAX);
    read_text(json_object_get(message, "content"), &text);
    orb_buf_str(b, "{\"role\": \"assistant\"");
    if (text.len > 0 || !has_calls) {
        orb_buf_str(b, ", \"content\": ");
        orb_json_str(b, text.data ? text.data : "", text.len);
    }
    if (has_calls) {
        orb_buf_str(b, ", ");
        put_calls(b, calls);
    }
    orb_buf_char(b, '}');
    if (text.err)
        b->err = text.err;
    orb_buf_done(&text);
}

static void put_tool(struct orb_buf *b, const json_t *message)
{
    const json_t *error = json_object_get(message, "error");
    struct orb_buf text;
    orb_buf_init(&text, BODY_MAX);
    read_text(json_is_string(error) ? error : json_object_get(message, "content"), &text);
    orb_buf_str(b, "{\"role\": \"tool\", ");
    put_member(b, "tool_call_id", message, "tool_call_id", "");
    orb_buf_str(b, ", \"content\": ");
    orb_json_str(b, text.data ? text.data : "", text.len);
    orb_buf_char(b, '}');
    if (text.err)
        b->err = text.err;
    orb_buf_done(&text);
}

static int put_message(struct orb_buf *b, const json_t *message, struct orb_error *err)
{
    const char *role = orb_json_get_str(message, "role", "");
    if (strcmp(role, "system") == 0 || strcmp(role, "user") == 0) {
        orb_buf_printf(b, "{\"role\": \"%s\", \"content\": ", role);
        put_user_content(b, json_object_get(message, "content"));
        orb_buf_char(b, '}');
    } else if (strcmp(role, "assistant") == 0) {
        put_assistant(b, message);
    } else if (strcmp(role, "tool") == 0) {
        put_tool(b, message);
    } else {
        return orb_error_set(err, ORB_E_MODEL_INVALID, "Unknown message role: '%.40s'", role);
    }
    return 0;
}

static void put_tools(struct orb_buf *b, const json_t *tools)
{
    orb_buf_str(b, ", \"tools\": [");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *parameters = json_object_get(tool, "parameters");
        orb_buf_str(b, i ? ", {" : "{");
        orb_buf_str(b, "\"type\": \"function\", \"function\": {");
        put_member(b, "name", tool, "name", "");
        orb_buf_str(b, ", ");
        put_member(b, "description", tool, "description", "");
        if (json_is_object(parameters)) {
            orb_buf_str(b, ", \"parameters\": ");
            orb_json_dump(b, parameters);
        }
        orb_buf_str(b, "}}");
    }
    orb_buf_char(b, ']');
}

static int put_body(const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    int reasoning = is_reasoning(call->model);
    orb_buf_str(b, "{\"model\": ");
    put_str(b, call->model);
    orb_buf_str(b, ", \"messages\": [");
    for (size_t i = 0; i < json_array_size(call->messages); i++) {
        if (i)
            orb_buf_str(b, ", ");
        int rc = put_message(b, json_array_get(call->messages, i), err);
        if (rc)
            return rc;
    }
    orb_buf_str(b, "], \"stream\": true, \"stream_options\": {\"include_usage\": true}");
    if (!reasoning || call->temperature < 1.0 || call->temperature > 1.0) {
        orb_buf_str(b, ", \"temperature\": ");
        orb_json_real(b, call->temperature);
    }
    if (call->max_tokens > 0) {
        orb_buf_str(b, reasoning ? ", \"max_completion_tokens\": " : ", \"max_tokens\": ");
        orb_buf_int(b, call->max_tokens);
    }
    if (json_array_size(call->tools) > 0)
        put_tools(b, call->tools);
    orb_buf_char(b, '}');
    if (b->err == ORB_E_TOO_LARGE)
        return orb_error_set(err, ORB_E_MODEL_CONTEXT, "the request is over %d MiB; shorten the input or the history",
                             BODY_MAX / 1024 / 1024);
    return b->err ? orb_error_set(err, b->err, "the request cannot be built: %s", orb_error_text(b->err)) : 0;
}

/* ---- where to, and as whom ---- */

/* A setting from the environment; NULL when it is not set or empty. */
static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int put_url(char url[1024], struct orb_error *err)
{
    const char *base = setting("OPENAI_BASE_URL");
    if (!base)
        base = BASE_URL;
    if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)
        return orb_error_set(err, ORB_E_CONFIG, "OPENAI_BASE_URL must begin with http:// or https://");
    size_t len = strcspn(base, "?"); /* some servers want a version in the query */
    const char *query = base + len;
    while (len > 0 && base[len - 1] == '/')
        len--;
    int n = snprintf(url, 1024, "%.*s/chat/completions%s", (int)len, base, query);
    if (n < 0 || n >= 1024)
        return orb_error_set(err, ORB_E_CONFIG, "OPENAI_BASE_URL is over 1,000 bytes");
    return 0;
}

static int put_header(struct orb_buf *b, const char *name, const char *prefix, const char *env, struct orb_error *err)
{
    const char *value = setting(env);
    if (!value)
        return 0;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return orb_error_set(err, ORB_E_MODEL_AUTH,
                                 "%s on the worker holds a blank or another character that no key has; set it anew", env);
    orb_buf_printf(b, "%s: %s%s", name, prefix, value);
    orb_buf_char(b, '\0');
    return 0;
}

static int put_headers(struct orb_buf *b, struct orb_error *err)
{
    static const char fixed[] = "Content-Type: application/json\0Accept: text/event-stream";
    if (!setting("OPENAI_API_KEY") && !setting("OPENAI_BASE_URL"))
        return orb_error_set(err, ORB_E_MODEL_AUTH,
                             "OPENAI_API_KEY is not set; set it in the worker's environment and start the worker again");
    orb_buf_add(b, fixed, sizeof(fixed)); /* with its last NUL */
    int rc = put_header(b, "Authorization", "Bearer ", "OPENAI_API_KEY", err);
    if (!rc)
        rc = put_header(b, "OpenAI-Organization", "", "OPENAI_ORG_ID", err);
    if (!rc)
        rc = put_header(b, "OpenAI-Project", "", "OPENAI_PROJECT_ID", err);
    if (!rc && b->err)
        rc = orb_error_set(err, ORB_E_CONFIG, "OPENAI_API_KEY, OPENAI_ORG_ID or OPENAI_PROJECT_ID is too long");
    return rc;
}

static int request(const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    orb_buf_init(&out->headers, HEADERS_MAX);
    orb_buf_init(&out->body, BODY_MAX);
    int rc = put_url(out->url, err);
    if (!rc)
        rc = put_headers(&out->headers, err);
    if (!rc)
        rc = put_body(call, &out->body, err);
    if (rc) {
        orb_buf_done(&out->headers);
        orb_buf_done(&out->body);
    }
    return rc;
}

static int check(const char *model, struct orb_error *err)
{
    if (!*model)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "openai: the model's name is missing; write openai:gpt-4o");
    if (strlen(model) > 256)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "openai: the model's name is over 256 bytes");
    for (const char *p = model; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return orb_error_set(err, ORB_E_MODEL_INVALID, "openai: the model's name '%.60s' holds a blank", model);
    return 0;
}

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_openai_state),
    .request = request,
    .data = orb_openai_data,
    .end = orb_openai_end,
    .refusal = orb_openai_refusal,
    .done = orb_openai_done,
};

const struct orb_provider orb_provider_openai = {
    .info = { "openai", "OpenAI chat completions, and servers that speak its protocol",
              "OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_PROJECT_ID, ORBITER_MODEL_TIMEOUT" },
    .check = check,
    .codec = &codec,
};
