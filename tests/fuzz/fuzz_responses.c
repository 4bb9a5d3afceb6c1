/* A reply of the Responses API: what a whole one said can be sent back. */
#include "fuzz/model_reply.h"
#include "model/responses.h"

static size_t count_of(const json_t *input, const char *type)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(input); i++)
        n += !strcmp(orb_json_get_str(json_array_get(input, i), "type", ""), type);
    return n;
}

/* The next request has each call once, and all of the reasoning, as it came. */
static void check_request(const struct fuzz_reply *n)
{
    struct orb_model_request request = { 0 };
    struct orb_error err = { 0 };
    struct orb_model_call call = { .model = "m", .temperature = 1.0 };
    call.messages = json_pack("[{s:s, s:s}, {s:s, s:s, s:O, s:s, s:O}]", "role", "user", "content", "q", "role", "assistant", "content", "t", "tool_calls",
                              n->calls, "kept_by", "responses", "kept", n->kept);
    ORB_ASSERT(call.messages);
    ORB_ASSERT(!orb_provider_responses.codec->request(&orb_provider_responses, &call, &request, &err));
    ORB_ASSERT(fuzz_is_ascii(request.body.data, request.body.len));
    struct orb_json_limits limits = { .max_bytes = 64 * 1024 * 1024, .max_values = 10000000, .max_depth = 300 };
    json_t *body = orb_json_parse(request.body.data, request.body.len, &limits, &err);
    ORB_ASSERT(body);
    const json_t *input = json_object_get(body, "input");
    ORB_ASSERT(count_of(input, "function_call") == json_array_size(n->calls));
    ORB_ASSERT(count_of(input, "reasoning") == count_of(n->kept, "reasoning"));
    json_decref(body);
    json_decref(call.messages);
    orb_buf_done(&request.headers);
    orb_buf_done(&request.body);
}

static void check(const struct fuzz_reply *r, const char *body, size_t len)
{
    (void)body, (void)len;
    setenv("OPENAI_API_KEY", "sk-fuzz", 1);
    if (r->rc >= 0)
        check_request(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reply(&orb_provider_responses, data, size, check);
}
