/* Chunks of streamGenerateContent become deltas. Calls come whole; nothing says that the reply is over but its
 * finishReason and the end of the body. Each tolerance has its row in tests/unit/test_gemini.c. */
#include "base/base.h"
#include "model/failure.h"
#include "model/gemini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 128
#define NAME_LEN_MAX 512                /* of a call's id or name */
#define KEPT_MAX (4 * 1024 * 1024)      /* bytes of all signatures of a reply */
#define TOKENS_MAX (INT64_C(1) << 53)
#define ARGS_MAX (6 * 1024 * 1024)      /* of one call: an event, escaped */

struct reader {
    const struct orb_provider *provider;
    struct orb_gemini_state *st;
    orb_delta_fn fn;
    void *arg;
    struct orb_error *err;
};

/* ---- signatures ---- */

static int give_kept(struct reader *r, json_t *item_take)
{
    struct orb_delta d = { .type = ORB_DELTA_KEEP, .keep = item_take };
    r->st->kept_bytes += json_string_length(json_object_get(item_take, "thoughtSignature")) + 64;
    int is_over = r->st->kept_bytes > KEPT_MAX;
    if (!is_over)
        r->fn(r->arg, &d);
    json_decref(item_take);
    return is_over ? orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d MiB of thought signatures", KEPT_MAX >> 20) : 0;
}

static json_t *signature_of(const json_t *part)
{
    json_t *signature = json_object_get(part, "thoughtSignature");
    return json_string_length(signature) ? signature : NULL;
}

/* ---- parts ---- */

static int take_text(struct reader *r, const json_t *part, const json_t *text)
{
    int is_thought = json_is_true(json_object_get(part, "thought"));
    json_t *signature = signature_of(part);
    size_t len = json_string_length(text), from = r->st->text_len;
    struct orb_delta d = { .type = is_thought ? ORB_DELTA_REASONING : ORB_DELTA_TEXT, .text = json_string_value(text), .len = len };
    if (len)
        r->fn(r->arg, &d);
    if (is_thought) /* thoughts do not go back, so nor do theirs */
        return 0;
    r->st->text_len += len;
    if (!signature)
        return 0;
    return give_kept(r, json_pack("{s:I, s:I, s:O}", "from", (json_int_t)from, "to", (json_int_t)(from + len), "thoughtSignature", signature));
}

static int too_long(struct reader *r, const char *what)
{
    return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent a tool call %s over %d bytes", what, NAME_LEN_MAX);
}

static int keep_call(struct reader *r, const json_t *part, int index, const char *id)
{
    json_t *signature = signature_of(part), *item;
    if (!signature && !*id)
        return 0;
    item = json_pack("{s:i}", "call", index);
    if (*id)
        json_object_set_new(item, "id", json_string(id));
    if (signature)
        json_object_set(item, "thoughtSignature", signature);
    return give_kept(r, item);
}

static int take_call(struct reader *r, const json_t *part, const json_t *call)
{
    const char *id = orb_json_get_str(call, "id", ""), *name = orb_json_get_str(call, "name", "");
    const json_t *args = json_object_get(call, "args");
    char own[40], hex[33];
    struct orb_buf b;
    if (strlen(id) > NAME_LEN_MAX)
        return too_long(r, "id");
    if (strlen(name) > NAME_LEN_MAX)
        return too_long(r, "name");
    if (r->st->calls == CALLS_MAX)
        return orb_error_set(r->err, ORB_E_PROTOCOL, "the provider sent more than %d tool calls in one reply", CALLS_MAX);
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = r->st->calls++, .id = id, .name = name };
    if (!*id) {
        orb_id_new(hex);
        snprintf(own, sizeof(own), "call_%.24s", hex);
        d.id = own;
    }
    orb_buf_init(&b, ARGS_MAX);
    if (json_is_object(args))
        orb_json_dump(&b, args);
    else
        orb_buf_str(&b, "{}");
    d.text = b.data;
    d.len = b.len;
    int rc = b.err ? orb_error_set(r->err, b.err, "the provider sent the arguments of a tool call over %d MiB", ARGS_MAX >> 20) : 0;
    if (!rc)
        r->fn(r->arg, &d);
    orb_buf_done(&b);
    return rc ? rc : keep_call(r, part, d.index, id);
}

static int take_part(struct reader *r, const json_t *part)
{
    const json_t *text = json_object_get(part, "text"), *call = json_object_get(part, "functionCall");
    if (json_is_object(call))
        return take_call(r, part, call);
    /* A signature may come alone. */
    if (json_is_string(text))
        return take_text(r, part, text);
    if (!signature_of(part))
        return 0;
    json_t *empty = json_string("");
    int rc = take_text(r, part, empty);
    json_decref(empty);
    return rc;
}

/* ---- the rest of a chunk ---- */

static int64_t count_of(const json_t *usage, const char *key)
{
    int64_t n = orb_json_get_int(usage, key, 0);
    return n < 0 ? 0 : n > TOKENS_MAX ? TOKENS_MAX : n;
}

static void take_usage(struct reader *r, const json_t *usage)
{
    if (!json_is_object(usage))
        return;
    struct orb_delta d = { .type = ORB_DELTA_USAGE };
    d.usage.input_tokens = count_of(usage, "promptTokenCount") + count_of(usage, "toolUsePromptTokenCount");
    d.usage.reasoning_tokens = count_of(usage, "thoughtsTokenCount");
    d.usage.output_tokens = count_of(usage, "candidatesTokenCount") + d.usage.reasoning_tokens;
    d.usage.cached_tokens = count_of(usage, "cachedContentTokenCount");
    d.usage.total_tokens = count_of(usage, "totalTokenCount");
    if (d.usage.total_tokens == 0)
        d.usage.total_tokens = d.usage.input_tokens + d.usage.output_tokens;
    r->fn(r->arg, &d);
}

static int take_finish(struct reader *r, const json_t *candidate)
{
    static const struct {
        const char *word;
        enum orb_finish finish;
        int code;
    } reasons[] = {
        { "STOP", ORB_FINISH_STOP, 0 },
        { "MAX_TOKENS", ORB_FINISH_LENGTH, 0 },
        { "SAFETY", ORB_FINISH_FILTER, 0 },
        { "RECITATION", ORB_FINISH_FILTER, 0 },
        { "BLOCKLIST", ORB_FINISH_FILTER, 0 },
        { "PROHIBITED_CONTENT", ORB_FINISH_FILTER, 0 },
        { "SPII", ORB_FINISH_FILTER, 0 },
        { "IMAGE_SAFETY", ORB_FINISH_FILTER, 0 },
        { "IMAGE_PROHIBITED_CONTENT", ORB_FINISH_FILTER, 0 },
        { "IMAGE_RECITATION", ORB_FINISH_FILTER, 0 },
        /* The model's slip: asked again it may do better. */
        { "MALFORMED_FUNCTION_CALL", ORB_FINISH_STOP, ORB_E_MODEL_SERVER },
        { "UNEXPECTED_TOOL_CALL", ORB_FINISH_STOP, ORB_E_MODEL_SERVER },
        { "MISSING_THOUGHT_SIGNATURE", ORB_FINISH_STOP, ORB_E_MODEL_INVALID },
    };
    const char *reason = orb_json_get_str(candidate, "finishReason", "");
    const char *message = orb_json_get_str(candidate, "finishMessage", "");
    if (!*reason || strcmp(reason, "FINISH_REASON_UNSPECIFIED") == 0)
        return 0;
    r->st->has_finish = 1;
    r->st->finish = ORB_FINISH_STOP;
    for (size_t i = 0; i < ORB_COUNT(reasons); i++) {
        if (strcmp(reasons[i].word, reason) != 0)
            continue;
        if (reasons[i].code)
            return orb_error_set(r->err, reasons[i].code, "the model ended with %s%s%.300s", reason, *message ? ": " : "", message);
        r->st->finish = reasons[i].finish;
    }
    return 0;
}

static int take_candidate(struct reader *r, const json_t *candidate)
{
    const json_t *parts = json_object_get(json_object_get(candidate, "content"), "parts"), *part;
    size_t i;
    json_array_foreach (parts, i, part) {
        int rc = take_part(r, part);
        if (rc)
            return rc;
    }
    return take_finish(r, candidate);
}

static int take_feedback(struct reader *r, const json_t *feedback)
{
    const char *reason = orb_json_get_str(feedback, "blockReason", "");
    const char *message = orb_json_get_str(feedback, "blockReasonMessage", "");
    if (!*reason || strcmp(reason, "BLOCK_REASON_UNSPECIFIED") == 0)
        return 0;
    return orb_error_set(r->err, ORB_E_MODEL_FILTER, "the provider blocked the prompt (%.60s)%s%.300s; word it differently", reason,
                         *message ? ": " : "", message);
}

static int take_chunk(struct reader *r, const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        return orb_failure_error(r->provider, 200, error, r->err);
    const json_t *candidate = json_array_get(json_object_get(root, "candidates"), 0);
    take_usage(r, json_object_get(root, "usageMetadata"));
    int rc = take_feedback(r, json_object_get(root, "promptFeedback"));
    return rc || !candidate ? rc : take_candidate(r, candidate);
}

int orb_gemini_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                    struct orb_error *err)
{
    struct reader r = { provider, state, fn, arg, err };
    struct orb_error why = { 0 };
    (void)event; /* this protocol does not name its events */
    while (len > 0 && strchr(" \r\n\t", data[len - 1]))
        len--;
    if (len == 0 || (len == 6 && memcmp(data, "[DONE]", 6) == 0)) /* proxies add it */
        return 0;
    json_t *root = orb_json_parse(data, len, &orb_json_limits_default, &why);
    if (!root)
        return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent a chunk that is no JSON (%s)", why.text);
    int rc = take_chunk(&r, json_is_array(root) ? json_array_get(root, 0) : root);
    json_decref(root);
    return rc;
}

int orb_gemini_is_ending(const void *state)
{
    return ((const struct orb_gemini_state *)state)->has_finish;
}

/* The finish is told last, once: the words do not say that tools were called, and usage may follow. */
int orb_gemini_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err)
{
    const struct orb_gemini_state *st = state;
    struct orb_delta d = { .type = ORB_DELTA_FINISH, .finish = st->finish };
    if (!st->has_finish)
        return orb_error_set(err, ORB_E_MODEL_TRUNCATED, "the provider's stream ended before the reply was complete; try again");
    if (st->calls > 0 && st->finish == ORB_FINISH_STOP)
        d.finish = ORB_FINISH_TOOL_CALLS;
    fn(arg, &d);
    return 0;
}
