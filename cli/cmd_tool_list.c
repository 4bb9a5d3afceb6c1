/* orbiter tool list: the tools of a folder of tool files. */
#include "toolbox.h"

struct list_options {
    const char *tools;
};

static const struct orb_option rows[] = {
    CLI_TOOLS_OPTION(offsetof(struct list_options, tools)),
    {0},
};

static const struct cli_column columns[] = {{"NAME", 0}, {"KIND", 0}, {"PATH", 1}, {"DESCRIPTION", 1}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static void print_people(const struct orb_toolbox *toolbox)
{
    struct orb_tool_info info;
    struct cli_table *table = cli_table_new(columns, COLUMN_COUNT);
    for (size_t i = 0; i < orb_toolbox_count(toolbox); i++) {
        orb_toolbox_info(toolbox, i, &info);
        cli_table_cell(table, info.name, NULL);
        cli_table_cell(table, info.kind, NULL);
        cli_table_cell(table, info.path, NULL);
        cli_table_cell(table, info.description, NULL);
    }
    cli_table_print(table);
}

static void print_json(struct cli *cli, const struct orb_toolbox *toolbox)
{
    struct orb_tool_info info;
    json_t *array = json_array();
    for (size_t i = 0; i < orb_toolbox_count(toolbox); i++) {
        orb_toolbox_info(toolbox, i, &info);
        json_array_append_new(array, json_pack("{ss ss ss so so so sf}", "name", info.name, "path", info.path, "kind", info.kind, "description",
                                               cli_json_text(info.description), "parameters", json_loads(info.parameters, 0, NULL), "file",
                                               cli_json_text(info.file), "timeout_seconds", info.timeout_seconds));
    }
    cli_json_print_list(cli, array);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    struct orb_toolbox *toolbox = NULL;
    (void)argc, (void)argv;
    int rc = cli_toolbox_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    if (cli->format == CLI_TABLE)
        print_people(toolbox);
    else
        print_json(cli, toolbox);
    orb_toolbox_free(toolbox);
    return 0;
}

const struct cli_command cli_cmd_tool_list = {
    .path = "tool list",
    .synopsis = "[--tools DIR]",
    .brief = "list the tools of a folder, and check their files",
    .help = "Lists the tools that a worker with this folder of tool files has: NAME is what models call, PATH what agents name. A file "
            "that is wrong is an error that says where and why. See docs/tools.md.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
