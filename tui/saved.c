/* Bookmarks and saved views: where one is as one line of text, and back. */
#include "command.h"
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tui_saved_done(struct tui_saved *saved)
{
    for (size_t i = 0; i < TUI_LETTERS; i++)
        free(saved->bookmarks[i]);
    for (size_t i = 0; i < saved->view_count; i++) {
        free(saved->views[i].name);
        free(saved->views[i].text);
    }
    for (size_t i = 0; i < saved->deleted_count; i++)
        free(saved->deleted[i]);
    memset(saved, 0, sizeof *saved);
}

/* As saved.h says; of a task "task ID"; of other screens the name alone. */
static char *describe(struct tui_model *m)
{
    const struct tui_list *list = tui_model_list(m);
    char *text = NULL;
    size_t len;
    if (m->screen == TUI_TASK) {
        char line[ORB_ID_MAX + 8];
        snprintf(line, sizeof line, "task %s", m->open.id);
        return tui_strdup(line);
    }
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return tui_strdup(tui_views[m->screen]->name);
    fputs(tui_views[m->screen]->name, out);
    if (list) {
        fprintf(out, " | %s%s |", list->is_descending ? "-" : "", list->source->fields[list->sort_field].name);
        for (size_t i = 0; list->is_chosen && i < list->column_count; i++)
            fprintf(out, " %s", list->source->fields[list->columns[i].field].name);
        fprintf(out, " | %s", list->filter);
    }
    fclose(out);
    return text;
}

/* The next part of a description, up to a bar. */
static char *part(char **at)
{
    char *from = *at + strspn(*at, " "), *bar = from + strcspn(from, "|"), *end = bar;
    *at = bar + (*bar == '|');
    while (end > from && end[-1] == ' ')
        end--;
    *end = 0;
    return from;
}

static void set_columns(struct tui_list *list, char *names)
{
    struct tui_column columns[TUI_COLUMNS_MAX];
    size_t n = 0;
    for (char *save = NULL, *name = strtok_r(names, " ", &save); name && n < TUI_COLUMNS_MAX; name = strtok_r(NULL, " ", &save)) {
        int field = tui_field_find(list->source, name);
        if (field >= 0)
            columns[n++] = (struct tui_column){ field, list->source->fields[field].width };
    }
    list->is_chosen = n > 0;
    if (n) {
        memcpy(list->columns, columns, n * sizeof *columns);
        list->column_count = n;
    }
}

static int go(struct tui_model *m, const char *text)
{
    char *copy = tui_strdup(text), *at = copy, *name = part(&at);
    struct orb_error err;
    int screen = 0, rc = 0;
    if (!strncmp(name, "task ", 5)) {
        if (orb_id_is_valid(name + 5))
            tui_go_task(m, name + 5);
        else
            rc = -1;
        free(copy);
        return rc;
    }
    while (screen < TUI_SCREENS && strcmp(tui_views[screen]->name, name) != 0)
        screen++;
    if (screen == TUI_SCREENS || screen == TUI_TASK) {
        free(copy);
        return -1;
    }
    tui_go(m, (enum tui_screen)screen);
    struct tui_list *list = tui_model_list(m);
    if (list) {
        char *sort = part(&at), *columns = part(&at), *filter = at + strspn(at, " ");
        int field = tui_field_find(list->source, sort + (*sort == '-'));
        rc = tui_list_filter(list, filter, &err);
        if (field >= 0)
            tui_list_sort(list, field, *sort == '-');
        set_columns(list, columns);
    }
    free(copy);
    return rc;
}

void tui_bookmark(struct tui_model *m, char letter, int is_jump)
{
    char **place = &m->saved.bookmarks[(unsigned char)letter & (TUI_LETTERS - 1)];
    if (!is_jump) {
        free(*place);
        *place = describe(m);
        m->saved.is_changed = 1;
        tui_toast(m, 0, "bookmark %c: %.60s", letter, *place);
    } else if (!*place) {
        tui_toast(m, 1, "no bookmark %c: %s %c sets one", letter, tui_keys_say(m->keys, TUI_DO_BOOKMARK), letter);
    } else if (go(m, *place)) {
        tui_toast(m, 1, "bookmark %c leads nowhere: %.60s", letter, *place);
    }
}

static size_t find(const struct tui_saved *s, const char *name, int *is_there)
{
    size_t i = 0;
    while (i < s->view_count && strcmp(s->views[i].name, name) < 0)
        i++;
    *is_there = i < s->view_count && !strcmp(s->views[i].name, name);
    return i;
}

void tui_saved_add(struct tui_saved *s, const char *name, const char *text)
{
    int is_there;
    size_t i = find(s, name, &is_there);
    if (is_there) {
        free(s->views[i].text);
    } else {
        if (s->view_count == TUI_VIEWS_MAX)
            return;
        memmove(&s->views[i + 1], &s->views[i], (s->view_count++ - i) * sizeof *s->views);
        s->views[i].name = tui_strdup(name);
    }
    s->views[i].text = tui_strdup(text);
}

int tui_view_name_is_valid(const char *name)
{
    return *name && strlen(name) <= 40 && !strpbrk(name, "=|#[] ");
}

static int is_deleted(const struct tui_saved *s, const char *name)
{
    for (size_t i = 0; i < s->deleted_count; i++)
        if (!strcmp(s->deleted[i], name))
            return 1;
    return 0;
}

void tui_saved_merge(struct tui_saved *s, const struct tui_saved *other)
{
    int is_there;
    for (size_t i = 0; i < TUI_LETTERS; i++)
        if (!s->bookmarks[i] && other->bookmarks[i])
            s->bookmarks[i] = tui_strdup(other->bookmarks[i]);
    for (size_t i = 0; i < other->view_count; i++) {
        find(s, other->views[i].name, &is_there);
        if (!is_there && !is_deleted(s, other->views[i].name))
            tui_saved_add(s, other->views[i].name, other->views[i].text);
    }
}

void tui_views_save(struct tui_model *m, const char *name)
{
    int is_there;
    if (!tui_view_name_is_valid(name)) {
        tui_toast(m, 1, "'%.40s' is no name for a view: one word without = | # [ ]", name);
        return;
    }
    find(&m->saved, name, &is_there);
    if (!is_there && m->saved.view_count == TUI_VIEWS_MAX) {
        tui_toast(m, 1, "there are %d views: :delete-view NAME makes room", TUI_VIEWS_MAX);
        return;
    }
    char *text = describe(m);
    tui_saved_add(&m->saved, name, text);
    free(text);
    m->saved.is_changed = 1;
    tui_toast(m, 0, "view %s is kept: %s or :view %s opens it", name, tui_keys_say(m->keys, TUI_DO_VIEWS), name);
}

void tui_views_open(struct tui_model *m, const char *name)
{
    int is_there;
    size_t i = find(&m->saved, name, &is_there);
    if (!is_there)
        tui_toast(m, 1, "no view '%.40s': %s shows them all", name, tui_keys_say(m->keys, TUI_DO_VIEWS));
    else if (go(m, m->saved.views[i].text))
        tui_toast(m, 1, "view %s leads nowhere: %.80s", name, m->saved.views[i].text);
}

void tui_views_delete(struct tui_model *m, const char *name)
{
    int is_there;
    size_t i = find(&m->saved, name, &is_there);
    if (!is_there) {
        tui_toast(m, 1, "no view '%.40s'", name);
        return;
    }
    if (m->saved.deleted_count < TUI_VIEWS_MAX)
        m->saved.deleted[m->saved.deleted_count++] = tui_strdup(name);
    free(m->saved.views[i].name);
    free(m->saved.views[i].text);
    memmove(&m->saved.views[i], &m->saved.views[i + 1], (--m->saved.view_count - i) * sizeof *m->saved.views);
    m->saved.is_changed = 1;
    tui_toast(m, 0, "view %s is forgotten", name);
}
