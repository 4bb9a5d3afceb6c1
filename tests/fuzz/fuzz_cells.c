/* Text of models in the console's cells, and bytes of terminals as keys. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "support/cells.h"
#include "tui/input.h"

static void check_text(const char *s, size_t n)
{
    struct tui_grid *grid = tui_grid_new(2, 24);
    int columns = tui_columns(s, n), used;
    ORB_ASSERT(tui_put(grid, 0, 0, 24, TUI_TEXT, s, n) == (columns > 24 ? 24 : columns));
    ORB_ASSERT(tui_put_cut(grid, 1, 0, 24, TUI_TEXT, s, n) == (columns > 24 ? 24 : columns));
    cells_check(grid);
    for (int col = -3; col < 24; col += 5) /* over what is there */
        tui_put(grid, 0, col, 7, TUI_DIM, s, n);
    cells_check(grid);
    size_t len, at = 0, fits;
    char *safe = tui_safe(s, n, &len);
    while (at < len && (fits = tui_fit(safe + at, len - at, 24, &used)) > 0) {
        ORB_ASSERT(used <= 24 && tui_columns(safe + at, fits) == used && at + fits <= len);
        at += fits + (at + fits < len && safe[at + fits] == '\n');
    }
    free(safe);
    tui_grid_free(grid);
}

/* In two pieces as at once, when nothing is late. */
static void check_keys(const char *s, size_t n, size_t cut)
{
    struct tui_parser p;
    struct tui_input input;
    size_t count[2] = {0, 0};
    for (int pieces = 0; pieces < 2; pieces++) {
        tui_parser_init(&p, '\b');
        for (size_t at = 0, end = pieces ? cut : n; at < n; at = end, end = n) {
            size_t room;
            char *to = tui_parser_room(&p, &room);
            ORB_ASSERT(end - at <= room);
            memcpy(to, s + at, end - at);
            tui_parser_add(&p, end - at);
            while (tui_parser_next(&p, &input)) {
                ORB_ASSERT(input.kind != TUI_INPUT_KEY || *input.key);
                count[pieces]++;
            }
        }
        tui_parser_late(&p);
        while (tui_parser_next(&p, &input))
            count[pieces]++;
        ORB_ASSERT(tui_parser_wait_ms(&p) == -1);
        tui_parser_done(&p);
    }
    ORB_ASSERT(count[0] == count[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = size ? (const char *)data : "";
    check_text(s, size);
    if (size > 0 && size < 2048)
        check_keys(s, size, data[0] % size);
    return 0;
}
