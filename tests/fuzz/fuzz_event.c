/* An event: whatever bytes; what was read is written, and is the same event when
 * it is read again. */
#include "fuzz/fuzz.h"
#include "event/event.h"

#include <limits.h>

/* The event to write that says what in says. */
static struct orb_event_out out_of(const struct orb_event *in, const json_t *root, int64_t usage[3])
{
    usage[0] = in->input_tokens;
    usage[1] = in->output_tokens;
    usage[2] = in->total_tokens;
    struct orb_event_out out = {
        .type = in->type, .agent_name = in->agent_name, .text = in->text, .text_len = in->text_len, .word = in->word,
        .tool_call_id = in->tool_call_id, .arguments = json_object_get(root, "arguments"),
        .step_number = in->step_number, .usage = usage, .is_recoverable = in->ok,
        .duration_ms = orb_json_get_real(root, "duration_ms", 0), .started_at = orb_json_get_real(root, "started_at", 0),
        .completed_at = orb_json_get_real(root, "completed_at", 0),
        .is_truncated = json_is_true(json_object_get(root, "truncated")),
    };
    if (in->type == ORB_EVENT_TOOL_RESULT && !in->ok) {
        out.tool_error = in->text;
        out.text = "";
        out.text_len = 0;
    }
    return out;
}

static int64_t attempt_of(const struct orb_event *e)
{
    return e->attempt < 0 || e->attempt > INT_MAX ? 1 : e->attempt;
}

static void check_same(const struct orb_event *a, const struct orb_event *b)
{
    int is_failed_tool = a->type == ORB_EVENT_TOOL_RESULT && !a->ok; /* its error is text up to a NUL */
    size_t text_len = is_failed_tool ? strlen(a->text) : a->text_len;
    int has_usage = a->type == ORB_EVENT_USAGE || a->type == ORB_EVENT_STEP;
    int has_step = has_usage || a->type == ORB_EVENT_ERROR;
    int has_id = a->type == ORB_EVENT_TOOL_CALL || a->type == ORB_EVENT_TOOL_RESULT;
    ORB_ASSERT(a->type == b->type && a->seq == b->seq && attempt_of(a) == b->attempt && a->ok == b->ok);
    ORB_ASSERT(!strcmp(a->agent_name, b->agent_name));
    ORB_ASSERT(!strcmp(a->word, b->word));
    ORB_ASSERT(b->text_len == text_len && !memcmp(a->text, b->text, text_len));
    ORB_ASSERT(!has_id || !strcmp(a->tool_call_id, b->tool_call_id));
    ORB_ASSERT(!has_step || a->step_number == b->step_number);
    ORB_ASSERT(!has_usage || (a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens &&
                              a->total_tokens == b->total_tokens));
}

static void write_event(const struct orb_event *e, const json_t *root, struct orb_buf *b)
{
    int64_t usage[3];
    const struct orb_event_out out = out_of(e, root, usage);
    orb_buf_init(b, 16 * ORB_PAYLOAD_MAX);
    orb_event_write(b, &out, e->seq, (int)attempt_of(e));
    ORB_ASSERT(!b->err && fuzz_is_ascii(b->data, b->len));
}

static void write_and_read(const struct orb_event *e, const json_t *root)
{
    struct orb_buf first, second;
    struct orb_event again;
    struct orb_error err;
    json_t *root_again;
    write_event(e, root, &first);
    if (first.len <= ORB_PAYLOAD_MAX) {
        ORB_ASSERT(!orb_event_read(first.data, first.len, &again, &root_again, &err));
        check_same(e, &again);
        write_event(&again, root_again, &second);
        ORB_ASSERT(first.len == second.len && !memcmp(first.data, second.data, first.len));
        orb_buf_done(&second);
        json_decref(root_again);
    }
    orb_buf_done(&first);
}

/* What was read is what stands there: the round trip alone would not notice. */
static void check_members(const struct orb_event *e, const json_t *root)
{
    const json_t *usage = json_object_get(root, "usage");
    int has_usage = e->type == ORB_EVENT_USAGE || e->type == ORB_EVENT_STEP || e->type == ORB_EVENT_STATUS;
    ORB_ASSERT(!strcmp(e->agent_name, orb_json_get_str(root, "agent_name", "")));
    ORB_ASSERT(e->seq == orb_json_get_int(root, "seq", 0) && e->attempt == orb_json_get_int(root, "attempt", 0));
    ORB_ASSERT(e->input_tokens == (has_usage ? orb_json_get_int(usage, "input_tokens", 0) : 0));
    ORB_ASSERT(e->output_tokens == (has_usage ? orb_json_get_int(usage, "output_tokens", 0) : 0));
    ORB_ASSERT(e->total_tokens == (has_usage ? orb_json_get_int(usage, "total_tokens", 0) : 0));
    if (e->type == ORB_EVENT_ERROR)
        ORB_ASSERT(!strcmp(e->word, orb_json_get_str(root, "error_type", "")) && !strcmp(e->text, orb_json_get_str(root, "error", "")));
    if (e->type == ORB_EVENT_TOOL_CALL || e->type == ORB_EVENT_TOOL_RESULT)
        ORB_ASSERT(!strcmp(e->word, orb_json_get_str(root, "tool_name", "")));
    if (e->type == ORB_EVENT_STATUS || e->type == ORB_EVENT_STEP)
        ORB_ASSERT(!strcmp(e->word, orb_json_get_str(root, "status", "")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orb_event event;
    struct orb_error err = { 0 };
    json_t *root = NULL;
    int rc = orb_event_read((const char *)data, size, &event, &root, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(!root && orb_event_read((const char *)data, size, &event, &root, NULL) < 0);
        return 0;
    }
    ORB_ASSERT(event.json == (const char *)data && event.json_len == size);
    ORB_ASSERT(event.text && event.word && event.agent_name && event.tool_call_id);
    ORB_ASSERT(orb_utf8_is_valid(event.text, event.text_len));
    check_members(&event, root);
    if (event.type != ORB_EVENT_OTHER)
        write_and_read(&event, root);
    json_decref(root);
    return 0;
}
