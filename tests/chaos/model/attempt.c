#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>

/* ---- claim ------------------------------------------------------------------------ */

int expect_lane(int queue, int lane, int count, int worker, int is_back, struct entry **out)
{
    int n = 0;
    while (n < count) {
        struct entry *first = NULL;
        for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++) {
            if (!e->is_used || e->queue != queue || e->lane != lane || e->holder != (is_back ? worker : WAITING))
                continue;
            int is_taken = 0;
            for (int i = 0; i < n; i++)
                is_taken |= out[i] == e;
            if (!is_taken && (!first || id_compare(e->id, first->id) < 0))
                first = e;
        }
        if (!first)
            break;
        out[n++] = first;
        if (!is_back)
            first->holder = worker;
    }
    return n;
}

/* The reply as "place task" for each entry, compared with what should have come. */
static void expect_entries(struct entry **want, int n)
{
    char expected[4096] = "", place[40];
    size_t len = 0;
    for (int i = 0; i < n; i++) {
        entry_place(want[i], place);
        const struct task *t = want[i]->task < 0 ? NULL : &m.tasks[want[i]->task];
        len += (size_t)snprintf(expected + len, sizeof expected - len, "%s%s payload %s", i ? " " : "", place, t ? t->payload : "nonsense");
        if (want[i]->has_task_id)
            len += (size_t)snprintf(expected + len, sizeof expected - len, " task_id %s", t->id);
    }
    if (strcmp(m.reply, expected))
        wrong(NULL, NULL, "the entries are\n%s\nand not\n%s", m.reply, expected);
}

/* The queue's own group is gone: what others have given is answered, and when there is none, that it is gone. */
static int is_passed_over(int queue, int lane, int given, int *fails)
{
    int is_gone = lane == PLAIN && !m.has_group[queue][PLAIN];
    *fails |= is_gone && !given;
    return is_gone;
}

void claim(struct worker *w, int most, int is_back)
{
    char count[16], taken[24];
    struct entry *want[ENTRIES];
    int n = 0, q = w->queue, misses_group = 0;
    sprintf(count, "%d", most);
    sprintf(taken, "%ld", w->taken);
    note(NULL, "%s claims %d%s", w->name, most, is_back ? ", looking back" : "");
    call(NULL, NULL, 0, &orb_script_claim, stream_key(q, PLAIN), ARGS(w->name, count, taken, is_back ? "0" : ""));
    int low = is_back ? 0 : (int)((w->taken + most) / 8 - w->taken / 8);
    for (int lane = LANES - 1; lane >= 0 && low > 0 && !misses_group; lane--) {
        if (is_passed_over(q, lane, n, &misses_group))
            continue;
        int got = m.has_stream[q][lane] ? expect_lane(q, lane, low, number(w), 0, want + n) : 0;
        low -= got, n += got;
    }
    for (int lane = 0; lane < LANES && n < most && !misses_group; lane++) {
        if (is_passed_over(q, lane, n, &misses_group))
            continue;
        n += m.has_stream[q][lane] ? expect_lane(q, lane, most - n, number(w), is_back, want + n) : 0;
    }
    for (int lane = 0; lane < LANES; lane++)
        m.has_group[q][lane] |= lane != PLAIN && m.has_stream[q][lane]; /* made by whoever misses it */
    if (misses_group) {
        expect_reply(NULL, NULL, "NOGROUP");
        repair(q);
        return;
    }
    expect_entries(want, n);
    for (int i = 0; i < n; i++) {
        hold_add(number(w), want[i]);
        note(want[i]->task < 0 ? NULL : &m.tasks[want[i]->task], "%s (%s) has %s", w->name, w->owner, want[i]->id);
    }
    w->taken += is_back ? 0 : n;
}

void claim_new(void)
{
    struct worker *w = any_worker(-1, 0);
    if (w)
        claim(w, 1 + rnd(3), 0);
}

void look_back(void)
{
    struct worker *w = any_worker(-1, 0);
    if (w)
        claim(w, 64, 1);
}

/* ---- begin ------------------------------------------------------------------------- */

void begin(struct hold *h)
{
    struct worker *w = &m.workers[h->worker];
    struct task *t = is_mine(h) ? &m.tasks[h->task] : NULL;
    char expected[128];
    struct view v;
    int is_alone = h->is_alone;
    note(t, "%s (%s) begins %s%s", w->name, h->owner, h->place, is_alone ? " alone" : "");
    call(t, &v, is_repeated(), &orb_script_begin, key_of(t),
         ARGS(queue_name(w->queue), w->name, h->owner, "86400", TTLS, is_alone ? "1" : "", h->place, h->id, "bot", h->has_task_id ? "" : t->payload));
    ref_begin(h, h->worker, h->owner, is_alone, expected);
    settle(h, &v, expected);
    h->wants_alone = !strncmp(expected, "alone", 5);
    if (strncmp(expected, "run", 3) && !h->wants_alone && rnd(2))
        h->is_used = 0;
}

/* A process of its own takes what must be run alone. */
void take_alone(struct hold *h)
{
    const struct worker *from = &m.workers[h->worker];
    struct worker *w = any_worker(from->queue, 0);
    struct entry *e = entry_at(from->queue, h->place);
    if (!w || w == from)
        return;
    note(is_mine(h) ? &m.tasks[h->task] : NULL, "%s takes %s from %s, to run it alone", w->name, h->place, from->name);
    int is_there = e && e->holder == h->worker;
    call(NULL, NULL, 0, &orb_script_recover, stream_key(w->queue, PLAIN), ARGS(w->name, w->owner, "1", "1", h->place, from->name));
    expect_entries(&e, is_there);
    h->is_used = 0;
    if (!is_there)
        return;
    e->holder = number(w);
    struct hold *own = hold_add(number(w), e);
    own->is_alone = 1;
}

void begin_one(void)
{
    struct hold *h = any_hold(0);
    if (h && h->wants_alone)
        take_alone(h);
    else if (h && is_mine(h))
        begin(h);
    else if (h && h->task >= 0)
        h->is_used = 0;
}

/* A begin that was sent twice, with other things between. */
void begin_again(void)
{
    struct hold *h = any_hold(1);
    if (h && is_mine(h))
        begin(h);
}

/* ---- the ends of an attempt ------------------------------------------------------------ */

void event(void)
{
    struct hold *h = any_hold(1);
    if (!h || !is_mine(h))
        return;
    struct task *t = &m.tasks[h->task];
    if (t->worker != h->worker || t->attempt != h->attempt || t->state != RUNNING || t->events > 40)
        return;
    h->seq++;
    link_run("XADD " NS "orbiter:stream:%s * event %s", t->id, "{}");
    redisReply *r = redisCommand(m.link, "XREVRANGE " NS "orbiter:stream:%s + - COUNT 1", t->id);
    link_run("XDEL " NS "orbiter:stream:%s %s", t->id, r->element[0]->element[0]->str);
    freeReplyObject(r);
    char json[160];
    sprintf(json, "{\"type\": \"text\", \"text\": \"x\", \"agent_name\": \"bot\", \"seq\": %d, \"attempt\": %d}", h->seq, h->attempt);
    link_put("XADD " NS "orbiter:stream:%s * event %s", t->id, json);
    link_put("EXPIRE " NS "orbiter:stream:%s 3600", t->id);
    freeReplyObject(link_get());
    freeReplyObject(link_get());
    t->events++;
    t->seq = h->seq;
    t->seq_attempt = h->attempt;
    note(t, "event %d of attempt %d", h->seq, h->attempt);
}

/* What the attempt tells of the tokens of its task: what the hash has, and more. */
static void write_usage(struct hold *h, char out[80])
{
    long had = 0;
    redisReply *r = redisCommand(m.link, "HGET " NS "orbiter:task:%s usage", h->id);
    if (r->type == REDIS_REPLY_STRING)
        sscanf(r->str, "{\"total_tokens\": %ld", &had);
    freeReplyObject(r);
    h->grown = 1 + rnd(9);
    sprintf(out, "{\"total_tokens\": %ld, \"cost\": %.6f}", had + h->grown, (double)(had + h->grown) / 1e6);
}

void finish(struct hold *h, enum state outcome)
{
    const struct worker *w = &m.workers[h->worker];
    char attempt[16], seq[16], usage[80], expected[128];
    struct view v;
    sprintf(attempt, "%d", h->attempt);
    sprintf(seq, "%d", h->seq + 1);
    write_usage(h, usage);
    note(is_mine(h) ? &m.tasks[h->task] : NULL, "%s finishes attempt %d: %s", w->name, h->attempt, state_words[outcome]);
    call_of(h, &v, is_repeated(), &orb_script_finish, stream_key(w->queue, PLAIN),
            ARGS(queue_name(w->queue), w->name, TTLS, h->place, h->id, attempt, state_words[outcome], "\"bot\"", "\"end\"", seq,
                 outcome == FAILED ? "boom" : "", outcome == FAILED ? "ModelError" : "", outcome == COMPLETED ? "{\"output\": \"x\"}" : "", "", usage, ""));
    ref_finish(h, outcome, expected);
    settle(h, &v, expected);
    h->is_used = rnd(3) == 0;
}

void finish_one(void)
{
    static const enum state outcomes[] = { COMPLETED, COMPLETED, COMPLETED, FAILED, CANCELLED };
    struct hold *h = any_hold(1);
    if (h)
        finish(h, outcomes[rnd(5)]);
}

void retry(void)
{
    struct hold *h = any_hold(1);
    if (!h)
        return;
    const struct worker *w = &m.workers[h->worker];
    int delay_ms = rnd(2) ? 0 : 1 + rnd(5), most = rnd(4) ? 3 : -1;
    char attempt[16], seq[16], delay[16], count[16], usage[80], expected[128];
    struct view v;
    sprintf(attempt, "%d", h->attempt);
    sprintf(seq, "%d", h->seq + 1);
    sprintf(delay, "%d", delay_ms);
    sprintf(count, "%d", most);
    write_usage(h, usage);
    note(is_mine(h) ? &m.tasks[h->task] : NULL, "%s retries attempt %d in %s ms, at most %s", w->name, h->attempt, delay, count);
    call_of(h, &v, is_repeated(), &orb_script_retry, stream_key(w->queue, PLAIN),
            ARGS(queue_name(w->queue), w->name, TTLS, h->place, h->id, attempt, delay, count, "\"bot\"", "\"boom\"", seq, "boom", "ModelError", "", usage, ""));
    ref_retry(h, delay_ms, most, expected);
    settle(h, &v, expected);
    h->is_used = rnd(3) == 0;
}

void requeue(void)
{
    struct hold *h = any_hold(-1);
    if (!h || (h->task >= 0 && !h->attempt && !is_mine(h)))
        return;
    const struct worker *w = &m.workers[h->worker];
    char attempt[16] = "", usage[80] = "", expected[128];
    struct view v;
    if (h->task < 0)
        return;
    if (h->attempt) {
        sprintf(attempt, "%d", h->attempt);
        write_usage(h, usage);
    }
    note(is_mine(h) ? &m.tasks[h->task] : NULL, "%s hands back attempt %s, %s", w->name, attempt, h->place);
    call_of(h, &v, h->attempt && is_repeated(), &orb_script_requeue, stream_key(w->queue, PLAIN),
            ARGS(queue_name(w->queue), w->name, TTLS, h->place, h->id, attempt, usage));
    ref_requeue(h, expected);
    settle(h, &v, expected);
    h->is_used = h->attempt && rnd(3) == 0;
}

void check(void)
{
    struct hold *h = any_hold(1);
    if (!h)
        return;
    const struct worker *w = &m.workers[h->worker];
    char attempt[16], expected[128];
    struct view v;
    sprintf(attempt, "%d", h->attempt);
    call_of(h, &v, is_repeated(), &orb_script_check, stream_key(w->queue, PLAIN), ARGS(w->name, h->id, attempt, "0"));
    ref_check(h, expected);
    settle(h, &v, expected);
}

void poison(struct hold *h)
{
    const struct worker *w = &m.workers[h->worker];
    int has_id = h->task >= 0 && rnd(2);
    char expected[128];
    struct view v;
    note(is_mine(h) ? &m.tasks[h->task] : NULL, "%s dead-letters %s%s", w->name, h->place, has_id ? "" : " without an id");
    call_of(h, &v, is_repeated() && rnd(2), &orb_script_poison, stream_key(w->queue, PLAIN),
            ARGS(queue_name(w->queue), w->name, h->place, has_id ? h->id : "", "it is bad", "InvalidInput", TTLS, ""));
    if (is_mine(h) && !has_id)
        m.tasks[h->task].is_damaged = 1; /* the entry goes, and its task stays as it was */
    ref_poison(h, has_id, expected);
    settle(h, &v, expected);
    h->is_used = 0;
}

void poison_one(void)
{
    struct hold *h = any_hold(0);
    if (h && (h->task < 0 || (is_mine(h) && rnd(6) == 0)))
        poison(h);
}
