/* One task: how it stands, and in tabs its live stream, input, result, timeline, events and JSON. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEAD_ROWS 3

static void draw_state(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    const struct tui_open *o = &m->open;
    char text[40], age[16];
    uint32_t known = tui_tasks_find(&m->tasks, o->id);
    const char *state = orb_status_word(known != UINT32_MAX ? m->tasks.rows[known].state : o->state);
    if (*o->missing) {
        tui_putf(grid, row, 0, cols, TUI_ERROR, "%s", o->missing);
        return;
    }
    if (!o->has_detail && known == UINT32_MAX) {
        tui_put(grid, row, 0, cols, TUI_DIM, "asking ...", 10);
        return;
    }
    snprintf(text, sizeof text, "%s %s", tui_state_glyph(state), state);
    int col = tui_put(grid, row, 0, cols, tui_state_role(state), text, strlen(text)) + 2;
    col = tui_put(grid, row, col, cols - col, TUI_STRONG, o->agent, strlen(o->agent)) + 2;
    col = tui_draw_pair(grid, row, col, cols - col, "queue", TUI_TEXT, o->queue) + 2;
    if (*o->worker)
        col = tui_draw_pair(grid, row, col, cols - col, "worker", TUI_TEXT, o->worker) + 2;
    snprintf(text, sizeof text, "%d", o->attempt_told);
    col = tui_draw_pair(grid, row, col, cols - col, "try", TUI_TEXT, text) + 2;
    tui_show_age(tui_age_now(m), o->created_at, age, sizeof age);
    if (o->created_at > 0)
        tui_draw_pair(grid, row, col, cols - col, "age", TUI_TEXT, age);
}

static void draw_figures(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    const struct tui_open *o = &m->open;
    char span[16], text[64];
    int col = 0;
    if (o->started_at > 0 && o->created_at > 0) {
        tui_show_span(o->started_at - o->created_at, span, sizeof span);
        col = tui_draw_pair(grid, row, col, cols - col, "queued", TUI_TEXT, span) + 2;
    }
    double first = o->first_token_at > 0 && o->started_at > 0 ? o->first_token_at - o->started_at : (double)NAN;
    if (first > -0.01) { /* ids of events have whole milliseconds; of an attempt before this one it says nothing */
        tui_show_span(first, span, sizeof span);
        col = tui_draw_pair(grid, row, col, cols - col, "first token", TUI_TEXT, span) + 2;
    }
    if (o->started_at > 0) {
        double to = o->completed_at > 0 ? o->completed_at : o->state == ORB_STATUS_RUNNING ? tui_age_now(m) : (double)NAN;
        tui_show_span(to - o->started_at, span, sizeof span);
        col = tui_draw_pair(grid, row, col, cols - col, "took", TUI_TEXT, span) + 2;
    }
    snprintf(text, sizeof text, "%lld in %lld out", (long long)o->tokens_in, (long long)o->tokens_out);
    if (o->tokens_in || o->tokens_out)
        col = tui_draw_pair(grid, row, col, cols - col, "tokens", TUI_TEXT, text) + 2;
    if (!isnan(o->cost)) {
        snprintf(text, sizeof text, "$%.4f", o->cost);
        col = tui_draw_pair(grid, row, col, cols - col, "cost", TUI_TEXT, text) + 2;
    }
    if (o->retries || o->recoveries) {
        snprintf(text, sizeof text, "%d failures, %d recoveries", o->retries, o->recoveries);
        col = tui_draw_pair(grid, row, col, cols - col, "after", TUI_WARNING, text) + 2;
    }
    if (*o->resubmit_of)
        tui_draw_pair(grid, row, col, cols - col, "repeats", TUI_TEXT, o->resubmit_of);
}

/* With a place of the mouse: which tab is there, or -1. */
static int draw_tabs(const struct tui_model *m, struct tui_grid *grid, int row, int cols, int hit)
{
    int col = 0;
    for (int i = 0; i < TUI_TABS; i++) {
        char text[24];
        int is_on = m->open.tab == (enum tui_tab)i, len = snprintf(text, sizeof text, is_on ? "[%s]" : " %s ", tui_tab_names[i]);
        if (hit >= col && hit < col + len)
            return i;
        if (grid)
            tui_put(grid, row, col, cols - col, is_on ? TUI_TAB_ON : TUI_TAB, text, (size_t)len);
        col += len + 1;
    }
    const struct tui_pane *p = &m->open.panes[m->open.tab];
    if (grid && *p->search && col + 12 < cols)
        tui_putf(grid, row, col + 1, cols - col - 1, TUI_DIM, p->match_place ? "search %s: %zu of %zu" : "search %s: none", p->search, p->match_place, p->matches);
    return -1;
}

static void draw_pane(struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, enum tui_tab tab)
{
    if (tab == TUI_TAB_TIMELINE)
        tui_timeline_fill(&m->open.panes[tab], &m->open, tui_age_now(m), rect.cols);
    if (tab == TUI_TAB_STREAM)
        tui_open_draw_stream(m, grid, rect);
    else
        tui_pane_draw(&m->open.panes[tab], grid, rect);
}

/* Wide: the stream stays at the left, the other tab stands beside it. */
static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    enum tui_tab tab = m->open.tab;
    int row = body.row + (m->is_zoomed ? 0 : HEAD_ROWS);
    if (!m->is_zoomed) {
        draw_state(m, grid, body.row, body.cols);
        draw_figures(m, grid, body.row + 1, body.cols);
        draw_tabs(m, grid, body.row + 2, body.cols, -1);
        tui_layer(grid, (struct tui_rect){ body.row + 2, 0, 1, body.cols }, TUI_ON_HEAD);
    }
    struct tui_rect rest = { row, 0, body.row + body.rows - row, body.cols };
    if (rest.rows < 1)
        return;
    if (!tui_is_wide(m) || m->is_zoomed || rest.cols < 80) {
        draw_pane(m, grid, rest, tab);
        return;
    }
    enum tui_tab beside = tab == TUI_TAB_STREAM ? TUI_TAB_INPUT : tab;
    int left = rest.cols * 3 / 5;
    draw_pane(m, grid, (struct tui_rect){ rest.row, 0, rest.rows, left - 1 }, TUI_TAB_STREAM);
    tui_fill(grid, (struct tui_rect){ rest.row, left, rest.rows, 1 }, TUI_BORDER, tui_is_ascii() ? "|" : "│");
    tui_draw_rule(grid, (struct tui_rect){ rest.row, left + 1, 1, rest.cols - left - 1 }, tui_tab_names[beside], NULL, tab == beside);
    draw_pane(m, grid, (struct tui_rect){ rest.row + 1, left + 2, rest.rows - 1, rest.cols - left - 2 }, beside);
}

static int act(struct tui_model *m, enum tui_action action)
{
    struct tui_open *o = &m->open;
    if (action == TUI_DO_NEXT_PANE || action == TUI_DO_PREV_PANE) {
        o->tab = (enum tui_tab)(((int)o->tab + (action == TUI_DO_NEXT_PANE ? 1 : TUI_TABS - 1)) % TUI_TABS);
        return 1;
    }
    return tui_pane_act(&o->panes[o->tab], (int)action);
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    struct tui_pane *pane = &m->open.panes[m->open.tab];
    if (!strcmp(msg->text, "press") && !m->is_zoomed && msg->a == body.row + 2) {
        int tab = draw_tabs(m, NULL, 0, body.cols, (int)msg->b);
        if (tab >= 0)
            m->open.tab = (enum tui_tab)tab;
        return 1;
    }
    for (int i = 0; i < 3; i++)
        tui_pane_act(pane, !strcmp(msg->text, "up") ? TUI_DO_UP : !strcmp(msg->text, "down") ? TUI_DO_DOWN : TUI_DO_NOTHING);
    return 1;
}

const struct tui_view tui_view_task = {
    .name = "task", .title = "Task", .panes = TUI_TABS, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse,
    .keys = "back find next-pane follow wrap fold next-step cancel resubmit edit copy export help",
    .help = "One task: its stream from the first event on and live; what it was asked; its result; its steps over time; its events; its JSON. Tab goes through them. The line "
            "below the stream proves that nothing is missing: gaps are events that should be there by their numbers and are not. Scrolling up stops following, f or G follows again.",
};
