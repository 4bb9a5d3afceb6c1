/* The head of the overview: totals, and what has happened over the last minutes. */
#include "view.h"

#include <stdio.h>
#include <string.h>

static void draw_tasks(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    static const struct { enum orb_status status; const char *word, *brief; } shown[] = {
        { ORB_STATUS_PENDING, "pending", "pend" }, { ORB_STATUS_RUNNING, "running", "run" }, { ORB_STATUS_RETRYING, "retrying", "retry" },
        { ORB_STATUS_FAILED, "failed", "fail" }, { ORB_STATUS_COMPLETED, "completed", "done" }, { ORB_STATUS_CANCELLED, "cancelled", "cancel" } };
    int col = tui_put(grid, row, 0, cols, TUI_TITLE, "tasks  ", 7);
    for (size_t i = 0; i < TUI_COUNT(shown); i++) {
        char count[24];
        double n = (double)m->fleet.by_state[shown[i].status];
        tui_show_short(n, count, sizeof count);
        col = tui_draw_fact(grid, row, col, cols, cols < 100 ? shown[i].brief : shown[i].word, n > 0 ? tui_state_role(orb_status_word(shown[i].status)) : TUI_DIM, count);
    }
}

static void draw_fleet(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    char text[64];
    size_t alive = 0;
    int64_t busy = 0, slots = 0;
    double oldest = 0, tokens = 0;
    for (size_t i = 0; i < m->fleet.worker_count; i++) {
        const struct tui_worker *w = &m->fleet.workers[i];
        alive += !w->is_lost;
        busy += w->is_lost ? 0 : w->busy;
        slots += w->is_lost ? 0 : w->slots;
        tokens += w->is_lost ? 0 : w->tok_s;
    }
    for (size_t i = 0; i < m->fleet.queue_count; i++)
        if (m->fleet.queues[i].oldest_at > 0 && (oldest <= 0 || m->fleet.queues[i].oldest_at < oldest))
            oldest = m->fleet.queues[i].oldest_at;
    int col = tui_put(grid, row, 0, cols, TUI_TITLE, "fleet  ", 7);
    snprintf(text, sizeof text, "%zu/%zu", alive, m->fleet.worker_count);
    col = tui_draw_fact(grid, row, col, cols, "workers", alive < m->fleet.worker_count ? TUI_LOST : TUI_STRONG, text);
    snprintf(text, sizeof text, "%lld/%lld", (long long)busy, (long long)slots);
    col = tui_draw_fact(grid, row, col, cols, "slots", TUI_STRONG, text);
    tui_show_count(tokens, text, sizeof text);
    col = tui_draw_fact(grid, row, col, cols, "tok/s", TUI_STRONG, text);
    tui_show_age(tui_age_now(m), oldest, text, sizeof text);
    if (oldest > 0)
        col = tui_draw_fact(grid, row, col, cols, "oldest pending", TUI_STRONG, text);
    tui_show_bytes((double)m->fleet.redis_bytes, text, sizeof text);
    if (m->fleet.redis_bytes > 0)
        tui_draw_fact(grid, row, col, cols, "redis", TUI_STRONG, text);
}

void tui_draw_totals(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    draw_tasks(m, grid, row, cols);
    draw_fleet(m, grid, row + 1, cols);
}

/* ---- graphs -------------------------------------------------------------------- */

void tui_draw_bars(struct tui_grid *grid, struct tui_rect r, enum tui_role role, const double *values, size_t n, double max)
{
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < r.rows; k++) {
            double part = max > 0 ? values[i] / max * r.rows - (r.rows - 1 - k) : 0; /* of this row */
            char cell[8];
            part = part > 1 ? 1 : part;
            tui_show_spark(&part, 1, 1, cell, sizeof cell);
            if (part > 0 || k == r.rows - 1)
                tui_put(grid, r.row + k, r.col + (int)i, 1, part > 0 ? role : TUI_BORDER, cell, strlen(cell));
        }
}

struct graph {
    const char *title;
    const struct tui_history *of;
    double since, now;          /* now: the figure */
    enum tui_role role;
};

static void draw_graph(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, const struct graph *g)
{
    double values[TUI_HISTORY], now = tui_age_now(m);
    char figure[16];
    int room = r.cols - 17, row = r.row + r.rows - 1;
    size_t n = room > TUI_HISTORY - 1 ? TUI_HISTORY - 1 : room > 0 ? (size_t)room : 0;
    double max = tui_history_get(g->of, now, values, n);
    if (g->now < 99.95)
        snprintf(figure, sizeof figure, "%.1f", g->now);
    else
        tui_show_count(g->now, figure, sizeof figure);
    tui_put(grid, row, 0, r.cols, TUI_DIM, g->title, strlen(g->title));
    tui_put_right(grid, row, 7, 8, TUI_STRONG, figure, strlen(figure));
    size_t skip = n - tui_history_known(g->since, now, n);
    tui_draw_bars(grid, (struct tui_rect){ r.row, 17 + (int)skip, r.rows, room }, g->role, values + skip, n - skip, max); /* before that nobody looked */
}

int tui_draw_graphs(const struct tui_model *m, struct tui_grid *grid, int row, int cols, int height)
{
    const struct tui_fleet *f = &m->fleet;
    double now = tui_age_now(m), watched = f->watched_at > 0 ? f->watched_at : f->asked_at, tokens = 0;
    for (size_t i = 0; i < f->worker_count; i++)
        tokens += f->workers[i].is_lost ? 0 : f->workers[i].tok_s;
    const struct graph graphs[] = {
        { "in/s", &f->in, watched, tui_fleet_rate(f, &f->in, now), TUI_GRAPH }, { "done/s", &f->done, watched, tui_fleet_rate(f, &f->done, now), TUI_GRAPH },
        { "fail/s", &f->failed, watched, tui_fleet_rate(f, &f->failed, now), TUI_GRAPH_HIGH }, { "tok/s", &f->tokens, f->asked_at, tokens, TUI_GRAPH } };
    tui_draw_rule(grid, (struct tui_rect){ row++, 0, 1, cols }, "last minutes, 1 column = 5 s", NULL, 0);
    for (size_t i = 0; i < TUI_COUNT(graphs); i++, row += height)
        draw_graph(m, grid, (struct tui_rect){ row, 0, height, cols }, &graphs[i]);
    return row;
}
