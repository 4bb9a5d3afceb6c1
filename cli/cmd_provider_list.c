/* orbiter provider list: the model providers that are built in, and those of provider files. */
#include "cli.h"

#include <stdlib.h>

struct list_options {
    const char *providers;
};

static const struct orb_option rows[] = {
    {"providers", 0, ORB_OPTION_TEXT, offsetof(struct list_options, providers), "DIR",
     "folder of provider files, one JSON file each (default ORBITER_PROVIDERS)", 0, 0},
    {0},
};

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

int cli_load_providers(const char *dir)
{
    static int is_loaded;
    struct orb_error err = {0};
    const struct orb_runtime_args given = {.providers = dir};
    struct orb_runtime_args args;
    orb_runtime_args_get(&given, &args);
    if (is_loaded++ || !args.providers)
        return 0;
    return orb_provider_load(args.providers, &err) ? cli_fail_with(&err) : 0;
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    (void)argc, (void)argv;
    int rc = cli_load_providers(o->providers);
    if (rc)
        return rc;
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
    .synopsis = "[--providers DIR]",
    .brief = "list the model providers",
    .help = "Lists the providers built into this version, and those of the provider files in DIR, as a worker with the same "
            "--providers has them: the name that stands before the colon of a model, what it is, and the environment variables "
            "that a worker reads for it.\n"
            "\n"
            "A provider file names a server that speaks a protocol that is built in:\n"
            "  {\"name\": \"mine\", \"protocol\": \"openai\",\n"
            "   \"base_url\": \"https://models.example.com/v1\", \"key_env\": \"MINE_API_KEY\"}\n"
            "protocol is openai, responses, anthropic or gemini. key_env, headers (an object; a value may end with ${VARIABLE}) and "
            "help may be left out.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
