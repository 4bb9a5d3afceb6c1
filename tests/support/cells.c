#include "support/cells.h"

#include "base/base.h"
#include "base/utf8.h"

#include <string.h>

void cells_check(const struct tui_grid *grid)
{
    uint32_t cp;
    for (int i = 0; i < grid->rows * grid->cols; i++) {
        const struct tui_cell *cell = &grid->cells[i];
        size_t len = strlen(cell->text), used;
        int col = i % grid->cols;
        ORB_ASSERT(cell->width == 0 ? !len && col > 0 && cell[-1].width == 2 : len > 0);
        ORB_ASSERT(cell->width != 2 || (col + 1 < grid->cols && cell[1].width == 0));
        for (size_t at = 0; at < len; at += used) {
            used = orb_utf8_decode(cell->text + at, len - at, &cp);
            ORB_ASSERT(used && cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0));
        }
    }
}
