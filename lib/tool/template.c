#include "tool/template.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (4 * 1024 * 1024)

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

const char *orb_template_next(const char *s, size_t *name_len)
{
    for (s = strchr(s, '{'); s; s = strchr(s + 1, '{')) {
        *name_len = strspn(s + 1, name_bytes);
        if (*name_len && s[1 + *name_len] == '}')
            return s;
    }
    return NULL;
}

int orb_template_check(const char *s, const char *member, const json_t *parameters, struct orb_error *err)
{
    const json_t *properties = json_object_get(parameters, "properties");
    size_t n = 0;
    for (s = orb_template_next(s, &n); s; s = orb_template_next(s + n + 2, &n)) {
        if (!json_object_getn(properties, s + 1, n))
            return orb_error_set(err, ORB_E_CONFIG, "%s: {%.*s} is no property of the parameters; add it there", member, n > 60 ? 60 : (int)n, s + 1);
    }
    return 0;
}

int orb_template_check_value(const json_t *value, const char *member, const json_t *parameters, struct orb_error *err)
{
    const char *key;
    json_t *one;
    size_t i;
    int rc = 0;
    if (json_is_string(value))
        return orb_template_check(json_string_value(value), member, parameters, err);
    json_object_foreach((json_t *)(uintptr_t)value, key, one)
        if (!rc)
            rc = orb_template_check_value(one, member, parameters, err);
    json_array_foreach(value, i, one)
        if (!rc)
            rc = orb_template_check_value(one, member, parameters, err);
    return rc;
}

/* An argument as text: strings as they are, others as JSON, nothing for null. */
static void add_text(const json_t *value, struct orb_buf *out)
{
    if (json_is_string(value))
        orb_buf_add(out, json_string_value(value), json_string_length(value));
    else if (value && !json_is_null(value))
        orb_json_dump(out, value);
}

static void encode(const char *s, size_t n, struct orb_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c && (strchr(name_bytes, c) || c == '.' || c == '~')) {
            orb_buf_char(out, (char)c);
        } else {
            orb_buf_char(out, '%');
            orb_buf_char(out, hex[c >> 4]);
            orb_buf_char(out, hex[c & 15]);
        }
    }
}

void orb_template_encode(const char *s, const json_t *arguments, struct orb_buf *out)
{
    struct orb_buf text;
    size_t n = 0;
    orb_buf_init(&text, TEXT_MAX);
    for (const char *p = orb_template_next(s, &n); p; s = p + n + 2, p = orb_template_next(s, &n)) {
        orb_buf_add(out, s, (size_t)(p - s));
        orb_buf_reset(&text);
        add_text(json_object_getn(arguments, p + 1, n), &text);
        encode(text.data, text.len, out);
    }
    orb_buf_str(out, s);
    orb_buf_done(&text);
}

static json_t *fill_text(const json_t *value, const json_t *arguments, int *is_too_large)
{
    const char *s = json_string_value(value), *p;
    struct orb_buf out;
    size_t n = 0;
    p = orb_template_next(s, &n);
    if (p == s && !s[n + 2])
        return json_incref(json_object_getn(arguments, p + 1, n));
    orb_buf_init(&out, TEXT_MAX);
    for (; p; s = p + n + 2, p = orb_template_next(s, &n)) {
        orb_buf_add(&out, s, (size_t)(p - s));
        add_text(json_object_getn(arguments, p + 1, n), &out);
    }
    orb_buf_str(&out, s);
    *is_too_large |= out.err != 0;
    json_t *text = json_stringn(out.data ? out.data : "", out.len);
    orb_buf_done(&out);
    return text;
}

json_t *orb_template_value(const json_t *value, const json_t *arguments, int *is_too_large)
{
    const char *key;
    json_t *one, *filled;
    size_t i;
    if (json_is_string(value))
        return fill_text(value, arguments, is_too_large);
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref((json_t *)(uintptr_t)value);
    json_t *out = json_is_object(value) ? json_object() : json_array();
    json_object_foreach((json_t *)(uintptr_t)value, key, one)
        if ((filled = orb_template_value(one, arguments, is_too_large)))
            json_object_set_new(out, key, filled);
    json_array_foreach(value, i, one)
        if ((filled = orb_template_value(one, arguments, is_too_large)))
            json_array_append_new(out, filled);
    return out;
}

const json_t *orb_pointer_get(const json_t *value, const char *pointer)
{
    char name[256];
    while (value && *pointer == '/') {
        size_t n = 0;
        int64_t index;
        for (pointer++; *pointer && *pointer != '/' && n + 1 < sizeof name; pointer++) {
            int is_escape = *pointer == '~' && (pointer[1] == '0' || pointer[1] == '1');
            pointer += is_escape;
            name[n++] = !is_escape ? *pointer : *pointer == '0' ? '~' : '/';
        }
        name[n] = '\0';
        if (json_is_array(value))
            value = orb_parse_int(name, 0, INT32_MAX, &index) ? NULL : json_array_get(value, (size_t)index);
        else
            value = json_object_get(value, name);
    }
    return *pointer ? NULL : value;
}
