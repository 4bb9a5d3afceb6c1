/* What `orbiter theme show` prints. */
#include "ansi.h"
#include "tui.h"

#include <stdio.h>
#include <string.h>

enum { NAME_COLS = 18, SAMPLE_COLS = 11, GAP = 1 };

char *tui_theme_sample(const struct tui_theme *theme, enum tui_depth depth, int is_plain)
{
    struct tui_grid *grid = tui_grid_new(TUI_ROLE_COUNT + 2, NAME_COLS + TUI_LAYER_COUNT * (SAMPLE_COLS + GAP));
    tui_putf(grid, 0, 0, grid->cols, TUI_TITLE, "%s, %s, %s", tui_theme_name(theme), tui_theme_is_light(theme) ? "light" : "dark", tui_depth_name(depth));
    for (int layer = 0; layer < TUI_LAYER_COUNT; layer++) {
        int col = NAME_COLS + layer * (SAMPLE_COLS + GAP);
        tui_putf(grid, 1, col, SAMPLE_COLS, TUI_COLUMN, "%s", tui_layer_name((enum tui_layer)layer));
        tui_layer(grid, (struct tui_rect){2, col, TUI_ROLE_COUNT, SAMPLE_COLS}, (enum tui_layer)layer);
        for (int role = 0; role < TUI_ROLE_COUNT; role++) {
            tui_putf(grid, 2 + role, 0, NAME_COLS, TUI_TEXT, "%s", tui_role_name((enum tui_role)role));
            tui_putf(grid, 2 + role, col, SAMPLE_COLS, (enum tui_role)role, " %-*s", SAMPLE_COLS - 1, tui_role_is_graphic((enum tui_role)role) ? "#### ::--" : "Text 1,234");
        }
    }
    char *out = is_plain ? tui_grid_text(grid) : tui_grid_ansi(grid, theme, depth);
    tui_grid_free(grid);
    return out;
}
