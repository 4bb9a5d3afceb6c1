/* Streams of events that come fast, or have come before; and what many tasks said last. */
#include "support/fleet.h"
#include <orbiter/acl.h>
#include <orbiter/watch.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct orb_client *viewer;
static struct orb_task_handle *handle;

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_task_handle_free(handle);
    handle = NULL;
    orb_client_free(viewer);
    viewer = NULL;
    test_fleet_stop(&fleet);
    return 0;
}

/* ---- one stream ---------------------------------------------------------------- */

struct heard {
    int is_over, code, wrong;      /* wrong: events that were not the next one */
    int64_t seq;
};

static struct heard heard;         /* the handle may outlive the test */

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct heard *h = arg;
    if (!event) {
        h->is_over = 1;
        h->code = err ? err->code : 0;
        return;
    }
    h->wrong += event->seq != h->seq + 1;
    h->seq = event->seq;
}

/* Events of the task t from..to, each stored and published. */
static void say(int from, int to)
{
    char text[2][16];
    snprintf(text[0], sizeof text[0], "%d", from);
    snprintf(text[1], sizeof text[1], "%d", to);
    free(test_redis_text(&fleet.redis, "EVAL %s 0 %s %s",
        "for i = ARGV[1], ARGV[2] do local e = string.format('{\"type\": \"text\", \"text\": \"word %d\", \"agent_name\": \"bot\", \"seq\": %d, \"attempt\": 1}', i, i) "
        "redis.call('XADD', 'orbiter:stream:t', '*', 'event', e) redis.call('PUBLISH', 'orbiter:events:t', e) end", text[0], text[1]));
}

static void task_is(const char *status, const char *completed_at)
{
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:t task_id t status %s worker_id w attempt 1 completed_at %s", status, completed_at));
}

static void begin(struct orb_client *client, struct heard *h)
{
    struct orb_error err;
    handle = orb_task_handle_new(client, "t");
    assert_int_equal(orb_task_handle_stream(handle, NULL, on_event, h, &err), 0);
}

static long long calls_of(const char *command)
{
    return test_redis_int(&fleet.redis, "EVAL %s 0 %s", "return redis.call('INFO', 'commandstats'):match('cmdstat_' .. ARGV[1] .. ':calls=(%d+)') or 0", command);
}

static void history_and_what_comes_fast_join_without_a_gap(void **state)
{
    (void)state;
    heard = (struct heard){ 0 };
    task_is("running", "");
    say(1, 7300);
    begin(fleet.client, &heard);
    for (int i = 7301; i <= 27300; i += 100) {
        say(i, i + 99);
        assert_int_equal(orb_loop_turn(fleet.loop, 0), 0);
    }
    task_is("completed", "5.5");
    say(27301, 27301);
    test_loop_until(fleet.loop, "the end", test_is_set, &heard.is_over, 30000);
    assert_int_equal(heard.code, 0);
    assert_int_equal(heard.wrong, 0);
    assert_int_equal(heard.seq, 27301);
}

/* Not one question per event. */
static void what_comes_fast_is_read_together(void **state)
{
    (void)state;
    heard = (struct heard){ 0 };
    task_is("running", "");
    begin(fleet.client, &heard);
    say(1, 1);
    while (heard.seq < 1)
        assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
    long long before = calls_of("xrange");
    int64_t began = test_now_ms();
    for (int i = 2; i <= 1000; i++) {
        say(i, i);
        assert_int_equal(orb_loop_turn(fleet.loop, 0), 0);
    }
    while (heard.seq < 1000)
        assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
    long long took = test_now_ms() - began, reads = calls_of("xrange") - before;
    assert_int_equal(heard.wrong, 0);
    if (reads > took / 20 + 5)
        fail_msg("%lld reads in %lld ms", reads, took);
}

/* ---- tails ---------------------------------------------------------------------- */

struct told {
    int calls, code;
    char text[1024]; /* "id: text text; " */
};

static void on_tails(void *arg, const struct orb_tail *tails, size_t count, const struct orb_error *err)
{
    struct told *t = arg;
    t->calls++;
    t->code = err ? err->code : 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(t->text);
        n += (size_t)snprintf(t->text + n, sizeof t->text - n, "%s:", tails[i].id);
        for (size_t k = 0; k < tails[i].count; k++)
            n += (size_t)snprintf(t->text + n, sizeof t->text - n, " %.*s@%s", (int)tails[i].events[k].text_len, tails[i].events[k].text, tails[i].events[k].stream_id);
        snprintf(t->text + n, sizeof t->text - n, "; ");
    }
}

static struct told tails_of(struct orb_client *client, const char *const *ids, size_t count, int last)
{
    struct told t = { 0 };
    struct orb_error err;
    assert_int_equal(orb_fleet_tails(client, ids, count, last, on_tails, &t, &err), 0);
    assert_int_equal(t.calls, 0);
    test_loop_until(fleet.loop, "the tails", test_is_set, &t.calls, 10000);
    assert_int_equal(t.calls, 1);
    return t;
}

static void event(const char *task, const char *entry, const char *text, int seq, int attempt)
{
    char json[256];
    snprintf(json, sizeof json, "{\"type\": \"text\", \"text\": \"%s\", \"agent_name\": \"bot\", \"seq\": %d, \"attempt\": %d}", text, seq, attempt);
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:%s %s event %s", task, entry, json));
}

static void the_last_events_of_many_tasks(void **state)
{
    (void)state;
    static const char *const ids[] = { "a", "silent", "b", "no id", "odd" };
    for (int i = 1; i <= 9; i++) {
        char text[16], entry[16];
        snprintf(text, sizeof text, "w%d", i);
        snprintf(entry, sizeof entry, "%d-0", i);
        event("a", entry, text, i, 1);
    }
    event("b", "1-0", "x", 1, 1);
    event("b", "2-0", "y", 1, 2);
    event("b", "3-0", "late", 2, 1); /* of an attempt that is over */
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:b 4-0 event {"));
    free(test_redis_text(&fleet.redis, "SET orbiter:stream:odd x"));
    struct told t = tails_of(fleet.client, ids, 5, 4);
    assert_int_equal(t.code, 0);
    assert_string_equal(t.text, "a: w6@6-0 w7@7-0 w8@8-0 w9@9-0; silent:; b: x@1-0 y@2-0; no id:; odd:; ");
    viewer = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    t = tails_of(viewer, ids, 1, 1);
    assert_string_equal(t.text, "a: w9@9-0; ");
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER viewer -xrevrange");
    assert_int_equal(tails_of(viewer, ids, 1, 1).code, ORB_E_REFUSED);
}

static void tails_have_limits(void **state)
{
    (void)state;
    static const char *const ids[] = { "a" };
    struct told t = { 0 };
    struct orb_error err;
    assert_int_equal(orb_fleet_tails(fleet.client, ids, 0, 1, on_tails, &t, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_tails(fleet.client, ids, ORB_TAILS_MAX + 1, 1, on_tails, &t, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_tails(fleet.client, ids, 1, 0, on_tails, &t, &err), ORB_E_USAGE);
    assert_int_equal(orb_fleet_tails(fleet.client, ids, 1, ORB_TAIL_EVENTS_MAX + 1, on_tails, &t, &err), ORB_E_USAGE);
    assert_int_equal(t.calls, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(history_and_what_comes_fast_join_without_a_gap),
        TEST(what_comes_fast_is_read_together),
        TEST(the_last_events_of_many_tasks),
        TEST(tails_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
