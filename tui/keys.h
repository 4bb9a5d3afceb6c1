/* What can be done in the console: one table gives each action its key, its name in the palette and in the keys file, and its
 * line of help. One key means one thing on all screens. */
#ifndef ORB_TUI_KEYS_H
#define ORB_TUI_KEYS_H

#include <orbiter/base.h>

/* Where an action means something. */
enum {
    TUI_AT_LISTS = 1,    /* screens with a list */
    TUI_AT_TEXTS = 2,    /* panes of text: streams, inputs, help */
    TUI_AT_ALL = 4,
    TUI_AT_PARTS = 8     /* panes, tabs, a part with details */
};

/* action, name, default keys (blanks between), where, whether it changes something in Redis, help */
#define TUI_ACTIONS(X) \
    X(DOWN, "down", "j Down C-n", TUI_AT_ALL, 0, "one line down") \
    X(UP, "up", "k Up C-p", TUI_AT_ALL, 0, "one line up") \
    X(HALF_DOWN, "half-down", "C-d", TUI_AT_ALL, 0, "half a page down") \
    X(HALF_UP, "half-up", "C-u", TUI_AT_ALL, 0, "half a page up") \
    X(PAGE_DOWN, "page-down", "PgDn C-f", TUI_AT_ALL, 0, "a page down") \
    X(PAGE_UP, "page-up", "PgUp C-b", TUI_AT_ALL, 0, "a page up") \
    X(FIRST, "first", "g Home", TUI_AT_ALL, 0, "to the first line") \
    X(LAST, "last", "G End", TUI_AT_ALL, 0, "to the last line; in a stream: follow it") \
    X(LEFT, "left", "h Left", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "columns to the left") \
    X(RIGHT, "right", "l Right", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "columns to the right") \
    X(LEFT_END, "left-end", "0", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "to the first column") \
    X(RIGHT_END, "right-end", "$", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "to the last column") \
    X(OPEN, "open", "Enter", TUI_AT_ALL, 0, "open what is under the cursor") \
    X(BACK, "back", "Esc q", TUI_AT_ALL, 0, "close, clear the filter, go back; on a first screen q leaves") \
    X(QUIT, "quit", "Q C-c", TUI_AT_ALL, 0, "leave the console") \
    X(OVERVIEW, "overview", "1", TUI_AT_ALL, 0, "the fleet at a glance, and what needs attention") \
    X(QUEUES, "queues", "2", TUI_AT_ALL, 0, "queues") \
    X(WORKERS, "workers", "3", TUI_AT_ALL, 0, "workers") \
    X(TASKS, "tasks", "4", TUI_AT_ALL, 0, "tasks") \
    X(EVENTS, "events", "5", TUI_AT_ALL, 0, "what happens in the fleet") \
    X(HELP, "help", "? F1", TUI_AT_ALL, 0, "keys, searchable") \
    X(THEMES, "themes", "T", TUI_AT_ALL, 0, "choose a theme, with a preview") \
    X(NEXT_PANE, "next-pane", "Tab", TUI_AT_PARTS, 0, "the next pane or tab") \
    X(PREV_PANE, "previous-pane", "S-Tab", TUI_AT_PARTS, 0, "the pane or tab before") \
    X(HISTORY_BACK, "history-back", "[", TUI_AT_ALL, 0, "back to what was looked at before") \
    X(HISTORY_FORWARD, "history-forward", "]", TUI_AT_ALL, 0, "and forward again") \
    X(LAST_SCREEN, "last-screen", "-", TUI_AT_ALL, 0, "the screen that was shown before this one, and back") \
    X(FIND, "find", "/", TUI_AT_ALL, 0, "filter a list as you type; search in a text") \
    X(NEXT_MATCH, "next-match", "n", TUI_AT_TEXTS, 0, "the next match") \
    X(PREV_MATCH, "previous-match", "N", TUI_AT_TEXTS, 0, "the match before") \
    X(COMMAND, "command", ":", TUI_AT_ALL, 0, "run any of these by its name") \
    X(MARK, "mark", "Space", TUI_AT_LISTS, 0, "mark or unmark, and one line down") \
    X(MARK_RANGE, "mark-range", "v", TUI_AT_LISTS, 0, "mark from here; again: to here") \
    X(MARK_ALL, "mark-all", "A", TUI_AT_LISTS, 0, "mark all that the filter shows") \
    X(UNMARK, "unmark", "U", TUI_AT_LISTS, 0, "no marks") \
    X(SORT_NEXT, "sort-next", ">", TUI_AT_LISTS, 0, "sort by the next column") \
    X(SORT_PREV, "sort-previous", "<", TUI_AT_LISTS, 0, "sort by the column before") \
    X(SORT_MENU, "sort", "s", TUI_AT_LISTS, 0, "choose what to sort by") \
    X(INVERT, "invert", "I", TUI_AT_LISTS, 0, "turn the order round") \
    X(COLUMNS, "columns", "o", TUI_AT_LISTS, 0, "choose the columns") \
    X(NARROWER, "narrower", "{", TUI_AT_LISTS, 0, "make the sorted column narrower") \
    X(WIDER, "wider", "}", TUI_AT_LISTS, 0, "make it wider") \
    X(FOLLOW, "follow", "f", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "follow what comes, or stand still") \
    X(PAUSE, "pause", "p Z", TUI_AT_ALL, 0, "freeze the screen, and go on") \
    X(WRAP, "wrap", "w", TUI_AT_TEXTS, 0, "wrap long lines, or cut them") \
    X(FOLD, "fold", "z", TUI_AT_TEXTS, 0, "fold tool results and steps, or unfold them") \
    X(NEXT_STEP, "next-step", ")", TUI_AT_TEXTS, 0, "the next step") \
    X(PREV_STEP, "previous-step", "(", TUI_AT_TEXTS, 0, "the step before") \
    X(COPY, "copy", "y", TUI_AT_ALL, 0, "copy: id, row, or the text of the pane") \
    X(EXPORT, "export", "e", TUI_AT_LISTS | TUI_AT_TEXTS, 0, "write what is shown to a file") \
    X(BOOKMARK, "bookmark", "m", TUI_AT_ALL, 0, "set a bookmark here: a letter follows") \
    X(JUMP, "jump", "'", TUI_AT_ALL, 0, "go to a bookmark: its letter follows") \
    X(VIEWS, "views", "V", TUI_AT_ALL, 0, "saved views: open, save, delete") \
    X(REWIND, "rewind", ",", TUI_AT_ALL, 0, "of a replay: ten seconds back") \
    X(FORWARD, "forward", ".", TUI_AT_ALL, 0, "of a replay: ten seconds on") \
    X(SLOWER, "slower", ";", TUI_AT_ALL, 0, "of a replay: half as fast") \
    X(FASTER, "faster", "=", TUI_AT_ALL, 0, "of a replay: twice as fast") \
    X(ZOOM, "zoom", "F", TUI_AT_PARTS, 0, "one pane on the whole screen, and back") \
    X(LAYOUT, "layout", "+", TUI_AT_ALL, 0, "narrow or wide layout, and again by the terminal's width") \
    X(MOUSE, "mouse", "M", TUI_AT_ALL, 0, "mouse on or off (off: the terminal selects text)") \
    X(REDRAW, "redraw", "C-l C-r F5", TUI_AT_ALL, 0, "ask again and paint everything anew") \
    X(SUSPEND, "suspend", "C-z", TUI_AT_ALL, 0, "back to the shell; fg comes back") \
    X(CANCEL, "cancel", "C", TUI_AT_ALL, 1, "cancel the task, or those that are marked") \
    X(RESUBMIT, "resubmit", "R", TUI_AT_ALL, 1, "run the task once more, or those that are marked") \
    X(EDIT, "edit", "E", TUI_AT_ALL, 1, "the same with another prompt, in your editor") \
    X(SUBMIT, "submit", "S", TUI_AT_ALL, 1, "submit a new task") \
    X(PAUSE_QUEUE, "pause-queue", "P", TUI_AT_ALL, 1, "pause the queue, or let it go on") \
    X(DRAIN, "drain", "D", TUI_AT_ALL, 1, "let the worker finish and end") \
    X(REPLAY, "replay", "L", TUI_AT_ALL, 1, "run the dead letters of the queue, or of the task, once more") \
    X(PURGE, "purge", "X", TUI_AT_ALL, 1, "cancel all that waits in the queue") \
    X(UNDO, "undo", "u", TUI_AT_ALL, 0, "take a bulk back before it is sent")

enum tui_action {
    TUI_DO_NOTHING,
#define TUI_ACTION_ENUM(name, word, keys, where, writes, help) TUI_DO_##name,
    TUI_ACTIONS(TUI_ACTION_ENUM)
#undef TUI_ACTION_ENUM
    TUI_ACTION_COUNT
};

struct tui_action_row {
    const char *name, *keys, *help;
    int where, writes;
};
extern const struct tui_action_row tui_actions[TUI_ACTION_COUNT];

/* Which key means what: the table's keys, and what a keys file says. */
struct tui_keys;
struct tui_keys *tui_keys_new(void);
void tui_keys_free(struct tui_keys *keys);
/* A file of lines "action = key key"; # begins a comment; no keys = none. ORB_E_CONFIG with file, line, reason, next step:
 * an action or key that is none, two actions with one key. */
int tui_keys_load(struct tui_keys *keys, const char *file, struct orb_error *err) ORB_MUST_CHECK;
/* Other keys for one action; those that are none are left out. */
void tui_keys_set(struct tui_keys *keys, enum tui_action action, const char *list);
enum tui_action tui_keys_action(const struct tui_keys *keys, const char *key);
/* The first key of an action, "" when it has none. All of them, with blanks. */
const char *tui_keys_first(const struct tui_keys *keys, enum tui_action action);
const char *tui_keys_all(const struct tui_keys *keys, enum tui_action action);
/* How to do it, for a message: its first key, or ":name" when it has none; valid until the next call. */
const char *tui_keys_say(const struct tui_keys *keys, enum tui_action action);
/* By its name in the palette; TUI_DO_NOTHING when it is none. */
enum tui_action tui_action_find(const char *name);
/* A keys file with every action and its keys, as comments to be changed; new memory. */
char *tui_keys_template(const struct tui_keys *keys);

#endif
