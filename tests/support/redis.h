/* For tests: a real redis-server of their own, on a unix socket in a folder of
 * its own. Whatever goes wrong fails the test with the reason. */
#ifndef TESTS_SUPPORT_REDIS_H
#define TESTS_SUPPORT_REDIS_H

#include "support/child.h"

struct test_redis {
    /* Set before the start; the rest is for reading. */
    const char *config;    /* lines of redis.conf that go last, or NULL: "appendonly yes\n" */
    const char *password;  /* requirepass, or NULL */

    struct test_child child;
    char dir[TEST_PATH_MAX];
    char socket[TEST_PATH_MAX + 8];
    char url[TEST_PATH_MAX + 256];   /* unix://[:password@]{socket} */
};

/* Returns when the server answers. Nothing is saved to disk unless config says so. */
void test_redis_start(struct test_redis *redis);
/* Ends the server and removes the folder; fine when it never started. */
void test_redis_stop(struct test_redis *redis);
/* SIGKILL; what was not on disk is lost. */
void test_redis_kill(struct test_redis *redis);
/* After test_redis_kill: the same folder, socket and config. */
void test_redis_restart(struct test_redis *redis);
void test_redis_launch(struct test_redis *redis); /* the same, without waiting for the next: */
int test_redis_answers(void *redis); /* and is not loading; fails when it has ended */
void test_redis_freeze(struct test_redis *redis); /* SIGSTOP */
void test_redis_thaw(struct test_redis *redis);   /* SIGCONT */

/* One command, in hiredis' format (%s, %b, %lld), on a connection of its own. The reply as
 * text, the caller frees: a string as it is, an integer in decimal, nil as
 * "(nil)", an error as "(error) ...", an array as its elements with a newline between. */
char *test_redis_text(const struct test_redis *redis, const char *format, ...);
/* A reply that must be an integer (or text that is one). */
long long test_redis_int(const struct test_redis *redis, const char *format, ...);
/* Fails unless the reply as text is expected. */
void test_redis_expect(const struct test_redis *redis, const char *expected, const char *format, ...);

#endif
