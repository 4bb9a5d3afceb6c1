/* orbiter task cancel ID...: stop tasks in whatever state they are. */
#include "each.h"

#include <stdlib.h>
#include <string.h>

static int say_error(const struct each_task *task, const char *state, const struct orb_error *err)
{
    if (err->code == ORB_E_NOT_FOUND)
        return cli_fail(err->code, "Task not found: %s", task->id);
    if (err->code == ORB_E_FINISHED)
        return cli_fail(err->code, "task %s has already finished: it is %s", task->id, state ? state : "not running");
    return cli_fail_with(err);
}

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    struct each_task *task = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (state) {
        task->text = strdup(state);
        task->json = json_pack("{ss ss sb}", "id", task->id, "state", state, "cancelled", !err);
    }
    each_answered(task, err ? say_error(task, state, err) : 0);
}

static int ask(struct each_task *task)
{
    return orb_task_handle_cancel(task->handle, on_cancel, task);
}

static void print(const struct each *e)
{
    enum orb_status status;
    if (e->cli->format != CLI_TABLE) {
        each_print_json(e);
        return;
    }
    for (size_t i = 0; i < e->count; i++) {
        const char *state = e->tasks[i].text;
        if (!state)
            continue;
        int is_known = orb_status_parse(state, &status) == 0;
        printf("%s %s", e->tasks[i].id, is_known ? cli_color_status(status) : "");
        cli_print_safe(state, strlen(state), ORB_SAFE_LINE);
        printf("%s\n", is_known ? cli_color_end() : "");
    }
}

static int cancel(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    return each_run(cli, argc, argv, ask, print);
}

const struct cli_command cli_cmd_task_cancel = {
    .path = "task cancel",
    .synopsis = "ID...",
    .brief = "cancel tasks",
    .help = "Cancels each task, queued or running, and prints its id and the state it was in. A task that had finished "
            "stays as it is, and the exit status is 6.",
    .min_operands = 1,
    .max_operands = -1,
    .run = cancel,
};
