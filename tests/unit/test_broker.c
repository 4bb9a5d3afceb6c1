/* Back-off, names of queues and namespaces. */
#include "base/base.h"
#include "broker/broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void back_off_doubles_up_to_a_minute(void **state)
{
    (void)state;
    static const int64_t limit[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
    for (int retry = 1; retry <= 8; retry++) {
        assert_int_equal(orb_broker_backoff_ms(retry, 0, 0.0), 0);
        assert_int_equal(orb_broker_backoff_ms(retry, 0, 0.5), limit[retry - 1] / 2);
        int64_t most = orb_broker_backoff_ms(retry, 0, 0.999999999);
        assert_in_range(most, limit[retry - 1] - 1, limit[retry - 1]);
    }
    assert_in_range(orb_broker_backoff_ms(1000000, 0, 0.999), 59000, 60000);
    assert_in_range(orb_broker_backoff_ms(0, 0, 0.999), 0, 1000);
}

static void back_off_waits_as_long_as_the_peer_asked(void **state)
{
    (void)state;
    assert_int_equal(orb_broker_backoff_ms(1, 700, 0.0), 700);
    assert_int_equal(orb_broker_backoff_ms(1, 700, 0.9), 900);
    assert_int_equal(orb_broker_backoff_ms(1, 120000, 0.5), 120000);
    assert_int_equal(orb_broker_backoff_ms(1, INT64_MAX, 0.5), 120000);
    assert_int_equal(orb_broker_backoff_ms(1, -5, 0.5), 500);
}

static void queue_names(void **state)
{
    (void)state;
    static const char *const good[] = { "orbiter:tasks", "parked", "a", "team/eu:high", "orbiter" };
    static const char *const bad[] = { "", "a b", "a\n", "orbiter:other", "orbiter:tasks:dead", "orbiter:task:index", "gr\u00fcn", "\x7f" };
    struct orb_error err;
    char longest[130];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(orb_store_queue_check(good[i], &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(orb_store_queue_check(bad[i], &err), ORB_E_USAGE);
    memset(longest, 'q', sizeof longest);
    longest[128] = '\0';
    assert_int_equal(orb_store_queue_check(longest, &err), 0);
    longest[128] = 'q';
    longest[129] = '\0';
    assert_int_equal(orb_store_queue_check(longest, &err), ORB_E_USAGE);
}

static void namespaces(void **state)
{
    (void)state;
    char out[72];
    struct orb_error err;
    assert_int_equal(orb_store_prefix("blue", out, &err), 0);
    assert_string_equal(out, "{blue}:");
    assert_int_equal(orb_store_prefix("", out, &err), 0);
    assert_string_equal(out, "");
    assert_int_equal(orb_store_prefix(NULL, out, &err), 0);
    strcpy(out, "kept");
    assert_int_equal(orb_store_prefix("a}b", out, &err), ORB_E_USAGE);
    assert_int_equal(orb_store_prefix("a b", out, &err), ORB_E_USAGE);
    assert_int_equal(orb_store_prefix("*", out, &err), ORB_E_USAGE);
    assert_int_equal(orb_store_prefix("0123456789012345678901234567890123456789012345678901234567890123x", out, &err), ORB_E_USAGE);
    assert_string_equal(out, "kept");
    assert_int_equal(orb_store_prefix("0123456789012345678901234567890123456789012345678901234567890123", out, &err), 0);
    assert_int_equal(strlen(out), 67);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_off_doubles_up_to_a_minute),
        cmocka_unit_test(back_off_waits_as_long_as_the_peer_asked),
        cmocka_unit_test(queue_names),
        cmocka_unit_test(namespaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
