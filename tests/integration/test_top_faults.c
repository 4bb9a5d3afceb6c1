/* The console, its Redis gone under load: `orbiter top` in a terminal, a real redis-server behind a proxy that makes the troubles of
 * networks, a task whose stream grows and others that are submitted all the time. For each trouble: the console says in words that what it
 * shows is old, within a second; its keys work; when the trouble is over it is live within a second; and of the stream and the feed
 * nothing is missing and nothing is there twice, counted against Redis.
 *
 * Redis is away for 2 s; with CHAOS_FULL=1 (make chaos PROOFS=top_faults) for 60 s. */
#include "support/fleet.h"
#include "support/proxy.h"
#include "support/top.h"
#include "tui/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 24
#define COLS 160 /* what the line below the stream says is not cut */
#define TELL_MS 1000
#define LIVE_MS 1000
#define WORD_MS 40
#define WORDS_A_TASK 5
#define IDLE_BYTES 8000 /* a second, of questions to Redis; those that notice a silence are a tenth of it */
#define SLOW_BYTES 100 /* a second: less than the feed has */

static struct test_fleet fleet;
static struct test_proxy proxy;
static struct test_terminal *top;
static char home[TEST_PATH_MAX], orbiter[TEST_PATH_MAX], url[64];

/* ---- the load ------------------------------------------------------------------------------- */

static int words, tasks, is_resting;
static int64_t word_ms;

static void say_word(void)
{
    char event[200];
    words++;
    snprintf(event, sizeof event, "{\"type\": \"text\", \"agent_name\": \"bot\", \"text\": \"w%d%s\", \"seq\": %d, \"attempt\": 1}", words, words % 12 ? " " : "\\n", words);
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:speaker * event %s", event));
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:events:speaker x"));
}

static void submit(void)
{
    char id[32];
    snprintf(id, sizeof id, "load-%d", tasks++);
    test_submit(&fleet, &(struct test_task){ .id = id });
}

/* Takes what the console prints, and keeps the load on. */
static void turn(void)
{
    if (!is_resting && test_now_ms() - word_ms >= WORD_MS) {
        word_ms = test_now_ms();
        say_word();
        if (words % WORDS_A_TASK == 0)
            submit();
    }
    test_terminal_pump(top, 5);
}

/* ---- what the console shows ------------------------------------------------------------------ */

static int says(const char *word)
{
    return strstr(test_terminal_row(top, 0), word) != NULL;
}

static int is_old(void)
{
    return says("STALE") || says("OFFLINE");
}

static int is_live(void)
{
    return says(" LIVE ");
}

/* The line below the stream: so many events, or -1 when it is not there or tells of gaps. */
static long long events_shown(void)
{
    unsigned long long replayed, live;
    for (int row = 0; row < ROWS; row++) {
        const char *at = strstr(test_terminal_row(top, row), "gaps 0  replayed ");
        if (at && sscanf(at, "gaps 0  replayed %llu + live %llu", &replayed, &live) == 2)
            return (long long)(replayed + live);
    }
    return -1;
}

/* One of the words from this one on. The figures below the stream move once a second only. */
static int has_said(int from)
{
    char word[16];
    int has = 0;
    for (int row = 0; row < ROWS && !has; row++) {
        const char *text = test_terminal_row(top, row);
        for (int i = words; i >= from && i > words - 100 && !has; i--) {
            snprintf(word, sizeof word, "w%d", i);
            has = strstr(text, word) != NULL;
        }
    }
    return has;
}

static int is_listed(const char *text)
{
    return strstr(test_terminal_row(top, ROWS - 2), text) != NULL;
}

static int has_title(const char *title)
{
    return says(title);
}

static const char *row_below(void)
{
    static char text[1000];
    snprintf(text, sizeof text, "%s", test_terminal_row(top, ROWS - 2));
    return text;
}

#define UNTIL(what, condition, timeout_ms) \
    do { \
        int64_t deadline_ = test_now_ms() + test_patience(timeout_ms); \
        while (!(condition)) { \
            if (test_now_ms() > deadline_) \
                fail_msg("waited for: %s\n%s\n%s", what, test_terminal_row(top, 0), row_below()); \
            turn(); \
        } \
    } while (0)

/* ---- the troubles ------------------------------------------------------------------------------ */

static void cut(void)
{
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
}

static void reset(void)
{
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_reset(&proxy);
}

/* And new connections get no answer. */
static void half_close(void)
{
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0);
    test_proxy_half_close(&proxy);
}

static void be_mute(void)
{
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0);
}

static void be_slow(void)
{
    test_proxy_set(&proxy, TEST_PROXY_SLOW, SLOW_BYTES);
}

static void pass(void)
{
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
}

/* Nothing can be written to it, either. */
static void freeze(void)
{
    is_resting = 1;
    test_redis_freeze(&fleet.redis);
}

static void thaw(void)
{
    test_redis_thaw(&fleet.redis);
    is_resting = 0;
}

static const struct trouble {
    const char *name;
    void (*begin)(void), (*end)(void);
} troubles[] = {
    { "cut", cut, pass }, { "reset", reset, pass }, { "half-closed", half_close, pass }, { "mute", be_mute, pass }, { "slow", be_slow, pass }, { "frozen", freeze, thaw },
};

/* ---- the proof ---------------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    test_proxy_start(&proxy, fleet.redis.socket, 0);
    test_tempdir(home);
    test_build_path("orbiter", orbiter);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy.port);
    test_submit(&fleet, &(struct test_task){ .id = "speaker" });
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:speaker status running attempt 1 worker_id w"));
    tasks = 1;
    top = test_top_start(orbiter, url, home, ROWS, COLS, (const char *const[]){ "--task", "speaker", "--readonly", NULL });
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_terminal_end(top);
    test_proxy_stop(&proxy);
    test_fleet_stop(&fleet);
    test_rmtree(home);
    return 0;
}

/* All that Redis has is shown, once: the stream, and one line for each new task. */
static void count(void)
{
    char expected[80], number[32];
    is_resting = 1;
    long long in_stream = test_redis_int(&fleet.redis, "XLEN orbiter:stream:speaker"), in_feed = test_redis_int(&fleet.redis, "XLEN orbiter:feed");
    assert_int_equal(in_stream, words);
    assert_int_equal(in_feed, tasks); /* none of them is claimed */
    UNTIL("the whole stream, without a gap", events_shown() == in_stream, 5000);
    tui_show_count((double)in_feed, number, sizeof number);
    test_terminal_type(top, "5/\025type:task.pending");
    snprintf(expected, sizeof expected, "  %s of ", number);
    UNTIL("each new task in the events, once", is_listed("filter: type:task.pending ") && is_listed(expected), 5000);
    test_terminal_type(top, "\r4/");
    snprintf(expected, sizeof expected, "  %s of %s", number, number);
    UNTIL("all tasks", has_title("[4 Tasks]") && is_listed(expected), 5000);
    test_terminal_type(top, "\r[[");
    UNTIL("the stream again", has_title("> speaker") && events_shown() == in_stream, 5000);
    is_resting = 0;
}

static void go_through(const struct trouble *trouble, int away_ms)
{
    int had = words + 1;
    UNTIL("being live", is_live() && words >= had && has_said(had), 10000);
    int64_t began_ms = test_now_ms();
    trouble->begin();
    UNTIL("STALE or OFFLINE", is_old(), 5000);
    int64_t told_ms = test_now_ms() - began_ms;
    test_terminal_type(top, "2");
    UNTIL("a key that works", has_title("[2 Queues]"), 1000);
    test_terminal_type(top, "[");
    while (test_now_ms() < began_ms + away_ms) {
        turn();
        if (!is_old())
            fail_msg("%s: it says to be live while Redis is away: %s", trouble->name, test_terminal_row(top, 0));
    }
    trouble->end();
    int64_t ended_ms = test_now_ms();
    had = words;
    UNTIL("being live again", is_live(), 10000);
    int64_t live_ms = test_now_ms() - ended_ms;
    UNTIL("what was said meanwhile", has_said(had), 10000);
    int64_t whole_ms = test_now_ms() - ended_ms;
    count();
    printf("figure top %-12s told after %4d ms, live after %4d ms, whole after %4d ms\n", trouble->name, (int)told_ms, (int)live_ms, (int)whole_ms);
    fflush(stdout);
    assert_in_range(told_ms, 0, test_patience(TELL_MS));
    assert_in_range(live_ms, 0, test_patience(LIVE_MS));
    assert_in_range(whole_ms, 0, test_patience(LIVE_MS));
}

static void the_console_outlives_all_that_can_happen_to_its_link(void **state)
{
    const char *full = getenv("CHAOS_FULL");
    (void)state;
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++)
        go_through(&troubles[i], full && *full == '1' ? 60000 : 2000);
    test_top_end(top);
    top = NULL;
}

static void rest(int ms)
{
    for (int64_t end = test_now_ms() + ms; test_now_ms() < end;)
        turn();
}

static long long bytes_to_redis(void)
{
    return test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'stats'):match('total_net_input_bytes:(%d+)')");
}

/* Being quick to notice must not cost. */
static void an_idle_console_costs_little(void **state)
{
    char clock[16];
    size_t before, after;
    (void)state;
    is_resting = 1;
    test_terminal_type(top, "5"); /* no ages that count on */
    UNTIL("being live", is_live() && has_title("[5 Events]"), 10000);
    rest(3000);
    do { /* the clock in the header has minutes */
        const char *header = test_terminal_row(top, 0);
        snprintf(clock, sizeof clock, "%s", header + strlen(header) - 5);
        test_terminal_log(top, &before);
        long long from = bytes_to_redis();
        rest(3000);
        long long bytes = bytes_to_redis() - from;
        printf("figure top idle: %lld bytes a second to Redis\n", bytes / 3);
        assert_in_range(bytes, 1, 3 * IDLE_BYTES);
        test_terminal_log(top, &after);
    } while (!strstr(test_terminal_row(top, 0), clock));
    assert_int_equal(after - before, 0);
    is_resting = 0;
    test_top_end(top);
    top = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_idle_console_costs_little, start, stop),
        cmocka_unit_test_setup_teardown(the_console_outlives_all_that_can_happen_to_its_link, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
