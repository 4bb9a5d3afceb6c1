/* The fixtures themselves: a private redis-server and child processes. */
#include "support/redis.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int stop(void **state)
{
    test_redis_stop(*state);
    return 0;
}

static void redis_answers_and_leaves_nothing(void **state)
{
    (void)state;
    struct test_redis redis = {0};
    test_redis_start(&redis);
    char dir[TEST_PATH_MAX];
    strcpy(dir, redis.dir);
    test_redis_expect(&redis, "(nil)", "GET nothing");
    test_redis_expect(&redis, "OK", "SET key %b", "a\nb", (size_t)3);
    test_redis_expect(&redis, "a\nb", "GET key");
    test_redis_expect(&redis, "a\nb\n(nil)", "MGET key none");
    assert_int_equal(test_redis_int(&redis, "INCRBY n %d", 41), 41);
    char *text = test_redis_text(&redis, "NOSUCHCOMMAND");
    assert_memory_equal(text, "(error) ERR", 11);
    free(text);
    test_redis_stop(&redis);
    assert_int_not_equal(access(dir, F_OK), 0);
}

static void redis_keeps_data_over_a_kill_when_told(void **state)
{
    static struct test_redis redis = {.config = "appendonly yes\nappendfsync always\n"};
    *state = &redis;
    test_redis_start(&redis);
    test_redis_expect(&redis, "OK", "SET kept 1");
    test_redis_kill(&redis);
    test_redis_restart(&redis);
    test_redis_expect(&redis, "1", "GET kept");
}

static void redis_asks_for_its_password(void **state)
{
    static struct test_redis redis = {.password = "open-sesame"};
    *state = &redis;
    test_redis_start(&redis);
    assert_non_null(strstr(redis.url, "unix://:open-sesame@/"));
    test_redis_expect(&redis, "PONG", "PING");
    struct test_redis stranger = redis;
    stranger.password = NULL;
    char *text = test_redis_text(&stranger, "PING");
    assert_memory_equal(text, "(error) NOAUTH", 14);
    free(text);
}

static int redis_is_stopped(void *arg)
{
    char path[64], *text;
    struct test_redis *redis = arg;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)redis->child.pid);
    text = test_file_read(path, NULL);
    int stopped = text && strstr(text, ") T ") != NULL;
    free(text);
    return stopped;
}

static void redis_freezes_and_thaws(void **state)
{
    static struct test_redis redis;
    *state = &redis;
    test_redis_start(&redis);
    test_redis_freeze(&redis);
    test_wait_until("the server to be stopped", redis_is_stopped, &redis, 5000);
    test_redis_thaw(&redis);
    test_redis_expect(&redis, "PONG", "PING");
}

static void child_output_status_and_environment(void **state)
{
    (void)state;
    struct test_child child;
    char dir[TEST_PATH_MAX];
    test_tempdir(dir);
    const char *const script[] = {"sh", "-c", "echo $SAY ${GONE-none}; read x; echo end >&2; exit 3", NULL};
    setenv("GONE", "here", 1);
    test_child_start(&child, dir, script, (const char *const[]){"SAY=hello", "GONE", NULL});
    test_child_expect(&child, "hello none\n", 5000);
    assert_int_equal(test_child_wait(&child, 5000), 3);
    char *text = test_child_output(&child);
    assert_string_equal(text, "hello none\nend\n");
    free(text);

    test_child_start(&child, dir, (const char *const[]){"sleep", "1000", NULL}, NULL);
    assert_false(test_child_has_ended(&child));
    test_child_signal(&child, SIGTERM);
    assert_int_equal(test_child_wait(&child, 5000), -SIGTERM);

    test_child_start(&child, dir, (const char *const[]){"no-such-program", NULL}, NULL);
    assert_int_equal(test_child_wait(&child, 5000), 127);
    test_rmtree(dir);
}

static void programs_are_found_beside_the_test(void **state)
{
    (void)state;
    char path[TEST_PATH_MAX];
    test_build_path("orbiter-worker", path);
    assert_int_equal(access(path, X_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_answers_and_leaves_nothing),
        cmocka_unit_test_teardown(redis_keeps_data_over_a_kill_when_told, stop),
        cmocka_unit_test_teardown(redis_asks_for_its_password, stop),
        cmocka_unit_test_teardown(redis_freezes_and_thaws, stop),
        cmocka_unit_test(child_output_status_and_environment),
        cmocka_unit_test(programs_are_found_beside_the_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
