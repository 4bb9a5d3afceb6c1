/* A walk over all tasks, in slices. First the indexes: each is read in pages, the pages are merged by the time when tasks were made, and the
 * rows of a slice are read from their hashes. Then the package's own set, in which every task is: what is in no index, and what moved behind the back
 * of the first phase. */
#include "client/ask.h"
#include "client/row.h"
#include "base/base.h"
#include <orbiter/watch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 1000
#define AT_ONCE 64        /* indexes that are asked for a page together */
#define IDS_MAX 20000     /* of all pages, more or less */
#define PAGE_MIN 16
#define ROUNDS_MAX 8      /* of such questions in one slice: where little is wanted it may come out empty */
#define SAME_MAX 10000    /* ids with one score: the second phase finds the others */
#define SCAN_COUNT 1000

struct found {
    char *id;
    double score;
    size_t list;          /* where; NONE: in the set */
};
#define NONE ((size_t)-1)

struct ids {
    char **all;
    size_t count, cap;
};

/* One index, read downwards. */
struct list {
    size_t queue;
    enum orb_index index;
    char cursor[40];      /* the score read last; "+inf" at first */
    struct ids same;      /* ids read with that score */
    struct found *page;
    size_t at, count;     /* of the page: the next one; all */
    size_t asked;
    int is_ended;
};

struct orb_walk {
    struct orb_client *client;
    struct orb_ask ask;
    struct orb_walk_options options;
    orb_walk_cb cb;       /* NULL: no slice is under way */
    void *arg;
    size_t want;
    char **queues;
    size_t nqueues;
    struct list *lists;
    size_t nlists;
    size_t *live, nlive;  /* of the lists: not ended, or with something left in the page */
    int rounds;
    struct found *picked; /* of this slice, and, in the second phase, of the next ones */
    size_t npicked, picked_cap;
    struct orb_row *rows; /* of the first nrows of those */
    size_t nrows;
    char cursor[32];      /* of the set; "" = the first phase */
    int is_scanned, is_ended, is_freed;
    void (*next)(struct orb_walk *w);
};

static void pick(struct orb_walk *w);

static void walk_free(struct orb_walk *w)
{
    for (size_t i = 0; i < w->nlists; i++) {
        struct list *l = &w->lists[i];
        for (size_t k = l->at; k < l->count; k++)
            free(l->page[k].id);
        for (size_t k = 0; k < l->same.count; k++)
            free(l->same.all[k]);
        free(l->same.all);
        free(l->page);
    }
    for (size_t i = 0; i < w->npicked; i++)
        free(w->picked[i].id);
    for (size_t i = 0; i < w->nqueues; i++)
        free(w->queues[i]);
    free(w->queues);
    free(w->lists);
    free(w->live);
    free(w->picked);
    free(w);
}

static void rows_free(struct orb_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        orb_row_done(&rows[i]);
    free(rows);
}

/* The slice is over: its callback runs once. */
static void tell(struct orb_walk *w, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    orb_walk_cb cb = w->cb;
    w->cb = NULL;
    cb(w->arg, tasks, count, w->is_ended, err);
}

static void on_phase(void *arg)
{
    struct orb_walk *w = arg;
    struct orb_error err = w->ask.err;
    int is_freed = w->is_freed;
    w->ask.err = (struct orb_error){ 0 };
    if (is_freed)
        orb_error_set(&err, ORB_E_CANCELLED, "the walk was freed");
    if (!err.code) {
        w->next(w);
        return;
    }
    rows_free(w->rows, w->nrows);
    w->rows = NULL;
    w->nrows = 0;
    tell(w, NULL, 0, &err); /* may free it */
    if (is_freed)
        walk_free(w);
}

static int is_wanted(struct orb_walk *w, const char *id, int status)
{
    return orb_row_is_name(id) && (!w->options.is_wanted || w->options.is_wanted(w->options.arg, id, status));
}

static void *grow(void *all, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return all;
    *cap = *cap ? *cap * 2 : 16;
    char *more = orb_alloc(*cap * size);
    if (count)
        memcpy(more, all, count * size);
    free(all);
    return more;
}

static void picked_add(struct orb_walk *w, const struct found *found)
{
    w->picked = grow(w->picked, w->npicked, &w->picked_cap, sizeof *w->picked);
    w->picked[w->npicked++] = *found;
}

/* ---- the rows of a slice ---------------------------------------------------- */

static void repair(struct orb_walk *w, const struct orb_row *row, const struct found *found)
{
    int is_adopted, rc;
    if (!w->options.may_repair)
        return;
    if (found->list == NONE)
        rc = orb_row_adopt(w->client, row, &is_adopted);
    else
        rc = orb_row_repair(w->client, row, w->queues[w->lists[found->list].queue], w->lists[found->list].index, found->score);
    (void)rc; /* another walk will find it again */
}

static void rows_read(struct orb_walk *w)
{
    size_t n = w->nrows, count = 0;
    struct orb_task_info *infos = orb_alloc((n + 1) * sizeof *infos);
    struct orb_row *rows = w->rows;
    for (size_t i = 0; i < n; i++) {
        repair(w, &rows[i], &w->picked[i]);
        if (!rows[i].is_gone)
            infos[count++] = rows[i].info;
        free(w->picked[i].id);
    }
    w->npicked -= n;
    if (w->npicked)
        memmove(w->picked, w->picked + n, w->npicked * sizeof *w->picked);
    w->rows = NULL;
    w->nrows = 0;
    w->is_ended = w->is_scanned && !w->npicked;
    tell(w, infos, count, NULL); /* may free it */
    rows_free(rows, n);
    free(infos);
}

static void read_row(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_walk *w = arg;
    (void)err;
    orb_row_read(&w->rows[which], w->picked[which].id, reply);
}

static void ask_rows(struct orb_walk *w)
{
    w->nrows = w->npicked < w->want ? w->npicked : w->want;
    w->rows = orb_alloc((w->nrows + 1) * sizeof *w->rows);
    w->next = rows_read;
    for (size_t i = 0; i < w->nrows; i++) {
        struct orb_buf b;
        orb_buf_init(&b, 4096);
        orb_row_ask(w->client, &b, w->picked[i].id);
        orb_ask(&w->ask, &b, read_row, i, 0);
    }
    orb_ask_end(&w->ask);
}

/* ---- the second phase -------------------------------------------------------- */

static void read_scan(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_walk *w = arg;
    const struct orb_reply *ids = orb_reply_at(reply, 1);
    (void)which, (void)err;
    for (size_t i = 0; i < orb_reply_count(ids); i++) {
        const char *id = orb_reply_str(orb_reply_at(ids, i), NULL);
        if (is_wanted(w, id, -1))
            picked_add(w, &(struct found){ .id = orb_strdup(id), .list = NONE });
    }
    snprintf(w->cursor, sizeof w->cursor, "%s", orb_reply_str(orb_reply_at(reply, 0), NULL));
    w->is_scanned = !*w->cursor || !strcmp(w->cursor, "0");
}

static void scan(struct orb_walk *w)
{
    char key[ORB_KEY_MAX], count[16];
    w->next = ask_rows;
    if (!*w->cursor)
        strcpy(w->cursor, "0");
    snprintf(count, sizeof count, "%d", SCAN_COUNT);
    orb_store_key(w->client->store, "orbiter:task:index", "", key);
    orb_ask_words(&w->ask, read_scan, 0, 0, (const char *const[]){ "SSCAN", key, w->cursor, "COUNT", count, NULL });
    orb_ask_end(&w->ask);
}

/* ---- the first phase ---------------------------------------------------------- */

static int was_read(const struct list *l, const char *id)
{
    for (size_t i = 0; i < l->same.count; i++)
        if (!strcmp(l->same.all[i], id))
            return 1;
    return 0;
}

/* The page ends within tasks of the same score: they are asked for again, with those that were read. */
static void remember(struct list *l, const char *id, const char *score)
{
    if (strcmp(l->cursor, score) != 0) {
        for (size_t i = 0; i < l->same.count; i++)
            free(l->same.all[i]);
        l->same.count = 0;
        snprintf(l->cursor, sizeof l->cursor, "%s", score);
    }
    l->same.all = grow(l->same.all, l->same.count, &l->same.cap, sizeof *l->same.all);
    l->same.all[l->same.count++] = orb_strdup(id);
}

static void read_page(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_walk *w = arg;
    struct list *l = &w->lists[which];
    size_t n = orb_reply_count(reply) / 2;
    (void)err;
    free(l->page);
    l->page = orb_alloc((n + 1) * sizeof *l->page);
    l->at = l->count = 0;
    for (size_t i = 0; i < n; i++) {
        const char *id = orb_reply_str(orb_reply_at(reply, 2 * i), NULL);
        const struct orb_reply *score = orb_reply_at(reply, 2 * i + 1);
        if (was_read(l, id))
            continue;
        remember(l, id, orb_reply_str(score, NULL));
        if (is_wanted(w, id, (int)orb_index_status(l->index)))
            l->page[l->count++] = (struct found){ .id = orb_strdup(id), .score = orb_reply_real(score), .list = which };
    }
    l->is_ended = n < l->asked;
}

static size_t page_size(const struct orb_walk *w)
{
    size_t n = IDS_MAX / w->nlists;
    return n > w->want ? w->want : n < PAGE_MIN ? PAGE_MIN : n;
}

static void ask_page(struct orb_walk *w, size_t i)
{
    char key[ORB_KEY_MAX], from[48], count[24];
    struct list *l = &w->lists[i];
    int is_too_many = l->same.count >= SAME_MAX;
    l->asked = page_size(w) + (is_too_many ? 0 : l->same.count);
    snprintf(from, sizeof from, "%s%s", is_too_many ? "(" : "", l->cursor);
    snprintf(count, sizeof count, "%zu", l->asked);
    orb_index_key(w->client, w->queues[l->queue], l->index, key);
    orb_ask_words(&w->ask, read_page, i, 0, (const char *const[]){ "ZREVRANGEBYSCORE", key, from, "-inf", "WITHSCORES", "LIMIT", "0", count, NULL });
}

/* Pages for those that have none left. */
static void ask_pages(struct orb_walk *w)
{
    size_t asked = 0;
    for (size_t i = 0; i < w->nlive && asked < AT_ONCE; i++) {
        const struct list *l = &w->lists[w->live[i]];
        if (l->at == l->count && !l->is_ended && ++asked)
            ask_page(w, w->live[i]);
    }
    w->rounds++;
    w->next = pick;
    orb_ask_end(&w->ask);
}

/* The list whose next task is the newest; NULL: at the end, or (must_ask) one has no page left. */
static struct list *newest_of(struct orb_walk *w, int *must_ask)
{
    struct list *newest = NULL;
    *must_ask = 0;
    for (size_t i = 0; i < w->nlive;) {
        struct list *l = &w->lists[w->live[i]];
        if (l->at < l->count) {
            if (!newest || l->page[l->at].score > newest->page[newest->at].score)
                newest = l;
            i++;
        } else if (l->is_ended) {
            w->live[i] = w->live[--w->nlive];
        } else {
            *must_ask = 1;
            return NULL;
        }
    }
    return newest;
}

/* Fills the slice with the newest of all pages. */
static void pick(struct orb_walk *w)
{
    int must_ask = 0;
    while (w->npicked < w->want) {
        struct list *newest = newest_of(w, &must_ask);
        if (!newest)
            break;
        picked_add(w, &newest->page[newest->at++]);
    }
    if (must_ask && w->rounds < ROUNDS_MAX)
        ask_pages(w);
    else if (must_ask || w->npicked)
        ask_rows(w);
    else
        scan(w);
}

static void read_queues(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_walk *w = arg;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    int has_default = 0;
    (void)which, (void)err;
    w->queues = orb_alloc((n + 1) * sizeof *w->queues);
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (!orb_row_is_name(name))
            continue;
        w->queues[w->nqueues++] = orb_strdup(name);
        has_default |= !strcmp(name, ORB_QUEUE_DEFAULT);
    }
    if (!has_default) /* what only Python workers have touched is put there */
        w->queues[w->nqueues++] = orb_strdup(ORB_QUEUE_DEFAULT);
    w->nlists = w->nqueues * ORB_INDEX_COUNT;
    w->lists = orb_alloc(w->nlists * sizeof *w->lists);
    w->live = orb_alloc(w->nlists * sizeof *w->live);
    for (size_t i = 0; i < w->nlists; i++) {
        w->live[w->nlive++] = i;
        w->lists[i] = (struct list){ .queue = i / ORB_INDEX_COUNT, .index = (enum orb_index)(i % ORB_INDEX_COUNT), .cursor = "+inf" };
    }
}

/* ---- from outside -------------------------------------------------------------- */

struct orb_walk *orb_walk_new(struct orb_client *client, const struct orb_walk_options *options)
{
    struct orb_walk *w = orb_alloc(sizeof *w);
    w->client = client;
    w->options = *options;
    w->ask = (struct orb_ask){ .client = client, .done = on_phase, .arg = w };
    return w;
}

int orb_walk_next(struct orb_walk *w, size_t count, orb_walk_cb cb, void *arg, struct orb_error *err)
{
    char key[ORB_KEY_MAX];
    if (count < 1 || count > ORB_WALK_SLICE_MAX)
        return orb_error_set(err, ORB_E_USAGE, "a slice of %zu tasks: use 1 to %d", count, ORB_WALK_SLICE_MAX);
    if (w->cb || w->is_ended)
        return orb_error_set(err, ORB_E_USAGE, w->cb ? "a slice of the walk is under way: wait for its callback" : "the walk is at its end: begin another one");
    w->cb = cb;
    w->arg = arg;
    w->want = count;
    w->rounds = 0;
    w->next = pick;
    if (!w->lists)
        orb_ask_words(&w->ask, read_queues, 0, 0, (const char *const[]){ "SMEMBERS", orb_store_key(w->client->store, "orbiter:queues", "", key), NULL });
    else if (w->npicked >= count || (w->npicked && *w->cursor))
        w->next = ask_rows;
    else if (*w->cursor)
        w->next = scan;
    orb_ask_end(&w->ask);
    return 0;
}

void orb_walk_free(struct orb_walk *w)
{
    if (!w || w->is_freed)
        return;
    w->is_freed = 1;
    if (!w->cb)
        walk_free(w);
}
