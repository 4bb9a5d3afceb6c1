/* The console's model on a real Redis: what comes, comes once and wholly, whatever is paused, left, cut off or refused meanwhile. */
#include "support/fleet.h"
#include "support/proxy.h"
#include "tui/data_inner.h"
#include "tui/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_proxy proxy;
static struct test_child worker;
static struct tui_session session;
static struct tui_options options;
static struct orb_redis_options redis;
static char url[TEST_PATH_MAX + 256];

static struct tui_model *m(void)
{
    return session.model;
}

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (session.model)
        tui_session_close(&session);
    test_child_kill(&worker);
    test_proxy_stop(&proxy);
    test_fleet_stop(&fleet);
    return 0;
}

static void open_console(const char *to)
{
    struct orb_error err = { 0 };
    redis = (struct orb_redis_options){ .url = to };
    options = (struct tui_options){ .loop = fleet.loop, .redis = &redis, .is_once = 1, .test_fd = -1 };
    if (tui_session_open(&session, &options, &err))
        fail_msg("%s", err.text);
}

static void open_through_proxy(void)
{
    test_proxy_start(&proxy, fleet.redis.socket, 0);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy.port);
    open_console(url);
}

/* What a frame does, without drawing. */
static void turn(void)
{
    tui_session_key(&session, TUI_MSG_TICK, "", 0, 0);
    tui_session_serve(&session);
    tui_model_settle(m());
    tui_model_painted(m());
    assert_int_equal(orb_loop_turn(fleet.loop, 5), 0);
}

#define UNTIL(condition) \
    do { \
        for (int64_t deadline = test_now_ms() + test_patience(10000); !(condition);) { \
            if (test_now_ms() > deadline) \
                fail_msg("waited for: %s", #condition); \
            turn(); \
        } \
    } while (0)

static void key(const char *name)
{
    tui_session_key(&session, TUI_MSG_KEY, name, 0, 0);
    turn();
}

static const struct tui_task *task(const char *id)
{
    uint32_t row = tui_tasks_find(&m()->tasks, id);
    return row == UINT32_MAX ? NULL : &m()->tasks.rows[row];
}

static int is_state(const char *id, enum orb_status state)
{
    const struct tui_task *t = task(id);
    return t && t->state == (int)state;
}

/* What the stream's pane has, without its headlines. */
static size_t words_shown(void)
{
    size_t len, n = 0;
    char *text = tui_pane_text(&m()->open.panes[TUI_TAB_STREAM], &len), *rest = text, *word;
    while ((word = strtok_r(rest, " \n", &rest)))
        n += word[0] == 'w' && word[1] >= '0' && word[1] <= '9';
    free(text);
    return n;
}

/* ---- the stream of the open task --------------------------------------------------------- */

static void write_words(const char *id, int from, int to)
{
    char event[200];
    for (int i = from; i <= to; i++) {
        snprintf(event, sizeof event, "{\"type\": \"text\", \"agent_name\": \"bot\", \"text\": \"w%d \", \"seq\": %d, \"attempt\": 1}", i, i);
        free(test_redis_text(&fleet.redis, "XADD orbiter:stream:%s * event %s", id, event));
    }
    free(test_redis_text(&fleet.redis, "PUBLISH orbiter:events:%s x", id));
}

static void make_running(const char *id)
{
    test_submit(&fleet, &(struct test_task){ .id = id });
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:%s status running attempt 1 worker_id w", id));
}

static void test_a_task_that_is_opened_again_goes_on_where_it_was(void **state)
{
    (void)state;
    make_running("one");
    write_words("one", 1, 20);
    open_console(fleet.redis.url);
    tui_go_task(m(), "one");
    UNTIL(words_shown() == 20);
    key("1"); /* away, and it goes on */
    write_words("one", 21, 30);
    tui_go_task(m(), "one");
    UNTIL(m()->open.replayed + m()->open.live >= 30);
    assert_int_equal(words_shown(), 30);
    assert_int_equal(m()->open.gaps, 0);
}

static void test_a_cursor_that_comes_back_at_once_finds_the_stream_whole(void **state)
{
    (void)state;
    make_running("one");
    make_running("two");
    write_words("one", 1, 20);
    write_words("two", 1, 10);
    open_console(fleet.redis.url);
    UNTIL(m()->tasks.is_filled && m()->tasks.count == 2);
    key("4");
    key("g");
    UNTIL(words_shown() >= 10);
    size_t all = words_shown();
    for (int i = 0; i < 3; i++) {
        key("j");
        key("k");
    }
    UNTIL(words_shown() >= all);
    assert_int_equal(words_shown(), all);
    assert_int_equal(m()->open.gaps, 0);
    UNTIL(m()->open.has_detail);
    UNTIL(!session.data->is_detailing);
    tui_session_key(&session, TUI_MSG_KEY, "j", 0, 0);
    tui_model_settle(m()); /* another one is open, and the stream of the first is still followed */
    session.data->detailed_ms = 0;
    tui_data_detail(session.data);
    UNTIL(m()->open.has_detail);
}

static void test_what_comes_in_a_pause_is_there_afterwards(void **state)
{
    (void)state;
    make_running("one");
    make_running("two");
    open_console(fleet.redis.url);
    tui_go_task(m(), "one");
    UNTIL(m()->tasks.is_filled && m()->open.has_detail);
    key("p"); /* before it has said anything */
    write_words("one", 1, 10);
    UNTIL(m()->newer >= 10);
    assert_int_equal(words_shown(), 0);
    key("p");
    UNTIL(words_shown() == 10);
    key("p");
    write_words("one", 11, 15);
    UNTIL(m()->newer >= 5);
    test_submit(&fleet, &(struct test_task){ .id = "three" });
    UNTIL(m()->newer >= 6);
    assert_null(task("three"));
    key("p");
    UNTIL(words_shown() == 15 && task("three"));
    assert_int_equal(m()->open.gaps, 0);
}

static void test_a_task_that_is_opened_in_a_pause_is_shown(void **state)
{
    (void)state;
    make_running("one");
    make_running("two");
    write_words("one", 1, 5);
    write_words("two", 1, 7);
    open_console(fleet.redis.url);
    tui_go_task(m(), "one");
    UNTIL(words_shown() == 5);
    key("p");
    tui_go_task(m(), "two");
    UNTIL(words_shown() == 7 && m()->open.has_detail);
    write_words("two", 8, 9);
    UNTIL(words_shown() == 9);
    key("p");
    write_words("two", 10, 11);
    UNTIL(words_shown() >= 11);
    assert_int_equal(words_shown(), 11);
    assert_int_equal(m()->open.gaps, 0);
}

static void test_a_walk_that_a_pause_has_cut_loses_no_task(void **state)
{
    (void)state;
    char id[20];
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "task-%03d", i);
        free(test_redis_text(&fleet.redis, "HSET orbiter:task:%s task_id %s status completed created_at %d attempt 1", id, id, 1000 + i));
        free(test_redis_text(&fleet.redis, "SADD orbiter:task:index %s", id));
    }
    open_console(fleet.redis.url);
    UNTIL(session.data->is_walking);
    key("p");
    UNTIL(!session.data->is_walking);
    key("p");
    UNTIL(m()->tasks.is_filled);
    assert_int_equal(m()->tasks.count, 500);
}

/* ---- when Redis was away ------------------------------------------------------------------ */

static void test_the_walk_goes_on_when_redis_is_back(void **state)
{
    (void)state;
    char id[20];
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof id, "task-%04d", i);
        free(test_redis_text(&fleet.redis, "HSET orbiter:task:%s task_id %s status completed created_at %d attempt 1", id, id, 1000 + i));
        free(test_redis_text(&fleet.redis, "SADD orbiter:task:index %s", id));
    }
    open_through_proxy();
    UNTIL(m()->tasks.is_filled);
    uint8_t generation = m()->tasks.generation;
    UNTIL(m()->tasks.generation != generation); /* a slow one has begun */
    test_proxy_set(&proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&proxy);
    UNTIL(!m()->link.is_up);
    double down = orb_now();
    UNTIL(orb_now() - down > 0.7); /* the walk's timer has come meanwhile */
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    UNTIL(m()->link.is_up);
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:late task_id late status completed created_at 9 attempt 1"));
    free(test_redis_text(&fleet.redis, "SADD orbiter:task:index late"));
    m()->tasks.is_filled = 0;
    UNTIL(m()->tasks.is_filled);
    m()->tasks.is_filled = 0;
    UNTIL(m()->tasks.is_filled && task("late"));
}

/* What is shown is as old as the last answer, not as the discovery. */
static void test_a_silence_counts_from_the_last_answer(void **state)
{
    (void)state;
    make_running("one");
    open_console(fleet.redis.url);
    UNTIL(m()->tasks.is_filled && session.data->has_joined);
    double since = orb_now();
    UNTIL(orb_now() - since > 1);
    assert_int_equal(m()->link.is_silent, 0);
    test_redis_freeze(&fleet.redis);
    since = orb_now();
    UNTIL(m()->link.is_silent);
    assert_true(m()->link.is_up);
    assert_true(m()->link.heard_at < since + 0.4);
    test_redis_thaw(&fleet.redis);
    UNTIL(!m()->link.is_silent);
    assert_true(m()->link.is_up);
}

static void test_rows_that_were_not_answered_are_asked_for_again(void **state)
{
    (void)state;
    open_through_proxy();
    UNTIL(m()->tasks.is_filled);
    make_running("one");
    UNTIL(task("one") && task("one")->agent);
    test_proxy_set(&proxy, TEST_PROXY_HOLE, 0); /* the question goes out, no answer comes */
    tui_tasks_note(&m()->tasks, tui_tasks_find(&m()->tasks, "one"));
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:one status completed completed_at 1795461238 usage {\"input_tokens\":7,\"output_tokens\":5,\"total_tokens\":12}"));
    double asked = orb_now();
    UNTIL(orb_now() - asked > 0.6);
    assert_int_equal(task("one")->tokens_in, 0);
    test_proxy_set(&proxy, TEST_PROXY_PASS, 0);
    test_proxy_cut(&proxy);
    UNTIL(task("one")->tokens_in == 7);
}

/* ---- what nobody tells --------------------------------------------------------------------- */

static void test_a_task_that_has_expired_goes_though_an_index_has_it(void **state)
{
    (void)state;
    test_submit(&fleet, &(struct test_task){ .id = "one" });
    test_submit(&fleet, &(struct test_task){ .id = "two" });
    free(test_redis_text(&fleet.redis, "HSET orbiter:task:one status completed completed_at 1795461238"));
    open_console(fleet.redis.url);
    UNTIL(m()->tasks.is_filled && is_state("one", ORB_STATUS_COMPLETED));
    free(test_redis_text(&fleet.redis, "DEL orbiter:task:one"));
    UNTIL(!task("one"));
    assert_non_null(task("two"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_task_that_is_opened_again_goes_on_where_it_was, start, stop),
        cmocka_unit_test_setup_teardown(test_a_cursor_that_comes_back_at_once_finds_the_stream_whole, start, stop),
        cmocka_unit_test_setup_teardown(test_what_comes_in_a_pause_is_there_afterwards, start, stop),
        cmocka_unit_test_setup_teardown(test_a_task_that_is_opened_in_a_pause_is_shown, start, stop),
        cmocka_unit_test_setup_teardown(test_a_walk_that_a_pause_has_cut_loses_no_task, start, stop),
        cmocka_unit_test_setup_teardown(test_the_walk_goes_on_when_redis_is_back, start, stop),
        cmocka_unit_test_setup_teardown(test_a_silence_counts_from_the_last_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_rows_that_were_not_answered_are_asked_for_again, start, stop),
        cmocka_unit_test_setup_teardown(test_a_task_that_has_expired_goes_though_an_index_has_it, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
