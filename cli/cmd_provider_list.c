/* orbiter provider list: the model providers that are built in. */
#include "cli.h"

static const struct cli_column columns[] = {{"NAME", 0}, {"SETTINGS", 0}, {"HELP", 0}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static void print_table(void)
{
    struct cli_table *table = cli_table_new(columns, COLUMN_COUNT);
    for (const struct orb_provider_info *p = orb_provider_list(); p->name; p++) {
        cli_table_cell(table, p->name, NULL);
        cli_table_cell(table, p->settings, NULL);
        cli_table_cell(table, p->help, NULL);
    }
    cli_table_print(table);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options, (void)argc, (void)argv;
    if (cli->format == CLI_TABLE) {
        print_table();
        return 0;
    }
    json_t *array = json_array();
    for (const struct orb_provider_info *p = orb_provider_list(); p->name; p++)
        json_array_append_new(array, json_pack("{ss ss so}", "name", p->name, "help", p->help, "settings",
                                               cli_json_text(p->settings)));
    cli_json_print_list(cli, array);
    return 0;
}

const struct cli_command cli_cmd_provider_list = {
    .path = "provider list",
    .synopsis = "",
    .brief = "list the model providers",
    .help = "Lists the providers built into this version: NAME is what stands before the colon of a model, SETTINGS are "
            "the environment variables that a worker reads for it.",
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
