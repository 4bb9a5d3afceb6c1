/* One libevent base, deferred calls, timers, signals and watched descriptors. */
#include "loop/loop.h"
#include "base/base.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

struct orb_loop {
    struct event_base *base;
    int owns_base;
    struct evdns_base *dns;
    struct orb_http_pool *http;
    struct orb_family *family;
    struct event turn;                  /* runs the deferred calls */
    struct deferred *head, **tail;
    struct deferred *spare;             /* nodes to use again */
};

static void run_deferred(evutil_socket_t fd, short what, void *arg)
{
    struct orb_loop *loop = arg;
    (void)fd;
    (void)what;
    /* What is deferred from here on waits for the next round, so that a chain
     * of deferred calls cannot starve the descriptors. */
    struct deferred *last = NULL;
    for (struct deferred *d = loop->head; d; d = d->next)
        last = d;
    while (loop->head) {
        struct deferred *d = loop->head;
        loop->head = d->next;
        if (!loop->head)
            loop->tail = &loop->head;
        void (*fn)(void *) = d->fn;
        void *fn_arg = d->arg;
        int is_last = d == last;
        d->next = loop->spare;
        loop->spare = d;
        if (fn)
            fn(fn_arg);
        if (is_last)
            break;
    }
    if (loop->head)
        event_active(&loop->turn, EV_TIMEOUT, 0);
}

static struct orb_loop *loop_on(struct event_base *base, int owns)
{
    if (!base)
        return NULL;
    struct sigaction pipe;
    /* A bufferevent has no way to write without it: a server that goes away would end the program. */
    if (!sigaction(SIGPIPE, NULL, &pipe) && pipe.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    struct orb_loop *loop = orb_alloc(sizeof *loop);
    loop->base = base;
    loop->owns_base = owns;
    loop->tail = &loop->head;
    evtimer_assign(&loop->turn, base, run_deferred, loop);
    return loop;
}

struct orb_loop *orb_loop_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return loop_on(base, 1);
}

struct orb_loop *orb_loop_attach(struct event_base *base)
{
    return loop_on(base, 0);
}

static void free_list(struct deferred *d)
{
    while (d) {
        struct deferred *next = d->next;
        free(d);
        d = next;
    }
}

void orb_loop_free(struct orb_loop *loop)
{
    if (!loop)
        return;
    /* The last frees of connections are deferred calls: let them happen. */
    while (loop->head)
        run_deferred(-1, 0, loop);
    orb_http_pool_free(loop->http);
    orb_family_free(loop->family);
    event_del(&loop->turn);
    if (loop->dns)
        evdns_base_free(loop->dns, 0);
    free_list(loop->head);
    free_list(loop->spare);
    if (loop->owns_base)
        event_base_free(loop->base);
    free(loop);
}

struct event_base *orb_loop_base(struct orb_loop *loop)
{
    return loop->base;
}

struct evdns_base *orb_loop_dns(struct orb_loop *loop)
{
    if (!loop->dns)
        loop->dns = evdns_base_new(loop->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    return loop->dns;
}

struct orb_http_pool **orb_loop_http(struct orb_loop *loop)
{
    return &loop->http;
}

struct orb_family **orb_loop_family(struct orb_loop *loop)
{
    return &loop->family;
}

void orb_loop_defer(struct orb_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = loop->spare;
    if (d)
        loop->spare = d->next;
    else
        d = orb_alloc(sizeof *d);
    *d = (struct deferred){ .fn = fn, .arg = arg };
    if (!loop->head)
        event_active(&loop->turn, EV_TIMEOUT, 0);
    *loop->tail = d;
    loop->tail = &d->next;
}

void orb_loop_forget(struct orb_loop *loop, void *arg)
{
    for (struct deferred *d = loop->head; d; d = d->next)
        if (d->arg == arg)
            d->fn = NULL;
}

int orb_loop_run(struct orb_loop *loop)
{
    return event_base_loop(loop->base, 0) < 0 ? ORB_E_SYSTEM : 0;
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

int orb_loop_turn(struct orb_loop *loop, int wait_ms)
{
    if (wait_ms == 0)
        return event_base_loop(loop->base, EVLOOP_NONBLOCK) < 0 ? ORB_E_SYSTEM : 0;
    struct event limit;
    evtimer_assign(&limit, loop->base, nothing, NULL);
    if (wait_ms > 0) {
        struct timeval tv = { wait_ms / 1000, wait_ms % 1000 * 1000 };
        event_add(&limit, &tv);
    }
    int rc = event_base_loop(loop->base, EVLOOP_ONCE);
    event_del(&limit);
    return rc < 0 ? ORB_E_SYSTEM : 0;
}

void orb_loop_stop(struct orb_loop *loop)
{
    event_base_loopbreak(loop->base);
}

int64_t orb_loop_now_ms(struct orb_loop *loop)
{
    (void)loop;
    return orb_mono_us() / 1000;
}

/* ---- timers ------------------------------------------------------------ */

struct orb_timer {
    struct event event;
    orb_timer_cb cb;
    void *arg;
};

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct orb_timer *timer = arg;
    (void)fd;
    (void)what;
    timer->cb(timer->arg);
}

struct orb_timer *orb_timer_new(struct orb_loop *loop, orb_timer_cb cb, void *arg)
{
    struct orb_timer *timer = orb_alloc(sizeof *timer);
    timer->cb = cb;
    timer->arg = arg;
    evtimer_assign(&timer->event, loop->base, timer_fired, timer);
    return timer;
}

void orb_timer_start(struct orb_timer *timer, int64_t delay_ms)
{
    if (delay_ms < 0)
        delay_ms = 0;
    struct timeval tv = { delay_ms / 1000, delay_ms % 1000 * 1000 };
    event_add(&timer->event, &tv);
}

void orb_timer_stop(struct orb_timer *timer)
{
    event_del(&timer->event);
}

int orb_timer_is_started(const struct orb_timer *timer)
{
    return event_pending(&timer->event, EV_TIMEOUT, NULL) != 0;
}

void orb_timer_free(struct orb_timer *timer)
{
    if (!timer)
        return;
    event_del(&timer->event);
    free(timer);
}

/* ---- signals and descriptors ------------------------------------------- */

struct orb_signal {
    struct event event;
    orb_signal_cb cb;
    void *arg;
};

static void signal_came(evutil_socket_t fd, short what, void *arg)
{
    struct orb_signal *signal = arg;
    (void)what;
    signal->cb(signal->arg, (int)fd);
}

struct orb_signal *orb_signal_new(struct orb_loop *loop, int signo, orb_signal_cb cb, void *arg)
{
    struct orb_signal *signal = orb_alloc(sizeof *signal);
    signal->cb = cb;
    signal->arg = arg;
    evsignal_assign(&signal->event, loop->base, signo, signal_came, signal);
    event_add(&signal->event, NULL);
    return signal;
}

void orb_signal_free(struct orb_signal *signal)
{
    if (!signal)
        return;
    event_del(&signal->event);
    free(signal);
}

struct orb_watch {
    struct event event;
    orb_watch_cb cb;
    void *arg;
};

static void watch_ready(evutil_socket_t fd, short what, void *arg)
{
    struct orb_watch *watch = arg;
    (void)what;
    watch->cb(watch->arg, (int)fd);
}

struct orb_watch *orb_watch_new(struct orb_loop *loop, int fd, orb_watch_cb cb, void *arg)
{
    struct orb_watch *watch = orb_alloc(sizeof *watch);
    watch->cb = cb;
    watch->arg = arg;
    event_assign(&watch->event, loop->base, fd, EV_READ | EV_PERSIST, watch_ready, watch);
    event_add(&watch->event, NULL);
    return watch;
}

void orb_watch_free(struct orb_watch *watch)
{
    if (!watch)
        return;
    event_del(&watch->event);
    free(watch);
}
