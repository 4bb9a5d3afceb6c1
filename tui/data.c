#include "data_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 2000
#define POLL_DOWN_MS 300      /* while Redis is away */
#define REFRESH_MS 250
#define REST_MS 120
#define REFRESH_ROUNDS 5      /* in that time, when there is much to ask for */
#define FEED_PAST "-900"      /* entries: what has happened before it was opened */
#define WALK_FAST 200         /* tasks of a slice: about a millisecond of Redis */
#define WALK_SLOW 100
#define WALK_SLOW_MS 300
#define TAIL_EVENTS 20

struct tui_msg tui_data_msg(enum tui_msg_type type)
{
    return (struct tui_msg){ .type = type, .at = orb_now(), .id = "", .text = "" };
}

void tui_data_send(struct tui_data *d, const struct tui_msg *msg)
{
    d->sink(d->arg, msg);
}

void tui_data_tell(struct tui_data *d, enum tui_msg_type type, const char *id, const char *text)
{
    struct tui_msg msg = tui_data_msg(type);
    msg.id = id;
    msg.text = text;
    msg.text_len = strlen(text);
    tui_data_send(d, &msg);
}

/* A question that failed because the link is down says nothing new: LINK does. */
static const char *why(const struct orb_error *err)
{
    return !err ? "" : orb_error_message(err);
}

static int is_away(const struct orb_error *err)
{
    return err && (err->code == ORB_E_UNREACHABLE || err->code == ORB_E_CANCELLED);
}

void tui_data_trouble(struct tui_data *d, enum tui_trouble what, const struct orb_error *err)
{
    if (is_away(err) || (!err && !d->is_refused[what]))
        return;
    d->is_refused[what] = err != NULL;
    tui_data_tell(d, TUI_MSG_TROUBLE, tui_trouble_names[what], why(err));
}

/* ---- the link ------------------------------------------------------------------ */

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_LINK);
    msg.a = is_up;
    msg.b = err ? err->code : 0;
    msg.text = why(err);
    msg.text_len = strlen(msg.text);
    int was_up = d->is_up;
    d->is_up = is_up;
    tui_data_send(d, &msg);
    if (is_up != was_up)
        orb_timer_start(d->poll, is_up ? 0 : POLL_DOWN_MS);
}

/* ---- the feed ------------------------------------------------------------------ */

static void on_feed(void *arg, const struct orb_feed_batch *batch, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_FEED);
    if (err || batch->is_up)
        tui_data_trouble(d, TUI_TROUBLE_FEED, err);
    if (batch->is_gap)
        tui_data_tell(d, TUI_MSG_FEED_GAP, "", "");
    msg.count = batch->count;
    msg.changes = batch->events;
    msg.text = batch->position;
    msg.text_len = strlen(msg.text);
    msg.a = batch->is_behind;
    if (batch->is_up && *batch->position && !batch->is_behind && !d->has_joined++)
        orb_timer_start(d->refresh, 0);
    if (batch->count || (batch->is_up && *batch->position))
        tui_data_send(d, &msg);
}

static void follow(struct tui_data *d, const char *from)
{
    struct orb_error err = { 0 };
    orb_feed_free(d->feed);
    d->feed = NULL;
    if (orb_feed_follow(d->client, *from ? from : NULL, on_feed, d, &d->feed, &err)) {
        struct tui_msg msg = tui_data_msg(TUI_MSG_NOTE);
        msg.a = 1;
        msg.text = orb_error_message(&err);
        msg.text_len = strlen(msg.text);
        tui_data_send(d, &msg);
    }
}

/* ---- the walk ------------------------------------------------------------------ */

#define LOOK_AGAIN 16 /* walks, in which each task is read once at least: an index may still have what has expired */

/* What has ended and is known to have ended so need not be read again; that it is there is all that the walk has to say of it. */
static int is_wanted(void *arg, const char *id, int status)
{
    const struct tui_data *d = arg;
    struct tui_tasks *tasks = &d->model->tasks;
    uint32_t row = tui_tasks_find(tasks, id);
    if (row == UINT32_MAX)
        return 1;
    struct tui_task *task = &tasks->rows[row];
    if (!orb_status_is_final(task->state) || (status >= 0 && status != task->state) || task->is_stale || (row + tasks->generation) % LOOK_AGAIN == 0)
        return 1;
    task->generation = tasks->generation;
    return 0;
}

/* Which tasks the walk has not found is known here only: it does not tell those that need not be told. */
static void end_walk(struct tui_data *d)
{
    const struct tui_tasks *tasks = &d->model->tasks;
    uint32_t row, from = 0;
    while ((row = tui_tasks_untold(tasks, &from)) != UINT32_MAX)
        tui_data_tell(d, TUI_MSG_GONE, tui_task_id(tasks, row), "");
    tui_data_tell(d, TUI_MSG_WALK_END, "", "");
    orb_walk_free(d->walk);
    d->walk = NULL;
    d->is_fast = 0;
}

static void on_walk(void *arg, const struct orb_task_info *tasks, size_t count, int is_end, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_TASKS);
    if (err && err->code == ORB_E_CANCELLED)
        return;
    d->is_walking = 0;
    tui_data_trouble(d, TUI_TROUBLE_TASKS, err);
    if (d->model->is_paused) { /* it is not told: from the beginning, then */
        orb_walk_free(d->walk);
        d->walk = NULL;
        return;
    }
    msg.count = count;
    msg.tasks = tasks;
    if (count)
        tui_data_send(d, &msg);
    if (is_end)
        end_walk(d);
    orb_timer_start(d->walk_timer, err || !d->is_fast ? WALK_SLOW_MS : 0);
}

static void on_walk_timer(void *arg)
{
    struct tui_data *d = arg;
    struct orb_walk_options options = { .is_wanted = is_wanted, .arg = d };
    struct orb_error err;
    if (d->is_walking || d->model->is_paused || !d->is_up)
        return; /* tui_data_serve starts it again when that ends */
    if (!d->walk) {
        tui_data_tell(d, TUI_MSG_WALK, "", "");
        d->walk = orb_walk_new(d->client, &options);
    }
    d->is_walking = d->walk && !orb_walk_next(d->walk, d->is_fast ? WALK_FAST : WALK_SLOW, on_walk, d, &err);
}

static void walk_anew(struct tui_data *d)
{
    orb_walk_free(d->walk);
    d->walk = NULL;
    d->is_walking = 0;
    d->is_fast = 1;
    orb_timer_start(d->walk_timer, 0);
}

/* ---- what is asked for again and again -------------------------------------------- */

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
    msg.text = why(err);
    msg.text_len = strlen(msg.text);
    poll_answered(d);
    if (!is_away(err))
        tui_data_send(d, &msg);
}

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_QUEUES);
    msg.queues = queues;
    msg.count = count;
    msg.text = why(err);
    msg.text_len = strlen(msg.text);
    poll_answered(d);
    if (!is_away(err))
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

static void on_poll(void *arg)
{
    struct tui_data *d = arg;
    struct orb_error err;
    struct orb_queue_filter queues = { .limit = 10000 };
    struct tui_want want;
    struct orb_audit_filter audit = { .limit = 100 };
    orb_timer_start(d->poll, d->is_up ? POLL_MS : POLL_DOWN_MS);
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

static void on_refresh(void *arg)
{
    struct tui_data *d = arg;
    struct orb_error err;
    struct tui_want want;
    orb_timer_start(d->refresh, REFRESH_MS);
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

static void on_rest(void *arg)
{
    struct tui_data *d = arg;
    char id[ORB_ID_MAX + 1];
    memcpy(id, d->next_id, sizeof id);
    tui_data_open(d, id);
}

/* ---- life --------------------------------------------------------------------------- */

void tui_data_serve(struct tui_data *d)
{
    struct tui_model *m = d->model;
    struct tui_want want;
    if (m->wants_catch_up) {
        m->wants_catch_up = 0;
        m->wants_refresh |= !*m->feed_position; /* it was frozen before the feed had begun */
        follow(d, m->feed_position);
        tui_data_open(d, d->open_id);
    }
    if (m->wants_refresh) {
        m->wants_refresh = 0;
        walk_anew(d);
        orb_timer_start(d->poll, 0);
    }
    if (d->is_up && !d->is_walking && !orb_timer_is_started(d->walk_timer) && !m->is_paused)
        orb_timer_start(d->walk_timer, 0);
    tui_model_want(m, &want);
    if (!strcmp(want.open_id, d->open_id) || !*want.open_id || m->screen == TUI_TASK || !*d->open_id) {
        orb_timer_stop(d->rest);
        d->next_id[0] = 0;
        if (strcmp(want.open_id, d->open_id) != 0)
            tui_data_open(d, want.open_id);
    } else if (strcmp(want.open_id, d->next_id) != 0) { /* a cursor on its way: where it rests is asked for */
        memcpy(d->next_id, want.open_id, strlen(want.open_id) + 1);
        orb_timer_start(d->rest, REST_MS);
    }
    tui_data_acts(d);
}

int tui_data_new(struct orb_loop *loop, const struct orb_redis_options *redis, struct tui_model *model, int has_past, tui_sink sink, void *arg, struct tui_data **out,
                 struct orb_error *err)
{
    struct tui_data *d = tui_alloc(1, sizeof *d);
    *d = (struct tui_data){ .loop = loop, .model = model, .sink = sink, .arg = arg, .is_fast = 1 };
    int rc = orb_client_new(loop, redis, &d->client, err);
    if (rc) {
        free(d);
        return rc;
    }
    orb_client_on_state(d->client, on_state, d);
    d->walk_timer = orb_timer_new(loop, on_walk_timer, d);
    d->poll = orb_timer_new(loop, on_poll, d);
    d->refresh = orb_timer_new(loop, on_refresh, d);
    d->rest = orb_timer_new(loop, on_rest, d);
    follow(d, has_past ? FEED_PAST : "");
    orb_timer_start(d->poll, 0);
    orb_timer_start(d->refresh, REFRESH_MS);
    *out = d;
    return 0;
}

static void ignore(void *arg, const struct tui_msg *msg)
{
    (void)arg;
    (void)msg;
}

void tui_data_free(struct tui_data *d)
{
    if (!d)
        return;
    d->sink = ignore; /* what is cancelled has nothing to say */
    tui_data_open(d, "");
    orb_walk_free(d->walk);
    orb_feed_free(d->feed);
    orb_timer_free(d->walk_timer);
    orb_timer_free(d->poll);
    orb_timer_free(d->refresh);
    orb_timer_free(d->rest);
    orb_client_free(d->client);
    orb_loop_turn(d->loop, 0); /* cancelled callbacks come in the next turn */
    free(d);
}
