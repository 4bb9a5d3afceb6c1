/* A run from its state (run_save.c). What was stored comes from outside: each value is looked at, and
 * then whether they go together. */
#include "agent/run_state.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX 1000000000
#define FRAMES_MAX (TALKS_MAX * (ORB_PLAN_DEPTH_MAX + 2))

/* What is not as save wrote it; the first one counts. */
struct loader {
    struct orb_run *run;
    const char *wrong;
};

static void wrong(struct loader *l, const char *what)
{
    l->wrong = l->wrong ? l->wrong : what;
}

/* ---- values ------------------------------------------------------------------ */

static int64_t number(struct loader *l, const json_t *object, const char *key, int64_t min, int64_t max)
{
    const json_t *value = json_object_get(object, key);
    int64_t n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
    if ((json_is_integer(value) || json_is_boolean(value)) && n >= min && n <= max)
        return n;
    wrong(l, key);
    return min;
}

static double time_of(struct loader *l, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        wrong(l, key);
    return json_number_value(value);
}

static json_t *value_of(struct loader *l, const json_t *object, const char *key, json_type type)
{
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return json_deep_copy(value);
    wrong(l, key);
    return NULL;
}

static void load_text(struct loader *l, const json_t *object, const char *key, struct orb_buf *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) > out->max)
        wrong(l, key);
    else if (json_string_length(value))
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

/* ---- frames ------------------------------------------------------------------- */

static struct frame *find_frame(const struct orb_run *run, int64_t id)
{
    struct frame *f = run->frames;
    while (f && f->id != id)
        f = f->next;
    return f;
}

/* Those above come first, and have the lower ids. */
static void load_frame(struct loader *l, const json_t *o)
{
    struct orb_run *run = l->run;
    int64_t id = number(l, o, "id", run->frames ? run->frames->id + 1 : 1, run->last_id);
    struct frame *above = run->frames ? find_frame(run, number(l, o, "parent", 1, IDS_MAX)) : NULL;
    if (run->frames && (!above || above->node->agent)) {
        wrong(l, "parent");
        return;
    }
    int64_t member = number(l, o, "member", 0, above ? (int64_t)above->node->member_count - 1 : 0);
    int64_t slots = !above ? 1 : above->outputs ? (int64_t)json_array_size(above->outputs) : CALLS_MAX;
    struct frame *f = orb_frame_new(run, above, above ? above->node->members[member] : run->plan->root, (int)member, (int)number(l, o, "slot", 0, slots - 1));
    size_t stages = orb_stage_count(f->node);
    f->id = (int)id;
    f->stage = (size_t)number(l, o, "stage", 0, stages ? (int64_t)stages - 1 : 0);
    for (size_t i = 0; i < f->stage; i++)
        f->first += orb_stage_size(f->node, i);
    f->outputs = value_of(l, o, "outputs", JSON_ARRAY);
    if (json_array_size(f->outputs) != (stages ? orb_stage_size(f->node, f->stage) : 0))
        wrong(l, "outputs");
    f->handoffs = number(l, o, "handoffs", 0, IDS_MAX);
}

/* ---- talks --------------------------------------------------------------------- */

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
    c->started_at = time_of(l, o, "started_at");
    c->duration_ms = time_of(l, o, "duration_ms");
    int is_running = c->state == CALL_RUNNING || c->state == CALL_DELEGATED;
    if (c->state == CALL_DONE ? !c->text == !c->error : c->text || c->error || c->blocks || (c->parsed != NULL) != is_running)
        wrong(l, "calls");
}

static void load_calls(struct loader *l, const json_t *o, struct talk *t)
{
    const json_t *calls = json_object_get(o, "calls");
    size_t count = json_array_size(calls);
    if (!json_is_array(calls) || count > CALLS_MAX) {
        wrong(l, "calls");
        return;
    }
    t->calls = count ? orb_alloc(count * sizeof *t->calls) : NULL;
    t->calls_cap = (int)count;
    for (size_t i = 0; i < count; i++) {
        struct call *c = &t->calls[t->ncalls++];
        load_call(l, json_array_get(calls, i), c);
        if (t->state == TALK_CALLING ? !c->id || !c->name : c->state != CALL_WAITING)
            wrong(l, "calls");
    }
}

static void load_repeats(const json_t *o, struct talk *t)
{
    const json_t *repeats = json_object_get(o, "repeats");
    t->same_call = (struct repeat){ (uint64_t)json_integer_value(json_array_get(repeats, 0)), json_integer_value(json_array_get(repeats, 1)) };
    t->same_step = (struct repeat){ (uint64_t)json_integer_value(json_array_get(repeats, 2)), json_integer_value(json_array_get(repeats, 3)) };
}

static void load_talk(struct loader *l, const json_t *o, int64_t *last)
{
    struct orb_run *run = l->run;
    struct frame *frame = find_frame(run, number(l, o, "frame", 1, IDS_MAX));
    if (!frame || orb_stage_count(frame->node)) {
        wrong(l, "frame");
        return;
    }
    struct talk *t = orb_alloc(sizeof *t), **end = &run->talks;
    while (*end)
        end = &(*end)->next;
    *end = t;
    orb_buf_init(&t->text, ORB_RUN_TEXT_MAX);
    t->frame = frame;
    *last = t->id = (int)number(l, o, "id", *last + 1, run->last_id);
    t->agent = run->plan->agents[number(l, o, "agent", 0, (int64_t)run->plan->agent_count - 1)];
    t->state = (enum talk_state)number(l, o, "state", TALK_ASKING, TALK_BLOCKED);
    t->model = (size_t)number(l, o, "model", 0, (int64_t)t->agent->models.count - 1);
    t->step = number(l, o, "step", 0, IDS_MAX);
    t->asked_again = number(l, o, "asked_again", 0, IDS_MAX);
    t->step_started = time_of(l, o, "step_started");
    t->transfer = (int)number(l, o, "transfer", -1, (int64_t)run->plan->agent_count - 1);
    t->is_settled = (int)number(l, o, "settled", 0, 1);
    t->before = value_of(l, o, "before", JSON_ARRAY);
    t->input = value_of(l, o, "input", JSON_STRING);
    t->turns = value_of(l, o, "turns", JSON_ARRAY);
    t->kept = value_of(l, o, "kept", JSON_ARRAY);
    load_text(l, o, "text", &t->text);
    run->live_bytes += t->is_settled ? 0 : t->text.len;
    load_calls(l, o, t);
    load_usage(o, &t->usage);
    load_repeats(o, t);
}

/* ---- the run -------------------------------------------------------------------- */

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
            wrong(l, "segments");
            return;
        }
        sum += (size_t)len;
        run->segments[run->segment_count++] = (struct segment){ (int)agent, (size_t)len };
    }
    if (sum != run->text.len)
        wrong(l, "segments");
}

static void load_artifacts(struct loader *l, const json_t *state)
{
    const char *key;
    json_t *text;
    l->run->artifacts = value_of(l, state, "artifacts", JSON_OBJECT);
    json_object_foreach(l->run->artifacts, key, text) {
        l->run->artifact_total += json_string_length(text);
        if (!json_is_string(text))
            wrong(l, "artifacts");
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
    int64_t last = 0;
    size_t i;
    number(l, state, "version", RUN_STATE_VERSION, RUN_STATE_VERSION);
    run->last_id = (int)number(l, state, "last_id", 0, IDS_MAX);
    run->is_over = (int)number(l, state, "over", 0, 1);
    load_text(l, state, "text", &run->text);
    load_segments(l, state);
    run->turns_bytes = (size_t)number(l, state, "turns_bytes", 0, IDS_MAX);
    run->reasoning_bytes = (size_t)number(l, state, "reasoning_bytes", 0, IDS_MAX);
    load_artifacts(l, state);
    load_usage(state, &run->total);
    run->cost = time_of(l, state, "cost");
    run->has_cost = (int)number(l, state, "has_cost", 0, 1);
    run->unmetered = value_of(l, state, "unmetered", JSON_STRING);
    run->output = value_of(l, state, "output", JSON_STRING);
    item = json_object_get(state, "parsed");
    run->parsed = json_is_null(item) ? NULL : json_deep_copy(item);
    load_error(run, json_object_get(state, "error"));
    if (json_array_size(frames) > FRAMES_MAX || json_array_size(talks) > TALKS_MAX)
        wrong(l, "frames");
    json_array_foreach(frames, i, item)
        if (!l->wrong)
            load_frame(l, item);
    json_array_foreach(talks, i, item)
        if (!l->wrong)
            load_talk(l, item, &last);
    if (run->text.len + run->live_bytes > ORB_RUN_TEXT_MAX)
        wrong(l, "text");
}

/* ---- does it go together? -------------------------------------------------------- */

static struct talk *talk_of(const struct orb_run *run, const struct frame *frame)
{
    struct talk *t = run->talks;
    while (t && t->frame != frame)
        t = t->next;
    return t;
}

/* A frame with a talk: the only one, which waits for something. Each call that was delegated has its frame below, and none has two. */
static void check_talk(struct loader *l, const struct frame *frame)
{
    const struct talk *t = talk_of(l->run, frame);
    int delegated = 0, running = 0;
    for (const struct talk *other = t ? t->next : NULL; other; other = other->next)
        if (other->frame == frame)
            wrong(l, "frame");
    for (int i = 0; t && i < t->ncalls; i++) {
        delegated += t->calls[i].state == CALL_DELEGATED;
        running += t->calls[i].state == CALL_RUNNING;
    }
    if (t && t->state == TALK_CALLING && !running && !delegated)
        wrong(l, "calls");
    for (const struct frame *f = l->run->frames; t && f; f = f->next) {
        if (f->parent != frame)
            continue;
        if (f->slot >= t->ncalls || t->calls[f->slot].state != CALL_DELEGATED)
            wrong(l, "slot");
        delegated--;
    }
    if (!t || delegated || (frame->node->type == ORB_NODE_AGENT && frame->parent && t->agent != frame->node->agent))
        wrong(l, "talks");
}

/* Each output that is still missing has its frame below, and none has two. */
static void check_stage(struct loader *l, struct frame *frame)
{
    const json_t *output;
    int missing = 0;
    size_t i;
    json_array_foreach(frame->outputs, i, output) {
        missing += json_is_null(output);
        if (!json_is_null(output) && !json_is_string(output))
            wrong(l, "outputs");
    }
    for (const struct frame *f = l->run->frames; f; f = f->next) {
        if (f->parent != frame)
            continue;
        if (!json_is_null(json_array_get(frame->outputs, (size_t)f->slot)))
            wrong(l, "slot");
        frame->waiting++;
    }
    if (!missing || missing != frame->waiting)
        wrong(l, "outputs");
}

static void check_slots(struct loader *l, const struct frame *frame)
{
    for (const struct frame *f = frame->next; f; f = f->next)
        if (f->parent == frame->parent && f->slot == frame->slot)
            wrong(l, "slot");
}

static void check(struct loader *l)
{
    struct orb_run *run = l->run;
    if (run->is_over ? !run->output == !run->err : !run->frames || run->output || run->parsed || run->err)
        wrong(l, "over");
    for (struct frame *f = run->frames; f && !run->is_over && !l->wrong; f = f->next) {
        check_slots(l, f);
        if (orb_stage_count(f->node))
            check_stage(l, f);
        else
            check_talk(l, f);
    }
}

struct orb_run *orb_run_load(const struct orb_run_spec *spec, const json_t *state, struct orb_error *err)
{
    struct loader l = { .run = orb_run_new(spec, err) };
    if (!l.run)
        return NULL;
    load(&l, state);
    if (!l.wrong)
        check(&l);
    if (!l.wrong)
        return l.run;
    orb_error_set(err, ORB_E_INVALID, "the state of a run: %s is not what it should be", l.wrong);
    orb_run_free(l.run);
    return NULL;
}
