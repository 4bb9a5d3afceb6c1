#include "dialect.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct dialect *const dialects[] = { &dialect_openai, &dialect_responses, &dialect_anthropic, &dialect_gemini, NULL };

/* Does text end in what the pattern says? A * stands for anything. */
static int ends_in(const char *text, size_t len, const char *pattern)
{
    const char *star = strrchr(pattern, '*');
    const char *last = star ? star + 1 : pattern;
    size_t n = strlen(last);
    if (len < n || memcmp(text + len - n, last, n))
        return 0;
    if (!star)
        return 1;
    char *before = strndup(pattern, (size_t)(star - pattern)), *rest = strndup(text, len - n);
    int is_there = strstr(rest, before) != NULL;
    free(before);
    free(rest);
    return is_there;
}

const struct dialect *dialect_find(const char *path)
{
    for (const struct dialect *const *d = dialects; *d; d++)
        if (ends_in(path, strcspn(path, "?"), (*d)->path))
            return *d;
    return NULL;
}

const char *dialect_eol(const struct reply *r)
{
    return r->script.crlf == 2 ? "\r" : r->script.crlf ? "\r\n" : "\n";
}

/* The JSON is broken after its first brace for multiline. */
void dialect_event(struct reply *r, const char *event, const char *json, size_t len, int is_last)
{
    const char *end = dialect_eol(r);
    struct evbuffer *b = evbuffer_new();
    if (r->script.comment)
        evbuffer_add_printf(b, ": FAKE PROCESSING%s", end);
    if (r->script.comment)
        evbuffer_add_printf(b, "id: 7%sretry: 100%s%s", end, end, end);
    if (event)
        evbuffer_add_printf(b, "event: %s%s", event, end);
    evbuffer_add_printf(b, "data: ");
    if (r->script.multiline && *json == '{') {
        evbuffer_add_printf(b, "{%sdata: ", end);
        json++;
        len--;
    }
    evbuffer_add(b, json, len);
    if (!is_last || !r->script.noblank)
        evbuffer_add_printf(b, "%s%s", end, end);
    len = evbuffer_get_length(b);
    conn_chunk(r->conn, (const char *)evbuffer_pullup(b, -1), len);
    evbuffer_free(b);
}

void dialect_event_json(struct reply *r, const char *event, json_t *value, int is_last)
{
    char *text = json_dumps(value, JSON_COMPACT);
    dialect_event(r, event, text, strlen(text), is_last);
    free(text);
    json_decref(value);
}

void dialect_whole(struct reply *r, int64_t status, const char *type, const char *extra, const char *body)
{
    struct evbuffer *b = evbuffer_new();
    evbuffer_add_printf(b, "HTTP/1.1 %lld Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n%s", (long long)status,
                        type, strlen(body), extra, body);
    size_t len = evbuffer_get_length(b);
    conn_send(r->conn, (const char *)evbuffer_pullup(b, -1), len);
    evbuffer_free(b);
}

static void refusal_headers(const struct reply *r, char extra[512])
{
    const struct script *s = &r->script;
    size_t n = 0;
    *extra = '\0';
    if (s->retry_after >= 0)
        n += (size_t)sprintf(extra + n, "Retry-After: %lld\r\n", (long long)s->retry_after);
    if (s->retry_after_ms >= 0)
        n += (size_t)sprintf(extra + n, "retry-after-ms: %lld\r\n", (long long)s->retry_after_ms);
    if (s->limit_reset)
        n += (size_t)snprintf(extra + n, 100, "x-ratelimit-reset-requests: 1ms\r\nx-ratelimit-reset-tokens: %.20s\r\n", s->limit_reset);
    if (s->limit_reset_at >= 0) {
        time_t when = time(NULL) + s->limit_reset_at;
        struct tm tm;
        gmtime_r(&when, &tm);
        n += strftime(extra + n, 80, "anthropic-ratelimit-input-tokens-reset: %Y-%m-%dT%H:%M:%SZ\r\n", &tm);
    }
    if (s->should_retry >= 0)
        sprintf(extra + n, "x-should-retry: %s\r\n", s->should_retry ? "true" : "false");
}

int dialect_page(struct reply *r)
{
    char extra[512];
    if (!r->script.html)
        return 0;
    refusal_headers(r, extra);
    dialect_whole(r, r->script.status, "text/html", extra,
                  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>\r\n");
    return 1;
}

void dialect_refuse(struct reply *r, json_t *root)
{
    char extra[512];
    if (!dialect_page(r)) {
        char *text = json_dumps(root, JSON_COMPACT);
        refusal_headers(r, extra);
        dialect_whole(r, r->script.status, "application/json", extra, text);
        free(text);
    }
    json_decref(root);
}

void dialect_message(const struct reply *r, const char *key, char *out, size_t cap)
{
    const char *message = r->script.message ? r->script.message : "the script asked for this";
    const char *mark = strstr(message, "$KEY");
    if (mark)
        snprintf(out, cap, "%.*s%s%s", (int)(mark - message), message, key ? key : "", mark + 4);
    else
        snprintf(out, cap, "%s", message);
}

char *dialect_arguments(const struct reply *r)
{
    if (r->script.args)
        return strdup(r->script.args);
    if (r->script.args_size > 16) {
        char *long_text = malloc((size_t)r->script.args_size + 1);
        memset(long_text, 'x', (size_t)r->script.args_size);
        memcpy(long_text, "{\"input\": \"", 11);
        strcpy(long_text + r->script.args_size - 2, "\"}");
        return long_text;
    }
    json_t *input = json_pack("{s:s}", "input", r->input);
    char *text = json_dumps(input, 0);
    json_decref(input);
    return text;
}

/* ---- what the real API rejects ---- */

static int is_reasoning_model(const char *model)
{
    static const char *const names[] = { "o1", "o3", "o4", "gpt-5" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strncmp(model, names[i], strlen(names[i])) == 0)
            return 1;
    return 0;
}

/* Those of o1, o3 and o4 and of the first gpt-5. */
static int knows_effort(const char *model, const char *effort)
{
    static const char *const efforts[] = { "minimal", "low", "medium", "high" };
    for (size_t i = *model == 'o' ? 1 : 0; i < sizeof(efforts) / sizeof(*efforts); i++)
        if (strcmp(efforts[i], effort) == 0)
            return 1;
    return 0;
}

static int has(const json_t *body, const char *key)
{
    return json_object_get(body, key) != NULL;
}

int dialect_check_openai(const json_t *body, const char *tokens, char *why, size_t cap)
{
    static const char *const rejected[] = { "temperature", "top_p", "stop", "max_tokens" };
    static const char *const limits[] = { "max_tokens", "max_completion_tokens", "max_output_tokens" };
    const char *model = json_string_value(json_object_get(body, "model"));
    for (size_t i = 0; model && is_reasoning_model(model) && i < sizeof(rejected) / sizeof(*rejected); i++) {
        if (!has(body, rejected[i]))
            continue;
        snprintf(why, cap, "Unsupported parameter: '%s' is not supported with this model.", rejected[i]);
        return 400;
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        if (!has(body, limits[i]) || strcmp(limits[i], tokens) == 0 || (strcmp(tokens, "max_output_tokens") != 0 && i < 2))
            continue;
        snprintf(why, cap, "Unknown parameter: '%s'.", limits[i]);
        return 400;
    }
    const json_t *nested = json_object_get(json_object_get(body, "reasoning"), "effort");
    const char *effort = json_string_value(nested ? nested : json_object_get(body, "reasoning_effort"));
    if (effort && model && is_reasoning_model(model) && !knows_effort(model, effort)) {
        snprintf(why, cap, "Unsupported value: '%s' is not supported with the '%s' model.", effort, model);
        return 400;
    }
    if (!has(body, "tools") && (has(body, "tool_choice") || has(body, "parallel_tool_calls"))) {
        snprintf(why, cap, "'tool_choice' and 'parallel_tool_calls' are only allowed when 'tools' are specified.");
        return 400;
    }
    return 0;
}

const char *dialect_finish(const struct reply *r, const char *const *pairs, const char *def)
{
    for (; r->script.finish && *pairs; pairs += 2)
        if (strcmp(pairs[0], r->script.finish) == 0)
            return pairs[1];
    return def;
}
