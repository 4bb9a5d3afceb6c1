#include "loop/dial.h"
#include "base/base.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define DIAL_TIMEOUT_MS 5000
#define DIAL_AGAIN_TIMEOUT_MS 3000 /* of a link that tries again: a try that fell into a hole is soon over */
#define ADDRESSES_MAX 8

struct orb_dial {
    struct orb_loop *loop;
    const struct orb_redis_config *config;
    const struct orb_redis_url *url;
    orb_dial_cb cb;
    void *arg;
    struct orb_timer *timer;
    struct evdns_getaddrinfo_request *resolving;
    struct sockaddr_storage address[ADDRESSES_MAX];
    int address_len[ADDRESSES_MAX];
    int count, next;
    struct bufferevent *bev;
    SSL_CTX *ssl_ctx;
    struct orb_error last;    /* why the latest address failed */
    int has_tls_reason;       /* last is what was wrong with TLS */
};

static void try_next(void *arg);

static void dial_free(struct orb_dial *dial)
{
    orb_loop_forget(dial->loop, dial);
    if (dial->resolving)
        evdns_getaddrinfo_cancel(dial->resolving);
    if (dial->bev)
        bufferevent_free(dial->bev);
    if (dial->ssl_ctx)
        SSL_CTX_free(dial->ssl_ctx);
    orb_timer_free(dial->timer);
    free(dial);
}

void orb_dial_cancel(struct orb_dial *dial)
{
    if (dial)
        dial_free(dial);
}

static void finish(struct orb_dial *dial, struct bufferevent *bev, const struct orb_error *err)
{
    orb_dial_cb cb = dial->cb;
    void *arg = dial->arg;
    struct orb_error copy = { 0 };
    if (err)
        copy = *err;
    dial->bev = NULL;
    dial_free(dial);
    cb(arg, bev, err ? &copy : NULL);
}

/* Where we connect to, in words, without user or password. */
static void place(const struct orb_dial *dial, char *out, size_t cap)
{
    const struct orb_redis_url *url = dial->url;
    if (*url->path)
        snprintf(out, cap, "%s", url->path);
    else
        snprintf(out, cap, "%s:%d", url->host, url->port);
}

static int fail(struct orb_dial *dial, int code, const char *reason)
{
    char where[300];
    place(dial, where, sizeof where);
    return orb_error_set(&dial->last, code, "cannot connect to Redis at %s: %s; is it running there, and is the URL right?", where, reason);
}

static void timed_out(void *arg)
{
    struct orb_dial *dial = arg;
    fail(dial, ORB_E_UNREACHABLE, dial->config->reconnect ? "no answer within 3 s" : "no answer within 5 s");
    if (dial->bev)
        bufferevent_free(dial->bev);
    finish(dial, NULL, &dial->last);
}

/* ---- TLS --------------------------------------------------------------- */

static int tls_fail(struct orb_dial *dial, const char *what, const char *file)
{
    char reason[256];
    unsigned long e = ERR_peek_last_error();
    snprintf(reason, sizeof reason, "%s %s: %s", what, file, e ? ERR_reason_error_string(e) : "unknown reason");
    ERR_clear_error();
    return orb_error_set(&dial->last, ORB_E_CONFIG, "TLS: cannot use the %s", reason);
}

static int tls_context(struct orb_dial *dial)
{
    const struct orb_redis_config *c = dial->config;
    if (dial->ssl_ctx)
        return 0;
    dial->ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (!dial->ssl_ctx)
        return fail(dial, ORB_E_NOMEM, "no memory for TLS");
    SSL_CTX_set_min_proto_version(dial->ssl_ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(dial->ssl_ctx, SSL_VERIFY_PEER, NULL);
    struct stat st;
    int is_dir = c->tls_ca && !stat(c->tls_ca, &st) && S_ISDIR(st.st_mode);
    if (!c->tls_ca)
        SSL_CTX_set_default_verify_paths(dial->ssl_ctx);
    else if (!SSL_CTX_load_verify_locations(dial->ssl_ctx, is_dir ? NULL : c->tls_ca, is_dir ? c->tls_ca : NULL))
        return tls_fail(dial, "CA certificates", c->tls_ca);
    if (c->tls_cert && SSL_CTX_use_certificate_chain_file(dial->ssl_ctx, c->tls_cert) != 1)
        return tls_fail(dial, "client certificate", c->tls_cert);
    const char *key = c->tls_key ? c->tls_key : c->tls_cert;
    if (key && SSL_CTX_use_PrivateKey_file(dial->ssl_ctx, key, SSL_FILETYPE_PEM) != 1)
        return tls_fail(dial, "client key", key);
    return 0;
}

static struct bufferevent *tls_bufferevent(struct orb_dial *dial)
{
    if (tls_context(dial))
        return NULL;
    SSL *ssl = SSL_new(dial->ssl_ctx);
    if (!ssl)
        return NULL;
    const char *host = dial->url->host;
    unsigned char ip[16];
    int is_ip = evutil_inet_pton(AF_INET, host, ip) == 1 || evutil_inet_pton(AF_INET6, host, ip) == 1;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (is_ip) {
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    } else {
        SSL_set1_host(ssl, host);
        SSL_set_tlsext_host_name(ssl, host);
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(orb_loop_base(dial->loop), -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                                            BEV_OPT_CLOSE_ON_FREE);
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

/* Why a TLS connection failed, when TLS was the reason. */
static const char *tls_reason(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (!ssl)
        return NULL;
    long verify = SSL_get_verify_result(ssl);
    if (verify != X509_V_OK)
        return X509_verify_cert_error_string(verify);
    unsigned long e = bufferevent_get_openssl_error(bev);
    return e ? ERR_reason_error_string(e) : NULL;
}

/* ---- connecting -------------------------------------------------------- */

static void connected(struct orb_dial *dial)
{
    int fd = (int)bufferevent_getfd(dial->bev);
    if (!*dial->url->path) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    struct bufferevent *bev = dial->bev;
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    finish(dial, bev, NULL);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct orb_dial *dial = arg;
    int socket_errno = EVUTIL_SOCKET_ERROR();
    if (what & BEV_EVENT_CONNECTED) {
        connected(dial);
        return;
    }
    if (!(what & (BEV_EVENT_ERROR | BEV_EVENT_EOF)))
        return;
    const char *reason = tls_reason(bev);
    if (reason) {
        /* It was there: what its other addresses say is worth less. */
        fail(dial, ORB_E_UNREACHABLE, reason);
        dial->has_tls_reason = 1;
    } else if (!dial->has_tls_reason) {
        fail(dial, ORB_E_UNREACHABLE, what & BEV_EVENT_EOF ? "the connection was closed" : strerror(socket_errno));
    }
    bufferevent_free(bev);
    dial->bev = NULL;
    orb_loop_defer(dial->loop, try_next, dial);
}

static void try_next(void *arg)
{
    struct orb_dial *dial = arg;
    if (dial->next >= dial->count) {
        finish(dial, NULL, &dial->last);
        return;
    }
    int i = dial->next++;
    if (dial->url->is_tls)
        dial->bev = tls_bufferevent(dial);
    else
        dial->bev = bufferevent_socket_new(orb_loop_base(dial->loop), -1, BEV_OPT_CLOSE_ON_FREE);
    if (!dial->bev) {
        if (!dial->last.code)
            fail(dial, ORB_E_NOMEM, "out of memory");
        finish(dial, NULL, &dial->last);
        return;
    }
    bufferevent_setcb(dial->bev, NULL, NULL, on_event, dial);
    bufferevent_enable(dial->bev, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(dial->bev, (struct sockaddr *)&dial->address[i], dial->address_len[i]) && dial->bev) {
        fail(dial, ORB_E_UNREACHABLE, strerror(EVUTIL_SOCKET_ERROR()));
        bufferevent_free(dial->bev);
        dial->bev = NULL;
        orb_loop_defer(dial->loop, try_next, dial);
    }
}

static void add_address(struct orb_dial *dial, const struct sockaddr *address, size_t len)
{
    if (dial->count == ADDRESSES_MAX || len > sizeof *dial->address)
        return;
    memcpy(&dial->address[dial->count], address, len);
    dial->address_len[dial->count++] = (int)len;
}

static void resolved(int result, struct evutil_addrinfo *list, void *arg)
{
    struct orb_dial *dial = arg;
    if (result == EVUTIL_EAI_CANCEL)
        return; /* comes after the cancel has returned: dial is gone */
    dial->resolving = NULL;
    for (struct evutil_addrinfo *a = list; a; a = a->ai_next)
        add_address(dial, a->ai_addr, a->ai_addrlen);
    if (list)
        evutil_freeaddrinfo(list);
    if (!dial->count)
        fail(dial, ORB_E_UNREACHABLE, result ? evutil_gai_strerror(result) : "the name has no address");
    orb_loop_defer(dial->loop, try_next, dial);
}

static int add_numeric(struct orb_dial *dial, const char *host)
{
    char port[16];
    struct evutil_addrinfo *list = NULL;
    struct evutil_addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV };
    snprintf(port, sizeof port, "%d", dial->url->port);
    if (evutil_getaddrinfo(host, port, &hints, &list) || !list)
        return -1;
    add_address(dial, list->ai_addr, list->ai_addrlen);
    evutil_freeaddrinfo(list);
    return 0;
}

static void find_addresses(struct orb_dial *dial)
{
    const struct orb_redis_url *url = dial->url;
    if (*url->path) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        snprintf(un.sun_path, sizeof un.sun_path, "%s", url->path);
        add_address(dial, (struct sockaddr *)&un, sizeof un);
    } else if (!strcmp(url->host, "localhost")) {
        add_numeric(dial, "127.0.0.1");
        add_numeric(dial, "::1");
    } else if (add_numeric(dial, url->host)) {
        char port[16];
        struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP };
        snprintf(port, sizeof port, "%d", url->port);
        struct evdns_base *dns = orb_loop_dns(dial->loop);
        if (!dns) {
            fail(dial, ORB_E_UNREACHABLE, "no name server is configured");
            orb_loop_defer(dial->loop, try_next, dial);
            return;
        }
        /* May call back before it returns: then the request is NULL. */
        dial->resolving = evdns_getaddrinfo(dns, url->host, port, &hints, resolved, dial);
        return;
    }
    orb_loop_defer(dial->loop, try_next, dial);
}

struct orb_dial *orb_dial_start(struct orb_loop *loop, const struct orb_redis_config *config, const struct orb_redis_url *url,
                                orb_dial_cb cb, void *arg)
{
    struct orb_dial *dial = orb_alloc(sizeof *dial);
    dial->loop = loop;
    dial->config = config;
    dial->url = url;
    dial->cb = cb;
    dial->arg = arg;
    dial->timer = orb_timer_new(loop, timed_out, dial);
    orb_timer_start(dial->timer, config->reconnect ? DIAL_AGAIN_TIMEOUT_MS : DIAL_TIMEOUT_MS);
    find_addresses(dial);
    return dial;
}
