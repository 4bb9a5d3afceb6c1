/* Queues: what waits, what runs, how fast it goes; below, more about the one under the cursor. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_ROWS 4
#define EVENT_ROWS 14

static struct tui_rect list_rect(const struct tui_model *m, struct tui_rect body)
{
    if (body.rows > 12 && !m->is_zoomed)
        body.rows -= DETAIL_ROWS + (body.rows >= 36 ? EVENT_ROWS : 0);
    return body;
}

static void draw_counts(const struct tui_queue *q, struct tui_grid *grid, int row, int cols)
{
    const struct { const char *label; int64_t n; enum tui_role role; } counts[] = {
        { "workers", q->workers, q->workers ? TUI_TEXT : TUI_WARNING }, { "consumers", q->consumers, TUI_TEXT }, { "not due or to be tried again", q->delayed, TUI_TEXT },
        { "dead letters", q->dead, q->dead ? TUI_WARNING : TUI_TEXT } };
    char text[24];
    for (size_t i = 0, col = 0; i < TUI_COUNT(counts); i++) {
        tui_show_count((double)counts[i].n, text, sizeof text);
        col = (size_t)tui_draw_fact(grid, row, (int)col, cols, counts[i].label, counts[i].role, text);
    }
}

static void draw_rates(const struct tui_model *m, const struct tui_queue *q, struct tui_grid *grid, int row, int cols)
{
    const struct { const char *label; const struct tui_history *h; } rates[] = { { "in/s", &q->in }, { "out/s", &q->out }, { "fail/s", &q->failed } };
    char text[24], age[16];
    int col = 0;
    for (size_t i = 0; i < TUI_COUNT(rates); i++) {
        snprintf(text, sizeof text, "%.1f", tui_fleet_rate(&m->fleet, rates[i].h, tui_age_now(m)));
        col = tui_draw_fact(grid, row, col, cols, rates[i].label, TUI_TEXT, text);
    }
    if (!q->is_paused)
        return;
    tui_show_age(tui_age_now(m), q->paused_at, age, sizeof age);
    tui_putf(grid, row, col, cols - col, TUI_PAUSED, "%s paused%s%s%s%s: workers of orbiter begin nothing", tui_state_glyph("paused"), *q->paused_by ? " by " : "", q->paused_by,
             q->paused_at > 0 ? " since " : "", q->paused_at > 0 ? age : "");
}

static void draw_depth(const struct tui_model *m, const struct tui_queue *q, struct tui_grid *grid, int row, int cols)
{
    double values[TUI_HISTORY - 1];
    char spark[TUI_HISTORY * 4], most[24];
    size_t n = cols - 24 < 1 ? 0 : cols - 24 < TUI_HISTORY - 1 ? (size_t)(cols - 24) : TUI_HISTORY - 1;
    n = tui_history_known(m->fleet.asked_at, tui_age_now(m), n);
    double max = fmax(tui_history_get(&q->waiting, tui_age_now(m), values, n), (double)q->depth);
    tui_show_spark(values, n, max, spark, sizeof spark);
    tui_show_short(max, most, sizeof most);
    int col = tui_draw_fact(grid, row, 0, cols, "depth, at most", TUI_TEXT, most);
    tui_put(grid, row, col, cols - col, TUI_GRAPH, spark, strlen(spark));
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_QUEUES];
    struct tui_rect rect = list_rect(m, body);
    tui_list_draw(list, m, grid, rect, tui_age_now(m));
    uint32_t row = tui_list_row(list);
    if (!list->count)
        tui_putf(grid, body.row + 2, 2, body.cols - 2, *m->fleet.queues_error ? TUI_ERROR : TUI_DIM, "%s",
                 *m->fleet.queues_error ? m->fleet.queues_error : *list->filter ? tui_say_no_match(m) :
                 m->fleet.queues_at > 0 ? "no queue has had a task or a worker yet" : "asking ...");
    if (rect.rows == body.rows || row == UINT32_MAX)
        return;
    const struct tui_queue *q = &m->fleet.queues[row];
    int at = body.row + rect.rows;
    tui_draw_rule(grid, (struct tui_rect){ at, 0, 1, body.cols }, q->name, NULL, 0);
    draw_counts(q, grid, at + 1, body.cols);
    draw_rates(m, q, grid, at + 2, body.cols);
    draw_depth(m, q, grid, at + 3, body.cols);
    tui_draw_events(m, grid, (struct tui_rect){ at + DETAIL_ROWS, 0, body.rows - rect.rows - DETAIL_ROWS, body.cols }, &(struct tui_events_of){ .queue = q->name });
}

static int act(struct tui_model *m, enum tui_action action)
{
    const char *queue = m->lists[TUI_QUEUES].cursor_id;
    char name[2 * ORB_ID_MAX + 8];
    if (action != TUI_DO_OPEN || !*queue)
        return 0;
    tui_query_quote(queue, name, sizeof name);
    tui_go_filter(m, "queue=%s", name);
    return 1;
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    return tui_list_mouse(m, msg, list_rect(m, body));
}

const struct tui_view tui_view_queues = {
    .name = "queues", .title = "Queues", .action = TUI_DO_QUEUES, .source = &tui_queue_source, .sort = "queue", .panes = 1, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse,
    .keys = "help find command open pause-queue replay purge sort-next columns quit",
    .help = "Queues that have had a task or a worker. DEPTH are tasks that may begin and that nobody has been given, UNACKED those that workers "
            "hold; rates are of the last minute, ETA is when the queue will be empty at these rates. Enter shows the queue's tasks, P pauses it or lets it go on.",
};
