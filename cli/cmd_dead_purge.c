/* orbiter dead purge: delete dead letters. */
#include "dead.h"

#include <string.h>

struct purge_options {
    const char *queue, *reason;
    int is_sure;
};

#define AT(field) offsetof(struct purge_options, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "all of this queue; with IDs: look in this queue only", 0, 0},
    {"reason", 0, ORB_OPTION_TEXT, AT(reason), "TEXT", "all with this error type, or with TEXT in their reason, in any letter case", 0, 0},
    {"yes", 'y', ORB_OPTION_FLAG, AT(is_sure), NULL, "do not ask", 0, 0},
    {0},
};
#undef AT

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct dead_pick *pick = arg;
    (void)new_id;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (letter)
        dead_picked(pick, letter, err);
    else
        dead_pick_end(pick, err);
}

static void on_counted(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct dead_pick *count = arg;
    (void)new_id;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (letter)
        count->matched++;
    else
        dead_pick_end(count, err);
}

/* Asks on the terminal, with their number. 1 = yes. */
static int is_confirmed(const struct dead_pick *pick, int *rc)
{
    struct dead_pick count = {.cli = pick->cli, .filter = pick->filter};
    struct orb_error err = {0};
    char question[96];
    if ((*rc = orb_dead_list(pick->cli->client, &pick->filter, on_counted, &count, &err))) {
        cli_fail_with(&err);
        return 0;
    }
    if ((*rc = cli_wait(pick->cli)))
        return 0;
    if (count.end.code || !count.matched)
        return 1; /* there is nothing to lose, and the purge says so */
    snprintf(question, sizeof question, "Delete %zu dead letter%s for good?", count.matched, count.matched == 1 ? "" : "s");
    if (cli_ask(question))
        return 1;
    *rc = cli_fail(ORB_E_REFUSED, "nothing was deleted");
    return 0;
}

static void tell(const struct dead_pick *pick)
{
    if (pick->cli->format != CLI_TABLE)
        cli_json_print(pick->cli, json_pack("{sI}", "deleted", (json_int_t)pick->done));
    else if (!pick->matched && !pick->filter.id_count)
        cli_note(pick->cli, "No dead letters found.");
    else
        cli_note(pick->cli, "deleted %zu dead letter%s", pick->done, pick->done == 1 ? "" : "s");
}

static int run(struct dead_pick *pick, int is_sure)
{
    struct orb_error err = {0};
    if (!is_sure && !cli_can_ask())
        return cli_fail(ORB_E_USAGE, "dead letters are deleted for good: give --yes");
    int rc = cli_connect(pick->cli);
    if (rc || (!is_sure && !is_confirmed(pick, &rc)))
        return rc;
    if (orb_dead_purge(pick->cli->client, &pick->filter, on_letter, pick, &err))
        return cli_fail_with(&err);
    rc = cli_wait(pick->cli);
    if (rc == ORB_E_INTERRUPTED)
        return cli_fail(rc, "interrupted after %zu", pick->done);
    if (rc)
        return rc;
    if (!pick->end.code || pick->done)
        tell(pick);
    return dead_pick_code(pick);
}

static int purge(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct purge_options *o = options;
    struct dead_pick pick;
    int rc = dead_pick_init(&pick, cli, o->queue, o->reason, argc, argv);
    if (!rc)
        rc = run(&pick, o->is_sure);
    dead_pick_done(&pick);
    return rc;
}

const struct cli_command cli_cmd_dead_purge = {
    .path = "dead purge",
    .synopsis = "[ID]... [--queue NAME] [--reason TEXT] [--yes]",
    .brief = "delete dead letters",
    .help = "Deletes dead letters for good: those that are named by IDs of tasks or letters (the newest of a task), or all of a --queue or with a "
            "--reason. Asks first on a terminal; elsewhere it needs --yes. The tasks themselves stay until they expire.",
    .options = rows,
    .options_size = sizeof(struct purge_options),
    .min_operands = 0,
    .max_operands = -1,
    .run = purge,
};
