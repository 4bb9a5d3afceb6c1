#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (!memory) {
        fputs("orbiter: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *tui_alloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *tui_resize(void *memory, size_t count, size_t size)
{
    return must(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *tui_dup(const char *text, size_t len)
{
    char *out = tui_alloc(len + 1, 1);
    if (len)
        memcpy(out, text, len);
    return out;
}
