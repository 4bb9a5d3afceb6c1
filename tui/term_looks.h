/* What goes to the terminal, without the looks (SGR) that it has already: curses takes every look back at the end of a frame and sends
 * both colours when one changes, which on a slow line is more than the text. A look is sent when something that it shows in comes. */
#ifndef ORB_TUI_TERM_LOOKS_H
#define ORB_TUI_TERM_LOOKS_H

#include <stddef.h>
#include <stdint.h>

/* -1 the terminal's own colour, 0 to 255 an index, else TUI_RGB | 0xrrggbb. attributes: bits of SGR 1 to 9. */
#define TUI_RGB 0x1000000
struct tui_sgr_look {
    int32_t fg, bg;
    unsigned attributes;
};

struct tui_looks {
    struct tui_sgr_look has, wants, saved; /* saved: with the cursor (DECSC) */
    int is_known;       /* what it has */
    int takes_off;      /* it knows how to end a single attribute (SGR 22 to 27) */
};

/* So many bytes may come out: a look of up to 64 for each one (three or more) that came in. */
#define TUI_LOOKS_ROOM(len) ((len) * 24 + 64)

/* Whole frames: no sequence is begun in one call and ended in the next. out: TUI_LOOKS_ROOM(len). The number of bytes. */
size_t tui_looks_filter(struct tui_looks *looks, const char *in, size_t len, char *out);
/* Somebody else has written there. */
void tui_looks_forget(struct tui_looks *looks);

#endif
