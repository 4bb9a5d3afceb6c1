/* HTTP requests on the loop, through one libcurl multi handle. */
#ifndef ORB_LOOP_HTTP_H
#define ORB_LOOP_HTTP_H

#include "loop/loop.h"

struct sockaddr;

/* The parts of a URL that decide where it goes. */
struct orb_http_url {
    char scheme[8];       /* "http" or "https" */
    char host[256];       /* lower case, without [] */
    int port;             /* the scheme's unless given */
};
#define ORB_HTTP_URL_MAX 4096
/* Reads url, relative to base when that is not NULL; whole is the complete URL. ORB_E_INVALID: not a URL, another scheme than http
 * and https, a user or password in it, too long. */
int orb_http_url_read(const char *url, const char *base, struct orb_http_url *out, char whole[ORB_HTTP_URL_MAX], struct orb_error *err) ORB_MUST_CHECK;

/* Strings are copied at start, but the body's memory is taken (malloc). */
struct orb_http_request {
    const char *url;
    const char *const *headers;   /* "Name: value" lines, NULL at the end; may be NULL */
    char *body;                   /* NULL = none */
    size_t body_len;
    const char *method;           /* NULL = POST with a body, else GET */
    int connect_timeout_ms;       /* 0 = 10,000 */
    const char *const *resets;    /* names of headers that tell when a limit is reset, NULL at the end; borrowed until done; may be NULL */
    /* Asked for each address that a connection would go to, with the arg of the callbacks; 0 = not there. With it the
     * connection is a new one and takes no proxy, so that the address is the server's. */
    int (*may_connect)(void *arg, const struct sockaddr *address);
};

struct orb_http_response {
    int status;                   /* HTTP status */
    const char *content_type;     /* "" when absent; lower case */
    int64_t retry_after_ms;       /* retry-after-ms, else retry-after (seconds or date); -1 = none */
    int should_retry;             /* x-should-retry: 1, 0, -1 = none */
    int64_t reset_ms;             /* the last of the request's resets; -1 = none */
};
/* The last header of this name, in any letter case, NULL = none. Valid until done has returned; from head on. */
struct orb_http;
const char *orb_http_header(const struct orb_http *http, const char *name);

struct orb_http_callbacks {
    /* Once, before the first byte of the body. */
    void (*head)(void *arg, const struct orb_http_response *response);
    void (*data)(void *arg, const char *data, size_t len);
    /* Exactly once, last; the handle is freed after it, unless orb_http_again
     * was called inside. code: 0 = the body is
     * complete; ORB_E_MODEL_NETWORK (could not connect, TLS, reset), ORB_E_MODEL_TRUNCATED
     * (ended early), ORB_E_CONFIG (the URL is none), ORB_E_CANCELLED, ORB_E_NOMEM. is_connect: the connection was never made,
     * so nothing was sent. */
    void (*done)(void *arg, int code, int is_connect, const char *text);
};

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
