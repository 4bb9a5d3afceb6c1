/* A model's answer: its pieces as they come, and whether the whole fits a schema. */
#include "agent/run_state.h"
#include "base/base.h"
#include "tool/schema.h"

#include <string.h>

/* ---- pieces ------------------------------------------------------------------ */

void orb_talk_too_large(struct orb_run *run, const struct talk *talk)
{
    struct orb_error err = { 0 };
    orb_error_set(&err, ORB_E_TOO_LARGE, "the model's answer is over a limit of this worker (%d MiB of text or reasoning, %d tool calls a step, %d MiB of "
                  "arguments, %d MiB of conversation a task)", ORB_RUN_TEXT_MAX >> 20, CALLS_MAX, ARGUMENTS_MAX >> 20, TURNS_BYTES_MAX >> 20);
    orb_run_fail(run, talk, &err);
}

static void text_delta(struct orb_run *run, struct talk *talk, const struct orb_delta *d)
{
    if (!d->len)
        return;
    if (run->text.len + run->live_bytes + d->len > ORB_RUN_TEXT_MAX) {
        orb_talk_too_large(run, talk);
        return;
    }
    run->live_bytes += d->len;
    orb_buf_add(&talk->text, d->text, d->len);
    orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_TEXT, .text = d->text, .text_len = d->len });
}

static void reasoning_delta(struct orb_run *run, struct talk *talk, const struct orb_delta *d)
{
    run->reasoning_bytes += d->len;
    if (run->reasoning_bytes > ORB_RUN_TEXT_MAX)
        orb_talk_too_large(run, talk);
    else if (d->len)
        orb_run_emit(run, talk->agent, &(struct orb_event_out){ .type = ORB_EVENT_REASONING, .text = d->text, .text_len = d->len });
}

static void keep(struct orb_run *run, struct talk *talk, json_t *item)
{
    if (!talk->kept)
        talk->kept = json_array();
    run->turns_bytes += orb_run_bytes(item);
    if (json_array_size(talk->kept) >= KEEP_MAX || run->turns_bytes > TURNS_BYTES_MAX)
        orb_talk_too_large(run, talk);
    else
        json_array_append(talk->kept, item);
}

void orb_run_delta(struct orb_run *run, int id, const struct orb_delta *d)
{
    struct talk *talk = orb_talk_find(run, id);
    if (!talk || talk->state != TALK_ASKING)
        return;
    switch (d->type) {
    case ORB_DELTA_TEXT:
        text_delta(run, talk, d);
        break;
    case ORB_DELTA_REASONING:
        reasoning_delta(run, talk, d);
        break;
    case ORB_DELTA_TOOL_CALL:
        orb_calls_delta(run, talk, d);
        break;
    case ORB_DELTA_USAGE:
        if (d->usage.total_tokens > 0) /* some servers end with zeros */
            talk->usage = orb_usage_sum(&d->usage, &(struct orb_usage){ 0 });
        break;
    case ORB_DELTA_KEEP:
        keep(run, talk, d->keep);
        break;
    case ORB_DELTA_FINISH:
        talk->finish = d->finish;
        break;
    }
}

int orb_answer_is_none(const struct talk *talk, struct orb_error *err)
{
    if (talk->ncalls || talk->text.len || (talk->finish != ORB_FINISH_FILTER && talk->finish != ORB_FINISH_LENGTH))
        return 0;
    if (talk->finish == ORB_FINISH_FILTER)
        orb_error_set(err, ORB_E_MODEL_FILTER, "the provider held its answer back; word the request differently");
    else
        orb_error_set(err, ORB_E_AGENT, "the model's tokens were used up before its answer began; raise max_tokens, or ask for less reasoning");
    return 1;
}

/* ---- structured output ------------------------------------------------------- */

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
