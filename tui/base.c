#include "base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *tui_strdup(const char *text)
{
    return tui_dup(text, strlen(text));
}

void tui_set(char *out, size_t cap, const char *text)
{
    size_t len = text ? strnlen(text, cap) : 0;
    if (len == cap)
        for (len = cap - 1; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            ;
    if (len)
        memmove(out, text, len);
    out[len] = 0;
}

void *tui_grow(void *array, size_t count, size_t *cap, size_t item)
{
    if (count < *cap)
        return array;
    size_t more = *cap ? *cap * 2 : 16;
    char *p = tui_resize(array, more, item);
    memset(p + *cap * item, 0, (more - *cap) * item);
    *cap = more;
    return p;
}

uint64_t tui_hash(const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

const char *tui_find(const char *text, size_t len, const char *needle, size_t needle_len)
{
    if (!needle_len)
        return text;
    int low = tolower((unsigned char)needle[0]), high = toupper((unsigned char)needle[0]);
    for (size_t i = 0; i + needle_len <= len; i++)
        if ((text[i] == low || text[i] == high) && !strncasecmp(text + i, needle, needle_len))
            return text + i;
    return NULL;
}

/* ---- shared texts --------------------------------------------------------- */

struct tui_texts {
    char **texts;      /* NULL: the number is free */
    size_t count, cap;
    uint32_t *freed;
    size_t freed_count, freed_cap;
    uint32_t *buckets; /* number + 1; open addressing */
    size_t bucket_count;
};

static void put(struct tui_texts *t, uint32_t number)
{
    const char *text = t->texts[number];
    size_t at = tui_hash(text, strlen(text)) & (t->bucket_count - 1);
    while (t->buckets[at])
        at = (at + 1) & (t->bucket_count - 1);
    t->buckets[at] = number + 1;
}

static void rehash(struct tui_texts *t, size_t bucket_count)
{
    free(t->buckets);
    t->bucket_count = bucket_count;
    t->buckets = tui_alloc(t->bucket_count, sizeof *t->buckets);
    for (size_t i = 0; i < t->count; i++)
        if (t->texts[i])
            put(t, (uint32_t)i);
}

static uint32_t add(struct tui_texts *t, const char *text, size_t len)
{
    uint32_t number = t->freed_count ? t->freed[--t->freed_count] : (uint32_t)t->count;
    t->texts = tui_grow(t->texts, t->count, &t->cap, sizeof *t->texts);
    t->texts[number] = tui_dup(text, len);
    t->count += number == t->count;
    if (t->count * 2 > t->bucket_count)
        rehash(t, t->bucket_count ? t->bucket_count * 2 : 64);
    else
        put(t, number);
    return number;
}

struct tui_texts *tui_texts_new(void)
{
    struct tui_texts *t = tui_alloc(1, sizeof *t);
    add(t, "", 0);
    add(t, "(more)", 6);
    return t;
}

void tui_texts_free(struct tui_texts *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++)
        free(t->texts[i]);
    free(t->texts);
    free(t->freed);
    free(t->buckets);
    free(t);
}

static size_t in_use(const struct tui_texts *t)
{
    return t->count - t->freed_count;
}

static uint32_t number_of(struct tui_texts *t, const char *text, size_t max)
{
    size_t len = strnlen(text, TUI_TEXT_MAX + 1);
    if (len > TUI_TEXT_MAX)
        for (len = TUI_TEXT_MAX; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            ;
    size_t at = tui_hash(text, len) & (t->bucket_count - 1);
    for (; t->buckets[at]; at = (at + 1) & (t->bucket_count - 1)) {
        const char *known = t->texts[t->buckets[at] - 1];
        if (!strncmp(known, text, len) && !known[len])
            return t->buckets[at] - 1;
    }
    return in_use(t) >= max ? 1 : add(t, text, len);
}

uint32_t tui_texts_number(struct tui_texts *t, const char *text)
{
    return number_of(t, text, TUI_TEXTS_MAX);
}

uint32_t tui_texts_error(struct tui_texts *t, const char *text)
{
    return number_of(t, text, TUI_TEXTS_MAX - TUI_NAMES_MIN);
}

int tui_texts_are_full(const struct tui_texts *t)
{
    return in_use(t) >= TUI_TEXTS_MAX - TUI_NAMES_MIN;
}

void tui_texts_keep(struct tui_texts *t, const uint8_t *is_used)
{
    for (size_t i = 2; i < t->count; i++) {
        if (is_used[i] || !t->texts[i])
            continue;
        free(t->texts[i]);
        t->texts[i] = NULL;
        t->freed = tui_grow(t->freed, t->freed_count, &t->freed_cap, sizeof *t->freed);
        t->freed[t->freed_count++] = (uint32_t)i;
    }
    rehash(t, t->bucket_count);
}

const char *tui_texts_get(const struct tui_texts *t, uint32_t number)
{
    return number < t->count && t->texts[number] ? t->texts[number] : "";
}

size_t tui_texts_count(const struct tui_texts *t)
{
    return t->count;
}
