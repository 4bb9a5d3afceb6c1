#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

void orb_buf_init(struct orb_buf *b, size_t max)
{
    *b = (struct orb_buf){.max = max};
}

void orb_buf_done(struct orb_buf *b)
{
    free(b->data);
    *b = (struct orb_buf){.max = b->max};
}

void orb_buf_reset(struct orb_buf *b)
{
    b->len = 0;
    b->err = 0;
    if (b->data)
        b->data[0] = '\0';
}

static int fail(struct orb_buf *b, int code)
{
    orb_buf_reset(b);
    b->err = code;
    return code;
}

/* Doubling keeps many small appends linear; the maximum bounds the last step. */
static size_t next_cap(const struct orb_buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : FIRST_CAP;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap - 1 > b->max)
        cap = b->max + 1;
    return cap;
}

int orb_buf_reserve(struct orb_buf *b, size_t more)
{
    size_t cap;
    char *data;

    if (b->err)
        return b->err;
    if (more > b->max - b->len || b->len + more == SIZE_MAX)
        return fail(b, ORB_E_TOO_LARGE);
    if (b->data && b->len + more < b->cap)
        return 0;
    cap = next_cap(b, b->len + more + 1);
    data = realloc(b->data, cap);
    if (!data)
        return fail(b, ORB_E_NOMEM);
    data[b->len] = '\0';
    b->data = data;
    b->cap = cap;
    return 0;
}

void orb_buf_add(struct orb_buf *b, const void *p, size_t n)
{
    /* There is room almost always. */
    if ((b->err || n >= b->cap - b->len) && orb_buf_reserve(b, n) != 0)
        return;
    if (n > 0)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void orb_buf_str(struct orb_buf *b, const char *s)
{
    orb_buf_add(b, s, strlen(s));
}

void orb_buf_char(struct orb_buf *b, char c)
{
    orb_buf_add(b, &c, 1);
}

void orb_buf_int(struct orb_buf *b, int64_t v)
{
    char text[24];
    char *end = text + sizeof(text), *p = end;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0)
        *--p = '-';
    orb_buf_add(b, p, (size_t)(end - p));
}

void orb_buf_printf(struct orb_buf *b, const char *fmt, ...)
{
    va_list args;
    int n;

    if (orb_buf_reserve(b, 0) != 0)
        return;
    va_start(args, fmt);
    n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
    va_end(args);
    if (n < 0) {
        (void)fail(b, ORB_E_NOMEM); /* the formats are ours: only memory is left to fail */
        return;
    }
    if ((size_t)n >= b->cap - b->len) {
        if (orb_buf_reserve(b, (size_t)n) != 0)
            return;
        va_start(args, fmt);
        n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
        va_end(args);
    }
    b->len += (size_t)n;
}

void orb_buf_drop(struct orb_buf *b, size_t n)
{
    if (!b->data)
        return;
    if (n > b->len)
        n = b->len;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

char *orb_buf_take(struct orb_buf *b)
{
    char *data;

    if (orb_buf_reserve(b, 0) != 0)
        return NULL;
    data = b->data;
    orb_buf_init(b, b->max);
    return data;
}
