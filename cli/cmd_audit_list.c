/* orbiter audit list: what operators did, the newest first. */
#include "cli.h"

#include <time.h>

struct list_options {
    const char *who, *action, *target;
    int limit;
};

static const struct list_options defaults = {.limit = 100};

#define AT(field) offsetof(struct list_options, field)
static const struct orb_option rows[] = {
    {"action", 0, ORB_OPTION_TEXT, AT(action), "WORD", "only this: cancel, pause, resume, purge, drain ...", 0, 0},
    {"who", 0, ORB_OPTION_TEXT, AT(who), "NAME", "only what this user did", 0, 0},
    {"target", 0, ORB_OPTION_TEXT, AT(target), "NAME", "only what was done to this task, queue or worker", 0, 0},
    {"limit", 0, ORB_OPTION_INT, AT(limit), "N", "at most this many, 1 to 10000 (default 100)", 1, 10000},
    {0},
};
#undef AT

static const struct cli_column columns[] = {
    {"AT", 0}, {"WHO", 1}, {"ACTION", 1}, {"TARGET", 1}, {"WAS", 1}, {"BECAME", 1}, {"FROM", 1},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static json_t *row_json(const void *entries, size_t i)
{
    const struct orb_audit_info *e = (const struct orb_audit_info *)entries + i;
    json_t *o = json_object();
    json_object_set_new(o, "id", cli_json_text(e->id));
    json_object_set_new(o, "done_at", cli_json_time(e->at));
    json_object_set_new(o, "who", cli_json_text(e->who));
    json_object_set_new(o, "from", cli_json_text(e->from));
    json_object_set_new(o, "action", cli_json_text(e->action));
    json_object_set_new(o, "target", cli_json_text(e->target));
    json_object_set_new(o, "was", cli_json_text(e->was));
    json_object_set_new(o, "became", cli_json_text(e->became));
    return o;
}

static void print_row(struct cli_table *table, const void *entries, size_t i)
{
    const struct orb_audit_info *e = (const struct orb_audit_info *)entries + i;
    const char *const cells[] = {e->who, e->action, e->target, e->was, e->became, e->from};
    char when[32] = "";
    json_t *at = cli_json_time(e->at); /* null when it is no time of ours */
    time_t seconds = (time_t)json_real_value(at);
    struct tm tm;
    if (json_is_real(at) && gmtime_r(&seconds, &tm))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_decref(at);
    cli_table_cell(table, when, NULL);
    for (size_t k = 0; k < sizeof cells / sizeof *cells; k++)
        cli_table_cell(table, cells[k], NULL);
}

static void on_entries(void *arg, const struct orb_audit_info *entries, size_t count, const struct orb_error *err)
{
    cli_listing_end(arg, entries, count, err);
}

static int list(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct list_options *o = options;
    struct orb_audit_filter filter = {.who = o->who, .action = o->action, .target = o->target, .limit = o->limit};
    struct orb_error err = {0};
    struct cli_listing l = {.cli = cli, .columns = columns, .column_count = COLUMN_COUNT, .print_row = print_row,
                            .row_json = row_json, .nothing = "No entries found."};
    (void)argc, (void)argv;
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    if (orb_fleet_audit(cli->client, &filter, on_entries, &l, &err))
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : l.code;
}

const struct cli_command cli_cmd_audit_list = {
    .path = "audit list",
    .synopsis = "[--action WORD] [--who NAME] [--target NAME] [--limit N]",
    .brief = "list what operators did",
    .help = "Lists what was done to tasks, queues and workers, the newest first: when, by whom, what, to which task, queue or worker, what it was "
            "before, what it became, and from which host and process. About the last 100,000 are kept. The user is ORBITER_USER or the "
            "name that the system knows; Redis' users and passwords are what proves who somebody is.",
    .options = rows,
    .options_size = sizeof(struct list_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .run = list,
};
