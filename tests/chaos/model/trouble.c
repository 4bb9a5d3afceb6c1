#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what breaks ---------------------------------------------------------------------------------- */

void lose_group(void)
{
    int queue = rnd(QUEUES), lane = rnd(LANES), is_all = rnd(2);
    if (!m.has_stream[queue][lane] || !m.has_group[queue][lane])
        return;
    note(NULL, "%s loses its %s", stream_key(queue, lane), is_all ? "stream" : "group");
    if (is_all)
        link_run("DEL %s", stream_key(queue, lane));
    if (is_all)
        usleep(2000); /* a new stream must not give an id that was given in this millisecond */
    else
        link_run("XGROUP DESTROY %s %s:group", stream_key(queue, lane), stream_key(queue, lane));
    m.has_group[queue][lane] = 0;
    m.has_stream[queue][lane] = !is_all;
    m.lost_keys++;
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++) {
        if (!e->is_used || e->queue != queue || e->lane != lane)
            continue;
        if (e->task >= 0 && is_all)
            m.tasks[e->task].is_damaged = 1;
        e->holder = WAITING;
        e->is_used = !is_all;
    }
}

void lose_key(void)
{
    struct task *t = any_task();
    if (!t || t->state == ABSENT)
        return;
    int is_hash = rnd(2);
    if (is_hash && (t->is_ended || t->events))
        return;
    note(t, "its %s is lost", is_hash ? "hash" : "payload");
    link_run("DEL " NS "orbiter:%s:%s", is_hash ? "task" : "payload", t->id);
    t->is_damaged = 1;
    m.lost_keys++;
    if (!is_hash) {
        t->has_payload = 0;
        return;
    }
    t->state = ABSENT;
    t->attempt = t->retries = t->waits = t->recoveries = t->deaths = t->is_alone = t->has_created = t->has_result = t->is_ended = 0;
    t->worker = -1;
    t->owner[0] = t->entry_id[0] = t->nonce[0] = '\0';
    t->has_entry_id = 0;
    t->deadline_ms = 0;
}

/* Its retention has passed. */
void retire(struct task *t)
{
    static const char *const words[] = { "open", "retrying", "completed", "failed", "cancelled" };
    if (!t->is_used || entry_of((int)(t - m.tasks)) || (!t->is_ended && !(t->state == ABSENT && !t->due_ms)))
        return;
    note(t, "retires");
    link_put("DEL " NS "orbiter:task:%s " NS "orbiter:payload:%s " NS "orbiter:stream:%s", t->id, t->id, t->id);
    link_put("SREM " NS "orbiter:task:index %s", t->id);
    link_put("ZREM %s:delayed %s", key_of(t), t->id);
    for (int i = 0; i < 5; i++)
        link_put("ZREM " NS "orbiter:index:%s:%s %s", queue_name(t->queue), words[i], t->id);
    for (int i = 0; i < 8; i++)
        freeReplyObject(link_get());
    t->is_used = 0;
    for (int k = 0; k < KEYS; k++)
        if (*m.idem[k] && !known(m.idem[k])) {
            char name[24];
            sprintf(name, "key-%d", k);
            m.idem[k][0] = '\0';
            redisReply *r = redisCommand(m.link, "EVAL %s 0 %s", "return redis.call('DEL', '" NS "orbiter:idem:' .. redis.sha1hex(ARGV[1]))", name);
            freeReplyObject(r);
        }
}

void retire_one(void)
{
    struct task *t = any_task();
    if (t && m.step - t->ended_at_step > 25)
        retire(t);
}

/* ---- a worker of Python's ---------------------------------------------------------------------------- */

void python_take(void)
{
    struct worker *w = any_worker(-1, 1);
    struct entry *first = NULL;
    if (!w || !m.has_group[w->queue][PLAIN] || !expect_lane(w->queue, PLAIN, 1, number(w), 0, &first))
        return;
    first->holder = WAITING;
    struct task *t = first->task < 0 ? NULL : &m.tasks[first->task];
    int others = 0;
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        others += e->is_used && e != first && e->task == first->task;
    /* It looks at nothing before it begins: what that undoes is named in docs/WIRE.md, and not tried here. */
    if (!t || others || t->due_ms || (t->state == ABSENT && t->queue) || !(t->state == ABSENT || t->state == PENDING || t->state == RETRYING))
        return;
    const char *stream = stream_key(w->queue, PLAIN);
    redisReply *r = redisCommand(m.link, "XREADGROUP GROUP %s:group %s COUNT 1 STREAMS %s >", stream, w->name, stream);
    char place[40];
    entry_place(first, place);
    if (r->type != REDIS_REPLY_ARRAY || strcmp(r->element[0]->element[1]->element[0]->element[0]->str, place))
        wrong(t, NULL, "%s should have got %s", w->name, place);
    freeReplyObject(r);
    first->holder = number(w);
    note(t, "%s takes %s and begins", w->name, place);
    link_clock((link_put("TIME"), &m.after_ms));
    t->started_ms = m.after_ms;
    link_run("HSET " NS "orbiter:task:%s task_id %s status running worker_id %s started_at %lld.%03d", t->id, t->id, w->name,
             (long long)(t->started_ms / 1000), (int)(t->started_ms % 1000));
    link_run("EXPIRE " NS "orbiter:task:%s 86400", t->id);
    link_run("SADD " NS "orbiter:task:index %s", t->id);
    t->state = RUNNING;
    t->worker = number(w);
    t->is_pythons = 1;
    hold_add(number(w), first);
}

static struct hold *pythons_hold(void)
{
    for (int i = 0, n = rnd(HOLDS); i < HOLDS; i++, n = (n + 1) % HOLDS) {
        struct hold *h = &m.holds[n];
        if (h->is_used && m.workers[h->worker].is_python && is_mine(h) && m.tasks[h->task].worker == h->worker && m.tasks[h->task].is_pythons &&
            (m.tasks[h->task].state == RUNNING || (m.tasks[h->task].state == CANCELLED && !m.tasks[h->task].is_ended)))
            return h;
    }
    return NULL;
}

void python_end(void)
{
    struct hold *h = pythons_hold();
    if (!h)
        return;
    struct task *t = &m.tasks[h->task];
    struct entry *e = entry_at(t->queue, h->place);
    enum state to = t->state == CANCELLED ? CANCELLED : rnd(3) ? COMPLETED : t->retries >= 3 ? FAILED : RETRYING;
    note(t, "%s ends it: %s", m.workers[h->worker].name, state_words[to]);
    link_run("HSET " NS "orbiter:task:%s status %s retries %d", t->id, state_words[to], t->retries += to == RETRYING);
    if (to != RETRYING)
        link_run("HSET " NS "orbiter:task:%s completed_at 1795461239.5", t->id);
    if (to == COMPLETED)
        link_run("HSET " NS "orbiter:task:%s result x", t->id);
    link_run("XACK %s %s:group %s", key_of(t), key_of(t), h->place);
    if (e && e->holder >= 0)
        e->holder = ACKED; /* whoever has it */
    if (to == RETRYING && e) {
        redisReply *r = redisCommand(m.link, "XADD %s * payload %s", key_of(t), t->payload);
        entry_add(t->queue, r->str, h->task, 0);
        freeReplyObject(r);
    }
    t->state = to;
    t->has_result |= to == COMPLETED;
    t->is_ended = to != RETRYING;
    t->ended_at_step = m.step;
    if (to != RETRYING)
        m.ended[to]++;
    h->is_used = 0;
}
