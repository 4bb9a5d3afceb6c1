/* Whom a talk asks (chains of models), and whether what it answers fits its schema. */
#include "agent/run_state.h"
#include "base/base.h"
#include "tool/schema.h"

#include <stdio.h>
#include <string.h>

int orb_chain_get(const char *models, int index, char out[ORB_RUN_MODEL_MAX])
{
    for (const char *from = models;; index--) {
        const char *end = strchr(from, '|');
        size_t n = end ? (size_t)(end - from) : strlen(from);
        const char *start = from + strspn(from, " \t");
        if (index == 0) {
            n -= n < (size_t)(start - from) ? n : (size_t)(start - from);
            while (n && strchr(" \t", start[n - 1]))
                n--;
            snprintf(out, ORB_RUN_MODEL_MAX, "%.*s", (int)(n < ORB_RUN_MODEL_MAX ? n : ORB_RUN_MODEL_MAX - 1), start);
            return (int)n;
        }
        if (!end)
            return -1;
        from = end + 1;
    }
}

int orb_chain_check(const struct orb_agent *agent, struct orb_error *err)
{
    char model[ORB_RUN_MODEL_MAX];
    int is_chain = strchr(agent->model, '|') != NULL;
    for (int i = 0, n; (n = orb_chain_get(agent->model, i, model)) >= 0; i++) {
        if (n >= ORB_RUN_MODEL_MAX)
            return orb_error_set(err, ORB_E_AGENT, "agent '%.100s': a model string is over %d bytes", agent->name, ORB_RUN_MODEL_MAX - 1);
        if (!n && is_chain)
            return orb_error_set(err, ORB_E_AGENT, "agent '%.100s': the chain of models '%.200s' has an empty member; write \"a:x | b:y\"", agent->name,
                                 agent->model);
    }
    return 0;
}

/* ---- structured output ----------------------------------------------------- */

/* The JSON of an answer, which some models put between fences. */
static json_t *parse_answer(const struct talk *talk, struct orb_error *err)
{
    static const char blank[] = " \t\r\n";
    const char *from = talk->text.data ? talk->text.data : "", *end = from + talk->text.len;
    struct orb_error why;
    while (from < end && strchr(blank, *from))
        from++;
    while (end > from && strchr(blank, end[-1]))
        end--;
    if (end - from >= 6 && !strncmp(from, "```", 3) && !strncmp(end - 3, "```", 3)) {
        const char *line = memchr(from, '\n', (size_t)(end - from));
        from = line ? line + 1 : from + 3;
        end -= 3;
    }
    json_t *value = orb_json_parse(from, from < end ? (size_t)(end - from) : 0, &orb_json_limits_default, &why);
    if (!value)
        orb_error_set(err, ORB_E_AGENT, "Structured output is not valid JSON: %s", orb_error_message(&why));
    return value;
}

json_t *orb_answer_check(const struct talk *talk, struct orb_error *err)
{
    struct orb_error why = { 0 };
    json_t *value = parse_answer(talk, err);
    if (value && orb_schema_validate(talk->agent->output_schema, value, &why)) {
        orb_error_set(err, ORB_E_AGENT, "Structured output failed %s validation: %s", talk->agent->output_name, orb_error_message(&why));
        json_decref(value);
        return NULL;
    }
    return value;
}
