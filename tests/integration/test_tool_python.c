/* Kind python, with a real interpreter. */
#include "base/base.h"
#include "support/child.h"
#include "tool/tool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char module[] =
    "import asyncio, os, sys, time\n"
    "from typing import Optional\n"
    "def search(query: str, limit: int = 3, tags: list[str] = [], deep: Optional[bool] = None, *args, **kw) -> str:\n"
    "    \"\"\"Looks for something.\n\n    More.\n\n    Args:\n        query: what to\n            look for\n        limit (int): how many\n\n    Returns:\n        text: x\n    \"\"\"\n"
    "    print('to nowhere'); os.write(1, b'garbage\\n')\n"
    "    return f'{query}:{limit}'\n"
    "def data(): return {'a': [1, None, '\\u20ac']}\n"
    "def fails(): raise ValueError('bad luck')\n"
    "def nap(s: float): time.sleep(s); return 'slept'\n"
    "async def anap(s: float):\n    await asyncio.sleep(s)\n    return 'woke'\n"
    "def dies(): os._exit(7)\n"
    "def pid(): return str(os.getpid())\n"
    "def env(): return ','.join(sorted(k for k in os.environ if 'KEY' in k))\n"
    "def big(): return 'x' * 5000000\n"
    "value = 3\n"
    "from os import system\nfrom subprocess import Popen\nimport functools\nhidden = functools.partial(os.system)\n"
    "class Tool:\n    name = 'named'; description = 'a tool'; parameters = {'type': 'object', 'properties': {'n': {'type': 'integer'}}}; large_output = True\n"
    "    async def execute(self, **kw): return 'got %s' % kw\n"
    "tool = Tool()\n";

static struct orb_loop *loop;
static struct orb_toolbox *box;
static char dir[TEST_PATH_MAX];

struct outcome {
    int done;
    char *content, error[1024];
    struct orb_tool *tool;
};

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct outcome *o = arg;
    assert_int_equal(o->done, 0);
    o->done = 1;
    if (result->content)
        o->content = orb_strdup(result->content);
    else
        snprintf(o->error, sizeof o->error, "%s", result->error);
}

static void on_tools(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct outcome *o = arg;
    o->done = 1;
    if (err)
        snprintf(o->error, sizeof o->error, "%s", err->text);
    else if (count == 1)
        o->tool = orb_tool_ref(tools[0]);
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

static void put(const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    test_file_write(path, text);
}

static int setup(void **state)
{
    struct orb_error err = { 0 };
    (void)state;
    loop = orb_loop_new();
    test_tempdir(dir);
    put("mine.py", module);
    put("mine.json", "{\"kind\": \"python\", \"modules\": [\"mine\"], \"timeout_seconds\": 20}");
    put("short.py", "import time\ndef nap(): time.sleep(1000)\n");
    put("short.json", "{\"kind\": \"python\", \"modules\": [\"short\"], \"timeout_seconds\": 1.5}");
    put("broken.py", "import nothing_like_this\n");
    put("broken.json", "{\"kind\": \"python\", \"modules\": [\"broken\"]}");
    put("absent.json", "{\"kind\": \"python\", \"modules\": [\"absent\"], \"python\": \"/no/python\"}");
    setenv("OPENAI_API_KEY", "secret", 1);
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    orb_toolbox_free(box);
    orb_loop_free(loop);
    test_rmtree(dir);
    return 0;
}

/* The tool at a path, as an agent names it; the caller's reference. NULL: o has the error. */
static struct orb_tool *find(const char *path, struct outcome *o)
{
    json_t *items = json_pack("[s]", path);
    memset(o, 0, sizeof *o);
    orb_toolbox_resolve(box, items, on_tools, o);
    json_decref(items);
    wait_for(o);
    return o->tool;
}

static struct orb_tool_call *begin(const char *path, json_t *arguments_take, struct outcome *o)
{
    struct orb_tool_call *call = NULL;
    struct orb_tool *tool = find(path, o);
    if (!tool)
        fail_msg("%s: %s", path, o->error);
    memset(o, 0, sizeof *o);
    assert_int_equal(orb_tool_call_start(loop, tool, arguments_take, on_result, o, &call, NULL), 0);
    orb_tool_unref(tool);
    json_decref(arguments_take);
    return call;
}

static void expect(const char *path, json_t *arguments, const char *content, const char *error)
{
    struct outcome o;
    begin(path, arguments, &o);
    wait_for(&o);
    if (content ? !o.content || strcmp(o.content, content) != 0 : !strstr(o.error, error))
        fail_msg("%s: '%s' '%s'", path, o.content ? o.content : "", o.error);
    free(o.content);
}

static void functions_are_described(void **state)
{
    static const char wanted[] = "{\"properties\": {\"deep\": {\"type\": \"boolean\"}, \"limit\": {\"description\": \"how many\", \"type\": \"integer\"}, "
                                 "\"query\": {\"description\": \"what to look for\", \"type\": \"string\"}, \"tags\": {\"items\": {\"type\": \"string\"}, \"type\": \"array\"}}, "
                                 "\"required\": [\"query\"], \"type\": \"object\"}";
    static const char *const wrong[][2] = {
        { "mine.value", "Imported 'mine.value' is not a callable" }, { "mine.nothing", "has no attribute 'nothing'" }, { "broken.f", "No module named 'nothing_like_this'" },
        { "os.system", "no tool file of this worker binds it" }, { "miner.f", "no tool file" }, { "absent.f", "cannot start /no/python" }, { "mine.", "no tool file" },
        { "mine.os.system", "Cannot import 'mine.os.system'" }, { "mine.system", "is from the module posix" }, { "mine.Popen", "is from the module subprocess" }, { "mine.hidden", "is from the module functools" },
        { "mine.search.__globals__.get", "Cannot import" }, { "mine.search.__call__", "Cannot import" }, { "mine.Tool", "" },
    };
    struct outcome o;
    (void)state;
    struct orb_tool *tool = find("mine.search", &o);
    if (!tool)
        fail_msg("%s", o.error);
    assert_string_equal(tool->name, "search");
    assert_string_equal(tool->description, "Looks for something.");
    char *text = json_dumps(tool->parameters, JSON_SORT_KEYS);
    assert_string_equal(text, wanted);
    free(text);
    struct orb_tool *again = find("mine.search", &o);
    assert_ptr_equal(again, tool);
    orb_tool_unref(again);
    orb_tool_unref(tool);
    tool = find("mine.tool", &o);
    assert_string_equal(tool->name, "named");
    assert_int_equal(tool->is_large, 1);
    orb_tool_unref(tool);
    for (size_t i = 0; i < ORB_COUNT(wrong); i++) {
        tool = find(wrong[i][0], &o);
        if ((tool && *wrong[i][1]) || !strstr(o.error, wrong[i][1]))
            fail_msg("%s: '%s'", wrong[i][0], o.error);
        orb_tool_unref(tool);
    }
}

static void functions_are_called(void **state)
{
    struct outcome o;
    (void)state;
    expect("mine.search", json_pack("{ss}", "query", "\xe2\x82\xac"), "\xe2\x82\xac:3", NULL);
    expect("mine.search", json_object(), NULL, "Wrong arguments for tool 'search': at the top: 'query' is missing");
    expect("mine.data", json_object(), "{\"a\": [1, null, \"\xe2\x82\xac\"]}", NULL);
    expect("mine.fails", json_object(), NULL, "Tool 'fails' failed: bad luck");
    expect("mine.tool", json_pack("{si}", "n", 2), "got {'n': 2}", NULL);
    expect("mine.anap", json_pack("{sf}", "s", 0.01), "woke", NULL);
    expect("mine.env", json_object(), "", NULL);
    begin("mine.big", json_object(), &o);
    wait_for(&o);
    assert_non_null(o.content);
    assert_non_null(strstr(o.content, "first 262144 of 5000000 bytes"));
    free(o.content);
    expect("mine.dies", json_object(), NULL, "Tool 'dies' failed: the Python host ended with status 7");
    expect("mine.data", json_object(), "{\"a\": [1, null, \"\xe2\x82\xac\"]}", NULL);
}

static void side_by_side(void **state)
{
    enum { COUNT = 40 };
    struct outcome o[COUNT];
    (void)state;
    expect("mine.anap", json_pack("{sf}", "s", 0.0), "woke", NULL);
    expect("mine.nap", json_pack("{sf}", "s", 0.0), "slept", NULL);
    int64_t start = test_now_ms();
    for (int i = 0; i < COUNT; i++)
        begin(i % 2 ? "mine.anap" : "mine.nap", json_pack("{sf}", "s", 0.5), &o[i]);
    for (int i = 0; i < COUNT; i++) {
        wait_for(&o[i]);
        assert_non_null(o[i].content);
        assert_string_equal(o[i].content, i % 2 ? "woke" : "slept");
        free(o[i].content);
    }
    assert_true(test_now_ms() - start < test_patience(10000)); /* one after the other: 20 s */
}

static void a_call_that_is_cancelled(void **state)
{
    struct outcome first, second, o;
    (void)state;
    begin("mine.pid", json_object(), &o);
    wait_for(&o);
    pid_t before = atoi(o.content);
    free(o.content);
    /* With a neighbour, who is not disturbed. */
    begin("mine.anap", json_pack("{sf}", "s", 1.0), &first);
    struct orb_tool_call *call = begin("mine.anap", json_pack("{sf}", "s", 1000.0), &second);
    orb_tool_call_cancel(call);
    wait_for(&second);
    assert_string_equal(second.error, "Tool 'anap' was cancelled");
    assert_int_equal(first.done, 0);
    begin("mine.pid", json_object(), &o);
    wait_for(&o);
    assert_int_not_equal(atoi(o.content), before);
    free(o.content);
    wait_for(&first);
    assert_string_equal(first.content, "woke");
    free(first.content);
    int64_t deadline = test_now_ms() + test_patience(10000);
    while (kill(before, 0) == 0 && test_now_ms() < deadline)
        orb_loop_turn(loop, 10);
    assert_int_equal(kill(before, 0), -1);
    /* Alone: it is killed at once. */
    call = begin("mine.anap", json_pack("{sf}", "s", 1000.0), &second);
    orb_loop_turn(loop, 10);
    int64_t start = test_now_ms();
    orb_tool_call_cancel(call);
    wait_for(&second);
    assert_string_equal(second.error, "Tool 'anap' was cancelled");
    assert_true(test_now_ms() - start < test_patience(100));
    expect("short.nap", json_object(), NULL, "Tool 'nap' took more than 1.5 s and was stopped");
}

static void left_alone(void **state)
{
    struct outcome o = { 0 };
    json_t *items = json_pack("[s]", "mine.search");
    (void)state;
    orb_toolbox_resolve(box, items, on_tools, &o);
    orb_toolbox_forget(box, &o);
    json_decref(items);
    orb_loop_turn(loop, 0);
    assert_int_equal(o.done, 0); /* teardown frees the toolbox with the question under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(functions_are_described, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_are_called, setup, teardown),
        cmocka_unit_test_setup_teardown(side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_is_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(left_alone, setup, teardown),
    };
    return cmocka_run_group_tests_name("tool_python", tests, NULL, NULL);
}
