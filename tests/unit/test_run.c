/* The step machine: scenarios with their golden event logs (the files of tests/unit/run), each run plainly and with its state
 * written out and read back at every wait. No server, no clock. With RUN_LOGS=write in the environment the logs are written anew, to be read
 * before they are believed. */
#include "base/base.h"
#include "support/play.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct orb_prices *prices;

/* ---- scenarios ----------------------------------------------------------------- */

static void delta(struct play *p, int talk, const struct orb_delta *d)
{
    orb_run_delta(p->run, talk, d);
}

static void say(struct play *p, int talk, enum orb_delta_type type, const char *text)
{
    delta(p, talk, &(struct orb_delta){ .type = type, .text = text, .len = strlen(text) });
}

static void show_request(struct play *p, int talk)
{
    const char *model;
    struct orb_model_call call;
    assert_int_equal(orb_run_call(p->run, talk, &model, &call), 0);
    if (call.options) {
        char *options = json_dumps(call.options, JSON_COMPACT);
        play_put(p, "   options %s\n", options);
        free(options);
    }
    char *messages = json_dumps(call.messages, JSON_COMPACT), *offered = call.tools ? json_dumps(call.tools, JSON_COMPACT) : strdup("none");
    play_put(p, "   %s tools %s\n", messages, offered);
    free(messages);
    free(offered);
    json_decref(call.messages);
    json_decref(call.tools);
}

static const struct { const char *word; int code; } classes[] = {
    { "rate", ORB_E_MODEL_RATE }, { "server", ORB_E_MODEL_SERVER }, { "auth", ORB_E_MODEL_AUTH }, { "invalid", ORB_E_MODEL_INVALID },
    { "filter", ORB_E_MODEL_FILTER }, { "protocol", ORB_E_PROTOCOL }, { "large", ORB_E_TOO_LARGE }, { "config", ORB_E_CONFIG },
};

/* One operation of an answer: 1 = the answer has failed. */
static int operate(struct play *p, int talk, char *op)
{
    char *word = strsep(&op, " "), *rest = op ? op : "";
    if (!strcmp(word, "say")) {
        for (char *at = rest; (at = strstr(at, "\\n"));) {
            *at = '\n';
            memmove(at + 1, at + 2, strlen(at + 1));
        }
        say(p, talk, ORB_DELTA_TEXT, rest);
    } else if (!strcmp(word, "think")) {
        say(p, talk, ORB_DELTA_REASONING, rest);
    } else if (!strcmp(word, "use")) {
        int in = atoi(strsep(&op, " ")), out = atoi(op);
        delta(p, talk, &(struct orb_delta){ .type = ORB_DELTA_USAGE, .usage = { .input_tokens = in, .output_tokens = out, .total_tokens = in + out } });
    } else if (!strcmp(word, "keep")) {
        json_t *keep = json_string(rest);
        delta(p, talk, &(struct orb_delta){ .type = ORB_DELTA_KEEP, .keep = keep });
        json_decref(keep);
    } else if (!strcmp(word, "call")) {
        int index = atoi(strsep(&op, " "));
        char *id = strsep(&op, " "), *name = strsep(&op, " ");
        delta(p, talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .index = index, .id = strcmp(id, "-") ? id : NULL, .name = name,
                                            .text = op ? op : "", .len = op ? strlen(op) : 0 });
    } else if (!strcmp(word, "finish")) {
        delta(p, talk, &(struct orb_delta){ .type = ORB_DELTA_FINISH, .finish = !strcmp(rest, "length") ? ORB_FINISH_LENGTH : ORB_FINISH_FILTER });
    } else if (!strcmp(word, "messages")) {
        show_request(p, talk);
    } else if (!strcmp(word, "fail")) {
        struct orb_error err = { 0 };
        for (size_t i = 0; i < ORB_COUNT(classes); i++)
            if (!strcmp(classes[i].word, rest))
                orb_error_set(&err, classes[i].code, "boom");
        assert_int_not_equal(err.code, 0);
        orb_run_model_failed(p->run, talk, &err, p->now);
        return 1;
    } else {
        fail_msg("no such operation: %s", word);
    }
    return 0;
}

static const char *find_answer(struct play *p, const char *agent)
{
    size_t n = strlen(agent);
    for (size_t i = 0; i < p->answer_count; i++)
        if (p->answers[i] && !strncmp(p->answers[i], agent, n) && p->answers[i][n] == ' ') {
            const char *answer = p->answers[i] + n + 1;
            p->answers[i] = NULL;
            return answer;
        }
    fail_msg("no answer is left for agent %s; so far:\n%s", agent, p->trace.data);
    return NULL;
}

/* Goes on with an answer: all of it, or one operation. 1 = it has ended. */
static int answer(struct play *p, struct play_item *item)
{
    if (!item->answer)
        item->answer = find_answer(p, item->agent);
    do {
        const char *end = strstr(item->answer, ";; ");
        char op[4096];
        snprintf(op, sizeof op, "%.*s", (int)(end ? end - item->answer : (long)strlen(item->answer)), item->answer);
        int has_failed = operate(p, item->talk, op);
        if (has_failed)
            return 1;
        if (!end) {
            orb_run_answered(p->run, item->talk, p->now);
            return 1;
        }
        item->answer = end + 3;
    } while (!p->is_interleaved);
    return 0;
}

static void tool_ends(struct play *p, const struct play_item *item)
{
    struct orb_tool_result result = { .duration_ms = 5 };
    size_t n = strlen(item->tool);
    for (size_t i = 0; i < p->result_count; i++)
        if (p->tool_results[i] && !strncmp(p->tool_results[i], item->tool, n) && p->tool_results[i][n] == ' ') {
            const char *text = p->tool_results[i] + n + 1;
            p->tool_results[i] = NULL;
            json_t *blocks = NULL;
            if (!strncmp(text, "progress ", 9)) {
                orb_run_tool_progress(p->run, item->talk, item->call, "1/2 half");
                text += 9;
            }
            if (!strncmp(text, "error ", 6)) {
                result.error = text + 6;
            } else if (!strncmp(text, "image ", 6)) { /* an image, and text beside it */
                result.content = text + 6;
                blocks = json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "text", "text", text + 6, "type", "image_data", "data", "QQ==");
            } else {
                result.content = text;
            }
            result.len = result.content ? strlen(result.content) : 0;
            result.blocks = blocks;
            play_put(p, "   (%s %s)\n", item->tool, item->arguments);
            orb_run_tool_result(p->run, item->talk, item->call, &result, p->now);
            json_decref(blocks);
            return;
        }
    fail_msg("no result is left for tool %s; so far:\n%s", item->tool, p->trace.data);
}

static void step(struct play *p)
{
    struct play_item item = p->pending[0];
    play_drop_item(p, 0);
    p->now += 1;
    if (item.type == PLAY_TOOL) {
        tool_ends(p, &item);
    } else if (item.type == PLAY_ADVANCE) {
        play_put(p, "-- attempt %d\n", ++p->attempts + 1);
        play_advance(p);
    } else if (!answer(p, &item)) {
        assert_true(p->count < PLAY_PENDING_MAX);
        p->pending[p->count++] = item;
    }
    play_drain(p);
}

static void finish(struct play *p)
{
    struct orb_buf b;
    char usage[320];
    orb_buf_init(&b, 64 * 1024);
    if (p->end == ORB_ACTION_DONE)
        orb_run_result(p->run, &b);
    else
        orb_buf_printf(&b, "failed: %s", orb_error_message(orb_run_error(p->run)));
    orb_run_usage(p->run, usage);
    play_put(p, "%s\n%s\n", b.data, usage);
    orb_buf_done(&b);
}

static void play(struct play *p)
{
    if (play_start(p))
        return;
    while (p->count && !p->ends)
        step(p);
    assert_int_equal(p->ends, 1);
    finish(p);
    orb_run_free(p->run);
}

/* Compares a scenario's log with what it expects; `where` names it. */
static void check(const char *where, const char *expected, char *lines[], size_t count, int is_reloading, struct orb_buf *written)
{
    struct play *p = orb_alloc(sizeof *p);
    json_t *config = NULL;
    orb_buf_init(&p->trace, 1024 * 1024);
    orb_buf_str(&p->trace, "");
    p->input = "hi";
    p->is_detailed = 1;
    p->reload_percent = is_reloading ? 100 : 0;
    p->prices = prices;
    for (size_t i = 0; i < count; i++) {
        char *rest = lines[i], *word = strsep(&rest, " ");
        if (!strcmp(word, "config"))
            p->config = config = json_loads(rest, 0, NULL);
        else if (!strcmp(word, "history"))
            p->history = json_loads(rest, 0, NULL);
        else if (!strcmp(word, "input"))
            p->input = rest;
        else if (!strcmp(word, "artifacts"))
            p->artifact_bytes = (size_t)atoi(rest);
        else if (!strcmp(word, "plain"))
            p->is_detailed = 0;
        else if (!strcmp(word, "interleaved"))
            p->is_interleaved = 1;
        else if (!strcmp(word, "answer"))
            p->answers[p->answer_count++] = rest;
        else if (!strcmp(word, "result"))
            p->tool_results[p->result_count++] = rest;
        else
            fail_msg("%s: no such line: %s", where, word);
    }
    if (!config)
        fail_msg("%s: the config is no JSON", where);
    play(p);
    if (written)
        orb_buf_add(written, p->trace.data, is_reloading ? 0 : p->trace.len);
    else if (strcmp(p->trace.data, expected))
        fail_msg("%s%s: expected\n%s\nbut it is\n%s", where, is_reloading ? " (reloaded)" : "", expected, p->trace.data);
    orb_buf_done(&p->trace);
    json_decref(config);
    json_decref(p->history);
    free(p);
}

/* A file: "== title", lines of the scenario, "--", the log, and so on. */
static void run_file(const char *path)
{
    char *text = NULL, *rest, *line, *lines[PLAY_LINES_MAX], where[1024] = "", *copy[PLAY_LINES_MAX];
    size_t cap = 0, count = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getdelim(&text, &cap, EOF, file) > 0);
    fclose(file);
    struct orb_buf expected;
    orb_buf_init(&expected, 1024 * 1024);
    struct orb_buf written;
    orb_buf_init(&written, getenv("RUN_LOGS") ? 1024 * 1024 : 0);
    int is_log = 0, scenarios = 0;
    for (rest = text, line = strsep(&rest, "\n");; line = strsep(&rest, "\n")) {
        if ((!line || !strncmp(line, "== ", 3)) && *where) {
            for (int again = 0; again < 2; again++) {
                for (size_t i = 0; i < count; i++)
                    copy[i] = strdup(lines[i]);
                check(where, expected.data, copy, count, again, written.max ? &written : NULL);
                for (size_t i = 0; i < count; i++)
                    free(copy[i]);
            }
            scenarios++;
        }
        if (!line)
            break;
        if (written.max && (!is_log || !strncmp(line, "== ", 3)))
            orb_buf_printf(&written, "%s%s\n", strncmp(line, "== ", 3) || !scenarios ? "" : "\n", line);
        if (!strncmp(line, "== ", 3)) {
            snprintf(where, sizeof where, "%s: %s", path, line + 3);
            count = 0;
            is_log = 0;
            orb_buf_reset(&expected);
            orb_buf_str(&expected, "");
        } else if (!strcmp(line, "--")) {
            is_log = 1;
        } else if (is_log && *line) {
            orb_buf_str(&expected, line);
            orb_buf_char(&expected, '\n');
        } else if (!is_log && *line && *line != '#') {
            assert_true(count < PLAY_LINES_MAX);
            lines[count++] = line;
        }
    }
    assert_true(scenarios > 0);
    if (written.max && (file = fopen(path, "w"))) {
        fputs(written.data, file);
        fclose(file);
    }
    orb_buf_done(&written);
    orb_buf_done(&expected);
    free(text);
}

static void scenarios_have_their_golden_logs(void **state)
{
    (void)state;
    DIR *dir = opendir("tests/unit/run");
    int files = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[512];
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 4, ".txt"))
            continue;
        snprintf(path, sizeof path, "tests/unit/run/%s", e->d_name);
        run_file(path);
        files++;
    }
    closedir(dir);
    assert_true(files >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_have_their_golden_logs),
    };
    static const char table[] = "sim:a 1 2 0.5 1\nsim:b 10 20 5 10\n";
    struct orb_error err;
    if (orb_prices_parse(table, sizeof table - 1, "table", &prices, &err))
        return 1;
    int failed = cmocka_run_group_tests(tests, play_tools_make, play_tools_drop);
    orb_prices_free(prices);
    return failed;
}
