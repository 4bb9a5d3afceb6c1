/* What went wrong, by the words of providers: one reading of errors for all of
 * them. Their text is hostile: it may hold anything, even the key. */
#ifndef ORB_MODEL_FAILURE_H
#define ORB_MODEL_FAILURE_H

#include "model/model.h"

/* The error that value, an "error" member or a body that is one, tells of (OpenAI's, Anthropic's and Google's members
 * are known: message, type, code, status). http_status 200 when it came inside a stream. Returns the code. */
int orb_failure_error(const struct orb_provider *provider, int http_status, const json_t *value, struct orb_error *err);
/* A whole body that is no event stream: JSON with an error in it (or in an array), or a page. Returns the code. */
int orb_failure_body(const struct orb_provider *provider, int http_status, const char *body, size_t len, struct orb_error *err);

#endif
