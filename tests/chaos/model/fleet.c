#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- workers ------------------------------------------------------------------------------- */

void lease(struct worker *w, const char *ms)
{
    char expected[16];
    call(NULL, NULL, 0, &orb_script_join, stream_key(w->queue, PLAIN), ARGS(w->name, w->owner, ms));
    sprintf(expected, "%d 0", w->has_lease ? 1 : 2);
    expect_reply(NULL, NULL, expected);
    if (!w->has_lease)
        w->made_ms = m.after_ms;
    w->has_lease = w->was_leased = w->is_alive = 1;
    link_run("HSET " NS "orbiter:workers:%s lease " NS "orbiter:lease:%s status running", w->name, w->name);
    link_run("EXPIRE " NS "orbiter:workers:%s 3000", w->name);
    w->has_beat = 1;
}

static void lease_goes(struct worker *w)
{
    if (rnd(4) || w->is_python) {
        link_run("DEL " NS "orbiter:lease:%s", w->name);
    } else {
        lease(w, "1");
        usleep(3000);
    }
    w->has_lease = 0;
}

void start_process(struct worker *w)
{
    w->process++;
    snprintf(w->owner, sizeof w->owner, "p%d/%d", number(w), w->process % 100000);
}

void join(void)
{
    struct worker *w = &m.workers[rnd(WORKERS)];
    if (w->is_python) {
        link_run("HSET " NS "orbiter:workers:%s status running", w->name);
        link_run("EXPIRE " NS "orbiter:workers:%s 3000", w->name);
        w->is_alive = w->has_beat = 1;
        return;
    }
    if (w->has_lease && rnd(4) == 0) {
        note(NULL, "another process wants to be %s", w->name);
        call(NULL, NULL, 0, &orb_script_join, stream_key(w->queue, PLAIN), ARGS(w->name, "other", "3000"));
        expect_reply(NULL, NULL, "0 0");
        call(NULL, NULL, 0, &orb_script_leave, stream_key(w->queue, PLAIN), ARGS(w->name, "other"));
        expect_reply(NULL, NULL, "0");
        return;
    }
    /* A process that was stopped comes back, or another takes its place and first what is pending on it. */
    int is_new = !w->is_alive && rnd(2);
    if (is_new)
        start_process(w);
    note(NULL, "%s (%s) %s", w->name, w->owner, w->is_alive ? "renews" : "joins");
    lease(w, "3600000");
    if (is_new)
        claim(w, 64, 1);
}

void die(void)
{
    struct worker *w = &m.workers[rnd(WORKERS)];
    if (!w->is_alive)
        return;
    note(NULL, "%s dies", w->name);
    if (w->is_python) {
        link_run("DEL " NS "orbiter:workers:%s", w->name);
        w->has_beat = 0;
        for (struct hold *h = m.holds; h < m.holds + HOLDS; h++)
            if (h->is_used && h->worker == number(w))
                h->is_used = 0; /* its late writes have no fence, see docs/WIRE.md */
    } else {
        lease_goes(w);
    }
    w->is_alive = 0;
}

/* A worker leaves when it runs nothing any more. */
void leave(void)
{
    struct worker *w = any_worker(-1, 0);
    if (!w)
        return;
    for (struct task *t = m.tasks; t < m.tasks + TASKS; t++)
        if (t->is_used && t->worker == number(w) && (t->state == RUNNING || (t->state == CANCELLED && !t->is_ended)))
            return;
    int left = 0;
    for (int lane = 0; lane < LANES; lane++) {
        int is_there = 0;
        for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
            is_there |= e->is_used && e->queue == w->queue && e->lane == lane && e->holder == number(w);
        left += is_there;
    }
    char expected[16];
    sprintf(expected, "%d", left);
    note(NULL, "%s leaves", w->name);
    call(NULL, NULL, is_repeated(), &orb_script_leave, stream_key(w->queue, PLAIN), ARGS(w->name, w->owner));
    expect_reply(NULL, NULL, expected);
    w->is_alive = w->has_lease = w->has_beat = 0;
    w->was_leased &= left > 0;
}

static int is_orphan(const struct entry *e)
{
    int how = standing(e->holder);
    if (how != SILENT || e->task < 0)
        return how == DEAD ? 1 : how == ALIVE ? 0 : -1;
    const struct task *t = &m.tasks[e->task];
    return t->worker == e->holder ? is_overdue(t, 1) : -1;
}

void recover(void)
{
    struct worker *w = any_worker(-1, 0);
    if (!w)
        return;
    int most = 1 + rnd(8), n = 0, orphans = 0;
    char count[16], place[40];
    sprintf(count, "%d", most);
    note(NULL, "%s recovers", w->name);
    link_run("HSET %s:sweep seen_ms %lld steady_ms 1", stream_key(w->queue, PLAIN), (long long)chaos_wall_ms()); /* swept all the time */
    call(NULL, NULL, 0, &orb_script_recover, stream_key(w->queue, PLAIN), ARGS(w->name, w->owner, "1", count, "", ""));
    for (struct entry *e = m.entries; e < m.entries + ENTRIES; e++)
        if (e->is_used && e->queue == w->queue && e->holder >= 0 && e->holder != number(w))
            orphans += is_orphan(e) == 1;
    for (const char *at = m.reply; *at; n += *place != '\0') {
        sscanf(at, "%39s", place);
        struct entry *e = entry_at(w->queue, place);
        if (!e || e->holder < 0 || e->holder == number(w) || !is_orphan(e))
            wrong(e && e->task >= 0 ? &m.tasks[e->task] : NULL, NULL, "%s took %s, which was nobody's to take", w->name, place);
        note(e->task < 0 ? NULL : &m.tasks[e->task], "%s recovers %s from %s", w->name, place, m.workers[e->holder].name);
        e->holder = number(w);
        hold_add(number(w), e);
        const char *next = strstr(at, " payload ");
        const char *body = next ? strstr(next + 9, e->task < 0 ? "nonsense" : "}") : NULL;
        const struct task *t = e->task < 0 ? NULL : &m.tasks[e->task];
        body = next + 9 + strlen(t ? t->payload : "nonsense");
        at = e->has_task_id ? body + strlen(" task_id ") + strlen(t->id) : body;
        at += *at == ' ';
    }
    if (n > most || (n < most && n < orphans && is_past(w->made_ms + 2) == 1))
        wrong(NULL, NULL, "%s took %d of %d orphans", w->name, n, orphans);
}

/* ---- sweep ------------------------------------------------------------------------------------ */

void sweep(struct worker *w, int is_urgent)
{
    const char *stream = stream_key(w->queue, PLAIN);
    note(NULL, "%s sweeps %s%s", w->name, queue_name(w->queue), is_urgent ? ", urgently" : "");
    for (int i = 0; i < (is_urgent ? 3 : 1); i++) {
        link_run("HDEL %s:sweep next_ms", stream);
        call(NULL, NULL, 0, &orb_script_sweep, stream, ARGS(queue_name(w->queue), w->name, "1", "86400", TTLS, is_urgent && !i ? "1" : ""));
        if (!strchr("-0123456789", m.reply[0]))
            wrong(NULL, NULL, "a sweep: %s", m.reply);
        check_queue(w->queue, 1, is_urgent && i == 2);
    }
}

void sweep_one(void)
{
    struct worker *w = any_worker(-1, 0);
    if (w)
        sweep(w, rnd(6) == 0);
}

/* What a worker does that finds the group gone. */
void repair(int queue)
{
    struct worker *w = any_worker(queue, 0);
    note(NULL, "the group of %s is made", queue_name(queue));
    link_run("XGROUP CREATE %s %s:group 0 MKSTREAM", stream_key(queue, PLAIN), stream_key(queue, PLAIN));
    m.has_group[queue][PLAIN] = m.has_stream[queue][PLAIN] = 1;
    if (w)
        sweep(w, 1);
}
