#include "model/send.h"

#include <stdio.h>
#include <string.h>

#define HEADER_LINES_MAX 16

void orb_model_host(const char *url, char *out, size_t cap)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t n = strcspn(start, "/?");
    const char *at = memrchr(start, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    snprintf(out, cap, "%.*s", (int)(n < cap ? n : cap - 1), start);
}

int orb_model_send(struct orb_loop *loop, struct orb_model_request *request, const char *const *resets, const struct orb_http_callbacks *callbacks, void *arg,
                   struct orb_http **out, struct orb_error *err)
{
    const char *lines[HEADER_LINES_MAX + 1];
    size_t count = 0, body_len = request->body.len;
    const char *end = request->headers.data + request->headers.len;
    for (const char *p = request->headers.data; p < end && count < HEADER_LINES_MAX; p += strlen(p) + 1)
        lines[count++] = p;
    lines[count] = NULL;
    struct orb_http_request http = {
        .url = request->url, .headers = lines, .body = orb_buf_take(&request->body), .body_len = body_len, .resets = resets,
    };
    int rc = orb_http_start(loop, &http, callbacks, arg, out, err);
    orb_buf_done(&request->headers);
    orb_buf_done(&request->body);
    return rc;
}
