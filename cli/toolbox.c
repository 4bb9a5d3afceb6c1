#include "toolbox.h"

#include <stdlib.h>

int cli_toolbox_open(struct cli *cli, const char *dir, struct orb_toolbox **out)
{
    struct orb_error err = {0};
    const char *env = getenv("ORBITER_TOOLS");
    int rc = cli_loop(cli);
    if (rc)
        return rc;
    rc = orb_toolbox_new(cli->loop, dir ? dir : env && *env ? env : NULL, out, &err);
    return rc ? cli_fail_with(&err) : 0;
}
