/* Kind mcp: tools of MCP servers that tool files name. One connection for each server, shared by all tasks. */
#include "tool/mcp.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* data of a tool */
struct binding {
    struct orb_mcp *mcp;
    char *name;              /* as the server calls it */
};

/* ---- servers ---- */

struct orb_mcp_servers *orb_mcp_servers_of(struct orb_toolbox *toolbox)
{
    void **slot = orb_toolbox_slot(toolbox, &orb_tool_kind_mcp);
    if (!*slot) {
        struct orb_mcp_servers *servers = *slot = orb_alloc(sizeof *servers);
        TAILQ_INIT(&servers->askings);
    }
    return *slot;
}

struct orb_mcp *orb_mcp_servers_find(const struct orb_mcp_servers *servers, const char *name)
{
    for (size_t i = 0; i < servers->count; i++)
        if (!strcmp(servers->list[i]->config->name, name))
            return servers->list[i];
    return NULL;
}

int orb_mcp_not_there(const struct orb_toolbox *toolbox, const char *server, struct orb_error *err)
{
    const char *dir = orb_toolbox_dir(toolbox);
    return orb_error_set(err, ORB_E_TOOL, "No server registered with name '%.64s': no tool file of this worker allows it; put a file with \"kind\": \"mcp\", \"server\": \"%.64s\" %s%.100s "
                         "and start the worker again", server, server, dir ? "into " : "into a folder, name it with --tools", dir ? dir : "");
}

static void on_log(void *arg, const char *server, const char *line)
{
    orb_toolbox_log(arg, "MCP server %s: %s", server, line);
}

static int add_server(struct orb_toolbox *toolbox, const json_t *file, const char *name, struct orb_error *err)
{
    struct orb_mcp_servers *servers = orb_mcp_servers_of(toolbox);
    struct orb_mcp_config *config;
    char mine[ORB_MCP_JOINED_MAX], other[ORB_MCP_JOINED_MAX];
    int rc = orb_mcp_config_read(file, name, &config, err);
    if (rc)
        return rc;
    orb_mcp_join(name, "", mine);
    for (size_t i = 0; i < servers->count; i++) {
        orb_mcp_join(servers->list[i]->config->name, "", other);
        if (!strcmp(mine, other)) {
            rc = orb_error_set(err, ORB_E_CONFIG, "Server '%s': models would know it by the same name as server '%s', which another file has; choose another name",
                               name, servers->list[i]->config->name);
            orb_mcp_config_free(config);
            return rc;
        }
    }
    struct orb_mcp **list = orb_alloc((servers->count + 1) * sizeof *list);
    if (servers->count)
        memcpy(list, servers->list, servers->count * sizeof *list);
    free(servers->list);
    servers->list = list;
    struct orb_mcp *mcp = list[servers->count++] = orb_mcp_new(orb_toolbox_loop(toolbox), config);
    mcp->log = on_log;
    mcp->log_arg = toolbox;
    return 0;
}

/* Members that all other tool files have mean nothing here. */
static int mcp_load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    static const char *const others[] = { "name", "path", "description", "parameters", "timeout_seconds", "result_max", "large" };
    const json_t *servers = json_object_get(file, "mcpServers"), *item;
    const char *name = orb_json_get_str(file, "server", NULL), *key;
    int rc = 0;
    if (servers && !json_is_object(servers))
        return orb_error_set(err, ORB_E_CONFIG, "Expected 'mcpServers' to be a dict");
    json_object_foreach((json_t *)(uintptr_t)servers, key, item)
        if ((rc = json_is_object(item) ? add_server(toolbox, item, key, err)
                                       : orb_error_set(err, ORB_E_CONFIG, "/mcpServers: '%.64s' must be an object", key)))
            return rc;
    if (servers)
        return 0;
    for (size_t i = 0; i < ORB_COUNT(others); i++)
        if (json_object_get(file, others[i]))
            return orb_error_set(err, ORB_E_CONFIG, "/%s: is not for a file of kind mcp, which names a server; its limit is \"timeout\"", others[i]);
    if (!name)
        return orb_error_set(err, ORB_E_CONFIG, "/server: must be there, a string: the name of the server");
    return add_server(toolbox, file, name, err);
}

/* ---- tools ---- */

static int is_model_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= ORB_TOOL_NAME_MAX && !name[n];
}

static struct orb_tool *make_tool(struct orb_toolbox *toolbox, struct orb_mcp *mcp, const char *name, const char *original, const char *description,
                                  json_t *schema)
{
    struct orb_tool *tool = orb_tool_new(toolbox, &orb_tool_kind_mcp, name, description, schema);
    struct binding *binding = orb_alloc(sizeof *binding);
    *binding = (struct binding){ mcp, orb_strdup(original) };
    tool->data = binding;
    if (mcp->config->timeout_ms)
        tool->timeout_ms = mcp->config->timeout_ms;
    return tool;
}

int orb_mcp_bind(struct orb_toolbox *toolbox, struct orb_mcp *mcp, const struct orb_mcp_tool *t, struct orb_tool **out, struct orb_error *err)
{
    char name[ORB_MCP_JOINED_MAX];
    orb_mcp_join(mcp->config->name, t->name, name);
    if (!is_model_name(name))
        return orb_error_set(err, ORB_E_TOOL, "MCP tool '%s' of server '%s': its name '%s' is over %d characters, which models do not take; leave it out with \"exclude\", or "
                             "give the server a shorter name", t->name, mcp->config->name, name, ORB_TOOL_NAME_MAX);
    *out = make_tool(toolbox, mcp, name, t->name, t->description, t->schema);
    return 0;
}

/* ---- items of agents ---- */

/* A question that ends in a later turn: for one tool, or for all of a server. */
struct orb_mcp_asking {
    TAILQ_ENTRY(orb_mcp_asking) next;
    struct orb_toolbox *toolbox;
    struct orb_mcp *mcp;
    struct orb_tool *tool;   /* it is there already */
    char *name;              /* mcp__server__tool; NULL = all */
    orb_toolbox_cb cb;
    void *arg;
};

static struct orb_mcp_asking *asking_new(struct orb_toolbox *toolbox, struct orb_mcp *mcp, const char *name, orb_toolbox_cb cb, void *arg)
{
    struct orb_mcp_asking *a = orb_alloc(sizeof *a);
    *a = (struct orb_mcp_asking){ .toolbox = toolbox, .mcp = mcp, .name = name ? orb_strdup(name) : NULL, .cb = cb, .arg = arg };
    TAILQ_INSERT_TAIL(&orb_mcp_servers_of(toolbox)->askings, a, next);
    return a;
}

static void asking_free(struct orb_mcp_asking *a)
{
    TAILQ_REMOVE(&orb_mcp_servers_of(a->toolbox)->askings, a, next);
    orb_tool_unref(a->tool);
    free(a->name);
    free(a);
}

static void asking_end(struct orb_mcp_asking *a, struct orb_tool **tools, size_t count, const struct orb_error *err)
{
    orb_toolbox_cb cb = a->cb;
    void *arg = a->arg;
    asking_free(a);
    cb(arg, err ? NULL : tools, err ? 0 : count, err);
    for (size_t i = 0; i < count; i++)
        orb_tool_unref(tools[i]);
    free(tools);
}

static int check_twice(struct orb_tool **tools, size_t count, struct orb_error *err)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(tools[i]->name, tools[k]->name)) {
                const struct binding *a = tools[k]->data, *b = tools[i]->data;
                return orb_error_set(err, ORB_E_TOOL, "Duplicate tool name '%s': the tools '%s' and '%s' of MCP server '%s' both become it; leave one out with \"exclude\"",
                                     tools[i]->name, a->name, b->name, a->mcp->config->name);
            }
    return 0;
}

static void on_list(void *arg, const struct orb_mcp_tools *list, const struct orb_error *why)
{
    struct orb_mcp_asking *a = arg;
    struct orb_error err = { 0 };
    struct orb_tool **tools = orb_alloc(((list ? list->count : 0) + 1) * sizeof *tools);
    size_t count = 0;
    char name[ORB_MCP_JOINED_MAX];
    const char *server = a->mcp->config->name;
    for (size_t i = 0; list && i < list->count && !err.code; i++) {
        const struct orb_mcp_tool *t = &list->items[i];
        orb_mcp_join(server, t->name, name);
        if (!orb_mcp_config_allows(a->mcp->config, t->name) || (a->name && strcmp(a->name, name) != 0))
            continue;
        if (!orb_mcp_bind(a->toolbox, a->mcp, t, &tools[count], &err))
            count++;
    }
    if (why)
        orb_error_set(&err, ORB_E_TOOL, "MCP server '%s': %s", server, why->text);
    else if (!err.code && !count && a->name)
        orb_error_set(&err, ORB_E_TOOL, "tool '%s': MCP server '%s' has no such tool, or its tool file excludes it; see orbiter mcp tools %s", a->name, server, server);
    if (!err.code && check_twice(tools, count, &err))
        err.code = ORB_E_TOOL;
    asking_end(a, tools, count, err.code ? &err : NULL);
}

static int ask(struct orb_toolbox *toolbox, struct orb_mcp *mcp, const char *name, orb_toolbox_cb cb, void *arg)
{
    orb_mcp_list(mcp, on_list, asking_new(toolbox, mcp, name, cb, arg));
    return 1;
}

/* A server's name may have __ in it: the longest that fits. */
static struct orb_mcp *server_of(const struct orb_mcp_servers *servers, const char *name)
{
    char start[ORB_MCP_JOINED_MAX];
    struct orb_mcp *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < servers->count; i++) {
        orb_mcp_join(servers->list[i]->config->name, "", start);
        size_t len = strlen(start);
        if (len > best_len && !strncmp(name, start, len)) {
            best = servers->list[i];
            best_len = len;
        }
    }
    return best;
}

static int resolve_name(struct orb_toolbox *toolbox, const char *name, orb_toolbox_cb cb, void *arg, struct orb_error *err)
{
    char server[ORB_MCP_SERVER_NAME_MAX + 1];
    if (strncmp(name, "mcp__", 5) != 0 || strlen(name) >= ORB_MCP_JOINED_MAX)
        return 0;
    struct orb_mcp *mcp = server_of(orb_mcp_servers_of(toolbox), name);
    if (mcp)
        return ask(toolbox, mcp, name, cb, arg);
    const char *end = strstr(name + 5, "__");
    snprintf(server, sizeof server, "%.*s", (int)(end ? end - name - 5 : 64), name + 5);
    return orb_mcp_not_there(toolbox, server, err);
}

static void give(void *arg)
{
    struct orb_mcp_asking *a = arg;
    struct orb_tool **tools = orb_alloc(sizeof *tools);
    tools[0] = a->tool;
    a->tool = NULL;
    asking_end(a, tools, 1, NULL);
}

/* The object that Python clients write. The server is the worker's of that name: command, URL and environment of the
 * object's server_config are never looked at, because a task must not say what a worker runs. Its schema is used, so that no server
 * is asked before it is called. */
static int resolve_object(struct orb_toolbox *toolbox, const json_t *item, orb_toolbox_cb cb, void *arg, struct orb_error *err)
{
    const char *name = orb_json_get_str(item, "name", ""), *server = orb_json_get_str(item, "server_name", "");
    const char *original = orb_json_get_str(item, "original_name", name);
    json_t *schema = json_object_get(item, "parameters");
    struct orb_mcp *mcp = orb_mcp_servers_find(orb_mcp_servers_of(toolbox), server);
    char fallback[ORB_MCP_TOOL_NAME_MAX + 16];
    if (!mcp)
        return orb_mcp_not_there(toolbox, server, err);
    if (!is_model_name(name))
        return orb_error_set(err, ORB_E_TOOL, "MCP tool '%.80s': its name must be 1 to %d of the characters A-Z a-z 0-9 _ -", name, ORB_TOOL_NAME_MAX);
    if (!*original || strlen(original) > ORB_MCP_TOOL_NAME_MAX)
        return orb_error_set(err, ORB_E_TOOL, "MCP tool '%s': its original_name must be 1 to %d bytes", name, ORB_MCP_TOOL_NAME_MAX);
    if (!orb_mcp_config_allows(mcp->config, original))
        return orb_error_set(err, ORB_E_TOOL, "MCP tool '%s': the tool file of server '%s' on this worker does not include '%s'", name, server, original);
    if (schema && !json_is_object(schema))
        schema = NULL;
    if (schema && orb_mcp_header_check(schema, err))
        return ORB_E_TOOL;
    snprintf(fallback, sizeof fallback, "MCP tool: %s", original);
    struct orb_mcp_asking *a = asking_new(toolbox, mcp, NULL, cb, arg);
    a->tool = make_tool(toolbox, mcp, name, original, orb_json_get_str(item, "description", fallback), schema);
    a->tool->is_large = json_is_true(json_object_get(item, "large_output"));
    orb_loop_defer(orb_toolbox_loop(toolbox), give, a);
    return 1;
}

static int mcp_resolve(struct orb_toolbox *toolbox, const json_t *item, orb_toolbox_cb cb, void *arg, struct orb_error *err)
{
    const char *whole = orb_json_get_str(item, "mcp", NULL);
    if (json_is_string(item))
        return resolve_name(toolbox, json_string_value(item), cb, arg, err);
    if (json_is_true(json_object_get(item, "__mcp_tool__")))
        return resolve_object(toolbox, item, cb, arg, err);
    if (!whole)
        return 0;
    struct orb_mcp *mcp = orb_mcp_servers_find(orb_mcp_servers_of(toolbox), whole);
    return mcp ? ask(toolbox, mcp, NULL, cb, arg) : orb_mcp_not_there(toolbox, whole, err);
}

/* ---- calls ---- */

static void on_reply(void *arg, const json_t *result, const struct orb_error *why)
{
    struct orb_tool_call *call = arg;
    const struct binding *binding = call->tool->data;
    const char *server = binding->mcp->config->name;
    struct orb_error err = { 0 };
    struct orb_buf text;
    json_t *blocks = NULL;
    int is_error = 0;
    call->state = NULL;
    if (why) {
        orb_tool_call_fail(call, "MCP tool '%s' on server '%s' failed: %s", binding->name, server, why->text);
        return;
    }
    orb_buf_init(&text, 2 * ORB_MCP_MESSAGE_MAX);
    if (orb_mcp_result_read(result, &text, &blocks, &is_error, &err))
        orb_tool_call_fail(call, "MCP tool '%s' on server '%s' failed: %s", binding->name, server, err.text);
    else if (is_error)
        orb_tool_call_fail(call, "MCP tool '%s' returned error: %s", binding->name, text.data ? text.data : "");
    else
        orb_tool_call_end(call, text.data ? text.data : "", text.len, blocks);
    json_decref(blocks);
    orb_buf_done(&text);
}

static void on_progress(void *arg, const char *text)
{
    orb_tool_call_progress(arg, text);
}

static int mcp_start(struct orb_tool_call *call, struct orb_error *err)
{
    const struct binding *binding = call->tool->data;
    struct orb_mcp_request *request;
    int rc = orb_mcp_call(binding->mcp, binding->name, call->arguments, call->tool->parameters, on_reply, on_progress, call, &request, err);
    if (!rc)
        call->state = request;
    return rc;
}

static void mcp_cancel(struct orb_tool_call *call)
{
    if (call->state && call->is_over)
        orb_mcp_timed_out(call->state);
    else if (call->state)
        orb_mcp_cancel(call->state);
}

static void mcp_done(struct orb_tool *tool)
{
    struct binding *binding = tool->data;
    free(binding->name);
    free(binding);
}

static void mcp_close(struct orb_toolbox *toolbox)
{
    void **slot = orb_toolbox_slot(toolbox, &orb_tool_kind_mcp);
    struct orb_mcp_servers *servers = *slot;
    struct orb_mcp_asking *a;
    if (!servers)
        return;
    while ((a = TAILQ_FIRST(&servers->askings))) {
        orb_loop_forget(orb_toolbox_loop(toolbox), a);
        asking_free(a);
    }
    orb_mcp_end_all(servers->list, servers->count);
    for (size_t i = 0; i < servers->count; i++)
        orb_mcp_free(servers->list[i]);
    free(servers->list);
    free(servers);
    *slot = NULL;
}

const struct orb_tool_kind orb_tool_kind_mcp = {
    .name = "mcp",
    .help = "all tools of an MCP server, as mcp__SERVER__TOOL; a file with \"mcpServers\" and no kind works too (docs/mcp.md)",
    .members = "server  string: the server's name, which agents use\n"
               "transport  \"stdio\", \"streamable_http\" or \"sse\" (default: stdio, or streamable_http when there is only a url)\n"
               "command  string: for stdio, the program\n"
               "args  array of strings: its arguments\n"
               "env  object of strings: added to a small safe environment\n"
               "cwd  string: where it runs\n"
               "url  string: for the other transports\n"
               "headers  object of strings: sent with every request\n"
               "timeout  seconds that one call may take (default 60)\n"
               "include  array of strings: only these tools, by the server's names\n"
               "exclude  array of strings: none of these; wins",
    .load = mcp_load,
    .resolve = mcp_resolve,
    .start = mcp_start,
    .cancel = mcp_cancel,
    .done = mcp_done,
    .close = mcp_close,
};
