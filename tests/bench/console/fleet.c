#include "bench/console/bench.h"
#include "base/base.h"
#include "event/event.h"
#include <orbiter/fleet.h>

#include <hiredis/hiredis.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/child.h"
#include "tui/record.h"

#define IN_FLIGHT 512
#define BATCH_MS 5

static const char *const agents[] = { "planner", "coder", "critic", "judge", "researcher", "translator", "summariser", "triage" };

static void check(int rc, const struct orb_error *err)
{
    if (rc)
        fail_msg("%s", err ? orb_error_message(err) : orb_error_text(rc));
}

/* ---- Redis by hand ------------------------------------------------------------- */

static redisContext *connect_to(const struct bench *b)
{
    redisContext *c = redisConnectUnix(b->url + strlen("unix://"));
    if (!c || c->err)
        fail_msg("cannot connect to %s", b->url);
    return c;
}

static redisReply *take(redisContext *c)
{
    redisReply *r = NULL;
    if (redisGetReply(c, (void **)&r) != REDIS_OK || !r || r->type == REDIS_REPLY_ERROR)
        fail_msg("Redis: %s", r && r->type == REDIS_REPLY_ERROR ? r->str : c->errstr);
    return r;
}

static redisReply *ask(const struct bench *b, const char *format, va_list ap)
{
    redisContext *c = connect_to(b);
    redisvAppendCommand(c, format, ap);
    redisReply *r = take(c);
    redisFree(c);
    return r;
}

char *fleet_text(const struct bench *b, const char *format, ...)
{
    char number[32];
    va_list ap;
    va_start(ap, format);
    redisReply *r = ask(b, format, ap);
    va_end(ap);
    snprintf(number, sizeof number, "%lld", r->integer);
    char *text = orb_strdup(r->type == REDIS_REPLY_INTEGER ? number : r->str ? r->str : "");
    freeReplyObject(r);
    return text;
}

static long long fleet_int(const struct bench *b, const char *command, const char *key)
{
    char *text = fleet_text(b, "%s %s", command, key);
    long long n = strtoll(text, NULL, 10);
    free(text);
    return n;
}

/* Its entries in pages, from the first one on. */
static void each_entry(const struct bench *b, const char *key, void (*each)(void *arg, const redisReply *entry), void *arg)
{
    redisContext *c = connect_to(b);
    char from[64] = "-";
    for (size_t n = 1; n;) {
        redisAppendCommand(c, "XRANGE %s %s + COUNT 5000", key, from);
        redisReply *r = take(c);
        n = r->elements;
        for (size_t i = 0; i < n; i++)
            each(arg, r->element[i]);
        if (n)
            snprintf(from, sizeof from, "(%s", r->element[n - 1]->element[0]->str);
        freeReplyObject(r);
    }
    redisFree(c);
}

static const char *field(const redisReply *entry, const char *name)
{
    const redisReply *fields = entry->element[1];
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (!strcmp(fields->element[i]->str, name))
            return fields->element[i + 1]->str;
    return "";
}

struct events { fleet_event_fn each; void *arg; };

static void read_event(void *arg, const redisReply *entry)
{
    struct events *e = arg;
    struct orb_event event;
    json_t *root;
    const char *json = field(entry, "event");
    if (orb_event_read(json, strlen(json), &event, &root, NULL))
        return;
    if (event.type == ORB_EVENT_TEXT)
        e->each(e->arg, entry->element[0]->str, event.text, event.text_len);
    json_decref(root);
}

void fleet_stream(const struct bench *b, const char *id, fleet_event_fn each, void *arg)
{
    char key[128];
    struct events e = { each, arg };
    snprintf(key, sizeof key, "orbiter:stream:%s", id);
    each_entry(b, key, read_event, &e);
}

struct news { void (*each)(void *arg, double at_ms, const char *id); void *arg; };

static void read_news(void *arg, const redisReply *entry)
{
    struct news *n = arg;
    char tasks[65536], *rest = tasks, *word;
    if (strcmp(field(entry, "type"), "task.pending") != 0)
        return;
    snprintf(tasks, sizeof tasks, "%s", field(entry, "tasks"));
    while ((word = strtok_r(rest, " ", &rest))) {
        word[strcspn(word, ":")] = 0;
        n->each(n->arg, strtod(entry->element[0]->str, NULL), word);
    }
}

void fleet_new_tasks(const struct bench *b, void (*each)(void *arg, double at_ms, const char *id), void *arg)
{
    struct news n = { each, arg };
    each_entry(b, "orbiter:feed", read_news, &n);
}

/* ---- submits ------------------------------------------------------------------- */

static struct orb_loop *loop;
static struct orb_client *client;
static int to_submit, submitted, under_way;
static char last_id[64];

static void open_client(const struct bench *b)
{
    struct orb_redis_options options = { .url = b->url };
    struct orb_error err;
    loop = orb_loop_new();
    check(orb_client_new(loop, &options, &client, &err), &err);
}

static void close_client(void)
{
    orb_client_free(client);
    orb_loop_free(loop);
}

static void submit_more(void);

static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    (void)arg;
    check(err ? err->code : 0, err);
    snprintf(last_id, sizeof last_id, "%s", orb_task_handle_id(handle));
    orb_task_handle_free(handle);
    submitted++;
    under_way--;
    submit_more();
    if (!to_submit && !under_way)
        orb_loop_stop(loop);
}

static void submit(const char *agent, const char *model, const char *queue)
{
    char config[512];
    struct orb_error err;
    snprintf(config, sizeof config, "{\"name\": \"%s\", \"model\": \"%s\", \"instructions\": \"\"}", agent, model);
    struct orb_task_spec spec = { .agent_config = config, .input = "hello", .input_len = 5, .timeout_seconds = 0, .queue = queue, .has_max_retries = 1 };
    check(orb_distributed(client, &spec, on_submitted, NULL, &err), &err);
    under_way++;
}

/* One in fifty fails. */
static void submit_any(unsigned n)
{
    submit(agents[n * 2654435761u >> 16 & 7], n % 50 ? "sim:say=done" : n % 100 ? "sim:error=overloaded" : "sim:error=context_length", NULL);
}

static void submit_more(void)
{
    while (to_submit && under_way < IN_FLIGHT)
        submit_any((unsigned)to_submit--);
}

static int is_all_done(void *arg)
{
    const struct bench *b = arg;
    return fleet_int(b, "ZCARD", "orbiter:index:" ORB_QUEUE_DEFAULT ":completed") + fleet_int(b, "ZCARD", "orbiter:index:" ORB_QUEUE_DEFAULT ":failed") >= b->tasks;
}

void fleet_fill(const struct bench *b, int count)
{
    struct bench all = *b;
    all.tasks = count;
    open_client(b);
    to_submit = count;
    submit_more();
    orb_loop_run(loop);
    close_client();
    test_wait_until("the tasks to end", is_all_done, &all, 120000);
}

void fleet_submit(const struct bench *b, const char *model, const char *queue, char id[64])
{
    open_client(b);
    submit("writer", model, queue);
    orb_loop_run(loop);
    snprintf(id, 64, "%s", last_id);
    close_client();
}

struct running { const struct bench *b; const char *id; };

static int is_running(void *arg)
{
    struct running *r = arg;
    char *text = fleet_text(r->b, "HGET orbiter:task:%s status", r->id);
    int is = !strcmp(text, "running");
    free(text);
    return is;
}

void fleet_wait_running(const struct bench *b, const char *id)
{
    test_wait_until("the task to run", is_running, &(struct running){ b, id }, 10000);
}

/* ---- processes that make something happen ------------------------------------------ */

static pid_t start_process(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        fail_msg("cannot fork");
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

void fleet_end(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) == pid)
        fail_msg("what makes the load has ended by itself: status %d", status);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static double rate;
static int64_t begun_us;
static struct orb_timer *timer;

/* How many are due by now. */
static long due(long done)
{
    double n = (double)(orb_mono_us() - begun_us) / 1e6 * rate - (double)done;
    return n > 0 ? (long)n : 0;
}

static void on_timer(void *arg)
{
    static long done;
    (void)arg;
    for (long n = due(done); n > 0 && under_way < 2 * IN_FLIGHT; n--)
        submit_any((unsigned)done++);
    orb_timer_start(timer, BATCH_MS);
}

pid_t fleet_changes(const struct bench *b, double changes)
{
    pid_t pid = start_process();
    if (pid)
        return pid;
    open_client(b);
    rate = changes / 3; /* pending, running, completed */
    begun_us = orb_mono_us();
    to_submit = 0;
    under_way = 1; /* so that the loop does not stop when all are answered */
    timer = orb_timer_new(loop, on_timer, NULL);
    orb_timer_start(timer, 0);
    orb_loop_run(loop);
    _exit(1);
}

/* What is written is read by nobody else here, so answers are only counted. */
static void write_tokens(redisContext *c, const char *id, const char *token, int per_line, long from, long count)
{
    char text[4200], json[8600];
    struct orb_buf buf;
    for (long n = from; n < from + count; n++) {
        int len = snprintf(text, sizeof text, "%s%ld%s", token, n, n % per_line == per_line - 1 ? "\n" : " ");
        orb_buf_init(&buf, sizeof json);
        orb_event_write(&buf, &(struct orb_event_out){ .type = ORB_EVENT_TEXT, .agent_name = "writer", .text = text, .text_len = (size_t)len }, n + 1, 1);
        redisAppendCommand(c, "XADD orbiter:stream:%s * event %b", id, buf.data, buf.len);
        redisAppendCommand(c, "PUBLISH orbiter:events:%s %b", id, buf.data, buf.len);
        orb_buf_done(&buf);
    }
    for (long n = 0; n < 2 * count; n++)
        freeReplyObject(take(c));
}

pid_t fleet_tokens(const struct bench *b, const char *id, double tokens, const char *token, int per_line)
{
    pid_t pid = start_process();
    if (pid)
        return pid;
    redisContext *c = connect_to(b);
    rate = tokens;
    begun_us = orb_mono_us();
    for (long done = 0, n;; done += n) {
        n = due(done);
        if (n > 2000)
            n = 2000;
        write_tokens(c, id, token, per_line, done, n);
        if (n < 2000)
            nanosleep(&(struct timespec){ .tv_nsec = BATCH_MS * 1000000 }, NULL);
    }
}

/* ---- a recording ---------------------------------------------------------------------- */

#define SLICE 200

void fleet_record(const char *file, int count)
{
    static char ids[SLICE][40], workers[SLICE][16];
    struct orb_task_info tasks[SLICE];
    struct tui_recorder *recorder;
    struct orb_error err;
    double now = 1772460381;
    struct tui_msg msg = { .type = TUI_MSG_LINK, .at = now, .id = "", .text = "", .a = 1 };
    struct tui_record_head head = { .title = "recorded", .user = "bench", .screen = "", .task = "", .filter = "" };
    check(tui_recorder_open(file, &head, &recorder, &err), &err);
    tui_recorder_write(recorder, &msg);
    msg = (struct tui_msg){ .type = TUI_MSG_TASKS, .at = now, .id = "", .text = "", .tasks = tasks };
    for (int at = 0; at < count; at += (int)msg.count) {
        for (msg.count = 0; msg.count < SLICE && at + (int)msg.count < count; msg.count++) {
            unsigned n = (unsigned)at + (unsigned)msg.count, mixed = n * 2654435761u;
            int is_failed = mixed >> 8 & 63 ? 0 : 1;
            snprintf(ids[msg.count], sizeof ids[0], "%08x%08x%016x", mixed, n, ~mixed);
            snprintf(workers[msg.count], sizeof workers[0], "w-%02u@gpu%u", mixed >> 4 & 31, mixed & 7);
            tasks[msg.count] = (struct orb_task_info){
                .id = ids[msg.count], .queue = ORB_QUEUE_DEFAULT, .agent = agents[mixed >> 16 & 7], .worker_id = workers[msg.count], .resubmit_of = "", .result = "", .output = "", .partial = "",
                .usage = "", .error = is_failed ? "HTTP 529 overloaded" : "", .error_type = is_failed ? "OverloadedError" : "", .status = is_failed ? ORB_STATUS_FAILED : ORB_STATUS_COMPLETED,
                .created_at = now - n * 0.05, .started_at = now - n * 0.05 + 0.2, .completed_at = now - n * 0.05 + 20, .attempt = 1, .priority = 5, .input_tokens = mixed >> 20,
                .output_tokens = mixed & 2047, .total_tokens = (mixed >> 20) + (mixed & 2047), .cost = (mixed & 1023) / 1e4 };
        }
        tui_recorder_write(recorder, &msg);
    }
    msg = (struct tui_msg){ .type = TUI_MSG_WALK_END, .at = now, .id = "", .text = "" };
    tui_recorder_write(recorder, &msg);
    check(tui_recorder_close(recorder, &err), &err);
}
