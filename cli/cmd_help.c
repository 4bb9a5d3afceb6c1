/* orbiter help [COMMAND]: what --help prints, and the manual's source. */
#include "cli.h"

struct help_options {
    int is_man;
};

/* --man is for the build only; without a help text it is not shown. */
static const struct orb_option rows[] = {
    {"man", 0, ORB_OPTION_FLAG, offsetof(struct help_options, is_man), NULL, "", 0, 0},
    {0},
};

static int help(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct help_options *o = options;
    int words;
    (void)cli;
    if (o->is_man)
        cli_help_man();
    else if (argc == 0)
        cli_help_all();
    else {
        const struct cli_command *command = cli_command_find(argc, argv, &words);
        if (command && words == argc)
            cli_help_command(command);
        else if (argc > 1 || !cli_help_group(argv[0]))
            return cli_command_unknown(argc, argv);
    }
    return 0;
}

const struct cli_command cli_cmd_help = {
    .path = "help",
    .synopsis = "[COMMAND]",
    .brief = "tell about a command",
    .help = "Prints the list of commands, or the help of one: orbiter help task list.",
    .options = rows,
    .options_size = sizeof(struct help_options),
    .min_operands = 0,
    .max_operands = 2,
    .run = help,
};
