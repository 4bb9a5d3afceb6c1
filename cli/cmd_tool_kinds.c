/* orbiter tool kinds: how tools can be run, and what their files may hold. */
#include "cli.h"

#include <orbiter/tool.h>
#include <string.h>

static void print_people(void)
{
    char line[512];
    for (const struct orb_tool_kind_info *k = orb_tool_kind_list(); k->name; k++) {
        printf("%s\n", k->name);
        orb_help_indented(stdout, 4, k->help);
        for (const char *at = k->members; *at; at += strcspn(at, "\n"), at += *at == '\n') {
            size_t name = strcspn(at, " \n");
            snprintf(line, sizeof line, "%.*s:%.*s", (int)name, at, (int)strcspn(at + name, "\n"), at + name);
            orb_help_indented(stdout, 8, line);
        }
    }
}

static json_t *members_json(const char *members)
{
    json_t *object = json_object();
    char name[64];
    for (const char *at = members; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t len = strcspn(at, "\n"), n = strcspn(at, " \n");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        while (n < len && at[n] == ' ')
            n++;
        json_object_set_new(object, name, json_stringn(at + n, len - n));
    }
    return object;
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options, (void)argc, (void)argv;
    if (cli->format == CLI_TABLE) {
        print_people();
        return 0;
    }
    json_t *array = json_array();
    for (const struct orb_tool_kind_info *k = orb_tool_kind_list(); k->name; k++)
        json_array_append_new(array, json_pack("{ss ss so}", "name", k->name, "help", k->help, "members", members_json(k->members)));
    cli_json_print_list(cli, array);
    return 0;
}

const struct cli_command cli_cmd_tool_kinds = {
    .path = "tool kinds",
    .synopsis = "",
    .brief = "list the kinds of tools",
    .help = "Lists the kinds of tools of this version: the \"kind\" of a tool file, how such a tool is run, and the members of its file beside "
            "those that all have: name, path, description, parameters, kind, timeout_seconds, result_max, large. See docs/tools.md.",
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
