/* The step machine with everything at random, from a seed: answers, tool calls, failures, the order in which things end, cancels
 * and timeouts, and inputs that nobody waits for. Each run ends exactly once, its events are in order, its account is right, and it
 * is the same when its state is written out and read back at every wait. And the limits. */
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
    "\"parallel\": true, \"max_tokens_total\": 10}",
    "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:a|sim:b\"}, {\"name\": \"b\", \"model\": \"sim:a|sim:b\"}], \"flow\": \"(a | b)\", \"parallel\": true, \"max_cost\": 100}",
    "{\"mode\": \"handoff\", \"agents\": [{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}]}, {\"name\": \"b\", \"handoffs\": [{\"name\": \"a\"}], "
    "\"tools\": [\"add\"]}]}",
    "{\"mode\": \"team\", \"agents\": [{\"name\": \"a\", \"tools\": [\"look\"], \"max_steps\": 4}, {\"name\": \"b\", \"model\": \"sim:a|sim:b\"}, "
    "{\"group\": \"parallel\", \"name\": \"c\", \"agents\": [{\"name\": \"x\"}, {\"name\": \"y\", \"tools\": [\"add\"]}]}]}",
    "{\"mode\": \"team\", \"agents\": [{\"name\": \"a\", \"model\": \"sim:a\", \"max_steps\": 3}, {\"mode\": \"team\", \"name\": \"b\", \"agents\": [{\"name\": \"l\", "
    "\"model\": \"sim:a\"}, {\"group\": \"parallel\", \"name\": \"d\", \"agents\": [{\"name\": \"x\", \"model\": \"sim:a\", \"output_schema\": {\"type\": \"object\"}, \"output_retries\": 0}, "
    "{\"name\": \"y\", \"model\": \"sim:a|sim:b\", \"tools\": [\"add\"]}, {\"agents\": [{\"name\": \"z\", \"model\": \"sim:b\"}]}]}]}, {\"mode\": \"handoff\", \"name\": \"c\", \"max_handoffs\": 1, "
    "\"agents\": [{\"name\": \"h\", \"model\": \"sim:b\", \"handoffs\": [{\"name\": \"i\"}]}, {\"name\": \"i\", \"model\": \"sim:b\", \"handoffs\": [{\"name\": \"h\"}]}]}]}",
    "{\"group\": \"serial\", \"name\": \"g\", \"agents\": [{\"name\": \"a\"}, {\"agents\": [{\"name\": \"b\"}, {\"name\": \"c\", \"model\": \"sim:a|sim:b\"}]}]}",
};

static const char *const names[] = { "add", "big", "look", "nobody", "retrieve_artifact", "transfer_to_a", "transfer_to_b", "transfer_to_i", "",
                                     "delegate_to_b", "delegate_to_b", "delegate_to_b", "delegate_to_c", "delegate_to_d", "delegate_to_d", "delegate_to_d" };
static const char *const arguments[] = { "{}", "", "{\"task\": \"t\"}", "{\"id\": \"x\"}", "[1]", "{\"x\":", "{\"n\": 1}" };
static const char *const words[] = { "a", "b", "h", "i", "Hello", " {\"n\": 1}", "\n", "more" };
static const int failures[] = { ORB_E_MODEL_RATE, ORB_E_MODEL_SERVER, ORB_E_MODEL_AUTH, ORB_E_MODEL_INVALID, ORB_E_MODEL_TIMEOUT, ORB_E_MODEL_FILTER };

static struct orb_prices *prices;
static int kinds[3]; /* how many runs ended well, with the budget, with another failure */

#define PICK(p, list) ((list)[play_random(p, ORB_COUNT(list))])

struct account {
    int64_t tokens;               /* of all calls */
    struct play_item gone[32];    /* what has come already */
    unsigned gone_count;
};

/* 1 = it was told what it used. */
static int give_delta(struct play *p, int talk)
{
    const char *word = PICK(p, words), *args = PICK(p, arguments), *name = PICK(p, names);
    if (!strncmp(name, "delegate", 8) && play_random(p, 4))
        args = "{\"task\": \"t\"}";
    struct orb_delta text = { .type = ORB_DELTA_TEXT, .text = word, .len = strlen(word) };
    struct orb_delta call = { .type = ORB_DELTA_TOOL_CALL, .index = (int)play_random(p, 4), .name = name, .text = args, .len = strlen(args) };
    json_t *keep = json_integer(7);
    unsigned kind = play_random(p, 6);
    switch (kind) {
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
    return kind == 1;
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

static int is_pending(const struct play *p, const struct play_item *item)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->pending[i].type == item->type && p->pending[i].talk == item->talk && p->pending[i].call == item->call)
            return 1;
    return 0;
}

/* Something that nobody waits for, because it never was or has come already: it must change nothing. */
static void disturb(struct play *p, const struct account *account)
{
    struct play_item item = { .talk = (int)play_random(p, 60) + 5000, .call = (int)play_random(p, 3) };
    struct orb_error err = { .code = ORB_E_MODEL_SERVER };
    if (account->gone_count && play_random(p, 3))
        item = account->gone[play_random(p, account->gone_count < 32 ? account->gone_count : 32)];
    item.type = PLAY_MODEL;
    json_t *before = orb_run_save(p->run);
    int events = p->events;
    if (!is_pending(p, &(struct play_item){ .type = PLAY_MODEL, .talk = item.talk })) {
        give_delta(p, item.talk);
        orb_run_answered(p->run, item.talk, p->now);
        orb_run_model_failed(p->run, item.talk, &err, p->now);
    }
    item.type = PLAY_TOOL;
    if (!is_pending(p, &item))
        end_tool(p, &item);
    json_t *after = orb_run_save(p->run);
    assert_true(json_equal(before, after));
    assert_int_equal(p->events, events);
    json_decref(before);
    json_decref(after);
}

static void input(struct play *p, struct account *account)
{
    size_t i = play_random(p, (unsigned)p->count);
    struct play_item *item = &p->pending[i], ended = *item;
    p->now += 0.25;
    if (item->type == PLAY_MODEL && play_random(p, 3)) {
        if (give_delta(p, item->talk) && !item->has_usage++)
            account->tokens += 7;
        return;
    }
    play_drop_item(p, i);
    account->gone[account->gone_count++ % 32] = ended;
    if (ended.type == PLAY_MODEL)
        end_model(p, ended.talk);
    else if (ended.type == PLAY_TOOL)
        end_tool(p, &ended);
    else
        play_advance(p);
}

static void check_result(struct play *p)
{
    struct orb_buf result;
    if (p->end != ORB_ACTION_DONE) {
        assert_true(orb_run_error(p->run)->code < 0);
        return;
    }
    orb_buf_init(&result, 64 * 1024 * 1024);
    orb_run_result(p->run, &result);
    json_t *value = json_loads(result.data, 0, NULL);
    assert_non_null(value);
    assert_true(json_is_string(json_object_get(value, "output")));
    json_decref(value);
    orb_buf_done(&result);
    assert_int_equal(p->count, 0); /* nothing is left under way */
}

static void check_end(struct play *p, const struct account *account)
{
    char usage[320];
    assert_int_equal(p->ends, 1);
    orb_run_usage(p->run, usage);
    json_t *u = json_loads(usage, 0, NULL);
    assert_int_equal(orb_json_get_int(u, "total_tokens", -1), account->tokens);
    json_decref(u);
    check_result(p);
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
}

/* What it said, all of it. */
static uint64_t run_of(unsigned seed, int reload_percent)
{
    struct play *p = orb_alloc(sizeof *p);
    struct account account = { 0 };
    json_t *config = json_loads(configs[seed % ORB_COUNT(configs)], 0, NULL);
    assert_non_null(config);
    p->config = config;
    p->prices = prices;
    p->random = seed * 2654435761u;
    p->input = "hi";
    p->is_detailed = p->is_quiet = 1;
    p->reload_percent = reload_percent;
    assert_int_equal(play_start(p), 0);
    int stop_at = play_random(p, 4) ? INPUTS_MAX + 1 : (int)play_random(p, 60), n = 0;
    for (; !p->ends && n < INPUTS_MAX; n++) {
        assert_true(p->count > 0); /* a run that has not ended waits for something */
        if (n == stop_at)
            orb_run_stop(p->run, &(struct orb_error){ .code = play_random(p, 2) ? ORB_E_CANCELLED : ORB_E_TIMEOUT });
        else if (!play_random(p, 20))
            disturb(p, &account);
        else
            input(p, &account);
        play_drain(p);
    }
    check_end(p, &account);
    uint64_t said = p->digest;
    kinds[p->end == ORB_ACTION_DONE ? 0 : orb_run_error(p->run)->code == ORB_E_BUDGET ? 1 : 2]++;
    orb_run_free(p->run);
    json_decref(config);
    free(p);
    return said;
}

static void every_run_ends_exactly_once(void **state)
{
    (void)state;
    const char *only = getenv("RUN_SEED");
    unsigned first = only ? (unsigned)atoi(only) : 0, end = only ? first + 1 : RUNS;
    for (unsigned seed = first; seed < end; seed++) {
        uint64_t said = run_of(seed, 0);
        if (run_of(seed, 100) != said || run_of(seed, 30) != said)
            fail_msg("RUN_SEED=%u: a run whose state was written out and read back said something else", seed);
    }
    if (!only)
        assert_true(kinds[0] > RUNS && kinds[1] > RUNS / 100 && kinds[2] > RUNS / 2);
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

/* One of three fails before the others are asked. */
static void what_is_given_up_is_not_asked_for(void **state)
{
    (void)state;
    struct play *p = start("{\"mode\": \"team\", \"agents\": [{\"name\": \"a\"}, {\"group\": \"parallel\", \"name\": \"b\", \"agents\": [{\"name\": \"x\"}, {\"name\": \"y\"}, {\"name\": \"z\"}]}]}");
    struct orb_error err = { .code = ORB_E_MODEL_FILTER };
    struct orb_action action;
    int asked[2], stopped[2] = { 0 }, stops = 0;
    orb_run_delta(p->run, p->pending[0].talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .name = "delegate_to_b", .text = "{\"task\": \"t\"}", .len = 13 });
    orb_run_answered(p->run, p->pending[0].talk, 1);
    p->count = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(orb_run_next(p->run, &action), 1);
        assert_int_equal(action.type, ORB_ACTION_REQUEST);
        asked[i] = action.talk;
    }
    orb_run_model_failed(p->run, asked[0], &err, 2);
    while (orb_run_next(p->run, &action) && action.type == ORB_ACTION_STOP)
        stopped[stops++ % 2] = action.talk;
    assert_int_equal(stops, 3);
    assert_int_equal(stopped[1], asked[1]);
    assert_int_equal(action.type, ORB_ACTION_REQUEST); /* the lead's next step */
    assert_int_equal(action.talk, 2);
    orb_run_stop(p->run, &(struct orb_error){ .code = ORB_E_CANCELLED });
    stop(p, ORB_E_CANCELLED);
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
        { "[{\"role\": \"user\", \"content\": [{\"text\": \"x\"}]}]", "an array of blocks, each with a type" },
        { "[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"uext\": \"x\"}]}]", "and a text when that is text" },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_ends_exactly_once),
        cmocka_unit_test(answers_over_a_limit_fail_the_run), cmocka_unit_test(artifacts_that_are_read_count),
        cmocka_unit_test(a_conversation_that_grows_without_end_fails_the_run),
        cmocka_unit_test(what_is_given_up_is_not_asked_for),
        cmocka_unit_test(absurd_token_counts_are_cut),
        cmocka_unit_test(bad_history_is_refused),
        cmocka_unit_test(long_history_is_cut_at_whole_turns),
    };
    static const char table[] = "sim:a 1 2 0.5 1\nsim:b 10 20 5 10\n";
    struct orb_error err;
    if (orb_prices_parse(table, sizeof table - 1, "table", &prices, &err))
        return 1;
    int failed = cmocka_run_group_tests(tests, play_tools_make, play_tools_drop);
    orb_prices_free(prices);
    return failed;
}
