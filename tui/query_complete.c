/* Completion of filters: names of fields, and what rows have in them. */
#include "query.h"
#include "base.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t add(char out[][64], size_t n, size_t max, const char *text, size_t len)
{
    char item[64];
    snprintf(item, sizeof item, "%.*s", (int)(len < 63 ? len : 63), text);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(out[i], item))
            return n;
    if (n == max)
        return n;
    memcpy(out[n], item, sizeof item);
    return n + 1;
}

/* Texts that rows have in the field; of many rows some are looked at. */
size_t tui_field_complete(const struct tui_source *source, const struct tui_model *m, size_t field, const char *word, size_t len, char out[][64], size_t max)
{
    size_t n = 0;
    uint32_t limit = source->limit(m), step = limit / 5000 + 1;
    for (uint32_t row = 0; row < limit && n < max; row += step) {
        struct tui_value v = { 0 };
        if (!source->is_there(m, row))
            continue;
        source->value(m, row, field, &v);
        if (v.text && v.len > len && v.len < 64 && !strncasecmp(v.text, word, len) && !memchr(v.text, ' ', v.len))
            n = add(out, n, max, v.text, v.len);
    }
    return n;
}

size_t tui_query_complete(const struct tui_source *source, const struct tui_model *m, const char *text, size_t cursor, char out[][64], size_t count, size_t *start)
{
    size_t from = cursor, n = 0;
    while (from && text[from - 1] != ' ')
        from--;
    while (text[from] == '!' && from < cursor)
        from++;
    size_t name = tui_query_name_length(text + from);
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(name < 63 ? name : 63), text + from);
    int field = name && from + name < cursor ? tui_field_find(source, word) : -1;
    *start = from;
    if (field >= 0 && tui_field_is_text(&source->fields[field])) {
        *start = from + name + 1;
        for (size_t i = *start; i < cursor; i++)
            if (text[i] == ',')
                *start = i + 1;
        n = tui_field_complete(source, m, (size_t)field, text + *start, cursor - *start, out, count);
    } else if (field < 0) {
        for (size_t i = 0; i < source->field_count; i++) {
            const struct tui_field *f = &source->fields[i];
            snprintf(word, sizeof word, "%.60s%s", f->name, tui_field_is_text(f) ? ":" : "");
            if (f->kind != TUI_SPARK_FIELD && !strncmp(word, text + from, cursor - from))
                n = add(out, n, count, word, strlen(word));
        }
    }
    if (n)
        qsort(out, n, sizeof *out, by_text);
    return n;
}
