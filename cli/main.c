/* orbiter: the program for people. Finds the command, reads its options, runs
 * it, and turns its code into the exit status. */
#include "cli.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set_format(struct cli *cli)
{
    const char *word = cli->common.output;
    if (!word || !strcmp(word, "table"))
        cli->format = CLI_TABLE;
    else if (!strcmp(word, "json"))
        cli->format = CLI_JSON;
    else if (!strcmp(word, "jsonl"))
        cli->format = CLI_JSONL;
    else
        return cli_fail(ORB_E_USAGE, "-o needs table, json or jsonl, not '%s'", word);
    return 0;
}

static int check_operands(const struct cli_command *command, int argc, char **argv)
{
    const char *wanted = *command->synopsis ? command->synopsis : "no operands";
    if (argc < command->min_operands)
        return cli_fail(ORB_E_USAGE, "orbiter %s needs more operands: %s (see orbiter %s --help)", command->path,
                        wanted, command->path);
    if (command->max_operands >= 0 && argc > command->max_operands)
        return cli_fail(ORB_E_USAGE, "orbiter %s does not take '%s' (see orbiter %s --help)", command->path,
                        argv[command->max_operands], command->path);
    return 0;
}

static int run_command(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    void *values = cli_alloc(command->options_size + 1);
    const struct orb_option_set sets[] = {
        {cli_common_options, &cli->common},
        {orb_redis_option_rows, &cli->common.redis},
        {command->options, values}, /* rows NULL: no options of its own */
        {0},
    };
    struct orb_error err = {0};
    if (command->defaults)
        memcpy(values, command->defaults, command->options_size);
    int rc = orb_options_parse(sets, 0, &argc, argv, &err);
    if (rc)
        cli_fail(rc, "%s (see orbiter %s --help)", orb_error_message(&err), command->path);
    else if (cli->common.wants_help)
        cli_help_command(command);
    else if (!(rc = command->has_own_output ? 0 : set_format(cli)) && !(rc = check_operands(command, argc, argv))) {
        cli_color_setup(cli);
        rc = command->run(cli, values, argc, argv);
    }
    cli_close(cli);
    orb_options_done(sets);
    free(values);
    return rc;
}

/* The options that may stand before the command. */
struct leading {
    int wants_version;
};
static const struct orb_option leading_options[] = {
    {"version", 'V', ORB_OPTION_FLAG, offsetof(struct leading, wants_version), NULL, "print the version", 0, 0},
    {0},
};

static int version(struct cli *cli)
{
    int rc = set_format(cli);
    if (!rc && cli->format != CLI_TABLE)
        cli_json_print(cli, json_pack("{ss}", "version", orb_version()));
    else if (!rc)
        printf("orbiter %s\n", orb_version());
    return rc;
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct leading leading = {0};
    const struct orb_option_set sets[] = {
        {cli_common_options, &cli->common},
        {orb_redis_option_rows, &cli->common.redis},
        {leading_options, &leading},
        {0},
    };
    struct orb_error err = {0};
    int words, rc = orb_options_parse(sets, 1, &argc, argv, &err);
    if (rc)
        return cli_fail(rc, "%s (see orbiter --help)", orb_error_message(&err));
    if (leading.wants_version)
        return version(cli);
    if (argc == 0) {
        cli_help_all();
        return 0;
    }
    const struct cli_command *command = cli_command_find(argc, argv, &words);
    if (command)
        return run_command(cli, command, argc - words, argv + words);
    if (argc > 1 && (!strcmp(argv[argc - 1], "--help") || !strcmp(argv[argc - 1], "-h"))) {
        cli->common.wants_help = 1;
        argc--;
    }
    if (cli->common.wants_help && argc == 1 && cli_help_group(argv[0]))
        return 0;
    return cli_command_unknown(argc, argv);
}

/* A socket must not get the number of a closed stdin, stdout or stderr. What stands in
 * for it fails as the closed one would. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    fill_standard_descriptors();
    setlocale(LC_CTYPE, "");
    /* Writes tell, and a reader that went away is a quiet end. */
    signal(SIGPIPE, SIG_IGN);
    int rc = run(&cli, argc > 0 ? argc - 1 : 0, argv + 1);
    free(cli.common.redis.url);
    int flushed = cli_flush();
    return flushed == ORB_E_CANCELLED ? 0 : orb_error_exit(rc ? rc : flushed);
}
