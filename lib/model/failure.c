#include "base/base.h"
#include "base/utf8.h"
#include "model/failure.h"
#include "model/server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 2048
#define TEXT_MAX 380 /* of the provider's words: leaves room for the advice */

/* By the error's code or type, where it says more than the HTTP status (Anthropic's api_error does not). */
static const struct {
    const char *word;
    int code;
} words[] = {
    { "context_length_exceeded", ORB_E_MODEL_CONTEXT },
    { "exceed_context_size_error", ORB_E_MODEL_CONTEXT },
    { "content_policy_violation", ORB_E_MODEL_FILTER },
    { "content_filter", ORB_E_MODEL_FILTER },
    { "image_content_policy_violation", ORB_E_MODEL_FILTER },
    { "unsupported_parameter", ORB_E_MODEL_PARAMETER },
    { "unsupported_value", ORB_E_MODEL_PARAMETER },
    { "invalid_prompt", ORB_E_MODEL_INVALID },
    { "invalid_api_key", ORB_E_MODEL_AUTH },
    { "authentication_error", ORB_E_MODEL_AUTH },
    { "permission_error", ORB_E_MODEL_PERMISSION },
    { "model_not_found", ORB_E_MODEL_NOT_FOUND },
    { "not_found_error", ORB_E_MODEL_NOT_FOUND },
    { "insufficient_quota", ORB_E_MODEL_QUOTA },
    { "billing_hard_limit_reached", ORB_E_MODEL_QUOTA },
    { "rate_limit_exceeded", ORB_E_MODEL_RATE },
    { "rate_limit_error", ORB_E_MODEL_RATE },
    { "overloaded_error", ORB_E_MODEL_OVERLOADED },
    { "server_error", ORB_E_MODEL_SERVER },
    { "timeout", ORB_E_MODEL_TIMEOUT },
    { "billing_error", ORB_E_MODEL_QUOTA },
    { "request_too_large", ORB_E_MODEL_CONTEXT },
    { "timeout_error", ORB_E_MODEL_TIMEOUT },
    /* Google's status; INVALID_ARGUMENT is left to the texts. */
    { "RESOURCE_EXHAUSTED", ORB_E_MODEL_RATE },
    { "UNAUTHENTICATED", ORB_E_MODEL_AUTH },
    { "PERMISSION_DENIED", ORB_E_MODEL_PERMISSION },
    { "NOT_FOUND", ORB_E_MODEL_NOT_FOUND },
    { "UNAVAILABLE", ORB_E_MODEL_OVERLOADED },
    { "DEADLINE_EXCEEDED", ORB_E_MODEL_TIMEOUT },
    { "INTERNAL", ORB_E_MODEL_SERVER },
};

/* Servers without a code for it say it in words. */
static const struct {
    const char *text;
    int code;
} texts[] = {
    { "maximum context length", ORB_E_MODEL_CONTEXT },
    { "input tokens and requested", ORB_E_MODEL_CONTEXT },
    { "context length exceeded", ORB_E_MODEL_CONTEXT },
    { "exceeds the available context size", ORB_E_MODEL_CONTEXT },
    { "prompt is too long", ORB_E_MODEL_CONTEXT },
    { "exceed context limit", ORB_E_MODEL_CONTEXT },
    { "input token count", ORB_E_MODEL_CONTEXT },
    { "API key not valid", ORB_E_MODEL_AUTH },
    { "API key expired", ORB_E_MODEL_AUTH },
};

static const struct {
    int status, code;
} statuses[] = {
    { 401, ORB_E_MODEL_AUTH },       { 402, ORB_E_MODEL_QUOTA },   { 403, ORB_E_MODEL_PERMISSION },
    { 404, ORB_E_MODEL_NOT_FOUND },  { 408, ORB_E_MODEL_TIMEOUT }, { 409, ORB_E_MODEL_SERVER },
    { 413, ORB_E_MODEL_CONTEXT },    { 429, ORB_E_MODEL_RATE },    { 503, ORB_E_MODEL_OVERLOADED },
    { 504, ORB_E_MODEL_TIMEOUT },    { 529, ORB_E_MODEL_OVERLOADED },
};

/* What to do about it, where that is known. */
static const struct {
    int code;
    const char *text;
} advice[] = {
    { ORB_E_MODEL_AUTH, "check %KEY on the worker" },
    { ORB_E_MODEL_PERMISSION, "use a key that may use this model" },
    { ORB_E_MODEL_NOT_FOUND, "check the model's name%AND_BASE" },
    { ORB_E_MODEL_QUOTA, "check the account's plan and billing" },
    { ORB_E_MODEL_CONTEXT, "shorten the input or the history" },
};

static int by_status(int status)
{
    for (size_t i = 0; i < ORB_COUNT(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].code;
    if (status >= 300 && status < 500)
        return ORB_E_MODEL_INVALID;
    return ORB_E_MODEL_SERVER;
}

static int classify(int status, const char *code, const char *type, const char *message)
{
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < ORB_COUNT(words); i++)
            if (strcmp(words[i].word, k ? type : code) == 0)
                return words[i].code;
    for (size_t i = 0; i < ORB_COUNT(texts); i++)
        if (strcasestr(message, texts[i].text))
            return texts[i].code;
    /* In a stream no status says that it was the request, or an image in it. */
    if (status == 200 && (strcmp(type, "invalid_request_error") == 0 || strncmp(code, "invalid_", 8) == 0 || strstr(code, "image")))
        return ORB_E_MODEL_INVALID;
    return by_status(status);
}

/* Advice with the names of this provider's settings in it. */
static void write_advice(const struct orb_provider *provider, const char *step, char out[160])
{
    const char *key = orb_server_key_name(provider->server), *base = orb_server_base_name(provider->server);
    const char *mark = strchr(step, '%');
    if (!mark)
        snprintf(out, 160, "; %s", step);
    else if (mark[1] == 'K')
        snprintf(out, 160, "; check %s on the worker", *key ? key : "the key");
    else
        snprintf(out, 160, "; check the model's name%s%s%s", *base ? " and " : "", base, *base ? " on the worker" : "");
}

static int report(const struct orb_provider *provider, int status, int code, const char *message, struct orb_error *err)
{
    char prefix[32] = "", step[160] = "";
    char *text = orb_strdup(message);
    orb_server_hide_keys(provider->server, text);
    text[orb_utf8_truncate(text, strlen(text), TEXT_MAX)] = '\0';
    if (status != 200)
        snprintf(prefix, sizeof(prefix), "HTTP %d: ", status);
    for (size_t i = 0; i < ORB_COUNT(advice); i++)
        if (advice[i].code == code)
            write_advice(provider, advice[i].text, step);
    orb_error_set(err, code, "%s%s%s", prefix, *text ? text : orb_error_text(code), step);
    free(text);
    return code;
}

/* Google says in the body when to come again: {"@type": ".../google.rpc.RetryInfo", "retryDelay": "17s"}. */
static int64_t read_retry_delay(const json_t *value)
{
    const json_t *details = json_object_get(value, "details"), *detail;
    size_t i;
    json_array_foreach (details, i, detail) {
        const char *text = orb_json_get_str(detail, "retryDelay", "");
        size_t n = strspn(text, "0123456789.");
        double seconds;
        char number[32];
        if (n == 0 || n >= sizeof(number) || strcmp(text + n, "s") != 0)
            continue;
        memcpy(number, text, n);
        number[n] = '\0';
        if (!orb_parse_real(number, 0, 1e9, &seconds))
            return (int64_t)(seconds * 1000);
    }
    return 0;
}

/* In a stream the status is in the object, as a number or as its digits. */
static int status_of(int http_status, const json_t *code)
{
    int64_t n = json_integer_value(code);
    if (http_status < 200 || http_status >= 300)
        return http_status;
    if (json_is_string(code) && orb_parse_int(json_string_value(code), 100, 999, &n))
        n = 0;
    return n >= 300 && n <= 599 ? (int)n : http_status;
}

/* What a router (OpenRouter) says of the server behind it: its own words, or why the input was not passed on. The caller's. */
static char *read_message(const json_t *value, const char *message, int *is_filtered)
{
    const json_t *metadata = json_object_get(value, "metadata");
    const char *raw = orb_json_get_str(metadata, "raw", "");
    size_t cap = strlen(message) + strlen(raw) + 3;
    char *text = orb_alloc(cap);
    snprintf(text, cap, "%s%s%s", message, *message && *raw ? ": " : "", raw);
    *is_filtered = json_array_size(json_object_get(metadata, "reasons")) > 0;
    return text;
}

int orb_failure_error(const struct orb_provider *provider, int http_status, const json_t *value, struct orb_error *err)
{
    const char *code = orb_json_get_str(value, "code", "");
    const char *type = orb_json_get_str(value, "type", orb_json_get_str(value, "status", ""));
    int status = status_of(http_status, json_object_get(value, "code")), is_filtered;
    char *message = read_message(value, json_is_string(value) ? json_string_value(value) : orb_json_get_str(value, "message", ""), &is_filtered);
    int cls = is_filtered ? ORB_E_MODEL_FILTER : classify(status, code, type, message);
    report(provider, status, cls, *message ? message : *type ? type : code, err);
    if (err)
        err->retry_after_ms = read_retry_delay(value);
    free(message);
    return cls;
}

/* A page instead of JSON: its title says most. */
static void read_page(const char *body, char out[256])
{
    const char *title = strcasestr(body, "<title>");
    const char *end = title ? strcasestr(title, "</title>") : NULL;
    if (end) {
        title += strlen("<title>");
        snprintf(out, 256, "a web page instead of JSON: %.*s", end - title > 150 ? 150 : (int)(end - title), title);
    } else {
        while (isspace((unsigned char)*body))
            body++;
        snprintf(out, 256, "%s%.150s", *body == '<' ? "a web page instead of JSON: " : "", body);
    }
}

int orb_failure_body(const struct orb_provider *provider, int http_status, const char *body, size_t len, struct orb_error *err)
{
    json_t *root = orb_json_parse(body, len, &orb_json_limits_default, NULL);
    const json_t *top = json_is_array(root) ? json_array_get(root, 0) : root;
    const json_t *error = json_object_get(top, "error");
    int rc;
    if (json_is_object(error) || json_is_string(error)) {
        rc = orb_failure_error(provider, http_status, error, err);
    } else if (json_is_string(json_object_get(top, "message")) || json_is_string(json_object_get(top, "detail"))) {
        const char *message = orb_json_get_str(top, "message", orb_json_get_str(top, "detail", ""));
        int code = classify(http_status, orb_json_get_str(top, "code", ""), orb_json_get_str(top, "type", ""), message);
        rc = report(provider, http_status, code, message, err);
    } else if (http_status >= 200 && http_status < 300) {
        char text[160];
        const char *base = orb_server_base_name(provider->server);
        snprintf(text, sizeof(text), "the server did not answer with an event stream%s%s%s", *base ? "; check " : "", base, *base ? " on the worker" : "");
        rc = report(provider, http_status, ORB_E_MODEL_SERVER, text, err);
    } else {
        char text[PAGE_MAX], page[256];
        size_t n = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
        memcpy(text, body, n);
        text[n] = '\0';
        orb_server_hide_keys(provider->server, text);
        read_page(text, page);
        rc = report(provider, http_status, classify(http_status, "", "", page), page, err);
    }
    json_decref(root);
    return rc;
}
