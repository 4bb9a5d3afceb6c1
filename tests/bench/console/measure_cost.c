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

/* A key moves the cursor at once; when it rests, what is under it is asked for and shown below the list. */
static void measure_arrow(struct test_terminal *t)
{
    struct series key = { 0 }, detail = { 0 };
    for (int i = 0; i < KEYS; i++) {
        size_t before = top_bytes(t);
        test_terminal_type(t, i < KEYS / 2 ? "\033[B" : "\033[A");
        top_run(t, 0.08, NULL, NULL);
        size_t painted = top_bytes(t);
        top_run(t, 0.2, NULL, NULL);
        series_add(&key, (double)(painted - before));
        series_add(&detail, (double)(top_bytes(t) - painted));
    }
    say("bytes_arrow", series_at(&key, 0.9));
    say("bytes_arrow_detail", series_at(&detail, 0.9));
    series_done(&key);
    series_done(&detail);
}

/* What the screens send while nothing happens. */
static double measure_quiet(struct test_terminal *t, const char *keys, double seconds)
{
    double most = 0;
    for (const char *key = keys; *key; key++) {
        test_terminal_send(t, key, 1);
        top_run(t, 2.5, NULL, NULL);
        wait_for_second(t, 1, 59 - (int)seconds - 1);
        double n = bytes_a_second(t, seconds);
        most = n > most ? n : most;
    }
    return most;
}

static double measure_screen(struct test_terminal *t, const char *keys, double seconds)
{
    test_terminal_type(t, keys);
    top_run(t, 1, NULL, NULL);
    return bytes_a_second(t, seconds);
}

void measure_bytes(const struct bench *b)
{
    char id[64];
    struct test_terminal *t = start_at(b, "4");
    top_run(t, 62, NULL, NULL); /* ages below a minute move every second */
    measure_arrow(t);
    say("bytes_quiet", measure_quiet(t, "345", b->seconds < 40 ? b->seconds / 4 : 10));
    pid_t load = fleet_changes(b, 20);
    top_run(t, 6, NULL, NULL); /* the rates of the last slots have come */
    say("bytes_overview", measure_screen(t, "1", b->seconds));
    say("bytes_tasks", measure_screen(t, "4", b->seconds));
    say("bytes_follow", measure_screen(t, "f", b->seconds));
    say("bytes_events", measure_screen(t, "5", b->seconds));
    fleet_end(load);
    test_top_end(t);
    /* Tokens of four or five bytes, as models' are. */
    fleet_submit(b, "sim:", "nobody-serves-it", id);
    t = top_start(b, ROWS, COLS, (const char *const[]){ "-t", id, NULL });
    load = fleet_tokens(b, id, 100, "", 40);
    top_run(t, 10, NULL, NULL);
    say("bytes_stream", bytes_a_second(t, b->seconds));
    fleet_end(load);
    test_top_end(t);
}

/* The panes are filled first, with lines like those that come then: what is kept of a stream has a limit, which a slow one comes to
 * after hours. */
void measure_memory(const struct bench *b)
{
    char id[64], line[100];
    struct series mib = { 0 };
    fleet_submit(b, "sim:", "nobody-serves-it", id);
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-s", "tasks", NULL });
    top_wait(t, "all tasks", test_top_is_filled, NULL, 60000);
    snprintf(line, sizeof line, ":open %s\r", id);
    test_terminal_type(t, line);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    pid_t load = fleet_tokens(b, id, 15000, line, 1);
    top_run(t, 20, NULL, NULL);
    fleet_end(load);
    say("rss_full", top_rss_mib(t));
    free(fleet_text(b, "DEL orbiter:stream:%s", id));
    load = fleet_tokens(b, id, 10000, "token", 10);
    top_run(t, 30, NULL, NULL); /* all lines have been replaced */
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
