/* The task as a value: the payload on the queue and the hash of its state. */
#ifndef ORB_TASK_TASK_H
#define ORB_TASK_TASK_H

#include "base/buf.h"
#include "base/json.h"
#include <orbiter/client.h>

#define ORB_TIMEOUT_DEFAULT_S 300.0
#define ORB_RETRIES_DEFAULT 3
#define ORB_RETRIES_MAX 100
#define ORB_PRIORITY_DEFAULT 5
#define ORB_PRIORITY_MAX 9
#define ORB_WAIT_MAX_S 31536000.0 /* a year: the longest delay, deadline or limit of a model call */
#define ORB_IDEM_KEY_MAX 1024

/* A payload that was read. Owns its members. */
struct orb_task {
    char id[ORB_ID_MAX + 1];
    json_t *agent_config;    /* object */
    json_t *messages;        /* array, or NULL */
    json_t *metadata;        /* object, or NULL */
    char *input;
    size_t input_len;
    int detailed;
    double timeout_seconds;  /* 0 = none */
    int max_retries;
    int priority;            /* 0..9 */
    double deadline;         /* Unix seconds by the client's clock, 0 = none; the one that counts is in the hash */
    double first_token_timeout, idle_timeout; /* seconds, 0 = no limit */
    char *resubmit_of;       /* or NULL */
};

/* Payload JSON, as lax as Python's reader: unknown keys are ignored, missing
 * ones take their defaults, numbers may be text. ORB_E_INVALID with the reason; out->id is set
 * whenever an id could be read, so that a bad payload can be reported. */
int orb_task_parse(const char *payload, size_t len, struct orb_task *out, struct orb_error *err) ORB_MUST_CHECK;
void orb_task_done(struct orb_task *task);

/* The payload of a spec, in the key order Python writes, then the keys of ours that were given. id: the task's
 * id; created_at: now. ORB_E_INVALID names the member of the spec that is wrong, whichever it is. */
int orb_task_write(const struct orb_task_spec *spec, const char *id, double created_at, struct orb_buf *out, struct orb_error *err) ORB_MUST_CHECK;

/* rewrite.c: the payload of a task that repeats the one with this payload, and begins at once. All keys are kept, also those of
 * newer writers, but idempotency_key; the deadline is as long from created_at as it was. */
struct orb_task_again {
    const char *id, *resubmit_of;
    double created_at;       /* now */
    const char *input;       /* NULL = as it was */
    size_t input_len;
};
/* What the submit has to know of it. */
struct orb_task_facts {
    char agent[128];
    int priority;
    double deadline_seconds; /* from now; 0 = none */
};
/* ORB_E_INVALID or ORB_E_TOO_LARGE: it cannot be read, or would be too large. */
int orb_task_rewrite(const char *payload, size_t len, const struct orb_task_again *again, struct orb_buf *out,
                     struct orb_task_facts *facts, struct orb_error *err) ORB_MUST_CHECK;

/* The `name` of an agent config, or of a swarm's first agent; "" = none. */
const char *orb_task_agent_name(const json_t *agent_config);

#endif
