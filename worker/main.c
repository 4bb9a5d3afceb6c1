/* orbiter-worker: a Worker of the library in a process of its own: options,
 * signals and log lines. */
#include <orbiter/fleet.h>
#include <orbiter/options.h>
#include <orbiter/worker.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BRIEF "run tasks for LLM agents"
#define ABOUT \
    "orbiter-worker claims tasks from a queue in Redis and runs them, many at a time, until it gets SIGTERM or SIGINT. " \
    "Then it claims no more and ends when the running tasks have ended; after --drain-timeout, or at a second signal, it hands " \
    "them back to the queue and ends. 'orbiter start worker' runs this program.\n" \
    "\n" \
    "The log goes to stderr, one line each: time, level, message."

struct worker_args {
    struct orb_redis_args redis;
    const char *queue, *worker_id, *alone, *holder;
    struct orb_runtime_args runtime;
    int concurrency, drain_timeout, result_ttl, event_ttl, wants_help, wants_version, wants_man;
};

#define AT(field) offsetof(struct worker_args, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "the queue to work on (default " ORB_QUEUE_DEFAULT ")", 0, 0},
    {"concurrency", 0, ORB_OPTION_INT, AT(concurrency), "N", "tasks at once, 1 to 10000 (default 1)", 1, ORB_CONCURRENCY_MAX},
    {"worker-id", 0, ORB_OPTION_TEXT, AT(worker_id), "ID", "name of the worker (default HOST-PID-XXXXXXXX)", 0, 0},
    {"drain-timeout", 0, ORB_OPTION_INT, AT(drain_timeout), "SEC",
     "after a signal, hand back what still runs after this time (default 60, 0 = at once)", 0, 31536000},
    {"result-ttl", 0, ORB_OPTION_INT, AT(result_ttl), "SEC", "how long finished tasks are kept (default 86400)", 1, 31536000},
    {"event-ttl", 0, ORB_OPTION_INT, AT(event_ttl), "SEC", "how long the events of finished tasks are kept (default 3600)", 1, 31536000},
    ORB_RUNTIME_OPTIONS(AT(runtime)),
    {"alone", 0, ORB_OPTION_TEXT, AT(alone), "ENTRY", "run only this queue entry, then end (a worker starts this for a task that killed its workers)", 0, 0},
    {"holder", 0, ORB_OPTION_TEXT, AT(holder), "ID", "with --alone: the worker that the entry is pending on", 0, 0},
    {"help", 'h', ORB_OPTION_FLAG, AT(wants_help), NULL, "print this help", 0, 0},
    {"version", 'V', ORB_OPTION_FLAG, AT(wants_version), NULL, "print the version", 0, 0},
    {"man", 0, ORB_OPTION_FLAG, AT(wants_man), NULL, "", 0, 0},
    {0},
};
#undef AT

static const struct orb_env_row environment[] = {
    {"ORBITER_LOG_LEVEL", "how much is logged: DEBUG, INFO (default), WARNING or ERROR"},
    {0},
};

static const char *const level_names[] = {"ERROR", "WARNING", "INFO", "DEBUG"};
enum { LEVEL_COUNT = sizeof level_names / sizeof *level_names, LEVEL_DEFAULT = 2 };

static int fail(int code, const char *text)
{
    char safe[1024];
    orb_safe_text(text, strlen(text), ORB_SAFE_LINE, safe, sizeof safe);
    fprintf(stderr, "orbiter-worker: %s\n", safe);
    return code;
}

/* ---- log -------------------------------------------------------------- */

/* The number of a level's name, -1 when it is none. */
static int level_of(const char *name)
{
    for (int i = 0; i < LEVEL_COUNT; i++)
        if (!strcasecmp(name, level_names[i]))
            return i;
    return -1;
}

static void on_log(void *arg, int level, const char *line)
{
    const int *limit = arg;
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    if (level > *limit || level < 0)
        return;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    fprintf(stderr, "%s %s %s\n", when, level_names[level], line);
}

/* ---- running ---------------------------------------------------------- */

struct running {
    struct orb_loop *loop;
    struct orb_worker *worker;
    struct orb_signal *term, *interrupt;
    int log_level, code;
};

static void on_signal(void *arg, int signo)
{
    struct running *r = arg;
    (void)signo;
    orb_worker_drain(r->worker);
}

static void on_end(void *arg, const struct orb_error *err)
{
    struct running *r = arg;
    if (err)
        r->code = fail(err->code, orb_error_message(err));
    orb_loop_stop(r->loop);
}

/* As the Python worker prints it, so that what reads it keeps working. */
static void banner(const struct orb_worker_options *options, const struct orb_worker *worker)
{
    char mask[512];
    orb_redis_url_mask(options->redis.url, mask, sizeof mask);
    printf("Orbiter Worker Starting\n"
           "  Worker ID:   %s\n"
           "  Redis URL:   %s\n"
           "  Queue:       %s\n"
           "  Concurrency: %d\n"
           "\n"
           "Press Ctrl+C to stop.\n",
           orb_worker_id(worker), mask, options->queue ? options->queue : ORB_QUEUE_DEFAULT, options->concurrency);
    fflush(stdout);
}

static int serve(const struct orb_worker_options *options, int log_level)
{
    struct running r = {.log_level = log_level};
    struct orb_error err = {0};
    int rc = orb_redis_url_check(options->redis.url, &err);
    if (rc)
        return fail(rc, orb_error_message(&err));
    r.loop = orb_loop_new();
    if (!r.loop)
        return fail(ORB_E_SYSTEM, "cannot make an event loop: out of memory or descriptors");
    if (orb_loop_adopt(r.loop) && options->tools_dir)
        fail(0, "warning: this system does not tell a process its children: what tools detach from themselves is left running");
    rc = orb_worker_new(r.loop, options, &r.worker, &err);
    if (rc) {
        fail(rc, orb_error_message(&err));
        goto out;
    }
    r.term = orb_signal_new(r.loop, SIGTERM, on_signal, &r);
    r.interrupt = orb_signal_new(r.loop, SIGINT, on_signal, &r);
    if (!r.term || !r.interrupt) {
        rc = fail(ORB_E_SYSTEM, "cannot watch signals: out of memory or descriptors");
        goto out;
    }
    orb_worker_on_log(r.worker, on_log, &r.log_level);
    banner(options, r.worker);
    rc = orb_worker_start(r.worker, on_end, &r);
    if (rc)
        fail(rc, orb_error_text(rc));
    else
        orb_loop_run(r.loop);
out:
    orb_signal_free(r.term);
    orb_signal_free(r.interrupt);
    orb_worker_free(r.worker);
    orb_loop_free(r.loop);
    return rc ? rc : r.code;
}

/* Every task may have connections of its own. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit))
            fail(0, "warning: cannot raise the limit of open files");
    }
}

/* ---- options ---------------------------------------------------------- */

static void help(void)
{
    fputs("usage: orbiter-worker [OPTION]...\n\n", stdout);
    orb_help_text(stdout, ABOUT);
    fputs("\nOptions:\n", stdout);
    orb_options_help(stdout, rows);
    orb_options_help(stdout, orb_redis_option_rows);
}

static void manual(void)
{
    orb_man_begin(stdout, "orbiter-worker", BRIEF);
    orb_man_section(stdout, "SYNOPSIS");
    orb_man_text(stdout, "orbiter-worker [OPTION]...");
    orb_man_section(stdout, "DESCRIPTION");
    orb_man_text(stdout, ABOUT);
    orb_man_section(stdout, "OPTIONS");
    orb_man_options(stdout, rows);
    orb_man_options(stdout, orb_redis_option_rows);
    orb_man_exits(stdout);
    orb_man_section(stdout, "ENVIRONMENT");
    orb_man_env(stdout, orb_redis_env_rows);
    orb_man_env(stdout, orb_runtime_env_rows);
    orb_man_env(stdout, environment);
    for (const struct orb_provider_info *p = orb_provider_list(); p->name; p++)
        if (*p->settings)
            orb_man_env(stdout, (const struct orb_env_row[]){{p->settings, p->help}, {0}});
    orb_man_section(stdout, "SEE ALSO");
    orb_man_text(stdout, "orbiter(1)");
}

/* This program, for the processes that run one task alone. */
static const char *program_path(void)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len <= 0)
        return NULL;
    path[len] = '\0';
    return path;
}

/* By the environment, so that a process for one task alone finds them, too. */
static int load_providers(const char *dir)
{
    struct orb_error err = {0};
    if (dir && setenv("ORBITER_PROVIDERS", dir, 1))
        return fail(ORB_E_NOMEM, "out of memory");
    int rc = dir ? orb_provider_load(dir, &err) : 0;
    return rc ? fail(rc, orb_error_message(&err)) : 0;
}

static int run(struct worker_args *args)
{
    const char *level_name = getenv("ORBITER_LOG_LEVEL");
    int level = level_name && *level_name ? level_of(level_name) : LEVEL_DEFAULT;
    if (args->wants_help)
        return help(), 0;
    if (args->wants_version)
        return printf("orbiter-worker %s\n", orb_version()), 0;
    if (args->wants_man)
        return manual(), 0;
    struct orb_runtime_args runtime;
    orb_runtime_args_get(&args->runtime, &runtime);
    if (level < 0)
        return fail(ORB_E_CONFIG, "ORBITER_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR");
    struct orb_worker_options options = {
        .queue = args->queue, .worker_id = args->worker_id, .concurrency = args->concurrency,
        .drain_timeout_s = args->drain_timeout ? args->drain_timeout : -1, .result_ttl_s = args->result_ttl, .event_ttl_s = args->event_ttl,
        .program = program_path(), .alone = args->alone, .holder = args->holder,
        .tools_dir = runtime.tools, .prices = runtime.prices,
    };
    if (!args->alone != !args->holder)
        return fail(ORB_E_USAGE, "give --alone and --holder together");
    orb_redis_args_get(&args->redis, &options.redis);
    if (!options.redis.url)
        return fail(ORB_E_CONFIG, "no Redis URL: give --redis-url or set ORBITER_REDIS_URL");
    int rc = load_providers(runtime.providers);
    if (rc)
        return rc;
    raise_descriptor_limit();
    return serve(&options, level);
}

int main(int argc, char **argv)
{
    struct worker_args args = {.concurrency = 1, .drain_timeout = 60, .result_ttl = 86400, .event_ttl = 3600};
    const struct orb_option_set sets[] = {{rows, &args}, {orb_redis_option_rows, &args.redis}, {0}};
    struct orb_error err = {0};
    int count = argc > 0 ? argc - 1 : 0;
    signal(SIGPIPE, SIG_IGN);
    int rc = orb_options_parse(sets, 0, &count, argv + 1, &err);
    if (rc)
        fail(rc, orb_error_message(&err));
    else if (count > 0)
        rc = fail(ORB_E_USAGE, "no operands are taken (see orbiter-worker --help)");
    else
        rc = run(&args);
    orb_options_done(sets);
    return orb_error_exit(rc);
}
