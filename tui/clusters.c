#include "clusters.h"

#include <orbiter/base.h>
#include <string.h>
#include <utf8proc.h>

#define DOTTED_CIRCLE "\u25cc" /* what Unicode shows marks on that have no base */
enum { CODE_POINT_BYTES = 4, EMOJI_STYLE = 0xfe0f, NO_CHARACTER = 0xfffd };

static size_t code_point(const char *text, size_t len, utf8proc_int32_t *cp)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)(len < CODE_POINT_BYTES ? len : CODE_POINT_BYTES), cp);
    if (n > 0)
        return (size_t)n;
    *cp = NO_CHARACTER;
    return 1;
}

/* May U+FE0F make a picture of it, which is two columns wide? */
static int has_emoji_style(utf8proc_int32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || cp == '#' || cp == '*';
    return utf8proc_get_property(cp)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

/* Columns are added up, as terminals go on in scripts whose marks take room; more than two are for no cluster. */
static size_t measure(const char *text, size_t len, size_t *columns)
{
    utf8proc_int32_t before, cp, state = 0;
    size_t at = code_point(text, len, &before), n;
    *columns = orb_text_columns(text, at);
    for (; at < len; at += n, before = cp) {
        n = code_point(text + at, len - at, &cp);
        if (utf8proc_grapheme_break_stateful(before, cp, &state))
            break;
        *columns += cp == EMOJI_STYLE && has_emoji_style(before) ? 2 : orb_text_columns(text + at, n);
    }
    return at;
}

struct tui_cluster tui_cluster_at(const char *text, size_t len)
{
    struct tui_cluster c = {1, 1, 1, 0};
    size_t columns;
    utf8proc_int32_t base;
    if (text[0] == '\t' || text[0] == '\n') {
        c.width = 0;
        return c;
    }
    if ((unsigned char)text[0] < 0x80 && (len == 1 || (unsigned char)text[1] < 0x80))
        return c;
    c.bytes = c.shown = measure(text, len, &columns);
    c.is_bare = columns == 0;
    if (c.bytes > TUI_CELL_BYTES - (c.is_bare ? strlen(DOTTED_CIRCLE) : 0)) {
        c.shown = code_point(text, len, &base);
        columns = orb_text_columns(text, c.shown);
        c.is_bare = columns == 0;
    }
    c.width = columns >= 2 ? 2 : 1;
    return c;
}

void tui_clusters_start(struct tui_clusters *it, const char *text, size_t len)
{
    it->src = text;
    it->left = len;
    it->at = it->end = 0;
}

static void refill(struct tui_clusters *it)
{
    it->end -= it->at;
    memmove(it->piece, it->piece + it->at, it->end);
    it->at = 0;
    size_t used = orb_safe_text(it->src, it->left, ORB_SAFE_LINE, it->piece + it->end, sizeof it->piece - it->end);
    it->src += used;
    it->left -= used;
    it->end += strlen(it->piece + it->end);
}

/* Of a cluster that fills the piece the head and the last character stay: too much for a cell, and what comes next is joined to it as before. */
static void shorten(struct tui_clusters *it)
{
    size_t last = it->end - 1, head = TUI_CELL_BYTES + 1;
    while (((unsigned char)it->piece[last] & 0xc0) == 0x80)
        last--;
    while (((unsigned char)it->piece[head] & 0xc0) == 0x80)
        head++;
    memmove(it->piece + head, it->piece + last, it->end - last);
    it->end = head + it->end - last;
}

int tui_clusters_next(struct tui_clusters *it)
{
    struct tui_cluster c = {0};
    for (;;) {
        if (it->at < it->end)
            c = tui_cluster_at(it->piece + it->at, it->end - it->at);
        if (it->at + c.bytes < it->end || !it->left)
            break;
        refill(it); /* it ends where the piece ends: more of it may follow */
        if (c.bytes > sizeof it->piece / 2 && tui_cluster_at(it->piece, it->end).bytes == it->end)
            shorten(it);
    }
    if (!c.bytes)
        return 0;
    size_t head = c.is_bare ? strlen(DOTTED_CIRCLE) : 0;
    memcpy(it->text, DOTTED_CIRCLE, head);
    memcpy(it->text + head, it->piece + it->at, c.shown);
    it->text[head + c.shown] = '\0';
    it->width = c.width;
    it->at += c.bytes;
    return 1;
}
