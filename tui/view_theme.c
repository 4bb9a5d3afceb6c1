/* Theme: which there are, and how things look in the one under the cursor, at once. */
#include "view.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static size_t count(const struct tui_model *m)
{
    size_t n = 0;
    while (m->themes && m->themes[n])
        n++;
    return n;
}

static size_t present(const struct tui_model *m)
{
    for (size_t i = 0; i < count(m); i++)
        if (!strcmp(m->themes[i], m->theme))
            return i;
    return 0;
}

static void draw_sample(struct tui_grid *grid, struct tui_rect r)
{
    static const char *const states[] = { "pending", "running", "completed", "failed", "cancelled", "retrying", "lost", "paused" };
    static const struct { enum tui_layer layer; const char *text; } layers[] = { { TUI_ON_HEAD, "titles of columns" }, { TUI_ON_PLAIN, "a row" }, { TUI_ON_CURSOR, "the row under the cursor" },
                                                                               { TUI_ON_MARKED, "a marked row" }, { TUI_ON_BAR, "header and key bar" } };
    static const double rising[] = { 0, 1, 2, 3, 5, 6, 7, 8 };
    char graph[40];
    tui_show_spark(rising, TUI_COUNT(rising), 8, graph, sizeof graph);
    const struct { enum tui_role role; const char *text; } texts[] = { { TUI_DIM, "beside" }, { TUI_STRONG, "strong" }, { TUI_MATCH, "a match" }, { TUI_WARNING, "a warning" },
                                                                              { TUI_ERROR, "an error" }, { TUI_REASONING, "reasoning" }, { TUI_TOOL, "a tool" }, { TUI_GRAPH, graph } };
    int row = r.row;
    for (size_t i = 0; i < TUI_COUNT(states) && row < r.row + r.rows; i++, row++)
        tui_putf(grid, row, r.col, r.cols, tui_state_role(states[i]), "%s %s", tui_state_glyph(states[i]), states[i]);
    row++;
    for (size_t i = 0; i < TUI_COUNT(layers) && row < r.row + r.rows; i++, row++) {
        tui_put(grid, row, r.col, r.cols, TUI_TEXT, layers[i].text, strlen(layers[i].text));
        tui_layer(grid, (struct tui_rect){ row, r.col, 1, r.cols }, layers[i].layer);
    }
    row++;
    int col = r.col;
    for (size_t i = 0; i < TUI_COUNT(texts) && row < r.row + r.rows; i++) {
        if (col + tui_columns(texts[i].text, strlen(texts[i].text)) > r.col + r.cols) {
            col = r.col;
            row++;
        }
        col = tui_put(grid, row, col, r.cols - (col - r.col), texts[i].role, texts[i].text, strlen(texts[i].text)) + 2;
    }
}

static size_t first_shown(const struct tui_model *m, struct tui_rect body)
{
    size_t at = present(m), page = body.rows > 2 ? (size_t)body.rows - 2 : 1;
    return at >= page ? at - page + 1 : 0;
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    size_t n = count(m), at = present(m), page = body.rows > 2 ? (size_t)body.rows - 2 : 1, top = first_shown(m, body);
    tui_put(grid, body.row, 1, body.cols, TUI_DIM, "moving shows it at once; Enter keeps it, Esc brings back the one before", 71);
    for (size_t i = top; i < n && i < top + page; i++) {
        int row = body.row + 2 + (int)(i - top);
        tui_putf(grid, row, 1, 28, i == at ? TUI_STRONG : TUI_TEXT, "%s %s", i == at ? tui_cursor_glyph() : " ", m->themes[i]);
        if (i == at)
            tui_layer(grid, (struct tui_rect){ row, 1, 1, 28 }, TUI_ON_CURSOR);
    }
    if (body.cols > 50)
        draw_sample(grid, (struct tui_rect){ body.row + 2, 32, body.rows - 2, body.cols - 33 });
}

/* Shows it; what was shown before comes back with Esc. */
static int choose(struct tui_model *m, long at)
{
    long n = (long)count(m);
    if (!n)
        return 1;
    if (!*m->theme_before)
        tui_set(m->theme_before, sizeof m->theme_before, m->theme);
    at = at < 0 ? 0 : at >= n ? n - 1 : at;
    tui_set(m->wants_theme, sizeof m->wants_theme, m->themes[at]);
    return 1;
}

static int act(struct tui_model *m, enum tui_action action)
{
    long at = (long)present(m);
    switch (action) {
    case TUI_DO_DOWN: return choose(m, at + 1);
    case TUI_DO_UP: return choose(m, at - 1);
    case TUI_DO_HALF_DOWN:
    case TUI_DO_PAGE_DOWN: return choose(m, at + 5);
    case TUI_DO_HALF_UP:
    case TUI_DO_PAGE_UP: return choose(m, at - 5);
    case TUI_DO_FIRST: return choose(m, 0);
    case TUI_DO_LAST: return choose(m, LONG_MAX);
    case TUI_DO_OPEN: tui_back(m, ""); return 1;
    case TUI_DO_BACK:
        if (*m->theme_before)
            tui_set(m->wants_theme, sizeof m->wants_theme, m->theme_before);
        return 0; /* and back */
    default: return 0;
    }
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    long at = (long)present(m);
    if (strcmp(msg->text, "press") != 0)
        return choose(m, at + (msg->text[0] == 'u' ? -1 : 1));
    long row = msg->a - body.row - 2 + (long)first_shown(m, body);
    return msg->a < body.row + 2 || row >= (long)count(m) ? 0 : row == at ? act(m, TUI_DO_OPEN) : choose(m, row);
}

const struct tui_view tui_view_theme = {
    .name = "theme", .title = "Themes", .action = TUI_DO_THEMES, .panes = 1,
    .draw = draw, .act = act, .mouse = mouse,
    .keys = "down up open back help quit",
    .help = "The themes there are: those that come with the program and your own files (docs/console.md).",
};
