/* Payloads that kill the worker that runs them, among good ones. Half of them end the process
 * themselves (sim:crash); the others are killed from outside, as the kernel does when memory is short: whatever
 * process runs such a task gets SIGKILL. */
#include "chaos/chaos.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chaos chaos;

struct size {
    int good, bad, workers;
    const char *slots;
};
static const struct size small = {.good = 40, .bad = 2, .workers = 2, .slots = "4"};
static const struct size large = {.good = 1000, .bad = 10, .workers = 4, .slots = "8"};
static const struct size *size;

static char *is_bad; /* per task */
static int last_kind;
static int deaths;

enum { GOOD, CRASHES, KILLED };

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    (void)c, (void)out;
    snprintf(model, 256, is_bad[task] == GOOD ? "sim:tokens=2,delay=300" : is_bad[task] == CRASHES ? "sim:crash" : "sim:delay=60000");
}

/* Which process is to be killed for the task that it runs; done outside the reading of the feed. */
static pid_t condemned[64];
static int condemned_count;

static void on_feed(struct chaos *c, enum orb_status status, int task, pid_t pid, int64_t ms)
{
    (void)c, (void)ms;
    if (status != ORB_STATUS_RUNNING || is_bad[task] == GOOD)
        return;
    deaths++;
    if (is_bad[task] == KILLED && condemned_count < 64)
        condemned[condemned_count++] = pid;
}

static int all_final(struct chaos *c)
{
    while (condemned_count > 0)
        chaos_kill_pid(c, condemned[--condemned_count]);
    return chaos_all_final(c);
}

/* ---- what it came to ------------------------------------------------------- */

static int quarantined, punished, completed, letters;

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    const struct chaos_task *t = &c->tasks[i];
    const char *status = chaos_field(hash, "status"), *type = chaos_field(hash, "error_type");
    int is_quarantined = !strcmp(status, "failed") && !strcmp(type, "Quarantined");
    chaos_expect(c, s->terminals == 1 && !t->reverts, "task %d: %d terminal events, %d states after the end", i, s->terminals, t->reverts);
    if (is_bad[i] != GOOD) {
        quarantined += is_quarantined;
        chaos_expect(c, is_quarantined && *chaos_field(hash, "error"), "bad task %d is %s (%s): %s", i, status, type, chaos_field(hash, "error"));
        return;
    }
    completed += !strcmp(status, "completed") && t->completed == 1;
    punished += is_quarantined || t->failed;
    chaos_expect(c, !strcmp(status, "completed") && t->completed == 1, "good task %d is %s (%s): %s, completed %d times", i, status, type,
                 chaos_field(hash, "error"), t->completed);
}

static const char *field_of(const redisReply *entry, const char *name)
{
    return chaos_field(entry->element[1], name);
}

static void look_at_letters(struct chaos *c)
{
    redisReply *dead = chaos_command(c, "XRANGE " CHAOS_QUEUE ":dead - +");
    assert_true(dead && dead->type == REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < dead->elements; i++) {
        int task = chaos_task_of(field_of(dead->element[i], "task_id"));
        int ok = task >= 0 && task < c->task_count && is_bad[task] != GOOD && *field_of(dead->element[i], "reason") &&
            !strcmp(field_of(dead->element[i], "error_type"), "Quarantined") && *field_of(dead->element[i], "payload");
        letters += ok;
        chaos_expect(c, ok, "the dead letter of task %d: %s (%s)", task, field_of(dead->element[i], "reason"), field_of(dead->element[i], "error_type"));
    }
    freeReplyObject(dead);
}

static void the_bad_are_quarantined_and_the_good_are_not(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->tasks_max = large.good + large.bad;
    c->spec = spec;
    c->on_feed = on_feed;
    c->may_die = 1;
    chaos_begin(c, "crash");
    size = c->is_full ? &large : &small;
    c->args = (const char *const[]){"--concurrency", size->slots, NULL};
    /* No core files of what is meant to crash. */
    c->env = (const char *const[]){"ASAN_OPTIONS=disable_coredump=1:handle_abort=0", NULL};
    is_bad = calloc((size_t)c->tasks_max, 1);
    assert_non_null(is_bad);
    int total = size->good + size->bad;
    for (int i = 0; i < size->bad;) {
        int at = chaos_random(c, total / 2);
        if (is_bad[at] == GOOD) {
            is_bad[at] = (char)(last_kind = last_kind == CRASHES ? KILLED : CRASHES);
            i++;
        }
    }
    for (int w = 0; w < size->workers; w++)
        chaos_worker_start(c, w);
    int64_t start = test_now_ms();
    chaos_submit_all(c, 0, total);
    chaos_until(c, "all tasks to end", all_final, 30000);
    double seconds = (double)(test_now_ms() - start) / 1000;
    chaos_expect_drained(c);
    chaos_workers_end(c);
    chaos_look(c, 0, total, look);
    look_at_letters(c);
    chaos_figure(c, "crash_seconds", seconds, "seconds", NULL, 0);
    chaos_figure(c, "crash_begins_of_bad", deaths, "begins", NULL, 0);
    chaos_figure(c, "crash_bad_quarantined", quarantined, "tasks", "=", size->bad);
    chaos_figure(c, "crash_dead_letters", letters, "entries", "=", size->bad);
    chaos_figure(c, "crash_good_quarantined", punished, "tasks", "=", 0);
    chaos_figure(c, "crash_good_completed", completed, "tasks", "=", size->good);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    chaos_abandon(&chaos);
    free(is_bad);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(the_bad_are_quarantined_and_the_good_are_not, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
