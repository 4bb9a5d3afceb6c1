/* Redis URLs. A * in the text stands for a secret word: what may be a password
 * is never shown, neither by the mask nor by an error. */
#include "fuzz/fuzz.h"
#include "base/url.h"
#include <orbiter/client.h>

#include <stdio.h>

#define SECRET "qx7zk9vw"
#define PIECE 4 /* so much of it in a row is a leak */

static char *put_secret(const char *text)
{
    struct orb_buf b;
    orb_buf_init(&b, 16 * 1024 * 1024);
    orb_buf_str(&b, "");
    for (; *text; text++) {
        if (*text == '*')
            orb_buf_str(&b, SECRET);
        else
            orb_buf_char(&b, *text);
    }
    return orb_buf_take(&b);
}

static int shows_secret(const char *text)
{
    char piece[PIECE + 1];
    for (size_t i = 0; i + PIECE <= strlen(SECRET); i++) {
        snprintf(piece, sizeof piece, "%.*s", PIECE, &SECRET[i]);
        if (strcasestr(text, piece))
            return 1;
    }
    return 0;
}

/* Is there a secret in front of the last @, and none behind it? Then it is one of a
 * password, in whatever way the URL is read, unless that @ belongs to an option. */
static int is_secret_in_front(const char *url)
{
    const char *at = strrchr(url, '@'), *query = strchr(url, '?'), *secret = strstr(url, SECRET);
    return at && secret && secret < at && (!query || at < query) && !shows_secret(at) && !strchr(at, '%');
}

static int is_in_hosts(const struct orb_redis_url *u)
{
    int found = shows_secret(u->host);
    for (int i = 0; i < u->sentinel_count; i++)
        found |= shows_secret(u->sentinels[i].host);
    return found;
}

static void put_encoded(struct orb_buf *b, const char *s)
{
    for (; *s; s++)
        orb_buf_printf(b, "%%%02X", (unsigned char)*s);
}

static void put_host(struct orb_buf *b, const char *host, int port)
{
    put_encoded(b, host);
    orb_buf_printf(b, ":%d", port);
}

/* The URL of what was read is read as the same. */
static void check_again(const struct orb_redis_url *u)
{
    struct orb_redis_url again;
    struct orb_error err;
    struct orb_buf b;
    orb_buf_init(&b, 64 * 1024);
    orb_buf_str(&b, u->path[0] ? "unix" : u->is_tls ? "rediss" : "redis");
    orb_buf_str(&b, u->master[0] ? "+sentinel://" : "://");
    put_encoded(&b, u->user);
    orb_buf_char(&b, ':');
    put_encoded(&b, u->password);
    orb_buf_char(&b, '@');
    for (int i = 0; i < u->sentinel_count; i++) {
        orb_buf_str(&b, i ? "," : "");
        put_host(&b, u->sentinels[i].host, u->sentinels[i].port);
    }
    if (u->master[0])
        orb_buf_printf(&b, "/%s", u->master);
    else if (!u->path[0])
        put_host(&b, u->host, u->port);
    if (u->path[0]) {
        orb_buf_char(&b, '/');
        put_encoded(&b, u->path + 1);
    }
    orb_buf_printf(&b, "?db=%d", u->db);
    if (u->master[0]) {
        orb_buf_str(&b, "&sentinel_user=");
        put_encoded(&b, u->sentinel_user);
        orb_buf_str(&b, "&sentinel_password=");
        put_encoded(&b, u->sentinel_password);
    }
    ORB_ASSERT(!b.err && !orb_redis_url_parse(b.data, &again, &err));
    ORB_ASSERT(!strcmp(u->user, again.user) && !strcmp(u->password, again.password) && !strcmp(u->path, again.path));
    ORB_ASSERT(!strcmp(u->host, again.host) && u->port == again.port && u->db == again.db && u->is_tls == again.is_tls);
    ORB_ASSERT(!strcmp(u->master, again.master) && u->sentinel_count == again.sentinel_count);
    ORB_ASSERT(!strcmp(u->sentinel_user, again.sentinel_user) && !strcmp(u->sentinel_password, again.sentinel_password));
    for (int i = 0; i < u->sentinel_count; i++)
        ORB_ASSERT(!strcmp(u->sentinels[i].host, again.sentinels[i].host) && u->sentinels[i].port == again.sentinels[i].port);
    orb_buf_done(&b);
}

static void check_parts(const struct orb_redis_url *u)
{
    ORB_ASSERT(u->port >= 1 && u->port <= 65535 && u->db >= 0);
    ORB_ASSERT(!!u->path[0] + !!u->host[0] + !!u->master[0] == 1);
    ORB_ASSERT(!u->path[0] || u->path[0] == '/');
    ORB_ASSERT(!u->master[0] == !u->sentinel_count && u->sentinel_count <= ORB_SENTINELS_MAX);
    ORB_ASSERT(fuzz_is_ascii(u->host, strlen(u->host)));
    for (int i = 0; i < u->sentinel_count; i++) {
        const struct orb_redis_address *at = &u->sentinels[i];
        ORB_ASSERT(at->host[0] && at->port >= 1 && at->port <= 65535 && fuzz_is_ascii(at->host, strlen(at->host)));
    }
}

/* Of whatever length it may be, it is the beginning of the whole one. */
static void check_caps(const char *url, const char *mask)
{
    for (size_t cap = 1; cap < 48; cap++) {
        char *small = malloc(cap);
        ORB_ASSERT(small);
        orb_redis_url_mask(url, small, cap);
        ORB_ASSERT(strlen(small) < cap && !strncmp(small, mask, strlen(small)));
        ORB_ASSERT(strlen(small) == (strlen(mask) < cap ? strlen(mask) : cap - 1));
        free(small);
    }
}

static void check_url(const char *url)
{
    struct orb_redis_url u;
    struct orb_error err = { 0 }, again = { 0 };
    char mask[4096];
    int rc = orb_redis_url_parse(url, &u, &err);
    ORB_ASSERT(orb_redis_url_check(url, &again) == rc);
    orb_redis_url_mask(url, mask, sizeof mask);
    ORB_ASSERT(fuzz_is_ascii(mask, strlen(mask)) && strstr(mask, "***"));
    check_caps(url, mask);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(rc == ORB_E_CONFIG && !strcmp(err.text, again.text) && !strcmp(mask, "redis://***"));
        ORB_ASSERT(!shows_secret(err.text));
        return;
    }
    check_parts(&u);
    check_again(&u);
    ORB_ASSERT(!is_in_hosts(&u) || !is_secret_in_front(url));
    ORB_ASSERT(is_in_hosts(&u) || !shows_secret(mask));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *url = put_secret(text);
    check_url(url);
    free(url);
    free(text);
    return 0;
}
