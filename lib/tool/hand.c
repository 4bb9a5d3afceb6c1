/* The public face of a toolbox: what it holds, and calls by hand. */
#include "base/base.h"
#include "tool/toolbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orb_hand_call {
    struct orb_hand_call *next;
    struct orb_toolbox *toolbox;
    struct orb_tool_call *call;
    orb_toolbox_call_cb cb;
    void *arg;
};

void orb_toolbox_on_log(struct orb_toolbox *toolbox, orb_toolbox_log_cb cb, void *arg)
{
    toolbox->log = cb;
    toolbox->log_arg = arg;
}

void orb_toolbox_log(const struct orb_toolbox *toolbox, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    if (!toolbox->log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    toolbox->log(toolbox->log_arg, line);
}

void orb_toolbox_info(const struct orb_toolbox *toolbox, size_t i, struct orb_tool_info *out)
{
    const struct orb_tool_entry *e = &toolbox->entries[i];
    *out = (struct orb_tool_info){ .name = e->tool->name, .path = e->path, .kind = e->tool->kind->name, .description = e->tool->description,
                                   .parameters = e->schema, .file = e->file, .timeout_seconds = (double)e->tool->timeout_ms / 1000 };
}

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct orb_hand_call *h = arg, **p = &h->toolbox->calls;
    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    h->cb(h->arg, result->content, result->len, result->error, result->duration_ms);
    free(h);
}

int orb_toolbox_call(struct orb_toolbox *toolbox, const char *name, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg,
                     struct orb_error *err)
{
    struct orb_tool *tool = orb_toolbox_find(toolbox, name);
    struct orb_error why = { 0 };
    if (!tool)
        return orb_error_set(err, ORB_E_NOT_FOUND, "there is no tool '%.100s'; see orbiter tool list, and name the folder of tool files with --tools", name);
    json_t *value = orb_json_parse(arguments, len, &orb_json_limits_default, &why);
    if (!value)
        return orb_error_set(err, why.code, "the arguments: %s", why.text);
    struct orb_hand_call *h = orb_alloc(sizeof *h);
    *h = (struct orb_hand_call){ .next = toolbox->calls, .toolbox = toolbox, .cb = cb, .arg = arg };
    int rc = orb_tool_call_start(toolbox->loop, tool, value, on_result, h, &h->call, err);
    json_decref(value);
    if (rc)
        free(h);
    else
        toolbox->calls = h;
    return rc;
}

void orb_toolbox_call_cancel(struct orb_toolbox *toolbox, void *arg)
{
    for (struct orb_hand_call *h = toolbox->calls; h; h = h->next)
        if (h->arg == arg)
            orb_tool_call_cancel(h->call);
}
