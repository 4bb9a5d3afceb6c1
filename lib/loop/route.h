/* Which server a connection goes to: the one of the URL, the primary that the
 * Sentinels name, or the node of a Cluster that has our slot. */
#ifndef ORB_LOOP_ROUTE_H
#define ORB_LOOP_ROUTE_H

#include "loop/redis.h"

struct orb_route;
typedef void (*orb_route_cb)(void *arg, const struct orb_error *err);
/* config is borrowed until the free. */
struct orb_route *orb_route_new(struct orb_loop *loop, const struct orb_redis_config *config);
void orb_route_free(struct orb_route *route);

/* Chooses the address of the next try. 1: it is there already; 0: the Sentinels are asked, and cb
 * runs once, later. */
int orb_route_next(struct orb_route *route, orb_route_cb cb, void *arg);
void orb_route_cancel(struct orb_route *route); /* no callback */
/* What the last Sentinel named is no primary. 1: the next try asks only those behind it; 0: it was the last. */
int orb_route_reject(struct orb_route *route);
/* The URL with that address. */
const struct orb_redis_url *orb_route_url(const struct orb_route *route);
/* err, with the Sentinels and the primary's name before it when the URL has some. */
void orb_route_explain(const struct orb_route *route, struct orb_error *err);

/* ---- Cluster ---- */
/* The node of a MOVED error is the next address; -1 when the text has none. */
int orb_route_moved(struct orb_route *route, const char *text);
/* The reply of CLUSTER SLOTS: nodes to try when those known are gone. */
void orb_route_learn(struct orb_route *route, const struct orb_reply *slots);
/* The connection stands on the right node: the next one goes there first. */
void orb_route_arrived(struct orb_route *route);

#endif
