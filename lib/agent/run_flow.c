/* The nodes of a plan that are under way: which comes next, what it gets, and
 * what becomes of its answer. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

void orb_frame_free(struct frame *frame)
{
    json_decref(frame->outputs);
    free(frame);
}

static void drop(struct orb_run *run, struct frame *frame)
{
    struct frame **link = &run->frames;
    while (*link != frame)
        link = &(*link)->next;
    *link = frame->next;
    orb_frame_free(frame);
}

/* ---- stages ------------------------------------------------------------------ */

/* Groups have no order of their own: one stage of all, or a stage each. */
static size_t member_of(const struct orb_node *node, size_t place)
{
    return node->type == ORB_NODE_WORKFLOW ? (size_t)node->order[place] : place;
}

size_t orb_stage_count(const struct orb_node *node)
{
    if (node->type == ORB_NODE_WORKFLOW)
        return node->is_parallel ? node->stage_count : node->order_count;
    return node->type == ORB_NODE_SERIAL ? node->member_count : node->type == ORB_NODE_PARALLEL;
}

size_t orb_stage_size(const struct orb_node *node, size_t stage)
{
    if (node->type == ORB_NODE_PARALLEL)
        return node->member_count;
    return node->type == ORB_NODE_WORKFLOW && node->is_parallel ? (size_t)node->stages[stage] : 1;
}

static void start_stage(struct orb_run *run, struct frame *frame, json_t *input, double now)
{
    const struct orb_node *node = frame->node;
    size_t count = orb_stage_size(node, frame->stage);
    json_decref(frame->outputs);
    frame->outputs = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(frame->outputs, json_null());
    frame->waiting = (int)count;
    json_incref(input);
    for (size_t i = 0; i < count && !run->is_over; i++) {
        size_t member = member_of(node, frame->first + i);
        const char *name = orb_node_name(node->members[member]);
        if (node->type == ORB_NODE_WORKFLOW)
            orb_run_status(run, name, "running", "Workflow executing agent '%s'", name);
        orb_frame_start(run, frame, node->members[member], (int)member, (int)i, input, now);
    }
    json_decref(input);
}

static json_t *join(const struct frame *frame)
{
    struct orb_buf b;
    size_t count = json_array_size(frame->outputs);
    if (count == 1)
        return json_incref(json_array_get(frame->outputs, 0));
    orb_buf_init(&b, 2 * ORB_RUN_TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *output = json_array_get(frame->outputs, i);
        if (i)
            orb_buf_str(&b, frame->node->separator);
        orb_buf_add(&b, json_string_value(output), json_string_length(output));
    }
    json_t *text = b.err ? NULL : json_stringn_nocheck(b.data ? b.data : "", b.len);
    orb_buf_done(&b);
    return text;
}

static void frame_done(struct orb_run *run, struct frame *frame, json_t *output, json_t *parsed, double now);

/* A member of a stage has ended. */
static void member_done(struct orb_run *run, struct frame *frame, int slot, json_t *output, json_t *parsed, double now)
{
    const struct orb_node *node = frame->node;
    int is_single = json_array_size(frame->outputs) == 1;
    struct orb_error err = { 0 };
    json_array_set_new(frame->outputs, (size_t)slot, output);
    if (!is_single) {
        json_decref(parsed);
        parsed = NULL;
    }
    if (--frame->waiting)
        return;
    json_t *text = join(frame);
    if (!text) {
        json_decref(parsed);
        orb_error_set(&err, ORB_E_TOO_LARGE, "the outputs of '%.100s' are over %d MiB together", node->name, 2 * ORB_RUN_TEXT_MAX >> 20);
        orb_run_fail(run, NULL, &err);
        return;
    }
    frame->first += orb_stage_size(node, frame->stage++);
    if (frame->stage == orb_stage_count(node)) {
        frame_done(run, frame, text, parsed, now);
        return;
    }
    json_decref(parsed);
    start_stage(run, frame, text, now);
    json_decref(text);
}

/* ---- frames -------------------------------------------------------------------- */

struct frame *orb_frame_new(struct orb_run *run, struct frame *parent, const struct orb_node *node, int member, int slot)
{
    struct frame *frame = orb_alloc(sizeof *frame);
    frame->parent = parent;
    frame->node = node;
    frame->member = member;
    frame->slot = slot;
    frame->next = run->frames;
    run->frames = frame;
    return frame;
}

void orb_frame_start(struct orb_run *run, struct frame *parent, const struct orb_node *node, int member, int slot, json_t *input, double now)
{
    struct frame *frame = orb_frame_new(run, parent, node, member, slot);
    const struct orb_node *first = node->order_count ? node->members[node->order[0]] : NULL;
    frame->id = ++run->last_id;
    switch (node->type) {
    case ORB_NODE_AGENT:
        orb_talk_start(run, frame, node->agent, input, NULL, now);
        break;
    case ORB_NODE_HANDOFF:
        orb_run_status(run, first->agent->name, "running", "Handoff executing agent '%s'", first->agent->name);
        orb_talk_start(run, frame, first->agent, input, NULL, now);
        break;
    case ORB_NODE_TEAM:
        orb_run_status(run, first->agent->name, "running", "Team lead '%s' starting execution", first->agent->name);
        orb_talk_start(run, frame, first->agent, input, NULL, now);
        break;
    case ORB_NODE_WORKFLOW:
    case ORB_NODE_PARALLEL:
    case ORB_NODE_SERIAL:
        start_stage(run, frame, input, now);
        break;
    }
}

static int is_workers(const struct frame *frame)
{
    return frame->parent && frame->parent->node->type == ORB_NODE_TEAM;
}

/* The answer to the call that a worker's frame stands for. */
static void answer_lead(struct orb_run *run, const struct frame *team, int call, const struct orb_tool_result *result, double now)
{
    const struct talk *lead = run->talks;
    while (lead->frame != team)
        lead = lead->next;
    orb_calls_answer(run, lead->id, call, result, now);
}

static void frame_done(struct orb_run *run, struct frame *frame, json_t *output, json_t *parsed, double now)
{
    struct frame *parent = frame->parent;
    int slot = frame->slot, is_worker = is_workers(frame);
    drop(run, frame);
    if (!parent) {
        orb_run_done(run, output, parsed);
    } else if (is_worker) {
        answer_lead(run, parent, slot, &(struct orb_tool_result){ .content = json_string_value(output), .len = json_string_length(output) }, now);
        json_decref(output);
        json_decref(parsed);
    } else {
        member_done(run, parent, slot, output, parsed, now);
    }
}

/* ---- workers of a team ------------------------------------------------------------ */

void orb_frame_delegate(struct orb_run *run, struct talk *lead, int place, int call, json_t *input, double now)
{
    struct frame *team = lead->frame;
    int member = team->node->order[place];
    orb_frame_start(run, team, team->node->members[member], member, call, input, now);
}

struct frame *orb_frame_worker(struct frame *frame)
{
    while (frame && !is_workers(frame))
        frame = frame->parent;
    return frame;
}

static int is_below(const struct frame *frame, const struct frame *top)
{
    while (frame && frame != top)
        frame = frame->parent;
    return frame != NULL;
}

void orb_frame_give_up(struct orb_run *run, struct frame *worker, const struct orb_error *why, double now)
{
    const struct frame *team = worker->parent;
    const char *name = orb_node_name(worker->node);
    char tool[ORB_TOOL_NAME_MAX + 1];
    int call = worker->slot;
    orb_plan_tool_name("delegate_to_", name, tool);
    json_t *words = worker->node->agent ? orb_run_words("Tool '%s' failed: Agent '%.100s' failed: %s", tool, name, orb_error_message(why))
                                        : orb_run_words("Tool '%s' failed: %s", tool, orb_error_message(why));
    for (struct talk *t = run->talks, *next; t; t = next) {
        next = t->next;
        if (!is_below(t->frame, worker))
            continue;
        orb_run_forget(run, t->id);
        orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_STOP, .talk = t->id });
        orb_talk_drop(run, t);
    }
    /* The newest stand in front: those below the worker's before it. */
    for (struct frame *f = run->frames, *next; f; f = f == worker ? NULL : next) {
        next = f->next;
        if (is_below(f, worker))
            drop(run, f);
    }
    answer_lead(run, team, call, &(struct orb_tool_result){ .error = json_string_value(words) }, now);
    json_decref(words);
}

/* ---- handing over ----------------------------------------------------------------- */

/* In a handoff swarm, to members that the flow names; of a task that is one agent, to all that it declares. */
int orb_frame_may_hand_over(const struct talk *talk, int agent)
{
    const struct frame *frame = talk->frame;
    if (frame->node->type == ORB_NODE_AGENT)
        return !frame->parent;
    if (frame->node->type != ORB_NODE_HANDOFF)
        return 0;
    for (size_t i = 0; i < frame->node->order_count; i++)
        if (frame->node->members[frame->node->order[i]]->agent->index == agent)
            return 1;
    return 0;
}

int orb_frame_word(const struct orb_run *run, const struct talk *talk)
{
    const char *from = talk->text.data ? talk->text.data : "", *end = from + talk->text.len;
    while (from < end && strchr(" \t\r\n\f\v", *from))
        from++;
    while (end > from && strchr(" \t\r\n\f\v", end[-1]))
        end--;
    for (size_t i = 0; i < talk->agent->handoff_count; i++) {
        const char *name = run->plan->agents[talk->agent->handoffs[i]]->name;
        if (strlen(name) == (size_t)(end - from) && !memcmp(name, from, strlen(name)) && orb_frame_may_hand_over(talk, talk->agent->handoffs[i]))
            return talk->agent->handoffs[i];
    }
    return -1;
}

/* What was said until now, for the one who takes over. */
static json_t *conversation(const struct talk *talk, json_t *word)
{
    json_t *all = json_array();
    if (talk->before)
        json_array_extend(all, talk->before);
    if (talk->input)
        json_array_append_new(all, orb_run_message("user", json_incref(talk->input)));
    if (talk->turns)
        json_array_extend(all, talk->turns);
    if (word)
        json_array_append_new(all, orb_run_message("assistant", json_incref(word)));
    return all;
}

void orb_frame_handoff(struct orb_run *run, struct talk *talk, int agent, json_t *word, double now)
{
    struct frame *frame = talk->frame;
    const struct orb_agent *to = run->plan->agents[agent];
    int64_t most = frame->node->type == ORB_NODE_HANDOFF ? frame->node->max_handoffs : HANDOFFS_DEFAULT;
    struct orb_error err = { 0 };
    if (++frame->handoffs > most) {
        orb_error_set(&err, ORB_E_SWARM, "Max handoffs (%lld) exceeded in swarm", (long long)most);
        orb_talk_fail(run, talk, &err, now);
        return;
    }
    orb_run_status(run, to->name, "running", "Handoff from '%s' to '%s'", talk->agent->name, to->name);
    if (frame->node->type == ORB_NODE_HANDOFF)
        orb_run_status(run, to->name, "running", "Handoff executing agent '%s'", to->name);
    json_t *before = conversation(talk, word);
    orb_talk_free(run, talk);
    orb_talk_start(run, frame, to, word, before, now);
}

void orb_frame_answered(struct orb_run *run, struct talk *talk, json_t *output, json_t *parsed, double now)
{
    struct frame *frame = talk->frame;
    orb_talk_free(run, talk);
    frame_done(run, frame, output, parsed, now);
}
