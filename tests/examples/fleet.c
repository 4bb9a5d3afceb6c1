/* Lists the workers and the newest tasks of a fleet.
 *   ORBITER_REDIS_URL=redis://localhost:6379 fleet [STATUS] */
#include <orbiter/fleet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app {
    struct orb_loop *loop;
    int waiting, status;
};

/* Both questions are under way at once; the loop ends with the last answer. */
static void answered(struct app *app, const struct orb_error *err)
{
    if (err) {
        fprintf(stderr, "fleet: %s\n", orb_error_message(err));
        app->status = orb_error_exit(err->code);
    }
    if (--app->waiting == 0)
        orb_loop_stop(app->loop);
}

/* Host names and agents' names come from other machines: made safe to show. */
static void show(const char *label, const char *text)
{
    char line[200];
    orb_safe_text(text, strlen(text), ORB_SAFE_LINE, line, sizeof line);
    printf(" %s=%s", label, line);
}

static void on_workers(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        printf("worker");
        show("id", workers[i].id);
        show("status", workers[i].is_alive ? workers[i].status : "dead");
        show("host", workers[i].hostname);
        printf(" busy=%d/%d\n", (int)workers[i].slots_busy, (int)workers[i].concurrency);
    }
    answered(arg, err);
}

static void on_tasks(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        printf("task");
        show("id", tasks[i].id);
        show("status", orb_status_word(tasks[i].status));
        show("agent", tasks[i].agent);
        printf("\n");
    }
    answered(arg, err);
}

int main(int argc, char **argv)
{
    struct app app = {.loop = orb_loop_new()};
    struct orb_redis_options redis = {.url = getenv("ORBITER_REDIS_URL")};
    struct orb_task_filter filter = {.status = -1, .limit = 20};
    struct orb_client *client = NULL;
    struct orb_error err = {0};
    enum orb_status wanted;
    if (argc > 1 && orb_status_parse(argv[1], &wanted)) {
        fprintf(stderr, "usage: fleet [pending|running|completed|failed|cancelled|retrying]\n");
        orb_loop_free(app.loop);
        return 2;
    }
    if (argc > 1)
        filter.status = (int)wanted;
    if (!app.loop)
        return 1;
    app.waiting = 2;
    if (orb_client_new(app.loop, &redis, &client, &err)) {
        app.waiting = 1;
        answered(&app, &err);
    } else {
        err.code = orb_fleet_workers(client, on_workers, &app);
        if (err.code)
            answered(&app, &err);
        if (orb_fleet_tasks(client, &filter, on_tasks, &app, &err))
            answered(&app, &err);
        if (app.waiting > 0)
            orb_loop_run(app.loop);
    }
    orb_client_free(client);
    orb_loop_free(app.loop);
    return app.status;
}
