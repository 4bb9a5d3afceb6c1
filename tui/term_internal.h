/* What the files of the terminal share. */
#ifndef ORB_TUI_TERM_INTERNAL_H
#define ORB_TUI_TERM_INTERNAL_H

#include "term.h"
#include "term_looks.h"

#include <stdint.h>
#include <stdio.h>
#include <termios.h>

/* How a look is given to curses. */
struct tui_pen {
    struct tui_look look;
    unsigned attributes;
    int pair;
};

struct tui_term {
    int in, out;            /* ours */
    int wait, timer, wake[2];
    FILE *in_file, *out_file;
    struct screen *screen;  /* of curses */
    struct termios modes;   /* as they were */
    enum tui_depth depth;
    int colors;             /* that curses can name */
    int is_utf8, has_mouse;
    int is_left, is_gone, is_gone_told;
    int is_sync, is_asked;  /* mode 2026: it has it; the answer is still to come */
    int64_t asked_ms;

    struct tui_parser parser;
    int64_t late_ms;        /* when what has begun is late, 0 = never */
    int is_resizing;        /* a new size that was not told yet */
    int64_t resized_ms;     /* when the last one was */
    int rows, cols;

    int frame;              /* a file in memory, where curses writes while it makes a frame */
    struct tui_looks looks;

    int is_stale;           /* everything is to be sent */
    struct tui_grid *shown;
    struct tui_pen pens[TUI_ROLE_COUNT][TUI_LAYER_COUNT];
};

void tui_term_write(struct tui_term *term, const char *bytes, size_t len);

/* term_draw.c */
/* Text has the terminal's own look again, for others who write there. */
void tui_term_plain(struct tui_term *term);

/* term_open.c */
struct screen *tui_term_start_curses(struct tui_term *term, enum tui_depth most, struct orb_error *err);
/* Bytes that put back what we and curses have set. */
size_t tui_term_reset_bytes(char *out, size_t cap);

#endif
