/* A grid as text with escape sequences, for what is no console: a pipe, a file, a sample. */
#ifndef ORB_TUI_ANSI_H
#define ORB_TUI_ANSI_H

#include "theme.h"

/* The sequence (SGR) after which text has this look and no other; its length. */
enum { TUI_SGR_MAX = 64 };
size_t tui_sgr(struct tui_look look, enum tui_depth depth, char out[TUI_SGR_MAX]);

/* Whole lines, each of which begins with its look and ends with the terminal's own and a newline; new memory, the caller's. */
char *tui_grid_ansi(const struct tui_grid *grid, const struct tui_theme *theme, enum tui_depth depth);

#endif
