/* orbiter task result ID: the output of a task. */
#include "cli.h"

struct result_options {
    int is_wait;
};

static const struct orb_option rows[] = {
    {"wait", 0, ORB_OPTION_FLAG, offsetof(struct result_options, is_wait), NULL, "wait until the task has ended", 0, 0},
    {0},
};

struct asking {
    struct cli *cli;
    int is_wait, is_unfinished, code;
};

static void on_task(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct asking *a = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the handle is being freed */
    if (!task)
        a->code = cli_fail_with(err);
    else if (a->is_wait && !orb_status_is_final(task->status))
        a->is_unfinished = 1;
    else
        a->code = cli_print_result(a->cli, task);
    cli_done(a->cli);
}

/* A first look finds out that Redis is there and the task too; the wait after
 * it goes on through lost connections. */
static int look_and_wait(struct cli *cli, struct orb_task_handle *handle, int is_wait)
{
    struct asking a = {.cli = cli, .is_wait = is_wait};
    int rc = orb_task_handle_status(handle, on_task, &a);
    if (rc)
        return cli_fail(rc, "cannot read task %s: %s", orb_task_handle_id(handle), orb_error_text(rc));
    rc = cli_wait(cli);
    if (rc)
        return rc;
    return a.is_unfinished ? cli_wait_result(cli, handle) : a.code;
}

static int result(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct result_options *o = options;
    (void)argc;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    struct orb_task_handle *handle = cli_handle(cli, argv[0]);
    rc = handle ? look_and_wait(cli, handle, o->is_wait) : ORB_E_USAGE;
    orb_task_handle_free(handle);
    return rc;
}

const struct cli_command cli_cmd_task_result = {
    .path = "task result",
    .synopsis = "ID [--wait]",
    .brief = "print a task's output",
    .help = "Prints the output of a completed task. Of a failed one it says the error (exit status 3, or 124 when it timed "
            "out), of a cancelled one that it was cancelled (4). A task that has not ended is an error (1), "
            "unless --wait is given. With -o json: the whole task, as 'task status' has it.",
    .options = rows,
    .options_size = sizeof(struct result_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = result,
};
