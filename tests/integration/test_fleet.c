/* Lists of tasks and workers, with what C writers and Python writers leave. */
#include "support/fleet.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

struct heard {
    int calls, code;
    size_t count;
    char ids[4096];   /* "a:pending b:failed" */
};

static void note(struct heard *h, const char *id, const char *word)
{
    size_t n = strlen(h->ids);
    snprintf(h->ids + n, sizeof h->ids - n, "%s%s:%s", n ? " " : "", id, word);
}

static void on_tasks(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    h->code = err ? err->code : 0;
    h->count = count;
    for (size_t i = 0; i < count; i++)
        note(h, tasks[i].id, orb_status_word(tasks[i].status));
}

static struct heard list(int status, const char *queue, int limit)
{
    struct heard h = { 0 };
    struct orb_error err;
    struct orb_task_filter filter = { .status = status, .queue = queue, .limit = limit };
    assert_int_equal(orb_fleet_tasks(fleet.client, &filter, on_tasks, &h, &err), 0);
    assert_int_equal(h.calls, 0);
    test_loop_until(fleet.loop, "the list", test_is_set, &h.calls, 10000);
    assert_int_equal(h.calls, 1);
    assert_int_equal(h.code, 0);
    return h;
}

static void expect_list(int status, const char *queue, int limit, const char *expected)
{
    struct heard h = list(status, queue, limit);
    assert_string_equal(h.ids, expected);
}

static void submit(const char *id, const char *queue)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = "sim:", .input = "x", .queue = queue });
}

static void empty_lists(void **state)
{
    (void)state;
    expect_list(-1, NULL, 10, "");
    expect_list(ORB_STATUS_FAILED, "parked", 10, "");
    test_redis_expect(&fleet.redis, "0", "DBSIZE");
}

static void newest_first_with_filters_and_a_limit(void **state)
{
    (void)state;
    submit("a", NULL);
    submit("b", "parked");
    submit("c", NULL);
    submit("d", "parked");
    expect_list(-1, NULL, 10, "d:pending c:pending b:pending a:pending");
    expect_list(-1, NULL, 2, "d:pending c:pending");
    expect_list(-1, "parked", 10, "d:pending b:pending");
    expect_list(-1, "parked", 1, "d:pending");
    expect_list(-1, "nowhere", 10, "");
    expect_list(ORB_STATUS_RUNNING, NULL, 10, "");
    test_worker_start(&worker, &fleet, NULL, NULL);
    test_wait_field(&fleet, "c", "status", "completed", 10000);
    expect_list(ORB_STATUS_COMPLETED, NULL, 10, "c:completed a:completed");
    expect_list(ORB_STATUS_PENDING, NULL, 10, "d:pending b:pending");
    expect_list(ORB_STATUS_PENDING, ORB_QUEUE_DEFAULT, 10, "");
}

static void delayed_ones_and_those_of_other_priorities_are_listed(void **state)
{
    (void)state;
    submit("first", NULL);
    test_worker_start(&worker, &fleet, NULL, NULL);
    test_wait_field(&fleet, "first", "status", "completed", 10000);
    test_submit(&fleet, &(struct test_task){ .id = "running", .model = "sim:delay=60000", .priority = 9 });
    test_wait_field(&fleet, "running", "status", "running", 10000);
    expect_list(ORB_STATUS_RUNNING, NULL, 10, "running:running");
    test_child_kill(&worker);
    test_submit(&fleet, &(struct test_task){ .id = "delayed", .model = "sim:", .queue = "later", .delay_seconds = 60 });
    expect_list(ORB_STATUS_PENDING, NULL, 10, "delayed:pending");
    test_submit(&fleet, &(struct test_task){ .id = "urgent", .model = "sim:", .queue = "urgent", .priority = 9 });
    expect_list(ORB_STATUS_PENDING, "urgent", 10, "urgent:pending");
}

static void limits_are_checked(void **state)
{
    (void)state;
    struct heard h = { 0 };
    struct orb_error err;
    static const int bad[] = { 0, -1, 10001 };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(orb_fleet_tasks(fleet.client, &(struct orb_task_filter){ .status = -1, .limit = bad[i] }, on_tasks, &h, &err), ORB_E_USAGE);
    assert_int_equal(h.calls, 0);
}

/* Python workers write the hash and the set, and know no index. */
static void tasks_of_python_workers_are_found(void **state)
{
    (void)state;
    submit("c1", NULL);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:py1 task_id py1 status failed worker_id w started_at 5.5 completed_at 6.5 error boom retries 3"));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index py1"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:py2 task_id py2 status running worker_id w started_at 7.5"));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index py2"));
    expect_list(-1, NULL, 10, "c1:pending py2:running py1:failed");
    expect_list(ORB_STATUS_RUNNING, NULL, 10, "py2:running");
    expect_list(ORB_STATUS_FAILED, ORB_QUEUE_DEFAULT, 10, "py1:failed");
    /* It has moved on since it was put into an index. */
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:py2 status completed completed_at 8.5"));
    expect_list(-1, NULL, 10, "c1:pending py2:completed py1:failed");
    expect_list(ORB_STATUS_RUNNING, NULL, 10, "");
    expect_list(ORB_STATUS_COMPLETED, NULL, 10, "py2:completed");
}

static void a_wrong_index_is_repaired(void **state)
{
    (void)state;
    submit("a", NULL);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status cancelled completed_at 1"));
    expect_list(ORB_STATUS_PENDING, NULL, 10, "");
    test_redis_expect(&fleet.redis, "0", "ZCARD orbiter:index:orbiter:tasks:open");
    expect_list(ORB_STATUS_CANCELLED, NULL, 10, "a:cancelled");
    /* Cancelled, and not ended: who runs it may die, so the sweep must find it still. */
    submit("b", NULL);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:b status cancelled"));
    expect_list(ORB_STATUS_PENDING, NULL, 10, "");
    test_redis_expect(&fleet.redis, "b", "ZRANGE orbiter:index:orbiter:tasks:open 0 -1");
    expect_list(ORB_STATUS_CANCELLED, NULL, 10, "b:cancelled a:cancelled");
    expect_list(-1, NULL, 10, "b:cancelled a:cancelled");
}

static void expired_tasks_are_left_out_and_pruned(void **state)
{
    (void)state;
    submit("a", NULL);
    submit("b", NULL);
    submit("c", NULL);
    free(test_redis_text(&fleet.redis, "DEL orbiter:task:c orbiter:task:b"));
    expect_list(-1, NULL, 1, "a:pending"); /* though the two newest are gone */
    expect_list(-1, NULL, 10, "a:pending");
    test_redis_expect(&fleet.redis, "a", "ZRANGE orbiter:index:orbiter:tasks:open 0 -1");
    test_redis_expect(&fleet.redis, "a", "SMEMBERS orbiter:task:index");
}

static void a_bad_hash_does_not_spoil_the_list(void **state)
{
    (void)state;
    submit("a", NULL);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:odd task_id odd status %b started_at abc retries 1.0 result [1]", "\x1b[2J", (size_t)4));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index odd"));
    struct heard h = list(-1, NULL, 10);
    assert_int_equal(h.count, 2);
    assert_non_null(strstr(h.ids, "a:pending"));
}

/* A Python task may be called "index", which is the set's own name. */
static void a_key_that_is_no_hash_does_not_spoil_the_list(void **state)
{
    (void)state;
    submit("a", NULL);
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index index odd"));
    free(test_redis_text(&fleet.redis, "SET orbiter:task:odd x"));
    expect_list(-1, NULL, 10, "a:pending");
    test_redis_expect(&fleet.redis, "a", "SMEMBERS orbiter:task:index"); /* pruned */
}

static void a_page_out_of_many(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "EVAL %s 0",
        "redis.call('SADD', 'orbiter:queues', 'orbiter:tasks') for i = 1, 3000 do local id = string.format('t%04d', i) "
        "redis.call('HSET', 'orbiter:task:' .. id, 'task_id', id, 'status', 'completed', 'queue', 'orbiter:tasks', 'created_at', i) "
        "redis.call('SADD', 'orbiter:task:index', id) redis.call('ZADD', 'orbiter:index:orbiter:tasks:completed', i, id) end return 1"));
    expect_list(-1, NULL, 3, "t3000:completed t2999:completed t2998:completed");
    struct heard h = list(ORB_STATUS_COMPLETED, NULL, 50);
    assert_int_equal(h.count, 50);
    /* The cost is that of the page: 3 and 50 rows. */
    char *stats = test_redis_text(&fleet.redis, "INFO commandstats"), *hmget = strstr(stats, "cmdstat_hmget:calls=");
    assert_non_null(hmget);
    assert_in_range(atoi(hmget + 20), 53, 60);
    free(stats);
}

/* ---- workers ------------------------------------------------------------ */

static void on_workers(void *arg, const struct orb_worker_info *rows, size_t count, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    h->code = err ? err->code : 0;
    h->count = count;
    for (size_t i = 0; i < count; i++) {
        char word[128];
        snprintf(word, sizeof word, "%s/%d/%d/%d", rows[i].status, (int)rows[i].concurrency, (int)rows[i].tasks_processed, rows[i].is_alive);
        note(h, rows[i].id, word);
    }
}

static void expect_workers(const char *expected)
{
    struct heard h = { 0 };
    assert_int_equal(orb_fleet_workers(fleet.client, on_workers, &h), 0);
    test_loop_until(fleet.loop, "the workers", test_is_set, &h.calls, 10000);
    assert_int_equal(h.calls, 1);
    assert_int_equal(h.code, 0);
    assert_string_equal(h.ids, expected);
}

static int has_beaten(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "EXISTS orbiter:workers:mine") == 1;
}

static void workers_sorted_with_the_packages_defaults(void **state)
{
    (void)state;
    expect_workers("");
    test_worker_start(&worker, &fleet, (const char *const[]){ "--worker-id", "mine", "--concurrency", "5", NULL }, NULL);
    test_wait_until("the heartbeat", has_beaten, NULL, 5000);
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:a-dead status running last_heartbeat 5.5 concurrency 2 tasks_processed 7"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:z-bare hostname h"));
    free(test_redis_text(&fleet.redis, "HSET {other}:orbiter:workers:x status running"));
    expect_workers("a-dead:running/2/7/0 mine:running/5/0/1 z-bare:unknown/1/0/1");
}

static void many_workers(void **state)
{
    (void)state;
    struct heard h = { 0 };
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 2500 do redis.call('HSET', 'orbiter:workers:w' .. i, 'status', 'running') "
                                                    "redis.call('SET', 'noise' .. i, 1) end return 1"));
    assert_int_equal(orb_fleet_workers(fleet.client, on_workers, &h), 0);
    test_loop_until(fleet.loop, "the workers", test_is_set, &h.calls, 10000);
    assert_int_equal(h.count, 2500);
}

/* Wherever in the list it stands; but a key that is no hash is no worker. */
static void a_worker_that_cannot_be_read_fails_the_list(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:a status running"));
    free(test_redis_text(&fleet.redis, "SET orbiter:workers:b x"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:c status running"));
    expect_workers("a:running/1/0/1 c:running/1/0/1");
    struct heard h = { 0 };
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER default resetkeys ~orbiter:workers:b ~orbiter:workers:c");
    assert_int_equal(orb_fleet_workers(fleet.client, on_workers, &h), 0);
    test_loop_until(fleet.loop, "the workers", test_is_set, &h.calls, 10000);
    assert_int_equal(h.code, ORB_E_REFUSED);
    assert_int_equal(h.count, 0);
}

/* A program that this library is part of may live where 1.5 is written 1,5. */
static int use_a_decimal_comma(void)
{
    struct test_child localedef;
    char path[TEST_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/de", fleet.redis.dir);
    test_child_start(&localedef, fleet.redis.dir, (const char *const[]){ "localedef", "-i", "de_DE", "-f", "UTF-8", path, NULL }, NULL);
    if (test_child_wait(&localedef, 30000))
        return -1; /* this system has no sources of locales */
    setenv("LOCPATH", fleet.redis.dir, 1);
    return setlocale(LC_NUMERIC, "de") ? 0 : -1;
}

static void on_times(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    assert_null(err);
    for (size_t i = 0; i < count; i++) {
        int n = (int)strlen(h->ids);
        snprintf(h->ids + n, sizeof h->ids - (size_t)n, "%s:%d/%d ", tasks[i].id, (int)(tasks[i].started_at * 100), (int)(tasks[i].completed_at * 100));
    }
}

static void a_decimal_comma_changes_nothing(void **state)
{
    (void)state;
    struct heard h = { 0 };
    struct orb_error err;
    if (use_a_decimal_comma())
        skip();
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a task_id a status failed started_at 5.25 completed_at 6.75"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:b task_id b status failed started_at 5.5 completed_at 6.5"));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index a b"));
    int rc = orb_fleet_tasks(fleet.client, &(struct orb_task_filter){ .status = -1, .limit = 10 }, on_times, &h, &err);
    test_loop_until(fleet.loop, "the list", test_is_set, &h.calls, 10000);
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(rc, 0);
    assert_string_equal(h.ids, "b:550/650 a:525/675 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(empty_lists),
        TEST(newest_first_with_filters_and_a_limit),
        TEST(delayed_ones_and_those_of_other_priorities_are_listed),
        TEST(limits_are_checked),
        TEST(tasks_of_python_workers_are_found),
        TEST(a_wrong_index_is_repaired),
        TEST(expired_tasks_are_left_out_and_pruned),
        TEST(a_bad_hash_does_not_spoil_the_list),
        TEST(a_key_that_is_no_hash_does_not_spoil_the_list),
        TEST(a_page_out_of_many),
        TEST(workers_sorted_with_the_packages_defaults),
        TEST(many_workers),
        TEST(a_decimal_comma_changes_nothing),
        TEST(a_worker_that_cannot_be_read_fails_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
