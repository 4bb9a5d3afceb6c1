/* What the commands of orbiter use of the console. */
#ifndef ORB_TUI_TUI_H
#define ORB_TUI_TUI_H

#include "theme.h"

/* Every role on every layer, as lines of text with escape sequences (plain: without); new memory, the caller's. */
char *tui_theme_sample(const struct tui_theme *theme, enum tui_depth depth, int is_plain);

#endif
