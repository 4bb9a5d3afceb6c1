/* The console over a running `orbiter dev --demo`: a child with the terminal; when it ends, dev does. */
#include "dev.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What the demo runs: agents that talk at the pace of a reader, one that fails, one that takes long. */
static const struct {
    const char *name, *model, *input;
} tasks[] = {
    {"guide", "sim:rate=9", "Welcome. This text comes from a worker process, token by token, through a Redis stream, and you see it as it comes. Press Tab for what this task was asked, its result and "
                            "its timeline; Esc goes back. The list you come from has every task of this fleet: mark some with Space, cancel them with C, run one again with R. Nothing happens before you have said yes."},
    {"planner", "sim:tokens=900,rate=22", "Plan the week"},
    {"writer", "sim:tokens=1500,rate=35", "Write about the sea"},
    {"critic", "sim:tokens=600,rate=14", "Judge the text"},
    {"coder", "sim:tokens=2400,rate=60", "Write a parser"},
    {"reporter", "sim:tokens=40,rate=20", "A short report"},
    {"reporter", "sim:tokens=60,rate=20", "Another short report"},
    {"flaky", "sim:error=rate_limit", "This one is rate limited and comes back"},
    {"broken", "sim:error=auth", "This one fails"},
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    (void)arg;
    (void)err; /* the console shows what is there */
    orb_task_handle_free(handle);
}

int dev_console_tasks(struct cli *cli)
{
    struct orb_error err = {0};
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof tasks / sizeof *tasks; i++) {
        json_t *agent = json_pack("{ss ss ss}", "name", tasks[i].name, "model", tasks[i].model, "instructions", "");
        char *text = json_dumps(agent, JSON_ENSURE_ASCII);
        struct orb_task_spec spec = {
            .agent_config = text, .input = tasks[i].input, .input_len = strlen(tasks[i].input), .timeout_seconds = -1, .detailed = 1,
        };
        rc = orb_distributed(cli->client, &spec, on_submit, NULL, &err);
        json_decref(agent);
        free(text);
    }
    return rc ? cli_fail_with(&err) : 0;
}

pid_t dev_console_start(const struct cli *cli, const char *url, struct orb_error *err)
{
    static const char hint[] = "try: 4 tasks, Enter opens one live, C cancels, / filters, ? help, q stops it";
    const char *argv[] = {"orbiter", "top", "-q", "--hint", hint, "--redis-url", url, NULL, NULL, NULL};
    pid_t parent = getpid();
    sigset_t all, before, none;
    if (cli->redis.ns && *cli->redis.ns) {
        argv[7] = "--namespace";
        argv[8] = cli->redis.ns;
    }
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        for (int signo = 1; signo < NSIG; signo++)
            signal(signo, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (!prctl(PR_SET_PDEATHSIG, SIGTERM) && getppid() == parent)
            execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        orb_error_set(err, ORB_E_SYSTEM, "cannot start the console: %s", strerror(error));
    return pid;
}
