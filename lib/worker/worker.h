/* The Worker's own view of itself. Public: orbiter/worker.h. */
#ifndef ORB_WORKER_WORKER_H
#define ORB_WORKER_WORKER_H

#include "broker/broker.h"
#include "broker/claim.h"
#include "event/publisher.h"
#include "exec/local.h"
#include "loop/child.h"
#include "store/store.h"
#include "tool/tool.h"
#include <orbiter/worker.h>

enum { ORB_LOG_ERROR, ORB_LOG_WARNING, ORB_LOG_INFO, ORB_LOG_DEBUG };

enum slot_state { SLOT_BEGINNING, SLOT_RUNNING, SLOT_ENDING, SLOT_ALONE /* a child process runs it */ };
enum slot_abort { ABORT_NONE, ABORT_HAND_BACK, ABORT_CANCEL, ABORT_LOST /* another worker owns it */ };

/* One task that this worker holds, from its delivery to the script that ends the
 * attempt. */
struct slot {
    struct slot *next, *prev;
    struct orb_worker *worker;
    char entry[44];               /* its place */
    enum slot_state state;
    enum slot_abort abort;
    int retries, rate_waits;      /* counted failures, and waits for a rate limit, before this attempt */
    int max_retries;
    int must_finish_again;
    int is_handed_back;           /* instead: what is to be done again is that */
    int64_t armed_ms;             /* when the expiry of the task's keys was set */
    int64_t unchecked_seq;     /* an event that was stored on another connection; 0 = none, or it is known to be there */
    struct orb_task *task;        /* until the attempt starts */
    struct orb_attempt *attempt;
    struct orb_error *err;        /* why it failed, or NULL */
    struct orb_child *child;      /* SLOT_ALONE */
};

struct orb_worker {
    struct orb_loop *loop;
    struct orb_redis_config config;
    char prefix[72];
    char id[ORB_ID_MAX + 1], hostname[256];
    char *queue;
    int concurrency;
    struct orb_store *store;      /* scripts, events, heartbeat */
    struct orb_claim *claim;      /* the blocking read */
    struct orb_redis *cancels;    /* Pub/Sub: cancel messages */
    struct orb_broker *broker;
    struct orb_publisher *publisher;
    struct orb_toolbox *tools;    /* what agents may call */
    struct slot *slots;
    int busy;
    int in_flight;                /* other calls that a drain waits for */
    int is_ready, is_draining, is_handing_back, is_leaving, has_ended;
    struct orb_timer *sweep, *again, *give_up, *beat, *lease, *drain_over, *listen;
    int is_sweeping, must_sweep_all;  /* all: the group was lost, or Redis came back */
    int64_t recover_from_ms;          /* not before: the others may have to renew their leases */
    int is_renewing;
    int64_t renewal_sent_ms, renewed_ms; /* of the renewal under way; of the last that was answered */
    int has_lapsed;                   /* the lease was gone for a while: what runs is being checked */
    int checks;                       /* answers that are awaited for that */
    int drain_timeout_s, result_ttl_s, event_ttl_s;
    char *alone, *holder;             /* run the entry of this place, pending on that worker, and nothing else */
    char *program, *url, *ns, *tls[3];/* for the processes that run a task alone */
    struct orb_prices *prices;    /* NULL: those of this version */
    char *prices_file;            /* "" = none */
    int64_t trouble_ms, beat_ms;
    int beats_soon;
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
int orb_worker_may_complain(const struct orb_worker *w); /* was there none within the last second? */
/* Drained, and nothing under way any more? Then it ends. */
void orb_worker_check_end(struct orb_worker *w);
/* Look after the queue now. */
void orb_worker_sweep(struct orb_worker *w);

/* slot.c: one task. The first two are the claim's callbacks. */
int orb_worker_room(void *worker);
int orb_worker_on_delivered(void *worker, const struct orb_delivery *delivery);
void orb_worker_finish_again(void *worker); /* a timer's: what Redis refused at the end of attempts */
void orb_worker_abort_slot(struct slot *slot, enum slot_abort why);
/* The task goes back to the queue, although its attempt may have ended: that has not been written yet. */
void orb_worker_put_back(struct slot *slot);
void orb_worker_release(struct slot *slot);

/* alone.c: a task that killed its workers, in a process of its own */
void orb_worker_run_alone(struct slot *slot);

/* beat.c: the heartbeat hash, and the lease */
void orb_worker_beat_init(struct orb_worker *w);
void orb_worker_beat_start(struct orb_worker *w);
void orb_worker_beat_now(struct orb_worker *w);
void orb_worker_beat_soon(struct orb_worker *w); /* it has become busy or idle: whoever looks is to know in two seconds */
void orb_worker_renew(struct orb_worker *w);
/* The lease has been made or renewed by what was sent at renewal_sent_ms. */
void orb_worker_renewed(struct orb_worker *w);
void orb_worker_beat_stop(struct orb_worker *w);
void orb_worker_beat_free(struct orb_worker *w);

/* check.c: is what runs here still this worker's? */
void orb_worker_check_tasks(struct orb_worker *w);
/* On a new connection: are the events there that were stored before? A task that has lost some is handed back. */
void orb_worker_check_events(struct orb_worker *w);

/* cancel.c: cancel and wake-up messages, on one connection for all tasks */
void orb_worker_cancel_start(struct orb_worker *w);
void orb_worker_cancel_stop(struct orb_worker *w);

#endif
