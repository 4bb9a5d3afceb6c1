/* What an operator does: pause, resume, purge, drain; and what lists say of queues and of what operators did. */
#include "store/scripts.h"
#include "support/fleet.h"
#include <orbiter/operate.h>
#include <orbiter/worker.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;
static struct test_redis replica;
static struct orb_worker *embedded;

static int start(void **state)
{
    (void)state;
    setenv("ORBITER_USER", "ann", 1);
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_worker_free(embedded);
    embedded = NULL;
    test_child_kill(&worker);
    test_redis_stop(&replica);
    test_fleet_stop(&fleet);
    return 0;
}

static void redis(const char *command)
{
    free(test_redis_text(&fleet.redis, command));
}

/* ---- the calls ----------------------------------------------------------- */

struct heard {
    int calls, code, is_changed;
    int64_t ended;
    double at;
    char who[64], text[512];
};

static void note_error(struct heard *h, const struct orb_error *err)
{
    h->calls++;
    h->code = err ? err->code : 0;
    snprintf(h->text, sizeof h->text, "%s", err ? err->text : "");
}

static void on_pause(void *arg, const struct orb_pause_info *info, const struct orb_error *err)
{
    struct heard *h = arg;
    note_error(h, err);
    if (!info)
        return;
    h->is_changed = info->is_changed;
    h->at = info->at;
    snprintf(h->who, sizeof h->who, "%s", info->who);
}

static void on_purge(void *arg, int64_t ended, const struct orb_error *err)
{
    struct heard *h = arg;
    note_error(h, err);
    h->ended = ended;
}

static void on_drain(void *arg, int is_changed, const struct orb_error *err)
{
    struct heard *h = arg;
    note_error(h, err);
    h->is_changed = is_changed;
}

static struct heard hear(struct heard *h, int rc)
{
    assert_int_equal(rc, 0);
    assert_int_equal(h->calls, 0);
    test_loop_until(fleet.loop, "the answer", test_is_set, &h->calls, 20000);
    assert_int_equal(h->calls, 1);
    return *h;
}

static struct heard pause_queue(const char *queue)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_pause(fleet.client, queue, on_pause, &h, &err));
}

static struct heard resume_queue(const char *queue)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_resume(fleet.client, queue, on_pause, &h, &err));
}

static struct heard purge_queue(const char *queue)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_purge(fleet.client, queue, on_purge, &h, &err));
}

static struct heard drain_worker(const char *id)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_drain(fleet.client, id, on_drain, &h, &err));
}

struct listed {
    int calls, code;
    size_t count;
    char text[4096]; /* "name:depth/running/delayed/dead/workers" each, "!who" when paused */
};

static void on_queues(void *arg, const struct orb_queue_info *q, size_t count, const struct orb_error *err)
{
    struct listed *l = arg;
    l->calls++;
    l->code = err ? err->code : 0;
    l->count = count;
    for (size_t i = 0, n = 0; i < count && n < sizeof l->text; i++)
        n += (size_t)snprintf(l->text + n, sizeof l->text - n, "%s%s:%d/%d/%d/%d/%d%s%s", i ? " " : "", q[i].name, (int)q[i].depth, (int)q[i].running,
                              (int)q[i].delayed, (int)q[i].dead, (int)q[i].workers, q[i].is_paused ? "!" : "", q[i].paused_by);
}

static struct listed list_queues_of(struct orb_client *client, const char *queue, int limit)
{
    struct listed l = { 0 };
    struct orb_error err;
    assert_int_equal(orb_fleet_queues(client, &(struct orb_queue_filter){ .queue = queue, .limit = limit }, on_queues, &l, &err), 0);
    assert_int_equal(l.calls, 0);
    test_loop_until(fleet.loop, "the queues", test_is_set, &l.calls, 20000);
    assert_int_equal(l.calls, 1);
    return l;
}

static void expect_queues(const char *expected)
{
    struct listed l = list_queues_of(fleet.client, NULL, 100);
    assert_int_equal(l.code, 0);
    assert_string_equal(l.text, expected);
}

static void on_audit(void *arg, const struct orb_audit_info *e, size_t count, const struct orb_error *err)
{
    struct listed *l = arg;
    l->calls++;
    l->code = err ? err->code : 0;
    l->count = count;
    for (size_t i = 0, n = 0; i < count && n < sizeof l->text; i++)
        n += (size_t)snprintf(l->text + n, sizeof l->text - n, "%s%s %s %s %s>%s", i ? ", " : "", e[i].who, e[i].action, e[i].target, e[i].was, e[i].became);
}

static struct listed audit(struct orb_audit_filter filter)
{
    struct listed l = { 0 };
    struct orb_error err;
    assert_int_equal(orb_fleet_audit(fleet.client, &filter, on_audit, &l, &err), 0);
    test_loop_until(fleet.loop, "the audit stream", test_is_set, &l.calls, 20000);
    assert_int_equal(l.code, 0);
    return l;
}

static void expect_audit(const char *expected)
{
    struct listed l = audit((struct orb_audit_filter){ .limit = 100 });
    assert_string_equal(l.text, expected);
}

static void submit(const char *id, const char *queue)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = "sim:", .input = "x", .queue = queue });
}

static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    int *answered = arg;
    *answered += err ? 1000000 : 1;
    orb_task_handle_free(handle);
}

static void submit_spec(struct orb_task_spec spec)
{
    struct orb_error err;
    int answered = 0;
    spec.agent_config = "{\"name\": \"bot\", \"model\": \"sim:\"}";
    spec.queue = "parked";
    spec.timeout_seconds = -1;
    assert_int_equal(orb_distributed(fleet.client, &spec, on_submitted, &answered, &err), 0);
    test_loop_until(fleet.loop, "the submit", test_is_set, &answered, 10000);
    assert_int_equal(answered, 1);
}

struct number {
    const char *script;
    long long value;
};
static int is_number(void *arg)
{
    const struct number *n = arg;
    return test_redis_int(&fleet.redis, "EVAL %s 0", n->script) == n->value;
}
static void wait_number(const char *what, const char *script, long long value)
{
    test_wait_until(what, is_number, &(struct number){ script, value }, test_patience(20000));
}

/* ---- pause and resume ---------------------------------------------------- */

static int renewals_seen;
static char last_renewal[64];
static int has_renewed_twice(void *arg)
{
    char *now = test_redis_text(&fleet.redis, "ZSCORE parked:leased %s", (const char *)arg);
    if (strcmp(now, "(nil)") && strcmp(now, last_renewal)) {
        renewals_seen++;
        snprintf(last_renewal, sizeof last_renewal, "%s", now);
    }
    free(now);
    return renewals_seen >= 3;
}
/* It has lived for two seconds at least, and has asked what it is to do. */
static void wait_renewals(const char *id)
{
    renewals_seen = 0;
    last_renewal[0] = '\0';
    test_wait_until("renewals of the lease", has_renewed_twice, (void *)(uintptr_t)id, test_patience(20000));
}

static const char *const on_parked[] = { "--queue", "parked", "--worker-id", "w1", "--concurrency", "4", NULL };

static void a_paused_queue_begins_nothing_until_it_is_resumed(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    wait_number("a blocked read", "return tonumber(redis.call('INFO', 'clients'):match('blocked_clients:(%d+)'))", 1);
    struct heard h = pause_queue("parked");
    int64_t before = test_now_ms();
    assert_int_equal(h.is_changed, 1);
    assert_string_equal(h.who, "");
    wait_number("the read to end", "return tonumber(redis.call('INFO', 'clients'):match('blocked_clients:(%d+)'))", 0);
    int64_t took = test_now_ms() - before;
    print_message("claims ended %lld ms after the pause\n", (long long)took);
    assert_true(took < test_patience(450)); /* a sweep without a wake-up comes every 500 */
    submit("a", "parked");
    submit_spec((struct orb_task_spec){ .task_id = "urgent", .has_priority = 1, .priority = 9 });
    wait_renewals("w1");
    expect_queues("parked:2/0/0/0/1!ann");
    /* One that starts now finds it paused, too. */
    test_worker_stop(&worker);
    test_worker_start(&worker, &fleet, on_parked, NULL);
    wait_renewals("w1");
    expect_queues("parked:2/0/0/0/1!ann");
    test_redis_expect(&fleet.redis, "(nil)", "HGET orbiter:task:a attempt");
    h = resume_queue("parked");
    assert_int_equal(h.is_changed, 1);
    assert_string_equal(h.who, "ann");
    assert_true(h.at > 1e9);
    test_wait_field(&fleet, "a", "status", "completed", 10000);
    test_wait_field(&fleet, "urgent", "status", "completed", 10000);
    expect_audit("ann resume parked paused>running, ann pause parked running>paused");
}

static void pausing_twice_and_resuming_twice_is_said(void **state)
{
    (void)state;
    submit("a", "parked");
    assert_int_equal(resume_queue("parked").is_changed, 0);
    assert_int_equal(pause_queue("parked").is_changed, 1);
    setenv("ORBITER_USER", "bob", 1);
    struct heard h = pause_queue("parked");
    assert_int_equal(h.is_changed, 0);
    assert_string_equal(h.who, "ann");
    expect_audit("ann pause parked running>paused");
    /* Set by hand, in whatever form. */
    redis("DEL parked:paused");
    redis("SET parked:paused x");
    expect_queues("parked:1/0/0/0/0!");
    assert_int_equal(pause_queue("parked").is_changed, 0);
    assert_int_equal(resume_queue("parked").is_changed, 1);
    test_redis_expect(&fleet.redis, "0", "EXISTS parked:paused");
}

#define PAUSE(nonce, word) "EVAL %s 1 parked %s parked ann host:1 " nonce " " word, orb_script_pause.text, ""

static void the_same_call_twice_gives_the_first_answer(void **state)
{
    (void)state;
    submit("a", "parked");
    test_redis_expect(&fleet.redis, "changed\n\n", PAUSE("n1", "1"));
    test_redis_expect(&fleet.redis, "changed\n\n", PAUSE("n1", "1"));
    char *resumed = test_redis_text(&fleet.redis, PAUSE("n2", "0"));
    assert_memory_equal(resumed, "changed\nann\n", 12);
    /* Late: another one has resumed it meanwhile. */
    test_redis_expect(&fleet.redis, "changed\n\n", PAUSE("n1", "1"));
    test_redis_expect(&fleet.redis, "0", "EXISTS parked:paused");
    test_redis_expect(&fleet.redis, resumed, PAUSE("n2", "0"));
    free(resumed);
    test_redis_expect(&fleet.redis, "2", "XLEN orbiter:audit");
    assert_true(test_redis_int(&fleet.redis, "TTL orbiter:operation:n1") > 3000);
}

static void what_is_no_queue(void **state)
{
    (void)state;
    struct heard h = { 0 };
    struct orb_error err;
    assert_int_equal(pause_queue("nowhere").code, ORB_E_NOT_FOUND);
    assert_int_equal(resume_queue("nowhere").code, ORB_E_NOT_FOUND);
    assert_int_equal(purge_queue("nowhere").code, ORB_E_NOT_FOUND);
    assert_int_equal(list_queues_of(fleet.client, "nowhere", 1).count, 0);
    expect_queues("");
    test_redis_expect(&fleet.redis, "0", "DBSIZE");
    assert_int_equal(orb_operate_pause(fleet.client, "orbiter:feed", on_pause, &h, &err), ORB_E_USAGE);
    assert_int_equal(orb_operate_purge(fleet.client, "a b", on_purge, &h, &err), ORB_E_USAGE);
    assert_int_equal(orb_operate_drain(fleet.client, "a b", on_drain, &h, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_queues(fleet.client, &(struct orb_queue_filter){ .limit = 0 }, on_queues, &h, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_audit(fleet.client, &(struct orb_audit_filter){ .limit = 10001 }, on_audit, &h, &err), ORB_E_USAGE);
    assert_int_equal(h.calls, 0);
    /* One that only a Python client knows is its stream. */
    redis("XADD parked * payload {}");
    assert_int_equal(pause_queue("parked").code, 0);
}

/* ---- lists ---------------------------------------------------------------- */

static void queues_sorted_with_what_is_in_them(void **state)
{
    (void)state;
    submit("a", "zoo");
    submit("b", NULL);
    submit_spec((struct orb_task_spec){ .task_id = "c" });
    submit_spec((struct orb_task_spec){ .task_id = "d", .has_priority = 1, .priority = 9 });
    submit_spec((struct orb_task_spec){ .task_id = "e", .delay_seconds = 100 });
    redis("XGROUP CREATE parked parked:group 0");
    redis("XGROUP CREATE parked another 0");
    redis("XREADGROUP GROUP parked:group w COUNT 1 STREAMS parked >");
    redis("XADD parked:dead * reason x");
    redis("SADD orbiter:queues gone orbiter:feed");
    expect_queues("gone:0/0/0/0/0 orbiter:tasks:1/0/0/0/0 parked:1/1/1/1/0 zoo:1/0/0/0/0");
    assert_string_equal(list_queues_of(fleet.client, NULL, 2).text, "gone:0/0/0/0/0 orbiter:tasks:1/0/0/0/0");
    assert_string_equal(list_queues_of(fleet.client, "parked", 1).text, "parked:1/1/1/1/0");
    /* Keys that are not what they should be spoil neither the list nor the row. */
    redis("DEL zoo parked:dead parked:delayed");
    redis("SET zoo x");
    redis("SET parked:dead x");
    redis("SET parked:delayed x");
    redis("SET parked:leased x");
    expect_queues("gone:0/0/0/0/0 orbiter:tasks:1/0/0/0/0 parked:1/1/0/0/0 zoo:-1/0/0/0/0");
    /* Queues that are not for this user are left out. */
    redis("ACL SETUSER default resetkeys ~orbiter:*");
    expect_queues("orbiter:tasks:1/0/0/0/0");
    redis("ACL SETUSER default resetkeys ~orbiter:queues");
    assert_int_equal(list_queues_of(fleet.client, NULL, 100).code, ORB_E_REFUSED);
}

static void a_worker_makes_its_queue_known(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    wait_number("the queue", "return redis.call('SISMEMBER', 'orbiter:queues', 'parked')", 1);
    expect_queues("parked:0/0/0/0/1");
    test_worker_stop(&worker);
    expect_queues("parked:0/0/0/0/0");
}

static void the_audit_stream_newest_first_with_filters(void **state)
{
    (void)state;
    expect_audit("");
    free(test_redis_text(&fleet.redis, "EVAL %s 0",
                         "for i = 1, 2500 do redis.call('XADD', 'orbiter:audit', '*', 'at', '1700000000.5', 'who', i % 2 == 0 and 'ann' or 'bob', 'from', 'h:1', "
                         "'action', i % 500 == 0 and 'purge' or 'cancel', 'target', 't' .. i, 'was', 'a', 'became', 'b') end return 1"));
    redis("XADD orbiter:audit * nothing of-ours");
    assert_string_equal(audit((struct orb_audit_filter){ .limit = 2 }).text, "   >, ann purge t2500 a>b");
    assert_int_equal(audit((struct orb_audit_filter){ .limit = 10000 }).count, 2501);
    assert_int_equal(audit((struct orb_audit_filter){ .limit = 1500 }).count, 1500);
    assert_string_equal(audit((struct orb_audit_filter){ .action = "purge", .limit = 3 }).text, "ann purge t2500 a>b, ann purge t2000 a>b, ann purge t1500 a>b");
    assert_int_equal(audit((struct orb_audit_filter){ .who = "bob", .limit = 10000 }).count, 1250);
    assert_string_equal(audit((struct orb_audit_filter){ .target = "t1", .limit = 10 }).text, "bob cancel t1 a>b");
    assert_int_equal(audit((struct orb_audit_filter){ .who = "bob", .action = "purge", .limit = 10 }).count, 0);
}

/* ---- purge ---------------------------------------------------------------- */

struct answers {
    const int *count;
    int expected;
};
static int is_answered(void *arg)
{
    const struct answers *a = arg;
    return *a->count >= a->expected;
}

/* Ids cN, eN, dN as a client of ours submits them, pN as a Python client does. */
static void fill(int plain, int urgent, int delayed, int python)
{
    int answered = 0;
    char id[32];
    struct orb_error err;
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\", \"model\": \"sim:\"}", .queue = "parked", .timeout_seconds = -1, .task_id = id };
    for (int i = 0; i < plain + urgent + delayed; i++) {
        snprintf(id, sizeof id, "%c%d", i < plain ? 'c' : i < plain + urgent ? 'e' : 'd', i);
        spec.has_priority = i >= plain && i < plain + urgent;
        spec.priority = i % 2 ? 9 : 0;
        spec.delay_seconds = i >= plain + urgent ? 1000 : 0;
        assert_int_equal(orb_distributed(fleet.client, &spec, on_submitted, &answered, &err), 0);
    }
    free(test_redis_text(&fleet.redis, "EVAL %s 0 %d",
                         "for i = 1, ARGV[1] do redis.call('XADD', 'parked', '*', 'payload', "
                         "'{\"task_id\": \"p' .. i .. '\", \"agent_config\": {\"name\": \"snake\", \"model\": \"sim:\"}}') end return 1",
                         python));
    struct answers wait = { &answered, plain + urgent + delayed };
    test_loop_until(fleet.loop, "the submits", is_answered, &wait, 60000);
    assert_int_equal(answered, wait.expected);
}

/* Of the tasks in the set: how many are cancelled, in every respect. */
static const char count_ended[] =
    "local n = 0 "
    "for _, id in ipairs(redis.call('SMEMBERS', 'orbiter:task:index')) do "
    "  local h = redis.call('HMGET', 'orbiter:task:' .. id, 'status', 'completed_at', 'cancelled_from', 'agent') "
    "  local events = redis.call('XRANGE', 'orbiter:stream:' .. id, '-', '+') "
    "  local last = #events == 1 and events[1][2][2] or '' "
    "  if h[1] == 'cancelled' and h[2] and h[3] == 'pending' and h[4] == (id:sub(1, 1) == 'p' and 'snake' or 'bot') "
    "    and last:find('\"status\": \"cancelled\"', 1, true) and redis.call('TTL', 'orbiter:task:' .. id) > 0 "
    "    and redis.call('TTL', 'orbiter:stream:' .. id) > 0 and redis.call('TTL', 'orbiter:payload:' .. id) > 0 "
    "    and redis.call('ZSCORE', 'orbiter:index:parked:cancelled', id) and not redis.call('ZSCORE', 'orbiter:index:parked:open', id) "
    "  then n = n + 1 end "
    "end return n";

static void all_that_waits_is_ended_and_what_runs_is_left(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    for (int i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "run%d", i);
        test_submit(&fleet, &(struct test_task){ .id = id, .model = "sim:delay=600000", .input = "x", .queue = "parked" });
        test_wait_field(&fleet, id, "status", "running", 10000);
    }
    fill(8000, 500, 500, 3000);
    int64_t before = test_now_ms();
    struct heard h = purge_queue("parked");
    print_message("%lld tasks purged in %lld ms\n", (long long)h.ended, (long long)(test_now_ms() - before));
    assert_int_equal(h.code, 0);
    assert_int_equal(h.ended, 12000);
    expect_queues("parked:0/4/0/0/1");
    assert_int_equal(test_redis_int(&fleet.redis, "EVAL %s 0", count_ended), h.ended);
    test_redis_expect(&fleet.redis, "4", "ZCARD orbiter:index:parked:open");
    test_redis_expect(&fleet.redis, "4", "XLEN parked");
    test_expect_field(&fleet, "run0", "status", "running");
    expect_audit("ann purge parked purging>ended=12000, ann purge parked waiting=12000>purging");
    /* And again, when there is nothing. */
    assert_int_equal(purge_queue("parked").ended, 0);
    test_redis_expect(&fleet.redis, "2", "XLEN orbiter:audit");
}

/* Of the tasks: how many have ended in this state, with one terminal event that says so. */
static const char count_final[] =
    "local n = 0 "
    "for _, id in ipairs(redis.call('SMEMBERS', 'orbiter:task:index')) do "
    "  local ends = 0 "
    "  for _, e in ipairs(redis.call('XRANGE', 'orbiter:stream:' .. id, '-', '+')) do "
    "    if e[2][2]:find('\"type\": \"status\", \"status\": \"' .. ARGV[1] .. '\"', 1, true) then ends = ends + 1 end end "
    "  if ends == 1 and redis.call('HGET', 'orbiter:task:' .. id, 'status') == ARGV[1] then n = n + 1 end "
    "end return n";

/* Claims and a purge at the same time: each task has one end. */
static void a_purge_while_workers_claim(void **state)
{
    (void)state;
    static const char *const args[] = { "--queue", "parked", "--worker-id", "w1", "--concurrency", "16", NULL };
    fill(6000, 0, 0, 1000);
    test_worker_start(&worker, &fleet, args, NULL);
    test_wait_field(&fleet, "c50", "status", "completed", 20000);
    struct heard h = purge_queue("parked");
    assert_int_equal(h.code, 0);
    wait_number("the running ones", "return redis.call('XLEN', 'parked')", 0);
    long long cancelled = test_redis_int(&fleet.redis, "EVAL %s 0 cancelled", count_final);
    long long completed = test_redis_int(&fleet.redis, "EVAL %s 0 completed", count_final);
    print_message("%lld cancelled, %lld completed\n", cancelled, completed);
    assert_true(h.ended > 0);
    assert_int_equal(cancelled, h.ended);
    assert_int_equal(cancelled + completed, 7000);
    submit("after", "parked");
    test_wait_field(&fleet, "after", "status", "completed", 20000);
}

#define PURGE(nonce, number) "EVAL %s 1 parked %s parked ann host:1 " nonce " " number " 86400 3600", orb_script_purge.text, ""

static void a_slice_sent_twice_and_what_comes_meanwhile(void **state)
{
    (void)state;
    fill(120, 0, 120, 0);
    test_redis_expect(&fleet.redis, "more\n100", PURGE("n1", "1"));
    test_redis_expect(&fleet.redis, "more\n100", PURGE("n1", "1"));
    test_redis_expect(&fleet.redis, "20", "ZCARD parked:delayed");
    submit_spec((struct orb_task_spec){ .task_id = "late" });
    submit_spec((struct orb_task_spec){ .task_id = "later", .delay_seconds = 2000 });
    submit_spec((struct orb_task_spec){ .task_id = "sooner", .delay_seconds = 500 });
    /* One that became due meanwhile was there at the start. */
    char *id = test_redis_text(&fleet.redis, "ZRANGE parked:delayed 1 1");
    redis("HSET parked:sweep next_ms 0");
    free(test_redis_text(&fleet.redis, "ZADD parked:delayed 1 %s", id));
    free(test_redis_text(&fleet.redis, "EVAL %s 1 parked %s parked w 3000 86400 86400 3600 0", orb_script_sweep.text, ""));
    test_redis_expect(&fleet.redis, "122", "XLEN parked");
    free(id);
    /* One of the hundred it looks at is left. */
    test_redis_expect(&fleet.redis, "more\n199", PURGE("n1", "2"));
    test_redis_expect(&fleet.redis, "done\n240", PURGE("n1", "3"));
    test_redis_expect(&fleet.redis, "done\n240", PURGE("n1", "3"));
    expect_queues("parked:1/0/2/0/0");
    test_expect_field(&fleet, "late", "status", "pending");
    expect_audit("ann purge parked purging>ended=240, ann purge parked waiting=240>purging");
    test_redis_expect(&fleet.redis, "done\n3", PURGE("n2", "1"));
    expect_queues("parked:0/0/0/0/0");
}

static void what_cannot_be_a_task_goes_too(void **state)
{
    (void)state;
    submit("a", "parked");
    redis("XADD parked * payload nonsense");
    redis("XADD parked * nothing here");
    redis("XADD parked * payload {\"task_id\":\"\\u0000\"}");
    redis("SET orbiter:task:b x");
    redis("XADD parked * task_id b payload {}");
    /* Python's cancel of a task that waits, and a task whose end left its entry. */
    submit("c", "parked");
    redis("HSET orbiter:task:c status cancelled");
    submit("d", "parked");
    redis("HSET orbiter:task:d status completed completed_at 5 result {}");
    assert_int_equal(purge_queue("parked").ended, 2);
    expect_queues("parked:0/0/0/0/0");
    test_expect_field(&fleet, "d", "status", "completed");
    test_redis_expect(&fleet.redis, "0", "HEXISTS orbiter:task:d cancelled_from");
    assert_true(test_redis_int(&fleet.redis, "HEXISTS orbiter:task:c completed_at"));
    /* The group was made anew: what runs is delivered again, and is left. */
    submit("e", "parked");
    redis("HSET orbiter:task:e status running worker_id w attempt 1");
    assert_int_equal(purge_queue("parked").ended, 0);
    expect_queues("parked:1/0/0/0/0");
    test_expect_field(&fleet, "e", "status", "running");
    /* A key that is no stream. */
    redis("DEL parked");
    redis("SET parked x");
    struct heard h = purge_queue("parked");
    assert_int_equal(h.code, ORB_E_PROTOCOL);
    assert_non_null(strstr(h.text, "no stream"));
    test_redis_expect(&fleet.redis, "x", "GET parked");
}

static void a_retry_that_waits_is_ended(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:error=overloaded", .input = "x", .queue = "parked" });
    test_wait_field(&fleet, "a", "status", "retrying", 10000);
    pause_queue("parked");
    wait_number("the back-off", "return redis.call('HGET', 'orbiter:task:a', 'status') == 'retrying' and redis.call('XPENDING', 'parked', 'parked:group')[1] or 9", 0);
    assert_int_equal(purge_queue("parked").ended, 1);
    test_expect_field(&fleet, "a", "status", "cancelled");
    test_expect_field(&fleet, "a", "cancelled_from", "retrying");
    test_redis_expect(&fleet.redis, "0", "ZCARD orbiter:index:parked:retrying");
    test_redis_expect(&fleet.redis, "1", "ZCARD orbiter:index:parked:cancelled");
    expect_queues("parked:0/0/0/0/1!ann");
    resume_queue("parked");
    submit("b", "parked");
    test_wait_field(&fleet, "b", "status", "completed", 10000);
    test_expect_field(&fleet, "a", "status", "cancelled");
}

/* ---- drain ---------------------------------------------------------------- */

static void a_drained_worker_finishes_what_it_runs_and_ends(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:delay=1500", .input = "done", .queue = "parked" });
    test_wait_field(&fleet, "a", "status", "running", 10000);
    struct heard h = drain_worker("w1");
    int64_t before = test_now_ms();
    assert_int_equal(h.code, 0);
    assert_int_equal(h.is_changed, 1);
    wait_number("that it drains", "return redis.call('HGET', 'orbiter:workers:w1', 'status') == 'draining' and 1 or 0", 1);
    int64_t took = test_now_ms() - before;
    print_message("it drained %lld ms after it was asked\n", (long long)took);
    assert_true(took < test_patience(500)); /* a renewal comes every second */
    assert_int_equal(drain_worker("w1").is_changed, 0);
    submit("b", "parked");
    assert_int_equal(test_child_wait(&worker, test_patience(20000)), 0);
    test_expect_field(&fleet, "a", "status", "completed");
    test_expect_field(&fleet, "b", "status", "pending");
    assert_int_equal(drain_worker("w1").code, ORB_E_NOT_FOUND);
    expect_audit("ann drain w1 running>draining");
}

static void workers_that_cannot_be_drained(void **state)
{
    (void)state;
    assert_int_equal(drain_worker("w1").code, ORB_E_NOT_FOUND);
    redis("HSET orbiter:workers:py status running last_heartbeat 5.5");
    struct heard h = drain_worker("py");
    assert_int_equal(h.code, ORB_E_REFUSED);
    assert_non_null(strstr(h.text, "SIGTERM"));
    redis("HSET orbiter:workers:dead status running lease orbiter:lease:dead queue parked");
    h = drain_worker("dead");
    assert_int_equal(h.code, ORB_E_NOT_FOUND);
    assert_non_null(strstr(h.text, "dead"));
    redis("SET orbiter:workers:odd x");
    assert_int_equal(drain_worker("odd").code, ORB_E_NOT_FOUND);
    test_redis_expect(&fleet.redis, "0", "HEXISTS orbiter:workers:py drain");
    expect_audit("");
}

#define DRAIN(nonce) "EVAL %s 0 %s ann host:1 w1 " nonce, orb_script_drain.text, ""

static void the_same_drain_twice_and_a_new_process_with_the_id(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, on_parked, NULL);
    wait_number("a heartbeat", "return redis.call('EXISTS', 'orbiter:workers:w1')", 1);
    test_child_signal(&worker, SIGSTOP);
    test_redis_expect(&fleet.redis, "asked", DRAIN("n1"));
    test_redis_expect(&fleet.redis, "asked", DRAIN("n1"));
    test_redis_expect(&fleet.redis, "same", DRAIN("n2"));
    test_redis_expect(&fleet.redis, "1", "XLEN orbiter:audit");
    /* It dies; the one that comes with its id was not meant. */
    test_child_kill(&worker);
    wait_number("the end of the lease", "return redis.call('EXISTS', 'orbiter:lease:w1')", 0);
    test_redis_expect(&fleet.redis, "1", "HEXISTS orbiter:workers:w1 drain");
    test_worker_start(&worker, &fleet, on_parked, NULL);
    wait_renewals("w1");
    submit("a", "parked");
    test_wait_field(&fleet, "a", "status", "completed", 10000);
    test_redis_expect(&fleet.redis, "running", "HGET orbiter:workers:w1 status");
    test_redis_expect(&fleet.redis, "asked", DRAIN("n3"));
    assert_int_equal(test_child_wait(&worker, test_patience(20000)), 0);
}

static int has_ended;
static int end_code;
static void on_end(void *arg, const struct orb_error *err)
{
    (void)arg;
    has_ended = 1;
    end_code = err ? err->code : 0;
}

static void an_embedded_worker_ends(void **state)
{
    (void)state;
    struct orb_error err;
    struct orb_worker_options options = { .redis.url = fleet.redis.url, .worker_id = "e1", .concurrency = 1 };
    has_ended = 0;
    assert_int_equal(orb_worker_new(fleet.loop, &options, &embedded, &err), 0);
    assert_int_equal(orb_worker_start(embedded, on_end, NULL), 0);
    struct number beats = { "return redis.call('EXISTS', 'orbiter:workers:e1')", 1 };
    test_loop_until(fleet.loop, "a heartbeat", is_number, &beats, 10000);
    assert_int_equal(drain_worker("e1").is_changed, 1);
    test_loop_until(fleet.loop, "its end", test_is_set, &has_ended, 10000);
    assert_int_equal(end_code, 0);
}

/* ---- where it cannot be written ------------------------------------------- */

static void a_replica_lists_and_refuses(void **state)
{
    (void)state;
    struct orb_error err;
    struct orb_client *client;
    submit("a", "parked");
    test_redis_start(&replica);
    int port = test_free_port();
    free(test_redis_text(&fleet.redis, "CONFIG SET port %d", port));
    free(test_redis_text(&replica, "REPLICAOF 127.0.0.1 %d", port));
    wait_number("the replica", "return tonumber(redis.call('INFO', 'replication'):match('connected_slaves:(%d+)'))", 1);
    test_redis_expect(&fleet.redis, "1", "WAIT 1 10000");
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = replica.url }, &client, &err), 0);
    assert_string_equal(list_queues_of(client, NULL, 10).text, "parked:1/0/0/0/0");
    struct heard h = { 0 };
    assert_int_equal(hear(&h, orb_operate_pause(client, "parked", on_pause, &h, &err)).code, ORB_E_REFUSED);
    h.calls = 0;
    assert_int_equal(hear(&h, orb_operate_purge(client, "parked", on_purge, &h, &err)).code, ORB_E_REFUSED);
    orb_client_free(client);
    test_expect_field(&fleet, "a", "status", "pending");
}

static void a_client_that_goes_away_meanwhile(void **state)
{
    (void)state;
    struct orb_error err;
    struct heard h[3] = { { 0 } };
    struct listed l[2] = { { 0 } };
    struct orb_client *client;
    fill(500, 0, 0, 0);
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url }, &client, &err), 0);
    assert_int_equal(orb_operate_purge(client, "parked", on_purge, &h[0], &err), 0);
    assert_int_equal(orb_operate_pause(client, "parked", on_pause, &h[1], &err), 0);
    assert_int_equal(orb_operate_drain(client, "w1", on_drain, &h[2], &err), 0);
    assert_int_equal(orb_fleet_queues(client, &(struct orb_queue_filter){ .limit = 1 }, on_queues, &l[0], &err), 0);
    assert_int_equal(orb_fleet_audit(client, &(struct orb_audit_filter){ .limit = 1 }, on_audit, &l[1], &err), 0);
    orb_client_free(client);
    for (size_t i = 0; i < 3; i++) {
        test_loop_until(fleet.loop, "the end of a call", test_is_set, &h[i].calls, 10000);
        assert_int_equal(h[i].code, ORB_E_CANCELLED);
    }
    for (size_t i = 0; i < 2; i++) {
        test_loop_until(fleet.loop, "the end of a list", test_is_set, &l[i].calls, 10000);
        assert_int_equal(l[i].code, ORB_E_CANCELLED);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_paused_queue_begins_nothing_until_it_is_resumed),
        TEST(pausing_twice_and_resuming_twice_is_said),
        TEST(the_same_call_twice_gives_the_first_answer),
        TEST(what_is_no_queue),
        TEST(queues_sorted_with_what_is_in_them),
        TEST(a_worker_makes_its_queue_known),
        TEST(the_audit_stream_newest_first_with_filters),
        TEST(all_that_waits_is_ended_and_what_runs_is_left),
        TEST(a_purge_while_workers_claim),
        TEST(a_slice_sent_twice_and_what_comes_meanwhile),
        TEST(what_cannot_be_a_task_goes_too),
        TEST(a_retry_that_waits_is_ended),
        TEST(a_drained_worker_finishes_what_it_runs_and_ends),
        TEST(workers_that_cannot_be_drained),
        TEST(the_same_drain_twice_and_a_new_process_with_the_id),
        TEST(an_embedded_worker_ends),
        TEST(a_replica_lists_and_refuses),
        TEST(a_client_that_goes_away_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
