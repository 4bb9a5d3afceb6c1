#include "base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

const char *orb_version(void)
{
    return ORB_VERSION;
}

/* ---- ends of the process ---------------------------------------------- */

static void die(const char *what) __attribute__((noreturn));
static void die(const char *what)
{
    fprintf(stderr, "orbiter: %s\n", what);
    abort();
}

void orb_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "orbiter: bug at %s:%d: %s\n", file, line, what);
    abort();
}

/* ---- memory ----------------------------------------------------------- */

void *orb_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        die("out of memory");
    return p;
}

char *orb_memdup(const char *s, size_t n)
{
    char *copy;

    ORB_ASSERT(n < SIZE_MAX);
    copy = malloc(n + 1);
    if (!copy)
        die("out of memory");
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *orb_strdup(const char *s)
{
    return orb_memdup(s, strlen(s));
}

/* ---- time and chance -------------------------------------------------- */

int64_t orb_mono_us(void)
{
    struct timespec now;

    ORB_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

double orb_now(void)
{
    struct timespec now;

    ORB_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void orb_random(void *out, size_t n)
{
    char *p = out;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* ids and nonces cannot be made up: better none than guessable ones */
            die("the system gives no random bytes (getrandom failed)");
        p += got;
        n -= (size_t)got;
    }
}

double orb_random_unit(void)
{
    uint64_t bits;

    orb_random(&bits, sizeof(bits));
    return (double)(bits >> 11) * 0x1p-53;
}

/* ---- ids -------------------------------------------------------------- */

void orb_id_new(char out[33])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[16];
    size_t i;

    orb_random(raw, sizeof(raw));
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40); /* version 4 */
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
    for (i = 0; i < sizeof(raw); i++) {
        out[2 * i] = hex[raw[i] >> 4];
        out[2 * i + 1] = hex[raw[i] & 15];
    }
    out[32] = '\0';
}

static int is_id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

int orb_id_is_valid(const char *id)
{
    size_t n;

    if (!id || strcmp(id, "index") == 0) /* orbiter:task:index is the set of all ids */
        return 0;
    for (n = 0; n <= ORB_ID_MAX && is_id_char(id[n]); n++)
        ;
    return n > 0 && n <= ORB_ID_MAX && id[n] == '\0';
}

/* ---- numbers ---------------------------------------------------------- */

/* strtoll and strtod skip white space and take a plus sign, hexadecimal and
 * "inf"; a setting never means these. */
static int begins_number(const char *s)
{
    if (*s == '-')
        s++;
    return *s >= '0' && *s <= '9';
}

int orb_parse_int(const char *s, int64_t lo, int64_t hi, int64_t *out)
{
    char *end;
    intmax_t v;

    if (!s || !begins_number(s))
        return ORB_E_INVALID;
    errno = 0;
    v = strtoimax(s, &end, 10);
    if (errno != 0 || *end != '\0' || v < lo || v > hi)
        return ORB_E_INVALID;
    *out = v;
    return 0;
}

int orb_parse_real(const char *s, double lo, double hi, double *out)
{
    locale_t c_locale; /* "1.5" is 1.5 also where people write "1,5" */
    char *end;
    double v;

    if (!s || !begins_number(s) || strpbrk(s, "xX"))
        return ORB_E_INVALID;
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale)
        die("out of memory");
    v = strtod_l(s, &end, c_locale);
    freelocale(c_locale);
    if (*end != '\0' || !isfinite(v) || v < lo || v > hi)
        return ORB_E_INVALID;
    *out = v;
    return 0;
}
