#include "loop/spawn.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What the new process needs, ready before it is made. Until it has become the program it runs in our memory, of which it
 * must not change anything. */
struct plan {
    const struct orb_child_options *options;
    char **env;
    int fds[3];
    int report;             /* where it writes what failed; closed by the exec */
    pid_t parent;
};

struct failure {
    int code;
    int what;               /* which step, a letter */
};

#define REPORT_FD 3 /* where plan->report is in the new process */

static _Noreturn void give_up(int report, int what)
{
    struct failure failure = { errno, what };
    ssize_t n = write(report, &failure, sizeof failure);
    (void)n;
    _exit(127);
}

static void default_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;
    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit(const struct plan *plan)
{
    for (size_t i = 0; i < plan->options->limit_count; i++) {
        const struct orb_child_limit *l = &plan->options->limits[i];
        struct rlimit now = { l->value, l->value }, wanted = { l->value, l->value };
        if (getrlimit((__rlimit_resource_t)l->resource, &now) == 0 && now.rlim_max < wanted.rlim_max)
            wanted = (struct rlimit){ now.rlim_max, now.rlim_max };
        if (setrlimit((__rlimit_resource_t)l->resource, &wanted) == 0)
            continue;
        wanted.rlim_max = now.rlim_max; /* under valgrind it cannot be lowered */
        if (setrlimit((__rlimit_resource_t)l->resource, &wanted))
            give_up(REPORT_FD, 'l');
    }
}

/* In the new process; calls only what may be called there. */
static _Noreturn void become(const struct plan *plan)
{
    const struct orb_child_options *o = plan->options;
    if (o->is_group) {
        setsid();
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != plan->parent)
            _exit(127);
    }
    for (int i = 0; i < 3; i++)
        if (dup2(plan->fds[i], i) < 0)
            give_up(plan->report, 'f');
    /* libcurl's sockets are not closed by an exec. */
    if (dup2(plan->report, REPORT_FD) < 0)
        give_up(plan->report, 'f');
    close_range(REPORT_FD + 1, ~0u, 0);
    fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
    if (o->cwd && chdir(o->cwd))
        give_up(REPORT_FD, 'c');
    limit(plan);
    default_signals();
    execvpe(o->argv[0], (char *const *)(uintptr_t)o->argv, plan->env);
    give_up(REPORT_FD, 'x');
}

/* Shares the memory instead of copying its tables: a worker may be large. */
static __attribute__((noinline)) pid_t start(const struct plan *plan)
{
    pid_t pid = vfork();
    if (pid == 0)
        become(plan);
    return pid;
}

static char **environment(const struct orb_child_options *o, const char *mark)
{
    static const char *const none[] = { NULL };
    const char *const *add = o->env ? o->env : none;
    size_t n = 0, more = 0, kept = 0;
    while (!o->is_env_whole && environ[n])
        n++;
    while (add[more])
        more++;
    char **env = orb_alloc((n + more + 2) * sizeof *env);
    for (size_t i = 0; i < n; i++) {
        int is_replaced = 0;
        for (size_t k = 0; k < more; k++)
            is_replaced |= !strncmp(environ[i], add[k], strcspn(add[k], "=") + 1);
        if (!is_replaced)
            env[kept++] = environ[i];
    }
    for (size_t k = 0; k < more; k++)
        env[kept++] = (char *)(uintptr_t)add[k];
    if (o->is_group)
        env[kept++] = (char *)(uintptr_t)mark;
    return env;
}

static int failed(const struct orb_child_options *o, const struct failure *failure, struct orb_error *err)
{
    const char *why = strerror(failure->code);
    switch (failure->what) {
    case 'c':
        return orb_error_set(err, ORB_E_SYSTEM, "cannot start %s in %s: %s", o->argv[0], o->cwd, why);
    case 'l':
        return orb_error_set(err, ORB_E_SYSTEM, "cannot limit %s: %s", o->argv[0], why);
    case 'x':
        return orb_error_set(err, ORB_E_SYSTEM, "cannot start %s: %s", o->argv[0], why);
    default:
        return orb_error_set(err, ORB_E_NOMEM, "cannot start %s: %s", o->argv[0], why);
    }
}

int orb_spawn(const struct orb_child_options *options, const int fds[3], const char *mark, pid_t *out, struct orb_error *err)
{
    struct plan plan = { .options = options, .fds = { fds[0], fds[1], fds[2] }, .parent = getpid() };
    struct failure failure = { 0, 0 };
    sigset_t all, before;
    int report[2];
    if (pipe2(report, O_CLOEXEC))
        return orb_error_set(err, ORB_E_NOMEM, "cannot start %s: %s", options->argv[0], strerror(errno));
    plan.env = environment(options, mark);
    plan.report = report[1] > 2 ? report[1] : fcntl(report[1], F_DUPFD_CLOEXEC, 3);
    /* No handler of ours may run in the new process, which shares our memory. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = start(&plan);
    int code = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (plan.report >= 0 && plan.report != report[1])
        close(plan.report);
    free(plan.env);
    ssize_t n = pid < 0 ? 0 : read(report[0], &failure, sizeof failure);
    close(report[0]);
    if (pid < 0)
        return orb_error_set(err, ORB_E_NOMEM, "cannot start %s: %s", options->argv[0], strerror(code));
    if (n == (ssize_t)sizeof failure) {
        waitpid(pid, NULL, 0);
        return failed(options, &failure, err);
    }
    *out = pid;
    return 0;
}
