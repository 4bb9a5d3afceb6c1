/* The lines of a pane. */
#include "pane.h"

#include <stdlib.h>
#include <string.h>

void tui_pane_init(struct tui_pane *p, int is_following)
{
    memset(p, 0, sizeof *p);
    p->is_following = is_following;
    p->max_bytes = 8 * 1024 * 1024;
    p->match = p->tool = UINT64_MAX;
}

void tui_pane_refill(struct tui_pane *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->lines[i].text);
    p->count = p->bytes = p->room = p->matches = 0;
    p->first = 0;
    p->is_open = 0;
    p->tool = UINT64_MAX;
}

void tui_pane_clear(struct tui_pane *p)
{
    tui_pane_refill(p);
    p->top = 0;
    p->top_row = p->left = 0;
    p->match = UINT64_MAX;
    p->match_place = 0;
}

void tui_pane_done(struct tui_pane *p)
{
    tui_pane_clear(p);
    free(p->lines);
    p->lines = NULL;
    p->cap = 0;
}

int tui_pane_is_match(const struct tui_pane *p, const struct tui_line *line)
{
    return *p->search && line->len && tui_find(line->text, line->len, p->search, strlen(p->search));
}

#define LINE_COST 64 /* bytes, beside the room of its text */

/* Memory doubles: that many bytes are there for a line of len. */
static size_t room_for(size_t len)
{
    size_t room = 16;
    while (room < len)
        room *= 2;
    return len ? room : 0;
}

/* The oldest eighth goes when there is too much, so that moving the others costs little. */
static void trim(struct tui_pane *p)
{
    if (p->room + p->count * LINE_COST <= p->max_bytes && p->count < TUI_PANE_LINES_MAX)
        return;
    size_t drop = p->count / 8 + 1;
    for (size_t i = 0; i < drop; i++) {
        size_t is = (size_t)tui_pane_is_match(p, &p->lines[i]);
        p->matches -= is;
        p->match_place -= p->match_place ? is : 0;
        p->bytes -= p->lines[i].len;
        p->room -= room_for(p->lines[i].len);
        free(p->lines[i].text);
    }
    memmove(p->lines, p->lines + drop, (p->count -= drop) * sizeof *p->lines);
    p->first += drop;
    if (p->top < p->first) {
        p->top = p->first;
        p->top_row = 0;
    }
}

static struct tui_line *last_line(struct tui_pane *p)
{
    return p->count ? &p->lines[p->count - 1] : NULL;
}

static struct tui_line *new_line(struct tui_pane *p, enum tui_role role, enum tui_line_kind kind)
{
    uint64_t number = p->first + p->count;
    p->lines = tui_grow(p->lines, p->count, &p->cap, sizeof *p->lines);
    struct tui_line *line = &p->lines[p->count++];
    *line = (struct tui_line){ .role = (uint8_t)role, .kind = (uint8_t)kind, .indent = (uint8_t)p->indent };
    if (kind == TUI_LINE_TOOL) {
        p->tool = number;
        line->is_folded = (uint8_t)p->folds_new;
    } else if (kind == TUI_LINE_RESULT && p->tool != UINT64_MAX && number - p->tool < UINT32_MAX) {
        line->back = (uint32_t)(number - p->tool);
    }
    p->is_open = 1;
    return line;
}

static void set_len(struct tui_pane *p, struct tui_line *line, size_t len)
{
    size_t had = room_for(line->len), needs = room_for(len);
    if (had != needs)
        line->text = tui_resize(line->text, needs, 1);
    p->room += needs - had;
    p->bytes += len - line->len;
    line->len = (uint32_t)len;
}

static void append(struct tui_pane *p, struct tui_line *line, const char *text, size_t len)
{
    if (!len)
        return;
    p->matches -= (size_t)tui_pane_is_match(p, line);
    set_len(p, line, line->len + len);
    memcpy(line->text + line->len - len, text, len);
    p->matches += (size_t)tui_pane_is_match(p, line);
}

#define WORD_MAX 200 /* bytes; what has no blank in so many may be torn */

/* How many bytes of text still go into the line: up to behind a blank. 0 with *back: none, and that many of the line's own are of a word that goes on. */
static size_t split(const struct tui_line *line, const char *text, size_t *back)
{
    size_t part = TUI_PANE_LINE_MAX - line->len;
    *back = 0;
    for (size_t n = part; n > 0 && part - n < WORD_MAX; n--)
        if (text[n - 1] == ' ')
            return n;
    for (size_t n = line->len; n > 0 && part + line->len - n < WORD_MAX; n--)
        if (line->text[n - 1] == ' ') {
            *back = line->len - n;
            return 0;
        }
    while (part && ((unsigned char)text[part] & 0xc0) == 0x80)
        part--;
    return part;
}

/* One line's text without its newline. */
static void add_piece(struct tui_pane *p, enum tui_role role, enum tui_line_kind kind, const char *text, size_t len)
{
    struct tui_line *line = last_line(p);
    if (!p->is_open || !line || line->role != role || line->kind != kind)
        line = new_line(p, role, kind);
    while (line->len + len > TUI_PANE_LINE_MAX) {
        char word[WORD_MAX];
        size_t back, part = split(line, text, &back);
        append(p, line, text, part);
        text += part;
        len -= part;
        if (back) {
            memcpy(word, line->text + line->len - back, back);
            p->matches -= (size_t)tui_pane_is_match(p, line);
            set_len(p, line, line->len - back);
            p->matches += (size_t)tui_pane_is_match(p, line);
        }
        line->is_continued = 1;
        line = new_line(p, role, kind == TUI_LINE_TOOL || kind == TUI_LINE_STEP ? TUI_LINE_TEXT : kind);
        append(p, line, word, back);
        kind = (enum tui_line_kind)line->kind;
    }
    append(p, line, text, len);
}

void tui_pane_end_line(struct tui_pane *p)
{
    p->is_open = 0;
}

void tui_pane_add(struct tui_pane *p, enum tui_role role, enum tui_line_kind kind, const char *text, size_t len)
{
    size_t safe_len;
    char *safe = tui_safe(text, len, &safe_len);
    for (const char *at = safe, *end = safe + safe_len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        add_piece(p, role, kind, at, (size_t)((newline ? newline : end) - at));
        if (newline)
            p->is_open = 0;
        at = newline ? newline + 1 : end;
    }
    free(safe);
    trim(p);
}

const char *tui_pane_last(const struct tui_pane *p, size_t *len)
{
    for (size_t i = p->count; i-- > 0;)
        if (p->lines[i].len && p->lines[i].kind == TUI_LINE_TEXT) {
            *len = p->lines[i].len;
            return p->lines[i].text;
        }
    *len = 0;
    return "";
}

void tui_pane_line(struct tui_pane *p, enum tui_role role, enum tui_line_kind kind, const char *text)
{
    tui_pane_end_line(p);
    tui_pane_add(p, role, kind, *text ? text : "\n", *text ? strlen(text) : 1);
    tui_pane_end_line(p);
}

char *tui_pane_text(const struct tui_pane *p, size_t *len)
{
    char *out = tui_alloc(p->bytes + p->count + 1, 1);
    size_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (p->lines[i].len)
            memcpy(out + at, p->lines[i].text, p->lines[i].len);
        at += p->lines[i].len;
        if (!p->lines[i].is_continued)
            out[at++] = '\n';
    }
    *len = at;
    return out;
}
