#include "loop/after.h"
#include "base/base.h"

#include <ctype.h>
#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AFTER_MAX_MS (INT32_MAX * (int64_t)1000)
#define SINCE_1970_S 1e9    /* a number from here on is a time, not a duration */
#define SINCE_1970_MS 1e12

static int64_t whole(double ms)
{
    if (!(ms > 0))
        return 0;
    return ms < (double)AFTER_MAX_MS ? (int64_t)ceil(ms) : AFTER_MAX_MS;
}

int64_t orb_after_retry(const char *value, double now)
{
    int64_t seconds;
    if (orb_parse_int(value, 0, INT32_MAX, &seconds) == 0)
        return seconds * 1000;
    time_t when = curl_getdate(value, NULL); /* only reads text */
    return when == -1 ? -1 : whole(((double)when - now) * 1000);
}

/* Digits with at most one point; NULL when there are none. (strtod takes more: signs, hex, nan.) */
static const char *read_number(const char *s, double *out)
{
    size_t whole_digits = strspn(s, "0123456789"), n = whole_digits;
    if (s[n] == '.')
        n += 1 + strspn(s + n + 1, "0123456789");
    if (whole_digits == 0 || n > 40)
        return NULL;
    *out = strtod(s, NULL);
    return s + n;
}

static double unit_ms(const char *s, size_t n)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "d", 86400e3 }, { "h", 3600e3 }, { "m", 60e3 }, { "s", 1e3 }, { "ms", 1 }, { "us", 1e-3 }, { "\u00b5s", 1e-3 }, { "ns", 1e-6 } };
    for (size_t i = 0; i < ORB_COUNT(units); i++)
        if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
            return units[i].ms;
    return -1;
}

/* "6m0s"; -1 when it is none. */
static double read_duration(const char *s)
{
    double sum = 0, number;
    if (!*s)
        return -1;
    while (*s) {
        if (!(s = read_number(s, &number)))
            return -1;
        size_t n = strcspn(s, "0123456789.");
        double unit = unit_ms(s, n);
        if (unit < 0)
            return -1;
        sum += number * unit;
        s += n;
    }
    return sum;
}

/* RFC 3339, as Unix seconds; -1 when it is none. */
static double read_time(const char *s)
{
    struct tm tm = { 0 };
    double fraction = 0;
    int n = 0, hours, minutes;
    if (sscanf(s, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6 || n != 19)
        return -1;
    s += n;
    if (*s == '.') {
        size_t digits = strspn(s + 1, "0123456789");
        if (digits == 0 || digits > 18)
            return -1;
        fraction = strtod(s, NULL);
        s += 1 + digits;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    double when = (double)timegm(&tm) + fraction;
    if ((*s == 'Z' || *s == 'z') && !s[1])
        return when;
    if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || n != 5 || s[6])
        return -1;
    return when + (*s == '+' ? -60 : 60) * (hours * 60.0 + minutes);
}

int64_t orb_after_reset(const char *value, double now)
{
    double number, when;
    const char *end = read_number(value, &number);
    if (end && !*end) {
        if (number >= SINCE_1970_MS)
            return whole(number - now * 1000);
        return whole(number >= SINCE_1970_S ? (number - now) * 1000 : number * 1000);
    }
    when = read_duration(value);
    if (when >= 0)
        return whole(when);
    when = read_time(value);
    return when >= 0 ? whole((when - now) * 1000) : -1;
}
