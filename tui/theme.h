/* How roles look: theme files (docs/console.md), and what is left of them on terminals with fewer colours. */
#ifndef ORB_TUI_THEME_H
#define ORB_TUI_THEME_H

#include "cells.h"
#include <orbiter/base.h>

enum tui_depth { TUI_MONO, TUI_16, TUI_256, TUI_TRUE, TUI_DEPTHS };
enum { TUI_BOLD = 1, TUI_DIMMED = 2, TUI_ITALIC = 4, TUI_UNDERLINE = 8, TUI_REVERSE = 16 };

#define TUI_DEFAULT (-1) /* the terminal's own colour */

/* fg, bg: 0xrrggbb at TUI_TRUE, an index at TUI_256 and TUI_16, or TUI_DEFAULT. */
struct tui_look {
    int32_t fg, bg;
    int attributes;
};

struct tui_theme; /* immutable once read */

/* A theme's name, or a path (it has a slash). Names are looked for in $XDG_CONFIG_HOME/orbiter/themes, $XDG_DATA_HOME and
 * $XDG_DATA_DIRS orbiter/themes, the themes folder beside the program (../share/orbiter/themes, ../themes), and among those built in.
 * 0, or ORB_E_CONFIG with file, line, reason and next step. */
int tui_theme_load(const char *name, struct tui_theme **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_theme_free(struct tui_theme *theme);
const char *tui_theme_name(const struct tui_theme *theme);
int tui_theme_is_light(const struct tui_theme *theme);
/* The file it came from, "" when it is built in. */
const char *tui_theme_file(const struct tui_theme *theme);
struct tui_look tui_theme_look(const struct tui_theme *theme, enum tui_depth depth, enum tui_role role, enum tui_layer layer);
/* The lowest contrast (WCAG 2.2, 1 to 21) of text roles on their layers; what = "role on layer", static. */
double tui_theme_contrast(const struct tui_theme *theme, const char **what);

/* Every theme that can be found, each name once, sorted; ends with name NULL. Valid until the next call. */
struct tui_theme_row {
    const char *name, *file;
};
const struct tui_theme_row *tui_theme_list(void);

/* What the terminal can: from COLORTERM, TERM and NO_COLOR; colors = what terminfo says, -1 = not known. */
enum tui_depth tui_depth_find(int colors);

#endif
