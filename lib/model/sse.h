/* Server-sent events, from bytes in any pieces: LF, CR LF and CR ends, comments, multi-line
 * data, a byte order mark. Source: WHATWG HTML, section Server-sent events. */
#ifndef ORB_MODEL_SSE_H
#define ORB_MODEL_SSE_H

#include "base/buf.h"

#define ORB_SSE_EVENT_MAX (1024 * 1024) /* bytes of one event */

struct orb_sse {
    struct orb_buf line, data;
    char event[64];
    int last_was_cr, started;
    size_t max;         /* bytes of one event */
};
void orb_sse_init(struct orb_sse *sse);
void orb_sse_init_max(struct orb_sse *sse, size_t max); /* with another limit than ORB_SSE_EVENT_MAX */
void orb_sse_done(struct orb_sse *sse);
/* fn is called per event; it returns 0 to go on, anything else stops and is
 * returned. ORB_E_TOO_LARGE when a line or an event is over the limit. */
typedef int (*orb_sse_fn)(void *arg, const char *event, const char *data, size_t len);
int orb_sse_feed(struct orb_sse *sse, const char *bytes, size_t len, orb_sse_fn fn, void *arg);
/* The body has ended: an event without its blank line is delivered too (some servers end so). */
int orb_sse_end(struct orb_sse *sse, orb_sse_fn fn, void *arg);

#endif
