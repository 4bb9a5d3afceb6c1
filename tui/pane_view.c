/* What is seen of a pane: rows of wrapped lines, moving, folding, searching, drawing. */
#include "keys.h"
#include "pane.h"

#include <string.h>

/* ---- rows: a line is shown in one or more ----------------------------------- */

#define ROW_MIN 12      /* columns beside an indent */

static struct tui_line *line_at(const struct tui_pane *p, uint64_t number)
{
    return number >= p->first && number - p->first < p->count ? &p->lines[number - p->first] : NULL;
}

static int is_hidden(const struct tui_pane *p, uint64_t number)
{
    const struct tui_line *line = line_at(p, number);
    const struct tui_line *tool = line && line->back ? line_at(p, number - line->back) : NULL;
    return tool && tool->is_folded;
}

static uint64_t end_of(const struct tui_pane *p)
{
    return p->first + p->count;
}

static int indent_of(const struct tui_line *line, size_t from, int width)
{
    return from && width - line->indent >= ROW_MIN ? line->indent : 0;
}

/* Where the next row of a wrapped line begins. */
static size_t row_end(const struct tui_line *line, size_t from, int width)
{
    return from + tui_wrap(line->text + from, line->len - from, width - indent_of(line, from, width));
}

static int rows_of(const struct tui_pane *p, uint64_t number)
{
    const struct tui_line *line = line_at(p, number);
    int rows = 1;
    if (!line || is_hidden(p, number))
        return 0;
    if (p->is_cut || p->width < 1 || line->len <= (uint32_t)p->width)
        return 1; /* a column is at least a byte */
    for (size_t at = row_end(line, 0, p->width); at < line->len; at = row_end(line, at, p->width))
        rows++;
    return rows;
}

/* ---- moving ----------------------------------------------------------------- */

static int down_one(struct tui_pane *p)
{
    uint64_t next = p->top + 1;
    if (p->top_row + 1 < rows_of(p, p->top)) {
        p->top_row++;
        return 1;
    }
    while (next < end_of(p) && is_hidden(p, next))
        next++;
    if (next >= end_of(p))
        return 0;
    p->top = next;
    p->top_row = 0;
    return 1;
}

static int up_one(struct tui_pane *p)
{
    if (p->top_row > 0) {
        p->top_row--;
        return 1;
    }
    uint64_t before = p->top;
    while (before > p->first) {
        before--;
        int rows = rows_of(p, before);
        if (rows) {
            p->top = before;
            p->top_row = rows - 1;
            return 1;
        }
    }
    return 0;
}

static void go_end(struct tui_pane *p)
{
    if (!p->count)
        return;
    p->top = end_of(p) - 1;
    while (p->top > p->first && is_hidden(p, p->top))
        p->top--;
    p->top_row = rows_of(p, p->top) - 1;
    if (p->top_row < 0)
        p->top_row = 0;
    for (int i = 1; i < p->page && up_one(p); i++)
        ;
}

/* No empty rows below the end when there is text above. */
static void hold(struct tui_pane *p)
{
    uint64_t top = p->top;
    int row = p->top_row, rows = 0;
    if (p->top_row >= rows_of(p, p->top))
        row = p->top_row = 0;
    while (rows < p->page && down_one(p))
        rows++;
    int is_short = rows < p->page - 1;
    p->top = top;
    p->top_row = row;
    if (is_short)
        go_end(p);
}

static void move(struct tui_pane *p, int by)
{
    p->is_following = 0;
    for (; by < 0 && up_one(p); by++)
        ;
    for (; by > 0 && down_one(p); by--)
        ;
    hold(p);
}

void tui_pane_go(struct tui_pane *p, uint64_t line)
{
    p->is_following = 0;
    p->top = line < p->first ? p->first : line;
    p->top_row = 0;
    hold(p);
}

static int go_kind(struct tui_pane *p, int by)
{
    for (uint64_t at = p->top + (uint64_t)(int64_t)by; at >= p->first && at < end_of(p); at += (uint64_t)(int64_t)by)
        if (line_at(p, at)->kind == TUI_LINE_STEP) {
            tui_pane_go(p, at);
            break;
        }
    return 1;
}

static int fold(struct tui_pane *p)
{
    int has_any = 0, is_any_open = 0;
    for (size_t i = 0; i < p->count; i++) {
        has_any |= p->lines[i].kind == TUI_LINE_TOOL;
        is_any_open |= p->lines[i].kind == TUI_LINE_TOOL && !p->lines[i].is_folded;
    }
    for (size_t i = 0; i < p->count; i++)
        if (p->lines[i].kind == TUI_LINE_TOOL)
            p->lines[i].is_folded = (uint8_t)is_any_open;
    p->folds_new = is_any_open;
    while (p->top > p->first && is_hidden(p, p->top))
        p->top--;
    p->top_row = 0;
    return has_any;
}

/* ---- searching -------------------------------------------------------------- */

/* Is all of it within the rows that are shown? */
static int is_in_view(const struct tui_pane *p, uint64_t number)
{
    int rows = -p->top_row;
    if (number < p->top)
        return 0;
    for (uint64_t at = p->top; at < number && rows < p->page; at++)
        rows += rows_of(p, at);
    return rows >= 0 && rows + rows_of(p, number) <= p->page;
}

static void show_match(struct tui_pane *p, uint64_t number)
{
    struct tui_line *line = line_at(p, number), *tool = line->back ? line_at(p, number - line->back) : NULL;
    p->match = number;
    p->match_place = 0;
    for (uint64_t at = p->first; at <= number; at++)
        p->match_place += (size_t)tui_pane_is_match(p, line_at(p, at));
    p->is_following = 0;
    if (tool)
        tool->is_folded = 0;
    if (is_in_view(p, number))
        return;
    p->top = number;
    p->top_row = 0;
    for (int i = 0; i < 2 && i + rows_of(p, number) < p->page && up_one(p); i++)
        ; /* with something of what stands before it */
    hold(p);
}

static int go_match(struct tui_pane *p, uint64_t from, int by)
{
    if (!*p->search || !p->count)
        return 1;
    for (size_t n = 0; n < p->count; n++, from += (uint64_t)(int64_t)by) { /* and around the end */
        if (from < p->first || from == UINT64_MAX)
            from = end_of(p) - 1;
        else if (from >= end_of(p))
            from = p->first;
        if (tui_pane_is_match(p, line_at(p, from))) {
            show_match(p, from);
            return 1;
        }
    }
    p->match = UINT64_MAX;
    p->match_place = 0;
    return 1;
}

void tui_pane_search(struct tui_pane *p, const char *text)
{
    tui_set(p->search, sizeof p->search, text);
    p->matches = p->match_place = 0;
    p->match = UINT64_MAX;
    for (size_t i = 0; i < p->count; i++)
        p->matches += (size_t)tui_pane_is_match(p, &p->lines[i]);
    go_match(p, p->top, 1);
}

/* ---- actions ---------------------------------------------------------------- */

/* Only lines that are cut have something beside what is shown. */
static int sideways(struct tui_pane *p, int by)
{
    p->left = p->is_cut && p->left + by > 0 ? p->left + by : 0;
    return p->is_cut;
}

static int go_right_end(struct tui_pane *p)
{
    int longest = 0;
    for (uint64_t at = p->top; at < end_of(p) && at < p->top + (uint64_t)p->page; at++) {
        const struct tui_line *line = line_at(p, at);
        int cols = line->len ? tui_columns(line->text, line->len) : 0;
        longest = cols > longest ? cols : longest;
    }
    return sideways(p, longest - p->width - p->left);
}

int tui_pane_act(struct tui_pane *p, int action)
{
    int page = p->page > 1 ? p->page - 1 : 1;
    switch (action) {
    case TUI_DO_DOWN: move(p, 1); return 1;
    case TUI_DO_UP: move(p, -1); return 1;
    case TUI_DO_HALF_DOWN: move(p, page / 2 + 1); return 1;
    case TUI_DO_HALF_UP: move(p, -(page / 2 + 1)); return 1;
    case TUI_DO_PAGE_DOWN: move(p, page); return 1;
    case TUI_DO_PAGE_UP: move(p, -page); return 1;
    case TUI_DO_FIRST: tui_pane_go(p, p->first); return 1;
    case TUI_DO_LAST: p->is_following = 1; return 1;
    case TUI_DO_FOLLOW: p->is_following ^= 1; return 1;
    case TUI_DO_WRAP: p->is_cut ^= 1; p->top_row = p->left = 0; return 1;
    case TUI_DO_FOLD: return fold(p);
    case TUI_DO_LEFT: return sideways(p, -8);
    case TUI_DO_RIGHT: return sideways(p, 8);
    case TUI_DO_LEFT_END: p->left = 0; return p->is_cut;
    case TUI_DO_RIGHT_END: return go_right_end(p);
    case TUI_DO_NEXT_STEP: return go_kind(p, 1);
    case TUI_DO_PREV_STEP: return go_kind(p, -1);
    case TUI_DO_NEXT_MATCH: return go_match(p, p->match == UINT64_MAX ? p->top : p->match + 1, 1);
    case TUI_DO_PREV_MATCH: return go_match(p, p->match == UINT64_MAX ? p->top : p->match - 1, -1);
    default: return 0;
    }
}

/* ---- drawing ---------------------------------------------------------------- */

static void draw_matches(const struct tui_pane *p, struct tui_grid *grid, int row, int col, int cols, const char *text, size_t len)
{
    size_t needle = strlen(p->search);
    for (const char *at = text, *hit; needle && (hit = tui_find(at, len - (size_t)(at - text), p->search, needle)); at = hit + needle) {
        int offset = tui_columns(text, (size_t)(hit - text));
        if (offset < cols)
            tui_put(grid, row, col + offset, cols - offset, TUI_MATCH, hit, needle);
    }
}

static void draw_row(const struct tui_pane *p, struct tui_grid *grid, struct tui_rect rect, int row, const struct tui_line *line, size_t from, size_t to)
{
    if (from == to)
        return; /* an empty line has no text at all */
    const char *text = line->text + from;
    size_t len = to - from;
    if (p->is_cut && p->left) {
        size_t skip = tui_fit(text, len, p->left, &(int){ 0 });
        text += skip;
        len -= skip;
    }
    if (!len)
        return;
    int indent = p->is_cut ? 0 : indent_of(line, from, rect.cols);
    rect.col += indent;
    rect.cols -= indent;
    if (p->is_cut)
        tui_put_cut(grid, row, rect.col, rect.cols, (enum tui_role)line->role, text, len);
    else
        tui_put(grid, row, rect.col, rect.cols, (enum tui_role)line->role, text, len);
    draw_matches(p, grid, row, rect.col, rect.cols, text, len);
}

/* Something is folded away behind this line, whose last row is drawn. */
static void draw_fold(const struct tui_pane *p, struct tui_grid *grid, struct tui_rect rect, int row, uint64_t number)
{
    const struct tui_line *line = line_at(p, number), *next = line_at(p, number + 1);
    if (line->kind == TUI_LINE_TOOL && line->is_folded && next && next->back == 1 && tui_columns(line->text, line->len) + 4 <= rect.cols)
        tui_put(grid, row, rect.col + tui_columns(line->text, line->len) + 1, 3, TUI_KEY, "[+]", 3);
}

void tui_pane_draw(struct tui_pane *p, struct tui_grid *grid, struct tui_rect rect)
{
    p->page = rect.rows;
    if (p->width != rect.cols) {
        p->width = rect.cols;
        p->top_row = 0;
    }
    if (p->is_following || p->top >= end_of(p))
        go_end(p);
    int row = rect.row, skip = p->top_row;
    for (uint64_t number = p->top; number < end_of(p) && row < rect.row + rect.rows; number++) {
        const struct tui_line *line = line_at(p, number);
        if (!line || is_hidden(p, number))
            continue;
        size_t from = 0;
        do {
            size_t to = p->is_cut || !line->len ? line->len : row_end(line, from, p->width);
            if (skip > 0)
                skip--;
            else
                draw_row(p, grid, rect, row++, line, from, to);
            from = to;
        } while (from < line->len && row < rect.row + rect.rows);
        if (from == line->len && skip <= 0 && row > rect.row)
            draw_fold(p, grid, rect, row - 1, number);
        skip = 0;
    }
}
