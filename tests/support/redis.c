#include "support/redis.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

static redisContext *connect_to(const struct test_redis *redis)
{
    struct timeval timeout = {.tv_sec = test_patience(10000) / 1000};
    redisContext *c = redisConnectUnixWithTimeout(redis->socket, timeout);
    if (!c || c->err || redisSetTimeout(c, timeout) != REDIS_OK) {
        redisFree(c);
        return NULL;
    }
    if (redis->password)
        freeReplyObject(redisCommand(c, "AUTH %s", redis->password));
    return c;
}

int test_redis_answers(void *arg)
{
    struct test_redis *redis = arg;
    if (test_child_has_ended(&redis->child)) {
        char *text = test_child_output(&redis->child);
        print_error("%s", text);
        free(text);
        fail_msg("redis-server did not start");
    }
    redisContext *c = connect_to(redis);
    redisReply *reply = c ? redisCommand(c, "PING") : NULL;
    int ok = reply && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0;
    freeReplyObject(reply);
    redisFree(c);
    return ok;
}

void test_redis_launch(struct test_redis *redis)
{
    char conf[TEST_PATH_MAX + 16];
    snprintf(conf, sizeof conf, "%s/redis.conf", redis->dir);
    test_child_start(&redis->child, redis->dir, (const char *const[]){"redis-server", conf, NULL}, NULL);
}

void test_redis_restart(struct test_redis *redis)
{
    test_redis_launch(redis);
    test_wait_until("redis-server to answer", test_redis_answers, redis, 10000);
}

void test_redis_start(struct test_redis *redis)
{
    test_tempdir(redis->dir);
    snprintf(redis->socket, sizeof redis->socket, "%s/r.sock", redis->dir);
    snprintf(redis->url, sizeof redis->url, "unix://%s%s%s%s", redis->password ? ":" : "",
             redis->password ? redis->password : "", redis->password ? "@" : "", redis->socket);
    char path[TEST_PATH_MAX + 16], text[4096];
    snprintf(path, sizeof path, "%s/redis.conf", redis->dir);
    int n = snprintf(text, sizeof text,
                     "port 0\nunixsocket %s\ndir %s\nsave \"\"\nappendonly no\ndaemonize no\nloglevel notice\n%s%s%s%s",
                     redis->socket, redis->dir, redis->password ? "requirepass " : "",
                     redis->password ? redis->password : "", redis->password ? "\n" : "", redis->config ? redis->config : "");
    assert_in_range(n, 1, sizeof text - 1);
    test_file_write(path, text);
    test_redis_restart(redis);
}

void test_redis_kill(struct test_redis *redis)
{
    test_child_kill(&redis->child);
}

void test_redis_stop(struct test_redis *redis)
{
    test_child_kill(&redis->child);
    if (redis->dir[0])
        test_rmtree(redis->dir);
    redis->dir[0] = '\0';
}

void test_redis_freeze(struct test_redis *redis)
{
    test_child_signal(&redis->child, SIGSTOP);
}

void test_redis_thaw(struct test_redis *redis)
{
    test_child_signal(&redis->child, SIGCONT);
}

static void print_reply(FILE *out, const redisReply *r)
{
    switch (r->type) {
    case REDIS_REPLY_NIL:
        fputs("(nil)", out);
        break;
    case REDIS_REPLY_INTEGER:
        fprintf(out, "%lld", r->integer);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < r->elements; i++) {
            if (i > 0)
                fputc('\n', out);
            print_reply(out, r->element[i]);
        }
        break;
    case REDIS_REPLY_ERROR:
        fputs("(error) ", out);
        /* fall through */
    default:
        fwrite(r->str, 1, r->len, out);
    }
}

static char *ask(const struct test_redis *redis, const char *format, va_list args)
{
    redisContext *c = connect_to(redis);
    if (!c)
        fail_msg("cannot connect to %s for: %s", redis->socket, format);
    redisReply *reply = redisvCommand(c, format, args);
    if (!reply)
        fail_msg("no reply to: %s: %s", format, c->errstr);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print_reply(out, reply);
    fclose(out);
    freeReplyObject(reply);
    redisFree(c);
    return text;
}

char *test_redis_text(const struct test_redis *redis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ask(redis, format, args);
    va_end(args);
    return text;
}

long long test_redis_int(const struct test_redis *redis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ask(redis, format, args), *end;
    va_end(args);
    long long value = strtoll(text, &end, 10);
    if (end == text || *end)
        fail_msg("%s: the reply is no integer: %s", format, text);
    free(text);
    return value;
}

void test_redis_expect(const struct test_redis *redis, const char *expected, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ask(redis, format, args);
    va_end(args);
    if (strcmp(text, expected) != 0)
        print_error("command: %s\n", format);
    assert_string_equal(text, expected);
    free(text);
}
