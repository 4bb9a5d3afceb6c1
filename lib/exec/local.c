#include "exec/local.h"
#include "base/base.h"
#include "model/call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 1e8 /* three years: what a timer can hold */

/* How long the model may be silent. A timer that is moved with every delta would cost more than
 * the delta: it looks at the time of the last one. */
struct silence {
    struct orb_timer *timer;
    int64_t first_ms, idle_ms; /* 0 = no limit */
    int64_t heard_ms;          /* when it said something last; 0: it has not yet, in this call */
};

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
    struct silence *silence;  /* NULL: no limits, as almost always */
    double timeout_seconds;   /* or until the deadline, when that comes before */
    int is_aborted, is_ended, is_freed, is_deadline;
    int64_t tokens;
    struct orb_error *err;    /* why it failed, or NULL: most never need the room */
};

static void emit(void *arg, const struct orb_event_out *event)
{
    struct orb_attempt *a = arg;
    orb_event_stream_put(&a->events, event);
}

static struct orb_error *error_of(struct orb_attempt *a)
{
    if (!a->err)
        a->err = orb_alloc(sizeof *a->err);
    return a->err;
}

/* ---- silence ------------------------------------------------------------ */

static int64_t limit_ms(double seconds)
{
    double ms = ceil((seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * 1000);
    return (int64_t)ms;
}

static void heard(struct orb_attempt *a)
{
    struct silence *s = a->silence;
    int is_first = !s->heard_ms;
    s->heard_ms = orb_loop_now_ms(a->loop);
    if (!is_first)
        return;
    if (s->idle_ms)
        orb_timer_start(s->timer, s->idle_ms);
    else
        orb_timer_stop(s->timer);
}

static void on_silence(void *arg)
{
    struct orb_attempt *a = arg;
    struct silence *s = a->silence;
    int64_t left = s->heard_ms ? s->heard_ms + s->idle_ms - orb_loop_now_ms(a->loop) : 0;
    if (!a->model || a->err)
        return;
    if (left > 0) {
        orb_timer_start(s->timer, left);
        return;
    }
    if (s->heard_ms)
        orb_error_set(error_of(a), ORB_E_MODEL_TIMEOUT, "the model fell silent for %g s (idle_timeout)", (double)s->idle_ms / 1000);
    else
        orb_error_set(error_of(a), ORB_E_MODEL_TIMEOUT, "the model said nothing for %g s (first_token_timeout)", (double)s->first_ms / 1000);
    orb_model_stream_cancel(a->model);
}

static void silence_new(struct orb_attempt *a, const struct orb_task *task)
{
    if (task->first_token_timeout <= 0 && task->idle_timeout <= 0)
        return;
    a->silence = orb_alloc(sizeof *a->silence);
    a->silence->first_ms = limit_ms(task->first_token_timeout);
    a->silence->idle_ms = limit_ms(task->idle_timeout);
    a->silence->timer = orb_timer_new(a->loop, on_silence, a);
}

static void silence_free(struct orb_attempt *a)
{
    if (!a->silence)
        return;
    orb_timer_free(a->silence->timer);
    free(a->silence);
    a->silence = NULL;
}

/* A model call begins. */
static void silence_start(struct silence *s)
{
    s->heard_ms = 0;
    if (s->first_ms)
        orb_timer_start(s->timer, s->first_ms);
}

/* ---- the model's answer --------------------------------------------------- */

static void on_delta(void *arg, const struct orb_delta *delta)
{
    struct orb_attempt *a = arg;
    if (a->silence)
        heard(a);
    if (delta->type == ORB_DELTA_TEXT || delta->type == ORB_DELTA_REASONING)
        a->tokens++;
    orb_run_delta(a->run, delta);
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
    silence_free(a);
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
    if (a->silence)
        orb_timer_stop(a->silence->timer);
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
    } else if (a->silence) {
        silence_start(a->silence);
    }
    json_decref(call.messages);
}

static void on_timeout(void *arg)
{
    struct orb_attempt *a = arg;
    if (a->is_deadline)
        orb_error_set(error_of(a), ORB_E_DEADLINE, "the task's deadline passed while it ran: this attempt had %g s left", a->timeout_seconds);
    else
        orb_error_set(error_of(a), ORB_E_TIMEOUT, "Task timed out: the attempt ran longer than %g s (timeout_seconds)", a->timeout_seconds);
    if (a->model)
        orb_model_stream_cancel(a->model);
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
    if (a->run) {
        limit_attempt(a, task->timeout_seconds, deadline_ms);
        silence_new(a, task);
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
    silence_free(a);
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
