/* Does what a talk answers fit its schema? */
#include "agent/run_state.h"
#include "base/base.h"
#include "tool/schema.h"

#include <string.h>

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
