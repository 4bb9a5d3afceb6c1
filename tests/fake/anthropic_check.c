/* What Anthropic's API rejects with a 400. */
#include "dialect.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const json_t *body;
    char *why;
    const char *model;
};

static void wrong(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct check *c, const char *fmt, ...)
{
    va_list ap;
    if (c->why)
        return;
    va_start(ap, fmt);
    if (vasprintf(&c->why, fmt, ap) < 0)
        c->why = NULL;
    va_end(ap);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int is(const json_t *object, const char *key, const char *value)
{
    return strcmp(text_of(object, key), value) == 0;
}

static int is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* Opus from 4.7 on, and the fifth generation. */
static int is_new(const struct check *c)
{
    static const char *const models[] = { "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5" };
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
        if (strncmp(c->model, models[i], strlen(models[i])) == 0)
            return 1;
    return 0;
}

/* ---- blocks ---- */

static void check_source(struct check *c, const json_t *block)
{
    const json_t *source = json_object_get(block, "source");
    int is_base64 = is(source, "type", "base64") && *text_of(source, "data") && *text_of(source, "media_type");
    int is_text = is(block, "type", "document") && is(source, "type", "text") && is(source, "media_type", "text/plain") && *text_of(source, "data");
    if (!is_base64 && !is_text && !(is(source, "type", "url") && *text_of(source, "url")))
        wrong(c, "messages: %s.source: Input should be a base64, text or url source", text_of(block, "type"));
    if (is(block, "type", "document") && is_base64 && !is(source, "media_type", "application/pdf"))
        wrong(c, "messages: document.source.base64.media_type: Input should be 'application/pdf'");
}

static void check_signature(struct check *c, const json_t *block)
{
    char signature[32];
    fake_anthropic_signature(text_of(block, "thinking"), signature);
    if (is(block, "type", "redacted_thinking") ? !is(block, "data", FAKE_ANTHROPIC_REDACTED) : !is(block, "signature", signature))
        wrong(c, "messages: `thinking` or `redacted_thinking` blocks in an assistant message cannot be modified: invalid `signature`");
    if (json_object_get(block, "cache_control"))
        wrong(c, "messages: cache_control cannot be set for thinking blocks");
}

static void check_block(struct check *c, size_t at, const char *role, const json_t *block)
{
    const char *type = text_of(block, "type");
    int is_user = strcmp(role, "user") == 0;
    if (strcmp(type, "text") == 0) {
        if (is_blank(text_of(block, "text")))
            wrong(c, "messages.%zu: text content blocks must be non-empty", at);
    } else if (is_user && (strcmp(type, "image") == 0 || strcmp(type, "document") == 0)) {
        check_source(c, block);
    } else if (is_user && strcmp(type, "tool_result") == 0) {
        if (json_is_true(json_object_get(block, "is_error")) && !json_object_get(block, "content"))
            wrong(c, "messages.%zu: content cannot be empty if `is_error` is true", at);
    } else if (!is_user && strcmp(type, "tool_use") == 0) {
        if (!json_is_object(json_object_get(block, "input")))
            wrong(c, "messages.%zu: tool_use.input: Input should be a valid dictionary", at);
    } else if (!is_user && (strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0)) {
        check_signature(c, block);
    } else {
        wrong(c, "messages.%zu: a block of type '%s' is not allowed for %s", at, type, role);
    }
}

/* ---- turns ---- */

/* Is the id answered by the blocks that the message begins with? */
static int has_result(const json_t *message, const char *id)
{
    const json_t *block;
    size_t i;
    json_array_foreach (json_object_get(message, "content"), i, block) {
        if (!is(block, "type", "tool_result"))
            return 0;
        if (is(block, "tool_use_id", id))
            return 1;
    }
    return 0;
}

static int has_call(const json_t *message, const char *id)
{
    const json_t *block;
    size_t i;
    json_array_foreach (json_object_get(message, "content"), i, block)
        if (is(block, "type", "tool_use") && is(block, "id", id))
            return 1;
    return 0;
}

/* Has a call before this one the id? */
static int is_taken(const json_t *messages, size_t at, size_t place, const char *id)
{
    const json_t *block;
    size_t k;
    for (size_t i = 0; i <= at; i++)
        json_array_foreach (json_object_get(json_array_get(messages, i), "content"), k, block)
            if ((i < at || k < place) && is(block, "type", "tool_use") && is(block, "id", id))
                return 1;
    return 0;
}

static void check_message(struct check *c, const json_t *messages, size_t at)
{
    const json_t *m = json_array_get(messages, at), *content = json_object_get(m, "content"), *block;
    const char *role = text_of(m, "role");
    size_t i;
    if (strcmp(role, "user") && strcmp(role, "assistant"))
        wrong(c, "messages.%zu.role: Input should be 'user' or 'assistant'", at);
    if (json_is_string(content) ? is_blank(json_string_value(content)) : !json_array_size(content))
        wrong(c, "messages.%zu: all messages must have non-empty content", at);
    json_array_foreach (content, i, block) {
        check_block(c, at, role, block);
        if (is(block, "type", "tool_use") && !has_result(json_array_get(messages, at + 1), text_of(block, "id")))
            wrong(c, "messages.%zu: `tool_use` ids were found without `tool_result` blocks immediately after: %s", at, text_of(block, "id"));
        if (is(block, "type", "tool_use") && is_taken(messages, at, i, text_of(block, "id")))
            wrong(c, "messages.%zu.content.%zu: `tool_use` ids must be unique", at, i);
        if (is(block, "type", "tool_result") && (!at || !has_call(json_array_get(messages, at - 1), text_of(block, "tool_use_id"))))
            wrong(c, "messages.%zu: unexpected `tool_use_id` found in `tool_result` blocks: %s", at, text_of(block, "tool_use_id"));
    }
}

/* The turn that the request goes on with, when it does. */
static const json_t *turn_begun(const json_t *messages)
{
    const json_t *found = NULL;
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *m = json_array_get(messages, i);
        if (is(m, "role", "assistant"))
            found = m;
        else if (!is(json_array_get(json_object_get(m, "content"), 0), "type", "tool_result"))
            break;
    }
    return found;
}

static void check_thinking(struct check *c)
{
    const json_t *thinking = json_object_get(c->body, "thinking"), *choice = json_object_get(c->body, "tool_choice");
    const json_t *turn = turn_begun(json_object_get(c->body, "messages"));
    const char *begins = text_of(json_array_get(json_object_get(turn, "content"), 0), "type");
    int is_budget = is(thinking, "type", "enabled");
    int64_t budget = json_integer_value(json_object_get(thinking, "budget_tokens"));
    if (!is_budget && !is(thinking, "type", "adaptive"))
        return;
    if (is_budget && is_new(c))
        wrong(c, "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\"");
    if (is_budget && (budget < 1024 || budget >= json_integer_value(json_object_get(c->body, "max_tokens"))))
        wrong(c, "`max_tokens` must be greater than `thinking.budget_tokens`, which must be at least 1024");
    if (json_object_get(c->body, "temperature"))
        wrong(c, "`temperature` may only be set to 1 when thinking is enabled");
    if (is(choice, "type", "any") || is(choice, "type", "tool"))
        wrong(c, "Thinking may not be enabled when tool_choice forces tool use.");
    /* A model that may think need not have; ours has when its script says so. */
    if (turn && (is_budget || strstr(c->model, "reasoning=")) && strcmp(begins, "thinking") && strcmp(begins, "redacted_thinking"))
        wrong(c, "messages: Expected `thinking` or `redacted_thinking`, but found `%s`", begins);
}

/* ---- the rest ---- */

static void check_schema(struct check *c, const json_t *schema)
{
    const char *key;
    json_t *value;
    size_t i;
    if (is(schema, "type", "object") && !json_is_false(json_object_get(schema, "additionalProperties")))
        wrong(c, "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false");
    if (json_is_number(json_object_get(schema, "minimum")) || json_is_number(json_object_get(schema, "maxLength")))
        wrong(c, "output_config.format.schema: For this type, properties minimum and maxLength are not supported");
    json_object_foreach ((json_t *)schema, key, value)
        check_schema(c, value);
    json_array_foreach (schema, i, value)
        check_schema(c, value);
}

static int count_hints(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    int n = json_object_get(value, "cache_control") != NULL;
    json_object_foreach ((json_t *)value, key, member)
        n += count_hints(member);
    json_array_foreach (value, i, member)
        n += count_hints(member);
    return n;
}

static void check_parameters(struct check *c)
{
    const json_t *body = c->body, *tool, *tools = json_object_get(body, "tools");
    size_t i;
    if (json_integer_value(json_object_get(body, "max_tokens")) < 1)
        wrong(c, "max_tokens: Field required");
    if (is_new(c) && (json_object_get(body, "temperature") || json_object_get(body, "top_p")))
        wrong(c, "`temperature` and `top_p` are not supported for this model");
    if (json_object_get(body, "temperature") && json_object_get(body, "top_p"))
        wrong(c, "`temperature` and `top_p` cannot both be specified for this model");
    if (json_number_value(json_object_get(body, "temperature")) > 1)
        wrong(c, "temperature: range: 0..1");
    if (json_object_get(body, "tool_choice") && !json_array_size(tools))
        wrong(c, "tool_choice may only be specified while providing tools.");
    json_array_foreach (tools, i, tool)
        if (!is(json_object_get(tool, "input_schema"), "type", "object"))
            wrong(c, "tools.%zu.input_schema.type: Field required", i);
    if (is(json_object_get(body, "output_config"), "effort", "xhigh") && !is_new(c))
        wrong(c, "This model does not support effort level 'xhigh'.");
    check_schema(c, json_object_get(json_object_get(json_object_get(body, "output_config"), "format"), "schema"));
    if (count_hints(body) > 4)
        wrong(c, "A maximum of 4 blocks with cache_control may be provided.");
}

char *fake_anthropic_mistake(const json_t *body)
{
    struct check c = { .body = body, .model = text_of(body, "model") };
    const json_t *messages = json_object_get(body, "messages");
    check_parameters(&c);
    if (!json_array_size(messages))
        wrong(&c, "messages: at least one message is required");
    else if (!is(json_array_get(messages, 0), "role", "user"))
        wrong(&c, "messages: first message must use the \"user\" role");
    for (size_t i = 0; i < json_array_size(messages); i++)
        check_message(&c, messages, i);
    check_thinking(&c);
    return c.why;
}
