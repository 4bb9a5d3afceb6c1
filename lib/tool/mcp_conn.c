/* A connection's life: opening with the steps of mcp_era.c, being up, going down, opening again after a pause. */
#include "tool/mcp_conn.h"
#include "base/base.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_timer(void *arg);
static void perform(struct orb_mcp *m);
static void on_list_time(void *arg);

static const struct orb_mcp_driver *const drivers[] = { &orb_mcp_driver_stdio, &orb_mcp_driver_http, &orb_mcp_driver_sse };

struct orb_mcp *orb_mcp_new(struct orb_loop *loop, struct orb_mcp_config *config)
{
    struct orb_mcp *m = orb_alloc(sizeof *m);
    m->loop = loop;
    m->config = config;
    m->driver = drivers[config->transport];
    m->tools.ttl_ms = m->partial.ttl_ms = -1;
    orb_mcp_era_init(&m->era, config->transport);
    TAILQ_INIT(&m->waiting);
    TAILQ_INIT(&m->sent);
    TAILQ_INIT(&m->ended);
    TAILQ_INIT(&m->waiters);
    TAILQ_INIT(&m->told);
    m->timer = orb_timer_new(loop, on_timer, m);
    m->list_timer = orb_timer_new(loop, on_list_time, m);
    return m;
}

static void on_list_time(void *arg)
{
    struct orb_mcp *m = arg;
    if (m->list_request)
        orb_mcp_cancel(m->list_request); /* its end is the list's */
}

void orb_mcp_log(struct orb_mcp *m, const char *line, size_t len)
{
    char safe[2 * ORB_MCP_STDERR_LINE];
    if (!m->log)
        return;
    orb_safe_text(line, len, ORB_SAFE_LINE, safe, sizeof safe);
    m->log(m->log_arg, m->config->name, safe);
}

void orb_mcp_count(struct orb_mcp *m, size_t bytes)
{
    if (orb_flood_add(&m->flood, bytes, orb_loop_now_ms(m->loop)))
        orb_mcp_down(m, ORB_MCP_FLOOD_TEXT);
}

/* ---- down ---- */

static void fail_all(struct orb_mcp_requests *list, const struct orb_error *err)
{
    while (!TAILQ_EMPTY(list))
        orb_mcp_request_end(TAILQ_FIRST(list), NULL, err);
}

static void on_down(void *arg)
{
    struct orb_mcp *m = arg;
    m->is_failing = 0;
    m->driver->close(m);
    free(m->session);
    m->session = NULL;
    m->driver = drivers[m->era.transport];
    orb_mcp_advance(m);
}

/* A server may die of the question that it does not know: then it is one of the old ones. */
static int died_of_probe(struct orb_mcp *m)
{
    if (m->state != ORB_MCP_STATE_OPENING || m->era.step != ORB_MCP_PROBE || m->era.transport != ORB_MCP_STDIO)
        return 0;
    m->era.is_known = 1;
    m->era.is_modern = 0;
    return 1;
}

void orb_mcp_down(struct orb_mcp *m, const char *fmt, ...)
{
    char text[sizeof m->failure.text];
    va_list ap;
    if (m->state == ORB_MCP_STATE_DOWN)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (m->state == ORB_MCP_STATE_OPENING)
        orb_error_set(&m->failure, ORB_E_TOOL, "Failed to connect to server '%s': %s", m->config->name, text);
    else
        orb_error_set(&m->failure, ORB_E_TOOL, "%s", text);
    int was_opening = m->state == ORB_MCP_STATE_OPENING, goes_on = died_of_probe(m);
    if (!goes_on)
        orb_mcp_log(m, m->failure.text, strlen(m->failure.text));
    m->state = ORB_MCP_STATE_DOWN;
    m->is_asked = 0;
    orb_timer_stop(m->timer);
    if (!goes_on) {
        m->failures++;
        m->failed_ms = orb_loop_now_ms(m->loop);
    }
    fail_all(&m->sent, &m->failure);
    if (was_opening && !goes_on) {
        orb_mcp_era_init(&m->era, m->config->transport);
        fail_all(&m->waiting, &m->failure);
    }
    m->is_failing = 1;
    orb_loop_defer(m->loop, on_down, m);
}

/* ---- opening ---- */

static void start_limit(struct orb_mcp *m, int64_t ms)
{
    int64_t own = m->config->timeout_ms;
    orb_timer_start(m->timer, own && own < ms ? own : ms);
}

static void send_handshake(struct orb_mcp *m, const char *method, int64_t limit_ms)
{
    struct orb_error err = { 0 };
    struct orb_mcp_request *request = orb_mcp_request_new(m, method, NULL, NULL);
    request->is_handshake = 1;
    start_limit(m, limit_ms);
    if (orb_mcp_request_send(request, &err))
        orb_mcp_down(m, "%s", err.text);
}

static void open_stream(struct orb_mcp *m)
{
    struct orb_error err = { 0 };
    if (m->driver != &orb_mcp_driver_sse)
        m->driver->close(m);
    m->driver = &orb_mcp_driver_sse;
    start_limit(m, ORB_MCP_OPEN_MS);
    if (m->driver->open(m, &err))
        orb_mcp_down(m, "%s", err.text);
}

static void become_up(struct orb_mcp *m)
{
    static const struct orb_mcp_outgoing initialized = { .method = "notifications/initialized" };
    orb_timer_stop(m->timer);
    m->state = ORB_MCP_STATE_UP;
    if (!m->era.is_modern)
        orb_mcp_send_plain(m, &initialized);
    orb_mcp_advance(m);
}

static void perform(struct orb_mcp *m)
{
    switch (m->era.step) {
    case ORB_MCP_PROBE:
        send_handshake(m, "server/discover", m->era.transport == ORB_MCP_STDIO ? ORB_MCP_PROBE_MS : ORB_MCP_OPEN_MS);
        break;
    case ORB_MCP_INITIALIZE:
        send_handshake(m, "initialize", ORB_MCP_OPEN_MS);
        break;
    case ORB_MCP_STREAM:
        open_stream(m);
        break;
    case ORB_MCP_READY:
        become_up(m);
        break;
    case ORB_MCP_FAILED:
        break;
    }
}

void orb_mcp_handshake(struct orb_mcp *m, const struct orb_mcp_outcome *outcome)
{
    struct orb_error err = { 0 };
    struct orb_mcp_request *request;
    if (m->state != ORB_MCP_STATE_OPENING)
        return;
    TAILQ_FOREACH(request, &m->sent, next)
        if (request->is_handshake)
            break;
    if (request) {
        m->driver->drop(m, request);
        orb_mcp_request_end(request, NULL, NULL);
    }
    if (orb_mcp_era_next(&m->era, outcome, &err) == ORB_MCP_FAILED)
        orb_mcp_down(m, "%s", err.text);
    else
        perform(m);
}

void orb_mcp_opened(struct orb_mcp *m)
{
    static const struct orb_mcp_outcome there = { .status = 200 };
    if (m->era.step == ORB_MCP_STREAM)
        orb_mcp_handshake(m, &there);
    else
        perform(m);
}

static void begin_opening(struct orb_mcp *m)
{
    m->state = ORB_MCP_STATE_OPENING;
    m->opening++;
    m->opened_ms = orb_loop_now_ms(m->loop);
    m->flood = (struct orb_flood){ 0 };
    m->is_stale = 1;
    orb_mcp_era_begin(&m->era);
}

static void open_now(struct orb_mcp *m)
{
    struct orb_error err = { 0 };
    begin_opening(m);
    if (m->era.step == ORB_MCP_STREAM)
        open_stream(m);
    else if (m->driver->open(m, &err))
        orb_mcp_down(m, "%s", err.text);
}

/* The server has forgotten the session: another one, over the same road. */
static void open_session(struct orb_mcp *m)
{
    free(m->session);
    m->session = NULL;
    begin_opening(m);
    perform(m);
}

static int64_t backoff_left(const struct orb_mcp *m)
{
    int64_t pause = ORB_MCP_BACKOFF_MS;
    if (!m->failures)
        return 0;
    for (int i = 1; i < m->failures && pause < ORB_MCP_BACKOFF_MAX_MS; i++)
        pause *= 2;
    if (pause > ORB_MCP_BACKOFF_MAX_MS)
        pause = ORB_MCP_BACKOFF_MAX_MS;
    int64_t left = m->failed_ms + pause - orb_loop_now_ms(m->loop);
    return left > 0 ? left : 0;
}

static void open_or_wait(struct orb_mcp *m)
{
    struct orb_error err = { 0 };
    int64_t left = backoff_left(m);
    if (TAILQ_EMPTY(&m->waiting))
        return;
    if (left > ORB_MCP_BACKOFF_WAIT_MS) {
        orb_error_set(&err, ORB_E_TOOL, "%s (it failed %d times; it is tried again in %lld s)", m->failure.text, m->failures,
                      (long long)(left + 999) / 1000);
        fail_all(&m->waiting, &err);
    } else if (left)
        orb_timer_start(m->timer, left);
    else
        open_now(m);
}

static void send_waiting(struct orb_mcp *m)
{
    struct orb_mcp_request *request;
    while (m->state == ORB_MCP_STATE_UP && m->sent_count < m->driver->parallel_max && (request = TAILQ_FIRST(&m->waiting))) {
        struct orb_error err = { 0 };
        if (orb_mcp_request_send(request, &err))
            orb_mcp_request_end(request, NULL, &err);
    }
}

void orb_mcp_advance(struct orb_mcp *m)
{
    if (m->is_ending || m->is_failing)
        return;
    if (m->state == ORB_MCP_STATE_UP)
        send_waiting(m);
    else if (m->state == ORB_MCP_STATE_DOWN)
        open_or_wait(m);
}

static void on_timer(void *arg)
{
    static const struct orb_mcp_outcome late = { .is_timeout = 1 };
    struct orb_mcp *m = arg;
    if (m->state == ORB_MCP_STATE_OPENING)
        orb_mcp_handshake(m, &late);
    else if (m->is_asked)
        orb_mcp_down(m, "it does not answer any more, not even whether it is there");
    else
        orb_mcp_advance(m);
}

/* ---- what drivers tell ---- */

struct refusal {
    struct orb_mcp *mcp;
    struct orb_mcp_request *request;
    int status;
    const char *text;
    int is_done;
};

static void explain(const struct refusal *r, const struct orb_mcp_message *message, struct orb_error *err)
{
    if (message)
        orb_error_set(err, ORB_E_TOOL, "error %lld: %.400s", (long long)message->code, message->text);
    else if (r->status == 401 || r->status == 403)
        orb_error_set(err, ORB_E_TOOL, "the server refused us with HTTP %d; set \"headers\" in its tool file", r->status);
    else if (r->status && r->status != 200)
        orb_error_set(err, ORB_E_TOOL, "the server answered with HTTP %d", r->status);
    else
        orb_error_set(err, ORB_E_TOOL, "%.400s", r->text);
}

/* The request goes back to those that wait: the server has not looked at it. */
static void repeat(struct orb_mcp *m, struct orb_mcp_request *request)
{
    m->driver->drop(m, request);
    TAILQ_REMOVE(&m->sent, request, next);
    m->sent_count--;
    request->is_sent = 0;
    request->is_repeated = 1;
    TAILQ_INSERT_HEAD(&m->waiting, request, next);
    if (request->opening == m->opening && m->state == ORB_MCP_STATE_UP)
        open_session(m);
    else
        orb_mcp_advance(m);
}

static void refuse(void *arg, const struct orb_mcp_message *message)
{
    struct refusal *r = arg;
    struct orb_mcp *m = r->mcp;
    struct orb_error err = { 0 };
    if (r->is_done || (message && message->kind != ORB_MCP_ERROR))
        return;
    r->is_done = 1;
    if (r->request->is_handshake) {
        struct orb_mcp_outcome outcome = { .message = message, .status = r->status, .text = r->text };
        orb_mcp_handshake(m, &outcome);
        return;
    }
    if (r->status == 404 && !m->era.is_modern && !r->request->is_repeated && (m->session || r->request->opening != m->opening)) {
        repeat(m, r->request);
        return;
    }
    explain(r, message, &err);
    orb_mcp_request_end(r->request, NULL, &err);
    /* It was another server when it was asked what it speaks. */
    if (!message && m->era.is_modern && (r->status == 400 || r->status == 404 || r->status == 405)) {
        orb_mcp_era_init(&m->era, m->config->transport);
        orb_mcp_down(m, "the server answered with HTTP %d", r->status);
    }
}

void orb_mcp_refused(struct orb_mcp *m, struct orb_mcp_request *request, int status, const char *body, size_t len, const char *text)
{
    struct refusal r = { m, request, status, text, 0 };
    size_t count;
    if (request->is_ended)
        return;
    if (body && len && orb_mcp_read(body, len, refuse, &r, &count, NULL) == 0 && r.is_done)
        return;
    refuse(&r, NULL);
}

/* ---- the end ---- */

static void wait_all(struct orb_mcp *const *list, size_t count, int signo)
{
    int64_t deadline = orb_mono_us() / 1000 + ORB_MCP_END_MS;
    for (size_t i = 0; i < count; i++) {
        int64_t left = deadline - orb_mono_us() / 1000;
        if (list[i]->driver->wait_end)
            list[i]->driver->wait_end(list[i], left > 0 ? (int)left : 0, signo);
    }
}

void orb_mcp_end_all(struct orb_mcp *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i]->is_ending = 1;
        list[i]->state = ORB_MCP_STATE_DOWN;
        if (list[i]->driver->ask_end)
            list[i]->driver->ask_end(list[i]);
    }
    orb_mcp_end_sessions(list, count); /* while the others end */
    wait_all(list, count, 0);
    wait_all(list, count, SIGTERM);
}

static void drop_all(struct orb_mcp *m, struct orb_mcp_requests *list)
{
    struct orb_mcp_request *request;
    while ((request = TAILQ_FIRST(list))) {
        orb_loop_forget(m->loop, request);
        TAILQ_REMOVE(list, request, next);
        free(request->name);
        free(request->cursor);
        json_decref(request->arguments);
        json_decref(request->schema);
        json_decref(request->result);
        free(request);
    }
}

void orb_mcp_free(struct orb_mcp *m)
{
    struct orb_mcp_waiter *waiter;
    if (!m)
        return;
    m->is_ending = 1;
    m->driver->close(m);
    orb_loop_forget(m->loop, m);
    drop_all(m, &m->waiting);
    drop_all(m, &m->sent);
    drop_all(m, &m->ended);
    while ((waiter = TAILQ_FIRST(&m->waiters))) {
        TAILQ_REMOVE(&m->waiters, waiter, next);
        free(waiter);
    }
    orb_mcp_tools_done(&m->tools);
    orb_mcp_tools_done(&m->partial);
    orb_timer_free(m->timer);
    orb_timer_free(m->list_timer);
    orb_mcp_config_free(m->config);
    free(m->session);
    free(m);
}
