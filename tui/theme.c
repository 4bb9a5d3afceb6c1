/* From what a theme file says to how each role looks on each layer, for each kind of terminal. */
#include "color.h"
#include "memory.h"
#include "theme_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };
/* WCAG 2.2: what text needs for AAA (1.4.6), and what graphics need (1.4.11). */
#define BEST_CONTRAST 7.0
#define GRAPHIC_CONTRAST 3.0
#define NAMED_CONTRAST 4.0 /* of 16 colours, which each user has somewhat others: bright blue on black passes, blue does not */

struct tui_theme {
    char name[NAME_MAX_BYTES];
    char *file;
    int is_light;
    struct tui_look looks[TUI_DEPTHS][TUI_ROLE_COUNT][TUI_LAYER_COUNT];
};

static const char *const role_names[] = {
#define NAME(name, text) text,
    TUI_ROLES(NAME)
#undef NAME
};
static const char *const layer_names[] = {
#define NAME(name, text) text,
    TUI_LAYERS(NAME)
#undef NAME
};
static const char *const depth_names[] = {
#define NAME(name, text) text,
    TUI_DEPTH_ROWS(NAME)
#undef NAME
};

/* What tells a role or a layer without colours, when the theme gives it no attributes. */
static const uint8_t plain_roles[TUI_ROLE_COUNT] = {
    [TUI_DIM] = TUI_DIMMED,     [TUI_STRONG] = TUI_BOLD,   [TUI_TITLE] = TUI_BOLD,  [TUI_FAILED] = TUI_BOLD,  [TUI_LOST] = TUI_BOLD,
    [TUI_STALE] = TUI_BOLD,     [TUI_OFFLINE] = TUI_BOLD,  [TUI_TAB_ON] = TUI_REVERSE, [TUI_SORTED] = TUI_UNDERLINE, [TUI_KEY] = TUI_BOLD,
    [TUI_QUESTION] = TUI_BOLD,  [TUI_WARNING] = TUI_BOLD,  [TUI_ERROR] = TUI_BOLD,  [TUI_MATCH] = TUI_REVERSE, [TUI_STEP] = TUI_BOLD,
};
static const uint8_t plain_layers[TUI_LAYER_COUNT] = {
    [TUI_ON_CURSOR] = TUI_REVERSE, [TUI_ON_MARKED] = TUI_BOLD | TUI_UNDERLINE, [TUI_ON_BAR] = TUI_REVERSE, [TUI_ON_HEAD] = TUI_REVERSE,
};

int tui_role_is_graphic(enum tui_role role)
{
    return role == TUI_BORDER || role == TUI_GRAPH || role == TUI_GRAPH_HIGH || role == TUI_METER || role == TUI_METER_FULL;
}

const char *tui_role_name(enum tui_role role)
{
    return role_names[role];
}

const char *tui_layer_name(enum tui_layer layer)
{
    return layer_names[layer];
}

const char *tui_depth_name(enum tui_depth depth)
{
    return depth_names[depth];
}

/* The style of this depth, or the one that is for all. */
static const struct tui_style *style_of(const struct tui_theme_file *file, int subject, enum tui_depth depth)
{
    const struct tui_style *own = &file->styles[subject][depth];
    return own->line ? own : &file->styles[subject][TUI_TRUE];
}

/* What a terminal shows for it, as far as that is known. */
static uint32_t rgb_of(struct tui_color color, int is_ground, int is_light)
{
    if (color.kind == TUI_COLOR_RGB)
        return (uint32_t)color.value;
    if (color.kind == TUI_COLOR_INDEX)
        return tui_color_of_index(color.value);
    return is_light ? (is_ground ? 0xffffff : 0) : is_ground ? 0 : tui_color_of_index(7);
}

static int32_t value_of(struct tui_color color, enum tui_depth depth, uint32_t ground, double least)
{
    if (color.kind == TUI_COLOR_NONE || color.kind == TUI_COLOR_DEFAULT)
        return TUI_DEFAULT;
    if (depth == TUI_TRUE)
        return (int32_t)rgb_of(color, 0, 0);
    if (color.kind == TUI_COLOR_INDEX && (depth == TUI_256 || color.value < 16))
        return color.value;
    return depth == TUI_256 ? tui_color_nearest_256(rgb_of(color, 0, 0), ground, least) : tui_color_nearest_16(rgb_of(color, 0, 0), ground, least);
}

/* Attributes add up; what is reversed twice is as before. */
static int join(int a, int b)
{
    return ((a | b) & ~TUI_REVERSE) | ((a ^ b) & TUI_REVERSE);
}

/* Without colours a layer has what is usual for it beside its attributes, which do not stand for its background; a role has its own or the usual. */
static int attributes_of(const struct tui_theme_file *file, int subject, enum tui_depth depth, uint8_t plain)
{
    int own = style_of(file, subject, depth)->attributes;
    if (depth != TUI_MONO || file->styles[subject][TUI_MONO].line || (subject < TUI_ROLE_COUNT && own))
        return own;
    return own | plain;
}

static int has_own_ground(const struct tui_theme_file *file, enum tui_depth depth, int role)
{
    return role != TUI_TEXT && style_of(file, role, depth)->bg.kind != TUI_COLOR_NONE;
}

/* A layer that says how text looks says it for all roles: a row in one look costs a slow line a fraction of one in many. */
static int is_one_look(const struct tui_theme_file *file, enum tui_depth depth, int role, int layer)
{
    return !has_own_ground(file, depth, role) && style_of(file, TUI_ROLE_COUNT + layer, depth)->fg.kind != TUI_COLOR_NONE;
}

/* A role with a background of its own keeps both its colours; else the layer's come first, then the role's, then those of text and row. */
static void choose(const struct tui_theme_file *file, enum tui_depth depth, int role, int layer, struct tui_color *fg, struct tui_color *bg)
{
    const struct tui_style *r = style_of(file, role, depth), *l = style_of(file, TUI_ROLE_COUNT + layer, depth);
    *fg = is_one_look(file, depth, role, layer) ? l->fg : r->fg;
    *bg = has_own_ground(file, depth, role) ? r->bg : l->bg;
    if (fg->kind == TUI_COLOR_NONE)
        *fg = style_of(file, TUI_TEXT, depth)->fg;
    if (bg->kind == TUI_COLOR_NONE)
        *bg = style_of(file, TUI_ROLE_COUNT + TUI_ON_PLAIN, depth)->bg;
    if (bg->kind == TUI_COLOR_NONE)
        *bg = style_of(file, TUI_TEXT, depth)->bg;
}

/* Few colours must not make unreadable what is readable with all of them. */
static double least_contrast(enum tui_depth depth, int is_graphic, double own)
{
    double least = is_graphic ? GRAPHIC_CONTRAST : depth == TUI_16 ? NAMED_CONTRAST : own >= BEST_CONTRAST ? BEST_CONTRAST : TUI_CONTRAST;
    return own < least ? own : least;
}

static struct tui_look look_of(const struct tui_theme_file *file, enum tui_depth depth, int role, int layer)
{
    struct tui_color fg, bg, true_fg, true_bg;
    struct tui_look look = {TUI_DEFAULT, TUI_DEFAULT, 0};
    look.attributes = join(attributes_of(file, role, depth, plain_roles[role]), attributes_of(file, TUI_ROLE_COUNT + layer, depth, plain_layers[layer]));
    if (depth == TUI_MONO)
        return look;
    if (is_one_look(file, depth, role, layer))
        look.attributes = style_of(file, TUI_ROLE_COUNT + layer, depth)->attributes;
    choose(file, depth, role, layer, &fg, &bg);
    choose(file, TUI_TRUE, role, layer, &true_fg, &true_bg);
    double least = least_contrast(depth, tui_role_is_graphic((enum tui_role)role),
                                  tui_color_contrast(rgb_of(true_fg, 0, file->is_light), rgb_of(true_bg, 1, file->is_light)));
    look.bg = value_of(bg, depth, 0, 0);
    if (depth != TUI_TRUE && look.bg != TUI_DEFAULT)
        bg = (struct tui_color){TUI_COLOR_INDEX, look.bg};
    look.fg = value_of(fg, depth, rgb_of(bg, 1, file->is_light), least);
    return look;
}

/* The cursor and the marks must be seen, also when the theme forgot them or few colours made them like any row. */
static void show_layer(struct tui_look *look, const struct tui_look *row, enum tui_layer layer)
{
    int is_same = look->fg == row->fg && look->bg == row->bg && look->attributes == row->attributes;
    if (is_same && (layer == TUI_ON_CURSOR || layer == TUI_ON_MARKED))
        look->attributes = join(look->attributes, plain_layers[layer]);
}

static void resolve(const struct tui_theme_file *file, struct tui_theme *theme)
{
    for (int depth = 0; depth < TUI_DEPTHS; depth++)
        for (int role = 0; role < TUI_ROLE_COUNT; role++)
            for (int layer = 0; layer < TUI_LAYER_COUNT; layer++) {
                struct tui_look *looks = theme->looks[depth][role];
                looks[layer] = look_of(file, (enum tui_depth)depth, role, layer);
                if (style_of(file, role, (enum tui_depth)depth)->bg.kind == TUI_COLOR_NONE)
                    show_layer(&looks[layer], &looks[TUI_ON_PLAIN], (enum tui_layer)layer);
            }
}

/* "gruvbox-dark" of a path or of a name. */
static void stem(const char *name, char out[NAME_MAX_BYTES])
{
    const char *from = strrchr(name, '/');
    from = from ? from + 1 : name;
    size_t len = strlen(from), suffix = strlen(".theme");
    if (len > suffix && !strcmp(from + len - suffix, ".theme"))
        len -= suffix;
    char *copy = tui_dup(from, len);
    orb_safe_text(copy, len, ORB_SAFE_LINE, out, NAME_MAX_BYTES);
    free(copy);
}

int tui_theme_check(const char *name, tui_theme_mistake_cb cb, void *arg, struct tui_theme **out, struct orb_error *err)
{
    char *text, *path;
    int rc = tui_theme_find(name, &text, &path, err);
    if (rc)
        return rc;
    struct tui_theme_file file;
    struct tui_theme *theme = tui_alloc(1, sizeof *theme);
    tui_theme_parse(text, &file, cb, arg);
    free(text);
    theme->file = path;
    theme->is_light = file.is_light;
    if (*file.name)
        snprintf(theme->name, sizeof theme->name, "%s", file.name);
    else
        stem(name, theme->name);
    resolve(&file, theme);
    *out = theme;
    return 0;
}

struct first {
    const char *name;
    struct orb_error *err;
    int count, line;
    char text[400];
};

static void on_mistake(void *arg, int line, const char *text)
{
    struct first *first = arg;
    if (first->count++)
        return;
    first->line = line;
    snprintf(first->text, sizeof first->text, "%s", text);
}

int tui_theme_load(const char *name, struct tui_theme **out, struct orb_error *err)
{
    struct first first = {.name = name, .err = err};
    struct tui_theme *theme;
    int rc = tui_theme_check(name, on_mistake, &first, &theme, err);
    if (rc)
        return rc;
    if (first.count) {
        char more[64] = "";
        if (first.count > 1)
            snprintf(more, sizeof more, " (and %d more: `orbiter theme check` tells them)", first.count - 1);
        orb_error_set(err, ORB_E_CONFIG, "%s:%d: %s%s", *theme->file ? theme->file : name, first.line, first.text, more);
        tui_theme_free(theme);
        return ORB_E_CONFIG;
    }
    *out = theme;
    return 0;
}

void tui_theme_free(struct tui_theme *theme)
{
    if (!theme)
        return;
    free(theme->file);
    free(theme);
}

const char *tui_theme_name(const struct tui_theme *theme)
{
    return theme->name;
}

int tui_theme_is_light(const struct tui_theme *theme)
{
    return theme->is_light;
}

const char *tui_theme_file(const struct tui_theme *theme)
{
    return theme->file;
}

struct tui_look tui_theme_look(const struct tui_theme *theme, enum tui_depth depth, enum tui_role role, enum tui_layer layer)
{
    return theme->looks[depth][role][layer];
}

static uint32_t shown(const struct tui_theme *theme, enum tui_depth depth, int32_t value, int is_ground)
{
    struct tui_color color = {value == TUI_DEFAULT ? TUI_COLOR_DEFAULT : depth == TUI_TRUE ? TUI_COLOR_RGB : TUI_COLOR_INDEX, value};
    return rgb_of(color, is_ground, theme->is_light);
}

double tui_theme_role_contrast(const struct tui_theme *theme, enum tui_depth depth, enum tui_role role, enum tui_layer *layer)
{
    double lowest = 0;
    for (int i = 0; i < TUI_LAYER_COUNT; i++) {
        const struct tui_look *look = &theme->looks[depth][role][i];
        double contrast = tui_color_contrast(shown(theme, depth, look->fg, 0), shown(theme, depth, look->bg, 1));
        if (i == 0 || contrast < lowest) {
            lowest = contrast;
            *layer = (enum tui_layer)i;
        }
    }
    return lowest;
}

double tui_theme_contrast(const struct tui_theme *theme, enum tui_depth depth, const char **what)
{
    static char names[64];
    double lowest = 0;
    enum tui_layer layer;
    for (int role = 0; role < TUI_ROLE_COUNT; role++) {
        if (tui_role_is_graphic((enum tui_role)role))
            continue;
        double contrast = tui_theme_role_contrast(theme, depth, (enum tui_role)role, &layer);
        if (role > 0 && contrast >= lowest)
            continue;
        lowest = contrast;
        snprintf(names, sizeof names, "%s on %s", role_names[role], layer_names[layer]);
    }
    *what = names;
    return lowest;
}

static int is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

enum tui_depth tui_depth_find(int colors)
{
    const char *term = getenv("TERM"), *claim = getenv("COLORTERM");
    if (is_set("NO_COLOR") || !term || !*term || !strcmp(term, "dumb") || (colors >= 0 && colors < 8))
        return TUI_MONO;
    if ((claim && (!strcmp(claim, "truecolor") || !strcmp(claim, "24bit"))) || colors > 256)
        return TUI_TRUE;
    if (colors < 0)
        return strstr(term, "-direct") ? TUI_TRUE : strstr(term, "256") ? TUI_256 : TUI_16;
    return colors == 256 ? TUI_256 : TUI_16;
}
