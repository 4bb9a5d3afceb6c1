/* A mixed fleet: consumers that behave as the Python worker does (no lease, no renewals, a
 * heartbeat hash of 30 s, entries that are acknowledged and not deleted), a client that behaves as the
 * Python client does, and workers of ours on the same queue. Consumers are not robbed while
 * they live, nor while they drain without a heartbeat; what dead ones left is recovered when the timeout of
 * the task has passed; their tasks are listed, cancelled and streamed like ours.
 *
 * The expiry of a heartbeat, 30 s after the last beat, is a DEL here. */
#include "chaos/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* What becomes of a task and of who has it. The first ones are for consumers, the last for our workers. */
enum fate {
    LIVES_LONG,   /* runs longer than the task's timeout, with a heartbeat */
    DRAINS,       /* runs on without a heartbeat, and ends before the timeout */
    DIES,         /* dies running */
    DIES_EARLY,   /* dies before it wrote a word */
    CANCELLED,    /* cancelled by our client */
    FAILS,        /* fails; Python queues it anew at once */
    ENDS_SILENT,  /* without detailed: writes no terminal event */
    RUN_BY_US,    /* a Python client's task on our worker */
    CANCELLED_BY_PYTHON, /* the same, and the Python client cancels it */
    FATES
};
static const char *const fate_names[] = {"lives long", "drains", "dies", "dies early", "cancelled", "fails", "ends silently", "run by us", "cancelled by Python"};

#define MOST 16 /* in one round */
#define ROUNDS_MAX 24

static struct chaos chaos;

/* A task of a round with its Python consumer, its Python client and a reader of ours. */
struct part {
    int task;
    enum fate fate;
    char id[32], worker[64], entry[48];
    double timeout_s;
    int64_t began_ms, end_at_ms, beat_ms;  /* wall */
    double started_at;
    int is_running, has_ended, has_retried;
    redisContext *cancels;                  /* SUBSCRIBE orbiter:cancel:{id} */
    struct orb_task_handle *handle;         /* our reader and result */
    int reader_ended, reader_error, result_ended, cancel_code;
    enum orb_status result_status;
    int64_t reader_ms;
    char text[256], output[128];
    int was_listed, was_asked_to_cancel;
    int recovered;
};
static struct part parts[MOST];
static int part_count, round_number;
static struct chaos_samples recoveries; /* ms after it was allowed */
static int robbed, early, unlisted, wrong_outcomes, unread, uncancelled;

/* ---- what the Python package does ------------------------------------------- */

static void run_command(struct chaos *c, const char *fmt, ...)
{
    char *command;
    va_list ap;
    va_start(ap, fmt);
    int n = redisvFormatCommand(&command, fmt, ap);
    va_end(ap);
    assert_true(n > 0);
    if (!c->link)
        freeReplyObject(chaos_command(c, "PING")); /* connects */
    assert_int_equal(redisAppendFormattedCommand(c->link, command, (size_t)n), REDIS_OK);
    redisReply *reply = NULL;
    assert_int_equal(redisGetReply(c->link, (void **)&reply), REDIS_OK);
    if (reply->type == REDIS_REPLY_ERROR && !strstr(reply->str, "BUSYGROUP"))
        fail_msg("%s: %s", fmt, reply->str);
    freeReplyObject(reply);
    redisFreeCommand(command);
}

static const char *now_text(void)
{
    static char out[32];
    snprintf(out, sizeof out, "%.6f", orb_now());
    return out;
}

static void beat(struct chaos *c, struct part *p)
{
    run_command(c, "HSET orbiter:workers:%s status running tasks_processed 0 tasks_failed 0 current_task_id %s started_at %s last_heartbeat %s concurrency 1 hostname py",
                p->worker, p->id, now_text(), now_text());
    run_command(c, "EXPIRE orbiter:workers:%s 30", p->worker);
    p->beat_ms = chaos_wall_ms();
}

static void make_payload(const struct part *p, char out[1024])
{
    static const char *const models[FATES] = {[CANCELLED_BY_PYTHON] = "sim:tokens=100000,rate=20"};
    snprintf(out, 1024, "{\"task_id\": \"%s\", \"agent_config\": {\"name\": \"bot\", \"model\": \"%s\", \"instructions\": \"\", \"max_steps\": 10, "
             "\"temperature\": 1.0, \"max_tokens\": null}, \"input\": \"said by us\", \"messages\": [], \"model\": null, \"detailed\": %s, \"metadata\": {}, "
             "\"created_at\": %s, \"timeout_seconds\": %.1f}", p->id, models[p->fate] ? models[p->fate] : "sim:", p->fate == ENDS_SILENT ? "false" : "true",
             now_text(), p->timeout_s);
}

/* The submit of the Python client, and the claim of the Python worker. In one transaction: nobody else gets it. */
static void submit_and_claim(struct chaos *c, struct part *p)
{
    char payload[1024];
    make_payload(p, payload);
    run_command(c, "XGROUP CREATE " CHAOS_QUEUE " " CHAOS_QUEUE ":group 0 MKSTREAM");
    if (p->fate >= RUN_BY_US) {
        run_command(c, "XADD " CHAOS_QUEUE " * payload %s", payload);
        return;
    }
    run_command(c, "MULTI");
    run_command(c, "XADD " CHAOS_QUEUE " * payload %s", payload);
    run_command(c, "XREADGROUP GROUP " CHAOS_QUEUE ":group %s COUNT 1 STREAMS " CHAOS_QUEUE " >", p->worker);
    redisReply *reply = chaos_command(c, "EXEC");
    assert_true(reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_ARRAY);
    snprintf(p->entry, sizeof p->entry, "%s", reply->element[0]->str);
    assert_string_equal(reply->element[1]->element[0]->element[1]->element[0]->element[0]->str, p->entry);
    freeReplyObject(reply);
}

static void write_status(struct chaos *c, struct part *p, const char *status, const char *name, const char *value, const char *name2, const char *value2)
{
    run_command(c, "HSET orbiter:task:%s task_id %s status %s %s %s %s %s", p->id, p->id, status, name, value, name2, value2);
    run_command(c, "EXPIRE orbiter:task:%s 86400", p->id);
    run_command(c, "SADD orbiter:task:index %s", p->id);
}

static void publish(struct chaos *c, struct part *p, const char *json)
{
    run_command(c, "PUBLISH orbiter:events:%s %s", p->id, json);
    run_command(c, "XADD orbiter:stream:%s * event %s", p->id, json);
    run_command(c, "EXPIRE orbiter:stream:%s 3600", p->id);
}

static void begin(struct chaos *c, struct part *p)
{
    struct timeval now = {0};
    p->cancels = redisConnectUnixWithTimeout(c->fleet.redis.socket, (struct timeval){.tv_sec = 10});
    assert_true(p->cancels && !p->cancels->err);
    freeReplyObject(redisCommand(p->cancels, "SUBSCRIBE orbiter:cancel:%s", p->id));
    now.tv_usec = 1000;
    redisSetTimeout(p->cancels, now);
    p->started_at = orb_now();
    char text[32];
    snprintf(text, sizeof text, "%.6f", p->started_at);
    write_status(c, p, "running", "worker_id", p->worker, "started_at", text);
    if (p->fate != ENDS_SILENT)
        publish(c, p, "{\"type\": \"status\", \"status\": \"starting\", \"agent_name\": \"bot\", \"message\": \"\"}");
    publish(c, p, "{\"type\": \"text\", \"text\": \"said \", \"agent_name\": \"bot\"}");
    p->is_running = 1;
}

/* redis-py waits a second for a message; here it is looked for at every event. */
static int was_cancelled(struct part *p)
{
    void *reply = NULL;
    if (!p->cancels || p->was_asked_to_cancel)
        return p->was_asked_to_cancel;
    if (redisGetReply(p->cancels, &reply) == REDIS_OK && reply) {
        p->was_asked_to_cancel = 1;
    } else { /* a read that timed out ends a connection of hiredis */
        p->cancels->err = 0;
        p->cancels->errstr[0] = '\0';
    }
    freeReplyObject(reply);
    return p->was_asked_to_cancel;
}

static void acknowledge(struct chaos *c, struct part *p)
{
    run_command(c, "XACK " CHAOS_QUEUE " " CHAOS_QUEUE ":group %s", p->entry);
    redisFree(p->cancels);
    p->cancels = NULL;
    p->has_ended = 1;
}

static void complete(struct chaos *c, struct part *p)
{
    publish(c, p, "{\"type\": \"text\", \"text\": \"by Python\", \"agent_name\": \"bot\"}");
    if (p->fate != ENDS_SILENT)
        publish(c, p, "{\"type\": \"status\", \"status\": \"completed\", \"agent_name\": \"bot\", \"message\": \"Agent 'bot' completed execution\"}");
    write_status(c, p, "completed", "completed_at", now_text(), "result", "{\"output\": \"said by Python\"}");
    acknowledge(c, p);
}

static void end_cancelled(struct chaos *c, struct part *p)
{
    char json[256];
    snprintf(json, sizeof json, "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"bot\", \"message\": \"Task %s cancelled\"}", p->id);
    publish(c, p, json);
    run_command(c, "HSET orbiter:task:%s task_id %s status cancelled completed_at %s", p->id, p->id, now_text());
    run_command(c, "EXPIRE orbiter:task:%s 86400", p->id);
    acknowledge(c, p);
}

static void fail_once(struct chaos *c, struct part *p)
{
    char payload[1024];
    make_payload(p, payload);
    write_status(c, p, "failed", "completed_at", now_text(), "error", "it broke");
    write_status(c, p, "retrying", "retries", "1", "error", "it broke");
    run_command(c, "XRANGE " CHAOS_QUEUE " %s %s", p->entry, p->entry);
    acknowledge(c, p);
    run_command(c, "XADD " CHAOS_QUEUE " * payload %s", payload);
    p->has_retried = 1;
}

static void cancel_as_python(struct chaos *c, struct part *p)
{
    run_command(c, "PUBLISH orbiter:cancel:%s cancel", p->id);
    run_command(c, "HSET orbiter:task:%s status cancelled", p->id);
    p->was_asked_to_cancel = 1;
}

/* ---- our reader of every task ---------------------------------------------------- */

static void on_event(void *arg, const struct orb_event *e, const struct orb_error *err)
{
    struct part *p = arg;
    if (!e) {
        p->reader_ended = 1;
        p->reader_error = err ? err->code : 0;
        p->reader_ms = chaos_wall_ms();
        return;
    }
    if (e->type == ORB_EVENT_TEXT) {
        size_t n = strlen(p->text);
        snprintf(p->text + n, sizeof p->text - n, "%s", e->text);
    }
}

static void on_result(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct part *p = arg;
    p->result_ended = 1;
    if (err)
        return;
    p->result_status = info->status;
    snprintf(p->output, sizeof p->output, "%s", info->output);
}

static void on_cancelled(void *arg, const char *state, const struct orb_error *err)
{
    struct part *p = arg;
    (void)state;
    p->cancel_code = err ? err->code : 1;
}

static void on_listed(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    int *out = arg;
    for (size_t i = 0; !err && i < count; i++)
        for (int k = 0; k < part_count; k++)
            if (!strcmp(tasks[i].id, parts[k].id) && (parts[k].fate >= RUN_BY_US || !strcmp(tasks[i].worker_id, parts[k].worker)))
                parts[k].was_listed = 1;
    *out = 1;
}

static void wait_flag(struct chaos *c, const char *what, int *flag)
{
    int64_t end = test_now_ms() + test_patience(10000);
    while (!*flag) {
        chaos_turn(c);
        if (test_now_ms() > end)
            fail_msg("waited for: %s", what);
    }
}

/* What runs at this moment is listed, whoever runs it. */
static void list_running(struct chaos *c)
{
    int is_done = 0;
    struct orb_error err;
    struct orb_task_filter filter = {.status = ORB_STATUS_RUNNING, .limit = 1000};
    if (orb_fleet_tasks(c->fleet.client, &filter, on_listed, &is_done, &err))
        fail_msg("list: %s", err.text);
    wait_flag(c, "the list of tasks", &is_done);
}

/* ---- a round ------------------------------------------------------------------------ */

static void start_part(struct chaos *c, enum fate fate)
{
    struct part *p = &parts[part_count++];
    struct orb_error err;
    memset(p, 0, sizeof *p);
    p->task = c->task_count++;
    p->fate = fate;
    chaos_id(p->task, p->id);
    snprintf(p->worker, sizeof p->worker, "py-%d-%08x", 1 + p->task, (unsigned)p->task);
    p->timeout_s = fate == DRAINS ? 8 : fate >= RUN_BY_US || fate == CANCELLED || fate == ENDS_SILENT ? 300 : 2 + chaos_random(c, 2);
    p->began_ms = chaos_wall_ms();
    p->end_at_ms = p->began_ms + (fate == LIVES_LONG || fate == DRAINS ? CHAOS_LEASE_MS + 2500 + chaos_random(c, 1000) : 1500 + chaos_random(c, 1000));
    if (fate < RUN_BY_US)
        beat(c, p);
    submit_and_claim(c, p);
    if (fate != DIES_EARLY && fate < RUN_BY_US)
        begin(c, p);
    if (fate == DRAINS || fate == DIES || fate == DIES_EARLY)
        run_command(c, "DEL orbiter:workers:%s", p->worker);
    if (fate == DIES || fate == DIES_EARLY) {
        redisFree(p->cancels);
        p->cancels = NULL;
        p->has_ended = 1;
    }
    p->handle = orb_task_handle_new(c->fleet.client, p->id);
    if (fate != DIES_EARLY && fate < RUN_BY_US) {
        assert_int_equal(orb_task_handle_stream(p->handle, NULL, on_event, p, &err), 0);
        assert_int_equal(orb_task_handle_result(p->handle, on_result, p), 0);
    }
}

/* Those that our workers run have a hash as soon as it was begun. */
static void read_late(struct chaos *c, struct part *p)
{
    struct orb_error err;
    if (p->reader_ms || p->is_running || !c->tasks[p->task].begins)
        return;
    p->is_running = 1;
    assert_int_equal(orb_task_handle_stream(p->handle, NULL, on_event, p, &err), 0);
    assert_int_equal(orb_task_handle_result(p->handle, on_result, p), 0);
}

static void act(struct chaos *c, struct part *p)
{
    const struct chaos_task *t = &c->tasks[p->task];
    int64_t now = chaos_wall_ms();
    read_late(c, p);
    if (p->fate == CANCELLED && !p->cancel_code && now > p->began_ms + 700) {
        p->cancel_code = 2; /* sent */
        assert_int_equal(orb_task_handle_cancel(p->handle, on_cancelled, p), 0);
    }
    if (p->fate == CANCELLED_BY_PYTHON && t->begins && !p->was_asked_to_cancel && now > t->running_ms + 300)
        cancel_as_python(c, p);
    if (p->has_ended || p->fate >= RUN_BY_US)
        return;
    if (t->begins > 0 && !p->has_retried) {
        robbed++;
        chaos_expect(c, 0, "task %d (%s) of a consumer that lives was begun by pid %d", p->task, fate_names[p->fate], (int)t->pid);
        acknowledge(c, p);
        return;
    }
    if (p->fate != DRAINS && now - p->beat_ms > 10000)
        beat(c, p);
    if (p->fate == CANCELLED && was_cancelled(p))
        end_cancelled(c, p);
    else if (p->fate != CANCELLED && now >= p->end_at_ms && p->fate == FAILS)
        fail_once(c, p);
    else if (p->fate != CANCELLED && now >= p->end_at_ms)
        complete(c, p);
}

static int is_done(const struct part *p)
{
    return p->result_ended && p->reader_ended;
}

static int64_t serving_ms; /* our workers' leases are old enough from then on */

static void judge_recovery(struct chaos *c, struct part *p)
{
    const struct chaos_task *t = &c->tasks[p->task];
    int64_t allowed = p->began_ms + (int64_t)(p->timeout_s * 1000);
    chaos_expect(c, t->begins == 1, "task %d (%s) was begun %d times by us", p->task, fate_names[p->fate], t->begins);
    if (p->fate != DIES && p->fate != DIES_EARLY)
        return;
    early += t->running_ms < allowed - 5;
    chaos_expect(c, t->running_ms >= allowed - 5, "task %d (%s) was taken %lld ms too early", p->task, fate_names[p->fate], (long long)(allowed - t->running_ms));
    allowed = serving_ms > allowed ? serving_ms : allowed;
    chaos_sample(&recoveries, t->running_ms > allowed ? (double)(t->running_ms - allowed) : 0);
}

static void judge(struct chaos *c, struct part *p)
{
    static const enum orb_status outcome[FATES] = {[CANCELLED] = ORB_STATUS_CANCELLED, [CANCELLED_BY_PYTHON] = ORB_STATUS_CANCELLED};
    int is_ours = p->fate == DIES || p->fate == DIES_EARLY || p->fate == FAILS || p->fate >= RUN_BY_US;
    enum orb_status wanted = outcome[p->fate] == ORB_STATUS_CANCELLED ? ORB_STATUS_CANCELLED : ORB_STATUS_COMPLETED;
    const char *output = wanted == ORB_STATUS_CANCELLED ? "" : is_ours ? "said by us" : "said by Python";
    int ok = p->result_status == wanted && !strcmp(p->output, output);
    wrong_outcomes += !ok;
    chaos_expect(c, ok, "task %d (%s) is %s: \"%s\"", p->task, fate_names[p->fate], orb_status_word(p->result_status), p->output);
    size_t n = strlen(p->text), m = strlen(output);
    int is_read = !p->reader_error && (wanted == ORB_STATUS_CANCELLED ? n > 0 : n >= m && !strcmp(p->text + n - m, output));
    unread += !is_read;
    chaos_expect(c, is_read, "the reader of task %d (%s) ended with code %d and \"%s\"", p->task, fate_names[p->fate], p->reader_error, p->text);
    if (p->fate == CANCELLED) {
        uncancelled += p->cancel_code != 1;
        chaos_expect(c, p->cancel_code == 1, "the cancel of task %d was answered with code %d", p->task, p->cancel_code);
    }
    int must_be_listed = p->fate != DIES_EARLY && p->fate < RUN_BY_US;
    unlisted += must_be_listed && !p->was_listed;
    chaos_expect(c, !must_be_listed || p->was_listed, "task %d (%s) was not listed as running", p->task, fate_names[p->fate]);
    if (is_ours)
        judge_recovery(c, p);
}

static void fail_with_parts(struct chaos *c)
{
    for (int i = 0; i < part_count; i++)
        if (!is_done(&parts[i]))
            printf("task %d (%s) has no end: reader %d (code %d, \"%s\"), result %d\n", parts[i].task, fate_names[parts[i].fate],
                   parts[i].reader_ended, parts[i].reader_error, parts[i].text, parts[i].result_ended);
    chaos_print(c);
    fail_msg("a task does not end (seed %llu)", (unsigned long long)c->seed);
}

static void play_round(struct chaos *c, const enum fate *fates, int count)
{
    int left = 1;
    int64_t end = test_now_ms() + test_patience(40000);
    part_count = 0;
    for (int i = 0; i < count; i++)
        start_part(c, fates[i]);
    list_running(c);
    while (left) {
        chaos_turn(c);
        left = 0;
        for (int i = 0; i < part_count; i++) {
            act(c, &parts[i]);
            left += !is_done(&parts[i]);
        }
        if (left && test_now_ms() > end)
            fail_with_parts(c);
    }
    for (int i = 0; i < part_count; i++) {
        judge(c, &parts[i]);
        orb_task_handle_free(parts[i].handle);
        parts[i].handle = NULL;
    }
}

/* ---- what a Python client queued and nobody has begun ---------------------------------- */

static int cancel_of_waiting;

static void on_waiting_cancelled(void *arg, const char *state, const struct orb_error *err)
{
    (void)state;
    *(int *)arg = err ? err->code : 1;
}

static int is_adopted(struct chaos *c)
{
    char id[32];
    chaos_id(c->task_count - 1, id);
    redisReply *status = chaos_command(c, "HGET orbiter:task:%s status", id);
    int yes = status && status->type == REDIS_REPLY_STRING && !strcmp(status->str, "pending");
    freeReplyObject(status);
    return yes;
}

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    (void)c, (void)task;
    out->queue = "busy";
    snprintf(model, 256, "sim:delay=3000");
}

static int is_running(struct chaos *c)
{
    return c->tasks[c->task_count - 1].status == ORB_STATUS_RUNNING;
}

/* The one slot of the queue is taken: what Python queues there waits, gets its hash, is cancelled, and never runs. */
static void adopt_and_cancel(struct chaos *c)
{
    static const char *const args[] = {"--concurrency", "1", "--queue", "busy", NULL};
    struct part p = {0};
    char payload[1024];
    c->args = args;
    chaos_worker_start(c, 2);
    chaos_submit_all(c, c->task_count, c->task_count + 1);
    chaos_until(c, "the slot to be taken", is_running, 10000);
    p.task = c->task_count++;
    chaos_id(p.task, p.id);
    make_payload(&p, payload);
    run_command(c, "XADD busy * payload %s", payload);
    int64_t queued = test_now_ms();
    chaos_until(c, "a hash for what a Python client queued", is_adopted, 10000);
    chaos_figure(c, "mixed_adopted_after", (double)(test_now_ms() - queued), "ms", "<=", 5000);
    struct orb_task_handle *handle = orb_task_handle_new(c->fleet.client, p.id);
    assert_int_equal(orb_task_handle_cancel(handle, on_waiting_cancelled, &cancel_of_waiting), 0);
    wait_flag(c, "the cancel", &cancel_of_waiting);
    orb_task_handle_free(handle);
    uncancelled += cancel_of_waiting != 1;
    chaos_until(c, "the queue busy to end", chaos_all_final, 10000);
    int ran = c->tasks[p.task].begins;
    uncancelled += ran;
    chaos_expect(c, !ran && c->tasks[p.task].status == ORB_STATUS_CANCELLED, "what was cancelled before anybody had it was run");
}

/* Only tasks of the last phase are in the feed with an end, so the others count as ended. */
static void count_all_final(struct chaos *c)
{
    chaos_pass(c, 50);
    c->finals = c->task_count;
}

static void nobody_is_robbed_and_nothing_is_lost(void **state)
{
    (void)state;
    static const char *const args[] = {"--concurrency", "16", NULL};
    struct chaos *c = &chaos;
    c->tasks_max = ROUNDS_MAX * MOST + 8;
    c->spec = spec;
    c->args = args;
    c->is_calm = 1;
    chaos_begin(c, "mixed");
    chaos_worker_start(c, 0);
    chaos_worker_start(c, 1);
    test_child_expect(&c->workers[0].child, "serves queue", 10000);
    test_child_expect(&c->workers[1].child, "serves queue", 10000);
    serving_ms = chaos_wall_ms() + CHAOS_LEASE_MS;
    int rounds = c->is_full ? 20 : 1;
    for (round_number = 0; round_number < rounds; round_number++) {
        enum fate fates[MOST];
        int count = c->is_full ? MOST : FATES;
        for (int i = 0; i < count; i++)
            fates[i] = c->is_full ? (enum fate)chaos_random(c, FATES) : (enum fate)i;
        play_round(c, fates, count);
    }
    int played = c->task_count;
    count_all_final(c);
    adopt_and_cancel(c);
    chaos_expect_drained(c);
    chaos_figure(c, "mixed_tasks", played, "tasks", NULL, 0);
    chaos_figure(c, "mixed_robbed", robbed, "tasks", "=", 0);
    chaos_figure(c, "mixed_taken_too_early", early, "tasks", "=", 0);
    chaos_figure(c, "mixed_recovered", (double)recoveries.count, "tasks", ">=", 2);
    chaos_figure(c, "mixed_recovery_max", chaos_percentile(&recoveries, 100), "ms", "<=", 5000);
    chaos_figure(c, "mixed_wrong_outcomes", wrong_outcomes, "tasks", "=", 0);
    chaos_figure(c, "mixed_not_listed", unlisted, "tasks", "=", 0);
    chaos_figure(c, "mixed_not_streamed", unread, "tasks", "=", 0);
    chaos_figure(c, "mixed_not_cancelled", uncancelled, "tasks", "=", 0);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        orb_task_handle_free(parts[i].handle);
        redisFree(parts[i].cancels);
    }
    free(recoveries.at);
    chaos_abandon(&chaos);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(nobody_is_robbed_and_nothing_is_lost, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
