/* One run of an agent as a step machine: it takes what happened and says what
 * to do next. No I/O, no clock of its own. */
#ifndef ORB_AGENT_RUN_H
#define ORB_AGENT_RUN_H

#include "agent/agent.h"
#include "event/event.h"
#include "model/model.h"

/* Where events go; the order of calls is the order of events. */
typedef void (*orb_run_event_fn)(void *arg, const struct orb_event_out *event);

enum orb_run_next {
    ORB_RUN_REQUEST,   /* ask the model: orb_run_call() */
    ORB_RUN_DONE,      /* finished: orb_run_result() */
    ORB_RUN_FAILED     /* err says why */
};

struct orb_run;
/* Takes the agent. history is shared, input is copied. now: Unix seconds. */
struct orb_run *orb_run_new(struct orb_agent *agent_take, json_t *history, const char *input, size_t input_len,
                            int is_detailed, orb_run_event_fn fn, void *arg, struct orb_error *err);
void orb_run_free(struct orb_run *run);
const struct orb_agent *orb_run_agent(const struct orb_run *run);

/* The first step. */
enum orb_run_next orb_run_start(struct orb_run *run, double now);
/* What to ask now. out->messages is the caller's: json_decref() it when the
 * request is made, since a run that waits costs less without it. */
void orb_run_call(const struct orb_run *run, struct orb_model_call *out_take);
/* A piece of the answer. */
void orb_run_delta(struct orb_run *run, const struct orb_delta *delta);
/* The answer is complete. */
enum orb_run_next orb_run_answered(struct orb_run *run, double now, struct orb_error *err);
/* The attempt has failed: writes the error event. err's text is made the task's
 * error, "[provider:model] message" for errors of the model. */
void orb_run_fail(struct orb_run *run, struct orb_error *err, int is_recoverable);

/* JSON object: output, and text when all text events joined differ from it. */
void orb_run_result(const struct orb_run *run, struct orb_buf *out);
/* Text so far, all steps joined. */
const char *orb_run_text(const struct orb_run *run, size_t *len);
/* JSON object of the tokens of all steps. */
void orb_run_usage(const struct orb_run *run, char out[128]);

#endif
