/* The task as a value: the payload on the queue and the hash of its state. */
#ifndef ORB_TASK_TASK_H
#define ORB_TASK_TASK_H

#include "base/buf.h"
#include "base/json.h"
#include <orbiter/client.h>

#define ORB_TIMEOUT_DEFAULT_S 300.0
#define ORB_RETRIES_DEFAULT 3

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
};

/* Payload JSON, as lax as Python's reader: unknown keys are ignored, missing
 * ones take their defaults, numbers may be text. ORB_E_INVALID with the reason; out->id is set
 * whenever an id could be read, so that a bad payload can be reported. */
int orb_task_parse(const char *payload, size_t len, struct orb_task *out, struct orb_error *err) ORB_MUST_CHECK;
void orb_task_done(struct orb_task *task);

/* The payload of a spec, in the key order Python writes. id: the task's id. */
int orb_task_write(const struct orb_task_spec *spec, const char *id, double created_at, struct orb_buf *out, struct orb_error *err) ORB_MUST_CHECK;

/* The `name` of an agent config, or of a swarm's first agent; "" = none. */
const char *orb_task_agent_name(const json_t *agent_config);

#endif
