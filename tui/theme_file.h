/* What a theme file says, before it is known for which terminal. */
#ifndef ORB_TUI_THEME_FILE_H
#define ORB_TUI_THEME_FILE_H

#include "theme.h"

enum tui_color_kind { TUI_COLOR_NONE, TUI_COLOR_DEFAULT, TUI_COLOR_RGB, TUI_COLOR_INDEX };

struct tui_color {
    enum tui_color_kind kind;
    int32_t value;
};

struct tui_style {
    struct tui_color fg, bg;
    int attributes;
    int line; /* where it is given; 0 = nowhere */
};

/* Roles, then layers. styles[subject][TUI_TRUE] is the style without a depth. */
enum { TUI_SUBJECT_COUNT = TUI_ROLE_COUNT + TUI_LAYER_COUNT, TUI_THEME_NAME_MAX = 64 };

struct tui_theme_file {
    char name[TUI_THEME_NAME_MAX]; /* "" when it gives none */
    int is_light;
    struct tui_style styles[TUI_SUBJECT_COUNT][TUI_DEPTHS];
};

/* Reads all that can be read and tells every mistake. */
void tui_theme_parse(const char *text, struct tui_theme_file *out, tui_theme_mistake_cb cb, void *arg);

/* The text of a theme (see tui_theme_load) and the file it came from ("" = built in); both the caller's to free. */
int tui_theme_find(const char *name, char **text, char **file, struct orb_error *err) ORB_MUST_CHECK;

#endif
