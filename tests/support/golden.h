/* Golden screens as files: what an emulator showed with each number of colours, in a form that can be reviewed, and the difference when it
 * is another one. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "support/terminal.h"

/* What the child prints when shot %d is painted; terminals ignore it. */
#define GOLDEN_MARK "\033]7777;shot %d\033\\"

enum golden_mode { GOLDEN_TRUE, GOLDEN_256, GOLDEN_16, GOLDEN_MONO, GOLDEN_ASCII, GOLDEN_MODES };

struct golden_look {
    int32_t fg, bg;
    int attributes;     /* bits of TUI_BOLD and so on */
};

struct golden_frame {
    int rows, cols;
    int cursor_row, cursor_col;         /* -1 = hidden */
    char *text[GOLDEN_MODES];
    struct golden_look *looks[GOLDEN_MODES];
};

const char *const *golden_environment(enum golden_mode mode);
/* At most so many colours (enum tui_depth): no terminal's entry in Debian's ncurses-base has 16. */
int golden_depth(enum golden_mode mode);
void golden_take(struct golden_frame *frame, enum golden_mode mode, struct test_terminal *t, int rows, int cols);
void golden_free(struct golden_frame *frame);
/* is_update: golden_check writes the files. */
void golden_begin(int is_update);
/* Fails with what differs from tests/golden/NAME.txt, side by side. */
void golden_check(const struct golden_frame *frame, const char *name);

#endif
