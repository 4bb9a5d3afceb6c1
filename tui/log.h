/* The lines of the events screen: what happened in the fleet, in the order in which it came. */
#ifndef ORB_TUI_LOG_H
#define ORB_TUI_LOG_H

#include "base.h"
#include "field.h"
#include "msg.h"

#define TUI_LOG_MAX 20000       /* lines; the oldest go */

struct tui_log_line {
    double at;
    uint64_t number;            /* from 1, its id in the list */
    uint32_t type;              /* in texts: task.running, worker.lost, queue.paused, link.down, act.cancel ... */
    uint32_t agent, queue, worker;
    char *subject, *text;       /* id of a task, a worker, a queue; more about it */
    uint8_t level;              /* 0 info, 1 warning, 2 error */
};

struct tui_log {
    struct tui_log_line *lines; /* ring, by number % TUI_LOG_MAX */
    uint64_t next;              /* number of the next line, from 1 */
};

extern const struct tui_source tui_log_source;

struct tui_model;
struct tui_task;
void tui_log_add(struct tui_model *m, double at, int level, const char *type, const char *subject, const char *agent, const char *queue,
                 const char *worker, const char *fmt, ...) __attribute__((format(printf, 9, 10)));
/* Lines about what a message says, called before the model takes it over. */
void tui_log_change(struct tui_model *m, const struct orb_feed_event *change);
void tui_log_workers(struct tui_model *m, const struct tui_msg *msg);
void tui_log_queues(struct tui_model *m, const struct tui_msg *msg);
void tui_log_audits(struct tui_model *m, const struct tui_msg *msg);
/* The task that a line is about, when it is known; and all that there is to say of it. */
const struct tui_task *tui_log_task(const struct tui_model *m, const struct tui_log_line *line);
void tui_log_text(const struct tui_model *m, const struct tui_log_line *line, char *out, size_t cap);
void tui_log_done(struct tui_log *log);

#endif
