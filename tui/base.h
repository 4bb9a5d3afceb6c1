/* Memory and small texts of the console. Everything that others can make grow has its maximum where it is kept. */
#ifndef ORB_TUI_BASE_H
#define ORB_TUI_BASE_H

#include "memory.h"
#include <stdint.h>

#define TUI_COUNT(array) (sizeof(array) / sizeof *(array))

char *tui_strdup(const char *text);
/* Copies what fits, cut at a character; NULL is "". */
void tui_set(char *out, size_t cap, const char *text);
/* Makes room for one more item of an array: *cap doubles. Returns the array. */
void *tui_grow(void *array, size_t count, size_t *cap, size_t item);

/* Texts that many rows share, each kept once; number 0 is "". At most TUI_TEXTS_MAX texts of at most TUI_TEXT_MAX bytes: what
 * is longer is cut at a character; when there are too many, what comes is number 1, "(more)". Not for ids. Errors may be all different, and
 * leave TUI_NAMES_MIN of the places to names. */
#define TUI_TEXTS_MAX (1 << 16)
#define TUI_NAMES_MIN (1 << 13)
#define TUI_TEXT_MAX 200
struct tui_texts;
struct tui_texts *tui_texts_new(void);
void tui_texts_free(struct tui_texts *texts);
uint32_t tui_texts_number(struct tui_texts *texts, const char *text);
uint32_t tui_texts_error(struct tui_texts *texts, const char *text);
/* No place is left for errors; then those that are not used can be forgotten: is_used says it by number, the others keep theirs. */
int tui_texts_are_full(const struct tui_texts *texts);
void tui_texts_keep(struct tui_texts *texts, const uint8_t *is_used);
const char *tui_texts_get(const struct tui_texts *texts, uint32_t number);
size_t tui_texts_count(const struct tui_texts *texts); /* numbers are below that */

uint64_t tui_hash(const char *text, size_t len);

/* Case is not told apart (ASCII). NULL when needle is not in text. */
const char *tui_find(const char *text, size_t len, const char *needle, size_t needle_len);

#endif
