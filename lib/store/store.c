#include "store/store.h"
#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct orb_store {
    struct orb_loop *loop;
    struct orb_redis *redis;
    char prefix[72];
    int is_read_only;
    void (*state)(void *arg, int is_up, const struct orb_error *err);
    void *arg;
    void (*before_flush)(void *arg);
    void *before_flush_arg;
    uint32_t needed; /* a bit for each script that was called, or will be */
};

#define SCRIPT(name) &orb_script_##name,
static const struct orb_script *const scripts[] = { ORB_SCRIPTS(SCRIPT) };
#undef SCRIPT
_Static_assert(ORB_COUNT(scripts) <= 32, "a bit for each");

int orb_store_prefix(const char *ns, char out[72], struct orb_error *err)
{
    if (!ns || !*ns) {
        *out = '\0';
        return 0;
    }
    size_t n = strspn(ns, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (ns[n] || n > 64)
        return orb_error_set(err, ORB_E_USAGE, "namespace \"%s\": use 1 to 64 of the characters A-Z a-z 0-9 . _ -", ns);
    snprintf(out, 72, "{%s}:", ns);
    return 0;
}

int orb_store_queue_check(const char *queue, struct orb_error *err)
{
    /* {queue}:delayed and so on are keys of ours beside a queue. */
    static const char *const taken[] = { ":group", ":delayed", ":dead", ":paused", ":leased", ":sweep", ":spent", ":wake",
                                         ":p0", ":p1", ":p2", ":p3", ":p4", ":p5", ":p6", ":p7", ":p8", ":p9" };
    size_t n = 0;
    while (isgraph((unsigned char)queue[n]))
        n++;
    if (!n || queue[n] || n > 128)
        return orb_error_set(err, ORB_E_USAGE, "queue \"%s\": use 1 to 128 visible ASCII characters without blanks", queue);
    if (!strncmp(queue, "orbiter:", 8) && strcmp(queue, ORB_QUEUE_DEFAULT))
        return orb_error_set(err, ORB_E_USAGE, "queue \"%s\": names that begin with orbiter: are reserved, except %s", queue, ORB_QUEUE_DEFAULT);
    for (size_t i = 0; i < ORB_COUNT(taken); i++)
        if (n > strlen(taken[i]) && !strcmp(queue + n - strlen(taken[i]), taken[i]))
            return orb_error_set(err, ORB_E_USAGE, "queue \"%s\": names that end in %s are reserved", queue, taken[i]);
    return 0;
}

static void load_scripts(struct orb_store *store, uint32_t which)
{
    struct orb_buf b;
    unsigned count = 0;
    orb_buf_init(&b, 1024 * 1024);
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        if (!(which & 1u << i))
            continue;
        orb_cmd_start(&b, 3);
        orb_cmd_str(&b, "SCRIPT");
        orb_cmd_str(&b, "LOAD");
        orb_cmd_str(&b, scripts[i]->text);
        count++;
    }
    /* A user who may not run scripts only reads: what it cannot do is said when it tries. */
    if (count && orb_redis_send(store->redis, &b, count, 0, NULL, NULL))
        orb_buf_done(&b);
}

/* Ahead of the first call of it in the pipeline, not after Redis has missed it: what follows the call may have run by then. */
void orb_store_need(struct orb_store *store, const struct orb_script *script)
{
    size_t i = 0;
    while (scripts[i] != script)
        i++;
    if (store->needed & 1u << i)
        return;
    store->needed |= 1u << i;
    if (orb_redis_is_up(store->redis))
        load_scripts(store, 1u << i);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_store *store = arg;
    if (is_up)
        load_scripts(store, store->needed);
    if (store->state)
        store->state(store->arg, is_up, err);
}

struct orb_store *orb_store_new(struct orb_loop *loop, const struct orb_redis_config *config, const char *prefix)
{
    struct orb_store *store = orb_alloc(sizeof *store);
    store->loop = loop;
    store->state = config->state;
    store->arg = config->arg;
    store->is_read_only = config->is_read_only;
    snprintf(store->prefix, sizeof store->prefix, "%s", prefix);
    struct orb_redis_config mine = *config;
    mine.state = on_state;
    mine.arg = store;
    store->redis = orb_redis_new(loop, &mine);
    return store;
}

void orb_store_free(struct orb_store *store)
{
    if (!store)
        return;
    orb_redis_free(store->redis);
    free(store);
}

struct orb_redis *orb_store_redis(struct orb_store *store)
{
    return store->redis;
}

const char *orb_store_key_prefix(const struct orb_store *store)
{
    return store->prefix;
}

void orb_store_before_flush(struct orb_store *store, void (*fn)(void *arg), void *arg)
{
    store->before_flush = fn;
    store->before_flush_arg = arg;
}

const char *orb_store_key(const struct orb_store *store, const char *name, const char *id, char out[ORB_KEY_MAX])
{
    size_t n = 0;
    const char *const parts[] = { store->prefix, name, id };
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(parts[i]);
        ORB_ASSERT(n + len < ORB_KEY_MAX);
        memcpy(out + n, parts[i], len);
        n += len;
    }
    out[n] = '\0';
    return out;
}

void orb_store_key_arg(const struct orb_store *store, struct orb_buf *b, const char *name, const char *id)
{
    char key[ORB_KEY_MAX];
    orb_cmd_str(b, orb_store_key(store, name, id, key));
}

/* EVALSHA and what every script takes first. */
static void start_eval(const struct orb_store *store, struct orb_buf *b, const struct orb_script *script, int has_text, const char *key,
                       const char *const *args, size_t nargs, size_t more)
{
    orb_cmd_start(b, 3 + (key ? 1 : 0) + 1 + nargs + more);
    orb_cmd_str(b, has_text ? "EVAL" : "EVALSHA");
    orb_cmd_str(b, has_text ? script->text : script->sha1);
    orb_cmd_str(b, key ? "1" : "0");
    if (key)
        orb_cmd_str(b, key);
    orb_cmd_str(b, store->prefix);
    for (size_t i = 0; i < nargs; i++)
        orb_cmd_str(b, args[i]);
}

void orb_store_write_eval(const struct orb_store *store, struct orb_buf *b, const struct orb_script *script, int has_text, const char *key,
                          const char *const *args, size_t nargs)
{
    start_eval(store, b, script, has_text, key, args, nargs, 0);
}

int orb_store_eval(struct orb_store *store, const struct orb_script *script, const char *key, const char *const *args, size_t nargs,
                   orb_redis_cb cb, void *arg)
{
    struct orb_buf b;
    if (store->is_read_only)
        return ORB_E_REFUSED;
    orb_buf_init(&b, 4 * ORB_PAYLOAD_MAX);
    start_eval(store, &b, script, 0, key, args, nargs, 0);
    orb_store_need(store, script);
    int rc = orb_redis_send(store->redis, &b, 1, ORB_REDIS_RETRY, cb, arg);
    orb_buf_done(&b);
    return rc;
}

/* ---- batches ----------------------------------------------------------- */

#define BATCH_MAX 64
#define BATCH_BYTES (1024 * 1024)

struct item {
    orb_redis_cb cb;
    void *arg;
};

struct sent_batch {
    int code;               /* why it was not sent */
    size_t count;
    struct item items[];
};

struct orb_batch {
    struct orb_store *store;
    const struct orb_script *script;
    char *key;
    char **args;
    size_t nargs;
    struct orb_buf body;
    size_t body_args, count;
    struct item items[BATCH_MAX];
    int is_due;
};

struct orb_batch *orb_batch_new(struct orb_store *store, const struct orb_script *script, const char *key,
                                const char *const *args, size_t nargs)
{
    struct orb_batch *batch = orb_alloc(sizeof *batch);
    batch->store = store;
    batch->script = script;
    batch->key = orb_strdup(key);
    batch->args = orb_alloc(nargs * sizeof *batch->args + 1);
    batch->nargs = nargs;
    for (size_t i = 0; i < nargs; i++)
        batch->args[i] = orb_strdup(args[i]);
    orb_buf_init(&batch->body, 64 * 1024 * 1024);
    return batch;
}

static void on_batch_reply(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct sent_batch *sent = arg;
    struct orb_error odd;
    if (!err && orb_reply_count(reply) != sent->count) {
        orb_error_set(&odd, ORB_E_PROTOCOL, "a script answered for %zu tasks, not %zu", orb_reply_count(reply), sent->count);
        err = &odd;
    }
    for (size_t i = 0; i < sent->count; i++)
        sent->items[i].cb(sent->items[i].arg, err ? NULL : orb_reply_at(reply, i), err);
    free(sent);
}

static void fail_later(void *arg)
{
    struct sent_batch *sent = arg;
    struct orb_error err;
    orb_error_set(&err, sent->code, "%s", orb_error_text(sent->code));
    on_batch_reply(sent, NULL, &err);
}

static void flush_batch(void *arg)
{
    struct orb_batch *batch = arg;
    struct orb_store *store = batch->store;
    batch->is_due = 0;
    if (!batch->count)
        return;
    if (store->before_flush)
        store->before_flush(store->before_flush_arg);
    struct sent_batch *sent = orb_alloc(sizeof *sent + batch->count * sizeof *sent->items);
    sent->count = batch->count;
    memcpy(sent->items, batch->items, batch->count * sizeof *sent->items);
    struct orb_buf b;
    orb_buf_init(&b, 80 * 1024 * 1024);
    orb_buf_reserve(&b, batch->body.len + 512);
    start_eval(store, &b, batch->script, 0, batch->key, (const char *const *)batch->args, batch->nargs, batch->body_args);
    orb_buf_add(&b, batch->body.data, batch->body.len);
    if (batch->body.err)
        b.err = batch->body.err;
    if (batch->body.cap > 256 * 1024)
        orb_buf_done(&batch->body);
    orb_buf_reset(&batch->body);
    batch->body_args = batch->count = 0;
    if (!store->is_read_only)
        orb_store_need(store, batch->script);
    sent->code = store->is_read_only ? ORB_E_REFUSED : orb_redis_send(store->redis, &b, 1, ORB_REDIS_RETRY | ORB_REDIS_ORDERED, on_batch_reply, sent);
    if (sent->code)
        orb_loop_defer(store->loop, fail_later, sent);
    orb_buf_done(&b);
}

struct orb_buf *orb_batch_add(struct orb_batch *batch, size_t nargs, orb_redis_cb cb, void *arg)
{
    if (batch->count == BATCH_MAX || batch->body.len > BATCH_BYTES)
        flush_batch(batch);
    batch->items[batch->count++] = (struct item){ cb, arg };
    batch->body_args += nargs;
    if (!batch->is_due) {
        batch->is_due = 1;
        orb_loop_defer(batch->store->loop, flush_batch, batch);
    }
    return &batch->body;
}

void orb_batch_free(struct orb_batch *batch)
{
    if (!batch)
        return;
    flush_batch(batch);
    orb_loop_forget(batch->store->loop, batch);
    for (size_t i = 0; i < batch->nargs; i++)
        free(batch->args[i]);
    free(batch->args);
    free(batch->key);
    orb_buf_done(&batch->body);
    free(batch);
}
