/* The event loop that every asynchronous object of the library runs on: one
 * libevent base, either our own or the caller's. */
#ifndef ORBITER_LOOP_H
#define ORBITER_LOOP_H

#include <orbiter/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base; /* libevent's */
struct orb_loop;

/* A loop with its own base. NULL when out of memory or descriptors. From the first loop on the process ignores SIGPIPE,
 * unless it has a handler of its own for it. */
ORB_API struct orb_loop *orb_loop_new(void);
/* The adapter: run on a libevent base that the caller owns, drives and keeps
 * alive longer than the loop. */
ORB_API struct orb_loop *orb_loop_attach(struct event_base *base);
/* Every object of the loop must have been freed before. */
ORB_API void orb_loop_free(struct orb_loop *loop);

/* Run until orb_loop_stop, or until nothing is left to wait for. */
ORB_API int orb_loop_run(struct orb_loop *loop);
/* One turn: waits at most wait_ms (0 = do not wait, -1 = for ever) for something to
 * do and does it. For programs whose own loop calls this one. */
ORB_API int orb_loop_turn(struct orb_loop *loop, int wait_ms);
ORB_API void orb_loop_stop(struct orb_loop *loop);

/* For a program of its own, on its only loop: what tools and servers have started and left behind becomes this process's child
 * (PR_SET_CHILD_SUBREAPER), ends when the tool's call or the server does, at the latest with the loop, and is waited for; so is every other
 * child that the process inherits, when it ends by itself. ORB_E_SYSTEM: the kernel does not tell a process its children
 * (CONFIG_PROC_CHILDREN). */
ORB_API int orb_loop_adopt(struct orb_loop *loop);

/* Monotonic milliseconds. */
ORB_API int64_t orb_loop_now_ms(struct orb_loop *loop);

/* Timers fire once; start again to repeat. Starting a started timer moves it. */
struct orb_timer;
typedef void (*orb_timer_cb)(void *arg);
ORB_API struct orb_timer *orb_timer_new(struct orb_loop *loop, orb_timer_cb cb, void *arg);
ORB_API void orb_timer_start(struct orb_timer *timer, int64_t delay_ms);
ORB_API void orb_timer_stop(struct orb_timer *timer);
ORB_API int orb_timer_is_started(const struct orb_timer *timer);
ORB_API void orb_timer_free(struct orb_timer *timer);

/* A signal, delivered in the loop. */
struct orb_signal;
typedef void (*orb_signal_cb)(void *arg, int signo);
ORB_API struct orb_signal *orb_signal_new(struct orb_loop *loop, int signo, orb_signal_cb cb, void *arg);
ORB_API void orb_signal_free(struct orb_signal *signal);

/* A descriptor that is reported each turn while it is readable. Not owned. */
struct orb_watch;
typedef void (*orb_watch_cb)(void *arg, int fd);
ORB_API struct orb_watch *orb_watch_new(struct orb_loop *loop, int fd, orb_watch_cb cb, void *arg);
ORB_API void orb_watch_free(struct orb_watch *watch);

#ifdef __cplusplus
}
#endif
#endif
