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

#endif
