/* fake-provider --listen HOST:PORT [--ledger FILE] [--prices FILE] */
#include "fake.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct event_base *base;

struct event_base *fake_base(void)
{
    return base;
}

static void usage(FILE *out)
{
    fprintf(out, "usage: fake-provider --listen HOST:PORT [--ledger FILE] [--prices FILE]\n"
                 "A model provider for tests. The model's name is the script, such as\n"
                 "\"fake?tokens=10&rate=50\"; the keys are:\n");
    script_help(out);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
    (void)listener;
    (void)addr;
    (void)len;
    (void)arg;
    conn_accept(fd);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    event_base_loopbreak(arg);
}

static struct evconnlistener *listen_on(const char *address)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    const char *colon = strrchr(address, ':');
    char host[64];
    if (!colon || colon - address >= (ptrdiff_t)sizeof(host))
        return NULL;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    at.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        return NULL;
    return evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
                                   4096, (struct sockaddr *)&at, sizeof(at));
}

static void say_address(struct evconnlistener *listener)
{
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof(at);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &len);
    printf("listening 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
}

static int run(const char *address)
{
    base = event_base_new();
    struct evconnlistener *listener = listen_on(address);
    if (!listener) {
        fprintf(stderr, "fake-provider: cannot listen on %s\n", address);
        event_base_free(base);
        return 1;
    }
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *interrupt = evsignal_new(base, SIGINT, on_signal, base);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    say_address(listener);
    event_base_dispatch(base);
    conn_close_all();
    tallies_free();
    event_free(term);
    event_free(interrupt);
    evconnlistener_free(listener);
    event_base_free(base);
    ledger_close();
    bill_close();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
                                             { "ledger", required_argument, NULL, 'o' },
                                             { "prices", required_argument, NULL, 'p' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *address = NULL;
    struct rlimit files;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            return 0;
        }
        if (c == 'o' && ledger_open(optarg)) {
            fprintf(stderr, "fake-provider: cannot write %s\n", optarg);
            return 1;
        }
        if (c == 'p' && bill_open(optarg)) {
            fprintf(stderr, "fake-provider: no prices in %s\n", optarg);
            return 1;
        }
        if (c == '?') {
            usage(stderr);
            return 2;
        }
        if (c == 'l')
            address = optarg;
    }
    if (!address) {
        usage(stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return run(address);
}
