/* The tokens of providers that need one (model.h, struct orb_token_source): fetched when first needed, kept for the process until
 * near their end; calls that need one at the same time share one fetch. */
#ifndef ORB_MODEL_TOKEN_H
#define ORB_MODEL_TOKEN_H

#include "loop/loop.h"
#include "model/model.h"

/* The token that is good now, or NULL; borrowed until the loop turns. */
const char *orb_token_kept(const struct orb_provider *provider);
/* The provider has refused it: the next call fetches another one. */
void orb_token_forget(const struct orb_provider *provider);

struct orb_token_waiter;
/* token is NULL when it failed; err then says why. */
typedef void (*orb_token_fn)(void *arg, const char *token, const struct orb_error *err);
/* fn comes once, later, from the loop; *out is valid until then. timeout_ms: of a fetch that begins now; 30 s at most. */
int orb_token_wait(struct orb_loop *loop, const struct orb_provider *provider, int64_t timeout_ms, orb_token_fn fn, void *arg,
                   struct orb_token_waiter **out, struct orb_error *err) ORB_MUST_CHECK;
/* fn will not come. */
void orb_token_leave(struct orb_token_waiter *waiter);

#endif
