/* One curl multi handle on the loop's libevent base.
 *
 * curl must not be called from its own callbacks, and those are where the
 * users' head and data run. So while curl runs (pool->depth), new requests wait
 * in pool->waiting and cancelled ones in pool->doomed, and leave_curl() does
 * both when curl has returned. */
#include "loop/http.h"
#include "loop/after.h"
#include "base/base.h"

#include <ctype.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

/* Each open stream owns one such buffer; a chunk of a stream is far smaller. */
#define RECEIVE_BUFFER 4096L
#define UPLOAD_BUFFER 16384L /* the least that curl allows */
#define CONNECT_TIMEOUT_MS 10000
#define HEADERS_MAX (256 * 1024) /* bytes of a response, trailers included: curl keeps all of them */

enum state { STATE_WAITING, STATE_RUNNING, STATE_ENDED };

struct orb_http {
    TAILQ_ENTRY(orb_http) all;
    STAILQ_ENTRY(orb_http) queue;      /* waiting or doomed */
    struct orb_http_pool *pool;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    struct orb_http_callbacks callbacks;
    void *arg;
    const char *const *resets;
    int (*may_connect)(void *arg, const struct sockaddr *address);
    enum state state;
    int is_cancelled, has_head, is_again;
    size_t header_bytes;
    int drop_code;
    struct orb_http_response response;
    char content_type[96];
    char text[CURL_ERROR_SIZE];
};

/* The watch on one of curl's sockets. */
struct sock {
    struct event event;
    struct orb_http_pool *pool;
    short what;
};

struct orb_http_pool {
    struct orb_loop *loop;
    CURLM *multi;
    struct event timer;
    struct sock **socks;               /* by descriptor */
    size_t sock_count;
    int depth;                         /* curl is running */
    TAILQ_HEAD(, orb_http) all;
    STAILQ_HEAD(http_queue, orb_http) waiting, doomed;
};

/* ---- the end of a request ---- */

static void http_free(struct orb_http *http)
{
    TAILQ_REMOVE(&http->pool->all, http, all);
    if (http->easy)
        curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->headers);
    free(http->body);
    free(http);
}

/* Never while curl runs. Closes the connection unless the reply was read whole. */
static void http_detach(struct orb_http *http)
{
    if (http->state == STATE_RUNNING)
        curl_multi_remove_handle(http->pool->multi, http->easy);
    http->state = STATE_ENDED;
}

static void dropped(void *arg)
{
    struct orb_http *http = arg;
    http->callbacks.done(http->arg, http->drop_code, 0, orb_error_text(http->drop_code));
    http_free(http);
}

/* The socket is closed here and now; done follows from the loop. */
static void http_drop(struct orb_http *http, int code)
{
    http_detach(http);
    curl_easy_cleanup(http->easy);
    http->easy = NULL;
    http->drop_code = code;
    orb_loop_defer(http->pool->loop, dropped, http);
}

static int code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return 0;
    case CURLE_URL_MALFORMAT:
        return ORB_E_CONFIG;
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return ORB_E_MODEL_TRUNCATED;
    default:
        return ORB_E_MODEL_NETWORK;
    }
}

static void http_finish(struct orb_http *http, CURLcode result)
{
    long sent = 0;
    int code = code_of(result);
    curl_easy_getinfo(http->easy, CURLINFO_REQUEST_SIZE, &sent);
    /* Of a line over its own limit curl says that it has no memory. */
    if (http->header_bytes > HEADERS_MAX || (result == CURLE_OUT_OF_MEMORY && sent > 0 && !http->has_head))
        snprintf(http->text, sizeof http->text, "its headers are over %d bytes", HEADERS_MAX);
    http_detach(http);
    http->is_again = 0;
    http->callbacks.done(http->arg, code, code == ORB_E_MODEL_NETWORK && sent == 0,
                         result == CURLE_OK ? "" : http->text[0] ? http->text : curl_easy_strerror(result));
    if (!http->is_again)
        http_free(http);
}

/* ---- into curl and out of it ---- */

static void http_add(struct orb_http *http)
{
    CURLMcode rc = curl_multi_add_handle(http->pool->multi, http->easy);
    ORB_ASSERT(rc == CURLM_OK || rc == CURLM_OUT_OF_MEMORY);
    if (rc == CURLM_OK)
        http->state = STATE_RUNNING;
    else
        http_drop(http, ORB_E_NOMEM);
}

static void leave_curl(struct orb_http_pool *pool)
{
    CURLMsg *msg;
    int left;
    struct orb_http *http;
    if (--pool->depth > 0)
        return;
    while ((http = STAILQ_FIRST(&pool->doomed))) {
        STAILQ_REMOVE_HEAD(&pool->doomed, queue);
        http_drop(http, ORB_E_CANCELLED);
    }
    while ((msg = curl_multi_info_read(pool->multi, &left))) {
        CURLcode result = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&http);
        http_finish(http, result);
    }
    while ((http = STAILQ_FIRST(&pool->waiting))) {
        STAILQ_REMOVE_HEAD(&pool->waiting, queue);
        http_add(http);
    }
}

static void action(struct orb_http_pool *pool, curl_socket_t fd, int mask)
{
    int running;
    pool->depth++;
    curl_multi_socket_action(pool->multi, fd, mask, &running);
    leave_curl(pool);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    action(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct sock *sock = arg;
    action(sock->pool, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

/* ---- curl's callbacks ---- */

static int timer_function(CURLM *multi, long timeout_ms, void *arg)
{
    struct orb_http_pool *pool = arg;
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
    (void)multi;
    if (timeout_ms < 0)
        event_del(&pool->timer);
    else
        event_add(&pool->timer, &tv);
    return 0;
}

static struct sock *sock_get(struct orb_http_pool *pool, size_t fd)
{
    if (fd >= pool->sock_count) {
        size_t count = pool->sock_count ? pool->sock_count : 64;
        while (count <= fd)
            count *= 2;
        struct sock **socks = orb_alloc(count * sizeof(struct sock *));
        if (pool->sock_count)
            memcpy(socks, pool->socks, pool->sock_count * sizeof(struct sock *));
        free(pool->socks);
        pool->socks = socks;
        pool->sock_count = count;
    }
    if (!pool->socks[fd]) {
        pool->socks[fd] = orb_alloc(sizeof(struct sock));
        pool->socks[fd]->pool = pool;
    }
    return pool->socks[fd];
}

static int socket_function(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct orb_http_pool *pool = arg;
    struct sock *sock = sock_get(pool, (size_t)fd);
    short events = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE)
        events = 0;
    if (events == sock->what)
        return 0;
    if (sock->what)
        event_del(&sock->event);
    sock->what = events;
    if (events) {
        event_assign(&sock->event, orb_loop_base(pool->loop), fd, (short)(events | EV_PERSIST), on_socket, sock);
        event_add(&sock->event, NULL);
    } else {
        free(sock);
        pool->socks[fd] = NULL;
    }
    return 0;
}

/* ---- the reply ---- */

/* The caller must not come before the last of its limits is reset. */
static void take_reset(struct orb_http *http, const char *name, const char *value)
{
    for (const char *const *reset = http->resets; reset && *reset; reset++) {
        int64_t ms = strcasecmp(name, *reset) == 0 ? orb_after_reset(value, orb_now()) : -1;
        if (ms > http->response.reset_ms)
            http->response.reset_ms = ms;
    }
}

static void take_header(struct orb_http *http, const char *name, const char *value)
{
    struct orb_http_response *r = &http->response;
    int64_t ms;
    if (strcasecmp(name, "content-type") == 0) {
        size_t i = 0;
        for (; value[i] && i + 1 < sizeof(http->content_type); i++)
            http->content_type[i] = (char)tolower((unsigned char)value[i]);
        http->content_type[i] = '\0';
    } else if (strcasecmp(name, "retry-after-ms") == 0) {
        if (orb_parse_int(value, 0, INT32_MAX * (int64_t)1000, &ms) == 0)
            r->retry_after_ms = ms;
    } else if (strcasecmp(name, "retry-after") == 0) {
        if (r->retry_after_ms < 0)
            r->retry_after_ms = orb_after_retry(value, orb_now());
    } else if (strcasecmp(name, "x-should-retry") == 0) {
        r->should_retry = strcasecmp(value, "true") == 0 ? 1 : strcasecmp(value, "false") == 0 ? 0 : -1;
    } else {
        take_reset(http, name, value);
    }
}

/* Called by curl per line; several heads may come (100 Continue, but not 101), the last one counts. */
static size_t header_function(char *data, size_t size, size_t count, void *arg)
{
    struct orb_http *http = arg;
    char line[512];
    size_t n = size * count, len = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
    http->header_bytes += n;
    if (http->is_cancelled || http->header_bytes > HEADERS_MAX)
        return 0;
    if (http->has_head)
        return n; /* trailers */
    memcpy(line, data, len);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    line[len] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) {
        const char *space = strchr(line, ' ');
        http->content_type[0] = '\0';
        http->response = (struct orb_http_response){ space ? atoi(space + 1) : 0, http->content_type, -1, -1, -1 };
    } else if (len == 0 && (http->response.status >= 200 || http->response.status == 101)) {
        http->has_head = 1;
        http->callbacks.head(http->arg, &http->response);
    } else if (len > 0) {
        char *value = strchr(line, ':');
        if (value) {
            *value++ = '\0';
            take_header(http, line, value + strspn(value, " \t"));
        }
    }
    return http->is_cancelled ? 0 : n;
}

static size_t write_function(char *data, size_t size, size_t count, void *arg)
{
    struct orb_http *http = arg;
    size_t n = size * count;
    if (!http->is_cancelled)
        http->callbacks.data(http->arg, data, n);
    return http->is_cancelled ? CURL_WRITEFUNC_ERROR : n;
}

const char *orb_http_header(const struct orb_http *http, const char *name)
{
    struct curl_header *header;
    if (!http->easy || curl_easy_header(http->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

/* ---- the pool ---- */

static struct orb_http_pool *pool_get(struct orb_loop *loop)
{
    struct orb_http_pool **slot = orb_loop_http(loop);
    if (*slot)
        return *slot;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    CURLM *multi = curl_multi_init();
    if (!multi) {
        curl_global_cleanup();
        return NULL;
    }
    struct orb_http_pool *pool = orb_alloc(sizeof(*pool));
    pool->loop = loop;
    pool->multi = multi;
    TAILQ_INIT(&pool->all);
    STAILQ_INIT(&pool->waiting);
    STAILQ_INIT(&pool->doomed);
    evtimer_assign(&pool->timer, orb_loop_base(loop), on_timer, pool);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_function);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_function);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool);
    return *slot = pool;
}

void orb_http_pool_free(struct orb_http_pool *pool)
{
    if (!pool)
        return;
    while (!TAILQ_EMPTY(&pool->all)) {
        struct orb_http *http = TAILQ_FIRST(&pool->all);
        http_detach(http);
        orb_loop_forget(pool->loop, http);
        http_free(http);
    }
    curl_multi_cleanup(pool->multi);
    event_del(&pool->timer);
    for (size_t i = 0; i < pool->sock_count; i++) {
        if (pool->socks[i]) {
            event_del(&pool->socks[i]->event);
            free(pool->socks[i]);
        }
    }
    *orb_loop_http(pool->loop) = NULL;
    free(pool->socks);
    free(pool);
    curl_global_cleanup();
}

/* ---- starting ---- */

static int add_headers(struct orb_http *http, const char *const *lines)
{
    /* curl would wait a second for "100 Continue" before a large body. */
    static const char *const none[] = { NULL };
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (lines = lines ? lines : none; list && *lines; lines++) {
        struct curl_slist *longer = curl_slist_append(list, *lines);
        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    http->headers = list;
    return list ? 0 : ORB_E_NOMEM;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct orb_http *http = arg;
    (void)purpose;
    if (!http->may_connect(http->arg, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* An open connection may be one that was never asked about, a proxy connects to what it likes. */
static CURLcode set_guard(struct orb_http *http, const struct orb_http_request *request)
{
    if (!request->may_connect)
        return CURLE_OK;
    http->may_connect = request->may_connect;
    curl_easy_setopt(http->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(http->easy, CURLOPT_OPENSOCKETDATA, http);
    curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(http->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(http->easy, CURLOPT_PATH_AS_IS, 1L);
    return curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
}

/* Everything that can fail for want of memory or a bad URL; 0 or curl's code. */
static CURLcode set_options(struct orb_http *http, const struct orb_http_request *request)
{
    CURL *easy = http->easy;
    int connect_ms = request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, request->url);
    if (!rc)
        rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!rc)
        rc = curl_easy_setopt(easy, CURLOPT_USERAGENT, "orbiter/" ORB_VERSION);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, http);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->text);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* A cancel while a name is being resolved must not wait for the resolver. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_function);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_function);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    if (http->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, http->body);
    }
    if (!rc && request->method && !strcmp(request->method, "HEAD"))
        rc = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (!rc && request->method)
        rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    return rc ? rc : set_guard(http, request);
}

static void http_begin(struct orb_http *http)
{
    http->state = STATE_WAITING;
    if (http->pool->depth > 0)
        STAILQ_INSERT_TAIL(&http->pool->waiting, http, queue);
    else
        http_add(http);
}

int orb_http_start(struct orb_loop *loop, struct orb_http_request *request_take_body,
                   const struct orb_http_callbacks *callbacks, void *arg, struct orb_http **out, struct orb_error *err)
{
    struct orb_http_request *request = request_take_body;
    struct orb_http_pool *pool = pool_get(loop);
    CURL *easy = pool ? curl_easy_init() : NULL;
    if (!easy) {
        free(request->body);
        request->body = NULL;
        return orb_error_set(err, ORB_E_NOMEM, "no memory for an HTTP request");
    }
    struct orb_http *http = orb_alloc(sizeof(*http));
    http->pool = pool;
    http->easy = easy;
    http->body = request->body;
    request->body = NULL;
    http->callbacks = *callbacks;
    http->arg = arg;
    http->resets = request->resets;
    TAILQ_INSERT_TAIL(&pool->all, http, all);
    if (add_headers(http, request->headers) || set_options(http, request)) {
        http_free(http);
        return orb_error_set(err, ORB_E_NOMEM, "no memory for an HTTP request");
    }
    http_begin(http);
    *out = http;
    return 0;
}

void orb_http_again(struct orb_http *http)
{
    http->is_again = 1;
    http->has_head = 0;
    http->header_bytes = 0;
    http->text[0] = '\0';
    http_begin(http);
}

void orb_http_cancel(struct orb_http *http)
{
    struct orb_http_pool *pool = http->pool;
    if (http->is_cancelled || http->state == STATE_ENDED)
        return;
    http->is_cancelled = 1;
    if (http->state == STATE_WAITING)
        STAILQ_REMOVE(&pool->waiting, http, orb_http, queue);
    if (pool->depth > 0)
        STAILQ_INSERT_TAIL(&pool->doomed, http, queue);
    else
        http_drop(http, ORB_E_CANCELLED);
}
