/* orbiter dead list: what failed for good, the newest first. */
#include "dead.h"

#include <stdlib.h>
#include <string.h>

struct list_options {
    const char *queue, *reason;
    int limit;
};

static const struct list_options defaults = {.limit = 100};

#define AT(field) offsetof(struct list_options, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "only this queue's", 0, 0},
    {"reason", 0, ORB_OPTION_TEXT, AT(reason), "TEXT", "only those with this error type, or with TEXT in their reason, in any letter case", 0, 0},
    {"limit", 0, ORB_OPTION_INT, AT(limit), "N", "at most this many, 1 to 10000 (default 100)", 1, 10000},
    {0},
};
#undef AT

static const struct cli_column columns[] = {
    {"ID", 0}, {"QUEUE", 1}, {"TYPE", 1}, {"ATTEMPT", 0}, {"AGE", 0}, {"REASON", 1},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

struct row {
    unsigned long long ms, seq; /* of the letter's id */
    json_t *json;
};

/* Rows of many queues: never more than twice what is wanted. */
struct listing {
    struct cli *cli;
    struct row *rows;
    size_t count, limit;
    struct orb_error end;
};

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? 1 : -1;
    return x->seq < y->seq ? 1 : x->seq > y->seq ? -1 : 0;
}

static void cut(struct listing *l)
{
    qsort(l->rows, l->count, sizeof *l->rows, newest_first);
    while (l->count > l->limit)
        json_decref(l->rows[--l->count].json);
}

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct listing *l = arg;
    char *end;
    (void)new_id;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (!letter) {
        if (err)
            l->end = *err;
        cli_done(l->cli);
        return;
    }
    struct row *row = &l->rows[l->count++];
    row->ms = strtoull(letter->id, &end, 10);
    row->seq = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
    row->json = dead_json(letter);
    if (l->count == 2 * l->limit)
        cut(l);
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

static void print_table(const struct listing *l)
{
    struct cli_table *table = cli_table_new(columns, COLUMN_COUNT);
    for (size_t i = 0; i < l->count; i++) {
        const json_t *row = l->rows[i].json;
        char attempt[32], age[32];
        const char *task = text_of(row, "task_id");
        snprintf(attempt, sizeof attempt, "%lld", (long long)json_integer_value(json_object_get(row, "attempt")));
        cli_format_age(json_real_value(json_object_get(row, "dead_at")), age, sizeof age);
        cli_table_cell(table, *task ? task : text_of(row, "id"), NULL);
        cli_table_cell(table, text_of(row, "queue"), NULL);
        cli_table_cell(table, text_of(row, "error_type"), NULL);
        cli_table_cell(table, attempt, NULL);
        cli_table_cell(table, age, NULL);
        cli_table_cell(table, text_of(row, "reason"), NULL);
    }
    cli_table_print(table);
}

static void print(const struct listing *l)
{
    if (l->cli->format != CLI_TABLE) {
        json_t *list = json_array();
        for (size_t i = 0; i < l->count; i++)
            json_array_append(list, l->rows[i].json);
        cli_json_print_list(l->cli, list);
    } else if (l->count) {
        print_table(l);
    } else {
        cli_note(l->cli, "No dead letters found.");
    }
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    const struct orb_dead_filter filter = {.queue = o->queue, .reason = o->reason, .limit = o->limit};
    struct listing l = {.cli = cli, .limit = (size_t)o->limit};
    struct orb_error err = {0};
    (void)argc, (void)argv;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    l.rows = cli_alloc(2 * l.limit * sizeof *l.rows);
    rc = orb_dead_list(cli->client, &filter, on_letter, &l, &err);
    if (rc)
        cli_fail_with(&err);
    else if (!(rc = cli_wait(cli))) {
        cut(&l);
        if (l.count || !l.end.code)
            print(&l);
        if (l.end.code)
            rc = cli_fail_with(&l.end);
    }
    for (size_t i = 0; i < l.count; i++)
        json_decref(l.rows[i].json);
    free(l.rows);
    return rc;
}

const struct cli_command cli_cmd_dead_list = {
    .path = "dead list",
    .synopsis = "[--queue NAME] [--reason TEXT] [--limit N]",
    .brief = "list tasks that failed for good",
    .help = "Lists the dead letters, the newest first: tasks that failed for good, and queue entries that could not be run. Each queue keeps "
            "about 10,000, for 7 days. ID is the task's, or that of the dead letter when it names no task; TYPE is the class of "
            "the error, ATTEMPT how many attempts were begun, AGE how long ago it died.\n"
            "\n"
            "  orbiter dead list --reason RateLimitError -o jsonl | jq -r .reason",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
