/* Memory for the console's small things: there is no console without it, so the program ends when there is none. */
#ifndef ORB_TUI_MEMORY_H
#define ORB_TUI_MEMORY_H

#include <stddef.h>

void *tui_alloc(size_t count, size_t size); /* zeroed */
void *tui_resize(void *memory, size_t count, size_t size);
char *tui_dup(const char *text, size_t len); /* ended by a NUL */

#endif
