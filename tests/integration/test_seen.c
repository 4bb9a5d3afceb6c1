/* Acts that are only for what somebody has seen: what has changed meanwhile is told, and not touched. */
#include "support/fleet.h"
#include <orbiter/dead.h>
#include <orbiter/operate.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_fleet fleet;
static struct test_child worker;

static int start(void **state)
{
    (void)state;
    test_fleet_start(&fleet);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_child_kill(&worker);
    test_fleet_stop(&fleet);
    return 0;
}

struct heard {
    int calls, code, has_info, is_changed;
    double at;
    char text[512], state[64], id[64];
};

static void note(struct heard *h, const struct orb_error *err)
{
    h->calls++;
    h->code = err ? err->code : 0;
    snprintf(h->text, sizeof h->text, "%s", err ? err->text : "");
}

static void on_cancel(void *arg, const char *word, const struct orb_error *err)
{
    struct heard *h = arg;
    note(h, err);
    snprintf(h->state, sizeof h->state, "%s", word ? word : "");
}

static void on_submit(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct heard *h = arg;
    note(h, err);
    snprintf(h->id, sizeof h->id, "%s", handle ? orb_task_handle_id(handle) : "");
    orb_task_handle_free(handle);
}

static void on_pause(void *arg, const struct orb_pause_info *info, const struct orb_error *err)
{
    struct heard *h = arg;
    note(h, err);
    h->has_info = info != NULL;
    if (!info)
        return;
    h->is_changed = info->is_changed;
    h->at = info->at;
    snprintf(h->state, sizeof h->state, "%s", info->who);
}

static void on_drain(void *arg, int is_changed, const struct orb_error *err)
{
    struct heard *h = arg;
    note(h, err);
    h->is_changed = is_changed;
}

static struct heard hear(struct heard *h, int rc)
{
    assert_int_equal(rc, 0);
    assert_int_equal(h->calls, 0);
    test_loop_until(fleet.loop, "the answer", test_is_set, &h->calls, 20000);
    assert_int_equal(h->calls, 1);
    return *h;
}

static struct heard cancel(const char *id, const struct orb_task_seen *seen)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_cancel_if(fleet.client, id, seen, on_cancel, &h, &err));
}

static struct heard resubmit(const char *id, const struct orb_task_seen *seen)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_resubmit_if(fleet.client, id, seen, NULL, 0, on_submit, &h, &err));
}

static struct heard pause_queue(const struct orb_queue_seen *seen)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_pause_if(fleet.client, "parked", seen, on_pause, &h, &err));
}

static struct heard resume_queue(const struct orb_queue_seen *seen)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_resume_if(fleet.client, "parked", seen, on_pause, &h, &err));
}

static struct heard drain(const struct orb_worker_seen *seen)
{
    struct heard h = { 0 };
    struct orb_error err;
    return hear(&h, orb_operate_drain_if(fleet.client, "w1", seen, on_drain, &h, &err));
}

static void submit(const char *id, const char *model)
{
    test_submit(&fleet, &(struct test_task){ .id = id, .model = model, .input = "x", .queue = "parked" });
}

static void start_worker(void)
{
    test_worker_start(&worker, &fleet, (const char *const[]){ "--worker-id", "w1", "--queue", "parked", "--concurrency", "4", NULL }, NULL);
}

#define SEEN(word, n) (&(struct orb_task_seen){ ORB_STATUS_##word, n })

static void a_task_that_has_moved_is_not_cancelled(void **state)
{
    (void)state;
    submit("a", "sim:delay=600000");
    submit("b", "sim:");
    start_worker();
    test_wait_field(&fleet, "a", "status", "running", 10000);
    test_wait_field(&fleet, "b", "status", "completed", 10000);
    char *digest = test_redis_text(&fleet.redis, "HGETALL orbiter:task:b");
    struct heard h = cancel("b", SEEN(RUNNING, 1));
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_int_equal(orb_error_exit(h.code), 6);
    assert_string_equal(h.state, "completed");
    assert_string_equal(h.text, "task b has changed since it was looked at: it is completed now, in attempt 1; nothing was done, look again");
    test_redis_expect(&fleet.redis, digest, "HGETALL orbiter:task:b");
    free(digest);
    assert_int_equal(cancel("a", SEEN(PENDING, 0)).code, ORB_E_CHANGED);
    assert_int_equal(cancel("a", SEEN(RUNNING, 2)).code, ORB_E_CHANGED);
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:audit");
    assert_string_equal(cancel("a", SEEN(RUNNING, 1)).state, "running");
    test_wait_field(&fleet, "a", "status", "cancelled", 10000);
    assert_int_equal(cancel("b", SEEN(COMPLETED, -1)).code, ORB_E_FINISHED);
    assert_int_equal(cancel("nobody", SEEN(RUNNING, 1)).code, ORB_E_NOT_FOUND);
}

static void without_anything_seen_it_is_as_ever(void **state)
{
    (void)state;
    struct heard h = { 0 };
    struct orb_error err;
    submit("a", "sim:");
    assert_string_equal(cancel("a", NULL).state, "pending");
    assert_int_equal(resubmit("a", NULL).code, 0);
    assert_int_equal(pause_queue(NULL).is_changed, 1);
    assert_int_equal(resume_queue(NULL).is_changed, 1);
    assert_int_equal(orb_operate_cancel_if(fleet.client, "a b", NULL, on_cancel, &h, &err), ORB_E_USAGE);
    assert_int_equal(h.calls, 0);
}

static void a_task_that_has_moved_is_not_resubmitted(void **state)
{
    (void)state;
    submit("a", "sim:");
    start_worker();
    test_wait_field(&fleet, "a", "status", "completed", 10000);
    struct heard h = resubmit("a", SEEN(FAILED, 1));
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_string_equal(h.id, "");
    assert_non_null(strstr(h.text, "task a has changed since it was looked at: it is completed now"));
    test_redis_expect(&fleet.redis, "1", "SCARD orbiter:task:index");
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:audit");
    h = resubmit("a", SEEN(COMPLETED, 1));
    assert_int_equal(h.code, 0);
    test_expect_field(&fleet, h.id, "resubmit_of", "a");
    free(test_redis_text(&fleet.redis, "DEL orbiter:task:a"));
    h = resubmit("a", SEEN(COMPLETED, 1));
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_non_null(strstr(h.text, "it is gone"));
}

static void a_queue_that_somebody_else_has_switched(void **state)
{
    (void)state;
    static const struct orb_queue_seen running = { 0 }, paused = { .is_paused = 1 };
    submit("a", "sim:");
    struct heard h = resume_queue(&paused);
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_string_equal(h.text, "queue parked has changed since it was looked at: it is running now; nothing was done, look again");
    setenv("ORBITER_USER", "ann", 1);
    assert_int_equal(pause_queue(&running).is_changed, 1);
    h = pause_queue(&running);
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_int_equal(h.has_info, 1);
    assert_string_equal(h.state, "ann");
    assert_non_null(strstr(h.text, "it is paused by ann now"));
    /* That very pause, and not a later one. */
    struct orb_queue_seen this = { .is_paused = 1, .paused_at = h.at };
    assert_int_equal(resume_queue(&paused).is_changed, 1);
    assert_int_equal(pause_queue(&running).is_changed, 1);
    assert_int_equal(resume_queue(&this).code, ORB_E_CHANGED);
    test_redis_expect(&fleet.redis, "1", "EXISTS parked:paused");
    h = pause_queue(&paused);
    assert_int_equal(h.is_changed, 0);
    this.paused_at = h.at;
    assert_int_equal(resume_queue(&this).is_changed, 1);
    test_redis_expect(&fleet.redis, "4", "XLEN orbiter:audit");
    unsetenv("ORBITER_USER");
}

static int is_draining(void *arg)
{
    (void)arg;
    char *text = test_redis_text(&fleet.redis, "HGET orbiter:workers:w1 status");
    int is_so = !strcmp(text, "draining");
    free(text);
    return is_so;
}

static void a_worker_that_is_another_one_now(void **state)
{
    (void)state;
    submit("a", "sim:delay=600000");
    start_worker();
    test_wait_field(&fleet, "a", "status", "running", 10000);
    char *started = test_redis_text(&fleet.redis, "HGET orbiter:workers:w1 started_at");
    double at = strtod(started, NULL);
    free(started);
    struct heard h = drain(&(struct orb_worker_seen){ .status = "running", .started_at = at - 1 });
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_non_null(strstr(h.text, "worker w1 has changed since it was looked at: it is another process now"));
    h = drain(&(struct orb_worker_seen){ .status = "draining" });
    assert_int_equal(h.code, ORB_E_CHANGED);
    assert_non_null(strstr(h.text, "it is running now"));
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:audit");
    assert_int_equal(drain(&(struct orb_worker_seen){ .status = "running", .started_at = at }).is_changed, 1);
    test_wait_until("it to drain", is_draining, NULL, 10000);
    assert_int_equal(drain(&(struct orb_worker_seen){ .status = "running", .started_at = at }).code, ORB_E_CHANGED);
    test_redis_expect(&fleet.redis, "1", "XLEN orbiter:audit");
}

/* ---- who only reads -------------------------------------------------------- */

static void on_tasks(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    (void)tasks, (void)count;
    note(arg, err);
}

static void on_letter(void *arg, const struct orb_dead_letter *letter, const char *new_id, const struct orb_error *err)
{
    struct heard *h = arg;
    (void)new_id;
    if (letter)
        h->is_changed = err ? err->code : 0;
    else
        note(h, err);
}

static void expect_refused(struct heard *h, int rc)
{
    if (!rc)
        test_loop_until(fleet.loop, "the refusal", test_is_set, &h->calls, 10000);
    assert_int_equal(rc ? rc : h->code, ORB_E_REFUSED);
    *h = (struct heard){ 0 };
}

/* Whatever its user may: not even a script is loaded. */
static void a_client_that_only_reads_sends_nothing_else(void **state)
{
    (void)state;
    struct orb_client *reader;
    struct orb_error err;
    struct heard h = { 0 };
    struct orb_task_spec spec = { .agent_config = "{\"name\": \"bot\"}", .input = "", .timeout_seconds = -1 };
    submit("a", "sim:");
    free(test_redis_text(&fleet.redis, "ZADD orbiter:index:parked:failed 5 gone"));
    free(test_redis_text(&fleet.redis, "XADD parked:dead * task_id a payload {}"));
    start_worker();
    test_child_signal(&worker, SIGSTOP); /* it writes, too */
    test_redis_expect(&fleet.redis, "OK", "CONFIG RESETSTAT");
    assert_int_equal(orb_client_new(fleet.loop, &(struct orb_redis_options){ .url = fleet.redis.url, .is_read_only = 1 }, &reader, &err), 0);
    assert_int_equal(orb_fleet_tasks(reader, &(struct orb_task_filter){ .status = -1, .limit = 10 }, on_tasks, &h, &err), 0);
    test_loop_until(fleet.loop, "the list", test_is_set, &h.calls, 10000);
    assert_int_equal(h.code, 0);
    h.calls = 0;
    expect_refused(&h, orb_operate_cancel_if(reader, "a", NULL, on_cancel, &h, &err));
    expect_refused(&h, orb_operate_resubmit_if(reader, "a", NULL, NULL, 0, on_submit, &h, &err));
    expect_refused(&h, orb_operate_pause_if(reader, "parked", NULL, on_pause, &h, &err));
    expect_refused(&h, orb_operate_drain_if(reader, "w1", NULL, on_drain, &h, &err));
    expect_refused(&h, orb_distributed(reader, &spec, on_submit, &h, &err));
    assert_int_equal(orb_dead_purge(reader, &(struct orb_dead_filter){ .queue = "parked" }, on_letter, &h, &err), 0);
    test_loop_until(fleet.loop, "the refusal", test_is_set, &h.calls, 10000);
    assert_int_equal(h.code ? h.code : h.is_changed, ORB_E_REFUSED);
    char *stats = test_redis_text(&fleet.redis, "INFO commandstats");
    static const char *const writes[] = { "eval", "script", "zrem", "zadd", "sadd", "srem", "xadd", "xdel", "hset", "set:", "expire", "publish", "del:" };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        char name[32];
        snprintf(name, sizeof name, "cmdstat_%s", writes[i]);
        if (strstr(stats, name))
            fail_msg("%s was sent: %s", writes[i], stats);
    }
    free(stats);
    orb_client_free(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_task_that_has_moved_is_not_cancelled),
        TEST(without_anything_seen_it_is_as_ever),
        TEST(a_task_that_has_moved_is_not_resubmitted),
        TEST(a_queue_that_somebody_else_has_switched),
        TEST(a_worker_that_is_another_one_now),
        TEST(a_client_that_only_reads_sends_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
