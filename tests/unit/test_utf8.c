#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include <string.h>

static void every_character_survives(void **state)
{
    uint32_t cp, back;
    char text[4];

    (void)state;
    for (cp = 0; cp <= 0x10ffff; cp++) {
        size_t n;

        if (cp >= 0xd800 && cp <= 0xdfff)
            continue;
        n = orb_utf8_encode(cp, text);
        assert_int_equal(n, cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
        assert_int_equal(orb_utf8_decode(text, n, &back), n);
        assert_int_equal(back, cp);
        if (n > 1)
            assert_int_equal(orb_utf8_decode(text, n - 1, &back), 0);
    }
}

static void what_is_no_character_becomes_a_replacement(void **state)
{
    static const uint32_t none[] = {0xd800, 0xdfff, 0x110000, 0xffffffff};
    char text[4];
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(none); i++) {
        assert_int_equal(orb_utf8_encode(none[i], text), 3);
        assert_memory_equal(text, "\xef\xbf\xbd", 3);
    }
}

static void invalid_bytes_are_refused(void **state)
{
    static const char *const bad[] = {
        "\x80",             "\xbf",             "\xc0\x80",         "\xc1\xbf",     "\xc3(",
        "\xe0\x80\x80",     "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xed\xbf\xbf", "\xe2\x82(",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "\xfe",             "\xf8\x88\x80\x80\x80",
    };
    uint32_t cp = 77;
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(bad); i++) {
        assert_int_equal(orb_utf8_decode(bad[i], strlen(bad[i]), &cp), 0);
        assert_false(orb_utf8_is_valid(bad[i], strlen(bad[i])));
    }
    assert_int_equal(orb_utf8_decode("a", 0, &cp), 0);
    assert_int_equal(cp, 77);
}

static void check_names_the_first_bad_byte(void **state)
{
    char text[64];
    size_t at;

    (void)state;
    for (at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        assert_int_equal(orb_utf8_check(text, sizeof(text)), sizeof(text));
        text[at] = '\x9f';
        assert_int_equal(orb_utf8_check(text, sizeof(text)), at);
    }
    assert_int_equal(orb_utf8_check("gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x98\x80 \xe2\x82", 15), 13);
    assert_true(orb_utf8_is_valid("", 0));
    assert_true(orb_utf8_is_valid("a\0b", 3));
}

static void truncation_keeps_characters_whole(void **state)
{
    static const char text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1 2 3 4 1 bytes */
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    size_t cap;

    (void)state;
    for (cap = 0; cap < ORB_COUNT(want); cap++)
        assert_int_equal(orb_utf8_truncate(text, sizeof(text) - 1, cap), want[cap]);
    assert_int_equal(orb_utf8_truncate("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
    assert_int_equal(orb_utf8_truncate("ab\x80\x80", 4, 3), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_survives),
        cmocka_unit_test(what_is_no_character_becomes_a_replacement),
        cmocka_unit_test(invalid_bytes_are_refused),
        cmocka_unit_test(check_names_the_first_bad_byte),
        cmocka_unit_test(truncation_keeps_characters_whole),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
