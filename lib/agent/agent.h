/* An agent's configuration, read from agent_config (docs/WIRE.md). */
#ifndef ORB_AGENT_AGENT_H
#define ORB_AGENT_AGENT_H

#include "base/json.h"

struct orb_agent {
    char *name, *model, *instructions;
    int64_t max_steps, max_tokens; /* max_tokens 0 = not set */
    double temperature;
};
/* ORB_E_AGENT with what is wrong: all of it permanent. */
int orb_agent_parse(const json_t *config, struct orb_agent *out, struct orb_error *err) ORB_MUST_CHECK;
void orb_agent_done(struct orb_agent *agent);

#endif
