/* MCP servers by hand: what orbiter mcp list, tools and call do. */
#include "base/base.h"
#include "tool/mcp.h"
#include "tool/toolbox.h"

#include <stdlib.h>
#include <string.h>

size_t orb_mcp_server_count(struct orb_toolbox *toolbox)
{
    return orb_mcp_servers_of(toolbox)->count;
}

static size_t count_allowed(const struct orb_mcp *mcp, const struct orb_mcp_tools *tools)
{
    size_t n = 0;
    for (size_t i = 0; i < tools->count; i++)
        n += orb_mcp_config_allows(mcp->config, tools->items[i].name) != 0;
    return n;
}

/* ---- servers ---- */

struct server_question {
    struct orb_mcp *mcp;
    orb_mcp_server_cb cb;
    void *arg;
};

static void on_server(void *arg, const struct orb_mcp_tools *tools, const struct orb_error *err)
{
    struct server_question *q = arg;
    const struct orb_mcp *m = q->mcp;
    struct orb_mcp_server_info info = { .name = m->config->name, .transport = orb_mcp_transport_name(m->era.transport), .era = "", .version = "" };
    if (err)
        info.error = err->text;
    else {
        info.era = m->era.is_modern ? "modern" : "legacy";
        info.version = m->era.version;
        info.tools = count_allowed(m, tools);
        info.dropped = tools->dropped;
    }
    q->cb(q->arg, &info);
    free(q);
}

void orb_mcp_server_list(struct orb_toolbox *toolbox, orb_mcp_server_cb cb, void *arg)
{
    const struct orb_mcp_servers *servers = orb_mcp_servers_of(toolbox);
    for (size_t i = 0; i < servers->count; i++) {
        struct server_question *q = orb_alloc(sizeof *q);
        *q = (struct server_question){ servers->list[i], cb, arg };
        orb_mcp_list(servers->list[i], on_server, q);
    }
}

static struct orb_mcp *find(struct orb_toolbox *toolbox, const char *server, struct orb_error *err)
{
    struct orb_mcp *mcp = orb_mcp_servers_find(orb_mcp_servers_of(toolbox), server);
    if (!mcp)
        orb_error_set(err, ORB_E_NOT_FOUND, "No server registered with name '%.64s'; see orbiter mcp list, and name the folder of tool files with --tools", server);
    return mcp;
}

/* ---- tools ---- */

struct tools_question {
    struct orb_mcp *mcp;
    orb_mcp_tools_cb cb;
    void *arg;
};

static char *schema_text(json_t *schema)
{
    struct orb_buf b;
    orb_buf_init(&b, 2 * ORB_MCP_SCHEMA_MAX);
    orb_json_dump(&b, schema);
    return b.err ? orb_strdup("{}") : orb_buf_take(&b);
}

static void on_tools(void *arg, const struct orb_mcp_tools *tools, const struct orb_error *err)
{
    struct tools_question *q = arg;
    size_t count = 0, cap = tools ? tools->count : 0;
    struct orb_mcp_tool_info *infos = orb_alloc((cap + 1) * sizeof *infos);
    char (*names)[ORB_MCP_JOINED_MAX] = orb_alloc((cap + 1) * sizeof *names);
    for (size_t i = 0; i < cap; i++) {
        const struct orb_mcp_tool *t = &tools->items[i];
        if (!orb_mcp_config_allows(q->mcp->config, t->name))
            continue;
        orb_mcp_join(q->mcp->config->name, t->name, names[count]);
        infos[count] = (struct orb_mcp_tool_info){ t->name, names[count], t->description, schema_text(t->schema) };
        count++;
    }
    q->cb(q->arg, infos, count, err);
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)infos[i].parameters);
    free(infos);
    free(names);
    free(q);
}

int orb_mcp_tool_list(struct orb_toolbox *toolbox, const char *server, orb_mcp_tools_cb cb, void *arg, struct orb_error *err)
{
    struct orb_mcp *mcp = find(toolbox, server, err);
    if (!mcp)
        return ORB_E_NOT_FOUND;
    struct tools_question *q = orb_alloc(sizeof *q);
    *q = (struct tools_question){ mcp, cb, arg };
    orb_mcp_list(mcp, on_tools, q);
    return 0;
}

/* ---- calls ---- */

static void call_listed(void *arg, const struct orb_mcp_tools *tools, const struct orb_error *why)
{
    struct orb_hand_call *h = arg;
    struct orb_mcp *mcp = h->asked;
    const char *server = mcp->config->name;
    const struct orb_mcp_tool *t = tools ? orb_mcp_tools_find(tools, h->name) : NULL;
    struct orb_error err = { 0 };
    struct orb_tool *tool = NULL;
    if (why)
        orb_error_set(&err, ORB_E_TOOL, "MCP server '%s': %s", server, why->text);
    else if (!t || !orb_mcp_config_allows(mcp->config, h->name))
        orb_error_set(&err, ORB_E_TOOL, "MCP server '%s' has no tool '%.80s', or its tool file excludes it; see orbiter mcp tools %s", server, h->name, server);
    else if (!orb_mcp_bind(h->toolbox, mcp, t, &tool, &err)) {
        orb_hand_start(h, tool);
        orb_tool_unref(tool);
        return;
    }
    orb_hand_fail(h, err.text);
}

static void forget_list(struct orb_hand_call *h)
{
    orb_mcp_list_forget(h->asked, h);
}

int orb_mcp_tool_call(struct orb_toolbox *toolbox, const char *server, const char *tool, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg,
                      struct orb_error *err)
{
    struct orb_mcp *mcp = find(toolbox, server, err);
    struct orb_hand_call *h = NULL;
    if (!mcp)
        return ORB_E_NOT_FOUND;
    int rc = orb_hand_new(toolbox, arguments, len, cb, arg, &h, err);
    if (rc)
        return rc;
    h->asked = mcp;
    h->name = orb_strdup(tool);
    h->unask = forget_list;
    orb_mcp_list(mcp, call_listed, h);
    return 0;
}
