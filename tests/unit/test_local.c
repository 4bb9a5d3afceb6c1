/* Tasks that run in this process, with simulated models. */
#include "base/base.h"
#include "base/buf.h"
#include "loop/loop.h"
#include <orbiter/local.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_loop *loop;

/* What a task has said, as "TYPE:AGENT:WHAT " each, and how it ended. */
struct heard {
    struct orb_buf events;
    int is_inside, is_over, last, must_cancel;
    struct orb_local_task *task;
    enum orb_status status;
    int attempt;
    char output[256], result[512], error[512], type[64], partial[256], usage[320], ids[64];
    int64_t total_tokens;
    double cost;
};

static void on_event(void *arg, const struct orb_event *e, const struct orb_error *err)
{
    struct heard *h = arg;
    assert_null(err);
    assert_false(h->is_inside);
    assert_int_equal(h->last, 0);
    h->last = e->is_last;
    if (e->type == ORB_EVENT_TEXT || e->type == ORB_EVENT_ERROR)
        orb_buf_printf(&h->events, "%s:%s:%s ", e->type == ORB_EVENT_TEXT ? "text" : e->ok ? "trouble" : "error", e->agent_name,
                       e->type == ORB_EVENT_TEXT ? e->text : e->word);
    else
        orb_buf_printf(&h->events, "%s:%s:%s ", e->type == ORB_EVENT_STATUS ? "status" : "other", e->agent_name, e->word);
    if (h->must_cancel && e->type == ORB_EVENT_TEXT)
        orb_local_task_cancel(h->task);
}

static void on_done(void *arg, const struct orb_task_info *t, const struct orb_error *err)
{
    struct heard *h = arg;
    assert_null(err);
    assert_false(h->is_inside);
    assert_false(h->is_over);
    h->is_over = 1;
    h->status = t->status;
    h->attempt = t->attempt;
    snprintf(h->output, sizeof h->output, "%s", t->output);
    snprintf(h->result, sizeof h->result, "%s", t->result);
    snprintf(h->error, sizeof h->error, "%s", t->error);
    snprintf(h->type, sizeof h->type, "%s", t->error_type);
    snprintf(h->partial, sizeof h->partial, "%s", t->partial);
    snprintf(h->usage, sizeof h->usage, "%s", t->usage);
    h->total_tokens = t->total_tokens;
    h->cost = t->cost;
    snprintf(h->ids, sizeof h->ids, "%s%s%s%s", t->id, t->queue, t->worker_id, t->resubmit_of);
    assert_true(t->started_at > 0 && t->completed_at >= t->started_at);
    orb_local_task_free(h->task);
    orb_loop_stop(loop);
}

static void start(struct heard *h, const char *config, const struct orb_task_spec *more, const struct orb_local_options *options)
{
    struct orb_error err = { 0 };
    struct orb_task_spec spec = more ? *more : (struct orb_task_spec){ .timeout_seconds = -1 };
    spec.agent_config = config;
    spec.input = "Hi you";
    spec.input_len = 6;
    orb_buf_init(&h->events, 65536);
    h->is_inside = 1;
    assert_int_equal(orb_local_task_start(loop, options, &spec, on_event, on_done, h, &h->task, &err), 0);
    h->is_inside = 0;
}

static void run(struct heard *h, const char *config, const struct orb_task_spec *more, const char *events)
{
    const struct orb_local_options options = { 0 };
    start(h, config, more, &options);
    while (!h->is_over)
        assert_int_equal(orb_loop_turn(loop, -1), 0);
    assert_int_equal(h->last, 1);
    assert_string_equal(h->ids, "");
    assert_string_equal(h->events.data, events);
    orb_buf_done(&h->events);
}

static void completes(void **state)
{
    struct heard h = { 0 }, swarm = { 0 };
    (void)state;
    run(&h, "{\"name\": \"a\", \"model\": \"sim:say=Hello\"}", NULL, "text:a:Hello status:a:completed ");
    assert_int_equal(h.status, ORB_STATUS_COMPLETED);
    assert_string_equal(h.output, "Hello");
    assert_string_equal(h.result, "{\"output\": \"Hello\"}");
    assert_string_equal(h.usage, "{\"input_tokens\": 2, \"output_tokens\": 1, \"total_tokens\": 3}");
    assert_int_equal(h.total_tokens, 3);
    assert_true(h.cost < 0);
    run(&swarm, "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:say=Hello\"}, {\"name\": \"b\", \"model\": \"sim:\"}], \"flow\": \"a >> b\"}", NULL,
        "text:a:Hello text:b:Hello status:a:completed ");
    assert_string_equal(swarm.result, "{\"output\": \"Hello\", \"text\": \"HelloHello\"}");
}

static void fails(void **state)
{
    struct heard model = { 0 }, config = { 0 }, tool = { 0 }, memory = { 0 };
    const struct orb_task_spec remembering = { .timeout_seconds = -1, .metadata = "{\"memory\": true}" };
    (void)state;
    run(&model, "{\"name\": \"a\", \"model\": \"sim:error=server@1\"}", NULL, "text:a:Hi  error:a:ModelError status:a:error ");
    assert_int_equal(model.status, ORB_STATUS_FAILED);
    assert_string_equal(model.type, orb_error_type(ORB_E_MODEL_SERVER));
    assert_string_equal(model.partial, "Hi ");
    run(&config, "{\"name\": \"a\", \"max_steps\": 0}", NULL, "error:a:AgentError status:a:error ");
    assert_string_equal(config.error, "max_steps must be >= 1, got 0");
    run(&tool, "{\"name\": \"a\", \"model\": \"sim:\", \"tools\": [\"m.f\"]}", NULL, "error:a:ToolError status:a:error ");
    run(&memory, "{\"name\": \"a\", \"model\": \"sim:\"}", &remembering, "error:a:AgentError status:a:error ");
}

static void goes_on_along_a_chain(void **state)
{
    struct heard h = { 0 };
    (void)state;
    run(&h, "{\"name\": \"a\", \"model\": \"sim:error=server@1 | sim:say=Fine\"}", NULL,
        "text:a:Hi  trouble:a:ModelError text:a:Fine status:a:completed ");
    assert_string_equal(h.output, "Fine");
    assert_int_equal(h.attempt, 2);
}

static void limits(void **state)
{
    struct heard time = { 0 }, deadline = { 0 }, silent = { 0 };
    const char *slow = "{\"name\": \"a\", \"model\": \"sim:delay=60000\"}";
    (void)state;
    run(&time, slow, &(struct orb_task_spec){ .timeout_seconds = 0.05 }, "error:a:TimeoutError status:a:error ");
    assert_string_equal(time.type, "TimeoutError");
    run(&deadline, slow, &(struct orb_task_spec){ .deadline_seconds = 0.05 }, "error:a:DeadlineError status:a:error ");
    run(&silent, slow, &(struct orb_task_spec){ .first_token_timeout = 0.05 }, "error:a:ModelError status:a:error ");
    assert_string_equal(silent.type, orb_error_type(ORB_E_MODEL_TIMEOUT));
}

static void cancels(void **state)
{
    const struct orb_local_options options = { 0 };
    struct heard early = { 0 }, late = { .must_cancel = 1 };
    (void)state;
    start(&early, "{\"name\": \"a\", \"model\": \"sim:delay=60000\"}", NULL, &options);
    orb_local_task_cancel(early.task); /* before it has begun */
    orb_local_task_cancel(early.task);
    while (!early.is_over)
        assert_int_equal(orb_loop_turn(loop, -1), 0);
    assert_int_equal(early.status, ORB_STATUS_CANCELLED);
    assert_string_equal(early.events.data, "status:a:cancelled ");
    assert_string_equal(early.error, "");
    orb_buf_done(&early.events);
    run(&late, "{\"name\": \"a\", \"model\": \"sim:tokens=1000,rate=20\"}", NULL, "text:a:w1  status:a:cancelled ");
    assert_int_equal(late.status, ORB_STATUS_CANCELLED);
    assert_string_equal(late.partial, "w1 ");
}

/* Nothing comes any more, and nothing is left (under the sanitizers). */
static void freed_before_the_end(void **state)
{
    const struct orb_local_options options = { 0 };
    struct heard unbegun = { 0 }, begun = { 0 }, ending = { 0 };
    (void)state;
    start(&unbegun, "{\"name\": \"a\", \"model\": \"sim:\"}", NULL, &options);
    orb_local_task_free(unbegun.task);
    start(&begun, "{\"name\": \"a\", \"model\": \"sim:tokens=1000,rate=100\"}", NULL, &options);
    while (!begun.events.len)
        assert_int_equal(orb_loop_turn(loop, -1), 0);
    orb_local_task_free(begun.task);
    start(&ending, "{\"name\": \"a\", \"model\": \"sim:delay=60000\"}", NULL, &options);
    assert_int_equal(orb_loop_turn(loop, 1), 0);
    orb_local_task_cancel(ending.task);
    orb_local_task_free(ending.task);
    size_t len = begun.events.len;
    for (int i = 0; i < 5; i++)
        assert_int_equal(orb_loop_turn(loop, 10), 0);
    assert_int_equal(unbegun.events.len, 0);
    assert_int_equal(begun.events.len, len);
    assert_false(unbegun.is_over || begun.is_over || ending.is_over);
    orb_buf_done(&unbegun.events);
    orb_buf_done(&begun.events);
    orb_buf_done(&ending.events);
}

static void prices(void **state)
{
    char path[] = "/tmp/orbiter-prices-XXXXXX";
    struct heard h = { 0 };
    int fd = mkstemp(path);
    const struct orb_local_options options = { .prices = path };
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "sim:say 1000000 1000000 0 0\n", 28), 28);
    close(fd);
    start(&h, "{\"name\": \"a\", \"model\": \"sim:say=Hello\"}", NULL, &options);
    unlink(path);
    while (!h.is_over)
        assert_int_equal(orb_loop_turn(loop, -1), 0);
    assert_non_null(strstr(h.usage, "\"cost\": 3.0"));
    assert_true(h.cost == 3);
    orb_buf_done(&h.events);
}

static void refused(void **state)
{
    const struct orb_local_options plain = { 0 }, bad = { .prices = "/nowhere/prices.txt" };
    static char large[ORB_PAYLOAD_MAX];
    struct orb_local_task *task = NULL;
    struct orb_error err = { 0 };
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"a\", \"model\": \"sim:\"}", .input = "x", .input_len = 1 };
    struct heard h = { 0 };
    (void)state;
    assert_int_equal(orb_local_task_start(loop, &bad, &spec, on_event, on_done, &h, &task, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "/nowhere/prices.txt"));
    memset(large, 'a', sizeof large);
    spec.input = large;
    spec.input_len = sizeof large;
    assert_int_equal(orb_local_task_start(loop, &plain, &spec, on_event, on_done, &h, &task, &err), ORB_E_TOO_LARGE);
    spec.input = "\xff";
    spec.input_len = 1;
    assert_int_equal(orb_local_task_start(loop, &plain, &spec, on_event, on_done, &h, &task, &err), ORB_E_INVALID);
    spec.input = "x";
    spec.agent_config = "[]";
    assert_int_equal(orb_local_task_start(loop, &plain, &spec, on_event, on_done, &h, &task, &err), ORB_E_INVALID);
    assert_null(task);
}

static int set_up(void **state)
{
    (void)state;
    loop = orb_loop_new();
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    orb_loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes), cmocka_unit_test(fails), cmocka_unit_test(goes_on_along_a_chain), cmocka_unit_test(limits),
        cmocka_unit_test(cancels), cmocka_unit_test(freed_before_the_end), cmocka_unit_test(prices), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
