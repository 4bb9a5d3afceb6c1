/* Messages: everything that the model knows comes as one of these, from the terminal or from Redis, with the time at which it
 * came. A recording is a list of them (record.c). Pointers are borrowed for the call. */
#ifndef ORB_TUI_MSG_H
#define ORB_TUI_MSG_H

#include <orbiter/dead.h>
#include <orbiter/fleet.h>
#include <orbiter/watch.h>

#define TUI_MSGS(X) \
    X(TICK, "tick")         /* time has passed, nothing else */ \
    X(KEY, "key")           /* text: its name, "j", "C-d", "Enter" */ \
    X(PASTE, "paste")       /* text */ \
    X(MOUSE, "mouse")       /* text: "press", "up", "down"; a, b: row and column */ \
    X(RESIZE, "resize")     /* a, b: rows and columns */ \
    X(LINK, "link")         /* a: 1 = Redis is there, 0 = it is not, 2 = it does not answer, number: for so many seconds; text: why; b: that as an error code */ \
    X(FEED, "feed")         /* changes: tasks have changed their state; text: where the feed stands behind them; a: 1 = more has been written already */ \
    X(FEED_GAP, "feed-gap") /* some changes were missed: what is known has to be looked through again */ \
    X(TASKS, "tasks")       /* tasks: rows as they are now */ \
    X(GONE, "gone")         /* text: id of a task that is not there any more */ \
    X(WALK, "walk")         /* from here on every task is told anew */ \
    X(WALK_END, "walk-end") /* every task has been told, and what was not has been told to be gone */ \
    X(TROUBLE, "trouble")   /* id: what is refused, see tui_trouble_names; text: why, "" = it is not any more */ \
    X(COUNTS, "counts")     /* counts */ \
    X(WORKERS, "workers")   /* workers: all of them; text: why they are not known */ \
    X(QUEUES, "queues")     /* queues: all of them; text: why not */ \
    X(AUDIT, "audit")       /* audits: the newest entries */ \
    X(STREAM, "stream")     /* events of the task `id` that is open */ \
    X(STREAM_END, "stream-end") /* of the task `id`; text: why, "" when the task has ended */ \
    X(DETAIL, "detail")     /* tasks: one, with its result; text: its payload, "" when it is gone, or, with a: 1, why it cannot be read */ \
    X(TAILS, "tails")       /* text: the end of what the task `id` says; number: tokens a second, as far as that is known */ \
    X(ACTED, "acted")       /* a: serial of the act; b: 0 or an error code; text: what there is to say; id: of a new task */ \
    X(EDITED, "edited")     /* text: as the editor left it; a: 0, or -1: given up; b: serial of the question */ \
    X(THEME, "theme")       /* text: name or path of the theme that is shown now */ \
    X(NOTE, "note")         /* text: something to say in the status line; a: 1 = a failure */ \
    X(FRAME, "frame")       /* of recordings: here a frame was painted, which what comes later is seen against */

enum tui_msg_type {
#define TUI_MSG_ENUM(name, word) TUI_MSG_##name,
    TUI_MSGS(TUI_MSG_ENUM)
#undef TUI_MSG_ENUM
    TUI_MSG_COUNT
};

struct tui_msg {
    enum tui_msg_type type;
    double at;              /* Unix seconds, by the clock of this machine */
    const char *id;         /* "" when the type has none */
    const char *text;       /* never NULL; text_len bytes, and terminated */
    size_t text_len;
    int64_t a, b;
    double number;
    size_t count;           /* of the array that the type has */
    const struct orb_feed_event *changes;
    const struct orb_task_info *tasks;
    const struct orb_worker_info *workers;
    const struct orb_queue_info *queues;
    const struct orb_audit_info *audits;
    const struct orb_event *events;
    const struct orb_counts *counts;
};

#endif
