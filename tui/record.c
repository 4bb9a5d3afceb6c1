/* The fields of what messages carry are in tables, so that writing and reading cannot differ. */
#include "record.h"
#include "base.h"
#include "cells.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "orbiter-top-1"
#define LINE_BYTES_MAX (64 * 1024 * 1024)

enum kind { TEXT, INT, INT64, REAL };
struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t length; /* of a TEXT with a length of its own: offset of that; 0 = it is terminated */
};
#define AT(type, name, kind) { #name, kind, offsetof(struct type, name), 0 }
#define WITH_LENGTH(type, name, length) { #name, TEXT, offsetof(struct type, name), offsetof(struct type, length) }

static const struct field change_fields[] = { AT(orb_feed_event, entry_id, TEXT), AT(orb_feed_event, at_ms, INT64), AT(orb_feed_event, type, TEXT), AT(orb_feed_event, status, INT),
    AT(orb_feed_event, queue, TEXT), AT(orb_feed_event, worker_id, TEXT), AT(orb_feed_event, task_id, TEXT), AT(orb_feed_event, attempt, INT64), { 0 } };
static const struct field task_fields[] = { AT(orb_task_info, id, TEXT), AT(orb_task_info, queue, TEXT), AT(orb_task_info, agent, TEXT), AT(orb_task_info, worker_id, TEXT),
    AT(orb_task_info, status, INT), AT(orb_task_info, created_at, REAL), AT(orb_task_info, started_at, REAL), AT(orb_task_info, completed_at, REAL), AT(orb_task_info, retries, INT),
    AT(orb_task_info, attempt, INT), AT(orb_task_info, recoveries, INT), AT(orb_task_info, priority, INT), AT(orb_task_info, due_at, REAL), AT(orb_task_info, deadline, REAL),
    AT(orb_task_info, resubmit_of, TEXT), AT(orb_task_info, result, TEXT), AT(orb_task_info, output, TEXT), AT(orb_task_info, error, TEXT), AT(orb_task_info, error_type, TEXT),
    AT(orb_task_info, partial, TEXT), AT(orb_task_info, usage, TEXT), AT(orb_task_info, input_tokens, INT64), AT(orb_task_info, output_tokens, INT64),
    AT(orb_task_info, total_tokens, INT64), AT(orb_task_info, cost, REAL), { 0 } };
static const struct field worker_fields[] = { AT(orb_worker_info, id, TEXT), AT(orb_worker_info, status, TEXT), AT(orb_worker_info, hostname, TEXT), AT(orb_worker_info, current_task_id, TEXT),
    AT(orb_worker_info, version, TEXT), AT(orb_worker_info, queue, TEXT), AT(orb_worker_info, tasks_processed, INT64), AT(orb_worker_info, tasks_failed, INT64),
    AT(orb_worker_info, concurrency, INT64), AT(orb_worker_info, slots_busy, INT64), AT(orb_worker_info, rss_kb, INT64), AT(orb_worker_info, tok_s, REAL), AT(orb_worker_info, started_at, REAL),
    AT(orb_worker_info, last_heartbeat, REAL), AT(orb_worker_info, is_alive, INT), AT(orb_worker_info, pending, INT64), AT(orb_worker_info, lease_ms, INT64), AT(orb_worker_info, is_lost, INT),
    AT(orb_worker_info, lost_since, REAL), { 0 } };
static const struct field queue_fields[] = { AT(orb_queue_info, name, TEXT), AT(orb_queue_info, depth, INT64), AT(orb_queue_info, running, INT64), AT(orb_queue_info, delayed, INT64),
    AT(orb_queue_info, dead, INT64), AT(orb_queue_info, workers, INT64), AT(orb_queue_info, consumers, INT64), AT(orb_queue_info, is_paused, INT), AT(orb_queue_info, paused_by, TEXT),
    AT(orb_queue_info, paused_from, TEXT), AT(orb_queue_info, paused_at, REAL), AT(orb_queue_info, oldest_at, REAL), { 0 } };
static const struct field audit_fields[] = { AT(orb_audit_info, id, TEXT), AT(orb_audit_info, at, REAL), AT(orb_audit_info, who, TEXT), AT(orb_audit_info, from, TEXT),
    AT(orb_audit_info, action, TEXT), AT(orb_audit_info, target, TEXT), AT(orb_audit_info, was, TEXT), AT(orb_audit_info, became, TEXT), { 0 } };
static const struct field event_fields[] = { AT(orb_event, type, INT), AT(orb_event, stream_id, TEXT), AT(orb_event, seq, INT64), AT(orb_event, attempt, INT64), AT(orb_event, agent_name, TEXT),
    WITH_LENGTH(orb_event, text, text_len), AT(orb_event, word, TEXT), AT(orb_event, tool_call_id, TEXT), AT(orb_event, step_number, INT64), AT(orb_event, ok, INT),
    AT(orb_event, input_tokens, INT64), AT(orb_event, output_tokens, INT64), AT(orb_event, total_tokens, INT64), AT(orb_event, is_last, INT), { 0 } };

/* The arrays that a message may carry. */
static const struct carried {
    const char *name;
    size_t offset, size;
    const struct field *fields;
    uint32_t types;      /* of messages that have it, as bits */
} carried[] = {
    { "changes", offsetof(struct tui_msg, changes), sizeof(struct orb_feed_event), change_fields, 1u << TUI_MSG_FEED },
    { "tasks", offsetof(struct tui_msg, tasks), sizeof(struct orb_task_info), task_fields, 1u << TUI_MSG_TASKS | 1u << TUI_MSG_DETAIL },
    { "workers", offsetof(struct tui_msg, workers), sizeof(struct orb_worker_info), worker_fields, 1u << TUI_MSG_WORKERS },
    { "queues", offsetof(struct tui_msg, queues), sizeof(struct orb_queue_info), queue_fields, 1u << TUI_MSG_QUEUES },
    { "audits", offsetof(struct tui_msg, audits), sizeof(struct orb_audit_info), audit_fields, 1u << TUI_MSG_AUDIT },
    { "events", offsetof(struct tui_msg, events), sizeof(struct orb_event), event_fields, 1u << TUI_MSG_STREAM },
};
_Static_assert(TUI_MSG_COUNT <= 32, "types are bits");

static const char *const words[TUI_MSG_COUNT] = {
#define WORD(name, word) word,
    TUI_MSGS(WORD)
#undef WORD
};

/* ---- writing ------------------------------------------------------------------------- */

/* Text from anywhere; what is no UTF-8 becomes marks, as it would on the screen. */
json_t *tui_text_json(const char *text, size_t len)
{
    json_t *value = json_stringn(text, len);
    if (value)
        return value;
    size_t safe_len;
    char *safe = tui_safe(text, len, &safe_len);
    value = json_stringn(safe, safe_len);
    free(safe);
    return value ? value : json_string("");
}

/* What is empty or 0 is left out. */
static void write_fields(json_t *object, const struct field *fields, const void *from)
{
    for (const struct field *f = fields; f->name; f++) {
        const char *at = (const char *)from + f->offset;
        if (f->kind == TEXT) {
            const char *text = *(const char *const *)(const void *)at;
            size_t len = !text ? 0 : f->length ? *(const size_t *)(const void *)((const char *)from + f->length) : strlen(text);
            if (len)
                json_object_set_new(object, f->name, tui_text_json(text, len));
        } else if (f->kind == REAL) {
            double n = *(const double *)(const void *)at;
            if (n < 0 || n > 0)
                json_object_set_new(object, f->name, json_real(n));
        } else {
            int64_t n = f->kind == INT ? *(const int *)(const void *)at : *(const int64_t *)(const void *)at;
            if (n)
                json_object_set_new(object, f->name, json_integer(n));
        }
    }
}

static void write_arrays(json_t *object, const struct tui_msg *msg)
{
    for (size_t i = 0; i < TUI_COUNT(carried); i++) {
        const char *rows = *(const char *const *)(const void *)((const char *)msg + carried[i].offset);
        if (!rows || !msg->count)
            continue;
        json_t *array = json_array();
        for (size_t k = 0; k < msg->count; k++) {
            json_t *row = json_object();
            write_fields(row, carried[i].fields, rows + k * carried[i].size);
            json_array_append_new(array, row);
        }
        json_object_set_new(object, carried[i].name, array);
    }
}

char *tui_msg_write(const struct tui_msg *msg)
{
    json_t *object = json_pack("{ss sf}", "type", words[msg->type], "at", msg->at);
    if (msg->id && *msg->id)
        json_object_set_new(object, "id", tui_text_json(msg->id, strlen(msg->id)));
    if (msg->text_len)
        json_object_set_new(object, "text", tui_text_json(msg->text, msg->text_len));
    if (msg->a)
        json_object_set_new(object, "a", json_integer(msg->a));
    if (msg->b)
        json_object_set_new(object, "b", json_integer(msg->b));
    if (msg->number < 0 || msg->number > 0)
        json_object_set_new(object, "number", json_real(msg->number));
    write_arrays(object, msg);
    if (msg->counts) {
        json_t *by_status = json_array();
        for (int i = 0; i < ORB_STATUS_COUNT; i++)
            json_array_append_new(by_status, json_integer(msg->counts->by_status[i]));
        json_object_set_new(object, "counts", json_pack("{so sI sf}", "by_status", by_status, "memory_bytes", (json_int_t)msg->counts->memory_bytes, "at", msg->counts->at));
    }
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(object);
    return line;
}

/* ---- reading ------------------------------------------------------------------------- */

struct tui_msg_memory {
    json_t *root;       /* texts are its own */
    void *rows;
    struct orb_counts counts;
};

void tui_msg_done(struct tui_msg_memory *keep)
{
    if (!keep)
        return;
    json_decref(keep->root);
    free(keep->rows);
    free(keep);
}

/* Times and the like: what can be counted with. */
static double moderate(double n)
{
    return n < -1e15 ? -1e15 : n > 1e15 ? 1e15 : n;
}

static void read_fields(const json_t *object, const struct field *fields, void *to)
{
    for (const struct field *f = fields; f->name; f++) {
        const json_t *value = json_object_get(object, f->name);
        char *at = (char *)to + f->offset;
        if (f->kind == TEXT) {
            *(const char **)(void *)at = json_is_string(value) ? json_string_value(value) : "";
            if (f->length)
                *(size_t *)(void *)((char *)to + f->length) = json_string_length(value);
        } else if (f->kind == REAL) {
            *(double *)(void *)at = moderate(json_number_value(value));
        } else if (f->kind == INT) {
            json_int_t n = json_integer_value(value);
            *(int *)(void *)at = n < INT32_MIN || n > INT32_MAX ? 0 : (int)n;
        } else {
            *(int64_t *)(void *)at = json_integer_value(value);
        }
    }
}

/* Numbers that index tables have to be in them. */
static void hold(struct tui_msg *msg)
{
    for (size_t i = 0; i < msg->count; i++) {
        if (msg->tasks && (unsigned)msg->tasks[i].status >= ORB_STATUS_COUNT)
            ((struct orb_task_info *)(uintptr_t)msg->tasks)[i].status = ORB_STATUS_PENDING;
        if (msg->changes && (msg->changes[i].status < 0 || msg->changes[i].status >= ORB_STATUS_COUNT))
            ((struct orb_feed_event *)(uintptr_t)msg->changes)[i].status = -1;
        if (msg->events && (unsigned)msg->events[i].type > ORB_EVENT_OTHER)
            ((struct orb_event *)(uintptr_t)msg->events)[i].type = ORB_EVENT_OTHER;
        if (msg->tasks && !msg->tasks[i].total_tokens && !(msg->tasks[i].cost > 0))
            ((struct orb_task_info *)(uintptr_t)msg->tasks)[i].cost = msg->tasks[i].cost < 0 ? msg->tasks[i].cost : 0;
    }
}

static void read_arrays(const json_t *root, struct tui_msg *out, struct tui_msg_memory *keep)
{
    for (size_t i = 0; i < TUI_COUNT(carried) && !keep->rows; i++) {
        const json_t *array = json_object_get(root, carried[i].name), *row;
        size_t k;
        if (!json_array_size(array) || !(carried[i].types & 1u << out->type))
            continue;
        keep->rows = tui_alloc(json_array_size(array), carried[i].size);
        out->count = json_array_size(array);
        json_array_foreach((json_t *)(uintptr_t)array, k, row)
            read_fields(row, carried[i].fields, (char *)keep->rows + k * carried[i].size);
        *(void **)(void *)((char *)out + carried[i].offset) = keep->rows;
    }
    hold(out);
}

int tui_msg_read(const char *line, size_t len, struct tui_msg *out, struct tui_msg_memory **kept, struct orb_error *err)
{
    json_error_t why;
    struct tui_msg_memory *keep = tui_alloc(1, sizeof *keep);
    keep->root = json_loadb(line, len, JSON_ALLOW_NUL, &why);
    const json_t *root = keep->root, *text = json_object_get(root, "text"), *counts = json_object_get(root, "counts");
    const char *type = json_string_value(json_object_get(root, "type")), *id = json_string_value(json_object_get(root, "id"));
    int t = 0;
    while (type && t < TUI_MSG_COUNT && strcmp(words[t], type) != 0)
        t++;
    if (!type || t == TUI_MSG_COUNT) {
        tui_msg_done(keep);
        return orb_error_set(err, ORB_E_INVALID, type ? "a message of a type that this version does not know" : "no message of a recording");
    }
    *out = (struct tui_msg){ .type = (enum tui_msg_type)t, .at = moderate(json_number_value(json_object_get(root, "at"))), .id = id ? id : "", .text = "" };
    if (json_is_string(text)) {
        out->text = json_string_value(text);
        out->text_len = json_string_length(text);
    }
    out->a = json_integer_value(json_object_get(root, "a"));
    out->b = json_integer_value(json_object_get(root, "b"));
    out->number = moderate(json_number_value(json_object_get(root, "number")));
    read_arrays(root, out, keep);
    if (counts) {
        for (size_t i = 0; i < ORB_STATUS_COUNT; i++)
            keep->counts.by_status[i] = json_integer_value(json_array_get(json_object_get(counts, "by_status"), i));
        keep->counts.memory_bytes = json_integer_value(json_object_get(counts, "memory_bytes"));
        keep->counts.at = moderate(json_number_value(json_object_get(counts, "at")));
        out->counts = &keep->counts;
    }
    *kept = keep;
    return 0;
}

/* ---- files ---------------------------------------------------------------------------- */

struct tui_recorder {
    FILE *out;
    char file[512];
    int error;
};

static void add_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(object, name, tui_text_json(text, strlen(text)));
}

static json_t *head_json(const struct tui_record_head *head)
{
    json_t *object = json_pack("{ss}", "format", FORMAT), *keys = json_object();
    add_text(object, "title", head->title);
    add_text(object, "user", head->user);
    add_text(object, "screen", head->screen);
    add_text(object, "task", head->task);
    add_text(object, "filter", head->filter);
    add_text(object, "hint", head->hint);
    if (head->is_readonly)
        json_object_set_new(object, "readonly", json_true());
    for (int a = 1; a < TUI_ACTION_COUNT && head->keys; a++)
        if (strcmp(tui_keys_all(head->keys, (enum tui_action)a), tui_actions[a].keys) != 0)
            json_object_set_new(keys, tui_actions[a].name, json_string(tui_keys_all(head->keys, (enum tui_action)a)));
    if (json_object_size(keys))
        json_object_set(object, "keys", keys);
    json_decref(keys);
    return object;
}

int tui_recorder_open(const char *file, const struct tui_record_head *record, struct tui_recorder **out, struct orb_error *err)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return orb_error_set(err, errno == EEXIST ? ORB_E_EXISTS : ORB_E_SYSTEM, "%s: %s; give --record a file that is not there yet", file, strerror(errno));
    struct tui_recorder *r = tui_alloc(1, sizeof *r);
    tui_set(r->file, sizeof r->file, file);
    r->out = fdopen(fd, "w");
    if (!r->out)
        abort();
    json_t *head = head_json(record);
    char *line = json_dumps(head, 0);
    fprintf(r->out, "%s\n", line);
    free(line);
    json_decref(head);
    *out = r;
    return 0;
}

void tui_recorder_write(struct tui_recorder *r, const struct tui_msg *msg)
{
    char *line = tui_msg_write(msg);
    if (line && (fputs(line, r->out) < 0 || fputc('\n', r->out) < 0) && !r->error)
        r->error = errno;
    free(line);
}

static int is_whole(const struct tui_recorder *r, struct orb_error *err)
{
    return !r->error ? 0 : orb_error_set(err, ORB_E_SYSTEM, "%s: the recording is not whole: %s", r->file, strerror(r->error));
}

int tui_recorder_flush(struct tui_recorder *r, struct orb_error *err)
{
    if (fflush(r->out) && !r->error)
        r->error = errno;
    return is_whole(r, err);
}

int tui_recorder_close(struct tui_recorder *r, struct orb_error *err)
{
    if (!r)
        return 0;
    if (fclose(r->out) && !r->error)
        r->error = errno;
    int rc = is_whole(r, err);
    free(r);
    return rc;
}

struct tui_player {
    FILE *in;
    char file[512];
    int number;
    char *line;
    size_t cap;
    struct tui_msg_memory *keep;
    json_t *json;       /* of the first line */
    struct tui_record_head head;
    struct tui_keys *keys;
};

static const char *head_text(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void read_head(struct tui_player *p)
{
    const char *name;
    json_t *list;
    p->head = (struct tui_record_head){ .title = head_text(p->json, "title"), .user = head_text(p->json, "user"), .screen = head_text(p->json, "screen"), .task = head_text(p->json, "task"),
                                        .filter = head_text(p->json, "filter"), .hint = head_text(p->json, "hint"), .is_readonly = json_is_true(json_object_get(p->json, "readonly")),
                                        .keys = p->keys = tui_keys_new() };
    json_object_foreach(json_object_get(p->json, "keys"), name, list) {
        enum tui_action action = tui_action_find(name);
        if (action && json_is_string(list))
            tui_keys_set(p->keys, action, json_string_value(list));
    }
}

const struct tui_record_head *tui_player_head(const struct tui_player *p)
{
    return &p->head;
}

int tui_player_open(const char *file, struct tui_player **out, struct orb_error *err)
{
    FILE *in = fopen(file, "re");
    if (!in)
        return orb_error_set(err, ORB_E_SYSTEM, "%s: %s; give --replay a file that --record has written", file, strerror(errno));
    struct tui_player *p = tui_alloc(1, sizeof *p);
    tui_set(p->file, sizeof p->file, file);
    p->in = in;
    p->number = 1;
    p->json = getline(&p->line, &p->cap, in) > 0 ? json_loads(p->line, 0, NULL) : NULL;
    const char *format = head_text(p->json, "format");
    if (!format || strcmp(format, FORMAT) != 0) {
        tui_player_close(p);
        return orb_error_set(err, ORB_E_INVALID, "%s:1: this is no recording of this version: it should begin with {\"format\": \"%s\"}", file, FORMAT);
    }
    read_head(p);
    *out = p;
    return 0;
}

void tui_player_close(struct tui_player *p)
{
    if (!p)
        return;
    tui_msg_done(p->keep);
    json_decref(p->json);
    tui_keys_free(p->keys);
    fclose(p->in);
    free(p->line);
    free(p);
}

int tui_player_next(struct tui_player *p, struct tui_msg *out, struct orb_error *err)
{
    struct orb_error why = { 0 };
    tui_msg_done(p->keep);
    p->keep = NULL;
    ssize_t len = getline(&p->line, &p->cap, p->in);
    if (len < 0)
        return ferror(p->in) ? orb_error_set(err, ORB_E_SYSTEM, "%s: %s", p->file, strerror(errno)) : 1;
    p->number++;
    if (p->line[len - 1] != '\n')
        return 1;
    if (len > LINE_BYTES_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "%s:%d: a line of more than %d bytes", p->file, p->number, LINE_BYTES_MAX);
    int rc = tui_msg_read(p->line, (size_t)len, out, &p->keep, &why);
    return rc ? orb_error_set(err, rc, "%s:%d: %s", p->file, p->number, why.text) : 0;
}
