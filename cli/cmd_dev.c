/* orbiter dev: the whole system on one machine: a redis-server of its own and
 * workers, supervised until Ctrl-C. */
#include "dev.h"
#include "toolbox.h"

#include <orbiter/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 64,
    READY_STEP_MS = 20, READY_WAIT_MS = 60000, /* a large append-only file takes its time to load */
    BACKOFF_FIRST_MS = 500, BACKOFF_MAX_MS = 30000, STABLE_MS = 60000,
    HAND_BACK_MS = 10000, KILL_MS = 20000,     /* after the request to stop */
    LOG_MAX = 10 * 1024 * 1024,
    SIGNAL_COUNT = 4,
};

struct dev_options {
    struct orb_runtime_args runtime;
    int workers, concurrency, is_ephemeral, is_demo;
};

static const struct dev_options defaults = {.workers = 2, .concurrency = 8};

#define AT(field) offsetof(struct dev_options, field)
static const struct orb_option rows[] = {
    {"workers", 0, ORB_OPTION_INT, AT(workers), "N", "worker processes, 1 to 64 (default 2)", 1, WORKERS_MAX},
    {"concurrency", 0, ORB_OPTION_INT, AT(concurrency), "N", "tasks at once in each worker (default 8)", 1, ORB_CONCURRENCY_MAX},
    {"ephemeral", 0, ORB_OPTION_FLAG, AT(is_ephemeral), NULL, "keep nothing: no data on disk, the log goes to stderr", 0, 0},
    {"demo", 0, ORB_OPTION_FLAG, AT(is_demo), NULL,
     "also run a few tasks on the offline model: on a terminal the console shows them, and leaving it stops everything; else their answers are printed, and that is the end", 0, 0},
    ORB_RUNTIME_OPTIONS(AT(runtime)),
    {0},
};
#undef AT

struct dev_worker {
    struct dev *dev;
    int number;
    pid_t pid;               /* 0 = not running */
    int64_t started_ms, backoff_ms;
    struct orb_timer *restart;
};

struct dev {
    struct cli *cli;
    const struct dev_options *options;
    struct dev_paths paths;
    char *url;
    int lock_fd, log_fd;
    pid_t redis;             /* 0 = not running */
    struct dev_worker workers[WORKERS_MAX];
    struct orb_signal *signals[SIGNAL_COUNT];
    struct orb_timer *ready_timer, *stop_timer;
    int64_t begun_ms, stop_ms; /* stop_ms 0 = not stopping */
    struct dev_demo *demo;
    int has_console;         /* the demo is on a terminal */
    pid_t console;           /* 0 = not running */
    int code;                /* what dev ends with */
};

static int64_t now_ms(const struct dev *dev)
{
    return orb_loop_now_ms(dev->cli->loop);
}

/* A line of the log, in the form of the workers' lines. On stderr only what is
 * wrong is said. */
static void log_line(const struct dev *dev, const char *level, const char *fmt, ...) ORB_PRINTF(3, 4);
static void log_line(const struct dev *dev, const char *level, const char *fmt, ...)
{
    char text[512], when[32];
    time_t now = time(NULL);
    struct tm tm;
    va_list args;
    int is_error = !strcmp(level, "ERROR"), is_quiet = dev->cli->common.is_quiet;
    if (dev->options->is_ephemeral && !is_error && (is_quiet || !strcmp(level, "INFO")))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    dprintf(dev->log_fd, "%s %s dev: %s\n", when, level, text);
}

static void describe_end(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status))
        snprintf(out, cap, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(out, cap, "ended with status %d", WEXITSTATUS(status));
}

/* ---- stopping --------------------------------------------------------- */

static int workers_running(const struct dev *dev)
{
    int running = 0;
    for (int i = 0; i < dev->options->workers; i++)
        running += dev->workers[i].pid > 0;
    return running;
}

static void signal_workers(const struct dev *dev, int signo)
{
    for (int i = 0; i < dev->options->workers; i++)
        if (dev->workers[i].pid > 0)
            kill(dev->workers[i].pid, signo);
}

/* Workers first, then redis-server, then the loop. */
static void go_on_stopping(struct dev *dev)
{
    if (workers_running(dev) > 0 || dev->console > 0)
        return;
    if (dev->redis > 0)
        kill(dev->redis, SIGTERM);
    else
        cli_done(dev->cli);
}

static void stop(struct dev *dev, int code)
{
    if (dev->stop_ms)
        return;
    dev->code = code;
    dev->stop_ms = now_ms(dev);
    for (int i = 0; i < dev->options->workers; i++)
        orb_timer_stop(dev->workers[i].restart);
    orb_timer_stop(dev->ready_timer);
    orb_timer_start(dev->stop_timer, HAND_BACK_MS);
    if (dev->console > 0)
        kill(dev->console, SIGTERM);
    signal_workers(dev, SIGTERM);
    go_on_stopping(dev);
}

/* Workers that take long: first they hand their tasks back, then they are killed. */
static void on_stop_timer(void *arg)
{
    struct dev *dev = arg;
    if (now_ms(dev) - dev->stop_ms < KILL_MS) {
        signal_workers(dev, SIGTERM);
        orb_timer_start(dev->stop_timer, KILL_MS - HAND_BACK_MS);
        return;
    }
    signal_workers(dev, SIGKILL);
    if (workers_running(dev) == 0 && dev->redis > 0)
        kill(dev->redis, SIGKILL);
    orb_timer_start(dev->stop_timer, HAND_BACK_MS);
}

static void on_stop_signal(void *arg, int signo)
{
    struct dev *dev = arg;
    (void)signo;
    if (!dev->stop_ms) {
        cli_note(dev->cli, "stopping");
        stop(dev, dev->code);
    } else {
        signal_workers(dev, SIGTERM);
    }
}

/* ---- workers ---------------------------------------------------------- */

static int start_worker(struct dev_worker *w)
{
    struct dev *dev = w->dev;
    struct orb_error err = {0};
    char path[DEV_PATH_MAX], concurrency[16];
    struct dev_words words = {.argv = {path}, .count = 1};
    struct dev_spawn spawn = {
        .argv = words.argv, .variable = "ORBITER_REDIS_URL", .value = dev->url,
        .in_fd = -1, .log_fd = dev->log_fd, .is_log_stderr_only = dev->options->is_ephemeral, .keep_fd = -1,
        .death_signal = SIGKILL,
    };
    dev_child_path("orbiter-worker", path, sizeof path);
    snprintf(concurrency, sizeof concurrency, "%d", dev->options->concurrency);
    dev_words_add(&words, "--concurrency", concurrency);
    dev_words_add(&words, "--namespace", dev->cli->common.redis.ns);
    dev_words_add_runtime(&words, &dev->options->runtime);
    pid_t pid = dev_child_start(&spawn, &err);
    if (pid < 0)
        return cli_fail_with(&err);
    w->pid = pid;
    w->started_ms = now_ms(dev);
    log_line(dev, "INFO", "worker %d started, pid %ld", w->number, (long)pid);
    return 0;
}

static void on_restart(void *arg)
{
    struct dev_worker *w = arg;
    if (start_worker(w))
        orb_timer_start(w->restart, BACKOFF_MAX_MS);
}

static void worker_ended(struct dev_worker *w, int status)
{
    struct dev *dev = w->dev;
    char how[64];
    describe_end(status, how, sizeof how);
    w->pid = 0;
    if (dev->stop_ms) {
        log_line(dev, "INFO", "worker %d %s", w->number, how);
        go_on_stopping(dev);
        return;
    }
    int is_stable = now_ms(dev) - w->started_ms >= STABLE_MS;
    w->backoff_ms = is_stable || !w->backoff_ms ? BACKOFF_FIRST_MS : w->backoff_ms * 2;
    if (w->backoff_ms > BACKOFF_MAX_MS)
        w->backoff_ms = BACKOFF_MAX_MS;
    log_line(dev, "WARNING", "worker %d %s; it is started again in %lld ms", w->number, how, (long long)w->backoff_ms);
    if (!dev->options->is_ephemeral)
        cli_note(dev->cli, "worker %d %s; it is started again; see the log", w->number, how);
    orb_timer_start(w->restart, w->backoff_ms);
}

static void redis_ended(struct dev *dev, int status)
{
    char how[64];
    describe_end(status, how, sizeof how);
    dev->redis = 0;
    log_line(dev, dev->stop_ms ? "INFO" : "ERROR", "redis-server %s", how);
    if (dev->stop_ms) {
        go_on_stopping(dev);
        return;
    }
    cli_fail(ORB_E_SYSTEM, "redis-server %s: see %s", how,
             dev->options->is_ephemeral ? "the log that 'orbiter dev' without --ephemeral writes" : dev->paths.log);
    stop(dev, ORB_E_SYSTEM);
}

/* Who leaves the console is done. One that could not start has said why. */
static void console_ended(struct dev *dev, int status)
{
    int has_left = WIFEXITED(status) && !WEXITSTATUS(status);
    dev->console = 0;
    if (dev->stop_ms) {
        go_on_stopping(dev);
        return;
    }
    if (has_left)
        cli_note(dev->cli, "stopping: what runs has up to %d s, Ctrl+C hands it back at once", HAND_BACK_MS / 1000);
    stop(dev, has_left ? 0 : ORB_E_SYSTEM);
}

static void on_child(void *arg, int signo)
{
    struct dev *dev = arg;
    pid_t pid;
    int status;
    (void)signo;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == dev->redis)
            redis_ended(dev, status);
        if (pid == dev->console)
            console_ended(dev, status);
        for (int i = 0; i < dev->options->workers; i++)
            if (pid == dev->workers[i].pid)
                worker_ended(&dev->workers[i], status);
    }
}

/* ---- starting --------------------------------------------------------- */

static void on_demo_end(void *arg, int code)
{
    stop(arg, code);
}

static int start_demo(struct dev *dev)
{
    struct orb_error err = {0};
    int rc = orb_client_new(dev->cli->loop, &dev->cli->redis, &dev->cli->client, &err);
    if (rc)
        return cli_fail_with(&err);
    if (!dev->has_console)
        return dev_demo_start(dev->cli, on_demo_end, dev, &dev->demo);
    rc = dev_console_tasks(dev->cli);
    if (rc)
        return rc;
    dev->console = dev_console_start(dev->cli, dev->url, &err);
    if (dev->console < 0) {
        dev->console = 0;
        return cli_fail_with(&err);
    }
    return 0;
}

static void announce(const struct dev *dev)
{
    const struct dev_options *o = dev->options;
    cli_note(dev->cli, "dev is running: Redis %s, %d worker%s with %d task%s each", dev->url, o->workers,
             o->workers == 1 ? "" : "s", o->concurrency, o->concurrency == 1 ? "" : "s");
    if (!o->is_ephemeral)
        cli_note(dev->cli, "log: %s", dev->paths.log);
    cli_note(dev->cli, "other orbiter commands of yours find it by themselves; press Ctrl+C to stop");
}

/* redis-server answers: everything else can start. */
static void redis_ready(struct dev *dev)
{
    int rc = 0;
    for (int i = 0; i < dev->options->workers && !rc; i++)
        rc = start_worker(&dev->workers[i]);
    if (!rc && !dev->has_console)
        announce(dev);
    if (!rc && dev->options->is_demo)
        rc = start_demo(dev);
    if (rc)
        stop(dev, rc);
}

static void on_ready_timer(void *arg)
{
    struct dev *dev = arg;
    if (dev_redis_is_ready(&dev->paths))
        redis_ready(dev);
    else if (now_ms(dev) - dev->begun_ms < READY_WAIT_MS)
        orb_timer_start(dev->ready_timer, READY_STEP_MS);
    else
        stop(dev, cli_fail(ORB_E_UNREACHABLE, "redis-server does not answer on %s after %d s", dev->paths.socket,
                           READY_WAIT_MS / 1000));
}

/* The log of before is kept once, so that it cannot grow for ever. */
static int open_log(struct dev *dev)
{
    char old[DEV_PATH_MAX + 4];
    struct stat st;
    if (dev->options->is_ephemeral && dev->has_console) { /* the console has the terminal */
        dev->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return dev->log_fd < 0 ? cli_fail(ORB_E_SYSTEM, "cannot open /dev/null: %s", strerror(errno)) : 0;
    }
    if (dev->options->is_ephemeral) {
        dev->log_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        return dev->log_fd < 0 ? cli_fail(ORB_E_SYSTEM, "cannot use stderr: %s", strerror(errno)) : 0;
    }
    snprintf(old, sizeof old, "%s.1", dev->paths.log);
    if (!stat(dev->paths.log, &st) && st.st_size > LOG_MAX && rename(dev->paths.log, old))
        return cli_fail(ORB_E_SYSTEM, "cannot rename %s: %s", dev->paths.log, strerror(errno));
    dev->log_fd = open(dev->paths.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return dev->log_fd < 0 ? cli_fail(ORB_E_SYSTEM, "cannot open %s: %s", dev->paths.log, strerror(errno)) : 0;
}

/* Folders, lock, log: what must be right before anything starts. */
static int prepare(struct dev *dev)
{
    struct orb_error err = {0};
    struct cli *cli = dev->cli;
    const struct orb_redis_args *redis = &cli->common.redis;
    if (redis->url || redis->tls_ca || redis->tls_cert || redis->tls_key)
        return cli_fail(ORB_E_USAGE, "orbiter dev starts its own redis-server: leave --redis-url and --tls-... out");
    if (!dev_child_is_there("redis-server"))
        return cli_fail(ORB_E_SYSTEM, "redis-server is not in PATH: install it, for example with "
                                      "'sudo apt-get install redis-server'");
    if (dev_paths_run(&dev->paths, 1, &err) || (!dev->options->is_ephemeral && dev_paths_state(&dev->paths, &err)) ||
        dev_lock(&dev->paths, &dev->lock_fd, &err))
        return cli_fail_with(&err);
    dev->url = dev_url(&dev->paths);
    cli->redis = (struct orb_redis_options){.url = dev->url, .ns = cli->common.redis.ns};
    /* What a crashed worker of an ephemeral dev has to say must not be drowned. */
    if (dev->options->is_ephemeral && setenv("ORBITER_LOG_LEVEL", cli->common.is_quiet ? "ERROR" : "WARNING", 0))
        return cli_fail(ORB_E_NOMEM, "out of memory");
    return open_log(dev);
}

static int make_loop(struct dev *dev)
{
    static const int signos[SIGNAL_COUNT] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    struct cli *cli = dev->cli;
    int is_complete = (cli->loop = orb_loop_new()) != NULL;
    for (int i = 0; i < SIGNAL_COUNT && is_complete; i++) {
        dev->signals[i] = orb_signal_new(cli->loop, signos[i], signos[i] == SIGCHLD ? on_child : on_stop_signal, dev);
        is_complete = dev->signals[i] != NULL;
    }
    for (int i = 0; i < dev->options->workers && is_complete; i++) {
        struct dev_worker *w = &dev->workers[i];
        w->dev = dev;
        w->number = i + 1;
        w->restart = orb_timer_new(cli->loop, on_restart, w);
        is_complete = w->restart != NULL;
    }
    if (is_complete) {
        dev->ready_timer = orb_timer_new(cli->loop, on_ready_timer, dev);
        dev->stop_timer = orb_timer_new(cli->loop, on_stop_timer, dev);
    }
    if (!dev->ready_timer || !dev->stop_timer)
        return cli_fail(ORB_E_SYSTEM, "cannot make an event loop: out of memory or descriptors");
    return 0;
}

static int serve(struct dev *dev)
{
    struct orb_error err = {0};
    int rc = make_loop(dev);
    if (!rc)
        rc = cli_runtime_check(dev->cli, &dev->options->runtime); /* it would end each worker at its start */
    if (rc)
        return rc;
    dev->redis = dev_redis_start(&dev->paths, dev->options->is_ephemeral, dev->log_fd, dev->lock_fd, &err);
    if (dev->redis < 0) {
        dev->redis = 0;
        return cli_fail_with(&err);
    }
    dev->begun_ms = now_ms(dev);
    orb_timer_start(dev->ready_timer, READY_STEP_MS);
    rc = cli_wait(dev->cli);
    return rc ? rc : dev->code;
}

static void done(struct dev *dev)
{
    dev_demo_free(dev->demo);
    for (int i = 0; i < dev->options->workers; i++)
        orb_timer_free(dev->workers[i].restart);
    orb_timer_free(dev->ready_timer);
    orb_timer_free(dev->stop_timer);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        orb_signal_free(dev->signals[i]);
    cli_close(dev->cli);
    if (dev->log_fd >= 0)
        close(dev->log_fd);
    if (dev->lock_fd >= 0) {
        unlink(dev->paths.socket);
        close(dev->lock_fd);
    }
    free(dev->url);
    free(dev);
}

/* A terminal that can show the console. */
static int is_screen(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static int dev_run(struct cli *cli, const void *options, int argc, char **argv)
{
    struct dev *dev = cli_alloc(sizeof *dev);
    (void)argc, (void)argv;
    *dev = (struct dev){.cli = cli, .options = options, .lock_fd = -1, .log_fd = -1};
    dev->has_console = dev->options->is_demo && cli->format == CLI_TABLE && is_screen();
    int rc = prepare(dev);
    if (!rc)
        rc = serve(dev);
    done(dev);
    return rc;
}

const struct cli_command cli_cmd_dev = {
    .path = "dev",
    .synopsis = "[--workers N] [--concurrency N] [--tools DIR] [--providers DIR] [--prices FILE] [--ephemeral] [--demo]",
    .brief = "run the whole system on this machine",
    .help = "Starts a redis-server of its own and workers, with nothing to configure, and runs until Ctrl-C or SIGTERM. "
            "Redis listens only on a socket of yours, in XDG_RUNTIME_DIR/orbiter or /tmp/orbiter-UID; data and log are kept "
            "in ~/.local/state/orbiter/dev. There is one per user. While it runs, every other orbiter command of yours "
            "that has no Redis URL uses it, and tasks without -m run on the offline model sim:.\n"
            "\n"
            "  orbiter dev --demo",
    .options = rows,
    .options_size = sizeof(struct dev_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .run = dev_run,
};
