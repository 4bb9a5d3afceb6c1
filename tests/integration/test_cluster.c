/* A Redis Cluster of three nodes: a namespace lives on one of them, whichever is given, and is followed when it moves. */
#include "base/base.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 3
#define NS "blue"
#define SLOTS 16384

struct node {
    struct test_redis redis; /* 3: a replica, made when it is needed */
    char config[512], url[64], id[64];
    int port, bus;
};
static struct node nodes[NODES + 1];
static int slot, owner;      /* of the namespace */
static struct orb_loop *loop;
static struct orb_client *client;
static struct test_child worker, command;

/* ---- the cluster ------------------------------------------------------------ */

static void start_node(struct node *n)
{
    n->port = test_free_port();
    n->bus = test_free_port();
    snprintf(n->config, sizeof n->config, "port %d\nbind 127.0.0.1\ncluster-enabled yes\ncluster-port %d\ncluster-node-timeout 2000\n"
             "cluster-replica-validity-factor 0\nrepl-diskless-sync-delay 0\nappendonly no\n", n->port, n->bus);
    n->redis.config = n->config;
    test_redis_start(&n->redis);
    snprintf(n->url, sizeof n->url, "redis://127.0.0.1:%d", n->port);
    char *id = test_redis_text(&n->redis, "CLUSTER MYID");
    snprintf(n->id, sizeof n->id, "%s", id);
    free(id);
}

static int stands(void *arg)
{
    int count = *(int *)arg, ok = 1;
    char known[32];
    snprintf(known, sizeof known, "cluster_known_nodes:%d", count);
    for (int i = 0; i < count; i++) {
        char *info = test_redis_text(&nodes[i].redis, "CLUSTER INFO");
        ok &= strstr(info, "cluster_state:ok") && strstr(info, known);
        free(info);
    }
    return ok;
}

static int start_cluster(void **state)
{
    (void)state;
    int count = NODES;
    for (int i = 0; i < NODES; i++) {
        start_node(&nodes[i]);
        test_redis_expect(&nodes[i].redis, "OK", "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        test_redis_expect(&nodes[i].redis, "OK", "CLUSTER ADDSLOTSRANGE %d %d", i * SLOTS / NODES, (i + 1) * SLOTS / NODES - 1);
        if (i)
            test_redis_expect(&nodes[i].redis, "OK", "CLUSTER MEET 127.0.0.1 %d %d", nodes[0].port, nodes[0].bus);
    }
    test_wait_until("the cluster", stands, &count, 30000);
    slot = (int)test_redis_int(&nodes[0].redis, "CLUSTER KEYSLOT {" NS "}:x");
    while (slot >= (owner + 1) * SLOTS / NODES)
        owner++;
    return 0;
}

static int stop_cluster(void **state)
{
    (void)state;
    for (int i = 0; i <= NODES; i++)
        test_redis_stop(&nodes[i].redis);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_child_kill(&command);
    orb_client_free(client);
    orb_loop_free(loop);
    client = NULL;
    loop = NULL;
    return 0;
}

/* ---- client and worker --------------------------------------------------------- */

static void connect_to(const char *url, const char *ns)
{
    struct orb_error err;
    orb_client_free(client);
    orb_loop_free(loop);
    loop = orb_loop_new();
    if (orb_client_new(loop, &(struct orb_redis_options){ .url = url, .ns = ns }, &client, &err))
        fail_msg("%s", err.text);
}

static void start_worker(const char *url)
{
    char program[TEST_PATH_MAX];
    test_build_path("orbiter-worker", program);
    test_child_start(&worker, nodes[0].redis.dir, (const char *const[]){ program, "--redis-url", url, "--namespace", NS, "--concurrency", "8", NULL }, NULL);
    test_child_expect(&worker, "serves queue", 20000);
}

struct submitted {
    int calls, code;
    char error[512];
};

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submitted *s = arg;
    s->calls++;
    s->code = err ? err->code : 0;
    snprintf(s->error, sizeof s->error, "%s", err ? err->text : "");
    orb_task_handle_free(handle);
}

static void send_task(const char *id, const char *model, struct submitted *s)
{
    char agent[256];
    struct orb_error err;
    snprintf(agent, sizeof agent, "{\"name\": \"bot\", \"model\": \"%s\"}", model);
    memset(s, 0, sizeof *s);
    if (orb_distributed(client, &(struct orb_task_spec){ .agent_config = agent, .task_id = id, .input = "x", .input_len = 1, .timeout_seconds = -1 },
                        on_submit, s, &err))
        fail_msg("submit: %s", err.text);
}

static struct submitted submit(const char *id, const char *model)
{
    struct submitted s;
    send_task(id, model, &s);
    test_loop_until(loop, "the submit", test_is_set, &s.calls, 20000);
    return s;
}

static void submit_ok(const char *id, const char *model)
{
    struct submitted s = submit(id, model);
    if (s.code)
        fail_msg("submit of %s: %s", id, s.error);
}

struct ended {
    int calls, events;
    enum orb_status status;
};

static void on_result(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    struct ended *e = arg;
    e->calls++;
    e->status = info && !err ? info->status : ORB_STATUS_PENDING;
}

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct ended *e = arg;
    if (event)
        e->events++;
    else
        e->calls += !err;
}

static void on_cancel(void *arg, const char *state, const struct orb_error *err)
{
    (void)state;
    *(int *)arg = err ? -1 : 1;
}

static int is_running(void *arg)
{
    char *text = test_redis_text(&nodes[owner].redis, "HGET {" NS "}:orbiter:task:%s status", (const char *)arg);
    int yes = !strcmp(text, "running");
    free(text);
    return yes;
}

static enum orb_status wait_for(const char *id)
{
    struct ended e = { 0 };
    struct orb_task_handle *h = orb_task_handle_new(client, id);
    assert_int_equal(orb_task_handle_result(h, on_result, &e), 0);
    test_loop_until(loop, "the result", test_is_set, &e.calls, 30000);
    orb_task_handle_free(h);
    return e.status;
}

static void stream(const char *id)
{
    struct ended e = { 0 };
    struct orb_error err;
    struct orb_task_handle *h = orb_task_handle_new(client, id);
    assert_int_equal(orb_task_handle_stream(h, NULL, on_event, &e, &err), 0);
    test_loop_until(loop, "the stream's end", test_is_set, &e.calls, 20000);
    orb_task_handle_free(h);
    assert_true(e.events >= 3);
}

static void cancel(const char *id)
{
    int done = 0;
    struct orb_task_handle *h = orb_task_handle_new(client, id);
    test_wait_until("the task to run", is_running, (void *)(uintptr_t)id, 20000);
    assert_int_equal(orb_task_handle_cancel(h, on_cancel, &done), 0);
    test_loop_until(loop, "the cancel", test_is_set, &done, 20000);
    assert_int_equal(done, 1);
    orb_task_handle_free(h);
    assert_int_equal(wait_for(id), ORB_STATUS_CANCELLED);
}

static int run(const char *url, const char *const args[], const char *text)
{
    char program[TEST_PATH_MAX];
    const char *argv[16] = { program, "--redis-url", url };
    int n = 3;
    test_build_path("orbiter", program);
    while (*args)
        argv[n++] = *args++;
    test_child_start(&command, nodes[0].redis.dir, argv, NULL);
    int status = test_child_wait(&command, 20000);
    char *out = test_child_output(&command);
    if (!strstr(out, text))
        fail_msg("exit status %d, and no \"%s\" in: %s", status, text, out);
    free(out);
    return status;
}
#define RUN(url, text, ...) run(url, (const char *const[]){ __VA_ARGS__, NULL }, text)

/* ---- what works, and what does not -------------------------------------------------- */

static void without_a_namespace_it_is_refused(void **state)
{
    (void)state;
    char program[TEST_PATH_MAX];
    for (int i = 0; i < NODES; i++) {
        connect_to(nodes[i].url, NULL);
        struct submitted s = submit("a", "sim:");
        assert_int_equal(s.code, ORB_E_CONFIG);
        assert_non_null(strstr(s.error, "--namespace"));
    }
    assert_int_equal(RUN(nodes[0].url, "--namespace", "submit", "-m", "sim:", "x"), 2);
    test_build_path("orbiter-worker", program);
    test_child_start(&worker, nodes[0].redis.dir, (const char *const[]){ program, "--redis-url", nodes[0].url, NULL }, NULL);
    test_child_expect(&worker, "--namespace", 10000);
    assert_int_equal(test_child_wait(&worker, 10000), 2);
}

static void any_node_can_be_given(void **state)
{
    (void)state;
    char id[32];
    for (int i = 0; i < NODES; i++) {
        start_worker(nodes[i].url);
        for (int k = 0; k < NODES; k++) {
            snprintf(id, sizeof id, "any-%d-%d", i, k);
            connect_to(nodes[k].url, NS);
            submit_ok(id, "sim:tokens=5");
            stream(id);
            assert_int_equal(wait_for(id), ORB_STATUS_COMPLETED);
            strcat(id, "c");
            submit_ok(id, "sim:delay=60000");
            cancel(id);
            assert_int_equal(RUN(nodes[k].url, id, "--namespace", NS, "task", "list", "--status", "cancelled"), 0);
            assert_int_equal(RUN(nodes[k].url, "running", "--namespace", NS, "worker", "list"), 0);
            assert_int_equal(RUN(nodes[k].url, "hello", "--namespace", NS, "submit", "-m", "sim:", "--wait", "hello"), 0);
        }
        test_worker_stop(&worker);
    }
    for (int i = 0; i < NODES; i++)
        assert_int_equal(test_redis_int(&nodes[i].redis, "DBSIZE") > 0, i == owner);
}

/* ---- the slot moves ----------------------------------------------------------------------- */

#define MOVED_TASKS 400
static struct submitted submits[MOVED_TASKS];
static int submitted_count, answered_ok;

/* Submits go on, and those that fail are sent once more. */
static void turn(void)
{
    char id[32];
    assert_int_equal(orb_loop_turn(loop, 2), 0);
    if (submitted_count < MOVED_TASKS) {
        snprintf(id, sizeof id, "moved-%d", submitted_count);
        send_task(id, submitted_count % 20 ? "sim:tokens=3,delay=20" : "sim:tokens=30,rate=20", &submits[submitted_count]);
        submitted_count++;
    }
    answered_ok = 0;
    for (int i = 0; i < submitted_count; i++) {
        struct submitted *s = &submits[i];
        if (s->calls && s->code) {
            if (s->code != ORB_E_UNREACHABLE)
                fail_msg("submit of moved-%d: %s", i, s->error);
            snprintf(id, sizeof id, "moved-%d", i);
            send_task(id, "sim:tokens=3,delay=20", s);
        }
        answered_ok += s->calls && !s->code;
    }
}

/* Some keys, by MIGRATE as the cluster's own tools do it; 0 = none is left. */
static int move_keys(const struct node *from, const struct node *to)
{
    char *keys = test_redis_text(&from->redis, "CLUSTER GETKEYSINSLOT %d 5", slot), *rest = keys, *key;
    int count = 0;
    while ((key = strsep(&rest, "\n")) && *key) {
        char *answer = test_redis_text(&from->redis, "MIGRATE 127.0.0.1 %d %s 0 5000", to->port, key);
        if (strcmp(answer, "OK") && strcmp(answer, "NOKEY"))
            fail_msg("MIGRATE %s: %s", key, answer);
        free(answer);
        count++;
    }
    free(keys);
    return count;
}

static void move_slot(int target)
{
    struct node *from = &nodes[owner], *to = &nodes[target];
    test_redis_expect(&to->redis, "OK", "CLUSTER SETSLOT %d IMPORTING %s", slot, from->id);
    test_redis_expect(&from->redis, "OK", "CLUSTER SETSLOT %d MIGRATING %s", slot, to->id);
    do {
        for (int i = 0; i < 4; i++)
            turn();
    } while (move_keys(from, to));
    test_redis_expect(&to->redis, "OK", "CLUSTER SETSLOT %d NODE %s", slot, to->id);
    test_redis_expect(&from->redis, "OK", "CLUSTER SETSLOT %d NODE %s", slot, to->id);
    for (int i = 0; i < NODES; i++)
        if (i != owner && i != target)
            test_redis_expect(&nodes[i].redis, "OK", "CLUSTER SETSLOT %d NODE %s", slot, to->id);
    owner = target;
}

static void expect_one_end(const char *id)
{
    char *text = test_redis_text(&nodes[owner].redis, "XRANGE {" NS "}:orbiter:stream:%s - +", id), *at = text;
    int ends = 0;
    for (; (at = strstr(at, "\"type\": \"status\", \"status\": \"completed\"")); at++)
        ends++;
    if (ends != 1)
        fail_msg("%d ends of %s: %s", ends, id, text);
    free(text);
}

static void a_slot_that_moves_is_followed(void **state)
{
    (void)state;
    char id[32];
    start_worker(nodes[owner].url);
    connect_to(nodes[(owner + 1) % NODES].url, NS);
    for (int i = 0; i < 50; i++)
        turn();
    for (int moves = 0; moves < 2; moves++) {
        move_slot((owner + 1) % NODES);
        for (int i = 0; i < 50; i++)
            turn();
    }
    int64_t end = test_now_ms() + test_patience(20000);
    while (submitted_count < MOVED_TASKS || answered_ok < MOVED_TASKS) {
        turn();
        if (test_now_ms() > end)
            fail_msg("%d of %d submits are accepted", answered_ok, MOVED_TASKS);
    }
    for (int i = 0; i < MOVED_TASKS; i++) {
        snprintf(id, sizeof id, "moved-%d", i);
        assert_int_equal(wait_for(id), ORB_STATUS_COMPLETED);
        expect_one_end(id);
    }
    test_redis_expect(&nodes[owner].redis, "0", "XLEN {" NS "}:orbiter:tasks");
    test_worker_stop(&worker);
}

/* ---- the node dies -------------------------------------------------------------------------- */

static int replica_is_master(void *arg)
{
    (void)arg;
    char *text = test_redis_text(&nodes[NODES].redis, "ROLE");
    int yes = !strncmp(text, "master", 6);
    free(text);
    return yes;
}

static int replica_is_in_step(void *arg)
{
    (void)arg;
    char *text = test_redis_text(&nodes[NODES].redis, "ROLE");
    int yes = !strncmp(text, "slave", 5) && strstr(text, "\nconnected");
    free(text);
    return yes;
}

/* How much it has written, or got of what its primary has. */
static int64_t offset_of(const struct node *node)
{
    char *text = test_redis_text(&node->redis, "INFO replication"), *at = strstr(text, "master_repl_offset:");
    int64_t offset = at ? strtoll(at + strlen("master_repl_offset:"), NULL, 10) : 0;
    free(text);
    return offset;
}

static int replica_has(void *arg)
{
    return offset_of(&nodes[NODES]) >= *(int64_t *)arg;
}

static int is_replicating(void *arg)
{
    (void)arg;
    char *text = test_redis_text(&nodes[NODES].redis, "CLUSTER REPLICATE %s", nodes[owner].id);
    int yes = !strcmp(text, "OK");
    free(text);
    return yes;
}

static int is_accepted(void *arg)
{
    (void)arg;
    return !submit("after", "sim:tokens=3").code;
}

static void a_node_that_dies_is_replaced(void **state)
{
    (void)state;
    int count = NODES + 1;
    start_node(&nodes[NODES]);
    test_redis_expect(&nodes[NODES].redis, "OK", "CLUSTER MEET 127.0.0.1 %d %d", nodes[0].port, nodes[0].bus);
    test_wait_until("the fourth node", stands, &count, 20000);
    test_wait_until("the replica", is_replicating, NULL, 20000);
    test_wait_until("the replica's data", replica_is_in_step, NULL, 20000);
    start_worker(nodes[owner].url);
    connect_to(nodes[(owner + 1) % NODES].url, NS);
    submit_ok("before", "sim:tokens=20,rate=4");
    test_wait_until("the task to run", is_running, "before", 20000);
    int64_t written = offset_of(&nodes[owner]);
    test_wait_until("the replica to have it", replica_has, &written, 20000); /* else it dies with the node */
    test_redis_kill(&nodes[owner].redis);
    test_wait_until("the failover", replica_is_master, NULL, 30000);
    owner = NODES;
    int64_t start = test_now_ms();
    test_wait_until("a submit", is_accepted, NULL, 20000);
    assert_int_equal(wait_for("after"), ORB_STATUS_COMPLETED);
    assert_in_range(test_now_ms() - start, 0, test_patience(5000));
    assert_int_equal(wait_for("before"), ORB_STATUS_COMPLETED);
    expect_one_end("before");
    test_worker_stop(&worker);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop)
    const struct CMUnitTest tests[] = {
        TEST(without_a_namespace_it_is_refused),
        TEST(any_node_can_be_given),
        TEST(a_slot_that_moves_is_followed),
        TEST(a_node_that_dies_is_replaced),
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
