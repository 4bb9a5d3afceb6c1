/* The demo of `orbiter dev`: a few tasks on the offline model, their answers
 * printed as they come, each line with the start of its task's id; or, with -o json and
 * jsonl, their events. */
#include "dev.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_COLUMNS = 70, SHORT_ID = 8 };

/* What is asked. The model says it again, a word at a time. */
static const struct {
    const char *model, *input;
} inputs[] = {
    {"sim:rate=12", "This answer comes from a worker process, token by token, through Redis streams; the model is a "
                    "built-in one that needs neither network nor key."},
    {"sim:rate=20", "Three tasks run at the same time here. Each worker runs many at "
                    "once, in one process and without threads; cancel one with orbiter task cancel."},
    {"sim:rate=16", "Leave this running and try: orbiter submit --stream 'hello', orbiter task list, "
                    "orbiter worker list. They find this Redis by themselves."},
};
enum { TASK_COUNT = sizeof inputs / sizeof *inputs };

struct demo_task {
    struct dev_demo *demo;
    struct orb_task_handle *handle;
    char line[256];  /* text that is not printed yet */
    size_t len;
};

struct dev_demo {
    struct cli *cli;
    struct demo_task tasks[TASK_COUNT];
    size_t open, events;
    int code, is_over, is_closed;
    dev_demo_end_cb done;
    void *arg;
};

/* The end of the array of -o json. */
static void close_list(struct dev_demo *demo)
{
    if (demo->cli->format == CLI_JSON && !demo->is_closed)
        fputs(demo->events ? "\n]\n" : "[]\n", stdout);
    demo->is_closed = 1;
}

static void demo_ended(struct dev_demo *demo, int code)
{
    close_list(demo);
    fflush(stdout);
    if (!demo->is_over)
        demo->done(demo->arg, code);
    demo->is_over = 1;
}

static void print_line(struct demo_task *t)
{
    printf("[%.*s] ", SHORT_ID, orb_task_handle_id(t->handle));
    cli_print_safe(t->line, t->len, ORB_SAFE_LINE);
    putchar('\n');
    t->len = 0;
    /* Nobody reads any more: a clean end of everything, not one in the middle. */
    if (fflush(stdout))
        demo_ended(t->demo, 0);
}

/* {"task_id": ID, "event": as it is stored}, one line each, also in the array. */
static void print_event(struct demo_task *t, const struct orb_event *e)
{
    struct dev_demo *demo = t->demo;
    json_t *event = json_loadb(e->json, e->json_len, 0, NULL);
    char *text = event ? json_dumps(event, JSON_ENSURE_ASCII) : NULL;
    json_decref(event);
    if (!text || demo->is_closed)
        goto out;
    if (demo->cli->format == CLI_JSON)
        fputs(demo->events ? ",\n " : "[\n ", stdout);
    printf("{\"task_id\": \"%s\", \"event\": ", orb_task_handle_id(t->handle));
    cli_print_safe(text, strlen(text), ORB_SAFE_LINE);
    fputs(demo->cli->format == CLI_JSON ? "}" : "}\n", stdout);
    demo->events++;
    if (fflush(stdout))
        demo_ended(demo, 0);
out:
    free(text);
}

/* Breaks the text at blanks into lines; a word that is too long is cut. */
static void add_text(struct demo_task *t, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int is_full = t->len >= LINE_MAX_COLUMNS && text[i] == ' ';
        if (text[i] == '\n' || is_full || t->len == sizeof t->line)
            print_line(t);
        if (text[i] != '\n' && !is_full)
            t->line[t->len++] = text[i];
    }
}

static void task_ended(struct demo_task *t, int code)
{
    struct dev_demo *demo = t->demo;
    if (code && !demo->code)
        demo->code = code;
    if (--demo->open == 0)
        demo_ended(demo, demo->code);
}

static void on_result(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct demo_task *t = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* the demo is being freed */
    task_ended(t, task ? cli_task_outcome(task) : cli_fail_with(err));
}

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct demo_task *t = arg;
    if (event && t->demo->cli->format != CLI_TABLE)
        print_event(t, event);
    else if (event && event->type == ORB_EVENT_TEXT)
        add_text(t, event->text, event->text_len);
    if (event || (err && err->code == ORB_E_CANCELLED))
        return;
    if (t->len)
        print_line(t);
    if (err)
        task_ended(t, cli_fail_with(err));
    else if (orb_task_handle_result(t->handle, on_result, t))
        task_ended(t, cli_fail(ORB_E_INTERNAL, "cannot read a task of the demo"));
}

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct demo_task *t = arg;
    struct orb_error why = {0};
    if (err && err->code == ORB_E_CANCELLED)
        return;
    t->handle = handle;
    if (!handle)
        task_ended(t, cli_fail_with(err));
    else if (orb_task_handle_stream(handle, NULL, on_event, t, &why))
        task_ended(t, cli_fail_with(&why));
}

static int submit(struct dev_demo *demo, size_t i)
{
    struct orb_error err = {0};
    json_t *agent = json_pack("{ss ss ss si sf sn}", "name", "demo", "model", inputs[i].model, "instructions", "",
                              "max_steps", 10, "temperature", 1.0, "max_tokens");
    char *text = json_dumps(agent, JSON_ENSURE_ASCII);
    struct orb_task_spec spec = {
        .agent_config = text, .input = inputs[i].input, .input_len = strlen(inputs[i].input), .timeout_seconds = -1,
    };
    int rc = orb_distributed(demo->cli->client, &spec, on_submit, &demo->tasks[i], &err);
    json_decref(agent);
    free(text);
    return rc ? cli_fail_with(&err) : 0;
}

int dev_demo_start(struct cli *cli, dev_demo_end_cb done, void *arg, struct dev_demo **out)
{
    struct dev_demo *demo = cli_alloc(sizeof *demo);
    *demo = (struct dev_demo){.cli = cli, .done = done, .arg = arg, .open = TASK_COUNT};
    *out = demo;
    for (size_t i = 0; i < TASK_COUNT; i++) {
        demo->tasks[i].demo = demo;
        int rc = submit(demo, i);
        if (rc)
            return rc;
    }
    return 0;
}

void dev_demo_free(struct dev_demo *demo)
{
    if (!demo)
        return;
    close_list(demo); /* Ctrl-C */
    for (size_t i = 0; i < TASK_COUNT; i++)
        orb_task_handle_free(demo->tasks[i].handle);
    free(demo);
}
