/* What tasks cost. Real workers run tasks of all shapes with models of several providers; what they tell of tokens and dollars, in
 * the hash, the events, the commands and the queue's sum, is what the fake provider's own ledger has (tests/fake/bill.c). */
#include "base/base.h"
#include "event/event.h"
#include "support/bill.h"
#include "support/fleet.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define TASKS 378 /* each shape with each model three times */
#define WORKERS 2
#define NEAR 2e-9 /* dollars; what the hash has is rounded to 1e-9 after each attempt */

static struct test_fleet fleet;
static struct test_fake fake;
static struct test_child workers[WORKERS];
static char providers[TEST_PATH_MAX + 32], prices[TEST_PATH_MAX + 32], urls[4][128];

/* ---- providers and prices ---- */

/* In millionths of a dollar for a million tokens. */
static const struct price {
    const char *provider, *model;
    int above; /* tokens of input */
    int input, output, cached, written;
    int may_write; /* its usage tells what was written to the cache */
} table[] = {
    { "openai", "alpha", 0, 2500000, 10000000, 1250000, 2500000, 1 },
    { "responses", "beta", 0, 1250000, 10000000, 125000, 1562500, 1 },
    { "anthropic", "gamma", 0, 3000000, 15000000, 300000, 3750000, 1 },
    { "gemini", "delta", 0, 75000, 300000, 18750, 75000, 0 },
    { "own", "epsilon", 0, 333333, 777777, 111111, 333333, 1 },
    { "anthropic", "zeta", 0, 1000000, 5000000, 100000, 1250000, 1 },
    { "gemini", "eta", 0, 1250000, 10000000, 125000, 1250000, 0 },
    { "gemini", "eta", 1500, 2500000, 15000000, 250000, 2500000, 0 },
};
enum { MODELS = 7 };

static void write_prices(struct orb_buf *ours, struct orb_buf *theirs)
{
    for (size_t i = 0; i < ORB_COUNT(table); i++) {
        const struct price *p = &table[i];
        char above[16] = "";
        if (p->above)
            snprintf(above, sizeof above, ">%d", p->above);
        orb_buf_printf(ours, "%s:%s%s %.6f %.6f %.6f %.6f\n", p->provider, p->model, above, p->input / 1e6, p->output / 1e6, p->cached / 1e6, p->written / 1e6);
        orb_buf_printf(theirs, "%s{\"model\": \"%s\", \"above\": %d, \"input\": %d, \"output\": %d, \"cached\": %d, \"written\": %d}", i ? ", " : "[",
                       p->model, p->above, p->input, p->output, p->cached, p->written);
    }
    orb_buf_char(theirs, ']');
}

static void start_worker(int i, const char *concurrency, const char *drain)
{
    char id[8];
    snprintf(id, sizeof id, "w%d", i);
    test_worker_start(&workers[i], &fleet, ARGS("--worker-id", id, "--concurrency", concurrency, "--prices", prices, "--providers", providers,
                                                "--drain-timeout", drain),
                      ARGS(urls[0], urls[1], urls[2], urls[3], "OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k", "GOOGLE_API_KEY=k", "no_proxy=127.0.0.1"));
}

static int start(void **state)
{
    struct orb_buf ours, theirs;
    char own[512], path[TEST_PATH_MAX + 64];
    (void)state;
    orb_buf_init(&ours, 65536);
    orb_buf_init(&theirs, 65536);
    write_prices(&ours, &theirs);
    test_fleet_start(&fleet);
    test_fake_start_with_prices(&fake, theirs.data);
    int host = (int)(strlen(fake.url) - strlen("/v1"));
    snprintf(urls[0], sizeof urls[0], "OPENAI_BASE_URL=%s", fake.url);
    snprintf(urls[1], sizeof urls[1], "ANTHROPIC_BASE_URL=%.*s", host, fake.url);
    snprintf(urls[2], sizeof urls[2], "GOOGLE_GEMINI_BASE_URL=%.*s", host, fake.url);
    snprintf(urls[3], sizeof urls[3], "OWN_KEY=k");
    snprintf(own, sizeof own, "{\"name\": \"own\", \"protocol\": \"openai\", \"base_url\": \"%s\", \"key_env\": \"OWN_KEY\"}", fake.url);
    snprintf(providers, sizeof providers, "%s/providers", fleet.redis.dir);
    assert_int_equal(mkdir(providers, 0700), 0);
    snprintf(path, sizeof path, "%s/own.json", providers);
    test_file_write(path, own);
    snprintf(prices, sizeof prices, "%s/prices.txt", fleet.redis.dir);
    test_file_write(prices, ours.data);
    orb_buf_done(&ours);
    orb_buf_done(&theirs);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        test_child_kill(&workers[i]);
    test_fake_stop(&fake);
    test_fleet_stop(&fleet);
    return 0;
}

/* ---- tasks ---- */

/* A model string: of task i the k-th, with a usage of its own. more: what else the script asks for. */
static const char *model(int i, int k, const char *more)
{
    static char out[8][512];
    static int next;
    const struct price *p = &table[(i + k) % MODELS];
    int prompt = 9 + (i * 131 + k * 977) % 3000, cached = (i + k) % 3 ? prompt / 3 : 0, written = p->may_write && (i + k) % 2 ? prompt / 5 : 0;
    char *text = out[next++ % 8];
    snprintf(text, 512, "%s:%s?prompt=%d&cached=%d&written=%d&tokens=%d%s%s", p->provider, p->model, prompt, cached, written, 2 + (i * 7 + k) % 5,
             *more ? "&" : "", more);
    return text;
}

/* An agent, by whose instructions the ledger knows the task. more: further members. */
static void agent(struct orb_buf *b, int i, const char *name, const char *models, const char *more)
{
    orb_buf_printf(b, "{\"name\": \"%s\", \"instructions\": \"task-%04d\", \"model\": \"%s\"%s%s}", name, i, models, *more ? ", " : "", more);
}

static void one(struct orb_buf *b, int i, const char *script, const char *more)
{
    agent(b, i, "bot", model(i, 0, script), more);
}

static void chain(struct orb_buf *b, int i, const char *first, const char *second)
{
    char models[1200];
    snprintf(models, sizeof models, "%s | %s | %s", model(i, 0, first), model(i, 1, second), model(i, 2, ""));
    agent(b, i, "bot", models, "");
}

/* Agents a, b, c with a model each between before and after; the first one's script is given, and further members of it. */
static void swarm(struct orb_buf *b, int i, const char *before, const char *script, const char *more, const char *after)
{
    orb_buf_printf(b, "{%s\"agents\": [", before);
    for (int k = 0; k < 3; k++) {
        agent(b, i, (const char *[]){ "a", "b", "c" }[k], model(i, k, k ? "" : script), k ? "" : more);
        orb_buf_str(b, k < 2 ? ", " : "]");
    }
    orb_buf_printf(b, "%s}", after);
}

static void plain(struct orb_buf *b, int i) { one(b, i, "", ""); }
static void thinks(struct orb_buf *b, int i) { one(b, i, "reasoning=5", ""); }
static void tools(struct orb_buf *b, int i) { one(b, i, "tool=now&steps=3", "\"tools\": [\"now\"]"); }
static void refused(struct orb_buf *b, int i) { one(b, i, "fails=1&status=503", ""); }
static void breaks_off(struct orb_buf *b, int i) { one(b, i, "fails=2&cut=2", ""); }
static void falls_back(struct orb_buf *b, int i) { chain(b, i, "status=500", "cut=2"); }
static void falls_back_inside(struct orb_buf *b, int i) { chain(b, i, "error_at=2", "reasoning=2&cut=1"); }
static void is_asked_again(struct orb_buf *b, int i) { one(b, i, "text=no", "\"output_schema\": {\"type\": \"object\", \"properties\": {}}, \"output_retries\": 1"); }
static void tells_nothing(struct orb_buf *b, int i) { one(b, i, "nousage=1", ""); }
static void goes_round(struct orb_buf *b, int i) { one(b, i, "tool=none&steps=50", "\"tools\": [\"now\"], \"max_steps\": 50"); }
static void workflow(struct orb_buf *b, int i) { swarm(b, i, "", "", "", ""); }
static void parallel(struct orb_buf *b, int i) { swarm(b, i, "\"parallel\": true, ", "", "", ", \"flow\": \"(a | b) >> c\""); }
static void has_no_more_money(struct orb_buf *b, int i) { swarm(b, i, "\"max_cost\": 0.000001, ", "", "", ""); }
static void hands_over(struct orb_buf *b, int i) { swarm(b, i, "\"mode\": \"handoff\", ", "tool=transfer_to_b", "\"handoffs\": [{\"name\": \"b\"}]", ""); }
static void group(struct orb_buf *b, int i) { swarm(b, i, "\"group\": \"parallel\", \"name\": \"g\", ", "", "", ""); }
static void stalls(struct orb_buf *b, int i) { one(b, i, "stall=2", ""); }

static void delegates(struct orb_buf *b, int i)
{
    char script[128];
    snprintf(script, sizeof script, "tool=delegate_to_b&calls=2&args=%%7B%%22task%%22:%%22task-%04d%%22%%7D", i);
    swarm(b, i, "\"mode\": \"team\", ", script, "", "");
}

static void nested(struct orb_buf *b, int i)
{
    orb_buf_str(b, "{\"agents\": [");
    agent(b, i, "first", model(i, 3, ""), "");
    orb_buf_str(b, ", ");
    swarm(b, i, "\"name\": \"inner\", ", "", "", "");
    orb_buf_str(b, ", ");
    swarm(b, i, "\"group\": \"serial\", \"name\": \"g\", ", "reasoning=3", "", "");
    orb_buf_str(b, "]}");
}

static const struct shape {
    void (*write)(struct orb_buf *b, int i);
    const char *status;
    int calls;  /* of models */
    int is_cut; /* no usage event tells of the last call */
} shapes[] = {
    { plain, "completed", 1, 0 }, { thinks, "completed", 1, 0 }, { tools, "completed", 4, 0 }, { refused, "completed", 2, 0 }, { breaks_off, "completed", 3, 0 },
    { falls_back, "completed", 3, 0 }, { falls_back_inside, "completed", 3, 0 }, { is_asked_again, "failed", 2, 0 }, { tells_nothing, "completed", 1, 0 },
    { goes_round, "failed", 5, 0 }, { workflow, "completed", 3, 0 }, { parallel, "completed", 3, 0 }, { has_no_more_money, "failed", 1, 0 },
    { hands_over, "completed", 2, 0 }, { group, "completed", 3, 0 }, { stalls, "cancelled", 1, 1 }, { delegates, "completed", 4, 0 }, { nested, "completed", 7, 0 },
};
enum { SHAPES = ORB_COUNT(shapes) };
_Static_assert(SHAPES % MODELS, "each shape meets each model");

static const char *id_of(int i)
{
    static char id[4][16];
    static int next;
    char *out = id[next++ % 4];
    snprintf(out, 16, "task-%04d", i);
    return out;
}

static void submit(int i, const char *config)
{
    test_submit(&fleet, &(struct test_task){ .id = id_of(i), .config = config, .input = id_of(i), .detailed = 1 });
}

/* ---- what orbiter says ---- */

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* usage: as in a hash; where: for the message. */
static void expect_usage(const char *where, const char *id, const json_t *usage, const struct test_bill *bill)
{
    const json_t *cost = json_object_get(usage, "cost");
    int is_same = number(usage, "input_tokens") == bill->input && number(usage, "output_tokens") == bill->output &&
                  number(usage, "total_tokens") == bill->input + bill->output && number(usage, "cached_tokens") == bill->cached &&
                  number(usage, "cache_write_tokens") == bill->written && number(usage, "reasoning_tokens") == bill->reasoning;
    if (is_same && (bill->told ? json_is_number(cost) && fabs(json_number_value(cost) - test_bill_dollars(bill)) < NEAR * bill->calls : !cost))
        return;
    char *text = json_dumps(usage, JSON_ENCODE_ANY);
    fail_msg("%s of %s: %s, but the ledger has input %lld output %lld cached %lld written %lld reasoning %lld, $%.12f in %d calls of which %d told", where, id,
             text, (long long)bill->input, (long long)bill->output, (long long)bill->cached, (long long)bill->written, (long long)bill->reasoning, test_bill_dollars(bill),
             bill->calls, bill->told);
}

/* Each call's cost is in an event of its own, with the sum so far. */
static void expect_events(const char *id, const struct test_bill *bill)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id), *rest = events, *line;
    double cost = 0, total = 0;
    int count = 0;
    while ((line = strsep(&rest, "\n"))) {
        json_t *event = strstr(line, "{\"type\": \"usage\"") == line ? json_loads(line, 0, NULL) : NULL;
        const json_t *usage = json_object_get(event, "usage");
        if (usage && number(usage, "total_tokens")) {
            cost += json_number_value(json_object_get(event, "cost"));
            total = json_number_value(json_object_get(event, "total_cost"));
            count++;
        }
        json_decref(event);
    }
    if (count != bill->told || fabs(cost - test_bill_dollars(bill)) > NEAR * bill->calls || fabs(total - test_bill_dollars(bill)) > NEAR * bill->calls)
        fail_msg("%s: %d usage events of $%.12f, the last with $%.12f in all; the ledger has %d calls of $%.12f", id, count, cost, total, bill->told, test_bill_dollars(bill));
    free(events);
}

static json_t *command(const char *words, const char *more)
{
    char program[TEST_PATH_MAX], line[16384];
    json_error_t error;
    test_build_path("orbiter", program);
    snprintf(line, sizeof line, "%s --redis-url %s -o json %s %s", program, fleet.redis.url, words, more);
    FILE *out = popen(line, "re");
    assert_non_null(out);
    json_t *value = json_loadf(out, 0, &error);
    if (pclose(out) || !value)
        fail_msg("orbiter %s: %s", words, error.text);
    return value;
}

/* Tasks as the commands print them: an array, or the one that was asked for. */
static void expect_tasks(const char *where, json_t *list, const struct test_bill *bills, int tasks)
{
    json_t *task;
    size_t i;
    if (json_is_object(list))
        list = json_pack("[o]", list);
    assert_int_equal(json_array_size(list), tasks);
    json_array_foreach (list, i, task) {
        const char *id = json_string_value(json_object_get(task, "id"));
        expect_usage(where, id, json_object_get(task, "usage"), &bills[atoi(id + strlen("task-"))]);
    }
    json_decref(list);
}

static void expect_commands(const struct test_bill *bills, int tasks)
{
    struct orb_buf ids;
    struct test_bill all = { 0 };
    orb_buf_init(&ids, 65536);
    for (int i = 0; i < tasks; i++) {
        orb_buf_printf(&ids, "%s ", id_of(i));
        test_bill_add(&all, &bills[i]);
    }
    expect_tasks("task status", command("task status", ids.data), bills, tasks);
    expect_tasks("task list", command("task list --limit 10000", ""), bills, tasks);
    json_t *queues = command("queue list", "");
    expect_usage("queue list", "all", json_object_get(json_array_get(queues, 0), "usage"), &all);
    json_decref(queues);
    printf("%d tasks, %d calls, %lld tokens, $%.6f\n", tasks, all.calls, (long long)(all.input + all.output), test_bill_dollars(&all));
    orb_buf_done(&ids);
}

static void expect_hash(int i, const struct test_bill *bill)
{
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:task:%s usage", id_of(i));
    json_t *usage = json_loads(text, 0, NULL);
    expect_usage("the hash", id_of(i), usage, bill);
    json_decref(usage);
    free(text);
}

/* ---- the tests ---- */

static int has_stalled(void *arg)
{
    char *events = test_redis_text(&fleet.redis, "XRANGE orbiter:stream:%s - +", id_of(*(int *)arg));
    int is_there = strstr(events, "w2") != NULL;
    free(events);
    return is_there;
}

static void the_cost_is_that_of_the_ledger(void **state)
{
    static struct test_bill bills[TASKS];
    struct test_bills reading = { &fake, bills, TASKS };
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        start_worker(i, "16", "30");
    for (int i = 0; i < TASKS; i++) {
        struct orb_buf config;
        orb_buf_init(&config, 65536);
        shapes[i % SHAPES].write(&config, i);
        submit(i, config.data);
        orb_buf_done(&config);
    }
    for (int i = 0; i < TASKS; i++)
        if (shapes[i % SHAPES].is_cut) {
            test_wait_until("the task to wait for the rest of an answer", has_stalled, &i, 60000);
            free(test_redis_text(&fleet.redis, "PUBLISH orbiter:cancel:%s cancel", id_of(i)));
        }
    for (int i = 0; i < TASKS; i++)
        test_wait_field(&fleet, id_of(i), "status", shapes[i % SHAPES].status, 60000);
    test_wait_until("all requests to end", test_bills_read, &reading, 20000);
    for (int i = 0; i < TASKS; i++) {
        if (bills[i].calls != shapes[i % SHAPES].calls)
            fail_msg("%s: %d calls, not %d", id_of(i), bills[i].calls, shapes[i % SHAPES].calls);
        expect_hash(i, &bills[i]);
        if (!shapes[i % SHAPES].is_cut)
            expect_events(id_of(i), &bills[i]);
    }
    expect_commands(bills, TASKS);
    for (int i = 0; i < WORKERS; i++)
        test_worker_stop(&workers[i]);
}

/* A worker that is stopped hands its task back; what that attempt has cost is not forgotten. */
static void a_task_that_is_handed_back_is_paid_twice(void **state)
{
    struct test_bill bill;
    struct test_bills reading = { &fake, &bill, 1 };
    struct orb_buf config;
    int task = 0;
    (void)state;
    start_worker(0, "1", "0");
    orb_buf_init(&config, 65536);
    orb_buf_str(&config, "{\"agents\": [");
    agent(&config, 0, "a", "openai:alpha?tokens=1", ""); /* only the second one says w2 */
    orb_buf_str(&config, ", ");
    agent(&config, 0, "b", "anthropic:gamma?tokens=100&rate=20", "");
    orb_buf_str(&config, "]}");
    submit(0, config.data);
    orb_buf_done(&config);
    test_wait_until("the second agent to speak", has_stalled, &task, 20000);
    test_worker_stop(&workers[0]);
    test_expect_field(&fleet, id_of(0), "status", "pending");
    start_worker(1, "1", "30");
    test_wait_field(&fleet, id_of(0), "status", "completed", 20000);
    test_wait_until("all requests to end", test_bills_read, &reading, 20000);
    assert_int_equal(bill.calls, 4);
    expect_hash(0, &bill);
    expect_commands(&bill, 1);
    test_worker_stop(&workers[1]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = { CASE(the_cost_is_that_of_the_ledger), CASE(a_task_that_is_handed_back_is_paid_twice) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
