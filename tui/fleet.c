#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is told ------------------------------------------------------------- */

void tui_fleet_done(struct tui_fleet *f)
{
    free(f->workers);
    free(f->queues);
    memset(f, 0, sizeof *f);
}

/* What a heartbeat or a counter says anybody may have written: at most so much that many of them can be added. */
static int64_t counted(int64_t n)
{
    static const int64_t most = INT64_C(1) << 50;
    return n < 0 ? 0 : n > most ? most : n;
}

void tui_fleet_workers(struct tui_fleet *f, const struct tui_msg *msg)
{
    tui_set(f->workers_error, sizeof f->workers_error, msg->text);
    if (msg->text_len)
        return;
    size_t n = msg->count < TUI_WORKERS_MAX ? msg->count : TUI_WORKERS_MAX;
    struct tui_worker *workers = tui_alloc(n, sizeof *workers);
    double tokens = 0;
    for (size_t i = 0; i < n; i++) {
        const struct orb_worker_info *from = &msg->workers[i];
        struct tui_worker *w = &workers[i];
        tui_set(w->id, sizeof w->id, from->id);
        tui_set(w->host, sizeof w->host, from->hostname);
        tui_set(w->version, sizeof w->version, from->version);
        tui_set(w->queue, sizeof w->queue, from->queue);
        tui_set(w->task, sizeof w->task, from->current_task_id);
        tui_set(w->status, sizeof w->status, from->status);
        w->done = counted(from->tasks_processed);
        w->failed = counted(from->tasks_failed);
        w->slots = counted(from->concurrency);
        w->busy = counted(from->pending > 0 || from->lease_ms > 0 ? from->pending : from->slots_busy); /* a beat is ten seconds old at times */
        w->rss_kb = counted(from->rss_kb);
        w->pending = counted(from->pending);
        w->tok_s = from->tok_s;
        w->started_at = from->started_at;
        w->last_beat = from->last_heartbeat;
        w->is_lost = from->is_lost;
        w->lost_at = from->lost_since;
        tokens += w->is_lost ? 0 : w->tok_s;
    }
    free(f->workers);
    f->workers = workers;
    f->worker_count = n;
    f->workers_at = msg->at;
    f->asked_at = f->asked_at > 0 ? f->asked_at : msg->at + f->skew;
    tui_history_set(&f->tokens, msg->at + f->skew, tokens);
}

static int by_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct tui_queue *)row)->name);
}

struct tui_queue *tui_fleet_queue(struct tui_fleet *f, const char *name)
{
    return f->queue_count ? bsearch(name, f->queues, f->queue_count, sizeof *f->queues, by_name) : NULL;
}

void tui_fleet_queues(struct tui_fleet *f, const struct tui_msg *msg)
{
    tui_set(f->queues_error, sizeof f->queues_error, msg->text);
    if (msg->text_len)
        return;
    size_t n = msg->count < TUI_QUEUES_MAX ? msg->count : TUI_QUEUES_MAX;
    struct tui_queue *queues = tui_alloc(n, sizeof *queues);
    for (size_t i = 0; i < n; i++) { /* they come sorted */
        const struct orb_queue_info *from = &msg->queues[i];
        const struct tui_queue *before = tui_fleet_queue(f, from->name);
        struct tui_queue *q = &queues[i];
        if (before)
            *q = *before; /* with its history */
        tui_set(q->name, sizeof q->name, from->name);
        tui_set(q->paused_by, sizeof q->paused_by, from->paused_by);
        q->depth = from->depth < 0 ? -1 : counted(from->depth); /* below 0: not known */
        q->running = counted(from->running);
        q->delayed = counted(from->delayed);
        q->dead = counted(from->dead);
        q->workers = from->workers;
        q->consumers = from->consumers;
        q->is_paused = from->is_paused;
        q->paused_at = from->paused_at;
        q->oldest_at = from->oldest_at;
        tui_history_set(&q->waiting, msg->at + f->skew, (double)q->depth);
    }
    free(f->queues);
    f->queues = queues;
    f->queue_count = n;
    f->queues_at = msg->at;
}

void tui_fleet_counts(struct tui_fleet *f, const struct tui_msg *msg)
{
    if (!msg->counts)
        return;
    for (size_t i = 0; i < TUI_COUNT(f->by_state); i++)
        f->by_state[i] = counted(msg->counts->by_status[i]);
    f->redis_bytes = msg->counts->memory_bytes;
    f->skew = msg->counts->at > 0 && fabs(msg->counts->at - msg->at) >= TUI_SKEW_MIN ? msg->counts->at - msg->at : 0;
    f->counts_at = msg->at;
    f->counted_at = msg->counts->at > 0 ? msg->counts->at : msg->at;
}

/* Before the queues are told the first time, what happened in them is kept all the same. */
static struct tui_queue *queue_of(struct tui_fleet *f, const char *name)
{
    struct tui_queue *q = tui_fleet_queue(f, name);
    size_t at = 0;
    if (q || f->queues_at > 0 || f->queue_count == TUI_QUEUES_MAX)
        return q;
    while (at < f->queue_count && strcmp(f->queues[at].name, name) < 0)
        at++;
    f->queues = tui_resize(f->queues, f->queue_count + 1, sizeof *f->queues);
    memmove(&f->queues[at + 1], &f->queues[at], (f->queue_count++ - at) * sizeof *f->queues);
    memset(&f->queues[at], 0, sizeof *f->queues);
    tui_set(f->queues[at].name, sizeof f->queues[at].name, name);
    return &f->queues[at];
}

void tui_fleet_happened(struct tui_fleet *f, const struct orb_feed_event *change)
{
    double at = (double)change->at_ms / 1000;
    if (!f->watched_at)
        f->watched_at = at;
    struct tui_queue *q = queue_of(f, *change->queue ? change->queue : ORB_QUEUE_DEFAULT);
    enum orb_status is = (enum orb_status)change->status;
    if (is == ORB_STATUS_PENDING && !change->attempt) {
        tui_history_add(&f->in, at, 1);
        if (q)
            tui_history_add(&q->in, at, 1);
    }
    if (!orb_status_is_final(is))
        return;
    tui_history_add(is == ORB_STATUS_FAILED ? &f->failed : &f->done, at, 1);
    if (!q)
        return;
    tui_history_add(&q->out, at, 1);
    if (is == ORB_STATUS_FAILED)
        tui_history_add(&q->failed, at, 1);
}

void tui_fleet_moved(struct tui_fleet *f, double at, int was, enum orb_status is)
{
    if (!f->counts_at || at < f->counted_at || was == (int)is)
        return;
    if (was >= 0 && f->by_state[was] > 0)
        f->by_state[was]--;
    f->by_state[is]++;
}

#define RATE_S 60

/* ---- what can be said of them --------------------------------------------------- */

double tui_fleet_rate(const struct tui_fleet *f, const struct tui_history *h, double now)
{
    int64_t slots = (int64_t)(now / TUI_SLOT_S) - (int64_t)ceil(f->watched_at / TUI_SLOT_S); /* whole ones */
    double values[2] = { 0 };
    if (f->watched_at <= 0 || slots * TUI_SLOT_S >= RATE_S)
        return tui_history_rate(h, now, RATE_S);
    if (slots >= 1)
        return tui_history_rate(h, now, (int)slots * TUI_SLOT_S);
    tui_history_get(h, now + TUI_SLOT_S, values, TUI_COUNT(values)); /* with the one under way */
    return (values[0] + values[1]) / fmax(now - f->watched_at, 1);
}

double tui_queue_eta(const struct tui_fleet *f, const struct tui_queue *q, double now)
{
    double out = tui_fleet_rate(f, &q->out, now), in = tui_fleet_rate(f, &q->in, now);
    if (q->depth <= 0 || out <= 0)
        return NAN;
    return out > in ? (double)q->depth / (out - in) : INFINITY;
}

const char *tui_worker_state(const struct tui_worker *w, double now)
{
    (void)now;
    if (w->is_lost)
        return "lost";
    if (!strcmp(w->status, "draining"))
        return "draining";
    return w->busy > 0 || *w->task ? "busy" : "idle";
}

/* ---- as sources of lists -------------------------------------------------------- */

static void set_text(struct tui_value *out, const char *text)
{
    out->text = text;
    out->len = strlen(text);
}

#define TREND_SLOTS 44 /* as many as a value has room for */

/* What is new stands at its end, and blanks where nobody looked. */
static void set_spark(struct tui_value *out, const struct tui_history *h, double since, double now)
{
    double values[TREND_SLOTS];
    size_t blanks = TREND_SLOTS - tui_history_known(since, now, TREND_SLOTS);
    double max = tui_history_get(h, now, values, TREND_SLOTS);
    memset(out->room, ' ', blanks);
    tui_show_spark(values + blanks, TREND_SLOTS - blanks, max, out->room + blanks, sizeof out->room - blanks);
    set_text(out, out->room);
    out->role = TUI_GRAPH;
}

enum worker_field { W_ID, W_HOST, W_STATE, W_SLOTS, W_BEAT, W_DONE, W_FAIL, W_TOKENS, W_RSS, W_VERSION, W_QUEUE, W_TASK, W_UP, W_BUSY, W_HELD, W_FIELDS };
static const struct tui_field worker_fields[W_FIELDS] = {
    [W_ID] = { "worker", "WORKER", TUI_ID_FIELD, 19, 1, 1, "its id", 0 },
    [W_HOST] = { "host", "HOST", TUI_TEXT_FIELD, 8, 0, 2, "the machine", 0 },
    [W_STATE] = { "state", "STATE", TUI_STATE_FIELD, 10, 0, 3, "busy, idle, draining, lost", 0 },
    [W_SLOTS] = { "slots", "SLOTS", TUI_TEXT_FIELD, 6, 0, 4, "tasks that it runs, of those that it may run at a time", 0 },
    [W_BEAT] = { "beat", "BEAT", TUI_TEXT_FIELD, 4, 0, 5, "ok, or how long ago its last heartbeat was", 0 },
    [W_DONE] = { "tasks", "TASKS", TUI_COUNT_FIELD, 6, 0, 6, "tasks that it has completed", 0 },
    [W_FAIL] = { "fail", "FAIL%", TUI_PERCENT_FIELD, 5, 0, 7, "how many of its attempts failed, percent", 0 },
    [W_TOKENS] = { "tok", "TOK/S", TUI_RATE_FIELD, 6, 0, 8, "tokens a second", 0 },
    [W_RSS] = { "rss", "RSS", TUI_BYTES_FIELD, 6, 0, 9, "its memory", 0 },
    [W_VERSION] = { "version", "VERSION", TUI_TEXT_FIELD, 8, 0, 101, "of its program; a Python worker tells none", 0 },
    [W_QUEUE] = { "queue", "QUEUE", TUI_TEXT_FIELD, 16, 0, 102, "the queue it serves", 0 },
    [W_TASK] = { "task", "TASK", TUI_ID_FIELD, 8, 1, 103, "a task that it runs", 0 },
    [W_UP] = { "up", "UP", TUI_AGE_FIELD, 4, 0, 104, "since when it runs", 0 },
    [W_BUSY] = { "busy", "BUSY", TUI_COUNT_FIELD, 5, 0, 0, "tasks that it runs", 0 },
    [W_HELD] = { "held", "HELD", TUI_COUNT_FIELD, 5, 0, 0, "queue entries that it has been given and that have not ended", 0 },
};

static uint32_t worker_limit(const struct tui_model *m)
{
    return (uint32_t)m->fleet.worker_count;
}

static int always(const struct tui_model *m, uint32_t row)
{
    (void)m;
    (void)row;
    return 1;
}

static const char *worker_id(const struct tui_model *m, uint32_t row, char room[ORB_ID_MAX + 1])
{
    (void)room;
    return m->fleet.workers[row].id;
}

static int by_id(const void *key, const void *row)
{
    return strcmp(key, ((const struct tui_worker *)row)->id);
}

static uint32_t worker_find(const struct tui_model *m, const char *id)
{
    const struct tui_worker *w = m->fleet.worker_count ? bsearch(id, m->fleet.workers, m->fleet.worker_count, sizeof *w, by_id) : NULL;
    return w ? (uint32_t)(w - m->fleet.workers) : UINT32_MAX;
}

static double state_rank(const char *state)
{
    static const char *const order[] = { "lost", "draining", "busy", "idle" };
    for (size_t i = 0; i < TUI_COUNT(order); i++)
        if (!strcmp(order[i], state))
            return (double)i;
    return 9;
}

/* A beat every 10 s is as it should be: the number would only make the screen restless. */
static void set_beat(struct tui_value *out, const struct tui_worker *w, double now)
{
    double age = now - w->last_beat;
    if (w->last_beat <= 0)
        snprintf(out->room, sizeof out->room, "-");
    else if (age < 15)
        snprintf(out->room, sizeof out->room, "ok");
    else
        tui_show_age(now, w->last_beat, out->room, sizeof out->room);
    set_text(out, out->room);
    out->role = age >= 30 ? TUI_WARNING : TUI_TEXT;
}

static void set_slots(struct tui_value *out, const struct tui_worker *w)
{
    snprintf(out->room, sizeof out->room, "%lld/%lld", (long long)w->busy, (long long)w->slots);
    set_text(out, out->room);
}

static void worker_value(const struct tui_model *m, uint32_t row, size_t field, struct tui_value *out)
{
    const struct tui_worker *w = &m->fleet.workers[row];
    double now = tui_age_now(m);
    out->role = TUI_TEXT;
    switch ((enum worker_field)field) {
    case W_ID: set_text(out, w->id); break;
    case W_HOST: set_text(out, w->host); break;
    case W_STATE:
        set_text(out, tui_worker_state(w, now));
        out->number = state_rank(out->text);
        out->role = tui_state_role(out->text);
        break;
    case W_SLOTS: set_slots(out, w); break;
    case W_BEAT: set_beat(out, w, now); break;
    case W_DONE: out->number = (double)w->done; break;
    case W_FAIL: out->number = w->done > 0 || w->failed > 0 ? (double)w->failed / ((double)w->done + (double)w->failed) : NAN; break;
    case W_TOKENS: out->number = w->is_lost ? NAN : w->tok_s; break;
    case W_RSS: out->number = w->rss_kb > 0 ? (double)w->rss_kb * 1024 : NAN; break;
    case W_VERSION: set_text(out, w->version); break;
    case W_QUEUE: set_text(out, w->queue); break;
    case W_TASK: set_text(out, w->task); break;
    case W_UP: out->number = w->started_at > 0 ? w->started_at : NAN; break;
    case W_BUSY: out->number = (double)w->busy; break;
    case W_HELD: out->number = (double)w->pending; break;
    case W_FIELDS: break;
    }
}

const struct tui_source tui_worker_source = {
    .name = "workers", .noun = "worker", .fields = worker_fields, .field_count = W_FIELDS,
    .limit = worker_limit, .count = worker_limit, .is_there = always, .value = worker_value, .id = worker_id, .find = worker_find,
};

enum queue_field { Q_NAME, Q_STATE, Q_DEPTH, Q_RUNNING, Q_WORKERS, Q_OLDEST, Q_IN, Q_OUT, Q_ETA, Q_TREND, Q_FAIL, Q_DELAYED, Q_DEAD, Q_CONSUMERS, Q_FIELDS };
static const struct tui_field queue_fields[Q_FIELDS] = {
    [Q_NAME] = { "queue", "QUEUE", TUI_TEXT_FIELD, 14, 1, 1, "its name", 0 },
    [Q_STATE] = { "state", "STATE", TUI_STATE_FIELD, 9, 0, 2, "running, paused", 0 },
    [Q_DEPTH] = { "depth", "DEPTH", TUI_COUNT_FIELD, 6, 0, 3, "tasks that wait and may begin", 0 },
    [Q_RUNNING] = { "unacked", "UNACKED", TUI_COUNT_FIELD, 7, 0, 4, "tasks that workers have been given and that have not ended", 0 },
    [Q_WORKERS] = { "workers", "WORKERS", TUI_COUNT_FIELD, 7, 0, 5, "workers that serve it", 0 },
    [Q_OLDEST] = { "oldest", "OLDEST", TUI_AGE_FIELD, 6, 0, 6, "how long the one that waits longest has waited", 0 },
    [Q_IN] = { "in", "IN/S", TUI_RATE_FIELD, 5, 0, 7, "tasks that came, a second, over the last minute", 0 },
    [Q_OUT] = { "out", "OUT/S", TUI_RATE_FIELD, 5, 0, 8, "tasks that ended, a second, over the last minute", 0 },
    [Q_ETA] = { "eta", "ETA", TUI_SPAN_FIELD, 6, 0, 9, "when it will be empty at these rates, or that it grows", 0 },
    [Q_TREND] = { "trend", "TREND", TUI_SPARK_FIELD, 12, 1, 101, "the depth over time", 0 },
    [Q_FAIL] = { "fail", "FAIL/S", TUI_RATE_FIELD, 6, 0, 102, "tasks that failed, a second, over the last minute", 0 },
    [Q_DELAYED] = { "delayed", "DELAYED", TUI_COUNT_FIELD, 7, 0, 103, "not due yet, or waiting for another attempt", 0 },
    [Q_DEAD] = { "dead", "DEAD", TUI_COUNT_FIELD, 5, 0, 104, "dead letters", 0 },
    [Q_CONSUMERS] = { "consumers", "CONSUMERS", TUI_COUNT_FIELD, 9, 0, 0, "of its group, Python's too", 0 },
};

static uint32_t queue_limit(const struct tui_model *m)
{
    return (uint32_t)m->fleet.queue_count;
}

static const char *queue_id(const struct tui_model *m, uint32_t row, char room[ORB_ID_MAX + 1])
{
    (void)room;
    return m->fleet.queues[row].name;
}

static uint32_t queue_find(const struct tui_model *m, const char *id)
{
    const struct tui_queue *q = tui_fleet_queue((struct tui_fleet *)(uintptr_t)&m->fleet, id);
    return q ? (uint32_t)(q - m->fleet.queues) : UINT32_MAX;
}

static void queue_value(const struct tui_model *m, uint32_t row, size_t field, struct tui_value *out)
{
    const struct tui_queue *q = &m->fleet.queues[row];
    double now = tui_age_now(m);
    out->role = TUI_TEXT;
    switch ((enum queue_field)field) {
    case Q_NAME: set_text(out, q->name); break;
    case Q_STATE:
        set_text(out, q->is_paused ? "paused" : "running");
        out->number = !q->is_paused;
        out->role = tui_state_role(out->text);
        break;
    case Q_DEPTH: out->number = q->depth < 0 ? NAN : (double)q->depth; break;
    case Q_RUNNING: out->number = (double)q->running; break;
    case Q_WORKERS: out->number = (double)q->workers; break;
    case Q_OLDEST: out->number = q->oldest_at > 0 ? q->oldest_at : NAN; break;
    case Q_IN: out->number = tui_fleet_rate(&m->fleet, &q->in, now); break;
    case Q_OUT: out->number = tui_fleet_rate(&m->fleet, &q->out, now); break;
    case Q_ETA: out->number = tui_queue_eta(&m->fleet, q, now); break;
    case Q_TREND: set_spark(out, &q->waiting, m->fleet.asked_at, now); break;
    case Q_FAIL: out->number = tui_fleet_rate(&m->fleet, &q->failed, now); break;
    case Q_DELAYED: out->number = (double)q->delayed; break;
    case Q_DEAD: out->number = (double)q->dead; break;
    case Q_CONSUMERS: out->number = (double)q->consumers; break;
    case Q_FIELDS: break;
    }
}

const struct tui_source tui_queue_source = {
    .name = "queues", .noun = "queue", .fields = queue_fields, .field_count = Q_FIELDS,
    .limit = queue_limit, .count = queue_limit, .is_there = always, .value = queue_value, .id = queue_id, .find = queue_find,
};
