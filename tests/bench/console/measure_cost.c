/* What it costs: processor, memory, bytes on the line. */
#include "bench/console/bench.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { ROWS = 24, COLS = 80, KEYS = 20 };

static double cpu_percent(struct test_terminal *t, double seconds)
{
    double before = top_cpu_s(t);
    int64_t start = orb_mono_us();
    top_run(t, seconds, NULL, NULL);
    return (top_cpu_s(t) - before) / ((double)(orb_mono_us() - start) / 1e6) * 100;
}

static double bytes_a_second(struct test_terminal *t, double seconds)
{
    size_t before = top_bytes(t);
    top_run(t, seconds, NULL, NULL);
    return (double)(top_bytes(t) - before) / seconds;
}

/* A task that streams, running. */
static void start_stream(const struct bench *b, int rate, double seconds, char id[64])
{
    char model[80];
    snprintf(model, sizeof model, "sim:tokens=%d,rate=%d", (int)(rate * seconds), rate);
    fleet_submit(b, model, NULL, id);
    fleet_wait_running(b, id);
}

/* Everything has come, then the screen is shown that is measured. */
static struct test_terminal *start_at(const struct bench *b, const char *key)
{
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-s", "tasks", NULL });
    top_wait(t, "all tasks", test_top_is_filled, NULL, 60000);
    test_terminal_type(t, key);
    top_run(t, 2, NULL, NULL);
    return t;
}

void measure_cpu(const struct bench *b)
{
    char id[64];
    struct test_terminal *t = start_at(b, "1");
    say("cpu_idle", cpu_percent(t, b->seconds));
    pid_t load = fleet_changes(b, 1000);
    start_stream(b, 200, 4 * b->seconds + 20, id);
    top_run(t, 2, NULL, NULL);
    say("cpu_overview", cpu_percent(t, b->seconds));
    test_terminal_type(t, "4");
    top_run(t, 1, NULL, NULL);
    say("cpu_tasks", cpu_percent(t, b->seconds));
    test_top_end(t);
    /* The stream itself, and beside it all that happens. */
    t = top_start(b, ROWS, COLS, (const char *const[]){ "-t", id, NULL });
    top_run(t, 5, NULL, NULL);
    say("cpu_stream", cpu_percent(t, b->seconds));
    fleet_end(load);
    test_top_end(t);
}

/* Waits until so much of the minute has passed: what moves with the clock moves at its end. */
static void wait_for_second(struct test_terminal *t, int from, int to)
{
    while (time(NULL) % 60 < from || time(NULL) % 60 > to)
        top_run(t, 0.1, NULL, NULL);
}

static void measure_arrow(struct test_terminal *t)
{
    struct series bytes = { 0 };
    for (int i = 0; i < KEYS; i++) {
        size_t before = top_bytes(t);
        test_terminal_type(t, i < KEYS / 2 ? "\033[B" : "\033[A");
        top_run(t, 0.15, NULL, NULL);
        series_add(&bytes, (double)(top_bytes(t) - before));
    }
    say("bytes_arrow", series_at(&bytes, 1));
    series_done(&bytes);
}

void measure_bytes(const struct bench *b)
{
    double quiet_s = b->seconds < 40 ? b->seconds : 40;
    char id[64];
    struct test_terminal *t = start_at(b, "4");
    measure_arrow(t);
    static const char *const screens[] = { "1", "2", "4", "5" };
    double most = 0;
    for (size_t i = 0; i < ORB_COUNT(screens); i++) {
        test_terminal_type(t, screens[i]);
        top_run(t, 2.5, NULL, NULL);
        wait_for_second(t, 1, 59 - (int)(quiet_s / ORB_COUNT(screens)) - 1);
        double n = bytes_a_second(t, quiet_s / ORB_COUNT(screens));
        most = n > most ? n : most;
    }
    say("bytes_quiet", most);
    pid_t load = fleet_changes(b, 20);
    top_run(t, 6, NULL, NULL); /* the rates of the last slots have come */
    test_terminal_type(t, "1");
    top_run(t, 1, NULL, NULL);
    say("bytes_overview", bytes_a_second(t, b->seconds));
    test_terminal_type(t, "4");
    top_run(t, 1, NULL, NULL);
    say("bytes_tasks", bytes_a_second(t, b->seconds));
    test_terminal_type(t, "f");
    top_run(t, 1, NULL, NULL);
    say("bytes_follow", bytes_a_second(t, b->seconds));
    test_terminal_type(t, "f5");
    top_run(t, 1, NULL, NULL);
    say("bytes_events", bytes_a_second(t, b->seconds));
    fleet_end(load);
    test_top_end(t);
    start_stream(b, 100, b->seconds + 10, id);
    t = top_start(b, ROWS, COLS, (const char *const[]){ "-t", id, NULL });
    top_run(t, 3, NULL, NULL);
    say("bytes_stream", bytes_a_second(t, b->seconds));
    test_top_end(t);
}

/* The panes are filled first: what is kept of a stream has a limit, which a slow one comes to after hours. */
void measure_memory(const struct bench *b)
{
    char id[64], line[512];
    struct series mib = { 0 };
    fleet_submit(b, "sim:", "nobody-serves-it", id);
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-s", "tasks", NULL });
    top_wait(t, "all tasks", test_top_is_filled, NULL, 60000);
    say("rss", top_rss_mib(t));
    snprintf(line, sizeof line, ":open %s\r", id);
    test_terminal_type(t, line);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    pid_t load = fleet_tokens(b, id, 4000, line);
    top_run(t, 16, NULL, NULL);
    fleet_end(load);
    say("rss_full", top_rss_mib(t));
    free(fleet_text(b, "DEL orbiter:stream:%s", id));
    load = fleet_tokens(b, id, 10000, "token");
    top_run(t, 2, NULL, NULL);
    for (int i = 0; i < 50; i++) {
        top_run(t, b->seconds / 50, NULL, NULL);
        series_add(&mib, top_rss_mib(t));
    }
    fleet_end(load);
    say("rss_grows", series_at(&mib, 1) - series_at(&mib, 0));
    series_done(&mib);
    free(fleet_text(b, "DEL orbiter:stream:%s", id));
    test_top_end(t);
}
