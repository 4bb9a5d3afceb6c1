/* A plan, its swarms and its groups; plan_agent.c has the agents. */
#include "agent/plan_inner.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDOFFS_MAX 1000      /* max_handoffs */
#define TOKENS_MAX (INT64_C(1) << 53)
#define CONCURRENCY_MAX 128

static void node_free(struct orb_node *node)
{
    for (size_t i = 0; node && i < node->member_count; i++)
        node_free(node->members[i]);
    if (!node)
        return;
    free(node->members);
    free(node->name);
    free(node->order);
    free(node->stages);
    free(node->separator);
    free(node);
}

const char *orb_node_name(const struct orb_node *node)
{
    return node->agent ? node->agent->name : node->name;
}

/* ---- members ------------------------------------------------------------- */

static struct orb_node *read_node(struct plan_reader *r, const json_t *config);

static json_t *check_list(struct plan_reader *r, const json_t *config, const struct orb_node *node)
{
    json_t *agents = json_object_get(config, "agents");
    if (!json_is_array(agents))
        plan_wrong(r, "agents", "an array");
    else if (!json_array_size(agents))
        plan_mistake(r, ORB_E_SWARM, "agents", "%s requires at least one agent", node->type == ORB_NODE_PARALLEL ? "ParallelGroup" :
                     node->type == ORB_NODE_SERIAL ? "SerialGroup" : "Swarm");
    else if (json_array_size(agents) > ORB_AGENTS_MAX)
        plan_mistake_at(r, ORB_E_SWARM, "agents", "it has over %d agents", ORB_AGENTS_MAX);
    else
        return agents;
    return NULL;
}

/* Of the latest member: is its name known? */
static int check_name(struct plan_reader *r, const struct orb_node *node)
{
    const char *name = orb_node_name(node->members[node->member_count - 1]);
    size_t i = 0;
    while (strcmp(orb_node_name(node->members[i]), name))
        i++;
    if (*name && i + 1 < node->member_count)
        plan_mistake(r, ORB_E_SWARM, "", "Duplicate agent name '%.100s' in swarm", name);
    return *name != '\0';
}

/* 0 when not all of them are known: then nothing can be said about who comes after whom. */
static int read_members(struct plan_reader *r, const json_t *config, struct orb_node *node)
{
    json_t *agents = check_list(r, config, node), *one;
    int is_known = agents != NULL;
    size_t i;
    node->members = orb_alloc((json_array_size(agents) + 1) * sizeof *node->members);
    json_array_foreach(agents, i, one) {
        size_t place = plan_enter(r, "agents", i);
        r->depth++;
        struct orb_node *member = read_node(r, one);
        r->depth--;
        if (member)
            node->members[node->member_count++] = member;
        if (member && !member->agent && node->type == ORB_NODE_HANDOFF)
            plan_mistake_at(r, ORB_E_SWARM, "", "members of a handoff swarm must be agents: '%.100s' is a swarm or group", member->name);
        is_known = member && check_name(r, node) && is_known;
        plan_leave(r, place);
    }
    return is_known;
}

/* A handoff to an agent whose name a member of the swarm has goes to that member. */
static void link_handoff(const struct orb_plan *plan, const struct orb_node *node, int *handoff)
{
    struct orb_agent *to = plan->agents[*handoff];
    for (size_t i = 0; i < node->member_count; i++) {
        const struct orb_agent *member = node->members[i]->agent;
        if (!member || strcmp(to->name, member->name))
            continue;
        to->is_replaced = 1;
        *handoff = member->index;
        return;
    }
}

static void link_handoffs(const struct orb_plan *plan, const struct orb_node *node)
{
    for (size_t i = 0; i < node->member_count; i++) {
        struct orb_agent *agent = node->members[i]->agent;
        for (size_t k = 0; agent && k < agent->handoff_count; k++)
            link_handoff(plan, node, &agent->handoffs[k]);
    }
}

static void check_team(struct plan_reader *r, const struct orb_node *node)
{
    const char *names[ORB_AGENTS_MAX];
    if (node->order_count < 2)
        plan_mistake(r, ORB_E_SWARM, "mode", "Team mode requires at least two agents (lead + workers)");
    else if (!node->members[node->order[0]]->agent)
        plan_mistake_at(r, ORB_E_SWARM, "mode", "the lead of a team must be an agent, not a swarm or group");
    for (size_t i = 1; i < node->order_count; i++)
        names[i - 1] = orb_node_name(node->members[node->order[i]]);
    plan_check_tools(r, "agents", "delegate_to_", names, node->order_count - 1);
}

/* ---- the order ------------------------------------------------------------- */

static void declared_order(struct orb_node *node)
{
    node->order = orb_alloc(node->member_count * sizeof *node->order);
    node->stages = orb_alloc(node->member_count * sizeof *node->stages);
    node->order_count = node->stage_count = node->member_count;
    for (size_t i = 0; i < node->member_count; i++) {
        node->order[i] = (int)i;
        node->stages[i] = 1;
    }
}

static int read_order(struct plan_reader *r, const json_t *config, struct orb_node *node)
{
    const char *flow = json_string_value(plan_member(r, config, "flow", JSON_STRING, "a string or null")), *names[ORB_AGENTS_MAX];
    struct orb_error err = { 0 };
    for (size_t i = 0; i < node->member_count; i++)
        names[i] = orb_node_name(node->members[i]);
    if (!flow)
        declared_order(node);
    else if (orb_flow_read(flow, names, node->member_count, !node->is_parallel, &node->order, &node->order_count, &node->stages,
                           &node->stage_count, &err))
        plan_mistake(r, ORB_E_SWARM, "flow", "%s", err.text);
    return node->order_count > 0;
}

/* ---- swarms and groups ------------------------------------------------------ */

static enum orb_node_type read_mode(struct plan_reader *r, const json_t *config)
{
    static const struct { const char *word; enum orb_node_type type; } modes[] = {
        { "workflow", ORB_NODE_WORKFLOW }, { "handoff", ORB_NODE_HANDOFF }, { "team", ORB_NODE_TEAM },
    };
    const char *mode = json_string_value(plan_member(r, config, "mode", JSON_STRING, "a string"));
    for (size_t i = 0; mode && i < ORB_COUNT(modes); i++)
        if (!strcmp(mode, modes[i].word))
            return modes[i].type;
    if (mode)
        plan_mistake(r, ORB_E_SWARM, "mode", "Unsupported swarm mode: '%.60s'", mode);
    return ORB_NODE_WORKFLOW;
}

static enum orb_node_type read_type(struct plan_reader *r, const json_t *config)
{
    const char *group = json_string_value(json_object_get(config, "group"));
    if (!json_object_get(config, "group"))
        return read_mode(r, config);
    if (!group || (strcmp(group, "parallel") && strcmp(group, "serial")))
        plan_wrong(r, "group", "parallel or serial");
    return group && !strcmp(group, "serial") ? ORB_NODE_SERIAL : ORB_NODE_PARALLEL;
}

static void read_swarm(struct plan_reader *r, const json_t *config, struct orb_node *node)
{
    const json_t *parallel = json_object_get(config, "parallel");
    char name[ORB_AGENT_NAME_MAX + 16] = "";
    node->type = read_type(r, config);
    if (parallel && !json_is_boolean(parallel))
        plan_wrong(r, "parallel", "true or false");
    node->is_parallel = json_is_true(parallel);
    if (read_members(r, config, node) && read_order(r, config, node)) {
        if (node->type == ORB_NODE_TEAM)
            check_team(r, node);
        snprintf(name, sizeof name, "swarm(%.120s...)", orb_node_name(node->members[node->order[0]]));
    }
    node->max_handoffs = plan_count(r, config, "max_handoffs", 0, HANDOFFS_MAX, 10);
    node->separator = plan_text(r, config, "separator", "\n\n");
    node->name = plan_name(r, config, name);
    link_handoffs(r->plan, node);
}

static struct orb_node *read_node(struct plan_reader *r, const json_t *config)
{
    struct orb_node *node = orb_alloc(sizeof *node);
    if (!json_object_get(config, "agents")) {
        node->agent = plan_agent(r, config);
    } else if (r->depth > ORB_PLAN_DEPTH_MAX) {
        plan_too_deep(r);
    } else {
        read_swarm(r, config, node);
        return node;
    }
    if (node->agent)
        return node;
    node_free(node);
    return NULL;
}

/* ---- the plan --------------------------------------------------------------- */

static void read_plan(struct plan_reader *r, const json_t *config)
{
    const json_t *cost = json_object_get(config, "max_cost");
    if (cost && !json_is_null(cost) && json_number_value(cost) <= 0)
        plan_wrong(r, "max_cost", "a number of dollars above 0");
    r->plan->max_cost = json_number_value(cost);
    r->plan->max_tokens_total = plan_count(r, config, "max_tokens_total", 1, TOKENS_MAX, 0);
    r->plan->tool_concurrency = plan_count(r, config, "tool_concurrency", 1, CONCURRENCY_MAX, 8);
    r->plan->root = read_node(r, config);
}

void orb_plan_check(const json_t *config, orb_plan_mistake_fn fn, void *arg)
{
    struct orb_error first;
    struct plan_reader r = { .plan = orb_alloc(sizeof *r.plan), .err = &first, .fn = fn, .arg = arg };
    read_plan(&r, config);
    orb_plan_free(r.plan);
}

int orb_plan_read(const json_t *config, struct orb_plan **out, struct orb_error *err)
{
    struct orb_error first = { 0 };
    struct plan_reader r = { .plan = orb_alloc(sizeof *r.plan), .err = &first };
    read_plan(&r, config);
    if (!r.mistakes) {
        *out = r.plan;
        return 0;
    }
    orb_plan_free(r.plan);
    return orb_error_set(err, first.code, "%s", first.text);
}

void orb_plan_free(struct orb_plan *plan)
{
    if (!plan)
        return;
    node_free(plan->root);
    for (size_t i = 0; i < plan->agent_count; i++)
        plan_agent_free(plan->agents[i]);
    free(plan->agents);
    free(plan);
}
