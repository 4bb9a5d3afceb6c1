#include "support/provider.h"
#include "base/base.h"
#include "model/files.h"
#include "model/token.h"
#include "support/rsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What those of a family share. */
#define CHAT .flags = TEST_TAKES_AUDIO, .schema = "response_format/json_schema/schema"
#define OPENAI \
    .reasoning_tokens = 2, .cache = "prompt_cache_key", .error = "code=rate_limit_exceeded", .overflow = "status=400&code=context_length_exceeded", \
    .quota = "status=429&code=insufficient_quota", .limit = "limit_reset=6m0s"
#define ANTHROPIC \
    .native = "claude-opus-4-8", .schema = "output_config/format/schema", .cache = "cache_control", .error = "type=rate_limit_error", \
    .overflow = "status=400&message=prompt+is+too+long:+9+tokens+>+8+maximum", .quota = "status=402", .limit = "limit_reset_at=360"
#define GEMINI \
    .flags = TEST_TAKES_AUDIO | TEST_TAKES_VIDEO | TEST_BLOCKS, .reasoning = "reasoning=2&sign=1", .reasoning_tokens = 2, .native = "gemini-3-pro", \
    .schema = "generationConfig/responseJsonSchema", .error = "code=429", \
    .overflow = "status=400&message=The+input+token+count+(9)+exceeds+the+maximum"
#define MODELS "models/*:streamGenerateContent?alt=sse"

static const struct test_provider providers[] = {
    { .name = "openai", .base_env = "OPENAI_BASE_URL", .base_path = "/v1", .key_env = "OPENAI_API_KEY", .path = "/v1/chat/completions",
      .reasoning = "reasoning=2", .native = "gpt-5", CHAT, OPENAI },
    { .name = "responses", .base_env = "OPENAI_BASE_URL", .base_path = "/v1", .key_env = "OPENAI_API_KEY", .path = "/v1/responses",
      .reasoning = "reasoning=2", .native = "o3", .schema = "text/format/schema", OPENAI },
    { .name = "azure", .base_env = "AZURE_OPENAI_ENDPOINT", .base_path = "", .key_env = "AZURE_OPENAI_API_KEY", .other_env = "AZURE_OPENAI_AD_TOKEN",
      .path = "/openai/v1/chat/completions", .reasoning = "prefilter=1&reasoning=2", .native = "gpt-5", CHAT, OPENAI },
    { .name = "ollama", .base_env = "OLLAMA_BASE_URL", .base_path = "/v1", .key_env = "OLLAMA_API_KEY", .path = "/v1/chat/completions",
      .reasoning = "reasoning=1&argsobj=1", .reasoning_tokens = 1, .native = "qwen3", .error = "code=429", CHAT },
    { .name = "openrouter", .base_env = "OPENROUTER_BASE_URL", .base_path = "/v1", .key_env = "OPENROUTER_API_KEY", .path = "/v1/chat/completions",
      .reasoning = "details=2&comment=1", .reasoning_tokens = 2, .native = "openai/gpt-5", .error = "code=429",
      .overflow = "status=400&message=This+endpoint's+maximum+context+length+is+8+tokens", .quota = "status=402", .limit = "limit_reset=6m0s", CHAT },
    { .name = "vllm", .base_env = "VLLM_BASE_URL", .base_path = "/v1", .key_env = "VLLM_API_KEY", .path = "/v1/chat/completions",
      .reasoning = "nochoices=1&reasoning=1&timings=1", .reasoning_tokens = 1, .native = "qwen3", .error = "code=429&errtop=1",
      .overflow = "status=400&errtop=1&message=This+model's+maximum+context+length+is+8+tokens", CHAT },
    { .name = "llamacpp", .base_env = "LLAMACPP_BASE_URL", .base_path = "/v1", .key_env = "LLAMACPP_API_KEY", .path = "/v1/chat/completions",
      .reasoning = "timings=1&reasoning=2", .reasoning_tokens = 2, .native = "qwen3", .error = "code=429",
      .overflow = "status=400&type=exceed_context_size_error", CHAT },
    { .name = "anthropic", .base_env = "ANTHROPIC_BASE_URL", .base_path = "", .key_env = "ANTHROPIC_API_KEY", .other_env = "ANTHROPIC_AUTH_TOKEN",
      .path = "/v1/messages", .reasoning = "reasoning=2", ANTHROPIC },
    { .name = "gemini", .base_env = "GOOGLE_GEMINI_BASE_URL", .base_path = "", .key_env = "GOOGLE_API_KEY", .other_env = "GEMINI_API_KEY",
      .path = "/v1beta/" MODELS, GEMINI },
    { .name = "vertex", .base_env = "GOOGLE_VERTEX_BASE_URL", .base_path = "", .key_env = "GOOGLE_APPLICATION_CREDENTIALS",
      .path = "/v1/projects/p-1/locations/us-central1/publishers/google/" MODELS, GEMINI },
    /* From files, one of each protocol. */
    { .name = "own-openai", .protocol = "openai", .base_path = "/behind", .key_env = "OWN_OPENAI_KEY", .path = "/behind/chat/completions",
      .reasoning = "reasoning=2", .native = "gpt-5", CHAT, OPENAI },
    { .name = "own-responses", .protocol = "responses", .base_path = "/behind", .key_env = "OWN_RESPONSES_KEY", .path = "/behind/responses",
      .reasoning = "reasoning=2", .native = "o3", .schema = "text/format/schema", OPENAI },
    { .name = "own-anthropic", .protocol = "anthropic", .base_path = "/behind", .key_env = "OWN_ANTHROPIC_KEY", .path = "/behind/v1/messages",
      .reasoning = "reasoning=3", ANTHROPIC }, /* three tokens and more: the second block is redacted */
    { .name = "own-gemini", .protocol = "gemini", .base_path = "/behind", .key_env = "OWN_GEMINI_KEY", .path = "/behind/v1beta/" MODELS, GEMINI },
};

/* What there is not, and why. */
static const struct gap {
    const char *providers, *behaviour, *reason; /* several names: blanks between */
} gaps[] = {
    { "openai azure ollama vllm llamacpp own-openai", "what_is_kept_comes_back", "chat completions have nothing that is kept" },
    { "openai azure ollama vllm llamacpp own-openai", "what_is_forgotten_is_missed", "chat completions have nothing that is kept" },
    { "gemini vertex own-gemini", "what_is_forgotten_is_missed", "a stand-in for a missing signature is taken; test_gemini.c has what is refused without it" },
    { "anthropic own-anthropic", "reasoning_tokens", "the usage does not tell them from the rest of the output" },
    { "ollama vllm llamacpp", "rules", "no model is known to reject what the others take" },
    { "ollama openrouter vllm llamacpp gemini vertex own-gemini", "cache_hints", "what a request begins with is cached without being told" },
    { "openai responses ollama openrouter vllm llamacpp own-openai own-responses own-anthropic own-gemini", "another_key", "there is one variable for its key" },
    { "vertex", "another_key", "a service account stands in for keys: test_gemini.c" },
    { "ollama", "context_overflow", "the server cuts the prompt without a word" },
    { "ollama vllm llamacpp", "quota", "there is no account" },
    { "gemini vertex own-gemini", "quota", "Google words it as a rate limit" },
    { "ollama vllm llamacpp", "rate_limit_headers", "there are no limits to tell of" },
    { "gemini vertex own-gemini", "rate_limit_headers", "Google tells it in the error's body: rate_limits" },
};

const struct test_provider *test_provider;
struct test_fake test_provider_fake;
struct orb_loop *test_provider_loop;
static struct test_rsa rsa;

/* ---- one call ---- */

static void full_name(const char *script, char out[512])
{
    snprintf(out, 512, "%s:%s", test_provider->name, script);
}

void test_provider_start(struct test_probe *p, const char *script, struct orb_model_call *call)
{
    char model[512];
    full_name(script, model);
    test_probe_start(p, test_provider_loop, model, call);
}

void test_provider_wait(struct test_probe *p)
{
    test_probe_wait(p, test_provider_loop, test_provider->name);
}

void test_provider_call(struct test_probe *p, const char *script, struct orb_model_call *call)
{
    char model[512];
    full_name(script, model);
    test_probe_run(p, test_provider_loop, model, call);
}

void test_provider_expect(const char *script, int code, const char *text, const char *words)
{
    char model[512];
    full_name(script, model);
    test_probe_expect(test_provider_loop, model, code, text, words);
}

/* ---- the tables, multiplied ---- */

struct pair {
    const struct test_provider *provider;
    void (*run)(void);
};

static void base_of(const struct test_provider *provider, char out[128])
{
    snprintf(out, 128, "%.*s%s", (int)(strlen(test_provider_fake.url) - strlen("/v1")), test_provider_fake.url, provider->base_path);
}

static int setup(void **state)
{
    const struct pair *pair = *state;
    static const char *const others[] = { "OPENAI_API_VERSION", "ANTHROPIC_AUTH_TOKEN", "AZURE_OPENAI_AD_TOKEN", "GEMINI_API_KEY", "GOOGLE_CLOUD_LOCATION",
                                          "GOOGLE_SERVICE_ACCOUNT_BASE64", "ORBITER_MODEL_TIMEOUT" };
    char url[128];
    test_provider = pair->provider;
    base_of(test_provider, url);
    for (size_t i = 0; i < ORB_COUNT(others); i++)
        unsetenv(others[i]);
    if (test_provider->base_env)
        setenv(test_provider->base_env, url, 1);
    setenv(test_provider->key_env, TEST_PROBE_KEY, 1);
    if (strcmp(test_provider->name, "vertex") == 0)
        test_fake_account(&test_provider_fake, &rsa, "");
    setenv("GOOGLE_CLOUD_PROJECT", "p-1", 1);
    test_provider_loop = orb_loop_new();
    assert_non_null(test_provider_loop);
    return 0;
}

static int teardown(void **state)
{
    const struct pair *pair = *state;
    if (pair->provider->base_env)
        unsetenv(pair->provider->base_env);
    unsetenv(pair->provider->key_env);
    orb_loop_free(test_provider_loop);
    return 0;
}

static void run_pair(void **state)
{
    const struct pair *pair = *state;
    pair->run();
}

static int group_setup(void **state)
{
    (void)state;
    test_fake_start(&test_provider_fake);
    test_rsa_make(&rsa);
    for (size_t i = 0; i < ORB_COUNT(providers); i++) {
        char url[128], text[512];
        struct orb_error err = { 0 };
        if (!providers[i].protocol)
            continue;
        base_of(&providers[i], url);
        snprintf(text, sizeof(text), "{\"name\": \"%s\", \"protocol\": \"%s\", \"base_url\": \"%s\", \"key_env\": \"%s\"}", providers[i].name,
                 providers[i].protocol, url, providers[i].key_env);
        if (orb_provider_file_add(providers[i].name, text, strlen(text), &err))
            fail_msg("%s", err.text);
    }
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    orb_token_forget(&orb_provider_vertex);
    test_rsa_done(&rsa);
    test_fake_stop(&test_provider_fake);
    return test_provider_fake.child.status;
}

static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return 1;
    return 0;
}

static const struct gap *find_gap(const char *provider, const char *behaviour)
{
    for (size_t i = 0; i < ORB_COUNT(gaps); i++)
        if (strcmp(gaps[i].behaviour, behaviour) == 0 && has_word(gaps[i].providers, provider))
            return &gaps[i];
    return NULL;
}

/* A provider that is built in, or a protocol of files, and has no row. */
static void check_rows(void)
{
    const struct orb_provider *p;
    for (size_t i = 0; (p = orb_provider_at(i)); i++) {
        int is_there = !p->codec; /* the simulation has no server */
        for (size_t k = 0; k < ORB_COUNT(providers); k++)
            is_there |= strcmp(providers[k].name, p->info.name) == 0;
        if (!is_there) {
            fprintf(stderr, "the provider %s has no row in tests/support/provider.c\n", p->info.name);
            exit(1);
        }
    }
}

int test_provider_run(const struct test_behaviour *behaviours, size_t count, int argc, char **argv)
{
    size_t n = 0, most = ORB_COUNT(providers) * count;
    struct pair *pairs = orb_alloc(most * sizeof(*pairs));
    struct CMUnitTest *tests = orb_alloc(most * sizeof(*tests));
    char(*names)[80] = orb_alloc(most * sizeof(*names));
    check_rows();
    for (size_t i = 0; i < ORB_COUNT(providers); i++)
        for (size_t k = 0; k < count; k++) {
            const struct gap *gap = find_gap(providers[i].name, behaviours[k].name);
            snprintf(names[n], sizeof(names[n]), "%s: %s", providers[i].name, behaviours[k].name);
            if (gap) {
                print_message("there is no %s: %s\n", names[n], gap->reason);
                continue;
            }
            pairs[n] = (struct pair){ &providers[i], behaviours[k].run };
            tests[n] = (struct CMUnitTest){ names[n], run_pair, setup, teardown, &pairs[n] };
            n++;
        }
    setenv("no_proxy", "127.0.0.1", 1); /* whatever the caller's environment has */
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = _cmocka_run_group_tests("conformance", tests, n, group_setup, group_teardown);
    free(names);
    free(tests);
    free(pairs);
    return failed;
}
