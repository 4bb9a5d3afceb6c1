/* orbiter theme check: every mistake in theme files, and how well their text can be read. */
#include "cli.h"
#include "tui/tui.h"

#include <stdlib.h>
#include <string.h>

struct checking {
    const struct cli *cli;
    const char *name; /* as it was given */
    struct tui_theme *theme;
    struct mistake {
        int line; /* 0 = of the whole */
        char text[sizeof((struct orb_error *)0)->text];
    } *mistakes;
    size_t count;
};

static void on_mistake(void *arg, int line, const char *text)
{
    struct checking *c = arg;
    c->mistakes = realloc(c->mistakes, (c->count + 1) * sizeof *c->mistakes);
    if (!c->mistakes)
        abort();
    struct mistake *m = &c->mistakes[c->count++];
    m->line = line;
    snprintf(m->text, sizeof m->text, "%s", text);
}

/* One role's contrast where it is the lowest; 0 = it can be read, or is no text. */
static double too_low(const struct checking *c, enum tui_depth depth, int role, enum tui_layer *layer)
{
    double contrast = tui_theme_role_contrast(c->theme, depth, (enum tui_role)role, layer);
    return tui_role_is_graphic((enum tui_role)role) || contrast >= TUI_CONTRAST ? 0 : contrast;
}

/* Many roles look like text, and have its contrast: that is one mistake. */
static void check_contrast(struct checking *c, enum tui_depth depth)
{
    char text[256];
    enum tui_layer layers[TUI_ROLE_COUNT];
    double contrasts[TUI_ROLE_COUNT];
    for (int role = 0; role < TUI_ROLE_COUNT; role++)
        contrasts[role] = too_low(c, depth, role, &layers[role]);
    for (int role = 0; role < TUI_ROLE_COUNT; role++) {
        int same = 0;
        for (int i = role + 1; i < TUI_ROLE_COUNT && contrasts[role] > 0; i++)
            if (layers[i] == layers[role] && contrasts[i] > contrasts[role] - 0.005 && contrasts[i] < contrasts[role] + 0.005) {
                contrasts[i] = 0;
                same++;
            }
        if (contrasts[role] <= 0)
            continue;
        char others[40] = "";
        if (same)
            snprintf(others, sizeof others, " and %d other role%s", same, same == 1 ? "" : "s");
        snprintf(text, sizeof text, "%s%s on %s %s a contrast of %.2f:1 with %s colours: text needs %.1f:1, so make one lighter or darker", tui_role_name((enum tui_role)role), others,
                 tui_layer_name(layers[role]), same ? "have" : "has", contrasts[role], tui_depth_name(depth), TUI_CONTRAST);
        on_mistake(c, 0, text);
    }
}

static void print_people(const struct checking *c)
{
    const char *file = *tui_theme_file(c->theme) ? tui_theme_file(c->theme) : c->name, *what;
    for (size_t i = 0; i < c->count; i++) {
        cli_print_safe(file, strlen(file), ORB_SAFE_LINE);
        if (c->mistakes[i].line)
            printf(":%d", c->mistakes[i].line);
        printf(": %serror%s: %s\n", cli_color("\033[31m"), cli_color_end(), c->mistakes[i].text);
    }
    if (c->count || c->cli->common.is_quiet)
        return;
    cli_print_safe(c->name, strlen(c->name), ORB_SAFE_LINE);
    double lowest = tui_theme_contrast(c->theme, TUI_TRUE, &what);
    printf(": ok, lowest contrast %.1f:1 (%s)", lowest, what);
    lowest = tui_theme_contrast(c->theme, TUI_256, &what);
    printf(", with 256 colours %.1f:1 (%s)\n", lowest, what);
}

static json_t *contrast_json(const struct tui_theme *theme, enum tui_depth depth)
{
    const char *what;
    double lowest = tui_theme_contrast(theme, depth, &what);
    return json_pack("{sf ss}", "lowest", lowest, "of", what);
}

static json_t *to_json(const struct checking *c)
{
    json_t *mistakes = json_array();
    for (size_t i = 0; i < c->count; i++)
        json_array_append_new(mistakes, json_pack("{so ss}", "line", c->mistakes[i].line ? json_integer(c->mistakes[i].line) : json_null(), "text",
                                                  c->mistakes[i].text));
    return json_pack("{so so so so so}", "name", cli_json_text(c->name), "file", cli_json_text(tui_theme_file(c->theme)), "mistakes", mistakes, "contrast",
                     contrast_json(c->theme, TUI_TRUE), "contrast_256", contrast_json(c->theme, TUI_256));
}

/* 0, or a code: that it cannot be read is said, mistakes are printed. */
static int check_one(const struct cli *cli, const char *name, json_t *list)
{
    struct checking c = {.cli = cli, .name = name};
    struct orb_error err;
    int rc = tui_theme_check(name, on_mistake, &c, &c.theme, &err);
    if (rc)
        return cli_fail_with(&err);
    check_contrast(&c, TUI_TRUE);
    check_contrast(&c, TUI_256);
    if (list)
        json_array_append_new(list, to_json(&c));
    else
        print_people(&c);
    tui_theme_free(c.theme);
    free(c.mistakes);
    return c.count ? ORB_E_CONFIG : 0;
}

static int check(struct cli *cli, const void *options, int argc, char **argv)
{
    json_t *list = cli->format == CLI_TABLE ? NULL : json_array();
    int worst = 0, rc;
    (void)options;
    for (int i = 0; i < argc; i++)
        if ((rc = check_one(cli, argv[i], list)))
            worst = rc;
    for (const struct tui_theme_row *row = argc ? NULL : tui_theme_list(); row && row->name; row++)
        if ((rc = check_one(cli, row->name, list)))
            worst = rc;
    if (list)
        cli_json_print_list(cli, list);
    return worst;
}

const struct cli_command cli_cmd_theme_check = {
    .path = "theme check",
    .synopsis = "[THEME...]",
    .brief = "tell what is wrong with themes, and how well they can be read",
    .help = "Reads themes (names, or files with a / in them; without any all that 'theme list' shows) and prints every mistake with its line: roles "
            "and colours that are none, what is given twice. Text whose contrast is below 4.5:1 on any layer is a mistake, too, with 24-bit colours and "
            "with 256.\n"
            "\n"
            "The exit status is 2 when there is a mistake, else 0.\n"
            "\n"
            "  orbiter theme check ./mine.theme",
    .min_operands = 0,
    .max_operands = -1,
    .run = check,
};
