/* JSON as this system reads and writes it.
 *
 * Reading: the one scanner that runs before jansson, because jansson refuses
 * what Python writes. Writing: the form of Python's json.dumps with defaults
 * (", " and ": ", ASCII only, floats by repr). Source: docs/WIRE.md. */
#ifndef ORB_BASE_JSON_H
#define ORB_BASE_JSON_H

#include "base/buf.h"
#include <jansson.h>

struct orb_json_limits {
    size_t max_bytes;   /* of the text */
    size_t max_values;  /* scalars, arrays and objects together */
    size_t max_depth;
};
extern const struct orb_json_limits orb_json_limits_default; /* ORB_PAYLOAD_MAX, 100,000, 200 */

/* Any JSON value. Accepts what Python writes and jansson refuses: a lone
 * surrogate escape becomes U+FFFD; NaN, Infinity, -Infinity and reals that
 * overflow become null; integers over 64 bits become reals; \u0000 is kept
 * (strings may hold NUL: use json_string_length). Duplicate keys: the last wins.
 * Fails with ORB_E_INVALID (line and column in the text) or ORB_E_TOO_LARGE.
 * Returns a new reference or NULL. */
json_t *orb_json_parse(const char *text, size_t len, const struct orb_json_limits *limits, struct orb_error *err);

/* A quoted string, ASCII-escaped as Python does (surrogate pairs for astral
 * characters); bytes that are not UTF-8 become U+FFFD. */
void orb_json_str(struct orb_buf *b, const char *s, size_t n);
/* Python's repr(float): shortest that reads back, always with . or exponent;
 * null when not finite. */
void orb_json_real(struct orb_buf *b, double v);
void orb_json_dump(struct orb_buf *b, const json_t *value);

/* Members of an object; def when absent, null or of another type. Strings are
 * borrowed from the object. */
const char *orb_json_get_str(const json_t *object, const char *key, const char *def);
int64_t orb_json_get_int(const json_t *object, const char *key, int64_t def);
double orb_json_get_real(const json_t *object, const char *key, double def); /* integers too */

#endif
