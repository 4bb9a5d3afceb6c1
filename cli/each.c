/* One question for each of several task ids, all at once, answered in the
 * order in which they were given. */
#include "each.h"

#include <stdlib.h>

static int start(struct each *e, size_t i, char *id)
{
    struct each_task *task = &e->tasks[i];
    task->each = e;
    task->id = id;
    task->handle = cli_handle(e->cli, id);
    if (!task->handle)
        return ORB_E_USAGE;
    int rc = e->ask(task);
    return rc ? cli_fail(rc, "cannot ask for task %s: %s", id, orb_error_text(rc)) : 0;
}

/* The same code for all is the code; else some were done and some were not. */
static int sum_up(const struct each *e)
{
    for (size_t i = 1; i < e->count; i++)
        if (orb_error_exit(e->tasks[i].code) != orb_error_exit(e->tasks[0].code))
            return ORB_E_PARTLY;
    return e->tasks[0].code;
}

int each_run(struct cli *cli, int argc, char **argv, int (*ask)(struct each_task *), void (*print)(const struct each *))
{
    struct each e = {.cli = cli, .ask = ask, .count = (size_t)argc, .open = (size_t)argc};
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    e.tasks = calloc(e.count, sizeof *e.tasks);
    if (!e.tasks)
        rc = cli_fail(ORB_E_NOMEM, "out of memory");
    for (size_t i = 0; i < e.count && !rc; i++)
        rc = start(&e, i, argv[i]);
    if (!rc)
        rc = cli_wait(cli);
    if (!rc) {
        print(&e);
        rc = sum_up(&e);
    }
    for (size_t i = 0; e.tasks && i < e.count; i++) {
        orb_task_handle_free(e.tasks[i].handle);
        free(e.tasks[i].text);
        json_decref(e.tasks[i].json);
    }
    free(e.tasks);
    return rc;
}

void each_answered(struct each_task *task, int code)
{
    task->code = code;
    if (--task->each->open == 0)
        cli_done(task->each->cli);
}

void each_print_json(const struct each *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->count; i++)
        if (e->tasks[i].json)
            json_array_append(list, e->tasks[i].json);
    if (e->count > 1 || e->cli->format == CLI_JSONL)
        cli_json_print_list(e->cli, list);
    else if (json_array_size(list)) {
        cli_json_print(e->cli, json_incref(json_array_get(list, 0)));
        json_decref(list);
    } else
        json_decref(list);
}
