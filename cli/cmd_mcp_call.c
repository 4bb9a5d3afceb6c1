/* orbiter mcp call: tries a tool of an MCP server by hand. */
#include "toolbox.h"

#include <string.h>

struct call_options {
    const char *tools;
};

static const struct orb_option rows[] = {
    CLI_TOOLS_OPTION(offsetof(struct call_options, tools)),
    {0},
};

static int call(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct call_options *o = options;
    const char *arguments = argc > 2 ? argv[2] : "{}";
    struct orb_toolbox *toolbox;
    struct cli_tool_calling c = {.cli = cli};
    struct orb_error err = {0};
    int rc = cli_mcp_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    rc = orb_mcp_tool_call(toolbox, argv[0], argv[1], arguments, strlen(arguments), cli_on_tool_result, &c, &err);
    rc = rc ? cli_fail_with(&err) : cli_tool_wait(&c, toolbox);
    cli_toolbox_close(toolbox);
    return rc ? rc : c.code;
}

const struct cli_command cli_cmd_mcp_call = {
    .path = "mcp call",
    .synopsis = "SERVER TOOL [ARGUMENTS] [--tools DIR]",
    .brief = "call a tool of an MCP server by hand",
    .help = "Calls a tool by the server's name for it, as a task would, and prints the result. ARGUMENTS is a JSON object (default {}); it is checked "
            "against the tool's parameters. A tool that fails ends with status 1 and what a model would be told on stderr.",
    .options = rows,
    .options_size = sizeof(struct call_options),
    .min_operands = 2,
    .max_operands = 3,
    .run = call,
};
