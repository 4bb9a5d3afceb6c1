/* What the tool commands share: the folder of tool files. */
#ifndef ORB_CLI_TOOLBOX_H
#define ORB_CLI_TOOLBOX_H

#include "cli.h"

#include <orbiter/tool.h>

#define CLI_TOOLS_OPTION(offset) \
    {"tools", 0, ORB_OPTION_TEXT, offset, "DIR", "the folder of tool files (default: ORBITER_TOOLS)", 0, 0}

/* Makes the loop and reads the tool files. dir NULL = ORBITER_TOOLS, else the built-in tools only. 0, or a code that was said. */
int cli_toolbox_open(struct cli *cli, const char *dir, struct orb_toolbox **out);

#endif
