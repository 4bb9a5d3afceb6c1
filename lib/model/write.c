#include "model/write.h"
#include "base/base.h"
#include "base/jwt.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

void orb_put_str(struct orb_buf *b, const char *s)
{
    orb_json_str(b, s, strlen(s));
}

void orb_put_value(struct orb_buf *b, const json_t *string)
{
    orb_json_str(b, json_string_value(string), json_string_length(string));
}

void orb_put_member(struct orb_buf *b, const char *key, const json_t *object, const char *from, const char *def)
{
    const json_t *value = json_object_get(object, from);
    orb_put_str(b, key);
    orb_buf_str(b, ": ");
    if (json_is_string(value))
        orb_put_value(b, value);
    else
        orb_put_str(b, def);
}

void orb_put_data_url(struct orb_buf *b, const json_t *block, const char *media_type)
{
    const json_t *data = json_object_get(block, "data");
    struct orb_buf url;
    orb_buf_init(&url, ORB_REQUEST_BODY_MAX);
    orb_buf_printf(&url, "data:%s;base64,", orb_json_get_str(block, "media_type", media_type));
    orb_buf_add(&url, json_is_string(data) ? json_string_value(data) : "", json_string_length(data));
    if (url.err)
        b->err = url.err;
    else
        orb_json_str(b, url.data, url.len);
    orb_buf_done(&url);
}

int orb_document_text(const json_t *block, struct orb_buf *out)
{
    const json_t *data = json_object_get(block, "data");
    const char *type = orb_json_get_str(block, "media_type", "");
    struct orb_buf text;
    if (strcmp(orb_json_get_str(block, "type", ""), "document") || !json_is_string(data) || (strncmp(type, "text/", 5) && strcmp(type, "application/json")))
        return 0;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    int is_text = !orb_base64_decode(json_string_value(data), json_string_length(data), &text) && text.len && orb_utf8_is_valid(text.data, text.len);
    if (is_text)
        orb_buf_add(out, text.data, text.len);
    orb_buf_done(&text);
    return is_text;
}

int orb_put_document_text(struct orb_buf *b, const char *key, const json_t *block)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_buf_printf(&text, "%s:\n", orb_json_get_str(block, "title", "document"));
    int is_text = orb_document_text(block, &text);
    if (is_text) {
        orb_buf_str(b, key);
        orb_json_str(b, text.data, text.len);
    }
    if (text.err)
        b->err = text.err;
    orb_buf_done(&text);
    return is_text;
}

void orb_put_missing_block(struct orb_buf *b, const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    char text[96];
    snprintf(text, sizeof(text), "[%.40s: cannot be sent to this model]", *type ? type : "block");
    orb_put_str(b, text);
}

const json_t *orb_tool_media(const json_t *message, size_t *at)
{
    const json_t *content = json_object_get(message, "content"), *block;
    if (json_is_string(json_object_get(message, "error")))
        return NULL;
    while ((block = json_array_get(content, *at))) {
        ++*at;
        if (!json_is_string(json_object_get(block, "text")))
            return block;
    }
    return NULL;
}

void orb_content_text(const json_t *content, struct orb_buf *out)
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

void orb_put_text(struct orb_buf *b, const json_t *content)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_content_text(content, &text);
    orb_json_str(b, text.data ? text.data : "", text.len);
    if (text.err)
        b->err = text.err;
    orb_buf_done(&text);
}

void orb_put_content(struct orb_buf *b, const json_t *content, void (*put)(struct orb_buf *b, const json_t *block))
{
    if (!json_is_array(content)) {
        orb_json_str(b, json_is_string(content) ? json_string_value(content) : "", json_string_length(content));
        return;
    }
    orb_buf_char(b, '[');
    for (size_t i = 0; i < json_array_size(content); i++) {
        if (i)
            orb_buf_str(b, ", ");
        put(b, json_array_get(content, i));
    }
    orb_buf_char(b, ']');
}

void orb_schema_words(const json_t *schema, struct orb_buf *out)
{
    orb_buf_str(out, "Give the final answer as JSON alone, nothing before or behind it, that fits this JSON Schema: ");
    orb_json_dump(out, schema);
}

int orb_put_check(const struct orb_buf *b, struct orb_error *err)
{
    if (b->err == ORB_E_TOO_LARGE)
        return orb_error_set(err, ORB_E_MODEL_CONTEXT, "the request is over %d MiB; shorten the input or the history",
                             ORB_REQUEST_BODY_MAX / 1024 / 1024);
    return b->err ? orb_error_set(err, b->err, "the request cannot be built: %s", orb_error_text(b->err)) : 0;
}
