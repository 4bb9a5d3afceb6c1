/* A growing byte buffer that cannot be made without a maximum. Always
 * terminated by a NUL that does not count. Growing past the maximum, or no
 * memory, sets the buffer's error, empties it and makes every later append a no-op,
 * so that a writer checks once at the end. */
#ifndef ORB_BASE_BUF_H
#define ORB_BASE_BUF_H

#include <orbiter/base.h>

struct orb_buf {
    char *data;      /* NULL only before the first append */
    size_t len, cap, max;
    int err;         /* 0, ORB_E_TOO_LARGE or ORB_E_NOMEM */
};

void orb_buf_init(struct orb_buf *b, size_t max);
void orb_buf_done(struct orb_buf *b);           /* frees; init again to reuse */
void orb_buf_reset(struct orb_buf *b);          /* len 0, err 0, keeps the memory */
int orb_buf_reserve(struct orb_buf *b, size_t more); /* room for more bytes; 0 or the error */
void orb_buf_add(struct orb_buf *b, const void *p, size_t n);
void orb_buf_str(struct orb_buf *b, const char *s);
void orb_buf_char(struct orb_buf *b, char c);
void orb_buf_int(struct orb_buf *b, int64_t v);
void orb_buf_printf(struct orb_buf *b, const char *fmt, ...) ORB_PRINTF(2, 3);
void orb_buf_drop(struct orb_buf *b, size_t n);  /* removes the first n bytes */
char *orb_buf_take(struct orb_buf *b);           /* the memory, now the caller's; never NULL unless err */

#endif
