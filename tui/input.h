/* What the user does, from the bytes that a terminal sends. No I/O. */
#ifndef ORB_TUI_INPUT_H
#define ORB_TUI_INPUT_H

#include <stddef.h>

enum tui_input_kind {
    TUI_INPUT_KEY,
    TUI_INPUT_PASTE,
    TUI_INPUT_MOUSE,
    TUI_INPUT_RESIZE, /* rows, cols, perhaps as they were: draw anew. Comes, too, when the program was stopped and goes on */
    TUI_INPUT_GONE,   /* the terminal is no more: end the program */
    TUI_INPUT_REPLY   /* of the terminal to a question; term.c keeps it for itself */
};

enum tui_mouse { TUI_MOUSE_PRESS, TUI_MOUSE_DRAG, TUI_MOUSE_RELEASE, TUI_MOUSE_WHEEL_UP, TUI_MOUSE_WHEEL_DOWN };

enum { TUI_KEY_NAME_MAX = 24, TUI_PASTE_MAX = 1024 * 1024 };

struct tui_input {
    enum tui_input_kind kind;
    /* KEY: its name. What is printed is its own name (a, A, ?, ü), but "Space"; else "Enter", "Tab", "Esc", "Backspace", "Up", "Down",
     * "Left", "Right", "Home", "End", "PgUp", "PgDn", "Ins", "Del", "F1" to "F12", with "C-", "M-" and "S-" before it, in this
     * order: "C-a", "M-x", "S-Tab", "C-S-Left". MOUSE: these prefixes alone, or "". */
    char key[TUI_KEY_NAME_MAX];
    const char *text; /* KEY: what it writes, NULL when nothing. PASTE: all of it, lines ended by \n; any bytes. Until the next call */
    size_t len;
    int is_cut;       /* PASTE: it was longer than TUI_PASTE_MAX */
    enum tui_mouse mouse;
    int button;       /* 1 left, 2 middle, 3 right; 0 = none or the wheel */
    int row, col;     /* from 0 */
    int rows, cols;
    int mode, value;  /* REPLY: of DECRQM */
};

struct tui_parser {
    char bytes[4096];
    size_t len;
    char erase;       /* the byte of the Backspace key beside 0x7f, 0 = none */
    int is_late;      /* what is incomplete stays so: make of it what can be made */
    int is_pasting;
    char *paste;
    size_t paste_len;
    int is_paste_cut;
    char key_text[8];
};

void tui_parser_init(struct tui_parser *p, char erase);
void tui_parser_done(struct tui_parser *p);
/* Where the next bytes go, and how many at most; never 0 after tui_parser_next has returned 0. */
char *tui_parser_room(struct tui_parser *p, size_t *room);
void tui_parser_add(struct tui_parser *p, size_t n);
int tui_parser_next(struct tui_parser *p, struct tui_input *out); /* 0: more bytes are needed */
/* How long to wait for the rest of what has begun, -1 = it may take as long as it likes. */
int tui_parser_wait_ms(const struct tui_parser *p);
void tui_parser_late(struct tui_parser *p); /* that time is over */

#endif
