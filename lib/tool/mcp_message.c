/* JSON-RPC 2.0 as MCP uses it. */
#include "base/base.h"
#include "base/utf8.h"
#include "tool/mcp_wire.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct orb_json_limits limits = { ORB_MCP_MESSAGE_MAX, ORB_MCP_VALUES_MAX, 100 };

/* ---- reading ---- */

/* 0 when it is none. */
static int classify(const json_t *value, struct orb_mcp_message *m)
{
    const json_t *id = json_object_get(value, "id"), *error = json_object_get(value, "error");
    const json_t *result = json_object_get(value, "result");
    const char *method = orb_json_get_str(value, "method", NULL);
    *m = (struct orb_mcp_message){ .number = -1, .method = method, .params = json_object_get(value, "params") };
    if (!json_is_object(value))
        return 0;
    if (method) {
        m->kind = json_is_string(id) || json_is_integer(id) ? ORB_MCP_REQUEST : ORB_MCP_NOTIFICATION;
        m->id = id;
        return 1;
    }
    if (json_is_integer(id) && json_integer_value(id) > 0)
        m->number = json_integer_value(id);
    if (json_is_object(error)) {
        m->kind = ORB_MCP_ERROR;
        m->code = orb_json_get_int(error, "code", 0);
        m->text = orb_json_get_str(error, "message", "no message");
        m->data = json_object_get(error, "data");
        return 1;
    }
    m->kind = ORB_MCP_RESULT;
    m->result = result;
    return json_is_object(result);
}

int orb_mcp_read(const char *text, size_t len, orb_mcp_message_fn fn, void *arg, size_t *count, struct orb_error *err)
{
    struct orb_error why = { 0 };
    struct orb_mcp_message message;
    size_t i, n = 0;
    const json_t *item;
    json_t *root = orb_json_parse(text, len, &limits, &why);
    if (!root)
        return orb_error_set(err, ORB_E_PROTOCOL, "not a message of MCP: %s", why.text);
    if (json_is_array(root))
        json_array_foreach(root, i, item)
            if (classify(item, &message))
                fn(arg, &message), n++;
    if (classify(root, &message))
        fn(arg, &message), n++;
    json_decref(root);
    if (!n)
        return orb_error_set(err, ORB_E_PROTOCOL, "not a message of MCP: JSON, but neither a request nor a response");
    *count = n;
    return 0;
}

/* ---- progress ---- */

static void put_number(struct orb_buf *out, const json_t *value)
{
    char text[32];
    snprintf(text, sizeof text, "%.10g", json_number_value(value));
    orb_buf_str(out, text);
}

int64_t orb_mcp_progress_read(const json_t *params, struct orb_buf *text)
{
    const json_t *token = json_object_get(params, "progressToken"), *progress = json_object_get(params, "progress");
    const json_t *total = json_object_get(params, "total"), *message = json_object_get(params, "message");
    if (!json_is_integer(token) || json_integer_value(token) <= 0 || !json_is_number(progress))
        return -1;
    put_number(text, progress);
    if (json_is_number(total)) {
        orb_buf_char(text, '/');
        put_number(text, total);
    }
    if (json_string_length(message)) {
        orb_buf_char(text, ' ');
        orb_buf_add(text, json_string_value(message), orb_utf8_truncate(json_string_value(message), strlen(json_string_value(message)), ORB_MCP_PROGRESS_MAX));
    }
    return json_integer_value(token);
}

/* ---- what is too long to be read ---- */

static int64_t number_at(const char *p, const char *end)
{
    int64_t n = 0;
    const char *from;
    while (p < end && (*p == ' ' || *p == ':'))
        p++;
    for (from = p; p < end && isdigit((unsigned char)*p) && p - from < 18; p++)
        n = n * 10 + (*p - '0');
    return p == from || p == end || isdigit((unsigned char)*p) || *p == '.' ? -1 : n;
}

/* A member "id" of the outermost object. */
static int64_t id_in_head(const char *s, size_t len)
{
    const char *end = s + len;
    int depth = 0;
    for (const char *p = s; p < end; p++) {
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        if (*p != '"')
            continue;
        const char *from = ++p;
        while (p < end && *p != '"')
            p += *p == '\\' && p + 1 < end ? 2 : 1;
        if (p >= end)
            return -1;
        int is_key = p + 1 < end && (p[1] == ':' || p[1] == ' ');
        if (depth == 1 && is_key && p - from == 2 && from[0] == 'i' && from[1] == 'd')
            return number_at(p + 1, end);
    }
    return -1;
}

int64_t orb_mcp_guess_id(const char *head, size_t head_len, const char *tail, size_t tail_len)
{
    int64_t id = id_in_head(head, head_len);
    if (id >= 0 || !tail_len)
        return id;
    const char *end = tail + tail_len, *p = end;
    while (p > tail && (p[-1] == '\r' || p[-1] == ' '))
        p--;
    if (p == tail || *--p != '}')
        return -1;
    end = p + 1;
    while (p > tail && (isdigit((unsigned char)p[-1]) || p[-1] == ' ' || p[-1] == ':'))
        p--;
    return p - tail >= 5 && !memcmp(p - 4, "\"id\"", 4) && (p[-5] == ',' || p[-5] == ' ') ? number_at(p, end) : -1;
}

/* ---- writing ---- */

/* token: what the server is to name in its news of the call's progress; 0 = none. */
static void put_meta(struct orb_buf *out, int is_modern, int64_t token)
{
    orb_buf_str(out, "\"_meta\": {");
    if (is_modern)
        orb_buf_str(out, "\"io.modelcontextprotocol/protocolVersion\": \"" ORB_MCP_MODERN "\", "
                         "\"io.modelcontextprotocol/clientInfo\": {\"name\": \"orbiter\", \"version\": \"" ORB_VERSION "\"}, "
                         "\"io.modelcontextprotocol/clientCapabilities\": {}");
    if (token)
        orb_buf_printf(out, "%s\"progressToken\": %lld", is_modern ? ", " : "", (long long)token);
    orb_buf_char(out, '}');
}

static void put_params(struct orb_buf *out, const struct orb_mcp_outgoing *m)
{
    const char *comma = "";
    orb_buf_str(out, ", \"params\": {");
    if (!strcmp(m->method, "initialize")) {
        orb_buf_str(out, "\"protocolVersion\": \"" ORB_MCP_LEGACY "\", \"capabilities\": {}, "
                         "\"clientInfo\": {\"name\": \"orbiter\", \"version\": \"" ORB_VERSION "\"}");
        comma = ", ";
    }
    if (m->name) {
        orb_buf_str(out, "\"name\": ");
        orb_json_str(out, m->name, strlen(m->name));
        comma = ", ";
    }
    if (json_object_size(m->arguments)) {
        orb_buf_printf(out, "%s\"arguments\": ", comma);
        orb_json_dump(out, m->arguments);
        comma = ", ";
    }
    if (m->cursor) {
        orb_buf_printf(out, "%s\"cursor\": ", comma);
        orb_json_str(out, m->cursor, strlen(m->cursor));
        comma = ", ";
    }
    if (m->cancelled) {
        orb_buf_printf(out, "%s\"requestId\": %lld, \"reason\": \"the task no longer waits for it\"", comma, (long long)m->cancelled);
        comma = ", ";
    }
    if (m->is_modern || m->name) {
        orb_buf_str(out, comma);
        put_meta(out, m->is_modern, m->name ? m->id : 0);
    }
    orb_buf_char(out, '}');
}

void orb_mcp_write(struct orb_buf *out, const struct orb_mcp_outgoing *m)
{
    orb_buf_str(out, "{\"jsonrpc\": \"2.0\", ");
    if (m->id)
        orb_buf_printf(out, "\"id\": %lld, ", (long long)m->id);
    orb_buf_printf(out, "\"method\": \"%s\"", m->method);
    put_params(out, m);
    orb_buf_char(out, '}');
}

int orb_mcp_write_answer(struct orb_buf *out, const struct orb_mcp_message *request)
{
    if (json_is_string(request->id) && json_string_length(request->id) > ORB_MCP_ID_MAX)
        return 0;
    orb_buf_str(out, "{\"jsonrpc\": \"2.0\", \"id\": ");
    orb_json_dump(out, request->id);
    if (!strcmp(request->method, "ping"))
        orb_buf_str(out, ", \"result\": {}}");
    else
        orb_buf_str(out, ", \"error\": {\"code\": -32601, \"message\": \"Method not found: this client offers no capabilities\"}}");
    return 1;
}
