/* Schemas and patterns, as tables. */
#include "base/base.h"
#include "tool/pattern.h"
#include "tool/schema.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    struct orb_error err;
    json_t *value = orb_json_parse(text, strlen(text), &orb_json_limits_default, &err);
    if (!value)
        fail_msg("%s: %s", text, err.text);
    return value;
}

/* error: what the message holds, NULL = the value fits. */
static void expect(const char *schema_text, const char *value_text, const char *error)
{
    struct orb_error err = { 0 };
    json_t *schema = parse(schema_text), *value = parse(value_text);
    if (orb_schema_check(schema, &err))
        fail_msg("%s: no schema: %s", schema_text, err.text);
    int rc = orb_schema_validate(schema, value, &err);
    if (rc != (error ? ORB_E_INVALID : 0) || (error && !strstr(err.text, error)))
        fail_msg("%s\n%s: %d '%s', wanted '%s'", schema_text, value_text, rc, rc ? err.text : "", error ? error : "it fits");
    json_decref(schema);
    json_decref(value);
}

static void values_fit_or_not(void **state)
{
    static const struct {
        const char *schema, *value, *error;
    } rows[] = {
        { "true", "1", NULL }, { "false", "1", "at the top: is not allowed" }, { "{}", "null", NULL },
        { "{\"type\": \"string\"}", "\"x\"", NULL }, { "{\"type\": \"string\"}", "1", "at the top: must be of type string, is an integer" },
        { "{\"type\": \"integer\"}", "1", NULL }, { "{\"type\": \"integer\"}", "1.0", NULL }, { "{\"type\": \"integer\"}", "1.5", "is a number" },
        { "{\"type\": \"number\"}", "1", NULL }, { "{\"type\": \"boolean\"}", "false", NULL }, { "{\"type\": \"boolean\"}", "0", "boolean" },
        { "{\"type\": [\"string\", \"null\"]}", "null", NULL }, { "{\"type\": [\"string\", \"null\"]}", "1", "string or null, is an integer" },
        { "{\"type\": \"string\", \"nullable\": true}", "null", NULL },
        { "{\"enum\": [\"a\", 2]}", "2.0", NULL }, { "{\"enum\": [\"a\", 2]}", "\"b\"", "must be one of [\"a\", 2]" },
        { "{\"const\": {\"a\": 1}}", "{\"a\": 1}", NULL }, { "{\"const\": 3}", "4", "must be 3" },
        { "{\"minimum\": 2}", "1", "at least 2, is 1" }, { "{\"minimum\": 2}", "2", NULL }, { "{\"maximum\": 2}", "2.5", "at most 2" },
        { "{\"exclusiveMinimum\": 2}", "2", "greater than 2" }, { "{\"exclusiveMaximum\": 2}", "2", "less than 2" },
        { "{\"multipleOf\": 0.1}", "0.3", NULL }, { "{\"multipleOf\": 3}", "7", "multiple of 3" }, { "{\"multipleOf\": 3}", "9", NULL },
        { "{\"minLength\": 2}", "\"\xc3\xa4\"", "at least 2 characters, has 1" }, { "{\"maxLength\": 1}", "\"\xc3\xa4\"", NULL },
        { "{\"pattern\": \"^\\\\d{2}$\"}", "\"12\"", NULL }, { "{\"pattern\": \"^\\\\d{2}$\"}", "\"123\"", "must match the pattern ^\\d{2}$" },
        { "{\"items\": {\"type\": \"integer\"}}", "[1, 2, \"x\"]", "at /2: must be of type integer" },
        { "{\"prefixItems\": [{\"type\": \"string\"}], \"items\": false}", "[\"a\"]", NULL },
        { "{\"prefixItems\": [{\"type\": \"string\"}], \"items\": false}", "[\"a\", 1]", "at /1: is not allowed" },
        { "{\"minItems\": 1}", "[]", "at least 1 items" }, { "{\"maxItems\": 1}", "[1, 2]", "at most 1 items, has 2" },
        { "{\"uniqueItems\": true}", "[{\"a\": 1, \"b\": 2}, {\"b\": 2, \"a\": 1}]", "the same item twice" }, { "{\"uniqueItems\": true}", "[1, \"1\"]", NULL },
        { "{\"required\": [\"a\"]}", "{}", "'a' is missing" }, { "{\"minProperties\": 1}", "{}", "at least 1 members" },
        { "{\"properties\": {\"a/b\": {\"type\": \"string\"}}}", "{\"a/b\": 1}", "at /a~1b: must be of type string" },
        { "{\"properties\": {\"a\": true}, \"additionalProperties\": false}", "{\"c\": 1}", "'c' is not a member; known are [\"a\"]" },
        { "{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": 1}", "at /x" },
        { "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "1", "fits none of 2 alternatives; the first: at the top: must be of type string" },
        { "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "null", NULL },
        { "{\"oneOf\": [{\"type\": \"number\"}, {\"type\": \"integer\"}]}", "1", "fits 2 alternatives" },
        { "{\"oneOf\": [{\"type\": \"number\"}, {\"type\": \"integer\"}]}", "1.5", NULL },
        { "{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "4", "at most 3" }, { "{\"not\": {\"type\": \"string\"}}", "\"x\"", "must not be" },
        { "{\"not\": {\"type\": \"string\"}}", "1", NULL },
        { "{\"$defs\": {\"p\": {\"type\": \"integer\"}}, \"properties\": {\"a\": {\"$ref\": \"#/$defs/p\"}}}", "{\"a\": \"x\"}", "at /a: must be of type integer" },
        { "{\"definitions\": {\"p q\": {\"minimum\": 1}}, \"$ref\": \"#/definitions/p q\"}", "0", "at least 1" },
        { "{\"properties\": {\"next\": {\"$ref\": \"#\"}, \"v\": {\"type\": \"integer\"}}}", "{\"next\": {\"next\": {\"v\": \"x\"}}}", "at /next/next/v: " },
        { "{\"format\": \"email\", \"title\": \"t\", \"x-anything\": 1}", "\"no mail\"", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++)
        expect(rows[i].schema, rows[i].value, rows[i].error);
}

static void wrong_schemas_are_named(void **state)
{
    static const struct {
        const char *schema, *error;
    } rows[] = {
        { "1", "must be a schema" }, { "{\"type\": \"text\"}", "/type: must be object, array" }, { "{\"type\": []}", "/type" },
        { "{\"properties\": {\"a\": 1}}", "/properties/a: must be a schema" }, { "{\"properties\": []}", "/properties: must be an object" },
        { "{\"required\": \"a\"}", "/required: must be an array of strings" }, { "{\"minimum\": \"1\"}", "/minimum: must be a number" },
        { "{\"multipleOf\": 0}", "/multipleOf" }, { "{\"minLength\": -1}", "/minLength: must be an integer" },
        { "{\"exclusiveMinimum\": true}", "/exclusiveMinimum: must be a number" }, { "{\"enum\": []}", "/enum: must be an array, not empty" },
        { "{\"anyOf\": []}", "/anyOf" }, { "{\"anyOf\": [{}, {\"items\": {\"if\": {}}}]}", "/anyOf/1/items/if: is not of the subset" },
        { "{\"pattern\": \"(\"}", "/pattern: the pattern '(': a ( is not closed" }, { "{\"pattern\": 1}", "/pattern" },
        { "{\"$ref\": \"http://x/y\"}", "/$ref: 'http://x/y' leads nowhere" }, { "{\"$ref\": \"#/$defs/no\"}", "leads nowhere" },
        { "{\"$defs\": {\"a\": {\"$ref\": \"#/$defs/b\"}, \"b\": {\"$ref\": \"#/$defs/a\"}}}", "leads to itself" },
        { "{\"$ref\": \"#\"}", "leads to itself" }, { "{\"nullable\": 1}", "/nullable" }, { "{\"patternProperties\": {}}", "not of the subset" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_error err = { 0 };
        json_t *schema = parse(rows[i].schema);
        int rc = orb_schema_check(schema, &err);
        if (rc != ORB_E_INVALID || !strstr(err.text, rows[i].error))
            fail_msg("%s: %d '%s', wanted '%s'", rows[i].schema, rc, err.text, rows[i].error);
        json_decref(schema);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What would take for ever ends with an error, soon. */
static void bomb(const json_t *schema, const json_t *value, int code)
{
    struct orb_error err = { 0 };
    double begin = seconds();
    int rc = orb_schema_validate(schema, value, &err);
    if (rc != code || seconds() - begin > 10)
        fail_msg("%d '%s' after %g s", rc, err.text, seconds() - begin);
}

static void bombs_end(void **state)
{
    (void)state;
    json_t *loop = parse("{\"$defs\": {\"a\": {\"allOf\": [{\"$ref\": \"#/$defs/a\"}]}}, \"$ref\": \"#/$defs/a\"}");
    json_t *tree = parse("{\"$defs\": {\"a\": {\"anyOf\": [{\"items\": {\"$ref\": \"#/$defs/a\"}, \"type\": \"array\", \"maxItems\": 0},"
                         "{\"allOf\": [{\"$ref\": \"#/$defs/a\"}, {\"$ref\": \"#/$defs/a\"}]}]}}, \"$ref\": \"#/$defs/a\"}");
    json_t *one = parse("[1]"), *deep = json_array(), *at = deep;
    bomb(loop, one, ORB_E_TOO_LARGE);
    bomb(tree, one, ORB_E_TOO_LARGE);
    for (int i = 0; i < 300; i++) {
        json_t *inner = json_array();
        json_array_append_new(at, inner);
        at = inner;
    }
    json_t *recursive = parse("{\"items\": {\"$ref\": \"#\"}}");
    bomb(recursive, deep, ORB_E_TOO_LARGE);
    /* 1 MiB against a pattern with many threads. */
    json_t *pattern = parse("{\"items\": {\"pattern\": \"(a|a|a|aa)*(a?){300}b\"}}"), *texts = json_array();
    char *long_text = malloc(100000);
    memset(long_text, 'a', 100000);
    for (int i = 0; i < 100; i++)
        json_array_append_new(texts, json_stringn(long_text, 100000));
    bomb(pattern, texts, ORB_E_TOO_LARGE);
    free(long_text);
    json_decref(loop), json_decref(tree), json_decref(one), json_decref(deep), json_decref(recursive), json_decref(pattern), json_decref(texts);
}

/* Each of many $ref leads over many others. */
static void a_bomb_of_refs_is_no_schema(void **state)
{
    (void)state;
    json_t *defs = json_object(), *all = json_array(), *schema = json_object();
    struct orb_error err = { 0 };
    char name[32], ref[64];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "a%d", i);
        snprintf(ref, sizeof ref, "#/$defs/a%d", i + 1);
        json_object_set_new(defs, name, i < 99 ? json_pack("{s:s}", "$ref", ref) : json_object());
    }
    for (int i = 0; i < 30000; i++)
        json_array_append_new(all, json_pack("{s:s}", "$ref", "#/$defs/a0"));
    json_object_set_new(schema, "$defs", defs);
    json_object_set_new(schema, "allOf", all);
    assert_int_equal(orb_schema_check(schema, &err), ORB_E_INVALID);
    assert_non_null(strstr(err.text, "/$ref: the whole leads over too many of them"));
    json_decref(schema);
}

static void patterns_match(void **state)
{
    static const struct {
        const char *pattern, *text;
        int is_match;
    } rows[] = {
        { "", "", 1 }, { "a", "bab", 1 }, { "^a", "ba", 0 }, { "a$", "ab", 0 }, { "^$", "", 1 }, { "^a*$", "aaa", 1 }, { "^a+$", "", 0 },
        { "^ab?c$", "ac", 1 }, { "^(ab|cd)+$", "abcdab", 1 }, { "^(ab|cd)+$", "abc", 0 }, { "^(?:a|b|c){2,3}$", "abc", 1 }, { "^(?:a|b|c){2,3}$", "a", 0 },
        { "^a{3}$", "aaa", 1 }, { "^a{3}$", "aaaa", 0 }, { "^a{2,}$", "aaaaa", 1 }, { "^a{2,}$", "a", 0 }, { "^a{0,2}$", "", 1 }, { "^a{0}$", "", 1 }, { "^a{0}b$", "b", 1 },
        { "^a{,2}$", "a{,2}", 1 }, { "^[a-c]+$", "abcd", 0 }, { "^[^a-c]+$", "xyz", 1 }, { "^[\\w.-]+@[\\w-]+$", "a.b-c@host", 1 }, { "^[]a]$", "", 0 },
        { "^\\d{4}-\\d{2}$", "2026-01", 1 }, { "\\bcat\\b", "a cat sat", 1 }, { "\\bcat\\b", "concat", 0 }, { "\\Bcat", "concat", 1 },
        { "^.$", "\xe2\x82\xac", 1 }, { "^.$", "\n", 0 }, { "^[\\s\\S]$", "\n", 1 }, { "^\\u20ac$", "\xe2\x82\xac", 1 }, { "^\\x41$", "A", 1 }, { "^\\.\\/$", "./", 1 },
        { "^(a*)*$", "aaa", 1 }, { "^(a*)*b$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 0 }, { "^(a|)+$", "aa", 1 }, { "^a*?b+?$", "aab", 1 },
        { "^[\xc3\xa4-\xc3\xbc]$", "\xc3\xb6", 1 }, { "^[a\\-z]+$", "a-z", 1 }, { "^[a-]$", "-", 1 }, { "^\\D\\W\\S$", "x-y", 1 }, { "a|b|c|d", "xd", 1 }, { "^((a|b){2}c){2}$", "abcbac", 1 },
    };
    static const char *const wrong[] = { "(", ")", "[a", "*a", "a**", "a{3,2}", "a{1001}", "(?=a)", "(?<n>a)", "\\1", "\\p{L}", "[z-a]", "\\", "\\x4", "((((a{500}){500}){500}){500})", "(a{0,1000}){1000}" };
    struct orb_error err = { 0 };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        int64_t steps = ORB_PATTERN_STEPS_MAX;
        int rc = orb_pattern_match(rows[i].pattern, strlen(rows[i].pattern), rows[i].text, strlen(rows[i].text), &steps, &err);
        if (rc != rows[i].is_match)
            fail_msg("%s on '%s': %d", rows[i].pattern, rows[i].text, rc);
    }
    for (size_t i = 0; i < ORB_COUNT(wrong); i++)
        if (orb_pattern_check(wrong[i], strlen(wrong[i]), &err) != ORB_E_INVALID)
            fail_msg("%s is taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fit_or_not),
        cmocka_unit_test(wrong_schemas_are_named),
        cmocka_unit_test(bombs_end),
        cmocka_unit_test(a_bomb_of_refs_is_no_schema),
        cmocka_unit_test(patterns_match),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
