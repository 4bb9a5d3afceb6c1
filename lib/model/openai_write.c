#include "model/openai_write.h"
#include "base/base.h"
#include "model/server.h"
#include "model/write.h"

#include <ctype.h>
#include <string.h>

#define SCHEMA_NAME_MAX 64
#define STRICT_DEPTH_MAX 10 /* the API's limit of nesting */

int orb_openai_request_to(const struct orb_provider *provider, const char *path, const struct orb_model_call *call, orb_openai_body_fn body,
                          struct orb_model_request *out, struct orb_error *err)
{
    orb_buf_init(&out->headers, ORB_OPENAI_HEADERS_MAX);
    orb_buf_init(&out->body, ORB_REQUEST_BODY_MAX);
    int rc = orb_server_url(provider->server, path, out->url, err);
    if (!rc)
        rc = orb_server_headers(provider->server, call->token, &out->headers, err);
    if (!rc)
        rc = body(provider, call, &out->body, err);
    if (!rc)
        rc = orb_put_check(&out->body, err);
    if (rc) {
        orb_buf_done(&out->headers);
        orb_buf_done(&out->body);
    }
    return rc;
}

const struct orb_model_rules *orb_openai_rules(const struct orb_provider *provider, const char *model)
{
    return orb_model_rules_find(provider->family ? provider->family : provider->info.name, model);
}

const char *orb_openai_effort(const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    static const struct {
        const char *name;
        unsigned flag;
    } efforts[] = { { "none", ORB_RULE_EFFORT_NONE }, { "minimal", ORB_RULE_EFFORT_MINIMAL }, { "low", ORB_RULE_EFFORT_LOW },
                    { "medium", ORB_RULE_EFFORT_MEDIUM }, { "high", ORB_RULE_EFFORT_HIGH }, { "xhigh", ORB_RULE_EFFORT_XHIGH } };
    const char *wanted = orb_json_get_str(call->options, "reasoning_effort", "");
    size_t at = 0, i;
    while (at < ORB_COUNT(efforts) && strcmp(efforts[at].name, wanted) != 0)
        at++;
    if (at == ORB_COUNT(efforts))
        return NULL;
    for (i = at; i < ORB_COUNT(efforts); i++)
        if (rules->flags & efforts[i].flag)
            return efforts[i].name;
    for (i = at; i-- > 0;)
        if (rules->flags & efforts[i].flag)
            return efforts[i].name;
    return NULL;
}

void orb_openai_put_sampling(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    const json_t *top_p = json_object_get(call->options, "top_p");
    if (rules->flags & ORB_RULE_NO_SAMPLING)
        return;
    orb_buf_str(b, ", \"temperature\": ");
    orb_json_real(b, call->temperature);
    if (json_is_number(top_p)) {
        orb_buf_str(b, ", \"top_p\": ");
        orb_json_real(b, json_number_value(top_p));
    }
}

void orb_openai_put_choice(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules, int is_flat)
{
    const char *choice = orb_json_get_str(call->options, "tool_choice", "");
    const json_t *parallel = json_object_get(call->options, "parallel_tool_calls");
    int is_word = strcmp(choice, "auto") == 0 || strcmp(choice, "none") == 0 || strcmp(choice, "required") == 0;
    if (json_array_size(call->tools) == 0)
        return; /* the API rejects both without tools */
    if (*choice) {
        orb_buf_str(b, ", \"tool_choice\": ");
        if (!is_word)
            orb_buf_str(b, is_flat ? "{\"type\": \"function\", \"name\": " : "{\"type\": \"function\", \"function\": {\"name\": ");
        orb_put_str(b, choice);
        if (!is_word)
            orb_buf_str(b, is_flat ? "}" : "}}");
    }
    if (json_is_boolean(parallel) && !(rules->flags & ORB_RULE_NO_PARALLEL))
        orb_buf_printf(b, ", \"parallel_tool_calls\": %s", json_is_true(parallel) ? "true" : "false");
}

/* ---- schemas ---- */

static int is_strict(const json_t *schema, int depth);

static int are_strict(const json_t *list, int depth)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!is_strict(json_array_get(list, i), depth))
            return 0;
    return json_is_array(list);
}

static int are_members_strict(const json_t *object, int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        if (!is_strict(value, depth))
            return 0;
    return json_is_object(object);
}

static int is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *word = json_string_value(json_array_get(required, i));
        if (word && strcmp(word, name) == 0)
            return 1;
    }
    return 0;
}

/* An object: every member is required, and there are no others. */
static int is_closed(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *properties = json_object_get(schema, "properties");
    const char *key;
    json_t *value;
    int is_object = json_is_object(properties);
    for (size_t i = 0; i < json_array_size(type); i++)
        is_object |= strcmp(json_string_value(json_array_get(type, i)) ? json_string_value(json_array_get(type, i)) : "", "object") == 0;
    is_object |= json_is_string(type) && strcmp(json_string_value(type), "object") == 0;
    if (!is_object)
        return 1;
    if (!json_is_false(json_object_get(schema, "additionalProperties")) || !json_is_object(properties))
        return 0;
    json_object_foreach ((json_t *)(uintptr_t)properties, key, value)
        if (!is_required(schema, key))
            return 0;
    return 1;
}

static int is_keyword_strict(const char *key, const json_t *value, int depth)
{
    static const char *const plain[] = { "type", "required", "additionalProperties", "enum", "const", "description", "title", "$ref", "pattern", "format",
                                         "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems" };
    for (size_t i = 0; i < ORB_COUNT(plain); i++)
        if (strcmp(plain[i], key) == 0)
            return 1;
    if (strcmp(key, "properties") == 0 || strcmp(key, "$defs") == 0 || strcmp(key, "definitions") == 0)
        return are_members_strict(value, depth + 1);
    if (strcmp(key, "items") == 0)
        return is_strict(value, depth + 1);
    return strcmp(key, "anyOf") == 0 && are_strict(value, depth + 1);
}

static int is_strict(const json_t *schema, int depth)
{
    const char *key;
    json_t *value;
    if (!json_is_object(schema) || depth > STRICT_DEPTH_MAX || !is_closed(schema))
        return 0;
    json_object_foreach ((json_t *)(uintptr_t)schema, key, value)
        if (!is_keyword_strict(key, value, depth))
            return 0;
    return 1;
}

int orb_openai_is_strict(const json_t *schema)
{
    return strcmp(orb_json_get_str(schema, "type", ""), "object") == 0 && !json_object_get(schema, "anyOf") && is_strict(schema, 1);
}

void orb_openai_put_schema(struct orb_buf *b, const struct orb_model_call *call)
{
    char name[SCHEMA_NAME_MAX + 1];
    size_t n = 0;
    for (const char *p = call->output_name ? call->output_name : ""; *p && n < SCHEMA_NAME_MAX; p++)
        name[n++] = isalnum((unsigned char)*p) || *p == '_' || *p == '-' ? *p : '_';
    name[n] = '\0';
    orb_buf_str(b, "\"name\": ");
    orb_put_str(b, n ? name : "output");
    orb_buf_str(b, ", \"schema\": ");
    orb_json_dump(b, call->output_schema);
    orb_buf_printf(b, ", \"strict\": %s", orb_openai_is_strict(call->output_schema) ? "true" : "false");
}

void orb_openai_put_words(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    struct orb_buf words;
    if (!call->output_schema || rules->flags & ORB_RULE_SCHEMA)
        return;
    orb_buf_init(&words, ORB_REQUEST_BODY_MAX);
    orb_schema_words(call->output_schema, &words);
    orb_buf_str(b, "{\"role\": \"system\", \"content\": ");
    orb_json_str(b, words.data ? words.data : "", words.len);
    orb_buf_str(b, "}, ");
    if (words.err)
        b->err = words.err;
    orb_buf_done(&words);
}

/* ---- the cache ---- */

static uint64_t mix(uint64_t hash, const char *s, size_t n)
{
    for (size_t i = 0; i <= n; i++)
        hash = (hash ^ (i < n ? (unsigned char)s[i] : 0xff)) * 0x100000001b3ULL; /* FNV-1a */
    return hash;
}

static uint64_t mix_member(uint64_t hash, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return mix(hash, json_is_string(value) ? json_string_value(value) : "", json_string_length(value));
}

void orb_openai_put_cache_key(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules)
{
    const json_t *first = json_array_get(call->messages, 0);
    uint64_t hash = 0xcbf29ce484222325ULL;
    int has_system = strcmp(orb_json_get_str(first, "role", ""), "system") == 0;
    if (!(rules->flags & ORB_RULE_CACHE_KEY) || json_is_false(json_object_get(call->options, "cache")))
        return;
    if (!has_system && json_array_size(call->tools) == 0)
        return; /* nothing that other calls would share */
    if (has_system)
        hash = mix_member(hash, first, "content");
    for (size_t i = 0; i < json_array_size(call->tools); i++)
        hash = mix_member(mix_member(hash, json_array_get(call->tools, i), "name"), json_array_get(call->tools, i), "description");
    orb_buf_printf(b, ", \"prompt_cache_key\": \"orbiter-%016llx\"", (unsigned long long)hash);
}
