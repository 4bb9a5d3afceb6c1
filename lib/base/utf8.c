#include "base/utf8.h"

#include <string.h>

static int is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t orb_utf8_decode(const char *s, size_t n, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead;
    size_t len, i;
    uint32_t cp;

    if (n == 0)
        return 0;
    lead = (unsigned char)s[0];
    if (lead < 0x80) {
        *out = lead;
        return 1;
    }
    len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || n < len)
        return 0;
    cp = lead & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if (!is_tail(s[i]))
            return 0;
        cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
    }
    if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    *out = cp;
    return len;
}

size_t orb_utf8_encode(uint32_t cp, char out[4])
{
    size_t len, i;

    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        cp = 0xfffd;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xf0) | cp);
    return len;
}

size_t orb_utf8_check(const char *s, size_t n)
{
    size_t at = 0, len;
    uint64_t word;
    uint32_t cp;

    while (at < n) {
        if (n - at >= sizeof(word)) { /* most text is ASCII: eight bytes at once */
            memcpy(&word, s + at, sizeof(word));
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        len = orb_utf8_decode(s + at, n - at, &cp);
        if (len == 0)
            return at;
        at += len;
    }
    return n;
}

int orb_utf8_is_valid(const char *s, size_t n)
{
    return orb_utf8_check(s, n) == n;
}

size_t orb_utf8_truncate(const char *s, size_t n, size_t cap)
{
    size_t start = cap;
    uint32_t cp;

    if (n <= cap)
        return n;
    while (start > 0 && cap - start < 3 && is_tail(s[start]))
        start--;
    /* Only a whole character that lies across the cut moves it back; bytes that
     * are not UTF-8 are cut where the limit says. */
    return start + orb_utf8_decode(s + start, n - start, &cp) > cap ? start : cap;
}
