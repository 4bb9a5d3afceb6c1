/* Lists: workers by their heartbeats, tasks by the indexes. */
#include "client/client.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE_S 60

/* ---- workers ------------------------------------------------------------ */

struct list {
    struct orb_client *client;
    orb_workers_cb cb;
    void *arg;
    char **keys;
    size_t nkeys, cap;
    struct orb_worker_info *rows;
    struct row_text { char *text[5]; } *texts;
    size_t nrows, asked, answered;
    struct orb_error err;         /* the first */
};

static void list_done(struct list *l, const struct orb_error *err)
{
    l->cb(l->arg, err ? NULL : l->rows, err ? 0 : l->nrows, err);
    for (size_t i = 0; i < l->nkeys; i++)
        free(l->keys[i]);
    for (size_t i = 0; i < l->nrows; i++)
        for (size_t k = 0; k < 5; k++)
            free(l->texts[i].text[k]);
    free(l->keys);
    free(l->rows);
    free(l->texts);
    free(l);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct orb_worker_info *)a)->id, ((const struct orb_worker_info *)b)->id);
}

static const char *dup_field(struct list *l, size_t k, const struct orb_reply *reply, const char *name, const char *def)
{
    const struct orb_reply *value = orb_reply_field(reply, name);
    return l->texts[l->nrows].text[k] = orb_strdup(value ? orb_reply_str(value, NULL) : def);
}

static void read_worker(struct list *l, const char *id, const struct orb_reply *reply)
{
    struct orb_worker_info *row = &l->rows[l->nrows];
    l->texts[l->nrows].text[0] = orb_strdup(id);
    *row = (struct orb_worker_info){
        .id = l->texts[l->nrows].text[0],
        .status = dup_field(l, 1, reply, "status", "unknown"),
        .hostname = dup_field(l, 2, reply, "hostname", ""),
        .current_task_id = dup_field(l, 3, reply, "current_task_id", ""),
        .version = dup_field(l, 4, reply, "version", ""),
        .tasks_processed = orb_reply_int(orb_reply_field(reply, "tasks_processed")),
        .tasks_failed = orb_reply_int(orb_reply_field(reply, "tasks_failed")),
        .concurrency = orb_reply_field(reply, "concurrency") ? orb_reply_int(orb_reply_field(reply, "concurrency")) : 1,
        .slots_busy = orb_reply_int(orb_reply_field(reply, "slots_busy")),
        .rss_kb = orb_reply_int(orb_reply_field(reply, "rss_kb")),
        .tok_s = orb_reply_real(orb_reply_field(reply, "tok_s")),
        .started_at = orb_reply_real(orb_reply_field(reply, "started_at")),
        .last_heartbeat = orb_reply_real(orb_reply_field(reply, "last_heartbeat")),
    };
    row->is_alive = row->last_heartbeat <= 0 || orb_now() - row->last_heartbeat < ALIVE_S;
    l->nrows++;
}

static void on_worker(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    const char *key = l->keys[l->answered++];
    size_t skip = strlen(l->client->prefix) + strlen("orbiter:workers:");
    /* A key that is no hash is no worker. */
    if (err && !l->err.code && !strstr(err->text, "WRONGTYPE"))
        l->err = *err;
    if (!err && orb_reply_count(reply))
        read_worker(l, key + skip, reply);
    if (l->answered < l->asked)
        return;
    if (l->nrows)
        qsort(l->rows, l->nrows, sizeof *l->rows, by_id);
    list_done(l, l->err.code ? &l->err : NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ask_workers(struct list *l)
{
    size_t n = 0;
    if (l->nkeys)
        qsort(l->keys, l->nkeys, sizeof *l->keys, by_text);
    for (size_t i = 0; i < l->nkeys; i++) { /* SCAN may say a key twice */
        if (n && !strcmp(l->keys[n - 1], l->keys[i]))
            free(l->keys[i]);
        else
            l->keys[n++] = l->keys[i];
    }
    l->nkeys = n;
    if (!n) {
        list_done(l, NULL);
        return;
    }
    l->rows = orb_alloc(n * sizeof *l->rows);
    l->texts = orb_alloc(n * sizeof *l->texts);
    for (size_t i = 0; i < n && !l->err.code; i++) {
        struct orb_buf b;
        orb_buf_init(&b, 4096);
        orb_cmd_start(&b, 2);
        orb_cmd_str(&b, "HGETALL");
        orb_cmd_str(&b, l->keys[i]);
        int rc = orb_client_send(l->client, &b, 1, on_worker, l);
        if (rc)
            orb_error_set(&l->err, rc, "%s", orb_error_text(rc));
        else
            l->asked++;
    }
    if (!l->asked)
        list_done(l, &l->err);
}

static void on_scan(void *arg, const struct orb_reply *reply, const struct orb_error *err);

static int scan(struct list *l, const char *cursor)
{
    char pattern[128];
    struct orb_buf b;
    snprintf(pattern, sizeof pattern, "%sorbiter:workers:*", l->client->prefix);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, "SCAN");
    orb_cmd_str(&b, cursor);
    orb_cmd_str(&b, "MATCH");
    orb_cmd_str(&b, pattern);
    orb_cmd_str(&b, "COUNT");
    orb_cmd_str(&b, "1000");
    return orb_client_send(l->client, &b, 1, on_scan, l);
}

/* What was asked for by a pattern; its id is taken from behind that. */
static int is_worker_key(const struct list *l, const char *key)
{
    size_t n = strlen(l->client->prefix);
    return !strncmp(key, l->client->prefix, n) && !strncmp(key + n, "orbiter:workers:", strlen("orbiter:workers:"));
}

static void on_scan(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct list *l = arg;
    if (err) {
        list_done(l, err);
        return;
    }
    const struct orb_reply *keys = orb_reply_at(reply, 1);
    for (size_t i = 0; i < orb_reply_count(keys); i++) {
        if (!is_worker_key(l, orb_reply_str(orb_reply_at(keys, i), NULL)))
            continue;
        if (l->nkeys == l->cap) {
            l->cap = l->cap ? l->cap * 2 : 64;
            char **more = orb_alloc(l->cap * sizeof *more);
            if (l->nkeys)
                memcpy(more, l->keys, l->nkeys * sizeof *more);
            free(l->keys);
            l->keys = more;
        }
        l->keys[l->nkeys++] = orb_strdup(orb_reply_str(orb_reply_at(keys, i), NULL));
    }
    const char *cursor = orb_reply_str(orb_reply_at(reply, 0), NULL);
    if (!strcmp(cursor, "0")) {
        ask_workers(l);
        return;
    }
    struct orb_error why;
    int rc = scan(l, cursor);
    if (rc) {
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        list_done(l, &why);
    }
}

int orb_fleet_workers(struct orb_client *client, orb_workers_cb cb, void *arg)
{
    struct list *l = orb_alloc(sizeof *l);
    l->client = client;
    l->cb = cb;
    l->arg = arg;
    int rc = scan(l, "0");
    if (rc)
        free(l);
    return rc;
}
