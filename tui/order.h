/* The order of a list's rows: by the field that it is sorted by, then the row with the greater number (which came later) first. */
#ifndef ORB_TUI_ORDER_H
#define ORB_TUI_ORDER_H

#include "list.h"

/* Numbers in the order of what they are made from: of a text its first eight bytes. What is not known comes last, whichever way round. */
uint64_t tui_order_key(const struct tui_list *list, const struct tui_model *m, uint32_t row);
/* As strcmp; never 0 for two rows. */
int tui_order_compare(const struct tui_list *list, const struct tui_model *m, const struct tui_entry *a, const struct tui_entry *b);
/* Many of them are quick when they come with the greatest row first, as those of all rows do: a tenth of a second for a million. */
void tui_order_sort(const struct tui_list *list, const struct tui_model *m, struct tui_entry *entries, size_t count);

#endif
