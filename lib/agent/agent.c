#include "agent/agent.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1000

static int wrong(struct orb_error *err, const char *key, const char *want)
{
    return orb_error_set(err, ORB_E_AGENT, "agent_config: %s is not %s", key, want);
}

static int read_text(const json_t *config, const char *key, const char *def, char **out, struct orb_error *err)
{
    const json_t *value = json_object_get(config, key);
    if (!value)
        *out = orb_strdup(def);
    else if (json_is_string(value))
        *out = orb_memdup(json_string_value(value), json_string_length(value));
    else
        return wrong(err, key, "a string");
    return 0;
}

/* What this version cannot run is said at once, instead of running without it. */
static int check_supported(const json_t *config, struct orb_error *err)
{
    if (json_object_get(config, "agents"))
        return orb_error_set(err, ORB_E_SWARM, "agent_config: it is a swarm (it has \"agents\"), and this worker runs single agents only; "
                             "submit it to a queue that Python workers serve");
    const json_t *tools = json_object_get(config, "tools");
    if (json_array_size(tools)) {
        const json_t *first = json_array_get(tools, 0);
        const char *name = json_is_string(first) ? json_string_value(first) : orb_json_get_str(first, "name", "?");
        return orb_error_set(err, ORB_E_TOOL, "tool \"%s\": this worker has no binding for it, and none for any other tool; "
                             "submit the task to a queue that Python workers serve", name);
    }
    if (json_array_size(json_object_get(config, "handoffs")))
        return orb_error_set(err, ORB_E_SWARM, "agent_config: handoffs need a swarm, and this worker runs single agents only");
    return 0;
}

static int read_numbers(const json_t *config, struct orb_agent *out, struct orb_error *err)
{
    const json_t *steps = json_object_get(config, "max_steps");
    const json_t *temperature = json_object_get(config, "temperature");
    const json_t *tokens = json_object_get(config, "max_tokens");
    if (steps && !json_is_integer(steps))
        return wrong(err, "max_steps", "a whole number");
    out->max_steps = steps ? json_integer_value(steps) : 10;
    if (out->max_steps < 1)
        return orb_error_set(err, ORB_E_AGENT, "max_steps must be >= 1, got %lld", (long long)out->max_steps);
    if (out->max_steps > STEPS_MAX)
        return orb_error_set(err, ORB_E_AGENT, "max_steps must be <= %d, got %lld", STEPS_MAX, (long long)out->max_steps);
    if (temperature && !json_is_number(temperature))
        return wrong(err, "temperature", "a number");
    out->temperature = temperature ? json_number_value(temperature) : 1.0;
    if (tokens && !json_is_null(tokens) && (!json_is_integer(tokens) || json_integer_value(tokens) < 1))
        return wrong(err, "max_tokens", "null or a whole number above 0");
    out->max_tokens = json_integer_value(tokens);
    return 0;
}

int orb_agent_parse(const json_t *config, struct orb_agent *out, struct orb_error *err)
{
    memset(out, 0, sizeof *out);
    int rc = check_supported(config, err);
    if (!rc && !json_object_get(config, "name"))
        rc = orb_error_set(err, ORB_E_AGENT, "agent_config: name is missing");
    if (!rc)
        rc = read_text(config, "name", "", &out->name, err);
    if (!rc)
        rc = read_text(config, "model", "openai:gpt-4o", &out->model, err);
    if (!rc)
        rc = read_text(config, "instructions", "", &out->instructions, err);
    if (!rc)
        rc = read_numbers(config, out, err);
    if (rc)
        orb_agent_done(out);
    return rc;
}

void orb_agent_done(struct orb_agent *agent)
{
    free(agent->name);
    free(agent->model);
    free(agent->instructions);
    memset(agent, 0, sizeof *agent);
}
