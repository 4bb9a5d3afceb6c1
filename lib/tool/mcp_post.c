#include "tool/mcp_post.h"
#include "base/base.h"
#include "loop/http.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_BYTES_MAX (256 * 1024)
#define REFUSAL_BYTES_MAX (64 * 1024)    /* of the body of an answer that is none */

struct orb_mcp_post {
    TAILQ_ENTRY(orb_mcp_post) next;
    struct orb_mcp *mcp;                 /* NULL = the connection is closed */
    struct orb_mcp_request *request;     /* NULL = there is none, or it has its answer */
    struct orb_http *http;
    struct orb_timer *linger;
    struct orb_sse sse;
    struct orb_buf body;
    struct orb_flood flood;              /* of a stream */
    int status, is_events, is_plain, is_receiving, is_done, is_too_large, is_flood;
};

struct orb_mcp_web *orb_mcp_web_get(struct orb_mcp *m)
{
    if (!m->link) {
        struct orb_mcp_web *web = m->link = orb_alloc(sizeof *web);
        TAILQ_INIT(&web->posts);
    }
    return m->link;
}

/* ---- headers ---- */

static void put_line(struct orb_buf *b, const char *name, const char *value)
{
    orb_buf_printf(b, "%s: %s", name, value);
    orb_buf_char(b, '\0');
}

void orb_mcp_put_headers(const struct orb_mcp *m, struct orb_buf *b)
{
    for (char **line = m->config->headers; *line; line++) {
        orb_buf_str(b, *line);
        orb_buf_char(b, '\0');
    }
}

static void put_modern(const struct orb_mcp_request *r, struct orb_buf *b)
{
    put_line(b, "MCP-Protocol-Version", ORB_MCP_MODERN);
    put_line(b, "Mcp-Method", r->method);
    if (!r->name)
        return;
    orb_buf_str(b, "Mcp-Name: ");
    orb_mcp_header_value(b, r->name, strlen(r->name));
    orb_buf_char(b, '\0');
    if (r->schema)
        orb_mcp_header_lines(r->schema, r->arguments, b);
}

static void put_all(const struct orb_mcp *m, const struct orb_mcp_request *r, struct orb_buf *b)
{
    int is_modern = r && (r->is_handshake ? m->era.step == ORB_MCP_PROBE : m->era.is_modern);
    put_line(b, "Content-Type", "application/json");
    put_line(b, "Accept", "application/json, text/event-stream");
    orb_mcp_put_headers(m, b);
    if (is_modern)
        put_modern(r, b);
    else if (m->era.transport == ORB_MCP_HTTP && m->era.version[0] && !(r && r->is_handshake))
        put_line(b, "MCP-Protocol-Version", m->era.version);
    if (m->session)
        put_line(b, "MCP-Session-Id", m->session);
}

const char **orb_mcp_header_list(const struct orb_buf *lines)
{
    size_t count = 0, i = 0;
    for (size_t at = 0; at < lines->len; at++)
        count += !lines->data[at];
    const char **list = orb_alloc((count + 1) * sizeof *list);
    for (size_t at = 0; at < lines->len; at += strlen(lines->data + at) + 1)
        list[i++] = lines->data + at;
    return list;
}

/* ---- the reply ---- */

static void take_session(struct orb_mcp_post *p)
{
    const char *id = orb_http_header(p->http, "mcp-session-id");
    size_t n = id ? strlen(id) : 0;
    for (size_t i = 0; i < n; i++)
        if (id[i] < '!' || id[i] > '~')
            return;
    if (!n || n > ORB_MCP_SESSION_MAX)
        return;
    free(p->mcp->session);
    p->mcp->session = orb_strdup(id);
}

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct orb_mcp_post *p = arg;
    p->status = response->status;
    p->is_events = response->status == 200 && !strncmp(response->content_type, "text/event-stream", 17);
    if (p->mcp && p->request && p->status == 200 && !strcmp(p->request->method, "initialize"))
        take_session(p);
}

static int receive(struct orb_mcp_post *p, const char *text, size_t len)
{
    p->is_receiving = 1;
    int is_message = orb_mcp_receive(p->mcp, p->request, text, len, &p->flood);
    p->is_receiving = 0;
    return is_message;
}

static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct orb_mcp_post *p = arg;
    if (p->mcp && p->request && (!*event || !strcmp(event, "message")))
        receive(p, data, len);
    return p->mcp ? 0 : ORB_E_CANCELLED;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct orb_mcp_post *p = arg;
    int rc = 0;
    if (!p->mcp || (!p->request && !p->is_events))
        return;
    if (p->is_events && orb_flood_add(&p->flood, len, orb_loop_now_ms(p->mcp->loop))) {
        p->is_flood = 1;
        rc = ORB_E_TOO_LARGE;
    } else if (p->is_events)
        rc = orb_sse_feed(&p->sse, data, len, on_event, p);
    else if (p->status == 200 || p->body.len + len <= REFUSAL_BYTES_MAX) {
        orb_buf_add(&p->body, data, len);
        rc = p->body.err;
    }
    if (!rc || !p->mcp)
        return;
    p->is_too_large = !p->is_flood;
    orb_http_cancel(p->http);
}

/* ---- the end ---- */

static void post_free(struct orb_mcp_post *p)
{
    if (p->mcp) {
        struct orb_mcp_web *web = p->mcp->link;
        TAILQ_REMOVE(&web->posts, p, next);
        web->plain_count -= (size_t)p->is_plain;
    }
    if (p->request)
        p->request->post = NULL;
    orb_timer_free(p->linger);
    orb_sse_done(&p->sse);
    orb_buf_done(&p->body);
    free(p);
}

/* The reply is whole. Over HTTP+SSE it says only that the message was taken. */
static void take_reply(struct orb_mcp_post *p)
{
    struct orb_mcp *m = p->mcp;
    if (p->is_events)
        orb_sse_end(&p->sse, on_event, p);
    else if (p->status == 200 && m->driver != &orb_mcp_driver_sse && p->body.len)
        receive(p, p->body.data, p->body.len);
    if (!p->mcp || !p->request)
        return;
    if (m->driver == &orb_mcp_driver_sse && p->status >= 200 && p->status < 300)
        return;
    orb_mcp_refused(m, p->request, p->status, p->status == 200 ? NULL : p->body.data, p->body.len,
                    p->is_events ? "the server's stream ended before the answer" : "the server's reply holds no answer to the request");
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct orb_mcp_post *p = arg;
    struct orb_error err = { 0 };
    p->is_done = 1;
    if (p->mcp && p->is_plain && (code || p->status >= 300))
        orb_mcp_log(p->mcp, "the server did not take a notification", 38);
    if (p->mcp && p->request && (p->is_too_large || p->is_flood)) {
        if (p->is_flood)
            orb_error_set(&err, ORB_E_TOO_LARGE, ORB_MCP_FLOOD_TEXT);
        else
            orb_error_set(&err, ORB_E_TOO_LARGE, "the answer is over %d bytes", ORB_MCP_MESSAGE_MAX);
        if (p->request->is_handshake)
            orb_mcp_refused(p->mcp, p->request, 0, NULL, 0, err.text);
        else
            orb_mcp_request_end(p->request, NULL, &err);
    } else if (p->mcp && p->request && code) {
        orb_error_set(&err, ORB_E_TOOL, "%s: %s", is_connect ? "it cannot be reached" : "its reply broke off", text);
        orb_mcp_refused(p->mcp, p->request, 0, NULL, 0, err.text);
    } else if (p->mcp && p->request)
        take_reply(p);
    post_free(p);
}

static void linger_over(void *arg)
{
    struct orb_mcp_post *p = arg;
    orb_http_cancel(p->http);
}

void orb_mcp_post_drop(struct orb_mcp *m, struct orb_mcp_request *r)
{
    struct orb_mcp_post *p = r->post;
    (void)m;
    if (!p)
        return;
    r->post = NULL;
    p->request = NULL;
    if (p->is_done)
        return;
    if (p->is_receiving)
        orb_timer_start(p->linger, ORB_MCP_LINGER_MS);
    else
        orb_http_cancel(p->http);
}

void orb_mcp_web_close(struct orb_mcp *m)
{
    struct orb_mcp_web *web = m->link;
    struct orb_mcp_post *p;
    while ((p = TAILQ_FIRST(&web->posts))) {
        TAILQ_REMOVE(&web->posts, p, next);
        if (p->request)
            p->request->post = NULL;
        p->request = NULL;
        p->mcp = NULL;
        orb_timer_stop(p->linger);
        if (!p->is_done)
            orb_http_cancel(p->http);
    }
    free(web->endpoint);
    free(web);
    m->link = NULL;
}

/* ---- the start ---- */

int orb_mcp_post_start(struct orb_mcp *m, const char *url, struct orb_mcp_request *r, const char *text, size_t len, struct orb_error *err)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_mcp_web *web = orb_mcp_web_get(m);
    struct orb_buf lines;
    if (!r && web->plain_count >= ORB_MCP_ANSWERS_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "over %d messages wait for the server", ORB_MCP_ANSWERS_MAX);
    orb_buf_init(&lines, HEADERS_BYTES_MAX);
    put_all(m, r, &lines);
    if (lines.err) {
        orb_buf_done(&lines);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the headers of the request are over %d bytes", HEADERS_BYTES_MAX);
    }
    const char **list = orb_mcp_header_list(&lines);
    struct orb_mcp_post *p = orb_alloc(sizeof *p);
    *p = (struct orb_mcp_post){ .mcp = m, .request = r, .is_plain = !r };
    struct orb_http_request request = { .url = url, .headers = list, .body = orb_memdup(text, len), .body_len = len };
    int rc = orb_http_start(m->loop, &request, &callbacks, p, &p->http, err);
    free(list);
    orb_buf_done(&lines);
    if (rc) {
        free(p);
        return rc;
    }
    p->linger = orb_timer_new(m->loop, linger_over, p);
    orb_sse_init_max(&p->sse, ORB_MCP_MESSAGE_MAX);
    orb_buf_init(&p->body, ORB_MCP_MESSAGE_MAX);
    TAILQ_INSERT_TAIL(&web->posts, p, next);
    web->plain_count += (size_t)p->is_plain;
    if (r)
        r->post = p;
    return 0;
}
