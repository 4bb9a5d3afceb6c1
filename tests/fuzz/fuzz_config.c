/* An agent's configuration: what a worker makes of it, the file of messages that `orbiter
 * submit` takes, its model string and the request that the provider writes.
 * The members "messages" and "functions" of it are the conversation and its tools. */
#include "../../cli/cli.h"
#include "fuzz/fuzz.h"
#include "agent/run.h"
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
        setenv("GOOGLE_API_KEY", "AIza-none", 1);
        setenv("GOOGLE_CLOUD_PROJECT", "p", 1);
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

/* Each message and each tool is there, in the words of the provider. */
static void check_body(const struct orb_provider *provider, const json_t *body, const struct orb_model_call *call)
{
    const json_t *tools = json_object_get(body, "tools");
    if (provider == &orb_provider_gemini || provider == &orb_provider_vertex) {
        ORB_ASSERT(json_is_array(json_object_get(body, "contents")) && json_is_object(json_object_get(body, "generationConfig")));
        ORB_ASSERT(json_array_size(json_object_get(json_array_get(tools, 0), "functionDeclarations")) == json_array_size(call->tools));
        return;
    }
    size_t sent = json_array_size(json_object_get(body, "messages")), count = json_array_size(call->messages);
    ORB_ASSERT(sent >= count && sent <= 2 * count + 1); /* media of tools go into messages of their own, and so does a schema in words */
    ORB_ASSERT(json_array_size(tools) == json_array_size(call->tools));
    ORB_ASSERT(json_is_true(json_object_get(body, "stream")));
}

static void check_request(const struct orb_provider *provider, const struct orb_model_call *call)
{
    static const struct orb_json_limits limits = { 64 * 1024 * 1024, 1000000, 200 };
    struct orb_model_request request = { 0 };
    struct orb_error err = { 0 };
    int rc = provider->codec->request(provider, call, &request, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        return;
    }
    ORB_ASSERT(fuzz_is_line(request.url));
    ORB_ASSERT(request.headers.len && !request.headers.data[request.headers.len - 1]);
    ORB_ASSERT(fuzz_is_ascii(request.body.data, request.body.len));
    json_t *body = orb_json_parse(request.body.data, request.body.len, &limits, &err);
    ORB_ASSERT(body || err.code == ORB_E_TOO_LARGE);
    if (body)
        check_body(provider, body, call);
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

static void check_model(const char *model, struct orb_model_call *call)
{
    const struct orb_provider *provider;
    struct orb_error err = { 0 };
    int rc = orb_provider_find(model, &provider, &call->model, &err);
    if (!rc)
        rc = orb_provider_check(provider, call->model, &err);
    ORB_ASSERT(orb_model_check(model, NULL) == rc);
    if (rc)
        fuzz_check_error(rc, &err);
    else if (provider->codec)
        check_request(provider, call);
    else if (!strstr(call->model, "crash")) /* which it does when asked to */
        check_source(provider->source, call);
}

/* ---- a run of it ---- */

struct asked {
    struct orb_run *run;
    json_t *config;
    int events;
};

static void on_event(void *arg, const struct orb_event_out *event)
{
    struct asked *asked = arg;
    ORB_ASSERT(event->agent_name);
    asked->events++;
}

/* What its beginning asks for, then an answer to each until it ends: the word that is in its config. */
static void run_it(struct asked *asked, const char *word)
{
    struct orb_action action;
    int talks[64], count = 0, has_ended = 0;
    orb_run_start(asked->run, 1);
    for (int i = 0; i < 200 && !has_ended; i++) {
        while (orb_run_next(asked->run, &action)) {
            ORB_ASSERT(!has_ended && action.type != ORB_ACTION_TOOL);
            if (action.type == ORB_ACTION_REQUEST && count < 64)
                talks[count++] = action.talk;
            has_ended = action.type == ORB_ACTION_DONE || action.type == ORB_ACTION_FAILED;
        }
        if (!count)
            break;
        struct orb_delta delta = { .type = ORB_DELTA_TEXT, .text = word, .len = strlen(word) };
        orb_run_delta(asked->run, talks[--count], &delta);
        orb_run_answered(asked->run, talks[count], 2);
    }
    while (orb_run_next(asked->run, &action))
        continue;
    json_decref(orb_run_save(asked->run));
}

static void check_talk(struct asked *asked, const struct orb_plan *plan)
{
    struct orb_model_call call;
    json_t *messages = json_object_get(asked->config, "messages"), *tools = json_object_get(asked->config, "functions");
    const struct orb_agent *agent = plan->agents[0];
    call = (struct orb_model_call){ .messages = json_is_array(messages) ? messages : NULL, .tools = json_is_array(tools) ? tools : NULL,
                                    .temperature = agent->temperature, .max_tokens = agent->max_tokens, .options = agent->options,
                                    .output_schema = agent->output_schema, .output_name = agent->output_name };
    for (size_t i = 0; i < agent->models.count; i++)
        check_model(agent->models.at[i], &call);
}

static void check_agent(json_t *config)
{
    struct asked asked = { .config = config };
    struct orb_run_spec spec = { .input = "hi", .input_len = 2, .is_detailed = 1, .fn = on_event, .arg = &asked };
    struct orb_error err = { 0 };
    json_t *messages = json_object_get(config, "messages");
    int rc = orb_plan_read(config, &spec.plan, &err);
    if (rc) {
        fuzz_check_error(rc, &err);
        return;
    }
    for (size_t i = 0; i < spec.plan->agent_count; i++) {
        const struct orb_agent *agent = spec.plan->agents[i];
        ORB_ASSERT(agent->name && agent->models.count && agent->instructions);
        ORB_ASSERT(agent->max_steps >= 1 && agent->max_steps <= ORB_STEPS_MAX && agent->max_tokens >= 0);
    }
    check_talk(&asked, spec.plan);
    spec.history = json_is_array(messages) ? messages : NULL;
    asked.run = orb_run_new(&spec, &err);
    if (!asked.run) {
        fuzz_check_error(err.code, &err);
        return;
    }
    run_it(&asked, orb_json_get_str(config, "name", "x"));
    orb_run_free(asked.run);
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
