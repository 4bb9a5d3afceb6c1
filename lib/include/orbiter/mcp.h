/* The MCP servers of a toolbox (docs/mcp.md), to look at them and to try them by hand. */
#ifndef ORBITER_MCP_H
#define ORBITER_MCP_H

#include <orbiter/tool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A server, or why it cannot be used. */
struct orb_mcp_server_info {
    const char *name, *transport; /* "stdio", "streamable_http", "sse"; of the last two the one that was found */
    const char *era;              /* "modern" (without sessions), "legacy"; "" when error is set */
    const char *version;          /* of the protocol */
    size_t tools;                 /* those that agents may use */
    size_t dropped;               /* those that cannot be used: no name, a schema over the limit */
    const char *error;            /* NULL = it answers */
};
typedef void (*orb_mcp_server_cb)(void *arg, const struct orb_mcp_server_info *server);
ORB_API size_t orb_mcp_server_count(struct orb_toolbox *toolbox);
/* Asks all of them at once; the callback comes for each, in any order. */
ORB_API void orb_mcp_server_list(struct orb_toolbox *toolbox, orb_mcp_server_cb cb, void *arg);

/* A tool of a server. */
struct orb_mcp_tool_info {
    const char *name;        /* as the server calls it */
    const char *model_name;  /* mcp__SERVER__TOOL */
    const char *description, *parameters; /* JSON Schema, as text */
};
/* Once; tools and texts are borrowed for the call. Without tools that the configuration leaves out. */
typedef void (*orb_mcp_tools_cb)(void *arg, const struct orb_mcp_tool_info *tools, size_t count, const struct orb_error *err);
/* ORB_E_NOT_FOUND: no such server. */
ORB_API int orb_mcp_tool_list(struct orb_toolbox *toolbox, const char *server, orb_mcp_tools_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* Calls a tool by the server's name for it, as a task would. arguments: a JSON object as text. */
ORB_API int orb_mcp_tool_call(struct orb_toolbox *toolbox, const char *server, const char *tool, const char *arguments, size_t len, orb_toolbox_call_cb cb,
                              void *arg, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
