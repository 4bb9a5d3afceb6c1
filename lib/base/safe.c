#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define MARK_CAP 12 /* the longest: \U000e0041 and its NUL */

/* What a reader cannot see, or what reorders what he sees: Unicode's default
 * ignorable characters (bidi controls, joiners, fillers, tags) without the
 * variation selectors U+FE00..FE0F that common emoji carry, and the line
 * separators and annotation marks. Sorted. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
    {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

static int is_hidden(uint32_t cp)
{
    size_t i;

    for (i = 0; i < ORB_COUNT(hidden) && cp >= hidden[i].first; i++) {
        if (cp <= hidden[i].last)
            return 1;
    }
    return 0;
}

/* Bytes from s on that need no look at all. */
static size_t plain_span(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < n && s[i] >= 0x20 && s[i] < 0x7f; i++)
        ;
    return i;
}

/* The mark for a character, "" when it may be shown as it is. */
static size_t mark_of(uint32_t cp, int flags, char mark[MARK_CAP])
{
    int n = 0;

    if (cp == '\t' || cp == '\n') {
        if (flags & ORB_SAFE_LINE)
            n = snprintf(mark, MARK_CAP, "%s", cp == '\t' ? "\\t" : "\\n");
    } else if (cp < 0x20 || cp == 0x7f) {
        n = snprintf(mark, MARK_CAP, "\\x%02x", (unsigned)cp);
    } else if ((cp >= 0x80 && cp < 0xa0) || is_hidden(cp)) {
        n = snprintf(mark, MARK_CAP, cp > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)cp);
    }
    return (size_t)n;
}

size_t orb_safe_text(const char *src, size_t len, int flags, char *dst, size_t cap)
{
    size_t at = 0, out = 0, used, n;
    char mark[MARK_CAP];
    uint32_t cp;

    while (at < len) {
        const char *piece = src + at;
        size_t room = cap - 1 - out;

        n = used = plain_span(src + at, len - at < room ? len - at : room);
        if (n == 0) {
            used = orb_utf8_decode(src + at, len - at, &cp);
            n = used ? mark_of(cp, flags, mark)
                     : (size_t)snprintf(mark, sizeof(mark), "\\x%02x", (unsigned char)src[at]);
            if (n > 0)
                piece = mark;
            else
                n = used;
            used = used ? used : 1;
        }
        if (n > room)
            break;
        memcpy(dst + out, piece, n);
        out += n;
        at += used;
    }
    dst[out] = '\0';
    return at;
}
