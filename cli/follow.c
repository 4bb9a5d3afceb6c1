/* A task's events as they come, until it has ended. */
#include "cli.h"

#include <string.h>
#include <unistd.h>

enum style { STYLE_TEXT, STYLE_LINES, STYLE_DOCUMENT };

struct following {
    struct cli *cli;
    enum style style;
    int64_t attempt;      /* of the last event, 0 = none yet */
    size_t count;         /* events seen */
    const char *from_id;  /* NULL = from the first */
    int is_inside_line;   /* text was printed and did not end its line */
    int is_text_said;     /* text of this attempt was printed */
    char last_id[64];
    int code;
};

static void end_line(struct following *f)
{
    if (f->is_inside_line && isatty(STDOUT_FILENO))
        putchar('\n');
    f->is_inside_line = 0;
}

/* Text of an attempt that failed cannot be taken back; say that it starts again. */
static void check_attempt(struct following *f, const struct orb_event *e)
{
    if (e->attempt > f->attempt && f->is_text_said) {
        end_line(f);
        cli_note(f->cli, "attempt %lld: the answer starts again", (long long)e->attempt);
        f->is_text_said = 0;
    }
    if (e->attempt > f->attempt)
        f->attempt = e->attempt;
}

static void print_text(struct following *f, const struct orb_event *e)
{
    check_attempt(f, e);
    if (e->type == ORB_EVENT_TEXT && e->text_len) {
        cli_print_text(e->text, e->text_len);
        f->is_inside_line = e->text[e->text_len - 1] != '\n';
        f->is_text_said = 1;
    } else if (e->type == ORB_EVENT_TOOL_CALL) {
        end_line(f);
        cli_note(f->cli, "tool call: %s", e->word);
    } else if (e->type == ORB_EVENT_ERROR && e->ok) {
        end_line(f);
        cli_note(f->cli, "error, to be tried again: %s", e->text);
    }
}

/* The stored line. On a terminal nothing in it may be a control byte. */
static void print_line(const struct orb_event *e)
{
    if (isatty(STDOUT_FILENO))
        cli_print_safe(e->json, e->json_len, ORB_SAFE_LINE);
    else
        fwrite(e->json, 1, e->json_len, stdout);
    putchar('\n');
}

static void print_item(const struct following *f, const struct orb_event *e)
{
    fputs(f->count ? ",\n " : "[\n ", stdout);
    cli_print_safe(e->json, e->json_len, ORB_SAFE_LINE);
}

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct following *f = arg;
    if (!event) {
        if (err && err->code == ORB_E_CANCELLED)
            return; /* Ctrl-C: the handle is being freed */
        f->code = err ? cli_fail_with(err) : 0;
        cli_done(f->cli);
        return;
    }
    if (f->style == STYLE_TEXT)
        print_text(f, event);
    else if (f->style == STYLE_LINES)
        print_line(event);
    else
        print_item(f, event);
    f->count++;
    snprintf(f->last_id, sizeof f->last_id, "%s", event->stream_id);
    if (cli_flush())
        _exit(orb_error_exit(ORB_E_SYSTEM)); /* said; nobody reads what would come */
}

/* A worker that took the task wrote one event at least, its end. */
static void explain_silence(const struct following *f, const struct orb_task_info *task)
{
    if (f->from_id)
        cli_note(f->cli, "no events after %s", f->from_id);
    else if (task->attempt > 0 || *task->worker_id)
        cli_note(f->cli, "the events of task %s are not kept any more: see 'orbiter task result %s'", task->id, task->id);
}

static void on_outcome(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct following *f = arg;
    if (!task && err->code == ORB_E_CANCELLED)
        return;
    if (task && f->count == 0)
        explain_silence(f, task);
    f->code = task ? cli_task_outcome(task) : cli_fail_with(err);
    cli_done(f->cli);
}

/* The stream has ended: how did the task end? The hash was final before the
 * last event was written, but a Python worker writes it after that. */
static int outcome(struct following *f, struct orb_task_handle *handle)
{
    int rc = orb_task_handle_result(handle, on_outcome, f);
    if (rc)
        return cli_fail(rc, "cannot read task %s: %s", orb_task_handle_id(handle), orb_error_text(rc));
    return cli_wait_patiently(f->cli);
}

int cli_follow(struct cli *cli, struct orb_task_handle *handle, const char *from_id, int is_raw)
{
    struct orb_error err = {0};
    struct following f = {.cli = cli, .style = STYLE_TEXT, .from_id = from_id};
    if (is_raw || cli->format == CLI_JSONL)
        f.style = STYLE_LINES;
    else if (cli->format == CLI_JSON)
        f.style = STYLE_DOCUMENT;
    int rc = orb_task_handle_stream(handle, from_id, on_event, &f, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait_patiently(cli);
    end_line(&f);
    if (f.style == STYLE_DOCUMENT)
        fputs(f.count ? "\n]\n" : "[]\n", stdout);
    if (!rc && !f.code)
        rc = outcome(&f, handle);
    if (rc == ORB_E_INTERRUPTED)
        return cli_interrupted(orb_task_handle_id(handle), f.last_id);
    return rc ? rc : f.code;
}
