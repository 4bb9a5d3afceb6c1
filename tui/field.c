#include "field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int is_ascii, is_utc;

void tui_ascii(int on)
{
    is_ascii = on;
}

int tui_is_ascii(void)
{
    return is_ascii;
}

void tui_zone_utc(int on)
{
    is_utc = on;
}

int tui_field_find(const struct tui_source *source, const char *name)
{
    for (size_t i = 0; i < source->field_count; i++)
        if (!strcmp(source->fields[i].name, name))
            return (int)i;
    return -1;
}

int tui_field_is_text(const struct tui_field *field)
{
    return field->kind == TUI_TEXT_FIELD || field->kind == TUI_ID_FIELD || field->kind == TUI_STATE_FIELD || field->kind == TUI_SPARK_FIELD;
}

int tui_field_sorts_as_text(const struct tui_field *field)
{
    return field->kind == TUI_TEXT_FIELD || field->kind == TUI_ID_FIELD;
}

int tui_value_compare(const struct tui_field *field, const struct tui_value *a, const struct tui_value *b)
{
    if (tui_field_sorts_as_text(field)) {
        size_t n = a->len < b->len ? a->len : b->len;
        int order = n ? memcmp(a->text, b->text, n) : 0;
        return order ? order : a->len < b->len ? -1 : a->len > b->len;
    }
    if (isnan(a->number) || isnan(b->number))
        return !isnan(a->number) - !isnan(b->number);
    return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- formats ---------------------------------------------------------------- */

void tui_show_count(double n, char *out, size_t cap)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%.0f", fmin(fabs(n), 1e30));
    size_t at = 0;
    if (n < 0 && cap > 1)
        out[at++] = '-';
    for (int i = 0; i < len && at + 2 < cap; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
}

void tui_show_short(double n, char *out, size_t cap)
{
    if (fabs(n) < 9999.5)
        tui_show_count(n, out, cap);
    else if (fabs(n) < 999500)
        snprintf(out, cap, fabs(n) < 99950 ? "%.1fk" : "%.0fk", n / 1e3);
    else if (fabs(n) < 999.5e6)
        snprintf(out, cap, fabs(n) < 99.95e6 ? "%.1fM" : "%.0fM", n / 1e6);
    else
        snprintf(out, cap, "%.1fG", n / 1e9);
}

void tui_show_bytes(double n, char *out, size_t cap)
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    size_t unit = 0;
    for (; n >= 1023.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        n /= 1024;
    snprintf(out, cap, n < 9.95 && unit ? "%.1f%s" : "%.0f%s", n, units[unit]);
}

void tui_show_span(double s, char *out, size_t cap)
{
    if (isnan(s)) {
        snprintf(out, cap, "-");
        return;
    }
    if (s < 0)
        s = 0;
    long long whole = s < 1e12 ? (long long)s : 1000000000000;
    if (s < 9.95)
        snprintf(out, cap, "%.1fs", s);
    else if (whole < 60)
        snprintf(out, cap, "%llds", whole);
    else if (whole < 3600)
        snprintf(out, cap, "%lldm%02llds", whole / 60, whole % 60);
    else if (whole < 48 * 3600)
        snprintf(out, cap, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
    else
        snprintf(out, cap, "%lldd%lldh", whole / 86400, whole / 3600 % 24);
}

/* From a minute on it only changes when the clock comes to a full minute: a quiet screen stays quiet. */
void tui_show_age(double now, double since, char *out, size_t cap)
{
    double age = now - since;
    if (age >= 60)
        age = floor(now / 60) * 60 - since;
    long long s = age > 0 ? (long long)fmin(age, 1e12) : 0;
    if (now - since < 60)
        snprintf(out, cap, "%llds", s);
    else if (s < 3600)
        snprintf(out, cap, "%lldm", s < 60 ? 1 : s / 60);
    else if (s < 48 * 3600)
        snprintf(out, cap, "%lldh", s / 3600);
    else
        snprintf(out, cap, "%lldd", s / 86400);
}

void tui_show_clock(double at, int has_seconds, char *out, size_t cap)
{
    time_t t = (time_t)(fabs(at) < 1e11 ? at : 0); /* a hash may have any number in it */
    struct tm tm;
    if (is_utc)
        gmtime_r(&t, &tm);
    else
        localtime_r(&t, &tm);
    if (!strftime(out, cap, has_seconds ? "%H:%M:%S" : "%H:%M", &tm))
        out[0] = 0;
}

void tui_show_spark(const double *numbers, size_t count, double max, char *out, size_t cap)
{
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char signs[] = ".:-=+*#@";
    size_t at = 0;
    for (size_t i = 0; i < count && at + 4 < cap; i++) {
        double part = max > 0 ? numbers[i] / max : 0;
        int level = part >= 1 ? 7 : part > 0 ? 1 + (int)(part * 6.999) : 0; /* a little is not nothing */
        if (is_ascii)
            out[at++] = signs[level];
        else
            at += (size_t)snprintf(out + at, cap - at, "%s", blocks[level]);
    }
    out[at] = 0;
}

/* ---- states ----------------------------------------------------------------- */

static const struct state {
    const char *word, *ascii, *glyph;
    enum tui_role role;
} states[] = {
    { "pending", ".", "·", TUI_PENDING }, { "running", "=", "▸", TUI_RUNNING }, { "completed", "+", "✓", TUI_COMPLETED },
    { "failed", "x", "✗", TUI_FAILED }, { "cancelled", "-", "−", TUI_CANCELLED }, { "retrying", "r", "↻", TUI_RETRYING },
    { "lost", "!", "!", TUI_LOST }, { "paused", "#", "‖", TUI_PAUSED }, { "draining", "~", "~", TUI_RETRYING },
    { "idle", ".", "·", TUI_PENDING }, { "busy", "=", "▸", TUI_RUNNING },
};

static const struct state *state_of(const char *word)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(states[i].word, word))
            return &states[i];
    return NULL;
}

const char *tui_state_glyph(const char *word)
{
    const struct state *s = state_of(word);
    return !s ? "?" : is_ascii ? s->ascii : s->glyph;
}

const char *tui_cursor_glyph(void)
{
    return is_ascii ? ">" : "❯";
}

enum tui_role tui_state_role(const char *word)
{
    const struct state *s = state_of(word);
    return s ? s->role : TUI_TEXT;
}

/* ---- values ----------------------------------------------------------------- */

static int show_number(enum tui_kind kind, double n, double now, char *out, size_t cap)
{
    if (isnan(n)) {
        snprintf(out, cap, "-");
        return 1;
    }
    switch (kind) {
    case TUI_RATE_FIELD:
        snprintf(out, cap, n >= 99.95 ? "%.0f" : "%.1f", n);
        break;
    case TUI_PERCENT_FIELD:
        snprintf(out, cap, "%.1f", n * 100);
        break;
    case TUI_MONEY_FIELD:
        snprintf(out, cap, n >= 1 ? "$%.2f" : "$%.4f", n);
        break;
    case TUI_BYTES_FIELD:
        tui_show_bytes(n, out, cap);
        break;
    case TUI_AGE_FIELD:
        tui_show_age(now, n, out, cap);
        break;
    case TUI_SPAN_FIELD:
        if (isinf(n))
            snprintf(out, cap, "grows");
        else
            tui_show_span(n, out, cap);
        break;
    case TUI_CLOCK_FIELD:
        tui_show_clock(n, 1, out, cap);
        return 0;
    default:
        tui_show_count(n, out, cap);
        break;
    }
    return 1;
}

void tui_show_id(const char *id, int cols, char *out, size_t cap)
{
    int len = (int)strlen(id), tail = (cols - 1) / 2, is_plain = 1;
    for (const char *c = id; *c; c++)
        is_plain &= *c >= ' ' && *c < 0x7f;
    if (len == 32 && cols >= 8 && cols < 32)
        snprintf(out, cap, "%.8s", id);
    else if (len > cols && cols >= 6 && is_plain)
        snprintf(out, cap, "%.*s%s%s", cols - 1 - tail, id, is_ascii ? "~" : "…", id + len - tail);
    else
        snprintf(out, cap, "%s", id);
}

int tui_value_show(const struct tui_field *field, const struct tui_value *value, double now, int cols, char *out, size_t cap)
{
    switch (field->kind) {
    case TUI_TEXT_FIELD:
        snprintf(out, cap, "%.*s", (int)value->len, value->text ? value->text : "");
        return 0;
    case TUI_SPARK_FIELD: { /* its end is what is new */
        const char *from = value->text;
        for (int skip = tui_columns(value->text, value->len) - cols; skip > 0; skip--)
            for (from++; ((unsigned char)*from & 0xc0) == 0x80;)
                from++;
        snprintf(out, cap, "%s", from);
        return 0;
    }
    case TUI_ID_FIELD:
        tui_show_id(value->text, cols, out, cap);
        return 0;
    case TUI_STATE_FIELD:
        snprintf(out, cap, "%s %.*s", tui_state_glyph(value->text), (int)value->len, value->text);
        return 0;
    default:
        if (show_number(field->kind, value->number, now, out, cap) && (int)strlen(out) > cols && field->kind == TUI_COUNT_FIELD)
            tui_show_short(value->number, out, cap);
        return field->kind != TUI_CLOCK_FIELD;
    }
}
