#include "chaos/cancel/silent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS_MAX 516

static struct silent {
    struct orb_watch *watch;
    int fd, task;  /* task -1: not read yet */
    double closed_at;
    char text[8192];
    size_t len;
} silents[CONNECTIONS_MAX];
static int silent_count, listener = -1, asked; /* asked: requests that were read */
static struct orb_watch *accepting;

static void on_silent(void *arg, int fd)
{
    struct silent *s = arg;
    ssize_t n = recv(fd, s->text + s->len, sizeof s->text - 1 - s->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        s->closed_at = chaos_mono_s();
        orb_watch_free(s->watch);
        s->watch = NULL;
        close(fd);
        return;
    }
    s->len += (size_t)n;
    s->text[s->len] = '\0';
    const char *id = strstr(s->text, "task-");
    if (s->task < 0 && id && strlen(id) >= 11) {
        s->task = chaos_task_of(id);
        asked++;
    }
}

static void on_accept(void *arg, int fd)
{
    int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn < 0 || silent_count == CONNECTIONS_MAX)
        return;
    struct silent *s = &silents[silent_count++];
    s->fd = conn;
    s->task = -1;
    s->watch = orb_watch_new(arg, conn, on_silent, s);
}

int silent_listen(struct chaos *c)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&addr, &len))
        fail_msg("cannot listen: %s", strerror(errno));
    accepting = orb_watch_new(c->fleet.loop, listener, on_accept, c->fleet.loop);
    return ntohs(addr.sin_port);
}

int silent_count_asked(void)
{
    return asked;
}

double silent_closed_at(int task)
{
    for (int i = 0; i < silent_count; i++)
        if (silents[i].task == task)
            return silents[i].closed_at;
    return 0;
}

void silent_stop(void)
{
    for (int i = 0; i < silent_count; i++)
        if (silents[i].watch) {
            orb_watch_free(silents[i].watch);
            close(silents[i].fd);
        }
    silent_count = 0;
    orb_watch_free(accepting);
    accepting = NULL;
    if (listener >= 0)
        close(listener);
    listener = -1;
}
