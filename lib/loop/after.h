/* When to come again, as servers word it in headers: plain functions. */
#ifndef ORB_LOOP_AFTER_H
#define ORB_LOOP_AFTER_H

#include <stdint.h>

/* retry-after: seconds, or an HTTP date. ms from now (Unix seconds), 0 for what has passed; -1 = neither. */
int64_t orb_after_retry(const char *value, double now);
/* When a limit is reset: a duration ("1s", "6m0s", "20ms", "1.5s"), seconds, RFC 3339, or since 1970 in seconds or ms. The same result. */
int64_t orb_after_reset(const char *value, double now);

#endif
