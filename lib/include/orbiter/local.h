/* Tasks that run in this process: no Redis, no queue and no worker, but what a worker does for one
 * attempt, with its tools, chains of models, limits and costs. */
#ifndef ORBITER_LOCAL_H
#define ORBITER_LOCAL_H

#include <orbiter/client.h>
#include <orbiter/tool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct orb_local_options {
    struct orb_toolbox *toolbox; /* what agents may call; outlives the task. NULL = nothing */
    const char *prices;          /* file of what models cost, in place of the built-in table; NULL or "" = that one */
};

struct orb_local_task;

/* Runs one attempt of the task: what may be tried again is not.
 * spec: what a queue needs to know (task_id, queue, delay_seconds, at, priority, max_retries, max_depth, idempotency_key,
 * resubmit_of, durability) means nothing here. The agent_config, once it is a JSON object, is looked at by the run.
 * event: every event that a stream of the task would have (orb_task_handle_stream), the last with is_last; stream_id is "". May be
 * NULL. done: the ended task, once: completed, failed (error, error_type) or cancelled. Its id, queue and worker_id are "".
 * Fails at once with ORB_E_INVALID or ORB_E_TOO_LARGE, as a submit would, or ORB_E_CONFIG (prices). */
ORB_API int orb_local_task_start(struct orb_loop *loop, const struct orb_local_options *options, const struct orb_task_spec *spec,
                                 orb_event_cb event, orb_task_cb done, void *arg, struct orb_local_task **out, struct orb_error *err) ORB_MUST_CHECK;
/* Closes connections to models and kills what tools have started, in the loop's next turn; done comes later. May be called
 * inside event. */
ORB_API void orb_local_task_cancel(struct orb_local_task *task);
/* Before done it cancels, and done does not come: what was under way ends in the loop's next turns, for which the toolbox must
 * still be there. Not inside event. */
ORB_API void orb_local_task_free(struct orb_local_task *task);

#ifdef __cplusplus
}
#endif
#endif
