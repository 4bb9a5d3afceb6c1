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

/* ---- streams ------------------------------------------------------------------------------ */

static void say(struct console *c, const char *id, int64_t seq, const char *text)
{
    char stream_id[40];
    snprintf(stream_id, sizeof stream_id, "%lld-0", (long long)(c->now * 1000));
    struct orb_event event = { .type = ORB_EVENT_TEXT, .stream_id = stream_id, .seq = seq, .attempt = 1, .agent_name = "", .word = "", .tool_call_id = "", .text = text, .text_len = strlen(text) };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_STREAM, .id = id, .events = &event, .count = 1 });
}

/* The line below a stream moves once a second, but never stands there with nothing while there is a text above it. */
static void test_the_proof_is_there_with_the_text(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    console_task(&c, "talks", "coder", ORB_STATUS_RUNNING, 10);
    console_keys(&c, "4 Enter");
    assert_true(console_shows(&c, "FOLLOW  line 0 of 0  gaps 0  replayed 0 + live 0"));
    c.now += 0.1;
    say(&c, "talks", 1, "hello\n");
    assert_true(console_shows(&c, "FOLLOW  line 1 of 1  gaps 0  replayed 1 + live 0"));
    c.now += 0.1;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_TAILS, .id = "talks", .text = "", .a = (int64_t)(c.now * 1000) });
    say(&c, "talks", 2, "world\n");
    assert_true(console_shows(&c, "FOLLOW  line 2 of 2  gaps 0  replayed 2 + live 0"));
    c.now += 0.1;
    say(&c, "talks", 3, "!\n");
    assert_true(console_shows(&c, "FOLLOW  line 2 of 2  gaps 0  replayed 2 + live 0")); /* from here on once a second */
    console_wait(&c, 1);
    assert_true(console_shows(&c, "FOLLOW  line 3 of 3  gaps 0  replayed 2 + live 1"));
    c.now += 0.1;
    console_keys(&c, "f");
    assert_true(console_shows(&c, "STILL  line"));
    c.now += 0.1;
    console_keys(&c, "G");
    assert_true(console_shows(&c, "FOLLOW  line")); /* a key paints at once */
    console_close(&c);
}

/* A long line is kept in pieces. No word is torn where these meet, and all of it is copied as it came. */
static void test_a_long_line_has_no_torn_word(void **state)
{
    (void)state;
    struct console c;
    char word[16], *text = NULL, *copy;
    size_t len, copied;
    console_open(&c, 100, 80);
    console_task(&c, "long", "coder", ORB_STATUS_RUNNING, 10);
    console_keys(&c, "4 Enter");
    FILE *all = open_memstream(&text, &len);
    assert_non_null(all);
    for (int i = 1; i <= 1000; i++) {
        snprintf(word, sizeof word, i > 1 ? " word%d" : "word%d", i);
        fputs(word, all);
        say(&c, "long", i, word);
    }
    fclose(all);
    char *frame = console_frame(&c);
    for (int i = 1; i <= 1000; i++) {
        snprintf(word, sizeof word, "word%d", i);
        if (!strstr(frame, word))
            fail_msg("%s is torn", word);
    }
    free(frame);
    copy = tui_pane_text(&c.m->open.panes[TUI_TAB_STREAM], &copied);
    assert_int_equal(copied, len + 1);
    assert_memory_equal(copy, text, len);
    free(copy);
    free(text);
    console_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_completed_has_no_error), cmocka_unit_test(test_how_long_a_task_waited_is_said_of_its_first_attempt),
        cmocka_unit_test(test_the_proof_is_there_with_the_text), cmocka_unit_test(test_a_long_line_has_no_torn_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
