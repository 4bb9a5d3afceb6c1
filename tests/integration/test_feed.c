/* The lifecycle feed, followed through what happens to Redis and to the link. */
#include "support/fleet.h"
#include "support/proxy.h"
#include <orbiter/watch.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_proxy proxy;
static struct orb_client *far_client; /* through the proxy, or as another user */
static struct orb_feed *feed;

/* What a feed has told. */
struct heard {
    char text[64 * 1024];      /* "pending a" and so on, blanks between; "UP", "DOWN", "GAP" where they came */
    char position[48];
    char last[512];            /* the last event, whole */
    int64_t at_ms;
    size_t events, most;       /* most: in one batch */
    int batches, behind, is_up, downs, gaps, code;
    int is_silent, silences;
    int free_at;               /* the feed is freed when so many events have come */
};
static struct heard heard;

static void note(struct heard *h, const char *a, const char *b)
{
    size_t n = strlen(h->text);
    snprintf(h->text + n, sizeof h->text - n, "%s%s%s%s", n ? ", " : "", a, *b ? " " : "", b);
}

static void note_event(struct heard *h, const struct orb_feed_event *e)
{
    note(h, e->status < 0 ? e->type : orb_status_word((enum orb_status)e->status), e->task_id);
    snprintf(h->last, sizeof h->last, "%s %s %s %s %s %lld", e->entry_id, e->type, e->queue, e->worker_id, e->task_id, (long long)e->attempt);
    h->at_ms = e->at_ms;
}

static void on_feed(void *arg, const struct orb_feed_batch *batch, const struct orb_error *err)
{
    struct heard *h = arg;
    h->code = err ? err->code : 0;
    if (batch->is_gap) {
        h->gaps++;
        note(h, "GAP", "");
    }
    if (batch->is_up != h->is_up) {
        h->downs += !batch->is_up;
        note(h, batch->is_up ? "UP" : "DOWN", "");
    }
    h->is_up = batch->is_up;
    h->silences += batch->silent_ms > 0 && !h->is_silent;
    h->is_silent = batch->silent_ms > 0;
    h->batches += batch->count > 0;
    h->behind += batch->is_behind;
    h->most = batch->count > h->most ? batch->count : h->most;
    snprintf(h->position, sizeof h->position, "%s", batch->position);
    for (size_t i = 0; i < batch->count; i++)
        note_event(h, &batch->events[i]);
    h->events += batch->count;
    if (h->free_at && (int)h->events >= h->free_at) {
        orb_feed_free(feed);
        feed = NULL;
    }
}

static int start(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof heard);
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_feed_free(feed);
    orb_client_free(far_client);
    feed = NULL;
    far_client = NULL;
    test_proxy_stop(&proxy);
    test_fleet_stop(&fleet);
    return 0;
}

static void follow(struct orb_client *client, const char *from_id)
{
    struct orb_error err;
    assert_int_equal(orb_feed_follow(client, from_id, on_feed, &heard, &feed, &err), 0);
    test_loop_until(fleet.loop, "the feed to be there", test_is_set, &heard.is_up, 10000);
}

static void connect_through_proxy(void)
{
    char url[64];
    struct orb_error err;
    test_proxy_start(&proxy, fleet.redis.socket, 0);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy.port);
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = url }, &far_client, &err), 0);
}

static int has_events(void *arg)
{
    return heard.events >= *(size_t *)arg;
}

static void until_events(size_t count)
{
    test_loop_until(fleet.loop, "events of the feed", has_events, &count, 15000);
}

static int has_gap(void *arg)
{
    (void)arg;
    return heard.gaps > 0;
}

static void submit(const char *id)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = "sim:", .input = "x" });
}

/* An entry of the feed, as a script writes one. */
static void add(const char *id, const char *type, const char *tasks)
{
    free(test_redis_text(&fleet.redis, "XADD orbiter:feed %s type %s queue q worker_id w tasks %s", id, type, tasks));
}

static void what_happens_is_told_as_it_happens(void **state)
{
    (void)state;
    struct test_child worker = { 0 };
    submit("before");
    follow(fleet.client, NULL);
    double began = orb_now();
    submit("a");
    until_events(1);
    assert_string_equal(heard.text, "UP, pending a");
    assert_true(heard.at_ms > (int64_t)(began * 1000) - 5000 && heard.at_ms < (int64_t)(began * 1000) + 60000);
    test_worker_start(&worker, &fleet, (const char *const[]){ "--worker-id", "w1", "--concurrency", "1", NULL }, NULL);
    until_events(5);
    assert_string_equal(heard.text, "UP, pending a, running before, completed before, running a, completed a");
    char expected[512];
    snprintf(expected, sizeof expected, "%s task.completed orbiter:tasks w1 a 1", heard.position);
    assert_string_equal(heard.last, expected);
    test_worker_stop(&worker);
}

static void it_goes_on_from_a_position(void **state)
{
    (void)state;
    submit("a");
    submit("b");
    follow(fleet.client, "0");
    until_events(2);
    assert_string_equal(heard.text, "UP, pending a, pending b");
    char position[48];
    snprintf(position, sizeof position, "%s", heard.position);
    orb_feed_free(feed);
    submit("c");
    memset(&heard, 0, sizeof heard);
    follow(fleet.client, position);
    until_events(1);
    assert_string_equal(heard.text, "UP, pending c");
}

static void the_last_ones_are_told_first(void **state)
{
    (void)state;
    follow(fleet.client, "-3"); /* there is no feed yet */
    submit("a");
    until_events(1);
    assert_string_equal(heard.text, "UP, pending a");
    orb_feed_free(feed);
    for (char id[2] = "b"; *id <= 'e'; ++*id)
        submit(id);
    memset(&heard, 0, sizeof heard);
    follow(fleet.client, "-3");
    until_events(3);
    submit("f");
    until_events(4);
    assert_string_equal(heard.text, "UP, pending c, pending d, pending e, pending f");
    assert_int_equal(heard.behind, 1); /* where it begins */
    orb_feed_free(feed);
    memset(&heard, 0, sizeof heard);
    follow(fleet.client, "-10000");
    until_events(6);
    assert_string_equal(heard.text, "UP, pending a, pending b, pending c, pending d, pending e, pending f");
}

static void a_position_must_be_one(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "x", "5-", "-", "-0", "--5", "-5x", "-10001", "5-x", "$", "5-5-5", "(5-0", "1234567890123456789012345678901234567890123456789" };
    struct orb_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(orb_feed_follow(fleet.client, bad[i], on_feed, &heard, &feed, &err), ORB_E_USAGE);
    assert_int_equal(heard.batches, 0);
}

static void one_entry_may_be_about_many_and_hold_anything(void **state)
{
    (void)state;
    follow(fleet.client, NULL);
    free(test_redis_text(&fleet.redis, "XADD orbiter:feed * type %s queue q worker_id %s tasks %s", "task.failed", "", "a:1 b:2  c:0 a/b:3 :4 d"));
    free(test_redis_text(&fleet.redis, "XADD orbiter:feed * other field"));
    add("*", "worker.lost", "e:7");
    until_events(5);
    assert_string_equal(heard.text, "UP, failed a, failed b, failed c, failed d, worker.lost e");
}

static void much_comes_in_batches(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "EVAL %s 0", "for i = 1, 1200 do redis.call('XADD', 'orbiter:feed', '*', 'type', 'task.pending', 'queue', 'q', 'worker_id', '', "
                         "'tasks', 't' .. i .. ':0') end"));
    follow(fleet.client, "0");
    until_events(1200);
    assert_int_equal(heard.events, 1200);
    assert_int_equal(heard.batches, 3);
    assert_int_equal(heard.behind, 3); /* where it begins, too */
    assert_int_equal(heard.most, ORB_FEED_ENTRIES_MAX);
    assert_non_null(strstr(heard.text, "UP, pending t1, pending t2,"));
    assert_non_null(strstr(heard.text, "pending t500, pending t501,"));
    assert_null(strstr(heard.text, "GAP"));
}

/* Not one command per event. */
static void what_happens_fast_comes_together(void **state)
{
    (void)state;
    follow(fleet.client, NULL);
    long long before = test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'commandstats'):match('cmdstat_xread:calls=(%d+)') or 0");
    int64_t began = test_now_ms();
    for (int i = 0; i < 400; i++) {
        char tasks[16];
        snprintf(tasks, sizeof tasks, "t%d:0", i);
        add("*", "task.pending", tasks);
        assert_int_equal(orb_loop_turn(fleet.loop, 0), 0);
    }
    until_events(400);
    long long took = test_now_ms() - began;
    long long reads = test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'commandstats'):match('cmdstat_xread:calls=(%d+)')") - before;
    if (reads > took / 20 + 3)
        fail_msg("%lld reads in %lld ms", reads, took);
}

static void a_lost_connection_leaves_no_gap(void **state)
{
    (void)state;
    connect_through_proxy();
    follow(far_client, NULL);
    submit("a");
    until_events(1);
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
    submit("b");
    test_loop_until(fleet.loop, "the loss to be told", test_is_set, &heard.downs, 10000);
    assert_int_equal(heard.code, ORB_E_UNREACHABLE);
    submit("c");
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    until_events(3);
    submit("d");
    until_events(4);
    assert_string_equal(heard.text, "UP, pending a, DOWN, UP, pending b, pending c, pending d");
}

static void ignore_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    (void)arg, (void)event, (void)err;
}

static int is_subscribed(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('PUBSUB', 'NUMSUB', 'orbiter:events:a')[2]");
}

static int64_t until_ms;

static int is_later(void *arg)
{
    (void)arg;
    return test_now_ms() >= until_ms;
}

/* What waits longer between its tries is told that Redis is there again. */
static void streams_come_back_with_the_feed(void **state)
{
    (void)state;
    struct orb_error err;
    connect_through_proxy();
    follow(far_client, NULL);
    test_submit(&fleet, &(struct test_task){ .id = "a", .model = "sim:", .input = "x" });
    struct orb_task_handle *handle = orb_task_handle_new(far_client, "a");
    assert_int_equal(orb_task_handle_stream(handle, NULL, ignore_event, NULL, &err), 0);
    test_loop_until(fleet.loop, "the subscription", is_subscribed, NULL, 10000);
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
    until_ms = test_now_ms() + 4000; /* so that the pauses between its tries are long */
    test_loop_until(fleet.loop, "some tries", is_later, NULL, 10000);
    assert_int_equal(is_subscribed(NULL), 0);
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    test_loop_until(fleet.loop, "the subscription", is_subscribed, NULL, 1000);
    orb_task_handle_free(handle);
    assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
}

static void a_link_that_is_mute_is_noticed(void **state)
{
    (void)state;
    connect_through_proxy();
    follow(far_client, NULL);
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0);
    submit("a");
    test_loop_until(fleet.loop, "the loss to be told", test_is_set, &heard.downs, 10000);
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    until_events(1);
    assert_string_equal(heard.text, "UP, DOWN, UP, pending a");
}

static int is_heard(void *arg)
{
    (void)arg;
    return !heard.is_silent;
}

static void a_silence_is_told_within_a_second(void **state)
{
    (void)state;
    connect_through_proxy();
    follow(far_client, NULL);
    until_ms = test_now_ms() + 1500; /* while nothing happens, it answers all the time */
    test_loop_until(fleet.loop, "some time", is_later, NULL, 10000);
    assert_int_equal(heard.silences, 0);
    test_redis_freeze(&fleet.redis);
    test_loop_until(fleet.loop, "the silence", test_is_set, &heard.is_silent, 1000);
    test_redis_thaw(&fleet.redis);
    test_loop_until(fleet.loop, "its end", is_heard, NULL, 1000);
    assert_int_equal(heard.silences, 1);
    assert_int_equal(heard.downs, 0);
}

/* Where the way is long, answers that take long are no silence. */
static void a_long_way_is_no_silence(void **state)
{
    (void)state;
    connect_through_proxy();
    test_proxy_set(&proxy, TEST_PROXY_LATE, 200);
    follow(far_client, NULL);
    until_ms = test_now_ms() + 1500;
    test_loop_until(fleet.loop, "some time", is_later, NULL, 10000);
    submit("a");
    until_events(1);
    until_ms = test_now_ms() + 2000;
    test_loop_until(fleet.loop, "some time", is_later, NULL, 10000);
    assert_int_equal(heard.silences, 0);
    assert_int_equal(heard.downs, 0);
}

static void what_was_trimmed_meanwhile_is_a_gap(void **state)
{
    (void)state;
    connect_through_proxy();
    submit("a");
    follow(far_client, "0");
    until_events(1);
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
    submit("b");
    submit("c");
    free(test_redis_text(&fleet.redis, "XTRIM orbiter:feed MAXLEN 1"));
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    until_events(2);
    assert_string_equal(heard.text, "UP, pending a, DOWN, GAP, UP, pending c");
}

static void a_position_that_was_trimmed_is_a_gap(void **state)
{
    (void)state;
    submit("a");
    submit("b");
    free(test_redis_text(&fleet.redis, "XTRIM orbiter:feed MAXLEN 1"));
    follow(fleet.client, "5-0");
    until_events(1);
    assert_string_equal(heard.text, "GAP, UP, pending b");
    orb_feed_free(feed);
    memset(&heard, 0, sizeof heard);
    follow(fleet.client, "0");
    until_events(1);
    assert_string_equal(heard.text, "GAP, UP, pending b");
}

/* Another Redis, or this one without its data: its entries may have lower ids than those that were seen. */
static void lost_data_is_a_gap_and_it_goes_on(void **state)
{
    (void)state;
    connect_through_proxy();
    submit("a");
    follow(far_client, "0");
    until_events(1);
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
    free(test_redis_text(&fleet.redis, "FLUSHALL"));
    add("7-1", "task.pending", "x:0");
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    test_loop_until(fleet.loop, "the gap to be told", has_gap, NULL, 10000);
    add("7-2", "task.pending", "y:0");
    until_events(2);
    assert_string_equal(heard.text, "UP, pending a, DOWN, GAP, UP, pending y");
}

static int is_blocked(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "EVAL %s 0", "return redis.call('INFO', 'clients'):match('blocked_clients:(%d+)')") > 0;
}

/* As after a suspend: the answer has waited here, and more was trimmed meanwhile than it had. */
static void what_was_trimmed_while_this_process_stood_still_is_a_gap(void **state)
{
    (void)state;
    submit("a");
    follow(fleet.client, "0");
    until_events(1);
    test_loop_until(fleet.loop, "the next read to wait", is_blocked, NULL, 10000);
    until_ms = test_now_ms() + 2100;
    add("*", "task.pending", "b:0");
    add("*", "task.pending", "c:0");
    add("*", "task.pending", "d:0");
    free(test_redis_text(&fleet.redis, "XTRIM orbiter:feed MAXLEN 1"));
    test_wait_until("the answer to be old", is_later, NULL, 10000);
    until_events(3);
    assert_string_equal(heard.text, "UP, pending a, pending b, GAP, pending d");
}

static void freed_in_its_callback_it_is_silent(void **state)
{
    (void)state;
    heard.free_at = 1;
    follow(fleet.client, NULL);
    submit("a");
    until_events(1);
    assert_null(feed);
    submit("b");
    for (int i = 0; i < 20; i++)
        assert_int_equal(orb_loop_turn(fleet.loop, 1), 0);
    assert_int_equal(heard.events, 1);
}

static void a_viewer_may_follow_and_who_may_not_is_told(void **state)
{
    (void)state;
    far_client = test_client_as(&fleet, ORB_ACL_VIEWER, "viewer");
    follow(far_client, NULL);
    submit("a");
    until_events(1);
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER viewer -xread");
    heard.code = 0;
    test_loop_until(fleet.loop, "the refusal to be told", test_is_set, &heard.downs, 10000);
    assert_int_equal(heard.code, ORB_E_REFUSED);
    submit("b");
    test_redis_expect(&fleet.redis, "OK", "ACL SETUSER viewer +xread");
    until_events(2);
    assert_string_equal(heard.text, "UP, pending a, DOWN, UP, pending b");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(what_happens_is_told_as_it_happens),
        TEST(it_goes_on_from_a_position),
        TEST(the_last_ones_are_told_first), TEST(a_position_must_be_one),
        TEST(one_entry_may_be_about_many_and_hold_anything),
        TEST(much_comes_in_batches),
        TEST(what_happens_fast_comes_together),
        TEST(a_lost_connection_leaves_no_gap),
        TEST(streams_come_back_with_the_feed),
        TEST(a_link_that_is_mute_is_noticed),
        TEST(a_silence_is_told_within_a_second),
        TEST(a_long_way_is_no_silence),
        TEST(what_was_trimmed_meanwhile_is_a_gap),
        TEST(a_position_that_was_trimmed_is_a_gap),
        TEST(lost_data_is_a_gap_and_it_goes_on),
        TEST(what_was_trimmed_while_this_process_stood_still_is_a_gap),
        TEST(freed_in_its_callback_it_is_silent),
        TEST(a_viewer_may_follow_and_who_may_not_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
