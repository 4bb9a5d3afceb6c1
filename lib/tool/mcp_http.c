/* MCP over streamable HTTP: a POST for each message; its reply is the answer, or a stream that has it. */
#include "base/base.h"
#include "loop/http.h"
#include "tool/mcp_post.h"

#include <stdlib.h>
#include <string.h>

static int http_open(struct orb_mcp *m, struct orb_error *err)
{
    struct orb_http_url parts;
    char whole[ORB_HTTP_URL_MAX];
    int rc = orb_http_url_read(m->config->url, NULL, &parts, whole, err);
    if (rc)
        return rc;
    orb_mcp_web_get(m);
    orb_mcp_opened(m);
    return 0;
}

static int http_send(struct orb_mcp *m, struct orb_mcp_request *request, const char *text, size_t len, struct orb_error *err)
{
    return orb_mcp_post_start(m, m->config->url, request, text, len, err);
}

static void http_close(struct orb_mcp *m)
{
    if (m->link)
        orb_mcp_web_close(m);
}

/* ---- the end of sessions ---- */

static void ignore_head(void *arg, const struct orb_http_response *response)
{
    (void)arg, (void)response;
}

static void ignore_data(void *arg, const char *data, size_t len)
{
    (void)arg, (void)data, (void)len;
}

static void count_done(void *arg, int code, int is_connect, const char *text)
{
    size_t *waiting = arg;
    (void)code, (void)is_connect, (void)text;
    --*waiting;
}

static void start_delete(const struct orb_mcp *m, struct orb_loop *loop, size_t *waiting)
{
    static const struct orb_http_callbacks callbacks = { ignore_head, ignore_data, count_done };
    struct orb_http *http;
    struct orb_buf lines;
    orb_buf_init(&lines, 128 * 1024);
    orb_mcp_put_headers(m, &lines);
    orb_buf_printf(&lines, "MCP-Session-Id: %s", m->session);
    orb_buf_char(&lines, '\0');
    orb_buf_printf(&lines, "MCP-Protocol-Version: %s", m->era.version);
    orb_buf_char(&lines, '\0');
    const char **list = lines.err ? NULL : orb_mcp_header_list(&lines);
    struct orb_http_request request = { .url = m->config->url, .headers = list, .method = "DELETE" };
    if (list && !orb_http_start(loop, &request, &callbacks, waiting, &http, NULL))
        ++*waiting;
    free(list);
    orb_buf_done(&lines);
}

void orb_mcp_end_sessions(struct orb_mcp *const *list, size_t count)
{
    size_t waiting = 0, sessions = 0;
    for (size_t i = 0; i < count; i++)
        sessions += list[i]->session != NULL;
    struct orb_loop *loop = sessions ? orb_loop_new() : NULL; /* of its own: the caller's need not turn any more */
    if (!loop)
        return;
    for (size_t i = 0; i < count; i++)
        if (list[i]->session)
            start_delete(list[i], loop, &waiting);
    int64_t end = orb_loop_now_ms(loop) + ORB_MCP_GOODBYE_MS, left;
    while (waiting && (left = end - orb_loop_now_ms(loop)) > 0)
        if (orb_loop_turn(loop, (int)left))
            break;
    orb_loop_free(loop);
}

const struct orb_mcp_driver orb_mcp_driver_http = { ORB_MCP_PARALLEL_MAX, http_open, http_send, orb_mcp_post_drop, http_close, NULL, NULL };
