#include "support/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct test_terminal *test_top_start(const char *orbiter, const char *url, const char *home, int rows, int cols, const char *const more[])
{
    static char variables[3][400];
    const char *argv[32] = { orbiter, "top" };
    const char *const env[] = { "TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8", "TMUX", "NO_COLOR", "ORBITER_THEME", "ORBITER_KEYS", "ORBITER_READONLY", "ORBITER_REDIS_URL",
                                variables[0], variables[1], variables[2], NULL };
    size_t n = 2;
    snprintf(variables[0], sizeof variables[0], "HOME=%s", home);
    snprintf(variables[1], sizeof variables[1], "XDG_CONFIG_HOME=%s/config", home);
    snprintf(variables[2], sizeof variables[2], "XDG_STATE_HOME=%s/state", home);
    if (url) {
        argv[n++] = "--redis-url";
        argv[n++] = url;
    }
    for (; more && *more && n + 1 < sizeof argv / sizeof *argv; more++)
        argv[n++] = *more;
    struct test_terminal *t = test_terminal_start(rows, cols, argv, env);
    test_terminal_set_sync(t, 2);
    return t;
}

void test_top_end(struct test_terminal *t)
{
    test_terminal_type(t, "Q");
    int status = test_terminal_wait_end(t, 5000);
    if (status || test_terminal_is_alternate(t))
        fail_msg("the console ended with %d%s", status, test_terminal_is_alternate(t) ? ", and has not put the terminal back" : "");
    test_terminal_end(t);
}

int test_top_is_filled(struct test_terminal *t, void *arg)
{
    int rows, cols;
    (void)arg;
    test_terminal_size(t, &rows, &cols);
    const char *row = test_terminal_row(t, rows - 2);
    return *row > '0' && *row <= '9' && strstr(row, "  sort:") && !strstr(row, "filling");
}

int test_top_cursor(struct test_terminal *t)
{
    struct test_terminal_cell cell;
    int rows, cols;
    test_terminal_size(t, &rows, &cols);
    for (int row = 0; row < rows; row++) {
        test_terminal_cell_at(t, row, 0, &cell);
        if (!strcmp(cell.text, "❯"))
            return row;
    }
    return -1;
}
