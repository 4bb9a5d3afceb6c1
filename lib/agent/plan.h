/* What a task is to run: an agent, or a swarm of agents, read from agent_config
 * (docs/WIRE.md). A plan is a tree of nodes, each an agent or a swarm or group of
 * nodes; all limits and mistakes are found when it is read. */
#ifndef ORB_AGENT_PLAN_H
#define ORB_AGENT_PLAN_H

#include "base/json.h"
#include "model/model.h"
#include "tool/tool.h"

#define ORB_AGENTS_MAX 256        /* of one plan, nested ones and handoffs included */
#define ORB_PLAN_DEPTH_MAX 16     /* swarms in swarms, handoffs of handoffs */
#define ORB_STEPS_MAX 1000        /* max_steps */
#define ORB_AGENT_NAME_MAX 256    /* bytes: every event has it */

struct orb_agent {
    int index;                    /* in the plan */
    char *name, *instructions;
    struct orb_models models;     /* each is asked when the one before fails */
    int64_t max_steps, max_tokens; /* max_tokens 0 = not set */
    double temperature;
    json_t *tools;                /* array: the config's items, not resolved; NULL = none */
    int *handoffs;                /* indexes of the agents that it may hand over to */
    size_t handoff_count;
    int is_replaced;              /* named in handoffs only, and a member of the swarm has the name: it never gets a turn */
    /* Keys of ours; Python ignores them. */
    json_t *options;              /* model_options: see struct orb_model_call; NULL = none */
    json_t *output_schema;        /* JSON Schema that the answer must fit; NULL = none */
    char *output_name;            /* what providers call it; "answer" unless given */
    int64_t output_retries;       /* how often a mismatch is asked again; 2 unless given */
};

enum orb_node_type {
    ORB_NODE_AGENT = 0,
    ORB_NODE_WORKFLOW,            /* a swarm: its order, one after the other */
    ORB_NODE_HANDOFF,             /* a swarm: the first of the order begins */
    ORB_NODE_TEAM,                /* a swarm: the first of the order leads */
    ORB_NODE_PARALLEL,            /* a group: all with the same input, outputs joined with the separator */
    ORB_NODE_SERIAL               /* a group: output to input */
};

struct orb_node {
    enum orb_node_type type;
    char *name;                   /* of a swarm: "swarm(first...)" unless it has one */
    struct orb_agent *agent;      /* ORB_NODE_AGENT; of the plan */
    struct orb_node **members;    /* as declared */
    size_t member_count;
    /* Swarms: the members that the flow names, in the order in which they run (behaviour of the Python package: sorted within a
     * stage); all of them in the order of declaration without a flow. */
    int *order;
    size_t order_count;
    /* A workflow with "parallel": true runs a stage's members at once. stages[i] = how many of the order (then as declared in the
     * flow) make stage i. */
    int is_parallel;
    int *stages;
    size_t stage_count;
    int64_t max_handoffs;         /* 10 unless given */
    char *separator;              /* of a parallel group or stage: "\n\n" unless given */
};

struct orb_plan {
    struct orb_node *root;
    struct orb_agent **agents;
    size_t agent_count;
    double max_cost;              /* in dollars, of the whole task; 0 = no limit */
    int64_t max_tokens_total;     /* input and output of all calls; 0 = no limit */
    int64_t tool_concurrency;     /* calls of one step at once; 8 unless given */
};

/* ORB_E_AGENT, ORB_E_SWARM or ORB_E_TOOL with what is wrong and where (a JSON pointer): all of it permanent. */
int orb_plan_read(const json_t *config, struct orb_plan **out, struct orb_error *err) ORB_MUST_CHECK;
/* All mistakes, in the order in which they are found: where (a JSON pointer, "" = the whole) and what. None: it can be read. */
typedef void (*orb_plan_mistake_fn)(void *arg, const char *pointer, const char *text);
void orb_plan_check(const json_t *config, orb_plan_mistake_fn fn, void *arg);
void orb_plan_free(struct orb_plan *plan);

const char *orb_node_name(const struct orb_node *node);
/* The tool that stands for an agent: providers take letters, digits, _ and - in its name, and 64 of them; agents may be called
 * anything. No two that one agent is offered have the same. */
void orb_plan_tool_name(const char *prefix, const char *agent, char out[ORB_TOOL_NAME_MAX + 1]);

/* flow.c: the flow DSL, "a >> (b | c) >> d". names: the members there are. *order and *stages are the caller's: indexes of names
 * in running order (sorted: as the Python package orders them; else as written) and the sizes of the stages. ORB_E_SWARM with the
 * package's words. */
int orb_flow_read(const char *flow, const char *const *names, size_t count, int is_sorted, int **order, size_t *order_count,
                  int **stages, size_t *stage_count, struct orb_error *err) ORB_MUST_CHECK;

#endif
