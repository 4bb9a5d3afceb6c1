/* Rolling restarts under load: a worker that is told to end claims nothing more, hands back
 * what does not end in time, and no task notices. */
#include "chaos/chaos.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TASKS_MAX 20000

static struct chaos chaos;

struct size {
    int restarts, workers, pause_ms;
    const char *slots;
};
static const struct size small = {.restarts = 4, .workers = 2, .slots = "4", .pause_ms = 100};
static const struct size large = {.restarts = 50, .workers = 4, .slots = "8", .pause_ms = 500};
static const struct size *size;

/* How long a task takes comes from the seed: some end before the drain does, some do not. */
static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    out->detailed = 1;
    snprintf(model, 256, "sim:tokens=10,rate=40,delay=%d", (int)(((uint64_t)task * 2654435761u + c->seed * 40503u) % 2200));
}

/* ---- workers that were told to end ----------------------------------------- */

static struct leaving {
    struct test_child child;
    pid_t pid;
    int64_t term_ms; /* wall clock */
} *leaving;
static int leaving_count;
static struct chaos_samples claims; /* ms from SIGTERM to a claim after it */

static void on_feed(struct chaos *c, enum orb_status status, int task, pid_t pid, int64_t ms)
{
    (void)task;
    for (int i = 0; status == ORB_STATUS_RUNNING && i < leaving_count; i++)
        if (leaving[i].pid == pid && ms > leaving[i].term_ms)
            chaos_sample(&claims, (double)(ms - leaving[i].term_ms));
    (void)c;
}

static void restart(struct chaos *c, int w)
{
    struct leaving *l = &leaving[leaving_count++];
    l->child = c->workers[w].child;
    l->pid = l->child.pid;
    l->term_ms = chaos_wall_ms();
    test_child_signal(&l->child, SIGTERM);
    chaos_worker_start(c, w);
}

static int has_restarted(struct chaos *c)
{
    return test_child_has_ended(&leaving[leaving_count - 1].child) && chaos_is_serving(&c->workers[(leaving_count - 1) % size->workers]);
}

/* ---- load --------------------------------------------------------------------- */

static int is_over;

/* Twice as many tasks as slots are there at any time. */
static void keep_busy(struct chaos *c)
{
    int most = 2 * size->workers * atoi(size->slots);
    while (!is_over && c->task_count - c->finals < most && c->task_count < TASKS_MAX)
        chaos_submit(c, c->task_count);
}

static void wait_restarted(struct chaos *c)
{
    int64_t end = test_now_ms() + test_patience(20000);
    for (; !has_restarted(c); chaos_turn(c)) {
        keep_busy(c);
        if (test_now_ms() > end)
            fail_msg("a worker did not end after SIGTERM, or the next one does not serve");
    }
}

static void pass(struct chaos *c, int ms)
{
    for (int64_t end = test_now_ms() + ms; test_now_ms() < end; chaos_turn(c))
        keep_busy(c);
}

/* ---- what it came to ------------------------------------------------------------ */

static int failed, doubled, broken;

static int is_zero(const char *s)
{
    return !*s || !strcmp(s, "0");
}

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    static const char whole[] = "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10";
    const struct chaos_task *t = &c->tasks[i];
    const char *status = chaos_field(hash, "status");
    int is_completed = !strcmp(status, "completed");
    int is_one = t->completed == 1 && !t->reverts && s->terminals == 1;
    int is_uncounted = is_zero(chaos_field(hash, "retries")) && is_zero(chaos_field(hash, "recoveries"));
    int is_whole = !s->gaps && !s->repeats && s->text && !strcmp(s->text, whole) && strstr(chaos_field(hash, "result"), whole);
    failed += !is_completed;
    doubled += !is_one || !is_uncounted;
    broken += !is_whole;
    chaos_expect(c, is_completed, "task %d is %s: %s", i, status, chaos_field(hash, "error"));
    chaos_expect(c, is_one, "task %d: completed %d times, %d states afterwards, %d terminal events", i, t->completed, t->reverts, s->terminals);
    chaos_expect(c, is_uncounted, "task %d: retries %s, recoveries %s", i, chaos_field(hash, "retries"), chaos_field(hash, "recoveries"));
    chaos_expect(c, is_whole, "task %d: %d gaps, %d repeats, text \"%s\", result %s", i, s->gaps, s->repeats, s->text ? s->text : "", chaos_field(hash, "result"));
}

static void nothing_fails_and_nothing_is_doubled(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->tasks_max = TASKS_MAX;
    c->spec = spec;
    c->on_feed = on_feed;
    chaos_begin(c, "rolling");
    size = c->is_full ? &large : &small;
    c->args = (const char *const[]){"--concurrency", size->slots, "--drain-timeout", "1", NULL};
    leaving = calloc((size_t)size->restarts, sizeof *leaving);
    assert_non_null(leaving);
    for (int w = 0; w < size->workers; w++)
        chaos_worker_start(c, w);
    pass(c, 600);
    for (int i = 0; i < size->restarts; i++) {
        restart(c, i % size->workers);
        wait_restarted(c);
        chaos_expect(c, leaving[i].child.status == 0, "worker %d ended with status %d", (int)leaving[i].pid, leaving[i].child.status);
        pass(c, size->pause_ms + chaos_random(c, 300));
    }
    is_over = 1;
    chaos_until(c, "all tasks to end", chaos_all_final, 20000);
    chaos_expect_drained(c);
    chaos_workers_end(c);
    chaos_look(c, 0, c->task_count, look);
    int handed_back = 0;
    for (int i = 0; i < c->task_count; i++)
        handed_back += c->tasks[i].begins - 1;
    chaos_figure(c, "rolling_tasks", c->task_count, "tasks", NULL, 0);
    chaos_figure(c, "rolling_restarts", size->restarts, "restarts", NULL, 0);
    chaos_figure(c, "rolling_handed_back", handed_back, "attempts", ">=", 1);
    chaos_figure(c, "rolling_failed", failed, "tasks", "=", 0);
    chaos_figure(c, "rolling_doubled", doubled, "tasks", "=", 0);
    chaos_figure(c, "rolling_broken_streams", broken, "tasks", "=", 0);
    chaos_figure(c, "rolling_claim_after_term_max", chaos_percentile(&claims, 100), "ms", "<=", 100);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < leaving_count; i++)
        test_child_kill(&leaving[i].child);
    free(leaving);
    free(claims.at);
    chaos_abandon(&chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(nothing_fails_and_nothing_is_doubled, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
