/* Workers killed, stopped past their lease and continued, Redis restarted: every task has
 * one outcome, and nobody who comes back late changes it. */
#include "chaos/chaos.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chaos chaos;

struct size {
    int tasks, delay_ms, workers, kill_every_ms, stop_every_ms, stop_ms, faults_ms, redis_away_ms;
    int redis_at_ms[2]; /* 0 = not */
    const char *slots;
};
static const struct size small = {.tasks = 150, .delay_ms = 300, .workers = 3, .slots = "4", .kill_every_ms = 1000, .stop_every_ms = 4000,
                                  .stop_ms = 6000, .faults_ms = 3800, .redis_at_ms = {1500, 0}, .redis_away_ms = 400};
/* 64 slots, of which a quarter is lost every second: the work takes about four minutes. */
static const struct size large = {.tasks = 10000, .delay_ms = 1000, .workers = 8, .slots = "8", .kill_every_ms = 500, .stop_every_ms = 4000,
                                  .stop_ms = CHAOS_LEASE_MS + 300, .faults_ms = 150000, .redis_at_ms = {40000, 90000}, .redis_away_ms = 1500};
static const struct size *size;

enum what { KILL, STOP, REDIS };
struct fault {
    int64_t at_ms;
    enum what what;
    int victim, lasts_ms;
};

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    (void)c, (void)task, (void)out;
    snprintf(model, 256, "sim:tokens=3,delay=%d", size->delay_ms);
}

/* ---- the plan ----------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct fault *x = a, *y = b;
    return x->at_ms != y->at_ms ? (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms) : (int)x->what - (int)y->what;
}

static struct fault *make_plan(struct chaos *c, int *count)
{
    int max = size->faults_ms / size->kill_every_ms + size->faults_ms / size->stop_every_ms + 4, n = 0;
    struct fault *plan = calloc((size_t)max, sizeof *plan);
    assert_non_null(plan);
    for (int t = size->kill_every_ms; t < size->faults_ms; t += size->kill_every_ms)
        plan[n++] = (struct fault){t, KILL, chaos_random(c, size->workers), 0};
    for (int t = size->stop_every_ms / 4; t < size->faults_ms; t += size->stop_every_ms)
        plan[n++] = (struct fault){t, STOP, chaos_random(c, size->workers), size->stop_ms + chaos_random(c, 2500)};
    for (int i = 0; i < 2 && size->redis_at_ms[i]; i++)
        plan[n++] = (struct fault){size->redis_at_ms[i] + chaos_random(c, 500), REDIS, i, size->redis_away_ms};
    qsort(plan, (size_t)n, sizeof *plan, by_time);
    *count = n;
    return plan;
}

/* ---- doing it ------------------------------------------------------------ */

static int64_t cont_ms[CHAOS_WORKERS_MAX]; /* when a stopped one goes on, monotonic */
static int64_t redis_back_ms;
static int kills, stops;

/* The next worker behind the victim that is not stopped. */
static int choose(struct chaos *c, int victim)
{
    for (int i = 0; i < size->workers; i++) {
        int w = (victim + i) % size->workers;
        if (c->workers[w].child.pid && !c->workers[w].stopped_ms)
            return w;
    }
    return victim;
}

static void do_fault(struct chaos *c, const struct fault *f)
{
    int w = choose(c, f->victim);
    if (f->what == KILL) {
        chaos_worker_replace(c, w, SIGKILL);
        kills++;
    } else if (f->what == STOP) {
        chaos_worker_stop(c, w);
        cont_ms[w] = test_now_ms() + f->lasts_ms;
        stops++;
    } else if (c->is_redis_up) {
        chaos_redis_down(c, f->victim % 2 ? SIGTERM : SIGKILL);
        redis_back_ms = test_now_ms() + f->lasts_ms;
    }
}

static void do_due(struct chaos *c)
{
    for (int w = 0; w < size->workers; w++)
        if (cont_ms[w] && test_now_ms() >= cont_ms[w]) {
            cont_ms[w] = 0;
            chaos_worker_cont(c, w);
        }
    if (!c->is_redis_up && test_now_ms() >= redis_back_ms)
        chaos_redis_up(c);
}

static int has_faults_left(struct chaos *c)
{
    int any = !c->is_redis_up;
    for (int w = 0; w < size->workers; w++)
        any |= cont_ms[w] != 0;
    return any;
}

static void rage(struct chaos *c)
{
    int count, next = 0;
    struct fault *plan = make_plan(c, &count);
    int64_t start = test_now_ms();
    while ((next < count && !chaos_all_final(c)) || has_faults_left(c)) {
        chaos_turn(c);
        do_due(c);
        while (next < count && test_now_ms() - start >= plan[next].at_ms)
            do_fault(c, &plan[next++]);
    }
    free(plan);
}

/* ---- what it came to ------------------------------------------------------ */

static int completed, commits_wrong, recovered, quarantined;

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    const struct chaos_task *t = &c->tasks[i];
    const char *status = chaos_field(hash, "status"), *attempt = chaos_field(hash, "attempt");
    double off_ms = atof(chaos_field(hash, "completed_at")) * 1000 - (double)t->final_ms;
    int is_completed = !strcmp(status, "completed");
    completed += is_completed;
    quarantined += !strcmp(chaos_field(hash, "error_type"), "Quarantined");
    recovered += t->attempt > 1;
    chaos_expect(c, is_completed, "task %d is %s: %s", i, status, chaos_field(hash, "error"));
    chaos_expect(c, !*chaos_field(hash, "retries") || !strcmp(chaos_field(hash, "retries"), "0"), "task %d: retries %s", i, chaos_field(hash, "retries"));
    int is_one = t->completed == 1 && !t->failed && !t->cancelled && !t->reverts && s->terminals == 1;
    int is_same = atoi(attempt) == t->attempt && s->attempt == t->attempt && off_ms < 1000 && off_ms > -1000;
    chaos_expect(c, is_one, "task %d: %d times completed, %d failed, %d cancelled, %d states afterwards, %d terminal events", i,
                 t->completed, t->failed, t->cancelled, t->reverts, s->terminals);
    chaos_expect(c, is_same, "task %d: the hash says attempt %s and an end %.0f ms off; the feed %d, the stream %d", i, attempt, off_ms, t->attempt, s->attempt);
    chaos_expect(c, !s->gaps && !s->repeats, "task %d: %d gaps, %d repeats in its stream", i, s->gaps, s->repeats);
    commits_wrong += !is_one || !is_same;
}

static void everything_is_completed_once(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->is_durable = 1;
    c->spec = spec;
    c->tasks_max = large.tasks;
    chaos_begin(c, "kill");
    size = c->is_full ? &large : &small;
    c->args = (const char *const[]){"--concurrency", size->slots, NULL};
    for (int w = 0; w < size->workers; w++)
        chaos_worker_start(c, w);
    int64_t start = test_now_ms();
    chaos_submit_all(c, 0, size->tasks);
    rage(c);
    chaos_until(c, "all tasks to end", chaos_all_final, 30000);
    double seconds = (double)(test_now_ms() - start) / 1000;
    chaos_expect_drained(c);
    chaos_workers_end(c);
    chaos_look(c, 0, size->tasks, look);
    chaos_figure(c, "kill_tasks", size->tasks, "tasks", NULL, 0);
    chaos_figure(c, "kill_seconds", seconds, "seconds", NULL, 0);
    chaos_figure(c, "kill_sigkills", kills, "workers", NULL, 0);
    chaos_figure(c, "kill_sigstops", stops, "workers", NULL, 0);
    chaos_figure(c, "kill_completed", completed, "tasks", "=", size->tasks);
    chaos_figure(c, "kill_not_one_commit", commits_wrong, "tasks", "=", 0);
    chaos_figure(c, "kill_quarantined", quarantined, "tasks", "=", 0);
    chaos_figure(c, "kill_begun_again", recovered, "tasks", NULL, 0);
    chaos_figure(c, "kill_late_commits_stale", (double)c->stale, "commits", NULL, 0);
    chaos_figure(c, "kill_recovery_p50", chaos_percentile(&c->killed, 50), "ms", NULL, 0);
    chaos_figure(c, "kill_recovery_p99", chaos_percentile(&c->killed, 99), "ms", "<=", 5000);
    chaos_figure(c, "kill_recovery_max", chaos_percentile(&c->killed, 100), "ms", NULL, 0);
    chaos_figure(c, "kill_stopped_recovery_p99", chaos_percentile(&c->stopped, 99), "ms", NULL, 0);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    chaos_abandon(&chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(everything_is_completed_once, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
