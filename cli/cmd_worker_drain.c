/* orbiter worker drain ID...: workers finish what they run, and end. */
#include "cli.h"

#include <orbiter/operate.h>
#include <stdlib.h>

struct draining;

struct one {
    struct draining *all;
    const char *id;
    int code, is_changed;
};

struct draining {
    struct cli *cli;
    size_t count, open;
    struct one *workers;
};

static void on_drain(void *arg, int is_changed, const struct orb_error *err)
{
    struct one *w = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    w->is_changed = is_changed;
    if (err)
        w->code = cli_fail_with(err);
    if (--w->all->open == 0)
        cli_done(w->all->cli);
}

static void print(const struct draining *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->count; i++) {
        const struct one *w = &d->workers[i];
        if (w->code)
            continue;
        if (d->cli->format == CLI_TABLE)
            printf("%s draining\n", w->id);
        else
            json_array_append_new(list, json_pack("{ss sb}", "id", w->id, "changed", w->is_changed));
        if (!w->is_changed)
            cli_note(d->cli, "worker %s was draining already", w->id);
    }
    if (d->cli->format != CLI_TABLE)
        cli_json_print_list(d->cli, list);
    else
        json_decref(list);
}

/* The same code for all is the code; else some were asked and some were not. */
static int sum_up(const struct draining *d)
{
    for (size_t i = 1; i < d->count; i++)
        if (orb_error_exit(d->workers[i].code) != orb_error_exit(d->workers[0].code))
            return ORB_E_PARTLY;
    return d->workers[0].code;
}

static int drain(struct cli *cli, const void *options, int argc, char **argv)
{
    struct draining d = {.cli = cli, .count = (size_t)argc, .open = (size_t)argc};
    struct orb_error err = {0};
    (void)options;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    d.workers = cli_alloc(d.count * sizeof *d.workers);
    for (size_t i = 0; i < d.count && !rc; i++) {
        d.workers[i] = (struct one){.all = &d, .id = argv[i]};
        rc = orb_operate_drain(cli->client, argv[i], on_drain, &d.workers[i], &err);
    }
    if (rc)
        cli_fail_with(&err);
    else
        rc = cli_wait(cli);
    if (!rc) {
        print(&d);
        rc = sum_up(&d);
    }
    free(d.workers);
    return rc;
}

const struct cli_command cli_cmd_worker_drain = {
    .path = "worker drain",
    .synopsis = "ID...",
    .brief = "let workers finish what they run, and end",
    .help = "Asks each worker to do what SIGTERM makes it do: it claims no more, finishes the tasks that it runs, hands back those that "
            "still run after its --drain-timeout, and ends with status 0. The command does not wait for that: 'orbiter worker list' shows it. "
            "What starts workers again when they end (such as 'orbiter dev', or systemd with Restart=always) starts a new one, with "
            "another id unless --worker-id gives it one: there, a drain is a restart without a lost task. A Python worker does not look: "
            "that is refused.",
    .min_operands = 1,
    .max_operands = -1,
    .run = drain,
};
