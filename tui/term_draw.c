/* From the grid to the terminal. Curses sends what has changed. It and the terminal must agree on how wide each character is, so it is given
 * only those on which all agree; the others it knows as blanks, and they are put on top, each at its place, with what follows placed anew. */
#define NCURSES_NOMACROS
#include "ansi.h"
#include "memory.h"
#include "term_internal.h"

#include <curses.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>
#include <wchar.h>

enum { ON_TOP_BYTES = 2 * TUI_CELL_BYTES + 3 * TUI_SGR_MAX };
#define SYNC_ON "\033[?2026h"
#define SYNC_OFF "\033[?2026l"
/* What does not fit into the last column must not go on in the next line. Behind it the terminal is as curses knows it: no look, and the
 * cursor at its place. It is not saved and loaded, because some terminals have only one place for that, and the shell's is in it. */
#define BEGIN_ON_TOP "\033[?7l"
#define END_ON_TOP "\033[m\033[?7h\033[%d;%dH"

static const struct tui_cell *cell_at(const struct tui_grid *grid, int row, int col)
{
    return &grid->cells[(size_t)row * (size_t)grid->cols + (size_t)col];
}

static int is_same_cell(const struct tui_cell *a, const struct tui_cell *b)
{
    return a->width == b->width && a->role == b->role && a->layer == b->layer && !strcmp(a->text, b->text);
}

/* One character that curses (by wcwidth) takes for as wide as we do, and no emoji: terminals differ on these. */
static int is_plain(const struct tui_cell *cell)
{
    utf8proc_int32_t cp;
    size_t len = strlen(cell->text);
    if (len <= 1)
        return 1;
    if (utf8proc_iterate((const utf8proc_uint8_t *)cell->text, (utf8proc_ssize_t)len, &cp) != (utf8proc_ssize_t)len)
        return 0;
    return wcwidth((wchar_t)cp) == cell->width && utf8proc_get_property(cp)->boundclass != UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

static struct tui_pen pen_of(const struct tui_term *term, struct tui_look look)
{
    struct tui_pen pen = {look, 0, 0};
    int fg = look.fg, bg = look.bg;
    pen.attributes |= look.attributes & TUI_BOLD ? (unsigned)A_BOLD : 0;
    pen.attributes |= look.attributes & TUI_DIMMED ? (unsigned)A_DIM : 0;
    pen.attributes |= look.attributes & TUI_ITALIC ? (unsigned)A_ITALIC : 0;
    pen.attributes |= look.attributes & TUI_UNDERLINE ? (unsigned)A_UNDERLINE : 0;
    pen.attributes |= look.attributes & TUI_REVERSE ? (unsigned)A_REVERSE : 0;
    if (term->depth == TUI_16 && term->colors < 16) { /* bright is bold there */
        pen.attributes |= fg >= 8 ? (unsigned)A_BOLD : 0;
        fg = fg >= 8 ? fg - 8 : fg;
        bg = bg >= 8 ? bg - 8 : bg;
    }
    if (term->depth != TUI_MONO && (fg != TUI_DEFAULT || bg != TUI_DEFAULT)) {
        int pair = alloc_pair(fg, bg);
        pen.pair = pair < 0 ? 0 : pair;
    }
    return pen;
}

/* 1: the theme looks otherwise than the last time. Then all pens are made anew: of pairs, which are few on old terminals, curses gives away
 * those that it has not been asked for longest. */
static int take_pens(struct tui_term *term, const struct tui_theme *theme)
{
    int is_same = term->shown != NULL;
    for (int i = 0; is_same && i < TUI_ROLE_COUNT * TUI_LAYER_COUNT; i++) {
        struct tui_look now = term->pens[i / TUI_LAYER_COUNT][i % TUI_LAYER_COUNT].look;
        struct tui_look look = tui_theme_look(theme, term->depth, (enum tui_role)(i / TUI_LAYER_COUNT), (enum tui_layer)(i % TUI_LAYER_COUNT));
        is_same = now.fg == look.fg && now.bg == look.bg && now.attributes == look.attributes;
    }
    for (int role = 0; !is_same && role < TUI_ROLE_COUNT; role++)
        for (int layer = 0; layer < TUI_LAYER_COUNT; layer++)
            term->pens[role][layer] = pen_of(term, tui_theme_look(theme, term->depth, (enum tui_role)role, (enum tui_layer)layer));
    return !is_same;
}

static void place(int row, int col, wchar_t c, const struct tui_pen *pen)
{
    wchar_t text[2] = {c, L'\0'};
    cchar_t cell;
    int pair = pen->pair;
    setcchar(&cell, text, pen->attributes, 0, &pair);
    mvadd_wch(row, col, &cell); /* an error in the last corner says only that there is no next place */
}

/* A blank shows nothing of its text's colour, so that all of a layer are alike, and curses leaves them as they are. */
static const struct tui_pen *choose_pen(const struct tui_term *term, const struct tui_cell *cell)
{
    const struct tui_pen *own = &term->pens[cell->role][cell->layer], *usual = &term->pens[TUI_TEXT][cell->layer];
    if (strcmp(cell->text, " ") || own->look.bg != usual->look.bg || (own->look.attributes | usual->look.attributes) & (TUI_REVERSE | TUI_UNDERLINE))
        return own;
    return usual;
}

static void give_to_curses(struct tui_term *term, int row, int col, const struct tui_cell *cell, const struct tui_pen *pen)
{
    utf8proc_int32_t cp = (unsigned char)cell->text[0];
    if (cell->width == 0)
        return; /* came with the one before */
    if (cp >= 0x80) {
        if (!term->is_utf8)
            cp = '?';
        else if (!is_plain(cell))
            cp = ' ';
        else
            utf8proc_iterate((const utf8proc_uint8_t *)cell->text, -1, &cp);
    } else if (cell->text[1]) /* ASCII with marks */
        cp = term->is_utf8 ? ' ' : cp;
    place(row, col, (wchar_t)cp, pen);
    if (cell->width == 2 && cp < 0x80)
        place(row, col + 1, (wchar_t)cp, pen);
}

/* From the first to the last cell of a row that has changed; the number of cells. */
static int change(const struct tui_grid *old, const struct tui_grid *grid, int row, int *from, int *to)
{
    *from = 0;
    *to = grid->cols;
    if (!old)
        return grid->cols;
    while (*from < *to && is_same_cell(cell_at(old, row, *from), cell_at(grid, row, *from)))
        ++*from;
    while (*to > *from && is_same_cell(cell_at(old, row, *to - 1), cell_at(grid, row, *to - 1)))
        --*to;
    return *to - *from;
}

/* Curses does not know what lies on top of its blanks, so it cannot know that it is to go. */
static int has_lost_one(const struct tui_grid *old, const struct tui_grid *grid, int row)
{
    for (int col = 0; old && col < grid->cols; col++)
        if (!is_plain(cell_at(old, row, col)) && !is_same_cell(cell_at(old, row, col), cell_at(grid, row, col)))
            return 1;
    return 0;
}

struct on_top {
    char *bytes;
    size_t len, cap;
};

static void add_text(struct on_top *top, const char *text, size_t len)
{
    memcpy(top->bytes + top->len, text, len);
    top->len += len;
}

/* How many columns a terminal takes for it that adds up all its characters. */
static int summed_columns(const struct tui_cell *cell)
{
    return (int)orb_text_columns(cell->text, strlen(cell->text));
}

static size_t base_len(const struct tui_cell *cell)
{
    utf8proc_int32_t cp;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)cell->text, -1, &cp);
    return n > 0 ? (size_t)n : strlen(cell->text);
}

static void add_cell(struct tui_term *term, struct on_top *top, int row, int col, const struct tui_cell *cell)
{
    char there[32], sgr[TUI_SGR_MAX];
    size_t there_len = (size_t)snprintf(there, sizeof there, "\033[%d;%dH", row + 1, col + 1);
    add_text(top, there, there_len);
    add_text(top, sgr, tui_sgr(term->pens[cell->role][cell->layer].look, term->depth, sgr));
    if (!is_plain(cell)) { /* if the terminal takes it for narrower, what is left of its place is blank */
        add_text(top, "  ", cell->width);
        add_text(top, there, there_len);
    }
    /* At the edge only what fits by all ways to count: some terminals go on in the next line whatever they are told. */
    add_text(top, cell->text, col + summed_columns(cell) > term->cols ? base_len(cell) : strlen(cell->text));
}

/* And what stands behind each, as far as a terminal may have written over it. */
static void add_row(struct tui_term *term, struct on_top *top, const struct tui_grid *grid, int row)
{
    int harmed = 0;
    for (int col = 0; col < grid->cols; col++) {
        const struct tui_cell *cell = cell_at(grid, row, col);
        int is_odd = !is_plain(cell);
        if (cell->width == 0 || (!is_odd && col >= harmed))
            continue;
        if (top->cap - top->len < ON_TOP_BYTES) {
            top->cap = top->cap * 2 + ON_TOP_BYTES;
            top->bytes = tui_resize(top->bytes, top->cap, 1);
        }
        if (!top->len)
            add_text(top, BEGIN_ON_TOP, strlen(BEGIN_ON_TOP));
        add_cell(term, top, row, col, cell);
        if (is_odd)
            harmed = col + (summed_columns(cell) > cell->width ? summed_columns(cell) : cell->width + 1);
    }
}

static void keep(struct tui_term *term, const struct tui_grid *grid)
{
    if (!term->shown || term->shown->rows != grid->rows || term->shown->cols != grid->cols) {
        tui_grid_free(term->shown);
        term->shown = tui_grid_new(grid->rows, grid->cols);
    }
    memcpy(term->shown->cells, grid->cells, (size_t)grid->rows * (size_t)grid->cols * sizeof *grid->cells);
    term->shown->cursor_row = grid->cursor_row;
    term->shown->cursor_col = grid->cursor_col;
}

/* is_needed: it must be known where it is, also when nobody sees it. */
static void place_cursor(const struct tui_grid *grid, int is_needed)
{
    int is_visible = grid->cursor_row >= 0 && grid->cursor_col >= 0;
    curs_set(is_visible);
    leaveok(stdscr, !is_visible && !is_needed);
    if (is_visible)
        move(grid->cursor_row, grid->cursor_col);
}

/* The size that both the grid and the terminal have. */
static struct tui_grid *cut(struct tui_term *term, const struct tui_grid *grid)
{
    struct tui_grid *fit = tui_grid_new(term->rows, term->cols);
    for (int row = 0; row < grid->rows && row < fit->rows; row++)
        for (int col = 0; col < grid->cols && col < fit->cols; col++) {
            struct tui_cell *cell = tui_grid_at(fit, row, col);
            *cell = *cell_at(grid, row, col);
            if (cell->width == 2 && col + 1 == fit->cols) {
                memcpy(cell->text, " ", 2);
                cell->width = 1;
            }
        }
    fit->cursor_row = grid->cursor_row < fit->rows ? grid->cursor_row : -1;
    fit->cursor_col = grid->cursor_col < fit->cols ? grid->cursor_col : -1;
    return fit;
}

/* ---- sending ------------------------------------------------------------------ */

void tui_term_plain(struct tui_term *term)
{
    tui_looks_forget(&term->looks);
    tui_term_write(term, "\033[m", 3);
}

/* Where curses writes, by a descriptor of its own: into the frame, or to the terminal. */
static void direct(struct tui_term *term, int fd)
{
    dup3(fd, fileno(term->out_file), O_CLOEXEC);
}

/* What is in the frame is sent at once. */
static void send_frame(struct tui_term *term)
{
    off_t len = lseek(term->frame, 0, SEEK_CUR);
    if (len <= 0)
        return;
    char *all = tui_alloc((size_t)len + TUI_LOOKS_ROOM((size_t)len), 1), *out = all + len;
    ssize_t n = pread(term->frame, all, (size_t)len, 0);
    if (n > 0)
        tui_term_write(term, out, tui_looks_filter(&term->looks, all, (size_t)n, out));
    free(all);
    lseek(term->frame, 0, SEEK_SET);
    if (ftruncate(term->frame, 0))
        term->is_stale = 1;
}

/* Into the frame. */
static void put(struct tui_term *term, const char *bytes, size_t len)
{
    ssize_t n = write(fileno(term->out_file), bytes, len);
    (void)n;
}

/* What comes in where lines go is blank, and has the background of the text. */
static void set_background(const struct tui_pen *pen)
{
    cchar_t blank;
    int pair = pen ? pen->pair : 0;
    setcchar(&blank, L" ", 0, 0, &pair);
    bkgrndset(&blank);
}

static void make_frame(struct tui_term *term, const struct on_top *top, int is_sync)
{
    char end[64];
    set_background(&term->pens[TUI_TEXT][0]);
    if (is_sync)
        put(term, SYNC_ON, strlen(SYNC_ON));
    wnoutrefresh(stdscr);
    doupdate();
    set_background(NULL);
    if (top->len) {
        put(term, top->bytes, top->len);
        put(term, end, (size_t)snprintf(end, sizeof end, END_ON_TOP, getcury(stdscr) + 1, getcurx(stdscr) + 1));
    }
    if (is_sync)
        put(term, SYNC_OFF, strlen(SYNC_OFF));
}

/* 1: the row is to be sent. */
static int draw_row(struct tui_term *term, const struct tui_grid *old, const struct tui_grid *grid, int row, int *cells)
{
    int from, to, count = change(old, grid, row, &from, &to);
    *cells += count;
    for (int col = from; col < to; col++)
        give_to_curses(term, row, col, cell_at(grid, row, col), choose_pen(term, cell_at(grid, row, col)));
    if (count && term->is_utf8 && has_lost_one(old, grid, row))
        wredrawln(stdscr, row, 1);
    return count > 0;
}

static int show(struct tui_term *term, const struct tui_grid *grid, const struct tui_theme *theme)
{
    struct on_top top = {0};
    int is_new = take_pens(term, theme) || term->is_stale || !term->shown || term->shown->rows != grid->rows || term->shown->cols != grid->cols, cells = 0;
    const struct tui_grid *old = is_new ? NULL : term->shown;
    for (int row = 0; row < grid->rows; row++)
        if (draw_row(term, old, grid, row, &cells) && term->is_utf8)
            add_row(term, &top, grid, row);
    if (!cells && grid->cursor_row == term->shown->cursor_row && grid->cursor_col == term->shown->cursor_col)
        return 0;
    term->is_stale = 0;
    if (is_new) {
        clearok(stdscr, TRUE);
        tui_looks_forget(&term->looks);
    }
    direct(term, term->frame);
    place_cursor(grid, top.len > 0);
    make_frame(term, &top, term->is_sync && (cells > grid->cols || top.len)); /* a line or less comes at once anyway */
    direct(term, term->out);
    send_frame(term);
    free(top.bytes);
    keep(term, grid);
    return 1;
}

int tui_term_show(struct tui_term *term, const struct tui_grid *grid, const struct tui_theme *theme)
{
    if (term->is_left || term->is_gone || term->is_resizing)
        return 0;
    if (grid->rows == term->rows && grid->cols == term->cols)
        return show(term, grid, theme);
    struct tui_grid *fit = cut(term, grid);
    int is_shown = show(term, fit, theme);
    tui_grid_free(fit);
    return is_shown;
}
