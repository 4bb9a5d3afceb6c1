/* TaskBroker: every move of a task on one queue, each a script call that is
 * batched with others of the same turn. */
#ifndef ORB_BROKER_BROKER_H
#define ORB_BROKER_BROKER_H

#include "store/store.h"
#include "task/task.h"

/* Of a worker: how it takes part. */
struct orb_broker_worker {
    const char *id;
    int result_ttl_s, event_ttl_s; /* of what a finished task leaves */
    int is_alone;                  /* it runs one task, and nothing beside it */
};

struct orb_broker;
/* worker NULL: a client's broker, which only submits. */
struct orb_broker *orb_broker_new(struct orb_store *store, const char *queue, const struct orb_broker_worker *worker);
void orb_broker_free(struct orb_broker *broker);
const char *orb_broker_queue(const struct orb_broker *broker);
const char *orb_broker_stream(const struct orb_broker *broker); /* the queue's key */
const char *orb_broker_worker_id(const struct orb_broker *broker);

/* ---- clients ---- */

/* A task to be submitted. Strings borrowed. */
struct orb_submission {
    const char *id, *agent;
    int is_chosen;        /* the id is not one of orb_id_new */
    const char *payload;
    size_t len;
    const char *extras;   /* of orb_broker_write_extras */
    size_t extras_len;
};
/* What the script has to know of a spec besides the payload: nothing for most. */
void orb_broker_write_extras(const struct orb_task_spec *spec, struct orb_buf *out);
/* reply: the place of the entry, "" when it waits for its time, EXISTS, "FIRST {id}" or "FULL {n}", see submit.lua. */
void orb_broker_submit(struct orb_broker *broker, const struct orb_submission *task, orb_redis_cb cb, void *arg);
/* reply: {what, state}, see cancel.lua; what may be more: again, with that state as behind ("" at first). Not bound to a queue.
 * who and from go to the audit stream. */
int orb_broker_cancel(struct orb_store *store, const char *who, const char *from, const char *id, const char *nonce, const char *behind, const char *seen,
                      orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

/* ---- workers ---- */

enum orb_begin { ORB_BEGIN_RUN, ORB_BEGIN_DONE, ORB_BEGIN_DUPLICATE, ORB_BEGIN_CANCELLED,
                 ORB_BEGIN_ELSEWHERE /* a worker that lives runs it */, ORB_BEGIN_ALONE /* to be run in a process of its own */,
                 ORB_BEGIN_ERROR /* a key of the task is not what it should be: the text is element 1 */ };
struct orb_begun {
    int attempt, retries, rate_waits;
    int64_t deadline_ms; /* from now; -1 = none */
    const char *used;    /* by earlier attempts: usage as JSON, "" = nothing; as long as the reply */
};
/* payload: NULL when the submit script keeps it already. */
void orb_broker_begin(struct orb_broker *broker, const char *entry, const char *id, const char *agent, const char *payload,
                      size_t len, orb_redis_cb cb, void *arg);
enum orb_begin orb_broker_begin_reply(const struct orb_reply *reply, struct orb_begun *out);

/* How an attempt ended. Strings borrowed; NULL = "". */
struct orb_outcome {
    const char *entry, *id;
    int attempt;
    enum orb_status status;   /* completed, failed, cancelled; retrying: may be tried again */
    int64_t delay_ms;         /* retrying: from now */
    int max_retries;          /* retrying: failed when there were so many; -1 = a rate limit: not counted */
    const char *agent;        /* name */
    const char *message;      /* of the terminal event */
    int64_t seq;              /* of the terminal event */
    int is_stream_fresh;      /* the expiry of the task's events was set a moment ago */
    const char *error, *error_type;
    const struct orb_buf *result;  /* JSON object, or NULL */
    const char *partial;
    size_t partial_len;
    const char *usage;        /* JSON object text */
};
/* reply: the state the task has now, or STALE. */
void orb_broker_finish(struct orb_broker *broker, const struct orb_outcome *outcome, orb_redis_cb cb, void *arg);
/* Hand back, uncounted; attempt 0: delivered but never begun; usage: as in an outcome. reply as above. */
void orb_broker_requeue(struct orb_broker *broker, const char *entry, const char *id, int attempt, const char *usage, orb_redis_cb cb,
                        void *arg);
/* Dead-letter an entry that cannot be parsed. id "" when it has none. is_binary: the payload is not UTF-8. */
int orb_broker_poison(struct orb_broker *broker, const char *entry, const char *id, const struct orb_error *why, int is_binary,
                      orb_redis_cb cb, void *arg) ORB_MUST_CHECK;
/* Look after the queue; is_urgent: all of it now. reply: {orphans, priorities in use, 1 = paused, ms until
 * it is due again}, see sweep.lua. */
int orb_broker_sweep(struct orb_broker *broker, int is_urgent, orb_redis_cb cb, void *arg) ORB_MUST_CHECK;
/* Commands for the connection that claims; has_text: the script itself instead of its hash. reply:
 * {place, fields} each, see claim.lua and recover.lua. */
void orb_broker_write_claim(struct orb_broker *broker, struct orb_buf *b, int has_text, int most, int64_t taken, const char *behind);
void orb_broker_write_recover(struct orb_broker *broker, struct orb_buf *b, int has_text, int most, const char *wanted, const char *holder);
/* Is a task still this worker's? reply: mine, lost or cancelled. */
void orb_broker_check(struct orb_broker *broker, const char *id, int attempt, orb_redis_cb cb, void *arg);
/* The same at once, and whether its events from that seq on are whole; reply: an array of that one answer, which may be gap, too. */
int orb_broker_check_events(struct orb_broker *broker, const char *id, int attempt, int64_t seq, orb_redis_cb cb, void *arg) ORB_MUST_CHECK;
/* A task of this worker goes on in the next attempt. reply: its number; or the state the task has now, or STALE. */
void orb_broker_advance(struct orb_broker *broker, const char *id, int attempt, orb_redis_cb cb, void *arg);
/* The worker's lease: taken at the start, renewed every third of its life. reply {code, drain}: code 0:
 * another process has that id; 1 renewed; 2 made: it was not there. Its key, without the prefix, is {ORB_LEASE_KEY}{worker}. */
#define ORB_LEASE_KEY "orbiter:lease:"
#define ORB_LEASE_MS 3000
int orb_broker_join(struct orb_broker *broker, orb_redis_cb cb, void *arg) ORB_MUST_CHECK;
/* The worker has ended. */
int orb_broker_leave(struct orb_broker *broker, orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

/* Back-off before retry n (1..): full jitter over 1 s doubling to 60 s, but not
 * before what the peer asked for (at most 120 s of it). */
int64_t orb_broker_backoff_ms(int retry, int64_t retry_after_ms, double unit_random);

#endif
