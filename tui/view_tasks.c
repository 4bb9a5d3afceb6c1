/* Tasks: the list; below (or, when wide, at the right) more about the one under the cursor. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_ROWS 5
#define INPUT_ROWS 7
#define EVENT_ROWS 12

/* Wide: the stream at the right, what the task was asked below the list and, when there is room, what happens to the tasks that the list
 * shows. Narrow: a few lines below. */
struct layout {
    struct tui_rect list, detail, events, stream;
};

static int is_beside(const struct tui_model *m)
{
    return tui_is_wide(m) && !m->is_zoomed;
}

static struct layout lay_out(const struct tui_model *m, struct tui_rect body)
{
    struct layout l = { .list = body };
    if (m->is_zoomed || body.rows <= 12)
        return l;
    if (is_beside(m)) {
        l.list.cols = body.cols / 2;
        l.stream = (struct tui_rect){ body.row, l.list.cols + 1, body.rows, body.cols - l.list.cols - 1 };
    }
    l.detail = (struct tui_rect){ 0, 0, is_beside(m) ? INPUT_ROWS : DETAIL_ROWS, l.list.cols };
    l.events = (struct tui_rect){ 0, 0, is_beside(m) && body.rows >= 36 ? EVENT_ROWS : 0, l.list.cols };
    l.list.rows -= l.detail.rows + l.events.rows;
    l.detail.row = l.list.row + l.list.rows;
    l.events.row = l.detail.row + l.detail.rows;
    return l;
}

static void draw_empty(const struct tui_model *m, const struct tui_list *list, struct tui_grid *grid, struct tui_rect rect)
{
    char submit[80];
    snprintf(submit, sizeof submit, "no tasks: submit one with 'orbiter submit', or %s here", tui_keys_say(m->keys, TUI_DO_SUBMIT));
    const char *why = *m->troubles[TUI_TROUBLE_TASKS] ? m->troubles[TUI_TROUBLE_TASKS] : *list->filter ? tui_say_no_match(m) :
                      m->tasks.is_filled ? submit : "asking ...";
    tui_put(grid, rect.row + 2, 2, rect.cols - 2, TUI_DIM, why, strlen(why));
}

/* ---- more about the one under the cursor --------------------------------------- */

static void draw_title(const struct tui_model *m, const struct tui_task *t, const char *id, struct tui_grid *grid, struct tui_rect rect, int is_on)
{
    char text[400], short_id[ORB_ID_MAX + 8], worker[40];
    tui_show_id(id, 12, short_id, sizeof short_id);
    tui_show_id(tui_texts_get(m->texts, t->worker), 24, worker, sizeof worker);
    int n = snprintf(text, sizeof text, "%s  %s%s%s", short_id, tui_texts_get(m->texts, t->agent), t->agent ? " / " : "", tui_texts_get(m->texts, t->queue));
    if (*worker)
        snprintf(text + n, sizeof text - (size_t)n, " / %s", worker);
    tui_draw_rule(grid, (struct tui_rect){ rect.row, rect.col, 1, rect.cols }, text, NULL, is_on);
}

static void draw_figures(const struct tui_model *m, const struct tui_task *t, struct tui_grid *grid, struct tui_rect rect)
{
    char text[80], in[24], out[24];
    const char *state = orb_status_word(t->state);
    struct tui_value took = { 0 };
    int end = rect.col + rect.cols;
    snprintf(text, sizeof text, "%s %s", tui_state_glyph(state), state);
    int col = tui_put(grid, rect.row, rect.col, rect.cols, tui_state_role(state), text, strlen(text)) + 2;
    snprintf(text, sizeof text, "%d", tui_tries(t->attempt, t->retries, t->started_at));
    col = tui_draw_fact(grid, rect.row, col, end, "try", TUI_TEXT, text);
    tui_task_source.value(m, (uint32_t)(t - m->tasks.rows), TUI_TASK_TOOK, &took);
    int is_running = t->state == ORB_STATUS_RUNNING;
    if (is_running)
        tui_show_age(tui_age_now(m), tui_age_now(m) - took.number, text, sizeof text);
    else
        tui_show_span(took.number, text, sizeof text);
    if (!isnan(took.number))
        col = tui_draw_fact(grid, rect.row, col, end, is_running ? "runs" : "took", TUI_TEXT, text);
    tui_show_count(t->tokens_in, in, sizeof in);
    tui_show_count(t->tokens_out, out, sizeof out);
    snprintf(text, sizeof text, "%s in, %s out", in, out);
    if (t->tokens_in || t->tokens_out)
        col = tui_draw_fact(grid, rect.row, col, end, "tokens", TUI_TEXT, text);
    snprintf(text, sizeof text, "$%.4f", (double)t->cost);
    if (!isnan(t->cost))
        col = tui_draw_fact(grid, rect.row, col, end, "cost", TUI_TEXT, text);
    if (t->recoveries)
        tui_draw_fact(grid, rect.row, col, end, "recovered from", TUI_WARNING, t->recoveries == 1 ? "a dead worker" : "dead workers");
}

static void draw_error(const struct tui_model *m, const struct tui_task *t, struct tui_grid *grid, struct tui_rect rect)
{
    char text[500];
    const char *type = tui_texts_get(m->texts, t->error_type), *error = tui_texts_get(m->texts, t->error);
    snprintf(text, sizeof text, "%s%s%s", type, *type && *error ? ": " : "", error);
    if (*text)
        tui_draw_pair(grid, rect.row, rect.col, rect.cols, "err", TUI_ERROR, text);
}

/* What it has said last, or its answer. */
static void draw_said(const struct tui_model *m, struct tui_grid *grid, struct tui_rect rect)
{
    const struct tui_open *o = &m->open;
    size_t len = 0;
    const char *said = tui_pane_last(&o->panes[TUI_TAB_STREAM], &len);
    if (!len && o->has_detail)
        said = tui_pane_last(&o->panes[TUI_TAB_RESULT], &len);
    if (!len)
        return;
    int col = tui_put(grid, rect.row, rect.col, rect.cols, TUI_DIM, "out ", 4);
    (o->is_over ? tui_put_cut : tui_put_end)(grid, rect.row, col, rect.cols - 4, TUI_TEXT, said, len);
}

/* The answer comes at once as a rule: only a wait is told. */
static const char *asked_of(const struct tui_model *m)
{
    const struct tui_open *o = &m->open;
    return o->has_detail ? o->asked : *o->missing ? o->missing : m->now - o->opened_at < 1 ? "" : "asking ...";
}

static void draw_below(const struct tui_model *m, uint32_t row, struct tui_grid *grid, struct tui_rect r)
{
    const struct tui_task *t = &m->tasks.rows[row];
    draw_title(m, t, tui_task_id(&m->tasks, row), grid, r, 0);
    draw_figures(m, t, grid, (struct tui_rect){ r.row + 1, r.col, 1, r.cols });
    tui_draw_pair(grid, r.row + 2, r.col, r.cols, "in ", TUI_TEXT, asked_of(m));
    draw_said(m, grid, (struct tui_rect){ r.row + 3, r.col, 1, r.cols });
    draw_error(m, t, grid, (struct tui_rect){ r.row + 4, r.col, 1, r.cols });
}

/* What it was asked, and why it failed. */
static void draw_input(const struct tui_model *m, uint32_t row, struct tui_grid *grid, struct tui_rect r)
{
    struct tui_pane pane;
    tui_draw_rule(grid, (struct tui_rect){ r.row, r.col, 1, r.cols }, "input", NULL, 0);
    tui_pane_init(&pane, 0);
    tui_pane_add(&pane, TUI_TEXT, TUI_LINE_TEXT, asked_of(m), strlen(asked_of(m)));
    tui_pane_draw(&pane, grid, (struct tui_rect){ r.row + 1, r.col, r.rows - 2, r.cols });
    tui_pane_done(&pane);
    draw_error(m, &m->tasks.rows[row], grid, (struct tui_rect){ r.row + r.rows - 1, r.col, 1, r.cols });
}

static void draw_stream(struct tui_model *m, uint32_t row, struct tui_grid *grid, struct tui_rect r)
{
    const struct tui_task *t = &m->tasks.rows[row];
    draw_title(m, t, tui_task_id(&m->tasks, row), grid, r, m->is_beside_on);
    draw_figures(m, t, grid, (struct tui_rect){ r.row + 1, r.col + 1, 1, r.cols - 1 });
    tui_open_draw_stream(m, grid, (struct tui_rect){ r.row + 2, r.col + 1, r.rows - 2, r.cols - 1 });
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    struct tui_list *list = &m->lists[TUI_TASKS];
    struct layout l = lay_out(m, body);
    tui_list_draw(list, m, grid, l.list, tui_age_now(m));
    uint32_t row = tui_list_row(list);
    if (!list->count)
        draw_empty(m, list, grid, l.list);
    tui_draw_events(m, grid, l.events, &(struct tui_events_of){ .tasks = list });
    if (l.stream.cols)
        tui_fill(grid, (struct tui_rect){ body.row, l.list.cols, body.rows, 1 }, TUI_BORDER, tui_is_ascii() ? "|" : "│");
    if (row == UINT32_MAX || !l.detail.rows)
        return;
    if (!l.stream.cols) {
        draw_below(m, row, grid, l.detail);
        return;
    }
    draw_input(m, row, grid, l.detail);
    draw_stream(m, row, grid, l.stream);
}

/* ---- keys ------------------------------------------------------------------------ */

static int act(struct tui_model *m, enum tui_action action)
{
    struct tui_list *list = &m->lists[TUI_TASKS];
    if ((action == TUI_DO_NEXT_PANE || action == TUI_DO_PREV_PANE) && is_beside(m)) {
        m->is_beside_on ^= 1;
        return 1;
    }
    if (action != TUI_DO_OPEN)
        return tui_model_pane(m) && tui_pane_act(tui_model_pane(m), (int)action);
    if (tui_list_row(list) == UINT32_MAX)
        return 0;
    tui_go_task(m, list->cursor_id);
    return 1;
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    struct layout l = lay_out(m, body);
    if (!l.stream.cols || msg->b < l.stream.col)
        return tui_list_mouse(m, msg, l.list);
    for (int i = 0; i < 3; i++)
        tui_pane_act(&m->open.panes[TUI_TAB_STREAM], !strcmp(msg->text, "up") ? TUI_DO_UP : !strcmp(msg->text, "down") ? TUI_DO_DOWN : TUI_DO_NOTHING);
    if (!strcmp(msg->text, "press"))
        m->is_beside_on = 1;
    return 1;
}

static void want(const struct tui_model *m, struct tui_want *w)
{
    if (lay_out(m, tui_chrome_body(m)).detail.rows)
        w->open_id = m->open.id;
}

const struct tui_view tui_view_tasks = {
    .name = "tasks", .title = "Tasks", .action = TUI_DO_TASKS, .source = &tui_task_source, .sort = "age", .is_descending = 1, .panes = 1, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse, .want = want,
    .keys = "help find command open mark cancel resubmit edit copy sort columns follow quit",
    .help = "All tasks, newest first, kept up to date by the fleet's feed. / filters: words that must be somewhere, field:value, field~regex, !not, "
            "age<1h, tok>1000. Enter opens a task with its live stream, Space marks, C cancels and R resubmits the marked ones, or the one under the cursor. "
            "On a wide screen its stream is at the right, and Tab gives it the keys.",
};
