/* What the tool commands share: the folder of tool files. */
#ifndef ORB_CLI_TOOLBOX_H
#define ORB_CLI_TOOLBOX_H

#include "cli.h"

#include <orbiter/mcp.h>

#define CLI_TOOLS_OPTION(offset) \
    {"tools", 0, ORB_OPTION_TEXT, offset, "DIR", "folder of tool files (default ORBITER_TOOLS)", 0, 0}

/* Makes the loop and reads the tool files. dir NULL = ORBITER_TOOLS, else the built-in tools only. 0, or a code that was said. */
int cli_toolbox_open(struct cli *cli, const char *dir, struct orb_toolbox **out);

/* The same, with what tools and servers say beside their results as notes. */
int cli_toolbox_open_noted(struct cli *cli, const char *dir, struct orb_toolbox **out);
/* Frees it; how servers end is no news. */
void cli_toolbox_close(struct orb_toolbox *toolbox);

/* Are tool files, provider files and prices as they should be? 0, or a code that was said. The loop is there. */
int cli_runtime_check(struct cli *cli, const struct orb_runtime_args *given);

/* The result of a call by hand: printed, and cli_done. arg: struct cli_tool_calling. */
struct cli_tool_calling {
    struct cli *cli;
    int code, is_over;
};
void cli_on_tool_result(void *arg, const char *content, size_t len, const char *error, double duration_ms);
/* Until the call has ended: when we are interrupted it is cancelled, and what it has started ends before we do. */
int cli_tool_wait(struct cli_tool_calling *calling, struct orb_toolbox *toolbox);

/* For the mcp commands: no servers is an error. */
int cli_mcp_open(struct cli *cli, const char *dir, struct orb_toolbox **out);

#endif
