/* Lists of tasks, newest first. The indexes (sorted sets for each queue: open tasks, and
 * one for each other state) are hints: every row is checked against its hash, and what is found to be wrong is
 * repaired, if this user may write. Tasks that only Python workers have touched are in the
 * package's own set and in no index: they are looked for when that set is the
 * larger one. */
#include "client/ask.h"
#include "client/row.h"
#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 1000
#define SLICE 1000
#define SCAN_MAX 100000   /* ids of the package's set looked at for one list */

struct row {
    struct orb_row row;
    char *id;
    size_t queue;                 /* where the index said it was: one of queues, or NONE */
    enum orb_index index;
    double score;                 /* when it was made, microseconds */
    int is_stray;                 /* no index has it */
};
#define NONE ((size_t)-1)

struct rows {
    struct row *all;
    size_t count, cap;
};

struct page {
    struct orb_client *client;
    struct orb_ask ask;
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
    struct rows rows;             /* candidates, then the page */
    size_t ncandidates;
    struct rows strays;           /* found in no index */
    int64_t in_set, in_indexes;
    size_t scanned, full_indexes;
    char cursor[32];
    void (*next)(struct page *p);
};

#define ASK(p, read, which, flags, ...) orb_ask_words(&(p)->ask, read, which, flags, (const char *const[]){ __VA_ARGS__, NULL })

static void page_done(struct page *p);

/* A phase has ended: all that was asked has been answered. */
static void on_phase(void *arg)
{
    struct page *p = arg;
    if (p->ask.err.code)
        page_done(p);
    else
        p->next(p);
}

/* What a repair could not send, the next question cannot either. */
static void mended(struct page *p, int rc)
{
    if (rc && !p->ask.err.code)
        orb_error_set(&p->ask.err, rc, "%s", orb_error_text(rc));
}

/* ---- rows --------------------------------------------------------------- */

static struct row *row_add(struct rows *rows, const char *id)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        struct row *more = orb_alloc(rows->cap * sizeof *more);
        if (rows->count)
            memcpy(more, rows->all, rows->count * sizeof *more);
        free(rows->all);
        rows->all = more;
    }
    struct row *row = &rows->all[rows->count++];
    *row = (struct row){ .id = orb_strdup(id), .queue = NONE };
    return row;
}

static void row_done(struct row *row)
{
    orb_row_done(&row->row);
    free(row->id);
    *row = (struct row){ 0 };
}

static void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_done(&rows->all[i]);
    rows->count = 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void ask_row(struct page *p, const char *id, orb_ask_fn read, size_t which)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_row_ask(p->client, &b, id);
    orb_ask(&p->ask, &b, read, which, 0);
}

/* ---- phases ------------------------------------------------------------- */

static void ask_indexes(struct page *p);

static int newest_made_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    const struct orb_task_info *i = &x->row.info, *k = &y->row.info;
    /* Python's workers write no time of creation. */
    double xs = i->created_at > 0 ? i->created_at : i->started_at;
    double ys = k->created_at > 0 ? k->created_at : k->started_at;
    return xs != ys ? (xs < ys ? 1 : -1) : newest_first(a, b);
}

static void page_done(struct page *p)
{
    size_t count = 0, n = p->ask.err.code ? 0 : p->rows.count;
    if (n)
        qsort(p->rows.all, n, sizeof *p->rows.all, newest_made_first);
    struct orb_task_info *infos = n ? orb_alloc(n * sizeof *infos) : NULL;
    for (size_t i = 0; i < n && (int)count < p->limit; i++)
        infos[count++] = p->rows.all[i].row.info;
    p->cb(p->arg, count ? infos : NULL, count, p->ask.err.code ? &p->ask.err : NULL);
    free(infos);
    rows_clear(&p->rows);
    rows_clear(&p->strays);
    for (size_t i = 0; i < p->nqueues; i++)
        free(p->queues[i]);
    free(p->rows.all);
    free(p->strays.all);
    free(p->queues);
    free(p->delivered_ms);
    free(p->length);
    free(p->queue);
    free(p);
}

static int is_wanted(const struct page *p, const struct orb_row *row)
{
    if (row->is_gone || (p->status >= 0 && row->info.status != (enum orb_status)p->status))
        return 0;
    return !p->queue || !*row->info.queue || !strcmp(p->queue, row->info.queue);
}

/* Every candidate has been read: keep those that are wanted. */
static void sift(struct page *p)
{
    size_t kept = 0, stale = 0;
    for (size_t i = 0; i < p->rows.count; i++) {
        struct row *row = &p->rows.all[i];
        int is_read = i < p->ncandidates;
        if (is_read && row->queue != NONE)
            mended(p, orb_row_repair(p->client, &row->row, p->queues[row->queue], row->index, row->score));
        stale += is_read && row->row.is_gone;
        if (!is_read || !is_wanted(p, &row->row)) {
            row_done(row);
        } else if (kept++ != i) {
            p->rows.all[kept - 1] = *row;
            *row = (struct row){ 0 };
        }
    }
    p->rows.count = kept;
    /* Short of rows, though an index had more: look further down. */
    if ((int)kept < p->limit && p->full_indexes && p->fetch < SCAN_MAX) {
        rows_clear(&p->rows);
        p->fetch = p->fetch * 2 + stale;
        ask_indexes(p);
        return;
    }
    page_done(p);
}

static void read_row(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    struct row *row = &p->rows.all[which];
    (void)err;
    orb_row_read(&row->row, row->id, reply);
}

static void ask_rows(struct page *p)
{
    /* A task that moved between two reads of the indexes is in both: the first counts. */
    for (size_t i = 0; i < p->strays.count; i++)
        row_add(&p->rows, p->strays.all[i].id)->score = p->strays.all[i].score;
    struct row *rows = p->rows.all;
    if (p->rows.count)
        qsort(rows, p->rows.count, sizeof *rows, newest_first);
    size_t n = 0;
    for (size_t i = 0; i < p->rows.count; i++) {
        if (n && !strcmp(rows[n - 1].id, rows[i].id))
            row_done(&rows[i]);
        else
            rows[n++] = rows[i];
    }
    p->rows.count = n;
    p->ncandidates = n < p->fetch ? n : p->fetch;
    p->next = sift;
    for (size_t i = 0; i < p->ncandidates; i++)
        ask_row(p, rows[i].id, read_row, i);
    orb_ask_end(&p->ask);
}

/* which: of the queue, times the number of indexes, plus the index. */
static void read_index(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    size_t n = orb_reply_count(reply) / 2;
    (void)err;
    if (n == p->fetch)
        p->full_indexes++;
    for (size_t i = 0; i < n; i++) {
        const char *id = orb_reply_str(orb_reply_at(reply, 2 * i), NULL);
        if (!orb_row_is_name(id))
            continue;
        struct row *row = row_add(&p->rows, id);
        row->score = orb_reply_real(orb_reply_at(reply, 2 * i + 1));
        row->queue = which / ORB_INDEX_COUNT;
        row->index = (enum orb_index)(which % ORB_INDEX_COUNT);
    }
}

static void ask_index(struct page *p, size_t i, enum orb_index index)
{
    char key[ORB_KEY_MAX];
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 8);
    orb_cmd_str(&b, "ZREVRANGEBYSCORE");
    orb_cmd_str(&b, orb_index_key(p->client, p->queues[i], index, key));
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
    orb_ask(&p->ask, &b, read_index, i * ORB_INDEX_COUNT + index, 0);
}

static void ask_indexes(struct page *p)
{
    p->next = ask_rows;
    p->full_indexes = 0;
    for (size_t i = 0; i < p->nqueues; i++)
        for (enum orb_index k = 0; k < ORB_INDEX_COUNT; k++)
            if ((p->status < 0 || orb_index_of((enum orb_status)p->status) == k) && (!p->queue || !strcmp(p->queue, p->queues[i])) &&
                (p->status != ORB_STATUS_PENDING || p->length[i] > 0))
                ask_index(p, i, k);
    orb_ask_end(&p->ask);
}

/* ---- tasks in no index -------------------------------------------------- */

static void read_stray(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    struct row *row = &p->strays.all[which];
    (void)err;
    orb_row_read(&row->row, row->id, reply);
    mended(p, orb_row_adopt(p->client, &row->row, &row->is_stray));
    row->score = (row->row.info.created_at > 0 ? row->row.info.created_at : row->row.info.started_at) * 1e6;
}

static void keep_strays(struct page *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->strays.count; i++) {
        if (!p->strays.all[i].is_stray)
            row_done(&p->strays.all[i]);
        else
            p->strays.all[kept++] = p->strays.all[i];
    }
    p->strays.count = kept;
    ask_indexes(p);
}

static void ask_strays(struct page *p)
{
    p->next = keep_strays;
    for (size_t i = 0; i < p->strays.count; i++)
        ask_row(p, p->strays.all[i].id, read_stray, i);
    orb_ask_end(&p->ask);
}

static void read_slice(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    const struct orb_reply *ids = orb_reply_at(reply, 1);
    (void)which, (void)err;
    for (size_t i = 0; i < orb_reply_count(ids); i++)
        if (orb_row_is_name(orb_reply_str(orb_reply_at(ids, i), NULL)))
            row_add(&p->strays, orb_reply_str(orb_reply_at(ids, i), NULL));
    p->scanned += orb_reply_count(ids);
    snprintf(p->cursor, sizeof p->cursor, "%s", orb_reply_str(orb_reply_at(reply, 0), NULL));
}

static void after_slice(struct page *p);

static void scan_set(struct page *p)
{
    char key[ORB_KEY_MAX], count[16];
    p->next = after_slice;
    snprintf(count, sizeof count, "%d", SLICE);
    ASK(p, read_slice, 0, 0, "SSCAN", orb_store_key(p->client->store, "orbiter:task:index", "", key), p->cursor, "COUNT", count);
    orb_ask_end(&p->ask);
}

static void after_slice(struct page *p)
{
    if (!*p->cursor || !strcmp(p->cursor, "0") || p->scanned >= SCAN_MAX)
        ask_strays(p);
    else
        scan_set(p);
}

static void compare_counts(struct page *p)
{
    snprintf(p->cursor, sizeof p->cursor, "0");
    if (p->in_set > p->in_indexes)
        scan_set(p);
    else
        ask_indexes(p);
}

static int64_t number(const struct orb_reply *reply)
{
    int64_t count = orb_reply_int(reply);
    return count < 0 || count > UINT32_MAX ? UINT32_MAX : count; /* a set holds no more; thousands of them add up to no overflow */
}

static void read_in_set(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)which, (void)err;
    ((struct page *)arg)->in_set += number(reply);
}

static void read_in_index(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)which, (void)err;
    ((struct page *)arg)->in_indexes += number(reply);
}

/* XINFO GROUPS: entry ids are milliseconds. The stream's own group is {queue}:group or {queue}:p{n}:group. */
static void read_delivered(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    char key[ORB_KEY_MAX];
    size_t len = strlen(orb_store_key(p->client->store, p->queues[which], "", key));
    (void)err;
    for (size_t i = 0; i < orb_reply_count(reply); i++) {
        const struct orb_reply *info = orb_reply_at(reply, i);
        const char *group = orb_reply_str(orb_reply_field(info, "name"), NULL);
        size_t end = strlen(":group"), n = strlen(group);
        if (n < len + end || strncmp(group, key, len) != 0 || strcmp(group + n - end, ":group") != 0)
            continue;
        double ms = fmin(1e15, (double)strtoll(orb_reply_str(orb_reply_field(info, "last-delivered-id"), NULL), NULL, 10));
        p->delivered_ms[which] = fmax(ms, p->delivered_ms[which]);
    }
}

static void read_length(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)err;
    ((struct page *)arg)->length[which] += orb_reply_int(reply);
}

/* Where in the queue its workers are: in its stream and those of the other priorities. */
static void ask_position(struct page *p, size_t i)
{
    char name[ORB_KEY_MAX], key[ORB_KEY_MAX + 16];
    orb_store_key(p->client->store, p->queues[i], "", name);
    for (int n = 0; n < 10; n++) {
        snprintf(key, sizeof key, n == 5 ? "%s" : "%s:p%d", name, n);
        ASK(p, read_length, i, ORB_ASK_CLOSED, "XLEN", key);
        ASK(p, read_delivered, i, ORB_ASK_CLOSED, "XINFO", "GROUPS", key);
    }
    snprintf(key, sizeof key, "%s:delayed", name);
    ASK(p, read_length, i, ORB_ASK_CLOSED, "ZCARD", key);
}

static void ask_counts(struct page *p)
{
    char key[ORB_KEY_MAX];
    p->next = compare_counts;
    ASK(p, read_in_set, 0, 0, "SCARD", orb_store_key(p->client->store, "orbiter:task:index", "", key));
    for (size_t i = 0; i < p->nqueues; i++) {
        for (enum orb_index k = 0; k < ORB_INDEX_COUNT; k++)
            ASK(p, read_in_index, i, 0, "ZCARD", orb_index_key(p->client, p->queues[i], k, key));
        if (p->status == ORB_STATUS_RUNNING || p->status == ORB_STATUS_PENDING)
            ask_position(p, i);
    }
    orb_ask_end(&p->ask);
}

static void read_queues(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct page *p = arg;
    (void)which, (void)err;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    p->queues = orb_alloc((n + 1) * sizeof *p->queues);
    p->delivered_ms = orb_alloc((n + 1) * sizeof *p->delivered_ms);
    p->length = orb_alloc((n + 1) * sizeof *p->length);
    int has_default = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (!orb_row_is_name(name))
            continue;
        p->queues[p->nqueues++] = orb_strdup(name);
        has_default |= !strcmp(name, ORB_QUEUE_DEFAULT);
    }
    if (!has_default) /* what only Python workers have touched is put there */
        p->queues[p->nqueues++] = orb_strdup(ORB_QUEUE_DEFAULT);
}

int orb_fleet_tasks(struct orb_client *client, const struct orb_task_filter *filter, orb_tasks_cb cb, void *arg, struct orb_error *err)
{
    char key[ORB_KEY_MAX];
    if (filter->limit < 1 || filter->limit > 10000)
        return orb_error_set(err, ORB_E_USAGE, "limit %d: use 1 to 10,000", filter->limit);
    int bad = filter->queue ? orb_store_queue_check(filter->queue, err) : 0;
    if (bad)
        return bad;
    struct page *p = orb_alloc(sizeof *p);
    p->client = client;
    p->ask = (struct orb_ask){ .client = client, .done = on_phase, .arg = p };
    p->cb = cb;
    p->arg = arg;
    p->status = filter->status;
    p->limit = filter->limit;
    p->fetch = (size_t)filter->limit;
    p->queue = filter->queue ? orb_strdup(filter->queue) : NULL;
    p->next = ask_counts;
    ASK(p, read_queues, 0, 0, "SMEMBERS", orb_store_key(client->store, "orbiter:queues", "", key));
    if (p->ask.pending)
        return 0;
    int rc = orb_error_set(err, p->ask.err.code, "%s", p->ask.err.text);
    free(p->queue);
    free(p);
    return rc;
}
