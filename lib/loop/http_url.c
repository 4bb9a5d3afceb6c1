#include "loop/http.h"
#include "base/base.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static int part(CURLU *u, CURLUPart which, unsigned flags, char *out, size_t cap)
{
    char *value = NULL;
    if (curl_url_get(u, which, &value, flags))
        return -1;
    size_t n = strlen(value);
    int fits = n < cap;
    if (fits)
        memcpy(out, value, n + 1);
    curl_free(value);
    return fits ? 0 : -1;
}

static int has_part(CURLU *u, CURLUPart which)
{
    char *value = NULL;
    int has = curl_url_get(u, which, &value, 0) == CURLUE_OK;
    curl_free(value);
    return has;
}

/* What follows a bracket of IPv6 or a zone is not the host's. */
static void plain_host(char *host)
{
    size_t n = strlen(host);
    if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
    for (; *host; host++)
        *host = (char)tolower((unsigned char)*host);
}

static int read_parts(CURLU *u, const char *url, const char *base, struct orb_http_url *out, char *whole, struct orb_error *err)
{
    struct orb_http_url parts;
    char port[8];
    int64_t number;
    if ((base && curl_url_set(u, CURLUPART_URL, base, 0)) || curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS))
        return orb_error_set(err, ORB_E_INVALID, "'%.200s' is not a URL", url);
    if (part(u, CURLUPART_SCHEME, 0, parts.scheme, sizeof parts.scheme) || (strcmp(parts.scheme, "http") && strcmp(parts.scheme, "https")))
        return orb_error_set(err, ORB_E_INVALID, "'%.200s': only http:// and https:// are allowed", url);
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        return orb_error_set(err, ORB_E_INVALID, "a user or password in a URL is not allowed; use a header");
    if (part(u, CURLUPART_HOST, 0, parts.host, sizeof parts.host) || !*parts.host)
        return orb_error_set(err, ORB_E_INVALID, "'%.200s' has no host, or too long a one", url);
    if (part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) || orb_parse_int(port, 1, 65535, &number))
        return orb_error_set(err, ORB_E_INVALID, "'%.200s' has no valid port", url);
    if (part(u, CURLUPART_URL, 0, whole, ORB_HTTP_URL_MAX))
        return orb_error_set(err, ORB_E_INVALID, "a URL over %d bytes", ORB_HTTP_URL_MAX);
    plain_host(parts.host);
    parts.port = (int)number;
    *out = parts;
    return 0;
}

int orb_http_url_read(const char *url, const char *base, struct orb_http_url *out, char whole[ORB_HTTP_URL_MAX], struct orb_error *err)
{
    CURLU *u = curl_url();
    if (!u)
        return orb_error_set(err, ORB_E_NOMEM, "no memory for a URL");
    int rc = read_parts(u, url, base, out, whole, err);
    curl_url_cleanup(u);
    return rc;
}
