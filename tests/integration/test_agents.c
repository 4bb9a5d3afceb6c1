/* Agents and swarms through a real worker and a real Redis: what is in the stream, the hash and the result. */
#include "base/base.h"
#include "event/event.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define QUEUE "orbiter:tasks"
#define PRICES "# a table of ours\nsim:tokens 10 20 5 10\nsim:say 1000000 1000000 0 0\n"

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Tools of two kinds. */
static void write_tools(char tools[TEST_PATH_MAX + 64])
{
    snprintf(tools, TEST_PATH_MAX + 64, "%s/tools", fleet.redis.dir);
    assert_int_equal(mkdir(tools, 0700), 0);
    write_file(tools, "echo.json", "{\"name\": \"echo\", \"path\": \"mytools.echo\", \"description\": \"Says it back.\", \"kind\": \"exec\", \"argv\": [\"cat\"], "
               "\"parameters\": {\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"}}, \"required\": [\"text\"]}}");
    write_file(tools, "sleepy.json", "{\"name\": \"sleepy\", \"description\": \"Sleeps.\", \"kind\": \"exec\", \"argv\": [\"sh\", \"-c\", \"sleep 4711 & echo $$ $! end > pids; wait\"], "
               "\"timeout_seconds\": 600, \"parameters\": {\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"}}}}");
    write_file(tools, "python.json", "{\"kind\": \"python\", \"modules\": [\"lookup\"]}");
    write_file(tools, "lookup.py", "async def search_web(text: str) -> dict:\n    \"\"\"Search the web.\"\"\"\n    return {'found': text.upper()}\n");
}

static int start(void **state)
{
    char tools[TEST_PATH_MAX + 64];
    char prices[TEST_PATH_MAX + 64], setting[TEST_PATH_MAX + 128];
    (void)state;
    test_fleet_start(&fleet);
    snprintf(prices, sizeof prices, "%s/prices.txt", fleet.redis.dir);
    FILE *file = fopen(prices, "w");
    assert_non_null(file);
    fputs(PRICES, file);
    fclose(file);
    snprintf(setting, sizeof setting, "ORBITER_PRICES=%s", prices);
    write_tools(tools);
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "8", "--tools", tools), ARGS("ORBITER_LOG_LEVEL=DEBUG", setting));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

static void submit(const char *id, const char *config, const char *input)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .config = config, .input = input, .detailed = 1 });
}

static void wait_status(const char *id, const char *status)
{
    test_wait_field(&fleet, id, "status", status, 20000);
}

static double time_of(const char *id, const char *field)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s %s", id, field);
    double seconds = atof(text);
    free(text);
    return seconds;
}

static void expect_in(const char *what, const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("%s: '%s' is not in: %s", what, wanted, text);
}

static void expect_in_field(const char *id, const char *field, const char *wanted)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s %s", id, field);
    expect_in(field, text, wanted);
    free(text);
}

/* All text of an attempt, each agent's behind its name: "a(one two)b(three)". The order of seq is checked on the way. */
static void expect_text(const char *id, int attempt, const char *expected)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id), *rest = events, *line, last[64] = "";
    struct orb_buf b;
    free(test_events(&fleet, id));
    orb_buf_init(&b, 1024 * 1024);
    while ((line = strsep(&rest, "\n"))) {
        struct orb_event e;
        json_t *root;
        if (*line != '{' || orb_event_read(line, strlen(line), &e, &root, NULL))
            continue;
        if (e.type == ORB_EVENT_TEXT && e.attempt == attempt) {
            if (strcmp(last, e.agent_name))
                orb_buf_printf(&b, "%s%s(", *last ? ")" : "", e.agent_name);
            snprintf(last, sizeof last, "%s", e.agent_name);
            orb_buf_add(&b, e.text, e.text_len);
        }
        json_decref(root);
    }
    if (*last)
        orb_buf_char(&b, ')');
    if (strcmp(b.data ? b.data : "", expected))
        fail_msg("attempt %d of %s: '%s', expected '%s'; events:\n%s", attempt, id, b.data, expected,
                 test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id));
    orb_buf_done(&b);
    free(events);
}

static void expect_one_end(const char *id, const char *word)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id), wanted[64];
    int count = 0;
    snprintf(wanted, sizeof wanted, "\"status\": \"%s\", \"agent_name\"", word);
    for (const char *p = events; (p = strstr(p, wanted)); p++)
        count++;
    assert_int_equal(count, 1);
    free(events);
    test_expect_drained(&fleet, QUEUE);
}

static void a_researcher_and_a_writer(void **state)
{
    (void)state;
    submit("a", "{\"agents\": [{\"name\": \"researcher\", \"model\": \"sim:tokens=3\"}, {\"name\": \"writer\", \"model\": \"sim:\"}], "
                "\"flow\": \"researcher >> writer\"}", "quantum computing");
    wait_status("a", "completed");
    expect_text("a", 1, "researcher(w1 w2 w3)writer(w1 w2 w3)");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"w1 w2 w3\", \"text\": \"w1 w2 w3w1 w2 w3\"}");
    test_expect_field(&fleet, "a", "usage", "{\"input_tokens\": 5, \"output_tokens\": 6, \"total_tokens\": 11, \"cost\": 8e-05}");
    char *events = test_events(&fleet, "a");
    assert_string_equal(events, "status:running status:starting step:started text usage step:completed "
                                "status:running status:starting step:started text usage step:completed status:completed");
    free(events);
    expect_one_end("a", "completed");
    test_worker_stop(&worker);
}

static void control_is_handed_over(void **state)
{
    (void)state;
    submit("word", "{\"mode\": \"handoff\", \"agents\": [{\"name\": \"triage\", \"model\": \"sim:say=billing\", \"handoffs\": [{\"name\": \"billing\"}]}, "
                   "{\"name\": \"billing\", \"model\": \"sim:\"}]}", "I want my money");
    wait_status("word", "completed");
    expect_text("word", 1, "triage(billing)billing(billing)");
    submit("tool", "{\"mode\": \"handoff\", \"agents\": [{\"name\": \"triage\", \"model\": \"sim:tool=transfer_to_billing\", \"handoffs\": [{\"name\": "
                   "\"billing\"}]}, {\"name\": \"billing\", \"model\": \"sim:\"}]}", "I want my money");
    wait_status("tool", "completed");
    expect_text("tool", 1, "billing(I want my money)");
    submit("circle", "{\"mode\": \"handoff\", \"max_handoffs\": 3, \"agents\": [{\"name\": \"a\", \"model\": \"sim:say=b\", \"handoffs\": [{\"name\": \"b\"}]}, "
                     "{\"name\": \"b\", \"model\": \"sim:say=a\", \"handoffs\": [{\"name\": \"a\"}]}]}", "hi");
    wait_status("circle", "failed");
    test_expect_field(&fleet, "circle", "error", "Max handoffs (3) exceeded in swarm");
    test_expect_field(&fleet, "circle", "error_type", "SwarmError");
    test_expect_field(&fleet, "circle", "retries", "(nil)");
    test_expect_field(&fleet, "circle", "partial", "baba");
    test_worker_stop(&worker);
}

static void a_lead_delegates(void **state)
{
    (void)state;
    submit("a", "{\"mode\": \"team\", \"agents\": [{\"name\": \"lead\", \"model\": \"sim:tool=delegate_to_worker,arg=task,calls=3,say=All+done\"}, "
                "{\"name\": \"worker\", \"model\": \"sim:first=200\"}]}", "dig a hole");
    double before = orb_now();
    wait_status("a", "completed");
    assert_true(orb_now() - before < 10);
    test_expect_field(&fleet, "a", "result", "{\"output\": \"All done\", \"text\": \"dig a holedig a holedig a holeAll done\"}");
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    expect_in("events", events, "\"message\": \"Team lead 'lead' starting execution\"");
    expect_in("events", events, "\"result\": \"dig a hole\", \"error\": null, \"success\": true");
    free(events);
    expect_one_end("a", "completed");
    test_worker_stop(&worker);
}

/* The lead goes on at once, and the other member's model, which says nothing for a minute, is not waited for. */
static void a_lead_goes_on_without_its_worker(void **state)
{
    (void)state;
    submit("a", "{\"mode\": \"team\", \"agents\": [{\"name\": \"lead\", \"model\": \"sim:tool=delegate_to_both,arg=task,say=All+done\"}, "
                "{\"group\": \"parallel\", \"name\": \"both\", \"agents\": [{\"name\": \"silent\", \"model\": \"sim:delay=60000\"}, "
                "{\"name\": \"fussy\", \"model\": \"sim:error=content_filter@1,tokens=9\"}]}]}", "dig a hole");
    double before = orb_now();
    wait_status("a", "completed");
    assert_true(orb_now() - before < 10);
    test_expect_field(&fleet, "a", "result", "{\"output\": \"All done\", \"text\": \"w1 All done\"}");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    expect_in("events", events, "\"error\": \"Tool 'delegate_to_both' failed: ParallelGroup 'both' failed: Agent 'fussy' failed: [sim:error=content_filter@1,tokens=9] sim: the error");
    free(events);
    expect_one_end("a", "completed");
    test_worker_stop(&worker);
}

/* Both wait for 1.5 s; one after the other would take three. Their pieces come between each other. */
static void a_stage_runs_in_parallel(void **state)
{
    (void)state;
    submit("a", "{\"parallel\": true, \"flow\": \"(slow | quick) >> last\", \"agents\": [{\"name\": \"slow\", \"model\": \"sim:tokens=2,first=1500\"}, "
                "{\"name\": \"quick\", \"model\": \"sim:tokens=2,first=1500,rate=2\"}, {\"name\": \"last\", \"model\": \"sim:\"}]}", "hi");
    wait_status("a", "completed");
    assert_true(time_of("a", "completed_at") - time_of("a", "started_at") < 2.9);
    expect_in_field("a", "result", "{\"output\": \"w1 w2\\n\\nw1 w2\"");
    test_worker_stop(&worker);
}

static void the_next_model_of_a_chain_goes_on(void **state)
{
    (void)state;
    submit("a", "{\"agents\": [{\"name\": \"first\", \"model\": \"sim:tokens=2\"}, "
                "{\"name\": \"second\", \"model\": \"sim:tokens=9,error=overloaded@4 | none:x | sim:tokens=3\"}]}", "hi");
    wait_status("a", "completed");
    expect_text("a", 1, "first(w1 w2)second(w1 w2 w3 w4 )");
    expect_text("a", 3, "first(w1 w2)second(w1 w2 w3)");
    test_expect_field(&fleet, "a", "attempt", "3");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"w1 w2 w3\", \"text\": \"w1 w2w1 w2 w3\"}");
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    expect_in("events", events, "\"error\": \"[sim:tokens=9,error=overloaded@4] sim: the error that the model string asks for, after 4 tokens\", "
                                "\"error_type\": \"ModelError\", \"agent_name\": \"second\", \"step_number\": 1, \"recoverable\": true");
    free(events);
    expect_one_end("a", "completed");
    /* All of them fail: then it is the last one's error, and the task is tried again. */
    submit("b", "{\"name\": \"bot\", \"model\": \"sim:error=server | sim:error=auth\"}", "hi");
    wait_status("b", "failed");
    expect_in_field("b", "error", "[sim:error=auth] ");
    test_expect_field(&fleet, "b", "attempt", "2");
    expect_one_end("b", "error");
    test_worker_stop(&worker);
}

/* What comes after the fallback has the new attempt's number: a cancel, and the end. */
static void the_new_attempt_is_the_one_that_ends(void **state)
{
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:error=server@0 | sim:delay=60000\"}", "hi");
    test_wait_field(&fleet, "a", "attempt", "2", 10000);
    test_expect_field(&fleet, "a", "advanced_from", "1");
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:cancel:a cancel"));
    wait_status("a", "cancelled");
    expect_one_end("a", "cancelled");
    test_expect_field(&fleet, "a", "attempt", "2");
    test_worker_stop(&worker);
}

static void an_answer_fits_its_schema(void **state)
{
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:say=no+JSON;%7B%22n%22:+1%7D\", \"output_schema\": {\"type\": \"object\", \"required\": [\"n\"], "
                "\"properties\": {\"n\": {\"type\": \"integer\"}}}}", "hi");
    wait_status("a", "completed");
    test_expect_field(&fleet, "a", "result", "{\"output\": \"{\\\"n\\\": 1}\", \"text\": \"no JSON{\\\"n\\\": 1}\", \"parsed\": {\"n\": 1}}");
    submit("b", "{\"name\": \"bot\", \"model\": \"sim:say=no\", \"output_retries\": 1, \"output_schema\": {\"type\": \"object\"}}", "hi");
    wait_status("b", "failed");
    expect_in_field("b", "error", "Structured output is not valid JSON: ");
    test_expect_field(&fleet, "b", "partial", "nono");
    test_worker_stop(&worker);
}

static void spending_ends_at_its_limit(void **state)
{
    (void)state;
    submit("a", "{\"max_cost\": 1.5, \"agents\": [{\"name\": \"a\", \"model\": \"sim:say=one\"}, {\"name\": \"b\", \"model\": \"sim:say=two\"}]}", "hi");
    wait_status("a", "failed");
    test_expect_field(&fleet, "a", "error", "the task has cost $2.000000, and max_cost is $1.5; raise it, or ask for less");
    test_expect_field(&fleet, "a", "error_type", "BudgetError");
    expect_in_field("a", "usage", "\"cost\": 2.0}");
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +");
    expect_in("events", events, "\"model\": \"sim:say=one\", \"cached_tokens\": 0, \"reasoning_tokens\": 0, \"cost\": 2.0, \"total_cost\": 2.0");
    free(events);
    submit("b", "{\"name\": \"bot\", \"model\": \"sim:tool=none,steps=100\", \"max_steps\": 100}", "hi");
    wait_status("b", "failed");
    test_expect_field(&fleet, "b", "error_type", "LoopError");
    test_worker_stop(&worker);
}

/* Whatever a config is, its task fails with a reason, for good, and the worker goes on. */
static void malformed_configs_fail_at_once(void **state)
{
    static const struct { const char *config, *type, *error; } rows[] = {
        { "{}", "AgentError", "agent_config: the agent has no 'name': add one, for example \"name\": \"assistant\"" },
        { "{\"name\": \"a\", \"max_steps\": 0}", "AgentError", "max_steps must be >= 1, got 0" },
        { "{\"name\": \"a\", \"tools\": [\"echo\", \"mytools.echo\"]}", "AgentError", "Duplicate tool name 'echo' on agent 'a'" },
        { "{\"name\": \"a\", \"tools\": [{\"odd\": 1}]}", "ToolError", "tool 0 of the agent: an inline tool needs the \"name\" or the \"path\" of a tool that the worker has" },
        { "{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}, {\"name\": \"b\"}]}", "AgentError", "Duplicate handoff agent 'b' on agent 'a'" },
        { "{\"agents\": []}", "SwarmError", "Swarm requires at least one agent" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", "SwarmError", "Duplicate agent name 'a' in swarm" },
        { "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"zzz\"}", "SwarmError", "Unsupported swarm mode: 'zzz'" },
        { "{\"agents\": [{\"name\": \"a\"}], \"mode\": \"team\"}", "SwarmError", "Team mode requires at least two agents (lead + workers)" },
        { "{\"agents\": [{\"name\": \"a\"}], \"flow\": \" \"}", "SwarmError", "Invalid flow DSL: Empty flow DSL" },
        { "{\"agents\": [{\"name\": \"a\"}], \"flow\": \"a >>\"}", "SwarmError", "Invalid flow DSL: Malformed flow DSL: 'a >>'" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"b\"}], \"flow\": \"(a||b)\", \"parallel\": true}", "SwarmError",
          "Invalid flow DSL: Empty member in parallel group: '(a||b)'" },
        { "{\"agents\": [{\"name\": \"a\"}], \"flow\": \"z\"}", "SwarmError", "Flow references unknown agent 'z'" },
        { "{\"agents\": [{\"name\": \"a\"}, {\"name\": \"b\"}], \"flow\": \"a >> b >> a\", \"parallel\": true}", "SwarmError", "Cycle in flow DSL: Cycle detected in graph" },
        { "{\"name\": \"a\", \"output_schema\": {\"$ref\": \"#\"}}", "AgentError", "agent_config: output_schema: /$ref: '#' leads to itself" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        char id[8];
        snprintf(id, sizeof id, "t%zu", i);
        submit(id, rows[i].config, "hi");
    }
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        char id[8];
        snprintf(id, sizeof id, "t%zu", i);
        wait_status(id, "failed");
        test_expect_field(&fleet, id, "error", rows[i].error);
        test_expect_field(&fleet, id, "error_type", rows[i].type);
        test_expect_field(&fleet, id, "retries", "(nil)");
    }
    submit("good", "{\"name\": \"a\", \"model\": \"sim:\"}", "hi");
    wait_status("good", "completed");
    expect_one_end("t0", "error");
    test_worker_stop(&worker);
}

static int has_spoken(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "XLEN orbiter:stream:a") > 12;
}

/* A retry does not begin with a full purse. */
static void all_attempts_of_a_task_are_paid_together(void **state)
{
    (void)state;
    submit("a", "{\"max_cost\": 3, \"agents\": [{\"name\": \"a\", \"model\": \"sim:say=one\"}, {\"name\": \"b\", \"model\": \"sim:say=two,error=server@1\"}]}", "hi");
    wait_status("a", "failed");
    test_expect_field(&fleet, "a", "error_type", "BudgetError");
    test_expect_field(&fleet, "a", "retries", "1");
    submit("b", "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:say=one\"}, {\"name\": \"b\", \"model\": \"sim:say=two,error=server@1\"}]}", "hi");
    test_wait_field(&fleet, "b", "status", "retrying", 10000);
    expect_in_field("b", "usage", "\"cost\": 2.0}");
    test_wait_field(&fleet, "b", "retries", "2", 20000);
    expect_in_field("b", "usage", "{\"input_tokens\": 2, \"output_tokens\": 2, \"total_tokens\": 4, \"cost\": 4.0}");
    test_worker_stop(&worker);
}

/* ---- tools --------------------------------------------------------------- */

static void expect_in_events(const char *id, const char *wanted)
{
    char *text = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id);
    expect_in("the events", text, wanted);
    free(text);
}

static void a_program_answers(void **state)
{
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:tool=echo,arg=text\", \"tools\": [\"mytools.echo\"]}", "hello");
    wait_status("a", "completed");
    expect_in_events("a", "\"arguments\": {\"text\": \"hello\"}, \"result\": \"{\\\"text\\\": \\\"hello\\\"}");
    expect_in_events("a", "\"error\": null, \"success\": true");
}

/* As a Python client names it. */
static void a_python_function_answers(void **state)
{
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:tool=search_web,arg=text\", \"tools\": [\"lookup.search_web\"]}", "hello");
    wait_status("a", "completed");
    expect_in_events("a", "\"result\": \"{\\\"found\\\": \\\"HELLO\\\"}\", \"error\": null, \"success\": true");
}

static void a_path_without_a_binding_fails_at_once(void **state)
{
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:\", \"tools\": [\"other.fn\"]}", "hello");
    wait_status("a", "failed");
    test_expect_field(&fleet, "a", "error_type", "ToolError");
    test_expect_field(&fleet, "a", "retries", "(nil)");
    expect_in_field("a", "error", "no tool file of this worker binds it; put a file with \"path\": \"other.fn\" into ");
}

/* The tool writes its pid, and its child's. */
static int has_pids(void *arg)
{
    char path[TEST_PATH_MAX + 64], *text;
    int *pids = arg, n = 0;
    snprintf(path, sizeof path, "%s/tools/pids", fleet.redis.dir);
    text = test_file_read(path, NULL);
    if (text)
        n = sscanf(text, "%d %d end", &pids[0], &pids[1]);
    n = n == 2 && strstr(text, "end");
    free(text);
    return n;
}

static int are_gone(void *arg)
{
    const int *pids = arg;
    return kill(pids[0], 0) && kill(pids[1], 0);
}

static void a_tool_is_killed_with_its_task(void **state)
{
    int pids[2];
    (void)state;
    submit("a", "{\"name\": \"bot\", \"model\": \"sim:tool=sleepy,arg=text\", \"tools\": [\"sleepy\"]}", "hello");
    test_wait_until("the tool to run", has_pids, pids, 10000);
    test_redis_int(&fleet.redis, "PUBLISH orbiter:cancel:a cancel");
    test_wait_until("its processes to be gone", are_gone, pids, 2000);
    wait_status("a", "cancelled");
    test_expect_drained(&fleet, QUEUE);
}

/* All conversations of a task stop at once, and nothing is left of it. */
static void a_swarm_is_cancelled_in_the_middle(void **state)
{
    (void)state;
    submit("a", "{\"parallel\": true, \"flow\": \"(x | y | z)\", \"agents\": [{\"name\": \"x\", \"model\": \"sim:tokens=1000,rate=20\"}, "
                "{\"name\": \"y\", \"model\": \"sim:tokens=1000,rate=20\"}, {\"name\": \"z\", \"model\": \"sim:delay=60000\"}]}", "hi");
    test_wait_until("both to speak", has_spoken, NULL, 10000);
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:cancel:a cancel"));
    wait_status("a", "cancelled");
    expect_one_end("a", "cancelled");
    expect_in_field("a", "partial", "w1 w2");
    test_worker_stop(&worker);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(a_researcher_and_a_writer), CASE(control_is_handed_over), CASE(a_lead_delegates), CASE(a_lead_goes_on_without_its_worker), CASE(a_stage_runs_in_parallel),
        CASE(the_next_model_of_a_chain_goes_on), CASE(the_new_attempt_is_the_one_that_ends), CASE(an_answer_fits_its_schema), CASE(spending_ends_at_its_limit),
        CASE(all_attempts_of_a_task_are_paid_together), CASE(a_swarm_is_cancelled_in_the_middle),
        CASE(malformed_configs_fail_at_once), CASE(a_program_answers), CASE(a_python_function_answers), CASE(a_path_without_a_binding_fails_at_once), CASE(a_tool_is_killed_with_its_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
