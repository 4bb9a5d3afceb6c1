#include "base/jwt.h"
#include "base/base.h"
#include "base/json.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define SIGNATURE_MAX 2048 /* a key of 16,384 bits */
#define HEADER_MAX 2048

static void put_base64url(struct orb_buf *b, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        for (size_t k = 0; k <= n; k++)
            orb_buf_char(b, digits[v >> (18 - 6 * k) & 63]);
    }
}

static int digit_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int orb_base64_decode(const char *text, size_t len, struct orb_buf *out)
{
    unsigned v = 0;
    size_t digits = 0, pads = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        int digit = digit_of(c);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=' && ++pads <= 2)
            continue;
        if (digit < 0 || pads)
            return ORB_E_INVALID;
        v = (v << 6 | (unsigned)digit) & 0xffffff;
        if (++digits % 4 != 1)
            orb_buf_char(out, (char)(v >> (4 - 2 * ((digits - 2) % 4)) & 0xff));
    }
    if (digits % 4 == 1)
        return ORB_E_INVALID;
    return out->err;
}

/* A key with a pass phrase is refused: nobody is there to be asked. */
static int no_password(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    if (key && EVP_PKEY_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error(); /* libcurl and libevent look at this thread's errors, too */
    return key;
}

static int sign(EVP_PKEY *key, struct orb_buf *out, size_t from)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int is_ok = ctx && (size_t)EVP_PKEY_size(key) <= sizeof(signature) && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, (const unsigned char *)out->data + from, out->len - from) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!is_ok)
        return ORB_E_CONFIG;
    orb_buf_char(out, '.');
    put_base64url(out, signature, len);
    return out->err;
}

int orb_jwt_sign(const char *pem, const char *key_id, const char *claims, struct orb_buf *out, struct orb_error *err)
{
    struct orb_buf header;
    size_t from = out->len;
    EVP_PKEY *key = read_key(pem);
    if (!key)
        return orb_error_set(err, ORB_E_CONFIG, "the private key is no RSA key in PEM without a pass phrase");
    orb_buf_init(&header, HEADER_MAX);
    orb_buf_str(&header, "{\"alg\": \"RS256\", \"typ\": \"JWT\"");
    if (key_id && *key_id) {
        orb_buf_str(&header, ", \"kid\": ");
        orb_json_str(&header, key_id, strlen(key_id));
    }
    orb_buf_char(&header, '}');
    int rc = header.err;
    if (!rc) {
        put_base64url(out, header.data, header.len);
        orb_buf_char(out, '.');
        put_base64url(out, claims, strlen(claims));
        rc = out->err ? out->err : sign(key, out, from);
    }
    orb_buf_done(&header);
    EVP_PKEY_free(key);
    return rc ? orb_error_set(err, rc, "the token cannot be signed: %s", rc == ORB_E_CONFIG ? "the private key does not work" : orb_error_text(rc)) : 0;
}
