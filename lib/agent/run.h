/* One run of a plan as a step machine: it takes what happened and says what to
 * do next. No I/O, no clock of its own. Several conversations ("talks") may be
 * under way at once: parallel stages and groups, the workers of a team.
 *
 * Every input may bring actions: take them with orb_run_next until it says 0.
 * Then the run waits, and may be written out and read back. */
#ifndef ORB_AGENT_RUN_H
#define ORB_AGENT_RUN_H

#include "agent/plan.h"
#include "event/event.h"
#include "model/model.h"
#include "model/prices.h"
#include "tool/tool.h"

#define ORB_RUN_TEXT_MAX (8 * 1024 * 1024) /* of all steps and agents; the same for reasoning */
#define ORB_HISTORY_MESSAGES_MAX 1000      /* of the task's messages: the oldest whole turns beyond it are left out */
#define ORB_HISTORY_BYTES_MAX (512 * 1024) /* and beyond this */
#define ORB_REPEATS_MAX 5                  /* the same tool, arguments and result so often in a row stop the run */

/* Where events go; the order of calls is the order of events. */
typedef void (*orb_run_event_fn)(void *arg, const struct orb_event_out *event);

enum orb_action_type {
    ORB_ACTION_REQUEST,  /* ask the model of a talk: orb_run_call() */
    ORB_ACTION_TOOL,     /* start a call of a tool; its end is told by orb_run_tool_result() */
    ORB_ACTION_STOP,     /* end what is under way for a talk: nobody waits for it any more */
    ORB_ACTION_ATTEMPT,  /* take the next attempt, then orb_run_advanced(): a provider failed and another goes on */
    ORB_ACTION_DONE,     /* finished: orb_run_result() */
    ORB_ACTION_FAILED    /* orb_run_error() says why; what is under way is to be stopped */
};
struct orb_action {
    enum orb_action_type type;
    int talk, call;
    struct orb_tool *tool;  /* TOOL; borrowed */
    json_t *arguments;      /* TOOL; borrowed until the call's end is told */
};

struct orb_run_spec {
    struct orb_plan *plan;  /* taken, also when it fails */
    json_t *history;        /* the task's messages, or NULL; shared */
    const char *input;
    size_t input_len;
    int is_detailed, may_retry; /* may_retry: a failure that can be retried will be */
    size_t artifact_bytes;  /* results over this become artifacts; 0 = ORB_TOOL_ARTIFACT_BYTES */
    const struct orb_prices *prices; /* NULL = those of this version; outlives the run */
    struct orb_run *caller; /* whose tool it is: that one's limits hold, and what this one uses is that one's, too; NULL = none */
    const char *used;       /* by earlier attempts of the task, as orb_run_usage wrote it; NULL or "" = nothing */
    orb_run_event_fn fn;
    void *arg;
};

struct orb_run;
/* NULL with err: the history is wrong (ORB_E_AGENT), or cost has a limit and a model no price (ORB_E_BUDGET). */
struct orb_run *orb_run_new(const struct orb_run_spec *spec, struct orb_error *err);
void orb_run_free(struct orb_run *run);
/* Its caller goes first. */
void orb_run_leave(struct orb_run *run);
const struct orb_plan *orb_run_plan(const struct orb_run *run);
/* The tools that the items of an agent (its index in the plan) stand for; before the start. Takes references. ORB_E_AGENT when
 * two have one name. */
int orb_run_set_tools(struct orb_run *run, int agent, struct orb_tool *const *tools, size_t count, struct orb_error *err) ORB_MUST_CHECK;

/* What happened. now: Unix seconds. Inputs of talks and calls that are no longer awaited change nothing. */
void orb_run_start(struct orb_run *run, double now);
void orb_run_delta(struct orb_run *run, int talk, const struct orb_delta *delta);
void orb_run_answered(struct orb_run *run, int talk, double now);
void orb_run_model_failed(struct orb_run *run, int talk, const struct orb_error *err, double now);
void orb_run_tool_result(struct orb_run *run, int talk, int call, const struct orb_tool_result *result, double now);
/* What a tool says while it runs. */
void orb_run_tool_progress(struct orb_run *run, int talk, int call, const char *text);
void orb_run_advanced(struct orb_run *run, double now);
/* A timeout, a cancel, or what else ends it from outside. ORB_E_CANCELLED writes no event. */
void orb_run_stop(struct orb_run *run, const struct orb_error *err);

/* What to do now. 1 = out is filled; 0 = the run waits, or has ended. */
int orb_run_next(struct orb_run *run, struct orb_action *out);
/* What to ask for a talk; *model is the plan's. out->messages and out->tools are the caller's: drop them with json_decref when the request is made,
 * since a run that waits costs less without them. 0, or ORB_E_NOT_FOUND when the talk asks nothing. */
int orb_run_call(const struct orb_run *run, int talk, const char **model, struct orb_model_call *out) ORB_MUST_CHECK;
const struct orb_error *orb_run_error(const struct orb_run *run);

/* The answer of a run that is done; borrowed. */
const char *orb_run_output(const struct orb_run *run, size_t *len);
/* JSON object: output; text when all text joined differs from it; parsed when the answer had a schema. */
void orb_run_result(const struct orb_run *run, struct orb_buf *out);
/* Text so far: of the steps that ended, in that order, then of those under way. */
void orb_run_text(const struct orb_run *run, struct orb_buf *out);
/* JSON object of the tokens of all calls, those of earlier attempts included, and of their cost when there is a price for one of them. */
void orb_run_usage(const struct orb_run *run, char out[320]);

/* The state of a run that waits, as a JSON value: what is not in the task itself. The caller's. */
json_t *orb_run_save(const struct orb_run *run);
/* The same run from the task and the state; its tools are set next. It waits for what the saved one waited for. spec->plan is
 * taken. NULL with ORB_E_INVALID. */
struct orb_run *orb_run_load(const struct orb_run_spec *spec, const json_t *state, struct orb_error *err);

#endif
