/* orbiter queue resume QUEUE: the end of a pause. */
#include "pause.h"

static int queue_resume(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options, (void)argc;
    return cli_set_paused(cli, argv[0], 0);
}

const struct cli_command cli_cmd_queue_resume = {
    .path = "queue resume",
    .synopsis = "QUEUE",
    .brief = "let a paused queue go on",
    .help = "Workers begin the queue's tasks again. That it was not paused is said, and the exit status is 0.",
    .min_operands = 1,
    .max_operands = 1,
    .run = queue_resume,
};
