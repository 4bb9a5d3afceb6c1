/* The terminal, as an emulator sees it: what the grid has is what stands there, at every depth of colour, whatever the text is. */
#include "integration/term_child.h"

#define UTF8 "LC_ALL=C.UTF-8", "HOME=/nonexistent", "XDG_CONFIG_HOME", "TMUX", "NO_COLOR", "TERMINFO"

static struct test_terminal *t;
static char tmp[TEST_PATH_MAX];

static struct test_terminal *start_depth(int rows, int cols, enum tui_depth depth, const char *term)
{
    char number[8], term_env[64], tmp_env[TEST_PATH_MAX + 8];
    snprintf(number, sizeof number, "%d", depth);
    snprintf(term_env, sizeof term_env, "TERM=%s", term);
    snprintf(tmp_env, sizeof tmp_env, "TMPDIR=%s", tmp);
    const char *const env[] = {UTF8, term_env, depth == TUI_TRUE ? "COLORTERM=truecolor" : "COLORTERM", tmp_env, NULL};
    return start(rows, cols, number, "orbit-dark", env);
}

static void expect_scenes(enum tui_depth depth, const char *term, int has_16, const char *said)
{
    struct shown s = {.depth = depth, .has_16 = has_16, .theme = "orbit-dark", .said = said, .scene = 0, .rows = 24, .cols = 100};
    t = start_depth(s.rows, s.cols, depth, term);
    expect_shown(t, &s);
    assert_true(test_terminal_is_alternate(t) && test_terminal_has_mouse(t) && test_terminal_is_pasting_marked(t));
    test_terminal_type(t, "1");
    s.scene = SCENE_HOSTILE;
    s.said = "key 1 <1>";
    expect_shown(t, &s);
    test_terminal_type(t, "2");
    s.scene = SCENE_WIDE;
    s.said = "key 2 <2>";
    expect_shown(t, &s);
    test_terminal_type(t, "t");
    s.theme = "high-contrast";
    s.said = "key t <t>";
    expect_shown(t, &s);
    test_terminal_type(t, "q");
    assert_int_equal(test_terminal_wait_end(t, 5000), 0);
}

static void a_grid_is_shown_in_24_bit_colour(void **state)
{
    char command[TEST_PATH_MAX + 32];
    (void)state;
    expect_scenes(TUI_TRUE, "xterm-256color", 0, "ready 24-bit UTF-8");
    snprintf(command, sizeof command, "test -z \"$(ls -A %s)\"", tmp);
    assert_int_equal(system(command), 0); /* the entry for curses is gone again */
}

static void a_grid_is_shown_in_256_colours(void **state)
{
    (void)state;
    expect_scenes(TUI_256, "xterm-256color", 0, "ready 256 UTF-8");
}

static void a_grid_is_shown_in_16_colours(void **state)
{
    (void)state;
    expect_scenes(TUI_16, "xterm-256color", 1, "ready 16 UTF-8");
}

static void a_grid_is_shown_in_8_colours(void **state)
{
    (void)state;
    expect_scenes(TUI_16, "xterm", 0, "ready 16 UTF-8");
}

static void a_grid_is_shown_without_colours(void **state)
{
    (void)state;
    expect_scenes(TUI_MONO, "xterm-256color", 0, "ready mono UTF-8");
}

/* Everything comes to stand over everything, and what was sent before does not show through. */
static void any_change_is_shown(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "", .rows = 12, .cols = 40};
    (void)state;
    t = start_depth(s.rows, s.cols, s.depth, "xterm-256color");
    test_terminal_expect(t, "ready", 5000);
    for (int i = 0; i < 150; i++) {
        s.scene = SCENE_RANDOM + i;
        test_terminal_type(t, "r");
        expect_shown(t, &s);
    }
}

static void without_tic_there_are_256_colours(void **state)
{
    const char *const env[] = {UTF8, "TERM=xterm-256color", "COLORTERM=truecolor", "PATH=/nonexistent", NULL};
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "ready 256 UTF-8", .rows = 24, .cols = 80};
    (void)state;
    t = start(24, 80, "4", "orbit-dark", env);
    expect_shown(t, &s);
}

static void the_environment_says_how_many_colours(void **state)
{
    static const struct {
        const char *env[4], *want;
    } rows[] = {
        {{"TERM=xterm-256color", "COLORTERM=truecolor", NULL}, "ready 24-bit"}, {{"TERM=xterm-256color", "COLORTERM", NULL}, "ready 256"},
        {{"TERM=xterm", "COLORTERM", NULL}, "ready 16"}, {{"TERM=vt100", "COLORTERM", NULL}, "ready mono"},
        {{"TERM=xterm-256color", "COLORTERM=truecolor", "NO_COLOR=1", NULL}, "ready mono"}, {{"TERM=screen-256color", "COLORTERM=truecolor", NULL}, "ready 24-bit"},
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        const char *const env[] = {"LC_ALL=C.UTF-8", rows[i].env[0], rows[i].env[1], rows[i].env[2] ? rows[i].env[2] : "NO_COLOR", NULL};
        t = start(24, 80, "4", "orbit-dark", env);
        test_terminal_expect(t, rows[i].want, 5000);
        test_terminal_end(t);
    }
    t = NULL;
}

static void without_utf8_there_is_ascii(void **state)
{
    const char *const env[] = {"LC_ALL=C", "TERM=xterm-256color", "COLORTERM", NULL};
    size_t len;
    (void)state;
    t = start(24, 40, "4", "orbit-dark", env);
    test_terminal_expect(t, "ready 256 ASCII", 5000);
    test_terminal_type(t, "1");
    test_terminal_expect(t, "key 1", 5000);
    char *text = test_terminal_text(t);
    /* As many columns as ever, so the borders stay where they are. */
    assert_non_null(strstr(text, "???????????????????"));
    for (char *line = text; line - text < 9 * 41 && *line; line += strcspn(line, "\n") + 1)
        if (*line == '?')
            assert_true(strcspn(line, "\n") == 40 && line[39] == '?');
    free(text);
    const char *log = test_terminal_log(t, &len);
    for (size_t i = 0; i < len; i++)
        assert_true((unsigned char)log[i] < 0x80);
}

/* Nothing but what we draw: text, and the sequences of curses and ours. */
static void no_control_byte_of_a_text_gets_out(void **state)
{
    size_t len;
    (void)state;
    t = start_depth(24, 100, TUI_256, "xterm-256color");
    test_terminal_expect(t, "ready", 5000);
    for (int i = 0; i < 3; i++) {
        test_terminal_type(t, i % 2 ? "0" : "1");
        test_terminal_expect(t, i % 2 ? "key 0" : "key 1", 5000);
    }
    const unsigned char *log = (const unsigned char *)test_terminal_log(t, &len);
    assert_true(orb_utf8_is_valid((const char *)log, len));
    for (size_t i = 0; i < len; i++) {
        if (log[i] == 0xc2)
            assert_true(log[i + 1] >= 0xa0);
        if (log[i] >= 0x20 && log[i] != 0x7f)
            continue;
        if (log[i] == 033)
            assert_non_null(strchr("[()", log[i + 1])); /* no OSC, DCS, APC, RIS */
        else if (!strchr("\r\n\b\x0f", log[i]))
            fail_msg("byte %zu is %02x", i, log[i]);
    }
    assert_null(memmem(log, len, "\033[31m", 5)); /* the hostile ones that are CSI */
    assert_null(memmem(log, len, "2J\033[H", 5));
}

/* What is typed is all shown when the bytes of the last key are. */
static size_t bytes_after(const char *keys, struct shown *s)
{
    size_t len;
    test_terminal_type(t, keys);
    expect_shown(t, s);
    test_terminal_log(t, &len);
    return len;
}

/* An operator on a slow line: a key that moves the cursor, and nothing for what changes nothing. */
static void what_changes_costs_what_it_must(void **state)
{
    static const enum tui_depth depths[] = {TUI_MONO, TUI_16, TUI_256, TUI_TRUE};
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(depths); i++) {
        struct shown s = {.depth = depths[i], .has_16 = 1, .theme = "orbit-dark", .said = "key n <n>", .scene = SCENE_TABLE + 1, .rows = 24, .cols = 80};
        t = start_depth(s.rows, s.cols, depths[i], "xterm-256color");
        test_terminal_set_sync(t, 2);
        test_terminal_expect(t, "ready", 5000);
        size_t before = bytes_after("n\033[B\033[B", &s), most = 0; /* n: it says nothing from now on */
        for (; s.scene < SCENE_TABLE + 20;) {
            s.scene++;
            size_t after = bytes_after("\033[B", &s);
            most = after - before > most ? after - before : most;
            before = after;
        }
        s.scene++;
        size_t after = bytes_after("xxxx\033[B", &s); /* x changes nothing */
        print_message("%s: a key that moves the cursor costs %zu bytes at most\n", tui_depth_name(depths[i]), most);
        assert_true(most <= 400 && after - before <= most);
        test_terminal_end(t);
    }
    t = NULL;
}

static size_t count(const char *text, size_t len, const char *what)
{
    size_t n = 0, size = strlen(what);
    for (size_t i = 0; i + size <= len; i++)
        n += !memcmp(text + i, what, size);
    return n;
}

static void frames_are_synchronized_where_that_is_known(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "", .rows = 12, .cols = 40, .scene = SCENE_RANDOM};
    size_t len, then;
    (void)state;
    t = start_depth(12, 40, TUI_256, "xterm-256color");
    test_terminal_set_sync(t, 2);
    test_terminal_expect(t, "ready", 5000);
    test_terminal_type(t, "x"); /* what comes behind the answer is read behind it */
    test_terminal_expect(t, "key x", 5000);
    const char *log = test_terminal_log(t, &len);
    assert_int_equal(count(log, len, "\033[?2026h"), 0); /* a part of a line needs none */
    for (int i = 0; i < 10; i++, s.scene++) {
        test_terminal_type(t, "r");
        expect_shown(t, &s);
    }
    test_terminal_type(t, "0");
    test_terminal_expect(t, "key 0", 5000);
    test_terminal_type(t, "q");
    assert_int_equal(test_terminal_wait_end(t, 5000), 0);
    log = test_terminal_log(t, &len);
    assert_true(count(log, len, "\033[?2026h") > 3);
    assert_int_equal(count(log, len, "\033[?2026h"), count(log, len, "\033[?2026l"));
    then = count(log, len, "\033[?2026$p");
    assert_int_equal(then, 1);
}

static void nobody_is_synchronized_who_did_not_say_so(void **state)
{
    size_t len;
    (void)state;
    t = start_depth(12, 40, TUI_256, "xterm-256color");
    test_terminal_expect(t, "ready", 5000);
    test_terminal_type(t, "1");
    test_terminal_expect(t, "key 1", 5000);
    const char *log = test_terminal_log(t, &len);
    assert_int_equal(count(log, len, "\033[?2026h"), 0);
}

static void what_is_typed_comes_by_name(void **state)
{
    static const struct {
        const char *bytes, *want;
    } rows[] = {
        {"a", "key a <a>"}, {"\u00fc", "key \u00fc <\u00fc>"}, {" ", "key Space < >"}, {"\r", "key Enter <>"}, {"\x04", "key C-d <>"}, {"\x03", "key C-c <>"},
        {"\033", "key Esc <>"}, {"\177", "key Backspace <>"}, {"\033[A", "key Up <>"}, {"\033OB", "key Down <>"}, {"\033[1;5C", "key C-Right <>"},
        {"\033[6~", "key PgDn <>"}, {"\033[15~", "key F5 <>"}, {"\033x", "key M-x <>"}, {"\033[Z", "key S-Tab <>"},
        {"\033[<0;5;3M", "mouse press 1 at 2,4"}, {"\033[<65;1;1M", "mouse down 0 at 0,0"}, {"\033[<18;9;9m", "mouse C-release 3 at 8,8"},
        {"\033[200~two\rlines\033[201~", "paste 9 <two\\nlines>"},
    };
    (void)state;
    t = start_depth(12, 40, TUI_256, "xterm-256color");
    test_terminal_expect(t, "ready", 5000);
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        test_terminal_type(t, rows[i].bytes);
        test_terminal_expect(t, rows[i].want, 5000);
    }
    test_terminal_type(t, "m");
    test_terminal_expect(t, "key m", 5000);
    assert_false(test_terminal_has_mouse(t));
}

static void copies_go_to_the_clipboard(void **state)
{
    static const char *const plain = "\033]52;c;Y29waWVkIBtbMzFtCg==\a";
    static const char *const wrapped = "\033Ptmux;\033\033]52;c;Y29waWVkIBtbMzFtCg==\a\033\\";
    size_t len;
    (void)state;
    for (int has_tmux = 0; has_tmux < 2; has_tmux++) {
        const char *const env[] = {"LC_ALL=C.UTF-8", "TERM=xterm-256color", has_tmux ? "TMUX=/tmp/tmux,1,0" : "TMUX", NULL};
        t = start(12, 40, "2", "orbit-dark", env);
        test_terminal_expect(t, "ready", 5000);
        test_terminal_type(t, "y");
        test_terminal_expect(t, "key y", 5000);
        const char *log = test_terminal_log(t, &len);
        assert_int_equal(count(log, len, plain), 1 + has_tmux);
        assert_int_equal(count(log, len, wrapped), has_tmux);
        test_terminal_end(t);
    }
    t = NULL;
}

static int setup(void **state)
{
    (void)state;
    setenv("HOME", "/nonexistent", 1);
    unsetenv("XDG_CONFIG_HOME");
    test_tempdir(tmp);
    return 0;
}

static int end(void **state)
{
    (void)state;
    test_terminal_end(t);
    t = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_rmtree(tmp);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_grid_is_shown_in_24_bit_colour, end),
        cmocka_unit_test_teardown(a_grid_is_shown_in_256_colours, end),
        cmocka_unit_test_teardown(a_grid_is_shown_in_16_colours, end),
        cmocka_unit_test_teardown(a_grid_is_shown_in_8_colours, end),
        cmocka_unit_test_teardown(a_grid_is_shown_without_colours, end),
        cmocka_unit_test_teardown(any_change_is_shown, end),
        cmocka_unit_test_teardown(without_tic_there_are_256_colours, end),
        cmocka_unit_test_teardown(the_environment_says_how_many_colours, end),
        cmocka_unit_test_teardown(without_utf8_there_is_ascii, end),
        cmocka_unit_test_teardown(no_control_byte_of_a_text_gets_out, end),
        cmocka_unit_test_teardown(what_changes_costs_what_it_must, end),
        cmocka_unit_test_teardown(frames_are_synchronized_where_that_is_known, end),
        cmocka_unit_test_teardown(nobody_is_synchronized_who_did_not_say_so, end),
        cmocka_unit_test_teardown(what_is_typed_comes_by_name, end),
        cmocka_unit_test_teardown(copies_go_to_the_clipboard, end),
    };

    if (argc > 1 && !strcmp(argv[1], "child"))
        return child_main(argv);
    return cmocka_run_group_tests_name("term", tests, setup, teardown);
}
