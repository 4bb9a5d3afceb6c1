/* Rows of tasks: found by id through a hash, chained by row numbers, so that a row costs what tasks.h says and nothing else. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ---------------------------------------------------------------- */

const char *tui_task_id(const struct tui_tasks *t, uint32_t row)
{
    const struct tui_task *task = &t->rows[row];
    return task->long_id ? task->long_id : task->id;
}

static uint32_t *bucket(const struct tui_tasks *t, const char *id)
{
    return &t->buckets[tui_hash(id, strlen(id)) & (t->bucket_count - 1)];
}

uint32_t tui_tasks_find(const struct tui_tasks *t, const char *id)
{
    for (uint32_t at = t->bucket_count ? *bucket(t, id) : 0; at; at = t->rows[at - 1].next)
        if (!strcmp(tui_task_id(t, at - 1), id))
            return at - 1;
    return UINT32_MAX;
}

static void rehash(struct tui_tasks *t)
{
    t->bucket_count = t->bucket_count ? t->bucket_count * 2 : 256;
    free(t->buckets);
    t->buckets = tui_alloc(t->bucket_count, sizeof *t->buckets);
    for (uint32_t row = 0; row < t->limit; row++) {
        if (!t->rows[row].is_there)
            continue;
        uint32_t *b = bucket(t, tui_task_id(t, row));
        t->rows[row].next = *b;
        *b = row + 1;
    }
}

static void unlink_row(struct tui_tasks *t, uint32_t row)
{
    uint32_t *at = bucket(t, tui_task_id(t, row));
    while (*at && *at != row + 1)
        at = &t->rows[*at - 1].next;
    if (*at)
        *at = t->rows[row].next;
    t->by_state[t->rows[row].state]--;
    t->count--;
    t->rows[row].is_there = 0;
    t->rows[row].next = t->dropped_row;
    t->dropped_row = row + 1;
}

void tui_tasks_settled(struct tui_tasks *t)
{
    while (t->dropped_row) {
        struct tui_task *task = &t->rows[t->dropped_row - 1];
        uint32_t next = task->next;
        free(task->long_id);
        task->long_id = NULL;
        task->next = t->free_row;
        t->free_row = t->dropped_row;
        t->dropped_row = next;
    }
}

#define THIN 64   /* that part of all goes at once */
#define SLICES 1024

static int has_ended(const struct tui_task *task)
{
    return task->is_there && orb_status_is_final(task->state);
}

/* When those were made that have to go: so many in each slice of the time between the oldest and the newest. */
static double find_cut(const struct tui_tasks *t, uint32_t want)
{
    uint32_t slices[SLICES] = { 0 };
    double from = INFINITY, to = -INFINITY;
    for (uint32_t row = 0; row < t->limit; row++)
        if (has_ended(&t->rows[row])) {
            from = fmin(from, t->rows[row].created_at);
            to = fmax(to, t->rows[row].created_at);
        }
    if (!(to > from))
        return to;
    double width = (to - from) / SLICES;
    for (uint32_t row = 0; row < t->limit; row++)
        if (has_ended(&t->rows[row])) {
            size_t slice = (size_t)((t->rows[row].created_at - from) / width);
            slices[slice < SLICES ? slice : SLICES - 1]++;
        }
    size_t slice = 0;
    for (uint32_t sum = slices[0]; sum < want && slice + 1 < SLICES;)
        sum += slices[++slice];
    return from + (double)(slice + 1) * width;
}

/* Full: a part of those that have ended makes room, the oldest. The rows themselves are free after the next frame. */
static void make_room(struct tui_tasks *t)
{
    uint32_t want = t->max / THIN + 1, n = 0;
    double cut = find_cut(t, want);
    for (uint32_t row = 0; row < t->limit && n < want; row++)
        if (has_ended(&t->rows[row]) && t->rows[row].created_at <= cut) {
            unlink_row(t, row);
            n++;
        }
    if (n)
        t->cut = fmax(t->cut, cut);
    t->is_thinned |= n > 0;
}

static uint32_t add(struct tui_tasks *t, const char *id)
{
    if (!t->free_row && t->limit == t->max) {
        if (!t->dropped_row)
            make_room(t);
        return UINT32_MAX; /* this one is told again by the walk */
    }
    uint32_t row = t->free_row ? t->free_row - 1 : t->limit;
    if (t->free_row) {
        t->free_row = t->rows[row].next;
    } else {
        size_t cap = t->cap;
        t->rows = tui_grow(t->rows, t->limit, &cap, sizeof *t->rows);
        t->cap = (uint32_t)cap;
        t->limit++;
    }
    struct tui_task *task = &t->rows[row];
    memset(task, 0, sizeof *task);
    task->is_there = 1;
    task->cost = NAN;
    if (strlen(id) < sizeof task->id)
        strcpy(task->id, id);
    else
        task->long_id = tui_strdup(id);
    t->count++;
    if (t->count > t->bucket_count) {
        rehash(t);
    } else {
        uint32_t *b = bucket(t, id);
        task->next = *b;
        *b = row + 1;
    }
    return row;
}

void tui_tasks_init(struct tui_tasks *t)
{
    memset(t, 0, sizeof *t);
    t->max = TUI_TASKS_MAX;
}

void tui_tasks_done(struct tui_tasks *t)
{
    for (uint32_t row = 0; row < t->limit; row++)
        free(t->rows[row].long_id);
    free(t->rows);
    free(t->buckets);
    free(t->stale);
    tui_tasks_init(t);
}

/* ---- changes ---------------------------------------------------------------- */

static uint16_t small(int64_t n)
{
    return n < 0 ? 0 : n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static uint32_t tokens(int64_t n)
{
    return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void set_state(struct tui_tasks *t, struct tui_task *task, int is_new, enum orb_status state)
{
    if (!is_new)
        t->by_state[task->state]--;
    task->state = (uint8_t)state;
    t->by_state[state]++;
}

/* What the feed told meanwhile may be newer than an answer that was on its way, and what a row had told newer than the feed. One that had ended
 * and was made (again) since then is another task under the same id. */
static int is_old(const struct tui_task *task, int64_t attempt, double made_at)
{
    return attempt < task->attempt && !(has_ended(task) && attempt == 0 && made_at > task->completed_at);
}

uint32_t tui_tasks_take(struct tui_tasks *t, struct tui_texts *texts, const struct orb_task_info *info, int *was)
{
    uint32_t row = tui_tasks_find(t, info->id);
    int is_new = row == UINT32_MAX;
    if (is_new && t->cut > 0 && orb_status_is_final(info->status) && info->created_at <= t->cut)
        return row;
    if (is_new)
        row = add(t, info->id);
    if (row == UINT32_MAX)
        return row;
    struct tui_task *task = &t->rows[row];
    *was = is_new ? -1 : task->state;
    task->generation = t->generation;
    int is_behind = task->is_stale && has_ended(task) && !orb_status_is_final(info->status) && info->attempt == task->attempt; /* it was under way when the feed told the end */
    if (!is_new && (is_behind || is_old(task, info->attempt, info->created_at)))
        return UINT32_MAX;
    if ((int)info->status == task->state && small(info->attempt) == task->attempt)
        task->is_stale = task->is_awaited = 0; /* it is what the feed told of */
    set_state(t, task, is_new, info->status);
    task->priority = (uint8_t)info->priority;
    task->attempt = small(info->attempt);
    task->retries = small(info->retries);
    task->recoveries = small(info->recoveries);
    task->agent = tui_texts_number(texts, info->agent);
    task->queue = tui_texts_number(texts, *info->queue ? info->queue : ORB_QUEUE_DEFAULT);
    task->worker = tui_texts_number(texts, info->worker_id);
    int is_well = info->status == ORB_STATUS_COMPLETED; /* what an earlier attempt died of stands in its hash, after Python workers */
    task->error = tui_texts_error(texts, is_well ? "" : info->error);
    task->error_type = tui_texts_number(texts, is_well ? "" : info->error_type);
    task->created_at = info->created_at > 0 ? info->created_at : info->started_at;
    task->started_at = info->started_at;
    task->completed_at = info->completed_at;
    task->tokens_in = tokens(info->input_tokens);
    task->tokens_out = tokens(info->output_tokens);
    task->cost = info->cost < 0 ? (float)NAN : (float)info->cost;
    return row;
}

void tui_tasks_note(struct tui_tasks *t, uint32_t row)
{
    if (!t->rows[row].is_there)
        return;
    t->rows[row].is_awaited = 1;
    if (t->rows[row].is_stale)
        return;
    t->rows[row].is_stale = 1;
    t->stale = tui_grow(t->stale, t->stale_count, &t->stale_cap, sizeof *t->stale);
    t->stale[t->stale_count++] = row;
}

uint32_t tui_tasks_change(struct tui_tasks *t, struct tui_texts *texts, const struct orb_feed_event *change, int *was)
{
    if (change->status < 0)
        return UINT32_MAX;
    uint32_t row = tui_tasks_find(t, change->task_id);
    int is_new = row == UINT32_MAX;
    if (is_new)
        row = add(t, change->task_id);
    if (row == UINT32_MAX)
        return row;
    struct tui_task *task = &t->rows[row];
    double at = (double)change->at_ms / 1000;
    *was = is_new ? -1 : task->state;
    task->generation = t->generation;
    if (!is_new && (is_old(task, change->attempt, at) || (task->completed_at > at && has_ended(task))))
        return UINT32_MAX;
    if (change->status == ORB_STATUS_PENDING && has_ended(task))
        task->created_at = at;
    set_state(t, task, is_new, (enum orb_status)change->status);
    task->attempt = small(change->attempt);
    task->queue = tui_texts_number(texts, *change->queue ? change->queue : ORB_QUEUE_DEFAULT);
    if (*change->worker_id)
        task->worker = tui_texts_number(texts, change->worker_id);
    if (is_new)
        task->created_at = at;
    if (change->status == ORB_STATUS_RUNNING) {
        task->started_at = at;
        task->completed_at = 0;
    } else if (change->status == ORB_STATUS_PENDING) {
        task->completed_at = 0;
    } else if (orb_status_is_final((enum orb_status)change->status)) {
        task->completed_at = at;
    }
    tui_tasks_note(t, row);
    return row;
}

uint32_t tui_tasks_drop(struct tui_tasks *t, const char *id)
{
    uint32_t row = tui_tasks_find(t, id);
    if (row != UINT32_MAX)
        unlink_row(t, row);
    return row;
}

void tui_tasks_walk(struct tui_tasks *t)
{
    t->generation++;
    if (t->count < t->max - t->max / THIN * 4)
        t->cut = 0; /* there is room again */
}

void tui_tasks_seen(struct tui_tasks *t, const char *ids)
{
    char id[ORB_ID_MAX + 1];
    for (size_t len; *ids; ids += len + (ids[len] == '\n')) {
        len = strcspn(ids, "\n");
        snprintf(id, sizeof id, "%.*s", (int)(len < ORB_ID_MAX ? len : ORB_ID_MAX), ids);
        uint32_t row = tui_tasks_find(t, id);
        if (row != UINT32_MAX)
            t->rows[row].generation = t->generation;
    }
}

uint32_t tui_tasks_untold(const struct tui_tasks *t, uint32_t *from)
{
    for (; *from < t->limit; ++*from)
        if (t->rows[*from].is_there && t->rows[*from].generation != t->generation)
            return (*from)++;
    return UINT32_MAX;
}

size_t tui_tasks_stale(struct tui_tasks *t, uint32_t *out, size_t max)
{
    size_t n = 0;
    while (n < max && t->stale_count) {
        uint32_t row = t->stale[--t->stale_count];
        if (t->rows[row].is_there && t->rows[row].is_stale)
            out[n++] = row;
        t->rows[row].is_stale = 0;
    }
    return n;
}
