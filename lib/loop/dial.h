/* Making one connection to Redis: resolves the name, tries each address, does
 * TLS. Calls back once with a connected bufferevent, or why there is none. */
#ifndef ORB_LOOP_DIAL_H
#define ORB_LOOP_DIAL_H

#include "loop/redis.h"

struct bufferevent;
struct orb_dial;
typedef void (*orb_dial_cb)(void *arg, struct bufferevent *bev_take, const struct orb_error *err);
/* config and url (where to; the config's own is not looked at) are borrowed until the callback or the cancel. */
struct orb_dial *orb_dial_start(struct orb_loop *loop, const struct orb_redis_config *config, const struct orb_redis_url *url,
                                orb_dial_cb cb, void *arg);
void orb_dial_cancel(struct orb_dial *dial); /* no callback; NULL is fine */

#endif
