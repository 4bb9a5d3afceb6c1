/* The texts of themes/, made at build time. */
#ifndef ORB_TUI_THEMES_H
#define ORB_TUI_THEMES_H

struct tui_theme_text {
    const char *name, *text;
};
extern const struct tui_theme_text tui_theme_texts[]; /* ends with name NULL */

#endif
