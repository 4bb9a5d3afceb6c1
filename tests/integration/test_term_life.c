/* The terminal is put back on every way out, comes back after every stop, and keeps up with every resize. */
#include "integration/term_child.h"

static struct test_terminal *t;
static struct termios before;

static const char *const environment[] = {"LC_ALL=C.UTF-8", "TERM=xterm-256color", "HOME=/nonexistent", "COLORTERM", "TMUX", "NO_COLOR", "ASAN_OPTIONS=detect_leaks=0", NULL};

static void start_here(int rows, int cols)
{
    t = start(rows, cols, "4", "orbit-dark", environment);
    test_terminal_expect(t, "ready", 5000);
}

static void expect_ours(void)
{
    struct termios now;
    test_terminal_modes(t, &now);
    assert_true(test_terminal_is_alternate(t) && test_terminal_has_mouse(t) && test_terminal_is_pasting_marked(t));
    assert_false(now.c_lflag & (ECHO | ICANON | ISIG));
}

static void expect_put_back(void)
{
    struct termios now;
    test_terminal_modes(t, &now);
    assert_false(test_terminal_is_alternate(t));
    assert_false(test_terminal_has_mouse(t));
    assert_false(test_terminal_is_pasting_marked(t));
    assert_true(test_terminal_has_cursor(t));
    assert_int_equal(now.c_lflag, before.c_lflag);
    assert_int_equal(now.c_iflag, before.c_iflag);
    assert_int_equal(now.c_oflag, before.c_oflag);
}

static void it_is_put_back_at_the_end(void **state)
{
    (void)state;
    start_here(24, 80);
    expect_ours();
    test_terminal_type(t, "q");
    assert_int_equal(test_terminal_wait_end(t, 5000), 0);
    expect_put_back();
    char *text = test_terminal_text(t);
    assert_non_null(strstr(text, "closed"));
    assert_null(strstr(text, "ready"));
    free(text);
}

static void it_is_put_back_by_exit(void **state)
{
    (void)state;
    start_here(24, 80);
    test_terminal_type(t, "X");
    assert_int_equal(test_terminal_wait_end(t, 5000), 3);
    expect_put_back();
}

static void it_is_put_back_by_signals(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(signals); i++) {
        start_here(24, 80);
        test_terminal_signal(t, signals[i]);
        int status = test_terminal_wait_end(t, 10000);
        if (status != -signals[i] && !(status == 1 && signals[i] != SIGTERM)) /* 1: a sanitizer's handler comes next */
            fail_msg("signal %d: ended with %d", signals[i], status);
        expect_put_back();
        test_terminal_end(t);
    }
    t = NULL;
}

static void it_is_put_back_by_crashes(void **state)
{
    static const char *const keys[] = {"S", "A", "O"}; /* a bad address, abort(), a stack that overflows */
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(keys); i++) {
        start_here(24, 80);
        test_terminal_type(t, keys[i]);
        int status = test_terminal_wait_end(t, 20000);
        if (status != (*keys[i] == 'A' ? -SIGABRT : -SIGSEGV) && status != 1)
            fail_msg("%s: ended with %d", keys[i], status);
        expect_put_back();
        test_terminal_end(t);
    }
    t = NULL;
}

static void a_hang_up_is_told(void **state)
{
    (void)state;
    start_here(24, 80);
    test_terminal_signal(t, SIGHUP);
    assert_int_equal(test_terminal_wait_end(t, 5000), CHILD_GONE);
    expect_put_back();
}

static void a_terminal_that_goes_away_is_told(void **state)
{
    (void)state;
    start_here(24, 80);
    test_terminal_hang_up(t);
    assert_int_equal(test_terminal_wait_end(t, 5000), CHILD_GONE);
}

static void expect_back(struct shown *s)
{
    expect_shown(t, s);
    expect_ours();
    test_terminal_type(t, "1");
    s->scene = SCENE_HOSTILE;
    s->said = "key 1 <1>";
    expect_shown(t, s);
}

static void it_stops_and_goes_on(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "size 24x80", .rows = 24, .cols = 80};
    (void)state;
    for (int by_key = 0; by_key < 2; by_key++) {
        s.scene = 0;
        s.said = "size 24x80";
        start_here(24, 80);
        if (by_key)
            test_terminal_type(t, "\x1a");
        else
            test_terminal_signal(t, SIGTSTP);
        test_terminal_wait_stop(t, 5000);
        expect_put_back();
        test_terminal_signal(t, SIGCONT);
        expect_back(&s);
        test_terminal_type(t, "q");
        assert_int_equal(test_terminal_wait_end(t, 5000), 0);
        expect_put_back();
        test_terminal_end(t);
    }
    t = NULL;
}

/* As a shell's job it stops with all that belongs to the job, or the shell would not take over. */
static void all_of_its_job_stops(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "size 24x80", .rows = 24, .cols = 80};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *const argv[] = {"sh", "-c", "\"$0\" child 4 orbit-dark; exit", self, NULL};
    (void)state;
    self[n] = '\0';
    t = test_terminal_start(24, 80, argv, environment);
    test_terminal_expect(t, "ready", 5000);
    test_terminal_type(t, "\x1a");
    test_terminal_wait_stop(t, 5000); /* the shell between */
    expect_put_back();
    kill(-test_terminal_pid(t), SIGCONT);
    expect_back(&s);
    test_terminal_type(t, "q");
    assert_int_equal(test_terminal_wait_end(t, 5000), 0);
}

/* What could not put anything back, and whose terminal was used by others meanwhile. */
static void it_comes_back_after_sigstop(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "size 24x80", .rows = 24, .cols = 80};
    (void)state;
    start_here(24, 80);
    test_terminal_signal(t, SIGSTOP);
    test_terminal_wait_stop(t, 5000);
    test_terminal_set_modes(t, &before);
    test_terminal_signal(t, SIGCONT);
    expect_back(&s);
}

static void a_size_that_changed_meanwhile_is_seen(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "size 30x90", .rows = 30, .cols = 90};
    (void)state;
    start_here(24, 80);
    test_terminal_type(t, "\x1a");
    test_terminal_wait_stop(t, 5000);
    test_terminal_resize(t, 30, 90);
    test_terminal_signal(t, SIGCONT);
    expect_back(&s);
}

static void an_editor_can_have_it(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .said = "size 24x80", .rows = 24, .cols = 80};
    (void)state;
    start_here(24, 80);
    test_terminal_type(t, "e");
    test_terminal_expect(t, "editing", 5000);
    expect_put_back();
    test_terminal_type(t, "some words\n"); /* go to the editor */
    test_terminal_expect(t, "got some words", 5000);
    test_terminal_type(t, "\n");
    expect_back(&s);
}

static size_t count_clears(size_t from)
{
    size_t len, n = 0;
    const char *log = test_terminal_log(t, &len);
    for (size_t i = from; i + 4 <= len; i++)
        n += !memcmp(log + i, "\033[2J", 4);
    return n;
}

/* A window that is dragged: what is left at the end is whole, and it was not painted at each step. */
static void storms_of_resizes_pass(void **state)
{
    struct shown s = {.depth = TUI_256, .theme = "orbit-dark", .scene = SCENE_HOSTILE};
    unsigned seed = 7;
    size_t len;
    char said[64];
    (void)state;
    start_here(24, 80);
    test_terminal_type(t, "1");
    test_terminal_expect(t, "key 1", 5000);
    test_terminal_log(t, &len);
    int64_t begun = test_now_ms();
    for (int i = 0; i < 200; i++) {
        s.rows = 5 + (int)(next_random(&seed) % 96);
        s.cols = 20 + (int)(next_random(&seed) % 281);
        test_terminal_resize(t, s.rows, s.cols);
        test_terminal_pump(t, 10);
    }
    snprintf(said, sizeof said, "size %dx%d", s.rows, s.cols);
    s.said = said;
    expect_shown(t, &s);
    int64_t took = test_now_ms() - begun;
    if ((int64_t)count_clears(len) > took / 500 + 1)
        fail_msg("%zu repaints in %d ms", count_clears(len), (int)took);
    assert_true(count_clears(len) >= 1);
}

static void a_small_terminal_is_no_trouble(void **state)
{
    (void)state;
    start_here(24, 80);
    for (int size = 3; size >= 1; size--) {
        test_terminal_resize(t, size, size);
        if (size > 1) /* curses shows nothing in the one corner */
            test_terminal_expect(t, size == 3 ? "siz" : "si", 5000);
    }
    test_terminal_resize(t, 24, 80);
    test_terminal_expect(t, "size 24x80", 5000);
}

static void what_is_no_terminal_is_said(void **state)
{
    struct test_child child;
    char self[4096], dir[TEST_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    (void)state;
    self[n] = '\0';
    test_tempdir(dir);
    test_child_start(&child, dir, (const char *const[]){self, "child", "4", "mono", NULL}, NULL);
    assert_int_equal(test_child_wait(&child, 5000), CHILD_NO_TERMINAL);
    char *output = test_child_output(&child);
    assert_string_equal(output, "stdin is no terminal: run it in one, without redirecting it\n");
    free(output);
    test_rmtree(dir);
}

static void what_cannot_show_a_screen_is_said(void **state)
{
    static const struct {
        const char *term, *want;
    } rows[] = {{"TERM=dumb", "take --plain, which prints lines"}, {"TERM=nonesuch", "the terminal type TERM=nonesuch is not known here"}, {"TERM", "the terminal type TERM= is not known here"}};
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        const char *const env[] = {"LC_ALL=C.UTF-8", rows[i].term, "COLORTERM", NULL};
        t = start(24, 80, "4", "mono", env);
        test_terminal_expect(t, rows[i].want, 5000);
        assert_int_equal(test_terminal_wait_end(t, 5000), CHILD_NO_TERMINAL);
        expect_put_back();
        test_terminal_end(t);
    }
    t = NULL;
}

/* The modes that a new terminal has. */
static int setup(void **state)
{
    static const char *const argv[] = {"true", NULL};
    (void)state;
    setenv("HOME", "/nonexistent", 1);
    unsetenv("XDG_CONFIG_HOME");
    t = test_terminal_start(24, 80, argv, NULL);
    test_terminal_modes(t, &before);
    test_terminal_end(t);
    t = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    test_terminal_end(t);
    t = NULL;
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_is_put_back_at_the_end, end),
        cmocka_unit_test_teardown(it_is_put_back_by_exit, end),
        cmocka_unit_test_teardown(it_is_put_back_by_signals, end),
        cmocka_unit_test_teardown(it_is_put_back_by_crashes, end),
        cmocka_unit_test_teardown(a_hang_up_is_told, end),
        cmocka_unit_test_teardown(a_terminal_that_goes_away_is_told, end),
        cmocka_unit_test_teardown(it_stops_and_goes_on, end),
        cmocka_unit_test_teardown(all_of_its_job_stops, end),
        cmocka_unit_test_teardown(it_comes_back_after_sigstop, end),
        cmocka_unit_test_teardown(a_size_that_changed_meanwhile_is_seen, end),
        cmocka_unit_test_teardown(an_editor_can_have_it, end),
        cmocka_unit_test_teardown(storms_of_resizes_pass, end),
        cmocka_unit_test_teardown(a_small_terminal_is_no_trouble, end),
        cmocka_unit_test_teardown(what_is_no_terminal_is_said, end),
        cmocka_unit_test_teardown(what_cannot_show_a_screen_is_said, end),
    };

    if (argc > 1 && !strcmp(argv[1], "child"))
        return child_main(argv);
    return cmocka_run_group_tests_name("term_life", tests, setup, NULL);
}
