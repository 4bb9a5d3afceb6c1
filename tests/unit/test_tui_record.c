/* Recordings: the same frames again, whoever made them and whatever they hold, and nothing but frames. */
#include "support/console.h"
#include "tui/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char file[64];

static void write_file(const char *text)
{
    snprintf(file, sizeof file, "/tmp/orbiter-record-XXXXXX");
    int fd = mkstemp(file);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void open_replay(struct tui_session *s, struct tui_options *o)
{
    struct orb_error err = { 0 };
    *o = (struct tui_options){ .replay = file, .is_once = 1, .rows = 24, .cols = 160, .test_fd = -1 };
    if (tui_session_open(s, o, &err))
        fail_msg("%s", err.text);
}

static int play(struct tui_session *s, struct orb_error *err)
{
    struct tui_msg msg;
    int rc;
    while (!(rc = tui_player_next(s->player, &msg, err)))
        if (msg.type != TUI_MSG_RESIZE)
            tui_session_replay(s, &msg);
    return rc;
}

static char *frame(struct tui_session *s)
{
    struct tui_grid *grid = tui_session_frame(s);
    char *text = tui_grid_text(grid);
    tui_grid_free(grid);
    return text;
}

#define HEAD "{\"format\": \"orbiter-top-1\", \"title\": \"prod\"}\n"

static void test_a_replay_does_nothing_but_show(void **state)
{
    (void)state;
    static const char *const keys[] = { "e Enter", "y Enter", "C-z", "S", "R y", "C-l", "Q", ": w r i t e Space / t m p / o r b i t e r - o w n e d Enter", ": t h e m e Space / e t c / p a s s w d Enter" };
    struct tui_session s;
    struct tui_options o;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[4000] = HEAD "{\"type\":\"link\",\"at\":1772460381,\"a\":1}\n{\"type\":\"tasks\",\"at\":1772460381,\"tasks\":[{\"id\":\"one\",\"agent\":\"bot\",\"status\":3}]}\n"
                               "{\"type\":\"key\",\"at\":1772460382,\"text\":\"4\"}\n{\"type\":\"tick\",\"at\":1772460383}\n", word[40];
        for (const char *at = keys[i]; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
            snprintf(word, sizeof word, "%.*s", (int)strcspn(at, " "), at);
            snprintf(text + strlen(text), sizeof text - strlen(text), "{\"type\":\"key\",\"at\":1772460384,\"text\":\"%s\"}\n", word);
        }
        write_file(text);
        open_replay(&s, &o);
        struct tui_model *m = s.model;
        struct orb_error err = { 0 };
        struct tui_msg msg;
        while (!tui_player_next(s.player, &msg, &err)) {
            tui_session_replay(&s, &msg);
            free(frame(&s));
            tui_model_painted(m);
            assert_false(m->wants_quit || m->wants_suspend || m->copy || m->export_path || m->edit_serial || *m->wants_theme);
        }
        tui_session_close(&s);
        unlink(file);
    }
}

/* An act of the recording is shown as it was; the one who looks at it cannot act. */
static void test_acts_of_a_recording(void **state)
{
    (void)state;
    struct tui_session s;
    struct tui_options o;
    struct orb_error err;
    write_file(HEAD "{\"type\":\"link\",\"at\":1772460381,\"a\":1}\n{\"type\":\"tasks\",\"at\":1772460381,\"tasks\":[{\"id\":\"one\",\"agent\":\"bot\",\"status\":1}]}\n"
                    "{\"type\":\"key\",\"at\":1772460382,\"text\":\"4\"}\n{\"type\":\"tick\",\"at\":1772460383}\n");
    open_replay(&s, &o);
    assert_int_equal(play(&s, &err), 1);
    free(frame(&s));
    tui_session_key(&s, TUI_MSG_KEY, "C", 0, 0);
    assert_int_equal(s.model->prompt.use, TUI_PROMPT_NONE);
    assert_string_equal(s.model->toast, "read-only: nothing can be changed here (--readonly, or a replay)");
    s.model->toast[0] = 0;
    struct tui_msg msg = { .type = TUI_MSG_KEY, .at = 1772460384, .id = "", .text = "C", .text_len = 1 };
    tui_session_replay(&s, &msg);
    assert_int_equal(s.model->prompt.use, TUI_PROMPT_QUESTION);
    msg.text = "y";
    tui_session_replay(&s, &msg);
    assert_int_equal(s.model->menu.use, TUI_MENU_NONE); /* y was the answer, not copying */
    assert_int_equal(tui_acts_open(&s.model->acts), 1);
    char *text = frame(&s);
    assert_null(strstr(text, "read-only"));
    free(text);
    tui_session_close(&s);
    unlink(file);
}

static void test_a_recording_begins_as_it_was_begun(void **state)
{
    (void)state;
    struct tui_session s;
    struct tui_options o;
    struct orb_error err;
    struct tui_keys *keys = tui_keys_new();
    struct tui_recorder *recorder;
    tui_keys_set(keys, TUI_DO_DOWN, "x");
    snprintf(file, sizeof file, "/tmp/orbiter-record-%ld", (long)getpid());
    unlink(file);
    assert_int_equal(tui_recorder_open(file, &(struct tui_record_head){ .title = "prod", .user = "ops", .screen = "queues", .filter = "state:paused", .is_readonly = 1, .keys = keys }, &recorder, &err), 0);
    tui_keys_free(keys);
    struct orb_queue_info queues[] = { { .name = "a", .paused_by = "", .paused_from = "", .is_paused = 1 }, { .name = "b", .paused_by = "", .paused_from = "", .is_paused = 1 },
                                       { .name = "c", .paused_by = "", .paused_from = "" } };
    tui_recorder_write(recorder, &(struct tui_msg){ .type = TUI_MSG_LINK, .at = 1772460381, .id = "", .text = "", .a = 1 });
    tui_recorder_write(recorder, &(struct tui_msg){ .type = TUI_MSG_QUEUES, .at = 1772460381, .id = "", .text = "", .queues = queues, .count = 3 });
    assert_int_equal(tui_recorder_close(recorder, &err), 0);
    open_replay(&s, &o);
    assert_int_equal(play(&s, &err), 1);
    char *text = frame(&s);
    assert_non_null(strstr(text, "2 of 3  filter: state:paused"));
    assert_non_null(strstr(text, "read-only"));
    free(text);
    tui_session_replay(&s, &(struct tui_msg){ .type = TUI_MSG_KEY, .at = 1772460382, .id = "", .text = "x", .text_len = 1 });
    free(frame(&s));
    assert_string_equal(s.model->lists[TUI_QUEUES].cursor_id, "b");
    tui_session_key(&s, TUI_MSG_KEY, "k", 0, 0); /* one's own keys are one's own */
    free(frame(&s));
    assert_string_equal(s.model->lists[TUI_QUEUES].cursor_id, "a");
    tui_session_close(&s);
    unlink(file);
}

static void test_hostile_recordings(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"type\":\"feed\",\"at\":1,\"tasks\":[{\"id\":\"x\"}]}", "{\"type\":\"detail\",\"at\":1,\"id\":\"\",\"events\":[{}]}", "{\"type\":\"workers\",\"at\":1,\"queues\":[{\"name\":\"q\"}]}",
        "{\"type\":\"stream\",\"at\":1,\"id\":\"\",\"tasks\":[{}]}", "{\"type\":\"audit\",\"at\":1,\"workers\":[{}]}", "{\"type\":\"counts\",\"at\":1}", "{\"type\":\"tails\",\"at\":1,\"id\":\"x\",\"a\":9223372036854775807}",
        "{\"type\":\"tick\",\"at\":1e300}", "{\"type\":\"tick\",\"at\":-1e300}", "{\"type\":\"tasks\",\"at\":1,\"tasks\":[{\"id\":\"y\",\"created_at\":1e300,\"completed_at\":-1e300,\"status\":99,\"attempt\":-5,\"cost\":1e308}]}",
        "{\"type\":\"queues\",\"at\":1,\"queues\":[{\"name\":\"z\",\"depth\":-9223372036854775808,\"oldest_at\":1e299},{\"name\":\"a\"}]}", "{\"type\":\"resize\",\"at\":1,\"a\":-1,\"b\":99999999}",
        "{\"type\":\"mouse\",\"at\":1,\"text\":\"press\",\"a\":-5,\"b\":9999999}", "{\"type\":\"key\",\"at\":1}", "{\"type\":\"acted\",\"at\":1,\"a\":1}", "{\"type\":\"edited\",\"at\":1,\"b\":1}",
        "{\"type\":\"feed\",\"at\":1,\"changes\":[{\"status\":2,\"attempt\":-1},{\"task_id\":\"t\",\"status\":77,\"at_ms\":9223372036854775807},{\"task_id\":\"t\",\"status\":1,\"at_ms\":9223372036854775807}]}",
        "{\"type\":\"link\",\"at\":1,\"a\":1}", "{\"type\":\"trouble\",\"at\":1,\"id\":\"nothing\",\"text\":\"x\"}", "{\"type\":\"gone\",\"at\":1}", "{\"type\":\"theme\",\"at\":1,\"text\":\"../../x\"}",
    };
    struct tui_session s;
    struct tui_options o;
    struct orb_error err;
    for (int screen = '1'; screen <= '5'; screen++) {
        char text[8000] = HEAD, key[2] = { (char)screen, 0 };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", lines[i]);
        write_file(text);
        open_replay(&s, &o);
        tui_session_key(&s, TUI_MSG_KEY, key, 0, 0);
        s.model->rows = 24;
        assert_int_equal(play(&s, &err), 1);
        free(frame(&s));
        tui_session_close(&s);
        unlink(file);
    }
}

static void test_what_a_crash_has_left_is_shown(void **state)
{
    (void)state;
    struct tui_session s;
    struct tui_options o;
    struct orb_error err = { 0 };
    write_file(HEAD "{\"type\":\"tick\",\"at\":1772460381}\n{\"type\":\"tick\",\"at\":17724");
    open_replay(&s, &o);
    assert_int_equal(play(&s, &err), 1);
    tui_session_close(&s);
    unlink(file);
    write_file(HEAD "{\"type\":\"tick\",\"at\":1772460381}\nnonsense\n");
    open_replay(&s, &o);
    assert_int_equal(play(&s, &err), ORB_E_INVALID);
    assert_non_null(strstr(err.text, ":3: no message"));
    tui_session_close(&s);
    unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replay_does_nothing_but_show), cmocka_unit_test(test_acts_of_a_recording), cmocka_unit_test(test_a_recording_begins_as_it_was_begun), cmocka_unit_test(test_hostile_recordings),
        cmocka_unit_test(test_what_a_crash_has_left_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
