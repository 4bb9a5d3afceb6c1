/* What models cost: a table of prices, dated, built in from prices.txt, or read
 * from a file in its place. */
#ifndef ORB_MODEL_PRICES_H
#define ORB_MODEL_PRICES_H

#include "model/model.h"

#define ORB_PRICES_FILE_MAX (1024 * 1024)
#define ORB_PRICES_ROWS_MAX 10000

struct orb_prices;
/* A table's text: "#" begins a comment; a row is a model (or MODEL>N: calls with more than N tokens of input), then dollars for a
 * million tokens of input, output, cached input and written cache. ORB_E_CONFIG names the line. */
int orb_prices_parse(const char *text, size_t len, const char *name, struct orb_prices **out, struct orb_error *err) ORB_MUST_CHECK;
/* A file of that kind; ORB_E_CONFIG with its name. */
int orb_prices_read(const char *path, struct orb_prices **out, struct orb_error *err) ORB_MUST_CHECK;
void orb_prices_free(struct orb_prices *prices);
/* Those of this version; never freed. */
const struct orb_prices *orb_prices_builtin(void);

/* Dollars of one call of a model ("provider:model"). 0, or ORB_E_NOT_FOUND when there is no price for it. */
int orb_prices_cost(const struct orb_prices *prices, const char *model, const struct orb_usage *usage, double *out) ORB_MUST_CHECK;

#endif
