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
    assert_int_equal(cost(p, "ollama:", 1000000, 5, 0, 0), 0);
    assert_int_equal(cost(p, "openai:gpt-4omni", 1, 0, 0, 0), -1);
    assert_int_equal(cost(p, "openai:gpt-4", 1, 0, 0, 0), -1);
    assert_int_equal(cost(p, "", 1, 0, 0, 0), -1);
    orb_prices_free(p);
}

/* A variant may cost anything: only releases of the same model cost the same. */
static void a_row_is_one_model_and_its_releases(void **state)
{
    (void)state;
    static const char *const same[] = { "x:m-4", "x:m-4-2026-01-31", "x:m-4-20260131", "x:m-4@20260131", "x:m-4@001", "x:m-4-latest", "x:m-4-preview",
                                        "x:m-4-preview-09-2025", "x:m-4-exp-0827", "x:m-4-0", "x:m.4", "x:a/m.4-latest", "m-4?tokens=3", "x:m-4=3" };
    static const char *const other[] = { "x:m", "x:m-", "x:m-5", "x:m-4-5", "x:m-4.5", "x:m-4.1-2026", "x:m-40", "x:m-4-pro", "x:m-4-mini", "x:m-4-latestx",
                                         "x:m-4-2026x", "x:m-4-", "x:m-4--2026", "x:m-4:free", "x:m-4_1", "x:am-4" };
    struct orb_prices *p = table("m-4 1 1 1 1\nm-4-5-x 2 2 2 2\n");
    for (size_t i = 0; i < ORB_COUNT(same); i++)
        if (cost(p, same[i], 1000000, 0, 0, 0) != 1000000)
            fail_msg("%s has no price", same[i]);
    for (size_t i = 0; i < ORB_COUNT(other); i++)
        if (cost(p, other[i], 1000000, 0, 0, 0) != -1)
            fail_msg("%s has a price", other[i]);
    orb_prices_free(p);
}

static void a_long_input_may_have_prices_of_its_own(void **state)
{
    (void)state;
    struct orb_prices *p = table("m>200 2 20 0.2 2\nm 1 10 0.1 1\nm>500 3 30 0.3 3\nm-mini 7 7 7 7\nonly>9 1 1 1 1\n");
    assert_int_equal(cost(p, "x:m", 200, 10, 100, 0), 100 * 1 + 100 * 0.1 + 10 * 10);
    assert_int_equal(cost(p, "x:m", 201, 10, 100, 0), 101 * 2 + 100 * 0.2 + 10 * 20);
    assert_int_equal(cost(p, "x:m", 500, 0, 0, 0), 1000);
    assert_int_equal(cost(p, "x:m", 501, 0, 0, 1), 1503);
    assert_int_equal(cost(p, "x:m-mini", 501, 0, 0, 0), 3507);
    assert_int_equal(cost(p, "x:only", 9, 0, 0, 0), -1);
    assert_int_equal(cost(p, "x:only", 10, 0, 0, 0), 10);
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
        { "a>x 1 2 3 4", "'a>x': behind '>' stands a number of tokens" }, { ">5 1 2 3 4", "line 1" }, { "a>0 1 2 3 4", "line 1" }, { "a> 1 2 3 4", "line 1" },
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

/* The variants of a name are rows of their own. */
static void the_built_in_one_knows_the_usual_models(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int64_t cents; /* of 10,000 tokens in and 10,000 out: dollars for a million of each */
    } usual[] = {
        { "openai:gpt-4o", 12 }, { "openai:gpt-4o-2024-05-13", 20 }, { "responses:gpt-5.2-pro", 189 }, { "openai:gpt-5-mini-2025-08-07", 2 }, { "openai:o3-pro", 100 },
        { "openai:gpt-6.2-sol", 12 }, { "anthropic:claude-sonnet-4-5-20250929", 18 }, { "anthropic:claude-opus-4-20250514", 90 }, { "anthropic:claude-opus-4-0", 90 },
        { "anthropic:claude-opus-5-5", 24 }, { "openrouter:anthropic/claude-opus-4.5", 30 }, { "gemini:gemini-2.5-pro", 11 }, { "vertex:gemini-2.5-flash-preview-09-2025", 2 },
        { "gemini:gemini-3.1-pro-preview", 14 }, { "ollama:anything", 0 },
    };
    const struct orb_prices *p = orb_prices_builtin();
    assert_true(p == orb_prices_builtin());
    for (size_t i = 0; i < ORB_COUNT(usual); i++)
        if (cost(p, usual[i].model, 10000, 10000, 0, 0) / 10000 != usual[i].cents)
            fail_msg("%s: %lld", usual[i].model, cost(p, usual[i].model, 10000, 10000, 0, 0));
    assert_int_equal(cost(p, "gemini:gemini-2.5-pro", 200000, 0, 0, 0), 250000);
    assert_int_equal(cost(p, "gemini:gemini-2.5-flash-image", 1, 1, 0, 0), -1);
    assert_int_equal(cost(p, "sim:", 1, 1, 0, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_name_wins),
        cmocka_unit_test(a_row_is_one_model_and_its_releases),
        cmocka_unit_test(a_long_input_may_have_prices_of_its_own),
        cmocka_unit_test(each_kind_of_token_has_its_price),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(a_file_takes_the_place_of_the_table),
        cmocka_unit_test(the_built_in_one_knows_the_usual_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
