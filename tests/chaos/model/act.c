#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>

/* ---- what happens next ---------------------------------------------------------------------------------- */

static const struct {
    int weight;
    void (*fn)(void);
    const char *name;
} acts[] = {
    { 120, submit, "submit" }, { 20, submit_again, "submit again" }, { 40, python_submit, "python submit" }, { 150, claim_new, "claim" },
    { 15, look_back, "look back" }, { 160, begin_one, "begin" }, { 20, begin_again, "begin again" }, { 60, event, "event" },
    { 110, finish_one, "finish" }, { 60, retry, "retry" }, { 40, requeue, "requeue" }, { 30, check, "check" }, { 30, poison_one, "poison" },
    { 35, cancel, "cancel" }, { 15, python_cancel, "python cancel" }, { 60, join, "join" }, { 30, die, "die" }, { 5, leave, "leave" },
    { 70, recover, "recover" }, { 60, sweep_one, "sweep" }, { 3, lose_group, "lose group" }, { 5, lose_key, "lose key" },
    { 150, retire_one, "retire" }, { 40, python_take, "python take" }, { 30, python_end, "python end" },
};

void act(void)
{
    int sum = 0;
    long calls = m.calls;
    unsigned notes = m.log_count;
    for (size_t k = 0; k < sizeof acts / sizeof *acts; k++)
        sum += acts[k].weight;
    while (calls == m.calls && notes == m.log_count) { /* some find nothing that they could be done to */
        int i = 0, n;
        for (n = rnd(sum); n >= acts[i].weight; i++)
            n -= acts[i].weight;
        acts[i].fn();
        m.per_action[i] += calls != m.calls || notes != m.log_count;
    }
    if (m.step % 32 == 0)
        check_queue(rnd(QUEUES), 0, 0);
}

void print_acts(void)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        printf("%s%s %ld", i ? ", " : "what was done: ", acts[i].name, m.per_action[i]);
    printf("\n");
}

/* Everything that is still open comes to its end: dead processes stay away, the living take what there is. */
static void drain_turn(int queue)
{
    struct worker *w = any_worker(queue, 0);
    link_put("ZRANGE %s:delayed 0 -1", stream_key(queue, PLAIN));
    redisReply *r = link_get();
    for (size_t i = 0; i < r->elements; i++) /* time passes */
        link_run("ZADD %s:delayed XX 1 %s", stream_key(queue, PLAIN), r->element[i]->str);
    freeReplyObject(r);
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        if (t->is_used && t->queue == queue && t->due_ms)
            t->due_ms = 1;
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        if (t->is_used && t->queue == queue && !t->is_ended && t->worker >= 0 && m.workers[t->worker].is_python) {
            link_run("HSET " NS "orbiter:task:%s started_at 1000.0", t->id);
            t->started_ms = 1000000;
        }
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->queue == queue && e->holder >= 0 && m.workers[e->holder].is_python)
            link_run("XCLAIM %s %s:group %s 0 %s IDLE 400000 JUSTID", stream_key(queue, e->lane), stream_key(queue, e->lane),
                     m.workers[e->holder].name, e->id);
    sweep(w, 1);
    for (int i = 0; i < 4; i++)
        claim(w, 64, 0);
    for (struct worker *o = m.workers; o < m.workers + WORKERS; o++)
        if (o->queue == queue && !o->is_python)
            claim(o, 64, 1);
    for (int i = 0; i < 4; i++)
        recover();
    for (struct hold *h = m.holds; h < m.holds + HOLDS; h++) {
        if (h->is_used && m.workers[h->worker].queue == queue && !m.workers[h->worker].is_python && h->task < 0)
            poison(h);
        if (h->is_used && m.workers[h->worker].queue == queue && !m.workers[h->worker].is_python && !h->attempt && !h->wants_alone && is_mine(h))
            begin(h);
        if (h->is_used && h->wants_alone)
            take_alone(h);
        else if (h->is_used && h->attempt)
            finish(h, COMPLETED);
    }
}

void drain(void)
{
    hold_drop_all();
    for (struct worker *w = m.workers; w < m.workers + WORKERS; w++) {
        link_run("DEL " NS "orbiter:lease:%s", w->name);
        w->has_lease = 0;
        if (w->is_python) {
            link_run("DEL " NS "orbiter:workers:%s", w->name);
            w->has_beat = w->is_alive = 0;
            continue;
        }
        start_process(w);
        lease(w, "3600000");
    }
    for (int q = 0; q < QUEUES; q++)
        if (!m.has_group[q][PLAIN])
            repair(q);
    for (int i = 0; i < 12; i++)
        for (int q = 0; q < QUEUES; q++)
            drain_turn(q);
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++) {
        /* Without hash, or with one that Python alone wrote, the entry was all that stood for it. */
        int is_gone = t->is_damaged && !t->due_ms && (t->state == ABSENT || (!t->has_created && !entry_of((int)(t - m.tasks))));
        if (t->is_used && !t->is_ended && !is_gone)
            wrong(t, NULL, "%s has not come to an end", t->id);
        if (t->is_used && entry_of((int)(t - m.tasks)))
            wrong(t, NULL, "%s still has an entry", t->id);
        if (t->is_used && is_gone && t->state != ABSENT)
            link_run("DEL " NS "orbiter:task:%s", t->id); /* Python's cancel made it, without an end */
        retire(t);
    }
}
