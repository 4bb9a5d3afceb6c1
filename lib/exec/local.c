#include "exec/local.h"
#include "base/base.h"
#include "model/call.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 1e8 /* three years: what a timer can hold */

struct orb_attempt {
    struct orb_loop *loop;
    char *task_id, *agent_name;
    int number, may_retry;
    orb_attempt_cb cb;
    void *arg;
    struct orb_event_stream events;
    struct orb_run *run;
    struct orb_model_stream *model;
    struct orb_timer *timeout;
    double timeout_seconds;
    int is_aborted, is_ended, is_freed;
    int64_t tokens;
    struct orb_error *err;    /* why it failed, or NULL: most never need the room */
};

static void emit(void *arg, const struct orb_event_out *event)
{
    struct orb_attempt *a = arg;
    orb_event_stream_put(&a->events, event);
}

static void on_delta(void *arg, const struct orb_delta *delta)
{
    struct orb_attempt *a = arg;
    if (delta->type == ORB_DELTA_TEXT || delta->type == ORB_DELTA_REASONING)
        a->tokens++;
    orb_run_delta(a->run, delta);
}

static struct orb_error *error_of(struct orb_attempt *a)
{
    if (!a->err)
        a->err = orb_alloc(sizeof *a->err);
    return a->err;
}

static void tell(void *arg)
{
    struct orb_attempt *a = arg;
    a->cb(a->arg, a->err);
}

/* The attempt is over, with a->err or without: the caller is told in a moment,
 * never inside its call. */
static void end(struct orb_attempt *a)
{
    if (a->is_ended)
        return;
    a->is_ended = 1;
    orb_timer_free(a->timeout);
    a->timeout = NULL;
    if (a->is_aborted)
        orb_error_set(error_of(a), ORB_E_CANCELLED, "cancelled");
    orb_loop_defer(a->loop, tell, a);
}

static void fail(struct orb_attempt *a)
{
    if (a->is_aborted) {
        end(a);
        return;
    }
    struct orb_error *err = error_of(a);
    int is_recoverable = a->may_retry && orb_error_is_retryable(err->code);
    if (a->run) {
        orb_run_fail(a->run, err, is_recoverable);
    } else {
        const char *text = orb_error_message(err);
        emit(a, &(struct orb_event_out){ .type = ORB_EVENT_ERROR, .agent_name = a->agent_name, .text = text, .text_len = strlen(text),
                                         .word = orb_error_type(err->code), .is_recoverable = is_recoverable });
    }
    end(a);
}

static void ask(struct orb_attempt *a);

static void on_answer(void *arg, int code, const struct orb_error *err)
{
    struct orb_attempt *a = arg;
    a->model = NULL;
    if (a->is_freed) {
        free(a);
        return;
    }
    if (a->err) {
        /* The timeout cancelled it, and its error is there already. */
        fail(a);
        return;
    }
    if (code) {
        *error_of(a) = *err;
        a->err->code = code;
        fail(a);
        return;
    }
    struct orb_error why = { 0 };
    switch (orb_run_answered(a->run, orb_now(), &why)) {
    case ORB_RUN_REQUEST:
        ask(a);
        break;
    case ORB_RUN_DONE:
        end(a);
        break;
    case ORB_RUN_FAILED:
        *error_of(a) = why;
        fail(a);
        break;
    }
}

static void ask(struct orb_attempt *a)
{
    static const struct orb_model_callbacks callbacks = { .delta = on_delta, .done = on_answer };
    struct orb_model_call call;
    struct orb_error why = { 0 };
    if (a->is_aborted) {
        end(a);
        return;
    }
    orb_run_call(a->run, &call);
    if (orb_model_stream_start(a->loop, orb_run_agent(a->run)->model, &call, &callbacks, a, &a->model, &why)) {
        *error_of(a) = why;
        fail(a);
    }
    json_decref(call.messages);
}

static void on_timeout(void *arg)
{
    struct orb_attempt *a = arg;
    orb_error_set(error_of(a), ORB_E_TIMEOUT, "Task timed out: the attempt ran longer than %g s (timeout_seconds)", a->timeout_seconds);
    if (a->model)
        orb_model_stream_cancel(a->model);
}

/* What this version cannot do is said, instead of done without. */
static int check_metadata(const json_t *metadata, struct orb_error *err)
{
    const json_t *memory = json_object_get(metadata, "memory");
    if (!json_object_size(memory) && !json_is_true(memory))
        return 0;
    return orb_error_set(err, ORB_E_AGENT, "metadata.memory: this worker has no memory; submit the task without it, or to a queue that Python workers serve");
}

struct orb_attempt *orb_attempt_start(struct orb_loop *loop, struct orb_publisher *publisher, struct orb_task *task, int number,
                                      int may_retry, int64_t deadline_ms, orb_attempt_cb cb, void *arg)
{
    (void)deadline_ms;
    struct orb_attempt *a = orb_alloc(sizeof *a);
    a->loop = loop;
    a->task_id = orb_strdup(task->id);
    a->agent_name = orb_strdup(orb_task_agent_name(task->agent_config));
    a->number = number;
    a->may_retry = may_retry;
    a->cb = cb;
    a->arg = arg;
    orb_event_stream_init(&a->events, publisher, a->task_id, number);
    struct orb_agent agent;
    struct orb_error why = { 0 };
    if (!check_metadata(task->metadata, &why) && !orb_agent_parse(task->agent_config, &agent, &why))
        a->run = orb_run_new(&agent, task->messages, task->input, task->input_len, task->detailed, emit, a, &why);
    if (a->run && task->timeout_seconds > 0) {
        a->timeout_seconds = task->timeout_seconds < TIMEOUT_MAX_S ? task->timeout_seconds : TIMEOUT_MAX_S;
        a->timeout = orb_timer_new(loop, on_timeout, a);
        orb_timer_start(a->timeout, (int64_t)(a->timeout_seconds * 1000));
    }
    orb_task_done(task);
    if (!a->run) {
        *error_of(a) = why;
        fail(a);
        return a;
    }
    if (orb_run_start(a->run, orb_now()) == ORB_RUN_REQUEST)
        ask(a);
    return a;
}

void orb_attempt_abort(struct orb_attempt *a)
{
    a->is_aborted = 1;
    if (a->model)
        orb_model_stream_cancel(a->model);
    else
        end(a);
}

void orb_attempt_free(struct orb_attempt *a)
{
    if (!a)
        return;
    orb_loop_forget(a->loop, a);
    orb_timer_free(a->timeout);
    a->timeout = NULL;
    orb_event_stream_done(&a->events);
    orb_run_free(a->run);
    a->run = NULL;
    free(a->task_id);
    free(a->agent_name);
    free(a->err);
    a->err = NULL;
    if (!a->model) {
        free(a);
        return;
    }
    /* The model's last callback still comes here. */
    a->is_freed = 1;
    orb_model_stream_cancel(a->model);
}

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
