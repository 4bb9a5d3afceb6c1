/* The open task: its detail, and its events from the first one on. */
#include "data_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MS 400   /* between two questions */

/* ---- stream --------------------------------------------------------------------- */

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_STREAM);
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (!event) {
        tui_data_tell(d, TUI_MSG_STREAM_END, d->open_id, err ? orb_error_message(err) : "");
        return;
    }
    msg.id = d->open_id;
    msg.events = event;
    msg.count = 1;
    tui_data_send(d, &msg);
}

void tui_data_open(struct tui_data *d, const char *id)
{
    struct orb_error err = { 0 };
    const struct tui_open *open = &d->model->open;
    const char *from = !strcmp(open->id, id) && *open->position ? open->position : NULL;
    orb_task_handle_free(d->handle);
    d->handle = NULL;
    d->detailed_ms = 0;
    tui_set(d->open_id, sizeof d->open_id, id);
    d->open_serial = open->serial;
    if (!*id)
        return;
    d->handle = orb_task_handle_new(d->client, d->open_id);
    if (!d->handle || orb_task_handle_stream(d->handle, from, on_event, d, &err))
        tui_data_tell(d, TUI_MSG_STREAM_END, d->open_id, d->handle ? orb_error_message(&err) : "out of memory");
    orb_timer_start(d->refresh, 0); /* its detail */
}

/* ---- detail: the hash, then what it was submitted with ----------------------------- */

struct detail {
    struct tui_data *data;
    char id[ORB_ID_MAX + 1];
    struct orb_task_info info;
    char *text[12];
    struct orb_task_handle *handle;
};

static const char *keep(struct detail *q, size_t i, const char *text)
{
    return q->text[i] = tui_strdup(text);
}

static void detail_done(struct detail *q)
{
    for (size_t i = 0; i < TUI_COUNT(q->text); i++)
        free(q->text[i]);
    orb_task_handle_free(q->handle);
    q->data->is_detailing = 0;
    free(q);
}

static void ask_again(const struct detail *q)
{
    struct tui_open *open = &q->data->model->open;
    open->is_stale |= !strcmp(open->id, q->id);
}

static void on_payload(void *arg, const struct orb_payload *payload, const struct orb_error *err)
{
    struct detail *q = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_DETAIL);
    if (err && err->code == ORB_E_UNREACHABLE) {
        ask_again(q);
    } else if (!err || err->code != ORB_E_CANCELLED) {
        msg.id = q->id;
        msg.tasks = &q->info;
        msg.count = 1;
        msg.a = err && err->code != ORB_E_NOT_FOUND;
        msg.text = payload ? payload->json : msg.a ? orb_error_message(err) : "";
        msg.text_len = payload ? payload->json_len : strlen(msg.text);
        tui_data_send(q->data, &msg);
    }
    detail_done(q);
}

static void on_status(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct detail *q = arg;
    struct orb_error why;
    if (!info) {
        if (err->code == ORB_E_UNREACHABLE)
            ask_again(q);
        else if (err->code != ORB_E_CANCELLED)
            tui_data_tell(q->data, TUI_MSG_DETAIL, q->id, orb_error_message(err));
        detail_done(q);
        return;
    }
    q->info = *info;
    q->info.id = q->id;
    q->info.queue = keep(q, 0, info->queue);
    q->info.agent = keep(q, 1, info->agent);
    q->info.worker_id = keep(q, 2, info->worker_id);
    q->info.resubmit_of = keep(q, 3, info->resubmit_of);
    q->info.result = keep(q, 4, info->result);
    q->info.output = keep(q, 5, info->output);
    q->info.error = keep(q, 6, info->error);
    q->info.error_type = keep(q, 7, info->error_type);
    q->info.partial = keep(q, 8, info->partial);
    q->info.usage = keep(q, 9, info->usage);
    if (orb_task_payload(q->data->client, q->id, on_payload, q, &why))
        on_payload(q, NULL, &why);
}

void tui_data_detail(struct tui_data *d)
{
    int64_t now = orb_loop_now_ms(d->loop);
    if (!*d->open_id || strcmp(d->open_id, d->model->open.id) != 0 || !d->model->open.is_stale || d->is_detailing || (d->detailed_ms && now - d->detailed_ms < DETAIL_MS))
        return;
    struct detail *q = tui_alloc(1, sizeof *q);
    q->data = d;
    memcpy(q->id, d->open_id, sizeof q->id);
    q->handle = orb_task_handle_new(d->client, q->id);
    d->model->open.is_stale = 0;
    d->detailed_ms = now;
    d->is_detailing = 1;
    if (q->handle && !orb_task_handle_status(q->handle, on_status, q))
        return;
    tui_data_tell(d, TUI_MSG_DETAIL, q->id, "this is no task's id");
    detail_done(q);
}
