/* The console in a window that is dragged about: 200 sizes between 20x5 and 300x100 within ten seconds, with keys and events in between, the
 * emulator's size always in step. It does not end, paints everything anew at most twice a second, and its last frame is the one that a console
 * has which was started in that size, and that ^L gives.
 *
 * Everything is painted anew when the screen is cleared (CSI 2 J): the terminal gets nothing else that costs a whole screen. */
#include "support/fleet.h"
#include "support/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RESIZES 200
#define STORM_MS 10000
#define LAST_ROWS 48
#define LAST_COLS 160
#define CLEARS_MAX 1000

static struct test_fleet fleet;
static struct test_terminal *top, *fresh;
static char home[TEST_PATH_MAX], orbiter[TEST_PATH_MAX];
static uint64_t seed = 12345;

static int chance(int from, int to)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return from + (int)((seed >> 33) % (uint64_t)(to - from + 1));
}

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    test_tempdir(home);
    test_build_path("orbiter", orbiter);
    for (int i = 0; i < 300; i++) { /* so old that no age counts on */
        char id[20];
        snprintf(id, sizeof id, "task-%03d", i);
        free(test_redis_text(&fleet.redis, "HSET orbiter:task:%s task_id %s agent_name %s status completed created_at %d started_at %d completed_at %d attempt 1", id, id,
                             i % 3 ? "planner" : "\xe7\xa0\x94\xe7\xa9\xb6\xe5\x91\x98", 1000 + i, 1001 + i, 1005 + i));
        free(test_redis_text(&fleet.redis, "SADD orbiter:task:index %s", id));
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_terminal_end(top);
    test_terminal_end(fresh);
    test_fleet_stop(&fleet);
    test_rmtree(home);
    return 0;
}

static struct test_terminal *start_top(int rows, int cols)
{
    return test_top_start(orbiter, fleet.redis.url, home, rows, cols, (const char *const[]){ "-s", "tasks", "--readonly", NULL });
}

/* ---- the storm --------------------------------------------------------------------------------- */

static struct {
    size_t looked;             /* of what it has printed */
    int64_t at_ms[CLEARS_MAX]; /* of each time that it has cleared the screen */
    size_t count;
} clears;

static void take(int wait_ms)
{
    static const char clear[] = "\033[2J";
    size_t len;
    test_terminal_pump(top, wait_ms);
    const char *log = test_terminal_log(top, &len), *at;
    while ((at = memmem(log + clears.looked, len - clears.looked, clear, sizeof clear - 1))) {
        assert_true(clears.count < CLEARS_MAX);
        clears.at_ms[clears.count++] = test_now_ms();
        clears.looked = (size_t)(at - log) + sizeof clear - 1;
    }
    if (len > clears.looked + sizeof clear - 2)
        clears.looked = len - (sizeof clear - 2);
}

/* A change of some task's state, and something that a key does. */
static void stir(int i)
{
    static const char *const keys[] = { "1", "j", "2", "5", "G", "4", "k", "3", "g", "4" };
    char tasks[20];
    snprintf(tasks, sizeof tasks, "task-%03d:1", chance(0, 299));
    free(test_redis_text(&fleet.redis, "XADD orbiter:feed * type task.completed queue orbiter:tasks worker_id %s tasks %s", "", tasks));
    if (i % 3 == 0)
        test_terminal_type(top, keys[i / 3 % 10]);
}

static void storm(void)
{
    int64_t began_ms = test_now_ms();
    for (int i = 0; i < RESIZES; i++) {
        int is_extreme = i % 25 == 0, is_small = i % 50 == 0;
        test_terminal_resize(top, is_extreme ? is_small ? 5 : 100 : chance(5, 100), is_extreme ? is_small ? 20 : 300 : chance(20, 300));
        stir(i);
        while (test_now_ms() < began_ms + (int64_t)(i + 1) * STORM_MS / RESIZES)
            take(5);
    }
    test_terminal_resize(top, LAST_ROWS, LAST_COLS);
    for (int64_t end = test_now_ms() + 1000; test_now_ms() < end;)
        take(5);
}

static void expect_few_clears(void)
{
    printf("figure top resize: %zu sizes in %d s, %zu full repaints\n", (size_t)RESIZES, STORM_MS / 1000, clears.count);
    assert_in_range(clears.count, 2, 2 * (STORM_MS / 1000 + 1) + 1);
    for (size_t i = 0; i + 2 < clears.count; i++) /* a little less: what was printed is not read at once */
        if (clears.at_ms[i + 2] - clears.at_ms[i] < 900)
            fail_msg("three full repaints within %d ms", (int)(clears.at_ms[i + 2] - clears.at_ms[i]));
}

/* ---- the last frame ---------------------------------------------------------------------------- */

static struct test_terminal_cell before[LAST_ROWS][LAST_COLS];

static void keep_frame(struct test_terminal *t)
{
    for (int row = 0; row < LAST_ROWS; row++)
        for (int col = 0; col < LAST_COLS; col++)
            test_terminal_cell_at(t, row, col, &before[row][col]);
}

/* What a blank's text would look like nobody sees. */
static int looks_same(const struct test_terminal_cell *a, const struct test_terminal_cell *b)
{
    if (strcmp(a->text, b->text) != 0 || a->width != b->width || a->bg != b->bg || a->is_underlined != b->is_underlined || a->is_reversed != b->is_reversed)
        return 0;
    return !strcmp(a->text, " ") || (a->fg == b->fg && a->is_bold == b->is_bold && a->is_italic == b->is_italic);
}

/* The first row that differs, or -1; but for the clock, which may have gone on. */
static int differs(struct test_terminal *t)
{
    struct test_terminal_cell cell;
    for (int row = 0; row < LAST_ROWS; row++)
        for (int col = 0; col < LAST_COLS - (row ? 0 : 5); col++) {
            test_terminal_cell_at(t, row, col, &cell);
            if (!looks_same(&cell, &before[row][col]))
                return row;
        }
    return -1;
}

static int is_same(struct test_terminal *t, void *arg)
{
    (void)arg;
    return differs(t) < 0;
}

static int is_settled(struct test_terminal *t, void *arg)
{
    return test_top_is_filled(t, arg) && strstr(test_terminal_row(t, 0), "LIVE") && strstr(test_terminal_row(t, 0), "[4 Tasks]") && test_top_cursor(t) == 2;
}

static void wait_same(struct test_terminal *t, const char *what)
{
    int64_t end = test_now_ms() + test_patience(5000);
    while (!is_same(t, NULL)) {
        if (test_now_ms() > end) {
            int row = differs(t);
            print_error("before: ");
            for (int col = 0; col < LAST_COLS; col++)
                print_error("%s", before[row][col].text);
            fail_msg("%s, row %d: %s", what, row, test_terminal_row(t, row));
        }
        test_terminal_pump(t, 5);
    }
}

static void the_console_outlives_a_storm_of_sizes(void **state)
{
    (void)state;
    top = start_top(24, 80);
    test_terminal_wait(top, "all tasks", test_top_is_filled, NULL, 10000);
    take(0);
    clears.count = 0;
    storm();
    expect_few_clears();
    test_terminal_type(top, "4g");
    test_terminal_wait(top, "the tasks, from the first one on", is_settled, NULL, 10000);
    while (test_terminal_pump(top, 300)) /* what belongs to the first one */
        ;
    keep_frame(top);
    size_t from = clears.count;
    take(0);
    test_terminal_type(top, "\f");
    for (int64_t end = test_now_ms() + test_patience(5000); clears.count == from; take(5))
        if (test_now_ms() > end)
            fail_msg("^L paints nothing anew");
    wait_same(top, "^L gives another frame");
    fresh = start_top(LAST_ROWS, LAST_COLS);
    wait_same(fresh, "a new console has another frame");
    test_top_end(fresh);
    test_top_end(top);
    top = fresh = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_console_outlives_a_storm_of_sizes, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
