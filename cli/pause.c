/* Pausing a queue and letting it go on. */
#include "pause.h"

#include <orbiter/operate.h>
#include <string.h>

struct pausing {
    struct cli *cli;
    const char *queue;
    int is_paused, code;
};

static void print(const struct pausing *p, const struct orb_pause_info *info)
{
    char age[32];
    if (p->cli->format != CLI_TABLE) {
        json_t *o = json_object();
        json_object_set_new(o, "queue", cli_json_text(p->queue));
        json_object_set_new(o, "paused", json_boolean(p->is_paused));
        json_object_set_new(o, "changed", json_boolean(info->is_changed));
        json_object_set_new(o, "previous_by", cli_json_text(info->who));
        json_object_set_new(o, "previous_at", cli_json_time(info->at));
        cli_json_print(p->cli, o);
    } else {
        printf("%s %s\n", p->queue, p->is_paused ? "paused" : "running");
    }
    cli_format_age(info->at, age, sizeof age);
    if (!info->is_changed && !p->is_paused)
        cli_note(p->cli, "queue %s was not paused", p->queue);
    else if (!info->is_changed && *info->who)
        cli_note(p->cli, "queue %s is paused already, by %s, for %s", p->queue, info->who, age);
    else if (!info->is_changed)
        cli_note(p->cli, "queue %s is paused already", p->queue);
}

static void on_pause(void *arg, const struct orb_pause_info *info, const struct orb_error *err)
{
    struct pausing *p = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (err)
        p->code = cli_fail_with(err);
    else
        print(p, info);
    cli_done(p->cli);
}

int cli_set_paused(struct cli *cli, const char *queue, int is_paused)
{
    struct pausing p = {.cli = cli, .queue = queue, .is_paused = is_paused};
    struct orb_error err = {0};
    int rc = cli_connect(cli);
    if (rc)
        return rc;
    if (is_paused)
        rc = orb_operate_pause(cli->client, queue, on_pause, &p, &err);
    else
        rc = orb_operate_resume(cli->client, queue, on_pause, &p, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : p.code;
}
