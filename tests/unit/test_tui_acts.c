/* Acts of the console: what they are about, what becomes of what was typed, and that nothing that was confirmed is lost without a word. */
#include "support/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void many(struct console *c, unsigned n)
{
    char id[20];
    console_keys(c, "4");
    for (unsigned i = 0; i < n; i++) {
        snprintf(id, sizeof id, "task-%05u", i);
        console_task(c, id, i % 2 ? "planner" : "coder", ORB_STATUS_RUNNING, 10 + i);
    }
}

static void type(struct console *c, const char *text)
{
    for (char key[2] = { 0 }; *text; text++) {
        key[0] = *text;
        console_send(c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = *text == ' ' ? "Space" : key });
    }
}

static void answer(struct console *c, const struct tui_act *act, int code, const char *id, const char *text)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_ACTED, .a = act->serial, .b = code, .id = id, .text = text });
}

/* ---- marks ------------------------------------------------------------------------------- */

static void test_marks_that_are_not_shown_are_said(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 6);
    console_keys(&c, "A /");
    type(&c, "coder");
    console_keys(&c, "Enter");
    assert_true(console_shows(&c, "6 marked, 3 not shown"));
    console_keys(&c, "C");
    assert_true(console_shows(&c, "Cancel 6 running tasks (3 not shown)?"));
    console_close(&c);
}

static void test_an_act_takes_its_own_marks_away_only(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 6);
    struct tui_list *list = &c.m->lists[TUI_TASKS];
    console_keys(&c, "Space Space C y");
    assert_int_equal(list->mark_count, 0);
    console_keys(&c, "Space Space Space");
    console_wait(&c, 6);
    const struct tui_act *act;
    while ((act = tui_acts_take(&c.m->acts, c.now)))
        answer(&c, act, 0, "", "");
    assert_true(console_shows(&c, "cancelled 2 tasks"));
    assert_int_equal(list->mark_count, 3);
    console_keys(&c, "C y u");
    assert_int_equal(list->mark_count, 3); /* taken back: as before */
    console_close(&c);
}

static void test_ten_thousand_are_marked_at_once(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 12000);
    struct tui_list *list = &c.m->lists[TUI_TASKS];
    console_keys(&c, "j j Space A");
    assert_int_equal(list->mark_count, TUI_MARKS_MAX);
    assert_true(console_shows(&c, "2000 are not marked: 10000 is the most"));
    for (size_t i = 1; i < list->mark_count; i++)
        assert_true(strcmp(list->marks[i - 1], list->marks[i]) < 0);
    console_keys(&c, "U g v 1 4 G v");
    console_keys(&c, "C");
    assert_true(console_shows(&c, "type 10000:"));
    assert_int_equal(c.m->acts.asking.count, 10000);
    console_close(&c);
}

static void test_all_marked_workers_and_queues_are_meant(void **state)
{
    (void)state;
    enum { WORKERS = 700, QUEUES = 200 };
    struct console c;
    static char names[WORKERS][20];
    static struct orb_worker_info workers[WORKERS];
    static struct orb_queue_info queues[QUEUES];
    console_open(&c, 24, 80);
    for (int i = 0; i < WORKERS; i++) {
        snprintf(names[i], sizeof names[i], "w-%05d", i);
        workers[i] = (struct orb_worker_info){ .id = names[i], .status = "running", .hostname = "", .current_task_id = "", .version = "", .queue = "", .started_at = 1000 + i };
    }
    for (int i = 0; i < QUEUES; i++)
        queues[i] = (struct orb_queue_info){ .name = names[i], .is_paused = i % 2, .paused_by = "", .paused_from = "" };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = WORKERS });
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = QUEUES });
    console_keys(&c, "3 A D");
    assert_true(console_shows(&c, "Drain 700 running workers?"));
    assert_true(c.m->acts.asking.acts[5].seen_at > 1004 && c.m->acts.asking.acts[5].seen_at < 1006);
    console_keys(&c, "Esc 2 A P");
    assert_true(console_shows(&c, "Pause 100 running queues?")); /* those that are paused already stay so */
    console_keys(&c, "Esc X");
    assert_true(console_shows(&c, "one queue at a time"));
    console_keys(&c, "U X");
    assert_true(console_shows(&c, "Cancel all that waits in queue w-00000 (0)?  type its name:"));
    console_close(&c);
}

/* What comes between a frame and a key may give other workers their rows: the key means what was painted. */
static void test_a_key_means_the_worker_that_was_painted(void **state)
{
    (void)state;
    enum { WORKERS = 40 };
    struct console c;
    static char names[WORKERS][20];
    static struct orb_worker_info workers[WORKERS];
    console_open(&c, 24, 80);
    for (int i = 0; i < WORKERS; i++) {
        snprintf(names[i], sizeof names[i], "w-%05d", i);
        workers[i] = (struct orb_worker_info){ .id = names[i], .status = "running", .hostname = "", .current_task_id = "", .version = "", .queue = "" };
    }
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = WORKERS });
    console_keys(&c, "3 < < G k");
    char under[ORB_ID_MAX + 1], filter[ORB_ID_MAX + 30];
    snprintf(under, sizeof under, "%s", c.m->lists[TUI_WORKERS].cursor_id);
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers + WORKERS / 2, .count = 2 });
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = "A" });
    assert_int_equal(c.m->lists[TUI_WORKERS].mark_count, 2);
    assert_string_equal(c.m->lists[TUI_WORKERS].cursor_id, under);
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = "Enter" });
    snprintf(filter, sizeof filter, "worker=\"%s\" state:running", under);
    assert_string_equal(c.m->lists[TUI_TASKS].filter, filter);
    console_close(&c);
}

/* ---- leaving ------------------------------------------------------------------------------- */

static void test_leaving_drops_nothing_without_a_word(void **state)
{
    (void)state;
    static const char *const keys[] = { "q", "Q", "C-c" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct console c;
        console_open(&c, 24, 80);
        many(&c, 5);
        console_keys(&c, "A C y");
        console_keys(&c, keys[i]);
        assert_int_equal(c.m->wants_quit, 0);
        assert_true(console_shows(&c, "5 acts are not carried out yet: wait, or leave again"));
        console_keys(&c, keys[i]);
        assert_int_equal(c.m->wants_quit, 1);
        c.m->wants_quit = 0;
        console_keys(&c, "u");
        console_keys(&c, keys[i]);
        assert_int_equal(c.m->wants_quit, 1);
        console_close(&c);
    }
}

/* ---- what is typed ---------------------------------------------------------------------------- */

static void edited(struct console *c, const char *text)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_EDITED, .b = c->m->edit_serial, .text = text });
    assert_int_equal(c->m->edit_serial, 0);
}

static void test_the_form_of_a_new_task(void **state)
{
    (void)state;
    static const struct { const char *text, *error; } wrong[] = {
        { "modle: sim:\n\nhello", "line 1, 'modle: sim:': above the empty line only model:, queue: and name: are known" }, { "model: sim:\n\n \n", "no prompt below the empty line" },
        { "queue: q\n\nhello", "no model" }, { "", "no model" }, { "model: nobody:x\n\nhello", "nobody" }, { "model: sim:\nhello\n", "line 2, 'hello'" },
    };
    struct console c;
    console_open(&c, 24, 160);
    snprintf(c.m->model, sizeof c.m->model, "sim:");
    console_keys(&c, "S");
    assert_string_equal(c.m->edit_text, "model: sim:\nqueue: orbiter:tasks\n\n");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        edited(&c, wrong[i].text);
        assert_true(console_shows(&c, wrong[i].error));
        assert_true(console_shows(&c, "S opens it again"));
        assert_int_equal(c.m->prompt.use, TUI_PROMPT_NONE);
        console_keys(&c, "S"); /* with what was typed */
        assert_int_equal(c.m->edit_len, strlen(wrong[i].text));
        assert_memory_equal(c.m->edit_text, wrong[i].text, c.m->edit_len);
        assert_int_equal(c.m->is_edit_again, 1);
    }
    edited(&c, "model:sim: \r\nqueue:  batch\nname: writer\n\nHello\n\nthere\n\n");
    assert_true(console_shows(&c, "Submit a new task to batch, sim:, 12 bytes?"));
    console_keys(&c, "n S");
    assert_true(!strncmp(c.m->edit_text, "model:sim: \r\n", 13)); /* no has a meaning for the act, not for the text */
    edited(&c, "model: sim:\n\nHello");
    console_keys(&c, "y");
    const struct tui_act *act = tui_acts_take(&c.m->acts, c.now);
    assert_non_null(act);
    answer(&c, act, ORB_E_UNREACHABLE, "", "Redis went away");
    assert_true(console_shows(&c, "1 without an answer, done or not: Redis went away"));
    console_keys(&c, "S");
    assert_string_equal(c.m->edit_text, "model: sim:\n\nHello");
    edited(&c, "model: sim:\n\nHello");
    console_keys(&c, "y");
    act = tui_acts_take(&c.m->acts, c.now);
    answer(&c, act, 0, "new-id", "");
    assert_true(console_shows(&c, "submitted task new-id"));
    console_keys(&c, "S");
    assert_string_equal(c.m->edit_text, "model: sim:\nqueue: orbiter:tasks\n\n");
    console_close(&c);
}

static void test_an_edited_prompt(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 120);
    many(&c, 3);
    console_keys(&c, "j E");
    assert_string_equal(c.m->edit_id, "task-00001");
    assert_null(c.m->edit_text);
    edited(&c, " \n");
    assert_true(console_shows(&c, "the prompt is empty: nothing was submitted"));
    console_keys(&c, "k E");
    assert_null(c.m->edit_text); /* another task, another text */
    edited(&c, "of task 0");
    assert_true(console_shows(&c, "Resubmit, edited, task task-00000 (coder, running)?"));
    console_keys(&c, "y");
    const struct tui_act *act = tui_acts_take(&c.m->acts, c.now);
    assert_memory_equal(act->text, "of task 0", 9);
    answer(&c, act, ORB_E_CHANGED, "", "");
    assert_true(console_shows(&c, "1 had changed and was left alone"));
    console_keys(&c, "E");
    assert_string_equal(c.m->edit_text, "of task 0");
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_EDITED, .b = c.m->edit_serial, .a = -1, .text = "no editor: set VISUAL or EDITOR" });
    assert_true(console_shows(&c, "no editor: set VISUAL or EDITOR"));
    console_keys(&c, "Space Space E");
    assert_true(console_shows(&c, "one task at a time"));
    assert_int_equal(c.m->edit_serial, 0);
    console_close(&c);
}

static void test_the_answers_are_in_sight_at_any_width(void **state)
{
    (void)state;
    static const struct { const char *keys, *tail; } cases[] = { { "4 E", "" }, { "4 C", "[N]o  [y]es" }, { "4 R", "[N]o  [y]es" }, { "2 X", "type its name:" }, { "2 P", "[N]o  [y]es" }, { "4 A C", "[N]o  [y]es  [v]iew" } };
    char name[129];
    memset(name, 'q', 128);
    name[128] = 0;
    for (int cols = 40; cols <= 160; cols += 20)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct console c;
            console_open(&c, 24, cols);
            struct orb_queue_info queue = { .name = name, .paused_by = "", .paused_from = "" };
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = &queue, .count = 1 });
            console_task(&c, "4ce99611c10242a7b4bf7eb65a2adc1c", "an-agent-with-a-name-that-is-rather-long", ORB_STATUS_RUNNING, 10);
            console_task(&c, name, "an-agent-with-a-name-that-is-rather-long", ORB_STATUS_RUNNING, 10);
            console_keys(&c, cases[i].keys);
            if (!*cases[i].tail)
                edited(&c, "another prompt");
            assert_true(console_shows(&c, *cases[i].tail ? cases[i].tail : "[N]o  [y]es"));
            console_close(&c);
        }
}

static void test_what_a_purge_did_is_said(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    struct orb_queue_info queue = { .name = "batch", .depth = 12, .paused_by = "", .paused_from = "" };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = &queue, .count = 1 });
    console_keys(&c, "2 X");
    type(&c, "batch");
    console_keys(&c, "Enter");
    console_wait(&c, 6);
    const struct tui_act *act = tui_acts_take(&c.m->acts, c.now);
    assert_non_null(act);
    answer(&c, act, 0, "12 tasks cancelled", "");
    assert_true(console_shows(&c, "purged queue batch: 12 tasks cancelled"));
    console_close(&c);
}

/* The reason and the next step are at the end of what is said: a narrow screen has them, too. */
static void test_what_is_said_can_be_read_to_its_end(void **state)
{
    (void)state;
    static const char refused[] = "Redis refused: NOPERM this user has no permissions to run the 'evalsha' command; give the Redis URL of a user who may, or change this one's ACL (see orbiter acl --help)";
    struct console c;
    console_open(&c, 24, 80);
    console_task(&c, "a", "coder", ORB_STATUS_RUNNING, 10);
    console_keys(&c, "4 C y");
    answer(&c, tui_acts_take(&c.m->acts, c.now), ORB_E_REFUSED, "", refused);
    assert_string_equal(console_line(&c, 20), "1 failed: Redis refused: NOPERM this user has no permissions to run the");
    assert_string_equal(console_line(&c, 21), "'evalsha' command; give the Redis URL of a user who may, or change this one's");
    assert_string_equal(console_line(&c, 22), "ACL (see orbiter acl --help)");
    console_wait(&c, 60);
    assert_string_equal(console_line(&c, 22), "1 task  sort: age up  filling ...");
    console_link(&c, 0, refused);
    assert_string_equal(console_line(&c, 20), "Redis refused: NOPERM this user has no permissions to run the 'evalsha' command;");
    assert_string_equal(console_line(&c, 22), "--help)");
    console_close(&c);
}

/* What was said before a yes is not left beside what comes of it: "not done" would be a lie. */
static void test_a_yes_is_said(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 3);
    console_keys(&c, "A C N");
    assert_true(console_shows(&c, "not done"));
    console_keys(&c, "C y");
    assert_string_equal(console_line(&c, 22), "Cancel 3 running tasks: yes                                       u undo for 5 s");
    console_keys(&c, "Q");
    assert_string_equal(console_line(&c, 21), "3 acts are not carried out yet: wait, or leave again to drop");
    assert_string_equal(console_line(&c, 22), "what is left                                                      u undo for 5 s");
    console_keys(&c, "u U C N C y");
    assert_false(console_shows(&c, "not done")); /* of one that is not answered yet, either */
    console_close(&c);
}

/* Keys can be bound anew: what is said names those that are. */
static void test_messages_name_the_keys_that_are_bound(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    tui_keys_set(c.keys, TUI_DO_REPLAY, "K");
    tui_keys_set(c.keys, TUI_DO_UNMARK, "F9 U");
    tui_keys_set(c.keys, TUI_DO_BACK, "");
    tui_keys_set(c.keys, TUI_DO_SUBMIT, "F2");
    struct orb_queue_info queues[] = { { .name = "a", .dead = 5, .paused_by = "", .paused_from = "" }, { .name = "b", .paused_by = "", .paused_from = "" } };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = 2 });
    console_wait(&c, 2);
    assert_true(console_shows(&c, "5 dead letters: K replays them"));
    console_keys(&c, "2 A X");
    assert_true(console_shows(&c, "one queue at a time: F9 takes the marks away"));
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_WALK_END });
    console_keys(&c, "4");
    assert_true(console_shows(&c, "or F2 here"));
    console_keys(&c, "/ x Enter");
    assert_true(console_shows(&c, "no task matches the filter: :back clears it"));
    console_close(&c);
}

/* Who types an id means that one, and not what is under the cursor. */
static void test_a_command_has_nothing_behind_it_that_is_ignored(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 3);
    console_keys(&c, ":");
    type(&c, "cancel task-00002");
    console_keys(&c, "Enter");
    assert_int_equal(c.m->acts.asking.serial, 0);
    assert_true(console_shows(&c, "cancel means what is marked or under the cursor: nothing stands behind it"));
    console_keys(&c, ":");
    type(&c, "quit now");
    console_keys(&c, "Enter");
    assert_false(c.m->wants_quit);
    console_keys(&c, ":");
    type(&c, "cancel  ");
    console_keys(&c, "Enter");
    assert_string_equal(c.m->acts.asking.acts[0].target, "task-00000");
    console_close(&c);
}

/* One queue is one target, and what is done to all in it is a bulk all the same: it says how many, and can be taken back. */
static void test_what_hits_all_of_a_queue_is_a_bulk(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    struct orb_queue_info queue = { .name = "batch", .depth = 12, .delayed = 3, .dead = 5, .paused_by = "", .paused_from = "" };
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = &queue, .count = 1 });
    console_keys(&c, "2 X");
    assert_true(console_shows(&c, "Cancel all that waits in queue batch (15)?  type its name:"));
    type(&c, "batch");
    console_keys(&c, "Enter");
    assert_null(tui_acts_take(&c.m->acts, c.now));
    assert_true(console_shows(&c, "u undo for 5 s"));
    console_keys(&c, "u");
    assert_true(console_shows(&c, "taken back: Cancel all that waits in queue batch"));
    assert_int_equal(c.m->lists[TUI_QUEUES].mark_count, 0); /* as before */
    console_wait(&c, 6);
    assert_null(tui_acts_take(&c.m->acts, c.now));
    console_keys(&c, "L");
    assert_true(console_shows(&c, "Replay all dead letters of queue batch (5)?   [N]o  [y]es"));
    console_keys(&c, "y");
    assert_null(tui_acts_take(&c.m->acts, c.now));
    console_wait(&c, 6);
    assert_non_null(tui_acts_take(&c.m->acts, c.now));
    queue.dead = 21;
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = &queue, .count = 1 });
    console_keys(&c, "L");
    assert_true(console_shows(&c, "Replay all dead letters of queue batch (21)?  type 21:"));
    console_close(&c);
}

static void test_a_long_list_of_targets_says_that_it_goes_on(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    many(&c, 20);
    console_keys(&c, "A C v");
    assert_true(console_shows(&c, "task-00000 running coder"));
    console_keys(&c, "Esc");
    assert_true(console_shows(&c, "Cancel 20 running tasks?"));
    console_keys(&c, "Esc");
    console_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_that_are_not_shown_are_said), cmocka_unit_test(test_an_act_takes_its_own_marks_away_only), cmocka_unit_test(test_ten_thousand_are_marked_at_once),
        cmocka_unit_test(test_all_marked_workers_and_queues_are_meant), cmocka_unit_test(test_a_key_means_the_worker_that_was_painted), cmocka_unit_test(test_leaving_drops_nothing_without_a_word), cmocka_unit_test(test_the_form_of_a_new_task),
        cmocka_unit_test(test_an_edited_prompt), cmocka_unit_test(test_the_answers_are_in_sight_at_any_width), cmocka_unit_test(test_what_a_purge_did_is_said), cmocka_unit_test(test_what_hits_all_of_a_queue_is_a_bulk), cmocka_unit_test(test_what_is_said_can_be_read_to_its_end), cmocka_unit_test(test_a_yes_is_said), cmocka_unit_test(test_a_command_has_nothing_behind_it_that_is_ignored), cmocka_unit_test(test_messages_name_the_keys_that_are_bound), cmocka_unit_test(test_a_long_list_of_targets_says_that_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
