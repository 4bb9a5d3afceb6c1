/* orbiter task list: the newest tasks, one line each. */
#include "cli.h"

#include <stdlib.h>

struct list_options {
    const char *status, *queue;
    int limit;
};

static const struct list_options defaults = {.limit = 100};

#define AT(field) offsetof(struct list_options, field)
static const struct orb_option rows[] = {
    {"status", 0, ORB_OPTION_TEXT, AT(status), "STATUS",
     "only pending, running, completed, failed, cancelled or retrying ones, in any letter case", 0, 0},
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "only this queue's", 0, 0},
    {"limit", 0, ORB_OPTION_INT, AT(limit), "N", "at most this many, 1 to 10000 (default 100)", 1, 10000},
    {0},
};
#undef AT

static const struct cli_column columns[] = {
    {"ID", 0}, {"STATUS", 0}, {"QUEUE", 1}, {"AGENT", 1}, {"TOOK", 0}, {"AGE", 0},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static json_t *row_json(const void *tasks, size_t i)
{
    return cli_json_task((const struct orb_task_info *)tasks + i);
}

static void print_row(struct cli_table *table, const void *tasks, size_t i)
{
    const struct orb_task_info *t = (const struct orb_task_info *)tasks + i;
    char took[32], age[32];
    cli_format_took(t, took, sizeof took);
    cli_format_age(t->created_at > 0 ? t->created_at : t->started_at, age, sizeof age);
    cli_table_cell(table, t->id, NULL);
    cli_table_cell(table, orb_status_word(t->status), cli_color_status(t->status));
    cli_table_cell(table, t->queue, NULL);
    cli_table_cell(table, t->agent, NULL);
    cli_table_cell(table, took, NULL);
    cli_table_cell(table, age, NULL);
}

static void on_tasks(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    cli_listing_end(arg, tasks, count, err);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    struct orb_task_filter filter = {.status = -1, .queue = o->queue, .limit = o->limit};
    struct orb_error err = {0};
    struct cli_listing l = {.cli = cli, .columns = columns, .column_count = COLUMN_COUNT, .print_row = print_row,
                            .row_json = row_json, .nothing = "No tasks found."};
    enum orb_status status;
    (void)argc, (void)argv;
    if (o->status) {
        if (orb_status_parse(o->status, &status))
            return cli_fail(ORB_E_USAGE,
                            "invalid status '%s': it is one of pending, running, completed, failed, cancelled, retrying",
                            o->status);
        filter.status = (int)status;
    }
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    if (orb_fleet_tasks(cli->client, &filter, on_tasks, &l, &err))
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : l.code;
}

const struct cli_command cli_cmd_task_list = {
    .path = "task list",
    .synopsis = "[--status STATUS] [--queue NAME] [--limit N]",
    .brief = "list the newest tasks",
    .help = "Lists tasks, the newest first. Lines are at most as wide as the terminal, 80 columns without one; what was "
            "cut ends with ~.\n"
            "\n"
            "  orbiter task list --status failed -o jsonl | jq -r .error",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
