/* MCP over HTTP+SSE, as 2024-11-05 has it: a GET stream that says where messages are POSTed, and brings all answers. */
#include "base/base.h"
#include "loop/http.h"
#include "tool/mcp_post.h"

#include <stdlib.h>
#include <string.h>

struct orb_mcp_stream {
    struct orb_mcp *mcp;         /* NULL = closed */
    struct orb_http *http;
    struct orb_sse sse;
    int status, is_open;
    size_t garbage;
};

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct orb_mcp_stream *s = arg;
    s->status = response->status;
    if (s->mcp && s->status == 200 && strncmp(response->content_type, "text/event-stream", 17) != 0)
        orb_mcp_down(s->mcp, "it answers GET, but not with a stream of events (%.60s)", response->content_type);
}

/* Same origin: a stream must not send what we say to somebody else. */
static void take_endpoint(struct orb_mcp_stream *s, const char *data, size_t len)
{
    struct orb_mcp *m = s->mcp;
    struct orb_mcp_web *web = m->link;
    struct orb_http_url own, theirs;
    struct orb_error err = { 0 };
    char whole[ORB_HTTP_URL_MAX];
    char *text = orb_memdup(data, len < ORB_HTTP_URL_MAX ? len : ORB_HTTP_URL_MAX);
    int rc = orb_http_url_read(m->config->url, NULL, &own, whole, &err);
    if (!rc)
        rc = orb_http_url_read(text, m->config->url, &theirs, whole, &err);
    free(text);
    if (rc)
        orb_mcp_down(m, "its endpoint cannot be used: %s", err.text);
    else if (strcmp(own.scheme, theirs.scheme) != 0 || strcmp(own.host, theirs.host) != 0 || own.port != theirs.port)
        orb_mcp_down(m, "its endpoint is of another origin than its URL: %.200s", whole);
    else {
        web->endpoint = orb_strdup(whole);
        s->is_open = 1;
        orb_mcp_opened(m);
    }
}

static int on_event(void *arg, const char *event, const char *data, size_t len)
{
    struct orb_mcp_stream *s = arg;
    if (!s->mcp || s->mcp->state == ORB_MCP_STATE_DOWN)
        return ORB_E_CANCELLED;
    if (!strcmp(event, "endpoint") && !s->is_open)
        take_endpoint(s, data, len);
    else if ((!*event || !strcmp(event, "message")) && s->is_open) {
        if (orb_mcp_receive(s->mcp, NULL, data, len, &s->mcp->flood))
            s->garbage = 0;
        else if ((s->garbage += len) > ORB_MCP_GARBAGE_MAX)
            orb_mcp_down(s->mcp, "its stream brings what is no message of MCP: over %d bytes in a row", ORB_MCP_GARBAGE_MAX);
    }
    return 0;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct orb_mcp_stream *s = arg;
    if (!s->mcp || s->status != 200)
        return;
    orb_mcp_count(s->mcp, len);
    if (orb_sse_feed(&s->sse, data, len, on_event, s) == ORB_E_TOO_LARGE)
        orb_mcp_down(s->mcp, "its stream brought a message of over %d bytes", ORB_MCP_MESSAGE_MAX);
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct orb_mcp_stream *s = arg;
    struct orb_mcp *m = s->mcp;
    if (m) {
        struct orb_mcp_web *web = m->link;
        struct orb_mcp_outcome outcome = { .status = s->status };
        web->stream = NULL;
        if (s->status && s->status != 200 && m->era.step == ORB_MCP_STREAM)
            orb_mcp_handshake(m, &outcome);
        else
            orb_mcp_down(m, "%s%s%s", is_connect ? "it cannot be reached" : "its stream of events ended", code ? ": " : "", code ? text : "");
    }
    orb_sse_done(&s->sse);
    free(s);
}

static int sse_open(struct orb_mcp *m, struct orb_error *err)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    struct orb_mcp_web *web = orb_mcp_web_get(m);
    struct orb_buf lines;
    orb_buf_init(&lines, 128 * 1024);
    orb_buf_str(&lines, "Accept: text/event-stream");
    orb_buf_char(&lines, '\0');
    orb_mcp_put_headers(m, &lines);
    if (lines.err) {
        orb_buf_done(&lines);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the headers in its configuration are over 128 KiB");
    }
    const char **list = orb_mcp_header_list(&lines);
    struct orb_mcp_stream *s = orb_alloc(sizeof *s);
    struct orb_http_request request = { .url = m->config->url, .headers = list };
    s->mcp = m;
    int rc = orb_http_start(m->loop, &request, &callbacks, s, &s->http, err);
    free(list);
    orb_buf_done(&lines);
    if (rc) {
        free(s);
        return rc;
    }
    orb_sse_init_max(&s->sse, ORB_MCP_MESSAGE_MAX);
    web->stream = s;
    return 0;
}

static int sse_send(struct orb_mcp *m, struct orb_mcp_request *request, const char *text, size_t len, struct orb_error *err)
{
    struct orb_mcp_web *web = m->link;
    if (!web || !web->endpoint)
        return orb_error_set(err, ORB_E_TOOL, "its stream of events is closed");
    return orb_mcp_post_start(m, web->endpoint, request, text, len, err);
}

static void sse_close(struct orb_mcp *m)
{
    struct orb_mcp_web *web = m->link;
    if (!web)
        return;
    if (web->stream) {
        web->stream->mcp = NULL;
        orb_http_cancel(web->stream->http);
    }
    orb_mcp_web_close(m);
}

const struct orb_mcp_driver orb_mcp_driver_sse = { ORB_MCP_PARALLEL_MAX, sse_open, sse_send, orb_mcp_post_drop, sse_close, NULL, NULL };
