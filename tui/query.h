/* The filter language of lists: words that must be somewhere in the row, and conditions on fields.
 *
 *   timeout planner            both are somewhere in the row (case is not told apart)
 *   "two words"  !planner      a phrase, in which \" is a quote and \\ a backslash; not
 *   state:failed,retrying      one of these: for ids, agents, queues and the like a part of it is enough; state is a whole word
 *   queue=batch,"a b"          one of these, the whole of it
 *   error~529|timed.out        a regular expression (POSIX extended); error!~529 = not that
 *   tok>1000  try>=2  age<1h   numbers with k, M; times with s m h d, also 1h30m; also = and !=
 */
#ifndef ORB_TUI_QUERY_H
#define ORB_TUI_QUERY_H

#include "field.h"

#define TUI_QUERY_MAX 1024 /* bytes */

struct tui_query;

/* NULL text or "" matches all: *out is NULL then. 0, or ORB_E_INVALID that names the word, the reason and what would be right;
 * err->text begins with the column: "12: ...". */
int tui_query_read(const struct tui_source *source, const char *text, struct tui_query **out, struct orb_error *err);
/* A word in quotes, as far as it fits. */
void tui_query_quote(const char *word, char *out, size_t cap);
void tui_query_free(struct tui_query *query);
size_t tui_query_name_length(const char *at); /* of a field's name that a sign of a test follows; 0 = it is a plain word */
int tui_query_matches(struct tui_query *query, const struct tui_source *source, const struct tui_model *m, uint32_t row, double now);
/* Does query match nothing but what before matches? What cannot be told is no. */
int tui_query_narrows(const struct tui_query *query, const struct tui_query *before);
/* Shared texts have been forgotten: others may have their addresses now. */
void tui_query_forget(struct tui_query *query);
/* Does what matches change with the clock alone? */
int tui_query_moves(const struct tui_query *query, const struct tui_source *source);
/* Texts of rows that have this word at the beginning of the field; of many rows some are looked at. */
size_t tui_field_complete(const struct tui_source *source, const struct tui_model *m, size_t field, const char *word, size_t len, char out[][64], size_t max);
/* What may stand at this place of the text, for completion: names of fields with their colon, states, and the texts that rows
 * have in the field (at most count, sorted). Returns how many; *start = where in the text the word begins that they replace. */
size_t tui_query_complete(const struct tui_source *source, const struct tui_model *m, const char *text, size_t cursor,
                          char out[][64], size_t count, size_t *start);

#endif
