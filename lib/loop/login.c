#include "loop/login.h"
#include "base/base.h"
#include "loop/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step { STEP_SETTING, STEP_ROLE, STEP_INFO, STEP_PING, STEP_SLOT, STEP_NODES };

static void command(struct orb_login *login, struct orb_buf *out, enum step step, size_t argc, const char *const *argv)
{
    ORB_ASSERT((size_t)login->count < sizeof login->steps);
    login->steps[login->count++] = (unsigned char)step;
    orb_cmd_start(out, argc);
    for (size_t i = 0; i < argc; i++)
        orb_cmd_str(out, argv[i]);
}
#define COMMAND(login, out, step, ...) \
    command(login, out, step, ORB_COUNT(((const char *const[]){ __VA_ARGS__ })), (const char *const[]){ __VA_ARGS__ })

void orb_login_start(struct orb_login *login, const struct orb_redis_config *config, struct orb_route *route, struct orb_buf *out)
{
    const struct orb_redis_url *url = &config->url;
    memset(login, 0, sizeof *login);
    login->config = config;
    login->route = route;
    if (*url->password && *url->user)
        COMMAND(login, out, STEP_SETTING, "AUTH", url->user, url->password);
    else if (*url->password)
        COMMAND(login, out, STEP_SETTING, "AUTH", url->password);
    if (url->db) {
        char db[16];
        snprintf(db, sizeof db, "%d", url->db);
        COMMAND(login, out, STEP_SETTING, "SELECT", db);
    }
    if (config->name)
        COMMAND(login, out, STEP_SETTING, "CLIENT", "SETNAME", config->name);
    if (*url->master)
        COMMAND(login, out, STEP_ROLE, "ROLE");
    if (config->check_server)
        COMMAND(login, out, STEP_INFO, "INFO", "server", "memory");
    else if (!config->is_sentinel)
        COMMAND(login, out, STEP_INFO, "INFO", "server");
    /* A server that is loading its data says so to this one. */
    COMMAND(login, out, STEP_PING, "PING");
}

/* Any key of ours: a node that does not have the slot names the one that has. */
static void ask_node(struct orb_login *login, struct orb_buf *out)
{
    char key[96];
    login->is_node_asked = 1;
    snprintf(key, sizeof key, "%sorbiter:queues", login->config->prefix);
    COMMAND(login, out, STEP_NODES, "CLUSTER", "SLOTS");
    COMMAND(login, out, STEP_SLOT, "EXISTS", key);
}

static void fail(struct orb_login *login, const char *text)
{
    if (!login->err.code)
        orb_refusal_error(text, login->config, &login->err);
}

/* ---- what the server is ------------------------------------------------ */

static void hopeless(struct orb_login *login, const char *text)
{
    if (login->is_hopeless)
        return;
    login->is_hopeless = 1;
    orb_error_set(&login->err, ORB_E_CONFIG, "%s", text);
}

/* The value of a line "name:value" of INFO; "" when there is none. */
static const char *info(const char *text, const char *name, char out[64])
{
    size_t n = strlen(name);
    const char *line = text;
    *out = '\0';
    while (line && (strncmp(line, name, n) || line[n] != ':'))
        line = (line = strchr(line, '\n')) ? line + 1 : NULL;
    if (line)
        snprintf(out, 64, "%.*s", (int)strcspn(line + n + 1, "\r\n"), line + n + 1);
    return out;
}

static void check_setting(struct orb_login *login, int was_up, const char *what)
{
    if (was_up)
        orb_error_set(&login->notice, ORB_E_CONFIG, "%s", what);
    else
        hopeless(login, what);
}

static void check_for_worker(struct orb_login *login, int was_up, const char *text)
{
    char version[64], policy[64], what[300];
    info(text, "redis_version", version);
    info(text, "maxmemory_policy", policy);
    if (*version && atoi(version) < 7) {
        snprintf(what, sizeof what, "this Redis is version %s; workers need 7.0 or later", version);
        check_setting(login, was_up, what);
    } else if (*policy && strcmp(policy, "noeviction")) {
        snprintf(what, sizeof what, "this Redis drops keys when its memory is full (maxmemory-policy %s), and tasks would be lost: set "
                 "\"maxmemory-policy noeviction\" in its redis.conf, now with: redis-cli CONFIG SET maxmemory-policy noeviction", policy);
        check_setting(login, was_up, what);
    }
}

static void on_info(struct orb_login *login, int was_up, const struct orb_reply *reply)
{
    char mode[64];
    const char *text = orb_reply_str(reply, NULL);
    if (orb_reply_type(reply) == ORB_REPLY_ERROR) {
        /* Two sections in one command came with 7.0. Who may not ask is not asked. */
        if (login->config->check_server && orb_refusal_is(text, "ERR syntax error"))
            check_setting(login, was_up, "this Redis is older than 7.0; workers need 7.0 or later");
        return;
    }
    info(text, "redis_mode", mode);
    login->is_cluster = !strcmp(mode, "cluster");
    if (!strcmp(mode, "sentinel"))
        hopeless(login, "this is a Sentinel, not Redis: give the URL as redis+sentinel://HOST:PORT,HOST:PORT/MASTER");
    else if (login->is_cluster && !*login->config->prefix)
        hopeless(login, ORB_CLUSTER_NEEDS_NAMESPACE);
    else if (login->config->check_server)
        check_for_worker(login, was_up, text);
}

static void on_role(struct orb_login *login, const struct orb_reply *reply)
{
    const char *role = orb_reply_str(orb_reply_at(reply, 0), NULL);
    if (!*role || !strcmp(role, "master"))
        return;
    /* A Sentinel that has slept through the failover. */
    login->is_moved = orb_route_reject(login->route);
    if (!login->err.code)
        orb_error_set(&login->err, ORB_E_UNREACHABLE, "%s:%d is a %s, not a master", orb_route_url(login->route)->host,
                      orb_route_url(login->route)->port, !strcmp(role, "slave") ? "replica" : role);
}

/* 1: the slot is elsewhere, and the route knows where. */
static int on_slot(struct orb_login *login, const struct orb_reply *reply)
{
    const char *text = orb_reply_str(reply, NULL);
    if (orb_reply_type(reply) != ORB_REPLY_ERROR)
        return 0;
    if (orb_refusal_is(text, "MOVED ") && !orb_route_moved(login->route, text))
        return 1;
    if (orb_refusal_is(text, "ASK ") || !orb_refusal_is_trouble(text))
        return 0; /* the slot is leaving, but still here; or it may not be asked */
    fail(login, text);
    return 0;
}

enum orb_login_result orb_login_reply(struct orb_login *login, const struct orb_reply *reply, int was_up, struct orb_buf *out)
{
    int is_error = orb_reply_type(reply) == ORB_REPLY_ERROR;
    switch (login->steps[login->at++]) {
    case STEP_ROLE:
        on_role(login, reply);
        break;
    case STEP_INFO:
        on_info(login, was_up, reply);
        break;
    case STEP_NODES:
        if (!is_error)
            orb_route_learn(login->route, reply);
        break;
    case STEP_SLOT:
        login->is_moved = on_slot(login, reply);
        break;
    default:
        if (is_error)
            fail(login, orb_reply_str(reply, NULL));
    }
    if (login->at < login->count)
        return ORB_LOGIN_MORE;
    if (login->is_moved)
        return ORB_LOGIN_MOVED;
    if (login->err.code)
        return ORB_LOGIN_FAILED;
    if (login->is_cluster && !login->is_node_asked) {
        login->at = login->count = 0;
        ask_node(login, out);
        return ORB_LOGIN_MORE;
    }
    if (login->is_cluster)
        orb_route_arrived(login->route);
    return ORB_LOGIN_OK;
}
