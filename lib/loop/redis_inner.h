/* What the files of a connection share: redis.c what it is made of, redis_sends.c the queue, redis_link.c how it comes and goes,
 * redis_read.c what Redis says. */
#ifndef ORB_LOOP_REDIS_INNER_H
#define ORB_LOOP_REDIS_INNER_H

#include "base/base.h"
#include "loop/dial.h"
#include "loop/login.h"
#include "loop/redis.h"
#include "loop/route.h"

#include <event2/bufferevent.h>
#include <hiredis/hiredis.h>

/* One send: count commands, one callback. */
struct sent {
    struct sent *next;
    uint64_t serial;
    char *data;               /* kept until the reply has come if flags say RETRY, else until written */
    size_t len;
    unsigned count, left;
    int flags;
    orb_redis_cb cb;
    orb_redis_again_fn again; /* NULL: what is sent again is the same */
    void *arg;
    struct orb_error *err;    /* the first error reply of several commands */
    int is_passing;           /* that may be gone soon */
};
#define WAS_RELOADED 256      /* sent again after NOSCRIPT once already */
#define WAS_WRITTEN 512       /* Redis may have run it */
#define IS_EVENT 1024         /* came with another form; kept when it is refused for now */

enum state { IDLE, DIALING, HANDSHAKE, UP, WAITING, HOPELESS };

struct orb_redis {
    struct orb_loop *loop;
    struct orb_redis_config config;
    enum state state;
    struct orb_route *route;
    struct orb_dial *dial;
    struct bufferevent *bev;
    redisReader *reader;
    struct orb_timer *timer;  /* WAITING: connect again; else: is the server alive? */
    struct orb_buf out;       /* of this turn, not yet written */
    int flush_due, is_choked; /* choked: more is unwritten than may be */
    struct sent *head, **tail; /* waiting for replies, in order; those not written yet (not UP) too */
    size_t queued;
    uint64_t serials;
    /* What Redis refuses for now, and everything ORDERED behind it; by serial. */
    struct sent *held, *held_last;
    struct sent *probe;       /* the first of them, on its way again */
    struct orb_timer *hold;
    struct orb_login login;
    int redirects;            /* nodes in a row that sent us on */
    int is_moved;             /* go_down: the next address is known, no need to wait */
    int64_t last_read_ms, watched_ms;
    int64_t written, taken;   /* bytes of this connection */
    int backoff_ms;
    int64_t up_ms;            /* when it came up; 0: it has not since the last failure */
    int64_t tried_ms;         /* the try under way began, or the one that came up */
    int64_t login_ms;         /* what it takes to come up */
    int suspect_ms;           /* another connection had to be made anew: until something is read the patience is so short; 0 = as ever */
    int was_up;
    struct orb_error hopeless; /* HOPELESS: why */
    int is_freed;
    int in_callbacks;         /* depth; memory is kept meanwhile */
};

/* redis_sends.c: what was sent and has no answer, in order, and what Redis refuses for now. r->in_callbacks is kept around callbacks. */
void orb_sends_add(struct orb_redis *r, struct sent *s);
struct sent *orb_sends_pop(struct orb_redis *r);
/* Fails every one, or only those that must not run twice. */
void orb_sends_fail(struct orb_redis *r, const struct orb_error *err, int keep_retries);
void orb_sends_fail_hopeless(void *redis);
void orb_sends_write(struct orb_redis *r, struct sent *s);
/* With the reply of its last command; it is gone then. */
void orb_sends_settle(struct orb_redis *r, struct sent *s, const redisReply *reply);
/* What is to be sent instead of what Redis may have run. 0: nothing is left of it, and s is gone. */
int orb_sends_reform(struct orb_redis *r, struct sent *s);
void orb_sends_hold(struct orb_redis *r, struct sent *s);
/* 1: it was refused for now, and is kept. */
int orb_sends_hold_refused(struct orb_redis *r, struct sent *s);
void orb_sends_try(void *redis); /* the first held one; the others follow when it has been taken */
void orb_sends_release(struct orb_redis *r);
void orb_sends_merge(struct orb_redis *r); /* the link is gone: all that is kept is one queue again */

/* redis_link.c */
void orb_link_dial(void *redis);
void orb_link_dial_soon(struct orb_redis *r);
void orb_link_up(struct orb_redis *r);
void orb_link_down(struct orb_redis *r, const struct orb_error *why);
void orb_link_close(struct orb_redis *r);
void orb_link_timer(void *redis);
void orb_link_flush(void *redis);
void orb_link_need_flush(struct orb_redis *r);
size_t orb_link_unwritten(const struct orb_redis *r);

/* redis_read.c, for a bufferevent */
void orb_link_read(struct bufferevent *bev, void *redis);
void orb_link_event(struct bufferevent *bev, short what, void *redis);

#endif
