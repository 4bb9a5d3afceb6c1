/* orbiter agent check: everything that is wrong with agent files. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct checking {
    const struct cli *cli;
    const char *name;
    json_t *list;       /* of findings, not for people */
    int errors, warnings;
};

/* "FILE:1:2: error: what is wrong", as compilers write it. */
static void on_finding(void *arg, const struct orb_finding *f)
{
    struct checking *c = arg;
    const char *severity = f->is_warning ? "warning" : "error";
    if (f->is_warning)
        c->warnings++;
    else
        c->errors++;
    if (c->list) {
        json_t *line = f->line ? json_integer(f->line) : json_null(), *column = f->line ? json_integer(f->column) : json_null();
        json_array_append_new(c->list, json_pack("{so so so ss ss}", "file", cli_json_text(c->name), "line", line, "column", column,
                                                 "severity", severity, "text", f->text));
        return;
    }
    cli_print_safe(c->name, strlen(c->name), ORB_SAFE_LINE);
    if (f->line)
        printf(":%d:%d", f->line, f->column);
    printf(": %s%s%s: %s\n", cli_color(f->is_warning ? "\033[33m" : "\033[31m"), severity, cli_color_end(), f->text);
}

static int check(struct cli *cli, const void *options, int argc, char **argv)
{
    struct checking c = {.cli = cli};
    int worst = cli_load_providers(NULL);
    (void)options;
    if (worst)
        return worst;
    c.list = cli->format == CLI_TABLE ? NULL : json_array();
    for (int i = 0; i < argc; i++) {
        char *config = NULL;
        c.name = argv[i];
        c.errors = c.warnings = 0;
        int rc = cli_file_agent(c.name, &(struct orb_agent_file){.cb = on_finding, .arg = &c}, &config);
        if (rc)
            worst = rc;
        else if (!c.list && !c.warnings && !cli->common.is_quiet) {
            cli_print_safe(c.name, strlen(c.name), ORB_SAFE_LINE);
            puts(": ok");
        }
        free(config);
    }
    if (c.list)
        cli_json_print_list(cli, c.list);
    return worst;
}

const struct cli_command cli_cmd_agent_check = {
    .path = "agent check",
    .synopsis = "FILE...",
    .brief = "tell what is wrong with agent files",
    .help = "Reads JSON, YAML or Markdown files as submit --agent does and prints every mistake with its line and column: keys, "
            "values, names, flows, handoffs, limits and schemas. What may be meant otherwise is a warning: a key that nothing reads, a "
            "provider that is not built in, a variable that is not set, an agent that the flow leaves out. FILE#NAME checks one agent of FILE. Nothing is sent.\n"
            "\n"
            "The exit status is 2 when there is a mistake in one of the files, and 0 with warnings only.\n"
            "\n"
            "  orbiter agent check team.yaml\n"
            "  orbiter agent check -o jsonl agents/*.md",
    .min_operands = 1,
    .max_operands = -1,
    .run = check,
};
