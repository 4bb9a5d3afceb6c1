#include "support/proxy.h"
#include "support/child.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LINKS_MAX 512
#define CHUNK_BYTES 4096
#define QUEUE_BYTES (1024 * 1024)
#define SLOW_QUEUE_BYTES (16 * 1024) /* so that what is slow is felt by who sends */
#define TICK_MS 5

enum { CUT = 100, RESET, HALF_CLOSE, AIM };

struct order {
    int what, value;
    char socket[TEST_PATH_MAX];
};

struct chunk {
    struct chunk *next;
    int64_t due_ms;
    size_t len, at;
    char data[];
};

/* One direction. */
struct flow {
    struct chunk *head, **tail;
    size_t queued;
    int64_t free_ms;      /* SLOW: not before then */
    int is_at_end;
};

struct link {
    int fd[2];            /* the client's side, the server's */
    struct flow flow[2];  /* from fd[0] to fd[1], and back */
    int is_mute;
};

static struct link *links[LINKS_MAX];
static int link_count, mode, value, listener = -1;
static struct sockaddr_in here;
static struct sockaddr_storage target;
static socklen_t target_len;

/* ---- in the child ------------------------------------------------------ */

static void open_listener(void)
{
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 256)) {
        perror("proxy");
        _exit(1);
    }
}

static void drop_queued(struct flow *flow)
{
    while (flow->head) {
        struct chunk *chunk = flow->head;
        flow->head = chunk->next;
        free(chunk);
    }
    flow->tail = &flow->head;
    flow->queued = 0;
}

static void close_link(int i, int is_reset)
{
    struct link *l = links[i];
    struct linger linger = { .l_onoff = 1 };
    for (int side = 0; side < 2; side++) {
        if (is_reset)
            setsockopt(l->fd[side], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(l->fd[side]);
        drop_queued(&l->flow[side]);
    }
    free(l);
    links[i] = links[--link_count];
}

static void accept_link(void)
{
    int on = 1, client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    int server = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link_count == LINKS_MAX || server < 0 || (mode != TEST_PROXY_HOLE && connect(server, (struct sockaddr *)&target, target_len))) {
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct link *l = calloc(1, sizeof *l);
    l->fd[0] = client;
    l->fd[1] = server;
    l->is_mute = mode == TEST_PROXY_HOLE;
    for (int side = 0; side < 2; side++)
        l->flow[side].tail = &l->flow[side].head;
    links[link_count++] = l;
}

static void mute(struct link *l)
{
    l->is_mute = 1;
    for (int side = 0; side < 2; side++)
        drop_queued(&l->flow[side]);
}

static int has_room(const struct flow *flow)
{
    return flow->queued < (mode == TEST_PROXY_SLOW ? SLOW_QUEUE_BYTES : QUEUE_BYTES);
}

/* 0: that side is closed. */
static int take(struct link *l, int side, int64_t now)
{
    char data[CHUNK_BYTES];
    struct flow *flow = &l->flow[side];
    ssize_t n = recv(l->fd[side], data, sizeof data, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0 || l->is_mute)
        return n > 0;
    struct chunk *chunk = malloc(sizeof *chunk + (size_t)n);
    *chunk = (struct chunk){ .due_ms = now + (mode == TEST_PROXY_LATE ? value : 0), .len = (size_t)n };
    memcpy(chunk->data, data, (size_t)n);
    *flow->tail = chunk;
    flow->tail = &chunk->next;
    flow->queued += (size_t)n;
    return 1;
}

/* -1: the other side is closed. */
static int give(struct link *l, int side, int64_t now)
{
    struct flow *flow = &l->flow[side];
    while (flow->head && flow->head->due_ms <= now && flow->free_ms <= now && !l->is_mute) {
        struct chunk *chunk = flow->head;
        size_t n = chunk->len - chunk->at;
        if (mode == TEST_PROXY_SLOW && n > (size_t)value / 50 + 1)
            n = (size_t)value / 50 + 1;
        ssize_t done = send(l->fd[!side], chunk->data + chunk->at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (mode == TEST_PROXY_SLOW)
            flow->free_ms = now + (int64_t)done * 1000 / value;
        chunk->at += (size_t)done;
        flow->queued -= (size_t)done;
        if (chunk->at < chunk->len)
            continue;
        flow->head = chunk->next;
        if (!flow->head)
            flow->tail = &flow->head;
        free(chunk);
    }
    return 0;
}

static int serve(struct link *l, const struct pollfd *fds, int64_t now)
{
    for (int side = 0; side < 2; side++) {
        struct flow *flow = &l->flow[side];
        if (fds[side].revents && has_room(flow) && !flow->is_at_end)
            flow->is_at_end = !take(l, side, now);
        if (give(l, side, now))
            return 0;
        /* A mute link ends when its client has had enough, not when the server has. */
        if (flow->is_at_end && !flow->head && (!l->is_mute || side == 0))
            return 0;
    }
    return 1;
}

static int is_waiting(const struct link *l)
{
    return l->flow[0].head || l->flow[1].head;
}

static void aim(const char *path, int port)
{
    memset(&target, 0, sizeof target);
    if (*path) {
        struct sockaddr_un *un = (struct sockaddr_un *)&target;
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof un->sun_path, "%s", path);
        target_len = sizeof *un;
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)&target;
        *in = here;
        in->sin_port = htons((uint16_t)port);
        target_len = sizeof *in;
    }
}

static void obey(int control)
{
    struct order order;
    ssize_t n = read(control, &order, sizeof order);
    if (n != sizeof order)
        _exit(0);
    if (order.what == CUT || order.what == RESET) {
        while (link_count)
            close_link(0, order.what == RESET);
    } else if (order.what == HALF_CLOSE) {
        for (int i = 0; i < link_count; i++) {
            mute(links[i]);
            shutdown(links[i]->fd[0], SHUT_WR);
        }
    } else if (order.what == AIM) {
        aim(order.socket, order.value);
    } else {
        mode = order.what;
        value = order.value;
        for (int i = 0; i < link_count && mode == TEST_PROXY_HOLE; i++)
            mute(links[i]);
    }
    if (mode == TEST_PROXY_REFUSE && listener >= 0) {
        close(listener);
        listener = -1;
    } else if (mode != TEST_PROXY_REFUSE && listener < 0) {
        open_listener();
    }
    if (write(control, "", 1) != 1)
        _exit(0);
}

static void watch_side(const struct link *l, int side, struct pollfd *fd)
{
    const struct flow *flow = &l->flow[side];
    int wants = !flow->is_at_end && has_room(flow);
    *fd = (struct pollfd){ .fd = wants ? l->fd[side] : -1, .events = POLLIN };
}

static _Noreturn void run(int control)
{
    static struct pollfd fds[2 + 2 * LINKS_MAX];
    for (;;) {
        int timeout = -1, n = link_count;
        fds[0] = (struct pollfd){ .fd = control, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = listener, .events = POLLIN };
        for (int i = 0; i < n; i++) {
            for (int side = 0; side < 2; side++)
                watch_side(links[i], side, &fds[2 + 2 * i + side]);
            if (is_waiting(links[i]))
                timeout = TICK_MS;
        }
        poll(fds, (nfds_t)(2 + 2 * n), timeout);
        int64_t now = test_now_ms();
        for (int i = n - 1; i >= 0; i--)
            if (!serve(links[i], &fds[2 + 2 * i], now))
                close_link(i, 0);
        if (fds[1].revents)
            accept_link();
        if (fds[0].revents)
            obey(control);
    }
}

/* ---- in the test ------------------------------------------------------- */

void test_proxy_start(struct test_proxy *proxy, const char *path, int port)
{
    int ends[2];
    here = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    proxy->port = test_free_port();
    here.sin_port = htons((uint16_t)proxy->port);
    aim(path ? path : "", port);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        fail_msg("socketpair: %s", strerror(errno));
    pid_t parent = getpid();
    fflush(NULL);
    proxy->pid = fork();
    if (proxy->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        close(ends[0]);
        mode = TEST_PROXY_PASS;
        link_count = 0;
        open_listener();
        run(ends[1]);
    }
    close(ends[1]);
    proxy->control = ends[0];
    if (proxy->pid < 0)
        fail_msg("cannot fork: %s", strerror(errno));
    test_proxy_set(proxy, TEST_PROXY_PASS, 0);
}

static void order(const struct test_proxy *proxy, int what, int number, const char *socket)
{
    char done;
    struct order o = { .what = what, .value = number };
    snprintf(o.socket, sizeof o.socket, "%s", socket);
    if (write(proxy->control, &o, sizeof o) != sizeof o || read(proxy->control, &done, 1) != 1)
        fail_msg("the proxy on port %d is gone", proxy->port);
}

void test_proxy_set(const struct test_proxy *proxy, enum test_proxy_mode wanted, int number)
{
    order(proxy, (int)wanted, number, "");
}

void test_proxy_aim(const struct test_proxy *proxy, const char *path, int port)
{
    order(proxy, AIM, port, path ? path : "");
}

void test_proxy_cut(const struct test_proxy *proxy)
{
    order(proxy, CUT, 0, "");
}

void test_proxy_half_close(const struct test_proxy *proxy)
{
    order(proxy, HALF_CLOSE, 0, "");
}

void test_proxy_reset(const struct test_proxy *proxy)
{
    order(proxy, RESET, 0, "");
}

void test_proxy_stop(struct test_proxy *proxy)
{
    if (proxy->pid <= 0)
        return;
    kill(proxy->pid, SIGKILL);
    while (waitpid(proxy->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(proxy->control);
    proxy->pid = 0;
}
