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
    if (*o->agent)
        col = tui_put_cut(grid, row, col, cols - col < 24 ? cols - col : 24, TUI_STRONG, o->agent, strlen(o->agent)) + 2;
    if (*o->queue)
        col = tui_draw_fact(grid, row, col, cols, "queue", TUI_TEXT, o->queue);
    if (*o->worker)
        col = tui_draw_fact(grid, row, col, cols, "worker", TUI_TEXT, o->worker);
    snprintf(text, sizeof text, "%d", tui_tries(o->attempt_told, o->retries, o->started_at));
    col = tui_draw_fact(grid, row, col, cols, "try", TUI_TEXT, text);
    tui_show_age(tui_age_now(m), o->created_at, age, sizeof age);
    if (o->created_at > 0)
        tui_draw_fact(grid, row, col, cols, "age", TUI_TEXT, age);
}

static int draw_span(struct tui_grid *grid, int row, int col, int end, const char *label, double from, double to)
{
    char span[16];
    if (!(from > 0 && to > from - 0.01)) /* ids of events have whole milliseconds; what is of an attempt before this one says nothing */
        return col;
    tui_show_span(to - from, span, sizeof span);
    return tui_draw_fact(grid, row, col, end, label, TUI_TEXT, span);
}

static size_t steps_of(const struct tui_open *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->step_count; i++)
        n += !*o->steps[i].tool && o->steps[i].attempt == o->attempt;
    return n;
}

static void draw_figures(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    const struct tui_open *o = &m->open;
    char in[24], out[24], text[64];
    double now = tui_age_now(m), rate = tui_history_rate(&o->said, now, 10);
    int is_waited = !isnan(tui_waited(o->created_at, o->started_at, tui_tries(o->attempt_told, o->retries, o->started_at)));
    int col = is_waited ? draw_span(grid, row, 0, cols, "queued", o->created_at, o->started_at) : 0;
    col = draw_span(grid, row, col, cols, "first token", o->started_at, o->first_token_at);
    if (o->completed_at > 0) {
        col = draw_span(grid, row, col, cols, "took", o->started_at, o->completed_at);
    } else if (o->state == ORB_STATUS_RUNNING) {
        tui_show_age(now, o->started_at, text, sizeof text);
        col = tui_draw_fact(grid, row, col, cols, "runs", TUI_TEXT, text);
    }
    snprintf(text, sizeof text, "%.1f", rate);
    if (rate > 0 && o->state == ORB_STATUS_RUNNING)
        col = tui_draw_fact(grid, row, col, cols, "tok/s", TUI_STRONG, text);
    tui_show_count(o->tokens_in, in, sizeof in);
    tui_show_count(o->tokens_out, out, sizeof out);
    snprintf(text, sizeof text, "%s in, %s out", in, out);
    if (o->tokens_in > 0 || o->tokens_out > 0)
        col = tui_draw_fact(grid, row, col, cols, "tokens", TUI_TEXT, text);
    snprintf(text, sizeof text, "$%.4f", o->cost);
    if (!isnan(o->cost))
        col = tui_draw_fact(grid, row, col, cols, "cost", TUI_TEXT, text);
    snprintf(text, sizeof text, "%zu", steps_of(o));
    if (steps_of(o))
        col = tui_draw_fact(grid, row, col, cols, "steps", TUI_TEXT, text);
    if (o->retries || o->recoveries) {
        snprintf(text, sizeof text, "%d failure%s, %d recover%s", o->retries, o->retries == 1 ? "" : "s", o->recoveries, o->recoveries == 1 ? "y" : "ies");
        col = tui_draw_fact(grid, row, col, cols, "after", TUI_WARNING, text);
    }
    if (*o->resubmit_of)
        tui_draw_fact(grid, row, col, cols, "repeats", TUI_TEXT, o->resubmit_of);
}

/* With a place of the mouse: which tab is there, or -1. Those before the current one are left out as far as that is needed to see it. */
static int draw_tabs(const struct tui_model *m, struct tui_grid *grid, int row, int cols, int hit)
{
    int col = 0, first = 0;
    for (int end = 0, i = (int)m->open.tab; i >= 0 && (end += (int)strlen(tui_tab_names[i]) + 2) <= cols; i--)
        first = i;
    for (int i = first; i < TUI_TABS; i++) {
        char text[24];
        int is_on = m->open.tab == (enum tui_tab)i, len = snprintf(text, sizeof text, is_on ? "[%s]" : " %s ", tui_tab_names[i]);
        if (hit >= col && hit < col + len)
            return i;
        if (grid)
            tui_put(grid, row, col, cols - col, is_on ? TUI_TAB_ON : TUI_TAB, text, (size_t)len);
        col += len;
    }
    const struct tui_pane *p = &m->open.panes[m->open.tab];
    if (grid && *p->search && col + 12 < cols)
        tui_putf(grid, row, col + 2, cols - col - 2, TUI_DIM, p->match_place ? "search %s: %zu of %zu" : "search %s: none", p->search, p->match_place, p->matches);
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

static void draw_beside(struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, enum tui_tab tab)
{
    tui_draw_rule(grid, (struct tui_rect){ rect.row, rect.col, 1, rect.cols }, tui_tab_names[tab], NULL, m->open.tab == tab);
    draw_pane(m, grid, (struct tui_rect){ rect.row + 1, rect.col + 1, rect.rows - 1, rect.cols - 1 }, tab);
}

/* Wide: the stream stays at the left, the other tab stands beside it; beside the stream alone, what it was asked and what it has done. */
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
    int left = rest.cols * 3 / 5;
    draw_pane(m, grid, (struct tui_rect){ rest.row, 0, rest.rows, left - 1 }, TUI_TAB_STREAM);
    tui_fill(grid, (struct tui_rect){ rest.row, left, rest.rows, 1 }, TUI_BORDER, tui_is_ascii() ? "|" : "│");
    struct tui_rect beside = { rest.row, left + 1, rest.rows, rest.cols - left - 1 };
    if (tab != TUI_TAB_STREAM) {
        draw_beside(m, grid, beside, tab);
        return;
    }
    beside.rows = rest.rows / 2;
    draw_beside(m, grid, beside, TUI_TAB_INPUT);
    draw_beside(m, grid, (struct tui_rect){ rest.row + beside.rows, beside.col, rest.rows - beside.rows, beside.cols }, m->open.step_count ? TUI_TAB_TIMELINE : TUI_TAB_EVENTS);
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
    .keys = "help back find next-pane follow wrap fold cancel resubmit edit copy export next-step",
    .help = "One task: its stream from the first event on and live; what it was asked; its result; its steps over time; its events; its JSON. Tab goes through them. The line "
            "below the stream proves that nothing is missing: gaps are events that should be there by their numbers and are not. Scrolling up stops following, f or G follows again.",
};
