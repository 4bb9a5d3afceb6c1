/* The Model Context Protocol as values: messages, the two eras, lists of tools, results, headers. No I/O. Source: the specification's revisions
 * 2026-07-28 (stateless: "modern" here) and 2024-11-05 to 2025-11-25 ("legacy"). */
#ifndef ORB_TOOL_MCP_WIRE_H
#define ORB_TOOL_MCP_WIRE_H

#include "base/buf.h"
#include "base/json.h"
#include "tool/mcp_config.h"

#define ORB_MCP_MESSAGE_MAX (4 * 1024 * 1024)  /* bytes of one message, either way */
#define ORB_MCP_VALUES_MAX 200000              /* JSON values in it */
#define ORB_MCP_ID_MAX 256                     /* bytes of the id of a server's request; longer ones get no answer */
#define ORB_MCP_TOOLS_MAX 1000                 /* of one server */
#define ORB_MCP_PAGES_MAX 100                  /* of its list */
#define ORB_MCP_SCHEMA_MAX (64 * 1024)         /* bytes of one tool's schema; tools with a larger one are left out */
#define ORB_MCP_DESCRIPTION_MAX 8192           /* bytes; what is longer is cut */
#define ORB_MCP_CURSOR_MAX 4096
#define ORB_MCP_PROGRESS_MAX 200               /* bytes of what a server says about its progress; what is longer is cut */
#define ORB_MCP_BLOCKS_MAX 100                 /* content blocks of one result */
#define ORB_MCP_HEADERS_MAX 32                 /* x-mcp-header annotations of one tool */

#define ORB_MCP_MODERN "2026-07-28"
#define ORB_MCP_LEGACY "2025-11-25"            /* the newest; what we offer */

/* ---- messages ---- */

enum orb_mcp_kind { ORB_MCP_RESULT, ORB_MCP_ERROR, ORB_MCP_REQUEST, ORB_MCP_NOTIFICATION };
/* Borrowed for the callback. */
struct orb_mcp_message {
    enum orb_mcp_kind kind;
    const json_t *id;        /* of REQUEST */
    int64_t number;          /* of RESULT and ERROR: the id, -1 when it is none of ours */
    const char *method;      /* of REQUEST and NOTIFICATION */
    const json_t *params;    /* may be NULL */
    const json_t *result;    /* an object */
    int64_t code;            /* of ERROR */
    const char *text;        /* of ERROR */
    const json_t *data;      /* of ERROR; may be NULL */
};
typedef void (*orb_mcp_message_fn)(void *arg, const struct orb_mcp_message *message);
/* Calls fn for each message in the text (2025-03-26 has arrays of them). What is not JSON-RPC is left out. ORB_E_PROTOCOL: not JSON, or over a limit;
 * *count is how many there were. */
int orb_mcp_read(const char *text, size_t len, orb_mcp_message_fn fn, void *arg, size_t *count, struct orb_error *err) ORB_MUST_CHECK;
/* The id of a response that is too long to be read, from its first and its last bytes; -1 = not known. */
int64_t orb_mcp_guess_id(const char *head, size_t head_len, const char *tail, size_t tail_len);

/* The params of notifications/progress: the id of the call, and "3/10 message" is appended to text. -1 = they are none. */
int64_t orb_mcp_progress_read(const json_t *params, struct orb_buf *text);

/* A message to be sent, one line without its end. */
struct orb_mcp_outgoing {
    int64_t id;              /* 0 = a notification */
    const char *method;
    int is_modern;           /* params carry _meta */
    const char *name;        /* tools/call */
    const json_t *arguments; /* tools/call; left out when empty */
    const char *cursor;      /* tools/list; NULL = the first page */
    int64_t cancelled;       /* notifications/cancelled: of this request */
};
void orb_mcp_write(struct orb_buf *out, const struct orb_mcp_outgoing *message);
/* The answer to a server's request: {} to ping, else "no such method". 0 = none (its id is too long). */
int orb_mcp_write_answer(struct orb_buf *out, const struct orb_mcp_message *request);

/* ---- which era a server is of ---- */

enum orb_mcp_step {
    ORB_MCP_PROBE,           /* ask server/discover */
    ORB_MCP_INITIALIZE,      /* ask initialize */
    ORB_MCP_STREAM,          /* open the GET stream of HTTP+SSE, then INITIALIZE */
    ORB_MCP_READY,           /* legacy: after notifications/initialized */
    ORB_MCP_FAILED
};
/* Kept over restarts: what is known is not probed again. */
struct orb_mcp_era {
    enum orb_mcp_transport transport; /* found: HTTP may turn into SSE */
    enum orb_mcp_step step;
    int is_known, is_modern;
    char version[16];        /* "" until READY */
};
/* What a step came to. */
struct orb_mcp_outcome {
    const struct orb_mcp_message *message; /* RESULT or ERROR; NULL = none */
    int status;              /* HTTP; 0 = no HTTP */
    int is_timeout;
    const char *text;        /* else why there is no message */
};
void orb_mcp_era_init(struct orb_mcp_era *era, enum orb_mcp_transport transport);
/* The first step of a connection. */
enum orb_mcp_step orb_mcp_era_begin(struct orb_mcp_era *era);
/* The next one. FAILED: err says why, without the server's name. */
enum orb_mcp_step orb_mcp_era_next(struct orb_mcp_era *era, const struct orb_mcp_outcome *outcome, struct orb_error *err);

/* ---- lists of tools ---- */

struct orb_mcp_tool {
    char *name, *description;
    json_t *schema;          /* an object, of type object */
};
struct orb_mcp_tools {
    struct orb_mcp_tool *items;
    size_t count, cap, dropped; /* dropped: without a name, schema over its limit, wrong x-mcp-header */
    int pages;
    char *cursor;            /* of the next page; NULL = there is none */
    int64_t ttl_ms;          /* -1 = not told */
};
void orb_mcp_tools_done(struct orb_mcp_tools *tools);
/* Adds a page. ORB_E_PROTOCOL, ORB_E_TOO_LARGE. */
int orb_mcp_tools_add(struct orb_mcp_tools *tools, const json_t *result, struct orb_error *err) ORB_MUST_CHECK;
const struct orb_mcp_tool *orb_mcp_tools_find(const struct orb_mcp_tools *tools, const char *name);

/* ---- results ---- */

/* What tools/call gave: content for the model as text; blocks (docs/WIRE.md) when there are images or the like, else NULL; new
 * references. is_error: the tool says that it failed, with that text. ORB_E_PROTOCOL. */
int orb_mcp_result_read(const json_t *result, struct orb_buf *text, json_t **blocks, int *is_error, struct orb_error *err) ORB_MUST_CHECK;

/* ---- headers of the modern HTTP transport ---- */

/* A value as a header may hold it: as it is, or =?base64?...?=. */
void orb_mcp_header_value(struct orb_buf *out, const char *value, size_t len);
/* The annotations of a schema are as the revision wants them; else the tool must not be used. */
int orb_mcp_header_check(const json_t *schema, struct orb_error *err) ORB_MUST_CHECK;
/* "Mcp-Param-X: value" lines for the arguments, each ended by a NUL. */
void orb_mcp_header_lines(const json_t *schema, const json_t *arguments, struct orb_buf *out);

#endif
