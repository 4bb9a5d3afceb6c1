/* Child processes of `orbiter dev`: in sessions of their own, so that the
 * terminal's Ctrl-C reaches only dev, and gone when dev is gone. */
#include "dev.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Runs in the child. */
static void become(const struct dev_spawn *spawn, pid_t parent, int in_fd)
{
    sigset_t none;
    setsid();
    if (prctl(PR_SET_PDEATHSIG, spawn->death_signal) || getppid() != parent)
        _exit(127);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int out_fd = spawn->is_log_stderr_only ? open("/dev/null", O_WRONLY | O_CLOEXEC) : spawn->log_fd;
    if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 || dup2(spawn->log_fd, STDERR_FILENO) < 0)
        _exit(127);
    if (spawn->keep_fd >= 0)
        fcntl(spawn->keep_fd, F_SETFD, 0);
    if (spawn->variable)
        setenv(spawn->variable, spawn->value, 1);
    execvp(spawn->argv[0], (char *const *)(uintptr_t)spawn->argv);
    dprintf(STDERR_FILENO, "orbiter dev: cannot run %s: %s\n", spawn->argv[0], strerror(errno));
    _exit(127);
}

pid_t dev_child_start(const struct dev_spawn *spawn, struct orb_error *err)
{
    sigset_t all, before;
    pid_t parent = getpid();
    int in_fd = spawn->in_fd >= 0 ? spawn->in_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in_fd < 0)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot open /dev/null: %s", strerror(errno)), -1;
    /* A signal must not run the loop's handler in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(spawn, parent, in_fd);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (in_fd != spawn->in_fd)
        close(in_fd);
    if (pid < 0)
        orb_error_set(err, ORB_E_SYSTEM, "cannot start %s: %s", spawn->argv[0], strerror(error));
    return pid;
}

void dev_words_add(struct dev_words *w, const char *name, const char *value)
{
    if (value && w->count + 2 < sizeof w->argv / sizeof *w->argv) {
        w->argv[w->count++] = name;
        w->argv[w->count++] = value;
    }
}

void dev_words_add_runtime(struct dev_words *w, const struct orb_runtime_args *args)
{
    dev_words_add(w, "--tools", args->tools);
    dev_words_add(w, "--providers", args->providers);
    dev_words_add(w, "--prices", args->prices);
}

void dev_child_path(const char *name, char *out, size_t cap)
{
    char self[DEV_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash && (size_t)snprintf(out, cap, "%.*s/%s", (int)(slash - self), self, name) < cap && !access(out, X_OK))
            return;
    }
    snprintf(out, cap, "%s", name);
}

int dev_child_is_there(const char *name)
{
    const char *path = getenv("PATH");
    char file[DEV_PATH_MAX];
    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    while (path && *path) {
        size_t len = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)len, path, name);
        if (len && access(file, X_OK) == 0)
            return 1;
        path += len + (path[len] == ':');
    }
    return 0;
}
