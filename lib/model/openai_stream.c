/* Chat completion chunks become deltas. Servers that speak this protocol differ in
 * every detail: members may be null or missing, tool calls come without index or
 * id, whole or in pieces, errors come in a 200, [DONE] does not come. Each of
 * these has its row in tests/unit/test_openai.c. */
#include "base/base.h"
#include "model/openai.h"
#include "model/failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN_MAX 512 /* of a tool call's id or name */
#define ARGS_MAX (1024 * 1024)

struct reader {
    const struct orb_provider *provider;
    struct orb_openai_state *st;
    orb_delta_fn fn;
    void *arg;
    struct orb_error *err;
    size_t len; /* of the chunk */
};

static void give_text(struct reader *r, enum orb_delta_type type, const json_t *value)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len == 0)
        return;
    struct orb_delta d = { .type = type, .text = json_string_value(value), .len = len };
    r->fn(r->arg, &d);
}

/* ---- tool calls ---- */

static struct orb_openai_slot *slot_new(struct orb_openai_state *st, int64_t index)
{
    if (st->count == ORB_OPENAI_SLOTS_MAX)
        return NULL;
    if (st->count == st->cap) {
        size_t cap = st->cap ? st->cap * 2 : 4;
        struct orb_openai_slot *slots = orb_alloc(cap * sizeof(*slots));
        if (st->count)
            memcpy(slots, st->slots, st->count * sizeof(*slots));
        free(st->slots);
        st->slots = slots;
        st->cap = cap;
    }
    struct orb_openai_slot *slot = &st->slots[st->count++];
    *slot = (struct orb_openai_slot){ .index = index, .id = orb_strdup(""), .name = orb_strdup("") };
    return slot;
}

/* The newest slot wins: an index may be used again for another call. */
static struct orb_openai_slot *slot_by_index(struct orb_openai_state *st, int64_t index)
{
    for (size_t i = st->count; i-- > 0;)
        if (st->slots[i].index == index)
            return &st->slots[i];
    return NULL;
}

static struct orb_openai_slot *slot_by_id(struct orb_openai_state *st, const char *id)
{
    for (size_t i = st->count; i-- > 0;)
        if (strcmp(st->slots[i].id, id) == 0)
            return &st->slots[i];
    return NULL;
}

/* Which call this piece belongs to; a new one when it starts one.
 *  - by index, unless it brings another id than the call of that index has
 *  - without an index by its id, or by its place in the list
 *  - whole arguments without index or id are a call of their own. */
static struct orb_openai_slot *find_slot(struct orb_openai_state *st, const json_t *piece, size_t place)
{
    const json_t *index_value = json_object_get(piece, "index");
    const json_t *args = json_object_get(json_object_get(piece, "function"), "arguments");
    const char *id = orb_json_get_str(piece, "id", "");
    struct orb_openai_slot *slot;
    if (json_is_integer(index_value)) {
        int64_t index = json_integer_value(index_value);
        slot = slot_by_index(st, index);
        if (slot && *id && !slot->is_own_id && *slot->id && strcmp(slot->id, id) != 0)
            slot = NULL;
        return slot ? slot : slot_new(st, index);
    }
    if (*id)
        slot = slot_by_id(st, id);
    else if (json_is_object(args) || place >= st->count)
        slot = NULL;
    else if (place == 0)
        slot = &st->slots[st->count - 1];
    else
        slot = &st->slots[place];
    return slot ? slot : slot_new(st, -1);
}

/* Keeps text in *field; 1 when it is new. */
static int keep(char **field, const char *text)
{
    if (!*text || strcmp(*field, text) == 0)
        return 0;
    free(*field);
    *field = orb_strdup(text);
    return 1;
}

static int too_long(struct reader *r, const char *what)
{
    return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent a tool call %s over %d bytes", what, NAME_LEN_MAX);
}

static void give_call(struct reader *r, struct orb_delta *d, const json_t *args)
{
    struct orb_buf b;
    orb_buf_init(&b, 6 * ARGS_MAX);
    d->text = "";
    if (json_is_string(args)) {
        d->text = json_string_value(args);
        d->len = json_string_length(args);
    } else if (args && !json_is_null(args)) {
        orb_json_dump(&b, args);
        d->text = b.err ? "" : b.data;
        d->len = b.len;
    }
    if (d->len || d->id || d->name)
        r->fn(r->arg, d);
    orb_buf_done(&b);
}

static int take_call(struct reader *r, const json_t *piece, size_t place)
{
    const json_t *function = json_object_get(piece, "function");
    const char *id = orb_json_get_str(piece, "id", "");
    const char *name = orb_json_get_str(function, "name", "");
    if (strlen(id) > NAME_LEN_MAX)
        return too_long(r, "id");
    if (strlen(name) > NAME_LEN_MAX)
        return too_long(r, "name");
    struct orb_openai_slot *slot = find_slot(r->st, piece, place);
    if (!slot)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d tool calls in one reply",
                             ORB_OPENAI_SLOTS_MAX);
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = (int)(slot - r->st->slots) };
    if (keep(&slot->id, id)) {
        slot->is_own_id = 0;
        d.id = slot->id;
    } else if (!*slot->id) {
        char own[40], hex[33];
        orb_id_new(hex);
        snprintf(own, sizeof(own), "call_%.24s", hex);
        keep(&slot->id, own);
        slot->is_own_id = 1;
        d.id = slot->id;
    }
    if (keep(&slot->name, name))
        d.name = slot->name;
    give_call(r, &d, json_object_get(function, "arguments"));
    return 0;
}

/* ---- the rest of a chunk ---- */

static int64_t count_of(const json_t *usage, const char *key)
{
    int64_t n = orb_json_get_int(usage, key, 0);
    return n > 0 ? n : 0;
}

static void take_usage(struct reader *r, const json_t *usage)
{
    if (!json_is_object(usage))
        return;
    struct orb_delta d = { .type = ORB_DELTA_USAGE };
    d.usage.input_tokens = count_of(usage, "prompt_tokens");
    d.usage.output_tokens = count_of(usage, "completion_tokens");
    d.usage.total_tokens = count_of(usage, "total_tokens");
    d.usage.cached_tokens = count_of(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
    d.usage.cache_write_tokens = count_of(json_object_get(usage, "prompt_tokens_details"), "cache_write_tokens");
    d.usage.reasoning_tokens = count_of(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens");
    if (d.usage.total_tokens == 0 && d.usage.input_tokens < INT64_MAX / 2 && d.usage.output_tokens < INT64_MAX / 2)
        d.usage.total_tokens = d.usage.input_tokens + d.usage.output_tokens;
    r->fn(r->arg, &d);
}

static int take_finish(struct reader *r, const char *reason)
{
    static const struct {
        const char *word;
        enum orb_finish finish;
    } reasons[] = {
        { "stop", ORB_FINISH_STOP },           { "length", ORB_FINISH_LENGTH },
        { "tool_calls", ORB_FINISH_TOOL_CALLS }, { "function_call", ORB_FINISH_TOOL_CALLS },
        { "content_filter", ORB_FINISH_FILTER },
    };
    if (!*reason)
        return 0;
    if (strcmp(reason, "error") == 0)
        return orb_error_set(r->err, ORB_E_MODEL_SERVER, "the provider ended the stream with an error and no reason");
    r->st->has_finish = 1;
    r->st->finish = ORB_FINISH_STOP;
    for (size_t i = 0; i < ORB_COUNT(reasons); i++)
        if (strcmp(reasons[i].word, reason) == 0)
            r->st->finish = reasons[i].finish;
    return 0;
}

static int take_choice(struct reader *r, const json_t *choice)
{
    const json_t *delta = json_object_get(choice, "delta");
    const json_t *reasoning = json_object_get(delta, "reasoning_content");
    const json_t *calls = json_object_get(delta, "tool_calls");
    if (json_string_length(reasoning) == 0)
        reasoning = json_object_get(delta, "reasoning");
    give_text(r, ORB_DELTA_REASONING, reasoning);
    give_text(r, ORB_DELTA_TEXT, json_object_get(delta, "content"));
    give_text(r, ORB_DELTA_TEXT, json_object_get(delta, "refusal"));
    r->st->has_refusal |= json_string_length(json_object_get(delta, "refusal")) > 0;
    int failed = orb_openai_take_details(r->st, json_object_get(delta, "reasoning_details"), r->len, r->err);
    if (failed)
        return failed;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        int rc = take_call(r, json_array_get(calls, i), i);
        if (rc)
            return rc;
    }
    return take_finish(r, orb_json_get_str(choice, "finish_reason", ""));
}

static int take_chunk(struct reader *r, const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        return orb_failure_error(r->provider, 200, error, r->err);
    if (strcmp(orb_json_get_str(root, "object", ""), "error") == 0)
        return orb_failure_error(r->provider, 200, root, r->err);
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    int rc = choice ? take_choice(r, choice) : 0;
    if (rc == 0)
        take_usage(r, json_object_get(root, "usage"));
    return rc;
}

/* The finish is told last, once: servers say "stop" after tool calls and refusals, and more
 * may follow the chunk that has it. */
static int finish(struct orb_openai_state *st, orb_delta_fn fn, void *arg)
{
    struct orb_delta d = { .type = ORB_DELTA_FINISH, .finish = st->finish };
    if (st->finish == ORB_FINISH_STOP && st->count > 0)
        d.finish = ORB_FINISH_TOOL_CALLS;
    else if (st->finish == ORB_FINISH_STOP && st->has_refusal)
        d.finish = ORB_FINISH_FILTER;
    st->is_done = 1;
    orb_openai_give_details(st, fn, arg);
    fn(arg, &d);
    return 1;
}

int orb_openai_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                    struct orb_error *err)
{
    struct reader r = { provider, state, fn, arg, err, len };
    (void)event; /* this protocol does not name its events */
    while (len > 0 && strchr(" \r\n\t", data[len - 1]))
        len--;
    if (r.st->is_done)
        return 1;
    if (len == 0)
        return 0;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0)
        return finish(r.st, fn, arg);
    struct orb_error why = { 0 };
    json_t *root = orb_json_parse(data, len, &orb_json_limits_default, &why);
    if (!root)
        return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent a chunk that is no JSON (%s)", why.text);
    int rc = take_chunk(&r, root);
    json_decref(root);
    return rc;
}

int orb_openai_is_ending(const void *state)
{
    return ((const struct orb_openai_state *)state)->has_finish;
}

int orb_openai_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err)
{
    struct orb_openai_state *st = state;
    if (!st->is_done && !st->has_finish)
        return orb_error_set(err, ORB_E_MODEL_TRUNCATED,
                             "the provider's stream ended before the reply was complete; try again");
    if (!st->is_done)
        finish(st, fn, arg);
    return 0;
}

void orb_openai_done(void *state)
{
    struct orb_openai_state *st = state;
    for (size_t i = 0; i < st->count; i++) {
        free(st->slots[i].id);
        free(st->slots[i].name);
    }
    free(st->slots);
    json_decref(st->details);
    orb_buf_done(&st->detail_text);
}
