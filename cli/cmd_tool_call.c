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

struct calling {
    struct cli *cli;
    int code, is_over;
};

static void on_result(void *arg, const char *content, size_t len, const char *error, double duration_ms)
{
    struct calling *c = arg;
    json_t *value;
    c->is_over = 1;
    if (error)
        c->code = c->cli->is_interrupted ? ORB_E_INTERRUPTED : ORB_E_TOOL;
    if (c->cli->format != CLI_TABLE) {
        value = json_pack("{so so sf}", "content", error ? json_null() : json_stringn(content, len), "error", error ? json_string(error) : json_null(),
                          "duration_ms", duration_ms);
        cli_json_print(c->cli, value);
    } else if (error) {
        cli_fail(c->code, "%s", error);
    } else {
        cli_print_text(content, len);
        if (!len || content[len - 1] != '\n')
            cli_print_text("\n", 1);
    }
    cli_done(c->cli);
}

static int call(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct call_options *o = options;
    const char *arguments = argc > 1 ? argv[1] : "{}";
    struct orb_toolbox *toolbox = NULL;
    struct calling c = {.cli = cli};
    struct orb_error err = {0};
    int rc = cli_toolbox_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    rc = orb_toolbox_call(toolbox, argv[0], arguments, strlen(arguments), on_result, &c, &err);
    if (rc) {
        cli_fail_with(&err);
    } else if ((rc = cli_wait(cli)) == ORB_E_INTERRUPTED && !c.is_over) {
        /* What the tool has started must not outlive us. */
        orb_toolbox_call_cancel(toolbox, &c);
        while (!c.is_over && !orb_loop_turn(cli->loop, -1))
            ;
    }
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
