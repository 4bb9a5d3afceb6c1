/* The state of a run that waits, as JSON. What the task itself has (its config, messages
 * and input) is not in it, nor what follows from the rest. */
#include "agent/run_state.h"
#include "base/base.h"

#include <string.h>

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
    json_t *o = json_pack("{s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:i, s:b}", "id", t->id, "agent", t->agent->index, "frame", t->frame->id,
        "state", (int)t->state, "model", (int)t->model, "step", (json_int_t)t->step, "asked_again", (json_int_t)t->asked_again,
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
    return json_pack("{s:i, s:i, s:i, s:i, s:I, s:o, s:I}", "id", f->id, "parent", f->parent ? f->parent->id : 0, "member", f->member, "slot", f->slot,
        "stage", (json_int_t)f->stage, "outputs", copy_or_null(f->outputs), "handoffs", (json_int_t)f->handoffs);
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
    json_t *o = json_pack("{s:i, s:i, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:f, s:b, s:o, s:o, s:o}", "version", RUN_STATE_VERSION, "last_id", run->last_id,
        "over", run->is_over, "frames", frames, "talks", talks, "text", text_of(&run->text), "segments", segments, "turns_bytes", (json_int_t)run->turns_bytes,
        "reasoning_bytes", (json_int_t)run->reasoning_bytes, "artifacts", copy_or_null(run->artifacts), "usage", save_usage(&run->total),
        "cost", run->cost, "has_cost", run->has_cost, "unmetered", copy_or_null(run->unmetered),
        "output", copy_or_null(run->output), "parsed", copy_or_null(run->parsed));
    if (run->err)
        json_object_set_new(o, "error", json_pack("{s:i, s:I, s:s}", "code", run->err->code, "retry_after_ms", (json_int_t)run->err->retry_after_ms,
                                                  "text", run->err->text));
    return o;
}
