/* orbiter mcp tools: what an MCP server offers. */
#include "toolbox.h"

struct tools_options {
    const char *tools;
};

static const struct orb_option rows[] = {
    CLI_TOOLS_OPTION(offsetof(struct tools_options, tools)),
    {0},
};

static const struct cli_column columns[] = {{"TOOL", 0}, {"NAME", 0}, {"DESCRIPTION", 1}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

struct asking {
    struct cli *cli;
    int code;
};

static void print_people(const struct orb_mcp_tool_info *tools, size_t count)
{
    struct cli_table *table = cli_table_new(columns, COLUMN_COUNT);
    for (size_t i = 0; i < count; i++) {
        cli_table_cell(table, tools[i].name, NULL);
        cli_table_cell(table, tools[i].model_name, NULL);
        cli_table_cell(table, tools[i].description, NULL);
    }
    cli_table_print(table);
}

static void print_json(struct cli *cli, const struct orb_mcp_tool_info *tools, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{ss ss so so}", "tool", tools[i].name, "name", tools[i].model_name, "description",
                                               cli_json_text(tools[i].description), "parameters", json_loads(tools[i].parameters, 0, NULL)));
    cli_json_print_list(cli, array);
}

static void on_tools(void *arg, const struct orb_mcp_tool_info *tools, size_t count, const struct orb_error *err)
{
    struct asking *a = arg;
    if (err)
        a->code = cli_fail(ORB_E_TOOL, "%s", orb_error_message(err));
    else if (a->cli->format == CLI_TABLE)
        print_people(tools, count);
    else
        print_json(a->cli, tools, count);
    cli_done(a->cli);
}

static int tools(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct tools_options *o = options;
    struct orb_toolbox *toolbox;
    struct asking a = {.cli = cli};
    struct orb_error err = {0};
    (void)argc;
    int rc = cli_mcp_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    rc = orb_mcp_tool_list(toolbox, argv[0], on_tools, &a, &err);
    rc = rc ? cli_fail_with(&err) : cli_wait(cli);
    cli_toolbox_close(toolbox);
    return rc ? rc : a.code;
}

const struct cli_command cli_cmd_mcp_tools = {
    .path = "mcp tools",
    .synopsis = "SERVER [--tools DIR]",
    .brief = "list the tools of an MCP server",
    .help = "Asks a server for its tools: TOOL is the server's own name, NAME the one that agents and models use. With -o json the parameters are there "
            "too. Tools that the server's file does not include are left out.",
    .options = rows,
    .options_size = sizeof(struct tools_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = tools,
};
