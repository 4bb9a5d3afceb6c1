/* Tools that a run has itself: for handing over, for delegating, and for reading
 * large results. And the guard against a model that goes round in a circle. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------- */

static const struct orb_node *team_of(const struct talk *talk)
{
    const struct orb_node *node = talk->frame->node;
    return node->type == ORB_NODE_TEAM ? node : NULL;
}

/* name is "" for an agent that control cannot pass to from here. */
enum special orb_special_at(const struct orb_run *run, const struct talk *talk, size_t index, char name[ORB_TOOL_NAME_MAX + 1], int *target)
{
    const struct orb_node *team = team_of(talk);
    size_t count = team ? team->order_count - 1 : talk->agent->handoff_count;
    if (index == count && json_object_size(run->artifacts)) {
        strcpy(name, ORB_TOOL_RETRIEVE);
        return SPECIAL_ARTIFACT;
    }
    if (index >= count)
        return SPECIAL_NONE;
    *target = team ? (int)index + 1 : talk->agent->handoffs[index];
    if (team)
        orb_plan_tool_name("delegate_to_", orb_node_name(team->members[team->order[*target]]), name);
    else if (orb_frame_may_hand_over(talk, *target))
        orb_plan_tool_name("transfer_to_", run->plan->agents[*target]->name, name);
    else
        *name = '\0';
    return team ? SPECIAL_DELEGATE : SPECIAL_TRANSFER;
}

enum special orb_special_find(const struct orb_run *run, const struct talk *talk, const char *wanted, int *target)
{
    char name[ORB_TOOL_NAME_MAX + 1];
    enum special kind;
    for (size_t i = 0; (kind = orb_special_at(run, talk, i, name, target)); i++)
        if (*name && !strcmp(name, wanted))
            return kind;
    return strcmp(wanted, ORB_TOOL_RETRIEVE) ? SPECIAL_NONE : SPECIAL_ARTIFACT;
}

/* Takes the words. */
static json_t *describe(const char *name, json_t *description, const char *parameter, json_t *what)
{
    json_t *parameters = parameter ? json_pack("{s:s, s:{s:{s:s, s:o}}, s:[s]}", "type", "object", "properties", parameter, "type", "string",
                                               "description", what, "required", parameter)
                                   : json_pack("{s:s, s:{}}", "type", "object", "properties");
    return json_pack("{s:s, s:o, s:o}", "name", name, "description", description, "parameters", parameters);
}

json_t *orb_special_describe(const struct orb_run *run, const struct talk *talk, enum special kind, const char *name, int target)
{
    if (kind == SPECIAL_ARTIFACT)
        return describe(name, orb_run_words("Returns a large tool result that was stored as an artifact."), "id", orb_run_words("The id of the artifact."));
    if (kind == SPECIAL_TRANSFER)
        return describe(name, orb_run_words("Transfer the conversation to the '%.100s' agent.", run->plan->agents[target]->name), NULL, NULL);
    const struct orb_node *team = team_of(talk);
    const char *worker = orb_node_name(team->members[team->order[target]]);
    return describe(name, orb_run_words("Delegate a task to the '%.100s' worker agent.", worker), "task",
                    orb_run_words("The task description to send to '%.100s'.", worker));
}

/* ---- artifacts -------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    return h;
}
#define HASH_START UINT64_C(14695981039346656037)

static void drop_oldest(struct orb_run *run)
{
    const char *key = json_object_iter_key(json_object_iter(run->artifacts));
    run->artifact_total -= json_string_length(json_object_get(run->artifacts, key));
    json_object_del(run->artifacts, key);
}

/* The id that this text has, or gets: the same text always has the same one, so that the guard below sees that nothing is new. */
static void find_place(struct orb_run *run, const char *tool, const char *text, size_t len, char id[128])
{
    uint64_t h = hash(HASH_START, text, len);
    const json_t *there;
    do {
        snprintf(id, 128, "tool_result_%.64s_%08x", tool, (unsigned)(h >> 32));
        there = json_object_get(run->artifacts, id);
        h = hash(h, "", 1);
    } while (there && (json_string_length(there) != len || memcmp(json_string_value(there), text, len)));
    if (!there)
        return;
    run->artifact_total -= len; /* to become the newest */
    json_object_del(run->artifacts, id);
}

json_t *orb_artifact_keep(struct orb_run *run, const char *tool, const char *text, size_t len)
{
    char id[128];
    if (!run->artifacts)
        run->artifacts = json_object();
    find_place(run, tool, text, len, id);
    while (json_object_size(run->artifacts) && (run->artifact_total + len > ARTIFACTS_BYTES_MAX || json_object_size(run->artifacts) >= ARTIFACTS_MAX))
        drop_oldest(run);
    json_object_set_new_nocheck(run->artifacts, id, json_stringn_nocheck(text, len));
    run->artifact_total += len;
    return orb_run_words("[Result stored as artifact '%s'. Call retrieve_artifact('%s') to access.]", id, id);
}

json_t *orb_artifact_read(const struct orb_run *run, const char *id)
{
    json_t *text = json_object_get(run->artifacts, id);
    if (text)
        return json_incref(text);
    if (!run->artifacts)
        return orb_run_words("[Error: No workspace available — no artifacts have been stored yet]");
    return orb_run_words("[Error: Artifact '%.200s' not found in workspace]", id);
}

/* ---- the guard ------------------------------------------------------------------ */

static int64_t count_repeat(struct repeat *r, uint64_t h)
{
    r->count = r->hash == h ? r->count + 1 : 1;
    r->hash = h;
    return r->count;
}

/* As they are meant, not as they are spaced. */
static uint64_t hash_arguments(uint64_t h, const struct call *c)
{
    char *text = c->parsed ? json_dumps(c->parsed, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    h = text ? hash(h, text, strlen(text)) : hash(h, c->arguments.data, c->arguments.len);
    free(text);
    return h;
}

int orb_repeats_check(struct talk *talk, struct orb_error *err)
{
    uint64_t step = HASH_START;
    const char *name = "";
    int is_stuck = 0;
    for (int i = 0; i < talk->ncalls; i++) {
        const struct call *c = &talk->calls[i];
        const char *result = c->error ? c->error : json_string_value(c->text);
        uint64_t h = hash(HASH_START, c->name, strlen(c->name) + 1);
        h = hash_arguments(h, c);
        h = hash(h, result, strlen(result));
        step = hash(step, &h, sizeof h);
        if (count_repeat(&talk->same_call, h) >= ORB_REPEATS_MAX) {
            is_stuck = 1;
            name = c->name;
        }
    }
    if (count_repeat(&talk->same_step, step) >= ORB_REPEATS_MAX && !is_stuck) {
        is_stuck = 1;
        name = talk->calls[0].name;
    }
    if (!is_stuck)
        return 0;
    return orb_error_set(err, ORB_E_LOOP, "Endless loop detected: agent '%.100s' called tool '%.64s' with the same arguments and got the same result %d times in a row; "
                         "tell it in its instructions when to stop", talk->agent->name, name, ORB_REPEATS_MAX);
}
