#include "prompt.h"
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tui_prompt_open(struct tui_prompt *p, enum tui_prompt_use use, const char *label, const char *text)
{
    p->use = use;
    tui_set(p->label, sizeof p->label, label);
    tui_set(p->text, sizeof p->text, text);
    memcpy(p->before, p->text, sizeof p->before);
    p->len = p->cursor = strlen(p->text);
    p->error[0] = 0;
    p->candidate_count = 0;
    p->candidate = p->history_at = -1;
}

void tui_prompt_close(struct tui_prompt *p, int keeps)
{
    char **history = p->history[p->use];
    size_t *count = &p->history_count[p->use];
    if (keeps && p->len && (!*count || strcmp(history[*count - 1], p->text) != 0)) {
        if (*count == TUI_PROMPT_HISTORY) {
            free(history[0]);
            memmove(history, history + 1, --*count * sizeof *history);
        }
        history[(*count)++] = tui_strdup(p->text);
    }
    p->use = TUI_PROMPT_NONE;
    p->candidate_count = 0;
}

void tui_prompt_done(struct tui_prompt *p)
{
    for (size_t use = 0; use < TUI_COUNT(p->history); use++)
        for (size_t i = 0; i < p->history_count[use]; i++)
            free(p->history[use][i]);
    memset(p, 0, sizeof *p);
}

/* ---- editing ---------------------------------------------------------------- */

/* Whole characters, so that a cut text stays UTF-8. */
static size_t before(const struct tui_prompt *p, size_t at)
{
    while (at && ((unsigned char)p->text[--at] & 0xc0) == 0x80)
        ;
    return at;
}

static size_t behind(const struct tui_prompt *p, size_t at)
{
    if (at < p->len)
        at++;
    while (at < p->len && ((unsigned char)p->text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void cut(struct tui_prompt *p, size_t from, size_t to)
{
    memmove(p->text + from, p->text + to, p->len - to + 1);
    p->len -= to - from;
    p->cursor = from;
}

static void insert(struct tui_prompt *p, const char *text, size_t len)
{
    if (len > TUI_PROMPT_MAX - p->len)
        len = TUI_PROMPT_MAX - p->len;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    memmove(p->text + p->cursor + len, p->text + p->cursor, p->len - p->cursor + 1);
    memcpy(p->text + p->cursor, text, len);
    p->len += len;
    p->cursor += len;
}

static size_t word_before(const struct tui_prompt *p)
{
    size_t at = p->cursor;
    while (at && p->text[at - 1] == ' ')
        at--;
    while (at && p->text[at - 1] != ' ')
        at--;
    return at;
}

static enum tui_prompt_answer recall(struct tui_prompt *p, int by)
{
    int count = (int)p->history_count[p->use], at = p->history_at < 0 ? count : p->history_at;
    at += by;
    if (at < 0 || at > count || !count)
        return TUI_PROMPT_GOES_ON;
    p->history_at = at == count ? -1 : at;
    tui_set(p->text, sizeof p->text, at == count ? p->before : p->history[p->use][at]);
    p->len = p->cursor = strlen(p->text);
    return TUI_PROMPT_CHANGED;
}

static int is_text(const char *key)
{
    size_t len = strlen(key);
    return len == 1 ? (unsigned char)key[0] >= ' ' && key[0] != 0x7f : (unsigned char)key[0] >= 0xc0;
}

static enum tui_prompt_answer move(struct tui_prompt *p, size_t to)
{
    p->cursor = to;
    return TUI_PROMPT_GOES_ON;
}

static enum tui_prompt_answer erase(struct tui_prompt *p, size_t from, size_t to)
{
    if (from == to)
        return TUI_PROMPT_GOES_ON;
    cut(p, from, to);
    return TUI_PROMPT_CHANGED;
}

#define IS(name) (!strcmp(key, name))

static enum tui_prompt_answer edit(struct tui_prompt *p, const char *key)
{
    if (IS("Left") || IS("C-b"))
        return move(p, before(p, p->cursor));
    if (IS("Right") || IS("C-f"))
        return move(p, behind(p, p->cursor));
    if (IS("Home") || IS("C-a"))
        return move(p, 0);
    if (IS("End") || IS("C-e"))
        return move(p, p->len);
    if (IS("Backspace") || IS("C-h"))
        return p->len ? erase(p, before(p, p->cursor), p->cursor) : TUI_PROMPT_LEFT;
    if (IS("Del") || IS("C-d"))
        return erase(p, p->cursor, behind(p, p->cursor));
    if (IS("C-w"))
        return erase(p, word_before(p), p->cursor);
    if (IS("C-u"))
        return erase(p, 0, p->cursor);
    if (IS("C-k"))
        return erase(p, p->cursor, p->len);
    if (IS("Space"))
        key = " ";
    if (!is_text(key))
        return TUI_PROMPT_GOES_ON;
    insert(p, key, strlen(key));
    return TUI_PROMPT_CHANGED;
}

enum tui_prompt_answer tui_prompt_key(struct tui_prompt *p, const char *key)
{
    if (IS("Tab") || IS("S-Tab"))
        return TUI_PROMPT_COMPLETE;
    p->candidate_count = 0;
    p->candidate = -1;
    if (IS("Enter"))
        return TUI_PROMPT_ENTERED;
    if (IS("Esc") || IS("C-c"))
        return TUI_PROMPT_LEFT;
    if (IS("Up") || IS("C-p"))
        return recall(p, -1);
    if (IS("Down") || IS("C-n"))
        return recall(p, 1);
    return edit(p, key);
}

enum tui_prompt_answer tui_prompt_paste(struct tui_prompt *p, const char *text, size_t len)
{
    size_t from = p->cursor;
    p->candidate_count = 0;
    insert(p, text, len);
    for (size_t i = from; i < p->cursor; i++)
        if ((unsigned char)p->text[i] < ' ' || p->text[i] == 0x7f)
            p->text[i] = ' ';
    return TUI_PROMPT_CHANGED;
}

void tui_prompt_complete(struct tui_prompt *p, int by)
{
    int count = (int)p->candidate_count;
    if (!count)
        return;
    p->candidate = p->candidate < 0 ? (by > 0 ? 0 : count - 1) : (p->candidate + count + by) % count;
    cut(p, p->start, p->cursor);
    insert(p, p->candidates[p->candidate], strlen(p->candidates[p->candidate]));
}

/* ---- drawing ---------------------------------------------------------------- */

static void draw_candidates(const struct tui_prompt *p, struct tui_grid *grid, int row, int col, int end)
{
    for (size_t i = 0; i < p->candidate_count && col < end - 2; i++)
        col = 1 + tui_put_cut(grid, row, col, end - col, (int)i == p->candidate ? TUI_MATCH : TUI_DIM, p->candidates[i], strlen(p->candidates[i]));
}

void tui_prompt_draw(const struct tui_prompt *p, struct tui_grid *grid, struct tui_rect line)
{
    int end = line.col + line.cols, col = tui_put_cut(grid, line.row, line.col, line.cols - 1, p->use == TUI_PROMPT_QUESTION ? TUI_QUESTION : TUI_PROMPT, p->label, strlen(p->label));
    int room = end - col - 1;
    size_t from = p->cursor;
    /* What is before the cursor has to be seen: as much as there is room for, from the cursor back. */
    for (int used = 0; from && used < room; from = before(p, from))
        used += tui_columns(p->text + before(p, from), from - before(p, from));
    while (from < p->cursor && tui_columns(p->text + from, p->cursor - from) > room)
        from = behind(p, from);
    int behind_text = tui_put(grid, line.row, col, end - col, TUI_TEXT, p->text + from, p->len - from);
    grid->cursor_row = line.row;
    grid->cursor_col = col + tui_columns(p->text + from, p->cursor - from);
    if (grid->cursor_col >= end)
        grid->cursor_col = end - 1;
    if (*p->error)
        tui_put_cut(grid, line.row, behind_text + 2, end - behind_text - 2, TUI_ERROR, p->error, strlen(p->error));
    else if (p->candidate_count > 1)
        draw_candidates(p, grid, line.row, behind_text + 2, end);
}
