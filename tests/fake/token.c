/* Google's token endpoint: POST /token with a JWT that a service account has signed. The query is the script:
 *   key=FILE    the account's public key in PEM: the signature must be by it
 *   life=N      seconds that the token is said to be good (3600)
 *   status=N    refuse with this HTTP status; fails=N only the first so many
 *   stall=1     never answer */
#include "dialect.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define SCOPE "https://www.googleapis.com/auth/cloud-platform"

static int64_t given, refused; /* the newest token is the only good one */

int token_is_path(const char *path)
{
    return strncmp(path, "/token?", 7) == 0;
}

int token_is_good(const char *token)
{
    char good[64];
    snprintf(good, sizeof(good), "ya29.fake-%lld", (long long)given);
    return token && strcmp(token, good) == 0;
}

/* Allocated; NULL when it is not there. */
static char *setting(const char *path, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = strchr(path, '?'); p; p = strchr(p + 1, '&'))
        if (strncmp(p + 1, name, n) == 0 && p[n + 1] == '=')
            return strndup(p + n + 2, strcspn(p + n + 2, "&"));
    return NULL;
}

static int64_t number(const char *path, const char *name, int64_t def)
{
    char *text = setting(path, name);
    int64_t value = text ? atoll(text) : def;
    free(text);
    return value;
}

/* base64url without padding, allocated and terminated; NULL when it is none. */
static unsigned char *decode(const char *text, size_t len, size_t *out_len)
{
    char *padded = malloc(len + 4);
    unsigned char *out = malloc(len + 4);
    size_t n = len;
    for (size_t i = 0; i < len; i++)
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i] == '+' || text[i] == '/' || text[i] == '=' ? '!' : text[i];
    while (n % 4)
        padded[n++] = '=';
    int got = EVP_DecodeBlock(out, (unsigned char *)padded, (int)n);
    free(padded);
    if (got < 0 || len % 4 == 1) {
        free(out);
        return NULL;
    }
    *out_len = (size_t)got - (n - len);
    out[*out_len] = '\0';
    return out;
}

static int is_signed(const char *path, const char *text, size_t len, const unsigned char *signature, size_t signature_len)
{
    char *name = setting(path, "key");
    FILE *file = name ? fopen(name, "re") : NULL;
    EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int is_good = key && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                  EVP_DigestVerify(ctx, signature, signature_len, (const unsigned char *)text, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (file)
        fclose(file);
    free(name);
    return is_good;
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* NULL, or what is wrong with the claims. */
static const char *wrong_claims(const char *path, const json_t *header, const json_t *claims)
{
    int64_t iat = json_integer_value(json_object_get(claims, "iat")), exp = json_integer_value(json_object_get(claims, "exp")), now = time(NULL);
    const char *aud = word(claims, "aud");
    size_t n = strlen(path), m = strlen(aud);
    if (strcmp(word(header, "alg"), "RS256") || strcmp(word(header, "typ"), "JWT"))
        return "Invalid JWT header";
    if (!*word(claims, "iss") || strcmp(word(claims, "scope"), SCOPE))
        return "Invalid iss or scope";
    if (m < n || strcmp(aud + m - n, path))
        return "Invalid aud";
    if (iat > now + 60 || iat < now - 300 || exp <= now || exp > iat + 3600)
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe";
    return NULL;
}

/* NULL, or what is wrong; *claims is the caller's. */
static const char *wrong_assertion(const char *path, const char *text, size_t len, json_t **claims)
{
    const char *dot = memchr(text, '.', len), *end = text + len;
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    if (!dot2)
        return "Bad JWT";
    size_t header_len = 0, claims_len = 0, signature_len = 0;
    unsigned char *h = decode(text, (size_t)(dot - text), &header_len), *c = decode(dot + 1, (size_t)(dot2 - dot - 1), &claims_len);
    unsigned char *s = decode(dot2 + 1, (size_t)(end - dot2 - 1), &signature_len);
    json_t *header = h ? json_loadb((char *)h, header_len, 0, NULL) : NULL;
    *claims = c ? json_loadb((char *)c, claims_len, 0, NULL) : NULL;
    const char *why = wrong_claims(path, header, *claims);
    if (!s || !is_signed(path, text, (size_t)(dot2 - text), s, signature_len))
        why = "Invalid JWT Signature.";
    json_decref(header);
    free(h);
    free(c);
    free(s);
    return why;
}

static void answer(struct conn *c, int64_t status, json_t *body_take)
{
    char *text = json_dumps(body_take, JSON_INDENT(2)), head[256];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %lld Scripted\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                     (long long)status, strlen(text));
    conn_send(c, head, (size_t)n);
    conn_send(c, text, strlen(text));
    free(text);
    json_decref(body_take);
}

void token_serve(struct conn *c, int64_t n, const char *path, const char *body, size_t len)
{
    static const char grant[] = GRANT;
    size_t skip = sizeof(grant) - 1;
    int64_t status = number(path, "status", 0), life = number(path, "life", 3600);
    json_t *claims = NULL;
    char token[64];
    const char *why = len < skip || memcmp(body, grant, skip) ? "Invalid grant_type" : wrong_assertion(path, body + skip, len - skip, &claims);
    ledger_request(n, path, NULL, NULL, NULL, NULL, claims ? claims : json_null());
    json_decref(claims);
    if (number(path, "stall", 0))
        return;
    if (number(path, "large", 0)) { /* and no end */
        static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
        char *filler = malloc(1 << 20);
        memset(filler, 'x', 1 << 20);
        conn_send(c, head, sizeof(head) - 1);
        conn_send(c, filler, 1 << 20);
        free(filler);
        return;
    }
    int64_t fails = number(path, "fails", -1);
    if (status && fails >= 0 && refused++ >= fails)
        status = 0;
    if (status || why) {
        answer(c, status ? status : 400, json_pack("{s:s, s:s}", "error", "invalid_grant", "error_description", why ? why : "the script asked for this"));
        return;
    }
    snprintf(token, sizeof(token), "ya29.fake-%lld", (long long)++given);
    answer(c, 200, json_pack("{s:s, s:I, s:s}", "access_token", token, "expires_in", (json_int_t)life, "token_type", "Bearer"));
}
