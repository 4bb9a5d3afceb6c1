/* What is kept from one run to the next: bookmarks and saved views. The shell reads and writes the file (state.c); the program never
 * writes the user's configuration. */
#ifndef ORB_TUI_SAVED_H
#define ORB_TUI_SAVED_H

#include "base.h"
#include "query.h"

#define TUI_VIEWS_MAX 50
#define TUI_LETTERS 128

/* Screen, order, columns and, last, since it may have anything in it, the filter as text, the form that the file has:
 * "tasks | -age | id state agent error | state:failed age<1h" */
struct tui_saved {
    char *bookmarks[TUI_LETTERS]; /* such a text or "task ID", by letter; NULL = none */
    struct tui_saved_view { char *name, *text; } views[TUI_VIEWS_MAX]; /* sorted by name */
    size_t view_count;
    char *deleted[TUI_VIEWS_MAX]; /* names of views that were deleted, so that what another console has kept does not bring them back */
    size_t deleted_count;
    int is_changed;               /* to be written */
};

int tui_view_name_is_valid(const char *name);
/* Another text under the same name takes its place. */
void tui_saved_add(struct tui_saved *saved, const char *name, const char *text);
/* What the other has and this one neither has nor had deleted. */
void tui_saved_merge(struct tui_saved *saved, const struct tui_saved *other);
void tui_saved_done(struct tui_saved *saved);

#endif
