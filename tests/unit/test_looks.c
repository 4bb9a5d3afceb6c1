/* What goes to the terminal without the looks that it has already: the screen is the same, and it is less. */
#include "tui/term_looks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vterm.h>

#include <cmocka.h>

enum { ROWS = 8, COLS = 20 };

struct text {
    char at[4000];
    size_t len;
};

static size_t filter(struct tui_looks *looks, const char *in, char *out)
{
    size_t n = tui_looks_filter(looks, in, strlen(in), out);
    out[n] = 0;
    return n;
}

static void test_what_is_sent(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        { "\033[mplain", "\033[0mplain" },
        { "\033[1m\033[31mred\033[m\033[1m\033[31mred", "\033[1;31mredred" },
        { "\033[39;49m\033[m", "" },
        { "\033[38;2;1;2;3m\033[48;5;7mx\033[m\033[5;5H\033[38;2;1;2;3m\033[48;5;7my", "\033[0;38;2;1;2;3;47mx\033[5;5Hy" },
        { "\033[38;2;9;9;9my", "\033[38;2;9;9;9my" },
        { "\033[1mb\033[22mn", "\033[1mb\033[22mn" },
    };
    struct tui_looks looks = { .takes_off = 1 };
    char out[4000];
    tui_looks_forget(&looks);
    assert_int_equal(filter(&looks, cases[0].in, out), strlen(cases[0].out));
    assert_string_equal(out, cases[0].out);
    for (size_t i = 1; i < 3; i++) {
        filter(&looks, cases[i].in, out);
        assert_string_equal(out, cases[i].out);
    }
    filter(&looks, "\033[mown", out); /* the terminal's own look is the shortest of all */
    assert_string_equal(out, "\033[0mown");
    filter(&looks, "\033[94m \033[K\n\033[95mz", out); /* of a blank only the background is seen */
    assert_string_equal(out, " \033[K\n\033[95mz");
    filter(&looks, "\033[4m \033[mx", out); /* and a line under it */
    assert_string_equal(out, "\033[4m \033[0mx");
    filter(&looks, "\033[1;2mb\033[22;2md", out);
    assert_string_equal(out, "\033[1;2mb\033[22;2md");
    filter(&looks, "\033[58;5;1;3mx", out); /* what curses does not send is left out */
    assert_string_equal(out, "\033[3mx");
    looks.takes_off = 0;
    filter(&looks, "\033[m\033[1mb\033[22mn", out);
    assert_string_equal(out, "\033[0;1mb\033[0mn");
    filter(&looks, "\033[", out); /* cut off */
    assert_string_equal(out, "\033[");
}

/* ---- any screen ----------------------------------------------------------------------- */

static unsigned seed = 1;

static unsigned below(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void add(struct text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    t->len += (size_t)vsnprintf(t->at + t->len, sizeof t->at - t->len, format, ap);
    va_end(ap);
}

static void add_look(struct text *t)
{
    switch (below(9)) {
    case 0: add(t, "\033[m"); break;
    case 1: add(t, "\033[39;49m\033[m"); break;
    case 2: add(t, "\033[%um", 30 + below(8)); break;
    case 3: add(t, "\033[%um", 100 + below(8)); break;
    case 4: add(t, "\033[38;5;%um", below(256)); break;
    case 5: add(t, "\033[48;2;%u;%u;%um", below(3), below(3), below(3)); break;
    case 6: add(t, "\033[%u;%um", below(2) ? 1 : 3, below(2) ? 4 : 7); break;
    case 7: add(t, "\033[%um", below(2) ? 22 : below(2) ? 24 : 27); break;
    default: add(t, "\033[0;1;38;5;%u;4%um", below(20), below(8)); break;
    }
}

static void add_any(struct text *t)
{
    switch (below(12)) {
    case 0: add(t, "\033[%u;%uH", 1 + below(ROWS), 1 + below(COLS)); break;
    case 1: add(t, "\033[K"); break;
    case 2: add(t, "\033[%u;%ur\033[%uH\n\033[r", 1 + below(3), 4 + below(4), 1 + below(ROWS)); break;
    case 3: add(t, "\0337\033[3;3H\0338"); break;
    case 4: add(t, "\r%s", below(2) ? "\b" : "\033M"); break;
    case 5: add(t, "     "); break;
    case 6: add(t, "%s", below(2) ? "\033[2L" : "\033[J"); break;
    case 7: add(t, "h\xc3\xa9\xe6\x97\xa5"); break;
    default: add_look(t); add(t, "%c%s", 'a' + below(26), below(2) ? " " : ""); break;
    }
}

static VTerm *terminal(void)
{
    VTerm *vt = vterm_new(ROWS, COLS);
    vterm_set_utf8(vt, 1);
    vterm_screen_reset(vterm_obtain_screen(vt), 1);
    return vt;
}

static int is_same(const VTermScreenCell *a, const VTermScreenCell *b)
{
    unsigned c = a->chars[0] ? a->chars[0] : ' ', d = b->chars[0] ? b->chars[0] : ' ';
    if (c == UINT32_MAX && d == UINT32_MAX) /* the right half of a wide one, whose look is that of the left one */
        return 1;
    int is_blank = c == ' ' && !a->attrs.underline && !a->attrs.reverse;
    return c == d && vterm_color_is_equal(&a->bg, &b->bg) && a->attrs.underline == b->attrs.underline && a->attrs.reverse == b->attrs.reverse &&
           (is_blank || (vterm_color_is_equal(&a->fg, &b->fg) && a->attrs.bold == b->attrs.bold && a->attrs.italic == b->attrs.italic));
}

static void expect_same(VTerm *want, VTerm *got, const char *frame)
{
    for (int row = 0; row < ROWS; row++)
        for (int col = 0; col < COLS; col++) {
            VTermScreenCell a, b;
            vterm_screen_get_cell(vterm_obtain_screen(want), (VTermPos){ row, col }, &a);
            vterm_screen_get_cell(vterm_obtain_screen(got), (VTermPos){ row, col }, &b);
            if (!is_same(&a, &b))
                fail_msg("row %d, column %d is another one after %s", row, col, frame);
        }
}

static void test_the_screen_is_the_same(void **state)
{
    (void)state;
    static char out[TUI_LOOKS_ROOM(4000)];
    size_t in_all = 0, out_all = 0;
    for (int round = 0; round < 200; round++) {
        VTerm *want = terminal(), *got = terminal();
        struct tui_looks looks = { .takes_off = round % 2 };
        tui_looks_forget(&looks);
        for (int frame = 0; frame < 20; frame++) {
            struct text t = { "", 0 };
            for (unsigned i = below(60); i < 60; i++)
                add_any(&t);
            add(&t, "\033[m");
            size_t n = tui_looks_filter(&looks, t.at, t.len, out);
            assert_true(n <= TUI_LOOKS_ROOM(t.len));
            vterm_input_write(want, t.at, t.len);
            vterm_input_write(got, out, n);
            expect_same(want, got, t.at);
            in_all += t.len;
            out_all += n;
        }
        vterm_free(want);
        vterm_free(got);
    }
    assert_true(out_all < in_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_sent), cmocka_unit_test(test_the_screen_is_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
