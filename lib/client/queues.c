/* Lists of queues: their names, then what is in each, pipelined. Plain commands, so that who only reads may
 * list them, too. */
#include "client/ask.h"
#include "client/row.h"
#include "broker/broker.h"
#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 10000
#define STREAMS 10             /* one for each priority; the queue's own is that of 5 */

struct row {
    struct orb_queue_info info;
    char *name, *paused_by, *paused_from, *usage;
    struct stream {
        int64_t length, pending;
        char delivered[48];    /* the id that was delivered last; "" = none */
    } streams[STREAMS];
    int is_there;  /* asked for by name: a set has it, or its key is there */
    int is_closed; /* this user may not read it */
};

struct listing {
    struct orb_client *client;
    struct orb_ask ask;
    orb_queues_cb cb;
    void *arg;
    size_t limit;
    struct row *rows;
    size_t nrows;
    int64_t now_ms;            /* by the clock of Redis */
    void (*next)(struct listing *l);
    struct orb_error closed;
};

static void add_up(struct row *row)
{
    struct orb_queue_info *i = &row->info;
    int64_t length = 0;
    for (int n = 0; n < STREAMS; n++) {
        length += row->streams[n].length;
        i->running += row->streams[n].pending;
    }
    if (i->depth >= 0)
        i->depth = length > i->running ? length - i->running : 0;
    i->name = row->name;
    i->paused_by = row->paused_by ? row->paused_by : "";
    i->paused_from = row->paused_from ? row->paused_from : "";
    i->usage = row->usage ? row->usage : "";
}

static void listing_done(struct listing *l)
{
    size_t nclosed = 0, count = 0;
    for (size_t i = 0; i < l->nrows; i++)
        nclosed += (size_t)l->rows[i].is_closed;
    if (nclosed && nclosed == l->nrows && !l->ask.err.code)
        l->ask.err = l->closed;
    struct orb_queue_info *infos = l->nrows && !l->ask.err.code ? orb_alloc(l->nrows * sizeof *infos) : NULL;
    for (size_t i = 0; infos && i < l->nrows; i++) {
        if (l->rows[i].is_closed)
            continue;
        add_up(&l->rows[i]);
        infos[count++] = l->rows[i].info;
    }
    l->cb(l->arg, infos, count, l->ask.err.code ? &l->ask.err : NULL);
    free(infos);
    for (size_t i = 0; i < l->nrows; i++) {
        free(l->rows[i].name);
        free(l->rows[i].paused_by);
        free(l->rows[i].paused_from);
        free(l->rows[i].usage);
    }
    free(l->rows);
    free(l);
}

static void on_phase(void *arg)
{
    struct listing *l = arg;
    if (l->ask.err.code)
        listing_done(l);
    else
        l->next(l);
}

#define ASK(l, read, which, ...) orb_ask_words(&(l)->ask, read, which, 0, (const char *const[]){ __VA_ARGS__, NULL })
/* Of a key of the queue, which may be closed to this user. */
#define ASK_QUEUE(l, read, which, ...) orb_ask_words(&(l)->ask, read, which, ORB_ASK_CLOSED, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- what is in a queue --------------------------------------------------- */

/* The row; NULL, and the row is closed, when this user may not read it. A key that is not there, has no group, or is
 * not what it should be, is as one that is empty. */
static struct row *row_of(void *arg, size_t which, const struct orb_error *err)
{
    struct listing *l = arg;
    struct row *row = &l->rows[which];
    if (!err || err->code != ORB_E_REFUSED)
        return row;
    l->closed = *err;
    row->is_closed = 1;
    return NULL;
}

/* which: of the row, times the number of streams, plus the priority. */
static struct stream *stream_of(void *arg, size_t which, const struct orb_error *err)
{
    struct row *row = row_of(arg, which / STREAMS, err);
    return row ? &row->streams[which % STREAMS] : NULL;
}

static void read_length(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct stream *s = stream_of(arg, which, err);
    if (s && err && which % STREAMS == ORB_PRIORITY_DEFAULT)
        row_of(arg, which / STREAMS, NULL)->info.depth = -1;
    else if (s)
        s->length = orb_reply_int(reply);
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

static void read_groups(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct listing *l = arg;
    struct stream *s = stream_of(arg, which, err);
    if (!s)
        return;
    struct row *row = &l->rows[which / STREAMS];
    const struct orb_reply *group = group_of(l, row, reply);
    s->pending = orb_reply_int(orb_reply_field(group, "pending"));
    snprintf(s->delivered, sizeof s->delivered, "%s", orb_reply_str(orb_reply_field(group, "last-delivered-id"), NULL));
    if (which % STREAMS == ORB_PRIORITY_DEFAULT)
        row->info.consumers = orb_reply_int(orb_reply_field(group, "consumers"));
}

static void read_delayed(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (row)
        row->info.delayed = orb_reply_int(reply);
}

static void read_dead(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (row)
        row->info.dead = orb_reply_int(reply);
}

static void read_workers(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (row)
        row->info.workers = orb_reply_int(reply);
}

static void read_is_paused(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (row)
        row->info.is_paused = orb_reply_int(reply) > 0;
}

static void read_pause(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (!row)
        return;
    row->paused_by = orb_strdup(orb_reply_str(orb_reply_at(reply, 0), NULL));
    row->paused_from = orb_strdup(orb_reply_str(orb_reply_at(reply, 1), NULL));
    row->info.paused_at = orb_reply_real(orb_reply_at(reply, 2));
}

/* As a task has it: the details only when they are not 0, the cost only when it is known. */
static const char *const usage_names[] = { "input_tokens", "output_tokens", "total_tokens", "cached_tokens", "cache_write_tokens",
                                           "reasoning_tokens", "cost" };
enum { USAGE_SUMS = 3, USAGE_COST = ORB_COUNT(usage_names) - 1 };

static void read_usage(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    struct orb_buf b;
    size_t known = 0;
    if (!row)
        return;
    orb_buf_init(&b, 1024);
    for (size_t i = 0; i < ORB_COUNT(usage_names); i++) {
        size_t len;
        const char *text = orb_reply_str(orb_reply_at(reply, i), &len);
        known += len > 0;
        if (!len && i >= USAGE_SUMS)
            continue;
        orb_buf_printf(&b, "%s\"%s\": ", i ? ", " : "{", usage_names[i]);
        if (i == USAGE_COST)
            orb_json_real(&b, round(orb_reply_real(orb_reply_at(reply, i)) * 1e9) / 1e9);
        else
            orb_buf_printf(&b, "%lld", strtoll(text, NULL, 10));
    }
    orb_buf_char(&b, '}');
    if (known && !b.err)
        row->usage = orb_strdup(b.data);
    orb_buf_done(&b);
}

static const char *stream_key(const struct listing *l, size_t i, int n, char out[ORB_KEY_MAX + 16])
{
    char key[ORB_KEY_MAX];
    orb_store_key(l->client->store, l->rows[i].name, "", key);
    snprintf(out, ORB_KEY_MAX + 16, n == ORB_PRIORITY_DEFAULT ? "%s" : "%s:p%d", key, n);
    return out;
}

/* ---- since when somebody waits ---------------------------------------------- */

static void read_first(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    double at = (double)strtoll(orb_reply_str(orb_reply_at(orb_reply_at(reply, 0), 0), NULL), NULL, 10) / 1000;
    if (row && at > 0 && (row->info.oldest_at <= 0 || at < row->info.oldest_at))
        row->info.oldest_at = at;
}

/* The first entry that nobody has been given: an entry's id is the time when it was queued. */
static void ask_first(struct listing *l)
{
    char key[ORB_KEY_MAX + 16], from[64];
    l->next = listing_done;
    for (size_t i = 0; i < l->nrows; i++) {
        for (int n = 0; n < STREAMS; n++) {
            const struct stream *s = &l->rows[i].streams[n];
            if (s->length <= s->pending)
                continue;
            snprintf(from, sizeof from, "%s%s", *s->delivered ? "(" : "-", s->delivered);
            ASK_QUEUE(l, read_first, i, "XRANGE", stream_key(l, i, n, key), from, "+", "COUNT", "1");
        }
    }
    orb_ask_end(&l->ask);
}

static void ask_contents(struct listing *l)
{
    char key[ORB_KEY_MAX], beside[ORB_KEY_MAX + 16], alive_since[32];
    l->next = ask_first;
    snprintf(alive_since, sizeof alive_since, "%lld", (long long)(l->now_ms - ORB_LEASE_MS));
    for (size_t i = 0; i < l->nrows && !l->ask.err.code; i++) {
        for (int n = 0; n < STREAMS; n++) {
            stream_key(l, i, n, beside);
            ASK_QUEUE(l, read_length, i * STREAMS + (size_t)n, "XLEN", beside);
            ASK_QUEUE(l, read_groups, i * STREAMS + (size_t)n, "XINFO", "GROUPS", beside);
        }
        orb_store_key(l->client->store, l->rows[i].name, "", key);
        snprintf(beside, sizeof beside, "%s:delayed", key);
        ASK_QUEUE(l, read_delayed, i, "ZCARD", beside);
        snprintf(beside, sizeof beside, "%s:dead", key);
        ASK_QUEUE(l, read_dead, i, "XLEN", beside);
        snprintf(beside, sizeof beside, "%s:leased", key);
        ASK_QUEUE(l, read_workers, i, "ZCOUNT", beside, alive_since, "+inf");
        snprintf(beside, sizeof beside, "%s:paused", key);
        ASK_QUEUE(l, read_is_paused, i, "EXISTS", beside);
        ASK_QUEUE(l, read_pause, i, "HMGET", beside, "who", "from", "at");
        snprintf(beside, sizeof beside, "%s:spent", key);
        ASK_QUEUE(l, read_usage, i, "HMGET", beside, usage_names[0], usage_names[1], usage_names[2], usage_names[3], usage_names[4],
                  usage_names[5], usage_names[USAGE_COST]);
    }
    orb_ask_end(&l->ask);
}

/* ---- which queues there are ----------------------------------------------- */

static void read_time(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct listing *l = arg;
    (void)which, (void)err;
    l->now_ms = orb_reply_int(orb_reply_at(reply, 0)) * 1000 + orb_reply_int(orb_reply_at(reply, 1)) / 1000;
}

static void add_row(struct listing *l, const char *name)
{
    l->rows[l->nrows++] = (struct row){ .name = orb_strdup(name) };
}

static void read_names(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct listing *l = arg;
    (void)which, (void)err;
    size_t n = orb_reply_count(reply) < NAMES_MAX ? orb_reply_count(reply) : NAMES_MAX;
    struct row *had = l->rows;
    l->rows = orb_alloc((n + l->nrows + 1) * sizeof *l->rows);
    memcpy(l->rows, had, l->nrows * sizeof *had);
    free(had);
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (!orb_store_queue_check(name, NULL) && strcmp(name, l->rows[0].name) != 0)
            add_row(l, name);
    }
}

/* The one that was asked for, or the default one. */
static void read_is_there(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct row *row = row_of(arg, which, err);
    if (row)
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
    l->ask = (struct orb_ask){ .client = client, .done = on_phase, .arg = l };
    l->cb = cb;
    l->arg = arg;
    l->limit = (size_t)filter->limit;
    l->next = sort_names;
    l->rows = orb_alloc(sizeof *l->rows);
    add_row(l, filter->queue ? filter->queue : ORB_QUEUE_DEFAULT);
    orb_store_key(client->store, l->rows[0].name, "", key);
    orb_store_key(client->store, "orbiter:queues", "", set);
    ASK(l, read_time, 0, "TIME");
    ASK_QUEUE(l, read_is_there, 0, "EXISTS", key);
    ASK(l, read_is_there, 0, "SISMEMBER", set, l->rows[0].name);
    if (!filter->queue)
        ASK(l, read_names, 0, "SMEMBERS", set);
    if (l->ask.pending)
        return 0;
    int rc = orb_error_set(err, l->ask.err.code, "%s", l->ask.err.text);
    free(l->rows[0].name);
    free(l->rows);
    free(l);
    return rc;
}
