/* Putting the terminal back, whatever ends or stops the program; and the signals that are news. One terminal at a time. */
#ifndef ORB_TUI_TERM_RESTORE_H
#define ORB_TUI_TERM_RESTORE_H

#include <stddef.h>
#include <termios.h>

enum tui_news { TUI_NEWS_RESIZED, TUI_NEWS_CONTINUED, TUI_NEWS_HUNG_UP, TUI_NEWS_COUNT };

/* The signals, from now on; a byte is written to wake_fd with each piece of news. */
void tui_restore_start(int wake_fd);
void tui_restore_stop(void);
/* While it is armed, bytes (at most 512 are kept) go to fd and modes are set when the program ends or stops. */
void tui_restore_arm(int fd, const struct termios *modes, const char *bytes, size_t len);
void tui_restore_disarm(void);
int tui_restore_take(enum tui_news news); /* 1: it has happened since the last time */

#endif
