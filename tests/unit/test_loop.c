/* The loop: deferred calls, timers, signals, watched descriptors, the adapter. */
#include "loop/loop.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_loop *loop;
static char trace[64];

static int start(void **state)
{
    (void)state;
    loop = orb_loop_new();
    trace[0] = '\0';
    return loop ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    orb_loop_free(loop);
    return 0;
}

static void note(void *arg)
{
    strncat(trace, arg, sizeof trace - strlen(trace) - 1);
}

static char word_a[] = "a", word_b[] = "b", word_c[] = "c", word_d[] = "d";

static void deferred_calls_run_in_order_and_never_at_once(void **state)
{
    (void)state;
    orb_loop_defer(loop, note, word_a);
    orb_loop_defer(loop, note, word_b);
    orb_loop_defer(loop, note, word_c);
    assert_string_equal(trace, "");
    assert_int_equal(orb_loop_run(loop), 0); /* ends: nothing is left to wait for */
    assert_string_equal(trace, "abc");
}

static void note_and_defer(void *arg)
{
    note(arg);
    orb_loop_defer(loop, note, word_d);
}

static void what_a_deferred_call_defers_runs_behind_the_others(void **state)
{
    (void)state;
    orb_loop_defer(loop, note_and_defer, word_a);
    orb_loop_defer(loop, note, word_b);
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "abd");
}

static void note_and_forget(void *arg)
{
    note(arg);
    orb_loop_forget(loop, word_b);
}

static void forgotten_calls_do_not_run(void **state)
{
    (void)state;
    orb_loop_defer(loop, note_and_forget, word_a);
    orb_loop_defer(loop, note, word_b);
    orb_loop_defer(loop, note, word_c);
    orb_loop_defer(loop, note, word_b);
    orb_loop_defer(loop, note, word_d);
    orb_loop_forget(loop, word_c);
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "ad");
    orb_loop_forget(loop, word_a);
}

static int chain_left;
static void chain(void *arg)
{
    if (chain_left-- > 0)
        orb_loop_defer(loop, chain, arg);
}

static void on_byte(void *arg, int fd)
{
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    note(arg);
    chain_left = 0;
}

/* A chain of deferred calls must not starve the descriptors. */
static void a_chain_of_deferred_calls_lets_descriptors_in(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    struct orb_watch *watch = orb_watch_new(loop, fd[0], on_byte, word_a);
    assert_int_equal(write(fd[1], "x", 1), 1);
    chain_left = 1000000;
    orb_loop_defer(loop, chain, NULL);
    while (!*trace && chain_left >= 0)
        assert_int_equal(orb_loop_turn(loop, 0), 0);
    assert_string_equal(trace, "a");
    orb_watch_free(watch);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(orb_loop_run(loop), 0);
}

static void freeing_the_loop_runs_what_was_deferred(void **state)
{
    (void)state;
    struct orb_loop *other = orb_loop_new();
    orb_loop_defer(other, note, word_a);
    orb_loop_defer(other, note, word_b);
    orb_loop_free(other);
    assert_string_equal(trace, "ab");
    orb_loop_free(NULL);
}

static void timers_fire_once_in_order_and_can_be_moved(void **state)
{
    (void)state;
    struct orb_timer *a = orb_timer_new(loop, note, word_a), *b = orb_timer_new(loop, note, word_b), *c = orb_timer_new(loop, note, word_c);
    assert_int_equal(orb_timer_is_started(a), 0);
    orb_timer_start(a, 30);
    orb_timer_start(b, 1);
    orb_timer_start(c, 600000);
    orb_timer_start(c, 10); /* moves it */
    assert_int_equal(orb_timer_is_started(c), 1);
    int64_t before = orb_loop_now_ms(loop);
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "bca");
    assert_true(orb_loop_now_ms(loop) - before >= 29);
    assert_int_equal(orb_timer_is_started(a), 0);
    orb_timer_start(a, -5); /* as soon as can be */
    orb_timer_start(b, 0);
    orb_timer_stop(b);
    orb_timer_stop(b);
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "bcaa");
    orb_timer_start(b, 0);
    orb_timer_free(a);
    orb_timer_free(b); /* started: it does not fire */
    orb_timer_free(c);
    orb_timer_free(NULL);
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "bcaa");
}

static void stop_loop(void *arg)
{
    note(arg);
    orb_loop_stop(loop);
}

static void a_turn_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    struct orb_timer *far_off = orb_timer_new(loop, note, word_a), *soon = orb_timer_new(loop, stop_loop, word_b);
    orb_timer_start(far_off, 600000);
    int64_t before = orb_loop_now_ms(loop);
    assert_int_equal(orb_loop_turn(loop, 20), 0);
    int64_t waited = orb_loop_now_ms(loop) - before;
    assert_true(waited >= 19 && waited < 60000);
    assert_int_equal(orb_loop_turn(loop, 0), 0);
    assert_string_equal(trace, "");
    orb_timer_start(soon, 1);
    assert_int_equal(orb_loop_run(loop), 0); /* ends though a timer is left */
    assert_string_equal(trace, "b");
    orb_timer_free(far_off);
    orb_timer_free(soon);
}

static void on_signal(void *arg, int signo)
{
    assert_int_equal(signo, SIGUSR1);
    stop_loop(arg);
}

static void a_signal_is_delivered_in_the_loop(void **state)
{
    (void)state;
    struct orb_signal *s = orb_signal_new(loop, SIGUSR1, on_signal, word_a);
    raise(SIGUSR1);
    assert_string_equal(trace, "");
    assert_int_equal(orb_loop_run(loop), 0);
    assert_string_equal(trace, "a");
    orb_signal_free(s);
    orb_signal_free(NULL);
}

/* The adapter: the caller's base drives everything and outlives the loop. */
static void a_base_of_the_caller(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct orb_loop *mine = orb_loop_attach(base);
    assert_ptr_equal(orb_loop_base(mine), base);
    struct orb_timer *timer = orb_timer_new(mine, note, word_b);
    orb_timer_start(timer, 1);
    orb_loop_defer(mine, note, word_a);
    event_base_dispatch(base);
    assert_string_equal(trace, "ab");
    orb_timer_free(timer);
    orb_loop_free(mine);
    event_base_dispatch(base); /* still the caller's */
    event_base_free(base);
    assert_null(orb_loop_attach(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(deferred_calls_run_in_order_and_never_at_once),
        TEST(what_a_deferred_call_defers_runs_behind_the_others),
        TEST(forgotten_calls_do_not_run),
        TEST(a_chain_of_deferred_calls_lets_descriptors_in),
        TEST(freeing_the_loop_runs_what_was_deferred),
        TEST(timers_fire_once_in_order_and_can_be_moved),
        TEST(a_turn_waits_no_longer_than_it_may),
        TEST(a_signal_is_delivered_in_the_loop),
        TEST(a_base_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
