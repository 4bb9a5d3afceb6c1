/* HTTP requests on the loop, through one libcurl multi handle. */
#ifndef ORB_LOOP_HTTP_H
#define ORB_LOOP_HTTP_H

#include "loop/loop.h"

/* Strings are copied at start, but the body's memory is taken (malloc). */
struct orb_http_request {
    const char *url;
    const char *const *headers;   /* "Name: value" lines, NULL at the end; may be NULL */
    char *body;                   /* POST with this body; NULL = GET */
    size_t body_len;
    int connect_timeout_ms;       /* 0 = 10,000 */
    const char *const *resets;    /* names of headers that tell when a limit is reset, NULL at the end; borrowed until done; may be NULL */
};

struct orb_http_response {
    int status;                   /* HTTP status */
    const char *content_type;     /* "" when absent; lower case */
    int64_t retry_after_ms;       /* retry-after-ms, else retry-after (seconds or date); -1 = none */
    int should_retry;             /* x-should-retry: 1, 0, -1 = none */
    int64_t reset_ms;             /* the last of the request's resets; -1 = none */
};

struct orb_http_callbacks {
    /* Once, before the first byte of the body. */
    void (*head)(void *arg, const struct orb_http_response *response);
    void (*data)(void *arg, const char *data, size_t len);
    /* Exactly once, last; the handle is freed after it, unless orb_http_again
     * was called inside. code: 0 = the body is
     * complete; ORB_E_MODEL_NETWORK (could not connect, TLS, reset), ORB_E_MODEL_TRUNCATED
     * (ended early), ORB_E_CANCELLED, ORB_E_NOMEM. is_connect: the connection was never made,
     * so nothing was sent. */
    void (*done)(void *arg, int code, int is_connect, const char *text);
};

struct orb_http;
int orb_http_start(struct orb_loop *loop, struct orb_http_request *request_take_body,
                   const struct orb_http_callbacks *callbacks, void *arg,
                   struct orb_http **out, struct orb_error *err) ORB_MUST_CHECK;
/* Closes the connection at once; done comes later with ORB_E_CANCELLED. May be called from
 * inside head or data. No head or data after it. */
void orb_http_cancel(struct orb_http *http);
/* Only inside done, after is_connect: sends the same request once more, and
 * done will be called once more. */
void orb_http_again(struct orb_http *http);

#endif
