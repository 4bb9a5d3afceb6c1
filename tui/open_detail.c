/* The detail of the open task: its hash and its payload, as text. */
#include "model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct tui_pane *pane, enum tui_role role, enum tui_line_kind kind, const char *text)
{
    tui_pane_add(pane, role, kind, text, strlen(text));
}

#define NODES_MAX 200000 /* values: each costs far more than its text */

static int is_moderate(const char *json)
{
    size_t n = 0;
    for (; *json && n < NODES_MAX; json++)
        n += *json == ',' || *json == '[' || *json == '{';
    return n < NODES_MAX;
}

static void fill_json(struct tui_pane *pane, const char *title, const char *json)
{
    json_t *value = *json && is_moderate(json) ? json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    char *pretty = value ? json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY) : NULL;
    tui_pane_line(pane, TUI_TITLE, TUI_LINE_STEP, title);
    add(pane, TUI_TEXT, TUI_LINE_TEXT, pretty ? pretty : *json ? json : "none");
    tui_pane_end_line(pane);
    free(pretty);
    json_decref(value);
}

static void fill_messages(struct tui_pane *pane, const json_t *messages)
{
    size_t i;
    json_t *message;
    char role[40];
    json_array_foreach(messages, i, message) {
        const char *who = json_string_value(json_object_get(message, "role"));
        const json_t *content = json_object_get(message, "content");
        char *text = json_is_string(content) ? NULL : json_dumps(content, JSON_ENCODE_ANY);
        snprintf(role, sizeof role, "%.30s", who ? who : "?");
        tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, role);
        add(pane, TUI_DIM, TUI_LINE_TEXT, json_is_string(content) ? json_string_value(content) : text ? text : "");
        tui_pane_end_line(pane);
        free(text);
    }
}

/* The payload: what the user said, before it what was said earlier, and who is asked. */
static void fill_input(struct tui_open *o, const char *payload, size_t len)
{
    struct tui_pane *pane = &o->panes[TUI_TAB_INPUT];
    json_error_t why;
    json_t *root = len && is_moderate(payload) ? json_loadb(payload, len, JSON_ALLOW_NUL, &why) : NULL;
    tui_pane_refill(pane);
    if (!root) {
        tui_pane_line(pane, TUI_DIM, TUI_LINE_TEXT, len ? "the payload cannot be read:" : "the payload is not there (any more)");
        tui_set(o->asked, sizeof o->asked, len ? "(the payload cannot be read)" : "(the payload is not there any more)");
        tui_pane_add(pane, TUI_TEXT, TUI_LINE_TEXT, payload, len);
        return;
    }
    const json_t *agent = json_object_get(root, "agent_config"), *input = json_object_get(root, "input");
    const char *instructions = json_string_value(json_object_get(agent, "instructions"));
    if (instructions && *instructions) {
        tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, "instructions");
        add(pane, TUI_DIM, TUI_LINE_TEXT, instructions);
        tui_pane_end_line(pane);
    }
    fill_messages(pane, json_object_get(root, "messages"));
    tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, "input");
    add(pane, TUI_TEXT, TUI_LINE_TEXT, json_is_string(input) ? json_string_value(input) : "");
    tui_set(o->asked, sizeof o->asked, json_is_string(input) ? json_string_value(input) : "");
    json_decref(root);
}

static void fill_result(struct tui_pane *pane, const struct orb_task_info *task)
{
    tui_pane_refill(pane);
    int has_failed = *task->error && task->status != ORB_STATUS_COMPLETED; /* else it is that of an earlier attempt */
    if (has_failed) {
        tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, *task->error_type ? task->error_type : "error");
        add(pane, TUI_ERROR, TUI_LINE_TEXT, task->error);
        tui_pane_end_line(pane);
    }
    if (*task->output) {
        add(pane, TUI_TEXT, TUI_LINE_TEXT, task->output);
    } else if (*task->partial) {
        tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, "what it had said until then");
        add(pane, TUI_DIM, TUI_LINE_TEXT, task->partial);
    } else if (!has_failed) {
        tui_pane_line(pane, TUI_DIM, TUI_LINE_TEXT, orb_status_is_final(task->status) ? "an empty answer" : "no result yet");
    }
    tui_pane_end_line(pane);
}

static void refill_line(struct tui_pane *pane, const char *text)
{
    tui_pane_refill(pane);
    tui_pane_line(pane, TUI_ERROR, TUI_LINE_TEXT, text);
}

static void take_head(struct tui_open *o, const struct orb_task_info *task)
{
    o->state = task->status;
    tui_set(o->agent, sizeof o->agent, task->agent);
    tui_set(o->queue, sizeof o->queue, task->queue);
    tui_set(o->worker, sizeof o->worker, task->worker_id);
    tui_set(o->resubmit_of, sizeof o->resubmit_of, task->resubmit_of);
    o->attempt_told = task->attempt;
    o->retries = task->retries;
    o->recoveries = task->recoveries;
    o->priority = task->priority;
    o->created_at = task->created_at;
    o->started_at = task->started_at;
    o->completed_at = task->completed_at;
    o->due_at = task->due_at;
    o->deadline = task->deadline;
}

void tui_open_detail(struct tui_model *m, const struct tui_msg *msg)
{
    struct tui_open *o = &m->open;
    if (strcmp(msg->id, o->id) != 0)
        return;
    if (!msg->count) {
        tui_set(o->missing, sizeof o->missing, msg->text);
        return;
    }
    const struct orb_task_info *task = msg->tasks;
    struct tui_pane *json = &o->panes[TUI_TAB_JSON];
    o->missing[0] = 0;
    o->has_detail = 1;
    take_head(o, task);
    if (task->total_tokens) { /* of all attempts; until then what the events tell */
        o->tokens_in = (double)task->input_tokens;
        o->tokens_out = (double)task->output_tokens;
    }
    if (task->cost >= 0)
        o->cost = task->cost;
    fill_result(&o->panes[TUI_TAB_RESULT], task);
    if (msg->a)
        refill_line(&o->panes[TUI_TAB_INPUT], msg->text);
    else
        fill_input(o, msg->text, msg->text_len);
    tui_pane_refill(json);
    fill_json(json, "result", task->result);
    fill_json(json, "usage", task->usage);
    fill_json(json, "payload", msg->a ? "" : msg->text);
}
