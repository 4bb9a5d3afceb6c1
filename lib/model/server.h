/* Where a provider is, and as whom it is asked: base URL, key and headers, from
 * the worker's environment. */
#ifndef ORB_MODEL_SERVER_H
#define ORB_MODEL_SERVER_H

#include "model/model.h"

/* A header from the environment: "Name: prefix" + value, left out when the variable is not set. env NULL: the prefix is all of it. */
struct orb_server_header {
    const char *name, *prefix, *env;
};

struct orb_server {
    const char *base_url;         /* without a slash at its end; NULL = base_env must be set */
    const char *base_env;         /* variable that replaces it, or NULL */
    /* The first of these that is set is the key; ended by a NULL name. Then the rest of the headers. */
    const struct orb_server_header *keys;
    const struct orb_server_header *more; /* ended by a NULL name; may be NULL */
    const char *const *key_names; /* for advice, when a token stands in for the keys: the variables that it comes of, ended by NULL. The first
                                     that is set is used, the last is the one to set. Or NULL */
    int is_key_optional;          /* also when base_env is not set; where there is no base_url, only this counts */
    const char *fixed;            /* a line more, such as "anthropic-version: 2023-06-01", or NULL */
    const char *const *resets;    /* headers of the reply that tell when limits end (loop/after.h), ended by NULL; or NULL */
};

/* A setting from the environment; NULL when it is not set or empty. */
const char *orb_server_setting(const char *name);
/* base URL + path; a query that the base has goes behind it. ORB_E_CONFIG. */
int orb_server_url(const struct orb_server *server, const char *path, char out[ORB_REQUEST_URL_MAX], struct orb_error *err) ORB_MUST_CHECK;
/* Content-Type, Accept, key and the rest. token: sent as a bearer in place of a key, or NULL. ORB_E_MODEL_AUTH, ORB_E_CONFIG. */
int orb_server_headers(const struct orb_server *server, const char *token, struct orb_buf *out, struct orb_error *err) ORB_MUST_CHECK;
/* A secret (may be NULL), hidden in text from outside; in place (it gets no longer). */
void orb_server_hide(const char *secret, char *text);
/* The keys that are set, hidden in text from outside; in place (it gets no longer). */
void orb_server_hide_keys(const struct orb_server *server, char *text);
/* Names of the variable of its key (the one that is used, or is to be set) and of its base URL, for advice;
 * "" = none. */
const char *orb_server_key_name(const struct orb_server *server);
const char *orb_server_base_name(const struct orb_server *server);

#endif
