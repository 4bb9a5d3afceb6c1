/* Is this a schema of the subset? Every member has a row. */
#include "base/base.h"
#include "tool/pattern.h"
#include "tool/schema_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* It goes on behind what is wrong. */
struct walk {
    const json_t *root;
    struct orb_error *err; /* the first that is wrong, or NULL */
    orb_schema_mistake_fn fn; /* is told all, or NULL */
    void *arg;
    int mistakes, steps, depth;
    char path[256];
};

static void check(struct walk *w, const json_t *schema);

void orb_pointer_add(char *pointer, size_t cap, const char *name)
{
    size_t n = strlen(pointer);
    if (n + 2 >= cap)
        return;
    pointer[n++] = '/';
    for (; *name && n + 3 < cap; name++) {
        if (*name == '~' || *name == '/') {
            pointer[n++] = '~';
            pointer[n++] = *name == '~' ? '0' : '1';
        } else {
            pointer[n++] = *name;
        }
    }
    pointer[n] = '\0';
}

static void ORB_PRINTF(2, 3) wrong(struct walk *w, const char *fmt, ...)
{
    char text[320];
    struct orb_error err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    orb_error_set(&err, ORB_E_INVALID, "%s: %s", *w->path ? w->path : "the schema", text);
    if (!w->mistakes++ && w->err)
        *w->err = err;
    if (w->fn)
        w->fn(w->arg, w->path, err.text);
}

/* ---- $ref ---- */

const json_t *orb_schema_target(const json_t *root, const char *ref)
{
    static const struct {
        const char *prefix, *member;
    } places[] = { { "#/$defs/", "$defs" }, { "#/definitions/", "definitions" } };
    char name[128];
    if (!strcmp(ref, "#"))
        return root;
    for (size_t i = 0; i < ORB_COUNT(places); i++) {
        size_t n = strlen(places[i].prefix), used = 0;
        if (strncmp(ref, places[i].prefix, n) != 0)
            continue;
        for (const char *p = ref + n; *p && used + 1 < sizeof name; p++) {
            int is_escape = *p == '~' && (p[1] == '0' || p[1] == '1');
            name[used++] = is_escape ? (p[1] == '0' ? '~' : '/') : *p;
            p += is_escape;
        }
        name[used] = '\0';
        return json_object_get(json_object_get(root, places[i].member), name);
    }
    return NULL;
}

static void is_ref(struct walk *w, const json_t *value)
{
    const json_t *at = value;
    if (!json_is_string(value))
        wrong(w, "must be a string");
    for (int hops = 0; json_is_string(at); hops++) {
        const json_t *target = orb_schema_target(w->root, json_string_value(at));
        int is_far = hops == ORB_SCHEMA_DEPTH_MAX, is_over = ++w->steps > ORB_SCHEMA_STEPS_MAX;
        if (!target)
            wrong(w, "'%.60s' leads nowhere; write #/$defs/NAME with a NAME that $defs of the top has", json_string_value(at));
        else if (is_far)
            wrong(w, "'%.60s' leads to itself", json_string_value(value));
        else if (is_over)
            wrong(w, "the whole leads over too many of them");
        at = is_far || is_over ? NULL : json_object_get(target, "$ref");
    }
}

/* ---- what a member's value may be ---- */

static void is_list(struct walk *w, const json_t *value)
{
    char before[sizeof w->path], number[24];
    const json_t *one;
    size_t i;
    if (!json_array_size(value))
        wrong(w, "must be an array of schemas, not empty");
    memcpy(before, w->path, sizeof before);
    json_array_foreach(value, i, one) {
        snprintf(number, sizeof number, "%zu", i);
        orb_pointer_add(w->path, sizeof w->path, number);
        check(w, one);
        memcpy(w->path, before, sizeof before);
    }
}

static void is_map(struct walk *w, const json_t *value)
{
    char before[sizeof w->path];
    const char *key;
    json_t *one;
    if (!json_is_object(value))
        wrong(w, "must be an object of schemas");
    memcpy(before, w->path, sizeof before);
    json_object_foreach((json_t *)(uintptr_t)value, key, one) {
        orb_pointer_add(w->path, sizeof w->path, key);
        check(w, one);
        memcpy(w->path, before, sizeof before);
    }
}

static int is_type_name(const json_t *value)
{
    static const char *const names[] = { "object", "array", "string", "number", "integer", "boolean", "null" };
    for (size_t i = 0; json_is_string(value) && i < ORB_COUNT(names); i++)
        if (!strcmp(json_string_value(value), names[i]))
            return 1;
    return 0;
}

static void is_type(struct walk *w, const json_t *value)
{
    const json_t *one;
    size_t i;
    int is_right = json_is_array(value) ? json_array_size(value) > 0 : is_type_name(value);
    json_array_foreach(value, i, one)
        is_right &= is_type_name(one);
    if (!is_right)
        wrong(w, "must be object, array, string, number, integer, boolean or null, or an array of those");
}

static void is_array(struct walk *w, const json_t *value)
{
    if (!json_array_size(value))
        wrong(w, "must be an array, not empty");
}

static void is_names(struct walk *w, const json_t *value)
{
    const json_t *one;
    size_t i;
    int is_right = json_is_array(value);
    json_array_foreach(value, i, one)
        is_right &= json_is_string(one);
    if (!is_right)
        wrong(w, "must be an array of strings");
}

static void is_number(struct walk *w, const json_t *value)
{
    if (!json_is_number(value))
        wrong(w, "must be a number");
}

static void is_positive(struct walk *w, const json_t *value)
{
    if (json_number_value(value) <= 0)
        wrong(w, "must be a number greater than 0");
}

static void is_count(struct walk *w, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        wrong(w, "must be an integer, 0 or more");
}

static void is_flag(struct walk *w, const json_t *value)
{
    if (!json_is_boolean(value))
        wrong(w, "must be true or false");
}

static void is_pattern(struct walk *w, const json_t *value)
{
    struct orb_error why;
    if (!json_is_string(value))
        wrong(w, "must be a string");
    else if (orb_pattern_check(json_string_value(value), json_string_length(value), &why))
        wrong(w, "%s", why.text);
}

static void is_any(struct walk *w, const json_t *value)
{
    (void)w, (void)value;
}

static const struct {
    const char *name;
    void (*check)(struct walk *w, const json_t *value);
} members[] = {
    { "type", is_type }, { "enum", is_array }, { "const", is_any }, { "nullable", is_flag }, { "$ref", is_ref },
    { "$defs", is_map }, { "definitions", is_map },
    { "properties", is_map }, { "required", is_names }, { "additionalProperties", check },
    { "minProperties", is_count }, { "maxProperties", is_count },
    { "items", check }, { "prefixItems", is_list }, { "minItems", is_count }, { "maxItems", is_count }, { "uniqueItems", is_flag },
    { "minLength", is_count }, { "maxLength", is_count }, { "pattern", is_pattern },
    { "minimum", is_number }, { "maximum", is_number }, { "exclusiveMinimum", is_number }, { "exclusiveMaximum", is_number },
    { "multipleOf", is_positive },
    { "anyOf", is_list }, { "oneOf", is_list }, { "allOf", is_list }, { "not", check },
    { "title", is_any }, { "description", is_any }, { "default", is_any }, { "examples", is_any }, { "example", is_any },
    { "format", is_any }, { "deprecated", is_any }, { "readOnly", is_any }, { "writeOnly", is_any },
    { "$schema", is_any }, { "$id", is_any }, { "$comment", is_any },
};

/* ---- all of it ---- */

static void check_member(struct walk *w, const char *name, const json_t *value)
{
    char before[sizeof w->path];
    size_t i = 0;
    if (!strncmp(name, "x-", 2))
        return;
    memcpy(before, w->path, sizeof before);
    orb_pointer_add(w->path, sizeof w->path, name);
    while (i < ORB_COUNT(members) && strcmp(members[i].name, name))
        i++;
    if (i < ORB_COUNT(members))
        members[i].check(w, value);
    else
        wrong(w, "is not of the subset of JSON Schema that is known here (docs/tools.md)");
    memcpy(w->path, before, sizeof before);
}

static void check(struct walk *w, const json_t *schema)
{
    const char *key;
    json_t *value;
    if (json_is_boolean(schema))
        return;
    if (!json_is_object(schema)) {
        wrong(w, "must be a schema: an object, true or false");
    } else if (w->depth == ORB_SCHEMA_DEPTH_MAX / 2 || ++w->steps > ORB_SCHEMA_STEPS_MAX) {
        wrong(w, "is nested too deep, or the whole is too large");
    } else {
        w->depth++;
        json_object_foreach((json_t *)(uintptr_t)schema, key, value)
            check_member(w, key, value);
        w->depth--;
    }
}

int orb_schema_check(const json_t *schema, struct orb_error *err)
{
    struct walk w = { .root = schema, .err = err };
    check(&w, schema);
    return w.mistakes ? ORB_E_INVALID : 0;
}

void orb_schema_check_all(const json_t *schema, orb_schema_mistake_fn fn, void *arg)
{
    struct walk w = { .root = schema, .fn = fn, .arg = arg };
    check(&w, schema);
}
