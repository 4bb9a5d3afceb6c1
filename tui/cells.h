/* The cell grid that views draw into: text and roles, no colours, no terminal. term.c shows it, once.c
 * prints it, tests read it. */
#ifndef ORB_TUI_CELLS_H
#define ORB_TUI_CELLS_H

#include <stddef.h>
#include <stdint.h>

/* What a piece of text is. A theme says how each looks. One row each: name in theme files. */
#define TUI_ROLES(X) \
    X(TEXT, "text") X(DIM, "dim") X(STRONG, "strong") X(TITLE, "title") X(BORDER, "border") \
    X(PENDING, "state.pending") X(RUNNING, "state.running") X(COMPLETED, "state.completed") X(FAILED, "state.failed") \
    X(CANCELLED, "state.cancelled") X(RETRYING, "state.retrying") X(LOST, "state.lost") X(PAUSED, "state.paused") \
    X(LIVE, "link.live") X(STALE, "link.stale") X(OFFLINE, "link.offline") \
    X(TAB, "tab") X(TAB_ON, "tab.current") X(COLUMN, "column") X(SORTED, "column.sorted") \
    X(KEY, "key") X(KEY_HELP, "key.help") X(PROMPT, "prompt") X(QUESTION, "question") X(TOAST, "toast") \
    X(WARNING, "warning") X(ERROR, "error") X(MATCH, "match") \
    X(GRAPH, "graph") X(GRAPH_HIGH, "graph.high") X(METER, "meter") X(METER_FULL, "meter.full") \
    X(REASONING, "stream.reasoning") X(TOOL, "stream.tool") X(STEP, "stream.step")

enum tui_role {
#define TUI_ROLE_ENUM(name, text) TUI_##name,
    TUI_ROLES(TUI_ROLE_ENUM)
#undef TUI_ROLE_ENUM
    TUI_ROLE_COUNT
};

/* What lies under the text: it changes the background, and is told without colours by attributes. */
#define TUI_LAYERS(X) X(PLAIN, "row") X(CURSOR, "row.cursor") X(MARKED, "row.marked") X(BAR, "bar") X(HEAD, "head")

enum tui_layer {
#define TUI_LAYER_ENUM(name, text) TUI_ON_##name,
    TUI_LAYERS(TUI_LAYER_ENUM)
#undef TUI_LAYER_ENUM
    TUI_LAYER_COUNT
};

#define TUI_CELL_BYTES 31 /* of a longer cluster only the base character is kept */

/* One column. A cluster two columns wide is in its left cell; the right one has width 0 and no text. */
struct tui_cell {
    char text[TUI_CELL_BYTES + 1]; /* one grapheme cluster, UTF-8; " " when empty */
    uint8_t width;                 /* 1, 2, or 0: the right half of the one before */
    uint8_t role, layer;
};

struct tui_grid {
    int rows, cols;
    struct tui_cell *cells;        /* rows * cols */
    int cursor_row, cursor_col;    /* of the terminal's cursor; -1 = hidden */
};

struct tui_rect {
    int row, col, rows, cols;
};

/* rows and cols at least 1; ends the program without memory. */
struct tui_grid *tui_grid_new(int rows, int cols);
void tui_grid_free(struct tui_grid *grid);
void tui_grid_clear(struct tui_grid *grid);
struct tui_cell *tui_grid_at(struct tui_grid *grid, int row, int col);

/* Text from anywhere, made safe (orb_safe_text, one line), from col on in at most cols columns: what is longer is cut, with
 * a ">" in the last column when is_cut_shown. Nothing outside the grid is written; a wide cluster that would be cut in half
 * becomes a blank. Returns the column behind it. */
int tui_put(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len);
int tui_put_cut(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len);
/* The end of it, which is new, when it is longer: with ".." before it. */
int tui_put_end(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len);
int tui_putf(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* How much of a text is in its first row when it is wrapped: up to behind a blank if there is one in the second half. */
size_t tui_wrap(const char *text, size_t len, int cols);
/* Right-aligned in cols columns. */
void tui_put_right(struct tui_grid *grid, int row, int col, int cols, enum tui_role role, const char *text, size_t len);
/* The layer of cells that are there already. */
void tui_layer(struct tui_grid *grid, struct tui_rect rect, enum tui_layer layer);
void tui_fill(struct tui_grid *grid, struct tui_rect rect, enum tui_role role, const char *cluster);

/* The columns of text as tui_put would show it. */
int tui_columns(const char *text, size_t len);
/* How many bytes of text (already safe, see tui_safe) fit into cols columns, whole clusters; *used = their columns. */
size_t tui_fit(const char *text, size_t len, int cols, int *used);
/* Text made safe for lines of a pane: marks for controls as orb_safe_text; tabs become blanks up to the next multiple
 * of eight; newlines stay. New memory, the caller's. */
char *tui_safe(const char *text, size_t len, size_t *out_len);

/* The grid's lines without trailing blanks, each ended by a newline; new memory, the caller's. */
char *tui_grid_text(const struct tui_grid *grid);

#endif
