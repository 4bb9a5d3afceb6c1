/* EventSubscriber: wake-ups for tasks that somebody follows, over one Pub/Sub
 * connection for all of them. What happened is read from the stream and the
 * hash; a message only says when to look. */
#ifndef ORB_EVENT_SUBSCRIBER_H
#define ORB_EVENT_SUBSCRIBER_H

#include "loop/redis.h"
#include <orbiter/base.h>

enum orb_wake {
    ORB_WAKE_LISTENING,  /* from now on nothing is missed: look once */
    ORB_WAKE_EVENT,
    ORB_WAKE_LAST        /* the message looks like the terminal event */
};
struct orb_listener {    /* embedded in who listens; it sets the first three */
    const char *task_id;
    void (*wake)(void *arg, enum orb_wake why);
    void *arg;
    struct orb_listener *next;
};

struct orb_subscriber;
struct orb_subscriber *orb_subscriber_new(struct orb_loop *loop, const struct orb_redis_config *config, const char *prefix);
/* Another connection to the same Redis has come up, see orb_redis_hurry. */
void orb_subscriber_hurry(struct orb_subscriber *subscriber, const struct orb_redis *risen);
void orb_subscriber_doubt(struct orb_subscriber *subscriber); /* orb_redis_doubt */
void orb_subscriber_free(struct orb_subscriber *subscriber);
void orb_subscriber_add(struct orb_subscriber *subscriber, struct orb_listener *listener);
/* May be called from inside wake. */
void orb_subscriber_remove(struct orb_subscriber *subscriber, struct orb_listener *listener);

#endif
