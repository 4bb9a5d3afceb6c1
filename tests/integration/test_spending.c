/* Limits of what a task may spend, through a real worker: each stops it for good, with a reason that says what to do, in whatever
 * shape its agents are; and so does a circle. */
#include "base/base.h"
#include "support/fleet.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

static struct test_fleet fleet;
static struct test_child worker;

#define SAYS(name) "{\"name\": \"" name "\", \"model\": \"sim:say=one+two\"}"

/* A tool that is a swarm, of five calls. */
static void write_tool(const char *folder)
{
    char path[TEST_PATH_MAX + 64];
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/ask.json", folder);
    test_file_write(path, "{\"name\": \"ask\", \"description\": \"Asks.\", \"kind\": \"delegate\", \"agent\": {\"agents\": [" SAYS("k") ", " SAYS("l") ", "
                    SAYS("m") ", " SAYS("n") ", " SAYS("o") "]}}");
}

static int start(void **state)
{
    char prices[TEST_PATH_MAX + 32], tools[TEST_PATH_MAX + 32];
    (void)state;
    test_fleet_start(&fleet);
    snprintf(tools, sizeof tools, "%s/tools", fleet.redis.dir);
    write_tool(tools);
    snprintf(prices, sizeof prices, "%s/prices.txt", fleet.redis.dir);
    test_file_write(prices, "sim:say 1000000 1000000 0 0\nsim:tool 1000000 1000000 0 0\n"); /* a dollar a token; nothing for other models */
    test_worker_start(&worker, &fleet, ARGS("--worker-id", "w1", "--concurrency", "16", "--prices", prices, "--tools", tools), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

/* ---- shapes ---- */

#define PAIR(members, one, two) "{" members "\"agents\": [" one ", " two "]}"
#define ASKS(name) "{\"name\": \"" name "\", \"model\": \"sim:tool=ask,arg=task,steps=50\", \"tools\": [\"ask\"], \"max_steps\": 50}"
#define LEAD "{\"name\": \"lead\", \"model\": \"sim:tool=delegate_to_w,arg=task,steps=50\", \"max_steps\": 50}"

/* Each of them would make five calls and more. The limit of the whole task stands for %s. */
static const char *const shapes[] = {
    "{%s \"agents\": [" SAYS("a") ", " SAYS("b") ", " SAYS("c") ", " SAYS("d") ", " SAYS("e") "]}",
    "{%s \"parallel\": true, \"flow\": \"(a | b) >> (c | d) >> e\", \"agents\": [" SAYS("a") ", " SAYS("b") ", " SAYS("c") ", " SAYS("d") ", " SAYS("e") "]}",
    "{%s \"group\": \"serial\", \"name\": \"g\", \"agents\": [" PAIR("\"group\": \"parallel\", \"name\": \"h\", ", SAYS("a"), SAYS("b")) ", " SAYS("c") ", " SAYS("d") ", " SAYS("e") "]}",
    "{%s \"agents\": [" PAIR("\"name\": \"x\", ", SAYS("a"), SAYS("b")) ", " PAIR("\"name\": \"y\", ", SAYS("c"), SAYS("d")) ", " SAYS("e") "]}",
    "{%s \"parallel\": true, \"flow\": \"(x | y)\", \"agents\": [" PAIR("\"name\": \"x\", ", SAYS("a"), PAIR("\"name\": \"z\", ", SAYS("b"), SAYS("c"))) ", "
        PAIR("\"name\": \"y\", ", SAYS("d"), SAYS("e")) "]}",
    "{%s \"mode\": \"team\", \"agents\": [" LEAD ", " SAYS("w") "]}",
    "{%s \"mode\": \"team\", \"agents\": [" LEAD ", " PAIR("\"name\": \"w\", ", SAYS("a"), PAIR("\"group\": \"parallel\", \"name\": \"g\", ", SAYS("b"), SAYS("c"))) "]}",
    "{%s \"mode\": \"handoff\", \"agents\": [{\"name\": \"a\", \"model\": \"sim:say=b\", \"handoffs\": [{\"name\": \"b\"}]}, "
        "{\"name\": \"b\", \"model\": \"sim:say=a\", \"handoffs\": [{\"name\": \"a\"}]}]}",
    "{%s \"name\": \"bot\", \"model\": \"sim:tool=none,steps=50\", \"max_steps\": 50}",
    "{%s \"name\": \"bot\", \"model\": \"sim:tool=ask,arg=task,steps=50\", \"tools\": [\"ask\"], \"max_steps\": 50}",
    "{%s \"parallel\": true, \"flow\": \"(a | b)\", \"agents\": [" ASKS("a") ", " ASKS("b") "]}",
};

static void fill_in(const char *shape, const char *limit, char out[2048])
{
    const char *at = strstr(shape, "%s");
    snprintf(out, 2048, "%.*s%s%s", (int)(at - shape), shape, limit, at + 2);
}

/* ---- what a task tells ---- */

struct spent {
    int calls;
    int64_t tokens, last_tokens;
    double cost, last_cost;
};

static struct spent spent_by(const char *id)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id), *rest = events, *line;
    struct spent s = { 0 };
    while ((line = strsep(&rest, "\n"))) {
        json_t *event = strncmp(line, "{\"type\": \"usage\"", 16) ? NULL : json_loads(line, 0, NULL);
        if (event) {
            s.calls++;
            s.tokens += s.last_tokens = json_integer_value(json_object_get(json_object_get(event, "usage"), "total_tokens"));
            s.cost += s.last_cost = json_number_value(json_object_get(event, "cost"));
        }
        json_decref(event);
    }
    free(events);
    return s;
}

/* It failed for good, once, with this reason; what its events tell is what its hash has. */
static struct spent expect_stop(const char *id, const char *type, const char *reason)
{
    test_wait_field(&fleet, id, "status", "failed", 20000);
    test_expect_field(&fleet, id, "error_type", type);
    test_expect_field(&fleet, id, "retries", "(nil)");
    char *error = test_redis_text(&fleet.redis, "HGET orbiter:task:%s error", id), *usage = test_redis_text(&fleet.redis, "HGET orbiter:task:%s usage", id);
    if (!strstr(error, reason))
        fail_msg("%s: '%s' is not in the error: %s", id, reason, error);
    struct spent s = spent_by(id);
    json_t *sum = json_loads(usage, 0, NULL);
    if (json_integer_value(json_object_get(sum, "total_tokens")) != s.tokens || fabs(json_number_value(json_object_get(sum, "cost")) - s.cost) > 1e-9)
        fail_msg("%s: the events have %lld tokens for $%f, the hash %s", id, (long long)s.tokens, s.cost, usage);
    json_decref(sum);
    free(error);
    free(usage);
    return s;
}

static void submit(const char *id, const char *shape, const char *limit)
{
    char config[2048];
    fill_in(shape, limit, config);
    test_submit(&fleet, &(struct test_task){ .id = id, .config = config, .input = "hi", .detailed = 1 });
}

static const char *id_of(size_t i)
{
    static char id[16];
    snprintf(id, sizeof id, "t%zu", i);
    return id;
}

/* ---- the tests ---- */

/* The call that went past the limit was begun below it; parallel ones may be two. */
static void money_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(shapes); i++)
        submit(id_of(i), shapes[i], "\"max_cost\": 5,");
    for (size_t i = 0; i < ORB_COUNT(shapes); i++) {
        struct spent s = expect_stop(id_of(i), "BudgetError", ", and max_cost is $5; raise it, or ask for less");
        if (s.cost < 5 || s.cost - 2 * s.last_cost >= 5)
            fail_msg("shape %zu has cost $%f, $%f at last, in %d calls", i, s.cost, s.last_cost, s.calls);
    }
    test_expect_drained(&fleet, "orbiter:tasks");
    test_worker_stop(&worker);
}

/* Two tools that are agents, at the same time: what one of them spends, the other has no more. */
static void delegates_share_the_purse(void **state)
{
    (void)state;
    submit("cost", shapes[ORB_COUNT(shapes) - 1], "\"max_cost\": 14,");
    submit("tokens", shapes[ORB_COUNT(shapes) - 1], "\"max_tokens_total\": 14,");
    struct spent cost = expect_stop("cost", "BudgetError", ", and max_cost is $14; raise it, or ask for less");
    struct spent tokens = expect_stop("tokens", "BudgetError", " tokens, and max_tokens_total is 14; raise it, or ask for less");
    if (cost.cost < 14 || cost.cost - 2 * cost.last_cost >= 14 || tokens.tokens < 14 || tokens.tokens - 2 * tokens.last_tokens >= 14)
        fail_msg("$%f in %d calls, %lld tokens in %d", cost.cost, cost.calls, (long long)tokens.tokens, tokens.calls);
    test_worker_stop(&worker);
}

static void tokens_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(shapes); i++)
        submit(id_of(i), shapes[i], "\"max_tokens_total\": 5,");
    for (size_t i = 0; i < ORB_COUNT(shapes); i++) {
        struct spent s = expect_stop(id_of(i), "BudgetError", " tokens, and max_tokens_total is 5; raise it, or ask for less");
        if (s.tokens < 5 || s.tokens - 2 * s.last_tokens >= 5)
            fail_msg("shape %zu has used %lld tokens in %d calls", i, (long long)s.tokens, s.calls);
    }
    test_worker_stop(&worker);
}

/* Enough is enough: a limit that is not reached changes nothing. */
static void enough_is_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
        submit(id_of(i), shapes[i], "\"max_cost\": 1000, \"max_tokens_total\": 1000,");
    for (size_t i = 0; i < 5; i++) {
        test_wait_field(&fleet, id_of(i), "status", "completed", 20000);
        assert_int_equal(spent_by(id_of(i)).calls, 5);
    }
    test_worker_stop(&worker);
}

/* A model without a price, wherever it is: nothing is begun that could not be stopped. Without max_cost it is run. */
static void what_has_no_price_is_not_begun(void **state)
{
#define DEAR "{\"name\": \"dear\", \"model\": \"sim:tokens=2\"}"
#define LATER "{\"name\": \"dear\", \"model\": \"sim:say=one | sim:tokens=2\"}"
    static const char *const dear[] = {
        "{%s \"name\": \"dear\", \"model\": \"sim:tokens=2\"}",
        "{%s \"name\": \"dear\", \"model\": \"sim:say=one | sim:tokens=2\"}",
        "{%s \"agents\": [" SAYS("a") ", " DEAR "]}",
        "{%s \"group\": \"parallel\", \"name\": \"g\", \"agents\": [" SAYS("a") ", " LATER "]}",
        "{%s \"agents\": [" SAYS("a") ", " PAIR("\"name\": \"x\", ", SAYS("b"), PAIR("\"group\": \"serial\", \"name\": \"g\", ", SAYS("c"), DEAR)) "]}",
        "{%s \"mode\": \"team\", \"agents\": [" LEAD ", " SAYS("w") ", " DEAR "]}",
        "{%s \"mode\": \"handoff\", \"agents\": [{\"name\": \"a\", \"model\": \"sim:say=done\", \"handoffs\": [{\"name\": \"dear\"}]}, " LATER "]}",
        "{%s \"flow\": \"a >> b\", \"agents\": [" SAYS("a") ", " DEAR ", " SAYS("b") "]}",
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(dear); i++)
        submit(id_of(i), dear[i], "\"max_cost\": 5,");
    for (size_t i = 0; i < ORB_COUNT(dear); i++)
        assert_int_equal(expect_stop(id_of(i), "BudgetError", "max_cost is set, and there is no price for the model 'sim:tokens=2' of agent 'dear': "
                                     "add a row to the worker's table of prices (--prices FILE), or leave max_cost out").calls, 0);
    submit("free", dear[2], "");
    test_wait_field(&fleet, "free", "status", "completed", 20000);
    assert_int_equal(spent_by("free").calls, 2);
    test_worker_stop(&worker);
}

/* The same call with the same result, five times by one agent. */
static void a_circle_ends(void **state)
{
#define CIRCLES(name) "{\"name\": \"" name "\", \"model\": \"sim:tool=none,steps=50\", \"max_steps\": 50}"
    static const char *const circles[] = {
        "{%s \"name\": \"c\", \"model\": \"sim:tool=none,steps=50\", \"max_steps\": 50}",
        "{%s \"agents\": [" SAYS("a") ", " CIRCLES("c") ", " SAYS("b") "]}",
        "{%s \"group\": \"parallel\", \"name\": \"g\", \"agents\": [" SAYS("a") ", " CIRCLES("c") "]}",
        "{%s \"parallel\": true, \"flow\": \"(a | c) >> b\", \"agents\": [" SAYS("a") ", " CIRCLES("c") ", " SAYS("b") "]}",
        "{%s \"agents\": [" SAYS("a") ", " PAIR("\"name\": \"x\", ", SAYS("b"), PAIR("\"group\": \"serial\", \"name\": \"g\", ", SAYS("d"), CIRCLES("c"))) "]}",
        "{%s \"mode\": \"team\", \"agents\": [" LEAD ", " SAYS("w") "]}",
        "{%s \"mode\": \"team\", \"agents\": [" LEAD ", " CIRCLES("w") "]}",
    };
    static const int calls[] = { 5, 6, 6, 6, 8, 10, 30 }; /* a worker that circles is a tool that failed: its lead asks again, until that is a circle, too */
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(circles); i++)
        submit(id_of(i), circles[i], "");
    for (size_t i = 0; i < ORB_COUNT(circles); i++) {
        struct spent s = expect_stop(id_of(i), "LoopError", "5 times");
        if (s.calls != calls[i])
            fail_msg("circle %zu: %d calls", i, s.calls);
    }
    test_worker_stop(&worker);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = { CASE(money_ends), CASE(delegates_share_the_purse), CASE(tokens_end), CASE(enough_is_enough), CASE(what_has_no_price_is_not_begun), CASE(a_circle_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
