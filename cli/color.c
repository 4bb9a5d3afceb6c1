/* Colours, only where a person looks at a terminal that has them. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_on;

static int is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

void cli_color_setup(const struct cli *cli)
{
    const char *term = getenv("TERM"), *force = getenv("CLICOLOR_FORCE");
    if (cli->common.no_color || is_set("NO_COLOR"))
        is_on = 0;
    else if (force && *force && strcmp(force, "0"))
        is_on = 1;
    else
        is_on = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

const char *cli_color(const char *sequence)
{
    return is_on ? sequence : "";
}

const char *cli_color_status(enum orb_status status)
{
    static const char *const colors[ORB_STATUS_COUNT] = {
        [ORB_STATUS_PENDING] = "\x1b[33m",   [ORB_STATUS_RUNNING] = "\x1b[34m",  [ORB_STATUS_COMPLETED] = "\x1b[32m",
        [ORB_STATUS_FAILED] = "\x1b[31m",    [ORB_STATUS_CANCELLED] = "\x1b[2m", [ORB_STATUS_RETRYING] = "\x1b[35m",
    };
    return cli_color((unsigned)status < ORB_STATUS_COUNT ? colors[status] : "");
}

const char *cli_color_end(void)
{
    return cli_color("\x1b[0m");
}
