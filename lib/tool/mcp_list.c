/* tools/list, page by page. */
#include "base/base.h"
#include "base/utf8.h"
#include "tool/mcp_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void orb_mcp_tools_done(struct orb_mcp_tools *tools)
{
    for (size_t i = 0; i < tools->count; i++) {
        free(tools->items[i].name);
        free(tools->items[i].description);
        json_decref(tools->items[i].schema);
    }
    free(tools->items);
    free(tools->cursor);
    *tools = (struct orb_mcp_tools){ .ttl_ms = -1 };
}

const struct orb_mcp_tool *orb_mcp_tools_find(const struct orb_mcp_tools *tools, const char *name)
{
    for (size_t i = 0; i < tools->count; i++)
        if (!strcmp(tools->items[i].name, name))
            return &tools->items[i];
    return NULL;
}

/* The server's schema as it is; NULL when it is too large, or says that it is not one of an object. New reference. */
static json_t *schema_of(const json_t *tool)
{
    json_t *schema = json_object_get(tool, "inputSchema");
    struct orb_buf b;
    if (!json_is_object(schema))
        return json_pack("{ss s{}}", "type", "object", "properties");
    const char *type = orb_json_get_str(schema, "type", NULL);
    if (type && strcmp(type, "object") != 0)
        return NULL;
    orb_buf_init(&b, ORB_MCP_SCHEMA_MAX);
    orb_json_dump(&b, schema);
    int is_small = !b.err;
    orb_buf_done(&b);
    if (!is_small)
        return NULL;
    if (type)
        return json_incref(schema);
    json_t *copy = json_copy(schema); /* all providers want the type */
    if (copy)
        json_object_set_new(copy, "type", json_string("object"));
    return copy;
}

static char *description_of(const json_t *tool, const char *name)
{
    const json_t *value = json_object_get(tool, "description");
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    size_t len = strlen(text);
    char instead[ORB_MCP_TOOL_NAME_MAX + 16];
    if (len)
        return orb_memdup(text, orb_utf8_truncate(text, len, ORB_MCP_DESCRIPTION_MAX));
    snprintf(instead, sizeof instead, "MCP tool: %s", name);
    return orb_strdup(instead);
}

static void add_tool(struct orb_mcp_tools *tools, const json_t *tool)
{
    const json_t *name_value = json_object_get(tool, "name");
    const char *name = json_is_string(name_value) ? json_string_value(name_value) : "";
    size_t len = strlen(name);
    json_t *schema = len && len <= ORB_MCP_TOOL_NAME_MAX && len == json_string_length(name_value) ? schema_of(tool) : NULL;
    if (!schema || orb_mcp_header_check(schema, NULL) || orb_mcp_tools_find(tools, name)) {
        json_decref(schema);
        tools->dropped++;
        return;
    }
    if (tools->count == tools->cap) {
        size_t cap = tools->cap ? 2 * tools->cap : 16;
        struct orb_mcp_tool *items = orb_alloc(cap * sizeof *items);
        if (tools->count)
            memcpy(items, tools->items, tools->count * sizeof *items);
        free(tools->items);
        tools->items = items;
        tools->cap = cap;
    }
    tools->items[tools->count++] = (struct orb_mcp_tool){ orb_strdup(name), description_of(tool, name), schema };
}

static int next_page(struct orb_mcp_tools *tools, const json_t *result, struct orb_error *err)
{
    const json_t *value = json_object_get(result, "nextCursor");
    const char *cursor = json_is_string(value) ? json_string_value(value) : NULL;
    if (cursor && json_string_length(value) > ORB_MCP_CURSOR_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "the cursor of its list of tools is over %d bytes", ORB_MCP_CURSOR_MAX);
    if (cursor && strlen(cursor) != json_string_length(value))
        return orb_error_set(err, ORB_E_PROTOCOL, "the cursor of its list of tools holds a NUL character");
    if (cursor && tools->cursor && !strcmp(cursor, tools->cursor))
        return orb_error_set(err, ORB_E_PROTOCOL, "its list of tools goes round in a circle");
    if (cursor && tools->pages >= ORB_MCP_PAGES_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "its list of tools has over %d pages", ORB_MCP_PAGES_MAX);
    char *next = cursor ? orb_strdup(cursor) : NULL;
    free(tools->cursor);
    tools->cursor = next;
    return 0;
}

int orb_mcp_tools_add(struct orb_mcp_tools *tools, const json_t *result, struct orb_error *err)
{
    const json_t *list = json_object_get(result, "tools"), *tool;
    size_t i;
    if (!json_is_array(list))
        return orb_error_set(err, ORB_E_PROTOCOL, "its list of tools is none: the result has no array \"tools\"");
    if (tools->count + tools->dropped + json_array_size(list) > ORB_MCP_TOOLS_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "it has over %d tools", ORB_MCP_TOOLS_MAX);
    tools->pages++;
    tools->ttl_ms = orb_json_get_int(result, "ttlMs", -1);
    json_array_foreach(list, i, tool)
        add_tool(tools, tool);
    return next_page(tools, result, err);
}
