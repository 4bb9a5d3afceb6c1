/* Queues: what waits, what runs, how fast it goes; below, more about the one under the cursor. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_ROWS 4

static struct tui_rect list_rect(const struct tui_model *m, struct tui_rect body)
{
    if (body.rows > 12 && !m->is_zoomed)
        body.rows -= DETAIL_ROWS;
    return body;
}

static void draw_detail(const struct tui_model *m, const struct tui_queue *q, struct tui_grid *grid, struct tui_rect rect)
{
    char text[160], age[16], fail[16];
    double now = tui_age_now(m);
    tui_draw_rule(grid, rect, q->name, q->is_paused ? "paused" : NULL, 0);
    snprintf(text, sizeof text, "%lld live, %lld consumers of its group", (long long)q->workers, (long long)q->consumers);
    tui_draw_pair(grid, rect.row + 1, 0, rect.cols, "workers", TUI_TEXT, text);
    snprintf(text, sizeof text, "%lld delayed or waiting for another attempt, %lld dead letters", (long long)q->delayed, (long long)q->dead);
    tui_draw_pair(grid, rect.row + 2, 0, rect.cols, "beside ", q->dead ? TUI_WARNING : TUI_TEXT, text);
    snprintf(fail, sizeof fail, "%.1f", tui_fleet_rate(&m->fleet, &q->failed, now));
    if (q->is_paused) {
        tui_show_age(now, q->paused_at, age, sizeof age);
        snprintf(text, sizeof text, "paused%s%s %s ago: workers of orbiter begin nothing", *q->paused_by ? " by " : "", q->paused_by, q->paused_at > 0 ? age : "?");
        tui_draw_pair(grid, rect.row + 3, 0, rect.cols, "state  ", TUI_PAUSED, text);
    } else {
        tui_draw_pair(grid, rect.row + 3, 0, rect.cols, "fail/s ", TUI_TEXT, fail);
    }
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_QUEUES];
    struct tui_rect rect = list_rect(m, body);
    tui_list_draw(list, m, grid, rect, tui_age_now(m));
    uint32_t row = tui_list_row(list);
    if (!list->count)
        tui_putf(grid, body.row + 2, 2, body.cols - 2, *m->fleet.queues_error ? TUI_ERROR : TUI_DIM, "%s",
                 *m->fleet.queues_error ? m->fleet.queues_error : *list->filter ? "no queue matches the filter: Esc clears it" :
                 m->fleet.queues_at > 0 ? "no queue has had a task or a worker yet" : "asking ...");
    if (rect.rows < body.rows && row != UINT32_MAX)
        draw_detail(m, &m->fleet.queues[row], grid, (struct tui_rect){ body.row + rect.rows, 0, DETAIL_ROWS, body.cols });
}

static int act(struct tui_model *m, enum tui_action action)
{
    uint32_t row = tui_list_row(&m->lists[TUI_QUEUES]);
    char name[2 * ORB_ID_MAX + 8];
    if (action != TUI_DO_OPEN || row == UINT32_MAX)
        return 0;
    tui_query_quote(m->fleet.queues[row].name, name, sizeof name);
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
