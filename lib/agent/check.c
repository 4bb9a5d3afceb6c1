/* What is wrong with an agent_config, all of it, and what may be meant otherwise: the
 * plan's reader says the first; keys and models that nobody here knows are the second. */
#include "agent/file.h"
#include "agent/plan.h"
#include "base/base.h"
#include "model/model.h"
#include <orbiter/options.h>

#include <stdlib.h>
#include <string.h>

static const char *const agent_keys[] = { "name", "model", "instructions", "max_steps", "temperature", "max_tokens", "tools", "handoffs",
                                          "output_type", "output_schema", "output_name", "output_retries", "model_options" };
static const char *const swarm_keys[] = { "name", "agents", "flow", "mode", "max_handoffs", "group", "parallel", "separator" };
static const char *const task_keys[] = { "max_cost", "max_tokens_total", "tool_concurrency" }; /* of the outermost */

static int is_known(const char *key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], key))
            return 1;
    return 0;
}

static void check_keys(struct orb_doc *doc, const struct orb_doc_node *node, const char *const *names, size_t count, int is_root)
{
    for (const struct orb_doc_node *child = node->first; child; child = child->next) {
        int is_task_key = is_known(child->key, task_keys, ORB_COUNT(task_keys));
        if (is_known(child->key, names, count) || (is_task_key && is_root))
            continue;
        const char *near = orb_options_nearest(child->key, names, count);
        if (is_task_key)
            orb_doc_warning(doc, child->key_at, "'%s' counts for the whole task: put it at the top, here nothing reads it", child->key);
        else if (near)
            orb_doc_warning(doc, child->key_at, "nothing reads '%.60s' here: is '%s' meant?", child->key, near);
        else
            orb_doc_warning(doc, child->key_at, "nothing reads '%.60s' here", child->key);
    }
}

/* Each of a chain. What is wrong with the chain itself, the plan's reader says. */
static void check_model(struct orb_doc *doc, const struct orb_doc_node *model)
{
    struct orb_models models;
    if (!orb_doc_str(model) || orb_models_read(orb_doc_str(model), &models, NULL))
        return;
    for (size_t i = 0; i < models.count; i++) {
        struct orb_error err = { 0 };
        int rc = orb_model_check(models.at[i], &err);
        if (rc == ORB_E_MODEL_NOT_FOUND)
            orb_doc_warning(doc, orb_doc_place(model), "'model': %s. Only a worker that knows more providers can run it", err.text);
        else if (rc)
            orb_doc_error(doc, orb_doc_place(model), "'model': %s", err.text);
    }
    orb_models_done(&models);
}

static int has_member(const struct orb_doc_node *agents, const char *name)
{
    for (const struct orb_doc_node *one = agents->first; one; one = one->next)
        if (orb_doc_str(orb_doc_get(one, "name")) && !strcmp(orb_doc_str(orb_doc_get(one, "name")), name))
            return 1;
    return 0;
}

/* In a swarm of handoffs control passes between its members only, in others not at all. */
static void check_targets(struct orb_doc *doc, const struct orb_doc_node *swarm)
{
    const char *mode = orb_doc_str(orb_doc_get(swarm, "mode"));
    const struct orb_doc_node *agents = orb_doc_get(swarm, "agents");
    int is_handoff = mode && !strcmp(mode, "handoff") && !orb_doc_get(swarm, "group");
    for (const struct orb_doc_node *one = agents->first; one; one = one->next) {
        const struct orb_doc_node *handoffs = orb_doc_get(one, "handoffs");
        if (handoffs && handoffs->first && !is_handoff) {
            orb_doc_warning(doc, orb_doc_place(handoffs), "only in mode 'handoff' control passes: here nothing reads 'handoffs'");
            continue;
        }
        for (const struct orb_doc_node *to = handoffs ? handoffs->first : NULL; to; to = to->next) {
            const char *name = orb_doc_str(orb_doc_get(to, "name"));
            if (name && !has_member(agents, name))
                orb_doc_warning(doc, orb_doc_place(to), "'%.100s' is not a member of this swarm: put it under 'agents', too, or control never passes to it", name);
        }
    }
}

static void check_flow(struct orb_doc *doc, const struct orb_doc_node *swarm)
{
    const char *flow = orb_doc_str(orb_doc_get(swarm, "flow")), *names[ORB_AGENTS_MAX];
    const struct orb_doc_node *first = orb_doc_get(swarm, "agents")->first, *one = first;
    int *order, *stages, is_there[ORB_AGENTS_MAX] = { 0 };
    size_t count = 0, named, stage_count;
    while (count < ORB_AGENTS_MAX && one && orb_doc_str(orb_doc_get(one, "name"))) {
        names[count++] = orb_doc_str(orb_doc_get(one, "name"));
        one = one->next;
    }
    if (one || orb_flow_read(flow, names, count, 0, &order, &named, &stages, &stage_count, NULL))
        return; /* one has no name of its own, or the plan's reader says what is wrong */
    while (named)
        is_there[order[--named]] = 1;
    for (one = first; one; one = one->next, named++)
        if (!is_there[named])
            orb_doc_warning(doc, one->at, "'%.100s' is not in the flow: it is left out", names[named]);
    free(order);
    free(stages);
}

/* An agent, swarm or group, and what is inside. */
static void check_node(struct orb_doc *doc, const struct orb_doc_node *node, int is_root)
{
    const struct orb_doc_node *inside = orb_doc_get(node, "agents");
    if (node->type != ORB_DOC_OBJECT)
        return;
    if (inside) {
        check_keys(doc, node, swarm_keys, ORB_COUNT(swarm_keys), is_root);
        check_targets(doc, node);
        if (orb_doc_str(orb_doc_get(node, "flow")))
            check_flow(doc, node);
    } else {
        check_keys(doc, node, agent_keys, ORB_COUNT(agent_keys), is_root);
        if (orb_doc_get(node, "model"))
            check_model(doc, orb_doc_get(node, "model"));
        inside = orb_doc_get(node, "handoffs");
    }
    for (const struct orb_doc_node *child = inside && inside->type == ORB_DOC_ARRAY ? inside->first : NULL; child; child = child->next)
        check_node(doc, child, 0);
}

struct mistakes {
    struct orb_doc *doc;
    const struct orb_doc_node *root;
};

static void on_mistake(void *arg, const char *pointer, const char *text)
{
    struct mistakes *m = arg;
    orb_doc_error(m->doc, orb_doc_place(orb_doc_at(m->root, pointer)), "%s", text);
}

void orb_file_check(struct orb_doc *doc, const struct orb_doc_node *root)
{
    struct mistakes mistakes = { doc, root };
    json_t *config = orb_doc_json(root);
    check_node(doc, root, 1);
    orb_plan_check(config, on_mistake, &mistakes);
    json_decref(config);
}
