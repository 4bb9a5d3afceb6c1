/* The grid of cells: whatever is put into it, borders stay where they are and no control byte is in a cell. */
#include "base/base.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tui/cells.h"

#define FAMILY "\U0001f468\u200d\U0001f469\u200d\U0001f467" /* joined by U+200D, which is shown as a mark */
#define FLAG "\U0001f1e9\U0001f1ea"
#define THUMB "\U0001f44d\U0001f3fd"
#define HEART "\u2764\ufe0f"
#define KEYCAP "1\ufe0f\u20e3"

static struct tui_grid *line_of(int cols)
{
    return tui_grid_new(1, cols);
}

static void expect_text(const struct tui_grid *grid, const char *want)
{
    char *text = tui_grid_text(grid);
    assert_string_equal(text, want);
    free(text);
}

/* What the grid promises, whatever is in it. */
static void expect_whole(struct tui_grid *grid)
{
    for (int row = 0; row < grid->rows; row++)
        for (int col = 0; col < grid->cols; col++) {
            const struct tui_cell *cell = tui_grid_at(grid, row, col);
            size_t len = strlen(cell->text);
            uint32_t cp;
            assert_true(orb_utf8_is_valid(cell->text, len));
            for (size_t at = 0; at < len;) {
                at += orb_utf8_decode(cell->text + at, len - at, &cp);
                assert_true(cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0));
                assert_false(cp >= 0x200b && cp <= 0x200f);
                assert_false(cp >= 0x2028 && cp <= 0x202e);
                assert_false(cp >= 0x2066 && cp <= 0x2069);
            }
            if (cell->width == 0) {
                assert_int_equal(len, 0);
                assert_true(col > 0 && tui_grid_at(grid, row, col - 1)->width == 2);
            } else
                assert_true(len > 0);
            if (cell->width == 2)
                assert_true(col + 1 < grid->cols && tui_grid_at(grid, row, col + 1)->width == 0);
        }
}

static void a_new_grid_is_blank(void **state)
{
    struct tui_grid *grid = tui_grid_new(2, 3);
    (void)state;
    expect_whole(grid);
    expect_text(grid, "\n\n");
    assert_int_equal(grid->cursor_row, -1);
    assert_int_equal(tui_grid_at(grid, 1, 2)->role, TUI_TEXT);
    assert_int_equal(tui_grid_at(grid, 1, 2)->layer, TUI_ON_PLAIN);
    assert_null(tui_grid_at(grid, 2, 0));
    assert_null(tui_grid_at(grid, 0, 3));
    assert_null(tui_grid_at(grid, -1, 0));
    tui_grid_free(grid);
    tui_grid_free(NULL);
}

static void text_and_role_go_in(void **state)
{
    struct tui_grid *grid = tui_grid_new(2, 10);
    (void)state;
    assert_int_equal(tui_put(grid, 0, 2, 8, TUI_FAILED, "ab\u00fc", 4), 5);
    assert_int_equal(tui_putf(grid, 1, 0, 10, TUI_DIM, "%d of %s", 3, "7"), 6);
    expect_text(grid, "  ab\u00fc\n3 of 7\n");
    assert_int_equal(tui_grid_at(grid, 0, 2)->role, TUI_FAILED);
    assert_int_equal(tui_grid_at(grid, 0, 1)->role, TUI_TEXT);
    tui_put_right(grid, 1, 2, 8, TUI_TEXT, "12", 2);
    expect_text(grid, "  ab\u00fc\n3 of 7  12\n");
    tui_put_right(grid, 1, 0, 4, TUI_TEXT, "123456", 6);
    expect_text(grid, "  ab\u00fc\n1234 7  12\n");
    tui_grid_clear(grid);
    expect_text(grid, "\n\n");
    tui_grid_free(grid);
}

static void a_long_format_is_whole(void **state)
{
    struct tui_grid *grid = line_of(2000);
    char *text = malloc(1600);
    (void)state;
    memset(text, 'x', 1599);
    text[1599] = '\0';
    assert_int_equal(tui_putf(grid, 0, 0, 2000, TUI_TEXT, "%s!", text), 1600);
    assert_string_equal(tui_grid_at(grid, 0, 1599)->text, "!");
    free(text);
    tui_grid_free(grid);
}

static void what_is_longer_is_cut(void **state)
{
    struct tui_grid *grid = line_of(10);
    (void)state;
    assert_int_equal(tui_put(grid, 0, 0, 3, TUI_TEXT, "abcdef", 6), 3);
    expect_text(grid, "abc\n");
    assert_int_equal(tui_put_cut(grid, 0, 0, 3, TUI_TEXT, "abcdef", 6), 3);
    expect_text(grid, "ab>\n");
    assert_int_equal(tui_put_cut(grid, 0, 0, 6, TUI_TEXT, "abcdef", 6), 6);
    expect_text(grid, "abcdef\n");
    assert_int_equal(tui_put_cut(grid, 0, 4, 0, TUI_TEXT, "xyz", 3), 4);
    assert_int_equal(tui_put(grid, 0, 4, -2, TUI_TEXT, "xyz", 3), 4);
    expect_text(grid, "abcdef\n");
    tui_grid_free(grid);
}

static void a_wide_cluster_is_never_cut_in_half(void **state)
{
    struct tui_grid *grid = line_of(6);
    (void)state;
    assert_int_equal(tui_put(grid, 0, 0, 3, TUI_TEXT, "\u65e5\u672c", 6), 3);
    tui_put(grid, 0, 3, 1, TUI_TEXT, "|", 1);
    expect_text(grid, "\u65e5 |\n");
    tui_grid_clear(grid);
    assert_int_equal(tui_put_cut(grid, 0, 0, 4, TUI_TEXT, "\u65e5\u672c\u8a9e", 9), 4);
    expect_text(grid, "\u65e5 >\n");
    expect_whole(grid);
    tui_grid_free(grid);
}

static void what_covers_a_half_blanks_the_other(void **state)
{
    struct tui_grid *grid = line_of(4);
    (void)state;
    tui_put(grid, 0, 0, 4, TUI_TEXT, "\u65e5\u672c", 6);
    tui_put(grid, 0, 1, 1, TUI_TEXT, "x", 1);
    tui_put(grid, 0, 2, 1, TUI_TEXT, "y", 1);
    expect_text(grid, " xy\n");
    expect_whole(grid);
    tui_put(grid, 0, 0, 4, TUI_TEXT, "\u65e5\u672c", 6);
    tui_put(grid, 0, 1, 2, TUI_TEXT, "\u8a9e", 3);
    expect_text(grid, " \u8a9e\n");
    expect_whole(grid);
    tui_grid_free(grid);
}

static void nothing_outside_is_written(void **state)
{
    struct tui_grid *grid = tui_grid_new(2, 4);
    (void)state;
    tui_put(grid, -1, 0, 4, TUI_TEXT, "above", 5);
    tui_put(grid, 2, 0, 4, TUI_TEXT, "below", 5);
    assert_int_equal(tui_put(grid, 0, -2, 9, TUI_TEXT, "abcdefghi", 9), 7);
    tui_put(grid, 1, -1, 9, TUI_TEXT, "\u65e5\u672c\u8a9e", 9);
    expect_text(grid, "cdef\n \u672c\n");
    expect_whole(grid);
    tui_fill(grid, (struct tui_rect){-5, -5, 20, 20}, TUI_BORDER, "\u2500");
    tui_layer(grid, (struct tui_rect){1, 2, 9, 9}, TUI_ON_CURSOR);
    tui_fill(grid, (struct tui_rect){9, 9, 2, 2}, TUI_TEXT, "x");
    expect_text(grid, "\u2500\u2500\u2500\u2500\n\u2500\u2500\u2500\u2500\n");
    assert_int_equal(tui_grid_at(grid, 1, 1)->layer, TUI_ON_PLAIN);
    assert_int_equal(tui_grid_at(grid, 1, 2)->layer, TUI_ON_CURSOR);
    assert_int_equal(tui_grid_at(grid, 0, 3)->layer, TUI_ON_PLAIN);
    tui_grid_free(grid);
}

static void text_keeps_the_layer_below(void **state)
{
    struct tui_grid *grid = line_of(4);
    (void)state;
    tui_layer(grid, (struct tui_rect){0, 0, 1, 4}, TUI_ON_BAR);
    tui_put(grid, 0, 1, 2, TUI_KEY, "\u65e5", 3);
    for (int col = 0; col < 4; col++)
        assert_int_equal(tui_grid_at(grid, 0, col)->layer, TUI_ON_BAR);
    tui_grid_free(grid);
}

static void a_wide_fill_is_whole(void **state)
{
    struct tui_grid *grid = line_of(5);
    (void)state;
    tui_fill(grid, (struct tui_rect){0, 0, 1, 5}, TUI_TEXT, "\u65e5");
    expect_text(grid, "\u65e5\u65e5\n");
    tui_fill(grid, (struct tui_rect){0, 0, 1, 5}, TUI_TEXT, "");
    expect_text(grid, "\n");
    expect_whole(grid);
    tui_grid_free(grid);
}

static void clusters_have_one_width(void **state)
{
    static const struct {
        const char *text;
        int columns;
    } rows[] = {
        {"", 0}, {"abc", 3}, {"\u65e5\u672c\u8a9e", 6}, {"e\u0301", 1}, {"\u1112\u1161\u11ab", 2}, {"\ud55c", 2}, {"\uff71", 1},
        {FLAG, 2}, {THUMB, 2}, {HEART, 2}, {KEYCAP, 2}, {"\u2764", 1}, {"\U0001f600", 2},
        {FLAG FLAG, 4}, {"a\ufe0f", 1}, {"\u0e01\u0e33", 2}, {"\u0915\u093e", 2}, {"\u0915\u094d\u0937", 2}, {"\u0301", 1}, {"x\u0301\u0301\u0301", 1},
        {"\u05e9\u05c1\u05dc\u05d5\u05dd", 4}, {FAMILY, 18}, {"\t", 2}, {"\033[1m", 7}, {"\xff", 4}, {"\u202e", 6},
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct tui_grid *grid = line_of(24);
        size_t len = strlen(rows[i].text);
        if (tui_columns(rows[i].text, len) != rows[i].columns)
            fail_msg("row %zu: %d columns, not %d", i, tui_columns(rows[i].text, len), rows[i].columns);
        assert_int_equal(tui_put(grid, 0, 0, 24, TUI_TEXT, rows[i].text, len), rows[i].columns);
        expect_whole(grid);
        tui_grid_free(grid);
    }
}

static void a_cluster_is_in_one_cell(void **state)
{
    struct tui_grid *grid = line_of(10);
    (void)state;
    tui_put(grid, 0, 0, 10, TUI_TEXT, THUMB "e\u0301" FLAG, strlen(THUMB "e\u0301" FLAG));
    assert_string_equal(tui_grid_at(grid, 0, 0)->text, THUMB);
    assert_string_equal(tui_grid_at(grid, 0, 2)->text, "e\u0301");
    assert_string_equal(tui_grid_at(grid, 0, 3)->text, FLAG);
    tui_put(grid, 0, 0, 10, TUI_TEXT, "\u0301|", 3); /* nothing to stand on: not on what is left of it */
    assert_string_equal(tui_grid_at(grid, 0, 0)->text, "\u25cc\u0301");
    assert_string_equal(tui_grid_at(grid, 0, 1)->text, "|");
    tui_grid_free(grid);
}

/* A tower of marks, longer than a cell and than any buffer in between. */
static void of_a_long_cluster_the_base_is_kept(void **state)
{
    static const size_t heights[] = {14, 15, 16, 100, 250, 253, 254, 255, 256, 300, 5000};
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(heights); i++) {
        struct tui_grid *grid = line_of(10);
        char *text = malloc(3 + 2 * heights[i] + 1);
        memcpy(text, "\u65e5", 3);
        for (size_t n = 0; n < heights[i]; n++)
            memcpy(text + 3 + 2 * n, "\u0301", 2);
        text[3 + 2 * heights[i]] = '|';
        size_t len = 3 + 2 * heights[i] + 1;
        assert_int_equal(tui_put(grid, 0, 0, 10, TUI_TEXT, text, len), 3);
        assert_int_equal(strlen(tui_grid_at(grid, 0, 0)->text), heights[i] == 14 ? 31 : 3);
        assert_string_equal(tui_grid_at(grid, 0, 2)->text, "|");
        int used;
        assert_int_equal(tui_fit(text, len, 2, &used), len - 1);
        assert_int_equal(used, 2);
        expect_whole(grid);
        free(text);
        tui_grid_free(grid);
    }
}

/* Pieces of any size make the same cells: clusters that lie over their borders are whole. */
static void where_text_is_cut_into_pieces_does_not_show(void **state)
{
    static const char *const parts[] = {"\u65e5", "e\u0301\u0302", THUMB, FLAG, HEART, "\033", "ab"};
    char text[2048];
    (void)state;
    for (size_t part = 0; part < ORB_COUNT(parts); part++)
        for (size_t shift = 0; shift < 32; shift++) {
            size_t len = 0, n = strlen(parts[part]);
            int columns = tui_columns(parts[part], n), want = (int)shift;
            for (; len < shift; len++)
                text[len] = 'x';
            for (; len + n < sizeof text; len += n, want += columns)
                memcpy(text + len, parts[part], n);
            assert_int_equal(tui_columns(text, len), want);
        }
}

static void what_fits_is_whole_clusters(void **state)
{
    int used;
    (void)state;
    assert_int_equal(tui_fit("abc", 3, 2, &used), 2);
    assert_int_equal(used, 2);
    assert_int_equal(tui_fit("\u65e5\u672c", 6, 3, &used), 3);
    assert_int_equal(used, 2);
    assert_int_equal(tui_fit("xe\u0301y", 5, 2, &used), 4);
    assert_int_equal(used, 2);
    assert_int_equal(tui_fit("\u65e5", 3, 1, &used), 0);
    assert_int_equal(used, 0);
    assert_int_equal(tui_fit("ab\ncd", 5, 9, &used), 2); /* a line ends there */
    assert_int_equal(tui_fit("", 0, 9, &used), 0);
}

static void expect_safe(const char *text, size_t len, const char *want)
{
    size_t n;
    char *safe = tui_safe(text, len, &n);
    assert_string_equal(safe, want);
    assert_int_equal(n, strlen(want));
    free(safe);
}

static void text_of_a_pane_is_made_safe(void **state)
{
    char bytes[4096], want[4 * sizeof bytes + 1];
    (void)state;
    expect_safe("", 0, "");
    expect_safe("two\nlines", 9, "two\nlines");
    expect_safe("a\tb\n\tc", 6, "a       b\n        c");
    expect_safe("\u65e5\tb", 5, "\u65e5      b");
    expect_safe("1234567\t8\t", 10, "1234567 8       ");
    expect_safe("\033]0;t\007\t|", 8, "\\x1b]0;t\\x07    |");
    expect_safe("a\0b\xff", 4, "a\\x00b\\xff");
    memset(bytes, 0xff, sizeof bytes); /* what grows most */
    for (size_t i = 0; i < sizeof bytes; i++)
        memcpy(want + 4 * i, "\\xff", 5);
    expect_safe(bytes, sizeof bytes, want);
}

/* What models can write, between two borders: these stay straight, and nothing but text is in the cells. */
static void hostile_text_stays_between_its_borders(void **state)
{
    static const char *const corpus[] = {
        "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u6587\u7ae0\u3067\u3059\u3002\uff21\uff22\uff23 half \uff71\uff72\uff73",
        FAMILY FAMILY " and \U0001f3f3\ufe0f\u200d\U0001f308",
        THUMB FLAG FLAG HEART KEYCAP "\U0001f9d1\U0001f3fb" "\u00a9\ufe0f \U0001f1e9 alone",
        "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA\u0363\u0364",
        "\u0301\u0301starts with marks", "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 abc", "\u202eevil\u202c \u2066x\u2069 \u200f \u061c",
        "\u0915\u094d\u0937\u0940 \u0e01\u0e33 \u1112\u1161\u11ab \u1100\u1100\u1161", "\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
        "\033]52;c;aGk=\007\033]0;owned\033\\", "\033[2J\033[H\033[?1049l\033c\033P$q\"p\033\\", "\x9b" "31m\x9d" "0;t\x9c\xc2\x9b" "2J", "\r\n\t\b\b\b\a\v\f\177\x0e\x0f",
        "\u2028\u2029\ufeff\u00ad\u200b\u2060\U000e0041\u115f\u3164", "\U0001f469\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030d\u030e\u030f",
        "\ue0b0\ue0b1 \U000f0000 \ufdd0 \ufffe \U0010ffff",
    };
    struct tui_grid *grid = tui_grid_new((int)ORB_COUNT(corpus), 30);
    (void)state;
    for (int width = 1; width < 28; width++) {
        tui_grid_clear(grid);
        for (size_t i = 0; i < ORB_COUNT(corpus); i++) {
            int row = (int)i, end;
            tui_put(grid, row, 0, 1, TUI_BORDER, "\u2502", 3);
            end = (i + (size_t)width) % 2 ? tui_put(grid, row, 1, width, TUI_TEXT, corpus[i], strlen(corpus[i]))
                                          : tui_put_cut(grid, row, 1, width, TUI_TEXT, corpus[i], strlen(corpus[i]));
            assert_in_range(end, 2, 1 + width);
            tui_put(grid, row, 1 + width, 1, TUI_BORDER, "\u2502", 3);
        }
        expect_whole(grid);
        for (size_t i = 0; i < ORB_COUNT(corpus); i++)
            for (int col = 0; col < 30; col++) {
                const struct tui_cell *cell = tui_grid_at(grid, (int)i, col);
                if (col == 0 || col == 1 + width)
                    assert_string_equal(cell->text, "\u2502");
                else if (col > 1 + width)
                    assert_string_equal(cell->text, " ");
            }
    }
    tui_grid_free(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_grid_is_blank),
        cmocka_unit_test(text_and_role_go_in),
        cmocka_unit_test(a_long_format_is_whole),
        cmocka_unit_test(what_is_longer_is_cut),
        cmocka_unit_test(a_wide_cluster_is_never_cut_in_half),
        cmocka_unit_test(what_covers_a_half_blanks_the_other),
        cmocka_unit_test(nothing_outside_is_written),
        cmocka_unit_test(text_keeps_the_layer_below),
        cmocka_unit_test(a_wide_fill_is_whole),
        cmocka_unit_test(clusters_have_one_width),
        cmocka_unit_test(a_cluster_is_in_one_cell),
        cmocka_unit_test(of_a_long_cluster_the_base_is_kept),
        cmocka_unit_test(where_text_is_cut_into_pieces_does_not_show),
        cmocka_unit_test(what_fits_is_whole_clusters),
        cmocka_unit_test(text_of_a_pane_is_made_safe),
        cmocka_unit_test(hostile_text_stays_between_its_borders),
    };

    return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
