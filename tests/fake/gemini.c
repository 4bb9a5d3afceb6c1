/* Google's streamGenerateContent, by key (/v1beta/models/…) and by token (/v1/projects/…). Refuses what Google refuses. */
#include "dialect.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- chunks ---- */

/* Thoughts are counted beside the candidates. */
static json_t *usage_of(struct reply *r)
{
    const struct counts *c = bill_tell(r, 0, r->sent + r->script.reasoning, r->script.reasoning);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "promptTokenCount", (json_int_t)c->input, "candidatesTokenCount", (json_int_t)(c->output - c->reasoning),
                     "thoughtsTokenCount", (json_int_t)c->reasoning, "cachedContentTokenCount", (json_int_t)c->cached, "totalTokenCount",
                     (json_int_t)(c->input + c->output));
}

/* parts_take NULL: a candidate without content. */
static void chunk_send(struct reply *r, json_t *parts_take, const char *finish, int has_usage, int is_last)
{
    json_t *candidate = json_pack("{s:i}", "index", 0);
    if (parts_take)
        json_object_set_new(candidate, "content", json_pack("{s:s, s:o}", "role", "model", "parts", parts_take));
    if (finish)
        json_object_set_new(candidate, "finishReason", json_string(finish));
    json_t *root = json_pack("{s:[o], s:s, s:s}", "candidates", candidate, "modelVersion", "fake", "responseId", "r");
    if (has_usage)
        json_object_set_new(root, "usageMetadata", usage_of(r));
    dialect_event_json(r, NULL, root, is_last);
}

static void first(struct reply *r)
{
    if (r->script.prefilter) {
        bill_tell(r, 0, 0, 0);
        r->told.cached = 0;
        dialect_event_json(r, NULL, json_pack("{s:{s:I}, s:{}}", "usageMetadata", "promptTokenCount", (json_int_t)r->told.input, "promptFeedback"), 0);
    }
    if (r->script.refusal) /* of the prompt: there is no answer */
        dialect_event_json(r, NULL, json_pack("{s:{s:s}}", "promptFeedback", "blockReason", "SAFETY"), 1);
    if (r->script.deltanull)
        chunk_send(r, NULL, NULL, 0, 0);
    for (int64_t i = 0; i < r->script.reasoning; i++)
        chunk_send(r, json_pack("[{s:s, s:b}]", "text", "hm ", "thought", 1), NULL, 0, 0);
}

static void text_piece(struct reply *r, const char *text, size_t len)
{
    chunk_send(r, json_pack("[{s:s#}]", "text", text, (int)len), r->script.early ? "STOP" : NULL, !r->script.nousage, 0);
}

/* Of calls made at once only the first has a signature; it tells which call it belongs to. */
static void calls(struct reply *r)
{
    char *text = dialect_arguments(r), id[64], signature[64];
    for (int64_t k = 0; k < r->script.calls; k++) {
        json_t *args = json_loads(text, 0, NULL);
        json_t *call = json_pack("{s:s, s:o}", "name", r->script.tool, "args", args ? args : json_object());
        json_t *part = json_pack("{s:o}", "functionCall", call);
        snprintf(id, sizeof(id), "fc_%lld_%lld", (long long)r->n, (long long)k);
        snprintf(signature, sizeof(signature), "sig_%lld_%lld", (long long)r->n, (long long)k);
        if (!r->script.noid)
            json_object_set_new(call, "id", json_string(id));
        if (r->script.sign && k == 0)
            json_object_set_new(part, "thoughtSignature", json_string(signature));
        chunk_send(r, json_pack("[o]", part), NULL, 0, 0);
    }
    free(text);
}

static void tail(struct reply *r)
{
    static const char *const words[] = { "length", "MAX_TOKENS", "content_filter", "SAFETY", NULL };
    json_t *part = json_pack("{s:s}", "text", "");
    if (r->script.sign && !r->is_tool_step)
        json_object_set_new(part, "thoughtSignature", json_string("sig_text"));
    chunk_send(r, json_pack("[o]", part), r->script.nofinish ? NULL : dialect_finish(r, words, "STOP"), !r->script.nousage, 1);
}

/* ---- errors ---- */

static const char *status_word(int64_t status)
{
    static const struct {
        int status;
        const char *word;
    } words[] = {
        { 400, "INVALID_ARGUMENT" }, { 401, "UNAUTHENTICATED" }, { 403, "PERMISSION_DENIED" },  { 404, "NOT_FOUND" },
        { 429, "RESOURCE_EXHAUSTED" }, { 503, "UNAVAILABLE" },   { 504, "DEADLINE_EXCEEDED" },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i].status == status)
            return words[i].word;
    return status == 500 ? "INTERNAL" : NULL; /* by something before Google's own servers */
}

static json_t *error_root(struct reply *r, const char *key)
{
    const struct script *s = &r->script;
    int64_t status = s->status ? s->status : s->code ? atoll(s->code) : 500;
    char text[1024], delay[32];
    dialect_message(r, key, text, sizeof(text));
    json_t *error = json_pack("{s:I, s:s}", "code", (json_int_t)status, "message", text);
    if (s->type || status_word(status))
        json_object_set_new(error, "status", json_string(s->type ? s->type : status_word(status)));
    snprintf(delay, sizeof(delay), "%llds", (long long)s->retry_after);
    if (s->retry_after >= 0)
        json_object_set_new(error, "details", json_pack("[{s:s}, {s:s, s:s}]", "@type", "type.googleapis.com/google.rpc.Help", "@type",
                                                        "type.googleapis.com/google.rpc.RetryInfo", "retryDelay", delay));
    json_t *root = json_pack("{s:o}", "error", error);
    return s->errtop ? json_pack("[o]", root) : root;
}

static void error(struct reply *r)
{
    dialect_event_json(r, NULL, error_root(r, NULL), 1);
}

static void refusal(struct reply *r, const char *key)
{
    if (dialect_page(r))
        return;
    json_t *root = error_root(r, key);
    char *text = json_dumps(root, JSON_INDENT(2));
    dialect_whole(r, r->script.status, "application/json; charset=UTF-8", "", text);
    free(text);
    json_decref(root);
}

/* What comes without alt=sse. */
static void plain(struct reply *r)
{
    dialect_whole(r, 200, "application/json", "",
                  "[{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\"}]}]");
}

/* ---- requests ---- */

static char *model(const char *path, const json_t *body)
{
    const char *end = path + strcspn(path, "?"), *from = path;
    (void)body;
    while (end > path && *end != ':')
        end--;
    for (const char *p = path; p < end; p++)
        if (*p == '/')
            from = p + 1;
    char *name = calloc(1, (size_t)(end - from) + 1), *out = name;
    unsigned v;
    for (const char *p = from; p < end; p++) {
        if (*p == '%' && sscanf(p + 1, "%2x", &v) == 1) {
            *out++ = (char)v;
            p += 2;
        } else {
            *out++ = *p;
        }
    }
    return name;
}

static const json_t *parts_of(const json_t *content)
{
    return json_object_get(content, "parts");
}

static int is_role(const json_t *content, const char *role)
{
    const char *word = json_string_value(json_object_get(content, "role"));
    return word && strcmp(word, role) == 0;
}

static char *user_text(const json_t *body, int is_last)
{
    const json_t *contents = json_object_get(body, "contents"), *c;
    const char *found = "";
    size_t i;
    json_array_foreach (contents, i, c) {
        const char *text = json_string_value(json_object_get(json_array_get(parts_of(c), 0), "text"));
        if (!is_role(c, "user") || !text)
            continue;
        found = text;
        if (!is_last)
            break;
    }
    return strdup(found);
}

static int is_after_tool(const json_t *body)
{
    const json_t *contents = json_object_get(body, "contents");
    size_t n = json_array_size(contents);
    return n && json_object_get(json_array_get(parts_of(json_array_get(contents, n - 1)), 0), "functionResponse");
}

/* ---- what Google refuses ---- */

struct check {
    const struct script *script;
    char *why;
    size_t cap;
};

static int bad(const struct check *c, const char *text)
{
    snprintf(c->why, c->cap, "%s", text);
    return 400;
}

static int check_signature(const struct check *c, const json_t *part, size_t k)
{
    const char *signature = json_string_value(json_object_get(part, "thoughtSignature"));
    const char *id = json_string_value(json_object_get(json_object_get(part, "functionCall"), "id"));
    if (!c->script->sign)
        return 0;
    if (k > 0)
        return signature ? bad(c, "Thought signature is not valid: only the first of parallel calls has one") : 0;
    if (!signature)
        return bad(c, "Function call is missing a thought_signature in functionCall parts");
    if (strcmp(signature, "skip_thought_signature_validator") == 0)
        return 0;
    if (strncmp(signature, "sig_", 4) || (id && strcmp(signature + 4, id + 3)))
        return bad(c, "Thought signature is not valid");
    return 0;
}

/* Both may be missing. */
static int is_same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x == y || json_equal(x, y);
}

/* The calls of a model's turn, and their answers in the turn after it. */
static int check_calls(const struct check *c, const json_t *content, const json_t *next)
{
    const json_t *part, *call;
    size_t i, k = 0, answers = 0;
    json_array_foreach (parts_of(next), i, part)
        answers += json_object_get(part, "functionResponse") != NULL;
    json_array_foreach (parts_of(content), i, part) {
        if (!(call = json_object_get(part, "functionCall")))
            continue;
        const json_t *answer = json_object_get(json_array_get(parts_of(next), k), "functionResponse");
        if (!json_is_object(json_object_get(call, "args")) || !json_is_string(json_object_get(call, "name")))
            return bad(c, "Invalid value at 'contents.parts.function_call'");
        if (!answer || !is_same(answer, call, "name") || !is_same(answer, call, "id") || !json_is_object(json_object_get(answer, "response")))
            return bad(c, "Please ensure that function response turn comes immediately after a function call turn");
        int rc = check_signature(c, part, k++);
        if (rc)
            return rc;
    }
    if (k != answers)
        return bad(c, "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn");
    return 0;
}

static int check_parts(const struct check *c, const json_t *content)
{
    static const char *const kinds[] = { "text", "functionCall", "functionResponse", "inlineData", "fileData" };
    const json_t *part;
    size_t i;
    if (!json_array_size(parts_of(content)))
        return bad(c, "contents.parts must not be empty");
    json_array_foreach (parts_of(content), i, part) {
        int count = 0;
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
            count += json_object_get(part, kinds[k]) != NULL;
        if (count != 1)
            return bad(c, "contents.parts.data: required oneof field 'data' must have one initialized field");
        const json_t *inlined = json_object_get(part, "inlineData"), *file = json_object_get(part, "fileData");
        const char *type = json_string_value(json_object_get(inlined ? inlined : file, "mimeType"));
        const char *data = json_string_value(inlined ? json_object_get(inlined, "data") : json_object_get(file, "fileUri"));
        if ((inlined || file) && (!type || !strchr(type, '/') || !data || !*data))
            return bad(c, "contents.parts: inlineData and fileData need a mimeType and what it is of");
    }
    return 0;
}

static int check_contents(const struct check *c, const json_t *contents)
{
    const json_t *content;
    size_t i;
    int rc = json_array_size(contents) ? 0 : bad(c, "contents is not specified");
    json_array_foreach (contents, i, content) {
        const json_t *next = json_array_get(contents, i + 1);
        int is_model = is_role(content, "model");
        if (rc || (!is_model && !is_role(content, "user")))
            return rc ? rc : bad(c, "Please use a valid role: user, model");
        rc = check_parts(c, content);
        if (!rc && is_model)
            rc = check_calls(c, content, next);
        if (!rc && i == 0 && json_object_get(json_array_get(parts_of(content), 0), "functionResponse"))
            rc = bad(c, "Please ensure that function response turn comes immediately after a function call turn");
    }
    return rc;
}

/* `parameters` knows a part of JSON Schema only. */
static int check_schema(const struct check *c, const json_t *schema)
{
    static const char *const unknown[] = { "$schema", "$ref", "$defs", "additionalProperties", "const", "oneOf", "allOf" };
    const char *key;
    json_t *value;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        if (json_object_get(schema, unknown[i])) {
            snprintf(c->why, c->cap, "Invalid JSON payload received. Unknown name \"%s\" at 'tools[0].function_declarations[0].parameters'", unknown[i]);
            return 400;
        }
    json_object_foreach (json_object_get(schema, "properties"), key, value) {
        int rc = check_schema(c, value);
        if (rc)
            return rc;
    }
    return json_object_get(schema, "items") ? check_schema(c, json_object_get(schema, "items")) : 0;
}

static int check_config(const struct check *c, const char *name, const json_t *body)
{
    const json_t *config = json_object_get(body, "generationConfig"), *thinking = json_object_get(config, "thinkingConfig"), *tool;
    const json_t *tools = json_object_get(json_array_get(json_object_get(body, "tools"), 0), "functionDeclarations");
    size_t i;
    int is_3 = strncmp(name, "gemini-3", 8) == 0;
    json_array_foreach (tools, i, tool) {
        int rc = check_schema(c, json_object_get(tool, "parameters"));
        if (rc)
            return rc;
    }
    if (json_object_get(thinking, is_3 ? "thinkingBudget" : "thinkingLevel"))
        return bad(c, is_3 ? "Thinking budget is not supported for this model." : "Thinking level is not supported for this model.");
    if (json_object_get(config, "responseJsonSchema") && !json_object_get(config, "responseMimeType"))
        return bad(c, "response_mime_type must be application/json");
    if (json_object_get(config, "responseMimeType") && tools && !is_3)
        return bad(c, "Function calling with a response mime type: 'application/json' is unsupported");
    return 0;
}

static int check(const char *path, const json_t *body, const char *key, const struct script *script, char *why, size_t cap)
{
    struct check c = { script, why, cap };
    char *name = model(path, body);
    int rc;
    if (strncmp(path, "/v1/projects/", 13) == 0 && !token_is_good(key)) {
        rc = bad(&c, "Request had invalid authentication credentials. Expected OAuth 2 access token") + 1;
    } else if (!key) {
        rc = bad(&c, "Method doesn't allow unregistered callers") + 3;
    } else if (!strstr(path, "?alt=sse")) {
        rc = bad(&c, "fake: say alt=sse");
    } else {
        rc = check_contents(&c, json_object_get(body, "contents"));
        if (!rc)
            rc = check_config(&c, name, body);
    }
    free(name);
    return rc;
}

const struct dialect dialect_gemini = {
    .name = "gemini",
    .path = ":streamGenerateContent",
    .model = model,
    .user_text = user_text,
    .is_after_tool = is_after_tool,
    .first = first,
    .text = text_piece,
    .calls = calls,
    .error = error,
    .tail = tail,
    .refusal = refusal,
    .plain = plain,
    .check = check,
};
