/* Workers: who is there, what they do, who has been lost. */
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

static void draw_detail(const struct tui_model *m, const struct tui_worker *w, struct tui_grid *grid, struct tui_rect r)
{
    char text[300], age[16];
    double now = tui_age_now(m);
    int end = r.col + r.cols, col = tui_draw_fact(grid, r.row + 1, 0, end, "serves", TUI_TEXT, *w->queue ? w->queue : "?");
    tui_draw_rule(grid, r, w->id, NULL, 0);
    col = tui_draw_fact(grid, r.row + 1, col, end, "on", TUI_TEXT, *w->host ? w->host : "?");
    tui_show_age(now, w->started_at, age, sizeof age);
    col = tui_draw_fact(grid, r.row + 1, col, end, "up", TUI_TEXT, w->started_at > 0 ? age : "?");
    tui_draw_fact(grid, r.row + 1, col, end, "version", TUI_TEXT, *w->version ? w->version : "not told");
    tui_show_count((double)w->done, text, sizeof text);
    col = tui_draw_fact(grid, r.row + 2, 0, end, "completed", TUI_TEXT, text);
    tui_show_count((double)w->failed, text, sizeof text);
    col = tui_draw_fact(grid, r.row + 2, col, end, "attempts failed", w->failed ? TUI_WARNING : TUI_TEXT, text);
    tui_show_count((double)w->pending, text, sizeof text);
    tui_draw_fact(grid, r.row + 2, col, end, "holds", TUI_TEXT, text);
    if (w->is_lost) {
        tui_show_age(now, w->lost_at > 0 ? w->lost_at : w->last_beat, age, sizeof age);
        snprintf(text, sizeof text, w->pending > 0 ? "%s lost %s ago: what it holds goes to other workers" : "%s lost %s ago: other workers have what it ran", tui_state_glyph("lost"), age);
        tui_put_cut(grid, r.row + 3, 0, r.cols, TUI_LOST, text, strlen(text));
    } else {
        tui_draw_pair(grid, r.row + 3, 0, r.cols, "runs", TUI_TEXT, *w->task ? w->task : "nothing");
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
                 *m->fleet.workers_error ? m->fleet.workers_error : *list->filter ? tui_say_no_match(m) :
                 m->fleet.workers_at > 0 ? "no workers: start one with 'orbiter start worker'" : "asking ...");
    if (rect.rows == body.rows || row == UINT32_MAX)
        return;
    int at = body.row + rect.rows;
    draw_detail(m, &m->fleet.workers[row], grid, (struct tui_rect){ at, 0, 1, body.cols });
    tui_draw_events(m, grid, (struct tui_rect){ at + DETAIL_ROWS, 0, body.rows - rect.rows - DETAIL_ROWS, body.cols }, &(struct tui_events_of){ .worker = m->fleet.workers[row].id });
}

static int act(struct tui_model *m, enum tui_action action)
{
    const char *worker = m->lists[TUI_WORKERS].cursor_id;
    char id[2 * ORB_ID_MAX + 8];
    if (action != TUI_DO_OPEN || !*worker)
        return 0;
    tui_query_quote(worker, id, sizeof id);
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
