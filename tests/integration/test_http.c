/* HTTP on the loop, against a server of a few lines in the same loop: given
 * these bytes, expect exactly that. */
#include "base/base.h"
#include "loop/http.h"
#include "support/child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_loop *loop;

/* Accepts one connection, reads a request, sends the reply, closes. */
struct server {
    int port, listener, fd;
    struct orb_watch *accepting, *reading;
    const char *reply;
    int keeps_open, is_closed;
    char got[4096];
    size_t got_len;
};
static struct server server;

static void on_request(void *arg, int fd)
{
    struct server *s = arg;
    ssize_t n = read(fd, s->got + s->got_len, sizeof(s->got) - 1 - s->got_len);
    if (n > 0) {
        s->got_len += (size_t)n;
        if (!strstr(s->got, "\r\n\r\n"))
            return;
        assert_int_equal(write(fd, s->reply, strlen(s->reply)), strlen(s->reply));
        if (s->keeps_open)
            return;
    }
    s->is_closed = n <= 0;
    orb_watch_free(s->reading);
    s->reading = NULL;
    close(fd);
}

static void on_connection(void *arg, int fd)
{
    struct server *s = arg;
    s->fd = accept(fd, NULL, NULL);
    assert_true(s->fd >= 0);
    s->reading = orb_watch_new(loop, s->fd, on_request, s);
    orb_watch_free(s->accepting);
    s->accepting = NULL;
}

static void server_listen(struct server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int on = 1;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    getsockname(s->listener, (struct sockaddr *)&at, &len);
    s->port = ntohs(at.sin_port);
    s->accepting = orb_watch_new(loop, s->listener, on_connection, s);
}

/* One request and what came of it. */
struct probe {
    struct orb_http *http;
    struct orb_http_response response;
    char type[96], text[256], body[4096];
    size_t len;
    int heads, done, code, is_connect, connects, cancel_in_head, cancel_in_data;
};

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct probe *p = arg;
    p->heads++;
    p->response = *response;
    snprintf(p->type, sizeof(p->type), "%s", response->content_type);
    if (p->cancel_in_head)
        orb_http_cancel(p->http);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct probe *p = arg;
    assert_int_equal(p->heads, 1);
    assert_int_equal(p->cancel_in_head, 0);
    assert_true(p->len + len < sizeof(p->body));
    memcpy(p->body + p->len, data, len);
    p->len += len;
    if (p->cancel_in_data)
        orb_http_cancel(p->http);
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct probe *p = arg;
    p->connects += is_connect;
    if (is_connect && server.port && !server.accepting) { /* now somebody listens */
        server_listen(&server);
        orb_http_again(p->http);
        return;
    }
    p->done++;
    p->code = code;
    p->is_connect = is_connect;
    snprintf(p->text, sizeof(p->text), "%s", text);
}

static void run(struct probe *p, const char *post)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    static const char *const headers[] = { "X-Test: yes", NULL };
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?x=1", server.port);
    struct orb_http_request request = { .url = url, .headers = headers, .body = post ? orb_strdup(post) : NULL,
                                        .body_len = post ? strlen(post) : 0 };
    assert_int_equal(orb_http_start(loop, &request, &callbacks, p, &p->http, NULL), 0);
    assert_null(request.body);
    int64_t deadline = test_now_ms() + test_patience(10000);
    while (!p->done) {
        assert_true(test_now_ms() < deadline);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    server.fd = server.listener = -1;
    loop = orb_loop_new();
    assert_non_null(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    orb_watch_free(server.accepting);
    orb_watch_free(server.reading);
    if (server.reading)
        close(server.fd);
    close(server.listener);
    orb_loop_free(loop);
    return 0;
}

static void expect(const char *reply, int code, int status, const char *body)
{
    struct probe p = { 0 };
    setup(NULL);
    server.reply = reply;
    server_listen(&server);
    run(&p, NULL);
    if (p.code != code || p.response.status != status || strcmp(p.body, body) != 0)
        fail_msg("'%s': code %d (%s), status %d, body '%s'", reply, p.code, p.text, p.response.status, p.body);
    assert_int_equal(p.heads, status != 0);
    assert_int_equal(p.is_connect, 0);
    teardown(NULL);
}

static void replies(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 200, "hi");
    expect("HTTP/1.0 200 OK\r\n\r\nto the end", 0, 200, "to the end");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n", 0, 200, "hi");
    expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", 0, 201, "");
    expect("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno", 0, 302, "no");
    expect("HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "");
    expect("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", ORB_E_MODEL_TRUNCATED, 200, "hi");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", ORB_E_MODEL_TRUNCATED, 200, "hi");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ORB_E_MODEL_NETWORK, 200, "");
    expect("", ORB_E_MODEL_NETWORK, 0, "");
    expect("SSH-2.0 hello\r\n\r\n", ORB_E_MODEL_NETWORK, 0, "");
}

static void the_request(void **state)
{
    struct probe p = { 0 };
    (void)state;
    server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    server_listen(&server);
    run(&p, "{}");
    assert_memory_equal(server.got, "POST /path?x=1 HTTP/1.1\r\n", 25);
    assert_non_null(strstr(server.got, "\r\nX-Test: yes\r\n"));
    assert_non_null(strstr(server.got, "\r\nUser-Agent: orbiter/"));
    assert_non_null(strstr(server.got, "\r\nContent-Length: 2\r\n"));
    assert_null(strcasestr(server.got, "expect:"));
    assert_non_null(strstr(server.got, "\r\n\r\n{}"));
}

static int64_t retry_after_of(const char *headers, int *should_retry, char type[96])
{
    struct probe p = { 0 };
    char reply[512];
    setup(NULL);
    snprintf(reply, sizeof(reply), "HTTP/1.1 429 No\r\n%sContent-Length: 0\r\n\r\n", headers);
    server.reply = reply;
    server_listen(&server);
    run(&p, NULL);
    teardown(NULL);
    *should_retry = p.response.should_retry;
    strcpy(type, p.type);
    return p.response.retry_after_ms;
}

static void the_head(void **state)
{
    int should;
    char type[96], text[128];
    (void)state;
    assert_int_equal(retry_after_of("", &should, type), -1);
    assert_int_equal(should, -1);
    assert_string_equal(type, "");
    assert_int_equal(retry_after_of("RETRY-AFTER:  2 \r\nX-Should-Retry: False\r\nContent-Type: Text/HTML; charset=X\r\n", &should, type), 2000);
    assert_int_equal(should, 0);
    assert_string_equal(type, "text/html; charset=x");
    assert_int_equal(retry_after_of("retry-after-ms: 150\r\nretry-after: 9\r\nx-should-retry: true\r\n", &should, type), 150);
    assert_int_equal(should, 1);
    assert_int_equal(retry_after_of("retry-after: 9\r\nretry-after-ms: 150\r\n", &should, type), 150);
    assert_int_equal(retry_after_of("retry-after: soon\r\n", &should, type), -1);
    assert_int_equal(retry_after_of("retry-after: -5\r\n", &should, type), -1);
    assert_int_equal(retry_after_of("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", &should, type), 0);
    time_t later = time(NULL) + 100;
    struct tm tm;
    strftime(text, sizeof(text), "retry-after: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&later, &tm));
    assert_in_range(retry_after_of(text, &should, type), 80000, 100000);
}

static void a_refused_connect_can_be_repeated(void **state)
{
    struct probe p = { 0 };
    (void)state;
    server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    server.port = test_free_port();
    run(&p, "body"); /* nobody listens until the first done */
    assert_int_equal(p.connects, 1);
    assert_int_equal(p.code, 0);
    assert_string_equal(p.body, "hi");
    assert_non_null(strstr(server.got, "\r\n\r\nbody"));
}

static int is_closed(void *arg)
{
    (void)arg;
    orb_loop_turn(loop, 0);
    return server.is_closed;
}

static void a_cancel_inside_a_callback(void **state)
{
    (void)state;
    for (int in_head = 0; in_head < 2; in_head++) {
        struct probe p = { .cancel_in_head = in_head, .cancel_in_data = !in_head };
        setup(NULL);
        server.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi";
        server.keeps_open = 1;
        server_listen(&server);
        run(&p, NULL);
        assert_int_equal(p.code, ORB_E_CANCELLED);
        assert_int_equal(p.len, in_head ? 0 : 2);
        test_wait_until("the server sees the end", is_closed, NULL, 5000);
        teardown(NULL);
    }
}

/* The loop ends while a request is on its way: nothing leaks, nothing is called. */
static void the_loop_may_end_before(void **state)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_http_request request = { .url = "http://127.0.0.1:1/" };
    struct probe p = { 0 };
    (void)state;
    assert_int_equal(orb_http_start(loop, &request, &callbacks, &p, &p.http, NULL), 0);
    orb_loop_free(loop);
    assert_int_equal(p.done, 0);
    loop = orb_loop_new();
}

static void only_http(void **state)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_http_request request = { .url = "file:///etc/passwd" };
    struct probe p = { 0 };
    (void)state;
    assert_int_equal(orb_http_start(loop, &request, &callbacks, &p, &p.http, NULL), 0);
    assert_int_equal(p.done, 0);
    while (!p.done)
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    assert_int_equal(p.code, ORB_E_MODEL_NETWORK);
    assert_int_equal(p.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        TEST(the_request),
        cmocka_unit_test(the_head),
        TEST(a_refused_connect_can_be_repeated),
        cmocka_unit_test(a_cancel_inside_a_callback),
        TEST(the_loop_may_end_before),
        TEST(only_http),
    };
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
