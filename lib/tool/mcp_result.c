/* What tools/call gave, as text and content blocks. */
#include "base/base.h"
#include "base/utf8.h"
#include "tool/mcp_wire.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct reading {
    struct orb_buf *text;
    json_t *blocks;
    int has_media, has_text;
};

static void put_text(struct reading *r, const char *text, size_t len)
{
    if (r->text->len)
        orb_buf_char(r->text, '\n');
    orb_buf_add(r->text, text, len);
    json_array_append_new(r->blocks, json_pack("{ss ss%}", "type", "text", "text", text, len));
}

/* For the part of content that the model cannot see as it is. */
static void put_note(struct reading *r, const char *what, const char *detail, const char *more)
{
    struct orb_buf b;
    int detail_len = (int)orb_utf8_truncate(detail, strlen(detail), 500), more_len = (int)orb_utf8_truncate(more, strlen(more), 1000);
    orb_buf_init(&b, 4096);
    orb_buf_printf(&b, "[%s%s%.*s%s%.*s]", what, *detail ? ": " : "", detail_len, detail, *more ? " " : "", more_len, more);
    if (!b.err)
        put_text(r, b.data, b.len);
    orb_buf_done(&b);
}

/* Providers refuse a whole request for one letter that is not base64. */
static int is_base64(const json_t *value)
{
    const char *s = json_string_value(value);
    size_t n = json_string_length(value), i = 0;
    if (!s || !n || n % 4)
        return 0;
    while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '+' || s[i] == '/'))
        i++;
    while (i < n && s[i] == '=' && n - i <= 2)
        i++;
    return i == n;
}

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcasecmp(word, *list))
            return 1;
    return 0;
}

/* data is base64 of that type: a block of ours when models take it. */
static void put_media(struct reading *r, const char *what, const json_t *data, const char *type, const char *name)
{
    static const char *const images[] = { "image/png", "image/jpeg", "image/gif", "image/webp", NULL };
    static const char *const mp3[] = { "audio/mpeg", "audio/mp3", NULL }, *const wav[] = { "audio/wav", "audio/x-wav", "audio/wave", NULL };
    json_t *block = NULL;
    if (!is_base64(data)) {
        put_note(r, what, type, "(its data is not base64)");
        return;
    }
    json_t *copy = (json_t *)(uintptr_t)data;
    if (is_one_of(type, images))
        block = json_pack("{ss sO ss}", "type", "image_data", "data", copy, "media_type", type);
    else if (is_one_of(type, mp3) || is_one_of(type, wav))
        block = json_pack("{ss sO ss}", "type", "audio", "data", copy, "format", is_one_of(type, mp3) ? "mp3" : "wav");
    else if (!strcasecmp(type, "application/pdf"))
        block = json_pack("{ss sO ss ss}", "type", "document", "data", copy, "media_type", type, "title", *name ? name : "document.pdf");
    put_note(r, what, type, name);
    if (!block)
        return;
    r->has_media = 1;
    json_array_remove(r->blocks, json_array_size(r->blocks) - 1); /* the block stands for the note */
    json_array_append_new(r->blocks, block);
}

static void put_resource(struct reading *r, const json_t *item)
{
    const json_t *resource = json_object_get(item, "resource"), *text = json_object_get(resource, "text");
    const char *uri = orb_json_get_str(resource, "uri", "");
    if (json_is_string(text)) {
        put_text(r, json_string_value(text), json_string_length(text));
        r->has_text = 1;
    } else if (json_object_get(resource, "blob"))
        put_media(r, "resource", json_object_get(resource, "blob"), orb_json_get_str(resource, "mimeType", "application/octet-stream"), uri);
    else
        put_note(r, "resource", uri, "(it is empty)");
}

static void put_item(struct reading *r, const json_t *item)
{
    const char *type = orb_json_get_str(item, "type", "");
    const json_t *text = json_object_get(item, "text");
    if (!strcmp(type, "text") && json_is_string(text)) {
        put_text(r, json_string_value(text), json_string_length(text));
        r->has_text = 1;
    } else if (!strcmp(type, "image") || !strcmp(type, "audio"))
        put_media(r, type, json_object_get(item, "data"), orb_json_get_str(item, "mimeType", "unknown type"), "");
    else if (!strcmp(type, "resource"))
        put_resource(r, item);
    else if (!strcmp(type, "resource_link"))
        put_note(r, "resource link", orb_json_get_str(item, "name", ""), orb_json_get_str(item, "uri", ""));
    else
        put_note(r, "content of an unknown type", type, "");
}

static void put_structured(struct reading *r, const json_t *value)
{
    struct orb_buf b;
    orb_buf_init(&b, 2 * ORB_MCP_MESSAGE_MAX);
    orb_json_dump(&b, value);
    if (!b.err)
        put_text(r, b.data, b.len);
    orb_buf_done(&b);
}

int orb_mcp_result_read(const json_t *result, struct orb_buf *text, json_t **blocks, int *is_error, struct orb_error *err)
{
    const json_t *content = json_object_get(result, "content"), *structured = json_object_get(result, "structuredContent"), *item;
    const char *type = orb_json_get_str(result, "resultType", "complete");
    size_t i;
    if (strcmp(type, "complete") != 0)
        return orb_error_set(err, ORB_E_PROTOCOL, "the server asks for more input (%.40s), which a worker cannot give", type);
    if (content && !json_is_array(content))
        return orb_error_set(err, ORB_E_PROTOCOL, "the result's content is not an array");
    if (!content && !structured)
        return orb_error_set(err, ORB_E_PROTOCOL, "the result has no content");
    struct reading r = { .text = text, .blocks = json_array() };
    json_array_foreach(content, i, item) {
        if (i == ORB_MCP_BLOCKS_MAX) {
            put_note(&r, "the rest of the result is left out", "over 100 pieces of content", "");
            break;
        }
        put_item(&r, item);
    }
    if (structured && !json_is_null(structured) && !r.has_text)
        put_structured(&r, structured);
    if (text->err) {
        json_decref(r.blocks);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the result is too large");
    }
    *is_error = json_is_true(json_object_get(result, "isError"));
    *blocks = r.has_media ? r.blocks : NULL;
    if (!r.has_media)
        json_decref(r.blocks);
    return 0;
}
