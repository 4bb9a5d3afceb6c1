#include "exec/local.h"
#include "base/base.h"
#include "exec/work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 1e8 /* three years: what a timer can hold */

static void emit(void *arg, const struct orb_event_out *event)
{
    struct orb_attempt *a = arg;
    struct orb_event_out of_delegate = *event;
    if (!a->is_delegate) {
        orb_event_stream_put(&a->events, event);
        return;
    }
    of_delegate.is_recoverable = 1; /* whoever called it goes on */
    if (a->parent && !a->parent->is_over)
        emit(a->parent, &of_delegate);
}

/* ---- the end ---------------------------------------------------------------- */

static void tell(void *arg)
{
    struct orb_attempt *a = arg;
    a->callbacks.ended(a->arg, a->err);
}

/* It is over, and the caller is told when nothing is under way any more: in a moment, never inside its call. */
static void check_end(struct orb_attempt *a)
{
    if (!a->is_over || a->is_told || a->works || a->is_advancing)
        return;
    a->is_told = 1;
    orb_loop_defer(a->loop, tell, a);
}

static void end(struct orb_attempt *a, const struct orb_error *err)
{
    a->is_over = 1;
    if (err) {
        a->err = orb_alloc(sizeof *a->err);
        *a->err = *err;
    }
    orb_timer_free(a->timeout);
    a->timeout = NULL;
    if (a->toolbox)
        orb_toolbox_forget(a->toolbox, a);
    orb_work_cancel(a, 0);
}

static void advance(void *arg)
{
    struct orb_attempt *a = arg;
    a->callbacks.advance(a->arg);
}

void orb_attempt_want_next(struct orb_attempt *a)
{
    if (a->is_advancing)
        return;
    a->is_advancing = 1;
    orb_loop_defer(a->loop, advance, a);
}

void orb_attempt_drive(struct orb_attempt *a)
{
    struct orb_action action;
    while (orb_run_next(a->run, &action)) {
        switch (action.type) {
        case ORB_ACTION_REQUEST:
            orb_work_ask(a, action.talk);
            break;
        case ORB_ACTION_TOOL:
            orb_work_call_tool(a, &action);
            break;
        case ORB_ACTION_STOP:
            orb_work_cancel(a, action.talk);
            break;
        case ORB_ACTION_ATTEMPT:
            orb_attempt_want_next(a);
            break;
        case ORB_ACTION_DONE:
            end(a, NULL);
            break;
        case ORB_ACTION_FAILED:
            end(a, orb_run_error(a->run));
            break;
        }
    }
    check_end(a);
}

static void stop(struct orb_attempt *a, const struct orb_error *err)
{
    orb_run_stop(a->run, err);
    orb_attempt_drive(a);
}

void orb_attempt_advanced(struct orb_attempt *a, int number, const struct orb_error *err)
{
    a->is_advancing = 0;
    if (number > 0 && a->publisher) {
        orb_event_stream_done(&a->events);
        orb_event_stream_init(&a->events, a->publisher, a->task_id, number);
    }
    if (number > 0)
        a->number = number;
    if (err)
        orb_run_stop(a->run, err);
    else if (number > 0)
        orb_run_advanced(a->run, orb_now());
    for (struct orb_attempt *d = a->delegates; d; d = d->next)
        orb_attempt_advanced(d, number, err);
    orb_attempt_drive(a);
}

/* ---- limits ------------------------------------------------------------------- */

static int64_t limit_ms(double seconds)
{
    return seconds > 0 ? (int64_t)ceil((seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * 1000) : 0;
}

static void on_timeout(void *arg)
{
    struct orb_attempt *a = arg;
    struct orb_error err = { 0 };
    if (a->is_deadline)
        orb_error_set(&err, ORB_E_DEADLINE, "the task's deadline passed while it ran: this attempt had %g s left", a->timeout_seconds);
    else
        orb_error_set(&err, ORB_E_TIMEOUT, "Task timed out: the attempt ran longer than %g s (timeout_seconds)", a->timeout_seconds);
    stop(a, &err);
}

/* The attempt ends with its timeout, or with the task's deadline. */
static void limit_attempt(struct orb_attempt *a, double timeout_seconds, int64_t deadline_ms)
{
    if (timeout_seconds > TIMEOUT_MAX_S)
        timeout_seconds = TIMEOUT_MAX_S;
    a->is_deadline = deadline_ms >= 0 && (timeout_seconds <= 0 || (double)deadline_ms < timeout_seconds * 1000);
    a->timeout_seconds = a->is_deadline ? (double)deadline_ms / 1000 : timeout_seconds;
    if (!a->is_deadline && timeout_seconds <= 0)
        return;
    a->timeout = orb_timer_new(a->loop, on_timeout, a);
    orb_timer_start(a->timeout, (int64_t)(a->timeout_seconds * 1000));
}

/* ---- the beginning -------------------------------------------------------------- */

static void resolve(struct orb_attempt *a);

static void on_resolved(void *arg, struct orb_tool *const *tools, size_t count, const struct orb_error *err)
{
    struct orb_attempt *a = arg;
    struct orb_error why = { 0 };
    if (!err && orb_run_set_tools(a->run, (int)a->resolving, tools, count, &why))
        err = &why;
    if (err) {
        stop(a, err);
        return;
    }
    a->resolving++;
    resolve(a);
}

static void no_toolbox(void *arg)
{
    struct orb_attempt *a = arg;
    struct orb_error err = { 0 };
    const json_t *item = json_array_get(orb_run_plan(a->run)->agents[a->resolving]->tools, 0);
    const char *name = json_is_string(item) ? json_string_value(item) : orb_json_get_str(item, "name", "?");
    orb_error_set(&err, ORB_E_TOOL, "tool \"%.200s\": this worker has no binding for it, and none for any other tool; submit the task to a queue whose "
                  "workers have its tool files", name);
    if (!a->is_over)
        stop(a, &err);
}

/* The tools of one agent after the other; then the run begins. */
static void resolve(struct orb_attempt *a)
{
    const struct orb_plan *plan = orb_run_plan(a->run);
    while (a->resolving < plan->agent_count && !plan->agents[a->resolving]->tools)
        a->resolving++;
    if (a->resolving < plan->agent_count && !a->toolbox) {
        orb_loop_defer(a->loop, no_toolbox, a);
    } else if (a->resolving < plan->agent_count) {
        orb_toolbox_resolve(a->toolbox, plan->agents[a->resolving]->tools, on_resolved, a);
    } else {
        orb_run_start(a->run, orb_now());
        orb_attempt_drive(a);
    }
}

/* What this version cannot do is said, instead of done without. */
static int check_metadata(const json_t *metadata, struct orb_error *err)
{
    const json_t *memory = json_object_get(metadata, "memory");
    if (!json_object_size(memory) && !json_is_true(memory))
        return 0;
    return orb_error_set(err, ORB_E_AGENT, "metadata.memory: this worker has no memory; submit the task without it, or to a queue that Python workers serve");
}

static size_t artifact_bytes(void)
{
    const char *text = getenv("ORBITER_LARGE_OUTPUT_THRESHOLD");
    int64_t n = 0;
    return text && !orb_parse_int(text, 1, ORB_TOOL_RESULT_MAX, &n) ? (size_t)n : 0;
}

static struct orb_run *new_run(struct orb_attempt *a, const struct orb_attempt_spec *spec, struct orb_task *task, struct orb_error *err)
{
    struct orb_plan *plan;
    if (check_metadata(task->metadata, err) || orb_plan_read(task->agent_config, &plan, err))
        return NULL;
    const struct orb_run_spec run = {
        .plan = plan, .history = task->messages, .input = task->input, .input_len = task->input_len, .is_detailed = task->detailed,
        .may_retry = spec->may_retry, .artifact_bytes = artifact_bytes(), .prices = spec->prices, .caller = a->parent ? a->parent->run : NULL,
        .used = spec->used, .fn = emit, .arg = a,
    };
    return orb_run_new(&run, err);
}

static void fail_at_once(struct orb_attempt *a, const struct orb_error *err)
{
    const char *text = orb_error_message(err);
    emit(a, &(struct orb_event_out){ .type = ORB_EVENT_ERROR, .agent_name = a->agent_name, .text = text, .text_len = strlen(text),
                                     .word = orb_error_type(err->code) });
    end(a, err);
    check_end(a);
}

static struct orb_attempt *attempt_new(struct orb_loop *loop, const struct orb_attempt_spec *spec, const struct orb_task *task,
                                       const struct orb_attempt_callbacks *callbacks, void *arg)
{
    struct orb_attempt *a = orb_alloc(sizeof *a);
    a->loop = loop;
    a->publisher = spec->publisher;
    a->toolbox = spec->toolbox;
    a->prices = spec->prices;
    a->task_id = orb_strdup(task->id);
    a->agent_name = orb_strdup(orb_task_agent_name(task->agent_config));
    a->number = spec->number;
    a->is_detailed = task->detailed;
    a->callbacks = *callbacks;
    a->arg = arg;
    return a;
}

static void begin(struct orb_attempt *a, const struct orb_attempt_spec *spec, struct orb_task *task)
{
    struct orb_error why = { 0 };
    a->run = new_run(a, spec, task, &why);
    if (a->run)
        limit_attempt(a, task->timeout_seconds, spec->deadline_ms);
    orb_task_done(task);
    if (a->run)
        resolve(a);
    else
        fail_at_once(a, &why);
}

struct orb_attempt *orb_attempt_start(struct orb_loop *loop, const struct orb_attempt_spec *spec, struct orb_task *task,
                                      const struct orb_attempt_callbacks *callbacks, void *arg)
{
    struct orb_attempt *a = attempt_new(loop, spec, task, callbacks, arg);
    orb_event_stream_init(&a->events, a->publisher, a->task_id, a->number);
    a->first_ms = limit_ms(task->first_token_timeout);
    a->idle_ms = limit_ms(task->idle_timeout);
    begin(a, spec, task);
    return a;
}

struct orb_attempt *orb_attempt_start_delegate(struct orb_loop *loop, struct orb_attempt *parent, struct orb_toolbox *toolbox, json_t *config, const json_t *input,
                                               const struct orb_attempt_callbacks *callbacks, void *arg)
{
    struct orb_attempt_spec spec = { .toolbox = toolbox, .number = 1, .deadline_ms = -1 };
    struct orb_task task = { .agent_config = json_incref(config), .input_len = json_string_length(input) };
    task.input = orb_memdup(json_string_value(input), task.input_len);
    if (parent) {
        spec.prices = parent->prices;
        spec.number = parent->number;
        task.detailed = parent->is_detailed;
        snprintf(task.id, sizeof task.id, "%s", parent->task_id);
    }
    struct orb_attempt *a = attempt_new(loop, &spec, &task, callbacks, arg);
    a->is_delegate = 1;
    if (parent) {
        a->parent = parent;
        a->depth = parent->depth + 1;
        a->first_ms = parent->first_ms;
        a->idle_ms = parent->idle_ms;
        a->next = parent->delegates;
        parent->delegates = a;
    }
    begin(a, &spec, &task);
    return a;
}

void orb_attempt_abort(struct orb_attempt *a)
{
    struct orb_error err = { 0 };
    orb_error_set(&err, ORB_E_CANCELLED, "cancelled");
    if (a->run)
        stop(a, &err);
}

static void leave_family(struct orb_attempt *a)
{
    for (struct orb_attempt *d = a->delegates; d; d = d->next) {
        d->parent = NULL;
        if (d->run)
            orb_run_leave(d->run);
    }
    if (!a->parent)
        return;
    struct orb_attempt **link = &a->parent->delegates;
    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
}

void orb_attempt_free(struct orb_attempt *a)
{
    if (!a)
        return;
    leave_family(a);
    orb_loop_forget(a->loop, a);
    if (a->toolbox)
        orb_toolbox_forget(a->toolbox, a);
    orb_timer_free(a->timeout);
    orb_event_stream_done(&a->events);
    orb_work_leave_all(a);
    orb_run_free(a->run);
    free(a->task_id);
    free(a->agent_name);
    free(a->err);
    free(a);
}

/* ---- what it is ------------------------------------------------------------------ */

const char *orb_attempt_task_id(const struct orb_attempt *a)
{
    return a->task_id;
}

int orb_attempt_number(const struct orb_attempt *a)
{
    return a->number;
}

const char *orb_attempt_agent(const struct orb_attempt *a)
{
    return a->agent_name;
}

const struct orb_run *orb_attempt_run(const struct orb_attempt *a)
{
    return a->run;
}

int64_t orb_attempt_acked_seq(const struct orb_attempt *a)
{
    return orb_event_stream_acked(&a->events);
}

int64_t orb_attempt_last_seq(struct orb_attempt *a, int *is_fresh)
{
    int64_t seq = orb_event_stream_last_seq(&a->events);
    *is_fresh = orb_event_stream_is_fresh(&a->events);
    return seq;
}

void orb_attempt_touch(struct orb_attempt *a)
{
    orb_event_stream_touch(&a->events);
}

int64_t orb_attempt_take_tokens(struct orb_attempt *a)
{
    int64_t n = a->tokens;
    a->tokens = 0;
    return n;
}
