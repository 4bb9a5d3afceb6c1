/* What many tasks leave behind: after their retention nothing in Redis that was not there
 * before, and workers as large as they were. */
#include "chaos/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2
#define OUTSTANDING 4000

static struct chaos chaos;

struct size {
    int warm_up, tasks, ttl_s;
    const char *ttl;
};
static const struct size small = {.warm_up = 500, .tasks = 2500, .ttl_s = 2, .ttl = "2"};
static const struct size large = {.warm_up = 50000, .tasks = 1000000, .ttl_s = 60, .ttl = "60"};
static const struct size *size;

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    (void)c, (void)task;
    out->detailed = 0;
    snprintf(model, 256, "sim:tokens=2");
}

static int has_room(struct chaos *c)
{
    return c->in_flight < 256 && c->task_count - c->finals < OUTSTANDING;
}

static void run(struct chaos *c, int count)
{
    int to = c->task_count + count;
    while (c->task_count < to) {
        chaos_until(c, "tasks to end", has_room, 30000);
        while (c->task_count < to && has_room(c))
            chaos_submit(c, c->task_count);
    }
    chaos_until(c, "all tasks to end", chaos_all_final, 30000);
}

/* ---- what is left ------------------------------------------------------------ */

static long long used_memory(struct chaos *c)
{
    redisReply *info = chaos_command(c, "INFO memory");
    const char *line = info && info->type == REDIS_REPLY_STRING ? strstr(info->str, "used_memory:") : NULL;
    assert_non_null(line);
    long long bytes = strtoll(line + strlen("used_memory:"), NULL, 10);
    freeReplyObject(info);
    return bytes;
}

static long rss_kib(pid_t pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    char *text = test_file_read(path, NULL);
    if (!text || sscanf(text, "%*d %ld", &pages) != 1)
        fail_msg("%s cannot be read", path);
    free(text);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long all_rss_kib(struct chaos *c)
{
    long sum = 0;
    for (int w = 0; w < c->worker_count; w++)
        sum += rss_kib(c->workers[w].pid);
    return sum;
}

static long long listed(struct chaos *c)
{
    return chaos_number(c, "SCARD orbiter:task:index") + chaos_number(c, "ZCARD orbiter:index:" CHAOS_QUEUE ":completed");
}

static int is_gone(struct chaos *c)
{
    return listed(c) == 0 && chaos_number(c, "DBSIZE") < 100;
}

/* The least of some looks: what a command under way holds is not what is kept. most: looks for a minute more while it is above
 * that, since Redis makes its hash tables smaller bit by bit; 0 = any. */
static long long level(struct chaos *c, long long most)
{
    int64_t end = test_now_ms() + size->ttl_s * 1000 + test_patience(60000);
    while (!is_gone(c) && test_now_ms() < end)
        chaos_pass(c, 100);
    chaos_expect(c, is_gone(c), "%lld ids are listed and %lld keys are there a minute after the retention", listed(c), chaos_number(c, "DBSIZE"));
    /* The feed is trimmed by age every 10 s, and keeps at least that much: the short form does not count it. */
    chaos_pass(c, c->is_full ? 25000 : 0);
    for (int i = 0; i < 60 && most && used_memory(c) > most; i++)
        chaos_pass(c, 1000);
    long long feed = c->is_full ? 0 : chaos_number(c, "MEMORY USAGE orbiter:feed SAMPLES 0");
    long long least = used_memory(c);
    for (int i = 0; i < 10; i++) {
        chaos_pass(c, 50);
        long long now = used_memory(c);
        least = now < least ? now : least;
    }
    return least - feed;
}

/* docs/WIRE.md: the keys that have no expiry. */
static int is_fixed(const char *key)
{
    static const char *const fixed[] = {
        CHAOS_QUEUE, CHAOS_QUEUE ":delayed", CHAOS_QUEUE ":dead", CHAOS_QUEUE ":paused", CHAOS_QUEUE ":leased", CHAOS_QUEUE ":sweep", CHAOS_QUEUE ":spent",
        "orbiter:queues", "orbiter:feed", "orbiter:audit", "orbiter:task:index",
    };
    static const char index[] = "orbiter:index:" CHAOS_QUEUE ":", priority[] = CHAOS_QUEUE ":p";
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!strcmp(key, fixed[i]))
            return 1;
    size_t n = strlen(priority);
    return !strncmp(key, index, strlen(index)) || (!strncmp(key, priority, n) && key[n] >= '0' && key[n] <= '9' && !key[n + 1]);
}

/* Looks at no more than most keys. */
static int count_immortal(struct chaos *c, long most)
{
    char cursor[32] = "0";
    long seen = 0;
    int bad = 0;
    do {
        redisReply *page = chaos_command(c, "SCAN %s COUNT 1000", cursor);
        assert_true(page && page->type == REDIS_REPLY_ARRAY && page->elements == 2);
        snprintf(cursor, sizeof cursor, "%s", page->element[0]->str);
        for (size_t i = 0; i < page->element[1]->elements; i++, seen++) {
            const char *key = page->element[1]->element[i]->str;
            int is_bad = !is_fixed(key) && chaos_number(c, "TTL %s", key) == -1;
            bad += is_bad;
            chaos_expect(c, !is_bad, "%s has no expiry", key);
        }
        freeReplyObject(page);
    } while (strcmp(cursor, "0") && seen < most);
    return bad;
}

static void nothing_is_left(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->tasks_max = large.warm_up + large.tasks;
    c->spec = spec;
    c->is_calm = 1;
    chaos_begin(c, "million");
    size = c->is_full ? &large : &small;
    c->args = (const char *const[]){"--concurrency", "100", "--result-ttl", size->ttl, "--event-ttl", size->ttl, NULL};
    for (int w = 0; w < WORKERS; w++)
        chaos_worker_start(c, w);
    run(c, size->warm_up);
    long long before = level(c, 0);
    long rss_before = all_rss_kib(c);
    int64_t start = test_now_ms();
    run(c, size->tasks);
    double seconds = (double)(test_now_ms() - start) / 1000;
    long rss_after = all_rss_kib(c);
    long long peak = used_memory(c);
    int immortal = count_immortal(c, 50000);
    long long after = level(c, c->is_full ? before * 102 / 100 : 0);
    immortal += count_immortal(c, 50000);
    chaos_expect_drained(c);

    double growth = (double)(rss_after - rss_before) / (size->tasks / 1000.0);
    double percent = (double)(after - before) * 100 / (double)before;
    int completed = 0;
    for (int i = 0; i < c->task_count; i++)
        completed += c->tasks[i].completed == 1 && !c->tasks[i].failed;
    chaos_figure(c, "million_tasks", size->tasks, "tasks", NULL, 0);
    chaos_figure(c, "million_rate", size->tasks / seconds, "tasks/s", NULL, 0);
    chaos_figure(c, "million_completed_once", completed, "tasks", "=", size->warm_up + size->tasks);
    chaos_figure(c, "million_redis_before", (double)before / 1024, "KiB", NULL, 0);
    chaos_figure(c, "million_redis_peak", (double)peak / 1024, "KiB", NULL, 0);
    chaos_figure(c, "million_redis_after", (double)after / 1024, "KiB", NULL, 0);
    /* The short form is so small that a table of another size shows. */
    chaos_figure(c, "million_redis_growth", percent, "%", "<=", c->is_full ? 2 : 10);
    chaos_figure(c, "million_workers_rss", (double)rss_after, "KiB", NULL, 0);
    chaos_figure(c, "million_worker_growth_per_1000", growth / WORKERS, "KiB", c->is_full ? "<=" : NULL, 1);
    chaos_figure(c, "million_queue_length", (double)chaos_number(c, "XLEN " CHAOS_QUEUE), "entries", "=", 0);
    chaos_figure(c, "million_keys_without_expiry", immortal, "keys", "=", 0);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(nothing_is_left, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
