/* Is a value what a schema says? What a schema may say is checked in schema_check.c. */
#include "tool/schema.h"
#include "base/base.h"
#include "base/utf8.h"
#include "tool/pattern.h"
#include "tool/schema_inner.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One check under way. */
struct check {
    const json_t *root;
    struct orb_error *err;
    int steps, depth;
    int64_t pattern_steps; /* that are left */
    char path[256];        /* of the value, a JSON pointer */
    size_t path_len;
};

static int validate(struct check *c, const json_t *schema, const json_t *value);

static int ORB_PRINTF(2, 3) wrong(struct check *c, const char *fmt, ...)
{
    char text[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return orb_error_set(c->err, ORB_E_INVALID, "%s%s: %s", *c->path ? "at " : "at the top", c->path, text);
}

static size_t enter(struct check *c, const char *name)
{
    size_t before = c->path_len;
    orb_pointer_add(c->path, sizeof c->path, name);
    c->path_len = strlen(c->path);
    return before;
}

static void leave(struct check *c, size_t before)
{
    c->path_len = before;
    c->path[before] = '\0';
}

static const char *type_of(const json_t *v)
{
    static const char *const names[] = { [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
                                         [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "a boolean",
                                         [JSON_FALSE] = "a boolean", [JSON_NULL] = "null" };
    return names[json_typeof(v)];
}

static int same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b) || json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

/* A short form of a value for a message. */
static const char *shown(struct check *c, const json_t *v, char *out, size_t cap)
{
    struct orb_buf b;
    orb_buf_init(&b, 256 * 1024);
    orb_json_dump(&b, v);
    if (b.err)
        snprintf(out, cap, "%s", type_of(v));
    else
        snprintf(out, cap, "%.*s%s", b.len < cap ? (int)b.len : (int)cap - 4, b.data, b.len < cap ? "" : "...");
    c->steps += (int)(b.len / 16); /* done again and again in alternatives, it costs */
    orb_buf_done(&b);
    return out;
}

/* ---- any type ---- */

static int is_type(const char *name, const json_t *v)
{
    if (!strcmp(name, "integer"))
        return json_is_integer(v) || (json_is_real(v) && !(fabs(fmod(json_real_value(v), 1)) > 0));
    return !strcmp(name, "object") ? json_is_object(v) : !strcmp(name, "array") ? json_is_array(v) : !strcmp(name, "string") ? json_is_string(v)
         : !strcmp(name, "number") ? json_is_number(v) : !strcmp(name, "boolean") ? json_is_boolean(v) : !strcmp(name, "null") ? json_is_null(v) : 1;
}

static int check_type(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    char names[96] = "";
    size_t i;
    if (json_is_string(type))
        return is_type(json_string_value(type), value) ? 0 : wrong(c, "must be of type %.20s, is %s", json_string_value(type), type_of(value));
    json_array_foreach(type, i, one) {
        if (!json_is_string(one) || is_type(json_string_value(one), value))
            return 0;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.12s", i ? " or " : "", json_string_value(one));
    }
    return json_array_size(type) ? wrong(c, "must be of type %s, is %s", names, type_of(value)) : 0;
}

static int check_values(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *one, *list = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
    char text[160];
    size_t i;
    if (only && !same(only, value))
        return wrong(c, "must be %s", shown(c, only, text, sizeof text));
    if (!json_is_array(list))
        return 0;
    json_array_foreach(list, i, one) {
        c->steps++;
        if (same(one, value))
            return 0;
    }
    return wrong(c, "must be one of %s", shown(c, list, text, sizeof text));
}

/* ---- numbers and strings ---- */

static int is_multiple(const json_t *value, const json_t *of)
{
    if (json_is_integer(value) && json_is_integer(of) && json_integer_value(of) > 0)
        return json_integer_value(value) % json_integer_value(of) == 0;
    double q = json_number_value(value) / json_number_value(of);
    return fabs(q - round(q)) <= 1e-9 * fmax(1, fabs(q)); /* 0.3 is a multiple of 0.1 */
}

static int check_number(struct check *c, const json_t *schema, const json_t *value)
{
    double v = json_number_value(value);
    const json_t *m;
    if (json_is_number(m = json_object_get(schema, "minimum")) && v < json_number_value(m))
        return wrong(c, "must be at least %.17g, is %.17g", json_number_value(m), v);
    if (json_is_number(m = json_object_get(schema, "maximum")) && v > json_number_value(m))
        return wrong(c, "must be at most %.17g, is %.17g", json_number_value(m), v);
    if (json_is_number(m = json_object_get(schema, "exclusiveMinimum")) && !(v > json_number_value(m)))
        return wrong(c, "must be greater than %.17g, is %.17g", json_number_value(m), v);
    if (json_is_number(m = json_object_get(schema, "exclusiveMaximum")) && !(v < json_number_value(m)))
        return wrong(c, "must be less than %.17g, is %.17g", json_number_value(m), v);
    if (json_is_number(m = json_object_get(schema, "multipleOf")) && json_number_value(m) > 0 && !is_multiple(value, m))
        return wrong(c, "must be a multiple of %.17g, is %.17g", json_number_value(m), v);
    return 0;
}

/* The number of that member, or def. */
static double count_of(const json_t *schema, const char *name, double def)
{
    const json_t *n = json_object_get(schema, name);
    return json_is_number(n) ? json_number_value(n) : def;
}

static int check_size(struct check *c, const json_t *schema, const char *min_name, const char *max_name, size_t size, const char *what)
{
    double min = count_of(schema, min_name, 0), max = count_of(schema, max_name, INFINITY);
    if ((double)size < min)
        return wrong(c, "must have at least %.0f %s, has %zu", min, what, size);
    if ((double)size > max)
        return wrong(c, "must have at most %.0f %s, has %zu", max, what, size);
    return 0;
}

static int check_string(struct check *c, const json_t *schema, const json_t *value)
{
    const char *s = json_string_value(value);
    const json_t *pattern = json_object_get(schema, "pattern");
    size_t n = json_string_length(value), characters = 0;
    struct orb_error why;
    for (size_t i = 0; i < n; i++)
        characters += (s[i] & 0xc0) != 0x80;
    c->steps += (int)(n / 256);
    int rc = check_size(c, schema, "minLength", "maxLength", characters, "characters");
    if (rc || !json_is_string(pattern))
        return rc;
    rc = orb_pattern_match(json_string_value(pattern), json_string_length(pattern), s, n, &c->pattern_steps, &why);
    if (rc == ORB_E_TOO_LARGE)
        return orb_error_set(c->err, rc, "at %s: %s", c->path, why.text);
    /* A pattern that cannot be read is no reason to refuse. */
    return rc == 0 ? wrong(c, "must match the pattern %.100s", json_string_value(pattern)) : 0;
}

/* ---- arrays and objects ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Equal values have equal texts with sorted keys (1 and 1.0 count as different here). */
static int check_unique(struct check *c, const json_t *value)
{
    size_t n = json_array_size(value), got = 0;
    c->steps += (int)n;
    char **texts = calloc(n + 1, sizeof *texts);
    int rc = texts ? 0 : ORB_E_NOMEM;
    for (; !rc && got < n; got++)
        if (!(texts[got] = json_dumps(json_array_get(value, got), JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT)))
            rc = ORB_E_NOMEM;
    if (!rc)
        qsort(texts, n, sizeof *texts, by_text);
    for (size_t i = 1; !rc && i < n; i++)
        if (!strcmp(texts[i - 1], texts[i]))
            rc = wrong(c, "must not hold the same item twice: %.100s", texts[i]);
    for (size_t i = 0; texts && i < n; i++)
        free(texts[i]);
    free(texts);
    return rc;
}

static int check_array(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *items = json_object_get(schema, "items"), *prefix = json_object_get(schema, "prefixItems"), *item;
    size_t i;
    char name[24];
    int rc = check_size(c, schema, "minItems", "maxItems", json_array_size(value), "items");
    if (!rc && json_is_true(json_object_get(schema, "uniqueItems")))
        rc = check_unique(c, value);
    if (json_is_array(items)) /* as it was before 2020 */
        prefix = items, items = json_object_get(schema, "additionalItems");
    json_array_foreach(value, i, item) {
        const json_t *of = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (rc || !of)
            continue;
        snprintf(name, sizeof name, "%zu", i);
        size_t before = enter(c, name);
        rc = validate(c, of, item);
        leave(c, before);
    }
    return rc;
}

static int check_member(struct check *c, const json_t *schema, const char *name, const json_t *value)
{
    const json_t *of = json_object_get(json_object_get(schema, "properties"), name);
    const json_t *others = json_object_get(schema, "additionalProperties");
    /* What patternProperties names is no other; the subset has none. */
    if (!of && (!others || json_object_get(schema, "patternProperties")))
        return 0;
    if (!of && json_is_false(others)) {
        char names[160];
        json_t *known = json_array();
        const char *key;
        json_t *ignored;
        json_object_foreach(json_object_get(schema, "properties"), key, ignored)
            json_array_append_new(known, json_string(key));
        int rc = wrong(c, "'%.60s' is not a member; known are %s", name, shown(c, known, names, sizeof names));
        json_decref(known);
        return rc;
    }
    size_t before = enter(c, name);
    int rc = validate(c, of ? of : others, value);
    leave(c, before);
    return rc;
}

static int check_object(struct check *c, const json_t *schema, json_t *value)
{
    const json_t *required = json_object_get(schema, "required"), *name;
    const char *key;
    json_t *member;
    size_t i;
    int rc = check_size(c, schema, "minProperties", "maxProperties", json_object_size(value), "members");
    json_array_foreach(required, i, name)
        if (!rc && json_is_string(name) && !json_object_get(value, json_string_value(name)))
            rc = wrong(c, "'%.60s' is missing", json_string_value(name));
    json_object_foreach(value, key, member)
        if (!rc)
            rc = check_member(c, schema, key, member);
    return rc;
}

/* ---- combinations ---- */

/* How many of the schemas fit; what the first that did not fit said stays in err. Negative: it takes too long. */
static int count_fits(struct check *c, const json_t *schemas, const json_t *value)
{
    struct orb_error *err = c->err, mine, first = { 0 };
    const json_t *one;
    size_t i;
    int fits = 0;
    c->err = &mine;
    json_array_foreach(schemas, i, one) {
        size_t before = c->path_len;
        int rc = validate(c, one, value);
        leave(c, before);
        if (rc == ORB_E_TOO_LARGE || rc == ORB_E_NOMEM) {
            c->err = err;
            return orb_error_set(err, rc, "%s", orb_error_message(&mine));
        }
        fits += rc == 0;
        if (rc && !first.code)
            first = mine;
    }
    c->err = err;
    *err = first;
    return fits;
}

static int check_any(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf");
    struct orb_error first;
    for (int is_one = 0; is_one < 2; is_one++) {
        const json_t *list = is_one ? one : any;
        int fits = json_is_array(list) ? count_fits(c, list, value) : 1;
        if (fits < 0)
            return fits;
        if (fits == 0) {
            first = *c->err;
            return wrong(c, "fits none of %zu alternatives; the first: %.200s", json_array_size(list), first.text);
        }
        if (is_one && fits > 1)
            return wrong(c, "fits %d alternatives, must fit exactly one", fits);
    }
    return 0;
}

static int check_combined(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *all = json_object_get(schema, "allOf"), *not = json_object_get(schema, "not"), *one;
    size_t i;
    int rc = 0;
    json_array_foreach(all, i, one)
        if (!rc)
            rc = validate(c, one, value);
    if (!rc)
        rc = check_any(c, schema, value);
    if (rc || !not)
        return rc;
    json_t *list = json_pack("[O]", not);
    int fits = count_fits(c, list, value);
    json_decref(list);
    return fits < 0 ? fits : fits ? wrong(c, "is what it must not be") : 0;
}

/* ---- all of it ---- */

static int check_all(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *ref = json_object_get(schema, "$ref");
    int rc = 0;
    if (json_is_null(value) && json_is_true(json_object_get(schema, "nullable")))
        return 0;
    if (json_is_string(ref)) {
        const json_t *target = orb_schema_target(c->root, json_string_value(ref));
        rc = target ? validate(c, target, value) : 0;
    }
    if (!rc)
        rc = check_type(c, schema, value);
    if (!rc)
        rc = check_values(c, schema, value);
    if (!rc && json_is_number(value))
        rc = check_number(c, schema, value);
    if (!rc && json_is_string(value))
        rc = check_string(c, schema, value);
    if (!rc && json_is_array(value))
        rc = check_array(c, schema, value);
    if (!rc && json_is_object(value))
        rc = check_object(c, schema, (json_t *)(uintptr_t)value);
    return rc ? rc : check_combined(c, schema, value);
}

static int validate(struct check *c, const json_t *schema, const json_t *value)
{
    if (json_is_false(schema))
        return wrong(c, "is not allowed");
    if (!json_is_object(schema))
        return 0;
    if (++c->steps > ORB_SCHEMA_STEPS_MAX)
        return orb_error_set(c->err, ORB_E_TOO_LARGE, "checking the value against its schema takes over %d steps; make the value or the schema smaller", ORB_SCHEMA_STEPS_MAX);
    if (c->depth == ORB_SCHEMA_DEPTH_MAX)
        return orb_error_set(c->err, ORB_E_TOO_LARGE, "the schema leads over %d levels deep", ORB_SCHEMA_DEPTH_MAX);
    c->depth++;
    int rc = check_all(c, schema, value);
    c->depth--;
    return rc;
}

int orb_schema_validate(const json_t *schema, const json_t *value, struct orb_error *err)
{
    struct orb_error ignored;
    struct check c = { .root = schema, .err = err ? err : &ignored, .pattern_steps = ORB_PATTERN_STEPS_MAX };
    return validate(&c, schema, value);
}
