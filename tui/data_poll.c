/* What is asked for again and again: totals, workers, queues, the audit; rows that the feed has told of; the last words of tasks. */
#include "data_inner.h"

#include <stdlib.h>
#include <string.h>

#define POLL_MS 2000
#define REFRESH_ROUNDS 5      /* in that time, when there is much to ask for */
#define TAIL_EVENTS 20

static void poll_answered(struct tui_data *d)
{
    d->polls--;
}

static void on_workers(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_WORKERS);
    msg.workers = workers;
    msg.count = count;
    msg.text = tui_data_why(err);
    msg.text_len = strlen(msg.text);
    poll_answered(d);
    if (!tui_data_is_away(err))
        tui_data_send(d, &msg);
}

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_QUEUES);
    msg.queues = queues;
    msg.count = count;
    msg.text = tui_data_why(err);
    msg.text_len = strlen(msg.text);
    poll_answered(d);
    if (!tui_data_is_away(err))
        tui_data_send(d, &msg);
}

static void on_counts(void *arg, const struct orb_counts *counts, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_COUNTS);
    msg.counts = counts;
    poll_answered(d);
    tui_data_trouble(d, TUI_TROUBLE_TOTALS, err);
    if (!err)
        tui_data_send(d, &msg);
}

static void on_audit(void *arg, const struct orb_audit_info *entries, size_t count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_AUDIT);
    msg.audits = entries;
    msg.count = count;
    d->is_auditing = 0;
    tui_data_trouble(d, TUI_TROUBLE_AUDIT, err);
    if (!err)
        tui_data_send(d, &msg);
}

/* About four bytes are a token. */
static double rate_of(const struct orb_tail *tail, double now)
{
    size_t bytes = 0;
    double from = 0;
    for (size_t i = 0; i < tail->count; i++) {
        double at = strtod(tail->events[i].stream_id, NULL) / 1000;
        if (tail->events[i].type != ORB_EVENT_TEXT || now - at > 10)
            continue;
        if (from > 0)
            bytes += tail->events[i].text_len;
        else
            from = at;
    }
    double span = now - from;
    return from > 0 && span > 0.05 ? (double)bytes / 4 / span : 0;
}

static void send_tail(struct tui_data *d, const struct orb_tail *tail)
{
    struct tui_msg msg = tui_data_msg(TUI_MSG_TAILS);
    char text[2048];
    size_t len = 0;
    for (size_t i = 0; i < tail->count; i++) {
        const struct orb_event *e = &tail->events[i];
        if (e->type != ORB_EVENT_TEXT && e->type != ORB_EVENT_REASONING)
            continue;
        size_t n = e->text_len < sizeof text / 2 ? e->text_len : sizeof text / 2;
        if (len + n >= sizeof text) {
            len = sizeof text / 2;
            memmove(text, text + sizeof text - len, len);
        }
        memcpy(text + len, e->text, n);
        len += n;
    }
    while (len && (text[len - 1] & 0xc0) == 0x80 && len + 4 > sizeof text)
        len--;
    text[len] = 0;
    msg.id = tail->id;
    msg.text = text;
    msg.text_len = strlen(text);
    msg.number = rate_of(tail, msg.at);
    msg.a = tail->count ? strtoll(tail->events[tail->count - 1].stream_id, NULL, 10) : 0;
    tui_data_send(d, &msg);
}

static void on_tails(void *arg, const struct orb_tail *tails, size_t count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    d->is_tailing = 0;
    for (size_t i = 0; !err && i < count; i++)
        send_tail(d, &tails[i]);
}

void tui_data_poll(void *arg)
{
    struct tui_data *d = arg;
    struct orb_error err;
    struct orb_queue_filter queues = { .limit = 10000 };
    struct tui_want want;
    struct orb_audit_filter audit = { .limit = 100 };
    orb_timer_start(d->poll, d->is_up ? POLL_MS : TUI_POLL_DOWN_MS);
    if (d->polls > 0)
        return; /* Redis is slow, or away: one question at a time */
    tui_model_want(d->model, &want);
    d->polls += !orb_fleet_counts(d->client, on_counts, d);
    d->polls += !orb_watch_workers(d->client, on_workers, d);
    d->polls += !orb_fleet_queues(d->client, &queues, on_queues, d, &err);
    if (want.wants_audit && !d->is_auditing)
        d->is_auditing = !orb_fleet_audit(d->client, &audit, on_audit, d, &err);
}

static void ask_rows(struct tui_data *d);

static void on_rows(void *arg, const struct orb_task_info *tasks, size_t count, const char *const *gone, size_t gone_count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_TASKS);
    d->is_refreshing = 0;
    if (err || d->model->is_paused) {
        for (size_t i = 0; i < d->asked_count; i++)
            tui_tasks_note(&d->model->tasks, d->asked[i]);
        return;
    }
    msg.tasks = tasks;
    msg.count = count;
    if (count)
        tui_data_send(d, &msg);
    for (size_t i = 0; i < gone_count; i++)
        tui_data_tell(d, TUI_MSG_GONE, gone[i], "");
    ask_rows(d);
}

/* Rows that the feed has told of. */
static void ask_rows(struct tui_data *d)
{
    const char *ids[TUI_REFRESH_MAX];
    struct orb_error err;
    if (d->is_refreshing || d->rounds == REFRESH_ROUNDS)
        return;
    d->rounds++;
    size_t n = d->asked_count = tui_tasks_stale(&d->model->tasks, d->asked, TUI_REFRESH_MAX);
    for (size_t i = 0; i < n; i++)
        ids[i] = tui_task_id(&d->model->tasks, d->asked[i]);
    d->is_refreshing = n && !orb_fleet_rows(d->client, ids, n, on_rows, d, &err);
}

int tui_data_has_joined(const struct tui_data *d)
{
    return d->has_joined;
}

int tui_data_is_settled(const struct tui_data *d)
{
    return d->has_joined && !d->is_refreshing && !d->model->tasks.stale_count;
}

void tui_data_refresh(void *arg)
{
    struct tui_data *d = arg;
    struct orb_error err;
    struct tui_want want;
    orb_timer_start(d->refresh, TUI_REFRESH_MS);
    d->rounds = 0;
    if (!d->is_up)
        return;
    tui_data_detail(d);
    tui_model_want(d->model, &want);
    if (want.tail_count && !d->is_tailing)
        d->is_tailing = !orb_fleet_tails(d->client, want.tail_ids, want.tail_count, TAIL_EVENTS, on_tails, d, &err);
    if (!d->model->is_paused)
        ask_rows(d);
}
