/* A task as a row of a list: what HMGET gives of its hash. And the indexes in which lists find it: sorted sets of each queue, of task ids by the
 * microsecond they were made. They are hints: a row is checked against its hash. */
#ifndef ORB_CLIENT_ROW_H
#define ORB_CLIENT_ROW_H

#include "client/client.h"

struct orb_row {
    struct orb_task_info info;    /* its texts are in memory */
    char *memory;
    int is_gone;                  /* there is no hash */
};
/* Appends the command whose reply orb_row_read takes. */
void orb_row_ask(const struct orb_client *client, struct orb_buf *b, const char *id);
/* reply NULL: the key is no hash (a Python task may be called "index"). */
void orb_row_read(struct orb_row *row, const char *id, const struct orb_reply *reply);
void orb_row_done(struct orb_row *row);

/* Whoever may write to Redis may have put anything where ids and queues' names are expected. */
int orb_row_is_name(const char *text);

/* Pending and running tasks share an index, see common.lua. */
enum orb_index { ORB_INDEX_OPEN, ORB_INDEX_RETRYING, ORB_INDEX_COMPLETED, ORB_INDEX_FAILED, ORB_INDEX_CANCELLED, ORB_INDEX_COUNT };
enum orb_index orb_index_of(enum orb_status status);
enum orb_status orb_index_status(enum orb_index index); /* open: pending */
const char *orb_index_key(const struct orb_client *client, const char *queue, enum orb_index index, char out[ORB_KEY_MAX]);

/* Repairs: whether they worked does not matter. 0, or why nothing could be sent. */
/* The row is not where that index said. */
int orb_row_repair(struct orb_client *client, const struct orb_row *row, const char *queue, enum orb_index index, double score);
/* The row was found in the package's set. One that says that no index has it is put into the default queue's. *is_adopted: it was. */
int orb_row_adopt(struct orb_client *client, const struct orb_row *row, int *is_adopted);

#endif
