#include "loop/route.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTINEL_TIMEOUT_MS 1000
#define NODES_MAX 32

struct orb_route {
    struct orb_loop *loop;
    const struct orb_redis_config *config;
    struct orb_redis_url url;          /* of the next try */
    orb_route_cb cb;
    void *arg;

    struct question *question;         /* to a Sentinel, or NULL */
    struct orb_timer *timer;
    int next, asked;                   /* the next Sentinel; how many of them this time */
    int must_go_on;                    /* the next try is still part of this time */
    struct orb_error last;

    int has_address;                   /* where to go next, once */
    struct orb_redis_address address;
    struct orb_redis_address *nodes;   /* NODES_MAX of them, or NULL */
    int node_count, turn;              /* turn 0: the URL's own */
};

/* Outlives the route when that is gone before the answer. */
struct question {
    struct orb_route *route;
    struct orb_redis *redis;
};

static void ask_next(void *arg);

static void set_address(struct orb_route *route, const char *host, int port)
{
    snprintf(route->url.host, sizeof route->url.host, "%s", host);
    route->url.path[0] = '\0';
    route->url.port = port;
}

/* ---- Sentinels --------------------------------------------------------- */

static void sentinel_list(const struct orb_route *route, char *out, size_t cap)
{
    const struct orb_redis_url *url = &route->config->url;
    size_t used = 0;
    *out = '\0';
    for (int i = 0; i < url->sentinel_count && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%s:%d", i ? "," : "", url->sentinels[i].host, url->sentinels[i].port);
}

void orb_route_explain(const struct orb_route *route, struct orb_error *err)
{
    char list[160];
    struct orb_error why = *err;
    if (!*route->config->url.master)
        return;
    sentinel_list(route, list, sizeof list);
    orb_error_set(err, why.code, "the primary \"%s\" of the Sentinels %s: %s", route->config->url.master, list, why.text);
}

static void drop_question(struct orb_route *route)
{
    orb_timer_stop(route->timer);
    if (!route->question)
        return;
    route->question->route = NULL;
    orb_redis_free(route->question->redis);
    route->question = NULL;
}

static void finish(struct orb_route *route, const struct orb_error *err)
{
    drop_question(route);
    route->cb(route->arg, err);
}

static void go_on(struct orb_route *route, const char *reason)
{
    const struct orb_redis_url *url = &route->config->url;
    const struct orb_redis_address *at = &url->sentinels[(route->next + url->sentinel_count - 1) % url->sentinel_count];
    orb_error_set(&route->last, ORB_E_UNREACHABLE, "none of them names it; %s:%d: %s", at->host, at->port, reason);
    drop_question(route);
    orb_loop_defer(route->loop, ask_next, route);
}

static void on_named(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *question = arg;
    struct orb_route *route = question->route;
    if (!route) {
        free(question);
        return;
    }
    const char *host = orb_reply_str(orb_reply_at(reply, 0), NULL);
    int64_t port = orb_reply_int(orb_reply_at(reply, 1));
    if (err) {
        go_on(route, err->text);
    } else if (orb_reply_count(reply) != 2 || !*host || strlen(host) >= sizeof route->url.host || port < 1 || port > 65535) {
        go_on(route, "it does not know a primary with this name");
    } else {
        set_address(route, host, (int)port);
        finish(route, NULL);
    }
    free(question);
}

static void on_timeout(void *arg)
{
    go_on(arg, "no answer within 1 s");
}

static void ask_next(void *arg)
{
    struct orb_route *route = arg;
    const struct orb_redis_url *url = &route->config->url;
    if (route->asked++ == url->sentinel_count) {
        orb_route_explain(route, &route->last);
        finish(route, &route->last);
        return;
    }
    const struct orb_redis_address *at = &url->sentinels[route->next];
    route->next = (route->next + 1) % url->sentinel_count;
    struct orb_redis_config config = {
        .tls_ca = route->config->tls_ca, .tls_cert = route->config->tls_cert, .tls_key = route->config->tls_key,
        .is_sentinel = 1, .max_queued_bytes = 64 * 1024,
    };
    config.url.is_tls = url->is_tls;
    config.url.port = at->port;
    memcpy(config.url.host, at->host, sizeof at->host);
    memcpy(config.url.user, url->sentinel_user, sizeof url->sentinel_user);
    memcpy(config.url.password, url->sentinel_password, sizeof url->sentinel_password);
    struct question *question = orb_alloc(sizeof *question);
    question->route = route;
    question->redis = orb_redis_new(route->loop, &config);
    explicit_bzero(config.url.password, sizeof config.url.password);
    struct orb_buf b;
    orb_buf_init(&b, 1024);
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "SENTINEL");
    orb_cmd_str(&b, "get-master-addr-by-name");
    orb_cmd_str(&b, url->master);
    int rc = orb_redis_send(question->redis, &b, 1, 0, on_named, question);
    ORB_ASSERT(!rc);
    orb_buf_done(&b);
    route->question = question;
    orb_timer_start(route->timer, SENTINEL_TIMEOUT_MS);
}

/* ---- Cluster ----------------------------------------------------------- */

int orb_route_moved(struct orb_route *route, const char *text)
{
    const char *at = strchr(text, ' '), *colon;
    at = at ? strchr(at + 1, ' ') : NULL;
    if (!at || !(colon = strrchr(++at, ':')))
        return -1;
    size_t n = (size_t)(colon - at);
    int64_t port;
    char digits[8];
    snprintf(digits, sizeof digits, "%.*s", (int)strspn(colon + 1, "0123456789"), colon + 1);
    if (n >= sizeof route->address.host || orb_parse_int(digits, 1, 65535, &port))
        return -1;
    /* No name, or "?": the node does not know its own; it is where this one is. */
    if (!n || (n == 1 && *at == '?'))
        snprintf(route->address.host, sizeof route->address.host, "%s", *route->url.host ? route->url.host : "localhost");
    else
        snprintf(route->address.host, sizeof route->address.host, "%.*s", (int)n, at);
    route->address.port = (int)port;
    route->has_address = 1;
    return 0;
}

static void learn_node(struct orb_route *route, const struct orb_reply *node)
{
    size_t len;
    const char *host = orb_reply_str(orb_reply_at(node, 0), &len);
    int64_t port = orb_reply_int(orb_reply_at(node, 1));
    if (!len || len >= sizeof route->nodes->host || !strcmp(host, "?") || port < 1 || port > 65535 || route->node_count == NODES_MAX)
        return;
    for (int i = 0; i < route->node_count; i++)
        if (!strcmp(route->nodes[i].host, host) && route->nodes[i].port == port)
            return;
    struct orb_redis_address *to = &route->nodes[route->node_count++];
    snprintf(to->host, sizeof to->host, "%s", host);
    to->port = (int)port;
}

void orb_route_learn(struct orb_route *route, const struct orb_reply *slots)
{
    if (!route->nodes)
        route->nodes = orb_alloc(NODES_MAX * sizeof *route->nodes);
    route->node_count = 0;
    for (size_t i = 0; i < orb_reply_count(slots); i++)
        for (size_t j = 2; j < orb_reply_count(orb_reply_at(slots, i)); j++)
            learn_node(route, orb_reply_at(orb_reply_at(slots, i), j));
}

void orb_route_arrived(struct orb_route *route)
{
    route->turn = 0;
    if (*route->url.path)
        return;
    snprintf(route->address.host, sizeof route->address.host, "%s", route->url.host);
    route->address.port = route->url.port;
    route->has_address = 1;
}

static void next_node(struct orb_route *route)
{
    if (route->has_address) {
        route->has_address = 0;
        set_address(route, route->address.host, route->address.port);
        return;
    }
    int turn = route->turn;
    route->turn = (turn + 1) % (route->node_count + 1);
    if (turn && turn <= route->node_count) {
        set_address(route, route->nodes[turn - 1].host, route->nodes[turn - 1].port);
        return;
    }
    memcpy(route->url.path, route->config->url.path, sizeof route->url.path);
    memcpy(route->url.host, route->config->url.host, sizeof route->url.host);
    route->url.port = route->config->url.port;
}

/* ---- both -------------------------------------------------------------- */

int orb_route_next(struct orb_route *route, orb_route_cb cb, void *arg)
{
    if (!*route->config->url.master) {
        next_node(route);
        return 1;
    }
    route->cb = cb;
    route->arg = arg;
    if (!route->must_go_on)
        route->asked = 0;
    route->must_go_on = 0;
    ask_next(route);
    return 0;
}

int orb_route_reject(struct orb_route *route)
{
    return route->must_go_on = route->asked < route->config->url.sentinel_count;
}

void orb_route_cancel(struct orb_route *route)
{
    drop_question(route);
    orb_loop_forget(route->loop, route);
}

const struct orb_redis_url *orb_route_url(const struct orb_route *route)
{
    return &route->url;
}

struct orb_route *orb_route_new(struct orb_loop *loop, const struct orb_redis_config *config)
{
    struct orb_route *route = orb_alloc(sizeof *route);
    route->loop = loop;
    route->config = config;
    route->url = config->url;
    route->timer = orb_timer_new(loop, on_timeout, route);
    return route;
}

void orb_route_free(struct orb_route *route)
{
    if (!route)
        return;
    orb_route_cancel(route);
    orb_timer_free(route->timer);
    free(route->nodes);
    explicit_bzero(&route->url, sizeof route->url);
    free(route);
}
