/* How long it takes until something is seen. */
#include "bench/console/bench.h"
#include "base/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/child.h"

enum { ROWS = 24, COLS = 80, STARTS = 10 };
#define ID_DIGITS 8 /* of an id that a list shows */

static double wall_ms(void)
{
    return orb_now() * 1000;
}

static int is_tasks_full(struct test_terminal *t, void *arg)
{
    (void)arg;
    for (int row = 2; row < ROWS - 7; row++)
        if (strspn(test_terminal_row(t, row) + (row == 2 ? strlen("❯ ") : 2), "0123456789abcdef") < ID_DIGITS)
            return 0;
    return test_top_cursor(t) >= 0;
}

/* The tasks screen, with all tasks in it. */
static struct test_terminal *start_full(const struct bench *b)
{
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-s", "tasks", NULL });
    top_wait(t, "all tasks", test_top_is_filled, NULL, 60000);
    return t;
}

/* ---- from Redis to the screen ------------------------------------------------------- */

struct seen { char digits[ID_DIGITS + 1]; double at_ms; };

struct delay {
    struct seen *seen;
    size_t count, cap;
    double from_ms, to_ms;
    struct series ms;
    size_t missed;
};

static int by_digits(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->digits, ((const struct seen *)b)->digits);
}

static void look_at_ids(struct test_terminal *t, void *arg)
{
    struct delay *d = arg;
    double now = wall_ms();
    for (int row = 2; row < ROWS - 7; row++) {
        const char *text = test_terminal_row(t, row);
        text += strncmp(text, "❯", strlen("❯")) ? 1 : strlen("❯");
        text += strspn(text, " *");
        if (strspn(text, "0123456789abcdef") != ID_DIGITS)
            continue;
        size_t i = d->count > 60 ? d->count - 60 : 0; /* what is on the screen came lately */
        while (i < d->count && strncmp(d->seen[i].digits, text, ID_DIGITS) != 0)
            i++;
        if (i < d->count)
            continue;
        if (d->count == d->cap)
            d->seen = realloc(d->seen, (d->cap = d->cap * 2 + 1024) * sizeof *d->seen);
        snprintf(d->seen[d->count].digits, ID_DIGITS + 1, "%.*s", ID_DIGITS, text);
        d->seen[d->count++].at_ms = now;
    }
}

static void compare_id(void *arg, double at_ms, const char *id)
{
    struct delay *d = arg;
    struct seen key;
    if (at_ms < d->from_ms || at_ms > d->to_ms)
        return;
    snprintf(key.digits, sizeof key.digits, "%.*s", ID_DIGITS, id);
    const struct seen *seen = bsearch(&key, d->seen, d->count, sizeof key, by_digits);
    if (!seen) {
        d->missed++;
        return;
    }
    series_add(&d->ms, seen->at_ms - at_ms);
}

/* A list that follows: each new task comes to stand at its head. */
static void measure_rows(const struct bench *b)
{
    struct delay d = { 0 };
    struct test_terminal *t = start_full(b);
    test_terminal_type(t, "f");
    pid_t load = fleet_changes(b, 200);
    top_run(t, 1, look_at_ids, &d);
    d.from_ms = wall_ms();
    top_run(t, b->seconds, look_at_ids, &d);
    d.to_ms = wall_ms();
    top_run(t, 1, look_at_ids, &d);
    fleet_end(load);
    test_top_end(t);
    qsort(d.seen, d.count, sizeof *d.seen, by_digits);
    fleet_new_tasks(b, compare_id, &d);
    say("row_count", (double)d.ms.count);
    say("row_missed", (double)d.missed);
    say("row_p50", series_at(&d.ms, 0.5));
    say("row_p95", series_at(&d.ms, 0.95));
    say("row_p99", series_at(&d.ms, 0.99));
    series_done(&d.ms);
    free(d.seen);
}

#define WORDS_MAX 100000
struct words { double seen_ms[WORDS_MAX]; long newest; struct series ms; };

/* Words w1 w2 w3 ...: with one all before it are on the screen, or were. */
static void look_at_words(struct test_terminal *t, void *arg)
{
    struct words *w = arg;
    double now = wall_ms();
    char *text = test_terminal_text(t);
    for (char *at = text; (at = strchr(at, 'w')); at++) {
        char *end;
        long n = at > text && (at[-1] == ' ' || at[-1] == '\n') ? strtol(at + 1, &end, 10) : 0;
        for (; n > w->newest && n < WORDS_MAX && (*end == ' ' || *end == '\n'); w->newest++)
            w->seen_ms[w->newest + 1] = now;
    }
    free(text);
}

static void compare_words(void *arg, const char *entry, const char *text, size_t len)
{
    struct words *w = arg;
    double at_ms = strtod(entry, NULL);
    for (const char *at = text; at < text + len && (at = memchr(at, 'w', (size_t)(text + len - at))); at++) {
        long n = strtol(at + 1, NULL, 10);
        if (n > 50 && n <= w->newest)
            series_add(&w->ms, w->seen_ms[n] - at_ms);
    }
}

static void measure_tokens(const struct bench *b)
{
    static struct words w;
    char id[64], model[80];
    snprintf(model, sizeof model, "sim:tokens=%d,rate=200,first=1500", (int)(200 * b->seconds));
    fleet_submit(b, model, NULL, id);
    fleet_wait_running(b, id);
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-t", id, NULL });
    top_run(t, b->seconds + 3, look_at_words, &w);
    test_top_end(t);
    fleet_stream(b, id, compare_words, &w);
    say("token_count", (double)w.ms.count);
    say("token_p50", series_at(&w.ms, 0.5));
    say("token_p95", series_at(&w.ms, 0.95));
    say("token_p99", series_at(&w.ms, 0.99));
    series_done(&w.ms);
}

void measure_delay(const struct bench *b)
{
    measure_rows(b);
    measure_tokens(b);
}

/* ---- from a key to the screen ----------------------------------------------------------- */

static int is_cursor_at(struct test_terminal *t, void *arg)
{
    return test_top_cursor(t) == *(int *)arg;
}

static int is_header(struct test_terminal *t, void *arg)
{
    return strstr(test_terminal_row(t, 0), arg) != NULL;
}

static int has_echo(struct test_terminal *t, void *arg)
{
    return !strncmp(test_terminal_row(t, 0), arg, strlen(arg)) && strlen(test_terminal_row(t, 0)) == strlen(arg);
}

/* What the machine and the harness allow: the kernel's echo of a letter. */
static void measure_echo(void)
{
    struct series ms = { 0 };
    char typed[ROWS] = "";
    struct test_terminal *t = test_terminal_start(ROWS, COLS, (const char *const[]){ "cat", NULL }, (const char *const[]){ "PATH=/usr/bin:/bin", NULL });
    for (size_t n = 0; n < 200; n++) {
        size_t at = n % (sizeof typed - 1);
        if (!at && n) {
            typed[0] = 0;
            top_key(t, "\025", "an empty line", has_echo, typed);
        }
        typed[at] = 'a';
        typed[at + 1] = 0;
        series_add(&ms, top_key(t, "a", "the letter", has_echo, typed));
    }
    test_terminal_end(t);
    say("echo_p50", series_at(&ms, 0.5));
    say("echo_p99", series_at(&ms, 0.99));
    series_done(&ms);
}

/* Up and down, and now and then to another screen and back, at no fixed pace. */
void measure_keys(const struct bench *b)
{
    struct series move = { 0 }, screen = { 0 };
    struct test_terminal *t = start_full(b);
    unsigned random = 1;
    pid_t load = fleet_changes(b, 1000);
    top_run(t, 2, NULL, NULL);
    int row = test_top_cursor(t), by = 1;
    for (int64_t end = orb_mono_us() + (int64_t)(b->seconds * 1e6), n = 0; orb_mono_us() < end; n++) {
        random = random * 1103515245u + 12345u;
        if (n % 12 == 11) {
            series_add(&screen, top_key(t, "1", "the overview", is_header, "[1 "));
            top_run(t, 0.15, NULL, NULL);
            series_add(&screen, top_key(t, "4", "the tasks", is_header, "[4 "));
        } else {
            by = row + by > ROWS - 10 || row + by < 3 ? -by : by;
            row += by;
            series_add(&move, top_key(t, by > 0 ? "j" : "k", "the cursor in the next row", is_cursor_at, &row));
        }
        top_run(t, 0.02 + (random >> 16 & 127) / 1000.0, NULL, NULL);
    }
    fleet_end(load);
    test_top_end(t);
    for (size_t i = 0; i < screen.count; i++)
        series_add(&move, screen.all[i]);
    measure_echo();
    say("key_count", (double)move.count);
    say("key_p50", series_at(&move, 0.5));
    say("key_p99", series_at(&move, 0.99));
    say("key_max", series_at(&move, 1));
    series_done(&move);
    series_done(&screen);
}

/* ---- the first frame ---------------------------------------------------------------------- */

void measure_first(const struct bench *b)
{
    struct series first = { 0 };
    for (int i = 0; i < STARTS; i++) {
        int64_t start = orb_mono_us();
        struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-s", "tasks", NULL });
        series_add(&first, (double)(top_wait(t, "a full list", is_tasks_full, NULL, 10000) - start) / 1000);
        test_top_end(t);
    }
    say("first_p50", series_at(&first, 0.5));
    say("first_max", series_at(&first, 1));
    series_done(&first);
}

/* ---- filters and orders --------------------------------------------------------------------- */

static int has_prompt(struct test_terminal *t, void *arg)
{
    const char *row = test_terminal_row(t, ROWS - 2), *typed = row + strlen("filter:"); /* the blank behind it is there when something is */
    return !strncmp(row, "filter:", strlen("filter:")) && !strncmp(typed + (*typed == ' '), arg, strlen(arg));
}

static int is_not(struct test_terminal *t, void *arg)
{
    return strcmp(test_terminal_row(t, 1), arg) != 0;
}

static void find(struct test_terminal *t, const char *prefix)
{
    static const char *const words[] = { "timeout", "planner 1", "state:failed", "over!", "tok>10" };
    struct series letters = { 0 }, sorts = { 0 };
    char typed[64], title[200], name[64];
    for (size_t w = 0; w < ORB_COUNT(words); w++) {
        top_key(t, "/", "the prompt", has_prompt, "");
        for (size_t i = 1; words[w][i - 1]; i++) {
            char key[2] = { words[w][i - 1], 0 };
            snprintf(typed, sizeof typed, "%.*s", (int)(words[w][i - 1] == ' ' ? i - 1 : i), words[w]);
            series_add(&letters, top_key(t, key, "the letter", has_prompt, typed));
            top_run(t, 0.15, NULL, NULL);
        }
        test_terminal_type(t, "\033");
        top_run(t, 0.5, NULL, NULL);
    }
    for (int i = 0; i < 9; i++) {
        snprintf(title, sizeof title, "%s", test_terminal_row(t, 1));
        series_add(&sorts, top_key(t, ">", "another order", is_not, title));
        top_run(t, 0.3, NULL, NULL);
    }
    snprintf(name, sizeof name, "%sletter_p50", prefix);
    say(name, series_at(&letters, 0.5));
    snprintf(name, sizeof name, "%sletter_max", prefix);
    say(name, series_at(&letters, 1));
    snprintf(name, sizeof name, "%ssort_p50", prefix);
    say(name, series_at(&sorts, 0.5));
    snprintf(name, sizeof name, "%ssort_max", prefix);
    say(name, series_at(&sorts, 1));
    series_done(&letters);
    series_done(&sorts);
}

void measure_find(const struct bench *b)
{
    struct test_terminal *t = start_full(b);
    top_run(t, 1, NULL, NULL);
    say("rss", top_rss_mib(t));
    find(t, "");
    test_top_end(t);
}

/* From a recording: so many would take Redis some gigabytes, and the console does the same with them. */
void measure_million(const struct bench *b)
{
    enum { MILLION = 1000000 };
    char file[300];
    snprintf(file, sizeof file, "%s/million.jsonl", b->work);
    fleet_record(file, MILLION);
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "--replay", file, "-s", "tasks", NULL });
    test_terminal_expect(t, "recording ends here", 120000);
    remove(file);
    top_run(t, 1, NULL, NULL);
    say("million_rss", top_rss_mib(t));
    find(t, "million_");
    say("million_rss_after", top_rss_mib(t));
    test_top_end(t);
}
