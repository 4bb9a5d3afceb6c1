/* Lists. The order is kept sorted: rows that have changed are taken out in one pass, sorted among themselves and merged in, so
 * that a frame costs one pass over the order however many have changed. */
#include "list.h"
#include "base.h"
#include "model.h"
#include "order.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ------------------------------------------------------------------ */

static void make_room(struct tui_list *list, uint32_t rows)
{
    if (rows <= list->room)
        return;
    uint32_t room = list->room ? list->room : 64;
    while (room < rows)
        room *= 2;
    uint8_t *is_in = tui_alloc(room, 1), *is_dirty = tui_alloc(room, 1);
    if (list->room) {
        memcpy(is_in, list->is_in, list->room);
        memcpy(is_dirty, list->is_dirty, list->room);
    }
    free(list->is_in);
    free(list->is_dirty);
    list->is_in = is_in;
    list->is_dirty = is_dirty;
    list->room = room;
}

static void reserve(struct tui_list *list, size_t count)
{
    if (count > list->all_cap) {
        list->all_cap = count + count / 4 + 64;
        list->all = tui_resize(list->all, list->all_cap, sizeof *list->all);
    }
    if (count > list->cap) {
        list->cap = list->all_cap;
        list->order = tui_resize(list->order, list->cap, sizeof *list->order);
    }
}

static uint8_t is_wanted(const struct tui_list *list, const struct tui_model *m, uint32_t row)
{
    return !list->query || tui_query_matches(list->query, list->source, m, row, tui_age_now(m));
}

static void rebuild(struct tui_list *list, const struct tui_model *m)
{
    uint32_t limit = list->source->limit(m);
    make_room(list, limit);
    reserve(list, limit);
    list->total = 0;
    for (uint32_t row = limit; row-- > 0;) {
        list->is_dirty[row] = 0;
        if (list->source->is_there(m, row))
            list->all[list->total++] = (struct tui_entry){ tui_order_key(list, m, row), row };
    }
    list->dirty_count = 0;
    tui_order_sort(list, m, list->all, list->total);
    list->must_rebuild = 0;
    list->must_filter = 1;
}

/* The first place whose entry comes behind this one. */
static size_t place_for(const struct tui_list *list, const struct tui_model *m, size_t count, const struct tui_entry *entry)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (tui_order_compare(list, m, &list->all[mid], entry) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void merge(struct tui_list *list, const struct tui_model *m)
{
    struct tui_entry *fresh = tui_alloc(list->dirty_count, sizeof *fresh);
    /* Out with all that has changed ... */
    size_t kept = 0, added = 0;
    for (size_t i = 0; i < list->total; i++)
        if (!list->is_dirty[list->all[i].row])
            list->all[kept++] = list->all[i];
    for (size_t i = 0; i < list->dirty_count; i++) {
        uint32_t row = list->dirty[i];
        list->is_dirty[row] = 0;
        if (!list->source->is_there(m, row))
            continue;
        list->is_in[row] = is_wanted(list, m, row);
        fresh[added++] = (struct tui_entry){ tui_order_key(list, m, row), row };
    }
    tui_order_sort(list, m, fresh, added);
    /* ... and in again from behind, so that every entry moves once. */
    reserve(list, kept + added);
    size_t end = kept;
    for (size_t i = added; i-- > 0;) {
        size_t place = place_for(list, m, end, &fresh[i]);
        memmove(&list->all[place + i + 1], &list->all[place], (end - place) * sizeof *list->all);
        list->all[place + i] = fresh[i];
        end = place;
    }
    list->total = kept + added;
    list->dirty_count = 0;
    free(fresh);
}

static void filter(struct tui_list *list, const struct tui_model *m)
{
    for (size_t i = 0; list->must_filter && i < list->total; i++) {
        uint32_t row = list->all[i].row;
        if (list->must_filter == 1 || list->is_in[row])
            list->is_in[row] = is_wanted(list, m, row);
    }
    list->must_filter = 0;
    list->count = 0;
    for (size_t i = 0; i < list->total; i++)
        if (list->is_in[list->all[i].row])
            list->order[list->count++] = list->all[i].row;
}

void tui_list_touch(struct tui_list *list, uint32_t row)
{
    if (list->must_rebuild || row == UINT32_MAX)
        return;
    make_room(list, row + 1);
    if (list->is_dirty[row])
        return;
    list->is_dirty[row] = 1;
    list->dirty = tui_grow(list->dirty, list->dirty_count, &list->dirty_cap, sizeof *list->dirty);
    list->dirty[list->dirty_count++] = row;
}

void tui_list_touch_all(struct tui_list *list)
{
    list->must_rebuild = 1;
}

/* Where the row with this id stands, SIZE_MAX when it is not shown. */
size_t tui_list_place(const struct tui_list *list, const struct tui_model *m, const char *id)
{
    uint32_t row = *id ? list->source->find(m, id) : UINT32_MAX;
    if (row == UINT32_MAX || row >= list->room || !list->is_in[row])
        return SIZE_MAX;
    if (list->cursor < list->count && list->order[list->cursor] == row)
        return list->cursor;
    for (size_t place = 0; place < list->count; place++)
        if (list->order[place] == row)
            return place;
    return SIZE_MAX;
}

static void note_cursor(struct tui_list *list, const struct tui_model *m)
{
    char room[ORB_ID_MAX + 1];
    if (!list->count) {
        list->cursor = list->top = 0;
        list->cursor_id[0] = 0;
        return;
    }
    if (list->cursor >= list->count)
        list->cursor = list->count - 1;
    tui_set(list->cursor_id, sizeof list->cursor_id, list->source->id(m, list->order[list->cursor], room));
}

static void scroll_to_cursor(struct tui_list *list)
{
    size_t page = list->page > 0 ? (size_t)list->page : 1;
    if (list->cursor < list->top)
        list->top = list->cursor;
    if (list->cursor >= list->top + page)
        list->top = list->cursor - page + 1;
    if (list->top + page > list->count)
        list->top = list->count > page ? list->count - page : 0;
}

/* Sorted or filtered by something that the clock alone changes: looked at again once a second. */
static int moves_with_clock(const struct tui_list *list)
{
    return list->source->fields[list->sort_field].kind == TUI_SPAN_FIELD || (list->query && tui_query_moves(list->query, list->source));
}

void tui_list_settle(struct tui_list *list, const struct tui_model *m)
{
    size_t offset = list->cursor - list->top;
    if (moves_with_clock(list) && m->now - list->settled_at >= 1)
        list->must_rebuild = 1;
    if (list->must_rebuild || list->dirty_count > list->total / 2 + 1000) {
        rebuild(list, m);
        list->settled_at = m->now;
    } else if (list->dirty_count) {
        merge(list, m);
    } else if (!list->must_filter) {
        goto cursor;
    }
    filter(list, m);
cursor:
    if (list->is_following || (list->is_fresh && !m->tasks.is_filled)) {
        list->cursor = 0;
    } else {
        size_t place = tui_list_place(list, m, list->cursor_id);
        if (place != SIZE_MAX) { /* the row stands still on the screen, the others move around it */
            list->cursor = place;
            list->top = place > offset ? place - offset : 0;
        }
    }
    note_cursor(list, m);
    scroll_to_cursor(list);
}

void tui_list_reorder(struct tui_list *list, const struct tui_model *m)
{
    if (!list->must_rebuild)
        return;
    rebuild(list, m);
    filter(list, m);
    size_t place = tui_list_place(list, m, list->cursor_id);
    if (place != SIZE_MAX)
        list->cursor = place;
}

/* ---- life ------------------------------------------------------------------- */

void tui_list_init(struct tui_list *list, const struct tui_source *source, const char *sort_field, int is_descending)
{
    memset(list, 0, sizeof *list);
    list->source = source;
    list->sort_field = sort_field ? tui_field_find(source, sort_field) : 0;
    if (list->sort_field < 0)
        list->sort_field = 0;
    list->is_descending = is_descending;
    list->must_rebuild = list->is_fresh = 1;
}

void tui_list_done(struct tui_list *list)
{
    tui_query_free(list->query);
    free(list->all);
    free(list->order);
    free(list->is_in);
    free(list->is_dirty);
    free(list->dirty);
    free(list->marks);
    memset(list, 0, sizeof *list);
}

int tui_list_filter(struct tui_list *list, const char *text, struct orb_error *err)
{
    struct tui_query *query = NULL;
    int rc = tui_query_read(list->source, text, &query, err);
    if (rc)
        return rc;
    if (list->must_filter != 1)
        list->must_filter = tui_query_narrows(query, list->query) ? 2 : 1;
    tui_query_free(list->query);
    list->query = query;
    tui_set(list->filter, sizeof list->filter, text);
    return 0;
}

void tui_list_sort(struct tui_list *list, int field, int is_descending)
{
    list->sort_field = field;
    list->is_descending = is_descending;
    list->must_rebuild = 1;
}

int tui_list_goes_down(const struct tui_list *list)
{
    return list->is_descending != (list->source->fields[list->sort_field].kind == TUI_AGE_FIELD);
}

void tui_list_sort_next(struct tui_list *list, int by)
{
    size_t at = 0;
    while (at < list->column_count && list->columns[at].field != list->sort_field)
        at++;
    if (!list->column_count)
        return;
    if (at == list->column_count)
        at = 0;
    else
        at = (at + list->column_count + (size_t)(long)by) % list->column_count;
    const struct tui_field *field = &list->source->fields[list->columns[at].field];
    /* Texts go up, numbers begin with the largest. */
    tui_list_sort(list, list->columns[at].field, field->kind > TUI_STATE_FIELD);
}

void tui_list_widen(struct tui_list *list, int by)
{
    for (size_t i = 0; i < list->column_count; i++)
        if (list->columns[i].field == list->sort_field && list->columns[i].width + by > 2 && list->columns[i].width + by < 200)
            list->columns[i].width += by;
    list->is_chosen = 1;
}

/* ---- the cursor ------------------------------------------------------------- */

uint32_t tui_list_row(const struct tui_list *list)
{
    return list->cursor < list->count ? list->order[list->cursor] : UINT32_MAX;
}

void tui_list_go(struct tui_list *list, const struct tui_model *m, size_t place)
{
    list->cursor = place < list->count ? place : list->count ? list->count - 1 : 0;
    if (list->cursor)
        list->is_following = 0;
    list->is_fresh = 0;
    note_cursor(list, m);
    scroll_to_cursor(list);
}

void tui_list_move(struct tui_list *list, const struct tui_model *m, long by)
{
    long place = (long)list->cursor + by;
    tui_list_go(list, m, place < 0 ? 0 : (size_t)place);
}

int tui_list_go_id(struct tui_list *list, const struct tui_model *m, const char *id)
{
    size_t place = tui_list_place(list, m, id);
    if (place == SIZE_MAX)
        return 0;
    tui_list_go(list, m, place);
    return 1;
}
