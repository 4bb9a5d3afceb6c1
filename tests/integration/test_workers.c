/* Lists of workers for who asks again and again: those that live, those that are lost, those of Python. */
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
    char text[4096];               /* "id:lost:pending:queue" */
    struct orb_worker_info last;   /* without its texts */
};

static void on_workers(void *arg, const struct orb_worker_info *w, size_t count, const struct orb_error *err)
{
    struct heard *h = arg;
    h->calls++;
    h->code = err ? err->code : 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(h->text);
        snprintf(h->text + n, sizeof h->text - n, "%s%s:%s:%d:%s", n ? " " : "", w[i].id, w[i].is_lost ? "lost" : w[i].is_alive ? "lives" : "?", (int)w[i].pending, w[i].queue);
        h->last = w[i];
    }
}

static struct heard list_of(struct orb_client *client)
{
    struct heard h = { 0 };
    assert_int_equal(orb_watch_workers(client, on_workers, &h), 0);
    assert_int_equal(h.calls, 0);
    test_loop_until(fleet.loop, "the workers", test_is_set, &h.calls, 10000);
    assert_int_equal(h.code, 0);
    return h;
}

static void expect(const char *expected)
{
    struct heard h = list_of(fleet.client);
    assert_string_equal(h.text, expected);
}

static void start_worker(const char *id, const char *queue)
{
    test_worker_start(&worker, &fleet, (const char *const[]){ "--worker-id", id, "--queue", queue, "--concurrency", "3", NULL }, NULL);
}

static int has_lease(void *id)
{
    return test_redis_int(&fleet.redis, "EXISTS orbiter:lease:%s", id) == 1;
}

static int has_no_lease(void *id)
{
    return !has_lease(id);
}

static void one_that_lives(void **state)
{
    (void)state;
    expect("");
    start_worker("w1", "parked");
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:delay=60000", .queue = "parked" });
    test_submit(&fleet, &(struct test_task){ .id = "b", .model = "sim:delay=60000", .queue = "parked", .priority = 9 });
    test_wait_field(&fleet, "a", "status", "running", 10000);
    test_wait_field(&fleet, "b", "status", "running", 10000);
    struct heard h = list_of(fleet.client);
    assert_string_equal(h.text, "w1:lives:2:parked");
    assert_int_equal(h.last.concurrency, 3);
    assert_in_range(h.last.lease_ms, 1, 3000);
    assert_true(h.last.lost_since == 0);
}

/* How many commands it takes says what it costs: not the keyspace, but for one piece of it. */
static void it_costs_the_workers_and_not_the_tasks(void **state)
{
    (void)state;
    static const char scans[] = "return redis.call('INFO', 'commandstats'):match('cmdstat_scan:calls=(%d+)')";
    start_worker("w1", "orbiter:tasks");
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 50000 do redis.call('SET', 'orbiter:payload:' .. i, 1) end"));
    expect("w1:lives:0:orbiter:tasks");
    long long before = test_redis_int(&fleet.redis, "EVAL %s 0", scans);
    expect("w1:lives:0:orbiter:tasks");
    expect("w1:lives:0:orbiter:tasks");
    assert_int_equal(test_redis_int(&fleet.redis, "EVAL %s 0", scans) - before, 2);
}

static void one_that_died_is_lost_with_what_it_held(void **state)
{
    (void)state;
    start_worker("w1", "orbiter:tasks");
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:delay=60000" });
    test_wait_field(&fleet, "a", "status", "running", 10000);
    double before = orb_now();
    test_child_kill(&worker);
    test_wait_until("the lease to run out", has_no_lease, "w1", 10000);
    struct heard h = list_of(fleet.client);
    assert_string_equal(h.text, "w1:lost:1:orbiter:tasks");
    assert_int_equal(h.last.lease_ms, 0);
    assert_true(h.last.lost_since > before - 3 && h.last.lost_since < orb_now());
    double since = h.last.lost_since;
    /* Also when its heartbeat is gone. */
    free(test_redis_text(&fleet.redis, "DEL orbiter:workers:w1"));
    h = list_of(fleet.client);
    assert_string_equal(h.text, "w1:lost:1:orbiter:tasks");
    assert_true(h.last.lost_since == since);
    assert_int_equal(h.last.is_alive, 0);
    /* Another one takes over what it held; for some minutes it is still told. */
    start_worker("w2", "orbiter:tasks");
    test_wait_field(&fleet, "a", "worker_id", "w2", 20000);
    expect("w1:lost:0:orbiter:tasks w2:lives:1:orbiter:tasks");
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "redis.call('ZADD', 'orbiter:tasks:leased', redis.call('TIME')[1] * 1000 - 601000, 'w1')"));
    expect("w2:lives:1:orbiter:tasks");
}

static void one_that_ended_is_not_listed(void **state)
{
    (void)state;
    start_worker("w1", "orbiter:tasks");
    expect("w1:lives:0:orbiter:tasks");
    test_worker_stop(&worker);
    expect("");
}

static void python_workers(void **state)
{
    (void)state;
    /* One that beats and has been given nothing; one that is busy; one whose heart has stopped, with a task and without. */
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:p1 status running last_heartbeat %s", "99999999999.5"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:p2 status running last_heartbeat %s", "99999999999.5"));
    free(test_redis_text(&fleet.redis, "XGROUP CREATE orbiter:tasks orbiter:tasks:group 0 MKSTREAM"));
    for (int i = 2; i <= 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        char *entry = test_redis_text(&fleet.redis, "XADD orbiter:tasks * payload x");
        free(test_redis_text(&fleet.redis, "XREADGROUP GROUP orbiter:tasks:group %s COUNT 1 STREAMS orbiter:tasks >", name));
        if (i == 4)
            free(test_redis_text(&fleet.redis, "XACK orbiter:tasks orbiter:tasks:group %s", entry));
        free(entry);
    }
    struct heard h = list_of(fleet.client);
    assert_string_equal(h.text, "p1:lives:0: p2:lives:1:orbiter:tasks p3:lost:1:orbiter:tasks");
    assert_true(h.last.lost_since > orb_now() - 60 && h.last.lost_since <= orb_now());
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:p1 last_heartbeat 5.5"));
    h = list_of(fleet.client);
    assert_non_null(strstr(h.text, "p1:lost:0:"));
}

/* Piece by piece, and then from memory while the search rests. */
static void a_python_worker_among_many_keys_is_found_in_the_end(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 20000 do redis.call('SET', 'orbiter:payload:' .. i, 1) end"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:p1 status running last_heartbeat %s", "99999999999.5"));
    int calls = 0;
    while (!*list_of(fleet.client).text)
        assert_true(++calls < 20);
    for (int i = 0; i < 20; i++)
        expect("p1:lives:0:");
    free(test_redis_text(&fleet.redis, "DEL orbiter:workers:p1"));
    expect("");
}

static void a_viewer_may_ask(void **state)
{
    (void)state;
    start_worker("w1", "orbiter:tasks");
    test_wait_until("the lease", has_lease, "w1", 10000);
    viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    struct heard h = list_of(viewer);
    assert_string_equal(h.text, "w1:lives:0:orbiter:tasks");
    test_redis_expect(&fleet.redis, "", "ACL LOG");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(one_that_lives),
        TEST(it_costs_the_workers_and_not_the_tasks),
        TEST(one_that_died_is_lost_with_what_it_held),
        TEST(one_that_ended_is_not_listed),
        TEST(python_workers),
        TEST(a_python_worker_among_many_keys_is_found_in_the_end),
        TEST(a_viewer_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
