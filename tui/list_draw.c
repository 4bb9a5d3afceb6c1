/* How a list looks: which columns, how wide, their titles, the rows. */
#include "list.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUTTER 2      /* the cursor's sign and the mark's */
#define PART 4        /* of a text, so much is worth showing */
#define NAME_SPARE 16
#define NAME_MIN 8

/* ---- columns ---------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct tui_field *const *x = a, *const *y = b;
    return (*x)->place - (*y)->place;
}

/* Those that the width of the screen allows, unless they were chosen. */
static void choose(struct tui_list *list, int is_wide)
{
    const struct tui_field *shown[TUI_COLUMNS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < list->source->field_count && n < TUI_COLUMNS_MAX; i++)
        if (list->source->fields[i].place && (is_wide || list->source->fields[i].place < 100))
            shown[n++] = &list->source->fields[i];
    qsort(shown, n, sizeof *shown, by_place);
    for (size_t i = 0; i < n; i++) {
        int field = (int)(shown[i] - list->source->fields), width = shown[i]->width;
        for (size_t k = 0; k < list->column_count; k++) /* made wider by hand before */
            if (list->columns[k].field == field && list->columns[k].width > 0 && list->is_chosen)
                width = list->columns[k].width;
        list->columns[i] = (struct tui_column){ field, width };
    }
    list->column_count = n;
}

static const struct tui_field *field_of(const struct tui_list *list, size_t column)
{
    return &list->source->fields[list->columns[column].field];
}

static int is_right(const struct tui_field *field)
{
    return field->kind > TUI_STATE_FIELD && field->kind != TUI_CLOCK_FIELD && field->kind != TUI_SPARK_FIELD;
}

/* What is left of the line goes to the elastic columns: to the last one, but for some to a name at the front. */
static void stretch(const struct tui_list *list, int spare, size_t n, const size_t which[], int at[], int width[])
{
    size_t last = n;
    for (size_t i = 0; i < n; i++)
        last = field_of(list, which[i])->is_elastic ? i : last;
    for (size_t i = 0; i <= last && last < n && spare > 0; i++) {
        if (!field_of(list, which[i])->is_elastic)
            continue;
        int more = i == last || spare < NAME_SPARE ? spare : NAME_SPARE;
        width[i] += more;
        spare -= more;
        for (size_t k = i + 1; k < n; k++)
            at[k] += more;
    }
}

/* Where each visible column begins and how wide it is; returns how many are visible. */
static size_t lay_out(const struct tui_list *list, int cols, size_t which[], int at[], int width[])
{
    size_t n = 0;
    int col = GUTTER;
    for (size_t i = 0; i < list->column_count; i++) {
        if (i && i < (size_t)list->first_column + 1 && list->first_column) /* the first column always stays */
            continue;
        int want = list->columns[i].width, left = cols - col;
        if (left < want && n && field_of(list, i)->kind == TUI_STATE_FIELD && width[0] - (want - left) >= NAME_MIN) { /* a state is told in full */
            width[0] -= want - left;
            for (size_t k = 1; k < n; k++)
                at[k] -= want - left;
            col -= want - left;
            left = want;
        }
        if (left < want && (is_right(field_of(list, i)) || left < PART)) /* a part of a number is another number */
            break;
        which[n] = i;
        at[n] = col;
        width[n] = want < left ? want : left;
        col += width[n++] + 1;
    }
    stretch(list, cols - (col - 1), n, which, at, width);
    return n;
}

static void draw_titles(const struct tui_list *list, struct tui_grid *grid, struct tui_rect rect, size_t n, const size_t which[], const int at[],
                        const int width[])
{
    for (size_t i = 0; i < n; i++) {
        const struct tui_field *field = field_of(list, which[i]);
        int is_sorted = list->columns[which[i]].field == list->sort_field;
        enum tui_role role = is_sorted ? TUI_SORTED : TUI_COLUMN;
        char title[40];
        snprintf(title, sizeof title, "%.*s%s", width[i] - is_sorted, field->title, !is_sorted ? "" : tui_is_ascii() ? (tui_list_goes_down(list) ? "v" : "^") : tui_list_goes_down(list) ? "▾" : "▴");
        if (is_right(field))
            tui_put_right(grid, rect.row, rect.col + at[i], width[i], role, title, strlen(title));
        else
            tui_put(grid, rect.row, rect.col + at[i], width[i], role, title, strlen(title));
    }
    tui_layer(grid, (struct tui_rect){ rect.row, rect.col, 1, rect.cols }, TUI_ON_HEAD);
}

static void draw_row(const struct tui_list *list, const struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, int line, size_t place,
                     double now, size_t n, const size_t which[], const int at[], const int width[])
{
    char room[ORB_ID_MAX + 1], text[1024];
    uint32_t row = list->order[place];
    int is_marked = list->mark_count && tui_list_is_marked(list, list->source->id(m, row, room)), is_cursor = place == list->cursor;
    if (is_cursor)
        tui_put(grid, line, rect.col, 1, TUI_STRONG, tui_cursor_glyph(), strlen(tui_cursor_glyph()));
    if (is_marked)
        tui_put(grid, line, rect.col + 1, 1, TUI_STRONG, "*", 1);
    for (size_t i = 0; i < n; i++) {
        struct tui_value value = { 0 };
        list->source->value(m, row, (size_t)list->columns[which[i]].field, &value);
        int is_at_right = tui_value_show(field_of(list, which[i]), &value, now, width[i], text, sizeof text), columns = tui_columns(text, strlen(text));
        if (is_at_right && columns <= width[i])
            tui_put_right(grid, line, rect.col + at[i], width[i], value.role, text, strlen(text));
        else if (!is_at_right && i + 1 == n) /* the edge says that it goes on */
            tui_put(grid, line, rect.col + at[i], width[i], value.role, text, strlen(text));
        else
            tui_put_cut(grid, line, rect.col + at[i], width[i], value.role, text, strlen(text));
    }
    tui_layer(grid, (struct tui_rect){ line, rect.col, 1, rect.cols }, is_cursor ? TUI_ON_CURSOR : is_marked ? TUI_ON_MARKED : TUI_ON_PLAIN);
}

void tui_list_draw(struct tui_list *list, const struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, double now)
{
    size_t which[TUI_COLUMNS_MAX];
    int at[TUI_COLUMNS_MAX], width[TUI_COLUMNS_MAX];
    if (rect.rows < 1 || rect.cols < 1)
        return;
    if (!list->is_chosen)
        choose(list, rect.cols >= 110);
    size_t n = lay_out(list, rect.cols, which, at, width);
    draw_titles(list, grid, rect, n, which, at, width);
    int page = rect.rows - 1;
    if (list->page != page) {
        int is_fresh = list->is_fresh;
        list->page = page;
        tui_list_go(list, m, list->cursor);
        list->is_fresh = is_fresh;
    }
    for (int i = 0; i < page && list->top + (size_t)i < list->count; i++)
        draw_row(list, m, grid, rect, rect.row + 1 + i, list->top + (size_t)i, now, n, which, at, width);
}

long tui_list_hit(const struct tui_list *list, struct tui_rect rect, int row, int col, int *field)
{
    size_t which[TUI_COLUMNS_MAX];
    int at[TUI_COLUMNS_MAX], width[TUI_COLUMNS_MAX];
    *field = -1;
    if (row < rect.row || row >= rect.row + rect.rows || col < rect.col || col >= rect.col + rect.cols)
        return -1;
    if (row == rect.row) {
        size_t n = lay_out(list, rect.cols, which, at, width);
        for (size_t i = 0; i < n; i++)
            if (col - rect.col >= at[i] && col - rect.col < at[i] + width[i])
                *field = list->columns[which[i]].field;
        return -1;
    }
    size_t place = list->top + (size_t)(row - rect.row - 1);
    return place < list->count ? (long)place : -1;
}
