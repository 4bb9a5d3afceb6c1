/* The worker as a program, on a real Redis: what it runs, what it writes, and
 * what it survives. */
#include "support/fake.h"
#include "support/fleet.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker, other;
static struct test_fake fake;

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define QUEUE "orbiter:tasks"

static int start(void **state)
{
    (void)state;
    fleet.redis.config = "appendonly yes\nappendfsync always\n";
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_child_kill(&other);
    test_fake_stop(&fake);
    test_fleet_stop(&fleet);
    return 0;
}

static void start_worker(const char *concurrency)
{
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", concurrency), ARGS("ORBITER_LOG_LEVEL=DEBUG"));
}

static void start_with_fake(void)
{
    char base[128];
    test_fake_start(&fake);
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", fake.url);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "4"), ARGS(base, "OPENAI_API_KEY=k"));
}

static void submit(const char *id, const char *model)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "Say this", .detailed = 1 });
}

static void expect_events(const char *id, const char *expected)
{
    char *events = test_events(&fleet, id);
    assert_string_equal(events, expected);
    free(events);
}

static void expect_in_field(const char *id, const char *name, const char *part)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s %s", id, name);
    if (!strstr(text, part))
        fail_msg("%s of task %s is: %s", name, id, text);
    free(text);
}

static void wait_status(const char *id, const char *status)
{
    test_wait_field(&fleet, id, "status", status, 10000);
}

static int has_text(void *arg)
{
    return test_redis_int(&fleet.redis, "XLEN orbiter:stream:%s", arg) >= 3;
}

/* A task that has begun to answer. */
static void submit_long(const char *id)
{
    char name[64];
    snprintf(name, sizeof name, "%s", id);
    submit(id, "sim:tokens=100000,rate=20");
    test_wait_until("the first text", has_text, name, 10000);
}

/* ---- outcomes ----------------------------------------------------------- */

static void success_with_all_events(void **state)
{
    (void)state;
    start_worker("2");
    submit("a", "sim:");
    wait_status("a", "completed");
    expect_events("a", "status:starting step:started text usage step:completed status:completed");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"Say this\"}");
    test_expect_field(&fleet, "a", "worker_id", "w1");
    test_expect_field(&fleet, "a", "attempt", "1");
    test_expect_field(&fleet, "a", "error", "(nil)");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    expect_in_field("a", "usage", "\"total_tokens\": ");
    assert_in_range(test_redis_int(&fleet.redis, "TTL orbiter:stream:a"), 3500, 3600);
    assert_in_range(test_redis_int(&fleet.redis, "TTL orbiter:task:a"), 86300, 86400);
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void success_not_detailed(void **state)
{
    (void)state;
    start_worker("1");
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "hi" });
    wait_status("a", "completed");
    expect_events("a", "text status:completed");
    test_worker_stop(&worker);
}

static void a_tool_call_is_answered_and_the_next_step_follows(void **state)
{
    (void)state;
    start_worker("1");
    submit("a", "sim:tool=add,tokens=3");
    wait_status("a", "completed");
    expect_events("a", "status:starting step:started usage tool_call tool_result step:completed step:started text usage step:completed status:completed");
    test_worker_stop(&worker);
}

static void a_python_clients_task(void **state)
{
    (void)state;
    start_worker("1");
    test_submit_plain(&fleet, "a", "sim:");
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"hi\"}");
    test_redis_expect(&fleet.redis, "1", "SISMEMBER orbiter:task:index a");
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void a_permanent_failure_is_not_retried(void **state)
{
    (void)state;
    start_worker("1");
    submit("a", "sim:error=auth@2");
    wait_status("a", "failed");
    expect_events("a", "status:starting step:started text error status:error");
    expect_in_field("a", "error", "[sim:error=auth@2] ");
    test_expect_field(&fleet, "a", "error_type", "AuthenticationError");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    char *event = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    assert_non_null(strstr(event, "\"error_type\": \"ModelError\""));
    assert_non_null(strstr(event, "\"recoverable\": false"));
    free(event);
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void what_this_worker_cannot_run_fails_with_the_reason(void **state)
{
    (void)state;
    start_worker("1");
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %s",
                         "{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\", \"tools\": [\"m.add\"]}}"));
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %s", "{\"task_id\": \"b\", \"agent_config\": {\"name\": \"bot\", \"model\": \"none:x\"}}"));
    wait_status("a", "failed");
    expect_in_field("a", "error", "m.add");
    expect_events("a", "error status:error");
    wait_status("b", "failed");
    expect_in_field("b", "error", "none");
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void a_transient_failure_is_retried_without_a_terminal_event(void **state)
{
    (void)state;
    start_with_fake();
    submit("a", "openai:fake?status=503&fails=1&text=fine");
    wait_status("a", "completed");
    expect_events("a", "status:starting step:started error | status:starting step:started text usage step:completed status:completed");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"fine\"}");
    test_expect_field(&fleet, "a", "retries", "1");
    test_expect_field(&fleet, "a", "attempt", "2");
    test_expect_field(&fleet, "a", "error", "");
    char *event = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    assert_non_null(strstr(event, "\"recoverable\": true"));
    free(event);
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void a_provider_of_a_file(void **state)
{
    char folder[TEST_PATH_MAX + 16], path[TEST_PATH_MAX + 32];
    (void)state;
    test_fake_start(&fake);
    snprintf(folder, sizeof folder, "%s/providers", fake.dir);
    snprintf(path, sizeof path, "%s/mine.json", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"name\": \"mine\", \"protocol\": \"responses\", \"base_url\": \"%s\", \"key_env\": \"MINE_KEY\"}", fake.url);
    fclose(file);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--providers", folder), ARGS("MINE_KEY=sk-of-mine"));
    submit("a", "mine:fake?text=ours");
    wait_status("a", "completed");
    expect_in_field("a", "result", "\"output\": \"ours\"");
    json_t *request = test_fake_request(&fake, NULL);
    assert_string_equal(json_string_value(json_object_get(request, "path")), "/v1/responses");
    assert_string_equal(json_string_value(json_object_get(request, "authorization")), "Bearer sk-of-mine");
    json_decref(request);
}

static void retries_are_used_up(void **state)
{
    (void)state;
    submit("a", "sim:error=server");
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a retries 2")); /* as after two failures elsewhere */
    start_worker("1");
    test_wait_field(&fleet, "a", "retries", "3", 10000);
    wait_status("a", "failed");
    expect_events("a", "status:starting step:started error | status:starting step:started error status:error");
    test_expect_field(&fleet, "a", "retries", "3");
    test_redis_expect(&fleet.redis, "0", "ZCARD " QUEUE ":delayed");
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void an_attempt_ends_at_its_time_limit(void **state)
{
    (void)state;
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:delay=600000", .input = "x", .detailed = 1, .timeout_seconds = 0.1 });
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:a retries 3"));
    start_worker("1");
    wait_status("a", "failed");
    test_expect_field(&fleet, "a", "error_type", "TimeoutError");
    expect_in_field("a", "error", "0.1 s");
    expect_events("a", "status:starting step:started error status:error");
    test_worker_stop(&worker);
}

/* ---- cancel ------------------------------------------------------------- */

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    assert_null(err);
    assert_string_equal(state, "running");
    *(int *)arg = 1;
}

static int was_cancelled(void *arg)
{
    return test_redis_int(&fleet.redis, "HEXISTS orbiter:task:%s partial", arg) == 1;
}

static void cancel_closes_the_providers_connection(void **state)
{
    (void)state;
    int is_told = 0;
    char id[] = "a";
    start_with_fake();
    submit("a", "openai:fake?tokens=5&stall=3");
    test_wait_until("the first text", has_text, id, 10000);
    struct orb_task_handle *handle = orb_task_handle_new(fleet.client, "a");
    assert_int_equal(orb_task_handle_cancel(handle, on_cancel, &is_told), 0);
    int64_t before = test_now_ms();
    test_loop_until(fleet.loop, "the answer to the cancel", test_is_set, &is_told, 10000);
    test_wait_until("the end of the task", was_cancelled, id, 10000);
    json_t *end = test_fake_wait_end(&fake, NULL, 5000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "client_closed");
    json_decref(end);
    assert_in_range(test_now_ms() - before, 0, test_patience(1000)); /* the provider would be silent for ever */
    orb_task_handle_free(handle);
    wait_status("a", "cancelled");
    char *events = test_events(&fleet, "a");
    assert_string_equal(events, "status:starting step:started text status:cancelled");
    free(events);
    expect_in_field("a", "partial", "w1 w2 w3");
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void a_plain_publish_cancels(void **state)
{
    (void)state;
    char id[] = "a";
    start_worker("1");
    submit_long("a");
    assert_int_equal(test_redis_int(&fleet.redis, "PUBLISH orbiter:cancel:a anything"), 1);
    test_wait_until("the end of the task", was_cancelled, id, 10000);
    wait_status("a", "cancelled");
    char *events = test_events(&fleet, "a");
    assert_non_null(strstr(events, "text status:cancelled"));
    free(events);
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

/* ---- entries that are not right ----------------------------------------- */

static int five_dead(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "XLEN " QUEUE ":dead") == 5;
}

static void poison_is_dead_lettered_and_the_worker_goes_on(void **state)
{
    (void)state;
    start_worker("1");
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * other x"));
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload nonsense"));
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %s", "{\"task_id\": 12}"));
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %s", "{\"task_id\": \"bad\", \"agent_config\": []}"));
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %b", "\xff\0\x1b[31m", (size_t)7));
    submit("good", "sim:");
    wait_status("good", "completed");
    test_wait_until("five dead letters", five_dead, NULL, 5000);
    char *dead = test_redis_text(&fleet.redis, "XRANGE " QUEUE ":dead - +");
    assert_non_null(strstr(dead, "no field payload"));
    assert_non_null(strstr(dead, "task_id is not"));
    assert_non_null(strstr(dead, "agent_config is not an object"));
    free(dead);
    wait_status("bad", "failed");
    expect_in_field("bad", "error", "agent_config is not an object");
    expect_events("bad", "status:error");
    test_expect_drained(&fleet, QUEUE);
    test_worker_stop(&worker);
}

static void two_entries_of_one_task_run_once(void **state)
{
    (void)state;
    test_submit_plain(&fleet, "a", "sim:tokens=3,first=50");
    test_submit_plain(&fleet, "a", "sim:tokens=3,first=50");
    start_worker("5");
    wait_status("a", "completed");
    expect_events("a", "status:starting step:started text usage step:completed status:completed");
    test_expect_field(&fleet, "a", "attempt", "1");
    test_worker_stop(&worker);
    test_expect_drained(&fleet, QUEUE);
}

/* ---- slots -------------------------------------------------------------- */

static int most_running;

static int all_completed(void *arg)
{
    static const char count[] = "local n = 0 for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                                "if redis.call('HGET', 'orbiter:task:' .. id, 'status') == 'running' then n = n + 1 end end return n";
    int running = (int)test_redis_int(&fleet.redis, "EVAL %s 1 orbiter:index:" QUEUE ":open", count);
    if (running > most_running)
        most_running = running;
    return test_redis_int(&fleet.redis, "ZCARD orbiter:index:" QUEUE ":completed") == *(int *)arg;
}

static void no_more_tasks_than_slots(void **state)
{
    (void)state;
    int count = 12;
    char id[16];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "t%d", i);
        submit(id, "sim:tokens=1,first=40");
    }
    most_running = 0;
    start_worker("3");
    test_wait_until("all tasks to complete", all_completed, &count, 20000);
    assert_int_equal(most_running, 3);
    test_worker_stop(&worker);
}

/* A worker that was killed and comes back under its name finds what it had been
 * given, and still runs no more than it has slots for. */
static void its_own_pending_entries_are_taken_over_slot_by_slot(void **state)
{
    (void)state;
    int count = 6;
    char id[16];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "t%d", i);
        submit(id, "sim:tokens=1,first=40");
    }
    free(test_redis_text(&fleet.redis, "XGROUP CREATE " QUEUE " " QUEUE ":group 0"));
    free(test_redis_text(&fleet.redis, "XREADGROUP GROUP " QUEUE ":group w1 COUNT 6 STREAMS " QUEUE " >"));
    most_running = 0;
    start_worker("2");
    test_wait_until("all tasks to complete", all_completed, &count, 20000);
    assert_int_equal(most_running, 2);
    test_worker_stop(&worker);
    test_expect_drained(&fleet, QUEUE);
}

static void break_connections(const char *name)
{
    char *list = test_redis_text(&fleet.redis, "CLIENT LIST TYPE normal"), *rest = list, *line;
    int broken = 0, id;
    while ((line = strsep(&rest, "\n")))
        if (strstr(line, name) && sscanf(line, "id=%d ", &id) == 1)
            broken += (int)test_redis_int(&fleet.redis, "CLIENT KILL ID %d", id);
    free(list);
    assert_in_range(broken, 1, 10);
}

static void free_slots_are_used_after_a_broken_connection(void **state)
{
    (void)state;
    start_worker("4");
    submit_long("a");
    submit_long("b");
    submit_long("c");
    break_connections("name=orbiter-worker ");
    submit("d", "sim:");
    wait_status("d", "completed");
    test_expect_field(&fleet, "a", "status", "running");
    test_expect_field(&fleet, "a", "attempt", "1"); /* its own work is not begun anew */
}

/* ---- the end ------------------------------------------------------------ */

static int is_draining(void *arg)
{
    (void)arg;
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:workers:w1 status");
    int is = !strcmp(text, "draining");
    free(text);
    return is;
}

static void sigterm_lets_running_tasks_end(void **state)
{
    (void)state;
    start_worker("2");
    submit("a", "sim:tokens=30,rate=30");
    wait_status("a", "running");
    test_child_signal(&worker, SIGTERM);
    test_wait_until("the heartbeat to say draining", is_draining, NULL, 5000);
    submit("later", "sim:");
    assert_int_equal(test_child_wait(&worker, 10000), 0);
    test_expect_field(&fleet, "a", "status", "completed");
    test_expect_field(&fleet, "later", "status", "pending");
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:workers:w1");
    test_redis_expect(&fleet.redis, "", "XINFO CONSUMERS " QUEUE " " QUEUE ":group");
    test_redis_expect(&fleet.redis, "1", "XLEN " QUEUE);
}

static void a_second_sigterm_hands_back_uncounted(void **state)
{
    (void)state;
    start_worker("2");
    submit_long("a");
    test_child_signal(&worker, SIGTERM);
    test_wait_until("the heartbeat to say draining", is_draining, NULL, 5000);
    test_child_signal(&worker, SIGTERM);
    assert_int_equal(test_child_wait(&worker, 10000), 0);
    test_expect_field(&fleet, "a", "status", "pending");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    test_redis_expect(&fleet.redis, "1", "XLEN " QUEUE);
    /* The next worker runs it, from the payload that was kept: with a quicker model, so that it ends. */
    free(test_redis_text(&fleet.redis, "DEL " QUEUE));
    free(test_redis_text(&fleet.redis, "EVAL %s 1 orbiter:payload:a",
                         "return redis.call('SET', KEYS[1], (redis.call('GET', KEYS[1]):gsub('sim:[^\"]*', 'sim:')), 'KEEPTTL')"));
    test_worker_start(&other, &fleet, ARGS("--worker-id", "w2"), NULL);
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "attempt", "2");
    test_expect_field(&fleet, "a", "worker_id", "w2");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    expect_events("a", "status:starting step:started text | status:starting step:started text usage step:completed status:completed");
    test_worker_stop(&other);
}

static void an_idle_worker_ends_at_once(void **state)
{
    (void)state;
    start_worker("1");
    int64_t before = test_now_ms();
    test_worker_stop(&worker); /* its blocked read would last five seconds */
    assert_in_range(test_now_ms() - before, 0, test_patience(2000));
}

static int has_beaten(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "TTL orbiter:workers:w1") > 0;
}

static int says_rate(void *arg)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:workers:w1 tok_s");
    double rate = strtod(text, NULL), least = *(double *)arg;
    free(text);
    return least > 0 ? rate >= least : rate <= 0;
}

/* Beats are ten seconds apart, but work that begins and ends is told sooner. */
static void the_heartbeat_says_soon_that_it_works(void **state)
{
    (void)state;
    double some = 10, none = 0;
    start_worker("7");
    test_wait_until("the heartbeat", has_beaten, NULL, 5000);
    submit("a", "sim:tokens=180,rate=40"); /* for four and a half seconds */
    test_wait_until("a heartbeat with tokens", says_rate, &some, 5000);
    wait_status("a", "completed");
    test_wait_until("one without", says_rate, &none, 8000);
    test_worker_stop(&worker);
}

static void the_heartbeat_says_what_the_worker_does(void **state)
{
    (void)state;
    static const char *const fields[] = { "status", "tasks_processed", "tasks_failed", "current_task_id", "started_at", "last_heartbeat", "concurrency",
                                          "hostname", "version", "slots_busy", "rss_kb", "tok_s" };
    start_worker("7");
    test_wait_until("the heartbeat", has_beaten, NULL, 5000);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        test_redis_expect(&fleet.redis, "1", "HEXISTS orbiter:workers:w1 %s", fields[i]);
    test_redis_expect(&fleet.redis, "running", "HGET orbiter:workers:w1 status");
    test_redis_expect(&fleet.redis, "7", "HGET orbiter:workers:w1 concurrency");
    test_redis_expect(&fleet.redis, ORB_VERSION, "HGET orbiter:workers:w1 version");
    assert_true(test_redis_int(&fleet.redis, "HGET orbiter:workers:w1 rss_kb") > 1000);
    assert_in_range(test_redis_int(&fleet.redis, "TTL orbiter:workers:w1"), 25, 30);
    submit("bad", "sim:error=auth");
    wait_status("bad", "failed");
    submit_long("a");
    test_child_signal(&worker, SIGTERM); /* beats again at once */
    test_wait_until("the heartbeat to say draining", is_draining, NULL, 5000);
    test_redis_expect(&fleet.redis, "a", "HGET orbiter:workers:w1 current_task_id");
    test_redis_expect(&fleet.redis, "1", "HGET orbiter:workers:w1 slots_busy");
    test_redis_expect(&fleet.redis, "1", "HGET orbiter:workers:w1 tasks_failed");
    test_redis_expect(&fleet.redis, "0", "HGET orbiter:workers:w1 tasks_processed");
    test_worker_stop(&worker);
}

/* ---- Redis in trouble --------------------------------------------------- */

static void redis_restarts_in_the_middle(void **state)
{
    (void)state;
    char id[] = "a";
    start_worker("2");
    submit("a", "sim:tokens=20,rate=40");
    test_wait_until("the first text", has_text, id, 10000);
    test_redis_kill(&fleet.redis);
    test_redis_restart(&fleet.redis);
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "attempt", "1");
    test_expect_drained(&fleet, QUEUE);
    assert_int_equal(orb_loop_turn(fleet.loop, 0), 0); /* the client here sees that its connection broke */
    submit_long("b"); /* claims, and hears cancels, as before */
    assert_int_equal(test_redis_int(&fleet.redis, "PUBLISH orbiter:cancel:b cancel"), 1);
    wait_status("b", "cancelled");
    test_worker_stop(&worker);
}

static void redis_forgets_everything(void **state)
{
    (void)state;
    char id[] = "a";
    start_worker("2");
    submit("a", "sim:tokens=20,rate=40");
    test_wait_until("the first text", has_text, id, 10000);
    test_redis_expect(&fleet.redis, "OK", "FLUSHALL");
    test_redis_expect(&fleet.redis, "OK", "SCRIPT FLUSH");
    submit("b", "sim:");
    wait_status("b", "completed");
    test_expect_drained(&fleet, QUEUE);
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:task:a"); /* a late outcome makes nothing */
    test_worker_stop(&worker);
}

static void the_script_cache_is_flushed_in_the_middle(void **state)
{
    (void)state;
    char id[] = "a";
    start_worker("2");
    submit("a", "sim:tokens=20,rate=40");
    test_wait_until("the first text", has_text, id, 10000);
    test_redis_expect(&fleet.redis, "OK", "SCRIPT FLUSH");
    wait_status("a", "completed");
    expect_events("a", "status:starting step:started text usage step:completed status:completed");
    test_redis_expect(&fleet.redis, "OK", "SCRIPT FLUSH");
    submit("b", "sim:");
    wait_status("b", "completed");
    test_worker_stop(&worker);
}

/* ---- a start that cannot be --------------------------------------------- */

static int run_worker(const char *url, const char *text)
{
    char program[TEST_PATH_MAX];
    test_build_path("orbiter-worker", program);
    test_child_start(&worker, fleet.redis.dir, ARGS(program, "--redis-url", url), NULL);
    test_child_expect(&worker, text, 10000);
    int status = test_child_wait(&worker, 10000);
    char *output = test_child_output(&worker);
    assert_null(strstr(output, "open-sesame"));
    assert_null(strstr(output, "wr0ng"));
    free(output);
    return status;
}

static void a_wrong_password_is_refused(void **state)
{
    (void)state;
    char url[TEST_PATH_MAX + 64];
    test_redis_expect(&fleet.redis, "OK", "CONFIG SET requirepass open-sesame");
    fleet.redis.password = "open-sesame";
    snprintf(url, sizeof url, "unix://:wr0ng@%s", fleet.redis.socket);
    assert_int_equal(run_worker(url, "WRONGPASS"), orb_error_exit(ORB_E_REFUSED));
    snprintf(url, sizeof url, "unix://%s", fleet.redis.socket);
    assert_int_equal(run_worker(url, "NOAUTH"), orb_error_exit(ORB_E_REFUSED));
    fleet.redis.password = NULL;
}

static void one_id_is_one_worker(void **state)
{
    (void)state;
    char program[TEST_PATH_MAX];
    start_worker("1");
    test_build_path("orbiter-worker", program);
    test_child_start(&other, fleet.redis.dir, ARGS(program, "--redis-url", fleet.redis.url, "--queue", QUEUE, "--worker-id", "w1"), NULL);
    assert_int_equal(test_child_wait(&other, 10000), orb_error_exit(ORB_E_REFUSED));
    char *text = test_child_output(&other);
    assert_non_null(strstr(text, "a worker with the id w1 is running"));
    free(text);
    /* A clean end frees the id at once. */
    test_worker_stop(&worker);
    start_worker("1");
    test_worker_stop(&worker);
}

static void who_has_lost_its_id_ends(void **state)
{
    (void)state;
    start_worker("1");
    submit_long("a");
    test_redis_expect(&fleet.redis, "OK", "SET orbiter:lease:w1 another PX 60000");
    assert_int_equal(test_child_wait(&worker, 10000), orb_error_exit(ORB_E_REFUSED));
    test_expect_field(&fleet, "a", "status", "pending");
    test_redis_expect(&fleet.redis, "another", "GET orbiter:lease:w1");
}

static void memory_is_not_ignored(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "XADD " QUEUE " * payload %s",
                         "{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\", \"model\": \"sim:\"}, \"metadata\": {\"memory\": {\"backend\": \"sqlite\"}}}"));
    start_worker("1");
    wait_status("a", "failed");
    expect_in_field("a", "error", "metadata.memory");
    test_worker_stop(&worker);
}

static void no_redis_at_start(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "redis://user:open-sesame@127.0.0.1:%d", test_free_port());
    assert_int_equal(run_worker(url, "cannot connect to Redis"), orb_error_exit(ORB_E_UNREACHABLE));
    assert_int_equal(run_worker("unix:///nowhere/r.sock", "/nowhere/r.sock"), orb_error_exit(ORB_E_UNREACHABLE));
}

static void a_namespace_and_a_queue_of_its_own(void **state)
{
    (void)state;
    struct orb_client *client;
    struct orb_error err;
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url, .ns = "blue" }, &client, &err), 0);
    struct orb_client *plain = fleet.client;
    fleet.client = client;
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "x", .queue = "parked" });
    fleet.client = plain;
    test_worker_start(&worker, &fleet, ARGS("--namespace", "blue", "--queue", "parked", "--worker-id", "w1"), NULL);
    test_child_expect(&worker, "queue parked", 5000);
    test_wait_field(&fleet, "a", "status", "(nil)", 1000);
    for (int64_t deadline = test_now_ms() + test_patience(10000);;) {
        char *text = test_redis_text(&fleet.redis, "HGET {blue}:orbiter:task:a status");
        int is = !strcmp(text, "completed");
        free(text);
        if (is)
            break;
        assert_true(test_now_ms() < deadline);
    }
    char *keys = test_redis_text(&fleet.redis, "KEYS *"), *rest = keys, *key;
    while ((key = strsep(&rest, "\n")))
        assert_memory_equal(key, "{blue}:", 7);
    free(keys);
    test_worker_stop(&worker);
    orb_client_free(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(success_with_all_events),
        TEST(success_not_detailed),
        TEST(a_tool_call_is_answered_and_the_next_step_follows),
        TEST(a_python_clients_task),
        TEST(a_permanent_failure_is_not_retried),
        TEST(what_this_worker_cannot_run_fails_with_the_reason),
        TEST(a_transient_failure_is_retried_without_a_terminal_event),
        TEST(a_provider_of_a_file),
        TEST(retries_are_used_up),
        TEST(an_attempt_ends_at_its_time_limit),
        TEST(cancel_closes_the_providers_connection),
        TEST(a_plain_publish_cancels),
        TEST(poison_is_dead_lettered_and_the_worker_goes_on),
        TEST(two_entries_of_one_task_run_once),
        TEST(no_more_tasks_than_slots),
        TEST(its_own_pending_entries_are_taken_over_slot_by_slot),
        TEST(free_slots_are_used_after_a_broken_connection),
        TEST(sigterm_lets_running_tasks_end),
        TEST(a_second_sigterm_hands_back_uncounted),
        TEST(an_idle_worker_ends_at_once),
        TEST(the_heartbeat_says_what_the_worker_does), TEST(the_heartbeat_says_soon_that_it_works),
        TEST(redis_restarts_in_the_middle),
        TEST(redis_forgets_everything),
        TEST(the_script_cache_is_flushed_in_the_middle),
        TEST(a_wrong_password_is_refused),
        TEST(one_id_is_one_worker),
        TEST(who_has_lost_its_id_ends),
        TEST(memory_is_not_ignored),
        TEST(no_redis_at_start),
        TEST(a_namespace_and_a_queue_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
