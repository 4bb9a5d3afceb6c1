/* A task that runs here: an attempt whose events go to a function, and whose end is told instead
 * of written. */
#include "base/base.h"
#include "exec/ending.h"
#include "model/prices.h"
#include "task/hash.h"
#include <orbiter/local.h>

#include <stdlib.h>
#include <string.h>

#define ID "local" /* payloads need one; nobody sees it */

struct orb_local_task {
    struct orb_loop *loop;
    struct orb_publisher *publisher;
    struct orb_toolbox *toolbox;
    struct orb_prices *prices;    /* NULL: those of this version */
    struct orb_task task;         /* until the attempt starts */
    struct orb_attempt *attempt;
    double started_at;
    int is_cancelled, is_over;
    orb_event_cb event;
    orb_task_cb done;
    void *arg;
};

/* ---- events ------------------------------------------------------------ */

static void give_event(struct orb_local_task *t, const char *json, size_t len, int is_last)
{
    struct orb_event event;
    json_t *root = NULL;
    if (!t->event)
        return;
    /* One that is too large to be read again is still its JSON. */
    if (orb_event_read(json, len, &event, &root, NULL))
        event = (struct orb_event){ .type = ORB_EVENT_OTHER, .agent_name = "", .text = "", .word = "", .tool_call_id = "", .json = json, .json_len = len };
    event.stream_id = "";
    event.is_last = is_last;
    t->event(t->arg, &event, NULL);
    json_decref(root);
}

static void on_event(void *arg, const char *json, size_t len)
{
    give_event(arg, json, len, 0);
}

/* ---- the end ----------------------------------------------------------- */

/* What the script finish.lua writes of a task on a queue. */
static void give_terminal(struct orb_local_task *t, const struct orb_ending *end)
{
    static const char *const words[ORB_STATUS_COUNT] = {
        [ORB_STATUS_COMPLETED] = "completed", [ORB_STATUS_FAILED] = "error", [ORB_STATUS_CANCELLED] = "cancelled",
    };
    struct orb_buf json;
    int is_fresh;
    int64_t seq = orb_attempt_last_seq(t->attempt, &is_fresh);
    orb_buf_init(&json, ORB_PAYLOAD_MAX);
    orb_event_write(&json, &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = words[end->status], .agent_name = orb_attempt_agent(t->attempt),
                                                    .text = end->message, .text_len = strlen(end->message) },
                    seq, orb_attempt_number(t->attempt));
    if (!json.err)
        give_event(t, json.data, json.len, 1);
    orb_buf_done(&json);
}

static void ended(void *arg, const struct orb_error *err)
{
    struct orb_local_task *t = arg;
    struct orb_ending end;
    orb_ending_init(&end, t->attempt, err, t->is_cancelled);
    give_terminal(t, &end);
    json_t *result = end.result.len ? orb_task_result_parse(end.result.data, end.result.len) : NULL;
    int is_failed = end.status == ORB_STATUS_FAILED;
    struct orb_task_info info = {
        .id = "", .queue = "", .worker_id = "", .resubmit_of = "", .agent = orb_attempt_agent(t->attempt), .status = end.status,
        .created_at = t->started_at, .started_at = t->started_at, .completed_at = orb_now(), .attempt = orb_attempt_number(t->attempt),
        .priority = ORB_PRIORITY_DEFAULT, .result = end.status == ORB_STATUS_COMPLETED ? end.result.data : "",
        .output = orb_json_get_str(result, "output", ""), .error = is_failed ? orb_error_message(&end.err) : "",
        .error_type = is_failed ? orb_error_type(end.err.code) : "", .partial = end.partial.data ? end.partial.data : "", .usage = end.usage,
    };
    orb_task_usage_read(&info);
    t->is_over = 1;
    t->done(t->arg, &info, NULL); /* may free it */
    json_decref(result);
    orb_ending_done(&end);
}

/* ---- the beginning ------------------------------------------------------- */

/* A provider failed and the next of its chain goes on. */
static void advance(void *arg)
{
    struct orb_local_task *t = arg;
    orb_attempt_advanced(t->attempt, orb_attempt_number(t->attempt) + 1, NULL);
}

static void begin(void *arg)
{
    static const struct orb_attempt_callbacks callbacks = { .ended = ended, .advance = advance };
    struct orb_local_task *t = arg;
    double left = t->task.deadline - orb_now();
    const struct orb_attempt_spec spec = {
        .publisher = t->publisher, .toolbox = t->toolbox, .prices = t->prices, .number = 1,
        .deadline_ms = t->task.deadline <= 0 ? -1 : left > 0 ? (int64_t)(left * 1000) : 0,
    };
    t->attempt = orb_attempt_start(t->loop, &spec, &t->task, &callbacks, t);
}

/* By way of the payload: so that what a submit refuses is refused here, and all defaults are those of a worker. */
static int read_spec(const struct orb_task_spec *spec, struct orb_task *out, struct orb_error *err)
{
    struct orb_task_spec own = *spec;
    struct orb_buf payload;
    own.delay_seconds = own.at = 0;
    orb_buf_init(&payload, ORB_PAYLOAD_MAX);
    int rc = orb_task_write(&own, ID, orb_now(), &payload, err);
    if (!rc)
        rc = orb_task_parse(payload.data, payload.len, out, err);
    orb_buf_done(&payload);
    return rc;
}

int orb_local_task_start(struct orb_loop *loop, const struct orb_local_options *options, const struct orb_task_spec *spec, orb_event_cb event,
                         orb_task_cb done, void *arg, struct orb_local_task **out, struct orb_error *err)
{
    struct orb_prices *prices = NULL;
    struct orb_task task;
    int rc = options->prices && *options->prices ? orb_prices_read(options->prices, &prices, err) : 0;
    if (!rc)
        rc = read_spec(spec, &task, err);
    if (rc) {
        orb_prices_free(prices);
        return rc;
    }
    struct orb_local_task *t = orb_alloc(sizeof *t);
    *t = (struct orb_local_task){ .loop = loop, .toolbox = options->toolbox, .prices = prices, .task = task, .started_at = orb_now(),
                                  .event = event, .done = done, .arg = arg };
    t->publisher = orb_publisher_new_local(loop, on_event, t);
    orb_loop_defer(loop, begin, t);
    *out = t;
    return 0;
}

/* Behind begin(), in any case. */
static void cancel(void *arg)
{
    struct orb_local_task *t = arg;
    if (!t->is_over)
        orb_attempt_abort(t->attempt);
}

/* An event may be given from inside of the run, which is not to be stopped there. */
void orb_local_task_cancel(struct orb_local_task *t)
{
    if (!t->is_cancelled)
        orb_loop_defer(t->loop, cancel, t);
    t->is_cancelled = 1;
}

void orb_local_task_free(struct orb_local_task *t)
{
    if (!t)
        return;
    t->event = NULL; /* what waits to be joined is not said any more */
    orb_loop_forget(t->loop, t);
    orb_task_done(&t->task);
    orb_attempt_free(t->attempt);
    orb_publisher_free(t->publisher);
    orb_prices_free(t->prices);
    free(t);
}
