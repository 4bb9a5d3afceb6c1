/* orbiter start worker: becomes orbiter-worker. The Redis URL goes by the
 * environment, where other users cannot read it. */
#include "dev.h"

#include <orbiter/worker.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct start_options {
    const char *queue, *worker_id;
    struct orb_runtime_args runtime;
    int concurrency;
};

#define AT(field) offsetof(struct start_options, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "the queue to work on (default " ORB_QUEUE_DEFAULT ")", 0, 0},
    {"concurrency", 0, ORB_OPTION_INT, AT(concurrency), "N", "tasks at once, 1 to 10000 (default 1)", 1, ORB_CONCURRENCY_MAX},
    {"worker-id", 0, ORB_OPTION_TEXT, AT(worker_id), "ID", "name of the worker (default HOST-PID-XXXXXXXX)", 0, 0},
    ORB_RUNTIME_OPTIONS(AT(runtime)),
    {0},
};
#undef AT

static int start_worker(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct start_options *o = options;
    struct dev_words words = {0};
    char path[DEV_PATH_MAX], number[16];
    (void)argc, (void)argv;
    int rc = cli_find_redis(cli);
    if (rc)
        return rc;
    dev_child_path("orbiter-worker", path, sizeof path);
    words.argv[words.count++] = path;
    dev_words_add(&words, "--queue", o->queue);
    dev_words_add(&words, "--worker-id", o->worker_id);
    dev_words_add_runtime(&words, &o->runtime);
    dev_words_add(&words, "--namespace", cli->redis.ns);
    dev_words_add(&words, "--tls-ca", cli->redis.tls_ca);
    dev_words_add(&words, "--tls-cert", cli->redis.tls_cert);
    dev_words_add(&words, "--tls-key", cli->redis.tls_key);
    snprintf(number, sizeof number, "%d", o->concurrency);
    dev_words_add(&words, "--concurrency", o->concurrency ? number : NULL);
    if (setenv("ORBITER_REDIS_URL", cli->redis.url, 1) ||
        (cli->common.is_quiet && setenv("ORBITER_LOG_LEVEL", "ERROR", 0)))
        return cli_fail(ORB_E_NOMEM, "out of memory");
    execvp(path, (char *const *)(uintptr_t)words.argv);
    return cli_fail(ORB_E_SYSTEM, "cannot run %s: %s: install it beside orbiter or in PATH", path, strerror(errno));
}

const struct cli_command cli_cmd_start_worker = {
    .path = "start worker",
    .synopsis = "[--queue NAME] [--concurrency N] [--worker-id ID] [--tools DIR] [--providers DIR] [--prices FILE]",
    .brief = "start a worker in the foreground",
    .help = "Becomes orbiter-worker, which claims tasks from the queue and runs them until it gets SIGTERM or Ctrl-C; then "
            "it ends what it has begun. A second one hands running tasks back to the queue. With -q it logs errors only, unless "
            "ORBITER_LOG_LEVEL says otherwise. See orbiter-worker(1).",
    .options = rows,
    .options_size = sizeof(struct start_options),
    .min_operands = 0,
    .max_operands = 0,
    .run = start_worker,
};
