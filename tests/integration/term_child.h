/* What the tests of the terminal run in one: this test program again, which shows scenes and says what it was told. */
#ifndef TESTS_TERM_CHILD_H
#define TESTS_TERM_CHILD_H

#include "base/base.h"
#include "base/utf8.h"

#include <locale.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/child.h"
#include "support/terminal.h"
#include "tui/term.h"

enum { CHILD_GONE = 9, CHILD_NO_TERMINAL = 8, SCENE_HOSTILE = 1, SCENE_WIDE = 2, SCENE_TABLE = 10, SCENE_RANDOM = 100 };

static const char *const hostile[] = {
    "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u6587\u7ae0\u3067\u3059 \uff21\uff22 half \uff71\uff72",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd\U0001f1e9\U0001f1ea\u2764\ufe0f" "1\ufe0f\u20e3x",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u0334\u0319\u0324A\u0363\u0364 e\u0301\u0301 \u0301start",
    "\u05e9\u05c1\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eevil\u202c \u2066x\u2069",
    "\u0915\u094d\u0937\u0940 \u0e01\u0e33\u0e01\u0e34 \u1112\u1161\u11ab \u1100\u1161",
    "\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
    "\033]52;c;aGk=\007\033]0;owned\033\\\033[2J\033[H\033[?1049l\033c\033P$q\"p\033\\",
    "\x9b" "31m\x9d" "0;t\x9c\xc2\x9b" "2J\r\n\t\b\a\v\f\177\x0e",
    "\u2028\u2029\ufeff\u00ad\u200b\U000e0041\ue0b0\U000f0000\ufdd0 \U0001f9d1\U0001f3fb \u00a9\ufe0f\u26a0\ufe0f!",
};
static const char *const pieces[] = {"a", "xyz", "\u2500", "\u2502", "\u00e9", "e\u0301", "\u65e5", "\u672c\u8a9e", "\U0001f600", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", " ", "   ", "\u0e01\u0e33", "\u25cf"};

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16 & 0x7fff;
}

/* A scene grows from the one before by some pieces, so that all kinds come to stand over all others. */
static void draw_random(struct tui_grid *grid, int steps)
{
    unsigned seed = 42;
    for (int i = 0; i < steps * 12; i++) {
        int row = (int)(next_random(&seed) % (unsigned)grid->rows), col = (int)(next_random(&seed) % (unsigned)grid->cols) - 1;
        const char *text = pieces[next_random(&seed) % ORB_COUNT(pieces)];
        enum tui_role role = (enum tui_role)(next_random(&seed) % TUI_ROLE_COUNT);
        enum tui_layer layer = (enum tui_layer)(next_random(&seed) % TUI_LAYER_COUNT);
        tui_put(grid, row, col, grid->cols, role, text, strlen(text));
        tui_layer(grid, (struct tui_rect){row, col, 1, 3}, layer);
    }
}

static void draw_hostile(struct tui_grid *grid)
{
    for (int row = 0; row < (int)ORB_COUNT(hostile) && row < grid->rows; row++) {
        tui_put(grid, row, 0, 1, TUI_BORDER, "\u2502", 3);
        tui_put(grid, row, 1, grid->cols - 2, TUI_TEXT, hostile[row], strlen(hostile[row]));
        tui_put(grid, row, grid->cols - 1, 1, TUI_BORDER, "\u2502", 3);
    }
}

/* Wide characters at every column, and at the edge. */
static void draw_wide(struct tui_grid *grid)
{
    for (int row = 0; row < grid->rows - 1; row++)
        for (int col = row % 2; col < grid->cols; col += 2)
            tui_put(grid, row, col, 2, row % 3 ? TUI_RUNNING : TUI_TEXT, "\u8a9e", 3);
    grid->cursor_row = 1;
    grid->cursor_col = 3;
}

/* What an operator looks at; the scene's number says where the cursor is. */
static void draw_table(struct tui_grid *grid, int cursor)
{
    tui_put(grid, 0, 0, grid->cols, TUI_COLUMN, "ID        STATE      AGENT    QUEUE    WORKER     TRY    AGE    TOK  ERROR", 73);
    tui_layer(grid, (struct tui_rect){0, 0, 1, grid->cols}, TUI_ON_HEAD);
    for (int row = 1; row < grid->rows - 1; row++) {
        enum tui_role state = (enum tui_role)(TUI_PENDING + row % 6);
        tui_putf(grid, row, 0, 8, TUI_DIM, "%08x", row * 1234567u);
        tui_putf(grid, row, 10, 11, state, "%s", tui_role_name(state) + 6);
        tui_putf(grid, row, 21, 44, TUI_TEXT, "planner  default  w-%02d@gpu2  1/3  %2dm%02ds  %5d", row, row * 7 % 60, row * 13 % 60, row * 917);
        tui_putf(grid, row, 66, 14, TUI_ERROR, "%s", state == TUI_FAILED ? "529 overloaded" : "");
        tui_layer(grid, (struct tui_rect){row, 0, 1, grid->cols}, row == cursor ? TUI_ON_CURSOR : TUI_ON_PLAIN);
    }
}

static void draw_roles(struct tui_grid *grid)
{
    for (int role = 0; role < TUI_ROLE_COUNT; role++)
        for (int layer = 0; layer < TUI_LAYER_COUNT; layer++) {
            int row = role % (grid->rows - 1), col = (role / (grid->rows - 1) * TUI_LAYER_COUNT + layer) * 8;
            tui_putf(grid, row, col, 7, (enum tui_role)role, "%-7.7s", tui_role_name((enum tui_role)role));
            tui_layer(grid, (struct tui_rect){row, col, 1, 7}, (enum tui_layer)layer);
        }
}

static struct tui_grid *draw(int rows, int cols, int scene, const char *said)
{
    struct tui_grid *grid = tui_grid_new(rows, cols);
    if (scene >= SCENE_RANDOM)
        draw_random(grid, scene - SCENE_RANDOM + 1);
    else if (scene == SCENE_HOSTILE)
        draw_hostile(grid);
    else if (scene >= SCENE_TABLE)
        draw_table(grid, scene - SCENE_TABLE);
    else if (scene == SCENE_WIDE)
        draw_wide(grid);
    else if (scene == 0)
        draw_roles(grid);
    if (scene < SCENE_RANDOM) {
        tui_fill(grid, (struct tui_rect){rows - 1, 0, 1, cols}, TUI_TEXT, " ");
        tui_putf(grid, rows - 1, 0, cols, TUI_TEXT, "%s", said);
    }
    return grid;
}

static void say(const struct tui_input *input, char *said, size_t cap)
{
    static const char *const mouse[] = {"press", "drag", "release", "up", "down"};
    if (input->kind == TUI_INPUT_KEY)
        snprintf(said, cap, "key %s <%.*s>", input->key, (int)input->len, input->text ? input->text : "");
    else if (input->kind == TUI_INPUT_PASTE)
        snprintf(said, cap, "paste %zu <%.*s>", input->len, (int)input->len, input->text);
    else if (input->kind == TUI_INPUT_MOUSE)
        snprintf(said, cap, "mouse %s%s %d at %d,%d", input->key, mouse[input->mouse], input->button, input->row, input->col);
    else if (input->kind == TUI_INPUT_RESIZE)
        snprintf(said, cap, "size %dx%d", input->rows, input->cols);
}

static int overflow(int n)
{
    volatile char room[4096];
    room[0] = (char)n;
    return n < 0 ? 0 : overflow(n + 1) + room[0];
}

struct child {
    struct tui_term *term;
    int scene, is_over, is_mute;
    const char *theme;
    char said[256];
};

static void act(struct child *c, const char *key)
{
    static const char *const copied = "copied \033[31m\n";
    if (strlen(key) == 1 && *key >= '0' && *key <= '9')
        c->scene = *key - '0';
    else if (!strcmp(key, "r"))
        c->scene = c->scene < SCENE_RANDOM ? SCENE_RANDOM : c->scene + 1;
    else if (!strcmp(key, "Down"))
        c->scene = c->scene < SCENE_TABLE ? SCENE_TABLE : c->scene + 1;
    else if (!strcmp(key, "q"))
        c->is_over = 1;
    else if (!strcmp(key, "t"))
        c->theme = "high-contrast";
    else if (!strcmp(key, "m"))
        tui_term_mouse(c->term, 0);
    else if (!strcmp(key, "n"))
        c->is_mute = 1;
    else if (!strcmp(key, "y"))
        tui_term_copy(c->term, copied, strlen(copied));
    else if (!strcmp(key, "C-z"))
        tui_term_suspend(c->term);
    else if (!strcmp(key, "C-l"))
        tui_term_redraw(c->term);
    else if (!strcmp(key, "e")) {
        tui_term_leave(c->term);
        if (system("printf 'editing\\n'; read -r line; printf 'got %s\\n' \"$line\"; read -r line"))
            abort();
        tui_term_return(c->term);
    } else if (!strcmp(key, "X"))
        exit(3);
    else if (!strcmp(key, "O"))
        overflow(1);
    else if (!strcmp(key, "S"))
        *(volatile int *)(uintptr_t)(strlen(key) * 16) = 1; /* what UBSan would end before it is a fault is 0 */
    else if (!strcmp(key, "A"))
        abort();
}

static void show(struct child *c)
{
    struct tui_theme *theme;
    struct orb_error err;
    int rows, cols;
    if (tui_theme_load(c->theme, &theme, &err))
        abort();
    tui_term_size(c->term, &rows, &cols);
    struct tui_grid *grid = draw(rows, cols, c->scene, c->said);
    tui_term_show(c->term, grid, theme);
    tui_grid_free(grid);
    tui_theme_free(theme);
}

/* DEPTH THEME: the depth as a number, TUI_DEPTHS = what there is. */
static int child_main(char **argv)
{
    struct child c = {.theme = argv[3], .said = "ready"};
    struct orb_error err;
    struct tui_input input;
    struct tui_term_options options = {0, 1, (enum tui_depth)atoi(argv[2]), 1};
    setlocale(LC_CTYPE, "");
    if (tui_term_open(&options, &c.term, &err)) {
        printf("%s\n", err.text);
        return CHILD_NO_TERMINAL;
    }
    snprintf(c.said, sizeof c.said, "ready %s %s", tui_depth_name(tui_term_depth(c.term)), tui_term_is_utf8(c.term) ? "UTF-8" : "ASCII");
    show(&c);
    while (!c.is_over) {
        poll(&(struct pollfd){tui_term_fd(c.term), POLLIN, 0}, 1, -1);
        while (!c.is_over && tui_term_read(c.term, &input)) {
            if (input.kind == TUI_INPUT_GONE)
                return CHILD_GONE;
            if (!c.is_mute)
                say(&input, c.said, sizeof c.said);
            if (input.kind == TUI_INPUT_KEY)
                act(&c, input.key);
        }
        show(&c);
    }
    tui_term_close(c.term);
    printf("closed\n");
    return 0;
}

/* The test's side. */
struct shown {
    enum tui_depth depth;
    int has_16;       /* of 16 colours, 16 and not 8 */
    const char *theme, *said;
    int scene, rows, cols;
    char why[256];
};

static int32_t as_shown(const struct shown *s, int32_t color)
{
    if (color == TUI_DEFAULT)
        return -1;
    if (s->depth == TUI_TRUE)
        return 0x1000000 | color;
    return s->depth == TUI_16 && !s->has_16 ? color % 8 : color;
}

static int is_odd(const struct tui_cell *cell)
{
    return orb_text_columns(cell->text, strlen(cell->text)) != cell->width || strstr(cell->text, "\ufe0f") || strlen(cell->text) > 4 ||
           (strlen(cell->text) > 1 && (unsigned char)cell->text[0] < 0x80) || !strncmp(cell->text, "\U0001f000", 2);
}

static int is_equal(struct shown *s, const struct tui_cell *cell, const struct test_terminal_cell *got, int row, int col, struct tui_look look)
{
    int is_bright = s->depth == TUI_16 && !s->has_16 && look.fg >= 8;
    /* Of what terminals do not agree on only its beginning is looked at: the emulator has widths of its own. */
    if (is_odd(cell) ? strncmp(cell->text, got->text, 1) : strcmp(cell->text, got->text) || (cell->width != got->width && *cell->text))
        snprintf(s->why, sizeof s->why, "cell %d,%d is <%s> (%d columns), not <%s> (%d)", row, col, got->text, got->width, cell->text, cell->width);
    else if ((got->fg != as_shown(s, look.fg) && (strcmp(got->text, " ") || look.attributes & (TUI_REVERSE | TUI_UNDERLINE))) || got->bg != as_shown(s, look.bg))
        snprintf(s->why, sizeof s->why, "cell %d,%d <%s> has colours %x on %x, not %x on %x", row, col, got->text, (unsigned)got->fg, (unsigned)got->bg,
                 (unsigned)as_shown(s, look.fg), (unsigned)as_shown(s, look.bg));
    else if ((got->is_bold != (!!(look.attributes & TUI_BOLD) || is_bright) && strcmp(got->text, " ")) || got->is_underlined != !!(look.attributes & TUI_UNDERLINE) ||
             got->is_reversed != !!(look.attributes & TUI_REVERSE) || (got->is_italic != !!(look.attributes & TUI_ITALIC) && strcmp(got->text, " ")))
        snprintf(s->why, sizeof s->why, "cell %d,%d <%s> has attributes bold %d underline %d reverse %d italic %d, not %d", row, col, got->text, got->is_bold,
                 got->is_underlined, got->is_reversed, got->is_italic, look.attributes);
    else
        return 1;
    return 0;
}

static int is_shown(struct test_terminal *t, void *arg)
{
    struct shown *s = arg;
    struct tui_theme *theme;
    struct orb_error err;
    struct test_terminal_cell got;
    assert_int_equal(tui_theme_load(s->theme, &theme, &err), 0);
    struct tui_grid *grid = draw(s->rows, s->cols, s->scene, s->said);
    int is_all = 1;
    for (int row = 0; row < grid->rows && is_all; row++)
        for (int col = 0; col < grid->cols && is_all; col++) {
            const struct tui_cell *cell = tui_grid_at(grid, row, col);
            if (cell->width == 0)
                continue;
            test_terminal_cell_at(t, row, col, &got);
            is_all = is_equal(s, cell, &got, row, col, tui_theme_look(theme, s->depth, (enum tui_role)cell->role, (enum tui_layer)cell->layer));
        }
    if (is_all && grid->cursor_row >= 0) {
        int row, col;
        test_terminal_cursor(t, &row, &col);
        is_all = test_terminal_has_cursor(t) && row == grid->cursor_row && col == grid->cursor_col;
        snprintf(s->why, sizeof s->why, "the cursor is at %d,%d", row, col);
    } else if (is_all)
        is_all = !test_terminal_has_cursor(t);
    tui_grid_free(grid);
    tui_theme_free(theme);
    return is_all;
}

static void expect_shown(struct test_terminal *t, struct shown *s)
{
    int64_t deadline = test_now_ms() + test_patience(5000);
    snprintf(s->why, sizeof s->why, "nothing came");
    while (test_now_ms() < deadline && !is_shown(t, s))
        test_terminal_pump(t, 5);
    if (is_shown(t, s))
        return;
    char *text = test_terminal_text(t);
    print_error("the screen:\n%s", text);
    free(text);
    fail_msg("scene %d: %s", s->scene, s->why);
}

static struct test_terminal *start(int rows, int cols, const char *depth, const char *theme, const char *const env[])
{
    static char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    const char *const argv[] = {self, "child", depth, theme, NULL};
    return test_terminal_start(rows, cols, argv, env);
}

#endif
