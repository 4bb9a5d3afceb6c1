/* The tool calls of a step: put together from pieces, run side by side, answered
 * in their order. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the model asks for ----------------------------------------------- */

static void grow(struct talk *talk, int count)
{
    if (count > talk->calls_cap) {
        struct call *more = orb_alloc(sizeof *more * (size_t)(count + 1));
        if (talk->ncalls)
            memcpy(more, talk->calls, sizeof *more * (size_t)talk->ncalls);
        free(talk->calls);
        talk->calls = more;
        talk->calls_cap = count + 1;
    }
    while (talk->ncalls < count)
        orb_buf_init(&talk->calls[talk->ncalls++].arguments, ARGUMENTS_MAX);
}

static void replace(char **to, const char *text)
{
    if (!text)
        return;
    free(*to);
    *to = orb_strdup(text);
}

void orb_calls_delta(struct orb_run *run, struct talk *talk, const struct orb_delta *d)
{
    if (d->index < 0 || d->index >= CALLS_MAX) {
        orb_talk_too_large(run, talk);
        return;
    }
    if (d->index >= talk->ncalls)
        run->turns_bytes += CALL_OVERHEAD * (size_t)(d->index + 1 - talk->ncalls);
    /* The answer repeats the id and the name. */
    run->turns_bytes += (d->id ? 2 * strlen(d->id) : 0) + (d->name ? 2 * strlen(d->name) : 0) + (d->text ? d->len : 0);
    if (run->turns_bytes > TURNS_BYTES_MAX) {
        orb_talk_too_large(run, talk);
        return;
    }
    grow(talk, d->index + 1);
    struct call *call = &talk->calls[d->index];
    replace(&call->id, d->id);
    replace(&call->name, d->name);
    if (d->text)
        orb_buf_add(&call->arguments, d->text, d->len);
    if (call->arguments.err)
        orb_talk_too_large(run, talk);
}

json_t *orb_calls_offer(const struct orb_run *run, const struct talk *talk)
{
    json_t *list = json_array();
    char name[ORB_TOOL_NAME_MAX + 1];
    int target;
    enum special kind;
    const struct agent_tools *own = run->tools ? &run->tools[talk->agent->index] : NULL;
    for (size_t i = 0; own && i < own->count; i++) {
        const struct orb_tool *tool = own->list[i];
        kind = orb_special_find(run, talk, tool->name, &target);
        if (kind == SPECIAL_NONE || kind == SPECIAL_ARTIFACT)
            json_array_append_new(list, json_pack("{s:s, s:s, s:O}", "name", tool->name, "description", tool->description, "parameters", tool->parameters));
    }
    for (size_t i = 0; (kind = orb_special_at(run, talk, i, name, &target)); i++)
        if (*name)
            json_array_append_new(list, orb_special_describe(run, talk, kind, name, target));
    if (json_array_size(list))
        return list;
    json_decref(list);
    return NULL;
}

static struct orb_tool *find_tool(const struct orb_run *run, const struct talk *talk, const char *name)
{
    const struct agent_tools *own = run->tools ? &run->tools[talk->agent->index] : NULL;
    for (size_t i = 0; own && i < own->count; i++)
        if (!strcmp(own->list[i]->name, name))
            return own->list[i];
    return NULL;
}

/* ---- one call -------------------------------------------------------------- */

/* Takes the text, which is sent with every step from now on. */
static void done(struct orb_run *run, struct call *call, json_t *text, double duration_ms)
{
    call->state = CALL_DONE;
    call->text = text;
    call->duration_ms = duration_ms;
    run->turns_bytes += json_string_length(text);
}

/* Takes the words of what went wrong. */
static void fail(struct orb_run *run, struct call *call, double duration_ms, json_t *words)
{
    call->state = CALL_DONE;
    call->error = orb_strdup(json_string_value(words));
    call->duration_ms = duration_ms;
    run->turns_bytes += json_string_length(words);
    json_decref(words);
}

/* Arguments as an object; what is wrong with them becomes the call's error. */
static void read_arguments(struct orb_run *run, struct call *call)
{
    const char *text = call->arguments.data ? call->arguments.data : "";
    size_t len = call->arguments.len;
    struct orb_error err;
    if (strspn(text, " \t\r\n") == len) {
        call->parsed = json_object();
        return;
    }
    call->parsed = orb_json_parse(text, len, &orb_json_limits_default, &err);
    if (!call->parsed) {
        fail(run, call, 0, orb_run_words("Invalid JSON in arguments for tool '%.64s': %.150s", call->name, err.text));
    } else if (!json_is_object(call->parsed)) {
        fail(run, call, 0, orb_run_words("Tool '%.64s' arguments must be a JSON object, got %s", call->name, json_is_array(call->parsed) ? "list" :
             json_is_string(call->parsed) ? "str" : json_is_number(call->parsed) ? "number" : json_is_null(call->parsed) ? "null" : "bool"));
        json_decref(call->parsed);
        call->parsed = NULL;
    }
}

static void transfer(struct orb_run *run, struct talk *talk, struct call *call, int agent)
{
    if (talk->transfer >= 0) {
        fail(run, call, 0, orb_run_words("Control already passes to '%.100s'", run->plan->agents[talk->transfer]->name));
        return;
    }
    talk->transfer = agent;
    done(run, call, orb_run_words("Transferred to '%.100s'", run->plan->agents[agent]->name), 0);
}

static void delegate(struct orb_run *run, struct talk *talk, int index, int place, double now)
{
    struct call *call = &talk->calls[index];
    json_t *task = json_object_get(call->parsed, "task");
    if (!json_is_string(task)) {
        fail(run, call, 0, orb_run_words("Tool '%.64s' failed: it needs task, a string", call->name));
        return;
    }
    call->state = CALL_DELEGATED;
    call->started_at = now;
    orb_frame_delegate(run, talk, place, index, task, now);
}

static void start(struct orb_run *run, struct talk *talk, int index, double now)
{
    struct call *call = &talk->calls[index];
    int target = 0;
    struct orb_tool *tool;
    read_arguments(run, call);
    if (call->state == CALL_DONE)
        return;
    enum special kind = orb_special_find(run, talk, call->name, &target);
    tool = kind == SPECIAL_DELEGATE || kind == SPECIAL_TRANSFER ? NULL : find_tool(run, talk, call->name);
    if (tool) {
        call->state = CALL_RUNNING;
        call->started_at = now;
        orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_TOOL, .talk = talk->id, .call = index, .tool = tool, .arguments = call->parsed });
    } else if (kind == SPECIAL_DELEGATE) {
        delegate(run, talk, index, target, now);
    } else if (kind == SPECIAL_TRANSFER) {
        transfer(run, talk, call, target);
    } else if (kind == SPECIAL_ARTIFACT) {
        done(run, call, orb_artifact_read(run, orb_json_get_str(call->parsed, "id", "")), 0);
    } else {
        fail(run, call, 0, orb_run_words("Unknown tool '%.200s'", call->name));
    }
}

/* ---- all calls of a step ----------------------------------------------------- */

static void tell_results(struct orb_run *run, struct talk *talk)
{
    for (int i = 0; i < talk->ncalls; i++) {
        const struct call *c = &talk->calls[i];
        orb_run_emit(run, talk->agent, &(struct orb_event_out){
            .type = ORB_EVENT_TOOL_RESULT, .word = c->name, .tool_call_id = c->id, .arguments = c->parsed, .tool_error = c->error,
            .text = json_string_value(c->text), .text_len = json_string_length(c->text), .duration_ms = c->duration_ms });
    }
}

static int is_under_way(const struct call *call)
{
    return call->state == CALL_RUNNING || call->state == CALL_DELEGATED;
}

/* As many as may run at once; then the step is over, or waits for those that run. */
static void go_on(struct orb_run *run, struct talk *talk, double now)
{
    int64_t running = 0;
    int id = talk->id;
    for (int i = 0; i < talk->ncalls; i++)
        running += is_under_way(&talk->calls[i]);
    for (int i = 0; i < talk->ncalls && running < run->plan->tool_concurrency; i++) {
        if (talk->calls[i].state != CALL_WAITING)
            continue;
        start(run, talk, i, now);
        /* A worker's beginning may have been the end of all. */
        if (!orb_talk_find(run, id))
            return;
        running += is_under_way(&talk->calls[i]);
    }
    for (int i = 0; i < talk->ncalls; i++)
        if (talk->calls[i].state != CALL_DONE)
            return;
    tell_results(run, talk);
    orb_talk_called(run, talk, now);
}

void orb_calls_begin(struct orb_run *run, struct talk *talk, double now)
{
    for (int i = 0; i < talk->ncalls; i++) {
        struct call *call = &talk->calls[i];
        char id[64];
        snprintf(id, sizeof id, "call_%d_%lld_%d", talk->id, (long long)talk->step, i); /* a conversation may be handed on */
        if (!call->name)
            call->name = orb_strdup("");
        if (!call->id || !*call->id)
            replace(&call->id, id);
        orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_TOOL_CALL, .word = call->name, .tool_call_id = call->id });
    }
    go_on(run, talk, now);
}

/* The call that waits in that state; NULL: nobody does. */
static struct call *waiting_call(struct talk *talk, int index, enum call_state state)
{
    if (!talk || talk->state != TALK_CALLING || index < 0 || index >= talk->ncalls || talk->calls[index].state != state)
        return NULL;
    return &talk->calls[index];
}

/* The blocks with other text; NULL when there was nothing but text. */
static json_t *replace_text(const json_t *blocks, json_t *text)
{
    json_t *out = json_pack("[{s:s, s:O}]", "type", "text", "text", text), *block;
    size_t i;
    json_array_foreach((json_t *)blocks, i, block)
        if (strcmp(orb_json_get_str(block, "type", ""), "text"))
            json_array_append(out, block);
    if (json_array_size(out) > 1)
        return out;
    json_decref(out);
    return NULL;
}

/* A large text becomes an artifact. */
static void take_result(struct orb_run *run, struct call *call, const struct orb_tool_result *r, int is_large)
{
    if (r->error) {
        fail(run, call, r->duration_ms, orb_run_words("%s", r->error));
        return;
    }
    is_large = is_large || r->len > run->artifact_bytes;
    done(run, call, is_large ? orb_artifact_keep(run, call->name, r->content, r->len) : json_stringn_nocheck(r->len ? r->content : "", r->len), r->duration_ms);
    if (r->blocks)
        call->blocks = is_large ? replace_text(r->blocks, call->text) : json_incref((json_t *)r->blocks);
    run->turns_bytes += call->blocks ? orb_run_bytes(call->blocks) : 0;
}

void orb_run_tool_result(struct orb_run *run, int id, int index, const struct orb_tool_result *result, double now)
{
    struct talk *talk = orb_talk_find(run, id);
    struct call *call = waiting_call(talk, index, CALL_RUNNING);
    if (!call)
        return;
    const struct orb_tool *tool = find_tool(run, talk, call->name);
    take_result(run, call, result, tool && tool->is_large);
    go_on(run, talk, now);
}

void orb_calls_answer(struct orb_run *run, int id, int index, const struct orb_tool_result *result, double now)
{
    struct talk *talk = orb_talk_find(run, id);
    struct call *call = waiting_call(talk, index, CALL_DELEGATED);
    struct orb_tool_result timed = *result;
    if (!call)
        return;
    timed.duration_ms = (now - call->started_at) * 1000;
    take_result(run, call, &timed, 0);
    go_on(run, talk, now);
}

void orb_run_tool_progress(struct orb_run *run, int id, int index, const char *text)
{
    struct talk *talk = orb_talk_find(run, id);
    const struct call *call = waiting_call(talk, index, CALL_RUNNING);
    if (call)
        orb_run_status(run, talk->agent->name, "running", "Tool '%s': %s", call->name, text);
}

void orb_calls_record(struct orb_run *run, struct talk *talk)
{
    json_t *calls = json_array();
    char name[ORB_TOOL_NAME_MAX + 1];
    for (int i = 0; i < talk->ncalls; i++) {
        const struct call *c = &talk->calls[i];
        /* Models make names up, and providers refuse a conversation with one that no tool could have. */
        orb_plan_tool_name("", *c->name ? c->name : "unknown", name);
        json_array_append_new(calls, json_pack("{s:s, s:s, s:s}", "id", c->id, "name", name, "arguments", c->arguments.data ? c->arguments.data : ""));
    }
    orb_talk_add_turn(run, talk, calls);
    for (int i = 0; i < talk->ncalls; i++) {
        const struct call *c = &talk->calls[i];
        json_t *content = c->error ? json_string(c->error) : json_incref(c->blocks ? c->blocks : c->text);
        json_t *m = orb_run_message("tool", content);
        orb_plan_tool_name("", *c->name ? c->name : "unknown", name);
        json_object_set_new(m, "tool_call_id", json_string(c->id));
        json_object_set_new(m, "tool_name", json_string(name));
        json_object_set_new(m, "error", c->error ? json_string(c->error) : json_null());
        orb_talk_add(run, talk, m, 0);
    }
}
