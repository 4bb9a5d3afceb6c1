/* Kind builtin: tools of this library that need no file. A new one is a function and a row. */
#include "base/base.h"
#include "tool/tool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- now ---- */

static int now(const json_t *arguments, char *out, size_t cap)
{
    (void)arguments;
    time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    return strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ, %A", &tm) > 0;
}

/* ---- all of them ---- */

static const struct builtin {
    const char *file; /* as a tool file has it */
    int (*run)(const json_t *arguments, char *out, size_t cap); /* 0 = it failed, out says why */
} builtins[] = {
    { "{\"name\": \"now\", \"description\": \"The date, the time (UTC) and the day of the week.\","
      " \"parameters\": {\"type\": \"object\", \"properties\": {}}}", now },
};

static void answer(void *arg)
{
    struct orb_tool_call *call = arg;
    const struct builtin *b = call->tool->data;
    char text[512] = "";
    if (b->run(call->arguments, text, sizeof text))
        orb_tool_call_end(call, text, strlen(text), NULL);
    else
        orb_tool_call_fail(call, "%s", text);
}

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    (void)err;
    orb_loop_defer(call->loop, answer, call);
    return 0;
}

static void cancel(struct orb_tool_call *call)
{
    (void)call; /* its answer is on the way */
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    (void)toolbox, (void)file;
    return orb_error_set(err, ORB_E_CONFIG, "/kind: the tools of kind builtin are there without a file; remove it");
}

int orb_tool_builtin_add(struct orb_toolbox *toolbox, struct orb_error *err)
{
    for (size_t i = 0; i < ORB_COUNT(builtins); i++) {
        struct orb_tool *tool;
        json_t *file = orb_json_parse(builtins[i].file, strlen(builtins[i].file), &orb_json_limits_default, err);
        int rc = file ? orb_toolbox_add(toolbox, &orb_tool_kind_builtin, file, &tool, err) : ORB_E_NOMEM;
        json_decref(file);
        if (rc)
            return rc;
        tool->data = (void *)(uintptr_t)&builtins[i];
    }
    return 0;
}

const struct orb_tool_kind orb_tool_kind_builtin = {
    .name = "builtin",
    .help = "tools that are there without a file",
    .load = load,
    .start = start,
    .cancel = cancel,
};
