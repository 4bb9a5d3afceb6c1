/* Lists of queues: their names, then what is in each, pipelined. Plain commands, so that who only reads may
 * list them, too. */
#include "client/client.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 10000

struct row {
    struct orb_queue_info info;
    char *name, *paused_by, *paused_from;
    int64_t length, pending;
    int is_there;  /* asked for by name: a set has it, or its key is there */
    int is_closed; /* this user may not read it */
};

struct listing {
    struct orb_client *client;
    orb_queues_cb cb;
    void *arg;
    size_t limit;
    struct row *rows;
    size_t nrows;
    int64_t now_ms;               /* by the clock of Redis */
    size_t pending;               /* answers of this phase still to come */
    void (*next)(struct listing *l);
    struct orb_error err, closed;
};

struct question {
    struct listing *listing;
    void (*read)(struct listing *l, struct row *row, const struct orb_reply *reply);
    size_t row;
    int is_of_queue; /* asks for a key of the row's queue, which may be closed to this user */
};

static void listing_done(struct listing *l)
{
    size_t nclosed = 0;
    for (size_t i = 0; i < l->nrows; i++)
        nclosed += (size_t)l->rows[i].is_closed;
    if (nclosed && nclosed == l->nrows && !l->err.code)
        l->err = l->closed;
    struct orb_queue_info *infos = l->nrows && !l->err.code ? orb_alloc(l->nrows * sizeof *infos) : NULL;
    size_t count = 0;
    for (size_t i = 0; infos && i < l->nrows; i++) {
        struct row *row = &l->rows[i];
        if (row->is_closed)
            continue;
        if (row->info.depth >= 0)
            row->info.depth = row->length > row->pending ? row->length - row->pending : 0;
        row->info.running = row->pending;
        row->info.name = row->name;
        row->info.paused_by = row->paused_by ? row->paused_by : "";
        row->info.paused_from = row->paused_from ? row->paused_from : "";
        infos[count++] = row->info;
    }
    l->cb(l->arg, infos, count, l->err.code ? &l->err : NULL);
    free(infos);
    for (size_t i = 0; i < l->nrows; i++) {
        free(l->rows[i].name);
        free(l->rows[i].paused_by);
        free(l->rows[i].paused_from);
    }
    free(l->rows);
    free(l);
}

static void phase_end(struct listing *l)
{
    if (l->pending)
        return;
    if (l->err.code)
        listing_done(l);
    else
        l->next(l);
}

/* A key that is not there, has no group, or is not what it should be, is as one that is empty. */
static int is_absence(const struct orb_error *err)
{
    return strstr(err->text, "WRONGTYPE") || strstr(err->text, "no such key");
}

static void read_length(struct listing *l, struct row *row, const struct orb_reply *reply);

static void close_row(struct listing *l, struct row *row, const struct orb_error *err)
{
    l->closed = *err;
    row->is_closed = 1;
}

static void on_answer(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *q = arg;
    struct listing *l = q->listing;
    struct row *row = q->row < l->nrows ? &l->rows[q->row] : NULL;
    if (!err)
        q->read(l, row, reply);
    else if (err->code == ORB_E_REFUSED && q->is_of_queue && row)
        close_row(l, row, err);
    else if (!is_absence(err))
        l->err = *err;
    else if (q->read == read_length)
        row->info.depth = -1;
    free(q);
    l->pending--;
    phase_end(l);
}

/* One command about a row: words, NULL at the end. */
static void ask(struct listing *l, size_t row, int is_of_queue, void (*read)(struct listing *, struct row *, const struct orb_reply *),
                const char *const *words)
{
    struct orb_buf b;
    size_t count = 0;
    while (words[count])
        count++;
    orb_buf_init(&b, 8192);
    orb_cmd_start(&b, count);
    for (size_t i = 0; i < count; i++)
        orb_cmd_str(&b, words[i]);
    struct question *q = orb_alloc(sizeof *q);
    *q = (struct question){ .listing = l, .read = read, .row = row, .is_of_queue = is_of_queue };
    int rc = orb_client_send(l->client, &b, 1, on_answer, q);
    if (!rc) {
        l->pending++;
        return;
    }
    free(q);
    orb_error_set(&l->err, rc, "%s", orb_error_text(rc));
}
#define ASK(l, row, read, ...) ask(l, row, 0, read, (const char *const[]){ __VA_ARGS__, NULL })
#define ASK_QUEUE(l, row, read, ...) ask(l, row, 1, read, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- what is in a queue --------------------------------------------------- */

static void read_length(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->length += orb_reply_int(reply);
}

static void read_priority_length(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    read_length(l, row, reply);
}

/* The queue's group, among those that others may have made: {queue}:group, {queue}:p{n}:group. */
static const struct orb_reply *group_of(const struct listing *l, const struct row *row, const struct orb_reply *groups)
{
    size_t prefix = strlen(l->client->prefix), name = strlen(row->name);
    for (size_t i = 0; i < orb_reply_count(groups); i++) {
        const struct orb_reply *group = orb_reply_at(groups, i);
        const char *text = orb_reply_str(orb_reply_field(group, "name"), NULL);
        size_t len = strlen(text), end = strlen(":group");
        if (len >= prefix + name + end && !strncmp(text + prefix, row->name, name) && !strcmp(text + len - end, ":group"))
            return group;
    }
    return NULL;
}

static void read_priority_groups(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    row->pending += orb_reply_int(orb_reply_field(group_of(l, row, reply), "pending"));
}

static void read_groups(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    read_priority_groups(l, row, reply);
    row->info.consumers = orb_reply_int(orb_reply_field(group_of(l, row, reply), "consumers"));
}

static void read_delayed(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->info.delayed = orb_reply_int(reply);
}

static void read_dead(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->info.dead = orb_reply_int(reply);
}

static void read_workers(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->info.workers = orb_reply_int(reply);
}

static void read_is_paused(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->info.is_paused = orb_reply_int(reply) > 0;
}

static void read_pause(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->paused_by = orb_strdup(orb_reply_str(orb_reply_at(reply, 0), NULL));
    row->paused_from = orb_strdup(orb_reply_str(orb_reply_at(reply, 1), NULL));
    row->info.paused_at = orb_reply_real(orb_reply_at(reply, 2));
}

static void ask_contents(struct listing *l)
{
    char key[ORB_KEY_MAX], beside[ORB_KEY_MAX + 16], alive_since[32];
    l->next = listing_done;
    snprintf(alive_since, sizeof alive_since, "%lld", (long long)(l->now_ms - ORB_LEASE_MS));
    for (size_t i = 0; i < l->nrows && !l->err.code; i++) {
        orb_store_key(l->client->store, l->rows[i].name, "", key);
        ASK_QUEUE(l, i, read_length, "XLEN", key);
        ASK_QUEUE(l, i, read_groups, "XINFO", "GROUPS", key);
        for (int n = 0; n < 10; n++) {
            snprintf(beside, sizeof beside, "%s:p%d", key, n);
            if (n == 5)
                continue;
            ASK_QUEUE(l, i, read_priority_length, "XLEN", beside);
            ASK_QUEUE(l, i, read_priority_groups, "XINFO", "GROUPS", beside);
        }
        snprintf(beside, sizeof beside, "%s:delayed", key);
        ASK_QUEUE(l, i, read_delayed, "ZCARD", beside);
        snprintf(beside, sizeof beside, "%s:dead", key);
        ASK_QUEUE(l, i, read_dead, "XLEN", beside);
        snprintf(beside, sizeof beside, "%s:leased", key);
        ASK_QUEUE(l, i, read_workers, "ZCOUNT", beside, alive_since, "+inf");
        snprintf(beside, sizeof beside, "%s:paused", key);
        ASK_QUEUE(l, i, read_is_paused, "EXISTS", beside);
        ASK_QUEUE(l, i, read_pause, "HMGET", beside, "who", "from", "at");
    }
    phase_end(l);
}

/* ---- which queues there are ----------------------------------------------- */

static void read_time(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)row;
    l->now_ms = orb_reply_int(orb_reply_at(reply, 0)) * 1000 + orb_reply_int(orb_reply_at(reply, 1)) / 1000;
}

static void add_row(struct listing *l, const char *name)
{
    l->rows[l->nrows++] = (struct row){ .name = orb_strdup(name) };
}

static void read_names(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)row;
    size_t n = orb_reply_count(reply) < NAMES_MAX ? orb_reply_count(reply) : NAMES_MAX;
    struct row *had = l->rows;
    l->rows = orb_alloc((n + l->nrows + 1) * sizeof *l->rows);
    if (l->nrows)
        memcpy(l->rows, had, l->nrows * sizeof *had);
    free(had);
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (!orb_store_queue_check(name, NULL) && (!l->nrows || strcmp(name, l->rows[0].name) != 0))
            add_row(l, name);
    }
}

/* The one that was asked for, or the default one. */
static void read_is_there(struct listing *l, struct row *row, const struct orb_reply *reply)
{
    (void)l;
    row->is_there |= orb_reply_int(reply) > 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void sort_names(struct listing *l)
{
    if (!l->rows[0].is_there) {
        free(l->rows[0].name);
        l->rows[0] = l->rows[--l->nrows];
    }
    if (l->nrows)
        qsort(l->rows, l->nrows, sizeof *l->rows, by_name);
    while (l->nrows > l->limit)
        free(l->rows[--l->nrows].name);
    ask_contents(l);
}

int orb_fleet_queues(struct orb_client *client, const struct orb_queue_filter *filter, orb_queues_cb cb, void *arg, struct orb_error *err)
{
    char key[ORB_KEY_MAX], set[ORB_KEY_MAX];
    if (filter->limit < 1 || filter->limit > NAMES_MAX)
        return orb_error_set(err, ORB_E_USAGE, "limit %d: use 1 to 10,000", filter->limit);
    int bad = filter->queue ? orb_store_queue_check(filter->queue, err) : 0;
    if (bad)
        return bad;
    struct listing *l = orb_alloc(sizeof *l);
    l->client = client;
    l->cb = cb;
    l->arg = arg;
    l->limit = (size_t)filter->limit;
    l->next = sort_names;
    l->rows = orb_alloc(sizeof *l->rows);
    add_row(l, filter->queue ? filter->queue : ORB_QUEUE_DEFAULT);
    orb_store_key(client->store, l->rows[0].name, "", key);
    orb_store_key(client->store, "orbiter:queues", "", set);
    ASK(l, 0, read_time, "TIME");
    ASK_QUEUE(l, 0, read_is_there, "EXISTS", key);
    ASK(l, 0, read_is_there, "SISMEMBER", set, l->rows[0].name);
    if (!filter->queue)
        ASK(l, 0, read_names, "SMEMBERS", set);
    if (l->pending)
        return 0;
    int rc = orb_error_set(err, l->err.code, "%s", l->err.text);
    free(l->rows[0].name);
    free(l->rows);
    free(l);
    return rc;
}
