/* What the console keeps from one run to the next: bookmarks, saved views, the theme that was chosen, whether the mouse is on. In
 * $XDG_STATE_HOME/orbiter/top.state, which only the program writes; the user's own files are never written. */
#ifndef ORB_TUI_STATE_H
#define ORB_TUI_STATE_H

#include "model.h"

struct tui_state {
    char theme[TUI_THEME_NAME]; /* "" = none was chosen */
    int is_mouse_off;
    char file[4096];            /* "" = there is no place for it */
};

/* A line that cannot be read is left out; no file is nothing. */
void tui_state_load(struct tui_state *state, struct tui_saved *saved);
/* As a whole or not at all, with what another console has kept meanwhile. 0 or ORB_E_SYSTEM. */
int tui_state_save(const struct tui_state *state, struct tui_saved *saved, struct orb_error *err);
/* $XDG_CONFIG_HOME/orbiter/keys.conf when it is there, else NULL; valid until the next call. */
const char *tui_state_keys_file(void);

#endif
