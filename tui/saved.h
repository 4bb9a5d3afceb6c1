/* What is kept from one run to the next: bookmarks and saved views. The shell reads and writes the file (state.c); the program never
 * writes the user's configuration. */
#ifndef ORB_TUI_SAVED_H
#define ORB_TUI_SAVED_H

#include "base.h"
#include "query.h"

#define TUI_VIEWS_MAX 50
#define TUI_LETTERS 128

/* Screen, filter, order and columns as text, the form that the file has: "tasks | state:failed age<1h | -age | id state agent error" */
struct tui_saved {
    char *bookmarks[TUI_LETTERS]; /* "tasks | FILTER" or "task ID", by letter; NULL = none */
    struct tui_saved_view { char *name, *text; } views[TUI_VIEWS_MAX]; /* sorted by name */
    size_t view_count;
    int is_changed;               /* to be written */
};

/* Another text under the same name takes its place. */
void tui_saved_add(struct tui_saved *saved, const char *name, const char *text);
void tui_saved_done(struct tui_saved *saved);

#endif
