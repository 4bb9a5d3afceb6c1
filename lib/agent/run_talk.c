/* A conversation of a run: its steps, what is asked, and what the answer means. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *orb_talk_model(const struct talk *talk)
{
    return talk->agent->models.at[talk->model];
}

/* ---- talks --------------------------------------------------------------- */

struct talk *orb_talk_find(const struct orb_run *run, int id)
{
    struct talk *t = run->is_over ? NULL : run->talks;
    while (t && t->id != id)
        t = t->next;
    return t;
}

void orb_talk_drop_calls(struct talk *talk)
{
    for (int i = 0; i < talk->ncalls; i++) {
        struct call *c = &talk->calls[i];
        free(c->id);
        free(c->name);
        free(c->error);
        orb_buf_done(&c->arguments);
        json_decref(c->parsed);
        json_decref(c->text);
        json_decref(c->blocks);
    }
    free(talk->calls);
    talk->calls = NULL;
    talk->ncalls = talk->calls_cap = 0;
    json_decref(talk->kept);
    talk->kept = NULL;
}

void orb_talk_free(struct orb_run *run, struct talk *talk)
{
    struct talk **link = &run->talks;
    while (*link != talk)
        link = &(*link)->next;
    *link = talk->next;
    orb_talk_drop_calls(talk);
    json_decref(talk->before);
    json_decref(talk->input);
    json_decref(talk->turns);
    orb_buf_done(&talk->text);
    free(talk);
}

const struct orb_run *orb_run_payer(const struct orb_run *run)
{
    while (run->caller)
        run = run->caller;
    return run;
}

int orb_run_check_spending(const struct orb_run *run, struct orb_error *err)
{
    run = orb_run_payer(run);
    const struct orb_plan *plan = run->plan;
    if (run->unmetered && (plan->max_tokens_total || plan->max_cost > 0))
        return orb_error_set(err, ORB_E_BUDGET, "the model of agent '%.100s' has not told how many tokens it used, so %s cannot be kept; leave that out, or choose a "
                             "model that tells", json_string_value(run->unmetered), plan->max_cost > 0 ? "max_cost" : "max_tokens_total");
    if (plan->max_tokens_total && run->total.total_tokens >= plan->max_tokens_total)
        return orb_error_set(err, ORB_E_BUDGET, "the task has used %lld tokens, and max_tokens_total is %lld; raise it, or ask for less",
                             (long long)run->total.total_tokens, (long long)plan->max_tokens_total);
    if (plan->max_cost > 0 && run->cost >= plan->max_cost)
        return orb_error_set(err, ORB_E_BUDGET, "the task has cost $%.6f, and max_cost is $%g; raise it, or ask for less", run->cost, plan->max_cost);
    return 0;
}

static void start_step(struct orb_run *run, struct talk *talk, double now)
{
    struct orb_error err = { 0 };
    if (orb_run_check_spending(run, &err)) {
        orb_run_fail(run, talk, &err);
        return;
    }
    talk->step++;
    talk->step_started = now;
    talk->state = TALK_ASKING;
    talk->transfer = -1;
    talk->is_settled = 0;
    talk->finish = ORB_FINISH_STOP;
    orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "started", .step_number = talk->step, .started_at = now });
    orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_REQUEST, .talk = talk->id });
}

void orb_talk_start(struct orb_run *run, struct frame *frame, const struct orb_agent *agent, json_t *input, json_t *before, double now)
{
    struct talk *talk = orb_alloc(sizeof *talk), **end = &run->talks;
    struct orb_error err = { 0 };
    int count = 1;
    for (; *end; end = &(*end)->next)
        count++;
    *end = talk;
    talk->id = ++run->last_id;
    talk->agent = agent;
    talk->frame = frame;
    talk->input = json_incref(input);
    talk->before = before;
    orb_buf_init(&talk->text, ORB_RUN_TEXT_MAX);
    orb_run_status(run, agent->name, "starting", "Agent '%s' starting execution", agent->name);
    if (count > TALKS_MAX) {
        orb_error_set(&err, ORB_E_TOO_LARGE, "the task has over %d conversations under way at once", TALKS_MAX);
        orb_run_fail(run, talk, &err);
        return;
    }
    start_step(run, talk, now);
}

int orb_run_call(const struct orb_run *run, int id, const char **model, struct orb_model_call *out)
{
    const struct talk *talk = orb_talk_find(run, id);
    if (!talk || talk->state != TALK_ASKING)
        return ORB_E_NOT_FOUND;
    const struct orb_agent *agent = talk->agent;
    json_t *messages = json_array();
    if (*agent->instructions)
        json_array_append_new(messages, orb_run_message("system", json_string(agent->instructions)));
    if (run->history && !orb_frame_worker(talk->frame))
        json_array_extend(messages, run->history);
    if (talk->before)
        json_array_extend(messages, talk->before);
    if (talk->input)
        json_array_append_new(messages, orb_run_message("user", json_incref(talk->input)));
    if (talk->turns)
        json_array_extend(messages, talk->turns);
    *model = orb_talk_model(talk);
    const json_t *later = run->later && talk->step > 1 ? run->later[agent->index] : NULL;
    *out = (struct orb_model_call){
        .messages = messages, .tools = orb_calls_offer(run, talk), .temperature = agent->temperature, .max_tokens = agent->max_tokens,
        .options = later ? later : agent->options, .output_schema = agent->output_schema, .output_name = agent->output_name,
    };
    return 0;
}

/* ---- what it has come to -------------------------------------------------- */

/* What the step's call used goes to the task's account, and is told. */
static void charge(struct orb_run *run, const struct talk *talk)
{
    const int64_t usage[3] = { talk->usage.input_tokens, talk->usage.output_tokens, talk->usage.total_tokens };
    double cost = -1; /* there is no price, or nothing that it could be for */
    int has_cost = talk->usage.total_tokens && !orb_prices_cost(run->prices, orb_talk_model(talk), &talk->usage, &cost);
    const struct orb_run *payer = orb_run_payer(run);
    for (struct orb_run *r = run; r; r = r->caller) {
        r->total = orb_usage_sum(&r->total, &talk->usage);
        r->cost += has_cost ? cost : 0;
        r->has_cost |= has_cost;
        if (!talk->usage.total_tokens && !r->unmetered)
            r->unmetered = json_string_nocheck(talk->agent->name);
    }
    orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_USAGE, .usage = usage, .step_number = talk->step, .word = orb_talk_model(talk),
        .finish = talk->finish == ORB_FINISH_LENGTH ? "length" : talk->finish == ORB_FINISH_FILTER ? "content_filter" : NULL,
        .has_spending = 1, .cached_tokens = talk->usage.cached_tokens, .reasoning_tokens = talk->usage.reasoning_tokens,
        .cost = cost, .total_cost = payer->has_cost ? payer->cost : -1 });
}

void orb_talk_charge_broken(struct orb_run *run, struct talk *talk)
{
    if (talk->is_settled || !talk->usage.total_tokens)
        return;
    charge(run, talk);
    talk->usage = (struct orb_usage){ 0 };
}

static void step_completed(struct orb_run *run, struct talk *talk, double now)
{
    const int64_t usage[3] = { talk->usage.input_tokens, talk->usage.output_tokens, talk->usage.total_tokens };
    orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_STEP, .word = "completed", .step_number = talk->step,
        .started_at = talk->step_started, .completed_at = now, .usage = usage });
    talk->usage = (struct orb_usage){ 0 };
}

/* The step's text is part of what the run has said. It stays with the talk until its turn is written. */
static void settle_text(struct orb_run *run, struct talk *talk)
{
    if (!talk->text.len)
        return;
    if (run->segment_count == run->segment_cap) {
        size_t cap = run->segment_cap ? run->segment_cap * 2 : 4;
        struct segment *more = orb_alloc(cap * sizeof *more);
        if (run->segment_count)
            memcpy(more, run->segments, run->segment_count * sizeof *more);
        free(run->segments);
        run->segments = more;
        run->segment_cap = cap;
    }
    run->segments[run->segment_count++] = (struct segment){ talk->agent->index, talk->text.len };
    orb_buf_add(&run->text, talk->text.data, talk->text.len);
    run->live_bytes -= talk->text.len;
}

void orb_talk_drop(struct orb_run *run, struct talk *talk)
{
    if (!talk->is_settled) {
        orb_talk_charge_broken(run, talk);
        settle_text(run, talk);
    }
    orb_talk_free(run, talk);
}

/* A worker that was asked for what it cannot do, or that goes round in a circle, is its lead's to deal with, as a tool that fails is.
 * What a later attempt may mend, or a person must, ends the run. */
static int is_for_lead(int code)
{
    return code == ORB_E_AGENT || code == ORB_E_SWARM || code == ORB_E_LOOP || code == ORB_E_MODEL_INVALID || code == ORB_E_MODEL_CONTEXT ||
           code == ORB_E_MODEL_FILTER;
}

void orb_talk_fail(struct orb_run *run, struct talk *talk, const struct orb_error *why, double now)
{
    struct frame *worker = orb_frame_worker(talk->frame);
    struct orb_error err;
    if (!worker || !is_for_lead(why->code)) {
        orb_run_fail(run, talk, why);
        return;
    }
    orb_talk_charge_broken(run, talk);
    orb_run_explain(talk, worker, why, &err);
    orb_run_emit_error(run, talk, &err, 1);
    orb_frame_give_up(run, worker, &err, now);
}

static json_t *take_text(struct talk *talk)
{
    json_t *text = json_stringn_nocheck(talk->text.data ? talk->text.data : "", talk->text.len);
    orb_buf_done(&talk->text);
    orb_buf_init(&talk->text, ORB_RUN_TEXT_MAX);
    return text;
}

void orb_talk_add(struct orb_run *run, struct talk *talk, json_t *message, size_t bytes)
{
    if (!talk->turns)
        talk->turns = json_array();
    json_array_append_new(talk->turns, message);
    run->turns_bytes += bytes + CALL_OVERHEAD;
}

void orb_talk_add_turn(struct orb_run *run, struct talk *talk, json_t *calls)
{
    json_t *text = take_text(talk);
    size_t bytes = json_string_length(text);
    json_t *turn = orb_run_message("assistant", text);
    if (calls)
        json_object_set_new(turn, "tool_calls", calls);
    if (talk->kept) {
        const char *model = orb_talk_model(talk), *colon = strchr(model, ':');
        json_object_set_new(turn, "kept_by", colon ? json_stringn(model, (size_t)(colon - model)) : json_string("openai"));
        json_object_set_new(turn, "kept", talk->kept);
        talk->kept = NULL;
    }
    orb_talk_add(run, talk, turn, bytes);
}

/* ---- the end of a step ------------------------------------------------------ */

static void ask_again(struct orb_run *run, struct talk *talk, const struct orb_error *err, double now)
{
    char text[640];
    snprintf(text, sizeof text, "%s. Answer again, with nothing but JSON that fits the schema.", orb_error_message(err));
    talk->asked_again++;
    orb_talk_add_turn(run, talk, NULL);
    orb_talk_add(run, talk, orb_run_message("user", json_string(text)), strlen(text));
    start_step(run, talk, now);
}

static void finish(struct orb_run *run, struct talk *talk, double now)
{
    struct orb_error err = { 0 };
    json_t *parsed = NULL;
    int to = orb_frame_word(run, talk);
    if (to >= 0) {
        json_t *word = take_text(talk);
        orb_frame_handoff(run, talk, to, word, now);
        json_decref(word);
        return;
    }
    if (talk->agent->output_schema && !(parsed = orb_answer_check(talk, &err))) {
        if (talk->asked_again < talk->agent->output_retries)
            ask_again(run, talk, &err, now);
        else
            orb_talk_fail(run, talk, &err, now);
        return;
    }
    orb_frame_answered(run, talk, take_text(talk), parsed, now);
}

void orb_run_answered(struct orb_run *run, int id, double now)
{
    struct talk *talk = orb_talk_find(run, id);
    struct orb_error err = { 0 };
    if (!talk || talk->state != TALK_ASKING)
        return;
    charge(run, talk);
    settle_text(run, talk);
    talk->is_settled = 1;
    if (orb_answer_is_none(talk, &err)) {
        orb_talk_fail(run, talk, &err, now);
        return;
    }
    if (talk->ncalls) {
        talk->state = TALK_CALLING;
        orb_calls_begin(run, talk, now);
        return;
    }
    step_completed(run, talk, now);
    finish(run, talk, now);
}

void orb_talk_called(struct orb_run *run, struct talk *talk, double now)
{
    struct orb_error err = { 0 };
    step_completed(run, talk, now);
    if (run->turns_bytes > TURNS_BYTES_MAX) {
        orb_error_set(&err, ORB_E_TOO_LARGE, "the task's conversations are over %d MiB", TURNS_BYTES_MAX >> 20);
        orb_run_fail(run, talk, &err);
        return;
    }
    if (orb_repeats_check(talk, &err)) {
        orb_talk_fail(run, talk, &err, now);
        return;
    }
    int is_last = talk->transfer < 0 && talk->step >= talk->agent->max_steps;
    if (!is_last)
        orb_calls_record(run, talk);
    orb_talk_drop_calls(talk);
    if (is_last)
        finish(run, talk, now);
    else if (talk->transfer >= 0)
        orb_frame_handoff(run, talk, talk->transfer, NULL, now);
    else
        start_step(run, talk, now);
}

/* Not what the task itself has wrong (a request that is no request, or content that a provider will not have: those, any other
 * provider would be asked in vain, or should not be asked), nor what this worker lacks. A reply that is garbled or too large, and
 * a setting that is missing, are the provider's. */
static int is_providers_fault(int code)
{
    return code != ORB_E_MODEL_INVALID && code != ORB_E_MODEL_FILTER && code != ORB_E_NOMEM && code != ORB_E_CANCELLED;
}

/* Errors of models are told with the model's name; so are the others that a call may end with. */
static struct orb_error of_model(const struct talk *talk, const struct orb_error *why)
{
    struct orb_error err = *why;
    if (why->code > ORB_E_MODEL_AUTH || why->code < ORB_E_MODEL_TRUNCATED)
        orb_error_set(&err, why->code, "[%.200s] %s", orb_talk_model(talk), orb_error_message(why));
    return err;
}

void orb_run_model_failed(struct orb_run *run, int id, const struct orb_error *why, double now)
{
    struct talk *talk = orb_talk_find(run, id);
    struct orb_error err, told;
    int is_first = 1;
    if (!talk || talk->state != TALK_ASKING)
        return;
    err = of_model(talk, why);
    if (!is_providers_fault(err.code) || talk->model + 1 == talk->agent->models.count) {
        orb_talk_fail(run, talk, &err, now);
        return;
    }
    orb_talk_charge_broken(run, talk);
    orb_run_explain(talk, talk->frame, &err, &told);
    orb_run_emit_error(run, talk, &told, 1);
    talk->finish = ORB_FINISH_STOP;
    run->live_bytes -= talk->text.len;
    json_decref(take_text(talk));
    orb_talk_drop_calls(talk);
    talk->model++;
    for (const struct talk *t = run->talks; t; t = t->next)
        is_first &= t->state != TALK_BLOCKED;
    talk->state = TALK_BLOCKED;
    if (is_first)
        orb_run_push(run, &(struct orb_action){ .type = ORB_ACTION_ATTEMPT });
}
