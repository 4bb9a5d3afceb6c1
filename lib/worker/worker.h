/* The Worker's own view of itself. Public: orbiter/worker.h. */
#ifndef ORB_WORKER_WORKER_H
#define ORB_WORKER_WORKER_H

#include "broker/broker.h"
#include "broker/claim.h"
#include "event/publisher.h"
#include "exec/local.h"
#include "store/store.h"
#include <orbiter/worker.h>

enum { ORB_LOG_ERROR, ORB_LOG_WARNING, ORB_LOG_INFO, ORB_LOG_DEBUG };

enum slot_state { SLOT_BEGINNING, SLOT_RUNNING, SLOT_ENDING };
enum slot_abort { ABORT_NONE, ABORT_HAND_BACK, ABORT_CANCEL };

/* One task that this worker holds, from its delivery to the script that ends the
 * attempt. */
struct slot {
    struct slot *next, *prev;
    struct orb_worker *worker;
    char entry[44];
    enum slot_state state;
    enum slot_abort abort;
    int retries;                  /* counted failures before this attempt */
    int must_finish_again;
    int64_t armed_ms;             /* when the expiry of the task's keys was set */
    struct orb_task *task;        /* until the attempt starts */
    struct orb_attempt *attempt;
    struct orb_error *err;        /* why it failed, or NULL */
};

struct orb_worker {
    struct orb_loop *loop;
    struct orb_redis_config config;
    char prefix[72];
    char id[ORB_ID_MAX + 1], hostname[256];
    char *queue, *group;
    int concurrency;
    struct orb_store *store;      /* scripts, events, heartbeat */
    struct orb_claim *claim;      /* the blocking read */
    struct orb_redis *cancels;    /* Pub/Sub: cancel messages */
    struct orb_broker *broker;
    struct orb_publisher *publisher;
    struct slot *slots;
    int busy;
    int in_flight;                /* other calls that a drain waits for */
    int is_ready, is_draining, is_leaving, has_ended;
    struct orb_timer *promote, *again, *give_up, *beat, *lease;
    int64_t trouble_ms, beat_ms;
    int64_t processed, failed, tokens;
    double started_at;
    char current[ORB_ID_MAX + 1]; /* the task begun last */
    orb_log_cb log;
    void *log_arg;
    orb_task_done_cb task_done;
    void *task_done_arg;
    orb_worker_end_cb done;
    void *done_arg;
    struct orb_error end_err;
};

void orb_worker_log(struct orb_worker *w, int level, const char *fmt, ...) ORB_PRINTF(3, 4);
/* What Redis does not do for now: at most one line a second. */
void orb_worker_trouble(struct orb_worker *w, const char *what, const struct orb_error *err);
/* Drained, and nothing under way any more? Then it ends. */
void orb_worker_check_end(struct orb_worker *w);

/* slot.c: one task. The first two are the claim's callbacks. */
int orb_worker_room(void *worker);
int orb_worker_on_delivered(void *worker, const struct orb_delivery *delivery);
void orb_worker_finish_again(void *worker); /* a timer's: the ends that Redis refused */
void orb_worker_abort_slot(struct slot *slot, enum slot_abort why);
void orb_worker_release(struct slot *slot);

/* beat.c: the heartbeat hash */
void orb_worker_beat_init(struct orb_worker *w);
void orb_worker_beat_start(struct orb_worker *w);
void orb_worker_beat_now(struct orb_worker *w);
void orb_worker_beat_stop(struct orb_worker *w);
void orb_worker_beat_free(struct orb_worker *w);

/* cancel.c: cancel messages, on one connection for all tasks */
void orb_worker_cancel_start(struct orb_worker *w);
void orb_worker_cancel_stop(struct orb_worker *w);

#endif
