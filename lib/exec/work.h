/* What an attempt has under way: calls of models and of tools. */
#ifndef ORB_EXEC_WORK_H
#define ORB_EXEC_WORK_H

#include "exec/local.h"
#include "model/call.h"
#include "tool/tool.h"

/* One call. It outlives its attempt until its last callback has come. */
struct orb_work {
    struct orb_work *next;
    struct orb_attempt *attempt;    /* NULL: it was freed */
    struct orb_loop *loop;
    int talk, call;
    struct orb_model_stream *model; /* one of the two */
    struct orb_tool_call *tool;
    json_t *arguments;
    int64_t heard_ms;               /* when the model said something last; 0: it has not yet */
    struct orb_timer *silence;      /* NULL: no limits, as almost always */
    struct orb_error *err;          /* it was silent for too long */
};

struct orb_attempt {
    struct orb_loop *loop;
    /* A delegate's: part of its parent's attempt, whose events are its own (NULL: by hand, or the parent is gone). */
    int is_delegate, is_detailed, depth;
    struct orb_attempt *parent, *delegates, *next;
    struct orb_publisher *publisher; /* NULL of a delegate */
    struct orb_toolbox *toolbox;
    const struct orb_prices *prices;
    char *task_id, *agent_name;
    int number;
    struct orb_attempt_callbacks callbacks;
    void *arg;
    struct orb_event_stream events;
    struct orb_run *run;
    struct orb_work *works;
    size_t resolving;               /* the agent whose tools are looked for; all of them once it is their number */
    struct orb_timer *timeout;
    double timeout_seconds;         /* or until the deadline, when that comes before */
    int64_t first_ms, idle_ms;      /* how long a model may be silent; 0 = no limit */
    int is_advancing, is_over, is_told, is_deadline;
    int64_t tokens;
    struct orb_error *err;          /* why it failed, or NULL: most never need the room */
};

/* Starts a call; what cannot be started is told to the run at once. */
void orb_work_ask(struct orb_attempt *attempt, int talk);
void orb_work_call_tool(struct orb_attempt *attempt, const struct orb_action *action);
/* Ends those of a talk (0: all) at once; their callbacks still come. */
void orb_work_cancel(struct orb_attempt *attempt, int talk);
/* The same, and none of them knows the attempt any more. */
void orb_work_leave_all(struct orb_attempt *attempt);
/* local.c: something has happened. */
void orb_attempt_drive(struct orb_attempt *attempt);

#endif
