/* A task that says 10,000 tokens a second: is everything there, once, and does the console answer? */
#include "bench/console/bench.h"
#include "base/base.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/child.h"

enum { ROWS = 24, COLS = 80, RATE = 10000, BODY = 4 /* its first row */ };

struct text {
    struct orb_buf buf;
    long events;
};

static void add_text(void *arg, const char *entry, const char *text, size_t len)
{
    struct text *t = arg;
    (void)entry;
    orb_buf_add(&t->buf, text, len);
    t->events++;
}

static struct test_terminal *open_stream(const struct bench *b, const char *id)
{
    struct test_terminal *t = top_start(b, ROWS, COLS, (const char *const[]){ "-t", id, NULL });
    test_terminal_expect(t, "FOLLOW", 10000);
    return t;
}

static int has_left(struct test_terminal *t, void *arg)
{
    (void)arg;
    return !test_terminal_is_alternate(t);
}

/* Until the terminal is as it was. */
static double leave(struct test_terminal *t, const char *key)
{
    double ms = top_key(t, key, "its end", has_left, NULL);
    if (test_terminal_wait_end(t, 5000))
        fail_msg("the console did not end well");
    test_terminal_end(t);
    return ms;
}

static int is_still(struct test_terminal *t, void *arg)
{
    (void)arg;
    return strstr(test_terminal_row(t, ROWS - 3), "STILL") != NULL;
}

static char *body_of(struct test_terminal *t)
{
    struct orb_buf buf;
    orb_buf_init(&buf, 100000);
    for (int row = BODY; row < ROWS - 3; row++) {
        orb_buf_str(&buf, test_terminal_row(t, row));
        orb_buf_char(&buf, '\n');
    }
    return orb_buf_take(&buf);
}

struct still { char *before; int moved; };

static void look_at_body(struct test_terminal *t, void *arg)
{
    struct still *s = arg;
    char *now = body_of(t);
    s->moved += strcmp(now, s->before) != 0;
    free(now);
}

static void measure_still(struct test_terminal *t, double seconds)
{
    struct still s = { 0 };
    top_key(t, "kkkkkkkkkk", "to stand still", is_still, NULL);
    top_run(t, 0.5, NULL, NULL);
    s.before = body_of(t);
    top_run(t, seconds, look_at_body, &s);
    say("flood_moved", s.moved);
    free(s.before);
}

static int is_there(void *arg)
{
    size_t len;
    char *text = test_file_read(arg, &len);
    free(text);
    return text && len > 0;
}

/* The text of the stream as the console has it: 0 when it is that of the events. */
static void compare(const struct bench *b, struct test_terminal *t, const char *id)
{
    char file[300], keys[400];
    struct text text = { 0 };
    size_t len;
    orb_buf_init(&text.buf, 1u << 30);
    fleet_stream(b, id, add_text, &text);
    snprintf(file, sizeof file, "%s/stream.txt", b->work);
    remove(file);
    /* What is on its way comes. */
    snprintf(keys, sizeof keys, "f:write %s\r", file);
    top_run(t, 1, NULL, NULL);
    test_terminal_type(t, keys);
    test_wait_until("the written stream", is_there, file, 10000);
    top_run(t, 1, NULL, NULL);
    char *got = test_file_read(file, &len);
    /* It begins with who speaks, and ends with a newline. */
    const char *from = got && strchr(got, '\n') ? strchr(got, '\n') + 1 : "";
    size_t kept = strlen(from);
    while (kept && from[kept - 1] == '\n')
        kept--;
    while (text.buf.len && strchr("\n", text.buf.data[text.buf.len - 1]))
        text.buf.len--;
    int is_same = kept == text.buf.len && !memcmp(from, text.buf.data, kept);
    if (!is_same) {
        size_t at = 0;
        while (at < kept && at < text.buf.len && from[at] == text.buf.data[at])
            at++;
        print_error("of %zu bytes in Redis %zu are shown; they differ at %zu: '%.40s' is '%.40s'\n", text.buf.len, kept, at, text.buf.data + at, from + at);
    }
    say("flood_events", (double)text.events);
    say("flood_differs", !is_same);
    free(got);
    remove(file);
    orb_buf_done(&text.buf);
}

void measure_flood(const struct bench *b)
{
    struct series leaves = { 0 };
    char id[64];
    fleet_submit(b, "sim:", "nobody-serves-it", id);
    struct test_terminal *t = open_stream(b, id);
    pid_t load = fleet_tokens(b, id, RATE, "t", 10);
    top_run(t, b->seconds / 2, NULL, NULL);
    measure_still(t, b->seconds / 2 > 5 ? 5 : b->seconds / 2);
    test_terminal_type(t, "f");
    top_run(t, b->seconds / 2, NULL, NULL);
    for (int i = 0; i < 6; i++) {
        struct test_terminal *other = open_stream(b, id);
        top_run(other, 2, NULL, NULL);
        series_add(&leaves, leave(other, i % 2 ? "\003" : "Q"));
    }
    fleet_end(load);
    say("flood_leave_max", series_at(&leaves, 1));
    series_done(&leaves);
    compare(b, t, id);
    leave(t, "Q");
}
