/* orbiter queue list: the queues and what is in them. */
#include "cli.h"

struct list_options {
    int limit;
};

static const struct list_options defaults = {.limit = 100};

static const struct orb_option rows[] = {
    {"limit", 0, ORB_OPTION_INT, offsetof(struct list_options, limit), "N", "at most this many, 1 to 10000 (default 100)", 1, 10000},
    {0},
};

static const struct cli_column columns[] = {
    {"QUEUE", 1}, {"DEPTH", 0}, {"RUNNING", 0}, {"DELAYED", 0}, {"DEAD", 0}, {"WORKERS", 0}, {"PAUSED", 1}, {"COST", 0},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static json_t *row_json(const void *queues, size_t i)
{
    const struct orb_queue_info *q = (const struct orb_queue_info *)queues + i;
    json_t *o = json_object();
    json_object_set_new(o, "queue", cli_json_text(q->name));
    json_object_set_new(o, "depth", q->depth < 0 ? json_null() : json_integer(q->depth));
    json_object_set_new(o, "running", json_integer(q->running));
    json_object_set_new(o, "delayed", json_integer(q->delayed));
    json_object_set_new(o, "dead", json_integer(q->dead));
    json_object_set_new(o, "workers", json_integer(q->workers));
    json_object_set_new(o, "consumers", json_integer(q->consumers));
    json_object_set_new(o, "paused", json_boolean(q->is_paused));
    json_object_set_new(o, "paused_by", cli_json_text(q->paused_by));
    json_object_set_new(o, "paused_from", cli_json_text(q->paused_from));
    json_object_set_new(o, "paused_at", cli_json_time(q->paused_at));
    json_object_set_new(o, "usage", cli_json_usage(q->usage));
    return o;
}

static void print_row(struct cli_table *table, const void *queues, size_t i)
{
    const struct orb_queue_info *q = (const struct orb_queue_info *)queues + i;
    const int64_t numbers[] = {q->depth, q->running, q->delayed, q->dead, q->workers};
    cli_table_cell(table, q->name, NULL);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        char text[32] = "";
        if (numbers[k] >= 0)
            snprintf(text, sizeof text, "%lld", (long long)numbers[k]);
        cli_table_cell(table, text, NULL);
    }
    cli_table_cell(table, q->is_paused && !*q->paused_by ? "yes" : q->paused_by, q->is_paused ? cli_color("\x1b[33m") : NULL);
    json_t *usage = cli_json_usage(q->usage), *cost = json_object_get(usage, "cost");
    char text[32] = "";
    if (json_is_number(cost))
        snprintf(text, sizeof text, "$%.4f", json_number_value(cost));
    cli_table_cell(table, text, NULL);
    json_decref(usage);
}

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err)
{
    cli_listing_end(arg, queues, count, err);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    struct orb_queue_filter filter = {.limit = o->limit};
    struct orb_error err = {0};
    struct cli_listing l = {.cli = cli, .columns = columns, .column_count = COLUMN_COUNT, .print_row = print_row,
                            .row_json = row_json, .nothing = "No queues found."};
    (void)argc, (void)argv;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    if (orb_fleet_queues(cli->client, &filter, on_queues, &l, &err))
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : l.code;
}

const struct cli_command cli_cmd_queue_list = {
    .path = "queue list",
    .synopsis = "[--limit N]",
    .brief = "list the queues",
    .help = "Lists the queues that have had a task or a worker, by name. DEPTH is how many tasks wait for a worker, of all "
            "priorities; RUNNING how many workers have been given; DELAYED how many are not due yet or wait for another attempt; "
            "DEAD counts dead letters, WORKERS orbiter's workers that live, PAUSED says who paused the queue, and COST what all of its "
            "tasks have cost so far, as far as their models have a price.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
