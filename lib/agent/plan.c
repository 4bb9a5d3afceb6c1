#include "agent/plan.h"
#include "base/base.h"
#include "tool/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_MAX 256
#define TOOLS_MAX 128          /* items of one agent */
#define STOPS_MAX 16
#define OUTPUT_RETRIES_MAX 10
#define HANDOFFS_MAX 1000      /* max_handoffs */
#define TOKENS_MAX (INT64_C(1) << 53)

struct reader {
    struct orb_plan *plan;
    struct orb_error *err;     /* the first mistake, or */
    orb_plan_mistake_fn fn;    /* all of them: then what is wrong counts as not given, and reading goes on */
    void *arg;
    char place[PLACE_MAX];     /* JSON pointer of what is being read */
    int depth, is_full;
};

/* ---- places ----------------------------------------------------------- */

/* Goes into a member; returns what leave() needs. */
static size_t enter(struct reader *r, const char *key, size_t index, int has_index)
{
    size_t n = strlen(r->place);
    snprintf(r->place + n, sizeof r->place - n, has_index ? "/%s/%zu" : "/%s", key, index);
    return n;
}

static void leave(struct reader *r, size_t n)
{
    r->place[n] = '\0';
}

/* ---- mistakes: 0 when it was told to fn ------------------------------- */

static int tell(struct reader *r, const char *key, const char *text)
{
    size_t n = strlen(r->place);
    if (*key)
        snprintf(r->place + n, sizeof r->place - n, "/%s", key);
    r->fn(r->arg, r->place, text);
    leave(r, n);
    return 0;
}

/* In words of the Python package, or of ours that need no place. */
static int ORB_PRINTF(4, 5) mistake(struct reader *r, int code, const char *key, const char *fmt, ...)
{
    char text[sizeof r->err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return r->fn ? tell(r, key, text) : orb_error_set(r->err, code, "%s", text);
}

/* With the place in front. */
static int ORB_PRINTF(4, 5) mistake_at(struct reader *r, int code, const char *key, const char *fmt, ...)
{
    char text[sizeof r->err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return r->fn ? tell(r, key, text) : orb_error_set(r->err, code, "agent_config%s: %s", r->place, text);
}

static int wrong(struct reader *r, const char *key, const char *want)
{
    return r->fn ? mistake_at(r, ORB_E_AGENT, key, "'%s' must be %s", key, want) : mistake_at(r, ORB_E_AGENT, key, "%s is not %s", key, want);
}

/* ---- values ----------------------------------------------------------- */

static int read_text(struct reader *r, const json_t *config, const char *key, const char *def, char **out)
{
    const json_t *value = json_object_get(config, key);
    int is_right = json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
    int rc = value && !is_right ? wrong(r, key, "a string") : 0;
    if (!rc)
        *out = orb_strdup(is_right ? json_string_value(value) : def);
    return rc;
}

/* A whole number within min..max; null is as good as missing. */
static int read_count(struct reader *r, const json_t *config, const char *key, int64_t min, int64_t max, int64_t def, int64_t *out)
{
    const json_t *value = json_object_get(config, key);
    char want[64];
    *out = def;
    if (!value || json_is_null(value))
        return 0;
    snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)min, (long long)max);
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        return wrong(r, key, want);
    *out = json_integer_value(value);
    return 0;
}

static int read_steps(struct reader *r, const json_t *config, int64_t *out)
{
    const json_t *steps = json_object_get(config, "max_steps");
    long long count = json_integer_value(steps);
    *out = 10;
    if (!steps)
        return 0;
    if (!json_is_integer(steps))
        return wrong(r, "max_steps", "a whole number");
    if (count < 1)
        return mistake(r, ORB_E_AGENT, "max_steps", "max_steps must be >= 1, got %lld", count);
    if (count > ORB_STEPS_MAX)
        return mistake(r, ORB_E_AGENT, "max_steps", "max_steps must be <= %d, got %lld", ORB_STEPS_MAX, count);
    *out = count;
    return 0;
}

static int read_numbers(struct reader *r, const json_t *config, struct orb_agent *agent)
{
    const json_t *temperature = json_object_get(config, "temperature");
    const json_t *tokens = json_object_get(config, "max_tokens");
    int rc = read_steps(r, config, &agent->max_steps);
    if (rc)
        return rc;
    if (temperature && !json_is_number(temperature))
        rc = wrong(r, "temperature", "a number");
    agent->temperature = json_is_number(temperature) ? json_number_value(temperature) : 1.0;
    if (!rc && tokens && !json_is_null(tokens) && (!json_is_integer(tokens) || json_integer_value(tokens) < 1))
        rc = wrong(r, "max_tokens", "null or a whole number above 0");
    agent->max_tokens = json_integer_value(tokens);
    return rc ? rc : read_count(r, config, "output_retries", 0, OUTPUT_RETRIES_MAX, 2, &agent->output_retries);
}

/* ---- model_options ---------------------------------------------------- */

static int is_effort(const json_t *value)
{
    static const char *const words[] = { "none", "minimal", "low", "medium", "high", "xhigh" };
    for (size_t i = 0; i < ORB_COUNT(words); i++)
        if (json_is_string(value) && !strcmp(json_string_value(value), words[i]))
            return 1;
    return 0;
}

static int is_share(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 1;
}

static int is_stops(const json_t *value)
{
    size_t count = json_array_size(value);
    for (size_t i = 0; i < count; i++)
        if (!json_string_length(json_array_get(value, i)))
            return 0;
    return json_is_array(value) && count > 0 && count <= STOPS_MAX;
}

static int is_text(const json_t *value)
{
    return json_string_length(value) > 0;
}

static int is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static const struct option {
    const char *key;
    int (*is_right)(const json_t *value);
    const char *want;
} options[] = {
    { "reasoning_effort", is_effort, "none, minimal, low, medium, high or xhigh" },
    { "top_p", is_share, "a number from 0 to 1" },
    { "stop", is_stops, "an array of 1 to 16 strings" },
    { "tool_choice", is_text, "auto, none, required or the name of a tool" },
    { "parallel_tool_calls", is_flag, "true or false" },
    { "cache", is_flag, "true or false" },
};

static int read_options(struct reader *r, json_t *config, struct orb_agent *agent)
{
    json_t *value = json_object_get(config, "model_options"), *item;
    const char *key;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_object(value))
        return wrong(r, "model_options", "an object");
    int rc = 0;
    json_object_foreach(value, key, item) {
        size_t i = 0;
        char name[80];
        while (i < ORB_COUNT(options) && strcmp(options[i].key, key))
            i++;
        snprintf(name, sizeof name, "model_options/%.60s", key);
        if (i == ORB_COUNT(options))
            rc = mistake_at(r, ORB_E_AGENT, name, "model_options has no '%.60s'; there are reasoning_effort, top_p, stop, tool_choice, "
                            "parallel_tool_calls and cache", key);
        else if (!options[i].is_right(item))
            rc = wrong(r, name, options[i].want);
        if (rc)
            return rc;
    }
    agent->options = json_incref(value);
    return 0;
}

/* ---- agents ----------------------------------------------------------- */

static int read_tools(struct reader *r, json_t *config, struct orb_agent *agent)
{
    json_t *tools = json_object_get(config, "tools");
    if (!tools || json_is_null(tools))
        return 0;
    if (!json_is_array(tools) || json_array_size(tools) > TOOLS_MAX)
        return wrong(r, "tools", "an array of at most 128 tools");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *item = json_array_get(tools, i);
        char name[32];
        snprintf(name, sizeof name, "tools/%zu", i);
        int rc = json_string_length(item) || json_is_object(item) ? 0 : mistake_at(r, ORB_E_AGENT, name, "%s is neither a path nor an object", name);
        if (rc)
            return rc;
    }
    if (json_array_size(tools))
        agent->tools = json_incref(tools);
    return 0;
}

static int read_schema(struct reader *r, json_t *config, struct orb_agent *agent)
{
    json_t *schema = json_object_get(config, "output_schema");
    struct orb_error err = { 0 };
    if (!schema || json_is_null(schema))
        return 0;
    if (!json_is_object(schema))
        return wrong(r, "output_schema", "a JSON Schema (an object)");
    if (orb_schema_check(schema, &err)) { /* the text begins with the place in the schema */
        char key[PLACE_MAX];
        snprintf(key, sizeof key, "output_schema%.*s", *err.text == '/' ? (int)strcspn(err.text, ":") : 0, err.text);
        return mistake_at(r, ORB_E_AGENT, key, "output_schema: %s", err.text);
    }
    agent->output_schema = json_incref(schema);
    return 0;
}

static int read_output(struct reader *r, json_t *config, struct orb_agent *agent)
{
    int rc = read_schema(r, config, agent);
    if (!rc)
        rc = read_text(r, config, "output_name", "answer", &agent->output_name);
    size_t n = rc ? 0 : strlen(agent->output_name);
    if (!rc && (n < 1 || n > 64 || strspn(agent->output_name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != n))
        return wrong(r, "output_name", "1 to 64 of the characters A-Z a-z 0-9 _ -");
    return rc;
}

static int read_agent(struct reader *r, json_t *config, struct orb_agent **out);

/* Agents that it may hand over to. Those of a swarm that have the same name stand for them, see link_handoffs. */
static int read_handoffs(struct reader *r, json_t *config, struct orb_agent *agent)
{
    json_t *handoffs = json_object_get(config, "handoffs");
    size_t count = json_array_size(handoffs);
    if (handoffs && !json_is_null(handoffs) && !json_is_array(handoffs))
        return wrong(r, "handoffs", "an array of agents");
    if (!count)
        return 0;
    agent->handoffs = orb_alloc(count * sizeof *agent->handoffs);
    for (size_t i = 0; i < count; i++) {
        struct orb_agent *to;
        size_t place = enter(r, "handoffs", i, 1);
        r->depth++;
        int rc = read_agent(r, json_array_get(handoffs, i), &to);
        r->depth--;
        for (size_t k = 0; !rc && k < agent->handoff_count; k++)
            if (!strcmp(r->plan->agents[agent->handoffs[k]]->name, to->name))
                rc = mistake(r, ORB_E_AGENT, "", "Duplicate handoff agent '%.100s' on agent '%.100s'", to->name, agent->name);
        leave(r, place);
        if (rc && !r->fn)
            return rc;
        if (!rc)
            agent->handoffs[agent->handoff_count++] = to->index;
    }
    return 0;
}

static int too_deep(struct reader *r)
{
    (void)mistake_at(r, ORB_E_SWARM, "", "handoffs and swarms are nested deeper than %d", ORB_PLAN_DEPTH_MAX);
    return ORB_E_SWARM;
}

static int add_agent(struct reader *r, struct orb_agent **out)
{
    struct orb_plan *plan = r->plan;
    if (plan->agent_count == ORB_AGENTS_MAX) {
        if (!r->is_full++) /* one word for all that are too many */
            (void)mistake(r, ORB_E_SWARM, "", "agent_config: it has over %d agents", ORB_AGENTS_MAX);
        return ORB_E_SWARM;
    }
    if (r->depth > ORB_PLAN_DEPTH_MAX)
        return too_deep(r);
    if (plan->agent_count % 8 == 0) {
        struct orb_agent **more = orb_alloc((plan->agent_count + 8) * sizeof *more);
        if (plan->agent_count)
            memcpy(more, plan->agents, plan->agent_count * sizeof *more);
        free(plan->agents);
        plan->agents = more;
    }
    *out = plan->agents[plan->agent_count] = orb_alloc(sizeof **out);
    (*out)->index = (int)plan->agent_count++;
    return 0;
}

static int read_agent(struct reader *r, json_t *config, struct orb_agent **out)
{
    struct orb_agent *agent = NULL;
    const json_t *name = json_object_get(config, "name");
    if (!json_is_object(config)) {
        (void)mistake_at(r, ORB_E_AGENT, "", "an agent is an object%s", r->fn ? " with at least a 'name'" : "");
        return ORB_E_AGENT;
    }
    int rc = name ? 0 : mistake_at(r, ORB_E_AGENT, "", "%s", r->fn ? "the agent has no 'name': add one, for example \"name\": \"assistant\"" : "name is missing");
    if (!rc)
        rc = add_agent(r, &agent);
    if (!rc)
        rc = read_text(r, config, "name", "", &agent->name);
    if (!rc && json_is_string(name) && !json_string_length(name))
        rc = mistake_at(r, ORB_E_AGENT, "name", "name is empty");
    if (!rc)
        rc = read_text(r, config, "model", "openai:gpt-4o", &agent->model);
    if (!rc)
        rc = read_text(r, config, "instructions", "", &agent->instructions);
    if (!rc)
        rc = read_numbers(r, config, agent);
    if (!rc)
        rc = read_options(r, config, agent);
    if (!rc)
        rc = read_tools(r, config, agent);
    if (!rc)
        rc = read_output(r, config, agent);
    if (!rc)
        rc = read_handoffs(r, config, agent);
    if (!rc)
        *out = agent;
    return rc;
}

/* ---- swarms and groups ------------------------------------------------- */

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

static const char *node_name(const struct orb_node *node)
{
    return node->agent ? node->agent->name : node->name;
}

static int read_node(struct reader *r, json_t *config, struct orb_node **out);

/* Of the latest member. ORB_E_SWARM also when it is known to have none. */
static int check_name(struct reader *r, const struct orb_node *node, const struct orb_node *member)
{
    const char *name = node_name(member);
    for (size_t i = 0; i + 1 < node->member_count; i++)
        if (*name && !strcmp(node_name(node->members[i]), name))
            return mistake(r, ORB_E_SWARM, "", "Duplicate agent name '%.100s' in swarm", name);
    return *name ? 0 : ORB_E_SWARM;
}

/* The names that a flow can use are known when the order counts members afterwards. */
static int read_members(struct reader *r, json_t *config, struct orb_node *node)
{
    int is_sure = 1;
    json_t *agents = json_object_get(config, "agents");
    size_t count = json_array_size(agents);
    if (!json_is_array(agents))
        return wrong(r, "agents", "an array");
    if (!count)
        return mistake(r, ORB_E_SWARM, "agents", node->type == ORB_NODE_PARALLEL ? "ParallelGroup requires at least one agent" :
                       node->type == ORB_NODE_SERIAL ? "SerialGroup requires at least one agent" : "Swarm requires at least one agent");
    if (count > ORB_AGENTS_MAX)
        return mistake_at(r, ORB_E_SWARM, "agents", "it has over %d agents", ORB_AGENTS_MAX);
    node->members = orb_alloc(count * sizeof *node->members);
    for (size_t i = 0; i < count; i++) {
        size_t place = enter(r, "agents", i, 1);
        r->depth++;
        int rc = read_node(r, json_array_get(agents, i), &node->members[node->member_count]);
        r->depth--;
        if (!rc)
            rc = check_name(r, node, node->members[node->member_count++]);
        leave(r, place);
        if (rc && !r->fn)
            return rc;
        is_sure = is_sure && !rc;
    }
    node->order_count = is_sure ? node->member_count : 0;
    return 0;
}

static int read_order(struct reader *r, json_t *config, struct orb_node *node)
{
    const json_t *flow = json_object_get(config, "flow");
    const char *names[ORB_AGENTS_MAX];
    struct orb_error err = { 0 };
    int rc = flow && !json_is_null(flow) && !json_is_string(flow) ? wrong(r, "flow", "a string or null") : 0;
    if (rc)
        return rc;
    for (size_t i = 0; i < node->member_count; i++)
        names[i] = node_name(node->members[i]);
    if (json_is_string(flow)) {
        node->order_count = 0;
        return orb_flow_read(json_string_value(flow), names, node->member_count, !node->is_parallel, &node->order, &node->order_count,
                             &node->stages, &node->stage_count, &err) ? mistake(r, ORB_E_SWARM, "flow", "%s", err.text) : 0;
    }
    node->order = orb_alloc(node->member_count * sizeof *node->order);
    node->stages = orb_alloc(node->member_count * sizeof *node->stages);
    node->order_count = node->stage_count = node->member_count;
    for (size_t i = 0; i < node->member_count; i++) {
        node->order[i] = (int)i;
        node->stages[i] = 1;
    }
    return 0;
}

/* In a handoff or team every member is an agent: control passes between conversations, or tools are given to one. */
static int check_members(struct reader *r, const struct orb_node *node)
{
    if (node->type == ORB_NODE_TEAM && node->order_count < 2)
        return mistake(r, ORB_E_SWARM, "mode", "Team mode requires at least two agents (lead + workers)");
    if (node->type == ORB_NODE_TEAM && !node->members[node->order[0]]->agent)
        return mistake_at(r, ORB_E_SWARM, "mode", "the lead of a team must be an agent, not a swarm or group");
    for (size_t i = 0; node->type == ORB_NODE_HANDOFF && i < node->member_count; i++)
        if (!node->members[i]->agent)
            return mistake_at(r, ORB_E_SWARM, "mode", "members of a handoff swarm must be agents: '%.100s' is a swarm or group", node_name(node->members[i]));
    return 0;
}

/* A handoff to an agent whose name a member of the swarm has goes to that member. */
static void link_handoffs(struct orb_plan *plan, const struct orb_node *node)
{
    for (size_t i = 0; i < node->member_count; i++) {
        struct orb_agent *agent = node->members[i]->agent;
        for (size_t k = 0; agent && k < agent->handoff_count; k++)
            for (size_t m = 0; m < node->member_count; m++)
                if (node->members[m]->agent && !strcmp(plan->agents[agent->handoffs[k]]->name, node->members[m]->agent->name))
                    agent->handoffs[k] = node->members[m]->agent->index;
    }
}

static int read_mode(struct reader *r, const json_t *config, struct orb_node *node)
{
    static const struct { const char *word; enum orb_node_type type; } modes[] = {
        { "workflow", ORB_NODE_WORKFLOW }, { "handoff", ORB_NODE_HANDOFF }, { "team", ORB_NODE_TEAM },
    }, groups[] = { { "parallel", ORB_NODE_PARALLEL }, { "serial", ORB_NODE_SERIAL } };
    const json_t *group = json_object_get(config, "group"), *mode = json_object_get(config, "mode");
    const json_t *parallel = json_object_get(config, "parallel");
    if (group) {
        for (size_t i = 0; i < ORB_COUNT(groups); i++)
            if (json_is_string(group) && !strcmp(json_string_value(group), groups[i].word)) {
                node->type = groups[i].type;
                return 0;
            }
        return wrong(r, "group", "parallel or serial");
    }
    node->type = ORB_NODE_WORKFLOW;
    int rc = mode && !json_is_string(mode) ? wrong(r, "mode", "a string") : 0;
    if (!rc && parallel && !json_is_boolean(parallel))
        rc = wrong(r, "parallel", "true or false");
    if (rc)
        return rc;
    node->is_parallel = json_is_true(parallel);
    const char *word = json_is_string(mode) ? json_string_value(mode) : "workflow";
    for (size_t i = 0; i < ORB_COUNT(modes); i++)
        if (!strcmp(word, modes[i].word)) {
            node->type = modes[i].type;
            return 0;
        }
    return mistake(r, ORB_E_SWARM, "mode", "Unsupported swarm mode: '%.60s'", word);
}

static int read_swarm(struct reader *r, json_t *config, struct orb_node *node)
{
    char name[160] = "";
    int rc = read_mode(r, config, node);
    if (!rc && r->depth > ORB_PLAN_DEPTH_MAX)
        rc = too_deep(r);
    if (!rc)
        rc = read_members(r, config, node);
    if (!rc && node->order_count)
        rc = read_order(r, config, node);
    if (!rc && node->order_count)
        rc = check_members(r, node);
    if (!rc)
        rc = read_count(r, config, "max_handoffs", 0, HANDOFFS_MAX, 10, &node->max_handoffs);
    if (!rc)
        rc = read_text(r, config, "separator", "\n\n", &node->separator);
    if (rc)
        return rc;
    if (node->order_count)
        snprintf(name, sizeof name, "swarm(%.120s...)", node_name(node->members[node->order[0]]));
    rc = read_text(r, config, "name", name, &node->name);
    if (!rc)
        link_handoffs(r->plan, node);
    return rc;
}

static int read_node(struct reader *r, json_t *config, struct orb_node **out)
{
    struct orb_node *node = orb_alloc(sizeof *node);
    int rc = json_object_get(config, "agents") ? read_swarm(r, config, node) : read_agent(r, config, &node->agent);
    if (rc)
        node_free(node);
    else
        *out = node;
    return rc;
}

/* ---- the plan --------------------------------------------------------- */

static int read_limits(struct reader *r, const json_t *config, struct orb_plan *plan)
{
    const json_t *cost = json_object_get(config, "max_cost");
    int rc = 0;
    if (cost && !json_is_null(cost) && (!json_is_number(cost) || json_number_value(cost) <= 0))
        rc = wrong(r, "max_cost", "a number of dollars above 0");
    plan->max_cost = json_number_value(cost);
    if (!rc)
        rc = read_count(r, config, "max_tokens_total", 1, TOKENS_MAX, 0, &plan->max_tokens_total);
    return rc ? rc : read_count(r, config, "tool_concurrency", 1, TOOLS_MAX, 8, &plan->tool_concurrency);
}

void orb_plan_check(const json_t *config, orb_plan_mistake_fn fn, void *arg)
{
    struct orb_plan *plan = orb_alloc(sizeof *plan);
    struct reader r = { .plan = plan, .fn = fn, .arg = arg };
    (void)read_limits(&r, config, plan);
    (void)read_node(&r, (json_t *)config, &plan->root);
    orb_plan_free(plan);
}

int orb_plan_read(const json_t *config, struct orb_plan **out, struct orb_error *err)
{
    struct orb_plan *plan = orb_alloc(sizeof *plan);
    struct reader r = { .plan = plan, .err = err };
    int rc = read_limits(&r, config, plan);
    if (!rc)
        rc = read_node(&r, (json_t *)config, &plan->root); /* its parts are shared, and counted */
    if (rc)
        orb_plan_free(plan);
    else
        *out = plan;
    return rc;
}

void orb_plan_free(struct orb_plan *plan)
{
    if (!plan)
        return;
    node_free(plan->root);
    for (size_t i = 0; i < plan->agent_count; i++) {
        struct orb_agent *agent = plan->agents[i];
        free(agent->name);
        free(agent->model);
        free(agent->instructions);
        free(agent->handoffs);
        free(agent->output_name);
        json_decref(agent->tools);
        json_decref(agent->options);
        json_decref(agent->output_schema);
        free(agent);
    }
    free(plan->agents);
    free(plan);
}
