/* What the console says of a task: also of one whose hash a Python worker wrote, and of streams of any shape. */
#include "support/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct orb_task_info hash(const char *id, enum orb_status status)
{
    return (struct orb_task_info){ .id = id, .agent = "", .queue = "", .worker_id = "py", .status = status, .priority = 5, .resubmit_of = "", .result = "", .output = "", .partial = "",
                                   .usage = "", .error = "", .error_type = "", .cost = -1 };
}

static void tell_hash(struct console *c, const struct orb_task_info *info)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TASKS, .tasks = info, .count = 1 });
    console_send(c, (struct tui_msg){ .type = TUI_MSG_DETAIL, .id = info->id, .tasks = info, .count = 1, .text = "" });
}

/* Python workers leave the error of an attempt that failed where it is when a later one succeeds. */
static void test_what_was_completed_has_no_error(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    struct orb_task_info info = hash("again", ORB_STATUS_COMPLETED);
    info.started_at = c.now - 9;
    info.completed_at = c.now - 1;
    info.error = "BOOM of the first attempt";
    info.output = "a fine answer";
    info.retries = 1;
    console_keys(&c, "4");
    tell_hash(&c, &info);
    console_wait(&c, 1);
    assert_true(console_shows(&c, "again"));
    assert_false(console_shows(&c, "BOOM"));
    console_keys(&c, "Enter");
    tell_hash(&c, &info);
    console_keys(&c, "Tab Tab");
    assert_true(console_shows(&c, "a fine answer"));
    assert_false(console_shows(&c, "BOOM"));
    console_close(&c);
}

/* Its hash has when the last attempt began: what was before that was not all spent in a queue. */
static void test_how_long_a_task_waited_is_said_of_its_first_attempt(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 170);
    struct orb_task_info info = hash("tried", ORB_STATUS_RUNNING);
    info.created_at = c.now - 330;
    info.started_at = c.now - 30;
    info.attempt = 1;
    console_keys(&c, "4 Enter");
    tell_hash(&c, &info);
    console_keys(&c, "Enter");
    tell_hash(&c, &info);
    assert_true(console_shows(&c, "queued 5m00s"));
    info.attempt = 2;
    info.retries = 1;
    tell_hash(&c, &info);
    assert_true(console_shows(&c, "runs 30s"));
    assert_false(console_shows(&c, "5m00s"));
    /* One of a Python worker: when it was made is not known, nor its queue and agent. */
    info = hash("python", ORB_STATUS_RUNNING);
    info.started_at = c.now - 30;
    console_keys(&c, "4 g");
    tell_hash(&c, &info);
    console_keys(&c, "k k Enter");
    tell_hash(&c, &info);
    assert_string_equal(c.m->open.id, "python");
    assert_string_equal(console_line(&c, 1), "▸ running  worker py  try 1");
    assert_false(console_shows(&c, "queued"));
    console_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_completed_has_no_error), cmocka_unit_test(test_how_long_a_task_waited_is_said_of_its_first_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
