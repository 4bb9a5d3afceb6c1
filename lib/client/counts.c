/* How many tasks there are in each state, over all queues: from the indexes, and for those that run from what the queues'
 * groups have given to workers. */
#include "client/ask.h"
#include "client/row.h"
#include "task/task.h"
#include "base/base.h"
#include <orbiter/watch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 1000

struct counting {
    struct orb_ask ask;
    orb_counts_cb cb;
    void *arg;
    struct orb_counts counts;
};

static void counted(void *arg)
{
    struct counting *c = arg;
    int64_t *n = c->counts.by_status;
    /* Those that run are in the index of open ones, too. */
    if (n[ORB_STATUS_RUNNING] > n[ORB_STATUS_PENDING])
        n[ORB_STATUS_RUNNING] = n[ORB_STATUS_PENDING];
    n[ORB_STATUS_PENDING] -= n[ORB_STATUS_RUNNING];
    c->cb(c->arg, c->ask.err.code ? NULL : &c->counts, c->ask.err.code ? &c->ask.err : NULL);
    free(c);
}

#define ASK(c, read, which, flags, ...) orb_ask_words(&(c)->ask, read, which, flags, (const char *const[]){ __VA_ARGS__, NULL })

/* which: the status. */
static void read_number(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct counting *c = arg;
    int64_t n = orb_reply_int(reply);
    (void)err;
    if (n > 0 && n <= UINT32_MAX)
        c->counts.by_status[which] += n;
}

/* XPENDING without a range: the first is how many. */
static void read_pending(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    read_number(arg, which, orb_reply_at(reply, 0), err);
}

static void ask_queue(struct counting *c, const char *queue)
{
    char name[ORB_KEY_MAX], key[ORB_KEY_MAX + 16], group[ORB_KEY_MAX + 24];
    struct orb_client *client = c->ask.client;
    for (enum orb_index i = 0; i < ORB_INDEX_COUNT; i++)
        ASK(c, read_number, orb_index_status(i), 0, "ZCARD", orb_index_key(client, queue, i, name));
    orb_store_key(client->store, queue, "", name);
    for (int n = 0; n < 10; n++) {
        snprintf(key, sizeof key, n == ORB_PRIORITY_DEFAULT ? "%s" : "%s:p%d", name, n);
        snprintf(group, sizeof group, "%s:group", key);
        ASK(c, read_pending, ORB_STATUS_RUNNING, ORB_ASK_CLOSED, "XPENDING", key, group);
    }
}

/* What it asks is answered before all is done. */
static void read_queues(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct counting *c = arg;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    int has_default = 0;
    (void)which, (void)err;
    for (size_t i = 0; i < n; i++) {
        const char *name = orb_reply_str(orb_reply_at(reply, i), NULL);
        if (orb_store_queue_check(name, NULL))
            continue;
        ask_queue(c, name);
        has_default |= !strcmp(name, ORB_QUEUE_DEFAULT);
    }
    if (!has_default) /* what only Python workers have touched is put there */
        ask_queue(c, ORB_QUEUE_DEFAULT);
}

static int64_t info_number(const char *info, const char *name)
{
    const char *at = strstr(info, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static void read_memory(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct counting *c = arg;
    const char *info = orb_reply_str(reply, NULL);
    (void)which, (void)err;
    c->counts.memory_bytes = info_number(info, "\nused_memory:");
    c->counts.memory_max_bytes = info_number(info, "\nmaxmemory:");
}

static void read_time(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct counting *c = arg;
    (void)which, (void)err;
    c->counts.at = (double)orb_reply_int(orb_reply_at(reply, 0)) + (double)orb_reply_int(orb_reply_at(reply, 1)) / 1e6;
}

int orb_fleet_counts(struct orb_client *client, orb_counts_cb cb, void *arg)
{
    char key[ORB_KEY_MAX];
    struct counting *c = orb_alloc(sizeof *c);
    c->ask = (struct orb_ask){ .client = client, .done = counted, .arg = c };
    c->cb = cb;
    c->arg = arg;
    ASK(c, read_time, 0, 0, "TIME");
    ASK(c, read_memory, 0, 0, "INFO", "memory");
    ASK(c, read_queues, 0, 0, "SMEMBERS", orb_store_key(client->store, "orbiter:queues", "", key));
    if (c->ask.pending)
        return 0;
    int rc = c->ask.err.code;
    free(c);
    return rc;
}
