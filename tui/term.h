/* The terminal: a grid and a theme in, what the user does out. The only part of the console that knows curses. One at a time.
 *
 * From open to close the terminal is put back whatever ends the program: close, exit, a signal, a crash. SIGINT, SIGQUIT and SIGTERM end it as
 * they would have, unless they have a handler of their own; then closing is for that. SIGHUP comes as TUI_INPUT_GONE, SIGWINCH and
 * going on after a stop as TUI_INPUT_RESIZE. */
#ifndef ORB_TUI_TERM_H
#define ORB_TUI_TERM_H

#include "input.h"
#include "theme.h"

struct tui_term;

struct tui_term_options {
    int in, out;          /* of one terminal; not closed */
    enum tui_depth depth; /* at most; TUI_DEPTHS = what there is */
    int has_mouse;
};

/* ORB_E_CONFIG: there is no terminal, or one that cannot show a screen. */
int tui_term_open(const struct tui_term_options *options, struct tui_term **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_term_close(struct tui_term *term);

/* Readable when tui_term_read has something to do; watch it, then read until it returns 0. */
int tui_term_fd(const struct tui_term *term);
/* 1 and what happened, or 0. After a storm of resizes there are at most two a second, and the last one is among them. */
int tui_term_read(struct tui_term *term, struct tui_input *out);

void tui_term_size(const struct tui_term *term, int *rows, int *cols);
enum tui_depth tui_term_depth(const struct tui_term *term);
int tui_term_is_utf8(const struct tui_term *term); /* 0: only ASCII can be shown, the rest is shown as ? */

/* Makes the terminal show the grid, sending what has changed. 0: nothing had, or it cannot be shown now (left, gone, being resized). */
int tui_term_show(struct tui_term *term, const struct tui_grid *grid, const struct tui_theme *theme);
/* 0: a slow line has not taken yet what was sent; showing now would wait for it. */
int tui_term_is_ready(const struct tui_term *term);
/* 0: a new size is about to be told, or the terminal is left; what was shown last may not be seen. */
int tui_term_is_settled(const struct tui_term *term);
void tui_term_redraw(struct tui_term *term); /* the next show sends everything */

void tui_term_suspend(struct tui_term *term); /* stops the program (Ctrl-Z) and returns when it goes on */
void tui_term_leave(struct tui_term *term);   /* gives the terminal to another program, such as an editor; its Ctrl-C comes here, too */
void tui_term_return(struct tui_term *term);  /* and takes it back */
void tui_term_mouse(struct tui_term *term, int is_on);

enum { TUI_COPY_MAX = 74994 }; /* what terminals take */
/* Into the clipboard of the user's terminal (OSC 52), also through tmux. ORB_E_TOO_LARGE: nothing was sent. */
int tui_term_copy(struct tui_term *term, const char *text, size_t len);

#endif
