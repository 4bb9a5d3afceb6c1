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

enum { BRAND_COLS = 8, TITLE_MAX = 16, LINK_COLS = 12, CLOCK_COLS = 5 };
enum tabs { TABS_ALL, TABS_DIGITS /* of the others only the key */, TABS_ONE };

/* Where things are: the same on all screens, so that nothing jumps. */
struct header {
    int has_brand, title_cols, link_col, tabs_col, gap;
    enum tabs tabs;
    int clock_col;
};

static enum tui_role say_link(const struct tui_model *m, char *out, size_t cap)
{
    const struct tui_link *link = &m->link;
    char newer[8];
    /* A silence of the feed is told; others are answered every two seconds. */
    double silent = link->heard_at > 0 ? m->now - link->heard_at : 0;
    if (m->is_paused) {
        show_brief((double)m->newer, newer, sizeof newer);
        snprintf(out, cap, m->newer ? "PAUSED %s" : "PAUSED", newer);
    } else if (!link->was_up) {
        snprintf(out, cap, *link->why ? "OFFLINE" : "CONNECTING");
    } else if (link->is_up && !link->is_silent && silent < 3) {
        snprintf(out, cap, "LIVE");
        return TUI_LIVE;
    } else {
        show_stale(silent, out, cap); /* also when it is down: it may have been silent before that was known */
        return link->is_up ? TUI_STALE : TUI_OFFLINE;
    }
    return TUI_STALE;
}

static int tab_text(const struct tui_model *m, enum tabs tabs, int i, char *out, size_t cap)
{
    const char *key = tui_keys_first(m->keys, tui_views[i]->action);
    int is_on = i == (int)m->screen;
    if (tabs == TABS_ONE && !is_on)
        return 0;
    return snprintf(out, cap, tabs == TABS_ALL || is_on ? "%s %s" : "%s", key, tui_views[i]->title);
}

static int tabs_cols(const struct tui_model *m, enum tabs tabs, int gap)
{
    char text[40];
    int cols = 1;
    for (int i = 0, n; i <= TUI_EVENTS; i++)
        if ((n = tab_text(m, tabs, i, text, sizeof text)))
            cols += n + gap;
    return cols;
}

static struct header lay_out(const struct tui_model *m)
{
    struct header h = { .gap = m->cols >= 100 ? 2 : 1 };
    int title = tui_columns(m->title, strlen(m->title));
    h.title_cols = (title < TITLE_MAX ? title : TITLE_MAX) + (m->is_readonly && m->cols < 100 ? 3 : 0);
    int rest = h.title_cols + 2 + LINK_COLS, all = tabs_cols(m, TABS_ALL, h.gap);
    h.has_brand = BRAND_COLS + rest + all + 1 + CLOCK_COLS <= m->cols;
    h.link_col = (h.has_brand ? BRAND_COLS : 0) + h.title_cols + 2;
    h.tabs_col = h.link_col + LINK_COLS;
    while (h.tabs < TABS_ONE && h.tabs_col + tabs_cols(m, h.tabs, h.gap) > m->cols)
        h.tabs++;
    h.clock_col = m->cols - CLOCK_COLS;
    return h;
}

/* On the screens that have no key the place of the tabs is for where one is, if there is none for both. */
static int has_tabs(const struct tui_model *m)
{
    return m->screen <= TUI_EVENTS || m->cols >= 130;
}

/* Returns the column behind. With a place of the mouse: which one is there, or -1. */
static int draw_tabs(const struct tui_model *m, const struct header *h, struct tui_grid *grid, int hit)
{
    int col = h->tabs_col;
    char text[40];
    for (int i = 0, n; i <= TUI_EVENTS && has_tabs(m); i++) {
        if (!(n = tab_text(m, h->tabs, i, text, sizeof text)))
            continue;
        int is_on = i == (int)m->screen, room = m->cols - col;
        if (hit > col && hit <= col + n)
            return i;
        if (grid) {
            tui_put(grid, 0, col + 1, room - 1, is_on ? TUI_TAB_ON : TUI_TAB, text, (size_t)n);
            if (is_on) {
                tui_put(grid, 0, col, room, TUI_TAB_ON, "[", 1);
                tui_put(grid, 0, col + 1 + n, room - 1 - n, TUI_TAB_ON, "]", 1);
            }
        }
        col += n + h->gap;
    }
    return hit >= 0 ? -1 : col + 1;
}

/* "Tasks > 5b10e2aa..." Returns the column behind. */
static int draw_crumb(const struct tui_model *m, struct tui_grid *grid, int col)
{
    char id[ORB_ID_MAX + 8];
    int is_task = m->screen == TUI_TASK;
    if (m->screen <= TUI_EVENTS)
        return col;
    const char *from = tui_views[m->last_screen]->title;
    int end = grid->cols - CLOCK_COLS - 2;
    if (!has_tabs(m))
        col = tui_putf(grid, 0, col, end - col, TUI_TAB, "%s ", from);
    col = tui_put(grid, 0, col, end - col, TUI_TAB_ON, "> ", 2);
    if (!is_task)
        return tui_put(grid, 0, col, end - col, TUI_TAB_ON, tui_views[m->screen]->title, strlen(tui_views[m->screen]->title));
    tui_show_id(m->open.id, end - col, id, sizeof id);
    return tui_put(grid, 0, col, end - col, TUI_TAB_ON, id, strlen(id));
}

static void draw_header(struct tui_model *m, struct tui_grid *grid)
{
    struct header h = lay_out(m);
    char clock[16], link[24], who[120];
    int col = h.has_brand ? tui_put(grid, 0, 0, grid->cols, TUI_TITLE, "orbiter ", BRAND_COLS) : 0;
    col = tui_put_cut(grid, 0, col, TITLE_MAX, TUI_STRONG, m->title, strlen(m->title));
    if (m->is_readonly && grid->cols < 100)
        tui_put(grid, 0, col, grid->cols - col, TUI_WARNING, " ro", 3);
    enum tui_role role = say_link(m, link, sizeof link);
    tui_put(grid, 0, h.link_col, LINK_COLS, role, link, strlen(link));
    int end = has_tabs(m) ? draw_tabs(m, &h, grid, -1) : h.tabs_col;
    end = draw_crumb(m, grid, end);
    tui_show_clock(m->now, 0, clock, sizeof clock);
    if (end + 1 <= h.clock_col)
        tui_put(grid, 0, h.clock_col, CLOCK_COLS, TUI_TEXT, clock, strlen(clock));
    snprintf(who, sizeof who, "%s%s", m->user, m->is_readonly ? "  read-only" : "");
    if (grid->cols >= 100 && end + 2 + tui_columns(who, strlen(who)) + 2 <= h.clock_col)
        tui_put_right(grid, 0, end, h.clock_col - end - 2, m->is_readonly ? TUI_WARNING : TUI_TEXT, who, strlen(who));
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
                 tui_list_goes_down(list) ? "down" : "up", list->is_following ? "  FOLLOW" : "");
    else
        tui_putf(grid, row, 0, grid->cols, TUI_DIM, "%s%s %s%s  sort: %s %s%s%s", marks, all, list->source->noun, list->total == 1 ? "" : "s", field->name,
                 tui_list_goes_down(list) ? "down" : "up", list->is_following ? "  FOLLOW" : "",
                 list->source == &tui_task_source && !m->tasks.is_filled && m->link.is_up ? "  filling ..." : "");
}

/* The line that is typed; of a filter also what it finds. */
static void draw_prompt(struct tui_model *m, struct tui_grid *grid, int row)
{
    const struct tui_list *list = tui_model_list(m);
    char found[32] = "", all[32], text[80];
    int cols = grid->cols;
    if (m->prompt.use == TUI_PROMPT_FILTER && list) {
        tui_show_count((double)list->count, found, sizeof found);
        tui_show_count((double)list->total, all, sizeof all);
        int len = snprintf(text, sizeof text, "  %s of %s", found, all);
        cols -= len;
        if (cols >= 20)
            tui_put(grid, row, cols, len, TUI_DIM, text, (size_t)len);
        else
            cols = grid->cols;
    }
    tui_prompt_draw(&m->prompt, grid, (struct tui_rect){ row, 0, 1, cols });
}

#define NOTICE_ROWS 4

/* What is said may be longer than a line, and its end is what to do next: then it takes rows of the body above. */
static void draw_notice(struct tui_grid *grid, int row, int cols, enum tui_role role, const char *text)
{
    size_t len = strlen(text), most = grid->rows / 3 < NOTICE_ROWS ? (size_t)grid->rows / 3 : NOTICE_ROWS, rows = 1;
    for (size_t at = tui_wrap(text, len, cols); at < len && rows < most; at += tui_wrap(text + at, len - at, cols))
        rows++;
    for (row -= (int)rows - 1; rows; rows--, row++) {
        size_t n = rows > 1 ? tui_wrap(text, len, cols) : len;
        struct tui_rect place = { row, 0, 1, grid->cols };
        tui_fill(grid, place, TUI_TEXT, " ");
        tui_layer(grid, place, TUI_ON_PLAIN);
        tui_put_cut(grid, row, 0, cols, role, text, n && text[n - 1] == ' ' ? n - 1 : n);
        text += n;
        len -= n;
    }
}

static void draw_status(struct tui_model *m, struct tui_grid *grid, int row)
{
    char down[sizeof m->link.why + 8];
    double undo = tui_acts_undo_left(&m->acts, m->now);
    char taken[40] = "";
    int len = undo > 0 ? snprintf(taken, sizeof taken, " %s undo for %.0f s", tui_keys_first(m->keys, TUI_DO_UNDO), ceil(undo)) : 0, cols = grid->cols - (undo > 0 ? len + 1 : 0);
    if (m->prompt.use != TUI_PROMPT_NONE) {
        draw_prompt(m, grid, row);
        return;
    }
    snprintf(down, sizeof down, "%s%s", strncmp(m->link.why, "Redis", 5) != 0 ? "Redis: " : "", m->link.why);
    if (!m->link.is_up && *m->link.why && !*m->toast)
        draw_notice(grid, row, cols, TUI_ERROR, down);
    else if (*m->toast)
        draw_notice(grid, row, cols, m->toast_is_error ? TUI_ERROR : TUI_TOAST, m->toast);
    else if (*m->hint)
        draw_notice(grid, row, cols, TUI_TOAST, m->hint);
    else if (m->is_paused)
        tui_putf(grid, row, 0, grid->cols, TUI_TOAST, "frozen: %s goes on with the %llu changes that have come since", tui_keys_first(m->keys, TUI_DO_PAUSE), (unsigned long long)m->newer);
    else
        draw_list_status(m, grid, row);
    if (undo > 0)
        tui_put_right(grid, row, cols, len + 1, TUI_QUESTION, taken, (size_t)len);
}

/* ---- key bar ------------------------------------------------------------------ */

/* Returns the column behind, or the same one when it does not fit. */
static int put_key(struct tui_grid *grid, int row, int col, const char *key, const char *label)
{
    int key_cols = tui_columns(key, strlen(key)), cols = key_cols + 1 + tui_columns(label, strlen(label));
    if (col + cols > grid->cols)
        return col;
    tui_put(grid, row, col, key_cols, TUI_KEY, key, strlen(key));
    tui_put(grid, row, col + key_cols + 1, cols - key_cols - 1, TUI_KEY_HELP, label, strlen(label));
    return col + cols + 2;
}

/* What the keys mean while something is asked for. */
static const char *const *keys_of_prompt(const struct tui_model *m)
{
    static const char *const filter[] = { "Enter", "keep", "Esc", "as it was", "Tab", "complete", "Up", "earlier ones", NULL };
    static const char *const search[] = { "Enter", "keep", "Esc", "no search", "Up", "earlier ones", NULL };
    static const char *const command[] = { "Enter", "run", "Esc", "close", "Tab", "complete", "Up", "earlier ones", NULL };
    static const char *const question[] = { "N", "no", "y", "yes", NULL }, *const several[] = { "N", "no", "y", "yes", "v", "view them", NULL };
    static const char *const typed[] = { "Esc", "no", "Enter", "do it, when that is typed", NULL };
    static const char *const name[] = { "Enter", "write", "Esc", "close", NULL }, *const letter[] = { "a-z", "its letter", "Esc", "close", NULL };
    static const char *const checks[] = { "Space", "show or hide", "Enter", "done", "a-z", "narrow", "Esc", "close", NULL };
    static const char *const menu[] = { "Enter", "choose", "a-z", "narrow", "Esc", "close", NULL }, *const targets[] = { "Enter", "back to the question", NULL };
    switch (m->prompt.use) {
    case TUI_PROMPT_FILTER: return filter;
    case TUI_PROMPT_SEARCH: return search;
    case TUI_PROMPT_COMMAND: return command;
    case TUI_PROMPT_QUESTION: return *m->acts.asking.must_type ? typed : m->acts.asking.count > 1 ? several : question;
    case TUI_PROMPT_NAME: return name;
    case TUI_PROMPT_LETTER: return letter;
    case TUI_PROMPT_NONE: break;
    }
    return m->menu.use == TUI_MENU_NONE ? NULL : m->menu.use == TUI_MENU_COLUMNS ? checks : m->menu.use == TUI_MENU_TARGETS ? targets : menu;
}

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
    return put_key(grid, row, col, key, label);
}

static void draw_keys(struct tui_model *m, struct tui_grid *grid, int row)
{
    const char *at = tui_views[m->screen]->keys, *const *asked = keys_of_prompt(m);
    int col = 0;
    for (; asked && *asked; asked += 2)
        col = put_key(grid, row, col, asked[0], asked[1]);
    while (!keys_of_prompt(m) && *(at += strspn(at, " "))) {
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
        draw_prompt(m, grid, grid->rows - 1);
}

int tui_chrome_mouse(struct tui_model *m, const struct tui_msg *msg)
{
    if (msg->a != 0)
        return 0;
    struct header h = lay_out(m);
    int tab = strcmp(msg->text, "press") ? -1 : draw_tabs(m, &h, NULL, (int)msg->b);
    if (tab >= 0)
        tui_go(m, (enum tui_screen)tab);
    return 1;
}
