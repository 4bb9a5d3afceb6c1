/* Submits a task and waits for its result.
 *   ORBITER_REDIS_URL=redis://localhost:6379 submit MODEL INPUT */
#include <orbiter/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app {
    struct orb_loop *loop;
    struct orb_task_handle *handle;
    int status;
};

static void fail(struct app *app, const struct orb_error *err)
{
    fprintf(stderr, "submit: %s\n", orb_error_message(err));
    app->status = orb_error_exit(err->code);
    orb_loop_stop(app->loop);
}

static void on_result(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct app *app = arg;
    if (err) {
        fail(app, err);
        return;
    }
    /* Text from a model may hold anything: made safe to show, here the first line of it. */
    const char *text = task->status == ORB_STATUS_COMPLETED ? task->output : task->error;
    char line[500];
    orb_safe_text(text, strlen(text), ORB_SAFE_LINE, line, sizeof line);
    printf("%s: %s\n", orb_status_word(task->status), line);
    app->status = task->status != ORB_STATUS_COMPLETED;
    orb_loop_stop(app->loop);
}

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct app *app = arg;
    struct orb_error detail = {0};
    if (err) {
        fail(app, err);
        return;
    }
    app->handle = handle;
    printf("task %s\n", orb_task_handle_id(handle));
    fflush(stdout);
    int rc = orb_task_handle_result(handle, on_result, app);
    if (rc) {
        orb_error_set(&detail, rc, "cannot wait for the result: %s", orb_error_text(rc));
        fail(app, &detail);
    }
}

int main(int argc, char **argv)
{
    struct app app = {.loop = orb_loop_new()};
    struct orb_redis_options redis = {.url = getenv("ORBITER_REDIS_URL")};
    struct orb_client *client = NULL;
    struct orb_error err = {0};
    char agent[512];
    if (argc != 3 || !app.loop) {
        fprintf(stderr, "usage: submit MODEL INPUT\n");
        return 2;
    }
    /* A model's name from elsewhere would need JSON's escapes. */
    snprintf(agent, sizeof agent, "{\"name\": \"assistant\", \"model\": \"%s\", \"instructions\": \"Be brief.\"}", argv[1]);
    struct orb_task_spec spec = {
        .agent_config = agent, .input = argv[2], .input_len = strlen(argv[2]),
        .metadata = "{\"user_id\": \"u-123\"}", .detailed = 1, .timeout_seconds = 600,
    };
    if (orb_client_new(app.loop, &redis, &client, &err) || orb_distributed(client, &spec, on_submit, &app, &err))
        fail(&app, &err);
    else
        orb_loop_run(app.loop);
    orb_task_handle_free(app.handle);
    orb_client_free(client);
    orb_loop_free(app.loop);
    return app.status;
}
