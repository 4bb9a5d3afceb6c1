/* Servers that speak OpenAI's chat completions, each with its place and its key: a new one is a row here. */
#include "model/openai.h"
#include "base/base.h"
#include "model/server.h"

#define SETTINGS ", ORBITER_MODEL_TIMEOUT"

static const char *const resets[] = { "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset", NULL };

static const struct orb_server_header ollama_keys[] = { { "Authorization", "Bearer ", "OLLAMA_API_KEY" }, { 0 } };
static const struct orb_server_header openrouter_keys[] = { { "Authorization", "Bearer ", "OPENROUTER_API_KEY" }, { 0 } };
static const struct orb_server_header openrouter_more[] = {
    { "HTTP-Referer", "", "OPENROUTER_REFERER" }, { "X-Title", "", "OPENROUTER_TITLE" }, { 0 },
};
static const struct orb_server_header vllm_keys[] = { { "Authorization", "Bearer ", "VLLM_API_KEY" }, { 0 } };
static const struct orb_server_header llamacpp_keys[] = { { "Authorization", "Bearer ", "LLAMACPP_API_KEY" }, { 0 } };

static const struct orb_server ollama = {
    .base_url = "http://localhost:11434/v1", .base_env = "OLLAMA_BASE_URL", .keys = ollama_keys, .is_key_optional = 1,
};
static const struct orb_server openrouter = {
    .base_url = "https://openrouter.ai/api/v1", .base_env = "OPENROUTER_BASE_URL", .keys = openrouter_keys, .more = openrouter_more, .resets = resets,
};
static const struct orb_server vllm = {
    .base_url = "http://localhost:8000/v1", .base_env = "VLLM_BASE_URL", .keys = vllm_keys, .is_key_optional = 1,
};
static const struct orb_server llamacpp = {
    .base_url = "http://localhost:8080/v1", .base_env = "LLAMACPP_BASE_URL", .keys = llamacpp_keys, .is_key_optional = 1,
};

const struct orb_provider orb_provider_compatible[] = {
    { .info = { "ollama", "models of an Ollama server, by default on this machine", "OLLAMA_BASE_URL, OLLAMA_API_KEY" SETTINGS },
      .codec = &orb_openai_codec, .server = &ollama, .family = "openai" },
    { .info = { "openrouter", "models of many makers through OpenRouter",
                "OPENROUTER_API_KEY, OPENROUTER_BASE_URL, OPENROUTER_REFERER, OPENROUTER_TITLE" SETTINGS },
      .codec = &orb_openai_codec, .server = &openrouter, .family = "openrouter" },
    { .info = { "vllm", "models of a vLLM server, by default on this machine", "VLLM_BASE_URL, VLLM_API_KEY" SETTINGS },
      .codec = &orb_openai_codec, .server = &vllm, .family = "openai" },
    { .info = { "llamacpp", "the model of a llama.cpp server, by default on this machine", "LLAMACPP_BASE_URL, LLAMACPP_API_KEY" SETTINGS },
      .codec = &orb_openai_codec, .server = &llamacpp, .family = "openai" },
    { .info = { 0 } },
};
_Static_assert(ORB_COUNT(orb_provider_compatible) <= ORB_COMPATIBLE_MAX, "too many rows");
