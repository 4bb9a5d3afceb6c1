#include "event/event.h"
#include "base/base.h"

#include <math.h>
#include <string.h>

static const char *const types[] = {
    [ORB_EVENT_TEXT] = "text", [ORB_EVENT_TOOL_CALL] = "tool_call", [ORB_EVENT_STEP] = "step",
    [ORB_EVENT_TOOL_RESULT] = "tool_result", [ORB_EVENT_REASONING] = "reasoning", [ORB_EVENT_ERROR] = "error",
    [ORB_EVENT_STATUS] = "status", [ORB_EVENT_USAGE] = "usage",
};

static void key(struct orb_buf *b, const char *name)
{
    orb_buf_add(b, ", \"", 3);
    orb_buf_str(b, name);
    orb_buf_add(b, "\": ", 3);
}

static void str_n(struct orb_buf *b, const char *name, const char *s, size_t n)
{
    key(b, name);
    orb_json_str(b, s ? s : "", s ? n : 0);
}

static void str(struct orb_buf *b, const char *name, const char *s)
{
    str_n(b, name, s, s ? strlen(s) : 0);
}

static void integer(struct orb_buf *b, const char *name, int64_t v)
{
    key(b, name);
    orb_buf_int(b, v);
}

static void boolean(struct orb_buf *b, const char *name, int v)
{
    key(b, name);
    orb_buf_str(b, v ? "true" : "false");
}

static void real_or_null(struct orb_buf *b, const char *name, double v)
{
    key(b, name);
    if (v > 0)
        orb_json_real(b, v);
    else
        orb_buf_str(b, "null");
}

static void dollars(struct orb_buf *b, const char *name, double v)
{
    key(b, name);
    if (v >= 0)
        orb_json_real(b, round(v * 1e9) / 1e9);
    else
        orb_buf_str(b, "null");
}

static void spending(struct orb_buf *b, const struct orb_event_out *e)
{
    integer(b, "cached_tokens", e->cached_tokens);
    integer(b, "reasoning_tokens", e->reasoning_tokens);
    dollars(b, "cost", e->cost);
    dollars(b, "total_cost", e->total_cost);
    if (e->finish)
        str(b, "finish", e->finish);
}

static void usage(struct orb_buf *b, const int64_t *v)
{
    key(b, "usage");
    if (v)
        orb_buf_printf(b, "{\"input_tokens\": %lld, \"output_tokens\": %lld, \"total_tokens\": %lld}",
                       (long long)v[0], (long long)v[1], (long long)v[2]);
    else
        orb_buf_str(b, "null");
}

static void write_tool_result(struct orb_buf *b, const struct orb_event_out *e)
{
    str(b, "tool_name", e->word);
    str(b, "tool_call_id", e->tool_call_id);
    key(b, "arguments");
    if (e->arguments)
        orb_json_dump(b, e->arguments);
    else
        orb_buf_str(b, "{}");
    str_n(b, "result", e->text, e->text_len);
    if (e->tool_error) {
        str(b, "error", e->tool_error);
    } else {
        key(b, "error");
        orb_buf_str(b, "null");
    }
    boolean(b, "success", !e->tool_error);
    key(b, "duration_ms");
    orb_json_real(b, e->duration_ms);
    str(b, "agent_name", e->agent_name);
}

static void write_error(struct orb_buf *b, const struct orb_event_out *e)
{
    str_n(b, "error", e->text, e->text_len);
    str(b, "error_type", e->word);
    str(b, "agent_name", e->agent_name);
    key(b, "step_number");
    if (e->step_number)
        orb_buf_int(b, e->step_number);
    else
        orb_buf_str(b, "null");
    boolean(b, "recoverable", e->is_recoverable);
}

static void write_fields(struct orb_buf *b, const struct orb_event_out *e)
{
    switch (e->type) {
    case ORB_EVENT_TEXT:
    case ORB_EVENT_REASONING:
        str_n(b, "text", e->text, e->text_len);
        str(b, "agent_name", e->agent_name);
        break;
    case ORB_EVENT_TOOL_CALL:
        str(b, "tool_name", e->word);
        str(b, "tool_call_id", e->tool_call_id);
        str(b, "agent_name", e->agent_name);
        str(b, "name", e->word); /* what the package's README reads */
        break;
    case ORB_EVENT_STEP:
        integer(b, "step_number", e->step_number);
        str(b, "agent_name", e->agent_name);
        str(b, "status", e->word);
        key(b, "started_at");
        orb_json_real(b, e->started_at);
        real_or_null(b, "completed_at", e->completed_at);
        usage(b, e->usage);
        break;
    case ORB_EVENT_TOOL_RESULT:
        write_tool_result(b, e);
        break;
    case ORB_EVENT_ERROR:
        write_error(b, e);
        break;
    case ORB_EVENT_STATUS:
        str(b, "status", e->word);
        str(b, "agent_name", e->agent_name);
        str_n(b, "message", e->text, e->text_len);
        if (e->is_truncated)
            boolean(b, "truncated", 1);
        break;
    case ORB_EVENT_USAGE:
        usage(b, e->usage);
        str(b, "agent_name", e->agent_name);
        integer(b, "step_number", e->step_number);
        str(b, "model", e->word);
        if (e->has_spending)
            spending(b, e);
        break;
    case ORB_EVENT_OTHER:
        ORB_ASSERT(!"an event of no type cannot be written");
    }
}

void orb_event_write(struct orb_buf *b, const struct orb_event_out *e, int64_t seq, int attempt)
{
    orb_buf_str(b, "{\"type\": \"");
    orb_buf_str(b, types[e->type]);
    orb_buf_char(b, '"');
    write_fields(b, e);
    integer(b, "seq", seq);
    integer(b, "attempt", attempt);
    orb_buf_char(b, '}');
}

/* ---- reading ----------------------------------------------------------- */

static void read_text(const json_t *root, const char *name, struct orb_event *out)
{
    const json_t *value = json_object_get(root, name);
    out->text = json_is_string(value) ? json_string_value(value) : "";
    out->text_len = json_is_string(value) ? json_string_length(value) : 0;
}

static void read_usage(const json_t *root, struct orb_event *out)
{
    const json_t *usage_object = json_object_get(root, "usage");
    out->input_tokens = orb_json_get_int(usage_object, "input_tokens", 0);
    out->output_tokens = orb_json_get_int(usage_object, "output_tokens", 0);
    out->total_tokens = orb_json_get_int(usage_object, "total_tokens", 0);
}

static void read_fields(const json_t *root, struct orb_event *out)
{
    switch (out->type) {
    case ORB_EVENT_TEXT:
    case ORB_EVENT_REASONING:
        read_text(root, "text", out);
        break;
    case ORB_EVENT_TOOL_CALL:
        out->word = orb_json_get_str(root, "tool_name", "");
        break;
    case ORB_EVENT_TOOL_RESULT:
        out->word = orb_json_get_str(root, "tool_name", "");
        out->ok = json_is_true(json_object_get(root, "success"));
        read_text(root, out->ok ? "result" : "error", out);
        break;
    case ORB_EVENT_ERROR:
        read_text(root, "error", out);
        out->word = orb_json_get_str(root, "error_type", "");
        out->ok = json_is_true(json_object_get(root, "recoverable"));
        break;
    case ORB_EVENT_STATUS:
        read_text(root, "message", out);
        /* fall through */
    case ORB_EVENT_STEP:
        out->word = orb_json_get_str(root, "status", "");
        /* fall through */
    case ORB_EVENT_USAGE:
        read_usage(root, out);
        break;
    case ORB_EVENT_OTHER:
        break;
    }
}

int orb_event_read(const char *json, size_t len, struct orb_event *out, json_t **root_out, struct orb_error *err)
{
    json_t *root = orb_json_parse(json, len, &orb_json_limits_default, err);
    if (!root)
        return err ? err->code : ORB_E_INVALID;
    const char *type = orb_json_get_str(root, "type", "");
    if (!*type) {
        json_decref(root);
        return orb_error_set(err, ORB_E_INVALID, "event: it has no type");
    }
    memset(out, 0, sizeof *out);
    out->type = ORB_EVENT_OTHER;
    for (int i = 0; i < ORB_EVENT_OTHER; i++)
        if (!strcmp(types[i], type))
            out->type = (enum orb_event_type)i;
    out->text = out->word = "";
    out->agent_name = orb_json_get_str(root, "agent_name", "");
    out->tool_call_id = orb_json_get_str(root, "tool_call_id", "");
    out->step_number = orb_json_get_int(root, "step_number", 0);
    out->seq = orb_json_get_int(root, "seq", 0);
    out->attempt = orb_json_get_int(root, "attempt", 0);
    out->json = json;
    out->json_len = len;
    read_fields(root, out);
    out->is_last = out->type == ORB_EVENT_STATUS &&
                   (!strcmp(out->word, "completed") || !strcmp(out->word, "error") || !strcmp(out->word, "cancelled"));
    *root_out = root;
    return 0;
}

int orb_event_is_old(struct orb_event_order *order, const struct orb_event *event)
{
    if (!event->attempt)
        return 0;
    if (event->attempt < order->attempt || (event->attempt == order->attempt && event->seq && event->seq <= order->seq))
        return 1;
    order->attempt = event->attempt;
    order->seq = event->seq;
    return 0;
}
