/* Theme files: what they say, every mistake in them, and what is left of the colours on terminals with few. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/child.h"
#include "tui/color.h"
#include "tui/theme_file.h"
#include "tui/themes.h"

static char dir[TEST_PATH_MAX];

static const char *in_dir(const char *name)
{
    static char path[TEST_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct tui_theme *load(const char *text)
{
    struct tui_theme *theme;
    struct orb_error err;
    test_file_write(in_dir("mine.theme"), text);
    if (tui_theme_load(in_dir("mine.theme"), &theme, &err))
        fail_msg("%s", err.text);
    return theme;
}

static void expect_look(const struct tui_theme *theme, enum tui_depth depth, enum tui_role role, enum tui_layer layer, int32_t fg, int32_t bg, int attributes)
{
    struct tui_look look = tui_theme_look(theme, depth, role, layer);
    if (look.fg != fg || look.bg != bg || look.attributes != attributes)
        fail_msg("depth %d, %s on %s: fg %x bg %x attributes %d, not %x %x %d", depth, tui_role_name(role), tui_layer_name(layer), (unsigned)look.fg,
                 (unsigned)look.bg, look.attributes, (unsigned)fg, (unsigned)bg, attributes);
}

static void contrast_is_that_of_wcag(void **state)
{
    (void)state;
    assert_true(fabs(tui_color_contrast(0, 0xffffff) - 21) < 0.001);
    assert_true(fabs(tui_color_contrast(0x767676, 0xffffff) - 4.54) < 0.005); /* the grey that just passes */
    assert_true(tui_color_contrast(0x777777, 0xffffff) < 4.5);
    assert_true(fabs(tui_color_contrast(0x123456, 0x123456) - 1) < 0.001);
}

static void the_nearest_colour_is_found(void **state)
{
    (void)state;
    for (int i = 16; i < 256; i++) /* some greys are there twice */
        assert_int_equal(tui_color_of_index(tui_color_nearest_256(tui_color_of_index(i), 0, 1)), tui_color_of_index(i));
    assert_int_equal(tui_color_nearest_256(0xfe8019, 0, 1), 208);
    assert_int_equal(tui_color_nearest_256(0x282828, 0, 1), 235);
    for (int i = 0; i < 16; i++)
        assert_int_equal(tui_color_nearest_16(tui_color_of_index(i), 0, 1), i);
    /* Pale colours keep their hue. */
    assert_int_equal(tui_color_nearest_16(0xf38ba8, 0, 1), 9);
    assert_int_equal(tui_color_nearest_16(0xa6e3a1, 0, 1), 10);
    assert_int_equal(tui_color_nearest_16(0x1e1e2e, 0, 1), 0);
    assert_int_equal(tui_color_nearest_16(0xd5dbe3, 0, 1), 7);
}

static void the_nearest_colour_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(tui_color_nearest_16(0x0000ee, 0, 1), 4);
    assert_int_equal(tui_color_nearest_16(0x0000ee, 0, 4), 12); /* blue on black is not */
    for (uint32_t ground = 0; ground <= 0xffffff; ground += 0x0f0d0b)
        for (uint32_t rgb = 0; rgb <= 0xffffff; rgb += 0x1f1d1b) {
            assert_true(tui_color_contrast(tui_color_of_index(tui_color_nearest_256(rgb, ground, 4.5)), ground) >= 4.5);
            assert_true(tui_color_contrast(tui_color_of_index(tui_color_nearest_16(rgb, ground, 4.5)), ground) >= 4.5);
        }
    assert_int_equal(tui_color_nearest_256(0x808080, 0x777777, 9), 16); /* none has it: the one with the most */
}

static void a_file_says_how_roles_look(void **state)
{
    struct tui_theme *theme = load("# mine\n[theme]\nname = My theme\nvariant = light\n[palette]\nred = #a81216\n"
                                   "[style]\ntext = #22272e\nrow = bg:#fbfbf8\nstate.failed = red bold\nstate.failed.16 = brightred\n"
                                   "row.cursor = bg:#cfe0f5\ntab.current = default bg:red italic\n  head = bg:blue reverse ; indented, with a comment\n");
    (void)state;
    assert_string_equal(tui_theme_name(theme), "My theme");
    assert_true(tui_theme_is_light(theme));
    assert_string_equal(tui_theme_file(theme), in_dir("mine.theme"));
    expect_look(theme, TUI_TRUE, TUI_TEXT, TUI_ON_PLAIN, 0x22272e, 0xfbfbf8, 0);
    expect_look(theme, TUI_TRUE, TUI_FAILED, TUI_ON_PLAIN, 0xa81216, 0xfbfbf8, TUI_BOLD);
    expect_look(theme, TUI_TRUE, TUI_FAILED, TUI_ON_CURSOR, 0xa81216, 0xcfe0f5, TUI_BOLD);
    expect_look(theme, TUI_TRUE, TUI_TOAST, TUI_ON_PLAIN, 0x22272e, 0xfbfbf8, 0); /* missing: as text */
    expect_look(theme, TUI_TRUE, TUI_TAB_ON, TUI_ON_CURSOR, TUI_DEFAULT, 0xa81216, TUI_ITALIC); /* a background of its own stays */
    expect_look(theme, TUI_TRUE, TUI_TEXT, TUI_ON_HEAD, 0x22272e, 0x0000ee, TUI_REVERSE); /* no palette has blue: the terminal's */
    expect_look(theme, TUI_256, TUI_TEXT, TUI_ON_HEAD, tui_color_nearest_256(0x22272e, 0x0000ee, 1.5), 4, TUI_REVERSE);
    expect_look(theme, TUI_16, TUI_FAILED, TUI_ON_PLAIN, 9, 15, 0); /* given; its attributes are, too */
    expect_look(theme, TUI_MONO, TUI_FAILED, TUI_ON_PLAIN, TUI_DEFAULT, TUI_DEFAULT, TUI_BOLD);
    expect_look(theme, TUI_MONO, TUI_TEXT, TUI_ON_HEAD, TUI_DEFAULT, TUI_DEFAULT, TUI_REVERSE);
    tui_theme_free(theme);
    tui_theme_free(NULL);
}

static void a_layer_can_have_one_colour_for_all_text(void **state)
{
    struct tui_theme *theme = load("[style]\ntext = #ffffff\nrow = bg:#000000\nrow.cursor = #111111 bg:#eeeeee\nstate.failed = #ff0000 bold\n");
    (void)state;
    expect_look(theme, TUI_TRUE, TUI_FAILED, TUI_ON_CURSOR, 0x111111, 0xeeeeee, 0);
    expect_look(theme, TUI_TRUE, TUI_FAILED, TUI_ON_PLAIN, 0xff0000, 0, TUI_BOLD);
    tui_theme_free(theme);
}

static void without_colours_attributes_tell(void **state)
{
    struct tui_theme *theme = load("[style]\nmatch = bg:#ffff00\nrow.cursor = bg:#333333\nkey = bold\nkey.mono = underline\nerror.mono = none\n");
    (void)state;
    expect_look(theme, TUI_MONO, TUI_TEXT, TUI_ON_CURSOR, TUI_DEFAULT, TUI_DEFAULT, TUI_REVERSE); /* nothing was said: the usual one */
    expect_look(theme, TUI_MONO, TUI_MATCH, TUI_ON_PLAIN, TUI_DEFAULT, TUI_DEFAULT, TUI_REVERSE);
    expect_look(theme, TUI_MONO, TUI_MATCH, TUI_ON_CURSOR, TUI_DEFAULT, TUI_DEFAULT, 0); /* reversed in what is reversed */
    expect_look(theme, TUI_MONO, TUI_KEY, TUI_ON_PLAIN, TUI_DEFAULT, TUI_DEFAULT, TUI_UNDERLINE);
    expect_look(theme, TUI_MONO, TUI_ERROR, TUI_ON_PLAIN, TUI_DEFAULT, TUI_DEFAULT, 0);
    expect_look(theme, TUI_TRUE, TUI_ERROR, TUI_ON_PLAIN, TUI_DEFAULT, TUI_DEFAULT, 0);
    tui_theme_free(theme);
}

/* Also in a theme that says nothing of them, and where few colours would make them like any row. */
static void cursor_and_marks_are_seen(void **state)
{
    struct tui_theme *theme = load("[style]\ntext = #dddddd\nrow = bg:#101010\nrow.cursor = bg:#181818\n");
    (void)state;
    expect_look(theme, TUI_TRUE, TUI_TEXT, TUI_ON_CURSOR, 0xdddddd, 0x181818, 0);
    expect_look(theme, TUI_16, TUI_TEXT, TUI_ON_CURSOR, 7, 0, TUI_REVERSE);
    expect_look(theme, TUI_TRUE, TUI_TEXT, TUI_ON_MARKED, 0xdddddd, 0x101010, TUI_BOLD | TUI_UNDERLINE);
    tui_theme_free(theme);
}

static void few_colours_stay_readable(void **state)
{
    struct tui_theme *theme = load("[style]\nrow = bg:#000000\ntext = #ffffff\nerror = #8080ff\ndim = #444444\n");
    const char *what;
    (void)state;
    assert_true(tui_theme_contrast(theme, TUI_TRUE, &what) < 3);
    assert_string_equal(what, "dim on row");
    struct tui_look look = tui_theme_look(theme, TUI_256, TUI_ERROR, TUI_ON_PLAIN);
    assert_true(tui_color_contrast(tui_color_of_index(look.fg), 0) >= 4.5);
    look = tui_theme_look(theme, TUI_16, TUI_ERROR, TUI_ON_PLAIN);
    assert_int_equal(look.fg, 12);
    look = tui_theme_look(theme, TUI_256, TUI_DIM, TUI_ON_PLAIN); /* what is not readable stays as it is */
    assert_int_equal(look.fg, 238);
    tui_theme_free(theme);
}

struct found {
    int count, line;
    char text[512];
};

static void on_mistake(void *arg, int line, const char *text)
{
    struct found *found = arg;
    found->count++;
    found->line = line;
    snprintf(found->text, sizeof found->text, "%s", text);
}

static void every_mistake_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *want;
    } rows[] = {
        {"[style]\nstate.faild = red\n", 2, "no role 'state.faild': did you mean 'state.failed'?"},
        {"[style]\nstate.faild.16 = red\n", 2, "no role 'state.faild.16': did you mean 'state.failed.16'?"},
        {"[style]\nquux = red\n", 2, "no role 'quux': `orbiter theme show` lists them"},
        {"[style]\nkey.8bit = red\n", 2, "'8bit' is no depth: leave it out, or take one of 256, 16, mono"},
        {"[palette]\nflame = #ff0000\n[style]\nkey = flam\n", 4, "'flam' is no colour and no attribute here: did you mean 'flame'?"},
        {"[style]\n\n\nkey = bg:#ff00\n", 4, "'#ff00' is no colour and no attribute: write #rrggbb, a name that [palette] gives above"},
        {"[style]\nkey = #ff00zz\n", 2, "'#ff00zz' is no colour"},
        {"[style]\nkey = red blue\n", 2, "'blue' is a second colour for the text: leave one of them"},
        {"[style]\nkey = bg:red bg:blue\n", 2, "'bg:blue' is a second colour for the background"},
        {"[style]\nkey = bold 7\n", 2, "'7' is no colour"},
        {"[style]\nkey.256 = 256\n", 2, "'256' is no colour and no attribute: write #rrggbb, a name that [palette] gives above, red or brightred, default, 0 to 255"},
        {"[palette]\nflame = #ff0000\n[style]\nkey.16 = flame\n", 4, "'flame' is no colour of 16"},
        {"[style]\nkey.16 = #ff0000\n", 2, "'#ff0000' is no colour of 16: write black"},
        {"[style]\nkey.mono = red\n", 2, "'red': without colours there are bold"},
        {"[style]\nkey = red\nkey.16 = red\nkey = blue\n", 4, "key is given a second time, first in line 2: leave one of them"},
        {"[palette]\nred = #12345\n", 2, "red = '#12345' is no colour: write #rrggbb"},
        {"[palette]\nred = #123456\nred = #123456\n", 3, "red is given a second time"},
        {"[palette]\nbold = #123456\n", 2, "'bold' cannot be the name of a colour"},
        {"[palette]\n12 = #123456\n", 2, "'12' cannot be the name of a colour"},
        {"[theme]\nvariant = drak\n", 2, "variant = 'drak': write dark or light"},
        {"[theme]\nauthor = me\n", 2, "nothing reads 'author' in [theme]: there are name and variant"},
        {"[colours]\nred = #123456\n", 2, "nothing reads [colours]: there are [theme], [palette] and [style]"},
        {"red = #123456\n", 1, "'red' stands above every section"},
        {"[style]\n# fine\nbold\nkey = red\n", 3, "neither [section] nor name = value"},
        {"[style\n", 1, "neither [section] nor name = value"},
        {"[style]\nkey = red\nbold", 3, "neither [section] nor name = value"},
        {"[style]\nkey = \033[31m\n", 2, "'\\x1b[31m' is no colour"},
    };
    struct tui_theme_file file;
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct found found = {0};
        tui_theme_parse(rows[i].text, &file, on_mistake, &found);
        if (found.count != 1 || found.line != rows[i].line || !strstr(found.text, rows[i].want))
            fail_msg("row %zu: %d mistakes, the last: %d: %s", i, found.count, found.line, found.text);
    }
}

static void a_long_line_is_a_mistake_and_the_next_is_read(void **state)
{
    char text[600] = "[style]\n# ";
    struct tui_theme_file file;
    struct found found = {0};
    (void)state;
    memset(text + strlen(text), 'x', 400);
    strcat(text, "\nkey = red\nbogus = red\n");
    tui_theme_parse(text, &file, on_mistake, &found);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.line, 4);
    assert_int_equal(file.styles[TUI_KEY][TUI_TRUE].line, 3);
}

static void too_many_colours_are_a_mistake(void **state)
{
    char text[2000] = "[palette]\n";
    struct tui_theme_file file;
    struct found found = {0};
    (void)state;
    for (int i = 0; i < 65; i++)
        sprintf(text + strlen(text), "c%d = #000000\n", i);
    tui_theme_parse(text, &file, on_mistake, &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.line, 66);
}

static void expect_error(const char *name, const char *want)
{
    struct tui_theme *theme;
    struct orb_error err;
    assert_int_equal(tui_theme_load(name, &theme, &err), ORB_E_CONFIG);
    if (!strstr(err.text, want))
        fail_msg("%s: not: %s", err.text, want);
}

static void what_cannot_be_loaded_says_why(void **state)
{
    char want[TEST_PATH_MAX + 128];
    (void)state;
    test_file_write(in_dir("mine.theme"), "[style]\n\nkey = rot\nfoo = red\n");
    snprintf(want, sizeof want, "%s:3: 'rot' is no colour", in_dir("mine.theme"));
    expect_error(in_dir("mine.theme"), want);
    expect_error(in_dir("mine.theme"), "(and 1 more: `orbiter theme check` tells them)");
    expect_error(in_dir("none.theme"), "none.theme: No such file or directory: name a theme of `orbiter theme list`");
    expect_error(dir, "no text file of at most");
    expect_error("orbit-drak", "no theme 'orbit-drak': did you mean 'orbit-dark'?");
    expect_error("zzz", "no theme 'zzz': `orbiter theme list` shows them");
    expect_error("", "no theme ''");
    char *big = malloc(70000);
    memset(big, '#', 69999);
    big[69999] = '\0';
    test_file_write(in_dir("mine.theme"), big);
    free(big);
    expect_error(in_dir("mine.theme"), "no text file of at most 65536 bytes");
}

static void a_theme_of_ones_own_comes_first(void **state)
{
    struct tui_theme *theme;
    struct orb_error err;
    int own = 0, built_in = 0;
    (void)state;
    assert_int_equal(tui_theme_load("mono", &theme, &err), 0);
    assert_string_equal(tui_theme_name(theme), "mono");
    tui_theme_free(theme);
    setenv("XDG_CONFIG_HOME", dir, 1);
    mkdir(in_dir("orbiter"), 0700);
    mkdir(in_dir("orbiter/themes"), 0700);
    test_file_write(in_dir("orbiter/themes/mono.theme"), "[theme]\nname = my mono\n");
    test_file_write(in_dir("orbiter/themes/zebra.theme"), "");
    assert_int_equal(tui_theme_load("mono", &theme, &err), 0);
    assert_string_equal(tui_theme_name(theme), "my mono");
    assert_string_equal(tui_theme_file(theme), in_dir("orbiter/themes/mono.theme"));
    tui_theme_free(theme);
    assert_int_equal(tui_theme_load("zebra", &theme, &err), 0);
    assert_string_equal(tui_theme_name(theme), "zebra");
    tui_theme_free(theme);
    const char *before = "";
    for (const struct tui_theme_row *row = tui_theme_list(); row->name; before = row->name, row++) {
        assert_true(strcmp(before, row->name) < 0);
        own += strstr(row->file, dir) != NULL;
        built_in += !strcmp(row->name, "orbit-dark");
    }
    assert_int_equal(own, 2);
    assert_int_equal(built_in, 1);
    unsetenv("XDG_CONFIG_HOME");
}

static void depth_comes_from_the_environment(void **state)
{
    static const struct {
        const char *term, *colorterm, *no_color;
        int colors;
        enum tui_depth want;
    } rows[] = {
        {"xterm-256color", "truecolor", NULL, 256, TUI_TRUE}, {"xterm-256color", "24bit", NULL, 256, TUI_TRUE}, {"xterm-256color", NULL, NULL, 256, TUI_256},
        {"xterm-256color", "yes", NULL, -1, TUI_256}, {"xterm", NULL, NULL, 8, TUI_16}, {"xterm-16color", NULL, NULL, 16, TUI_16}, {"linux", NULL, NULL, -1, TUI_16},
        {"vt100", NULL, NULL, 0, TUI_MONO}, {"vt100", "truecolor", NULL, -1, TUI_TRUE}, {"xterm-direct", NULL, NULL, 1 << 24, TUI_TRUE}, {"xterm-direct", NULL, NULL, -1, TUI_TRUE},
        {"dumb", "truecolor", NULL, -1, TUI_MONO}, {NULL, NULL, NULL, -1, TUI_MONO}, {"", NULL, NULL, -1, TUI_MONO},
        {"xterm-256color", "truecolor", "1", 256, TUI_MONO}, {"xterm-256color", NULL, "", 256, TUI_256},
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        unsetenv("TERM"), unsetenv("COLORTERM"), unsetenv("NO_COLOR");
        if (rows[i].term)
            setenv("TERM", rows[i].term, 1);
        if (rows[i].colorterm)
            setenv("COLORTERM", rows[i].colorterm, 1);
        if (rows[i].no_color)
            setenv("NO_COLOR", rows[i].no_color, 1);
        if (tui_depth_find(rows[i].colors) != rows[i].want)
            fail_msg("row %zu: %d", i, tui_depth_find(rows[i].colors));
    }
    unsetenv("NO_COLOR");
}

static const enum tui_role states[] = {TUI_PENDING, TUI_RUNNING, TUI_COMPLETED, TUI_FAILED, TUI_CANCELLED, TUI_RETRYING};

static double channel(int32_t rgb, int shift)
{
    double c = (rgb >> shift & 0xff) / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double root(double t)
{
    return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

/* What an eye without one kind of cones sees (Machado, Oliveira and Fernandes 2009, severity 1), in CIELAB. */
static void see(int32_t rgb, const double m[3][3], double lab[3])
{
    double in[3] = {channel(rgb, 16), channel(rgb, 8), channel(rgb, 0)}, out[3];
    for (int i = 0; i < 3; i++)
        out[i] = fmin(1, fmax(0, m[i][0] * in[0] + m[i][1] * in[1] + m[i][2] * in[2]));
    double x = root((0.4124 * out[0] + 0.3576 * out[1] + 0.1805 * out[2]) / 0.9505);
    double y = root(0.2126 * out[0] + 0.7152 * out[1] + 0.0722 * out[2]);
    double z = root((0.0193 * out[0] + 0.1192 * out[1] + 0.9505 * out[2]) / 1.089);
    lab[0] = 116 * y - 16, lab[1] = 500 * (x - y), lab[2] = 200 * (y - z);
}

/* The least difference between two states; some 2.3 are just noticeable, 10 are seen at a glance. */
static double difference(const char *name, const double m[3][3])
{
    struct tui_theme *theme;
    struct orb_error err;
    double least = 1000;
    assert_int_equal(tui_theme_load(name, &theme, &err), 0);
    for (size_t i = 0; i < ORB_COUNT(states); i++)
        for (size_t j = 0; j < i; j++) {
            double a[3], b[3];
            see(tui_theme_look(theme, TUI_TRUE, states[i], TUI_ON_PLAIN).fg, m, a);
            see(tui_theme_look(theme, TUI_TRUE, states[j], TUI_ON_PLAIN).fg, m, b);
            least = fmin(least, hypot(hypot(a[0] - b[0], a[1] - b[1]), a[2] - b[2]));
        }
    tui_theme_free(theme);
    return least;
}

static void safe_themes_are_safe_for_such_eyes(void **state)
{
    static const double protan[3][3] = {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}};
    static const double deutan[3][3] = {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}};
    static const double tritan[3][3] = {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}};
    (void)state;
    assert_true(difference("deuter-safe", deutan) >= 15);
    assert_true(difference("deuter-safe", protan) >= 15);
    assert_true(difference("tritan-safe", tritan) >= 15);
    assert_true(difference("high-contrast", deutan) >= 10 && difference("high-contrast", protan) >= 10 && difference("high-contrast", tritan) >= 10);
    assert_true(difference("orbit-dark", deutan) < 10); /* the measure tells them apart */
}

static void expect_readable(const char *name, const struct tui_theme *theme, enum tui_depth depth)
{
    const char *what;
    double least = tui_theme_contrast(theme, depth, &what);
    if (least < (strcmp(name, "high-contrast") ? 4.5 : 7))
        fail_msg("%s: %.2f: %s", name, least, what);
}

static void shipped_themes_are_whole_and_readable(void **state)
{
    size_t count = 0;
    (void)state;
    for (const struct tui_theme_text *t = tui_theme_texts; t->name; t++, count++) {
        struct tui_theme *theme;
        struct orb_error err;
        if (tui_theme_load(t->name, &theme, &err))
            fail_msg("%s", err.text);
        assert_string_equal(tui_theme_name(theme), t->name);
        expect_readable(t->name, theme, TUI_TRUE);
        expect_readable(t->name, theme, TUI_256);
        for (int depth = 0; depth < TUI_DEPTHS; depth++)
            for (int role = 0; role < TUI_ROLE_COUNT; role++) {
                struct tui_look row = tui_theme_look(theme, (enum tui_depth)depth, (enum tui_role)role, TUI_ON_PLAIN);
                struct tui_look cursor = tui_theme_look(theme, (enum tui_depth)depth, (enum tui_role)role, TUI_ON_CURSOR);
                if (role != TUI_TAB_ON && role != TUI_MATCH)
                    assert_true(row.bg != cursor.bg || row.attributes != cursor.attributes);
                if (depth == TUI_MONO)
                    assert_true(row.fg == TUI_DEFAULT && row.bg == TUI_DEFAULT);
                if (depth == TUI_TRUE && row.fg != TUI_DEFAULT)
                    assert_true(tui_color_contrast((uint32_t)row.fg, (uint32_t)row.bg) >= 3); /* graphics, too */
            }
        tui_theme_free(theme);
    }
    assert_true(count >= 9);
}

static int setup(void **state)
{
    (void)state;
    setenv("HOME", "/nonexistent", 1);
    unsetenv("XDG_CONFIG_HOME"), unsetenv("XDG_DATA_HOME"), unsetenv("XDG_DATA_DIRS");
    test_tempdir(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_rmtree(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contrast_is_that_of_wcag),
        cmocka_unit_test(the_nearest_colour_is_found),
        cmocka_unit_test(the_nearest_colour_can_be_read),
        cmocka_unit_test(a_file_says_how_roles_look),
        cmocka_unit_test(a_layer_can_have_one_colour_for_all_text),
        cmocka_unit_test(without_colours_attributes_tell),
        cmocka_unit_test(cursor_and_marks_are_seen),
        cmocka_unit_test(few_colours_stay_readable),
        cmocka_unit_test(every_mistake_is_told_with_its_line),
        cmocka_unit_test(a_long_line_is_a_mistake_and_the_next_is_read),
        cmocka_unit_test(too_many_colours_are_a_mistake),
        cmocka_unit_test(what_cannot_be_loaded_says_why),
        cmocka_unit_test(a_theme_of_ones_own_comes_first),
        cmocka_unit_test(depth_comes_from_the_environment),
        cmocka_unit_test(safe_themes_are_safe_for_such_eyes),
        cmocka_unit_test(shipped_themes_are_whole_and_readable),
    };

    return cmocka_run_group_tests_name("theme", tests, setup, teardown);
}
