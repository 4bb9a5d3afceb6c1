/* Fields of what a list shows: one table for each kind of row says what can be seen, sorted by, asked for in a filter and
 * exported. A column of a screen is a field. */
#ifndef ORB_TUI_FIELD_H
#define ORB_TUI_FIELD_H

#include "cells.h"
#include <orbiter/client.h>

/* How a value is shown; text is compared as text, the others by number. */
enum tui_kind {
    TUI_TEXT_FIELD,
    TUI_ID_FIELD,     /* text, shown short unless there is room, see tui_show_id */
    TUI_STATE_FIELD,  /* text: glyph and word; sorted by number */
    TUI_COUNT_FIELD,  /* 1,204 */
    TUI_RATE_FIELD,   /* 41.2 */
    TUI_PERCENT_FIELD,
    TUI_MONEY_FIELD,  /* $0.031 */
    TUI_BYTES_FIELD,  /* 312MB */
    TUI_AGE_FIELD,    /* Unix seconds, shown as the time that has passed: 12s 4m 3h 2d; from a minute on it moves with the minutes */
    TUI_SPAN_FIELD,   /* seconds: 0.3s 2m56s 2h10m */
    TUI_CLOCK_FIELD,  /* Unix seconds, shown as 14:06:19 */
    TUI_SPARK_FIELD   /* text: a little graph, as it is */
};

/* What a row has in a field. A number of NAN is "not known", shown as "-". */
struct tui_value {
    double number;
    const char *text;         /* NULL for numbers; may point into room */
    size_t len;
    enum tui_role role;       /* TUI_TEXT unless the value says more */
    char room[240];           /* an id of the longest kind, a line of the log */
};

struct tui_field {
    const char *name;         /* in filters, exports, saved views: lower case, one word */
    const char *title;        /* of the column */
    enum tui_kind kind;
    int width;                /* columns that it is given at first */
    int is_elastic;           /* takes what is left of the line */
    int place;                /* at 80 columns: order among those shown, from 1; 0 = not shown unless chosen; from 100 on: shown when wide */
    const char *help;         /* one line, for the column chooser and the docs */
    int is_shared;            /* its texts are numbered ones (tui_texts): the same text has the same address */
};

struct tui_model;

/* Where a list gets its rows from. A row has a number that stays its own as long as it lives; numbers are below limit(). */
struct tui_source {
    const char *name;                       /* "tasks" */
    const char *noun;                       /* "task": what one of them is called in questions */
    const struct tui_field *fields;
    size_t field_count;
    uint32_t (*limit)(const struct tui_model *m);
    uint32_t (*count)(const struct tui_model *m);    /* of those that are there */
    int (*is_there)(const struct tui_model *m, uint32_t row);
    /* Of a field by its place in fields. Plain: no allocation. */
    void (*value)(const struct tui_model *m, uint32_t row, size_t field, struct tui_value *out);
    const char *(*id)(const struct tui_model *m, uint32_t row, char room[ORB_ID_MAX + 1]);
    /* The row with this id, or UINT32_MAX. */
    uint32_t (*find)(const struct tui_model *m, const char *id);
};

int tui_field_is_text(const struct tui_field *field); /* in filters */
int tui_field_sorts_as_text(const struct tui_field *field); /* else by its number */
/* The field's place, or -1. */
int tui_field_find(const struct tui_source *source, const char *name);
/* The value as it is shown in cols columns, in out (at most cap bytes). Returns 1 when it wants to stand at the right. */
int tui_value_show(const struct tui_field *field, const struct tui_value *value, double now, int cols, char *out, size_t cap);
int tui_value_compare(const struct tui_field *field, const struct tui_value *a, const struct tui_value *b);

/* ---- formats, also for other places ---- */
/* In cols columns: of 32 hex digits the first eight, which nobody reads to the end; of other names both ends, which tell them apart. */
void tui_show_id(const char *id, int cols, char *out, size_t cap);
void tui_show_count(double n, char *out, size_t cap);          /* 1,204 */
void tui_show_short(double n, char *out, size_t cap);          /* 48.2k */
void tui_show_bytes(double n, char *out, size_t cap);
void tui_show_span(double seconds, char *out, size_t cap);     /* 0.3s 12s 4m12s 2h10m 3d4h */
void tui_show_age(double now, double since, char *out, size_t cap);
void tui_show_clock(double at, int has_seconds, char *out, size_t cap);  /* by the model's time zone, see tui_zone */
/* Local time of clocks; TZ as the process has it, or UTC for tests and recordings. */
void tui_zone_utc(int is_utc);

/* A state's glyph ("=" or its twin in UTF-8) and role. "lost", "paused" and "draining" are states here, too. */
const char *tui_state_glyph(const char *word);
const char *tui_cursor_glyph(void);
enum tui_role tui_state_role(const char *word);
/* Glyphs and lines in ASCII only (LC_ALL=C, --ascii). Process-wide, set once before the first frame. */
void tui_ascii(int is_ascii);
int tui_is_ascii(void);
/* A graph of numbers 0..max, one column each; UTF-8 blocks, or .:-=+*#@; the lowest sign is 0 and nothing else. */
void tui_show_spark(const double *numbers, size_t count, double max, char *out, size_t cap);

#endif
