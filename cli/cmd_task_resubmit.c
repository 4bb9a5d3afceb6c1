/* orbiter task resubmit ID...: the same tasks once more, as new ones. */
#include "each.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resubmit_options {
    int is_edit;
};

#define AT(field) offsetof(struct resubmit_options, field)
static const struct orb_option rows[] = {
    {"edit", 0, ORB_OPTION_FLAG, AT(is_edit), NULL, "change the input in $VISUAL or $EDITOR first; for one ID, on a terminal", 0, 0},
    {0},
};
#undef AT

static int say_error(const char *id, const struct orb_error *err)
{
    if (err->code == ORB_E_NOT_FOUND && !strstr(err->text, "payload"))
        return cli_fail(err->code, "Task not found: %s", id);
    return cli_fail_submit(err);
}

static json_t *to_json(const char *id, const char *of)
{
    return json_pack("{ss ss}", "id", id, "resubmit_of", of);
}

/* ---- several ids ------------------------------------------------------ */

static void on_resubmit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct each_task *task = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (handle) {
        task->text = strdup(orb_task_handle_id(handle));
        task->json = to_json(orb_task_handle_id(handle), task->id);
    }
    orb_task_handle_free(handle);
    each_answered(task, err ? say_error(task->id, err) : 0);
}

static int ask(struct each_task *task)
{
    struct orb_error err = {0};
    return orb_resubmit(task->each->cli->client, task->id, NULL, 0, on_resubmit, task, &err);
}

static void print(const struct each *e)
{
    if (e->cli->format != CLI_TABLE) {
        each_print_json(e);
        return;
    }
    for (size_t i = 0; i < e->count; i++)
        if (e->tasks[i].text)
            printf("%s\n", e->tasks[i].text);
}

/* An id that is given twice is meant once. */
static int without_repeats(int argc, char **argv)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        int is_new = 1;
        for (int k = 0; k < n && is_new; k++)
            is_new = strcmp(argv[k], argv[i]) != 0;
        if (is_new)
            argv[n++] = argv[i];
    }
    return n;
}

/* ---- edited ----------------------------------------------------------- */

struct editing {
    struct cli *cli;
    const char *id;
    char *text;
    size_t len;
    int code;
};

static void on_payload(void *arg, const struct orb_payload *payload, const struct orb_error *err)
{
    struct editing *e = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (err) {
        e->code = say_error(e->id, err);
    } else {
        e->text = cli_alloc(payload->input_len + 1);
        memcpy(e->text, payload->input, payload->input_len);
        e->len = payload->input_len;
    }
    cli_done(e->cli);
}

static void on_edited(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct editing *e = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (err)
        e->code = say_error(e->id, err);
    else if (e->cli->format == CLI_TABLE)
        printf("%s\n", orb_task_handle_id(handle));
    else
        cli_json_print(e->cli, to_json(orb_task_handle_id(handle), e->id));
    orb_task_handle_free(handle);
    cli_done(e->cli);
}

static int is_blank(const char *text, size_t len)
{
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    return !len;
}

static int read_input(struct editing *e)
{
    struct orb_error err = {0};
    if (orb_task_payload(e->cli->client, e->id, on_payload, e, &err))
        return cli_fail_with(&err);
    int rc = cli_wait(e->cli);
    return rc ? rc : e->code;
}

static int send_edited(struct editing *e, const char *text, size_t len)
{
    struct orb_error err = {0};
    if (is_blank(text, len))
        return cli_fail(ORB_E_INVALID, "the text is empty: nothing was submitted");
    if (len == e->len && !memcmp(text, e->text, len))
        return cli_fail(ORB_E_INVALID, "the text is as it was: nothing was submitted; without --edit the task is repeated as it is");
    if (orb_resubmit(e->cli->client, e->id, text, len, on_edited, e, &err))
        return cli_fail_with(&err);
    int rc = cli_wait(e->cli);
    return rc ? rc : e->code;
}

static int edit(struct cli *cli, int argc, char **argv)
{
    struct editing e = {.cli = cli, .id = argv[0]};
    struct orb_error err = {0};
    char *text = NULL;
    size_t len = 0;
    if (argc != 1)
        return cli_fail(ORB_E_USAGE, "--edit takes one ID");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_fail(ORB_E_USAGE, "--edit needs a terminal; elsewhere, submit the changed text with 'orbiter submit'");
    if (!orb_id_is_valid(e.id))
        return cli_fail(ORB_E_USAGE, "'%s' is not a task id: 1 to 128 of A-Z a-z 0-9 . _ -", e.id);
    int rc = cli_connect(cli);
    if (!rc)
        rc = read_input(&e);
    if (!rc && (rc = cli_edit(cli, e.text, e.len, &text, &len, &err)) && err.code)
        cli_fail_with(&err);
    if (!rc)
        rc = send_edited(&e, text, len);
    free(e.text);
    free(text);
    return rc;
}

static int resubmit(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct resubmit_options *o = options;
    argc = without_repeats(argc, argv);
    return o->is_edit ? edit(cli, argc, argv) : each_run(cli, argc, argv, ask, print);
}

const struct cli_command cli_cmd_task_resubmit = {
    .path = "task resubmit",
    .synopsis = "ID... [--edit]",
    .brief = "submit tasks again as new ones",
    .help = "Submits each task again, whatever state it is in, as a new one in the same queue, and prints the new id. One that runs goes on beside it. "
            "The payload is kept as long as the task: a day after its end.\n"
            "\n"
            "The new task begins at once. It keeps agent, messages, metadata, limits and priority; its deadline is as far off as it was from the first "
            "submit; an idempotency key is not taken over.\n"
            "\n"
            "With --edit the input is opened in an editor first. When the text is unchanged or empty, or the editor fails, nothing is submitted.",
    .options = rows,
    .options_size = sizeof(struct resubmit_options),
    .min_operands = 1,
    .max_operands = -1,
    .run = resubmit,
};
