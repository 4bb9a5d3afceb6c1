#include "base/url.h"
#include "base/base.h"

#include <orbiter/client.h>
#include <stdio.h>
#include <string.h>

/* No message here quotes any part of the URL: when a password holds / ? # or @
 * as they are, pieces of it end up where host, port or options are looked for. */
#define ENCODE_HINT "write / ? # and @ in a user or password as %2F %3F %23 %40"

static int fail(struct orb_error *err, const char *what)
{
    return orb_error_set(err, ORB_E_CONFIG, "Redis URL: %s", what);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* As redis-py does it: a % without two hex digits stays what it is. Fails when
 * the result does not fit or holds a NUL. */
static int decode(const char *s, size_t n, char *out, size_t cap)
{
    size_t at, used = 0;

    for (at = 0; at < n; at++) {
        char c = s[at];

        if (c == '%' && n - at > 2 && hex_value(s[at + 1]) >= 0 && hex_value(s[at + 2]) >= 0) {
            c = (char)(hex_value(s[at + 1]) * 16 + hex_value(s[at + 2]));
            at += 2;
        }
        if (c == '\0' || used + 1 >= cap)
            return -1;
        out[used++] = c;
    }
    out[used] = '\0';
    return 0;
}

static int parse_userinfo(const char *s, size_t n, struct orb_redis_url *u, struct orb_error *err)
{
    const char *colon = memchr(s, ':', n);
    size_t user_len = colon ? (size_t)(colon - s) : n;

    if (decode(s, user_len, u->user, sizeof(u->user)) != 0)
        return fail(err, "the user is longer than 127 bytes or holds a NUL byte");
    if (colon && decode(colon + 1, n - user_len - 1, u->password, sizeof(u->password)) != 0)
        return fail(err, "the password is longer than 511 bytes or holds a NUL byte");
    return 0;
}

/* What remains can be shown and given to a resolver. */
static int is_host_text(const char *s)
{
    for (; *s; s++) {
        if (*s <= ' ' || *s >= 0x7f || strchr("/?#@[]\\\"<>", *s))
            return 0;
    }
    return 1;
}

static int parse_number(const char *s, size_t n, int64_t lo, int64_t hi, int *out)
{
    char text[16];
    int64_t v;

    if (n >= sizeof(text))
        return -1;
    memcpy(text, s, n);
    text[n] = '\0';
    if (orb_parse_int(text, lo, hi, &v) != 0)
        return -1;
    *out = (int)v;
    return 0;
}

static int parse_host_port(const char *s, size_t n, struct orb_redis_url *u, struct orb_error *err)
{
    const char *end = s + n, *host = s, *host_end, *p;

    if (n > 0 && *s == '[') {
        host = s + 1;
        host_end = memchr(s, ']', n);
        if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
            return fail(err, "the [ of an IPv6 address is not closed before the port");
        p = host_end + 1;
    } else {
        host_end = memchr(s, ':', n);
        host_end = host_end ? host_end : end;
        p = host_end;
    }
    if (decode(host, (size_t)(host_end - host), u->host, sizeof(u->host)) != 0 || !is_host_text(u->host))
        return fail(err, "the host is not a name or an address; " ENCODE_HINT);
    for (char *c = u->host; *c; c++) /* as redis-py; names have no case */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (end - p > 1 && parse_number(p + 1, (size_t)(end - p) - 1, 1, 65535, &u->port) != 0)
        return fail(err, "the port is not a number from 1 to 65535; write an IPv6 address in []; " ENCODE_HINT);
    return 0;
}

static int parse_authority(const char *s, size_t n, int is_unix, struct orb_redis_url *u, struct orb_error *err)
{
    const char *at = memrchr(s, '@', n);

    if (at) {
        int rc = parse_userinfo(s, (size_t)(at - s), u, err);

        if (rc != 0)
            return rc;
        n -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    if (!is_unix)
        return parse_host_port(s, n, u, err);
    return n == 0 ? 0 : fail(err, "a unix socket needs an absolute path: unix:///path/to.sock; " ENCODE_HINT);
}

static int parse_path(const char *s, size_t n, int is_unix, struct orb_redis_url *u, struct orb_error *err)
{
    if (is_unix) {
        if (n < 2)
            return fail(err, "a unix socket needs a path: unix:///path/to.sock");
        if (decode(s, n, u->path, sizeof(u->path)) != 0)
            return fail(err, "the socket's path is longer than 107 bytes or holds a NUL byte");
        return 0;
    }
    if (n > 1 && s[n - 1] == '/')
        n--;
    if (n > 1 && parse_number(s + 1, n - 1, 0, INT32_MAX, &u->db) != 0)
        return fail(err, "the path is not a database number such as /0; " ENCODE_HINT);
    return 0;
}

/* db=N; it wins over the path. */
static int parse_query(const char *s, struct orb_redis_url *u, struct orb_error *err)
{
    while (*s) {
        size_t n = strcspn(s, "&");

        if (strncmp(s, "db=", 3) != 0)
            return fail(err, "after the ? only db=N is supported; " ENCODE_HINT);
        if (n > 3 && parse_number(s + 3, n - 3, 0, INT32_MAX, &u->db) != 0)
            return fail(err, "db is not a number; " ENCODE_HINT);
        s += n + (s[n] == '&');
    }
    return 0;
}

/* Leaves host empty when the URL names none. */
static int parse(const char *url, struct orb_redis_url *u, struct orb_error *err)
{
    static const char *const schemes[] = {"redis://", "rediss://", "unix://"};
    size_t scheme, authority_len, path_len;
    const char *p;
    int rc;

    *u = (struct orb_redis_url){.port = 6379};
    if (!url || !*url)
        return fail(err, "none is given; a local server is redis://localhost:6379");
    for (p = url; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return fail(err, "it holds a space, line end or control character");
    }
    for (scheme = 0; scheme < ORB_COUNT(schemes); scheme++) {
        if (strncmp(url, schemes[scheme], strlen(schemes[scheme])) == 0)
            break;
    }
    if (scheme == ORB_COUNT(schemes))
        return fail(err, "it must begin with redis://, rediss:// or unix://");
    p = url + strlen(schemes[scheme]);
    u->is_tls = scheme == 1;
    if (strchr(p, '#'))
        return fail(err, "it holds a #; " ENCODE_HINT);
    authority_len = strcspn(p, "/?");
    rc = parse_authority(p, authority_len, scheme == 2, u, err);
    p += authority_len;
    path_len = strcspn(p, "?");
    if (rc == 0)
        rc = parse_path(p, path_len, scheme == 2, u, err);
    p += path_len;
    return rc == 0 && *p == '?' ? parse_query(p + 1, u, err) : rc;
}

int orb_redis_url_parse(const char *url, struct orb_redis_url *out, struct orb_error *err)
{
    struct orb_redis_url u;
    int rc = parse(url, &u, err);

    if (rc == 0) {
        if (!u.path[0] && !u.host[0])
            memcpy(u.host, "localhost", sizeof("localhost"));
        *out = u;
    }
    explicit_bzero(u.password, sizeof(u.password));
    return rc;
}

int orb_redis_url_check(const char *url, struct orb_error *err)
{
    struct orb_redis_url u;
    int rc = parse(url, &u, err);

    explicit_bzero(u.password, sizeof(u.password));
    return rc;
}

void orb_redis_url_mask(const char *url, char *out, size_t cap)
{
    struct orb_redis_url u;

    if (parse(url, &u, NULL) != 0)
        (void)snprintf(out, cap, "redis://***");
    else if (u.path[0])
        (void)snprintf(out, cap, "unix://***");
    else
        (void)snprintf(out, cap, strchr(u.host, ':') ? "redis://[%s]:%d/***" : "redis://%s:%d/***",
                       u.host[0] ? u.host : "unknown", u.port);
    explicit_bzero(u.password, sizeof(u.password));
}
