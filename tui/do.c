/* What the actions of keys.h do that mean the same on all screens, and who is asked first. */
#include "command.h"
#include "view.h"

#include <string.h>

static void say_marks(struct tui_model *m, size_t left)
{
    if (left)
        tui_toast(m, 1, "%zu are not marked: %d is the most", left, TUI_MARKS_MAX);
}

static int act_on_list(struct tui_model *m, struct tui_list *list, enum tui_action action)
{
    int page = list->page > 1 ? list->page - 1 : 1;
    switch (action) {
    case TUI_DO_DOWN: tui_list_move(list, m, 1); return 1;
    case TUI_DO_UP: tui_list_move(list, m, -1); return 1;
    case TUI_DO_HALF_DOWN: tui_list_move(list, m, page / 2 + 1); return 1;
    case TUI_DO_HALF_UP: tui_list_move(list, m, -(page / 2 + 1)); return 1;
    case TUI_DO_PAGE_DOWN: tui_list_move(list, m, page); return 1;
    case TUI_DO_PAGE_UP: tui_list_move(list, m, -page); return 1;
    case TUI_DO_FIRST: tui_list_go(list, m, 0); return 1;
    case TUI_DO_LAST: tui_list_go(list, m, SIZE_MAX); return 1;
    case TUI_DO_LEFT: list->first_column -= list->first_column > 0; return 1;
    case TUI_DO_RIGHT: list->first_column += list->first_column + 2 < (int)list->column_count; return 1;
    case TUI_DO_LEFT_END: list->first_column = 0; return 1;
    case TUI_DO_RIGHT_END: list->first_column = list->column_count > 2 ? (int)list->column_count - 2 : 0; return 1;
    case TUI_DO_MARK:
        if (!list->count)
            return 0;
        tui_list_mark(list, list->cursor_id, !tui_list_is_marked(list, list->cursor_id));
        tui_list_move(list, m, 1);
        return 1;
    case TUI_DO_MARK_RANGE:
        if (!list->count)
            return 0;
        say_marks(m, tui_list_mark_range(list, m));
        return 1;
    case TUI_DO_MARK_ALL: say_marks(m, tui_list_mark_all(list, m)); return 1;
    case TUI_DO_UNMARK: tui_list_unmark_all(list); return 1;
    case TUI_DO_SORT_NEXT: tui_list_sort_next(list, 1); return 1;
    case TUI_DO_SORT_PREV: tui_list_sort_next(list, -1); return 1;
    case TUI_DO_INVERT: tui_list_sort(list, list->sort_field, !list->is_descending); return 1;
    case TUI_DO_NARROWER: tui_list_widen(list, -1); return 1;
    case TUI_DO_WIDER: tui_list_widen(list, 1); return 1;
    case TUI_DO_FOLLOW: list->is_following ^= 1; return 1;
    default: return 0;
    }
}

static void pause(struct tui_model *m)
{
    m->is_paused ^= 1;
    if (m->is_paused)
        m->paused_at = m->now;
    else
        m->wants_catch_up = m->open.is_stale = 1;
    m->open.is_opened_paused = 0;
    m->newer = 0;
}

static void next_pane(struct tui_model *m, int by)
{
    int panes = tui_views[m->screen]->panes;
    m->pane = (m->pane + panes + by) % panes;
}

static void change_layout(struct tui_model *m)
{
    int is_wide = tui_is_wide(m);
    m->is_wide_forced = m->is_wide_forced ? 0 : is_wide ? -1 : 1;
    tui_toast(m, 0, "layout: %s", !m->is_wide_forced ? "by the width of the terminal" : is_wide ? "narrow" : "wide");
}

static int go_to_screen(struct tui_model *m, enum tui_action action)
{
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_views[i]->action == action) {
            tui_go(m, (enum tui_screen)i);
            return 1;
        }
    return 0;
}

/* 1 = done. */
static int act_everywhere(struct tui_model *m, enum tui_action action, const char *key)
{
    switch (action) {
    case TUI_DO_BACK: tui_back(m, key); return 1;
    case TUI_DO_QUIT: tui_leave(m); return 1;
    case TUI_DO_HISTORY_BACK: return tui_go_place(m, -1);
    case TUI_DO_HISTORY_FORWARD: return tui_go_place(m, 1);
    case TUI_DO_LAST_SCREEN: tui_go(m, m->last_screen); return 1;
    case TUI_DO_PAUSE: pause(m); return 1;
    case TUI_DO_NEXT_PANE:
    case TUI_DO_PREV_PANE:
        if (tui_views[m->screen]->panes < 2)
            return 0;
        next_pane(m, action == TUI_DO_NEXT_PANE ? 1 : -1);
        return 1;
    case TUI_DO_ZOOM:
        m->is_zoomed ^= tui_views[m->screen]->can_zoom;
        return tui_views[m->screen]->can_zoom;
    case TUI_DO_LAYOUT: change_layout(m); return 1;
    case TUI_DO_MOUSE: m->is_mouse_on ^= 1; tui_toast(m, 0, m->is_mouse_on ? "mouse on" : "mouse off: the terminal selects text; %s turns it on again", tui_keys_say(m->keys, TUI_DO_MOUSE)); return 1;
    case TUI_DO_REDRAW: m->wants_redraw = m->wants_refresh = 1; return 1;
    case TUI_DO_SUSPEND: m->wants_suspend = 1; return 1;
    case TUI_DO_UNDO: tui_act_undo(m); return 1;
    case TUI_DO_REWIND:
    case TUI_DO_FORWARD:
    case TUI_DO_SLOWER:
    case TUI_DO_FASTER: tui_toast(m, 0, "this is no replay"); return 1;
    default: return go_to_screen(m, action) || tui_command_act(m, action);
    }
}

void tui_model_do(struct tui_model *m, enum tui_action action, const char *key)
{
    const struct tui_view *view = tui_views[m->screen];
    struct tui_list *list = tui_model_list(m);
    if (!action)
        return;
    m->is_leaving &= action == TUI_DO_QUIT || action == TUI_DO_BACK;
    if (tui_actions[action].writes)
        tui_act_start(m, (int)action);
    else if ((!view->act || !view->act(m, action)) && (!list || !act_on_list(m, list, action)) && !act_everywhere(m, action, key))
        tui_toast(m, 0, "%s: nothing to do here", tui_actions[action].name);
}
