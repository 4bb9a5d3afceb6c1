/* What holds for the cells of every grid, for fuzzing and random tests. */
#ifndef TESTS_SUPPORT_CELLS_H
#define TESTS_SUPPORT_CELLS_H

#include "tui/cells.h"

/* Each cell has text of its width, or is the right half of the one before, and no control character is in it. Else it aborts. */
void cells_check(const struct tui_grid *grid);

#endif
