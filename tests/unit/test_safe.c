#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include <string.h>

static void expect(const char *src, size_t len, int flags, const char *want)
{
    char out[256];

    memset(out, '#', sizeof(out));
    assert_int_equal(orb_safe_text(src, len, flags, out, sizeof(out)), len);
    assert_string_equal(out, want);
}

#define EXPECT(src, want) expect(src, sizeof(src) - 1, ORB_SAFE_TEXT, want)

static void ordinary_text_is_kept(void **state)
{
    (void)state;
    EXPECT("", "");
    EXPECT("two\n\tlines, back\\slash", "two\n\tlines, back\\slash");
    EXPECT("Gr\u00fc\u00dfe \u65e5\u672c \U0001f600 e\u0301 \u2764\ufe0f \u05d0", "Gr\u00fc\u00dfe \u65e5\u672c \U0001f600 e\u0301 \u2764\ufe0f \u05d0");
}

static void terminal_controls_become_marks(void **state)
{
    (void)state;
    EXPECT("\033]52;c;eA==\007", "\\x1b]52;c;eA==\\x07");
    EXPECT("a\rb\bc\177d", "a\\x0db\\x08c\\x7fd");
    EXPECT("nul\0nul", "nul\\x00nul");
    EXPECT("\xc2\x9b" "31m", "\\u009b31m"); /* CSI as a code point */
    EXPECT("\x9b" "31m", "\\x9b31m");       /* and as a raw byte */
}

static void hidden_characters_become_marks(void **state)
{
    (void)state;
    EXPECT("a\u202eb\u2066c\u200fd\u061ce", "a\\u202eb\\u2066c\\u200fd\\u061ce");
    EXPECT("a\u200bb\u200dc\ufeffd\u2060e\u00adf", "a\\u200bb\\u200dc\\ufeffd\\u2060e\\u00adf");
    EXPECT("x\u2028y\u2029z", "x\\u2028y\\u2029z");
    EXPECT("\U000e0041\U000e007f\U000e0100", "\\U000e0041\\U000e007f\\U000e0100");
}

static void invalid_bytes_become_marks(void **state)
{
    (void)state;
    EXPECT("a\xff" "b\xc3", "a\\xffb\\xc3");
    EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");
    EXPECT("\xe2\x82x", "\\xe2\\x82x");
}

static void a_line_stays_one_line(void **state)
{
    (void)state;
    expect("a\tb\nc", 5, ORB_SAFE_LINE, "a\\tb\\nc");
}

/* Shown in pieces of any size, the pieces together are the whole. */
static void pieces_make_the_whole(void **state)
{
    static const char src[] = "plain \033[0m \u202e gr\u00fc\u00df \U0001f600 \xff \U000e0041 end";
    const size_t len = sizeof(src) - 1;
    char whole[256], joined[256], piece[64];
    size_t cap;

    (void)state;
    assert_int_equal(orb_safe_text(src, len, ORB_SAFE_TEXT, whole, sizeof(whole)), len);
    for (cap = 16; cap <= sizeof(piece); cap++) {
        size_t at = 0;

        joined[0] = '\0';
        while (at < len) {
            size_t used = orb_safe_text(src + at, len - at, ORB_SAFE_TEXT, piece, cap);

            assert_true(used > 0);
            assert_true(strlen(piece) < cap);
            assert_true(orb_utf8_is_valid(piece, strlen(piece)));
            strcat(joined, piece);
            at += used;
        }
        assert_string_equal(joined, whole);
    }
}

static void small_room_splits_nothing(void **state)
{
    char out[6];

    (void)state;
    assert_int_equal(orb_safe_text("abc", 3, ORB_SAFE_TEXT, out, 1), 0);
    assert_string_equal(out, "");
    assert_int_equal(orb_safe_text("abcdefgh", 8, ORB_SAFE_TEXT, out, sizeof(out)), 5);
    assert_string_equal(out, "abcde");
    assert_int_equal(orb_safe_text("abcd\u00fc", 6, ORB_SAFE_TEXT, out, sizeof(out)), 4);
    assert_string_equal(out, "abcd");
    assert_int_equal(orb_safe_text("ab\033", 3, ORB_SAFE_TEXT, out, sizeof(out)), 2);
    assert_string_equal(out, "ab");
}

static void columns_are_counted(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
    } rows[] = {
        {"", 0},          {"hello", 5},     {"Gr\u00fc\u00dfe", 5}, {"e\u0301", 1},      {"\u65e5\u672c", 4},
        {"\uff21", 2},    {"\uff71", 1},    {"\U0001f600", 2},      {"\u2764\ufe0f", 1}, {"\u1112\u1161\u11ab", 2},
        {"\ud55c", 2},    {"a\u200bb", 2},  {"\t\n\x1b", 0},        {"\xff\xc3", 0},     {"\u0e01\u0e34", 1},
        {"\u2502\u2588", 2}, {"\u0416", 1}, {"\U00020000", 2},      {"\u20ac", 1},       {"\U0001fae0", 2},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++)
        assert_int_equal(orb_text_columns(rows[i].text, strlen(rows[i].text)), rows[i].columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_text_is_kept),          cmocka_unit_test(terminal_controls_become_marks),
        cmocka_unit_test(hidden_characters_become_marks), cmocka_unit_test(invalid_bytes_become_marks),
        cmocka_unit_test(a_line_stays_one_line),          cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(small_room_splits_nothing),      cmocka_unit_test(columns_are_counted),
    };

    return cmocka_run_group_tests_name("safe", tests, NULL, NULL);
}
