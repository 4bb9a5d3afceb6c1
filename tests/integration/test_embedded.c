/* The Worker inside this process, as orbiter/worker.h has it. */
#include "support/fleet.h"
#include <orbiter/worker.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct orb_worker *worker;

/* What the callbacks said. */
static char done_calls[1024], log_lines[8192];
static int calls, has_ended, must_free_in_callback, max_level;
static struct orb_error end_err;

static void on_task_done(void *arg, const char *id, enum orb_status status, const char *output, const char *error)
{
    (void)arg;
    calls++;
    size_t n = strlen(done_calls);
    snprintf(done_calls + n, sizeof done_calls - n, "%s%s %s '%s'%s", n ? "; " : "", id, orb_status_word(status), output, *error ? " error" : "");
    if (must_free_in_callback) {
        orb_worker_free(worker);
        worker = NULL;
    }
}

static void on_log(void *arg, int level, const char *line)
{
    (void)arg;
    if (level > max_level)
        max_level = level;
    size_t n = strlen(log_lines);
    snprintf(log_lines + n, sizeof log_lines - n, "%s\n", line);
}

static void on_end(void *arg, const struct orb_error *err)
{
    (void)arg;
    has_ended++;
    if (err)
        end_err = *err;
}

static int start(void **state)
{
    (void)state;
    calls = has_ended = must_free_in_callback = max_level = 0;
    done_calls[0] = log_lines[0] = '\0';
    memset(&end_err, 0, sizeof end_err);
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_worker_free(worker);
    worker = NULL;
    test_fleet_stop(&fleet);
    return 0;
}

static void start_worker_at(const char *url, int concurrency)
{
    struct orb_error err;
    struct orb_worker_options options = { .redis.url = url, .worker_id = "w1", .concurrency = concurrency };
    if (orb_worker_new(fleet.loop, &options, &worker, &err))
        fail_msg("%s", err.text);
    orb_worker_on_task_done(worker, on_task_done, NULL);
    orb_worker_on_log(worker, on_log, NULL);
    assert_int_equal(orb_worker_start(worker, on_end, NULL), 0);
    assert_int_equal(has_ended, 0); /* never inside the call */
}

static void submit(const char *id, const char *model)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "Say this", .detailed = 1 });
}

static int calls_are(void *arg)
{
    return calls >= *(int *)arg;
}

static void wait_calls(int count)
{
    test_loop_until(fleet.loop, "on_task_done", calls_are, &count, 10000);
}

static int is_running(void *arg)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s status", arg);
    int is = !strcmp(text, "running");
    free(text);
    return is;
}

static void wait_running(const char *id)
{
    char name[64];
    snprintf(name, sizeof name, "%s", id);
    test_loop_until(fleet.loop, "the task to run", is_running, name, 10000);
}

static void wait_end(void)
{
    test_loop_until(fleet.loop, "the worker's end", test_is_set, &has_ended, 10000);
    assert_int_equal(has_ended, 1);
}

static void every_attempt_is_told(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 1);
    assert_string_equal(orb_worker_id(worker), "w1");
    submit("a", "sim:");
    submit("b", "sim:error=auth@1,tokens=3");
    wait_calls(2);
    submit("c", "sim:error=server");
    wait_calls(3);
    /* "retrying" gives its slot back. */
    submit("d", "sim:");
    wait_calls(4);
    char *rest = done_calls;
    assert_string_equal(strsep(&rest, ";"), "a completed 'Say this'");
    const char *second = strsep(&rest, ";");
    assert_memory_equal(second, " b failed '", 11);
    assert_non_null(strstr(second, "error"));
    assert_string_equal(strsep(&rest, ";"), " c retrying '' error");
    orb_worker_drain(worker);
    wait_end();
    assert_int_equal(end_err.code, 0);
    assert_non_null(strstr(log_lines, "worker w1 serves queue orbiter:tasks with 1 slots"));
    assert_null(strchr(log_lines, '\x1b'));
}

static void a_drain_waits_for_what_runs(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 2);
    submit("a", "sim:tokens=10,rate=40");
    wait_running("a");
    orb_worker_drain(worker);
    wait_end();
    assert_int_equal(calls, 1);
    test_expect_field(&fleet, "a", "status", "completed");
}

static void a_second_drain_hands_back(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 2);
    submit("a", "sim:tokens=1000,rate=10");
    submit("b", "sim:delay=600000");
    wait_running("a");
    wait_running("b");
    orb_worker_drain(worker);
    orb_worker_drain(worker);
    orb_worker_drain(worker);
    wait_end();
    assert_int_equal(end_err.code, 0);
    assert_int_equal(calls, 2);
    assert_non_null(strstr(done_calls, "a pending"));
    assert_non_null(strstr(done_calls, "b pending"));
    test_expect_field(&fleet, "a", "status", "pending");
    test_expect_field(&fleet, "b", "status", "pending");
    test_redis_expect(&fleet.redis, "2", "XLEN orbiter:tasks");
}

static void a_drain_before_it_serves(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 1);
    orb_worker_drain(worker);
    wait_end();
    assert_int_equal(end_err.code, 0);
}

static void freed_while_tasks_run(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 4);
    submit("a", "sim:tokens=1000,rate=10");
    submit("b", "sim:delay=600000");
    wait_running("a");
    wait_running("b");
    orb_worker_free(worker);
    worker = NULL;
    for (int i = 0; i < 5; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(calls, 0);
    test_expect_field(&fleet, "a", "status", "running"); /* as after a crash: pending on it */
}

static void freed_inside_its_callback(void **state)
{
    (void)state;
    start_worker_at(fleet.redis.url, 4);
    must_free_in_callback = 1;
    submit("long", "sim:tokens=1000,rate=10");
    wait_running("long");
    submit("a", "sim:");
    wait_calls(1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(has_ended, 0);
}

static void freed_before_it_started(void **state)
{
    (void)state;
    struct orb_error err;
    struct orb_worker_options options = { .redis.url = fleet.redis.url, .concurrency = 1 };
    assert_int_equal(orb_worker_new(fleet.loop, &options, &worker, &err), 0);
    assert_int_equal(orb_id_is_valid(orb_worker_id(worker)), 1);
    orb_worker_free(worker);
    worker = NULL;
    orb_worker_free(NULL);
}

static void a_start_that_cannot_be_tells_why(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "redis://u:open-sesame@127.0.0.1:%d", test_free_port());
    start_worker_at(url, 1);
    wait_end();
    assert_int_equal(end_err.code, ORB_E_UNREACHABLE);
    assert_null(strstr(end_err.text, "open-sesame"));
    orb_worker_free(worker);
    worker = NULL;
    has_ended = 0;
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET requirepass x");
    start_worker_at(fleet.redis.url, 1);
    wait_end();
    assert_int_equal(end_err.code, ORB_E_REFUSED);
}

static void wrong_options_are_refused_at_once(void **state)
{
    (void)state;
    const struct { struct orb_worker_options options; int code; } bad[] = {
        { { .redis.url = fleet.redis.url, .concurrency = 0 }, ORB_E_USAGE },
        { { .redis.url = fleet.redis.url, .concurrency = ORB_CONCURRENCY_MAX + 1 }, ORB_E_USAGE },
        { { .redis.url = fleet.redis.url, .concurrency = 1, .worker_id = "a b" }, ORB_E_USAGE },
        { { .redis.url = fleet.redis.url, .concurrency = 1, .worker_id = "" }, ORB_E_USAGE },
        { { .redis.url = fleet.redis.url, .concurrency = 1, .queue = "orbiter:x" }, ORB_E_USAGE },
        { { .redis.url = fleet.redis.url, .redis.ns = "a b", .concurrency = 1 }, ORB_E_USAGE },
        { { .concurrency = 1 }, ORB_E_CONFIG },
        { { .redis.url = "http://x", .concurrency = 1 }, ORB_E_CONFIG },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_error err = { 0 };
        assert_int_equal(orb_worker_new(fleet.loop, &bad[i].options, &worker, &err), bad[i].code);
        assert_int_not_equal(err.text[0], '\0');
        assert_null(worker);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(every_attempt_is_told),
        TEST(a_drain_waits_for_what_runs),
        TEST(a_second_drain_hands_back),
        TEST(a_drain_before_it_serves),
        TEST(freed_while_tasks_run),
        TEST(freed_inside_its_callback),
        TEST(freed_before_it_started),
        TEST(a_start_that_cannot_be_tells_why),
        TEST(wrong_options_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
