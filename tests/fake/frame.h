/* frame.c: the bytes of a reply, in the form that the script asks for. */
#ifndef FAKE_FRAME_H
#define FAKE_FRAME_H

#include "fake.h"

void frame_first(struct reply *r);  /* the chunk with the role, and what may stand before text */
void frame_text(struct reply *r, const char *text, size_t len);
void frame_calls(struct reply *r);  /* the tool calls, in pieces */
void frame_error(struct reply *r);  /* an error inside the stream */
void frame_tail(struct reply *r);   /* finish, usage, [DONE] */
void frame_refusal(struct reply *r, const char *authorization); /* a whole HTTP reply */
void frame_plain(struct reply *r);  /* a whole HTTP reply with JSON in place of a stream */

#endif
