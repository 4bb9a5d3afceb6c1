/* Tasks as the source of a list: their fields. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct tui_field fields[TUI_TASK_FIELDS] = {
    [TUI_TASK_ID] = { "id", "ID", TUI_ID_FIELD, 8, 0, 1, "the task's id", 0 },
    [TUI_TASK_STATE] = { "state", "STATE", TUI_STATE_FIELD, 11, 0, 2, "pending, running, completed, failed, cancelled, retrying", 1 },
    [TUI_TASK_AGENT] = { "agent", "AGENT", TUI_TEXT_FIELD, 9, 0, 3, "the agent's or swarm's name", 1 },
    [TUI_TASK_QUEUE] = { "queue", "QUEUE", TUI_TEXT_FIELD, 13, 0, 4, "the queue it is in", 1 },
    [TUI_TASK_WORKER] = { "worker", "WORKER", TUI_ID_FIELD, 9, 0, 5, "who runs it, or ran it last", 1 },
    [TUI_TASK_TRY] = { "try", "TRY", TUI_COUNT_FIELD, 3, 0, 6, "attempts that were begun", 0 },
    [TUI_TASK_AGE] = { "age", "AGE", TUI_AGE_FIELD, 4, 0, 7, "since it was submitted", 0 },
    [TUI_TASK_TOOK] = { "took", "TOOK", TUI_SPAN_FIELD, 6, 0, 101, "how long the last attempt took, or runs already", 0 },
    [TUI_TASK_TOKENS] = { "tok", "TOK", TUI_COUNT_FIELD, 5, 0, 8, "tokens that were used", 0 },
    [TUI_TASK_ERROR] = { "error", "ERROR", TUI_TEXT_FIELD, 8, 1, 9, "why it failed", 1 },
    [TUI_TASK_ERROR_TYPE] = { "type", "TYPE", TUI_TEXT_FIELD, 14, 0, 0, "the class of the error", 1 },
    [TUI_TASK_TOKENS_IN] = { "tokin", "IN", TUI_COUNT_FIELD, 6, 0, 0, "tokens that went in", 0 },
    [TUI_TASK_COST] = { "cost", "COST", TUI_MONEY_FIELD, 8, 0, 102, "what it cost, dollars", 0 },
    [TUI_TASK_PRIORITY] = { "prio", "PRIO", TUI_COUNT_FIELD, 4, 0, 103, "priority, 9 is the most urgent", 0 },
    [TUI_TASK_QUEUED] = { "queued", "QUEUED", TUI_SPAN_FIELD, 6, 0, 104, "how long it waited for its first worker", 0 },
    [TUI_TASK_CREATED] = { "created", "CREATED", TUI_CLOCK_FIELD, 8, 0, 0, "when it was submitted", 0 },
    [TUI_TASK_STARTED] = { "started", "STARTED", TUI_CLOCK_FIELD, 8, 0, 0, "when the last attempt was begun", 0 },
    [TUI_TASK_ENDED] = { "ended", "ENDED", TUI_CLOCK_FIELD, 8, 0, 0, "when it ended", 0 },
    [TUI_TASK_RETRIES] = { "retries", "RETRIES", TUI_COUNT_FIELD, 7, 0, 0, "failures that led to another attempt", 0 },
    [TUI_TASK_RECOVERIES] = { "recoveries", "RECOV", TUI_COUNT_FIELD, 5, 0, 0, "attempts that ended with the death of their worker", 0 },
};

static uint32_t limit(const struct tui_model *m)
{
    return m->tasks.limit;
}

static uint32_t count(const struct tui_model *m)
{
    return m->tasks.count;
}

static int is_there(const struct tui_model *m, uint32_t row)
{
    return m->tasks.rows[row].is_there;
}

static const char *id(const struct tui_model *m, uint32_t row, char room[ORB_ID_MAX + 1])
{
    (void)room;
    return tui_task_id(&m->tasks, row);
}

static uint32_t find(const struct tui_model *m, const char *task_id)
{
    return tui_tasks_find(&m->tasks, task_id);
}

static void set_text(struct tui_value *out, const char *text)
{
    out->text = text;
    out->len = strlen(text);
}

/* Running first, then those that will run, then what has ended. */
static int rank(enum orb_status state)
{
    static const int ranks[ORB_STATUS_COUNT] = { [ORB_STATUS_RUNNING] = 0, [ORB_STATUS_RETRYING] = 1, [ORB_STATUS_PENDING] = 2,
                                                 [ORB_STATUS_FAILED] = 3, [ORB_STATUS_COMPLETED] = 4, [ORB_STATUS_CANCELLED] = 5 };
    return ranks[state];
}

static double took(const struct tui_task *task, double now)
{
    if (task->started_at <= 0)
        return NAN;
    if (task->completed_at > 0)
        return task->completed_at - task->started_at;
    return task->state == ORB_STATUS_RUNNING ? now - task->started_at : NAN;
}

static double known(double at)
{
    return at > 0 ? at : NAN;
}

int tui_tries(int attempt, int retries, double started_at)
{
    return attempt ? attempt : started_at > 0 ? retries + 1 : 0;
}

double tui_waited(double created_at, double started_at, int tries)
{
    return created_at > 0 && started_at > created_at && tries == 1 ? started_at - created_at : NAN;
}

static void value(const struct tui_model *m, uint32_t row, size_t field, struct tui_value *out)
{
    const struct tui_task *task = &m->tasks.rows[row];
    out->role = TUI_TEXT;
    switch ((enum tui_task_field)field) {
    case TUI_TASK_ID:
        set_text(out, tui_task_id(&m->tasks, row));
        break;
    case TUI_TASK_STATE:
        set_text(out, orb_status_word(task->state));
        out->number = rank(task->state);
        out->role = tui_state_role(out->text);
        break;
    case TUI_TASK_AGENT:
        set_text(out, tui_texts_get(m->texts, task->agent));
        break;
    case TUI_TASK_QUEUE:
        set_text(out, tui_texts_get(m->texts, task->queue));
        break;
    case TUI_TASK_WORKER:
        set_text(out, tui_texts_get(m->texts, task->worker));
        break;
    case TUI_TASK_ERROR:
        set_text(out, tui_texts_get(m->texts, task->error));
        break;
    case TUI_TASK_ERROR_TYPE:
        set_text(out, tui_texts_get(m->texts, task->error_type));
        break;
    case TUI_TASK_TRY: out->number = tui_tries(task->attempt, task->retries, task->started_at); break;
    case TUI_TASK_AGE: out->number = known(task->created_at); break;
    case TUI_TASK_TOOK: out->number = took(task, tui_age_now(m)); break;
    case TUI_TASK_TOKENS: out->number = task->tokens_in || task->tokens_out ? (double)task->tokens_in + task->tokens_out : NAN; break;
    case TUI_TASK_TOKENS_IN: out->number = task->tokens_in ? task->tokens_in : NAN; break;
    case TUI_TASK_COST: out->number = (double)task->cost; break;
    case TUI_TASK_PRIORITY: out->number = task->priority; break;
    case TUI_TASK_QUEUED: out->number = tui_waited(task->created_at, task->started_at, tui_tries(task->attempt, task->retries, task->started_at)); break;
    case TUI_TASK_CREATED: out->number = known(task->created_at); break;
    case TUI_TASK_STARTED: out->number = known(task->started_at); break;
    case TUI_TASK_ENDED: out->number = known(task->completed_at); break;
    case TUI_TASK_RETRIES: out->number = task->retries; break;
    case TUI_TASK_RECOVERIES: out->number = task->recoveries; break;
    case TUI_TASK_FIELDS: break;
    }
}

const struct tui_source tui_task_source = {
    .name = "tasks", .noun = "task", .fields = fields, .field_count = TUI_TASK_FIELDS,
    .limit = limit, .count = count, .is_there = is_there, .value = value, .id = id, .find = find,
};
