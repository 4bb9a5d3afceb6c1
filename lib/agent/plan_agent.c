/* An agent of a plan. */
#include "agent/plan_inner.h"
#include "base/base.h"
#include "tool/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOLS_MAX 128          /* items of one agent */
#define STOPS_MAX 16
#define OUTPUT_RETRIES_MAX 10

/* ---- numbers ------------------------------------------------------------ */

static int64_t read_steps(struct plan_reader *r, const json_t *config)
{
    const json_t *steps = json_object_get(config, "max_steps");
    long long count = json_integer_value(steps);
    if (!steps)
        return 10;
    if (!json_is_integer(steps))
        plan_wrong(r, "max_steps", "a whole number");
    else if (count < 1)
        plan_mistake(r, ORB_E_AGENT, "max_steps", "max_steps must be >= 1, got %lld", count);
    else if (count > ORB_STEPS_MAX)
        plan_mistake(r, ORB_E_AGENT, "max_steps", "max_steps must be <= %d, got %lld", ORB_STEPS_MAX, count);
    return count;
}

static void read_numbers(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    const json_t *temperature = json_object_get(config, "temperature");
    const json_t *tokens = json_object_get(config, "max_tokens");
    agent->max_steps = read_steps(r, config);
    if (temperature && !json_is_number(temperature))
        plan_wrong(r, "temperature", "a number");
    agent->temperature = temperature ? json_number_value(temperature) : 1.0;
    if (tokens && !json_is_null(tokens) && json_integer_value(tokens) < 1)
        plan_wrong(r, "max_tokens", "null or a whole number above 0");
    agent->max_tokens = json_integer_value(tokens);
    agent->output_retries = plan_count(r, config, "output_retries", 0, OUTPUT_RETRIES_MAX, 2);
}

/* ---- models ------------------------------------------------------------- */

static void read_models(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    struct orb_error err = { 0 };
    char *text = plan_text(r, config, "model", "openai:gpt-4o");
    if (orb_models_read(text, &agent->models, &err))
        plan_mistake_at(r, ORB_E_AGENT, "model", "'model': %s", err.text);
    free(text);
}

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

static void read_option(struct plan_reader *r, const char *key, const json_t *value)
{
    char pointer[PLAN_PLACE_MAX] = "model_options", name[80];
    size_t i = 0;
    while (i < ORB_COUNT(options) && strcmp(options[i].key, key))
        i++;
    orb_pointer_add(pointer, sizeof pointer, key);
    snprintf(name, sizeof name, "model_options/%.60s", key);
    if (i == ORB_COUNT(options))
        plan_mistake_at(r, ORB_E_AGENT, pointer, "model_options has no '%.60s'; there are reasoning_effort, top_p, stop, tool_choice, "
                        "parallel_tool_calls and cache", key);
    else if (!options[i].is_right(value))
        plan_wrong(r, name, options[i].want);
}

static void read_options(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    json_t *value = plan_member(r, config, "model_options", JSON_OBJECT, "an object"), *item;
    const char *key;
    json_object_foreach(value, key, item)
        read_option(r, key, item);
    agent->options = json_incref(value);
}

/* ---- tools and output ---------------------------------------------------- */

static void read_tools(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    static const char want[] = "an array of at most 128 tools";
    json_t *tools = plan_member(r, config, "tools", JSON_ARRAY, want), *item;
    size_t i;
    if (json_array_size(tools) > TOOLS_MAX) {
        plan_wrong(r, "tools", want);
        return;
    }
    json_array_foreach(tools, i, item) {
        char name[32];
        snprintf(name, sizeof name, "tools/%zu", i);
        if (!json_string_length(item) && !json_is_object(item))
            plan_mistake_at(r, ORB_E_AGENT, name, "%s is neither a path nor an object", name);
    }
    if (json_array_size(tools))
        agent->tools = json_incref(tools);
}

static void on_schema_mistake(void *arg, const char *pointer, const char *text)
{
    char key[PLAN_PLACE_MAX];
    snprintf(key, sizeof key, "output_schema%s", pointer);
    plan_mistake_at(arg, ORB_E_AGENT, key, "output_schema: %s", text);
}

static void read_schema(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    json_t *schema = plan_member(r, config, "output_schema", JSON_OBJECT, "a JSON Schema (an object)");
    if (schema)
        orb_schema_check_all(schema, on_schema_mistake, r);
    agent->output_schema = json_incref(schema);
}

static void read_output(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    read_schema(r, config, agent);
    agent->output_name = plan_text(r, config, "output_name", "answer");
    size_t n = strlen(agent->output_name);
    if (n < 1 || n > 64 || strspn(agent->output_name, letters) != n)
        plan_wrong(r, "output_name", "1 to 64 of the characters A-Z a-z 0-9 _ -");
}

/* ---- handoffs ------------------------------------------------------------ */

void orb_plan_tool_name(const char *prefix, const char *agent, char out[ORB_TOOL_NAME_MAX + 1])
{
    snprintf(out, ORB_TOOL_NAME_MAX + 1, "%s%s", prefix, agent);
    for (char *p = out; *p; p++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *p))
            *p = '_';
}

void plan_check_tools(struct plan_reader *r, const char *key, const char *prefix, const char *const *names, size_t count)
{
    char(*tools)[ORB_TOOL_NAME_MAX + 1] = orb_alloc((count + 1) * sizeof *tools);
    for (size_t i = 0; i < count; i++) {
        orb_plan_tool_name(prefix, names[i], tools[i]);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(tools[k], tools[i]) && strcmp(names[k], names[i]) != 0)
                plan_mistake_at(r, ORB_E_AGENT, key, "'%.80s' and '%.80s' would both be called by the tool %s: rename one of them", names[k], names[i], tools[i]);
    }
    free(tools);
}

/* Agents that it may hand over to. Those of a swarm that have the same name stand for them, see link_handoffs. */
static void read_handoffs(struct plan_reader *r, const json_t *config, struct orb_agent *agent)
{
    json_t *handoffs = plan_member(r, config, "handoffs", JSON_ARRAY, "an array of agents");
    size_t count = json_array_size(handoffs);
    const char *names[ORB_AGENTS_MAX];
    if (!count)
        return;
    agent->handoffs = orb_alloc((count < ORB_AGENTS_MAX ? count : ORB_AGENTS_MAX) * sizeof *agent->handoffs);
    for (size_t i = 0; i < count; i++) {
        size_t place = plan_enter(r, "handoffs", i), k = 0;
        r->depth++;
        struct orb_agent *to = plan_agent(r, json_array_get(handoffs, i));
        r->depth--;
        while (to && k < agent->handoff_count && strcmp(names[k], to->name))
            k++;
        if (to && k < agent->handoff_count)
            plan_mistake(r, ORB_E_AGENT, "", "Duplicate handoff agent '%.100s' on agent '%.100s'", to->name, agent->name);
        plan_leave(r, place);
        if (!to || k < agent->handoff_count)
            continue;
        names[agent->handoff_count] = to->name;
        agent->handoffs[agent->handoff_count++] = to->index;
    }
    plan_check_tools(r, "handoffs", "transfer_to_", names, agent->handoff_count);
}

/* ---- all of it ------------------------------------------------------------ */

void plan_too_deep(struct plan_reader *r)
{
    plan_mistake_at(r, ORB_E_SWARM, "", "handoffs and swarms are nested deeper than %d", ORB_PLAN_DEPTH_MAX);
}

static struct orb_agent *add_agent(struct plan_reader *r)
{
    struct orb_plan *plan = r->plan;
    if (plan->agent_count == ORB_AGENTS_MAX) {
        if (!r->is_full++) /* one word for all that are too many */
            plan_mistake(r, ORB_E_SWARM, "", "agent_config: it has over %d agents", ORB_AGENTS_MAX);
        return NULL;
    }
    if (r->depth > ORB_PLAN_DEPTH_MAX) {
        plan_too_deep(r);
        return NULL;
    }
    if (plan->agent_count % 8 == 0) {
        struct orb_agent **more = orb_alloc((plan->agent_count + 8) * sizeof *more);
        if (plan->agent_count)
            memcpy(more, plan->agents, plan->agent_count * sizeof *more);
        free(plan->agents);
        plan->agents = more;
    }
    struct orb_agent *agent = plan->agents[plan->agent_count] = orb_alloc(sizeof *agent);
    agent->index = (int)plan->agent_count++;
    return agent;
}

struct orb_agent *plan_agent(struct plan_reader *r, const json_t *config)
{
    if (!json_is_object(config)) {
        plan_mistake_at(r, ORB_E_AGENT, "", "an agent is an object with at least a 'name'");
        return NULL;
    }
    if (!json_object_get(config, "name"))
        plan_mistake_at(r, ORB_E_AGENT, "", "the agent has no 'name': add one, for example \"name\": \"assistant\"");
    struct orb_agent *agent = add_agent(r);
    if (!agent)
        return NULL;
    agent->name = plan_name(r, config, "");
    agent->instructions = plan_text(r, config, "instructions", "");
    read_models(r, config, agent);
    read_numbers(r, config, agent);
    read_options(r, config, agent);
    read_tools(r, config, agent);
    read_output(r, config, agent);
    read_handoffs(r, config, agent);
    return agent;
}

void plan_agent_free(struct orb_agent *agent)
{
    free(agent->name);
    free(agent->instructions);
    free(agent->handoffs);
    free(agent->output_name);
    orb_models_done(&agent->models);
    json_decref(agent->tools);
    json_decref(agent->options);
    json_decref(agent->output_schema);
    free(agent);
}
