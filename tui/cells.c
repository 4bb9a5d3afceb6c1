#include "cells.h"
#include "clusters.h"
#include "memory.h"

#include <orbiter/base.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAB = 8, SAFE_GROWTH = 4 /* of one byte: \xff */, SAFE_ROOM = 16 };
#define CUT_MARK ">"

static void blank(struct tui_cell *cell)
{
    memcpy(cell->text, " ", 2);
    cell->width = 1;
}

struct tui_grid *tui_grid_new(int rows, int cols)
{
    struct tui_grid *grid = tui_alloc(1, sizeof *grid);
    grid->rows = rows;
    grid->cols = cols;
    grid->cells = tui_alloc((size_t)rows * (size_t)cols, sizeof *grid->cells);
    tui_grid_clear(grid);
    return grid;
}

void tui_grid_free(struct tui_grid *grid)
{
    if (!grid)
        return;
    free(grid->cells);
    free(grid);
}

void tui_grid_clear(struct tui_grid *grid)
{
    size_t count = (size_t)grid->rows * (size_t)grid->cols;
    for (size_t i = 0; i < count; i++) {
        blank(&grid->cells[i]);
        grid->cells[i].role = TUI_TEXT;
        grid->cells[i].layer = TUI_ON_PLAIN;
    }
    grid->cursor_row = grid->cursor_col = -1;
}

struct tui_cell *tui_grid_at(struct tui_grid *grid, int row, int col)
{
    if (row < 0 || col < 0 || row >= grid->rows || col >= grid->cols)
        return NULL;
    return &grid->cells[(size_t)row * (size_t)grid->cols + (size_t)col];
}

/* The other half of a wide cluster that loses the half in this cell. */
static void part(struct tui_grid *grid, int row, int col)
{
    struct tui_cell *cell = tui_grid_at(grid, row, col);
    if (cell->width == 2)
        blank(cell + 1);
    else if (cell->width == 0)
        blank(cell - 1);
}

static void put_one(struct tui_grid *grid, int row, int col, enum tui_role role, const char *text)
{
    struct tui_cell *cell = tui_grid_at(grid, row, col);
    if (!cell)
        return;
    part(grid, row, col);
    snprintf(cell->text, sizeof cell->text, "%s", text);
    cell->width = 1;
    cell->role = (uint8_t)role;
}

/* A cluster of which the grid has only one half is a blank there. */
static void put_cluster(struct tui_grid *grid, int row, int col, enum tui_role role, const char *text, int width)
{
    if (width == 1) {
        put_one(grid, row, col, role, text);
        return;
    }
    put_one(grid, row, col, role, " ");
    put_one(grid, row, col + 1, role, " ");
    struct tui_cell *left = tui_grid_at(grid, row, col), *right = tui_grid_at(grid, row, col + 1);
    if (!left || !right)
        return;
    snprintf(left->text, sizeof left->text, "%s", text);
    left->width = 2;
    right->text[0] = '\0';
    right->width = 0;
}

/* *is_cut: there was more than cols columns. */
static int put(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len, int *is_cut)
{
    struct tui_clusters it;
    int end = col + (cols > 0 ? cols : 0);
    tui_clusters_start(&it, text, len);
    *is_cut = 0;
    while (tui_clusters_next(&it)) {
        if (col + it.width > end) {
            *is_cut = 1;
            if (col < end)
                put_one(grid, row, col++, role, " ");
            break;
        }
        put_cluster(grid, row, col, role, it.text, it.width);
        col += it.width;
    }
    return col;
}

int tui_put(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len)
{
    int is_cut;
    return put(grid, row, col, cols, role, text, len, &is_cut);
}

int tui_put_end(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len)
{
    const char *end = text + len;
    int is_cut = tui_columns(text, len) > cols;
    while (is_cut && text < end && tui_columns(text, (size_t)(end - text)) > cols - 2)
        for (text++; text < end && ((unsigned char)*text & 0xc0) == 0x80;)
            text++;
    if (is_cut)
        col = tui_put(grid, row, col, cols, role, "..", 2);
    return tui_put(grid, row, col, is_cut ? cols - 2 : cols, role, text, (size_t)(end - text));
}

int tui_put_cut(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len)
{
    int is_cut, end = put(grid, row, col, cols, role, text, len, &is_cut);
    if (is_cut && cols > 0)
        put_one(grid, row, end - 1, role, CUT_MARK);
    return end;
}

int tui_putf(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *fmt, ...)
{
    char room[512], *text = room;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(room, sizeof room, fmt, args);
    va_end(args);
    if (len < 0)
        return col;
    if ((size_t)len >= sizeof room) {
        text = tui_alloc((size_t)len + 1, 1);
        va_start(args, fmt);
        vsnprintf(text, (size_t)len + 1, fmt, args);
        va_end(args);
    }
    col = tui_put(grid, row, col, cols, role, text, (size_t)len);
    if (text != room)
        free(text);
    return col;
}

size_t tui_wrap(const char *text, size_t len, int cols)
{
    size_t n = tui_fit(text, len, cols, &(int){ 0 });
    if (!n || n == len)
        return len; /* none fits: it is cut */
    if (text[n] == ' ')
        return n + 1;
    for (size_t i = n; i > n / 2; i--)
        if (text[i - 1] == ' ')
            return i;
    return n;
}

void tui_put_right(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len)
{
    int columns = tui_columns(text, len), pad = columns < cols ? cols - columns : 0;
    tui_put(grid, row, col + pad, cols - pad, role, text, len);
}

/* The part of rect that is in the grid. */
static struct tui_rect clip(const struct tui_grid *grid, struct tui_rect rect)
{
    int end_row = rect.row + rect.rows, end_col = rect.col + rect.cols;
    rect.row = rect.row < 0 ? 0 : rect.row;
    rect.col = rect.col < 0 ? 0 : rect.col;
    rect.rows = (end_row < grid->rows ? end_row : grid->rows) - rect.row;
    rect.cols = (end_col < grid->cols ? end_col : grid->cols) - rect.col;
    return rect;
}

void tui_layer(struct tui_grid *grid, struct tui_rect rect, enum tui_layer layer)
{
    rect = clip(grid, rect);
    for (int row = rect.row; row < rect.row + rect.rows; row++)
        for (int col = rect.col; col < rect.col + rect.cols; col++)
            tui_grid_at(grid, row, col)->layer = (uint8_t)layer;
}

void tui_fill(struct tui_grid *grid, struct tui_rect rect, enum tui_role role, const char *cluster)
{
    struct tui_clusters it;
    tui_clusters_start(&it, cluster, strlen(cluster));
    if (!tui_clusters_next(&it)) {
        memcpy(it.text, " ", 2);
        it.width = 1;
    }
    rect = clip(grid, rect);
    for (int row = rect.row; row < rect.row + rect.rows; row++)
        for (int col = rect.col, end = rect.col + rect.cols; col < end; col += it.width)
            if (col + it.width > end)
                put_one(grid, row, col, role, " ");
            else
                put_cluster(grid, row, col, role, it.text, it.width);
}

int tui_columns(const char *text, size_t len)
{
    struct tui_clusters it;
    int columns = 0;
    tui_clusters_start(&it, text, len);
    while (tui_clusters_next(&it))
        columns += it.width;
    return columns;
}

size_t tui_fit(const char *text, size_t len, int cols, int *used)
{
    size_t at = 0;
    *used = 0;
    while (at < len && text[at] != '\n') {
        struct tui_cluster c = tui_cluster_at(text + at, len - at);
        if (*used + c.width > cols)
            break;
        *used += c.width;
        at += c.bytes;
    }
    return at;
}

/* Text with its marks, tabs and newlines as they are. */
static char *mark(const char *text, size_t len, size_t *out_len)
{
    size_t cap = len + SAFE_ROOM, at = 0, end = 0;
    char *out = tui_alloc(cap, 1);
    for (;;) {
        at += orb_safe_text(text + at, len - at, ORB_SAFE_TEXT, out + end, cap - end);
        end += strlen(out + end);
        if (at == len)
            break;
        cap = end + (len - at) * SAFE_GROWTH + SAFE_ROOM;
        out = tui_resize(out, cap, 1);
    }
    *out_len = end;
    return out;
}

static size_t count(const char *text, size_t len, char wanted)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == wanted;
    return n;
}

char *tui_safe(const char *text, size_t len, size_t *out_len)
{
    size_t marked_len, end = 0, column = 0, n;
    char *marked = mark(text, len, &marked_len);
    size_t tabs = count(marked, marked_len, '\t');
    if (!tabs) {
        *out_len = marked_len;
        return marked;
    }
    char *out = tui_alloc(marked_len + tabs * (TAB - 1) + 1, 1);
    for (size_t at = 0; at < marked_len; at += n) {
        struct tui_cluster c = tui_cluster_at(marked + at, marked_len - at);
        n = c.bytes;
        if (marked[at] == '\t') {
            size_t blanks = TAB - column % TAB;
            memset(out + end, ' ', blanks);
            end += blanks;
            column += blanks;
            continue;
        }
        memcpy(out + end, marked + at, n);
        end += n;
        column = marked[at] == '\n' ? 0 : column + (size_t)c.width;
    }
    free(marked);
    *out_len = end;
    return out;
}

char *tui_grid_text(const struct tui_grid *grid)
{
    size_t end = 0;
    char *out = tui_alloc((size_t)grid->rows * ((size_t)grid->cols * TUI_CELL_BYTES + 1) + 1, 1);
    for (int row = 0; row < grid->rows; row++) {
        const struct tui_cell *cells = grid->cells + (size_t)row * (size_t)grid->cols;
        int cols = grid->cols;
        while (cols > 0 && !strcmp(cells[cols - 1].text, " "))
            cols--;
        for (int col = 0; col < cols; col++) {
            size_t n = strlen(cells[col].text);
            memcpy(out + end, cells[col].text, n);
            end += n;
        }
        out[end++] = '\n';
    }
    return out;
}
