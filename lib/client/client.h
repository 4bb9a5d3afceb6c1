/* The client's own view of itself. Public: orbiter/client.h, orbiter/fleet.h. */
#ifndef ORB_CLIENT_CLIENT_H
#define ORB_CLIENT_CLIENT_H

#include "broker/broker.h"
#include "event/subscriber.h"
#include "store/store.h"
#include <orbiter/fleet.h>

struct queue {
    struct queue *next;
    struct orb_broker *broker;
};

struct orb_client {
    struct orb_loop *loop;
    struct orb_redis_config config;
    char prefix[72];
    struct orb_store *store;
    struct orb_subscriber *subscriber; /* made when something is followed */
    struct orb_feed *feeds;            /* each has a connection of its own */
    struct queue *queues;              /* those submitted to */
    struct replica_wait *wait;                 /* for a replica, to be sent at the end of this turn */
    struct dead_walk *dead;            /* over dead letters, under way */
    struct orb_beats *beats;           /* heartbeats that orb_watch_workers has come across */
    int was_up;                        /* Redis has been reached once */
    int is_freed;
    orb_client_state_cb state;
    void *state_arg;
};

struct orb_subscriber *orb_client_subscriber(struct orb_client *client);
/* One command whose arguments are already in b (count of commands). */
int orb_client_send(struct orb_client *client, struct orb_buf *b, unsigned count, orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

/* result.c and stream.c: the two things a handle may be waiting for. *owner points
 * to the wait until its last callback, and is NULL from then on. A cancel tells
 * the callback ORB_E_CANCELLED, later; NULL is fine. */
struct result_wait;
void orb_result_wait_start(struct orb_client *client, const char *id, orb_task_cb cb, void *arg, struct result_wait **owner);
void orb_result_wait_cancel(struct result_wait *wait);
struct event_follow;
void orb_event_follow_start(struct orb_client *client, const char *id, const char *from_id, orb_event_cb cb, void *arg, struct event_follow **owner);
void orb_event_follow_cancel(struct event_follow *follow);

/* workers.c; NULL is fine. */
void orb_beats_free(struct orb_beats *beats);

/* handle.c: a cancel that is only for what was seen; NULL = whatever it is. */
struct orb_task_seen;
int orb_handle_cancel_if(struct orb_task_handle *handle, const struct orb_task_seen *seen, orb_cancel_cb cb, void *arg) ORB_MUST_CHECK;

/* dead.c: ends what is under way, or lets it end with the connection. */
void orb_dead_close(struct orb_client *client);

/* One of the client's connections has come up: see orb_redis_hurry. */
void orb_client_hurry(struct orb_client *client, const struct orb_redis *risen);
void orb_feed_hurry(struct orb_feed *first, const struct orb_redis *risen); /* that one and those behind it */

/* Is a failed question worth asking again? Not before Redis was reached once,
 * and not when it refuses us. */
int orb_client_is_worth_waiting(const struct orb_client *client, const struct orb_error *err);

#endif
