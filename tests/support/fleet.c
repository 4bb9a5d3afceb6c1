#include "support/fleet.h"
#include "event/event.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void test_fleet_start(struct test_fleet *fleet)
{
    struct orb_error err;
    test_redis_start(&fleet->redis);
    fleet->loop = orb_loop_new();
    assert_non_null(fleet->loop);
    if (orb_client_new(fleet->loop, &(struct orb_redis_options){ .url = fleet->redis.url }, &fleet->client, &err))
        fail_msg("%s", err.text);
}

void test_fleet_stop(struct test_fleet *fleet)
{
    orb_client_free(fleet->client);
    orb_loop_free(fleet->loop);
    test_redis_stop(&fleet->redis);
    fleet->client = NULL;
    fleet->loop = NULL;
}

void test_loop_until(struct orb_loop *loop, const char *what, int (*ready)(void *arg), void *arg, int timeout_ms)
{
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    while (!ready(arg)) {
        if (test_now_ms() > deadline)
            fail_msg("waited %d ms for: %s", test_patience(timeout_ms), what);
        assert_int_equal(orb_loop_turn(loop, 5), 0);
    }
}

int test_is_set(void *arg)
{
    return *(int *)arg;
}

struct line {
    int is_done;
    char format[8192];         /* for test_redis_text: each % twice */
};

static void on_line(void *arg, const char *text, const struct orb_error *err)
{
    struct line *line = arg;
    size_t n = (size_t)snprintf(line->format, sizeof line->format, "ACL SETUSER ");
    line->is_done = 1;
    for (text = err ? "" : text + strlen("user "); *text && n < sizeof line->format - 8; text++) {
        line->format[n++] = *text;
        if (*text == '%')
            line->format[n++] = '%';
    }
    strcpy(line->format + n, " >pw");
}

struct orb_client *test_client_as(struct test_fleet *fleet, enum orb_acl_role role, const char *name)
{
    struct line line = { 0 };
    struct orb_client *client;
    struct orb_error err;
    char url[TEST_PATH_MAX + 256];
    assert_int_equal(orb_acl_line(fleet->client, &(struct orb_acl_spec){ .role = role, .user = name }, on_line, &line, &err), 0);
    test_loop_until(fleet->loop, "the line of an ACL", test_is_set, &line.is_done, 10000);
    test_redis_expect(&fleet->redis, "OK", line.format);
    snprintf(url, sizeof url, "unix://%s:pw@%s", name, fleet->redis.socket);
    assert_int_equal(orb_client_new(fleet->loop, &(struct orb_redis_options){ .url = url }, &client, &err), 0);
    return client;
}

struct submit {
    int is_done;
    struct orb_error err;
};

/* A test may not fail in here: it would leave the loop in the middle of a turn. */
static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submit *submit = arg;
    submit->is_done = 1;
    if (err)
        submit->err = *err;
    orb_task_handle_free(handle);
}

static void agent_config(char out[512], const char *model)
{
    snprintf(out, 512, "{\"name\": \"bot\", \"model\": \"%s\"}", model);
}

void test_submit(struct test_fleet *fleet, const struct test_task *task)
{
    char config[512];
    struct submit submit = { 0 };
    struct orb_error err;
    agent_config(config, task->model ? task->model : "sim:");
    struct orb_task_spec spec = {
        .agent_config = task->config ? task->config : config, .input = task->input, .input_len = task->input ? strlen(task->input) : 0, .task_id = task->id,
        .queue = task->queue, .detailed = task->detailed, .timeout_seconds = task->timeout_seconds > 0 ? task->timeout_seconds : -1,
        .has_priority = task->priority > 0, .priority = task->priority, .delay_seconds = task->delay_seconds,
    };
    if (orb_distributed(fleet->client, &spec, on_submitted, &submit, &err))
        fail_msg("submit: %s", err.text);
    test_loop_until(fleet->loop, "the submit", test_is_set, &submit.is_done, 10000);
    if (submit.err.code)
        fail_msg("submit: %s", submit.err.text);
}

void test_submit_plain(const struct test_fleet *fleet, const char *id, const char *model)
{
    char config[512], payload[1024];
    agent_config(config, model);
    snprintf(payload, sizeof payload, "{\"task_id\": \"%s\", \"agent_config\": %s, \"input\": \"hi\", \"messages\": [], \"model\": null, \"detailed\": true, "
             "\"metadata\": {}, \"created_at\": 1795461238.71, \"timeout_seconds\": 300.0}", id, config);
    free(test_redis_text(&fleet->redis, "XADD orbiter:tasks * payload %s", payload));
}

struct wait {
    const struct test_fleet *fleet;
    const char *id, *name, *value;
};

static int field_is(void *arg)
{
    struct wait *w = arg;
    char *text = test_redis_text(&w->fleet->redis, "HGET orbiter:task:%s %s", w->id, w->name);
    int is_equal = !strcmp(text, w->value);
    free(text);
    return is_equal;
}

void test_wait_field(const struct test_fleet *fleet, const char *id, const char *name, const char *value, int timeout_ms)
{
    char what[256];
    snprintf(what, sizeof what, "%s of task %s to be %s", name, id, value);
    test_wait_until(what, field_is, &(struct wait){ fleet, id, name, value }, timeout_ms);
}

void test_expect_field(const struct test_fleet *fleet, const char *id, const char *name, const char *value)
{
    test_redis_expect(&fleet->redis, value, "HGET orbiter:task:%s %s", id, name);
}

int test_repeats = -1;

static void add_event(char *out, const char *json, int64_t *attempt, int64_t *seq)
{
    static const char *const names[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage" };
    struct orb_event e;
    json_t *root;
    struct orb_error err;
    if (orb_event_read(json, strlen(json), &e, &root, &err))
        fail_msg("%s: %s", json, err.text);
    assert_in_range(e.type, 0, ORB_EVENT_USAGE);
    size_t n = strlen(out);
    if (e.attempt > *attempt) {
        n += (size_t)sprintf(out + n, "%s", *attempt ? " |" : "");
        *attempt = e.attempt;
        *seq = 0;
    }
    if (test_repeats >= 0 && e.seq && e.seq <= *seq && e.attempt == *attempt) {
        test_repeats++;
        json_decref(root);
        return;
    }
    if (e.seq != ++*seq || (e.attempt && e.attempt != *attempt))
        fail_msg("seq %d of attempt %d is at the place of seq %d of attempt %d", (int)e.seq, (int)e.attempt, (int)*seq, (int)*attempt);
    int was_text = n >= 4 && !strcmp(out + n - 4, "text");
    if (e.type != ORB_EVENT_TEXT || !was_text)
        n += (size_t)sprintf(out + n, "%s%s", n ? " " : "", names[e.type]);
    if (e.type == ORB_EVENT_STATUS || e.type == ORB_EVENT_STEP)
        sprintf(out + n, ":%s", e.word);
    json_decref(root);
}

char *test_events(const struct test_fleet *fleet, const char *id)
{
    int64_t attempt = 0, seq = 0;
    char *text = test_redis_text(&fleet->redis, "XRANGE orbiter:stream:%s - +", id), *rest = text, *line;
    char *out = calloc(1, strlen(text) + 64);
    assert_non_null(out);
    while ((line = strsep(&rest, "\n")))
        if (*line == '{')
            add_event(out, line, &attempt, &seq);
    free(text);
    return out;
}

void test_expect_drained(const struct test_fleet *fleet, const char *queue)
{
    test_redis_expect(&fleet->redis, "0", "XLEN %s", queue);
    char *text = test_redis_text(&fleet->redis, "XPENDING %s %s:group", queue, queue);
    assert_string_equal(text, "0\n(nil)\n(nil)\n(nil)");
    free(text);
}

void test_worker_start(struct test_child *child, const struct test_fleet *fleet, const char *const args[], const char *const env[])
{
    char program[TEST_PATH_MAX];
    const char *argv[24] = { program, "--redis-url", fleet->redis.url };
    int n = 3;
    test_build_path("orbiter-worker", program);
    for (; args && *args; args++)
        argv[n++] = *args;
    test_child_start(child, fleet->redis.dir, argv, env);
    test_child_expect(child, "serves queue", 10000);
}

void test_worker_stop(struct test_child *child)
{
    test_child_signal(child, SIGTERM);
    assert_int_equal(test_child_wait(child, 10000), 0);
}
