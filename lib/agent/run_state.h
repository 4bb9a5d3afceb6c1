/* What a run is made of; for the files run*.c only.
 *
 * A node of the plan that is under way is a frame. A frame of an agent, of a
 * handoff swarm or of a team has talks; the others have frames of their members
 * below them. What a talk answers goes to its frame, and what a frame ends with to
 * the frame above, until the root has ended. */
#ifndef ORB_AGENT_RUN_STATE_H
#define ORB_AGENT_RUN_STATE_H

#include "agent/run.h"

#define CALLS_MAX 128                       /* tool calls of one step */
#define ARGUMENTS_MAX (1024 * 1024)         /* of one call */
#define TURNS_BYTES_MAX (32 * 1024 * 1024)  /* of all conversations, which are sent anew in every step */
#define CALL_OVERHEAD 512                   /* a call and its answer without names and arguments */
#define ARTIFACTS_BYTES_MAX (16 * 1024 * 1024)
#define ARTIFACTS_MAX 256                   /* the oldest go first */
#define KEEP_MAX 1024                       /* items that a provider wants back with one turn */
#define TALKS_MAX 1024                      /* at once */
#define HANDOFFS_DEFAULT 10                 /* of a task that is one agent */
#define RUN_STATE_VERSION 1                 /* of what run_save.c writes */

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_DELEGATED, CALL_DONE };
struct call {
    char *id, *name;
    struct orb_buf arguments;
    enum call_state state;
    json_t *parsed;              /* the arguments; NULL when they are none */
    json_t *text, *blocks;       /* the result: a string, and content blocks or NULL */
    char *error;                 /* or why there is none */
    double started_at, duration_ms;
};

enum talk_state { TALK_ASKING, TALK_CALLING, TALK_BLOCKED /* until the next attempt is taken */ };

/* The same thing again? */
struct repeat {
    uint64_t hash;
    int64_t count;
};

struct talk {
    struct talk *next;
    int id;
    const struct orb_agent *agent;
    struct frame *frame;         /* that gets the answer */
    enum talk_state state;
    json_t *before;              /* array: a conversation that was passed on, or NULL */
    json_t *input;               /* string, or NULL */
    json_t *turns;               /* array: since the input; NULL until there is one */
    json_t *kept;                /* of this step */
    size_t model;                /* which of the chain */
    int64_t step, asked_again;   /* asked_again: for an answer that fits the schema */
    double step_started;
    struct orb_buf text;         /* of this step */
    enum orb_finish finish;      /* how the step's answer ended */
    struct call *calls;          /* of this step */
    int ncalls, calls_cap;
    int transfer;                /* index of the agent that takes over after this step; -1 = none */
    struct orb_usage usage;      /* of this step */
    struct repeat same_call, same_step;
    int is_settled;              /* the step's text and usage are in the run's */
};

struct frame {
    struct frame *next, *parent;
    int id;
    const struct orb_node *node;
    int member;                  /* which of the parent's members it is */
    int slot;                    /* its place among the outputs of a stage; of a team's worker (its parent is a team's): the call */
    size_t stage, first;         /* workflow: which stage runs, and where in the order it begins */
    int waiting;                 /* members under way */
    json_t *outputs;             /* array of the stage's outputs */
    int64_t handoffs;
};

struct segment {
    int agent;
    size_t len;
};

struct agent_tools {
    struct orb_tool **list;
    size_t count;
};

struct orb_run {
    struct orb_plan *plan;
    const struct orb_prices *prices;
    json_t *history, *input;
    int is_detailed, may_retry;
    size_t artifact_bytes;
    orb_run_event_fn fn;
    void *arg;
    struct agent_tools *tools;   /* by the agents' index; NULL: nobody has any */
    json_t **later;              /* by the agents' index: options of those who must call a tool, after they did; NULL: nobody must */
    struct frame *frames;
    struct talk *talks;          /* in the order in which they began */
    int last_id;
    struct orb_action *actions;  /* that were not taken yet */
    size_t action_count, action_cap, action_pos;
    struct orb_buf text;         /* of the steps that ended */
    struct segment *segments;    /* whose it is */
    size_t segment_count, segment_cap;
    size_t turns_bytes, live_bytes; /* live: text of the steps under way */
    size_t reasoning_bytes;      /* of all steps */
    json_t *artifacts;           /* name: text */
    size_t artifact_total;
    struct orb_run *caller;      /* whose tool it is, or NULL: what it uses is that one's, too */
    struct orb_usage total;      /* of the calls that ended, its tools' too */
    double cost;                 /* dollars; of what has a price */
    int has_cost;
    json_t *unmetered;           /* string: the agent whose model has not told what it used; NULL = all have */
    int is_over;                 /* done, failed or cancelled */
    json_t *output, *parsed;     /* of the root */
    struct orb_error *err;       /* why it failed */
};

/* run.c */
void orb_run_emit(struct orb_run *run, const struct orb_agent *agent, const struct orb_event_out *event);
void orb_run_status(struct orb_run *run, const char *agent_name, const char *word, const char *format, ...) ORB_PRINTF(4, 5);
void orb_run_push(struct orb_run *run, const struct orb_action *action);
void orb_run_done(struct orb_run *run, json_t *output, json_t *parsed);
/* What is said of a talk's failure above its own frames up to the top (NULL: all). */
void orb_run_explain(const struct talk *talk, const struct frame *top, const struct orb_error *why, struct orb_error *out);
void orb_run_emit_error(struct orb_run *run, const struct talk *talk, const struct orb_error *err, int is_recoverable);
/* Those for a talk that goes are not taken any more. */
void orb_run_forget(struct orb_run *run, int talk);
/* talk NULL: nobody's fault. */
void orb_run_fail(struct orb_run *run, const struct talk *talk, const struct orb_error *err);
struct orb_usage orb_usage_sum(const struct orb_usage *a, const struct orb_usage *b);
json_t *orb_run_message(const char *role, json_t *content_take);
/* A JSON string, at most WORDS_MAX bytes; what a cut has made of a character becomes "?". */
#define WORDS_MAX 4200
json_t *orb_run_words(const char *format, ...) ORB_PRINTF(1, 2);

/* run_talk.c */
struct talk *orb_talk_find(const struct orb_run *run, int id);
void orb_talk_start(struct orb_run *run, struct frame *frame, const struct orb_agent *agent, json_t *input, json_t *before_take, double now);
void orb_talk_free(struct orb_run *run, struct talk *talk);
void orb_talk_drop_calls(struct talk *talk);
/* It has come to nothing. */
void orb_talk_fail(struct orb_run *run, struct talk *talk, const struct orb_error *err, double now);
/* Given up in the middle: what it has said and used stays with the run. */
void orb_talk_drop(struct orb_run *run, struct talk *talk);
/* The step's tools have answered. */
void orb_talk_called(struct orb_run *run, struct talk *talk, double now);
/* The step's text and calls as a turn of the assistant. */
void orb_talk_add_turn(struct orb_run *run, struct talk *talk, json_t *calls_take);
void orb_talk_add(struct orb_run *run, struct talk *talk, json_t *message_take, size_t bytes);
const char *orb_talk_model(const struct talk *talk);
/* What a call that comes to nothing has told of its tokens is paid as well. */
void orb_talk_charge_broken(struct orb_run *run, struct talk *talk);
/* The run of the task: whose limits hold. */
const struct orb_run *orb_run_payer(const struct orb_run *run);
/* ORB_E_BUDGET: no model may be asked any more. */
int orb_run_check_spending(const struct orb_run *run, struct orb_error *err) ORB_MUST_CHECK;

/* run_history.c */
/* ORB_E_AGENT */
int orb_history_check(const json_t *history, struct orb_error *err) ORB_MUST_CHECK;
/* What of it goes to the model; NULL when there is none. */
json_t *orb_history_cut(json_t *history);
/* About how many bytes a value takes. */
size_t orb_run_bytes(const json_t *value);

/* run_answer.c */
/* The model says more than a limit of this worker allows. */
void orb_talk_too_large(struct orb_run *run, const struct talk *talk);
/* 1, with err, when nothing is left of the step's answer: held back, or cut before it began. */
int orb_answer_is_none(const struct talk *talk, struct orb_error *err);
/* The JSON of an answer that fits the agent's schema; NULL with ORB_E_AGENT. */
json_t *orb_answer_check(const struct talk *talk, struct orb_error *err);

/* run_calls.c */
void orb_calls_delta(struct orb_run *run, struct talk *talk, const struct orb_delta *delta);
/* The model has called tools: they begin. */
void orb_calls_begin(struct orb_run *run, struct talk *talk, double now);
/* The step as turns of the conversation. */
void orb_calls_record(struct orb_run *run, struct talk *talk);
/* A worker's answer to a call; how long it took is known here. */
void orb_calls_answer(struct orb_run *run, int talk, int call, const struct orb_tool_result *result, double now);
/* Those that a talk may call, as the model is told; NULL = none. */
json_t *orb_calls_offer(const struct orb_run *run, const struct talk *talk);

/* run_special.c: tools of the run itself */
enum special { SPECIAL_NONE, SPECIAL_DELEGATE, SPECIAL_TRANSFER, SPECIAL_ARTIFACT };
/* The index-th special tool of a talk: its kind and target (a place in the team's order, or an agent's index). 0 = there is none. */
enum special orb_special_at(const struct orb_run *run, const struct talk *talk, size_t index, char name[ORB_TOOL_NAME_MAX + 1], int *target);
enum special orb_special_find(const struct orb_run *run, const struct talk *talk, const char *name, int *target);
json_t *orb_special_describe(const struct orb_run *run, const struct talk *talk, enum special kind, const char *name, int target);
/* Keeps a large result; the text that stands for it. */
json_t *orb_artifact_keep(struct orb_run *run, const char *tool, const char *text, size_t len);
json_t *orb_artifact_read(const struct orb_run *run, const char *id);
/* Is this call, or this step, once more what the one before was, too often in a row? err says so. */
int orb_repeats_check(struct talk *talk, struct orb_error *err);

/* run_flow.c */
/* The members of a node run in so many stages, of so many members each; 0 for those that have talks. */
size_t orb_stage_count(const struct orb_node *node);
size_t orb_stage_size(const struct orb_node *node, size_t stage);
/* Nothing is started. */
struct frame *orb_frame_new(struct orb_run *run, struct frame *parent, const struct orb_node *node, int member, int slot);
void orb_frame_start(struct orb_run *run, struct frame *parent, const struct orb_node *node, int member, int slot, json_t *input, double now);
void orb_frame_answered(struct orb_run *run, struct talk *talk, json_t *output_take, json_t *parsed_take, double now);
void orb_frame_delegate(struct orb_run *run, struct talk *lead, int place, int call, json_t *input, double now);
/* The frame that a lead has delegated to and that this one is, or is below; NULL = none. */
struct frame *orb_frame_worker(struct frame *frame);
/* Ends it with all that is below it; the lead is told why. */
void orb_frame_give_up(struct orb_run *run, struct frame *worker, const struct orb_error *why, double now);
/* The agent whose name is all that was said in the step; -1 = none. */
int orb_frame_word(const struct orb_run *run, const struct talk *talk);
/* Control passes to another agent, with the conversation; word: what was said for it, or NULL. */
void orb_frame_handoff(struct orb_run *run, struct talk *talk, int agent, json_t *word, double now);
/* May this talk hand over? And to whom: is that agent among them? */
int orb_frame_may_hand_over(const struct talk *talk, int agent);
void orb_frame_free(struct frame *frame);

#endif
