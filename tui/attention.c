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
#define STUCK_S 300
#define MANY 200000       /* tasks, from which on they are looked through less often */
#define WEIGH_LINK 950
#define WEIGH_LOST 900
#define WEIGH_STUCK 800
#define WEIGH_GROWS 700
#define WEIGH_FAILED 600
#define WEIGH_SILENT 500
#define WEIGH_PAUSED 400
#define WEIGH_DEAD 100

static void add(struct tui_attention *a, enum tui_subject subject, int weight, const char *state, const char *name, const char *target, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

static void add(struct tui_attention *a, enum tui_subject subject, int weight, const char *state, const char *name, const char *target, const char *fmt, ...)
{
    struct tui_alarm alarm = { .subject = subject, .weight = weight, .role = tui_state_role(state) };
    va_list ap;
    snprintf(alarm.key, sizeof alarm.key, "%d %s %.*s", (int)subject, state, TUI_TARGET_MAX - 20, target);
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

/* What cannot be asked for, and a clock that makes ages wrong for everybody else. */
static void look_at_link(struct tui_model *m)
{
    char span[16];
    for (int i = 0; i < TUI_TROUBLES; i++)
        if (*m->troubles[i])
            add(&m->attention, TUI_OF_LINK, WEIGH_LINK, "failed", tui_trouble_names[i], tui_trouble_names[i], "%.150s", m->troubles[i]);
    if (*m->fleet.workers_error)
        add(&m->attention, TUI_OF_LINK, WEIGH_LINK, "failed", "workers", "workers", "%.150s", m->fleet.workers_error);
    if (*m->fleet.queues_error)
        add(&m->attention, TUI_OF_LINK, WEIGH_LINK, "failed", "queues", "queues", "%.150s", m->fleet.queues_error);
    if (m->fleet.skew < 0 || m->fleet.skew > 0) {
        tui_show_span(fabs(m->fleet.skew), span, sizeof span);
        add(&m->attention, TUI_OF_LINK, WEIGH_PAUSED, "draining", "clock", "clock", "of this machine is %s %s that of Redis, by which ages are shown", span,
            m->fleet.skew > 0 ? "behind" : "before");
    }
}

static void look_at_workers(struct tui_model *m, double now)
{
    char age[16];
    for (size_t i = 0; i < m->fleet.worker_count; i++) {
        const struct tui_worker *w = &m->fleet.workers[i];
        double since = w->lost_at > 0 ? w->lost_at : w->last_beat;
        if (!w->is_lost || (now - since > RECENT_S && !w->pending))
            continue;
        tui_show_age(now, since, age, sizeof age);
        if (since <= 0)
            snprintf(age, sizeof age, "some time");
        if (w->pending > 0)
            add(&m->attention, TUI_OF_WORKER, WEIGH_LOST + 1, "lost", w->id, w->id, w->pending == 1 ? "lost %s ago, %lld task to be taken over" : "lost %s ago, %lld tasks to be taken over", age, (long long)w->pending);
        else
            add(&m->attention, TUI_OF_WORKER, WEIGH_LOST, "lost", w->id, w->id, "lost %s ago, others have what it ran", age);
    }
}

/* Tasks wait, and for a while nothing has ended. */
static int is_stuck(const struct tui_queue *q, double now)
{
    return q->depth > 0 && q->oldest_at > 0 && now - q->oldest_at > STUCK_S && tui_history_rate(&q->out, now, STUCK_S) <= 0;
}

static void look_at_queue(struct tui_model *m, const struct tui_queue *q, double now)
{
    struct tui_attention *a = &m->attention;
    char depth[24], oldest[16] = "?", eta[16];
    double left = tui_queue_eta(&m->fleet, q, now);
    tui_show_count((double)q->depth, depth, sizeof depth);
    if (q->oldest_at > 0)
        tui_show_age(now, q->oldest_at, oldest, sizeof oldest);
    if (q->depth < 0)
        add(a, TUI_OF_QUEUE, WEIGH_STUCK, "failed", q->name, q->name, "its key in Redis is no stream");
    else if (q->is_paused && (q->depth > 0 || q->delayed > 0))
        add(a, TUI_OF_QUEUE, WEIGH_PAUSED, "paused", q->name, q->name, "paused%s%s, %s wait", *q->paused_by ? " by " : "", q->paused_by, depth);
    else if (q->depth > 0 && !q->workers && !q->consumers)
        add(a, TUI_OF_QUEUE, WEIGH_STUCK, "lost", q->name, q->name, "no worker serves it, %s wait", depth);
    else if (is_stuck(q, now))
        add(a, TUI_OF_QUEUE, WEIGH_STUCK, "lost", q->name, q->name, "nothing ends, %s wait, the oldest %s", depth, oldest);
    else if (q->depth > 20 && isinf(left))
        add(a, TUI_OF_QUEUE, WEIGH_GROWS, "retrying", q->name, q->name, "backlog grows: %s wait, the oldest %s", depth, oldest);
    else if (q->depth > 20 && left > 600) {
        tui_show_span(left, eta, sizeof eta);
        add(a, TUI_OF_QUEUE, WEIGH_GROWS - 50, "retrying", q->name, q->name, "backlog: %s wait, empty in %s", depth, eta);
    }
    if (q->dead > 0)
        add(a, TUI_OF_QUEUE, WEIGH_DEAD, "failed", q->name, q->name, q->dead == 1 ? "%lld dead letter: %s replays it" : "%lld dead letters: %s replays them", (long long)q->dead, tui_keys_say(m->keys, TUI_DO_REPLAY));
}

/* Failures of late, those with the same error together. */
static void look_at_failures(struct tui_model *m, double now)
{
    struct group { uint32_t error, type; size_t count, failed; double since; } groups[GROUPS_MAX];
    size_t n = 0;
    for (uint32_t row = 0; row < m->tasks.limit; row++) {
        const struct tui_task *t = &m->tasks.rows[row];
        if (!t->is_there || (t->is_awaited && !t->error) || (t->state != ORB_STATUS_FAILED && t->state != ORB_STATUS_RETRYING) || (t->state == ORB_STATUS_FAILED && now - t->completed_at > RECENT_S))
            continue;
        size_t k = 0;
        while (k < n && groups[k].error != t->error)
            k++;
        if (k == GROUPS_MAX)
            continue;
        if (k == n)
            groups[n++] = (struct group){ t->error, t->error_type, 0, 0, INFINITY };
        groups[k].count++;
        groups[k].failed += t->state == ORB_STATUS_FAILED;
        if (t->completed_at > 0)
            groups[k].since = fmin(groups[k].since, t->completed_at);
    }
    for (size_t k = 0; k < n; k++) {
        char clock[16] = "", filter[TUI_TARGET_MAX], name[40], error[101], word[TUI_TARGET_MAX - 60];
        const char *text = tui_texts_get(m->texts, groups[k].error);
        tui_set(error, sizeof error, text);
        tui_query_quote(error, word, sizeof word);
        snprintf(filter, sizeof filter, *error ? "state:failed,retrying error:%s" : "state:failed,retrying", word);
        const char *state = groups[k].failed ? "failed" : "retrying"; /* the one that is worse */
        snprintf(name, sizeof name, "%zu %s", groups[k].count, state);
        if (isfinite(groups[k].since))
            tui_show_clock(groups[k].since, 0, clock, sizeof clock);
        add(&m->attention, TUI_OF_TASKS, WEIGH_FAILED + (groups[k].count > 50 ? 50 : (int)groups[k].count), state, name, filter, "%.70s%s%s",
            *text ? text : tui_texts_get(m->texts, groups[k].type), *clock ? " since " : "", clock);
    }
}

/* ---- who says what -------------------------------------------------------------- */

static const struct tui_task *running(const struct tui_model *m, const char *id)
{
    uint32_t row = *id ? tui_tasks_find(&m->tasks, id) : UINT32_MAX;
    return row != UINT32_MAX && m->tasks.rows[row].state == ORB_STATUS_RUNNING ? &m->tasks.rows[row] : NULL;
}

/* One that runs, and, when it has said anything in this attempt, has done so long ago. */
static double silent_since(const struct tui_task *task, const struct tui_tail *tail)
{
    return fmax(task->started_at, tail->at);
}

static void note_silent(struct tui_model *m, const struct tui_tail *tail)
{
    struct tui_silent *silent = m->attention.silent, *place = NULL;
    const struct tui_task *task = running(m, tail->id);
    for (size_t i = 0; i < TUI_SILENT_MAX; i++) {
        if (!strcmp(silent[i].id, tail->id))
            memset(&silent[i], 0, sizeof silent[i]);
        if (!*silent[i].id && !place)
            place = &silent[i];
    }
    if (!task || !place || task->started_at <= 0 || tui_age_now(m) - silent_since(task, tail) < SILENT_S)
        return;
    tui_set(place->id, sizeof place->id, tail->id);
    place->since = silent_since(task, tail);
    place->told_at = m->now;
}

static void look_at_silent(struct tui_model *m, double now)
{
    char age[16];
    for (size_t i = 0; i < TUI_SILENT_MAX; i++) {
        struct tui_silent *s = &m->attention.silent[i];
        const struct tui_task *task = running(m, s->id);
        if (!task || task->started_at > s->since + 1) { /* it has ended, or this is another attempt */
            memset(s, 0, sizeof *s);
            continue;
        }
        tui_show_age(now, s->since, age, sizeof age);
        add(&m->attention, TUI_OF_TASK, WEIGH_SILENT, "draining", s->id, s->id, "runs, and has said nothing for %s", age);
    }
}

static int has_tail(const struct tui_attention *a, const char *id)
{
    for (size_t i = 0; i < TUI_COUNT(a->tails); i++)
        if (!strcmp(a->tails[i].id, id))
            return 1;
    return 0;
}

static void set_tail(struct tui_tail *tail, const char *id)
{
    memset(tail, 0, sizeof *tail);
    tui_set(tail->id, sizeof tail->id, id);
}

/* A probe that is busier than the slowest of those shown takes its place. */
static void rise(struct tui_attention *a, struct tui_tail *probe)
{
    struct tui_tail *slowest = a->tails, kept;
    for (size_t i = 0; i < TUI_TAILS; i++)
        slowest = a->tails[i].tok_s < slowest->tok_s ? &a->tails[i] : slowest;
    if (probe->told_at > 0 && slowest->told_at > 0 && probe->tok_s > slowest->tok_s * 1.2 + 1) {
        kept = *slowest;
        *slowest = *probe;
        *probe = kept;
    }
}

static struct tui_tail *free_tail(struct tui_attention *a)
{
    for (size_t i = 0; i < TUI_COUNT(a->tails); i++)
        if (!*a->tails[i].id)
            return &a->tails[i];
    return NULL;
}

/* Silent ones are asked again soon, so that nobody is accused for long. */
static void probe_silent(struct tui_model *m)
{
    struct tui_attention *a = &m->attention;
    struct tui_silent *oldest;
    for (size_t n = 0; n < TUI_PROBES / 2; n++) {
        oldest = NULL;
        for (size_t i = 0; i < TUI_SILENT_MAX; i++)
            if (*a->silent[i].id && !has_tail(a, a->silent[i].id) && (!oldest || a->silent[i].told_at < oldest->told_at))
                oldest = &a->silent[i];
        struct tui_tail *tail = oldest ? free_tail(a) : NULL;
        if (!tail)
            return;
        set_tail(tail, oldest->id);
    }
}

/* Those that have ended go, running ones take their places. The probes go round. */
static void choose_tails(struct tui_model *m)
{
    struct tui_attention *a = &m->attention;
    struct tui_tail *tail;
    for (size_t i = 0; i < TUI_COUNT(a->tails); i++) {
        int is_probe = i >= TUI_TAILS;
        if (is_probe)
            rise(a, &a->tails[i]);
        if (!running(m, a->tails[i].id) || (is_probe && a->tails[i].told_at > 0))
            set_tail(&a->tails[i], "");
    }
    if (!m->tasks.by_state[ORB_STATUS_RUNNING])
        return;
    probe_silent(m);
    for (uint32_t n = 0; n < m->tasks.limit && (tail = free_tail(a)); n++, a->probe_row++) {
        const struct tui_task *t = &m->tasks.rows[a->probe_row % m->tasks.limit];
        const char *id = t->is_there && t->state == ORB_STATUS_RUNNING ? tui_task_id(&m->tasks, a->probe_row % m->tasks.limit) : "";
        if (*id && !has_tail(a, id))
            set_tail(tail, id);
    }
}

void tui_attention_tail(struct tui_model *m, const struct tui_msg *msg)
{
    for (size_t i = 0; i < TUI_COUNT(m->attention.tails); i++) {
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
        tail->told_at = m->now;
        note_silent(m, tail);
        return;
    }
}

void tui_attention_update(struct tui_model *m)
{
    struct tui_attention *a = &m->attention;
    double now = tui_age_now(m);
    int known = (m->fleet.counts_at > 0) + (m->fleet.workers_at > 0) + (m->fleet.queues_at > 0) + (m->tasks.is_filled != 0);
    if (known == a->known && m->now - a->at < (m->tasks.limit > MANY ? 5 : 1))
        return;
    a->known = known;
    a->at = m->now;
    a->count = a->hidden = 0;
    look_at_link(m);
    look_at_workers(m, now);
    for (size_t i = 0; i < m->fleet.queue_count; i++)
        look_at_queue(m, &m->fleet.queues[i], now);
    look_at_failures(m, now);
    choose_tails(m);
    look_at_silent(m, now);
}
