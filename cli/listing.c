/* A list that comes as one array: as a table, as JSON, or that it is empty. */
#include "cli.h"

static void print_table(const struct cli_listing *l, const void *rows, size_t count)
{
    struct cli_table *table = cli_table_new(l->columns, l->column_count);
    for (size_t i = 0; i < count; i++)
        l->print_row(table, rows, i);
    cli_table_print(table);
}

static void print_json(const struct cli_listing *l, const void *rows, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, l->row_json(rows, i));
    cli_json_print_list(l->cli, list);
}

void cli_listing_end(struct cli_listing *l, const void *rows, size_t count, const struct orb_error *err)
{
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (err)
        l->code = cli_fail_with(err);
    else if (l->cli->format != CLI_TABLE)
        print_json(l, rows, count);
    else if (count)
        print_table(l, rows, count);
    else
        cli_note(l->cli, "%s", l->nothing);
    cli_done(l->cli);
}
