/* Marks of a list: ids, sorted. */
#include "list.h"
#include "base.h"

#include <stdlib.h>
#include <string.h>

static size_t mark_place(const struct tui_list *list, const char *id)
{
    size_t low = 0, high = list->mark_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(list->marks[mid], id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int tui_list_is_marked(const struct tui_list *list, const char *id)
{
    size_t at = mark_place(list, id);
    return at < list->mark_count && !strcmp(list->marks[at], id);
}

void tui_list_mark(struct tui_list *list, const char *id, int is_marked)
{
    size_t at = mark_place(list, id);
    int is_there = at < list->mark_count && !strcmp(list->marks[at], id);
    if (is_there == is_marked || (is_marked && list->mark_count == TUI_MARKS_MAX))
        return;
    if (is_marked) {
        list->marks = tui_grow(list->marks, list->mark_count, &list->mark_cap, sizeof *list->marks);
        memmove(&list->marks[at + 1], &list->marks[at], (list->mark_count++ - at) * sizeof *list->marks);
        tui_set(list->marks[at], sizeof list->marks[at], id);
    } else {
        memmove(&list->marks[at], &list->marks[at + 1], (--list->mark_count - at) * sizeof *list->marks);
    }
}

void tui_list_unmark_all(struct tui_list *list)
{
    list->mark_count = 0;
    list->anchor_id[0] = 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Behind the others; close_marks puts them where they belong. */
static int append_mark(struct tui_list *list, const char *id)
{
    if (list->mark_count == TUI_MARKS_MAX)
        return 1;
    list->marks = tui_grow(list->marks, list->mark_count, &list->mark_cap, sizeof *list->marks);
    tui_set(list->marks[list->mark_count++], sizeof *list->marks, id);
    return 0;
}

static void close_marks(struct tui_list *list)
{
    size_t kept = 0;
    if (list->mark_count)
        qsort(list->marks, list->mark_count, sizeof *list->marks, by_id);
    for (size_t i = 0; i < list->mark_count; i++)
        if (!kept || strcmp(list->marks[kept - 1], list->marks[i]) != 0)
            memmove(list->marks[kept++], list->marks[i], sizeof *list->marks);
    list->mark_count = kept;
}

static int by_pointed(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t tui_list_mark_many(struct tui_list *list, const char *const ids[], size_t count, int is_marked)
{
    size_t left = 0, kept = 0;
    for (size_t i = 0; is_marked && i < count; i++)
        left += (size_t)append_mark(list, ids[i]);
    close_marks(list);
    if (is_marked || !count)
        return left;
    const char **sorted = tui_alloc(count, sizeof *sorted);
    memcpy(sorted, ids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_pointed);
    for (size_t i = 0; i < list->mark_count; i++) {
        const char *id = list->marks[i];
        if (!bsearch(&id, sorted, count, sizeof *sorted, by_pointed))
            memmove(list->marks[kept++], id, sizeof *list->marks);
    }
    list->mark_count = kept;
    free(sorted);
    return 0;
}

static size_t mark_places(struct tui_list *list, const struct tui_model *m, size_t from, size_t to)
{
    char room[ORB_ID_MAX + 1];
    size_t left = 0, before = list->mark_count;
    for (size_t i = from; i < to; i++) {
        const char *id = list->source->id(m, list->order[i], room);
        struct tui_list old = { .marks = list->marks, .mark_count = before };
        if (!tui_list_is_marked(&old, id))
            left += (size_t)append_mark(list, id);
    }
    close_marks(list);
    return left;
}

size_t tui_list_mark_all(struct tui_list *list, const struct tui_model *m)
{
    return mark_places(list, m, 0, list->count);
}

size_t tui_list_mark_range(struct tui_list *list, const struct tui_model *m)
{
    size_t from = tui_list_place(list, m, list->anchor_id), to = list->cursor;
    if (from == SIZE_MAX) {
        memcpy(list->anchor_id, list->cursor_id, sizeof list->anchor_id);
        tui_list_mark(list, list->cursor_id, 1);
        return 0;
    }
    list->anchor_id[0] = 0;
    return mark_places(list, m, from < to ? from : to, (from < to ? to : from) + 1);
}

int tui_list_shows(const struct tui_list *list, const struct tui_model *m, const char *id)
{
    uint32_t row = list->source->find(m, id);
    return row < list->room && list->source->is_there(m, row) && list->is_in[row];
}

size_t tui_list_hidden_marks(const struct tui_list *list, const struct tui_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < list->mark_count; i++)
        n += !tui_list_shows(list, m, list->marks[i]);
    return n;
}

size_t tui_list_targets(const struct tui_list *list, const char *out[], size_t max)
{
    size_t n = 0;
    for (; n < list->mark_count && n < max; n++)
        out[n] = list->marks[n];
    if (!n && max && *list->cursor_id)
        out[n++] = list->cursor_id;
    return n;
}
