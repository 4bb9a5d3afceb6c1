/* The task hash, orbiter:task:{id}, as a reply of HGETALL (docs/WIRE.md). */
#ifndef ORB_TASK_HASH_H
#define ORB_TASK_HASH_H

#include "base/json.h"
#include "loop/redis.h"

struct orb_task_hash {
    struct orb_task_info info;   /* borrows from the reply, and from result */
    json_t *result;
};
/* As lax as possible: one bad hash must not spoil a list. ORB_E_NOT_FOUND when
 * it is empty. id: what it was asked for. */
int orb_task_hash_read(const struct orb_reply *reply, const char *id, struct orb_task_hash *out) ORB_MUST_CHECK;
void orb_task_hash_done(struct orb_task_hash *hash);
/* A task's result, as JSON: NULL when that is none. */
json_t *orb_task_result_parse(const char *json, size_t len);
/* Fields of a hash, in which anything may stand: a number of something, and 0..9. */
int orb_task_hash_count(const struct orb_reply *value);
int orb_task_hash_priority(const struct orb_reply *value);

/* What info->usage says in numbers, into its fields for them. */
void orb_task_usage_read(struct orb_task_info *info);

/* Nothing more will happen to the task. A cancelled one whose worker (id, "" = none)
 * has not ended it yet, completed_at 0, is still open. */
int orb_task_has_ended(enum orb_status status, double completed_at, const char *worker_id);
/* What to say when the hash is empty. Returns ORB_E_NOT_FOUND. */
int orb_task_not_found(const char *id, struct orb_error *err);

#endif
