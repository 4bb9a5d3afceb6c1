/* Around the body: the header says which Redis, whether what is shown is live, and where one is; then the status line, and the keys of
 * this screen. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int has_status_line(const struct tui_model *m)
{
    return m->rows >= 8;
}

struct tui_rect tui_chrome_body(const struct tui_model *m)
{
    int rows = m->rows - 2 - has_status_line(m);
    return (struct tui_rect){ 1, 0, rows > 0 ? rows : 0, m->cols };
}

/* ---- header ----------------------------------------------------------------- */

/* At most four columns: a number that is cut would be another one. */
static void show_brief(double n, char *out, size_t cap)
{
    if (n < 1000)
        snprintf(out, cap, "%.0f", n);
    else
        snprintf(out, cap, n < 1e6 ? "%.0fk" : "%.0fM", floor(n / (n < 1e6 ? 1e3 : 1e6)));
}

static void show_stale(double age, char *out, size_t cap)
{
    age = fmin(age, 9999 * 3600.0);
    if (age < 1000)
        snprintf(out, cap, "STALE %.0fs", floor(age));
    else
        snprintf(out, cap, age < 60000 ? "STALE %.0fm" : "STALE %.0fh", floor(age / (age < 60000 ? 60 : 3600)));
}

static int draw_link(struct tui_model *m, struct tui_grid *grid, int col)
{
    const struct tui_link *link = &m->link;
    char text[24], newer[8];
    if (m->is_paused) {
        show_brief((double)m->newer, newer, sizeof newer);
        return tui_putf(grid, 0, col, grid->cols - col, TUI_STALE, m->newer ? "PAUSED %s" : "PAUSED", newer);
    }
    if (link->is_up) {
        /* While it is up a question is asked every two seconds: a silence means that answers do not come. */
        double age = link->heard_at > 0 ? m->now - link->heard_at : 0;
        show_stale(age, text, sizeof text);
        return tui_put(grid, 0, col, grid->cols - col, age < 3 ? TUI_LIVE : TUI_STALE, age < 3 ? "LIVE" : text, age < 3 ? 4 : strlen(text));
    }
    if (!link->was_up)
        return tui_put(grid, 0, col, grid->cols - col, TUI_STALE, "CONNECTING", 10);
    show_stale(m->now - link->since, text, sizeof text);
    return tui_put(grid, 0, col, grid->cols - col, TUI_OFFLINE, text, strlen(text));
}

/* The screens' names with their keys; returns the column behind. With a place of the mouse: which one is there, or -1. */
static int draw_tabs(struct tui_model *m, struct tui_grid *grid, int col, int cols, int *hit)
{
    int is_short = cols - col < 46;
    if (m->screen > TUI_EVENTS && cols < 110) /* the place is for where one is */
        return col;
    for (int i = 0; i < TUI_SCREENS; i++) {
        const struct tui_view *view = tui_views[i];
        char text[40];
        if (i > TUI_EVENTS)
            continue;
        const char *key = tui_keys_first(m->keys, view->action);
        int is_on = i == (int)m->screen;
        snprintf(text, sizeof text, is_on ? "[%s %.*s]" : " %s %.*s ", key, is_short ? (is_on ? 4 : 0) : 20, view->title);
        int width = tui_columns(text, strlen(text));
        if (hit && *hit >= col && *hit < col + width) {
            *hit = i;
            return -1;
        }
        if (grid)
            tui_put(grid, 0, col, cols - col, is_on ? TUI_TAB_ON : TUI_TAB, text, strlen(text));
        col += width;
    }
    return col;
}

static int tabs_column(struct tui_model *m)
{
    int title = tui_columns(m->title, strlen(m->title));
    return 9 + (title < 16 ? title : 16) + 2 + (m->cols >= 100 ? 12 : 11);
}

static void draw_crumb(struct tui_model *m, struct tui_grid *grid, int col)
{
    const struct tui_view *view = tui_views[m->screen];
    char short_id[40];
    if (m->screen <= TUI_EVENTS)
        return;
    snprintf(short_id, sizeof short_id, "%.36s", m->screen == TUI_TASK ? m->open.id : "");
    if (m->screen == TUI_TASK && grid->cols - col < 44)
        short_id[8] = 0;
    if (grid->cols < 110)
        col = tui_putf(grid, 0, col, grid->cols - col, TUI_TAB, "%s ", tui_views[m->last_screen]->title);
    tui_putf(grid, 0, col, grid->cols - col, TUI_TAB_ON, *short_id ? "> %s %s" : "> %s", view->title, short_id);
}

static void draw_header(struct tui_model *m, struct tui_grid *grid)
{
    char clock[16];
    int col = tui_put(grid, 0, 0, grid->cols, TUI_TITLE, "orbiter  ", 9);
    col = tui_put_cut(grid, 0, col, 16, TUI_STRONG, m->title, strlen(m->title)) + 2;
    draw_link(m, grid, col);
    int end = draw_tabs(m, grid, tabs_column(m), grid->cols, NULL);
    draw_crumb(m, grid, end + 1);
    tui_show_clock(m->now, 0, clock, sizeof clock);
    int left = grid->cols - 5;
    if (end + 7 < grid->cols && m->screen <= TUI_EVENTS)
        tui_put(grid, 0, left, 5, TUI_TEXT, clock, 5);
    if (m->screen <= TUI_EVENTS && end + 40 < grid->cols) {
        char who[100];
        snprintf(who, sizeof who, "%s%s", m->user, m->is_readonly ? "  read-only" : "");
        tui_put_right(grid, 0, end + 1, left - end - 3, TUI_TEXT, who, strlen(who));
    } else if (m->is_readonly && m->screen <= TUI_EVENTS && end + 11 < grid->cols) {
        tui_put_right(grid, 0, end, left - end - 1, TUI_TEXT, "ro", 2);
    }
    tui_layer(grid, (struct tui_rect){ 0, 0, 1, grid->cols }, TUI_ON_BAR);
}

/* ---- status line ------------------------------------------------------------- */

static void draw_list_status(struct tui_model *m, struct tui_grid *grid, int row)
{
    const struct tui_list *list = tui_model_list(m);
    const struct tui_pane *help = m->screen == TUI_HELP ? &m->help : NULL;
    char shown[32], all[32], marks[48] = "";
    if (help && *help->search)
        tui_putf(grid, row, 0, grid->cols, TUI_DIM, help->match_place ? "search %s: %zu of %zu" : "search %s: none", help->search, help->match_place, help->matches);
    if (!list)
        return;
    tui_show_count((double)list->count, shown, sizeof shown);
    tui_show_count((double)list->total, all, sizeof all);
    size_t hidden = list->mark_count ? tui_list_hidden_marks(list, m) : 0;
    if (hidden)
        snprintf(marks, sizeof marks, "%zu marked, %zu not shown  ", list->mark_count, hidden);
    else if (list->mark_count)
        snprintf(marks, sizeof marks, "%zu marked  ", list->mark_count);
    const struct tui_field *field = &list->source->fields[list->sort_field];
    if (*list->filter)
        tui_putf(grid, row, 0, grid->cols, TUI_DIM, "%s%s of %s  filter: %s  sort: %s %s%s", marks, shown, all, list->filter, field->name,
                 list->is_descending ? "down" : "up", list->is_following ? "  FOLLOW" : "");
    else
        tui_putf(grid, row, 0, grid->cols, TUI_DIM, "%s%s %s%s  sort: %s %s%s%s", marks, all, list->source->noun, list->total == 1 ? "" : "s", field->name,
                 list->is_descending ? "down" : "up", list->is_following ? "  FOLLOW" : "",
                 list->source == &tui_task_source && !m->tasks.is_filled && m->link.is_up ? "  filling ..." : "");
}

static void draw_status(struct tui_model *m, struct tui_grid *grid, int row)
{
    double undo = tui_acts_undo_left(&m->acts, m->now);
    if (m->prompt.use != TUI_PROMPT_NONE) {
        tui_prompt_draw(&m->prompt, grid, row);
        return;
    }
    if (!m->link.is_up && *m->link.why && !*m->toast)
        tui_putf(grid, row, 0, grid->cols, TUI_ERROR, "Redis: %s", m->link.why);
    else if (*m->toast)
        tui_putf(grid, row, 0, grid->cols, m->toast_is_error ? TUI_ERROR : TUI_TOAST, "%s", m->toast);
    else if (*m->hint)
        tui_putf(grid, row, 0, grid->cols, TUI_TOAST, "%s", m->hint);
    else if (m->is_paused)
        tui_putf(grid, row, 0, grid->cols, TUI_TOAST, "frozen: %s goes on with the %llu changes that have come since", tui_keys_first(m->keys, TUI_DO_PAUSE), (unsigned long long)m->newer);
    else
        draw_list_status(m, grid, row);
    if (undo > 0) {
        char text[40];
        int len = snprintf(text, sizeof text, " %s undo for %.0f s", tui_keys_first(m->keys, TUI_DO_UNDO), ceil(undo));
        tui_put_right(grid, row, grid->cols - len - 1, len + 1, TUI_QUESTION, text, (size_t)len);
    }
}

/* ---- key bar ------------------------------------------------------------------ */

static int draw_key(struct tui_model *m, struct tui_grid *grid, int row, int col, const char *name, size_t len)
{
    char word[32], label[48];
    snprintf(word, sizeof word, "%.*s", (int)(len < 31 ? len : 31), name);
    enum tui_action action = tui_action_find(word);
    const char *key = tui_keys_first(m->keys, action);
    const struct tui_list *list = tui_model_list(m);
    if (!action || !*key || (tui_actions[action].writes && m->is_readonly))
        return col;
    tui_set(label, sizeof label, word);
    for (char *c = label; *c; c++)
        if (*c == '-')
            *c = ' ';
    if (list && list->mark_count && (action == TUI_DO_CANCEL || action == TUI_DO_RESUBMIT))
        snprintf(label, sizeof label, "%.16s %zu", word, list->mark_count);
    int width = tui_columns(key, strlen(key)) + 1 + tui_columns(label, strlen(label)) + 2;
    if (col + width > grid->cols + 2)
        return col;
    tui_put(grid, row, col, grid->cols - col, TUI_KEY, key, strlen(key));
    tui_put(grid, row, col + width - 2 - tui_columns(label, strlen(label)), grid->cols - col, TUI_KEY_HELP, label, strlen(label));
    return col + width;
}

static void draw_keys(struct tui_model *m, struct tui_grid *grid, int row)
{
    const char *at = tui_views[m->screen]->keys;
    int col = 0;
    while (*(at += strspn(at, " "))) {
        size_t len = strcspn(at, " ");
        col = draw_key(m, grid, row, col, at, len);
        at += len;
    }
    tui_layer(grid, (struct tui_rect){ row, 0, 1, grid->cols }, TUI_ON_BAR);
}

void tui_chrome_draw(struct tui_model *m, struct tui_grid *grid)
{
    draw_header(m, grid);
    if (grid->rows >= 2)
        draw_keys(m, grid, grid->rows - 1);
    if (has_status_line(m))
        draw_status(m, grid, grid->rows - 2);
    else if (m->prompt.use != TUI_PROMPT_NONE && grid->rows >= 2)
        tui_prompt_draw(&m->prompt, grid, grid->rows - 1);
}

int tui_chrome_mouse(struct tui_model *m, const struct tui_msg *msg)
{
    int hit = (int)msg->b;
    if (msg->a != 0)
        return 0;
    if (!strcmp(msg->text, "press") && draw_tabs(m, NULL, tabs_column(m), m->cols, &hit) < 0)
        tui_go(m, (enum tui_screen)hit);
    return 1;
}
