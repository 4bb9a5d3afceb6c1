#include "support/play.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tools -------------------------------------------------------- */

/* Data only: the machine reads their name, description and parameters. */
struct orb_tool play_tools[3] = {
    { .name = "add", .description = "Adds." }, { .name = "big", .description = "Says much.", .is_large = 1 }, { .name = "look", .description = "Looks." },
};

int play_tools_make(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(play_tools); i++) {
        play_tools[i].refs = 1000000;
        play_tools[i].parameters = json_pack("{s:s}", "type", "object");
    }
    return 0;
}

int play_tools_drop(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(play_tools); i++) {
        assert_int_equal(play_tools[i].refs, 1000000); /* no run keeps one */
        json_decref(play_tools[i].parameters);
    }
    return 0;
}

/* ---- a run and who plays with it -------------------------------------------- */

void play_put(struct play *p, const char *format, ...)
{
    char line[2048];
    va_list args;
    if (p->is_quiet)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    orb_buf_str(&p->trace, line);
}

static unsigned draw(unsigned *random, unsigned n)
{
    *random = *random * 1664525u + 1013904223u;
    return (*random >> 8) % n;
}

/* On one line. */
static void put_text(struct play *p, const char *text, size_t len)
{
    play_put(p, ": ");
    for (size_t i = 0; i < len; i++)
        play_put(p, text[i] == '\n' ? "\\n" : "%c", text[i]);
}

static void add_to_digest(struct play *p, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        p->digest = (p->digest ^ bytes[i]) * UINT64_C(1099511628211);
}

static void digest(struct play *p, const struct orb_event_out *e)
{
    const char *const words[] = { e->agent_name, e->word, e->tool_call_id, e->tool_error };
    for (size_t i = 0; i < ORB_COUNT(words); i++)
        add_to_digest(p, words[i] ? words[i] : "-", words[i] ? strlen(words[i]) + 1 : 2);
    add_to_digest(p, e->text ? e->text : "", e->text ? e->text_len : 0);
    add_to_digest(p, &e->step_number, sizeof e->step_number);
    add_to_digest(p, &e->type, sizeof e->type);
    add_to_digest(p, &e->is_recoverable, sizeof e->is_recoverable);
    add_to_digest(p, &e->duration_ms, sizeof e->duration_ms);
    add_to_digest(p, &e->total_cost, sizeof e->total_cost);
    if (e->usage)
        add_to_digest(p, e->usage, 3 * sizeof *e->usage);
}

static void on_event(void *arg, const struct orb_event_out *e)
{
    static const char *const names[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage" };
    struct play *p = arg;
    p->events++;
    digest(p, e);
    assert_true(e->agent_name && *e->agent_name);
    if (p->is_detailed)
        order_event(&p->order, e);
    if (p->is_quiet)
        return;
    play_put(p, "%s %s", names[e->type], e->agent_name);
    if (e->word)
        play_put(p, " %s", e->word);
    if (e->step_number)
        play_put(p, " #%d", (int)e->step_number);
    if (e->tool_call_id)
        play_put(p, " id=%s", e->tool_call_id);
    if (e->usage)
        play_put(p, " %d+%d=%d", (int)e->usage[0], (int)e->usage[1], (int)e->usage[2]);
    if (e->has_spending && e->cost >= 0)
        play_put(p, " $%g of $%g", e->cost, e->total_cost);
    if (e->finish)
        play_put(p, " finish=%s", e->finish);
    if (e->duration_ms > 0)
        play_put(p, " %gms", e->duration_ms);
    if (e->type == ORB_EVENT_ERROR && e->is_recoverable)
        play_put(p, " recoverable");
    if (e->text)
        put_text(p, e->text, e->text_len < 200 ? e->text_len : 200);
    if (e->tool_error)
        play_put(p, " error=%s", e->tool_error);
    play_put(p, "\n");
}

static struct orb_run_spec spec_of(struct play *p)
{
    struct orb_run_spec spec = {
        .history = p->history, .input = p->input, .input_len = strlen(p->input), .is_detailed = p->is_detailed, .may_retry = 1,
        .prices = p->prices, .artifact_bytes = p->artifact_bytes, .fn = on_event, .arg = p,
    };
    struct orb_error err;
    if (orb_plan_read(p->config, &spec.plan, &err))
        fail_msg("%s", err.text);
    return spec;
}

/* What its config names, of those there are. */
static void give_tools(struct orb_run *run)
{
    const struct orb_plan *plan = orb_run_plan(run);
    struct orb_error err;
    for (size_t i = 0; i < plan->agent_count; i++) {
        struct orb_tool *own[8];
        size_t n = 0;
        for (size_t k = 0; k < json_array_size(plan->agents[i]->tools); k++)
            for (size_t t = 0; t < ORB_COUNT(play_tools); t++)
                if (!strcmp(json_string_value(json_array_get(plan->agents[i]->tools, k)), play_tools[t].name))
                    own[n++] = &play_tools[t];
        assert_int_equal(orb_run_set_tools(run, (int)i, own, n, &err), 0);
    }
}

void play_reload(struct play *p)
{
    struct orb_run_spec spec = spec_of(p);
    struct orb_error err = { 0 };
    json_t *state = orb_run_save(p->run);
    struct orb_buf b;
    static const struct orb_json_limits limits = { 64 * 1024 * 1024, 1000000, 200 };
    orb_buf_init(&b, limits.max_bytes);
    orb_json_dump(&b, state);
    json_decref(state);
    state = orb_json_parse(b.data, b.len, &limits, &err);
    assert_non_null(state);
    struct orb_run *again = orb_run_load(&spec, state, &err);
    if (!again)
        fail_msg("%s\n%s", err.text, b.data);
    json_decref(state);
    /* The same state once more. */
    struct orb_buf c;
    orb_buf_init(&c, limits.max_bytes);
    state = orb_run_save(again);
    orb_json_dump(&c, state);
    assert_string_equal(b.data, c.data);
    json_decref(state);
    orb_buf_done(&b);
    orb_buf_done(&c);
    give_tools(again);
    orb_run_free(p->run);
    p->run = again;
}

/* The agent of a talk that asks something, in the plan. */
static int find_agent(const struct orb_run *run, int talk)
{
    json_t *state = orb_run_save(run), *t;
    size_t i;
    int agent = -1;
    json_array_foreach(json_object_get(state, "talks"), i, t)
        if (orb_json_get_int(t, "id", 0) == talk)
            agent = (int)orb_json_get_int(t, "agent", 0);
    json_decref(state);
    assert_true(agent >= 0);
    return agent;
}

static const char *agent_of(const struct play *p, int talk)
{
    return orb_run_plan(p->run)->agents[p->agents[talk]]->name;
}

static void add_item(struct play *p, const struct orb_action *action, int type)
{
    assert_true(p->count < PLAY_PENDING_MAX);
    struct play_item *item = &p->pending[p->count++];
    *item = (struct play_item){ .type = type, .talk = action->talk, .call = action->call };
    if (type == PLAY_TOOL) {
        snprintf(item->tool, sizeof item->tool, "%s", action->tool->name);
        char *text = json_dumps(action->arguments, JSON_COMPACT);
        snprintf(item->arguments, sizeof item->arguments, "%s", text);
        free(text);
    }
}

static void drop_talk(struct play *p, int talk)
{
    for (size_t i = p->count; i-- > 0;)
        if (p->pending[i].talk == talk)
            play_drop_item(p, i);
    order_stopped(&p->order, agent_of(p, talk));
}

static void take_action(struct play *p, const struct orb_action *action)
{
    assert_false(p->ends);
    switch (action->type) {
    case ORB_ACTION_REQUEST:
        add_item(p, action, PLAY_MODEL);
        break;
    case ORB_ACTION_TOOL:
        add_item(p, action, PLAY_TOOL);
        break;
    case ORB_ACTION_STOP:
        drop_talk(p, action->talk);
        break;
    case ORB_ACTION_ATTEMPT:
        add_item(p, action, PLAY_ADVANCE);
        break;
    case ORB_ACTION_DONE:
    case ORB_ACTION_FAILED:
        p->ends++;
        p->end = action->type;
        if (action->type == ORB_ACTION_DONE && p->is_detailed)
            order_end(&p->order);
        break;
    }
}

void play_drain(struct play *p)
{
    struct orb_action action;
    while (orb_run_next(p->run, &action))
        take_action(p, &action);
    for (size_t i = 0; i < p->count; i++) {
        struct play_item *item = &p->pending[i];
        if (item->type != PLAY_MODEL || *item->agent)
            continue;
        assert_true(item->talk < PLAY_TALKS_MAX);
        p->agents[item->talk] = find_agent(p->run, item->talk);
        snprintf(item->agent, sizeof item->agent, "%s", agent_of(p, item->talk));
    }
    if (p->reload_percent && (int)draw(&p->reload_random, 100) < p->reload_percent)
        play_reload(p);
}

void play_advance(struct play *p)
{
    p->order.is_replaying = 1;
    orb_run_advanced(p->run, p->now);
    p->order.is_replaying = 0;
}

void play_drop_item(struct play *p, size_t i)
{
    memmove(&p->pending[i], &p->pending[i + 1], (--p->count - i) * sizeof *p->pending);
}

unsigned play_random(struct play *p, unsigned n)
{
    return draw(&p->random, n);
}

int play_start(struct play *p)
{
    struct orb_run_spec spec = spec_of(p);
    struct orb_error err = { 0 };
    p->now = 100;
    p->run = orb_run_new(&spec, &err);
    if (!p->run) {
        play_put(p, "refused: %s\n", err.text);
        return err.code;
    }
    give_tools(p->run);
    orb_run_start(p->run, p->now);
    play_drain(p);
    return 0;
}
