/* Tasks: the list; below (or, when wide, at the right) more about the one under the cursor. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_ROWS 5

static struct tui_rect list_rect(const struct tui_model *m, struct tui_rect body)
{
    if (tui_is_wide(m) && !m->is_zoomed)
        body.cols = body.cols * 3 / 5;
    else if (body.rows > 12 && !m->is_zoomed)
        body.rows -= DETAIL_ROWS;
    return body;
}

static void draw_empty(const struct tui_model *m, const struct tui_list *list, struct tui_grid *grid, struct tui_rect rect)
{
    const char *why = *m->troubles[TUI_TROUBLE_TASKS] ? m->troubles[TUI_TROUBLE_TASKS] : *list->filter ? "no task matches the filter: Esc clears it" :
                      m->tasks.is_filled ? "no tasks: submit one with 'orbiter submit', or S here" : m->link.is_up ? "asking ..." : "";
    tui_put(grid, rect.row + 2, 2, rect.cols - 2, TUI_DIM, why, strlen(why));
}

static void draw_detail(const struct tui_model *m, uint32_t row, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_task *t = &m->tasks.rows[row];
    char text[400], took[24], age[16], cost[16] = "";
    const char *state = orb_status_word(t->state);
    snprintf(text, sizeof text, "%.8s  %s", tui_task_id(&m->tasks, row), tui_texts_get(m->texts, t->agent));
    tui_draw_rule(grid, rect, text, NULL, 0);
    struct tui_value value = { 0 };
    tui_show_age(tui_age_now(m), t->created_at, age, sizeof age);
    tui_task_source.value(m, row, TUI_TASK_TOOK, &value);
    tui_show_span(value.number, took, sizeof took);
    snprintf(text, sizeof text, "%s %s", tui_state_glyph(state), state);
    int col = tui_put(grid, rect.row + 1, rect.col, rect.cols, tui_state_role(state), text, strlen(text));
    if (!isnan(t->cost))
        snprintf(cost, sizeof cost, "  $%.4f", (double)t->cost);
    tui_putf(grid, rect.row + 1, col, rect.cols - (col - rect.col), TUI_TEXT, "  try %u  %s old  took %s%s", t->attempt, t->created_at > 0 ? age : "?", took, cost);
    snprintf(text, sizeof text, "%s  worker %s", tui_texts_get(m->texts, t->queue), t->worker ? tui_texts_get(m->texts, t->worker) : "none");
    tui_draw_pair(grid, rect.row + 2, rect.col, rect.cols, "queue", TUI_TEXT, text);
    snprintf(text, sizeof text, "%u in, %u out%s", t->tokens_in, t->tokens_out, t->recoveries ? "   recovered from a dead worker" : "");
    tui_draw_pair(grid, rect.row + 3, rect.col, rect.cols, "tokens", TUI_TEXT, text);
    if (t->error && rect.rows > 4) {
        snprintf(text, sizeof text, "%s%s%s", tui_texts_get(m->texts, t->error_type), t->error_type ? ": " : "", tui_texts_get(m->texts, t->error));
        tui_draw_pair(grid, rect.row + 4, rect.col, rect.cols, "error", TUI_ERROR, text);
    }
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_TASKS];
    struct tui_rect rect = list_rect(m, body);
    tui_list_draw(list, m, grid, rect, tui_age_now(m));
    uint32_t row = tui_list_row(list);
    if (!list->count)
        draw_empty(m, list, grid, rect);
    if (rect.cols < body.cols)
        tui_fill(grid, (struct tui_rect){ body.row, rect.cols, body.rows, 1 }, TUI_BORDER, tui_is_ascii() ? "|" : "│");
    if (row == UINT32_MAX)
        return;
    if (rect.cols < body.cols) {
        draw_detail(m, row, grid, (struct tui_rect){ body.row, rect.cols + 2, body.rows, body.cols - rect.cols - 2 });
        tui_open_draw_stream(m, grid, (struct tui_rect){ body.row + 6, rect.cols + 2, body.rows - 6, body.cols - rect.cols - 2 });
    } else if (rect.rows < body.rows) {
        draw_detail(m, row, grid, (struct tui_rect){ body.row + rect.rows, 0, DETAIL_ROWS, body.cols });
    }
}

static int act(struct tui_model *m, enum tui_action action)
{
    struct tui_list *list = &m->lists[TUI_TASKS];
    if (action != TUI_DO_OPEN || tui_list_row(list) == UINT32_MAX)
        return 0;
    tui_go_task(m, list->cursor_id);
    return 1;
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    return tui_list_mouse(m, msg, list_rect(m, body));
}

static void want(const struct tui_model *m, struct tui_want *w)
{
    if (tui_is_wide(m) && !m->is_zoomed)
        w->open_id = m->open.id;
}

const struct tui_view tui_view_tasks = {
    .name = "tasks", .title = "Tasks", .action = TUI_DO_TASKS, .source = &tui_task_source, .sort = "age", .is_descending = 1, .panes = 1, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse, .want = want,
    .keys = "help find command open mark cancel resubmit edit copy sort-next columns follow quit",
    .help = "All tasks, newest first, kept up to date by the fleet's feed. / filters: words that must be somewhere, field:value, field~regex, !not, "
            "age<1h, tok>1000. Enter opens a task with its live stream, Space marks, C cancels and R resubmits the marked ones, or the one under the cursor.",
};
