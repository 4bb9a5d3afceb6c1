/* From the items of an agent's config to tools. */
#include "base/base.h"
#include "tool/toolbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One item that a kind is asked for. */
struct want {
    struct orb_resolution *resolution;
    struct orb_tool **tools; /* what it stands for */
    size_t count;
};

struct orb_resolution {
    struct orb_resolution *next;
    struct orb_toolbox *toolbox;
    struct orb_tool **tools;
    struct want *wants;
    size_t count, waiting;
    struct orb_error err;    /* the first */
    orb_toolbox_cb cb;       /* NULL = forgotten */
    void *arg;
};

static void resolution_free(struct orb_resolution *r)
{
    struct orb_resolution **p = &r->toolbox->resolutions;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    for (size_t i = 0; i < r->count; i++) {
        orb_tool_unref(r->tools[i]);
        for (size_t k = 0; k < r->wants[i].count; k++)
            orb_tool_unref(r->wants[i].tools[k]);
        free(r->wants[i].tools);
    }
    free(r->tools);
    free(r->wants);
    free(r);
}

/* In the order of the items; some stand for several tools. */
static void give(const struct orb_resolution *r)
{
    size_t count = 0, n = 0;
    struct orb_error err = { 0 };
    for (size_t i = 0; i < r->count; i++)
        count += r->tools[i] ? 1 : r->wants[i].count;
    if (count > ORB_TOOL_ITEMS_MAX) {
        orb_error_set(&err, ORB_E_TOOL, "the agent has %zu tools, at most %d are allowed", count, ORB_TOOL_ITEMS_MAX);
        r->cb(r->arg, NULL, 0, &err);
        return;
    }
    struct orb_tool **tools = orb_alloc((count + 1) * sizeof *tools);
    for (size_t i = 0; i < r->count; i++) {
        if (r->tools[i])
            tools[n++] = r->tools[i];
        for (size_t k = 0; k < r->wants[i].count; k++)
            tools[n++] = r->wants[i].tools[k];
    }
    r->cb(r->arg, tools, count, NULL);
    free(tools);
}

static void finish(void *arg)
{
    struct orb_resolution *r = arg;
    if (r->cb && r->err.code)
        r->cb(r->arg, NULL, 0, &r->err);
    else if (r->cb)
        give(r);
    resolution_free(r);
}

static void on_resolved(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct want *want = arg;
    struct orb_resolution *r = want->resolution;
    if (err && !r->err.code)
        orb_error_set(&r->err, ORB_E_TOOL, "%s", orb_error_message(err));
    want->tools = orb_alloc((count + 1) * sizeof *want->tools);
    for (size_t i = 0; i < count; i++)
        want->tools[want->count++] = orb_tool_ref(tools[i]);
    if (--r->waiting == 0)
        finish(r);
}

/* ---- one item ---- */

static int not_bound(const struct orb_toolbox *toolbox, const char *name, struct orb_error *err)
{
    if (toolbox->dir)
        return orb_error_set(err, ORB_E_TOOL, "tool '%.128s': no tool file of this worker binds it; put a file with \"path\": \"%.128s\" into %.100s and start the worker again",
                             name, name, toolbox->dir);
    return orb_error_set(err, ORB_E_TOOL, "tool '%.128s': this worker has no tool files; start it with --tools DIR, with a file there that has \"path\": \"%.128s\"",
                         name, name);
}

/* 1 = a kind will tell, 0 = no kind knows it. */
static int ask_kinds(struct orb_resolution *r, size_t index, const json_t *item, struct orb_error *err)
{
    for (size_t i = 0; orb_tool_kinds[i]; i++) {
        if (!orb_tool_kinds[i]->resolve)
            continue;
        r->wants[index] = (struct want){ .resolution = r };
        int rc = orb_tool_kinds[i]->resolve(r->toolbox, item, on_resolved, &r->wants[index], err);
        if (rc > 0)
            r->waiting++;
        if (rc)
            return rc;
    }
    return 0;
}

static int resolve_text(struct orb_resolution *r, size_t index, const json_t *item, struct orb_error *err)
{
    const char *name = json_string_value(item);
    struct orb_tool *tool = orb_toolbox_find(r->toolbox, name);
    if (tool) {
        r->tools[index] = orb_tool_ref(tool);
        return 0;
    }
    int rc = ask_kinds(r, index, item, err);
    return rc < 0 ? rc : rc ? 0 : not_bound(r->toolbox, name, err);
}

static int check_inline(const json_t *item, const struct orb_tool *tool, const char *name, struct orb_error *err)
{
    static const char *const known[] = { "name", "path", "description", "parameters", "kind" };
    const json_t *parameters = json_object_get(item, "parameters");
    const char *kind = orb_json_get_str(item, "kind", tool->kind->name), *key;
    json_t *ignored;
    json_object_foreach((json_t *)(uintptr_t)item, key, ignored) {
        size_t i = 0;
        while (i < ORB_COUNT(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == ORB_COUNT(known))
            return orb_error_set(err, ORB_E_TOOL, "inline tool '%.60s': \"%.60s\" is decided by the worker's tool file, not by an agent; leave it out", name, key);
    }
    if (strcmp(kind, tool->kind->name) != 0)
        return orb_error_set(err, ORB_E_TOOL, "inline tool '%.60s': the worker's tool is of kind %s, not '%.60s'; leave \"kind\" out", name, tool->kind->name, kind);
    if (parameters && !json_equal(parameters, tool->parameters))
        return orb_error_set(err, ORB_E_TOOL, "inline tool '%.60s': its \"parameters\" are not those of the worker's tool; leave them out", name);
    return 0;
}

static int resolve_inline(struct orb_resolution *r, size_t index, const json_t *item, struct orb_error *err)
{
    const char *name = orb_json_get_str(item, "path", orb_json_get_str(item, "name", NULL));
    const char *description = orb_json_get_str(item, "description", NULL);
    if (!name)
        return orb_error_set(err, ORB_E_TOOL, "tool %zu of the agent: an inline tool needs the \"name\" or the \"path\" of a tool that the worker has", index);
    struct orb_tool *tool = orb_toolbox_find(r->toolbox, name);
    if (!tool)
        return not_bound(r->toolbox, name, err);
    int rc = check_inline(item, tool, name, err);
    if (rc)
        return rc;
    if (!description) {
        r->tools[index] = orb_tool_ref(tool);
        return 0;
    }
    if (strlen(description) > ORB_TOOL_DESCRIPTION_MAX)
        return orb_error_set(err, ORB_E_TOOL, "inline tool '%.60s': its description is over %d bytes", name, ORB_TOOL_DESCRIPTION_MAX);
    struct orb_tool *mine = orb_tool_new(r->toolbox, tool->kind, tool->name, description, tool->parameters);
    mine->base = orb_tool_ref(tool);
    mine->data = tool->data;
    mine->timeout_ms = tool->timeout_ms;
    mine->result_max = tool->result_max;
    mine->is_large = tool->is_large;
    r->tools[index] = mine;
    return 0;
}

static int resolve_item(struct orb_resolution *r, size_t index, const json_t *item, struct orb_error *err)
{
    if (json_is_string(item))
        return resolve_text(r, index, item, err);
    if (!json_is_object(item))
        return orb_error_set(err, ORB_E_TOOL, "tool %zu of the agent: must be a path, or an object", index);
    if (!json_is_true(json_object_get(item, "__mcp_tool__")) && !json_is_string(json_object_get(item, "mcp")))
        return resolve_inline(r, index, item, err);
    int rc = ask_kinds(r, index, item, err);
    if (rc)
        return rc < 0 ? rc : 0;
    return orb_error_set(err, ORB_E_TOOL, "tool %zu of the agent: this worker has no kind of tool that runs it", index);
}

/* ---- all items ---- */

void orb_toolbox_resolve(struct orb_toolbox *toolbox, const json_t *items, orb_toolbox_cb cb, void *arg)
{
    struct orb_resolution *r = orb_alloc(sizeof *r);
    const json_t *item;
    size_t i, count = json_array_size(items);
    *r = (struct orb_resolution){ .next = toolbox->resolutions, .toolbox = toolbox, .cb = cb, .arg = arg };
    toolbox->resolutions = r;
    if (items && !json_is_null(items) && !json_is_array(items))
        orb_error_set(&r->err, ORB_E_TOOL, "the tools of the agent must be an array");
    else if (count > ORB_TOOL_ITEMS_MAX)
        orb_error_set(&r->err, ORB_E_TOOL, "the agent has %zu tools, at most %d are allowed", count, ORB_TOOL_ITEMS_MAX);
    else
        r->count = count;
    r->tools = orb_alloc((r->count + 1) * sizeof *r->tools);
    r->wants = orb_alloc((r->count + 1) * sizeof *r->wants);
    for (i = 0; i < r->count && !r->err.code; i++) {
        item = json_array_get(items, i);
        struct orb_error why = { 0 };
        if (resolve_item(r, i, item, &why))
            orb_error_set(&r->err, ORB_E_TOOL, "%s", orb_error_message(&why));
    }
    if (!r->waiting)
        orb_loop_defer(toolbox->loop, finish, r);
}

void orb_toolbox_forget(struct orb_toolbox *toolbox, void *arg)
{
    for (struct orb_resolution *r = toolbox->resolutions; r; r = r->next)
        if (r->arg == arg)
            r->cb = NULL;
}

void orb_toolbox_drop_resolutions(struct orb_toolbox *toolbox)
{
    while (toolbox->resolutions) {
        orb_loop_forget(toolbox->loop, toolbox->resolutions);
        resolution_free(toolbox->resolutions);
    }
}
