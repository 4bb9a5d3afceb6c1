/* The views, one row each, and what they share. */
#include "view.h"

#include <stdio.h>
#include <string.h>

extern const struct tui_view tui_view_overview, tui_view_queues, tui_view_workers, tui_view_tasks, tui_view_events, tui_view_task, tui_view_help,
    tui_view_theme;

const struct tui_view *const tui_views[TUI_SCREENS] = {
    [TUI_OVERVIEW] = &tui_view_overview, [TUI_QUEUES] = &tui_view_queues, [TUI_WORKERS] = &tui_view_workers, [TUI_TASKS] = &tui_view_tasks,
    [TUI_EVENTS] = &tui_view_events, [TUI_TASK] = &tui_view_task, [TUI_HELP] = &tui_view_help, [TUI_THEME] = &tui_view_theme,
};

/* What is shown may be so no longer. */
static void dim(struct tui_grid *grid, struct tui_rect rect)
{
    for (int row = rect.row; row < rect.row + rect.rows; row++)
        for (int col = rect.col; col < rect.col + rect.cols; col++)
            if (tui_grid_at(grid, row, col)->role == TUI_TEXT)
                tui_grid_at(grid, row, col)->role = TUI_DIM;
}

void tui_model_draw(struct tui_model *m, struct tui_grid *grid)
{
    struct tui_rect body = tui_chrome_body(m);
    tui_grid_clear(grid);
    if (m->rows < 5 || m->cols < 30) { /* one line that says how it stands */
        char clock[16];
        tui_show_clock(m->now, 0, clock, sizeof clock);
        tui_putf(grid, 0, 0, grid->cols, TUI_TEXT, "%s run %lld fail %lld %s", m->link.is_up ? "LIVE" : "STALE",
                 (long long)m->fleet.by_state[ORB_STATUS_RUNNING], (long long)m->fleet.by_state[ORB_STATUS_FAILED], clock);
        return;
    }
    tui_views[m->screen]->draw(m, grid, body);
    if (!m->link.is_up && m->link.was_up)
        dim(grid, body);
    tui_chrome_draw(m, grid);
    if (m->menu.use != TUI_MENU_NONE)
        tui_menu_draw(&m->menu, grid);
}

struct tui_pane *tui_model_pane(struct tui_model *m)
{
    if (m->screen == TUI_TASK)
        return &m->open.panes[m->open.tab];
    if (m->screen == TUI_TASKS && m->is_beside_on && tui_is_wide(m) && !m->is_zoomed)
        return &m->open.panes[TUI_TAB_STREAM]; /* beside the list */
    return m->screen == TUI_HELP ? &m->help : NULL;
}

const char *tui_view_target(struct tui_model *m, enum tui_subject subject)
{
    const struct tui_view *view = tui_views[m->screen];
    return view->target ? view->target(m, subject) : "";
}

const char *tui_say_no_match(const struct tui_model *m)
{
    static char text[80];
    snprintf(text, sizeof text, "no %s matches the filter: %s clears it", m->lists[m->screen].source->noun, tui_keys_say(m->keys, TUI_DO_BACK));
    return text;
}

void tui_draw_rule(struct tui_grid *grid, struct tui_rect rect, const char *title, const char *right, int is_on)
{
    int right_cols = right ? tui_columns(right, strlen(right)) : 0;
    tui_fill(grid, (struct tui_rect){ rect.row, rect.col, 1, rect.cols }, TUI_BORDER, tui_is_ascii() ? "-" : "─");
    int end = title ? tui_putf(grid, rect.row, rect.col + 2, rect.cols - 2, is_on ? TUI_STRONG : TUI_TITLE, " %s ", title) : rect.col;
    if (right && end + right_cols + 5 <= rect.col + rect.cols)
        tui_putf(grid, rect.row, rect.col + rect.cols - right_cols - 3, right_cols + 2, TUI_DIM, " %s ", right);
}

int tui_draw_pair(struct tui_grid *grid, int row, int col, int cols, const char *label, enum tui_role role, const char *value)
{
    int end = col + cols;
    col = tui_put(grid, row, col, end - col, TUI_DIM, label, strlen(label)) + 1;
    return col < end ? tui_put_cut(grid, row, col, end - col, role, value, strlen(value)) : col;
}

int tui_draw_fact(struct tui_grid *grid, int row, int col, int end, const char *label, enum tui_role role, const char *value)
{
    int cols = tui_columns(label, strlen(label)), value_cols = tui_columns(value, strlen(value));
    if (col + cols + 1 + value_cols > end)
        return col;
    tui_put(grid, row, col, cols, TUI_DIM, label, strlen(label));
    return tui_put(grid, row, col + cols + 1, value_cols, role, value, strlen(value)) + 2;
}

int tui_list_mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect rect)
{
    struct tui_list *list = tui_model_list(m);
    int field;
    long place = tui_list_hit(list, rect, (int)msg->a, (int)msg->b, &field);
    if (!strcmp(msg->text, "up") || !strcmp(msg->text, "down"))
        tui_list_move(list, m, msg->text[0] == 'u' ? -3 : 3);
    else if (field >= 0)
        tui_list_sort(list, field, field == list->sort_field ? !list->is_descending : list->source->fields[field].kind > TUI_STATE_FIELD);
    else if (place < 0)
        return 0;
    else if ((size_t)place == list->cursor) /* again: open it */
        tui_model_do(m, TUI_DO_OPEN, "");
    else
        tui_list_go(list, m, (size_t)place);
    return 1;
}
