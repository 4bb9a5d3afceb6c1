/* The public face of a toolbox: what it holds, and calls by hand. */
#include "base/base.h"
#include "tool/toolbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void hand_free(struct orb_hand_call *h)
{
    struct orb_hand_call **p = &h->toolbox->calls;
    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    orb_loop_forget(h->toolbox->loop, h);
    json_decref(h->arguments);
    free(h->name);
    free(h);
}

static void on_result(void *arg, const struct orb_tool_result *result)
{
    struct orb_hand_call *h = arg;
    h->cb(h->arg, result->content, result->len, result->error, result->duration_ms);
    hand_free(h);
}

void orb_hand_fail(struct orb_hand_call *h, const char *error)
{
    on_result(h, &(struct orb_tool_result){ .error = error });
}

static void on_progress(void *arg, const char *text)
{
    struct orb_hand_call *h = arg;
    char safe[1024];
    orb_safe_text(text, strlen(text), ORB_SAFE_LINE, safe, sizeof safe);
    orb_toolbox_log(h->toolbox, "%s: %s", h->call->tool->name, safe);
}

void orb_hand_start(struct orb_hand_call *h, struct orb_tool *tool)
{
    struct orb_error why = { 0 };
    if (orb_tool_call_start(h->toolbox->loop, tool, h->arguments, on_result, h, &h->call, &why))
        orb_hand_fail(h, orb_error_message(&why));
    else
        orb_tool_call_on_progress(h->call, on_progress);
}

int orb_hand_new(struct orb_toolbox *toolbox, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg, struct orb_hand_call **out,
                 struct orb_error *err)
{
    struct orb_error why = { 0 };
    json_t *value = orb_json_parse(arguments, len, &orb_json_limits_default, &why);
    if (!value)
        return orb_error_set(err, why.code, "the arguments: %s", why.text);
    struct orb_hand_call *h = orb_alloc(sizeof *h);
    *h = (struct orb_hand_call){ .next = toolbox->calls, .toolbox = toolbox, .arguments = value, .cb = cb, .arg = arg };
    *out = toolbox->calls = h;
    return 0;
}

void orb_hand_drop_all(struct orb_toolbox *toolbox)
{
    while (toolbox->calls)
        hand_free(toolbox->calls);
}

static void on_tools(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct orb_hand_call *h = arg;
    if (err || count != 1)
        orb_hand_fail(h, err ? orb_error_message(err) : "no such tool");
    else
        orb_hand_start(h, tools[0]);
}

static void forget_resolution(struct orb_hand_call *h)
{
    orb_toolbox_forget(h->toolbox, h);
}

int orb_toolbox_call(struct orb_toolbox *toolbox, const char *name, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg,
                     struct orb_error *err)
{
    struct orb_hand_call *h = NULL;
    json_t *item = json_pack("[s]", name);
    int rc = item ? orb_hand_new(toolbox, arguments, len, cb, arg, &h, err) : orb_error_set(err, ORB_E_INVALID, "the tool's name is not UTF-8");
    if (!rc) {
        h->unask = forget_resolution;
        orb_toolbox_resolve(toolbox, item, on_tools, h);
    }
    json_decref(item);
    return rc;
}

static void stopped(void *arg)
{
    orb_hand_fail(arg, "cancelled");
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
        h->unask(h);
        orb_loop_forget(toolbox->loop, h);
        orb_loop_defer(toolbox->loop, stopped, h);
    }
}
