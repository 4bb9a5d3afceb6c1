/* orbiter mcp list: the MCP servers of a folder of tool files, each asked what it has. */
#include "toolbox.h"

struct list_options {
    const char *tools;
};

static const struct orb_option rows[] = {
    CLI_TOOLS_OPTION(offsetof(struct list_options, tools)),
    {0},
};

static const struct cli_column columns[] = {{"NAME", 0}, {"TRANSPORT", 0}, {"ERA", 0}, {"VERSION", 0}, {"TOOLS", 0}, {"ERROR", 0}};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

struct listing {
    struct cli *cli;
    size_t waiting, bad;
    json_t *array;
    struct cli_table *table;
};

static void on_server(void *arg, const struct orb_mcp_server_info *s)
{
    struct listing *l = arg;
    char count[32] = "-";
    if (!s->error)
        snprintf(count, sizeof count, "%zu", s->tools);
    l->bad += s->error != NULL;
    if (l->table) {
        cli_table_cell(l->table, s->name, NULL);
        cli_table_cell(l->table, s->transport, NULL);
        cli_table_cell(l->table, *s->era ? s->era : "-", NULL);
        cli_table_cell(l->table, *s->version ? s->version : "-", NULL);
        cli_table_cell(l->table, count, NULL);
        cli_table_cell(l->table, s->error ? s->error : "-", NULL);
    } else
        json_array_append_new(l->array, json_pack("{ss ss so so sI sI so}", "name", s->name, "transport", s->transport, "era", cli_json_text(s->era),
                                                  "version", cli_json_text(s->version), "tools", (json_int_t)s->tools, "dropped", (json_int_t)s->dropped, "error",
                                                  cli_json_text(s->error ? s->error : "")));
    if (--l->waiting == 0)
        cli_done(l->cli);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    struct orb_toolbox *toolbox;
    struct listing l = {.cli = cli};
    (void)argc, (void)argv;
    int rc = cli_mcp_open(cli, o->tools, &toolbox);
    if (rc)
        return rc;
    l.waiting = orb_mcp_server_count(toolbox);
    if (cli->format == CLI_TABLE)
        l.table = cli_table_new(columns, COLUMN_COUNT);
    else
        l.array = json_array();
    orb_mcp_server_list(toolbox, on_server, &l);
    rc = cli_wait(cli);
    if (l.table)
        cli_table_print(l.table);
    else
        cli_json_print_list(cli, l.array);
    cli_toolbox_close(toolbox);
    return rc ? rc : l.bad ? cli_fail(ORB_E_TOOL, "%zu of the servers cannot be used", l.bad) : 0;
}

const struct cli_command cli_cmd_mcp_list = {
    .path = "mcp list",
    .synopsis = "[--tools DIR]",
    .brief = "list the MCP servers of a folder, and what each of them speaks",
    .help = "Starts or asks every MCP server that the tool files of the folder name, as a worker would: its transport, the era and version of the "
            "protocol that it speaks, and how many tools agents may use; or the error. When one of them cannot be used the exit status is 1. What servers "
            "print to stderr is shown, unless -q is given. See docs/mcp.md.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
