/* What an operator does to queues and workers. Each change is written, in the step that makes
 * it, to the audit stream: who (ORBITER_USER, or the user's name), from where (host:pid), what it was, what
 * it became (orb_fleet_audit). */
#ifndef ORBITER_OPERATE_H
#define ORBITER_OPERATE_H

#include <orbiter/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a pause or a resume has found. */
struct orb_pause_info {
    int is_changed;  /* 0: it was so already */
    const char *who; /* who had paused it before, "" when nobody has or that is not known */
    double at;       /* when, Unix seconds; 0 likewise */
};
/* info is valid during the callback; NULL when err is not. ORB_E_NOT_FOUND: there is no such queue. */
typedef void (*orb_pause_cb)(void *arg, const struct orb_pause_info *info, const struct orb_error *err);
/* A paused queue takes tasks, and no worker of orbiter begins any, nor recovers those of dead workers, until it is resumed;
 * what runs goes on. It stays paused when workers or Redis (with its data) start again. Python workers do not know it. Fail
 * at once with ORB_E_USAGE when that is no name for a queue. */
ORB_API int orb_operate_pause(struct orb_client *client, const char *queue, orb_pause_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
ORB_API int orb_operate_resume(struct orb_client *client, const char *queue, orb_pause_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* ended: tasks that were ended. Some may be when err is set, too: then the rest still waits, and another
 * purge ends it. ORB_E_NOT_FOUND: there is no such queue. */
typedef void (*orb_purge_cb)(void *arg, int64_t ended, const struct orb_error *err);
/* Cancel every task that waits in the queue, is not due yet or waits for another attempt: those that were made
 * before this call. Tasks that workers have been given are left. About a hundred at a time, so that Redis serves
 * others in between. ORB_E_USAGE as above. */
ORB_API int orb_operate_purge(struct orb_client *client, const char *queue, orb_purge_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* is_changed 0: it was asked before, or drains already. ORB_E_NOT_FOUND: there is no such worker, or it is dead;
 * ORB_E_REFUSED: a Python worker, which does not look. */
typedef void (*orb_drain_cb)(void *arg, int is_changed, const struct orb_error *err);
/* Ask a worker to claim no more, to finish what it runs and to end, as SIGTERM does. The callback says that it
 * was asked; that it has ended shows when it is no longer listed. ORB_E_USAGE when that is no id. */
ORB_API int orb_operate_drain(struct orb_client *client, const char *worker_id, orb_drain_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* ---- only if it is still as it was seen ----------------------------------- */

/* The same acts, and those of client.h on tasks, done only when what they are done to is still as the caller has shown it to somebody. It is
 * compared in the step that would change it. When it differs nothing is done, and the callback gets ORB_E_CHANGED, whose text
 * says what it is now. seen NULL: whatever it is. */
struct orb_task_seen {
    enum orb_status status;
    int attempt;               /* below 0: any */
};
/* With ORB_E_CHANGED state is what the task is in now. */
ORB_API int orb_operate_cancel_if(struct orb_client *client, const char *task_id, const struct orb_task_seen *seen,
                                  orb_cancel_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
ORB_API int orb_operate_resubmit_if(struct orb_client *client, const char *task_id, const struct orb_task_seen *seen, const char *input,
                                    size_t input_len, orb_submit_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* With ORB_E_CHANGED info is set, too: who has paused it now, and when. */
struct orb_queue_seen {
    int is_paused;
    double paused_at;          /* of orb_queue_info: that very pause; 0 = any */
};
ORB_API int orb_operate_pause_if(struct orb_client *client, const char *queue, const struct orb_queue_seen *seen,
                                 orb_pause_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
ORB_API int orb_operate_resume_if(struct orb_client *client, const char *queue, const struct orb_queue_seen *seen,
                                  orb_pause_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
struct orb_worker_seen {
    const char *status;        /* of orb_worker_info; NULL = any */
    double started_at;         /* likewise, so that another process that has come under the same id is not meant; 0 = any */
};
ORB_API int orb_operate_drain_if(struct orb_client *client, const char *worker_id, const struct orb_worker_seen *seen,
                                 orb_drain_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* A dead letter is never changed, only taken away: orb_dead_replay with its id makes a task of it, or ORB_E_NOT_FOUND. */

#ifdef __cplusplus
}
#endif
#endif
