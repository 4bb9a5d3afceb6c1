/* An agent's configuration: what a worker makes of it, the file of messages that `orbiter
 * submit` takes, its model string and the request that the provider writes.
 * The members "messages" and "functions" of it are the conversation and its tools. */
#include "../../cli/cli.h"
#include "fuzz/fuzz.h"
#include "agent/agent.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* In place of cli/say.c: what is said must be fit to be said. */
int cli_fail(int code, const char *fmt, ...)
{
    struct orb_error err;
    char text[sizeof err.text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fuzz_check_error(orb_error_set(&err, code, "%s", text), &err);
    return code;
}

static const char *file_of(const uint8_t *data, size_t size)
{
    static char name[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        ORB_ASSERT(fd >= 0);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        setenv("OPENAI_API_KEY", "sk-none", 1);
        unsetenv("OPENAI_BASE_URL");
    }
    ORB_ASSERT(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
    return name;
}

static void check_file(const uint8_t *data, size_t size)
{
    json_t *messages = NULL;
    if (!cli_file_messages(file_of(data, size), &messages))
        ORB_ASSERT(json_is_array(messages));
    json_decref(messages);
}

/* ---- what a worker does with it ---- */

static void check_request(const struct orb_codec *codec, const struct orb_model_call *call)
{
    static const struct orb_json_limits limits = { 64 * 1024 * 1024, 1000000, 200 };
    struct orb_model_request request = { 0 };
    struct orb_error err = { 0 };
    int rc = codec->request(&orb_provider_openai, call, &request, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        return;
    }
    ORB_ASSERT(fuzz_is_line(request.url) && request.headers.len && !request.headers.data[request.headers.len - 1]);
    ORB_ASSERT(fuzz_is_ascii(request.body.data, request.body.len));
    json_t *body = orb_json_parse(request.body.data, request.body.len, &limits, &err);
    ORB_ASSERT(body || err.code == ORB_E_TOO_LARGE);
    if (body) {
        ORB_ASSERT(json_array_size(json_object_get(body, "messages")) == json_array_size(call->messages));
        ORB_ASSERT(json_array_size(json_object_get(body, "tools")) == json_array_size(call->tools));
        ORB_ASSERT(json_is_true(json_object_get(body, "stream")));
    }
    json_decref(body);
    orb_buf_done(&request.headers);
    orb_buf_done(&request.body);
}

struct heard {
    int finishes, usages, deltas;
};

static void on_delta(void *arg, const struct orb_delta *d)
{
    struct heard *heard = arg;
    ORB_ASSERT(!heard->finishes);
    heard->deltas++;
    heard->usages += d->type == ORB_DELTA_USAGE;
    heard->finishes += d->type == ORB_DELTA_FINISH;
    if (d->type == ORB_DELTA_TEXT || d->type == ORB_DELTA_TOOL_CALL)
        ORB_ASSERT(d->len && orb_utf8_is_valid(d->text, d->len));
}

/* Time passes as fast as the source asks for it. */
static void check_source(const struct orb_source *source, const struct orb_model_call *call)
{
    void *state = orb_alloc(source->state_size);
    struct heard heard = { 0 };
    struct orb_error err = { 0 };
    int64_t now = 0, next = 0;
    int rc = source->start(state, call, &err);
    while (!rc && heard.deltas < 1000) {
        rc = source->next(state, now, on_delta, &heard, &next, &err);
        ORB_ASSERT(rc || next >= now);
        now = next;
    }
    ORB_ASSERT(rc <= 0 || (heard.finishes == 1 && heard.usages == 1));
    if (rc < 0)
        fuzz_check_error(rc, &err);
    source->done(state);
    free(state);
}

static void check_model(const struct orb_agent *agent, json_t *config)
{
    json_t *messages = json_object_get(config, "messages"), *tools = json_object_get(config, "functions");
    const struct orb_provider *provider;
    struct orb_error err = { 0 };
    struct orb_model_call call = { .messages = json_is_array(messages) ? messages : NULL, .tools = json_is_array(tools) ? tools : NULL,
                                   .temperature = agent->temperature, .max_tokens = agent->max_tokens };
    int rc = orb_provider_find(agent->model, &provider, &call.model, &err);
    if (!rc && provider->check)
        rc = provider->check(call.model, &err);
    ORB_ASSERT(orb_model_check(agent->model, NULL) == rc);
    if (rc)
        fuzz_check_error(rc, &err);
    else if (provider->codec)
        check_request(provider->codec, &call);
    else if (!strstr(call.model, "crash")) /* which it does when asked to */
        check_source(provider->source, &call);
}

static void check_agent(json_t *config)
{
    struct orb_agent agent;
    struct orb_error err = { 0 };
    int rc = orb_agent_parse(config, &agent, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        ORB_ASSERT(!agent.name && !agent.model && !agent.instructions);
        return;
    }
    ORB_ASSERT(agent.name && agent.model && agent.instructions);
    ORB_ASSERT(agent.max_steps >= 1 && agent.max_steps <= 1000 && agent.max_tokens >= 0);
    check_model(&agent, config);
    orb_agent_done(&agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_file(data, size);
    json_t *config = orb_json_parse((const char *)data, size, &orb_json_limits_default, NULL);
    if (config)
        check_agent(config);
    json_decref(config);
    return 0;
}
