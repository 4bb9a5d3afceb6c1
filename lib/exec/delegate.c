/* Kind delegate: another agent, or a swarm, as a tool. It stands here because it runs agents; for lib/tool it is one more row. */
#include "base/base.h"
#include "exec/work.h"
#include "tool/member.h"
#include "tool/tool.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4              /* delegates of delegates */
#define TIMEOUT_SECONDS 600

/* The state of a call. */
struct asking {
    struct orb_tool_call *call;
    struct orb_attempt *attempt; /* NULL: not begun yet */
};

/* ---- tool files ---- */

static int check_agent(json_t *agent, struct orb_error *err)
{
    static const char *const of_tasks[] = { "max_cost", "max_tokens_total" };
    struct orb_plan *plan;
    struct orb_error why = { 0 };
    if (!json_is_object(agent))
        return orb_error_set(err, ORB_E_CONFIG, "/agent: must be an object, the config of an agent or a swarm (docs/agents.md)");
    for (size_t i = 0; i < ORB_COUNT(of_tasks); i++)
        if (json_object_get(agent, of_tasks[i]))
            return orb_error_set(err, ORB_E_CONFIG, "/agent/%s: the limit of the task that calls it holds; leave it out", of_tasks[i]);
    if (orb_plan_read(agent, &plan, &why))
        return orb_error_set(err, ORB_E_CONFIG, "/agent: %s", orb_error_message(&why));
    orb_plan_free(plan);
    return 0;
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct orb_tool *tool = NULL;
    json_t *agent = json_object_get(file, "agent");
    int rc = orb_member_need(file, "agent", "the config of an agent or a swarm", err);
    if (!rc)
        rc = check_agent(agent, err);
    if (!rc && json_object_get(file, "parameters"))
        rc = orb_error_set(err, ORB_E_CONFIG, "/parameters: a delegate has one, \"task\"; leave them out");
    if (rc)
        return rc;
    json_t *whole = json_copy((json_t *)(uintptr_t)file);
    json_object_set_new(whole, "parameters", json_pack("{ss s{s{ss ss}} s[s]}", "type", "object", "properties", "task", "type", "string", "description",
                                                       "what is to be done; all that it needs to know", "required", "task"));
    if (!json_object_get(file, "timeout_seconds"))
        json_object_set_new(whole, "timeout_seconds", json_integer(TIMEOUT_SECONDS));
    rc = orb_toolbox_add(toolbox, &orb_tool_kind_delegate, whole, &tool, err);
    json_decref(whole);
    if (!rc)
        tool->data = json_incref(agent);
    return rc;
}

static void done(struct orb_tool *tool)
{
    json_decref(tool->data);
}

/* ---- calls ---- */

static struct orb_attempt *parent_of(const struct orb_tool_call *call)
{
    const struct orb_work *work = call->context;
    return work ? work->attempt : NULL;
}

static void on_ended(void *arg, const struct orb_error *err)
{
    struct asking *a = arg;
    struct orb_tool_call *call = a->call;
    struct orb_attempt *attempt = a->attempt;
    size_t len = 0;
    const char *output = err ? NULL : orb_run_output(orb_attempt_run(attempt), &len);
    if (err)
        orb_tool_call_fail(call, "Tool '%s' failed: %s", call->tool->name, orb_error_message(err));
    else
        orb_tool_call_end(call, output, len, NULL);
    orb_attempt_free(attempt);
    free(a);
}

static void on_advance(void *arg)
{
    struct asking *a = arg;
    struct orb_attempt *parent = a->attempt->parent;
    if (parent && !parent->is_over)
        orb_attempt_want_next(parent);
    else if (parent) /* whose end has ended this one */
        orb_attempt_advanced(a->attempt, 0, NULL);
    else
        orb_attempt_advanced(a->attempt, orb_attempt_number(a->attempt) + 1, NULL);
}

/* In a later turn: then the call knows whose it is. */
static void begin(void *arg)
{
    static const struct orb_attempt_callbacks callbacks = { .ended = on_ended, .advance = on_advance };
    struct asking *a = arg;
    struct orb_tool_call *call = a->call;
    struct orb_attempt *parent = parent_of(call);
    if (call->is_cancelled || call->is_over || (parent && parent->depth >= DEPTH_MAX)) {
        free(a);
        orb_tool_call_fail(call, "Tool '%s' failed: agents that are tools of each other are nested over %d deep", call->tool->name, DEPTH_MAX);
        return;
    }
    a->attempt = orb_attempt_start_delegate(call->loop, parent, call->tool->toolbox, call->tool->data, json_object_get(call->arguments, "task"), &callbacks, a);
}

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    struct asking *a = orb_alloc(sizeof *a);
    (void)err;
    a->call = call;
    call->state = a;
    orb_loop_defer(call->loop, begin, a);
    return 0;
}

static void cancel(struct orb_tool_call *call)
{
    struct asking *a = call->state;
    if (a->attempt)
        orb_attempt_abort(a->attempt);
}

const struct orb_tool_kind orb_tool_kind_delegate = {
    .name = "delegate",
    .help = "another agent, or a swarm: it gets the argument \"task\", and its answer is the result",
    .members = "agent  object: its config, as tasks have it (docs/agents.md)",
    .load = load,
    .start = start,
    .cancel = cancel,
    .done = done,
};
