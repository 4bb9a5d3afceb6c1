/* Where one is and has been: screens, with their filter and the task that was open, in the order in which they were shown. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void note_place(struct tui_model *m)
{
    struct tui_place *p = &m->places[m->place];
    const struct tui_list *list = tui_model_list(m);
    p->screen = m->screen;
    tui_set(p->id, sizeof p->id, m->screen == TUI_TASK ? m->open.id : "");
    tui_set(p->filter, sizeof p->filter, list ? list->filter : "");
}

static void next_place(struct tui_model *m)
{
    note_place(m);
    if (m->place + 1 == TUI_PLACES_MAX)
        memmove(m->places, m->places + 1, m->place * sizeof *m->places);
    else
        m->place++;
    m->place_count = m->place + 1;
}

static void show(struct tui_model *m, enum tui_screen screen)
{
    if (m->screen != screen)
        m->last_screen = m->screen;
    if (m->screen == TUI_THEME && screen != TUI_THEME)
        m->theme_before[0] = 0; /* who leaves keeps what he sees */
    m->screen = screen;
    m->hint[0] = 0;
}

void tui_go(struct tui_model *m, enum tui_screen screen)
{
    if (screen == m->screen)
        return;
    next_place(m);
    show(m, screen);
    note_place(m);
}

void tui_go_task(struct tui_model *m, const char *id)
{
    if (!*id)
        return;
    next_place(m);
    show(m, TUI_TASK);
    tui_open_task(m, id);
    note_place(m);
}

void tui_go_filter(struct tui_model *m, const char *fmt, ...)
{
    char filter[TUI_QUERY_MAX + 1];
    struct orb_error err = { 0 };
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(filter, sizeof filter, fmt, ap);
    va_end(ap);
    next_place(m);
    show(m, TUI_TASKS);
    if (tui_list_filter(&m->lists[TUI_TASKS], filter, &err))
        tui_toast(m, 1, "filter: %s", err.text);
    note_place(m);
}

int tui_go_place(struct tui_model *m, int by)
{
    if ((by < 0 && !m->place) || (by > 0 && m->place + 1 >= m->place_count))
        return 0;
    note_place(m);
    m->place += (size_t)(long)by;
    struct tui_place *p = &m->places[m->place];
    struct orb_error err;
    show(m, p->screen);
    if (m->screen == TUI_TASK && strcmp(m->open.id, p->id) != 0)
        tui_open_task(m, p->id);
    struct tui_list *list = tui_model_list(m);
    if (list && strcmp(list->filter, p->filter) != 0 && tui_list_filter(list, p->filter, &err))
        tui_toast(m, 1, "filter: %s", err.text);
    return 1;
}

/* What was confirmed is not dropped without a word. */
void tui_leave(struct tui_model *m)
{
    size_t open = tui_acts_open(&m->acts);
    m->wants_quit = !open || m->is_leaving;
    if (!m->wants_quit)
        tui_toast(m, 1, "%zu act%s not carried out yet: wait, or leave again to drop what is left", open, open == 1 ? " is" : "s are");
    m->is_leaving = open > 0;
}

/* Esc and q: the innermost thing that is open. */
void tui_back(struct tui_model *m, const char *key)
{
    struct tui_list *list = tui_model_list(m);
    struct orb_error err;
    int is_root = m->screen != TUI_TASK && m->screen != TUI_HELP && m->screen != TUI_THEME;
    if (list && list->mark_count && strcmp(key, "q") != 0)
        tui_list_unmark_all(list);
    else if (list && *list->filter && strcmp(key, "q") != 0)
        (void)!tui_list_filter(list, "", &err);
    else if (m->is_zoomed)
        m->is_zoomed = 0;
    else if (is_root && !strcmp(key, "q"))
        tui_leave(m);
    else if (!tui_go_place(m, -1) && !is_root)
        tui_go(m, TUI_OVERVIEW);
}
