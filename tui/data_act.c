/* Acts: each is carried out only if what it is about is still as it was painted. */
#include "data_inner.h"
#include "form.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 200

struct call {
    struct tui_data *data;
    int serial;
    enum tui_act_kind kind;
    size_t replayed, failed;
    struct orb_error error;
};

static void answer(struct call *call, int code, const char *id, const char *text)
{
    struct tui_msg msg = tui_data_msg(TUI_MSG_ACTED);
    msg.a = call->serial;
    msg.b = code;
    msg.id = id;
    msg.text = text;
    msg.text_len = strlen(text);
    call->data->in_flight--;
    tui_data_send(call->data, &msg);
    free(call);
}

static void answer_error(struct call *call, const struct orb_error *err)
{
    if (err)
        answer(call, err->code, "", orb_error_message(err));
    else
        answer(call, 0, "", "");
}

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    (void)state;
    answer_error(arg, err);
}

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct call *call = arg;
    char id[ORB_ID_MAX + 1];
    tui_set(id, sizeof id, handle ? orb_task_handle_id(handle) : "");
    orb_task_handle_free(handle);
    if (*id)
        answer(call, 0, id, "");
    else
        answer_error(call, err);
}

static void on_pause(void *arg, const struct orb_pause_info *info, const struct orb_error *err)
{
    (void)info;
    answer_error(arg, err);
}

static void on_drain(void *arg, int is_changed, const struct orb_error *err)
{
    (void)is_changed;
    answer_error(arg, err);
}

static void on_purge(void *arg, int64_t ended, const struct orb_error *err)
{
    char text[40];
    snprintf(text, sizeof text, "%lld tasks cancelled", (long long)ended);
    if (err)
        answer_error(arg, err);
    else
        answer(arg, 0, text, "");
}

static void on_replay(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct call *call = arg;
    char text[80];
    (void)new_id;
    if (letter) {
        if (err && !call->failed++)
            call->error = *err;
        call->replayed += !err;
        return;
    }
    snprintf(text, sizeof text, "%zu new tasks", call->replayed);
    if (err)
        answer_error(call, err);
    else if (call->failed)
        answer_error(call, &call->error);
    else if (!call->replayed)
        answer(call, ORB_E_NOT_FOUND, "", "there is no dead letter (any more)");
    else
        answer(call, 0, text, "");
}

/* ---- a new task, from the form that was edited --------------------------------------- */

static int submit(struct tui_data *d, const struct tui_act *act, struct call *call, struct orb_error *err)
{
    struct tui_form form;
    int rc = tui_form_read(act->text, act->text_len, &form, err);
    json_t *config = rc ? NULL : json_pack("{ss ss ss}", "name", form.name, "model", form.model, "instructions", "");
    char *agent = config ? json_dumps(config, JSON_ENSURE_ASCII) : NULL;
    struct orb_task_spec spec = { .agent_config = agent, .input = form.prompt, .input_len = form.prompt_len, .queue = form.queue, .timeout_seconds = -1, .detailed = 1 };
    if (agent)
        rc = orb_distributed(d->client, &spec, on_submit, call, err);
    else if (!rc)
        rc = orb_error_set(err, ORB_E_INVALID, "the model's or the agent's name is not UTF-8");
    json_decref(config);
    free(agent);
    return rc;
}

/* ---- sending ---------------------------------------------------------------------------- */

static int start(struct tui_data *d, const struct tui_act *act, struct call *call, struct orb_error *err)
{
    enum orb_status status = ORB_STATUS_PENDING;
    int is_seen = *act->seen && !orb_status_parse(act->seen, &status);
    /* A cancel means the task, whichever attempt it is at by now; a repeat means the outcome that was shown. */
    struct orb_task_seen task = { .status = status, .attempt = act->kind != TUI_CANCEL && act->seen_attempt ? act->seen_attempt : -1 };
    struct orb_queue_seen queue = { .is_paused = !strcmp(act->seen, "paused"), .paused_at = act->seen_at };
    struct orb_worker_seen worker = { .status = act->seen, .started_at = act->seen_at };
    const char *ids[] = { act->target };
    struct orb_dead_filter letters = { .ids = ids, .id_count = 1 }, all = { .queue = act->target };
    switch (act->kind) {
    case TUI_CANCEL: return orb_operate_cancel_if(d->client, act->target, is_seen ? &task : NULL, on_cancel, call, err);
    case TUI_RESUBMIT: return orb_operate_resubmit_if(d->client, act->target, is_seen ? &task : NULL, NULL, 0, on_submit, call, err);
    case TUI_RESUBMIT_EDITED: return orb_operate_resubmit_if(d->client, act->target, is_seen ? &task : NULL, act->text, act->text_len, on_submit, call, err);
    case TUI_SUBMIT: return submit(d, act, call, err);
    case TUI_PAUSE_QUEUE: return orb_operate_pause_if(d->client, act->target, *act->seen ? &queue : NULL, on_pause, call, err);
    case TUI_RESUME_QUEUE: return orb_operate_resume_if(d->client, act->target, *act->seen ? &queue : NULL, on_pause, call, err);
    case TUI_DRAIN: return orb_operate_drain_if(d->client, act->target, *act->seen ? &worker : NULL, on_drain, call, err);
    case TUI_REPLAY_TASK: return orb_dead_replay(d->client, &letters, 0, on_replay, call, err);
    case TUI_REPLAY_QUEUE: return orb_dead_replay(d->client, &all, 0, on_replay, call, err);
    case TUI_PURGE: return orb_operate_purge(d->client, act->target, on_purge, call, err);
    case TUI_ACT_KINDS: break;
    }
    return orb_error_set(err, ORB_E_INTERNAL, "no such act");
}

void tui_data_acts(struct tui_data *d)
{
    const struct tui_act *act;
    while (d->in_flight < IN_FLIGHT_MAX && (act = tui_acts_take(&d->model->acts, orb_now()))) {
        struct call *call = tui_alloc(1, sizeof *call);
        struct orb_error err = { 0 };
        *call = (struct call){ .data = d, .serial = act->serial, .kind = act->kind };
        d->in_flight++;
        if (start(d, act, call, &err))
            answer_error(call, &err);
    }
}

/* ---- what is to be edited ------------------------------------------------------------------ */

struct input {
    int serial;
    tui_input_cb cb;
    void *arg;
};

static void on_payload(void *arg, const struct orb_payload *payload, const struct orb_error *err)
{
    struct input *q = arg;
    if (!err || err->code != ORB_E_CANCELLED)
        q->cb(q->arg, q->serial, payload ? payload->input : NULL, payload ? payload->input_len : 0, err);
    free(q);
}

int tui_data_input(struct tui_data *d, const char *id, int serial, tui_input_cb cb, void *arg, struct orb_error *err)
{
    struct input *q = tui_alloc(1, sizeof *q);
    *q = (struct input){ serial, cb, arg };
    int rc = orb_task_payload(d->client, id, on_payload, q, err);
    if (rc)
        free(q);
    return rc;
}
