#include "tool/mcp_config.h"
#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const transports[] = { "stdio", "streamable_http", "sse" };

const char *orb_mcp_transport_name(enum orb_mcp_transport transport)
{
    return transports[transport];
}

/* ---- strings ---- */

/* ${NAME} is replaced; what only looks like it stays. */
static void expand(const char *s, struct orb_buf *out)
{
    char name[256];
    while (*s) {
        const char *end = s[0] == '$' && s[1] == '{' ? strchr(s, '}') : NULL;
        size_t len = end ? (size_t)(end - s) - 2 : 0;
        int is_name = len > 0 && len < sizeof name;
        for (size_t i = 0; i < len && is_name; i++)
            is_name = isalnum((unsigned char)s[i + 2]) || s[i + 2] == '_';
        if (!is_name) {
            orb_buf_char(out, *s++);
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)len, s + 2);
        const char *value = getenv(name);
        orb_buf_str(out, value ? value : "");
        s = end + 1;
    }
}

static int take_string(const json_t *value, const char *member, char **out, struct orb_error *err)
{
    struct orb_buf b;
    if (!json_is_string(value))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be a string", member);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: holds a NUL character", member);
    orb_buf_init(&b, ORB_MCP_STRING_MAX);
    orb_buf_str(&b, "");
    expand(json_string_value(value), &b);
    if (b.err) {
        orb_buf_done(&b);
        return orb_error_set(err, ORB_E_CONFIG, "/%s: over %d bytes", member, ORB_MCP_STRING_MAX);
    }
    *out = orb_buf_take(&b);
    return 0;
}

static const json_t *member_of(const json_t *file, const char *name)
{
    const json_t *value = json_object_get(file, name);
    return json_is_null(value) ? NULL : value;
}

static int read_string(const json_t *file, const char *name, char **out, struct orb_error *err)
{
    const json_t *value = member_of(file, name);
    return value ? take_string(value, name, out, err) : 0;
}

static int check_size(const char *name, size_t count, struct orb_error *err)
{
    return count <= ORB_MCP_ITEMS_MAX ? 0 : orb_error_set(err, ORB_E_CONFIG, "/%s: over %d items", name, ORB_MCP_ITEMS_MAX);
}

static int read_args(const json_t *file, char ***out, struct orb_error *err)
{
    const json_t *list = member_of(file, "args"), *item;
    size_t i;
    if (list && !json_is_array(list))
        return orb_error_set(err, ORB_E_CONFIG, "/args: must be an array of strings");
    int rc = check_size("args", json_array_size(list), err);
    if (rc)
        return rc;
    *out = orb_alloc((json_array_size(list) + 1) * sizeof **out);
    json_array_foreach(list, i, item)
        if ((rc = take_string(item, "args", &(*out)[i], err)))
            return rc;
    return 0;
}

/* A name that a line can begin with; is_header: RFC 9110's token. */
static int check_key(const char *member, const char *key, int is_header, struct orb_error *err)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)key[i];
        if (is_header ? !isalnum(c) && !strchr("!#$%&'*+-.^_`|~", c) : c == '=')
            n = 0;
    }
    return n ? 0 : orb_error_set(err, ORB_E_CONFIG, "/%s: '%.60s' cannot be a name", member, key);
}

static int read_pairs(const json_t *file, const char *member, const char *between, char ***out, struct orb_error *err)
{
    const json_t *map = member_of(file, member), *item;
    const char *key;
    int is_header = *between == ':', rc;
    size_t i = 0;
    if (map && !json_is_object(map))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an object of strings", member);
    if ((rc = check_size(member, json_object_size(map), err)))
        return rc;
    *out = orb_alloc((json_object_size(map) + 1) * sizeof **out);
    json_object_foreach((json_t *)(uintptr_t)map, key, item) {
        char *value = NULL;
        if ((rc = check_key(member, key, is_header, err)) || (rc = take_string(item, member, &value, err)))
            return rc;
        if (is_header && strpbrk(value, "\r\n")) {
            free(value);
            return orb_error_set(err, ORB_E_CONFIG, "/%s: the value of '%.60s' has a line break", member, key);
        }
        size_t size = strlen(key) + strlen(between) + strlen(value) + 1;
        char *line = (*out)[i++] = orb_alloc(size);
        snprintf(line, size, "%s%s%s", key, between, value);
        free(value);
    }
    return 0;
}

static int read_names(const json_t *file, const char *member, json_t **out, struct orb_error *err)
{
    json_t *list = json_object_get(file, member), *item;
    size_t i;
    if (!list || json_is_null(list))
        return 0;
    int rc = check_size(member, json_array_size(list), err);
    if (rc)
        return rc;
    if (!json_is_array(list))
        return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an array of names of the server's tools", member);
    json_array_foreach(list, i, item)
        if (!json_is_string(item))
            return orb_error_set(err, ORB_E_CONFIG, "/%s: must be an array of names of the server's tools", member);
    *out = json_incref(list);
    return 0;
}

/* ---- the whole ---- */

static int check_name(const char *name, struct orb_error *err)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < strlen(name); i++)
        if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
            n = 0;
    if (n && n <= ORB_MCP_SERVER_NAME_MAX)
        return 0;
    return orb_error_set(err, ORB_E_CONFIG, "/server: '%.80s': use 1 to %d visible ASCII characters", name, ORB_MCP_SERVER_NAME_MAX);
}

/* The package takes stdio for one that has only a URL, and then refuses it. */
static int read_transport(const json_t *file, struct orb_mcp_config *c, struct orb_error *err)
{
    const json_t *value = member_of(file, "transport");
    const char *word = value ? json_string_value(value) : c->url && !c->command ? transports[ORB_MCP_HTTP] : transports[ORB_MCP_STDIO];
    size_t i = 0;
    while (word && i < ORB_COUNT(transports) && strcmp(transports[i], word) != 0)
        i++;
    if (!word || i == ORB_COUNT(transports))
        return orb_error_set(err, ORB_E_CONFIG, "Server '%s': /transport must be \"stdio\", \"streamable_http\" or \"sse\"", c->name);
    c->transport = (enum orb_mcp_transport)i;
    if (c->transport == ORB_MCP_STDIO && (!c->command || !*c->command))
        return orb_error_set(err, ORB_E_CONFIG, "Server '%s': stdio transport requires 'command'", c->name);
    if (c->transport != ORB_MCP_STDIO && (!c->url || !*c->url))
        return orb_error_set(err, ORB_E_CONFIG, "Server '%s': %s transport requires 'url'", c->name, word);
    return 0;
}

static int read_timeout(const json_t *file, struct orb_mcp_config *c, struct orb_error *err)
{
    const json_t *value = member_of(file, "timeout");
    double seconds = json_number_value(value);
    if (!value)
        return 0;
    if (!json_is_number(value) || !(seconds >= 0.001 && seconds <= 86400))
        return orb_error_set(err, ORB_E_CONFIG, "/timeout: must be a number of seconds from 0.001 to 86400");
    c->timeout_ms = (int64_t)(seconds * 1000);
    return 0;
}

int orb_mcp_config_read(const json_t *file, const char *name, struct orb_mcp_config **out, struct orb_error *err)
{
    int rc = check_name(name, err);
    if (rc)
        return rc;
    struct orb_mcp_config *c = orb_alloc(sizeof *c);
    c->name = orb_strdup(name);
    if ((rc = read_string(file, "command", &c->command, err)) || (rc = read_string(file, "cwd", &c->cwd, err)) ||
        (rc = read_string(file, "url", &c->url, err)) || (rc = read_args(file, &c->args, err)) || (rc = read_pairs(file, "env", "=", &c->env, err)) ||
        (rc = read_pairs(file, "headers", ": ", &c->headers, err)) || (rc = read_names(file, "include", &c->include, err)) ||
        (rc = read_names(file, "exclude", &c->exclude, err)) || (rc = read_transport(file, c, err)) || (rc = read_timeout(file, c, err))) {
        orb_mcp_config_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

static void list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void orb_mcp_config_free(struct orb_mcp_config *c)
{
    if (!c)
        return;
    list_free(c->args);
    list_free(c->env);
    list_free(c->headers);
    json_decref(c->include);
    json_decref(c->exclude);
    free(c->command);
    free(c->cwd);
    free(c->url);
    free(c->name);
    free(c);
}

static int has_name(const json_t *list, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
        if (!strcmp(json_string_value(item), name))
            return 1;
    return 0;
}

int orb_mcp_config_allows(const struct orb_mcp_config *c, const char *tool)
{
    return (!c->include || has_name(c->include, tool)) && !has_name(c->exclude, tool);
}

static size_t put_part(char *out, const char *part)
{
    size_t n = 0;
    for (; part[n]; n++)
        out[n] = isalnum((unsigned char)part[n]) && (unsigned char)part[n] < 0x80 ? part[n] : '_';
    return n;
}

void orb_mcp_join(const char *server, const char *tool, char out[ORB_MCP_JOINED_MAX])
{
    char parts[2][ORB_MCP_TOOL_NAME_MAX + 1];
    snprintf(parts[0], ORB_MCP_SERVER_NAME_MAX + 1, "%s", server);
    snprintf(parts[1], sizeof parts[1], "%s", tool);
    size_t n = 0;
    memcpy(out, "mcp__", 5), n = 5;
    n += put_part(out + n, parts[0]);
    memcpy(out + n, "__", 2), n += 2;
    n += put_part(out + n, parts[1]);
    out[n] = '\0';
}
