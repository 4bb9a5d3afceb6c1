/* Providers that break the rules or never come to an end, through a real worker: each task ends with a clear error or with the
 * next model of its chain, the worker takes little memory, and it goes on. */
#include "base/base.h"
#include "support/fake.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define MEMORY_KIB (64 * 1024) /* that all of this may take at most */

static struct test_fleet fleet;
static struct test_fake fake;
static struct test_child worker;

static int start(void **state)
{
    char openai[128], anthropic[128];
    (void)state;
    test_fleet_start(&fleet);
    test_fake_start(&fake);
    snprintf(openai, sizeof(openai), "OPENAI_BASE_URL=%s", fake.url);
    snprintf(anthropic, sizeof(anthropic), "ANTHROPIC_BASE_URL=%.*s", (int)(strlen(fake.url) - strlen("/v1")), fake.url);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "4"),
                      ARGS("OPENAI_API_KEY=sk-1", "ANTHROPIC_API_KEY=sk-2", openai, anthropic, "no_proxy=127.0.0.1"));
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

/* The most that the worker has had. (A sanitizer keeps what was freed: then it says nothing.) */
static long peak_kib(void)
{
    char path[64];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)worker.pid);
    char *text = test_file_read(path, NULL), *at = text ? strstr(text, "VmHWM:") : NULL;
    assert_non_null(at);
    sscanf(at, "VmHWM: %ld", &kib);
    free(text);
    return test_patience(1) > 1 ? 0 : kib;
}

static void expect_error_event(const char *id, const char *words)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id);
    const char *error = strstr(events, "\"type\": \"error\"");
    if (!error || !strstr(error, words) || !strstr(error, "\"recoverable\": true"))
        fail_msg("task %s: no recoverable error with '%s' in: %.2000s", id, words, events);
    free(events);
}

/* The second model says what the first one could not. */
static void the_next_model_goes_on(void **state)
{
    static const char *const bad[][2] = {
        { "nothing", "no reply from" }, { "no_http", "no reply from" }, { "head", "headers" }, { "header", "headers" }, { "continue", "headers" },
        { "trailers", "headers" }, { "chunk", "before the reply was complete" }, { "redirect", "redirects to" }, { "gzip", "compressed" }, { "page", "event stream" },
        { "blob", "event stream" }, { "garbage", "before the reply was complete" }, { "line", "over 1048576 bytes" }, { "event", "over 1048576 bytes" },
        { "deep", "nested deeper" }, { "values", "more values" }, { "last_event", "over 1048576 bytes" }, { "last_line", "over 1048576 bytes" },
    };
    long before = peak_kib();
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        char model[128];
        snprintf(model, sizeof(model), "openai:fake?bad=%s | anthropic:fake?tokens=2", bad[i][0]);
        test_submit(&fleet, &(struct test_task){ .id = bad[i][0], .model = model, .input = "hi" });
    }
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        test_wait_field(&fleet, bad[i][0], "status", "completed", 20000);
        test_expect_field(&fleet, bad[i][0], "result", "{\"output\": \"w1 w2\"}");
        test_expect_field(&fleet, bad[i][0], "attempt", "2");
        test_expect_field(&fleet, bad[i][0], "retries", "(nil)");
        expect_error_event(bad[i][0], bad[i][1]);
    }
    if (peak_kib() > before + MEMORY_KIB)
        fail_msg("the worker took %ld KiB", peak_kib() - before);
    test_worker_stop(&worker);
}

static void expect_failed(const char *id, const char *model, const char *words)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "hi" });
    test_wait_field(&fleet, id, "status", "failed", 20000);
    char *error = test_redis_text(&fleet.redis, "HGET orbiter:task:%s error", id);
    if (!strstr(error, words))
        fail_msg("%s: '%s' is not in '%s'", model, words, error);
    free(error);
}

/* The answer is ended by its first byte too many. */
static void answers_without_end(void **state)
{
    long before = peak_kib();
    (void)state;
    expect_failed("text", "openai:fake?endless=1&size=65536", "the model's answer is over a limit of this worker (8 MiB of text");
    json_t *end = test_fake_wait_end(&fake, "fake?endless=1&size=65536", 10000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
    expect_failed("other", "anthropic:fake?endless=1&size=65536", "over a limit of this worker");
    expect_failed("arguments", "openai:fake?tool=f&args_size=1900000", "1 MiB of arguments");
    expect_failed("call", "openai:fake?tool=f&calls=129&args={}", "more than 128 tool calls");
    test_submit(&fleet, &(struct test_task){ .id = "waiting", .model = "openai:fake?bad=comments", .input = "hi", .timeout_seconds = 1 });
    test_wait_field(&fleet, "waiting", "status", "retrying", 20000);
    expect_error_event("waiting", "Task timed out: the attempt ran longer than 1 s");
    test_submit(&fleet, &(struct test_task){ .id = "good", .model = "openai:fake?tokens=2", .input = "hi" });
    test_wait_field(&fleet, "good", "status", "completed", 10000);
    if (peak_kib() > before + 2 * MEMORY_KIB) /* what is under a limit is kept: text and events */
        fail_msg("the worker took %ld KiB", peak_kib() - before);
    test_worker_stop(&worker);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = { CASE(the_next_model_goes_on), CASE(answers_without_end) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
