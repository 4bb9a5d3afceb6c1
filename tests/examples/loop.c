/* A program that has a libevent base of its own: the library runs on it, beside
 * whatever else the program does there. Counts tenths of a second until a task has ended.
 *   ORBITER_REDIS_URL=redis://localhost:6379 loop TASK */
#include <event2/event.h>
#include <orbiter/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app {
    struct event_base *base;
    int ticks, status;
};

/* The program's own work. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct app *app = arg;
    (void)fd;
    (void)what;
    app->ticks++;
}

static void on_result(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    struct app *app = arg;
    if (err) {
        fprintf(stderr, "loop: %s\n", orb_error_message(err));
        app->status = orb_error_exit(err->code);
    } else {
        printf("%s after %d ticks\n", orb_status_word(task->status), app->ticks);
    }
    event_base_loopbreak(app->base);
}

int main(int argc, char **argv)
{
    static const struct timeval tenth = {0, 100000};
    struct app app = {.base = event_base_new()};
    struct orb_redis_options redis = {.url = getenv("ORBITER_REDIS_URL")};
    struct orb_loop *loop = app.base ? orb_loop_attach(app.base) : NULL;
    struct event *tick = app.base ? event_new(app.base, -1, EV_PERSIST, on_tick, &app) : NULL;
    struct orb_task_handle *handle = NULL;
    struct orb_client *client = NULL;
    struct orb_error err = {0};
    if (argc != 2 || !loop || !tick || !orb_id_is_valid(argv[1])) {
        fprintf(stderr, "usage: loop TASK\n");
        return 2;
    }
    event_add(tick, &tenth);
    if (orb_client_new(loop, &redis, &client, &err)) {
        on_result(&app, NULL, &err);
    } else if (!(handle = orb_task_handle_new(client, argv[1])) || orb_task_handle_result(handle, on_result, &app)) {
        app.status = 1;
    } else {
        event_base_dispatch(app.base); /* the program's own, not orb_loop_run */
    }
    /* In this order: what is on the loop, the loop, the base. */
    orb_task_handle_free(handle);
    orb_client_free(client);
    orb_loop_free(loop);
    event_free(tick);
    event_base_free(app.base);
    return app.status;
}
