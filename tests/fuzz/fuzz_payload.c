/* The payload of a queue entry: whatever bytes, and write -> read. Also the JSON
 * scanner and writer below them. */
#include "fuzz/fuzz.h"
#include "base/utf8.h"
#include "task/task.h"

/* A value that was read is written so that it reads back the same. */
static char *dump(const json_t *value, int *err)
{
    struct orb_buf b;
    orb_buf_init(&b, 16 * ORB_PAYLOAD_MAX);
    orb_json_dump(&b, value);
    ORB_ASSERT(!b.err && fuzz_is_ascii(b.data, b.len));
    struct orb_error why;
    json_t *again = orb_json_parse(b.data, b.len, &orb_json_limits_default, &why);
    ORB_ASSERT(again || why.code == ORB_E_TOO_LARGE);
    ORB_ASSERT(!again || json_equal(value, again));
    *err |= !again;
    json_decref(again);
    return orb_buf_take(&b);
}

static void check_json(const uint8_t *data, size_t size)
{
    struct orb_error err;
    int is_too_large = 0;
    json_t *value = orb_json_parse((const char *)data, size, &orb_json_limits_default, &err);
    if (value)
        free(dump(value, &is_too_large));
    else
        fuzz_check_error(err.code, &err);
    json_decref(value);
}

static void check_same(const struct orb_task *a, const struct orb_task *b)
{
    ORB_ASSERT(!strcmp(a->id, b->id));
    ORB_ASSERT(json_equal(a->agent_config, b->agent_config));
    ORB_ASSERT(a->messages ? json_equal(a->messages, b->messages) : !json_array_size(b->messages));
    ORB_ASSERT(a->metadata ? json_equal(a->metadata, b->metadata) : !json_object_size(b->metadata));
    ORB_ASSERT(a->input_len == b->input_len && !memcmp(a->input, b->input, a->input_len));
    ORB_ASSERT(!a->detailed == !b->detailed);
    ORB_ASSERT(!(a->timeout_seconds < b->timeout_seconds || a->timeout_seconds > b->timeout_seconds));
}

/* What was read can be sent again, and is the same task then. */
static void write_and_read(const struct orb_task *task)
{
    int is_too_large = 0;
    char *config = dump(task->agent_config, &is_too_large);
    char *messages = task->messages ? dump(task->messages, &is_too_large) : NULL;
    char *metadata = task->metadata ? dump(task->metadata, &is_too_large) : NULL;
    struct orb_task_spec spec = { .agent_config = config, .messages = messages, .metadata = metadata, .input = task->input,
                                  .input_len = task->input_len, .detailed = task->detailed, .timeout_seconds = task->timeout_seconds };
    struct orb_error err = { 0 };
    struct orb_task again;
    struct orb_buf b;
    orb_buf_init(&b, ORB_PAYLOAD_MAX);
    int rc = orb_task_write(&spec, task->id, 1795461238.5, &b, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(rc == ORB_E_TOO_LARGE);
    } else {
        ORB_ASSERT(fuzz_is_ascii(b.data, b.len));
        ORB_ASSERT(!orb_task_parse(b.data, b.len, &again, &err));
        check_same(task, &again);
        orb_task_done(&again);
    }
    orb_buf_done(&b);
    free(config);
    free(messages);
    free(metadata);
}

/* What a resubmit makes of it can be read, and is the same task under another id. */
static void repeat(const uint8_t *data, size_t size, const struct orb_task *task)
{
    const struct orb_task_again what = { .id = "again", .resubmit_of = task->id, .created_at = 1795461238.5 };
    struct orb_task_facts facts;
    struct orb_error err = { 0 };
    struct orb_task again;
    struct orb_buf b;
    orb_buf_init(&b, ORB_PAYLOAD_MAX);
    int rc = orb_task_rewrite((const char *)data, size, &what, &b, &facts, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(rc == ORB_E_TOO_LARGE);
    } else {
        ORB_ASSERT(fuzz_is_ascii(b.data, b.len) && orb_utf8_is_valid(facts.agent, strlen(facts.agent)));
        rc = orb_task_parse(b.data, b.len, &again, &err);
        ORB_ASSERT(!rc || rc == ORB_E_TOO_LARGE);
    }
    if (!rc) {
        ORB_ASSERT(!strcmp(again.id, "again") && !strcmp(again.resubmit_of, task->id));
        ORB_ASSERT(again.priority == task->priority && again.max_retries == task->max_retries);
        strcpy(again.id, task->id);
        check_same(task, &again);
        orb_task_done(&again);
    }
    orb_buf_done(&b);
}

static void check_read(const uint8_t *data, size_t size)
{
    struct orb_task task;
    struct orb_error err = { 0 };
    int rc = orb_task_parse((const char *)data, size, &task, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(!task.id[0] || orb_id_is_valid(task.id));
        ORB_ASSERT(!task.agent_config && !task.messages && !task.metadata && !task.input);
        return;
    }
    ORB_ASSERT(orb_id_is_valid(task.id) && json_is_object(task.agent_config));
    ORB_ASSERT(!task.messages || json_is_array(task.messages));
    ORB_ASSERT(!task.metadata || json_is_object(task.metadata));
    ORB_ASSERT(task.timeout_seconds >= 0 && orb_utf8_is_valid(task.input, task.input_len));
    ORB_ASSERT(orb_task_agent_name(task.agent_config) != NULL);
    write_and_read(&task);
    repeat(data, size, &task);
    orb_task_done(&task);
}

static void submit(const struct orb_task_spec *spec)
{
    struct orb_error err = { 0 };
    struct orb_task task;
    struct orb_buf b;
    orb_buf_init(&b, ORB_PAYLOAD_MAX);
    int rc = orb_task_write(spec, "0123456789abcdef0123456789abcdef", 0, &b, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
    } else {
        ORB_ASSERT(fuzz_is_ascii(b.data, b.len));
        ORB_ASSERT(!orb_task_parse(b.data, b.len, &task, &err));
        orb_task_done(&task);
    }
    orb_buf_done(&b);
}

/* These bytes as every text that a caller gives: refused with a reason, or a
 * payload that a worker can read. */
static void check_submit(const uint8_t *data, size_t size)
{
    static const char agent[] = "{\"name\": \"a\"}";
    char *text = fuzz_text(data, size);
    submit(&(struct orb_task_spec){ .agent_config = agent, .input = text, .input_len = size, .timeout_seconds = -1 });
    submit(&(struct orb_task_spec){ .agent_config = text });
    submit(&(struct orb_task_spec){ .agent_config = agent, .messages = text, .detailed = 1 });
    submit(&(struct orb_task_spec){ .agent_config = agent, .metadata = text, .timeout_seconds = 0.5 });
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ORB_PAYLOAD_MAX)
        return 0;
    check_json(data, size);
    check_read(data, size);
    check_submit(data, size);
    return 0;
}
