#include "support/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int take_step(struct order_talk *t, const struct orb_event_out *e)
{
    if (!strcmp(e->word, "started")) {
        int is_again = t->state == ORDER_FAILED && e->step_number == t->step;
        if (!is_again && !((t->state == ORDER_STARTING || t->state == ORDER_COMPLETED) && e->step_number == t->step + 1))
            return 0;
        t->state = ORDER_ASKED;
        t->step = (int)e->step_number;
        t->calls = t->results = 0;
        return 1;
    }
    if (t->state != ORDER_ANSWERED || e->step_number != t->step || t->results != t->calls)
        return 0;
    t->state = ORDER_COMPLETED;
    return 1;
}

static int take_call(struct order_talk *t, const struct orb_event_out *e)
{
    if (t->state != ORDER_ANSWERED || t->results)
        return 0;
    assert_true(t->calls < ORDER_CALLS_MAX);
    snprintf(t->ids[t->calls++], sizeof *t->ids, "%s", e->tool_call_id);
    return 1;
}

/* A status is one of a conversation, or of a swarm, which may come at any time. */
static int take_status(struct order *order, const struct orb_event_out *e)
{
    if (strcmp(e->word, "starting"))
        return 1;
    assert_true(order->count < ORDER_MAX);
    struct order_talk *t = &order->talks[order->count++];
    snprintf(t->agent, sizeof t->agent, "%s", e->agent_name);
    t->state = ORDER_STARTING;
    t->step = 0;
    return 1;
}

/* Is it this conversation's next? */
static int take(struct order_talk *t, const struct orb_event_out *e)
{
    switch (e->type) {
    case ORB_EVENT_TEXT:
    case ORB_EVENT_REASONING:
        return t->state == ORDER_ASKED;
    case ORB_EVENT_USAGE:
        if (t->state != ORDER_ASKED || e->step_number != t->step)
            return 0;
        t->state = ORDER_ANSWERED;
        return 1;
    case ORB_EVENT_STEP:
        return take_step(t, e);
    case ORB_EVENT_TOOL_CALL:
        return take_call(t, e);
    case ORB_EVENT_TOOL_RESULT:
        if (t->state != ORDER_ANSWERED || t->results == t->calls || strcmp(t->ids[t->results], e->tool_call_id))
            return 0;
        t->results++;
        return 1;
    case ORB_EVENT_ERROR: /* in a step, or behind it */
        if (e->step_number != t->step || t->state == ORDER_FAILED)
            return 0;
        t->state = ORDER_FAILED;
        return 1;
    default:
        return 0;
    }
}

void order_event(struct order *order, const struct orb_event_out *e)
{
    static const char *const names[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage" };
    assert_true(e->agent_name && *e->agent_name);
    assert_false(order->is_over);
    if (e->type == ORB_EVENT_STATUS && take_status(order, e))
        return;
    if (e->type == ORB_EVENT_TEXT && order->is_replaying)
        return;
    for (int i = 0; i < order->count; i++)
        if (!strcmp(order->talks[i].agent, e->agent_name) && take(&order->talks[i], e))
            return;
    if (e->type == ORB_EVENT_ERROR) { /* from outside: nobody's, or of one that waits for an attempt */
        order->is_over = 1;
        return;
    }
    fail_msg("%s of agent %s, step %d: not now", names[e->type], e->agent_name, (int)e->step_number);
}

void order_stopped(struct order *order, const char *agent)
{
    for (int i = 0; i < order->count; i++) {
        struct order_talk *t = &order->talks[i];
        if (!strcmp(t->agent, agent) && t->state != ORDER_COMPLETED && t->state != ORDER_FAILED) {
            t->state = ORDER_FAILED;
            return;
        }
    }
}

void order_end(const struct order *order)
{
    for (int i = 0; i < order->count; i++)
        if (order->talks[i].state != ORDER_COMPLETED && order->talks[i].state != ORDER_FAILED)
            fail_msg("agent %s: step %d has not ended", order->talks[i].agent, order->talks[i].step);
}
