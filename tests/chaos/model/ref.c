#include "chaos/model/model.h"

#include <stdlib.h>
#include <string.h>

const char *const state_words[] = { "", "pending", "running", "retrying", "completed", "failed", "cancelled" };
#define ALONE_FROM 2
#define ALONE_DEATHS 3

int is_final(enum state s)
{
    return s >= COMPLETED;
}

/* ---- entries -------------------------------------------------------------- */

static const int priorities[LANES] = { 9, 5, 0 };

int priority_of(int lane)
{
    return priorities[lane];
}

int lane_of(const char *place)
{
    const char *at = strchr(place, '@');
    return !at ? PLAIN : at[1] == '9' ? 0 : 2;
}

void entry_place(const struct entry *e, char out[40])
{
    snprintf(out, 40, e->lane == PLAIN ? "%s" : "%s@%d", e->id, priorities[e->lane]);
}

struct entry *entry_at(int queue, const char *place)
{
    size_t len = strcspn(place, "@");
    int lane = lane_of(place);
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->queue == queue && e->lane == lane && strlen(e->id) == len && !memcmp(e->id, place, len))
            return e;
    return NULL;
}

struct entry *entry_add(int queue, const char *place, int task, int has_task_id)
{
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++) {
        if (e->is_used)
            continue;
        *e = (struct entry){ .is_used = 1, .queue = queue, .lane = lane_of(place), .task = task, .holder = WAITING, .has_task_id = has_task_id };
        snprintf(e->id, sizeof e->id, "%.*s", (int)strcspn(place, "@"), place);
        m.has_stream[queue][e->lane] = 1;
        if (e->lane != PLAIN)
            m.has_group[queue][e->lane] = 1;
        return e;
    }
    wrong(NULL, NULL, "more than %d entries", ENTRIES);
    return NULL;
}

struct entry *entry_of(int task)
{
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->task == task)
            return e;
    return NULL;
}

void spend(int queue, const char *place)
{
    struct entry *e = entry_at(queue, place);
    if (e)
        e->is_used = 0;
}

int id_compare(const char *a, const char *b)
{
    long long am, bm, as, bs;
    sscanf(a, "%lld-%lld", &am, &as);
    sscanf(b, "%lld-%lld", &bm, &bs);
    return am != bm ? (am > bm) - (am < bm) : (as > bs) - (as < bs);
}

int waiting(int queue)
{
    int n = 0;
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        n += e->is_used && e->queue == queue && e->holder < 0;
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        n += t->is_used && t->queue == queue && t->due_ms;
    return n;
}

/* ---- workers and clocks ---------------------------------------------------- */

int standing(int worker)
{
    const struct worker *w = &m.workers[worker];
    if (w->has_lease)
        return ALIVE;
    if (w->has_beat)
        return w->is_python ? ALIVE : DEAD;
    return w->was_leased ? DEAD : SILENT;
}

int is_past(int64_t ms)
{
    return m.before_ms > ms + 1 ? 1 : m.after_ms < ms - 1 ? 0 : -1;
}

int is_overdue(const struct task *t, int has_payload)
{
    return is_past(t->started_ms + (has_payload && strstr(t->payload, "0.002") ? 2 : 300000));
}

/* ---- states ---------------------------------------------------------------- */

static int index_of(enum state s)
{
    static const int of[] = { 0, OPEN, OPEN, BACKING_OFF, DONE_COMPLETED, DONE_FAILED, DONE_CANCELLED };
    return of[s];
}

static void move(struct task *t, enum state to)
{
    if (index_of(t->state) != index_of(to))
        t->indexes &= ~index_of(t->state);
    if (t->state == ABSENT || index_of(t->state) != index_of(to))
        t->indexes |= index_of(to);
    t->state = to;
}

void end_task(struct task *t, enum state to, int seq, int attempt)
{
    if (t->state == to)
        t->indexes &= ~(OPEN | BACKING_OFF);
    t->indexes |= index_of(to);
    move(t, to);
    t->is_ended = 1;
    t->events++;
    t->terminals++;
    t->seq = seq;
    t->seq_attempt = attempt;
    t->has_created = 1;
    t->ended_at_step = m.step;
    m.ended[to]++;
}

/* Nobody's attempt ends it: the next number in the stream. */
static void end_by_another(struct task *t, enum state to)
{
    end_task(t, to, t->seq_attempt == t->attempt ? t->seq + 1 : 1, t->attempt);
}

static int owns(const struct hold *h)
{
    const struct task *t = &m.tasks[h->task];
    return t->is_used && !strcmp(t->id, h->id) && t->worker == h->worker && h->attempt && t->attempt == h->attempt;
}

static int is_open(const struct task *t)
{
    return t->state == RUNNING || (t->state == CANCELLED && !t->is_ended);
}

static void fresh_hash(struct task *t)
{
    t->has_created = 1;
    t->has_payload = 1;
}

/* ---- begin ------------------------------------------------------------------ */

/* The process began it, and said something in it: when it asks once more it runs it no longer, since a failover has lost how
 * it ended. */
static int has_forgotten(const struct task *t, int worker, const char *owner)
{
    return t->state == RUNNING && t->worker == worker && !strcmp(t->owner, owner) && t->events && t->seq_attempt == t->attempt;
}

static int look_at_running(struct hold *h, struct task *t, int worker, const char *owner, char out[128])
{
    if (t->has_entry_id && strcmp(t->entry_id, h->place)) {
        spend(t->queue, h->place);
        snprintf(out, 128, "duplicate %d %d", t->attempt, t->retries);
        return 1;
    }
    if (t->worker == worker) {
        if (strcmp(t->owner, owner) || has_forgotten(t, worker, owner))
            return 0;
        snprintf(out, 128, "run %d %d %d", t->attempt, t->retries, t->waits);
        h->attempt = t->attempt;
        return 1;
    }
    int how = t->worker < 0 ? DEAD : standing(t->worker);
    if (how == SILENT) {
        int is = is_overdue(t, t->has_payload || !h->has_task_id);
        how = is == 1 || (is < 0 && strncmp(m.reply, "elsewhere", 9)) ? DEAD : SILENT;
    }
    if (how == DEAD)
        return 0;
    struct entry *e = entry_at(t->queue, h->place);
    if (e && e->holder >= 0)
        e->holder = t->worker;
    snprintf(out, 128, "elsewhere %d %d", t->attempt, t->retries);
    return 1;
}

static int stands_elsewhere(const struct task *t)
{
    if (!*t->entry_id)
        return t->due_ms != 0;
    return t->state == PENDING && entry_at(t->queue, t->entry_id);
}

/* What is known of the task already decides: 1 and the answer, or 0. */
static int look_at_past(struct hold *h, struct task *t, int is_alone, char out[128])
{
    if (!t->attempt && t->state != RUNNING)
        return 0;
    int deaths = 0;
    if (t->state == RUNNING) {
        t->recoveries++;
        m.recovered++;
        deaths = t->deaths += t->is_alone;
        t->is_alone = 0;
    }
    if (deaths >= ALONE_DEATHS) {
        spend(t->queue, h->place);
        snprintf(out, 128, "done %d %d", t->attempt, t->retries);
        end_by_another(t, FAILED);
        return 1;
    }
    if (t->recoveries < ALONE_FROM || is_alone)
        return 0;
    move(t, PENDING);
    t->worker = -1;
    t->owner[0] = '\0';
    t->has_entry_id = 1;
    strcpy(t->entry_id, h->place);
    snprintf(out, 128, "alone %d %d", t->attempt, t->retries);
    return 1;
}

static int is_not_to_begin(struct hold *h, struct task *t, int worker, const char *owner, char out[128])
{
    if (t->state == CANCELLED && !t->is_ended) {
        spend(t->queue, h->place);
        snprintf(out, 128, "cancelled %d %d", t->attempt, t->retries);
        end_by_another(t, CANCELLED);
        return 1;
    }
    if (is_final(t->state)) {
        spend(t->queue, h->place);
        snprintf(out, 128, "done %d %d", t->attempt, t->retries);
        return 1;
    }
    if (t->state == RUNNING)
        return look_at_running(h, t, worker, owner, out);
    if (t->has_entry_id && strcmp(t->entry_id, h->place) && stands_elsewhere(t)) {
        spend(t->queue, h->place);
        snprintf(out, 128, "duplicate %d %d", t->attempt, t->retries);
        return 1;
    }
    return 0;
}

void ref_begin(struct hold *h, int worker, const char *owner, int is_alone, char out[128])
{
    struct task *t = &m.tasks[h->task];
    if (is_not_to_begin(h, t, worker, owner, out))
        return;
    int is_new = !t->has_created;
    if (is_new || !h->has_task_id)
        fresh_hash(t);
    int is_late = t->deadline_ms ? is_past(t->deadline_ms) : 0;
    if (is_late == 1 || (is_late < 0 && !strncmp(m.reply, "done", 4))) {
        spend(t->queue, h->place);
        snprintf(out, 128, "done %d %d", t->attempt, t->retries);
        end_by_another(t, FAILED);
        return;
    }
    if (!has_forgotten(t, worker, owner) && look_at_past(h, t, is_alone, out))
        return;
    if (t->state == ABSENT)
        t->queue = m.workers[worker].queue;
    move(t, RUNNING);
    if (is_new)
        t->indexes = (t->indexes & ~BACKING_OFF) | OPEN;
    t->is_ended = 0;
    h->attempt = ++t->attempt;
    m.begun++;
    h->seq = 0;
    t->worker = worker;
    snprintf(t->owner, sizeof t->owner, "%s", owner);
    t->is_alone |= is_alone;
    t->has_entry_id = 1;
    strcpy(t->entry_id, h->place);
    t->started_ms = m.after_ms;
    t->is_pythons = 0;
    snprintf(out, 128, "run %d %d %d", t->attempt, t->retries, t->waits);
}

/* ---- the ends of an attempt --------------------------------------------------- */

/* Answers when the attempt is not to be ended by this call. */
static int is_refused(const struct hold *h, char out[128])
{
    const struct task *t = &m.tasks[h->task];
    strcpy(out, "STALE");
    if (!owns(h)) {
        m.stale++;
        return 1;
    }
    if (is_open(t))
        return 0;
    if (t->state != ABSENT)
        strcpy(out, state_words[t->state]);
    return 1;
}

void ref_finish(struct hold *h, enum state outcome, char out[128])
{
    struct task *t = &m.tasks[h->task];
    if (is_refused(h, out)) {
        if (!is_final(t->state))
            strcpy(out, "STALE");
        else if (owns(h))
            spend(t->queue, h->place);
        return;
    }
    spend(t->queue, h->place);
    m.used[t->queue] += h->grown;
    enum state to = t->state == CANCELLED ? CANCELLED : outcome;
    t->has_result |= to == COMPLETED;
    end_task(t, to, h->seq + 1, h->attempt);
    strcpy(out, state_words[to]);
}

void ref_retry(struct hold *h, int delay_ms, int most, char out[128])
{
    struct task *t = &m.tasks[h->task];
    if (is_refused(h, out)) {
        if (owns(h) && is_final(t->state))
            spend(t->queue, h->place);
        return;
    }
    spend(t->queue, h->place);
    m.used[t->queue] += h->grown;
    enum state to = t->state == CANCELLED ? CANCELLED : RETRYING;
    if (to == RETRYING && most >= 0 && t->retries >= most)
        to = FAILED;
    int is_late = t->deadline_ms ? is_past(t->deadline_ms - delay_ms) : 0;
    if (to == RETRYING && (is_late == 1 || (is_late < 0 && !strcmp(m.reply, "failed"))))
        to = FAILED;
    strcpy(out, state_words[to]);
    if (to != RETRYING) {
        end_task(t, to, h->seq + 1, h->attempt);
        return;
    }
    if (most >= 0)
        t->retries++;
    else
        t->waits++;
    move(t, RETRYING);
    t->entry_id[0] = '\0';
    t->due_ms = m.after_ms + delay_ms;
}

/* Where it stands now is not to be foretold: the caller reads it and looks whether it is new. */
static void queue_again(struct hold *h, struct task *t, int is_hash_moved)
{
    struct entry *old = entry_at(t->queue, h->place);
    int has_task_id = t->has_payload;
    int lane = lane_of(h->place);
    if (!t->has_payload && !old)
        return;
    if (old)
        old->is_used = 0;
    redisReply *r = redisCommand(m.link, "XREVRANGE %s + - COUNT 1", stream_key(t->queue, lane));
    char place[40];
    snprintf(place, sizeof place, lane == PLAIN ? "%s" : "%s@%d", r->elements ? r->element[0]->element[0]->str : "", priorities[lane]);
    freeReplyObject(r);
    if (entry_at(t->queue, place) || !r)
        wrong(t, NULL, "%s was handed back, and the last entry is an old one: %s", t->id, place);
    entry_add(t->queue, place, (int)(t - m.tasks), has_task_id);
    if (is_hash_moved) {
        t->has_entry_id = 1;
        strcpy(t->entry_id, place);
    }
}

void ref_requeue(struct hold *h, char out[128])
{
    struct task *t = &m.tasks[h->task];
    if (!h->attempt) {
        struct entry *e = entry_at(m.workers[h->worker].queue, h->place);
        strcpy(out, e && e->holder == h->worker ? "pending" : "STALE");
        if (*out == 'p')
            queue_again(h, t, t->has_entry_id && !strcmp(t->entry_id, h->place));
        return;
    }
    if (is_refused(h, out)) {
        if (owns(h) && is_final(t->state))
            spend(t->queue, h->place);
        return;
    }
    m.used[t->queue] += h->grown;
    struct entry *e = entry_at(t->queue, h->place);
    strcpy(out, "pending");
    if (t->state == CANCELLED) {
        spend(t->queue, h->place);
        end_by_another(t, CANCELLED);
        strcpy(out, "cancelled");
    } else if (!t->has_payload && !e) {
        end_by_another(t, FAILED);
        strcpy(out, "failed");
    } else {
        queue_again(h, t, 1);
        move(t, PENDING);
    }
}

void ref_check(const struct hold *h, char out[128])
{
    const struct task *t = &m.tasks[h->task];
    strcpy(out, !owns(h) || !is_open(t) ? "lost" : t->state == RUNNING ? "mine" : "cancelled");
}

/* ---- from outside --------------------------------------------------------------- */

/* An entry of a task without a hash, which nobody has been given. */
static struct entry *undelivered(const struct task *t)
{
    struct entry *first = NULL;
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->task == t - m.tasks && e->lane == PLAIN && e->holder == WAITING && (!first || id_compare(e->id, first->id) < 0))
            first = e;
    return first;
}

static void cancel_ended(struct task *t)
{
    struct entry *e = *t->entry_id ? entry_at(t->queue, t->entry_id) : NULL;
    if (e)
        e->is_used = 0;
    t->due_ms = 0;
    end_by_another(t, CANCELLED);
}

/* seen: "" or what somebody believes it to be. */
static int is_as_seen(const struct task *t, const char *seen, char now[64])
{
    const char *word = state_words[t->state == ABSENT ? PENDING : t->state];
    snprintf(now, 64, "%s %d", word, t->state == ABSENT ? 0 : t->attempt);
    return !*seen || !strcmp(seen, word) || !strcmp(seen, now);
}

void ref_cancel(struct task *t, const char *nonce, const char *seen, char out[128])
{
    enum state was = t->state;
    char now[64];
    int is_so = is_as_seen(t, seen, now);
    if (was == ABSENT) {
        struct entry *e = is_so ? undelivered(t) : NULL;
        strcpy(out, e ? "ended pending" : "unknown ");
        if (!e)
            return;
        e->is_used = 0;
        t->has_payload = 1;
        end_by_another(t, CANCELLED);
    } else if (!strcmp(t->nonce, nonce)) {
        snprintf(out, 128, "%s %s", t->cancelled_from == RUNNING ? "asked" : "ended", state_words[t->cancelled_from]);
        return;
    } else if (was == CANCELLED && t->has_result) {
        strcpy(out, "finished completed");
        return;
    } else if (!is_so) {
        snprintf(out, 128, "changed %s", now);
        return;
    } else if (is_final(was) && (was != CANCELLED || t->is_ended)) {
        snprintf(out, 128, "finished %s", state_words[was]);
        return;
    } else if (was == CANCELLED && t->worker >= 0) {
        strcpy(out, "asked cancelled");
        return;
    } else if (was == RUNNING) {
        strcpy(out, "asked running");
        t->state = CANCELLED;
        t->indexes |= OPEN;
    } else {
        snprintf(out, 128, "ended %s", state_words[was]);
        cancel_ended(t);
    }
    strcpy(t->nonce, nonce);
    t->cancelled_from = was == ABSENT ? PENDING : was;
}

void ref_poison(const struct hold *h, int has_id, char out[128])
{
    struct task *t = h->task >= 0 ? &m.tasks[h->task] : NULL;
    struct entry *e = entry_at(m.workers[h->worker].queue, h->place);
    strcpy(out, e && e->holder == h->worker ? "1" : "0");
    if (*out == '0')
        return;
    e->is_used = 0;
    if (!has_id || !t || (t->has_entry_id && *t->entry_id && strcmp(t->entry_id, h->place)))
        return;
    if (t->state == CANCELLED && !t->is_ended) {
        end_by_another(t, CANCELLED);
    } else if (!is_final(t->state) && t->state != RUNNING) {
        t->has_entry_id = 1;
        strcpy(t->entry_id, h->place);
        t->has_payload = 1;
        end_by_another(t, FAILED);
    }
}
