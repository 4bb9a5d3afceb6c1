/* orbiter task status ID...: what is known about tasks. */
#include "each.h"

#include <stdlib.h>

/* The task is valid during the callback only; what people read is printed into
 * memory then, so that the answers stay in the order of the ids. */
static void on_task(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct each_task *task = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (!info && err->code != ORB_E_NOT_FOUND) {
        each_answered(task, cli_fail(err->code, "task %s: %s", task->id, orb_error_message(err)));
        return;
    }
    if (info && task->each->cli->format != CLI_TABLE)
        task->json = cli_json_task(info);
    else if (info)
        task->text = cli_task_text(info);
    each_answered(task, info ? 0 : cli_fail(ORB_E_NOT_FOUND, "Task not found: %s", task->id));
}

static int ask(struct each_task *task)
{
    return orb_task_handle_status(task->handle, on_task, task);
}

static void print(const struct each *e)
{
    int printed = 0;
    if (e->cli->format != CLI_TABLE)
        each_print_json(e);
    for (size_t i = 0; i < e->count; i++)
        if (e->tasks[i].text)
            printf("%s%s", printed++ ? "\n" : "", e->tasks[i].text);
}

static int status(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    return each_run(cli, argc, argv, ask, print);
}

const struct cli_command cli_cmd_task_status = {
    .path = "task status",
    .synopsis = "ID...",
    .brief = "show tasks",
    .help = "Shows each task: its state, worker, times, error and result. With -o json one id gives an object, several "
            "give an array.",
    .min_operands = 1,
    .max_operands = -1,
    .run = status,
};
