/* Questions about the fleet: tasks, workers, queues, what operators did, providers. */
#ifndef ORBITER_FLEET_H
#define ORBITER_FLEET_H

#include <orbiter/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct orb_task_filter {
    int status;        /* an orb_status, or -1 = all */
    const char *queue; /* NULL = all */
    int limit;         /* newest first; 1..10,000 */
};
/* One call with an array of count tasks, valid during the callback; err set and count 0 on
 * failure. Costs the page, not the fleet. Rows whose hash is gone are left out. */
typedef void (*orb_tasks_cb)(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err);
ORB_API int orb_fleet_tasks(struct orb_client *client, const struct orb_task_filter *filter,
                            orb_tasks_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* A worker as its heartbeat says, and what Redis knows of it. Strings are never NULL. */
struct orb_worker_info {
    const char *id, *status, *hostname, *current_task_id, *version;
    const char *queue;      /* that it serves; "" = not known */
    int64_t tasks_processed, tasks_failed, concurrency, slots_busy, rss_kb;
    double tok_s, started_at, last_heartbeat; /* tokens a second; Unix seconds */
    int is_alive;   /* the last beat is less than 60 s old */
    int64_t pending;        /* tasks that it has been given and that have not ended */
    int64_t lease_ms;       /* its lease lives for so long still, unless it is renewed; 0: it has none (Python workers never do) */
    int is_lost;            /* it has died, or cannot reach Redis: its lease is gone, or a Python worker's heartbeat, and it has not said good-bye.
                             * Listed while it holds tasks, and for ten minutes; a Python one may still run what it was given */
    double lost_since;      /* Unix seconds: its last sign of life, when it is lost and that is known; else 0 */
};
typedef void (*orb_workers_cb)(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err);
/* Sorted by id. Looks through the names of all keys, because those of Python workers that have been given nothing yet are
 * found nowhere else; for who asks often there is orb_watch_workers. */
ORB_API int orb_fleet_workers(struct orb_client *client, orb_workers_cb cb, void *arg) ORB_MUST_CHECK;

/* A queue. Strings are never NULL. */
struct orb_queue_info {
    const char *name;
    int64_t depth;     /* tasks that may begin and that nobody has been given, of all priorities; -1: its key is no stream */
    int64_t running;   /* given to a worker and not ended */
    int64_t delayed;   /* not due yet, or waiting for another attempt */
    int64_t dead;      /* dead letters */
    int64_t workers;   /* orbiter's that live */
    int64_t consumers; /* of the group: those, Python workers, and dead ones that still have something pending */
    int is_paused;
    const char *paused_by, *paused_from; /* "" when it is not, or when that is not known */
    double paused_at;  /* Unix seconds, 0 = not known */
    double oldest_at;  /* when the task was queued that has waited longest and may begin; Unix seconds, 0 = none waits */
    const char *usage; /* of all its tasks so far: JSON object text as of a task, or "" */
};
struct orb_queue_filter {
    const char *queue; /* only this one; NULL = all that have had a task or a worker */
    int limit;         /* 1..10,000 */
};
/* Sorted by name. Costs the queues that are listed, not their tasks. One that is asked for by name and is not there makes
 * an empty list. What Python workers have acknowledged counts as depth until a sweep trims it. */
typedef void (*orb_queues_cb)(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err);
ORB_API int orb_fleet_queues(struct orb_client *client, const struct orb_queue_filter *filter,
                             orb_queues_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* What an operator did: an entry of the audit stream. Strings are never NULL. */
struct orb_audit_info {
    const char *id;            /* of the entry */
    double at;                 /* Unix seconds, by the clock of Redis */
    const char *who, *from;    /* user; host:pid */
    const char *action;        /* cancel, pause, resume, purge, drain ... */
    const char *target;        /* a task, a queue or a worker */
    const char *was, *became;
};
struct orb_audit_filter {
    const char *who, *action, *target; /* exactly; NULL = all */
    int limit;                         /* newest first; 1..10,000 */
};
typedef void (*orb_audit_cb)(void *arg, const struct orb_audit_info *entries, size_t count, const struct orb_error *err);
ORB_API int orb_fleet_audit(struct orb_client *client, const struct orb_audit_filter *filter,
                            orb_audit_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* The model providers built into this library, and those of orb_provider_load. Name NULL ends it; valid until the next call. */
struct orb_provider_info {
    const char *name;     /* before the colon of a model string */
    const char *help;     /* one line */
    const char *settings; /* environment variables it reads, "" = none */
};
ORB_API const struct orb_provider_info *orb_provider_list(void);
/* Adds the providers of a folder's *.json files (docs/cli.md) to those of this process, in the order of their names: all or,
 * when one is wrong, none. For before the first worker or model is made; they stay until the process ends.
 * ORB_E_CONFIG and others with the file, the reason and the next step. */
ORB_API int orb_provider_load(const char *dir, struct orb_error *err) ORB_MUST_CHECK;
/* Is this model string (provider:model, or a chain of them with " | " between) one that a worker of this version
 * would accept? ORB_E_MODEL_NOT_FOUND, ORB_E_MODEL_INVALID with the reason. */
ORB_API int orb_model_check(const char *model, struct orb_error *err) ORB_MUST_CHECK;

/* Is this file a table of what models cost, as orb_worker_options has it? ORB_E_CONFIG with the line and the reason. */
ORB_API int orb_prices_check(const char *file, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
