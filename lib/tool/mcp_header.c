/* Mcp-Param-*: arguments that a modern server wants in headers too, for those who route requests. */
#include "base/base.h"
#include "tool/mcp_wire.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANNOTATION "x-mcp-header"
#define DEPTH_MAX 16

/* ---- values ---- */

static void put_base64(struct orb_buf *out, const unsigned char *s, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)s[i] << 16 | (i + 1 < len ? (uint32_t)s[i + 1] << 8 : 0) | (i + 2 < len ? s[i + 2] : 0);
        orb_buf_char(out, letters[v >> 18]);
        orb_buf_char(out, letters[v >> 12 & 63]);
        orb_buf_char(out, i + 1 < len ? letters[v >> 6 & 63] : '=');
        orb_buf_char(out, i + 2 < len ? letters[v & 63] : '=');
    }
}

void orb_mcp_header_value(struct orb_buf *out, const char *s, size_t len)
{
    int is_plain = len > 0 && s[0] != ' ' && s[len - 1] != ' '; /* curl leaves out a header without a value */
    for (size_t i = 0; i < len && is_plain; i++)
        is_plain = s[i] >= ' ' && s[i] < 0x7f;
    if (len >= 11 && !strncasecmp(s, "=?base64?", 9) && !memcmp(s + len - 2, "?=", 2))
        is_plain = 0;
    if (is_plain) {
        orb_buf_add(out, s, len);
        return;
    }
    orb_buf_str(out, "=?base64?");
    put_base64(out, (const unsigned char *)s, len);
    orb_buf_str(out, "?=");
}

/* ---- annotations ---- */

struct found {
    const char *names[ORB_MCP_HEADERS_MAX];
    size_t count;
};

static int is_token(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i]))
            return 0;
    return n > 0 && n <= 64;
}

static int check_one(const json_t *schema, const json_t *value, struct found *found, struct orb_error *err)
{
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    const char *type = orb_json_get_str(schema, "type", "");
    if (!is_token(name))
        return orb_error_set(err, ORB_E_PROTOCOL, "/" ANNOTATION ": '%.60s' is not the name of a header", name);
    if (strcmp(type, "string") != 0 && strcmp(type, "integer") != 0 && strcmp(type, "boolean") != 0)
        return orb_error_set(err, ORB_E_PROTOCOL, "/" ANNOTATION ": '%.60s' stands at a schema that is not of type string, integer or boolean", name);
    for (size_t i = 0; i < found->count; i++)
        if (!strcasecmp(found->names[i], name))
            return orb_error_set(err, ORB_E_PROTOCOL, "/" ANNOTATION ": '%.60s' is there twice", name);
    if (found->count == ORB_MCP_HEADERS_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "/" ANNOTATION ": over %d of them", ORB_MCP_HEADERS_MAX);
    found->names[found->count++] = name;
    return 0;
}

/* How many annotations there are anywhere: those that the walk over properties does not meet are in wrong places. */
static size_t count_all(const json_t *value, int depth)
{
    const char *key;
    const json_t *item;
    size_t i, n = 0;
    if (depth > 100)
        return 0;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
        n += !strcmp(key, ANNOTATION) && !json_is_object(item) ? 1 : count_all(item, depth + 1);
    json_array_foreach(value, i, item)
        n += count_all(item, depth + 1);
    return n;
}

static int check_properties(const json_t *schema, int depth, struct found *found, struct orb_error *err)
{
    const char *key;
    const json_t *property;
    int rc = 0;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(schema, "properties"), key, property) {
        const json_t *value = json_object_get(property, ANNOTATION);
        if (value && (rc = check_one(property, value, found, err)))
            return rc;
        if (depth < DEPTH_MAX && (rc = check_properties(property, depth + 1, found, err)))
            return rc;
    }
    return rc;
}

int orb_mcp_header_check(const json_t *schema, struct orb_error *err)
{
    struct found found = { .count = 0 };
    int rc = check_properties(schema, 0, &found, err);
    if (!rc && count_all(schema, 0) != found.count)
        rc = orb_error_set(err, ORB_E_PROTOCOL, "/" ANNOTATION ": there is one that is not reached through properties");
    return rc;
}

/* ---- lines ---- */

static void put_line(struct orb_buf *out, const char *name, const json_t *value)
{
    char number[32];
    if (!json_is_string(value) && !json_is_integer(value) && !json_is_boolean(value))
        return;
    orb_buf_printf(out, "Mcp-Param-%s: ", name);
    if (json_is_string(value))
        orb_mcp_header_value(out, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        orb_buf_str(out, number);
    } else
        orb_buf_str(out, json_is_true(value) ? "true" : "false");
    orb_buf_char(out, '\0');
}

static void put_lines(const json_t *schema, const json_t *arguments, int depth, struct orb_buf *out)
{
    const char *key;
    const json_t *property;
    json_object_foreach((json_t *)(uintptr_t)json_object_get(schema, "properties"), key, property) {
        const json_t *value = json_object_get(arguments, key);
        const char *name = orb_json_get_str(property, ANNOTATION, NULL);
        if (name && value)
            put_line(out, name, value);
        else if (value && depth < DEPTH_MAX)
            put_lines(property, value, depth + 1, out);
    }
}

void orb_mcp_header_lines(const json_t *schema, const json_t *arguments, struct orb_buf *out)
{
    put_lines(schema, arguments, 0, out);
}
