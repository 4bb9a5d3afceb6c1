/* Theme files: [theme], [palette] and [style], read by inih. It tells nobody which line it is at nor all that it passes over,
 * so the lines are counted here, where it gets them from. */
#include "theme_file.h"

#include <ini.h>
#include <orbiter/options.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PALETTE_MAX = 64, WORD_MAX = 64, ANSI_COUNT = 16 };
#define DEPTH_NAMES "256, 16, mono"

struct palette_color {
    char name[WORD_MAX];
    uint32_t rgb;
};

struct reading {
    const char *at;    /* what is left of the text */
    int line, is_open; /* is_open: the handler has to hear of this line yet */
    struct palette_color palette[PALETTE_MAX];
    size_t palette_count;
    struct tui_theme_file *out;
    tui_theme_mistake_cb cb;
    void *arg;
};

static const char *const subjects[TUI_SUBJECT_COUNT] = {
#define NAME(name, text) text,
    TUI_ROLES(NAME) TUI_LAYERS(NAME)
#undef NAME
};
static const char *const ansi[ANSI_COUNT] = {"black",       "red",       "green",       "yellow",       "blue",       "magenta",       "cyan",       "white",
                                             "brightblack", "brightred", "brightgreen", "brightyellow", "brightblue", "brightmagenta", "brightcyan", "brightwhite"};
static const struct {
    const char *name;
    int attribute;
} attributes[] = {
#define ROW(name, text) {text, TUI_##name},
    TUI_ATTRIBUTES(ROW)
#undef ROW
    {"none", 0},
};
enum { ATTRIBUTE_COUNT = sizeof attributes / sizeof *attributes };

static void ORB_PRINTF(2, 3) mistake(struct reading *r, const char *fmt, ...)
{
    struct orb_error err;
    char text[sizeof err.text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    orb_error_set(&err, ORB_E_CONFIG, "%s", text); /* makes it safe to show */
    r->cb(r->arg, r->line, err.text);
}

static int find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return -1;
}

static int find_attribute(const char *word)
{
    for (int i = 0; i < ATTRIBUTE_COUNT; i++)
        if (!strcmp(attributes[i].name, word))
            return i;
    return -1;
}

/* #rrggbb */
static int read_rgb(const char *word, uint32_t *out)
{
    if (word[0] != '#' || strlen(word) != 7 || strspn(word + 1, "0123456789abcdefABCDEF") != 6)
        return 0;
    *out = (uint32_t)strtoul(word + 1, NULL, 16);
    return 1;
}

static int read_index(const char *word, int count, int *out)
{
    size_t len = strlen(word);
    if (len == 0 || len > 3 || strspn(word, "0123456789") != len || atoi(word) >= count)
        return 0;
    *out = atoi(word);
    return 1;
}

static const struct palette_color *find_in_palette(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->palette_count; i++)
        if (!strcmp(r->palette[i].name, name))
            return &r->palette[i];
    return NULL;
}

static void no_color(struct reading *r, enum tui_depth depth, const char *word)
{
    const char *names[PALETTE_MAX + ANSI_COUNT + ATTRIBUTE_COUNT], *near;
    size_t count = 0;
    for (size_t i = 0; depth != TUI_16 && i < r->palette_count; i++)
        names[count++] = r->palette[i].name;
    for (size_t i = 0; i < ANSI_COUNT; i++)
        names[count++] = ansi[i];
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
        names[count++] = attributes[i].name;
    near = orb_options_nearest(word, names, count);
    if (near)
        mistake(r, "'%s' is no colour and no attribute here: did you mean '%s'?", word, near);
    else if (depth == TUI_16)
        mistake(r, "'%s' is no colour of 16: write black, red, green, yellow, blue, magenta, cyan, white, one of them as brightred, or default", word);
    else
        mistake(r, "'%s' is no colour and no attribute: write #rrggbb, a name that [palette] gives above, red or brightred, default%s, or bold, dim, italic, underline, reverse",
                word, depth == TUI_256 ? ", 0 to 255" : "");
}

/* A name means what the palette says, but for 16 colours, where it is one of these. */
static int read_color(struct reading *r, enum tui_depth depth, const char *word, struct tui_color *out)
{
    const struct palette_color *mine = depth == TUI_16 ? NULL : find_in_palette(r, word);
    uint32_t rgb;
    int index = find(ansi, ANSI_COUNT, word);
    if (!strcmp(word, "default"))
        *out = (struct tui_color){TUI_COLOR_DEFAULT, 0};
    else if (mine)
        *out = (struct tui_color){TUI_COLOR_RGB, (int32_t)mine->rgb};
    else if (depth != TUI_16 && read_rgb(word, &rgb))
        *out = (struct tui_color){TUI_COLOR_RGB, (int32_t)rgb};
    else if (index >= 0 || (depth == TUI_256 && read_index(word, 256, &index)))
        *out = (struct tui_color){TUI_COLOR_INDEX, index};
    else {
        no_color(r, depth, word);
        return 0;
    }
    return 1;
}

static void read_word(struct reading *r, enum tui_depth depth, const char *word, struct tui_style *style)
{
    int attribute = find_attribute(word), is_ground = !strncmp(word, "bg:", 3);
    struct tui_color *color = is_ground ? &style->bg : &style->fg, read;
    if (attribute >= 0)
        style->attributes |= attributes[attribute].attribute;
    else if (depth == TUI_MONO)
        mistake(r, "'%s': without colours there are bold, dim, italic, underline, reverse and none", word);
    else if (color->kind != TUI_COLOR_NONE)
        mistake(r, "'%s' is a second colour for the %s: leave one of them", word, is_ground ? "background" : "text");
    else if (read_color(r, depth, word + (is_ground ? 3 : 0), &read))
        *color = read;
}

/* "state.failed.16": the subject, and its depth. -1 = there is none; said. */
static int find_subject(struct reading *r, const char *name, enum tui_depth *depth)
{
    char head[WORD_MAX];
    int subject = find(subjects, TUI_SUBJECT_COUNT, name), found = TUI_TRUE;
    *depth = TUI_TRUE;
    if (subject >= 0)
        return subject;
    const char *dot = strrchr(name, '.'), *near;
    snprintf(head, sizeof head, "%.*s", dot ? (int)(dot - name) : 0, name);
    subject = find(subjects, TUI_SUBJECT_COUNT, head);
    while (dot && --found >= 0 && strcmp(dot + 1, tui_depth_name((enum tui_depth)found)))
        ;
    if (subject >= 0 && dot && found >= 0) {
        *depth = (enum tui_depth)found;
        return subject;
    }
    int is_deep = dot && found >= 0;
    near = orb_options_nearest(is_deep ? head : name, subjects, TUI_SUBJECT_COUNT);
    if (subject >= 0 && !near)
        mistake(r, "%s: '%s' is no depth: leave it out, or take one of " DEPTH_NAMES, name, dot + 1);
    else if (near)
        mistake(r, "no role '%s': did you mean '%s%s%s'?", name, near, is_deep ? "." : "", is_deep ? tui_depth_name((enum tui_depth)found) : "");
    else
        mistake(r, "no role '%s': `orbiter theme show` lists them", name);
    return -1;
}

static void read_style(struct reading *r, const char *name, const char *value)
{
    char copy[256], *rest = copy, *word;
    enum tui_depth depth;
    int subject = find_subject(r, name, &depth);
    if (subject < 0)
        return;
    struct tui_style *style = &r->out->styles[subject][depth];
    if (style->line) {
        mistake(r, "%s is given a second time, first in line %d: leave one of them", name, style->line);
        return;
    }
    style->line = r->line;
    snprintf(copy, sizeof copy, "%s", value);
    while ((word = strsep(&rest, " \t")))
        if (*word)
            read_word(r, depth, word, style);
}

static void read_palette(struct reading *r, const char *name, const char *value)
{
    uint32_t rgb;
    if (find_attribute(name) >= 0 || !strcmp(name, "default") || strpbrk(name, ":# \t") || strspn(name, "0123456789") == strlen(name))
        mistake(r, "'%s' cannot be the name of a colour, because it means something else: choose another", name);
    else if (strlen(name) >= WORD_MAX)
        mistake(r, "the name %s is longer than %d bytes: choose a shorter one", name, WORD_MAX - 1);
    else if (find_in_palette(r, name))
        mistake(r, "%s is given a second time: leave one of them", name);
    else if (!read_rgb(value, &rgb))
        mistake(r, "%s = '%s' is no colour: write #rrggbb", name, value);
    else if (r->palette_count == PALETTE_MAX)
        mistake(r, "more than %d colours: leave out what no style uses", PALETTE_MAX);
    else {
        struct palette_color *color = &r->palette[r->palette_count++];
        snprintf(color->name, sizeof color->name, "%s", name);
        color->rgb = rgb;
    }
}

static void read_theme(struct reading *r, const char *name, const char *value)
{
    if (!strcmp(name, "name")) {
        if (strlen(value) >= TUI_THEME_NAME_MAX)
            mistake(r, "the name is longer than %d bytes: choose a shorter one", TUI_THEME_NAME_MAX - 1);
        else
            orb_safe_text(value, strlen(value), ORB_SAFE_LINE, r->out->name, sizeof r->out->name);
    } else if (strcmp(name, "variant"))
        mistake(r, "nothing reads '%s' in [theme]: there are name and variant", name);
    else if (strcmp(value, "dark") && strcmp(value, "light"))
        mistake(r, "variant = '%s': write dark or light", value);
    else
        r->out->is_light = *value == 'l';
}

static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;
    r->is_open = 0;
    if (!strcmp(section, "theme"))
        read_theme(r, name, value);
    else if (!strcmp(section, "palette"))
        read_palette(r, name, value);
    else if (!strcmp(section, "style"))
        read_style(r, name, value);
    else if (*section)
        mistake(r, "nothing reads [%s]: there are [theme], [palette] and [style]", section);
    else
        mistake(r, "'%s' stands above every section: write [theme], [palette] or [style] before it", name);
    return 1;
}

/* Of the line that was given last nothing was heard, though there should be. */
static void close_line(struct reading *r)
{
    if (r->is_open)
        mistake(r, "neither [section] nor name = value: mend or remove it, or put # before it");
    r->is_open = 0;
}

/* The next line, as fgets. Blanks before it go: to inih they would mean that the line above goes on. */
static char *next_line(char *line, int cap, void *arg)
{
    struct reading *r = arg;
    close_line(r);
    if (!*r->at)
        return NULL;
    size_t len = strcspn(r->at, "\n"), blanks = strspn(r->at, " \t\r");
    const char *from = r->at + (blanks < len ? blanks : len);
    size_t n = len - (size_t)(from - r->at);
    r->line++;
    r->at += len + (r->at[len] == '\n');
    if (n + 2 >= (size_t)cap) {
        mistake(r, "the line is longer than %d bytes: shorten it", cap - 3);
        n = 0;
    }
    snprintf(line, (size_t)cap, "%.*s\n", (int)n, from);
    r->is_open = n > 0 && !strchr("#;", *line) && !(*line == '[' && strchr(line, ']'));
    return line;
}

void tui_theme_parse(const char *text, struct tui_theme_file *out, tui_theme_mistake_cb cb, void *arg)
{
    struct reading r = {.at = text, .out = out, .cb = cb, .arg = arg};
    memset(out, 0, sizeof *out);
    ini_parse_stream(next_line, &r, on_pair, &r); /* what it finds wrong, close_line finds */
    close_line(&r);
}
