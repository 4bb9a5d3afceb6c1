#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>

/* ---- submit -------------------------------------------------------------------- */

static struct task *new_task(void)
{
    for (int i = 0, n = rnd(TASKS); i < TASKS; i++, n = (n + 1) % TASKS) {
        struct task *t = &m.tasks[n];
        if (t->is_used)
            continue;
        memset(t, 0, sizeof *t);
        t->is_used = 1;
        t->worker = -1;
        t->queue = rnd(QUEUES);
        t->priority = 5;
        snprintf(t->id, sizeof t->id, "t%ld", ++m.made);
        snprintf(t->payload, sizeof t->payload, "{\"task_id\": \"t%ld\", \"agent_config\": {\"name\": \"bot\"}, \"timeout_seconds\": %s}", m.made,
                 rnd(2) ? "0.002" : "300.0");
        return t;
    }
    return NULL;
}

const char *key_of(const struct task *t)
{
    return stream_key(t->queue, PLAIN);
}

int known(const char *id)
{
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        if (t->is_used && !strcmp(t->id, id))
            return 1;
    return 0;
}

static void is_submitted(struct task *t, int64_t delay_ms, int64_t deadline_ms)
{
    t->state = PENDING;
    t->indexes |= OPEN;
    t->has_created = t->has_payload = t->has_entry_id = 1;
    t->due_ms = delay_ms ? m.after_ms + delay_ms : t->due_ms; /* an id whose keys were lost may still be there */
    t->deadline_ms = deadline_ms ? m.after_ms + delay_ms + deadline_ms : 0;
    snprintf(t->entry_id, sizeof t->entry_id, "%.39s", m.reply);
    if (!*m.reply == !delay_ms)
        wrong(t, NULL, "%s was submitted with a delay of %lld ms: %s", t->id, (long long)delay_ms, m.reply);
    if (delay_ms)
        return;
    if (entry_at(t->queue, m.reply) || !atoll(m.reply) || lane_of(m.reply) != (t->priority == 9 ? 0 : t->priority == 5 ? PLAIN : 2))
        wrong(t, NULL, "%s: a new entry: %s", t->id, m.reply);
    entry_add(t->queue, m.reply, (int)(t - m.tasks), 1);
}

void submit(void)
{
    struct task *t = new_task();
    if (!t)
        return;
    int delay_ms = rnd(4) ? 0 : rnd(8) ? 1 + rnd(4) : 600000, deadline_ms = rnd(12) ? 0 : rnd(2) ? 1 + rnd(20) : 3600000;
    int idem = rnd(10) ? -1 : rnd(KEYS), depth = rnd(10) ? 0 : 1 + rnd(12), n = 0, now = waiting(t->queue);
    char extras[160] = "", expected[64] = "";
    t->priority = rnd(4) ? 5 : rnd(2) ? 9 : 0;
    if (t->priority != 5)
        n += sprintf(extras + n, "priority=%d ", t->priority);
    if (delay_ms)
        n += sprintf(extras + n, "delay=%d ", delay_ms);
    if (deadline_ms)
        n += sprintf(extras + n, "deadline=%d ", deadline_ms);
    if (depth)
        n += sprintf(extras + n, "depth=%d ", depth);
    if (idem >= 0)
        sprintf(extras + n, "\nkey-%d", idem);
    note(t, "submit to %s: %s", queue_name(t->queue), extras);
    struct view v;
    call(t, &v, is_repeated(), &orb_script_submit, key_of(t), ARGS(queue_name(t->queue), "86400", t->id, rnd(2) ? "1" : "", "bot", t->payload, extras));
    note(t, "  -> %s", m.reply);
    if (idem >= 0 && *m.idem[idem])
        sprintf(expected, "FIRST %s", m.idem[idem]);
    else if (depth && now >= depth)
        sprintf(expected, "FULL %d", now);
    if (*expected) {
        expect_reply(t, &v, expected);
        if (v.is_there || v.has_payload)
            wrong(t, &v, "a submit that was refused wrote something");
        t->is_used = 0;
        return;
    }
    is_submitted(t, delay_ms, deadline_ms);
    expect_same(t, &v);
    if (idem >= 0)
        strcpy(m.idem[idem], t->id);
}

/* A chosen id that is there already, or that a Python client has queued. */
void submit_again(void)
{
    struct task *t = any_task();
    if (!t)
        return;
    int is_other = rnd(3) == 0;
    struct view v;
    note(t, "submit again%s", is_other ? ", another payload" : "");
    int is_new = t->state == ABSENT && !t->has_payload;
    if (is_new && is_other)
        return;
    call(t, &v, 0, &orb_script_submit, key_of(t), ARGS(queue_name(t->queue), "86400", t->id, "1", "bot", is_other ? "{}" : t->payload, ""));
    note(t, "  -> %s", m.reply);
    if (is_new) {
        t->priority = 5;
        is_submitted(t, 0, 0);
    } else {
        expect_reply(t, &v, is_other || !t->has_payload ? "EXISTS" : t->has_entry_id ? t->entry_id : "(nil)");
    }
    expect_same(t, &v);
}

void python_submit(void)
{
    struct task *t = rnd(8) ? new_task() : any_task();
    int is_nonsense = rnd(40) == 0;
    if (!t || (t->state != ABSENT && !is_nonsense && rnd(4)) || is_final(t->state))
        return;
    int is_new = t->state == ABSENT && !t->log_count;
    redisReply *r = redisCommand(m.link, "XADD %s * payload %s", key_of(t), is_nonsense ? "nonsense" : t->payload);
    note(t, "a Python client queues it%s as %s", is_nonsense ? " (nonsense)" : "", r->str);
    entry_add(t->queue, r->str, is_nonsense ? -1 : (int)(t - m.tasks), 0);
    freeReplyObject(r);
    if (is_nonsense && is_new)
        t->is_used = 0;
}

/* ---- cancel ------------------------------------------------------------------------------ */

/* What somebody has seen of the task, or may have seen of another. */
static void seen_of(const struct task *t, char out[32])
{
    static const enum state states[] = { PENDING, RUNNING, RETRYING, COMPLETED, FAILED, CANCELLED };
    int is_true = rnd(2);
    enum state state = is_true ? t->state == ABSENT ? PENDING : t->state : states[rnd(6)];
    int attempt = t->state == ABSENT ? 0 : t->attempt;
    if (rnd(2))
        *out = '\0';
    else if (rnd(2))
        snprintf(out, 32, "%s", state_words[state]);
    else
        snprintf(out, 32, "%s %d", state_words[state], is_true ? attempt : attempt + rnd(2));
}

void cancel(void)
{
    struct task *t = any_task();
    if (!t)
        return;
    char nonce[16], expected[128], seen[32];
    struct view v;
    if (*t->nonce && rnd(2))
        strcpy(nonce, t->nonce);
    else
        snprintf(nonce, sizeof nonce, "c%ld", m.step);
    seen_of(t, seen);
    note(t, "cancel %s, seen as \"%s\"", nonce, seen);
    call(t, &v, is_repeated(), &orb_script_cancel, NULL, ARGS("ann", "host:1", t->id, nonce, TTLS, "", seen));
    ref_cancel(t, nonce, seen, expected);
    note(t, "  -> %s", m.reply);
    if (strcmp(m.reply, expected))
        wrong(t, &v, "the answer is \"%s\", not \"%s\"", m.reply, expected);
    expect_same(t, &v);
}

void python_cancel(void)
{
    struct task *t = any_task();
    /* A hash that Python alone has written names no queue: it counts as the default one's. */
    if (!t || is_final(t->state) || (t->state == ABSENT && t->queue))
        return;
    note(t, "Python's cancel");
    link_put("PUBLISH " NS "orbiter:cancel:%s cancel", t->id);
    link_put("HSET " NS "orbiter:task:%s status cancelled", t->id);
    freeReplyObject(link_get());
    freeReplyObject(link_get());
    t->state = CANCELLED;
}
