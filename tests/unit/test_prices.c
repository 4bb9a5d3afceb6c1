/* The table of prices. */
#include "base/base.h"
#include "model/prices.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct orb_prices *table(const char *text)
{
    struct orb_prices *p = NULL;
    struct orb_error err = { 0 };
    if (orb_prices_parse(text, strlen(text), "t", &p, &err))
        fail_msg("%s", err.text);
    return p;
}

/* In micro-dollars; -1: there is no price. */
static long long cost(const struct orb_prices *p, const char *model, int64_t in, int64_t out, int64_t cached, int64_t written)
{
    double dollars;
    struct orb_usage u = { .input_tokens = in, .output_tokens = out, .cached_tokens = cached, .cache_write_tokens = written };
    return orb_prices_cost(p, model, &u, &dollars) ? -1 : llround(dollars * 1e6);
}

static void the_longest_name_wins(void **state)
{
    (void)state;
    struct orb_prices *p = table("gpt-4o 2.5 10 1.25 2.5 # a comment\n\n# another\ngpt-4o-mini 1 1 1 1\nazure:gpt-4o 5 5 5 5\nollama: 0 0 0 0\r\n");
    assert_int_equal(cost(p, "openai:gpt-4o", 1000000, 0, 0, 0), 2500000);
    assert_int_equal(cost(p, "gpt-4o", 1000000, 0, 0, 0), 2500000);
    assert_int_equal(cost(p, "openai:gpt-4o-2024-08-06", 1000000, 0, 0, 0), 2500000);
    assert_int_equal(cost(p, "openai:gpt-4o-mini-2024", 1000000, 0, 0, 0), 1000000);
    assert_int_equal(cost(p, "openrouter:openai/gpt-4o", 1000000, 0, 0, 0), 2500000);
    assert_int_equal(cost(p, "azure:gpt-4o", 1000000, 0, 0, 0), 5000000);
    assert_int_equal(cost(p, "ollama:gpt-oss", 1000000, 5, 0, 0), 0);
    assert_int_equal(cost(p, "openai:gpt-4omni", 1, 0, 0, 0), -1);
    assert_int_equal(cost(p, "openai:gpt-4", 1, 0, 0, 0), -1);
    assert_int_equal(cost(p, "", 1, 0, 0, 0), -1);
    orb_prices_free(p);
}

/* Cached and written tokens are part of the input. */
static void each_kind_of_token_has_its_price(void **state)
{
    (void)state;
    struct orb_prices *p = table("m 3 15 0.3 3.75");
    assert_int_equal(cost(p, "x:m", 1000, 100, 600, 300), 100 * 3 + 600 * 0.3 + 300 * 3.75 + 100 * 15);
    assert_int_equal(cost(p, "x:m", 100, 0, 1000, 0), 300); /* more than there is: a server that counts in its own way */
    orb_prices_free(p);
}

static void what_is_no_table_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "a 1 2 3\n", "t line 1: 'a' needs four prices" }, { "# x\na 1 2 3 x\n", "t line 2" }, { "a 1 2 3 -1", "line 1" },
        { "a 1 2 3 4 5", "'5' is one word too many" }, { "a 1 2 3 nan", "line 1" }, { "a 1 2 3 1e9", "line 1" },
    };
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        struct orb_prices *p = NULL;
        struct orb_error err = { 0 };
        assert_int_equal(orb_prices_parse(bad[i][0], strlen(bad[i][0]), "t", &p, &err), ORB_E_CONFIG);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void a_file_takes_the_place_of_the_table(void **state)
{
    (void)state;
    char path[] = "/tmp/prices.XXXXXX";
    struct orb_prices *p = NULL;
    struct orb_error err = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "sim: 1 1 1 1\n", 13), 13);
    close(fd);
    assert_int_equal(orb_prices_read(path, &p, &err), 0);
    assert_int_equal(cost(p, "sim:x", 7, 0, 0, 0), 7);
    orb_prices_free(p);
    unlink(path);
    assert_int_equal(orb_prices_read(path, &p, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, path));
}

static void the_built_in_one_knows_the_usual_models(void **state)
{
    (void)state;
    const struct orb_prices *p = orb_prices_builtin();
    assert_true(p == orb_prices_builtin());
    assert_int_equal(cost(p, "openai:gpt-4o", 1000000, 1000000, 0, 0), 12500000);
    assert_true(cost(p, "anthropic:claude-sonnet-4-5-20250929", 1000000, 0, 0, 0) > 0);
    assert_true(cost(p, "gemini:gemini-2.5-flash", 1000000, 0, 0, 0) > 0);
    assert_int_equal(cost(p, "sim:", 1, 1, 0, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_name_wins),
        cmocka_unit_test(each_kind_of_token_has_its_price),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(a_file_takes_the_place_of_the_table),
        cmocka_unit_test(the_built_in_one_knows_the_usual_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
