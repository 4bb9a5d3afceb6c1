/* The load of the benchmarks, through the C API:
 *
 *   load tasks URL N MODEL [TOOLS]     submits N tasks, then waits until they are finished; N a second
 *   load submit URL N MODEL [TOOLS]    submits N tasks, and ends
 *   load latency URL N MODEL [TOOLS]   one task at a time, from submit to its result: p50 and p99
 *   load events URL N                  N text events over 1,000 streams, as a worker publishes them
 *   load pace URL N                    what the events of N finished tasks say about their pace, which
 *                                      was 50 pieces w1 w2 w3 a second: the largest stretch of a
 *                                      stream in percent, and how late its pieces were, in ms
 *
 * TOOLS, a JSON array, are an agent's tools; it has instructions then, too. */
#include "base/base.h"
#include "event/publisher.h"
#include "store/store.h"
#include <orbiter/fleet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IN_FLIGHT 1024
#define STREAMS 1000

static struct orb_loop *loop;
static struct orb_client *client;
static struct orb_redis_config redis;
static struct orb_store *store; /* what the client's API has not: counting, publishing */
static int total, left, submitted;
static char config[4096];
static double *ms;
static int64_t start_us;

static void check(int rc, const struct orb_error *err)
{
    if (!rc)
        return;
    fprintf(stderr, "load: %s\n", err ? orb_error_message(err) : orb_error_text(rc));
    exit(1);
}

static void set_agent(const char *model, const char *tools)
{
    static const char instructions[] =
        "You are a careful research assistant. Work in steps: say first what you need to know, then look it up with your tools, and compare what "
        "several of them say before you rely on it. Quote the source of every number. When the tools do not tell, say so, and do not guess. "
        "Answer in plain English, in at most three paragraphs, the most important one first.";
    int n = snprintf(config, sizeof config, "{\"name\": \"assistant\", \"model\": \"%s\", \"instructions\": \"%s\", \"max_steps\": 10, "
                     "\"temperature\": 1.0, \"max_tokens\": null%s%s}", model, tools ? instructions : "", tools ? ", \"tools\": " : "", tools ? tools : "");
    if (n >= (int)sizeof config) {
        fprintf(stderr, "load: the agent is too long\n");
        exit(2);
    }
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

static int64_t completed;

static void on_count(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    (void)arg;
    check(err ? err->code : 0, err);
    completed = orb_reply_int(reply);
    orb_loop_stop(loop);
}

/* Asks the index of completed tasks again after a hundredth of the time it has taken so
 * far: that is how exact the rate is, and the questions cost next to nothing. */
static void wait_for_all(int64_t start)
{
    struct orb_buf b;
    for (;;) {
        orb_buf_init(&b, 4096);
        orb_cmd_start(&b, 2);
        orb_cmd_str(&b, "ZCARD");
        orb_store_key_arg(store, &b, "orbiter:index:" ORB_QUEUE_DEFAULT ":", "completed");
        check(orb_redis_send(orb_store_redis(store), &b, 1, 0, on_count, NULL), NULL);
        orb_buf_done(&b);
        orb_loop_run(loop);
        if (completed >= total)
            return;
        int64_t pause_us = (orb_mono_us() - start) / 100;
        nanosleep(&(struct timespec){ .tv_sec = pause_us / 1000000, .tv_nsec = pause_us % 1000000 * 1000 }, NULL);
    }
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
static struct orb_publisher *publisher;
static struct orb_timer *turn;

/* Text and reasoning in turns: no two pieces can be joined, so every one is an
 * event. */
static void put_events(void *arg)
{
    struct orb_redis *link = orb_store_redis(store);
    char text[32];
    (void)arg;
    for (int i = 0; i < STREAMS && left > 0 && orb_redis_queued_bytes(link) < 4000000; i++) {
        left--;
        int n = snprintf(text, sizeof text, " token%d", left % 100);
        int stream = left % STREAMS;
        orb_event_stream_put(&streams[stream], &(struct orb_event_out){ .type = left / STREAMS % 2 ? ORB_EVENT_TEXT : ORB_EVENT_REASONING,
                                                                       .agent_name = "assistant", .text = text, .text_len = (size_t)n });
    }
    for (int i = 0; !left && i < STREAMS; i++)
        orb_event_stream_done(&streams[i]);
    if (!left)
        orb_publisher_flush(publisher);
    if (left || orb_redis_queued_bytes(link))
        orb_timer_start(turn, 0);
    else
        orb_loop_stop(loop);
}

static void events(void)
{
    struct orb_error err;
    publisher = orb_publisher_new(loop, store);
    int64_t sent = 0;
    for (int i = 0; i < STREAMS; i++) {
        snprintf(ids[i], sizeof ids[i], "%032d", i);
        orb_event_stream_init(&streams[i], publisher, ids[i], 1);
    }
    turn = orb_timer_new(loop, put_events, NULL);
    left = total;
    int64_t start = orb_mono_us();
    orb_timer_start(turn, 0);
    orb_loop_run(loop);
    double seconds = (double)(orb_mono_us() - start) / 1e6;
    for (int i = 0; i < STREAMS; i++)
        sent += streams[i].seq;
    if (sent != total || orb_publisher_take_refused(publisher, &err))
        check(ORB_E_INTERNAL, NULL);
    printf("per_s %.0f\n", total / seconds);
    orb_timer_free(turn);
    orb_publisher_free(publisher);
}

/* ---- pace ----------------------------------------------------------------- */

#define RATE 50

struct pace {
    struct orb_task_handle *handle;
    int64_t first_ms, last_ms; /* of its text, by the clock of Redis */
    long first, last;          /* number of the piece that such an event begins with */
};

static struct pace *paces;
static size_t npaces, nlate, late_cap;
static double worst_stretch;

/* A piece is due so long after the first one as its number says; an event with several
 * pieces was late for the first of them most. */
static void pace_event(struct pace *p, const struct orb_event *e)
{
    long piece = strtol(e->text + (*e->text == 'w'), NULL, 10);
    p->last_ms = strtoll(e->stream_id, NULL, 10);
    p->last = piece;
    if (!p->first) {
        p->first = piece;
        p->first_ms = p->last_ms;
    }
    if (nlate < late_cap)
        ms[nlate++] = (double)(p->last_ms - p->first_ms) - (double)(piece - p->first) * 1000 / RATE;
}

static void on_event(void *arg, const struct orb_event *e, const struct orb_error *err)
{
    struct pace *p = arg;
    check(err ? err->code : 0, err);
    if (e && e->type == ORB_EVENT_TEXT)
        pace_event(p, e);
    if (e)
        return;
    if (p->last <= p->first)
        check(ORB_E_INTERNAL, NULL);
    double stretch = (double)(p->last_ms - p->first_ms) / ((double)(p->last - p->first) * 1000 / RATE) * 100 - 100;
    if (stretch > worst_stretch)
        worst_stretch = stretch;
    if (--left == 0)
        orb_loop_stop(loop);
}

static void on_listed(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    (void)arg;
    check(err ? err->code : 0, err);
    npaces = count;
    paces = orb_alloc(count * sizeof *paces + 1);
    for (size_t i = 0; i < count; i++)
        paces[i].handle = orb_task_handle_new(client, tasks[i].id);
    orb_loop_stop(loop);
}

static void pace(void)
{
    struct orb_error err;
    struct orb_task_filter filter = { .status = ORB_STATUS_COMPLETED, .limit = total };
    check(orb_fleet_tasks(client, &filter, on_listed, NULL, &err), &err);
    orb_loop_run(loop);
    if (npaces != (size_t)total) {
        fprintf(stderr, "load: %zu of %d tasks are completed\n", npaces, total);
        exit(1);
    }
    late_cap = (size_t)total * 10000;
    ms = orb_alloc(late_cap * sizeof *ms);
    left = total;
    for (size_t i = 0; i < npaces; i++)
        check(orb_task_handle_stream(paces[i].handle, NULL, on_event, &paces[i], &err), &err);
    orb_loop_run(loop);
    qsort(ms, nlate, sizeof *ms, by_time);
    printf("stretch_pct %.2f\nlate_p50_ms %.1f\nlate_p99_ms %.1f\nevents %zu\n", worst_stretch, ms[nlate / 2], ms[nlate * 99 / 100], nlate);
    for (size_t i = 0; i < npaces; i++)
        orb_task_handle_free(paces[i].handle);
    free(paces);
    free(ms);
}

static void many(int must_wait)
{
    int64_t start = orb_mono_us();
    submit_all();
    if (must_wait)
        wait_for_all(start);
    printf("per_s %.0f\n", total / ((double)(orb_mono_us() - start) / 1e6));
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int is_many = !strcmp(what, "tasks") || !strcmp(what, "submit"), has_agent = is_many || !strcmp(what, "latency");
    int64_t n;
    if (argc < (has_agent ? 5 : 4) || argc > (has_agent ? 6 : 4) || orb_parse_int(argv[3], 1, 10000000, &n) ||
        (!has_agent && strcmp(what, "events") && strcmp(what, "pace"))) {
        fprintf(stderr, "usage: load tasks|submit|latency URL N MODEL [TOOLS]\n       load events|pace URL N\n");
        return 2;
    }
    struct orb_redis_options options = { .url = argv[2] };
    struct orb_error err;
    loop = orb_loop_new();
    total = (int)n;
    if (has_agent)
        set_agent(argv[4], argc > 5 ? argv[5] : NULL);
    check(orb_redis_config_init(&redis, &options, &err), &err);
    check(orb_client_new(loop, &options, &client, &err), &err);
    store = orb_store_new(loop, &redis, "");
    if (!strcmp(what, "latency"))
        latency();
    else if (!strcmp(what, "events"))
        events();
    else if (!strcmp(what, "pace"))
        pace();
    else
        many(!strcmp(what, "tasks"));
    orb_client_free(client);
    orb_store_free(store);
    orb_loop_free(loop);
    orb_redis_config_done(&redis);
    return 0;
}
