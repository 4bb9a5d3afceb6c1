/* Events of the Messages API become deltas. Thinking comes back to the provider with the turn, so its blocks are put
 * together here and given to keep when they end. What is not known is passed over, as the API asks of its readers.
 *
 * pause_turn (the server stopped in the middle of tools of its own) cannot come from the API itself, since none of its
 * tools are asked for. From a gateway that adds some: the reply ends as one that was cut for its length, or with calls
 * as any that has calls, and the next step sends the turn back, which is how to go on. */
#include "base/base.h"
#include "model/anthropic.h"
#include "model/failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN_MAX 512        /* of a tool call's id or name */
#define INPUT_MAX (6 * 1024 * 1024)
#define COUNT_MAX (INT64_MAX / 8) /* of tokens: sums stay numbers */

struct reader {
    const struct orb_provider *provider;
    struct orb_anthropic_state *st;
    orb_delta_fn fn;
    void *arg;
    struct orb_error *err;
};

static const char *string_of(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : "";
}

static void give_text(struct reader *r, enum orb_delta_type type, const json_t *value)
{
    struct orb_delta d = { .type = type, .text = string_of(value), .len = json_string_length(value) };
    if (d.len == 0)
        return;
    if (type == ORB_DELTA_TEXT)
        r->st->text_bytes += (int64_t)d.len;
    r->fn(r->arg, &d);
}

/* ---- blocks ---- */

static struct orb_anthropic_block *find_block(struct orb_anthropic_state *st, int64_t index)
{
    for (size_t i = st->count; i-- > 0;)
        if (st->open[i].index == index)
            return &st->open[i];
    return NULL;
}

static void free_block(struct orb_anthropic_block *block)
{
    json_decref(block->input);
    orb_buf_done(&block->thinking);
    orb_buf_done(&block->signature);
}

static int too_much_kept(struct reader *r)
{
    return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d MiB of thinking in one reply", ORB_ANTHROPIC_KEPT_MAX / 1024 / 1024);
}

static int keep_more(struct reader *r, struct orb_buf *b, const json_t *value)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value))
        return 0;
    if (len > ORB_ANTHROPIC_KEPT_MAX - r->st->kept_bytes)
        return too_much_kept(r);
    r->st->kept_bytes += len;
    orb_buf_add(b, json_string_value(value), len);
    return b->err ? too_much_kept(r) : 0;
}

/* The block as the API wants it back. Thinking without a signature is not taken back by it. */
static void give_kept(struct reader *r, struct orb_anthropic_block *b)
{
    json_t *block = NULL;
    if (!b->signature.len)
        return;
    if (b->kind == ORB_ANTHROPIC_REDACTED)
        block = json_pack("{s:s, s:s%}", "type", "redacted_thinking", "data", b->signature.data, b->signature.len);
    else
        block = json_pack("{s:s, s:s%, s:s%}", "type", "thinking", "thinking", b->thinking.data ? b->thinking.data : "", b->thinking.len,
                          "signature", b->signature.data, b->signature.len);
    if (block && (b->text_before || b->calls_before))
        block = json_pack("{s:I, s:I, s:o}", "text", (json_int_t)b->text_before, "calls", (json_int_t)b->calls_before, "block", block);
    struct orb_delta d = { .type = ORB_DELTA_KEEP, .keep = block };
    if (block)
        r->fn(r->arg, &d);
    json_decref(block);
}

static void give_input(struct reader *r, struct orb_anthropic_block *b, const char *text, size_t len)
{
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = b->call, .text = text, .len = len };
    b->has_input = 1;
    r->fn(r->arg, &d);
}

static void end_block(struct reader *r, struct orb_anthropic_block *b)
{
    if (b->kind == ORB_ANTHROPIC_THINKING || b->kind == ORB_ANTHROPIC_REDACTED)
        give_kept(r, b);
    if (b->kind == ORB_ANTHROPIC_CALL && !b->has_input) {
        struct orb_buf input;
        orb_buf_init(&input, INPUT_MAX);
        orb_json_dump(&input, b->input);
        give_input(r, b, input.err ? "{}" : input.data, input.err ? 2 : input.len);
        orb_buf_done(&input);
    }
    free_block(b);
    size_t at = (size_t)(b - r->st->open);
    memmove(b, b + 1, (r->st->count - at - 1) * sizeof(*b));
    r->st->count--;
}

static struct orb_anthropic_block *new_block(struct orb_anthropic_state *st, int64_t index)
{
    if (st->count == ORB_ANTHROPIC_OPEN_MAX)
        return NULL;
    if (st->count == st->cap) {
        size_t cap = st->cap ? st->cap * 2 : 2;
        struct orb_anthropic_block *open = orb_alloc(cap * sizeof(*open));
        if (st->count)
            memcpy(open, st->open, st->count * sizeof(*open));
        free(st->open);
        st->open = open;
        st->cap = cap;
    }
    struct orb_anthropic_block *b = &st->open[st->count++];
    *b = (struct orb_anthropic_block){ .index = index, .text_before = st->text_bytes, .calls_before = st->calls };
    orb_buf_init(&b->thinking, ORB_ANTHROPIC_KEPT_MAX + 1);
    orb_buf_init(&b->signature, ORB_ANTHROPIC_KEPT_MAX + 1);
    return b;
}

static int start_call(struct reader *r, struct orb_anthropic_block *b, const json_t *content)
{
    const char *id = orb_json_get_str(content, "id", ""), *name = orb_json_get_str(content, "name", "");
    json_t *input = json_object_get(content, "input");
    char own[40], hex[33];
    if (strlen(id) > NAME_LEN_MAX || strlen(name) > NAME_LEN_MAX)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent a tool call %s over %d bytes", strlen(id) > NAME_LEN_MAX ? "id" : "name",
                             NAME_LEN_MAX);
    if (r->st->calls == ORB_ANTHROPIC_CALLS_MAX)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d tool calls in one reply", ORB_ANTHROPIC_CALLS_MAX);
    if (!*id) {
        orb_id_new(hex);
        snprintf(own, sizeof(own), "call_%.24s", hex);
        id = own;
    }
    b->kind = ORB_ANTHROPIC_CALL;
    b->call = r->st->calls++;
    b->input = json_is_object(input) ? json_incref(input) : json_object();
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = b->call, .text = "", .id = id, .name = name };
    r->fn(r->arg, &d);
    return 0;
}

static int start_thinking(struct reader *r, struct orb_anthropic_block *b, const json_t *content)
{
    const json_t *thinking = json_object_get(content, "thinking");
    b->kind = ORB_ANTHROPIC_THINKING;
    give_text(r, ORB_DELTA_REASONING, thinking);
    int rc = keep_more(r, &b->thinking, thinking);
    return rc ? rc : keep_more(r, &b->signature, json_object_get(content, "signature"));
}

static int64_t index_of(const json_t *root)
{
    return orb_json_get_int(root, "index", 0); /* who sends none, sends one block at a time */
}

static int take_start(struct reader *r, const json_t *root)
{
    const json_t *content = json_object_get(root, "content_block");
    const char *type = orb_json_get_str(content, "type", "");
    struct orb_anthropic_block *b = find_block(r->st, index_of(root));
    if (b)
        end_block(r, b); /* its end was not told */
    b = new_block(r->st, index_of(root));
    if (!b)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d content blocks at a time", ORB_ANTHROPIC_OPEN_MAX);
    if (strcmp(type, "tool_use") == 0)
        return start_call(r, b, content);
    if (strcmp(type, "thinking") == 0)
        return start_thinking(r, b, content);
    if (strcmp(type, "text") == 0) {
        b->kind = ORB_ANTHROPIC_TEXT;
        give_text(r, ORB_DELTA_TEXT, json_object_get(content, "text"));
    } else if (strcmp(type, "redacted_thinking") == 0) {
        b->kind = ORB_ANTHROPIC_REDACTED;
        return keep_more(r, &b->signature, json_object_get(content, "data"));
    }
    return 0;
}

static int take_delta(struct reader *r, const json_t *root)
{
    const json_t *delta = json_object_get(root, "delta");
    const char *type = orb_json_get_str(delta, "type", "");
    struct orb_anthropic_block *b = find_block(r->st, index_of(root));
    if (strcmp(type, "text_delta") == 0) {
        give_text(r, ORB_DELTA_TEXT, json_object_get(delta, "text"));
    } else if (strcmp(type, "thinking_delta") == 0) {
        const json_t *thinking = json_object_get(delta, "thinking");
        give_text(r, ORB_DELTA_REASONING, thinking);
        return b && b->kind == ORB_ANTHROPIC_THINKING ? keep_more(r, &b->thinking, thinking) : 0;
    } else if (strcmp(type, "signature_delta") == 0) {
        return b && b->kind == ORB_ANTHROPIC_THINKING ? keep_more(r, &b->signature, json_object_get(delta, "signature")) : 0;
    } else if (strcmp(type, "input_json_delta") == 0 && b && b->kind == ORB_ANTHROPIC_CALL) {
        const json_t *piece = json_object_get(delta, "partial_json");
        if (json_string_length(piece))
            give_input(r, b, string_of(piece), json_string_length(piece));
    }
    return 0;
}

static void take_stop(struct reader *r, const json_t *root)
{
    struct orb_anthropic_block *b = find_block(r->st, index_of(root));
    if (b)
        end_block(r, b);
}

/* ---- the message ---- */

/* Counts only grow: what a later event leaves out, or has as 0, stays. */
static void grow(int64_t *count, const json_t *usage, const char *key)
{
    int64_t n = orb_json_get_int(usage, key, 0);
    if (n > COUNT_MAX)
        n = COUNT_MAX;
    if (n > *count)
        *count = n;
}

static void take_usage(struct reader *r, const json_t *usage)
{
    struct orb_usage *u = &r->st->usage;
    if (!json_is_object(usage))
        return;
    grow(&r->st->plain_input, usage, "input_tokens");
    grow(&u->cached_tokens, usage, "cache_read_input_tokens");
    grow(&u->cache_write_tokens, usage, "cache_creation_input_tokens");
    grow(&u->output_tokens, usage, "output_tokens");
    u->input_tokens = r->st->plain_input + u->cached_tokens + u->cache_write_tokens;
    u->total_tokens = u->input_tokens + u->output_tokens;
    struct orb_delta d = { .type = ORB_DELTA_USAGE, .usage = *u };
    r->fn(r->arg, &d);
}

static void take_message_delta(struct reader *r, const json_t *root)
{
    const char *reason = orb_json_get_str(json_object_get(root, "delta"), "stop_reason", "");
    if (*reason)
        snprintf(r->st->stop_reason, sizeof(r->st->stop_reason), "%s", reason);
    take_usage(r, json_object_get(root, "usage"));
}

static enum orb_finish finish_of(const struct orb_anthropic_state *st)
{
    static const struct {
        const char *word;
        enum orb_finish finish;
    } reasons[] = {
        { "max_tokens", ORB_FINISH_LENGTH }, { "model_context_window_exceeded", ORB_FINISH_LENGTH },
        { "refusal", ORB_FINISH_FILTER },    { "tool_use", ORB_FINISH_TOOL_CALLS },
    };
    for (size_t i = 0; i < ORB_COUNT(reasons); i++)
        if (strcmp(reasons[i].word, st->stop_reason) == 0)
            return reasons[i].finish;
    if (st->calls)
        return ORB_FINISH_TOOL_CALLS;
    return strcmp(st->stop_reason, "pause_turn") == 0 ? ORB_FINISH_LENGTH : ORB_FINISH_STOP;
}

static int finish(struct reader *r)
{
    while (r->st->count)
        end_block(r, &r->st->open[0]);
    struct orb_delta d = { .type = ORB_DELTA_FINISH, .finish = finish_of(r->st) };
    r->st->is_done = 1;
    r->fn(r->arg, &d);
    return 1;
}

static int take_event(struct reader *r, const char *event, const json_t *root)
{
    const char *type = orb_json_get_str(root, "type", event);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        return orb_failure_error(r->provider, 200, error, r->err);
    if (strcmp(type, "error") == 0)
        return orb_failure_error(r->provider, 200, root, r->err);
    if (strcmp(type, "message_start") == 0)
        take_usage(r, json_object_get(json_object_get(root, "message"), "usage"));
    else if (strcmp(type, "content_block_start") == 0)
        return take_start(r, root);
    else if (strcmp(type, "content_block_delta") == 0)
        return take_delta(r, root);
    else if (strcmp(type, "content_block_stop") == 0)
        take_stop(r, root);
    else if (strcmp(type, "message_delta") == 0)
        take_message_delta(r, root);
    else if (strcmp(type, "message_stop") == 0)
        return finish(r);
    return 0;
}

int orb_anthropic_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                       struct orb_error *err)
{
    struct reader r = { provider, state, fn, arg, err };
    while (len > 0 && strchr(" \r\n\t", data[len - 1]))
        len--;
    if (r.st->is_done)
        return 1;
    if (len == 0)
        return 0;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0)
        return finish(&r); /* some gateways end as OpenAI does */
    struct orb_error why = { 0 };
    json_t *root = orb_json_parse(data, len, &orb_json_limits_default, &why);
    if (!root)
        return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent an event that is no JSON (%s)", why.text);
    int rc = take_event(&r, event, root);
    json_decref(root);
    return rc;
}

int orb_anthropic_is_ending(const void *state)
{
    return *((const struct orb_anthropic_state *)state)->stop_reason != 0;
}

int orb_anthropic_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err)
{
    struct orb_anthropic_state *st = state;
    struct reader r = { NULL, st, fn, arg, err };
    if (!st->is_done && !*st->stop_reason)
        return orb_error_set(err, ORB_E_MODEL_TRUNCATED, "the provider's stream ended before the reply was complete; try again");
    if (!st->is_done)
        finish(&r);
    return 0;
}

void orb_anthropic_done(void *state)
{
    struct orb_anthropic_state *st = state;
    for (size_t i = 0; i < st->count; i++)
        free_block(&st->open[i]);
    free(st->open);
}
