/* A task's events, until it has ended. */
#include "cli.h"

#include <unistd.h>

struct following {
    struct cli *cli;
    struct cli_events events;
    const char *from_id;  /* NULL = from the first */
    char last_id[64];
    int code;
};

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct following *f = arg;
    if (!event) {
        if (err && err->code == ORB_E_CANCELLED)
            return; /* Ctrl-C: the handle is being freed */
        f->code = err ? cli_fail_with(err) : 0;
        cli_done(f->cli);
        return;
    }
    int rc = cli_events_print(&f->events, event);
    snprintf(f->last_id, sizeof f->last_id, "%s", event->stream_id);
    if (rc)
        _exit(rc == ORB_E_CANCELLED ? 0 : orb_error_exit(rc)); /* nobody reads what would come */
}

/* A worker that took the task wrote one event at least, its end. */
static void explain_silence(const struct following *f, const struct orb_task_info *task)
{
    if (f->from_id)
        cli_note(f->cli, "no events after %s", f->from_id);
    else if (task->attempt > 0 || *task->worker_id)
        cli_note(f->cli, "the events of task %s are not kept any more: see 'orbiter task result %s'", task->id, task->id);
}

static void on_outcome(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct following *f = arg;
    if (!task && err->code == ORB_E_CANCELLED)
        return;
    if (task && f->events.count == 0)
        explain_silence(f, task);
    f->code = task ? cli_task_outcome(task) : cli_fail_with(err);
    cli_done(f->cli);
}

/* The stream has ended: how did the task end? The hash was final before the
 * last event was written, but a Python worker writes it after that. */
static int outcome(struct following *f, struct orb_task_handle *handle)
{
    int rc = orb_task_handle_result(handle, on_outcome, f);
    if (rc)
        return cli_fail(rc, "cannot read task %s: %s", orb_task_handle_id(handle), orb_error_text(rc));
    return cli_wait_patiently(f->cli);
}

int cli_follow(struct cli *cli, struct orb_task_handle *handle, const char *from_id, int is_raw)
{
    struct orb_error err = {0};
    struct following f = {.cli = cli, .from_id = from_id};
    cli_events_begin(&f.events, cli, is_raw);
    int rc = orb_task_handle_stream(handle, from_id, on_event, &f, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait_patiently(cli);
    cli_events_end(&f.events);
    if (!rc && !f.code)
        rc = outcome(&f, handle);
    if (rc == ORB_E_INTERRUPTED)
        return cli_interrupted(orb_task_handle_id(handle), f.last_id);
    return rc ? rc : f.code;
}
