/* One line that is typed: a filter, a search, a command, an answer. Knows its text and cursor, history and completion; what it is for
 * decides what happens with it. */
#ifndef ORB_TUI_PROMPT_H
#define ORB_TUI_PROMPT_H

#include "cells.h"
#include "field.h"

#define TUI_PROMPT_MAX 4096
#define TUI_PROMPT_HISTORY 50
#define TUI_COMPLETIONS 50

enum tui_prompt_use {
    TUI_PROMPT_NONE,
    TUI_PROMPT_FILTER,    /* of the list; every letter counts at once */
    TUI_PROMPT_SEARCH,    /* in a text; every letter counts at once */
    TUI_PROMPT_COMMAND,   /* the palette */
    TUI_PROMPT_QUESTION,  /* yes or no, or a word to type: acts.asking says which */
    TUI_PROMPT_NAME,      /* a file or a view's name: menu says what for */
    TUI_PROMPT_LETTER     /* one key follows: a bookmark's */
};

struct tui_prompt {
    enum tui_prompt_use use;
    char label[300];            /* before the text */
    char text[TUI_PROMPT_MAX + 1];
    size_t len, cursor;         /* bytes */
    char before[TUI_PROMPT_MAX + 1]; /* what was there when it was opened: Esc brings it back */
    char error[200];            /* what is wrong with the text, or "" */
    /* completion: the candidates, the one that is in the text now (-1 = none), the start of what they replace */
    char candidates[TUI_COMPLETIONS][64];
    size_t candidate_count, start;
    int candidate;
    /* history of each use, newest last */
    char *history[TUI_PROMPT_LETTER + 1][TUI_PROMPT_HISTORY];
    size_t history_count[TUI_PROMPT_LETTER + 1];
    int history_at;             /* -1 = the text is no line of the history */
};

void tui_prompt_open(struct tui_prompt *p, enum tui_prompt_use use, const char *label, const char *text);
/* Keeps the line in the history unless it is empty or the same as the last one. */
void tui_prompt_close(struct tui_prompt *p, int keeps);
void tui_prompt_done(struct tui_prompt *p);
enum tui_prompt_answer { TUI_PROMPT_GOES_ON, TUI_PROMPT_CHANGED, TUI_PROMPT_ENTERED, TUI_PROMPT_LEFT, TUI_PROMPT_COMPLETE };
/* A key: letters, Left, Right, Home, End, C-a, C-e, C-b, C-f, C-w, C-u, C-k, Bs, Del, Up, Down (history), Enter, Esc, C-c.
 * Tab and S-Tab are TUI_PROMPT_COMPLETE: the owner fills candidates, and calls tui_prompt_complete. */
enum tui_prompt_answer tui_prompt_key(struct tui_prompt *p, const char *key);
enum tui_prompt_answer tui_prompt_paste(struct tui_prompt *p, const char *text, size_t len); /* newlines become blanks */
void tui_prompt_complete(struct tui_prompt *p, int by); /* the next (1) or the last (-1) candidate into the text */
void tui_prompt_draw(const struct tui_prompt *p, struct tui_grid *grid, struct tui_rect line); /* places the cursor */

#endif
