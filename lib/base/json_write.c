#include "base/base.h"
#include "base/json.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- strings ---------------------------------------------------------- */

static void add_unit(struct orb_buf *b, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};

    orb_buf_add(b, text, sizeof(text));
}

static void add_escaped(struct orb_buf *b, uint32_t cp)
{
    static const char plain[] = "\"\\\n\r\t\b\f", letter[] = "\"\\nrtbf";
    const char *found = cp > 0 && cp < 0x80 ? strchr(plain, (int)cp) : NULL;

    if (found) {
        char text[2] = {'\\', letter[found - plain]};

        orb_buf_add(b, text, sizeof(text));
    } else if (cp > 0xffff) {
        add_unit(b, 0xd800 + ((cp - 0x10000) >> 10));
        add_unit(b, 0xdc00 + ((cp - 0x10000) & 0x3ff));
    } else {
        add_unit(b, cp);
    }
}

static size_t plain_span(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            break;
    }
    return i;
}

void orb_json_str(struct orb_buf *b, const char *s, size_t n)
{
    size_t at = 0, len;
    uint32_t cp;

    orb_buf_char(b, '"');
    while (at < n && !b->err) {
        len = plain_span(s + at, n - at);
        if (len > 0) {
            orb_buf_add(b, s + at, len);
            at += len;
            continue;
        }
        len = orb_utf8_decode(s + at, n - at, &cp);
        add_escaped(b, len ? cp : 0xfffd);
        at += len ? len : 1;
    }
    orb_buf_char(b, '"');
}

/* ---- reals ------------------------------------------------------------ */

struct decimal {
    char digits[20]; /* terminated */
    int count;
    int exponent;    /* of the first digit */
};

/* v to so many digits. Only digits are taken from what printf writes, because
 * its decimal point is the locale's. */
static void to_decimal(double v, int count, struct decimal *d)
{
    char text[64];
    const char *p;

    (void)snprintf(text, sizeof(text), "%.*e", count - 1, v);
    d->count = 0;
    for (p = text; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && d->count < count)
            d->digits[d->count++] = *p;
    }
    d->digits[d->count] = '\0';
    d->exponent = atoi(p + 1);
}

static int reads_back(const struct decimal *d, double v)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%se%d", d->digits, d->exponent - (d->count - 1));
    return strtod(text, NULL) == v;
}

/* Next to a power of two the numbers below lie closer than those above: the
 * nearest decimal may fall to a neighbour while the one above it still reads
 * back. Tries that one. */
static int bump_reads_back(struct decimal *d, double v)
{
    struct decimal up = *d;
    int i = up.count - 1;

    while (i > 0 && up.digits[i] == '9')
        up.digits[i--] = '0';
    if (up.digits[i] == '9')
        return 0;
    up.digits[i]++;
    if (!reads_back(&up, v))
        return 0;
    *d = up;
    return 1;
}

/* The fewest digits that read back as v (> 0). What reads back from 15 digits
 * or fewer does so from exactly 15, with zeros at the end, unless v is
 * subnormal and has less precision than that. */
static void shortest(double v, struct decimal *d)
{
    int count = fpclassify(v) == FP_SUBNORMAL ? 1 : 15, exponent;
    int is_power_of_two = frexp(v, &exponent) == 0.5;

    for (; count < 17; count++) {
        to_decimal(v, count, d);
        if (reads_back(d, v) || (is_power_of_two && bump_reads_back(d, v)))
            break;
    }
    if (count == 17)
        to_decimal(v, 17, d);
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
}

/* Python writes 1e-05 and 1e+16, but 0.0001 and 1000000000000000.0. */
static void add_decimal(struct orb_buf *b, const struct decimal *d)
{
    int i, whole = d->exponent + 1; /* digits before the point */

    if (d->exponent < -4 || d->exponent >= 16) {
        orb_buf_char(b, d->digits[0]);
        if (d->count > 1) {
            orb_buf_char(b, '.');
            orb_buf_str(b, d->digits + 1);
        }
        orb_buf_printf(b, "e%c%02d", d->exponent < 0 ? '-' : '+', abs(d->exponent));
        return;
    }
    if (whole <= 0) {
        orb_buf_str(b, "0.");
        for (i = whole; i < 0; i++)
            orb_buf_char(b, '0');
        orb_buf_str(b, d->digits);
        return;
    }
    for (i = 0; i < whole; i++)
        orb_buf_char(b, i < d->count ? d->digits[i] : '0');
    orb_buf_char(b, '.');
    orb_buf_str(b, whole < d->count ? d->digits + whole : "0");
}

void orb_json_real(struct orb_buf *b, double v)
{
    struct decimal d;

    if (!isfinite(v)) {
        orb_buf_str(b, "null");
        return;
    }
    if (signbit(v))
        orb_buf_char(b, '-');
    v = fabs(v);
    if (v < 1e15 && v == (double)(int64_t)v) { /* whole numbers need no search */
        orb_buf_int(b, (int64_t)v);
        orb_buf_str(b, ".0");
        return;
    }
    shortest(v, &d);
    add_decimal(b, &d);
}

/* ---- values ----------------------------------------------------------- */

static void dump_object(struct orb_buf *b, const json_t *value)
{
    /* jansson's iterator wants to be able to write; nothing is written. */
    json_t *object = (json_t *)(uintptr_t)value;
    void *at;
    int is_first = 1;

    orb_buf_char(b, '{');
    for (at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);

        if (!is_first)
            orb_buf_str(b, ", ");
        is_first = 0;
        orb_json_str(b, key, strlen(key));
        orb_buf_str(b, ": ");
        orb_json_dump(b, json_object_iter_value(at));
    }
    orb_buf_char(b, '}');
}

static void dump_array(struct orb_buf *b, const json_t *value)
{
    size_t i;

    orb_buf_char(b, '[');
    for (i = 0; i < json_array_size(value); i++) {
        if (i > 0)
            orb_buf_str(b, ", ");
        orb_json_dump(b, json_array_get(value, i));
    }
    orb_buf_char(b, ']');
}

/* Recursive: what orb_json_parse let through is not deeper than its limit. */
void orb_json_dump(struct orb_buf *b, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        dump_object(b, value);
        break;
    case JSON_ARRAY:
        dump_array(b, value);
        break;
    case JSON_STRING:
        orb_json_str(b, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        orb_buf_int(b, json_integer_value(value));
        break;
    case JSON_REAL:
        orb_json_real(b, json_real_value(value));
        break;
    case JSON_TRUE:
        orb_buf_str(b, "true");
        break;
    case JSON_FALSE:
        orb_buf_str(b, "false");
        break;
    case JSON_NULL:
        orb_buf_str(b, "null");
        break;
    }
}
