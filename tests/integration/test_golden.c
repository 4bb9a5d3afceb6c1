/* Golden screens: what a terminal shows of every screen, at three sizes, with 24-bit colour, 256, 16, none, and in ASCII. This program again is
 * the child in the terminal: it draws the scene (tests/support/scene.c) with the real terminal code. tests/golden/README.md has the
 * format; `make golden-update` writes the files anew. */
#include "support/golden.h"

#include "support/child.h"
#include "support/console.h"
#include "support/terminal.h"
#include "tui/term.h"

#include <locale.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the shots -------------------------------------------------------------------- */

static void open_scene_task(struct console *c)
{
    tui_go(c->m, TUI_TASKS);
    tui_go_task(c->m, SCENE_TASK);
}

/* To the row whose stream the scene has. */
static void at_scene_task(struct console *c)
{
    tui_list_go_id(&c->m->lists[TUI_TASKS], c->m, SCENE_TASK);
    console_scene_open(c);
}

static void mark_tasks(struct console *c)
{
    struct tui_list *list = &c->m->lists[TUI_TASKS];
    at_scene_task(c);
    tui_list_mark(list, list->cursor_id, 1);
    tui_list_mark(list, "1c77aa02bb1f4e1e9a6a21d3baC9d8e7", 1);
}

static void lose_redis(struct console *c)
{
    at_scene_task(c);
    console_link(c, 0, "cannot connect to 127.0.0.1:6379: Connection refused");
    console_wait(c, 12);
}

static const struct shot {
    const char *name, *keys;
    void (*then)(struct console *c);
    const char *more_keys;
} shots[] = {
    {"overview", "1", NULL, ""},
    {"queues", "2", NULL, ""},
    {"workers", "3 j", NULL, ""},
    {"tasks", "4", mark_tasks, ""},
    {"events", "5 j", NULL, ""},
    {"task-stream", "", open_scene_task, ""},
    {"task-input", "", open_scene_task, "Tab"},
    {"task-result", "", open_scene_task, "Tab Tab"},
    {"task-timeline", "", open_scene_task, "Tab Tab Tab"},
    {"task-events", "", open_scene_task, "Tab Tab Tab Tab"},
    {"task-json", "", open_scene_task, "S-Tab"},
    {"help", "?", NULL, ""},
    {"theme", "T", NULL, ""},
    {"filter", "4 / s t a t e : f a i l e d , r Tab", at_scene_task, ""},
    {"menu", "4", at_scene_task, "o Down Down"},
    {"question", "4", mark_tasks, "R"},
    {"stale", "4", lose_redis, ""},
};
enum { SHOTS = sizeof shots / sizeof *shots };

static void draw_shot(const struct shot *shot, int rows, int cols, struct tui_grid **out)
{
    static const char *const themes[] = {"catppuccin-mocha", "deuter-safe", "dracula", "gruvbox-dark", "high-contrast", "mono", "orbit-dark", "orbit-light", "tritan-safe", NULL};
    struct console c;
    console_open(&c, rows, cols);
    c.m->themes = themes;
    snprintf(c.m->theme, sizeof c.m->theme, "orbit-dark");
    console_scene(&c);
    free(console_frame(&c));
    console_keys(&c, shot->keys);
    if (shot->then)
        shot->then(&c);
    console_keys(&c, shot->more_keys);
    *out = tui_grid_new(rows, cols);
    tui_model_settle(c.m);
    tui_model_draw(c.m, *out);
    console_close(&c);
}

/* ---- the child ----------------------------------------------------------------------- */

/* Shows one shot after the other; says in the stream, where nobody sees it, when it is there, and goes on at a key. */
static int child_main(const char *depth)
{
    struct tui_term_options options = {0, 1, (enum tui_depth)atoi(depth), 1};
    struct tui_theme *theme;
    struct tui_term *term;
    struct orb_error err;
    struct tui_input input;
    char mark[40];
    int rows, cols;
    setlocale(LC_CTYPE, "");
    if (tui_theme_load("orbit-dark", &theme, &err) || tui_term_open(&options, &term, &err)) {
        printf("%s\n", err.text);
        return 1;
    }
    tui_ascii(!tui_term_is_utf8(term));
    tui_term_size(term, &rows, &cols);
    for (int i = 0; i < SHOTS; i++) {
        struct tui_grid *grid;
        draw_shot(&shots[i], rows, cols, &grid);
        tui_term_show(term, grid, theme);
        tui_grid_free(grid);
        if (write(1, mark, (size_t)snprintf(mark, sizeof mark, GOLDEN_MARK, i)) < 0)
            return 1;
        for (int goes_on = 0; !goes_on;) {
            poll(&(struct pollfd){tui_term_fd(term), POLLIN, 0}, 1, -1);
            while (!goes_on && tui_term_read(term, &input))
                goes_on = input.kind == TUI_INPUT_KEY || input.kind == TUI_INPUT_GONE;
        }
    }
    tui_term_close(term);
    tui_theme_free(theme);
    return 0;
}

/* ---- what it showed -------------------------------------------------------------------- */

static const struct size {
    int rows, cols;
} sizes[] = {{24, 80}, {48, 160}, {12, 40}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static struct golden_frame frames[SIZES][SHOTS];

static int has_mark(struct test_terminal *t, void *mark)
{
    size_t len;
    const char *log = test_terminal_log(t, &len);
    return log && memmem(log, len, mark, strlen(mark)) != NULL;
}

static void photograph(int size, enum golden_mode mode)
{
    static char self[4096];
    char mark[40], depth[8];
    const char *const argv[] = {self, "child", depth, NULL};
    snprintf(depth, sizeof depth, "%d", golden_depth(mode));
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    struct test_terminal *t = test_terminal_start(sizes[size].rows, sizes[size].cols, argv, golden_environment(mode));
    for (int i = 0; i < SHOTS; i++) {
        snprintf(mark, sizeof mark, GOLDEN_MARK, i);
        test_terminal_wait(t, mark, has_mark, mark, 10000);
        golden_take(&frames[size][i], mode, t, sizes[size].rows, sizes[size].cols);
        test_terminal_type(t, "x");
    }
    assert_int_equal(test_terminal_wait_end(t, 5000), 0);
    test_terminal_end(t);
}

static int photograph_all(void **state)
{
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int mode = 0; mode < GOLDEN_MODES; mode++)
            photograph(size, (enum golden_mode)mode);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int i = 0; i < SHOTS; i++)
            golden_free(&frames[size][i]);
    return 0;
}

/* ---- tests -------------------------------------------------------------------------------- */

struct which {
    char name[64];
    int size, shot;
};

static void is_as_it_was(void **state)
{
    const struct which *w = *state;
    golden_check(&frames[w->size][w->shot], w->name);
}

/* A text that is in a line of its own kind: glyph and word. */
static void expect_text(const char *name, const char *frame, const char *text)
{
    if (!strstr(frame, text))
        fail_msg("%s does not say '%s' without colours:\n%s", name, text, frame);
}

static struct golden_frame *frame_of(int size, const char *name)
{
    for (int i = 0; i < SHOTS; i++)
        if (!strcmp(shots[i].name, name))
            return &frames[size][i];
    fail_msg("no shot %s", name);
    return NULL;
}

/* Of the text alone, in ASCII: no colour, no attribute, no glyph. */
static void states_are_told_apart_by_text_alone(void **state)
{
    static const struct {
        const char *shot, *texts[8];
    } rows[] = {
        {"tasks", {". pending", "= running", "+ completed", "x failed", "- cancelled", "r retrying"}},
        {"workers", {"! lost", "~ draining", "= busy"}},
        {"queues", {"# paused", "= running"}},
        {"task-stream", {"= running"}},
        {"stale", {"STALE 12s", "Connection refused"}},
    };
    (void)state;
    for (int size = 0; size < 2; size++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (size_t k = 0; k < 8 && rows[i].texts[k]; k++)
                expect_text(rows[i].shot, frame_of(size, rows[i].shot)->text[GOLDEN_ASCII], rows[i].texts[k]);
    expect_text("tasks: the cursor", frame_of(0, "tasks")->text[GOLDEN_ASCII], "\n>");
    expect_text("tasks: a mark", frame_of(0, "tasks")->text[GOLDEN_ASCII], "\n *");
    expect_text("tabs", frame_of(0, "tasks")->text[GOLDEN_ASCII], "[4 Tasks]");
    expect_text("tabs of a task", frame_of(0, "task-input")->text[GOLDEN_ASCII], "[input]");
    expect_text("sorted column", frame_of(0, "tasks")->text[GOLDEN_ASCII], "AGE^");
}

static void ascii_is_ascii(void **state)
{
    (void)state;
    for (int size = 0; size < SIZES; size++)
        for (int i = 0; i < SHOTS; i++)
            for (const char *c = frames[size][i].text[GOLDEN_ASCII]; *c; c++)
                if ((unsigned char)*c >= 0x7f)
                    fail_msg("%s: %.40s", shots[i].name, c);
}

int main(int argc, char **argv)
{
    static struct which which[SIZES * SHOTS];
    static struct CMUnitTest tests[SIZES * SHOTS + 2];
    size_t n = 0;
    if (argc > 2 && !strcmp(argv[1], "child"))
        return child_main(argv[2]);
    golden_begin(argc > 1 && !strcmp(argv[1], "--update"));
    for (int size = 0; size < SIZES; size++)
        for (int i = 0; i < SHOTS; i++, n++) {
            which[n] = (struct which){.size = size, .shot = i};
            snprintf(which[n].name, sizeof which[n].name, "%s-%dx%d", shots[i].name, sizes[size].cols, sizes[size].rows);
            tests[n] = (struct CMUnitTest){which[n].name, is_as_it_was, NULL, NULL, &which[n]};
        }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(states_are_told_apart_by_text_alone);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(ascii_is_ascii);
    return cmocka_run_group_tests_name("golden screens", tests, photograph_all, free_all);
}
