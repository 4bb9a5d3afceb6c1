#include "term_looks.h"

#include <stdio.h>
#include <string.h>

static const struct tui_sgr_look own = { -1, -1, 0 };

void tui_looks_forget(struct tui_looks *looks)
{
    looks->has = looks->wants = own;
    looks->is_known = 0;
}

/* ---- out ---------------------------------------------------------------------- */

struct sgr {
    char *at;
    size_t len;
};

static void add(struct sgr *s, int n)
{
    s->len += (size_t)sprintf(s->at + s->len, s->len ? ";%d" : "\033[%d", n);
}

static void add_color(struct sgr *s, int32_t color, int base)
{
    if (color < 0) {
        add(s, base + 9);
    } else if (color < 8) {
        add(s, base + color);
    } else if (color < 16) {
        add(s, base + 60 + color - 8);
    } else if (color < 256) {
        add(s, base + 8);
        add(s, 5);
        add(s, color);
    } else {
        add(s, base + 8);
        add(s, 2);
        for (int shift = 16; shift >= 0; shift -= 8)
            add(s, color >> shift & 0xff);
    }
}

/* What ends attributes: 22 both bold and dim. */
static void take_off(struct sgr *s, struct tui_sgr_look *has, unsigned off)
{
    for (int i = 1; i < 10; i++) {
        if (!(off >> i & 1))
            continue;
        add(s, i <= 2 ? 22 : 20 + i);
        has->attributes &= i <= 2 ? ~6u : ~(1u << i);
        off &= has->attributes;
    }
}

static size_t change(struct tui_looks *looks, char *out)
{
    struct sgr s = { out, 0 };
    struct tui_sgr_look *has = &looks->has, *wants = &looks->wants;
    unsigned off = has->attributes & ~wants->attributes;
    if (looks->is_known && has->fg == wants->fg && has->bg == wants->bg && has->attributes == wants->attributes)
        return 0;
    int is_plain = wants->fg < 0 && wants->bg < 0 && !wants->attributes;
    if (!looks->is_known || (off && !looks->takes_off) || is_plain) {
        add(&s, 0);
        *has = own;
        off = 0;
    }
    take_off(&s, has, off);
    for (int i = 1; i < 10; i++)
        if ((wants->attributes & ~has->attributes) >> i & 1)
            add(&s, i);
    if (has->fg != wants->fg)
        add_color(&s, wants->fg, 30);
    if (has->bg != wants->bg)
        add_color(&s, wants->bg, 40);
    out[s.len++] = 'm';
    *has = *wants;
    looks->is_known = 1;
    return s.len;
}

/* ---- in ----------------------------------------------------------------------- */

enum { NUMBERS_MAX = 32 };

/* "38;2;1;2;3" from here on: how many numbers it takes. */
static size_t read_color(const int *numbers, size_t count, int32_t *out)
{
    size_t took = count > 1 && numbers[1] == 5 ? 3 : count > 1 && numbers[1] == 2 ? 5 : 1;
    if (took > count)
        return count;
    if (took > 1 && out)
        *out = took == 3 ? numbers[2] & 0xff : TUI_RGB | (numbers[2] & 0xff) << 16 | (numbers[3] & 0xff) << 8 | (numbers[4] & 0xff);
    return took;
}

/* Numbers that curses does not send are left out. */
static void take_look(struct tui_sgr_look *look, const int *numbers, size_t count)
{
    for (size_t i = 0, took; i < count; i += took) {
        int n = numbers[i], low = n % 10;
        took = 1;
        if (n == 0)
            *look = own;
        else if (n < 10)
            look->attributes |= 1u << n;
        else if (n == 22)
            look->attributes &= ~6u;
        else if (n > 22 && n < 30)
            look->attributes &= ~(1u << low);
        else if ((n >= 30 && n < 38) || (n >= 90 && n < 98))
            look->fg = n >= 90 ? low + 8 : low;
        else if ((n >= 40 && n < 48) || (n >= 100 && n < 108))
            look->bg = n >= 100 ? low + 8 : low;
        else if (n == 39)
            look->fg = -1;
        else if (n == 49)
            look->bg = -1;
        else if (n == 38 || n == 48 || n == 58)
            took = read_color(numbers + i, count - i, n == 38 ? &look->fg : n == 48 ? &look->bg : NULL);
    }
}

/* The bytes of a control sequence (CSI) from ESC on, 0 when this is none. */
static size_t sequence(const char *in, size_t len)
{
    size_t n = 2;
    if (len < 3 || in[0] != '\033' || in[1] != '[')
        return 0;
    while (n < len && in[n] >= 0x20 && in[n] < 0x40)
        n++;
    return n < len && in[n] >= 0x40 && in[n] < 0x7f ? n + 1 : 0;
}

static void read_look(struct tui_looks *looks, const char *in, size_t len)
{
    int numbers[NUMBERS_MAX] = { 0 };
    size_t count = 1;
    for (size_t i = 2; i + 1 < len; i++) {
        if (in[i] == ';' && count < NUMBERS_MAX)
            count++;
        else if (in[i] >= '0' && in[i] <= '9' && numbers[count - 1] < 1000)
            numbers[count - 1] = numbers[count - 1] * 10 + in[i] - '0';
    }
    take_look(&looks->wants, numbers, count);
}

/* These show no look: they move the cursor, or set a mode or the region that scrolls. */
static int is_moving(char final)
{
    return final && strchr("ABCDEFGHIZ`adefhlnr", final) != NULL;
}

/* Saves or loads the cursor (DECSC, DECRC), and the look with it; 1 = it was that. */
static int keep_cursor(struct tui_looks *looks, char escaped)
{
    if (!looks->is_known || (escaped != '7' && escaped != '8'))
        return 0;
    if (escaped == '7')
        looks->saved = looks->has;
    else
        looks->has = looks->saved;
    return 1;
}

/* Of a blank, or where something is made blank, only the background is seen; of underlined and reversed ones more. */
static int is_enough(const struct tui_looks *looks, char byte, char escaped, char final)
{
    unsigned seen = ~(1u << 1 | 1u << 2 | 1u << 3); /* bold, dim, italic */
    int is_blank = final ? final == 'K' || final == 'J' : byte == ' ' || byte == '\n' || escaped == 'M';
    return is_blank && looks->is_known && looks->has.bg == looks->wants.bg && !((looks->has.attributes | looks->wants.attributes) & seen);
}

size_t tui_looks_filter(struct tui_looks *looks, const char *in, size_t len, char *out)
{
    size_t n = 0;
    for (size_t at = 0, bytes; at < len; at += bytes) {
        bytes = sequence(in + at, len - at);
        char final = bytes ? in[at + bytes - 1] : 0, escaped = !bytes && in[at] == '\033' && at + 1 < len ? in[at + 1] : 0;
        int is_silent = bytes ? is_moving(final) : in[at] == '\r' || in[at] == '\b' || keep_cursor(looks, escaped);
        if (final == 'm') {
            read_look(looks, in + at, bytes);
            continue;
        }
        if (!is_silent && !is_enough(looks, in[at], escaped, final))
            n += change(looks, out + n);
        bytes = bytes ? bytes : escaped ? 2 : 1;
        memcpy(out + n, in + at, bytes);
        n += bytes;
    }
    return n;
}
