/* orbiter dead replay: dead letters become tasks again. */
#include "dead.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct replay_options {
    const char *queue, *reason, *rate;
};

#define AT(field) offsetof(struct replay_options, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "all of this queue; with IDs: look in this queue only", 0, 0},
    {"reason", 0, ORB_OPTION_TEXT, AT(reason), "TEXT", "all with this error type, or with TEXT in their reason, in any letter case", 0, 0},
    {"rate", 0, ORB_OPTION_TEXT, AT(rate), "N/s", "at most N a second, 0.001 to 100000; N alone is the same (default: as fast as can be)", 0, 0},
    {0},
};
#undef AT

struct replaying {
    struct dead_pick pick;
    json_t *list; /* for -o json, which is one document */
};

/* N or N/s. */
static int read_rate(const char *text, double *out)
{
    char *end;
    double rate = text ? strtod(text, &end) : 0;
    if (!text)
        return 0;
    if (end == text || (*end && strcmp(end, "/s")) || !isfinite(rate) || rate < ORB_DEAD_RATE_MIN || rate > ORB_DEAD_RATE_MAX)
        return cli_fail(ORB_E_USAGE, "--rate needs a number from 0.001 to 100000, such as 5/s, not '%s'", text);
    *out = rate;
    return 0;
}

static void print(struct replaying *r, const struct orb_dead_letter *letter, const char *new_id)
{
    struct cli *cli = r->pick.cli;
    if (cli->format == CLI_TABLE) {
        printf("%s %s\n", letter->task_id, new_id);
    } else {
        json_t *json = json_pack("{ss ss ss ss}", "id", new_id, "resubmit_of", letter->task_id, "dead_id", letter->id, "queue", letter->queue);
        if (cli->format == CLI_JSON)
            json_array_append_new(r->list, json);
        else
            cli_json_print(cli, json);
    }
    /* With a pace it takes long: whoever reads this sees it as it happens. */
    fflush(stdout);
}

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct replaying *r = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (!letter) {
        dead_pick_end(&r->pick, err);
        return;
    }
    if (new_id)
        print(r, letter, new_id);
    dead_picked(&r->pick, letter, err);
}

static int run(struct replaying *r, double rate)
{
    struct dead_pick *pick = &r->pick;
    struct orb_error err = {0};
    int rc = cli_connect(pick->cli);
    if (rc)
        return rc;
    if (orb_dead_replay(pick->cli->client, &pick->filter, rate, on_letter, r, &err))
        return cli_fail_with(&err);
    rc = cli_wait(pick->cli);
    if (r->list) {
        cli_json_print(pick->cli, r->list);
        r->list = NULL;
    }
    if (rc == ORB_E_INTERRUPTED)
        return cli_fail(rc, "interrupted after %zu; those that are left are still dead letters", pick->done);
    if (!rc && !pick->matched && !pick->filter.id_count && !pick->end.code)
        cli_note(pick->cli, "No dead letters found.");
    return rc ? rc : dead_pick_code(pick);
}

static int replay(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct replay_options *o = options;
    struct replaying r = {.list = NULL};
    double rate = 0;
    int rc = dead_pick_init(&r.pick, cli, o->queue, o->reason, argc, argv);
    if (!rc)
        rc = read_rate(o->rate, &rate);
    if (!rc) {
        r.list = cli->format == CLI_JSON ? json_array() : NULL;
        rc = run(&r, rate);
    }
    json_decref(r.list);
    dead_pick_done(&r.pick);
    return rc;
}

const struct cli_command cli_cmd_dead_replay = {
    .path = "dead replay",
    .synopsis = "[ID]... [--queue NAME] [--reason TEXT] [--rate N/s]",
    .brief = "give dead tasks to the fleet again",
    .help = "Makes a new task from the payload of each dead letter, in its queue, and prints the id of the dead task and that of the new one. "
            "The dead letter goes away in the same step: a replay that is asked for twice, or by two people, makes one task. Letters are "
            "named by IDs of tasks or letters (the newest of a task), or are all those of a --queue or with a --reason, the oldest first; those that "
            "die meanwhile are left.\n"
            "\n"
            "The new task begins at once. It keeps agent, messages, metadata, limits and priority; its deadline is as far off as it was from the first "
            "submit; an idempotency key is not taken over. In a queue that is paused it waits. --max-depth was for the first submit and does not hold "
            "here: use --rate for a queue that is busy.\n"
            "\n"
            "A dead letter whose payload cannot be read stays, which is said; the exit status is 8 then, or 2 when it is so for all.\n"
            "\n"
            "  orbiter dead replay --reason RateLimitError --rate 5/s",
    .options = rows,
    .options_size = sizeof(struct replay_options),
    .min_operands = 0,
    .max_operands = -1,
    .run = replay,
};
