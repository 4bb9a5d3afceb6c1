/* The tools that a worker runs: what its tool files bind (docs/tools.md). */
#ifndef ORBITER_TOOL_H
#define ORBITER_TOOL_H

#include <orbiter/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kinds of tools in this library. Static; name NULL ends it. */
struct orb_tool_kind_info {
    const char *name;
    const char *help;    /* one line */
    const char *members; /* what a tool file of this kind may hold beside what all have, one a line: name, two blanks, help; "" = nothing */
};
ORB_API const struct orb_tool_kind_info *orb_tool_kind_list(void);

struct orb_toolbox;

/* dir: folder of tool files, NULL = none: then there are the built-in tools only. ORB_E_CONFIG names the file, the place in it, and
 * what is wrong. */
ORB_API int orb_toolbox_new(struct orb_loop *loop, const char *dir, struct orb_toolbox **out, struct orb_error *err) ORB_MUST_CHECK;
/* Calls and resolutions under way must have ended. */
ORB_API void orb_toolbox_free(struct orb_toolbox *toolbox);

/* What servers and programs of tools say beside their results, a line each, safe to show. NULL = nobody listens. */
typedef void (*orb_toolbox_log_cb)(void *arg, const char *line);
ORB_API void orb_toolbox_on_log(struct orb_toolbox *toolbox, orb_toolbox_log_cb cb, void *arg);

/* A tool. Borrowed from the toolbox. */
struct orb_tool_info {
    const char *name;        /* as a model calls it */
    const char *path;        /* as agents name it */
    const char *kind, *description;
    const char *parameters;  /* JSON Schema, as text */
    const char *file;        /* "" = built in */
    double timeout_seconds;
};
/* In the order of their names. */
ORB_API size_t orb_toolbox_count(const struct orb_toolbox *toolbox);
ORB_API void orb_toolbox_info(const struct orb_toolbox *toolbox, size_t i, struct orb_tool_info *out);

/* content: what the tool gave back, UTF-8, valid during the call; or error, what a model would be told. */
typedef void (*orb_toolbox_call_cb)(void *arg, const char *content, size_t len, const char *error, double duration_ms);
/* Calls a tool as agents name it. arguments: a JSON object as text. ORB_E_INVALID: no JSON. That there is no such tool is told
 * as the call's error. */
ORB_API int orb_toolbox_call(struct orb_toolbox *toolbox, const char *name, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg,
                             struct orb_error *err) ORB_MUST_CHECK;
/* Ends all calls with this arg; their callbacks come, with an error. */
ORB_API void orb_toolbox_call_cancel(struct orb_toolbox *toolbox, void *arg);

#ifdef __cplusplus
}
#endif
#endif
