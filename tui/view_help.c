/* Help: the keys, from their table, and what the screens show. / searches. */
#include "command.h"
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_line(struct tui_pane *pane, enum tui_role role, enum tui_line_kind kind, const char *text)
{
    tui_pane_add(pane, role, kind, text, strlen(text));
    tui_pane_end_line(pane);
    if (!*text)
        tui_pane_add(pane, TUI_TEXT, TUI_LINE_TEXT, "\n", 1);
}

static void add_keys(struct tui_model *m, const char *title, int where, int writes)
{
    char line[200];
    add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, title);
    for (int a = 1; a < TUI_ACTION_COUNT; a++) {
        const struct tui_action_row *row = &tui_actions[a];
        if (row->where != where || row->writes != writes) /* each is in one group */
            continue;
        snprintf(line, sizeof line, "  %-10s %-17s %s", tui_keys_all(m->keys, (enum tui_action)a), row->name, row->help);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, line);
    }
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
}

static void fill(struct tui_model *m)
{
    struct tui_command_row commands[32];
    size_t n = tui_command_list(commands, TUI_COUNT(commands));
    char line[200];
    add_line(&m->help, TUI_DIM, TUI_LINE_TEXT, "key        name for : and the     what it does          (/ searches, Esc goes back)");
    add_line(&m->help, TUI_DIM, TUI_LINE_TEXT, "           keys file");
    add_keys(m, "Everywhere", TUI_AT_ALL, 0);
    add_keys(m, "Lists and texts", TUI_AT_LISTS | TUI_AT_TEXTS, 0);
    add_keys(m, "Lists", TUI_AT_LISTS, 0);
    add_keys(m, "Texts: streams, inputs, results", TUI_AT_TEXTS, 0);
    add_keys(m, "Screens with more than one part", TUI_AT_PARTS, 0);
    add_keys(m, "What changes something: always asks first, no is the default", TUI_AT_ALL, 1);
    add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, "Commands behind :");
    for (size_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "  %-12s %-8s %s", commands[i].name, commands[i].arg, commands[i].help);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, line);
    }
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
    add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, "Filters");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "  timeout planner          both words are somewhere in the row");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "  \"two words\"  !planner    a phrase; not");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "  state:failed,retrying    one of these");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "  error~529|timed.out      a regular expression");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "  tok>1000 age<1h try>=2   numbers and times; Tab completes");
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
    for (int i = 0; i < TUI_SCREENS; i++) {
        add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, tui_views[i]->title);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, tui_views[i]->help);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
    }
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    if (!m->help.count)
        fill(m);
    tui_pane_draw(&m->help, grid, (struct tui_rect){ body.row, 1, body.rows, body.cols - 2 });
}

static int act(struct tui_model *m, enum tui_action action)
{
    return tui_pane_act(&m->help, (int)action);
}

static int mouse(struct tui_model *m, const struct tui_msg *msg, struct tui_rect body)
{
    (void)body;
    for (int i = 0; i < 3; i++)
        tui_pane_act(&m->help, !strcmp(msg->text, "up") ? TUI_DO_UP : !strcmp(msg->text, "down") ? TUI_DO_DOWN : TUI_DO_NOTHING);
    return 1;
}

const struct tui_view tui_view_help = {
    .name = "help", .title = "Help", .action = TUI_DO_HELP, .panes = 1,
    .draw = draw, .act = act, .mouse = mouse,
    .keys = "back find next-match previous-match next-step previous-step page-down page-up command quit",
    .help = "The keys as they are bound now, the commands of the palette, and what each screen shows.",
};
