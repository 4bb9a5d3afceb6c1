/* The step machine of an agent: what happens goes in, events and the next move
 * come out. No server, no clock. */
#include "agent/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The events as one line each: "text:hello". */
static char trace[8192];
static int is_deaf;

static void on_event(void *arg, const struct orb_event_out *e)
{
    static const char *const names[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage" };
    size_t n = strlen(trace);
    (void)arg;
    if (is_deaf)
        return;
    assert_string_equal(e->agent_name, "bot");
    n += (size_t)snprintf(trace + n, sizeof trace - n, "%s", names[e->type]);
    if (e->word)
        n += (size_t)snprintf(trace + n, sizeof trace - n, " %s", e->word);
    if (e->step_number)
        n += (size_t)snprintf(trace + n, sizeof trace - n, " #%d", (int)e->step_number);
    if (e->tool_call_id)
        n += (size_t)snprintf(trace + n, sizeof trace - n, " id=%s", e->tool_call_id);
    if (e->usage)
        n += (size_t)snprintf(trace + n, sizeof trace - n, " %d+%d=%d", (int)e->usage[0], (int)e->usage[1], (int)e->usage[2]);
    if (e->text)
        n += (size_t)snprintf(trace + n, sizeof trace - n, ": %.*s", (int)e->text_len, e->text);
    if (e->tool_error)
        n += (size_t)snprintf(trace + n, sizeof trace - n, " error=%s", e->tool_error);
    assert_true(n < sizeof trace - 1);
    strcat(trace, "\n");
}

static struct orb_run *new_run(const char *config, const char *history, int is_detailed, struct orb_error *err)
{
    struct orb_agent agent;
    json_t *c = json_loads(config, 0, NULL), *h = history ? json_loads(history, 0, NULL) : NULL;
    assert_non_null(c);
    struct orb_run *run = NULL;
    trace[0] = '\0';
    if (!orb_agent_parse(c, &agent, err))
        run = orb_run_new(&agent, h, "hi", 2, is_detailed, on_event, NULL, err);
    json_decref(c);
    json_decref(h);
    return run;
}

static struct orb_run *started(const char *config, int is_detailed)
{
    struct orb_error err = { 0 };
    struct orb_run *run = new_run(config, NULL, is_detailed, &err);
    if (!run)
        fail_msg("%s", err.text);
    assert_int_equal(orb_run_start(run, 100.5), ORB_RUN_REQUEST);
    return run;
}

static void say(struct orb_run *run, const char *text)
{
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_TEXT, .text = text, .len = strlen(text) });
}

static void call_tool(struct orb_run *run, int index, const char *id, const char *name, const char *arguments)
{
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .index = index, .id = id, .name = name, .text = arguments, .len = strlen(arguments) });
}

static void use_tokens(struct orb_run *run, int64_t in, int64_t out)
{
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { in, out, in + out } });
}

static enum orb_run_next answered(struct orb_run *run)
{
    struct orb_error err = { 0 };
    return orb_run_answered(run, 101.5, &err);
}

static void expect_result(const struct orb_run *run, const char *expected)
{
    struct orb_buf b;
    orb_buf_init(&b, 65536);
    orb_run_result(run, &b);
    assert_string_equal(b.data, expected);
    orb_buf_done(&b);
}

static void one_step_detailed(void **state)
{
    (void)state;
    struct orb_run *run = started("{\"name\": \"bot\", \"model\": \"sim:\"}", 1);
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_REASONING, .text = "hm", .len = 2 });
    say(run, "Hello");
    say(run, "");
    say(run, " you");
    use_tokens(run, 1, 1);
    use_tokens(run, 3, 2); /* replaces */
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_FINISH });
    assert_int_equal(answered(run), ORB_RUN_DONE);
    assert_string_equal(trace, "status starting: Agent 'bot' starting execution\n"
                               "step started #1\n"
                               "reasoning: hm\n"
                               "text: Hello\n"
                               "text:  you\n"
                               "usage sim: #1 3+2=5\n"
                               "step completed #1 3+2=5\n");
    expect_result(run, "{\"output\": \"Hello you\"}");
    orb_run_free(run);
}

static void one_step_not_detailed(void **state)
{
    (void)state;
    struct orb_run *run = started("{\"name\": \"bot\"}", 0);
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_REASONING, .text = "hm", .len = 2 });
    say(run, "Hello");
    assert_int_equal(answered(run), ORB_RUN_DONE);
    assert_string_equal(trace, "text: Hello\n");
    orb_run_free(run);
}

static void tools_are_answered_and_a_second_step_follows(void **state)
{
    (void)state;
    char usage[128];
    struct orb_model_call ask;
    struct orb_run *run = started("{\"name\": \"bot\", \"model\": \"sim:\", \"instructions\": \"Be brief.\", \"temperature\": 0.5, \"max_tokens\": 9}", 1);
    say(run, "Looking");
    call_tool(run, 0, "call_1", "ad", "{\"x\":");
    call_tool(run, 1, NULL, "mul", "");
    call_tool(run, 0, NULL, "add", " 1}"); /* a name replaces, arguments are appended */
    use_tokens(run, 10, 5);
    assert_int_equal(answered(run), ORB_RUN_REQUEST);
    assert_string_equal(trace, "status starting: Agent 'bot' starting execution\n"
                               "step started #1\n"
                               "text: Looking\n"
                               "usage sim: #1 10+5=15\n"
                               "tool_call add id=call_1\n"
                               "tool_call mul id=call_1_1\n"
                               "tool_result add id=call_1 error=Unknown tool 'add'\n"
                               "tool_result mul id=call_1_1 error=Unknown tool 'mul'\n"
                               "step completed #1 10+5=15\n"
                               "step started #2\n");
    orb_run_call(run, &ask);
    assert_true(ask.temperature == 0.5);
    assert_int_equal(ask.max_tokens, 9);
    char *messages = json_dumps(ask.messages, JSON_COMPACT);
    assert_string_equal(messages,
        "[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"hi\"},"
        "{\"role\":\"assistant\",\"content\":\"Looking\",\"tool_calls\":[{\"id\":\"call_1\",\"name\":\"add\",\"arguments\":\"{\\\"x\\\": 1}\"},"
        "{\"id\":\"call_1_1\",\"name\":\"mul\",\"arguments\":\"\"}]},"
        "{\"role\":\"tool\",\"content\":\"Unknown tool 'add'\",\"tool_call_id\":\"call_1\",\"tool_name\":\"add\",\"error\":\"Unknown tool 'add'\"},"
        "{\"role\":\"tool\",\"content\":\"Unknown tool 'mul'\",\"tool_call_id\":\"call_1_1\",\"tool_name\":\"mul\",\"error\":\"Unknown tool 'mul'\"}]");
    free(messages);
    json_decref(ask.messages);
    trace[0] = '\0';
    say(run, "Done");
    use_tokens(run, 20, 1);
    orb_run_usage(run, usage); /* while a step is under way its tokens count too */
    assert_string_equal(usage, "{\"input_tokens\": 30, \"output_tokens\": 6, \"total_tokens\": 36}");
    assert_int_equal(answered(run), ORB_RUN_DONE);
    assert_string_equal(trace, "text: Done\nusage sim: #2 20+1=21\nstep completed #2 20+1=21\n");
    orb_run_usage(run, usage);
    assert_string_equal(usage, "{\"input_tokens\": 30, \"output_tokens\": 6, \"total_tokens\": 36}");
    expect_result(run, "{\"output\": \"Done\", \"text\": \"LookingDone\"}");
    orb_run_free(run);
}

static void tools_not_detailed(void **state)
{
    (void)state;
    struct orb_run *run = started("{\"name\": \"bot\"}", 0);
    call_tool(run, 0, "c", "add", "{}");
    assert_int_equal(answered(run), ORB_RUN_REQUEST);
    assert_string_equal(trace, "tool_call add id=c\n");
    orb_run_free(run);
}

static void arguments_that_are_no_object_are_the_tools_error(void **state)
{
    (void)state;
    struct orb_run *run = started("{\"name\": \"bot\"}", 1);
    call_tool(run, 0, "a", "add", "[1]");
    call_tool(run, 1, "b", "add", "{\"x\":");
    call_tool(run, 2, "c", "add", " \n ");
    assert_int_equal(answered(run), ORB_RUN_REQUEST);
    assert_non_null(strstr(trace, "tool_result add id=a error=Tool 'add' arguments must be a JSON object\n"));
    assert_non_null(strstr(trace, "tool_result add id=b error=Invalid JSON in arguments for tool 'add': "));
    assert_non_null(strstr(trace, "tool_result add id=c error=Unknown tool 'add'\n"));
    orb_run_free(run);
}

static void the_last_step_ends_the_run_even_with_calls(void **state)
{
    (void)state;
    struct orb_run *run = started("{\"name\": \"bot\", \"max_steps\": 2}", 0);
    call_tool(run, 0, "a", "add", "");
    assert_int_equal(answered(run), ORB_RUN_REQUEST);
    say(run, "so far");
    call_tool(run, 0, "b", "add", "");
    assert_int_equal(answered(run), ORB_RUN_DONE);
    expect_result(run, "{\"output\": \"so far\"}");
    orb_run_free(run);
}

static void errors_of_the_model_name_it(void **state)
{
    (void)state;
    struct orb_error err = { 0 };
    struct orb_run *run = started("{\"name\": \"bot\", \"model\": \"openai:gpt-4o\"}", 0);
    orb_error_set(&err, ORB_E_MODEL_RATE, "boom");
    err.retry_after_ms = 70;
    orb_run_fail(run, &err, 1);
    assert_string_equal(trace, "error ModelError #1: [openai:gpt-4o] boom\n");
    assert_string_equal(err.text, "[openai:gpt-4o] boom");
    assert_int_equal(err.code, ORB_E_MODEL_RATE);
    assert_int_equal(err.retry_after_ms, 70);
    trace[0] = '\0';
    orb_error_set(&err, ORB_E_TIMEOUT, "late");
    orb_run_fail(run, &err, 0);
    assert_string_equal(trace, "error TimeoutError #1: late\n");
    orb_run_free(run);
}

static void answers_over_a_limit_fail_the_run(void **state)
{
    (void)state;
    enum { MIB = 1024 * 1024 };
    char *piece = malloc(MIB + 1);
    memset(piece, 'x', MIB);
    piece[MIB] = '\0';
    struct orb_error err = { 0 };
    struct orb_run *run = started("{\"name\": \"bot\"}", 0);
    trace[0] = '\0';
    call_tool(run, 128, "a", "add", "");
    assert_int_equal(orb_run_answered(run, 1, &err), ORB_RUN_FAILED);
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    orb_run_free(run);

    run = started("{\"name\": \"bot\"}", 0);
    call_tool(run, 0, "a", "add", piece);
    call_tool(run, 0, NULL, NULL, "y");
    assert_int_equal(orb_run_answered(run, 1, &err), ORB_RUN_FAILED);
    orb_run_free(run);

    size_t len;
    run = started("{\"name\": \"bot\"}", 0);
    is_deaf = 1; /* the trace has no room for it */
    for (int i = 0; i < 8; i++)
        orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_TEXT, .text = piece, .len = MIB - 1 });
    is_deaf = 0;
    orb_run_text(run, &len);
    assert_int_equal(len, 8 * (MIB - 1));
    say(run, "123456789"); /* one byte too many */
    assert_int_equal(orb_run_answered(run, 1, &err), ORB_RUN_FAILED);
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    orb_run_text(run, &len);
    assert_int_equal(len, 8 * (MIB - 1)); /* the part before is kept */
    orb_run_free(run);
    free(piece);
}

/* Each step is within its limits, all of them together are not. */
static void a_conversation_that_grows_without_end_fails_the_run(void **state)
{
    (void)state;
    enum { MIB = 1024 * 1024 };
    static char piece[MIB];
    memset(piece, 'x', sizeof piece - 1);
    struct orb_error err = { 0 };
    struct orb_run *run = started("{\"name\": \"bot\", \"max_steps\": 1000}", 0);
    enum orb_run_next next = ORB_RUN_REQUEST;
    int steps = 0;
    is_deaf = 1;
    for (; next == ORB_RUN_REQUEST && steps < 40; steps++) {
        call_tool(run, 0, "a", "add", piece);
        next = orb_run_answered(run, 1, &err);
    }
    assert_int_equal(next, ORB_RUN_FAILED);
    assert_int_equal(err.code, ORB_E_TOO_LARGE);
    assert_int_equal(steps, 16);
    orb_run_free(run);

    /* And within one step. */
    run = started("{\"name\": \"bot\"}", 0);
    for (int i = 0; i < 17; i++)
        call_tool(run, i, "a", "add", piece);
    assert_int_equal(orb_run_answered(run, 1, &err), ORB_RUN_FAILED);
    orb_run_free(run);
    is_deaf = 0;
}

static void absurd_token_counts_are_cut(void **state)
{
    (void)state;
    char usage[128];
    struct orb_run *run = started("{\"name\": \"bot\"}", 0);
    for (int i = 0; i < 3; i++) {
        orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { INT64_MAX, -5, INT64_MAX } });
        call_tool(run, 0, "a", "add", "");
        assert_int_equal(answered(run), ORB_RUN_REQUEST);
    }
    orb_run_delta(run, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { INT64_MAX, 7, INT64_MAX } });
    orb_run_usage(run, usage);
    assert_string_equal(usage, "{\"input_tokens\": 9007199254740992, \"output_tokens\": 7, \"total_tokens\": 9007199254740992}");
    orb_run_free(run);
}

static void history_goes_between_instructions_and_input(void **state)
{
    (void)state;
    struct orb_error err;
    struct orb_model_call ask;
    struct orb_run *run = new_run("{\"name\": \"bot\", \"instructions\": \"I\"}",
        "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}, {\"role\": \"system\", \"content\": \"c\"}, "
        "{\"role\": \"tool\", \"tool_call_id\": \"t\", \"tool_name\": \"n\", \"content\": \"d\"}]", 0, &err);
    assert_non_null(run);
    orb_run_start(run, 1);
    orb_run_call(run, &ask);
    static const char *const contents[] = { "I", "a", "b", "c", "d", "hi" };
    assert_int_equal(json_array_size(ask.messages), 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(orb_json_get_str(json_array_get(ask.messages, i), "content", ""), contents[i]);
    json_decref(ask.messages);
    orb_run_free(run);
}

static void bad_history_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "[{\"role\": \"developer\", \"content\": \"a\"}]", "Unknown message role: 'developer'" },
        { "[{\"content\": \"a\"}]", "Unknown message role: ''" },
        { "[7]", "Unknown message role: ''" },
        { "[{\"role\": \"user\", \"content\": \"\"}, {\"role\": \"tool\", \"tool_name\": \"n\"}]", "messages[1]" },
        { "[{\"role\": \"tool\", \"tool_call_id\": 1, \"tool_name\": \"n\"}]", "tool_call_id" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_error err = { 0 };
        assert_null(new_run("{\"name\": \"bot\"}", bad[i][0], 0, &err));
        assert_int_equal(err.code, ORB_E_AGENT);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void agents_that_cannot_be_run_are_refused(void **state)
{
    (void)state;
    static const struct { const char *config, *reason; int code; } bad[] = {
        { "{}", "name is missing", ORB_E_AGENT },
        { "{\"name\": 7}", "name", ORB_E_AGENT },
        { "{\"name\": \"a\", \"model\": null}", "model", ORB_E_AGENT },
        { "{\"name\": \"a\", \"instructions\": []}", "instructions", ORB_E_AGENT },
        { "{\"name\": \"a\", \"max_steps\": 0}", "max_steps must be >= 1, got 0", ORB_E_AGENT },
        { "{\"name\": \"a\", \"max_steps\": 1001}", "max_steps must be <= 1000", ORB_E_AGENT },
        { "{\"name\": \"a\", \"max_steps\": \"2\"}", "max_steps", ORB_E_AGENT },
        { "{\"name\": \"a\", \"temperature\": \"hot\"}", "temperature", ORB_E_AGENT },
        { "{\"name\": \"a\", \"max_tokens\": 0}", "max_tokens", ORB_E_AGENT },
        { "{\"agents\": [{\"name\": \"r\"}]}", "swarm", ORB_E_SWARM },
        { "{\"name\": \"a\", \"tools\": [\"m.add\"]}", "m.add", ORB_E_TOOL },
        { "{\"name\": \"a\", \"tools\": [{\"__mcp_tool__\": true, \"name\": \"mcp__x\"}]}", "mcp__x", ORB_E_TOOL },
        { "{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}]}", "handoffs", ORB_E_SWARM },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_error err = { 0 };
        assert_null(new_run(bad[i].config, NULL, 0, &err));
        if (err.code != bad[i].code || !strstr(err.text, bad[i].reason))
            fail_msg("%s: %d: %s", bad[i].config, err.code, err.text);
        assert_int_equal(orb_error_is_retryable(err.code), 0);
    }
}

static void agents_take_their_defaults(void **state)
{
    (void)state;
    struct orb_error err;
    struct orb_run *run = new_run("{\"name\": \"bot\", \"tools\": [], \"handoffs\": [], \"max_tokens\": null, \"output_type\": \"m.T\", \"later\": 1}", NULL, 0, &err);
    assert_non_null(run);
    const struct orb_agent *agent = orb_run_agent(run);
    assert_string_equal(agent->model, "openai:gpt-4o");
    assert_string_equal(agent->instructions, "");
    assert_int_equal(agent->max_steps, 10);
    assert_int_equal(agent->max_tokens, 0);
    assert_true(agent->temperature == 1.0);
    orb_run_free(run);
    orb_run_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_detailed),
        cmocka_unit_test(one_step_not_detailed),
        cmocka_unit_test(tools_are_answered_and_a_second_step_follows),
        cmocka_unit_test(tools_not_detailed),
        cmocka_unit_test(arguments_that_are_no_object_are_the_tools_error),
        cmocka_unit_test(the_last_step_ends_the_run_even_with_calls),
        cmocka_unit_test(errors_of_the_model_name_it),
        cmocka_unit_test(answers_over_a_limit_fail_the_run),
        cmocka_unit_test(a_conversation_that_grows_without_end_fails_the_run),
        cmocka_unit_test(absurd_token_counts_are_cut),
        cmocka_unit_test(history_goes_between_instructions_and_input),
        cmocka_unit_test(bad_history_is_refused),
        cmocka_unit_test(agents_that_cannot_be_run_are_refused),
        cmocka_unit_test(agents_take_their_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
