/* Random interleavings of the scripts on a real Redis, held against a state machine that knows what each
 * of them must answer and leave behind: no illegal state, no lost and no doubled task. SEED and STEPS run one again. */
#include "chaos/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct model m;

static void load_scripts(void)
{
#define LOAD(name) link_run("SCRIPT LOAD %s", orb_script_##name.text);
    ORB_SCRIPTS(LOAD)
#undef LOAD
}

static void start_workers(void)
{
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &m.workers[i];
        w->is_python = i >= WORKERS - QUEUES;
        w->queue = i % QUEUES;
        snprintf(w->name, sizeof w->name, "%c%d", w->is_python ? 'p' : 'w', i);
        snprintf(w->owner, sizeof w->owner, "p%d/0", i);
    }
    for (int q = 0; q < QUEUES; q++) {
        link_run("XGROUP CREATE %s %s:group 0 MKSTREAM", stream_key(q, 1), stream_key(q, 1));
        link_run("SADD " NS "orbiter:queues %s", queue_name(q));
        m.has_group[q][PLAIN] = m.has_stream[q][PLAIN] = 1;
    }
}

static void no_illegal_state(void **state)
{
    (void)state;
    const char *steps = getenv("STEPS");
    m.chaos.fleet.redis.config = "appendonly no\n";
    chaos_begin(&m.chaos, "model");
    m.steps = steps && *steps ? atol(steps) : m.chaos.is_full ? 1000000 : 40000;
    m.link = redisConnectUnix(m.chaos.fleet.redis.socket);
    assert_true(m.link && !m.link->err);
    load_scripts();
    start_workers();
    int64_t start_ms = chaos_wall_ms();
    for (m.step = 0; m.step < m.steps; m.step++)
        act();
    drain();
    check_end();
    print_acts();
    struct chaos *c = &m.chaos;
    chaos_figure(c, "model_steps", (double)m.step, "steps", ">=", (double)m.steps);
    chaos_figure(c, "model_calls", (double)m.calls, "calls", NULL, 0);
    chaos_figure(c, "model_tasks", (double)m.made, "tasks", NULL, 0);
    chaos_figure(c, "model_completed", (double)m.ended[COMPLETED], "tasks", NULL, 0);
    chaos_figure(c, "model_failed", (double)m.ended[FAILED], "tasks", NULL, 0);
    chaos_figure(c, "model_cancelled", (double)m.ended[CANCELLED], "tasks", NULL, 0);
    chaos_figure(c, "model_attempts", (double)m.begun, "attempts", NULL, 0);
    chaos_figure(c, "model_recoveries", (double)m.recovered, "attempts", NULL, 0);
    chaos_figure(c, "model_stale_calls", (double)m.stale, "calls", NULL, 0);
    chaos_figure(c, "model_calls_sent_twice", (double)m.repeats, "calls", NULL, 0);
    chaos_figure(c, "model_lost_keys", (double)m.lost_keys, "keys", NULL, 0);
    chaos_figure(c, "model_time", (double)(chaos_wall_ms() - start_ms) / 1000, "s", NULL, 0);
    chaos_figure(c, "model_illegal_states", 0, "states", "=", 0); /* the first one ends the run */
    chaos_end(c);
}

static int tear_down(void **state)
{
    (void)state;
    redisFree(m.link);
    chaos_abandon(&m.chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(no_illegal_state, tear_down) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
