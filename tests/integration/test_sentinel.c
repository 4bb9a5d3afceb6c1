/* Failover by real Sentinels: what is submitted while the replica's link is cut and the primary dies then,
 * what becomes of it, and who finds the new primary how soon. */
#include "base/base.h"
#include "chaos/chaos.h"
#include "support/sentinel.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chaos chaos;
static struct test_sentinels servers;

#define TASKS_MAX 8000
#define SUBMIT_EVERY_MS 20

/* ---- submits -------------------------------------------------------------- */

enum outcome { OPEN, ACKED, NOT_REPLICATED, UNREACHABLE };
struct submitted {
    int is_replica, calls;
    enum outcome outcome;
    int is_in_cut;              /* made, or answered, while the replica was cut off */
    int64_t answered_ms;
};
static struct submitted submits[TASKS_MAX];
static struct orb_client *durable; /* its WAITs stand in nobody else's way */
static int in_flight, is_cut;
static int64_t cut_ms;
static int64_t next_ms, acked_ms;  /* acked_ms: the first answer since it was 0 */

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitted *s = arg;
    in_flight--;
    s->calls++;
    s->answered_ms = test_now_ms();
    s->is_in_cut |= is_cut;
    s->outcome = !err ? ACKED : err->code == ORB_E_NOT_REPLICATED ? NOT_REPLICATED : UNREACHABLE;
    if (s->outcome == UNREACHABLE)
        chaos_expect(&chaos, err->code == ORB_E_UNREACHABLE, "a submit failed with code %d: %s", err->code, orb_error_message(err));
    else if (!acked_ms)
        acked_ms = chaos_wall_ms();
    chaos_expect(&chaos, (handle != NULL) == (s->outcome != UNREACHABLE), "a submit's answer has %s handle", handle ? "a" : "no");
    orb_task_handle_free(handle);
}

static void submit_one(struct chaos *c, int is_replica)
{
    static const char *const models[] = { "sim:tokens=3", "sim:tokens=2,delay=1500", "sim:tokens=40,rate=40", "sim:tokens=160,rate=20" };
    char id[32], agent[256];
    struct orb_error err;
    int i = c->task_count++;
    assert_true(i < TASKS_MAX);
    chaos_id(i, id);
    snprintf(agent, sizeof agent, "{\"name\": \"bot\", \"model\": \"%s\"}", models[chaos_random(c, 10) < 8 ? 0 : 1 + chaos_random(c, 3)]);
    submits[i] = (struct submitted){ .is_replica = is_replica, .is_in_cut = is_cut };
    struct orb_task_spec spec = {
        .agent_config = agent, .task_id = id, .input = "x", .input_len = 1, .timeout_seconds = -1,
        .durability = is_replica ? ORB_DURABILITY_REPLICA : ORB_DURABILITY_LOCAL,
    };
    in_flight++;
    if (orb_distributed(is_replica ? durable : c->fleet.client, &spec, on_submit, &submits[i], &err))
        fail_msg("submit: %s", err.text);
}

/* Submits both kinds for so long, or until ready. */
static int submit_for(struct chaos *c, int ms, int (*ready)(void))
{
    for (int64_t end = test_now_ms() + ms; test_now_ms() < end;) {
        if (ready && ready())
            return 1;
        if (test_now_ms() >= next_ms) {
            next_ms = test_now_ms() + SUBMIT_EVERY_MS;
            submit_one(c, 1);
            submit_one(c, 0);
        }
        chaos_turn(c);
    }
    return 0;
}

static int all_answered(struct chaos *c)
{
    (void)c;
    return !in_flight;
}

/* ---- the round ------------------------------------------------------------- */

/* It is the primary, and two of three Sentinels say so. */
static int is_promoted(void)
{
    char port[16];
    int count = 0;
    if (test_sentinels_primary(&servers) != 1)
        return 0;
    snprintf(port, sizeof port, "\n%d", servers.port[1]);
    for (int i = 0; i < TEST_SENTINELS; i++) {
        char *text = test_sentinel_text(&servers.sentinel[i], "SENTINEL get-master-addr-by-name " TEST_MASTER);
        count += strstr(text, port) != NULL;
        free(text);
    }
    return count >= 2;
}

static void set_up(struct chaos *c)
{
    struct orb_error err;
    test_sentinels_start(&servers);
    test_tempdir(c->fleet.redis.dir);
    strcpy(c->fleet.redis.url, servers.url);
    strcpy(c->fleet.redis.socket, servers.node[1].socket); /* what the proof reads is what will be left */
    c->fleet.redis.password = servers.node[1].password;
    c->fleet.loop = orb_loop_new();
    assert_non_null(c->fleet.loop);
    const struct orb_redis_options options = { .url = servers.url };
    if (orb_client_new(c->fleet.loop, &options, &c->fleet.client, &err) || orb_client_new(c->fleet.loop, &options, &durable, &err))
        fail_msg("%s", err.text);
    c->args = (const char *const[]){ "--concurrency", "16", NULL };
    for (int w = 0; w < 2; w++)
        chaos_worker_start(c, w);
    while (!chaos_is_serving(&c->workers[0]) || !chaos_is_serving(&c->workers[1]))
        chaos_turn(c);
}

/* The link ends, or nothing comes through it any more: the primary sees the one at once, and the other not at all. */
static void cut_link(struct chaos *c)
{
    is_cut = 1;
    cut_ms = test_now_ms();
    if (chaos_random(c, 2)) {
        test_proxy_set(&servers.proxy, TEST_PROXY_HOLE, 0);
        return;
    }
    test_proxy_set(&servers.proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&servers.proxy);
}

struct times {
    struct chaos_samples promoted, begun, acked;
};
static struct times times;

/* The first begin that the new primary has seen since then. */
static double first_begin(struct chaos *c, int64_t since)
{
    double ms = -1;
    redisReply *reply = chaos_command(c, "XRANGE orbiter:feed %lld +", (long long)since);
    for (size_t i = 0; reply && i < reply->elements && ms < 0; i++) {
        const redisReply *entry = reply->element[i];
        if (!strcmp(chaos_field(entry->element[1], "type"), "task.running"))
            ms = (double)(strtoll(entry->element[0]->str, NULL, 10) - since);
    }
    freeReplyObject(reply);
    return ms;
}

static void fail_over(struct chaos *c)
{
    submit_for(c, 1500, NULL);
    cut_link(c);
    submit_for(c, 4000, NULL);
    test_sentinels_may_fail_over(&servers);
    int64_t killed = chaos_wall_ms();
    test_redis_kill(&servers.node[0]);
    if (!submit_for(c, test_patience(30000), is_promoted))
        fail_msg("the Sentinels do not fail over");
    int64_t promoted = chaos_wall_ms();
    is_cut = 0;
    acked_ms = 0;
    submit_for(c, 4000, NULL);
    chaos_until(c, "the submits' answers", all_answered, 15000);
    chaos_until(c, "all that is left to end", chaos_has_drained, 30000);
    chaos_pass(c, 100);
    double begun = first_begin(c, promoted);
    chaos_expect(c, begun >= 0, "nothing was begun after the failover");
    chaos_expect(c, acked_ms > 0, "nothing was submitted after the failover");
    chaos_sample(&times.promoted, (double)(promoted - killed));
    chaos_sample(&times.begun, begun);
    chaos_sample(&times.acked, (double)(acked_ms - promoted));
}

/* ---- the account -------------------------------------------------------------- */

static struct {
    int sum[4][2][2];  /* by outcome, is_replica, is lost */
    int lost_outside;  /* acknowledged while the link was whole, more than a replica's lag before it was cut, and lost */
    int unanswered, not_once, gaps, repeats, again;
} account;

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    const struct chaos_task *t = &c->tasks[i];
    const struct submitted *sub = &submits[i];
    const char *status = chaos_field(hash, "status");
    int is_lost = !hash->elements;
    account.sum[sub->outcome][sub->is_replica][is_lost]++;
    account.unanswered += sub->calls != 1;
    if (is_lost) {
        account.lost_outside += sub->outcome == ACKED && !sub->is_in_cut && (sub->answered_ms < cut_ms - 1000 || sub->answered_ms > cut_ms);
        chaos_expect(c, !t->completed && !t->begins, "task %d has no hash, and the feed says it was begun", i);
        return;
    }
    int is_once = !strcmp(status, "completed") && t->completed == 1 && !t->failed && !t->cancelled && !t->reverts && s->terminals == 1;
    chaos_expect(c, is_once, "task %d is \"%s\" (%s): %d times completed, %d failed, %d states afterwards, %d terminal events, attempt %s of %d begins",
                 i, status, chaos_field(hash, "error"), t->completed, t->failed, t->reverts, s->terminals, chaos_field(hash, "attempt"), t->begins);
    account.not_once += !is_once;
    /* What the failover took from an attempt ends it; the next one is whole. */
    account.gaps += s->last_gaps;
    account.repeats += s->last_repeats;
    account.again += s->attempt > 1;
    chaos_expect(c, !s->last_gaps && !s->last_repeats, "task %d: %d gaps, %d repeats in its stream", i, s->last_gaps, s->last_repeats);
}

static void tear_down(struct chaos *c)
{
    chaos_workers_end(c);
    orb_client_free(durable);
    durable = NULL;
    redisFree(c->link);
    c->link = NULL;
    test_fleet_stop(&c->fleet);
    test_sentinels_stop(&servers);
    memset(c->tasks, 0, (size_t)c->tasks_max * sizeof *c->tasks);
    c->task_count = c->finals = 0;
    strcpy(c->feed_id, "0-0");
}

static void print_figures(struct chaos *c, int rounds, int tasks)
{
    int (*n)[2][2] = account.sum;
    chaos_figure(c, "sentinel_failovers", rounds, "failovers", NULL, 0);
    chaos_figure(c, "sentinel_submits", tasks, "tasks", NULL, 0);
    chaos_figure(c, "sentinel_replica_acknowledged", n[ACKED][1][0] + n[ACKED][1][1], "tasks", NULL, 0);
    chaos_figure(c, "sentinel_replica_acknowledged_lost", n[ACKED][1][1], "tasks", "=", 0);
    chaos_figure(c, "sentinel_not_replicated", n[NOT_REPLICATED][1][0] + n[NOT_REPLICATED][1][1], "tasks", NULL, 0);
    chaos_figure(c, "sentinel_not_replicated_lost", n[NOT_REPLICATED][1][1], "tasks", NULL, 0);
    chaos_figure(c, "sentinel_local_acknowledged", n[ACKED][0][0] + n[ACKED][0][1], "tasks", NULL, 0);
    chaos_figure(c, "sentinel_local_lost_in_cut", n[ACKED][0][1] - account.lost_outside, "tasks", ">=", 1);
    chaos_figure(c, "sentinel_local_lost_else", account.lost_outside, "tasks", "=", 0);
    chaos_figure(c, "sentinel_unreachable", n[UNREACHABLE][0][0] + n[UNREACHABLE][0][1] + n[UNREACHABLE][1][0] + n[UNREACHABLE][1][1], "tasks", NULL, 0);
    chaos_figure(c, "sentinel_unanswered", account.unanswered, "tasks", "=", 0);
    chaos_figure(c, "sentinel_not_completed_once", account.not_once, "tasks", "=", 0);
    chaos_figure(c, "sentinel_begun_again", account.again, "tasks", NULL, 0);
    chaos_figure(c, "sentinel_stream_gaps", account.gaps, "events", "=", 0);
    chaos_figure(c, "sentinel_stream_repeats", account.repeats, "events", "=", 0);
    chaos_figure(c, "sentinel_promotion_p50", chaos_percentile(&times.promoted, 50), "ms", NULL, 0);
    chaos_figure(c, "sentinel_submits_again_max", chaos_percentile(&times.acked, 100), "ms", "<=", 5000);
    chaos_figure(c, "sentinel_consumes_again_max", chaos_percentile(&times.begun, 100), "ms", "<=", 5000);
}

static void a_failover_loses_nothing_that_a_replica_had(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    const char *text = getenv("CHAOS_ROUNDS");
    c->tasks_max = TASKS_MAX;
    c->is_calm = 1;
    chaos_seed(c, "sentinel");
    int rounds = c->is_full && text && atoi(text) > 0 ? atoi(text) : 1, tasks = 0;
    for (int round = 0; round < rounds; round++) {
        set_up(c);
        fail_over(c);
        chaos_look(c, 0, c->task_count, look);
        tasks += c->task_count;
        tear_down(c);
    }
    print_figures(c, rounds, tasks);
    free(times.promoted.at);
    free(times.begun.at);
    free(times.acked.at);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    orb_client_free(durable);
    durable = NULL;
    chaos_abandon(&chaos);
    test_sentinels_stop(&servers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_failover_loses_nothing_that_a_replica_had, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
