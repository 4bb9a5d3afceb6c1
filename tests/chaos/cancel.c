/* Cancel in every state a task can be in: what waits makes no request any more, what runs
 * closes its socket or ends its tool, what has ended stays as it is, and no cancel is ever reverted. */
#include "chaos/cancel/silent.h"
#include "chaos/cancel/tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define EACH_MAX 500
#define WINDOW 8   /* cancels under way at once */
#define WAITING 20 /* in a Python function that can be cancelled, all in one process */

/* IN_...: in a tool of that kind. */
enum group { QUEUED, DELAYED, BACKING_OFF, CONNECTING, STREAMING, IN_EXEC, IN_MCP, FINISHED, GROUPS };
static const char *const group_names[] = {"queued", "delayed", "backing off", "connecting", "streaming", "in exec", "in mcp", "finished", "in python"};

static struct chaos chaos;
static struct test_fake fake;
static int each;
static int stuck; /* how many are in a Python function that nothing interrupts */
static int delay_s; /* of the delayed and of those that back off */

static int of(enum group g, int i)
{
    return (int)g * each + i;
}

static double closed_at[GROUPS * EACH_MAX + EACH_MAX];
static struct chaos_samples closes[GROUPS], waiting_gone, stuck_gone;

/* ---- tasks --------------------------------------------------------------------- */

/* The i-th of those in Python. */
static int waiting_task(int i)
{
    return GROUPS * each + 1 + i;
}

static int is_in_tool(int group)
{
    return group >= IN_EXEC && group <= IN_MCP;
}

static enum hanging hanging_of(int group)
{
    return group == IN_EXEC ? HANGING_EXEC : HANGING_MCP;
}

static void spec_tool(struct orb_task_spec *out, enum hanging kind)
{
    static char config[512];
    snprintf(config, sizeof config, "{\"name\": \"bot\", \"model\": \"openai:fake?first=%d&tool=%s\", \"tools\": [\"%s\"]}",
             kind == HANGING_PYTHON ? 1000 : 0, /* should one take the others along they do not end so soon */ hanging_name(kind), hanging_item(kind));
    out->agent_config = config;
    out->queue = "tools";
}

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    static char input[32];
    static const char *const scripts[GROUPS + 1] = {[STREAMING] = "tokens=1000000&rate=10"};
    int group = task / each; /* after the last group: one that shows that a queue is served, then those in Python */
    (void)c;
    chaos_id(task, input);
    out->input = input;
    out->input_len = strlen(input);
    out->queue = group == QUEUED || group == GROUPS ? "parked" : group == CONNECTING ? "silent" : NULL;
    out->delay_seconds = group == DELAYED ? delay_s : 0;
    if (group == BACKING_OFF)
        snprintf(model, 256, "openai:fake?status=500&retry_after=%d", delay_s);
    else
        snprintf(model, 256, "openai:fake?%s", scripts[group] ? scripts[group] : "tokens=2");
    if (is_in_tool(group) || task > GROUPS * each)
        spec_tool(out, task >= waiting_task(WAITING) ? HANGING_STUCK : task > GROUPS * each ? HANGING_PYTHON : hanging_of(group));
}

/* How many of the group are in the state they are to be cancelled in. */
static int count_ready(struct chaos *c, enum group g)
{
    static const enum orb_status wanted[GROUPS] = {[BACKING_OFF] = ORB_STATUS_RETRYING, [CONNECTING] = ORB_STATUS_RUNNING, [STREAMING] = ORB_STATUS_RUNNING,
                                                   [FINISHED] = ORB_STATUS_COMPLETED}; /* else pending */
    int n = 0;
    if (is_in_tool(g))
        return hanging_count_running(c, of(g, 0), of(g, each));
    for (int i = 0; i < each; i++) {
        const struct chaos_task *t = &c->tasks[of(g, i)];
        char id[32];
        chaos_id(of(g, i), id);
        n += t->status == wanted[g] && (g < BACKING_OFF || t->attempt == 1) && (g != STREAMING || chaos_number(c, "XLEN orbiter:stream:%s", id) > 0);
    }
    return g == CONNECTING ? silent_count_asked() : n;
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
} requests[GROUPS * EACH_MAX + EACH_MAX + 1];
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
    r->sent_at = chaos_mono_s();
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
    memset(&requests[GROUPS * each], 0, (size_t)each * sizeof *requests);
    redisReply *keys = chaos_command(c, "KEYS *nobody-*");
    unknown_wrong += keys ? (int)keys->elements : 1;
    freeReplyObject(keys);
}

/* ---- one by one ------------------------------------------------------------------------ */

static int one; /* the task that is looked at */

static int does_one_run(struct chaos *c)
{
    return hanging_count_running(c, one, one + 1);
}

static int is_one_gone(struct chaos *c)
{
    return hanging_gone_at(c, one) > 0;
}

/* Of calls that share a process. */
static void cancel_one(struct chaos *c, struct chaos_samples *gone)
{
    char id[32];
    chaos_until(c, "a call to run", does_one_run, 30000);
    chaos_id(one, id);
    cancel(c, one, id);
    chaos_until(c, "its end", is_one_gone, 30000);
    chaos_sample(gone, (hanging_gone_at(c, one) - requests[one].sent_at) * 1000);
    wait_answers(c);
}

static void cancel_python(struct chaos *c)
{
    chaos_submit_all(c, waiting_task(0), waiting_task(WAITING));
    for (int i = 0; i < WAITING; i++) {
        one = waiting_task(i);
        cancel_one(c, &waiting_gone);
    }
    /* Each of these takes its process with it. */
    for (int i = 0; i < stuck; i++) {
        one = waiting_task(WAITING + i);
        chaos_submit_all(c, one, one + 1);
        cancel_one(c, &stuck_gone);
    }
}

/* ---- what it came to ---------------------------------------------------------------- */

static int reverted, unkept, cancelled;
static int late_requests, extra_requests;

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    const struct chaos_task *t = &c->tasks[i];
    enum group g = i < GROUPS * each ? (enum group)(i / each) : GROUPS;
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
            assert_in_range(task, 0, waiting_task(WAITING + stuck));
            enum group g = (enum group)(task / each);
            late_requests += (g <= BACKING_OFF || is_in_tool(g)) && t > requests[task].sent_at;
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

static int is_group_closed(struct chaos *c)
{
    int n = 0;
    for (int i = 0; i < each; i++) {
        double *at = &closed_at[of(current, i)];
        if (*at <= 0)
            *at = is_in_tool(current) ? hanging_gone_at(c, of(current, i)) : silent_closed_at(of(current, i));
        n += *at > 0;
    }
    return n == each;
}

static void wait_closed(struct chaos *c, enum group g)
{
    char what[64];
    snprintf(what, sizeof what, "the end of what all tasks %s do", group_names[g]);
    current = g;
    chaos_until(c, what, is_group_closed, 20000);
}

static void measure_closes(struct chaos *c, enum group g)
{
    for (int i = 0; i < each; i++) {
        double at = closed_at[of(g, i)];
        chaos_expect(c, at > 0, "nobody saw the end of what %s task %d was doing", group_names[g], of(g, i));
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
    static const char *tools_args[] = {"--concurrency", slots, "--queue", "tools", "--tools", NULL, NULL};
    tools_args[5] = hanging_files(c);
    c->env = env;
    c->args = tools_args;
    chaos_worker_start(c, 2);
}

/* Serves the queue whose tasks were cancelled, and waits until it has run one behind them. */
static void serve_parked(struct chaos *c, const char *env[3])
{
    static const char *const args[] = {"--concurrency", "64", "--queue", "parked", NULL};
    c->env = env;
    c->args = args;
    chaos_worker_start(c, 3);
    chaos_submit_all(c, GROUPS * each, GROUPS * each + 1);
}

static void a_cancel_holds_in_every_state(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    c->tasks_max = GROUPS * EACH_MAX + EACH_MAX;
    c->spec = spec;
    raise_limit();
    chaos_begin(c, "cancel");
    test_fake_start(&fake);
    each = c->is_full ? EACH_MAX : 20;
    stuck = c->is_full ? 20 : 3;
    delay_s = c->is_full ? 15 : 3;
    char base[128], silent_base[128];
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", fake.url);
    snprintf(silent_base, sizeof silent_base, "OPENAI_BASE_URL=http://127.0.0.1:%d/v1", silent_listen(c));
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
    for (enum group g = IN_EXEC; g <= IN_MCP; g++) {
        submit_group(c, g);
        cancel_group(c, g);
    }
    submit_group(c, BACKING_OFF);
    cancel_group(c, BACKING_OFF);
    submit_group(c, DELAYED);
    cancel_group(c, DELAYED);
    cancel_unknown(c);
    serve_parked(c, env);
    cancel_python(c);
    for (enum group g = CONNECTING; g <= IN_MCP; g++)
        if (g != STREAMING) /* its ledger tells */
            wait_closed(c, g);
    chaos_until(c, "all tasks to end", chaos_all_final, 20000);
    /* What was not really cancelled would be due now. */
    chaos_pass(c, delay_s * 1000 + 500);

    int made = read_ledger();
    measure_closes(c, CONNECTING);
    measure_closes(c, STREAMING);
    for (enum group g = IN_EXEC; g <= IN_MCP; g++)
        measure_closes(c, g);
    chaos_look(c, 0, GROUPS * each, look);
    chaos_look(c, waiting_task(0), waiting_task(WAITING + stuck), look);
    chaos_expect_drained(c);
    chaos_expect(c, chaos_number(c, "XLEN parked") + chaos_number(c, "XLEN silent") + chaos_number(c, "XLEN tools") == 0, "entries are left in the other queues");
    chaos_figure(c, "cancel_tasks_in_each_state", each, "tasks", NULL, 0);
    chaos_figure(c, "cancel_requests_seen", made, "requests", NULL, 0);
    chaos_figure(c, "cancel_cancelled", cancelled, "tasks", "=", (GROUPS - 1) * each + WAITING + stuck);
    chaos_figure(c, "cancel_not_as_cancelled", reverted, "tasks", "=", 0);
    chaos_figure(c, "cancel_requests_after_it", late_requests, "requests", "=", 0);
    chaos_figure(c, "cancel_requests_too_many", extra_requests, "requests", "=", 0);
    chaos_figure(c, "cancel_unknown_wrong", unknown_wrong, "tasks", "=", 0);
    chaos_figure(c, "cancel_partial_lost", unkept, "tasks", "=", 0);
    chaos_figure(c, "cancel_connecting_close_p99", chaos_percentile(&closes[CONNECTING], 99), "ms", "<=", 100);
    chaos_figure(c, "cancel_streaming_close_p99", chaos_percentile(&closes[STREAMING], 99), "ms", "<=", 100);
    chaos_figure(c, "cancel_exec_gone_p99", chaos_percentile(&closes[IN_EXEC], 99), "ms", "<=", 100);
    chaos_figure(c, "cancel_python_ended_max", chaos_percentile(&waiting_gone, 100), "ms", "<=", 100);
    chaos_figure(c, "cancel_mcp_told_p99", chaos_percentile(&closes[IN_MCP], 99), "ms", "<=", 100);
    chaos_figure(c, "cancel_stuck_python_gone_max", chaos_percentile(&stuck_gone, 100), "ms", "<=", 100);
    chaos_figure(c, "cancel_mcp_servers_lost", !hanging_is_shared(of(IN_MCP, 0), of(IN_MCP, each)), "servers", "=", 0);
    hanging_done();
    silent_stop();
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    silent_stop();
    test_fake_stop(&fake);
    for (int g = 0; g < GROUPS; g++)
        free(closes[g].at);
    free(waiting_gone.at);
    free(stuck_gone.at);
    hanging_done();
    chaos_abandon(&chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(a_cancel_holds_in_every_state, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
