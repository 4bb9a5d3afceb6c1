/* What mcp.c (the kind) and mcp_hand.c (by hand) share. */
#ifndef ORB_TOOL_MCP_H
#define ORB_TOOL_MCP_H

#include "tool/mcp_conn.h"
#include "tool/tool.h"
#include <orbiter/mcp.h>

/* The servers of a toolbox, in the order of its files. */
struct orb_mcp_servers {
    struct orb_mcp **list;
    size_t count;
    TAILQ_HEAD(, orb_mcp_asking) askings;  /* for tools that agents name */
};
struct orb_mcp_servers *orb_mcp_servers_of(struct orb_toolbox *toolbox); /* never NULL */
struct orb_mcp *orb_mcp_servers_find(const struct orb_mcp_servers *servers, const char *name);
/* ORB_E_TOOL: the server is not there, and which file would bind it. */
int orb_mcp_not_there(const struct orb_toolbox *toolbox, const char *server, struct orb_error *err);
/* A tool of the server's list; the caller's reference. ORB_E_TOOL: its name is too long for models. */
int orb_mcp_bind(struct orb_toolbox *toolbox, struct orb_mcp *mcp, const struct orb_mcp_tool *tool, struct orb_tool **out, struct orb_error *err);

#endif
