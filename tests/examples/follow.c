/* Prints what a task does, from its first event to its end, whoever runs it.
 *   ORBITER_REDIS_URL=redis://localhost:6379 follow TASK-ID */
#include <orbiter/client.h>
#include <stdio.h>
#include <stdlib.h>

struct app {
    struct orb_loop *loop;
    int status;
};

/* Text from a model may hold anything: made safe, a piece at a time. */
static void print_safe(const char *text, size_t len)
{
    char piece[256];
    while (len > 0) {
        size_t used = orb_safe_text(text, len, ORB_SAFE_TEXT, piece, sizeof piece);
        fputs(piece, stdout);
        text += used;
        len -= used;
    }
}

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct app *app = arg;
    if (!event) {
        if (err)
            fprintf(stderr, "follow: %s\n", orb_error_message(err));
        app->status = err ? orb_error_exit(err->code) : 0;
        orb_loop_stop(app->loop);
        return;
    }
    switch (event->type) {
    case ORB_EVENT_TEXT:
        print_safe(event->text, event->text_len);
        break;
    case ORB_EVENT_TOOL_CALL:
        printf("\ncalling tool: %s\n", event->word);
        break;
    case ORB_EVENT_TOOL_RESULT:
        printf("tool %s: %s\n", event->word, event->ok ? "OK" : "FAILED");
        break;
    case ORB_EVENT_STEP:
        printf("\nstep %lld %s\n", (long long)event->step_number, event->word);
        break;
    case ORB_EVENT_STATUS:
        printf("status: %s\n", event->word);
        break;
    case ORB_EVENT_ERROR:
        printf("error: %s: ", event->word);
        print_safe(event->text, event->text_len);
        putchar('\n');
        break;
    case ORB_EVENT_USAGE:
        printf("\n%lld tokens\n", (long long)event->total_tokens);
        break;
    case ORB_EVENT_REASONING:
    case ORB_EVENT_OTHER:
        break;
    }
}

int main(int argc, char **argv)
{
    struct app app = {.loop = orb_loop_new(), .status = 1};
    struct orb_redis_options redis = {.url = getenv("ORBITER_REDIS_URL")};
    struct orb_client *client = NULL;
    struct orb_task_handle *handle = NULL;
    struct orb_error err = {0};
    if (argc != 2 || !app.loop) {
        fprintf(stderr, "usage: follow TASK-ID\n");
        return 2;
    }
    if (orb_client_new(app.loop, &redis, &client, &err) == 0)
        handle = orb_task_handle_new(client, argv[1]);
    if (handle && orb_task_handle_stream(handle, NULL, on_event, &app, &err) == 0)
        orb_loop_run(app.loop);
    else
        fprintf(stderr, "follow: %s\n", orb_error_message(&err));
    orb_task_handle_free(handle);
    orb_client_free(client);
    orb_loop_free(app.loop);
    return app.status;
}
