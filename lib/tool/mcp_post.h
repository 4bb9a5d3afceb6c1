/* What the two HTTP transports share: a message is a POST. */
#ifndef ORB_TOOL_MCP_POST_H
#define ORB_TOOL_MCP_POST_H

#include "model/sse.h"
#include "tool/mcp_conn.h"

#define ORB_MCP_PARALLEL_MAX 64      /* POSTs of requests at a time, of one server */
#define ORB_MCP_SESSION_MAX 1024     /* bytes of a session's id */
#define ORB_MCP_LINGER_MS 1000       /* a stream that has brought its answer may take so long to end, so that its connection can be used again */

struct orb_http;
struct orb_mcp_post;

/* The driver's part of a connection: orb_mcp.link. */
struct orb_mcp_web {
    TAILQ_HEAD(, orb_mcp_post) posts;
    size_t plain_count;              /* posts that carry no request */
    /* HTTP+SSE */
    struct orb_mcp_stream *stream;
    char *endpoint;
};
struct orb_mcp_web *orb_mcp_web_get(struct orb_mcp *mcp); /* makes it at its first use */

/* request NULL: an answer or a notification. */
int orb_mcp_post_start(struct orb_mcp *mcp, const char *url, struct orb_mcp_request *request, const char *text, size_t len, struct orb_error *err) ORB_MUST_CHECK;
void orb_mcp_post_drop(struct orb_mcp *mcp, struct orb_mcp_request *request);
void orb_mcp_web_close(struct orb_mcp *mcp);

/* The server's headers of the configuration, each ended by a NUL. */
void orb_mcp_put_headers(const struct orb_mcp *mcp, struct orb_buf *out);
/* Lines as orb_http_start wants them, into the buffer; to be freed. */
const char **orb_mcp_header_list(const struct orb_buf *lines);

#endif
