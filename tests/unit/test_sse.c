#include "model/sse.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Events are noted as [event|data]. */
static int note(void *arg, const char *event, const char *data, size_t len)
{
    struct orb_buf *b = arg;
    orb_buf_printf(b, "[%s|", event);
    orb_buf_add(b, data, len);
    orb_buf_char(b, ']');
    return 0;
}

static const struct {
    const char *text, *events;
} cases[] = {
    { "data: a\n\ndata: b\n\n", "[|a][|b]" },
    { "data: a\r\n\r\ndata: b\r\n\r\n", "[|a][|b]" },
    { "data: a\r\rdata: b\r\r", "[|a][|b]" },
    { "data: a\r\n\ndata: b\n\r\n\r", "[|a][|b]" },
    { "data:a\ndata: b\ndata:  c\n\n", "[|a\nb\n c]" },
    { "data: {\r\ndata: 1}\r\n\r\n", "[|{\n1}]" },
    { "event: ping\ndata: x\n\ndata: y\n\n", "[ping|x][|y]" },
    { "event: lost\n\ndata: y\n\n", "[|y]" },
    { ": hello\n\n: x\ndata: a\n: y\n\n", "[|a]" },
    { "id: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n", "[|a]" },
    { "data\n\ndata\ndata\n\ndata:\n\n", "[|][|\n][|]" },
    { "\xEF\xBB\xBF" "data: a\n\n", "[|a]" },
    { "\xEF\xBB\xBF\n\xEF\xBB\xBF" "data: no\n\ndata: a\n\n", "[|a]" },
    { "\n\n\ndata: a\n\n\n\n", "[|a]" },
    { "data: end", "[|end]" },
    { "data: end\n", "[|end]" },
    { "data: a\r", "[|a]" },
    { "dat", "" },
    { "", "" },
};

static void run(const char *text, size_t len, const size_t *cuts, size_t count, struct orb_buf *out)
{
    struct orb_sse sse;
    size_t from = 0;
    orb_sse_init(&sse);
    for (size_t i = 0; i <= count; i++) {
        size_t to = i < count ? cuts[i] : len;
        char *piece = orb_memdup(text + from, to - from); /* so that a sanitizer sees reads past it */
        assert_int_equal(orb_sse_feed(&sse, piece, to - from, note, out), 0);
        free(piece);
        from = to;
    }
    assert_int_equal(orb_sse_end(&sse, note, out), 0);
    orb_sse_done(&sse);
}

static void expect(const char *text, const char *events, const size_t *cuts, size_t count)
{
    struct orb_buf out;
    orb_buf_init(&out, 65536);
    run(text, strlen(text), cuts, count, &out);
    assert_string_equal(out.data ? out.data : "", events);
    orb_buf_done(&out);
}

static void whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++)
        expect(cases[i].text, cases[i].events, NULL, 0);
}

static void cut_at_every_pair_of_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);
        for (size_t a = 0; a <= len; a++)
            for (size_t b = a; b <= len; b++)
                expect(cases[i].text, cases[i].events, (size_t[]){ a, b }, 2);
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        size_t cuts[128], len = strlen(cases[i].text);
        for (size_t k = 0; k < len; k++)
            cuts[k] = k;
        expect(cases[i].text, cases[i].events, cuts, len);
    }
}

static int stop_at_b(void *arg, const char *event, const char *data, size_t len)
{
    note(arg, event, data, len);
    return len == 1 && *data == 'b' ? 42 : 0;
}

static void the_callback_can_stop_it(void **state)
{
    static const char text[] = "data: a\n\ndata: b\n\ndata: c\n\n";
    struct orb_sse sse;
    struct orb_buf out;
    (void)state;
    orb_sse_init(&sse);
    orb_buf_init(&out, 1024);
    assert_int_equal(orb_sse_feed(&sse, text, strlen(text), stop_at_b, &out), 42);
    assert_string_equal(out.data, "[|a][|b]");
    orb_buf_done(&out);
    orb_sse_done(&sse);
}

/* One line over the limit, many lines over it together, and a line without end. */
static void limits(void **state)
{
    size_t size = ORB_SSE_EVENT_MAX + 100;
    char *big = malloc(size + 2);
    struct orb_sse sse;
    struct orb_buf out;
    (void)state;
    orb_buf_init(&out, 2 * size);
    memset(big, 'x', size);
    memcpy(big, "data: ", 6);
    big[size] = big[size + 1] = '\n';
    orb_sse_init(&sse);
    assert_int_equal(orb_sse_feed(&sse, big, size + 2, note, &out), ORB_E_TOO_LARGE);
    orb_sse_done(&sse);
    orb_sse_init(&sse);
    int rc = 0;
    for (size_t i = 0; i < size && !rc; i += 1000)
        rc = orb_sse_feed(&sse, big, 1000 < size - i ? 1000 : size - i, note, &out);
    assert_int_equal(rc, ORB_E_TOO_LARGE);
    orb_sse_done(&sse);
    orb_sse_init(&sse);
    rc = 0;
    for (size_t i = 0; i < size && !rc; i += 10)
        rc = orb_sse_feed(&sse, "data: 123456789\n", 16, note, &out);
    assert_int_equal(rc, ORB_E_TOO_LARGE);
    orb_sse_done(&sse);
    assert_int_equal(out.len, 0);
    orb_sse_init(&sse); /* the largest that is allowed */
    big[ORB_SSE_EVENT_MAX + 6] = big[ORB_SSE_EVENT_MAX + 7] = '\n';
    assert_int_equal(orb_sse_feed(&sse, big, 9, note, &out), 0);
    assert_int_equal(orb_sse_feed(&sse, big + 9, ORB_SSE_EVENT_MAX + 8 - 9, note, &out), 0);
    assert_int_equal(out.len, ORB_SSE_EVENT_MAX + 3);
    orb_sse_done(&sse);
    orb_buf_done(&out);
    free(big);
}

/* Short carriage-return lines in a large piece must not cost a search each. */
static void many_short_lines(void **state)
{
    size_t size = 4 * 1024 * 1024;
    char *text = malloc(size);
    struct orb_sse sse;
    struct orb_buf out;
    (void)state;
    memset(text, '\r', size);
    orb_buf_init(&out, 1024);
    orb_sse_init(&sse);
    int64_t start = orb_mono_us();
    assert_int_equal(orb_sse_feed(&sse, text, size, note, &out), 0);
    assert_in_range(orb_mono_us() - start, 0, 15 * 1000000); /* quadratic would be hours */
    orb_sse_done(&sse);
    orb_buf_done(&out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(cut_at_every_pair_of_points),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(the_callback_can_stop_it),
        cmocka_unit_test(limits),
        cmocka_unit_test(many_short_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
