/* orbiter queue pause QUEUE: no worker begins its tasks until it is resumed. */
#include "pause.h"

static int queue_pause(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options, (void)argc;
    return cli_set_paused(cli, argv[0], 1);
}

const struct cli_command cli_cmd_queue_pause = {
    .path = "queue pause",
    .synopsis = "QUEUE",
    .brief = "stop workers from beginning a queue's tasks",
    .help = "From now on no worker of orbiter begins a task of the queue, until it is resumed. What runs goes on, and tasks "
            "can be submitted. The queue stays paused when workers or Redis start again. A queue that is paused already "
            "stays so; that is said, and the exit status is 0. Python workers do not know of it: stop them.",
    .min_operands = 1,
    .max_operands = 1,
    .run = queue_pause,
};
