#include "toolbox.h"

int cli_toolbox_open(struct cli *cli, const char *dir, struct orb_toolbox **out)
{
    struct orb_error err = {0};
    const struct orb_runtime_args given = {.tools = dir};
    struct orb_runtime_args args;
    int rc = cli_loop(cli);
    if (!rc)
        rc = cli_watch_end(cli);
    if (rc)
        return rc;
    if (orb_loop_adopt(cli->loop))
        cli_note(cli, "this system does not tell a process its children: what tools detach from themselves is left running");
    orb_runtime_args_get(&given, &args);
    rc = orb_toolbox_new(cli->loop, args.tools, out, &err);
    return rc ? cli_fail_with(&err) : 0;
}

void cli_on_tool_result(void *arg, const char *content, size_t len, const char *error, double duration_ms)
{
    struct cli_tool_calling *c = arg;
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

int cli_runtime_check(struct cli *cli, const struct orb_runtime_args *given)
{
    struct orb_runtime_args args;
    struct orb_toolbox *toolbox = NULL;
    struct orb_error err = {0};
    int rc = cli_load_providers(given->providers);
    if (rc)
        return rc;
    orb_runtime_args_get(given, &args);
    rc = orb_toolbox_new(cli->loop, args.tools, &toolbox, &err);
    orb_toolbox_free(toolbox);
    if (!rc && args.prices)
        rc = orb_prices_check(args.prices, &err);
    return rc ? cli_fail_with(&err) : 0;
}

int cli_tool_wait(struct cli_tool_calling *c, struct orb_toolbox *toolbox)
{
    int rc = cli_wait(c->cli);
    if (rc != ORB_E_INTERRUPTED || c->is_over)
        return rc;
    orb_toolbox_call_cancel(toolbox, c);
    while (!c->is_over && !orb_loop_turn(c->cli->loop, -1))
        ;
    return rc;
}

static void on_log(void *arg, const char *line)
{
    cli_note(arg, "%s", line);
}

int cli_toolbox_open_noted(struct cli *cli, const char *dir, struct orb_toolbox **out)
{
    int rc = cli_toolbox_open(cli, dir, out);
    if (!rc)
        orb_toolbox_on_log(*out, on_log, cli);
    return rc;
}

int cli_mcp_open(struct cli *cli, const char *dir, struct orb_toolbox **out)
{
    int rc = cli_toolbox_open_noted(cli, dir, out);
    if (rc || orb_mcp_server_count(*out))
        return rc;
    orb_toolbox_free(*out);
    return cli_fail(ORB_E_CONFIG, "there are no MCP servers: name a folder with --tools or ORBITER_TOOLS, and put a file of kind mcp into it (see docs/mcp.md)");
}

void cli_toolbox_close(struct orb_toolbox *toolbox)
{
    orb_toolbox_on_log(toolbox, NULL, NULL);
    orb_toolbox_free(toolbox);
}
