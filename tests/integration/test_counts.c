/* What a console asks again and again: counts of tasks, and since when somebody waits in a queue. */
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
static struct test_child worker;
static struct orb_client *viewer;

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
    orb_client_free(viewer);
    viewer = NULL;
    test_fleet_stop(&fleet);
    return 0;
}

struct heard {
    int calls, code;
    struct orb_counts counts;
    size_t nqueues;
    struct orb_queue_info queue;   /* the last, without its texts */
};

static void on_counts(void *arg, const struct orb_counts *counts, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    h->code = err ? err->code : 0;
    if (counts)
        h->counts = *counts;
}

static struct heard count(struct orb_client *client)
{
    struct heard h = { 0 };
    assert_int_equal(orb_fleet_counts(client, on_counts, &h), 0);
    assert_int_equal(h.calls, 0);
    test_loop_until(fleet.loop, "the counts", test_is_set, &h.calls, 10000);
    assert_int_equal(h.calls, 1);
    return h;
}

static void expect_counts(int pending, int running, int completed, int failed, int cancelled, int retrying)
{
    char expected[96], found[96];
    struct heard h = count(fleet.client);
    const int64_t *n = h.counts.by_status;
    assert_int_equal(h.code, 0);
    snprintf(expected, sizeof expected, "%d pending, %d running, %d completed, %d failed, %d cancelled, %d retrying", pending, running, completed, failed, cancelled, retrying);
    snprintf(found, sizeof found, "%d pending, %d running, %d completed, %d failed, %d cancelled, %d retrying", (int)n[ORB_STATUS_PENDING], (int)n[ORB_STATUS_RUNNING],
             (int)n[ORB_STATUS_COMPLETED], (int)n[ORB_STATUS_FAILED], (int)n[ORB_STATUS_CANCELLED], (int)n[ORB_STATUS_RETRYING]);
    assert_string_equal(found, expected);
}

static void submit(const char *id, const char *model, const char *queue)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "x", .queue = queue });
}

static void of_all_states_and_queues(void **state)
{
    (void)state;
    expect_counts(0, 0, 0, 0, 0, 0);
    submit("done", "sim:", NULL);
    submit("bad", "sim:error=invalid_request", NULL);
    submit("again", "sim:error=rate_limit", NULL);
    submit("runs", "sim:delay=60000", NULL);
    test_submit(&fleet, &(struct test_task){ .id = "runs2", .model = "sim:delay=60000", .priority = 9 });
    submit("waits", "sim:", "parked");
    test_submit(&fleet, &(struct test_task){ .id = "later", .model = "sim:", .queue = "parked", .delay_seconds = 600 });
    expect_counts(7, 0, 0, 0, 0, 0);
    test_worker_start(&worker, &fleet, (const char *const[]){ "--concurrency", "8", NULL }, NULL);
    test_wait_field(&fleet, "done", "status", "completed", 10000);
    test_wait_field(&fleet, "bad", "status", "failed", 10000);
    test_wait_field(&fleet, "again", "status", "retrying", 10000);
    test_wait_field(&fleet, "runs", "status", "running", 10000);
    test_wait_field(&fleet, "runs2", "status", "running", 10000);
    expect_counts(2, 2, 1, 1, 0, 1);
}

static void memory_and_time_are_those_of_redis(void **state)
{
    (void)state;
    struct heard h = count(fleet.client);
    assert_in_range(h.counts.memory_bytes, 100000, 1000000000);
    assert_int_equal(h.counts.memory_max_bytes, 0);
    assert_true(h.counts.at > orb_now() - 60 && h.counts.at < orb_now() + 60);
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET maxmemory 500000000");
    h = count(fleet.client);
    assert_int_equal(h.counts.memory_max_bytes, 500000000);
}

static void over_many_queues(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 200 do redis.call('SADD', 'orbiter:queues', 'q' .. i) redis.call('ZADD', 'orbiter:index:q' .. i .. ':failed', 1, 'a') end"));
    expect_counts(0, 0, 0, 200, 0, 0);
}

static void a_viewer_may_count_and_a_refusal_is_told(void **state)
{
    (void)state;
    submit("a", "sim:", NULL);
    viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    struct heard h = count(viewer);
    assert_int_equal(h.code, 0);
    assert_int_equal(h.counts.by_status[ORB_STATUS_PENDING], 1);
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER viewer -zcard");
    assert_int_equal(count(viewer).code, ORB_E_REFUSED);
}

/* ---- queues ----------------------------------------------------------------- */

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t n, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    h->code = err ? err->code : 0;
    h->nqueues = n;
    if (n)
        h->queue = queues[n - 1];
}

static struct orb_queue_info look(const char *queue)
{
    struct heard h = { 0 };
    struct orb_error err;
    assert_int_equal(orb_fleet_queues(fleet.client, &(struct orb_queue_filter){ .queue = queue, .limit = 10 }, on_queues, &h, &err), 0);
    test_loop_until(fleet.loop, "the queue", test_is_set, &h.calls, 10000);
    assert_int_equal(h.code, 0);
    assert_int_equal(h.nqueues, 1);
    return h.queue;
}

/* The time in an entry's id, "1795461238951-0" or with a priority behind it. */
static double queued_at(const char *id)
{
    char *entry = test_redis_text(&fleet.redis, "HGET orbiter:task:%s entry_id", id);
    double at = (double)strtoll(entry, NULL, 10) / 1000;
    free(entry);
    return at;
}

static void the_oldest_that_waits(void **state)
{
    (void)state;
    test_submit(&fleet, &(struct test_task){ .id = "later", .model = "sim:", .queue = "q", .delay_seconds = 600 });
    assert_true(look("q").oldest_at == 0);
    submit("a", "sim:", "q");
    submit("b", "sim:", "q");
    assert_true(look("q").oldest_at == queued_at("a"));
    /* Given to somebody: not waiting any more. */
    free(test_redis_text(&fleet.redis, "XGROUP CREATE q q:group 0"));
    free(test_redis_text(&fleet.redis, "XREADGROUP GROUP q:group w COUNT 1 STREAMS q >"));
    assert_int_equal(look("q").depth, 1);
    assert_true(look("q").oldest_at == queued_at("b"));
    test_submit(&fleet, &(struct test_task){ .id = "urgent", .model = "sim:", .queue = "q", .priority = 9 });
    assert_true(look("q").oldest_at == queued_at("b"));
    free(test_redis_text(&fleet.redis, "XREADGROUP GROUP q:group w COUNT 1 STREAMS q >"));
    assert_true(look("q").oldest_at == queued_at("urgent"));
    free(test_redis_text(&fleet.redis, "DEL q:p9"));
    assert_int_equal(look("q").depth, 0);
    assert_true(look("q").oldest_at == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(of_all_states_and_queues),
        TEST(memory_and_time_are_those_of_redis),
        TEST(over_many_queues),
        TEST(a_viewer_may_count_and_a_refusal_is_told),
        TEST(the_oldest_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
