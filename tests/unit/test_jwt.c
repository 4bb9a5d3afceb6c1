#include "base/base.h"
#include "base/json.h"
#include "base/jwt.h"
#include "model/model.h"
#include "support/child.h"
#include "support/rsa.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct test_rsa rsa;

static int setup(void **state)
{
    (void)state;
    test_rsa_make(&rsa);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_rsa_done(&rsa);
    return 0;
}

/* ---- base64 ---- */

static void expect_decoded(const char *text, const char *data, size_t len)
{
    struct orb_buf b;
    orb_buf_init(&b, 1024);
    int rc = orb_base64_decode(text, strlen(text), &b);
    if (!data) {
        assert_int_equal(rc, ORB_E_INVALID);
    } else {
        assert_int_equal(rc, 0);
        assert_int_equal(b.len, len);
        if (len)
            assert_memory_equal(b.data, data, len);
    }
    orb_buf_done(&b);
}

static void base64(void **state)
{
    static const struct {
        const char *text, *data;
    } cases[] = {
        { "", "" },         { "Zg==", "f" },         { "Zm8=", "fo" },      { "Zm9v", "foo" },   { "Zm9vYg==", "foob" }, { "Zm9vYmE=", "fooba" },
        { "Zm9vYmFy", "foobar" }, { "Zm9v\r\nYm\tFy\n", "foobar" }, { "Zg", "f" }, { "+/-_", "\xfb\xff\xbf" }, { "Z", NULL },  { "Zm9vY", NULL },
        { "Zg==Zg==", NULL }, { "Zg===", NULL },     { "Zm!v", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++)
        expect_decoded(cases[i].text, cases[i].data, cases[i].data ? strlen(cases[i].data) : 0);
    expect_decoded("AAECAP8=", "\0\1\2\0\xff", 5);
    /* Every length, against another encoder. */
    for (int n = 0; n < 100; n++) {
        unsigned char data[100];
        char text[200];
        orb_random(data, sizeof(data));
        EVP_EncodeBlock((unsigned char *)text, data, n);
        expect_decoded(text, (char *)data, (size_t)n);
    }
}

/* ---- signing ---- */

static void part(const char **at, struct orb_buf *out)
{
    size_t n = strcspn(*at, ".");
    orb_buf_init(out, 65536);
    assert_int_equal(strspn(*at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), n); /* base64url, no padding */
    assert_int_equal(orb_base64_decode(*at, n, out), 0);
    *at += n + ((*at)[n] == '.');
}

/* The token is signed by our key; its header and claims, the caller's. */
static void expect_signed(const char *token, json_t **header, json_t **claims)
{
    struct orb_buf h, c, s;
    const char *at = token;
    part(&at, &h);
    part(&at, &c);
    size_t signed_len = (size_t)(at - token) - 1;
    part(&at, &s);
    assert_string_equal(at, "");
    BIO *bio = BIO_new_mem_buf(rsa.public_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (unsigned char *)s.data, s.len, (const unsigned char *)token, signed_len), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    BIO_free(bio);
    *header = json_loadb(h.data, h.len, 0, NULL);
    *claims = json_loadb(c.data, c.len, 0, NULL);
    assert_non_null(*header);
    assert_non_null(*claims);
    orb_buf_done(&h);
    orb_buf_done(&c);
    orb_buf_done(&s);
}

static void signing(void **state)
{
    struct orb_buf out;
    struct orb_error err = { 0 };
    json_t *header, *claims;
    (void)state;
    orb_buf_init(&out, 65536);
    orb_buf_str(&out, "before");
    if (orb_jwt_sign(rsa.private_pem, "key \"1\"", "{\"iss\": \"me\"}", &out, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(out.data, "before", 6);
    expect_signed(out.data + 6, &header, &claims);
    char *text = json_dumps(header, JSON_SORT_KEYS);
    assert_string_equal(text, "{\"alg\": \"RS256\", \"kid\": \"key \\\"1\\\"\", \"typ\": \"JWT\"}");
    assert_string_equal(orb_json_get_str(claims, "iss", ""), "me");
    free(text);
    json_decref(header);
    json_decref(claims);
    orb_buf_reset(&out);
    assert_int_equal(orb_jwt_sign(rsa.private_pem, NULL, "{}", &out, &err), 0);
    expect_signed(out.data, &header, &claims);
    assert_null(json_object_get(header, "kid"));
    json_decref(header);
    json_decref(claims);
    orb_buf_done(&out);
    orb_buf_init(&out, 100);
    assert_int_equal(orb_jwt_sign(rsa.private_pem, NULL, "{}", &out, &err), ORB_E_TOO_LARGE);
    orb_buf_done(&out);
}

static char *locked_pem(void)
{
    BIO *bio = BIO_new_mem_buf(rsa.private_pem, -1), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    char *data, word[] = "secret";
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), word, 6, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(bio);
    BIO_free(out);
    EVP_PKEY_free(key);
    return text;
}

static void keys_that_do_not_work(void **state)
{
    static const char ec[] = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    char *locked = locked_pem();
    const char *const pems[] = { "", "hello", rsa.public_pem, ec, locked, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(pems); i++) {
        struct orb_error err = { 0 };
        struct orb_buf out;
        orb_buf_init(&out, 65536);
        assert_int_equal(orb_jwt_sign(pems[i], NULL, "{}", &out, &err), ORB_E_CONFIG);
        assert_non_null(strstr(err.text, "no RSA key in PEM"));
        assert_int_equal(out.len, 0);
        orb_buf_done(&out);
    }
    free(locked);
}

/* ---- what Vertex asks with ---- */

static void environment(const char *file, const char *base64_text)
{
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    unsetenv("GOOGLE_SERVICE_ACCOUNT_BASE64");
    if (file)
        setenv("GOOGLE_APPLICATION_CREDENTIALS", file, 1);
    if (base64_text)
        setenv("GOOGLE_SERVICE_ACCOUNT_BASE64", base64_text, 1);
}

static char *encode(const char *text)
{
    char *out = malloc(strlen(text) * 2 + 8);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)strlen(text));
    return out;
}

static char *account(const char *pem, const char *uri)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "type", "service_account", "client_email", "robot@p.iam.gserviceaccount.com", "private_key_id", "k1",
                             "private_key", pem);
    if (uri)
        json_object_set_new(json, "token_uri", json_string(uri));
    char *text = json_dumps(json, 0);
    json_decref(json);
    return text;
}

static void expect_asked(const char *url)
{
    static const char grant[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    static const char line[] = "Content-Type: application/x-www-form-urlencoded";
    struct orb_model_request *r = orb_alloc(sizeof(*r));
    struct orb_error err = { 0 };
    json_t *header, *claims;
    if (orb_provider_vertex.token->request(&orb_provider_vertex, r, &err))
        fail_msg("%s", err.text);
    assert_string_equal(r->url, url);
    assert_int_equal(r->headers.len, sizeof(line));
    assert_memory_equal(r->headers.data, line, sizeof(line));
    assert_memory_equal(r->body.data, grant, sizeof(grant) - 1);
    expect_signed(r->body.data + sizeof(grant) - 1, &header, &claims);
    assert_string_equal(orb_json_get_str(header, "kid", ""), "k1");
    assert_string_equal(orb_json_get_str(claims, "iss", ""), "robot@p.iam.gserviceaccount.com");
    assert_string_equal(orb_json_get_str(claims, "scope", ""), "https://www.googleapis.com/auth/cloud-platform");
    assert_string_equal(orb_json_get_str(claims, "aud", ""), url);
    int64_t iat = orb_json_get_int(claims, "iat", 0);
    assert_true((double)iat > orb_now() - 60 && (double)iat < orb_now() + 1);
    assert_int_equal(orb_json_get_int(claims, "exp", 0) - iat, 3600);
    json_decref(header);
    json_decref(claims);
    orb_buf_done(&r->headers);
    orb_buf_done(&r->body);
    free(r);
}

static void expect_refused(int code, const char *words)
{
    struct orb_model_request *r = orb_alloc(sizeof(*r));
    struct orb_error err = { 0 };
    int rc = orb_provider_vertex.token->request(&orb_provider_vertex, r, &err);
    if (rc != code || err.code != rc || !strstr(err.text, words))
        fail_msg("code %d '%s', expected %d '%s'", rc, err.text, code, words);
    assert_null(strstr(err.text, "PRIVATE"));
    assert_int_equal(orb_provider_vertex.token->request(&orb_provider_vertex, r, NULL), code);
    free(r);
}

static void accounts(void **state)
{
    char dir[TEST_PATH_MAX], path[TEST_PATH_MAX + 16];
    (void)state;
    test_tempdir(dir);
    snprintf(path, sizeof(path), "%s/key.json", dir);
    char *good = account(rsa.private_pem, NULL), *other = account(rsa.private_pem, "http://box/token?x=1"), *text = encode(other);
    FILE *file = fopen(path, "we");
    fputs(good, file);
    fclose(file);
    environment(path, NULL);
    expect_asked("https://oauth2.googleapis.com/token");
    environment("/does/not/exist", text); /* this one first */
    expect_asked("http://box/token?x=1");
    environment("/does/not/exist", NULL);
    expect_refused(ORB_E_CONFIG, "cannot open /does/not/exist (GOOGLE_APPLICATION_CREDENTIALS): No such file");
    environment(dir, NULL);
    expect_refused(ORB_E_CONFIG, "GOOGLE_APPLICATION_CREDENTIALS");
    environment(NULL, NULL);
    expect_refused(ORB_E_MODEL_AUTH, "GOOGLE_APPLICATION_CREDENTIALS is not set");
    free(good);
    free(other);
    free(text);
    test_rmtree(dir);
}

static void accounts_that_are_none(void **state)
{
    char *bad_key = account("no key", NULL), *bad_uri = account(rsa.private_pem, "ftp://x");
    const struct {
        const char *json, *words;
    } cases[] = {
        { "{}", "no service account's key" },
        { "[1", "no service account's key" },
        { "{\"type\":\"authorized_user\",\"client_email\":\"a\",\"private_key\":\"b\"}", "its type is 'authorized_user'" },
        { bad_key, "GOOGLE_SERVICE_ACCOUNT_BASE64 on the worker: the private key is no RSA key in PEM without a pass phrase; create a new key" },
        { bad_uri, "token_uri 'ftp://x' is no URL" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        char *text = encode(cases[i].json);
        environment(NULL, text);
        expect_refused(ORB_E_CONFIG, cases[i].words);
        free(text);
    }
    environment(NULL, "{}");
    expect_refused(ORB_E_CONFIG, "GOOGLE_SERVICE_ACCOUNT_BASE64 on the worker is no base64");
    free(bad_key);
    free(bad_uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64),   cmocka_unit_test(signing), cmocka_unit_test(keys_that_do_not_work),
        cmocka_unit_test(accounts), cmocka_unit_test(accounts_that_are_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
