/* One call of a tool, from the check of its arguments to its one result. */
#include "base/base.h"
#include "base/utf8.h"
#include "tool/schema.h"
#include "tool/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the sentence that tells of a cut. */
#define CUT_NOTE_MAX 128

static void call_free(struct orb_tool_call *call)
{
    orb_timer_free(call->timeout);
    json_decref(call->arguments);
    orb_tool_unref(call->tool);
    free(call->failure);
    free(call);
}

/* The one end. */
static void finish(struct orb_tool_call *call, struct orb_tool_result *result)
{
    result->duration_ms = (double)(orb_mono_us() - call->started_us) / 1000;
    orb_timer_stop(call->timeout);
    call->cb(call->arg, result);
    call_free(call);
}

static void fail_with(struct orb_tool_call *call, const char *text)
{
    struct orb_tool_result result = { .error = text };
    finish(call, &result);
}

/* 1 when the call was ended from outside, and has been told so. */
static int was_stopped(struct orb_tool_call *call)
{
    char text[160];
    if (call->is_cancelled)
        snprintf(text, sizeof text, "Tool '%s' was cancelled", call->tool->name);
    else if (call->is_over)
        snprintf(text, sizeof text, "Tool '%s' took more than %g s and was stopped", call->tool->name, (double)call->tool->timeout_ms / 1000);
    else
        return 0;
    fail_with(call, text);
    return 1;
}

/* UTF-8 without NUL; at most max bytes of it. Returns how much of s that was. */
static size_t clean(struct orb_buf *b, const char *s, size_t len, size_t max)
{
    static const char mark[] = "\xef\xbf\xbd";
    size_t at = 0;
    while (at < len) {
        uint32_t cp = 0;
        size_t used = orb_utf8_decode(s + at, len - at, &cp);
        size_t n = used && cp ? used : sizeof mark - 1;
        if (b->len + n > max)
            break;
        orb_buf_add(b, used && cp ? s + at : mark, n);
        at += used ? used : 1;
    }
    return at;
}

/* The blocks of a result with this text in place of all of theirs. New reference. */
static json_t *replace_text(const char *text, size_t len, const json_t *blocks)
{
    json_t *out = json_array(), *block;
    size_t i;
    json_array_append_new(out, json_pack("{ss so}", "type", "text", "text", json_stringn_nocheck(len ? text : "", len)));
    json_array_foreach(blocks, i, block)
        if (strcmp(orb_json_get_str(block, "type", ""), "text") != 0)
            json_array_append(out, block);
    return out;
}

void orb_tool_call_end(struct orb_tool_call *call, const char *content, size_t len, const json_t *blocks)
{
    struct orb_buf b;
    if (was_stopped(call))
        return;
    orb_buf_init(&b, call->tool->result_max + CUT_NOTE_MAX);
    size_t used = clean(&b, content, len, call->tool->result_max);
    if (used < len)
        orb_buf_printf(&b, "\n[The result is cut: these are the first %zu of %zu bytes.]", used, len);
    json_t *cut = used < len && blocks ? replace_text(b.data, b.len, blocks) : NULL;
    struct orb_tool_result result = { .content = b.data ? b.data : "", .len = b.len, .blocks = cut ? cut : blocks };
    if (b.err)
        fail_with(call, "There is no memory for the result");
    else
        finish(call, &result);
    json_decref(cut);
    orb_buf_done(&b);
}

void orb_tool_call_fail(struct orb_tool_call *call, const char *fmt, ...)
{
    char raw[ORB_TOOL_ERROR_MAX];
    struct orb_buf b;
    va_list ap;
    if (was_stopped(call))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    orb_buf_init(&b, ORB_TOOL_ERROR_MAX);
    clean(&b, raw, n < 0 ? 0 : strlen(raw), ORB_TOOL_ERROR_MAX - 1);
    fail_with(call, b.data && !b.err ? b.data : "There is no memory for the error");
    orb_buf_done(&b);
}

/* ---- progress ---- */

void orb_tool_call_on_progress(struct orb_tool_call *call, orb_tool_progress_cb cb)
{
    call->progress = cb;
}

void orb_tool_call_set_context(struct orb_tool_call *call, void *context)
{
    call->context = context;
}

void orb_tool_call_progress(struct orb_tool_call *call, const char *text)
{
    int64_t now = orb_mono_us();
    if (!call->progress || call->is_cancelled || call->is_over || (call->told_us && now - call->told_us < ORB_TOOL_PROGRESS_MS * INT64_C(1000)))
        return;
    call->told_us = now;
    call->progress(call->arg, text);
}

/* ---- starting ---- */

static void failed_to_start(void *arg)
{
    struct orb_tool_call *call = arg;
    orb_tool_call_fail(call, "%s", call->failure);
}

static int ORB_PRINTF(2, 3) fail_later(struct orb_tool_call *call, const char *fmt, ...)
{
    char text[ORB_TOOL_ERROR_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    call->failure = orb_strdup(text);
    orb_loop_defer(call->loop, failed_to_start, call);
    return 0;
}

static void stop(struct orb_tool_call *call)
{
    if (call->is_running)
        call->tool->kind->cancel(call);
}

static void time_is_over(void *arg)
{
    struct orb_tool_call *call = arg;
    if (call->is_cancelled || call->is_over)
        return;
    call->is_over = 1;
    stop(call);
}

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    const struct orb_tool *tool = call->tool;
    struct orb_error why = { 0 };
    if (!json_is_object(call->arguments))
        return fail_later(call, "Tool '%s' arguments must be a JSON object", tool->name);
    if (orb_schema_validate(tool->parameters, call->arguments, &why))
        return fail_later(call, "Wrong arguments for tool '%s': %s", tool->name, why.text);
    call->is_running = 1;
    int rc = tool->kind->start(call, &why);
    if (!rc) {
        orb_timer_start(call->timeout, tool->timeout_ms);
        return 0;
    }
    call->is_running = 0;
    if (rc == ORB_E_NOMEM)
        return orb_error_set(err, rc, "tool '%s': %s", tool->name, orb_error_message(&why));
    return fail_later(call, "Tool '%s' failed: %s", tool->name, orb_error_message(&why));
}

int orb_tool_call_start(struct orb_loop *loop, struct orb_tool *tool, json_t *arguments, orb_tool_cb cb, void *arg, struct orb_tool_call **out,
                        struct orb_error *err)
{
    struct orb_tool_call *call = orb_alloc(sizeof *call);
    *call = (struct orb_tool_call){ .loop = loop, .tool = orb_tool_ref(tool), .arguments = json_incref(arguments), .started_us = orb_mono_us(),
                                    .cb = cb, .arg = arg };
    call->timeout = orb_timer_new(loop, time_is_over, call);
    int rc = start(call, err);
    if (rc)
        call_free(call);
    else
        *out = call;
    return rc;
}

void orb_tool_call_cancel(struct orb_tool_call *call)
{
    if (call->is_cancelled)
        return;
    call->is_cancelled = 1;
    if (!call->is_over)
        stop(call);
}
