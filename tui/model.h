/* The console's model: messages in, what is to be shown and asked for out. No I/O, no curses, no clock of its own. */
#ifndef ORB_TUI_MODEL_H
#define ORB_TUI_MODEL_H

#include "act.h"
#include "attention.h"
#include "fleet.h"
#include "keys.h"
#include "list.h"
#include "log.h"
#include "menu.h"
#include "open.h"
#include "prompt.h"
#include "saved.h"
#include "tasks.h"

/* Screens, in the order of their keys; view.c has a row for each. */
enum tui_screen { TUI_OVERVIEW, TUI_QUEUES, TUI_WORKERS, TUI_TASKS, TUI_EVENTS, TUI_TASK, TUI_HELP, TUI_THEME, TUI_SCREENS };

/* What is looked at: enough to come back to it. */
struct tui_place {
    enum tui_screen screen;
    char id[ORB_ID_MAX + 1];    /* the task that is open */
    char filter[TUI_QUERY_MAX + 1];
};
#define TUI_PLACES_MAX 50
#define TUI_THEME_NAME 512

/* What may be refused while the rest comes; for workers and queues see fleet.h. */
enum tui_trouble { TUI_TROUBLE_FEED, TUI_TROUBLE_TASKS, TUI_TROUBLE_TOTALS, TUI_TROUBLE_AUDIT, TUI_TROUBLES };
extern const char *const tui_trouble_names[TUI_TROUBLES];

struct tui_link {
    int is_up, was_up;
    int is_silent;              /* it seems to be up, and does not answer */
    double since;               /* since when it is up or down */
    double heard_at;            /* the last message from Redis */
    double lost_at;             /* and the last one before it went away */
    char why[300];
};

struct tui_model {
    double now;
    int rows, cols;
    /* from the command line */
    char title[80];             /* which Redis: its namespace or address, for the header */
    char user[80];              /* who acts: user@host */
    char model[256];            /* of new tasks, "" = none is better than another */
    int is_readonly;
    int is_plain;               /* lines: what overview and events want is wanted together */
    int is_wide_forced;         /* layout: 0 by the width, 1 wide, -1 narrow */
    /* what is known */
    struct tui_link link;
    char feed_position[48];     /* what the feed has told up to there is known; "" = not known yet */
    struct tui_texts *texts;
    double texts_at;            /* when those that nothing has any more were forgotten last */
    struct tui_tasks tasks;
    struct tui_fleet fleet;
    struct tui_log log;
    char last_audit[48];        /* id of the newest entry of the audit stream that was told */
    struct tui_open open;
    struct tui_attention attention;
    char troubles[TUI_TROUBLES][200]; /* why, or "" */
    struct tui_pane help;       /* the text of the help screen */
    int help_has_names;
    /* what is shown */
    enum tui_screen screen;
    struct tui_place places[TUI_PLACES_MAX];
    size_t place, place_count;
    enum tui_screen last_screen;
    struct tui_list lists[TUI_SCREENS];  /* of the screens that are lists, and the lists of the overview, see tui_model_list */
    struct tui_overview_pane {  /* of the overview's three lists: where the cursor is */
        char id[TUI_TARGET_MAX], painted[TUI_TARGET_MAX];
        size_t place, top;
        struct tui_rect rect;   /* of its lines in the last frame, and how many rows each has */
        int height;
    } overview[3];
    int pane;                   /* of the overview: which of its lists has the keys, from 0 */
    int is_beside_on;           /* of the tasks: the stream beside the list has the keys */
    int is_zoomed, is_mouse_on;
    int is_paused;              /* p: what comes is only counted; the shell asks for it again from where it was */
    double paused_at;
    uint64_t newer;             /* changes that were counted */
    struct tui_prompt prompt;   /* filter, search, palette, question: what the keys go to first */
    struct tui_menu menu;       /* something to choose from, over the screen */
    struct tui_acts acts;
    char theme[TUI_THEME_NAME]; /* that is shown: a name, or the path of a file */
    char theme_before[TUI_THEME_NAME]; /* of the theme screen: what Esc brings back; "" = none */
    const char *const *themes;  /* names of all, ends with NULL; borrowed */
    struct tui_saved saved;     /* bookmarks and views */
    char hint[160];             /* something to try, until the first keys; "" = none */
    char toast[400];            /* of the status line */
    double toast_until;
    int toast_is_error;
    const struct tui_keys *keys;
    /* requests to the shell, taken by it after each turn */
    int is_leaving;             /* leaving was asked for while acts were under way: the next time it is meant */
    int wants_quit, wants_redraw, wants_suspend, wants_refresh;
    int wants_catch_up;         /* after a pause: the feed and the stream go on from where they were */
    char *copy;                 /* to the clipboard, or NULL */
    size_t copy_len;
    char *export_path, *export_text; /* or NULL */
    size_t export_len;
    char wants_theme[TUI_THEME_NAME]; /* to be shown from now on; "" = none */
    int edit_asked;             /* the serial that the shell is at */
    int edit_serial;            /* of what the editor is wanted for, 0 = nothing: */
    char edit_id[ORB_ID_MAX + 1]; /* the input of this task, or */
    const char *edit_text;      /* this text, */
    size_t edit_len;            /* of so many bytes; */
    int is_edit_again;          /* it was edited before, so that it counts also when it comes back as it is */
};

/* keys are borrowed, and live longer than the model. */
struct tui_model *tui_model_new(const struct tui_keys *keys);
void tui_model_free(struct tui_model *m);
void tui_model_update(struct tui_model *m, const struct tui_msg *msg);
/* Brings what is shown in order: to be called before drawing. */
void tui_model_settle(struct tui_model *m);
/* The frame, of the grid's size. */
void tui_model_draw(struct tui_model *m, struct tui_grid *grid);
/* That frame is on the screen now. */
void tui_model_painted(struct tui_model *m);

/* ---- for the views ---- */
void tui_model_do(struct tui_model *m, enum tui_action action, const char *key); /* what the key or the palette asks for */
int tui_is_wide(const struct tui_model *m);         /* from 140 columns on, or as it was forced */
struct tui_list *tui_model_list(struct tui_model *m); /* of the screen and pane that has the keys, or NULL */
struct tui_pane *tui_model_pane(struct tui_model *m); /* of text that has the keys, or NULL */
/* ---- place.c ---- */
void tui_go(struct tui_model *m, enum tui_screen screen);
void tui_go_task(struct tui_model *m, const char *id);
/* The tasks screen with this filter. */
void tui_go_filter(struct tui_model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int tui_go_place(struct tui_model *m, int by);  /* in the history; 0 = there is none */
void tui_back(struct tui_model *m, const char *key); /* Esc and q: the innermost thing that is open */
void tui_leave(struct tui_model *m);
/* ---- */
void tui_toast(struct tui_model *m, int is_error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void tui_copy(struct tui_model *m, const char *text, size_t len);
/* What an act on one of these means on this screen, where that is not its list: an id, or "". */
const char *tui_view_target(struct tui_model *m, enum tui_subject subject);
double tui_age_now(const struct tui_model *m);      /* now, or when the screen was frozen, by the clock of Redis */

/* What the shell has to keep coming: asked for after every turn. */
struct tui_want {
    int wants_workers, wants_queues, wants_counts, wants_audit;
    const char *open_id;        /* the task whose detail and stream are shown, or "" */
    const char *tail_ids[TUI_TAILS + TUI_PROBES]; /* tasks whose last words are wanted */
    size_t tail_count;
};
void tui_model_want(const struct tui_model *m, struct tui_want *want);

#endif
