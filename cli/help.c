/* --help and orbiter(1), made from the table of commands. */
#include "cli.h"

#include <string.h>

#define BRIEF "run and watch LLM agents on a fleet of workers"
#define ABOUT \
    "orbiter hands tasks for LLM agents to a fleet of workers through Redis, streams their answers back, and shows " \
    "what the fleet does. 'orbiter dev' runs the whole system on this machine with nothing configured.\n" \
    "\n" \
    "Data goes to stdout, everything else to stderr. Redis is the one of --redis-url, else of ORBITER_REDIS_URL, " \
    "else that of your running 'orbiter dev'."

static const struct orb_env_row environment[] = {
    {"ORBITER_LOG_LEVEL", "how much workers log: DEBUG, INFO, WARNING or ERROR"},
    {"XDG_RUNTIME_DIR", "orbiter dev keeps its socket in the folder orbiter there, else in /tmp/orbiter-UID"},
    {"XDG_STATE_HOME", "orbiter dev keeps its data and log in orbiter/dev there (default ~/.local/state)"},
    {"XDG_CONFIG_HOME", "themes of your own are in orbiter/themes there (default ~/.config)"},
    {"XDG_DATA_HOME", "and there (default ~/.local/share)"},
    {"XDG_DATA_DIRS", "and below each of these folders (default /usr/local/share:/usr/share)"},
    {"NO_COLOR", "when not empty: no colours"},
    {"COLORTERM", "truecolor or 24bit: the terminal has 24-bit colours"},
    {"CLICOLOR_FORCE", "when not empty and not 0: colours even when stdout is not a terminal"},
    {"TERM", "dumb: no colours"},
    {0},
};

void cli_help_all(void)
{
    printf("orbiter %s: %s\n\nusage: orbiter COMMAND [OPTION]...\n\n", orb_version(), BRIEF);
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        printf("  %-16s %s\n", (*c)->path, (*c)->brief);
    fputs("\nOptions of every command:\n", stdout);
    orb_options_help(stdout, cli_common_options);
    orb_options_help(stdout, orb_redis_option_rows);
    fputs("\n'orbiter help COMMAND' tells more; 'orbiter --version' prints the version.\n", stdout);
}

int cli_help_group(const char *group)
{
    size_t len = strlen(group);
    int found = 0;
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        if (!strncmp((*c)->path, group, len) && (*c)->path[len] == ' ') {
            if (!found++)
                printf("usage: orbiter %s COMMAND [OPTION]...\n\n", group);
            printf("  %-16s %s\n", (*c)->path, (*c)->brief);
        }
    return found;
}

static void usage(FILE *out, const struct cli_command *c)
{
    fprintf(out, "orbiter %s%s%s", c->path, *c->synopsis ? " " : "", c->synopsis);
}

void cli_help_command(const struct cli_command *c)
{
    fputs("usage: ", stdout);
    usage(stdout, c);
    fputs("\n\n", stdout);
    orb_help_text(stdout, c->help);
    if (c->options && *c->options->help) {
        fputs("\nOptions:\n", stdout);
        orb_options_help(stdout, c->options);
    }
    fputs("\nOptions of every command:\n", stdout);
    orb_options_help(stdout, cli_common_options);
    orb_options_help(stdout, orb_redis_option_rows);
}

void cli_help_man(void)
{
    char title[512];
    orb_man_begin(stdout, "orbiter", BRIEF);
    orb_man_section(stdout, "SYNOPSIS");
    orb_man_text(stdout, "orbiter COMMAND [OPTION]...");
    orb_man_section(stdout, "DESCRIPTION");
    orb_man_text(stdout, ABOUT);
    orb_man_section(stdout, "COMMANDS");
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        snprintf(title, sizeof title, "orbiter %s %s", (*c)->path, (*c)->synopsis);
        orb_man_subsection(stdout, title);
        orb_man_text(stdout, (*c)->help);
        if ((*c)->options)
            orb_man_options(stdout, (*c)->options);
    }
    orb_man_section(stdout, "OPTIONS OF EVERY COMMAND");
    orb_man_options(stdout, cli_common_options);
    orb_man_options(stdout, orb_redis_option_rows);
    orb_man_exits(stdout);
    orb_man_section(stdout, "ENVIRONMENT");
    orb_man_env(stdout, orb_redis_env_rows);
    orb_man_env(stdout, orb_runtime_env_rows);
    orb_man_env(stdout, environment);
    orb_man_text(stdout, "'orbiter run' also reads the variables of the model providers, which orbiter-worker(1) and 'orbiter provider list' name.");
    orb_man_section(stdout, "SEE ALSO");
    orb_man_text(stdout, "orbiter-worker(1), redis-server(1)");
}
