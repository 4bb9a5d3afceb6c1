/* Menus: what to copy, what to sort by, columns, saved views; and writing what is shown to a file. */
#include "command.h"
#include "record.h"
#include "view.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum copy { COPY_ID, COPY_ROW, COPY_PANE, COPY_SCREEN_LIST, COPY_COMMAND };

/* ---- opening ------------------------------------------------------------------- */

static const char *current_id(struct tui_model *m)
{
    static const enum tui_subject subjects[] = { TUI_OF_TASK, TUI_OF_QUEUE, TUI_OF_WORKER };
    const struct tui_list *list = tui_model_list(m);
    if (m->screen == TUI_TASK)
        return m->open.id;
    const char *id = list && m->screen != TUI_EVENTS ? list->cursor_id : "";
    for (size_t i = 0; !list && !*id && i < TUI_COUNT(subjects); i++)
        id = tui_view_target(m, subjects[i]);
    return id;
}

static int open_copy(struct tui_model *m)
{
    const struct tui_list *list = tui_model_list(m);
    const char *id = current_id(m);
    if (!*id && !tui_model_pane(m) && (!list || !list->count))
        return 0;
    tui_menu_open(&m->menu, TUI_MENU_COPY, "copy");
    tui_set(m->menu.id, sizeof m->menu.id, *id || !list ? id : list->cursor_id);
    if (*id)
        tui_menu_add(&m->menu, COPY_ID, -1, "the id  %.60s", id);
    if (list && list->count)
        tui_menu_add(&m->menu, COPY_ROW, -1, "the row, all fields");
    if (list && list->mark_count)
        tui_menu_add(&m->menu, COPY_SCREEN_LIST, -1, "the ids of the %zu marked", list->mark_count);
    if (tui_model_pane(m))
        tui_menu_add(&m->menu, COPY_PANE, -1, "the text of this pane");
    if (*id && (m->screen == TUI_TASK || m->screen == TUI_TASKS))
        tui_menu_add(&m->menu, COPY_COMMAND, -1, "the command that follows it: orbiter task stream ID");
    return 1;
}

static void open_sort(struct tui_model *m, struct tui_list *list)
{
    tui_menu_open(&m->menu, TUI_MENU_SORT, "sort by");
    for (size_t i = 0; i < list->source->field_count; i++)
        if (list->source->fields[i].kind != TUI_SPARK_FIELD)
            tui_menu_add(&m->menu, (int)i, -1, "%-11s %s", list->source->fields[i].name, list->source->fields[i].help);
}

static int is_shown(const struct tui_list *list, int field)
{
    for (size_t i = 0; i < list->column_count; i++)
        if (list->columns[i].field == field)
            return 1;
    return 0;
}

static void open_columns(struct tui_model *m, struct tui_list *list)
{
    tui_menu_open(&m->menu, TUI_MENU_COLUMNS, "columns");
    for (size_t i = 0; i < list->source->field_count; i++)
        tui_menu_add(&m->menu, (int)i, is_shown(list, (int)i), "%-11s %s", list->source->fields[i].name, list->source->fields[i].help);
}

static void open_views(struct tui_model *m)
{
    tui_menu_open(&m->menu, TUI_MENU_VIEWS, "saved views (:save-view NAME keeps this one, :delete-view NAME forgets one)");
    for (size_t i = 0; i < m->saved.view_count; i++)
        tui_menu_add(&m->menu, (int)i, -1, "%-16s %.70s", m->saved.views[i].name, m->saved.views[i].text);
    if (!m->saved.view_count)
        tui_menu_add(&m->menu, -1, -1, "none yet");
}

int tui_choose_open(struct tui_model *m, enum tui_action action)
{
    struct tui_list *list = tui_model_list(m);
    if (action == TUI_DO_COPY)
        return open_copy(m);
    if (action == TUI_DO_SORT_MENU && list)
        open_sort(m, list);
    else if (action == TUI_DO_COLUMNS && list)
        open_columns(m, list);
    else if (action == TUI_DO_VIEWS)
        open_views(m);
    else
        return 0;
    return 1;
}

/* ---- a list as text ---------------------------------------------------------------- */

/* In a file an age is seconds, as its name says; the clock is in another field. */
static void take_value(struct tui_model *m, const struct tui_list *list, uint32_t row, size_t f, struct tui_value *out)
{
    *out = (struct tui_value){ 0 };
    list->source->value(m, row, f, out);
    if (list->source->fields[f].kind == TUI_AGE_FIELD)
        out->number = tui_age_now(m) - out->number;
}

static json_t *row_json(struct tui_model *m, const struct tui_list *list, uint32_t row)
{
    json_t *object = json_object();
    for (size_t f = 0; f < list->source->field_count; f++) {
        const struct tui_field *field = &list->source->fields[f];
        struct tui_value v;
        if (field->kind == TUI_SPARK_FIELD)
            continue;
        take_value(m, list, row, f, &v);
        if (v.text)
            json_object_set_new(object, field->name, tui_text_json(v.text, v.len));
        else if (isfinite(v.number))
            json_object_set_new(object, field->name, floor(v.number) == v.number && fabs(v.number) < 9e15 ? json_integer((json_int_t)v.number) : json_real(v.number));
        else
            json_object_set_new(object, field->name, json_null());
    }
    return object;
}

static void write_csv_cell(FILE *out, const struct tui_list *list, const struct tui_value *v, size_t f)
{
    fputs(f ? "," : "", out);
    if (v->text && memchr(v->text, '"', v->len) == NULL && memchr(v->text, ',', v->len) == NULL && memchr(v->text, '\n', v->len) == NULL) {
        fprintf(out, "%.*s", (int)v->len, v->text);
    } else if (v->text) {
        fputc('"', out);
        for (size_t i = 0; i < v->len; i++)
            fprintf(out, v->text[i] == '"' ? "\"\"" : "%c", v->text[i]);
        fputc('"', out);
    } else if (isfinite(v->number)) {
        fprintf(out, list->source->fields[f].kind == TUI_COUNT_FIELD ? "%.0f" : "%.6f", v->number);
    }
}

static void write_csv(struct tui_model *m, const struct tui_list *list, FILE *out)
{
    for (size_t f = 0; f < list->source->field_count; f++)
        fprintf(out, "%s%s", f ? "," : "", list->source->fields[f].name);
    fputc('\n', out);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t f = 0; f < list->source->field_count; f++) {
            struct tui_value v;
            take_value(m, list, list->order[i], f, &v);
            write_csv_cell(out, list, &v, f);
        }
        fputc('\n', out);
    }
}

static void write_json(struct tui_model *m, const struct tui_list *list, FILE *out, int is_lines)
{
    fputs(is_lines ? "" : "[\n", out);
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = row_json(m, list, list->order[i]);
        char *text = json_dumps(object, 0);
        fprintf(out, "%s%s\n", text ? text : "null", is_lines || i + 1 == list->count ? "" : ",");
        free(text);
        json_decref(object);
    }
    fputs(is_lines ? "" : "]\n", out);
}

static void write_table(struct tui_model *m, const struct tui_list *list, FILE *out)
{
    char text[1024], safe[1024];
    for (size_t i = 0; i < list->count; i++) {
        for (size_t c = 0; c < list->column_count; c++) {
            const struct tui_field *field = &list->source->fields[list->columns[c].field];
            struct tui_value v = { 0 };
            list->source->value(m, list->order[i], (size_t)list->columns[c].field, &v);
            tui_value_show(field, &v, tui_age_now(m), 1000, text, sizeof text);
            orb_safe_text(text, strlen(text), ORB_SAFE_LINE, safe, sizeof safe);
            fprintf(out, "%s%s", c ? "\t" : "", safe);
        }
        fputc('\n', out);
    }
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

static void set_export(struct tui_model *m, const char *path, char *text, size_t len)
{
    free(m->export_path);
    free(m->export_text);
    m->export_path = tui_strdup(path);
    m->export_text = text;
    m->export_len = len;
}

void tui_choose_write(struct tui_model *m, const char *path, char *text)
{
    set_export(m, path, text, strlen(text));
}

void tui_choose_export(struct tui_model *m, const char *path)
{
    struct tui_list *list = tui_model_list(m);
    struct tui_pane *pane = tui_model_pane(m);
    size_t len = 0;
    char *text = NULL;
    if (!*path)
        return;
    if (pane) {
        text = tui_pane_text(pane, &len);
    } else if (list) {
        FILE *out = open_memstream(&text, &len);
        if (!out)
            return;
        if (ends_with(path, ".csv"))
            write_csv(m, list, out);
        else if (ends_with(path, ".json") || ends_with(path, ".jsonl"))
            write_json(m, list, out, ends_with(path, ".jsonl"));
        else
            write_table(m, list, out);
        fclose(out);
    } else {
        tui_toast(m, 1, "nothing on this screen can be written to a file");
        return;
    }
    set_export(m, path, text, len);
}

const char *tui_choose_export_name(struct tui_model *m)
{
    static char name[100];
    if (m->screen == TUI_TASK)
        snprintf(name, sizeof name, "%.40s-%s.txt", m->open.id, tui_tab_names[m->open.tab]);
    else
        snprintf(name, sizeof name, "%s.jsonl", tui_views[m->screen]->name);
    return name;
}

/* ---- answers ----------------------------------------------------------------------- */

static void copy_marks(struct tui_model *m, const struct tui_list *list)
{
    size_t len = 0;
    char *text = tui_alloc(list->mark_count * (ORB_ID_MAX + 1) + 1, 1);
    for (size_t i = 0; i < list->mark_count; i++)
        len += (size_t)sprintf(text + len, "%s\n", list->marks[i]);
    tui_copy(m, text, len);
    free(text);
}

static void copy(struct tui_model *m, enum copy what)
{
    struct tui_list *list = tui_model_list(m);
    const char *id = m->menu.id;
    uint32_t row = list ? list->source->find(m, id) : UINT32_MAX;
    char text[400];
    if (what == COPY_ID) {
        tui_copy(m, id, strlen(id));
    } else if (what == COPY_COMMAND) {
        int n = snprintf(text, sizeof text, "orbiter task stream %s", id);
        tui_copy(m, text, (size_t)n);
    } else if (what == COPY_PANE && tui_model_pane(m)) {
        size_t len;
        char *all = tui_pane_text(tui_model_pane(m), &len);
        tui_copy(m, all, len);
        free(all);
    } else if (what == COPY_SCREEN_LIST && list) {
        copy_marks(m, list);
    } else if (what == COPY_ROW && row == UINT32_MAX) {
        tui_toast(m, 1, "the row is gone");
    } else if (what == COPY_ROW) {
        json_t *object = row_json(m, list, row);
        char *json = json_dumps(object, 0);
        if (json)
            tui_copy(m, json, strlen(json));
        free(json);
        json_decref(object);
    }
}

static void toggle_column(struct tui_list *list, const struct tui_menu_item *item)
{
    list->is_chosen = 1;
    if (!item->is_on) {
        for (size_t i = 0; i < list->column_count; i++)
            if (list->columns[i].field == item->value && list->column_count > 1) {
                memmove(&list->columns[i], &list->columns[i + 1], (list->column_count - i - 1) * sizeof *list->columns);
                list->column_count--;
                return;
            }
    } else if (!is_shown(list, item->value) && list->column_count < TUI_COLUMNS_MAX) {
        /* In front of the elastic one, which takes the rest of the line. */
        size_t at = list->column_count;
        if (at && list->source->fields[list->columns[at - 1].field].is_elastic)
            at--;
        memmove(&list->columns[at + 1], &list->columns[at], (list->column_count - at) * sizeof *list->columns);
        list->columns[at] = (struct tui_column){ item->value, list->source->fields[item->value].width };
        list->column_count++;
    }
}

static void chosen(struct tui_model *m, enum tui_menu_use use, const struct tui_menu_item *item)
{
    struct tui_list *list = tui_model_list(m);
    if (use == TUI_MENU_COPY)
        copy(m, (enum copy)item->value);
    else if (use == TUI_MENU_SORT && list)
        tui_list_sort(list, item->value, list->source->fields[item->value].kind > TUI_STATE_FIELD);
    else if (use == TUI_MENU_VIEWS && item->value >= 0)
        tui_views_open(m, m->saved.views[item->value].name);
}

void tui_choose_answer(struct tui_model *m, enum tui_menu_answer answer)
{
    enum tui_menu_use use = m->menu.use;
    struct tui_menu_item *item = tui_menu_item(&m->menu);
    if (answer == TUI_MENU_TOGGLED && use == TUI_MENU_COLUMNS && tui_model_list(m)) {
        toggle_column(tui_model_list(m), item);
        return;
    }
    if (answer != TUI_MENU_CHOSEN && answer != TUI_MENU_LEFT)
        return;
    m->menu.use = TUI_MENU_NONE;
    if (use == TUI_MENU_TARGETS)
        tui_act_targets_seen(m);
    else if (answer == TUI_MENU_CHOSEN && item)
        chosen(m, use, item);
}
