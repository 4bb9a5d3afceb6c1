/* The publisher: what it joins, what it stores, and where it stops storing. */
#include "base/base.h"
#include "event/publisher.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct orb_store *store;
static struct orb_publisher *publisher;
static struct orb_event_stream events;

static int start(void **state)
{
    (void)state;
    struct orb_redis_config config;
    struct orb_error err;
    test_fleet_start(&fleet);
    if (orb_redis_config_init(&config, &(struct orb_redis_options){ .url = fleet.redis.url }, &err))
        return -1;
    config.reconnect = 1;
    store = orb_store_new(fleet.loop, &config, "");
    orb_redis_config_done(&config);
    publisher = orb_publisher_new(fleet.loop, store);
    orb_event_stream_init(&events, publisher, "a", 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    orb_event_stream_done(&events);
    orb_publisher_free(publisher);
    orb_store_free(store);
    test_fleet_stop(&fleet);
    return 0;
}

static void put(enum orb_event_type type, const char *text, size_t len)
{
    orb_event_stream_put(&events, &(struct orb_event_out){ .type = type, .word = "running", .agent_name = "bot", .text = text, .text_len = len });
}

static void say(const char *text)
{
    put(ORB_EVENT_TEXT, text, strlen(text));
}

static int stored;
static int stored_is(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "XLEN orbiter:stream:a") == stored;
}

static void wait_stored(int count)
{
    stored = count;
    test_loop_until(fleet.loop, "the events to be stored", stored_is, NULL, 20000);
}

/* The text of the stored entry at this place, from 0. */
static void expect_entry(int at, const char *part)
{
    char *text = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:a - +"), *rest = text, *line;
    for (int i = 0; (line = strsep(&rest, "\n"));)
        if (*line == '{' && i++ == at)
            break;
    if (!line || !strstr(line, part))
        fail_msg("entry %d is: %s", at, line ? line : "missing");
    free(text);
}

static void the_first_piece_goes_out_at_once_and_the_next_are_joined(void **state)
{
    (void)state;
    say("one");
    events.flushed_ms += test_patience(50) - 50; /* under valgrind the next one may come too late to be joined */
    say(" two");
    say(" three");
    wait_stored(2);
    expect_entry(0, "\"text\": \"one\", \"agent_name\": \"bot\", \"seq\": 1, \"attempt\": 1}");
    expect_entry(1, "\"text\": \" two three\", \"agent_name\": \"bot\", \"seq\": 2, \"attempt\": 1}");
    assert_in_range(test_redis_int(&fleet.redis, "TTL orbiter:stream:a"), 3590, 3600);
}

static void what_waits_goes_before_the_next_event(void **state)
{
    (void)state;
    say("one");
    say(" two");
    put(ORB_EVENT_STATUS, "m", 1);
    say("three");
    put(ORB_EVENT_REASONING, "hm", 2); /* another kind is not joined */
    assert_int_equal(orb_event_stream_last_seq(&events), 6);
    wait_stored(5);
    expect_entry(1, "\"text\": \" two\"");
    expect_entry(2, "\"type\": \"status\"");
    expect_entry(3, "\"text\": \"three\"");
    expect_entry(4, "\"type\": \"reasoning\", \"text\": \"hm\"");
}

static void a_full_stream_stores_no_more_text(void **state)
{
    (void)state;
    static char piece[1024 * 1024];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 20; i++) {
        put(ORB_EVENT_TEXT, piece, sizeof piece);
        put(ORB_EVENT_REASONING, "r", 1); /* so that nothing is joined */
    }
    put(ORB_EVENT_STATUS, "after", 5);
    int64_t last = orb_event_stream_last_seq(&events);
    orb_publisher_flush(publisher);
    int count = (int)events.entries;
    wait_stored(count);
    assert_in_range(count, 8 * 2, 9 * 2 + 2);
    expect_entry(count - 2, "\"truncated\": true");
    expect_entry(count - 1, "\"message\": \"after\"");
    assert_int_equal(last, 20 * 2 + 3); /* what is only published counts too */
    struct orb_error why;
    assert_int_equal(orb_publisher_take_refused(publisher, &why), 0);
}

static void a_full_stream_stores_results_of_tools_cut_short(void **state)
{
    (void)state;
    static char piece[1024 * 1024];
    memset(piece, 'x', sizeof piece);
    json_t *arguments = json_pack("{s:s#}", "x", piece, (int)sizeof piece);
    for (int i = 0; i < 20; i++)
        orb_event_stream_put(&events, &(struct orb_event_out){ .type = ORB_EVENT_TOOL_RESULT, .word = "add", .agent_name = "bot", .tool_call_id = "c",
                                                               .text = piece, .text_len = sizeof piece, .arguments = arguments });
    json_decref(arguments);
    orb_publisher_flush(publisher);
    wait_stored(20);
    assert_in_range(events.bytes, ORB_STREAM_BYTES_MAX, ORB_STREAM_BYTES_MAX + 3 * 1024 * 1024);
    expect_entry(0, "\"arguments\": {\"x\": \"xxx");
    expect_entry(19, "\"arguments\": {}, \"result\": \"xxx");
}

static int is_expiring(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "TTL orbiter:stream:a") > 3590;
}

static void a_silent_task_keeps_its_stream(void **state)
{
    (void)state;
    enum { FIVE_MINUTES = 5 * 60 * 1000 };
    /* Before its first event: what an earlier attempt left. */
    free(test_redis_text(&fleet.redis, "XADD orbiter:stream:a * event {}"));
    free(test_redis_text(&fleet.redis, "EXPIRE orbiter:stream:a 60"));
    events.armed_ms -= FIVE_MINUTES + 1;
    orb_event_stream_touch(&events);
    test_loop_until(fleet.loop, "the expiry", is_expiring, NULL, 5000);
    say("one");
    wait_stored(2);
    free(test_redis_text(&fleet.redis, "EXPIRE orbiter:stream:a 60"));
    orb_event_stream_touch(&events); /* not due */
    put(ORB_EVENT_STATUS, "m", 1);
    wait_stored(3);
    assert_in_range(test_redis_int(&fleet.redis, "TTL orbiter:stream:a"), 1, 60);
    events.armed_ms -= FIVE_MINUTES + 1;
    orb_event_stream_touch(&events);
    test_loop_until(fleet.loop, "the expiry", is_expiring, NULL, 5000);
}

static void ten_thousand_entries_are_stored(void **state)
{
    (void)state;
    for (int i = 0; i < 10100; i++)
        put(i % 2 ? ORB_EVENT_TEXT : ORB_EVENT_REASONING, "x", 1);
    put(ORB_EVENT_STATUS, "after", 5);
    wait_stored(10002);
    expect_entry(10000, "\"truncated\": true");
    expect_entry(10001, "\"message\": \"after\"");
}

static void what_redis_refuses_is_counted(void **state)
{
    (void)state;
    struct orb_error why;
    test_redis_expect(&fleet.redis, "OK", "SET orbiter:stream:a x");
    say("one");
    say(" two");
    put(ORB_EVENT_STATUS, "m", 1);
    int64_t refused = 0;
    for (int64_t deadline = test_now_ms() + test_patience(10000); !refused;) {
        assert_true(test_now_ms() < deadline);
        assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
        refused = orb_publisher_take_refused(publisher, &why);
    }
    assert_non_null(strstr(why.text, "WRONGTYPE"));
    assert_int_equal(orb_publisher_take_refused(publisher, &why), 0);
}

static int link_is(void *arg)
{
    return orb_redis_is_up(orb_store_redis(store)) == *(int *)arg;
}

static void wait_link(int is_up)
{
    test_loop_until(fleet.loop, is_up ? "the connection" : "its end", link_is, &is_up, 10000);
}

/* A store that has no server: what is sent is kept, and can be counted. */
static struct orb_store *dead_store(void)
{
    struct orb_redis_config config;
    assert_int_equal(orb_redis_config_init(&config, &(struct orb_redis_options){ .url = "unix:///nowhere/redis" }, NULL), 0);
    config.reconnect = 1;
    struct orb_store *dead = orb_store_new(fleet.loop, &config, "");
    orb_redis_config_done(&config);
    return dead;
}

/* Puts events of the first count streams; how much more is kept after the turn? */
static size_t kept_by_turn(struct orb_store *dead, struct orb_event_stream *streams, int count)
{
    size_t before = orb_redis_queued_bytes(orb_store_redis(dead));
    for (int i = 0; i < count; i++)
        orb_event_stream_put(&streams[i], &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = "running", .agent_name = "bot", .text = "m", .text_len = 1 });
    assert_int_equal(orb_loop_turn(fleet.loop, 0), 0);
    return orb_redis_queued_bytes(orb_store_redis(dead)) - before;
}

static void what_comes_soon_after_many_waits_for_a_moment(void **state)
{
    struct orb_event_stream streams[10];
    char ids[10][16];
    struct orb_store *dead = dead_store();
    struct orb_publisher *other = orb_publisher_new(fleet.loop, dead);
    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(ids[i], sizeof ids[i], "o%d", i);
        orb_event_stream_init(&streams[i], other, ids[i], 1);
    }
    /* Of few each goes out at once. */
    assert_true(kept_by_turn(dead, streams, 1) > 0);
    assert_true(kept_by_turn(dead, streams, 1) > 0);
    int64_t began_us, deadline = test_now_ms() + test_patience(20000);
    size_t bytes;
    do { /* until it takes less than a millisecond */
        assert_true(test_now_ms() < deadline);
        began_us = orb_mono_us();
        orb_publisher_flush(other);
        kept_by_turn(dead, streams, 10);
        orb_publisher_flush(other);
        bytes = kept_by_turn(dead, streams, 1);
    } while (orb_mono_us() - began_us >= 1000);
    assert_int_equal(bytes, 0);
    bytes = orb_redis_queued_bytes(orb_store_redis(dead));
    while (orb_redis_queued_bytes(orb_store_redis(dead)) == bytes) {
        assert_true(test_now_ms() < deadline);
        assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
    }
    for (int i = 0; i < 10; i++)
        orb_event_stream_done(&streams[i]);
    orb_publisher_free(other);
    orb_store_free(dead);
}

/* A worker that stood still: what it had not written yet waits until it is known that the task is still its own. */
static void what_was_not_written_in_time_is_held_back(void **state)
{
    (void)state;
    struct orb_event_stream lost;
    int64_t now = orb_loop_now_ms(fleet.loop);
    orb_event_stream_init(&lost, publisher, "b", 1);
    orb_publisher_trust(publisher, now + 600000);
    put(ORB_EVENT_STATUS, "kept", 4);
    orb_event_stream_put(&lost, &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = "running", .agent_name = "bot", .text = "m", .text_len = 1 });
    orb_publisher_trust(publisher, now - 1);
    assert_int_equal(orb_publisher_is_held(publisher), 1);
    put(ORB_EVENT_STATUS, "later", 5);
    assert_int_equal(orb_event_stream_last_seq(&events), 3);
    orb_publisher_flush(publisher);
    orb_event_stream_done(&lost); /* another worker has it now */
    orb_publisher_trust(publisher, now + 600000);
    wait_stored(2);
    expect_entry(0, "\"message\": \"kept\", \"seq\": 1,");
    expect_entry(1, "\"message\": \"later\", \"seq\": 2,");
    assert_int_equal(test_redis_int(&fleet.redis, "EXISTS orbiter:stream:b"), 0);
}

static int published(void)
{
    char *text = test_redis_text(&fleet.redis, "INFO commandstats");
    const char *line = strstr(text, "cmdstat_publish:calls=");
    int count = line ? atoi(strchr(line, '=') + 1) : 0;
    free(text);
    return count;
}

/* Redis has run them, and the connection breaks before its replies. */
static void what_was_stored_is_not_stored_again(void **state)
{
    (void)state;
    struct orb_buf b;
    wait_link(1);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "CLIENT");
    orb_cmd_str(&b, "REPLY");
    orb_cmd_str(&b, "OFF");
    assert_int_equal(orb_redis_send(orb_store_redis(store), &b, 1, 0, NULL, NULL), 0);
    orb_buf_done(&b);
    for (int i = 0; i < 3; i++)
        put(ORB_EVENT_STATUS, "m", 1);
    wait_stored(3);
    /* As if it had not run the last one. */
    char *ids = test_redis_text(&fleet.redis, "XREVRANGE orbiter:stream:a + - COUNT 1");
    assert_int_equal(test_redis_int(&fleet.redis, "XDEL orbiter:stream:a %s", strtok(ids, "\n")), 1);
    free(ids);
    assert_int_equal(published(), 3);
    free(test_redis_text(&fleet.redis, "CLIENT KILL TYPE normal SKIPME yes"));
    wait_link(0);
    put(ORB_EVENT_STATUS, "later", 5);
    wait_stored(4);
    expect_entry(0, "\"seq\": 1,");
    expect_entry(1, "\"seq\": 2,");
    expect_entry(2, "\"seq\": 3,");
    expect_entry(3, "\"message\": \"later\"");
    assert_int_equal(published(), 5);
    struct orb_error why;
    assert_int_equal(orb_publisher_take_refused(publisher, &why), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(the_first_piece_goes_out_at_once_and_the_next_are_joined),
        TEST(what_waits_goes_before_the_next_event),
        TEST(a_full_stream_stores_no_more_text),
        TEST(a_full_stream_stores_results_of_tools_cut_short),
        TEST(a_silent_task_keeps_its_stream),
        TEST(ten_thousand_entries_are_stored),
        TEST(what_redis_refuses_is_counted),
        TEST(what_comes_soon_after_many_waits_for_a_moment),
        TEST(what_was_not_written_in_time_is_held_back),
        TEST(what_was_stored_is_not_stored_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
