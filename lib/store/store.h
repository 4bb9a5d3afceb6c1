/* TaskStore: the Redis keyspace. Key names, the connection with its scripts,
 * and batches of script calls. Every key there is:
 *
 *  {Q}                        stream  the queue; fields payload, task_id     (Python's; task_id ours)
 *  {Q}:group                  group   of the queue, consumer = worker id     (Python's)
 *  {Q}:p{n}                   stream  the same for priority n other than 5, with a group {Q}:p{n}:group
 *  {Q}:delayed                zset    task id by due time, ms
 *  {Q}:dead                   stream  dead letters, about 10,000 and at most 7 days old
 *  {Q}:paused                 hash    who paused the queue, from where and when
 *  {Q}:leased                 zset    workers that hold leases, by the ms of their last renewal
 *  {Q}:sweep                  hash    what the sweep has found and where it stands
 *  {Q}:spent                  hash    what its tasks have used: tokens and cost
 *  {Q}:wake                   channel something was queued with a priority, the queue was paused or resumed, a worker is to drain
 *  orbiter:task:{id}          hash    the task's state, 24 h after its end    (Python's)
 *  orbiter:task:index         set     task ids                               (Python's)
 *  orbiter:payload:{id}       string  the payload, as long as the hash
 *  orbiter:stream:{id}        stream  events, 1 h after the task's end         (Python's)
 *  orbiter:events:{id}        channel the same events                        (Python's)
 *  orbiter:cancel:{id}        channel any message cancels                    (Python's)
 *  orbiter:workers:{worker}   hash    heartbeat, 30 s                        (Python's)
 *  orbiter:lease:{worker}     string  the worker's process and since when, 3 s, renewed while it lives
 *  orbiter:index:{Q}:{index}  zset    task id by the microsecond it was made; open (pending and running),
 *                                     retrying, completed, failed, cancelled
 *  orbiter:queues             set     queue names
 *  orbiter:feed               stream  task transitions, about 100,000
 *  orbiter:audit              stream  what operators did, about 100,000
 *  orbiter:operation:{nonce}  hash    what an operator's request was answered, 1 h
 *  orbiter:purged:{nonce}:{letter} string  what a purge of dead letters has answered, 60 s
 *  orbiter:idem:{sha1}        string  id of the task that was submitted with this idempotency key
 *
 * {Q} is the queue's name; a namespace puts "{NS}:" before each of them. */
#ifndef ORB_STORE_STORE_H
#define ORB_STORE_STORE_H

#include "loop/redis.h"
#include "store/scripts.h"

#define ORB_TASK_TTL_S 86400
#define ORB_EVENT_TTL_S 3600
#define ORB_KEY_MAX 512

/* "" or "{ns}:". ORB_E_USAGE when ns is not [A-Za-z0-9._-]{1,64}. */
int orb_store_prefix(const char *ns, char out[72], struct orb_error *err) ORB_MUST_CHECK;
/* Queue names: 1 to 128 printable ASCII characters without blanks, not
 * beginning with "orbiter:" but for ORB_QUEUE_DEFAULT. ORB_E_USAGE. */
int orb_store_queue_check(const char *queue, struct orb_error *err) ORB_MUST_CHECK;

struct orb_store;
/* A connection on which a script is loaded when it is first called; calls below see to it. config's push must be unset; its state and arg are
 * called after the store has done its part. */
struct orb_store *orb_store_new(struct orb_loop *loop, const struct orb_redis_config *config, const char *prefix);
void orb_store_free(struct orb_store *store);
struct orb_redis *orb_store_redis(struct orb_store *store);
const char *orb_store_key_prefix(const struct orb_store *store);
/* prefix + name + id, at most ORB_KEY_MAX bytes with its end. */
const char *orb_store_key(const struct orb_store *store, const char *name, const char *id, char out[ORB_KEY_MAX]);
/* A key as an argument of the command being written to b. */
void orb_store_key_arg(const struct orb_store *store, struct orb_buf *b, const char *name, const char *id);

/* Called before a batch is sent, so that what must come first in the pipeline does. */
void orb_store_before_flush(struct orb_store *store, void (*fn)(void *arg), void *arg);

/* Calls of one script that travel together: everything added in one turn, at
 * most 64, becomes one EVALSHA whose reply has an element per call. */
struct orb_batch;
/* key: the script's one key; args: what it takes before the first item, after
 * the prefix. */
struct orb_batch *orb_batch_new(struct orb_store *store, const struct orb_script *script, const char *key,
                                const char *const *args, size_t nargs);
void orb_batch_free(struct orb_batch *batch); /* sends what was added */
/* Add one call; then append exactly the script's arguments per item to the
 * buffer returned, with orb_cmd_arg and its friends. The callback gets the
 * item's reply element. */
struct orb_buf *orb_batch_add(struct orb_batch *batch, size_t nargs, orb_redis_cb cb, void *arg);

/* This script will be called in another way: it is loaded on every connection from now on. */
void orb_store_need(struct orb_store *store, const struct orb_script *script);
/* The same as a command for another connection; has_text: the script itself instead of its hash. */
void orb_store_write_eval(const struct orb_store *store, struct orb_buf *b, const struct orb_script *script, int has_text, const char *key,
                          const char *const *args, size_t nargs);

/* One call of a script that is not batched. */
int orb_store_eval(struct orb_store *store, const struct orb_script *script, const char *key, const char *const *args, size_t nargs,
                   orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

#endif
