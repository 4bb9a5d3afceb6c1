/* Overview: the fleet at a glance, what needs attention, what waits, who talks. Tab goes through its three lists; each line opens its
 * subject. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pane { ATTENTION, QUEUES, STREAMS, PANES };

/* ---- totals ------------------------------------------------------------------ */

static int draw_total(struct tui_grid *grid, int row, int col, int cols, enum orb_status status, const char *word, double n)
{
    char count[24];
    tui_show_short(n, count, sizeof count);
    if (col + (int)strlen(word) + (int)strlen(count) + 1 > cols)
        return col;
    return tui_draw_pair(grid, row, col, cols - col, word, n > 0 ? tui_state_role(orb_status_word(status)) : TUI_DIM, count) + 2;
}

static void draw_totals(const struct tui_model *m, struct tui_grid *grid, int row, int cols)
{
    static const struct { enum orb_status status; const char *word, *brief; } shown[] = {
        { ORB_STATUS_PENDING, "pending", "pend" }, { ORB_STATUS_RUNNING, "running", "run" }, { ORB_STATUS_RETRYING, "retrying", "retry" },
        { ORB_STATUS_COMPLETED, "completed", "done" }, { ORB_STATUS_FAILED, "failed", "fail" }, { ORB_STATUS_CANCELLED, "cancelled", "cancel" } };
    char bytes[16], text[64];
    int col = tui_put(grid, row, 0, cols, TUI_TITLE, "tasks  ", 7);
    for (size_t i = 0; i < TUI_COUNT(shown); i++)
        col = draw_total(grid, row, col, cols, shown[i].status, cols < 100 ? shown[i].brief : shown[i].word, (double)m->fleet.by_state[shown[i].status]);
    size_t alive = 0;
    int64_t busy = 0, slots = 0;
    double oldest = 0;
    for (size_t i = 0; i < m->fleet.worker_count; i++) {
        const struct tui_worker *w = &m->fleet.workers[i];
        alive += !w->is_lost;
        busy += w->is_lost ? 0 : w->busy;
        slots += w->is_lost ? 0 : w->slots;
    }
    for (size_t i = 0; i < m->fleet.queue_count; i++)
        if (m->fleet.queues[i].oldest_at > 0 && (oldest <= 0 || m->fleet.queues[i].oldest_at < oldest))
            oldest = m->fleet.queues[i].oldest_at;
    col = tui_put(grid, row + 1, 0, cols, TUI_TITLE, "fleet  ", 7);
    snprintf(text, sizeof text, "%zu/%zu", alive, m->fleet.worker_count);
    col = tui_draw_pair(grid, row + 1, col, cols - col, "workers", alive < m->fleet.worker_count ? TUI_LOST : TUI_STRONG, text) + 2;
    snprintf(text, sizeof text, "%lld/%lld", (long long)busy, (long long)slots);
    col = tui_draw_pair(grid, row + 1, col, cols - col, "slots", TUI_STRONG, text) + 2;
    if (m->fleet.redis_bytes > 0) {
        tui_show_bytes((double)m->fleet.redis_bytes, bytes, sizeof bytes);
        col = tui_draw_pair(grid, row + 1, col, cols - col, "redis", TUI_STRONG, bytes) + 2;
    }
    if (oldest > 0) {
        tui_show_age(tui_age_now(m), oldest, text, sizeof text);
        tui_draw_pair(grid, row + 1, col, cols - col, "oldest pending", TUI_STRONG, text);
    }
}

static void draw_graph(const struct tui_model *m, struct tui_grid *grid, int row, int cols, const char *title, const struct tui_history *h, int is_rate, enum tui_role role)
{
    double values[TUI_HISTORY], now = tui_age_now(m);
    char spark[TUI_HISTORY * 4], figure[16];
    int room = cols - 17;
    size_t n = room > TUI_HISTORY - 1 ? TUI_HISTORY - 1 : room > 0 ? (size_t)room : 0;
    double max = tui_history_get(h, now, values, n), last = is_rate ? tui_fleet_rate(&m->fleet, h, now) : n ? values[n - 1] : 0;
    if (last < 99.95)
        snprintf(figure, sizeof figure, "%.1f", last);
    else
        tui_show_count(last, figure, sizeof figure);
    tui_put(grid, row, 0, cols, TUI_DIM, title, strlen(title));
    tui_put_right(grid, row, 7, 8, TUI_STRONG, figure, strlen(figure));
    tui_show_spark(values, n, max, spark, sizeof spark);
    tui_put(grid, row, 17, room, role, spark, strlen(spark));
}

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

#define LINES_MAX 500

/* The line that the pane's cursor is bound to; when it is gone, the one that stands there now. */
static size_t cursor_of(const struct tui_model *m, enum pane pane, const void *const lines[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name_of(pane, lines[i]), m->overview[pane].id))
            return i;
    return n && m->overview[pane].place < n ? m->overview[pane].place : n ? n - 1 : 0;
}

static void draw_line(const struct tui_model *m, struct tui_grid *grid, int row, int cols, enum pane pane, const void *line)
{
    char depth[24], oldest[16] = "-", in[16], out[16], eta[16], spark[80];
    double now = tui_age_now(m);
    if (pane == ATTENTION) {
        const struct tui_alarm *a = line;
        int col = tui_put(grid, row, 2, 2, a->role, a->glyph, strlen(a->glyph)) + 1;
        int width = cols > 100 ? 34 : 20;
        tui_put(grid, row, col, width, TUI_TEXT, a->name, strlen(a->name));
        tui_put(grid, row, col + width + 1, cols - col - width - 1, a->role, a->text, strlen(a->text));
    } else if (pane == QUEUES) {
        const struct tui_queue *q = line;
        double values[24], max;
        size_t n = cols > 75 ? (size_t)(cols - 64 > 24 ? 24 : cols - 64) : 0;
        tui_show_short((double)q->depth, depth, sizeof depth);
        if (q->oldest_at > 0)
            tui_show_age(now, q->oldest_at, oldest, sizeof oldest);
        snprintf(in, sizeof in, "%.1f", tui_fleet_rate(&m->fleet, &q->in, now));
        snprintf(out, sizeof out, "%.1f", tui_fleet_rate(&m->fleet, &q->out, now));
        double left = tui_queue_eta(&m->fleet, q, now);
        if (isinf(left))
            snprintf(eta, sizeof eta, "grows");
        else
            tui_show_span(left, eta, sizeof eta);
        tui_put(grid, row, 2, 20, q->is_paused ? TUI_PAUSED : TUI_TEXT, q->name, strlen(q->name));
        tui_put_right(grid, row, 23, 7, TUI_TEXT, depth, strlen(depth));
        tui_put_right(grid, row, 31, 7, TUI_TEXT, oldest, strlen(oldest));
        tui_put_right(grid, row, 39, 6, TUI_TEXT, in, strlen(in));
        tui_put_right(grid, row, 46, 6, TUI_TEXT, out, strlen(out));
        tui_put_right(grid, row, 53, 7, q->is_paused ? TUI_PAUSED : TUI_TEXT, q->is_paused ? "paused" : eta, strlen(q->is_paused ? "paused" : eta));
        max = tui_history_get(&q->waiting, now, values, n);
        tui_show_spark(values, n, max, spark, sizeof spark);
        tui_put(grid, row, 62, cols - 62, TUI_GRAPH, spark, strlen(spark));
    } else {
        const struct tui_tail *t = line;
        uint32_t task = tui_tasks_find(&m->tasks, t->id);
        const char *agent = task == UINT32_MAX ? "" : tui_texts_get(m->texts, m->tasks.rows[task].agent);
        char flat[200];
        tui_set(flat, sizeof flat, t->text);
        for (char *c = flat; *c; c++)
            if (*c == '\n' || *c == '\t')
                *c = ' ';
        tui_put(grid, row, 2, 8, TUI_TEXT, t->id, strlen(t->id));
        tui_put(grid, row, 11, 12, TUI_TEXT, agent, strlen(agent));
        tui_putf(grid, row, 24, 8, TUI_STRONG, "%4.0f t/s", t->tok_s);
        int room = cols - 33, width = tui_columns(flat, strlen(flat));
        const char *from = flat;
        while (width > room && *from) { /* its end is what is new */
            from++;
            while (((unsigned char)*from & 0xc0) == 0x80)
                from++;
            width = tui_columns(from, strlen(from));
        }
        tui_put(grid, row, 33, room, TUI_DIM, from, strlen(from));
    }
}

static int draw_pane(struct tui_model *m, struct tui_grid *grid, int row, int rows, int cols, enum pane pane)
{
    const void *lines[LINES_MAX];
    size_t n = lines_of(m, pane, lines, LINES_MAX), cursor = cursor_of(m, pane, lines, n);
    char title[80];
    if (rows < 2)
        return row;
    if (pane == ATTENTION)
        snprintf(title, sizeof title, "needs attention (%zu)", m->attention.count + m->attention.hidden);
    else
        tui_set(title, sizeof title, pane == QUEUES ? "queues           depth  oldest   in/s  out/s     eta  trend" : "busiest streams");
    tui_draw_rule(grid, (struct tui_rect){ row, 0, 1, cols }, title, NULL, m->pane == (int)pane);
    m->overview[pane].row = row + 1;
    if (!n) {
        const char *why = pane == ATTENTION ? (m->fleet.counts_at > 0 ? "nothing" : "asking ...") : pane == QUEUES ? (*m->fleet.queues_error ? m->fleet.queues_error : "none yet") : "none";
        tui_put(grid, row + 1, 2, cols - 2, TUI_DIM, why, strlen(why));
        m->overview[pane].id[0] = 0;
        return row + 2;
    }
    size_t page = (size_t)rows - 1, top = cursor >= page ? cursor - page + 1 : 0, shown = n - top < page ? n - top : page;
    m->overview[pane].place = cursor;
    m->overview[pane].top = top;
    tui_set(m->overview[pane].id, sizeof m->overview[pane].id, name_of(pane, lines[cursor]));
    for (size_t i = 0; i < shown; i++) {
        draw_line(m, grid, row + 1 + (int)i, cols, pane, lines[top + i]);
        if (top + i == cursor && m->pane == (int)pane) {
            tui_put(grid, row + 1 + (int)i, 0, 1, TUI_STRONG, tui_is_ascii() ? ">" : "▶", tui_is_ascii() ? 1 : 3);
            tui_layer(grid, (struct tui_rect){ row + 1 + (int)i, 0, 1, cols }, TUI_ON_CURSOR);
        }
    }
    return row + 1 + (int)shown;
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    int row = body.row, end = body.row + body.rows, cols = body.cols;
    for (int pane = 0; pane < PANES; pane++)
        m->overview[pane].row = 0;
    if (m->is_zoomed) {
        draw_pane(m, grid, row, body.rows, cols, (enum pane)m->pane);
        return;
    }
    draw_totals(m, grid, row, cols);
    row += 2;
    if (body.rows >= 16) {
        tui_draw_rule(grid, (struct tui_rect){ row++, 0, 1, cols }, "last minutes, 1 column = 5 s", NULL, 0);
        draw_graph(m, grid, row++, cols, "in/s", &m->fleet.in, 1, TUI_GRAPH);
        draw_graph(m, grid, row++, cols, "done/s", &m->fleet.done, 1, TUI_GRAPH);
        draw_graph(m, grid, row++, cols, "fail/s", &m->fleet.failed, 1, TUI_GRAPH_HIGH);
        draw_graph(m, grid, row++, cols, "tok/s", &m->fleet.tokens, 0, TUI_GRAPH);
    }
    /* A third each, and what one does not need goes to the next. */
    int left = end - row;
    int attention = (int)m->attention.count + 1, queues = (int)m->fleet.queue_count + 1;
    attention = attention < 2 ? 2 : attention;
    queues = queues < 2 ? 2 : queues;
    int streams = 1 + TUI_TAILS, share = left / 3;
    if (queues > share)
        queues = share > 2 ? share : 2;
    if (attention > left - queues - 3)
        attention = left - queues - 3 > 2 ? left - queues - 3 : 2;
    row = draw_pane(m, grid, row, attention < end - row ? attention : end - row, cols, ATTENTION);
    row = draw_pane(m, grid, row, queues < end - row ? queues : end - row, cols, QUEUES);
    draw_pane(m, grid, row, streams < end - row ? streams : end - row, cols, STREAMS);
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
    for (int pane = PANES - 1; pane >= 0; pane--) {
        int row = m->overview[pane].row;
        if (!row || msg->a < row)
            continue;
        const void *lines[LINES_MAX];
        size_t n = lines_of(m, (enum pane)pane, lines, LINES_MAX), at = m->overview[pane].top + (size_t)(msg->a - row);
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
