#include "menu.h"
#include "base.h"
#include "field.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tui_menu_open(struct tui_menu *menu, enum tui_menu_use use, const char *title)
{
    memset(menu, 0, sizeof *menu);
    menu->use = use;
    tui_set(menu->title, sizeof menu->title, title);
}

void tui_menu_add(struct tui_menu *menu, int value, int is_on, const char *fmt, ...)
{
    if (menu->count == TUI_MENU_MAX)
        return;
    struct tui_menu_item *item = &menu->items[menu->count++];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(item->text, sizeof item->text, fmt, ap);
    va_end(ap);
    item->value = value;
    item->is_on = is_on;
}

static int is_shown(const struct tui_menu *menu, size_t i)
{
    return tui_find(menu->items[i].text, strlen(menu->items[i].text), menu->narrow, strlen(menu->narrow)) != NULL;
}

/* The nearest item that is shown, in this direction first. */
static void seek(struct tui_menu *menu, int by)
{
    for (int turn = 0; turn < 2; turn++, by = -by)
        for (long i = (long)menu->cursor; i >= 0 && i < (long)menu->count; i += by)
            if (is_shown(menu, (size_t)i)) {
                menu->cursor = (size_t)i;
                return;
            }
}

static void move(struct tui_menu *menu, int by)
{
    for (int steps = by < 0 ? -by : by, way = by < 0 ? -1 : 1; steps > 0; steps--) {
        long at = (long)menu->cursor;
        do
            at += way;
        while (at >= 0 && at < (long)menu->count && !is_shown(menu, (size_t)at));
        if (at < 0 || at >= (long)menu->count)
            return;
        menu->cursor = (size_t)at;
    }
}

struct tui_menu_item *tui_menu_item(struct tui_menu *menu)
{
    return menu->cursor < menu->count && is_shown(menu, menu->cursor) ? &menu->items[menu->cursor] : NULL;
}

#define IS(name) (!strcmp(key, name))

enum tui_menu_answer tui_menu_key(struct tui_menu *menu, const char *key)
{
    size_t len = strlen(menu->narrow);
    if (IS("Esc") || IS("C-c"))
        return TUI_MENU_LEFT;
    if (IS("Enter"))
        return tui_menu_item(menu) ? TUI_MENU_CHOSEN : TUI_MENU_GOES_ON;
    if (IS("Space") && tui_menu_item(menu) && tui_menu_item(menu)->is_on >= 0) {
        tui_menu_item(menu)->is_on ^= 1;
        return TUI_MENU_TOGGLED;
    }
    if (IS("Down") || IS("C-n"))
        move(menu, 1);
    else if (IS("Up") || IS("C-p"))
        move(menu, -1);
    else if (IS("PgDn") || IS("C-d"))
        move(menu, 10);
    else if (IS("PgUp") || IS("C-u"))
        move(menu, -10);
    else if (IS("Backspace") && len) {
        while (len && ((unsigned char)menu->narrow[--len] & 0xc0) == 0x80)
            ;
        menu->narrow[len] = 0;
        seek(menu, 1);
    } else if ((key[0] > ' ' && !key[1]) || (unsigned char)key[0] >= 0xc0) {
        tui_set(menu->narrow + len, sizeof menu->narrow - len, key);
        seek(menu, 1);
    }
    return TUI_MENU_GOES_ON;
}

enum tui_menu_answer tui_menu_mouse(struct tui_menu *menu, const char *what, int row)
{
    int place = row - menu->row + menu->top;
    if (strcmp(what, "press") != 0) {
        move(menu, what[0] == 'u' ? -1 : 1);
        return TUI_MENU_GOES_ON;
    }
    if (row < menu->row || row >= menu->row + menu->rows)
        return TUI_MENU_LEFT;
    for (size_t i = 0; i < menu->count; i++)
        if (is_shown(menu, i) && place-- == 0)
            menu->cursor = i;
    return tui_menu_key(menu, tui_menu_item(menu) && tui_menu_item(menu)->is_on >= 0 ? "Space" : "Enter");
}

void tui_menu_draw(struct tui_menu *menu, struct tui_grid *grid)
{
    int width = tui_columns(menu->title, strlen(menu->title)) + 4, lines = 0;
    for (size_t i = 0; i < menu->count; i++) {
        int cols = tui_columns(menu->items[i].text, strlen(menu->items[i].text)) + 8;
        width = cols > width ? cols : width;
        lines += is_shown(menu, i);
    }
    int room = grid->rows - 4;
    if (room < 1)
        return;
    width = width > grid->cols ? grid->cols : width;
    int rows = !lines ? 1 : lines < room ? lines : room, row = (grid->rows - rows - 2) / 2, col = (grid->cols - width) / 2, place = 0, top = 0;
    tui_fill(grid, (struct tui_rect){ row, col, rows + 2, width }, TUI_TEXT, " ");
    tui_layer(grid, (struct tui_rect){ row, col, rows + 2, width }, TUI_ON_BAR);
    tui_putf(grid, row, col + 1, width - 2, TUI_TITLE, "%s", menu->title);
    if (!lines)
        tui_put(grid, row + 1, col + 3, width - 4, TUI_DIM, "nothing has this in it", 22);
    for (size_t i = 0; i < menu->cursor; i++)
        place += is_shown(menu, i);
    if (place >= rows)
        top = place - rows + 1;
    menu->row = row + 1;
    menu->rows = rows;
    menu->top = top;
    for (size_t i = 0, n = 0; i < menu->count; i++) {
        if (!is_shown(menu, i))
            continue;
        int at = row + 1 + (int)n++ - top;
        if (at <= row || at > row + rows)
            continue;
        const struct tui_menu_item *item = &menu->items[i];
        int is_cursor = i == menu->cursor;
        tui_putf(grid, at, col + 1, width - 2, TUI_TEXT, "%s %s%s", is_cursor ? tui_cursor_glyph() : " ", item->is_on < 0 ? "" : item->is_on ? "[x] " : "[ ] ", item->text);
        if (is_cursor)
            tui_layer(grid, (struct tui_rect){ at, col, 1, width }, TUI_ON_CURSOR);
    }
    tui_putf(grid, row + rows + 1, col + 1, width - 2, TUI_DIM, "%s%s", *menu->narrow ? "with: " : "", menu->narrow);
}
