#include "data_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_MS 120
#define FEED_PAST "-900"      /* entries: what has happened before it was opened */
#define WALK_FAST 200         /* tasks of a slice: about a millisecond of Redis */
#define WALK_SLOW 100
#define WALK_SLOW_MS 300

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

const char *tui_data_why(const struct orb_error *err)
{
    return !err ? "" : orb_error_message(err);
}

int tui_data_is_away(const struct orb_error *err)
{
    return err && (err->code == ORB_E_UNREACHABLE || err->code == ORB_E_CANCELLED);
}

void tui_data_trouble(struct tui_data *d, enum tui_trouble what, const struct orb_error *err)
{
    if (tui_data_is_away(err) || (!err && !d->is_refused[what]))
        return;
    d->is_refused[what] = err != NULL;
    tui_data_tell(d, TUI_MSG_TROUBLE, tui_trouble_names[what], tui_data_why(err));
}

/* ---- the link ------------------------------------------------------------------ */

/* Again and again the same, while Redis is away, is nothing new. */
static void tell_link(struct tui_data *d, const struct orb_error *err)
{
    const struct tui_link *link = &d->model->link;
    struct tui_msg msg = tui_data_msg(TUI_MSG_LINK);
    msg.a = !d->is_up ? 0 : d->silent_ms ? 2 : 1;
    msg.b = err ? err->code : 0;
    msg.text = tui_data_why(err);
    msg.text_len = strlen(msg.text);
    msg.number = msg.a == 2 ? (double)d->silent_ms / 1000 : 0;
    if (msg.a || link->is_up || !link->since || strcmp(link->why, msg.text) != 0)
        tui_data_send(d, &msg);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct tui_data *d = arg;
    int was_up = d->is_up;
    d->is_up = is_up;
    tell_link(d, err);
    if (is_up != was_up)
        orb_timer_start(d->poll, is_up ? 0 : TUI_POLL_DOWN_MS);
}

/* ---- the feed ------------------------------------------------------------------ */

static void on_feed(void *arg, const struct orb_feed_batch *batch, const struct orb_error *err)
{
    struct tui_data *d = arg;
    struct tui_msg msg = tui_data_msg(TUI_MSG_FEED);
    int was_silent = d->silent_ms > 0;
    d->silent_ms = batch->silent_ms;
    if (d->is_up && was_silent != (d->silent_ms > 0))
        tell_link(d, NULL);
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
    if (batch->count || (batch->is_up && *batch->position && !batch->silent_ms)) /* a silence is no news of Redis */
        tui_data_send(d, &msg);
}

static void follow(struct tui_data *d, const char *from)
{
    struct orb_error err = { 0 };
    orb_feed_free(d->feed);
    d->feed = NULL;
    d->silent_ms = 0; /* else it will say so again */
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

/* ---- life --------------------------------------------------------------------------- */

static void on_rest(void *arg)
{
    struct tui_data *d = arg;
    char id[ORB_ID_MAX + 1];
    memcpy(id, d->next_id, sizeof id);
    tui_data_open(d, id);
}

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
    int is_same_id = !strcmp(want.open_id, d->open_id), is_same = is_same_id && (!*want.open_id || d->open_serial == m->open.serial);
    if (is_same_id || !*want.open_id || m->screen == TUI_TASK || !*d->open_id) {
        orb_timer_stop(d->rest);
        d->next_id[0] = 0;
        if (!is_same)
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
    d->poll = orb_timer_new(loop, tui_data_poll, d);
    d->refresh = orb_timer_new(loop, tui_data_refresh, d);
    d->rest = orb_timer_new(loop, on_rest, d);
    follow(d, has_past ? FEED_PAST : "");
    orb_timer_start(d->poll, 0);
    orb_timer_start(d->refresh, TUI_REFRESH_MS);
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
