/* orbiter run: an agent or a swarm in this process, without Redis. */
#include "toolbox.h"

#include <orbiter/local.h>

#include <stdlib.h>

struct run_options {
    struct cli_spec spec;
    struct orb_runtime_args runtime;
    double timeout;
    int is_detailed, is_wait;
};

static const struct run_options defaults = {.timeout = -1};
enum { YEAR_S = 31536000 };

#define AT(field) offsetof(struct run_options, field)
static const struct orb_option rows[] = {
    {"model", 'm', ORB_OPTION_TEXT, AT(spec.model), "MODEL", "provider:model in place of the agent's own", 0, 0},
    {"messages", 0, ORB_OPTION_TEXT, AT(spec.messages_file), "FILE", "JSON file with an array of earlier messages", 0, 0},
    {"timeout", 0, ORB_OPTION_REAL, AT(timeout), "SEC", "seconds for all of it, 0 = no limit (default 300)", 0, YEAR_S},
    {"wait", 0, ORB_OPTION_FLAG, AT(is_wait), NULL, "print only the output, at the end", 0, 0},
    {"detailed", 0, ORB_OPTION_FLAG, AT(is_detailed), NULL, "with -o json and jsonl: all events, not only text, tool calls and errors", 0, 0},
    ORB_RUNTIME_OPTIONS(AT(runtime)),
    {0},
};
#undef AT

struct running {
    struct cli *cli;
    struct cli_events events;
    struct orb_local_task *task;
    int is_wait, is_over, code;
    int flushed;   /* not 0: stdout cannot be written to any more */
};

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct running *r = arg;
    (void)err;
    if (r->flushed)
        return;
    r->flushed = cli_events_print(&r->events, event);
    if (r->flushed)
        orb_local_task_cancel(r->task);
}

static void on_done(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct running *r = arg;
    (void)err;
    r->is_over = 1;
    if (!r->is_wait && !r->flushed)
        cli_events_end(&r->events);
    if (!r->flushed && !r->cli->is_interrupted)
        r->code = r->is_wait ? cli_print_result(r->cli, task) : cli_task_outcome(task);
    cli_done(r->cli);
}

/* What the tools have started must not outlive us. */
static int wait_for(struct running *r)
{
    int rc = cli_wait(r->cli);
    if (r->is_over)
        return r->flushed == ORB_E_SYSTEM ? r->flushed : r->code;
    orb_local_task_cancel(r->task);
    while (!r->is_over && !orb_loop_turn(r->cli->loop, -1))
        ;
    return rc == ORB_E_INTERRUPTED ? cli_fail(rc, "interrupted: the run was cancelled") : rc;
}

struct parts {
    char *agent, *messages, *input;
    size_t input_len;
};

static int read_parts(const struct cli *cli, const struct run_options *o, int argc, char **argv, struct parts *p)
{
    struct cli_spec spec = o->spec;
    spec.agent_file = argv[0];
    spec.is_parallel = 1;
    int rc = cli_load_providers(o->runtime.providers);
    if (!rc)
        rc = cli_spec_agent(cli, &spec, &p->agent);
    if (!rc)
        rc = cli_spec_messages(spec.messages_file, &p->messages);
    return rc ? rc : cli_spec_input(argc - 1, argv + 1, &p->input, &p->input_len);
}

static int run_task(struct running *r, const struct run_options *o, const struct parts *p, struct orb_toolbox *toolbox, const char *prices)
{
    struct orb_error err = {0};
    const struct orb_local_options options = {.toolbox = toolbox, .prices = prices};
    const struct orb_task_spec spec = {
        .agent_config = p->agent, .input = p->input, .input_len = p->input_len, .messages = p->messages, .detailed = o->is_detailed,
        .timeout_seconds = o->timeout,
    };
    cli_events_begin(&r->events, r->cli, 0);
    if (orb_local_task_start(r->cli->loop, &options, &spec, o->is_wait ? NULL : on_event, on_done, r, &r->task, &err))
        return cli_fail_with(&err);
    int rc = wait_for(r);
    orb_local_task_free(r->task);
    return rc;
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct run_options *o = options;
    struct running r = {.cli = cli, .is_wait = o->is_wait};
    struct orb_runtime_args runtime;
    struct orb_toolbox *toolbox = NULL;
    struct parts parts = {0};
    orb_runtime_args_get(&o->runtime, &runtime);
    int rc = read_parts(cli, o, argc, argv, &parts);
    if (!rc)
        rc = cli_toolbox_open_noted(cli, o->runtime.tools, &toolbox);
    if (!rc)
        rc = run_task(&r, o, &parts, toolbox, runtime.prices);
    if (toolbox)
        cli_toolbox_close(toolbox);
    free(parts.agent);
    free(parts.messages);
    free(parts.input);
    return rc;
}

const struct cli_command cli_cmd_run = {
    .path = "run",
    .synopsis = "FILE [INPUT | -] [OPTION]...",
    .brief = "run an agent or a swarm here, without Redis",
    .help = "Runs the agent or swarm of FILE in this process and prints its text as it comes: no Redis, no worker and no queue, but the "
            "models, tools, limits and costs that a worker would have. FILE and FILE#NAME are as of 'submit --agent'; the stages of a "
            "swarm's workflow run in parallel, as with 'submit --swarm', unless the file says otherwise. '-', or no INPUT when stdin is "
            "not a terminal, reads the input from stdin (UTF-8, at most 1 MiB).\n"
            "\n"
            "On stderr it says which tool is called, and which agent speaks when that changes; -q leaves only errors. -o jsonl prints the "
            "events, one a line, -o json one array of them; with --wait, -o json is the ended task, as 'task status' has it.\n"
            "\n"
            "A failure is not tried again: the exit status is 3, or 124 when the time was over, and 2 when FILE is wrong, which 'orbiter "
            "agent check' tells, too. Ctrl-C cancels: it closes the connections to models and kills what tools have started.\n"
            "\n"
            "  orbiter run team.yaml 'Quantum computing'\n"
            "  git diff | orbiter run reviewer.md --tools ./tools --wait -",
    .options = rows,
    .options_size = sizeof(struct run_options),
    .defaults = &defaults,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
