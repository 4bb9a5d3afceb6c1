/* Which server is the primary: what Sentinels say of it when some are down, late or closed; two failovers in a row;
 * and what a submit says of the replica. */
#include "base/base.h"
#include "support/fleet.h"
#include "support/sentinel.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_sentinels servers;
static struct orb_loop *loop;
static struct orb_client *client;
static struct test_child worker, command;
static struct test_sentinel alone[2];

#define AT(i) (servers.sentinel[i].port)

static int start_servers(void **state)
{
    (void)state;
    test_sentinels_start(&servers);
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    test_sentinels_stop(&servers);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_child_kill(&command);
    for (int i = 0; i < 2; i++)
        test_child_kill(&alone[i].child);
    for (int i = 0; i < TEST_SENTINELS; i++)
        if (servers.sentinel[i].child.pid)
            test_child_signal(&servers.sentinel[i].child, SIGCONT);
    orb_client_free(client);
    orb_loop_free(loop);
    client = NULL;
    loop = NULL;
    return 0;
}

/* ---- submitting -------------------------------------------------------------- */

static void connect_to(const char *url)
{
    struct orb_error err;
    orb_client_free(client);
    orb_loop_free(loop);
    loop = orb_loop_new();
    if (orb_client_new(loop, &(struct orb_redis_options){ .url = url }, &client, &err))
        fail_msg("%s", err.text);
}

static struct { int calls, code; char error[512], id[160]; } answer;

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    (void)arg;
    answer.calls++;
    answer.code = err ? err->code : 0;
    snprintf(answer.error, sizeof answer.error, "%s", err ? err->text : "");
    snprintf(answer.id, sizeof answer.id, "%s", handle ? orb_task_handle_id(handle) : "");
    orb_task_handle_free(handle);
}

static int submit(int durability)
{
    struct orb_error err;
    memset(&answer, 0, sizeof answer);
    if (orb_distributed(client, &(struct orb_task_spec){ .agent_config = "{\"name\": \"bot\", \"model\": \"sim:tokens=2\"}", .input = "x",
                        .input_len = 1, .timeout_seconds = -1, .durability = durability }, on_submit, NULL, &err))
        fail_msg("submit: %s", err.text);
    test_loop_until(loop, "the submit", test_is_set, &answer.calls, 20000);
    return answer.code;
}

static void expect_submitted(void)
{
    if (submit(ORB_DURABILITY_LOCAL))
        fail_msg("submit: %s", answer.error);
    test_redis_expect(&servers.node[0], "pending", "HGET orbiter:task:%s status", answer.id);
}

static void expect_error(int code, const char *text)
{
    if (submit(ORB_DURABILITY_LOCAL) != code || !strstr(answer.error, text))
        fail_msg("code %d: \"%s\" instead of %d: \"%s\"", answer.code, answer.error, code, text);
}

/* A URL of Sentinels on these ports, 0 = no more. */
static const char *url_of(int a, int b, int c, const char *master, const char *password)
{
    static char url[512];
    int ports[] = { a, b, c }, n = snprintf(url, sizeof url, "redis+sentinel://:%s@", servers.node[0].password);
    for (int i = 0; i < 3 && ports[i]; i++)
        n += snprintf(url + n, sizeof url - (size_t)n, "%s127.0.0.1:%d", i ? "," : "", ports[i]);
    snprintf(url + n, sizeof url - (size_t)n, "/%s?sentinel_password=%s", master, password);
    return url;
}

/* ---- the Sentinels --------------------------------------------------------------- */

static void when_one_is_down_the_next_is_asked(void **state)
{
    (void)state;
    connect_to(url_of(test_free_port(), AT(0), 0, TEST_MASTER, TEST_SENTINEL_PASSWORD));
    expect_submitted();
    /* One that hangs has a second. */
    test_child_signal(&servers.sentinel[1].child, SIGSTOP);
    connect_to(url_of(AT(1), AT(2), 0, TEST_MASTER, TEST_SENTINEL_PASSWORD));
    int64_t start = test_now_ms();
    expect_submitted();
    assert_in_range(test_now_ms() - start, 900, test_patience(5000));
    test_child_signal(&servers.sentinel[1].child, SIGCONT);
}

static void when_all_are_down_it_is_said(void **state)
{
    (void)state;
    char expected[256];
    int a = test_free_port(), b = test_free_port();
    snprintf(expected, sizeof expected, "the primary \"" TEST_MASTER "\" of the Sentinels 127.0.0.1:%d,127.0.0.1:%d: none of them names it; 127.0.0.1:%d: ",
             a, b, b);
    connect_to(url_of(a, b, 0, TEST_MASTER, TEST_SENTINEL_PASSWORD));
    expect_error(ORB_E_UNREACHABLE, expected);
}

static void a_name_that_they_do_not_know_is_said(void **state)
{
    (void)state;
    connect_to(url_of(AT(0), 0, 0, "other", TEST_SENTINEL_PASSWORD));
    expect_error(ORB_E_UNREACHABLE, "it does not know a primary with this name");
}

static void a_wrong_password_is_said(void **state)
{
    (void)state;
    char url[512], *password;
    connect_to(url_of(AT(0), 0, 0, TEST_MASTER, "wrong"));
    expect_error(ORB_E_UNREACHABLE, "WRONGPASS");
    connect_to(url_of(AT(0), 0, 0, TEST_MASTER, ""));
    expect_error(ORB_E_UNREACHABLE, "NOAUTH");
    snprintf(url, sizeof url, "%s", url_of(AT(0), 0, 0, TEST_MASTER, TEST_SENTINEL_PASSWORD));
    password = strstr(url, servers.node[0].password);
    *password = 'x';
    connect_to(url);
    expect_error(ORB_E_REFUSED, "WRONGPASS");
}

static void be_silent(const struct test_sentinel *s)
{
    char *text = test_sentinel_text(s, "SENTINEL DEBUG publish-period 100000000");
    assert_string_equal(text, "OK");
    free(text);
}

/* One that has slept through a failover names a replica, until the others have told it. */
static void a_replica_that_one_names_is_not_the_primary(void **state)
{
    (void)state;
    char expected[256];
    for (int i = 0; i < 2; i++) { /* 0 is late */
        test_sentinel_start_alone(&alone[i], servers.node[0].dir, servers.node[0].password, "late", servers.port[1 - i]);
        be_silent(&alone[i]);
    }
    snprintf(expected, sizeof expected, "127.0.0.1:%d is a replica, not a master", servers.port[1]);
    connect_to(url_of(alone[0].port, 0, 0, "late", TEST_SENTINEL_PASSWORD));
    expect_error(ORB_E_UNREACHABLE, expected);
    connect_to(url_of(alone[0].port, alone[1].port, 0, "late", TEST_SENTINEL_PASSWORD));
    expect_submitted();
    connect_to(url_of(test_free_port(), alone[0].port, alone[1].port, "late", TEST_SENTINEL_PASSWORD));
    expect_submitted();
    connect_to(url_of(alone[0].port, test_free_port(), 0, "late", TEST_SENTINEL_PASSWORD));
    expect_error(ORB_E_UNREACHABLE, "none of them names it");
    expect_error(ORB_E_UNREACHABLE, "none of them names it");
}

/* ---- --durability --------------------------------------------------------------------- */

/* Exit status of a submit by the command, which must have printed text. */
static int run_submit(const char *durability, const char *text)
{
    char program[TEST_PATH_MAX];
    test_build_path("orbiter", program);
    test_child_start(&command, servers.node[0].dir, (const char *const[]){ program, "--redis-url", servers.url, "submit", "-m", "sim:",
                     "-o", "jsonl", "--durability", durability, "hello", NULL }, NULL);
    int status = test_child_wait(&command, 20000);
    char *out = test_child_output(&command);
    if (!strstr(out, text))
        fail_msg("exit status %d, and no \"%s\" in: %s", status, text, out);
    free(out);
    return status;
}

static int is_linked(void *arg)
{
    (void)arg;
    return submit(ORB_DURABILITY_REPLICA) == 0;
}

static void the_command_says_whether_a_replica_has_it(void **state)
{
    (void)state;
    connect_to(servers.url);
    test_wait_until("the replica to be in time", is_linked, NULL, 20000);
    test_redis_expect(&servers.node[1], "1", "EXISTS orbiter:task:%s", answer.id);
    assert_int_equal(run_submit("replica", "\"replicated\": true"), 0);
    assert_int_equal(run_submit("local", "\"replicated\": null"), 0);
    test_proxy_set(&servers.proxy, TEST_PROXY_HOLE, 0);
    assert_int_equal(run_submit("replica", "was submitted, but no replica has it yet"), 9);
    assert_int_equal(run_submit("local", "\"replicated\": null"), 0);
    test_proxy_set(&servers.proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&servers.proxy);
    assert_int_equal(run_submit("replica", "\"replicated\": false"), 9);
    assert_int_equal(submit(ORB_DURABILITY_REPLICA), ORB_E_NOT_REPLICATED);
    test_redis_expect(&servers.node[1], "0", "EXISTS orbiter:task:%s", answer.id);
    test_proxy_set(&servers.proxy, TEST_PROXY_PASS, 0);
    test_wait_until("the replica to be back", is_linked, NULL, 20000);
}

/* ---- twice ----------------------------------------------------------------------------- */

static int primary;

static int is_primary(void *arg)
{
    (void)arg;
    return test_sentinels_primary(&servers) == primary;
}

static int is_submitted(void *arg)
{
    (void)arg;
    return submit(ORB_DURABILITY_LOCAL) == 0;
}

static int is_completed(void *arg)
{
    char *text = test_redis_text(&servers.node[primary], "HGET orbiter:task:%s status", (const char *)arg);
    int yes = !strcmp(text, "completed");
    free(text);
    return yes;
}

static void expect_served(void)
{
    int64_t start = test_now_ms();
    test_wait_until("a submit", is_submitted, NULL, 20000);
    test_wait_until("the task's end", is_completed, answer.id, 20000);
    assert_in_range(test_now_ms() - start, 0, test_patience(5000));
}

static void two_failovers_in_a_row_are_followed(void **state)
{
    (void)state;
    char program[TEST_PATH_MAX];
    test_build_path("orbiter-worker", program);
    test_child_start(&worker, servers.node[0].dir, (const char *const[]){ program, "--redis-url", servers.url, NULL }, NULL);
    test_child_expect(&worker, "serves queue", 10000);
    connect_to(servers.url);
    primary = 0;
    expect_served();
    test_sentinels_may_fail_over(&servers);
    for (int old = 0; old < 2; old++) {
        test_redis_kill(&servers.node[old]);
        primary = 1 - old;
        test_wait_until("the failover", is_primary, NULL, 30000);
        expect_served();
        test_sentinels_rejoin(&servers, old);
        expect_served();
    }
    test_child_signal(&worker, SIGTERM);
    assert_int_equal(test_child_wait(&worker, 10000), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop)
    const struct CMUnitTest tests[] = {
        TEST(when_one_is_down_the_next_is_asked),
        TEST(when_all_are_down_it_is_said),
        TEST(a_name_that_they_do_not_know_is_said),
        TEST(a_wrong_password_is_said),
        TEST(a_replica_that_one_names_is_not_the_primary),
        TEST(the_command_says_whether_a_replica_has_it),
        TEST(two_failovers_in_a_row_are_followed),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
