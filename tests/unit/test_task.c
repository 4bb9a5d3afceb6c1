/* The payload: what is accepted as Python's reader accepts it, what is refused,
 * and the bytes that are written. */
#include "task/hash.h"
#include "task/task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parse(const char *payload, struct orb_task *task)
{
    struct orb_error err = { 0 };
    if (orb_task_parse(payload, strlen(payload), task, &err))
        fail_msg("%s: %s", payload, err.text);
}

static void a_payload_of_the_python_package(void **state)
{
    (void)state;
    struct orb_task t;
    parse("{\"task_id\": \"9f0c\", \"agent_config\": {\"name\": \"bot\"}, \"input\": \"h\\u00ef\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}], "
          "\"model\": null, \"detailed\": true, \"metadata\": {\"k\": 1}, \"created_at\": 1795461238.71, \"timeout_seconds\": 12.5, \"later\": {}}", &t);
    assert_string_equal(t.id, "9f0c");
    assert_string_equal(orb_task_agent_name(t.agent_config), "bot");
    assert_int_equal(t.input_len, 3);
    assert_string_equal(t.input, "h\u00ef");
    assert_int_equal(json_array_size(t.messages), 1);
    assert_int_equal(t.detailed, 1);
    assert_true(t.timeout_seconds == 12.5);
    assert_int_equal(json_object_size(t.metadata), 1);
    orb_task_done(&t);
}

static void missing_keys_take_their_defaults(void **state)
{
    (void)state;
    struct orb_task t;
    parse("{\"task_id\": \"a\"}", &t);
    assert_int_equal(json_object_size(t.agent_config), 0);
    assert_true(json_is_object(t.agent_config));
    assert_string_equal(t.input, "");
    assert_int_equal(t.detailed, 0);
    assert_true(t.timeout_seconds == 300.0);
    orb_task_done(&t);
    orb_task_done(&t); /* twice is fine */
}

static void numbers_and_booleans_may_be_lax(void **state)
{
    (void)state;
    static const struct { const char *json; double seconds; } seconds[] = {
        { "\"12\"", 12 }, { "\"1e1\"", 10 }, { "0", 0 }, { "true", 1 }, { "7", 7 },
    };
    static const struct { const char *json; int value; } flags[] = {
        { "\"yes\"", 1 }, { "\"on\"", 1 }, { "\"True\"", 1 }, { "1", 1 }, { "1.0", 1 }, { "\"t\"", 1 }, { "\"y\"", 1 }, { "\"1\"", 1 },
        { "\"no\"", 0 }, { "\"OFF\"", 0 }, { "\"false\"", 0 }, { "0", 0 }, { "\"n\"", 0 }, { "\"f\"", 0 }, { "\"0\"", 0 },
    };
    struct orb_task t;
    char payload[256];
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        snprintf(payload, sizeof payload, "{\"task_id\": \"a\", \"timeout_seconds\": %s}", seconds[i].json);
        parse(payload, &t);
        assert_true(t.timeout_seconds == seconds[i].seconds);
        orb_task_done(&t);
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        snprintf(payload, sizeof payload, "{\"task_id\": \"a\", \"detailed\": %s}", flags[i].json);
        parse(payload, &t);
        assert_int_equal(t.detailed, flags[i].value);
        orb_task_done(&t);
    }
}

static void keys_of_ours_have_defaults_and_may_be_lax(void **state)
{
    (void)state;
    struct orb_task t;
    parse("{\"task_id\": \"a\"}", &t);
    assert_int_equal(t.max_retries, 3);
    assert_int_equal(t.priority, 5);
    assert_true(t.deadline + t.first_token_timeout + t.idle_timeout <= 0);
    assert_null(t.resubmit_of);
    orb_task_done(&t);
    parse("{\"task_id\": \"a\", \"max_retries\": \"100\", \"priority\": 0.0, \"deadline\": 1795461238.5, \"first_token_timeout\": \"1e1\", "
          "\"idle_timeout\": true, \"resubmit_of\": \"b\", \"idempotency_key\": \"\\u0000\"}", &t);
    assert_int_equal(t.max_retries, 100);
    assert_int_equal(t.priority, 0);
    assert_true(t.deadline == 1795461238.5);
    assert_true(t.first_token_timeout == 10);
    assert_true(t.idle_timeout == 1);
    assert_string_equal(t.resubmit_of, "b");
    orb_task_done(&t);
}

/* Each with a word that the reason must have, and the id that could be read. */
static void bad_payloads_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct { const char *json, *reason, *id; } bad[] = {
        { "", "line 1", "" },
        { "not json", "line 1", "" },
        { "[]", "object", "" },
        { "\"x\"", "object", "" },
        { "{}", "task_id", "" },
        { "{\"task_id\": 12}", "task_id", "" },
        { "{\"task_id\": null}", "task_id", "" },
        { "{\"task_id\": \"\"}", "task_id", "" },
        { "{\"task_id\": \"index\"}", "task_id", "" },
        { "{\"task_id\": \"a b\"}", "task_id", "" },
        { "{\"task_id\": \"a\\u0000b\"}", "task_id", "" },
        { "{\"task_id\": \"../x\\n\"}", "task_id", "" },
        { "{\"task_id\": \"a\", \"input\": null}", "input", "a" },
        { "{\"task_id\": \"a\", \"input\": [\"x\"]}", "input", "a" },
        { "{\"task_id\": \"a\", \"agent_config\": []}", "agent_config", "a" },
        { "{\"task_id\": \"a\", \"agent_config\": null}", "agent_config", "a" },
        { "{\"task_id\": \"a\", \"messages\": {}}", "messages", "a" },
        { "{\"task_id\": \"a\", \"metadata\": []}", "metadata", "a" },
        { "{\"task_id\": \"a\", \"detailed\": \"maybe\"}", "detailed", "a" },
        { "{\"task_id\": \"a\", \"detailed\": 2}", "detailed", "a" },
        { "{\"task_id\": \"a\", \"detailed\": null}", "detailed", "a" },
        { "{\"task_id\": \"a\", \"timeout_seconds\": \"soon\"}", "timeout_seconds", "a" },
        { "{\"task_id\": \"a\", \"timeout_seconds\": -1}", "timeout_seconds", "a" },
        { "{\"task_id\": \"a\", \"timeout_seconds\": null}", "timeout_seconds", "a" },
        { "{\"task_id\": \"a\", \"timeout_seconds\": NaN}", "timeout_seconds", "a" },
        { "{\"task_id\": \"a\", \"max_retries\": -1}", "max_retries", "a" },
        { "{\"task_id\": \"a\", \"max_retries\": 101}", "max_retries", "a" },
        { "{\"task_id\": \"a\", \"max_retries\": 1.5}", "max_retries", "a" },
        { "{\"task_id\": \"a\", \"max_retries\": null}", "max_retries", "a" },
        { "{\"task_id\": \"a\", \"max_retries\": 1e400}", "max_retries", "a" },
        { "{\"task_id\": \"a\", \"priority\": 10}", "priority", "a" },
        { "{\"task_id\": \"a\", \"priority\": \"high\"}", "priority", "a" },
        { "{\"task_id\": \"a\", \"priority\": [5]}", "priority", "a" },
        { "{\"task_id\": \"a\", \"deadline\": -5}", "deadline", "a" },
        { "{\"task_id\": \"a\", \"deadline\": Infinity}", "deadline", "a" },
        { "{\"task_id\": \"a\", \"first_token_timeout\": \"\"}", "first_token_timeout", "a" },
        { "{\"task_id\": \"a\", \"idle_timeout\": -0.5}", "idle_timeout", "a" },
        { "{\"task_id\": \"a\", \"idle_timeout\": {}}", "idle_timeout", "a" },
        { "{\"task_id\": \"a\", \"resubmit_of\": 7}", "resubmit_of", "a" },
        { "{\"task_id\": \"a\", \"resubmit_of\": \"b\\u0000c\"}", "resubmit_of", "a" },
        { "{\"task_id\": \"a\", \"resubmit_of\": \"b c\"}", "resubmit_of", "a" },
        { "{\"task_id\": \"a\", \"resubmit_of\": \"b\", \"idempotency_key\": 7}", "idempotency_key", "a" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_task t;
        struct orb_error err = { 0 };
        int rc = orb_task_parse(bad[i].json, strlen(bad[i].json), &t, &err);
        if (rc != ORB_E_INVALID || err.code != rc || !strstr(err.text, bad[i].reason) || strcmp(t.id, bad[i].id))
            fail_msg("%s: %d, id \"%s\": %s", bad[i].json, rc, t.id, err.text);
        assert_null(t.agent_config);
        assert_null(t.input);
    }
}

static void the_id_of_what_is_no_json_is_still_known(void **state)
{
    (void)state;
    static const struct { const char *payload, *id; } cases[] = {
        { "{\"task_id\": \"p11\", \"input\": \"\xff\"}", "p11" }, { "{\"task_id\":\"p12\", oops", "p12" },
        { "{\"input\": \"\xff\", \"task_id\": \"p13\"}", "" }, { "{\"task_id\": \"no good\", oops", "" }, { "{\"task_id\": \"", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct orb_task task;
        assert_int_equal(orb_task_parse(cases[i].payload, strlen(cases[i].payload), &task, NULL), ORB_E_INVALID);
        assert_string_equal(task.id, cases[i].id);
    }
}

static void what_python_writes_and_json_forbids_is_read(void **state)
{
    (void)state;
    struct orb_task t;
    parse("{\"task_id\": \"a\", \"input\": \"x\\u0000\\ud83d\", \"metadata\": {\"n\": NaN, \"i\": 123456789012345678901234567890, \"r\": 1e400}, \"task_id\": \"b\"}", &t);
    assert_string_equal(t.id, "b"); /* of two equal keys the last counts */
    assert_int_equal(t.input_len, 5);
    assert_memory_equal(t.input, "x\0\xef\xbf\xbd", 5);
    assert_true(json_is_null(json_object_get(t.metadata, "n")));
    assert_true(json_is_real(json_object_get(t.metadata, "i")));
    orb_task_done(&t);
}

static void a_swarm_is_named_for_its_first_agent(void **state)
{
    (void)state;
    static const char *const configs[][2] = {
        { "{\"agents\": [{\"name\": \"r\"}, {\"name\": \"w\"}], \"name\": \"x\"}", "r" }, { "{\"agents\": []}", "" },
        { "{\"agents\": [7]}", "" }, { "{\"name\": 7}", "" }, { "{}", "" }, { "{\"name\": \"solo\"}", "solo" },
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        json_t *config = json_loads(configs[i][0], 0, NULL);
        assert_string_equal(orb_task_agent_name(config), configs[i][1]);
        json_decref(config);
    }
}

static int write_spec(const struct orb_task_spec *spec, struct orb_buf *out, struct orb_error *err)
{
    orb_buf_init(out, ORB_PAYLOAD_MAX);
    return orb_task_write(spec, "9f0c", 1795461238.71, out, err);
}

static void a_spec_is_written_as_python_writes_it(void **state)
{
    (void)state;
    struct orb_buf b;
    struct orb_error err;
    struct orb_task_spec spec = {
        .agent_config = "{\"name\":\"bot\",\"temperature\":1e-5,\"tokens\":null}", .input = "Gr\u00fc\u00dfe \"\n\x7f/", .input_len = strlen("Gr\u00fc\u00dfe \"\n\x7f/"),
        .messages = "[{\"role\":\"user\",\"content\":\"\\ud83d\\ude00\"}]", .metadata = "{\"z\":1,\"a\":300.0}", .detailed = 1, .timeout_seconds = 12,
    };
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    assert_string_equal(b.data,
        "{\"task_id\": \"9f0c\", \"agent_config\": {\"name\": \"bot\", \"temperature\": 1e-05, \"tokens\": null}, "
        "\"input\": \"Gr\\u00fc\\u00dfe \\\"\\n\\u007f/\", \"messages\": [{\"role\": \"user\", \"content\": \"\\ud83d\\ude00\"}], \"model\": null, "
        "\"detailed\": true, \"metadata\": {\"z\": 1, \"a\": 300.0}, \"created_at\": 1795461238.71, \"timeout_seconds\": 12.0}");
    orb_buf_done(&b);
    spec = (struct orb_task_spec){ .agent_config = "{}", .timeout_seconds = -1 };
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    assert_string_equal(b.data, "{\"task_id\": \"9f0c\", \"agent_config\": {}, \"input\": \"\", \"messages\": [], \"model\": null, \"detailed\": false, "
                                "\"metadata\": {}, \"created_at\": 1795461238.71, \"timeout_seconds\": 300.0}");
    orb_buf_done(&b);
    spec.timeout_seconds = 0;
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    assert_non_null(strstr(b.data, "\"timeout_seconds\": 0.0}"));
    orb_buf_done(&b);
}

static void what_was_asked_for_follows_and_reads_back(void **state)
{
    (void)state;
    struct orb_buf b;
    struct orb_error err;
    struct orb_task t;
    struct orb_task_spec spec = {
        .agent_config = "{}", .timeout_seconds = 300, .has_max_retries = 1, .max_retries = 7, .has_priority = 1, .priority = 0, .delay_seconds = 10,
        .deadline_seconds = 60, .first_token_timeout = 5, .idle_timeout = 0.25, .resubmit_of = "old", .idempotency_key = "k \"",
    };
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    const char *end = strstr(b.data, ", \"timeout_seconds\": ");
    assert_non_null(end);
    assert_string_equal(end, ", \"timeout_seconds\": 300.0, \"max_retries\": 7, \"priority\": 0, \"deadline\": 1795461308.71, \"first_token_timeout\": 5.0, "
                             "\"idle_timeout\": 0.25, \"resubmit_of\": \"old\", \"idempotency_key\": \"k \\\"\"}");
    parse(b.data, &t);
    assert_int_equal(t.max_retries, 7);
    assert_int_equal(t.priority, 0);
    assert_true(t.deadline == 1795461308.71);
    assert_true(t.first_token_timeout == 5 && t.idle_timeout == 0.25);
    assert_string_equal(t.resubmit_of, "old");
    orb_task_done(&t);
    orb_buf_done(&b);
    spec = (struct orb_task_spec){ .agent_config = "{}", .at = 1795461338.71, .delay_seconds = 1, .deadline_seconds = 1 };
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    assert_non_null(strstr(b.data, ", \"deadline\": 1795461339.71}")); /* from the later of both */
    orb_buf_done(&b);
}

static void a_wrong_spec_names_its_member(void **state)
{
    (void)state;
    static const struct { struct orb_task_spec spec; const char *reason; } bad[] = {
        { { .agent_config = "{" }, "agent_config" },
        { { .agent_config = "[]" }, "agent_config" },
        { { .agent_config = "{}", .messages = "{}" }, "messages" },
        { { .agent_config = "{}", .metadata = "[]" }, "metadata" },
        { { .agent_config = "{}", .metadata = "nope" }, "metadata" },
        { { .agent_config = "{}", .input = "ab\xff", .input_len = 3 }, "byte 2" },
        { { .agent_config = "{}", .has_priority = 1, .priority = 10 }, "priority: 10 is" },
        { { .agent_config = "{}", .has_max_retries = 1, .max_retries = -1 }, "max_retries: -1 is" },
        { { .agent_config = "{}", .delay_seconds = -1 }, "delay_seconds: -1 is" },
        { { .agent_config = "{}", .at = 1e12 }, "at: 1000000000000 is" },
        { { .agent_config = "{}", .deadline_seconds = (double)NAN }, "deadline_seconds: " },
        { { .agent_config = "{}", .idle_timeout = (double)INFINITY }, "idle_timeout: inf is" },
        { { .agent_config = "{}", .max_depth = -1 }, "max_depth: -1 is" },
        { { .agent_config = "{}", .idempotency_key = "" }, "idempotency_key: it has 0 bytes" },
        { { .agent_config = "{}", .idempotency_key = "a\x80" }, "idempotency_key: it is not UTF-8: byte 1" },
        { { .agent_config = "{}", .resubmit_of = "index" }, "resubmit_of: \"index\"" },
        { { .agent_config = "{}", .durability = 7 }, "durability: 7 is" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct orb_buf b;
        struct orb_error err = { 0 };
        int rc = write_spec(&bad[i].spec, &b, &err);
        if (rc != ORB_E_INVALID || !strstr(err.text, bad[i].reason))
            fail_msg("case %zu: %d: %s", i, rc, err.text);
        orb_buf_done(&b);
    }
}

static void a_task_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct orb_buf b;
    struct orb_error err = { 0 };
    char *input = malloc(ORB_PAYLOAD_MAX);
    memset(input, 'x', ORB_PAYLOAD_MAX);
    struct orb_task_spec spec = { .agent_config = "{}", .input = input, .input_len = ORB_PAYLOAD_MAX - 300 };
    assert_int_equal(write_spec(&spec, &b, &err), 0);
    orb_buf_done(&b);
    spec.input_len = ORB_PAYLOAD_MAX - 100;
    assert_int_equal(write_spec(&spec, &b, &err), ORB_E_TOO_LARGE);
    assert_non_null(strstr(err.text, "1048576"));
    orb_buf_done(&b);
    memset(input, '\n', ORB_PAYLOAD_MAX); /* two bytes each */
    spec.input_len = ORB_PAYLOAD_MAX / 2;
    assert_int_equal(write_spec(&spec, &b, &err), ORB_E_TOO_LARGE);
    orb_buf_done(&b);
    free(input);
}

static void status_words(void **state)
{
    (void)state;
    enum orb_status status = ORB_STATUS_PENDING;
    static const int finals[ORB_STATUS_COUNT] = { [ORB_STATUS_COMPLETED] = 1, [ORB_STATUS_FAILED] = 1, [ORB_STATUS_CANCELLED] = 1 };
    for (int i = 0; i < ORB_STATUS_COUNT; i++) {
        assert_int_equal(orb_status_parse(orb_status_word((enum orb_status)i), &status), 0);
        assert_int_equal(status, i);
        assert_int_equal(orb_status_is_final(status), finals[i]);
    }
    assert_int_equal(orb_status_parse("RUNNING", &status), 0);
    assert_int_equal(status, ORB_STATUS_RUNNING);
    assert_int_equal(orb_status_parse("runnin", &status), ORB_E_USAGE);
    assert_int_equal(orb_status_parse("", &status), ORB_E_USAGE);
    assert_int_equal(status, ORB_STATUS_RUNNING);
}

static void a_cancelled_task_ends_when_its_worker_says_so(void **state)
{
    (void)state;
    struct orb_error err;
    assert_false(orb_task_has_ended(ORB_STATUS_CANCELLED, 0, "w"));
    assert_true(orb_task_has_ended(ORB_STATUS_CANCELLED, 5.5, "w"));
    assert_true(orb_task_has_ended(ORB_STATUS_CANCELLED, 0, ""));
    assert_true(orb_task_has_ended(ORB_STATUS_COMPLETED, 0, "w"));
    assert_false(orb_task_has_ended(ORB_STATUS_RUNNING, 0, "w"));
    assert_int_equal(orb_task_not_found("a", &err), ORB_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "Task not found: a ("));
}

/* ---- a task once more ---------------------------------------------------- */

static int rewrite_with(const char *payload, const char *input, struct orb_buf *out, struct orb_task_facts *facts, struct orb_error *err)
{
    orb_buf_init(out, ORB_PAYLOAD_MAX);
    return orb_task_rewrite(payload, strlen(payload), &(struct orb_task_again){ .id = "new", .resubmit_of = "old", .created_at = 2000.5,
                            .input = input, .input_len = input ? strlen(input) : 0 }, out, facts, err);
}

static void expect_rewritten(const char *payload, const char *input, const char *expected)
{
    struct orb_buf out;
    struct orb_task_facts facts;
    struct orb_error err = { 0 };
    if (rewrite_with(payload, input, &out, &facts, &err))
        fail_msg("%s: %s", payload, err.text);
    assert_string_equal(out.data, expected);
    orb_buf_done(&out);
}

static void a_repeated_task_keeps_all_but_what_was_for_the_first(void **state)
{
    (void)state;
    expect_rewritten("{\"task_id\": \"old\", \"agent_config\": {\"name\": \"bot\", \"x\": [1, 2.0, 1e-05]}, \"input\": \"h\\u00ef\", \"messages\": [{\"role\": \"user\"}], "
        "\"model\": null, \"detailed\": true, \"metadata\": {\"k\": 1}, \"created_at\": 1000.0, \"timeout_seconds\": 12.5, \"max_retries\": 0, "
        "\"priority\": 9, \"deadline\": 1060.25, \"first_token_timeout\": 1.5, \"idle_timeout\": 2.0, \"resubmit_of\": \"older\", \"idempotency_key\": \"k\", \"later\": {}}", NULL,
        "{\"task_id\": \"new\", \"agent_config\": {\"name\": \"bot\", \"x\": [1, 2.0, 1e-05]}, \"input\": \"h\\u00ef\", \"messages\": [{\"role\": \"user\"}], "
        "\"model\": null, \"detailed\": true, \"metadata\": {\"k\": 1}, \"created_at\": 2000.5, \"timeout_seconds\": 12.5, \"max_retries\": 0, "
        "\"priority\": 9, \"deadline\": 2060.75, \"first_token_timeout\": 1.5, \"idle_timeout\": 2.0, \"resubmit_of\": \"old\", \"later\": {}}");
    /* Whatever order and form it came in. */
    expect_rewritten("{\"z\":1,\"input\":\"\\ud83d\\ude00\\u0000\",\"task_id\":\"old\",\"idempotency_key\":\"k\"}", NULL,
        "{\"task_id\": \"new\", \"input\": \"\\ud83d\\ude00\\u0000\", \"created_at\": 2000.5, \"resubmit_of\": \"old\", \"z\": 1}");
    expect_rewritten("{\"task_id\": \"old\", \"input\": \"a\"}", "\xc3\xbc\n",
        "{\"task_id\": \"new\", \"input\": \"\\u00fc\\n\", \"created_at\": 2000.5, \"resubmit_of\": \"old\"}");
    /* A deadline that says nothing of how long the task had. */
    expect_rewritten("{\"task_id\": \"old\", \"deadline\": 5.0}", NULL, "{\"task_id\": \"new\", \"created_at\": 2000.5, \"resubmit_of\": \"old\"}");
    expect_rewritten("{\"task_id\": \"old\", \"created_at\": 9, \"deadline\": 5.0}", NULL,
        "{\"task_id\": \"new\", \"created_at\": 2000.5, \"resubmit_of\": \"old\"}");
}

static void what_a_repeated_task_needs_is_known(void **state)
{
    (void)state;
    struct orb_buf out;
    struct orb_task_facts facts;
    struct orb_error err;
    assert_int_equal(rewrite_with("{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\"}, \"created_at\": 1.0, \"priority\": 0, \"deadline\": 31.5}", NULL, &out, &facts, &err), 0);
    assert_string_equal(facts.agent, "bot");
    assert_int_equal(facts.priority, 0);
    assert_true(facts.deadline_seconds == 30.5);
    orb_buf_done(&out);
    static const char *const bad[] = { "", "no", "[]", "{}", "{\"task_id\": \"a b\"}", "{\"task_id\": \"a\", \"input\": 5}", "{\"task_id\": \"a\", \"priority\": 10}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(rewrite_with(bad[i], NULL, &out, &facts, &err), ORB_E_INVALID);
        orb_buf_done(&out);
    }
    assert_int_equal(rewrite_with("{\"task_id\": \"a\"}", "\xff", &out, &facts, &err), ORB_E_INVALID);
    orb_buf_done(&out);
    char *large = malloc(ORB_PAYLOAD_MAX + 1);
    memset(large, 'x', ORB_PAYLOAD_MAX);
    large[ORB_PAYLOAD_MAX] = '\0';
    assert_int_equal(rewrite_with("{\"task_id\": \"a\"}", large, &out, &facts, &err), ORB_E_TOO_LARGE);
    orb_buf_done(&out);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_of_the_python_package),
        cmocka_unit_test(missing_keys_take_their_defaults),
        cmocka_unit_test(numbers_and_booleans_may_be_lax),
        cmocka_unit_test(keys_of_ours_have_defaults_and_may_be_lax),
        cmocka_unit_test(the_id_of_what_is_no_json_is_still_known),
        cmocka_unit_test(bad_payloads_are_refused_with_a_reason),
        cmocka_unit_test(what_python_writes_and_json_forbids_is_read),
        cmocka_unit_test(a_swarm_is_named_for_its_first_agent),
        cmocka_unit_test(a_spec_is_written_as_python_writes_it),
        cmocka_unit_test(what_was_asked_for_follows_and_reads_back),
        cmocka_unit_test(a_wrong_spec_names_its_member),
        cmocka_unit_test(a_task_over_the_limit_is_refused),
        cmocka_unit_test(a_repeated_task_keeps_all_but_what_was_for_the_first),
        cmocka_unit_test(what_a_repeated_task_needs_is_known),
        cmocka_unit_test(status_words),
        cmocka_unit_test(a_cancelled_task_ends_when_its_worker_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
