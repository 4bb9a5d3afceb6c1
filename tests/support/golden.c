#include "support/golden.h"
#include "support/child.h"
#include "tui/theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "tests/golden"
enum { LOOKS_MAX = 62 };

static int is_updating;

static const char *const mode_names[GOLDEN_MODES] = {"24-bit", "256", "16", "mono", "ascii"};

const char *const *golden_environment(enum golden_mode mode)
{
#define CLEAN "HOME=/nonexistent", "XDG_CONFIG_HOME", "TMUX", "TERMINFO"
    static const char *const environments[GOLDEN_MODES][9] = {
        [GOLDEN_TRUE] = {"TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8", "NO_COLOR", CLEAN, NULL},
        [GOLDEN_256] = {"TERM=xterm-256color", "COLORTERM", "LC_ALL=C.UTF-8", "NO_COLOR", CLEAN, NULL},
        [GOLDEN_16] = {"TERM=xterm-256color", "COLORTERM", "LC_ALL=C.UTF-8", "NO_COLOR", CLEAN, NULL},
        [GOLDEN_MONO] = {"TERM=xterm-256color", "COLORTERM", "LC_ALL=C.UTF-8", "NO_COLOR=1", CLEAN, NULL},
        [GOLDEN_ASCII] = {"TERM=vt100", "COLORTERM", "LC_ALL=C", "NO_COLOR", CLEAN, NULL},
    };
    return environments[mode];
}

int golden_depth(enum golden_mode mode)
{
    return mode == GOLDEN_16 ? TUI_16 : TUI_DEPTHS;
}

/* ---- taking ------------------------------------------------------------------------ */

/* Of a blank only the ground can be seen: it has the look of what is before it where that makes no difference. */
static struct golden_look look_of(const struct test_terminal_cell *cell, const struct golden_look *before)
{
    struct golden_look look = {cell->fg, cell->bg, (cell->is_bold ? TUI_BOLD : 0) | (cell->is_italic ? TUI_ITALIC : 0) | (cell->is_underlined ? TUI_UNDERLINE : 0) |
                                                       (cell->is_reversed ? TUI_REVERSE : 0)};
    if (strcmp(cell->text, " ") != 0 || look.attributes & (TUI_REVERSE | TUI_UNDERLINE))
        return look;
    if (before && before->bg == look.bg && !(before->attributes & (TUI_REVERSE | TUI_UNDERLINE)))
        return *before;
    return (struct golden_look){-1, look.bg, 0};
}

void golden_take(struct golden_frame *frame, enum golden_mode mode, struct test_terminal *t, int rows, int cols)
{
    struct test_terminal_cell cell;
    frame->rows = rows;
    frame->cols = cols;
    frame->cursor_row = frame->cursor_col = -1;
    if (test_terminal_has_cursor(t))
        test_terminal_cursor(t, &frame->cursor_row, &frame->cursor_col);
    frame->text[mode] = test_terminal_text(t);
    frame->looks[mode] = calloc((size_t)(rows * cols), sizeof *frame->looks[mode]);
    assert_non_null(frame->looks[mode]);
    for (int row = 0; row < rows; row++)
        for (int col = 0; col < cols; col++) {
            struct golden_look *look = &frame->looks[mode][row * cols + col];
            test_terminal_cell_at(t, row, col, &cell);
            *look = cell.width == 0 && col ? look[-1] : look_of(&cell, col ? look - 1 : NULL);
        }
}

void golden_free(struct golden_frame *frame)
{
    for (int mode = 0; mode < GOLDEN_MODES; mode++) {
        free(frame->text[mode]);
        free(frame->looks[mode]);
    }
}

/* ---- writing ------------------------------------------------------------------------ */

static void write_color(FILE *out, int32_t color)
{
    if (color < 0)
        fputc('-', out);
    else if (color & 0x1000000)
        fprintf(out, "#%06x", (unsigned)color & 0xffffff);
    else
        fprintf(out, "%d", color);
}

static void write_look(FILE *out, const struct golden_look *look)
{
    static const struct {
        int bit;
        const char *word;
    } words[] = {{TUI_BOLD, " bold"}, {TUI_ITALIC, " italic"}, {TUI_UNDERLINE, " underline"}, {TUI_REVERSE, " reverse"}};
    write_color(out, look->fg);
    fputs(" on ", out);
    write_color(out, look->bg);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (look->attributes & words[i].bit)
            fputs(words[i].word, out);
}

static int is_same_look(const struct golden_look *a, const struct golden_look *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attributes == b->attributes;
}

/* Two cells that look alike with each number of colours have the same letter. */
static int letter_of(const struct golden_frame *frame, int cell, int kinds[], int *count)
{
    for (int k = 0; k < *count; k++) {
        int is_same = 1;
        for (int mode = 0; mode < GOLDEN_MODES && is_same; mode++)
            is_same = is_same_look(&frame->looks[mode][cell], &frame->looks[mode][kinds[k]]);
        if (is_same)
            return k;
    }
    if (*count == LOOKS_MAX)
        fail_msg("more than %d looks in a frame", LOOKS_MAX);
    kinds[*count] = cell;
    return (*count)++;
}

static char letter(int k)
{
    return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[k];
}

static void write_looks(FILE *out, const struct golden_frame *frame)
{
    int kinds[LOOKS_MAX], count = 0;
    fputs("== looks: letter and number of columns\n", out);
    for (int row = 0; row < frame->rows; row++) {
        for (int col = 0, run; col < frame->cols; col += run) {
            int k = letter_of(frame, row * frame->cols + col, kinds, &count);
            for (run = 1; col + run < frame->cols && letter_of(frame, row * frame->cols + col + run, kinds, &count) == k; run++)
                ;
            fprintf(out, "%s%c%d", col ? " " : "", letter(k), run);
        }
        fputc('\n', out);
    }
    fputs("== letters: 24-bit | 256 | 16 | mono | ascii\n", out);
    for (int k = 0; k < count; k++) {
        fputc(letter(k), out);
        for (int mode = 0; mode < GOLDEN_MODES; mode++) {
            fputs(mode ? " | " : "  ", out);
            write_look(out, &frame->looks[mode][kinds[k]]);
        }
        fputc('\n', out);
    }
}

static char *write_frame(const struct golden_frame *frame)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fprintf(out, "== UTF-8\n%s== ASCII\n%s", frame->text[GOLDEN_TRUE], frame->text[GOLDEN_ASCII]);
    write_looks(out, frame);
    if (frame->cursor_row >= 0)
        fprintf(out, "== cursor: line %d, column %d\n", frame->cursor_row + 1, frame->cursor_col + 1);
    fclose(out);
    return text;
}

/* ---- comparing ---------------------------------------------------------------------- */

static size_t line_at(const char *text)
{
    return strcspn(text, "\n");
}

static int columns_of(const char *text, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static const char *next_line(const char *text)
{
    text += line_at(text);
    return *text ? text + 1 : text;
}

/* Every line that differs: as it was | as it is. */
static void print_difference(const char *was, const char *is)
{
    int widest = 4, number = 1, shown = 0;
    for (const char *a = was; *a; a = next_line(a)) {
        int cols = columns_of(a, line_at(a));
        widest = cols > widest ? cols : widest;
    }
    print_error("line  %-*s | now\n", widest, "was");
    for (const char *a = was, *b = is; *a || *b; a = next_line(a), b = next_line(b), number++) {
        size_t n = line_at(a), k = line_at(b);
        if (n == k && !memcmp(a, b, n))
            continue;
        print_error("%4d  %.*s%*s | %.*s\n", number, (int)n, a, widest - columns_of(a, n), "", (int)k, b);
        if (++shown == 60) {
            print_error("      ... and more\n");
            return;
        }
    }
}

void golden_begin(int is_update)
{
    is_updating = is_update;
}

void golden_check(const struct golden_frame *frame, const char *name)
{
    char path[TEST_PATH_MAX];
    snprintf(path, sizeof path, FOLDER "/%s.txt", name);
    for (int mode = 0; mode < GOLDEN_ASCII; mode++)
        if (strcmp(frame->text[mode], frame->text[GOLDEN_TRUE]) != 0) {
            print_difference(frame->text[GOLDEN_TRUE], frame->text[mode]);
            fail_msg("%s: the text with colours '%s' is another one than with 24-bit colours", name, mode_names[mode]);
        }
    char *is = write_frame(frame), *was = test_file_read(path, &(size_t){0});
    if (is_updating) {
        test_file_write(path, is);
    } else if (!was || strcmp(is, was) != 0) {
        print_difference(was ? was : "", is);
        free(is);
        free(was);
        fail_msg("%s is another one now. If that is right: make golden-update, and look at what git diff says of %s", path, FOLDER);
    }
    free(is);
    free(was);
}
