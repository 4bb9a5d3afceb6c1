#include "agent/run.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (8 * 1024 * 1024)    /* of one run */
#define CALLS_MAX 128                 /* tool calls of one step */
#define ARGUMENTS_MAX (1024 * 1024)   /* of one call */
#define CALLS_BYTES_MAX (16 * 1024 * 1024) /* of all calls of one run, which are sent anew in every step */
#define CALL_OVERHEAD 512             /* a call and its answer without names and arguments */
#define TOKENS_MAX (INT64_C(1) << 53) /* what a JSON reader counts exactly */

struct call {
    char *id, *name;
    struct orb_buf arguments;
};

struct orb_run {
    struct orb_agent agent;
    json_t *history, *turns;          /* before the input; since the input: NULL until a tool was called */
    char *input;
    size_t input_len;
    orb_run_event_fn fn;
    void *arg;
    int is_detailed;
    int64_t step;
    double step_started;
    struct orb_buf text;              /* of all steps */
    size_t step_text;                 /* where this step's begins */
    struct call *calls;               /* of this step */
    int ncalls, calls_cap;
    size_t calls_bytes;               /* of all steps */
    struct orb_usage usage, total;    /* of this step, of all steps before */
    int is_over_limit;
};

static void emit(struct orb_run *run, const struct orb_event_out *event)
{
    struct orb_event_out e = *event;
    e.agent_name = run->agent.name;
    int is_basic = e.type == ORB_EVENT_TEXT || e.type == ORB_EVENT_TOOL_CALL || e.type == ORB_EVENT_ERROR;
    if (run->is_detailed || is_basic)
        run->fn(run->arg, &e);
}

/* ---- messages ---------------------------------------------------------- */

static json_t *message(const char *role, const char *content, size_t len)
{
    json_t *m = json_object();
    json_object_set_new(m, "role", json_string(role));
    json_object_set_new(m, "content", json_stringn_nocheck(content, len));
    return m;
}

static int check_history(const json_t *history, struct orb_error *err)
{
    size_t i;
    json_t *m;
    json_array_foreach(history, i, m) {
        const char *role = orb_json_get_str(m, "role", "");
        if (strcmp(role, "user") && strcmp(role, "system") && strcmp(role, "assistant") && strcmp(role, "tool"))
            return orb_error_set(err, ORB_E_AGENT, "Unknown message role: '%s' (messages[%zu])", role, i);
        if (!strcmp(role, "tool") && (!json_is_string(json_object_get(m, "tool_call_id")) || !json_is_string(json_object_get(m, "tool_name"))))
            return orb_error_set(err, ORB_E_AGENT, "messages[%zu]: a tool message needs tool_call_id and tool_name", i);
    }
    return 0;
}

struct orb_run *orb_run_new(struct orb_agent *agent, json_t *history, const char *input, size_t input_len, int is_detailed,
                            orb_run_event_fn fn, void *arg, struct orb_error *err)
{
    if (check_history(history, err)) {
        orb_agent_done(agent);
        return NULL;
    }
    struct orb_run *run = orb_alloc(sizeof *run);
    run->agent = *agent;
    memset(agent, 0, sizeof *agent);
    run->fn = fn;
    run->arg = arg;
    run->is_detailed = is_detailed;
    orb_buf_init(&run->text, TEXT_MAX);
    run->history = json_array_size(history) ? json_incref(history) : NULL;
    run->input = orb_memdup(input, input_len);
    run->input_len = input_len;
    return run;
}

static void drop_calls(struct orb_run *run)
{
    for (int i = 0; i < run->ncalls; i++) {
        free(run->calls[i].id);
        free(run->calls[i].name);
        orb_buf_done(&run->calls[i].arguments);
    }
    free(run->calls);
    run->calls = NULL;
    run->ncalls = run->calls_cap = 0;
}

void orb_run_free(struct orb_run *run)
{
    if (!run)
        return;
    drop_calls(run);
    json_decref(run->history);
    json_decref(run->turns);
    free(run->input);
    orb_buf_done(&run->text);
    orb_agent_done(&run->agent);
    free(run);
}

const struct orb_agent *orb_run_agent(const struct orb_run *run)
{
    return &run->agent;
}

/* ---- steps ------------------------------------------------------------- */

static void status(struct orb_run *run, const char *word, const char *format)
{
    char text[512];
    int n = snprintf(text, sizeof text, format, run->agent.name);
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = word, .text = text,
                                       .text_len = n < (int)sizeof text ? (size_t)n : sizeof text - 1 });
}

static void start_step(struct orb_run *run, double now)
{
    run->step++;
    run->step_started = now;
    run->step_text = run->text.len;
    run->usage = (struct orb_usage){ 0 };
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "started", .step_number = run->step, .started_at = now });
}

enum orb_run_next orb_run_start(struct orb_run *run, double now)
{
    status(run, "starting", "Agent '%s' starting execution");
    start_step(run, now);
    return ORB_RUN_REQUEST;
}

void orb_run_call(const struct orb_run *run, struct orb_model_call *out)
{
    json_t *messages = json_array();
    if (*run->agent.instructions)
        json_array_append_new(messages, message("system", run->agent.instructions, strlen(run->agent.instructions)));
    if (run->history)
        json_array_extend(messages, run->history);
    json_array_append_new(messages, message("user", run->input, run->input_len));
    if (run->turns)
        json_array_extend(messages, run->turns);
    *out = (struct orb_model_call){ .messages = messages, .temperature = run->agent.temperature, .max_tokens = run->agent.max_tokens };
}

static void grow_calls(struct orb_run *run, int count)
{
    if (count > run->calls_cap) {
        struct call *more = orb_alloc(sizeof *more * (size_t)(count + 4));
        if (run->ncalls)
            memcpy(more, run->calls, sizeof *more * (size_t)run->ncalls);
        free(run->calls);
        run->calls = more;
        run->calls_cap = count + 4;
    }
    while (run->ncalls < count)
        orb_buf_init(&run->calls[run->ncalls++].arguments, ARGUMENTS_MAX);
}

static void tool_delta(struct orb_run *run, const struct orb_delta *d)
{
    if (d->index < 0 || d->index >= CALLS_MAX || run->is_over_limit) {
        run->is_over_limit = 1;
        return;
    }
    if (d->index >= run->ncalls)
        run->calls_bytes += CALL_OVERHEAD * (size_t)(d->index + 1 - run->ncalls);
    /* The answer repeats the id and the name. */
    run->calls_bytes += (d->id ? 2 * strlen(d->id) : 0) + (d->name ? 2 * strlen(d->name) : 0) + (d->text ? d->len : 0);
    if (run->calls_bytes > CALLS_BYTES_MAX) {
        run->is_over_limit = 1;
        return;
    }
    grow_calls(run, d->index + 1);
    struct call *call = &run->calls[d->index];
    if (d->id) {
        free(call->id);
        call->id = orb_strdup(d->id);
    }
    if (d->name) {
        free(call->name);
        call->name = orb_strdup(d->name);
    }
    if (d->text)
        orb_buf_add(&call->arguments, d->text, d->len);
    if (call->arguments.err)
        run->is_over_limit = 1;
}

/* Counts come from outside, and may be anything. */
static int64_t tokens(int64_t n)
{
    return n < 0 ? 0 : n > TOKENS_MAX ? TOKENS_MAX : n;
}

static struct orb_usage usage_sum(const struct orb_usage *a, const struct orb_usage *b)
{
    return (struct orb_usage){
        .input_tokens = tokens(a->input_tokens + b->input_tokens), .output_tokens = tokens(a->output_tokens + b->output_tokens),
        .total_tokens = tokens(a->total_tokens + b->total_tokens), .cached_tokens = tokens(a->cached_tokens + b->cached_tokens),
        .cache_write_tokens = tokens(a->cache_write_tokens + b->cache_write_tokens),
        .reasoning_tokens = tokens(a->reasoning_tokens + b->reasoning_tokens),
    };
}

void orb_run_delta(struct orb_run *run, const struct orb_delta *d)
{
    switch (d->type) {
    case ORB_DELTA_TEXT:
        if (!d->len || run->is_over_limit)
            break;
        if (run->text.len + d->len > TEXT_MAX) {
            run->is_over_limit = 1;
            break;
        }
        orb_buf_add(&run->text, d->text, d->len);
        emit(run, &(struct orb_event_out){ .type = ORB_EVENT_TEXT, .text = d->text, .text_len = d->len });
        break;
    case ORB_DELTA_REASONING:
        if (d->len)
            emit(run, &(struct orb_event_out){ .type = ORB_EVENT_REASONING, .text = d->text, .text_len = d->len });
        break;
    case ORB_DELTA_TOOL_CALL:
        tool_delta(run, d);
        break;
    case ORB_DELTA_USAGE:
        run->usage = usage_sum(&d->usage, &(struct orb_usage){ 0 });
        break;
    case ORB_DELTA_KEEP:
    case ORB_DELTA_FINISH:
        break;
    }
}

/* ---- tools ------------------------------------------------------------- */

/* Arguments as an object; NULL with *problem when they are none. */
static json_t *read_arguments(const struct call *call, char problem[256])
{
    const char *text = call->arguments.data ? call->arguments.data : "";
    size_t len = call->arguments.len;
    if (strspn(text, " \t\r\n") == len)
        return json_object();
    struct orb_error err;
    json_t *value = orb_json_parse(text, len, &orb_json_limits_default, &err);
    if (!value) {
        snprintf(problem, 256, "Invalid JSON in arguments for tool '%.64s': %.150s", call->name, err.text);
        return NULL;
    }
    if (!json_is_object(value)) {
        snprintf(problem, 256, "Tool '%.64s' arguments must be a JSON object", call->name);
        json_decref(value);
        return NULL;
    }
    return value;
}

static void answer_call(struct orb_run *run, const struct call *call, json_t *results)
{
    char problem[256];
    json_t *arguments = read_arguments(call, problem);
    if (arguments)
        snprintf(problem, sizeof problem, "Unknown tool '%.200s'", call->name);
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_TOOL_RESULT, .word = call->name, .tool_call_id = call->id,
                                       .arguments = arguments, .tool_error = problem });
    json_t *m = message("tool", problem, strlen(problem));
    json_object_set_new(m, "tool_call_id", json_string(call->id));
    json_object_set_new(m, "tool_name", json_string(call->name));
    json_object_set_new(m, "error", json_string(problem));
    json_array_append_new(results, m);
    json_decref(arguments);
}

/* The assistant's turn and the tools' answers, into the conversation. */
static void run_tools(struct orb_run *run)
{
    json_t *turn = message("assistant", run->text.data ? run->text.data + run->step_text : "", run->text.len - run->step_text);
    json_t *calls = json_array();
    json_t *results = json_array();
    for (int i = 0; i < run->ncalls; i++) {
        struct call *call = &run->calls[i];
        if (!call->name)
            call->name = orb_strdup("");
        if (!call->id) {
            char id[48];
            snprintf(id, sizeof id, "call_%lld_%d", (long long)run->step, i);
            call->id = orb_strdup(id);
        }
        emit(run, &(struct orb_event_out){ .type = ORB_EVENT_TOOL_CALL, .word = call->name, .tool_call_id = call->id });
        json_array_append_new(calls, json_pack("{s:s, s:s, s:s}", "id", call->id, "name", call->name, "arguments",
                                               call->arguments.data ? call->arguments.data : ""));
    }
    for (int i = 0; i < run->ncalls; i++)
        answer_call(run, &run->calls[i], results);
    json_object_set_new(turn, "tool_calls", calls);
    if (!run->turns)
        run->turns = json_array();
    json_array_append_new(run->turns, turn);
    json_array_extend(run->turns, results);
    json_decref(results);
}

enum orb_run_next orb_run_answered(struct orb_run *run, double now, struct orb_error *err)
{
    if (run->is_over_limit) {
        orb_error_set(err, ORB_E_TOO_LARGE, "the model's answer is over a limit of this worker (%d MiB of text, %d tool calls a step, %d MiB of arguments, %d MiB of tool calls a task)",
                      TEXT_MAX >> 20, CALLS_MAX, ARGUMENTS_MAX >> 20, CALLS_BYTES_MAX >> 20);
        return ORB_RUN_FAILED;
    }
    const int64_t usage[3] = { run->usage.input_tokens, run->usage.output_tokens, run->usage.total_tokens };
    run->total = usage_sum(&run->total, &run->usage);
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_USAGE, .usage = usage, .step_number = run->step, .word = run->agent.model });
    int had_calls = run->ncalls > 0;
    if (had_calls)
        run_tools(run);
    drop_calls(run);
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "completed", .step_number = run->step,
                                       .started_at = run->step_started, .completed_at = now, .usage = usage });
    run->usage = (struct orb_usage){ 0 };
    if (!had_calls || run->step >= run->agent.max_steps)
        return ORB_RUN_DONE;
    start_step(run, now);
    return ORB_RUN_REQUEST;
}

void orb_run_fail(struct orb_run *run, struct orb_error *err, int is_recoverable)
{
    int is_model = err->code <= ORB_E_MODEL_AUTH && err->code >= ORB_E_MODEL_TRUNCATED;
    if (is_model) {
        struct orb_error plain = *err;
        orb_error_set(err, plain.code, "[%s] %s", run->agent.model, orb_error_message(&plain));
        err->retry_after_ms = plain.retry_after_ms;
    }
    const char *text = orb_error_message(err);
    emit(run, &(struct orb_event_out){ .type = ORB_EVENT_ERROR, .text = text, .text_len = strlen(text),
                                       .word = is_model ? "ModelError" : orb_error_type(err->code), .step_number = run->step,
                                       .is_recoverable = is_recoverable });
}

/* ---- results ----------------------------------------------------------- */

void orb_run_result(const struct orb_run *run, struct orb_buf *out)
{
    const char *text = run->text.data ? run->text.data : "";
    orb_buf_str(out, "{\"output\": ");
    orb_json_str(out, text + run->step_text, run->text.len - run->step_text);
    if (run->step_text) {
        orb_buf_str(out, ", \"text\": ");
        orb_json_str(out, text, run->text.len);
    }
    orb_buf_char(out, '}');
}

const char *orb_run_text(const struct orb_run *run, size_t *len)
{
    *len = run->text.len;
    return run->text.data ? run->text.data : "";
}

void orb_run_usage(const struct orb_run *run, char out[128])
{
    struct orb_usage sum = usage_sum(&run->total, &run->usage);
    snprintf(out, 128, "{\"input_tokens\": %lld, \"output_tokens\": %lld, \"total_tokens\": %lld}",
             (long long)sum.input_tokens, (long long)sum.output_tokens, (long long)sum.total_tokens);
}
