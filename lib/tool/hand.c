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
    struct orb_tool_call *call;    /* NULL: the tool is being looked for */
    json_t *arguments;
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

static void hand_end(struct orb_hand_call *h, const struct orb_tool_result *result)
{
    struct orb_hand_call **p = &h->toolbox->calls;
    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    h->cb(h->arg, result->content, result->len, result->error, result->duration_ms);
    json_decref(h->arguments);
    free(h);
}

static void on_result(void *arg, const struct orb_tool_result *result)
{
    hand_end(arg, result);
}

static void hand_fail(struct orb_hand_call *h, const char *error)
{
    hand_end(h, &(struct orb_tool_result){ .error = error });
}

static void on_tools(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct orb_hand_call *h = arg;
    struct orb_error why = { 0 };
    if (err || count != 1)
        hand_fail(h, err ? orb_error_message(err) : "no such tool");
    else if (orb_tool_call_start(h->toolbox->loop, tools[0], h->arguments, on_result, h, &h->call, &why))
        hand_fail(h, orb_error_message(&why));
}

static void stopped(void *arg)
{
    hand_fail(arg, "cancelled");
}

int orb_toolbox_call(struct orb_toolbox *toolbox, const char *name, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg,
                     struct orb_error *err)
{
    struct orb_error why = { 0 };
    json_t *value = orb_json_parse(arguments, len, &orb_json_limits_default, &why), *item = value ? json_pack("[s]", name) : NULL;
    if (!value)
        return orb_error_set(err, why.code, "the arguments: %s", why.text);
    if (!item) {
        json_decref(value);
        return orb_error_set(err, ORB_E_INVALID, "the tool's name is not UTF-8");
    }
    struct orb_hand_call *h = orb_alloc(sizeof *h);
    *h = (struct orb_hand_call){ .next = toolbox->calls, .toolbox = toolbox, .arguments = value, .cb = cb, .arg = arg };
    toolbox->calls = h;
    orb_toolbox_resolve(toolbox, item, on_tools, h);
    json_decref(item);
    return 0;
}

void orb_toolbox_call_cancel(struct orb_toolbox *toolbox, void *arg)
{
    for (struct orb_hand_call *h = toolbox->calls; h; h = h->next) {
        if (h->arg != arg)
            continue;
        if (h->call) {
            orb_tool_call_cancel(h->call);
            continue;
        }
        orb_toolbox_forget(toolbox, h);
        orb_loop_forget(toolbox->loop, h);
        orb_loop_defer(toolbox->loop, stopped, h);
    }
}
