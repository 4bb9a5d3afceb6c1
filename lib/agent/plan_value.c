#include "agent/plan_inner.h"
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- places and mistakes ------------------------------------------------ */

size_t plan_enter(struct plan_reader *r, const char *key, size_t index)
{
    size_t n = strlen(r->place);
    snprintf(r->place + n, sizeof r->place - n, "/%s/%zu", key, index);
    return n;
}

void plan_leave(struct plan_reader *r, size_t before)
{
    r->place[before] = '\0';
}

static void ORB_PRINTF(5, 0) tell(struct plan_reader *r, int is_placed, int code, const char *key, const char *fmt, va_list ap)
{
    struct orb_error text;
    char words[sizeof text.text];
    size_t before = strlen(r->place);
    vsnprintf(words, sizeof words, fmt, ap);
    if (is_placed)
        orb_error_set(&text, code, "agent_config%s: %s", r->place, words);
    else
        orb_error_set(&text, code, "%s", words);
    if (!r->mistakes++)
        *r->err = text;
    if (!r->fn)
        return;
    orb_error_set(&text, code, "%s", words); /* whole characters */
    snprintf(r->place + before, sizeof r->place - before, "%s%s", *key ? "/" : "", key);
    r->fn(r->arg, r->place, text.text);
    plan_leave(r, before);
}

void plan_mistake(struct plan_reader *r, int code, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(r, 0, code, key, fmt, ap);
    va_end(ap);
}

void plan_mistake_at(struct plan_reader *r, int code, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(r, 1, code, key, fmt, ap);
    va_end(ap);
}

void plan_wrong(struct plan_reader *r, const char *key, const char *want)
{
    plan_mistake_at(r, ORB_E_AGENT, key, "'%s' must be %s", key, want);
}

/* ---- values --------------------------------------------------------------- */

char *plan_text(struct plan_reader *r, const json_t *config, const char *key, const char *def)
{
    const json_t *value = json_object_get(config, key);
    int is_text = json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
    if (value && !is_text)
        plan_wrong(r, key, json_is_string(value) ? "a string without NUL characters" : "a string");
    return orb_strdup(is_text ? json_string_value(value) : def);
}

char *plan_name(struct plan_reader *r, const json_t *config, const char *def)
{
    char *name = plan_text(r, config, "name", def);
    if (json_is_string(json_object_get(config, "name")) && !*name)
        plan_mistake_at(r, ORB_E_AGENT, "name", "'name' is empty");
    if (strlen(name) > ORB_AGENT_NAME_MAX)
        plan_mistake_at(r, ORB_E_AGENT, "name", "'name' is over %d bytes", ORB_AGENT_NAME_MAX);
    return name;
}

json_t *plan_member(struct plan_reader *r, const json_t *config, const char *key, json_type type, const char *want)
{
    json_t *value = json_object_get(config, key);
    if (!value || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return value;
    plan_wrong(r, key, want);
    return NULL;
}

int64_t plan_count(struct plan_reader *r, const json_t *config, const char *key, int64_t min, int64_t max, int64_t def)
{
    const json_t *value = json_object_get(config, key);
    int64_t n = json_integer_value(value);
    char want[64];
    if (!value || json_is_null(value))
        return def;
    if (json_is_integer(value) && n >= min && n <= max)
        return n;
    snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)min, (long long)max);
    plan_wrong(r, key, want);
    return def;
}
