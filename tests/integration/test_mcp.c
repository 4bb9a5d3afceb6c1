/* The MCP client against servers of ours (tests/mcp/server.py): three transports, two eras, and servers that behave badly. */
#include "base/base.h"
#include "support/child.h"
#include "tool/mcp_conn.h"
#include "tool/tool.h"
#include <orbiter/mcp.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER "tests/mcp/server.py"

static struct orb_loop *loop;
static struct orb_toolbox *box;
static char dir[TEST_PATH_MAX], port_file[TEST_PATH_MAX + 16];
static struct test_child web;
static char logged[65536];
static size_t logged_bytes;

static int setup(void **state)
{
    (void)state;
    loop = orb_loop_new();
    test_tempdir(dir);
    snprintf(port_file, sizeof port_file, "%s/port", dir);
    signal(SIGPIPE, SIG_IGN);
    logged[0] = '\0';
    logged_bytes = 0;
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    orb_toolbox_free(box);
    box = NULL;
    orb_loop_free(loop);
    test_child_kill(&web);
    test_rmtree(dir);
    return 0;
}

static void on_log(void *arg, const char *line)
{
    size_t used = strlen(logged);
    (void)arg;
    logged_bytes += strlen(line);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static void put(const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    test_file_write(path, text);
}

static void open_box(void)
{
    struct orb_error err = { 0 };
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s", err.text);
    orb_toolbox_on_log(box, on_log, NULL);
}

/* A stdio server t with these words on its command line; more: members of its file after a comma, or "". */
static void stdio_server(const char *words, const char *more)
{
    char text[2048], quoted[512] = "";
    for (const char *w = words; *w; w += strspn(w, " ")) {
        size_t n = strcspn(w, " "), used = strlen(quoted);
        snprintf(quoted + used, sizeof quoted - used, ", \"%.*s\"", (int)n, w);
        w += n;
    }
    snprintf(text, sizeof text, "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"python3\", \"args\": [\"" SERVER "\", \"stdio\"%s]%s}", quoted, more);
    put("t.json", text);
    open_box();
}

static int web_port(const char *mode, const char *word, const char *word2)
{
    const char *argv[] = { "python3", SERVER, mode, port_file, word, word2, NULL };
    test_child_start(&web, dir, argv, NULL);
    test_child_expect(&web, "ready", test_patience(10000));
    char *text = test_file_read(port_file, NULL);
    int port = atoi(text);
    free(text);
    remove(port_file);
    return port;
}

static void web_server(const char *mode, const char *transport, const char *word, const char *word2, const char *more)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"kind\": \"mcp\", \"server\": \"t\", \"transport\": \"%s\", \"url\": \"http://127.0.0.1:%d/mcp\"%s}", transport,
             web_port(mode, word, word2), more);
    put("t.json", text);
    open_box();
}

/* ---- resolving and calling ---- */

struct found {
    int done;
    struct orb_tool *tools[128];
    size_t count;
    char error[1024];
};

static void on_tools(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct found *f = arg;
    f->done = 1;
    snprintf(f->error, sizeof f->error, "%s", err ? err->text : "");
    for (size_t i = 0; i < count && i < ORB_COUNT(f->tools); i++)
        f->tools[f->count++] = orb_tool_ref(tools[i]);
}

static void turn_until(const int *done, int ms)
{
    for (int64_t end = test_now_ms() + test_patience(ms); !*done;) {
        if (test_now_ms() > end)
            fail_msg("nothing came in %d ms; logged: %s", ms, logged);
        orb_loop_turn(loop, 50);
    }
}

static struct found resolve(const char *items)
{
    struct found f = { 0 };
    json_t *value = json_loads(items, 0, NULL);
    assert_non_null(value);
    orb_toolbox_resolve(box, value, on_tools, &f);
    json_decref(value);
    turn_until(&f.done, 60000);
    return f;
}

static void found_done(struct found *f)
{
    for (size_t i = 0; i < f->count; i++)
        orb_tool_unref(f->tools[i]);
}

static struct orb_tool *tool_of(const char *name)
{
    char items[256];
    snprintf(items, sizeof items, "[\"mcp__t__%s\"]", name);
    struct found f = resolve(items);
    if (f.count != 1)
        fail_msg("%s: %s", name, f.error);
    return f.tools[0];
}

/* As Python clients write it: the server is not asked for its list. */
static struct orb_tool *object_of(const char *name)
{
    char items[512];
    snprintf(items, sizeof items, "[{\"__mcp_tool__\": true, \"name\": \"mcp__t__%s\", \"description\": \"d\", \"parameters\": {\"type\": \"object\"}, "
             "\"original_name\": \"%s\", \"server_name\": \"t\", \"large_output\": false, \"server_config\": {\"command\": \"/bin/false\"}}]", name, name);
    struct found f = resolve(items);
    if (f.count != 1)
        fail_msg("%s: %s", name, f.error);
    return f.tools[0];
}

struct outcome {
    int done;
    char text[4096];
    int is_error;
    json_t *blocks;
    struct orb_tool_call *call;
};

static void on_result(void *arg, const struct orb_tool_result *r)
{
    struct outcome *o = arg;
    assert_int_equal(o->done, 0);
    o->done = 1;
    o->is_error = r->error != NULL;
    o->blocks = r->blocks ? json_deep_copy(r->blocks) : NULL;
    snprintf(o->text, sizeof o->text, "%s", r->error ? r->error : r->content);
}

static void start(struct orb_tool *tool, const char *arguments, struct outcome *o)
{
    struct orb_error err = { 0 };
    json_t *value = json_loads(arguments, 0, NULL);
    *o = (struct outcome){ 0 };
    if (orb_tool_call_start(loop, tool, value, on_result, o, &o->call, &err))
        fail_msg("%s", err.text);
    json_decref(value);
}

static struct outcome call_tool(struct orb_tool *tool_take, const char *arguments)
{
    struct outcome o;
    start(tool_take, arguments, &o);
    turn_until(&o.done, 60000);
    orb_tool_unref(tool_take);
    return o;
}

static void expect(const char *tool, const char *arguments, const char *text)
{
    struct outcome o = call_tool(object_of(tool), arguments);
    if (!strstr(o.text, text))
        fail_msg("%s: got '%s', wanted '%s'", tool, o.text, text);
    json_decref(o.blocks);
}

/* ---- what every good server gives, however it is reached ---- */

static void check_good(const char *transport, const char *era)
{
    struct outcome o = call_tool(tool_of("add"), "{\"x\": 1, \"y\": 2}");
    assert_string_equal(o.text, "3");
    o = call_tool(tool_of("add"), "{\"x\": \"one\"}");
    assert_true(o.is_error && strstr(o.text, "Wrong arguments"));
    expect("echo", "{\"text\": \"\\u00fc \\n \\u0001\"}", "\xc3\xbc \n \x01");
    expect("bare", "{}", "bare");
    expect("fail", "{}", "MCP tool 'fail' returned error: it went wrong");
    expect("resource", "{}", "inside");
    expect("structured", "{}", "{\"n\": 7}");
    expect("link", "{}", "[resource link: b file:///b]");
    expect("empty", "{}", "");
    expect("more_input", "{}", "asks for more input");
    expect("bad_params", "{}", "MCP tool 'bad_params' on server 't' failed: error -32602: no");
    o = call_tool(tool_of("image"), "{}");
    assert_int_equal(json_array_size(o.blocks), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(o.blocks, 1), "media_type")), "image/png");
    assert_string_equal(o.text, "look\n[image: image/png]\n[image: image/png (its data is not base64)]");
    json_decref(o.blocks);
    /* A text that is cut is cut for the model, too. */
    o = call_tool(object_of("album"), "{}");
    assert_int_equal(json_array_size(o.blocks), 2);
    const json_t *cut = json_object_get(json_array_get(o.blocks, 0), "text");
    assert_in_range(json_string_length(cut), ORB_TOOL_RESULT_MAX, ORB_TOOL_RESULT_MAX + 200);
    assert_non_null(strstr(json_string_value(cut), "the first 262144 of "));
    assert_non_null(json_object_get(json_array_get(o.blocks, 1), "data"));
    json_decref(o.blocks);
    struct found all = resolve("[{\"mcp\": \"t\"}]");
    assert_int_equal(all.count, 27); /* three pages; the misrouted one is left out */
    found_done(&all);
    struct found none = resolve("[\"mcp__t__nothing\"]");
    assert_non_null(strstr(none.error, "has no such tool"));
    (void)transport, (void)era;
}

struct news {
    struct outcome outcome;
    int count;
    char text[512];
};

static void on_news(void *arg, const char *text)
{
    struct news *n = arg; /* its first member is the call's arg */
    assert_int_equal(n->outcome.done, 0);
    n->count++;
    snprintf(n->text, sizeof n->text, "%s", text);
}

/* One of the hundreds: those that follow at once are left out, those of other calls are none. */
static void check_progress(void)
{
    struct news n = { .count = 0 };
    struct orb_tool *tool = object_of("progress");
    start(tool, "{}", &n.outcome);
    orb_tool_call_on_progress(n.outcome.call, on_news);
    turn_until(&n.outcome.done, 10000);
    assert_string_equal(n.outcome.text, "did progress");
    assert_in_range(n.count, 1, 3);
    assert_non_null(strstr(n.text, ".5/1000 is at it"));
    orb_tool_unref(tool);
}

struct servers {
    int done;
    char transport[32], era[16], version[16], error[512];
};

static void on_server(void *arg, const struct orb_mcp_server_info *s)
{
    struct servers *o = arg;
    o->done = 1;
    snprintf(o->transport, sizeof o->transport, "%s", s->transport);
    snprintf(o->era, sizeof o->era, "%s", s->era);
    snprintf(o->version, sizeof o->version, "%s", s->version);
    snprintf(o->error, sizeof o->error, "%s", s->error ? s->error : "");
}

static struct servers ask_server(void)
{
    struct servers s = { 0 };
    orb_mcp_server_list(box, on_server, &s);
    turn_until(&s.done, 60000);
    return s;
}

static void check_is(const char *transport, const char *version)
{
    struct servers s = ask_server();
    assert_string_equal(s.error, "");
    assert_string_equal(s.transport, transport);
    assert_string_equal(s.version, version);
    assert_string_equal(s.era, strcmp(version, ORB_MCP_MODERN) ? "legacy" : "modern");
}

static void good_servers(void **state)
{
    static const struct {
        const char *mode, *transport, *word, *found, *version;
    } rows[] = {
        { "stdio", "", "modern", "stdio", "2026-07-28" }, { "stdio", "", "legacy", "stdio", "2025-11-25" },
        { "stdio", "", "old", "stdio", "2025-11-25" }, { "stdio", "", "legacy 2024-11-05", "stdio", "2024-11-05" },
        { "http", "streamable_http", "modern", "streamable_http", "2026-07-28" }, { "http", "streamable_http", "legacy", "streamable_http", "2025-11-25" },
        { "sse", "sse", "legacy", "sse", "2025-11-25" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        if (!strcmp(rows[i].mode, "stdio"))
            stdio_server(rows[i].word, "");
        else
            web_server(rows[i].mode, rows[i].transport, rows[i].word, NULL, "");
        check_good(rows[i].transport, rows[i].word);
        check_progress();
        check_is(rows[i].found, rows[i].version);
        teardown(NULL);
        setup(NULL);
    }
}

/* ---- one connection ---- */

static void a_thousand_calls(void **state)
{
    static struct outcome outcomes[1000];
    char arguments[64], want[32];
    (void)state;
    stdio_server("modern", "");
    struct orb_tool *tool = tool_of("add");
    struct outcome first = call_tool(tool_of("pid"), "{}");
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++) {
        snprintf(arguments, sizeof arguments, "{\"x\": %zu, \"y\": 1}", i);
        start(tool, arguments, &outcomes[i]);
    }
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++) {
        turn_until(&outcomes[i].done, 60000);
        snprintf(want, sizeof want, "%zu", i + 1);
        assert_string_equal(outcomes[i].text, want);
    }
    struct outcome last = call_tool(tool_of("pid"), "{}");
    assert_string_equal(first.text, last.text);
    expect("count", "{}", "1003");
    orb_tool_unref(tool);
}

static void many_over_http(void **state)
{
    static struct outcome outcomes[300];
    (void)state;
    web_server("http", "streamable_http", "modern", NULL, "");
    struct orb_tool *tool = tool_of("add");
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++)
        start(tool, "{\"x\": 20, \"y\": 3}", &outcomes[i]);
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++) {
        turn_until(&outcomes[i].done, 60000);
        assert_string_equal(outcomes[i].text, "23");
    }
    orb_tool_unref(tool);
    struct outcome o = call_tool(tool_of("routed"), "{\"region\": \"\\u00fcber\"}");
    assert_string_equal(o.text, "=?base64?w7xiZXI=?= tools/call routed");
}

/* ---- servers that behave badly ---- */

static void others_go_on(const char *bad, const char *text)
{
    struct orb_tool *slow = object_of("sleep");
    struct outcome o;
    start(slow, "{}", &o);
    expect(bad, "{}", text);
    turn_until(&o.done, 20000);
    assert_string_equal(o.text, "slept");
    orb_tool_unref(slow);
}

static void bad_manners_on_stdio(void **state)
{
    (void)state;
    stdio_server("modern", ", \"timeout\": 4");
    others_go_on("huge", "the answer is over 4194304 bytes");
    others_go_on("twice", "did twice");
    others_go_on("garbage", "did garbage");
    others_go_on("progress", "did progress");
    others_go_on("ping", "pong");
    others_go_on("wrong_id", "took more than 4 s");
    others_go_on("never", "took more than 4 s");
    others_go_on("stderr", "did stderr");
    struct outcome o = call_tool(object_of("cancelled"), "{}");
    json_t *ids = json_loads(o.text, 0, NULL);
    assert_int_equal(json_array_size(ids), 2);
    json_decref(ids);
    assert_true(logged_bytes < ORB_MCP_STDERR_MAX + 4096);
}

/* It is cut off, and little of it is logged; the next call finds a server again. */
static void expect_flood(const char *tool)
{
    int64_t from = test_now_ms();
    expect(tool, "{}", ORB_MCP_FLOOD_TEXT);
    assert_true(test_now_ms() - from < test_patience(10000));
    expect("add", "{\"x\": 1, \"y\": 2}", "3");
    assert_true(logged_bytes < ORB_MCP_STDERR_MAX + 4096);
}

static void floods_end(void **state)
{
    (void)state;
    stdio_server("modern", "");
    expect_flood("flood");
    expect_flood("flood_ping");
    expect_flood("flood_stderr");
    logged_bytes = 0;
    expect_flood("flood_line");
    teardown(NULL);
    setup(NULL);
    web_server("http", "streamable_http", "legacy", NULL, "");
    expect_flood("flood");
    expect_flood("flood_ping");
    teardown(NULL);
    setup(NULL);
    web_server("sse", "sse", "legacy", NULL, "");
    expect_flood("flood");
    teardown(NULL);
    setup(NULL);
    /* What was asked for is none, however much it is. */
    stdio_server("modern", "");
    char *text = orb_alloc(700001);
    memset(text, 'x', 700000);
    json_t *value = json_pack("{ss}", "text", text);
    struct orb_tool *echo = object_of("echo");
    static struct outcome outcomes[100];
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++) {
        struct orb_error err = { 0 };
        if (orb_tool_call_start(loop, echo, value, on_result, &outcomes[i], &outcomes[i].call, &err))
            fail_msg("%s", err.text);
        if (i % 4 == 3)
            turn_until(&outcomes[i].done, 60000);
    }
    for (size_t i = 0; i < ORB_COUNT(outcomes); i++) {
        turn_until(&outcomes[i].done, 60000);
        if (outcomes[i].is_error)
            fail_msg("%zu: %s", i, outcomes[i].text);
    }
    json_decref(value);
    orb_tool_unref(echo);
    free(text);
}

/* It lives, but answers nothing any more, not even whether it is there: then it is as good as dead. One that only lets a call wait is not. */
static void a_frozen_server_is_started_anew(void **state)
{
    static const char *const rows[][2] = { { "stdio", "modern" }, { "stdio", "legacy" }, { "sse", "legacy" } };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        if (!strcmp(rows[i][0], "stdio"))
            stdio_server(rows[i][1], ", \"timeout\": 1");
        else
            web_server("sse", "sse", rows[i][1], NULL, ", \"timeout\": 1");
        expect("never", "{}", "took more than 1 s");
        expect("add", "{\"x\": 1, \"y\": 1}", "2");
        struct orb_tool *tool = object_of("freeze");
        struct outcome frozen, later;
        start(tool, "{}", &frozen);
        turn_until(&frozen.done, 10000);
        assert_non_null(strstr(frozen.text, "took more than 1 s"));
        int64_t deadline = test_now_ms() + test_patience(ORB_MCP_PING_MS + 10000);
        do {
            later = call_tool(object_of("add"), "{\"x\": 1, \"y\": 2}");
            assert_true(test_now_ms() < deadline);
        } while (later.is_error);
        assert_string_equal(later.text, "3");
        assert_non_null(strstr(logged, "it does not answer any more"));
        orb_tool_unref(tool);
        teardown(NULL);
        setup(NULL);
    }
}

static void a_crash_is_not_the_end(void **state)
{
    (void)state;
    stdio_server("modern", ", \"timeout\": 20");
    struct orb_tool *slow = object_of("sleep");
    struct outcome o;
    expect("add", "{\"x\": 1, \"y\": 1}", "2");
    start(slow, "{}", &o);
    expect("crash", "{}", "MCP tool 'crash' on server 't' failed: its process ended (exit status 3); it last said: going down");
    turn_until(&o.done, 5000);
    assert_true(o.is_error && strstr(o.text, "its process ended"));
    expect("add", "{\"x\": 1, \"y\": 2}", "3");
    expect("crash", "{}", "exit status 3");
    expect("add", "{\"x\": 1, \"y\": 3}", "4");
    orb_tool_unref(slow);
}

static void a_cancel_is_told(void **state)
{
    (void)state;
    stdio_server("modern", "");
    struct orb_tool *never = object_of("never");
    struct outcome o;
    expect("echo", "{\"text\": \"x\"}", "x");
    start(never, "{}", &o);
    orb_loop_turn(loop, 0);
    orb_tool_call_cancel(o.call);
    turn_until(&o.done, 1000);
    assert_true(o.is_error && strstr(o.text, "cancelled"));
    expect("cancelled", "{}", "[3]");
    orb_tool_unref(never);
}

static void on_hand(void *arg, const char *content, size_t len, const char *error, double duration_ms)
{
    struct outcome *o = arg;
    (void)content, (void)len, (void)duration_ms;
    assert_int_equal(o->done, 0);
    o->done = 1;
    o->is_error = error != NULL;
    snprintf(o->text, sizeof o->text, "%s", error ? error : content);
}

static void call_by_hand(const char *tool, struct outcome *o)
{
    struct orb_error err = { 0 };
    *o = (struct outcome){ 0 };
    if (orb_mcp_tool_call(box, "t", tool, "{}", 2, on_hand, o, &err))
        fail_msg("%s", err.text);
}

/* While its tool is looked for, and while it runs: the server hears of it. */
static void a_cancel_by_hand(void **state)
{
    struct outcome o, other;
    (void)state;
    stdio_server("modern", "");
    call_by_hand("count", &other);
    call_by_hand("never", &o);
    orb_toolbox_call_cancel(box, &o);
    turn_until(&o.done, 5000);
    assert_true(o.is_error && strstr(o.text, "cancelled"));
    turn_until(&other.done, 5000);
    assert_string_equal(other.text, "1");
    call_by_hand("never", &o);
    call_by_hand("pid", &other); /* sent after it */
    turn_until(&other.done, 5000);
    orb_toolbox_call_cancel(box, &o);
    turn_until(&o.done, 5000);
    assert_true(o.is_error && strstr(o.text, "cancelled"));
    struct outcome told = call_tool(object_of("cancelled"), "{}");
    assert_true(strlen(told.text) > 2);
    /* Freed in the middle of both: nobody is told. */
    call_by_hand("never", &o);
    orb_toolbox_free(box);
    box = NULL;
    assert_int_equal(o.done, 0);
}

static void bad_manners_over_http(void **state)
{
    static const char *const eras[] = { "modern", "legacy" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(eras); i++) {
        web_server("http", "streamable_http", eras[i], NULL, ", \"timeout\": 3");
        others_go_on("huge", "the answer is over 4194304 bytes");
        others_go_on("twice", "did twice");
        others_go_on("garbage", "did garbage");
        others_go_on("progress", "did progress");
        others_go_on("wrong_id", "holds no answer to the request");
        others_go_on("hang_up", "ended before the answer");
        others_go_on("never", "took more than 3 s");
        if (i == 1)
            expect("crash", "{}", "did crash");
        expect("add", "{\"x\": 1, \"y\": 2}", "3"); /* with another session, when that was forgotten */
        teardown(NULL);
        setup(NULL);
    }
}

/* Who frees a toolbox need not turn the loop any more, and a server that does not answer does not keep it. */
static void a_session_is_ended(void **state)
{
    char path[TEST_PATH_MAX + 64];
    (void)state;
    web_server("http", "streamable_http", "legacy", NULL, "");
    expect("add", "{\"x\": 1, \"y\": 2}", "3");
    orb_toolbox_free(box);
    box = NULL;
    snprintf(path, sizeof path, "%s.deleted", port_file);
    char *text = test_file_read(path, NULL);
    assert_string_equal(text ? text : "no DELETE", "s1");
    free(text);
    teardown(NULL);
    setup(NULL);
    web_server("http", "streamable_http", "legacy", "deaf", "");
    expect("add", "{\"x\": 1, \"y\": 2}", "3");
    int64_t from = test_now_ms();
    orb_toolbox_free(box);
    box = NULL;
    assert_in_range(test_now_ms() - from, ORB_MCP_GOODBYE_MS - 100, test_patience(2 * ORB_MCP_GOODBYE_MS));
}

static void http_becomes_sse(void **state)
{
    char text[512];
    (void)state;
    web_server("sse", "streamable_http", "legacy", NULL, "");
    check_is("sse", "2025-11-25");
    expect("add", "{\"x\": 1, \"y\": 2}", "3");
    expect("crash", "{}", "its stream of events ended");
    expect("add", "{\"x\": 1, \"y\": 3}", "4");
    (void)text;
}

/* ---- servers that cannot be used ---- */

static void check_fails(const char *want)
{
    struct servers s = ask_server();
    if (!strstr(s.error, want))
        fail_msg("got '%s', wanted '%s'", s.error, want);
    struct outcome o = call_tool(object_of("add"), "{\"x\": 1, \"y\": 1}");
    assert_true(o.is_error);
    teardown(NULL);
    setup(NULL);
}

static void hopeless_servers(void **state)
{
    (void)state;
    stdio_server("die", "");
    check_fails("Failed to connect to server 't': its process ended (exit status 1); it last said: no such key");
    stdio_server("mute", ", \"timeout\": 0.4");
    check_fails("in time");
    stdio_server("flood", ", \"timeout\": 20");
    check_fails("no message of MCP");
    stdio_server("future", "");
    check_fails("speaks no version of MCP that this client knows (2099-01-01)");
    stdio_server("legacy 2099-01-01", "");
    check_fails("wants version '2099-01-01'");
    put("t.json", "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"/no/such/program\"}");
    open_box();
    check_fails("/no/such/program");
    web_server("http", "streamable_http", "auth", NULL, "");
    check_fails("HTTP 401; set \"headers\"");
    web_server("http", "streamable_http", "html", NULL, "");
    check_fails("HTTP 500");
    web_server("sse", "sse", "elsewhere", NULL, "");
    check_fails("of another origin");
    put("t.json", "{\"kind\": \"mcp\", \"server\": \"t\", \"url\": \"http://127.0.0.1:1/\"}");
    open_box();
    check_fails("it cannot be reached");
}

static void bad_lists(void **state)
{
    static const char *const rows[][2] = {
        { "circle", "goes round in a circle" }, { "endless", "over 100 pages" }, { "many", "over 1000 tools" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        stdio_server(rows[i][0], "");
        struct servers s = ask_server();
        if (!strstr(s.error, rows[i][1]))
            fail_msg("got '%s', wanted '%s'", s.error, rows[i][1]);
        expect("add", "{\"x\": 1, \"y\": 1}", "2");
        teardown(NULL);
        setup(NULL);
    }
    stdio_server("bomb", "");
    struct found all = resolve("[{\"mcp\": \"t\"}]");
    assert_int_equal(all.count, 1);
    assert_string_equal(all.tools[0]->name, "mcp__t__fine");
    found_done(&all);
    teardown(NULL);
    setup(NULL);
    stdio_server("clash", "");
    all = resolve("[{\"mcp\": \"t\"}]");
    assert_non_null(strstr(all.error, "Duplicate tool name 'mcp__t__odd_name'"));
}

/* ---- what a worker allows ---- */

static void only_what_is_allowed(void **state)
{
    static const char *const rows[][2] = {
        { "[\"mcp__other__add\"]", "No server registered with name 'other'" },
        { "[{\"mcp\": \"other\"}]", "No server registered with name 'other'" },
        { "[{\"__mcp_tool__\": true, \"name\": \"x\", \"server_name\": \"other\", \"server_config\": {\"command\": \"sh\"}}]", "\"kind\": \"mcp\", \"server\": \"other\"" },
        { "[\"mcp__t__sleep\"]", "excludes it" },
        { "[{\"__mcp_tool__\": true, \"name\": \"x\", \"original_name\": \"sleep\", \"server_name\": \"t\"}]", "does not include 'sleep'" },
        { "[{\"__mcp_tool__\": true, \"name\": \"x y\", \"original_name\": \"add\", \"server_name\": \"t\"}]", "its name must be" },
    };
    (void)state;
    setenv("MCP_TEST_SECRET", "from the worker", 1);
    setenv("MCP_TEST_OTHER", "not for servers", 1);
    put("t.json", "{\"mcpServers\": {\"t\": {\"command\": \"python3\", \"args\": [\"" SERVER "\", \"stdio\"], \"env\": {\"TOKEN\": \"<${MCP_TEST_SECRET}${MCP_TEST_NONE}>\"}, "
        "\"include\": [\"add\", \"env\", \"sleep\"], \"exclude\": [\"sleep\"]}}}");
    open_box();
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct found f = resolve(rows[i][0]);
        if (!strstr(f.error, rows[i][1]))
            fail_msg("%s: got '%s', wanted '%s'", rows[i][0], f.error, rows[i][1]);
    }
    struct found all = resolve("[{\"mcp\": \"t\"}]");
    assert_int_equal(all.count, 2);
    found_done(&all);
    struct outcome o = call_tool(object_of("env"), "{}");
    assert_non_null(strstr(o.text, "<from the worker>"));
    assert_null(strstr(o.text, "not for servers"));
}

static void wrong_files(void **state)
{
    static const char *const rows[][2] = {
        { "{\"kind\": \"mcp\"}", "/server" }, { "{\"kind\": \"mcp\", \"server\": \"t\"}", "Server 't': stdio transport requires 'command'" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"transport\": \"sse\"}", "Server 't': sse transport requires 'url'" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"transport\": \"x\"}", "/transport" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"x\", \"timeout\": 0}", "/timeout" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"x\", \"timeout_seconds\": 1}", "its limit is \"timeout\"" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"x\", \"args\": [1]}", "/args" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"x\", \"headers\": {\"a b\": \"\"}}", "/headers: 'a b'" },
        { "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"x\", \"comand\": \"x\"}", "did you mean 'command'" },
        { "{\"mcpServers\": []}", "Expected 'mcpServers' to be a dict" },
        { "{\"mcpServers\": {\"a-b\": {\"command\": \"x\"}, \"a_b\": {\"command\": \"x\"}}}", "by the same name" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_error err = { 0 };
        put("t.json", rows[i][0]);
        assert_int_equal(orb_toolbox_new(loop, dir, &box, &err), ORB_E_CONFIG);
        if (!strstr(err.text, rows[i][1]))
            fail_msg("%s: got '%s', wanted '%s'", rows[i][0], err.text, rows[i][1]);
    }
}

/* ---- the end ---- */

static void servers_end_with_the_toolbox(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        stdio_server(i ? "stay" : "modern", "");
        struct outcome o = call_tool(object_of("pid"), "{}");
        pid_t pid = (pid_t)atoi(o.text);
        assert_true(pid > 0 && kill(pid, 0) == 0);
        int64_t from = test_now_ms();
        orb_toolbox_free(box);
        box = NULL;
        assert_true(kill(pid, 0) != 0);
        assert_true(test_now_ms() - from < test_patience(3 * ORB_MCP_END_MS));
        teardown(NULL);
        setup(NULL);
    }
}

/* A toolbox that is freed while lists are asked for tells nobody any more. */
static void freed_while_asking(void **state)
{
    struct found f = { 0 };
    json_t *items = json_loads("[\"mcp__t__add\", {\"mcp\": \"t\"}]", 0, NULL);
    (void)state;
    stdio_server("mute", "");
    orb_toolbox_resolve(box, items, on_tools, &f);
    for (int i = 0; i < 5; i++)
        orb_loop_turn(loop, 20);
    orb_toolbox_free(box);
    box = NULL;
    orb_loop_turn(loop, 0);
    assert_int_equal(f.done, 0);
    json_decref(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(good_servers), T(a_thousand_calls), T(many_over_http), T(bad_manners_on_stdio), T(floods_end), T(a_frozen_server_is_started_anew), T(a_crash_is_not_the_end), T(a_cancel_is_told), T(a_cancel_by_hand),
        T(bad_manners_over_http), T(a_session_is_ended), T(http_becomes_sse), T(hopeless_servers), T(bad_lists), T(only_what_is_allowed),
        T(wrong_files), T(servers_end_with_the_toolbox), T(freed_while_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
