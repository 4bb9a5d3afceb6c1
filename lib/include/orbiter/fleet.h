/* Questions about the fleet: tasks, workers, providers. */
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

/* A worker as its heartbeat says. Strings are never NULL. */
struct orb_worker_info {
    const char *id, *status, *hostname, *current_task_id, *version;
    int64_t tasks_processed, tasks_failed, concurrency, slots_busy, rss_kb;
    double tok_s, started_at, last_heartbeat; /* tokens a second; Unix seconds */
    int is_alive;   /* the last beat is less than 60 s old */
};
typedef void (*orb_workers_cb)(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err);
/* Sorted by id. */
ORB_API int orb_fleet_workers(struct orb_client *client, orb_workers_cb cb, void *arg) ORB_MUST_CHECK;

/* The model providers built into this library. Static; name NULL ends it. */
struct orb_provider_info {
    const char *name;     /* before the colon of a model string */
    const char *help;     /* one line */
    const char *settings; /* environment variables it reads, "" = none */
};
ORB_API const struct orb_provider_info *orb_provider_list(void);
/* Is this model string (provider:model, or a chain of them with " | " between) one that a worker of this version
 * would accept? ORB_E_MODEL_NOT_FOUND, ORB_E_MODEL_INVALID with the reason. */
ORB_API int orb_model_check(const char *model, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
