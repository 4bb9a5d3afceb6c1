/* The event as a value, and its JSON (docs/WIRE.md): the eight types of the
 * Python package, each with our extra fields seq and attempt. */
#ifndef ORB_EVENT_EVENT_H
#define ORB_EVENT_EVENT_H

#include "base/buf.h"
#include "base/json.h"
#include <orbiter/client.h>

/* An event to be written. Only the fields of its type are used; strings NULL = "". */
struct orb_event_out {
    enum orb_event_type type;
    const char *agent_name;
    const char *text;            /* text, reasoning; message of status; error's message; result of a tool */
    size_t text_len;
    const char *word;            /* status and step: status; error: error_type; tools: tool_name; usage: model */
    const char *tool_call_id;
    const json_t *arguments;     /* tool_result */
    const char *tool_error;      /* tool_result: NULL = success */
    double duration_ms;          /* tool_result */
    int64_t step_number;         /* 0 in error = null */
    double started_at, completed_at; /* step; completed_at 0 = null */
    const int64_t *usage;        /* step: input, output, total or NULL; usage: the three */
    int has_spending;            /* usage: the five below are written too */
    int64_t cached_tokens, reasoning_tokens;
    double cost, total_cost;     /* dollars, of this call and of the task so far; below 0 = there is no price */
    const char *finish;          /* usage: how an answer ended that is not whole: length, content_filter; or NULL (extra field) */
    int is_recoverable;          /* error */
    int is_truncated;            /* status: the stream stores no more text (extra field) */
};

void orb_event_write(struct orb_buf *b, const struct orb_event_out *event, int64_t seq, int attempt);

/* The bytes of an event read: *out points into *root, which the caller drops
 * with json_decref. ORB_E_INVALID when it is no event. stream_id is left NULL. */
int orb_event_read(const char *json, size_t len, struct orb_event *out, json_t **root, struct orb_error *err) ORB_MUST_CHECK;

/* Who reads a stream leaves out what is old: of an attempt below the highest seen, or not above the last seq of it. */
struct orb_event_order {
    int64_t attempt, seq;    /* seen last */
};
int orb_event_is_old(struct orb_event_order *order, const struct orb_event *event); /* takes note of one that is not */

#endif
