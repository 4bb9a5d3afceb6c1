/* For tests: a TCP proxy before a server, in a child process, that makes the
 * troubles of networks: slow, late, mute, half-closed, cut, reset, refusing. */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include <sys/types.h>

enum test_proxy_mode {
    TEST_PROXY_PASS,
    TEST_PROXY_SLOW,    /* value: bytes a second, in each direction of each connection */
    TEST_PROXY_LATE,    /* value: milliseconds later, in each direction */
    TEST_PROXY_HOLE,    /* accepts, takes everything, passes nothing on; connections that were there
                         * or come meanwhile stay so until their client closes them */
    TEST_PROXY_REFUSE,  /* does not listen; connections that are there pass */
};

struct test_proxy {
    pid_t pid;          /* 0 = not running */
    int control;
    int port;           /* on 127.0.0.1 */
};

/* To a unix socket, or to a port of 127.0.0.1 when socket is NULL. */
void test_proxy_start(struct test_proxy *proxy, const char *socket, int port);
void test_proxy_stop(struct test_proxy *proxy); /* fine when it never started */
/* These return when it is done. */
void test_proxy_set(const struct test_proxy *proxy, enum test_proxy_mode mode, int value);
void test_proxy_aim(const struct test_proxy *proxy, const char *socket, int port); /* connections that are there stay */
void test_proxy_cut(const struct test_proxy *proxy);   /* closes all connections */
/* The server's end of each is closed, and nothing more passes; the client's stays until the client closes it. */
void test_proxy_half_close(const struct test_proxy *proxy);
void test_proxy_reset(const struct test_proxy *proxy); /* the same with RST */

#endif
