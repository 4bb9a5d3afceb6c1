/* What the fuzz targets share. A target is one file, fuzz_NAME.c, with
 * LLVMFuzzerTestOneInput: libFuzzer calls it (`make fuzz`), and replay.c does for
 * the inputs that are kept in corpus/NAME. What must hold is said with
 * ORB_ASSERT: a crash, a leak or a hang are found without it. */
#ifndef ORB_TESTS_FUZZ_H
#define ORB_TESTS_FUZZ_H

#include "base/base.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A terminated copy, or of the part in front of the first NUL. To be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    return orb_memdup(size ? (const char *)data : "", size);
}

/* UTF-8 without control bytes: what may go to a terminal in one line. */
static inline int fuzz_is_line(const char *s)
{
    uint32_t cp;
    for (size_t n = strlen(s), at = 0, used; at < n; at += used) {
        used = orb_utf8_decode(s + at, n - at, &cp);
        if (!used || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            return 0;
    }
    return 1;
}

/* An error that was told: its code is what was returned, and it says something. */
static inline void fuzz_check_error(int rc, const struct orb_error *err)
{
    ORB_ASSERT(rc < 0 && err->code == rc);
    ORB_ASSERT(err->text[0] && memchr(err->text, '\0', sizeof err->text));
    ORB_ASSERT(fuzz_is_line(err->text));
}

/* As Python's json.dumps writes: nothing but printable ASCII. */
static inline int fuzz_is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0x20 || s[i] > 0x7e)
            return 0;
    return 1;
}

/* RESP without a count of a million, for which hiredis takes the memory at once:
 * that would test malloc. */
static inline int fuzz_is_modest(const uint8_t *data, size_t size)
{
    size_t digits = 0;
    for (size_t i = 0; i < size; i++) {
        digits = data[i] == '*' ? 1 : digits && data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        if (digits > 6)
            return 0;
    }
    return 1;
}

#endif
