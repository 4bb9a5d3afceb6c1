/* The console over hours and in odd moments: clocks that differ, ids that come again, tables that fill, alarms that share a name. */
#include "support/console.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void queue(struct console *c, struct orb_queue_info info)
{
    info.name = info.name ? info.name : "orbiter:tasks";
    info.paused_by = info.paused_by ? info.paused_by : "";
    info.paused_from = "";
    console_send(c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = &info, .count = 1 });
}

static void counts(struct console *c, double skew)
{
    const struct orb_counts now = { .at = c->now + skew };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_COUNTS, .counts = &now });
}

static void tail(struct console *c, const char *id, double said_at, double tok_s)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TAILS, .id = id, .text = said_at > 0 ? "words" : "", .a = (int64_t)(said_at * 1000), .number = tok_s });
}

/* What the shell would have asked for and answered. */
static void answer_tails(struct console *c, const char *silent_id, double silent_at)
{
    struct tui_want want;
    tui_model_want(c->m, &want);
    for (size_t i = 0; i < want.tail_count; i++) {
        char id[ORB_ID_MAX + 1];
        tui_set(id, sizeof id, want.tail_ids[i]);
        if (!strcmp(id, silent_id))
            tail(c, id, silent_at, 0);
        else
            tail(c, id, c->now, 10);
    }
}

/* ---- what needs attention ---------------------------------------------------------------- */

static void test_any_running_task_that_is_silent_is_found(void **state)
{
    (void)state;
    struct console c;
    char id[40];
    console_open(&c, 40, 80);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "task-%02d", i);
        console_task(&c, id, "planner", ORB_STATUS_RUNNING, 300 - i);
    }
    int found = 0;
    for (int i = 0; i < 20 && !found; i++) {
        free(console_frame(&c));
        answer_tails(&c, "task-07", 0); /* it has never said a word */
        console_wait(&c, 1);
        char *frame = console_frame(&c);
        found = strstr(frame, "task-07") && strstr(frame, "runs, and has said nothing for");
        assert_null(strstr(frame, "task-08              runs, and"));
        free(frame);
    }
    assert_true(found);
    for (int i = 0; i < 3; i++) { /* it speaks: it is asked again soon, and taken from the list */
        answer_tails(&c, "", 0);
        console_wait(&c, 1);
        free(console_frame(&c));
    }
    char *frame = console_frame(&c);
    assert_null(strstr(frame, "runs, and has said nothing"));
    free(frame);
    console_close(&c);
}

static void test_the_busiest_streams_are_the_busiest(void **state)
{
    (void)state;
    struct console c;
    char id[40];
    console_open(&c, 40, 80);
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "task-%02d", i);
        console_task(&c, id, "planner", ORB_STATUS_RUNNING, 300 - i);
    }
    for (int i = 0; i < 20; i++) {
        free(console_frame(&c));
        struct tui_want want;
        tui_model_want(c.m, &want);
        for (size_t k = 0; k < want.tail_count; k++) {
            tui_set(id, sizeof id, want.tail_ids[k]);
            tail(&c, id, c.now, !strcmp(id, "task-00") || !strcmp(id, "task-29") ? 90 : 5);
        }
        console_wait(&c, 1);
    }
    assert_true(console_shows(&c, "task-00  planner        90 t/s"));
    assert_true(console_shows(&c, "task-29  planner        90 t/s"));
    console_close(&c);
}

static void test_a_queue_from_which_nothing_comes_is_an_alarm(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 30, 80);
    counts(&c, 0);
    queue(&c, (struct orb_queue_info){ .depth = 500, .running = 8, .workers = 1, .consumers = 1, .oldest_at = c.now - 400 });
    assert_true(console_shows(&c, "nothing ends, 500 wait, the oldest 6m"));
    console_close(&c);
}

static void test_the_fullest_queue_is_shown_whatever_its_name(void **state)
{
    (void)state;
    enum { N = 1000 };
    static char names[N][20];
    static struct orb_queue_info queues[N];
    struct console c;
    console_open(&c, 24, 80);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "q-%04d", i);
        queues[i] = (struct orb_queue_info){ .name = names[i], .depth = i, .workers = 1, .consumers = 1, .paused_by = "", .paused_from = "" };
    }
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = 4 });
    assert_true(console_shows(&c, "q-0000") && !console_shows(&c, " more ")); /* nobody else needs the room */
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = N });
    assert_true(console_shows(&c, "q-0999"));
    assert_true(console_shows(&c, " more ")); /* that others are not shown is said */
    console_close(&c);
}

static void test_alarms_of_one_queue_are_two_lines(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 30, 80);
    const struct orb_queue_info queues[] = {
        { .name = "batch", .depth = 5, .dead = 3, .workers = 1, .consumers = 1, .is_paused = 1, .paused_by = "ops", .paused_from = "", .oldest_at = c.now - 1 },
        { .name = "eval", .dead = 2, .workers = 1, .consumers = 1, .paused_by = "", .paused_from = "" },
    };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = 2 });
    console_wait(&c, 2);
    console_keys(&c, "j j");
    assert_true(console_shows(&c, "\n❯ ✗ queue  eval"));
    console_keys(&c, "k");
    assert_true(console_shows(&c, "\n❯ ✗ queue  batch                3 dead letters"));
    console_keys(&c, "L");
    assert_true(console_shows(&c, "Replay all dead letters of queue batch (3)?"));
    console_close(&c);
}

static void test_what_is_refused_is_said(void **state)
{
    (void)state;
    static const struct { const char *id, *keys; } cases[] = { { "feed", "5" }, { "tasks", "4" }, { "totals", "1" }, { "audit", "1" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct console c;
        console_open(&c, 30, 100);
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_TROUBLE, .id = cases[i].id, .text = "NOPERM no rights for it" });
        assert_true(console_shows(&c, "NOPERM no rights for it"));
        console_keys(&c, "5");
        assert_true(console_shows(&c, "redis.refused"));
        console_keys(&c, cases[i].keys);
        assert_true(console_shows(&c, "NOPERM no rights for it"));
        console_keys(&c, "1");
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_TROUBLE, .id = cases[i].id });
        console_wait(&c, 2);
        char *frame = console_frame(&c);
        assert_null(strstr(frame, "NOPERM"));
        free(frame);
        console_close(&c);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

static void test_ages_and_rates_are_by_the_clock_of_redis(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 30, 100);
    counts(&c, -3600); /* Redis is an hour behind */
    queue(&c, (struct orb_queue_info){ .depth = 1, .workers = 1, .consumers = 1, .oldest_at = c.now - 3600 - 40 });
    double mine = c.now;
    c.now = mine - 3600;
    struct orb_feed_event change = { .entry_id = "1-1", .at_ms = (int64_t)(c.now * 1000), .type = "task.pending", .queue = "orbiter:tasks", .worker_id = "", .task_id = "one" };
    c.now = mine;
    for (int i = 0; i < 60; i++)
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_FEED, .changes = &change, .count = 1 });
    console_wait(&c, 6);
    counts(&c, -3600);
    assert_true(console_shows(&c, "oldest pending 46s"));
    assert_true(console_shows(&c, "in/s       10.0"));
    assert_true(console_shows(&c, "of this machine is 1h00m before that of Redis"));
    console_close(&c);
}

static void test_a_clock_that_is_set_back_stops_nothing(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    console_task(&c, "one", "planner", ORB_STATUS_RUNNING, 10);
    console_task(&c, "two", "planner", ORB_STATUS_RUNNING, 10);
    counts(&c, 0);
    console_keys(&c, "A C y");
    c.now -= 3600;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_TICK });
    assert_true(fabs(c.m->now - c.now) < 0.001);
    assert_non_null(tui_acts_take(&c.m->acts, c.now + 5.1));
    console_wait(&c, 10);
    assert_true(console_shows(&c, "STALE 10s"));
    console_wait(&c, 20);
    assert_false(console_shows(&c, "Cancel 2 running tasks: yes"));
    assert_int_equal(c.m->toast[0], 0);
    console_close(&c);
}

static void test_numbers_of_the_header_are_whole(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    struct orb_feed_event changes[100];
    for (int i = 0; i < 100; i++)
        changes[i] = (struct orb_feed_event){ .entry_id = "", .type = "task.running", .status = ORB_STATUS_RUNNING, .queue = "q", .worker_id = "", .task_id = "x" };
    console_keys(&c, "p");
    for (int i = 0; i < 125; i++)
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_FEED, .changes = changes, .count = 100 });
    assert_true(console_shows(&c, " PAUSED 12k "));
    assert_true(console_shows(&c, "frozen: p goes on with the 12500 changes that have come since"));
    console_keys(&c, "p");
    counts(&c, 0);
    console_wait(&c, 12);
    assert_true(console_shows(&c, "STALE 12s "));
    console_link(&c, 0, "gone"); /* given up: what is shown is no younger for that */
    assert_true(console_shows(&c, "STALE 12s "));
    /* Nor because it is asked again and again, and refuses: a password was changed. */
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .text = "NOAUTH", .text_len = 6 });
    assert_true(console_shows(&c, "STALE 12s "));
    console_link(&c, 1, "");
    assert_true(console_shows(&c, "Redis is back after 12s"));
    console_link(&c, 0, "gone");
    console_wait(&c, 100000);
    assert_true(console_shows(&c, "STALE 27h "));
    console_close(&c);
}

/* Redis is connected and does not answer: that is told before the connection is given up. */
static void test_silence_is_said_in_words(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    counts(&c, 0);
    assert_true(console_shows(&c, " LIVE "));
    console_wait(&c, 0.8);
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_LINK, .a = 2, .number = 0.7 });
    assert_true(console_shows(&c, "STALE 0s "));
    console_wait(&c, 1.2);
    assert_true(console_shows(&c, "STALE 1s "));
    console_link(&c, 0, "gone");
    counts(&c, 0); /* one of two connections is there again */
    console_wait(&c, 1);
    assert_true(console_shows(&c, "STALE 1s "));
    console_link(&c, 2, "");
    assert_true(console_shows(&c, "STALE "));
    assert_true(console_shows(&c, "Redis is back after 2.9s"));
    console_link(&c, 1, "");
    assert_true(console_shows(&c, " LIVE "));
    console_close(&c);
}

/* ---- totals ----------------------------------------------------------------------------------- */

/* When the console is opened the feed tells what happened before; it is in the totals already. */
static void test_totals_have_what_happened_before_them(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    double now = c.now;
    counts(&c, 0);
    int64_t was = c.m->fleet.by_state[ORB_STATUS_COMPLETED];
    c.now = now - 60;
    console_change(&c, "before", ORB_STATUS_COMPLETED, 1);
    assert_int_equal(c.m->fleet.by_state[ORB_STATUS_COMPLETED], was);
    c.now = now + 1;
    console_change(&c, "since", ORB_STATUS_COMPLETED, 1);
    assert_int_equal(c.m->fleet.by_state[ORB_STATUS_COMPLETED], was + 1);
    console_close(&c);
}

/* ---- tasks ------------------------------------------------------------------------------------ */

static void test_an_id_that_comes_again_is_another_task(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    console_change(&c, "one", ORB_STATUS_PENDING, 0);
    console_wait(&c, 1);
    console_change(&c, "one", ORB_STATUS_RUNNING, 1);
    console_wait(&c, 1);
    console_change(&c, "one", ORB_STATUS_COMPLETED, 1);
    console_wait(&c, 100);
    console_change(&c, "one", ORB_STATUS_PENDING, 0);
    assert_int_equal(c.m->tasks.rows[0].state, ORB_STATUS_PENDING);
    console_wait(&c, 1);
    console_change(&c, "one", ORB_STATUS_RUNNING, 1);
    assert_int_equal(c.m->tasks.rows[0].state, ORB_STATUS_RUNNING);
    console_wait(&c, 1);
    console_change(&c, "one", ORB_STATUS_COMPLETED, 2);
    console_wait(&c, 100);
    console_task(&c, "one", "planner", ORB_STATUS_PENDING, 5); /* told by a walk: attempt 0, made since */
    assert_int_equal(c.m->tasks.rows[0].state, ORB_STATUS_PENDING);
    console_close(&c);
}

static void test_events_are_shown_also_when_the_row_is_ahead(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    console_task(&c, "one", "planner", ORB_STATUS_FAILED, 10); /* ended 5 s ago */
    c.now -= 9;
    struct orb_feed_event change = { .entry_id = "1-1", .at_ms = (int64_t)(c.now * 1000), .type = "task.running", .status = ORB_STATUS_RUNNING, .queue = "orbiter:tasks", .worker_id = "w", .task_id = "one",
                                     .attempt = 1 };
    c.now += 9;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_FEED, .changes = &change, .count = 1 });
    console_change(&c, "one", ORB_STATUS_FAILED, 1);
    console_keys(&c, "5");
    assert_true(console_shows(&c, "task.running    one        planner"));
    assert_true(console_shows(&c, "task.failed     one        planner    HTTP 529 overloaded"));
    console_close(&c);
}

static void test_a_row_that_was_told_need_not_be_asked_for(void **state)
{
    (void)state;
    struct console c;
    uint32_t rows[4];
    console_open(&c, 24, 80);
    console_change(&c, "one", ORB_STATUS_COMPLETED, 1);
    console_change(&c, "two", ORB_STATUS_COMPLETED, 1);
    console_task(&c, "one", "planner", ORB_STATUS_COMPLETED, 10);
    console_task(&c, "two", "planner", ORB_STATUS_RUNNING, 10); /* an answer from before the change */
    assert_int_equal(tui_tasks_stale(&c.m->tasks, rows, 4), 1);
    assert_string_equal(tui_task_id(&c.m->tasks, rows[0]), "two");
    assert_int_equal(c.m->tasks.rows[rows[0]].state, ORB_STATUS_COMPLETED);
    console_close(&c);
}

static void test_rows_of_tasks_that_went_are_used_again(void **state)
{
    (void)state;
    static const char *const screens[] = { "1", "4 1", "4" };
    for (size_t s = 0; s < sizeof screens / sizeof *screens; s++) {
        struct console c;
        char id[33];
        console_open(&c, 24, 80);
        console_keys(&c, screens[s]);
        for (unsigned i = 0; i < 20000; i++) {
            snprintf(id, sizeof id, "%032x", i);
            console_change(&c, id, ORB_STATUS_PENDING, 0);
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_GONE, .id = id });
            if (i % 100 == 99)
                tui_model_settle(c.m);
        }
        assert_true(c.m->tasks.limit < 11000); /* a screen that is not shown may be that late */
        assert_int_equal(c.m->tasks.count, 0);
        console_close(&c);
    }
}

static void test_too_many_tasks_the_oldest_go(void **state)
{
    (void)state;
    struct console c;
    char id[33];
    console_open(&c, 24, 80);
    c.m->tasks.max = 1000;
    console_keys(&c, "4");
    console_task(&c, "old-and-running", "planner", ORB_STATUS_RUNNING, 90000);
    for (unsigned i = 0; i < 3000; i++) { /* a walk: the newest first */
        snprintf(id, sizeof id, "%032x", i);
        console_task(&c, id, "planner", ORB_STATUS_COMPLETED, 10 + i);
        if (i % 100 == 99)
            free(console_frame(&c));
    }
    assert_true(c.m->tasks.count > 900 && c.m->tasks.limit <= 1000);
    assert_int_not_equal(tui_tasks_find(&c.m->tasks, "old-and-running"), UINT32_MAX);
    for (unsigned i = 0; i < 900; i++) {
        snprintf(id, sizeof id, "%032x", i);
        assert_int_not_equal(tui_tasks_find(&c.m->tasks, id), UINT32_MAX);
    }
    console_change(&c, "new", ORB_STATUS_PENDING, 0);
    free(console_frame(&c));
    console_change(&c, "new", ORB_STATUS_PENDING, 0);
    assert_int_not_equal(tui_tasks_find(&c.m->tasks, "new"), UINT32_MAX);
    char *frame = console_frame(&c);
    assert_null(strstr(frame, "\n   "));
    free(frame);
    console_close(&c);
}

static void test_errors_that_are_all_different_leave_room_for_names(void **state)
{
    (void)state;
    struct console c;
    char id[33], error[80], agent[33];
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    for (unsigned i = 0; i < 200000; i++) {
        snprintf(id, sizeof id, "%032x", i);
        snprintf(error, sizeof error, "HTTP 500, request %u", i);
        struct orb_task_info info = { .id = id, .agent = "planner", .queue = "", .worker_id = "w", .status = ORB_STATUS_FAILED, .created_at = c.now, .completed_at = c.now, .error = error,
                                      .error_type = "ServerError", .resubmit_of = "", .cost = -1, .attempt = 1 };
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_TASKS, .tasks = &info, .count = 1 });
        if (i >= 1000) {
            snprintf(id, sizeof id, "%032x", i - 1000);
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_GONE, .id = id });
        }
        if (i % 1000 == 999) {
            console_wait(&c, 10);
            tui_model_settle(c.m);
        }
    }
    snprintf(agent, sizeof agent, "a-new-agent");
    console_task(&c, "one", agent, ORB_STATUS_FAILED, 1);
    struct orb_error err;
    assert_int_equal(tui_list_filter(&c.m->lists[TUI_TASKS], "agent=a-new-agent error~529", &err), 0);
    free(console_frame(&c));
    assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
    assert_int_equal(tui_list_filter(&c.m->lists[TUI_TASKS], "error:\"request 199999\"", &err), 0);
    free(console_frame(&c));
    assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
    assert_true(tui_texts_count(c.m->texts) <= TUI_TEXTS_MAX);
    console_close(&c);
}

/* ---- from screen to screen ----------------------------------------------------------------------- */

static void test_names_with_quotes_bars_and_commas(void **state)
{
    (void)state;
    static const char *const names[] = { "a\"b", "a\\b", "a|b", "a,b", "a:b", "!a", "~", "\"", "a\\\"" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct console c;
        char longer[40];
        console_open(&c, 24, 80);
        queue(&c, (struct orb_queue_info){ .name = names[i], .depth = 1 });
        snprintf(longer, sizeof longer, "%s-eu", names[i]);
        const char *const queues[] = { names[i], longer, "another" };
        for (size_t k = 0; k < 3; k++) {
            char id[20];
            snprintf(id, sizeof id, "task-%zu", k);
            struct orb_task_info info = { .id = id, .agent = "bot", .queue = queues[k], .worker_id = queues[k], .created_at = c.now, .error = "", .error_type = "", .resubmit_of = "", .cost = -1,
                                          .status = ORB_STATUS_RUNNING };
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_TASKS, .tasks = &info, .count = 1 });
        }
        console_keys(&c, "2 Enter");
        assert_int_equal(c.m->screen, TUI_TASKS);
        assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
        assert_int_equal(tui_list_row(&c.m->lists[TUI_TASKS]), 0);
        struct orb_worker_info worker = { .id = names[i], .status = "running", .hostname = "", .current_task_id = "", .version = "", .queue = "" };
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = &worker, .count = 1 });
        console_keys(&c, "3 Enter");
        assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
        console_close(&c);
    }
}

static void test_an_event_opens_its_worker_and_its_queue(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 100);
    struct orb_worker_info workers[2] = { { .id = "w-1", .status = "running", .hostname = "", .current_task_id = "", .version = "", .queue = "" },
                                          { .id = "w-2", .status = "running", .hostname = "", .current_task_id = "", .version = "", .queue = "" } };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = 2 });
    console_wait(&c, 1);
    workers[1].is_lost = 1;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = 2 });
    workers[1].is_lost = 0;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = 2 });
    console_keys(&c, "5 j Enter");
    assert_int_equal(c.m->screen, TUI_WORKERS);
    assert_string_equal(c.m->lists[TUI_WORKERS].cursor_id, "w-2");
    console_close(&c);
}

static void test_the_newest_event_stays_in_sight(void **state)
{
    (void)state;
    struct console c;
    char id[20];
    console_open(&c, 24, 100);
    console_keys(&c, "5");
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "task-%02d", i);
        console_change(&c, id, ORB_STATUS_PENDING, 0);
        assert_true(strstr(console_line(&c, 2), id) != NULL);
        assert_true(strstr(console_line(&c, 2), "❯") != NULL);
    }
    console_keys(&c, "j");
    console_change(&c, "another", ORB_STATUS_PENDING, 0);
    assert_true(console_shows(&c, "task-38") && !console_shows(&c, "FOLLOW"));
    assert_true(strstr(console_line(&c, 3), "task-38") != NULL); /* where it was */
    console_close(&c);
}

/* No Redis from the first moment on: connecting is what is tried, offline what has failed. */
static void test_what_was_never_there_is_offline(void **state)
{
    (void)state;
    struct console c;
    struct tui_keys *keys = tui_keys_new();
    c = (struct console){ .keys = keys, .m = tui_model_new(keys), .now = 1772460381 };
    c.m->rows = 24;
    c.m->cols = 80;
    assert_true(console_shows(&c, "CONNECTING"));
    console_link(&c, 0, "cannot connect to 127.0.0.1:6379: Connection refused");
    assert_true(console_shows(&c, "OFFLINE") && console_shows(&c, "Connection refused"));
    console_close(&c);
}

static void test_of_a_long_line_the_end_is_new(void **state)
{
    (void)state;
    static const struct { const char *text, *shown; } cases[] = { { "short", "short" }, { "exactly 10", "exactly 10" }, { "one that is longer", "..s longer" }, { "日本語日本語日本語", "..語日本語" }, { "", "" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tui_grid *grid = tui_grid_new(1, 12);
        tui_put_end(grid, 0, 1, 10, TUI_TEXT, cases[i].text, strlen(cases[i].text));
        char *text = tui_grid_text(grid), want[40];
        snprintf(want, sizeof want, "%s%s\n", *cases[i].shown ? " " : "", cases[i].shown);
        assert_string_equal(text, want);
        free(text);
        tui_grid_free(grid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_running_task_that_is_silent_is_found), cmocka_unit_test(test_the_busiest_streams_are_the_busiest),
        cmocka_unit_test(test_a_queue_from_which_nothing_comes_is_an_alarm), cmocka_unit_test(test_the_fullest_queue_is_shown_whatever_its_name), cmocka_unit_test(test_alarms_of_one_queue_are_two_lines), cmocka_unit_test(test_what_is_refused_is_said),
        cmocka_unit_test(test_ages_and_rates_are_by_the_clock_of_redis), cmocka_unit_test(test_a_clock_that_is_set_back_stops_nothing), cmocka_unit_test(test_numbers_of_the_header_are_whole),
        cmocka_unit_test(test_silence_is_said_in_words), cmocka_unit_test(test_totals_have_what_happened_before_them), cmocka_unit_test(test_an_id_that_comes_again_is_another_task),
        cmocka_unit_test(test_events_are_shown_also_when_the_row_is_ahead), cmocka_unit_test(test_a_row_that_was_told_need_not_be_asked_for), cmocka_unit_test(test_rows_of_tasks_that_went_are_used_again), cmocka_unit_test(test_too_many_tasks_the_oldest_go),
        cmocka_unit_test(test_errors_that_are_all_different_leave_room_for_names), cmocka_unit_test(test_names_with_quotes_bars_and_commas),
        cmocka_unit_test(test_an_event_opens_its_worker_and_its_queue), cmocka_unit_test(test_the_newest_event_stays_in_sight), cmocka_unit_test(test_what_was_never_there_is_offline), cmocka_unit_test(test_of_a_long_line_the_end_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
