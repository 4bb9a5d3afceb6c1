/* The loop as the library's own code sees it. Only lib/loop includes libevent,
 * libcurl and hiredis. */
#ifndef ORB_LOOP_LOOP_H
#define ORB_LOOP_LOOP_H

#include <orbiter/loop.h>

struct event_base *orb_loop_base(struct orb_loop *loop);
struct evdns_base *orb_loop_dns(struct orb_loop *loop); /* made at the first use; NULL = no resolver */

/* Run fn(arg) once, later in this turn or in the next, never inside this call.
 * Functions run in the order they were deferred. */
void orb_loop_defer(struct orb_loop *loop, void (*fn)(void *arg), void *arg);
/* Drop every deferred call with this arg that has not run yet. */
void orb_loop_forget(struct orb_loop *loop, void *arg);

/* The one libcurl multi handle of a loop; lives in http.c. */
struct orb_http_pool;
struct orb_http_pool **orb_loop_http(struct orb_loop *loop);
void orb_http_pool_free(struct orb_http_pool *pool);

/* Its children; lives in family.c. */
struct orb_family;
struct orb_family **orb_loop_family(struct orb_loop *loop);
void orb_family_free(struct orb_family *family);

#endif
