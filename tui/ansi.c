#include "ansi.h"
#include "memory.h"

#include <stdio.h>
#include <string.h>

#define RESET "\033[0m"

/* ";38;5;203": is_ground 0 or 1. */
static size_t color(int32_t value, enum tui_depth depth, int is_ground, char *out, size_t cap)
{
    int n = 0, base = is_ground ? 10 : 0;
    if (value == TUI_DEFAULT || depth == TUI_MONO)
        *out = '\0';
    else if (depth == TUI_TRUE)
        n = snprintf(out, cap, ";%d;2;%d;%d;%d", 38 + base, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff);
    else if (depth == TUI_256)
        n = snprintf(out, cap, ";%d;5;%d", 38 + base, value);
    else
        n = snprintf(out, cap, ";%d", (value < 8 ? 30 : 90 - 8) + base + value);
    return (size_t)n;
}

size_t tui_sgr(struct tui_look look, enum tui_depth depth, char out[TUI_SGR_MAX])
{
    static const struct {
        int attribute;
        const char *code;
    } codes[] = {{TUI_BOLD, ";1"}, {TUI_DIMMED, ";2"}, {TUI_ITALIC, ";3"}, {TUI_UNDERLINE, ";4"}, {TUI_REVERSE, ";7"}};
    size_t n = (size_t)snprintf(out, TUI_SGR_MAX, "\033[0");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (look.attributes & codes[i].attribute)
            n += (size_t)snprintf(out + n, TUI_SGR_MAX - n, "%s", codes[i].code);
    n += color(look.fg, depth, 0, out + n, TUI_SGR_MAX - n);
    n += color(look.bg, depth, 1, out + n, TUI_SGR_MAX - n);
    n += (size_t)snprintf(out + n, TUI_SGR_MAX - n, "m");
    return n;
}

char *tui_grid_ansi(const struct tui_grid *grid, const struct tui_theme *theme, enum tui_depth depth)
{
    size_t end = 0, cell_max = TUI_CELL_BYTES + TUI_SGR_MAX;
    char *out = tui_alloc((size_t)grid->rows * ((size_t)grid->cols * cell_max + sizeof RESET + 1) + 1, 1);
    for (int row = 0; row < grid->rows; row++) {
        const struct tui_cell *cells = grid->cells + (size_t)row * (size_t)grid->cols;
        for (int col = 0; col < grid->cols; col++) {
            const struct tui_cell *cell = &cells[col], *before = col ? cell - 1 : NULL;
            size_t n = strlen(cell->text);
            if (cell->width && (!before || before->role != cell->role || before->layer != cell->layer))
                end += tui_sgr(tui_theme_look(theme, depth, (enum tui_role)cell->role, (enum tui_layer)cell->layer), depth, out + end);
            memcpy(out + end, cell->text, n);
            end += n;
        }
        end += (size_t)snprintf(out + end, sizeof RESET + 1, RESET "\n");
    }
    return out;
}
