#include "model/sse.h"

#include <string.h>

/* "data: " and some room: a line holds at most one event's data. */
#define LINE_ROOM 64

/* The first data line of an event, while it still lies in the bytes that are
 * being fed: nearly every event is one such line, and is never copied. */
struct span {
    const char *data;
    size_t len;
};

void orb_sse_init_max(struct orb_sse *sse, size_t max)
{
    memset(sse, 0, sizeof(*sse));
    sse->max = max;
    orb_buf_init(&sse->line, max + LINE_ROOM);
    orb_buf_init(&sse->data, max + 1);
}

void orb_sse_init(struct orb_sse *sse)
{
    orb_sse_init_max(sse, ORB_SSE_EVENT_MAX);
}

void orb_sse_done(struct orb_sse *sse)
{
    orb_buf_done(&sse->line);
    orb_buf_done(&sse->data);
}

/* Each data line is kept with a line feed behind it, as the standard has it; so
 * "data has begun" is data.len > 0 even when the line was empty. */
static int keep_data(struct orb_sse *sse, const char *data, size_t len)
{
    orb_buf_add(&sse->data, data, len);
    orb_buf_char(&sse->data, '\n');
    return sse->data.err;
}

static int keep_span(struct orb_sse *sse, struct span *span)
{
    if (!span->data)
        return 0;
    int rc = keep_data(sse, span->data, span->len);
    span->data = NULL;
    return rc;
}

static int dispatch(struct orb_sse *sse, struct span *span, orb_sse_fn fn, void *arg)
{
    int rc = 0;
    if (span->data)
        rc = fn(arg, sse->event, span->data, span->len);
    else if (sse->data.len > 0)
        rc = fn(arg, sse->event, sse->data.data, sse->data.len - 1);
    span->data = NULL;
    sse->event[0] = '\0';
    orb_buf_reset(&sse->data);
    return rc;
}

static int is_field(const char *line, size_t name_len, const char *name)
{
    return name_len == strlen(name) && memcmp(line, name, name_len) == 0;
}

/* One whole line without its end. is_fed: it lies in the bytes being fed. */
static int take_line(struct orb_sse *sse, const char *line, size_t len, int is_fed,
                     struct span *span, orb_sse_fn fn, void *arg)
{
    if (!sse->started) {
        sse->started = 1;
        if (len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
            line += 3;
            len -= 3;
        }
    }
    if (len == 0)
        return dispatch(sse, span, fn, arg);
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    size_t value_len = (size_t)(line + len - value);
    if (value_len > 0 && *value == ' ') {
        value++;
        value_len--;
    }
    if (is_field(line, name_len, "data")) {
        if (value_len > sse->max)
            return ORB_E_TOO_LARGE;
        int rc = keep_span(sse, span);
        if (rc)
            return rc;
        if (!is_fed || sse->data.len > 0)
            return keep_data(sse, value, value_len);
        *span = (struct span){ value, value_len };
    } else if (is_field(line, name_len, "event")) {
        size_t n = value_len < sizeof(sse->event) - 1 ? value_len : sizeof(sse->event) - 1;
        memcpy(sse->event, value, n);
        sse->event[n] = '\0';
    }
    return 0; /* id, retry, comments and what is unknown say nothing to us */
}

/* The line that ends at eol, of which the first part may have come before. */
static int end_line(struct orb_sse *sse, const char *start, const char *eol,
                    struct span *span, orb_sse_fn fn, void *arg)
{
    if (sse->line.len == 0)
        return take_line(sse, start, (size_t)(eol - start), 1, span, fn, arg);
    orb_buf_add(&sse->line, start, (size_t)(eol - start));
    if (sse->line.err)
        return sse->line.err;
    int rc = take_line(sse, sse->line.data, sse->line.len, 0, span, fn, arg);
    orb_buf_reset(&sse->line);
    return rc;
}

int orb_sse_feed(struct orb_sse *sse, const char *bytes, size_t len, orb_sse_fn fn, void *arg)
{
    const char *p = bytes, *end = bytes + len;
    const char *lf = NULL; /* the next line feed, end = none; looked for once */
    struct span span = { NULL, 0 };
    if (len == 0)
        return 0;
    if (sse->last_was_cr && *p == '\n')
        p++;
    sse->last_was_cr = 0;
    while (p < end) {
        if (!lf || lf < p) {
            lf = memchr(p, '\n', (size_t)(end - p));
            if (!lf)
                lf = end;
        }
        const char *cr = memchr(p, '\r', (size_t)(lf - p));
        const char *eol = cr ? cr : lf;
        if (eol == end) {
            orb_buf_add(&sse->line, p, (size_t)(end - p));
            if (sse->line.err)
                return sse->line.err;
            break;
        }
        int rc = end_line(sse, p, eol, &span, fn, arg);
        if (rc)
            return rc;
        p = eol + 1;
        if (cr && p == end)
            sse->last_was_cr = 1;
        else if (cr && *p == '\n')
            p++;
    }
    return keep_span(sse, &span);
}

int orb_sse_end(struct orb_sse *sse, orb_sse_fn fn, void *arg)
{
    struct span span = { NULL, 0 };
    int rc = 0;
    if (sse->line.len > 0)
        rc = end_line(sse, sse->line.data, sse->line.data, &span, fn, arg);
    return rc ? rc : dispatch(sse, &span, fn, arg);
}
