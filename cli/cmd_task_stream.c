/* orbiter task stream ID: a task's events from the first, then live. */
#include "cli.h"

#include <ctype.h>

struct stream_options {
    const char *from_id;
    int is_raw;
};

#define AT(field) offsetof(struct stream_options, field)
static const struct orb_option rows[] = {
    {"from-id", 0, ORB_OPTION_TEXT, AT(from_id), "ID", "only events after this entry of the stream (MS-N)", 0, 0},
    {"raw", 0, ORB_OPTION_FLAG, AT(is_raw), NULL, "print each event's JSON as it is stored, one per line", 0, 0},
    {0},
};
#undef AT

/* 1795461238000-3 or 1795461238000 */
static int is_entry_id(const char *p)
{
    int digits = 0, dashes = 0;
    for (; *p; p++) {
        if (*p == '-' && digits && !dashes++)
            digits = 0;
        else if (isdigit((unsigned char)*p) && ++digits <= 20)
            continue;
        else if (*p != '-' || digits)
            return 0;
    }
    return digits > 0;
}

struct looking {
    struct cli *cli;
    int code;
};

static void on_task(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct looking *l = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the handle is being freed */
    l->code = task ? 0 : cli_fail_with(err);
    cli_done(l->cli);
}

/* A first look finds out that Redis is there and the task too; the stream
 * after it goes on through lost connections. */
static int look(struct cli *cli, struct orb_task_handle *handle)
{
    struct looking l = {.cli = cli};
    int rc = orb_task_handle_status(handle, on_task, &l);
    if (rc)
        return cli_fail(rc, "cannot read task %s: %s", orb_task_handle_id(handle), orb_error_text(rc));
    rc = cli_wait(cli);
    return rc ? rc : l.code;
}

static int stream(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct stream_options *o = options;
    (void)argc;
    if (o->from_id && !is_entry_id(o->from_id))
        return cli_fail(ORB_E_USAGE, "--from-id needs the id of a stream entry, such as 1795461238000-3, not '%s'", o->from_id);
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    struct orb_task_handle *handle = cli_handle(cli, argv[0]);
    rc = handle ? look(cli, handle) : ORB_E_USAGE;
    if (!rc)
        rc = cli_follow(cli, handle, o->from_id, o->is_raw);
    orb_task_handle_free(handle);
    return rc;
}

const struct cli_command cli_cmd_task_stream = {
    .path = "task stream",
    .synopsis = "ID [--from-id ID] [--raw]",
    .brief = "print a task's tokens as they come",
    .help = "Prints the task's text from its beginning and goes on until the task has ended. To a pipe the text goes as it "
            "is; on a terminal control characters are shown as marks. --raw and -o jsonl print the events themselves, "
            "-o json one array of them. Ctrl-C says how to go on from where it was.",
    .options = rows,
    .options_size = sizeof(struct stream_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = stream,
};
