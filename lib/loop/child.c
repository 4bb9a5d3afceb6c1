#include "loop/child.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct orb_child {
    struct orb_loop *loop;
    pid_t pid;
    int pidfd;
    struct orb_watch *watch;
    void (*ended)(void *arg, int status);
    void *arg;
};

static void on_end(void *arg, int fd)
{
    struct orb_child *c = arg;
    int status = 0;
    (void)fd;
    if (waitpid(c->pid, &status, WNOHANG) == 0)
        return;
    orb_watch_free(c->watch);
    c->watch = NULL;
    c->pid = 0;
    c->ended(c->arg, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static char **environment(const char *const add[])
{
    size_t n = 0, more = 0, kept = 0;
    while (environ[n])
        n++;
    while (add[more])
        more++;
    char **env = orb_alloc((n + more + 1) * sizeof *env);
    for (size_t i = 0; i < n; i++) {
        int is_replaced = 0;
        for (size_t k = 0; k < more; k++)
            is_replaced |= !strncmp(environ[i], add[k], strcspn(add[k], "=") + 1);
        if (!is_replaced)
            env[kept++] = environ[i];
    }
    for (size_t k = 0; k < more; k++)
        env[kept++] = (char *)add[k];
    return env;
}

static int spawn(const char *const argv[], const char *const add[], pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    char **env = environment(add);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(pid, argv[0], &files, &attr, (char *const *)argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    free(env);
    return rc;
}

int orb_child_start(struct orb_loop *loop, const char *const argv[], const char *const env[], void (*ended)(void *arg, int status), void *arg,
                    struct orb_child **out, struct orb_error *err)
{
    pid_t pid;
    int rc = spawn(argv, env, &pid);
    if (rc)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot start %s: %s", argv[0], strerror(rc));
    struct orb_child *c = orb_alloc(sizeof *c);
    *c = (struct orb_child){ .loop = loop, .pid = pid, .ended = ended, .arg = arg };
    c->pidfd = pidfd_open(pid, 0);
    c->watch = c->pidfd >= 0 ? orb_watch_new(loop, c->pidfd, on_end, c) : NULL;
    if (!c->watch) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        orb_child_free(c);
        return orb_error_set(err, ORB_E_SYSTEM, "cannot watch %s: out of descriptors", argv[0]);
    }
    *out = c;
    return 0;
}

void orb_child_signal(const struct orb_child *c, int signo)
{
    if (c && c->pid)
        kill(c->pid, signo);
}

void orb_child_free(struct orb_child *c)
{
    if (!c)
        return;
    orb_watch_free(c->watch);
    if (c->pidfd >= 0)
        close(c->pidfd);
    free(c);
}
