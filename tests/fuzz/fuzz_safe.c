/* Text made safe for a terminal, and what goes with it: UTF-8, columns, JSON
 * strings. */
#include "fuzz/fuzz.h"

#include <stdio.h>

static char *make_safe(const char *s, size_t n, int flags, size_t *len)
{
    size_t cap = 12 * n + 16;
    char *out = malloc(cap);
    ORB_ASSERT(out);
    ORB_ASSERT(orb_safe_text(s, n, flags, out, cap) == n);
    *len = strlen(out);
    return out;
}

static void check_shown(const char *s, size_t n, int flags)
{
    uint32_t cp;
    for (size_t at = 0, used; at < n; at += used) {
        used = orb_utf8_decode(s + at, n - at, &cp);
        ORB_ASSERT(used);
        ORB_ASSERT(cp >= 0x20 || (!(flags & ORB_SAFE_LINE) && (cp == '\t' || cp == '\n')));
        ORB_ASSERT(cp < 0x7f || cp >= 0xa0);
        ORB_ASSERT(!(cp >= 0x200b && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202e) && !(cp >= 0x2060 && cp <= 0x206f) &&
                   cp != 0xfeff && (cp < 0xe0000 || cp > 0xe0fff));
    }
    ORB_ASSERT(orb_text_columns(s, n) <= 2 * n);
}

/* In pieces of any room it says the same as at once. */
static void check_pieces(const char *s, size_t n, int flags, const char *whole, size_t cap)
{
    char piece[64];
    size_t at = 0, shown = 0;
    while (at < n) {
        size_t used = orb_safe_text(s + at, n - at, flags, piece, cap), len = strlen(piece);
        ORB_ASSERT(used && used <= n - at && len < cap);
        ORB_ASSERT(!strncmp(whole + shown, piece, len));
        shown += len;
        at += used;
    }
    ORB_ASSERT(!whole[shown]);
}

static void check_safe(const char *s, size_t n, int flags)
{
    size_t len, again_len;
    char *out = make_safe(s, n, flags, &len);
    char *again = make_safe(out, len, flags, &again_len);
    check_shown(out, len, flags);
    ORB_ASSERT(len == again_len && !memcmp(out, again, len)); /* what is safe stays as it is */
    check_pieces(s, n, flags, out, 16);
    check_pieces(s, n, flags, out, 23);
    free(again);
    free(out);
}

static void check_utf8(const char *s, size_t n)
{
    size_t bad = orb_utf8_check(s, n);
    ORB_ASSERT(bad <= n && orb_utf8_is_valid(s, n) == (bad == n) && orb_utf8_is_valid(s, bad));
    for (size_t cap = 0; cap < 9; cap++) {
        size_t cut = orb_utf8_truncate(s, bad, cap);
        ORB_ASSERT(cut <= cap && cut <= bad && orb_utf8_is_valid(s, cut));
        ORB_ASSERT(cut + 3 >= cap || cut == bad);
    }
    for (size_t at = 0, used; at < bad; at += used) {
        uint32_t cp;
        char bytes[4];
        used = orb_utf8_decode(s + at, bad - at, &cp);
        ORB_ASSERT(used && orb_utf8_encode(cp, bytes) == used && !memcmp(bytes, s + at, used));
    }
}

static void check_json(const char *s, size_t n)
{
    struct orb_buf b;
    struct orb_error err;
    orb_buf_init(&b, 16 * 1024 * 1024);
    orb_json_str(&b, s, n);
    ORB_ASSERT(!b.err && fuzz_is_ascii(b.data, b.len));
    json_t *value = orb_json_parse(b.data, b.len, &(struct orb_json_limits){ b.len, 1, 1 }, &err);
    ORB_ASSERT(json_is_string(value));
    if (orb_utf8_is_valid(s, n))
        ORB_ASSERT(json_string_length(value) == n && !memcmp(json_string_value(value), s, n));
    json_decref(value);
    orb_buf_done(&b);
}

static void check_error(const char *s, size_t n)
{
    struct orb_error err;
    char *text = orb_memdup(s, n);
    ORB_ASSERT(orb_error_set(&err, ORB_E_INVALID, "the text %s", text) == ORB_E_INVALID);
    fuzz_check_error(ORB_E_INVALID, &err);
    ORB_ASSERT(!strncmp(err.text, "the text ", 9));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = size ? (const char *)data : "";
    check_safe(s, size, ORB_SAFE_TEXT);
    check_safe(s, size, ORB_SAFE_LINE);
    check_utf8(s, size);
    check_json(s, size);
    check_error(s, size);
    return 0;
}
