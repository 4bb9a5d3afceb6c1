/* orbiter theme list: the console's themes. */
#include "cli.h"
#include "tui/tui.h"

#include <string.h>

static const struct cli_column columns[] = {{"NAME", 0}, {"VARIANT", 0}, {"CONTRAST", 0}, {"FROM", 1}, {"ERROR", 1}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static void add(struct cli_table *table, json_t *array, const struct tui_theme_row *row)
{
    struct tui_theme *theme = NULL;
    struct orb_error err = {0};
    char contrast[32] = "-";
    const char *what, *variant = "";
    json_t *value = json_null();
    if (!tui_theme_load(row->name, &theme, &err)) {
        double lowest = tui_theme_contrast(theme, TUI_TRUE, &what);
        snprintf(contrast, sizeof contrast, "%.1f:1", lowest);
        value = json_real(lowest);
        variant = tui_theme_is_light(theme) ? "light" : "dark";
    }
    if (table) {
        cli_table_cell(table, row->name, NULL);
        cli_table_cell(table, variant, NULL);
        cli_table_cell(table, contrast, NULL);
        cli_table_cell(table, *row->file ? row->file : "(built in)", NULL);
        cli_table_cell(table, err.text, NULL);
        json_decref(value);
    } else
        json_array_append_new(array, json_pack("{so so so so so}", "name", cli_json_text(row->name), "variant", cli_json_text(variant), "contrast", value,
                                               "file", cli_json_text(row->file), "error", cli_json_text(err.text)));
    tui_theme_free(theme);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    struct cli_table *table = cli->format == CLI_TABLE ? cli_table_new(columns, COLUMN_COUNT) : NULL;
    json_t *array = table ? NULL : json_array();
    (void)options, (void)argc, (void)argv;
    for (const struct tui_theme_row *row = tui_theme_list(); row->name; row++)
        add(table, array, row);
    if (table)
        cli_table_print(table);
    else
        cli_json_print_list(cli, array);
    return 0;
}

const struct cli_command cli_cmd_theme_list = {
    .path = "theme list",
    .synopsis = "",
    .brief = "list the console's themes",
    .help = "Lists the themes that are found in the folders orbiter/themes of XDG_CONFIG_HOME, XDG_DATA_HOME and XDG_DATA_DIRS, beside the "
            "program, and in it; the first of a name counts. CONTRAST is the lowest of any text with 24-bit colours; ERROR the first mistake of a "
            "file that cannot be used. See docs/themes.md.",
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
