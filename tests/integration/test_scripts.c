/* The Lua scripts, called one by one on a real server: the legal move, the
 * illegal one, the same call twice, and what is left behind. All of it runs in a
 * namespace, and after every test each key is looked at. */
#include "store/scripts.h"
#include "support/redis.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NS "{t}:"
#define Q NS "parked"
#define OTHER "{\"task_id\": \"a\", \"agent_config\": {}}"
#define PAYLOAD "{\"task_id\": \"a\", \"agent_config\": {\"name\": \"bot\"}}"

static struct test_redis redis = { .config = "enable-debug-command yes\n" };
static redisContext *link_;
static char answer[4096];

static void flatten(const redisReply *r)
{
    size_t n = strlen(answer);
    if (r->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < r->elements; i++) {
            if (i)
                strcat(answer, " ");
            flatten(r->element[i]);
        }
    } else if (r->type == REDIS_REPLY_INTEGER) {
        snprintf(answer + n, sizeof answer - n, "%lld", r->integer);
    } else {
        snprintf(answer + n, sizeof answer - n, "%s", r->type == REDIS_REPLY_NIL ? "(nil)" : r->str);
    }
}

static int may_fail; /* the next call: its answer is the error then */

/* Runs a script; the reply as words with blanks between. key may be NULL. */
static const char *run(const struct orb_script *script, const char *key, const char *const *args)
{
    const char *argv[40] = { "EVAL", script->text, key ? "1" : "0" };
    int n = 3;
    if (key)
        argv[n++] = key;
    argv[n++] = NS;
    for (; *args; args++)
        argv[n++] = *args;
    redisReply *r = redisCommandArgv(link_, n, argv, NULL);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR && !may_fail)
        fail_msg("%s: %s", script->name, r->str);
    may_fail = 0;
    answer[0] = '\0';
    if (r->type == REDIS_REPLY_ERROR)
        snprintf(answer, sizeof answer, "%s", r->str);
    else
        flatten(r);
    freeReplyObject(r);
    return answer;
}
#define RUN(name, key, ...) run(&orb_script_##name, key, (const char *const[]){ __VA_ARGS__, NULL })

static const char *submit_as(const char *id, const char *payload)
{
    return RUN(submit, Q, "parked", "86400", id, "1", "bot", payload, "");
}
static const char *owner = "p1"; /* the worker's process */
static const char *begin(const char *worker, const char *entry, const char *id, const char *payload)
{
    RUN(begin, Q, "parked", worker, owner, "86400", "86400", "3600", "", entry, id, "bot", payload);
    char *waits = strncmp(answer, "run", 3) ? NULL : strstr(answer, " 0 ");
    if (waits && (waits = strchr(strchr(strchr(answer, ' ') + 1, ' ') + 1, ' ')))
        *waits = '\0'; /* what, attempt, retries */
    return answer;
}
/* A sweep that is due. What it answers: orphans, priorities, paused, ms to the next. */
static const char *sweep(void)
{
    free(test_redis_text(&redis, "HDEL " Q ":sweep next_ms"));
    return RUN(sweep, Q, "parked", "w0", "3000", "86400", "86400", "3600", "");
}
static const char *finish(const char *worker, const char *entry, const char *id, const char *attempt, const char *outcome)
{
    return RUN(finish, Q, "parked", worker, "86400", "3600", entry, id, attempt, outcome, "\"b\\u00f6t\"", "\"the end\"", "9",
               "boom", "ModelError", "{\"output\": \"Gr\\u00fc\\u00dfe\"}", "half", "{\"total_tokens\": 5}", "");
}
static const char *retry(const char *worker, const char *entry, const char *id, const char *attempt, const char *delay)
{
    return RUN(retry, Q, "parked", worker, "86400", "3600", entry, id, attempt, delay, "3", "\"bot\"", "\"boom\"", "9", "boom", "ModelError", "half", "", "");
}
static const char *requeue(const char *worker, const char *entry, const char *id, const char *attempt)
{
    return RUN(requeue, Q, "parked", worker, "86400", "3600", entry, id, attempt, *attempt ? "{\"total_tokens\": 3, \"cost\": 0.25}" : "");
}
static const char *cancel(const char *id, const char *nonce)
{
    return RUN(cancel, NULL, "ann", "host:1", id, nonce, "86400", "3600");
}
static const char *cancel_seen(const char *id, const char *nonce, const char *seen)
{
    return RUN(cancel, NULL, "ann", "host:1", id, nonce, "86400", "3600", "", seen);
}
static const char *poison(const char *worker, const char *entry, const char *id)
{
    return RUN(poison, Q, "parked", worker, entry, id, "it is bad", "InvalidInput", "86400", "3600", "");
}

static const char *advance(const char *worker, const char *process, const char *id, const char *attempt)
{
    return RUN(advance, Q, "parked", worker, process, id, attempt);
}

/* The next entry for this worker, "" when there is none. */
static const char *deliver(const char *worker)
{
    static char entry[8][48];
    static int next;
    char *out = entry[next++ % 8];
    char *text = test_redis_text(&redis, "XREADGROUP GROUP " Q ":group %s COUNT 1 STREAMS " Q " >", worker);
    *out = '\0';
    if (strcmp(text, "(nil)"))
        sscanf(text, "%*s %47s", out);
    free(text);
    return out;
}

static const char *field(const char *id, const char *name)
{
    static char value[8][512];
    static int next;
    char *text = test_redis_text(&redis, "HGET " NS "orbiter:task:%s %s", id, name);
    char *out = value[next++ % 8];
    snprintf(out, sizeof value[0], "%s", text);
    free(text);
    return out;
}

/* The id is in the index of this state, and in no other. */
static void expect_indexed(const char *id, const char *status)
{
    static const char *const words[] = { "open", "completed", "failed", "cancelled", "retrying" };
    if (!strcmp(status, "pending") || !strcmp(status, "running"))
        status = "open";
    for (size_t i = 0; i < 5; i++) {
        char *score = test_redis_text(&redis, "ZSCORE " NS "orbiter:index:parked:%s %s", words[i], id);
        if (!strcmp(score, "(nil)") == !strcmp(words[i], status))
            fail_msg("task %s is %s; in the index %s: %s", id, status, words[i], score);
        free(score);
    }
}

static void expect_state(const char *id, const char *status)
{
    assert_string_equal(field(id, "status"), status);
    expect_indexed(id, status);
}

static void expect_feed(const char *words)
{
    char *text = test_redis_text(&redis, "XRANGE " NS "orbiter:feed - +"), *line, *rest = text;
    char seen[512] = "";
    while ((line = strsep(&rest, "\n")))
        if (!strncmp(line, "task.", 5))
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s", *seen ? " " : "", line + 5);
    assert_string_equal(seen, words);
    free(text);
}

/* One terminal event, the last one; nothing left on the queue. */
static void expect_end(const char *id, const char *status, const char *event)
{
    expect_state(id, status);
    assert_true(atof(field(id, "completed_at")) > 1e9);
    char *text = test_redis_text(&redis, "XREVRANGE " NS "orbiter:stream:%s + -", id), *last = strstr(text, "event\n");
    assert_non_null(last);
    last += 6;
    if (event && strncmp(last, event, strlen(event)))
        fail_msg("the last event is %s", last);
    int ends = 0;
    for (char *p = text; (p = strstr(p, "{\"type\": \"status\", \"status\": \"")); p++)
        ends += strncmp(p + 30, "running", 7) && strncmp(p + 30, "starting", 8);
    assert_int_equal(ends, 1);
    free(text);
    test_redis_expect(&redis, "0", "XLEN " Q);
    test_redis_expect(&redis, "0\n(nil)\n(nil)\n(nil)", "XPENDING " Q " " Q ":group");
    test_redis_expect(&redis, "0", "ZCARD " Q ":delayed");
}

static char *digest(void)
{
    char *data = test_redis_text(&redis, "DEBUG DIGEST"), *pending = test_redis_text(&redis, "XPENDING " Q " " Q ":group - + 100");
    char *both = malloc(strlen(data) + strlen(pending) + 1), *line, *rest = pending;
    strcpy(both, data);
    /* Entry and consumer; the idle time moves on its own. */
    for (int i = 0; (line = strsep(&rest, "\n")); i++)
        if (i % 4 < 2)
            strcat(both, line);
    free(data);
    free(pending);
    return both;
}

/* Runs the call again: the same answer, and nothing has changed. */
#define AGAIN(call)                                                   \
    do {                                                              \
        char first[sizeof answer], *before = digest();                \
        strcpy(first, answer);                                        \
        assert_string_equal(call, first);                             \
        char *after = digest();                                       \
        assert_string_equal(after, before);                           \
        free(before);                                                 \
        free(after);                                                  \
    } while (0)
/* Runs the call: this answer, and nothing has changed. */
#define REFUSED(expected, call)                                       \
    do {                                                              \
        char *before = digest();                                      \
        assert_string_equal(call, expected);                          \
        char *after = digest();                                       \
        assert_string_equal(after, before);                           \
        free(before);                                                 \
        free(after);                                                  \
    } while (0)

static int reset(void **state)
{
    (void)state;
    test_redis_expect(&redis, "OK", "FLUSHALL");
    test_redis_expect(&redis, "OK", "XGROUP CREATE " Q " " Q ":group 0 MKSTREAM");
    return 0;
}

/* Every key is in the namespace, and what must expire does. */
static int check_keys(void **state)
{
    (void)state;
    char *keys = test_redis_text(&redis, "KEYS *"), *key, *rest = keys;
    while ((key = strsep(&rest, "\n"))) {
        if (strncmp(key, NS, strlen(NS)))
            fail_msg("the key %s is outside of the namespace", key);
        long long ttl = test_redis_int(&redis, "TTL %s", key);
        int is_task = strstr(key, "orbiter:task:") && strcmp(key, NS "orbiter:task:index");
        long long most = is_task || strstr(key, "orbiter:payload:") ? 86400 : strstr(key, "orbiter:stream:") ? 3600 : -1;
        if (most < 0 ? ttl != -1 : ttl <= most - 60 || ttl > most)
            fail_msg("the key %s expires in %lld s", key, ttl);
    }
    free(keys);
    return 0;
}

static const char *begun(const char *id)
{
    submit_as(id, PAYLOAD);
    const char *entry = deliver("w1");
    assert_string_equal(begin("w1", entry, id, ""), "run 1 0");
    return entry;
}

/* ---- submit ------------------------------------------------------------- */

static void submit_writes_all_at_once(void **state)
{
    (void)state;
    char entry[64];
    strcpy(entry, submit_as("a", PAYLOAD));
    expect_state("a", "pending");
    assert_string_equal(field("a", "task_id"), "a");
    assert_string_equal(field("a", "queue"), "parked");
    assert_string_equal(field("a", "agent"), "bot");
    assert_string_equal(field("a", "entry_id"), entry);
    assert_true(atof(field("a", "created_at")) > 1e9);
    test_redis_expect(&redis, PAYLOAD, "GET " NS "orbiter:payload:a");
    test_redis_expect(&redis, "a", "SMEMBERS " NS "orbiter:task:index");
    test_redis_expect(&redis, "parked", "SMEMBERS " NS "orbiter:queues");
    char expected[512];
    snprintf(expected, sizeof expected, "%s\npayload\n%s\ntask_id\na", entry, PAYLOAD);
    test_redis_expect(&redis, expected, "XRANGE " Q " - +");
    expect_feed("pending");
    strcpy(answer, entry);
    AGAIN(submit_as("a", PAYLOAD));
    REFUSED("EXISTS", submit_as("a", OTHER));
}

static void submit_twice_gives_the_first_entry_even_after_the_end(void **state)
{
    (void)state;
    char entry[64];
    strcpy(entry, submit_as("a", PAYLOAD));
    deliver("w1");
    begin("w1", entry, "a", "");
    finish("w1", entry, "a", "1", "completed");
    REFUSED(entry, submit_as("a", PAYLOAD));
    REFUSED("EXISTS", submit_as("a", OTHER));
}

/* ---- advance ------------------------------------------------------------ */

static void advance_takes_the_next_attempt_of_its_owner(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(advance("w1", "p1", "a", "1"), "2");
    expect_state("a", "running");
    assert_string_equal(field("a", "attempt"), "2");
    assert_string_equal(field("a", "retries"), "(nil)");
    assert_string_equal(field("a", "entry_id"), entry);
    expect_feed("pending running running");
    strcpy(answer, "2");
    AGAIN(advance("w1", "p1", "a", "1"));
    REFUSED("STALE", advance("w2", "p1", "a", "2"));
    REFUSED("STALE", advance("w1", "p2", "a", "2")); /* that worker died, and another has its name */
    REFUSED("STALE", advance("w1", "p1", "a", "3"));
    REFUSED("STALE", advance("w1", "p1", "b", "1"));
    REFUSED("STALE", finish("w1", entry, "a", "1", "completed"));
    assert_string_equal(finish("w1", entry, "a", "2", "completed"), "completed");
    REFUSED("completed", advance("w1", "p1", "a", "2"));
}

static void a_cancelled_task_takes_no_other_attempt(void **state)
{
    (void)state;
    begun("a");
    cancel("a", "n1");
    REFUSED("cancelled", advance("w1", "p1", "a", "1"));
}

/* ---- begin -------------------------------------------------------------- */

static void begin_takes_the_task(void **state)
{
    (void)state;
    const char *entry = begun("a");
    expect_state("a", "running");
    assert_string_equal(field("a", "worker_id"), "w1");
    assert_string_equal(field("a", "attempt"), "1");
    assert_string_equal(field("a", "completed_at"), "(nil)");
    assert_string_equal(field("a", "error"), "(nil)");
    assert_true(atof(field("a", "started_at")) > 1e9);
    expect_feed("pending running");
    AGAIN(begin("w1", entry, "a", ""));
    finish("w1", entry, "a", "1", "completed");
    expect_end("a", "completed", NULL);
    REFUSED("done 1 0", begin("w2", entry, "a", ""));
}

static void a_second_entry_of_a_running_task_is_a_duplicate(void **state)
{
    (void)state;
    const char *entry = begun("a");
    test_redis_int(&redis, "XLEN " Q);
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    const char *other = deliver("w2");
    assert_string_equal(begin("w2", other, "a", ""), "duplicate 1 0");
    test_redis_expect(&redis, "1", "XLEN " Q);
    assert_string_equal(field("a", "worker_id"), "w1");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
    expect_end("a", "completed", NULL);
}

/* What a Python client queues has no hash, and no field task_id. */
static void a_python_clients_entry_gets_its_hash(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    const char *entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "a", PAYLOAD), "run 1 0");
    expect_state("a", "running");
    assert_string_equal(field("a", "queue"), "parked");
    assert_string_equal(field("a", "agent"), "bot");
    assert_true(atof(field("a", "created_at")) > 1e9);
    test_redis_expect(&redis, PAYLOAD, "GET " NS "orbiter:payload:a");
    test_redis_expect(&redis, "a", "SMEMBERS " NS "orbiter:task:index");
    AGAIN(begin("w1", entry, "a", PAYLOAD));
    finish("w1", entry, "a", "1", "completed");
    expect_end("a", "completed", NULL);
}

static void a_python_workers_retry_is_the_next_attempt(void **state)
{
    (void)state;
    begun("a");
    /* Its nack: the count in the hash, and a new entry with the payload only. */
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a status retrying retries 2 error boom completed_at 1795461239.5"));
    char *old = test_redis_text(&redis, "HGET " NS "orbiter:task:a entry_id");
    free(test_redis_text(&redis, "XACK " Q " " Q ":group %s", old));
    free(test_redis_text(&redis, "XDEL " Q " %s", old));
    free(old);
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    const char *entry = deliver("w2");
    assert_string_equal(begin("w2", entry, "a", PAYLOAD), "run 2 2");
    assert_string_equal(field("a", "error"), "");
    assert_string_equal(field("a", "completed_at"), "");
    assert_string_equal(retry("w2", entry, "a", "2", "0"), "retrying");
    assert_string_equal(field("a", "retries"), "3");
}

/* Python's cancel of what nobody has taken: only the field status. */
static void a_task_that_python_cancelled_is_not_run(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a status cancelled"));
    assert_string_equal(begin("w1", deliver("w1"), "a", ""), "cancelled 0 0");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"bot\", \"message\": \"Task a cancelled\", \"seq\": 1, \"attempt\": 0}");

    free(test_redis_text(&redis, "HSET " NS "orbiter:task:b status cancelled"));
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    const char *entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "b", PAYLOAD), "cancelled 0 0");
    expect_end("b", "cancelled", NULL);
    REFUSED("done 0 0", begin("w1", entry, "b", PAYLOAD));
}

/* ---- finish ------------------------------------------------------------- */

static void finish_completed(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
    expect_end("a", "completed", "{\"type\": \"status\", \"status\": \"completed\", \"agent_name\": \"b\\u00f6t\", \"message\": \"the end\", \"seq\": 9, \"attempt\": 1}");
    assert_string_equal(field("a", "result"), "{\"output\": \"Gr\\u00fc\\u00dfe\"}");
    assert_string_equal(field("a", "usage"), "{\"total_tokens\": 5}");
    assert_string_equal(field("a", "error"), "(nil)");
    assert_string_equal(field("a", "partial"), "(nil)");
    expect_feed("pending running completed");
    strcpy(answer, "completed");
    AGAIN(finish("w1", entry, "a", "1", "completed"));
    REFUSED("completed", finish("w1", entry, "a", "1", "failed")); /* the first outcome stands */
}

static void finish_failed(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(finish("w1", entry, "a", "1", "failed"), "failed");
    expect_end("a", "failed", "{\"type\": \"status\", \"status\": \"error\", ");
    assert_string_equal(field("a", "error"), "boom");
    assert_string_equal(field("a", "error_type"), "ModelError");
    assert_string_equal(field("a", "partial"), "half");
    assert_string_equal(field("a", "result"), "(nil)");
    AGAIN(finish("w1", entry, "a", "1", "failed"));
}

static void only_the_owner_of_the_attempt_writes(void **state)
{
    (void)state;
    const char *entry = begun("a");
    REFUSED("STALE", finish("w2", entry, "a", "1", "completed"));
    REFUSED("STALE", finish("w1", entry, "a", "2", "completed"));
    REFUSED("STALE", finish("w1", entry, "a", "0", "failed"));
    REFUSED("STALE", retry("w2", entry, "a", "1", "0"));
    REFUSED("STALE", retry("w1", entry, "a", "2", "0"));
    REFUSED("STALE", requeue("w2", entry, "a", "1"));
    REFUSED("STALE", requeue("w1", entry, "a", "2"));
    REFUSED("STALE", finish("w1", entry, "unknown", "1", "completed"));
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
}

/* Another worker has taken the entry over: the first one comes too late. */
static void a_late_worker_changes_nothing(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "ZADD " Q ":leased 1 w1")); /* it had a lease once */
    free(test_redis_text(&redis, "XCLAIM " Q " " Q ":group w2 0 %s", entry));
    assert_string_equal(begin("w2", entry, "a", ""), "run 2 0");
    REFUSED("STALE", finish("w1", entry, "a", "1", "completed"));
    assert_string_equal(finish("w2", entry, "a", "2", "completed"), "completed");
    expect_end("a", "completed", NULL);
    REFUSED("STALE", finish("w1", entry, "a", "1", "failed"));
}

/* ---- retry, sweep ----------------------------------------------------- */

static void retry_and_the_next_attempt(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(retry("w1", entry, "a", "1", "600000"), "retrying");
    expect_state("a", "retrying");
    assert_string_equal(field("a", "retries"), "1");
    assert_string_equal(field("a", "error"), "boom");
    assert_string_equal(field("a", "partial"), "half");
    test_redis_expect(&redis, "0", "XLEN " Q);
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:stream:a"); /* no terminal event */
    AGAIN(retry("w1", entry, "a", "1", "600000"));
    /* Not due: nothing moves. */
    sweep();
    assert_string_equal(deliver("w2"), "");
    free(test_redis_text(&redis, "ZADD " Q ":delayed 1 a"));
    sweep();
    sweep();
    test_redis_expect(&redis, "1", "XLEN " Q);
    expect_state("a", "retrying");
    entry = deliver("w2");
    assert_string_equal(entry, field("a", "entry_id"));
    assert_string_equal(begin("w2", entry, "a", ""), "run 2 1");
    assert_string_equal(field("a", "error"), "");
    assert_string_equal(field("a", "error_type"), "");
    assert_string_equal(field("a", "partial"), "");
    assert_string_equal(finish("w2", entry, "a", "2", "completed"), "completed");
    expect_end("a", "completed", NULL);
    expect_feed("pending running retrying running completed");
}

static void the_last_retry_fails_for_good(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a retries 3"));
    assert_string_equal(retry("w1", entry, "a", "1", "0"), "failed");
    expect_end("a", "failed", "{\"type\": \"status\", \"status\": \"error\", \"agent_name\": \"bot\", \"message\": \"boom\", \"seq\": 9, \"attempt\": 1}");
    assert_string_equal(field("a", "retries"), "3");
    AGAIN(retry("w1", entry, "a", "1", "0"));
}

static void due_tasks_are_queued_in_order(void **state)
{
    (void)state;
    static const char *const ids[] = { "a", "b", "c" };
    for (int i = 0; i < 3; i++) {
        const char *entry = begun(ids[i]);
        retry("w1", entry, ids[i], "1", "0");
        free(test_redis_text(&redis, "ZADD " Q ":delayed %d %s", 3 - i, ids[i]));
    }
    sweep();
    assert_string_equal(deliver("w1"), field("c", "entry_id"));
    assert_string_equal(deliver("w1"), field("b", "entry_id"));
    assert_string_equal(deliver("w1"), field("a", "entry_id"));
}

static void a_delayed_task_without_its_payload_fails(void **state)
{
    (void)state;
    const char *entry = begun("a");
    retry("w1", entry, "a", "1", "0");
    free(test_redis_text(&redis, "ZADD " Q ":delayed 1 a"));
    free(test_redis_text(&redis, "DEL " NS "orbiter:payload:a"));
    sweep();
    expect_end("a", "failed", "{\"type\": \"status\", \"status\": \"error\"");
    assert_non_null(strstr(field("a", "error"), "payload"));
}

static void delayed_ids_without_a_task_are_dropped(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "ZADD " Q ":delayed 1 gone"));
    sweep();
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:task:gone");
    test_redis_expect(&redis, "0", "XLEN " Q);
}

/* ---- what was used ------------------------------------------------------ */

static const char *retry_having_used(const char *entry, const char *attempt, const char *usage)
{
    return RUN(retry, Q, "parked", "w1", "86400", "3600", entry, "a", attempt, "0", "3", "\"bot\"", "\"boom\"", "9", "boom", "ModelError", "", usage, "");
}

static void expect_spent(const char *name, const char *value)
{
    char command[80];
    snprintf(command, sizeof command, "HGET " Q ":spent %s", name);
    test_redis_expect(&redis, value, command);
}

/* Each attempt tells the sum of the task; the queue's grows by what is new. */
static void what_tasks_use_is_added_up_once(void **state)
{
    (void)state;
    const char *entry = begun("a");
    retry_having_used(entry, "1", "{\"input_tokens\": 7, \"output_tokens\": 0, \"total_tokens\": 7, \"cost\": 0.000000001}");
    AGAIN(retry_having_used(entry, "1", "{\"input_tokens\": 7, \"output_tokens\": 0, \"total_tokens\": 7, \"cost\": 0.000000001}"));
    sweep();
    entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "a", ""), "run 2 1");
    const char *const usage = "{\"input_tokens\": 10, \"output_tokens\": 2, \"total_tokens\": 12, \"cached_tokens\": 4, \"cost\": 0.3}";
    RUN(finish, Q, "parked", "w2", "86400", "3600", entry, "a", "2", "completed", "\"b\"", "\"end\"", "9", "", "", "{}", "", usage, "");
    assert_string_equal(answer, "STALE");
    RUN(finish, Q, "parked", "w1", "86400", "3600", entry, "a", "2", "completed", "\"b\"", "\"end\"", "9", "", "", "{}", "", usage, "");
    AGAIN(RUN(finish, Q, "parked", "w1", "86400", "3600", entry, "a", "2", "completed", "\"b\"", "\"end\"", "9", "", "", "{}", "", usage, ""));
    assert_string_equal(field("a", "usage"), usage);
    entry = begun("b");
    assert_string_equal(finish("w1", entry, "b", "1", "failed"), "failed"); /* a model without a price */
    expect_spent("input_tokens", "10");
    expect_spent("output_tokens", "2");
    expect_spent("total_tokens", "17");
    expect_spent("cached_tokens", "4");
    expect_spent("cost", "0.3");
}

/* The attempt of a worker that is stopped has used something, too. */
static void what_was_used_before_a_task_is_handed_back_is_kept(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(requeue("w1", entry, "a", "1"), "pending");
    AGAIN(requeue("w1", entry, "a", "1"));
    assert_string_equal(field("a", "usage"), "{\"total_tokens\": 3, \"cost\": 0.25}");
    RUN(begin, Q, "parked", "w2", owner, "86400", "86400", "3600", "", deliver("w2"), "a", "bot", "");
    assert_non_null(strstr(answer, "{\"total_tokens\": 3, \"cost\": 0.25}"));
    cancel("a", "c1");
    RUN(requeue, Q, "parked", "w2", "86400", "3600", field("a", "entry_id"), "a", "2", "{\"total_tokens\": 5, \"cost\": 0.5}");
    assert_string_equal(answer, "cancelled");
    assert_string_equal(field("a", "usage"), "{\"total_tokens\": 5, \"cost\": 0.5}");
    expect_spent("total_tokens", "5");
    expect_spent("cost", "0.5");
}

/* A task ends also where what it used cannot be added up. */
static void a_wrong_key_of_sums_stops_nothing(void **state)
{
    (void)state;
    const char *entry = begun("a");
    test_redis_expect(&redis, "OK", "SET " Q ":spent x");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
    expect_end("a", "completed", NULL);
    test_redis_expect(&redis, "OK", "SET " Q ":spent x");
}

/* ---- requeue, leave ----------------------------------------------------- */

static void requeue_hands_back_uncounted(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(requeue("w1", entry, "a", "1"), "pending");
    expect_state("a", "pending");
    assert_string_equal(field("a", "retries"), "(nil)");
    test_redis_expect(&redis, "1", "XLEN " Q);
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:stream:a");
    AGAIN(requeue("w1", entry, "a", "1"));
    REFUSED("STALE", finish("w1", entry, "a", "1", "completed"));
    const char *next = deliver("w2");
    assert_string_equal(next, field("a", "entry_id"));
    assert_string_equal(begin("w2", next, "a", ""), "run 2 0");
    finish("w2", next, "a", "2", "completed");
    expect_end("a", "completed", NULL);
}

static void requeue_of_what_was_never_begun(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    const char *entry = deliver("w1");
    REFUSED("STALE", requeue("w2", entry, "a", ""));
    assert_string_equal(requeue("w1", entry, "a", ""), "pending");
    expect_state("a", "pending");
    const char *next = deliver("w2");
    assert_string_equal(next, field("a", "entry_id"));
    assert_string_equal(begin("w2", next, "a", ""), "run 1 0");
}

/* The worker after the one that gave it back must still know that it has to keep
 * the payload: a Python client's task has no other copy. */
static void requeue_of_a_python_clients_entry_keeps_its_form(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    assert_string_equal(requeue("w1", deliver("w1"), "a", ""), "pending");
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:task:a");
    char *text = test_redis_text(&redis, "XRANGE " Q " - +");
    assert_non_null(strstr(text, "\npayload\n" PAYLOAD));
    assert_null(strstr(text, "\ntask_id\n"));
    free(text);
    test_redis_expect(&redis, "1", "XLEN " Q);
}

static void requeue_of_a_cancelled_task_ends_it(void **state)
{
    (void)state;
    const char *entry = begun("a");
    cancel("a", "c1");
    assert_string_equal(requeue("w1", entry, "a", "1"), "cancelled");
    expect_end("a", "cancelled", NULL);
    AGAIN(requeue("w1", entry, "a", "1"));
}

static void leave_removes_what_is_empty(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "HSET " NS "orbiter:workers:w1 status running"));
    assert_string_equal(RUN(leave, Q, "w1", "p1"), "1"); /* an entry is pending on it */
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:workers:w1");
    AGAIN(RUN(leave, Q, "w1", "p1"));
    finish("w1", entry, "a", "1", "completed");
    assert_string_equal(RUN(leave, Q, "w1", "p1"), "0");
    test_redis_expect(&redis, "", "XINFO CONSUMERS " Q " " Q ":group");
    AGAIN(RUN(leave, Q, "w1", "p1"));
}

/* ---- cancel ------------------------------------------------------------- */

static void cancel_of_an_unknown_task_makes_nothing(void **state)
{
    (void)state;
    REFUSED("unknown ", cancel("a", "c1"));
}

static void a_cancel_that_is_only_for_what_was_seen(void **state)
{
    (void)state;
    REFUSED("unknown ", cancel_seen("a", "c1", "running 1"));
    const char *entry = begun("a");
    REFUSED("changed running 1", cancel_seen("a", "c1", "pending 0"));
    REFUSED("changed running 1", cancel_seen("a", "c1", "running 2"));
    REFUSED("changed running 1", cancel_seen("a", "c1", "runnin"));
    finish("w1", entry, "a", "1", "completed");
    REFUSED("changed completed 1", cancel_seen("a", "c1", "running 1"));
    REFUSED("finished completed", cancel_seen("a", "c1", "completed 1"));
    submit_as("b", PAYLOAD);
    assert_string_equal(cancel_seen("b", "c1", "pending"), "ended pending");
    /* The same request is not held against what it has done itself; another one is. */
    AGAIN(cancel_seen("b", "c1", "pending"));
    REFUSED("changed cancelled 0", cancel_seen("b", "c2", "pending 0"));
    begun("c");
    assert_string_equal(cancel_seen("c", "c1", "running 1"), "asked running");
    AGAIN(cancel_seen("c", "c1", "running 1"));
    REFUSED("changed cancelled 1", cancel_seen("c", "c2", "running 1"));
    REFUSED("asked cancelled", cancel_seen("c", "c2", "cancelled 1"));
}

static void cancel_pending_ends_it_there_and_then(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    assert_string_equal(cancel("a", "c1"), "ended pending");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"bot\", \"message\": \"Task a cancelled\", \"seq\": 1, \"attempt\": 0}");
    AGAIN(cancel("a", "c1"));
    REFUSED("finished cancelled", cancel("a", "c2"));
    expect_feed("pending cancelled");
}

static void cancel_delivered_but_not_begun(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    const char *entry = deliver("w1");
    assert_string_equal(cancel("a", "c1"), "ended pending");
    expect_end("a", "cancelled", NULL);
    REFUSED("done 0 0", begin("w1", entry, "a", ""));
}

static void cancel_running_is_never_reverted(void **state)
{
    (void)state;
    const char *entry = begun("a");
    assert_string_equal(cancel("a", "c1"), "asked running");
    assert_string_equal(field("a", "status"), "cancelled");
    expect_indexed("a", "running"); /* until it has ended */
    assert_string_equal(field("a", "completed_at"), "(nil)");
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:stream:a"); /* its worker ends it */
    AGAIN(cancel("a", "c1"));
    REFUSED("asked cancelled", cancel("a", "c2"));
    /* Whatever the worker wanted: */
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "cancelled");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"b\\u00f6t\", \"message\": \"Task a cancelled\", \"seq\": 9");
    assert_string_equal(field("a", "partial"), "Gr\u00fc\u00dfe");
    assert_string_equal(field("a", "result"), "(nil)");
    REFUSED("finished cancelled", cancel("a", "c3"));
}

static void cancel_before_a_retry_or_a_failure(void **state)
{
    (void)state;
    const char *entry = begun("a");
    cancel("a", "c1");
    assert_string_equal(retry("w1", entry, "a", "1", "0"), "cancelled");
    expect_end("a", "cancelled", NULL);
    entry = begun("b");
    cancel("b", "c1");
    assert_string_equal(finish("w1", entry, "b", "1", "failed"), "cancelled");
    expect_end("b", "cancelled", NULL);
    assert_string_equal(field("b", "error"), "(nil)");
}

static void cancel_retrying_in_the_delayed_set_and_promoted(void **state)
{
    (void)state;
    retry("w1", begun("a"), "a", "1", "600000");
    assert_string_equal(cancel("a", "c1"), "ended retrying");
    expect_end("a", "cancelled", NULL);
    retry("w1", begun("b"), "b", "1", "0");
    free(test_redis_text(&redis, "ZADD " Q ":delayed 1 b"));
    sweep();
    assert_string_equal(cancel("b", "c1"), "ended retrying");
    expect_end("b", "cancelled", NULL);
}

static void cancel_of_what_has_ended(void **state)
{
    (void)state;
    finish("w1", begun("a"), "a", "1", "completed");
    REFUSED("finished completed", cancel("a", "c1"));
    finish("w1", begun("b"), "b", "1", "failed");
    REFUSED("finished failed", cancel("b", "c1"));
    /* Python's cancel overwrites the state and leaves the result. */
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a status cancelled"));
    REFUSED("finished completed", cancel("a", "c1"));
}

/* Python's cancel of a running task: only the field status. */
static void a_python_cancel_while_running(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a status cancelled"));
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "cancelled");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\"");
}

static void the_terminal_event_takes_the_next_seq(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " NS "orbiter:stream:a * event %s", "{\"type\": \"text\", \"text\": \"\\\"seq\\\": 3\", \"seq\": 41, \"attempt\": 1}"));
    retry("w1", begun("a"), "a", "1", "600000");
    cancel("a", "c1");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"bot\", \"message\": \"Task a cancelled\", \"seq\": 42, \"attempt\": 1}");
}

/* ---- poison ------------------------------------------------------------- */

static void poison_without_an_id(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload nonsense"));
    const char *entry = deliver("w1");
    REFUSED("0", poison("w2", entry, ""));
    assert_string_equal(poison("w1", entry, ""), "1");
    test_redis_expect(&redis, "0", "XLEN " Q);
    char *dead = test_redis_text(&redis, "XRANGE " Q ":dead - +");
    char expected[256];
    snprintf(expected, sizeof expected, "\nreason\nit is bad\nerror_type\nInvalidInput\nentry_id\n%s\ntask_id\n\nworker_id\nw1\n", entry);
    assert_non_null(strstr(dead, expected));
    assert_non_null(strstr(dead, "\npayload\nnonsense"));
    free(dead);
    REFUSED("0", poison("w1", entry, ""));
}

static void poison_with_an_id_fails_its_task(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * other 1"));
    const char *entry = deliver("w1");
    assert_string_equal(poison("w1", entry, "a"), "1");
    expect_end("a", "failed", "{\"type\": \"status\", \"status\": \"error\", \"agent_name\": \"\", \"message\": \"it is bad\", \"seq\": 1, \"attempt\": 0}");
    assert_string_equal(field("a", "error"), "it is bad");
    test_redis_expect(&redis, "a", "SMEMBERS " NS "orbiter:task:index");
}

/* A bad entry that names another task must not end that one. */
static void poison_does_not_touch_another_entrys_task(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    deliver("w1");
    free(test_redis_text(&redis, "XADD " Q " * payload bad"));
    assert_string_equal(poison("w1", deliver("w1"), "a"), "1");
    expect_state("a", "pending");
    const char *entry = begun("b");
    free(test_redis_text(&redis, "XADD " Q " * payload bad"));
    assert_string_equal(poison("w1", deliver("w1"), "b"), "1");
    expect_state("b", "running");
    finish("w1", entry, "b", "1", "completed");
    free(test_redis_text(&redis, "XADD " Q " * payload bad"));
    assert_string_equal(poison("w1", deliver("w1"), "b"), "1");
    expect_state("b", "completed");
}

/* ---- many at once ------------------------------------------------------- */

static void one_call_for_many_tasks(void **state)
{
    (void)state;
    RUN(submit, Q, "parked", "86400", "a", "1", "bot", PAYLOAD, "", "a", "1", "bot", OTHER, "", "b", "1", "bot", PAYLOAD, "");
    char first[48], second[48];
    assert_int_equal(sscanf(answer, "%47s EXISTS %47s", first, second), 2);
    deliver("w1");
    deliver("w1");
    assert_string_equal(RUN(begin, Q, "parked", "w1", owner, "86400", "86400", "3600", "", first, "a", "bot", "", second, "b", "bot", ""), "run 1 0 0   run 1 0 0  ");
    assert_string_equal(RUN(finish, Q, "parked", "w1", "86400", "3600", first, "a", "1", "completed", "\"\"", "\"\"", "1", "", "", "{\"output\": \"\"}", "", "", "",
                            second, "b", "7", "completed", "\"\"", "\"\"", "1", "", "", "{\"output\": \"\"}", "", "", ""), "completed STALE");
    expect_state("a", "completed");
    expect_state("b", "running");
}

/* ---- what is not as it should be ---------------------------------------- */

static void a_spent_entry_begins_nothing(void **state)
{
    (void)state;
    const char *entry = begun("a");
    retry("w1", entry, "a", "1", "60000");
    REFUSED("duplicate 1 1", begin("w2", entry, "a", "")); /* it waits for its time */
    test_redis_int(&redis, "ZADD " Q ":delayed 1 a");
    sweep();
    const char *second = deliver("w1");
    assert_string_equal(begin("w1", second, "a", ""), "run 2 1");
    requeue("w1", second, "a", "2");
    REFUSED("duplicate 2 1", begin("w2", second, "a", ""));
    assert_string_equal(begin("w2", deliver("w2"), "a", ""), "run 3 1");
}

static void a_worker_that_comes_back_under_its_id_makes_a_new_attempt(void **state)
{
    (void)state;
    const char *entry = begun("a");
    AGAIN(begin("w1", entry, "a", ""));
    owner = "p2";
    assert_string_equal(begin("w1", entry, "a", ""), "run 2 0");
    owner = "p1";
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "STALE");
}

/* A failover has lost the end of it, and the worker is given its entry once more. */
static void what_a_worker_has_ended_and_must_begin_again_is_a_new_attempt(void **state)
{
    (void)state;
    const char *entry = begun("a");
    AGAIN(begin("w1", entry, "a", ""));
    free(test_redis_text(&redis, "XADD " NS "orbiter:stream:a * event %s", "{\"type\": \"text\", \"content\": \"x\", \"seq\": 1, \"attempt\": 1}"));
    assert_string_equal(begin("w1", entry, "a", ""), "run 2 0");
    AGAIN(begin("w1", entry, "a", ""));
    test_redis_expect(&redis, "(nil)", "HGET " NS "orbiter:task:a recoveries");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "STALE");
    assert_string_equal(finish("w1", entry, "a", "2", "completed"), "completed");
}

/* After trouble the others may still have to renew their leases: nobody takes from them before the sweep has come regularly for one
 * lease time. */
static void nothing_is_recovered_before_the_sweep_is_steady(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "ZADD " Q ":leased 9999999999999 w1")); /* it had a lease once */
    RUN(join, Q, "w2", "p2", "3000");
    assert_string_equal(RUN(recover, Q, "w2", "p2", "100", "8", "", ""), ""); /* no sweep yet */
    sweep();
    assert_string_equal(RUN(recover, Q, "w2", "p2", "100", "8", "", ""), ""); /* just now */
    free(test_redis_text(&redis, "HINCRBY " Q ":sweep steady_ms -200"));
    assert_string_equal(RUN(recover, Q, "w2", "other", "100", "8", "", ""), ""); /* no lease of its own */
    free(test_redis_text(&redis, "HINCRBY " Q ":sweep seen_ms -2000"));
    assert_string_equal(RUN(recover, Q, "w2", "p2", "100", "8", "", ""), ""); /* there was a break */
    sweep();
    assert_string_equal(RUN(recover, Q, "w2", "p2", "100", "8", "", ""), "");
    free(test_redis_text(&redis, "HINCRBY " Q ":sweep steady_ms -200"));
    const char *taken = RUN(recover, Q, "w2", "p2", "100", "8", "", "");
    if (!strstr(taken, entry))
        fail_msg("taken: %s", taken);
    free(test_redis_text(&redis, "DEL " NS "orbiter:lease:w2"));
}

static void a_wrong_key_spoils_one_task_only(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    const char *good = deliver("w1");
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:task:bad 1 EX 86400");
    free(test_redis_text(&redis, "XADD " Q " * payload x task_id bad"));
    const char *bad = deliver("w1");
    RUN(begin, Q, "parked", "w1", owner, "86400", "86400", "3600", "", bad, "bad", "bot", "", good, "a", "bot", "");
    assert_memory_equal(answer, "error WRONGTYPE", 15);
    assert_non_null(strstr(answer, " run 1 0"));
    assert_string_equal(poison("w1", bad, "bad"), "1");
    test_redis_expect(&redis, "1", "XLEN " Q ":dead");
    /* A stream that is none keeps no task from ending. */
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:stream:a 1 EX 3600");
    assert_string_equal(finish("w1", good, "a", "1", "completed"), "completed");
    expect_state("a", "completed");
    test_redis_expect(&redis, "0", "XLEN " Q);
    test_redis_int(&redis, "DEL " NS "orbiter:task:bad");
}

/* Its neighbours of the same call end, and it is dead-lettered. */
static void a_key_that_becomes_wrong_spoils_one_task_only(void **state)
{
    (void)state;
    const char *bad = begun("bad"), *a = begun("a"), *b = begun("b"), *c = begun("c");
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:task:bad 1 EX 86400");
    RUN(check, Q, "w1", "bad", "1", "0", "a", "1", "0");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    assert_non_null(strstr(answer, " mine"));
    RUN(requeue, Q, "parked", "w1", "86400", "3600", bad, "bad", "1", "", a, "a", "1", "");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    expect_state("a", "pending");
    RUN(retry, Q, "parked", "w1", "86400", "3600", bad, "bad", "1", "0", "3", "\"\"", "\"\"", "1", "", "", "", "", "",
        b, "b", "1", "60000", "3", "\"\"", "\"\"", "1", "", "", "", "", "");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    expect_state("b", "retrying");
    RUN(finish, Q, "parked", "w1", "86400", "3600", bad, "bad", "1", "completed", "\"\"", "\"\"", "1", "", "", "{}", "", "", "",
        c, "c", "1", "completed", "\"\"", "\"\"", "1", "", "", "{}", "", "", "");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    expect_state("c", "completed");
    assert_string_equal(poison("w1", bad, "bad"), "1");
    test_redis_expect(&redis, "1", "XLEN " Q ":dead");
    test_redis_int(&redis, "DEL " NS "orbiter:task:bad");
}

/* Whoever is told that a submit has failed submits again. */
static void a_wrong_key_leaves_no_submit_half_done(void **state)
{
    (void)state;
    test_redis_expect(&redis, "OK", "SET " Q ":p9 1");
    may_fail = 1;
    RUN(submit, Q, "parked", "86400", "a", "1", "bot", PAYLOAD, "", "b", "1", "bot", PAYLOAD, "priority=9 ");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    test_redis_int(&redis, "DEL " Q ":p9");
    test_redis_expect(&redis, "OK", "SET " Q ":delayed 1");
    may_fail = 1;
    RUN(submit, Q, "parked", "86400", "a", "1", "bot", PAYLOAD, "", "b", "1", "bot", PAYLOAD, "delay=1000 ");
    assert_memory_equal(answer, "WRONGTYPE", 9);
    test_redis_int(&redis, "DEL " Q ":delayed");
    test_redis_expect(&redis, "1", "DBSIZE"); /* the queue */
    /* The indexes and the feed are hints. */
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:index:parked:open 1");
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:feed 1");
    submit_as("a", PAYLOAD);
    const char *entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "a", ""), "run 1 0");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
    test_redis_expect(&redis, "0", "XLEN " Q);
    test_redis_int(&redis, "DEL " NS "orbiter:index:parked:open " NS "orbiter:feed");
}

/* The worker has set the stream's expiry a moment ago, and the stream is gone since: the end makes a new one. */
static void a_stream_that_the_end_makes_expires(void **state)
{
    (void)state;
    const char *entry = begun("a");
    RUN(finish, Q, "parked", "w1", "86400", "3600", entry, "a", "1", "completed", "\"\"", "\"\"", "1", "", "", "{}", "", "", "1");
    assert_in_range(test_redis_int(&redis, "TTL " NS "orbiter:stream:a"), 3540, 3600);
}

static void what_waits_long_keeps_its_keys(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    submit_as("b", PAYLOAD);
    const char *made = test_redis_text(&redis, "HGET " NS "orbiter:task:a created_at");
    char old[32];
    snprintf(old, sizeof old, "%.6f", atof(made) - 50000);
    free((char *)(uintptr_t)made);
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:a created_at %s", old));
    free(test_redis_text(&redis, "HSET " NS "orbiter:task:b created_at %s", old));
    test_redis_int(&redis, "EXPIRE " NS "orbiter:task:a 60");
    test_redis_int(&redis, "EXPIRE " NS "orbiter:payload:a 60");
    test_redis_int(&redis, "EXPIRE " NS "orbiter:task:b 864000");
    sweep();
    assert_in_range(test_redis_int(&redis, "TTL " NS "orbiter:task:a"), 86340, 86400);
    assert_in_range(test_redis_int(&redis, "TTL " NS "orbiter:payload:a"), 86340, 86400);
    assert_in_range(test_redis_int(&redis, "TTL " NS "orbiter:task:b"), 863940, 864000); /* due later */
    test_redis_int(&redis, "EXPIRE " NS "orbiter:task:b 86400");
}

/* Sets, indexes and the feed are hints: none of them may stop a task, or refuse one that is queued all the same. */
static void hints_that_are_none_stop_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = { "orbiter:feed", "orbiter:queues", "orbiter:task:index", "orbiter:index:parked:open",
                                        "orbiter:index:parked:completed", "orbiter:index:parked:cancelled" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        test_redis_expect(&redis, "OK", "SET " NS "%s 1", keys[i]);
    submit_as("a", PAYLOAD);
    assert_null(strstr(answer, "WRONGTYPE"));
    const char *entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "a", ""), "run 1 0");
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "completed");
    submit_as("b", PAYLOAD);
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:stream:b 1");
    assert_string_equal(cancel("b", "n1"), "ended pending");
    assert_string_equal(field("b", "status"), "cancelled");
    test_redis_expect(&redis, "0", "XLEN " Q);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        test_redis_int(&redis, "DEL " NS "%s", keys[i]);
    test_redis_int(&redis, "DEL " NS "orbiter:stream:b");
}

/* What the audit stream cannot tell is not done. */
static void without_an_audit_nothing_is_done(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    test_redis_expect(&redis, "OK", "SET " NS "orbiter:audit 1");
    may_fail = 1;
    cancel("a", "n1");
    assert_non_null(strstr(answer, "WRONGTYPE the key " NS "orbiter:audit "));
    expect_state("a", "pending");
    test_redis_expect(&redis, "1", "XLEN " Q);
    may_fail = 1;
    RUN(pause, Q, "parked", "ann", "host:1", "n2", "1");
    assert_non_null(strstr(answer, "WRONGTYPE"));
    test_redis_expect(&redis, "0", "EXISTS " Q ":paused");
    may_fail = 1;
    RUN(purge, Q, "parked", "ann", "host:1", "n3", "1", "86400", "3600");
    assert_non_null(strstr(answer, "WRONGTYPE"));
    expect_state("a", "pending");
    test_redis_int(&redis, "DEL " NS "orbiter:audit");
    assert_string_equal(cancel("a", "n1"), "ended pending");
}

static void what_has_expired_leaves_the_indexes(void **state)
{
    (void)state;
    finish("w1", begun("a"), "a", "1", "completed");
    finish("w1", begun("b"), "b", "1", "failed");
    test_redis_int(&redis, "ZADD " NS "orbiter:index:parked:completed 1 a");
    test_redis_int(&redis, "ZADD " NS "orbiter:index:parked:failed 1 b");
    test_redis_int(&redis, "DEL " NS "orbiter:task:a");
    sweep();
    test_redis_expect(&redis, "b", "SMEMBERS " NS "orbiter:task:index");
    test_redis_expect(&redis, "0", "EXISTS " NS "orbiter:index:parked:completed");
    expect_indexed("b", "failed");
}

static void a_python_clients_waiting_task_is_cancelled(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload %s", "{\"task_id\": \"b\", \"input\": \"\\\"a\\\"\"}"));
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    test_redis_int(&redis, "SADD " NS "orbiter:queues parked");
    assert_string_equal(cancel("a", "c1"), "ended pending");
    AGAIN(cancel("a", "c1"));
    test_redis_expect(&redis, "1", "XLEN " Q);
    expect_state("a", "cancelled");
    assert_string_equal(field("a", "agent"), "bot");
    assert_string_equal(cancel("c", "c2"), "unknown ");
    deliver("w1");
}

/* Slice by slice: a long queue must not keep Redis from all others. */
static void a_python_clients_task_is_looked_for_in_slices(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++)
        free(test_redis_text(&redis, "XADD " Q " * payload %s", "{\"task_id\": \"b\"}"));
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    test_redis_int(&redis, "SADD " NS "orbiter:queues parked");
    const char *const ids[] = { "a", "c" }, *const ends[] = { "ended pending", "unknown " };
    for (int i = 0; i < 2; i++) {
        char behind[sizeof answer] = "";
        int calls = 0;
        do {
            RUN(cancel, NULL, "ann", "host:1", ids[i], ids[i], "86400", "3600", behind);
            snprintf(behind, sizeof behind, "%s", !strncmp(answer, "more ", 5) ? answer + 5 : "");
            calls++;
        } while (*behind);
        assert_string_equal(answer, ends[i]);
        assert_int_equal(calls, 3);
    }
    test_redis_expect(&redis, "150", "XLEN " Q);
    expect_state("a", "cancelled");
}

static void what_is_not_utf8_is_dead_lettered_readably(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload %b", "a\xff", (size_t)2));
    const char *entry = deliver("w1");
    assert_string_equal(RUN(poison, Q, "parked", "w1", entry, "", "it is bad", "InvalidInput", "86400", "3600", "1"), "1");
    char *dead = test_redis_text(&redis, "XRANGE " Q ":dead - +");
    assert_non_null(strstr(dead, "payload\na\\xff"));
    free(dead);
}

static void a_worker_id_is_held_by_one_process(void **state)
{
    (void)state;
    assert_string_equal(RUN(join, Q, "w1", "p1", "5000"), "2 0");
    assert_string_equal(RUN(join, Q, "w1", "p1", "5000"), "1 0");
    assert_string_equal(RUN(join, Q, "w1", "p2", "5000"), "0 0");
    assert_in_range(test_redis_int(&redis, "PTTL " NS "orbiter:lease:w1"), 3000, 5000);
    assert_string_equal(RUN(leave, Q, "w1", "p2"), "0"); /* it is not that one's to leave */
    test_redis_expect(&redis, "1", "EXISTS " NS "orbiter:lease:w1");
    RUN(leave, Q, "w1", "p1");
    assert_string_equal(RUN(join, Q, "w1", "p2", "5000"), "2 0");
    test_redis_int(&redis, "DEL " NS "orbiter:lease:w1");
}

static void a_python_cancel_before_the_next_try_ends_the_task(void **state)
{
    (void)state;
    retry("w1", begun("a"), "a", "1", "0");
    test_redis_int(&redis, "HSET " NS "orbiter:task:a status cancelled");
    sweep();
    expect_end("a", "cancelled", NULL);
}

/* What the model check (tests/chaos/model.c) has found. */

static void a_begin_sent_twice_gives_its_waits_and_deadline_again(void **state)
{
    (void)state;
    RUN(submit, Q, "parked", "86400", "a", "1", "bot", PAYLOAD, "deadline=600000 ");
    const char *entry = deliver("w1");
    test_redis_int(&redis, "HSET " NS "orbiter:task:a rate_waits 2");
    for (int i = 0; i < 2; i++) {
        int ms;
        RUN(begin, Q, "parked", "w1", owner, "86400", "86400", "3600", "", entry, "a", "bot", "");
        assert_int_equal(sscanf(answer, "run 1 0 %*d %d", &ms), 1);
        assert_in_range(ms, 540000, 600000);
    }
    assert_memory_equal(answer, "run 1 0 2 ", 10);
}

static void a_lost_group_of_a_priority_is_made_again(void **state)
{
    (void)state;
    RUN(submit, Q, "parked", "86400", "a", "1", "bot", PAYLOAD, "priority=9 ");
    test_redis_expect(&redis, "1", "XGROUP DESTROY " Q ":p9 " Q ":p9:group");
    submit_as("b", OTHER);
    RUN(claim, Q, "w1", "2", "0", "");
    assert_non_null(strstr(answer, "task_id a"));
    assert_non_null(strstr(answer, "task_id b"));
    /* Without the queue's own: what has been read from others is answered first. */
    RUN(submit, Q, "parked", "86400", "c", "1", "bot", PAYLOAD, "priority=9 ");
    test_redis_expect(&redis, "1", "XGROUP DESTROY " Q " " Q ":group");
    RUN(claim, Q, "w1", "2", "2", "");
    assert_non_null(strstr(answer, "task_id c"));
    char *text = test_redis_text(&redis, "EVAL %s 1 %s %s w1 2 3 %s", orb_script_claim.text, Q, NS, "");
    assert_non_null(strstr(text, "NOGROUP"));
    free(text);
}

static void without_its_group_an_entry_is_nobodys(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    const char *entry = deliver("w1");
    test_redis_expect(&redis, "1", "XGROUP DESTROY " Q " " Q ":group");
    REFUSED("0", poison("w1", entry, "a"));
    REFUSED("STALE", requeue("w1", entry, "a", ""));
    assert_string_equal(begin("w1", entry, "a", ""), "run 1 0");
    RUN(join, Q, "w1", owner, "60000");
    REFUSED("elsewhere 1 0", begin("w2", entry, "a", ""));
    test_redis_int(&redis, "DEL " NS "orbiter:lease:w1");
}

static void an_end_by_another_begins_the_seq_of_its_attempt(void **state)
{
    (void)state;
    const char *entry = begun("a");
    free(test_redis_text(&redis, "XADD " NS "orbiter:stream:a * event %s", "{\"type\": \"text\", \"text\": \"\", \"seq\": 41, \"attempt\": 1}"));
    requeue("w1", entry, "a", "1");
    entry = deliver("w1");
    assert_string_equal(begin("w1", entry, "a", ""), "run 2 0");
    requeue("w1", entry, "a", "2");
    cancel("a", "c1");
    expect_end("a", "cancelled", "{\"type\": \"status\", \"status\": \"cancelled\", \"agent_name\": \"bot\", \"message\": \"Task a cancelled\", \"seq\": 1, \"attempt\": 2}");
}

/* A sweep that goes all round now. */
static void sweep_urgently(void)
{
    for (int i = 0; i < 3; i++) {
        free(test_redis_text(&redis, "HDEL " Q ":sweep next_ms"));
        RUN(sweep, Q, "parked", "w0", "3000", "86400", "86400", "3600", i ? "" : "1");
    }
}

static void a_cancelled_task_without_worker_and_entry_is_ended(void **state)
{
    (void)state;
    begun("a");
    RUN(join, Q, "w1", owner, "60000");
    assert_string_equal(cancel("a", "c1"), "asked running");
    test_redis_int(&redis, "DEL " Q);
    sweep_urgently();
    assert_string_equal(field("a", "completed_at"), "(nil)"); /* its worker ends it */
    test_redis_int(&redis, "DEL " NS "orbiter:lease:w1");
    sweep_urgently();
    expect_state("a", "cancelled");
    assert_true(atof(field("a", "completed_at")) > 1e9);
    test_redis_expect(&redis, "1", "XLEN " NS "orbiter:stream:a");
}

static void what_the_reconciler_fails_leaves_the_open_indexes(void **state)
{
    (void)state;
    retry("w1", begun("a"), "a", "1", "0");
    test_redis_int(&redis, "ZREM " Q ":delayed a");
    test_redis_int(&redis, "DEL " NS "orbiter:payload:a");
    sweep_urgently();
    expect_state("a", "failed");
}

/* Its hash has what Python writes, and no index has the task. */
static void a_python_workers_task_is_indexed_when_it_is_taken_over(void **state)
{
    (void)state;
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    const char *entry = deliver("w1");
    test_redis_int(&redis, "HSET " NS "orbiter:task:a task_id a status running worker_id p1 started_at 1000.5");
    assert_string_equal(begin("w1", entry, "a", PAYLOAD), "run 1 0");
    expect_state("a", "running");
}

static void what_another_process_of_the_id_ran_is_queued_again(void **state)
{
    (void)state;
    begun("a");
    test_redis_int(&redis, "DEL " Q);
    RUN(join, Q, "w1", owner, "60000");
    sweep_urgently();
    expect_state("a", "running");
    test_redis_int(&redis, "DEL " NS "orbiter:lease:w1");
    RUN(join, Q, "w1", "p9", "60000");
    sweep_urgently();
    expect_state("a", "pending");
    test_redis_expect(&redis, "1", "XLEN " Q);
    test_redis_int(&redis, "DEL " NS "orbiter:lease:w1");
}

static void a_begin_without_hash_and_entry_keeps_the_payload(void **state)
{
    (void)state;
    submit_as("a", PAYLOAD);
    const char *entry = deliver("w1");
    test_redis_int(&redis, "DEL " NS "orbiter:task:a");
    test_redis_int(&redis, "XDEL " Q " %s", entry);
    assert_string_equal(begin("w1", entry, "a", ""), "run 1 0");
    test_redis_expect(&redis, PAYLOAD, "GET " NS "orbiter:payload:a");
}

/* Two entries, two workers: the second one ended the cancelled task, and the first had still its own. */
static void a_late_end_gives_its_entry_back(void **state)
{
    (void)state;
    const char *entry = begun("a");
    cancel("a", "c1");
    free(test_redis_text(&redis, "XADD " Q " * payload %s", PAYLOAD));
    assert_string_equal(begin("w2", deliver("w2"), "a", PAYLOAD), "cancelled 1 0");
    test_redis_expect(&redis, "1", "XLEN " Q);
    assert_string_equal(finish("w1", entry, "a", "1", "completed"), "cancelled");
    expect_end("a", "cancelled", NULL);
}

static int open_redis(void **state)
{
    (void)state;
    test_redis_start(&redis);
    link_ = redisConnectUnix(redis.socket);
    return !link_ || link_->err;
}

static int close_redis(void **state)
{
    (void)state;
    redisFree(link_);
    test_redis_stop(&redis);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, check_keys)
    const struct CMUnitTest tests[] = {
        TEST(submit_writes_all_at_once),
        TEST(submit_twice_gives_the_first_entry_even_after_the_end),
        TEST(advance_takes_the_next_attempt_of_its_owner),
        TEST(a_cancelled_task_takes_no_other_attempt),
        TEST(begin_takes_the_task),
        TEST(a_second_entry_of_a_running_task_is_a_duplicate),
        TEST(a_python_clients_entry_gets_its_hash),
        TEST(a_python_workers_retry_is_the_next_attempt),
        TEST(a_task_that_python_cancelled_is_not_run),
        TEST(finish_completed),
        TEST(finish_failed),
        TEST(only_the_owner_of_the_attempt_writes),
        TEST(a_late_worker_changes_nothing),
        TEST(retry_and_the_next_attempt),
        TEST(the_last_retry_fails_for_good),
        TEST(due_tasks_are_queued_in_order),
        TEST(a_delayed_task_without_its_payload_fails),
        TEST(delayed_ids_without_a_task_are_dropped),
        TEST(what_tasks_use_is_added_up_once),
        TEST(what_was_used_before_a_task_is_handed_back_is_kept),
        TEST(a_wrong_key_of_sums_stops_nothing),
        TEST(requeue_hands_back_uncounted),
        TEST(requeue_of_what_was_never_begun),
        TEST(requeue_of_a_python_clients_entry_keeps_its_form),
        TEST(requeue_of_a_cancelled_task_ends_it),
        TEST(leave_removes_what_is_empty),
        TEST(cancel_of_an_unknown_task_makes_nothing),
        TEST(a_cancel_that_is_only_for_what_was_seen),
        TEST(cancel_pending_ends_it_there_and_then),
        TEST(cancel_delivered_but_not_begun),
        TEST(cancel_running_is_never_reverted),
        TEST(cancel_before_a_retry_or_a_failure),
        TEST(cancel_retrying_in_the_delayed_set_and_promoted),
        TEST(cancel_of_what_has_ended),
        TEST(a_python_cancel_while_running),
        TEST(the_terminal_event_takes_the_next_seq),
        TEST(poison_without_an_id),
        TEST(poison_with_an_id_fails_its_task),
        TEST(poison_does_not_touch_another_entrys_task),
        TEST(one_call_for_many_tasks),
        TEST(a_spent_entry_begins_nothing),
        TEST(a_worker_that_comes_back_under_its_id_makes_a_new_attempt),
        TEST(what_a_worker_has_ended_and_must_begin_again_is_a_new_attempt),
        TEST(nothing_is_recovered_before_the_sweep_is_steady),
        TEST(a_wrong_key_spoils_one_task_only),
        TEST(a_key_that_becomes_wrong_spoils_one_task_only),
        TEST(a_wrong_key_leaves_no_submit_half_done),
        TEST(a_stream_that_the_end_makes_expires),
        TEST(what_waits_long_keeps_its_keys),
        TEST(hints_that_are_none_stop_nothing),
        TEST(without_an_audit_nothing_is_done),
        TEST(what_has_expired_leaves_the_indexes),
        TEST(a_python_cancel_before_the_next_try_ends_the_task),
        TEST(a_python_clients_waiting_task_is_cancelled),
        TEST(a_python_clients_task_is_looked_for_in_slices),
        TEST(what_is_not_utf8_is_dead_lettered_readably),
        TEST(a_worker_id_is_held_by_one_process),
        TEST(a_begin_sent_twice_gives_its_waits_and_deadline_again),
        TEST(a_lost_group_of_a_priority_is_made_again),
        TEST(without_its_group_an_entry_is_nobodys),
        TEST(an_end_by_another_begins_the_seq_of_its_attempt),
        TEST(a_cancelled_task_without_worker_and_entry_is_ended),
        TEST(what_the_reconciler_fails_leaves_the_open_indexes),
        TEST(a_python_workers_task_is_indexed_when_it_is_taken_over),
        TEST(what_another_process_of_the_id_ran_is_queued_again),
        TEST(a_begin_without_hash_and_entry_keeps_the_payload),
        TEST(a_late_end_gives_its_entry_back),
    };
    return cmocka_run_group_tests(tests, open_redis, close_redis);
}
