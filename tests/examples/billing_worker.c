/* A worker inside a program of one's own, with something to do after every
 * attempt. Ends on SIGINT or SIGTERM, when what runs has ended.
 *   ORBITER_REDIS_URL=redis://localhost:6379 billing_worker */
#include <orbiter/worker.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app {
    struct orb_loop *loop;
    struct orb_worker *worker;
    int status;
};

static void on_task_done(void *arg, const char *task_id, enum orb_status status, const char *output, const char *error)
{
    char line[500] = "";
    (void)arg;
    if (error)
        orb_safe_text(error, strlen(error), ORB_SAFE_LINE, line, sizeof line);
    if (status == ORB_STATUS_COMPLETED)
        printf("bill %s: %zu bytes\n", task_id, strlen(output));
    else
        printf("%s %s: %s\n", orb_status_word(status), task_id, line);
    fflush(stdout);
}

static void on_log(void *arg, int level, const char *line)
{
    (void)arg;
    if (level <= 1)
        fprintf(stderr, "%s\n", line);
}

static void on_signal(void *arg, int signo)
{
    struct app *app = arg;
    (void)signo;
    orb_worker_drain(app->worker);
}

static void on_end(void *arg, const struct orb_error *err)
{
    struct app *app = arg;
    if (err)
        fprintf(stderr, "billing_worker: %s\n", orb_error_message(err));
    app->status = err ? orb_error_exit(err->code) : 0;
    orb_loop_stop(app->loop);
}

int main(void)
{
    struct app app = {.loop = orb_loop_new(), .status = 1};
    struct orb_worker_options options = {.redis.url = getenv("ORBITER_REDIS_URL"), .concurrency = 10};
    struct orb_signal *interrupt = NULL, *terminate = NULL;
    struct orb_error err = {0};
    if (!app.loop)
        return 1;
    if (orb_worker_new(app.loop, &options, &app.worker, &err)) {
        fprintf(stderr, "billing_worker: %s\n", orb_error_message(&err));
        orb_loop_free(app.loop);
        return orb_error_exit(err.code);
    }
    interrupt = orb_signal_new(app.loop, SIGINT, on_signal, &app);
    terminate = orb_signal_new(app.loop, SIGTERM, on_signal, &app);
    orb_worker_on_log(app.worker, on_log, &app);
    orb_worker_on_task_done(app.worker, on_task_done, &app);
    if (orb_worker_start(app.worker, on_end, &app) == 0)
        orb_loop_run(app.loop);
    orb_signal_free(interrupt);
    orb_signal_free(terminate);
    orb_worker_free(app.worker);
    orb_loop_free(app.loop);
    return app.status;
}
