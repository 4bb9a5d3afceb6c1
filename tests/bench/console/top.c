#include "bench/console/bench.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/child.h"

struct test_terminal *top_start(const struct bench *b, int rows, int cols, const char *const more[])
{
    int is_replay = more && *more && !strcmp(*more, "--replay");
    return test_top_start(b->orbiter, is_replay ? NULL : b->url, b->work, rows, cols, more);
}

int64_t top_wait(struct test_terminal *t, const char *what, top_fn ready, void *arg, int timeout_ms)
{
    int64_t end = orb_mono_us() + (int64_t)timeout_ms * 1000;
    while (!ready(t, arg)) {
        if (orb_mono_us() > end) {
            char *text = test_terminal_text(t);
            print_error("the screen:\n%s", text);
            fail_msg("waited %d ms for: %s", timeout_ms, what);
        }
        test_terminal_pump(t, 5);
    }
    return orb_mono_us();
}

double top_key(struct test_terminal *t, const char *bytes, const char *what, top_fn ready, void *arg)
{
    while (test_terminal_pump(t, 0))
        ;
    int64_t start = orb_mono_us();
    test_terminal_type(t, bytes);
    return (double)(top_wait(t, what, ready, arg, 20000) - start) / 1000;
}

void top_run(struct test_terminal *t, double seconds, void (*each)(struct test_terminal *t, void *arg), void *arg)
{
    int64_t end = orb_mono_us() + (int64_t)(seconds * 1e6), left;
    while ((left = end - orb_mono_us()) > 0)
        if (test_terminal_pump(t, left > 20000 ? 20 : (int)(left / 1000) + 1) && each)
            each(t, arg);
}

size_t top_bytes(struct test_terminal *t)
{
    size_t len;
    test_terminal_log(t, &len);
    return len;
}

double top_cpu_s(struct test_terminal *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)test_terminal_pid(t));
    char *text = test_file_read(path, NULL);
    if (!text)
        fail_msg("%s cannot be read", path);
    double ns = strtod(text, NULL);
    free(text);
    return ns / 1e9;
}

double top_rss_mib(struct test_terminal *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)test_terminal_pid(t));
    char *text = test_file_read(path, NULL), *at = text ? strstr(text, "VmRSS:") : NULL;
    if (!at)
        fail_msg("%s cannot be read", path);
    double kib = strtod(at + 6, NULL);
    free(text);
    return kib / 1024;
}

/* ---- numbers ------------------------------------------------------------------ */

void series_add(struct series *s, double n)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 256;
        s->all = realloc(s->all, s->cap * sizeof *s->all);
        assert_non_null(s->all);
    }
    s->all[s->count++] = n;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double series_at(struct series *s, double part)
{
    if (!s->count)
        fail_msg("nothing was measured");
    qsort(s->all, s->count, sizeof *s->all, by_size);
    return s->all[(size_t)(part * (double)(s->count - 1) + 0.999)];
}

void series_done(struct series *s)
{
    free(s->all);
    *s = (struct series){ 0 };
}

void say(const char *name, double value)
{
    printf("%s %.3f\n", name, value);
    fflush(stdout);
}
