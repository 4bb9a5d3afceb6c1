/* Messages in, state out. Which screen is shown, what the keys do there that are the same everywhere; what a screen does with its
 * own is in its view. */
#include "command.h"
#include "view.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOAST_S 15 /* of errors; else half as long */

/* ---- life ------------------------------------------------------------------- */

struct tui_model *tui_model_new(const struct tui_keys *keys)
{
    struct tui_model *m = tui_alloc(1, sizeof *m);
    m->keys = keys;
    m->rows = 24;
    m->cols = 80;
    m->texts = tui_texts_new();
    m->is_mouse_on = 1;
    m->last_screen = TUI_OVERVIEW;
    m->place_count = 1;
    m->log.next = 1;
    tui_tasks_init(&m->tasks);
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_views[i]->source) {
            tui_list_init(&m->lists[i], tui_views[i]->source, tui_views[i]->sort, tui_views[i]->is_descending);
            m->lists[i].is_following = tui_views[i]->is_following;
        }
    tui_open_init(&m->open);
    tui_pane_init(&m->help, 0);
    return m;
}

void tui_model_free(struct tui_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (m->lists[i].source)
            tui_list_done(&m->lists[i]);
    tui_open_done(&m->open);
    tui_acts_free(&m->acts);
    tui_log_done(&m->log);
    tui_fleet_done(&m->fleet);
    tui_tasks_done(&m->tasks);
    tui_texts_free(m->texts);
    tui_prompt_done(&m->prompt);
    tui_pane_done(&m->help);
    tui_saved_done(&m->saved);
    free(m->copy);
    free(m->export_path);
    free(m->export_text);
    free(m);
}

double tui_age_now(const struct tui_model *m)
{
    return (m->is_paused ? m->paused_at : m->now) + m->fleet.skew;
}

int tui_is_wide(const struct tui_model *m)
{
    return m->is_wide_forced ? m->is_wide_forced > 0 : m->cols >= 140;
}

struct tui_list *tui_model_list(struct tui_model *m)
{
    return m->lists[m->screen].source ? &m->lists[m->screen] : NULL;
}

void tui_toast(struct tui_model *m, int is_error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->toast, sizeof m->toast, fmt, ap);
    va_end(ap);
    m->toast_is_error = is_error;
    m->toast_until = m->now + (is_error ? TOAST_S : TOAST_S / 2);
}

void tui_copy(struct tui_model *m, const char *text, size_t len)
{
    free(m->copy);
    m->copy = tui_dup(text, len);
    m->copy_len = len;
}

/* ---- data ------------------------------------------------------------------- */

static void on_feed(struct tui_model *m, const struct tui_msg *msg)
{
    if (msg->text_len)
        tui_set(m->feed_position, sizeof m->feed_position, msg->text);
    for (size_t i = 0; i < msg->count; i++) {
        const struct orb_feed_event *change = &msg->changes[i];
        int was;
        if (change->status < 0)
            continue;
        uint32_t row = tui_tasks_change(&m->tasks, m->texts, change, &was);
        if (row != UINT32_MAX)
            tui_fleet_moved(&m->fleet, (double)change->at_ms / 1000, was, (enum orb_status)change->status);
        tui_list_touch(&m->lists[TUI_TASKS], row);
        tui_fleet_happened(&m->fleet, change);
        m->lists[TUI_QUEUES].must_rebuild |= !m->fleet.queues_at;
        tui_log_change(m, change);
        if (!strcmp(change->task_id, m->open.id))
            m->open.is_stale = 1;
    }
}

static void on_tasks(struct tui_model *m, const struct tui_msg *msg)
{
    for (size_t i = 0; i < msg->count; i++) {
        int was;
        tui_list_touch(&m->lists[TUI_TASKS], tui_tasks_take(&m->tasks, m->texts, &msg->tasks[i], &was));
    }
}

const char *const tui_trouble_names[TUI_TROUBLES] = { "feed", "tasks", "totals", "audit" };

static void on_trouble(struct tui_model *m, const struct tui_msg *msg)
{
    for (int i = 0; i < TUI_TROUBLES; i++) {
        if (strcmp(tui_trouble_names[i], msg->id) != 0)
            continue;
        if (msg->text_len && strcmp(m->troubles[i], msg->text) != 0)
            tui_log_add(m, msg->at, 2, "redis.refused", msg->id, "", "", "", "%s", msg->text);
        tui_set(m->troubles[i], sizeof m->troubles[i], msg->text);
    }
}

static void on_link(struct tui_model *m, const struct tui_msg *msg)
{
    int is_up = msg->a != 0, was_live = m->link.is_up && !m->link.is_silent;
    if (is_up != m->link.is_up || !m->link.since) {
        if (m->link.since)
            tui_log_add(m, msg->at, is_up ? 0 : 2, is_up ? "link.up" : "link.down", "redis", "", "", "", "%s", msg->text);
        if (is_up && m->link.was_up && m->link.since) {
            char away[16];
            tui_show_span(msg->at - m->link.lost_at, away, sizeof away);
            tui_toast(m, 0, "Redis is back after %s: what was missed comes in", away);
        }
        m->link.since = msg->at;
    }
    m->link.is_silent = msg->a == 2;
    if (!m->link.is_silent && (is_up || !m->link.was_up))
        m->link.heard_at = msg->at;
    else if (m->link.is_silent)
        m->link.heard_at = fmax(m->link.heard_at, msg->at - msg->number);
    if (was_live && msg->a != 1)
        m->link.lost_at = m->link.heard_at;
    m->link.is_up = is_up;
    m->link.was_up |= is_up;
    tui_set(m->link.why, sizeof m->link.why, msg->text);
}

static int is_data(enum tui_msg_type type)
{
    return type == TUI_MSG_FEED || type == TUI_MSG_TASKS || type == TUI_MSG_WALK || type == TUI_MSG_WALK_END || type == TUI_MSG_GONE || type == TUI_MSG_COUNTS || type == TUI_MSG_WORKERS ||
           type == TUI_MSG_QUEUES || type == TUI_MSG_STREAM || type == TUI_MSG_STREAM_END || type == TUI_MSG_DETAIL || type == TUI_MSG_TAILS;
}

/* In a pause what is on the screen stays; a task that is opened then is not frozen. */
static int is_frozen(const struct tui_model *m, enum tui_msg_type type)
{
    int is_of_open = type == TUI_MSG_STREAM || type == TUI_MSG_STREAM_END || type == TUI_MSG_DETAIL || type == TUI_MSG_TAILS;
    return m->is_paused && !(is_of_open && m->open.is_opened_paused);
}

static void on_workers(struct tui_model *m, const struct tui_msg *msg)
{
    tui_log_workers(m, msg);
    tui_fleet_workers(&m->fleet, msg);
    tui_list_touch_all(&m->lists[TUI_WORKERS]);
}

static void on_queues(struct tui_model *m, const struct tui_msg *msg)
{
    tui_log_queues(m, msg);
    tui_fleet_queues(&m->fleet, msg);
    tui_list_touch_all(&m->lists[TUI_QUEUES]);
}

static void on_data(struct tui_model *m, const struct tui_msg *msg)
{
    switch (msg->type) {
    case TUI_MSG_FEED: on_feed(m, msg); break;
    case TUI_MSG_TASKS: on_tasks(m, msg); break;
    case TUI_MSG_WALK: tui_tasks_walk(&m->tasks); break;
    case TUI_MSG_WALK_END: m->tasks.is_filled = 1; break;
    case TUI_MSG_GONE: tui_list_touch(&m->lists[TUI_TASKS], tui_tasks_drop(&m->tasks, msg->id)); break;
    case TUI_MSG_COUNTS: tui_fleet_counts(&m->fleet, msg); break;
    case TUI_MSG_WORKERS: on_workers(m, msg); break;
    case TUI_MSG_QUEUES: on_queues(m, msg); break;
    case TUI_MSG_STREAM: tui_open_events(m, msg); break;
    case TUI_MSG_TAILS:
        tui_attention_tail(m, msg);
        tui_open_tail(m, msg);
        break;
    case TUI_MSG_STREAM_END: tui_open_end(m, msg); break;
    case TUI_MSG_DETAIL: tui_open_detail(m, msg); break;
    default: break;
    }
}

/* ---- keys and mouse ----------------------------------------------------------- */

static void on_key(struct tui_model *m, const char *key)
{
    if (m->prompt.use != TUI_PROMPT_NONE) {
        tui_command_prompt(m, tui_prompt_key(&m->prompt, key), key);
    } else if (m->menu.use != TUI_MENU_NONE) {
        tui_command_menu(m, tui_menu_key(&m->menu, key));
    } else {
        if (m->toast_is_error && m->toast_until > m->now + 3)
            m->toast_until = m->now + 3; /* it has been seen */
        tui_model_do(m, tui_keys_action(m->keys, key), key);
    }
}

static void on_mouse(struct tui_model *m, const struct tui_msg *msg)
{
    const struct tui_view *view = tui_views[m->screen];
    if (m->prompt.use != TUI_PROMPT_NONE || !m->is_mouse_on)
        return;
    if (m->menu.use != TUI_MENU_NONE)
        tui_command_menu(m, tui_menu_mouse(&m->menu, msg->text, (int)msg->a));
    else if (!tui_chrome_mouse(m, msg) && view->mouse)
        view->mouse(m, msg, tui_chrome_body(m));
}

/* ---- update ------------------------------------------------------------------- */

static void on_other(struct tui_model *m, const struct tui_msg *msg)
{
    if (tui_model_list(m) && (msg->type == TUI_MSG_KEY || msg->type == TUI_MSG_MOUSE))
        tui_list_reorder(tui_model_list(m), m);
    switch (msg->type) {
    case TUI_MSG_KEY: on_key(m, msg->text); break;
    case TUI_MSG_PASTE:
        if (m->prompt.use != TUI_PROMPT_NONE)
            tui_command_prompt(m, tui_prompt_paste(&m->prompt, msg->text, msg->text_len), "");
        break;
    case TUI_MSG_MOUSE: on_mouse(m, msg); break;
    case TUI_MSG_RESIZE:
        m->rows = msg->a > 0 ? (int)msg->a : 1;
        m->cols = msg->b > 0 ? (int)msg->b : 1;
        break;
    case TUI_MSG_LINK: on_link(m, msg); break;
    case TUI_MSG_TROUBLE: on_trouble(m, msg); break;
    case TUI_MSG_FEED_GAP: m->wants_refresh = 1; break;
    case TUI_MSG_AUDIT: tui_log_audits(m, msg); break;
    case TUI_MSG_ACTED: tui_act_done(m, msg); break;
    case TUI_MSG_EDITED: tui_act_edited(m, msg); break;
    case TUI_MSG_THEME: tui_set(m->theme, sizeof m->theme, msg->text); break;
    case TUI_MSG_NOTE: tui_toast(m, msg->a != 0, "%s", msg->text); break;
    default: break;
    }
}

#define STEP_S 2 /* messages may come a little out of order; more than that, and the clock was set back */

static void no_later(double *at, double limit)
{
    *at = fmin(*at, limit);
}

/* What lies in the future now would wait for it. */
static void step_back(struct tui_model *m, double now)
{
    m->now = now;
    no_later(&m->link.since, now);
    no_later(&m->link.heard_at, now);
    no_later(&m->link.lost_at, now);
    no_later(&m->paused_at, now);
    no_later(&m->toast_until, now + TOAST_S);
    no_later(&m->fleet.workers_at, now);
    no_later(&m->fleet.queues_at, now);
    no_later(&m->fleet.counts_at, now);
    m->attention.at = m->texts_at = 0;
    for (size_t i = 0; i < TUI_COUNT(m->acts.running); i++)
        no_later(&m->acts.running[i].send_at, now + TUI_UNDO_S);
    for (int i = 0; i < TUI_SCREENS; i++)
        m->lists[i].settled_at = 0;
}

/* Of errors that nothing has any more the texts are forgotten, once there are too many: an hour of failures with numbers in them. */
static void keep_texts(struct tui_model *m)
{
    if (!tui_texts_are_full(m->texts) || m->now - m->texts_at < 60)
        return;
    m->texts_at = m->now;
    uint8_t *is_used = tui_alloc(tui_texts_count(m->texts), 1);
    for (uint32_t row = 0; row < m->tasks.limit; row++) {
        const struct tui_task *t = &m->tasks.rows[row];
        if (t->is_there)
            is_used[t->agent] = is_used[t->queue] = is_used[t->worker] = is_used[t->error] = is_used[t->error_type] = 1;
    }
    for (size_t i = 0; m->log.lines && i < TUI_LOG_MAX; i++) {
        const struct tui_log_line *l = &m->log.lines[i];
        is_used[l->type] = is_used[l->agent] = is_used[l->queue] = is_used[l->worker] = 1;
    }
    tui_texts_keep(m->texts, is_used);
    free(is_used);
    for (int i = 0; i < TUI_SCREENS; i++)
        tui_query_forget(m->lists[i].query);
}

void tui_model_update(struct tui_model *m, const struct tui_msg *msg)
{
    if (msg->at < m->now - STEP_S)
        step_back(m, msg->at);
    else
        m->now = fmax(m->now, msg->at);
    if (!is_data(msg->type)) {
        on_other(m, msg);
        return;
    }
    int is_refusal = (msg->type == TUI_MSG_WORKERS || msg->type == TUI_MSG_QUEUES) && msg->text_len;
    if (m->link.is_up || !is_refusal) /* what is shown is no younger for being refused again */
        m->link.heard_at = m->now;
    if (is_frozen(m, msg->type))
        m->newer += msg->type == TUI_MSG_FEED || msg->type == TUI_MSG_STREAM ? msg->count : 0;
    else
        on_data(m, msg);
}

#define DIRTY_MAX 10000 /* rows that may have changed in a list that is not shown */

void tui_model_settle(struct tui_model *m)
{
    struct tui_list *tasks = &m->lists[TUI_TASKS];
    if (!m->is_paused)
        tui_attention_update(m);
    if (m->tasks.is_thinned)
        tui_list_touch_all(tasks);
    m->tasks.is_thinned = 0;
    keep_texts(m);
    for (int i = 0; i < TUI_SCREENS; i++)
        if (m->lists[i].source && (i == (int)m->screen || m->lists[i].dirty_count > DIRTY_MAX))
            tui_list_settle(&m->lists[i], m);
    /* A list that is made anew before it is shown has no row that matters. */
    if (tasks->must_rebuild || !tasks->dirty_count)
        tui_tasks_settled(&m->tasks);
    if (m->screen == TUI_TASKS && *m->lists[TUI_TASKS].cursor_id)
        tui_open_task(m, m->lists[TUI_TASKS].cursor_id); /* more about it is shown beside the list */
    if (m->toast_until && m->now >= m->toast_until) {
        m->toast[0] = 0;
        m->toast_until = 0;
    }
}

void tui_model_painted(struct tui_model *m)
{
    if (tui_views[m->screen]->painted)
        tui_views[m->screen]->painted(m);
}

void tui_model_want(const struct tui_model *m, struct tui_want *want)
{
    memset(want, 0, sizeof *want);
    want->open_id = "";
    want->wants_workers = want->wants_queues = want->wants_counts = 1;
    if (m->screen == TUI_TASK)
        want->open_id = m->open.id;
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_views[i]->want && (i == (int)m->screen || (m->is_plain && i <= TUI_EVENTS && i != TUI_TASKS)))
            tui_views[i]->want(m, want);
    if (*want->open_id && m->open.head_at < 0 && want->tail_count < TUI_COUNT(want->tail_ids))
        want->tail_ids[want->tail_count++] = m->open.id;
}
