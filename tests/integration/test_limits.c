/* The limits of an attempt: its time, the task's deadline, how long the model may be silent, and how much it may say. */
#include "base/base.h"
#include "support/fake.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;
static struct test_fake fake;

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "8"), NULL);
    return 0;
}

static int start_with_fake(void **state)
{
    (void)state;
    char base[128];
    test_fleet_start(&fleet);
    test_fake_start(&fake);
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", fake.url);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "8"), ARGS(base, "OPENAI_API_KEY=k"));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fake_stop(&fake);
    test_fleet_stop(&fleet);
    return 0;
}

struct submitted {
    int calls;
    struct orb_error err;
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitted *s = arg;
    s->calls++;
    if (err)
        s->err = *err;
    orb_task_handle_free(handle);
}

/* Limits are in the spec; a task is not tried again unless it says so. model: or the whole config. */
static void submit(const char *id, const char *model, struct orb_task_spec spec)
{
    char agent[256];
    struct orb_error err;
    struct submitted s = { 0 };
    snprintf(agent, sizeof agent, "{\"name\": \"bot\", \"model\": \"%s\"}", model);
    spec.agent_config = *model == '{' ? model : agent;
    spec.input = "hi";
    spec.input_len = 2;
    spec.task_id = id;
    if (spec.timeout_seconds <= 0)
        spec.timeout_seconds = -1;
    if (!spec.has_max_retries)
        spec.has_max_retries = 1;
    if (orb_distributed(fleet.client, &spec, on_submit, &s, &err))
        fail_msg("submit of %s: %s", id, err.text);
    test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
    if (s.err.code)
        fail_msg("submit of %s: %s", id, s.err.text);
}
#define SUBMIT(id, model, ...) submit(id, model, (struct orb_task_spec){ __VA_ARGS__ })

static void expect_failed(const char *id, const char *type, const char *error)
{
    test_wait_field(&fleet, id, "status", "failed", 15000);
    test_expect_field(&fleet, id, "error_type", type);
    test_expect_field(&fleet, id, "error", error);
}

static double field(const char *id, const char *name)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s %s", id, name);
    double value = atof(text);
    free(text);
    return value;
}

/* ---- silence ---------------------------------------------------------------- */

static void a_model_that_says_nothing(void **state)
{
    (void)state;
    SUBMIT("a", "sim:delay=600000", .first_token_timeout = 0.3);
    expect_failed("a", "APITimeoutError", "[sim:delay=600000] the model said nothing for 0.3 s (first_token_timeout)");
    assert_true(field("a", "completed_at") - field("a", "started_at") >= 0.3);
    test_expect_field(&fleet, "a", "attempt", "1");
    char *events = test_events(&fleet, "a");
    assert_string_equal(events, "error status:error");
    free(events);
}

static void a_model_that_falls_silent(void **state)
{
    (void)state;
    SUBMIT("a", "openai:fake?tokens=9&stall=3", .idle_timeout = 0.4);
    expect_failed("a", "APITimeoutError", "[openai:fake?tokens=9&stall=3] the model fell silent for 0.4 s (idle_timeout)");
    test_expect_field(&fleet, "a", "partial", "w1 w2 w3 ");
    json_t *end = test_fake_wait_end(&fake, "fake?tokens=9&stall=3", 5000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
    /* The first token is in time: the longer of both limits does not hold from then on. */
    SUBMIT("b", "openai:fake?tokens=9&stall=1", .first_token_timeout = 1000, .idle_timeout = 0.2);
    expect_failed("b", "APITimeoutError", "[openai:fake?tokens=9&stall=1] the model fell silent for 0.2 s (idle_timeout)");
    SUBMIT("c", "openai:fake?first=600000", .first_token_timeout = 0.2, .idle_timeout = 1000);
    expect_failed("c", "APITimeoutError", "[openai:fake?first=600000] the model said nothing for 0.2 s (first_token_timeout)");
    end = test_fake_wait_end(&fake, "fake?first=600000", 5000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
}

/* Reasoning is no silence, nor are the pauses between tokens that are short enough. */
static void a_model_that_keeps_talking(void **state)
{
    (void)state;
    SUBMIT("a", "openai:fake?reasoning=8&tokens=25&rate=10", .first_token_timeout = 10, .idle_timeout = 2);
    SUBMIT("b", "openai:fake?tokens=5&first=1800", .idle_timeout = 1.5); /* until the first token it may be silent */
    SUBMIT("c", "sim:tokens=3,rate=1", .first_token_timeout = 0.9);
    for (const char *id = "a\0b\0c\0"; *id; id += 2)
        test_wait_field(&fleet, id, "status", "completed", 20000);
    assert_true(field("a", "completed_at") - field("a", "started_at") > 2);
}

static void silence_is_tried_again(void **state)
{
    (void)state;
    SUBMIT("a", "sim:delay=600000", .first_token_timeout = 0.1, .has_max_retries = 1, .max_retries = 1);
    expect_failed("a", "APITimeoutError", "[sim:delay=600000] the model said nothing for 0.1 s (first_token_timeout)");
    test_expect_field(&fleet, "a", "attempt", "2");
    test_expect_field(&fleet, "a", "retries", "1");
}

static void a_cancel_goes_before_silence(void **state)
{
    (void)state;
    SUBMIT("a", "sim:delay=600000", .first_token_timeout = 300, .idle_timeout = 300);
    test_wait_field(&fleet, "a", "status", "running", 10000);
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:cancel:a cancel"));
    test_wait_field(&fleet, "a", "status", "cancelled", 10000);
}

/* ---- too much --------------------------------------------------------------- */

/* Without a limit of time: two streams are closed when all have said 8 MiB together, most of it another one. */
static void models_that_never_end(void **state)
{
    (void)state;
    SUBMIT("a", "{\"parallel\": true, \"flow\": \"(a | b | c)\", \"agents\": [{\"name\": \"a\", \"model\": \"openai:fake?endless=1&rate=100\"}, "
                "{\"name\": \"b\", \"model\": \"openai:fake?endless=1\"}, {\"name\": \"c\", \"model\": \"sim:tokens=1000000\"}]}");
    test_wait_field(&fleet, "a", "status", "failed", 60000);
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:a error");
    if (!strstr(text, "the model's answer is over a limit of this worker (8 MiB of text"))
        fail_msg("%s", text);
    free(text);
    for (int i = 0; i < 2; i++) {
        json_t *end = test_fake_wait_end(&fake, i ? "fake?endless=1&rate=100" : "fake?endless=1", 5000);
        assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
        json_decref(end);
    }
    SUBMIT("c", "sim:"); /* the worker goes on */
    test_wait_field(&fleet, "c", "status", "completed", 10000);
}

/* ---- the attempt, and the deadline ------------------------------------------- */

static void the_smaller_of_timeout_and_deadline(void **state)
{
    (void)state;
    SUBMIT("a", "sim:delay=600000", .timeout_seconds = 0.3, .deadline_seconds = 1000);
    SUBMIT("b", "sim:tokens=100000,rate=20", .timeout_seconds = 1000, .deadline_seconds = 3, .max_retries = 3, .has_max_retries = 1);
    expect_failed("a", "TimeoutError", "Task timed out: the attempt ran longer than 0.3 s (timeout_seconds)");
    test_wait_field(&fleet, "b", "status", "failed", 15000);
    test_expect_field(&fleet, "b", "error_type", "DeadlineError");
    test_expect_field(&fleet, "b", "attempt", "1"); /* that it may be tried again does not help */
    assert_true(field("b", "completed_at") >= field("b", "deadline") - 0.01);
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:b error");
    assert_non_null(strstr(text, "the task's deadline passed while it ran: this attempt had "));
    free(text);
    text = test_redis_text(&fleet.redis, "HGET orbiter:task:b partial");
    assert_non_null(strstr(text, "w1 w2 "));
    free(text);
}

static void a_deadline_holds_without_a_timeout(void **state)
{
    (void)state;
    struct submitted s = { 0 };
    struct orb_error err;
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\", \"model\": \"sim:delay=600000\"}", .task_id = "a", .timeout_seconds = 0,
                                  .deadline_seconds = 0.5 };
    assert_int_equal(orb_distributed(fleet.client, &spec, on_submit, &s, &err), 0);
    test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
    test_wait_field(&fleet, "a", "status", "failed", 15000);
    test_expect_field(&fleet, "a", "error_type", "DeadlineError");
}

/* Retries go on until the deadline, and no further. */
static void a_deadline_ends_the_retries(void **state)
{
    (void)state;
    SUBMIT("a", "sim:error=server@0", .deadline_seconds = 0.7, .has_max_retries = 1, .max_retries = 100);
    test_wait_field(&fleet, "a", "status", "failed", 15000);
    assert_true(field("a", "completed_at") < field("a", "deadline") + 10 * test_patience(1));
    assert_true(field("a", "retries") < 100);
}

static void no_retries_when_none_are_wanted(void **state)
{
    (void)state;
    SUBMIT("a", "sim:error=server@0", .has_max_retries = 1, .max_retries = 0);
    test_wait_field(&fleet, "a", "status", "failed", 15000);
    test_expect_field(&fleet, "a", "attempt", "1");
    test_expect_field(&fleet, "a", "retries", "(nil)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define TEST_WITH_FAKE(name) cmocka_unit_test_setup_teardown(name, start_with_fake, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_that_says_nothing),
        TEST_WITH_FAKE(models_that_never_end),
        TEST_WITH_FAKE(a_model_that_falls_silent),
        TEST_WITH_FAKE(a_model_that_keeps_talking),
        TEST(silence_is_tried_again),
        TEST(a_cancel_goes_before_silence),
        TEST(the_smaller_of_timeout_and_deadline),
        TEST(a_deadline_holds_without_a_timeout),
        TEST(a_deadline_ends_the_retries),
        TEST(no_retries_when_none_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
