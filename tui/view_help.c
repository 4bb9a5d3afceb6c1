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

/* Text that is wrapped goes on below itself. */
static void add_row(struct tui_pane *pane, int indent, const char *text)
{
    pane->indent = indent;
    add_line(pane, TUI_TEXT, TUI_LINE_TEXT, text);
    pane->indent = 0;
}

static void add_keys(struct tui_model *m, const char *title, int where, int writes, int has_names)
{
    char line[200];
    add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, title);
    for (int a = 1; a < TUI_ACTION_COUNT; a++) {
        const struct tui_action_row *row = &tui_actions[a];
        const char *keys = tui_keys_all(m->keys, (enum tui_action)a);
        if (row->where != where || row->writes != writes) /* each is in one group */
            continue;
        if (has_names)
            snprintf(line, sizeof line, "  %-10s %-16s %s", keys, row->name, row->help);
        else
            snprintf(line, sizeof line, "  %-10s %s", keys, row->help);
        add_row(&m->help, has_names ? 30 : 13, line);
    }
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
}

static void add_filters(struct tui_pane *pane)
{
    static const char *const rows[][2] = { { "timeout planner", "both words are somewhere in the row" }, { "\"two words\" !planner", "a phrase; not" }, { "state:failed,retrying", "one of these" },
                                           { "error~529|timed.out", "a regular expression" }, { "tok>1000 age<1h try>=2", "numbers and times; Tab completes" } };
    char line[120];
    add_line(pane, TUI_TITLE, TUI_LINE_STEP, "Filters");
    for (size_t i = 0; i < TUI_COUNT(rows); i++) {
        snprintf(line, sizeof line, "  %-23s %s", rows[i][0], rows[i][1]);
        add_row(pane, 26, line);
    }
    add_line(pane, TUI_TEXT, TUI_LINE_TEXT, "");
}

static void fill(struct tui_model *m, int has_names)
{
    struct tui_command_row commands[32];
    size_t n = tui_command_list(commands, TUI_COUNT(commands));
    char line[200];
    tui_pane_clear(&m->help);
    m->help_has_names = has_names;
    if (has_names)
        add_line(&m->help, TUI_DIM, TUI_LINE_TEXT, "Keys, their names for : and for keys.conf, and what they do. / searches here.");
    add_keys(m, "Everywhere", TUI_AT_ALL, 0, has_names);
    add_keys(m, "Lists and texts", TUI_AT_LISTS | TUI_AT_TEXTS, 0, has_names);
    add_keys(m, "Lists", TUI_AT_LISTS, 0, has_names);
    add_keys(m, "Texts: streams, inputs, results", TUI_AT_TEXTS, 0, has_names);
    add_keys(m, "Screens with more than one part", TUI_AT_PARTS, 0, has_names);
    add_keys(m, "What changes something: always asks first, no is the default", TUI_AT_ALL, 1, has_names);
    add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, "Commands behind :");
    for (size_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "  %-12s %-8s %s", commands[i].name, commands[i].arg, commands[i].help);
        add_row(&m->help, 24, line);
    }
    add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
    add_filters(&m->help);
    for (int i = 0; i < TUI_SCREENS; i++) {
        add_line(&m->help, TUI_TITLE, TUI_LINE_STEP, tui_views[i]->title);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, tui_views[i]->help);
        add_line(&m->help, TUI_TEXT, TUI_LINE_TEXT, "");
    }
}

static void draw(struct tui_model *m, struct tui_grid *grid, struct tui_rect body)
{
    int has_names = body.cols >= 70;
    if (!m->help.count || has_names != m->help_has_names)
        fill(m, has_names);
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
