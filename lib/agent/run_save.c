/* The state of a run that waits, as JSON, and back. What the task itself has (its
 * config, messages and input) is not in it. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define IDS_MAX 1000000000
#define SAVED_FRAMES_MAX 65536

/* ---- writing --------------------------------------------------------------- */

static json_t *text_of(const struct orb_buf *b)
{
    return json_stringn_nocheck(b->data ? b->data : "", b->len);
}

static json_t *string_or_null(const char *s)
{
    return s ? json_stringn_nocheck(s, strlen(s)) : json_null();
}

static json_t *copy_or_null(const json_t *value)
{
    return value ? json_deep_copy(value) : json_null();
}

static json_t *save_usage(const struct orb_usage *u)
{
    return json_pack("[I, I, I, I, I, I]", (json_int_t)u->input_tokens, (json_int_t)u->output_tokens, (json_int_t)u->total_tokens,
                     (json_int_t)u->cached_tokens, (json_int_t)u->cache_write_tokens, (json_int_t)u->reasoning_tokens);
}

static json_t *save_calls(const struct talk *t)
{
    json_t *all = json_array();
    for (int i = 0; i < t->ncalls; i++) {
        const struct call *c = &t->calls[i];
        json_array_append_new(all, json_pack("{s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:f, s:f}", "id", string_or_null(c->id), "name", string_or_null(c->name),
            "arguments", text_of(&c->arguments), "state", (int)c->state, "parsed", copy_or_null(c->parsed), "text", copy_or_null(c->text),
            "blocks", copy_or_null(c->blocks), "error", string_or_null(c->error), "started_at", c->started_at, "duration_ms", c->duration_ms));
    }
    return all;
}

static json_t *save_talk(const struct talk *t)
{
    json_t *o = json_pack("{s:i, s:i, s:i, s:i, s:b, s:i, s:I, s:I, s:f, s:i, s:b}", "id", t->id, "agent", t->agent->index, "frame", t->frame->id,
        "state", (int)t->state, "history", t->has_history, "model", (int)t->model, "step", (json_int_t)t->step, "asked_again", (json_int_t)t->asked_again,
        "step_started", t->step_started, "transfer", t->transfer, "settled", t->is_settled);
    json_object_set_new(o, "before", copy_or_null(t->before));
    json_object_set_new(o, "input", copy_or_null(t->input));
    json_object_set_new(o, "turns", copy_or_null(t->turns));
    json_object_set_new(o, "kept", copy_or_null(t->kept));
    json_object_set_new(o, "text", text_of(&t->text));
    json_object_set_new(o, "calls", save_calls(t));
    json_object_set_new(o, "usage", save_usage(&t->usage));
    json_object_set_new(o, "repeats", json_pack("[I, I, I, I]", (json_int_t)t->same_call.hash, (json_int_t)t->same_call.count,
                                                (json_int_t)t->same_step.hash, (json_int_t)t->same_step.count));
    return o;
}

static json_t *save_frame(const struct frame *f)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:b, s:I, s:I, s:i, s:o, s:I}", "id", f->id, "parent", f->parent ? f->parent->id : 0, "member", f->member,
        "slot", f->slot, "talk", f->talk, "history", f->has_history, "stage", (json_int_t)f->stage, "first", (json_int_t)f->first, "waiting", f->waiting,
        "outputs", copy_or_null(f->outputs), "handoffs", (json_int_t)f->handoffs);
}

json_t *orb_run_save(const struct orb_run *run)
{
    json_t *talks = json_array(), *frames = json_array(), *segments = json_array();
    ORB_ASSERT(run->action_pos == run->action_count);
    for (const struct talk *t = run->talks; t; t = t->next)
        json_array_append_new(talks, save_talk(t));
    for (const struct frame *f = run->frames; f; f = f->next) /* the newest first: turned round */
        json_array_insert_new(frames, 0, save_frame(f));
    for (size_t i = 0; i < run->segment_count; i++)
        json_array_append_new(segments, json_pack("[i, I]", run->segments[i].agent, (json_int_t)run->segments[i].len));
    json_t *o = json_pack("{s:i, s:i, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:f, s:b, s:o, s:o}", "version", STATE_VERSION, "last_id", run->last_id,
        "over", run->is_over, "frames", frames, "talks", talks, "text", text_of(&run->text), "segments", segments, "turns_bytes", (json_int_t)run->turns_bytes,
        "live_bytes", (json_int_t)run->live_bytes, "reasoning_bytes", (json_int_t)run->reasoning_bytes, "artifacts", copy_or_null(run->artifacts), "artifact_count", (json_int_t)run->artifact_count,
        "usage", save_usage(&run->total), "cost", run->cost, "has_cost", run->has_cost, "output", copy_or_null(run->output), "parsed", copy_or_null(run->parsed));
    if (run->err)
        json_object_set_new(o, "error", json_pack("{s:i, s:I, s:s}", "code", run->err->code, "retry_after_ms", (json_int_t)run->err->retry_after_ms,
                                                  "text", run->err->text));
    return o;
}

/* ---- reading --------------------------------------------------------------- */

/* What is not as save wrote it; the first one counts. */
struct loader {
    struct orb_run *run;
    const char *wrong;
};

static int64_t number(struct loader *l, const json_t *object, const char *key, int64_t min, int64_t max)
{
    const json_t *value = json_object_get(object, key);
    int64_t n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
    if ((!json_is_integer(value) && !json_is_boolean(value)) || n < min || n > max) {
        l->wrong = l->wrong ? l->wrong : key;
        return min;
    }
    return n;
}

static json_t *value_of(struct loader *l, const json_t *object, const char *key, int type)
{
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return NULL;
    if ((int)json_typeof(value) != type) {
        l->wrong = l->wrong ? l->wrong : key;
        return NULL;
    }
    return json_deep_copy(value);
}

static void load_text(struct loader *l, const json_t *object, const char *key, struct orb_buf *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) > out->max) {
        l->wrong = l->wrong ? l->wrong : key;
        return;
    }
    if (json_string_length(value))
        orb_buf_add(out, json_string_value(value), json_string_length(value));
}

static char *load_string(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? orb_strdup(s) : NULL;
}

static void load_usage(const json_t *object, struct orb_usage *out)
{
    const json_t *u = json_object_get(object, "usage");
    int64_t *const to[] = { &out->input_tokens, &out->output_tokens, &out->total_tokens, &out->cached_tokens, &out->cache_write_tokens, &out->reasoning_tokens };
    for (size_t i = 0; i < ORB_COUNT(to); i++)
        *to[i] = json_integer_value(json_array_get(u, i));
    *out = orb_usage_sum(out, &(struct orb_usage){ 0 });
}

static struct frame *find_frame(const struct orb_run *run, int64_t id)
{
    struct frame *f = run->frames;
    while (f && f->id != id)
        f = f->next;
    return f;
}

static void load_frame(struct loader *l, const json_t *o)
{
    struct orb_run *run = l->run;
    int64_t parent = number(l, o, "parent", 0, IDS_MAX), member;
    struct frame *above = parent ? find_frame(run, parent) : NULL;
    if (parent && (!above || above->node->agent)) {
        l->wrong = l->wrong ? l->wrong : "parent";
        return;
    }
    member = number(l, o, "member", 0, above ? (int64_t)above->node->member_count - 1 : 0);
    struct frame *f = orb_alloc(sizeof *f);
    f->next = run->frames;
    run->frames = f;
    f->parent = above;
    f->node = above ? above->node->members[member] : run->plan->root;
    f->member = (int)member;
    f->id = (int)number(l, o, "id", 1, IDS_MAX);
    f->talk = (int)number(l, o, "talk", 0, IDS_MAX);
    f->has_history = (int)number(l, o, "history", 0, 1);
    f->outputs = value_of(l, o, "outputs", JSON_ARRAY);
    int64_t most = above && !f->talk ? (int64_t)json_array_size(above->outputs) - 1 : CALLS_MAX;
    f->slot = (int)number(l, o, "slot", 0, above ? most : 0);
    int64_t places = f->node->agent ? 0 : (int64_t)(f->node->order_count ? f->node->order_count : f->node->member_count);
    f->stage = (size_t)number(l, o, "stage", 0, places);
    f->first = (size_t)number(l, o, "first", 0, places);
    f->waiting = (int)number(l, o, "waiting", 0, ORB_AGENTS_MAX);
    f->handoffs = number(l, o, "handoffs", 0, IDS_MAX);
}

static void load_call(struct loader *l, const json_t *o, struct call *c)
{
    orb_buf_init(&c->arguments, ARGUMENTS_MAX);
    c->id = load_string(o, "id");
    c->name = load_string(o, "name");
    c->error = load_string(o, "error");
    load_text(l, o, "arguments", &c->arguments);
    c->state = (enum call_state)number(l, o, "state", CALL_WAITING, CALL_DONE);
    c->parsed = value_of(l, o, "parsed", JSON_OBJECT);
    c->text = value_of(l, o, "text", JSON_STRING);
    c->blocks = value_of(l, o, "blocks", JSON_ARRAY);
    c->started_at = json_number_value(json_object_get(o, "started_at"));
    c->duration_ms = json_number_value(json_object_get(o, "duration_ms"));
    if (c->state == CALL_DONE && (!c->text == !c->error || !c->name || !c->id))
        l->wrong = l->wrong ? l->wrong : "calls";
}

static void load_calls(struct loader *l, const json_t *o, struct talk *t)
{
    const json_t *calls = json_object_get(o, "calls");
    size_t count = json_array_size(calls);
    if (count > CALLS_MAX) {
        l->wrong = l->wrong ? l->wrong : "calls";
        return;
    }
    t->calls = count ? orb_alloc(count * sizeof *t->calls) : NULL;
    t->calls_cap = (int)count;
    for (size_t i = 0; i < count; i++)
        load_call(l, json_array_get(calls, i), &t->calls[t->ncalls++]);
    if (t->state == TALK_CALLING)
        for (int i = 0; i < t->ncalls; i++)
            if (!t->calls[i].id || !t->calls[i].name)
                l->wrong = l->wrong ? l->wrong : "calls";
}

static int has_talks(const struct frame *f)
{
    return f->node->type == ORB_NODE_AGENT || f->node->type == ORB_NODE_HANDOFF || f->node->type == ORB_NODE_TEAM;
}

static void load_talk(struct loader *l, const json_t *o)
{
    struct orb_run *run = l->run;
    struct frame *frame = find_frame(run, number(l, o, "frame", 1, IDS_MAX));
    if (!frame || !has_talks(frame)) {
        l->wrong = l->wrong ? l->wrong : "frame";
        return;
    }
    struct talk *t = orb_alloc(sizeof *t), **end = &run->talks;
    while (*end)
        end = &(*end)->next;
    *end = t;
    orb_buf_init(&t->text, ORB_RUN_TEXT_MAX);
    t->frame = frame;
    t->id = (int)number(l, o, "id", 1, IDS_MAX);
    t->agent = run->plan->agents[number(l, o, "agent", 0, (int64_t)run->plan->agent_count - 1)];
    t->state = (enum talk_state)number(l, o, "state", TALK_ASKING, TALK_BLOCKED);
    t->has_history = (int)number(l, o, "history", 0, 1);
    t->model = (size_t)number(l, o, "model", 0, (int64_t)t->agent->models.count - 1);
    t->step = number(l, o, "step", 0, IDS_MAX);
    t->asked_again = number(l, o, "asked_again", 0, IDS_MAX);
    t->step_started = json_number_value(json_object_get(o, "step_started"));
    t->transfer = (int)number(l, o, "transfer", -1, (int64_t)run->plan->agent_count - 1);
    t->is_settled = (int)number(l, o, "settled", 0, 1);
    t->before = value_of(l, o, "before", JSON_ARRAY);
    t->input = value_of(l, o, "input", JSON_STRING);
    t->turns = value_of(l, o, "turns", JSON_ARRAY);
    t->kept = value_of(l, o, "kept", JSON_ARRAY);
    load_text(l, o, "text", &t->text);
    load_calls(l, o, t);
    load_usage(o, &t->usage);
    const json_t *repeats = json_object_get(o, "repeats");
    t->same_call = (struct repeat){ (uint64_t)json_integer_value(json_array_get(repeats, 0)), json_integer_value(json_array_get(repeats, 1)) };
    t->same_step = (struct repeat){ (uint64_t)json_integer_value(json_array_get(repeats, 2)), json_integer_value(json_array_get(repeats, 3)) };
}

static void load_segments(struct loader *l, const json_t *state)
{
    struct orb_run *run = l->run;
    const json_t *segments = json_object_get(state, "segments");
    size_t count = json_array_size(segments), sum = 0;
    run->segments = count ? orb_alloc(count * sizeof *run->segments) : NULL;
    run->segment_cap = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *s = json_array_get(segments, i);
        int64_t agent = json_integer_value(json_array_get(s, 0)), len = json_integer_value(json_array_get(s, 1));
        if (agent < 0 || (size_t)agent >= run->plan->agent_count || len < 0 || (size_t)len > run->text.len - sum) {
            l->wrong = l->wrong ? l->wrong : "segments";
            return;
        }
        sum += (size_t)len;
        run->segments[run->segment_count++] = (struct segment){ (int)agent, (size_t)len };
    }
}

static void load_error(struct orb_run *run, const json_t *error)
{
    if (!json_is_object(error))
        return;
    run->err = orb_alloc(sizeof *run->err);
    orb_error_set(run->err, (int)orb_json_get_int(error, "code", ORB_E_INTERNAL), "%s", orb_json_get_str(error, "text", ""));
    run->err->retry_after_ms = orb_json_get_int(error, "retry_after_ms", 0);
}

static void load(struct loader *l, const json_t *state)
{
    struct orb_run *run = l->run;
    const json_t *item, *frames = json_object_get(state, "frames"), *talks = json_object_get(state, "talks");
    size_t i;
    number(l, state, "version", STATE_VERSION, STATE_VERSION);
    run->last_id = (int)number(l, state, "last_id", 0, IDS_MAX);
    run->is_over = (int)number(l, state, "over", 0, 1);
    load_text(l, state, "text", &run->text);
    load_segments(l, state);
    run->turns_bytes = (size_t)number(l, state, "turns_bytes", 0, IDS_MAX);
    run->live_bytes = (size_t)number(l, state, "live_bytes", 0, ORB_RUN_TEXT_MAX);
    run->reasoning_bytes = (size_t)number(l, state, "reasoning_bytes", 0, IDS_MAX);
    run->artifacts = value_of(l, state, "artifacts", JSON_OBJECT);
    run->artifact_count = number(l, state, "artifact_count", 0, IDS_MAX);
    load_usage(state, &run->total);
    run->cost = json_number_value(json_object_get(state, "cost"));
    run->has_cost = (int)number(l, state, "has_cost", 0, 1);
    run->output = value_of(l, state, "output", JSON_STRING);
    item = json_object_get(state, "parsed");
    run->parsed = json_is_null(item) ? NULL : json_deep_copy(item);
    load_error(run, json_object_get(state, "error"));
    if (json_array_size(frames) > SAVED_FRAMES_MAX || json_array_size(talks) > TALKS_MAX)
        l->wrong = l->wrong ? l->wrong : "frames";
    for (i = 0; !l->wrong && i < json_array_size(frames); i++)
        load_frame(l, json_array_get(frames, i));
    for (i = 0; !l->wrong && i < json_array_size(talks); i++)
        load_talk(l, json_array_get(talks, i));
    const char *key;
    json_t *text;
    json_object_foreach(run->artifacts, key, text)
        run->artifact_total += json_string_length(text);
}

struct orb_run *orb_run_load(const struct orb_run_spec *spec, const json_t *state, struct orb_error *err)
{
    struct loader l = { .run = orb_run_new(spec, err) };
    if (!l.run)
        return NULL;
    load(&l, state);
    if (!l.wrong)
        return l.run;
    orb_error_set(err, ORB_E_INVALID, "the state of a run: %s is not what it should be", l.wrong);
    orb_run_free(l.run);
    return NULL;
}
