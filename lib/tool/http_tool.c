#include "tool/http_tool.h"
#include "base/base.h"
#include "tool/member.h"
#include "tool/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RESPONSE_MAX (4 * 1024 * 1024)
#define HEADER_MAX 8192

static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~";

static void tool_free(struct orb_http_tool *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->headers[i]; i++)
        free(t->headers[i]);
    for (size_t i = 0; i < t->host_count; i++)
        free(t->hosts[i]);
    json_decref(t->body);
    free(t->method);
    free(t->url);
    free(t->pointer);
    free(t);
}

/* ---- URL ---- */

/* Where it goes is the file's to say: arguments stand behind the host. Or they are all of it. */
static int read_url(struct orb_http_tool *t, const json_t *file, const json_t *parameters, struct orb_error *err)
{
    char whole[ORB_HTTP_URL_MAX];
    struct orb_http_url at;
    struct orb_error why = { 0 };
    const char *url = NULL, *first;
    size_t n = 0;
    int rc = orb_member_need(file, "url", "a string, with {name} for arguments", err);
    if (!rc)
        rc = orb_member_text(file, "url", &url, err);
    if (!rc)
        rc = orb_template_check(url, "/url", parameters, err);
    if (rc)
        return rc;
    t->url = orb_strdup(url);
    first = orb_template_next(url, &n);
    t->is_url_argument = first == url && !url[n + 2];
    if (t->is_url_argument)
        return 0;
    const char *host = strstr(url, "://");
    size_t fixed = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : strlen(url);
    if (first && fixed > (size_t)(first - url))
        return orb_error_set(err, ORB_E_CONFIG, "/url: arguments may only stand behind the host, or be the whole URL");
    char *front = orb_memdup(url, fixed);
    if (orb_http_url_read(front, NULL, &at, whole, &why))
        rc = orb_error_set(err, ORB_E_CONFIG, "/url: %s", why.text);
    free(front);
    return rc;
}

/* ---- headers ---- */

/* ${NAME} is the worker's variable. */
static int fill_variables(const char *s, struct orb_buf *out, const char *header, struct orb_error *err)
{
    char name[128];
    for (const char *p = strstr(s, "${"); p; p = strstr(s, "${")) {
        size_t n = strcspn(p + 2, "}");
        if (p[2 + n] != '}' || n == 0 || n >= sizeof name)
            return orb_error_set(err, ORB_E_CONFIG, "/headers/%s: a ${ without its name and }", header);
        snprintf(name, sizeof name, "%.*s", (int)n, p + 2);
        const char *value = getenv(name);
        if (!value || !*value)
            return orb_error_set(err, ORB_E_CONFIG, "/headers/%s: %s is not set; set it in the worker's environment", header, name);
        orb_buf_add(out, s, (size_t)(p - s));
        orb_buf_str(out, value);
        s = p + n + 3;
    }
    orb_buf_str(out, s);
    return 0;
}

static int read_header(struct orb_http_tool *t, size_t at, const char *name, const char *value, struct orb_error *err)
{
    struct orb_buf line;
    if (!*name || strspn(name, token) != strlen(name))
        return orb_error_set(err, ORB_E_CONFIG, "/headers/%.60s: is no name of a header", name);
    if (!strcasecmp(name, "host") || !strcasecmp(name, "content-length") || !strcasecmp(name, "transfer-encoding"))
        return orb_error_set(err, ORB_E_CONFIG, "/headers/%s: is made from the request; leave it out", name);
    if (t->is_url_argument && strstr(value, "${"))
        return orb_error_set(err, ORB_E_CONFIG, "/headers/%s: no ${...} when the URL is an argument: the model would choose who gets it", name);
    orb_buf_init(&line, HEADER_MAX);
    orb_buf_printf(&line, "%s: ", name);
    int rc = fill_variables(value, &line, name, err);
    for (size_t i = 0; !rc && !line.err && i < line.len; i++)
        if ((unsigned char)line.data[i] < ' ' || line.data[i] == 0x7f)
            rc = orb_error_set(err, ORB_E_CONFIG, "/headers/%s: holds a control character", name);
    if (!rc && line.err)
        rc = orb_error_set(err, ORB_E_CONFIG, "/headers/%s: is over %d bytes", name, HEADER_MAX);
    if (!rc)
        t->headers[at] = orb_buf_take(&line);
    orb_buf_done(&line);
    return rc;
}

static int read_headers(struct orb_http_tool *t, const json_t *file, struct orb_error *err)
{
    const json_t *headers = NULL;
    const char *name;
    json_t *value;
    size_t at = 0;
    int rc = orb_member_map(file, "headers", &headers, err), has_type = 0;
    if (!rc && json_object_size(headers) > ORB_TOOL_HEADERS_MAX)
        rc = orb_error_set(err, ORB_E_CONFIG, "/headers: at most %d", ORB_TOOL_HEADERS_MAX);
    json_object_foreach((json_t *)(uintptr_t)headers, name, value) {
        if (!rc)
            rc = read_header(t, at, name, json_string_value(value), err);
        has_type |= !strcasecmp(name, "content-type");
        at += !rc;
    }
    if (!rc && t->has_body && !has_type)
        t->headers[at] = orb_strdup(t->is_text_body ? "Content-Type: application/x-www-form-urlencoded" : "Content-Type: application/json");
    return rc;
}

/* ---- method and body ---- */

static int read_request(struct orb_http_tool *t, const json_t *file, const json_t *parameters, struct orb_error *err)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD" };
    const char *method = "GET";
    size_t i = 0;
    int rc = orb_member_text(file, "method", &method, err);
    if (rc)
        return rc;
    while (i < ORB_COUNT(methods) && strcmp(methods[i], method) != 0)
        i++;
    if (i == ORB_COUNT(methods))
        return orb_error_set(err, ORB_E_CONFIG, "/method: must be GET, POST, PUT, PATCH, DELETE or HEAD");
    t->method = orb_strdup(method);
    t->body = json_incref(json_object_get(file, "body"));
    t->has_body = i >= 1 && i <= 3;
    t->is_text_body = json_is_string(t->body);
    if (t->body && !t->has_body)
        return orb_error_set(err, ORB_E_CONFIG, "/body: a %s has none", method);
    return t->body ? orb_template_check_value(t->body, "/body", parameters, err) : 0;
}

/* ---- response ---- */

static int read_response(struct orb_http_tool *t, const json_t *file, struct orb_error *err)
{
    const char *output = "text", *pointer = NULL;
    int64_t response_max = RESPONSE_MAX;
    int rc = orb_member_text(file, "output", &output, err);
    if (!rc)
        rc = orb_member_text(file, "pointer", &pointer, err);
    if (!rc)
        rc = orb_member_int(file, "response_max", 1, 256 * 1024 * 1024, &response_max, err);
    if (!rc && strcmp(output, "text") != 0 && strcmp(output, "json") != 0)
        rc = orb_error_set(err, ORB_E_CONFIG, "/output: must be \"text\" or \"json\"");
    if (!rc && pointer && *pointer != '/')
        rc = orb_error_set(err, ORB_E_CONFIG, "/pointer: must begin with a slash: \"/items/0/title\"");
    if (rc)
        return rc;
    t->is_json = pointer || !strcmp(output, "json");
    t->pointer = pointer ? orb_strdup(pointer) : NULL;
    t->response_max = (size_t)response_max;
    return 0;
}

/* ---- where it may go ---- */

static int read_ports(struct orb_http_tool *t, const json_t *file, struct orb_error *err)
{
    const json_t *ports = json_object_get(file, "ports"), *one;
    size_t i;
    if (!ports) {
        t->ports[0] = 80;
        t->ports[1] = 443;
        t->port_count = 2;
        return 0;
    }
    if (!json_array_size(ports) || json_array_size(ports) > ORB_TOOL_PORTS_MAX)
        return orb_error_set(err, ORB_E_CONFIG, "/ports: must be an array of 1 to %d ports", ORB_TOOL_PORTS_MAX);
    json_array_foreach(ports, i, one) {
        if (!json_is_integer(one) || json_integer_value(one) < 1 || json_integer_value(one) > 65535)
            return orb_error_set(err, ORB_E_CONFIG, "/ports/%zu: must be a port, 1 to 65535", i);
        t->ports[t->port_count++] = (int)json_integer_value(one);
    }
    return 0;
}

static int read_private(struct orb_http_tool *t, const json_t *file, struct orb_error *err)
{
    const json_t *list = NULL, *one;
    size_t i;
    int rc = orb_member_texts(file, "allow_private", ORB_TOOL_PRIVATE_MAX, &list, err);
    json_array_foreach(list, i, one) {
        const char *s = json_string_value(one);
        if (rc)
            return rc;
        if (orb_network_parse(s, &t->networks[t->network_count]) == 0) {
            t->network_count++;
            continue;
        }
        if (!*s || strlen(s) > 253 || strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._") != strlen(s))
            return orb_error_set(err, ORB_E_CONFIG, "/allow_private/%zu: '%.60s' is no network (10.0.0.0/8), address or host", i, s);
        t->hosts[t->host_count++] = orb_strdup(s);
    }
    return rc;
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct orb_http_tool *t = orb_alloc(sizeof *t);
    const json_t *parameters = json_object_get(file, "parameters");
    struct orb_tool *tool = NULL;
    int rc = read_request(t, file, parameters, err);
    if (!rc)
        rc = read_url(t, file, parameters, err);
    if (!rc)
        rc = read_headers(t, file, err);
    if (!rc)
        rc = read_response(t, file, err);
    if (!rc)
        rc = read_ports(t, file, err);
    if (!rc)
        rc = read_private(t, file, err);
    if (!rc)
        rc = orb_toolbox_add(toolbox, &orb_tool_kind_http, file, &tool, err);
    if (rc)
        tool_free(t);
    else
        tool->data = t;
    return rc;
}

static void done(struct orb_tool *tool)
{
    tool_free(tool->data);
}

const struct orb_tool_kind orb_tool_kind_http = {
    .name = "http",
    .help = "an HTTP request made from the arguments",
    .members = "method  GET (default), POST, PUT, PATCH, DELETE or HEAD\n"
               "url  string: {name} becomes the argument, percent-encoded; one {name} alone is a whole URL\n"
               "headers  object of strings: ${NAME} is a variable of the worker\n"
               "body  JSON with {name} in its strings, or a string with {name} percent-encoded (default: the arguments as JSON)\n"
               "output  \"text\" (default) or \"json\": then the response must be JSON\n"
               "pointer  string: the part of the JSON response that is the result, a JSON pointer\n"
               "response_max  integer: more bytes of a response are an error (default 4194304)\n"
               "ports  array of integers: where it may connect (default 80 and 443)\n"
               "allow_private  array of strings: networks, addresses and hosts that are not of the public Internet and allowed",
    .load = load,
    .start = orb_http_tool_start,
    .cancel = orb_http_tool_cancel,
    .done = done,
};
