#include "loop/after.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1767225600.0 /* 2026-01-01T00:00:00Z */

static void resets(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "1s", 1000 }, { "6m0s", 360000 }, { "20ms", 20 }, { "1.5s", 1500 }, { "1h2m3s", 3723000 }, { "7m12.5s", 432500 }, { "1d", 86400000 },
        { "500us", 1 }, { "0s", 0 }, { "12", 12000 }, { "0.25", 250 }, { "1767225605", 5000 }, { "1767225605500", 5500 }, { "1767225000", 0 },
        { "2026-01-01T00:00:30Z", 30000 }, { "2026-01-01T00:00:00.5Z", 500 }, { "2026-01-01T01:00:10+01:00", 10000 },
        { "2025-12-31T23:00:10-01:00", 10000 }, { "2025-12-31T23:59:59Z", 0 }, { "99999999999999999s", INT32_MAX * (int64_t)1000 },
        { "", -1 }, { "soon", -1 }, { "-1s", -1 }, { "s", -1 }, { "1x", -1 }, { "1s ", -1 }, { "nan", -1 }, { "0x10s", -1 }, { "1.2.3s", -1 }, { ".", -1 },
        { "2026-01-01T00:00:30", -1 }, { "2026-01-01", -1 }, { "2026-01-01T00:00:30.Z", -1 }, { "2026-01-01T00:00:30+1", -1 }, { "2026-01-01T00:00:30Zz", -1 },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++)
        if (orb_after_reset(cases[i].text, NOW) != cases[i].ms)
            fail_msg("'%s': %lld, expected %lld", cases[i].text, (long long)orb_after_reset(cases[i].text, NOW), (long long)cases[i].ms);
}

static void retries(void **state)
{
    (void)state;
    assert_int_equal(orb_after_retry("3", NOW), 3000);
    assert_int_equal(orb_after_retry("Thu, 01 Jan 2026 00:01:00 GMT", NOW), 60000);
    assert_int_equal(orb_after_retry("Wed, 31 Dec 2025 00:01:00 GMT", NOW), 0);
    assert_int_equal(orb_after_retry("later", NOW), -1);
    assert_int_equal(orb_after_retry("-3", NOW), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(resets), cmocka_unit_test(retries) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
