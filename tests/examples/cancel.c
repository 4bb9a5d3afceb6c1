/* Looks at a task, cancels it and waits until it has ended.
 *   ORBITER_REDIS_URL=redis://localhost:6379 cancel TASK-ID */
#include <orbiter/client.h>
#include <stdio.h>
#include <stdlib.h>

struct app {
    struct orb_loop *loop;
    struct orb_task_handle *handle;
    int status;
};

static void end(struct app *app, int code, const struct orb_error *err)
{
    if (code)
        fprintf(stderr, "cancel: %s\n", err ? orb_error_message(err) : orb_error_text(code));
    app->status = code ? orb_error_exit(code) : 0;
    orb_loop_stop(app->loop);
}

static void on_end(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    if (task)
        printf("now: %s\n", orb_status_word(task->status));
    end(arg, err ? err->code : 0, err);
}

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    struct app *app = arg;
    if (err) {
        end(app, err->code, err);
        return;
    }
    printf("cancelled: it was %s\n", state);
    int rc = orb_task_handle_result(app->handle, on_end, app);
    if (rc)
        end(app, rc, NULL);
}

static void on_status(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct app *app = arg;
    if (err) {
        end(app, err->code, err);
        return;
    }
    printf("task %s: %s\n", task->id, orb_status_word(task->status));
    int rc = orb_task_handle_cancel(app->handle, on_cancel, app);
    if (rc)
        end(app, rc, NULL);
}

int main(int argc, char **argv)
{
    struct app app = {.loop = orb_loop_new()};
    struct orb_redis_options redis = {.url = getenv("ORBITER_REDIS_URL")};
    struct orb_client *client = NULL;
    struct orb_error err = {0};
    if (argc != 2 || !app.loop) {
        fprintf(stderr, "usage: cancel TASK-ID\n");
        return 2;
    }
    int rc = orb_client_new(app.loop, &redis, &client, &err);
    if (rc == 0 && !(app.handle = orb_task_handle_new(client, argv[1])))
        rc = ORB_E_NOMEM;
    if (rc == 0)
        rc = orb_task_handle_status(app.handle, on_status, &app);
    if (rc)
        end(&app, rc, err.code ? &err : NULL);
    else
        orb_loop_run(app.loop);
    orb_task_handle_free(app.handle);
    orb_client_free(client);
    orb_loop_free(app.loop);
    return app.status;
}
