/* The load of the benchmarks, through the C API:
 *
 *   load tasks URL N MODEL     submits N tasks, then waits until they are finished; N a second
 *   load submit URL N MODEL    submits N tasks, and ends
 *   load latency URL N         one task at a time, from submit to its result: p50 and p99
 *   load events URL N          N text events over 1,000 streams, as a worker publishes them */
#include "base/base.h"
#include "event/publisher.h"
#include "store/store.h"
#include <orbiter/fleet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT 1024
#define STREAMS 1000

static struct orb_loop *loop;
static struct orb_client *client;
static int total, left, submitted;
static char config[512];
static double *ms;
static int64_t start_us;

static void check(int rc, const struct orb_error *err)
{
    if (!rc)
        return;
    fprintf(stderr, "load: %s\n", err ? orb_error_message(err) : orb_error_text(rc));
    exit(1);
}

static void set_model(const char *model)
{
    snprintf(config, sizeof config, "{\"name\": \"assistant\", \"model\": \"%s\", \"instructions\": \"\", \"max_steps\": 10, "
             "\"temperature\": 1.0, \"max_tokens\": null}", model);
}

static void submit_one(orb_submit_cb cb)
{
    /* Metadata makes the payload about 500 bytes. */
    static char metadata[300];
    struct orb_error err;
    if (!*metadata)
        snprintf(metadata, sizeof metadata, "{\"note\": \"%0*d\"}", 150, 0);
    struct orb_task_spec spec = { .agent_config = config, .input = "hello", .input_len = 5, .metadata = metadata, .timeout_seconds = -1 };
    check(orb_distributed(client, &spec, cb, NULL, &err), &err);
}

/* ---- many --------------------------------------------------------------- */

static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    (void)arg;
    check(err ? err->code : 0, err);
    orb_task_handle_free(handle);
    if (++submitted == total)
        orb_loop_stop(loop);
    else if (left > 0) {
        left--;
        submit_one(on_submitted);
    }
}

static void submit_all(void)
{
    left = total;
    for (int i = 0; i < IN_FLIGHT && left > 0; i++) {
        left--;
        submit_one(on_submitted);
    }
    orb_loop_run(loop);
}

/* Pending and running ones are the ends' complement: none of either means finished. */
static void on_open(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    (void)tasks;
    check(err ? err->code : 0, err);
    *(size_t *)arg += count;
    orb_loop_stop(loop);
}

static size_t open_tasks(int status)
{
    struct orb_error err;
    size_t count = 0;
    struct orb_task_filter filter = { .status = status, .limit = 1 };
    check(orb_fleet_tasks(client, &filter, on_open, &count, &err), &err);
    orb_loop_run(loop);
    return count;
}

static void wait_for_all(void)
{
    while (open_tasks(ORB_STATUS_PENDING) || open_tasks(ORB_STATUS_RUNNING))
        orb_loop_turn(loop, 2);
}

/* ---- one at a time ------------------------------------------------------ */

static void next_turn(void);

static void on_result(void *arg, const struct orb_task_info *task, const struct orb_error *err)
{
    check(err ? err->code : task->status == ORB_STATUS_COMPLETED ? 0 : ORB_E_TASK_FAILED, err);
    ms[submitted++] = (double)(orb_mono_us() - start_us) / 1000;
    orb_task_handle_free(arg);
    if (submitted == total)
        orb_loop_stop(loop);
    else
        next_turn();
}

static void on_turn(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    (void)arg;
    check(err ? err->code : 0, err);
    check(orb_task_handle_result(handle, on_result, handle), NULL);
}

static void next_turn(void)
{
    start_us = orb_mono_us();
    submit_one(on_turn);
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void latency(void)
{
    ms = orb_alloc((size_t)total * sizeof *ms);
    next_turn();
    orb_loop_run(loop);
    qsort(ms, (size_t)total, sizeof *ms, by_time);
    printf("p50_ms %.3f\np99_ms %.3f\n", ms[total / 2], ms[total * 99 / 100]);
    free(ms);
}

/* ---- events ------------------------------------------------------------- */

static struct orb_event_stream streams[STREAMS];
static char ids[STREAMS][40];
static struct orb_store *store;
static struct orb_timer *turn;

/* Text and reasoning in turns: no two pieces can be joined, so every one is an
 * event. */
static void put_events(void *arg)
{
    char text[32];
    (void)arg;
    for (int i = 0; i < STREAMS && left > 0 && orb_redis_queued_bytes(orb_store_redis(store)) < 4000000; i++, left--) {
        int n = snprintf(text, sizeof text, " token%d", left % 100);
        int stream = left % STREAMS;
        orb_event_stream_put(&streams[stream], &(struct orb_event_out){ .type = left / STREAMS % 2 ? ORB_EVENT_TEXT : ORB_EVENT_REASONING,
                                                                       .agent_name = "assistant", .text = text, .text_len = (size_t)n });
    }
    if (left || orb_redis_queued_bytes(orb_store_redis(store)))
        orb_timer_start(turn, 0);
    else
        orb_loop_stop(loop);
}

static void events(const char *url)
{
    struct orb_redis_config redis;
    struct orb_redis_options options = { .url = url };
    struct orb_error err;
    check(orb_redis_config_init(&redis, &options, &err), &err);
    store = orb_store_new(loop, &redis, "");
    struct orb_publisher *publisher = orb_publisher_new(loop, store);
    for (int i = 0; i < STREAMS; i++) {
        snprintf(ids[i], sizeof ids[i], "%032d", i);
        orb_event_stream_init(&streams[i], publisher, ids[i], 1);
    }
    turn = orb_timer_new(loop, put_events, NULL);
    left = total;
    int64_t start = orb_mono_us();
    orb_timer_start(turn, 0);
    orb_loop_run(loop);
    printf("per_s %.0f\n", total / ((double)(orb_mono_us() - start) / 1e6));
    for (int i = 0; i < STREAMS; i++)
        orb_event_stream_done(&streams[i]);
    orb_timer_free(turn);
    orb_publisher_free(publisher);
    orb_store_free(store);
    orb_redis_config_done(&redis);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: load tasks|submit|latency|events URL N [MODEL]\n");
        return 2;
    }
    struct orb_redis_options options = { .url = argv[2] };
    struct orb_error err;
    loop = orb_loop_new();
    total = atoi(argv[3]);
    set_model(argc > 4 ? argv[4] : "sim:");
    if (!strcmp(argv[1], "events")) {
        events(argv[2]);
        orb_loop_free(loop);
        return 0;
    }
    check(orb_client_new(loop, &options, &client, &err), &err);
    int64_t start = orb_mono_us();
    if (!strcmp(argv[1], "latency")) {
        latency();
    } else {
        submit_all();
        if (!strcmp(argv[1], "tasks"))
            wait_for_all();
        printf("per_s %.0f\n", total / ((double)(orb_mono_us() - start) / 1e6));
    }
    orb_client_free(client);
    orb_loop_free(loop);
    return 0;
}
