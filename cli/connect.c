/* Finding Redis, and the one loop and client that a command works with. */
#include "dev.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A running dev is looked for even when there is a URL: it may be the dev's. */
int cli_find_redis(struct cli *cli)
{
    struct orb_error err = {0};
    orb_redis_args_get(&cli->common.redis, &cli->redis);
    cli->dev_url = dev_find();
    if (!cli->redis.url && cli->dev_url) {
        cli->redis.url = cli->dev_url;
        cli_note(cli, "using your running 'orbiter dev'");
    }
    if (!cli->redis.url)
        return cli_fail(ORB_E_CONFIG, "no Redis URL: give --redis-url, set ORBITER_REDIS_URL, or run 'orbiter dev'");
    cli->is_dev = cli->dev_url && !strcmp(cli->redis.url, cli->dev_url);
    int rc = orb_redis_url_check(cli->redis.url, &err);
    return rc ? cli_fail_with(&err) : 0;
}

static void on_interrupt(void *arg, int signo)
{
    struct cli *cli = arg;
    (void)signo;
    cli->is_interrupted = 1;
    orb_loop_stop(cli->loop);
}

/* Every failed try comes here; the first of an outage is worth a line. */
static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct cli *cli = arg;
    if (is_up) {
        if (cli->is_outage_said)
            cli_note(cli, "Redis is back");
        cli->was_up = 1;
        cli->is_outage_said = 0;
    } else if (cli->was_up && cli->is_patient && !cli->is_outage_said) {
        cli_note(cli, "Redis cannot be reached (%s); waiting for it, Ctrl-C stops waiting", orb_error_message(err));
        cli->is_outage_said = 1;
    }
}

int cli_loop(struct cli *cli)
{
    cli->loop = orb_loop_new();
    if (cli->loop)
        cli->interrupt = orb_signal_new(cli->loop, SIGINT, on_interrupt, cli);
    return cli->interrupt ? 0 : cli_fail(ORB_E_SYSTEM, "cannot make an event loop: out of memory or descriptors");
}

/* What it was started to ignore (nohup) stays so. */
int cli_watch_end(struct cli *cli)
{
    static const int signos[] = {SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signos / sizeof *signos; i++) {
        struct sigaction now;
        if (sigaction(signos[i], NULL, &now) || now.sa_handler == SIG_IGN)
            continue;
        cli->end[i] = orb_signal_new(cli->loop, signos[i], on_interrupt, cli);
        if (!cli->end[i])
            return cli_fail(ORB_E_SYSTEM, "cannot watch signals: out of memory or descriptors");
    }
    return 0;
}

int cli_connect(struct cli *cli)
{
    struct orb_error err = {0};
    int rc = cli->redis.url ? 0 : cli_find_redis(cli);
    if (!rc)
        rc = cli_loop(cli);
    if (rc)
        return rc;
    rc = orb_client_new(cli->loop, &cli->redis, &cli->client, &err);
    if (rc)
        return cli_fail_with(&err);
    orb_client_on_state(cli->client, on_state, cli);
    return 0;
}

int cli_wait(struct cli *cli)
{
    while (!cli->is_done && !cli->is_interrupted)
        if (orb_loop_turn(cli->loop, -1))
            return cli_fail(ORB_E_SYSTEM, "the event loop failed");
    cli->is_done = 0;
    return cli->is_interrupted ? ORB_E_INTERRUPTED : 0;
}

int cli_wait_patiently(struct cli *cli)
{
    cli->is_patient = 1;
    int rc = cli_wait(cli);
    cli->is_patient = 0;
    return rc;
}

void cli_done(struct cli *cli)
{
    cli->is_done = 1;
    orb_loop_stop(cli->loop);
}

struct orb_task_handle *cli_handle(struct cli *cli, const char *id)
{
    struct orb_task_handle *handle = orb_id_is_valid(id) ? orb_task_handle_new(cli->client, id) : NULL;
    if (!handle)
        cli_fail(ORB_E_USAGE, "'%s' is not a task id: 1 to 128 of A-Z a-z 0-9 . _ -", id);
    return handle;
}

void cli_close(struct cli *cli)
{
    orb_client_free(cli->client);
    orb_signal_free(cli->interrupt);
    for (size_t i = 0; i < 2; i++) {
        orb_signal_free(cli->end[i]);
        cli->end[i] = NULL;
    }
    if (cli->loop)
        orb_loop_free(cli->loop);
    free(cli->dev_url);
    cli->client = NULL;
    cli->interrupt = NULL;
    cli->loop = NULL;
    cli->dev_url = NULL;
}
