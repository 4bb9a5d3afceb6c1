#include "support/web.h"
#include "support/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { REQUEST_MAX = 1024 * 1024 };

/* 0 when the other side is gone. */
static int put(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return 0;
        data += n;
        len -= (size_t)n;
    }
    return 1;
}

static void answer(int fd, int status, const char *more, const char *body, size_t len)
{
    char head[16384];
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", status, len, more);
    if (put(fd, head, strlen(head)))
        put(fd, body, len);
}

static void wait_for_close(int fd)
{
    char c;
    while (recv(fd, &c, 1, 0) > 0)
        ;
}

static void flood(int fd, size_t len)
{
    char data[65536];
    memset(data, 'x', sizeof data);
    for (size_t n = sizeof data; len > 0; len -= n) {
        n = len < sizeof data ? len : sizeof data;
        if (!put(fd, data, n))
            return;
    }
}

static void trail(int fd)
{
    char line[2048];
    memset(line, 'x', sizeof line);
    for (long long i = 0;; i++) {
        int n = snprintf(line, sizeof line, "X-%lld: ", i);
        line[n] = 'x';
        memcpy(line + sizeof line - 2, "\r\n", 2);
        if (!put(fd, line, sizeof line))
            return;
    }
}

static void redirect(int fd, const char *path)
{
    char header[8192];
    const char *to = strchr(path, '?');
    snprintf(header, sizeof header, "Location: %s\r\n", to ? to + 1 : "");
    answer(fd, *path == '?' ? 302 : atoi(path + 4), header, "moved", 5);
}

/* To /echo/xxx... of so many bytes. */
static void redirect_far(int fd, size_t len)
{
    char path[8000] = "?/echo/";
    memset(path + 7, 'x', len < sizeof path - 8 ? len : sizeof path - 8);
    redirect(fd, path);
}

static void serve(int fd, const char *request, size_t len)
{
    static const char json[] = "{\"items\": [{\"t\": \"x\", \"n\": [1, 2]}], \"a/b\": null}";
    static const char weather[] = "{\"city\": \"S\u00e3o Paulo\", \"now\": {\"sky\": \"clear\", \"celsius\": 21.5}}";
    char path[8192] = "";
    const char *start = strchr(request, ' ');
    if (start)
        snprintf(path, sizeof path, "%.*s", (int)strcspn(start + 1, " \r\n"), start + 1);
    if (!strncmp(path, "/echo", 5))
        answer(fd, 200, "Content-Type: text/plain\r\n", request, len);
    else if (!strcmp(path, "/json"))
        answer(fd, 200, "Content-Type: application/json\r\n", json, strlen(json));
    else if (!strcmp(path, "/weather?city=S%C3%A3o%20Paulo"))
        answer(fd, 200, "", weather, strlen(weather));
    else if (!strncmp(path, "/status/", 8))
        answer(fd, atoi(path + 8), "", "some text", 9);
    else if (!strncmp(path, "/to/", 4))
        redirect(fd, path);
    else if (!strncmp(path, "/far/", 5))
        redirect_far(fd, strtoul(path + 5, NULL, 10));
    else if (!strncmp(path, "/big/", 5) && put(fd, "HTTP/1.1 200 X\r\n\r\n", 18))
        flood(fd, strtoul(path + 5, NULL, 10));
    else if (!strcmp(path, "/flood") && put(fd, "HTTP/1.1 200 X\r\n\r\n", 18))
        flood(fd, (size_t)-1);
    else if (!strcmp(path, "/trailers") && put(fd, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", 55))
        trail(fd);
    else if (!strcmp(path, "/hang"))
        wait_for_close(fd);
    else if (!strcmp(path, "/stall") && put(fd, "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nha", 39))
        wait_for_close(fd);
    else if (!strcmp(path, "/cut"))
        put(fd, "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nha", 39);
}

/* The head, and as much body as it says. */
static void converse(int fd)
{
    char *request = calloc(1, REQUEST_MAX + 1), *end;
    size_t len = 0, wanted = REQUEST_MAX;
    while (request && len < wanted) {
        ssize_t n = recv(fd, request + len, REQUEST_MAX - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (wanted == REQUEST_MAX && (end = strstr(request, "\r\n\r\n"))) {
            const char *length = strcasestr(request, "\r\ncontent-length:");
            wanted = (size_t)(end + 4 - request) + (length ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    if (request)
        serve(fd, request, len);
    free(request);
}

static void die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

static void work(const int listeners[2])
{
    pid_t me = getpid();
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        struct pollfd fds[2] = {{.fd = listeners[0], .events = POLLIN}, {.fd = listeners[1], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            int fd = fds[i].revents ? accept(listeners[i], NULL, NULL) : -1;
            if (fd >= 0 && fork() == 0) {
                die_with(me);
                converse(fd);
                _exit(0);
            }
            if (fd >= 0)
                close(fd);
        }
    }
}

static int listen_on(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (fd >= 0 && (bind(fd, address, len) || listen(fd, 64))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void test_web_start(struct test_web *web)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof v4;
    pid_t me = getpid();
    int listeners[2];
    listeners[0] = listen_on((struct sockaddr *)&v4, sizeof v4);
    if (listeners[0] < 0 || getsockname(listeners[0], (struct sockaddr *)&v4, &len))
        fail_msg("cannot listen: %s", strerror(errno));
    v6.sin6_port = v4.sin_port;
    listeners[1] = listen_on((struct sockaddr *)&v6, sizeof v6); /* -1: poll leaves it out */
    web->port = ntohs(v4.sin_port);
    web->pid = fork();
    if (web->pid == 0) {
        die_with(me);
        work(listeners);
    }
    close(listeners[0]);
    if (listeners[1] >= 0)
        close(listeners[1]);
}

void test_web_stop(struct test_web *web)
{
    if (web->pid > 0) {
        kill(web->pid, SIGKILL);
        waitpid(web->pid, NULL, 0);
    }
    web->pid = 0;
}
