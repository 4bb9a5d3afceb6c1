/* orbiter dead show ID: all that is kept of one dead letter. */
#include "dead.h"

#include <string.h>

struct show_options {
    const char *queue;
};

#define AT(field) offsetof(struct show_options, field)
static const struct orb_option rows[] = {
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "look in this queue only", 0, 0},
    {0},
};
#undef AT

static void print_text(const struct orb_dead_letter *l)
{
    printf("Dead letter %s\n", l->id);
    cli_line(stdout, "Task:", l->task_id);
    cli_line(stdout, "Queue:", l->queue);
    cli_line(stdout, "Reason:", l->reason);
    cli_line(stdout, "Type:", l->error_type);
    cli_time_line(stdout, "Died:", l->dead_at);
    cli_line(stdout, "Agent:", l->agent);
    cli_line(stdout, "Worker:", l->worker_id);
    cli_line(stdout, "Entry:", l->entry_id);
    cli_number_line(stdout, "Attempt:", l->attempt);
    cli_number_line(stdout, "Retries:", l->retries);
    cli_number_line(stdout, "Recoveries:", l->recoveries);
    cli_line(stdout, "Resubmit of:", l->resubmit_of);
    printf("  Payload:\n");
    cli_print_safe(l->payload, l->payload_len, ORB_SAFE_TEXT);
    putchar('\n');
}

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct dead_pick *pick = arg;
    (void)new_id;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (!letter) {
        dead_pick_end(pick, err);
        return;
    }
    if (pick->cli->format == CLI_TABLE) {
        print_text(letter);
    } else {
        json_t *json = dead_json(letter);
        json_object_set_new(json, "payload", cli_json_text(letter->payload));
        cli_json_print(pick->cli, json);
    }
    dead_picked(pick, letter, NULL);
}

static int show(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct show_options *o = options;
    struct dead_pick pick;
    struct orb_error err = {0};
    int rc = dead_pick_init(&pick, cli, o->queue, NULL, argc, argv);
    if (!rc)
        rc = cli_connect(cli);
    if (!rc && (rc = orb_dead_list(cli->client, &pick.filter, on_letter, &pick, &err)))
        cli_fail_with(&err);
    if (!rc)
        rc = cli_wait(cli);
    if (!rc)
        rc = dead_pick_code(&pick);
    dead_pick_done(&pick);
    return rc;
}

const struct cli_command cli_cmd_dead_show = {
    .path = "dead show",
    .synopsis = "ID [--queue NAME]",
    .brief = "tell all about a dead letter",
    .help = "Prints why it died, where it came from, and its payload: the task's JSON, or what stood in its place. ID is that of a task or "
            "of a dead letter; of a task that died more than once it is the newest.",
    .options = rows,
    .options_size = sizeof(struct show_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = show,
};
