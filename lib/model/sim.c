/* The sim provider: answers without a server, as the model string says. For
 * trying things out, for tests and for measuring the fleet.
 *
 *   sim:                        echo the last user message, word by word
 *   sim:tokens=200,rate=50      200 tokens, 50 a second
 *   sim:delay=60000,first=200   a silent minute; 200 ms more before the first token
 *   sim:error=server@10         fails with that class after 10 tokens
 *   sim:cut=10                  the stream ends early after 10 tokens
 *   sim:say=Hello+you           says that, "+" for a blank and %2C for a comma; say=a;b;c: the n-th answer of a conversation is
 *                               the n-th of these, or the last
 *   sim:tool=add                calls the tool add, and answers when its result is there
 *   sim:tool=add,arg=x,calls=3  with the input as its argument x, three times at once
 *   sim:tool=add,steps=2        and once more after the first results
 *   sim:crash                   abort() when it starts, to see how a fleet recovers
 *
 * Every task that sleeps in here costs its state, so the state is small and the
 * input is copied only when it will be said again. */
#include "base/base.h"
#include "model/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOOL_NAME_MAX 64
#define ARG_NAME_MAX 32
#define INPUT_MAX (1024 * 1024)
#define TURN_MAX 256 /* deltas given in one call, so that one task cannot hold up the loop */

struct script {
    int64_t tokens, rate, first_ms, delay_ms, error_at, cut_at; /* tokens, error_at, cut_at: -1 = not set */
    int error;                                                  /* code, 0 = none */
    int is_crash;
    int calls, steps;            /* of the tool: at once; one after the other */
    char tool[TOOL_NAME_MAX + 1], arg[ARG_NAME_MAX + 1];
    const char *say;             /* into the model string */
    size_t say_len;
};

struct sim {
    struct script script;
    char *input;                 /* what is said again; NULL = nothing is */
    size_t input_len, pos;
    int64_t input_words, total, sent;
    int is_tool_step;
};

/* ---- the model string ---- */

enum kind { KIND_COUNT, KIND_SMALL, KIND_ERROR, KIND_NAME, KIND_SAY, KIND_FLAG };

/* The keys there are; a count is a number within 0..max. */
static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t max;
} keys[] = {
    { "tokens", KIND_COUNT, offsetof(struct script, tokens), 1000000 },
    { "rate", KIND_COUNT, offsetof(struct script, rate), 1000000 },
    { "first", KIND_COUNT, offsetof(struct script, first_ms), 86400000 },
    { "delay", KIND_COUNT, offsetof(struct script, delay_ms), 86400000 },
    { "error", KIND_ERROR, offsetof(struct script, error), 1000000 },
    { "cut", KIND_COUNT, offsetof(struct script, cut_at), 1000000 },
    { "say", KIND_SAY, offsetof(struct script, say), 0 },
    { "tool", KIND_NAME, offsetof(struct script, tool), TOOL_NAME_MAX },
    { "arg", KIND_NAME, offsetof(struct script, arg), ARG_NAME_MAX },
    { "calls", KIND_SMALL, offsetof(struct script, calls), 100 },
    { "steps", KIND_SMALL, offsetof(struct script, steps), 1000 },
    { "crash", KIND_FLAG, offsetof(struct script, is_crash), 0 },
};
#define KEYS_TEXT "tokens=N, rate=N (a second), first=MS, delay=MS, error=CLASS@N, cut=N, say=TEXT, tool=NAME, arg=NAME, calls=N, steps=N, crash (aborts the process)"

static const struct {
    const char *name;
    int code;
} classes[] = {
    { "auth", ORB_E_MODEL_AUTH },
    { "permission", ORB_E_MODEL_PERMISSION },
    { "not_found", ORB_E_MODEL_NOT_FOUND },
    { "invalid_request", ORB_E_MODEL_INVALID },
    { "unsupported_parameter", ORB_E_MODEL_PARAMETER },
    { "context_length", ORB_E_MODEL_CONTEXT },
    { "content_filter", ORB_E_MODEL_FILTER },
    { "quota", ORB_E_MODEL_QUOTA },
    { "rate_limit", ORB_E_MODEL_RATE },
    { "overloaded", ORB_E_MODEL_OVERLOADED },
    { "timeout", ORB_E_MODEL_TIMEOUT },
    { "server", ORB_E_MODEL_SERVER },
    { "network", ORB_E_MODEL_NETWORK },
    { "stream_truncated", ORB_E_MODEL_TRUNCATED },
};
#define CLASSES_TEXT "auth, permission, not_found, invalid_request, unsupported_parameter, context_length, " \
                     "content_filter, quota, rate_limit, overloaded, timeout, server, network, stream_truncated"

static int bad_count(const struct key *key, const char *value, struct orb_error *err)
{
    return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: %s='%.40s' is not a whole number within 0..%lld", key->name,
                         value, (long long)key->max);
}

static int set_error(struct script *s, const struct key *key, char *value, struct orb_error *err)
{
    char *at = strchr(value, '@');
    int64_t n = 0;
    if (at) {
        *at = '\0';
        if (orb_parse_int(at + 1, 0, key->max, &n))
            return bad_count(key, at + 1, err);
    }
    for (size_t i = 0; i < ORB_COUNT(classes); i++) {
        if (strcmp(classes[i].name, value) == 0) {
            s->error = classes[i].code;
            s->error_at = n;
            return 0;
        }
    }
    return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: error='%.40s' is no class of error; there are: " CLASSES_TEXT,
                         value);
}

static int set_name(char *field, const struct key *key, const char *value, struct orb_error *err)
{
    size_t n = strlen(value);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)value[i]) && !strchr("_-.", value[i]))
            n = 0;
    if (n == 0 || n > (size_t)key->max)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: %s='%.40s' is not the name of a tool", key->name, value);
    memcpy(field, value, n + 1);
    return 0;
}

static int set_small(int *field, const struct key *key, const char *value, struct orb_error *err)
{
    int64_t n;
    if (orb_parse_int(value, 0, key->max, &n))
        return bad_count(key, value, err);
    *field = (int)n;
    return 0;
}

static int set_key(struct script *s, const struct key *key, char *value, struct orb_error *err)
{
    if (key->kind == KIND_FLAG && value)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: %s takes no value", key->name);
    if (key->kind != KIND_FLAG && !value)
        return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: %s needs a value; there are: " KEYS_TEXT, key->name);
    void *field = (char *)s + key->offset;
    switch (key->kind) {
    case KIND_COUNT:
        return orb_parse_int(value, 0, key->max, field) ? bad_count(key, value, err) : 0;
    case KIND_ERROR:
        return set_error(s, key, value, err);
    case KIND_SMALL:
        return set_small(field, key, value, err);
    case KIND_NAME:
        return set_name(field, key, value, err);
    case KIND_SAY:
        s->say_len = strlen(value);
        return 0;
    case KIND_FLAG:
        *(int *)field = 1;
        return 0;
    }
    return ORB_E_INTERNAL;
}

static int parse(const char *model, struct script *s, struct orb_error *err)
{
    char text[512], *next = text;
    size_t n = strlen(model);
    *s = (struct script){ .tokens = -1, .error_at = -1, .cut_at = -1, .calls = 1, .steps = 1, .arg = "input" };
    if (n >= sizeof(text))
        return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: the model string is over %zu bytes", sizeof(text) - 1);
    memcpy(text, model, n + 1);
    while (n > 0 && next) {
        char *word = strsep(&next, ",");
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        const struct key *key = NULL;
        for (size_t i = 0; i < ORB_COUNT(keys); i++)
            if (strcmp(keys[i].name, word) == 0)
                key = &keys[i];
        if (!key)
            return orb_error_set(err, ORB_E_MODEL_INVALID, "sim: unknown key '%.40s'; there are: " KEYS_TEXT, word);
        int rc = set_key(s, key, value, err);
        if (rc)
            return rc;
        if (key->kind == KIND_SAY)
            s->say = model + (value - text);
    }
    return 0;
}

static int check(const char *model, struct orb_error *err)
{
    struct script s;
    return parse(model, &s, err);
}

/* ---- the input ---- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the token that starts at pos ends: blanks at the very start, a word,
 * the blanks behind it. */
static size_t token_end(const char *s, size_t len, size_t pos)
{
    while (pos < len && is_blank(s[pos]))
        pos++;
    while (pos < len && !is_blank(s[pos]))
        pos++;
    while (pos < len && is_blank(s[pos]))
        pos++;
    return pos;
}

static int64_t count_words(const char *s, size_t len)
{
    int64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !is_blank(s[i]) && (i == 0 || is_blank(s[i - 1]));
    return n;
}

/* The text of the last user message; blocks are joined with a blank. */
static int read_input(const json_t *messages, struct orb_buf *out)
{
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *m = json_array_get(messages, i);
        if (strcmp(orb_json_get_str(m, "role", ""), "user") != 0)
            continue;
        const json_t *content = json_object_get(m, "content");
        if (json_is_string(content))
            orb_buf_add(out, json_string_value(content), json_string_length(content));
        for (size_t k = 0; k < json_array_size(content); k++) {
            const char *text = orb_json_get_str(json_array_get(content, k), "text", "");
            if (*text && out->len)
                orb_buf_char(out, ' ');
            orb_buf_str(out, text);
        }
        break;
    }
    return out->err;
}

/* Turns of the assistant since the last user message, or with it in all of the conversation; with_calls: those that called tools. */
static int count_turns(const json_t *messages, int is_all, int with_calls)
{
    int count = 0;
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *m = json_array_get(messages, i);
        const char *role = orb_json_get_str(m, "role", "");
        if (!is_all && strcmp(role, "user") == 0)
            break;
        count += strcmp(role, "assistant") == 0 && (!with_calls || json_array_size(json_object_get(m, "tool_calls")));
    }
    return count;
}

static int last_is_tool(const json_t *messages)
{
    size_t n = json_array_size(messages);
    return n > 0 && strcmp(orb_json_get_str(json_array_get(messages, n - 1), "role", ""), "tool") == 0;
}

static int hex_of(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The n-th of what is to be said, or the last; in place of the input. */
static void read_say(const struct script *s, int n, struct orb_buf *out)
{
    const char *p = s->say, *end = p + s->say_len, *next;
    while (n-- > 0 && (next = memchr(p, ';', (size_t)(end - p))))
        p = next + 1;
    next = memchr(p, ';', (size_t)(end - p));
    end = next ? next : end;
    orb_buf_reset(out);
    for (; p < end; p++) {
        int high = *p == '%' && end - p > 2 ? hex_of(p[1]) : -1, low = high >= 0 ? hex_of(p[2]) : -1;
        int c = low >= 0 ? high * 16 + low : *p == '+' ? ' ' : (unsigned char)*p;
        orb_buf_char(out, (char)(c > 0 && c < 0x80 ? c : '?'));
        p += low >= 0 ? 2 : 0;
    }
}

static int start(void *state, const struct orb_model_call *call, struct orb_error *err)
{
    struct sim *sim = state;
    int rc = parse(call->model, &sim->script, err);
    if (rc)
        return rc;
    if (sim->script.is_crash)
        abort(); /* asked for: how a fleet gets over a worker that dies */
    struct orb_buf input;
    orb_buf_init(&input, INPUT_MAX);
    if (read_input(call->messages, &input)) {
        orb_buf_done(&input);
        return orb_error_set(err, ORB_E_MODEL_CONTEXT, "sim: the input is over %d bytes", INPUT_MAX);
    }
    sim->input_words = count_words(input.data, input.len);
    sim->is_tool_step = sim->script.tool[0] &&
                        (!last_is_tool(call->messages) || (sim->script.steps > 1 && count_turns(call->messages, 0, 1) < sim->script.steps));
    sim->total = sim->is_tool_step ? sim->script.calls : sim->script.tokens;
    if (sim->script.say && !sim->is_tool_step)
        read_say(&sim->script, count_turns(call->messages, 1, 0), &input);
    if (sim->is_tool_step || sim->total < 0) {
        sim->input_len = input.len;
        sim->input = orb_memdup(input.data ? input.data : "", input.len);
    }
    if (sim->total < 0) {
        sim->total = count_words(input.data, input.len);
        if (sim->total == 0 && sim->input_len > 0)
            sim->total = 1; /* nothing but blanks */
    }
    orb_buf_done(&input);
    sim->script.say = NULL; /* the model string goes */
    return 0;
}

/* ---- the answer ---- */

static void give_call(struct sim *sim, orb_delta_fn fn, void *arg)
{
    char hex[33], id[40];
    struct orb_buf args;
    orb_id_new(hex);
    snprintf(id, sizeof(id), "call_%.24s", hex);
    orb_buf_init(&args, 6 * INPUT_MAX + 64);
    orb_buf_char(&args, '{');
    orb_json_str(&args, sim->script.arg, strlen(sim->script.arg));
    orb_buf_str(&args, ": ");
    orb_json_str(&args, sim->input, sim->input_len);
    orb_buf_char(&args, '}');
    struct orb_delta d = { .type = ORB_DELTA_TOOL_CALL, .index = (int)sim->sent - 1, .text = args.err ? "{}" : args.data,
                           .len = args.err ? 2 : args.len, .id = id, .name = sim->script.tool };
    fn(arg, &d);
    orb_buf_done(&args);
}

static void give_token(struct sim *sim, orb_delta_fn fn, void *arg)
{
    char word[32];
    struct orb_delta d = { .type = ORB_DELTA_TEXT };
    sim->sent++;
    if (sim->is_tool_step) {
        give_call(sim, fn, arg);
        return;
    }
    if (sim->input) {
        size_t end = token_end(sim->input, sim->input_len, sim->pos);
        d.text = sim->input + sim->pos;
        d.len = end - sim->pos;
        sim->pos = end;
    } else {
        d.len = (size_t)snprintf(word, sizeof(word), "w%lld%s", (long long)sim->sent, sim->sent < sim->total ? " " : "");
        d.text = word;
    }
    fn(arg, &d);
}

static void give_end(struct sim *sim, orb_delta_fn fn, void *arg)
{
    struct orb_delta usage = { .type = ORB_DELTA_USAGE,
                               .usage = { .input_tokens = sim->input_words, .output_tokens = sim->sent, .total_tokens = sim->input_words + sim->sent } };
    struct orb_delta finish = { .type = ORB_DELTA_FINISH,
                                .finish = sim->is_tool_step ? ORB_FINISH_TOOL_CALLS : ORB_FINISH_STOP };
    fn(arg, &usage);
    fn(arg, &finish);
}

/* An error or a cut comes after its number of tokens, or with the end of a
 * shorter answer; never in the step that calls the tool. */
static int is_at(const struct sim *sim, int64_t at)
{
    return at >= 0 && !sim->is_tool_step && (sim->sent >= at || sim->sent == sim->total);
}

static int next(void *state, int64_t elapsed_us, orb_delta_fn fn, void *arg, int64_t *next_us, struct orb_error *err)
{
    struct sim *sim = state;
    const struct script *s = &sim->script;
    for (int i = 0; i < TURN_MAX; i++) {
        int64_t due = (s->delay_ms + s->first_ms) * 1000;
        int64_t paced = sim->sent < sim->total ? sim->sent : sim->total - 1; /* the end comes with the last token */
        if (s->rate > 0 && paced > 0)
            due += paced * 1000000 / s->rate;
        if (elapsed_us < due) {
            *next_us = due;
            return 0;
        }
        if (is_at(sim, s->error_at))
            return orb_error_set(err, s->error, "sim: the error that the model string asks for, after %lld tokens",
                                 (long long)sim->sent);
        if (is_at(sim, s->cut_at))
            return orb_error_set(err, ORB_E_MODEL_TRUNCATED, "sim: the stream was cut after %lld tokens, as asked",
                                 (long long)sim->sent);
        if (sim->sent == sim->total) {
            give_end(sim, fn, arg);
            return 1;
        }
        give_token(sim, fn, arg);
    }
    *next_us = elapsed_us;
    return 0;
}

static void done(void *state)
{
    struct sim *sim = state;
    free(sim->input);
}

static const struct orb_source source = { sizeof(struct sim), start, next, done };

const struct orb_provider orb_provider_sim = {
    .info = { "sim", "answers without a server, for tests: sim: echoes, sim:" KEYS_TEXT, "" },
    .check = check,
    .source = &source,
};
