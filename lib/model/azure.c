/* Azure OpenAI: chat completions of deployments. Source: the REST reference of Azure OpenAI, v1 and dated versions. */
#include "model/openai.h"
#include "base/base.h"
#include "model/failure.h"
#include "model/server.h"

#include <ctype.h>

/* Percent-encoded, as one piece of a path. */
static void put_piece(struct orb_buf *b, const char *s)
{
    for (; *s; s++) {
        if (isalnum((unsigned char)*s) || *s == '-' || *s == '_' || *s == '.' || *s == '~')
            orb_buf_char(b, *s);
        else
            orb_buf_printf(b, "%%%02X", (unsigned char)*s);
    }
}

/* With a version that is asked for by name, the older form: the deployment is in the path. */
static int request(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err)
{
    const char *version = orb_server_setting("OPENAI_API_VERSION");
    struct orb_buf path;
    if (!version)
        return orb_openai_request_at(provider, "/openai/v1/chat/completions", call, out, err);
    orb_buf_init(&path, ORB_REQUEST_URL_MAX);
    orb_buf_str(&path, "/openai/deployments/");
    put_piece(&path, call->model);
    orb_buf_str(&path, "/chat/completions?api-version=");
    put_piece(&path, version);
    int rc = path.err ? orb_error_set(err, ORB_E_CONFIG, "OPENAI_API_VERSION and the deployment's name are too long together")
                      : orb_openai_request_at(provider, path.data, call, out, err);
    orb_buf_done(&path);
    return rc;
}

static const struct orb_codec codec = {
    .state_size = sizeof(struct orb_openai_state),
    .request = request,
    .data = orb_openai_data,
    .is_ending = orb_openai_is_ending,
    .end = orb_openai_end,
    .refusal = orb_failure_body,
    .done = orb_openai_done,
};

static const char *const resets[] = { "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", NULL };
static const struct orb_server_header keys[] = {
    { "api-key", "", "AZURE_OPENAI_API_KEY" }, { "Authorization", "Bearer ", "AZURE_OPENAI_AD_TOKEN" }, { 0 },
};
static const struct orb_server server = { .base_env = "AZURE_OPENAI_ENDPOINT", .keys = keys, .resets = resets };

const struct orb_provider orb_provider_azure = {
    .info = { "azure", "Azure OpenAI; the model is the name of a deployment",
              "AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, AZURE_OPENAI_AD_TOKEN, OPENAI_API_VERSION, ORBITER_MODEL_TIMEOUT" },
    .codec = &codec,
    .server = &server,
    .family = "openai",
};
