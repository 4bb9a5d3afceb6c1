/* Events: the JSON of every type, byte for byte, and reading it back. */
#include "event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) .text = s, .text_len = sizeof(s) - 1

static const int64_t five[3] = { 3, 2, 5 };

static void check(const struct orb_event_out *event, const char *expected)
{
    struct orb_buf b;
    orb_buf_init(&b, 65536);
    orb_event_write(&b, event, 7, 2);
    assert_int_equal(b.err, 0);
    assert_string_equal(b.data, expected);
    orb_buf_done(&b);
}

/* The order and form of the Python package, then our own seq and attempt. */
static void every_type_is_written_as_python_writes_it(void **state)
{
    (void)state;
    check(&(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = "starting", .agent_name = "bot", TEXT("Agent 'bot' starting execution") },
          "{\"type\": \"status\", \"status\": \"starting\", \"agent_name\": \"bot\", \"message\": \"Agent 'bot' starting execution\", \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "started", .agent_name = "bot", .step_number = 1, .started_at = 1795461238.94 },
          "{\"type\": \"step\", \"step_number\": 1, \"agent_name\": \"bot\", \"status\": \"started\", \"started_at\": 1795461238.94, \"completed_at\": null, "
          "\"usage\": null, \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_TEXT, .agent_name = "bot", TEXT("Gr\u00fc\u00dfe \U0001f600") },
          "{\"type\": \"text\", \"text\": \"Gr\\u00fc\\u00dfe \\ud83d\\ude00\", \"agent_name\": \"bot\", \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_USAGE, .agent_name = "bot", .step_number = 1, .usage = five, .word = "openai:gpt-4o" },
          "{\"type\": \"usage\", \"usage\": {\"input_tokens\": 3, \"output_tokens\": 2, \"total_tokens\": 5}, \"agent_name\": \"bot\", \"step_number\": 1, "
          "\"model\": \"openai:gpt-4o\", \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_TOOL_CALL, .agent_name = "bot", .word = "add", .tool_call_id = "call_1" },
          "{\"type\": \"tool_call\", \"tool_name\": \"add\", \"tool_call_id\": \"call_1\", \"agent_name\": \"bot\", \"name\": \"add\", \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "completed", .agent_name = "bot", .step_number = 1, .started_at = 1795461238.94,
                                   .completed_at = 1795461239.1, .usage = five },
          "{\"type\": \"step\", \"step_number\": 1, \"agent_name\": \"bot\", \"status\": \"completed\", \"started_at\": 1795461238.94, "
          "\"completed_at\": 1795461239.1, \"usage\": {\"input_tokens\": 3, \"output_tokens\": 2, \"total_tokens\": 5}, \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_ERROR, .agent_name = "bot", .word = "ModelError", .step_number = 1, TEXT("[openai:gpt-4o] boom") },
          "{\"type\": \"error\", \"error\": \"[openai:gpt-4o] boom\", \"error_type\": \"ModelError\", \"agent_name\": \"bot\", \"step_number\": 1, "
          "\"recoverable\": false, \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_REASONING, .agent_name = "bot", TEXT("hm") },
          "{\"type\": \"reasoning\", \"text\": \"hm\", \"agent_name\": \"bot\", \"seq\": 7, \"attempt\": 2}");
}

static void tool_results_of_success_and_failure(void **state)
{
    (void)state;
    json_t *arguments = json_loads("{\"x\": 1, \"y\": 2.5}", 0, NULL);
    check(&(struct orb_event_out){ .type = ORB_EVENT_TOOL_RESULT, .agent_name = "bot", .word = "add", .tool_call_id = "call_1", .arguments = arguments,
                                   TEXT("3.5"), .duration_ms = 0.42 },
          "{\"type\": \"tool_result\", \"tool_name\": \"add\", \"tool_call_id\": \"call_1\", \"arguments\": {\"x\": 1, \"y\": 2.5}, \"result\": \"3.5\", "
          "\"error\": null, \"success\": true, \"duration_ms\": 0.42, \"agent_name\": \"bot\", \"seq\": 7, \"attempt\": 2}");
    json_decref(arguments);
    check(&(struct orb_event_out){ .type = ORB_EVENT_TOOL_RESULT, .agent_name = "bot", .word = "add", .tool_call_id = "c", .tool_error = "Unknown tool 'add'" },
          "{\"type\": \"tool_result\", \"tool_name\": \"add\", \"tool_call_id\": \"c\", \"arguments\": {}, \"result\": \"\", "
          "\"error\": \"Unknown tool 'add'\", \"success\": false, \"duration_ms\": 0.0, \"agent_name\": \"bot\", \"seq\": 7, \"attempt\": 2}");
}

static void nulls_and_our_marks(void **state)
{
    (void)state;
    check(&(struct orb_event_out){ .type = ORB_EVENT_ERROR, .word = "TimeoutError", TEXT("late"), .is_recoverable = 1 },
          "{\"type\": \"error\", \"error\": \"late\", \"error_type\": \"TimeoutError\", \"agent_name\": \"\", \"step_number\": null, "
          "\"recoverable\": true, \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = "running", .is_truncated = 1 },
          "{\"type\": \"status\", \"status\": \"running\", \"agent_name\": \"\", \"message\": \"\", \"truncated\": true, \"seq\": 7, \"attempt\": 2}");
    check(&(struct orb_event_out){ .type = ORB_EVENT_TEXT, .agent_name = "\"\n", .text = "a\0\x7f/\xff", .text_len = 5 },
          "{\"type\": \"text\", \"text\": \"a\\u0000\\u007f/\\ufffd\", \"agent_name\": \"\\\"\\n\", \"seq\": 7, \"attempt\": 2}");
}

static json_t *read_text(const char *json, struct orb_event *out)
{
    json_t *root = NULL;
    struct orb_error err = { 0 };
    if (orb_event_read(json, strlen(json), out, &root, &err))
        fail_msg("%s: %s", json, err.text);
    assert_ptr_equal(out->json, json);
    assert_int_equal(out->json_len, strlen(json));
    return root;
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct orb_event e;
    json_t *root = read_text("{\"type\": \"text\", \"text\": \"Gr\\u00fc\\u00dfe\", \"agent_name\": \"bot\", \"seq\": 7, \"attempt\": 2}", &e);
    assert_int_equal(e.type, ORB_EVENT_TEXT);
    assert_string_equal(e.text, "Gr\u00fc\u00dfe");
    assert_int_equal(e.text_len, 7);
    assert_string_equal(e.agent_name, "bot");
    assert_int_equal(e.seq, 7);
    assert_int_equal(e.attempt, 2);
    json_decref(root);

    root = read_text("{\"type\": \"step\", \"step_number\": 3, \"agent_name\": \"b\", \"status\": \"completed\", \"started_at\": 1.5, \"completed_at\": 2.5, "
                     "\"usage\": {\"input_tokens\": 3, \"output_tokens\": 2, \"total_tokens\": 5}}", &e);
    assert_int_equal(e.type, ORB_EVENT_STEP);
    assert_string_equal(e.word, "completed");
    assert_int_equal(e.step_number, 3);
    assert_int_equal(e.input_tokens * 100 + e.output_tokens * 10 + e.total_tokens, 325);
    assert_int_equal(e.seq, 0); /* a Python worker gives none */
    json_decref(root);

    root = read_text("{\"type\": \"tool_result\", \"tool_name\": \"add\", \"tool_call_id\": \"c\", \"result\": \"3\", \"error\": null, \"success\": true}", &e);
    assert_int_equal(e.type, ORB_EVENT_TOOL_RESULT);
    assert_int_equal(e.ok, 1);
    assert_string_equal(e.text, "3");
    assert_string_equal(e.word, "add");
    assert_string_equal(e.tool_call_id, "c");
    json_decref(root);

    root = read_text("{\"type\": \"tool_result\", \"tool_name\": \"add\", \"result\": \"\", \"error\": \"no\", \"success\": false}", &e);
    assert_int_equal(e.ok, 0);
    assert_string_equal(e.text, "no");
    json_decref(root);

    root = read_text("{\"type\": \"error\", \"error\": \"boom\", \"error_type\": \"ModelError\", \"step_number\": null, \"recoverable\": true}", &e);
    assert_int_equal(e.type, ORB_EVENT_ERROR);
    assert_string_equal(e.text, "boom");
    assert_string_equal(e.word, "ModelError");
    assert_int_equal(e.ok, 1);
    assert_int_equal(e.step_number, 0);
    json_decref(root);

    root = read_text("{\"type\": \"status\", \"status\": \"running\", \"message\": \"m\"}", &e);
    assert_int_equal(e.type, ORB_EVENT_STATUS);
    assert_string_equal(e.word, "running");
    assert_string_equal(e.text, "m");
    json_decref(root);
}

static void an_unknown_type_is_passed_on(void **state)
{
    (void)state;
    struct orb_event e;
    json_t *root = read_text("{\"type\": \"mcp_progress\", \"progress\": 1, \"agent_name\": \"b\", \"seq\": 4}", &e);
    assert_int_equal(e.type, ORB_EVENT_OTHER);
    assert_string_equal(e.text, "");
    assert_string_equal(e.word, "");
    assert_int_equal(e.seq, 4);
    json_decref(root);
}

static void hostile_bytes_are_refused_or_harmless(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "{", "[]", "null", "\"text\"", "{}", "{\"type\": null}", "{\"type\": 7}", "{\"type\": \"\"}",
                                       "{\"type\": \"text\"} x", "{\"type\": \"\xff\"}" };
    struct orb_event e;
    json_t *root = NULL;
    struct orb_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = orb_event_read(bad[i], strlen(bad[i]), &e, &root, &err);
        if (rc != ORB_E_INVALID)
            fail_msg("%s: %d", bad[i], rc);
        assert_null(root);
    }
    /* Right type, wrong members: defaults. */
    root = read_text("{\"type\": \"text\", \"text\": [1], \"agent_name\": {}, \"seq\": \"x\", \"attempt\": null}", &e);
    assert_string_equal(e.text, "");
    assert_int_equal(e.text_len, 0);
    assert_string_equal(e.agent_name, "");
    assert_int_equal(e.seq, 0);
    json_decref(root);
    root = read_text("{\"type\": \"usage\", \"usage\": {\"input_tokens\": 1e400, \"output_tokens\": NaN, \"total_tokens\": 9}, \"model\": \"\\ud83d\"}", &e);
    assert_int_equal(e.total_tokens, 9);
    assert_int_equal(e.input_tokens, 0);
    json_decref(root);
    /* A NUL in the text does not end it. */
    root = read_text("{\"type\": \"text\", \"text\": \"a\\u0000b\"}", &e);
    assert_int_equal(e.text_len, 3);
    assert_memory_equal(e.text, "a\0b", 4);
    json_decref(root);
}

static void too_deep_is_refused(void **state)
{
    (void)state;
    char json[2048] = "{\"type\": \"text\", \"text\": ";
    struct orb_event e;
    json_t *root = NULL;
    size_t n = strlen(json);
    memset(json + n, '[', 1000);
    json[n + 1000] = '\0';
    assert_in_range(-orb_event_read(json, strlen(json), &e, &root, NULL), -ORB_E_INVALID, -ORB_E_TOO_LARGE);
    assert_null(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_written_as_python_writes_it),
        cmocka_unit_test(tool_results_of_success_and_failure),
        cmocka_unit_test(nulls_and_our_marks),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(an_unknown_type_is_passed_on),
        cmocka_unit_test(hostile_bytes_are_refused_or_harmless),
        cmocka_unit_test(too_deep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
