/* orbiter tool call: runs a tool by hand, as a worker would. */
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
    const char *arguments = argc > 1 ? argv[1] : "{}";
    struct orb_toolbox *toolbox = NULL;
    struct cli_tool_calling c = {.cli = cli};
    struct orb_error err = {0};
    int rc = cli_toolbox_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    rc = orb_toolbox_call(toolbox, argv[0], arguments, strlen(arguments), cli_on_tool_result, &c, &err);
    rc = rc ? cli_fail_with(&err) : cli_tool_wait(&c, toolbox);
    orb_toolbox_free(toolbox);
    return rc ? rc : c.code;
}

const struct cli_command cli_cmd_tool_call = {
    .path = "tool call",
    .synopsis = "NAME [ARGUMENTS] [--tools DIR]",
    .brief = "run a tool by hand",
    .help = "Runs a tool as a worker would, with its limits, and prints the result. ARGUMENTS is a JSON object (default {}); it is checked against "
            "the tool's parameters. A tool that fails ends with status 1 and what a model would be told on stderr. See docs/tools.md.",
    .options = rows,
    .options_size = sizeof(struct call_options),
    .min_operands = 1,
    .max_operands = 2,
    .run = call,
};
