/* UTF-8: strict decoding (no overlong forms, no surrogates, <= U+10FFFF). */
#ifndef ORB_BASE_UTF8_H
#define ORB_BASE_UTF8_H

#include <orbiter/base.h>

/* Decodes one character; returns its length in bytes, 0 when n is 0 or the
 * bytes are not UTF-8. */
size_t orb_utf8_decode(const char *s, size_t n, uint32_t *out);
/* Writes 1..4 bytes, returns how many (U+FFFD for what is no character). */
size_t orb_utf8_encode(uint32_t cp, char out[4]);
int orb_utf8_is_valid(const char *s, size_t n);
/* Offset of the first invalid byte, n when there is none. */
size_t orb_utf8_check(const char *s, size_t n);
/* The longest prefix of at most cap bytes that ends at a character. */
size_t orb_utf8_truncate(const char *s, size_t n, size_t cap);

#endif
