/* Every screen at every size: nothing is drawn outside, and what is drawn is whole. */
#include "support/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void open_all(struct console *c)
{
    console_open(c, 24, 80);
    console_scene(c);
}

static void resize(struct console *c, int rows, int cols)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_RESIZE, .a = rows, .b = cols });
}

/* Each wide cluster has its right half beside it, and none is cut at the edge. */
static void expect_whole(struct tui_grid *grid, const char *screen)
{
    for (int row = 0; row < grid->rows; row++)
        for (int col = 0; col < grid->cols; col++) {
            const struct tui_cell *cell = tui_grid_at(grid, row, col), *next = col + 1 < grid->cols ? cell + 1 : NULL;
            if ((cell->width == 2 && (!next || next->width != 0)) || (cell->width == 0 && (!col || (cell - 1)->width != 2)) || !memchr(cell->text, 0, sizeof cell->text))
                fail_msg("%s at %dx%d: cell %d,%d is broken", screen, grid->cols, grid->rows, row, col);
        }
}

static void draw(struct console *c, int rows, int cols)
{
    struct tui_grid *grid = tui_grid_new(rows, cols);
    resize(c, rows, cols);
    tui_model_settle(c->m);
    tui_model_draw(c->m, grid);
    tui_model_painted(c->m);
    expect_whole(grid, tui_views[c->m->screen]->name);
    tui_grid_free(grid);
}

static void draw_all_sizes(struct console *c)
{
    static const int heights[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 19, 24 };
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++)
        for (int cols = 1; cols <= 100; cols++)
            draw(c, heights[i], cols);
    for (int rows = 20; rows <= 100; rows += 16)
        for (int cols = 101; cols <= 300; cols += 13)
            draw(c, rows, cols);
    draw(c, 100, 300);
}

static void every_screen_can_have_any_size(void **state)
{
    (void)state;
    static const char *const keys[] = { "1", "2", "3", "4", "5", "?", "T" };
    struct console c;
    open_all(&c);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        console_keys(&c, keys[i]);
        draw_all_sizes(&c);
        resize(&c, 24, 80);
        if (!strcmp(keys[i], "?") || !strcmp(keys[i], "T"))
            console_keys(&c, "Esc");
    }
    for (int tab = 0; tab < TUI_TABS; tab++) {
        tui_go_task(c.m, SCENE_TASK);
        console_scene_open(&c);
        c.m->open.tab = (enum tui_tab)tab;
        draw_all_sizes(&c);
        resize(&c, 24, 80);
    }
    console_close(&c);
}

static void prompts_and_menus_can_have_any_size(void **state)
{
    (void)state;
    static const char *const keys[] = { "/ s t a t e : f Tab", "Esc Esc o", "Esc A C", "n U : t Tab", "Esc y" };
    struct console c;
    open_all(&c);
    console_keys(&c, "4");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        console_keys(&c, keys[i]);
        draw_all_sizes(&c);
        resize(&c, 24, 80);
    }
    console_close(&c);
}

/* A part of a number would be another number. */
static void numbers_are_shown_whole_or_not_at_all(void **state)
{
    (void)state;
    struct console c;
    open_all(&c);
    console_keys(&c, "2");
    for (int cols = 30; cols <= 80; cols++) {
        resize(&c, 24, cols);
        char *frame = console_frame(&c), *line = strstr(frame, "orbiter:tasks"), *figure = line ? strstr(line, "running") : NULL;
        if (figure && strchr(figure, '\n') > figure + 7) {
            char text[200];
            snprintf(text, sizeof text, "%.*s", (int)strcspn(figure + 7, "\n"), figure + 7);
            const char *want = "792      64       8     1m   0.6   0.6  grows", *skip = text + strspn(text, " ");
            if (strncmp(want, skip, strlen(skip)) != 0 || !strchr(" ", want[strlen(skip)])) /* ends between two of them */
                fail_msg("at %d columns: '%s'", cols, text);
        }
        free(frame);
    }
    console_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_can_have_any_size), cmocka_unit_test(prompts_and_menus_can_have_any_size), cmocka_unit_test(numbers_are_shown_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
