#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void every_code_has_its_row(void **state)
{
    static const int codes[] = {
#define CODE(name, code, exit, retry, type, text) ORB_E_##name,
        ORB_ERRORS(CODE)
#undef CODE
    };
    size_t i, j;

    (void)state;
    for (i = 0; i < ORB_COUNT(codes); i++) {
        assert_true(codes[i] < 0);
        assert_true(orb_error_exit(codes[i]) > 0 && orb_error_exit(codes[i]) < 256);
        assert_true(orb_error_text(codes[i])[0] && orb_error_type(codes[i])[0]);
        for (j = 0; j < i; j++)
            assert_int_not_equal(codes[i], codes[j]);
    }
    assert_string_equal(orb_error_type(ORB_E_MODEL_RATE), "RateLimitError");
    assert_true(orb_error_is_retryable(ORB_E_MODEL_RATE));
    assert_false(orb_error_is_retryable(ORB_E_MODEL_AUTH));
    assert_int_equal(orb_error_exit(ORB_E_TIMEOUT), 124);
    assert_int_equal(orb_error_exit(0), 0);
    assert_int_equal(orb_error_exit(-9999), 1);
    assert_string_equal(orb_error_text(-9999), "an unknown error");
}

static void error_set_fills_and_returns(void **state)
{
    struct orb_error err = {.retry_after_ms = 5};

    (void)state;
    assert_int_equal(orb_error_set(NULL, ORB_E_USAGE, "%d", 1), ORB_E_USAGE);
    assert_int_equal(orb_error_set(&err, ORB_E_CONFIG, "thing %s: %d", "x", 7), ORB_E_CONFIG);
    assert_int_equal(err.code, ORB_E_CONFIG);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(orb_error_message(&err), "thing x: 7");
    orb_error_set(&err, ORB_E_CONFIG, "outer: %s", err.text);
    assert_string_equal(err.text, "outer: thing x: 7");
    orb_error_set(&err, ORB_E_NOT_FOUND, "%s", "");
    assert_string_equal(orb_error_message(&err), orb_error_text(ORB_E_NOT_FOUND));
}

static void error_text_is_clean_and_cut_at_a_character(void **state)
{
    struct orb_error err;
    char text[1200];
    size_t shift, i;

    (void)state;
    orb_error_set(&err, ORB_E_TOOL, "%s", "a\033[31m\n\xff\u202e");
    assert_string_equal(err.text, "a\\x1b[31m\\n\\xff\\u202e");
    for (shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\U0001f600", 4);
        text[i] = '\0';
        orb_error_set(&err, ORB_E_TOOL, "%s", text);
        assert_true(strlen(err.text) > sizeof(err.text) - 5);
        assert_true(orb_utf8_is_valid(err.text, strlen(err.text)));
        assert_memory_equal(err.text, text, strlen(err.text));
    }
}

static void new_ids_are_uuids(void **state)
{
    char id[33], other[33];
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        orb_id_new(id);
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strspn(id, "0123456789abcdef"), 32);
        assert_int_equal(id[12], '4');
        assert_non_null(strchr("89ab", id[16]));
        assert_true(orb_id_is_valid(id));
    }
    orb_id_new(other);
    assert_string_not_equal(id, other);
}

static void ids_are_checked(void **state)
{
    static const char *const bad[] = {"", "index", "a b", "a/b", "a:b", "a\n", "\u00fc", "{x}", "a*"};
    char longest[ORB_ID_MAX + 2];
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(bad); i++)
        assert_false(orb_id_is_valid(bad[i]));
    assert_false(orb_id_is_valid(NULL));
    assert_true(orb_id_is_valid("Az09._-"));
    assert_true(orb_id_is_valid("index2"));
    memset(longest, 'a', sizeof(longest));
    longest[ORB_ID_MAX + 1] = '\0';
    assert_false(orb_id_is_valid(longest));
    longest[ORB_ID_MAX] = '\0';
    assert_true(orb_id_is_valid(longest));
}

static void integers_are_whole_and_within(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "0x10", "1.0", "--1", "-", "11", "-11", "99999999999999999999"};
    int64_t v = 77;
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(bad); i++)
        assert_int_equal(orb_parse_int(bad[i], -10, 10, &v), ORB_E_INVALID);
    assert_int_equal(orb_parse_int(NULL, -10, 10, &v), ORB_E_INVALID);
    assert_int_equal(v, 77);
    assert_int_equal(orb_parse_int("-10", -10, 10, &v), 0);
    assert_int_equal(v, -10);
    assert_int_equal(orb_parse_int("9223372036854775807", 0, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(orb_parse_int("-9223372036854775808", INT64_MIN, 0, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(orb_parse_int("9223372036854775808", INT64_MIN, INT64_MAX, &v), ORB_E_INVALID);
}

static void reals_are_whole_and_within(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "nan", "inf", "-inf", "0x1p3", "1,5", "1.5x", "11", "1e400", "-1e400"};
    double v = 77;
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(bad); i++)
        assert_int_equal(orb_parse_real(bad[i], -10, 10, &v), ORB_E_INVALID);
    assert_int_equal(orb_parse_real("1e400", -INFINITY, INFINITY, &v), ORB_E_INVALID);
    assert_int_equal(orb_parse_real(NULL, -10, 10, &v), ORB_E_INVALID);
    assert_true(v == 77);
    assert_int_equal(orb_parse_real("-1.5", -10, 10, &v), 0);
    assert_true(v == -1.5);
    assert_int_equal(orb_parse_real("25e-1", -10, 10, &v), 0);
    assert_true(v == 2.5);
}

static void memory_is_copied_and_zeroed(void **state)
{
    char *p = orb_alloc(64), *copy;
    size_t i;

    (void)state;
    for (i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    free(p);
    copy = orb_memdup("ab\0cd", 5);
    assert_memory_equal(copy, "ab\0cd", 6);
    free(copy);
    copy = orb_memdup(NULL, 0);
    assert_string_equal(copy, "");
    free(copy);
    copy = orb_strdup("text");
    assert_string_equal(copy, "text");
    free(copy);
}

static void chance_is_within_its_range(void **state)
{
    double sum = 0;
    int i;

    (void)state;
    for (i = 0; i < 10000; i++) {
        double v = orb_random_unit();

        assert_true(v >= 0 && v < 1);
        sum += v;
    }
    assert_true(sum > 4500 && sum < 5500); /* 17 standard deviations */
}

static void clocks_run(void **state)
{
    int64_t before = orb_mono_us(), end = before + 1000;
    double wall = orb_now();

    (void)state;
    assert_true(fabs(wall - (double)time(NULL)) < 5);
    while (orb_mono_us() < end)
        ;
    assert_true(orb_mono_us() > before);
    assert_string_equal(orb_version(), ORB_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_row),
        cmocka_unit_test(error_set_fills_and_returns),
        cmocka_unit_test(error_text_is_clean_and_cut_at_a_character),
        cmocka_unit_test(new_ids_are_uuids),
        cmocka_unit_test(ids_are_checked),
        cmocka_unit_test(integers_are_whole_and_within),
        cmocka_unit_test(reals_are_whole_and_within),
        cmocka_unit_test(memory_is_copied_and_zeroed),
        cmocka_unit_test(chance_is_within_its_range),
        cmocka_unit_test(clocks_run),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
