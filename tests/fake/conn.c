/* One connection: reads requests, sends what the reply says. */
#include "dialect.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define BODY_MAX (64 * 1024 * 1024)

struct conn {
    LIST_ENTRY(conn) all;
    struct bufferevent *bev;
    int fd;
    struct reply *reply;
    struct evbuffer *slow;  /* what is still to be sent in pieces */
    size_t split;
    struct event pace, end; /* the next piece; frees the connection */
    int is_closing, is_reset;
};
static LIST_HEAD(, conn) conns = LIST_HEAD_INITIALIZER(conns);
static int64_t requests;

static void conn_free(struct conn *c)
{
    if (c->reply)
        reply_end(c->reply, "client_closed");
    if (c->is_reset) {
        struct linger linger = { 1, 0 };
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    LIST_REMOVE(c, all);
    event_del(&c->pace);
    event_del(&c->end);
    evbuffer_free(c->slow);
    bufferevent_free(c->bev);
    free(c);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    conn_free(arg);
}

size_t conn_unsent(struct conn *c)
{
    return evbuffer_get_length(c->slow) + evbuffer_get_length(bufferevent_get_output(c->bev));
}

void conn_close(struct conn *c, int is_reset)
{
    c->is_closing = 1;
    c->is_reset = is_reset;
    c->reply = NULL;
    if (is_reset || !conn_unsent(c))
        event_active(&c->end, EV_TIMEOUT, 0);
}

void conn_close_all(void)
{
    while (!LIST_EMPTY(&conns)) {
        struct conn *c = LIST_FIRST(&conns);
        if (c->reply)
            reply_end(c->reply, "stopped");
        c->reply = NULL;
        conn_free(c);
    }
}

/* ---- sending ---- */

void conn_split(struct conn *c, size_t bytes)
{
    c->split = bytes;
}

/* Straight to the socket: one system call per write instead of three. */
void conn_send(struct conn *c, const char *data, size_t len)
{
    struct timeval now = { 0, 0 };
    if (c->split || evbuffer_get_length(c->slow) > 0) {
        evbuffer_add(c->slow, data, len);
        if (!event_pending(&c->pace, EV_TIMEOUT, NULL))
            event_add(&c->pace, &now);
        return;
    }
    ssize_t n = 0;
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        n = send(c->fd, data, len, MSG_NOSIGNAL);
    if (n < 0)
        n = 0; /* full, or dead: then the bufferevent will say so */
    if ((size_t)n < len)
        bufferevent_write(c->bev, data + n, len - (size_t)n);
}

void conn_chunk(struct conn *c, const char *data, size_t len)
{
    char small[2048], *out = small;
    if (len + 32 > sizeof(small))
        out = malloc(len + 32);
    int n = sprintf(out, "%zx\r\n", len);
    memcpy(out + n, data, len);
    memcpy(out + n + len, "\r\n", 2);
    conn_send(c, out, (size_t)n + len + 2);
    if (out != small)
        free(out);
}

static void next_request(struct conn *c);

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    struct timeval later = { 0, 0 };
    char piece[4096];
    size_t want = c->split && c->split < sizeof(piece) ? c->split : sizeof(piece);
    (void)fd;
    (void)what;
    ev_ssize_t n = evbuffer_copyout(c->slow, piece, want);
    ssize_t sent = n > 0 ? send(c->fd, piece, (size_t)n, MSG_NOSIGNAL) : 0;
    if (sent > 0)
        evbuffer_drain(c->slow, (size_t)sent);
    else if (sent < 0 && errno == EAGAIN)
        later.tv_usec = 1000;
    else if (sent < 0)
        return;
    if (evbuffer_get_length(c->slow) > 0)
        event_add(&c->pace, &later);
    else if (c->is_closing)
        event_active(&c->end, EV_TIMEOUT, 0);
    else
        next_request(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    (void)bev;
    if (c->is_closing && !conn_unsent(c))
        event_active(&c->end, EV_TIMEOUT, 0);
}

void conn_replied(struct conn *c)
{
    c->reply = NULL;
    next_request(c);
}

/* ---- requests ---- */

/* The value of a header in the head, allocated; NULL when it is not there. */
static char *header(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1;
            line += strspn(line, " \t");
            return strndup(line, strcspn(line, "\r\n"));
        }
    }
    return NULL;
}

static void refuse(struct conn *c, const char *status, const char *message)
{
    char text[512], body[256];
    int len = snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\"}}", message);
    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
             status, len, body);
    conn_send(c, text, strlen(text));
    conn_close(c, 0);
}

/* The key, by whichever name it came; allocated, or NULL. */
static char *key_of(const char *head)
{
    static const char *const names[] = { "x-api-key", "api-key", "x-goog-api-key" };
    char *value = header(head, "Authorization");
    for (size_t i = 0; !value && i < sizeof(names) / sizeof(*names); i++)
        value = header(head, names[i]);
    if (value && strncasecmp(value, "Bearer ", 7) == 0)
        memmove(value, value + 7, strlen(value + 7) + 1);
    return value;
}

static void serve(struct conn *c, const char *head, const char *body, size_t len)
{
    char path[2048] = "";
    sscanf(head, "POST %2047s", path);
    char *authorization = header(head, "Authorization"), *organization = header(head, "OpenAI-Organization"), *key = key_of(head);
    json_t *json = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
    const struct dialect *dialect = dialect_find(path);
    c->split = 0;
    if (token_is_path(path)) {
        requests++;
        token_serve(c, requests, path, body, len);
        next_request(c);
    } else if (!dialect) {
        refuse(c, "404 Not Found", "no such path");
    } else if (!json) {
        refuse(c, "400 Bad Request", "the body is no JSON");
    } else {
        requests++;
        char *model = dialect->model(path, json);
        ledger_request(requests, path, authorization, organization, key, model, json);
        free(model);
        c->reply = reply_new(c, requests, dialect, path, json, key);
        if (!c->reply)
            next_request(c);
    }
    json_decref(json);
    free(authorization);
    free(organization);
    free(key);
}

static void next_request(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->reply || c->is_closing || evbuffer_get_length(c->slow) > 0)
        return;
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0) {
        if (evbuffer_get_length(in) > HEAD_MAX)
            refuse(c, "431 Request Header Fields Too Large", "the head is too long");
        return;
    }
    char *head = calloc(1, (size_t)end.pos + 5);
    evbuffer_copyout(in, head, (size_t)end.pos + 4);
    char *length = header(head, "Content-Length");
    long long want = length ? atoll(length) : 0;
    if (want < 0 || want > BODY_MAX) {
        refuse(c, "413 Content Too Large", "the body is too long");
    } else if (evbuffer_get_length(in) >= (size_t)end.pos + 4 + (size_t)want) {
        char *body = malloc((size_t)want + 1);
        evbuffer_drain(in, (size_t)end.pos + 4);
        evbuffer_remove(in, body, (size_t)want);
        serve(c, head, body, (size_t)want);
        free(body);
    }
    free(length);
    free(head);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    next_request(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        conn_free(arg);
}

void conn_accept(int fd)
{
    struct conn *c = calloc(1, sizeof(*c));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->fd = fd;
    c->bev = bufferevent_socket_new(fake_base(), fd, BEV_OPT_CLOSE_ON_FREE);
    c->slow = evbuffer_new();
    evtimer_assign(&c->pace, fake_base(), on_pace, c);
    evtimer_assign(&c->end, fake_base(), on_end, c);
    LIST_INSERT_HEAD(&conns, c, all);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
