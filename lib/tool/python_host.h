/* A Python process that describes functions and runs them, many at a time (python_host.py), for kind python. It is started when it
 * is needed, and again after its end. */
#ifndef ORB_TOOL_PYTHON_HOST_H
#define ORB_TOOL_PYTHON_HOST_H

#include "tool/program.h"

#define ORB_PYTHON_START_MS 30000      /* for its start, with the imports that it begins with; and for those of one description */
#define ORB_PYTHON_STOP_MS 50          /* a call that was stopped and goes on after this takes the host with it, */
#define ORB_PYTHON_STOPS_MS 1000       /* or after this, as long as others that were stopped end one after the other */
#define ORB_PYTHON_THREADS_MAX 32      /* functions that are no coroutines, side by side; others wait for their turn */
#define ORB_PYTHON_LINE_MAX (32 * 1024 * 1024)
#define ORB_PYTHON_BLOCKS_MAX (16 * 1024 * 1024)
#define ORB_PYTHON_PRELOAD_MAX 1000

/* What the interpreter is started with, after -I -u -c: the program itself comes by its stdin. */
#define ORB_PYTHON_STARTER \
    "import json, os; requests = os.fdopen(os.dup(0), 'rb'); exec(compile(json.loads(requests.readline()), 'orbiter-python-host', 'exec'))"

struct orb_python_host;
struct orb_python_request;

/* answer: see python_host.py; borrowed for the call. NULL: error says why there is none, as the end of a sentence. */
typedef void (*orb_python_cb)(void *arg, const json_t *answer, const char *error);

/* program is borrowed and must live as long. setup: modules, functions and folders, as of python_host.py. */
struct orb_python_host *orb_python_host_new(struct orb_loop *loop, const struct orb_program *program, const json_t *setup);
/* Kills it; callbacks of requests under way do not come. */
void orb_python_host_free(struct orb_python_host *host);

/* Both: the callback comes once, from the loop. A path that was described is imported at each later start. */
void orb_python_describe(struct orb_python_host *host, const char *path, orb_python_cb cb, void *arg);
/* ORB_E_TOO_LARGE: the arguments are over ORB_TOOL_ARGUMENTS_MAX. */
int orb_python_call(struct orb_python_host *host, const char *path, const json_t *arguments, size_t result_max, int is_async, orb_python_cb cb,
                    void *arg, struct orb_python_request **out, struct orb_error *err) ORB_MUST_CHECK;
/* Ends a call: a coroutine is cancelled, a function interrupted. When that has no effect, the host's process group is killed and
 * what else ran there fails. The callback comes when the call runs no more. */
void orb_python_stop(struct orb_python_request *request);

#endif
