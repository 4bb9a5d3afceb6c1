/* What went wrong, by the words of OpenAI and of the servers that speak its
 * protocol. Their text is hostile: it may hold anything, even the key. */
#include "base/base.h"
#include "base/utf8.h"
#include "model/openai.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 2048
#define TEXT_MAX 380 /* of the provider's words: leaves room for the advice */

/* By the error's code or type, which say more than the HTTP status. */
static const struct {
    const char *word;
    int code;
} words[] = {
    { "context_length_exceeded", ORB_E_MODEL_CONTEXT },
    { "exceed_context_size_error", ORB_E_MODEL_CONTEXT },
    { "content_policy_violation", ORB_E_MODEL_FILTER },
    { "content_filter", ORB_E_MODEL_FILTER },
    { "unsupported_parameter", ORB_E_MODEL_PARAMETER },
    { "unsupported_value", ORB_E_MODEL_PARAMETER },
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
};

/* Servers without a code for it say it in words. */
static const char *const context_texts[] = {
    "maximum context length",
    "input tokens and requested",
    "context length exceeded",
    "exceeds the available context size",
};

static const struct {
    int status, code;
} statuses[] = {
    { 401, ORB_E_MODEL_AUTH },      { 402, ORB_E_MODEL_QUOTA },      { 403, ORB_E_MODEL_PERMISSION },
    { 404, ORB_E_MODEL_NOT_FOUND }, { 408, ORB_E_MODEL_TIMEOUT },    { 409, ORB_E_MODEL_SERVER },
    { 429, ORB_E_MODEL_RATE },      { 503, ORB_E_MODEL_OVERLOADED }, { 504, ORB_E_MODEL_TIMEOUT },
    { 529, ORB_E_MODEL_OVERLOADED },
};

/* What to do about it, where that is known. */
static const struct {
    int code;
    const char *text;
} advice[] = {
    { ORB_E_MODEL_AUTH, "check OPENAI_API_KEY on the worker" },
    { ORB_E_MODEL_PERMISSION, "use a key that may use this model" },
    { ORB_E_MODEL_NOT_FOUND, "check the model's name and OPENAI_BASE_URL on the worker" },
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
    for (size_t i = 0; i < ORB_COUNT(context_texts); i++)
        if (strcasestr(message, context_texts[i]))
            return ORB_E_MODEL_CONTEXT;
    return by_status(status);
}

/* Some servers repeat the key that they refuse. */
static void hide_key(char *text)
{
    const char *key = getenv("OPENAI_API_KEY");
    size_t n = key ? strlen(key) : 0;
    if (n < 4)
        return;
    for (char *p = text; (p = strstr(p, key)); p++) {
        memset(p, '*', 3);
        memmove(p + 3, p + n, strlen(p + n) + 1);
    }
}

static int report(int status, int code, const char *message, struct orb_error *err)
{
    char prefix[32] = "";
    const char *step = NULL;
    char *text = orb_strdup(message);
    hide_key(text);
    text[orb_utf8_truncate(text, strlen(text), TEXT_MAX)] = '\0';
    if (status != 200)
        snprintf(prefix, sizeof(prefix), "HTTP %d: ", status);
    for (size_t i = 0; i < ORB_COUNT(advice); i++)
        if (advice[i].code == code)
            step = advice[i].text;
    orb_error_set(err, code, "%s%s%s%s", prefix, *text ? text : orb_error_text(code), step ? "; " : "",
                  step ? step : "");
    free(text);
    return code;
}

int orb_openai_error(int http_status, const json_t *value, struct orb_error *err)
{
    const json_t *code_value = json_object_get(value, "code");
    const char *code = orb_json_get_str(value, "code", "");
    const char *type = orb_json_get_str(value, "type", "");
    const char *message = json_is_string(value) ? json_string_value(value) : orb_json_get_str(value, "message", "");
    int status = http_status;
    /* In a stream the status is in the object, as a number or as its digits. */
    if (status >= 200 && status < 300) {
        int64_t n = json_integer_value(code_value);
        if (!json_is_integer(code_value) && orb_parse_int(code, 100, 999, &n))
            n = 0;
        if (n >= 300 && n <= 599)
            status = (int)n;
    }
    int cls = classify(status, code, type, message);
    if (!*message)
        message = *type ? type : code;
    return report(status, cls, message, err);
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

int orb_openai_refusal(int http_status, const char *body, size_t len, struct orb_error *err)
{
    json_t *root = orb_json_parse(body, len, &orb_json_limits_default, NULL);
    const json_t *error = json_object_get(root, "error");
    int rc;
    if (json_is_object(error) || json_is_string(error)) {
        rc = orb_openai_error(http_status, error, err);
    } else if (json_is_string(json_object_get(root, "message")) || json_is_string(json_object_get(root, "detail"))) {
        const char *message = orb_json_get_str(root, "message", orb_json_get_str(root, "detail", ""));
        int code = classify(http_status, orb_json_get_str(root, "code", ""), orb_json_get_str(root, "type", ""), message);
        rc = report(http_status, code, message, err);
    } else if (http_status >= 200 && http_status < 300) {
        rc = report(http_status, ORB_E_MODEL_SERVER,
                    "the server did not answer with an event stream; check OPENAI_BASE_URL on the worker", err);
    } else {
        char text[PAGE_MAX], page[256];
        size_t n = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
        memcpy(text, body, n);
        text[n] = '\0';
        hide_key(text);
        read_page(text, page);
        rc = report(http_status, classify(http_status, "", "", page), page, err);
    }
    json_decref(root);
    return rc;
}
