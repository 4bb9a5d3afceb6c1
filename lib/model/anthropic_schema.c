/* JSON Schema as Anthropic's structured output takes it: less than ours. What may be left out is left out, since the answer is
 * checked against the whole schema when it has come; a schema that would allow less or other things without it is told in words.
 * Source: its guide on structured outputs. */
#include "base/base.h"
#include "model/anthropic.h"
#include "model/write.h"

#include <string.h>

enum kind {
    KIND_VALUE,   /* as it is */
    KIND_SCHEMA,
    KIND_LIST,    /* of schemas */
    KIND_MAP,     /* schemas by name */
};

/* What it knows; bounds, patterns and what is for the reader go. */
static const struct keyword {
    const char *name, *sent;
    enum kind kind;
} keywords[] = {
    { "type", "type", KIND_VALUE },     { "enum", "enum", KIND_VALUE },           { "const", "const", KIND_VALUE }, { "required", "required", KIND_VALUE },
    { "$ref", "$ref", KIND_VALUE },     { "default", "default", KIND_VALUE },     { "title", "title", KIND_VALUE }, { "description", "description", KIND_VALUE },
    { "format", "format", KIND_VALUE }, { "items", "items", KIND_SCHEMA },        { "anyOf", "anyOf", KIND_LIST },  { "oneOf", "anyOf", KIND_LIST },
    { "allOf", "allOf", KIND_LIST },    { "properties", "properties", KIND_MAP }, { "$defs", "$defs", KIND_MAP },   { "definitions", "definitions", KIND_MAP },
};

static int is_among(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return 1;
    return 0;
}

static const struct keyword *keyword_find(const json_t *schema, const char *name)
{
    static const char *const formats[] = { "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid" };
    if (strcmp(name, "format") == 0 && !is_among(orb_json_get_str(schema, "format", ""), formats, ORB_COUNT(formats)))
        return NULL;
    if (strcmp(name, "oneOf") == 0 && json_object_get(schema, "anyOf"))
        return NULL;
    for (size_t i = 0; i < ORB_COUNT(keywords); i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}

static int is_object(const json_t *schema)
{
    return json_object_get(schema, "properties") || strcmp(orb_json_get_str(schema, "type", ""), "object") == 0;
}

/* ---- writing ---- */

static void put_inner(struct orb_buf *b, const json_t *value, enum kind kind)
{
    const char *key;
    json_t *member;
    size_t i, count = 0;
    if (kind == KIND_VALUE) {
        orb_json_dump(b, value);
    } else if (kind == KIND_SCHEMA) {
        orb_anthropic_put_schema(b, value);
    } else if (kind == KIND_LIST) {
        orb_buf_char(b, '[');
        json_array_foreach (value, i, member) {
            orb_buf_str(b, i ? ", " : "");
            orb_anthropic_put_schema(b, member);
        }
        orb_buf_char(b, ']');
    } else {
        orb_buf_char(b, '{');
        json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
            orb_buf_str(b, count++ ? ", " : "");
            orb_put_str(b, key);
            orb_buf_str(b, ": ");
            orb_anthropic_put_schema(b, member);
        }
        orb_buf_char(b, '}');
    }
}

void orb_anthropic_put_schema(struct orb_buf *b, const json_t *schema)
{
    const char *key;
    json_t *value;
    int count = 0;
    orb_buf_char(b, '{');
    json_object_foreach ((json_t *)(uintptr_t)schema, key, value) {
        const struct keyword *keyword = keyword_find(schema, key);
        if (!keyword)
            continue;
        orb_buf_printf(b, "%s\"%s\": ", count++ ? ", " : "", keyword->sent);
        put_inner(b, value, keyword->kind);
    }
    if (is_object(schema)) /* every object must say that it has no further members */
        orb_buf_printf(b, "%s\"additionalProperties\": false", count ? ", " : "");
    orb_buf_char(b, '}');
}

/* ---- what it cannot say ---- */

struct look {
    const json_t *root;
    json_t *seen; /* references: false while what they stand for is looked at, true after it */
};

static int is_said(struct look *l, const json_t *schema);

/* Not one that stands within itself. */
static int is_ref_said(struct look *l, const char *ref)
{
    static const char *const places[] = { "#/$defs/", "#/definitions/" };
    const json_t *seen = json_object_get(l->seen, ref);
    if (seen)
        return json_is_true(seen);
    for (size_t i = 0; i < ORB_COUNT(places); i++) {
        size_t n = strlen(places[i]);
        if (strncmp(ref, places[i], n))
            continue;
        json_object_set_new(l->seen, ref, json_false());
        int rc = is_said(l, json_object_get(json_object_get(l->root, i ? "definitions" : "$defs"), ref + n));
        json_object_set_new(l->seen, ref, json_true());
        return rc;
    }
    return 0;
}

static int are_said(struct look *l, const json_t *value, enum kind kind)
{
    const char *key;
    json_t *member;
    size_t i;
    if (kind == KIND_SCHEMA && !is_said(l, value))
        return 0;
    json_array_foreach (value, i, member)
        if (kind == KIND_LIST && !is_said(l, member))
            return 0;
    json_object_foreach ((json_t *)(uintptr_t)value, key, member)
        if (kind == KIND_MAP && !is_said(l, member))
            return 0;
    return 1;
}

/* Left out, these would allow less, or say nothing of what they are about. */
static int has_lost(const json_t *schema)
{
    const json_t *more = json_object_get(schema, "additionalProperties"), *list = json_object_get(schema, "enum"), *one;
    size_t i;
    json_array_foreach (list, i, one)
        if (json_is_object(one) || json_is_array(one))
            return 1;
    return (more && !json_is_false(more)) || (is_object(schema) && !json_object_get(schema, "properties")) || json_object_get(schema, "prefixItems") ||
           json_is_true(json_object_get(schema, "nullable"));
}

static int is_said(struct look *l, const json_t *schema)
{
    const char *key, *ref = orb_json_get_str(schema, "$ref", NULL);
    json_t *value;
    if (!json_is_object(schema) || has_lost(schema) || (ref && !is_ref_said(l, ref)))
        return 0;
    json_object_foreach ((json_t *)(uintptr_t)schema, key, value) {
        const struct keyword *keyword = keyword_find(schema, key);
        if (keyword && !are_said(l, value, keyword->kind))
            return 0;
    }
    return 1;
}

int orb_anthropic_is_said(const json_t *schema)
{
    struct look l = { schema, json_object() };
    int rc = is_said(&l, schema);
    json_decref(l.seen);
    return rc;
}
