/* What the console sends to Redis: MONITOR listens while every key is pressed and every command of the palette is run, on every screen, in a real
 * terminal. Without a yes to a question nothing is sent that writes; with --readonly nothing at all, also where yes is said, and the rights of a
 * viewer are enough for it. What writes, Redis itself says (COMMAND INFO). */
#include "support/fleet.h"
#include "support/top.h"
#include "tui/command.h"
#include "tui/view.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#define ROWS 40
#define COLS 160
#define COMMANDS_MAX 200

static struct test_fleet fleet;
static struct test_terminal *top;
static char home[TEST_PATH_MAX], program[TEST_PATH_MAX + 16], viewer[TEST_PATH_MAX + 256];
static int idle_fd = -1, is_readonly;
static unsigned long long typed, painted;

/* ---- what is sent ------------------------------------------------------------------------------ */

static redisContext *monitor;
/* Each command that was seen, "xread" or "script|load", and the line that it was first seen in. */
static struct { char name[64], line[200]; } seen[COMMANDS_MAX];
static size_t seen_count;

/* The next word in quotes, in small letters; the place behind it, or NULL. */
static const char *quoted(const char *at, char *out, size_t cap)
{
    size_t n = 0;
    if (!(at = strchr(at, '"')))
        return NULL;
    for (at++; *at && *at != '"' && n + 1 < cap; at++)
        out[n++] = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    out[n] = '\0';
    return *at == '"' ? at + 1 : NULL;
}

static void note(const char *line)
{
    static const char *const families[] = { "client", "script", "acl", "config", "xinfo", "function", "object", "memory", "pubsub", "command", "cluster" };
    char name[64], word[30];
    const char *rest = quoted(line, name, 32);
    if (!rest)
        return;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (!strcmp(name, families[i]) && quoted(rest, word, sizeof word))
            sprintf(name + strlen(name), "|%.29s", word);
    for (size_t i = 0; i < seen_count; i++)
        if (!strcmp(seen[i].name, name))
            return;
    assert_true(seen_count < COMMANDS_MAX);
    snprintf(seen[seen_count].name, sizeof seen->name, "%s", name);
    snprintf(seen[seen_count++].line, sizeof seen->line, "%s", line);
}

static void listen_in(void)
{
    struct pollfd ready = { .fd = monitor->fd, .events = POLLIN };
    while (poll(&ready, 1, 0) == 1) {
        void *reply = NULL;
        assert_int_equal(redisBufferRead(monitor), REDIS_OK);
        while (redisGetReplyFromReader(monitor, &reply) == REDIS_OK && reply) {
            note(((redisReply *)reply)->str);
            freeReplyObject(reply);
        }
    }
}

/* Redis' word: a script may write, and PUBLISH goes to others, too. */
static int does_write(const char *name)
{
    char *flags = test_redis_text(&fleet.redis, "COMMAND INFO %s", name);
    int does = strstr(flags, "\nwrite\n") || strstr(flags, "\nmay_replicate\n");
    if (!strncmp(flags, "(nil)", 5))
        fail_msg("Redis does not know the command %s", name);
    free(flags);
    return does;
}

/* The line with a command that writes, or NULL. */
static const char *written(void)
{
    for (size_t i = 0; i < seen_count; i++)
        if (does_write(seen[i].name))
            return seen[i].line;
    return NULL;
}

static int has_seen(const char *name)
{
    for (size_t i = 0; i < seen_count; i++)
        if (!strcmp(seen[i].name, name))
            return 1;
    return 0;
}

/* ---- the console --------------------------------------------------------------------------------- */

static void turn(void)
{
    char text[4096];
    test_terminal_pump(top, 1);
    listen_in();
    ssize_t n = read(idle_fd, text, sizeof text - 1);
    if (n <= 0)
        return;
    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, "idle ")); at += 5)
        painted = strtoull(at + 5, NULL, 10);
}

static int is_painted(struct test_terminal *t, void *arg)
{
    (void)t, (void)arg;
    turn();
    return painted >= typed;
}

static void wait_painted(const char *what)
{
    test_terminal_wait(top, what, is_painted, NULL, 10000);
    while (test_terminal_pump(top, 0)) /* it was printed before that was told */
        ;
}

/* So many keys; returns when they are painted. */
static void press(const char *bytes, size_t keys)
{
    typed += keys;
    test_terminal_type(top, bytes);
    wait_painted(bytes);
}

static void type(const char *text)
{
    press(text, strlen(text));
}

/* As a terminal sends it. */
static const char *bytes_of(const char *key)
{
    static const struct { const char *key, *bytes; } named[] = {
        { "Down", "\033[B" }, { "Up", "\033[A" }, { "Left", "\033[D" }, { "Right", "\033[C" }, { "PgDn", "\033[6~" }, { "PgUp", "\033[5~" }, { "Home", "\033[H" }, { "End", "\033[F" },
        { "Enter", "\r" }, { "Esc", "\033" }, { "Tab", "\t" }, { "S-Tab", "\033[Z" }, { "Space", " " }, { "F1", "\033OP" }, { "F5", "\033[15~" },
    };
    static char out[2];
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strcmp(named[i].key, key))
            return named[i].bytes;
    out[0] = !strncmp(key, "C-", 2) ? (char)(key[2] & 0x1f) : key[0];
    assert_true(!key[1] || !strncmp(key, "C-", 2));
    return out;
}

static int bar_says(const char *text)
{
    return strstr(test_terminal_row(top, ROWS - 1), text) != NULL;
}

static int is_question(void)
{
    return bar_says("N  no") || bar_says("N no") || bar_says("Esc no  Enter do it");
}

/* Something is asked or chosen; then the keys mean something else. */
static int is_asking(void)
{
    return is_question() || bar_says("Esc close") || bar_says("Esc as it was") || bar_says("Esc no search") || bar_says("Enter back to the question");
}

/* Every way of not saying yes, in turn. */
static void say_no(void)
{
    static const char *const ways[] = { "n", "\r", "\033", "x", "N", "nobody\r" };
    static int next;
    const char *way = ways[next++ % 6];
    if (is_question())
        press(way, strlen(way));
    while (is_asking())
        press("\033", 1);
}

static int is_on(int screen)
{
    char text[60];
    if (screen <= TUI_EVENTS)
        snprintf(text, sizeof text, "[%d %s]", screen + 1, tui_views[screen]->title);
    else
        snprintf(text, sizeof text, "> %s", screen == TUI_TASK ? "speaker" : tui_views[screen]->title);
    return strstr(test_terminal_row(top, 0), text) != NULL;
}

static void fail_on(int screen, const char *what)
{
    char *text = test_terminal_text(top);
    print_error("the screen:\n");
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        print_error("%s\n", line);
    fail_msg("%s on the screen %s", what, tui_views[screen]->name);
}

static void go(int screen)
{
    char digit[2] = { (char)('1' + screen) };
    if (is_on(screen))
        return;
    type(screen <= TUI_EVENTS ? digit : screen == TUI_TASK ? ":open speaker\r" : screen == TUI_HELP ? "?" : "T");
    if (!is_on(screen))
        fail_on(screen, "not there");
}

static int is_left(int action)
{
    return action == TUI_DO_QUIT || action == TUI_DO_SUSPEND;
}

static int has_edited(void)
{
    turn();
    return is_question() || strstr(test_terminal_row(top, ROWS - 2), "no task here") || strstr(test_terminal_row(top, ROWS - 2), "one task at a time");
}

/* What it has led to is not confirmed, or with --readonly it is: then there is nothing to confirm. */
static void after(int action, int screen)
{
    if (tui_actions[action].writes && is_readonly) {
        int is_asked = is_asking();
        const char *said = test_terminal_row(top, ROWS - 2);
        if (is_asked || !strstr(said, "read-only: nothing can be changed here"))
            fail_on(screen, tui_actions[action].name);
        press("y", 1);
        say_no(); /* of a row it copies */
        return;
    }
    if (action == TUI_DO_EDIT || action == TUI_DO_SUBMIT) {
        for (int64_t end = test_now_ms() + test_patience(5000); !has_edited();)
            if (test_now_ms() > end)
                fail_on(screen, "the editor does not end");
        typed += is_question() != 0; /* that it has its terminal again counts as an input */
        wait_painted("the return from the editor");
    }
    say_no();
}

/* The second and third key of an action on one screen only. */
static void press_all_keys(int screen)
{
    for (int action = 1; action < TUI_ACTION_COUNT; action++) {
        char keys[80], *rest = keys, *key;
        snprintf(keys, sizeof keys, "%s", is_left(action) ? "" : action == TUI_DO_BACK ? "Esc" : tui_actions[action].keys);
        while ((key = strtok_r(rest, " ", &rest))) {
            if (key > keys && screen != TUI_TASKS)
                break;
            go(screen);
            press(bytes_of(key), 1);
            after(action, screen);
        }
    }
}

/* By their names: those that write everywhere, the others on one screen. */
static void run_palette(int screen)
{
    char line[TEST_PATH_MAX + 80];
    for (int action = 1; action < TUI_ACTION_COUNT; action++) {
        if (is_left(action) || action == TUI_DO_BACK || (!tui_actions[action].writes && screen != TUI_TASKS))
            continue;
        go(screen);
        snprintf(line, sizeof line, ":%s\r", tui_actions[action].name);
        type(line);
        after(action, screen);
    }
}

static void run_commands(void)
{
    struct tui_command_row rows[40];
    char line[TEST_PATH_MAX + 80];
    size_t n = tui_command_list(rows, 40);
    for (size_t i = 0; i < n; i++) {
        const char *arg = !strcmp(rows[i].arg, "ID") ? "speaker" : !strcmp(rows[i].arg, "COLUMN") ? "state" : !strcmp(rows[i].arg, "WORDS") ? "state:pending" : "mono";
        go(TUI_TASKS);
        if (!strcmp(rows[i].arg, "FILE"))
            snprintf(line, sizeof line, ":%s %s/file-%zu\r", rows[i].name, home, i);
        else
            snprintf(line, sizeof line, ":%s %s\r", rows[i].name, arg);
        type(line);
        say_no();
    }
    go(TUI_TASKS);
    type("/\025\r"); /* no filter any more */
}

static void do_all_that_can_be_done(void)
{
    for (int screen = 0; screen < TUI_SCREENS; screen++)
        press_all_keys(screen);
    for (int screen = 0; screen < TUI_SCREENS; screen++)
        run_palette(screen);
    run_commands();
}

/* ---- before and after ------------------------------------------------------------------------------ */

static void write_program(const char *name, const char *format, ...)
{
    char path[TEST_PATH_MAX + 16], text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%s/%s", home, name);
    test_file_write(path, text);
    assert_int_equal(chmod(path, 0700), 0);
}

/* Something of everything that can be acted on: tasks in several states, one with a stream, a dead letter, a queue, a worker. */
static void fill(void)
{
    struct test_child worker = { 0 };
    test_worker_start(&worker, &fleet, NULL, NULL);
    test_submit(&fleet, &(struct test_task){ .id = "done", .model = "sim:say=x" });
    test_submit(&fleet, &(struct test_task){ .id = "broken", .model = "sim:error=invalid_request" });
    test_wait_field(&fleet, "done", "status", "completed", 10000);
    test_wait_field(&fleet, "broken", "status", "failed", 10000);
    test_worker_stop(&worker);
    test_submit(&fleet, &(struct test_task){ .id = "speaker" });
    test_submit(&fleet, &(struct test_task){ .id = "waiting" });
    test_submit(&fleet, &(struct test_task){ .id = "elsewhere", .queue = "batch" });
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:speaker status running attempt 1 worker_id w1"));
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:speaker * event %s", "{\"type\": \"text\", \"agent_name\": \"bot\", \"text\": \"hello\", \"seq\": 1, \"attempt\": 1}"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:workers:w1 status running queue orbiter:tasks last_heartbeat %s", "99999999999.5"));
}

static int start(void **state)
{
    char path[TEST_PATH_MAX + 16], orbiter[TEST_PATH_MAX];
    (void)state;
    test_fleet_start(&fleet);
    test_tempdir(home);
    fill();
    orb_client_free(test_client_as(&fleet, ORB_ACL_VIEWER, "viewer"));
    snprintf(viewer, sizeof viewer, "unix://viewer:pw@%s", fleet.redis.socket);
    test_build_path("orbiter", orbiter);
    snprintf(path, sizeof path, "%s/idle", home);
    assert_int_equal(mkfifo(path, 0600), 0);
    idle_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(idle_fd >= 0);
    write_program("top", "#!/bin/sh\nexec '%s' \"$@\" --test-fd 5 5>'%s'\n", orbiter, path);
    write_program("editor", "#!/bin/sh\necho 'and more' >>\"$1\"\n");
    snprintf(program, sizeof program, "%s/editor", home);
    setenv("EDITOR", program, 1);
    setenv("VISUAL", program, 1);
    snprintf(program, sizeof program, "%s/top", home);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_terminal_end(top);
    top = NULL;
    if (monitor)
        redisFree(monitor);
    monitor = NULL;
    close(idle_fd);
    test_fleet_stop(&fleet);
    test_rmtree(home);
    return 0;
}

static int is_filled(struct test_terminal *t, void *arg)
{
    turn();
    return test_top_is_filled(t, arg);
}

static void open_console(const char *url, const char *option)
{
    typed = painted = 0;
    seen_count = 0;
    is_readonly = option != NULL;
    monitor = redisConnectUnix(fleet.redis.socket);
    assert_true(monitor && !monitor->err);
    freeReplyObject(redisCommand(monitor, "MONITOR"));
    top = test_top_start(program, url, home, ROWS, COLS, (const char *const[]){ "-s", "tasks", option, NULL });
    test_terminal_wait(top, "all tasks", is_filled, NULL, 10000);
}

static void expect_nothing_written(void)
{
    listen_in();
    redisFree(monitor);
    monitor = NULL;
    const char *line = written();
    if (line)
        fail_msg("this was sent without a yes: %s", line);
    /* It was listened to, indeed. */
    assert_true(has_seen("xread") && has_seen("xrange") && has_seen("hmget") && has_seen("subscribe"));
}

static void nothing_is_written_without_a_yes(void **state)
{
    (void)state;
    open_console(fleet.redis.url, NULL);
    do_all_that_can_be_done();
    expect_nothing_written();
}

static int has_cancelled(struct test_terminal *t, void *arg)
{
    (void)t, (void)arg;
    turn();
    return strstr(test_terminal_row(top, ROWS - 2), "cancelled task ") != NULL;
}

/* Else the test above would prove nothing. */
static void with_a_yes_it_is(void **state)
{
    (void)state;
    open_console(fleet.redis.url, NULL);
    type("/waiting\rCy");
    test_terminal_wait(top, "the cancel", has_cancelled, NULL, 5000);
    assert_non_null(written());
    test_redis_expect(&fleet.redis, "cancelled", "HGET orbiter:task:waiting status");
}

static void readonly_writes_nothing_and_needs_a_viewer_only(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "ACL LOG RESET"));
    open_console(viewer, "--readonly");
    do_all_that_can_be_done();
    expect_nothing_written();
    test_redis_expect(&fleet.redis, "", "ACL LOG"); /* Redis has refused nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_written_without_a_yes, start, stop),
        cmocka_unit_test_setup_teardown(with_a_yes_it_is, start, stop),
        cmocka_unit_test_setup_teardown(readonly_writes_nothing_and_needs_a_viewer_only, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
