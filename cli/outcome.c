/* The end of a task: its output on stdout, or why there is none. */
#include "cli.h"

#include <string.h>

int cli_task_outcome(const struct orb_task_info *t)
{
    const char *error = *t->error ? t->error : "no reason given";
    char task[ORB_ID_MAX + 16];
    snprintf(task, sizeof task, "%s%s", *t->id ? "task " : "the task", t->id);
    switch (t->status) {
    case ORB_STATUS_COMPLETED:
        return 0;
    case ORB_STATUS_CANCELLED:
        return cli_fail(ORB_E_CANCELLED, "%s was cancelled", task);
    case ORB_STATUS_FAILED:
        if (!strcmp(t->error_type, orb_error_type(ORB_E_TIMEOUT)))
            return cli_fail(ORB_E_TIMEOUT, "%s timed out: %s", task, error);
        return cli_fail(ORB_E_TASK_FAILED, "%s failed: %s", task, error);
    default:
        return cli_fail(ORB_E_UNFINISHED, "%s has no result yet (it is %s): wait for it with --wait", task,
                        orb_status_word(t->status));
    }
}

int cli_print_result(const struct cli *cli, const struct orb_task_info *t)
{
    if (cli->format != CLI_TABLE && orb_status_is_final(t->status)) {
        cli_json_print(cli, cli_json_task(t));
    } else if (t->status == ORB_STATUS_COMPLETED) {
        size_t len = strlen(t->output);
        cli_print_text(t->output, len);
        if (len == 0 || t->output[len - 1] != '\n')
            putchar('\n');
    }
    return cli_task_outcome(t);
}

struct waiting {
    struct cli *cli;
    int code;
};

static void on_result(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct waiting *w = arg;
    if (task)
        w->code = cli_print_result(w->cli, task);
    else if (err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the handle is being freed */
    else
        w->code = cli_fail_with(err);
    cli_done(w->cli);
}

int cli_wait_result(struct cli *cli, struct orb_task_handle *handle)
{
    struct waiting w = {.cli = cli};
    int rc = orb_task_handle_result(handle, on_result, &w);
    if (rc)
        return cli_fail(rc, "cannot wait for task %s: %s", orb_task_handle_id(handle), orb_error_text(rc));
    rc = cli_wait_patiently(cli);
    if (rc == ORB_E_INTERRUPTED)
        return cli_interrupted(orb_task_handle_id(handle), "");
    return rc ? rc : w.code;
}

int cli_interrupted(const char *id, const char *last_id)
{
    return cli_fail(ORB_E_INTERRUPTED,
                    "interrupted; the task goes on: follow it with 'orbiter task stream %s%s%s', cancel it with "
                    "'orbiter task cancel %s'",
                    id, *last_id ? " --from-id " : "", last_id, id);
}
