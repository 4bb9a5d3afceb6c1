/* What tools and servers leave behind, with a real worker: it ends with the call or the server, and with the worker. */
#include "base/base.h"
#include "support/fleet.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker, web;
static char tools[TEST_PATH_MAX + 16], port_file[TEST_PATH_MAX + 16];

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
/* Writes its number to a file, whole. */
#define TELL(name) "echo $$ >" name ".new; mv " name ".new " name "; "
#define DETACHED(name, then) "(setsid sh -c '" TELL(name) then "' >/dev/null 2>&1 &); "
#define UNTIL(name) "while [ ! -e " name " ]; do sleep 0.01; done; "

static void put(const char *name, const char *format, const char *text)
{
    char path[TEST_PATH_MAX + 64], whole[4096];
    snprintf(path, sizeof path, "%s/%s", tools, name);
    snprintf(whole, sizeof whole, format, text);
    test_file_write(path, whole);
}

static int start(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* of a worker that is killed: what it leaves is ours, and can be waited for */
    test_fleet_start(&fleet);
    snprintf(tools, sizeof tools, "%s/tools", fleet.redis.dir);
    snprintf(port_file, sizeof port_file, "%s/port", fleet.redis.dir);
    assert_int_equal(mkdir(tools, 0700), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_child_kill(&web);
    test_fleet_stop(&fleet);
    return 0;
}

static void start_worker(void)
{
    test_worker_start(&worker, &fleet, ARGS("--concurrency", "8", "--drain-timeout", "0", "--tools", tools), NULL);
}

static void program(const char *name, const char *script)
{
    char file[128];
    snprintf(file, sizeof file, "%s.sh", name);
    put(file, "%s", script);
    snprintf(file, sizeof file, "%s.json", name);
    put(file, "{\"name\": \"%1$s\", \"description\": \"d\", \"kind\": \"exec\", \"argv\": [\"sh\", \"%1$s.sh\"], \"timeout_seconds\": 600, "
        "\"parameters\": {\"type\": \"object\"}}", name);
}

static void submit(const char *id, const char *tool)
{
    char config[512];
    snprintf(config, sizeof config, "{\"name\": \"bot\", \"model\": \"sim:tool=%s,arg=text\", \"tools\": [\"%s\"]}", strncmp(tool, "py.", 3) ? tool : tool + 3, tool);
    test_submit(&fleet, &(struct test_task){ .id = id, .config = config, .input = "hello", .detailed = 1 });
}

/* ---- processes that wrote their number ---- */

static pid_t number_in(const char *name)
{
    char path[TEST_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", tools, name);
    char *text = test_file_read(path, NULL);
    pid_t pid = text ? (pid_t)atoi(text) : 0;
    free(text);
    return pid;
}

static int is_told(void *arg)
{
    return number_in(arg) > 0;
}

static pid_t wait_pid(const char *name)
{
    test_wait_until(name, is_told, (char *)(uintptr_t)name, 20000);
    return number_in(name);
}

/* Not there any more, not even as a zombie. */
static int is_gone(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void expect_gone(const char *name, pid_t pid)
{
    test_wait_until(name, is_gone, &pid, 5000);
}

static void expect_alive(const char *name, pid_t pid)
{
    if (kill(pid, 0))
        fail_msg("%s (%d) is gone; %s", name, (int)pid, test_child_output(&worker));
}

/* It is our child since the worker's end. */
static int has_ended(void *arg)
{
    return waitpid(*(pid_t *)arg, NULL, WNOHANG) == *(pid_t *)arg;
}

/* ---- tests ---- */

/* A program that has left the session in all ways it can. */
static void what_a_call_leaves_ends_with_it(void **state)
{
    (void)state;
    program("leaver", DETACHED("one", "exec sleep 4713") "(setsid sh -c '" TELL("two") "sleep 4714 & echo $! >three; exec sleep 4715' >/dev/null 2>&1 &); "
            "(setsid env -i sh -c '" TELL("four") "exec sleep 4716' >/dev/null 2>&1 &); " UNTIL("one") UNTIL("two") UNTIL("three") UNTIL("four")
            "(sh -c '" TELL("five") "exec true' &); " UNTIL("five") "echo ok"); /* four may be ended when five ends */
    start_worker();
    submit("a", "leaver");
    test_wait_field(&fleet, "a", "status", "completed", 20000);
    static const char *const names[] = { "one", "two", "three", "five", "four" };
    /* The last one has no variable any more, and is known only by what it may not do. */
    size_t count = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? ORB_COUNT(names) - 1 : ORB_COUNT(names);
    for (size_t i = 0; i < count; i++)
        expect_gone(names[i], wait_pid(names[i]));
    if (count < ORB_COUNT(names))
        kill(wait_pid("four"), SIGKILL);
    test_worker_stop(&worker);
}

/* What one call has detached is not touched when another one ends; a cancel ends it. */
static void what_runs_keeps_what_it_has_detached(void **state)
{
    (void)state;
    program("keeper", DETACHED("kept", "exec sleep 4717") UNTIL("kept") TELL("keeping") "sleep 4718");
    program("leaver", DETACHED("left", "exec sleep 4719") UNTIL("left") "echo ok");
    start_worker();
    submit("a", "keeper");
    pid_t keeping = wait_pid("keeping"), kept = wait_pid("kept");
    submit("b", "leaver");
    test_wait_field(&fleet, "b", "status", "completed", 20000);
    expect_gone("left", wait_pid("left"));
    expect_alive("kept", kept);
    expect_alive("keeping", keeping);
    test_redis_int(&fleet.redis, "PUBLISH orbiter:cancel:a cancel");
    expect_gone("keeping", keeping);
    expect_gone("kept", kept);
    test_worker_stop(&worker);
}

/* A script that starts something and then becomes the worker: that is none of a tool's, and so are its own orphans. */
static void what_was_there_before_stays(void **state)
{
    char program_path[TEST_PATH_MAX], script[4096];
    (void)state;
    program("leaver", DETACHED("left", "exec sleep 4723") UNTIL("left") "echo ok");
    test_build_path("orbiter-worker", program_path);
    put("parent.sh", "%s", DETACHED("orphan", "exec sleep 4725") TELL("parent") "exec sleep 4726");
    put("before.sh", "%s", TELL("before") "exec sleep 4724");
    snprintf(script, sizeof script, "cd %s; sh before.sh & sh parent.sh & " UNTIL("before") UNTIL("orphan") UNTIL("parent") "exec %s --redis-url %s --tools %s",
             tools, program_path, fleet.redis.url, tools);
    test_child_start(&worker, fleet.redis.dir, ARGS("sh", "-c", script), NULL);
    test_child_expect(&worker, "serves queue", 10000);
    pid_t others[] = { wait_pid("before"), wait_pid("orphan"), wait_pid("parent") };
    kill(others[2], SIGKILL); /* what it left is the worker's now */
    test_wait_until("its end, which the worker has waited for", is_gone, &others[2], 5000);
    submit("a", "leaver");
    test_wait_field(&fleet, "a", "status", "completed", 20000);
    expect_gone("left", wait_pid("left"));
    test_worker_stop(&worker);
    expect_alive("before", others[0]);
    expect_alive("orphan", others[1]);
    kill(others[0], SIGKILL);
    kill(others[1], SIGKILL);
    test_wait_until("before", has_ended, &others[0], 5000);
    test_wait_until("orphan", has_ended, &others[1], 5000);
}

static void mcp_server(void)
{
    put("server.sh", "%s", DETACHED("helper", "exec sleep 4720") UNTIL("helper") TELL("server") "exec python3 \"$1\" stdio");
    char *here = realpath("tests/mcp/server.py", NULL), file[1024];
    snprintf(file, sizeof file, "{\"kind\": \"mcp\", \"server\": \"t\", \"command\": \"sh\", \"args\": [\"server.sh\", \"%s\"], \"cwd\": \"%s\"}", here, tools);
    put("t.json", "%s", file);
    free(here);
}

static void web_server(void)
{
    test_child_start(&web, fleet.redis.dir, ARGS("python3", "tests/mcp/server.py", "http", port_file, "legacy"), NULL);
    test_child_expect(&web, "ready", test_patience(10000));
    char *port = test_file_read(port_file, NULL);
    put("w.json", "{\"kind\": \"mcp\", \"server\": \"w\", \"url\": \"http://127.0.0.1:%s/mcp\"}", port);
    free(port);
}

static void python_file(void)
{
    put("py.json", "%s", "{\"kind\": \"python\", \"modules\": [\"py\"]}");
    put("py.py", "%s", "import os, subprocess, sys\nchild = subprocess.Popen(['sh', '-c', 'echo $$ >under.new; mv under.new under; exec sleep 4721'], start_new_session=True)\n"
        "def look(text: str) -> str:\n    '''Looks.'''\n    with open('host.new', 'w') as f:\n        f.write(str(os.getpid()))\n    os.rename('host.new', 'host')\n    return text\n");
}

static void use_all(void)
{
    program("long", TELL("long") "exec sleep 4722");
    mcp_server();
    python_file();
    web_server();
    start_worker();
    submit("m", "mcp__t__echo");
    submit("w", "mcp__w__echo");
    submit("p", "py.look");
    test_wait_field(&fleet, "m", "status", "completed", 20000);
    test_wait_field(&fleet, "w", "status", "completed", 20000);
    test_wait_field(&fleet, "p", "status", "completed", 20000);
    submit("l", "long");
}

static void nothing_outlives_a_worker(void **state)
{
    char path[TEST_PATH_MAX + 64];
    (void)state;
    use_all();
    pid_t lived[] = { wait_pid("long"), wait_pid("server"), wait_pid("helper"), wait_pid("host"), wait_pid("under") };
    static const char *const names[] = { "long", "server", "helper", "host", "under" };
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        expect_alive(names[i], lived[i]);
    test_worker_stop(&worker);
    for (size_t i = 0; i < ORB_COUNT(names); i++)
        if (!is_gone(&lived[i]))
            fail_msg("%s outlives the worker", names[i]);
    snprintf(path, sizeof path, "%s.deleted", port_file);
    char *session = test_file_read(path, NULL);
    assert_string_equal(session ? session : "no DELETE", "s1");
    free(session);
}

/* The kernel ends the programs that it has started; what these have detached it does not. */
static void a_killed_worker_takes_its_programs_along(void **state)
{
    (void)state;
    use_all();
    pid_t lived[] = { wait_pid("long"), wait_pid("server"), wait_pid("host") };
    static const char *const names[] = { "long", "server", "host" };
    pid_t left[] = { wait_pid("helper"), wait_pid("under") };
    test_child_kill(&worker);
    for (size_t i = 0; i < ORB_COUNT(names); i++) {
        test_wait_until(names[i], has_ended, &lived[i], 5000);
    }
    for (size_t i = 0; i < ORB_COUNT(left); i++) {
        kill(left[i], SIGKILL);
        waitpid(left[i], NULL, 0);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(what_a_call_leaves_ends_with_it), CASE(what_runs_keeps_what_it_has_detached), CASE(what_was_there_before_stays), CASE(nothing_outlives_a_worker),
        CASE(a_killed_worker_takes_its_programs_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
