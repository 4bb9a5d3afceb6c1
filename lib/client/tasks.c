/* Lists of tasks, newest first. The indexes (sorted sets for each queue: open tasks, and
 * one for each other state) are hints: every row is checked against its hash, and what is found to be wrong is
 * repaired, if this user may write. Tasks that only Python workers have touched are in the
 * package's own set and in no index: they are looked for when that set is the
 * larger one. */
#include "client/client.h"
#include "base/base.h"
#include "task/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 1000
#define SLICE 1000
#define SCAN_MAX 100000   /* ids of the package's set looked at for one list */

enum text { ID, QUEUE, AGENT, WORKER, ERROR, ERROR_TYPE, USAGE, RESUBMIT_OF, TEXTS };

/* Pending and running tasks share an index, see common.lua. */
enum index { OPEN, RETRYING, COMPLETED, FAILED, CANCELLED, INDEXES };
static const char *const index_words[INDEXES] = { "open", "retrying", "completed", "failed", "cancelled" };
static const enum index index_of[ORB_STATUS_COUNT] = {
    [ORB_STATUS_PENDING] = OPEN, [ORB_STATUS_RUNNING] = OPEN, [ORB_STATUS_RETRYING] = RETRYING,
    [ORB_STATUS_COMPLETED] = COMPLETED, [ORB_STATUS_FAILED] = FAILED, [ORB_STATUS_CANCELLED] = CANCELLED,
};

struct row {
    struct orb_task_info info;
    char *text[TEXTS];
    char *index_queue;            /* where the index said it was; NULL: it was in none */
    enum index index;
    double score;                 /* when it was made, microseconds */
    int is_gone;
};

struct page {
    struct orb_client *client;
    orb_tasks_cb cb;
    void *arg;
    int status, limit;
    size_t fetch;                 /* rows to take from each index */
    char *queue;
    char **queues;
    /* Of each queue, asked for when waiting or running ones are listed: when the entry was queued that was delivered
     * last; how many are delayed, wait or run. */
    double *delivered_ms;
    int64_t *length;
    size_t nqueues;
    struct row *rows;             /* candidates, then the page */
    size_t nrows, cap, ncandidates;
    struct row *strays;           /* found in no index */
    size_t nstrays, strays_cap;
    int64_t in_set, in_indexes;
    size_t scanned, full_indexes;
    size_t pending;               /* answers of this phase still to come */
    void (*next)(struct page *p);
    struct orb_error err;
};

/* ---- a phase: many questions, then the next phase ----------------------- */

struct question {
    struct page *page;
    void (*read)(struct page *p, const struct question *q, const struct orb_reply *reply);
    size_t row;
    const char *queue;
    enum index index;
    int may_be_closed;      /* to this user: then it counts as empty */
};

/* Whoever may write to Redis may have put anything where ids, names and numbers are expected. */
static int is_name(const char *text)
{
    return strlen(text) <= ORB_ID_MAX; /* queues' names are no longer */
}

static int64_t whole(double v)
{
    return v > -1e18 && v < 1e18 ? (int64_t)v : 0;
}

static void page_done(struct page *p);

static void phase_end(struct page *p)
{
    if (p->pending)
        return;
    if (p->err.code)
        page_done(p);
    else
        p->next(p);
}

static void on_answer(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *q = arg;
    struct page *p = q->page;
    /* A key that is no hash (a Python task may be called "index") is no task. */
    if (err && !strstr(err->text, "WRONGTYPE") && !strstr(err->text, "no such key") && !(q->may_be_closed && err->code == ORB_E_REFUSED))
        p->err = *err;
    else
        q->read(p, q, reply);
    free(q);
    p->pending--;
    phase_end(p);
}

static void put(struct page *p, struct orb_buf *b, const struct question *question)
{
    struct question *q = orb_alloc(sizeof *q);
    *q = *question;
    q->page = p;
    int rc = orb_client_send(p->client, b, 1, on_answer, q);
    if (!rc) {
        p->pending++;
        return;
    }
    free(q);
    orb_error_set(&p->err, rc, "%s", orb_error_text(rc));
}

/* A repair: whether it worked does not matter here. */
static void mend(struct page *p, const char *command, const char *key, const char *a, const char *b_or_null)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, b_or_null ? 4 : 3);
    orb_cmd_str(&b, command);
    orb_cmd_str(&b, key);
    orb_cmd_str(&b, a);
    if (b_or_null)
        orb_cmd_str(&b, b_or_null);
    int rc = orb_client_send(p->client, &b, 1, NULL, NULL);
    if (rc)
        orb_error_set(&p->err, rc, "%s", orb_error_text(rc));
}

static void index_key(const struct page *p, const char *queue, enum index index, char out[ORB_KEY_MAX])
{
    snprintf(out, ORB_KEY_MAX, "%sorbiter:index:%s:%s", p->client->prefix, queue, index_words[index]);
}

static void set_key(const struct page *p, char out[ORB_KEY_MAX])
{
    snprintf(out, ORB_KEY_MAX, "%sorbiter:task:index", p->client->prefix);
}

/* ---- rows --------------------------------------------------------------- */

static struct row *row_add(struct row **rows, size_t *count, size_t *cap)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        struct row *more = orb_alloc(*cap * sizeof *more);
        if (*count)
            memcpy(more, *rows, *count * sizeof *more);
        free(*rows);
        *rows = more;
    }
    return &(*rows)[(*count)++];
}

static void row_done(struct row *row)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(row->text[i]);
    free(row->index_queue);
}

static void rows_done(struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_done(&rows[i]);
}

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return strcmp(x->text[ID], y->text[ID]);
}

/* The fields of HMGET, in this order. */
static const char *const fields[] = { "status", "queue", "created_at", "started_at", "completed_at", "retries", "attempt",
                                      "agent", "worker_id", "error", "error_type", "usage", "task_id",
                                      "resubmit_of", "priority", "recoveries", "due_at", "deadline" };

static void ask_row(struct page *p, const char *id, const struct question *question)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2 + ORB_COUNT(fields));
    orb_cmd_str(&b, "HMGET");
    orb_store_key_arg(p->client->store, &b, "orbiter:task:", id);
    for (size_t i = 0; i < ORB_COUNT(fields); i++)
        orb_cmd_str(&b, fields[i]);
    put(p, &b, question);
}

static void row_read(struct row *row, const struct orb_reply *reply)
{
    struct orb_task_info *i = &row->info;
    const char *value[ORB_COUNT(fields)];
    for (size_t k = 0; k < ORB_COUNT(fields); k++)
        value[k] = orb_reply_str(orb_reply_at(reply, k), NULL);
    row->is_gone = !*value[0] && !*value[12];
    if (orb_status_parse(value[0], &i->status))
        i->status = ORB_STATUS_PENDING;
    static const int from[] = { [QUEUE] = 1, [AGENT] = 7, [WORKER] = 8, [ERROR] = 9, [ERROR_TYPE] = 10, [USAGE] = 11, [RESUBMIT_OF] = 13 };
    for (size_t t = QUEUE; t < TEXTS; t++)
        row->text[t] = orb_strdup(value[from[t]]);
    i->created_at = orb_reply_real(orb_reply_at(reply, 2));
    i->started_at = orb_reply_real(orb_reply_at(reply, 3));
    i->completed_at = orb_reply_real(orb_reply_at(reply, 4));
    i->retries = (int)strtol(value[5], NULL, 10);
    i->attempt = (int)strtol(value[6], NULL, 10);
    i->id = row->text[ID];
    i->queue = row->text[QUEUE];
    i->agent = row->text[AGENT];
    i->worker_id = row->text[WORKER];
    i->error = row->text[ERROR];
    i->error_type = row->text[ERROR_TYPE];
    i->usage = row->text[USAGE];
    i->resubmit_of = row->text[RESUBMIT_OF];
    i->priority = orb_task_hash_priority(orb_reply_at(reply, 14));
    i->recoveries = orb_task_hash_count(orb_reply_at(reply, 15));
    i->due_at = orb_reply_real(orb_reply_at(reply, 16));
    i->deadline = orb_reply_real(orb_reply_at(reply, 17));
    i->result = i->output = i->partial = "";
}

/* ---- phases ------------------------------------------------------------- */

static void ask_indexes(struct page *p);

static int newest_made_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    /* Python's workers write no time of creation. */
    double xs = x->info.created_at > 0 ? x->info.created_at : x->info.started_at;
    double ys = y->info.created_at > 0 ? y->info.created_at : y->info.started_at;
    return xs != ys ? (xs < ys ? 1 : -1) : newest_first(a, b);
}

static void page_done(struct page *p)
{
    size_t count = 0;
    if (p->nrows && !p->err.code)
        qsort(p->rows, p->nrows, sizeof *p->rows, newest_made_first);
    struct orb_task_info *infos = p->nrows ? orb_alloc(p->nrows * sizeof *infos) : NULL;
    for (size_t i = 0; !p->err.code && i < p->nrows && (int)count < p->limit; i++)
        infos[count++] = p->rows[i].info;
    p->cb(p->arg, count ? infos : NULL, count, p->err.code ? &p->err : NULL);
    free(infos);
    rows_done(p->rows, p->nrows);
    rows_done(p->strays, p->nstrays);
    for (size_t i = 0; i < p->nqueues; i++)
        free(p->queues[i]);
    free(p->rows);
    free(p->strays);
    free(p->queues);
    free(p->delivered_ms);
    free(p->length);
    free(p->queue);
    free(p);
}

static int is_wanted(const struct page *p, const struct row *row)
{
    if (row->is_gone || (p->status >= 0 && row->info.status != (enum orb_status)p->status))
        return 0;
    return !p->queue || !*row->info.queue || !strcmp(p->queue, row->info.queue);
}

/* The row is not where the index said: the index is put right. A cancelled task that has not ended stays with the
 * open ones, too: there the sweep looks whether somebody is there to end it. */
static void repair(struct page *p, const struct row *row)
{
    char key[ORB_KEY_MAX], score[32];
    enum index index = index_of[row->info.status];
    int is_ending = row->info.status == ORB_STATUS_CANCELLED && row->info.completed_at <= 0 && row->index == OPEN;
    if (!row->index_queue || (!row->is_gone && index == row->index))
        return;
    index_key(p, row->index_queue, row->index, key);
    if (row->is_gone || !is_ending)
        mend(p, "ZREM", key, row->text[ID], NULL);
    if (row->is_gone) {
        set_key(p, key);
        mend(p, "SREM", key, row->text[ID], NULL);
        return;
    }
    index_key(p, row->index_queue, index, key);
    snprintf(score, sizeof score, "%lld", (long long)whole(row->score));
    mend(p, "ZADD", key, score, row->text[ID]);
}

/* Every candidate has been read: keep those that are wanted. */
static void sift(struct page *p)
{
    size_t kept = 0, taken = p->ncandidates, stale = 0;
    for (size_t i = 0; i < p->nrows; i++) {
        struct row *row = &p->rows[i];
        if (i < taken) {
            repair(p, row);
            stale += row->is_gone;
        }
        if (i < taken && is_wanted(p, row)) {
            struct row keep = *row;
            memset(row, 0, sizeof *row);
            p->rows[kept++] = keep;
        } else {
            row_done(row);
            memset(row, 0, sizeof *row);
        }
    }
    p->nrows = kept;
    /* Short of rows, though an index had more: look further down. */
    if ((int)kept < p->limit && p->full_indexes && p->fetch < SCAN_MAX) {
        rows_done(p->rows, kept);
        p->nrows = 0;
        p->fetch = p->fetch * 2 + stale;
        ask_indexes(p);
        return;
    }
    page_done(p);
}

static void read_row(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    row_read(&p->rows[q->row], reply);
}

static void ask_rows(struct page *p)
{
    /* A task that moved between two reads of the indexes is in both: the first counts. */
    for (size_t i = 0; i < p->nstrays; i++) {
        struct row *row = row_add(&p->rows, &p->nrows, &p->cap);
        *row = (struct row){ .score = p->strays[i].score };
        row->text[ID] = orb_strdup(p->strays[i].text[ID]);
    }
    if (p->nrows)
        qsort(p->rows, p->nrows, sizeof *p->rows, newest_first);
    size_t n = 0;
    for (size_t i = 0; i < p->nrows; i++) {
        if (n && !strcmp(p->rows[n - 1].text[ID], p->rows[i].text[ID]))
            row_done(&p->rows[i]);
        else
            p->rows[n++] = p->rows[i];
    }
    p->nrows = n;
    p->ncandidates = n < p->fetch ? n : p->fetch;
    p->next = sift;
    for (size_t i = 0; i < p->ncandidates; i++)
        ask_row(p, p->rows[i].text[ID], &(struct question){ .read = read_row, .row = i });
    phase_end(p);
}

static void read_index(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    size_t n = orb_reply_count(reply) / 2;
    if (n == p->fetch)
        p->full_indexes++;
    for (size_t i = 0; i < n; i++) {
        const char *id = orb_reply_str(orb_reply_at(reply, 2 * i), NULL);
        if (!is_name(id))
            continue;
        struct row *row = row_add(&p->rows, &p->nrows, &p->cap);
        *row = (struct row){ .score = orb_reply_real(orb_reply_at(reply, 2 * i + 1)), .index = q->index };
        row->text[ID] = orb_strdup(id);
        row->index_queue = orb_strdup(q->queue);
    }
}

static void ask_index(struct page *p, size_t i, enum index index)
{
    char key[ORB_KEY_MAX];
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 8);
    orb_cmd_str(&b, "ZREVRANGEBYSCORE");
    index_key(p, p->queues[i], index, key);
    orb_cmd_str(&b, key);
    /* Running tasks are behind all those that nobody has been given yet. */
    if (p->status == ORB_STATUS_RUNNING && p->delivered_ms[i] > 0)
        orb_cmd_int(&b, (int64_t)(p->delivered_ms[i] + 1) * 1000);
    else
        orb_cmd_str(&b, "+inf");
    orb_cmd_str(&b, "-inf");
    orb_cmd_str(&b, "WITHSCORES");
    orb_cmd_str(&b, "LIMIT");
    orb_cmd_str(&b, "0");
    orb_cmd_int(&b, (int64_t)p->fetch);
    put(p, &b, &(struct question){ .read = read_index, .queue = p->queues[i], .index = index });
}

static void ask_indexes(struct page *p)
{
    p->next = ask_rows;
    p->full_indexes = 0;
    for (size_t i = 0; i < p->nqueues; i++)
        for (int k = 0; k < INDEXES; k++)
            if ((p->status < 0 || index_of[p->status] == (enum index)k) && (!p->queue || !strcmp(p->queue, p->queues[i])) &&
                (p->status != ORB_STATUS_PENDING || p->length[i] > 0))
                ask_index(p, i, (enum index)k);
    phase_end(p);
}

/* ---- tasks in no index -------------------------------------------------- */

static void read_stray(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    struct row *row = &p->strays[q->row];
    char key[ORB_KEY_MAX], score[32];
    row_read(row, reply);
    if (row->is_gone) {
        set_key(p, key);
        mend(p, "SREM", key, row->text[ID], NULL);
    } else if (!*row->info.queue || row->info.created_at <= 0) {
        row->score = (row->info.created_at > 0 ? row->info.created_at : row->info.started_at) * 1e6;
        snprintf(score, sizeof score, "%lld", (long long)whole(row->score));
        index_key(p, ORB_QUEUE_DEFAULT, index_of[row->info.status], key);
        mend(p, "ZADD", key, score, row->text[ID]);
        snprintf(key, sizeof key, "%sorbiter:queues", p->client->prefix);
        mend(p, "SADD", key, ORB_QUEUE_DEFAULT, NULL);
        return;
    }
    row->is_gone = 1; /* an index has it */
}

static void keep_strays(struct page *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->nstrays; i++) {
        if (p->strays[i].is_gone)
            row_done(&p->strays[i]);
        else
            p->strays[kept++] = p->strays[i];
    }
    p->nstrays = kept;
    ask_indexes(p);
}

static void ask_strays(struct page *p)
{
    p->next = keep_strays;
    for (size_t i = 0; i < p->nstrays; i++)
        ask_row(p, p->strays[i].text[ID], &(struct question){ .read = read_stray, .row = i });
    phase_end(p);
}

static void scan_set(struct page *p, const char *cursor);

static void read_slice(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    (void)q;
    const struct orb_reply *ids = orb_reply_at(reply, 1);
    for (size_t i = 0; i < orb_reply_count(ids); i++) {
        const char *id = orb_reply_str(orb_reply_at(ids, i), NULL);
        if (!is_name(id))
            continue;
        struct row *row = row_add(&p->strays, &p->nstrays, &p->strays_cap);
        *row = (struct row){ 0 };
        row->text[ID] = orb_strdup(id);
    }
    p->scanned += orb_reply_count(ids);
    const char *cursor = orb_reply_str(orb_reply_at(reply, 0), NULL);
    if (strcmp(cursor, "0") && p->scanned < SCAN_MAX)
        scan_set(p, cursor);
}

static void scan_set(struct page *p, const char *cursor)
{
    char key[ORB_KEY_MAX];
    struct orb_buf b;
    p->next = ask_strays;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 5);
    orb_cmd_str(&b, "SSCAN");
    set_key(p, key);
    orb_cmd_str(&b, key);
    orb_cmd_str(&b, cursor);
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, SLICE);
    put(p, &b, &(struct question){ .read = read_slice });
}

static void compare_counts(struct page *p)
{
    if (p->in_set > p->in_indexes) {
        scan_set(p, "0");
        phase_end(p);
    } else {
        ask_indexes(p);
    }
}

static void read_count(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    int64_t count = orb_reply_int(reply);
    count = count < 0 || count > UINT32_MAX ? UINT32_MAX : count; /* a set holds no more; thousands of them add up to no overflow */
    if (q->queue)
        p->in_indexes += count;
    else
        p->in_set += count;
}

static void ask_count(struct page *p, const char *command, const char *key, const char *queue)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, command);
    orb_cmd_str(&b, key);
    put(p, &b, &(struct question){ .read = read_count, .queue = queue });
}

/* XINFO GROUPS: entry ids are milliseconds. The stream's own group is {queue}:group or {queue}:p{n}:group. */
static void read_delivered(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    char key[ORB_KEY_MAX];
    size_t len = strlen(orb_store_key(p->client->store, p->queues[q->row], "", key));
    for (size_t i = 0; i < orb_reply_count(reply); i++) {
        const struct orb_reply *info = orb_reply_at(reply, i);
        const char *group = orb_reply_str(orb_reply_field(info, "name"), NULL);
        size_t end = strlen(":group"), n = strlen(group);
        if (n < len + end || strncmp(group, key, len) != 0 || strcmp(group + n - end, ":group") != 0)
            continue;
        double ms = fmin(1e15, (double)strtoll(orb_reply_str(orb_reply_field(info, "last-delivered-id"), NULL), NULL, 10));
        p->delivered_ms[q->row] = fmax(ms, p->delivered_ms[q->row]);
    }
}

static void read_length(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    p->length[q->row] += orb_reply_int(reply);
}

static void ask_length(struct page *p, size_t i, const char *command, const char *key)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, command);
    orb_cmd_str(&b, key);
    put(p, &b, &(struct question){ .read = read_length, .row = i, .may_be_closed = 1 });
}

/* Where in the queue its workers are: in its stream and those of the other priorities. */
static void ask_position(struct page *p, size_t i)
{
    char name[ORB_KEY_MAX], key[ORB_KEY_MAX + 16];
    orb_store_key(p->client->store, p->queues[i], "", name);
    for (int n = 0; n < 10; n++) {
        struct orb_buf b;
        snprintf(key, sizeof key, n == 5 ? "%s" : "%s:p%d", name, n);
        ask_length(p, i, "XLEN", key);
        orb_buf_init(&b, 4096);
        orb_cmd_start(&b, 3);
        orb_cmd_str(&b, "XINFO");
        orb_cmd_str(&b, "GROUPS");
        orb_cmd_str(&b, key);
        put(p, &b, &(struct question){ .read = read_delivered, .row = i, .may_be_closed = 1 });
    }
    snprintf(key, sizeof key, "%s:delayed", name);
    ask_length(p, i, "ZCARD", key);
}

static void ask_counts(struct page *p)
{
    char key[ORB_KEY_MAX];
    p->next = compare_counts;
    set_key(p, key);
    ask_count(p, "SCARD", key, NULL);
    for (size_t i = 0; i < p->nqueues; i++) {
        for (int k = 0; k < INDEXES; k++) {
            index_key(p, p->queues[i], (enum index)k, key);
            ask_count(p, "ZCARD", key, p->queues[i]);
        }
        if (p->status == ORB_STATUS_RUNNING || p->status == ORB_STATUS_PENDING)
            ask_position(p, i);
    }
    phase_end(p);
}

static void read_queues(struct page *p, const struct question *q, const struct orb_reply *reply)
{
    (void)q;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    p->queues = orb_alloc((n + 1) * sizeof *p->queues);
    p->delivered_ms = orb_alloc((n + 1) * sizeof *p->delivered_ms);
    p->length = orb_alloc((n + 1) * sizeof *p->length);
    int has_default = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (!is_name(name))
            continue;
        p->queues[p->nqueues++] = orb_strdup(name);
        has_default |= !strcmp(name, ORB_QUEUE_DEFAULT);
    }
    if (!has_default) /* what only Python workers have touched is put there */
        p->queues[p->nqueues++] = orb_strdup(ORB_QUEUE_DEFAULT);
}

int orb_fleet_tasks(struct orb_client *client, const struct orb_task_filter *filter, orb_tasks_cb cb, void *arg, struct orb_error *err)
{
    if (filter->limit < 1 || filter->limit > 10000)
        return orb_error_set(err, ORB_E_USAGE, "limit %d: use 1 to 10,000", filter->limit);
    int bad = filter->queue ? orb_store_queue_check(filter->queue, err) : 0;
    if (bad)
        return bad;
    struct page *p = orb_alloc(sizeof *p);
    p->client = client;
    p->cb = cb;
    p->arg = arg;
    p->status = filter->status;
    p->limit = filter->limit;
    p->fetch = (size_t)filter->limit;
    p->queue = filter->queue ? orb_strdup(filter->queue) : NULL;
    p->next = ask_counts;
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "SMEMBERS");
    orb_store_key_arg(client->store, &b, "orbiter:queues", "");
    put(p, &b, &(struct question){ .read = read_queues });
    if (p->pending)
        return 0;
    int rc = orb_error_set(err, p->err.code, "%s", p->err.text);
    free(p->queue);
    free(p);
    return rc;
}
