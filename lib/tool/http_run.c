/* One request of kind http. Redirects are followed here, so that each step is checked like the first. */
#include "base/base.h"
#include "tool/http_tool.h"
#include "tool/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (4 * 1024 * 1024)
#define ERROR_BODY 1000 /* bytes of an error's body that the model is shown */

struct run {
    struct orb_tool_call *call;
    const struct orb_http_tool *tool;
    struct orb_http *http;
    char url[ORB_HTTP_URL_MAX];
    struct orb_http_url at;
    const char *method;
    char *body;               /* what is sent, or NULL */
    size_t body_len;
    int hops, is_elsewhere;   /* elsewhere: another origin than the file's; the file's headers are not for it */
    struct orb_buf response;
    int status, is_too_large, is_location_cut;
    char location[ORB_HTTP_URL_MAX];
    char refused[160];        /* the address that was not allowed */
};

static void run_free(struct run *r)
{
    orb_buf_done(&r->response);
    free(r->body);
    free(r);
}

/* ---- where it may go ---- */

static int check_port(const struct run *r, struct orb_error *err)
{
    for (size_t i = 0; i < r->tool->port_count; i++)
        if (r->tool->ports[i] == r->at.port)
            return 0;
    return orb_error_set(err, ORB_E_TOOL, "port %d of %s is not allowed; its tool file's \"ports\" says which are", r->at.port, r->at.host);
}

static int may_connect(void *arg, const struct sockaddr *address)
{
    struct run *r = arg;
    char text[ORB_ADDRESS_TEXT];
    const char *word = orb_address_special(address);
    for (size_t i = 0; word && i < r->tool->network_count; i++)
        if (orb_network_has(&r->tool->networks[i], address))
            return 1;
    for (size_t i = 0; word && i < r->tool->host_count; i++)
        if (!strcasecmp(r->tool->hosts[i], r->at.host))
            return 1;
    if (!word)
        return 1;
    orb_address_text(address, text);
    snprintf(r->refused, sizeof r->refused, "%s is a %s address", text, word);
    return 0;
}

/* ---- the response ---- */

static void on_head(void *arg, const struct orb_http_response *response)
{
    struct run *r = arg;
    const char *location = orb_http_header(r->http, "location");
    r->status = response->status;
    *r->location = '\0';
    r->is_location_cut = 0;
    if (r->status >= 301 && r->status <= 308 && r->status != 304 && r->status != 305 && r->status != 306 && location)
        r->is_location_cut = snprintf(r->location, sizeof r->location, "%s", location) >= (int)sizeof r->location;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct run *r = arg;
    if (len > r->tool->response_max - r->response.len) {
        r->is_too_large = 1;
        orb_http_cancel(r->http);
        return;
    }
    orb_buf_add(&r->response, data, len);
}

static void end_json(struct run *r)
{
    const struct orb_http_tool *t = r->tool;
    const char *name = r->call->tool->name;
    struct orb_error why = { 0 };
    struct orb_buf b;
    struct orb_json_limits limits = orb_json_limits_default;
    limits.max_bytes = t->response_max;
    json_t *value = orb_json_parse(r->response.data ? r->response.data : "", r->response.len, &limits, &why);
    const json_t *part = value && t->pointer ? orb_pointer_get(value, t->pointer) : value;
    orb_buf_init(&b, 8 * t->response_max);
    if (!value)
        orb_tool_call_fail(r->call, "Tool '%s' failed: the response of %s is not JSON: %s", name, r->at.host, why.text);
    else if (!part)
        orb_tool_call_fail(r->call, "Tool '%s' failed: the response of %s has no %s", name, r->at.host, t->pointer);
    else if (json_is_string(part))
        orb_tool_call_end(r->call, json_string_value(part), json_string_length(part), NULL);
    else if (orb_json_dump(&b, part), b.err)
        orb_tool_call_fail(r->call, "Tool '%s' failed: the response of %s is too large", name, r->at.host);
    else
        orb_tool_call_end(r->call, b.data, b.len, NULL);
    orb_buf_done(&b);
    json_decref(value);
}

static void end_response(struct run *r)
{
    const char *name = r->call->tool->name, *data = r->response.data ? r->response.data : "";
    size_t len = r->response.len;
    if (r->status >= 400 || r->status < 200 || (r->status >= 300 && r->status != 304))
        orb_tool_call_fail(r->call, "Tool '%s' failed: %s answered with HTTP status %d%s%.*s", name, r->at.host, r->status, len ? ": " : "",
                           len > ERROR_BODY ? ERROR_BODY : (int)len, data);
    else if (r->tool->is_json)
        end_json(r);
    else
        orb_tool_call_end(r->call, data, len, NULL);
}

/* ---- sending ---- */

static void on_done(void *arg, int code, int is_connect, const char *text);

static int request(struct run *r, struct orb_error *err)
{
    static const struct orb_http_callbacks callbacks = { on_head, on_data, on_done };
    static const char *const none[] = { NULL };
    int rc = check_port(r, err);
    if (rc)
        return rc;
    *r->refused = '\0';
    orb_buf_reset(&r->response);
    struct orb_http_request request = {
        .url = r->url, .headers = r->is_elsewhere ? none : (const char *const *)r->tool->headers, .method = r->method,
        .body = r->body ? orb_memdup(r->body, r->body_len) : NULL, .body_len = r->body_len, .may_connect = may_connect,
    };
    return orb_http_start(r->call->loop, &request, &callbacks, r, &r->http, err);
}

static int redirect(struct run *r, struct orb_error *err)
{
    char whole[ORB_HTTP_URL_MAX];
    struct orb_http_url at;
    if (++r->hops > ORB_TOOL_REDIRECTS_MAX)
        return orb_error_set(err, ORB_E_TOOL, "over %d redirects", ORB_TOOL_REDIRECTS_MAX);
    if (r->is_location_cut)
        return orb_error_set(err, ORB_E_TOOL, "%s redirects to a URL of over %d bytes", r->at.host, ORB_HTTP_URL_MAX - 1);
    int rc = orb_http_url_read(r->location, r->url, &at, whole, err);
    if (rc)
        return rc;
    if (!strcmp(r->at.scheme, "https") && strcmp(at.scheme, "https") != 0)
        return orb_error_set(err, ORB_E_TOOL, "%s redirects from https to http", r->at.host);
    r->is_elsewhere |= strcmp(at.scheme, r->at.scheme) != 0 || strcmp(at.host, r->at.host) != 0 || at.port != r->at.port;
    /* As browsers do. */
    if (r->status == 303 || (r->status < 303 && !strcmp(r->method, "POST"))) {
        r->method = !strcmp(r->method, "HEAD") ? "HEAD" : "GET";
        free(r->body);
        r->body = NULL;
        r->body_len = 0;
    }
    if (r->body && r->is_elsewhere)
        return orb_error_set(err, ORB_E_TOOL, "%s redirects what was sent to another server", r->at.host);
    memcpy(r->url, whole, sizeof whole);
    r->at = at;
    return request(r, err);
}

static void on_done(void *arg, int code, int is_connect, const char *text)
{
    struct run *r = arg;
    struct orb_error why = { 0 };
    const char *name = r->call->tool->name;
    (void)is_connect;
    r->http = NULL;
    if (r->is_too_large)
        orb_tool_call_fail(r->call, "Tool '%s' failed: the response of %s is over %zu bytes", name, r->at.host, r->tool->response_max);
    else if (code && *r->refused)
        orb_tool_call_fail(r->call, "Tool '%s' failed: %s must not be asked: %s; its tool file's \"allow_private\" says which are allowed", name,
                           r->at.host, r->refused);
    else if (code)
        orb_tool_call_fail(r->call, "Tool '%s' failed: no response of %s: %s", name, r->at.host, text);
    else if (*r->location && !r->call->is_cancelled && !r->call->is_over) {
        if (redirect(r, &why) == 0)
            return;
        orb_tool_call_fail(r->call, "Tool '%s' failed: %s", name, orb_error_message(&why));
    } else
        end_response(r);
    run_free(r);
}

/* ---- starting ---- */

static char path_byte(const char **p)
{
    static const char hex[] = "0123456789abcdef";
    const char *s = *p, *high = s[0] == '%' && s[1] ? strchr(hex, tolower((unsigned char)s[1])) : NULL;
    const char *low = high && s[2] ? strchr(hex, tolower((unsigned char)s[2])) : NULL;
    *p += low ? 3 : 1;
    return low ? (char)((high - hex) << 4 | (low - hex)) : *s;
}

/* Many servers decode %2F before they look for "..": no argument leads to another part of them. */
static int check_path(const char *url, struct orb_error *err)
{
    const char *p = strstr(url, "://");
    char part[4] = "";
    size_t n = 0;
    for (p = p ? p + 3 : url; *p && !strchr("/?#", *p); p++)
        ;
    for (;;) {
        int is_end = !*p || *p == '?' || *p == '#';
        char c = is_end ? '/' : path_byte(&p);
        if (c != '/' && c != '\\') {
            if (n < 3)
                part[n++] = c;
            continue;
        }
        part[n] = '\0';
        if (!strcmp(part, ".") || !strcmp(part, ".."))
            return orb_error_set(err, ORB_E_INVALID, "an argument must not bring '%s' between the slashes of the URL's path", part);
        if (is_end)
            return 0;
        n = 0;
    }
}

static int make_url(struct run *r, struct orb_error *err)
{
    const struct orb_http_tool *t = r->tool;
    struct orb_buf url;
    int rc = 0, is_too_large = 0;
    orb_buf_init(&url, ORB_HTTP_URL_MAX);
    if (t->is_url_argument) {
        json_t *value = json_string(t->url), *whole = orb_template_value(value, r->call->arguments, &is_too_large);
        if (json_is_string(whole))
            orb_buf_add(&url, json_string_value(whole), strlen(json_string_value(whole)));
        json_decref(value);
        json_decref(whole);
    } else {
        orb_template_encode(t->url, r->call->arguments, &url);
    }
    if (url.err || is_too_large)
        rc = orb_error_set(err, ORB_E_INVALID, "the URL is over %d bytes", ORB_HTTP_URL_MAX);
    if (!rc && !t->is_url_argument && url.data)
        rc = check_path(url.data, err);
    if (!rc)
        rc = orb_http_url_read(url.data ? url.data : "", NULL, &r->at, r->url, err);
    orb_buf_done(&url);
    return rc;
}

static int make_body(struct run *r, struct orb_error *err)
{
    const struct orb_http_tool *t = r->tool;
    struct orb_buf body;
    int is_too_large = 0;
    if (!t->has_body)
        return 0;
    orb_buf_init(&body, BODY_MAX);
    if (t->is_text_body) {
        orb_template_encode(json_string_value(t->body), r->call->arguments, &body);
    } else {
        json_t *value = t->body ? orb_template_value(t->body, r->call->arguments, &is_too_large) : json_incref(r->call->arguments);
        orb_json_dump(&body, value);
        json_decref(value);
    }
    if (body.err || is_too_large) {
        orb_buf_done(&body);
        return orb_error_set(err, ORB_E_TOO_LARGE, "what is to be sent is over %d bytes", BODY_MAX);
    }
    r->body_len = body.len;
    r->body = body.len ? orb_buf_take(&body) : orb_strdup("");
    return 0;
}

int orb_http_tool_start(struct orb_tool_call *call, struct orb_error *err)
{
    struct run *r = orb_alloc(sizeof *r);
    r->call = call;
    r->tool = call->tool->data;
    r->method = r->tool->method;
    orb_buf_init(&r->response, r->tool->response_max);
    int rc = make_url(r, err);
    if (!rc)
        rc = make_body(r, err);
    if (!rc)
        rc = request(r, err);
    if (rc)
        run_free(r);
    else
        call->state = r;
    return rc;
}

void orb_http_tool_cancel(struct orb_tool_call *call)
{
    struct run *r = call->state;
    if (r->http)
        orb_http_cancel(r->http);
}
