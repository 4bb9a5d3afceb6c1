/* orbiter queue purge QUEUE: cancel all that waits in it. */
#include "cli.h"

#include <orbiter/operate.h>

struct purge_options {
    int is_sure;
};

static const struct orb_option rows[] = {
    {"yes", 'y', ORB_OPTION_FLAG, offsetof(struct purge_options, is_sure), NULL, "do not ask", 0, 0},
    {0},
};

struct purging {
    struct cli *cli;
    const char *queue;
    int is_there, code;
    int64_t waiting;
};

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err)
{
    struct purging *p = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (err)
        p->code = cli_fail_with(err);
    p->is_there = count > 0;
    if (count)
        p->waiting = (queues->depth > 0 ? queues->depth : 0) + queues->delayed;
    cli_done(p->cli);
}

/* 0 when the answer is yes. */
static int confirm(struct purging *p)
{
    char question[512];
    struct orb_error err = {0};
    struct orb_queue_filter filter = {.queue = p->queue, .limit = 1};
    if (!cli_can_ask())
        return cli_fail(ORB_E_USAGE, "purging queue %s cannot be undone, and there is no terminal to ask on: give --yes", p->queue);
    if (orb_fleet_queues(p->cli->client, &filter, on_queues, p, &err))
        return cli_fail_with(&err);
    int rc = cli_wait(p->cli);
    if (rc || p->code)
        return rc ? rc : p->code;
    if (!p->is_there)
        return 0; /* the purge says so */
    snprintf(question, sizeof question, "Cancel the %lld tasks that wait in queue %s?", (long long)p->waiting, p->queue);
    return cli_ask(question) ? 0 : cli_fail(ORB_E_REFUSED, "queue %s was not purged", p->queue);
}

static void on_purge(void *arg, int64_t ended, const struct orb_error *err)
{
    struct purging *p = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (err && ended)
        p->code = cli_fail(err->code, "%s; %lld tasks were cancelled before, purge again for the rest", orb_error_message(err), (long long)ended);
    else if (err)
        p->code = cli_fail_with(err);
    else if (p->cli->format != CLI_TABLE)
        cli_json_print(p->cli, json_pack("{ss sI}", "queue", p->queue, "cancelled", (json_int_t)ended));
    else
        printf("%s %lld cancelled\n", p->queue, (long long)ended);
    cli_done(p->cli);
}

static int queue_purge(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct purge_options *o = options;
    struct purging p = {.cli = cli, .queue = argv[0]};
    struct orb_error err = {0};
    (void)argc;
    int rc = cli_connect(cli);
    if (!rc && !o->is_sure)
        rc = confirm(&p);
    if (rc)
        return rc;
    if (orb_operate_purge(cli->client, p.queue, on_purge, &p, &err))
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : p.code;
}

const struct cli_command cli_cmd_queue_purge = {
    .path = "queue purge",
    .synopsis = "QUEUE [--yes]",
    .brief = "cancel all tasks that wait in a queue",
    .help = "Cancels every task that waits in the queue, is not due yet or waits for another attempt, and prints how many those were. "
            "Running tasks are left, and so is what is submitted meanwhile. It asks first; without a terminal, --yes is needed. "
            "Ctrl-C ends it between two hundreds of tasks: what is left then still waits.",
    .options = rows,
    .options_size = sizeof(struct purge_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = queue_purge,
};
