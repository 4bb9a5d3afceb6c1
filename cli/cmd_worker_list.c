/* orbiter worker list: the workers and what they do. */
#include "cli.h"

#include <stdlib.h>

static const struct cli_column columns[] = {
    {"ID", 0}, {"STATUS", 0}, {"HOSTNAME", 1}, {"SLOTS", 0}, {"TASKS", 0}, {"FAILED", 0}, {"TASK", 1}, {"BEAT", 0},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static json_t *row_json(const void *workers, size_t i)
{
    const struct orb_worker_info *w = (const struct orb_worker_info *)workers + i;
    json_t *o = json_object();
    json_object_set_new(o, "id", cli_json_text(w->id));
    json_object_set_new(o, "status", cli_json_text(w->status));
    json_object_set_new(o, "alive", json_boolean(w->is_alive));
    json_object_set_new(o, "hostname", cli_json_text(w->hostname));
    json_object_set_new(o, "concurrency", json_integer(w->concurrency));
    json_object_set_new(o, "slots_busy", json_integer(w->slots_busy));
    json_object_set_new(o, "tasks_processed", json_integer(w->tasks_processed));
    json_object_set_new(o, "tasks_failed", json_integer(w->tasks_failed));
    json_object_set_new(o, "current_task_id", cli_json_text(w->current_task_id));
    json_object_set_new(o, "started_at", cli_json_time(w->started_at));
    json_object_set_new(o, "last_heartbeat", cli_json_time(w->last_heartbeat));
    json_object_set_new(o, "version", cli_json_text(w->version));
    json_object_set_new(o, "rss_kb", json_integer(w->rss_kb));
    json_object_set_new(o, "tokens_per_second", json_real(w->tok_s));
    return o;
}

/* A number that no worker counts to must not widen the table. */
static void format_number(int64_t number, char *out, size_t cap)
{
    if (number < 0 || number > 9999999999)
        snprintf(out, cap, "-");
    else
        snprintf(out, cap, "%lld", (long long)number);
}

static void number_cell(struct cli_table *table, int64_t number)
{
    char text[32];
    format_number(number, text, sizeof text);
    cli_table_cell(table, text, NULL);
}

static void print_row(struct cli_table *table, const void *workers, size_t i)
{
    const struct orb_worker_info *w = (const struct orb_worker_info *)workers + i;
    char text[72], busy[32], all[32];
    cli_table_cell(table, w->id, NULL);
    cli_table_cell(table, w->is_alive ? w->status : "dead", cli_color(w->is_alive ? "\x1b[32m" : "\x1b[31m"));
    cli_table_cell(table, w->hostname, NULL);
    format_number(w->slots_busy, busy, sizeof busy);
    format_number(w->concurrency, all, sizeof all);
    snprintf(text, sizeof text, "%s/%s", busy, all);
    cli_table_cell(table, text, NULL);
    number_cell(table, w->tasks_processed);
    number_cell(table, w->tasks_failed);
    cli_table_cell(table, w->current_task_id, NULL);
    cli_format_age(w->last_heartbeat, text, sizeof text);
    cli_table_cell(table, text, NULL);
}

/* Those that beat: of one that is lost no more is known than its id. */
static void on_workers(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err)
{
    struct orb_worker_info *beating = cli_alloc((count + 1) * sizeof *beating);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!workers[i].is_lost || workers[i].last_heartbeat > 0)
            beating[n++] = workers[i];
    cli_listing_end(arg, beating, n, err);
    free(beating);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    struct cli_listing l = {.cli = cli, .columns = columns, .column_count = COLUMN_COUNT, .print_row = print_row,
                            .row_json = row_json, .nothing = "No active workers found."};
    (void)options, (void)argc, (void)argv;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    rc = orb_fleet_workers(cli->client, on_workers, &l);
    if (rc)
        return cli_fail(rc, "cannot list workers: %s", orb_error_text(rc));
    rc = cli_wait(cli);
    return rc ? rc : l.code;
}

const struct cli_command cli_cmd_worker_list = {
    .path = "worker list",
    .synopsis = "",
    .brief = "list the workers",
    .help = "Lists the workers by their heartbeats: SLOTS is busy/all, TASKS and FAILED count attempts since the start, "
            "BEAT is the age of the last heartbeat.",
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
