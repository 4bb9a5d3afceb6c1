/* The step machine with everything at random, from a seed: answers, tool calls, failures, the order in which things end, cancels
 * and timeouts, and the state written out and read back at any wait. Each run ends exactly once, and its events are in order. And
 * the limits. */
#include "base/base.h"
#include "support/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUNS 3000
#define INPUTS_MAX 4000

static const char *const configs[] = {
    "{\"name\": \"a\", \"tools\": [\"add\", \"big\", \"look\"], \"max_steps\": 6, \"tool_concurrency\": 2}",
    "{\"name\": \"a\", \"model\": \"sim:a | sim:b | sim:c\", \"tools\": [\"add\"], \"max_steps\": 4}",
    "{\"name\": \"a\", \"output_schema\": {\"type\": \"object\"}, \"handoffs\": [{\"name\": \"b\", \"tools\": [\"look\"]}]}",
    "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:a|sim:b\"}, {\"name\": \"b\"}, {\"name\": \"c\", \"tools\": [\"big\"]}], \"flow\": \"a >> (b | c)\", "
    "\"parallel\": true, \"max_tokens_total\": 60}",
    "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:a|sim:b\"}, {\"name\": \"b\", \"model\": \"sim:a|sim:b\"}], \"flow\": \"(a | b)\", \"parallel\": true}",
    "{\"mode\": \"handoff\", \"agents\": [{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}]}, {\"name\": \"b\", \"handoffs\": [{\"name\": \"a\"}], "
    "\"tools\": [\"add\"]}]}",
    "{\"mode\": \"team\", \"agents\": [{\"name\": \"a\", \"tools\": [\"look\"], \"max_steps\": 4}, {\"name\": \"b\", \"model\": \"sim:a|sim:b\"}, "
    "{\"group\": \"parallel\", \"name\": \"c\", \"agents\": [{\"name\": \"x\"}, {\"name\": \"y\", \"tools\": [\"add\"]}]}]}",
    "{\"group\": \"serial\", \"name\": \"g\", \"agents\": [{\"name\": \"a\"}, {\"agents\": [{\"name\": \"b\"}, {\"name\": \"c\", \"model\": \"sim:a|sim:b\"}]}]}",
};

static const char *const names[] = { "add", "big", "look", "nobody", "retrieve_artifact", "transfer_to_a", "transfer_to_b", "delegate_to_b", "delegate_to_c", "" };
static const char *const arguments[] = { "{}", "", "{\"task\": \"t\"}", "{\"id\": \"x\"}", "[1]", "{\"x\":", "{\"n\": 1}" };
static const char *const words[] = { "a", "b", "Hello", " {\"n\": 1}", "\n", "more" };
static const int failures[] = { ORB_E_MODEL_RATE, ORB_E_MODEL_SERVER, ORB_E_MODEL_AUTH, ORB_E_MODEL_INVALID, ORB_E_MODEL_TIMEOUT, ORB_E_MODEL_FILTER };

#define PICK(p, list) ((list)[play_random(p, ORB_COUNT(list))])

static void give_delta(struct play *p, int talk)
{
    const char *word = PICK(p, words), *args = PICK(p, arguments);
    struct orb_delta text = { .type = ORB_DELTA_TEXT, .text = word, .len = strlen(word) };
    struct orb_delta call = { .type = ORB_DELTA_TOOL_CALL, .index = (int)play_random(p, 4), .name = PICK(p, names), .text = args, .len = strlen(args) };
    json_t *keep = json_integer(7);
    switch (play_random(p, 6)) {
    case 0:
        orb_run_delta(p->run, talk, &call);
        break;
    case 1:
        orb_run_delta(p->run, talk, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { .input_tokens = 3, .output_tokens = 4, .total_tokens = 7 } });
        break;
    case 2:
        orb_run_delta(p->run, talk, &(struct orb_delta){ .type = ORB_DELTA_KEEP, .keep = keep });
        break;
    default:
        orb_run_delta(p->run, talk, &text);
    }
    json_decref(keep);
}

static void end_model(struct play *p, int talk)
{
    struct orb_error err = { 0 };
    if (play_random(p, 6)) {
        orb_run_answered(p->run, talk, p->now);
        return;
    }
    orb_error_set(&err, PICK(p, failures), "boom");
    orb_run_model_failed(p->run, talk, &err, p->now);
}

static void end_tool(struct play *p, const struct play_item *item)
{
    struct orb_tool_result result = { .content = "fine", .len = 4, .duration_ms = 1 };
    if (!play_random(p, 4))
        result = (struct orb_tool_result){ .error = "it broke" };
    orb_run_tool_result(p->run, item->talk, item->call, &result, p->now);
}

/* Something that nobody waits for: it must change nothing. */
static void disturb(struct play *p)
{
    int talk = (int)play_random(p, 60) + 1000;
    struct orb_error err = { .code = ORB_E_MODEL_SERVER };
    int events = p->events;
    give_delta(p, talk);
    orb_run_answered(p->run, talk, p->now);
    orb_run_model_failed(p->run, talk, &err, p->now);
    end_tool(p, &(struct play_item){ .talk = talk, .call = (int)play_random(p, 3) });
    assert_int_equal(p->events, events);
}

static void input(struct play *p)
{
    size_t i = play_random(p, (unsigned)p->count);
    struct play_item item = p->pending[i];
    p->now += 0.25;
    if (item.type == PLAY_MODEL && play_random(p, 3)) {
        give_delta(p, item.talk);
        return;
    }
    play_drop_item(p, i);
    if (item.type == PLAY_MODEL)
        end_model(p, item.talk);
    else if (item.type == PLAY_TOOL)
        end_tool(p, &item);
    else
        orb_run_advanced(p->run, p->now);
}

static void check_end(struct play *p)
{
    struct orb_buf text, result;
    char usage[320];
    orb_buf_init(&text, 64 * 1024 * 1024);
    orb_buf_init(&result, 64 * 1024 * 1024);
    assert_int_equal(p->ends, 1);
    orb_run_text(p->run, &text);
    orb_run_usage(p->run, usage);
    json_t *u = json_loads(usage, 0, NULL);
    assert_non_null(u);
    json_decref(u);
    if (p->end == ORB_ACTION_DONE) {
        orb_run_result(p->run, &result);
        json_t *value = json_loads(result.data, 0, NULL);
        assert_non_null(value);
        assert_true(json_is_string(json_object_get(value, "output")));
        json_decref(value);
        assert_int_equal(p->count, 0);      /* nothing is left under way */
        assert_int_equal(p->calls, p->results);
    } else {
        assert_true(orb_run_error(p->run)->code < 0);
    }
    /* Whatever comes now changes nothing. */
    int events = p->events;
    for (size_t i = 0; i < p->count; i++) {
        orb_run_answered(p->run, p->pending[i].talk, p->now);
        end_tool(p, &p->pending[i]);
    }
    orb_run_advanced(p->run, p->now);
    orb_run_stop(p->run, &(struct orb_error){ .code = ORB_E_TIMEOUT });
    play_drain(p);
    assert_int_equal(p->ends, 1);
    assert_int_equal(p->events, events);
    orb_buf_done(&text);
    orb_buf_done(&result);
}

static void run_of(unsigned seed)
{
    struct play *p = orb_alloc(sizeof *p);
    json_t *config = json_loads(configs[seed % ORB_COUNT(configs)], 0, NULL);
    assert_non_null(config);
    p->config = config;
    p->random = seed * 2654435761u;
    p->input = "hi";
    p->is_detailed = 1;
    p->is_quiet = 1;
    p->reload_percent = 10;
    assert_int_equal(play_start(p), 0);
    int stop_at = play_random(p, 4) ? INPUTS_MAX + 1 : (int)play_random(p, 60), n = 0;
    for (; !p->ends && n < INPUTS_MAX; n++) {
        assert_true(p->count > 0); /* a run that has not ended waits for something */
        if (n == stop_at)
            orb_run_stop(p->run, &(struct orb_error){ .code = play_random(p, 2) ? ORB_E_CANCELLED : ORB_E_TIMEOUT });
        else if (!play_random(p, 20))
            disturb(p);
        else
            input(p);
        play_drain(p);
    }
    check_end(p);
    orb_run_free(p->run);
    json_decref(config);
    free(p);
}

static void every_run_ends_exactly_once(void **state)
{
    (void)state;
    const char *only = getenv("RUN_SEED");
    for (unsigned seed = only ? (unsigned)atoi(only) : 0; seed < (only ? (unsigned)atoi(only) + 1 : RUNS); seed++) {
        if (only)
            print_message("seed %u\n", seed);
        run_of(seed);
    }
}

/* ---- limits --------------------------------------------------------------------- */

enum { MIB = 1024 * 1024 };

static struct play *start(const char *config)
{
    struct play *p = orb_alloc(sizeof *p);
    p->config = json_loads(config, 0, NULL);
    p->input = "hi";
    p->is_quiet = 1;
    assert_int_equal(play_start(p), 0);
    return p;
}

static void stop(struct play *p, int code)
{
    play_drain(p);
    assert_int_equal(p->ends, 1);
    assert_int_equal(p->end, code ? ORB_ACTION_FAILED : ORB_ACTION_DONE);
    if (code)
        assert_int_equal(orb_run_error(p->run)->code, code);
    orb_run_free(p->run);
    json_decref((json_t *)p->config);
    free(p);
}

static void call(struct play *p, int index, const char *id, const char *text)
{
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .index = index, .id = id, .name = id ? "add" : NULL,
                                                                   .text = text, .len = strlen(text) });
}

static void answers_over_a_limit_fail_the_run(void **state)
{
    (void)state;
    char *piece = malloc(MIB + 1);
    memset(piece, 'x', MIB);
    piece[MIB] = '\0';
    struct play *p = start("{\"name\": \"bot\"}");
    call(p, 128, "a", "");
    stop(p, ORB_E_TOO_LARGE);

    p = start("{\"name\": \"bot\"}");
    call(p, 0, "a", piece);
    call(p, 0, NULL, "y");
    stop(p, ORB_E_TOO_LARGE);

    p = start("{\"name\": \"bot\"}");
    for (int i = 0; i < 8; i++)
        orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TEXT, .text = piece, .len = MIB - 1 });
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TEXT, .text = "123456789", .len = 9 });
    struct orb_buf text;
    orb_buf_init(&text, 16 * MIB);
    orb_run_text(p->run, &text);
    assert_int_equal(text.len, 8 * (MIB - 1)); /* the part before is kept */
    orb_buf_done(&text);
    stop(p, ORB_E_TOO_LARGE);

    p = start("{\"name\": \"bot\"}");
    for (int i = 0; i < 8; i++)
        orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_REASONING, .text = piece, .len = MIB });
    assert_null(orb_run_error(p->run));
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_REASONING, .text = "1", .len = 1 });
    stop(p, ORB_E_TOO_LARGE);

    p = start("{\"name\": \"bot\"}");
    json_t *keep = json_stringn(piece, MIB);
    for (int i = 0; i < 32; i++)
        orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_KEEP, .keep = keep });
    json_decref(keep);
    stop(p, ORB_E_TOO_LARGE);
    free(piece);
}

/* What a model reads again is sent again with every step. */
static void artifacts_that_are_read_count(void **state)
{
    (void)state;
    static char piece[MIB];
    memset(piece, 'x', sizeof piece);
    struct play *p = start("{\"name\": \"bot\", \"tools\": [\"big\"]}");
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .id = "a", .name = "big" });
    orb_run_answered(p->run, p->pending[0].talk, 1);
    p->count = 0;
    play_drain(p);
    orb_run_tool_result(p->run, p->pending[0].talk, 0, &(struct orb_tool_result){ .content = piece, .len = sizeof piece }, 2);
    p->count = 0;
    play_drain(p);
    json_t *saved = orb_run_save(p->run);
    char text[256];
    snprintf(text, sizeof text, "{\"id\": \"%s\"}", json_object_iter_key(json_object_iter(json_object_get(saved, "artifacts"))));
    json_decref(saved);
    for (int i = 0; i < 33; i++)
        orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .index = i, .id = "b", .name = "retrieve_artifact",
                                                                       .text = text, .len = strlen(text) });
    orb_run_answered(p->run, p->pending[0].talk, 3);
    stop(p, ORB_E_TOO_LARGE);
}

/* Each step is within its limits, all of them together are not. */
static void a_conversation_that_grows_without_end_fails_the_run(void **state)
{
    (void)state;
    static char piece[MIB];
    memset(piece, 'x', sizeof piece - 1);
    struct play *p = start("{\"name\": \"bot\", \"max_steps\": 1000}");
    int steps = 0;
    for (; !p->ends && steps < 80; steps++) {
        piece[0] = (char)('a' + steps % 26); /* no circle */
        int talk = p->pending[0].talk;
        call(p, 0, "a", piece);
        p->count = 0;
        orb_run_answered(p->run, talk, 1);
        play_drain(p);
    }
    assert_int_equal(steps, 32);
    stop(p, ORB_E_TOO_LARGE);
}

static void absurd_token_counts_are_cut(void **state)
{
    (void)state;
    char usage[320];
    struct play *p = start("{\"name\": \"bot\", \"model\": \"sim:\"}");
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { .input_tokens = INT64_MAX, .output_tokens = -5, .total_tokens = INT64_MAX } });
    orb_run_usage(p->run, usage);
    assert_string_equal(usage, "{\"input_tokens\": 9007199254740992, \"output_tokens\": 0, \"total_tokens\": 9007199254740992}");
    orb_run_answered(p->run, p->pending[0].talk, 1);
    orb_run_usage(p->run, usage);
    assert_string_equal(usage, "{\"input_tokens\": 9007199254740992, \"output_tokens\": 0, \"total_tokens\": 9007199254740992}");
    stop(p, 0);
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
        { "[{\"role\": \"user\"}]", "messages[0]: content must be a string" },
        { "[{\"role\": \"system\", \"content\": null}]", "messages[0]: content must be a string" },
        { "[{\"role\": \"user\", \"content\": [{\"text\": \"x\"}]}]", "an array of blocks with a type each" },
        { "[{\"role\": \"assistant\", \"content\": 7}]", "messages[0]: content must be a string" },
        { "[{\"role\": \"assistant\", \"tool_calls\": {}}]", "tool_calls must be an array of objects" },
        /* as OpenAI writes them */
        { "[{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"a\", \"type\": \"function\", \"function\": {}}]}]", "tool_calls must be an array of objects with id, name" },
        { "[{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"a\", \"name\": \"n\", \"arguments\": {}}]}]", "arguments, which is a string of JSON" },
    };
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        struct play *p = orb_alloc(sizeof *p);
        orb_buf_init(&p->trace, 4096);
        p->config = json_loads("{\"name\": \"bot\"}", 0, NULL);
        p->history = json_loads(bad[i][0], 0, NULL);
        p->input = "hi";
        assert_int_equal(play_start(p), ORB_E_AGENT);
        if (!strstr(p->trace.data, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], p->trace.data);
        json_decref((json_t *)p->config);
        json_decref(p->history);
        orb_buf_done(&p->trace);
        free(p);
    }
}

/* Whole turns are left out, the oldest first; never half of one, and not what the system says before all. */
static void long_history_is_cut_at_whole_turns(void **state)
{
    (void)state;
    json_t *history = json_array(), *config = json_loads("{\"name\": \"bot\"}", 0, NULL);
    json_array_append_new(history, json_pack("{s:s, s:s}", "role", "system", "content", "rules"));
    for (int i = 0; i < 400; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        json_array_append_new(history, json_pack("{s:s, s:s}", "role", "user", "content", text));
        json_array_append_new(history, json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "role", "assistant", "content", "", "tool_calls", "id", "c", "name", "n",
                                                 "arguments", "{}"));
        json_array_append_new(history, json_pack("{s:s, s:s, s:s, s:s}", "role", "tool", "content", "r", "tool_call_id", "c", "tool_name", "n"));
    }
    struct play *p = orb_alloc(sizeof *p);
    p->config = config;
    p->history = history;
    p->input = "hi";
    p->is_quiet = 1;
    assert_int_equal(play_start(p), 0);
    const char *model;
    struct orb_model_call ask;
    assert_int_equal(orb_run_call(p->run, p->pending[0].talk, &model, &ask), 0);
    size_t count = json_array_size(ask.messages);
    assert_int_equal(count, 1 + 333 * 3 + 1);
    assert_string_equal(orb_json_get_str(json_array_get(ask.messages, 0), "content", ""), "rules");
    assert_string_equal(orb_json_get_str(json_array_get(ask.messages, 1), "content", ""), "67"); /* 400 - 333 */
    assert_string_equal(orb_json_get_str(json_array_get(ask.messages, count - 1), "content", ""), "hi");
    json_decref(ask.messages);
    orb_run_free(p->run);
    json_decref(config);
    json_decref(history);
    free(p);
}

static void a_state_that_is_none_is_refused(void **state)
{
    (void)state;
    struct play *p = start(configs[6]);
    json_t *saved = orb_run_save(p->run);
    const char *key;
    json_t *value;
    void *next;
    static const char *const optional[] = { "output", "parsed", "artifacts", "usage", "cost", "error", "talks", "frames", "segments" };
    json_object_foreach_safe(saved, next, key, value) {
        int is_optional = 0;
        for (size_t i = 0; i < ORB_COUNT(optional); i++)
            is_optional |= !strcmp(key, optional[i]);
        if (is_optional)
            continue;
        json_t *bad = json_copy(saved);
        json_object_set_new(bad, key, json_string("\x01"));
        if (!strcmp(key, "text"))
            json_object_set_new(bad, key, json_integer(1));
        struct orb_error err = { 0 };
        struct orb_run_spec spec = { .input = "hi", .input_len = 2, .fn = NULL };
        assert_int_equal(orb_plan_read(p->config, &spec.plan, &err), 0);
        if (orb_run_load(&spec, bad, &err))
            fail_msg("a state with a wrong %s was taken", key);
        assert_int_equal(err.code, ORB_E_INVALID);
        json_decref(bad);
    }
    json_decref(saved);
    orb_run_stop(p->run, &(struct orb_error){ .code = ORB_E_CANCELLED });
    stop(p, ORB_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_ends_exactly_once),
        cmocka_unit_test(answers_over_a_limit_fail_the_run), cmocka_unit_test(artifacts_that_are_read_count),
        cmocka_unit_test(a_conversation_that_grows_without_end_fails_the_run),
        cmocka_unit_test(absurd_token_counts_are_cut),
        cmocka_unit_test(bad_history_is_refused),
        cmocka_unit_test(long_history_is_cut_at_whole_turns),
        cmocka_unit_test(a_state_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, play_tools_make, play_tools_drop);
}
