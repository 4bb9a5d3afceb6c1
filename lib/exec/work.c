#include "exec/work.h"
#include "base/base.h"

#include <stdlib.h>

static struct orb_work *work_new(struct orb_attempt *a, int talk, int call)
{
    struct orb_work *w = orb_alloc(sizeof *w);
    w->attempt = a;
    w->loop = a->loop;
    w->talk = talk;
    w->call = call;
    w->next = a->works;
    a->works = w;
    return w;
}

/* Out of its attempt, which is returned; NULL when that is gone. */
static struct orb_attempt *work_free(struct orb_work *w)
{
    struct orb_attempt *a = w->attempt;
    if (a) {
        struct orb_work **link = &a->works;
        while (*link != w)
            link = &(*link)->next;
        *link = w->next;
    }
    orb_timer_free(w->silence);
    json_decref(w->arguments);
    free(w->err);
    free(w);
    return a;
}

static void cancel(struct orb_work *w)
{
    if (w->model)
        orb_model_stream_cancel(w->model);
    else
        orb_tool_call_cancel(w->tool);
}

void orb_work_cancel(struct orb_attempt *a, int talk)
{
    for (struct orb_work *w = a->works; w; w = w->next)
        if (!talk || w->talk == talk)
            cancel(w);
}

void orb_work_leave_all(struct orb_attempt *a)
{
    while (a->works) {
        struct orb_work *w = a->works;
        a->works = w->next;
        w->attempt = NULL;
        cancel(w);
    }
}

/* ---- models: how long they may be silent --------------------------------- */

/* A timer that is moved with every delta would cost more than the delta: it looks at the time of the last one. */
static void heard(struct orb_work *w)
{
    int is_first = !w->heard_ms;
    w->heard_ms = orb_loop_now_ms(w->loop);
    if (!is_first)
        return;
    if (w->attempt->idle_ms)
        orb_timer_start(w->silence, w->attempt->idle_ms);
    else
        orb_timer_stop(w->silence);
}

static void on_silence(void *arg)
{
    struct orb_work *w = arg;
    struct orb_attempt *a = w->attempt;
    int64_t left = a && w->heard_ms ? w->heard_ms + a->idle_ms - orb_loop_now_ms(w->loop) : 0;
    if (!a || w->err)
        return;
    if (left > 0) {
        orb_timer_start(w->silence, left);
        return;
    }
    w->err = orb_alloc(sizeof *w->err);
    if (w->heard_ms)
        orb_error_set(w->err, ORB_E_MODEL_TIMEOUT, "the model fell silent for %g s (idle_timeout)", (double)a->idle_ms / 1000);
    else
        orb_error_set(w->err, ORB_E_MODEL_TIMEOUT, "the model said nothing for %g s (first_token_timeout)", (double)a->first_ms / 1000);
    orb_model_stream_cancel(w->model);
}

static void silence_start(struct orb_work *w)
{
    struct orb_attempt *a = w->attempt;
    if (!a->first_ms && !a->idle_ms)
        return;
    w->silence = orb_timer_new(a->loop, on_silence, w);
    if (a->first_ms)
        orb_timer_start(w->silence, a->first_ms);
}

/* ---- models --------------------------------------------------------------- */

static void on_delta(void *arg, const struct orb_delta *delta)
{
    struct orb_work *w = arg;
    if (!w->attempt)
        return;
    if (w->silence)
        heard(w);
    if (delta->type == ORB_DELTA_TEXT || delta->type == ORB_DELTA_REASONING)
        w->attempt->tokens++;
    orb_run_delta(w->attempt->run, w->talk, delta);
    orb_attempt_drive(w->attempt); /* it may have been too much */
}

static void on_answer(void *arg, int code, const struct orb_error *err)
{
    struct orb_work *w = arg;
    struct orb_error why = w->err ? *w->err : *err;
    int talk = w->talk;
    why.code = w->err ? why.code : code;
    struct orb_attempt *a = work_free(w);
    if (!a)
        return;
    if (why.code)
        orb_run_model_failed(a->run, talk, &why, orb_now());
    else
        orb_run_answered(a->run, talk, orb_now());
    orb_attempt_drive(a);
}

void orb_work_ask(struct orb_attempt *a, int talk)
{
    static const struct orb_model_callbacks callbacks = { .delta = on_delta, .done = on_answer };
    const char *model;
    struct orb_model_call call;
    struct orb_error why = { 0 };
    if (orb_run_call(a->run, talk, &model, &call))
        return;
    struct orb_work *w = work_new(a, talk, 0);
    int rc = orb_model_stream_start(a->loop, model, &call, &callbacks, w, &w->model, &why);
    json_decref(call.messages);
    json_decref(call.tools);
    if (rc) {
        work_free(w);
        why.code = rc;
        orb_run_model_failed(a->run, talk, &why, orb_now());
        return;
    }
    silence_start(w);
}

/* ---- tools ------------------------------------------------------------------ */

static void on_tool_result(void *arg, const struct orb_tool_result *result)
{
    struct orb_work *w = arg;
    int talk = w->talk, call = w->call;
    /* The result may be of the arguments, which go with the work: the run takes it before. */
    if (w->attempt)
        orb_run_tool_result(w->attempt->run, talk, call, result, orb_now());
    struct orb_attempt *a = work_free(w);
    if (a)
        orb_attempt_drive(a);
}

static void on_tool_progress(void *arg, const char *text)
{
    struct orb_work *w = arg;
    if (w->attempt)
        orb_run_tool_progress(w->attempt->run, w->talk, w->call, text);
}

void orb_work_call_tool(struct orb_attempt *a, const struct orb_action *action)
{
    struct orb_error why = { 0 };
    struct orb_work *w = work_new(a, action->talk, action->call);
    w->arguments = json_incref(action->arguments);
    if (!orb_tool_call_start(a->loop, action->tool, w->arguments, on_tool_result, w, &w->tool, &why)) {
        orb_tool_call_on_progress(w->tool, on_tool_progress);
        orb_tool_call_set_context(w->tool, w);
        return;
    }
    work_free(w);
    orb_run_tool_result(a->run, action->talk, action->call, &(struct orb_tool_result){ .error = orb_error_message(&why) }, orb_now());
}
