/* Gemini at Vertex AI: the same bodies, by project and location, and a token that a service account's key brings. Source:
 * Google's "Using OAuth 2.0 for server to server applications". */
#include "base/base.h"
#include "base/jwt.h"
#include "model/failure.h"
#include "model/gemini.h"
#include "model/server.h"
#include <orbiter/options.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX (64 * 1024)
#define TOKEN_MAX 8192
#define LIFE_S 3600 /* of a JWT, and of a token whose reply does not say */

static const char key_file[] = "GOOGLE_APPLICATION_CREDENTIALS";
static const char key_base64[] = "GOOGLE_SERVICE_ACCOUNT_BASE64";

/* ---- where ---- */

/* It becomes a part of a URL. */
static int read_name(const char *env, const char *def, const char **out, struct orb_error *err)
{
    const char *value = orb_server_setting(env);
    if (!value)
        value = def;
    if (!value)
        return orb_error_set(err, ORB_E_CONFIG, "%s is not set; set it in the worker's environment and start the worker again", env);
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if (len > 128 || !(isalnum((unsigned char)value[i]) || strchr("-.:", value[i])))
            return orb_error_set(err, ORB_E_CONFIG, "%s='%.60s' on the worker is no such name", env, value);
    *out = value;
    return 0;
}

static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    const char *project, *location;
    char base[256], path[512];
    struct orb_server at = *provider->server;
    int rc = read_name("GOOGLE_CLOUD_PROJECT", NULL, &project, err);
    if (!rc)
        rc = read_name("GOOGLE_CLOUD_LOCATION", "us-central1", &location, err);
    if (rc)
        return rc;
    int is_global = strcmp(location, "global") == 0;
    snprintf(base, sizeof(base), "https://%s%saiplatform.googleapis.com", is_global ? "" : location, is_global ? "" : "-");
    snprintf(path, sizeof(path), "/v1/projects/%s/locations/%s/publishers/google/models/", project, location);
    at.base_url = base;
    return orb_gemini_request(provider, &at, path, call, out, err);
}

/* ---- the service account ---- */

static const char *key_env(void)
{
    return orb_server_setting(key_base64) ? key_base64 : key_file;
}

static int read_key_file(const char *path, struct orb_buf *out, struct orb_error *err)
{
    char name[256], *text = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    snprintf(name, sizeof(name), "%.200s (%s)", path, key_file);
    if (fd < 0)
        return orb_error_set(err, ORB_E_CONFIG, "cannot open %s: %s", name, strerror(errno));
    struct orb_error why = { 0 };
    int rc = orb_input_read(fd, name, KEY_FILE_MAX, &text, &len, &why);
    close(fd);
    if (rc)
        return orb_error_set(err, ORB_E_CONFIG, "%s", why.text);
    orb_buf_add(out, text, len);
    free(text);
    return 0;
}

/* The key as the account's JSON; the caller's. NULL with err. */
static json_t *read_account(struct orb_error *err)
{
    const char *base64 = orb_server_setting(key_base64), *path = orb_server_setting(key_file);
    json_t *account = NULL;
    struct orb_buf text;
    orb_buf_init(&text, KEY_FILE_MAX);
    if (!base64 && !path) {
        orb_error_set(err, ORB_E_MODEL_AUTH, "%s is not set; let it name a service account's key file in the worker's environment and start the worker again",
                      key_file);
    } else if (base64 && orb_base64_decode(base64, strlen(base64), &text)) {
        orb_error_set(err, ORB_E_CONFIG, "%s on the worker is no base64 of a service account's key file", key_base64);
    } else if (base64 || read_key_file(path, &text, err) == 0) {
        account = orb_json_parse(text.data ? text.data : "", text.len, &orb_json_limits_default, NULL);
        const char *type = orb_json_get_str(account, "type", "service_account");
        if (!*orb_json_get_str(account, "private_key", "") || !*orb_json_get_str(account, "client_email", "") || strcmp(type, "service_account")) {
            orb_error_set(err, ORB_E_CONFIG, "%s on the worker holds no service account's key (private_key, client_email; its type is '%.40s'); create one of type JSON",
                          key_env(), account ? type : "");
            json_decref(account);
            account = NULL;
        }
    }
    orb_buf_done(&text);
    return account;
}

/* ---- the token ---- */

static int put_assertion(const json_t *account, const char *uri, struct orb_buf *b, struct orb_error *err)
{
    struct orb_buf claims;
    int64_t now = (int64_t)orb_now();
    orb_buf_init(&claims, KEY_FILE_MAX);
    orb_buf_str(&claims, "{\"iss\": ");
    orb_json_dump(&claims, json_object_get(account, "client_email"));
    orb_buf_str(&claims, ", \"scope\": \"https://www.googleapis.com/auth/cloud-platform\", \"aud\": ");
    orb_json_str(&claims, uri, strlen(uri));
    orb_buf_printf(&claims, ", \"iat\": %lld, \"exp\": %lld}", (long long)now, (long long)now + LIFE_S);
    struct orb_error why = { 0 };
    int rc = claims.err ? orb_error_set(&why, claims.err, "the account's name is too long")
                        : orb_jwt_sign(orb_json_get_str(account, "private_key", ""), orb_json_get_str(account, "private_key_id", NULL), claims.data, b, &why);
    orb_buf_done(&claims);
    return rc ? orb_error_set(err, ORB_E_CONFIG, "%s on the worker: %s; create a new key", key_env(), why.text) : 0;
}

static int token_request(const struct orb_provider *provider, struct orb_model_request *out, struct orb_error *err)
{
    static const char header[] = "Content-Type: application/x-www-form-urlencoded";
    struct orb_error why = { 0 };
    json_t *account = read_account(&why);
    (void)provider;
    if (!account)
        return orb_error_set(err, why.code, "%s", why.text);
    const char *uri = orb_json_get_str(account, "token_uri", "https://oauth2.googleapis.com/token");
    int rc = 0;
    orb_buf_init(&out->headers, sizeof(header));
    orb_buf_init(&out->body, 2 * KEY_FILE_MAX);
    if ((strncmp(uri, "https://", 8) && strncmp(uri, "http://", 7)) || strlen(uri) >= sizeof(out->url))
        rc = orb_error_set(err, ORB_E_CONFIG, "%s on the worker: its token_uri '%.60s' is no URL", key_env(), uri);
    snprintf(out->url, sizeof(out->url), "%s", uri);
    orb_buf_add(&out->headers, header, sizeof(header));
    orb_buf_str(&out->body, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    if (!rc)
        rc = put_assertion(account, uri, &out->body, err);
    if (rc) {
        orb_buf_done(&out->headers);
        orb_buf_done(&out->body);
    }
    json_decref(account);
    return rc;
}

/* What could stand in a header. */
static int is_token(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return 0;
    return len > 0 && len <= TOKEN_MAX;
}

static int token_reply(const struct orb_provider *provider, int status, const char *body, size_t len, char **token, int64_t *life_s, struct orb_error *err)
{
    json_t *root = orb_json_parse(body, len, &orb_json_limits_default, NULL);
    const char *text = orb_json_get_str(root, "access_token", "");
    int64_t life = orb_json_get_int(root, "expires_in", LIFE_S);
    int code = status == 429 ? ORB_E_MODEL_RATE : status >= 400 && status < 500 ? ORB_E_MODEL_AUTH : ORB_E_MODEL_SERVER;
    const char *word = orb_json_get_str(root, "error", "");
    int rc = 0;
    if (status >= 200 && status < 300 && is_token(text)) {
        *token = orb_strdup(text);
        *life_s = life < 0 ? 0 : life > 86400 ? 86400 : life;
    } else if (code == ORB_E_MODEL_AUTH) {
        rc = orb_error_set(err, code, "%s: the service account was refused: HTTP %d: %.60s: %.200s; check %s on the worker", provider->info.name, status,
                           word, orb_json_get_str(root, "error_description", "no reason was given"), key_env());
    } else {
        rc = orb_error_set(err, code, "%s: the token's server answered HTTP %d without a token: %.60s; try again", provider->info.name, status, word);
    }
    json_decref(root);
    return rc;
}

static const struct orb_token_source token_source = { token_request, token_reply };

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_gemini_state),
    .request = request,
    .data = orb_gemini_data,
    .is_ending = orb_gemini_is_ending,
    .end = orb_gemini_end,
    .refusal = orb_failure_body,
};

static const char *const key_names[] = { key_base64, key_file, NULL };
static const struct orb_server server = { .base_env = "GOOGLE_VERTEX_BASE_URL", .key_names = key_names };

const struct orb_provider orb_provider_vertex = {
    .info = { "vertex", "Gemini at Google's Vertex AI, by a service account",
              "GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_LOCATION, GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_BASE64, GOOGLE_VERTEX_BASE_URL, ORBITER_MODEL_TIMEOUT" },
    .codec = &codec,
    .server = &server,
    .token = &token_source,
    .family = "gemini",
};
