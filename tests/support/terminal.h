/* For tests: a program in a terminal (a pty with libvterm behind it). What it prints becomes a screen that can be read; what it
 * is to get is typed. Fails the test with the screen when something does not come in time. */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct test_terminal;

/* Starts argv (argv[0] is looked up in PATH) as the leader of a session with this terminal. env: as test_child_start. */
struct test_terminal *test_terminal_start(int rows, int cols, const char *const argv[], const char *const env[]);
void test_terminal_end(struct test_terminal *t); /* kills what still runs; NULL is fine */

/* Takes what it prints now or within wait_ms; 0 when nothing came. */
int test_terminal_pump(struct test_terminal *t, int wait_ms);
/* The same until ready(t, arg) is not 0. */
void test_terminal_wait(struct test_terminal *t, const char *what, int (*ready)(struct test_terminal *t, void *arg), void *arg, int timeout_ms);
void test_terminal_expect(struct test_terminal *t, const char *text, int timeout_ms); /* text is in a line of the screen */
/* Takes what it prints until it ends; the exit status, or -signal. */
int test_terminal_wait_end(struct test_terminal *t, int timeout_ms);
/* Until it has stopped (SIGTSTP). */
void test_terminal_wait_stop(struct test_terminal *t, int timeout_ms);

void test_terminal_type(struct test_terminal *t, const char *bytes);
void test_terminal_send(struct test_terminal *t, const char *bytes, size_t len);
void test_terminal_resize(struct test_terminal *t, int rows, int cols);
void test_terminal_signal(struct test_terminal *t, int signo);
void test_terminal_hang_up(struct test_terminal *t); /* the terminal goes away */
pid_t test_terminal_pid(const struct test_terminal *t);
void test_terminal_size(const struct test_terminal *t, int *rows, int *cols);
/* What it answers to the question for synchronized output (DECRQM 2026): 0 does not know it (default), 2 has it. */
void test_terminal_set_sync(struct test_terminal *t, int value);

/* The screen: lines without trailing blanks, each ended by a newline; the caller frees. */
char *test_terminal_text(struct test_terminal *t);
const char *test_terminal_row(struct test_terminal *t, int row); /* one of them; valid until the next call */
struct test_terminal_cell {
    char text[32];     /* " " when empty, "" for the right half of a wide one */
    int width;
    /* -1 = the terminal's own; 0 to 255 an index; else 0x1000000 | 0xrrggbb */
    int32_t fg, bg;
    int is_bold, is_italic, is_underlined, is_reversed;
};
void test_terminal_cell_at(struct test_terminal *t, int row, int col, struct test_terminal_cell *out);

/* The state it is in. */
int test_terminal_is_alternate(const struct test_terminal *t); /* the second screen is shown */
int test_terminal_has_cursor(const struct test_terminal *t);
void test_terminal_cursor(struct test_terminal *t, int *row, int *col);
int test_terminal_has_mouse(const struct test_terminal *t);
int test_terminal_is_pasting_marked(const struct test_terminal *t); /* bracketed paste is on */
void test_terminal_modes(const struct test_terminal *t, struct termios *out);
void test_terminal_set_modes(struct test_terminal *t, const struct termios *modes);

/* All that it has printed, as it came, and how much. */
const char *test_terminal_log(const struct test_terminal *t, size_t *len);

#endif
