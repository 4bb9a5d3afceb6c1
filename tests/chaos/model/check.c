#include "chaos/model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- telling ---------------------------------------------------------------- */

void note(struct task *t, const char *fmt, ...)
{
    char text[80];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t)
        snprintf(t->log[t->log_count++ % LOG_LINES], sizeof t->log[0], "%9ld %s", m.step, text);
    snprintf(m.log[m.log_count++ % 60], sizeof m.log[0], "%9ld %s %s", m.step, t ? t->id : "-", text);
}

static void print_task(const struct task *t, const struct view *v)
{
    printf("the last actions on %s:\n", t->id);
    for (unsigned i = t->log_count > LOG_LINES ? t->log_count - LOG_LINES : 0; i < t->log_count; i++)
        printf("  %s\n", t->log[i % LOG_LINES]);
    printf("model: %s%s queue %s attempt %d retries %d waits %d recoveries %d deaths %d worker %s owner %s entry %s due %lld indexes %d payload %d events %ld seq %d/%d%s\n",
           state_words[t->state], t->is_ended ? " ended" : "", queue_name(t->queue), t->attempt, t->retries, t->waits, t->recoveries, t->deaths,
           t->worker < 0 ? "-" : m.workers[t->worker].name, t->owner, t->has_entry_id ? t->entry_id : "(nil)", (long long)t->due_ms, t->indexes,
           t->has_payload, t->events, t->seq_attempt, t->seq, t->is_damaged ? " damaged" : "");
    if (v)
        printf("redis: %s%s attempt %d retries %d waits %d recoveries %d worker %s owner %s entry %s due %lld indexes %d payload %d events %ld last %s\n",
               state_words[v->state], v->is_ended ? " ended" : "", v->attempt, v->retries, v->waits, v->recoveries,
               v->worker < 0 ? "-" : m.workers[v->worker].name, v->owner, v->has_entry_id ? v->entry_id : "(nil)", (long long)v->due_ms, v->indexes,
               v->has_payload, v->events, v->last);
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->task == t - m.tasks)
            printf("model: entry %s of priority %d: %s\n", e->id, priority_of(e->lane),
                   e->holder == WAITING ? "waiting" : e->holder == ACKED ? "acknowledged" : m.workers[e->holder].name);
}

void wrong(const struct task *t, const struct view *v, const char *fmt, ...)
{
    va_list ap;
    printf("wrong at step %ld: ", m.step);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\nthe last actions on anything:\n");
    for (unsigned i = m.log_count > 60 ? m.log_count - 60 : 0; i < m.log_count; i++)
        printf("  %s\n", m.log[i % 60]);
    if (t)
        print_task(t, v);
    for (int w = 0; w < WORKERS; w++)
        printf("model: worker %s (%s) %s\n", m.workers[w].name, m.workers[w].owner, (const char *[]){ "alive", "dead", "silent" }[standing(w)]);
    printf("again with: SEED=%llu STEPS=%ld\n", (unsigned long long)m.chaos.seed, m.step + 1);
    fflush(stdout);
    fail_msg("the model and Redis disagree (SEED=%llu, step %ld)", (unsigned long long)m.chaos.seed, m.step);
    abort();
}

/* ---- one task ----------------------------------------------------------------- */

void expect_reply(const struct task *t, const struct view *v, const char *expected)
{
    size_t n = strlen(expected);
    if (strncmp(m.reply, expected, n) || (m.reply[n] && m.reply[n] != ' '))
        wrong(t, v, "the answer is \"%s\", not \"%s\"", m.reply, expected);
}

static int event_number(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    return at ? atoi(at + strlen(name)) : 0;
}

/* The terminal event is the last one, and the only one. */
static void expect_events(const struct task *t, const struct view *v)
{
    static const char *const word[] = { [COMPLETED] = "completed", [FAILED] = "error", [CANCELLED] = "cancelled" };
    char head[64];
    if (v->events != t->events)
        wrong(t, v, "%s has %ld events, not %ld", t->id, v->events, t->events);
    if (t->events && (event_number(v->last, "\"seq\": ") != t->seq || event_number(v->last, "\"attempt\": ") != t->seq_attempt))
        wrong(t, v, "%s: the last event should be %d of attempt %d", t->id, t->seq, t->seq_attempt);
    int is_terminal = !strncmp(v->last, "{\"type\": \"status\"", 17);
    if (!t->is_ended) {
        if (is_terminal)
            wrong(t, v, "%s has a terminal event and has not ended", t->id);
        return;
    }
    if (t->terminals > 1 || (!t->terminals && !t->is_pythons))
        wrong(t, v, "%s has ended with %d terminal events", t->id, t->terminals);
    snprintf(head, sizeof head, "{\"type\": \"status\", \"status\": \"%s\"", word[t->state]);
    if (t->terminals && strncmp(v->last, head, strlen(head)))
        wrong(t, v, "%s: the last event is not that of its end", t->id);
}

static int64_t gap(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* Times are the script's own: they lie within the call, and are taken over. */
static void expect_times(struct task *t, const struct view *v)
{
    int64_t slack = m.after_ms - m.before_ms + 2;
    if (!t->due_ms != !v->due_ms || gap(t->due_ms, v->due_ms) > slack)
        wrong(t, v, "%s is due at another time", t->id);
    t->due_ms = v->due_ms;
    if (!t->deadline_ms != !v->deadline_ms || gap(t->deadline_ms, v->deadline_ms) > slack)
        wrong(t, v, "%s has the deadline %lld, not %lld", t->id, (long long)v->deadline_ms, (long long)t->deadline_ms);
    t->deadline_ms = v->deadline_ms;
    if (v->started_ms)
        t->started_ms = v->started_ms;
}

void expect_same(struct task *t, const struct view *v)
{
    if (v->state != t->state || v->is_ended != t->is_ended)
        wrong(t, v, "%s is %s", t->id, *state_words[v->state] ? state_words[v->state] : "not there");
    if (v->attempt != t->attempt || v->retries != t->retries || v->waits != t->waits || v->recoveries != t->recoveries)
        wrong(t, v, "%s is counted otherwise", t->id);
    if (v->worker != t->worker || strcmp(v->owner, t->owner))
        wrong(t, v, "%s has another owner", t->id);
    if (v->has_entry_id != t->has_entry_id || strcmp(v->entry_id, t->entry_id))
        wrong(t, v, "%s has another entry", t->id);
    if (v->indexes != t->indexes)
        wrong(t, v, "%s is in other indexes", t->id);
    if (v->has_payload != t->has_payload)
        wrong(t, v, "the payload of %s is%s there", t->id, v->has_payload ? "" : " not");
    if (v->has_created != t->has_created || v->has_result != t->has_result)
        wrong(t, v, "%s: created_at or result", t->id);
    expect_times(t, v);
    expect_events(t, v);
}

/* ---- after a sweep --------------------------------------------------------------- */

/* The process that ran it runs it no more: 1, 0, or -1: that changed during the call. */
static int is_abandoned(const struct task *t)
{
    if (t->worker < 0)
        return 1;
    const struct worker *w = &m.workers[t->worker];
    switch (standing(t->worker)) {
    case DEAD:
        return 1;
    case SILENT:
        return is_overdue(t, t->has_payload);
    default:
        return !w->is_python && strcmp(t->owner, w->owner) != 0;
    }
}

/* Nobody will get it as it stands: the same. */
static int is_lost(const struct task *t)
{
    struct entry *e = *t->entry_id ? entry_at(t->queue, t->entry_id) : NULL;
    if (t->state != PENDING && t->state != RUNNING && t->state != RETRYING)
        return 0;
    if ((e && e->holder != ACKED) || (!*t->entry_id && t->due_ms))
        return 0;
    if (t->state == RUNNING)
        return is_abandoned(t);
    return !(t->state == RETRYING && *t->entry_id && t->worker >= 0 && m.workers[t->worker].is_python && standing(t->worker) == ALIVE);
}

static void adopt(struct task *t, const struct view *v)
{
    t->state = v->state;
    t->attempt = v->attempt;
    t->retries = v->retries;
    t->recoveries = v->recoveries;
    t->worker = v->worker;
    strcpy(t->owner, v->owner);
    t->has_entry_id = v->has_entry_id;
    strcpy(t->entry_id, v->entry_id);
    t->due_ms = v->due_ms;
    t->indexes = v->indexes;
    t->has_payload = v->has_payload;
    t->has_created = v->has_created;
}

static void adopt_end(struct task *t, const struct view *v)
{
    if (!v->is_ended || t->is_ended)
        return;
    end_task(t, v->state, t->events && t->seq_attempt == t->attempt ? t->seq + 1 : 1, t->attempt);
}

/* Its deadline has passed while it waited for its turn. */
static int is_late_in_line(const struct task *t)
{
    struct entry *e = *t->entry_id ? entry_at(t->queue, t->entry_id) : NULL;
    return (t->state == PENDING || t->state == RETRYING) && e && e->holder == WAITING && t->deadline_ms && is_past(t->deadline_ms);
}

/* May a sweep have made of the task what it is now? */
static const char *is_swept_wrongly(const struct task *t, const struct view *v, int was_due)
{
    int has_moved = v->has_entry_id != t->has_entry_id || strcmp(v->entry_id, t->entry_id);
    if (v->attempt != t->attempt || v->retries != t->retries || v->waits != t->waits)
        return "a sweep counts nothing";
    if (is_final(t->state) && v->state != t->state)
        return "a final state has changed";
    if (t->is_ended && has_moved)
        return "a task that has ended was queued";
    if (t->state == CANCELLED && v->is_ended && !t->is_ended && !was_due && !is_abandoned(t))
        return "its worker is there to end it";
    if (is_final(t->state))
        return NULL;
    if (t->state == ABSENT)
        return v->state == PENDING && entry_at(t->queue, v->entry_id) ? NULL : v->state == ABSENT ? NULL : "where does it come from?";
    if (t->state == RUNNING && v->state == RUNNING)
        return has_moved ? "its worker has it" : NULL;
    if (is_late_in_line(t) && v->state == FAILED && v->is_ended)
        return NULL;
    if (!was_due && !is_lost(t)) {
        int is_pythons = t->state == RETRYING && entry_at(t->queue, v->entry_id);
        return v->state != t->state || (has_moved && !is_pythons) ? "nothing was wrong with it" : NULL;
    }
    if (v->state == FAILED && v->is_ended)
        return !t->has_payload || (t->deadline_ms && is_past(t->deadline_ms)) ? NULL : "why has it failed?";
    if (v->state != (t->state == RETRYING ? RETRYING : PENDING))
        return "an illegal move";
    return NULL;
}

static void judge_sweep(struct task *t, const struct view *v, int is_urgent)
{
    int was_due = t->due_ms && is_past(t->due_ms);
    t->may_be_queued = was_due || is_lost(t) != 0;
    const char *why = is_swept_wrongly(t, v, was_due);
    if (why)
        wrong(t, v, "%s after a sweep: %s", t->id, why);
    if (t->due_ms && is_past(t->due_ms) == 1 && v->due_ms && v->due_ms <= t->due_ms)
        wrong(t, v, "%s is due and was left", t->id);
    if (v->state != t->state || strcmp(v->entry_id, t->entry_id) || v->is_ended != t->is_ended)
        note(t, "swept: %s %s", state_words[v->state], v->entry_id);
    adopt_end(t, v);
    adopt(t, v);
    if (is_urgent && is_final(t->state) && t->is_ended && (t->indexes & (OPEN | BACKING_OFF)))
        wrong(t, v, "%s has ended and is listed as open", t->id);
    expect_events(t, v);
}

/* ---- a queue ----------------------------------------------------------------------- */

struct found {
    char place[40];
    int holder, has_task_id;
    char id[24]; /* of its task */
};

static int holder_of(const redisReply *pending, const char *id)
{
    for (size_t i = 0; pending->type == REDIS_REPLY_ARRAY && i < pending->elements; i++)
        if (!strcmp(pending->element[i]->element[0]->str, id))
            for (int w = 0; w < WORKERS; w++)
                if (!strcmp(pending->element[i]->element[1]->str, m.workers[w].name))
                    return w;
    return WAITING;
}

static int read_lane(int queue, int lane, struct found *out)
{
    redisReply *entries = link_get(), *pending = link_get();
    int n = 0, held = 0;
    for (size_t i = 0; i < entries->elements && n < ENTRIES; i++) {
        const redisReply *e = entries->element[i];
        struct entry as = { .lane = lane };
        snprintf(as.id, sizeof as.id, "%s", e->element[0]->str);
        entry_place(&as, out[n].place);
        out[n].holder = holder_of(pending, as.id);
        held += out[n].holder >= 0;
        out[n].has_task_id = e->element[1]->elements > 2;
        if (sscanf(e->element[1]->element[1]->str, "{\"task_id\": \"%23[^\"]", out[n].id) != 1)
            out[n].id[0] = '\0';
        n++;
    }
    if (pending->type == REDIS_REPLY_ARRAY && held != (int)pending->elements)
        wrong(NULL, NULL, "%s: %zu are pending, %d of them have an entry", stream_key(queue, lane), pending->elements, held);
    freeReplyObject(entries);
    freeReplyObject(pending);
    return n;
}

static int may_go(const struct entry *e)
{
    return e->holder == ACKED || (e->task >= 0 && is_final(m.tasks[e->task].state) && e->holder < 0);
}

static void match_entries(int queue, const struct found *found, int n, int is_after_sweep)
{
    char is_seen[ENTRIES] = "";
    for (int i = 0; i < n; i++) {
        struct entry *e = entry_at(queue, found[i].place);
        for (int t = 0; !e && is_after_sweep && t < TASKS; t++)
            if (m.tasks[t].is_used && m.tasks[t].may_be_queued && m.tasks[t].queue == queue && !strcmp(m.tasks[t].id, found[i].id)) {
                m.tasks[t].may_be_queued = 0;
                e = entry_add(queue, found[i].place, t, found[i].has_task_id);
            }
        if (!e)
            wrong(NULL, NULL, "%s has an entry that stands for nothing: %s", queue_name(queue), found[i].place);
        if (found[i].holder < 0 ? e->holder >= 0 : e->holder != found[i].holder)
            wrong(e->task < 0 ? NULL : &m.tasks[e->task], NULL, "the entry %s is pending on %s", found[i].place,
                  found[i].holder < 0 ? "nobody" : m.workers[found[i].holder].name);
        is_seen[e - m.entries] = 1;
    }
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++) {
        if (!e->is_used || e->queue != queue || is_seen[e - m.entries])
            continue;
        if (!is_after_sweep || !may_go(e))
            wrong(e->task < 0 ? NULL : &m.tasks[e->task], NULL, "the entry %s is gone", e->id);
        e->is_used = 0;
    }
}

/* Each end of an attempt that counted is in the queue's sum once, in tokens and in cost. */
static void check_used(int queue)
{
    redisReply *r = redisCommand(m.link, "HMGET %s:spent total_tokens cost", stream_key(queue, PLAIN));
    long tokens = r->element[0]->str ? atol(r->element[0]->str) : 0;
    double cost = r->element[1]->str ? atof(r->element[1]->str) : 0;
    if (tokens != m.used[queue] || fabs(cost - (double)m.used[queue] / 1e6) > 1e-9)
        wrong(NULL, NULL, "the tasks of %s have used %ld tokens for %.9f, not %ld", queue_name(queue), tokens, cost, m.used[queue]);
    freeReplyObject(r);
}

void check_queue(int queue, int is_after_sweep, int is_urgent)
{
    static struct found found[LANES * ENTRIES];
    struct view v;
    for (int lane = 0; lane < LANES; lane++) {
        link_put("XRANGE %s - + COUNT %d", stream_key(queue, lane), ENTRIES);
        link_put("XPENDING %s %s:group - + %d", stream_key(queue, lane), stream_key(queue, lane), ENTRIES);
    }
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        if (t->is_used && t->queue == queue)
            view_put(t);
    int n = 0;
    for (int lane = 0; lane < LANES; lane++)
        n += read_lane(queue, lane, found + n);
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++) {
        if (!t->is_used || t->queue != queue)
            continue;
        view_get(t, &v);
        if (is_after_sweep)
            judge_sweep(t, &v, is_urgent);
        else
            expect_same(t, &v);
    }
    match_entries(queue, found, n, is_after_sweep);
    check_used(queue);
    for (struct task *t = m.tasks; is_urgent && t < m.tasks + TASKS; t++)
        if (t->is_used && t->queue == queue && t->has_created && is_lost(t) == 1 && (t->has_entry_id || !entry_of((int)(t - m.tasks))))
            wrong(t, NULL, "%s is open, and nobody will get it even after an urgent sweep", t->id);
}

/* ---- at the end ----------------------------------------------------------------------- */

static int may_stay(const char *key)
{
    static const char *const names[] = { "orbiter:feed", "orbiter:audit", "orbiter:queues", "orbiter:task:index", "orbiter:tasks", "parked" };
    static const char *const ends[] = { ":dead", ":leased", ":sweep", ":spent", ":p9", ":p0" };
    key += strlen(NS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(key, names[i]))
            return 1;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strlen(key) > strlen(ends[i]) && !strcmp(key + strlen(key) - strlen(ends[i]), ends[i]))
            return 1;
    return 0;
}

void check_end(void)
{
    redisReply *keys = redisCommand(m.link, "KEYS *");
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        redisReply *r = redisCommand(m.link, "TTL %s", key);
        if (r->integer < 0 && !may_stay(key)) {
            char text[1024];
            redisReply *hash = redisCommand(m.link, "HGETALL %s", key);
            wrong(NULL, NULL, "the key %s never expires: %s", key, flatten(hash, text, sizeof text));
        }
        freeReplyObject(r);
    }
    freeReplyObject(keys);
    for (int i = 0; i < QUEUES * LANES; i++) {
        redisReply *r = redisCommand(m.link, "XLEN %s", stream_key(i / LANES, i % LANES));
        chaos_expect(&m.chaos, !r->integer, "%s has %lld entries", stream_key(i / LANES, i % LANES), r->integer);
        freeReplyObject(r);
    }
}
