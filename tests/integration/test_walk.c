/* All tasks in slices, and the tasks with given ids. */
#include "support/fleet.h"
#include <orbiter/acl.h>
#include <orbiter/watch.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct orb_client *viewer;
static struct orb_walk *walk;

#define IDS_MAX 4096
struct seen {
    int slices, calls, code, is_end, must_free;
    size_t count, most;            /* most: in one slice */
    int descending;                /* the first phase came newest first */
    double last_made;
    char ids[IDS_MAX][48];
    int times[IDS_MAX];            /* each came */
    size_t distinct;
    char words[8192];              /* "id:status" as they came */
};
static struct seen *seen;

static int start(void **state)
{
    (void)state;
    seen = calloc(1, sizeof *seen);
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_walk_free(walk);
    walk = NULL;
    orb_client_free(viewer);
    viewer = NULL;
    test_fleet_stop(&fleet);
    free(seen);
    return 0;
}

static size_t place_of(const char *id)
{
    size_t i = 0;
    while (i < seen->distinct && strcmp(seen->ids[i], id) != 0)
        i++;
    return i;
}

static void saw(const struct orb_task_info *task)
{
    size_t i = place_of(task->id), n = strlen(seen->words);
    if (i == seen->distinct && i < IDS_MAX)
        snprintf(seen->ids[seen->distinct++], sizeof seen->ids[0], "%s", task->id);
    seen->times[i]++;
    snprintf(seen->words + n, sizeof seen->words - n, "%s%s:%s", n ? " " : "", task->id, orb_status_word(task->status));
    seen->descending &= seen->last_made <= 0 || task->created_at <= seen->last_made;
    seen->last_made = task->created_at;
}

static void on_slice(void *arg, const struct orb_task_info *tasks, size_t count, int is_end, const struct orb_error *err)
{
    (void)arg;
    seen->calls++;
    seen->slices++;
    seen->code = err ? err->code : 0;
    seen->is_end = is_end;
    seen->count = count;
    seen->most = count > seen->most ? count : seen->most;
    for (size_t i = 0; i < count; i++)
        saw(&tasks[i]);
    if (seen->must_free) {
        orb_walk_free(walk);
        walk = NULL;
    }
}

/* One slice; its code. */
static int next(size_t count)
{
    struct orb_error err;
    seen->calls = 0;
    assert_int_equal(orb_walk_next(walk, count, on_slice, NULL, &err), 0);
    assert_int_equal(seen->calls, 0);
    test_loop_until(fleet.loop, "a slice", test_is_set, &seen->calls, 10000);
    assert_int_equal(seen->calls, 1);
    assert_true(seen->count <= count);
    return seen->code;
}

/* What was delivered already is not wanted again. */
static int is_new(void *arg, const char *id, int status)
{
    (void)arg, (void)status;
    return place_of(id) == seen->distinct;
}

static void begin(struct orb_client *client, const struct orb_walk_options *options)
{
    memset(seen, 0, sizeof *seen);
    seen->descending = 1;
    walk = orb_walk_new(client, options);
}

static void walk_all(struct orb_client *client, const struct orb_walk_options *options, size_t slice)
{
    begin(client, options);
    while (!seen->is_end)
        assert_int_equal(next(slice), 0);
    orb_walk_free(walk);
    walk = NULL;
}

static const struct orb_walk_options once = { .is_wanted = is_new }, mending = { .is_wanted = is_new, .may_repair = 1 }, all = { 0 };

static void submit(const char *id, const char *queue)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = "sim:", .input = "x", .queue = queue });
}

/* count tasks in the queue q, made as many microseconds apart as said (0: all at the same time). */
static void make(int count, int apart)
{
    char text[2][16];
    snprintf(text[0], sizeof text[0], "%d", count);
    snprintf(text[1], sizeof text[1], "%d", apart);
    free(test_redis_text(&fleet.redis, "EVAL %s 0 %s %s",
        "local words, names = { 'open', 'retrying', 'completed', 'failed', 'cancelled' }, { 'pending', 'retrying', 'completed', 'failed', 'cancelled' } "
        "redis.call('SADD', 'orbiter:queues', 'q') "
        "for i = 1, tonumber(ARGV[1]) do local id, k, us = 't' .. i, i % 5 + 1, 1700000000000000 + i * ARGV[2] "
        "redis.call('HSET', 'orbiter:task:' .. id, 'task_id', id, 'status', names[k], 'queue', 'q', 'created_at', string.format('%.6f', us / 1000000)) "
        "redis.call('ZADD', 'orbiter:index:q:' .. words[k], string.format('%.0f', us), id) redis.call('SADD', 'orbiter:task:index', id) end", text[0], text[1]));
}

static void expect_each_once(size_t count)
{
    assert_int_equal(seen->distinct, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen->times[i], 1);
}

static void nothing_is_an_end(void **state)
{
    (void)state;
    walk_all(fleet.client, &all, 10);
    assert_int_equal(seen->distinct, 0);
}

static void newest_first_over_all_queues_and_states(void **state)
{
    (void)state;
    struct test_child worker = { 0 };
    submit("a", NULL);
    submit("b", "parked");
    submit("c", NULL);
    submit("d", "other");
    test_worker_start(&worker, &fleet, NULL, NULL);
    test_wait_field(&fleet, "c", "status", "completed", 10000);
    walk_all(fleet.client, &once, 3);
    assert_string_equal(seen->words, "d:pending c:completed b:pending a:completed");
    assert_int_equal(seen->most, 3);
    test_worker_stop(&worker);
}

static void many_in_slices(void **state)
{
    (void)state;
    make(1000, 7);
    walk_all(fleet.client, &once, 64);
    expect_each_once(1000);
    assert_int_equal(seen->most, 64);
    assert_true(seen->descending);
    assert_string_equal(seen->ids[0], "t1000");
    assert_string_equal(seen->ids[999], "t1");
}

/* A page may end between two that were made in the same microsecond. */
static void many_of_the_same_moment(void **state)
{
    (void)state;
    make(700, 0);
    walk_all(fleet.client, &once, 7);
    expect_each_once(700);
}

/* The second phase alone would find them, too: that the first one does shows in the order. */
static void the_first_phase_has_them_all_also_when_many_are_of_one_moment(void **state)
{
    (void)state;
    make(700, 0);
    free(test_redis_text(&fleet.redis, "DEL orbiter:task:index"));
    walk_all(fleet.client, &once, 7);
    expect_each_once(700);
}

static void without_a_filter_the_second_phase_has_all_once_more(void **state)
{
    (void)state;
    make(100, 1);
    walk_all(fleet.client, &all, 30);
    assert_int_equal(seen->distinct, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(seen->times[i], 2);
}

/* As other programs do while somebody walks. */
static void none_is_lost_that_moves_meanwhile(void **state)
{
    (void)state;
    make(500, 1);
    begin(fleet.client, &once);
    for (int round = 0; !seen->is_end; round++) {
        char seed[16];
        snprintf(seed, sizeof seed, "%d", round);
        assert_int_equal(next(20), 0);
        free(test_redis_text(&fleet.redis, "EVAL %s 0 %s",
            "math.randomseed(ARGV[1]) local words, names = { 'open', 'retrying', 'completed', 'failed', 'cancelled' }, { 'pending', 'retrying', 'completed', 'failed', 'cancelled' } "
            "for i = 1, 100 do local id, to = 't' .. math.random(500), math.random(5) local us = 1700000000000000 + id:sub(2) "
            "for k = 1, 5 do redis.call('ZREM', 'orbiter:index:q:' .. words[k], id) end "
            "redis.call('HSET', 'orbiter:task:' .. id, 'status', names[to]) redis.call('ZADD', 'orbiter:index:q:' .. words[to], string.format('%.0f', us), id) end", seed));
    }
    assert_int_equal(seen->distinct, 500);
}

static void tasks_of_python_workers_are_found(void **state)
{
    (void)state;
    submit("c1", NULL);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:py1 task_id py1 status failed worker_id w started_at 5.5 completed_at 6.5 error boom retries 3"));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index py1 expired index"));
    free(test_redis_text(&fleet.redis, "ZADD orbiter:index:orbiter:tasks:completed 77 expired2"));
    walk_all(fleet.client, &once, 10);
    assert_string_equal(seen->words, "c1:pending py1:failed");
    test_redis_expect(&fleet.redis, "4", "SCARD orbiter:task:index");
    test_redis_expect(&fleet.redis, "(nil)", "ZSCORE orbiter:index:orbiter:tasks:failed py1");
    walk_all(fleet.client, &mending, 10);
    test_redis_expect(&fleet.redis, "5500000", "ZSCORE orbiter:index:orbiter:tasks:failed py1");
    test_redis_expect(&fleet.redis, "0", "SISMEMBER orbiter:task:index expired");
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:index:orbiter:tasks:completed");
}

static void a_wrong_index_is_repaired_when_that_is_wanted(void **state)
{
    (void)state;
    submit("a", NULL);
    char *score = test_redis_text(&fleet.redis, "ZSCORE orbiter:index:orbiter:tasks:open a");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status failed completed_at 5.5"));
    walk_all(fleet.client, &once, 10);
    assert_string_equal(seen->words, "a:failed");
    test_redis_expect(&fleet.redis, score, "ZSCORE orbiter:index:orbiter:tasks:open a");
    walk_all(fleet.client, &mending, 10);
    assert_string_equal(seen->words, "a:failed");
    test_redis_expect(&fleet.redis, "(nil)", "ZSCORE orbiter:index:orbiter:tasks:open a");
    test_redis_expect(&fleet.redis, score, "ZSCORE orbiter:index:orbiter:tasks:failed a");
    free(score);
}

static void keys_that_are_something_else_are_passed_over(void **state)
{
    (void)state;
    submit("a", NULL);
    free(test_redis_text(&fleet.redis, "SET orbiter:index:orbiter:tasks:failed x"));
    free(test_redis_text(&fleet.redis, "ZADD orbiter:index:orbiter:tasks:retrying inf index 5 b"));
    free(test_redis_text(&fleet.redis, "SET orbiter:task:b x"));
    walk_all(fleet.client, &mending, 10);
    assert_string_equal(seen->words, "a:pending");
}

static void a_viewer_walks_and_tries_nothing_else(void **state)
{
    (void)state;
    make(50, 1);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:t1 status failed"));
    free(test_redis_text(&fleet.redis, "DEL orbiter:task:t2"));
    viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    walk_all(viewer, &once, 10);
    assert_int_equal(seen->distinct, 49);
    test_redis_expect(&fleet.redis, "", "ACL LOG");
    walk_all(viewer, &mending, 10); /* refused, and it goes on */
    assert_int_equal(seen->distinct, 49);
    test_redis_expect(&fleet.redis, "1", "SISMEMBER orbiter:task:index t2");
}

/* What cannot have changed is not read again. */
static int is_open(void *arg, const char *id, int status)
{
    (void)arg, (void)id;
    return status == ORB_STATUS_PENDING || status == ORB_STATUS_RETRYING;
}

static void a_second_walk_reads_what_is_wanted(void **state)
{
    (void)state;
    make(3000, 1);
    long long before = test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'commandstats'):match('cmdstat_hmget:calls=(%d+)') or 0");
    walk_all(fleet.client, &(struct orb_walk_options){ .is_wanted = is_open }, 100);
    assert_int_equal(seen->distinct, 1200);
    assert_int_equal(test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'commandstats'):match('cmdstat_hmget:calls=(%d+)')") - before, 1200);
    assert_true(seen->slices < 100);
}

static void many_queues(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "EVAL %s 0",
        "for i = 1, 300 do local q, id = 'q' .. i, 't' .. i redis.call('SADD', 'orbiter:queues', q) "
        "redis.call('HSET', 'orbiter:task:' .. id, 'task_id', id, 'status', 'pending', 'queue', q, 'created_at', i) "
        "redis.call('ZADD', 'orbiter:index:' .. q .. ':open', i * 1000000, id) end"));
    walk_all(fleet.client, &once, 50);
    expect_each_once(300);
    assert_true(seen->descending);
}

static void a_lost_connection_ends_a_slice_and_the_next_one_goes_on(void **state)
{
    (void)state;
    make(400, 1);
    begin(fleet.client, &once);
    int lost = 0;
    for (int i = 0; !seen->is_end; i++) {
        struct orb_error err;
        seen->calls = 0;
        assert_int_equal(orb_walk_next(walk, 30, on_slice, NULL, &err), 0);
        if (i % 3 == 1)
            free(test_redis_text(&fleet.redis, "CLIENT KILL TYPE normal"));
        test_loop_until(fleet.loop, "a slice", test_is_set, &seen->calls, 10000);
        assert_true(!seen->code || seen->code == ORB_E_UNREACHABLE);
        lost += seen->code != 0;
    }
    assert_true(lost > 0);
    expect_each_once(400);
}

static void it_is_used_one_slice_at_a_time(void **state)
{
    (void)state;
    struct orb_error err;
    make(10, 1);
    begin(fleet.client, &once);
    assert_int_equal(orb_walk_next(walk, 0, on_slice, NULL, &err), ORB_E_USAGE);
    assert_int_equal(orb_walk_next(walk, ORB_WALK_SLICE_MAX + 1, on_slice, NULL, &err), ORB_E_USAGE);
    assert_int_equal(orb_walk_next(walk, 5, on_slice, NULL, &err), 0);
    assert_int_equal(orb_walk_next(walk, 5, on_slice, NULL, &err), ORB_E_USAGE);
    test_loop_until(fleet.loop, "a slice", test_is_set, &seen->calls, 10000);
    while (!seen->is_end)
        next(5);
    assert_int_equal(orb_walk_next(walk, 5, on_slice, NULL, &err), ORB_E_USAGE);
}

static void freed_under_way_it_says_so(void **state)
{
    (void)state;
    struct orb_error err;
    make(100, 1);
    begin(fleet.client, &once);
    assert_int_equal(next(10), 0);
    seen->calls = 0;
    assert_int_equal(orb_walk_next(walk, 10, on_slice, NULL, &err), 0);
    orb_walk_free(walk);
    walk = NULL;
    assert_int_equal(seen->calls, 0);
    test_loop_until(fleet.loop, "the end", test_is_set, &seen->calls, 10000);
    assert_int_equal(seen->code, ORB_E_CANCELLED);
    assert_int_equal(seen->calls, 1);
    begin(fleet.client, &once);
    seen->must_free = 1;
    assert_int_equal(next(10), 0);
    assert_null(walk);
}

/* ---- rows ----------------------------------------------------------------- */

struct rows {
    int calls, code;
    char text[1024]; /* "id:status:tokens", then "-id" for those that are gone */
};

static void on_rows(void *arg, const struct orb_task_info *tasks, size_t count, const char *const *gone, size_t gone_count, const struct orb_error *err)
{
    struct rows *r = arg;
    r->calls++;
    r->code = err ? err->code : 0;
    for (size_t i = 0; i < count; i++)
        snprintf(r->text + strlen(r->text), sizeof r->text - strlen(r->text), "%s:%s:%lld ", tasks[i].id, orb_status_word(tasks[i].status), (long long)tasks[i].total_tokens);
    for (size_t i = 0; i < gone_count; i++)
        snprintf(r->text + strlen(r->text), sizeof r->text - strlen(r->text), "-%s ", gone[i]);
}

static void rows_of_ids(void **state)
{
    (void)state;
    static const char *const ids[] = { "c", "nobody", "a", "a b", "c", "index" };
    struct rows r = { 0 };
    struct orb_error err;
    submit("a", NULL);
    submit("c", "parked");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a usage %s", "{\"input_tokens\": 3, \"output_tokens\": 4, \"total_tokens\": 7, \"cost\": 0.5}"));
    assert_int_equal(orb_fleet_rows(fleet.client, ids, 6, on_rows, &r, &err), 0);
    assert_int_equal(r.calls, 0);
    test_loop_until(fleet.loop, "the rows", test_is_set, &r.calls, 10000);
    assert_int_equal(r.code, 0);
    assert_string_equal(r.text, "c:pending:0 a:pending:7 c:pending:0 -nobody -a b -index ");
    memset(&r, 0, sizeof r);
    assert_int_equal(orb_fleet_rows(fleet.client, ids + 3, 1, on_rows, &r, &err), 0);
    test_loop_until(fleet.loop, "the rows", test_is_set, &r.calls, 10000);
    assert_string_equal(r.text, "-a b ");
    assert_int_equal(orb_fleet_rows(fleet.client, ids, 0, on_rows, &r, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_rows(fleet.client, ids, ORB_ROWS_MAX + 1, on_rows, &r, &err), ORB_E_USAGE);
    assert_int_equal(r.calls, 1);
}

static void rows_that_cannot_be_read_are_an_error(void **state)
{
    (void)state;
    static const char *const ids[] = { "a", "b" };
    struct rows r = { 0 };
    struct orb_error err;
    submit("a", NULL);
    viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER viewer -hmget");
    assert_int_equal(orb_fleet_rows(viewer, ids, 2, on_rows, &r, &err), 0);
    test_loop_until(fleet.loop, "the rows", test_is_set, &r.calls, 10000);
    assert_int_equal(r.code, ORB_E_REFUSED);
    assert_string_equal(r.text, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_an_end),
        TEST(newest_first_over_all_queues_and_states),
        TEST(many_in_slices),
        TEST(many_of_the_same_moment),
        TEST(the_first_phase_has_them_all_also_when_many_are_of_one_moment),
        TEST(without_a_filter_the_second_phase_has_all_once_more),
        TEST(none_is_lost_that_moves_meanwhile),
        TEST(tasks_of_python_workers_are_found),
        TEST(a_wrong_index_is_repaired_when_that_is_wanted),
        TEST(keys_that_are_something_else_are_passed_over),
        TEST(a_viewer_walks_and_tries_nothing_else),
        TEST(a_second_walk_reads_what_is_wanted),
        TEST(many_queues),
        TEST(a_lost_connection_ends_a_slice_and_the_next_one_goes_on),
        TEST(it_is_used_one_slice_at_a_time),
        TEST(freed_under_way_it_says_so),
        TEST(rows_of_ids),
        TEST(rows_that_cannot_be_read_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
