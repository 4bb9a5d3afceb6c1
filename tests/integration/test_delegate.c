/* Kind delegate through a real worker: agents that are tools of other agents. */
#include "base/base.h"
#include "event/event.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void put(const char *folder, const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_file_write(path, text);
}

/* more: members of the tool file behind a comma, or "". */
static void put_delegate(const char *folder, const char *name, const char *agent, const char *more)
{
    char file[64], text[1024];
    snprintf(file, sizeof file, "%s.json", name);
    snprintf(text, sizeof text, "{\"name\": \"%s\", \"description\": \"Asks.\", \"kind\": \"delegate\", \"agent\": %s%s}", name, agent, more);
    put(folder, file, text);
}

static int start(void **state)
{
    char tools[TEST_PATH_MAX + 64], setting[TEST_PATH_MAX + 128];
    (void)state;
    test_fleet_start(&fleet);
    snprintf(tools, sizeof tools, "%s/tools", fleet.redis.dir);
    assert_int_equal(mkdir(tools, 0700), 0);
    put(tools, "echo.json", "{\"name\": \"echo\", \"description\": \"Says it back.\", \"kind\": \"exec\", \"argv\": [\"cat\"], \"parameters\": {\"type\": \"object\"}}");
    put_delegate(tools, "ask", "{\"name\": \"expert\", \"model\": \"sim:say=forty+two\"}", "");
    put_delegate(tools, "look", "{\"name\": \"looker\", \"model\": \"sim:tool=echo,arg=text,say=seen\", \"tools\": [\"echo\"]}", "");
    put_delegate(tools, "fail", "{\"name\": \"failer\", \"model\": \"sim:tokens=9,error=auth@3\"}", "");
    put_delegate(tools, "chain", "{\"name\": \"chained\", \"model\": \"sim:tokens=9,error=overloaded@2 | sim:say=went+on\"}", "");
    put_delegate(tools, "deep", "{\"name\": \"deep\", \"model\": \"sim:tool=deep,arg=task,say=up\", \"tools\": [\"deep\"]}", "");
    put_delegate(tools, "slow", "{\"name\": \"slow\", \"model\": \"sim:delay=60000\"}", "");
    put_delegate(tools, "short", "{\"name\": \"slow\", \"model\": \"sim:delay=60000\"}", ", \"timeout_seconds\": 0.3");
    put_delegate(tools, "unbound", "{\"name\": \"poor\", \"model\": \"sim:\", \"tools\": [\"other.fn\"]}", "");
    put_delegate(tools, "both", "{\"agents\": [{\"name\": \"one\", \"model\": \"sim:say=first\"}, {\"name\": \"two\", \"model\": \"sim:\"}], \"flow\": \"one >> two\"}", "");
    put(fleet.redis.dir, "prices.txt", "sim:say 1000000 1000000 0 0\nsim:tool 0 0 0 0\n");
    snprintf(setting, sizeof setting, "ORBITER_PRICES=%s/prices.txt", fleet.redis.dir);
    test_worker_start(&worker, &fleet, ARGS("--concurrency", "8", "--tools", tools), ARGS(setting));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

/* A bot that calls the tool with the input, and then says done. */
static void submit(const char *id, const char *tool, const char *more)
{
    char config[512];
    snprintf(config, sizeof config, "{\"name\": \"bot\", \"model\": \"sim:tool=%s,arg=task,say=done\", \"tools\": [\"%s\"]%s}", tool, tool, more);
    test_submit(&fleet, &(struct test_task){ .id = id, .config = config, .input = "what is it", .detailed = 1 });
}

static void wait_status(const char *id, const char *status)
{
    test_wait_field(&fleet, id, "status", status, 20000);
}

static void expect_in(const char *id, const char *text_take, const char *wanted)
{
    if (!strstr(text_take, wanted))
        fail_msg("%s: '%s' is not in: %s", id, wanted, text_take);
    free((char *)(uintptr_t)text_take);
}

static void expect_event(const char *id, const char *wanted)
{
    expect_in(id, test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id), wanted);
}

static void expect_field(const char *id, const char *field, const char *wanted)
{
    expect_in(id, test_redis_text(&fleet.redis, "HGET orbiter:task:%s %s", id, field), wanted);
}

static void another_agent_answers(void **state)
{
    (void)state;
    submit("a", "ask", "");
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"done\"}");
    char *events = test_events(&fleet, "a");
    assert_string_equal(events, "status:starting step:started usage tool_call status:starting step:started text usage step:completed tool_result step:completed "
                                "step:started text usage step:completed status:completed");
    free(events);
    expect_event("a", "{\"type\": \"text\", \"text\": \"forty");
    expect_event("a", "\"message\": \"Agent 'expert' starting execution\"");
    expect_event("a", "\"result\": \"forty two\", \"error\": null, \"success\": true");
    /* What it has used is the task's: three words in and two out, for a dollar each. */
    expect_field("a", "usage", "\"cost\": 5.0}");
    submit("b", "both", "");
    wait_status("b", "completed");
    expect_event("b", "\"result\": \"first\", \"error\": null, \"success\": true");
    submit("c", "look", "");
    wait_status("c", "completed");
    expect_event("c", "\"result\": \"{\\\"text\\\": \\\"what is it\\\"}");
    expect_event("c", "\"result\": \"seen\", \"error\": null, \"success\": true");
}

static void its_failure_is_the_calls(void **state)
{
    (void)state;
    submit("a", "fail", "");
    wait_status("a", "completed");
    expect_event("a", "\"error_type\": \"ModelError\", \"agent_name\": \"failer\", \"step_number\": 1, \"recoverable\": true");
    expect_event("a", "\"error\": \"Tool 'fail' failed: [sim:tokens=9,error=auth@3] sim: the error that the model string asks for, after 3 tokens\"");
    test_expect_field(&fleet, "a", "attempt", "1");
    submit("b", "unbound", "");
    wait_status("b", "completed");
    expect_event("b", "Tool 'unbound' failed: tool 'other.fn': no tool file of this worker binds it; put a file");
    submit("c", "short", "");
    wait_status("c", "completed");
    expect_event("c", "\"error\": \"Tool 'short' took more than 0.3 s and was stopped\"");
    /* Four of them, one below the other; the last one is told that it cannot. */
    submit("d", "deep", "");
    wait_status("d", "completed");
    expect_event("d", "Tool 'deep' failed: agents that are tools of each other are nested over 4 deep");
    test_expect_field(&fleet, "d", "result", "{\"output\": \"done\"}");
}

/* As everywhere: the task takes its next attempt, whose events begin with what stands. */
static void its_chain_moves_on(void **state)
{
    (void)state;
    submit("a", "chain", "");
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "attempt", "2");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    char *events = test_events(&fleet, "a");
    assert_string_equal(events, "status:starting step:started usage tool_call status:starting step:started text error "
                                "| status:running step:started text usage step:completed tool_result step:completed step:started text usage step:completed status:completed");
    free(events);
    expect_event("a", "\"result\": \"went on\", \"error\": null, \"success\": true");
}

static void the_tasks_limits_hold(void **state)
{
    (void)state;
    submit("a", "ask", ", \"max_cost\": 4.5");
    wait_status("a", "failed");
    test_expect_field(&fleet, "a", "error", "the task has cost $5.000000, and max_cost is $4.5; raise it, or ask for less");
    /* A model without a price is not asked at all, then. */
    submit("b", "slow", ", \"max_cost\": 4.5");
    wait_status("b", "completed");
    expect_event("b", "Tool 'slow' failed: max_cost is set, and there is no price for the model 'sim:delay=60000'");
}

static int is_asked(void *arg)
{
    char *events = test_events(&fleet, arg);
    int count = 0;
    for (const char *p = events; (p = strstr(p, "step:started")); p++)
        count++;
    free(events);
    return count == 2;
}

static void a_cancel_ends_all(void **state)
{
    (void)state;
    submit("a", "slow", "");
    test_wait_until("the delegate to be asked", is_asked, "a", 10000);
    test_redis_int(&fleet.redis, "PUBLISH orbiter:cancel:a cancel");
    wait_status("a", "cancelled");
    test_expect_drained(&fleet, "orbiter:tasks");
    test_worker_stop(&worker);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(another_agent_answers), CASE(its_failure_is_the_calls), CASE(its_chain_moves_on), CASE(the_tasks_limits_hold), CASE(a_cancel_ends_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
