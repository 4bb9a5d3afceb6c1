/* A view is one file and one row: what a screen shows and what its own keys do. */
#ifndef ORB_TUI_VIEW_H
#define ORB_TUI_VIEW_H

#include "model.h"

struct tui_view {
    const char *name;           /* for the command line and the palette */
    const char *title;          /* in the header */
    enum tui_action action;     /* that goes there */
    const struct tui_source *source;  /* of its list, or NULL */
    const char *sort;           /* field that its list is sorted by at first */
    int is_descending;
    int is_following;           /* at first: what is newest stays in sight */
    int panes;                  /* how many take the keys in turn */
    int can_zoom;
    void (*draw)(struct tui_model *m, struct tui_grid *grid, struct tui_rect body);
    /* 1 = done; 0 = what every screen does with it. May be NULL. */
    int (*act)(struct tui_model *m, enum tui_action action);
    int (*mouse)(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body); /* likewise */
    void (*want)(const struct tui_model *m, struct tui_want *want);                     /* may be NULL */
    /* What an act on one of these means here, an id that was painted, or "". NULL: only the list has such. */
    const char *(*target)(struct tui_model *m, enum tui_subject subject);
    void (*painted)(struct tui_model *m);                                               /* the frame is on the screen; may be NULL */
    const char *keys;           /* names of the actions that its key bar shows, with blanks */
    const char *help;           /* for the help screen and the manual: a paragraph */
};
extern const struct tui_view *const tui_views[TUI_SCREENS];

/* ---- around the body: header, status line, key bar (chrome.c) ---- */
struct tui_rect tui_chrome_body(const struct tui_model *m);
void tui_chrome_draw(struct tui_model *m, struct tui_grid *grid);
int tui_chrome_mouse(struct tui_model *m, const struct tui_msg *msg); /* 1 = it was there */

/* ---- parts that views share ---- */
/* Mouse on the list of the screen, drawn in rect. */
int tui_list_mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect rect);
/* A line with a title: "-- queues ------"; right is put at its end, or NULL. */
void tui_draw_rule(struct tui_grid *grid, struct tui_rect rect, const char *title, const char *right, int is_on);
/* A rule and below it what has happened, the newest first. NULL, or one of these: only to the tasks that a list shows, to a queue and
 * its tasks, to a worker and its tasks. */
struct tui_events_of {
    const struct tui_list *tasks;
    const char *queue, *worker;
};
void tui_draw_events(const struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, const struct tui_events_of *of);
/* Two rows: tasks by their states, and who works (totals.c). */
void tui_draw_totals(const struct tui_model *m, struct tui_grid *grid, int row, int cols);
/* What came, ended, failed and was said over time, each height rows high. Returns the row behind. */
int tui_draw_graphs(const struct tui_model *m, struct tui_grid *grid, int row, int cols, int height);
/* A column for each number up to max, over all rows of rect. */
void tui_draw_bars(struct tui_grid *grid, struct tui_rect rect, enum tui_role role, const double *numbers, size_t count, double max);
/* Label and value, cut where cols ends. Returns the column behind. */
int tui_draw_pair(struct tui_grid *grid, int row, int col, int cols, const char *label, enum tui_role role, const char *value);
/* One of several in a line: before the column end, or not at all. Returns where the next one begins. */
/* Why a list is empty that has a filter; valid until the next call. */
const char *tui_say_no_match(const struct tui_model *m);
int tui_draw_fact(struct tui_grid *grid, int row, int col, int end, const char *label, enum tui_role role, const char *value);

#endif
