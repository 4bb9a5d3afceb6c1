/* The tasks with these ids. */
#include "client/ask.h"
#include "client/row.h"
#include "base/base.h"
#include <orbiter/watch.h>

#include <stdlib.h>

struct rows {
    struct orb_ask ask;
    orb_rows_cb cb;
    void *arg;
    char **ids;
    size_t count;
    struct orb_row *rows;
};

static void rows_done(void *arg)
{
    struct rows *r = arg;
    struct orb_task_info *tasks = orb_alloc(r->count * sizeof *tasks);
    const char **gone = orb_alloc(r->count * sizeof *gone);
    size_t there = 0, missing = 0;
    for (size_t i = 0; i < r->count && !r->ask.err.code; i++) {
        if (r->rows[i].is_gone)
            gone[missing++] = r->ids[i];
        else
            tasks[there++] = r->rows[i].info;
    }
    r->cb(r->arg, tasks, there, gone, missing, r->ask.err.code ? &r->ask.err : NULL);
    for (size_t i = 0; i < r->count; i++) {
        orb_row_done(&r->rows[i]);
        free(r->ids[i]);
    }
    free(gone);
    free(tasks);
    free(r->rows);
    free(r->ids);
    free(r);
}

static void read_row(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct rows *r = arg;
    (void)err;
    orb_row_read(&r->rows[which], r->ids[which], reply);
}

int orb_fleet_rows(struct orb_client *client, const char *const *ids, size_t count, orb_rows_cb cb, void *arg, struct orb_error *err)
{
    if (count < 1 || count > ORB_ROWS_MAX)
        return orb_error_set(err, ORB_E_USAGE, "%zu ids: give 1 to %d", count, ORB_ROWS_MAX);
    struct rows *r = orb_alloc(sizeof *r);
    r->ask = (struct orb_ask){ .client = client, .done = rows_done, .arg = r };
    r->cb = cb;
    r->arg = arg;
    r->count = count;
    r->ids = orb_alloc(count * sizeof *r->ids);
    r->rows = orb_alloc(count * sizeof *r->rows);
    for (size_t i = 0; i < count; i++) {
        struct orb_buf b;
        r->ids[i] = orb_strdup(ids[i]);
        r->rows[i].is_gone = 1;
        if (!orb_id_is_valid(ids[i]))
            continue;
        orb_buf_init(&b, 4096);
        orb_row_ask(client, &b, ids[i]);
        orb_ask(&r->ask, &b, read_row, i, 0);
    }
    orb_ask_end(&r->ask);
    return 0;
}
