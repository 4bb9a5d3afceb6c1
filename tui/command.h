/* What is typed and chosen: the palette, filters, searches (command.c); menus, copying, exporting (choose.c); bookmarks and saved views
 * (saved.c). */
#ifndef ORB_TUI_COMMAND_H
#define ORB_TUI_COMMAND_H

#include "model.h"

/* An action that opens a prompt or a menu: FIND, COMMAND, SORT_MENU, COLUMNS, COPY, EXPORT, BOOKMARK, JUMP, VIEWS. 0 = there is nothing for it here. */
int tui_command_act(struct tui_model *m, enum tui_action action);
/* What a key did to the prompt. */
void tui_command_prompt(struct tui_model *m, enum tui_prompt_answer answer, const char *key);
void tui_command_menu(struct tui_model *m, enum tui_menu_answer answer);
/* A line of the palette: an action's name, or a command with its word. */
void tui_command_run(struct tui_model *m, const char *line);
struct tui_command_row {
    const char *name, *arg, *help;
};
size_t tui_command_list(struct tui_command_row *out, size_t max);

/* ---- choose.c ---- */
int tui_choose_open(struct tui_model *m, enum tui_action action);
void tui_choose_answer(struct tui_model *m, enum tui_menu_answer answer);
/* What is shown, as a file: .json, .jsonl and .csv by the name's end, else text. The shell writes it. */
void tui_choose_export(struct tui_model *m, const char *path);
void tui_choose_write(struct tui_model *m, const char *path, char *text); /* takes the text */
const char *tui_choose_export_name(struct tui_model *m); /* what is offered; valid until the next call */

/* ---- saved.c ---- */
void tui_bookmark(struct tui_model *m, char letter, int is_jump);
void tui_views_save(struct tui_model *m, const char *name);
void tui_views_open(struct tui_model *m, const char *name);
void tui_views_delete(struct tui_model *m, const char *name);

#endif
