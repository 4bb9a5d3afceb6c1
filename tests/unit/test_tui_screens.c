/* Screens: every key does something or says why not, the mouse works, and what is looked at stays where it is. */
#include "support/console.h"
#include "tui/command.h"
#include "tui/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void type(struct console *c, const char *text)
{
    for (char key[2] = { 0 }; *text; text++) {
        key[0] = *text;
        console_send(c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = *text == ' ' ? "Space" : key });
    }
    free(console_frame(c));
}

static void mouse(struct console *c, const char *what, int row, int col)
{
    free(console_frame(c));
    console_send(c, (struct tui_msg){ .type = TUI_MSG_MOUSE, .text = what, .a = row, .b = col });
}

/* The row of the frame with this text, and its column. */
static int find(struct console *c, const char *text, int *col)
{
    char *frame = console_frame(c), *at = strstr(frame, text);
    int row = 0;
    if (!at)
        fail_msg("not shown: %s\n%s", text, frame);
    char *line = at;
    while (line > frame && line[-1] != '\n')
        line--;
    *col = tui_columns(line, (size_t)(at - line));
    for (char *p = frame; p < at; p++)
        row += *p == '\n';
    free(frame);
    return row;
}

/* ---- keys -------------------------------------------------------------------------------- */

static int is_at(int where, enum tui_screen screen)
{
    int is_text = screen == TUI_TASK || screen == TUI_HELP, is_list = screen == TUI_QUEUES || screen == TUI_WORKERS || screen == TUI_TASKS || screen == TUI_EVENTS;
    int has_parts = screen == TUI_OVERVIEW || screen == TUI_TASK;
    return where & TUI_AT_ALL || (where & TUI_AT_LISTS && is_list) || (where & TUI_AT_TEXTS && is_text) || (where & TUI_AT_PARTS && has_parts);
}

static int has_requests(const struct tui_model *m)
{
    return m->wants_quit || m->wants_redraw || m->wants_suspend || m->wants_refresh || m->wants_catch_up || m->copy || m->export_path || *m->wants_theme || m->edit_serial ||
           m->prompt.use != TUI_PROMPT_NONE || m->menu.use != TUI_MENU_NONE;
}

/* In the middle of everything, so that each way leads somewhere. */
static void open_screen(struct console *c, enum tui_screen screen)
{
    static const char *const themes[] = { "a", "b", "c", "d", "e", "f", "g", NULL };
    console_open(c, 30, 100);
    console_scene(c);
    c->m->themes = themes;
    snprintf(c->m->theme, sizeof c->m->theme, "d");
    tui_go(c->m, TUI_EVENTS); /* something to go back to, and forward */
    tui_go(c->m, screen == TUI_EVENTS ? TUI_QUEUES : TUI_OVERVIEW);
    tui_go(c->m, screen);
    tui_go(c->m, screen == TUI_THEME ? TUI_HELP : TUI_THEME);
    console_keys(c, "[");
    struct tui_pane *pane = tui_model_pane(c->m);
    static const char lines[] = "an end\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\n";
    if (pane)
        tui_pane_add(pane, TUI_TEXT, TUI_LINE_TEXT, lines, strlen(lines));
    free(console_frame(c));
    if (pane) {
        tui_pane_search(pane, "e");
        tui_pane_go(pane, 3);
        pane->is_cut = 1;
        pane->left = 8;
    }
    struct tui_list *list = tui_model_list(c->m);
    if (list) {
        list->first_column = 1;
        list->sort_field = list->columns[2].field;
        list->must_rebuild = 1;
        free(console_frame(c));
        tui_list_go(list, c->m, list->count / 2);
        tui_list_mark(list, "something", 1);
    }
    if (screen == TUI_OVERVIEW)
        console_keys(c, "j");
}

static void test_every_key_does_something_where_it_says_so(void **state)
{
    (void)state;
    for (int s = 0; s < TUI_SCREENS; s++)
        for (int a = 1; a < TUI_ACTION_COUNT; a++) {
            struct console c;
            if (!is_at(tui_actions[a].where, (enum tui_screen)s))
                continue;
            open_screen(&c, (enum tui_screen)s);
            assert_int_equal(c.m->screen, s);
            if (a == TUI_DO_DOWN || a == TUI_DO_LAST || a == TUI_DO_PAGE_DOWN || a == TUI_DO_HALF_DOWN) /* from where they lead on */
                console_keys(&c, "g");
            char *before = console_frame(&c);
            c.m->toast[0] = 0;
            struct tui_column columns[TUI_COLUMNS_MAX]; /* a wider one may look the same */
            memcpy(columns, c.m->lists[s].columns, sizeof columns);
            console_send(&c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = tui_keys_first(c.keys, (enum tui_action)a) });
            int has_said = *c.m->toast || has_requests(c.m) || memcmp(columns, c.m->lists[s].columns, sizeof columns) != 0;
            char *after = console_frame(&c);
            if (!has_said && !strcmp(before, after) && tui_views[s]->action != (enum tui_action)a)
                fail_msg("%s (%s) does nothing on the screen %s\n%s", tui_actions[a].name, tui_keys_first(c.keys, (enum tui_action)a), tui_views[s]->name, after);
            if (strstr(c.m->toast, "nothing to do here") && a != TUI_DO_OPEN && a != TUI_DO_FIND && a != TUI_DO_COPY && !(a == TUI_DO_FOLD && s == TUI_HELP))
                fail_msg("%s has nothing to do on the screen %s, and says that it has", tui_actions[a].name, tui_views[s]->name);
            free(before);
            free(after);
            console_close(&c);
        }
}

static void test_a_key_that_has_nothing_to_do_says_so(void **state)
{
    (void)state;
    struct console c;
    open_screen(&c, TUI_OVERVIEW);
    console_keys(&c, "z");
    assert_true(console_shows(&c, "fold: nothing to do here"));
    console_keys(&c, "/");
    assert_int_equal(c.m->screen, TUI_TASKS);
    assert_int_equal(c.m->prompt.use, TUI_PROMPT_FILTER);
    console_close(&c);
    console_open(&c, 24, 80);
    console_keys(&c, "4 Space v A");
    assert_int_equal(c.m->lists[TUI_TASKS].mark_count, 0);
    console_close(&c);
}

static void test_the_bars_of_keys_name_what_works(void **state)
{
    (void)state;
    char word[40];
    for (int s = 0; s < TUI_SCREENS; s++)
        for (const char *at = tui_views[s]->keys; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
            snprintf(word, sizeof word, "%.*s", (int)strcspn(at, " "), at);
            enum tui_action action = tui_action_find(word);
            if (!action || !is_at(tui_actions[action].where, (enum tui_screen)s))
                fail_msg("%s on %s", word, tui_views[s]->name);
        }
}

static void test_the_palette(void **state)
{
    (void)state;
    struct console c;
    open_screen(&c, TUI_OVERVIEW);
    console_keys(&c, ":");
    type(&c, "tab json");
    console_keys(&c, "Enter F j k F Tab j");
    assert_true(c.m->pane >= 0 && c.m->pane < 3);
    console_keys(&c, "4 :");
    type(&c, "save-view nightly");
    console_keys(&c, "Enter :");
    type(&c, "view ni");
    console_keys(&c, "Tab");
    assert_string_equal(c.m->prompt.text, "view nightly");
    console_keys(&c, "Esc :");
    type(&c, "open 5b1");
    console_keys(&c, "Tab Enter");
    assert_string_equal(c.m->open.id, SCENE_TASK);
    assert_int_equal(c.m->screen, TUI_TASK);
    console_keys(&c, ":");
    type(&c, "write-keys mine.conf");
    console_keys(&c, "Enter");
    assert_string_equal(c.m->export_path, "mine.conf");
    assert_non_null(strstr(c.m->export_text, "\n#cancel = C\n"));
    console_keys(&c, ": q Enter");
    assert_int_equal(c.m->wants_quit, 1);
    console_close(&c);
}

static void test_what_is_written_to_files(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    console_keys(&c, "4");
    console_task(&c, "one", "a \"quoted\", name", ORB_STATUS_RUNNING, 42);
    console_task(&c, "two", "bad \xff utf-8", ORB_STATUS_FAILED, 43);
    free(console_frame(&c));
    tui_choose_export(c.m, "x.jsonl");
    assert_non_null(strstr(c.m->export_text, "{\"id\": \"one\", \"state\": \"running\", \"agent\": \"a \\\"quoted\\\", name\","));
    assert_non_null(strstr(c.m->export_text, "\"age\": 42,"));
    assert_non_null(strstr(c.m->export_text, "\"id\": \"two\", \"state\": \"failed\", \"agent\": \"bad "));
    tui_choose_export(c.m, "x.csv");
    assert_non_null(strstr(c.m->export_text, "\none,running,\"a \"\"quoted\"\", name\",orbiter:tasks,w-03@gpu1,1,42.000000,"));
    tui_choose_export(c.m, "x.txt");
    assert_null(strchr(c.m->export_text, '\xff'));
    console_close(&c);
}

/* ---- the mouse ------------------------------------------------------------------------------- */

static void test_the_mouse(void **state)
{
    (void)state;
    struct console c;
    int row, col;
    open_screen(&c, TUI_OVERVIEW);
    row = find(&c, "4 Tasks", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->screen, TUI_TASKS);
    row = find(&c, "e0417da9", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->screen, TUI_TASKS);
    assert_memory_equal(c.m->lists[TUI_TASKS].cursor_id, "e0417da9", 8);
    row = find(&c, "AGENT", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->lists[TUI_TASKS].sort_field, TUI_TASK_AGENT);
    row = find(&c, "e0417da9", &col);
    mouse(&c, "press", row, col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->screen, TUI_TASK);
    row = find(&c, "timeline", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->open.tab, TUI_TAB_TIMELINE);
    console_keys(&c, "4 s");
    row = find(&c, "when it was submitted", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->menu.use, TUI_MENU_NONE);
    assert_int_equal(c.m->lists[TUI_TASKS].sort_field, TUI_TASK_CREATED);
    console_keys(&c, "o");
    row = find(&c, "[ ] retries", &col);
    mouse(&c, "press", row, col);
    assert_true(console_shows(&c, "[x] retries"));
    mouse(&c, "down", row, col);
    mouse(&c, "press", 0, 0); /* beside it */
    assert_int_equal(c.m->menu.use, TUI_MENU_NONE);
    console_keys(&c, "T");
    row = find(&c, "  f", &col);
    mouse(&c, "press", row, col);
    assert_string_equal(c.m->wants_theme, "f");
    console_keys(&c, "M 4");
    row = find(&c, "1 Overview", &col);
    mouse(&c, "press", row, col);
    assert_int_equal(c.m->screen, TUI_TASKS); /* it is off */
    console_close(&c);
}

/* ---- what is looked at stays --------------------------------------------------------------------- */

static void detail(struct console *c, enum orb_status status, const char *payload)
{
    struct orb_task_info info = { .id = "one", .agent = "bot", .queue = "orbiter:tasks", .worker_id = "w", .status = status, .created_at = c->now, .started_at = c->now, .attempt = 1, .error = "",
                                  .error_type = "", .resubmit_of = "", .result = "", .output = "", .partial = "", .usage = "", .cost = -1 };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_DETAIL, .id = "one", .tasks = &info, .count = 1, .text = payload });
}

static void test_a_detail_that_comes_again_moves_nothing(void **state)
{
    (void)state;
    struct console c;
    char payload[4000] = "{\"input\": \"";
    for (int i = 0; i < 200; i++)
        snprintf(payload + strlen(payload), sizeof payload - strlen(payload), "line %d\\n", i);
    strcat(payload, "\"}");
    console_open(&c, 24, 80);
    tui_go_task(c.m, "one");
    detail(&c, ORB_STATUS_RUNNING, payload);
    console_keys(&c, ":");
    type(&c, "tab input");
    console_keys(&c, "Enter PgDn PgDn /");
    type(&c, "line 77");
    console_keys(&c, "Enter");
    char *before = console_frame(&c);
    detail(&c, ORB_STATUS_RUNNING, payload);
    char *after = console_frame(&c);
    assert_string_equal(before, after);
    assert_true(c.m->open.panes[TUI_TAB_INPUT].top > 30);
    free(before);
    free(after);
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_DETAIL, .id = "one", .tasks = &(struct orb_task_info){ .id = "one", .agent = "", .queue = "", .worker_id = "", .error = "", .error_type = "",
                                       .resubmit_of = "", .result = "", .output = "", .partial = "", .usage = "" }, .count = 1, .a = 1, .text = "NOPERM this user may not" });
    assert_true(console_shows(&c, "NOPERM this user may not"));
    console_close(&c);
}

static void say(struct console *c, enum orb_event_type type, int64_t seq, const char *word, const char *text)
{
    char stream_id[40];
    snprintf(stream_id, sizeof stream_id, "%lld-%lld", (long long)(c->now * 1000), (long long)seq);
    struct orb_event e = { .type = type, .stream_id = stream_id, .seq = seq, .attempt = 1, .agent_name = "bot", .word = word, .text = text, .text_len = strlen(text), .tool_call_id = "c1", .ok = 1 };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_STREAM, .id = "one", .events = &e, .count = 1 });
}

static void test_a_search_finds_what_is_folded_and_shows_it(void **state)
{
    (void)state;
    struct console c;
    char text[3000] = "";
    console_open(&c, 24, 80);
    tui_go_task(c.m, "one");
    say(&c, ORB_EVENT_TOOL_CALL, 1, "read_file", "");
    say(&c, ORB_EVENT_TOOL_RESULT, 2, "read_file", "first\nthe needle is here\nlast\n");
    for (int i = 0; i < 12; i++) /* lines of three rows: a line is not a row */
        snprintf(text + strlen(text), sizeof text - strlen(text), "%0200d%s\n", 0, i == 9 ? " another needle" : "");
    say(&c, ORB_EVENT_TEXT, 3, "", text);
    assert_int_equal(c.m->open.panes[TUI_TAB_STREAM].top > 0, 0);
    console_keys(&c, "g /");
    type(&c, "needle");
    console_keys(&c, "Enter");
    assert_true(console_shows(&c, "the needle is here"));
    assert_true(console_shows(&c, "search needle: 1 of 2"));
    console_keys(&c, "n");
    assert_true(console_shows(&c, "another needle"));
    say(&c, ORB_EVENT_TEXT, 4, "", "a third needle");
    assert_true(console_shows(&c, "search needle: 2 of 3"));
    console_keys(&c, "N");
    assert_true(console_shows(&c, "the needle is here"));
    console_close(&c);
}

static void test_the_timeline_can_be_searched_and_moved(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, 24, 80);
    tui_go_task(c.m, "one");
    for (int i = 1; i < 100; i++) {
        char stream_id[40];
        snprintf(stream_id, sizeof stream_id, "%lld-0", (long long)(c.now * 1000) + i);
        struct orb_event e = { .type = ORB_EVENT_STEP, .stream_id = stream_id, .seq = i, .attempt = 1, .agent_name = i == 70 ? "critic" : "planner", .word = "started", .text = "", .tool_call_id = "", .step_number = i };
        console_send(&c, (struct tui_msg){ .type = TUI_MSG_STREAM, .id = "one", .events = &e, .count = 1 });
    }
    console_keys(&c, ":");
    type(&c, "tab timeline");
    console_keys(&c, "Enter g /");
    type(&c, "critic");
    console_keys(&c, "Enter");
    assert_true(console_shows(&c, "1.70 critic"));
    console_keys(&c, "l");
    console_wait(&c, 5); /* drawn anew: the open steps have grown */
    assert_int_equal(c.m->open.panes[TUI_TAB_TIMELINE].left, 8);
    assert_true(console_shows(&c, "search critic: 1 of 1"));
    console_close(&c);
}

static void test_the_overview_keeps_its_list(void **state)
{
    (void)state;
    struct console c;
    open_screen(&c, TUI_OVERVIEW);
    console_keys(&c, "Tab Tab Enter");
    assert_int_equal(c.m->screen, TUI_TASK);
    console_keys(&c, "Tab Tab Esc");
    assert_int_equal(c.m->screen, TUI_OVERVIEW);
    assert_int_equal(c.m->pane, 2);
    console_close(&c);
}

/* ---- themes -------------------------------------------------------------------------------- */

static void test_a_theme_that_was_left_is_kept(void **state)
{
    (void)state;
    struct console c;
    open_screen(&c, TUI_THEME);
    console_keys(&c, "j");
    assert_string_equal(c.m->wants_theme, "e");
    console_send(&c, (struct tui_msg){ .type = TUI_MSG_THEME, .text = "e" });
    c.m->wants_theme[0] = 0;
    console_keys(&c, "4 T k Esc"); /* left with another key: from now on e is the one */
    assert_string_equal(c.m->wants_theme, "e");
    console_close(&c);
}

/* ---- what is kept ----------------------------------------------------------------------------- */

static void test_views_with_anything_in_their_filter(void **state)
{
    (void)state;
    static const char *const filters[] = { "error~529|timed", "\"a | b\"", "queue=\"a|b\"", "| | |", "state:failed  age<1h", "" };
    char dir[] = "/tmp/orbiter-state-XXXXXX", path[200];
    assert_non_null(mkdtemp(dir));
    setenv("XDG_STATE_HOME", dir, 1);
    struct tui_state kept;
    struct orb_error err = { 0 };
    struct console c;
    console_open(&c, 24, 80);
    tui_state_load(&kept, &c.m->saved);
    for (int i = 0; i < 6; i++) {
        char name[20];
        console_keys(&c, "4 I");
        assert_int_equal(tui_list_filter(&c.m->lists[TUI_TASKS], filters[i], &err), 0);
        snprintf(name, sizeof name, "view-%d", i);
        free(console_frame(&c));
        tui_views_save(c.m, name);
        console_keys(&c, "m =");
    }
    assert_int_equal(tui_state_save(&kept, &c.m->saved, &err), 0);
    console_close(&c);
    console_open(&c, 24, 80);
    tui_state_load(&kept, &c.m->saved);
    for (int i = 0; i < 6; i++) {
        char name[20];
        snprintf(name, sizeof name, "view-%d", i);
        console_keys(&c, "2");
        tui_views_open(c.m, name);
        assert_int_equal(c.m->screen, TUI_TASKS);
        assert_string_equal(c.m->lists[TUI_TASKS].filter, filters[i]);
        assert_int_equal(c.m->lists[TUI_TASKS].is_descending, i % 2);
    }
    console_keys(&c, "2 ' =");
    assert_int_equal(c.m->screen, TUI_TASKS);
    /* Another console, which has the same file, keeps one and deletes one. */
    struct tui_saved other = { 0 };
    tui_state_load(&kept, &other);
    tui_saved_add(&other, "theirs", "queues");
    assert_int_equal(tui_state_save(&kept, &other, &err), 0);
    tui_saved_done(&other);
    tui_views_delete(c.m, "view-3");
    assert_int_equal(tui_state_save(&kept, &c.m->saved, &err), 0);
    tui_saved_done(&c.m->saved);
    tui_state_load(&kept, &c.m->saved);
    assert_int_equal(c.m->saved.view_count, 6);
    tui_views_open(c.m, "theirs");
    assert_int_equal(c.m->screen, TUI_QUEUES);
    tui_views_open(c.m, "view-3");
    assert_true(console_shows(&c, "no view 'view-3'"));
    console_close(&c);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}

static void test_a_hostile_state_file(void **state)
{
    (void)state;
    static const char *const lines[] = { "bookmark a = task ../../etc/passwd", "bookmark b = task", "bookmark c = nothing | x", "bookmark d = tasks | -nope | nope id id | ((", "bookmark e = tasks | | |",
                                         "bookmark f = task x\001y", "bookmark g = ", "bookmark h = events | number | \x1b[31m | \x1b]0;x\007", "view a b = tasks", "view  = tasks", "nonsense", "= = =", "bookmark" };
    char dir[] = "/tmp/orbiter-state-XXXXXX", path[200];
    assert_non_null(mkdtemp(dir));
    setenv("XDG_STATE_HOME", dir, 1);
    snprintf(path, sizeof path, "mkdir %s/orbiter", dir);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/orbiter/top.state", dir);
    FILE *out = fopen(path, "w");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(out, "%s\n", lines[i]);
    for (int i = 0; i < 9000; i++)
        fputc('x', out);
    fclose(out);
    struct tui_state kept;
    struct console c;
    console_open(&c, 24, 80);
    tui_state_load(&kept, &c.m->saved);
    assert_int_equal(c.m->saved.view_count, 0);
    for (char letter[2] = "a"; *letter <= 'h'; ++*letter) {
        console_keys(&c, "1 '");
        console_keys(&c, letter);
        assert_true(orb_id_is_valid(c.m->open.id) || !*c.m->open.id);
        char *frame = console_frame(&c);
        assert_null(strchr(frame, 0x1b));
        free(frame);
    }
    console_close(&c);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_does_something_where_it_says_so), cmocka_unit_test(test_a_key_that_has_nothing_to_do_says_so), cmocka_unit_test(test_the_bars_of_keys_name_what_works),
        cmocka_unit_test(test_the_palette), cmocka_unit_test(test_what_is_written_to_files), cmocka_unit_test(test_the_mouse), cmocka_unit_test(test_a_detail_that_comes_again_moves_nothing),
        cmocka_unit_test(test_a_search_finds_what_is_folded_and_shows_it), cmocka_unit_test(test_the_timeline_can_be_searched_and_moved), cmocka_unit_test(test_the_overview_keeps_its_list),
        cmocka_unit_test(test_a_theme_that_was_left_is_kept), cmocka_unit_test(test_views_with_anything_in_their_filter), cmocka_unit_test(test_a_hostile_state_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
