/* MCP servers that this worker may use: read from tool files of kind mcp and from files with "mcpServers" (docs/mcp.md). */
#ifndef ORB_TOOL_MCP_CONFIG_H
#define ORB_TOOL_MCP_CONFIG_H

#include "base/json.h"

#define ORB_MCP_SERVER_NAME_MAX 64
#define ORB_MCP_TOOL_NAME_MAX 128        /* as a server calls it */
#define ORB_MCP_STRING_MAX 32768         /* of a config, after ${VAR} was replaced */
#define ORB_MCP_ITEMS_MAX 256            /* args, variables, headers, include, exclude: of each */
#define ORB_MCP_MODEL_NAME_MAX 64        /* what providers take */

enum orb_mcp_transport { ORB_MCP_STDIO, ORB_MCP_HTTP, ORB_MCP_SSE };
const char *orb_mcp_transport_name(enum orb_mcp_transport transport);

struct orb_mcp_config {
    char *name;
    enum orb_mcp_transport transport;
    char *command, *cwd, *url;       /* NULL = not given */
    char **args, **env, **headers;   /* "NAME=value" and "Name: value"; each ends with NULL */
    json_t *include, *exclude;       /* arrays of strings, or NULL */
    int64_t timeout_ms;              /* of one call; 0 = not given */
};

/* ${VAR} in strings is the environment's, "" when it is not set. ORB_E_CONFIG, naming member and reason. */
int orb_mcp_config_read(const json_t *file, const char *name, struct orb_mcp_config **out, struct orb_error *err) ORB_MUST_CHECK;
void orb_mcp_config_free(struct orb_mcp_config *config);
/* May tasks use this tool of the server? By its own name; exclude wins. */
int orb_mcp_config_allows(const struct orb_mcp_config *config, const char *tool);

/* mcp__{server}__{tool}; characters outside of [A-Za-z0-9] become _. */
#define ORB_MCP_JOINED_MAX (ORB_MCP_SERVER_NAME_MAX + ORB_MCP_TOOL_NAME_MAX + 8)
void orb_mcp_join(const char *server, const char *tool, char out[ORB_MCP_JOINED_MAX]);

#endif
