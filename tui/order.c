#include "order.h"
#include "memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 1000 }; /* are compared with each other */

static int is_text(const struct tui_list *list)
{
    return tui_field_sorts_as_text(&list->source->fields[list->sort_field]);
}

/* Eight bytes of it from there on, and zeros behind its end. */
static uint64_t part_of(const struct tui_value *v, size_t from)
{
    uint64_t key = 0;
    for (size_t i = from; i < from + 8; i++)
        key = key << 8 | (i < v->len ? (unsigned char)v->text[i] : 0);
    return key;
}

uint64_t tui_order_key(const struct tui_list *list, const struct tui_model *m, uint32_t row)
{
    struct tui_value v = { 0 };
    uint64_t key;
    list->source->value(m, row, (size_t)list->sort_field, &v);
    if (is_text(list)) {
        key = part_of(&v, 0);
    } else if (isnan(v.number)) {
        return UINT64_MAX;
    } else {
        memcpy(&key, &v.number, sizeof key);
        key = key >> 63 ? ~key : key | (uint64_t)1 << 63;
    }
    return list->is_descending ? UINT64_MAX - 1 - key : key;
}

int tui_order_compare(const struct tui_list *list, const struct tui_model *m, const struct tui_entry *a, const struct tui_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (is_text(list) && a->row != b->row) { /* alike in their first bytes */
        struct tui_value x = { 0 }, y = { 0 };
        list->source->value(m, a->row, (size_t)list->sort_field, &x);
        list->source->value(m, b->row, (size_t)list->sort_field, &y);
        int order = x.text == y.text ? 0 : tui_value_compare(&list->source->fields[list->sort_field], &x, &y);
        if (order)
            return list->is_descending ? -order : order;
    }
    return a->row < b->row ? 1 : a->row > b->row ? -1 : 0;
}

/* ---- few ---------------------------------------------------------------------- */

/* What qsort needs beside the rows: one thread, one sort at a time. */
static const struct tui_list *sorting;
static const struct tui_model *sorting_of;

static int by_order(const void *a, const void *b)
{
    return tui_order_compare(sorting, sorting_of, a, b);
}

static void sort_few(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, size_t count)
{
    sorting = list;
    sorting_of = m;
    if (count > 1)
        qsort(entries, count, sizeof *entries, by_order);
}

/* ---- many --------------------------------------------------------------------- */

/* By the key, byte after byte from the last one on; those with the same key stay as they are. spare: as many. */
static void sort_keys(struct tui_entry *entries, struct tui_entry *spare, size_t count)
{
    static size_t counts[8][256];
    struct tui_entry *from = entries, *to = spare, *other;
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < count; i++)
        for (int byte = 0; byte < 8; byte++)
            counts[byte][entries[i].key >> 8 * byte & 255]++;
    for (int byte = 0; byte < 8; byte++) {
        size_t *n = counts[byte], place = 0;
        if (n[entries[0].key >> 8 * byte & 255] == count)
            continue; /* alike in all */
        for (int value = 0; value < 256; value++) {
            size_t here = n[value];
            n[value] = place;
            place += here;
        }
        for (size_t i = 0; i < count; i++)
            to[n[from[i].key >> 8 * byte & 255]++] = from[i];
        other = from;
        from = to;
        to = other;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof *entries);
}

static void sort_on(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, struct tui_entry *spare, size_t count, size_t from);

/* By the key, and texts whose keys are alike by what comes behind it, from there on. */
static void sort_many(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, struct tui_entry *spare, size_t count, size_t from)
{
    sort_keys(entries, spare, count);
    for (size_t i = 0, end; is_text(list) && i < count; i = end) {
        for (end = i + 1; end < count && entries[end].key == entries[i].key; end++)
            ;
        if (end - i > 1)
            sort_on(list, m, entries + i, spare, end - i, from);
    }
}

/* Texts that are alike up to there; they keep their key. */
static void sort_on(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, struct tui_entry *spare, size_t count, size_t from)
{
    uint64_t key = entries[0].key, goes_on = 0;
    if (count < FEW) {
        sort_few(list, m, entries, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct tui_value v = { 0 };
        list->source->value(m, entries[i].row, (size_t)list->sort_field, &v);
        uint64_t part = part_of(&v, from);
        goes_on |= part;
        entries[i].key = list->is_descending ? ~part : part;
    }
    if (goes_on)
        sort_many(list, m, entries, spare, count, from + 8);
    for (size_t i = 0; i < count; i++)
        entries[i].key = key;
}

static int go_down(const struct tui_entry *entries, size_t count)
{
    size_t i = 1;
    while (i < count && entries[i - 1].row > entries[i].row)
        i++;
    return i >= count;
}

void tui_order_sort(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, size_t count)
{
    if (count < FEW || !go_down(entries, count)) { /* rows of one key would be as they came */
        sort_few(list, m, entries, count);
        return;
    }
    struct tui_entry *spare = tui_alloc(count, sizeof *spare);
    sort_many(list, m, entries, spare, count, 8);
    free(spare);
}
