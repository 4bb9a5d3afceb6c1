#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer a refused allocation shall return NULL, as without. */
ORB_API const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void appends_are_terminated(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, 1000);
    assert_null(b.data);
    orb_buf_add(&b, NULL, 0);
    assert_string_equal(b.data, "");
    orb_buf_str(&b, "ab");
    orb_buf_char(&b, 'c');
    orb_buf_add(&b, "d\0e", 3);
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "abcd\0e", 7);
    orb_buf_done(&b);
}

static void integers_are_exact(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, 1000);
    orb_buf_int(&b, 0);
    orb_buf_char(&b, ' ');
    orb_buf_int(&b, INT64_MAX);
    orb_buf_char(&b, ' ');
    orb_buf_int(&b, INT64_MIN);
    assert_string_equal(b.data, "0 9223372036854775807 -9223372036854775808");
    orb_buf_done(&b);
}

static void printf_grows(void **state)
{
    struct orb_buf b;
    char wide[300];

    (void)state;
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    orb_buf_init(&b, 1000);
    orb_buf_printf(&b, "%s-%d", "x", 7);
    assert_string_equal(b.data, "x-7");
    orb_buf_printf(&b, "%s", wide);
    assert_int_equal(b.len, 3 + 299);
    assert_string_equal(b.data + 3, wide);
    orb_buf_printf(&b, "%999s", "too wide");
    assert_int_equal(b.err, ORB_E_TOO_LARGE);
    orb_buf_done(&b);
}

static void maximum_is_exact_and_final(void **state)
{
    struct orb_buf b;
    int i;

    (void)state;
    orb_buf_init(&b, 100);
    for (i = 0; i < 100; i++)
        orb_buf_char(&b, 'a');
    assert_int_equal(b.err, 0);
    assert_int_equal(b.len, 100);
    assert_true(b.cap <= 101);
    orb_buf_char(&b, 'a');
    assert_int_equal(b.err, ORB_E_TOO_LARGE);
    assert_int_equal(b.len, 0);
    orb_buf_str(&b, "more");
    orb_buf_printf(&b, "%d", 1);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    assert_null(orb_buf_take(&b));
    orb_buf_drop(&b, 3);
    orb_buf_reset(&b);
    orb_buf_str(&b, "again");
    assert_int_equal(b.err, 0);
    assert_string_equal(b.data, "again");
    orb_buf_done(&b);
}

static void no_memory_is_an_error(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, SIZE_MAX);
    orb_buf_str(&b, "kept until it fails");
    assert_int_equal(orb_buf_reserve(&b, SIZE_MAX / 8), ORB_E_NOMEM);
    assert_int_equal(b.err, ORB_E_NOMEM);
    assert_int_equal(b.len, 0);
    orb_buf_reset(&b);
    assert_int_equal(orb_buf_reserve(&b, SIZE_MAX), ORB_E_TOO_LARGE);
    orb_buf_done(&b);
}

static void zero_maximum_holds_nothing(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, 0);
    orb_buf_str(&b, "");
    assert_int_equal(b.err, 0);
    assert_string_equal(b.data, "");
    orb_buf_char(&b, 'x');
    assert_int_equal(b.err, ORB_E_TOO_LARGE);
    orb_buf_done(&b);
}

static void drop_moves_the_rest(void **state)
{
    struct orb_buf b;

    (void)state;
    orb_buf_init(&b, 100);
    orb_buf_drop(&b, 5);
    orb_buf_str(&b, "headtail");
    orb_buf_drop(&b, 4);
    assert_string_equal(b.data, "tail");
    assert_int_equal(b.len, 4);
    orb_buf_drop(&b, 400);
    assert_string_equal(b.data, "");
    orb_buf_done(&b);
}

static void take_gives_the_memory_away(void **state)
{
    struct orb_buf b;
    char *text;

    (void)state;
    orb_buf_init(&b, 100);
    text = orb_buf_take(&b);
    assert_string_equal(text, "");
    free(text);
    orb_buf_str(&b, "mine");
    text = orb_buf_take(&b);
    assert_string_equal(text, "mine");
    free(text);
    assert_null(b.data);
    assert_int_equal(b.max, 100);
    orb_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_terminated),     cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(printf_grows),               cmocka_unit_test(maximum_is_exact_and_final),
        cmocka_unit_test(no_memory_is_an_error),      cmocka_unit_test(zero_maximum_holds_nothing),
        cmocka_unit_test(drop_moves_the_rest),        cmocka_unit_test(take_gives_the_memory_away),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
