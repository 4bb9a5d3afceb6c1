/* The proxy that makes the troubles of networks: does it make them? */
#include "support/proxy.h"
#include "support/redis.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

static struct test_redis redis, other;
static struct test_proxy proxy;
static redisContext *link;

static redisContext *dial(int timeout_ms)
{
    struct timeval timeout = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
    redisContext *c = redisConnectWithTimeout("127.0.0.1", proxy.port, timeout);
    assert_non_null(c);
    if (!c->err)
        redisSetTimeout(c, timeout);
    return c;
}

static int start(void **state)
{
    (void)state;
    test_redis_start(&redis);
    test_proxy_start(&proxy, redis.socket, 0);
    link = dial(test_patience(10000));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    redisFree(link);
    link = NULL;
    test_proxy_stop(&proxy);
    test_redis_stop(&redis);
    test_redis_stop(&other);
    return 0;
}

/* How long an echo of so many bytes takes, or -1 with the error in the connection. */
static int64_t echo(redisContext *c, size_t len)
{
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    int64_t began = test_now_ms();
    redisReply *reply = redisCommand(c, "ECHO %b", text, len);
    int64_t ms = reply ? test_now_ms() - began : -1;
    if (reply)
        assert_int_equal(reply->len, len);
    freeReplyObject(reply);
    free(text);
    return ms;
}

static void it_passes(void **state)
{
    (void)state;
    assert_in_range(echo(link, 10), 0, test_patience(1000));
    assert_in_range(echo(link, 4000000), 0, test_patience(5000));
}

static void it_is_late(void **state)
{
    (void)state;
    test_proxy_set(&proxy, TEST_PROXY_LATE, 150);
    assert_in_range(echo(link, 10), 300, test_patience(3000));
    assert_in_range(echo(link, 200000), 300, test_patience(3000));
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    assert_in_range(echo(link, 10), 0, 299);
}

static void it_is_slow(void **state)
{
    (void)state;
    test_proxy_set(&proxy, TEST_PROXY_SLOW, 4000);
    assert_in_range(echo(link, 2000), 900, test_patience(5000));
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    assert_in_range(echo(link, 2000), 0, 899);
}

static void it_is_mute(void **state)
{
    (void)state;
    redisContext *before = dial(200), *during;
    assert_in_range(echo(before, 10), 0, 200);
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0);
    assert_int_equal(echo(before, 10), -1);
    assert_int_equal(before->err, REDIS_ERR_IO);
    during = dial(200);
    assert_int_equal(during->err, 0);
    assert_int_equal(echo(during, 10), -1);
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    redisFree(before);
    redisFree(during);
    redisFree(link);
    link = dial(test_patience(10000));
    assert_in_range(echo(link, 10), 0, test_patience(1000));
}

/* What was under way when it fell mute does not come later. */
static void it_forgets_what_was_under_way(void **state)
{
    (void)state;
    test_proxy_set(&proxy, TEST_PROXY_LATE, 100);
    redisContext *c = dial(300);
    redisAppendCommand(c, "SET lost 1");
    int done = 0;
    while (!done)
        assert_int_equal(redisBufferWrite(c, &done), REDIS_OK);
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0);
    void *reply = NULL;
    assert_int_equal(redisGetReply(c, &reply), REDIS_ERR);
    redisFree(c);
    test_redis_expect(&redis, "(nil)", "GET lost");
}

static void it_refuses(void **state)
{
    (void)state;
    assert_true(echo(link, 10) >= 0);
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    redisContext *c = dial(1000);
    assert_int_not_equal(c->err, 0);
    redisFree(c);
    assert_true(echo(link, 10) >= 0);
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    c = dial(test_patience(1000));
    assert_true(echo(c, 10) >= 0);
    redisFree(c);
}

static void it_cuts(void **state)
{
    (void)state;
    assert_true(echo(link, 10) >= 0);
    test_proxy_cut(&proxy);
    assert_int_equal(echo(link, 10), -1);
    redisFree(link);
    link = dial(test_patience(10000));
    assert_true(echo(link, 10) >= 0);
    test_proxy_reset(&proxy);
    void *reply = NULL;
    assert_int_equal(redisGetReply(link, &reply), REDIS_ERR);
    assert_int_equal(link->err, REDIS_ERR_IO);
    assert_int_equal(errno, ECONNRESET);
}

static void it_closes_one_half(void **state)
{
    (void)state;
    assert_true(echo(link, 10) >= 0);
    test_proxy_half_close(&proxy);
    void *reply = NULL;
    assert_int_equal(redisGetReply(link, &reply), REDIS_ERR);
    assert_int_equal(link->err, REDIS_ERR_EOF);
    assert_int_equal(send(link->fd, "x", 1, MSG_NOSIGNAL), 1); /* that half is open */
    redisFree(link);
    link = dial(test_patience(10000));
    assert_true(echo(link, 10) >= 0);
}

static void it_goes_elsewhere(void **state)
{
    (void)state;
    test_redis_start(&other);
    free(test_redis_text(&other, "SET here 1"));
    test_proxy_aim(&proxy, other.socket, 0);
    assert_true(echo(link, 10) >= 0);
    redisContext *c = dial(test_patience(10000));
    redisReply *reply = redisCommand(c, "GET here");
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    freeReplyObject(reply);
    redisFree(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(it_passes), TEST(it_is_late), TEST(it_is_slow), TEST(it_is_mute), TEST(it_forgets_what_was_under_way),
        TEST(it_refuses), TEST(it_cuts), TEST(it_closes_one_half), TEST(it_goes_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
