/* The YAML of the Python package ("vars", "agents" by name, "swarm") made into agent_config.
 * Keys of agent_config may stand in it as well. */
#include "agent/file.h"
#include "base/base.h"

#include <string.h>

static struct orb_doc_node *shape_any(struct orb_doc *doc, struct orb_doc_node *spec, const char *name, struct orb_place at);

/* ---- agents ----------------------------------------------------------- */

/* The spec's, else what def says. NULL when a limit is met. */
static int move(struct orb_doc *doc, struct orb_doc_node *out, struct orb_doc_node *spec, const char *key, json_t *def_take, struct orb_place at)
{
    struct orb_doc_node *node = orb_doc_take(spec, key);
    struct orb_place key_at = node ? node->key_at : at;
    if (node)
        json_decref(def_take);
    else if (!def_take)
        return 0;
    else
        node = orb_doc_scalar(doc, def_take, at);
    return orb_doc_set(doc, out, key, node, key_at);
}

static int move_rest(struct orb_doc *doc, struct orb_doc_node *out, struct orb_doc_node *spec)
{
    while (spec->first) {
        struct orb_doc_node *node = orb_doc_take(spec, spec->first->key);
        if (orb_doc_set(doc, out, node->key, node, node->key_at))
            return -1;
    }
    return 0;
}

/* A name of its own beside that in the map of agents, or of the file, must be the same. */
static void check_name(struct orb_doc *doc, const struct orb_doc_node *own, const char *name)
{
    if (own && name && orb_doc_str(own) && strcmp(orb_doc_str(own), name) != 0)
        orb_doc_error(doc, orb_doc_place(own), "the agent '%.100s' calls itself '%.100s': remove this 'name'", name, orb_doc_str(own));
}

struct orb_doc_node *orb_file_agent(struct orb_doc *doc, struct orb_doc_node *spec, const char *name, struct orb_place at)
{
    struct orb_doc_node *out = orb_doc_container(doc, ORB_DOC_OBJECT, at), *type = orb_doc_take(spec, "type");
    struct orb_doc_node *prompt = orb_doc_take(spec, "system_prompt"), *own = orb_doc_get(spec, "name");
    if (!out)
        return NULL;
    if (type && (!orb_doc_str(type) || strcmp(orb_doc_str(type), "builtin") != 0))
        orb_doc_warning(doc, orb_doc_place(type), "only the type 'builtin' is known here: the agent is made as one");
    if (prompt) {
        (void)orb_doc_take(spec, "instructions"); /* as in the Python package, system_prompt wins */
        if (orb_doc_set(doc, spec, "instructions", prompt, prompt->key_at))
            return NULL;
    }
    if (move(doc, out, spec, "name", name && !own ? json_string(name) : NULL, at) ||
        move(doc, out, spec, "model", json_string("openai:gpt-4o"), at) || move(doc, out, spec, "instructions", json_string(""), at) ||
        move(doc, out, spec, "max_steps", json_integer(10), at) || move(doc, out, spec, "temperature", json_real(1.0), at) ||
        move(doc, out, spec, "max_tokens", json_null(), at) || move_rest(doc, out, spec))
        return NULL;
    return out;
}

/* ---- handoffs --------------------------------------------------------- */

static struct orb_doc_node *find_agent(const struct orb_doc_node *agents, const char *name)
{
    struct orb_doc_node *agent = agents->first;
    while (agent && (!orb_doc_str(orb_doc_get(agent, "name")) || strcmp(orb_doc_str(orb_doc_get(agent, "name")), name) != 0))
        agent = agent->next;
    return agent;
}

/* What stands for a member in another one's handoffs: all of it but its own handoffs, which might lead back. */
static struct orb_doc_node *stand_in(struct orb_doc *doc, struct orb_doc_node *member)
{
    struct orb_doc_node *handoffs = orb_doc_take(member, "handoffs"), *copy = orb_doc_copy(doc, member);
    if (handoffs)
        orb_doc_append(member, handoffs);
    return copy;
}

static void add_handoff(struct orb_doc *doc, const struct orb_doc_node *agents, struct orb_doc_node *from, const char *to, struct orb_place at)
{
    const char *from_name = orb_doc_str(orb_doc_get(from, "name"));
    struct orb_doc_node *member = find_agent(agents, to), *handoffs = orb_doc_get(from, "handoffs");
    if (!member)
        orb_doc_error(doc, at, "Handoff edge references unknown agent: %.100s → %.100s", from_name ? from_name : "?", to);
    if (!member)
        return;
    if (orb_doc_get(member, "agents")) {
        orb_doc_error(doc, at, "Handoff edge to '%.100s', which is a swarm or group: only agents can take over", to);
        return;
    }
    if (!handoffs) {
        handoffs = orb_doc_container(doc, ORB_DOC_ARRAY, at);
        if (orb_doc_set(doc, from, "handoffs", handoffs, at))
            return;
    }
    if (handoffs->type != ORB_DOC_ARRAY)
        return;
    struct orb_doc_node *copy = stand_in(doc, member);
    if (copy) {
        copy->at = at;
        orb_doc_append(handoffs, copy);
    }
}

/* "handoffs: [writer]": names of the same file, beside agents that stand there in full. */
static void name_handoffs(struct orb_doc *doc, const struct orb_doc_node *agents, struct orb_doc_node *agent)
{
    struct orb_doc_node *handoffs = orb_doc_get(agent, "handoffs"), *item, *next;
    if (!handoffs || handoffs->type != ORB_DOC_ARRAY)
        return;
    item = handoffs->first;
    handoffs->first = handoffs->last = NULL;
    for (; item; item = next) {
        next = item->next;
        item->next = NULL;
        struct orb_doc_node *full = item;
        if (orb_doc_str(item))
            add_handoff(doc, agents, agent, orb_doc_str(item), item->at);
        else if (item->type == ORB_DOC_OBJECT)
            full = orb_file_agent(doc, item, NULL, item->at);
        if (full && !orb_doc_str(full))
            orb_doc_append(handoffs, full);
    }
}

/* [from, to] */
static void shape_edges(struct orb_doc *doc, const struct orb_doc_node *agents, const struct orb_doc_node *edges)
{
    if (!edges || json_is_null(edges->value))
        return;
    if (edges->type != ORB_DOC_ARRAY)
        orb_doc_error(doc, orb_doc_place(edges), "'edges' must be a list of handoffs, each [from, to]");
    for (const struct orb_doc_node *edge = edges->first; edge && edges->type == ORB_DOC_ARRAY; edge = edge->next) {
        const char *from = edge->first ? orb_doc_str(edge->first) : NULL;
        const char *to = edge->first && edge->first->next ? orb_doc_str(edge->first->next) : NULL;
        if (edge->type != ORB_DOC_ARRAY || !from || !to || edge->first->next->next) {
            orb_doc_error(doc, edge->at, "an edge is a list of two names, [from, to]");
            continue;
        }
        struct orb_doc_node *member = find_agent(agents, from);
        if (member)
            add_handoff(doc, agents, member, to, edge->at);
        else
            orb_doc_error(doc, edge->at, "Handoff edge references unknown agent: %.100s → %.100s", from, to);
    }
}

/* ---- swarms ----------------------------------------------------------- */

/* The agents that the order names, in that order. NULL when a limit is met. */
static struct orb_doc_node *shape_order(struct orb_doc *doc, struct orb_doc_node *agents, const struct orb_doc_node *order)
{
    if (!order || json_is_null(order->value))
        return agents;
    if (order->type != ORB_DOC_ARRAY) {
        orb_doc_error(doc, orb_doc_place(order), "'order' must be a list of agents' names");
        return agents;
    }
    struct orb_doc_node *out = orb_doc_container(doc, ORB_DOC_ARRAY, agents->at);
    for (const struct orb_doc_node *item = order->first; out && item; item = item->next) {
        struct orb_doc_node *agent = orb_doc_str(item) ? find_agent(agents, orb_doc_str(item)) : NULL;
        if (!orb_doc_str(item))
            orb_doc_error(doc, item->at, "'order' must be a list of agents' names");
        else if (find_agent(out, orb_doc_str(item)))
            orb_doc_error(doc, item->at, "'%.100s' is in the order twice", orb_doc_str(item));
        else if (!agent)
            orb_doc_error(doc, item->at, "Swarm order references unknown agent '%.100s'", orb_doc_str(item));
        else if (!(agent = orb_doc_copy(doc, agent)))
            return NULL;
        else
            orb_doc_append(out, agent);
    }
    for (const struct orb_doc_node *agent = agents->first; out && agent; agent = agent->next) {
        const char *name = orb_doc_str(orb_doc_get(agent, "name"));
        if (name && !find_agent(out, name) && !doc->errors)
            orb_doc_warning(doc, agent->at, "'%.100s' is not in the swarm's order: it is left out", name);
    }
    return out;
}

/* A map of names to agents, or the list of agent_config. */
static struct orb_doc_node *shape_agents(struct orb_doc *doc, struct orb_doc_node *agents)
{
    struct orb_doc_node *out = orb_doc_container(doc, ORB_DOC_ARRAY, agents->at), *next;
    if (agents->type == ORB_DOC_SCALAR)
        orb_doc_error(doc, orb_doc_place(agents), "'agents' must be a map of names to agents");
    for (struct orb_doc_node *spec = agents->first; out && spec; spec = next) {
        struct orb_place at = orb_doc_place(spec);
        next = spec->next;
        if (spec->type == ORB_DOC_SCALAR && json_is_null(spec->value) && spec->key)
            spec->type = ORB_DOC_OBJECT; /* "helper:", with nothing behind it */
        struct orb_doc_node *agent = spec;
        if (spec->type != ORB_DOC_OBJECT)
            orb_doc_error(doc, at, "an agent must be a map of its keys, not %s", orb_doc_type_name(spec));
        else if (!(agent = shape_any(doc, spec, spec->key, at)))
            return NULL;
        if (spec->type == ORB_DOC_OBJECT)
            orb_doc_append(out, agent);
    }
    for (struct orb_doc_node *agent = out ? out->first : NULL; agent; agent = agent->next)
        name_handoffs(doc, out, agent);
    return out;
}

/* The keys of the section "swarm" are those of the swarm itself. */
static int lift_swarm(struct orb_doc *doc, struct orb_doc_node *spec)
{
    struct orb_doc_node *section = orb_doc_take(spec, "swarm"), *type;
    if (section && section->type != ORB_DOC_OBJECT && !json_is_null(section->value)) {
        orb_doc_error(doc, orb_doc_place(section), "'swarm' must be a map, for example with the keys type and flow");
        section = NULL;
    }
    while (section && section->first) {
        struct orb_doc_node *node = orb_doc_take(section, section->first->key);
        if (orb_doc_get(spec, node->key))
            orb_doc_error(doc, node->key_at, "'%.60s' is there twice, in 'swarm' and beside it: remove one of them", node->key);
        else if (orb_doc_set(doc, spec, node->key, node, node->key_at))
            return -1;
    }
    type = orb_doc_take(spec, "type");
    return type && !orb_doc_get(spec, "mode") ? orb_doc_set(doc, spec, "mode", type, type->key_at) : 0;
}

static struct orb_doc_node *shape_swarm(struct orb_doc *doc, struct orb_doc_node *spec, const char *name, struct orb_place at)
{
    struct orb_doc_node *out = orb_doc_container(doc, ORB_DOC_OBJECT, at), *listed = orb_doc_take(spec, "agents");
    struct orb_place key_at = listed->key_at;
    struct orb_doc_node *agents = shape_agents(doc, listed);
    if (!out || !agents || lift_swarm(doc, spec))
        return NULL;
    struct orb_doc_node *order = orb_doc_take(spec, "order"), *edges = orb_doc_take(spec, "edges");
    int is_group = orb_doc_get(spec, "group") != NULL;
    shape_edges(doc, agents, edges);
    agents = shape_order(doc, agents, order);
    if (orb_doc_set(doc, out, "agents", agents, key_at) || move(doc, out, spec, "flow", is_group ? NULL : json_null(), at) ||
        move(doc, out, spec, "mode", is_group ? NULL : json_string("workflow"), at) ||
        move(doc, out, spec, "max_handoffs", is_group ? NULL : json_integer(10), at) ||
        move(doc, out, spec, "name", name && !orb_doc_get(spec, "name") ? json_string(name) : NULL, at) ||
        move_rest(doc, out, spec))
        return NULL;
    return out;
}

static struct orb_doc_node *shape_any(struct orb_doc *doc, struct orb_doc_node *spec, const char *name, struct orb_place at)
{
    check_name(doc, orb_doc_get(spec, "name"), name);
    return orb_doc_get(spec, "agents") ? shape_swarm(doc, spec, name, at) : orb_file_agent(doc, spec, name, at);
}

/* ---- the file --------------------------------------------------------- */

/* One agent without a word about a swarm is an agent, with what stands beside it. */
static struct orb_doc_node *unwrap(struct orb_doc *doc, struct orb_doc_node *swarm)
{
    struct orb_doc_node *agents = orb_doc_get(swarm, "agents"), *agent = agents->first;
    static const char *const of_swarm[] = { "agents", "flow", "mode", "max_handoffs" };
    if (!agent || agent->next || orb_doc_get(agent, "agents"))
        return swarm;
    for (size_t i = 0; i < ORB_COUNT(of_swarm); i++)
        (void)orb_doc_take(swarm, of_swarm[i]);
    return move_rest(doc, agent, swarm) ? NULL : agent;
}

struct orb_doc_node *orb_file_shape(struct orb_doc *doc, struct orb_doc_node *root)
{
    static const char *const of_swarm[] = { "swarm", "flow", "mode", "type", "order", "edges", "max_handoffs", "group", "parallel", "name" };
    int is_swarm = 0;
    if (root->type != ORB_DOC_OBJECT) {
        orb_doc_error(doc, root->at, "Expected YAML dict, got %s", orb_doc_type_name(root));
        return NULL;
    }
    (void)orb_doc_take(root, "vars");
    if (!orb_doc_get(root, "agents") && orb_doc_get(root, "name"))
        return orb_file_agent(doc, root, NULL, root->at);
    if (!orb_doc_get(root, "agents")) {
        orb_doc_error(doc, root->at, "No 'agents' section in YAML");
        return NULL;
    }
    for (size_t i = 0; i < ORB_COUNT(of_swarm); i++)
        is_swarm |= orb_doc_get(root, of_swarm[i]) != NULL;
    struct orb_doc_node *swarm = shape_swarm(doc, root, NULL, root->at);
    return swarm && !is_swarm ? unwrap(doc, swarm) : swarm;
}
