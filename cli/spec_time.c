/* A time as people and programs write it: RFC 3339, "@" and Unix seconds, or the local time. */
#include "cli.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { YEAR_S = 31536000 };

/* Reads n digits as a number within lo..hi; NULL when they are none. */
static const char *digits(const char *p, int n, int lo, int hi, int *out)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)p[i]))
            return NULL;
        value = 10 * value + (p[i] - '0');
    }
    *out = value;
    return value < lo || value > hi ? NULL : p + n;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* "YYYY-MM-DD" */
static const char *read_date(const char *p, struct tm *tm)
{
    int year, month;
    if (!(p = digits(p, 4, 1970, 9999, &year)) || *p++ != '-' || !(p = digits(p, 2, 1, 12, &month)) || *p++ != '-' ||
        !(p = digits(p, 2, 1, days_of(year, month), &tm->tm_mday)))
        return NULL;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    return p;
}

/* "HH:MM", and maybe ":SS" and a fraction. A leap second is the one after it. */
static const char *read_clock(const char *p, struct tm *tm, double *fraction)
{
    double unit = 0.1;
    if (!(p = digits(p, 2, 0, 23, &tm->tm_hour)) || *p++ != ':' || !(p = digits(p, 2, 0, 59, &tm->tm_min)))
        return NULL;
    if (*p == ':' && !(p = digits(p + 1, 2, 0, 60, &tm->tm_sec)))
        return NULL;
    if (p[0] == '.' && isdigit((unsigned char)p[1]))
        for (p++; isdigit((unsigned char)*p); p++, unit /= 10)
            *fraction += (*p - '0') * unit;
    return p;
}

/* "Z", "+HH:MM" or "-HH:MM": seconds east of UTC. */
static const char *read_zone(const char *p, int *east)
{
    int hours, minutes, sign = *p == '-' ? -1 : 1;
    if (*p == 'Z' || *p == 'z')
        return p + 1;
    if ((*p != '+' && *p != '-') || !(p = digits(p + 1, 2, 0, 23, &hours)) || *p++ != ':' || !(p = digits(p, 2, 0, 59, &minutes)))
        return NULL;
    *east = sign * (hours * 3600 + minutes * 60);
    return p;
}

static int read_calendar(const char *p, double *out)
{
    struct tm tm = {.tm_isdst = -1};
    double fraction = 0;
    int east = 0;
    if (!(p = read_date(p, &tm)) || !strchr("Tt ", *p) || !*p || !(p = read_clock(p + 1, &tm, &fraction)))
        return -1;
    if (!*p) {
        *out = (double)mktime(&tm) + fraction;
        return 0;
    }
    if (!(p = read_zone(p, &east)) || *p)
        return -1;
    *out = (double)timegm(&tm) - east + fraction;
    return 0;
}

static int read_unix(const char *p, double *out)
{
    size_t n = strspn(p, "0123456789");
    size_t fraction = p[n] == '.' ? 1 + strspn(p + n + 1, "0123456789") : 0;
    if (!n || n > 15 || fraction == 1 || p[n + fraction])
        return -1;
    /* Digits and a point, which a locale may write otherwise. */
    *out = (double)strtoll(p, NULL, 10);
    double unit = 0.1;
    for (size_t i = 1; i < fraction; i++, unit /= 10)
        *out += (p[n + i] - '0') * unit;
    return 0;
}

int cli_spec_time(const char *text, double *out)
{
    double at = 0;
    if (*text == '@' ? read_unix(text + 1, &at) : read_calendar(text, &at))
        return cli_fail(ORB_E_USAGE, "--at needs a time such as 2026-01-31T15:00:00Z, '2026-01-31 15:00' or @1769868000, not '%s'", text);
    if (!(at >= 0 && at <= orb_now() + YEAR_S))
        return cli_fail(ORB_E_USAGE, "--at needs a time within a year from now, not '%s'", text);
    *out = at;
    return 0;
}
