/* distributed(), TaskHandle and the fleet's lists, on a real Redis with real
 * workers, and with a Python-like one made of plain commands. */
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

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

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
    test_fleet_stop(&fleet);
    return 0;
}

static void start_worker(void)
{
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "50"), NULL);
}

static void submit(const char *id, const char *model)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "Say this", .detailed = 1 });
}

/* ---- what the callbacks said ------------------------------------------- */

struct heard {
    int calls;                 /* of the last callback: must be 1 in the end */
    int code;
    char error[512];
    enum orb_status status;
    char output[256], task_error[256];
    /* of streams */
    char words[8192], text[16384], last_id[48];
    int events, lasts;
    char status_at_last[32];   /* in the hash, when the terminal event was told */
};

static void note_error(struct heard *h, const struct orb_error *err)
{
    h->calls++;
    h->code = err ? err->code : 0;
    snprintf(h->error, sizeof h->error, "%s", err ? err->text : "");
}

static void on_task(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct heard *h = arg;
    note_error(h, err);
    if (!err) {
        h->status = info->status;
        snprintf(h->output, sizeof h->output, "%s", info->output);
        snprintf(h->task_error, sizeof h->task_error, "%s", info->error);
    }
}

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    struct heard *h = arg;
    note_error(h, err);
    snprintf(h->words, sizeof h->words, "%s", state ? state : "(null)");
}

static void on_event(void *arg, const struct orb_event *e, const struct orb_error *err)
{
    static const char *const names[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage", "other" };
    struct heard *h = arg;
    if (!e) {
        note_error(h, err);
        return;
    }
    h->events++;
    size_t n = strlen(h->words);
    int was_text = n >= 4 && !strcmp(h->words + n - 4, "text");
    if (e->type != ORB_EVENT_TEXT || !was_text)
        n += (size_t)snprintf(h->words + n, sizeof h->words - n, "%s%s", n ? " " : "", names[e->type]);
    if (e->type == ORB_EVENT_STATUS || e->type == ORB_EVENT_STEP)
        snprintf(h->words + n, sizeof h->words - n, ":%s", e->word);
    if (e->type == ORB_EVENT_TEXT)
        snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%s", e->text);
    snprintf(h->last_id, sizeof h->last_id, "%s", e->stream_id);
    if (e->is_last) {
        h->lasts++;
        char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s status", "a");
        snprintf(h->status_at_last, sizeof h->status_at_last, "%s", text);
        free(text);
    }
}

static void wait_for(struct heard *h)
{
    test_loop_until(fleet.loop, "the callback", test_is_set, &h->calls, 15000);
    assert_int_equal(h->calls, 1);
}

static struct orb_task_handle *handle_of(const char *id)
{
    return orb_task_handle_new(fleet.client, id);
}

static void follow(struct orb_task_handle *handle, const char *from, struct heard *h)
{
    struct orb_error err;
    memset(h, 0, sizeof *h);
    assert_int_equal(orb_task_handle_stream(handle, from, on_event, h, &err), 0);
}

static int has_events(void *arg)
{
    return ((struct heard *)arg)->events >= 4;
}

#define ALL "status:starting step:started text usage step:completed status:completed"

/* ---- submit ------------------------------------------------------------- */

struct submitted {
    int calls, code;
    struct orb_task_handle *handle;
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitted *s = arg;
    s->calls++;
    s->code = err ? err->code : 0;
    s->handle = handle;
}

static void submit_result_and_status(void **state)
{
    (void)state;
    struct submitted s = { 0 };
    struct heard status = { 0 }, result = { 0 };
    struct orb_error err;
    start_worker();
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\", \"model\": \"sim:\"}", .input = "Say this", .input_len = 8, .timeout_seconds = -1 };
    assert_int_equal(orb_distributed(fleet.client, &spec, on_submit, &s, &err), 0);
    assert_int_equal(s.calls, 0); /* never inside the call */
    test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
    assert_int_equal(s.code, 0);
    assert_int_equal(strlen(orb_task_handle_id(s.handle)), 32);
    assert_int_equal(orb_task_handle_result(s.handle, on_task, &result), 0);
    wait_for(&result);
    assert_int_equal(result.code, 0);
    assert_int_equal(result.status, ORB_STATUS_COMPLETED);
    assert_string_equal(result.output, "Say this");
    assert_int_equal(orb_task_handle_status(s.handle, on_task, &status), 0);
    wait_for(&status);
    assert_int_equal(status.status, ORB_STATUS_COMPLETED);
    orb_task_handle_free(s.handle);
}

static void an_id_is_taken_once(void **state)
{
    (void)state;
    struct submitted s = { 0 };
    struct orb_error err;
    submit("a", "sim:");
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\"}", .task_id = "a" };
    assert_int_equal(orb_distributed(fleet.client, &spec, on_submit, &s, &err), 0);
    test_loop_until(fleet.loop, "the answer", test_is_set, &s.calls, 10000);
    assert_int_equal(s.code, ORB_E_EXISTS);
    assert_null(s.handle);
    test_redis_expect(&fleet.redis, "1", "XLEN orbiter:tasks");
}

static void wrong_specs_are_refused_at_once(void **state)
{
    (void)state;
    struct submitted s = { 0 };
    const struct { struct orb_task_spec spec; int code; } bad[] = {
        { { .task_id = "a" }, ORB_E_INVALID },
        { { .agent_config = "{", .task_id = "a" }, ORB_E_INVALID },
        { { .agent_config = "{}", .task_id = "index" }, ORB_E_INVALID },
        { { .agent_config = "{}", .task_id = "a b" }, ORB_E_INVALID },
        { { .agent_config = "{}", .queue = "orbiter:x" }, ORB_E_USAGE },
        { { .agent_config = "{}", .input = "\xff", .input_len = 1 }, ORB_E_INVALID },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_error err = { 0 };
        assert_int_equal(orb_distributed(fleet.client, &bad[i].spec, on_submit, &s, &err), bad[i].code);
        assert_int_not_equal(err.text[0], '\0');
    }
    assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(s.calls, 0);
}

static int count_is(void *arg)
{
    return *(int *)arg >= 1000;
}

static void on_one_of_many(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    *(int *)arg += err ? 100000 : 1;
    orb_task_handle_free(handle);
}

static void a_thousand_submits_at_once(void **state)
{
    (void)state;
    int count = 0;
    struct orb_error err;
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\", \"model\": \"sim:tokens=1\"}", .input = "x", .input_len = 1 };
    for (int i = 0; i < 1000; i++)
        assert_int_equal(orb_distributed(fleet.client, &spec, on_one_of_many, &count, &err), 0);
    test_loop_until(fleet.loop, "the submits", count_is, &count, 10000);
    assert_int_equal(count, 1000);
    test_redis_expect(&fleet.redis, "1000", "XLEN orbiter:tasks");
    test_redis_expect(&fleet.redis, "1000", "SCARD orbiter:task:index");
    test_redis_expect(&fleet.redis, "1000", "ZCARD orbiter:index:orbiter:tasks:open");
}

/* ---- questions ---------------------------------------------------------- */

static void an_unknown_task(void **state)
{
    (void)state;
    struct heard status = { 0 }, result = { 0 }, events, resumed, cancelled = { 0 };
    struct orb_task_handle *handle = handle_of("nobody"), *second = handle_of("nobody");
    assert_int_equal(orb_task_handle_status(handle, on_task, &status), 0);
    assert_int_equal(orb_task_handle_result(handle, on_task, &result), 0);
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &cancelled), 0);
    follow(handle, NULL, &events);
    follow(second, "5-0", &resumed);
    struct heard *all[] = { &status, &result, &events, &resumed, &cancelled };
    for (size_t i = 0; i < 5; i++) {
        wait_for(all[i]);
        assert_int_equal(all[i]->code, ORB_E_NOT_FOUND);
        assert_int_equal(all[i]->events, 0);
    }
    assert_string_equal(cancelled.words, "(null)");
    test_redis_expect(&fleet.redis, "0", "DBSIZE");
    orb_task_handle_free(handle);
    orb_task_handle_free(second);
}

static void cancel_of_a_python_clients_task_behind_others(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        test_submit_plain(&fleet, id, "sim:");
    }
    struct heard found = { 0 }, unknown = { 0 };
    struct orb_task_handle *handle = handle_of("t199"), *other = handle_of("other");
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &found), 0);
    assert_int_equal(orb_task_handle_cancel(other, on_cancel, &unknown), 0);
    wait_for(&found);
    wait_for(&unknown);
    assert_string_equal(found.words, "pending");
    assert_int_equal(unknown.code, ORB_E_NOT_FOUND);
    test_expect_field(&fleet, "t199", "status", "cancelled");
    test_redis_expect(&fleet.redis, "199", "XLEN orbiter:tasks");
    orb_task_handle_free(handle);
    orb_task_handle_free(other);
}

static void cancel_in_every_state(void **state)
{
    (void)state;
    struct heard pending = { 0 }, again = { 0 }, running = { 0 }, result = { 0 };
    submit("p", "sim:");
    struct orb_task_handle *handle = handle_of("p");
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &pending), 0);
    wait_for(&pending);
    assert_int_equal(pending.code, 0);
    assert_string_equal(pending.words, "pending");
    test_expect_field(&fleet, "p", "status", "cancelled");
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &again), 0);
    wait_for(&again);
    assert_int_equal(again.code, ORB_E_FINISHED);
    assert_string_equal(again.words, "cancelled");
    orb_task_handle_free(handle);

    start_worker();
    submit("r", "sim:tokens=100000,rate=20");
    test_wait_field(&fleet, "r", "status", "running", 10000);
    handle = handle_of("r");
    assert_int_equal(orb_task_handle_result(handle, on_task, &result), 0);
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &running), 0);
    wait_for(&running);
    assert_string_equal(running.words, "running");
    wait_for(&result); /* not before its worker has ended it */
    assert_int_equal(result.status, ORB_STATUS_CANCELLED);
    test_redis_expect(&fleet.redis, "1", "HEXISTS orbiter:task:r completed_at");
    orb_task_handle_free(handle);
}

static void result_of_a_failed_task(void **state)
{
    (void)state;
    struct heard h = { 0 };
    start_worker();
    submit("a", "sim:error=auth");
    struct orb_task_handle *handle = handle_of("a");
    assert_int_equal(orb_task_handle_result(handle, on_task, &h), 0);
    wait_for(&h);
    assert_int_equal(h.code, 0); /* the question was answered */
    assert_int_equal(h.status, ORB_STATUS_FAILED);
    assert_memory_equal(h.task_error, "[sim:error=auth]", 16);
    orb_task_handle_free(handle);
}

/* ---- streams ------------------------------------------------------------ */

static void streams_live_late_and_resumed(void **state)
{
    (void)state;
    static struct heard live, late, resumed, after;
    struct orb_task_handle *one = handle_of("a"), *two = handle_of("a");
    submit("a", "sim:tokens=20,rate=100");
    follow(one, NULL, &live);
    for (int i = 0; i < 10; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(live.events, 0);
    start_worker();
    test_loop_until(fleet.loop, "some events", has_events, &live, 10000);
    char from[48];
    strcpy(from, live.last_id);
    follow(two, "0", &late); /* in the middle: from the first on */
    wait_for(&live);
    wait_for(&late);
    assert_int_equal(live.code, 0);
    assert_string_equal(live.words, ALL);
    assert_string_equal(live.status_at_last, "completed"); /* the hash is final before it */
    assert_int_equal(live.lasts, 1);
    assert_string_equal(late.words, ALL);
    assert_string_equal(late.text, live.text);
    follow(one, from, &resumed);
    wait_for(&resumed);
    assert_int_equal(resumed.code, 0);
    assert_true(resumed.events < live.events && resumed.events > 0);
    assert_string_equal(resumed.text, live.text + strlen(live.text) - strlen(resumed.text));
    assert_string_equal(resumed.last_id, live.last_id);
    follow(one, live.last_id, &after); /* after the end: nothing more, no error */
    wait_for(&after);
    assert_int_equal(after.code, 0);
    assert_int_equal(after.events, 0);
    orb_task_handle_free(one);
    orb_task_handle_free(two);
}

static void a_wrong_resume_id_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "-", "x", "1-", "-1", "1-2-3", "1-2 ", "99999999999999999999", "$", "(1" };
    struct heard h = { 0 };
    struct orb_error err;
    struct orb_task_handle *handle = handle_of("a");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(orb_task_handle_stream(handle, bad[i], on_event, &h, &err), ORB_E_USAGE);
    orb_task_handle_free(handle);
    assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(h.calls, 0);
}

static void a_stream_over_broken_connections_has_no_gap(void **state)
{
    (void)state;
    static struct heard cut, whole;
    struct orb_task_handle *handle = handle_of("a");
    start_worker();
    submit("a", "sim:tokens=60,rate=60");
    follow(handle, NULL, &cut);
    test_loop_until(fleet.loop, "some events", has_events, &cut, 10000);
    assert_true(test_redis_int(&fleet.redis, "CLIENT KILL TYPE pubsub") >= 1);
    assert_true(test_redis_int(&fleet.redis, "CLIENT KILL TYPE normal") >= 1);
    int before = cut.events;
    wait_for(&cut);
    assert_int_equal(cut.code, 0);
    assert_true(cut.events > before);
    assert_string_equal(cut.words, ALL);
    follow(handle, NULL, &whole);
    wait_for(&whole);
    assert_string_equal(cut.text, whole.text);
    assert_int_equal(cut.events, whole.events);
    assert_non_null(strstr(whole.text, " "));
    orb_task_handle_free(handle);
}

static void events_of_an_overtaken_attempt_are_left_out(void **state)
{
    (void)state;
    static const char *const events[] = {
        "{\"type\": \"text\", \"text\": \"a\", \"seq\": 1, \"attempt\": 1}", "{\"type\": \"text\", \"text\": \"b\", \"seq\": 2, \"attempt\": 1}",
        "{\"type\": \"text\", \"text\": \"b\", \"seq\": 2, \"attempt\": 1}", "{\"type\": \"text\", \"text\": \"C\", \"seq\": 1, \"attempt\": 2}",
        "{\"type\": \"text\", \"text\": \"x\", \"seq\": 3, \"attempt\": 1}", "{\"type\": \"later\", \"seq\": 2, \"attempt\": 2}", "not an event",
        "{\"type\": \"text\", \"text\": \"D\", \"seq\": 3, \"attempt\": 2}",
    };
    struct heard h;
    struct orb_task_handle *handle = handle_of("a");
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        free(test_redis_text(&fleet.redis, "XADD orbiter:stream:a * event %s", events[i]));
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status completed completed_at 5.0 worker_id w result %s", "{\"output\": \"CD\"}"));
    follow(handle, NULL, &h);
    wait_for(&h);
    assert_string_equal(h.text, "abCD");
    assert_string_equal(h.words, "text other text");
    orb_task_handle_free(handle);
}

static void more_events_than_a_page(void **state)
{
    (void)state;
    static struct heard h;
    struct orb_task_handle *handle = handle_of("a");
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 1500 do redis.call('XADD', 'orbiter:stream:a', '*', 'event', "
                                       "'{\"type\": \"text\", \"text\": \"x\", \"seq\": ' .. i .. ', \"attempt\": 1}') end return 1"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status failed completed_at 5.0 worker_id w error boom"));
    follow(handle, NULL, &h);
    wait_for(&h);
    assert_int_equal(h.events, 1500);
    orb_task_handle_free(handle);
}

/* ---- a Python worker, as it writes ------------------------------------- */

static void python_event(const char *json)
{
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:events:a %s", json));
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:a * event %s", json));
    free(test_redis_text(&fleet.redis, "EXPIRE orbiter:stream:a 3600"));
}

/* Not detailed: no terminal event, and the hash is written last. */
static void a_task_that_a_python_worker_runs(void **state)
{
    (void)state;
    struct heard result = { 0 };
    static struct heard events;
    struct orb_task_handle *handle = handle_of("a");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a task_id a status running worker_id py started_at 1795461238.9283843"));
    follow(handle, NULL, &events);
    assert_int_equal(orb_task_handle_result(handle, on_task, &result), 0);
    python_event("{\"type\": \"text\", \"text\": \"Hel\", \"agent_name\": \"bot\"}");
    test_loop_until(fleet.loop, "the first event", test_is_set, &events.events, 10000);
    python_event("{\"type\": \"text\", \"text\": \"lo\", \"agent_name\": \"bot\"}");
    assert_int_equal(result.calls + events.calls, 0);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a task_id a status completed completed_at 1795461238.9510791 result %s", "{\"output\": \"Hello\"}"));
    wait_for(&events);
    wait_for(&result);
    assert_int_equal(events.code, 0);
    assert_string_equal(events.text, "Hello");
    assert_string_equal(result.output, "Hello");
    orb_task_handle_free(handle);
}

/* A status event that says completed, and the hash only a moment later; or a
 * failed attempt's, which a retry follows. */
static void a_python_terminal_event_is_only_a_hint(void **state)
{
    (void)state;
    static struct heard events;
    struct orb_task_handle *handle = handle_of("a");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a task_id a status retrying worker_id py retries 1 completed_at 1795461238.5 error boom"));
    python_event("{\"type\": \"status\", \"status\": \"error\", \"agent_name\": \"bot\", \"message\": \"boom\"}");
    follow(handle, NULL, &events);
    test_loop_until(fleet.loop, "the first event", test_is_set, &events.events, 10000);
    for (int i = 0; i < 30; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
    assert_int_equal(events.calls, 0);
    python_event("{\"type\": \"text\", \"text\": \"fine\", \"agent_name\": \"bot\"}");
    python_event("{\"type\": \"status\", \"status\": \"completed\", \"agent_name\": \"bot\", \"message\": \"done\"}");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a task_id a status completed completed_at 1795461239.5 result %s", "{\"output\": \"fine\"}"));
    wait_for(&events);
    assert_string_equal(events.words, "status:error text status:completed");
    orb_task_handle_free(handle);
}

/* Python's cancel of a finished task leaves what it had. */
static void a_finished_task_that_python_cancelled(void **state)
{
    (void)state;
    struct heard h = { 0 };
    struct orb_task_handle *handle = handle_of("a");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a status cancelled completed_at 5.0 worker_id w result %s", "{\"output\": \"kept\"}"));
    assert_int_equal(orb_task_handle_result(handle, on_task, &h), 0);
    wait_for(&h);
    assert_int_equal(h.status, ORB_STATUS_COMPLETED);
    assert_string_equal(h.output, "kept");
    orb_task_handle_free(handle);
}

/* ---- freeing ------------------------------------------------------------ */

static void a_freed_handle_tells_each_callback_once(void **state)
{
    (void)state;
    struct heard status = { 0 }, result = { 0 }, cancelled = { 0 };
    static struct heard events;
    struct heard *all[] = { &status, &result, &cancelled, &events };
    submit("a", "sim:");
    struct orb_task_handle *handle = handle_of("a");
    assert_int_equal(orb_task_handle_status(handle, on_task, &status), 0);
    assert_int_equal(orb_task_handle_result(handle, on_task, &result), 0);
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &cancelled), 0);
    follow(handle, NULL, &events);
    orb_task_handle_free(handle);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(all[i]->calls, 0); /* never inside the call */
    for (int i = 0; i < 20; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 2), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(all[i]->calls, 1);
        assert_int_equal(all[i]->code, ORB_E_CANCELLED);
    }
}

static struct orb_task_handle *doomed;

static void on_task_free(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    on_task(arg, info, err);
    orb_task_handle_free(doomed);
    doomed = NULL;
}

static void on_event_free(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct heard *h = arg;
    if (!event) {
        note_error(h, err);
        return;
    }
    h->events++;
    orb_task_handle_free(doomed);
    doomed = NULL;
}

static void a_handle_freed_inside_its_callbacks(void **state)
{
    (void)state;
    struct heard h = { 0 }, events = { 0 };
    struct orb_error err;
    start_worker();
    submit("a", "sim:");
    doomed = handle_of("a");
    assert_int_equal(orb_task_handle_result(doomed, on_task_free, &h), 0);
    wait_for(&h);
    assert_int_equal(h.code, 0);
    doomed = handle_of("a");
    assert_int_equal(orb_task_handle_stream(doomed, NULL, on_event_free, &events, &err), 0);
    wait_for(&events);
    assert_int_equal(events.events, 1);
    assert_int_equal(events.code, ORB_E_CANCELLED);
}

static void a_second_wait_replaces_the_first(void **state)
{
    (void)state;
    struct heard first = { 0 }, second = { 0 };
    submit("a", "sim:");
    struct orb_task_handle *handle = handle_of("a");
    assert_int_equal(orb_task_handle_result(handle, on_task, &first), 0);
    assert_int_equal(orb_task_handle_result(handle, on_task, &second), 0);
    wait_for(&first);
    assert_int_equal(first.code, ORB_E_CANCELLED);
    start_worker();
    wait_for(&second);
    assert_int_equal(second.code, 0);
    orb_task_handle_free(handle);
}

static void on_workers(void *arg, const struct orb_worker_info *rows, size_t count, const struct orb_error *err)
{
    (void)rows;
    note_error(arg, err);
    assert_int_equal(count, 0);
}

static void a_freed_client_cancels_what_is_pending(void **state)
{
    (void)state;
    struct submitted s = { 0 };
    struct heard workers = { 0 };
    struct orb_client *client;
    struct orb_error err;
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url }, &client, &err), 0);
    struct orb_task_spec spec = { .agent_config = "{}" };
    assert_int_equal(orb_distributed(client, &spec, on_submit, &s, &err), 0);
    assert_int_equal(orb_fleet_workers(client, on_workers, &workers), 0);
    orb_client_free(client);
    assert_int_equal(s.calls + workers.calls, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.code, ORB_E_CANCELLED);
    assert_int_equal(workers.calls, 1);
    assert_int_equal(workers.code, ORB_E_CANCELLED);
    orb_client_free(NULL);
}

static void no_redis_is_said_at_once_and_noticed_again_later(void **state)
{
    (void)state;
    struct heard status = { 0 }, result = { 0 }, again = { 0 };
    static struct heard events;
    struct orb_task_handle *handle = handle_of("a");
    test_redis_kill(&fleet.redis);
    follow(handle, NULL, &events);
    assert_int_equal(orb_task_handle_status(handle, on_task, &status), 0);
    assert_int_equal(orb_task_handle_result(handle, on_task, &result), 0);
    wait_for(&status);
    wait_for(&result);
    wait_for(&events);
    assert_int_equal(status.code, ORB_E_UNREACHABLE);
    assert_int_equal(result.code, ORB_E_UNREACHABLE);
    assert_int_equal(events.code, ORB_E_UNREACHABLE);
    test_redis_restart(&fleet.redis);
    assert_int_equal(orb_task_handle_status(handle, on_task, &again), 0); /* connects anew */
    wait_for(&again);
    assert_int_equal(again.code, ORB_E_NOT_FOUND);
    orb_task_handle_free(handle);
}

/* How many scripts were sent to Redis so far. */
static int loaded(void)
{
    char *text = test_redis_text(&fleet.redis, "INFO commandstats");
    const char *line = strstr(text, "cmdstat_script|load:calls=");
    int count = line ? atoi(strchr(line, '=') + 1) : 0;
    free(text);
    return count;
}

static void a_script_is_sent_once_a_connection_and_before_its_first_call(void **state)
{
    (void)state;
    struct heard status = { 0 };
    struct orb_task_handle *handle = orb_task_handle_new(fleet.client, "missing");
    assert_int_equal(orb_task_handle_status(handle, on_task, &status), 0);
    wait_for(&status);
    assert_int_equal(status.code, ORB_E_NOT_FOUND);
    assert_int_equal(loaded(), 0); /* who only reads needs none */
    submit("a", "sim:");
    submit("b", "sim:");
    assert_int_equal(loaded(), 1);
    free(test_redis_text(&fleet.redis, "SCRIPT FLUSH"));
    free(test_redis_text(&fleet.redis, "CLIENT KILL TYPE normal SKIPME yes"));
    status.calls = 0;
    assert_int_equal(orb_task_handle_status(handle, on_task, &status), 0); /* may fail; on the next connection none is missed */
    wait_for(&status);
    submit("c", "sim:");
    assert_int_equal(loaded(), 2);
    char *text = test_redis_text(&fleet.redis, "INFO errorstats");
    assert_null(strstr(text, "NOSCRIPT"));
    free(text);
    orb_task_handle_free(handle);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(submit_result_and_status),
        TEST(an_id_is_taken_once),
        TEST(wrong_specs_are_refused_at_once),
        TEST(a_thousand_submits_at_once),
        TEST(an_unknown_task),
        TEST(cancel_of_a_python_clients_task_behind_others),
        TEST(cancel_in_every_state),
        TEST(result_of_a_failed_task),
        TEST(streams_live_late_and_resumed),
        TEST(a_wrong_resume_id_is_refused),
        TEST(a_stream_over_broken_connections_has_no_gap),
        TEST(events_of_an_overtaken_attempt_are_left_out),
        TEST(more_events_than_a_page),
        TEST(a_task_that_a_python_worker_runs),
        TEST(a_python_terminal_event_is_only_a_hint),
        TEST(a_finished_task_that_python_cancelled),
        TEST(a_freed_handle_tells_each_callback_once),
        TEST(a_handle_freed_inside_its_callbacks),
        TEST(a_second_wait_replaces_the_first),
        TEST(a_freed_client_cancels_what_is_pending),
        TEST(no_redis_is_said_at_once_and_noticed_again_later),
        TEST(a_script_is_sent_once_a_connection_and_before_its_first_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
