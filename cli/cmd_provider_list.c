/* orbiter provider list: the model providers that are built in. */
#include "cli.h"

/* The texts are too long for a table. */
static void print_people(void)
{
    char settings[512];
    for (const struct orb_provider_info *p = orb_provider_list(); p->name; p++) {
        printf("%s\n", p->name);
        orb_help_indented(stdout, 4, p->help);
        snprintf(settings, sizeof settings, "settings: %s", *p->settings ? p->settings : "none");
        orb_help_indented(stdout, 4, settings);
    }
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options, (void)argc, (void)argv;
    if (cli->format == CLI_TABLE) {
        print_people();
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
    .help = "Lists the providers built into this version: the name that stands before the colon of a model, what it is, and "
            "the environment variables that a worker reads for it.",
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
