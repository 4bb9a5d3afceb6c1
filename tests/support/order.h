/* The order that the events of a run must have (detailed), followed for each conversation: starting, then for each step started,
 * text and reasoning, usage, the calls, their results in the order of the calls, completed. Events name an agent and no
 * conversation: of an agent with two under way at once, an event belongs to the first that it fits. */
#ifndef TESTS_SUPPORT_ORDER_H
#define TESTS_SUPPORT_ORDER_H

#include "event/event.h"

#define ORDER_MAX 512     /* conversations of a run */
#define ORDER_CALLS_MAX 8 /* of a step */

struct order {
    struct order_talk {
        char agent[300];
        /* what came last; FAILED: it ended with an error, waits for the next attempt, or was given up */
        enum { ORDER_STARTING, ORDER_ASKED, ORDER_ANSWERED, ORDER_COMPLETED, ORDER_FAILED } state;
        int step, calls, results;
        char ids[ORDER_CALLS_MAX][64];
    } talks[ORDER_MAX];
    int count;
    int is_replaying;     /* an attempt begins: text is said again */
    int is_over;          /* with an error that is of no step */
};

/* Fails the test when it may not come now. */
void order_event(struct order *order, const struct orb_event_out *event);
/* One of this agent's conversations is given up in the middle. */
void order_stopped(struct order *order, const char *agent);
/* The run has ended well: is every step? */
void order_end(const struct order *order);

#endif
