/* Overview: the fleet at a glance, what needs attention, what waits, who talks. Tab goes through its three lists; each line opens its
 * subject. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pane { ATTENTION, QUEUES, STREAMS, PANES };

/* ---- lists --------------------------------------------------------------------- */

static int by_depth(const void *a, const void *b)
{
    const struct tui_queue *const *x = a, *const *y = b;
    double d = (double)(*y)->depth + (double)(*y)->running - (double)(*x)->depth - (double)(*x)->running;
    return d < 0 ? -1 : d > 0 ? 1 : strcmp((*x)->name, (*y)->name);
}

/* What the pane's lines are about, in their order; at most max. */
static size_t lines_of(const struct tui_model *m, enum pane pane, const void *out[], size_t max)
{
    size_t n = 0;
    if (pane == ATTENTION) {
        for (; n < m->attention.count && n < max; n++)
            out[n] = &m->attention.alarms[n];
    } else if (pane == QUEUES) {
        for (; n < m->fleet.queue_count && n < max; n++)
            out[n] = &m->fleet.queues[n];
        if (n > 1)
            qsort(out, n, sizeof *out, by_depth);
    } else {
        for (size_t i = 0; i < TUI_TAILS && n < max; i++)
            if (*m->attention.tails[i].id)
                out[n++] = &m->attention.tails[i];
    }
    return n;
}

static const char *name_of(enum pane pane, const void *line)
{
    return pane == ATTENTION ? ((const struct tui_alarm *)line)->key : pane == QUEUES ? ((const struct tui_queue *)line)->name : ((const struct tui_tail *)line)->id;
}

#define LINES_MAX TUI_QUEUES_MAX /* the deepest queue may be any of them */

/* The line that the pane's cursor is bound to; when it is gone, the one that stands there now. */
static size_t cursor_of(const struct tui_model *m, enum pane pane, const void *const lines[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name_of(pane, lines[i]), m->overview[pane].id))
            return i;
    return n && m->overview[pane].place < n ? m->overview[pane].place : n ? n - 1 : 0;
}

static void draw_alarm(struct tui_grid *grid, struct tui_rect r, const struct tui_alarm *a)
{
    static const char *const kinds[] = { [TUI_OF_WORKER] = "worker", [TUI_OF_QUEUE] = "queue", [TUI_OF_TASKS] = "tasks", [TUI_OF_TASK] = "task", [TUI_OF_LINK] = "redis" };
    int width = r.cols < 60 ? 14 : r.cols > 110 ? 34 : 20, col = r.col + 2, end = r.col + r.cols;
    char name[ORB_ID_MAX + 8];
    col = tui_put(grid, r.row, col, 2, a->role, a->glyph, strlen(a->glyph)) + 1;
    if (r.cols >= 60) {
        tui_put(grid, r.row, col, 6, TUI_DIM, kinds[a->subject], strlen(kinds[a->subject]));
        col += 7;
    }
    tui_show_id(a->name, width, name, sizeof name);
    tui_put_cut(grid, r.row, col, width, TUI_TEXT, name, strlen(name));
    tui_put_cut(grid, r.row, col + width + 1, end - col - width - 1, a->role, a->text, strlen(a->text));
}

enum queue_figure { DEPTH, OLDEST, IN, OUT, ETA, FIGURES };
static const struct { const char *title; int cols, from; } figures[FIGURES] = {
    [DEPTH] = { "depth", 7, 0 }, [OLDEST] = { "oldest", 7, 0 }, [IN] = { "in/s", 6, 60 }, [OUT] = { "out/s", 6, 60 }, [ETA] = { "eta", 7, 36 } };
enum { TREND_MIN = 8, TREND_MAX = 44 };

/* Where each figure of a queue ends, -1 = not shown; returns the columns that its name has. */
static int lay_out_queue(struct tui_rect r, int ends[FIGURES], struct tui_rect *trend)
{
    int room = r.cols - 2, name;
    for (int i = 0; i < FIGURES; i++)
        room -= r.cols >= figures[i].from ? figures[i].cols + 1 : 0;
    name = room < 20 ? (room > 4 ? room : 4) : 20;
    int col = r.col + 2 + name;
    for (int i = 0; i < FIGURES; i++)
        ends[i] = r.cols < figures[i].from ? -1 : (col += figures[i].cols + 1);
    room = r.col + r.cols - col - 2;
    *trend = (struct tui_rect){ r.row, col + 2, 1, room < TREND_MIN ? 0 : room > TREND_MAX ? TREND_MAX : room };
    return name;
}

static void draw_queue(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, const struct tui_queue *q)
{
    char text[FIGURES][24] = { [OLDEST] = "-" };
    double now = tui_age_now(m), values[TREND_MAX], left = tui_queue_eta(&m->fleet, q, now);
    struct tui_rect trend;
    int ends[FIGURES], name = lay_out_queue(r, ends, &trend);
    tui_show_short((double)q->depth, text[DEPTH], sizeof text[DEPTH]);
    if (q->oldest_at > 0)
        tui_show_age(now, q->oldest_at, text[OLDEST], sizeof text[OLDEST]);
    snprintf(text[IN], sizeof text[IN], "%.1f", tui_fleet_rate(&m->fleet, &q->in, now));
    snprintf(text[OUT], sizeof text[OUT], "%.1f", tui_fleet_rate(&m->fleet, &q->out, now));
    if (q->is_paused || isinf(left))
        tui_set(text[ETA], sizeof text[ETA], q->is_paused ? "paused" : "grows");
    else
        tui_show_span(left, text[ETA], sizeof text[ETA]);
    tui_put_cut(grid, r.row, r.col + 2, name, q->is_paused ? TUI_PAUSED : TUI_TEXT, q->name, strlen(q->name));
    for (int i = 0; i < FIGURES; i++)
        if (ends[i] >= 0)
            tui_put_right(grid, r.row, ends[i] - figures[i].cols, figures[i].cols, i != ETA ? TUI_TEXT : q->is_paused ? TUI_PAUSED : isinf(left) ? TUI_WARNING : TUI_TEXT, text[i], strlen(text[i]));
    double max = tui_history_get(&q->waiting, now, values, (size_t)trend.cols);
    size_t skip = (size_t)trend.cols - tui_history_known(m->fleet.asked_at, now, (size_t)trend.cols);
    trend.col += (int)skip;
    tui_draw_bars(grid, trend, TUI_GRAPH, values + skip, (size_t)trend.cols - skip, max);
}

static void draw_queue_titles(struct tui_grid *grid, struct tui_rect r)
{
    struct tui_rect trend;
    int ends[FIGURES];
    lay_out_queue(r, ends, &trend);
    for (int i = 0; i < FIGURES; i++)
        if (ends[i] >= 0)
            tui_putf(grid, r.row, ends[i] - (int)strlen(figures[i].title) - 1, figures[i].cols + 1, TUI_DIM, " %s ", figures[i].title);
    if (trend.cols)
        tui_putf(grid, r.row, trend.col - 1, trend.cols, TUI_DIM, trend.cols > 18 ? " depth over time " : " trend ");
}

/* One row: the end of what it says. More: in lines, below. */
static void draw_tail(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, const struct tui_tail *t)
{
    uint32_t task = tui_tasks_find(&m->tasks, t->id);
    const char *agent = task == UINT32_MAX ? "" : tui_texts_get(m->texts, m->tasks.rows[task].agent);
    char id[ORB_ID_MAX + 8], flat[sizeof t->text];
    int col = r.col + 2, end = r.col + r.cols;
    tui_show_id(t->id, 8, id, sizeof id);
    tui_put(grid, r.row, col, 8, TUI_TEXT, id, strlen(id));
    tui_put_cut(grid, r.row, col + 9, r.cols < 60 ? 8 : 12, TUI_TEXT, agent, strlen(agent));
    col += r.cols < 60 ? 18 : 22;
    col = tui_putf(grid, r.row, col, 8, t->tok_s > 0 ? TUI_STRONG : TUI_DIM, "%4.0f t/s", t->tok_s) + 1;
    if (r.rows > 1) {
        struct tui_pane pane;
        tui_pane_init(&pane, 1);
        tui_pane_add(&pane, TUI_DIM, TUI_LINE_TEXT, t->text, strlen(t->text));
        tui_pane_draw(&pane, grid, (struct tui_rect){ r.row + 1, r.col + 4, r.rows - 1, r.cols - 5 });
        tui_pane_done(&pane);
        return;
    }
    tui_set(flat, sizeof flat, t->text);
    for (char *c = flat; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    tui_put_end(grid, r.row, col, end - col, TUI_DIM, flat, strlen(flat));
}

static void draw_title(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, enum pane pane, size_t hidden)
{
    char title[80], more[40] = "";
    if (hidden)
        snprintf(more, sizeof more, "%zu more", hidden);
    if (pane == ATTENTION)
        snprintf(title, sizeof title, "needs attention (%zu)", m->attention.count + m->attention.hidden);
    else
        snprintf(title, sizeof title, "%s%s%s", pane == QUEUES ? "queues" : "busiest streams", pane == QUEUES && hidden ? ", " : "", pane == QUEUES ? more : "");
    tui_draw_rule(grid, (struct tui_rect){ r.row, r.col, 1, r.cols }, title, pane == QUEUES || !hidden ? NULL : more, m->pane == (int)pane);
    if (pane == QUEUES)
        draw_queue_titles(grid, r);
}

static void draw_nothing(const struct tui_model *m, struct tui_grid *grid, struct tui_rect r, enum pane pane)
{
    const char *why = pane == ATTENTION ? (m->fleet.queues_at > 0 && m->tasks.is_filled ? "nothing" : "asking ...") :
                      pane == QUEUES ? (*m->fleet.queues_error ? m->fleet.queues_error : m->fleet.queues_at > 0 ? "no queue has had a task or a worker yet" : "asking ...") :
                      m->fleet.by_state[ORB_STATUS_RUNNING] ? "asking ..." : "no task runs";
    tui_put_cut(grid, r.row, r.col + 2, r.cols - 2, TUI_DIM, why, strlen(why));
}

/* height: rows of each of its lines. Returns the row behind. */
static int draw_pane(struct tui_model *m, struct tui_grid *grid, struct tui_rect r, enum pane pane, int height)
{
    const void *lines[LINES_MAX];
    size_t n = lines_of(m, pane, lines, LINES_MAX), cursor = cursor_of(m, pane, lines, n);
    struct tui_overview_pane *o = &m->overview[pane];
    if (r.rows < 2)
        return r.row;
    int is_on = m->pane == (int)pane; /* else its first lines are shown, wherever its cursor is */
    size_t page = (size_t)((r.rows - 1) / height), top = is_on && cursor >= page ? cursor - page + 1 : 0, shown = n - top < page ? n - top : page;
    draw_title(m, grid, r, pane, n - shown);
    o->rect = (struct tui_rect){ r.row + 1, r.col, (int)shown * height, r.cols };
    o->height = height;
    if (!n) {
        draw_nothing(m, grid, (struct tui_rect){ r.row + 1, r.col, 1, r.cols }, pane);
        o->id[0] = 0;
        return r.row + 2;
    }
    o->top = top;
    if (is_on) {
        o->place = cursor;
        tui_set(o->id, sizeof o->id, name_of(pane, lines[cursor]));
    }
    for (size_t i = 0; i < shown; i++) {
        struct tui_rect at = { o->rect.row + (int)i * height, r.col, height, r.cols };
        if (pane == ATTENTION)
            draw_alarm(grid, at, lines[top + i]);
        else if (pane == QUEUES)
            draw_queue(m, grid, at, lines[top + i]);
        else
            draw_tail(m, grid, at, lines[top + i]);
        if (top + i == cursor && is_on) {
            tui_put(grid, at.row, r.col, 1, TUI_STRONG, tui_cursor_glyph(), strlen(tui_cursor_glyph()));
            tui_layer(grid, (struct tui_rect){ at.row, r.col, 1, r.cols }, TUI_ON_CURSOR);
        }
    }
    return o->rect.row + o->rect.rows;
}

static int at_least(int n, int least)
{
    return n > least ? n : least;
}

static int at_most(int n, int most)
{
    return n < most ? n : most;
}

/* One below the other; what needs attention comes first when there is little room. */
static void draw_stacked(struct tui_model *m, struct tui_grid *grid, struct tui_rect r)
{
    const void *tails[TUI_TAILS];
    int attention = at_least((int)m->attention.count + 1, 2), all = at_least((int)m->fleet.queue_count + 1, 2), streams = r.rows < 12 ? 0 : 3;
    int queues = at_most(all, at_least((r.rows - streams) / 3, 2));
    attention = at_most(attention, at_least(r.rows - queues - streams, 2));
    /* What nobody else needs shows more queues. */
    queues = at_most(all, at_least(r.rows - attention - (streams ? at_least((int)lines_of(m, STREAMS, tails, TUI_TAILS) + 1, streams) : 0), queues));
    int row = draw_pane(m, grid, (struct tui_rect){ r.row, r.col, at_most(attention, r.rows), r.cols }, ATTENTION, 1), end = r.row + r.rows;
    row = draw_pane(m, grid, (struct tui_rect){ row, r.col, at_most(queues, end - row), r.cols }, QUEUES, 1);
    if (streams)
        draw_pane(m, grid, (struct tui_rect){ row, r.col, end - row, r.cols }, STREAMS, 1);
}

/* What waits at the left, who talks at the right, each with its last lines. */
static void draw_beside(struct tui_model *m, struct tui_grid *grid, struct tui_rect r)
{
    int left = r.cols / 2, end = r.row + r.rows;
    int attention = at_most(at_least((int)m->attention.count + 1, 2), r.rows * 2 / 3);
    int queues = at_most(at_least((int)m->fleet.queue_count + 1, 2), (r.rows - attention) / 2);
    int row = draw_pane(m, grid, (struct tui_rect){ r.row, r.col, attention, left }, ATTENTION, 1);
    row = draw_pane(m, grid, (struct tui_rect){ row, r.col, queues, left }, QUEUES, 1);
    tui_draw_events(m, grid, (struct tui_rect){ row, r.col, end - row, left }, NULL);
    tui_fill(grid, (struct tui_rect){ r.row, left, r.rows, 1 }, TUI_BORDER, tui_is_ascii() ? "|" : "│");
    draw_pane(m, grid, (struct tui_rect){ r.row, left + 1, r.rows, r.cols - left - 1 }, STREAMS, 4);
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    int row = body.row, end = body.row + body.rows, is_large = tui_is_wide(m) && body.rows >= 24;
    for (int pane = 0; pane < PANES; pane++)
        m->overview[pane].rect.rows = 0;
    if (m->is_zoomed) {
        draw_pane(m, grid, body, (enum pane)m->pane, m->pane == STREAMS ? 4 : 1);
        return;
    }
    tui_draw_totals(m, grid, row, body.cols);
    row += 2;
    if (body.rows >= 16)
        row = tui_draw_graphs(m, grid, row, body.cols, is_large && body.rows >= 36 ? 2 : 1);
    struct tui_rect rest = { row, 0, end - row, body.cols };
    if (is_large)
        draw_beside(m, grid, rest);
    else
        draw_stacked(m, grid, rest);
}

/* ---- keys ----------------------------------------------------------------------- */

static int move(struct tui_model *m, long by)
{
    const void *lines[LINES_MAX];
    enum pane pane = (enum pane)m->pane;
    size_t n = lines_of(m, pane, lines, LINES_MAX);
    long at = (long)cursor_of(m, pane, lines, n) + by;
    if (n) {
        at = at < 0 ? 0 : at >= (long)n ? (long)n - 1 : at;
        tui_set(m->overview[pane].id, sizeof m->overview[pane].id, name_of(pane, lines[at]));
    }
    return 1;
}

static int open(struct tui_model *m)
{
    const void *lines[LINES_MAX];
    enum pane pane = (enum pane)m->pane;
    size_t n = lines_of(m, pane, lines, LINES_MAX);
    if (!n)
        return 1;
    const void *line = lines[cursor_of(m, pane, lines, n)];
    const struct tui_alarm *alarm = pane == ATTENTION ? line : NULL;
    enum tui_subject subject = alarm ? alarm->subject : pane == QUEUES ? TUI_OF_QUEUE : TUI_OF_TASK;
    char name[TUI_TARGET_MAX];
    tui_set(name, sizeof name, alarm ? alarm->target : name_of(pane, line));
    if (subject == TUI_OF_LINK) {
        tui_toast(m, 1, "%s: %s", alarm->name, alarm->text);
    } else if (subject == TUI_OF_TASK) {
        tui_go_task(m, name);
    } else if (subject == TUI_OF_TASKS) {
        tui_go_filter(m, "%s", name);
    } else {
        enum tui_screen screen = subject == TUI_OF_QUEUE ? TUI_QUEUES : TUI_WORKERS;
        tui_go(m, screen);
        tui_list_settle(&m->lists[screen], m);
        tui_list_go_id(&m->lists[screen], m, name);
    }
    return 1;
}

static int act(struct tui_model *m, enum tui_action action)
{
    switch (action) {
    case TUI_DO_DOWN: return move(m, 1);
    case TUI_DO_UP: return move(m, -1);
    case TUI_DO_HALF_DOWN: return move(m, 5);
    case TUI_DO_HALF_UP: return move(m, -5);
    case TUI_DO_PAGE_DOWN: return move(m, 10);
    case TUI_DO_PAGE_UP: return move(m, -10);
    case TUI_DO_FIRST: return move(m, -LINES_MAX);
    case TUI_DO_LAST: return move(m, LINES_MAX);
    case TUI_DO_OPEN: return open(m);
    default: return 0;
    }
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    (void)body;
    if (strcmp(msg->text, "press") != 0)
        return move(m, msg->text[0] == 'u' ? -1 : 1);
    for (int pane = 0; pane < PANES; pane++) {
        const struct tui_overview_pane *o = &m->overview[pane];
        if (msg->a < o->rect.row || msg->a >= o->rect.row + o->rect.rows || msg->b < o->rect.col || msg->b >= o->rect.col + o->rect.cols)
            continue;
        const void *lines[LINES_MAX];
        size_t n = lines_of(m, (enum pane)pane, lines, LINES_MAX), at = o->top + (size_t)((msg->a - o->rect.row) / o->height);
        if (at >= n)
            return 1;
        int is_again = m->pane == pane && cursor_of(m, (enum pane)pane, lines, n) == at;
        m->pane = pane;
        tui_set(m->overview[pane].id, sizeof m->overview[pane].id, name_of((enum pane)pane, lines[at]));
        return is_again ? open(m) : 1;
    }
    return 0;
}

static const char *target(struct tui_model *m, enum tui_subject subject)
{
    enum pane pane = (enum pane)m->pane;
    const char *id = m->overview[pane].painted;
    if (pane == QUEUES)
        return subject == TUI_OF_QUEUE ? id : "";
    if (pane == STREAMS)
        return subject == TUI_OF_TASK ? id : "";
    for (size_t i = 0; i < m->attention.count; i++)
        if (m->attention.alarms[i].subject == subject && !strcmp(m->attention.alarms[i].key, id))
            return m->attention.alarms[i].target;
    return "";
}

static void painted(struct tui_model *m)
{
    for (int pane = 0; pane < PANES; pane++)
        memcpy(m->overview[pane].painted, m->overview[pane].id, sizeof m->overview[pane].painted);
}

static void want(const struct tui_model *m, struct tui_want *w)
{
    for (size_t i = 0; i < TUI_COUNT(m->attention.tails); i++)
        if (*m->attention.tails[i].id)
            w->tail_ids[w->tail_count++] = m->attention.tails[i].id;
}

const struct tui_view tui_view_overview = {
    .name = "overview", .title = "Overview", .action = TUI_DO_OVERVIEW, .panes = PANES, .can_zoom = 1,
    .draw = draw, .act = act, .mouse = mouse, .want = want, .target = target, .painted = painted,
    .keys = "help find command open next-pane cancel pause-queue drain pause copy quit",
    .help = "How many tasks are in each state, who works, what has happened over the last minutes, and what needs attention: lost workers, queues that grow or that nobody "
            "serves, failures with the same error together, tasks that run and say nothing. Tab goes from list to list, Enter opens what a line is about.",
};
