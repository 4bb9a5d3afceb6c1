/* A connection whose server is played by this test: slow, full, refusing, mute. */
#include "loop/redis.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[TEST_PATH_MAX];
static struct orb_loop *loop;
static struct orb_redis *redis;
static int listener, peer;       /* peer: the latest connection, or -1 */
static int accepted;
static int is_deaf, is_mute;     /* does not read; does not answer */
static const char *answer;       /* to every command but PING */
static int ups, downs, answers, errors, is_hasty;
static struct orb_error last;

static int start(void **state)
{
    (void)state;
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    test_tempdir(dir);
    snprintf(un.sun_path, sizeof un.sun_path, "%.100s/s", dir);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&un, sizeof un) || listen(listener, 16))
        return -1;
    peer = -1;
    accepted = is_deaf = is_mute = ups = downs = answers = errors = is_hasty = 0;
    answer = "+OK\r\n";
    loop = orb_loop_new();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_redis_free(redis);
    redis = NULL;
    for (int i = 0; i < 5; i++)
        orb_loop_turn(loop, 1);
    orb_loop_free(loop);
    close(listener);
    if (peer >= 0)
        close(peer);
    test_rmtree(dir);
    return 0;
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    (void)arg;
    ups += is_up;
    downs += !is_up;
    if (err)
        last = *err;
}

static void on_push(void *arg, const struct orb_reply *reply)
{
    (void)arg;
    (void)reply;
}

static void on_answer(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)arg;
    (void)reply;
    answers += !err;
    errors += !!err;
    if (err)
        last = *err;
}

static void connect_redis(int reconnect, int reply_timeout_ms, int is_push)
{
    struct orb_redis_config config;
    struct orb_error err;
    char url[TEST_PATH_MAX + 16];
    snprintf(url, sizeof url, "unix://%s/s", dir);
    assert_int_equal(orb_redis_config_init(&config, &(struct orb_redis_options){ .url = url }, &err), 0);
    config.reconnect = reconnect;
    config.reply_timeout_ms = reply_timeout_ms;
    config.max_queued_bytes = 1024 * 1024;
    config.is_hasty = is_hasty;
    config.state = on_state;
    config.push = is_push ? on_push : NULL;
    redis = orb_redis_new(loop, &config);
    orb_redis_config_done(&config);
}

static void reply_to(const char *commands, size_t len)
{
    static const char ping[] = "*1\r\n$4\r\nPING";
    for (const char *p = commands; (p = memchr(p, '*', len - (size_t)(p - commands))); p++) {
        int is_ping = len - (size_t)(p - commands) >= sizeof ping - 1 && !memcmp(p, ping, sizeof ping - 1);
        const char *text = is_ping ? "+PONG\r\n" : answer;
        (void)!send(peer, text, strlen(text), MSG_NOSIGNAL);
    }
}

/* One turn of the loop, and of the server. */
static void turn(void)
{
    static char in[256 * 1024];
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (peer >= 0)
            close(peer);
        peer = fd;
        accepted++;
    }
    ssize_t n = peer >= 0 && !is_deaf ? recv(peer, in, sizeof in, 0) : 0;
    if (n > 0 && !is_mute)
        reply_to(in, (size_t)n);
    orb_loop_turn(loop, 2);
}

static void turn_for(int ms)
{
    for (int64_t end = test_now_ms() + ms; test_now_ms() < end;)
        turn();
}

static void turn_until(const char *what, const int *count, int wanted, int timeout_ms)
{
    for (int64_t end = test_now_ms() + timeout_ms; *count < wanted; turn())
        if (test_now_ms() > end)
            fail_msg("no %s: %d of %d after %d ms", what, *count, wanted, timeout_ms);
}

static int send_bytes(size_t len, int flags)
{
    static char value[64 * 1024];
    struct orb_buf b;
    assert_true(len <= sizeof value);
    memset(value, 'x', sizeof value);
    orb_buf_init(&b, 128 * 1024);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "ECHO");
    orb_cmd_arg(&b, value, len);
    int rc = orb_redis_send(redis, &b, 1, flags, on_answer, NULL);
    orb_buf_done(&b);
    return rc;
}

/* The silence before a send is not the server's fault. */
static void a_link_that_was_idle_is_given_its_whole_time(void **state)
{
    (void)state;
    connect_redis(0, 1000, 0);
    turn_until("connection", &ups, 1, 5000);
    assert_int_equal(send_bytes(1, 0), 0);
    turn_until("answer", &answers, 1, 5000);
    turn_for(800);
    is_deaf = 1;
    assert_int_equal(send_bytes(1, 0), 0);
    turn_for(400);
    is_deaf = 0;
    turn_until("answer", &answers, 2, 5000);
    assert_int_equal(downs, 0);
}

static void a_link_that_does_not_answer_is_given_up(void **state)
{
    (void)state;
    connect_redis(0, 300, 0);
    turn_until("connection", &ups, 1, 5000);
    is_mute = 1;
    assert_int_equal(send_bytes(1, 0), 0);
    turn_until("error", &errors, 1, 5000);
    assert_int_equal(last.code, ORB_E_UNREACHABLE);
}

static void what_the_server_does_not_take_is_bounded(void **state)
{
    (void)state;
    int rc = 0, count = 0;
    connect_redis(0, 0, 0);
    turn_until("connection", &ups, 1, 5000);
    is_deaf = 1;
    for (; !rc && count < 200; count++) {
        rc = send_bytes(64 * 1024, 0);
        turn();
    }
    assert_int_equal(rc, ORB_E_BACKLOG);
    assert_in_range(count, 16, 100); /* 1 MiB, and what the sockets hold */
    is_deaf = 0;
    turn_until("answers", &answers, count - 1, 10000);
    assert_int_equal(send_bytes(1, 0), 0);
    turn_until("answer", &answers, count, 5000);
}

/* Much is waiting to be written when the server says one thing more and is gone: no SIGPIPE for the program that
 * this library is in. */
static void a_server_that_goes_away_ends_nothing_else(void **state)
{
    (void)state;
    connect_redis(0, 0, 0);
    turn_until("connection", &ups, 1, 5000);
    is_deaf = 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_bytes(64 * 1024, 0), 0);
    turn_for(50);
    assert_int_equal(send(peer, "+OK\r\n", 5, MSG_NOSIGNAL), 5);
    close(peer);
    peer = -1;
    turn_until("error", &errors, 9, 5000);
    assert_int_equal(last.code, ORB_E_UNREACHABLE);
}

/* It subscribes anew on the next one. */
static void a_pubsub_link_that_takes_nothing_is_given_up(void **state)
{
    (void)state;
    connect_redis(1, 0, 1);
    turn_until("connection", &ups, 1, 5000);
    is_deaf = 1;
    for (int i = 0; i < 200 && !downs; i++) {
        assert_int_equal(send_bytes(64 * 1024, 0), 0);
        turn();
    }
    assert_int_equal(downs, 1);
    is_deaf = 0;
    turn_until("connection", &ups, 2, 10000);
}

/* Logging in works each time, what follows does not: a replica, or no permission. */
static void a_server_that_refuses_is_not_hammered(void **state)
{
    (void)state;
    answer = "-READONLY You can't write against a read only replica.\r\n";
    connect_redis(1, 0, 0);
    assert_int_equal(send_bytes(1, ORB_REDIS_RETRY), 0);
    turn_for(2500);
    assert_in_range(accepted, 2, 14);
    answer = "+OK\r\n";
    turn_until("answer", &answers, 1, 15000);
}

static void a_login_that_is_not_answered_is_given_up(void **state)
{
    (void)state;
    is_mute = 1;
    connect_redis(1, 0, 1);
    turn_until("end of the connection", &downs, 1, 13000);
    assert_int_equal(ups, 0);
    is_mute = 0;
    turn_until("connection", &ups, 1, 10000);
    turn_for(200);
    assert_int_equal(downs, 1);
}

/* Another connection had to be made anew, and stands: this one will hardly answer any more. */
static void a_suspect_link_is_given_up_soon(void **state)
{
    (void)state;
    connect_redis(1, 60000, 0);
    turn_until("connection", &ups, 1, 5000);
    is_mute = 1;
    assert_int_equal(send_bytes(1, ORB_REDIS_RETRY), 0);
    orb_redis_hurry(redis, redis);
    turn_until("end of the connection", &downs, 1, 15000);
    is_mute = 0;
    turn_until("answer", &answers, 1, 5000);
}

static void a_suspect_link_that_answers_is_trusted(void **state)
{
    (void)state;
    connect_redis(1, 60000, 0);
    turn_until("connection", &ups, 1, 5000);
    orb_redis_hurry(redis, redis);
    assert_int_equal(send_bytes(1, 0), 0);
    turn_until("answer", &answers, 1, 5000);
    is_mute = 1;
    assert_int_equal(send_bytes(1, 0), 0);
    turn_for(3000);
    assert_int_equal(downs, 0);
}

static void a_login_that_hangs_is_hurried(void **state)
{
    (void)state;
    connect_redis(1, 60000, 0);
    turn_until("connection", &ups, 1, 5000);
    is_mute = 1;
    close(peer);
    peer = -1;
    turn_until("login", &accepted, 2, 5000);
    turn_for(700);
    is_mute = 0;
    orb_redis_hurry(redis, redis);
    turn_until("connection", &ups, 2, 5000);
    assert_int_equal(downs, 1);
}

/* Another connection was lost: one that has nothing to wait for is asked. */
static void a_link_in_doubt_is_asked(void **state)
{
    (void)state;
    for (int is_push = 0; is_push < 2; is_push++) {
        ups = downs = 0;
        connect_redis(1, is_push ? 0 : 60000, is_push);
        turn_until("connection", &ups, 1, 5000);
        turn_for(300);
        orb_redis_doubt(redis);
        turn_for(1000);
        assert_int_equal(downs, 0);
        is_mute = 1;
        orb_redis_doubt(redis);
        turn_until("end of the connection", &downs, 1, test_patience(1500));
        is_mute = 0;
        turn_until("connection", &ups, 2, 5000);
        orb_redis_free(redis);
        turn_for(10);
    }
    redis = NULL;
}

static void a_link_that_rests_is_made_when_another_is_lost(void **state)
{
    (void)state;
    connect_redis(0, 60000, 0);
    turn_until("connection", &ups, 1, 5000);
    close(peer);
    peer = -1;
    turn_until("end of the connection", &downs, 1, 5000);
    turn_for(100);
    assert_int_equal(accepted, 1);
    orb_redis_doubt(redis);
    turn_until("connection", &ups, 2, 5000);
    close(peer);
    peer = -1;
    turn_until("end of the connection", &downs, 2, 5000);
    orb_redis_hurry(redis, redis);
    turn_until("connection", &ups, 3, 5000);
}

static void a_hasty_link_tries_often(void **state)
{
    (void)state;
    is_hasty = 1;
    connect_redis(1, 60000, 0);
    turn_until("connection", &ups, 1, 5000);
    is_mute = 1;
    close(peer);
    peer = -1;
    turn_until("tries", &accepted, 5, test_patience(5000));
    is_mute = 0;
    turn_until("connection", &ups, 2, 5000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_link_that_was_idle_is_given_its_whole_time),
        TEST(a_link_that_does_not_answer_is_given_up),
        TEST(what_the_server_does_not_take_is_bounded),
        TEST(a_server_that_goes_away_ends_nothing_else),
        TEST(a_pubsub_link_that_takes_nothing_is_given_up),
        TEST(a_server_that_refuses_is_not_hammered),
        TEST(a_login_that_is_not_answered_is_given_up),
        TEST(a_suspect_link_is_given_up_soon),
        TEST(a_suspect_link_that_answers_is_trusted),
        TEST(a_login_that_hangs_is_hurried),
        TEST(a_link_in_doubt_is_asked),
        TEST(a_link_that_rests_is_made_when_another_is_lost),
        TEST(a_hasty_link_tries_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
