/* Dead letters replayed and purged, tasks resubmitted: what stands in Redis afterwards, that a letter makes
 * one task however often and by whomever it is replayed, and that nothing is lost on the way. */
#include "base/base.h"
#include "store/scripts.h"
#include "support/fleet.h"
#include <orbiter/acl.h>
#include <orbiter/dead.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;

#define REDIS (&fleet.redis)
#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define IDS(...) .ids = (const char *const[]){ __VA_ARGS__ }, .id_count = ORB_COUNT(((const char *const[]){ __VA_ARGS__ }))
#define FILTER(...) &(struct orb_dead_filter){ __VA_ARGS__ }
#define ALL FILTER(.queue = "parked")

static int start(void **state)
{
    (void)state;
    fleet.redis.config = "enable-debug-command yes\n";
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

/* ---- letters --------------------------------------------------------------- */

static void bury_in(const char *queue, const char *id, const char *type, const char *reason, const char *payload)
{
    free(test_redis_text(REDIS, "SADD orbiter:queues %s", queue));
    char *text = test_redis_text(REDIS, "XADD %s:dead * reason %s error_type %s entry_id 5-0 task_id %s worker_id w9 dead_at 1769868000.5 payload %s "
                                 "attempt 4 retries 3 recoveries 1 agent bot resubmit_of older", queue, reason, type, id, payload);
    assert_non_null(strchr(text, '-'));
    free(text);
}

static void bury(const char *id, const char *type)
{
    char payload[256];
    snprintf(payload, sizeof payload, "{\"task_id\": \"%s\", \"agent_config\": {\"name\": \"bot\", \"model\": \"sim:\"}, \"input\": \"x\"}", id);
    bury_in("parked", id, type, "it broke", payload);
}

/* Letters t0, t1 and so on, as many as count. */
static void bury_many(int count)
{
    free(test_redis_text(REDIS, "SADD orbiter:queues parked"));
    free(test_redis_text(REDIS, "EVAL %s 1 parked:dead %d",
        "for i = 0, ARGV[1] - 1 do redis.call('XADD', KEYS[1], '*', 'reason', 'r', 'error_type', 'T', 'task_id', 't' .. i, 'payload', "
        "'{\"task_id\": \"t' .. i .. '\", \"agent_config\": {\"name\": \"bot\", \"model\": \"sim:\"}, \"input\": \"x\"}') end", count));
}

/* What a walk told: the names of tasks in order, and how it ended. */
struct told {
    int letters, done, ended, code, last_code;
    char names[512], last_error[512], error[512], new_id[64];
    double first_at, last_at;
    struct orb_client *free_at_first;
};

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct told *t = arg;
    assert_false(t->ended);
    if (!letter) {
        t->ended = 1;
        t->code = err ? err->code : 0;
        snprintf(t->error, sizeof t->error, "%s", err ? err->text : "");
        return;
    }
    size_t n = strlen(t->names);
    snprintf(t->names + n, sizeof t->names - n, "%s%s", n ? " " : "", letter->task_id);
    t->letters++;
    t->done += !err;
    if (new_id)
        snprintf(t->new_id, sizeof t->new_id, "%s", new_id);
    if (err) {
        t->last_code = err->code;
        snprintf(t->last_error, sizeof t->last_error, "%s", err->text);
    }
    double now = (double)orb_mono_us() / 1e6;
    t->first_at = t->first_at > 0 ? t->first_at : now;
    t->last_at = now;
    if (t->free_at_first)
        orb_client_free(t->free_at_first);
    t->free_at_first = NULL;
}

static struct told end_of(struct told *t)
{
    test_loop_until(fleet.loop, "the end of the walk", test_is_set, &t->ended, test_patience(20000));
    return *t;
}

static struct told list(const struct orb_dead_filter *filter)
{
    struct told t = { 0 };
    struct orb_error err = { 0 };
    if (orb_dead_list(fleet.client, filter, on_letter, &t, &err))
        fail_msg("list: %s", err.text);
    return end_of(&t);
}

static struct told replay(const struct orb_dead_filter *filter, double rate)
{
    struct told t = { 0 };
    struct orb_error err = { 0 };
    if (orb_dead_replay(fleet.client, filter, rate, on_letter, &t, &err))
        fail_msg("replay: %s", err.text);
    return end_of(&t);
}

static struct told purge(const struct orb_dead_filter *filter)
{
    struct told t = { 0 };
    struct orb_error err = { 0 };
    if (orb_dead_purge(fleet.client, filter, on_letter, &t, &err))
        fail_msg("purge: %s", err.text);
    return end_of(&t);
}

/* ---- scripts, called as they are -------------------------------------------- */

static void expect_eval(const char *expected, const struct orb_script *script, const char *const *args)
{
    char format[256] = "EVAL %s 1 parked";
    const char *a[16] = { "" };
    for (size_t i = 0; args[i]; i++) {
        a[i] = args[i];
        strcat(format, " %s");
    }
    char *text = test_redis_text(REDIS, format, script->text, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12]);
    if (strcmp(text, expected))
        fail_msg("%s: %s, not %s", script->name, text, expected);
    free(text);
}

static void one_call_twice_is_one_replay(void **state)
{
    (void)state;
    bury("a", "T");
    char *letters = test_redis_text(REDIS, "XRANGE parked:dead - +"), *letter = strtok(letters, "\n");
    const char *const *call = ARGS("", "parked", "86400", "ann", "host:1", "new1", "bot", "{}", "5", "", "a", letter, "");
    const char *const *other = ARGS("", "parked", "86400", "bob", "host:2", "new2", "bot", "{}", "5", "", "a", letter, "");
    char *text = test_redis_text(REDIS, "EVAL %s 1 parked %s %s %s %s %s %s %s %s %s %s %s %s %s", orb_script_resubmit.text, call[0], call[1], call[2],
                                 call[3], call[4], call[5], call[6], call[7], call[8], call[9], call[10], call[11], call[12]);
    test_redis_expect(REDIS, text, "HGET orbiter:task:new1 entry_id");
    char *before = test_redis_text(REDIS, "DEBUG DIGEST");
    expect_eval(text, &orb_script_resubmit, call);
    expect_eval("GONE", &orb_script_resubmit, other);
    test_redis_expect(REDIS, before, "DEBUG DIGEST");
    test_redis_expect(REDIS, "1", "XLEN parked");
    test_redis_expect(REDIS, "0", "XLEN parked:dead");
    test_redis_expect(REDIS, "1", "XLEN orbiter:audit");
    free(before);
    free(text);
    free(letters);
}

static void one_call_twice_is_one_purge(void **state)
{
    (void)state;
    bury("a", "T");
    char *letters = test_redis_text(REDIS, "XRANGE parked:dead - +"), *letter = strtok(letters, "\n");
    const char *const *call = ARGS("", "parked", "ann", "host:1", "nonce", letter, "7-7");
    expect_eval("1\n0", &orb_script_purge_dead, call);
    char *before = test_redis_text(REDIS, "DEBUG DIGEST");
    expect_eval("1\n0", &orb_script_purge_dead, call);
    test_redis_expect(REDIS, before, "DEBUG DIGEST");
    expect_eval("0\n0", &orb_script_purge_dead, ARGS("", "parked", "bob", "host:2", "other", letter, "7-7"));
    test_redis_expect(REDIS, "1", "XLEN orbiter:audit");
    assert_true(test_redis_int(REDIS, "TTL orbiter:purged:nonce:%s", letter) > 0);
    free(before);
    free(letters);
}

/* ---- listing ----------------------------------------------------------------- */

static void letters_are_listed_newest_first(void **state)
{
    (void)state;
    bury("a", "Quarantined");
    bury("b", "RateLimitError");
    bury("a", "DeadlineError");
    bury_in("other", "c", "T", "it broke", "{}");
    assert_string_equal(list(ALL).names, "a b a");
    assert_string_equal(list(FILTER(.queue = "parked", .limit = 2)).names, "a b");
    assert_string_equal(list(FILTER(.queue = "none")).names, "");
    assert_int_equal(list(FILTER(.reason = NULL)).letters, 4);
    assert_string_equal(list(FILTER(.reason = "ratelimiterror")).names, "b");
    assert_string_equal(list(FILTER(.reason = "RateLimit")).names, ""); /* a type is a whole word */
    assert_int_equal(list(FILTER(.reason = "BROKE")).letters, 4);
    assert_string_equal(list(FILTER(IDS("c", "a"))).names[0] == 'c' ? "c a" : "a c", list(FILTER(IDS("c", "a"))).names);
    assert_int_equal(list(FILTER(IDS("a", "a"))).letters, 1);
    struct orb_error err;
    assert_int_equal(orb_dead_list(fleet.client, FILTER(.queue = "x:dead"), on_letter, NULL, &err), ORB_E_USAGE);
    assert_int_equal(orb_dead_replay(fleet.client, ALL, -1, on_letter, NULL, &err), ORB_E_USAGE);
}

static void check_lineage(void *arg, const struct orb_dead_letter *l, const char *new_id, const struct orb_error *err)
{
    (void)err;
    if (!l) {
        *(int *)arg += 1;
        return;
    }
    assert_null(new_id);
    assert_string_equal(l->queue, "parked");
    assert_string_equal(l->reason, "it broke");
    assert_string_equal(l->error_type, "T");
    assert_string_equal(l->agent, "bot");
    assert_string_equal(l->worker_id, "w9");
    assert_string_equal(l->entry_id, "5-0");
    assert_string_equal(l->resubmit_of, "older");
    assert_int_equal(l->attempt, 4);
    assert_int_equal(l->retries, 3);
    assert_int_equal(l->recoveries, 1);
    assert_true(l->dead_at == 1769868000.5);
    assert_non_null(strstr(l->payload, "\"task_id\": \"a\""));
    assert_int_equal(strlen(l->payload), l->payload_len);
}

static void a_letter_has_its_lineage(void **state)
{
    (void)state;
    int ended = 0;
    struct orb_error err;
    bury("a", "T");
    assert_int_equal(orb_dead_list(fleet.client, ALL, check_lineage, &ended, &err), 0);
    test_loop_until(fleet.loop, "the letter", test_is_set, &ended, 10000);
}

static void a_key_that_is_no_stream_is_told_and_the_others_listed(void **state)
{
    (void)state;
    bury("a", "T");
    free(test_redis_text(REDIS, "SADD orbiter:queues bad"));
    free(test_redis_text(REDIS, "SET bad:dead x"));
    struct told t = list(FILTER(.reason = NULL));
    assert_string_equal(t.names, "a");
    assert_int_equal(t.code, ORB_E_PROTOCOL);
    assert_non_null(strstr(t.error, "bad:dead"));
    t = replay(FILTER(.queue = "bad"), 0);
    assert_int_equal(t.code, ORB_E_PROTOCOL);
    assert_int_equal(purge(FILTER(.queue = "bad")).code, ORB_E_PROTOCOL);
    test_redis_expect(REDIS, "x", "GET bad:dead");
    /* What a replay writes to is looked at before a letter goes away. */
    free(test_redis_text(REDIS, "SET parked x"));
    t = replay(ALL, 0);
    assert_int_equal(t.last_code, ORB_E_PROTOCOL);
    assert_non_null(strstr(t.last_error, "key parked in Redis"));
    test_redis_expect(REDIS, "1", "XLEN parked:dead");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:audit");
}

/* ---- replay ------------------------------------------------------------------- */

static void a_dead_task_is_run_again(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--queue", "parked"), NULL);
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:error=auth@0", .input = "x", .queue = "parked" });
    test_wait_field(&fleet, "a", "status", "failed", 10000);
    struct told t = replay(FILTER(IDS("a")), 0);
    assert_int_equal(t.done, 1);
    test_expect_field(&fleet, t.new_id, "resubmit_of", "a");
    test_wait_field(&fleet, t.new_id, "status", "failed", 10000);
    /* Died again: a letter of its own, and the first one's is gone. */
    struct told again = list(ALL);
    assert_string_equal(again.names, t.new_id);
    char *audit = test_redis_text(REDIS, "XRANGE orbiter:audit - +"), expected[128];
    snprintf(expected, sizeof expected, "action\nreplay\ntarget\na\nwas\ndead\nbecame\n%s", t.new_id);
    assert_non_null(strstr(audit, expected));
    free(audit);
    test_expect_drained(&fleet, "parked");
}

static void all_are_replayed_the_oldest_first(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    bury_many(MANY);
    struct told t = replay(ALL, 0);
    assert_int_equal(t.code, 0);
    assert_int_equal(t.done, MANY);
    assert_string_equal(strstr(t.names, "t0 t1 t2 t3 "), t.names);
    test_redis_expect(REDIS, "1000", "XLEN parked");
    test_redis_expect(REDIS, "0", "XLEN parked:dead");
    test_redis_expect(REDIS, "1000", "ZCARD orbiter:index:parked:open");
    test_redis_expect(REDIS, "1000", "SCARD orbiter:task:index");
    char *first = test_redis_text(REDIS, "XRANGE parked - + COUNT 1");
    assert_non_null(strstr(first, "\"resubmit_of\": \"t0\"}"));
    free(first);
}

static void two_at_once_make_one_task_each(void **state)
{
    (void)state;
    struct told a = { 0 }, b = { 0 };
    struct orb_redis_options options = { .url = fleet.redis.url };
    struct orb_client *other;
    struct orb_error err;
    assert_int_equal(orb_client_new(fleet.loop, &options, &other, &err), 0);
    bury_many(500);
    assert_int_equal(orb_dead_replay(fleet.client, ALL, 0, on_letter, &a, &err), 0);
    assert_int_equal(orb_dead_replay(other, ALL, 0, on_letter, &b, &err), 0);
    end_of(&a);
    end_of(&b);
    assert_int_equal(a.done + b.done, 500);
    if (a.letters + b.letters > 500)
        assert_true(a.last_code == ORB_E_NOT_FOUND || b.last_code == ORB_E_NOT_FOUND);
    test_redis_expect(REDIS, "500", "XLEN parked");
    test_redis_expect(REDIS, "500", "XLEN orbiter:audit");
    orb_client_free(other);
}

static void a_pace_is_kept(void **state)
{
    (void)state;
    bury_many(21);
    struct told t = replay(ALL, 100);
    assert_int_equal(t.done, 21);
    double took = t.last_at - t.first_at; /* 20 intervals of 10 ms, of which a late timer may make good 100 ms */
    if (took < 0.09 || took > test_patience(5000) / 1000.0)
        fail_msg("21 replays at 100 a second took %.3f s", took);
}

static void what_cannot_be_read_is_kept(void **state)
{
    (void)state;
    bury("a", "T");
    bury_in("parked", "b", "T", "it broke", "{\"task_id\": \"b\", \"input\": 5}");
    bury_in("parked", "c", "T", "it broke", "no");
    free(test_redis_text(REDIS, "XADD parked:dead * reason broken task_id %s payload {}", ""));
    free(test_redis_text(REDIS, "XADD parked:dead * other field"));
    bury("d", "T");
    struct told t = replay(ALL, 0);
    assert_int_equal(t.letters, 6);
    assert_int_equal(t.done, 2);
    assert_int_equal(t.last_code, ORB_E_INVALID);
    assert_non_null(strstr(t.last_error, "is kept"));
    assert_int_equal(t.code, 0);
    test_redis_expect(REDIS, "4", "XLEN parked:dead");
    test_redis_expect(REDIS, "2", "XLEN parked");
}

static void a_letter_with_a_priority_goes_to_its_stream(void **state)
{
    (void)state;
    bury_in("parked", "a", "T", "r", "{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\"}, \"created_at\": 1000.0, \"priority\": 9, \"deadline\": 1060.5}");
    free(test_redis_text(REDIS, "SET parked:paused ann")); /* it waits there then */
    struct told t = replay(ALL, 0);
    assert_int_equal(t.done, 1);
    test_redis_expect(REDIS, "1", "XLEN parked:p9");
    test_expect_field(&fleet, t.new_id, "priority", "9");
    test_expect_field(&fleet, t.new_id, "status", "pending");
    char *text = test_redis_text(REDIS, "HGET orbiter:task:%s deadline", t.new_id);
    double left = atof(text) - orb_now();
    assert_true(left > 50 && left < 61);
    free(text);
}

static void a_client_that_is_freed_ends_the_walk_once(void **state)
{
    (void)state;
    struct orb_redis_options options = { .url = fleet.redis.url };
    struct orb_client *other;
    struct orb_error err;
    bury_many(300);
    for (int rate = 0; rate <= 1; rate++) {
        struct told t = { 0 };
        assert_int_equal(orb_client_new(fleet.loop, &options, &other, &err), 0);
        t.free_at_first = other;
        assert_int_equal(orb_dead_replay(other, ALL, rate, on_letter, &t, &err), 0);
        end_of(&t);
        assert_int_equal(t.code, ORB_E_CANCELLED);
    }
    /* And one that has not begun. */
    struct told t = { 0 };
    assert_int_equal(orb_client_new(fleet.loop, &options, &other, &err), 0);
    assert_int_equal(orb_dead_list(other, ALL, on_letter, &t, &err), 0);
    orb_client_free(other);
    end_of(&t);
    assert_int_equal(t.code, ORB_E_CANCELLED);
    assert_int_equal(test_redis_int(REDIS, "XLEN parked:dead") + test_redis_int(REDIS, "XLEN parked"), 300);
}

static void a_redis_that_goes_away_ends_the_walk(void **state)
{
    (void)state;
    struct told t = { 0 };
    struct orb_error err;
    bury_many(300);
    assert_int_equal(orb_dead_replay(fleet.client, ALL, 20, on_letter, &t, &err), 0);
    test_loop_until(fleet.loop, "the first replay", test_is_set, &t.letters, 10000);
    test_redis_kill(REDIS);
    end_of(&t);
    assert_int_equal(t.code, ORB_E_UNREACHABLE);
    assert_true(t.done >= 1);
}

/* ---- purge -------------------------------------------------------------------- */

static void letters_are_purged_and_it_is_audited(void **state)
{
    (void)state;
    bury("a", "Quarantined");
    bury("b", "RateLimitError");
    bury("a", "DeadlineError");
    bury("c", "T");
    assert_string_equal(purge(FILTER(IDS("a", "nope"))).names, "a"); /* the newest of a */
    assert_string_equal(list(ALL).names, "c b a");
    assert_string_equal(purge(FILTER(.reason = "quarantined")).names, "a");
    struct told t = purge(ALL);
    assert_int_equal(t.done, 2);
    test_redis_expect(REDIS, "0", "XLEN parked:dead");
    test_redis_expect(REDIS, "4", "XLEN orbiter:audit");
    char *audit = test_redis_text(REDIS, "XREVRANGE orbiter:audit + - COUNT 1");
    assert_non_null(strstr(audit, "action\ndead-purge\ntarget\nb\nwas\ndead\nbecame\npurged"));
    free(audit);
    bury_many(700);
    assert_int_equal(purge(ALL).done, 700);
}

/* ---- resubmit ------------------------------------------------------------------- */

struct submitted {
    int calls, code;
    char error[512], id[160];
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

static struct submitted resubmit(const char *id, const char *input)
{
    struct submitted s = { 0 };
    struct orb_error err = { 0 };
    if (orb_resubmit(fleet.client, id, input, input ? strlen(input) : 0, on_submit, &s, &err))
        fail_msg("resubmit: %s", err.text);
    test_loop_until(fleet.loop, "the resubmit", test_is_set, &s.calls, 10000);
    return s;
}

struct payload {
    int calls, code, detailed;
    double timeout;
    char input[64], config[256], messages[64], metadata[64], json[2048];
};

static void on_payload(void *arg, const struct orb_payload *payload, const struct orb_error *err)
{
    struct payload *p = arg;
    p->calls++;
    p->code = err ? err->code : 0;
    assert_true(!payload == (err != NULL));
    if (err)
        return;
    snprintf(p->input, sizeof p->input, "%.*s", (int)payload->input_len, payload->input);
    snprintf(p->config, sizeof p->config, "%s", payload->agent_config);
    snprintf(p->messages, sizeof p->messages, "%s", payload->messages);
    snprintf(p->metadata, sizeof p->metadata, "%s", payload->metadata);
    snprintf(p->json, sizeof p->json, "%.*s", (int)payload->json_len, payload->json);
    p->detailed = payload->detailed;
    p->timeout = payload->timeout_seconds;
}

static struct payload payload_of(struct orb_client *client, const char *id)
{
    struct payload p = { 0 };
    struct orb_error err = { 0 };
    if (orb_task_payload(client, id, on_payload, &p, &err))
        fail_msg("payload: %s", err.text);
    assert_int_equal(p.calls, 0);
    test_loop_until(fleet.loop, "the payload", test_is_set, &p.calls, 10000);
    return p;
}

static void a_payload_can_be_read_by_a_viewer(void **state)
{
    (void)state;
    struct orb_error err = { 0 };
    struct payload p = { 0 };
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "gr\xc3\xbc\xc3\x9f", .detailed = 1, .timeout_seconds = 12.5 });
    struct orb_client *viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    p = payload_of(viewer, "a");
    assert_int_equal(p.code, 0);
    assert_string_equal(p.input, "gr\xc3\xbc\xc3\x9f");
    assert_string_equal(p.config, "{\"name\": \"bot\", \"model\": \"sim:\"}");
    assert_string_equal(p.messages, "[]");
    assert_string_equal(p.metadata, "{}");
    assert_int_equal(p.detailed, 1);
    assert_true(p.timeout == 12.5);
    char *json = test_redis_text(REDIS, "GET orbiter:payload:a");
    assert_string_equal(p.json, json);
    free(json);
    free(test_redis_text(REDIS, "SET orbiter:payload:a %s", "{\"messages\": [{\"role\": \"user\"}], \"metadata\": {\"k\": 1}, \"task_id\": \"a\"}"));
    p = payload_of(viewer, "a");
    assert_string_equal(p.config, "{}");
    assert_string_equal(p.messages, "[{\"role\": \"user\"}]");
    assert_string_equal(p.metadata, "{\"k\": 1}");
    free(test_redis_text(REDIS, "SET orbiter:payload:a {"));
    assert_int_equal(payload_of(viewer, "a").code, ORB_E_INVALID);
    free(test_redis_text(REDIS, "DEL orbiter:payload:a"));
    assert_int_equal(payload_of(viewer, "a").code, ORB_E_NOT_FOUND);
    assert_int_equal(payload_of(viewer, "nope").code, ORB_E_NOT_FOUND);
    assert_int_equal(orb_task_payload(viewer, "a b", on_payload, &p, &err), ORB_E_USAGE);
    test_redis_expect(REDIS, "", "ACL LOG");
    orb_client_free(viewer);
}

static void a_task_that_runs_is_copied(void **state)
{
    (void)state;
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--queue", "parked", "--concurrency", "4"), NULL);
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:tokens=600,rate=1", .input = "first", .queue = "parked" });
    test_wait_field(&fleet, "a", "status", "running", 10000);
    struct submitted s = resubmit("a", NULL);
    assert_int_equal(s.code, 0);
    test_expect_field(&fleet, s.id, "resubmit_of", "a");
    test_expect_field(&fleet, s.id, "queue", "parked");
    test_wait_field(&fleet, s.id, "status", "running", 10000);
    test_expect_field(&fleet, "a", "status", "running");
    char *audit = test_redis_text(REDIS, "XRANGE orbiter:audit - +"), expected[256];
    snprintf(expected, sizeof expected, "action\nresubmit\ntarget\na\nwas\nrunning\nbecame\n%s", s.id);
    assert_non_null(strstr(audit, expected));
    free(audit);
}

static void the_input_may_be_another(void **state)
{
    (void)state;
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "first", .queue = "parked" });
    assert_string_equal(payload_of(fleet.client, "a").input, "first");
    struct submitted s = resubmit("a", "second \xc3\xbc");
    char *payload = test_redis_text(REDIS, "GET orbiter:payload:%s", s.id);
    assert_non_null(strstr(payload, "\"input\": \"second \\u00fc\", "));
    assert_non_null(strstr(payload, ", \"timeout_seconds\": 300.0, \"resubmit_of\": \"a\"}"));
    free(payload);
    assert_int_equal(resubmit("a", "\xff").code, ORB_E_INVALID);
    /* A copy of the copy. */
    struct submitted third = resubmit(s.id, NULL);
    test_expect_field(&fleet, third.id, "resubmit_of", s.id);
}

static void what_cannot_be_resubmitted_is_told(void **state)
{
    (void)state;
    struct orb_error err = { 0 };
    struct submitted s = resubmit("nope", NULL);
    assert_int_equal(s.code, ORB_E_NOT_FOUND);
    assert_non_null(strstr(s.error, "Task not found: nope"));
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "first", .queue = "parked" });
    free(test_redis_text(REDIS, "DEL orbiter:payload:a"));
    s = resubmit("a", NULL);
    assert_int_equal(s.code, ORB_E_NOT_FOUND);
    assert_non_null(strstr(s.error, "its payload is gone"));
    free(test_redis_text(REDIS, "SET orbiter:payload:a {"));
    assert_int_equal(resubmit("a", NULL).code, ORB_E_INVALID);
    free(test_redis_text(REDIS, "HSET orbiter:task:a queue %s", "bad queue"));
    free(test_redis_text(REDIS, "SET orbiter:payload:a %s", "{\"task_id\": \"a\"}"));
    assert_int_equal(resubmit("a", NULL).code, ORB_E_USAGE);
    free(test_redis_text(REDIS, "DEL orbiter:payload:a"));
    free(test_redis_text(REDIS, "SADD orbiter:payload:a x"));
    assert_int_equal(resubmit("a", NULL).code, ORB_E_PROTOCOL);
    assert_int_equal(orb_resubmit(fleet.client, "a b", NULL, 0, on_submit, &s, &err), ORB_E_USAGE);
    test_redis_expect(REDIS, "1", "XLEN parked");
    test_redis_expect(REDIS, "0", "EXISTS orbiter:audit");
    /* A Python client's hash has no queue: the default one. */
    free(test_redis_text(REDIS, "HSET orbiter:task:py status completed"));
    free(test_redis_text(REDIS, "SET orbiter:payload:py %s", "{\"task_id\": \"py\", \"agent_config\": {\"name\": \"bot\"}}"));
    s = resubmit("py", NULL);
    test_expect_field(&fleet, s.id, "queue", "orbiter:tasks");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_call_twice_is_one_replay),
        TEST(one_call_twice_is_one_purge),
        TEST(letters_are_listed_newest_first),
        TEST(a_letter_has_its_lineage),
        TEST(a_key_that_is_no_stream_is_told_and_the_others_listed),
        TEST(a_dead_task_is_run_again),
        TEST(all_are_replayed_the_oldest_first),
        TEST(two_at_once_make_one_task_each),
        TEST(a_pace_is_kept),
        TEST(what_cannot_be_read_is_kept),
        TEST(a_letter_with_a_priority_goes_to_its_stream),
        TEST(a_client_that_is_freed_ends_the_walk_once),
        TEST(a_redis_that_goes_away_ends_the_walk),
        TEST(letters_are_purged_and_it_is_audited),
        TEST(a_task_that_runs_is_copied),
        TEST(a_payload_can_be_read_by_a_viewer),
        TEST(the_input_may_be_another),
        TEST(what_cannot_be_resubmitted_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
