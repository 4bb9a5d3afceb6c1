/* Regular expressions of JSON Schema (a subset of ECMAScript's), matched in linear time: a pattern from outside, and text
 * from a model, cannot make it slow. Characters are Unicode's.
 *
 * Known: . [] [^] ( ) (?: ) | * + ? {n} {n,} {n,m} and their lazy forms, ^ $ \b \B \d \D \w \W \s \S \t \n \r \f \v \xHH \uHHHH and
 * escaped punctuation. Not known: back references, look-around, named groups, \p. */
#ifndef ORB_TOOL_PATTERN_H
#define ORB_TOOL_PATTERN_H

#include <orbiter/base.h>

#define ORB_PATTERN_MAX 1024             /* bytes */
#define ORB_PATTERN_CODE_MAX 4000        /* instructions after repetitions are written out */
#define ORB_PATTERN_STEPS_MAX 10000000   /* what one check of a value may take */

/* ORB_E_INVALID with the reason. */
int orb_pattern_check(const char *pattern, size_t len, struct orb_error *err) ORB_MUST_CHECK;
/* 1 when it is found somewhere in the text, 0 when not, ORB_E_INVALID; ORB_E_TOO_LARGE when it takes more than *steps, which
 * are taken off. */
int orb_pattern_match(const char *pattern, size_t len, const char *text, size_t text_len, int64_t *steps, struct orb_error *err) ORB_MUST_CHECK;

#endif
