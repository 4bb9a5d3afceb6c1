/* How roles look: theme files (docs/themes.md), and what is left of them on terminals with fewer colours. */
#ifndef ORB_TUI_THEME_H
#define ORB_TUI_THEME_H

#include "cells.h"
#include <orbiter/base.h>

/* One row each: the word for it. */
#define TUI_DEPTH_ROWS(X) X(MONO, "mono") X(16, "16") X(256, "256") X(TRUE, "24-bit")

enum tui_depth {
#define TUI_DEPTH_ENUM(name, text) TUI_##name,
    TUI_DEPTH_ROWS(TUI_DEPTH_ENUM)
#undef TUI_DEPTH_ENUM
    TUI_DEPTHS
};
enum { TUI_BOLD = 1, TUI_DIMMED = 2, TUI_ITALIC = 4, TUI_UNDERLINE = 8, TUI_REVERSE = 16 };

#define TUI_DEFAULT (-1) /* the terminal's own colour */

/* fg, bg: 0xrrggbb at TUI_TRUE, an index at TUI_256 and TUI_16, or TUI_DEFAULT. */
struct tui_look {
    int32_t fg, bg;
    int attributes;
};

#define TUI_ATTRIBUTES(X) X(BOLD, "bold") X(DIMMED, "dim") X(ITALIC, "italic") X(UNDERLINE, "underline") X(REVERSE, "reverse")

struct tui_theme; /* immutable once read */
#define TUI_THEME_DEFAULT "orbit-dark"

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
/* The lowest contrast (WCAG 2.2, 1 to 21) of text roles on all layers; what = "role on layer", static. The terminal's own colours count
 * as light grey on black (dark themes) and black on white. At TUI_TRUE or TUI_256; with fewer colours it is the user's palette that decides. */
double tui_theme_contrast(const struct tui_theme *theme, enum tui_depth depth, const char **what);
/* The lowest of one role, and where. */
double tui_theme_role_contrast(const struct tui_theme *theme, enum tui_depth depth, enum tui_role role, enum tui_layer *layer);
#define TUI_CONTRAST 4.5 /* what text needs to be read: AA */
/* Lines and bars, which need less contrast than text. */
int tui_role_is_graphic(enum tui_role role);
const char *tui_role_name(enum tui_role role);
const char *tui_layer_name(enum tui_layer layer);
const char *tui_depth_name(enum tui_depth depth);

/* Every mistake of a theme (as tui_theme_load), or none; text is safe to show and says what to do. ORB_E_CONFIG: it cannot be read. */
typedef void (*tui_theme_mistake_cb)(void *arg, int line, const char *text);
int tui_theme_check(const char *name, tui_theme_mistake_cb cb, void *arg, struct tui_theme **out, struct orb_error *err) ORB_MUST_CHECK;

/* Every theme that can be found, each name once, sorted; ends with name NULL. Valid until the next call. */
struct tui_theme_row {
    const char *name, *file;
};
const struct tui_theme_row *tui_theme_list(void);

/* What the terminal can: from NO_COLOR, COLORTERM and TERM; colors = what terminfo says, -1 = not known. */
enum tui_depth tui_depth_find(int colors);

#endif
