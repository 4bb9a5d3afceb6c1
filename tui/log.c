#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tui_log_line *line_of(const struct tui_log *log, uint64_t number)
{
    return &log->lines[number % TUI_LOG_MAX];
}

static uint64_t first_number(const struct tui_log *log)
{
    return log->next > TUI_LOG_MAX ? log->next - TUI_LOG_MAX : 1;
}

void tui_log_add(struct tui_model *m, double at, int level, const char *type, const char *subject, const char *agent, const char *queue,
                 const char *worker, const char *fmt, ...)
{
    struct tui_log *log = &m->log;
    char text[TUI_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!log->lines)
        log->lines = tui_alloc(TUI_LOG_MAX, sizeof *log->lines);
    uint64_t number = log->next++;
    struct tui_log_line *line = line_of(log, number);
    free(line->subject);
    free(line->text);
    *line = (struct tui_log_line){
        .at = at, .number = number, .level = (uint8_t)level, .type = tui_texts_number(m->texts, type), .subject = tui_strdup(subject),
        .agent = tui_texts_number(m->texts, agent), .queue = tui_texts_number(m->texts, queue), .worker = tui_texts_number(m->texts, worker),
        .text = *text ? tui_strdup(text) : NULL,
    };
    tui_list_touch(&m->lists[TUI_EVENTS], (uint32_t)(number % TUI_LOG_MAX));
}

void tui_log_done(struct tui_log *log)
{
    for (size_t i = 0; log->lines && i < TUI_LOG_MAX; i++) {
        free(log->lines[i].subject);
        free(log->lines[i].text);
    }
    free(log->lines);
    log->lines = NULL;
}

/* ---- what messages say -------------------------------------------------------- */

void tui_log_change(struct tui_model *m, const struct orb_feed_event *change)
{
    int level = change->status == ORB_STATUS_FAILED ? 2 : change->status == ORB_STATUS_RETRYING ? 1 : 0;
    char text[40] = "";
    if (change->attempt > 1)
        snprintf(text, sizeof text, "try %lld", (long long)change->attempt);
    tui_log_add(m, (double)change->at_ms / 1000, level, change->type, change->task_id, "", change->queue, change->worker_id, "%s", text);
}

static const struct tui_worker *worker(const struct tui_model *m, const char *id)
{
    uint32_t row = tui_worker_source.find(m, id);
    return row == UINT32_MAX ? NULL : &m->fleet.workers[row];
}

static void log_lost(struct tui_model *m, double at, const struct orb_worker_info *w)
{
    char text[60] = "others have what it ran";
    if (w->pending > 0)
        snprintf(text, sizeof text, "%lld tasks of it go to others", (long long)w->pending);
    tui_log_add(m, at, 2, "worker.lost", w->id, "", w->queue, w->id, "%s", text);
}

void tui_log_workers(struct tui_model *m, const struct tui_msg *msg)
{
    if (msg->text_len || !m->fleet.workers_at)
        return;
    for (size_t i = 0; i < msg->count; i++) {
        const struct orb_worker_info *is = &msg->workers[i];
        const struct tui_worker *was = worker(m, is->id);
        if (!was && !is->is_lost)
            tui_log_add(m, msg->at, 0, "worker.joined", is->id, "", is->queue, is->id, "%s", is->hostname);
        else if (was && is->is_lost && !was->is_lost)
            log_lost(m, msg->at, is);
        else if (was && !is->is_lost && was->is_lost)
            tui_log_add(m, msg->at, 0, "worker.back", is->id, "", is->queue, is->id, "%s", "");
        else if (was && !strcmp(is->status, "draining") && strcmp(was->status, "draining") != 0)
            tui_log_add(m, msg->at, 1, "worker.draining", is->id, "", is->queue, is->id, "%s", "");
    }
    for (size_t i = 0, k = 0; i < m->fleet.worker_count; i++) { /* both are sorted */
        while (k < msg->count && strcmp(msg->workers[k].id, m->fleet.workers[i].id) < 0)
            k++;
        if (k == msg->count || strcmp(msg->workers[k].id, m->fleet.workers[i].id) != 0)
            tui_log_add(m, msg->at, 0, "worker.left", m->fleet.workers[i].id, "", m->fleet.workers[i].queue, m->fleet.workers[i].id, "%s", "");
    }
}

void tui_log_queues(struct tui_model *m, const struct tui_msg *msg)
{
    for (size_t i = 0; i < msg->count && m->fleet.queues_at > 0; i++) {
        const struct orb_queue_info *is = &msg->queues[i];
        const struct tui_queue *was = tui_fleet_queue(&m->fleet, is->name);
        if (was && is->is_paused != was->is_paused)
            tui_log_add(m, msg->at, is->is_paused, is->is_paused ? "queue.paused" : "queue.resumed", is->name, "", is->name, "", "%s%s",
                        is->is_paused && *is->paused_by ? "by " : "", is->is_paused ? is->paused_by : "");
    }
}

/* The newest come first; what was told before is not told again. */
void tui_log_audits(struct tui_model *m, const struct tui_msg *msg)
{
    char type[80];
    size_t fresh = 0;
    while (fresh < msg->count && strcmp(msg->audits[fresh].id, m->last_audit) != 0)
        fresh++;
    for (size_t i = fresh; i-- > 0;) {
        const struct orb_audit_info *a = &msg->audits[i];
        snprintf(type, sizeof type, "act.%.60s", a->action);
        tui_log_add(m, a->at, 1, type, a->target, "", "", "", "%s -> %s, by %s from %s", a->was, a->became, a->who, a->from);
    }
    if (msg->count)
        tui_set(m->last_audit, sizeof m->last_audit, msg->audits[0].id);
}

/* ---- as the source of a list ---------------------------------------------------- */

enum log_field { L_TIME, L_TYPE, L_ID, L_AGENT, L_QUEUE, L_WORKER, L_TEXT, L_LEVEL, L_NUMBER, L_FIELDS };
static const struct tui_field fields[L_FIELDS] = {
    [L_TIME] = { "time", "TIME", TUI_CLOCK_FIELD, 8, 0, 1, "when it happened", 0 },
    [L_TYPE] = { "type", "TYPE", TUI_TEXT_FIELD, 15, 0, 2, "task.running, worker.lost, queue.paused, act.cancel and so on", 1 },
    [L_ID] = { "id", "ID", TUI_ID_FIELD, 10, 0, 3, "the task, worker or queue", 0 },
    [L_AGENT] = { "agent", "AGENT", TUI_TEXT_FIELD, 10, 0, 4, "the task's agent", 1 },
    [L_QUEUE] = { "queue", "QUEUE", TUI_TEXT_FIELD, 13, 0, 101, "the queue", 1 },
    [L_WORKER] = { "worker", "WORKER", TUI_ID_FIELD, 18, 0, 102, "the worker", 1 },
    [L_TEXT] = { "text", "WHAT", TUI_TEXT_FIELD, 20, 1, 5, "more about it", 0 },
    [L_LEVEL] = { "level", "LEVEL", TUI_COUNT_FIELD, 5, 0, 0, "0 information, 1 warning, 2 error", 0 },
    [L_NUMBER] = { "number", "NO", TUI_COUNT_FIELD, 7, 0, 0, "in the order in which they came", 0 },
};

static uint32_t limit(const struct tui_model *m)
{
    return m->log.next > TUI_LOG_MAX ? TUI_LOG_MAX : (uint32_t)m->log.next;
}

static uint32_t count(const struct tui_model *m)
{
    return (uint32_t)(m->log.next - first_number(&m->log));
}

static int is_there(const struct tui_model *m, uint32_t row)
{
    return m->log.lines && m->log.lines[row].number != 0;
}

static const char *id(const struct tui_model *m, uint32_t row, char room[ORB_ID_MAX + 1])
{
    snprintf(room, ORB_ID_MAX + 1, "%llu", (unsigned long long)m->log.lines[row].number);
    return room;
}

static uint32_t find(const struct tui_model *m, const char *number)
{
    uint64_t n = strtoull(number, NULL, 10);
    return n && n >= first_number(&m->log) && n < m->log.next ? (uint32_t)(n % TUI_LOG_MAX) : UINT32_MAX;
}

/* What the feed does not tell is looked up: when a task has just come its row is not known yet. */
const struct tui_task *tui_log_task(const struct tui_model *m, const struct tui_log_line *line)
{
    uint32_t row = strncmp(tui_texts_get(m->texts, line->type), "task.", 5) != 0 ? UINT32_MAX : tui_tasks_find(&m->tasks, line->subject);
    return row == UINT32_MAX ? NULL : &m->tasks.rows[row];
}

void tui_log_text(const struct tui_model *m, const struct tui_log_line *line, char *out, size_t cap)
{
    const char *type = tui_texts_get(m->texts, line->type), *more = line->text ? line->text : "";
    const struct tui_task *t = tui_log_task(m, line);
    char span[16], tokens[24], what[TUI_TEXT_MAX] = "";
    if (!strcmp(type, "task.running")) {
        char id[40];
        tui_show_id(tui_texts_get(m->texts, line->worker), 24, id, sizeof id);
        snprintf(what, sizeof what, "on %s", id);
    } else if (t && line->level) { /* why it failed */
        tui_set(what, sizeof what, tui_texts_get(m->texts, t->error));
    } else if (t && t->state == ORB_STATUS_COMPLETED && !strcmp(type, "task.completed") && t->started_at > 0) {
        tui_show_span(t->completed_at - t->started_at, span, sizeof span);
        tui_show_count((double)t->tokens_in + t->tokens_out, tokens, sizeof tokens);
        snprintf(what, sizeof what, "took %s, %s tokens", span, tokens);
    }
    snprintf(out, cap, "%s%s%s", more, *what && *more ? ", " : "", what);
}

static void value(const struct tui_model *m, uint32_t row, size_t field, struct tui_value *out)
{
    static const enum tui_role roles[] = { TUI_TEXT, TUI_WARNING, TUI_ERROR };
    const struct tui_log_line *line = &m->log.lines[row];
    const struct tui_task *task = field == L_AGENT ? tui_log_task(m, line) : NULL;
    uint32_t text = 0;
    out->role = TUI_TEXT;
    out->text = NULL;
    switch ((enum log_field)field) {
    case L_TIME: out->number = line->at; return;
    case L_LEVEL: out->number = line->level; return;
    case L_NUMBER: out->number = (double)line->number; return;
    case L_TYPE: text = line->type; out->role = roles[line->level]; break;
    case L_AGENT: text = line->agent ? line->agent : task ? task->agent : 0; break;
    case L_QUEUE: text = line->queue; break;
    case L_WORKER: text = line->worker; break;
    case L_TEXT:
        tui_log_text(m, line, out->room, sizeof out->room);
        out->text = out->room;
        break;
    case L_ID: out->text = line->subject; break;
    case L_FIELDS: break;
    }
    if (!out->text)
        out->text = tui_texts_get(m->texts, text);
    out->len = strlen(out->text);
}

const struct tui_source tui_log_source = {
    .name = "events", .noun = "event", .fields = fields, .field_count = L_FIELDS,
    .limit = limit, .count = count, .is_there = is_there, .value = value, .id = id, .find = find,
};
