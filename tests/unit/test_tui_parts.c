/* Parts of the console: filters, panes, keys, prompts, recordings. */
#include "support/console.h"
#include "tui/record.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- filters -------------------------------------------------------------------- */

static void fill(struct console *c)
{
    console_open(c, 24, 80);
    console_keys(c, "4");
    console_task(c, "aaaa0000000000000000000000000001", "planner", ORB_STATUS_FAILED, 30);
    console_task(c, "bbbb0000000000000000000000000002", "coder", ORB_STATUS_RUNNING, 7200);
    console_task(c, "cccc0000000000000000000000000003", "critic", ORB_STATUS_COMPLETED, 90);
    console_task(c, "a-name.of_mine", "coder", ORB_STATUS_PENDING, 5);
}

static void test_filters(void **state)
{
    (void)state;
    static const struct { const char *filter; size_t count; } cases[] = {
        { "", 4 }, { "coder", 2 }, { "CODER", 2 }, { "!coder", 2 }, { "coder pending", 1 }, { "state:failed,running", 2 }, { "!state:failed", 3 },
        { "agent:cod", 2 }, { "agent:\"coder\"", 2 }, { "id:aaaa", 1 }, { "id:a-name", 1 }, { "error~529|timeout", 1 }, { "error~^HTTP", 1 }, { "error~5{1}2[0-9]{1,3}", 1 }, { "queue=orbiter", 0 }, { "queue=orbiter:tasks", 4 }, { "agent=CODER,nobody", 2 }, { "agent!=cod", 4 }, { "age<1m", 2 }, { "age>1h", 1 }, { "age>=90s", 2 },
        { "tok>100", 4 }, { "tok>1k", 0 }, { "tok=120", 4 }, { "tok!=120", 0 }, { "try>=1", 3 }, { "try=0", 1 }, { "cost>0", 0 }, { "queue:\"orbiter:tasks\"", 4 },
        { "worker:w-03", 3 }, { "\"529 over\"", 1 }, { "   coder   ", 2 }, { "agent!=coder", 2 }, { "-coder", 2 }, { "took>20s", 2 }, { "error!~529", 3 }, { "age>1h30m", 1 }, { "age>2h0m30s", 0 }, { "tok<1,000", 4 }, { "tok>1,000.5", 0 }, { "state:FAILED", 1 },
    };
    struct console c;
    struct orb_error err = { 0 };
    fill(&c);
    struct tui_list *list = &c.m->lists[TUI_TASKS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tui_list_filter(list, cases[i].filter, &err), 0);
        tui_list_settle(list, c.m);
        if (list->count != cases[i].count)
            fail_msg("%s: %zu, not %zu", cases[i].filter, list->count, cases[i].count);
    }
    console_close(&c);
}

static void test_wrong_filters_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct { const char *filter, *error; } cases[] = {
        { "stat:failed", "1: 'stat' is no field: id state agent" }, { "coder age<soon", "11: 'soon' is no time for age: 30s, 5m, 1h, 2d" }, { "tok>many", "5: 'many' is no number for tok" },
        { "error~(", "7: '(' is no regular expression" }, { "error~((a{1,100}){1,100}){1,100}", "7: '((a{1,100}){1,100}){1,100}' is no regular expression for a filter: it repeats" },
        { "error~(.*)\\1", "7: '(.*)\\1' is no regular expression for a filter: it refers" }, { "error~a{1001}", "7: 'a{1001}' is no regular" }, { "\"open", "1: no \" at the end" }, { "state:", "7: state: what?" }, { "tok~5", "4: tok is a number" }, { "agent<5", "6: agent is a text" },
        { "!", "1: a word is missing" }, { "agent:a,", "9: agent: what?" },
        /* An empty list would say that nothing has failed. */
        { "state:fail", "7: 'fail' is no state: pending, running, completed, failed, cancelled, retrying" }, { "state!=done", "8: 'done' is no state" }, { "state:failed|running", "7: 'failed|running' is no state" },
        { "age>1h30", "5: '1h30' is no time for age" }, { "tok>1,00", "5: '1,00' is no number" }, { "tok!~5", "4: tok is a number" },
        { "created>1h", "9: '1h' is no point in time for created: seconds since 1970" },
    };
    struct console c;
    fill(&c);
    struct tui_list *list = &c.m->lists[TUI_TASKS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct orb_error err = { 0 };
        assert_int_equal(tui_list_filter(list, cases[i].filter, &err), ORB_E_INVALID);
        if (strncmp(err.text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].filter, err.text);
    }
    char *long_filter = malloc(2000);
    memset(long_filter, 'a', 1999);
    long_filter[1999] = 0;
    assert_int_equal(tui_list_filter(list, long_filter, &(struct orb_error){ 0 }), ORB_E_INVALID);
    free(long_filter);
    console_close(&c);
}

static void test_filters_are_completed(void **state)
{
    (void)state;
    struct console c;
    fill(&c);
    console_keys(&c, "/ s t a t Tab");
    assert_string_equal(c.m->prompt.text, "state:");
    console_keys(&c, "r Tab");
    assert_string_equal(c.m->prompt.text, "state:running");
    console_keys(&c, "Space a g e n t : c Tab");
    assert_string_equal(c.m->prompt.text, "state:running agent:coder");
    console_keys(&c, "Tab");
    assert_string_equal(c.m->prompt.text, "state:running agent:critic");
    console_keys(&c, "S-Tab Enter");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
    console_close(&c);
}

/* ---- keys ------------------------------------------------------------------------- */

static void test_every_action_has_key_name_and_help(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 200, 100);
    console_keys(&c, "?");
    char *frame = console_frame(&c);
    for (int a = 1; a < TUI_ACTION_COUNT; a++) {
        assert_true(*tui_actions[a].name && *tui_actions[a].help && *tui_keys_first(c.keys, (enum tui_action)a));
        assert_int_equal(tui_action_find(tui_actions[a].name), a);
        assert_int_equal(tui_keys_action(c.keys, tui_keys_first(c.keys, (enum tui_action)a)), a);
        assert_non_null(strstr(frame, tui_actions[a].help));
        for (int b = a + 1; b < TUI_ACTION_COUNT; b++) {
            assert_string_not_equal(tui_actions[a].name, tui_actions[b].name);
            assert_string_not_equal(tui_keys_first(c.keys, (enum tui_action)a), tui_keys_first(c.keys, (enum tui_action)b));
        }
    }
    free(frame);
    console_close(&c);
}

static int load_keys(const char *text, struct tui_keys *keys, struct orb_error *err)
{
    char file[] = "/tmp/orbiter-keys-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    int rc = tui_keys_load(keys, file, err);
    unlink(file);
    return rc;
}

static void test_keys_files(void **state)
{
    (void)state;
    static const struct { const char *text, *error; } wrong[] = {
        { "cancle = x\n", ":1: 'cancle' is no action; is 'cancel' meant?" }, { "\n\ncancel = Foo\n", ":3: 'Foo' is no key" }, { "cancel\n", ":1: no '='" },
        { "cancel = K\n# no\ncancel = W\n", ":3: cancel has keys already, in line 1: put them all in one of the lines" },
        { "cancel = j\n", ":1: the key 'j' is bound twice, to down and cancel" }, { "cancel = x\nresubmit = x\n", ":2: the key 'x' is bound twice, to cancel and resubmit" },
    };
    struct tui_keys *keys = tui_keys_new();
    struct orb_error err = { 0 };
    assert_int_equal(load_keys("# mine\nhelp = # F1 # the first of them is a key\ncancel = x C-x # two\nquit=\n", keys, &err), 0);
    assert_int_equal(tui_keys_action(keys, "#"), TUI_DO_HELP);
    assert_string_equal(tui_keys_all(keys, TUI_DO_HELP), "# F1");
    assert_int_equal(tui_keys_action(keys, "C-x"), TUI_DO_CANCEL);
    assert_int_equal(tui_keys_action(keys, "C"), TUI_DO_NOTHING);
    assert_int_equal(tui_keys_action(keys, "Q"), TUI_DO_NOTHING);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(load_keys(wrong[i].text, keys, &err), ORB_E_CONFIG);
        if (!strstr(err.text, wrong[i].error))
            fail_msg("%s: %s", wrong[i].text, err.text);
        assert_int_equal(tui_keys_action(keys, "C-x"), TUI_DO_CANCEL); /* as before */
    }
    char *template = tui_keys_template(keys);
    assert_int_equal(load_keys(template, keys, &err), 0);
    for (char *at = template; (at = strstr(at, "\n#")); at++)
        if (strstr(at, " = ") && strchr(at + 1, '\n') > strstr(at, " = ") && at[2] != ' ')
            at[1] = ' ';
    if (load_keys(template, keys, &err))
        fail_msg("%s", err.text);
    assert_int_equal(tui_keys_action(keys, "C-x"), TUI_DO_CANCEL);
    free(template);
    tui_keys_free(keys);
}

static void test_the_palette_knows_what_keys_do(void **state)
{
    (void)state;
    struct console c;
    fill(&c);
    console_keys(&c, ": q u e u e s Enter");
    assert_int_equal(c.m->screen, TUI_QUEUES);
    console_keys(&c, ": o p e n Space a - n a m e . o f _ m i n e Enter");
    assert_int_equal(c.m->screen, TUI_TASK);
    assert_string_equal(c.m->open.id, "a-name.of_mine");
    console_keys(&c, ": t a b Space i n p u t Enter");
    assert_int_equal(c.m->open.tab, TUI_TAB_INPUT);
    console_keys(&c, "q");
    assert_int_equal(c.m->screen, TUI_QUEUES);
    console_keys(&c, ": n o n s e n s e Enter");
    assert_true(console_shows(&c, "'nonsense' is no command"));
    console_keys(&c, "4 : f i l t e r Space s t a t e : f a i l e d Enter");
    assert_int_equal(c.m->lists[TUI_TASKS].count, 1);
    console_keys(&c, "m x Esc ' x");
    assert_string_equal(c.m->lists[TUI_TASKS].filter, "state:failed");
    console_keys(&c, ": s a v e - v i e w Space b a d Enter Esc 2 : v i e w Space b a d Enter");
    assert_int_equal(c.m->screen, TUI_TASKS);
    assert_string_equal(c.m->lists[TUI_TASKS].filter, "state:failed");
    console_close(&c);
}

/* ---- panes -------------------------------------------------------------------------- */

static const char *pane_row(struct tui_pane *pane, int rows, int cols, int row)
{
    static char line[300];
    struct tui_grid *grid = tui_grid_new(rows, cols);
    tui_pane_draw(pane, grid, (struct tui_rect){ 0, 0, rows, cols });
    char *text = tui_grid_text(grid), *at = text;
    while (row-- && (at = strchr(at, '\n')))
        at++;
    snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
    free(text);
    tui_grid_free(grid);
    return line;
}

static void add(struct tui_pane *pane, const char *text)
{
    tui_pane_add(pane, TUI_TEXT, TUI_LINE_TEXT, text, strlen(text));
}

static void test_panes_stand_still_or_follow(void **state)
{
    (void)state;
    struct tui_pane pane;
    char text[40];
    tui_pane_init(&pane, 1);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "line %d\n", i);
        add(&pane, text);
    }
    assert_string_equal(pane_row(&pane, 10, 20, 9), "line 99");
    tui_pane_act(&pane, TUI_DO_PAGE_UP);
    char first[300];
    snprintf(first, sizeof first, "%s", pane_row(&pane, 10, 20, 0));
    for (int i = 0; i < 500; i++)
        add(&pane, "more\nand ");
    assert_string_equal(pane_row(&pane, 10, 20, 0), first);
    tui_pane_act(&pane, TUI_DO_LAST);
    assert_string_equal(pane_row(&pane, 10, 20, 9), "and");
    tui_pane_act(&pane, TUI_DO_FIRST);
    assert_string_equal(pane_row(&pane, 10, 20, 0), "line 0");
    tui_pane_done(&pane);
}

static void test_panes_wrap_cut_search_and_fold(void **state)
{
    (void)state;
    struct tui_pane pane;
    tui_pane_init(&pane, 0);
    add(&pane, "one two three four five six\nan\x1b[31m escape\nwide \xe6\xbc\xa2\xe5\xad\x97\n");
    assert_string_equal(pane_row(&pane, 8, 10, 0), "one two");
    assert_string_equal(pane_row(&pane, 8, 10, 1), "three four");
    tui_pane_act(&pane, TUI_DO_WRAP);
    assert_string_equal(pane_row(&pane, 8, 10, 0), "one two t>");
    assert_string_equal(pane_row(&pane, 8, 20, 1), "an\\x1b[31m escape");
    tui_pane_act(&pane, TUI_DO_RIGHT);
    assert_string_equal(pane_row(&pane, 8, 10, 0), "three fou>");
    tui_pane_search(&pane, "WIDE");
    assert_int_equal(pane.matches, 1);
    assert_int_equal(pane.match, 2);
    tui_pane_clear(&pane);
    tui_pane_add(&pane, TUI_TOOL, TUI_LINE_TOOL, "tool\n", 5);
    tui_pane_add(&pane, TUI_DIM, TUI_LINE_RESULT, "a\nb\n", 4);
    add(&pane, "text\n");
    pane.left = 0;
    assert_string_equal(pane_row(&pane, 8, 10, 1), "a");
    tui_pane_act(&pane, TUI_DO_FOLD);
    assert_string_equal(pane_row(&pane, 8, 10, 1), "text");
    tui_pane_act(&pane, TUI_DO_FOLD);
    assert_string_equal(pane_row(&pane, 8, 10, 2), "b");
    size_t len;
    char *all = tui_pane_text(&pane, &len);
    assert_string_equal(all, "tool\na\nb\ntext\n");
    free(all);
    tui_pane_done(&pane);
}

static void test_panes_are_bounded(void **state)
{
    (void)state;
    struct tui_pane pane;
    char line[101];
    tui_pane_init(&pane, 1);
    pane.max_bytes = 100000;
    memset(line, 'x', 100);
    line[99] = '\n';
    line[100] = 0;
    for (int i = 0; i < 20000; i++)
        add(&pane, line);
    assert_true(pane.bytes <= 100000 + 100);
    assert_int_equal(pane.first + pane.count, 20000);
    for (int i = 0; i < 2000; i++)
        tui_pane_add(&pane, TUI_TEXT, TUI_LINE_TEXT, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 50); /* one line without end */
    assert_true(pane.bytes <= 100000 + TUI_PANE_LINE_MAX);
    tui_pane_done(&pane);
}

/* ---- recordings ----------------------------------------------------------------------- */

static void test_messages_come_back(void **state)
{
    (void)state;
    struct orb_event event = { .type = ORB_EVENT_TEXT, .stream_id = "1772450779000-3", .seq = 7, .attempt = 2, .agent_name = "a", .text = "x\0y", .text_len = 3, .word = "", .tool_call_id = "" };
    struct tui_msg msg = { .type = TUI_MSG_STREAM, .at = 1772450779.123456, .id = "t1", .text = "", .events = &event, .count = 1, .a = -5 }, back;
    struct tui_msg_memory *keep;
    struct orb_error err;
    char *line = tui_msg_write(&msg);
    assert_int_equal(tui_msg_read(line, strlen(line), &back, &keep, &err), 0);
    assert_int_equal(back.type, TUI_MSG_STREAM);
    assert_true(!(back.at < msg.at) && !(back.at > msg.at));
    assert_string_equal(back.id, "t1");
    assert_int_equal(back.a, -5);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.events[0].seq, 7);
    assert_int_equal(back.events[0].text_len, 3);
    assert_memory_equal(back.events[0].text, "x\0y", 3);
    char *again = tui_msg_write(&back);
    assert_string_equal(line, again);
    free(again);
    free(line);
    tui_msg_done(keep);
}

static void test_wrong_messages_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "{}", "[]", "{\"type\": \"bogus\"}", "{\"type\": \"tick\"", "\xff" };
    struct tui_msg msg;
    struct tui_msg_memory *keep = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(tui_msg_read(wrong[i], strlen(wrong[i]), &msg, &keep, &(struct orb_error){ 0 }), ORB_E_INVALID);
    const char *odd = "{\"type\": \"tasks\", \"tasks\": [{\"id\": 5, \"status\": 99}, 7, null]}";
    assert_int_equal(tui_msg_read(odd, strlen(odd), &msg, &keep, &(struct orb_error){ 0 }), 0);
    assert_int_equal(msg.count, 3);
    assert_int_equal(msg.tasks[0].status, ORB_STATUS_PENDING);
    assert_string_equal(msg.tasks[2].agent, "");
    tui_msg_done(keep);
}

/* The same messages make the same frames. */
static void test_a_replay_makes_the_same_frames(void **state)
{
    (void)state;
    static const char *const keys[] = { "4", "j", "Space", "1", "Tab", "4", "/", "c", "Enter", "5", "2", "3", "?", "q" };
    struct console a, b;
    char *lines[400];
    size_t n = 0;
    console_open(&a, 24, 80);
    console_open(&b, 24, 80);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char id[40];
        snprintf(id, sizeof id, "%032zx", i);
        struct orb_feed_event change = { .entry_id = "1-1", .at_ms = (int64_t)(a.now * 1000), .type = "task.running", .status = ORB_STATUS_RUNNING, .queue = "q", .worker_id = "w", .task_id = id, .attempt = 1 };
        struct tui_msg msgs[] = { { .type = TUI_MSG_FEED, .at = a.now, .id = "", .text = "", .changes = &change, .count = 1 },
                                  { .type = TUI_MSG_KEY, .at = a.now, .id = "", .text = keys[i], .text_len = strlen(keys[i]) } };
        for (size_t k = 0; k < 2; k++) {
            lines[n++] = tui_msg_write(&msgs[k]);
            tui_model_update(a.m, &msgs[k]);
        }
        for (size_t k = n - 2; k < n; k++) {
            struct tui_msg msg;
            struct tui_msg_memory *keep;
            assert_int_equal(tui_msg_read(lines[k], strlen(lines[k]), &msg, &keep, &(struct orb_error){ 0 }), 0);
            tui_model_update(b.m, &msg);
            tui_msg_done(keep);
        }
        char *x = console_frame(&a), *y = console_frame(&b);
        assert_string_equal(x, y);
        free(x);
        free(y);
        a.now += 0.5;
    }
    for (size_t i = 0; i < n; i++)
        free(lines[i]);
    console_close(&a);
    console_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters), cmocka_unit_test(test_wrong_filters_say_what_is_wrong), cmocka_unit_test(test_filters_are_completed),
        cmocka_unit_test(test_every_action_has_key_name_and_help), cmocka_unit_test(test_keys_files), cmocka_unit_test(test_the_palette_knows_what_keys_do),
        cmocka_unit_test(test_panes_stand_still_or_follow), cmocka_unit_test(test_panes_wrap_cut_search_and_fold), cmocka_unit_test(test_panes_are_bounded),
        cmocka_unit_test(test_messages_come_back), cmocka_unit_test(test_wrong_messages_are_refused), cmocka_unit_test(test_a_replay_makes_the_same_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
