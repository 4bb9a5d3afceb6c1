#include "base/url.h"
#include "base/base.h"

#include <orbiter/client.h>
#include <stdio.h>
#include <string.h>

/* No message here quotes any part of the URL: when a password holds / ? # or @
 * as they are, pieces of it end up where host, port or options are looked for. */
#define ENCODE_HINT "write / ? # and @ in a user or password as %2F %3F %23 %40"

enum scheme { TCP, TLS, UNIX, SENTINEL, TLS_SENTINEL };

static int is_sentinel(enum scheme scheme)
{
    return scheme == SENTINEL || scheme == TLS_SENTINEL;
}

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

static int parse_host_port(const char *s, size_t n, char host_out[256], int *port, struct orb_error *err)
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
    if (decode(host, (size_t)(host_end - host), host_out, 256) != 0 || !is_host_text(host_out))
        return fail(err, "the host is not a name or an address; " ENCODE_HINT);
    for (char *c = host_out; *c; c++) /* as redis-py; names have no case */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (end - p > 1 && parse_number(p + 1, (size_t)(end - p) - 1, 1, 65535, port) != 0)
        return fail(err, "the port is not a number from 1 to 65535; write an IPv6 address in []; " ENCODE_HINT);
    return 0;
}

static int parse_sentinels(const char *s, size_t n, struct orb_redis_url *u, struct orb_error *err)
{
    const char *end = s + n;

    while (s <= end) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        const char *stop = comma ? comma : end;
        struct orb_redis_address *to = &u->sentinels[u->sentinel_count];
        int rc;

        if (stop == s)
            return fail(err, "it names no Sentinel, or an empty one: redis+sentinel://host:26379,host:26379/master");
        if (u->sentinel_count++ == ORB_SENTINELS_MAX)
            return fail(err, "it names more than 8 Sentinels");
        to->port = 26379;
        rc = parse_host_port(s, (size_t)(stop - s), to->host, &to->port, err);
        if (rc == 0 && !to->host[0])
            rc = fail(err, "a Sentinel without a host; " ENCODE_HINT);
        if (rc != 0)
            return rc;
        s = stop + 1;
    }
    return 0;
}

static int parse_authority(const char *s, size_t n, enum scheme scheme, struct orb_redis_url *u, struct orb_error *err)
{
    const char *at = memrchr(s, '@', n);

    if (at) {
        int rc = parse_userinfo(s, (size_t)(at - s), u, err);

        if (rc != 0)
            return rc;
        n -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    if (is_sentinel(scheme))
        return parse_sentinels(s, n, u, err);
    if (scheme != UNIX)
        return parse_host_port(s, n, u->host, &u->port, err);
    return n == 0 ? 0 : fail(err, "a unix socket needs an absolute path: unix:///path/to.sock; " ENCODE_HINT);
}

/* "/master" before the database; *s and *n move behind it. */
static int parse_master(const char **s, size_t *n, struct orb_redis_url *u, struct orb_error *err)
{
    const char *slash = *n > 1 ? memchr(*s + 1, '/', *n - 1) : NULL;
    size_t len = slash ? (size_t)(slash - *s) : *n;

    if (len < 2 || decode(*s + 1, len - 1, u->master, sizeof(u->master)) != 0 ||
        u->master[strspn(u->master, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")])
        return fail(err, "after the Sentinels the primary's name is needed, as in redis+sentinel://host:26379/mymaster "
                         "(1 to 127 of the characters A-Z a-z 0-9 . _ -); " ENCODE_HINT);
    *s += len;
    *n -= len;
    return 0;
}

static int parse_path(const char *s, size_t n, enum scheme scheme, struct orb_redis_url *u, struct orb_error *err)
{
    if (scheme == UNIX) {
        if (n < 2)
            return fail(err, "a unix socket needs a path: unix:///path/to.sock");
        if (decode(s, n, u->path, sizeof(u->path)) != 0)
            return fail(err, "the socket's path is longer than 107 bytes or holds a NUL byte");
        return 0;
    }
    if (is_sentinel(scheme)) {
        int rc = parse_master(&s, &n, u, err);

        if (rc != 0)
            return rc;
    }
    if (n > 1 && s[n - 1] == '/')
        n--;
    if (n > 1 && parse_number(s + 1, n - 1, 0, INT32_MAX, &u->db) != 0)
        return fail(err, "the path is not a database number such as /0; " ENCODE_HINT);
    return 0;
}

static size_t skip(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(s, prefix, n) == 0 ? n : 0;
}

/* db=N; it wins over the path. */
static int parse_query(const char *s, enum scheme scheme, struct orb_redis_url *u, struct orb_error *err)
{
    while (*s) {
        size_t n = strcspn(s, "&"), at;

        if (is_sentinel(scheme) && (at = skip(s, "sentinel_user=")) > 0) {
            if (decode(s + at, n - at, u->sentinel_user, sizeof(u->sentinel_user)) != 0)
                return fail(err, "sentinel_user is longer than 127 bytes or holds a NUL byte");
        } else if (is_sentinel(scheme) && (at = skip(s, "sentinel_password=")) > 0) {
            if (decode(s + at, n - at, u->sentinel_password, sizeof(u->sentinel_password)) != 0)
                return fail(err, "sentinel_password is longer than 511 bytes or holds a NUL byte");
        } else if (skip(s, "db=") == 0) {
            return fail(err, is_sentinel(scheme) ? "after the ? only db=N, sentinel_user= and sentinel_password= are supported; " ENCODE_HINT
                                                 : "after the ? only db=N is supported; " ENCODE_HINT);
        } else if (n > 3 && parse_number(s + 3, n - 3, 0, INT32_MAX, &u->db) != 0) {
            return fail(err, "db is not a number; " ENCODE_HINT);
        }
        s += n + (s[n] == '&');
    }
    return 0;
}

static void wipe(struct orb_redis_url *u)
{
    explicit_bzero(u->password, sizeof(u->password));
    explicit_bzero(u->sentinel_password, sizeof(u->sentinel_password));
}

/* Leaves host empty when the URL names none. */
static int parse(const char *url, struct orb_redis_url *u, struct orb_error *err)
{
    static const char *const schemes[] = {
        [TCP] = "redis://", [TLS] = "rediss://", [UNIX] = "unix://",
        [SENTINEL] = "redis+sentinel://", [TLS_SENTINEL] = "rediss+sentinel://",
    };
    unsigned scheme;
    size_t authority_len, path_len;
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
        return fail(err, "it must begin with redis://, rediss://, unix:// or redis+sentinel://");
    p = url + strlen(schemes[scheme]);
    u->is_tls = scheme == TLS || scheme == TLS_SENTINEL;
    if (strchr(p, '#'))
        return fail(err, "it holds a #; " ENCODE_HINT);
    authority_len = strcspn(p, "/?");
    rc = parse_authority(p, authority_len, scheme, u, err);
    p += authority_len;
    path_len = strcspn(p, "?");
    if (rc == 0)
        rc = parse_path(p, path_len, scheme, u, err);
    p += path_len;
    return rc == 0 && *p == '?' ? parse_query(p + 1, scheme, u, err) : rc;
}

int orb_redis_url_parse(const char *url, struct orb_redis_url *out, struct orb_error *err)
{
    struct orb_redis_url u;
    int rc = parse(url, &u, err);

    if (rc == 0) {
        if (!u.path[0] && !u.host[0] && !u.master[0])
            memcpy(u.host, "localhost", sizeof("localhost"));
        *out = u;
    }
    wipe(&u);
    return rc;
}

int orb_redis_url_check(const char *url, struct orb_error *err)
{
    struct orb_redis_url u;
    int rc = parse(url, &u, err);

    wipe(&u);
    return rc;
}

static void mask_sentinels(const struct orb_redis_url *u, char *out, size_t cap)
{
    size_t used = (size_t)snprintf(out, cap, "redis+sentinel://");

    for (int i = 0; i < u->sentinel_count && used < cap; i++) {
        const struct orb_redis_address *at = &u->sentinels[i];

        used += (size_t)snprintf(out + used, cap - used, strchr(at->host, ':') ? "%s[%s]:%d" : "%s%s:%d", i > 0 ? "," : "",
                                 at->host, at->port);
    }
    if (used < cap)
        (void)snprintf(out + used, cap - used, "/***");
}

void orb_redis_url_mask(const char *url, char *out, size_t cap)
{
    struct orb_redis_url u;

    if (parse(url, &u, NULL) != 0)
        (void)snprintf(out, cap, "redis://***");
    else if (u.path[0])
        (void)snprintf(out, cap, "unix://***");
    else if (u.master[0])
        mask_sentinels(&u, out, cap);
    else
        (void)snprintf(out, cap, strchr(u.host, ':') ? "redis://[%s]:%d/***" : "redis://%s:%d/***",
                       u.host[0] ? u.host : "unknown", u.port);
    wipe(&u);
}
