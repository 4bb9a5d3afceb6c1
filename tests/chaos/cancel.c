/* Cancel in every state a task can be in: what waits makes no request any more, what runs
 * closes its socket, what has ended stays as it is, and no cancel is ever reverted. */
#include "chaos/chaos.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EACH_MAX 500
#define WINDOW 8 /* cancels under way at once */

enum group { QUEUED, DELAYED, BACKING_OFF, CONNECTING, STREAMING, FINISHED, GROUPS };
static const char *const group_names[] = {"queued", "delayed", "backing off", "connecting", "streaming", "finished"};

static struct chaos chaos;
static struct test_fake fake;
static int each;
static int delay_s; /* of the delayed and of those that back off */

static int of(enum group g, int i)
{
    return (int)g * each + i;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a provider that takes requests and says nothing ------------------------- */

static struct silent {
    struct orb_watch *watch;
    int fd, task;  /* task -1: not read yet */
    char text[8192];
    size_t len;
} silents[EACH_MAX + 16];
static int silent_count, listener = -1, asked; /* asked: requests that were read */
static struct orb_watch *accepting;
static double closed_at[GROUPS * EACH_MAX];

static void on_silent(void *arg, int fd)
{
    struct silent *s = arg;
    ssize_t n = recv(fd, s->text + s->len, sizeof s->text - 1 - s->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        if (s->task >= 0)
            closed_at[s->task] = now_s();
        orb_watch_free(s->watch);
        s->watch = NULL;
        close(fd);
        return;
    }
    s->len += (size_t)n;
    s->text[s->len] = '\0';
    const char *id = strstr(s->text, "task-");
    if (s->task < 0 && id && strlen(id) >= 11) {
        s->task = chaos_task_of(id);
        asked++;
    }
}

static void on_accept(void *arg, int fd)
{
    int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn < 0 || silent_count == EACH_MAX + 16)
        return;
    struct silent *s = &silents[silent_count++];
    s->fd = conn;
    s->task = -1;
    s->watch = orb_watch_new(arg, conn, on_silent, s);
}

static int listen_silently(struct chaos *c)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&addr, &len))
        fail_msg("cannot listen: %s", strerror(errno));
    accepting = orb_watch_new(c->fleet.loop, listener, on_accept, c->fleet.loop);
    return ntohs(addr.sin_port);
}

static void stop_listening(void)
{
    for (int i = 0; i < silent_count; i++)
        if (silents[i].watch) {
            orb_watch_free(silents[i].watch);
            close(silents[i].fd);
        }
    silent_count = 0;
    orb_watch_free(accepting);
    accepting = NULL;
    if (listener >= 0)
        close(listener);
    listener = -1;
}

/* ---- tasks --------------------------------------------------------------------- */

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    static char input[32];
    static const char *const scripts[] = {"tokens=2", "tokens=2", "", "tokens=2", "tokens=1000000&rate=10", "tokens=2", "tokens=2"};
    int group = task / each; /* after the last group: one that shows that a queue is served */
    (void)c;
    chaos_id(task, input);
    out->input = input;
    out->input_len = strlen(input);
    out->queue = group == QUEUED || group == GROUPS ? "parked" : group == CONNECTING ? "silent" : NULL;
    out->delay_seconds = group == DELAYED ? delay_s : 0;
    if (group == BACKING_OFF)
        snprintf(model, 256, "openai:fake?status=500&retry_after=%d", delay_s);
    else
        snprintf(model, 256, "openai:fake?%s", scripts[group]);
}

/* How many of the group are in the state they are to be cancelled in. */
static int count_ready(struct chaos *c, enum group g)
{
    static const enum orb_status wanted[] = {ORB_STATUS_PENDING, ORB_STATUS_PENDING, ORB_STATUS_RETRYING, ORB_STATUS_RUNNING, ORB_STATUS_RUNNING, ORB_STATUS_COMPLETED};
    int n = 0;
    for (int i = 0; i < each; i++) {
        const struct chaos_task *t = &c->tasks[of(g, i)];
        char id[32];
        chaos_id(of(g, i), id);
        n += t->status == wanted[g] && (g < BACKING_OFF || t->attempt == 1) && (g != STREAMING || chaos_number(c, "XLEN orbiter:stream:%s", id) > 0);
    }
    return g == CONNECTING ? asked : n;
}

static enum group current;

static int is_group_ready(struct chaos *c)
{
    return count_ready(c, current) == each;
}

static void submit_group(struct chaos *c, enum group g)
{
    char what[64];
    snprintf(what, sizeof what, "all tasks of a group to be %s", group_names[g]);
    chaos_submit_all(c, of(g, 0), of(g, each));
    current = g;
    chaos_until(c, what, is_group_ready, 30000);
}

/* ---- cancelling ------------------------------------------------------------------ */

static struct request {
    struct orb_task_handle *handle;
    double sent_at;
    int code;
    char state[16];
} requests[GROUPS * EACH_MAX + EACH_MAX];
static int cancels_out;

static void on_cancelled(void *arg, const char *state, const struct orb_error *err)
{
    struct request *r = arg;
    r->code = err ? err->code : 0;
    snprintf(r->state, sizeof r->state, "%s", state ? state : "");
    orb_task_handle_free(r->handle);
    r->handle = NULL;
    cancels_out--;
}

static void cancel(struct chaos *c, int task, const char *id)
{
    struct request *r = &requests[task];
    int64_t end = test_now_ms() + test_patience(30000);
    while (cancels_out >= WINDOW) {
        chaos_turn(c);
        if (test_now_ms() > end)
            fail_msg("no answer to a cancel");
    }
    r->handle = orb_task_handle_new(c->fleet.client, id);
    r->sent_at = now_s();
    cancels_out++;
    assert_int_equal(orb_task_handle_cancel(r->handle, on_cancelled, r), 0);
}

static void wait_answers(struct chaos *c)
{
    int64_t end = test_now_ms() + test_patience(30000);
    while (cancels_out > 0) {
        chaos_turn(c);
        if (test_now_ms() > end)
            fail_msg("no answer to a cancel");
    }
}

static void cancel_group(struct chaos *c, enum group g)
{
    for (int i = 0; i < each; i++) {
        char id[32];
        chaos_id(of(g, i), id);
        cancel(c, of(g, i), id);
    }
    wait_answers(c);
    for (int i = 0; i < each; i++) {
        const struct request *r = &requests[of(g, i)];
        int wanted = g == FINISHED ? ORB_E_FINISHED : 0;
        chaos_expect(c, r->code == wanted, "cancel of %s task %d: %s (it was %s)", group_names[g], of(g, i), r->code ? orb_error_type(r->code) : "cancelled", r->state);
    }
}

static int unknown_wrong;

static void cancel_unknown(struct chaos *c)
{
    for (int i = 0; i < each; i++) {
        char id[32];
        snprintf(id, sizeof id, "nobody-%d", i);
        cancel(c, GROUPS * each + i, id);
    }
    wait_answers(c);
    for (int i = 0; i < each; i++)
        unknown_wrong += requests[GROUPS * each + i].code != ORB_E_NOT_FOUND;
    redisReply *keys = chaos_command(c, "KEYS *nobody-*");
    unknown_wrong += keys ? (int)keys->elements : 1;
    freeReplyObject(keys);
}

/* ---- what it came to ---------------------------------------------------------------- */

static int reverted, unkept, cancelled;
static int late_requests, extra_requests;
static struct chaos_samples closes[GROUPS];

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    const struct chaos_task *t = &c->tasks[i];
    enum group g = (enum group)(i / each);
    const char *status = chaos_field(hash, "status");
    const char *wanted = g == FINISHED ? "completed" : "cancelled";
    cancelled += !strcmp(status, "cancelled");
    int ok = !strcmp(status, wanted) && !t->reverts && *chaos_field(hash, "completed_at") && s->terminals == 1;
    reverted += !ok;
    chaos_expect(c, ok, "%s task %d is %s, completed_at '%s'; the feed says %d states after the end, the stream %d ends", group_names[g], i, status,
                 chaos_field(hash, "completed_at"), t->reverts, s->terminals);
    int is_kept = g != STREAMING || !strncmp(chaos_field(hash, "partial"), "w1", 2);
    unkept += !is_kept;
}

/* The task that the request numbered n was for. */
static int task_of_request(const json_t *line)
{
    const json_t *messages = json_object_get(json_object_get(line, "body"), "messages");
    const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    const char *text = json_string_value(json_object_get(last, "content"));
    return text ? chaos_task_of(text) : -1;
}

static int read_ledger(void)
{
    json_t *lines = test_fake_ledger(&fake), *line;
    size_t i;
    int count = 0, *tasks = calloc(json_array_size(lines) + 1, sizeof *tasks), *seen = calloc((size_t)GROUPS * EACH_MAX + 1, sizeof *seen);
    assert_true(tasks && seen);
    json_array_foreach (lines, i, line) {
        size_t n = (size_t)json_integer_value(json_object_get(line, "n"));
        double t = json_real_value(json_object_get(line, "t"));
        assert_in_range(n, 0, json_array_size(lines));
        if (!strcmp(json_string_value(json_object_get(line, "event")), "request")) {
            int task = tasks[n] = task_of_request(line);
            assert_in_range(task, 0, GROUPS * each);
            enum group g = (enum group)(task / each);
            late_requests += g <= BACKING_OFF && t > requests[task].sent_at;
            extra_requests += g == QUEUED || g == DELAYED || (g < GROUPS && ++seen[task] > 1);
            count++;
        } else if (tasks[n] / each == STREAMING) {
            closed_at[tasks[n]] = t;
        }
    }
    free(tasks);
    free(seen);
    json_decref(lines);
    return count;
}

static int are_closed(struct chaos *c, enum group g)
{
    (void)c;
    int n = 0;
    for (int i = 0; i < each; i++)
        n += closed_at[of(g, i)] > 0;
    return n == each;
}

static int all_closed(struct chaos *c)
{
    return are_closed(c, CONNECTING) && chaos_all_final(c);
}

static void measure_closes(struct chaos *c, enum group g)
{
    for (int i = 0; i < each; i++) {
        double at = closed_at[of(g, i)];
        chaos_expect(c, at > 0, "the provider never saw the end of %s task %d", group_names[g], of(g, i));
        if (at > 0)
            chaos_sample(&closes[g], (at - requests[of(g, i)].sent_at) * 1000);
    }
}

static void raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void start_workers(struct chaos *c, const char *env[3], const char *silent_env[3])
{
    static char slots[16];
    static const char *const args[] = {"--concurrency", slots, NULL}, *const silent_args[] = {"--concurrency", slots, "--queue", "silent", NULL};
    snprintf(slots, sizeof slots, "%d", each + 8);
    c->env = env;
    c->args = args;
    chaos_worker_start(c, 0);
    c->env = silent_env;
    c->args = silent_args;
    chaos_worker_start(c, 1);
}

/* Serves the queue whose tasks were cancelled, and waits until it has run one behind them. */
static void serve_parked(struct chaos *c, const char *env[3])
{
    static const char *const args[] = {"--concurrency", "64", "--queue", "parked", NULL};
    c->env = env;
    c->args = args;
    chaos_worker_start(c, 2);
    chaos_submit_all(c, GROUPS * each, GROUPS * each + 1);
}

static void a_cancel_holds_in_every_state(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->tasks_max = GROUPS * EACH_MAX + 1;
    c->spec = spec;
    raise_limit();
    chaos_begin(c, "cancel");
    test_fake_start(&fake);
    each = c->is_full ? EACH_MAX : 20;
    delay_s = c->is_full ? 15 : 3;
    char base[128], silent_base[128];
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", fake.url);
    snprintf(silent_base, sizeof silent_base, "OPENAI_BASE_URL=http://127.0.0.1:%d/v1", listen_silently(c));
    const char *env[3] = {base, "OPENAI_API_KEY=sk-test", NULL}, *silent_env[3] = {silent_base, "OPENAI_API_KEY=sk-test", NULL};
    start_workers(c, env, silent_env);

    submit_group(c, QUEUED);
    submit_group(c, FINISHED);
    submit_group(c, STREAMING);
    submit_group(c, CONNECTING);
    cancel_group(c, STREAMING);
    cancel_group(c, CONNECTING);
    cancel_group(c, FINISHED);
    cancel_group(c, QUEUED);
    submit_group(c, BACKING_OFF);
    cancel_group(c, BACKING_OFF);
    submit_group(c, DELAYED);
    cancel_group(c, DELAYED);
    cancel_unknown(c);
    serve_parked(c, env);
    chaos_until(c, "all tasks to end", all_closed, 20000);
    /* What was not really cancelled would be due now. */
    chaos_pass(c, delay_s * 1000 + 500);

    int made = read_ledger();
    measure_closes(c, CONNECTING);
    measure_closes(c, STREAMING);
    chaos_look(c, 0, GROUPS * each, look);
    chaos_expect_drained(c);
    chaos_expect(c, chaos_number(c, "XLEN parked") + chaos_number(c, "XLEN silent") == 0, "entries are left in the other queues");
    chaos_figure(c, "cancel_tasks_in_each_state", each, "tasks", NULL, 0);
    chaos_figure(c, "cancel_requests_seen", made, "requests", NULL, 0);
    chaos_figure(c, "cancel_cancelled", cancelled, "tasks", "=", (GROUPS - 1) * each);
    chaos_figure(c, "cancel_not_as_cancelled", reverted, "tasks", "=", 0);
    chaos_figure(c, "cancel_requests_after_it", late_requests, "requests", "=", 0);
    chaos_figure(c, "cancel_requests_too_many", extra_requests, "requests", "=", 0);
    chaos_figure(c, "cancel_unknown_wrong", unknown_wrong, "tasks", "=", 0);
    chaos_figure(c, "cancel_partial_lost", unkept, "tasks", "=", 0);
    chaos_figure(c, "cancel_connecting_close_p99", chaos_percentile(&closes[CONNECTING], 99), "ms", "<=", 100);
    chaos_figure(c, "cancel_streaming_close_p99", chaos_percentile(&closes[STREAMING], 99), "ms", "<=", 100);
    stop_listening();
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    stop_listening();
    test_fake_stop(&fake);
    free(closes[CONNECTING].at);
    free(closes[STREAMING].at);
    chaos_abandon(&chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(a_cancel_holds_in_every_state, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
