/* Tool files with every mistake, and what the items of an agent's config resolve to. */
#include "base/address.h"
#include "base/base.h"
#include "support/child.h"
#include "tool/tool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct orb_loop *loop;
static char dir[TEST_PATH_MAX];

static int setup(void **state)
{
    (void)state;
    loop = orb_loop_new();
    test_tempdir(dir);
    setenv("TOOL_TEST_KEY", "k-1", 1);
    setenv("TOOL_TEST_BAD", "a\nb", 1);
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    orb_loop_free(loop);
    test_rmtree(dir);
    return 0;
}

static void put(const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (text)
        test_file_write(path, text);
    else
        remove(path);
}

#define EXEC(more) "{\"name\": \"t\", \"description\": \"d\", \"kind\": \"exec\", \"argv\": [\"true\"]" more "}"
#define HTTP(url, more) "{\"name\": \"t\", \"description\": \"d\", \"kind\": \"http\", \"url\": \"" url "\", \"parameters\": {\"type\": \"object\"," \
                        "\"properties\": {\"q\": {\"type\": \"string\"}}}" more "}"

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *file, *error;
    } rows[] = {
        { "{", "t.json: " }, { "[]", "must hold a JSON object" }, { "\xff", "t.json" },
        { "{\"name\": \"t\"}", "/kind is missing" }, { "{\"kind\": 1}", "/kind: must be a string" },
        { "{\"kind\": \"exe\"}", "/kind: there is no kind 'exe'; the kinds are builtin, delegate, exec" }, { "{\"kind\": \"builtin\"}", "without a file" },
        { EXEC(", \"argvs\": 1"), "/argvs: a tool file of kind exec has no such member (did you mean 'argv'?)" },
        { "{\"kind\": \"exec\", \"name\": \"t\", \"description\": \"d\"}", "/argv is missing" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"]}", "/name is missing" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"t\"}", "/description is missing" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"a b\", \"description\": \"d\"}", "/name: 'a b': use 1 to 64" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"\", \"description\": \"d\"}", "/name: ''" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"a\\u0000b\", \"description\": \"d\"}", "/name: must be a string" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"retrieve_artifact\", \"description\": \"d\"}", "a tool of the worker itself" },
        { "{\"kind\": \"exec\", \"argv\": [\"true\"], \"name\": \"now\", \"description\": \"d\"}", "/name: 'now' is taken by a built-in tool" },
        { EXEC(", \"path\": \"a b\""), "/path: 'a b'" }, { EXEC(", \"path\": \"now\""), "/path: 'now' is taken" }, { EXEC(", \"path\": 1"), "/path: must be a string" },
        { EXEC(", \"timeout_seconds\": 0"), "/timeout_seconds: must be a number, 0.001 to 86400" }, { EXEC(", \"result_max\": 0"), "/result_max: must be an integer" },
        { EXEC(", \"large\": 1"), "/large: must be true or false" },
        { EXEC(", \"parameters\": []"), "/parameters: " }, { EXEC(", \"parameters\": {\"type\": \"string\"}"), "/parameters: must be a schema of type object" },
        { EXEC(", \"parameters\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"text\"}}}"), "/parameters/properties/a/type: must be object" },
        { "{\"kind\": \"exec\", \"argv\": []}", "/argv: its first string must be the program" }, { "{\"kind\": \"exec\", \"argv\": \"ls\"}", "/argv: must be an array" },
        { "{\"kind\": \"exec\", \"argv\": [\"a\", 1]}", "/argv/1: must be a string" },
        { EXEC(", \"cwd\": 1"), "/cwd: must be" }, { EXEC(", \"output\": \"xml\""), "/output: must be \"text\" or \"json\"" }, { EXEC(", \"output_max\": 0"), "/output_max" },
        { EXEC(", \"env\": [\"A=b\"]"), "/env: must be an object" }, { EXEC(", \"env\": {\"A\": 1}"), "/env/A: must be a string" }, { EXEC(", \"env\": {\"A=\": \"\"}"), "/env/A=: is no name" },
        { EXEC(", \"env_pass\": \"A\""), "/env_pass" }, { EXEC(", \"cpu_seconds\": 0"), "/cpu_seconds" }, { EXEC(", \"memory_mb\": -1"), "/memory_mb" },
        { EXEC(", \"open_files\": 1"), "/open_files" }, { EXEC(", \"file_mb\": -1"), "/file_mb" }, { EXEC(", \"processes\": -1"), "/processes" },
        { "{\"kind\": \"http\", \"name\": \"t\", \"description\": \"d\"}", "/url is missing" }, { HTTP("ftp://h/", ""), "/url: 'ftp://h': only http" },
        { HTTP("http://u:p@h/", ""), "/url: a user or password" }, { HTTP("http://{q}.h/", ""), "/url: arguments may only stand behind the host" },
        { HTTP("{q}/x", ""), "/url: arguments may only" }, { HTTP("http://h/{x}", ""), "/url: {x} is no property" }, { HTTP("nothing", ""), "/url: " },
        { HTTP("http://h:0/", ""), "/url: " }, { HTTP("http://h/", ", \"method\": \"get\""), "/method: must be GET" }, { HTTP("http://h/", ", \"body\": \"x\""), "/body: a GET has none" },
        { HTTP("http://h/", ", \"method\": \"POST\", \"body\": {\"a\": [\"{x}\"]}"), "/body: {x} is no property" },
        { HTTP("http://h/", ", \"headers\": {\"A b\": \"\"}"), "/headers/A b: is no name" }, { HTTP("http://h/", ", \"headers\": {\"Host\": \"x\"}"), "/headers/Host: is made" },
        { HTTP("http://h/", ", \"headers\": {\"A\": \"${TOOL_TEST_UNSET}\"}"), "/headers/A: TOOL_TEST_UNSET is not set" },
        { HTTP("http://h/", ", \"headers\": {\"A\": \"${TOOL_TEST_BAD}\"}"), "/headers/A: holds a control character" },
        { HTTP("http://h/", ", \"headers\": {\"A\": \"${\"}"), "/headers/A: a ${ without" }, { HTTP("{q}", ", \"headers\": {\"A\": \"${TOOL_TEST_KEY}\"}"), "the model would choose who gets it" },
        { HTTP("http://h/", ", \"pointer\": \"a\""), "/pointer: must begin with a slash" }, { HTTP("http://h/", ", \"output\": 1"), "/output" }, { HTTP("http://h/", ", \"response_max\": 0"), "/response_max" },
        { "{\"kind\": \"python\"}", "/modules: name the modules" }, { "{\"kind\": \"python\", \"modules\": []}", "/modules: name the modules" },
        { "{\"kind\": \"python\", \"modules\": [\"a b\"]}", "/modules/0: 'a b': must be the name of a module" }, { "{\"kind\": \"python\", \"modules\": [\"a\"], \"name\": \"t\"}", "/name: each function has its own" },
        { "{\"kind\": \"python\", \"modules\": [\"a\"], \"argv\": []}", "/argv: a tool file of kind python has no such member" },
        { HTTP("http://h/", ", \"ports\": []"), "/ports: must be an array" }, { HTTP("http://h/", ", \"ports\": [0]"), "/ports/0" },
        { HTTP("http://h/", ", \"allow_private\": [\"10.0.0.0/33\"]"), "/allow_private/0: '10.0.0.0/33' is no network" }, { HTTP("http://h/", ", \"allow_private\": true"), "/allow_private" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_toolbox *box = NULL;
        struct orb_error err = { 0 };
        put("t.json", rows[i].file);
        int rc = orb_toolbox_new(loop, dir, &box, &err);
        if (rc != ORB_E_CONFIG || !strstr(err.text, rows[i].error) || !strstr(err.text, "t.json"))
            fail_msg("%s: %d '%s', wanted '%s'", rows[i].file, rc, err.text, rows[i].error);
    }
    put("t.json", NULL);
}

static void folders_that_are_none(void **state)
{
    struct orb_toolbox *box;
    struct orb_error err = { 0 };
    (void)state;
    assert_int_equal(orb_toolbox_new(loop, "/nowhere/tools", &box, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "'/nowhere/tools' cannot be opened: No such file or directory; name another one with --tools"));
    assert_int_equal(orb_toolbox_new(loop, "/dev/null", &box, &err), ORB_E_CONFIG);
    put("a.json", EXEC(""));
    put("b.json", EXEC(""));
    assert_int_equal(orb_toolbox_new(loop, dir, &box, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "/b.json: /name: 't' is taken by "));
    assert_non_null(strstr(err.text, "/a.json; choose another one"));
    put("a.json", NULL);
    put("b.json", NULL);
}

/* ---- resolving ---- */

struct answer {
    char names[256], descriptions[256], error[512];
    int calls, code;
};

static void on_answer(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct answer *a = arg;
    a->calls++;
    for (size_t i = 0; i < count; i++) {
        snprintf(a->names + strlen(a->names), sizeof a->names - strlen(a->names), "%s ", tools[i]->name);
        snprintf(a->descriptions + strlen(a->descriptions), sizeof a->descriptions - strlen(a->descriptions), "%s ", tools[i]->description);
    }
    if (err) {
        a->code = err->code;
        snprintf(a->error, sizeof a->error, "%s", err->text);
    }
}

static struct answer resolve(struct orb_toolbox *box, const char *items)
{
    struct answer a = { .code = 0 };
    json_t *value = items ? json_loads(items, 0, NULL) : NULL;
    assert_true(!items || value);
    orb_toolbox_resolve(box, value, on_answer, &a);
    assert_int_equal(a.calls, 0);
    orb_loop_turn(loop, 0);
    assert_int_equal(a.calls, 1);
    json_decref(value);
    return a;
}

static void items_become_tools(void **state)
{
    struct orb_toolbox *box;
    struct orb_error err = { 0 };
    (void)state;
    put("s.json", "{\"name\": \"search\", \"path\": \"my.tools.search\", \"description\": \"looks\", \"kind\": \"exec\", \"argv\": [\"true\"]}");
    put("notes.txt", "no tool file");
    put(".hidden.json", "{");
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s", err.text);
    assert_int_equal(orb_toolbox_count(box), 2);
    assert_string_equal(resolve(box, NULL).names, "");
    assert_string_equal(resolve(box, "[]").names, "");
    assert_string_equal(resolve(box, "[\"my.tools.search\", \"now\", \"search\"]").names, "search now search ");
    struct answer a = resolve(box, "[{\"name\": \"search\", \"description\": \"only books\", \"kind\": \"exec\"}, {\"path\": \"my.tools.search\"}]");
    assert_string_equal(a.names, "search search ");
    assert_string_equal(a.descriptions, "only books looks ");
    static const struct {
        const char *items, *error;
    } rows[] = {
        { "[\"now\", \"other.tool\"]", "tool 'other.tool': no tool file of this worker binds it; put a file with \"path\": \"other.tool\" into " },
        { "[\"os.system\"]", "no tool file" }, { "[1]", "tool 0 of the agent: must be a path, or an object" }, { "{}", "must be an array" },
        { "[{}]", "an inline tool needs the \"name\"" }, { "[{\"name\": \"no\"}]", "tool 'no': no tool file" },
        { "[{\"name\": \"search\", \"kind\": \"http\"}]", "the worker's tool is of kind exec, not 'http'" },
        { "[{\"name\": \"search\", \"argv\": [\"rm\"]}]", "\"argv\" is decided by the worker's tool file" },
        { "[{\"name\": \"search\", \"parameters\": {}}]", "are not those of the worker's tool" },
        { "[{\"__mcp_tool__\": true, \"name\": \"mcp__s__t\", \"server_name\": \"s\", \"original_name\": \"t\"}]", "\"server\": \"s\"" },
    };
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        a = resolve(box, rows[i].items);
        if (a.code != ORB_E_TOOL || !strstr(a.error, rows[i].error))
            fail_msg("%s: %d '%s', wanted '%s'", rows[i].items, a.code, a.error, rows[i].error);
    }
    struct answer forgotten = { .code = 0 };
    json_t *items = json_pack("[s]", "now");
    orb_toolbox_resolve(box, items, on_answer, &forgotten);
    orb_toolbox_forget(box, &forgotten);
    orb_loop_turn(loop, 0);
    assert_int_equal(forgotten.calls, 0);
    orb_toolbox_resolve(box, items, on_answer, &forgotten);
    json_decref(items);
    orb_toolbox_free(box);
    assert_int_equal(orb_toolbox_new(loop, NULL, &box, &err), 0);
    assert_non_null(strstr(resolve(box, "[\"a.b\"]").error, "this worker has no tool files; start it with --tools DIR, with a file there that has \"path\": \"a.b\""));
    orb_toolbox_free(box);
}

/* ---- addresses ---- */

static void addresses(void **state)
{
    static const struct {
        const char *address, *word;
    } rows[] = {
        { "8.8.8.8", NULL }, { "1.1.1.1", NULL }, { "100.63.255.255", NULL }, { "172.15.0.1", NULL }, { "172.32.0.1", NULL }, { "192.167.1.1", NULL }, { "223.255.255.255", NULL },
        { "0.0.0.0", "unspecified" }, { "0.1.2.3", "unspecified" }, { "10.1.2.3", "private" }, { "100.64.0.1", "carrier-private" }, { "127.0.0.1", "loopback" }, { "127.9.9.9", "loopback" },
        { "169.254.169.254", "link-local" }, { "172.16.0.1", "private" }, { "172.31.255.255", "private" }, { "192.168.1.1", "private" }, { "192.0.0.1", "reserved" }, { "198.18.0.1", "reserved" },
        { "224.0.0.1", "multicast" }, { "255.255.255.255", "reserved" }, { "2606:4700::1111", NULL }, { "2a00:1450::1", NULL }, { "::", "unspecified" }, { "::1", "loopback" },
        { "::ffff:127.0.0.1", "loopback" }, { "::ffff:10.0.0.1", "private" }, { "::ffff:8.8.8.8", NULL }, { "::127.0.0.1", "loopback" }, { "64:ff9b::10.0.0.1", "private" },
        { "64:ff9b::8.8.8.8", NULL }, { "64:ff9b:1::1", "private" }, { "2002:7f00:1::", "tunnel" }, { "2001:0:1::", "reserved" }, { "2001:db8::1", "reserved" }, { "fc00::1", "private" }, { "fd00:ec2::254", "private" },
        { "fe80::1", "link-local" }, { "fec0::1", "private" }, { "ff02::1", "multicast" }, { "100::1", "reserved" }, { "4000::1", "reserved" },
    };
    struct orb_network n;
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        int is_v4 = inet_pton(AF_INET, rows[i].address, &v4.sin_addr) == 1;
        assert_true(is_v4 || inet_pton(AF_INET6, rows[i].address, &v6.sin6_addr) == 1);
        const char *word = orb_address_special(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
        if ((word == NULL) != (rows[i].word == NULL) || (word && strcmp(word, rows[i].word) != 0))
            fail_msg("%s: %s, wanted %s", rows[i].address, word ? word : "public", rows[i].word ? rows[i].word : "public");
    }
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a0180ff) };
    assert_int_equal(orb_network_parse("10.1.128.0/17", &n), 0);
    assert_true(orb_network_has(&n, (struct sockaddr *)&at));
    assert_int_equal(orb_network_parse("10.1.0.0/17", &n), 0);
    assert_false(orb_network_has(&n, (struct sockaddr *)&at));
    assert_int_equal(orb_network_parse("fd00::/129", &n), ORB_E_INVALID);
    assert_int_equal(orb_network_parse("localhost", &n), ORB_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(items_become_tools, setup, teardown),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests_name("toolbox", tests, NULL, NULL);
}
