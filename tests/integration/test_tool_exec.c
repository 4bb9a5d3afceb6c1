/* Kind exec, with real programs that behave badly. */
#include "base/base.h"
#include "support/child.h"
#include "tool/tool.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_loop *loop;
static struct orb_toolbox *box;
static char dir[TEST_PATH_MAX];

struct outcome {
    int done;
    char *content, error[4096];
    size_t len;
    double duration_ms;
};

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct outcome *o = arg;
    assert_int_equal(o->done, 0);
    assert_true(!result->content != !result->error);
    o->done = 1;
    o->len = result->len;
    o->duration_ms = result->duration_ms;
    if (result->content) {
        assert_int_equal(strlen(result->content), result->len);
        o->content = orb_strdup(result->content);
    } else {
        snprintf(o->error, sizeof o->error, "%s", result->error);
    }
}

static int setup(void **state)
{
    (void)state;
    loop = orb_loop_new();
    test_tempdir(dir);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    return loop ? 0 : -1;
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

/* A tool that runs this script; more: members of its file, after a comma, or "". */
static struct orb_tool *tool_of(const char *script, const char *more)
{
    char path[TEST_PATH_MAX + 16], members[1024];
    struct orb_error err = { 0 };
    snprintf(path, sizeof path, "%s/t.json", dir);
    snprintf(members, sizeof members, "{\"name\": \"t\", \"description\": \"d\", \"kind\": \"exec\"%s}", more);
    json_t *file = json_loads(members, 0, NULL);
    assert_non_null(file);
    if (script)
        json_object_set_new(file, "argv", json_pack("[sss]", "sh", "-c", script));
    char *text = json_dumps(file, 0);
    test_file_write(path, text);
    free(text);
    json_decref(file);
    orb_toolbox_free(box);
    box = NULL;
    if (orb_toolbox_new(loop, dir, &box, &err))
        fail_msg("%s", err.text);
    return orb_toolbox_find(box, "t");
}

static struct orb_tool_call *begin(struct orb_tool *tool, json_t *arguments_take, struct outcome *o)
{
    struct orb_tool_call *call = NULL;
    struct orb_error err = { 0 };
    memset(o, 0, sizeof *o);
    if (orb_tool_call_start(loop, tool, arguments_take, on_result, o, &call, &err))
        fail_msg("%s", err.text);
    assert_int_equal(o->done, 0);
    json_decref(arguments_take);
    return call;
}

static void wait_for(struct outcome *o, int ms)
{
    int64_t deadline = test_now_ms() + test_patience(ms);
    while (!o->done) {
        if (test_now_ms() > deadline)
            fail_msg("no result after %d ms", test_patience(ms));
        assert_int_equal(orb_loop_turn(loop, 50), 0);
    }
}

static void run(const char *script, const char *more, struct outcome *o)
{
    begin(tool_of(script, more), json_object(), o);
    wait_for(o, 30000);
}

static void expect(const char *script, const char *more, const char *content, const char *error)
{
    struct outcome o;
    run(script, more, &o);
    if (content ? !o.content || strcmp(o.content, content) != 0 : !strstr(o.error, error))
        fail_msg("%s: content '%s', error '%s'; wanted '%s'", script ? script : more, o.content ? o.content : "", o.error, content ? content : error);
    free(o.content);
}

/* Reaps what was left to us. */
static int is_group_dead(void *arg)
{
    pid_t group = *(pid_t *)arg;
    while (waitpid(-group, NULL, WNOHANG) > 0)
        ;
    return kill(-group, 0) != 0 && errno == ESRCH;
}

static pid_t read_pid(void)
{
    char path[TEST_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/pid", dir);
    char *text = test_file_read(path, NULL);
    pid_t pid = text ? atoi(text) : 0;
    free(text);
    if (pid > 0)
        remove(path);
    return pid;
}

static int has_pid(void *arg)
{
    return (*(pid_t *)arg = read_pid()) > 0;
}
#define TELL "echo $$ >p; mv p pid;"

/* ---- what comes back ---- */

static void results(void **state)
{
    (void)state;
    expect("cat", "", "{}\n", NULL);
    expect("true", "", "", NULL);
    expect("echo '{\"a\":[1, 2.50]}'", ", \"output\": \"json\"", "{\"a\": [1, 2.5]}", NULL);
    expect("printf %s '\"x\\ny\"'", ", \"output\": \"json\"", "x\ny", NULL);
    expect("echo '{'", ", \"output\": \"json\"", NULL, "Tool 't' did not write JSON to its stdout: ");
    expect("true", ", \"output\": \"json\"", NULL, "did not write JSON");
    expect("echo on stdout; echo 'bad luck' >&2; exit 3", "", NULL, "Tool 't' failed with exit status 3: bad luck");
    expect("exit 1", "", NULL, "Tool 't' failed with exit status 1");
    expect("kill -SEGV $$", "", NULL, "Tool 't' was ended by signal 11 (Segmentation fault)");
    expect("kill -KILL $$", "", NULL, "signal 9 (Killed)");
    expect("printf 'a\\377\\000b\\355\\240\\200'", "", "a\xef\xbf\xbd\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", NULL);
    expect("printf '\\342\\202\\254\\342\\202\\254'", ", \"result_max\": 4", "\xe2\x82\xac\n[The result is cut: these are the first 3 of 6 bytes.]", NULL);
    expect("pwd", ", \"cwd\": \"/\"", "/\n", NULL);
    expect(NULL, ", \"argv\": [\"./nothing\"]", NULL, "Tool 't' failed: cannot start ./nothing: No such file or directory");
    expect(NULL, ", \"argv\": [\"true\"], \"cwd\": \"gone\"", NULL, "Tool 't' failed: cannot start true in ");
    expect(NULL, ", \"argv\": [\"/\"]", NULL, "cannot start /: Permission denied");
}

static void arguments_are_checked_and_sent(void **state)
{
    struct outcome o;
    struct orb_tool *tool;
    (void)state;
    static const char parameters[] = ", \"parameters\": {\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}, \"s\": {\"type\": \"string\"}}, \"required\": [\"n\"]}";
    tool = tool_of("cat", parameters);
    begin(tool, json_pack("{si ss}", "n", 7, "s", "\xe2\x82\xac; rm -rf $HOME"), &o);
    wait_for(&o, 10000);
    assert_string_equal(o.content, "{\"n\": 7, \"s\": \"\\u20ac; rm -rf $HOME\"}\n");
    free(o.content);
    begin(tool, json_pack("{ss}", "n", "x"), &o);
    wait_for(&o, 10000);
    assert_string_equal(o.error, "Wrong arguments for tool 't': at /n: must be of type integer, is a string");
    begin(tool, json_array(), &o);
    wait_for(&o, 10000);
    assert_string_equal(o.error, "Tool 't' arguments must be a JSON object");
    /* Cancelled before the error could be told. */
    orb_tool_call_cancel(begin(tool, json_array(), &o));
    wait_for(&o, 10000);
    assert_string_equal(o.error, "Tool 't' was cancelled");
    /* More than a pipe holds, to somebody who does not read it. */
    char *text = malloc(600001);
    memset(text, 'x', 600000);
    text[600000] = '\0';
    static const char *const scripts[] = { "exec <&-; echo ok", "echo ok", "head -c 5 >/dev/null; echo ok" };
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        begin(tool_of(scripts[i], ""), json_pack("{ss}", "s", text), &o);
        wait_for(&o, 10000);
        assert_string_equal(o.content, "ok\n");
        free(o.content);
    }
    begin(tool_of("wc -c", ""), json_pack("{ss}", "s", text), &o);
    wait_for(&o, 10000);
    assert_int_equal(atoi(o.content), 600010);
    free(o.content);
    json_t *big = json_array();
    for (int i = 0; i < 3; i++)
        json_array_append_new(big, json_string(text));
    begin(tool_of("cat", ""), json_pack("{so}", "s", big), &o);
    wait_for(&o, 10000);
    assert_string_equal(o.error, "Tool 't' failed: the arguments are over 1048576 bytes");
    free(text);
}

static long rss_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void too_much_output(void **state)
{
    struct outcome o;
    (void)state;
    long before = rss_kb();
    run("head -c 1073741824 /dev/zero", "", &o);
    assert_string_equal(o.error, "Tool 't' wrote more than 16777216 bytes and was stopped");
    run("yes >&2", ", \"output_max\": 1000000", &o);
    assert_string_equal(o.error, "Tool 't' wrote more than 1000000 bytes and was stopped");
    run("trap '' PIPE TERM; while :; do echo x; done", ", \"output_max\": 100000", &o);
    assert_non_null(strstr(o.error, "wrote more than 100000 bytes"));
    /* All of it read, and thrown away. */
    run("yes | head -c 1000000000", ", \"output_max\": 1073741824, \"result_max\": 1000", &o);
    assert_non_null(strstr(o.content, "first 1000 of 1000000000 bytes"));
    free(o.content);
    run("head -c 3000000 /dev/zero >&2; echo end >&2; exit 1", "", &o);
    assert_non_null(strstr(o.error, "end"));
    if (test_patience(1) == 1)
        assert_true(rss_kb() - before < 32 * 1024);
}

static void environment_and_descriptors(void **state)
{
    struct outcome o;
    (void)state;
    setenv("OPENAI_API_KEY", "secret", 1);
    setenv("TOOL_PASSED", "passed", 1);
    int leaked = fcntl(0, F_DUPFD, 60); /* without close-on-exec */
    expect("env -i sh -c true; env | grep -vE '^(PATH|HOME|LANG|TZ|ORBITER_CHILD|PWD|SHLVL|_)=' | sort", ", \"env\": {\"B\": \"2\", \"TZ\": \"UTC\"}, \"env_pass\": [\"TOOL_PASSED\", \"TOOL_UNSET\"]",
           "B=2\nTOOL_PASSED=passed\n", NULL);
    expect("echo $TZ", ", \"env\": {\"TZ\": \"Asia/Tokyo\"}", "Asia/Tokyo\n", NULL);
    run("ls /proc/self/fd | tr '\\n' ' '", "", &o);
    assert_string_equal(o.content, "0 1 2 3 "); /* 3 is the folder that ls reads */
    free(o.content);
    close(leaked);
    expect("ps -o pgid= -o sid= -p $$ | { read -r g s; [ $g = $$ ] && [ $s = $$ ] && echo own; }", "", "own\n", NULL);
    /* The mask's last digits: those above are the C library's own signals, which nobody can set. */
    expect("grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f 2 | cut -c 10- | uniq", "", "0000000\n", NULL);
    expect("grep NoNewPrivs /proc/self/status | cut -f 2", "", "1\n", NULL);
}

static void limits(void **state)
{
    (void)state;
    expect("ulimit -t; ulimit -v; ulimit -f; ulimit -c", ", \"cpu_seconds\": 7, \"memory_mb\": 100, \"open_files\": 33, \"file_mb\": 2", "7\n102400\n4096\n0\n", NULL);
    expect("ulimit -t; ulimit -v", ", \"timeout_seconds\": 9, \"memory_mb\": 0", "10\nunlimited\n", NULL);
    if (test_patience(1) < 30) { /* valgrind keeps this one to itself */
        expect("ulimit -n", ", \"open_files\": 33", "33\n", NULL);
        expect("ulimit -n", "", "256\n", NULL);
    }
    expect("while :; do :; done", ", \"cpu_seconds\": 1", NULL, "it may have used up its processor time or memory");
    expect("head -c 3000000 /dev/zero >big", ", \"file_mb\": 1", NULL, "exit status");
    static const char hungry[] = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo ${#x}";
    expect(hungry, ", \"memory_mb\": 50", NULL, "Tool 't' ");
    expect(hungry, "", "100000000\n", NULL);
}

static void time_limit(void **state)
{
    struct outcome o;
    pid_t pid = 0;
    (void)state;
    run("trap '' TERM; " TELL " sleep 1000 & sleep 1000", ", \"timeout_seconds\": 0.4", &o);
    assert_string_equal(o.error, "Tool 't' took more than 0.4 s and was stopped");
    assert_true(o.duration_ms >= 400 && o.duration_ms < test_patience(5000));
    test_wait_until("the script's pid", has_pid, &pid, 10000);
    test_wait_until("the end of the group", is_group_dead, &pid, 5000);
}

static void what_is_left_is_killed(void **state)
{
    struct outcome o;
    pid_t pid = 0;
    (void)state;
    run(TELL " sleep 1000 & echo done", "", &o);
    assert_string_equal(o.content, "done\n");
    free(o.content);
    test_wait_until("the script's pid", has_pid, &pid, 10000);
    test_wait_until("the end of the group", is_group_dead, &pid, 5000);
    /* Who leaves the group and keeps stdout does not keep the call. */
    run("setsid sh -c 'echo $$ >p; mv p pid; exec sleep 1000' & while [ ! -e pid ]; do sleep 0.01; done; echo done", "", &o);
    assert_string_equal(o.content, "done\n");
    assert_true(o.duration_ms < test_patience(20000));
    free(o.content);
    test_wait_until("the pid", has_pid, &pid, 10000);
    kill(pid, SIGKILL);
    test_wait_until("its end", is_group_dead, &pid, 5000);
}

/* ---- cancel ---- */

static int by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

static double cancel_once(struct orb_tool *tool)
{
    struct outcome o;
    pid_t pid = 0;
    struct orb_tool_call *call = begin(tool, json_object(), &o);
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (!has_pid(&pid)) {
        assert_true(test_now_ms() < deadline && !o.done);
        orb_loop_turn(loop, 2);
    }
    int64_t start = orb_mono_us();
    orb_tool_call_cancel(call);
    orb_tool_call_cancel(call);
    wait_for(&o, 5000);
    test_wait_until("the end of the group", is_group_dead, &pid, 5000);
    double ms = (double)(orb_mono_us() - start) / 1000;
    assert_string_equal(o.error, "Tool 't' was cancelled");
    return ms;
}

static void cancel_kills_the_group(void **state)
{
    static const char *const scripts[] = {
        TELL " exec sleep 1000",
        "trap '' TERM INT HUP QUIT PIPE; " TELL " while :; do sleep 1000; done",
        "sleep 1000 & sleep 1000 & sleep 1000 & " TELL " wait",
        "(sh -c 'trap \"\" TERM; sleep 1000 & sleep 1000' &) ; (sleep 1000 &) ; " TELL " sleep 1000",
        "f() { while :; do sleep 0.01 & sleep 0.01; done; }; f & f & f & " TELL " f",
        TELL " exec yes",
        TELL " kill -STOP $$",
    };
    enum { ROUNDS = 10, COUNT = ROUNDS * (int)ORB_COUNT(scripts) };
    double ms[COUNT];
    int n = 0;
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        struct orb_tool *tool = tool_of(scripts[i], ", \"output_max\": 1073741824");
        for (int k = 0; k < ROUNDS; k++)
            ms[n++] = cancel_once(tool);
    }
    qsort(ms, COUNT, sizeof *ms, by_value);
    print_message("cancel: %d runs, median %.1f ms, p99 %.1f ms, max %.1f ms\n", COUNT, ms[COUNT / 2], ms[COUNT * 99 / 100], ms[COUNT - 1]);
    assert_true(ms[COUNT * 99 / 100] < test_patience(100));
}

static int count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int has_no_children(void *arg)
{
    (void)arg;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void many_at_once(void **state)
{
    enum { COUNT = 100 };
    static struct outcome outcomes[COUNT];
    struct orb_tool *tool = tool_of("read -r line; sleep 0.2; echo $line", "");
    (void)state;
    test_wait_until("the end of what other tests left to us", has_no_children, NULL, 10000);
    int before = count_descriptors();
    for (int i = 0; i < COUNT; i++)
        begin(tool, json_pack("{si}", "i", i), &outcomes[i]);
    for (int i = 0; i < COUNT; i++) {
        char text[32];
        wait_for(&outcomes[i], 60000);
        snprintf(text, sizeof text, "{\"i\": %d}\n", i);
        assert_non_null(outcomes[i].content);
        assert_string_equal(outcomes[i].content, text);
        free(outcomes[i].content);
    }
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombies */
    assert_int_equal(errno, ECHILD);
}

static void no_descriptors_is_no_call(void **state)
{
    struct orb_tool *tool = tool_of("true", "");
    struct rlimit all, few;
    struct orb_error err = { 0 };
    struct outcome o = { 0 };
    struct orb_tool_call *call = NULL;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &all);
    int next = dup(0);
    close(next);
    json_t *arguments = json_object();
    for (int more = 0; more < 8; more++) {
        few = (struct rlimit){ (rlim_t)(next + more), all.rlim_max };
        setrlimit(RLIMIT_NOFILE, &few);
        int rc = orb_tool_call_start(loop, tool, arguments, on_result, &o, &call, &err);
        setrlimit(RLIMIT_NOFILE, &all);
        assert_int_equal(rc, ORB_E_NOMEM);
        assert_non_null(strstr(err.text, "tool 't': cannot"));
        orb_loop_turn(loop, 0);
        assert_int_equal(o.done, 0);
    }
    json_decref(arguments);
    assert_int_equal(dup(0), next);
    close(next);
}

/* ---- by hand ---- */

static int is_gone(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    waitpid(pid, NULL, WNOHANG);
    return kill(pid, 0) != 0;
}

static void by_hand_and_killed(int signo, int status)
{
    struct test_child child;
    char program[TEST_PATH_MAX];
    pid_t pid = 0;
    test_build_path("orbiter", program);
    tool_of(TELL " exec sleep 1000", "");
    const char *const argv[] = { program, "tool", "call", "t", "--tools", dir, NULL };
    test_child_start(&child, dir, argv, NULL);
    test_wait_until("the pid", has_pid, &pid, 20000);
    test_child_signal(&child, signo);
    assert_int_equal(test_child_wait(&child, 10000), status);
    test_wait_until("the tool's end", is_gone, &pid, 5000);
}

static void the_tool_dies_with_its_caller(void **state)
{
    (void)state;
    by_hand_and_killed(SIGINT, 130);
    by_hand_and_killed(SIGKILL, -SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_are_checked_and_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_output, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_and_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(limits, setup, teardown),
        cmocka_unit_test_setup_teardown(time_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(cancel_kills_the_group, setup, teardown),
        cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(no_descriptors_is_no_call, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tool_dies_with_its_caller, setup, teardown),
    };
    return cmocka_run_group_tests_name("tool_exec", tests, NULL, NULL);
}
