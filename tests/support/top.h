/* For tests: the console as its user has it, in a terminal. */
#ifndef TESTS_SUPPORT_TOP_H
#define TESTS_SUPPORT_TOP_H

#include "support/terminal.h"

/* `orbiter top` with these arguments more (NULL at the end), in 24-bit colour, with a home of its own in the folder home; url NULL = none,
 * for a replay. */
struct test_terminal *test_top_start(const char *orbiter, const char *url, const char *home, int rows, int cols, const char *const more[]);
/* Leaves it by Q, sees that it ends well and has put the terminal back, and forgets it. */
void test_top_end(struct test_terminal *t);
/* The tasks screen is shown, and all tasks have come. */
int test_top_is_filled(struct test_terminal *t, void *arg);
/* The row that has the cursor's sign, or -1. */
int test_top_cursor(struct test_terminal *t);

#endif
