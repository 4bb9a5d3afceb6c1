#include "chaos/model/act.h"

#include <stdlib.h>
#include <string.h>

int rnd(int n)
{
    return chaos_random(&m.chaos, n);
}

int is_repeated(void)
{
    return rnd(8) == 0;
}

/* ---- who --------------------------------------------------------------------- */

struct worker *any_worker(int queue, int is_python)
{
    for (int i = 0, w = rnd(WORKERS); i < WORKERS; i++, w = (w + 1) % WORKERS)
        if (m.workers[w].is_alive && m.workers[w].is_python == is_python && (queue < 0 || m.workers[w].queue == queue))
            return &m.workers[w];
    return NULL;
}

int number(const struct worker *w)
{
    return (int)(w - m.workers);
}

struct task *any_task(void)
{
    for (int i = 0, t = rnd(TASKS); i < TASKS; i++, t = (t + 1) % TASKS)
        if (m.tasks[t].is_used)
            return &m.tasks[t];
    return NULL;
}

int is_mine(const struct hold *h)
{
    return h->task >= 0 && m.tasks[h->task].is_used && !strcmp(m.tasks[h->task].id, h->id);
}

static struct hold *hold_find(int worker, const char *place)
{
    for (struct hold *h = m.holds; h < m.holds + HOLDS; h++)
        if (h->is_used && h->worker == worker && h->process == m.workers[worker].process && !strcmp(h->place, place))
            return h;
    return NULL;
}

struct hold *hold_add(int worker, const struct entry *e)
{
    char place[40];
    entry_place(e, place);
    struct hold *h = hold_find(worker, place);
    if (h)
        return h;
    int at = rnd(HOLDS);
    for (int i = 0; i < HOLDS && m.holds[at].is_used; i++)
        at = (at + 1) % HOLDS;
    /* When there is no room another one is forgotten: its process never comes back to it. */
    h = &m.holds[at];
    *h = (struct hold){ .is_used = 1, .worker = worker, .process = m.workers[worker].process, .task = e->task, .has_task_id = e->has_task_id };
    snprintf(h->id, sizeof h->id, "%s", e->task < 0 ? "nonsense" : m.tasks[e->task].id);
    strcpy(h->place, place);
    strcpy(h->owner, m.workers[worker].owner);
    return h;
}

void hold_drop_all(void)
{
    memset(m.holds, 0, sizeof m.holds);
}

/* What is dead mostly stays so until others have taken over; then it comes back, late. */
static int is_asleep(const struct hold *h)
{
    const struct worker *w = &m.workers[h->worker];
    if (w->is_alive && w->process == h->process)
        return 0;
    return rnd(16) && (!h->attempt || (is_mine(h) && m.tasks[h->task].worker == h->worker && m.tasks[h->task].attempt == h->attempt));
}

struct hold *any_hold(int is_begun)
{
    for (int i = 0, h = rnd(HOLDS); i < HOLDS; i++, h = (h + 1) % HOLDS)
        if (m.holds[h].is_used && !m.workers[m.holds[h].worker].is_python && !is_asleep(&m.holds[h]) && (is_begun < 0 || !m.holds[h].attempt == !is_begun))
            return &m.holds[h];
    return NULL;
}

/* A call about what a hold names; of a task that is long gone it must leave nothing. */
void call_of(const struct hold *h, struct view *v, int twice, const struct orb_script *script, const char *key, const char *const *args)
{
    static struct task gone;
    if (is_mine(h)) {
        call(&m.tasks[h->task], v, twice, script, key, args);
        return;
    }
    gone = (struct task){ .queue = m.workers[h->worker].queue };
    strcpy(gone.id, h->id);
    call(&gone, v, twice, script, key, args);
    if (v->is_there || v->indexes || v->due_ms)
        wrong(NULL, v, "%s: a late %s brought it back", h->id, script->name);
}

void settle(const struct hold *h, const struct view *v, const char *expected)
{
    struct task *t = is_mine(h) ? &m.tasks[h->task] : NULL;
    note(t, "  -> %s", m.reply);
    expect_reply(t, v, expected);
    if (t)
        expect_same(t, v);
}
