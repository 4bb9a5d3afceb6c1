#include "client/row.h"
#include "base/base.h"
#include "task/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields of HMGET, in this order. */
enum field { STATUS, QUEUE, CREATED_AT, STARTED_AT, COMPLETED_AT, RETRIES, ATTEMPT, AGENT, WORKER_ID, ERROR_, ERROR_TYPE, USAGE, TASK_ID,
             RESUBMIT_OF, PRIORITY, RECOVERIES, DUE_AT, DEADLINE, FIELDS };
static const char *const names[FIELDS] = { "status", "queue", "created_at", "started_at", "completed_at", "retries", "attempt",
                                           "agent", "worker_id", "error", "error_type", "usage", "task_id",
                                           "resubmit_of", "priority", "recoveries", "due_at", "deadline" };

int orb_row_is_name(const char *text)
{
    return strlen(text) <= ORB_ID_MAX; /* queues' names are no longer */
}

void orb_row_ask(const struct orb_client *client, struct orb_buf *b, const char *id)
{
    orb_cmd_start(b, 2 + FIELDS);
    orb_cmd_str(b, "HMGET");
    orb_store_key_arg(client->store, b, "orbiter:task:", id);
    for (size_t i = 0; i < FIELDS; i++)
        orb_cmd_str(b, names[i]);
}

static char *put(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = memcpy(*at, text, n);
    *at += n;
    return copy;
}

/* All texts in one piece: there may be a hundred thousand rows. */
static void read_texts(struct orb_row *row, const char *id, const struct orb_reply *reply)
{
    struct orb_task_info *i = &row->info;
    static const enum field texts[] = { QUEUE, AGENT, WORKER_ID, ERROR_, ERROR_TYPE, USAGE, RESUBMIT_OF };
    const char **const into[] = { &i->queue, &i->agent, &i->worker_id, &i->error, &i->error_type, &i->usage, &i->resubmit_of };
    size_t bytes = strlen(id) + 1;
    for (size_t k = 0; k < ORB_COUNT(texts); k++)
        bytes += strlen(orb_reply_str(orb_reply_at(reply, texts[k]), NULL)) + 1;
    char *at = row->memory = orb_alloc(bytes);
    i->id = put(&at, id);
    for (size_t k = 0; k < ORB_COUNT(texts); k++)
        *into[k] = put(&at, orb_reply_str(orb_reply_at(reply, texts[k]), NULL));
    i->result = i->output = i->partial = "";
}

void orb_row_read(struct orb_row *row, const char *id, const struct orb_reply *reply)
{
    struct orb_task_info *i = &row->info;
    *row = (struct orb_row){ 0 };
    const char *status = orb_reply_str(orb_reply_at(reply, STATUS), NULL);
    row->is_gone = !*status && !*orb_reply_str(orb_reply_at(reply, TASK_ID), NULL);
    if (orb_status_parse(status, &i->status))
        i->status = ORB_STATUS_PENDING;
    read_texts(row, id, reply);
    i->created_at = orb_reply_real(orb_reply_at(reply, CREATED_AT));
    i->started_at = orb_reply_real(orb_reply_at(reply, STARTED_AT));
    i->completed_at = orb_reply_real(orb_reply_at(reply, COMPLETED_AT));
    i->retries = (int)strtol(orb_reply_str(orb_reply_at(reply, RETRIES), NULL), NULL, 10);
    i->attempt = (int)strtol(orb_reply_str(orb_reply_at(reply, ATTEMPT), NULL), NULL, 10);
    i->priority = orb_task_hash_priority(orb_reply_at(reply, PRIORITY));
    i->recoveries = orb_task_hash_count(orb_reply_at(reply, RECOVERIES));
    i->due_at = orb_reply_real(orb_reply_at(reply, DUE_AT));
    i->deadline = orb_reply_real(orb_reply_at(reply, DEADLINE));
    orb_task_usage_read(i);
}

void orb_row_done(struct orb_row *row)
{
    free(row->memory);
    row->memory = NULL;
}

/* ---- indexes --------------------------------------------------------------- */

static const struct {
    const char *word;
    enum orb_status status;
} indexes[ORB_INDEX_COUNT] = {
    [ORB_INDEX_OPEN] = { "open", ORB_STATUS_PENDING },
    [ORB_INDEX_RETRYING] = { "retrying", ORB_STATUS_RETRYING },
    [ORB_INDEX_COMPLETED] = { "completed", ORB_STATUS_COMPLETED },
    [ORB_INDEX_FAILED] = { "failed", ORB_STATUS_FAILED },
    [ORB_INDEX_CANCELLED] = { "cancelled", ORB_STATUS_CANCELLED },
};

enum orb_index orb_index_of(enum orb_status status)
{
    for (enum orb_index i = 0; i < ORB_INDEX_COUNT; i++)
        if (indexes[i].status == status)
            return i;
    return ORB_INDEX_OPEN;
}

enum orb_status orb_index_status(enum orb_index index)
{
    return indexes[index].status;
}

const char *orb_index_key(const struct orb_client *client, const char *queue, enum orb_index index, char out[ORB_KEY_MAX])
{
    snprintf(out, ORB_KEY_MAX, "%sorbiter:index:%s:%s", client->prefix, queue, indexes[index].word);
    return out;
}

/* ---- repairs --------------------------------------------------------------- */

static int mend(struct orb_client *client, const char *command, const char *key, const char *a, const char *b_or_null)
{
    struct orb_buf b;
    if (client->config.is_read_only)
        return 0;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, b_or_null ? 4 : 3);
    orb_cmd_str(&b, command);
    orb_cmd_str(&b, key);
    orb_cmd_str(&b, a);
    if (b_or_null)
        orb_cmd_str(&b, b_or_null);
    return orb_client_send(client, &b, 1, NULL, NULL);
}

static int drop_from_set(struct orb_client *client, const char *id)
{
    char key[ORB_KEY_MAX];
    return mend(client, "SREM", orb_store_key(client->store, "orbiter:task:index", "", key), id, NULL);
}

static int add(struct orb_client *client, const char *queue, enum orb_index index, double score, const char *id)
{
    char key[ORB_KEY_MAX], number[32];
    snprintf(number, sizeof number, "%lld", score > -1e18 && score < 1e18 ? (long long)score : 0);
    return mend(client, "ZADD", orb_index_key(client, queue, index, key), number, id);
}

int orb_row_repair(struct orb_client *client, const struct orb_row *row, const char *queue, enum orb_index index, double score)
{
    const struct orb_task_info *i = &row->info;
    char key[ORB_KEY_MAX];
    int rc = 0;
    /* A cancelled task that has not ended stays with the open ones, too: there the sweep looks whether somebody is there to end it. */
    int is_ending = i->status == ORB_STATUS_CANCELLED && i->completed_at <= 0 && index == ORB_INDEX_OPEN;
    if (!row->is_gone && orb_index_of(i->status) == index)
        return 0;
    if (row->is_gone || !is_ending)
        rc = mend(client, "ZREM", orb_index_key(client, queue, index, key), i->id, NULL);
    if (rc)
        return rc;
    return row->is_gone ? drop_from_set(client, i->id) : add(client, queue, orb_index_of(i->status), score, i->id);
}

int orb_row_adopt(struct orb_client *client, const struct orb_row *row, int *is_adopted)
{
    const struct orb_task_info *i = &row->info;
    char key[ORB_KEY_MAX];
    *is_adopted = 0;
    if (row->is_gone)
        return drop_from_set(client, i->id);
    if (*i->queue && i->created_at > 0)
        return 0; /* an index has it */
    *is_adopted = 1;
    int rc = add(client, ORB_QUEUE_DEFAULT, orb_index_of(i->status), (i->created_at > 0 ? i->created_at : i->started_at) * 1e6, i->id);
    return rc ? rc : mend(client, "SADD", orb_store_key(client->store, "orbiter:queues", "", key), ORB_QUEUE_DEFAULT, NULL);
}
