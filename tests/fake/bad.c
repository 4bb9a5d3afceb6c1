/* What no server should send: heads and bodies that break the rules, or never end (bad=NAME). */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#define FOREVER INT64_MAX
#define HEAD(type) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\n"
#define STREAM HEAD("text/event-stream") "\r\n"
#define MIB (1024 * 1024)
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* The start, then the piece over and over until so many bytes of it were sent, then the end; then the connection closes. */
static const struct bad {
    const char *name, *start, *piece;
    int64_t bytes;
    const char *end;
} rows[] = {
    { "nothing", "", "", 0, "" },
    { "no_http", "", "hello world\n", 1000, "" },
    { "status", "HTTP/1.1 99999 Much\r\n\r\n", "", 0, "" },
    { "head", "HTTP/1.1 200 OK\r\n", "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", FOREVER, "" },
    { "header", "HTTP/1.1 200 OK\r\nX-Filler: ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", FOREVER, "" },
    { "continue", "", "HTTP/1.1 100 Continue\r\n\r\n", FOREVER, "" },
    { "hints", "", "HTTP/1.1 103 Early Hints\r\nLink: </xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx>\r\n\r\n", FOREVER, "" },
    { "switch", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n", "data: [DONE]\n\n", 1000, "" },
    { "trailers", HEAD("text/event-stream") "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", FOREVER, "" },
    { "chunk", HEAD("text/event-stream") "Transfer-Encoding: chunked\r\n\r\nno size\r\n", "", 0, "" },
    { "short", HEAD("text/event-stream") "Content-Length: 100\r\n\r\ndata: ", "", 0, "" },
    { "redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n", "", 0, "" },
    { "gzip", HEAD("text/event-stream") "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08", "\xff\x01\n", 300, "" },
    { "page", HEAD("text/html") "\r\n<html><title>Sign in</title>", "<p>", FOREVER, "" },
    { "blob", HEAD("application/octet-stream") "\r\n", "\x01\xfe\x02", FOREVER, "" },
    { "garbage", STREAM, "\xff\xfe no field: \x01\n\n", 64 * MIB, "" },
    { "line", STREAM "data: ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", FOREVER, "" },
    { "event", STREAM, "data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", FOREVER, "" },
    { "comments", STREAM, ": waiting for a free model\n\n", FOREVER, "" },
    { "deep", STREAM "data: ", "[", MIB / 2, "\n\n" },
    { "values", STREAM "data: [0", ",{}", MIB / 2, "]\n\n" },
    /* The last line has no end, and goes over an event's limit: with those before it, or alone. */
    { "last_event", STREAM "data: ", X64 "\ndata: ", 16131 * 71, X64 },
    { "last_line", STREAM "data: ", X64, MIB + 64, "" },
};

static const struct bad *find(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int bad_is_known(const char *name)
{
    return find(name) != NULL;
}

/* As much as the client takes; r->sent are the bytes of pieces so far. */
static void step(evutil_socket_t fd, short what, void *arg)
{
    struct reply *r = arg;
    struct conn *c = r->conn;
    const struct bad *bad = find(r->script.bad);
    size_t n = strlen(bad->piece), len = 0;
    char block[16384];
    (void)fd;
    (void)what;
    while (n && len + n <= sizeof(block) && r->sent < bad->bytes) {
        memcpy(block + len, bad->piece, n);
        len += n;
        r->sent += (int64_t)n;
    }
    if (conn_unsent(c) < CONN_UNSENT_MAX)
        conn_send(c, block, len);
    else
        r->sent -= (int64_t)len;
    if (r->sent < bad->bytes) {
        struct timeval later = { 0, conn_unsent(c) < CONN_UNSENT_MAX ? 0 : 1000 };
        event_add(&r->timer, &later);
        return;
    }
    conn_send(c, bad->end, strlen(bad->end));
    reply_end(r, "bad");
    conn_close(c, 0);
}

void bad_start(struct reply *r)
{
    const struct bad *bad = find(r->script.bad);
    struct timeval now = { 0, 0 };
    conn_send(r->conn, bad->start, strlen(bad->start));
    r->sent = 0;
    evtimer_assign(&r->timer, fake_base(), step, r);
    event_add(&r->timer, &now);
}
