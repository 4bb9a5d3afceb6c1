/* Tools: what an agent may call and how this worker runs it.
 *
 * A worker's toolbox is made from tool files (docs/tools.md), one JSON file a
 * tool or a group of tools. An agent's config names tools by a dotted path (as
 * Python clients write them), by an MCP object, or inline; the toolbox says
 * which of its tools that is. What no file binds is not run. */
#ifndef ORB_TOOL_TOOL_H
#define ORB_TOOL_TOOL_H

#include "base/buf.h"
#include "base/json.h"
#include "loop/loop.h"
#include <orbiter/tool.h>

#define ORB_TOOL_TIMEOUT_MS 60000              /* of one call, unless its file says otherwise */
#define ORB_TOOL_RESULT_MAX (256 * 1024)       /* bytes of one result; what is longer is cut, and the result says so */
#define ORB_TOOL_ARTIFACT_BYTES 10240          /* a result that is longer is kept as an artifact (ORBITER_LARGE_OUTPUT_THRESHOLD) */
#define ORB_TOOL_NAME_MAX 64                   /* [A-Za-z0-9_-]: what all providers take */
#define ORB_TOOL_PATH_MAX 256
#define ORB_TOOL_DESCRIPTION_MAX 8192
#define ORB_TOOL_ARGUMENTS_MAX (1024 * 1024)   /* bytes of the arguments of one call */
#define ORB_TOOL_ERROR_MAX 4096                /* bytes of an error */
#define ORB_TOOL_PROGRESS_MS 1000              /* news of a call's progress that come faster are left out */
#define ORB_TOOL_ITEMS_MAX 256                 /* of one agent */
#define ORB_TOOL_RETRIEVE "retrieve_artifact"  /* the run's own tool: no file may take the name */

struct orb_tool_kind;

/* One tool. Counted; shared by all tasks of the worker. */
struct orb_tool {
    const struct orb_tool_kind *kind;
    struct orb_toolbox *toolbox;
    int refs;
    struct orb_tool *base;   /* this is another's with a description of its own (an inline item): data is the other's */
    char *name;              /* as the model calls it */
    char *description;
    json_t *parameters;      /* JSON Schema, an object; checked when the tool was made (schema.h) */
    int64_t timeout_ms;
    size_t result_max;
    int is_large;            /* its results are artifacts, whatever their size */
    void *data;              /* the kind's */
};
struct orb_tool *orb_tool_ref(struct orb_tool *tool);
void orb_tool_unref(struct orb_tool *tool);

/* How a call ended. Exactly one of content and error is set. Borrowed for the callback. */
struct orb_tool_result {
    const char *content;     /* text or JSON text, UTF-8, at most result_max bytes */
    size_t len;
    const json_t *blocks;    /* content blocks (docs/WIRE.md: text, image_data …) when it has more than text, or NULL;
                                content has their text then */
    const char *error;       /* what the model is told; NULL = success */
    double duration_ms;
};
typedef void (*orb_tool_cb)(void *arg, const struct orb_tool_result *result);
/* What a tool says about a call under way, UTF-8; at most once in ORB_TOOL_PROGRESS_MS. */
typedef void (*orb_tool_progress_cb)(void *arg, const char *text);

/* One call under way; a kind keeps what it needs in state. */
struct orb_tool_call {
    struct orb_loop *loop;
    struct orb_tool *tool;
    json_t *arguments;       /* object; checked against the schema before start */
    int64_t started_us;
    struct orb_timer *timeout;
    int is_cancelled, is_over; /* cancelled by the caller; its time is over */
    int is_running;          /* the kind has started it; else failure says why not */
    char *failure;
    void *state;
    void *context;           /* the executor's work that it is part of (exec/work.h); NULL: by hand */
    int64_t told_us;         /* when its progress was told last; 0 = never */
    orb_tool_progress_cb progress; /* may be NULL */
    orb_tool_cb cb;
    void *arg;
};

/* Checks the arguments against the schema and starts the kind. Follows the loop rule: wrong arguments, a tool that
 * cannot be started and one that fails all come as a result with error; only ORB_E_NOMEM (no memory, no descriptors)
 * means that there is no callback. */
int orb_tool_call_start(struct orb_loop *loop, struct orb_tool *tool, json_t *arguments, orb_tool_cb cb, void *arg,
                        struct orb_tool_call **out, struct orb_error *err) ORB_MUST_CHECK;
/* Both before the loop turns again. progress: with the arg of the call. */
void orb_tool_call_on_progress(struct orb_tool_call *call, orb_tool_progress_cb cb);
void orb_tool_call_set_context(struct orb_tool_call *call, void *context);
/* Ends it now: child processes (their whole group) are killed, connections closed. The callback comes later, with an error. */
void orb_tool_call_cancel(struct orb_tool_call *call);

/* Tools, borrowed for the call: take references; or an error. */
typedef void (*orb_toolbox_cb)(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err);

/* ---- for kinds ---------------------------------------------------------- */

/* One row of kind.c. All of them are listed with their help by `orbiter tool kinds`. */
struct orb_tool_kind {
    const char *name;
    const char *help;        /* one line */
    const char *members;     /* the members of a tool file that are this kind's own, one a line: "argv  array of strings: …" */
    /* Reads those members and makes the tools: most kinds one (orb_toolbox_add). ORB_E_CONFIG, naming member and reason. */
    int (*load)(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err);
    /* An item of an agent's config that is this kind's: an MCP object, a dotted path into a module. 1 = it is, and the
     * callback will come from the loop, with the tools that it stands for; 0 = not mine; negative with err. NULL for most kinds. */
    int (*resolve)(struct orb_toolbox *toolbox, const json_t *item, orb_toolbox_cb cb, void *arg, struct orb_error *err);
    /* Any code but ORB_E_NOMEM becomes the call's error. */
    int (*start)(struct orb_tool_call *call, struct orb_error *err);
    void (*cancel)(struct orb_tool_call *call);  /* orb_tool_call_end follows, from the loop */
    void (*done)(struct orb_tool *tool);         /* frees data */
    void (*close)(struct orb_toolbox *toolbox);  /* what the kind keeps beside the tools (host processes, connections); may be NULL */
};
/* A kind ends a call with one of these, exactly once, from the loop. content is cut to result_max (no more than 4 bytes after that are
 * read, so a kind need not keep them: len is how much there was); what is not UTF-8, and NUL, becomes U+FFFD. */
void orb_tool_call_end(struct orb_tool_call *call, const char *content, size_t len, const json_t *blocks);
void orb_tool_call_fail(struct orb_tool_call *call, const char *fmt, ...) ORB_PRINTF(2, 3);
/* Before that, as often as it likes. */
void orb_tool_call_progress(struct orb_tool_call *call, const char *text);

/* ---- the toolbox -------------------------------------------------------- */

/* See orbiter/tool.h for orb_toolbox_new, _free and _count. */
struct orb_loop *orb_toolbox_loop(const struct orb_toolbox *toolbox);
const char *orb_toolbox_dir(const struct orb_toolbox *toolbox); /* absolute; NULL = there is none */
/* A line for orb_toolbox_on_log; safe to show. */
void orb_toolbox_log(const struct orb_toolbox *toolbox, const char *fmt, ...) ORB_PRINTF(2, 3);
/* What a kind keeps for the toolbox; NULL at first. */
void **orb_toolbox_slot(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind);
/* Reads name, description, parameters and limits of a file and adds a tool of that kind; file's "path" or its name is what
 * agents name it by. The kind sets data. */
int orb_toolbox_add(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const json_t *file, struct orb_tool **out,
                    struct orb_error *err) ORB_MUST_CHECK;
/* The same for a tool that is not listed; the caller's reference. Its name and path may be those of others. */
int orb_toolbox_make(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const json_t *file, struct orb_tool **out,
                     struct orb_error *err) ORB_MUST_CHECK;
/* A tool that is not listed (an MCP object's), unchecked; the caller's reference. parameters NULL = any object. */
struct orb_tool *orb_tool_new(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const char *name, const char *description,
                              json_t *parameters);
/* All that are listed, in the order of their names. */
struct orb_tool *orb_toolbox_at(const struct orb_toolbox *toolbox, size_t i);  /* borrowed */
struct orb_tool *orb_toolbox_find(const struct orb_toolbox *toolbox, const char *name); /* by path or name; borrowed, or NULL */

/* The tools that an array of config items stands for: a dotted path or a name, an MCP object, an inline object ("name" or "path" of a tool
 * that is there, and a "description" in place of its own). Names that occur twice are the caller's affair. The callback
 * gets as many tools (borrowed for the call: take references) or an error: ORB_E_TOOL, naming the item and the tool file that
 * would bind it. items NULL or empty: no tools. Cancel with orb_toolbox_forget(arg). */
void orb_toolbox_resolve(struct orb_toolbox *toolbox, const json_t *items, orb_toolbox_cb cb, void *arg);
void orb_toolbox_forget(struct orb_toolbox *toolbox, void *arg);

/* The kinds there are; ended by NULL. */
extern const struct orb_tool_kind *const orb_tool_kinds[];
extern const struct orb_tool_kind orb_tool_kind_builtin, orb_tool_kind_exec, orb_tool_kind_http, orb_tool_kind_mcp,
    orb_tool_kind_python;
extern const struct orb_tool_kind orb_tool_kind_delegate; /* in lib/exec: it runs agents */
/* builtin.c: adds the tools that need no file. */
int orb_tool_builtin_add(struct orb_toolbox *toolbox, struct orb_error *err) ORB_MUST_CHECK;

#endif
