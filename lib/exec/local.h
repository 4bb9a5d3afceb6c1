/* The local executor: one attempt of a task in this process. Drives the run's
 * step machine with models and tools, side by side, and writes its events. */
#ifndef ORB_EXEC_LOCAL_H
#define ORB_EXEC_LOCAL_H

#include "agent/run.h"
#include "event/publisher.h"
#include "loop/loop.h"
#include "task/task.h"

struct orb_attempt;
struct orb_attempt_callbacks {
    /* Exactly once, from the loop, when nothing is under way any more. err NULL: completed; ORB_E_CANCELLED: aborted; else
     * failed, with the error event already written. */
    void (*ended)(void *arg, const struct orb_error *err);
    /* A provider failed and the next of its chain goes on, in an attempt of its own: take its number, and tell it with
     * orb_attempt_advanced(), later. */
    void (*advance)(void *arg);
};

struct orb_attempt_spec {
    struct orb_publisher *publisher;
    struct orb_toolbox *toolbox;     /* NULL: no tool is bound */
    const struct orb_prices *prices; /* NULL: those of this version */
    int number;
    int may_retry;                   /* a failure that can be retried will be */
    int64_t deadline_ms;             /* from now, -1 = none */
    const char *used;                /* by earlier attempts: usage as JSON text, "" = nothing */
};

/* Takes the task's contents. */
struct orb_attempt *orb_attempt_start(struct orb_loop *loop, const struct orb_attempt_spec *spec, struct orb_task *task_take,
                                      const struct orb_attempt_callbacks *callbacks, void *arg);
/* An agent that a tool of another one's run is: its events go into that attempt (parent; NULL: nowhere), its limits and its cost are
 * that one's. advance is called as of any other. */
struct orb_attempt *orb_attempt_start_delegate(struct orb_loop *loop, struct orb_attempt *parent, struct orb_toolbox *toolbox, json_t *config, const json_t *input,
                                               const struct orb_attempt_callbacks *callbacks, void *arg);
/* A provider of a delegate failed: its parent's next attempt is wanted. */
void orb_attempt_want_next(struct orb_attempt *attempt);
/* The next attempt's number; or err says why there is none. */
void orb_attempt_advanced(struct orb_attempt *attempt, int number, const struct orb_error *err);
/* Closes connections and kills tools at once; the callback comes later. */
void orb_attempt_abort(struct orb_attempt *attempt);
/* After the callback, or instead of it. */
void orb_attempt_free(struct orb_attempt *attempt);

const char *orb_attempt_task_id(const struct orb_attempt *attempt);
int orb_attempt_number(const struct orb_attempt *attempt);
const char *orb_attempt_agent(const struct orb_attempt *attempt); /* name, "" when the config has none */
/* NULL when the agent could not be built. */
const struct orb_run *orb_attempt_run(const struct orb_attempt *attempt);
/* The seq of the latest event that Redis has said it has stored; 0 = none, or the stream is full. */
int64_t orb_attempt_acked_seq(const struct orb_attempt *attempt);
/* What waits goes out, unless it is held back; the seq of the terminal event, and whether the expiry of the
 * events was set a moment ago. */
int64_t orb_attempt_last_seq(struct orb_attempt *attempt, int *is_fresh);
/* To be called now and then: keeps the event stream of a silent task. */
void orb_attempt_touch(struct orb_attempt *attempt);
int64_t orb_attempt_take_tokens(struct orb_attempt *attempt); /* text and reasoning deltas since the last call */

#endif
