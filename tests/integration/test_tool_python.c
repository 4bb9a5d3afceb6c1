/* Kind python, with a real interpreter and the modules of tests/python-tools. */
#include "base/base.h"
#include "support/child.h"
#include "tool/tool.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_loop *loop;
static struct orb_toolbox *box;
static char dir[TEST_PATH_MAX];

struct outcome {
    int done;
    char *content, error[3000];
    json_t *blocks;
    struct orb_tool *tool;
};

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct outcome *o = arg;
    assert_int_equal(o->done, 0);
    o->done = 1;
    o->blocks = json_deep_copy(result->blocks);
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

static void turn_until(int *done, const char *what)
{
    int64_t deadline = test_now_ms() + test_patience(30000);
    while (!*done) {
        if (test_now_ms() > deadline)
            fail_msg("no end: %s", what);
        assert_int_equal(orb_loop_turn(loop, 50), 0);
    }
}

static void put(const char *name, const char *text)
{
    char path[TEST_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    test_file_write(path, text);
}

/* A copy: Python leaves folders beside what it imports. */
static void copy_modules(void)
{
    char command[TEST_PATH_MAX + 64];
    snprintf(command, sizeof command, "cp -r tests/python-tools %s/code", dir);
    assert_int_equal(system(command), 0);
}

static int open_box(struct orb_error *err)
{
    orb_toolbox_free(box);
    box = NULL;
    return orb_toolbox_new(loop, dir, &box, err);
}

static int setup(void **state)
{
    struct orb_error err = { 0 };
    (void)state;
    loop = orb_loop_new();
    test_tempdir(dir);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    copy_modules();
    put("tools.json", "{\"kind\": \"python\", \"modules\": [\"signatures\", \"results\", \"broken\", \"raises\", \"pkg\", \"gone\"], \"folders\": [\"code\"], "
                      "\"timeout_seconds\": 100, \"env\": {\"GIVEN\": \"x\"}}");
    put("hostile.json", "{\"kind\": \"python\", \"modules\": [\"hostile\"], \"folders\": [\"code\"], \"timeout_seconds\": 100}");
    put("absent.json", "{\"kind\": \"python\", \"modules\": [\"absent\"], \"python\": \"/no/python\"}");
    put("early.json", "{\"kind\": \"python\", \"modules\": [\"early\"], \"python\": \"./early.sh\"}");
    put("early.sh", "#!/bin/sh\necho too old >&2\nexit 3\n");
    setenv("OPENAI_API_KEY", "secret", 1);
    if (open_box(&err))
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    orb_toolbox_free(box);
    box = NULL;
    orb_loop_free(loop);
    test_rmtree(dir);
    return 0;
}

/* The tool at a path, as the agents of Python clients name it; the caller's reference. NULL: o has the error. */
static struct orb_tool *find(const char *path, struct outcome *o)
{
    json_t *items = json_pack("[s]", path);
    memset(o, 0, sizeof *o);
    orb_toolbox_resolve(box, items, on_tools, o);
    json_decref(items);
    turn_until(&o->done, path);
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

static void clear(struct outcome *o)
{
    free(o->content);
    json_decref(o->blocks);
    memset(o, 0, sizeof *o);
}

/* content: all of it; error: a part. */
static void check(struct outcome *o, const char *what, const char *content, const char *error)
{
    turn_until(&o->done, what);
    if (content ? !o->content || strcmp(o->content, content) != 0 : !strstr(o->error, error))
        fail_msg("%s: content '%s', error '%s'; wanted '%s'", what, o->content ? o->content : "", o->error, content ? content : error);
    clear(o);
}

static void expect(const char *path, json_t *arguments_take, const char *content, const char *error)
{
    struct outcome o;
    begin(path, arguments_take, &o);
    check(&o, path, content, error);
}

static pid_t number_of(const char *path)
{
    struct outcome o;
    begin(path, json_object(), &o);
    turn_until(&o.done, path);
    pid_t n = o.content ? atoi(o.content) : 0;
    clear(&o);
    return n;
}

/* ---- what is found, and how it is described ---- */

static const struct {
    const char *path, *name, *description, *parameters;
} described[] = {
    { "signatures.nothing", "nothing", "",
      "{\"type\": \"object\", \"properties\": {}}" },
    { "signatures.simple", "simple", "The first line.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"integer\"}, \"c\": {\"type\": \"number\"}, \"d\": {\"type\": \"boolean\"}}, \"required\": [\"a\", \"b\", \"c\", \"d\"]}" },
    { "signatures.defaults", "defaults", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"integer\"}, \"c\": {\"type\": \"number\"}, \"d\": {\"type\": \"string\"}}, \"required\": [\"a\", \"c\"]}" },
    { "signatures.generic", "generic", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}, \"b\": {\"type\": \"array\", \"items\": {\"type\": \"number\"}}, \"c\": {\"type\": \"array\", \"items\": {\"type\": \"array\", \"items\": {\"type\": \"boolean\"}}}, \"d\": {\"type\": \"object\"}, \"e\": {\"type\": \"object\"}, \"f\": {\"type\": \"array\", \"items\": {\"type\": \"object\"}}}, \"required\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]}" },
    { "signatures.bare", "bare", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"string\"}, \"c\": {\"type\": \"string\"}, \"d\": {\"type\": \"string\"}, \"e\": {\"type\": \"string\"}, \"f\": {\"type\": \"string\"}, \"g\": {\"type\": \"string\"}, \"h\": {\"type\": \"string\"}, \"i\": {\"type\": \"string\"}, \"j\": {\"type\": \"string\"}, \"k\": {\"type\": \"string\"}}, \"required\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\"]}" },
    { "signatures.unions", "unions", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"number\"}, \"c\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}, \"d\": {\"type\": \"string\"}, \"e\": {\"type\": \"boolean\"}}, \"required\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}" },
    { "signatures.new_unions", "new_unions", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"object\"}}, \"required\": [\"a\", \"b\"]}" },
    { "signatures.annotated", "annotated", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}, \"required\": [\"a\"]}" },
    { "signatures.unknown_name", "unknown_name", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"integer\"}}, \"required\": [\"a\", \"b\"]}" },
    { "signatures.variable", "variable", "",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}, \"required\": [\"a\"]}" },
    { "signatures.documented", "documented", "Looks for something.",
      "{\"type\": \"object\", \"properties\": {\"query\": {\"type\": \"string\", \"description\": \"what to look for, over two lines: with a colon\"}, \"limit\": {\"type\": \"integer\", \"description\": \"how many\"}, \"tags\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"description\": \"on a line of its own\"}, \"deep\": {\"type\": \"boolean\", \"description\": \"also below\"}}, \"required\": [\"query\"]}" },
    { "signatures.other_sections", "other_sections", "One.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\", \"description\": \"the first\"}, \"b\": {\"type\": \"string\"}}, \"required\": [\"a\"]}" },
    { "signatures.no_args", "no_args", "a: not an Args section.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}, \"required\": [\"a\"]}" },
    { "signatures.coroutine", "coroutine", "Waits.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}, \"required\": [\"a\"]}" },
    { "signatures.wrapped", "wrapped", "Is wrapped.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"string\"}}, \"required\": [\"a\"]}" },
    { "signatures.cached", "cached", "Is cached.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}, \"required\": [\"a\"]}" },
    { "signatures.Space.Inner.static", "static", "In a class.",
      "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}, \"required\": [\"a\"]}" },
    { "signatures.Space.Inner.of_class", "of_class", "",
      "{\"type\": \"object\", \"properties\": {\"b\": {\"type\": \"string\"}}, \"required\": [\"b\"]}" },
    { "signatures.Space.Inner.method", "method", "",
      "{\"type\": \"object\", \"properties\": {\"c\": {\"type\": \"number\"}}, \"required\": [\"c\"]}" },
    { "signatures.FullTool", "full", "All of it.\nTwo lines.",
      "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\", \"minimum\": 1}}, \"required\": [\"n\"]}" },
    { "signatures.CallTool", "call-it", "",
      "{\"type\": \"object\", \"properties\": {}}" },
    { "signatures.instance", "renamed", "",
      "{\"type\": \"object\", \"properties\": {}}" },
    { "pkg.from_inner", "from_inner", "Of a module below.",
      "{\"type\": \"object\", \"properties\": {}}" },
    { "pkg.inner.from_inner", "from_inner", "Of a module below.",
      "{\"type\": \"object\", \"properties\": {}}" },
};

static void functions_are_described(void **state)
{
    struct outcome o;
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(described); i++) {
        struct orb_tool *tool = find(described[i].path, &o);
        if (!tool)
            fail_msg("%s: %s", described[i].path, o.error);
        assert_string_equal(tool->name, described[i].name);
        assert_string_equal(tool->description, described[i].description);
        json_t *wanted = json_loads(described[i].parameters, 0, NULL);
        char *text = json_dumps(tool->parameters, 0);
        if (!json_equal(wanted, tool->parameters))
            fail_msg("%s: %s; wanted %s", described[i].path, text, described[i].parameters);
        free(text);
        json_decref(wanted);
        assert_int_equal(tool->is_large, !strcmp(tool->name, "full"));
        assert_int_equal(tool->timeout_ms, 100000);
        assert_ptr_equal(find(described[i].path, &o), tool);
        orb_tool_unref(tool);
        orb_tool_unref(tool);
    }
}

static void what_is_no_tool(void **state)
{
    static const char *const wrong[][2] = {
        { "signatures.number", "Imported 'signatures.number' is not a callable or Tool instance: <class 'int'>" },
        { "signatures.nameless", "is from the module functools, which the tool file does not list" },
        { "signatures.NoTool", "is not a callable or Tool instance: <class 'signatures.NoTool'>" },
        { "signatures.absent", "tool 'signatures.absent': module 'signatures' has no attribute 'absent'" },
        { "signatures.BadName", "tool 'signatures.BadName': /name: 'not a name': use" },
        { "signatures.BadSchema", "tool 'signatures.BadSchema': /parameters/properties/a/type: " },
        { "signatures.DeepSchema", "tool 'signatures.DeepSchema': JSON, line 1" },
        { "signatures.LongText", "/description: over 8192 bytes" },
        { "signatures._private", "is private: only \"functions\" of the tool file may name it" },
        { "signatures.simple.__globals__.get", "is private" },
        { "signatures.simple.upper", "simple is neither a listed module nor a class" },
        { "signatures.functools.partial", "functools is neither a listed module nor a class" },
        { "signatures.functools", "it is a module; name a function of it" },
        { "results.os.system", "os is neither a listed module nor a class" },
        { "results.system", "'results.system' is from the module posix, which the tool file does not list" },
        { "results.Block", "is not a callable or Tool instance" },
        { "broken.f", "tool 'broken.f': cannot import broken: No module named 'nothing_like_this'" },
        { "raises.f", "tool 'raises.f': cannot import raises: SystemExit: it called sys.exit('not today')" },
        { "gone.f", "Cannot import 'gone.f': No module named 'gone'" },
        { "pkg.absent", "has no attribute 'absent'" },
        { "pkg.", "tool 'pkg.': no tool file of this worker binds it; put a file with \"path\": \"pkg.\" into " },
        { "pkg", "no tool file" }, { "pkgs.f", "no tool file" }, { "os.system", "no tool file" }, { "nothing", "no tool file" },
        { "absent.f", "tool 'absent.f': cannot start /no/python: No such file or directory" },
        { "early.f", "tool 'early.f': its Python process ended with exit status 3 before it was ready: too old" },
    };
    struct outcome o;
    char path[TEST_PATH_MAX + 32];
    (void)state;
    snprintf(path, sizeof path, "chmod +x %s/early.sh", dir);
    assert_int_equal(system(path), 0);
    for (size_t i = 0; i < ORB_COUNT(wrong); i++)
        if (find(wrong[i][0], &o) || !strstr(o.error, wrong[i][1]))
            fail_msg("%s: '%s'; wanted '%s'", wrong[i][0], o.error, wrong[i][1]);
    /* None of them has done harm. */
    assert_true(number_of("results.pid") > 0);
}

static void functions_that_are_listed(void **state)
{
    static const char *const wrong[][2] = {
        { "\"functions\": [\"signatures.absent\"]", "/functions/0: 'signatures.absent': module 'signatures' has no attribute 'absent'" },
        { "\"functions\": [\"signatures.simple\", \"broken.f\"]", "/functions/1: 'broken.f': cannot import broken" },
        { "\"functions\": [\"signatures.simple\", \"signatures.simple\"]", "/functions/1: 'signatures.simple': /name: 'simple' is taken by " },
        { "\"functions\": [\"simple\"]", "/functions/0: 'simple': must be the name of a function with its module" },
        { "\"modules\": [\"a b\"]", "/modules/0: 'a b': must be the name of a module" },
        { "\"modules\": [\"x\", \"pkg\"]", "/modules/1: 'pkg' is in another tool file, too" },
        { "\"modules\": []", "/modules: name the modules" },
        { "\"name\": \"x\"", "/name: each function has its own; leave it out" },
        { "\"modules\": [\"x\"], \"python\": \"\"", "/python: must be a program" },
        { "\"functions\": [\"signatures.simple\"], \"python\": \"/no/python\"", "/functions/0: 'signatures.simple': cannot start /no/python" },
        { "\"modules\": [\"x\"], \"memory_mb\": -1", "/memory_mb: must be" },
    };
    struct orb_tool_info info;
    struct orb_error err = { 0 };
    struct outcome o;
    char file[512];
    (void)state;
    put("listed.json", "{\"kind\": \"python\", \"functions\": [\"signatures._private\", \"os.path.basename\", \"pkg.inner.from_inner\"], \"folders\": [\"code\"]}");
    if (open_box(&err))
        fail_msg("%s", err.text);
    assert_int_equal(orb_toolbox_count(box), 4); /* with "now" */
    orb_toolbox_info(box, 0, &info);
    assert_string_equal(info.name, "_private");
    assert_string_equal(info.path, "signatures._private");
    assert_string_equal(info.description, "Is private.");
    assert_string_equal(info.kind, "python");
    orb_toolbox_info(box, 1, &info);
    assert_string_equal(info.parameters, "{\"type\": \"object\", \"properties\": {\"p\": {\"type\": \"string\"}}, \"required\": [\"p\"]}");
    expect("_private", json_object(), "private", NULL);
    expect("os.path.basename", json_pack("{ss}", "p", "/a/b"), "b", NULL);
    assert_null(find("os.path.dirname", &o));
    for (size_t i = 0; i < ORB_COUNT(wrong); i++) {
        snprintf(file, sizeof file, "{\"kind\": \"python\", \"folders\": [\"code\"], %s}", wrong[i][0]);
        put("tools2.json", file);
        if (!open_box(&err) || !strstr(err.text, wrong[i][1]))
            fail_msg("%s: '%s'; wanted '%s'", wrong[i][0], err.text, wrong[i][1]);
    }
}

/* ---- results ---- */

static const struct {
    const char *name, *content, *error;
} returned[] = {
    { "text", "as it is \xe2\x82\xac \xef\xbf\xbd \xef\xbf\xbd.", NULL },
    { "noisy", "quiet", NULL },
    { "reads", "'' ''", NULL },
    { "data", "{\"a\": [1, null, true, \"\xe2\x82\xac\"], \"2\": [3, 4]}", NULL },
    { "none", "null", NULL },
    { "not_finite", "[null, null, 1.5]", NULL },
    { "dataclass", "{\"block\": {\"type\": \"x\", \"data\": \"y\", \"media_type\": \"image/png\", \"title\": null}}", NULL },
    { "model", "{\"mode\": \"json\", \"a\": 1}", NULL },
    { "like_blocks", "[{\"type\": \"document\", \"id\": \"7\"}, {\"type\": \"text\", \"text\": \"one\"}]", NULL },
    { "text_blocks", "one\ntwo", NULL },
    { "later", "woke", NULL },
    { "in_thread", "slept", NULL },
    { "keys", "[\"GIVEN\"]", NULL },
    { "limits", "[4294967296, 0, 1]", NULL },
    { "a_set", NULL, "Tool 'a_set' failed: its result cannot be written as JSON: it holds an object of type set" },
    { "in_itself", NULL, "its result cannot be written as JSON: Circular reference detected" },
    { "deep", NULL, "its result cannot be written as JSON: maximum recursion depth exceeded" },
    { "big_blocks", NULL, "Tool 'big_blocks' failed: its content blocks are over 16777216 bytes" },
    { "fails", NULL, "Tool 'fails' failed: bad luck" },
    { "key", NULL, "Tool 'key' failed: 'missing'" },
    { "says_nothing", NULL, "Tool 'says_nothing' failed: RuntimeError" },
    { "unspeakable", NULL, "Tool 'unspeakable' failed: Unspeakable" },
    { "exits", NULL, "Tool 'exits' failed: it called sys.exit(3)" },
    { "exits_async", NULL, "Tool 'exits_async' failed: it called sys.exit(4)" },
    { "interrupts", NULL, "Tool 'interrupts' failed: KeyboardInterrupt" },
    { "recursion", NULL, "Tool 'recursion' failed: maximum recursion depth exceeded" },
    { "memory", NULL, "Tool 'memory' failed: MemoryError" },
    { "hoards", NULL, "Tool 'hoards' failed: MemoryError" },
};

static void results(void **state)
{
    char path[64];
    struct outcome o;
    (void)state;
    pid_t pid = number_of("results.pid");
    assert_true(pid > 0);
    for (size_t i = 0; i < ORB_COUNT(returned); i++) {
        snprintf(path, sizeof path, "results.%s", returned[i].name);
        expect(path, json_object(), returned[i].content, returned[i].error);
    }
    snprintf(path, sizeof path, "[\"%s\", true]", strrchr(dir, '/') + 1);
    expect("results.where", json_object(), path, NULL);
    expect("results.nap", json_object(), NULL, "Wrong arguments for tool 'nap': at the top: 's' is missing");
    expect("results.data", json_pack("{si}", "x", 1), NULL, "Tool 'data' failed: data() got an unexpected keyword argument 'x'");
    expect("signatures.FullTool", json_pack("{si}", "n", 2), "executed {'n': 2}", NULL);
    expect("signatures.instance", json_object(), "called {}", NULL);
    expect("signatures.Space.Inner.static", json_pack("{si}", "a", 5), "5", NULL);
    begin("results.blocks", json_object(), &o);
    turn_until(&o.done, "blocks");
    json_t *wanted = json_pack("[{ssss}{ssssss}{ssss}{ssss}]", "type", "text", "text", "one", "type", "image_data", "data", "aGk=", "media_type", "image/png",
                               "type", "text", "text", "two", "type", "image_url", "url", "http://x/");
    assert_true(json_equal(o.blocks, wanted));
    assert_string_equal(o.content, "one\ntwo");
    json_decref(wanted);
    clear(&o);
    begin("results.big", json_object(), &o);
    turn_until(&o.done, "big");
    assert_non_null(strstr(o.content, "[The result is cut: these are the first 262143 of 3000000 bytes.]"));
    clear(&o);
    begin("results.control", json_object(), &o);
    turn_until(&o.done, "control");
    assert_non_null(strstr(o.content, "first 262144 of 20000000 bytes"));
    clear(&o);
    /* One process has run them all. */
    assert_int_equal(number_of("results.pid"), pid);
}

static void side_by_side(void **state)
{
    enum { COUNT = 40 };
    struct outcome o[COUNT];
    (void)state;
    expect("results.anap", json_pack("{sf}", "s", 0.0), "woke", NULL);
    expect("results.nap", json_pack("{sf}", "s", 0.0), "slept", NULL);
    int64_t start = test_now_ms();
    for (int i = 0; i < COUNT; i++)
        begin(i % 2 ? "results.anap" : "results.nap", json_pack("{sf}", "s", 0.5), &o[i]);
    for (int i = 0; i < COUNT; i++)
        check(&o[i], "nap", i % 2 ? "woke" : "slept", NULL);
    assert_true(test_now_ms() - start < test_patience(10000)); /* one after the other: 20 s */
}

/* More than are sent at a time, and more than the pipe holds. */
static void many(void **state)
{
    enum { COUNT = 120, EACH = 200000 };
    struct outcome o[COUNT];
    char *text = malloc(EACH + 1);
    (void)state;
    memset(text, 'x', EACH);
    text[EACH] = '\0';
    for (int i = 0; i < COUNT; i++)
        begin(i % 2 ? "signatures.wrapped" : "signatures.coroutine", json_pack("{siss}", "a", i, "more", text), &o[i]);
    for (int i = 0; i < COUNT; i++)
        check(&o[i], "many", NULL, "got an unexpected keyword argument 'more'");
    free(text);
}

/* ---- calls that are stopped ---- */

static int is_gone(pid_t pid)
{
    waitpid(pid, NULL, WNOHANG); /* what is left of a group is left to us */
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Turns until so many functions of the module have begun. */
static void wait_begun(size_t count)
{
    char path[TEST_PATH_MAX + 16];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/begun", dir);
    for (int64_t deadline = test_now_ms() + test_patience(30000); len < count && test_now_ms() < deadline;) {
        orb_loop_turn(loop, 5);
        free(test_file_read(path, &len));
    }
    assert_true(len >= count);
    remove(path);
}

static struct orb_tool_call *begin_really(const char *path, struct outcome *o)
{
    struct orb_tool_call *call = begin(path, json_object(), o);
    wait_begun(1);
    return call;
}

/* Their host ends, and so do others in it; those to come find a new one. */
static void calls_that_do_not_end(void **state)
{
    static const char *const names[] = { "sleeps", "holds_on", "blocks", "refuses", "sleeps_elsewhere" };
    struct outcome o, neighbour;
    char path[64], error[256];
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(names); i++) {
        snprintf(path, sizeof path, "hostile.%s", names[i]);
        pid_t pid = number_of("hostile.pid");
        begin_really("hostile.waits", &neighbour);
        struct orb_tool_call *call = begin_really(path, &o);
        int64_t start = test_now_ms();
        orb_tool_call_cancel(call);
        turn_until(&o.done, path);
        assert_true(test_now_ms() - start < test_patience(1000));
        assert_true(is_gone(pid));
        snprintf(error, sizeof error, "Tool '%s' was cancelled", names[i]);
        check(&o, path, NULL, error);
        snprintf(error, sizeof error, "Tool 'waits' failed: its Python process was stopped, because a call of '%s' that was to end there did not", path);
        check(&neighbour, path, NULL, error);
    }
}

/* They end alone: neighbours are not disturbed. Once in a while this machine is too slow for that, never all the time. */
static void calls_that_end(void **state)
{
    static const char *const names[] = { "waits", "spins" };
    struct outcome o, neighbour;
    char path[64];
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(names); i++) {
        int tries = 0, is_same = 0;
        snprintf(path, sizeof path, "hostile.%s", names[i]);
        for (; !is_same && tries < 20; tries++) {
            pid_t pid = number_of("hostile.pid");
            struct orb_tool_call *other = begin_really("hostile.waits", &neighbour), *call = begin_really(path, &o);
            orb_tool_call_cancel(call);
            turn_until(&o.done, path);
            assert_non_null(strstr(o.error, "was cancelled"));
            is_same = !neighbour.done && number_of("hostile.pid") == pid && !neighbour.done;
            if (!neighbour.done)
                orb_tool_call_cancel(other);
            turn_until(&neighbour.done, "neighbour");
        }
        if (!is_same)
            fail_msg("%s: %d times its neighbour was disturbed", path, tries);
    }
}

/* All of them cannot end within the time of one; each of them does in its turn. */
static void many_calls_that_end(void **state)
{
    enum { COUNT = 100 };
    struct outcome o[COUNT], neighbour;
    struct orb_tool_call *calls[COUNT], *other = begin_really("hostile.waits", &neighbour);
    int tries = 0, disturbed = 1;
    (void)state;
    for (; disturbed && tries < 20; tries++) {
        pid_t pid = number_of("hostile.pid");
        for (int i = 0; i < COUNT; i++)
            calls[i] = begin("hostile.tidies", json_object(), &o[i]);
        wait_begun(COUNT);
        for (int i = 0; i < COUNT; i++)
            orb_tool_call_cancel(calls[i]);
        for (int i = 0; i < COUNT; i++)
            check(&o[i], "tidies", NULL, "was cancelled");
        disturbed = neighbour.done || number_of("hostile.pid") != pid;
        if (!neighbour.done && !disturbed)
            continue;
        turn_until(&neighbour.done, "neighbour");
        clear(&neighbour);
        other = begin_really("hostile.waits", &neighbour);
    }
    if (disturbed)
        fail_msg("%d times the neighbour was disturbed", tries);
    orb_tool_call_cancel(other);
    check(&neighbour, "waits", NULL, "was cancelled");
}

static void a_call_whose_time_is_over(void **state)
{
    struct outcome o;
    struct orb_error err = { 0 };
    (void)state;
    put("hostile.json", "{\"kind\": \"python\", \"modules\": [\"hostile\"], \"folders\": [\"code\"], \"timeout_seconds\": 0.4}");
    if (open_box(&err))
        fail_msg("%s", err.text);
    begin("hostile.sleeps", json_object(), &o);
    check(&o, "sleeps", NULL, "Tool 'sleeps' took more than 0.4 s and was stopped");
}

static void what_a_call_has_started(void **state)
{
    struct outcome o;
    char path[TEST_PATH_MAX + 16];
    char *text = NULL;
    (void)state;
    snprintf(path, sizeof path, "%s/pid", dir);
    struct orb_tool_call *call = begin("hostile.starts", json_pack("{ss}", "file", path), &o);
    int64_t deadline = test_now_ms() + test_patience(30000);
    while (!(text = test_file_read(path, NULL)) && test_now_ms() < deadline)
        orb_loop_turn(loop, 10);
    assert_non_null(text);
    pid_t pid = atoi(text);
    free(text);
    assert_int_equal(kill(pid, 0), 0);
    orb_tool_call_cancel(call);
    check(&o, "starts", NULL, "was cancelled");
    deadline = test_now_ms() + test_patience(1000);
    while (!is_gone(pid) && test_now_ms() < deadline)
        orb_loop_turn(loop, 1);
    assert_true(is_gone(pid));
}

/* Who waits for a thread, or for the process, is stopped without any harm. */
static void calls_that_wait(void **state)
{
    enum { COUNT = 33 };
    struct outcome o[COUNT + 1];
    struct orb_tool_call *calls[COUNT];
    (void)state;
    pid_t pid = number_of("hostile.pid");
    for (int i = 0; i < COUNT; i++)
        calls[i] = begin("hostile.sleeps", json_object(), &o[i]);
    wait_begun(COUNT - 1);
    orb_tool_call_cancel(calls[COUNT - 1]);
    check(&o[COUNT - 1], "sleeps", NULL, "was cancelled");
    assert_int_equal(o[0].done, 0);
    assert_int_equal(kill(pid, 0), 0);
    begin("hostile.pid", json_object(), &o[COUNT]);
    orb_tool_call_cancel(calls[0]);
    for (int i = 0; i < COUNT - 1; i++)
        check(&o[i], "sleeps", NULL, i ? "was stopped, because" : "was cancelled");
    turn_until(&o[COUNT].done, "pid");
    assert_non_null(o[COUNT].content);
    assert_int_not_equal(atoi(o[COUNT].content), pid);
    clear(&o[COUNT]);
    /* The process is not there yet. */
    orb_tool_unref(find("hostile.waits", &o[0]));
    pid = number_of("hostile.pid");
    kill(pid, SIGKILL);
    for (int64_t deadline = test_now_ms() + test_patience(10000); kill(pid, 0) == 0 && test_now_ms() < deadline;)
        orb_loop_turn(loop, 10);
    struct orb_tool_call *call = begin("hostile.waits", json_object(), &o[0]);
    orb_tool_call_cancel(call);
    check(&o[0], "waits", NULL, "was cancelled");
}

/* ---- processes that end ---- */

static void hosts_that_die(void **state)
{
    static const char *const rows[][2] = {
        { "quits", "Tool 'quits' failed: its Python process ended with exit status 7" },
        { "crashes", "Tool 'crashes' failed: its Python process was ended by signal 11 (Segmentation fault): Fatal Python error: Segmentation fault" },
        { "kills_itself", "Tool 'kills_itself' failed: its Python process was ended by signal 9 (Killed)" },
        { "writes_garbage", "Tool 'writes_garbage' failed: its Python process was stopped: it wrote what is no answer to anything" },
        { "writes_lies", "its Python process was stopped: it wrote what is no answer to anything" },
    };
    struct outcome o, neighbour;
    char path[64];
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        snprintf(path, sizeof path, "hostile.%s", rows[i][0]);
        expect(path, json_object(), NULL, rows[i][1]);
    }
    /* What one has printed is not told to another. */
    begin_really("hostile.waits", &neighbour);
    begin("hostile.crashes_loudly", json_object(), &o);
    turn_until(&o.done, "crashes_loudly");
    turn_until(&neighbour.done, "neighbour");
    assert_string_equal(o.error, "Tool 'crashes_loudly' failed: its Python process was ended by signal 11 (Segmentation fault) while 2 calls ran there");
    assert_string_equal(neighbour.error, "Tool 'waits' failed: its Python process was ended by signal 11 (Segmentation fault) while 2 calls ran there");
}

static void a_host_that_dies_again_and_again(void **state)
{
    (void)state;
    int64_t start = test_now_ms();
    for (int i = 0; i < 4; i++)
        expect("hostile.quits", json_object(), NULL, "exit status 7");
    assert_true(number_of("hostile.pid") > 0);
    assert_true(test_now_ms() - start >= 700); /* 0, 100, 200 and 400 ms before each start */
}

static void left_alone(void **state)
{
    struct outcome o = { 0 }, call;
    json_t *items = json_pack("[ss]", "results.text", "signatures.simple");
    (void)state;
    orb_tool_unref(find("results.text", &call));
    orb_toolbox_resolve(box, items, on_tools, &o);
    orb_toolbox_forget(box, &o);
    json_decref(items);
    assert_int_equal(o.done, 0); /* teardown frees the toolbox with questions under way, one of them answered */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        CASE(functions_are_described), CASE(what_is_no_tool), CASE(functions_that_are_listed), CASE(results), CASE(side_by_side), CASE(many),
        CASE(calls_that_do_not_end), CASE(calls_that_end), CASE(many_calls_that_end), CASE(a_call_whose_time_is_over), CASE(what_a_call_has_started), CASE(calls_that_wait),
        CASE(hosts_that_die), CASE(a_host_that_dies_again_and_again), CASE(left_alone),
    };
    return cmocka_run_group_tests_name("tool_python", tests, NULL, NULL);
}
