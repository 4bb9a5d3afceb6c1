/* Workers: who is there, what they do, who has been lost. */
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

static void draw_detail(const struct tui_model *m, const struct tui_worker *w, struct tui_grid *grid, struct tui_rect rect)
{
    char text[300], age[16];
    double now = tui_age_now(m);
    tui_draw_rule(grid, rect, w->id, NULL, 0);
    snprintf(text, sizeof text, "%s%s%s", *w->queue ? w->queue : "not told", *w->version ? "   version " : "", w->version);
    tui_draw_pair(grid, rect.row + 1, 0, rect.cols, "queue ", TUI_TEXT, text);
    tui_show_age(now, w->started_at, age, sizeof age);
    snprintf(text, sizeof text, "up %s on %s, %lld completed, %lld attempts failed", w->started_at > 0 ? age : "?", *w->host ? w->host : "?", (long long)w->done, (long long)w->failed);
    tui_draw_pair(grid, rect.row + 2, 0, rect.cols, "since ", TUI_TEXT, text);
    if (w->is_lost) {
        tui_show_age(now, w->lost_at > 0 ? w->lost_at : w->last_beat, age, sizeof age);
        if (w->pending > 0)
            snprintf(text, sizeof text, "lost %s ago; %lld tasks of it go to other workers", age, (long long)w->pending);
        else
            snprintf(text, sizeof text, "lost %s ago; other workers have what it ran", age);
        tui_draw_pair(grid, rect.row + 3, 0, rect.cols, "state ", TUI_LOST, text);
    } else {
        tui_set(text, sizeof text, *w->task ? w->task : "none");
        tui_draw_pair(grid, rect.row + 3, 0, rect.cols, "task  ", TUI_TEXT, text);
    }
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_WORKERS];
    struct tui_rect rect = list_rect(m, body);
    tui_list_draw(list, m, grid, rect, tui_age_now(m));
    uint32_t row = tui_list_row(list);
    if (!list->count)
        tui_putf(grid, body.row + 2, 2, body.cols - 2, *m->fleet.workers_error ? TUI_ERROR : TUI_DIM, "%s",
                 *m->fleet.workers_error ? m->fleet.workers_error : *list->filter ? "no worker matches the filter: Esc clears it" :
                 m->fleet.workers_at > 0 ? "no workers: start one with 'orbiter start worker'" : "asking ...");
    if (rect.rows < body.rows && row != UINT32_MAX)
        draw_detail(m, &m->fleet.workers[row], grid, (struct tui_rect){ body.row + rect.rows, 0, DETAIL_ROWS, body.cols });
}

static int act(struct tui_model *m, enum tui_action action)
{
    uint32_t row = tui_list_row(&m->lists[TUI_WORKERS]);
    char id[2 * ORB_ID_MAX + 8];
    if (action != TUI_DO_OPEN || row == UINT32_MAX)
        return 0;
    tui_query_quote(m->fleet.workers[row].id, id, sizeof id);
    tui_go_filter(m, "worker=%s state:running", id);
    return 1;
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    return tui_list_mouse(m, msg, list_rect(m, body));
}

const struct tui_view tui_view_workers = {
    .name = "workers", .title = "Workers", .action = TUI_DO_WORKERS, .source = &tui_worker_source, .sort = "state", .panes = 1, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse,
    .keys = "help find command open drain sort-next columns follow quit",
    .help = "Workers by their heartbeats and leases. One whose lease has run out is lost: its tasks go to others within seconds. BEAT is ok, or how long "
            "ago the last heartbeat was when that is longer than it should be. Enter shows the tasks it runs, D lets it finish them and end.",
};
