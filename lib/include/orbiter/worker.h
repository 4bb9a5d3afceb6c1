/* The Worker: claims tasks from a queue and runs them, many at a time, in the
 * loop of the program that embeds it. */
#ifndef ORBITER_WORKER_H
#define ORBITER_WORKER_H

#include <orbiter/client.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ORB_CONCURRENCY_MAX 10000

struct orb_worker_options {
    struct orb_redis_options redis;
    const char *queue;        /* NULL = ORB_QUEUE_DEFAULT */
    const char *worker_id;    /* NULL = {hostname}-{pid}-{8 hex digits} */
    int concurrency;          /* tasks at once, 1..ORB_CONCURRENCY_MAX */
    int drain_timeout_s;      /* a drain hands back what still runs after this; 0 = the default, 60; -1 = at once */
    int result_ttl_s;         /* a finished task is kept for this; 0 = the default, a day */
    int event_ttl_s;          /* its events; 0 = the default, an hour */
    /* A task whose workers died twice runs in a process of its own: this program, orbiter-worker. NULL = the one in PATH. */
    const char *program;
    /* For that program: run only the entry of this place, which is pending on the worker `holder`. NULL = all. */
    const char *alone, *holder;
    const char *tools_dir;    /* folder of tool files (docs/tools.md), NULL = only the built-in tools. A wrong file is ORB_E_CONFIG */
    const char *prices;       /* file of what models cost, in place of the built-in table; NULL or "" = that one */
};

struct orb_worker;

/* What the worker has to say; line is one line of safe text. level: 0 error,
 * 1 warning, 2 info, 3 debug. */
typedef void (*orb_log_cb)(void *arg, int level, const char *line);

/* After every attempt of a task; strings valid during the call. status:
 * completed, failed, cancelled, retrying, or pending when it was handed back. */
typedef void (*orb_task_done_cb)(void *arg, const char *task_id, enum orb_status status,
                                 const char *output, const char *error);

ORB_API int orb_worker_new(struct orb_loop *loop, const struct orb_worker_options *options,
                           struct orb_worker **out, struct orb_error *err) ORB_MUST_CHECK;
ORB_API const char *orb_worker_id(const struct orb_worker *worker);
ORB_API void orb_worker_on_log(struct orb_worker *worker, orb_log_cb cb, void *arg);
ORB_API void orb_worker_on_task_done(struct orb_worker *worker, orb_task_done_cb cb, void *arg);

/* done runs once, when the worker has stopped for good: err NULL after a drain,
 * else why it could not start (it never gives up once it has started). */
typedef void (*orb_worker_end_cb)(void *arg, const struct orb_error *err);
ORB_API int orb_worker_start(struct orb_worker *worker, orb_worker_end_cb done, void *arg) ORB_MUST_CHECK;
/* Claim no more and let running tasks end; what still runs after drain_timeout_s is handed back to
 * the queue, uncounted. A second call does that at once. */
ORB_API void orb_worker_drain(struct orb_worker *worker);
ORB_API void orb_worker_free(struct orb_worker *worker);

#ifdef __cplusplus
}
#endif
#endif
