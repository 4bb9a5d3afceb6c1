/* Requests of a connection: waiting, sent, ended; and what comes in for them. */
#include "base/base.h"
#include "tool/mcp_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orb_mcp_request *orb_mcp_request_new(struct orb_mcp *m, const char *method, orb_mcp_cb cb, void *arg)
{
    struct orb_mcp_request *r = orb_alloc(sizeof *r);
    *r = (struct orb_mcp_request){ .mcp = m, .id = ++m->last_id, .method = method, .cb = cb, .arg = arg };
    TAILQ_INSERT_TAIL(&m->waiting, r, next);
    m->count++;
    return r;
}

static void deliver(void *arg)
{
    struct orb_mcp_request *r = arg;
    struct orb_mcp *m = r->mcp;
    TAILQ_REMOVE(&m->ended, r, next);
    m->count--;
    orb_mcp_advance(m); /* first: the callback may end everything */
    if (r->cb)
        r->cb(r->arg, r->result, r->err.code ? &r->err : NULL);
    free(r->name);
    free(r->cursor);
    json_decref(r->arguments);
    json_decref(r->schema);
    json_decref(r->result);
    free(r);
}

/* Takes result. The callback comes from the loop: what is told here may come from inside of anything. */
void orb_mcp_request_end(struct orb_mcp_request *r, json_t *result, const struct orb_error *err)
{
    struct orb_mcp *m = r->mcp;
    if (r->is_ended) {
        json_decref(result);
        return;
    }
    if (r->is_sent) {
        m->driver->drop(m, r);
        TAILQ_REMOVE(&m->sent, r, next);
        m->sent_count--;
    } else
        TAILQ_REMOVE(&m->waiting, r, next);
    TAILQ_INSERT_TAIL(&m->ended, r, next);
    r->is_ended = 1;
    r->result = result;
    if (err)
        r->err = *err;
    orb_loop_defer(m->loop, deliver, r);
}

/* ---- sending ---- */

static int is_modern(const struct orb_mcp *m, const struct orb_mcp_request *r)
{
    return r->is_handshake ? m->era.step == ORB_MCP_PROBE : m->era.is_modern;
}

int orb_mcp_request_send(struct orb_mcp_request *r, struct orb_error *err)
{
    struct orb_mcp *m = r->mcp;
    struct orb_mcp_outgoing message = { .id = r->id, .method = r->method, .is_modern = is_modern(m, r), .name = r->name, .arguments = r->arguments,
                                        .cursor = r->cursor };
    struct orb_buf b;
    orb_buf_init(&b, ORB_MCP_MESSAGE_MAX);
    orb_mcp_write(&b, &message);
    if (b.err) {
        orb_buf_done(&b);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the request is over %d bytes", ORB_MCP_MESSAGE_MAX);
    }
    TAILQ_REMOVE(&m->waiting, r, next);
    TAILQ_INSERT_TAIL(&m->sent, r, next);
    m->sent_count++;
    r->is_sent = 1;
    r->sent_ms = orb_loop_now_ms(m->loop);
    r->opening = m->opening;
    int rc = m->driver->send(m, r, b.data, b.len, err);
    orb_buf_done(&b);
    return rc;
}

/* The server may make it happen as often as it likes. */
static void complain(struct orb_mcp *m, const char *line)
{
    int64_t now = orb_loop_now_ms(m->loop);
    if (m->complained_ms && now - m->complained_ms < ORB_MCP_RARELY_MS)
        return;
    m->complained_ms = now;
    orb_mcp_log(m, line, strlen(line));
}

/* A notification or an answer that cannot be sent is lost. */
void orb_mcp_send_plain(struct orb_mcp *m, const struct orb_mcp_outgoing *message)
{
    struct orb_buf b;
    orb_buf_init(&b, ORB_MCP_MESSAGE_MAX);
    orb_mcp_write(&b, message);
    if (!b.err && m->driver->send(m, NULL, b.data, b.len, NULL))
        complain(m, "a notification could not be sent");
    orb_buf_done(&b);
}

int orb_mcp_call(struct orb_mcp *m, const char *tool, json_t *arguments, json_t *schema, orb_mcp_cb cb, orb_mcp_progress_cb progress, void *arg,
                 struct orb_mcp_request **out, struct orb_error *err)
{
    if (m->count >= ORB_MCP_REQUESTS_MAX)
        return orb_error_set(err, ORB_E_TOOL, "over %d calls wait for the server", ORB_MCP_REQUESTS_MAX);
    struct orb_mcp_request *r = orb_mcp_request_new(m, "tools/call", cb, arg);
    r->name = orb_strdup(tool);
    r->arguments = json_incref(arguments);
    r->schema = json_incref(schema);
    r->progress = progress;
    orb_mcp_advance(m);
    *out = r;
    return 0;
}

void orb_mcp_cancel(struct orb_mcp_request *r)
{
    struct orb_mcp *m = r->mcp;
    struct orb_mcp_outgoing message = { .method = "notifications/cancelled", .is_modern = m->era.is_modern, .cancelled = r->id };
    struct orb_error err = { 0 };
    if (r->is_ended)
        return;
    /* Over modern HTTP closing the stream says it. */
    if (r->is_sent && m->state == ORB_MCP_STATE_UP && !(m->driver == &orb_mcp_driver_http && m->era.is_modern))
        orb_mcp_send_plain(m, &message);
    orb_error_set(&err, ORB_E_CANCELLED, "cancelled");
    orb_mcp_request_end(r, NULL, &err);
}

static void on_alive(void *arg, const json_t *result, const struct orb_error *err)
{
    struct orb_mcp *m = arg;
    (void)result, (void)err; /* an error is an answer, too */
    if (m->is_asked)
        orb_timer_stop(m->timer);
    m->is_asked = 0;
}

void orb_mcp_timed_out(struct orb_mcp_request *r)
{
    struct orb_mcp *m = r->mcp;
    int is_silent = r->is_sent && m->heard_ms < r->sent_ms;
    orb_mcp_cancel(r);
    if (!is_silent || m->state != ORB_MCP_STATE_UP || m->is_asked || m->driver == &orb_mcp_driver_http)
        return;
    m->is_asked = 1;
    orb_mcp_request_new(m, m->era.is_modern ? "server/discover" : "ping", on_alive, m);
    orb_timer_start(m->timer, ORB_MCP_PING_MS);
    orb_mcp_advance(m);
}

/* ---- what comes ---- */

struct incoming {
    struct orb_mcp *mcp;
    struct orb_mcp_request *request;
    int is_answer;           /* to something of ours */
};

static struct orb_mcp_request *sent_find(const struct orb_mcp *m, int64_t id)
{
    struct orb_mcp_request *r;
    TAILQ_FOREACH(r, &m->sent, next)
        if (r->id == id)
            return r;
    return NULL;
}

/* Answers that nobody asked for, that come twice or too late, or on the stream of another request, are left out. */
static void on_response(struct incoming *in, const struct orb_mcp_message *message)
{
    struct orb_mcp *m = in->mcp;
    struct orb_mcp_request *r = sent_find(m, message->number);
    struct orb_error err = { 0 };
    if (!r || (in->request && in->request != r))
        return;
    in->is_answer = 1;
    if (r->is_handshake) {
        struct orb_mcp_outcome outcome = { .message = message, .status = m->driver == &orb_mcp_driver_http ? 200 : 0 };
        orb_mcp_handshake(m, &outcome);
        return;
    }
    m->failures = 0;
    if (message->kind == ORB_MCP_ERROR)
        orb_error_set(&err, ORB_E_TOOL, "error %lld: %.400s", (long long)message->code, message->text);
    orb_mcp_request_end(r, json_incref((json_t *)(uintptr_t)message->result), err.code ? &err : NULL);
}

static void on_progress(const struct incoming *in, const json_t *params)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_MCP_PROGRESS_MAX + 128);
    struct orb_mcp_request *r = sent_find(in->mcp, orb_mcp_progress_read(params, &text));
    if (r && r->progress && !text.err && (!in->request || in->request == r))
        r->progress(r->arg, text.data);
    orb_buf_done(&text);
}

static void on_message(void *arg, const struct orb_mcp_message *message)
{
    struct incoming *in = arg;
    struct orb_mcp *m = in->mcp;
    struct orb_buf b;
    switch (message->kind) {
    case ORB_MCP_RESULT:
    case ORB_MCP_ERROR:
        on_response(in, message);
        break;
    case ORB_MCP_REQUEST:
        orb_buf_init(&b, 16 * ORB_MCP_ID_MAX);
        if (!(m->driver == &orb_mcp_driver_http && m->era.is_modern) && orb_mcp_write_answer(&b, message) && !b.err &&
            m->driver->send(m, NULL, b.data, b.len, NULL))
            complain(m, "an answer to what the server asked could not be sent");
        orb_buf_done(&b);
        break;
    case ORB_MCP_NOTIFICATION: /* log messages are not passed on */
        if (!strcmp(message->method, "notifications/tools/list_changed"))
            m->is_stale = 1;
        else if (!strcmp(message->method, "notifications/progress"))
            on_progress(in, message->params);
        break;
    }
}

int orb_mcp_receive(struct orb_mcp *m, struct orb_mcp_request *request, const char *text, size_t len, struct orb_flood *flood)
{
    struct incoming in = { m, request, 0 };
    size_t count = 0;
    m->heard_ms = orb_loop_now_ms(m->loop);
    int is_message = orb_mcp_read(text, len, on_message, &in, &count, NULL) == 0;
    if (in.is_answer)
        orb_flood_forgive(flood, len);
    else
        orb_flood_add(flood, count * ORB_MCP_MESSAGE_COST, orb_loop_now_ms(m->loop)); /* seen with the next bytes */
    return is_message;
}

void orb_mcp_lost(struct orb_mcp *m, int64_t id)
{
    struct orb_mcp_request *r = id < 0 && m->sent_count == 1 ? TAILQ_FIRST(&m->sent) : sent_find(m, id);
    struct orb_error err = { 0 };
    orb_error_set(&err, ORB_E_TOO_LARGE, "the answer is over %d bytes", ORB_MCP_MESSAGE_MAX);
    orb_mcp_log(m, err.text, strlen(err.text));
    if (r && r->is_handshake)
        orb_mcp_down(m, "%s", err.text);
    else if (r)
        orb_mcp_request_end(r, NULL, &err);
}
