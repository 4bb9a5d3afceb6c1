/* orbiter submit: give a task to the fleet, and wait for it or follow it. */
#include "cli.h"

#include <stdlib.h>

struct submit_options {
    struct cli_spec spec;
    const char *queue, *id;
    double timeout;
    int is_detailed, is_wait, is_stream;
};

static const struct submit_options defaults = {.timeout = -1};

#define AT(field) offsetof(struct submit_options, field)
static const struct orb_option rows[] = {
    {"model", 'm', ORB_OPTION_TEXT, AT(spec.model), "MODEL", "provider:model, see 'orbiter provider list'", 0, 0},
    {"instructions", 0, ORB_OPTION_TEXT, AT(spec.instructions), "TEXT", "the agent's instructions", 0, 0},
    {"agent", 0, ORB_OPTION_TEXT, AT(spec.agent_file), "FILE",
     "JSON file of the agent or swarm, at most 1 MiB (default: an agent named assistant)", 0, 0},
    {"queue", 0, ORB_OPTION_TEXT, AT(queue), "NAME", "the queue (default " ORB_QUEUE_DEFAULT ")", 0, 0},
    {"id", 0, ORB_OPTION_TEXT, AT(id), "ID", "the task's id, 1 to 128 of A-Z a-z 0-9 . _ - (default: a new one)", 0, 0},
    {"detailed", 0, ORB_OPTION_FLAG, AT(is_detailed), NULL, "stream all events, not only text, tool calls and errors", 0, 0},
    {"timeout", 0, ORB_OPTION_REAL, AT(timeout), "SEC", "seconds for one attempt, 0 = no limit (default 300)", 0, 31536000},
    {"metadata", 0, ORB_OPTION_LIST, AT(spec.metadata), "KEY=TEXT",
     "metadata of the task; KEY:=JSON for a value that is no text; may be repeated", 0, 0},
    {"messages", 0, ORB_OPTION_TEXT, AT(spec.messages_file), "FILE", "JSON file with an array of earlier messages", 0, 0},
    {"wait", 0, ORB_OPTION_FLAG, AT(is_wait), NULL, "wait for the end and print the output", 0, 0},
    {"stream", 0, ORB_OPTION_FLAG, AT(is_stream), NULL, "print the tokens as they come", 0, 0},
    {0},
};
#undef AT

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
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitting *s = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    s->handle = handle;
    s->code = handle ? 0 : cli_fail_with(err);
    cli_done(s->cli);
}

static int send_task(struct cli *cli, const struct submit_options *o, const struct parts *p, struct submitting *s)
{
    struct orb_error err = {0};
    const struct orb_task_spec spec = {
        .agent_config = p->agent, .input = p->input, .input_len = p->input_len, .messages = p->messages,
        .metadata = p->metadata, .queue = o->queue, .task_id = o->id, .detailed = o->is_detailed,
        .timeout_seconds = o->timeout,
    };
    int rc = orb_distributed(cli->client, &spec, on_submit, s, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    if (rc == ORB_E_INTERRUPTED)
        return cli_fail(rc, "interrupted: the task may have been submitted or not; 'orbiter task list' tells");
    return rc ? rc : s->code;
}

static int answer(struct cli *cli, const struct submit_options *o, struct orb_task_handle *handle)
{
    const char *id = orb_task_handle_id(handle);
    if (o->is_wait || o->is_stream)
        cli_note(cli, "submitted task %s", id);
    if (o->is_wait)
        return cli_wait_result(cli, handle);
    if (o->is_stream)
        return cli_follow(cli, handle, NULL, 0);
    if (cli->format == CLI_TABLE)
        printf("%s\n", id);
    else
        cli_json_print(cli, json_pack("{ss ss}", "id", id, "queue", o->queue ? o->queue : ORB_QUEUE_DEFAULT));
    return 0;
}

static int submit(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct submit_options *o = options;
    struct parts parts = {0};
    struct submitting s = {.cli = cli};
    if (o->is_wait && o->is_stream)
        return cli_fail(ORB_E_USAGE, "give --wait or --stream, not both");
    int rc = cli_find_redis(cli);
    if (!rc)
        rc = make_parts(cli, o, argc, argv, &parts); /* stdin may take its time: before connecting */
    if (!rc)
        rc = cli_connect(cli);
    if (!rc)
        rc = send_task(cli, o, &parts, &s);
    if (!rc)
        rc = answer(cli, o, s.handle);
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
            "Without --agent the agent is named assistant; without -m its model is openai:gpt-4o, and the offline model "
            "sim: on a running 'orbiter dev'.\n"
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
