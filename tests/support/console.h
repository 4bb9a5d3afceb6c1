/* The console's model in a test: messages in, frames out as text. */
#ifndef ORB_TESTS_CONSOLE_H
#define ORB_TESTS_CONSOLE_H

#include "tui/view.h"

struct console {
    struct tui_keys *keys;
    struct tui_model *m;
    double now;
};

/* The clock stands at 2026-03-02 14:06:21 UTC until console_wait moves it. */
void console_open(struct console *c, int rows, int cols);
void console_close(struct console *c);
void console_wait(struct console *c, double seconds);
void console_send(struct console *c, struct tui_msg msg); /* the time is filled in */
void console_link(struct console *c, int is_up, const char *why);
/* Keys with blanks between: "j j Space C". Each sees the frame of the one before. */
void console_keys(struct console *c, const char *keys);
/* A task's row as Redis has it. */
void console_task(struct console *c, const char *id, const char *agent, enum orb_status status, double age);
void console_change(struct console *c, const char *id, enum orb_status status, int attempt);
/* The frame, as it is painted now; new memory. */
char *console_frame(struct console *c);
/* Its line, without blanks at the end; valid until the next call. */
const char *console_line(struct console *c, int row);
int console_shows(struct console *c, const char *text);

/* A fleet with something of everything: workers (one lost, one draining), queues (one paused, one that grows), tasks in all states with
 * texts of many scripts, ten minutes of history. The task SCENE_TASK is open on the task screen, with a stream. */
#define SCENE_TASK "5b10e2aa77c04c7e9d0c51a6b1f2d3e4"
void console_scene(struct console *c);
/* That task with its stream, when another one has been opened meanwhile. */
void console_scene_open(struct console *c);

#endif
