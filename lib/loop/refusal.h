/* What the error replies of Redis mean for a connection. */
#ifndef ORB_LOOP_REFUSAL_H
#define ORB_LOOP_REFUSAL_H

#include "loop/redis.h"

#define ORB_CLUSTER_NEEDS_NAMESPACE \
    "this Redis is a Cluster, and without a namespace the keys would be on several of its nodes: give --namespace NAME to " \
    "workers and clients, which keeps all keys on one node"

/* The server cannot serve for now, or another one should be asked: the same
 * command may work after connecting anew. */
int orb_refusal_is_trouble(const char *text);
/* It serves, but does not take writes for now: no memory, no disk, no replica. */
int orb_refusal_is_passing(const char *text);
int orb_refusal_is(const char *text, const char *prefix); /* does it begin with that? */
void orb_refusal_error(const char *text, const struct orb_redis_config *config, struct orb_error *err);

#endif
