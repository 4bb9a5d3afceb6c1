/* Events: what happens in the fleet, line by line, as it comes. */
#include "view.h"

#include <stdio.h>
#include <string.h>

#define LOOKED_AT 2000      /* the newest lines, for those that are wanted */
#define SHOWN_MAX 100

static void draw_line(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, uint32_t line)
{
    static const struct { const char *field; int cols; } columns[] = { { "time", 8 }, { "type", 15 }, { "id", 10 }, { "agent", 9 }, { "text", 0 } };
    char text[300];
    int col = r.col + 2, end = r.col + r.cols;
    for (size_t i = 0; i < TUI_COUNT(columns) && col < end; i++) {
        int field = tui_field_find(&tui_log_source, columns[i].field), cols = columns[i].cols ? columns[i].cols : end - col;
        struct tui_value v = { 0 };
        tui_log_source.value(m, line, (size_t)field, &v);
        tui_value_show(&tui_log_source.fields[field], &v, tui_age_now(m), cols, text, sizeof text);
        tui_put_cut(grid, r.row, col, cols, v.role, text, strlen(text));
        col += cols + 1;
    }
}

static int is_wanted(const struct tui_model *m, const struct tui_events_of *of, const struct tui_log_line *line)
{
    if (of->queue)
        return !strcmp(tui_texts_get(m->texts, line->queue), of->queue) || !strcmp(line->subject, of->queue);
    if (of->worker)
        return !strcmp(tui_texts_get(m->texts, line->worker), of->worker);
    if (!of->tasks || !*of->tasks->filter)
        return 1;
    uint32_t row = tui_tasks_find(&m->tasks, line->subject);
    return row != UINT32_MAX && row < of->tasks->room && of->tasks->is_in[row];
}

static const char *title_of(const struct tui_events_of *of)
{
    return of->queue ? "events of this queue" : of->worker ? "events of this worker" : of->tasks && *of->tasks->filter ? "events of this filter" : "events";
}

void tui_draw_events(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, const struct tui_events_of *of)
{
    static const struct tui_events_of all;
    uint32_t lines[SHOWN_MAX];
    size_t n = 0;
    if (r.rows < 2)
        return;
    of = of ? of : &all;
    tui_draw_rule(grid, (struct tui_rect){ r.row, r.col, 1, r.cols }, title_of(of), NULL, 0);
    for (uint64_t number = m->log.next, looked = 0; m->log.lines && --number && ++looked <= LOOKED_AT && n < SHOWN_MAX;) {
        uint32_t line = (uint32_t)(number % TUI_LOG_MAX);
        if (m->log.lines[line].number != number)
            break;
        if (!is_wanted(m, of, &m->log.lines[line]))
            continue;
        size_t at = n++; /* what operators did is told a little later than it happened */
        for (; at && m->log.lines[lines[at - 1]].at < m->log.lines[line].at; at--)
            lines[at] = lines[at - 1];
        lines[at] = line;
    }
    for (int i = 0; i < r.rows - 1 && i < (int)n; i++)
        draw_line(m, grid, (struct tui_rect){ r.row + 1 + i, r.col, 1, r.cols }, lines[i]);
    if (!n)
        tui_put(grid, r.row + 1, r.col + 2, r.cols - 2, TUI_DIM, "nothing has happened yet", 24);
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_EVENTS];
    tui_list_draw(list, m, grid, body, tui_age_now(m));
    const char *why = *m->troubles[TUI_TROUBLE_FEED] ? m->troubles[TUI_TROUBLE_FEED] : *list->filter ? tui_say_no_match(m) : "nothing has happened since the console was opened";
    if (!list->count)
        tui_put(grid, body.row + 2, 2, body.cols - 2, TUI_DIM, why, strlen(why));
}

static int act(struct tui_model *m, enum tui_action action)
{
    uint32_t row = tui_log_source.find(m, m->lists[TUI_EVENTS].cursor_id);
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
    .name = "events", .title = "Events", .action = TUI_DO_EVENTS, .source = &tui_log_source, .sort = "time", .is_descending = 1, .is_following = 1, .panes = 1,
    .draw = draw, .act = act, .mouse = mouse, .want = want, .target = target,
    .keys = "help find command open follow pause export copy quit",
    .help = "Every change of a task's state, workers that come, go and are lost, queues that are paused, what operators did, and what became of the "
            "connection; the newest first, which stays in sight until the cursor is moved; f goes on with it. The filter takes type:task.failed, level>0, agent:NAME and so on.",
};
