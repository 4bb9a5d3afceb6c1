#include "loop/family.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024) /* of /proc that is looked at */
#define END_MS 300             /* for what was killed to end, when the loop does */

struct orb_family {
    struct orb_loop *loop;
    LIST_HEAD(, orb_kin) kin;
    int is_adopting, is_sweeping;  /* sweeping: it will be done in a moment */
    int is_restricted;             /* we have no right to new privileges ourselves: that tells nothing, then */
    struct orb_signal *ended;
};

static struct orb_family *family_get(struct orb_loop *loop)
{
    struct orb_family **slot = orb_loop_family(loop);
    if (!*slot) {
        *slot = orb_alloc(sizeof **slot);
        (*slot)->loop = loop;
        LIST_INIT(&(*slot)->kin);
    }
    return *slot;
}

/* ---- who is there ---- */

/* A file of /proc, terminated; NULL when it cannot be read. */
static char *read_proc(const char *format, pid_t pid, size_t *len)
{
    char path[64];
    snprintf(path, sizeof path, format, (int)pid, (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0, cap = 4096;
    ssize_t got = -1;
    char *text = fd < 0 ? NULL : orb_alloc(cap + 1);
    while (text && n < FILE_MAX && (got = read(fd, text + n, cap - n)) > 0) {
        n += (size_t)got;
        if (n < cap)
            continue;
        char *more = orb_alloc(2 * cap + 1);
        memcpy(more, text, n);
        free(text);
        text = more;
        cap *= 2;
    }
    if (fd >= 0)
        close(fd);
    if (got < 0 && !n) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    *len = n;
    return text;
}

static int is_kin(const struct orb_family *f, pid_t pid)
{
    const struct orb_kin *k;
    LIST_FOREACH(k, &f->kin, next)
        if (k->pid == pid)
            return 1;
    return 0;
}

/* Groups are started without the right to new privileges, which is passed on, and cannot be regained. */
static int has_no_new_privileges(pid_t pid)
{
    size_t len;
    char *status = read_proc("/proc/%d/status", pid, &len);
    int has = status && strstr(status, "NoNewPrivs:\t1") != NULL;
    free(status);
    return has;
}

/* Whose is it? 1 = that of a child that runs, 0 = of one that has ended, -1 = the variable is not there, or cannot be read. */
static int has_owner(const struct orb_family *f, pid_t pid)
{
    char mine[64], want[64];
    const struct orb_kin *k;
    size_t len = 0, front = (size_t)snprintf(mine, sizeof mine, ORB_FAMILY_VARIABLE "=%d.", (int)getpid());
    char *environment = read_proc("/proc/%d/environ", pid, &len);
    int owner = -1;
    for (size_t at = 0; environment && at < len && owner < 1; at += strlen(environment + at) + 1) {
        if (strncmp(environment + at, mine, front))
            continue;
        owner = 0;
        LIST_FOREACH(k, &f->kin, next) {
            orb_family_variable(k, want, sizeof want);
            owner |= !strcmp(environment + at, want);
        }
    }
    free(environment);
    return owner;
}

/* Did one of our children that has ended leave it? A process that was here before us, or comes from elsewhere (of a script
 * that became this program, in a container whose first process this is), is not ours to end. */
static int is_left(const struct orb_family *f, pid_t pid)
{
    if (is_kin(f, getpgid(pid)))
        return 0;
    int owner = has_owner(f, pid);
    return owner < 0 ? !f->is_restricted && has_no_new_privileges(pid) : !owner;
}

/* Ends what was left, and waits for what has ended; how many still run. What they leave in turn comes to us when they have
 * ended, and their end is told by a signal. */
static size_t end_orphans(const struct orb_family *f)
{
    size_t len, left = 0;
    char *list = read_proc("/proc/%d/task/%d/children", getpid(), &len), *end;
    for (char *at = list; at && *at; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at)
            break;
        end += strspn(end, " \n");
        if (pid <= 0 || is_kin(f, pid) || waitpid(pid, NULL, WNOHANG) == pid || !is_left(f, pid))
            continue;
        kill(pid, SIGKILL);
        left++;
    }
    free(list);
    return left;
}

static void sweep(void *arg)
{
    struct orb_family *f = arg;
    f->is_sweeping = 0;
    end_orphans(f);
}

static void sweep_soon(struct orb_family *f)
{
    if (!f->is_adopting || f->is_sweeping)
        return;
    f->is_sweeping = 1;
    orb_loop_defer(f->loop, sweep, f);
}

static void on_signal(void *arg, int signo)
{
    (void)signo;
    sweep_soon(arg);
}

/* ---- children ---- */

void orb_family_mark(struct orb_kin *kin)
{
    static uint64_t last; /* of all loops, which may be in different threads */
    kin->mark = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

void orb_family_variable(const struct orb_kin *kin, char *out, size_t cap)
{
    snprintf(out, cap, ORB_FAMILY_VARIABLE "=%d.%llu", (int)getpid(), (unsigned long long)kin->mark);
}

void orb_family_join(struct orb_loop *loop, struct orb_kin *kin, pid_t pid)
{
    kin->pid = pid;
    LIST_INSERT_HEAD(&family_get(loop)->kin, kin, next);
}

void orb_family_leave(struct orb_loop *loop, struct orb_kin *kin)
{
    LIST_REMOVE(kin, next);
    sweep_soon(family_get(loop));
}

/* ---- adopting ---- */

int orb_loop_adopt(struct orb_loop *loop)
{
    struct orb_family *f = family_get(loop);
    size_t len;
    char *list = read_proc("/proc/%d/task/%d/children", getpid(), &len);
    if (!list || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
        free(list);
        return ORB_E_SYSTEM;
    }
    free(list);
    f->is_restricted = has_no_new_privileges(getpid());
    f->ended = orb_signal_new(loop, SIGCHLD, on_signal, f);
    f->is_adopting = f->ended != NULL;
    return f->is_adopting ? 0 : ORB_E_NOMEM;
}

void orb_family_free(struct orb_family *f)
{
    if (!f)
        return;
    int64_t end_us = orb_mono_us() + END_MS * INT64_C(1000);
    while (f->is_adopting && end_orphans(f) && orb_mono_us() < end_us)
        poll(NULL, 0, 1);
    orb_signal_free(f->ended);
    *orb_loop_family(f->loop) = NULL;
    free(f);
}
