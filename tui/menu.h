/* Something to choose from, over the screen: what to copy, what to sort by, columns, saved views. Moves with arrows and the mouse; letters
 * narrow it. */
#ifndef ORB_TUI_MENU_H
#define ORB_TUI_MENU_H

#include "cells.h"
#include <orbiter/client.h>
#include <stdint.h>

#define TUI_MENU_MAX 200

enum tui_menu_use { TUI_MENU_NONE, TUI_MENU_COPY, TUI_MENU_SORT, TUI_MENU_COLUMNS, TUI_MENU_VIEWS, TUI_MENU_TARGETS /* the ids an act would hit */ };

struct tui_menu_item {
    char text[100];
    int value;                  /* what it means to the owner */
    int is_on;                  /* of menus with checks: -1 = none */
};

struct tui_menu {
    enum tui_menu_use use;
    char title[100];
    struct tui_menu_item items[TUI_MENU_MAX];
    size_t count, cursor;
    int top;                    /* of those shown: the first that was drawn */
    char narrow[64];            /* typed: only items with it are shown */
    char id[ORB_ID_MAX + 1];    /* what it is about, as it was when it was opened */
    int row, rows;              /* of the grid, where its items were drawn last */
};

void tui_menu_open(struct tui_menu *menu, enum tui_menu_use use, const char *title);
void tui_menu_add(struct tui_menu *menu, int value, int is_on, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
enum tui_menu_answer { TUI_MENU_GOES_ON, TUI_MENU_CHOSEN, TUI_MENU_TOGGLED /* Space, with checks */, TUI_MENU_LEFT };
enum tui_menu_answer tui_menu_key(struct tui_menu *menu, const char *key);
/* The item under the cursor, NULL when nothing is left of the menu. */
struct tui_menu_item *tui_menu_item(struct tui_menu *menu);
/* A press or the wheel (msg.h) at this row of the grid. */
enum tui_menu_answer tui_menu_mouse(struct tui_menu *menu, const char *what, int row);
void tui_menu_draw(struct tui_menu *menu, struct tui_grid *grid);

#endif
