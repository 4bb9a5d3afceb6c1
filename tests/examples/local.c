/* local MODEL INPUT - runs an agent in this process, without Redis, and prints its
 * text as it comes. Tools: those that are built in, such as now. */
#include <orbiter/local.h>
#include <stdio.h>
#include <string.h>

struct running {
    struct orb_loop *loop;
    int exit_status;
};

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    (void)arg, (void)err;
    char safe[500]; /* a model may say anything: made safe to show */
    for (size_t at = 0; event->type == ORB_EVENT_TEXT && at < event->text_len; fputs(safe, stdout))
        at += orb_safe_text(event->text + at, event->text_len - at, ORB_SAFE_TEXT, safe, sizeof safe);
    if (event->type == ORB_EVENT_TOOL_CALL && orb_safe_text(event->word, strlen(event->word), ORB_SAFE_LINE, safe, sizeof safe))
        printf("[%s] ", safe);
}

static void on_done(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct running *r = arg;
    (void)err;
    printf("\n%s: %s%s\n", orb_status_word(task->status), task->error, task->usage);
    r->exit_status = task->status != ORB_STATUS_COMPLETED;
    orb_loop_stop(r->loop);
}

static int run(struct running *r, const struct orb_task_spec *spec)
{
    struct orb_error err = {0};
    struct orb_local_task *task = NULL;
    struct orb_local_options options = {0};
    int rc = orb_toolbox_new(r->loop, NULL, &options.toolbox, &err);
    if (rc == 0)
        rc = orb_local_task_start(r->loop, &options, spec, on_event, on_done, r, &task, &err);
    if (rc == 0)
        rc = orb_loop_run(r->loop);
    else
        fprintf(stderr, "local: %s\n", orb_error_message(&err));
    orb_local_task_free(task);
    orb_toolbox_free(options.toolbox);
    return rc ? orb_error_exit(rc) : r->exit_status;
}

int main(int argc, char **argv)
{
    char config[512];
    struct orb_task_spec spec = {.agent_config = config, .timeout_seconds = -1};
    struct running r = {.loop = orb_loop_new()};
    if (argc != 3 || strpbrk(argv[1], "\"\\") || !r.loop) {
        fprintf(stderr, "usage: local MODEL INPUT\n");
        orb_loop_free(r.loop);
        return 2;
    }
    snprintf(config, sizeof config, "{\"name\": \"assistant\", \"model\": \"%.400s\", \"tools\": [\"now\"]}", argv[1]);
    spec.input = argv[2];
    spec.input_len = strlen(argv[2]);
    int status = run(&r, &spec);
    orb_loop_free(r.loop);
    return status;
}
