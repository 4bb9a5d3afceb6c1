/* Kind http: what its tool file says (http_tool.c) and one request (http_run.c). */
#ifndef ORB_TOOL_HTTP_TOOL_H
#define ORB_TOOL_HTTP_TOOL_H

#include "base/address.h"
#include "loop/http.h"
#include "tool/tool.h"

#define ORB_TOOL_HEADERS_MAX 32
#define ORB_TOOL_PORTS_MAX 16
#define ORB_TOOL_PRIVATE_MAX 32
#define ORB_TOOL_REDIRECTS_MAX 5

struct orb_http_tool {
    char *method, *url;
    int is_url_argument;       /* the URL is one argument, whole */
    char *headers[ORB_TOOL_HEADERS_MAX + 2]; /* "Name: value", ended by NULL */
    json_t *body;              /* template, or NULL */
    int has_body, is_text_body;/* of the arguments when body is NULL; the template is a string */
    int is_json;
    char *pointer;             /* of the response, NULL = all of it */
    size_t response_max;
    int ports[ORB_TOOL_PORTS_MAX];
    size_t port_count;
    struct orb_network networks[ORB_TOOL_PRIVATE_MAX]; /* addresses that are allowed though they are not public */
    size_t network_count;
    char *hosts[ORB_TOOL_PRIVATE_MAX];                 /* hosts whose addresses are */
    size_t host_count;
};

int orb_http_tool_start(struct orb_tool_call *call, struct orb_error *err);
void orb_http_tool_cancel(struct orb_tool_call *call);

#endif
