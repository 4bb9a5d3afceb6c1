/* A worker while Redis is out of memory, away, or was not listening. */
#include "support/fleet.h"

#include <setjmp.h>
#include <signal.h>
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
    test_worker_start(&worker, &fleet, (const char *const[]){ "--worker-id", "w1", "--concurrency", "4", NULL }, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

static void submit(const char *id, const char *model)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "x", .detailed = 1 });
}

static int has_text(void *arg)
{
    return test_redis_int(&fleet.redis, "XLEN orbiter:stream:%s", arg) >= 3;
}

static int has_events(void *id)
{
    return test_redis_int(&fleet.redis, "XLEN orbiter:stream:%s", id) > 1;
}

static void wait_text(const char *id)
{
    char name[64];
    snprintf(name, sizeof name, "%s", id);
    test_wait_until("the first text", has_text, name, 10000);
}

/* The outcome is kept until Redis takes it. */
static void redis_is_out_of_memory(void **state)
{
    (void)state;
    submit("a", "sim:tokens=10,rate=50");
    wait_text("a");
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET maxmemory 1");
    test_child_expect(&worker, "OOM", 10000);
    test_expect_field(&fleet, "a", "status", "running");
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET maxmemory 0");
    test_wait_field(&fleet, "a", "status", "completed", 10000);
    test_expect_field(&fleet, "a", "attempt", "1");
    test_expect_drained(&fleet, "orbiter:tasks");
    test_worker_stop(&worker);
}

/* All connections but the one that claims: that one would look back at what is pending. */
static void break_connections(void)
{
    char *list = test_redis_text(&fleet.redis, "CLIENT LIST TYPE normal"), *rest = list, *line;
    int id, broken = 0;
    while ((line = strsep(&rest, "\n")))
        if (strstr(line, "name=orbiter-worker ") && !strstr(line, "cmd=xreadgroup") && sscanf(line, "id=%d ", &id) == 1)
            broken += (int)test_redis_int(&fleet.redis, "CLIENT KILL ID %d", id);
    free(list);
    assert_int_equal(broken, 1);
}

/* A task that has lost events goes back to the queue; refused, that is tried again while the worker lives. */
static void a_task_that_cannot_be_handed_back_is_handed_back_later(void **state)
{
    (void)state;
    submit("a", "sim:delay=2000,tokens=1");
    test_wait_field(&fleet, "a", "status", "running", 10000);
    test_wait_until("the first event to be stored", has_events, "a", 10000);
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET maxmemory 1");
    test_redis_int(&fleet.redis, "XTRIM orbiter:stream:a MAXLEN 0");
    break_connections();
    test_child_expect(&worker, "could not be handed back", 10000);
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET maxmemory 0");
    test_wait_field(&fleet, "a", "status", "completed", 15000);
    test_expect_field(&fleet, "a", "attempt", "2");
    test_redis_expect(&fleet.redis, "(nil)", "HGET orbiter:task:a recoveries");
    test_expect_drained(&fleet, "orbiter:tasks");
    test_worker_stop(&worker);
}

/* The scripts write all or nothing: a begin that is refused leaves the entry. */
static void a_task_that_cannot_be_begun_is_begun_later(void **state)
{
    (void)state;
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER default -evalsha");
    free(test_redis_text(&fleet.redis, "XADD orbiter:tasks * payload %s",
                         "{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\", \"model\": \"sim:\"}}"));
    test_child_expect(&worker, "NOPERM", 10000);
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER default +evalsha");
    test_wait_field(&fleet, "a", "status", "completed", 15000);
    test_worker_stop(&worker);
}

static int has_partial(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "HEXISTS orbiter:task:a partial") == 1;
}

/* The message is lost: the flag counts as soon as it listens again. */
static void a_cancel_while_it_does_not_listen(void **state)
{
    (void)state;
    submit("a", "sim:tokens=100000,rate=20");
    wait_text("a");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status cancelled"));
    assert_int_equal(test_redis_int(&fleet.redis, "CLIENT KILL TYPE pubsub"), 1);
    test_child_expect(&worker, "listening for cancels", 5000);
    test_wait_until("the end of the task", has_partial, NULL, 10000);
    test_expect_field(&fleet, "a", "status", "cancelled");
    test_worker_stop(&worker);
}

static void redis_is_gone_at_the_end(void **state)
{
    (void)state;
    test_redis_kill(&fleet.redis);
    test_child_expect(&worker, "WARNING", 5000);
    test_child_signal(&worker, SIGTERM);
    assert_int_equal(test_child_wait(&worker, 15000), 0);
}

static void redis_is_gone_at_the_end_and_tasks_run(void **state)
{
    (void)state;
    submit("a", "sim:tokens=100000,rate=20");
    wait_text("a");
    test_redis_kill(&fleet.redis);
    test_child_expect(&worker, "WARNING", 5000);
    test_child_signal(&worker, SIGTERM);
    test_child_expect(&worker, "draining", 5000);
    test_child_signal(&worker, SIGTERM);
    assert_int_equal(test_child_wait(&worker, 15000), 0);
    char *output = test_child_output(&worker);
    assert_non_null(strstr(output, "1 tasks stay pending on w1"));
    free(output);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(redis_is_out_of_memory),
        TEST(a_task_that_cannot_be_handed_back_is_handed_back_later),
        TEST(a_task_that_cannot_be_begun_is_begun_later),
        TEST(a_cancel_while_it_does_not_listen),
        TEST(redis_is_gone_at_the_end),
        TEST(redis_is_gone_at_the_end_and_tasks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
