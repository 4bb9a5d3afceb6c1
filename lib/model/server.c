#include "model/server.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MIN 4       /* a shorter key would be found everywhere */
#define SECRET_MORE_MIN 16

const char *orb_server_setting(const char *name)
{
    const char *value = name ? getenv(name) : NULL;
    return value && *value ? value : NULL;
}

const char *orb_server_key_name(const struct orb_server *server)
{
    const struct orb_server_header *keys = server ? server->keys : NULL;
    for (const char *const *name = server ? server->key_names : NULL; name && *name; name++)
        if (orb_server_setting(*name) || !name[1])
            return *name;
    for (const struct orb_server_header *key = keys; key && key->name; key++)
        if (orb_server_setting(key->env))
            return key->env;
    return keys && keys->name ? keys->env : "";
}

const char *orb_server_base_name(const struct orb_server *server)
{
    return server && server->base_env ? server->base_env : "";
}

int orb_server_url(const struct orb_server *server, const char *path, char url[ORB_REQUEST_URL_MAX], struct orb_error *err)
{
    const char *base = orb_server_setting(server->base_env);
    const char *name = server->base_env ? server->base_env : "base_url";
    if (!base)
        base = server->base_url;
    if (!base)
        return orb_error_set(err, ORB_E_CONFIG, "%s is not set; set it in the worker's environment and start the worker again", name);
    if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)
        return orb_error_set(err, ORB_E_CONFIG, "%s must begin with http:// or https://", name);
    size_t len = strcspn(base, "?"); /* some servers want a version in the query */
    const char *query = base + len;
    while (len > 0 && base[len - 1] == '/')
        len--;
    /* Both may have a query: the path's comes first. */
    const char *join = *query && strchr(path, '?') ? "&" : query;
    int n = snprintf(url, ORB_REQUEST_URL_MAX, "%.*s%s%s%s", (int)len, base, path, join == query ? query : "&", join == query ? "" : query + 1);
    if (n < 0 || n >= ORB_REQUEST_URL_MAX)
        return orb_error_set(err, ORB_E_CONFIG, "%s is over %d bytes", name, ORB_REQUEST_URL_MAX - 256);
    return 0;
}

/* What no key has, or (is_key 0) no header. */
static int is_bad(unsigned char c, int is_key)
{
    return c < ' ' || c >= 0x7f || (is_key && c == ' ');
}

static int put_header(struct orb_buf *b, const struct orb_server_header *header, int is_key, struct orb_error *err)
{
    const char *value = header->env ? orb_server_setting(header->env) : "";
    if (!value)
        return 0;
    for (const char *p = value; *p; p++)
        if (is_bad((unsigned char)*p, is_key))
            return orb_error_set(err, is_key ? ORB_E_MODEL_AUTH : ORB_E_CONFIG, "%s on the worker holds a %scharacter that no %s has; set it anew",
                                 header->env, is_key ? "blank or another " : "", is_key ? "key" : "header");
    orb_buf_printf(b, "%s: %s%s", header->name, header->prefix, value);
    orb_buf_char(b, '\0');
    return 0;
}

static int put_key(const struct orb_server *server, struct orb_buf *b, struct orb_error *err)
{
    const struct orb_server_header *key = server->keys;
    while (key && key->name && !orb_server_setting(key->env))
        key++;
    if (key && key->name)
        return put_header(b, key, 1, err);
    if (server->is_key_optional || !key || (server->base_url && orb_server_setting(server->base_env)))
        return 0;
    return orb_error_set(err, ORB_E_MODEL_AUTH, "%s is not set; set it in the worker's environment and start the worker again",
                         orb_server_key_name(server));
}

int orb_server_headers(const struct orb_server *server, const char *token, struct orb_buf *b, struct orb_error *err)
{
    static const char fixed[] = "Content-Type: application/json\0Accept: text/event-stream\0Accept-Encoding: identity";
    orb_buf_add(b, fixed, sizeof(fixed)); /* with its last NUL */
    if (server->fixed) {
        orb_buf_str(b, server->fixed);
        orb_buf_char(b, '\0');
    }
    if (token) {
        orb_buf_printf(b, "Authorization: Bearer %s", token);
        orb_buf_char(b, '\0');
    }
    int rc = token ? 0 : put_key(server, b, err);
    for (const struct orb_server_header *h = server->more; !rc && h && h->name; h++)
        rc = put_header(b, h, 0, err);
    if (!rc && b->err)
        rc = orb_error_set(err, ORB_E_CONFIG, "%s or another setting of the provider is too long", orb_server_key_name(server));
    return rc;
}

void orb_server_hide(const char *secret, char *text)
{
    size_t n = secret ? strlen(secret) : 0;
    if (n < SECRET_MIN)
        return;
    for (char *p = text; (p = strstr(p, secret)); p++) {
        memset(p, '*', 3);
        memmove(p + 3, p + n, strlen(p + n) + 1);
    }
}

void orb_server_hide_keys(const struct orb_server *server, char *text)
{
    for (const struct orb_server_header *h = server ? server->keys : NULL; h && h->name; h++)
        orb_server_hide(orb_server_setting(h->env), text);
    /* Other headers hold keys now and then, and names more often. */
    for (const struct orb_server_header *h = server ? server->more : NULL; h && h->name; h++)
        if (orb_server_setting(h->env) && strlen(getenv(h->env)) >= SECRET_MORE_MIN)
            orb_server_hide(getenv(h->env), text);
}
