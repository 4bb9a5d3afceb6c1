#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include <float.h>
#include <math.h>
#include <orbiter/client.h>
#include <stdlib.h>
#include <string.h>

static void expect_dump(const char *text, size_t len, const char *want)
{
    struct orb_error err = {0};
    struct orb_buf b;
    json_t *value = orb_json_parse(text, len, &orb_json_limits_default, &err);

    if (!value)
        fail_msg("%s: %s", text, err.text);
    orb_buf_init(&b, 100000);
    orb_json_dump(&b, value);
    assert_int_equal(b.err, 0);
    assert_string_equal(b.data, want);
    orb_buf_done(&b);
    json_decref(value);
}

static void python_text_is_written_back_the_same(void **state)
{
    static const char *const texts[] = {
        "{\"type\": \"text\", \"text\": \"Gr\\u00fc\\u00dfe \\ud83d\\ude00\", \"agent_name\": \"bot\"}",
        "{\"type\": \"step\", \"step_number\": 1, \"started_at\": 1795461238.94, \"completed_at\": null, \"usage\": null}",
        "{\"arguments\": {\"x\": 1, \"y\": 2.5}, \"success\": true, \"error\": false, \"duration_ms\": 0.42}",
        "[]", "{}", "[[], {}, [1, -2, [3.0]]]", "\"a/b \\\" \\\\ \\n\\r\\t\\b\\f \\u0000 \\u001f \\u007f\"",
        "-9223372036854775808", "9223372036854775807", "true", "null", "\"\"",
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(texts); i++)
        expect_dump(texts[i], strlen(texts[i]), texts[i]);
}

static void what_jansson_refuses_is_rewritten(void **state)
{
    static const char *const rows[][2] = {
        {"\"\\ud83d\"", "\"\\ufffd\""},
        {"\"\\ude00\\ud83d x\"", "\"\\ufffd\\ufffd x\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
        {"\"\\uD83D\\u0041\"", "\"\\ufffdA\""},
        {"{\"a\\u0000\\ud800b\\u0000\": \"\\u0000\"}", "{\"a\\ufffd\\ufffdb\\ufffd\": \"\\u0000\"}"},
        {"[NaN, Infinity, -Infinity, 1]", "[null, null, null, 1]"},
        {"[1e400, -1e400, 1E308, 1e-400]", "[null, null, 1e+308, 0.0]"},
        {"1.7976931348623158e308", "1.7976931348623157e+308"},
        {"1.7976931348623159e308", "null"},
        {"[9223372036854775808, -9223372036854775809]", "[9.223372036854776e+18, -9.223372036854776e+18]"},
        {"123456789012345678901234567890", "1.2345678901234568e+29"},
        {"0e99999999999999999999999", "0.0"},
        {"1e-99999999999999999999999", "0.0"},
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}"},
        {" \t\r\n[ 1 ,{ \"k\" : -0.0 } ] \n", "[1, {\"k\": -0.0}]"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++)
        expect_dump(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void an_integer_of_400_digits_is_null(void **state)
{
    char text[401];

    (void)state;
    memset(text, '9', sizeof(text) - 1);
    text[400] = '\0';
    expect_dump(text, 400, "null");
    memset(text + 1, '0', 399);
    text[0] = '1';
    memcpy(text + 396, "e-95", 4); /* 10^395 * 10^-95 */
    expect_dump(text, 400, "1e+300");
}

static void raw_text_need_not_be_terminated(void **state)
{
    static const char digits[] = {'1', '2', '3'};

    (void)state;
    expect_dump(digits, 2, "12");
    expect_dump("\"\xc3\xbc\xf0\x9f\x98\x80\"", 8, "\"\\u00fc\\ud83d\\ude00\"");
}

static void expect_error(const char *text, size_t len, int code, const char *part)
{
    struct orb_error err = {0};

    assert_null(orb_json_parse(text, len, &orb_json_limits_default, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, part))
        fail_msg("'%s' does not hold '%s'", err.text, part);
    assert_null(orb_json_parse(text, len, &orb_json_limits_default, NULL));
}

static void errors_name_the_place(void **state)
{
    static const char *const rows[][2] = {
        {"", "line 1, column 1 (byte 0): the text ends too early"},
        {"{\n \"a\": 1,\n \"\xc3\xbc\" 2}", "line 3, column 6 (byte 17): a colon"},
        {"[1, 2", "column 6"},
        {"[1 2]", "column 4 (byte 3): a comma or ]"},
        {"{\"a\": 1]", "a comma or }"},
        {"[1,]", "column 4"},
        {"{\"a\": 1,}", "name in quotes"},
        {"{1: 2}", "name in quotes"},
        {"1 2", "more text after the value"},
        {"\"abc", "ends inside a string"},
        {"\"abc\\", "ends inside a string"},
        {"\"\\q\"", "an escape"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"a\tb\"", "control character"},
        {"01", "leading zeros"},
        {"1.", "after its point"},
        {"1e+", "exponent"},
        {"-", "no digits"},
        {"nan", "a value was expected"},
        {"[\"\xff\"]", "(byte 2): bytes that are not UTF-8"},
        {"\"\xed\xa0\x80\"", "(byte 1): bytes that are not UTF-8"},
        {"[NaN, \"\xc3\"]", "(byte 7): bytes that are not UTF-8"},
        {"\xef\xbb\xbf{}", "a value was expected"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++)
        expect_error(rows[i][0], strlen(rows[i][0]), ORB_E_INVALID, rows[i][1]);
    expect_error("\"a\0b\"", 5, ORB_E_INVALID, "control character");
    expect_error("\"\\\0\"", 4, ORB_E_INVALID, "an escape");
    expect_error("1\0", 2, ORB_E_INVALID, "more text");
}

static json_t *parse_within(const char *text, size_t bytes, size_t values, size_t depth, struct orb_error *err)
{
    const struct orb_json_limits limits = {bytes, values, depth};

    return orb_json_parse(text, strlen(text), &limits, err);
}

static void limits_are_exact(void **state)
{
    static const char text[] = "[[1, \"k\"], {\"k\": null}]"; /* 23 bytes, 6 values, depth 2 */
    const size_t len = sizeof(text) - 1;
    struct orb_error err = {0};
    json_t *value = parse_within(text, len, 6, 2, &err);

    (void)state;
    assert_non_null(value);
    json_decref(value);
    assert_null(parse_within(text, len - 1, 6, 2, &err));
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    assert_null(parse_within(text, len, 5, 2, &err));
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    assert_non_null(strstr(err.text, "limit of 5"));
    assert_null(parse_within(text, len, 6, 1, &err));
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    assert_non_null(strstr(err.text, "limit of 1"));
    assert_int_equal(orb_json_limits_default.max_bytes, ORB_PAYLOAD_MAX);
    assert_int_equal(orb_json_limits_default.max_values, 100000);
    assert_int_equal(orb_json_limits_default.max_depth, 200);
}

/* jansson's own limit is about 2,000: a larger one of the caller is held there. */
static void depth_never_passes_what_jansson_takes(void **state)
{
    char text[6001];
    struct orb_error err = {0};
    json_t *value;

    (void)state;
    memset(text, '[', 2000);
    memset(text + 2000, ']', 2000);
    text[4000] = '\0';
    value = parse_within(text, 6000, 6000, 6000, &err);
    assert_non_null(value);
    json_decref(value);
    memset(text, '[', 3000);
    memset(text + 3000, ']', 3000);
    text[6000] = '\0';
    assert_null(parse_within(text, 6000, 6000, 6000, &err));
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
}

static void strings_keep_nul(void **state)
{
    json_t *value = orb_json_parse("\"a\\u0000b\"", 10, &orb_json_limits_default, NULL);

    (void)state;
    assert_int_equal(json_string_length(value), 3);
    assert_memory_equal(json_string_value(value), "a\0b", 4);
    json_decref(value);
}

static void invalid_bytes_are_written_as_replacements(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, 1000);
    orb_json_str(&b, "a\xff\xc3z", 4);
    assert_string_equal(b.data, "\"a\\ufffd\\ufffdz\"");
    orb_buf_reset(&b);
    orb_json_str(&b, "", 0);
    assert_string_equal(b.data, "\"\"");
    orb_buf_done(&b);
    orb_buf_init(&b, 8);
    orb_json_str(&b, "\xff\xff\xff", 3);
    assert_int_equal(b.err, ORB_E_TOO_LARGE);
    orb_buf_done(&b);
}

/* What python3 -c 'print(repr(x))' says. */
static void reals_are_pythons_repr(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0x0p+0, "0.0"},
        {-0x0p+0, "-0.0"},
        {0x1p+0, "1.0"},
        {-300.0, "-300.0"},
        {0x1.999999999999ap-4, "0.1"},
        {0x1.4f8b588e368f1p-17, "1e-05"},
        {0x1.1c37937e08p+53, "1e+16"},
        {0x1.ac1242ep+30, "1795461304.0"},
        {0x1.ac1241dbcde7bp+30, "1795461238.9510791"},
        {0x0.0000000000001p-1022, "5e-324"},
        {0x0.fffffffffffffp-1022, "2.225073858507201e-308"},
        {0x1p-1022, "2.2250738585072014e-308"},
        {0x1p-44, "5.684341886080802e-14"},
        {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
        {0x1.a36e2eb1c432dp-14, "0.0001"},
        {0x1.8e757928e0c9ep-14, "9.5e-05"},
        {0x1.c12218377de66p+46, "123456789012345.6"},
        {0x1.c6bf52634p+49, "1000000000000000.0"},
        {0x1.c6bf52633ffffp+49, "999999999999999.9"},
        {0x1p+53, "9007199254740992.0"},
        {0x1.5555555555555p-2, "0.3333333333333333"},
        {0x1.5555555555555p-1, "0.6666666666666666"},
        {0x1.0f0cf064dd592p+73, "1e+22"},
        {0x1.52d02c7e14af6p+76, "1e+23"},
        {-0x1.0c6f7a0b5ed8dp-22, "-2.5e-07"},
        {0x1.1eb2d66005835p+997, "1.5e+300"},
        {0x1.ae147ae147ae1p-2, "0.42"},
        {0x1p+70, "1.1805916207174113e+21"},
        {0x1.1666666666666p+2, "4.35"},
        {0x1.249ad2594c37dp+332, "1e+100"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    struct orb_buf b;
    size_t i;

    (void)state;
    orb_buf_init(&b, 100);
    for (i = 0; i < ORB_COUNT(rows); i++) {
        orb_buf_reset(&b);
        orb_json_real(&b, rows[i].v);
        assert_string_equal(b.data, rows[i].text);
    }
    orb_buf_done(&b);
}

/* Powers of two, where the gaps below and above differ, and their neighbours. */
static void reals_read_back(void **state)
{
    struct orb_buf b;
    int exponent, side;

    (void)state;
    orb_buf_init(&b, 100);
    for (exponent = -1074; exponent < 1024; exponent++) {
        for (side = -1; side <= 1; side++) {
            double v = ldexp(1, exponent);

            if (side != 0)
                v = nextafter(v, side * (double)INFINITY);
            orb_buf_reset(&b);
            orb_json_real(&b, v);
            assert_true(strtod(b.data, NULL) == v);
            assert_true(b.len <= 24);
        }
    }
    orb_buf_done(&b);
}

static void members_have_defaults(void **state)
{
    static const char text[] = "{\"s\": \"x\", \"i\": 7, \"r\": 1.5, \"n\": null, \"big\": 1e300}";
    json_t *o = orb_json_parse(text, sizeof(text) - 1, &orb_json_limits_default, NULL);

    (void)state;
    assert_string_equal(orb_json_get_str(o, "s", "d"), "x");
    assert_string_equal(orb_json_get_str(o, "i", "d"), "d");
    assert_string_equal(orb_json_get_str(o, "n", "d"), "d");
    assert_null(orb_json_get_str(o, "none", NULL));
    assert_null(orb_json_get_str(NULL, "s", NULL));
    assert_int_equal(orb_json_get_int(o, "i", -1), 7);
    assert_int_equal(orb_json_get_int(o, "r", -1), -1);
    assert_int_equal(orb_json_get_int(o, "big", -1), -1);
    assert_true(orb_json_get_real(o, "r", 0) == 1.5);
    assert_true(orb_json_get_real(o, "i", 0) == 7.0);
    assert_true(orb_json_get_real(o, "s", 2.5) == 2.5);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(python_text_is_written_back_the_same),
        cmocka_unit_test(what_jansson_refuses_is_rewritten),
        cmocka_unit_test(an_integer_of_400_digits_is_null),
        cmocka_unit_test(raw_text_need_not_be_terminated),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(depth_never_passes_what_jansson_takes),
        cmocka_unit_test(strings_keep_nul),
        cmocka_unit_test(invalid_bytes_are_written_as_replacements),
        cmocka_unit_test(reals_are_pythons_repr),
        cmocka_unit_test(reals_read_back),
        cmocka_unit_test(members_have_defaults),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
