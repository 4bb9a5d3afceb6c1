/* The list of a server's tools: asked page by page, kept for a while. */
#include "base/base.h"
#include "tool/mcp_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ask_page(struct orb_mcp *m);

static void finish(struct orb_mcp *m, const struct orb_error *err)
{
    struct orb_mcp_waiter *waiter;
    m->is_listing = 0;
    m->list_request = NULL;
    orb_timer_stop(m->list_timer);
    TAILQ_CONCAT(&m->told, &m->waiters, next); /* a callback may ask again */
    while ((waiter = TAILQ_FIRST(&m->told))) {
        TAILQ_REMOVE(&m->told, waiter, next);
        waiter->cb(waiter->arg, err ? NULL : &m->tools, err);
        free(waiter);
    }
}

static void keep(struct orb_mcp *m)
{
    orb_mcp_tools_done(&m->tools);
    m->tools = m->partial;
    m->partial = (struct orb_mcp_tools){ .ttl_ms = -1 };
    m->has_tools = 1;
    m->listed_ms = orb_loop_now_ms(m->loop);
}

static void on_page(void *arg, const json_t *result, const struct orb_error *err)
{
    struct orb_mcp *m = arg;
    struct orb_error why = { 0 };
    m->list_request = NULL;
    if (err && err->code == ORB_E_CANCELLED)
        orb_error_set(&why, ORB_E_TOOL, "it did not answer tools/list in time");
    else if (err)
        why = *err;
    else if (orb_mcp_tools_add(&m->partial, result, &why) == 0 && m->partial.cursor) {
        ask_page(m);
        return;
    }
    if (why.code)
        orb_mcp_tools_done(&m->partial);
    else
        keep(m);
    finish(m, why.code ? &why : NULL);
}

static void ask_page(struct orb_mcp *m)
{
    struct orb_mcp_request *r = m->list_request = orb_mcp_request_new(m, "tools/list", on_page, m);
    r->cursor = m->partial.cursor ? orb_strdup(m->partial.cursor) : NULL;
    orb_mcp_advance(m);
}

static int is_fresh(const struct orb_mcp *m)
{
    int64_t ttl = m->tools.ttl_ms < 0 ? ORB_MCP_LIST_MS : m->tools.ttl_ms;
    ttl = ttl < ORB_MCP_LIST_MIN_MS ? ORB_MCP_LIST_MIN_MS : ttl > ORB_MCP_LIST_MAX_MS ? ORB_MCP_LIST_MAX_MS : ttl;
    return m->has_tools && !m->is_stale && m->state != ORB_MCP_STATE_DOWN && orb_loop_now_ms(m->loop) - m->listed_ms < ttl;
}

/* In a later turn, so that the callback never comes from inside. */
static void begin(void *arg)
{
    struct orb_mcp *m = arg;
    if (!m->is_listing)
        return;
    if (is_fresh(m)) {
        finish(m, NULL);
        return;
    }
    m->is_stale = 0;
    orb_mcp_tools_done(&m->partial);
    orb_timer_start(m->list_timer, m->config->timeout_ms ? m->config->timeout_ms : ORB_MCP_OPEN_MS);
    ask_page(m);
}

void orb_mcp_list(struct orb_mcp *m, orb_mcp_list_cb cb, void *arg)
{
    struct orb_mcp_waiter *waiter = orb_alloc(sizeof *waiter);
    *waiter = (struct orb_mcp_waiter){ .cb = cb, .arg = arg };
    TAILQ_INSERT_TAIL(&m->waiters, waiter, next);
    if (m->is_listing)
        return;
    m->is_listing = 1;
    orb_loop_defer(m->loop, begin, m);
}

static void forget(struct orb_mcp_waiters *list, const void *arg)
{
    struct orb_mcp_waiter *waiter, *next;
    for (waiter = TAILQ_FIRST(list); waiter; waiter = next) {
        next = TAILQ_NEXT(waiter, next);
        if (waiter->arg != arg)
            continue;
        TAILQ_REMOVE(list, waiter, next);
        free(waiter);
    }
}

void orb_mcp_list_forget(struct orb_mcp *m, void *arg)
{
    forget(&m->waiters, arg);
    forget(&m->told, arg);
}
