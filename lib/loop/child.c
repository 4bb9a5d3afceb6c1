#include "loop/child.h"
#include "base/base.h"
#include "base/buf.h"
#include "loop/family.h"
#include "loop/spawn.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 65536
#define LOOK_MS 5
/* After its end: what the pipe holds, not what somebody who left the group goes on writing. */
#define DRAIN_MAX (1024 * 1024)

struct stream {
    struct event event;
    struct orb_child *child;
    int fd;                 /* ours; -1 = closed */
    int number;             /* the child's: 0, 1, 2 */
};

struct orb_child {
    struct orb_loop *loop;
    struct orb_kin kin;
    pid_t pid;
    int pidfd, is_group;
    struct orb_watch *watch;
    struct orb_timer *look;     /* where there are no pidfds (valgrind) */
    struct stream streams[3];
    struct orb_buf input;
    int is_input_ending;
    void (*output)(void *arg, int fd, const char *data, size_t len);
    void (*ended)(void *arg, int status);
    void *arg;
};

static void stream_close(struct stream *s)
{
    if (s->fd < 0)
        return;
    event_del(&s->event);
    close(s->fd);
    s->fd = -1;
}

/* ---- output ---- */

/* Bytes read; 0 when there are none now, or no more. */
static size_t stream_read(struct stream *s)
{
    char data[READ_BYTES];
    ssize_t n = s->fd < 0 ? -1 : read(s->fd, data, sizeof data);
    if (n > 0)
        s->child->output(s->child->arg, s->number, data, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        stream_close(s);
    return n > 0 ? (size_t)n : 0;
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    stream_read(arg);
}

/* ---- input ---- */

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    struct orb_child *c = s->child;
    (void)what;
    ssize_t n = c->input.len ? write((int)fd, c->input.data, c->input.len) : 0;
    if (n > 0)
        orb_buf_drop(&c->input, (size_t)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        orb_buf_reset(&c->input), c->is_input_ending = 1; /* it has closed its end */
    if (c->input.len)
        return;
    if (c->is_input_ending)
        stream_close(s);
    else
        event_del(&s->event);
}

int orb_child_write(struct orb_child *c, const char *data, size_t len)
{
    struct stream *s = &c->streams[0];
    if (s->fd < 0 || c->is_input_ending)
        return 0;
    if (len > ORB_CHILD_INPUT_MAX - c->input.len)
        return ORB_E_TOO_LARGE;
    orb_buf_add(&c->input, data, len);
    event_add(&s->event, NULL);
    return c->input.err;
}

void orb_child_end_input(struct orb_child *c)
{
    struct stream *s = &c->streams[0];
    c->is_input_ending = 1;
    if (s->fd >= 0 && !c->input.len)
        stream_close(s);
}

/* ---- the end ---- */

static void on_end(void *arg, int fd)
{
    struct orb_child *c = arg;
    int status = 0;
    (void)fd;
    siginfo_t info = { 0 };
    if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
        return;
    /* Its number is the group's until it has been waited for. */
    if (c->is_group)
        kill(-c->pid, SIGKILL);
    waitpid(c->pid, &status, 0);
    orb_family_leave(c->loop, &c->kin);
    orb_watch_free(c->watch);
    c->watch = NULL;
    orb_timer_free(c->look);
    c->look = NULL;
    c->pid = 0;
    for (size_t i = 1; i < 3; i++) {
        for (size_t got = 0, n = 1; n && got < DRAIN_MAX; got += n)
            n = stream_read(&c->streams[i]);
        stream_close(&c->streams[i]);
    }
    stream_close(&c->streams[0]);
    c->ended(c->arg, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void look(void *arg)
{
    struct orb_child *c = arg;
    orb_timer_start(c->look, LOOK_MS);
    on_end(c, -1);
}

/* ---- the start ---- */

struct ends {
    int ours[3], theirs[3];
};

static int above_2(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return high;
}

static int make_pipe(int number, struct ends *ends)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        return -1;
    ends->ours[number] = above_2(fds[number ? 0 : 1]);
    ends->theirs[number] = above_2(fds[number ? 1 : 0]);
    if (ends->ours[number] >= 0)
        fcntl(ends->ours[number], F_SETFL, O_NONBLOCK);
    return ends->ours[number] < 0 || ends->theirs[number] < 0 ? -1 : 0;
}

static int make_null(int number, struct ends *ends)
{
    ends->theirs[number] = above_2(open("/dev/null", (number ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
    return ends->theirs[number] < 0 ? -1 : 0;
}

static void ends_close(int fds[3])
{
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int make_ends(const struct orb_child_options *o, struct ends *ends)
{
    *ends = (struct ends){ { -1, -1, -1 }, { -1, -1, -1 } };
    int rc = o->has_input ? make_pipe(0, ends) : make_null(0, ends);
    if (!rc)
        rc = o->output ? make_pipe(1, ends) : make_null(1, ends);
    if (!rc && o->output)
        rc = make_pipe(2, ends);
    if (!rc && !o->output)
        rc = (ends->theirs[2] = fcntl(2, F_DUPFD_CLOEXEC, 3)) < 0 ? make_null(2, ends) : 0;
    return rc;
}

static void child_watch(struct orb_child *c, const struct ends *ends)
{
    for (int i = 0; i < 3; i++) {
        struct stream *s = &c->streams[i];
        *s = (struct stream){ .child = c, .fd = ends->ours[i], .number = i };
        if (s->fd < 0)
            continue;
        event_assign(&s->event, orb_loop_base(c->loop), s->fd, (short)((i ? EV_READ : EV_WRITE) | EV_PERSIST), i ? on_output : on_input, s);
        if (i)
            event_add(&s->event, NULL);
    }
}

int orb_child_start(struct orb_loop *loop, const struct orb_child_options *options, struct orb_child **out, struct orb_error *err)
{
    struct ends ends;
    pid_t pid;
    char mark[64];
    int rc;
    if (make_ends(options, &ends)) {
        rc = orb_error_set(err, ORB_E_NOMEM, "cannot start %s: %s", options->argv[0], strerror(errno));
        ends_close(ends.theirs);
        ends_close(ends.ours);
        return rc;
    }
    struct orb_child *c = orb_alloc(sizeof *c);
    orb_family_mark(&c->kin);
    orb_family_variable(&c->kin, mark, sizeof mark);
    rc = orb_spawn(options, ends.theirs, mark, &pid, err);
    ends_close(ends.theirs);
    if (rc) {
        ends_close(ends.ours);
        free(c);
        return rc;
    }
    c->loop = loop;
    c->pid = pid;
    c->is_group = options->is_group;
    c->output = options->output;
    c->ended = options->ended;
    c->arg = options->arg;
    orb_family_join(loop, &c->kin, pid);
    orb_buf_init(&c->input, ORB_CHILD_INPUT_MAX);
    child_watch(c, &ends);
    c->pidfd = pidfd_open(pid, 0);
    c->watch = c->pidfd >= 0 ? orb_watch_new(loop, c->pidfd, on_end, c) : NULL;
    if (c->pidfd < 0 && errno == ENOSYS) {
        c->look = orb_timer_new(loop, look, c);
        orb_timer_start(c->look, LOOK_MS);
    }
    if (!c->watch && !c->look) {
        orb_child_kill(c);
        waitpid(pid, NULL, 0);
        orb_family_leave(loop, &c->kin);
        c->pid = 0;
        orb_child_free(c);
        return orb_error_set(err, ORB_E_NOMEM, "cannot watch %s: out of descriptors", options->argv[0]);
    }
    *out = c;
    return 0;
}

pid_t orb_child_pid(const struct orb_child *c)
{
    return c->pid;
}

void orb_child_signal(const struct orb_child *c, int signo)
{
    if (c && c->pid)
        kill(c->pid, signo);
}

void orb_child_kill(const struct orb_child *c)
{
    if (c && c->pid)
        kill(c->is_group ? -c->pid : c->pid, SIGKILL);
}

int orb_child_wait(const struct orb_child *c, int wait_ms)
{
    struct pollfd end = { .fd = c->pidfd, .events = POLLIN };
    siginfo_t info = { 0 };
    if (!c->pid)
        return 1;
    if (c->pidfd >= 0)
        return poll(&end, 1, wait_ms) > 0;
    do { /* no pidfds here */
        if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
            return 1;
    } while (wait_ms-- > 0 && poll(NULL, 0, 1) == 0);
    return 0;
}

void orb_child_free(struct orb_child *c)
{
    if (!c)
        return;
    if (c->pid && c->is_group) {
        orb_child_kill(c);
        waitpid(c->pid, NULL, 0);
    }
    if (c->pid)
        orb_family_leave(c->loop, &c->kin);
    orb_watch_free(c->watch);
    orb_timer_free(c->look);
    for (size_t i = 0; i < 3; i++)
        stream_close(&c->streams[i]);
    orb_buf_done(&c->input);
    if (c->pidfd >= 0)
        close(c->pidfd);
    free(c);
}
