/* Lists of workers. Who serves a queue shows in its own keys: the leases that were renewed, and the consumers of its groups. Python workers that
 * have been given nothing yet show in their heartbeats alone, whose keys only a look through the whole keyspace finds: all of it for who
 * asks once, and for who asks again and again a piece with each question. */
#include "client/ask.h"
#include "client/row.h"
#include "broker/broker.h"
#include "base/base.h"
#include <orbiter/watch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE_S 60
#define LOST_MS (600 * 1000)         /* so long it is listed */
#define IDLE_MS (3600 * 1000)        /* Python workers delete no consumers: older ones without a task count only by their heartbeat */
#define QUEUES_MAX 1000
#define WORKERS_MAX "10000"          /* of one queue */
#define SCAN_COUNT 2000
#define SCAN_REST_MS 30000
#define SCANNED_MAX 10000

/* A sign of a worker; then, of all that are about the same one, what they say together. */
struct worker {
    char *id;
    const char *queue;               /* NULL: none is known */
    int64_t leased_ms;               /* its lease was renewed; 0: it has had none */
    int64_t pending, idle_ms;        /* idle: since it was given something; -1: it is no consumer */
    struct orb_worker_info info;
    char *texts[6];
    int has_beat, has_lease;
    int64_t lease_ms;
};

struct workers {
    struct worker *all;
    size_t count, cap;
};

struct list {
    struct orb_client *client;
    struct orb_ask ask;
    orb_workers_cb cb;
    void *arg;
    int is_partial;                  /* a piece of the keyspace only */
    char **queues;
    size_t nqueues;
    struct workers workers;
    int64_t now_ms;                  /* by the clock of Redis */
    char cursor[32];
    void (*next)(struct list *l);
};

/* Heartbeats found by the pieces so far. */
struct orb_beats {
    char **ids, **coming;            /* of the last round through the keyspace; of this one */
    size_t nids, ncoming;
    char cursor[32];
    int64_t rest_until_ms;
};

#define ASK(l, read, which, flags, ...) orb_ask_words(&(l)->ask, read, which, flags, (const char *const[]){ __VA_ARGS__, NULL })

static void ids_free(char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
}

void orb_beats_free(struct orb_beats *beats)
{
    if (!beats)
        return;
    ids_free(beats->ids, beats->nids);
    ids_free(beats->coming, beats->ncoming);
    free(beats);
}

static struct worker *add(struct list *l, const char *id)
{
    struct workers *w = &l->workers;
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        struct worker *more = orb_alloc(w->cap * sizeof *more);
        if (w->count)
            memcpy(more, w->all, w->count * sizeof *more);
        free(w->all);
        w->all = more;
    }
    struct worker *worker = &w->all[w->count++];
    *worker = (struct worker){ .id = orb_strdup(id), .idle_ms = -1 };
    return worker;
}

/* ---- the end ---------------------------------------------------------------- */

static int is_listed(const struct list *l, const struct worker *w)
{
    if (w->has_beat || w->has_lease || w->pending > 0)
        return 1;
    return w->leased_ms && l->now_ms - w->leased_ms < LOST_MS;
}

static void judge(const struct list *l, struct worker *w)
{
    struct orb_worker_info *i = &w->info;
    /* Orbiter's own have a lease; a Python worker lives while it beats. */
    int is_ours = w->leased_ms || w->has_lease || *w->texts[5];
    i->pending = w->pending;
    i->lease_ms = w->has_lease ? w->lease_ms : 0;
    i->is_alive = w->has_beat ? i->last_heartbeat <= 0 || orb_now() - i->last_heartbeat < ALIVE_S : w->has_lease;
    i->is_lost = is_ours ? !w->has_lease : !i->is_alive;
    if (!i->is_lost)
        return;
    if (w->leased_ms)
        i->lost_since = (double)w->leased_ms / 1000;
    else if (i->last_heartbeat > 0)
        i->lost_since = i->last_heartbeat;
    else if (w->idle_ms >= 0)
        i->lost_since = (double)(l->now_ms - w->idle_ms) / 1000;
}

static void list_done(struct list *l)
{
    struct workers *w = &l->workers;
    struct orb_worker_info *infos = orb_alloc((w->count + 1) * sizeof *infos);
    size_t count = 0;
    for (size_t i = 0; i < w->count && !l->ask.err.code; i++) {
        if (!is_listed(l, &w->all[i]))
            continue;
        judge(l, &w->all[i]);
        infos[count++] = w->all[i].info;
    }
    l->cb(l->arg, count ? infos : NULL, count, l->ask.err.code ? &l->ask.err : NULL);
    for (size_t i = 0; i < w->count; i++) {
        for (size_t k = 0; k < ORB_COUNT(w->all[i].texts); k++)
            free(w->all[i].texts[k]);
        free(w->all[i].id);
    }
    ids_free(l->queues, l->nqueues);
    free(w->all);
    free(infos);
    free(l);
}

static void on_phase(void *arg)
{
    struct list *l = arg;
    if (l->ask.err.code)
        list_done(l);
    else
        l->next(l);
}

/* ---- heartbeats and leases ---------------------------------------------------- */

static const char *dup_field(struct worker *w, size_t k, const struct orb_reply *reply, const char *name, const char *def)
{
    const struct orb_reply *value = orb_reply_field(reply, name);
    return w->texts[k] = orb_strdup(value ? orb_reply_str(value, NULL) : def);
}

static void read_beat(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    struct worker *w = &l->workers.all[which];
    (void)err; /* a key that is no hash is no worker */
    w->has_beat = orb_reply_count(reply) > 0;
    w->info = (struct orb_worker_info){
        .id = w->id,
        .status = dup_field(w, 0, reply, "status", w->has_beat ? "unknown" : "lost"),
        .hostname = dup_field(w, 1, reply, "hostname", ""),
        .current_task_id = dup_field(w, 2, reply, "current_task_id", ""),
        .version = dup_field(w, 3, reply, "version", ""),
        .queue = dup_field(w, 4, reply, "queue", w->queue ? w->queue : ""),
        .tasks_processed = orb_reply_int(orb_reply_field(reply, "tasks_processed")),
        .tasks_failed = orb_reply_int(orb_reply_field(reply, "tasks_failed")),
        .concurrency = orb_reply_field(reply, "concurrency") ? orb_reply_int(orb_reply_field(reply, "concurrency")) : w->has_beat,
        .slots_busy = orb_reply_int(orb_reply_field(reply, "slots_busy")),
        .rss_kb = orb_reply_int(orb_reply_field(reply, "rss_kb")),
        .tok_s = orb_reply_real(orb_reply_field(reply, "tok_s")),
        .started_at = orb_reply_real(orb_reply_field(reply, "started_at")),
        .last_heartbeat = orb_reply_real(orb_reply_field(reply, "last_heartbeat")),
    };
    dup_field(w, 5, reply, "lease", "");
}

static void read_lease(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct worker *w = &((struct list *)arg)->workers.all[which];
    int64_t ms = err ? -2 : orb_reply_int(reply);
    w->has_lease = ms != -2;
    w->lease_ms = ms < 0 ? 0 : ms; /* -1: somebody has made it last for ever */
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct worker *)a)->id, ((const struct worker *)b)->id);
}

static void join(struct worker *w, const struct worker *other)
{
    if (!w->queue || other->leased_ms > w->leased_ms)
        w->queue = other->queue ? other->queue : w->queue;
    if (other->leased_ms > w->leased_ms)
        w->leased_ms = other->leased_ms;
    w->pending += other->pending;
    if (other->idle_ms >= 0 && (w->idle_ms < 0 || other->idle_ms < w->idle_ms))
        w->idle_ms = other->idle_ms;
}

static void ask_workers(struct list *l)
{
    struct worker *all = l->workers.all;
    size_t n = 0;
    char key[ORB_KEY_MAX];
    if (l->workers.count)
        qsort(all, l->workers.count, sizeof *all, by_id);
    for (size_t i = 0; i < l->workers.count; i++) {
        if (n && !strcmp(all[n - 1].id, all[i].id)) {
            join(&all[n - 1], &all[i]);
            free(all[i].id);
        } else {
            all[n++] = all[i];
        }
    }
    l->workers.count = n;
    l->next = list_done;
    for (size_t i = 0; i < n; i++) {
        ASK(l, read_beat, i, 0, "HGETALL", orb_store_key(l->client->store, "orbiter:workers:", all[i].id, key));
        ASK(l, read_lease, i, 0, "PTTL", orb_store_key(l->client->store, ORB_LEASE_KEY, all[i].id, key));
    }
    orb_ask_end(&l->ask);
}

/* ---- heartbeats in the keyspace -------------------------------------------------- */

static void scan(struct list *l);

/* What was asked for by a pattern; the worker's id is behind that. NULL: it is none. */
static const char *worker_of_key(const struct list *l, const char *key)
{
    char start[ORB_KEY_MAX];
    size_t n = strlen(orb_store_key(l->client->store, "orbiter:workers:", "", start));
    return strncmp(key, start, n) != 0 || !orb_row_is_name(key + n) ? NULL : key + n;
}

static struct orb_beats *beats_of(struct orb_client *client)
{
    if (!client->beats) {
        client->beats = orb_alloc(sizeof *client->beats);
        strcpy(client->beats->cursor, "0");
    }
    return client->beats;
}

static void keep_beat(struct orb_beats *beats, const char *id)
{
    if (!beats->coming)
        beats->coming = orb_alloc(SCANNED_MAX * sizeof *beats->coming);
    if (beats->ncoming < SCANNED_MAX)
        beats->coming[beats->ncoming++] = orb_strdup(id);
}

static void round_done(struct list *l, struct orb_beats *beats)
{
    ids_free(beats->ids, beats->nids);
    beats->ids = beats->coming;
    beats->nids = beats->ncoming;
    beats->coming = NULL;
    beats->ncoming = 0;
    beats->rest_until_ms = orb_loop_now_ms(l->client->loop) + SCAN_REST_MS;
}

static void read_scan(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    struct orb_beats *beats = l->is_partial ? beats_of(l->client) : NULL;
    const struct orb_reply *keys = orb_reply_at(reply, 1);
    const char *cursor = orb_reply_str(orb_reply_at(reply, 0), NULL), *id;
    (void)which, (void)err;
    for (size_t i = 0; i < orb_reply_count(keys); i++) {
        if (!(id = worker_of_key(l, orb_reply_str(orb_reply_at(keys, i), NULL))))
            continue;
        add(l, id);
        if (beats)
            keep_beat(beats, id);
    }
    snprintf(l->cursor, sizeof l->cursor, "%s", *cursor ? cursor : "0");
    if (!beats)
        return;
    snprintf(beats->cursor, sizeof beats->cursor, "%s", l->cursor);
    if (!strcmp(beats->cursor, "0"))
        round_done(l, beats);
}

static void after_scan(struct list *l)
{
    if (l->is_partial || !strcmp(l->cursor, "0"))
        ask_workers(l);
    else
        scan(l);
}

static void scan(struct list *l)
{
    char pattern[ORB_KEY_MAX], count[16];
    l->next = after_scan;
    snprintf(count, sizeof count, "%d", SCAN_COUNT);
    ASK(l, read_scan, 0, 0, "SCAN", l->cursor, "MATCH", orb_store_key(l->client->store, "orbiter:workers:", "*", pattern), "COUNT", count);
    orb_ask_end(&l->ask);
}

static void look_for_beats(struct list *l)
{
    snprintf(l->cursor, sizeof l->cursor, "0");
    if (!l->is_partial) {
        scan(l);
        return;
    }
    struct orb_beats *beats = beats_of(l->client);
    for (size_t i = 0; i < beats->nids; i++)
        add(l, beats->ids[i]);
    for (size_t i = 0; i < beats->ncoming; i++)
        add(l, beats->coming[i]);
    snprintf(l->cursor, sizeof l->cursor, "%s", beats->cursor);
    if (orb_loop_now_ms(l->client->loop) < beats->rest_until_ms)
        ask_workers(l);
    else
        scan(l);
}

/* ---- the queues ------------------------------------------------------------------ */

static void read_leased(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    (void)err;
    for (size_t i = 0; i + 1 < orb_reply_count(reply); i += 2) {
        const char *id = orb_reply_str(orb_reply_at(reply, i), NULL);
        double ms = orb_reply_real(orb_reply_at(reply, i + 1));
        if (!orb_row_is_name(id) || ms < 1 || ms > 1e15)
            continue;
        struct worker *w = add(l, id);
        w->queue = l->queues[which];
        w->leased_ms = (int64_t)ms;
    }
}

static void read_consumers(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    (void)err;
    for (size_t i = 0; i < orb_reply_count(reply); i++) {
        const struct orb_reply *consumer = orb_reply_at(reply, i);
        const char *id = orb_reply_str(orb_reply_field(consumer, "name"), NULL);
        int64_t pending = orb_reply_int(orb_reply_field(consumer, "pending")), idle_ms = orb_reply_int(orb_reply_field(consumer, "idle"));
        if (!*id || !orb_row_is_name(id) || (pending <= 0 && idle_ms > IDLE_MS))
            continue;
        struct worker *w = add(l, id);
        w->queue = l->queues[which];
        w->pending = pending > 0 ? pending : 0;
        w->idle_ms = idle_ms;
    }
}

static void ask_queues(struct list *l)
{
    char name[ORB_KEY_MAX], key[ORB_KEY_MAX + 16], group[ORB_KEY_MAX + 24];
    l->next = look_for_beats;
    for (size_t i = 0; i < l->nqueues; i++) {
        orb_store_key(l->client->store, l->queues[i], "", name);
        snprintf(key, sizeof key, "%s:leased", name);
        ASK(l, read_leased, i, ORB_ASK_CLOSED, "ZREVRANGEBYSCORE", key, "+inf", "-inf", "WITHSCORES", "LIMIT", "0", WORKERS_MAX);
        for (int n = 0; n < 10; n++) {
            snprintf(key, sizeof key, n == 5 ? "%s" : "%s:p%d", name, n);
            snprintf(group, sizeof group, "%s:group", key);
            ASK(l, read_consumers, i, ORB_ASK_CLOSED, "XINFO", "CONSUMERS", key, group);
        }
    }
    orb_ask_end(&l->ask);
}

static void read_time(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)which, (void)err;
    ((struct list *)arg)->now_ms = orb_reply_int(orb_reply_at(reply, 0)) * 1000 + orb_reply_int(orb_reply_at(reply, 1)) / 1000;
}

static void read_queues(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    int has_default = 0;
    (void)which, (void)err;
    l->queues = orb_alloc((n + 1) * sizeof *l->queues);
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (orb_store_queue_check(name, NULL))
            continue;
        l->queues[l->nqueues++] = orb_strdup(name);
        has_default |= !strcmp(name, ORB_QUEUE_DEFAULT);
    }
    if (!has_default) /* Python workers write no names of queues */
        l->queues[l->nqueues++] = orb_strdup(ORB_QUEUE_DEFAULT);
}

static int start(struct orb_client *client, int is_partial, orb_workers_cb cb, void *arg)
{
    char key[ORB_KEY_MAX];
    struct list *l = orb_alloc(sizeof *l);
    *l = (struct list){ .client = client, .cb = cb, .arg = arg, .is_partial = is_partial, .next = ask_queues };
    l->ask = (struct orb_ask){ .client = client, .done = on_phase, .arg = l };
    ASK(l, read_time, 0, 0, "TIME");
    ASK(l, read_queues, 0, 0, "SMEMBERS", orb_store_key(client->store, "orbiter:queues", "", key));
    if (l->ask.pending)
        return 0;
    int rc = l->ask.err.code;
    free(l);
    return rc;
}

int orb_fleet_workers(struct orb_client *client, orb_workers_cb cb, void *arg)
{
    return start(client, 0, cb, arg);
}

int orb_watch_workers(struct orb_client *client, orb_workers_cb cb, void *arg)
{
    return start(client, 1, cb, arg);
}
