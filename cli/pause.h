/* What `queue pause` and `queue resume` share. */
#ifndef ORB_CLI_PAUSE_H
#define ORB_CLI_PAUSE_H

#include "cli.h"

/* Pauses a queue or lets it go on, and prints what it is now. 0, or a code that was said. */
int cli_set_paused(struct cli *cli, const char *queue, int is_paused);

#endif
