/* orbiter theme show: how a theme looks on this terminal. */
#include "cli.h"
#include "tui/tui.h"

#include <stdlib.h>
#include <string.h>

struct show_options {
    const char *depth;
};

static const struct orb_option rows[] = {
    {"depth", 0, ORB_OPTION_TEXT, offsetof(struct show_options, depth), "DEPTH", "colours: 24-bit, 256, 16 or mono (default: what the terminal has)", 0, 0},
    {0},
};

static int find_depth(const char *word, enum tui_depth *out)
{
    for (int depth = 0; depth < TUI_DEPTHS; depth++)
        if (word && !strcmp(word, tui_depth_name((enum tui_depth)depth))) {
            *out = (enum tui_depth)depth;
            return 0;
        }
    if (word)
        return cli_fail(ORB_E_USAGE, "--depth needs 24-bit, 256, 16 or mono, not '%s'", word);
    *out = tui_depth_find(-1);
    return 0;
}

static json_t *color_json(int32_t color, enum tui_depth depth)
{
    char text[16];
    if (color == TUI_DEFAULT)
        return json_null();
    if (depth != TUI_TRUE)
        return json_integer(color);
    snprintf(text, sizeof text, "#%06x", (unsigned)color);
    return json_string(text);
}

static json_t *attributes_json(int attributes)
{
    json_t *list = json_array();
#define ADD(name, text) \
    if (attributes & TUI_##name) \
        json_array_append_new(list, json_string(text));
    TUI_ATTRIBUTES(ADD)
#undef ADD
    return list;
}

static json_t *looks_json(const struct tui_theme *theme, enum tui_depth depth)
{
    json_t *list = json_array();
    for (int role = 0; role < TUI_ROLE_COUNT; role++)
        for (int layer = 0; layer < TUI_LAYER_COUNT; layer++) {
            struct tui_look look = tui_theme_look(theme, depth, (enum tui_role)role, (enum tui_layer)layer);
            json_array_append_new(list, json_pack("{ss ss so so so}", "role", tui_role_name((enum tui_role)role), "layer", tui_layer_name((enum tui_layer)layer),
                                                  "fg", color_json(look.fg, depth), "bg", color_json(look.bg, depth), "attributes",
                                                  attributes_json(look.attributes)));
        }
    return list;
}

static int show(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct show_options *o = options;
    struct tui_theme *theme;
    struct orb_error err;
    enum tui_depth depth = TUI_MONO;
    int rc = find_depth(o->depth, &depth);
    if (rc)
        return rc;
    if (tui_theme_load(argc ? argv[0] : TUI_THEME_DEFAULT, &theme, &err))
        return cli_fail_with(&err);
    if (cli->format == CLI_TABLE) {
        /* A depth that was asked for is meant, wherever it goes. */
        int is_plain = !o->depth && !*cli_color_end();
        char *text = tui_theme_sample(theme, is_plain ? TUI_MONO : depth, is_plain);
        fputs(text, stdout);
        free(text);
    } else
        cli_json_print_list(cli, looks_json(theme, depth));
    tui_theme_free(theme);
    return 0;
}

const struct cli_command cli_cmd_theme_show = {
    .path = "theme show",
    .synopsis = "[--depth DEPTH] [THEME]",
    .brief = "show how a theme looks",
    .help = "Prints every role of a theme (a name of 'theme list', or a file with a / in it; default " TUI_THEME_DEFAULT ") on every layer, with the colours "
            "that this terminal has, or those of --depth. With -o json: what each of them looks like.",
    .options = rows,
    .options_size = sizeof(struct show_options),
    .min_operands = 0,
    .max_operands = 1,
    .run = show,
};
