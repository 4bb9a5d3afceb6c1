/* orbiter submit: give a task to the fleet, and wait for it or follow it. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct submit_options {
    struct cli_spec spec;
    const char *queue, *id, *key, *at, *durability;
    double timeout, delay, deadline, first_token_timeout, idle_timeout;
    int priority, max_retries, max_depth; /* -1, -1, 0: not given */
    int is_detailed, is_wait, is_stream;
};

static const struct submit_options defaults = {.timeout = -1, .priority = -1, .max_retries = -1};
enum { YEAR_S = 31536000, DEPTH_MAX = 1000000000 };

#define AT(field) offsetof(struct submit_options, field)
static const struct orb_option rows[] = {
    {"model", 'm', ORB_OPTION_TEXT, AT(spec.model), "MODEL", "provider:model, see 'orbiter provider list'", 0, 0},
    {"instructions", 0, ORB_OPTION_TEXT, AT(spec.instructions), "TEXT", "the agent's instructions", 0, 0},
    {"agent", 0, ORB_OPTION_TEXT, AT(spec.agent_file), "FILE",
     "JSON, YAML or Markdown file of the agent or swarm, or FILE#NAME for one agent of it (default: an agent named assistant)", 0, 0},
    {"swarm", 0, ORB_OPTION_TEXT, AT(spec.swarm_file), "FILE",
     "the same for a swarm; stages of its flow run in parallel unless the file says otherwise", 0, 0},
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "the queue (default " ORB_QUEUE_DEFAULT ")", 0, 0},
    {"id", 0, ORB_OPTION_TEXT, AT(id), "ID", "the task's id, 1 to 128 of A-Z a-z 0-9 . _ - (default: a new one)", 0, 0},
    {"detailed", 0, ORB_OPTION_FLAG, AT(is_detailed), NULL, "stream all events, not only text, tool calls and errors", 0, 0},
    {"timeout", 0, ORB_OPTION_REAL, AT(timeout), "SEC", "seconds for one attempt, 0 = no limit (default 300)", 0, YEAR_S},
    {"first-token-timeout", 0, ORB_OPTION_REAL, AT(first_token_timeout), "SEC",
     "seconds until the model says something, 0 = no limit (default 0)", 0, YEAR_S},
    {"idle-timeout", 0, ORB_OPTION_REAL, AT(idle_timeout), "SEC",
     "seconds that the model may be silent then, 0 = no limit (default 0)", 0, YEAR_S},
    {"max-retries", 0, ORB_OPTION_INT, AT(max_retries), "N", "attempts after one that failed and may be repeated (default 3)", 0, 100},
    {"priority", 0, ORB_OPTION_INT, AT(priority), "N", "0 to 9, 9 is the most urgent (default 5)", 0, 9},
    {"delay", 0, ORB_OPTION_REAL, AT(delay), "SEC", "begin not before so many seconds from now", 0, YEAR_S},
    {"at", 0, ORB_OPTION_TEXT, AT(at), "TIME",
     "begin not before this time: 2026-01-31T15:00:00Z (or +01:00), @SECONDS since 1970, or local time '2026-01-31 15:00'", 0, 0},
    {"deadline", 0, ORB_OPTION_REAL, AT(deadline), "SEC",
     "fail unless it has ended so many seconds from now, or from its --delay or --at; 0 = none (default 0)", 0, YEAR_S},
    {"max-depth", 0, ORB_OPTION_INT, AT(max_depth), "N", "refuse when so many tasks wait in the queue already", 1, DEPTH_MAX},
    {"idempotency-key", 0, ORB_OPTION_TEXT, AT(key), "KEY",
     "one task for all submits with this KEY within a day, at most 1024 bytes; prints the first one's id", 0, 0},
    {"durability", 0, ORB_OPTION_TEXT, AT(durability), "WHERE",
     "local, or replica: wait until a replica of Redis has the task, too (default local)", 0, 0},
    {"metadata", 0, ORB_OPTION_LIST, AT(spec.metadata), "KEY=TEXT",
     "metadata of the task; KEY:=JSON for a value that is no text; may be repeated", 0, 0},
    {"messages", 0, ORB_OPTION_TEXT, AT(spec.messages_file), "FILE", "JSON file with an array of earlier messages", 0, 0},
    {"wait", 0, ORB_OPTION_FLAG, AT(is_wait), NULL, "wait for the end and print the output", 0, 0},
    {"stream", 0, ORB_OPTION_FLAG, AT(is_stream), NULL, "print the tokens as they come", 0, 0},
    {0},
};
#undef AT

enum { KEY_MAX = 1024 };

/* When and how, read from options. */
struct conditions {
    double at;
    int durability;
};

/* The texts that a spec is made of. */
struct parts {
    char *agent, *metadata, *messages, *input;
    size_t input_len;
};

static int make_parts(const struct cli *cli, const struct submit_options *o, int argc, char **argv, struct parts *p)
{
    int rc = cli_spec_agent(cli, &o->spec, &p->agent);
    if (!rc)
        rc = cli_spec_metadata(&o->spec.metadata, &p->metadata);
    if (!rc)
        rc = cli_spec_messages(o->spec.messages_file, &p->messages);
    return rc ? rc : cli_spec_input(argc, argv, &p->input, &p->input_len);
}

struct submitting {
    struct cli *cli;
    struct orb_task_handle *handle;
    int code;
    struct orb_error not_replicated; /* it is submitted, and this was said */
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitting *s = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    s->handle = handle;
    if (handle && err)
        s->not_replicated = *err;
    else
        s->code = handle ? 0 : cli_fail_submit(err);
    cli_done(s->cli);
}

/* What the table of options cannot check. */
static int read_conditions(const struct submit_options *o, struct conditions *c)
{
    struct orb_error err = {0};
    size_t len = o->key ? strlen(o->key) : 1;
    if (o->at && o->delay > 0)
        return cli_fail(ORB_E_USAGE, "give --delay or --at, not both");
    if (len < 1 || len > KEY_MAX)
        return cli_fail(ORB_E_USAGE, "--idempotency-key needs 1 to %d bytes, not %zu", KEY_MAX, len);
    if (o->key && orb_input_check(o->key, len, "the --idempotency-key", KEY_MAX, &err))
        return cli_fail(ORB_E_USAGE, "%s", orb_error_message(&err));
    if (o->durability && strcmp(o->durability, "local") && strcmp(o->durability, "replica"))
        return cli_fail(ORB_E_USAGE, "--durability needs local or replica, not '%s'", o->durability);
    c->durability = o->durability && !strcmp(o->durability, "replica") ? ORB_DURABILITY_REPLICA : ORB_DURABILITY_LOCAL;
    return o->at ? cli_spec_time(o->at, &c->at) : 0;
}

static int send_task(struct cli *cli, const struct submit_options *o, const struct parts *p, const struct conditions *c,
                     struct submitting *s)
{
    struct orb_error err = {0};
    const struct orb_task_spec spec = {
        .agent_config = p->agent, .input = p->input, .input_len = p->input_len, .messages = p->messages,
        .metadata = p->metadata, .queue = o->queue, .task_id = o->id, .detailed = o->is_detailed,
        .timeout_seconds = o->timeout, .first_token_timeout = o->first_token_timeout, .idle_timeout = o->idle_timeout,
        .delay_seconds = o->delay, .at = c->at, .deadline_seconds = o->deadline,
        .has_priority = o->priority >= 0, .priority = o->priority,
        .has_max_retries = o->max_retries >= 0, .max_retries = o->max_retries, .max_depth = o->max_depth,
        .idempotency_key = o->key, .durability = c->durability,
    };
    int rc = orb_distributed(cli->client, &spec, on_submit, s, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    if (rc == ORB_E_INTERRUPTED)
        return cli_fail(rc, "interrupted: the task may have been submitted or not; 'orbiter task list' tells");
    return rc ? rc : s->code;
}

static void print_task(struct cli *cli, const struct submit_options *o, const char *id, const struct conditions *c, int is_replicated)
{
    json_t *replicated = c->durability == ORB_DURABILITY_REPLICA ? json_boolean(is_replicated) : json_null();
    if (cli->format == CLI_TABLE)
        printf("%s\n", id);
    else
        cli_json_print(cli, json_pack("{ss ss sO}", "id", id, "queue", o->queue ? o->queue : ORB_QUEUE_DEFAULT, "replicated", replicated));
    json_decref(replicated);
}

/* Who waits for the end hears of a missing replica, too, but the status is the task's. */
static int answer(struct cli *cli, const struct submit_options *o, const struct conditions *c, const struct submitting *s)
{
    const char *id = orb_task_handle_id(s->handle);
    int code = s->not_replicated.code;
    if (o->is_wait || o->is_stream)
        cli_note(cli, "submitted task %s", id);
    else
        print_task(cli, o, id, c, !code);
    if (code)
        cli_fail(code, "%s", orb_error_message(&s->not_replicated));
    if (o->is_wait)
        return cli_wait_result(cli, s->handle);
    if (o->is_stream)
        return cli_follow(cli, s->handle, NULL, 0);
    return code;
}

static int submit(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct submit_options *o = options;
    struct parts parts = {0};
    struct submitting s = {.cli = cli};
    struct conditions conditions = {0};
    if (o->is_wait && o->is_stream)
        return cli_fail(ORB_E_USAGE, "give --wait or --stream, not both");
    int rc = read_conditions(o, &conditions);
    if (!rc)
        rc = cli_find_redis(cli);
    if (!rc)
        rc = make_parts(cli, o, argc, argv, &parts); /* stdin may take its time: before connecting */
    if (!rc)
        rc = cli_connect(cli);
    if (!rc)
        rc = send_task(cli, o, &parts, &conditions, &s);
    if (!rc)
        rc = answer(cli, o, &conditions, &s);
    orb_task_handle_free(s.handle);
    free(parts.agent);
    free(parts.metadata);
    free(parts.messages);
    free(parts.input);
    return rc;
}

const struct cli_command cli_cmd_submit = {
    .path = "submit",
    .synopsis = "[OPTION]... [INPUT | -]",
    .brief = "give a task to the fleet",
    .help = "Submits INPUT as a task and prints its id; with --wait the output, with --stream the tokens as they come. "
            "'-', or no INPUT when stdin is not a terminal, reads the input from stdin (UTF-8, at most 1 MiB).\n"
            "\n"
            "'orbiter agent check' tells all that is wrong with a FILE; docs/agent-files.md has the formats. "
            "Without --agent the agent is named assistant; without -m its model is openai:gpt-4o, and the offline model "
            "sim: on a running 'orbiter dev'.\n"
            "\n"
            "Tasks with a --priority, --delay or --at are run by workers of orbiter only: Python workers see neither. A "
            "--deadline counts in every state, and an attempt that fails may be repeated until then. A model that exceeds "
            "--first-token-timeout or --idle-timeout has its connection closed, and the task is tried again.\n"
            "\n"
            "With --durability replica, and no replica that has the task after half a second, the id is printed all the "
            "same, and the exit status is 9.\n"
            "\n"
            "Ctrl-C ends the waiting, not the task.\n"
            "\n"
            "  orbiter submit -m openai:gpt-4o --wait 'What is a queue?'\n"
            "  git diff | orbiter submit --instructions 'Review this.' --stream -",
    .options = rows,
    .options_size = sizeof(struct submit_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 1,
    .run = submit,
};
