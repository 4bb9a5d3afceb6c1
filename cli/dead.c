#include "dead.h"

#include <stdlib.h>
#include <string.h>

json_t *dead_json(const struct orb_dead_letter *l)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", cli_json_text(l->id));
    json_object_set_new(o, "queue", cli_json_text(l->queue));
    json_object_set_new(o, "task_id", cli_json_text(l->task_id));
    json_object_set_new(o, "reason", cli_json_text(l->reason));
    json_object_set_new(o, "error_type", cli_json_text(l->error_type));
    json_object_set_new(o, "agent", cli_json_text(l->agent));
    json_object_set_new(o, "worker_id", cli_json_text(l->worker_id));
    json_object_set_new(o, "entry_id", cli_json_text(l->entry_id));
    json_object_set_new(o, "attempt", json_integer(l->attempt));
    json_object_set_new(o, "retries", json_integer(l->retries));
    json_object_set_new(o, "recoveries", json_integer(l->recoveries));
    json_object_set_new(o, "resubmit_of", cli_json_text(l->resubmit_of));
    json_object_set_new(o, "dead_at", cli_json_time(l->dead_at));
    return o;
}

const char *dead_name(const struct orb_dead_letter *l)
{
    return *l->task_id ? l->task_id : l->id;
}

int dead_pick_init(struct dead_pick *p, struct cli *cli, const char *queue, const char *reason, int argc, char **argv)
{
    *p = (struct dead_pick){.cli = cli, .filter = {.queue = queue, .reason = reason, .ids = (const char *const *)argv, .id_count = (size_t)argc}};
    if (!argc && !queue && !reason)
        return cli_fail(ORB_E_USAGE, "say which dead letters: IDs, --queue or --reason ('orbiter dead list' shows them)");
    if (argc && reason)
        return cli_fail(ORB_E_USAGE, "give IDs or --reason, not both");
    if (reason && !*reason)
        return cli_fail(ORB_E_USAGE, "--reason needs a text: an error type, or a part of the reason");
    for (int i = 0; i < argc; i++)
        if (!orb_id_is_valid(argv[i]))
            return cli_fail(ORB_E_USAGE, "'%s' is not an id: 1 to 128 of A-Z a-z 0-9 . _ -", argv[i]);
    p->is_seen = cli_alloc((size_t)argc + 1);
    return 0;
}

void dead_pick_done(struct dead_pick *p)
{
    free(p->is_seen);
}

static void add_code(struct dead_pick *p, int code)
{
    if (p->matched && orb_error_exit(code) != orb_error_exit(p->code))
        p->is_mixed = 1;
    p->code = code;
    p->matched++;
}

/* What stops everything is the error of many letters, and of the end. */
static void say(struct dead_pick *p, const struct orb_error *err)
{
    if (strcmp(p->said, orb_error_message(err)))
        cli_fail_with(err);
    snprintf(p->said, sizeof p->said, "%s", orb_error_message(err));
}

void dead_picked(struct dead_pick *p, const struct orb_dead_letter *l, const struct orb_error *err)
{
    for (size_t i = 0; i < p->filter.id_count; i++)
        if (!strcmp(p->filter.ids[i], l->id) || !strcmp(p->filter.ids[i], l->task_id))
            p->is_seen[i] = 1;
    p->done += !err;
    if (err)
        say(p, err);
    add_code(p, err ? err->code : 0);
}

void dead_pick_end(struct dead_pick *p, const struct orb_error *err)
{
    if (err)
        p->end = *err;
    cli_done(p->cli);
}

int dead_pick_code(struct dead_pick *p)
{
    if (p->end.code) {
        say(p, &p->end);
        add_code(p, p->end.code);
    }
    for (size_t i = 0; i < p->filter.id_count && !p->end.code; i++) {
        if (p->is_seen[i])
            continue;
        cli_fail(ORB_E_NOT_FOUND, "No dead letter found: %s", p->filter.ids[i]);
        add_code(p, ORB_E_NOT_FOUND);
    }
    return p->is_mixed ? ORB_E_PARTLY : p->code;
}
