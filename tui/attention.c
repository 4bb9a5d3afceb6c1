/* What needs attention: computed, the heaviest first. Also what the busiest tasks say. */
#include "model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECENT_S 900      /* failures of the last quarter of an hour */
#define GROUPS_MAX 64
#define SILENT_S 60
#define MANY 200000       /* tasks, from which on they are looked through less often */
#define WEIGH_LOST 900
#define WEIGH_STUCK 800
#define WEIGH_GROWS 700
#define WEIGH_FAILED 600
#define WEIGH_SILENT 500
#define WEIGH_PAUSED 400
#define WEIGH_DEAD 100

static void add(struct tui_attention *a, enum tui_subject subject, int weight, const char *state, const char *name, const char *target, double since, const char *fmt, ...)
    __attribute__((format(printf, 8, 9)));

static void add(struct tui_attention *a, enum tui_subject subject, int weight, const char *state, const char *name, const char *target, double since, const char *fmt, ...)
{
    struct tui_alarm alarm = { .subject = subject, .weight = weight, .role = tui_state_role(state), .since = since };
    va_list ap;
    tui_set(alarm.glyph, sizeof alarm.glyph, tui_state_glyph(state));
    tui_set(alarm.name, sizeof alarm.name, name);
    tui_set(alarm.target, sizeof alarm.target, target);
    va_start(ap, fmt);
    vsnprintf(alarm.text, sizeof alarm.text, fmt, ap);
    va_end(ap);
    size_t at = a->count;
    while (at && a->alarms[at - 1].weight < weight)
        at--;
    if (a->count == TUI_ATTENTION_MAX) {
        a->hidden++;
        if (at == a->count)
            return;
        a->count--;
    }
    memmove(&a->alarms[at + 1], &a->alarms[at], (a->count++ - at) * sizeof alarm);
    a->alarms[at] = alarm;
}

static void look_at_workers(struct tui_model *m)
{
    char age[16];
    for (size_t i = 0; i < m->fleet.worker_count; i++) {
        const struct tui_worker *w = &m->fleet.workers[i];
        double since = w->lost_at > 0 ? w->lost_at : w->last_beat;
        if (!w->is_lost || (m->now - since > RECENT_S && !w->pending))
            continue;
        tui_show_age(m->now, since, age, sizeof age);
        add(&m->attention, TUI_OF_WORKER, WEIGH_LOST + (w->pending > 0), "lost", w->id, w->id, since, "lost %s ago, %lld tasks to be taken over", age, (long long)w->pending);
    }
}

static void look_at_queues(struct tui_model *m)
{
    char depth[24], oldest[16] = "", eta[16];
    for (size_t i = 0; i < m->fleet.queue_count; i++) {
        const struct tui_queue *q = &m->fleet.queues[i];
        double left = tui_queue_eta(q, m->now);
        tui_show_count((double)q->depth, depth, sizeof depth);
        if (q->oldest_at > 0)
            tui_show_age(m->now, q->oldest_at, oldest, sizeof oldest);
        if (q->is_paused && (q->depth > 0 || q->delayed > 0))
            add(&m->attention, TUI_OF_QUEUE, WEIGH_PAUSED, "paused", q->name, q->name, q->paused_at, "paused%s%s, %s wait", *q->paused_by ? " by " : "", q->paused_by, depth);
        else if (q->depth > 0 && !q->workers && !q->consumers)
            add(&m->attention, TUI_OF_QUEUE, WEIGH_STUCK, "lost", q->name, q->name, q->oldest_at, "no worker serves it, %s wait", depth);
        else if (q->depth > 20 && isinf(left))
            add(&m->attention, TUI_OF_QUEUE, WEIGH_GROWS, "retrying", q->name, q->name, 0, "backlog grows: %s wait, the oldest %s", depth, *oldest ? oldest : "?");
        else if (q->depth > 20 && left > 600) {
            tui_show_span(left, eta, sizeof eta);
            add(&m->attention, TUI_OF_QUEUE, WEIGH_GROWS - 50, "retrying", q->name, q->name, 0, "backlog: %s wait, empty in %s", depth, eta);
        }
        if (q->dead > 0)
            add(&m->attention, TUI_OF_QUEUE, WEIGH_DEAD, "failed", q->name, q->name, 0, "%lld dead letters: L replays them", (long long)q->dead);
    }
}

/* Failures of late, those with the same error together. */
static void look_at_failures(struct tui_model *m)
{
    struct group { uint32_t error, type; size_t count; double since; } groups[GROUPS_MAX];
    size_t n = 0;
    for (uint32_t row = 0; row < m->tasks.limit; row++) {
        const struct tui_task *t = &m->tasks.rows[row];
        if (!t->is_there || (t->state != ORB_STATUS_FAILED && t->state != ORB_STATUS_RETRYING) || (t->state == ORB_STATUS_FAILED && m->now - t->completed_at > RECENT_S))
            continue;
        size_t k = 0;
        while (k < n && groups[k].error != t->error)
            k++;
        if (k == GROUPS_MAX)
            continue;
        if (k == n)
            groups[n++] = (struct group){ t->error, t->error_type, 0, t->completed_at };
        groups[k].count++;
        groups[k].since = t->completed_at > 0 ? fmin(groups[k].since, t->completed_at) : groups[k].since;
    }
    for (size_t k = 0; k < n; k++) {
        char clock[16] = "", filter[TUI_TEXT_MAX + 60], name[40], error[61];
        const char *text = tui_texts_get(m->texts, groups[k].error);
        size_t quote = strcspn(text, "\""), len = quote < 60 ? quote : 60;
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
        snprintf(error, sizeof error, "%.*s", (int)len, text);
        snprintf(filter, sizeof filter, *error ? "state:failed,retrying error:\"%s\"" : "state:failed,retrying", error);
        snprintf(name, sizeof name, "%zu failed", groups[k].count);
        if (groups[k].since > 0)
            tui_show_clock(groups[k].since, 0, clock, sizeof clock);
        add(&m->attention, TUI_OF_TASKS, WEIGH_FAILED + (groups[k].count > 50 ? 50 : (int)groups[k].count), "failed", name, filter, groups[k].since, "%.70s%s%s",
            *text ? text : tui_texts_get(m->texts, groups[k].type), *clock ? " since " : "", clock);
    }
}

static void look_at_streams(struct tui_model *m)
{
    char age[16];
    for (size_t i = 0; i < TUI_TAILS; i++) {
        const struct tui_tail *tail = &m->attention.tails[i];
        if (!*tail->id || tail->at <= 0 || m->now - tail->at < SILENT_S)
            continue;
        tui_show_age(m->now, tail->at, age, sizeof age);
        add(&m->attention, TUI_OF_TASK, WEIGH_SILENT, "draining", tail->id, tail->id, tail->at, "runs, and has said nothing for %s", age);
    }
}

/* ---- the busiest ------------------------------------------------------------------ */

static int is_running(const struct tui_model *m, const char *id)
{
    uint32_t row = tui_tasks_find(&m->tasks, id);
    return row != UINT32_MAX && m->tasks.rows[row].state == ORB_STATUS_RUNNING;
}

static int has_tail(const struct tui_attention *a, const char *id)
{
    for (size_t i = 0; i < TUI_TAILS; i++)
        if (!strcmp(a->tails[i].id, id))
            return 1;
    return 0;
}

/* Those that have ended go, running ones take their places: the ones that were started last. */
static void choose_tails(struct tui_model *m)
{
    struct tui_attention *a = &m->attention;
    uint32_t best[TUI_TAILS];
    size_t n = 0, next = 0;
    for (size_t i = 0; i < TUI_TAILS; i++)
        if (*a->tails[i].id && !is_running(m, a->tails[i].id))
            memset(&a->tails[i], 0, sizeof a->tails[i]);
    for (uint32_t row = 0; m->tasks.by_state[ORB_STATUS_RUNNING] && row < m->tasks.limit; row++) {
        const struct tui_task *t = &m->tasks.rows[row];
        if (!t->is_there || t->state != ORB_STATUS_RUNNING || (n == TUI_TAILS && t->started_at <= m->tasks.rows[best[n - 1]].started_at) || has_tail(a, tui_task_id(&m->tasks, row)))
            continue;
        n += n < TUI_TAILS;
        size_t at = n - 1;
        for (; at && m->tasks.rows[best[at - 1]].started_at < t->started_at; at--)
            best[at] = best[at - 1];
        best[at] = row;
    }
    for (size_t i = 0; i < TUI_TAILS && next < n; i++)
        if (!*a->tails[i].id)
            tui_set(a->tails[i].id, sizeof a->tails[i].id, tui_task_id(&m->tasks, best[next++]));
}

void tui_attention_tail(struct tui_model *m, const struct tui_msg *msg)
{
    for (size_t i = 0; i < TUI_TAILS; i++) {
        struct tui_tail *tail = &m->attention.tails[i];
        if (strcmp(tail->id, msg->id) != 0)
            continue;
        size_t from = 0, len = msg->text_len;
        if (len >= sizeof tail->text)
            from = len - sizeof tail->text + 1;
        while (from < len && ((unsigned char)msg->text[from] & 0xc0) == 0x80)
            from++;
        tui_set(tail->text, sizeof tail->text, msg->text + from);
        tail->tok_s = msg->number;
        tail->at = (double)msg->a / 1000;
        return;
    }
}

void tui_attention_update(struct tui_model *m)
{
    struct tui_attention *a = &m->attention;
    if (m->now - a->at < (m->tasks.limit > MANY ? 5 : 1))
        return;
    a->at = m->now;
    a->count = a->hidden = 0;
    look_at_workers(m);
    look_at_queues(m);
    look_at_failures(m);
    choose_tails(m);
    look_at_streams(m);
}
