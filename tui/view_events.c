/* Events: what happens in the fleet, line by line, as it comes. */
#include "view.h"

#include <stdio.h>
#include <string.h>

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_EVENTS];
    tui_list_draw(list, m, grid, body, tui_age_now(m));
    const char *why = *m->troubles[TUI_TROUBLE_FEED] ? m->troubles[TUI_TROUBLE_FEED] : *list->filter ? "no event matches the filter: Esc clears it" : "nothing has happened since the console was opened";
    if (!list->count)
        tui_put(grid, body.row + 2, 2, body.cols - 2, TUI_DIM, why, strlen(why));
}

static int act(struct tui_model *m, enum tui_action action)
{
    uint32_t row = tui_list_row(&m->lists[TUI_EVENTS]);
    if (action != TUI_DO_OPEN || row == UINT32_MAX)
        return 0;
    const struct tui_log_line *line = &m->log.lines[row];
    const char *type = tui_texts_get(m->texts, line->type);
    if (!strncmp(type, "worker.", 7)) {
        tui_go(m, TUI_WORKERS);
        tui_list_settle(&m->lists[TUI_WORKERS], m);
        tui_list_go_id(&m->lists[TUI_WORKERS], m, line->subject);
    } else if (!strncmp(type, "queue.", 6)) {
        tui_go(m, TUI_QUEUES);
        tui_list_settle(&m->lists[TUI_QUEUES], m);
        tui_list_go_id(&m->lists[TUI_QUEUES], m, line->subject);
    } else if (tui_tasks_find(&m->tasks, line->subject) != UINT32_MAX) {
        tui_go_task(m, line->subject);
    } else {
        tui_toast(m, 0, "nothing to open: %s", line->subject);
    }
    return 1;
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    return tui_list_mouse(m, msg, body);
}

static const char *target(struct tui_model *m, enum tui_subject subject)
{
    const struct tui_list *list = &m->lists[TUI_EVENTS];
    uint32_t row = tui_log_source.find(m, list->cursor_id);
    if (row == UINT32_MAX)
        return "";
    const struct tui_log_line *line = &m->log.lines[row];
    int is_task = tui_tasks_find(&m->tasks, line->subject) != UINT32_MAX, is_worker = tui_worker_source.find(m, line->subject) != UINT32_MAX;
    int is_queue = tui_fleet_queue(&m->fleet, line->subject) != NULL;
    return (subject == TUI_OF_TASK && is_task) || (subject == TUI_OF_WORKER && is_worker) || (subject == TUI_OF_QUEUE && is_queue) ? line->subject : "";
}

static void want(const struct tui_model *m, struct tui_want *w)
{
    (void)m;
    w->wants_audit = 1;
}

const struct tui_view tui_view_events = {
    .name = "events", .title = "Events", .action = TUI_DO_EVENTS, .source = &tui_log_source, .sort = "number", .is_descending = 1, .panes = 1,
    .draw = draw, .act = act, .mouse = mouse, .want = want, .target = target,
    .keys = "help find command open follow pause export copy quit",
    .help = "Every change of a task's state, workers that come, go and are lost, queues that are paused, what operators did, and what became of the "
            "connection; the newest first. f keeps the newest in sight. The filter takes type:task.failed, level>0, agent:NAME and so on.",
};
