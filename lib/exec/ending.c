#include "exec/ending.h"
#include "base/base.h"

#include <stdio.h>
#include <string.h>

void orb_attempt_text(const struct orb_attempt *attempt, struct orb_buf *out)
{
    const struct orb_run *run = orb_attempt_run(attempt);
    orb_buf_init(out, 2 * ORB_RUN_TEXT_MAX);
    if (run)
        orb_run_text(run, out);
}

static void write_message(struct orb_ending *e, const struct orb_attempt *attempt)
{
    if (e->status == ORB_STATUS_COMPLETED)
        snprintf(e->message, sizeof e->message, "Agent '%.300s' completed execution", orb_attempt_agent(attempt));
    else if (e->status == ORB_STATUS_CANCELLED)
        snprintf(e->message, sizeof e->message, "Task %s cancelled", orb_attempt_task_id(attempt));
    else
        snprintf(e->message, sizeof e->message, "%s", orb_error_message(&e->err));
}

void orb_ending_init(struct orb_ending *e, const struct orb_attempt *attempt, const struct orb_error *err, int is_cancelled)
{
    const struct orb_run *run = orb_attempt_run(attempt);
    memset(e, 0, sizeof *e);
    orb_buf_init(&e->result, ORB_RESULT_MAX);
    orb_buf_init(&e->partial, 0);
    if (err)
        e->err = *err;
    if (run)
        orb_run_usage(run, e->usage);
    if (!err)
        orb_run_result(run, &e->result);
    if (e->result.err)
        orb_error_set(&e->err, ORB_E_TOO_LARGE, "the result is larger than %d MiB as JSON", ORB_RESULT_MAX >> 20);
    if (is_cancelled || e->err.code == ORB_E_CANCELLED)
        e->status = ORB_STATUS_CANCELLED;
    else
        e->status = e->err.code ? ORB_STATUS_FAILED : ORB_STATUS_COMPLETED;
    if (e->status != ORB_STATUS_COMPLETED)
        orb_attempt_text(attempt, &e->partial);
    write_message(e, attempt);
}

void orb_ending_done(struct orb_ending *e)
{
    orb_buf_done(&e->result);
    orb_buf_done(&e->partial);
}
