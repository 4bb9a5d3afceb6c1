/* A pane of lines with wrap, search, fold and follow: streams, inputs, results, JSON, help. */
#ifndef ORB_TUI_PANE_H
#define ORB_TUI_PANE_H

#include "base.h"
#include "cells.h"

#define TUI_PANE_LINES_MAX 1000000
#define TUI_PANE_LINE_MAX 2048                /* bytes; a longer line goes on in the next one */

enum tui_line_kind { TUI_LINE_TEXT, TUI_LINE_STEP /* a headline */, TUI_LINE_TOOL /* one that can fold what is behind it */, TUI_LINE_RESULT /* can be folded */ };

struct tui_line {
    char *text;                 /* safe to show, see tui_safe; not terminated */
    uint32_t len;
    uint32_t back;              /* of a RESULT: so many lines before it is its TOOL */
    uint8_t role, kind, is_folded;
    uint8_t is_continued;       /* the next line goes on with it: no newline between */
    uint8_t indent;             /* of its rows but the first */
};

struct tui_pane {
    struct tui_line *lines;
    size_t count, cap;
    size_t bytes, room;         /* of text; that it has */
    size_t max_bytes;           /* of memory for lines: the oldest go */
    uint64_t first;             /* number of lines[0]: so many were dropped before it */
    int is_open;                /* the last line can be gone on with */
    uint64_t tool;              /* number of the last TOOL line, UINT64_MAX = none */
    int is_cut;                 /* lines are cut at the right, not wrapped */
    int folds_new;              /* results that come are folded away at first */
    int indent;                 /* of lines that come, when they are wrapped */
    int is_following;           /* stays at the end */
    uint64_t top;               /* number of the first line shown */
    int top_row, left;          /* which of its wrapped rows; columns scrolled sideways when lines are cut */
    int page, width;            /* of the last frame */
    char search[256];
    uint64_t match;             /* number of the line with the present match, UINT64_MAX = none */
    size_t matches, match_place; /* lines with a match; which of them the present one is, from 1, 0 = none */
};

void tui_pane_init(struct tui_pane *pane, int is_following);
void tui_pane_done(struct tui_pane *pane);
void tui_pane_clear(struct tui_pane *pane);
/* All of it is about to be told anew: its lines go, the place that is looked at stays. */
void tui_pane_refill(struct tui_pane *pane);
/* Adds text from anywhere: it is made safe. Its newlines make lines; the last one stays open, and is gone on with while role and kind
 * are the same. */
void tui_pane_add(struct tui_pane *pane, enum tui_role role, enum tui_line_kind kind, const char *text, size_t len);
/* A line of its own, which may be empty. */
void tui_pane_line(struct tui_pane *pane, enum tui_role role, enum tui_line_kind kind, const char *text);
/* Nothing more comes into the last line. */
void tui_pane_end_line(struct tui_pane *pane);
void tui_pane_draw(struct tui_pane *pane, struct tui_grid *grid, struct tui_rect rect);
/* Moves, follow, wrap, fold, steps, matches: an action of keys.h. 1 = done. */
int tui_pane_act(struct tui_pane *pane, int action);
/* Case is not told apart. Goes to the nearest match from the top of the screen on, and unfolds what hides it; "" = no search. */
void tui_pane_search(struct tui_pane *pane, const char *text);
int tui_pane_is_match(const struct tui_pane *pane, const struct tui_line *line);
/* Goes to the line with this number (from 0), if it is still there. */
void tui_pane_go(struct tui_pane *pane, uint64_t line);
/* The last line of text that is not empty, not terminated; "" when there is none. */
const char *tui_pane_last(const struct tui_pane *pane, size_t *len);
/* All of its text, new memory. */
char *tui_pane_text(const struct tui_pane *pane, size_t *len);

#endif
