#include "agent/run_state.h"
#include "base/base.h"
#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX (INT64_C(1) << 53) /* what a JSON reader counts exactly */
#define REPLAY_BYTES 32768            /* of one text event of what is said again */

/* ---- saying things ----------------------------------------------------- */

void orb_run_emit(struct orb_run *run, const struct orb_agent *agent, const struct orb_event_out *event)
{
    struct orb_event_out e = *event;
    if (agent)
        e.agent_name = agent->name;
    int is_basic = e.type == ORB_EVENT_TEXT || e.type == ORB_EVENT_TOOL_CALL || e.type == ORB_EVENT_ERROR;
    if (run->is_detailed || is_basic)
        run->fn(run->arg, &e);
}

void orb_run_status(struct orb_run *run, const char *agent_name, const char *word, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = n < (int)sizeof text ? (size_t)n : orb_utf8_truncate(text, sizeof text - 1, sizeof text - 1);
    orb_run_emit(run, NULL, &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .agent_name = agent_name, .word = word, .text = text, .text_len = len });
}

void orb_run_push(struct orb_run *run, const struct orb_action *action)
{
    if (run->action_count == run->action_cap) {
        size_t cap = run->action_cap ? run->action_cap * 2 : 2;
        struct orb_action *more = orb_alloc(cap * sizeof *more);
        if (run->action_count)
            memcpy(more, run->actions, run->action_count * sizeof *more);
        free(run->actions);
        run->actions = more;
        run->action_cap = cap;
    }
    run->actions[run->action_count++] = *action;
}

int orb_run_next(struct orb_run *run, struct orb_action *out)
{
    if (run->action_pos == run->action_count) {
        free(run->actions);
        run->actions = NULL;
        run->action_pos = run->action_count = run->action_cap = 0;
        return 0;
    }
    *out = run->actions[run->action_pos++];
    return 1;
}

/* ---- the end ----------------------------------------------------------- */

/* Once; what was to be done no longer is. */
static int end(struct orb_run *run)
{
    if (run->is_over)
        return 0;
    run->is_over = 1;
    run->action_pos = run->action_count;
    return 1;
}

void orb_run_done(struct orb_run *run, json_t *output, json_t *parsed)
{
    if (end(run)) {
        run->output = output;
        run->parsed = parsed;
        orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_DONE });
        return;
    }
    json_decref(output);
    json_decref(parsed);
}

void orb_run_forget(struct orb_run *run, int talk)
{
    size_t kept = run->action_pos;
    for (size_t i = run->action_pos; i < run->action_count; i++)
        if (run->actions[i].talk != talk)
            run->actions[kept++] = run->actions[i];
    run->action_count = kept;
}

static int is_models(int code)
{
    return code <= ORB_E_MODEL_AUTH && code >= ORB_E_MODEL_TRUNCATED;
}

void orb_run_explain(const struct talk *talk, const struct frame *top, const struct orb_error *why, struct orb_error *out)
{
    const char *name = talk->agent->name;
    *out = *why;
    if (is_models(why->code))
        orb_error_set(out, why->code, "[%.200s] %s", orb_talk_model(talk), orb_error_message(why));
    for (const struct frame *f = talk->frame; f != top && f->parent; f = f->parent) {
        const struct orb_node *group = f->parent->node;
        struct orb_error plain = *out;
        if (group->type == ORB_NODE_PARALLEL || group->type == ORB_NODE_SERIAL)
            orb_error_set(out, plain.code, "%s '%.60s' failed: Agent '%.60s' failed: %s",
                          group->type == ORB_NODE_PARALLEL ? "ParallelGroup" : "SerialGroup", group->name, name, orb_error_message(&plain));
        name = orb_node_name(group);
    }
    out->retry_after_ms = why->retry_after_ms;
}

void orb_run_emit_error(struct orb_run *run, const struct talk *talk, const struct orb_error *err, int is_recoverable)
{
    const char *text = orb_error_message(err);
    orb_run_emit(run, talk ? talk->agent : run->plan->agents[0], &(struct orb_event_out){
        .type = ORB_EVENT_ERROR, .text = text, .text_len = strlen(text), .word = is_models(err->code) ? "ModelError" : orb_error_type(err->code),
        .step_number = talk ? talk->step : 0, .is_recoverable = is_recoverable });
}

void orb_run_fail(struct orb_run *run, const struct talk *talk, const struct orb_error *why)
{
    if (!end(run))
        return;
    struct orb_error *err = run->err = orb_alloc(sizeof *err);
    *err = *why;
    if (talk)
        orb_run_explain(talk, NULL, why, err);
    for (struct talk *t = run->talks; t && (err->code != ORB_E_CANCELLED || run->caller); t = t->next)
        orb_talk_charge_broken(run, t);
    if (err->code != ORB_E_CANCELLED)
        orb_run_emit_error(run, talk, err, run->may_retry && orb_error_is_retryable(err->code));
    orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_FAILED });
}

void orb_run_stop(struct orb_run *run, const struct orb_error *err)
{
    /* The only one there is: as good as its own error. */
    orb_run_fail(run, run->talks && !run->talks->next ? run->talks : NULL, err);
}

const struct orb_error *orb_run_error(const struct orb_run *run)
{
    return run->err;
}

/* ---- a run -------------------------------------------------------------- */

/* A limit of cost that nobody could keep is told before anything has been spent. */
static int check_prices(const struct orb_plan *plan, double max_cost, const struct orb_prices *prices, struct orb_error *err)
{
    double cost;
    for (size_t i = 0; max_cost > 0 && i < plan->agent_count; i++) {
        const struct orb_agent *agent = plan->agents[i];
        for (size_t k = 0; !agent->is_replaced && k < agent->models.count; k++)
            if (orb_prices_cost(prices, agent->models.at[k], &(struct orb_usage){ 0 }, &cost))
                return orb_error_set(err, ORB_E_BUDGET, "max_cost is set, and there is no price for the model '%.200s' of agent '%.100s': add a row to the worker's "
                                     "table of prices (--prices FILE), or leave max_cost out", agent->models.at[k], agent->name);
    }
    return 0;
}

/* An agent that must call a tool must do so in its first step only: else it would never come to an end. */
static void free_choice(struct orb_run *run)
{
    const struct orb_plan *plan = run->plan;
    for (size_t i = 0; i < plan->agent_count; i++) {
        const char *choice = orb_json_get_str(plan->agents[i]->options, "tool_choice", "auto");
        if (!strcmp(choice, "auto") || !strcmp(choice, "none"))
            continue;
        if (!run->later)
            run->later = orb_alloc(plan->agent_count * sizeof *run->later);
        run->later[i] = json_copy(plan->agents[i]->options);
        json_object_del(run->later[i], "tool_choice");
    }
}

/* A task pays for all of its attempts. */
static void read_used(struct orb_run *run, const char *text)
{
    json_t *used = text && *text ? orb_json_parse(text, strlen(text), &orb_json_limits_default, NULL) : NULL;
    const json_t *cost = json_object_get(used, "cost");
    const struct orb_usage usage = {
        .input_tokens = orb_json_get_int(used, "input_tokens", 0), .output_tokens = orb_json_get_int(used, "output_tokens", 0),
        .total_tokens = orb_json_get_int(used, "total_tokens", 0), .cached_tokens = orb_json_get_int(used, "cached_tokens", 0),
        .cache_write_tokens = orb_json_get_int(used, "cache_write_tokens", 0), .reasoning_tokens = orb_json_get_int(used, "reasoning_tokens", 0),
    };
    run->total = orb_usage_sum(&usage, &(struct orb_usage){ 0 });
    run->has_cost = json_is_number(cost) && json_number_value(cost) >= 0;
    run->cost = run->has_cost ? json_number_value(cost) : 0;
    json_decref(used);
}

struct orb_run *orb_run_new(const struct orb_run_spec *spec, struct orb_error *err)
{
    const struct orb_prices *prices = spec->prices ? spec->prices : orb_prices_builtin();
    double max_cost = spec->caller ? orb_run_payer(spec->caller)->plan->max_cost : spec->plan->max_cost;
    if (orb_history_check(spec->history, err) || check_prices(spec->plan, max_cost, prices, err)) {
        orb_plan_free(spec->plan);
        return NULL;
    }
    struct orb_run *run = orb_alloc(sizeof *run);
    run->plan = spec->plan;
    run->prices = prices;
    run->caller = spec->caller;
    run->history = orb_history_cut(spec->history);
    run->input = json_stringn_nocheck(spec->input, spec->input_len);
    run->is_detailed = spec->is_detailed;
    run->may_retry = spec->may_retry;
    run->artifact_bytes = spec->artifact_bytes ? spec->artifact_bytes : ORB_TOOL_ARTIFACT_BYTES;
    run->fn = spec->fn;
    run->arg = spec->arg;
    orb_buf_init(&run->text, ORB_RUN_TEXT_MAX);
    read_used(run, spec->used);
    free_choice(run);
    return run;
}

void orb_run_leave(struct orb_run *run)
{
    run->caller = NULL;
}

void orb_run_free(struct orb_run *run)
{
    if (!run)
        return;
    while (run->talks)
        orb_talk_free(run, run->talks);
    for (struct frame *f = run->frames, *next; f; f = next) {
        next = f->next;
        orb_frame_free(f);
    }
    for (size_t i = 0; run->tools && i < run->plan->agent_count; i++) {
        for (size_t k = 0; k < run->tools[i].count; k++)
            orb_tool_unref(run->tools[i].list[k]);
        free(run->tools[i].list);
    }
    for (size_t i = 0; run->later && i < run->plan->agent_count; i++)
        json_decref(run->later[i]);
    free(run->later);
    free(run->tools);
    free(run->actions);
    free(run->segments);
    free(run->err);
    orb_buf_done(&run->text);
    json_t *const values[] = { run->history, run->input, run->artifacts, run->unmetered, run->output, run->parsed };
    for (size_t i = 0; i < ORB_COUNT(values); i++)
        json_decref(values[i]);
    orb_plan_free(run->plan);
    free(run);
}

const struct orb_plan *orb_run_plan(const struct orb_run *run)
{
    return run->plan;
}

int orb_run_set_tools(struct orb_run *run, int agent, struct orb_tool *const *tools, size_t count, struct orb_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(tools[i]->name, tools[k]->name))
                return orb_error_set(err, ORB_E_AGENT, "Duplicate tool name '%.64s' on agent '%.100s'", tools[i]->name, run->plan->agents[agent]->name);
    if (!count)
        return 0;
    if (!run->tools)
        run->tools = orb_alloc(run->plan->agent_count * sizeof *run->tools);
    struct agent_tools *own = &run->tools[agent];
    ORB_ASSERT(!own->count);
    own->list = orb_alloc(count * sizeof *own->list);
    for (size_t i = 0; i < count; i++)
        own->list[own->count++] = orb_tool_ref(tools[i]);
    return 0;
}

void orb_run_start(struct orb_run *run, double now)
{
    orb_frame_start(run, NULL, run->plan->root, 0, 0, run->input, now);
}

/* ---- text, usage and the result ------------------------------------------ */

json_t *orb_run_message(const char *role, json_t *content)
{
    json_t *m = json_object();
    json_object_set_new(m, "role", json_string(role));
    json_object_set_new(m, "content", content);
    return m;
}

json_t *orb_run_words(const char *format, ...)
{
    char text[WORDS_MAX + 1];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = n < 0 ? 0 : strlen(text), bad;
    while ((bad = orb_utf8_check(text, len)) < len)
        text[bad] = '?';
    return json_stringn_nocheck(text, len);
}

void orb_run_text(const struct orb_run *run, struct orb_buf *out)
{
    if (run->text.len)
        orb_buf_add(out, run->text.data, run->text.len);
    for (const struct talk *t = run->talks; t; t = t->next)
        if (t->text.len && !t->is_settled)
            orb_buf_add(out, t->text.data, t->text.len);
}

static void say_again(struct orb_run *run, const struct orb_agent *agent, const char *text, size_t len)
{
    while (len) {
        size_t n = orb_utf8_truncate(text, len, REPLAY_BYTES);
        n = n ? n : len;
        orb_run_emit(run, agent, &(struct orb_event_out){ .type = ORB_EVENT_TEXT, .text = text, .text_len = n });
        text += n;
        len -= n;
    }
}

/* The next attempt's stream begins with what stands: the text of the steps that ended, and of those that go on. */
void orb_run_advanced(struct orb_run *run, double now)
{
    size_t pos = 0;
    struct orb_error err = { 0 };
    if (run->is_over)
        return;
    for (size_t i = 0; i < run->segment_count; pos += run->segments[i++].len)
        say_again(run, run->plan->agents[run->segments[i].agent], run->text.data + pos, run->segments[i].len);
    for (const struct talk *t = run->talks; t; t = t->next)
        if (!t->is_settled)
            say_again(run, t->agent, t->text.data, t->text.len);
    for (struct talk *t = run->talks; t; t = t->next) {
        if (t->state != TALK_BLOCKED)
            continue;
        if (orb_run_check_spending(run, &err)) {
            orb_run_fail(run, t, &err);
            return;
        }
        t->state = TALK_ASKING;
        t->step_started = now;
        orb_run_status(run, t->agent->name, "running", "Agent '%.200s' goes on with model '%.200s'", t->agent->name, orb_talk_model(t));
        orb_run_emit(run, t->agent, &(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "started", .step_number = t->step, .started_at = now });
        orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_REQUEST, .talk = t->id });
    }
}

/* Counts come from outside, and may be anything. */
static int64_t tokens(int64_t n)
{
    return n < 0 ? 0 : n > TOKENS_MAX ? TOKENS_MAX : n;
}

struct orb_usage orb_usage_sum(const struct orb_usage *a, const struct orb_usage *b)
{
    return (struct orb_usage){
        .input_tokens = tokens(tokens(a->input_tokens) + tokens(b->input_tokens)),
        .output_tokens = tokens(tokens(a->output_tokens) + tokens(b->output_tokens)),
        .total_tokens = tokens(tokens(a->total_tokens) + tokens(b->total_tokens)),
        .cached_tokens = tokens(tokens(a->cached_tokens) + tokens(b->cached_tokens)),
        .cache_write_tokens = tokens(tokens(a->cache_write_tokens) + tokens(b->cache_write_tokens)),
        .reasoning_tokens = tokens(tokens(a->reasoning_tokens) + tokens(b->reasoning_tokens)),
    };
}

static void put_count(struct orb_buf *b, const char *key, int64_t n)
{
    if (n)
        orb_buf_printf(b, ", \"%s\": %lld", key, (long long)n);
}

void orb_run_usage(const struct orb_run *run, char out[320])
{
    struct orb_usage sum = run->total;
    struct orb_buf b;
    double cost = run->cost, one;
    int has_cost = run->has_cost;
    orb_buf_init(&b, 320);
    for (const struct talk *t = run->talks; t; t = t->next) {
        if (t->is_settled || !t->usage.total_tokens)
            continue;
        sum = orb_usage_sum(&sum, &t->usage);
        if (!orb_prices_cost(run->prices, orb_talk_model(t), &t->usage, &one)) {
            cost += one;
            has_cost = 1;
        }
    }
    orb_buf_printf(&b, "{\"input_tokens\": %lld, \"output_tokens\": %lld, \"total_tokens\": %lld", (long long)sum.input_tokens,
                   (long long)sum.output_tokens, (long long)sum.total_tokens);
    put_count(&b, "cached_tokens", sum.cached_tokens);
    put_count(&b, "cache_write_tokens", sum.cache_write_tokens);
    put_count(&b, "reasoning_tokens", sum.reasoning_tokens);
    if (has_cost) {
        orb_buf_str(&b, ", \"cost\": ");
        orb_json_real(&b, round(cost * 1e9) / 1e9);
    }
    orb_buf_char(&b, '}');
    snprintf(out, 320, "%s", b.err ? "{}" : b.data);
    orb_buf_done(&b);
}

const char *orb_run_output(const struct orb_run *run, size_t *len)
{
    *len = json_string_length(run->output);
    return json_string_value(run->output);
}

void orb_run_result(const struct orb_run *run, struct orb_buf *out)
{
    size_t len = json_string_length(run->output);
    orb_buf_str(out, "{\"output\": ");
    orb_json_str(out, json_string_value(run->output), len);
    if (run->text.len != len || (len && memcmp(run->text.data, json_string_value(run->output), len))) {
        orb_buf_str(out, ", \"text\": ");
        orb_json_str(out, run->text.data ? run->text.data : "", run->text.len);
    }
    if (run->parsed) {
        orb_buf_str(out, ", \"parsed\": ");
        orb_json_dump(out, run->parsed);
    }
    orb_buf_char(out, '}');
}
