/* What a submit may ask for: priority, delay, deadline, depth, an idempotency key, a replica; what
 * of it stands in Redis, what is refused, and that the same call twice is one. */
#include "base/base.h"
#include "store/scripts.h"
#include "support/fleet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_redis replica;
static struct test_child worker;
static char config[256];

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define AGENT "{\"name\": \"bot\", \"model\": \"sim:\"}"
#define SPEC(...) &(struct orb_task_spec){ .agent_config = AGENT, .input = "x", .input_len = 1, .timeout_seconds = -1, __VA_ARGS__ }
#define REDIS (&fleet.redis)

static int start(void **state)
{
    (void)state;
    fleet.redis.config = "enable-debug-command yes\n";
    test_fleet_start(&fleet);
    return 0;
}

static int start_with_port(void **state)
{
    (void)state;
    int port = test_free_port();
    snprintf(config, sizeof config, "port %d\nbind 127.0.0.1\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n", port);
    fleet.redis.config = config;
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_redis_stop(&replica);
    test_fleet_stop(&fleet);
    return 0;
}

static void start_worker(void)
{
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "4"), NULL);
}

/* ---- submitting --------------------------------------------------------- */

struct submitted {
    int calls, code;
    char error[512], id[160]; /* id: "" when no handle came */
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitted *s = arg;
    s->calls++;
    s->code = err ? err->code : 0;
    snprintf(s->error, sizeof s->error, "%s", err ? err->text : "");
    snprintf(s->id, sizeof s->id, "%s", handle ? orb_task_handle_id(handle) : "");
    orb_task_handle_free(handle);
}

static void send_spec(const struct orb_task_spec *spec, struct submitted *s)
{
    struct orb_error err = { 0 };
    memset(s, 0, sizeof *s);
    if (orb_distributed(fleet.client, spec, on_submit, s, &err))
        fail_msg("submit: %s", err.text);
}

static struct submitted submit(const struct orb_task_spec *spec)
{
    struct submitted s;
    send_spec(spec, &s);
    test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
    assert_int_equal(s.calls, 1);
    return s;
}

static void submit_ok(const struct orb_task_spec *spec)
{
    struct submitted s = submit(spec);
    if (s.code || strcmp(s.id, spec->task_id))
        fail_msg("submit of %s: \"%s\": %s", spec->task_id, s.id, s.error);
}

static double field(const char *id, const char *name)
{
    char *text = test_redis_text(REDIS, "HGET orbiter:task:%s %s", id, name);
    double value = atof(text);
    free(text);
    return value;
}

static void expect_payload(const char *id, const char *part)
{
    char *text = test_redis_text(REDIS, "GET orbiter:payload:%s", id);
    if (!strstr(text, part))
        fail_msg("the payload of %s is %s", id, text);
    free(text);
}

static void expect_ttl(long long seconds, const char *key)
{
    long long ttl = test_redis_int(REDIS, "TTL %s", key);
    if (ttl < seconds - 120 || ttl > seconds + 1)
        fail_msg("%s expires in %lld s, not in %lld", key, ttl, seconds);
}

/* ---- what was asked for stands in Redis ---------------------------------- */

static void nothing_asked_for_leaves_nothing(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a"));
    char *text = test_redis_text(REDIS, "HKEYS orbiter:task:a");
    assert_string_equal(text, "task_id\nstatus\ncreated_at\nqueue\nagent\nentry_id");
    free(text);
    expect_payload("a", "\"timeout_seconds\": 300.0}");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:tasks:delayed");
}

static void all_of_it_is_in_the_payload(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .has_max_retries = 1, .max_retries = 0, .has_priority = 1, .priority = 5, .first_token_timeout = 1.5,
                   .idle_timeout = 2, .resubmit_of = "old.one", .idempotency_key = "k\n\"\xc3\xbc\""));
    expect_payload("a", "\"timeout_seconds\": 300.0, \"max_retries\": 0, \"priority\": 5, \"first_token_timeout\": 1.5, \"idle_timeout\": 2.0, "
                        "\"resubmit_of\": \"old.one\", \"idempotency_key\": \"k\\n\\\"\\u00fc\\\"\"}");
    test_expect_field(&fleet, "a", "resubmit_of", "old.one");
    test_expect_field(&fleet, "a", "priority", "(nil)"); /* 5 is the plain stream */
    test_redis_expect(REDIS, "1", "XLEN orbiter:tasks");
    start_worker();
    test_wait_field(&fleet, "a", "status", "completed", 10000);
}

static void a_priority_has_its_own_stream(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .has_priority = 1, .priority = 9));
    submit_ok(SPEC(.task_id = "b", .has_priority = 1, .priority = 0)); /* zero is a priority, too */
    submit_ok(SPEC(.task_id = "c", .has_priority = 1, .priority = 9));
    test_expect_field(&fleet, "a", "priority", "9");
    test_expect_field(&fleet, "b", "priority", "0");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:tasks");
    test_redis_expect(REDIS, "2", "XLEN orbiter:tasks:p9");
    test_redis_expect(REDIS, "1", "XLEN orbiter:tasks:p0");
    char *entry = test_redis_text(REDIS, "HGET orbiter:task:a entry_id"), *at = strchr(entry, '@');
    assert_non_null(at);
    assert_string_equal(at, "@9");
    *at = '\0';
    char *found = test_redis_text(REDIS, "XRANGE orbiter:tasks:p9 %s %s", entry, entry);
    assert_non_null(strstr(found, "task_id\na"));
    free(found);
    free(entry);
    /* The group begins at 0: a worker that comes later gets what is there. */
    char *groups = test_redis_text(REDIS, "XINFO GROUPS orbiter:tasks:p9");
    assert_non_null(strstr(groups, "orbiter:tasks:p9:group"));
    free(groups);
    start_worker();
    for (const char *id = "a\0b\0c\0"; *id; id += 2)
        test_wait_field(&fleet, id, "status", "completed", 10000);
}

/* ---- time ---------------------------------------------------------------- */

static void a_delayed_task_waits_without_an_entry(void **state)
{
    (void)state;
    double before = orb_now();
    submit_ok(SPEC(.task_id = "a", .delay_seconds = 7200.5, .deadline_seconds = 60, .idempotency_key = "k"));
    test_expect_field(&fleet, "a", "status", "pending");
    test_expect_field(&fleet, "a", "entry_id", "");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:tasks");
    double due = field("a", "due_at");
    assert_true(due >= before + 7200.4 && due <= orb_now() + 7200.6);
    assert_true(fabs(field("a", "deadline") - due - 60) < 0.01);
    char *score = test_redis_text(REDIS, "ZSCORE orbiter:tasks:delayed a");
    assert_true(fabs(atof(score) / 1000 - due) < 0.01);
    free(score);
    score = test_redis_text(REDIS, "ZSCORE orbiter:index:orbiter:tasks:open a");
    assert_string_not_equal(score, "(nil)");
    free(score);
    expect_ttl(86400 + 7200, "orbiter:task:a");
    expect_ttl(86400 + 7200, "orbiter:payload:a");
    char *keys = test_redis_text(REDIS, "KEYS orbiter:idem:*");
    expect_ttl(86400 + 7200, keys);
    assert_int_equal(strlen(keys), strlen("orbiter:idem:") + 40);
    free(keys);
}

static void a_delayed_task_runs_when_it_is_due(void **state)
{
    (void)state;
    start_worker();
    submit_ok(SPEC(.task_id = "a", .delay_seconds = 0.8, .has_priority = 1, .priority = 8));
    submit_ok(SPEC(.task_id = "b", .at = orb_now() + 2));
    submit_ok(SPEC(.task_id = "c", .delay_seconds = 0.1, .at = orb_now() + 2)); /* the later of both */
    for (const char *id = "a\0b\0c\0"; *id; id += 2) {
        test_wait_field(&fleet, id, "status", "completed", 10000);
        assert_true(field(id, "due_at") > 1e9);
        assert_true(field(id, "started_at") >= field(id, "due_at") - 0.001);
    }
    test_redis_expect(REDIS, "0", "ZCARD orbiter:tasks:delayed");
    test_expect_field(&fleet, "a", "priority", "8");
}

static void a_time_that_has_passed_is_now(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .at = 1.5, .deadline_seconds = 100));
    test_expect_field(&fleet, "a", "due_at", "(nil)");
    test_redis_expect(REDIS, "1", "XLEN orbiter:tasks");
    double deadline = field("a", "deadline");
    assert_true(deadline > orb_now() + 60 && deadline < orb_now() + 100.1);
    expect_ttl(86400, "orbiter:task:a");
}

static void a_deadline_counts_while_it_is_queued(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .deadline_seconds = 0.05));
    submit_ok(SPEC(.task_id = "b", .deadline_seconds = 300));
    double end = field("a", "deadline");
    while (orb_now() < end + 0.01)
        orb_loop_turn(fleet.loop, 5);
    start_worker();
    test_wait_field(&fleet, "b", "status", "completed", 10000);
    test_wait_field(&fleet, "a", "status", "failed", 10000);
    test_expect_field(&fleet, "a", "error_type", "DeadlineError");
    test_expect_field(&fleet, "a", "attempt", "(nil)");
}

/* ---- depth ----------------------------------------------------------------- */

static void a_full_queue_refuses(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .max_depth = 4));
    submit_ok(SPEC(.task_id = "b", .max_depth = 4, .has_priority = 1, .priority = 1));
    submit_ok(SPEC(.task_id = "c", .max_depth = 4, .delay_seconds = 3600));
    submit_ok(SPEC(.task_id = "d", .max_depth = 4));
    struct submitted s = submit(SPEC(.task_id = "e", .max_depth = 4));
    assert_int_equal(s.code, ORB_E_FULL);
    assert_string_equal(s.id, "");
    assert_string_equal(s.error, "the queue orbiter:tasks is full: 4 tasks wait, and the limit of this submit is 4; try again later, start more workers, "
                                 "or raise the limit");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:task:e orbiter:payload:e");
    submit_ok(SPEC(.task_id = "f", .max_depth = 5));
    submit_ok(SPEC(.task_id = "g", .max_depth = INT64_MAX));
    submit_ok(SPEC(.task_id = "h")); /* nobody asked */
    submit_ok(SPEC(.task_id = "i", .max_depth = 1, .queue = "other"));
    assert_int_equal(submit(SPEC(.task_id = "a", .max_depth = 1)).code, ORB_E_EXISTS);
}

/* What a worker has is not waiting. */
static void delivered_tasks_do_not_count(void **state)
{
    (void)state;
    for (const char *id = "a\0b\0c\0"; *id; id += 2)
        submit_ok(SPEC(.task_id = id));
    submit_ok(SPEC(.task_id = "p", .has_priority = 1, .priority = 7));
    free(test_redis_text(REDIS, "XGROUP CREATE orbiter:tasks orbiter:tasks:group 0"));
    free(test_redis_text(REDIS, "XREADGROUP GROUP orbiter:tasks:group w COUNT 2 STREAMS orbiter:tasks >"));
    free(test_redis_text(REDIS, "XREADGROUP GROUP orbiter:tasks:p7:group w COUNT 2 STREAMS orbiter:tasks:p7 >"));
    assert_int_equal(submit(SPEC(.task_id = "d", .max_depth = 1)).code, ORB_E_FULL);
    submit_ok(SPEC(.task_id = "d", .max_depth = 2));
}

static void a_batch_does_not_overfill(void **state)
{
    (void)state;
    struct submitted all[100];
    int full = 0;
    for (int i = 0; i < 100; i++)
        send_spec(SPEC(.max_depth = 70), &all[i]);
    for (int i = 0; i < 100; i++)
        test_loop_until(fleet.loop, "the submits", test_is_set, &all[i].calls, 10000);
    for (int i = 0; i < 100; i++)
        full += all[i].code == ORB_E_FULL;
    assert_int_equal(full, 30);
    test_redis_expect(REDIS, "70", "XLEN orbiter:tasks");
}

/* ---- one key, one task ------------------------------------------------------ */

static void a_hundred_submits_of_one_key_are_one_task(void **state)
{
    (void)state;
    struct submitted all[100];
    struct orb_client *clients[4] = { fleet.client };
    struct orb_error err;
    for (int i = 1; i < 4; i++)
        assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url }, &clients[i], &err), 0);
    for (int i = 0; i < 100; i++) {
        fleet.client = clients[i % 4];
        send_spec(SPEC(.idempotency_key = "order 17", .queue = i % 8 < 4 ? NULL : "other", .delay_seconds = i % 16 < 8 ? 0 : 60), &all[i]);
    }
    for (int i = 0; i < 100; i++)
        test_loop_until(fleet.loop, "the submits", test_is_set, &all[i].calls, 10000);
    for (int i = 0; i < 100; i++) {
        if (all[i].code)
            fail_msg("%s", all[i].error);
        assert_string_equal(all[i].id, all[0].id);
    }
    fleet.client = clients[0];
    for (int i = 1; i < 4; i++)
        orb_client_free(clients[i]);
    test_redis_expect(REDIS, "1", "SCARD orbiter:task:index");
    assert_int_equal(test_redis_int(REDIS, "XLEN orbiter:tasks") + test_redis_int(REDIS, "XLEN other") +
                     test_redis_int(REDIS, "ZCARD orbiter:tasks:delayed") + test_redis_int(REDIS, "ZCARD other:delayed"), 1);
}

static void a_key_stands_above_the_id(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .idempotency_key = "k"));
    assert_string_equal(submit(SPEC(.task_id = "b", .idempotency_key = "k")).id, "a");
    assert_string_equal(submit(SPEC(.task_id = "a", .idempotency_key = "k", .max_depth = 1)).id, "a"); /* full or not */
    assert_string_equal(submit(SPEC(.task_id = "c", .idempotency_key = "K")).id, "c");
    assert_int_equal(submit(SPEC(.task_id = "a", .idempotency_key = "l")).code, ORB_E_EXISTS);
    submit_ok(SPEC(.task_id = "d", .idempotency_key = "l")); /* the refused one has not taken it */
    test_redis_expect(REDIS, "0", "EXISTS orbiter:task:b");
    start_worker();
    test_wait_field(&fleet, "a", "status", "completed", 10000);
    assert_string_equal(submit(SPEC(.idempotency_key = "k")).id, "a"); /* also when it has ended */
}

static void what_a_key_holds_may_be_anything(void **state)
{
    (void)state;
    submit_ok(SPEC(.task_id = "a", .idempotency_key = "k"));
    char *key = test_redis_text(REDIS, "KEYS orbiter:idem:*");
    test_redis_expect(REDIS, "OK", "SET %s %s", key, "no id");
    assert_int_equal(submit(SPEC(.idempotency_key = "k")).code, ORB_E_PROTOCOL);
    test_redis_expect(REDIS, "1", "DEL %s", key);
    test_redis_expect(REDIS, "1", "LPUSH %s x", key);
    submit_ok(SPEC(.task_id = "b", .idempotency_key = "k"));
    test_redis_expect(REDIS, "b", "GET %s", key);
    free(key);
}

/* ---- the same call twice ------------------------------------------------------ */

static char *call(const char *id, const char *payload, const char *extras)
{
    return test_redis_text(REDIS, "EVAL %s 1 q %s q 86400 %s 1 bot %s %s", orb_script_submit.text, "", id, payload, extras);
}

static void the_same_call_twice_is_one(void **state)
{
    (void)state;
    static const char *const extras[] = {
        "", "priority=9 ", "delay=60000 ", "at=99999999999999 priority=0 ", "deadline=5000 ", "depth=1 ", "resubmit_of=x ", "replica=1 ", "\nkey",
        "priority=1 delay=60000 deadline=5000 depth=1 resubmit_of=x replica=1 \na key\nof two lines",
    };
    for (size_t i = 0; i < ORB_COUNT(extras); i++) {
        test_redis_expect(REDIS, "OK", "FLUSHALL");
        char *first = call("a", "{}", extras[i]), *before = test_redis_text(REDIS, "DEBUG DIGEST");
        assert_null(strstr(first, "error"));
        assert_null(strstr(first, "FULL"));
        for (int k = 0; k < 2; k++) {
            char *second = call("a", "{}", extras[i]), *after = test_redis_text(REDIS, "DEBUG DIGEST");
            if (strcmp(second, first) || strcmp(after, before))
                fail_msg("%s: first %s, then %s", extras[i], first, second);
            free(second);
            free(after);
        }
        char *other = call("a", "{\"other\": 1}", extras[i]), *after = test_redis_text(REDIS, "DEBUG DIGEST");
        assert_string_equal(after, before);
        assert_string_equal(other, strchr(extras[i], '\n') ? first : "EXISTS");
        free(other);
        free(after);
        free(first);
        free(before);
    }
}

/* ---- a replica -------------------------------------------------------------------- */

static void without_a_replica_it_is_said(void **state)
{
    (void)state;
    struct submitted s = submit(SPEC(.task_id = "a", .durability = ORB_DURABILITY_REPLICA));
    assert_int_equal(s.code, ORB_E_NOT_REPLICATED);
    assert_string_equal(s.id, "a");
    assert_string_equal(s.error, "task a was submitted, but no replica has it yet");
    test_expect_field(&fleet, "a", "status", "pending");
    assert_int_equal(submit(SPEC(.task_id = "b", .durability = ORB_DURABILITY_LOCAL)).code, 0);
    assert_int_equal(submit(SPEC(.task_id = "a", .durability = ORB_DURABILITY_REPLICA)).code, ORB_E_EXISTS);
}

static int has_replica(void *arg)
{
    char *text = test_redis_text(REDIS, "INFO replication");
    int is_there = strstr(text, "state=online") != NULL && strstr(text, "connected_slaves:1") != NULL;
    (void)arg;
    free(text);
    return is_there;
}

static int is_waiting(void *arg)
{
    char *text = test_redis_text(REDIS, "INFO clients");
    int is_blocked = strstr(text, "blocked_clients:1") != NULL;
    (void)arg;
    free(text);
    return is_blocked;
}

static void start_replica(void)
{
    int port;
    assert_int_equal(sscanf(config, "port %d", &port), 1);
    test_redis_start(&replica);
    free(test_redis_text(&replica, "REPLICAOF 127.0.0.1 %d", port));
    test_wait_until("the replica", has_replica, NULL, 20000);
}

/* On a machine that is busy with other things half a second may be too short: once is enough. */
static void with_a_replica_it_is_there(void **state)
{
    (void)state;
    struct submitted all[100];
    int there = 0;
    start_replica();
    for (int round = 0; round < 20 && !there; round++) {
        for (int i = 0; i < 100; i++)
            send_spec(SPEC(.durability = ORB_DURABILITY_REPLICA), &all[i]);
        for (int i = 0; i < 100; i++)
            test_loop_until(fleet.loop, "the submits", test_is_set, &all[i].calls, 10000);
        for (int i = 0; i < 100; i++) {
            assert_true(*all[i].id && (!all[i].code || all[i].code == ORB_E_NOT_REPLICATED));
            if (all[i].code)
                continue;
            test_redis_expect(&replica, "1", "EXISTS orbiter:task:%s", all[i].id);
            there++;
        }
    }
    assert_true(there > 0);
}

static void a_replica_that_hangs_has_nothing(void **state)
{
    (void)state;
    start_replica();
    test_redis_freeze(&replica);
    assert_int_equal(submit(SPEC(.task_id = "a", .durability = ORB_DURABILITY_REPLICA, .idempotency_key = "k")).code, ORB_E_NOT_REPLICATED);
    struct submitted s = submit(SPEC(.durability = ORB_DURABILITY_REPLICA, .idempotency_key = "k"));
    assert_int_equal(s.code, ORB_E_NOT_REPLICATED);
    assert_string_equal(s.id, "a");
    test_redis_thaw(&replica);
}

static int is_waiting_or_done(void *arg)
{
    const struct submitted *s = arg;
    return s->calls || is_waiting(NULL);
}

static void send_and_wait(struct orb_client *client, struct submitted *s)
{
    struct orb_error err;
    memset(s, 0, sizeof *s);
    assert_int_equal(orb_distributed(client, SPEC(.durability = ORB_DURABILITY_REPLICA), on_submit, s, &err), 0);
    test_loop_until(fleet.loop, "WAIT", is_waiting_or_done, s, 10000);
}

static int count_waits(void)
{
    int calls = 0;
    char *stats = test_redis_text(REDIS, "INFO commandstats"), *at = strstr(stats, "cmdstat_wait:calls=");
    if (at)
        assert_int_equal(sscanf(at, "cmdstat_wait:calls=%d", &calls), 1);
    free(stats);
    return calls;
}

/* Each of these does its part within the half second, or tries it once more. */

/* The link breaks between the submit and WAIT's answer: it is sent again, and asked for again. */
static void a_link_that_breaks_in_between(void **state)
{
    (void)state;
    struct submitted s;
    int tries = 0, waits;
    start_replica();
    test_redis_freeze(&replica);
    do {
        waits = count_waits();
        send_and_wait(fleet.client, &s);
        free(test_redis_text(REDIS, "CLIENT KILL TYPE normal"));
        test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
        assert_true(*s.id && s.code == ORB_E_NOT_REPLICATED);
        assert_int_equal(test_redis_int(REDIS, "XLEN orbiter:tasks"), ++tries);
    } while (tries < 20 && count_waits() < waits + 2);
    assert_true(tries < 20);
    test_redis_thaw(&replica);
}

static void a_redis_that_dies_in_between(void **state)
{
    (void)state;
    struct submitted s;
    int tries = 0;
    do {
        if (tries)
            test_redis_restart(REDIS);
        send_and_wait(fleet.client, &s);
        test_redis_kill(REDIS);
        test_loop_until(fleet.loop, "the submit", test_is_set, &s.calls, 10000);
        assert_true(*s.id && s.code == ORB_E_NOT_REPLICATED);
    } while (++tries < 20 && !strstr(s.error, "it is not known whether a replica has it"));
    assert_true(tries < 20);
}

static void a_client_that_is_freed_meanwhile(void **state)
{
    (void)state;
    struct submitted s;
    struct orb_client *client;
    struct orb_error err;
    int tries = 0;
    do {
        assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url }, &client, &err), 0);
        send_and_wait(client, &s);
        orb_client_free(client);
        test_loop_until(fleet.loop, "the end", test_is_set, &s.calls, 10000);
        assert_int_equal(s.calls, 1);
    } while (++tries < 20 && s.code != ORB_E_CANCELLED);
    assert_true(tries < 20);
    assert_string_equal(s.id, "");
}

/* ---- what is refused ------------------------------------------------------------- */

static void bad_wishes_are_refused(void **state)
{
    (void)state;
    char long_key[1100], longest[1025];
    memset(long_key, 'k', sizeof long_key);
    long_key[1025] = '\0';
    memset(longest, 'k', sizeof longest);
    longest[1024] = '\0';
    const double huge = 1e300, year = 31536000;
    const struct orb_task_spec nan_timeout = { .agent_config = AGENT, .timeout_seconds = (double)NAN };
    const struct orb_task_spec infinite_timeout = { .agent_config = AGENT, .timeout_seconds = (double)INFINITY };
    const struct { const struct orb_task_spec *spec; const char *name; } bad[] = {
        { &nan_timeout, "timeout_seconds" }, { &infinite_timeout, "timeout_seconds" },
        { SPEC(.delay_seconds = -1), "delay_seconds" }, { SPEC(.delay_seconds = (double)NAN), "delay_seconds" },
        { SPEC(.delay_seconds = huge), "delay_seconds" }, { SPEC(.delay_seconds = year + 1), "delay_seconds" },
        { SPEC(.at = -1), "at" }, { SPEC(.at = (double)NAN), "at" }, { SPEC(.at = (double)INFINITY), "at" }, { SPEC(.at = orb_now() + year + 60), "at" },
        { SPEC(.deadline_seconds = -0.1), "deadline_seconds" }, { SPEC(.deadline_seconds = (double)NAN), "deadline_seconds" },
        { SPEC(.deadline_seconds = huge), "deadline_seconds" },
        { SPEC(.has_priority = 1, .priority = 10), "priority" }, { SPEC(.has_priority = 1, .priority = -1), "priority" },
        { SPEC(.has_max_retries = 1, .max_retries = 101), "max_retries" }, { SPEC(.has_max_retries = 1, .max_retries = -1), "max_retries" },
        { SPEC(.max_depth = -1), "max_depth" }, { SPEC(.first_token_timeout = -1), "first_token_timeout" },
        { SPEC(.first_token_timeout = (double)INFINITY), "first_token_timeout" }, { SPEC(.idle_timeout = (double)NAN), "idle_timeout" },
        { SPEC(.idempotency_key = ""), "idempotency_key" }, { SPEC(.idempotency_key = long_key), "idempotency_key" },
        { SPEC(.idempotency_key = "a\xff\xfe"), "idempotency_key" }, { SPEC(.resubmit_of = "a b"), "resubmit_of" },
        { SPEC(.resubmit_of = ""), "resubmit_of" }, { SPEC(.durability = 2), "durability" }, { SPEC(.durability = -1), "durability" },
    };
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        struct orb_error err = { 0 };
        struct submitted s;
        int rc = orb_distributed(fleet.client, bad[i].spec, on_submit, &s, &err);
        if (rc != ORB_E_INVALID || strncmp(err.text, bad[i].name, strlen(bad[i].name)))
            fail_msg("case %zu, %s: %d: %s", i, bad[i].name, rc, err.text);
    }
    submit_ok(SPEC(.task_id = "a", .idempotency_key = longest));
    submit_ok(SPEC(.task_id = "b", .idempotency_key = "\x01\x7f \t=priority=9"));
    submit_ok(SPEC(.task_id = "c", .delay_seconds = year, .deadline_seconds = year, .has_max_retries = 1, .max_retries = 100));
    test_expect_field(&fleet, "b", "priority", "(nil)");
    expect_ttl(86400 + 31536000, "orbiter:task:c");
}

/* ---- what the client shows of it --------------------------------------------------- */

struct shown {
    int calls;
    size_t count;
    int priority, recoveries;
    double due_at, deadline;
    char resubmit_of[64];
};

static void show(struct shown *s, const struct orb_task_info *info)
{
    s->priority = info->priority;
    s->recoveries = info->recoveries;
    s->due_at = info->due_at;
    s->deadline = info->deadline;
    snprintf(s->resubmit_of, sizeof s->resubmit_of, "%s", info->resubmit_of);
}

static void on_task(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct shown *s = arg;
    s->calls++;
    if (!err)
        show(s, info);
}

static void on_list(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    struct shown *s = arg;
    s->calls++;
    s->count = count;
    if (!err && count)
        show(s, tasks);
}

static void a_task_tells_what_was_asked_for(void **state)
{
    (void)state;
    struct shown one = { 0 }, list = { 0 };
    submit_ok(SPEC(.task_id = "a", .delay_seconds = 100, .deadline_seconds = 50, .has_priority = 1, .priority = 2, .resubmit_of = "z"));
    test_redis_int(REDIS, "HSET orbiter:task:a recoveries 3");
    struct orb_task_handle *handle = orb_task_handle_new(fleet.client, "a");
    assert_int_equal(orb_task_handle_status(handle, on_task, &one), 0);
    test_loop_until(fleet.loop, "the status", test_is_set, &one.calls, 10000);
    struct orb_task_filter filter = { .status = -1, .limit = 10 };
    assert_int_equal(orb_fleet_tasks(fleet.client, &filter, on_list, &list, NULL), 0);
    test_loop_until(fleet.loop, "the list", test_is_set, &list.calls, 10000);
    assert_int_equal(list.count, 1);
    for (const struct shown *s = &one; s; s = s == &one ? &list : NULL) {
        assert_int_equal(s->priority, 2);
        assert_int_equal(s->recoveries, 3);
        assert_true(s->due_at > orb_now() + 40 && fabs(s->deadline - s->due_at - 50) < 0.01);
        assert_string_equal(s->resubmit_of, "z");
    }
    test_redis_int(REDIS, "HSET orbiter:task:a priority ten recoveries -5 due_at nan deadline 1e999");
    memset(&one, 0, sizeof one);
    assert_int_equal(orb_task_handle_status(handle, on_task, &one), 0);
    test_loop_until(fleet.loop, "the status", test_is_set, &one.calls, 10000);
    assert_int_equal(one.priority, 5);
    assert_int_equal(one.recoveries, 0);
    assert_true(fabs(one.due_at) + fabs(one.deadline) <= 0);
    orb_task_handle_free(handle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define TEST_WITH_PORT(name) cmocka_unit_test_setup_teardown(name, start_with_port, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_asked_for_leaves_nothing),
        TEST(all_of_it_is_in_the_payload),
        TEST(a_priority_has_its_own_stream),
        TEST(a_delayed_task_waits_without_an_entry),
        TEST(a_delayed_task_runs_when_it_is_due),
        TEST(a_time_that_has_passed_is_now),
        TEST(a_deadline_counts_while_it_is_queued),
        TEST(a_full_queue_refuses),
        TEST(delivered_tasks_do_not_count),
        TEST(a_batch_does_not_overfill),
        TEST(a_hundred_submits_of_one_key_are_one_task),
        TEST(a_key_stands_above_the_id),
        TEST(what_a_key_holds_may_be_anything),
        TEST(the_same_call_twice_is_one),
        TEST(without_a_replica_it_is_said),
        TEST_WITH_PORT(with_a_replica_it_is_there),
        TEST_WITH_PORT(a_replica_that_hangs_has_nothing),
        TEST_WITH_PORT(a_link_that_breaks_in_between),
        TEST(a_redis_that_dies_in_between),
        TEST(a_client_that_is_freed_meanwhile),
        TEST(bad_wishes_are_refused),
        TEST(a_task_tells_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
