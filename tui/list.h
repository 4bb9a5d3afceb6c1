/* A list on a screen: which rows of a source, in which order, where the cursor is, what is marked. The cursor and the marks are
 * bound to ids, never to places. Costs of a change: the rows that changed, and one pass over the order. */
#ifndef ORB_TUI_LIST_H
#define ORB_TUI_LIST_H

#include "query.h"

#define TUI_MARKS_MAX 10000
#define TUI_COLUMNS_MAX 40

struct tui_column {
    int field;                /* its place in the source's fields */
    int width;
};

struct tui_list {
    const struct tui_source *source;
    /* what is shown */
    struct tui_column columns[TUI_COLUMNS_MAX];
    size_t column_count;
    int is_chosen;            /* the columns were chosen; else they follow the width of the screen */
    int first_column;         /* of those that move sideways */
    int sort_field, is_descending;
    char filter[TUI_QUERY_MAX + 1];
    struct tui_query *query;
    /* all rows in their order, with what they are sorted by; then those that the filter shows */
    struct tui_entry {
        uint64_t key;
        uint32_t row;
    } *all;
    size_t total, all_cap;
    uint32_t *order;
    size_t count, cap;
    uint8_t *is_in;           /* by row number: the filter shows it */
    uint32_t *dirty;          /* rows that have changed since the last settle */
    size_t dirty_count, dirty_cap;
    uint8_t *is_dirty;
    double settled_at;
    uint32_t room;            /* of is_in and is_dirty */
    int must_rebuild;         /* all of it */
    int must_filter;          /* 1: look at all rows anew; 2: only at those that were shown, the filter has become narrower */
    /* the cursor */
    char cursor_id[ORB_ID_MAX + 1]; /* what an act means: it changes with the frame and with keys, never by what comes between */
    size_t cursor, top;       /* places in order, of the last settle */
    int page;                 /* rows of the body that was drawn last */
    int is_following;         /* the cursor stays at the first row */
    int is_fresh;             /* nobody has moved it: so it does while the list is filled for the first time */
    /* marks */
    char (*marks)[ORB_ID_MAX + 1];
    size_t mark_count, mark_cap;
    char anchor_id[ORB_ID_MAX + 1];  /* of a range */
};

void tui_list_init(struct tui_list *list, const struct tui_source *source, const char *sort_field, int is_descending);
void tui_list_done(struct tui_list *list);

/* A row of the source was made, changed or removed (before its number is used again). */
void tui_list_touch(struct tui_list *list, uint32_t row);
/* Everything anew: at a new filter, sort, or when much has changed. */
void tui_list_touch_all(struct tui_list *list);
/* Brings the order up to date, and the cursor to its row; where that is gone, to the one that took its place. Called
 * before every frame. */
void tui_list_settle(struct tui_list *list, const struct tui_model *m);
/* Likewise before a key: what came since the frame may have given other rows these numbers. The cursor keeps its id, also
 * when that is gone. */
void tui_list_reorder(struct tui_list *list, const struct tui_model *m);

/* 0, or ORB_E_INVALID: then the list stays as it is. */
int tui_list_filter(struct tui_list *list, const char *text, struct orb_error *err);
/* By a column; the same again turns it round. */
void tui_list_sort(struct tui_list *list, int field, int is_descending);
/* As one reads it: an age is the greater the earlier its time is. */
int tui_list_goes_down(const struct tui_list *list);
void tui_list_sort_next(struct tui_list *list, int by); /* the column at the right or left of the present one */

void tui_list_widen(struct tui_list *list, int by); /* the sorted column */

void tui_list_move(struct tui_list *list, const struct tui_model *m, long by);
void tui_list_go(struct tui_list *list, const struct tui_model *m, size_t place); /* SIZE_MAX = the last */
int tui_list_go_id(struct tui_list *list, const struct tui_model *m, const char *id); /* 0 when it is not in the list */
/* Where the row with this id stands, SIZE_MAX when it is not shown. */
size_t tui_list_place(const struct tui_list *list, const struct tui_model *m, const char *id);
/* The row under the cursor, as of the last settle; UINT32_MAX when there is none. */
uint32_t tui_list_row(const struct tui_list *list);

int tui_list_is_marked(const struct tui_list *list, const char *id);
void tui_list_mark(struct tui_list *list, const char *id, int is_marked);
void tui_list_unmark_all(struct tui_list *list);
/* These return how many could not be marked, because there are at most TUI_MARKS_MAX. */
size_t tui_list_mark_many(struct tui_list *list, const char *const ids[], size_t count, int is_marked);
size_t tui_list_mark_all(struct tui_list *list, const struct tui_model *m);    /* all that the filter shows */
size_t tui_list_mark_range(struct tui_list *list, const struct tui_model *m);  /* from the anchor to the cursor; the first call sets the anchor */
int tui_list_shows(const struct tui_list *list, const struct tui_model *m, const char *id); /* as of the last settle */
size_t tui_list_hidden_marks(const struct tui_list *list, const struct tui_model *m);
/* What an act means: the marks, or the id under the cursor; at most max ids. Returns how many. */
size_t tui_list_targets(const struct tui_list *list, const char *out[], size_t max);

/* The table: the line of titles, then rows. Also fits the columns. */
void tui_list_draw(struct tui_list *list, const struct tui_model *m, struct tui_grid *grid, struct tui_rect rect, double now);
/* The row and column at a place of the grid, for the mouse: place in order or -1; *field >= 0 when it is a title. */
long tui_list_hit(const struct tui_list *list, struct tui_rect rect, int row, int col, int *field);

#endif
