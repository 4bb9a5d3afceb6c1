#include "support/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- starting and stopping ---------------------------------------------- */

/* Nothing but the process is killed: what it has written stays, also when it was not synced. */
static const char durable[] = "appendonly yes\nappendfsync no\nauto-aof-rewrite-percentage 0\n";

static void start_worker(struct rig *rig)
{
    char program[TEST_PATH_MAX], url[64], base[96];
    test_build_path("orbiter-worker", program);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", rig->proxy.port);
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", rig->fake.url);
    const char *const argv[] = { program, "--redis-url", url, "--worker-id", "w1", "--concurrency", "8", NULL };
    const char *const env[] = { base, "OPENAI_API_KEY=test", "ORBITER_LOG_LEVEL=DEBUG", NULL };
    test_child_start(&rig->worker, rig->fake.dir, argv, env);
    test_child_expect(&rig->worker, "serves queue", 10000);
}

void rig_start(struct rig *rig)
{
    if (rig->worker.pid)
        return;
    rig->fleet.redis.config = durable;
    test_fleet_start(&rig->fleet);
    test_fake_start(&rig->fake);
    test_proxy_start(&rig->proxy, rig->fleet.redis.socket, 0);
    start_worker(rig);
}

void rig_stop(struct rig *rig)
{
    test_child_kill(&rig->worker);
    test_proxy_stop(&rig->proxy);
    test_child_kill(&rig->fake.child);
    test_fake_stop(&rig->fake);
    if (rig->fleet.loop)
        test_fleet_stop(&rig->fleet);
    test_redis_stop(&rig->fleet.redis);
    test_redis_stop(&rig->spare);
    rig->is_sound = 0;
}

/* splitmix64 */
int rig_random(struct rig *rig, int n)
{
    uint64_t z = rig->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

/* ---- measuring ---------------------------------------------------------- */

static double cpu_seconds(const struct rig *rig)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(rig->worker.pid, &clock) || clock_gettime(clock, &t))
        fail_msg("cannot read the worker's processor time");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t log_size(const struct rig *rig)
{
    struct stat st;
    if (stat(rig->worker.output, &st))
        fail_msg("%s is gone", rig->worker.output);
    return (size_t)st.st_size;
}

/* Lines have the second they were written in before them. Those that are there for the reader of a failed
 * test only do not count. */
static int lines_a_second(const struct rig *rig, int seconds)
{
    enum { STAMP = 20 };
    char *text = test_child_output(&rig->worker), *line = text + rig->log_size, stamp[STAMP + 1] = "";
    int most = 0, same = 0, all = 0;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        if (!strncmp(line + STAMP, " DEBUG ", 7))
            continue;
        all++;
        same = strncmp(line, stamp, STAMP) ? 1 : same + 1;
        snprintf(stamp, sizeof stamp, "%s", line);
        most = same > most ? same : most;
    }
    free(text);
    return all > seconds + 1 && most < 2 ? 2 : most;
}

void rig_watch(struct rig *rig)
{
    rig->log_size = log_size(rig);
    rig->began_ms = test_now_ms();
    rig->cpu_s = cpu_seconds(rig);
}

void rig_measure(struct rig *rig, struct rig_figures *out)
{
    int64_t ms = test_now_ms() - rig->began_ms;
    out->lines_a_second = lines_a_second(rig, (int)(ms / 1000));
    out->cpu_percent = (cpu_seconds(rig) - rig->cpu_s) * 100000 / (double)ms;
}

void rig_fail(struct rig *rig, const char *what)
{
    char *text = test_child_output(&rig->worker);
    size_t len = strlen(text);
    printf("the end of the worker's log:\n");
    puts(len > 6000 ? text + len - 6000 : text);
    free(text);
    fail_msg("%s", what);
}

void rig_turn(struct rig *rig)
{
    if (test_child_has_ended(&rig->worker))
        rig_fail(rig, "the worker has ended");
    poll(NULL, 0, 3);
}

void rig_until(struct rig *rig, const char *what, int (*ready)(void *arg), void *arg, int timeout_ms)
{
    char text[320];
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    while (!ready(arg)) {
        if (test_now_ms() > deadline) {
            snprintf(text, sizeof text, "waited %d ms for: %s", test_patience(timeout_ms), what);
            rig_fail(rig, text);
        }
        rig_turn(rig);
    }
}

/* ---- tasks -------------------------------------------------------------- */

static void renew_client(struct rig *rig)
{
    struct orb_error err;
    orb_client_free(rig->fleet.client);
    rig->fleet.client = NULL;
    if (orb_client_new(rig->fleet.loop, &(struct orb_redis_options){ .url = rig->fleet.redis.url }, &rig->fleet.client, &err))
        fail_msg("%s", err.text);
}

void rig_submit(struct rig *rig, const char *id, const char *model)
{
    renew_client(rig);
    test_submit(&rig->fleet, &(struct test_task){ .id = id, .model = model, .input = "x", .detailed = 1 });
}

struct cancel {
    int is_done;
    struct orb_error err;
};

static void on_cancelled(void *arg, const char *state, const struct orb_error *err)
{
    struct cancel *cancel = arg;
    (void)state;
    cancel->is_done = 1;
    if (err)
        cancel->err = *err;
}

void rig_cancel(struct rig *rig, const char *id)
{
    struct cancel cancel = { 0 };
    renew_client(rig);
    struct orb_task_handle *handle = orb_task_handle_new(rig->fleet.client, id);
    assert_non_null(handle);
    assert_int_equal(orb_task_handle_cancel(handle, on_cancelled, &cancel), 0);
    test_loop_until(rig->fleet.loop, "the cancel", test_is_set, &cancel.is_done, 10000);
    orb_task_handle_free(handle);
    if (cancel.err.code)
        fail_msg("cancel of %s: %s", id, cancel.err.text);
}

struct wait {
    const struct rig *rig;
    const char *id, *name, *value;
};

static int field_is(void *arg)
{
    struct wait *w = arg;
    char *text = test_redis_text(&w->rig->fleet.redis, "HGET orbiter:task:%s %s", w->id, w->name);
    int is_equal = !strcmp(text, w->value);
    free(text);
    return is_equal;
}

void rig_wait_field(struct rig *rig, const char *id, const char *name, const char *value, int timeout_ms)
{
    char what[256];
    snprintf(what, sizeof what, "%s of task %s to be %s", name, id, value);
    rig_until(rig, what, field_is, &(struct wait){ rig, id, name, value }, timeout_ms);
}

long long rig_listening_id(const struct rig *rig)
{
    char *text = test_redis_text(&rig->fleet.redis, "CLIENT LIST TYPE pubsub"), *rest = text, *line;
    long long newest = 0;
    while ((line = strsep(&rest, "\n"))) {
        long long id = 0;
        if (strstr(line, " psub=1 ") && sscanf(line, "id=%lld", &id) == 1 && id > newest)
            newest = id;
    }
    free(text);
    return newest;
}

/* ---- a replica ---------------------------------------------------------- */

static long long offset(const struct test_redis *redis, const char *name)
{
    char *text = test_redis_text(redis, "INFO replication"), *at = strstr(text, name);
    long long value = at ? strtoll(at + strlen(name), NULL, 10) : -1;
    free(text);
    return value;
}

static int is_in_step(void *arg)
{
    struct rig *rig = arg;
    long long there = offset(&rig->spare, "slave_repl_offset:");
    return there > 0 && there == offset(&rig->fleet.redis, "master_repl_offset:");
}

void rig_wait_replica(struct rig *rig)
{
    rig_until(rig, "the replica to be in step", is_in_step, rig, 20000);
}

void rig_add_replica(struct rig *rig)
{
    int port = test_free_port();
    test_redis_expect(&rig->fleet.redis, "OK", "CONFIG SET repl-diskless-sync-delay 0");
    test_redis_expect(&rig->fleet.redis, "OK", "CONFIG SET port %d", port);
    memset(&rig->spare, 0, sizeof rig->spare);
    rig->spare.config = durable;
    test_redis_start(&rig->spare);
    test_redis_expect(&rig->spare, "OK", "REPLICAOF 127.0.0.1 %d", port);
    rig_wait_replica(rig);
}

void rig_promote_replica(struct rig *rig)
{
    struct test_redis gone = rig->fleet.redis;
    test_redis_expect(&rig->spare, "OK", "REPLICAOF NO ONE");
    rig->fleet.redis = rig->spare;
    rig->spare = gone;
    test_redis_stop(&rig->spare);
    test_proxy_aim(&rig->proxy, rig->fleet.redis.socket, 0);
}
