/* For tests: folders, child processes and waiting with a deadline. Whatever goes
 * wrong here fails the test (cmocka's fail_msg) with the reason.
 *
 * Children die with the test program, also when it crashes. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TEST_PATH_MAX 256

/* Waits until ready(arg) is not 0, asking again every few milliseconds; fails
 * with `what` after timeout_ms. */
void test_wait_until(const char *what, int (*ready)(void *arg), void *arg, int timeout_ms);
int64_t test_now_ms(void); /* monotonic */
/* Milliseconds times how much slower this build is (sanitizers, valgrind). */
int test_patience(int ms);

/* A new empty folder, short enough for unix sockets in it; and its end. */
void test_tempdir(char out[TEST_PATH_MAX]);
void test_rmtree(const char *path);

/* A file of the build that this test program belongs to: "orbiter-worker". */
void test_build_path(const char *name, char out[TEST_PATH_MAX]);
/* The whole file, terminated; the caller frees. NULL when it is not there. */
char *test_file_read(const char *path, size_t *len);
void test_file_write(const char *path, const char *text);
/* A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
int test_free_port(void);

struct test_child {
    pid_t pid;                  /* 0 = not running */
    char output[TEST_PATH_MAX]; /* file with its stdout and stderr */
    int status;                 /* after the end: exit status, or -signal */
};
/* Starts argv (argv[0] is looked up in PATH) with no input. env: "NAME=value" lines
 * to add, or "NAME" to take out, NULL at the end; may be NULL. The output goes to a new
 * file in dir. */
void test_child_start(struct test_child *child, const char *dir, const char *const argv[], const char *const env[]);
/* All it has printed so far; the caller frees. */
char *test_child_output(const struct test_child *child);
/* Waits until its output holds text; fails with the output when it ends before. */
void test_child_expect(struct test_child *child, const char *text, int timeout_ms);
void test_child_signal(const struct test_child *child, int signo);
/* Waits for its end; fails with the output after timeout_ms. Returns status. */
int test_child_wait(struct test_child *child, int timeout_ms);
/* 1 when it has ended by now (then status is set). */
int test_child_has_ended(struct test_child *child);
/* SIGKILL when it still runs. */
void test_child_kill(struct test_child *child);

#endif
