/* The one scanner in front of jansson. It knows JSON's grammar itself, so that
 * every error has a place in the text as it came, and so that depth and number
 * of values are known before anything is built from them. Text that jansson
 * takes as it is (nearly all) is not copied. */
#include "base/base.h"
#include "base/json.h"
#include "base/utf8.h"

#include <float.h>
#include <locale.h>
#include <orbiter/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_CAP 2000 /* jansson refuses 2049 */

const struct orb_json_limits orb_json_limits_default = {ORB_PAYLOAD_MAX, 100000, 200};

enum want { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COLON, WANT_AFTER };

struct scan {
    const char *text;
    size_t len, at;
    enum want want;
    size_t depth, values, max_depth, max_values;
    unsigned char is_object[DEPTH_CAP / 8 + 1]; /* a bit for each open container */
    struct orb_buf out;                         /* the rewritten text, unused while empty */
    size_t copied;                              /* text before this is in out */
    struct orb_error *err;
};

static int fail_at(struct scan *s, size_t at, int code, const char *what)
{
    size_t line = 1, start = 0, i, column = 1;

    for (i = 0; i < at; i++) {
        if (s->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    for (i = start; i < at; i++)
        column += ((unsigned char)s->text[i] & 0xc0) != 0x80;
    return orb_error_set(s->err, code, "JSON, line %zu, column %zu (byte %zu): %s", line, column, at, what);
}

static int fail(struct scan *s, const char *what)
{
    return fail_at(s, s->at, ORB_E_INVALID, what);
}

static int fail_limit(struct scan *s, const char *what, size_t limit)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s than the limit of %zu", what, limit);
    return fail_at(s, s->at, ORB_E_TOO_LARGE, text);
}

/* Instead of the text between from and to, jansson shall read with. */
static void rewrite(struct scan *s, size_t from, size_t to, const char *with)
{
    orb_buf_add(&s->out, s->text + s->copied, from - s->copied);
    orb_buf_str(&s->out, with);
    s->copied = to;
}

static int peek(const struct scan *s)
{
    return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->len && (s->text[s->at] == ' ' || s->text[s->at] == '\n' || s->text[s->at] == '\r' ||
                              s->text[s->at] == '\t'))
        s->at++;
}

/* ---- strings ---------------------------------------------------------- */

/* The value of \uXXXX at the given place, or -1. */
static int32_t unit_at(const struct scan *s, size_t at)
{
    int32_t unit = 0;
    size_t i;

    if (s->len - at < 6 || s->text[at] != '\\' || s->text[at + 1] != 'u')
        return -1;
    for (i = at + 2; i < at + 6; i++) {
        char c = s->text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* At a backslash. Halves of a surrogate pair that stand alone become U+FFFD; so
 * does NUL in a key, where jansson refuses what it keeps in values. */
static int scan_escape(struct scan *s, int is_key)
{
    int32_t unit, next;

    if (s->len - s->at < 2)
        return fail(s, "the text ends inside a string");
    if (s->text[s->at + 1] != 'u') {
        if (!s->text[s->at + 1] || !strchr("\"\\/bfnrt", s->text[s->at + 1]))
            return fail(s, "an escape that JSON does not have");
        s->at += 2;
        return 0;
    }
    unit = unit_at(s, s->at);
    if (unit < 0)
        return fail(s, "\\u is not followed by four hexadecimal digits");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        next = unit_at(s, s->at + 6);
        if (next >= 0xdc00 && next <= 0xdfff) {
            s->at += 12;
            return 0;
        }
    }
    if ((unit >= 0xd800 && unit <= 0xdfff) || (unit == 0 && is_key))
        rewrite(s, s->at, s->at + 6, "\\ufffd");
    s->at += 6;
    return 0;
}

static int scan_string(struct scan *s, int is_key)
{
    uint32_t cp;
    size_t n;

    for (s->at++; s->at < s->len;) {
        unsigned char c = (unsigned char)s->text[s->at];

        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c == '\\') {
            int rc = scan_escape(s, is_key);

            if (rc != 0)
                return rc;
        } else if (c < 0x20) {
            return fail(s, "a control character inside a string (write it as an escape)");
        } else if (c < 0x80) {
            s->at++;
        } else {
            n = orb_utf8_decode(s->text + s->at, s->len - s->at, &cp);
            if (n == 0)
                return fail(s, "bytes that are not UTF-8");
            s->at += n;
        }
    }
    return fail(s, "the text ends inside a string");
}

/* ---- numbers and words ------------------------------------------------ */

static size_t skip_digits(struct scan *s)
{
    size_t from = s->at;

    while (s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9')
        s->at++;
    return s->at - from;
}

/* The exponent at e or E, held within what the sum with a length can bear. */
static int scan_exponent(struct scan *s, int64_t *exponent)
{
    int is_negative;
    size_t from;

    s->at++;
    is_negative = peek(s) == '-';
    if (peek(s) == '+' || peek(s) == '-')
        s->at++;
    from = s->at;
    if (skip_digits(s) == 0)
        return fail(s, "a number's exponent has no digits");
    for (*exponent = 0; from < s->at; from++) {
        if (*exponent < INT64_C(1000000000000))
            *exponent = *exponent * 10 + (s->text[from] - '0');
    }
    if (is_negative)
        *exponent = -*exponent;
    return 0;
}

static int is_finite_number(const struct scan *s, size_t from, int *is_out_of_memory)
{
    char *copy = malloc(s->at - from + 1);
    double v;
    int rc;

    *is_out_of_memory = !copy;
    if (!copy)
        return 0;
    memcpy(copy, s->text + from, s->at - from);
    copy[s->at - from] = '\0';
    rc = orb_parse_real(copy, -DBL_MAX, DBL_MAX, &v);
    free(copy);
    return rc == 0;
}

static int fits_int64(const char *digits, size_t n, int is_negative)
{
    const char *most = is_negative ? "9223372036854775808" : "9223372036854775807";

    return n < 19 || (n == 19 && memcmp(digits, most, 19) <= 0);
}

/* Decides, without converting, what jansson would refuse: an integer over 64
 * bits, a real over DBL_MAX. Only what is near the edge is converted. */
static int scan_number(struct scan *s)
{
    size_t from = s->at, first, digits;
    int is_real = 0, is_negative = peek(s) == '-', no_memory, rc;
    int64_t exponent = 0;

    s->at += (size_t)is_negative;
    first = s->at;
    digits = skip_digits(s);
    if (digits == 0)
        return fail(s, "a number has no digits");
    if (digits > 1 && s->text[first] == '0')
        return fail_at(s, first, ORB_E_INVALID, "a number with leading zeros");
    if (peek(s) == '.') {
        is_real = 1;
        s->at++;
        if (skip_digits(s) == 0)
            return fail(s, "a number has no digits after its point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        is_real = 1;
        rc = scan_exponent(s, &exponent);
        if (rc != 0)
            return rc;
    }
    if (!is_real && fits_int64(s->text + first, digits, is_negative))
        return 0;
    if ((int64_t)digits + exponent > DBL_MAX_10_EXP && !is_finite_number(s, from, &no_memory)) {
        if (no_memory)
            return fail_at(s, from, ORB_E_NOMEM, "no memory to read a number");
        rewrite(s, from, s->at, "null");
    } else if (!is_real) {
        rewrite(s, s->at, s->at, ".0");
    }
    return 0;
}

static int scan_word(struct scan *s)
{
    static const struct {
        const char *word, *with;
    } words[] = {
        {"true", NULL}, {"false", NULL}, {"null", NULL}, {"NaN", "null"}, {"Infinity", "null"}, {"-Infinity", "null"},
    };
    size_t i, n;

    for (i = 0; i < ORB_COUNT(words); i++) {
        n = strlen(words[i].word);
        if (s->len - s->at < n || memcmp(s->text + s->at, words[i].word, n) != 0)
            continue;
        if (words[i].with)
            rewrite(s, s->at, s->at + n, words[i].with);
        s->at += n;
        return 0;
    }
    return fail(s, "a value was expected here");
}

/* ---- structure -------------------------------------------------------- */

static int is_in_object(const struct scan *s)
{
    return s->is_object[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1;
}

static int open_container(struct scan *s, int is_object)
{
    unsigned char bit = (unsigned char)(1u << (s->depth % 8));

    if (s->depth >= s->max_depth)
        return fail_limit(s, "nested deeper", s->max_depth);
    if (is_object)
        s->is_object[s->depth / 8] |= bit;
    else
        s->is_object[s->depth / 8] &= (unsigned char)~bit;
    s->depth++;
    s->at++;
    s->want = is_object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return 0;
}

static void close_container(struct scan *s)
{
    s->depth--;
    s->at++;
    s->want = WANT_AFTER;
}

static int step_value(struct scan *s, char c)
{
    if (c == ']' && s->want == WANT_VALUE_OR_END) {
        close_container(s);
        return 0;
    }
    if (++s->values > s->max_values)
        return fail_limit(s, "more values", s->max_values);
    if (c == '{' || c == '[')
        return open_container(s, c == '{');
    s->want = WANT_AFTER;
    if (c == '"')
        return scan_string(s, 0);
    if ((c >= '0' && c <= '9') || (c == '-' && (s->at + 1 == s->len || s->text[s->at + 1] != 'I')))
        return scan_number(s);
    return scan_word(s);
}

static int step_key(struct scan *s, char c)
{
    if (c == '}' && s->want == WANT_KEY_OR_END) {
        close_container(s);
        return 0;
    }
    if (c != '"')
        return fail(s, "a member's name in quotes was expected here");
    s->want = WANT_COLON;
    return scan_string(s, 1);
}

static int step_after(struct scan *s, char c)
{
    if (s->depth == 0)
        return fail(s, "there is more text after the value");
    if (c == (is_in_object(s) ? '}' : ']')) {
        close_container(s);
        return 0;
    }
    if (c != ',')
        return fail(s, is_in_object(s) ? "a comma or } was expected here" : "a comma or ] was expected here");
    s->at++;
    s->want = is_in_object(s) ? WANT_KEY : WANT_VALUE;
    return 0;
}

static int scan_text(struct scan *s)
{
    int rc = 0;

    while (rc == 0) {
        char c;

        skip_space(s);
        if (s->at == s->len)
            return s->want == WANT_AFTER && s->depth == 0 ? 0 : fail(s, "the text ends too early");
        c = s->text[s->at];
        if (s->want == WANT_AFTER) {
            rc = step_after(s, c);
        } else if (s->want == WANT_COLON) {
            if (c != ':')
                return fail(s, "a colon was expected here");
            s->at++;
            s->want = WANT_VALUE;
        } else if (s->want == WANT_KEY || s->want == WANT_KEY_OR_END) {
            rc = step_key(s, c);
        } else {
            rc = step_value(s, c);
        }
    }
    return rc;
}

/* ---- entry ------------------------------------------------------------ */

/* In the C locale: where the decimal point is more than one byte, jansson would
 * end the process at the first real. glibc's "C" is static and costs nothing. */
static json_t *load(const char *text, size_t len, json_error_t *error)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;
    json_t *value;

    before = uselocale(c_locale);
    value = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
    (void)uselocale(before);
    if (c_locale)
        freelocale(c_locale);
    return value;
}

static json_t *build(const struct scan *s)
{
    json_error_t error;
    json_t *value = s->copied > 0 ? load(s->out.data, s->out.len, &error) : load(s->text, s->len, &error);

    if (value)
        return value;
    if (json_error_code(&error) == json_error_out_of_memory)
        (void)orb_error_set(s->err, ORB_E_NOMEM, "no memory to read %zu bytes of JSON", s->len);
    else
        (void)orb_error_set(s->err, ORB_E_INVALID, "JSON, line %d, column %d: %s", error.line, error.column, error.text);
    return NULL;
}

json_t *orb_json_parse(const char *text, size_t len, const struct orb_json_limits *limits, struct orb_error *err)
{
    struct scan s = {.text = text, .len = len, .want = WANT_VALUE, .err = err};
    json_t *value = NULL;

    if (len > limits->max_bytes) {
        (void)orb_error_set(err, ORB_E_TOO_LARGE, "JSON of %zu bytes is over the limit of %zu bytes: send less",
                            len, limits->max_bytes);
        return NULL;
    }
    s.max_depth = limits->max_depth < DEPTH_CAP ? limits->max_depth : DEPTH_CAP;
    s.max_values = limits->max_values;
    orb_buf_init(&s.out, len + len / 2 + 16); /* NaN to null is the most that a rewrite grows */
    if (scan_text(&s) != 0)
        goto out;
    if (s.copied > 0)
        orb_buf_add(&s.out, text + s.copied, len - s.copied);
    if (s.out.err) {
        (void)orb_error_set(err, s.out.err, "no memory to read %zu bytes of JSON", len);
        goto out;
    }
    value = build(&s);
out:
    orb_buf_done(&s.out);
    return value;
}

const char *orb_json_get_str(const json_t *object, const char *key, const char *def)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : def;
}

int64_t orb_json_get_int(const json_t *object, const char *key, int64_t def)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : def;
}

double orb_json_get_real(const json_t *object, const char *key, double def)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : def;
}
