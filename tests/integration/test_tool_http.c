/* Kind http, against a server of ours: requests, responses, redirects, and where it must not go. */
#include "base/base.h"
#include "support/child.h"
#include "support/web.h"
#include "tool/tool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct orb_loop *loop;
static struct orb_toolbox *box;
static struct test_web web, other;
static char dir[TEST_PATH_MAX];

struct outcome {
    int done;
    char *content, error[4096];
    double duration_ms;
};

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct outcome *o = arg;
    assert_int_equal(o->done, 0);
    o->done = 1;
    o->duration_ms = result->duration_ms;
    if (result->content)
        o->content = orb_strdup(result->content);
    else
        snprintf(o->error, sizeof o->error, "%s", result->error);
}

static int setup(void **state)
{
    (void)state;
    test_tempdir(dir);
    test_web_start(&web);
    test_web_start(&other);
    setenv("TOOL_TEST_KEY", "k-123", 1);
    loop = orb_loop_new();
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    orb_toolbox_free(box);
    box = NULL;
    orb_loop_free(loop);
    test_web_stop(&web);
    test_web_stop(&other);
    test_rmtree(dir);
    return 0;
}

/* The file's members beside those that all here have; %d in them is the server's port. */
static struct orb_tool *tool_of(const char *members)
{
    static const char front[] = "{\"name\": \"t\", \"description\": \"d\", \"kind\": \"http\", \"ports\": [%d, %d, 80], \"parameters\": {\"type\": \"object\","
                                "\"properties\": {\"url\": {}, \"q\": {}, \"n\": {}, \"o\": {}}}, ";
    char path[TEST_PATH_MAX + 16], head[512], text[2048];
    struct orb_error err = { 0 };
    snprintf(path, sizeof path, "%s/t.json", dir);
    snprintf(head, sizeof head, front, web.port, other.port);
    int n = snprintf(text, sizeof text, "%s", head);
    snprintf(text + n, sizeof text - (size_t)n, members, web.port);
    strncat(text, "}", sizeof text - strlen(text) - 1);
    test_file_write(path, text);
    orb_toolbox_free(box);
    box = NULL;
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s: %s", text, err.text);
    return orb_toolbox_find(box, "t");
}

static struct orb_tool_call *begin(struct orb_tool *tool, json_t *arguments_take, struct outcome *o)
{
    struct orb_tool_call *call = NULL;
    struct orb_error err = { 0 };
    assert_non_null(arguments_take);
    memset(o, 0, sizeof *o);
    if (orb_tool_call_start(loop, tool, arguments_take, on_result, o, &call, &err))
        fail_msg("%s", err.text);
    assert_int_equal(o->done, 0);
    json_decref(arguments_take);
    return call;
}

static void wait_for(struct outcome *o)
{
    int64_t deadline = test_now_ms() + test_patience(30000);
    while (!o->done) {
        if (test_now_ms() > deadline)
            fail_msg("no result");
        assert_int_equal(orb_loop_turn(loop, 50), 0);
    }
}

/* Parts that the content (or the error) must hold, NULL at the end. */
static void expect(const char *members, json_t *arguments, int is_error, const char *const parts[])
{
    struct outcome o;
    begin(tool_of(members), arguments, &o);
    wait_for(&o);
    const char *got = o.content ? o.content : o.error;
    if ((o.content == NULL) != is_error)
        fail_msg("%s: '%s'", members, got);
    for (; *parts; parts++)
        if (!strstr(got, *parts))
            fail_msg("%s:\n'%s'\nlacks '%s'", members, got, *parts);
    free(o.content);
}
#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define HERE "\"allow_private\": [\"127.0.0.1\"], "
#define URL(path) HERE "\"url\": \"http://127.0.0.1:%d" path "\""

static void requests(void **state)
{
    (void)state;
    expect(URL("/echo/{q}?n={n}&o={o}&q={q}"), json_pack("{ss si s[i]}", "q", "a b/\xe2\x82\xac?&#%", "n", 7, "o", 1), 0,
           PARTS("GET /echo/a%20b%2F%E2%82%AC%3F%26%23%25?n=7&o=%5B1%5D&q=a%20b", " HTTP/1.1\r\nHost: 127.0.0.1:"));
    expect(URL("/echo/{q}/x"), json_pack("{ss}", "q", ".."), 1, PARTS("an argument must not bring '..' between the slashes of the URL's path"));
    /* Servers that decode %2F before they look at the path. */
    expect(URL("/echo/{q}/x"), json_pack("{ss}", "q", "../../admin"), 1, PARTS("must not bring '..' between the slashes"));
    expect(URL("/echo/{q}/x"), json_pack("{ss}", "q", "a/.."), 1, PARTS("'..' between the slashes"));
    expect(URL("/echo/{q}"), json_pack("{ss}", "q", "a\\..\\b"), 1, PARTS("'..' between the slashes"));
    expect(URL("/echo/{q}"), json_pack("{ss}", "q", "./b"), 1, PARTS("'.' between the slashes"));
    expect(URL("/echo/x{q}"), json_pack("{ss}", "q", "/../b"), 1, PARTS("'..' between the slashes"));
    expect(URL("/echo/.{q}"), json_pack("{ss}", "q", "./b"), 1, PARTS("'..' between the slashes"));
    expect(URL("/echo/{q}?x={q}"), json_pack("{ss}", "q", "a/.."), 1, PARTS("'..' between the slashes"));
    expect(URL("/echo/{q}"), json_pack("{ss}", "q", "a/b..c/...d"), 0, PARTS("GET /echo/a%2Fb..c%2F...d HTTP/1.1"));
    expect(URL("/echo/?q={q}"), json_pack("{ss}", "q", "../b/.."), 0, PARTS("GET /echo/?q=..%2Fb%2F.. HTTP/1.1"));
    expect(URL("/echo/{q}"), json_object(), 0, PARTS("GET /echo/ HTTP/1.1"));
    expect(URL("/echo") ", \"headers\": {\"Authorization\": \"Bearer ${TOOL_TEST_KEY}\", \"X-A\": \"{q}\"}", json_object(), 0,
           PARTS("\r\nAuthorization: Bearer k-123\r\n", "\r\nX-A: {q}\r\n"));
    expect(URL("/echo") ", \"method\": \"POST\"", json_pack("{ss si}", "q", "x", "n", 1), 0,
           PARTS("POST /echo HTTP/1.1", "\r\nContent-Type: application/json\r\n", "\r\n\r\n{\"q\": \"x\", \"n\": 1}"));
    expect(URL("/echo") ", \"method\": \"PUT\", \"body\": {\"a\": \"{n}\", \"b\": [\"{q}!\", \"{o}\"], \"c\": {\"d\": \"{o}\"}}", json_pack("{ss si}", "q", "x\"y", "n", 1), 0,
           PARTS("PUT /echo HTTP/1.1", "\r\n\r\n{\"a\": 1, \"b\": [\"x\\\"y!\"], \"c\": {}}"));
    expect(URL("/echo") ", \"method\": \"PATCH\", \"body\": \"q={q}&n={n}\"", json_pack("{ss si}", "q", "a&b=c", "n", 1), 0,
           PARTS("PATCH /echo HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", "\r\n\r\nq=a%26b%3Dc&n=1"));
    expect(URL("/echo") ", \"method\": \"DELETE\"", json_object(), 0, PARTS("DELETE /echo HTTP/1.1"));
    expect(URL("/echo") ", \"method\": \"HEAD\"", json_object(), 0, PARTS(""));
    expect(URL("/echo") ", \"method\": \"POST\", \"headers\": {\"content-type\": \"text/x\"}", json_object(), 0, PARTS("\r\ncontent-type: text/x\r\n", "\r\n\r\n{}"));
}

static void responses(void **state)
{
    (void)state;
    expect(URL("/json"), json_object(), 0, PARTS("{\"items\": [{\"t\": \"x\", \"n\": [1, 2]}]"));
    expect(URL("/json") ", \"pointer\": \"/items/0/n\"", json_object(), 0, PARTS("[1, 2]"));
    expect(URL("/json") ", \"pointer\": \"/items/0/t\"", json_object(), 0, PARTS("x"));
    expect(URL("/json") ", \"pointer\": \"/a~1b\"", json_object(), 0, PARTS("null"));
    expect(URL("/json") ", \"pointer\": \"/items/1\"", json_object(), 1, PARTS("the response of 127.0.0.1 has no /items/1"));
    expect(URL("/echo") ", \"output\": \"json\"", json_object(), 1, PARTS("the response of 127.0.0.1 is not JSON"));
    expect(URL("/status/404"), json_object(), 1, PARTS("Tool 't' failed: 127.0.0.1 answered with HTTP status 404: some text"));
    expect(URL("/status/500"), json_object(), 1, PARTS("HTTP status 500"));
    expect(URL("/status/204"), json_object(), 0, PARTS(""));
    expect(URL("/big/1000"), json_object(), 0, PARTS("xxxxxxxxxx"));
    expect(URL("/big/300000"), json_object(), 0, PARTS("[The result is cut: these are the first 262144 of 300000 bytes.]"));
    expect(URL("/big/5000000"), json_object(), 1, PARTS("the response of 127.0.0.1 is over 4194304 bytes"));
    expect(URL("/flood"), json_object(), 1, PARTS("is over 4194304 bytes"));
    expect(URL("/flood") ", \"response_max\": 10", json_object(), 1, PARTS("is over 10 bytes"));
    expect(URL("/trailers"), json_object(), 1, PARTS("no response of 127.0.0.1: its headers are over 262144 bytes"));
    expect(URL("/cut"), json_object(), 1, PARTS("no response of 127.0.0.1: "));
    expect(URL("/none"), json_object(), 1, PARTS("no response of 127.0.0.1: "));
    expect(URL("/hang") ", \"timeout_seconds\": 0.3", json_object(), 1, PARTS("Tool 't' took more than 0.3 s and was stopped"));
    expect(URL("/stall") ", \"timeout_seconds\": 0.3", json_object(), 1, PARTS("took more than 0.3 s"));
}

static void redirects(void **state)
{
    char members[512], url[128], path[192];
    (void)state;
    expect(URL("/to/302?/echo/x"), json_object(), 0, PARTS("GET /echo/x HTTP/1.1"));
    expect(URL("/to/308?echo"), json_object(), 1, PARTS("no response")); /* relative: /to/echo, where nothing answers */
    expect(URL("/to/302?/echo") ", \"method\": \"POST\"", json_object(), 0, PARTS("GET /echo HTTP/1.1"));
    expect(URL("/to/303?/echo") ", \"method\": \"PUT\"", json_object(), 0, PARTS("GET /echo HTTP/1.1"));
    expect(URL("/to/307?/echo") ", \"method\": \"POST\"", json_object(), 0, PARTS("POST /echo HTTP/1.1", "\r\n\r\n{}"));
    expect(URL("/to/302?/to/302?/to/302?/to/302?/to/302?/echo"), json_object(), 0, PARTS("GET /echo HTTP/1.1"));
    expect(URL("/to/302?/to/302?/to/302?/to/302?/to/302?/to/302?/echo"), json_object(), 1, PARTS("over 5 redirects"));
    expect(URL("/to/302?file:///etc/passwd"), json_object(), 1, PARTS("only http:// and https://"));
    expect(URL("/to/302?http://u:p@127.0.0.1/"), json_object(), 1, PARTS("a user or password"));
    expect(URL("/to/302?http://127.0.0.1:22/"), json_object(), 1, PARTS("port 22 of 127.0.0.1 is not allowed"));
    expect(URL("/to/302?http://127.0.0.2/"), json_object(), 1, PARTS("127.0.0.2 must not be asked: 127.0.0.2 is a loopback address"));
    expect(URL("/to/302?http://169.254.169.254/latest/"), json_object(), 1, PARTS("169.254.169.254 is a link-local address"));
    expect(URL("/to/302?//10.0.0.1/"), json_object(), 1, PARTS("10.0.0.1 is a private address"));
    /* To another server: without the headers that were for the first, and never with what was sent. */
    snprintf(members, sizeof members, URL("/to/302?http://127.0.0.1:%d/echo") ", \"headers\": {\"X-Key\": \"${TOOL_TEST_KEY}\"}", web.port, other.port);
    struct outcome o;
    begin(tool_of(members), json_object(), &o);
    wait_for(&o);
    assert_non_null(o.content);
    assert_non_null(strstr(o.content, "GET /echo HTTP/1.1"));
    assert_null(strstr(o.content, "k-123"));
    free(o.content);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/echo", other.port);
    snprintf(members, sizeof members, URL("/to/307?%s") ", \"method\": \"POST\"", web.port, url);
    expect(members, json_object(), 1, PARTS("redirects what was sent to another server"));
    static const char *const kept[] = { "/to/301?%s\", \"method\": \"PUT", "/to/302?%s\", \"method\": \"PATCH", "/to/308?%s\", \"method\": \"PUT" };
    for (size_t i = 0; i < ORB_COUNT(kept); i++) {
        snprintf(path, sizeof path, kept[i], url);
        snprintf(members, sizeof members, HERE "\"url\": \"http://127.0.0.1:%d%s\"", web.port, path);
        expect(members, json_object(), 1, PARTS("redirects what was sent to another server"));
    }
    /* One that was cut would be another place. */
    expect(URL("/far/300"), json_object(), 0, PARTS("GET /echo/xxxxx"));
    expect(URL("/far/5000"), json_object(), 1, PARTS("127.0.0.1 redirects to a URL of over 4095 bytes"));
}

static void places_that_are_refused(void **state)
{
    static const struct {
        const char *host, *allow, *error; /* error NULL = it may */
    } rows[] = {
        { "127.0.0.1", "", "127.0.0.1 must not be asked: 127.0.0.1 is a loopback address; its tool file's \"allow_private\" says which" },
        { "127.1", "", "is a loopback address" }, { "2130706433", "", "is a loopback address" }, { "0x7f000001", "", "is a loopback address" }, { "017700000001", "", "is a loopback address" },
        { "0", "", "is a unspecified address" }, { "0.0.0.0", "", "unspecified" }, { "localhost", "", "localhost must not be asked: " },
        { "[::1]", "", "::1 is a loopback address" }, { "[::ffff:127.0.0.1]", "", "is a loopback address" }, { "[::ffff:7f00:1]", "", "is a loopback address" }, { "[::]", "", "unspecified" },
        { "[64:ff9b::7f00:1]", "", "is a loopback address" }, { "[2002:7f00:1::]", "", "is a tunnel address" }, { "[fe80::1]", "", "link-local" }, { "[fd00::1]", "", "private" },
        { "10.0.0.1", "", "private" }, { "192.168.0.1", "", "private" }, { "172.16.0.1", "", "private" }, { "169.254.169.254", "", "link-local" }, { "100.64.0.1", "", "carrier-private" },
        { "224.0.0.1", "", "multicast" }, { "255.255.255.255", "", "reserved" },
        { "u:p@127.0.0.1", "\"127.0.0.1\"", "a user or password" },
        { "127.0.0.1", "\"127.0.0.1\"", NULL }, { "127.0.0.1", "\"127.0.0.0/8\"", NULL }, { "127.1", "\"127.0.0.1\"", NULL }, { "localhost", "\"localhost\"", NULL }, { "localhost", "\"127.0.0.0/8\", \"::1\"", NULL },
        { "127.0.0.1", "\"localhost\"", "is a loopback address" }, { "127.0.0.1", "\"10.0.0.0/8\"", "is a loopback address" }, { "localhost", "\"local\"", "must not be asked" },
    };
    char members[512], url[256];
    (void)state;
    /* A proxy would go where we may not: none is used. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        snprintf(members, sizeof members, "\"allow_private\": [%s], \"url\": \"{url}\"", rows[i].allow);
        snprintf(url, sizeof url, "http://%s:%d/echo", rows[i].host, web.port);
        expect(members, json_pack("{ss}", "url", url), rows[i].error != NULL, PARTS(rows[i].error ? rows[i].error : "GET /echo"));
    }
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    expect("\"url\": \"{url}\"", json_pack("{ss}", "url", "gopher://127.0.0.1/"), 1, PARTS("only http:// and https://"));
    expect("\"url\": \"{url}\"", json_pack("{ss}", "url", "http://127.0.0.1:6379/"), 1, PARTS("port 6379 of 127.0.0.1 is not allowed"));
    expect("\"url\": \"{url}\"", json_pack("{ss}", "url", "http://nothing.invalid/"), 1, PARTS("no response of nothing.invalid"));
    expect("\"url\": \"{url}\"", json_pack("{si}", "url", 1), 1, PARTS("failed: "));
    expect("\"url\": \"{url}\"", json_object(), 1, PARTS("failed: "));
}

static int by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

static void cancel_closes(void **state)
{
    enum { COUNT = 50 };
    double ms[COUNT];
    (void)state;
    static const char *const members[] = { URL("/hang"), URL("/stall"), URL("/flood") ", \"response_max\": 268435456" };
    for (int i = 0; i < COUNT; i++) {
        struct outcome o;
        struct orb_tool_call *call = begin(tool_of(members[i % 3]), json_object(), &o);
        for (int k = 0; k < 5 * (i % 4); k++)
            orb_loop_turn(loop, 1);
        int64_t start = orb_mono_us();
        orb_tool_call_cancel(call);
        orb_tool_call_cancel(call);
        wait_for(&o);
        ms[i] = (double)(orb_mono_us() - start) / 1000;
        assert_string_equal(o.error, "Tool 't' was cancelled");
    }
    qsort(ms, COUNT, sizeof *ms, by_value);
    print_message("cancel: median %.1f ms, max %.1f ms\n", ms[COUNT / 2], ms[COUNT - 1]);
    assert_true(ms[COUNT - 1] < test_patience(100));
}

/* The port in it becomes that of our server. */
static void the_example_of_the_documents(void **state)
{
    char path[TEST_PATH_MAX + 16], port[8];
    struct orb_error err = { 0 };
    struct outcome o;
    (void)state;
    char *docs = test_file_read("docs/tools.md", NULL);
    assert_non_null(docs);
    char *start = strstr(docs, "`weather.json`:\n\n```json\n"), *end = start ? strstr(start, "\n```\n") : NULL;
    assert_non_null(end);
    *end = '\0';
    start = strstr(start, "{");
    snprintf(port, sizeof port, "%d", web.port);
    char *text = orb_alloc(strlen(start) + 64), *out = text;
    for (const char *p = start; *p;) {
        int is_port = !strncmp(p, "8080", 4);
        out += sprintf(out, "%.*s", is_port ? (int)strlen(port) : 1, is_port ? port : p);
        p += is_port ? 4 : 1;
    }
    snprintf(path, sizeof path, "%s/weather.json", dir);
    test_file_write(path, text);
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s", err.text);
    begin(orb_toolbox_find(box, "mytools.weather"), json_pack("{ss}", "city", "S\xc3\xa3o Paulo"), &o);
    wait_for(&o);
    assert_string_equal(o.content ? o.content : o.error, "{\"sky\": \"clear\", \"celsius\": 21.5}");
    free(o.content);
    free(text);
    free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests, setup, teardown),
        cmocka_unit_test_setup_teardown(responses, setup, teardown),
        cmocka_unit_test_setup_teardown(redirects, setup, teardown),
        cmocka_unit_test_setup_teardown(places_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(cancel_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_example_of_the_documents, setup, teardown),
    };
    return cmocka_run_group_tests_name("tool_http", tests, NULL, NULL);
}
